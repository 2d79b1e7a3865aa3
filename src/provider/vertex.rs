//! Google Vertex AI: Gemini, and Claude.

use std::sync::Arc;

use bytes::Bytes;
use pingora::http::RequestHeader;

use super::{Provider, ProviderConfig, Wish, Wrong, anthropic, gemini};
use crate::{
    auth::Secret,
    protocol::{Call, Dialect, Operation, codec},
    upstream::{
        google::{GoogleCredentials, MetadataServer},
        token::TokenSource,
    },
};

/// Vertex AI in one project and location.
/// <https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest>
pub struct Vertex {
    project: String,
    location: String,
    tokens: Option<Arc<TokenSource>>,
    /// The project that pays, where the credentials name one.
    quota_project: Option<String>,
}

/// What stands for `anthropic-version` in bodies at Vertex.
/// <https://docs.anthropic.com/en/api/claude-on-vertex-ai>
const ANTHROPIC_VERSION: &str = "vertex-2023-10-16";

/// Flags of `anthropic-beta` that Vertex takes.
const BETAS: [&str; 7] = [
    "computer-use-2025-01-24",
    "token-efficient-tools-2025-02-19",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "web-search-2025-03-05",
];

impl Vertex {
    /// The provider of a section.
    ///
    /// # Errors
    /// If there are no credentials, or they cannot be read, or no project is known.
    pub fn new(config: &ProviderConfig) -> Result<Self, Wrong> {
        let source = match &config.google {
            None => None,
            Some(secret) if secret.expose() == "metadata" => {
                Some(GoogleCredentials::MetadataServer(MetadataServer::default()))
            }
            Some(secret) => {
                let parsed = GoogleCredentials::parse(secret);
                Some(parsed.map_err(|why| Wrong("google", why))?)
            }
        };
        if source.is_some() && !config.all_keys().is_empty() {
            return Err(Wrong(
                "google",
                "give either `google` or an `api_key`, not both".to_owned(),
            ));
        }
        let project = config
            .project
            .clone()
            .or_else(|| source.as_ref()?.project_id().map(str::to_owned))
            .ok_or_else(|| {
                Wrong(
                    "project",
                    "`kind: vertex` needs a `project`; the credentials name none".to_owned(),
                )
            })?;
        let location = config
            .location
            .clone()
            .unwrap_or_else(|| "global".to_owned());
        let sane = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
        };
        if !sane(&project) {
            return Err(Wrong("project", format!("`{project}` is no project")));
        }
        if !sane(&location) {
            return Err(Wrong("location", format!("`{location}` is no location")));
        }
        Ok(Self {
            project,
            location,
            quota_project: source
                .as_ref()
                .and_then(|source| source.quota_project())
                .map(str::to_owned),
            tokens: source.map(TokenSource::new),
        })
    }
}

fn is_claude(model: &str) -> bool {
    model.starts_with("claude")
}

impl Provider for Vertex {
    fn offers(&self, asked: Operation, wish: &Wish) -> Option<Operation> {
        if is_claude(wish.model) {
            anthropic::offers(asked)
        } else {
            gemini::offers(asked, wish)
        }
    }

    fn path(&self, call: &Call, base_path: &str, wish: &Wish) -> String {
        let base = base_path.strip_suffix("/v1").unwrap_or(base_path);
        let (publisher, model, verb) = match call.operation {
            Operation::MessagesCountTokens => ("anthropic", "count-tokens", "rawPredict"),
            Operation::Messages if wish.stream => ("anthropic", wish.model, "streamRawPredict"),
            Operation::Messages => ("anthropic", wish.model, "rawPredict"),
            operation => ("google", wish.model, operation.suffix()),
        };
        format!(
            "{base}/v1/projects/{}/locations/{}/publishers/{publisher}/models/{model}:{verb}",
            self.project, self.location
        )
    }

    fn authorize(
        &self,
        request: &mut RequestHeader,
        key: Option<&Secret>,
        _: &[u8],
    ) -> pingora::Result<()> {
        if let Some(project) = &self.quota_project {
            request.insert_header("x-goog-user-project", project)?;
        }
        match key {
            // A key of Vertex AI in express mode.
            Some(key) => request.insert_header("x-goog-api-key", key.expose()),
            None => Ok(()),
        }
    }

    fn base_url(&self) -> Option<String> {
        Some(match self.location.as_str() {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            // Multi-regions have hosts of their own.
            // <https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations>
            location @ ("us" | "eu") => format!("https://aiplatform.{location}.rep.googleapis.com"),
            location => format!("https://{location}-aiplatform.googleapis.com"),
        })
    }

    fn needs_key(&self) -> bool {
        self.tokens.is_none()
    }

    fn tokens(&self) -> Option<&Arc<TokenSource>> {
        self.tokens.as_ref()
    }

    fn finish_body(&self, operation: Operation, body: Bytes) -> Bytes {
        if operation.dialect() != Dialect::Anthropic {
            return body;
        }
        // A count names its model in the body.
        if operation == Operation::MessagesCountTokens {
            return body;
        }
        codec::anthropic::for_platform(body.into(), ANTHROPIC_VERSION).into()
    }

    fn takes_beta(&self, flag: &str) -> bool {
        BETAS.contains(&flag)
    }
}
