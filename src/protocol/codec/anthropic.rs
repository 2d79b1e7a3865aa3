//! Anthropic's Messages API, both ways. <https://platform.claude.com/docs/en/api/messages>
//!
//! Where the API is narrower than the canonical form: prompts in the middle are hoisted into `system`
//! (`write_request`), reasoning becomes a budget or an effort within `max_tokens` (`tuning`), and signatures that
//! the dialect has no place for travel as `redacted_thinking` in front of what they sign (`block`).

use bytes::Bytes;
use serde::Deserialize;

use super::{Asked, ClientCodec, DecodeStream, EncodeStream, NotUnderstood, ProviderCodec, Target};
use crate::{
    error::Failure,
    protocol::{
        Call,
        chat::{ChatAnswer, ChatRequest, Finish, ProviderError},
        edit::Edits,
        json::{Document, Kind, Limits},
        loss::Losses,
    },
};

mod answer;
mod block;
mod citation;
mod decode_stream;
mod encode_stream;
mod media;
mod options;
mod read_request;
mod tools;
mod tuning;
mod usage;
mod write_request;

#[cfg(test)]
mod recordings;
#[cfg(test)]
mod tests;

/// The codec.
pub struct AnthropicMessages;

impl ClientCodec for AnthropicMessages {
    fn request(&self, _: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
        read_request::read(body)
    }

    fn answer(&self, answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
        answer::write(answer, asked)
    }

    fn stream(&self, asked: &Asked) -> Box<dyn EncodeStream> {
        Box::new(encode_stream::Encoder::new(asked))
    }
}

impl ProviderCodec for AnthropicMessages {
    fn request(&self, request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
        write_request::write(request, target, losses)
    }

    fn answer(&self, body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
        answer::read(body)
    }

    fn stream(&self) -> Box<dyn DecodeStream> {
        Box::new(decode_stream::Decoder::default())
    }

    fn error(&self, status: u16, body: &[u8]) -> ProviderError {
        read_error(status, body)
    }
}

/// Rewrites a body of the Messages API for a platform that names the model in the path and the API's version in the
/// body, such as `vertex-2023-10-16`. All other bytes stay as they are, also those of bodies that are no JSON object.
/// <https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai>
pub fn for_platform(body: Vec<u8>, version: &str) -> Vec<u8> {
    let mut edits = Edits::new();
    {
        let Ok(document) = Document::parse(&body, Limits::default()) else {
            return body;
        };
        let root = document.root();
        if root.kind() != Kind::Object {
            return body;
        }
        if root.get("anthropic_version").is_none() {
            let alone = root.members().all(|member| member.key == "model");
            let comma = if alone { "" } else { "," };
            let version = serde_json::Value::from(version);
            let member = format!("\"anthropic_version\":{version}{comma}");
            edits.insert(root.range().start + 1, member);
        }
        for range in root.removals(|key| key == "model") {
            edits.delete(range);
        }
    }
    let body = Bytes::from(body);
    edits.apply(&body).unwrap_or(body).into()
}

/// The sense of a `stop_reason`.
/// <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>
fn finish(word: &str) -> Finish {
    match word {
        "end_turn" => Finish::Stop,
        "max_tokens" => Finish::Length,
        "stop_sequence" => Finish::StopSequence,
        "tool_use" => Finish::ToolCalls,
        "pause_turn" => Finish::Pause,
        "refusal" => Finish::Refusal,
        "model_context_window_exceeded" => Finish::ContextWindow,
        _ => Finish::Other,
    }
}

/// The `stop_reason` for an ending. Providers that have no word of their own for calls and refusals end them as any
/// other answer; what the answer holds tells.
fn stop_reason(finish: Finish, calls: bool, refuses: bool) -> &'static str {
    match finish {
        Finish::Stop | Finish::Other if calls => "tool_use",
        Finish::Stop if refuses => "refusal",
        Finish::Stop | Finish::MalformedCall | Finish::Other => "end_turn",
        Finish::StopSequence => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ContextWindow => "model_context_window_exceeded",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter | Finish::Refusal => "refusal",
        Finish::Pause => "pause_turn",
    }
}

/// The status that an error type stands for. <https://platform.claude.com/docs/en/api/errors>
fn status_of(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

/// An error body: Anthropic's own, or one that a platform in front wrote in its own manner.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: Option<ErrorObject>,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorObject {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
    code: serde_json::Value,
    status: Option<String>,
    param: Option<String>,
}

fn read_error(status: u16, body: &[u8]) -> ProviderError {
    // Vertex wraps its own errors in an array, which would also do for a struct.
    let parsed = match serde_json::from_slice::<Vec<ErrorBody>>(body) {
        Ok(several) => several.into_iter().next(),
        Err(_) => serde_json::from_slice(body).ok(),
    };
    let Some(parsed) = parsed.filter(|p| p.error.is_some() || p.message.is_some()) else {
        let text = String::from_utf8_lossy(body);
        return ProviderError {
            status,
            message: text.trim().chars().take(1000).collect(),
            ..ProviderError::default()
        };
    };
    let error = parsed.error.unwrap_or_default();
    let code = match error.code {
        serde_json::Value::String(code) => Some(code),
        _ => None,
    };
    ProviderError {
        status,
        kind: error.kind.or(error.status),
        code,
        message: error.message.or(parsed.message).unwrap_or_default(),
        param: error.param,
    }
}
