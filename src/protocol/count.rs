//! Counting a prompt's tokens before it is sent: the wire forms of clients and providers, around the chat codecs, and
//! an [`estimate`] for providers that do not count.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Call, Operation,
    chat::ChatRequest,
    codec::{ClientCodec, NotUnderstood, ProviderCodec, Target},
    json::{Document, Limits},
    loss::Losses,
};
use crate::error::{Failure, Kind};

mod estimate;

pub use estimate::estimate;

/// What a prompt counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tokens of the prompt with its tools, cached ones included.
    pub tokens: u64,
    /// The part that is cached already, where the provider tells (Gemini).
    pub cached: Option<u64>,
    /// Whether the gateway estimated and no provider counted.
    pub estimated: bool,
}

/// A form in which providers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Anthropic's `/v1/messages/count_tokens`. <https://docs.anthropic.com/en/api/messages-count-tokens>
    Anthropic,
    /// Gemini's `countTokens`. <https://ai.google.dev/api/tokens>
    Gemini,
    /// The same at Vertex AI, where the request's members stand alone.
    /// <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens>
    Vertex,
    /// Bedrock's `count-tokens`.
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html>
    Bedrock,
}

/// Settings of a chat that add nothing to its prompt, so leaving them out is no loss.
const SETTINGS: [&str; 12] = [
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
    "service_tier",
    "inferenceConfig",
    "safetySettings",
    "toolConfig",
    "labels",
];

impl Counter {
    /// The form that an operation has, if it counts. Vertex shares Gemini's operation.
    pub const fn of(operation: Operation) -> Option<Self> {
        match operation {
            Operation::MessagesCountTokens => Some(Self::Anthropic),
            Operation::CountTokens => Some(Self::Gemini),
            Operation::ConverseCountTokens => Some(Self::Bedrock),
            _ => None,
        }
    }

    /// Members of a chat's request that this form takes.
    fn takes(self, member: &str) -> bool {
        match self {
            Self::Anthropic => matches!(
                member,
                "model"
                    | "messages"
                    | "system"
                    | "tools"
                    | "tool_choice"
                    | "thinking"
                    | "cache_control"
                    | "output_config"
                    | "context_management"
                    | "mcp_servers"
            ),
            Self::Gemini => true,
            Self::Vertex => matches!(
                member,
                "contents" | "systemInstruction" | "tools" | "generationConfig"
            ),
            Self::Bedrock => matches!(
                member,
                "messages" | "system" | "toolConfig" | "additionalModelRequestFields"
            ),
        }
    }

    /// Writes a request for a provider, by the codec of its chats.
    pub fn write(
        self,
        codec: &dyn ProviderCodec,
        request: &ChatRequest,
        target: &Target<'_>,
        losses: &mut Losses,
    ) -> Vec<u8> {
        let chat = codec.request(request, target, losses);
        let Ok(document) = Document::parse(&chat, Limits::default()) else {
            return chat;
        };
        let root = document.root();
        for member in root.members() {
            let key = &*member.key;
            if !self.takes(key) && !SETTINGS.contains(&key) {
                losses.hint(key, "the provider does not count it");
            }
        }
        let mut kept = Vec::with_capacity(chat.len());
        let mut at = 0;
        for removal in root.removals(|key| !self.takes(key)) {
            kept.extend_from_slice(&chat[at..removal.start]);
            at = removal.end;
        }
        kept.extend_from_slice(&chat[at..]);
        self.wrap(kept, target.model)
    }

    fn wrap(self, chat: Vec<u8>, model: &str) -> Vec<u8> {
        let Ok(chat) = serde_json::from_slice::<&RawValue>(&chat) else {
            return chat;
        };
        match self {
            Self::Anthropic | Self::Vertex => chat.get().as_bytes().to_vec(),
            Self::Gemini => gemini(chat.get(), model),
            Self::Bedrock => written(&Input {
                input: Converse { converse: chat },
            }),
        }
    }

    /// Reads a provider's answer.
    ///
    /// # Errors
    /// [`NotUnderstood`] if it is no answer of this form.
    pub fn read(self, body: &[u8]) -> Result<Count, NotUnderstood> {
        let document = Document::parse(body, Limits::default())
            .map_err(|_| NotUnderstood("the answer is no JSON"))?;
        let count = |key| document.root().get(key)?.as_u64();
        let tokens = count(match self {
            Self::Anthropic => "input_tokens",
            Self::Gemini | Self::Vertex => "totalTokens",
            Self::Bedrock => "inputTokens",
        });
        Ok(Count {
            tokens: tokens.ok_or(NotUnderstood("the answer holds no count"))?,
            cached: count("cachedContentTokenCount"),
            estimated: false,
        })
    }
}

#[derive(Serialize)]
struct Input<'a> {
    input: Converse<'a>,
}

#[derive(Serialize)]
struct Converse<'a> {
    converse: &'a RawValue,
}

/// The whole request inside, since the outer one takes no system instruction and no tools. It names the model again.
fn gemini(chat: &str, model: &str) -> Vec<u8> {
    let model = if model.contains('/') {
        model.to_owned()
    } else {
        format!("models/{model}")
    };
    let model = serde_json::Value::from(model);
    let members = chat.trim_start().strip_prefix('{').unwrap_or("}");
    let comma = if members.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    format!(r#"{{"generateContentRequest":{{"model":{model}{comma}{members}}}"#).into_bytes()
}

fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and raw JSON always serialise")
}

/// Reads a client's request by the codec of its chats: Anthropic's `count_tokens`, or Gemini's `countTokens`, which
/// has either the contents alone or a whole `generateContentRequest`.
///
/// # Errors
/// A [`Failure`] for the client, naming the member that makes no sense.
pub fn read(codec: &dyn ClientCodec, call: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
    let document = Document::parse(body, Limits::default())
        .map_err(|e| Failure::new(Kind::BadRequest, format!("the body is no JSON: {e}")))?;
    let root = document.root();
    if call.operation == Operation::CountTokens {
        let whole = root
            .get("generateContentRequest")
            .or_else(|| root.get("generate_content_request"));
        return codec.request(call, whole.map_or(body, |whole| whole.raw()));
    }
    // A chat must say `max_tokens`, a count does not.
    let object = body.trim_ascii_start().strip_prefix(b"{");
    if let Some(members) = object
        && root.get("max_tokens").is_none()
        && !root.is_empty()
    {
        let chat = [br#"{"max_tokens":1,"#, members].concat();
        let mut request = codec.request(call, &chat)?;
        request.max_tokens = None;
        return Ok(request);
    }
    codec.request(call, body)
}

/// Writes the answer for a client. An estimate says so in a member of its own, `"estimated": true`: the SDKs of
/// Anthropic keep members that they do not know, Google's leaves them out.
pub fn write(operation: Operation, count: &Count) -> Vec<u8> {
    #[derive(Serialize)]
    struct Anthropic {
        input_tokens: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        estimated: bool,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Gemini {
        total_tokens: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        cached_content_token_count: Option<u64>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        estimated: bool,
    }
    let Count {
        tokens,
        cached,
        estimated,
    } = *count;
    match operation {
        Operation::CountTokens => written(&Gemini {
            total_tokens: tokens,
            cached_content_token_count: cached,
            estimated,
        }),
        _ => written(&Anthropic {
            input_tokens: tokens,
            estimated,
        }),
    }
}

#[cfg(test)]
#[path = "count/tests.rs"]
mod tests;
