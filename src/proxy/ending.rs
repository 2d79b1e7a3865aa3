//! How an answer ends that the guard stops: in its dialect's own way, `content_filter`, `refusal` or `SAFETY`, so that
//! SDKs see an answer that was filtered and not a broken one.

use bytes::Bytes;
use serde_json::{Value, json};

use super::watch::Named;
use crate::protocol::{
    Operation,
    edit::Edits,
    json::{Document, Limits},
    texts::Channel,
};

mod response;

use response::Told;

/// What must be known of a stream to end it.
#[derive(Debug, Default)]
pub struct Ending {
    /// The first event that tells who answers.
    first: Option<Bytes>,
    /// Choices or candidates that were seen, and whether each has finished.
    choices: Vec<bool>,
    /// The block that is open.
    block: Option<u64>,
    /// Events that carried something: about as many as there were tokens.
    events: u64,
    /// The number of the next event of a response.
    sequence: Option<u64>,
    /// Whether events were added or left out, so that all that follow get other numbers.
    shifted: bool,
    /// What was told of a response's items.
    told: Told,
}

/// Choices that are told of at most.
const MOST_CHOICES: u64 = 128;

impl Ending {
    /// Notes what of an event that goes out is needed for the end.
    pub fn saw(&mut self, operation: Operation, data: &[u8]) {
        self.events += 1;
        if self.first.is_none() && data.trim_ascii_start().starts_with(b"{") {
            self.first = Some(Bytes::copy_from_slice(data));
        }
        if operation == Operation::Responses {
            if let Ok(event) = serde_json::from_slice::<Value>(data) {
                let number = event["sequence_number"].as_u64();
                self.sequence = number.map(|n| n + 1).or(self.sequence);
                self.told.event(&event);
            }
            return;
        }
        let follows = matches!(
            operation,
            Operation::Chat
                | Operation::Completions
                | Operation::Messages
                | Operation::StreamGenerate
        );
        // Only what tells of blocks and choices is read.
        if !follows {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Numbers>(data) else {
            return;
        };
        let choices = event.choices.or(event.candidates).unwrap_or_default();
        for choice in choices {
            let index = choice.index.unwrap_or(0).min(MOST_CHOICES - 1) as usize;
            if self.choices.len() <= index {
                self.choices.resize(index + 1, false);
            }
            self.choices[index] |= choice.finish_reason.is_some();
        }
        match event.kind.as_deref() {
            Some("content_block_start") => self.block = event.index,
            Some("content_block_stop") => self.block = None,
            _ => {}
        }
    }

    /// Whether an event may go out with the number that it has.
    pub const fn is_in_step(&self) -> bool {
        !self.shifted
    }

    /// Notes that an event was left out.
    pub const fn left_out(&mut self) {
        self.shifted = true;
    }

    /// Gives an event of a response the next number.
    pub fn number(&mut self, data: &mut Bytes) {
        let Some(next) = self.sequence else {
            return;
        };
        let Ok(document) = Document::parse(data, Limits::default()) else {
            return;
        };
        let Some(number) = document.root().get("sequence_number") else {
            return;
        };
        if number.as_u64() == Some(next) {
            return;
        }
        let mut edits = Edits::default();
        edits.replace(number.range(), next.to_string());
        if let Ok(numbered) = edits.apply(data) {
            *data = numbered;
            self.shifted = true;
        }
    }

    /// The frames that end the stream.
    pub fn frames(&self, operation: Operation, channel: Channel) -> Vec<Named> {
        let first: Value = self
            .first
            .as_deref()
            .and_then(|data| serde_json::from_slice(data).ok())
            .unwrap_or_default();
        let done = || (Vec::new(), Bytes::from_static(b"[DONE]"));
        match operation {
            Operation::Chat => {
                let choices = self.choices(
                    |index| json!({"index": index, "delta": {}, "finish_reason": "content_filter"}),
                );
                vec![
                    named(
                        "",
                        &with(
                            &first,
                            &["id", "object", "created", "model", "system_fingerprint"],
                            choices,
                        ),
                    ),
                    done(),
                ]
            }
            Operation::Completions => {
                let choices = self.choices(|index| {
                    json!({"index": index, "text": "", "logprobs": null, "finish_reason": "content_filter"})
                });
                vec![
                    named(
                        "",
                        &with(
                            &first,
                            &["id", "object", "created", "model", "system_fingerprint"],
                            choices,
                        ),
                    ),
                    done(),
                ]
            }
            Operation::Messages => {
                let mut frames = Vec::new();
                if let Some(index) = self.block {
                    let stop = json!({"type": "content_block_stop", "index": index});
                    frames.push(named("content_block_stop", &stop));
                }
                let delta = json!({
                    "type": "message_delta",
                    "delta": {"stop_reason": "refusal", "stop_sequence": null},
                    "usage": {"output_tokens": self.events},
                });
                frames.push(named("message_delta", &delta));
                frames.push(named("message_stop", &json!({"type": "message_stop"})));
                frames
            }
            Operation::Responses => self.told.frames(self.sequence, first),
            Operation::ConverseStream => vec![
                named(
                    "contentBlockStop",
                    &json!({"contentBlockIndex": channel.choice.max(channel.part)}),
                ),
                named("messageStop", &json!({"stopReason": "content_filtered"})),
                named("metadata", &json!({"usage": {}, "metrics": {}})),
            ],
            Operation::CohereChat => vec![named(
                "",
                &json!({"type": "message-end", "delta": {"finish_reason": "ERROR_TOXIC"}}),
            )],
            _ => {
                let mut event = with(&first, &["modelVersion", "responseId"], Value::Null);
                // Where the text stands that is to blame; others are over, too.
                let blamed = usize::try_from(channel.choice).unwrap_or(0);
                let mut open = self.choices.clone();
                if open.len() <= blamed && blamed < MOST_CHOICES as usize {
                    open.resize(blamed + 1, false);
                }
                let none = open.iter().all(|finished| *finished);
                event["candidates"] = open
                    .iter()
                    .zip(0_u64..)
                    .filter(|(finished, _)| none || !**finished)
                    .map(|(_, index)| {
                        json!({
                            "index": index,
                            "content": {"role": "model", "parts": [{"text": ""}]},
                            "finishReason": "SAFETY",
                        })
                    })
                    .collect();
                vec![named("", &event)]
            }
        }
    }

    /// The choices that have not finished; there is one at least.
    fn choices(&self, make: impl Fn(u64) -> Value) -> Value {
        let seen = if self.choices.is_empty() {
            &[false][..]
        } else {
            &self.choices
        };
        // Where all have, what was seen last was held back: see judge/hold.rs.
        let none = seen.iter().all(|finished| *finished);
        let open = seen
            .iter()
            .zip(0..)
            .filter(|(finished, _)| none || !**finished);
        open.map(|(_, index)| make(index)).collect()
    }
}

#[derive(serde::Deserialize)]
struct Numbers<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    candidates: Option<Vec<Choice>>,
}

#[derive(serde::Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default, alias = "finishReason")]
    finish_reason: Option<serde::de::IgnoredAny>,
}

/// A frame without a word of an end: what is stopped ends otherwise.
pub fn unfinished(operation: Operation, data: &Bytes) -> Bytes {
    let (list, key, instead) = match operation {
        Operation::Chat | Operation::Completions => ("choices", "finish_reason", "null"),
        Operation::StreamGenerate => ("candidates", "finishReason", ""),
        _ => return data.clone(),
    };
    let Ok(document) = Document::parse(data, Limits::default()) else {
        return data.clone();
    };
    let mut edits = Edits::default();
    let choices = document.root().get(list);
    for choice in choices.into_iter().flat_map(|list| list.elements()) {
        match choice.get(key) {
            Some(value) if !instead.is_empty() => edits.replace(value.range(), instead),
            Some(_) => edits.delete(choice.removal(key).unwrap_or_default()),
            None => {}
        }
    }
    edits.apply(data).unwrap_or_else(|_| data.clone())
}

fn named(event: &str, data: &Value) -> Named {
    (event.as_bytes().to_vec(), data.to_string().into())
}

/// An object with some members of another, and choices.
fn with(first: &Value, keys: &[&str], choices: Value) -> Value {
    let mut object = serde_json::Map::new();
    for key in keys {
        if let Some(value) = first.get(key) {
            object.insert((*key).to_owned(), value.clone());
        }
    }
    if !choices.is_null() {
        object.insert("choices".to_owned(), choices);
    }
    Value::Object(object)
}

fn filtered_response(response: &mut Value) {
    if let Some(response) = response.as_object_mut() {
        response.insert("status".to_owned(), "incomplete".into());
        let details = json!({"reason": "content_filter"});
        response.insert("incomplete_details".to_owned(), details);
        response.insert("output".to_owned(), json!([]));
        response.remove("output_text");
    }
}

/// A whole answer of which nothing may be seen: who answered, what it used, and that it was filtered.
pub fn whole(operation: Operation, body: &[u8]) -> Bytes {
    let mut answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let array = |value: &mut Value, key: &str, change: &dyn Fn(&mut Value)| {
        for item in value[key].as_array_mut().into_iter().flatten() {
            change(item);
        }
    };
    match operation {
        Operation::Chat => array(&mut answer, "choices", &|choice| {
            choice["message"] = json!({"role": "assistant", "content": "", "refusal": null});
            choice["finish_reason"] = "content_filter".into();
            choice.as_object_mut().map(|c| c.remove("logprobs"));
        }),
        Operation::Completions => array(&mut answer, "choices", &|choice| {
            choice["text"] = "".into();
            choice["logprobs"] = Value::Null;
            choice["finish_reason"] = "content_filter".into();
        }),
        Operation::Messages => {
            answer["content"] = json!([]);
            answer["stop_reason"] = "refusal".into();
            answer["stop_sequence"] = Value::Null;
        }
        Operation::Responses => filtered_response(&mut answer),
        Operation::Generate | Operation::StreamGenerate => {
            array(&mut answer, "candidates", &|candidate| {
                let index = candidate["index"].clone();
                *candidate = json!({"index": index, "finishReason": "SAFETY"});
            });
        }
        Operation::Converse => {
            answer["output"] = json!({"message": {"role": "assistant", "content": []}});
            answer["stopReason"] = "content_filtered".into();
        }
        Operation::CohereChat => {
            answer["message"] = json!({"role": "assistant", "content": []});
            answer["finish_reason"] = "ERROR_TOXIC".into();
        }
        // What has no word for it says nothing.
        _ => answer = json!({}),
    }
    answer.to_string().into()
}
