//! Token counts and log probabilities, both ways.

use serde::Serialize;

use crate::protocol::{
    chat::{TokenLogprob, TokenUsage},
    json::Value,
};

/// Reads a `usage` object of any vendor. <https://platform.openai.com/docs/api-reference/chat/object>
///
/// `prompt_tokens` includes what was cached. Cached tokens stand in `prompt_tokens_details.cached_tokens`, at DeepSeek
/// in `prompt_cache_hit_tokens`, at Mistral in `num_cached_tokens`, at Moonshot in `cached_tokens`.
/// `completion_tokens` includes reasoning, but at xAI and at Gemini's compatible endpoint, as `total_tokens` shows.
pub(super) fn read_usage(usage: Value) -> TokenUsage {
    let count = |value: Option<Value>, key: &str| value?.get(key)?.as_u64();
    let top = |key| count(Some(usage), key);
    let input = usage.get("prompt_tokens_details");
    let output = usage.get("completion_tokens_details");
    let reasoning = count(output, "reasoning_tokens").or_else(|| top("reasoning_tokens"));
    let prompt = top("prompt_tokens");
    let mut completion = top("completion_tokens");
    if let (Some(p), Some(c), Some(r), Some(total)) =
        (prompt, completion, reasoning, top("total_tokens"))
        && r > 0
        && p.checked_add(c).and_then(|sum| sum.checked_add(r)) == Some(total)
    {
        completion = Some(c + r);
    }
    TokenUsage {
        input: prompt,
        output: completion,
        cache_read: count(input, "cached_tokens")
            .or_else(|| top("prompt_cache_hit_tokens"))
            .or_else(|| top("num_cached_tokens"))
            .or_else(|| top("cached_tokens")),
        cache_write: count(input, "cache_write_tokens"),
        audio_input: count(input, "audio_tokens"),
        audio_output: count(output, "audio_tokens"),
        image_output: count(output, "image_tokens"),
        reasoning,
        ..TokenUsage::default()
    }
}

/// A `usage` object. The three counts of OpenAI's schema are always there, the details only as far as they are known.
#[derive(Serialize)]
pub(in crate::protocol::codec) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<InputDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<OutputDetails>,
}

#[derive(PartialEq, Default, Serialize)]
struct InputDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_tokens: Option<u64>,
}

#[derive(PartialEq, Default, Serialize)]
struct OutputDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_tokens: Option<u64>,
}

impl Usage {
    /// The counts, if there are any.
    pub(in crate::protocol::codec) fn of(usage: &TokenUsage) -> Option<Self> {
        if usage.is_unknown() {
            return None;
        }
        let input = InputDetails {
            cached_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write,
            audio_tokens: usage.audio_input,
        };
        let output = OutputDetails {
            reasoning_tokens: usage.reasoning,
            audio_tokens: usage.audio_output,
            image_tokens: usage.image_output,
        };
        let (prompt, completion) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
        Some(Self {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
            prompt_tokens_details: Some(input).filter(|d| *d != InputDetails::default()),
            completion_tokens_details: Some(output).filter(|d| *d != OutputDetails::default()),
        })
    }
}

/// What OpenAI tells for a token that is not among the likely ones.
const UNLIKELY: f64 = -9999.0;

/// Reads a choice's `logprobs`: those of the content, then those of the refusal.
pub(super) fn read_logprobs(logprobs: Value) -> Vec<TokenLogprob> {
    ["content", "refusal"]
        .into_iter()
        .filter_map(|key| logprobs.get(key))
        .flat_map(Value::elements)
        .map(|token| TokenLogprob {
            top: token
                .get("top_logprobs")
                .into_iter()
                .flat_map(Value::elements)
                .map(read_token)
                .collect(),
            ..read_token(token)
        })
        .collect()
}

fn read_token(token: Value) -> TokenLogprob {
    let text = token.get("token").and_then(Value::as_str);
    let bytes = token.get("bytes").filter(|bytes| !bytes.is_null());
    TokenLogprob {
        token: text.unwrap_or_default().into_owned(),
        logprob: token
            .get("logprob")
            .and_then(Value::as_f64)
            .unwrap_or(UNLIKELY),
        bytes: bytes.map(|bytes| {
            bytes
                .elements()
                .filter_map(|b| u8::try_from(b.as_u64()?).ok())
                .collect()
        }),
        top: Vec::new(),
    }
}

/// A choice's `logprobs`.
#[derive(Serialize)]
pub(super) struct Logprobs<'a> {
    content: Option<Vec<Token<'a>>>,
    refusal: Option<Vec<Token<'a>>>,
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<Vec<Token<'a>>>,
}

impl<'a> Logprobs<'a> {
    /// The log probabilities of a text, or of a refusal.
    pub(super) fn of(tokens: &'a [TokenLogprob], refusal: bool) -> Option<Self> {
        if tokens.is_empty() {
            return None;
        }
        let tokens = tokens
            .iter()
            .map(|token| Token {
                top_logprobs: Some(token.top.iter().map(Token::of).collect()),
                ..Token::of(token)
            })
            .collect();
        Some(if refusal {
            Self {
                content: None,
                refusal: Some(tokens),
            }
        } else {
            Self {
                content: Some(tokens),
                refusal: None,
            }
        })
    }
}

impl<'a> Token<'a> {
    fn of(token: &'a TokenLogprob) -> Self {
        Self {
            token: &token.token,
            logprob: token.logprob,
            bytes: &token.bytes,
            top_logprobs: None,
        }
    }
}
