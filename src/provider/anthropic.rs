//! Anthropic.

use pingora::http::RequestHeader;

use super::{Provider, Wish};
use crate::{
    auth::Secret,
    protocol::{Call, Operation},
};

/// Anthropic's API.
pub struct Anthropic;

/// The API version for clients that name none; the current one since 2023.
/// <https://docs.anthropic.com/en/api/versioning>
const VERSION: &str = "2023-06-01";

impl Provider for Anthropic {
    fn offers(&self, asked: Operation, _: &Wish) -> Option<Operation> {
        offers(asked)
    }

    fn path(&self, call: &Call, base_path: &str, _: &Wish) -> String {
        // People write the base URL with and without the version, as the SDKs differ in it.
        let base = base_path.strip_suffix("/v1").unwrap_or(base_path);
        format!("{base}/v1{}", call.operation.suffix())
    }

    fn authorize(
        &self,
        request: &mut RequestHeader,
        key: Option<&Secret>,
        _: &[u8],
    ) -> pingora::Result<()> {
        if !request.headers.contains_key("anthropic-version") {
            request.insert_header("anthropic-version", VERSION)?;
        }
        match key {
            Some(key) => request.insert_header("x-api-key", key.expose()),
            None => Ok(()),
        }
    }

    fn base_url(&self) -> Option<String> {
        Some("https://api.anthropic.com".to_owned())
    }
}

/// What to ask for, in Anthropic's dialect: also of Claude at clouds that have it.
pub fn offers(asked: Operation) -> Option<Operation> {
    match asked {
        Operation::MessagesCountTokens | Operation::CountTokens => {
            Some(Operation::MessagesCountTokens)
        }
        _ if asked.is_chat() => Some(Operation::Messages),
        _ => None,
    }
}
