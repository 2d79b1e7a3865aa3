//! Events of Anthropic's messages.

use super::{
    super::{
        super::json::{Kind, Value},
        Spot,
    },
    ChannelKind, End, Reader, SPEAKER, number, spoken,
};

impl<'d> Reader<'d> {
    pub(super) fn anthropic(&mut self, kind: &str, root: Value<'d>) {
        let part = number(root, "index").unwrap_or(0);
        for member in root.members() {
            let value = member.value;
            match (kind, &*member.key) {
                ("message_start", "message") => {
                    self.walk.speaking(value, SPEAKER);
                    self.others();
                }
                ("content_block_start", "content_block") => {
                    self.walk.node(value, SPEAKER);
                    self.deltas(|place| spoken(place, 0, part));
                }
                ("content_block_delta", "delta") => {
                    for member in value.members() {
                        let value = member.value;
                        match &*member.key {
                            "text" | "content" => self.delta(value, 0, part, ChannelKind::Text),
                            "thinking" => self.delta(value, 0, part, ChannelKind::Reasoning),
                            "partial_json" => self.delta(value, 0, part, ChannelKind::Arguments),
                            "citation" => {
                                self.walk.node(value, SPEAKER.spot(Spot::Citation));
                                self.others();
                            }
                            _ => self.member(member, SPEAKER),
                        }
                    }
                }
                ("message_delta", "delta") => {
                    self.walk.node(value, SPEAKER);
                    self.others();
                    let reason = value.get("stop_reason");
                    if reason.is_some_and(|reason| reason.kind() == Kind::String) {
                        self.texts.ends.push(End::All);
                    }
                }
                (_, key) => {
                    self.walk.top(key, member.range.clone(), value, SPEAKER);
                    self.others();
                }
            }
        }
        self.texts.ends.extend(match kind {
            "content_block_stop" => Some(End::Part(0, part)),
            "message_stop" | "error" => Some(End::All),
            _ => None,
        });
    }
}
