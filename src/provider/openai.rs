//! OpenAI, and every server that speaks its API: one row in `quirks` each.

use pingora::http::RequestHeader;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Provider;
use crate::{
    auth::Secret,
    protocol::{Call, Dialect},
};

/// OpenAI's API.
pub struct OpenAi;

impl Provider for OpenAi {
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::OpenAi]
    }

    fn path(&self, call: &Call, base_path: &str, _: &str) -> String {
        format!("{base_path}{}", call.operation.suffix())
    }

    fn authorize(&self, request: &mut RequestHeader, key: &Secret) -> pingora::Result<()> {
        request.insert_header("authorization", format!("Bearer {}", key.expose()))
    }

    fn base_url(&self) -> Option<&'static str> {
        Some("https://api.openai.com/v1")
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
}

impl Preset {
    /// What is special about this vendor: the one list of all presets.
    pub const fn quirks(self) -> Quirks {
        const fn row(base_url: &'static str, stream_usage: bool, needs_key: bool) -> Quirks {
            Quirks {
                base_url,
                stream_usage,
                needs_key,
            }
        }
        match self {
            Self::Mistral => row("https://api.mistral.ai/v1", false, true),
            Self::Groq => row("https://api.groq.com/openai/v1", true, true),
            Self::Deepseek => row("https://api.deepseek.com/v1", true, true),
            Self::Together => row("https://api.together.xyz/v1", true, true),
            Self::Openrouter => row("https://openrouter.ai/api/v1", false, true),
            Self::Xai => row("https://api.x.ai/v1", true, true),
            Self::Vllm => row("http://127.0.0.1:8000/v1", true, false),
            Self::Llamacpp => row("http://127.0.0.1:8080/v1", true, false),
            Self::Ollama => row("http://127.0.0.1:11434/v1", true, false),
        }
    }
}
