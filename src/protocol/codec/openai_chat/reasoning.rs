//! Reasoning in messages: `reasoning_content` (DeepSeek, Kimi, Z.ai, llama.cpp), `reasoning` (Groq, Cerebras, Ollama,
//! vLLM), Mistral's `thinking` chunks and OpenRouter's `reasoning_details`.
//!
//! Vendors want reasoning back where it stood, and refuse it at another place: DeepSeek answers 400 to tool loops
//! without `reasoning_content`, Groq to those with it. So the place is kept as the signature of the words: its value
//! is the member's name, or OpenRouter's whole entry without the words. Clients get the words as `reasoning_content`
//! and, if there is any other signature, `reasoning_details` with the sealed signature beside them.
//! <https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks>

use serde::Serialize;
use serde_json::{Map, Value as Tree};

use crate::protocol::{
    chat::{Content, Origin, Part},
    json::{Kind, Value},
    signature::{Place, Signature},
};

/// The member of DeepSeek and most others.
pub(super) const CONTENT: &str = "reasoning_content";
/// The member of Groq and some others.
pub(super) const PLAIN: &str = "reasoning";
/// Mistral's chunk.
pub(super) const CHUNK: &str = "thinking";

const TEXT: &str = "reasoning.text";
const ENCRYPTED: &str = "reasoning.encrypted";

/// The mark of words that stood in a member.
pub(super) fn stood_in(member: &str) -> Signature {
    Signature::new(Origin::OpenAi, Place::Thinking, member)
}

/// A part of words that stood in a member.
pub(super) fn plain(member: &str, words: &str) -> Part {
    thinking(words.to_owned(), None).signed(Some(stood_in(member)))
}

fn thinking(text: String, id: Option<String>) -> Part {
    Part::new(Content::Thinking { text, id })
}

/// One of `reasoning_details`, put together from its pieces.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// All members but the words.
    members: Map<String, Tree>,
    words: String,
}

impl Entry {
    /// Reads an entry or a piece of one.
    pub(super) fn read(value: Value) -> Option<Self> {
        if value.kind() != Kind::Object {
            return None;
        }
        let mut members: Map<String, Tree> = serde_json::from_slice(value.raw()).ok()?;
        let mut words = String::new();
        for key in ["text", "summary"] {
            if let Some(Tree::String(text)) = members.shift_remove(key) {
                words.push_str(&text);
            }
        }
        members.get("type")?.as_str()?;
        Some(Self { members, words })
    }

    /// The words of this piece.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// Whether it is sealed reasoning, without words.
    pub(super) fn is_encrypted(&self) -> bool {
        self.text("type") == ENCRYPTED
    }

    /// Whether a later piece goes on with this entry.
    pub(super) fn goes_on_with(&self, piece: &Self) -> bool {
        self.members.get("index") == piece.members.get("index")
            && self.text("type") == piece.text("type")
    }

    /// Takes a later piece.
    pub(super) fn append(&mut self, piece: Self) {
        self.words.push_str(&piece.words);
        for (key, value) in piece.members {
            match (self.members.get_mut(&key), value) {
                (_, Tree::Null) => {}
                (Some(Tree::String(data)), Tree::String(more)) if key == "data" => {
                    data.push_str(&more);
                }
                (_, value) => {
                    self.members.insert(key, value);
                }
            }
        }
    }

    fn text(&self, key: &str) -> &str {
        self.members.get(key).and_then(Tree::as_str).unwrap_or("")
    }

    /// What the words are signed with.
    pub(super) fn signature(&self) -> Signature {
        let (place, key) = if self.is_encrypted() {
            (Place::Redacted, "data")
        } else {
            (Place::Thinking, "signature")
        };
        let seal = self.text(key);
        let signature = Signature::from_client(seal, Origin::OpenAi, place);
        if signature.value != seal {
            // Sealed by us.
            return signature;
        }
        // OpenRouter's entries have a format; one without it and without a signature is words that we streamed.
        if seal.is_empty() && !self.members.contains_key("format") {
            return stood_in(CONTENT);
        }
        let entry = serde_json::to_string(&self.members).unwrap_or_default();
        Signature::new(Origin::OpenAi, place, entry)
    }

    /// The whole part.
    pub(super) fn part(self) -> Part {
        let signature = self.signature();
        let id = self.members.get("id").and_then(Tree::as_str);
        let sealed = !signature.value.starts_with('{');
        let id = id.filter(|_| sealed).map(str::to_owned);
        let part = if self.is_encrypted() {
            Part::new(Content::RedactedThinking)
        } else {
            thinking(self.words, id)
        };
        part.signed(Some(signature))
    }
}

/// The reasoning of a message: of `reasoning_details` if they have words, else of the plain members, which repeat
/// them. `keep_empty` keeps an empty member, as DeepSeek wants it back.
pub(super) fn read(message: Value, keep_empty: bool, out: &mut Vec<Part>) {
    let mut has_words = false;
    let first = out.len();
    for entry in message
        .get("reasoning_details")
        .into_iter()
        .flat_map(Value::elements)
        .filter_map(Entry::read)
    {
        has_words |= !entry.words.is_empty();
        out.push(entry.part());
    }
    if has_words {
        return;
    }
    for member in [CONTENT, PLAIN] {
        let words = message.get(member).and_then(Value::as_str);
        if let Some(words) = words.filter(|words| keep_empty || !words.is_empty()) {
            if out.len() == first || !words.is_empty() {
                out.insert(first, plain(member, &words));
            }
            return;
        }
    }
}

/// One of `reasoning_details` for a client.
#[derive(Serialize)]
pub(super) struct Detail<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    index: u32,
}

impl<'a> Detail<'a> {
    /// The signature of words, if it says more than the member that they stand in.
    fn signature(signature: &Signature, index: u32) -> Option<Self> {
        if *signature == stood_in(CONTENT) {
            return None;
        }
        Some(Self {
            r#type: TEXT,
            text: None,
            signature: Some(seal(signature)),
            data: None,
            id: None,
            index,
        })
    }

    /// The entry for a part, if it needs one.
    pub(super) fn of(part: &'a Part, index: u32) -> Option<Self> {
        let signature = part.signature.as_ref();
        match &part.content {
            Content::Thinking { text, id } => {
                let detail = Self::signature(signature?, index)?;
                Some(Self {
                    text: Some(text),
                    id: id.as_deref(),
                    ..detail
                })
            }
            Content::RedactedThinking => Some(Self {
                r#type: ENCRYPTED,
                text: None,
                signature: None,
                data: Some(seal(signature?)),
                id: None,
                index,
            }),
            _ => None,
        }
    }
}

/// Seals a signature, also OpenAI's own: `reasoning_details` are OpenRouter's, and what OpenAI's other API signed must
/// not be taken for theirs.
fn seal(signature: &Signature) -> String {
    let foreign = match signature.origin {
        Origin::OpenAi => Origin::Cohere,
        _ => Origin::OpenAi,
    };
    signature.for_client(foreign, signature.place)
}

/// OpenRouter's entry, as it came.
pub(super) fn entry_for_provider(value: &str, words: &str) -> Option<Map<String, Tree>> {
    let mut entry: Map<String, Tree> = value
        .starts_with('{')
        .then(|| serde_json::from_str(value).ok())??;
    let key = match entry.get("type")?.as_str()? {
        ENCRYPTED => return Some(entry),
        "reasoning.summary" => "summary",
        _ => "text",
    };
    entry.insert(key.to_owned(), words.into());
    Some(entry)
}
