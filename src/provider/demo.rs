//! The built-in stand-in, reached over loopback like any other upstream.

use pingora::http::RequestHeader;

use super::{Provider, anthropic::Anthropic, gemini::Gemini, openai::OpenAi};
use crate::{
    auth::Secret,
    protocol::{Call, Dialect},
};

/// The demo provider.
pub struct Demo;

impl Provider for Demo {
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini]
    }

    fn path(&self, call: &Call, base_path: &str, model: &str) -> String {
        match call.operation.dialect() {
            Dialect::OpenAi => OpenAi.path(call, &format!("{base_path}/v1"), model),
            Dialect::Anthropic => Anthropic.path(call, base_path, model),
            Dialect::Gemini => Gemini.path(call, base_path, model),
        }
    }

    fn authorize(&self, _: &mut RequestHeader, _: &Secret) -> pingora::Result<()> {
        Ok(())
    }

    fn base_url(&self) -> Option<&'static str> {
        None
    }

    fn needs_key(&self) -> bool {
        false
    }
}
