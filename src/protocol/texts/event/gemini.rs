//! Events of Gemini.

use super::{
    super::super::json::{Kind, Value},
    ChannelKind, End, Reader, SPEAKER, hash, number, spoken,
};

impl<'d> Reader<'d> {
    pub(super) fn gemini(&mut self, root: Value<'d>) {
        self.rest(root, |key| key == "candidates");
        let candidates = root.get("candidates").into_iter().flat_map(Value::elements);
        for (at, candidate) in (0..).zip(candidates) {
            let choice = number(candidate, "index").unwrap_or(at);
            for member in candidate.members() {
                let value = member.value;
                match &*member.key {
                    "content" if value.kind() == Kind::Object => {
                        for member in value.members() {
                            if &*member.key == "parts" {
                                for part in member.value.elements() {
                                    self.gemini_part(part, choice);
                                }
                            } else {
                                self.member(member, SPEAKER.turn(choice));
                            }
                        }
                    }
                    "finishReason" if value.kind() == Kind::String => {
                        self.texts.ends.push(End::Choice(choice));
                        self.member(member, SPEAKER.turn(choice));
                    }
                    _ => self.member(member, SPEAKER.turn(choice)),
                }
            }
        }
    }

    fn gemini_part(&mut self, part: Value<'d>, choice: u32) {
        let call = part.get("functionCall");
        if let Some(call) = call.filter(|call| call.get("partialArgs").is_some()) {
            for member in call.members() {
                match &*member.key {
                    "partialArgs" => {
                        for piece in member.value.elements() {
                            self.gemini_argument(piece, choice);
                        }
                    }
                    _ => self.member(member, SPEAKER.turn(choice).call()),
                }
            }
            return;
        }
        self.walk.node(part, SPEAKER.turn(choice));
        self.deltas(|place| spoken(place, choice, 0));
    }

    /// A piece of one argument, at Vertex.
    fn gemini_argument(&mut self, piece: Value<'d>, choice: u32) {
        let path = piece.get("jsonPath").and_then(|path| path.as_str());
        let part = hash(path.as_deref().unwrap_or_default());
        for member in piece.members() {
            match &*member.key {
                "stringValue" => self.delta(member.value, choice, part, ChannelKind::Value),
                _ => self.member(member, SPEAKER.turn(choice).call()),
            }
        }
    }
}
