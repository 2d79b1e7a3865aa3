//! OpenAI's chat completions, which most other vendors speak too: Mistral, Groq, DeepSeek, OpenRouter, xAI, Together,
//! vLLM, llama.cpp, Ollama, Azure. <https://platform.openai.com/docs/api-reference/chat>
//!
//! Strict in what it writes, since some vendors refuse members that they do not know; tolerant in what it reads.

use super::{Asked, ClientCodec, DecodeStream, EncodeStream, NotUnderstood, ProviderCodec, Target};
use crate::{
    error::Failure,
    protocol::{
        Call,
        chat::{ChatAnswer, ChatRequest, Finish, ProviderError},
        loss::Losses,
    },
};

mod failure;
mod media;
mod read_answer;
mod read_message;
pub(super) mod read_request;
mod read_stream;
mod reasoning;
pub(super) mod tokens;
mod vendor;
mod write_answer;
mod write_message;
mod write_request;
mod write_stream;

#[cfg(test)]
mod recordings;
#[cfg(test)]
mod tests;

pub(super) use write_answer::{created, id_of};

/// OpenAI's chat completions.
pub struct OpenAiChat;

impl ClientCodec for OpenAiChat {
    fn request(&self, _: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
        read_request::read(body)
    }

    fn answer(&self, answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
        write_answer::write(answer, asked)
    }

    fn stream(&self, asked: &Asked) -> Box<dyn EncodeStream> {
        Box::new(write_stream::Encoder::new(asked))
    }
}

impl ProviderCodec for OpenAiChat {
    fn request(&self, request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
        write_request::write(request, target, losses)
    }

    fn answer(&self, body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
        read_answer::read(body)
    }

    fn stream(&self) -> Box<dyn DecodeStream> {
        Box::new(read_stream::Decoder::default())
    }

    fn error(&self, status: u16, body: &[u8]) -> ProviderError {
        failure::read(status, body)
    }
}

/// The sense of a `finish_reason`: OpenAI's five words, then those of other vendors.
///
/// <https://platform.openai.com/docs/api-reference/chat/object>,
/// Mistral <https://docs.mistral.ai/api/endpoint/chat> (`model_length`, `error`),
/// DeepSeek <https://api-docs.deepseek.com/api/create-chat-completion> (`insufficient_system_resource`),
/// Z.ai <https://docs.z.ai/api-reference/llm/chat-completion> (`sensitive`, `network_error`).
fn finish_of(word: &str) -> Finish {
    match word {
        "stop" | "STOP" | "eos" | "eos_token" | "end_turn" | "completed" | "COMPLETE" => {
            Finish::Stop
        }
        "stop_sequence" => Finish::StopSequence,
        "length" | "max_tokens" | "MAX_TOKENS" | "max_output_tokens" => Finish::Length,
        "model_length" | "model_context_window_exceeded" => Finish::ContextWindow,
        "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
        "content_filter" | "sensitive" | "safety" | "SAFETY" => Finish::ContentFilter,
        "refusal" => Finish::Refusal,
        "malformed_function_call" | "MALFORMED_FUNCTION_CALL" => Finish::MalformedCall,
        _ => Finish::Other,
    }
}

/// The `finish_reason` for a client. OpenAI ends an answer that has words of refusal with `stop`; a refusal without
/// any is told as a filter's, or the client would take an empty answer for a good one. What has no word is `stop`.
fn finish_word(finish: Finish, calls: bool, refused: bool) -> &'static str {
    match finish {
        Finish::ToolCalls => "tool_calls",
        Finish::Stop if calls => "tool_calls",
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ContentFilter => "content_filter",
        Finish::Refusal if !refused => "content_filter",
        _ => "stop",
    }
}
