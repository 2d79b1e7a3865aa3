//! How reasoning items and signatures become one another.

use crate::protocol::{
    chat::Origin,
    signature::{Place, Signature},
};

/// What begins the value of a signature that belongs to the item before it.
const PREVIOUS: &str = "prev.";

/// What begins the ids of reasoning items that the gateway made.
pub(super) const OWN_ID: &str = "rs_sg1_";

/// What a signature of this API holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed<'a> {
    /// The item's id; empty if the client left it out.
    pub(super) id: &'a str,
    /// Its encrypted content; empty if it has none.
    pub(super) encrypted: &'a str,
    /// Where its words stand.
    pub(super) words: WordsIn,
}

/// Where a reasoning item has its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum WordsIn {
    /// In the summary.
    #[default]
    Summary,
    /// In the content: raw reasoning, of open-weight models.
    Content,
    /// The same in both.
    Both,
}

impl<'a> Sealed<'a> {
    /// The signature.
    pub(super) fn sign(self, place: Place) -> Signature {
        let mut value = format!("{}\n{}", self.id, self.encrypted);
        value.push_str(match self.words {
            WordsIn::Summary => "",
            WordsIn::Content => "\ncontent",
            WordsIn::Both => "\nboth",
        });
        Signature::new(Origin::OpenAi, place, value)
    }

    /// Reads a signature, if it is one of this API.
    pub(super) fn of(signature: &'a Signature) -> Option<Self> {
        if !matches!(signature.place, Place::Thinking | Place::Redacted) {
            return None;
        }
        let mut lines = signature.for_provider(Origin::OpenAi)?.split('\n');
        let (id, encrypted) = (lines.next()?, lines.next()?);
        let words = match lines.next() {
            None => WordsIn::Summary,
            Some("content") => WordsIn::Content,
            Some("both") => WordsIn::Both,
            Some(_) => return None,
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
        let sound = lines.next().is_none() && id.bytes().all(plain);
        sound.then_some(Self {
            id,
            encrypted,
            words,
        })
    }
}

/// The phase of a message (`commentary`, `final_answer`) in the signature on its text.
pub(super) fn phase(signature: Option<&Signature>) -> Option<&str> {
    let signature = signature.filter(|s| s.place == Place::Text)?;
    let phase = signature.for_provider(Origin::OpenAi)?;
    let sound = !phase.is_empty() && phase.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    sound.then_some(phase)
}

/// The signature for the phase of a message.
pub(super) fn sign_phase(phase: &str) -> Signature {
    Signature::new(Origin::OpenAi, Place::Text, phase)
}

/// The `encrypted_content` for a signature that a client is to carry; `after` if its item comes behind what it signs.
pub(super) fn sealed_for_client(signature: &Signature, after: bool) -> String {
    // Sealed also if it is OpenAI's: an item of another API or with another id is no item of this one.
    let native = match signature.origin {
        Origin::OpenAi => Origin::Cohere,
        _ => Origin::OpenAi,
    };
    let text = signature.for_client(native, signature.place);
    if after {
        format!("{PREVIOUS}{text}")
    } else {
        text
    }
}

/// What a client gave back as `encrypted_content`.
pub(super) enum Carried {
    /// A sealed signature, and whether it belongs to what stands before.
    Sealed(Signature, bool),
    /// OpenAI's own.
    Native,
}

/// Reads an `encrypted_content`.
pub(super) fn carried(encrypted: &str) -> Carried {
    let (text, previous) = match encrypted.strip_prefix(PREVIOUS) {
        Some(rest) => (rest, true),
        None => (encrypted, false),
    };
    let signature = Signature::from_client(text, Origin::OpenAi, Place::Thinking);
    // An envelope never holds itself, so what comes out unchanged was none.
    if signature.value == text {
        Carried::Native
    } else {
        Carried::Sealed(signature, previous)
    }
}
