//! Events of OpenAI's `/responses`, and of its other endpoints.

use super::{
    super::{
        super::json::{Kind, Member, Value},
        walk::context_of,
    },
    Channel, ChannelKind, End, Reader, SPEAKER, number, spoken,
};

impl<'d> Reader<'d> {
    /// Events of `/responses`, and all others of OpenAI that have a type with dots.
    pub(super) fn responses(&mut self, kind: &str, root: Value<'d>) {
        let choice = number(root, "output_index").unwrap_or(0);
        let part = number(root, "content_index")
            .or_else(|| number(root, "summary_index"))
            .unwrap_or(0);
        let name = kind.strip_prefix("response.").unwrap_or(kind);
        let (name, last) = name.rsplit_once('.').unwrap_or(("", name));
        let channel_kind = match name {
            "output_text" | "transcript.text" => ChannelKind::Text,
            "refusal" => ChannelKind::Refusal,
            "reasoning_text" | "reasoning" => ChannelKind::Reasoning,
            "reasoning_summary_text" | "reasoning_summary" => ChannelKind::Summary,
            "function_call_arguments" | "mcp_call_arguments" | "mcp_call.arguments" => {
                ChannelKind::Arguments
            }
            "custom_tool_call_input"
            | "code_interpreter_call_code"
            | "code_interpreter_call.code" => ChannelKind::Input,
            "audio.transcript" | "audio_transcript" | "output_audio_transcript" => {
                ChannelKind::Transcript
            }
            _ => ChannelKind::Other,
        };
        let channel = Channel {
            choice,
            part,
            kind: channel_kind,
        };
        let is_sound = matches!(name, "audio" | "output_audio" | "speech.audio");
        for member in root.members() {
            let value = member.value;
            match (&*member.key, last) {
                ("delta" | "audio", "delta") if is_sound => self.texts.unread += 1,
                ("delta", _) if value.kind() == Kind::String => {
                    self.delta(value, choice, part, channel_kind);
                }
                ("item", _) => self.item(value, choice),
                ("part", _) => self.part(value, choice, part, name.contains("summary")),
                ("response", _) => self.response(value),
                ("arguments", "done") => {
                    self.walk
                        .arguments(value, channel_kind.context().turn(choice));
                    self.wholes(|_| Some(channel));
                }
                (
                    "text" | "refusal" | "input" | "code" | "transcript" | "content" | "diff"
                    | "command",
                    "done",
                ) if value.kind() == Kind::String => {
                    self.walk.text(value, channel_kind.context().turn(choice));
                    self.wholes(|_| Some(channel));
                }
                ("obfuscation", _) => {}
                (key, _) => {
                    self.walk
                        .top(key, member.range.clone(), value, SPEAKER.turn(choice));
                    self.others();
                }
            }
        }
        self.texts.ends.extend(match (name, last) {
            ("output_item", "done") => Some(End::Choice(choice)),
            ("content_part" | "reasoning_summary_part", "done") => Some(End::Part(choice, part)),
            (_, "done") => Some(End::Channel(channel)),
            ("" | "response", "completed" | "failed" | "incomplete" | "cancelled" | "error") => {
                Some(End::All)
            }
            _ => None,
        });
    }

    /// A response that is told whole.
    fn response(&mut self, response: Value<'d>) {
        for Member { key, range, value } in response.members() {
            if &*key == "output" {
                for (choice, item) in (0..).zip(value.elements()) {
                    self.item(item, choice);
                }
            } else {
                self.walk.top(&key, range, value, SPEAKER);
                self.others();
            }
        }
    }

    /// An item that is told whole.
    fn item(&mut self, item: Value<'d>, choice: u32) {
        let kind = item.get("type").and_then(|kind| kind.as_str());
        let context = context_of(kind.as_deref().unwrap_or_default(), SPEAKER.turn(choice));
        let channel = |kind| Channel {
            choice,
            part: 0,
            kind,
        };
        for member in item.members() {
            let value = member.value;
            match (&*member.key, value.kind()) {
                ("content", Kind::Array) => {
                    for (part, block) in (0..).zip(value.elements()) {
                        self.walk.node(block, context);
                        self.wholes(|place| spoken(place, choice, part));
                    }
                }
                ("summary", Kind::Array) => {
                    for (part, block) in (0..).zip(value.elements()) {
                        self.part(block, choice, part, true);
                    }
                }
                ("arguments", Kind::String) => {
                    self.walk.arguments(value, context.call());
                    self.wholes(|_| Some(channel(ChannelKind::Arguments)));
                }
                ("input" | "code", Kind::String) => {
                    self.walk.text(value, context.call());
                    self.wholes(|_| Some(channel(ChannelKind::Input)));
                }
                _ => self.member(member, context),
            }
        }
    }

    /// A part of an item that is told whole.
    fn part(&mut self, block: Value<'d>, choice: u32, part: u32, summary: bool) {
        let kind = ChannelKind::Summary;
        let context = if summary { kind.context() } else { SPEAKER };
        self.walk.node(block, context.turn(choice));
        self.wholes(|place| {
            if summary {
                Some(Channel { choice, part, kind })
            } else {
                spoken(place, choice, part)
            }
        });
    }
}
