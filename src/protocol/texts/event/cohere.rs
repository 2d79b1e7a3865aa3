//! Events of Cohere's chat.

use super::{
    super::super::json::{Kind, Value},
    Channel, ChannelKind, End, Reader, SPEAKER, number, spoken,
};

impl<'d> Reader<'d> {
    pub(super) fn cohere(&mut self, kind: &str, root: Value<'d>) {
        let part = number(root, "index").unwrap_or(0);
        let message = root.get("delta").and_then(|delta| delta.get("message"));
        self.rest(root, |key| key == "delta" && message.is_some());
        for member in message.into_iter().flat_map(Value::members) {
            let value = member.value;
            match &*member.key {
                "content" => {
                    self.walk.node(value, SPEAKER);
                    self.deltas(|place| spoken(place, 0, part));
                }
                "tool_plan" => self.delta(value, 0, 0, ChannelKind::Plan),
                "tool_calls" if value.kind() == Kind::Object => {
                    self.call(value, 0, part, ChannelKind::Input)
                }
                _ => self.member(member, SPEAKER),
            }
        }
        let channel = |kind| Channel {
            choice: 0,
            part,
            kind,
        };
        match kind {
            "content-end" => self.texts.ends.extend([
                End::Channel(channel(ChannelKind::Text)),
                End::Channel(channel(ChannelKind::Reasoning)),
            ]),
            "tool-call-end" => {
                let ended = End::Channel(channel(ChannelKind::Arguments));
                self.texts.ends.push(ended);
            }
            "message-end" => self.texts.ends.push(End::All),
            _ => {}
        }
    }
}
