//! Amazon Bedrock's Converse and ConverseStream: the provider's side. Clients never speak it.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

use super::{DecodeStream, NotUnderstood, ProviderCodec, Target};
use crate::protocol::{
    chat::{ChatAnswer, ChatRequest, ProviderError},
    json::{Document, Limits},
    loss::Losses,
};

mod answer;
mod blocks;
mod fields;
mod messages;
mod request;
mod stream;
mod tools;

#[cfg(test)]
mod tests;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub struct BedrockConverse;

impl ProviderCodec for BedrockConverse {
    fn request(&self, request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
        request::write(request, target, losses)
    }

    fn answer(&self, body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
        answer::read(body)
    }

    fn stream(&self) -> Box<dyn DecodeStream> {
        Box::new(stream::Stream::default())
    }

    fn error(&self, status: u16, body: &[u8]) -> ProviderError {
        let mut error = ProviderError {
            status,
            kind: Some(kind(status).to_owned()),
            message: format!("the provider answered with status {status}"),
            ..ProviderError::default()
        };
        if let Ok(document) = Document::parse(body, Limits::default()) {
            let root = document.root();
            let text = |key| root.get(key).and_then(|v| v.as_str());
            // `aws.protocols#restJson1`: the type may also stand in the body, behind its namespace.
            if let Some(word) = text("__type") {
                error.kind = Some(word.rsplit('#').next().unwrap_or_default().to_owned());
            }
            if let Some(message) = text("message").or_else(|| text("Message")) {
                error.message = message.into_owned();
            }
        }
        error.code = code(&error.message).map(str::to_owned);
        error
    }
}

/// Bedrock's exceptions, by their status.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors>
const EXCEPTIONS: [(&str, u16); 12] = [
    ("ValidationException", 400),
    ("AccessDeniedException", 403),
    ("ResourceNotFoundException", 404),
    ("ModelTimeoutException", 408),
    ("ModelErrorException", 424),
    ("ThrottlingException", 429),
    ("InternalServerException", 500),
    ("ServiceUnavailableException", 503),
    // Those whose status another one has told already.
    ("ServiceQuotaExceededException", 400),
    ("ConflictException", 400),
    ("ModelNotReadyException", 429),
    ("ModelStreamErrorException", 424),
];

fn kind(status: u16) -> &'static str {
    let found = EXCEPTIONS.iter().find(|(_, s)| *s == status);
    found.map_or("UnknownException", |(kind, _)| kind)
}

/// The status of an exception in a stream, where names begin with a small letter.
fn status(exception: &str) -> u16 {
    let found = EXCEPTIONS
        .iter()
        .find(|(kind, _)| kind.eq_ignore_ascii_case(exception));
    found.map_or(500, |(_, status)| *status)
}

/// Bedrock tells a prompt that is too long in words only.
fn code(message: &str) -> Option<&'static str> {
    let too_long = message.contains("Input is too long") || message.contains("prompt is too long");
    too_long.then_some("context_length_exceeded")
}
