//! What providers tell when they fail: `{"error": {…}}` of OpenAI and what others make of it.

use crate::protocol::{
    answer::status_of_error,
    chat::ProviderError,
    json::{Document, Kind, Limits, Value},
};

/// Most characters of a body that is not understood.
const SHOWN: usize = 500;

/// Reads the body of an error answer.
pub(super) fn read(status: u16, body: &[u8]) -> ProviderError {
    let document = Document::parse(body, Limits::default()).ok();
    let mut error = match &document {
        Some(document) => read_any(document.root()),
        None => ProviderError::default(),
    };
    error.status = status;
    if error.message.is_empty() {
        let text = String::from_utf8_lossy(body);
        error.message = match text.trim() {
            "" => format!("the provider answered {status} without a word"),
            text => text.chars().take(SHOWN).collect(),
        };
    }
    error
}

/// Reads an error that came in a stream or under a good status.
pub(super) fn read_told(error: Value) -> ProviderError {
    let mut read = read_error(error);
    let number = |key| {
        let value: Value = error.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let status = number("status_code")
        .or_else(|| number("code"))
        .or_else(|| number("status"));
    let words = [&read.kind, &read.code].map(|word| word.as_deref().unwrap_or(""));
    read.status = status_of_error(status, &words.join(" "));
    if read.message.is_empty() {
        "the provider gave up".clone_into(&mut read.message);
    }
    read
}

/// Whether a value tells an error: some servers have `"error": null`, `""` or `false` in good answers.
pub(super) fn is_told(error: Value) -> bool {
    match error.kind() {
        Kind::Object => !error.is_empty(),
        Kind::String => error.as_str().is_some_and(|text| !text.is_empty()),
        _ => false,
    }
}

fn read_any(root: Value) -> ProviderError {
    // Google's compatible endpoint puts a list around it.
    let root = root.elements().next().unwrap_or(root);
    match root.get("error").filter(|error| is_told(*error)) {
        Some(error) => read_error(error),
        None => read_error(root),
    }
}

fn read_error(error: Value) -> ProviderError {
    if let Some(message) = error.as_str() {
        return ProviderError {
            message: message.into_owned(),
            ..ProviderError::default()
        };
    }
    let word = |key| {
        let value = error.get(key).filter(|value: &Value| !value.is_null())?;
        let text = match value.as_str() {
            Some(text) => text.into_owned(),
            None if matches!(value.kind(), Kind::Number) => {
                String::from_utf8_lossy(value.raw()).into_owned()
            }
            None => return None,
        };
        (!text.is_empty()).then_some(text)
    };
    let detail = error.get("detail").map(read_detail);
    let message = word("message")
        .or_else(|| {
            error
                .get("message")
                .map(read_detail)
                .filter(|m| !m.is_empty())
        })
        .or(detail)
        .unwrap_or_default();
    // OpenRouter says only that the provider failed, and tells what it said beside.
    let raw = error
        .get("metadata")
        .and_then(|metadata| metadata.get("raw")?.as_str());
    let message = match raw {
        Some(raw) if !raw.is_empty() && !message.contains(raw.as_ref()) => {
            format!("{message}: {}", raw.chars().take(SHOWN).collect::<String>())
        }
        _ => message,
    };
    ProviderError {
        status: 0,
        kind: word("type").or_else(|| word("status")),
        code: word("code"),
        message,
        param: word("param"),
    }
}

/// `{"detail": "…"}`, or FastAPI's list of what is wrong where (Mistral, vLLM):
/// `[{"loc": ["body", "n"], "msg": "…"}]`. <https://docs.mistral.ai/api>
fn read_detail(detail: Value) -> String {
    if let Some(text) = detail.as_str() {
        return text.into_owned();
    }
    let items = detail.get("detail").unwrap_or(detail);
    let told = items.elements().filter_map(|item| {
        let message = item.get("msg")?.as_str()?;
        let place: Vec<_> = item
            .get("loc")
            .into_iter()
            .flat_map(Value::elements)
            .map(|step| match step.as_str() {
                Some(name) => name.into_owned(),
                None => String::from_utf8_lossy(step.raw()).into_owned(),
            })
            .collect();
        Some(if place.is_empty() {
            message.into_owned()
        } else {
            format!("{}: {message}", place.join("."))
        })
    });
    told.collect::<Vec<_>>().join("; ")
}
