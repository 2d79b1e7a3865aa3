//! How an answer ends that the guard stops: in its dialect's own way, `content_filter`, `refusal` or `SAFETY`, so that
//! SDKs see an answer that was filtered and not a broken one.

use bytes::Bytes;
use serde_json::{Value, json};

use super::watch::Named;
use crate::protocol::{Operation, texts::Channel};

/// What must be known of a stream to end it.
#[derive(Debug, Default)]
pub struct Ending {
    /// The first event that tells who answers.
    first: Option<Bytes>,
    /// Choices or candidates that were seen.
    choices: u64,
    /// The block that is open.
    block: Option<u64>,
    /// Events that carried something: about as many as there were tokens.
    events: u64,
    sequence: u64,
}

impl Ending {
    /// Notes what of an event is needed for the end.
    pub fn saw(&mut self, operation: Operation, data: &[u8]) {
        self.events += 1;
        if self.first.is_none() {
            self.first = Some(Bytes::copy_from_slice(data));
        }
        let follows = matches!(
            operation,
            Operation::Chat | Operation::Completions | Operation::Messages | Operation::Responses
        );
        // Only what tells of blocks, choices and numbers is read; it stands near the beginning.
        if !follows {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Numbers>(data) else {
            return;
        };
        if let Some(sequence) = event.sequence_number {
            self.sequence = sequence;
        }
        for choice in event.choices.unwrap_or_default() {
            self.choices = self.choices.max(choice.index.unwrap_or(0).min(127));
        }
        match event.kind.as_deref() {
            Some("content_block_start") => self.block = event.index,
            Some("content_block_stop") => self.block = None,
            _ => {}
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
                        &with(&first, &["id", "object", "created", "model"], choices),
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
                        &with(&first, &["id", "object", "created", "model"], choices),
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
            Operation::Responses => {
                let mut response = first["response"].clone();
                filtered_response(&mut response);
                let event = json!({
                    "type": "response.incomplete",
                    "sequence_number": self.sequence + 1,
                    "response": response,
                });
                vec![named("response.incomplete", &event)]
            }
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
                event["candidates"] = json!([{
                    "index": channel.choice,
                    "content": {"role": "model", "parts": [{"text": ""}]},
                    "finishReason": "SAFETY",
                }]);
                vec![named("", &event)]
            }
        }
    }

    fn choices(&self, make: impl Fn(u64) -> Value) -> Value {
        (0..=self.choices).map(make).collect()
    }
}

#[derive(serde::Deserialize)]
struct Numbers<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    sequence_number: Option<u64>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
}

#[derive(serde::Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u64>,
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
