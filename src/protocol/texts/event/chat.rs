//! Chunks of OpenAI's chat completions and completions.

use super::{
    super::super::json::{Kind, Member, Value},
    ChannelKind, End, Reader, SPEAKER, number, spoken,
};

impl<'d> Reader<'d> {
    /// `chat.completion.chunk`, and the chunks of completions.
    pub(super) fn chat(&mut self, root: Value<'d>) {
        self.rest(root, |key| key == "choices");
        let choices = root.get("choices").into_iter().flat_map(Value::elements);
        for (at, choice) in (0..).zip(choices) {
            let index = number(choice, "index").unwrap_or(at);
            let context = SPEAKER.turn(index);
            for member in choice.members() {
                let value = member.value;
                match &*member.key {
                    "delta" if value.kind() == Kind::Object => {
                        for member in value.members() {
                            self.chat_member(member, index);
                        }
                    }
                    // Some tell the whole answer once more at the end.
                    "message" if value.kind() == Kind::Object => {
                        self.walk.node(value, context);
                        self.wholes(|place| spoken(place, index, 0));
                    }
                    "text" => self.delta(value, index, 0, ChannelKind::Text),
                    "finish_reason" => {
                        if value.kind() == Kind::String {
                            self.texts.ends.push(End::Choice(index));
                        }
                        self.member(member, context);
                    }
                    _ => self.member(member, context),
                }
            }
        }
    }

    fn chat_member(&mut self, member: Member<'d>, choice: u32) {
        /// Vendors tell the same thoughts in two members, sometimes in both.
        const DETAILS: u32 = 16;
        /// The call of the time before there were several.
        const ONLY: u32 = u32::MAX;
        let value = member.value;
        match &*member.key {
            "content" => self.delta(value, choice, 0, ChannelKind::Text),
            "refusal" => self.delta(value, choice, 0, ChannelKind::Refusal),
            "reasoning_content" => self.delta(value, choice, 0, ChannelKind::Reasoning),
            "reasoning" => self.delta(value, choice, 1, ChannelKind::Reasoning),
            "thinking" => self.delta(value, choice, 2, ChannelKind::Reasoning),
            "reasoning_details" => {
                for (at, detail) in (0..).zip(value.elements()) {
                    let part = DETAILS + number(detail, "index").unwrap_or(at);
                    self.delta(detail, choice, part, ChannelKind::Reasoning);
                }
            }
            "audio" if value.kind() == Kind::Object => {
                for member in value.members() {
                    match &*member.key {
                        "transcript" => {
                            self.delta(member.value, choice, 0, ChannelKind::Transcript);
                        }
                        "data" => self.texts.unread += 1,
                        _ => self.member(member, SPEAKER.turn(choice)),
                    }
                }
            }
            "tool_calls" => {
                for (at, call) in (0..).zip(value.elements()) {
                    let part = number(call, "index").unwrap_or(at);
                    self.call(call, choice, part, ChannelKind::Input);
                }
            }
            "function_call" => self.call(value, choice, ONLY, ChannelKind::Input),
            _ => self.member(member, SPEAKER.turn(choice)),
        }
    }
}
