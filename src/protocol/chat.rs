//! The canonical chat: one form of request and answer in the middle, that every dialect is decoded to and encoded from.
//!
//! It has what the dialects have in common. What only one of them knows stays in [`ChatRequest::extra`] and
//! [`Content::Foreign`], so that an encoder can pass it on where its dialect has the same, and must say so where not.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{json, signature::Signature};
pub use crate::usage::TokenUsage;

/// A piece of JSON as it was written: never re-ordered, never re-spelled.
#[derive(Clone, Debug)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Checks a text.
    ///
    /// # Errors
    /// If it is no JSON.
    pub fn parse(text: impl Into<String>) -> serde_json::Result<Self> {
        RawValue::from_string(text.into()).map(Self)
    }

    /// Keeps a value of a document.
    pub fn of(value: json::Value) -> Self {
        let text = String::from_utf8_lossy(value.raw()).into_owned();
        // A document accepts what serde_json does; `null` stands for what cannot be.
        Self::parse(text).unwrap_or_default()
    }

    /// Writes a value.
    pub fn from_value(value: &impl Serialize) -> Self {
        serde_json::value::to_raw_value(value)
            .map(Self)
            .unwrap_or_default()
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The value, for those that must look into it or change it.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.get()).unwrap_or_default()
    }
}

impl Default for Json {
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(out)
    }
}

/// What a client asks a chat model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChatRequest {
    /// System prompts and turns, in order. Prompts that stand outside the turns come first.
    pub messages: Vec<Message>,
    /// Tools that the model may call, in the client's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether and which tool must be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// The shape that the answer's text must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputFormat>,
    /// Most tokens of the answer, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Sampling among the k best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// Penalty for tokens by their count so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Penalty for tokens that stood before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Seed for repeatable sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Texts that end the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// How many answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Wish for log probabilities: `Some(k)` with the k best alternatives of each token, `Some(0)` with none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<u32>,
    /// Wishes for reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
    /// What the answer may be made of (`text`, `audio`, `image`), where the client said it; lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modalities: Vec<String>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// The client's own id for its end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Key-value pairs for the provider's own records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// Class of service: `auto`, `default`, `flex`, `priority` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// A prompt-cache mark for the request as a whole (Anthropic's top-level `cache_control`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
    /// Top-level members that the canonical form does not know, in the client's order, with names as the client wrote
    /// them. An encoder passes on those that its own dialect has with the same name and meaning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<(String, Json)>,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The operator of the application, above all.
    System,
    /// The developer of the application (OpenAI's newer name for it).
    Developer,
    /// The end user.
    User,
    /// The model.
    Assistant,
    /// Tools: only [`Content::ToolResult`] parts. Consecutive results may be one message or several; dialects differ.
    Tool,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// The name of one of several speakers of that role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// One part of a turn or of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// What it is.
    #[serde(flatten)]
    pub content: Content,
    /// The prompt up to here should be kept in the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
    /// The provider's signature over the reasoning at this place; must come back byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

impl Part {
    /// A part without marks.
    pub const fn new(content: Content) -> Self {
        Self {
            content,
            cache: None,
            signature: None,
        }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text {
            text: text.into(),
            citations: Vec::new(),
        })
    }

    /// Adds a signature.
    pub fn signed(mut self, signature: Option<Signature>) -> Self {
        self.signature = signature;
        self
    }

    /// Adds a cache mark.
    pub fn cached(mut self, cache: Option<CacheMark>) -> Self {
        self.cache = cache;
        self
    }
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Where it comes from.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Citation>,
    },
    /// An image, a sound, a film or a document.
    Media(Media),
    /// Reasoning in words, or the summary of it. Its signature stands in the part; a signed part may have no text.
    Thinking {
        /// The words.
        text: String,
        /// The id of the reasoning item (OpenAI Responses).
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Reasoning that the provider shows only sealed. The data is the part's signature.
    RedactedThinking,
    /// A call of a tool.
    ToolCall {
        /// Its id; answers refer to it. Decoders invent one where the dialect has none.
        id: String,
        /// The function.
        name: String,
        /// A JSON object as text; `{}` for none. In a stream it begins empty.
        arguments: String,
    },
    /// What a tool said; in messages of [`Role::Tool`].
    ToolResult {
        /// The id of the call.
        id: String,
        /// The function, where the dialect tells or the history shows it.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Text and media.
        content: Vec<Part>,
        /// Whether it failed.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    /// The model refuses.
    Refusal {
        /// Its words.
        text: String,
    },
    /// Something that only one dialect knows, such as the calls of tools that run at the provider.
    Foreign {
        /// Whose it is.
        origin: Origin,
        /// As it was written.
        json: Json,
    },
}

/// Whose wire format, signature or block something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// OpenAI and those who speak its chat completions or responses.
    OpenAi,
    /// Anthropic, also on Bedrock and Vertex, where signatures are the same.
    Anthropic,
    /// Gemini.
    Gemini,
    /// Bedrock's own, for models that are not Anthropic's.
    Bedrock,
    /// Cohere.
    Cohere,
}

/// An image, a sound, a film or a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Media {
    /// What sort.
    pub kind: MediaKind,
    /// Its media type, such as `image/png`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Where it is.
    pub source: Source,
    /// File name or title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How closely to look: `low`, `high`, `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is to be known about a document without being cited (Anthropic).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Whether the model may cite from it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub citations: bool,
    /// The words of a sound, where the provider tells them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
}

impl Media {
    /// Media without a name or wishes.
    pub const fn new(kind: MediaKind, mime: Option<String>, source: Source) -> Self {
        Self {
            kind,
            mime,
            source,
            name: None,
            detail: None,
            context: None,
            citations: false,
            transcript: None,
        }
    }
}

/// A sort of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Film.
    Video,
    /// PDF, text, office formats.
    Document,
}

impl MediaKind {
    /// The sort for a media type; what is nothing else is a document.
    pub fn of_mime(mime: &str) -> Self {
        match mime.split('/').next() {
            Some("image") => Self::Image,
            Some("audio") => Self::Audio,
            Some("video") => Self::Video,
            _ => Self::Document,
        }
    }

    /// The name in messages and in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

/// Where media are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// In the request: standard base64 with padding.
    Base64(String),
    /// Behind an address, which the provider fetches. Also `gs://` and `s3://`.
    Url(String),
    /// Uploaded to the provider before.
    File(String),
    /// A document as plain text.
    Text(String),
}

/// A wish for the provider's prompt cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheMark {
    /// How long: `5m`, `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

/// Where a text comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Citation {
    /// The cited place in the part's own text, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Its end, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// Address of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Title of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The words of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cited_text: Option<String>,
    /// The file's id, where the source is an uploaded file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Which of the request's documents, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<u64>,
    /// Where in the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A place in a cited document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// Characters from 0, the end exclusive.
    Chars(u64, u64),
    /// Pages from 1, the end exclusive.
    Pages(u64, u64),
    /// Content blocks from 0, the end exclusive.
    Blocks(u64, u64),
}

/// Something the model may call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// A function of the client.
    Function(Function),
    /// A tool that runs at the provider, or one that only one dialect has.
    Hosted {
        /// Whose it is.
        origin: Origin,
        /// Its type, for messages.
        name: String,
        /// As it was written.
        json: Json,
    },
}

/// A function that the client runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments; none means no arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// Whether the arguments must follow the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// A prompt-cache mark behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// None at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Function(String),
    /// As the model likes, or at least one if `required`, but only among these.
    Among {
        /// Whether one must be called.
        required: bool,
        /// The names.
        names: Vec<String>,
    },
}

/// The shape of the answer's text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Any JSON object.
    Json,
    /// JSON that follows a schema.
    Schema {
        /// Its name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What it is for.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The JSON Schema.
        schema: Json,
        /// Whether it must be followed exactly.
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

/// Wishes for reasoning.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reasoning {
    /// On or off, where the client said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Most tokens for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<u64>,
    /// Whether the answer should tell it in words: `auto`, `concise`, `detailed`, `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// How hard to reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// More (OpenAI's `xhigh`).
    Xhigh,
    /// As much as possible (Anthropic's `max`).
    Max,
}

impl Effort {
    /// The word for it, the same in every dialect that has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of a word.
    pub fn of_name(name: &str) -> Option<Self> {
        [
            Self::None,
            Self::Minimal,
            Self::Low,
            Self::Medium,
            Self::High,
            Self::Xhigh,
            Self::Max,
        ]
        .into_iter()
        .find(|effort| effort.name() == name)
    }

    /// Reasoning tokens for dialects that want a number: Google's own mapping of OpenAI's words for low to high.
    /// <https://ai.google.dev/gemini-api/docs/openai#thinking>
    pub const fn budget(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal | Self::Low => 1024,
            Self::Medium => 8192,
            Self::High => 24_576,
            Self::Xhigh | Self::Max => 32_768,
        }
    }

    /// The word for a number of tokens, by the same table.
    pub const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=1024 => Self::Low,
            1025..=8192 => Self::Medium,
            _ => Self::High,
        }
    }
}

impl Reasoning {
    /// The budget in tokens that is wished for, whether said as such or as an effort.
    pub fn tokens(&self) -> Option<u64> {
        self.budget.or_else(|| self.effort.map(Effort::budget))
    }

    /// The effort that is wished for, whether said as such or as a budget.
    pub fn level(&self) -> Option<Effort> {
        self.effort.or_else(|| match self.enabled {
            Some(false) => Some(Effort::None),
            _ => self.budget.map(Effort::of_budget),
        })
    }
}

/// What a chat model answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChatAnswer {
    /// The provider's id for it; empty if it has none.
    pub id: String,
    /// The model that answered, in the provider's words; empty if it does not say.
    pub model: String,
    /// Unix time in seconds, where the provider tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// The answers: one, unless the client asked for more.
    pub choices: Vec<Choice>,
    /// Tokens.
    #[serde(skip_serializing_if = "TokenUsage::is_unknown")]
    pub usage: TokenUsage,
    /// The class of service that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Choice {
    /// Which, from 0.
    pub index: u32,
    /// What was said, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub ending: Ending,
    /// Log probabilities of the text's tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<TokenLogprob>,
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// The sense of it.
    pub finish: Finish,
    /// The stop sequence that was met, where the provider tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The provider's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
}

impl Ending {
    /// An ending with the provider's word for it.
    pub fn new(finish: Finish, word: &str) -> Self {
        Self {
            finish,
            sequence: None,
            word: (!word.is_empty()).then(|| word.to_owned()),
        }
    }
}

/// The sense of an ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// All was said.
    #[default]
    Stop,
    /// A stop sequence was met.
    StopSequence,
    /// The limit on tokens was met.
    Length,
    /// The context window is full.
    ContextWindow,
    /// Tools are to be called.
    ToolCalls,
    /// A filter of the provider.
    ContentFilter,
    /// The model refuses.
    Refusal,
    /// The provider paused a long turn; it goes on when the turn is sent back (Anthropic).
    Pause,
    /// The model made a call that makes no sense.
    MalformedCall,
    /// Something else; never taken for a filter.
    Other,
}

/// A token and how likely it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TokenLogprob {
    /// The token's text.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Its bytes, where they are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Vec<u8>>,
    /// The best alternatives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<TokenLogprob>,
}

/// An error that a provider told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProviderError {
    /// The status that it stands for.
    pub status: u16,
    /// The provider's word for its type, such as `invalid_request_error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The provider's code, such as `context_length_exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For the developer.
    pub message: String,
    /// The parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
}

/// The arguments of a call for dialects that want an object: models also write nothing, or what is no JSON, or are cut
/// off in the middle. Nothing becomes `{}`; what is no object stands as text in an object of one member.
pub fn arguments_object(arguments: &str) -> Json {
    let text = arguments.trim();
    if text.is_empty() {
        return Json::parse("{}").unwrap_or_default();
    }
    match Json::parse(text) {
        Ok(json) if text.starts_with('{') => json,
        _ => Json::from_value(&serde_json::json!({ "arguments": arguments })),
    }
}

/// Fills in the names of the functions that tool results answer, from the calls before them, for dialects that want
/// the name with the result.
pub fn name_tool_results(messages: &mut [Message]) {
    let mut names = std::collections::HashMap::new();
    for message in messages {
        for part in &mut message.parts {
            match &mut part.content {
                Content::ToolCall { id, name, .. } => {
                    names.insert(id.clone(), name.clone());
                }
                Content::ToolResult { id, name, .. } if name.is_none() => {
                    *name = names.get(id).cloned();
                }
                _ => {}
            }
        }
    }
}
