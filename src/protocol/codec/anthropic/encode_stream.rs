//! The stream for a client. <https://platform.claude.com/docs/en/build-with-claude/streaming>
//!
//! A part is told when its first words are there, so that empty ones are not, and a call when more than one piece of
//! its arguments is, so that a signature that follows at once can still stand before it.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::{
    answer::{Message, id},
    block::{self, Block},
    citation::WireCitation,
    stop_reason,
    usage::Usage,
};
use crate::protocol::{
    chat::{Content, Ending, Finish, Json, Origin, Part, TokenUsage, arguments_object},
    codec::{Asked, EncodeStream},
    event::{Delta, Event, Start},
    signature::{Place, Signature},
};

/// Writes a stream.
pub(super) struct Encoder {
    asked: Asked,
    next_index: u64,
    state: State,
    usage: TokenUsage,
    ending: Option<Ending>,
    calls: bool,
    refuses: bool,
    started: bool,
    ended: bool,
}

/// The part that is open.
enum State {
    /// None, or one that was told whole.
    None,
    /// One of which nothing was told, and the first piece of its arguments if it is a call.
    Untold { part: Box<Part>, arguments: String },
    /// A block, and the signature that came since.
    Told {
        thinking: bool,
        signature: Option<Signature>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    MessageStart {
        message: Message<'a>,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block<'a>,
    },
    ContentBlockDelta {
        index: u64,
        delta: WireDelta<'a>,
    },
    ContentBlockStop {
        index: u64,
    },
    MessageDelta {
        delta: Stop<'a>,
        usage: Usage<'a>,
    },
    MessageStop,
    Ping,
}

impl Frame<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
            Self::Ping => "ping",
        }
    }

    /// The SDKs pass over frames without the `event:` line.
    fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(self.name().as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let data = out.len();
        // Writing to memory does not fail, and every key is a string.
        let _ = serde_json::to_writer((&mut *out).writer(), self);
        // A block that is told as it was written may have line ends between its members, which would end the line here.
        for byte in &mut out[data..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.extend_from_slice(b"\n\n");
    }
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum WireDelta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: Cow<'a, str> },
    #[serde(rename = "input_json_delta")]
    Arguments { partial_json: &'a str },
    #[serde(rename = "citations_delta")]
    Citation { citation: WireCitation<'a> },
}

#[derive(Serialize)]
struct Stop<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

impl Encoder {
    /// Begins.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            next_index: 0,
            state: State::None,
            usage: TokenUsage::default(),
            ending: None,
            calls: false,
            refuses: false,
            started: false,
            ended: false,
        }
    }

    fn start(&mut self, start: &Start, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.usage.update(start.usage);
        let message = Message {
            id: &id(&start.id, &self.asked),
            kind: "message",
            role: "assistant",
            model: &self.asked.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: Usage::of(&start.usage, start.service_tier.as_deref()),
        };
        Frame::MessageStart { message }.write(out);
    }

    fn open(&mut self, part: Part, out: &mut BytesMut) {
        self.close(out);
        match &part.content {
            Content::Text { text, citations } => {
                if text.is_empty() && citations.is_empty() {
                    self.hold(part);
                } else {
                    self.tell(&part, "", out);
                }
            }
            Content::Thinking { text, .. } | Content::Refusal { text } => {
                self.refuses |= matches!(part.content, Content::Refusal { .. });
                if text.is_empty() {
                    self.hold(part);
                } else {
                    self.tell(&part, "", out);
                }
            }
            Content::ToolCall { .. } => {
                self.calls = true;
                self.hold(part);
            }
            Content::Media(media) => {
                let note = block::media_note(media);
                self.tell(&Part::text(note), "", out);
            }
            _ => {
                let mut blocks = Vec::new();
                block::write_answer_part(&part, &mut blocks);
                for block in blocks {
                    self.whole(block, out);
                }
            }
        }
    }

    fn hold(&mut self, part: Part) {
        let part = Box::new(part);
        let arguments = String::new();
        self.state = State::Untold { part, arguments };
    }

    /// A call of a tool that runs at the provider: like all calls, it begins without its input.
    fn hosted_call(&mut self, json: &Json, out: &mut BytesMut) -> bool {
        let mut call = json.to_value();
        let is_call = call["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("tool_use"));
        let Some(input) = call.get_mut("input").filter(|_| is_call) else {
            return false;
        };
        let input = std::mem::replace(input, serde_json::json!({})).to_string();
        let index = self.next_index;
        self.next_index += 1;
        let call = Json::from_value(&call);
        Frame::ContentBlockStart {
            index,
            content_block: Block::Raw(&call),
        }
        .write(out);
        if input != "{}" {
            let partial_json = &input;
            self.delta(WireDelta::Arguments { partial_json }, out);
        }
        Frame::ContentBlockStop { index }.write(out);
        true
    }

    /// A block without deltas.
    fn whole(&mut self, content_block: Block<'_>, out: &mut BytesMut) {
        if let Block::Raw(json) = &content_block
            && self.hosted_call(json, out)
        {
            return;
        }
        let index = self.next_index;
        self.next_index += 1;
        Frame::ContentBlockStart {
            index,
            content_block,
        }
        .write(out);
        Frame::ContentBlockStop { index }.write(out);
    }

    /// Begins the block of a part and tells what is known of it.
    fn tell(&mut self, part: &Part, arguments: &str, out: &mut BytesMut) {
        let thinking = matches!(part.content, Content::Thinking { .. });
        if !thinking && let Some(block) = block::sealed(part.signature.as_ref()) {
            self.whole(block, out);
        }
        let empty = Json::parse("{}").unwrap_or_default();
        let content_block = match &part.content {
            Content::Thinking { .. } => Block::Thinking {
                thinking: "",
                signature: "".into(),
            },
            Content::ToolCall { id, name, .. } => Block::ToolUse {
                id: id.into(),
                name,
                input: empty,
                cache_control: None,
            },
            _ => Block::text(""),
        };
        Frame::ContentBlockStart {
            index: self.next_index,
            content_block,
        }
        .write(out);
        self.next_index += 1;
        self.state = State::Told {
            thinking,
            signature: part.signature.clone().filter(|_| thinking),
        };
        match &part.content {
            Content::Text { text, citations } => {
                self.text(text, out);
                for citation in citations.iter().filter_map(WireCitation::of) {
                    self.delta(WireDelta::Citation { citation }, out);
                }
            }
            Content::Refusal { text } => self.text(text, out),
            Content::Thinking { text, .. } if !text.is_empty() => {
                self.delta(WireDelta::Thinking { thinking: text }, out);
            }
            Content::ToolCall { arguments: own, .. } => {
                for partial_json in [own.as_str(), arguments] {
                    if !partial_json.is_empty() {
                        self.delta(WireDelta::Arguments { partial_json }, out);
                    }
                }
            }
            _ => {}
        }
    }

    fn text(&self, text: &str, out: &mut BytesMut) {
        if !text.is_empty() {
            self.delta(WireDelta::Text { text }, out);
        }
    }

    fn delta(&self, delta: WireDelta<'_>, out: &mut BytesMut) {
        let index = self.next_index.saturating_sub(1);
        Frame::ContentBlockDelta { index, delta }.write(out);
    }

    fn go_on(&mut self, delta: &Delta, out: &mut BytesMut) {
        match (&mut self.state, delta) {
            (State::None, _) => return,
            (State::Untold { part, .. }, Delta::Signature(signature)) => {
                part.signature = Some(signature.clone());
                return;
            }
            (State::Told { signature, .. }, Delta::Signature(later)) => {
                *signature = Some(later.clone());
                return;
            }
            (State::Untold { arguments, .. }, Delta::Arguments(first)) if arguments.is_empty() => {
                arguments.push_str(first);
                return;
            }
            (State::Untold { .. }, _) => {
                if let State::Untold { part, arguments } =
                    std::mem::replace(&mut self.state, State::None)
                {
                    self.tell(&part, &arguments, out);
                }
            }
            (State::Told { .. }, _) => {}
        }
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => self.text(text, out),
            Delta::Thinking(thinking) => self.delta(WireDelta::Thinking { thinking }, out),
            Delta::Arguments(partial_json) => {
                self.delta(WireDelta::Arguments { partial_json }, out);
            }
            Delta::Citation(citation) => {
                if let Some(citation) = WireCitation::of(citation) {
                    self.delta(WireDelta::Citation { citation }, out);
                }
            }
            Delta::Signature(_) => {}
        }
    }

    fn close(&mut self, out: &mut BytesMut) {
        let state = std::mem::replace(&mut self.state, State::None);
        if let State::Untold { part, arguments } = state {
            match &part.content {
                Content::ToolCall { arguments: own, .. } => {
                    // All there is at once: the SDK must be able to read it.
                    let arguments = arguments_object(&format!("{own}{arguments}"));
                    let mut bare = part.clone();
                    if let Content::ToolCall { arguments, .. } = &mut bare.content {
                        arguments.clear();
                    }
                    self.tell(&bare, arguments.get(), out);
                }
                Content::Thinking { .. } if part.signature.is_some() => self.tell(&part, "", out),
                Content::Thinking { .. } => {}
                _ => {
                    if let Some(block) = block::sealed(part.signature.as_ref()) {
                        self.whole(block, out);
                    }
                }
            }
        } else {
            self.state = state;
        }
        self.stop(out);
    }

    fn stop(&mut self, out: &mut BytesMut) {
        let State::Told {
            thinking,
            signature,
        } = std::mem::replace(&mut self.state, State::None)
        else {
            return;
        };
        if let Some(signature) = signature.as_ref().filter(|_| thinking) {
            let signature = signature
                .for_client(Origin::Anthropic, Place::Thinking)
                .into();
            self.delta(WireDelta::Signature { signature }, out);
        }
        let index = self.next_index.saturating_sub(1);
        Frame::ContentBlockStop { index }.write(out);
        // A text or call that was told already: its signature follows, which is the next best place.
        if let Some(block) = block::sealed(signature.as_ref().filter(|_| !thinking)) {
            self.whole(block, out);
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.start(&Start::default(), out);
        self.close(out);
        self.ended = true;
        let ending = self.ending.take().unwrap_or_default();
        let finish: Finish = ending.finish;
        Frame::MessageDelta {
            delta: Stop {
                stop_reason: stop_reason(finish, self.calls, self.refuses),
                stop_sequence: ending.sequence.as_deref(),
            },
            usage: Usage::of_delta(&self.usage),
        }
        .write(out);
        Frame::MessageStop.write(out);
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start(start, out),
            Event::Open { choice: 0, part } => self.open(part.clone(), out),
            Event::Delta { choice: 0, delta } => self.go_on(delta, out),
            Event::Close { choice: 0 } => self.close(out),
            Event::Finish { choice: 0, ending } => self.ending = Some(ending.clone()),
            Event::Usage(usage) => self.usage.update(*usage),
            Event::Ping => Frame::Ping.write(out),
            Event::End => self.end(out),
            Event::Error(_) => self.ended = true,
            // The dialect has one choice and no log probabilities.
            _ => {}
        }
    }
}
