//! What clients and providers say to each other: the dialects, and what a path asks for.

use std::borrow::Cow;

use http::Method;

pub mod answer;
pub mod anthropic;
pub mod coding;
pub mod edit;
pub mod gemini;
pub mod json;
pub mod json_array;
pub mod openai;
pub mod request;
pub mod sse;

/// A family of request, answer, stream and error formats that one SDK speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI: chat completions, responses, completions, embeddings.
    OpenAi,
    /// Anthropic: messages.
    Anthropic,
    /// Google: generateContent.
    Gemini,
}

impl Dialect {
    /// The name in logs, metric labels and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
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
}

impl Operation {
    /// Every operation, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Chat,
        Self::Responses,
        Self::Completions,
        Self::Embeddings,
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
        match self {
            Self::Chat | Self::Responses | Self::Completions | Self::Embeddings => Dialect::OpenAi,
            Self::Messages | Self::MessagesCountTokens => Dialect::Anthropic,
            _ => Dialect::Gemini,
        }
    }

    /// The name in logs and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Messages => "messages",
            Self::MessagesCountTokens => "messages_count_tokens",
            Self::Generate => "generate",
            Self::StreamGenerate => "stream_generate",
            Self::CountTokens => "count_tokens",
            Self::EmbedContent => "embed_content",
            Self::BatchEmbedContents => "batch_embed_contents",
        }
    }

    /// The path below a provider's API version, for operations that name the model in the body;
    /// for Gemini's the verb behind the colon.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Messages => "/messages",
            Self::MessagesCountTokens => "/messages/count_tokens",
            Self::Generate => "generateContent",
            Self::StreamGenerate => "streamGenerateContent",
            Self::CountTokens => "countTokens",
            Self::EmbedContent => "embedContent",
            Self::BatchEmbedContents => "batchEmbedContents",
        }
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
const EXISTING: &str = "POST /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings (OpenAI), \
     POST /v1/messages, /v1/messages/count_tokens (Anthropic), \
     POST /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, :embedContent, \
     :batchEmbedContents (Gemini); the same below /openai, /anthropic and /gemini";

/// Finds what a request line asks for.
///
/// # Errors
/// [`Lost`] with an explanation for the developer who set the base URL.
pub fn recognise(method: &Method, path: &str) -> Result<Call, Lost> {
    let call = find(path)?;
    if method != Method::POST {
        return Err(Lost::WrongMethod("POST"));
    }
    Ok(call)
}

fn find(path: &str) -> Result<Call, Lost> {
    let (family, rest) = split_family(path);
    let trimmed = rest.trim_end_matches('/').trim_start_matches('/');
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
fn percent_decode(text: &str) -> Cow<'_, str> {
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
        recognise(&Method::POST, path).unwrap_or_else(|lost| panic!("{path}: {lost:?}"))
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
