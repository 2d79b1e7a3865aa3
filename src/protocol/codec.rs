//! The codecs: one for each wire format, to and from the canonical form, so that every client speaks to every model
//! without a bridge for each pair. A codec is one file that implements a trait or both; the lists are here.

use std::sync::Arc;

use bytes::BytesMut;

use super::{
    Call, Dialect, Operation,
    chat::{ChatAnswer, ChatRequest, ProviderError},
    event::Event,
    loss::Losses,
};
use crate::{catalogue::Model, error::Failure};

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod completions;
pub mod gemini;
pub mod openai_chat;
pub mod openai_responses;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod matrix;

/// The client's side of a wire format: its requests are read, its answers written.
pub trait ClientCodec: Sync {
    /// Reads a request.
    ///
    /// # Errors
    /// A [`Failure`] for the client, naming the member that makes no sense.
    fn request(&self, call: &Call, body: &[u8]) -> Result<ChatRequest, Failure>;

    /// Writes a whole answer.
    fn answer(&self, answer: &ChatAnswer, asked: &Asked) -> Vec<u8>;

    /// Begins to write a stream.
    fn stream(&self, asked: &Asked) -> Box<dyn EncodeStream>;
}

/// Writes a stream for a client.
pub trait EncodeStream: Send + Sync {
    /// Appends the wire form of an event, whole frames only. Errors are not written here but as the client's dialect
    /// tells its errors (`Speaker::error_event`); everything behind them is not told.
    fn event(&mut self, event: &Event, out: &mut BytesMut);

    /// The number of the next event, where the dialect counts them.
    fn next_sequence(&self) -> u64 {
        0
    }
}

/// The provider's side of a wire format: requests are written, answers read.
pub trait ProviderCodec: Sync {
    /// Writes a request. What the format or the model cannot do is noted in `losses` and left out.
    fn request(&self, request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8>;

    /// Reads a whole answer.
    ///
    /// # Errors
    /// [`NotUnderstood`] if it is no answer of this format.
    fn answer(&self, body: &[u8]) -> Result<ChatAnswer, NotUnderstood>;

    /// Begins to read a stream.
    fn stream(&self) -> Box<dyn DecodeStream>;

    /// Reads an error answer, whatever its body is; `status` is that of the answer.
    fn error(&self, status: u16, body: &[u8]) -> ProviderError;
}

/// Reads a provider's stream. The framing (server-sent events, Amazon's event stream) is undone before.
pub trait DecodeStream: Send + Sync {
    /// Reads one frame: its event name, if any, and its data. Frames that cannot be understood are passed over.
    fn frame(&mut self, event: &[u8], data: &[u8], out: &mut Vec<Event>);

    /// The bytes have ended. Tells [`Event::End`], if it was not told, exactly if the answer is whole by the rules of
    /// the format: one that broke off gets none.
    fn finish(&mut self, out: &mut Vec<Event>);
}

/// An answer that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUnderstood(pub &'static str);

/// The model that a request is written for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its name at the provider.
    pub model: &'a str,
    /// Whose API it is, by the catalogue's name: `openai`, `azure`, `mistral`, `openrouter` …; empty if not known.
    pub vendor: &'static str,
    /// What the catalogue knows of it.
    pub known: Option<&'a Model>,
    /// Whether the provider understands `stream_options.include_usage` (OpenAI's chat completions).
    pub asks_stream_usage: bool,
}

/// The parameters of sampling, as far as a model takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sampling {
    /// As in the request.
    pub temperature: Option<f64>,
    /// As in the request.
    pub top_p: Option<f64>,
    /// As in the request.
    pub top_k: Option<u64>,
    /// As in the request.
    pub frequency_penalty: Option<f64>,
    /// As in the request.
    pub presence_penalty: Option<f64>,
}

impl Sampling {
    /// What the request says; nothing if the catalogue knows that the model takes no such parameter. Values that hold
    /// anyway are then no loss.
    pub fn of(request: &ChatRequest, target: &Target<'_>, losses: &mut Losses) -> Self {
        let all = Self {
            temperature: request.temperature,
            top_p: request.top_p,
            top_k: request.top_k,
            frequency_penalty: request.frequency_penalty,
            presence_penalty: request.presence_penalty,
        };
        if target.known.and_then(|known| known.sampling) != Some(false) {
            return all;
        }
        for (name, is_wish) in [
            ("temperature", all.temperature.is_some_and(|t| t != 1.0)),
            ("top_p", all.top_p.is_some_and(|p| p != 1.0)),
            ("top_k", all.top_k.is_some()),
            (
                "frequency_penalty",
                all.frequency_penalty.is_some_and(|p| p != 0.0),
            ),
            (
                "presence_penalty",
                all.presence_penalty.is_some_and(|p| p != 0.0),
            ),
        ] {
            if is_wish {
                losses.cannot(name, "the model takes no parameters of sampling");
            }
        }
        Self::default()
    }
}

/// What the client asked, as far as its answers show it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What was asked for.
    pub operation: Operation,
    /// The model as the client named it; answers repeat it.
    pub model: String,
    /// The gateway's id for the request, for answers whose provider gave none.
    pub request_id: String,
    /// Unix time in seconds, for answers whose provider told none.
    pub now: u64,
    /// Whether a stream's usage was asked for (OpenAI's chat completions).
    pub include_usage: bool,
    /// Whether a Gemini client wants its stream as server-sent events (`alt=sse`) and not as a JSON array.
    pub sse: bool,
    /// The request, for answers that repeat its settings (OpenAI's responses).
    pub request: Arc<ChatRequest>,
}

/// The client's codec for an operation: the one list of them.
pub fn for_client(operation: Operation) -> Option<&'static dyn ClientCodec> {
    Some(match operation {
        Operation::Chat => &openai_chat::OpenAiChat,
        Operation::Responses => &openai_responses::OpenAiResponses,
        Operation::Completions => &completions::Completions,
        Operation::Messages => &anthropic::AnthropicMessages,
        Operation::Generate | Operation::StreamGenerate => &gemini::GeminiGenerate,
        _ => return None,
    })
}

/// The provider's codec for an operation: the one list of them.
pub fn for_provider(operation: Operation) -> Option<&'static dyn ProviderCodec> {
    Some(match operation {
        Operation::Chat => &openai_chat::OpenAiChat,
        Operation::Responses => &openai_responses::OpenAiResponses,
        Operation::Messages => &anthropic::AnthropicMessages,
        Operation::Generate | Operation::StreamGenerate => &gemini::GeminiGenerate,
        Operation::Converse | Operation::ConverseStream => &bedrock::BedrockConverse,
        Operation::CohereChat => &cohere::CohereChat,
        _ => return None,
    })
}

/// The codec that reads the errors of a dialect's other operations.
pub fn of_dialect(dialect: Dialect) -> &'static dyn ProviderCodec {
    match dialect {
        Dialect::OpenAi => &openai_chat::OpenAiChat,
        Dialect::Anthropic => &anthropic::AnthropicMessages,
        Dialect::Gemini => &gemini::GeminiGenerate,
        Dialect::Bedrock => &bedrock::BedrockConverse,
        Dialect::Cohere => &cohere::CohereChat,
    }
}
