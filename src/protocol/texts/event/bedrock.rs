//! Events of Bedrock's `ConverseStream`.

use super::{
    super::{
        super::json::{Kind, Value},
        Spot,
    },
    ChannelKind, End, Reader, SPEAKER, number, spoken,
};

impl<'d> Reader<'d> {
    pub(super) fn bedrock(&mut self, name: &str, root: Value<'d>) {
        let index = number(root, "contentBlockIndex");
        let part = index.unwrap_or(0);
        let mut goes_on = false;
        for member in root.members() {
            let value = member.value;
            match &*member.key {
                "delta" | "start" if value.kind() == Kind::Object => {
                    goes_on = true;
                    for member in value.members() {
                        match &*member.key {
                            "toolUse" => self.call(member.value, 0, part, ChannelKind::Arguments),
                            "citation" => {
                                self.walk.node(member.value, SPEAKER.spot(Spot::Citation));
                                self.others();
                            }
                            key => {
                                let range = member.range.clone();
                                self.walk.member(key, range, member.value, SPEAKER);
                                self.deltas(|place| spoken(place, 0, part));
                            }
                        }
                    }
                }
                // Padding, against guesses by the length.
                "p" => {}
                key => {
                    self.walk.top(key, member.range.clone(), value, SPEAKER);
                    self.others();
                }
            }
        }
        if index.is_some() && !goes_on {
            self.texts.ends.push(End::Part(0, part));
        }
        if name == "messageStop" || root.get("stopReason").is_some() {
            self.texts.ends.push(End::All);
        }
    }
}
