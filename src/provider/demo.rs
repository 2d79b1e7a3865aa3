//! The built-in stand-in, reached over loopback like any other upstream.

use pingora::http::RequestHeader;

use super::{Provider, Wish, anthropic::Anthropic, gemini::Gemini};
use crate::{
    auth::Secret,
    protocol::{Call, Dialect, Operation},
};

/// What it answers.
const SPOKEN: [Operation; 11] = [
    Operation::Chat,
    Operation::Responses,
    Operation::Completions,
    Operation::Embeddings,
    Operation::Messages,
    Operation::MessagesCountTokens,
    Operation::Generate,
    Operation::StreamGenerate,
    Operation::CountTokens,
    Operation::EmbedContent,
    Operation::BatchEmbedContents,
];

/// The demo provider.
pub struct Demo;

impl Provider for Demo {
    fn offers(&self, asked: Operation, _: &Wish) -> Option<Operation> {
        SPOKEN.contains(&asked).then_some(asked)
    }

    fn path(&self, call: &Call, base_path: &str, wish: &Wish) -> String {
        match call.operation.dialect() {
            Dialect::OpenAi => format!("{base_path}/v1{}", call.operation.suffix()),
            Dialect::Anthropic => Anthropic.path(call, base_path, wish),
            _ => Gemini.path(call, base_path, wish),
        }
    }

    fn authorize(
        &self,
        _: &mut RequestHeader,
        _: Option<&Secret>,
        _: &[u8],
    ) -> pingora::Result<()> {
        Ok(())
    }

    fn base_url(&self) -> Option<String> {
        None
    }

    fn needs_key(&self) -> bool {
        false
    }
}
