//! Cohere's chat, version 2: the provider's side. Clients never speak it.
//! <https://docs.cohere.com/reference/chat>

use super::{DecodeStream, NotUnderstood, ProviderCodec, Target};
use crate::protocol::{
    chat::{ChatAnswer, ChatRequest, ProviderError},
    json::{Document, Limits},
    loss::Losses,
};

mod answer;
mod messages;
mod request;
mod stream;

#[cfg(test)]
mod tests;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub struct CohereChat;

impl ProviderCodec for CohereChat {
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
        let document = Document::parse(body, Limits::default());
        let message = document.ok().and_then(|document| {
            // Cohere has neither types nor codes.
            let message = document.root().get("message")?.as_str()?;
            Some(message.into_owned())
        });
        ProviderError {
            status,
            message: message
                .unwrap_or_else(|| format!("the provider answered with status {status}")),
            ..ProviderError::default()
        }
    }
}
