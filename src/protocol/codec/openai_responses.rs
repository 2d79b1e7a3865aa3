//! OpenAI's Responses API, both sides.
//!
//! Sources: <https://platform.openai.com/docs/api-reference/responses> and the types of OpenAI's SDKs.
//!
//! **Turns.** The items of one assistant turn (reasoning, messages, calls) are one canonical message and are split again
//! when written. Items that only OpenAI knows are [`Content::Foreign`](crate::protocol::chat::Content::Foreign) parts
//! of the assistant's message at their place. Ids and status of messages and calls are not kept: nothing refers to them.
//!
//! **Reasoning.** An item's id and its `encrypted_content` must both come back, and clients of other dialects carry one
//! signature only, so the signature's value is `<id>\n<encrypted_content>`, with a third line `content` where the item
//! has its words in `content` and not in `summary` (open-weight models), and `both` where it has the same in both. Such
//! an item may have no encrypted content; then the second line is empty.
//! The `phase` of a message is a signature of origin OpenAI on its first text.
//!
//! **Signatures of other providers** stand sealed in the `encrypted_content` of a reasoning item: with its words, or,
//! for signatures on calls and texts (Gemini), of an item without words before the call or message. In a stream such a
//! signature may be known only after what it signs: then its item stands behind it and the value begins with `prev.`.
//! Ids that the gateway makes begin with `rs_sg1_`, so that none of them is ever shown to a provider as its own.
//!
//! **What a request says beyond the canonical form** stands in `extra`. Members of members have dotted names there:
//! `reasoning.context`, `tools[2].defer_loading`, `text.format`; `text.verbosity` is `verbosity` as in chat completions. An
//! `include` is always there, `null` if it asks for nothing else than what the canonical form or this codec knows: it tells
//! a request in this dialect from one that was converted, which must be stateless. Encoders pass over `null`s.

use super::{
    Asked, ClientCodec, DecodeStream, EncodeStream, Losses, NotUnderstood, ProviderCodec, Target,
};
use crate::{
    error::Failure,
    protocol::{
        Call,
        answer::status_of_error,
        chat::{ChatAnswer, ChatRequest, ProviderError},
        json::{Document, Kind, Limits, Value},
    },
};

mod items;
mod read_answer;
mod read_request;
mod read_stream;
mod reasoning;
#[cfg(test)]
mod tests;
mod tools;
mod write_answer;
mod write_request;
mod write_stream;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiResponses;

impl ClientCodec for OpenAiResponses {
    fn request(&self, _call: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
        read_request::read(body)
    }

    fn answer(&self, answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
        write_answer::write(answer, asked)
    }

    fn stream(&self, asked: &Asked) -> Box<dyn EncodeStream> {
        Box::new(write_stream::Stream::new(asked))
    }
}

impl ProviderCodec for OpenAiResponses {
    fn request(&self, request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
        write_request::write(request, target, losses)
    }

    fn answer(&self, body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
        read_answer::read(body)
    }

    fn stream(&self) -> Box<dyn DecodeStream> {
        Box::new(read_stream::Stream::default())
    }

    fn error(&self, status: u16, body: &[u8]) -> ProviderError {
        let told = Document::parse(body, Limits::default())
            .ok()
            .map(|document| error_of(document.root(), status));
        told.unwrap_or_else(|| ProviderError {
            status,
            message: String::from_utf8_lossy(body).trim().to_owned(),
            ..ProviderError::default()
        })
    }
}

/// Reads an error object, or the object around one. A `status` of 0 means that the words must tell it.
fn error_of(value: Value<'_>, status: u16) -> ProviderError {
    let inner = ["error", "detail"]
        .into_iter()
        .find_map(|name| value.get(name).filter(|v| !v.is_null()))
        .unwrap_or(value);
    let text = |name: &str| match inner.get(name) {
        Some(v) if v.kind() == Kind::Number => Some(String::from_utf8_lossy(v.raw()).into_owned()),
        v => v.and_then(Value::as_str).map(std::borrow::Cow::into_owned),
    };
    let (code, kind) = (
        text("code"),
        // An error event's own type is just `error`.
        text("type").filter(|kind| kind != "error"),
    );
    let message = inner
        .as_str()
        .map(std::borrow::Cow::into_owned)
        .or_else(|| text("message"))
        .unwrap_or_default();
    let words = format!(
        "{} {}",
        code.as_deref().unwrap_or_default(),
        kind.as_deref().unwrap_or_default()
    );
    let number = code.as_deref().and_then(|code| code.parse().ok());
    ProviderError {
        status: if status == 0 {
            status_of_error(number, &words)
        } else {
            status
        },
        kind,
        code,
        message,
        param: text("param"),
    }
}
