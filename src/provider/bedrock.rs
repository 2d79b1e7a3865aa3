//! Amazon Bedrock.

use std::time::SystemTime;

use pingora::{Error, ErrorType, http::RequestHeader};

use super::{Provider, ProviderConfig, Wish, Wrong};
use crate::{
    auth::Secret,
    protocol::{Call, Operation},
    upstream::aws::{self, AwsCredentials, Scope, Unsigned},
};

/// Bedrock's runtime API in one region. Requests carry an API key, or are signed (Signature Version 4).
pub struct Bedrock {
    region: String,
    aws: Option<AwsCredentials>,
}

/// Flags of `anthropic-beta` that Bedrock takes.
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html>
const BETAS: [&str; 9] = [
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "token-efficient-tools-2025-02-19",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "dev-full-thinking-2025-05-14",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "effort-2025-11-24",
];

impl Bedrock {
    /// The provider of a section.
    ///
    /// # Errors
    /// If the region is missing and cannot be read from the address, or two kinds of credentials are given.
    pub fn new(config: &ProviderConfig) -> Result<Self, Wrong> {
        if config.aws.is_some() && !config.all_keys().is_empty() {
            return Err(Wrong(
                "aws",
                "give either `aws` or an `api_key`, not both".to_owned(),
            ));
        }
        let from_url = || {
            let host = &config.base_url.as_ref()?.host;
            let region = host.strip_prefix("bedrock-runtime.")?.split('.').next()?;
            Some(region.to_owned())
        };
        let own_address = config.base_url.is_some() || !config.endpoints.is_empty();
        let region = config
            .region
            .clone()
            .or_else(from_url)
            .or_else(|| (own_address && config.aws.is_none()).then(String::new))
            .ok_or_else(|| {
                Wrong(
                    "region",
                    "`kind: bedrock` needs a `region`, such as `us-east-1`".to_owned(),
                )
            })?;
        let sane = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !region.bytes().all(sane) {
            return Err(Wrong("region", format!("`{region}` is no region of AWS")));
        }
        Ok(Self {
            region,
            aws: config.aws.clone(),
        })
    }
}

impl Provider for Bedrock {
    fn offers(&self, asked: Operation, wish: &Wish) -> Option<Operation> {
        match asked {
            Operation::Embeddings | Operation::EmbedContent | Operation::BatchEmbedContents => {
                Some(Operation::Invoke)
            }
            Operation::MessagesCountTokens | Operation::CountTokens => {
                Some(Operation::ConverseCountTokens)
            }
            _ if asked.is_chat() && wish.stream => Some(Operation::ConverseStream),
            _ if asked.is_chat() => Some(Operation::Converse),
            _ => None,
        }
    }

    fn path(&self, call: &Call, base_path: &str, wish: &Wish) -> String {
        format!(
            "{base_path}/model/{}/{}",
            aws::model_segment(wish.model),
            call.operation.suffix()
        )
    }

    fn authorize(
        &self,
        request: &mut RequestHeader,
        key: Option<&Secret>,
        body: &[u8],
    ) -> pingora::Result<()> {
        if let Some(key) = key {
            return request.insert_header("authorization", format!("Bearer {}", key.expose()));
        }
        let Some(credentials) = &self.aws else {
            return Ok(());
        };
        let authority = request
            .headers
            .get("host")
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let path = request.uri.path_and_query().map_or("/", |p| p.as_str());
        let scope = Scope {
            region: &self.region,
            service: "bedrock",
        };
        let unsigned = Unsigned {
            method: &request.method,
            authority: &authority,
            path_and_query: path,
            headers: &request.headers,
            body,
        };
        let signed = aws::sign(credentials, scope, &unsigned, SystemTime::now())
            .map_err(|e| Error::because(ErrorType::InternalError, "signing for AWS", e))?;
        for (name, value) in signed {
            request.insert_header(name, value)?;
        }
        Ok(())
    }

    fn base_url(&self) -> Option<String> {
        (!self.region.is_empty()).then(|| {
            let suffix = if self.region.starts_with("cn-") {
                ".cn"
            } else {
                ""
            };
            format!(
                "https://bedrock-runtime.{}.amazonaws.com{suffix}",
                self.region
            )
        })
    }

    fn needs_key(&self) -> bool {
        self.aws.is_none()
    }

    fn takes_beta(&self, flag: &str) -> bool {
        BETAS.contains(&flag)
    }
}
