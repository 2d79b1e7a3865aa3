//! What an answer tells on its way through: where its content begins, how many tokens it took, whether it is whole.

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

use super::{Dialect, Operation, anthropic::Anthropic, gemini::Gemini, openai::OpenAi};
use crate::{error::Failure, usage::TokenUsage};

/// How a dialect's answers are read and its errors written. One file for each dialect; `Dialect::speaker` lists them.
pub trait Speaker: Sync {
    /// Reads one frame of a streamed answer. What cannot be understood counts as content, since it must not be lost.
    fn frame(&self, operation: Operation, event: &[u8], data: &[u8], reading: &mut Reading)
    -> Part;

    /// Reads a whole answer.
    ///
    /// # Errors
    /// If it is no JSON.
    fn whole(
        &self,
        operation: Operation,
        body: &[u8],
        reading: &mut Reading,
    ) -> serde_json::Result<()>;

    /// The counts of the dialect as the gateway's own record.
    fn usage(&self, counts: &Counts) -> TokenUsage;

    /// The status for a failure of ours, where the dialect has its own.
    fn status(&self, failure: &Failure) -> u16 {
        failure.kind.status()
    }

    /// The body of an error answer.
    fn error_body(&self, failure: &Failure, request_id: &str) -> Vec<u8>;

    /// The event that ends a stream which has begun. Never one that says all is well. `sequence` is its number, where
    /// the dialect counts events.
    fn error_event(
        &self,
        operation: Operation,
        failure: &Failure,
        request_id: &str,
        sequence: u64,
    ) -> Bytes;
}

impl Dialect {
    /// The implementation of this dialect: the one list of all dialects.
    pub fn speaker(self) -> &'static dyn Speaker {
        match self {
            Self::OpenAi => &OpenAi,
            Self::Anthropic => &Anthropic,
            Self::Gemini => &Gemini,
            // No client speaks them.
            Self::Bedrock | Self::Cohere => &OpenAi,
        }
    }
}

/// What a frame of a stream is to the commit rule and to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Tells that the stream goes on, but brings nothing: the failure of an upstream can still be hidden.
    Lifecycle,
    /// Content, reasoning, a tool call, or the end: the answer has begun.
    Content,
    /// Usage and nothing else; kept from clients that did not ask for it.
    Usage,
    /// The provider gave up; with the status that the error stands for.
    Error(u16),
}

/// Token counts as the dialect tells them. Later ones replace earlier ones field by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Prompt tokens, in the dialect's own sense.
    pub input: Option<u64>,
    /// Prompt tokens that tools added (Gemini).
    pub tool_input: Option<u64>,
    /// Answer tokens, in the dialect's own sense.
    pub output: Option<u64>,
    /// Tokens read from a prompt cache.
    pub cache_read: Option<u64>,
    /// Tokens written to a prompt cache.
    pub cache_write: Option<u64>,
    /// The part of `cache_write` that is kept for an hour.
    pub cache_write_1h: Option<u64>,
    /// Tokens of sound in the prompt.
    pub audio_input: Option<u64>,
    /// Tokens of sound in the answer.
    pub audio_output: Option<u64>,
    /// Tokens of images in the answer.
    pub image_output: Option<u64>,
    /// Reasoning tokens.
    pub reasoning: Option<u64>,
}

impl Counts {
    /// Takes over what `later` knows: providers repeat running totals, so nothing is added up.
    pub fn update(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.tool_input = later.tool_input.or(self.tool_input);
        self.output = later.output.or(self.output);
        self.cache_read = later.cache_read.or(self.cache_read);
        self.cache_write = later.cache_write.or(self.cache_write);
        self.cache_write_1h = later.cache_write_1h.or(self.cache_write_1h);
        self.audio_input = later.audio_input.or(self.audio_input);
        self.audio_output = later.audio_output.or(self.audio_output);
        self.image_output = later.image_output.or(self.image_output);
        self.reasoning = later.reasoning.or(self.reasoning);
    }
}

/// What was read of an answer so far.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Tokens.
    pub counts: Counts,
    /// Tokens of an answer that was converted, counted in the gateway's own way already.
    pub normalised: Option<TokenUsage>,
    /// The model that answered, in the provider's words.
    pub model: Option<Box<str>>,
    /// Why it ended, in the provider's words; also says that the answer is whole.
    pub finish: Option<Box<str>>,
    /// Whether the dialect's last event was seen.
    pub ended: bool,
    /// The number of the next event, where the dialect counts them.
    pub next_sequence: u64,
}

impl Reading {
    /// Keeps the model's name if it is the first one told.
    pub fn saw_model(&mut self, model: Option<&str>) {
        if self.model.is_none() {
            self.model = model.filter(|m| m.len() <= 256).map(Into::into);
        }
    }

    /// Notes the reason for the end.
    pub fn saw_finish(&mut self, reason: &str) {
        if self.finish.as_deref() != Some(reason) {
            self.finish = Some(reason.chars().take(64).collect::<String>().into());
        }
    }
}

/// The status for an error that came as an event: its number if it has one, else by the words of its type.
pub fn status_of_error(number: Option<u64>, words: &str) -> u16 {
    if let Some(status) = number.filter(|n| (400..600).contains(n)) {
        return status as u16;
    }
    let words = words.to_ascii_lowercase();
    let table = [
        ("rate_limit", 429),
        ("resource_exhausted", 429),
        ("insufficient_quota", 429),
        ("overloaded", 529),
        ("authentication", 401),
        ("invalid_api_key", 401),
        ("unauthenticated", 401),
        ("permission", 403),
        ("not_found", 404),
        ("request_too_large", 413),
        ("invalid_request", 400),
        ("invalid_argument", 400),
        ("invalid_prompt", 400),
        ("context_length", 400),
        ("unavailable", 503),
        ("timeout", 504),
        ("deadline_exceeded", 504),
    ];
    table
        .into_iter()
        .find(|(word, _)| words.contains(word))
        .map_or(500, |(_, status)| status)
}

/// Whether a JSON value says anything: not null, no empty text, list or object. Reads nothing into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Says(pub bool);

impl<'de> Deserialize<'de> for Says {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Says;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Says, E> {
                Ok(Says(false))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Says, E> {
                Ok(Says(true))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Says, E> {
                Ok(Says(true))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Says, E> {
                Ok(Says(true))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Says, E> {
                Ok(Says(true))
            }

            fn visit_str<E>(self, text: &str) -> Result<Says, E> {
                Ok(Says(!text.is_empty()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Says, A::Error> {
                let mut any = false;
                while items.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Says(any))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Says, A::Error> {
                let mut any = false;
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Says(any))
            }
        }
        input.deserialize_any(Visitor)
    }
}

/// An error inside an answer: an object `{ code, type, status }` whose members are numbers or words, or just a text.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ErrorObject(serde_json::Value);

impl ErrorObject {
    /// Whether it tells an error: some servers have `"error": ""` or `false` in good answers.
    pub fn is_told(&self) -> bool {
        match &self.0 {
            serde_json::Value::Object(_) | serde_json::Value::Number(_) => true,
            serde_json::Value::String(text) => !text.is_empty(),
            _ => false,
        }
    }

    /// The status that this error stands for.
    pub fn status(&self) -> u16 {
        let said = [&self.0, &self.0["code"], &self.0["type"], &self.0["status"]];
        let words: Vec<&str> = said.iter().filter_map(|value| value.as_str()).collect();
        let number = said
            .iter()
            .find_map(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        status_of_error(number, &words.join(" "))
    }
}

/// Reads what is wanted of a whole answer. One of another shape tells nothing and is an answer all the same.
///
/// # Errors
/// If it is no JSON.
pub fn read_whole<'a, T: Deserialize<'a> + Default>(body: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body).or_else(|error| {
        if !error.is_data() {
            return Err(error);
        }
        serde_json::from_slice::<IgnoredAny>(body).map(|_| T::default())
    })
}
