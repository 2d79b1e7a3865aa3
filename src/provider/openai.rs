//! OpenAI, and every server that speaks its API: one row in `quirks` each.

use pingora::http::RequestHeader;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ChatApi, Provider, ProviderConfig, Wish, query_value};
use crate::{
    auth::Secret,
    catalogue::{Api, Model},
    protocol::{Call, Dialect, Operation, Realtime},
};

/// OpenAI's API, or that of a vendor who speaks it.
pub struct OpenAi {
    quirks: Quirks,
    responses: bool,
    chat_api: ChatApi,
}

impl OpenAi {
    /// The provider of a section.
    pub fn new(config: &ProviderConfig) -> Self {
        let quirks = config.preset.map_or(OPENAI, Preset::quirks);
        Self {
            quirks,
            responses: config.responses.unwrap_or(quirks.responses),
            chat_api: config.chat_api,
        }
    }
}

impl Provider for OpenAi {
    fn offers(&self, asked: Operation, wish: &Wish) -> Option<Operation> {
        offers(
            asked,
            wish,
            self.chat_api,
            self.responses,
            self.quirks.completions,
        )
    }

    fn path(&self, call: &Call, base_path: &str, _: &Wish) -> String {
        format!("{base_path}{}", call.operation.suffix())
    }

    /// <https://platform.openai.com/docs/guides/realtime-websocket>
    fn realtime(&self, realtime: Realtime, base_path: &str, model: &str) -> Option<String> {
        match realtime {
            Realtime::OpenAi if model.is_empty() => Some(format!("{base_path}/realtime")),
            Realtime::OpenAi => Some(format!("{base_path}/realtime?model={}", query_value(model))),
            Realtime::Responses => self.responses.then(|| format!("{base_path}/responses")),
            Realtime::Gemini(_) => None,
        }
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
        Some(self.quirks.base_url.to_owned())
    }

    fn needs_key(&self) -> bool {
        self.quirks.needs_key
    }
}

/// What to ask an OpenAI-compatible API for.
pub fn offers(
    asked: Operation,
    wish: &Wish,
    chat_api: ChatApi,
    responses: bool,
    completions: bool,
) -> Option<Operation> {
    // Some models have one of the two APIs only.
    let has = |model: &Model, api| model.apis.is_empty() || model.apis.contains(&api);
    let only = match wish.known.map_or((true, true), |m| {
        (has(m, Api::Chat), has(m, Api::Responses))
    }) {
        (true, false) => Some(Operation::Chat),
        (false, true) if responses => Some(Operation::Responses),
        _ => None,
    };
    let chat = only.unwrap_or(if chat_api == ChatApi::Responses && responses {
        Operation::Responses
    } else {
        Operation::Chat
    });
    match asked {
        Operation::Responses if !responses => Some(Operation::Chat),
        Operation::Chat | Operation::Responses => Some(only.unwrap_or(asked)),
        Operation::Completions if !completions => Some(chat),
        Operation::EmbedContent | Operation::BatchEmbedContents => Some(Operation::Embeddings),
        _ if asked.dialect() == Dialect::OpenAi => Some(asked),
        _ if asked.is_chat() => Some(chat),
        _ => None,
    }
}

/// A vendor or server with an OpenAI-compatible API.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// <https://docs.mistral.ai/api/>
    Mistral,
    /// <https://console.groq.com/docs/openai>
    Groq,
    /// <https://api-docs.deepseek.com/>
    Deepseek,
    /// <https://docs.together.ai/docs/openai-api-compatibility>
    Together,
    /// <https://openrouter.ai/docs/api-reference/overview>
    Openrouter,
    /// <https://docs.x.ai/docs/api-reference>
    Xai,
    /// <https://docs.fireworks.ai/tools-sdks/openai-compatibility>
    Fireworks,
    /// <https://inference-docs.cerebras.ai/resources/openai>
    Cerebras,
    /// <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html>
    Vllm,
    /// <https://github.com/ggml-org/llama.cpp/tree/master/tools/server>
    Llamacpp,
    /// <https://docs.ollama.com/openai>
    Ollama,
}

/// How a vendor differs from OpenAI.
#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    /// Where its API lives.
    pub base_url: &'static str,
    /// Whether to send `stream_options.include_usage`. Vendors that always send usage at the end of a stream are
    /// left alone: some refuse fields that they do not know.
    pub stream_usage: bool,
    /// Whether it wants a key.
    pub needs_key: bool,
    /// Whether it has `/responses`.
    pub responses: bool,
    /// Whether it has `/completions`.
    pub completions: bool,
}

/// OpenAI itself: what vendors differ from.
const OPENAI: Quirks = Quirks {
    base_url: "https://api.openai.com/v1",
    stream_usage: true,
    needs_key: true,
    responses: true,
    completions: true,
};

/// A vendor that has chat completions and completions, and no responses.
const VENDOR: Quirks = Quirks {
    responses: false,
    ..OPENAI
};

/// A server on this machine, without a key.
const LOCAL: Quirks = Quirks {
    needs_key: false,
    ..OPENAI
};

impl Preset {
    /// The name in the configuration and in the catalogue of models.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What is special about this vendor.
    pub const fn quirks(self) -> Quirks {
        self.row().1
    }

    /// The one list of all presets: the name, and how the vendor differs.
    const fn row(self) -> (&'static str, Quirks) {
        match self {
            Self::Mistral => (
                "mistral",
                Quirks {
                    base_url: "https://api.mistral.ai/v1",
                    stream_usage: false,
                    completions: false,
                    ..VENDOR
                },
            ),
            Self::Groq => (
                "groq",
                Quirks {
                    base_url: "https://api.groq.com/openai/v1",
                    completions: false,
                    ..OPENAI
                },
            ),
            Self::Deepseek => (
                "deepseek",
                Quirks {
                    base_url: "https://api.deepseek.com/v1",
                    ..VENDOR
                },
            ),
            Self::Together => (
                "together",
                Quirks {
                    base_url: "https://api.together.xyz/v1",
                    ..VENDOR
                },
            ),
            Self::Openrouter => (
                "openrouter",
                Quirks {
                    base_url: "https://openrouter.ai/api/v1",
                    stream_usage: false,
                    ..OPENAI
                },
            ),
            Self::Xai => (
                "xai",
                Quirks {
                    base_url: "https://api.x.ai/v1",
                    ..OPENAI
                },
            ),
            Self::Fireworks => (
                "fireworks",
                Quirks {
                    base_url: "https://api.fireworks.ai/inference/v1",
                    ..OPENAI
                },
            ),
            Self::Cerebras => (
                "cerebras",
                Quirks {
                    base_url: "https://api.cerebras.ai/v1",
                    ..VENDOR
                },
            ),
            Self::Vllm => (
                "vllm",
                Quirks {
                    base_url: "http://127.0.0.1:8000/v1",
                    ..LOCAL
                },
            ),
            Self::Llamacpp => (
                "llamacpp",
                Quirks {
                    base_url: "http://127.0.0.1:8080/v1",
                    ..LOCAL
                },
            ),
            Self::Ollama => (
                "ollama",
                Quirks {
                    base_url: "http://127.0.0.1:11434/v1",
                    ..LOCAL
                },
            ),
        }
    }
}
