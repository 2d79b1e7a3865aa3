//! The provider's stream. <https://platform.claude.com/docs/en/build-with-claude/streaming>

use std::borrow::Cow;

use super::{
    answer::{read_ending, untold_ending},
    block::{self, ReadBlock, Side},
    citation, status_of,
    usage::{Counts, tier},
};
use crate::protocol::{
    chat::{Content, Json, Origin, Part, ProviderError},
    codec::DecodeStream,
    event::{Delta, Event, Start},
    json::{Document, Kind, Limits, Member, Value},
    signature::{Place, Signature},
};

/// Reads a stream.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    finished: bool,
    ended: bool,
    calls: bool,
    counts: Counts,
    open: Option<Open>,
}

/// The open block.
struct Open {
    index: u64,
    state: State,
}

enum State {
    /// A text of which nothing was told yet: an empty one never is.
    Untold(Part),
    /// A text that goes on.
    Text,
    /// Reasoning that goes on.
    Thinking,
    /// A call: its arguments if they came with its beginning, and whether any came since.
    Call { first: String, more: bool },
    /// A block of this API alone, which is told when it is whole, and the pieces of its input.
    Foreign {
        block: serde_json::Value,
        input: String,
    },
    /// A part that was whole from its beginning.
    Whole,
    /// A block that is not told.
    Hidden,
}

impl DecodeStream for Decoder {
    fn frame(&mut self, event: &[u8], data: &[u8], out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        let Ok(document) = Document::parse(data, Limits::default()) else {
            return;
        };
        let root = document.root();
        let kind = root
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_else(|| String::from_utf8_lossy(event));
        match &*kind {
            "message_start" => self.message_start(root.get("message"), out),
            "content_block_start" => self.block_start(root, out),
            "content_block_delta" => self.block_delta(root, out),
            "content_block_stop" if self.is_open(root) => self.close(out),
            "message_delta" => self.message_delta(root, out),
            "message_stop" => {
                self.start(Start::default, out);
                if !self.finished {
                    self.close(out);
                    self.finish_choice(untold_ending(self.calls), out);
                }
                self.end(out);
            }
            "ping" => out.push(Event::Ping),
            "error" => {
                self.ended = true;
                out.push(Event::Error(read_error(root)));
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.finished && !self.ended {
            self.end(out);
        }
    }
}

impl Decoder {
    fn start(&mut self, start: impl FnOnce() -> Start, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start(start()));
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::End);
    }

    fn finish_choice(&mut self, ending: crate::protocol::chat::Ending, out: &mut Vec<Event>) {
        self.finished = true;
        out.push(Event::Finish { choice: 0, ending });
    }

    fn message_start(&mut self, message: Option<Value<'_>>, out: &mut Vec<Event>) {
        let usage = message.and_then(|m| m.get("usage"));
        if let Some(usage) = usage {
            self.counts.update(usage);
        }
        let text = |name: &str| {
            message
                .and_then(|m| m.get(name))
                .and_then(Value::as_str)
                .map(Cow::into_owned)
                .unwrap_or_default()
        };
        let tokens = self.counts.tokens();
        let start = || Start {
            id: text("id"),
            model: text("model"),
            created: None,
            usage: tokens,
            service_tier: usage.and_then(tier),
        };
        self.start(start, out);
    }

    fn is_open(&self, root: Value<'_>) -> bool {
        let index = root.get("index").and_then(Value::as_u64);
        self.open
            .as_ref()
            .is_some_and(|open| index.is_none_or(|index| index == open.index))
    }

    fn block_start(&mut self, root: Value<'_>, out: &mut Vec<Event>) {
        let Some(value) = root
            .get("content_block")
            .filter(|b| b.kind() == Kind::Object)
        else {
            return;
        };
        if self.finished {
            return;
        }
        self.start(Start::default, out);
        self.close(out);
        let part = match block::read(value, Side::Provider) {
            Ok(ReadBlock::Part(part)) => part,
            Ok(ReadBlock::Signature(_)) => return,
            Err(_) => block::foreign(value),
        };
        let state = self.begin(part, out);
        let index = root.get("index").and_then(Value::as_u64).unwrap_or(0);
        self.open = Some(Open { index, state });
    }

    fn begin(&mut self, mut part: Part, out: &mut Vec<Event>) -> State {
        match &mut part.content {
            Content::Text { text, citations } => {
                let text = std::mem::take(text);
                let citations = std::mem::take(citations);
                if text.is_empty() && citations.is_empty() {
                    return State::Untold(part);
                }
                out.push(Event::Open { choice: 0, part });
                let text = Some(text).filter(|t| !t.is_empty()).map(Delta::Text);
                let citations = citations.into_iter().map(Delta::Citation);
                out.extend(text.into_iter().chain(citations).map(delta));
                State::Text
            }
            Content::Thinking { text, .. } => {
                let text = std::mem::take(text);
                let signature = part.signature.take();
                out.push(Event::Open { choice: 0, part });
                let text = Some(text).filter(|t| !t.is_empty()).map(Delta::Thinking);
                let signature = signature.map(Delta::Signature);
                out.extend(text.into_iter().chain(signature).map(delta));
                State::Thinking
            }
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                if name.is_empty() {
                    return State::Hidden;
                }
                if id.is_empty() {
                    *id = crate::protocol::event::new_call_id();
                }
                self.calls = true;
                let first = std::mem::take(arguments);
                out.push(Event::Open { choice: 0, part });
                State::Call { first, more: false }
            }
            Content::Foreign { json, .. } => State::Foreign {
                block: json.to_value(),
                input: String::new(),
            },
            _ => {
                out.push(Event::Open { choice: 0, part });
                State::Whole
            }
        }
    }

    fn block_delta(&mut self, root: Value<'_>, out: &mut Vec<Event>) {
        if !self.is_open(root) {
            return;
        }
        let (Some(change), Some(open)) = (root.get("delta"), &mut self.open) else {
            return;
        };
        let kind = change.get("type").and_then(Value::as_str);
        let kind = kind.as_deref().unwrap_or_default();
        let text = |name: &str| {
            let text = change.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(Cow::into_owned)
        };
        if let State::Foreign { block, input } = &mut open.state {
            extend_foreign(block, input, change);
            return;
        }
        let told = match kind {
            "text_delta" => text("text").map(Delta::Text),
            "citations_delta" => change
                .get("citation")
                .and_then(citation::read)
                .map(Delta::Citation),
            "thinking_delta" => text("thinking").map(Delta::Thinking),
            "signature_delta" => text("signature").map(|signature| {
                Delta::Signature(Signature::new(
                    Origin::Anthropic,
                    Place::Thinking,
                    signature,
                ))
            }),
            "input_json_delta" => text("partial_json").map(Delta::Arguments),
            _ => None,
        };
        let Some(told) = told else {
            return;
        };
        // Only what belongs to the part: a part of one kind never gets deltas of another.
        match (&mut open.state, &told) {
            (State::Call { more, .. }, Delta::Arguments(_)) => *more = true,
            (State::Untold(_), Delta::Text(_) | Delta::Citation(_)) => {
                if let State::Untold(part) = std::mem::replace(&mut open.state, State::Text) {
                    out.push(Event::Open { choice: 0, part });
                }
            }
            (State::Text, Delta::Text(_) | Delta::Citation(_))
            | (State::Thinking, Delta::Thinking(_) | Delta::Signature(_)) => {}
            _ => return,
        }
        out.push(delta(told));
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        let Some(open) = self.open.take() else {
            return;
        };
        match open.state {
            State::Untold(_) | State::Hidden => {}
            State::Text | State::Thinking | State::Whole => out.push(Event::Close { choice: 0 }),
            State::Call { first, more } => {
                if !more {
                    out.push(delta(Delta::Arguments(first)));
                }
                out.push(Event::Close { choice: 0 });
            }
            State::Foreign { mut block, input } => {
                if !input.is_empty()
                    && let Some(object) = block.as_object_mut()
                {
                    let input =
                        serde_json::from_str(&input).unwrap_or(serde_json::Value::String(input));
                    object.insert("input".to_owned(), input);
                }
                let part = Part::new(Content::Foreign {
                    origin: Origin::Anthropic,
                    json: Json::from_value(&block),
                });
                out.push(Event::Open { choice: 0, part });
                out.push(Event::Close { choice: 0 });
            }
        }
    }

    fn message_delta(&mut self, root: Value<'_>, out: &mut Vec<Event>) {
        self.start(Start::default, out);
        if let Some(usage) = root.get("usage").filter(|u| u.kind() == Kind::Object) {
            self.counts.update(usage);
            out.push(Event::Usage(self.counts.tokens()));
        }
        let change = root.get("delta");
        let ending = change.filter(|d| d.get("stop_reason").is_some_and(|r| !r.is_null()));
        if let Some(ending) = ending
            && !self.finished
        {
            self.close(out);
            let ending = read_ending(ending, self.calls);
            self.finish_choice(ending, out);
        }
    }
}

const fn delta(delta: Delta) -> Event {
    Event::Delta { choice: 0, delta }
}

/// Adds a delta to a block that only this API knows: pieces of its input are collected, strings are appended to the
/// member of the same name, all else replaces it.
fn extend_foreign(block: &mut serde_json::Value, input: &mut String, change: Value<'_>) {
    let Some(object) = block.as_object_mut() else {
        return;
    };
    for Member { key, value, .. } in change.members() {
        match (&*key, value.as_str()) {
            ("type", _) => {}
            ("partial_json", Some(piece)) => input.push_str(&piece),
            (_, Some(more)) => match object.get_mut(&*key) {
                Some(serde_json::Value::String(text)) => text.push_str(&more),
                _ => {
                    object.insert(key.into_owned(), more.into());
                }
            },
            (_, None) => {
                object.insert(key.into_owned(), Json::of(value).to_value());
            }
        }
    }
}

fn read_error(root: Value<'_>) -> ProviderError {
    let text = |name: &str| {
        root.get("error")
            .and_then(|error| error.get(name))
            .and_then(Value::as_str)
            .map(Cow::into_owned)
    };
    let kind = text("type");
    ProviderError {
        status: kind.as_deref().map_or(500, status_of),
        kind,
        message: text("message").unwrap_or_default(),
        ..ProviderError::default()
    }
}
