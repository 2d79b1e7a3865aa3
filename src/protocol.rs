//! What clients and providers say to each other: the dialects, and what a path asks for.

use std::borrow::Cow;

use http::Method;

pub mod answer;
pub mod anthropic;
pub mod chat;
pub mod codec;
pub mod coding;
pub mod count;
pub mod edit;
pub mod embed;
pub mod event;
pub mod event_stream;
pub mod form;
pub mod gemini;
pub mod json;
pub mod json_array;
pub mod loss;
pub mod openai;
pub mod request;
pub mod signature;
pub mod sse;
pub mod texts;

/// A family of request, answer, stream and error formats that one SDK speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI: chat completions, responses, completions, embeddings.
    OpenAi,
    /// Anthropic: messages.
    Anthropic,
    /// Google: generateContent.
    Gemini,
    /// Amazon Bedrock: Converse. Spoken to providers only.
    Bedrock,
    /// Cohere v2. Spoken to providers only.
    Cohere,
}

impl Dialect {
    /// The name in logs, metric labels and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
        }
    }
}

/// What a request asks a provider to do. Each operation belongs to one dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/moderations`
    Moderations,
    /// `POST /v1/rerank`, also as `/v2/rerank`: the form that Cohere, Jina, Voyage and vLLM share
    Rerank,
    /// `POST /v1/images/generations`
    ImageGenerations,
    /// `POST /v1/images/edits`, a form
    ImageEdits,
    /// `POST /v1/images/variations`, a form
    ImageVariations,
    /// `POST /v1/audio/transcriptions`, a form
    Transcriptions,
    /// `POST /v1/audio/translations`, a form
    Translations,
    /// `POST /v1/audio/speech`, answered with sound
    Speech,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    MessagesCountTokens,
    /// `POST /v1beta/models/{m}:generateContent`
    Generate,
    /// `POST /v1beta/models/{m}:streamGenerateContent`
    StreamGenerate,
    /// `POST /v1beta/models/{m}:countTokens`
    CountTokens,
    /// `POST /v1beta/models/{m}:embedContent`
    EmbedContent,
    /// `POST /v1beta/models/{m}:batchEmbedContents`
    BatchEmbedContents,
    /// `POST /model/{m}/converse`, at Bedrock
    Converse,
    /// `POST /model/{m}/converse-stream`, at Bedrock
    ConverseStream,
    /// `POST /model/{m}/invoke`, at Bedrock: embeddings
    Invoke,
    /// `POST /model/{m}/count-tokens`, at Bedrock
    ConverseCountTokens,
    /// `POST /v2/chat`, at Cohere
    CohereChat,
    /// `POST /v2/embed`, at Cohere
    CohereEmbed,
    /// `POST /v2/rerank`, at Cohere
    CohereRerank,
    /// Something of a provider's own API, below `/providers/{name}`
    Passage,
}

impl Operation {
    /// Every operation that clients can ask for, in the order of the documentation. Those of dialects that only
    /// providers speak are not among them.
    pub const ALL: [Self; 19] = [
        Self::Chat,
        Self::Responses,
        Self::Completions,
        Self::Embeddings,
        Self::Moderations,
        Self::Rerank,
        Self::ImageGenerations,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Transcriptions,
        Self::Translations,
        Self::Speech,
        Self::Messages,
        Self::MessagesCountTokens,
        Self::Generate,
        Self::StreamGenerate,
        Self::CountTokens,
        Self::EmbedContent,
        Self::BatchEmbedContents,
    ];

    /// The dialect this operation belongs to.
    pub const fn dialect(self) -> Dialect {
        self.row().0
    }

    /// The name in logs and metric labels.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// The path below a provider's API version, for operations that name the model in the body;
    /// for Gemini's and Bedrock's the verb behind the model.
    pub const fn suffix(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (Dialect, &'static str, &'static str) {
        use Dialect::{Anthropic, Bedrock, Cohere, Gemini, OpenAi};
        match self {
            Self::Chat => (OpenAi, "chat", "/chat/completions"),
            Self::Responses => (OpenAi, "responses", "/responses"),
            Self::Completions => (OpenAi, "completions", "/completions"),
            Self::Embeddings => (OpenAi, "embeddings", "/embeddings"),
            Self::Moderations => (OpenAi, "moderations", "/moderations"),
            Self::Rerank => (OpenAi, "rerank", "/rerank"),
            Self::ImageGenerations => (OpenAi, "image_generations", "/images/generations"),
            Self::ImageEdits => (OpenAi, "image_edits", "/images/edits"),
            Self::ImageVariations => (OpenAi, "image_variations", "/images/variations"),
            Self::Transcriptions => (OpenAi, "transcriptions", "/audio/transcriptions"),
            Self::Translations => (OpenAi, "translations", "/audio/translations"),
            Self::Speech => (OpenAi, "speech", "/audio/speech"),
            Self::Messages => (Anthropic, "messages", "/messages"),
            Self::MessagesCountTokens => {
                (Anthropic, "messages_count_tokens", "/messages/count_tokens")
            }
            Self::Generate => (Gemini, "generate", "generateContent"),
            Self::StreamGenerate => (Gemini, "stream_generate", "streamGenerateContent"),
            Self::CountTokens => (Gemini, "count_tokens", "countTokens"),
            Self::EmbedContent => (Gemini, "embed_content", "embedContent"),
            Self::BatchEmbedContents => (Gemini, "batch_embed_contents", "batchEmbedContents"),
            Self::Converse => (Bedrock, "converse", "converse"),
            Self::ConverseStream => (Bedrock, "converse_stream", "converse-stream"),
            Self::Invoke => (Bedrock, "invoke", "invoke"),
            Self::ConverseCountTokens => (Bedrock, "converse_count_tokens", "count-tokens"),
            Self::CohereChat => (Cohere, "cohere_chat", "/v2/chat"),
            Self::CohereEmbed => (Cohere, "cohere_embed", "/v2/embed"),
            Self::CohereRerank => (Cohere, "cohere_rerank", "/v2/rerank"),
            Self::Passage => (OpenAi, "passage", ""),
        }
    }

    /// Whether its requests are forms with files and not JSON.
    pub const fn is_form(self) -> bool {
        matches!(
            self,
            Self::Transcriptions | Self::Translations | Self::ImageEdits | Self::ImageVariations
        )
    }

    /// Whether its answers may be something else than JSON or events: sound, subtitles, files.
    pub const fn answers_anything(self) -> bool {
        matches!(
            self,
            Self::Speech | Self::Transcriptions | Self::Translations | Self::Passage
        )
    }

    /// Whether it counts the tokens of a prompt.
    pub const fn counts(self) -> bool {
        matches!(
            self,
            Self::MessagesCountTokens | Self::CountTokens | Self::ConverseCountTokens
        )
    }

    /// Whether it is a chat: the operations that are converted into one another.
    pub const fn is_chat(self) -> bool {
        matches!(
            self,
            Self::Chat
                | Self::Responses
                | Self::Completions
                | Self::Messages
                | Self::Generate
                | Self::StreamGenerate
                | Self::Converse
                | Self::ConverseStream
                | Self::CohereChat
        )
    }
}

/// A request line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is asked for.
    pub operation: Operation,
    /// The model, where the dialect names it in the path (Gemini).
    pub model: Option<String>,
    /// The API version in the path: `v1`, `v1beta`.
    pub version: &'static str,
}

/// What a request line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// An operation of a model.
    Call(Call),
    /// `GET /v1/models`, or one of them by name: what this caller may use.
    Models(Option<String>),
    /// `/providers/{name}/…`: a provider's own API, with the path behind the name.
    Passage {
        /// The provider's name.
        provider: String,
        /// The path behind it, with its slash.
        rest: String,
    },
    /// A WebSocket: `GET /v1/realtime` and its likes.
    Realtime(Realtime),
}

/// The APIs that speak over a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Realtime {
    /// `GET /v1/realtime?model=…`: OpenAI's realtime API.
    OpenAi,
    /// `GET /v1/responses`: OpenAI's responses over a WebSocket.
    Responses,
    /// `GET /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent`: Gemini's live API, in this
    /// version.
    Gemini(&'static str),
}

impl Realtime {
    /// The dialect in which to tell the client of failures.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi | Self::Responses => Dialect::OpenAi,
            Self::Gemini(_) => Dialect::Gemini,
        }
    }

    /// The name in logs and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "realtime",
            Self::Responses => "responses_websocket",
            Self::Gemini(_) => "live",
        }
    }
}

/// A request line that leads nowhere, and how to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No such path; the text says what exists or what the mistake probably is.
    NotFound(String),
    /// The path exists for the named method only.
    WrongMethod(&'static str),
}

const VERSIONS: [&str; 3] = ["v1", "v1beta", "v1alpha"];

/// Paths that exist, for people who asked for one that does not.
const EXISTING: &str = "POST /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings, /v1/moderations, \
     /v1/rerank, /v1/images/{generations|edits|variations}, /v1/audio/{transcriptions|translations|speech} (OpenAI), \
     POST /v1/messages, /v1/messages/count_tokens (Anthropic), \
     POST /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, :embedContent, \
     :batchEmbedContents (Gemini), GET /v1/models; the same below /openai, /anthropic and /gemini; \
     /providers/{name}/… for a provider's own API";

/// Finds what a request line asks for.
///
/// # Errors
/// [`Lost`] with an explanation for the developer who set the base URL.
pub fn recognise(method: &Method, path: &str) -> Result<Ask, Lost> {
    if let Some(rest) = path.strip_prefix("/providers/") {
        let (provider, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return Ok(Ask::Passage {
            provider: provider.to_owned(),
            rest: rest.to_owned(),
        });
    }
    if *method == Method::GET
        && let Some(realtime) = find_realtime(path)
    {
        return Ok(Ask::Realtime(realtime));
    }
    match find_models(path) {
        Some(models) if *method == Method::GET => return Ok(Ask::Models(models)),
        Some(None) => return Err(Lost::WrongMethod("GET")),
        _ => {}
    }
    let call = find(path)?;
    if *method != Method::POST {
        return Err(Lost::WrongMethod("POST"));
    }
    Ok(Ask::Call(call))
}

fn find_realtime(path: &str) -> Option<Realtime> {
    let (_, rest) = split_family(path);
    let rest = rest.trim_matches('/');
    let below = rest.strip_prefix("v1/").unwrap_or(rest);
    match below {
        "realtime" => Some(Realtime::OpenAi),
        "responses" => Some(Realtime::Responses),
        _ => {
            let version = rest
                .strip_prefix("ws/google.ai.generativelanguage.")?
                .strip_suffix(".GenerativeService.BidiGenerateContent")?;
            let known = VERSIONS.into_iter().find(|known| *known == version)?;
            Some(Realtime::Gemini(known))
        }
    }
}

/// `/v1/models`, `/models`, `/v1beta/models`, and one model below them.
fn find_models(path: &str) -> Option<Option<String>> {
    let (_, rest) = split_family(path);
    let rest = rest.trim_matches('/');
    let below = VERSIONS
        .into_iter()
        .find_map(|v| rest.strip_prefix(v)?.strip_prefix('/'))
        .unwrap_or(rest);
    if below == "models" {
        return Some(None);
    }
    let model = percent_decode(below.strip_prefix("models/")?);
    // A verb behind a colon is an operation; model names have colons, too.
    let is_call = model.rsplit_once(':').is_some_and(|(_, verb)| {
        Operation::ALL
            .into_iter()
            .any(|o| o.dialect() == Dialect::Gemini && o.suffix() == verb)
    });
    (!is_call && is_sane_model(&model)).then(|| Some(model.into_owned()))
}

fn find(path: &str) -> Result<Call, Lost> {
    let (family, rest) = split_family(path);
    let trimmed = rest.trim_end_matches('/').trim_start_matches('/');
    if trimmed == "v2/rerank" {
        return Ok(Call {
            operation: Operation::Rerank,
            model: None,
            version: "v2",
        });
    }
    let (version, below) = match trimmed.split_once('/') {
        Some((first, below)) => match VERSIONS.into_iter().find(|v| *v == first) {
            Some(version) => (Some(version), below),
            None => (None, trimmed),
        },
        None => (None, trimmed),
    };
    if version.is_some()
        && below
            .split_once('/')
            .is_some_and(|(second, _)| VERSIONS.contains(&second))
    {
        return Err(Lost::NotFound(explain(path, trimmed)));
    }
    if let Some((model, verb)) = below.rsplit_once(':')
        && family.is_none_or(|f| f == Dialect::Gemini)
        && let Some(operation) = Operation::ALL
            .into_iter()
            .find(|o| o.dialect() == Dialect::Gemini && o.suffix() == verb)
    {
        let model = percent_decode(model.strip_prefix("models/").unwrap_or(model));
        return Ok(Call {
            operation,
            model: Some(model.into_owned()),
            version: version.unwrap_or("v1beta"),
        });
    }
    let found = Operation::ALL.into_iter().find(|o| {
        o.dialect() != Dialect::Gemini
            && o.suffix().strip_prefix('/') == Some(below)
            && family.is_none_or(|f| f == o.dialect())
    });
    match found {
        Some(operation) => Ok(Call {
            operation,
            model: None,
            version: "v1",
        }),
        None => Err(Lost::NotFound(explain(path, trimmed))),
    }
}

/// Splits `/openai`, `/anthropic` and `/gemini` from the front of a path.
fn split_family(path: &str) -> (Option<Dialect>, &str) {
    for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
        let rest = path
            .strip_prefix('/')
            .and_then(|p| p.strip_prefix(dialect.name()));
        if let Some(rest) = rest
            && rest.starts_with('/')
        {
            return (Some(dialect), rest);
        }
    }
    (None, path)
}

fn explain(path: &str, trimmed: &str) -> String {
    let mut segments = trimmed.split('/');
    if let (Some(first), Some(second)) = (segments.next(), segments.next())
        && VERSIONS.contains(&first)
        && VERSIONS.contains(&second)
    {
        let corrected = path.replacen(&format!("/{first}"), "", 1);
        return format!(
            "the path `{}` has the API version twice: the SDK appends `/{second}` itself, so take it \
             off the base URL (`{}` exists)",
            shown(path),
            shown(&corrected)
        );
    }
    format!("no such path: `{}`. What exists: {EXISTING}", shown(path))
}

/// A path for a message: bounded, since it came from outside.
fn shown(path: &str) -> Cow<'_, str> {
    match path.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &path[..end]).into(),
        None => path.into(),
    }
}

/// The dialect in which to speak to a client whose path was not understood.
pub fn guess_dialect(path: &str, headers: &http::HeaderMap) -> Dialect {
    let (family, rest) = split_family(path);
    if let Some(dialect) = family {
        return dialect;
    }
    if headers.contains_key("anthropic-version") || rest.ends_with("/messages") {
        Dialect::Anthropic
    } else if headers.contains_key("x-goog-api-key")
        || rest.starts_with("/v1beta/")
        || rest.contains(":generateContent")
        || rest.contains(":streamGenerateContent")
    {
        Dialect::Gemini
    } else {
        Dialect::OpenAi
    }
}

/// Undoes `%XX`; what is no valid escape or no UTF-8 stays as it stands.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escape = (bytes[i] == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8(out).map_or(text.into(), Cow::Owned)
}

/// Whether a model name may stand in an upstream's path: no traversal, no query, no controls.
///
/// Names of real providers use letters, digits and `-_.:/@+`; Kong's advisory on model names that
/// rewrote the upstream path is the reason for the check.
pub fn is_sane_model(model: &str) -> bool {
    !model.is_empty()
        && model.len() <= 256
        && model
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:/@+".contains(&b))
        && model
            .split('/')
            .all(|segment| !segment.is_empty() && segment != "." && segment != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> Call {
        match recognise(&Method::POST, path) {
            Ok(Ask::Call(call)) => call,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn every_habit_of_base_urls_is_understood() {
        for (path, operation) in [
            ("/v1/chat/completions", Operation::Chat),
            ("/openai/v1/chat/completions", Operation::Chat),
            ("/openai/chat/completions", Operation::Chat),
            ("/chat/completions", Operation::Chat),
            ("/v1/chat/completions/", Operation::Chat),
            ("/v1/responses", Operation::Responses),
            ("/v1/embeddings", Operation::Embeddings),
            ("/v1/messages", Operation::Messages),
            ("/anthropic/v1/messages", Operation::Messages),
            ("/v1/messages/count_tokens", Operation::MessagesCountTokens),
        ] {
            assert_eq!(post(path).operation, operation, "{path}");
        }
    }

    #[test]
    fn gemini_names_its_model_in_the_path() {
        for (path, operation, model, version) in [
            (
                "/v1beta/models/gemini-2.5-flash:generateContent",
                Operation::Generate,
                "gemini-2.5-flash",
                "v1beta",
            ),
            (
                "/v1/models/gemini-2.5-flash:generateContent",
                Operation::Generate,
                "gemini-2.5-flash",
                "v1",
            ),
            (
                "/gemini/v1beta/models/x:streamGenerateContent",
                Operation::StreamGenerate,
                "x",
                "v1beta",
            ),
            (
                "/v1beta/models/gemini/flash:countTokens",
                Operation::CountTokens,
                "gemini/flash",
                "v1beta",
            ),
            (
                "/v1beta/models/gemini%2Fflash:embedContent",
                Operation::EmbedContent,
                "gemini/flash",
                "v1beta",
            ),
            (
                "/v1beta/gemini/flash:generateContent",
                Operation::Generate,
                "gemini/flash",
                "v1beta",
            ),
            (
                "/v1beta/models/ft:a:b:generateContent",
                Operation::Generate,
                "ft:a:b",
                "v1beta",
            ),
        ] {
            let call = post(path);
            assert_eq!(
                (call.operation, call.model.as_deref(), call.version),
                (operation, Some(model), version),
                "{path}"
            );
        }
    }

    #[test]
    fn a_doubled_version_is_explained() {
        let Err(Lost::NotFound(text)) = recognise(&Method::POST, "/v1/v1/chat/completions") else {
            panic!("accepted");
        };
        let gemini = "/v1beta/v1beta/models/gemini/x:generateContent";
        assert!(
            matches!(recognise(&Method::POST, gemini), Err(Lost::NotFound(text)) if text.contains("twice"))
        );
        assert!(
            text.contains("twice") && text.contains("`/v1/chat/completions` exists"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_path_lists_what_exists() {
        let Err(Lost::NotFound(text)) = recognise(&Method::POST, "/v1/nothing") else {
            panic!("accepted");
        };
        assert!(text.contains("/v1/chat/completions"), "{text}");
        assert_eq!(
            recognise(&Method::GET, "/v1/chat/completions"),
            Err(Lost::WrongMethod("POST"))
        );
    }

    #[test]
    fn models_passages_and_websockets_are_told_from_calls() {
        let get = |path| recognise(&Method::GET, path);
        for path in [
            "/v1/models",
            "/v1beta/models",
            "/openai/v1/models/",
            "/models",
        ] {
            assert_eq!(get(path), Ok(Ask::Models(None)), "{path}");
        }
        assert_eq!(
            get("/v1/models/openai/gpt-4o:free"),
            Ok(Ask::Models(Some("openai/gpt-4o:free".to_owned())))
        );
        assert_eq!(
            recognise(&Method::POST, "/v1/models"),
            Err(Lost::WrongMethod("GET"))
        );
        assert_eq!(
            get("/providers/openai/v1/files"),
            Ok(Ask::Passage {
                provider: "openai".to_owned(),
                rest: "/v1/files".to_owned()
            })
        );
        assert_eq!(get("/v1/realtime"), Ok(Ask::Realtime(Realtime::OpenAi)));
        let live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
        assert_eq!(get(live), Ok(Ask::Realtime(Realtime::Gemini("v1beta"))));
        let upwards =
            "/ws/google.ai.generativelanguage./../x.GenerativeService.BidiGenerateContent";
        assert!(get(upwards).is_err());
        assert_eq!(post("/v2/rerank").operation, Operation::Rerank);
        assert_eq!(post("/v1/audio/speech").operation, Operation::Speech);
    }

    #[test]
    fn one_dialect_is_not_served_below_the_prefix_of_another() {
        assert!(recognise(&Method::POST, "/anthropic/v1/chat/completions").is_err());
        assert!(recognise(&Method::POST, "/openai/v1/messages").is_err());
    }

    #[test]
    fn model_names_cannot_leave_their_path() {
        for bad in [
            "", "../admin", "a/../b", "a//b", "a?b", "a#b", "a b", "a\nb", "a%2e", "/a",
        ] {
            assert!(!is_sane_model(bad), "{bad}");
        }
        for good in [
            "gpt-4o",
            "meta-llama/Llama-3.1:free",
            "ft:gpt:org::id",
            "claude-x@20250101",
        ] {
            assert!(is_sane_model(good), "{good}");
        }
    }
}
