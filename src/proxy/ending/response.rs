//! How a response ends that the guard stops: every item and part that was begun is done with what was told of it, since
//! SDKs put the response together from that, and the response is incomplete.

use serde_json::{Value, json};

use super::{Named, filtered_response, named};

/// What was told of a response's items.
#[derive(Debug, Default)]
pub struct Told {
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    /// As it began, or as it was done.
    item: Value,
    done: bool,
    content: Vec<Part>,
    summary: Vec<Part>,
    /// Arguments or input, and whether they were done.
    input: (String, bool),
}

#[derive(Debug)]
struct Part {
    part: Value,
    text: String,
    /// Whether its text was done, and whether itself was.
    text_done: bool,
    done: bool,
}

/// Items of a response, and parts of an item, that are followed at most.
const MOST: usize = 4096;

impl Told {
    /// Takes an event that went out.
    pub fn event(&mut self, event: &Value) {
        let kind = event["type"].as_str().unwrap_or_default();
        let Some((name, last)) = kind
            .strip_prefix("response.")
            .and_then(|kind| kind.rsplit_once('.'))
        else {
            return;
        };
        let at = event["output_index"].as_u64();
        let at = at.and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
        if (name, last) == ("output_item", "added") {
            if at == self.items.len() && at < MOST {
                self.items.push(Item {
                    item: event["item"].clone(),
                    done: false,
                    content: Vec::new(),
                    summary: Vec::new(),
                    input: (String::new(), false),
                });
            }
            return;
        }
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        let summary = name.contains("summary");
        let number = &event[if summary {
            "summary_index"
        } else {
            "content_index"
        }];
        let number = number.as_u64().and_then(|n| usize::try_from(n).ok());
        let parts = if summary {
            &mut item.summary
        } else {
            &mut item.content
        };
        match (name, last) {
            ("output_item", "done") => {
                item.item = event["item"].clone();
                item.done = true;
            }
            ("content_part" | "reasoning_summary_part", "added") if parts.len() < MOST => {
                parts.push(Part {
                    part: event["part"].clone(),
                    text: String::new(),
                    text_done: false,
                    done: false,
                });
            }
            (_, "delta") if name.ends_with("_arguments") || name.ends_with("_input") => {
                item.input.0 += event["delta"].as_str().unwrap_or_default();
            }
            (_, "done") if name.ends_with("_arguments") || name.ends_with("_input") => {
                item.input.1 = true;
            }
            _ => {
                let Some(part) = number.and_then(|number| parts.get_mut(number)) else {
                    return;
                };
                match (name, last) {
                    ("content_part" | "reasoning_summary_part", "done") => {
                        part.part = event["part"].clone();
                        part.done = true;
                    }
                    (_, "delta") => part.text += event["delta"].as_str().unwrap_or_default(),
                    (_, "done") => part.text_done = true,
                    _ => {}
                }
            }
        }
    }

    /// The events that end the response; `first` has it as it began.
    pub fn frames(&self, sequence: Option<u64>, first: Value) -> Vec<Named> {
        let mut frames = Vec::new();
        let mut output = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            output.push(item.finish(at, &mut frames));
        }
        let mut response = first
            .get("response")
            .cloned()
            .unwrap_or_else(|| json!({"object": "response"}));
        filtered_response(&mut response);
        response["output"] = output.into();
        frames.push(json!({"type": "response.incomplete", "response": response}));
        let number = |(mut frame, n): (Value, u64)| -> Named {
            if let Some(sequence) = sequence {
                frame["sequence_number"] = (sequence + n).into();
            }
            let kind = frame["type"].as_str().unwrap_or_default().to_owned();
            named(&kind, &frame)
        };
        frames.into_iter().zip(0..).map(number).collect()
    }
}

impl Item {
    /// The item as it is done; what must be told for that goes to `frames`.
    fn finish(&self, at: usize, frames: &mut Vec<Value>) -> Value {
        if self.done {
            return self.item.clone();
        }
        let mut item = self.item.clone();
        let id = item["id"].clone();
        let kind = item["type"].as_str().unwrap_or_default().to_owned();
        let parts = |parts: &[Part], index: &str, frames: &mut Vec<Value>| -> Value {
            let all = parts.iter().enumerate();
            all.map(|(n, part)| part.finish(&id, at, (index, n), frames))
                .collect()
        };
        let content = parts(&self.content, "content_index", frames);
        let summary = parts(&self.summary, "summary_index", frames);
        let (text, done) = &self.input;
        match &*kind {
            "message" => item["content"] = content,
            "reasoning" => {
                item["summary"] = summary;
                if !self.content.is_empty() {
                    item["content"] = content;
                }
            }
            "function_call" | "custom_tool_call" => {
                let (key, event) = match &*kind {
                    "function_call" => ("arguments", "response.function_call_arguments.done"),
                    _ => ("input", "response.custom_tool_call_input.done"),
                };
                item[key] = text.as_str().into();
                if !done {
                    let mut frame = json!({"type": event, "item_id": id, "output_index": at});
                    frame[key] = text.as_str().into();
                    frames.push(frame);
                }
            }
            _ => {}
        }
        if item.get("status").is_some() {
            item["status"] = "incomplete".into();
        }
        frames.push(json!({"type": "response.output_item.done", "output_index": at, "item": item}));
        item
    }
}

impl Part {
    fn finish(
        &self,
        id: &Value,
        at: usize,
        index: (&str, usize),
        frames: &mut Vec<Value>,
    ) -> Value {
        if self.done {
            return self.part.clone();
        }
        let mut part = self.part.clone();
        let kind = part["type"].as_str().unwrap_or_default();
        let (name, key) = match kind {
            "summary_text" => ("reasoning_summary_text", "text"),
            "refusal" => ("refusal", "refusal"),
            "reasoning_text" => ("reasoning_text", "text"),
            _ => ("output_text", "text"),
        };
        let whole = if name == "reasoning_summary_text" {
            "response.reasoning_summary_part.done"
        } else {
            "response.content_part.done"
        };
        part[key] = self.text.as_str().into();
        let event = |kind: String| {
            let mut event = json!({"type": kind, "item_id": id, "output_index": at});
            event[index.0] = index.1.into();
            event
        };
        if !self.text_done {
            let mut done = event(format!("response.{name}.done"));
            done[key] = self.text.as_str().into();
            if name == "output_text" {
                done["logprobs"] = json!([]);
            }
            frames.push(done);
        }
        let mut done = event(whole.to_owned());
        done["part"] = part.clone();
        frames.push(done);
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_done_with_what_was_told() {
        let mut told = Told::default();
        for event in [
            json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"id": "m", "type": "message", "status": "in_progress", "content": []}}),
            json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0,
                "part": {"type": "output_text", "text": "", "annotations": []}}),
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "good "}),
        ] {
            told.event(&event);
        }
        let first = json!({"response": {"id": "r", "status": "in_progress", "output": []}});
        let frames = told.frames(Some(7), first);
        let kinds: Vec<&[u8]> = frames.iter().map(|(kind, _)| &kind[..]).collect();
        assert_eq!(
            kinds,
            [
                &b"response.output_text.done"[..],
                b"response.content_part.done",
                b"response.output_item.done",
                b"response.incomplete"
            ]
        );
        let last: Value = serde_json::from_slice(&frames[3].1).unwrap();
        assert_eq!(last["sequence_number"], 10);
        assert_eq!(last["response"]["output"][0]["content"][0]["text"], "good ");
        assert_eq!(last["response"]["output"][0]["status"], "incomplete");
        assert_eq!(
            last["response"]["incomplete_details"]["reason"],
            "content_filter"
        );
    }
}
