//! Events of OpenAI's responses. <https://platform.openai.com/docs/api-reference/responses-streaming>

use serde_json::Value;

use super::{Frame, Grammar, count, is_json_object, list, maybe_text, name, need, object, text};

#[derive(Default)]
pub struct Events {
    /// The next event's number.
    sequence: u64,
    phase: Phase,
    id: String,
    items: Vec<Item>,
}

#[derive(Default, PartialEq)]
enum Phase {
    #[default]
    Before,
    Created,
    InProgress,
    Ended,
}

struct Item {
    id: String,
    kind: String,
    /// `content` of messages, and of reasoning that is told in full.
    content: Vec<Part>,
    /// `summary` of reasoning.
    summary: Vec<Part>,
    /// Arguments of a function, input of a custom tool: deltas joined, and whether they were done.
    input: Joined,
    /// As it was done.
    done: Option<Value>,
}

struct Part {
    kind: String,
    text: Joined,
    annotations: Vec<Value>,
    done: Option<Value>,
}

#[derive(Default)]
struct Joined {
    text: String,
    done: bool,
}

impl Joined {
    fn push(&mut self, delta: &str) -> Result<(), String> {
        need(!self.done, "a delta behind its done")?;
        self.text.push_str(delta);
        Ok(())
    }

    fn finish(&mut self, whole: &str) -> Result<(), String> {
        need(!self.done, "a second done")?;
        need(self.text == whole, "the deltas joined are not what is done")?;
        self.done = true;
        Ok(())
    }
}

/// The member of a part that has its text.
fn text_key(kind: &str) -> Result<&'static str, String> {
    match kind {
        "output_text" | "summary_text" | "reasoning_text" => Ok("text"),
        "refusal" => Ok("refusal"),
        _ => Err("an unknown kind of part".into()),
    }
}

impl Part {
    fn begin(part: &Value) -> Result<Self, String> {
        let kind = name(part, "type")?;
        need(text(part, text_key(kind)?)?.is_empty(), "text in a start")?;
        if kind == "output_text" {
            need(
                list(part, "annotations")?.is_empty(),
                "annotations in a start",
            )?;
        }
        Ok(Self {
            kind: kind.into(),
            text: Joined::default(),
            annotations: Vec::new(),
            done: None,
        })
    }

    fn open(&mut self, kind: &str) -> Result<&mut Self, String> {
        need(self.done.is_none(), "the part is done already")?;
        need(self.kind == kind, "an event of another kind of part")?;
        Ok(self)
    }

    fn annotate(&mut self, event: &Value) -> Result<(), String> {
        need(
            count(event, "annotation_index")? == self.annotations.len() as u64,
            "annotation_index is out of order",
        )?;
        let annotation = object(event, "annotation")?;
        name(annotation, "type")?;
        self.annotations.push(annotation.clone());
        Ok(())
    }

    fn finish(&mut self, part: &Value) -> Result<(), String> {
        self.open(name(part, "type")?)?;
        need(self.text.done, "a part is done before its text")?;
        need(
            text(part, text_key(&self.kind)?)? == self.text.text,
            "the part's text is not what was told",
        )?;
        if self.kind == "output_text" {
            need(
                *list(part, "annotations")? == self.annotations,
                "the part's annotations are not those that were told",
            )?;
        }
        self.done = Some(part.clone());
        Ok(())
    }
}

fn begin_part(parts: &mut Vec<Part>, index: u64, part: &Value) -> Result<(), String> {
    need(
        index == parts.len() as u64,
        "a part's index is out of order",
    )?;
    need(
        parts.iter().all(|part| part.done.is_some()),
        "two parts are open",
    )?;
    parts.push(Part::begin(part)?);
    Ok(())
}

fn at(parts: &mut [Part], index: u64) -> Result<&mut Part, String> {
    usize::try_from(index)
        .ok()
        .and_then(|index| parts.get_mut(index))
        .ok_or_else(|| "a part that was never added".into())
}

impl Events {
    /// The response that an event of its life cycle carries.
    fn response<'a>(&mut self, event: &'a Value, status: &[&str]) -> Result<&'a Value, String> {
        let response = object(event, "response")?;
        need(response["object"] == "response", "a wrong `object`")?;
        let id = name(response, "id")?;
        if self.phase == Phase::Before {
            self.id = id.into();
        }
        need(self.id == id, "another response's id")?;
        name(response, "model")?;
        need(
            response["created_at"].is_number(),
            "`created_at` is missing",
        )?;
        need(
            status.contains(&text(response, "status")?),
            "a status that does not fit the event",
        )?;
        list(response, "output")?;
        Ok(response)
    }

    fn item(&mut self, event: &Value) -> Result<&mut Item, String> {
        let index = usize::try_from(count(event, "output_index")?).map_err(|e| e.to_string())?;
        let item = self.items.get_mut(index).ok_or("an item never added")?;
        need(item.done.is_none(), "the item is done already")?;
        if event.get("item_id").is_some() {
            need(text(event, "item_id")? == item.id, "another item's id")?;
        }
        Ok(item)
    }

    fn named_item(&mut self, event: &Value) -> Result<&mut Item, String> {
        name(event, "item_id")?;
        self.item(event)
    }

    fn part(&mut self, event: &Value, kind: &str) -> Result<&mut Part, String> {
        let summary = kind == "summary_text";
        let index = count(
            event,
            if summary {
                "summary_index"
            } else {
                "content_index"
            },
        )?;
        let item = self.named_item(event)?;
        let parts = if summary {
            &mut item.summary
        } else {
            &mut item.content
        };
        at(parts, index)?.open(kind)
    }

    fn add(&mut self, event: &Value) -> Result<(), String> {
        need(
            count(event, "output_index")? == self.items.len() as u64,
            "output_index is out of order",
        )?;
        let item = object(event, "item")?;
        let id = name(item, "id")?;
        need(
            self.items.iter().all(|other| other.id != id),
            "an item's id again",
        )?;
        let kind = name(item, "type")?;
        match kind {
            "message" => {
                need(item["role"] == "assistant", "a wrong role")?;
                need(list(item, "content")?.is_empty(), "content in a start")?;
                need(item["status"] == "in_progress", "a wrong status")?;
            }
            "reasoning" => {
                need(list(item, "summary")?.is_empty(), "a summary in a start")?;
            }
            "function_call" => {
                name(item, "call_id")?;
                name(item, "name")?;
                need(text(item, "arguments")?.is_empty(), "arguments in a start")?;
                need(item["status"] == "in_progress", "a wrong status")?;
            }
            "custom_tool_call" => {
                name(item, "call_id")?;
                need(text(item, "input")?.is_empty(), "input in a start")?;
            }
            _ => {}
        }
        self.items.push(Item {
            id: id.into(),
            kind: kind.into(),
            content: Vec::new(),
            summary: Vec::new(),
            input: Joined::default(),
            done: None,
        });
        Ok(())
    }

    fn end(&mut self, kind: &str, event: &Value) -> Result<(), String> {
        let status = kind.trim_start_matches("response.");
        let response = self.response(event, &[status])?;
        let done: Option<Vec<&Value>> = self.items.iter().map(|i| i.done.as_ref()).collect();
        let done = done.ok_or("an item was not done")?;
        need(
            list(response, "output")?
                .iter()
                .map(|item| without(item, "encrypted_content"))
                .eq(done
                    .into_iter()
                    .map(|item| without(item, "encrypted_content"))),
            "the output is not the items that were done",
        )?;
        if status == "completed" || response.get("usage").is_some_and(|u| !u.is_null()) {
            usage(object(response, "usage")?)?;
        }
        match status {
            "incomplete" => {
                name(object(response, "incomplete_details")?, "reason")?;
            }
            "failed" => {
                let error = object(response, "error")?;
                name(error, "code")?;
                name(error, "message")?;
            }
            _ => {
                need(
                    response.get("error").is_none_or(Value::is_null)
                        && response
                            .get("incomplete_details")
                            .is_none_or(Value::is_null),
                    "completed with an error",
                )?;
                for item in self.items.iter().filter(|i| i.kind == "function_call") {
                    need(
                        is_json_object(&item.input.text),
                        &format!("arguments are no JSON object: {}", item.input.text),
                    )?;
                }
            }
        }
        self.phase = Phase::Ended;
        Ok(())
    }

    fn content(&mut self, kind: &str, event: &Value) -> Result<(), String> {
        match kind {
            "output_item.added" => self.add(event),
            "output_item.done" => self.item(event)?.finish(object(event, "item")?),
            "content_part.added" => {
                let index = count(event, "content_index")?;
                let item = self.named_item(event)?;
                begin_part(&mut item.content, index, object(event, "part")?)
            }
            "content_part.done" => {
                let index = count(event, "content_index")?;
                let item = self.named_item(event)?;
                at(&mut item.content, index)?.finish(object(event, "part")?)
            }
            "reasoning_summary_part.added" => {
                let index = count(event, "summary_index")?;
                let item = self.named_item(event)?;
                begin_part(&mut item.summary, index, object(event, "part")?)
            }
            "reasoning_summary_part.done" => {
                let index = count(event, "summary_index")?;
                let item = self.named_item(event)?;
                at(&mut item.summary, index)?.finish(object(event, "part")?)
            }
            "output_text.annotation.added" => self.part(event, "output_text")?.annotate(event),
            "function_call_arguments.delta"
            | "custom_tool_call_input.delta"
            | "mcp_call_arguments.delta" => {
                self.named_item(event)?.input.push(text(event, "delta")?)
            }
            "function_call_arguments.done" | "mcp_call_arguments.done" => {
                let item = self.named_item(event)?;
                item.input.finish(text(event, "arguments")?)
            }
            "custom_tool_call_input.done" => {
                self.named_item(event)?.input.finish(text(event, "input")?)
            }
            _ => self.part_text(kind, event),
        }
    }

    fn part_text(&mut self, kind: &str, event: &Value) -> Result<(), String> {
        let Some((part, delta)) = (match kind {
            "output_text.delta" => Some(("output_text", true)),
            "output_text.done" => Some(("output_text", false)),
            "refusal.delta" => Some(("refusal", true)),
            "refusal.done" => Some(("refusal", false)),
            "reasoning_summary_text.delta" => Some(("summary_text", true)),
            "reasoning_summary_text.done" => Some(("summary_text", false)),
            "reasoning_text.delta" => Some(("reasoning_text", true)),
            "reasoning_text.done" => Some(("reasoning_text", false)),
            _ => None,
        }) else {
            // Calls of tools at the provider tell of their progress.
            need(kind.contains("_call."), "an unknown event")?;
            return self.named_item(event).map(drop);
        };
        if part == "output_text" {
            list(event, "logprobs")?;
        }
        let joined = &mut self.part(event, part)?.text;
        if delta {
            joined.push(text(event, "delta")?)
        } else {
            joined.finish(text(event, text_key(part)?)?)
        }
    }
}

impl Item {
    fn finish(&mut self, item: &Value) -> Result<(), String> {
        need(text(item, "id")? == self.id, "another item's id")?;
        need(text(item, "type")? == self.kind, "another type of item")?;
        let finished = matches!(item["status"].as_str(), Some("completed" | "incomplete"));
        match &*self.kind {
            "message" => {
                need(finished, "a wrong status")?;
                same_parts(list(item, "content")?, &self.content)?;
            }
            "reasoning" => {
                same_parts(list(item, "summary")?, &self.summary)?;
                let content = item["content"].as_array().map_or(&[][..], Vec::as_slice);
                same_parts(content, &self.content)?;
            }
            "function_call" | "custom_tool_call" => {
                need(finished, "a wrong status")?;
                name(item, "call_id")?;
                name(item, "name")?;
                need(self.input.done, "a call is done before its arguments")?;
                let key = if self.kind == "function_call" {
                    "arguments"
                } else {
                    "input"
                };
                need(
                    text(item, key)? == self.input.text,
                    "the call's arguments are not what was told",
                )?;
            }
            _ => {}
        }
        self.done = Some(item.clone());
        Ok(())
    }
}

fn same_parts(whole: &[Value], told: &[Part]) -> Result<(), String> {
    let done: Option<Vec<&Value>> = told.iter().map(|part| part.done.as_ref()).collect();
    let done = done.ok_or("an item is done before its parts")?;
    need(
        whole
            .iter()
            .map(|part| without(part, "logprobs"))
            .eq(done.into_iter().map(|part| without(part, "logprobs"))),
        "the item's parts are not those that were told",
    )
}

/// The value without a member that OpenAI itself does not tell alike in both places: reasoning is sealed anew for the
/// last event, and log probabilities are told with the item but not with the part.
fn without(value: &Value, key: &str) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove(key);
    }
    value
}

fn usage(usage: &Value) -> Result<(), String> {
    let sum = count(usage, "input_tokens")? + count(usage, "output_tokens")?;
    need(
        count(usage, "total_tokens")? == sum,
        "the total is not the sum",
    )?;
    count(object(usage, "input_tokens_details")?, "cached_tokens")?;
    count(object(usage, "output_tokens_details")?, "reasoning_tokens")?;
    Ok(())
}

impl Grammar for Events {
    fn step(&mut self, frame: &Frame) -> Result<(), String> {
        let (kind, event) = frame.typed()?;
        need(event.get("error").is_none(), "an error")?;
        need(
            count(&event, "sequence_number")? == self.sequence,
            &format!("the sequence_number is not {}", self.sequence),
        )?;
        self.sequence += 1;
        let kind = kind.strip_prefix("response.").ok_or("an unknown event")?;
        match (&self.phase, kind) {
            (Phase::Before, "created") => {
                self.response(&event, &["in_progress", "queued"])?;
                self.phase = Phase::Created;
                Ok(())
            }
            (Phase::Before, _) => Err("something before response.created".into()),
            (Phase::Created, "queued") => self.response(&event, &["queued"]).map(drop),
            (Phase::Created, "in_progress") => {
                self.response(&event, &["in_progress"])?;
                self.phase = Phase::InProgress;
                Ok(())
            }
            (Phase::Created, _) => Err("something before response.in_progress".into()),
            (_, "created" | "queued" | "in_progress") => Err("a second beginning".into()),
            (_, "completed" | "incomplete" | "failed") => self.end(kind, &event),
            _ => self.content(kind, &event),
        }
    }

    fn ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Either `response.failed`, or the event `error`: as the specification has it, with the object that the SDK
    /// raises on beside it or not.
    fn error(&mut self, frame: &Frame) -> Result<(), String> {
        let (kind, event) = frame.typed()?;
        need(
            count(&event, "sequence_number")? == self.sequence,
            &format!("the sequence_number is not {}", self.sequence),
        )?;
        if kind == "response.failed" {
            let response = self.response(&event, &["failed"])?;
            let error = object(response, "error")?;
            name(error, "code")?;
            name(error, "message")?;
            return Ok(());
        }
        need(kind == "error", "no error event")?;
        name(&event, "message")?;
        maybe_text(&event, "code")?;
        maybe_text(&event, "param")?;
        if event.get("error").is_some() {
            name(object(&event, "error")?, "message")?;
        }
        Ok(())
    }
}
