//! Google Gemini.

use pingora::http::RequestHeader;

use super::{Provider, Wish};
use crate::{
    auth::Secret,
    protocol::{Call, Dialect, Operation, Realtime},
};

/// The Gemini API of Google AI.
pub struct Gemini;

impl Provider for Gemini {
    fn offers(&self, asked: Operation, wish: &Wish) -> Option<Operation> {
        offers(asked, wish)
    }

    fn path(&self, call: &Call, base_path: &str, wish: &Wish) -> String {
        let (model, verb) = (wish.model, call.operation.suffix());
        // A base URL that names a version pins it; otherwise the client's version is kept.
        if base_path.ends_with("/v1beta") || base_path.ends_with("/v1") {
            format!("{base_path}/models/{model}:{verb}")
        } else {
            format!("{base_path}/{}/models/{model}:{verb}", call.version)
        }
    }

    /// <https://ai.google.dev/api/live>
    fn realtime(&self, realtime: Realtime, base_path: &str, _: &str) -> Option<String> {
        let Realtime::Gemini(version) = realtime else {
            return None;
        };
        let (base, version) = ["v1alpha", "v1beta", "v1"]
            .into_iter()
            .find_map(|pinned| Some((base_path.strip_suffix(pinned)?.strip_suffix('/')?, pinned)))
            .unwrap_or((base_path, version));
        let service = "GenerativeService.BidiGenerateContent";
        Some(format!(
            "{base}/ws/google.ai.generativelanguage.{version}.{service}"
        ))
    }

    fn authorize(
        &self,
        request: &mut RequestHeader,
        key: Option<&Secret>,
        _: &[u8],
    ) -> pingora::Result<()> {
        match key {
            Some(key) => request.insert_header("x-goog-api-key", key.expose()),
            None => Ok(()),
        }
    }

    fn base_url(&self) -> Option<String> {
        Some("https://generativelanguage.googleapis.com".to_owned())
    }
}

/// What to ask for, in Gemini's dialect: also of Vertex.
pub fn offers(asked: Operation, wish: &Wish) -> Option<Operation> {
    match asked {
        _ if asked.dialect() == Dialect::Gemini => Some(asked),
        Operation::MessagesCountTokens => Some(Operation::CountTokens),
        Operation::Embeddings => Some(Operation::BatchEmbedContents),
        _ if asked.is_chat() && wish.stream => Some(Operation::StreamGenerate),
        _ if asked.is_chat() => Some(Operation::Generate),
        _ => None,
    }
}
