//! Cohere.

use pingora::http::RequestHeader;

use super::{Provider, Wish};
use crate::{
    auth::Secret,
    protocol::{Call, Operation},
};

/// Cohere's API, version 2. <https://docs.cohere.com/reference/chat>
pub struct Cohere;

impl Provider for Cohere {
    fn offers(&self, asked: Operation, _: &Wish) -> Option<Operation> {
        match asked {
            Operation::Embeddings | Operation::EmbedContent | Operation::BatchEmbedContents => {
                Some(Operation::CohereEmbed)
            }
            Operation::Rerank => Some(Operation::CohereRerank),
            _ if asked.is_chat() => Some(Operation::CohereChat),
            _ => None,
        }
    }

    fn path(&self, call: &Call, base_path: &str, _: &Wish) -> String {
        // People write the base URL with and without the version.
        let base = base_path
            .strip_suffix("/v2")
            .or_else(|| base_path.strip_suffix("/v1"))
            .unwrap_or(base_path);
        format!("{base}{}", call.operation.suffix())
    }

    fn authorize(
        &self,
        request: &mut RequestHeader,
        key: Option<&Secret>,
        _: &[u8],
    ) -> pingora::Result<()> {
        match key {
            Some(key) => request.insert_header("authorization", format!("Bearer {}", key.expose())),
            None => Ok(()),
        }
    }

    fn base_url(&self) -> Option<String> {
        Some("https://api.cohere.com".to_owned())
    }
}
