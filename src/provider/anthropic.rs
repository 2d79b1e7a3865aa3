//! Anthropic.

use pingora::http::RequestHeader;

use super::Provider;
use crate::{
    auth::Secret,
    protocol::{Call, Dialect},
};

/// Anthropic's API.
pub struct Anthropic;

/// The API version for clients that name none; the current one since 2023.
/// <https://docs.anthropic.com/en/api/versioning>
const VERSION: &str = "2023-06-01";

impl Provider for Anthropic {
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Anthropic]
    }

    fn path(&self, call: &Call, base_path: &str, _: &str) -> String {
        // People write the base URL with and without the version, as the SDKs differ in it.
        let base = base_path.strip_suffix("/v1").unwrap_or(base_path);
        format!("{base}/v1{}", call.operation.suffix())
    }

    fn authorize(&self, request: &mut RequestHeader, key: &Secret) -> pingora::Result<()> {
        if !request.headers.contains_key("anthropic-version") {
            request.insert_header("anthropic-version", VERSION)?;
        }
        request.insert_header("x-api-key", key.expose())
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.anthropic.com")
    }
}
