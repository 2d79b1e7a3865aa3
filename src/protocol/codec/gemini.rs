//! Google's generateContent and streamGenerateContent, at the Gemini API and at Vertex AI, both ways.
//!
//! The reference: <https://ai.google.dev/api/generate-content>. Members are read in camel case and in snake case, as
//! Google's API takes both and its own SDK writes both.

use super::{
    super::{
        Call,
        chat::{ChatAnswer, ChatRequest, ProviderError},
        loss::Losses,
    },
    Asked, ClientCodec, DecodeStream, EncodeStream, NotUnderstood, ProviderCodec, Target,
};
use crate::error::Failure;

mod answer_read;
mod answer_write;
mod citations;
mod finish;
mod model;
mod object;
mod part_read;
mod part_write;
mod request_read;
mod request_write;
mod schema;
mod stream_read;
mod stream_write;
mod thinking;
mod turns_read;
mod turns_write;
mod usage;

#[cfg(test)]
mod tests;

/// Google's generateContent, for clients and for providers.
pub struct GeminiGenerate;

impl ClientCodec for GeminiGenerate {
    fn request(&self, call: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
        request_read::read(call, body)
    }

    fn answer(&self, answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
        answer_write::write(answer, asked)
    }

    fn stream(&self, asked: &Asked) -> Box<dyn EncodeStream> {
        Box::new(stream_write::Encoder::new(asked))
    }
}

impl ProviderCodec for GeminiGenerate {
    fn request(&self, request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
        request_write::write(request, target, losses)
    }

    fn answer(&self, body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
        answer_read::read(body)
    }

    fn stream(&self) -> Box<dyn DecodeStream> {
        Box::new(stream_read::Decoder::default())
    }

    fn error(&self, status: u16, body: &[u8]) -> ProviderError {
        answer_read::error(status, body)
    }
}
