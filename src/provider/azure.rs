//! OpenAI's models at Microsoft Azure.

use std::{collections::BTreeMap, sync::Arc};

use pingora::http::RequestHeader;

use super::{ChatApi, Provider, ProviderConfig, Wish, Wrong, openai, query_value};
use crate::{
    auth::Secret,
    protocol::{Call, Operation, Realtime},
    upstream::token::TokenSource,
};

/// Azure's API: deployments instead of models; the version in the query, or `/openai/v1`, which has none.
/// <https://learn.microsoft.com/azure/ai-foundry/openai/reference>
pub struct Azure {
    api_version: Option<String>,
    deployments: BTreeMap<String, String>,
    chat_api: ChatApi,
    tokens: Option<Arc<TokenSource>>,
}

impl Azure {
    /// The provider of a section.
    ///
    /// # Errors
    /// If the address is missing, or two kinds of credentials are given.
    pub fn new(config: &ProviderConfig) -> Result<Self, Wrong> {
        if config.base_url.is_none() && config.endpoints.is_empty() {
            return Err(Wrong(
                "base_url",
                "`kind: azure` needs the address of the resource, such as https://NAME.openai.azure.com"
                    .to_owned(),
            ));
        }
        if config.entra.is_some() && !config.all_keys().is_empty() {
            return Err(Wrong(
                "entra",
                "give either `entra` or an `api_key`, not both".to_owned(),
            ));
        }
        let sane = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if config.api_version.as_deref().is_some_and(|v| !sane(v)) {
            return Err(Wrong(
                "api_version",
                "a version looks like 2024-10-21".to_owned(),
            ));
        }
        if let Some(bad) = config.deployments.values().find(|name| !sane(name)) {
            return Err(Wrong(
                "deployments",
                format!("`{bad}` is no name of a deployment"),
            ));
        }
        Ok(Self {
            api_version: config.api_version.clone(),
            deployments: config.deployments.clone(),
            chat_api: config.chat_api,
            tokens: config
                .entra
                .as_ref()
                .map(|entra| TokenSource::new(entra.clone())),
        })
    }
}

/// People write the base URL with and without what all paths share.
fn resource(base_path: &str) -> &str {
    let base = base_path.strip_suffix("/v1").unwrap_or(base_path);
    base.strip_suffix("/openai").unwrap_or(base)
}

impl Provider for Azure {
    fn offers(&self, asked: Operation, wish: &Wish) -> Option<Operation> {
        openai::offers(asked, wish, self.chat_api, true, true)
    }

    fn path(&self, call: &Call, base_path: &str, wish: &Wish) -> String {
        let base = resource(base_path);
        let suffix = call.operation.suffix();
        match &self.api_version {
            None => format!("{base}/openai/v1{suffix}"),
            Some(version) if call.operation == Operation::Responses => {
                format!("{base}/openai{suffix}?api-version={version}")
            }
            Some(version) => format!(
                "{base}/openai/deployments/{}{suffix}?api-version={version}",
                self.model_name(wish.model)
            ),
        }
    }

    /// <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets>
    fn realtime(&self, realtime: Realtime, base_path: &str, model: &str) -> Option<String> {
        let base = resource(base_path);
        let model = query_value(self.model_name(model));
        match (realtime, &self.api_version) {
            (Realtime::OpenAi, None) if model.is_empty() => {
                Some(format!("{base}/openai/v1/realtime"))
            }
            (Realtime::OpenAi, None) => Some(format!("{base}/openai/v1/realtime?model={model}")),
            (Realtime::OpenAi, Some(version)) => Some(format!(
                "{base}/openai/realtime?api-version={version}&deployment={model}"
            )),
            (Realtime::Responses, None) => Some(format!("{base}/openai/v1/responses")),
            _ => None,
        }
    }

    fn authorize(
        &self,
        request: &mut RequestHeader,
        key: Option<&Secret>,
        _: &[u8],
    ) -> pingora::Result<()> {
        match key {
            Some(key) => request.insert_header("api-key", key.expose()),
            None => Ok(()),
        }
    }

    fn base_url(&self) -> Option<String> {
        None
    }

    fn needs_key(&self) -> bool {
        self.tokens.is_none()
    }

    fn tokens(&self) -> Option<&Arc<TokenSource>> {
        self.tokens.as_ref()
    }

    fn model_name<'a>(&'a self, model: &'a str) -> &'a str {
        self.deployments.get(model).map_or(model, String::as_str)
    }
}
