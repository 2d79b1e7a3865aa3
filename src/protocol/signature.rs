//! Signatures over reasoning: made by one provider, carried by clients of any dialect, and given back byte for byte.
//!
//! A client that speaks the provider's own dialect carries the signature as it is. For others it is sealed in an
//! envelope that names its origin and place, in base64 so that it survives clients which decode and encode it again
//! (Google's SDKs do, and write the URL-safe alphabet).

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use serde::Serialize;

use super::chat::Origin;

/// A signature, or sealed reasoning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Who made it, and can read it.
    pub origin: Origin,
    /// On what.
    pub place: Place,
    /// As the provider wrote it.
    pub value: String,
}

/// What a signature stands on. Told in the envelope, since dialects have a place for signed reasoning but not all of
/// them one on calls and texts: there an own reasoning part stands before the call or text that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Reasoning in words.
    Thinking,
    /// Reasoning that is sealed altogether.
    Redacted,
    /// The tool call that follows (Gemini).
    Call,
    /// The text that follows (Gemini).
    Text,
}

const TAG: &str = "sluicegate1";

const fn config() -> GeneralPurposeConfig {
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true)
}

const READ_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD, config());
const READ_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, config());

/// Reads base64 in either alphabet, padded or not.
pub fn base64_any(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|b| b == b'-' || b == b'_') {
        READ_URL_SAFE.decode(text).ok()
    } else {
        READ_STANDARD.decode(text).ok()
    }
}

impl Signature {
    /// A signature of a provider.
    pub fn new(origin: Origin, place: Place, value: impl Into<String>) -> Self {
        Self {
            origin,
            place,
            value: value.into(),
        }
    }

    /// The text for a client of `native`'s dialect: as it is if it is that dialect's own and stands where it stood,
    /// else sealed. `place` is where it will stand.
    pub fn for_client(&self, native: Origin, place: Place) -> String {
        if self.origin == native && self.place == place {
            return self.value.clone();
        }
        let text = format!(
            "{TAG}:{}:{}:{}",
            origin_name(self.origin),
            place_name(self.place),
            self.value
        );
        general_purpose::STANDARD.encode(text)
    }

    /// Reads what a client of `native`'s dialect gave back at `place`: opens the envelope, or takes it for that
    /// dialect's own.
    pub fn from_client(text: &str, native: Origin, place: Place) -> Self {
        open(text).unwrap_or_else(|| Self::new(native, place, text))
    }

    /// The signature for a provider, if it is that provider's own.
    pub fn for_provider(&self, origin: Origin) -> Option<&str> {
        (self.origin == origin).then_some(self.value.as_str())
    }
}

fn open(text: &str) -> Option<Signature> {
    // The base64 of the tag, as far as its characters do not depend on what follows.
    if !text.starts_with("c2x1aWNlZ2F0ZT") {
        return None;
    }
    let text = String::from_utf8(base64_any(text)?).ok()?;
    let mut fields = text.strip_prefix(TAG)?.strip_prefix(':')?.splitn(3, ':');
    let (origin, place, value) = (fields.next()?, fields.next()?, fields.next()?);
    let origin = ORIGINS.into_iter().find(|o| origin_name(*o) == origin)?;
    let place = PLACES.into_iter().find(|p| place_name(*p) == place)?;
    Some(Signature::new(origin, place, value))
}

const ORIGINS: [Origin; 5] = [
    Origin::OpenAi,
    Origin::Anthropic,
    Origin::Gemini,
    Origin::Bedrock,
    Origin::Cohere,
];
const PLACES: [Place; 4] = [Place::Thinking, Place::Redacted, Place::Call, Place::Text];

const fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::OpenAi => "openai",
        Origin::Anthropic => "anthropic",
        Origin::Gemini => "gemini",
        Origin::Bedrock => "bedrock",
        Origin::Cohere => "cohere",
    }
}

const fn place_name(place: Place) -> &'static str {
    match place {
        Place::Thinking => "thinking",
        Place::Redacted => "redacted",
        Place::Call => "call",
        Place::Text => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_comes_back_byte_for_byte_through_any_dialect() {
        for value in ["EqQBCkYIBxgCKkD+/x==", "", "a:b:c", "ÄÖ~"] {
            for origin in ORIGINS {
                for place in PLACES {
                    let signature = Signature::new(origin, place, value);
                    for native in ORIGINS {
                        let sent = signature.for_client(native, place);
                        let urlsafe = sent.replace('+', "-").replace('/', "_");
                        assert_eq!(Signature::from_client(&sent, native, place), signature);
                        if origin != native {
                            assert_eq!(Signature::from_client(&urlsafe, native, place), signature);
                            let bare = urlsafe.trim_end_matches('=');
                            assert_eq!(Signature::from_client(bare, native, place), signature);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_signature_at_another_place_keeps_the_first() {
        let call = Signature::new(Origin::Gemini, Place::Call, "abc=");
        let sent = call.for_client(Origin::Gemini, Place::Thinking);
        assert_ne!(sent, "abc=");
        assert_eq!(
            Signature::from_client(&sent, Origin::Gemini, Place::Thinking),
            call
        );
    }

    #[test]
    fn what_is_no_envelope_is_the_dialects_own() {
        for text in ["c2x1aWNlZ2F0ZTFvdGhlcg==", "c2x1aWNlZ2F0ZT!", "plain"] {
            let read = Signature::from_client(text, Origin::Anthropic, Place::Thinking);
            assert_eq!(read.value, text);
        }
    }
}
