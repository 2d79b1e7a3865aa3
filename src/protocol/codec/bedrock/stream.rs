//! Streams of ConverseStream. The binary framing is undone before; a frame has an event's name and JSON.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{answer, blocks, code, status};
use crate::protocol::{
    chat::{Content, Json, Media, MediaKind, Origin, Part, ProviderError, Source},
    codec::DecodeStream,
    event::{Event, Start, Writer},
    json::{Document, Limits, Member, Value},
};

/// The state of a stream.
#[derive(Default)]
pub(super) struct Stream {
    writer: Writer,
    /// The block that is told at present.
    index: u64,
    /// What is told as a whole when its block stops.
    gathered: Gathered,
    /// The last event was told.
    done: bool,
}

/// Blocks that the canonical stream has no deltas for.
#[derive(Default)]
enum Gathered {
    #[default]
    Nothing,
    /// Sealed reasoning, without its base64.
    Redacted(Vec<u8>),
    /// Sealed reasoning that is no base64.
    Sealed(String),
    Image {
        format: String,
        base64: String,
    },
    /// A call that runs at the provider.
    Call {
        id: String,
        name: String,
        input: String,
    },
    /// What such a call gave.
    Result {
        start: Json,
        content: Vec<Json>,
    },
}

impl DecodeStream for Stream {
    fn frame(&mut self, event: &[u8], data: &[u8], out: &mut Vec<Event>) {
        if self.done {
            return;
        }
        let document = Document::parse(data, Limits::default());
        let root = document.as_ref().ok().map(Document::root);
        match (event, root) {
            (b"messageStart", _) => self.start(out),
            // Nothing but what is about the whole comes behind the message.
            (name, _) if name.starts_with(b"contentBlock") && self.writer.has_finished() => {}
            (b"contentBlockStart", Some(root)) => self.block_start(root, out),
            (b"contentBlockDelta", Some(root)) => self.delta(root, out),
            (b"contentBlockStop", _) => self.block_stop(out),
            (b"messageStop", Some(root)) => {
                self.start(out);
                self.block_stop(out);
                self.writer.finish(0, answer::ending(root), out);
            }
            (b"metadata", Some(root)) => {
                let usage = answer::usage(root);
                if self.writer.has_started() && !usage.is_unknown() {
                    out.push(Event::Usage(usage));
                }
                // It comes behind `messageStop` and is the last one.
                self.done = self.writer.end(out);
            }
            // New events are none of our business; exceptions are, also new ones.
            (name, root) if is_failure(name) => self.fail(name, root, out),
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.done {
            self.done = self.writer.end(out);
        }
    }
}

/// Exceptions are called so; errors of the transport have other names, which begin with a capital.
fn is_failure(name: &[u8]) -> bool {
    name.ends_with(b"Exception") || name.first().is_some_and(u8::is_ascii_uppercase)
}

impl Stream {
    fn start(&mut self, out: &mut Vec<Event>) {
        self.writer.start(Start::default, out);
    }

    /// Goes on to the block that an event belongs to. Texts need no start, so a new one shows by its number only.
    fn at(&mut self, root: Value<'_>, out: &mut Vec<Event>) {
        self.start(out);
        let index = root.get("contentBlockIndex").and_then(Value::as_u64);
        if let Some(index) = index
            && index != self.index
        {
            self.block_stop(out);
            self.index = index;
        }
    }

    fn block_start(&mut self, root: Value<'_>, out: &mut Vec<Event>) {
        self.at(root, out);
        let Some(start) = root.get("start") else {
            return;
        };
        let told = |value, key| answer::text(value, key).unwrap_or_default();
        if let Some(call) = start.get("toolUse") {
            let (id, name) = (told(call, "toolUseId"), told(call, "name"));
            if answer::runs_at_provider(call) {
                let input = String::new();
                self.gathered = Gathered::Call { id, name, input };
            } else {
                self.writer
                    .call(0, self.index, Some(&id), Some(&name), "", out);
            }
        } else if let Some(result) = start.get("toolResult") {
            self.gathered = Gathered::Result {
                start: Json::of(result),
                content: Vec::new(),
            };
        } else if let Some(image) = start.get("image") {
            self.gathered = Gathered::Image {
                format: told(image, "format"),
                base64: String::new(),
            };
        }
    }

    fn delta(&mut self, root: Value<'_>, out: &mut Vec<Event>) {
        self.at(root, out);
        let first = root.get("delta").and_then(|d| d.members().next());
        let Some(Member { key, value, .. }) = first else {
            return;
        };
        let writer = &mut self.writer;
        match key.as_ref() {
            "text" => writer.text(0, &value.as_str().unwrap_or_default(), out),
            "toolUse" => {
                let Some(more) = value.get("input").and_then(|v| v.as_str()) else {
                    return;
                };
                match &mut self.gathered {
                    Gathered::Call { input, .. } => input.push_str(&more),
                    _ => writer.call(0, self.index, None, None, &more, out),
                }
            }
            "reasoningContent" => self.reasoning(value, out),
            "citation" => writer.citation(0, answer::citation(value), out),
            "toolResult" => {
                if let Gathered::Result { content, .. } = &mut self.gathered {
                    content.extend(value.elements().map(Json::of));
                }
            }
            "image" => {
                let bytes = value.get("source").and_then(|s| answer::text(s, "bytes"));
                if let (Gathered::Image { base64, .. }, Some(bytes)) = (&mut self.gathered, bytes) {
                    base64.push_str(&bytes);
                }
            }
            _ => {}
        }
    }

    fn reasoning(&mut self, value: Value<'_>, out: &mut Vec<Event>) {
        if let Some(text) = value.get("text").and_then(|v| v.as_str()) {
            self.writer.thinking(0, &text, out);
        }
        if let Some(signature) = answer::text(value, "signature").filter(|s| !s.is_empty()) {
            self.writer.sign_thinking(0, answer::sign(signature), out);
        }
        let Some(base64) = answer::text(value, "redactedContent") else {
            return;
        };
        // Pieces of one block are each a base64 text of their own.
        match (&mut self.gathered, STANDARD.decode(&base64)) {
            (Gathered::Redacted(data), Ok(more)) => data.extend(more),
            (_, Ok(data)) => self.gathered = Gathered::Redacted(data),
            (_, Err(_)) => self.gathered = Gathered::Sealed(base64),
        }
    }

    fn block_stop(&mut self, out: &mut Vec<Event>) {
        self.start(out);
        let part = match std::mem::take(&mut self.gathered) {
            Gathered::Nothing => {
                self.writer.close(0, out);
                return;
            }
            Gathered::Redacted(data) => answer::redacted(&STANDARD.encode(data)),
            Gathered::Sealed(sealed) => answer::redacted(&sealed),
            Gathered::Image { format, base64 } => {
                let mime = Some(blocks::mime(MediaKind::Image, &format));
                let source = Source::Base64(base64);
                Part::new(Content::Media(Media::new(MediaKind::Image, mime, source)))
            }
            Gathered::Call { id, name, input } => {
                let input: serde_json::Value = serde_json::from_str(&input).unwrap_or(json!({}));
                foreign(&json!({ "toolUse": {
                    "toolUseId": id, "name": name, "input": input, "type": "server_tool_use",
                }}))
            }
            Gathered::Result { start, content } => {
                let mut result = start.to_value();
                if let Some(members) = result.as_object_mut() {
                    let content = content.iter().map(Json::to_value).collect();
                    members.insert("content".to_owned(), content);
                }
                foreign(&json!({ "toolResult": result }))
            }
        };
        self.writer.whole(0, part, out);
    }

    fn fail(&mut self, name: &[u8], root: Option<Value<'_>>, out: &mut Vec<Event>) {
        self.done = true;
        let kind = String::from_utf8_lossy(name).into_owned();
        let told = |key| root.and_then(|root| answer::text(root, key));
        let message = told("message")
            .or_else(|| told("Message"))
            .or_else(|| told("originalMessage"))
            .unwrap_or_else(|| format!("the provider broke off with {kind}"));
        out.push(Event::Error(ProviderError {
            status: status(&kind),
            code: code(&message).map(str::to_owned),
            kind: Some(kind),
            message,
            param: None,
        }));
    }
}

fn foreign(json: &serde_json::Value) -> Part {
    Part::new(Content::Foreign {
        origin: Origin::Bedrock,
        json: Json::from_value(json),
    })
}
