//! Token counts. `input_tokens` leaves out what the prompt cache had or took.
//! <https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance>

use serde::Serialize;

use crate::protocol::{chat::TokenUsage, json::Value};

/// The counts as the API tells them. In a stream they are running totals: a later one replaces an earlier one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    reasoning: Option<u64>,
}

impl Counts {
    /// Takes over the counts of a `usage` object.
    pub(super) fn update(&mut self, usage: Value<'_>) {
        let count = |name: &str| usage.get(name).and_then(Value::as_u64);
        let inner = |object: &str, name: &str| usage.get(object)?.get(name)?.as_u64();
        let one_hour = inner("cache_creation", "ephemeral_1h_input_tokens");
        let split = inner("cache_creation", "ephemeral_5m_input_tokens")
            .map(|n| n.saturating_add(one_hour.unwrap_or(0)));
        self.input = count("input_tokens").or(self.input);
        self.output = count("output_tokens").or(self.output);
        self.cache_read = count("cache_read_input_tokens").or(self.cache_read);
        self.cache_write = count("cache_creation_input_tokens")
            .or(split)
            .or(self.cache_write);
        self.cache_write_1h = one_hour.or(self.cache_write_1h);
        self.reasoning = inner("output_tokens_details", "thinking_tokens").or(self.reasoning);
    }

    /// The counts in canonical form.
    pub(super) fn tokens(&self) -> TokenUsage {
        TokenUsage {
            input: self.input.map(|input| {
                input
                    .saturating_add(self.cache_read.unwrap_or(0))
                    .saturating_add(self.cache_write.unwrap_or(0))
            }),
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            reasoning: self.reasoning,
            ..TokenUsage::default()
        }
    }
}

/// The class of service in canonical words.
pub(super) fn tier(usage: Value<'_>) -> Option<String> {
    let tier = usage.get("service_tier")?.as_str()?;
    Some(match &*tier {
        "standard" => "default".to_owned(),
        _ => tier.into_owned(),
    })
}

/// A `usage` object. Its schema demands input and output; every other count stands only where it is known.
#[derive(Serialize)]
pub(super) struct Usage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_1h_input_tokens: u64,
    ephemeral_5m_input_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    thinking_tokens: u64,
}

impl<'a> Usage<'a> {
    /// The counts of a whole answer, or of one that begins.
    pub(super) fn of(tokens: &TokenUsage, tier: Option<&'a str>) -> Self {
        let mut usage = Self::of_delta(tokens);
        usage.input_tokens = Some(usage.input_tokens.unwrap_or(0));
        let written = tokens.cache_write.unwrap_or(0);
        usage.cache_creation = tokens.cache_write_1h.map(|one_hour| CacheCreation {
            ephemeral_1h_input_tokens: one_hour,
            ephemeral_5m_input_tokens: written.saturating_sub(one_hour),
        });
        usage.service_tier = match tier {
            Some("default") => Some("standard"),
            Some("standard" | "priority" | "batch") => tier,
            _ => None,
        };
        usage
    }

    /// The counts at the end of a stream.
    pub(super) fn of_delta(tokens: &TokenUsage) -> Self {
        let cached = tokens
            .cache_read
            .unwrap_or(0)
            .saturating_add(tokens.cache_write.unwrap_or(0));
        Self {
            input_tokens: tokens.input.map(|input| input.saturating_sub(cached)),
            cache_creation_input_tokens: tokens.cache_write,
            cache_read_input_tokens: tokens.cache_read,
            cache_creation: None,
            output_tokens: tokens.output.unwrap_or(0),
            output_tokens_details: tokens
                .reasoning
                .map(|thinking_tokens| OutputDetails { thinking_tokens }),
            service_tier: None,
        }
    }
}
