//! Google Gemini.

use pingora::http::RequestHeader;

use super::Provider;
use crate::{
    auth::Secret,
    protocol::{Call, Dialect},
};

/// The Gemini API of Google AI.
pub struct Gemini;

impl Provider for Gemini {
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Gemini]
    }

    fn path(&self, call: &Call, base_path: &str, model: &str) -> String {
        let verb = call.operation.suffix();
        // A base URL that names a version pins it; otherwise the client's version is kept.
        if base_path.ends_with("/v1beta") || base_path.ends_with("/v1") {
            format!("{base_path}/models/{model}:{verb}")
        } else {
            format!("{base_path}/{}/models/{model}:{verb}", call.version)
        }
    }

    fn authorize(&self, request: &mut RequestHeader, key: &Secret) -> pingora::Result<()> {
        request.insert_header("x-goog-api-key", key.expose())
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://generativelanguage.googleapis.com")
    }
}
