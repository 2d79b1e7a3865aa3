//! What a WebSocket used, read from the events that pass by.

use memchr::memmem;
use serde_json::Value;

use crate::{
    protocol::{Dialect, Realtime},
    usage::TokenUsage,
};

/// Events of OpenAI that end a response, and tell what it alone used.
/// <https://platform.openai.com/docs/api-reference/realtime-server-events/response/done>
const ENDS: [&str; 4] = [
    "response.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
];

/// What the transcription of the caller's speech used, by a model of its own.
const TRANSCRIBED: &str = "conversation.item.input_audio_transcription.completed";

/// Adds up what the responses of one WebSocket used.
#[derive(Debug)]
pub struct Meter {
    dialect: Dialect,
    total: TokenUsage,
    unread: u64,
}

impl Meter {
    /// Nothing was used yet.
    pub fn new(realtime: Realtime) -> Self {
        Self {
            dialect: realtime.dialect(),
            total: TokenUsage::default(),
            unread: 0,
        }
    }

    /// What all responses used together.
    pub const fn total(&self) -> TokenUsage {
        self.total
    }

    /// Messages that may have told more, and could not be read.
    pub const fn unread(&self) -> u64 {
        self.unread
    }

    /// Reads one message; `None` stands for one that is too large.
    pub fn read(&mut self, message: Option<&[u8]>) {
        let Some(message) = message else {
            self.unread += 1;
            return;
        };
        // Almost all messages are sound and say nothing of usage.
        if memmem::find(message, b"\"usage").is_none() {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Value>(message) else {
            self.unread += 1;
            return;
        };
        let usage = match self.dialect {
            Dialect::Gemini => gemini(&event["usageMetadata"]),
            _ => match event["type"].as_str() {
                Some(kind) if ENDS.contains(&kind) => openai(&event["response"]["usage"]),
                Some(TRANSCRIBED) => openai(&event["usage"]),
                _ => return,
            },
        };
        self.total.add(usage);
    }
}

/// Realtime and responses name the details by one letter apart.
fn openai(usage: &Value) -> TokenUsage {
    let details = |kind: &str| {
        let realtime = &usage[format!("{kind}_token_details")];
        if realtime.is_object() {
            realtime.clone()
        } else {
            usage[format!("{kind}_tokens_details")].clone()
        }
    };
    let (input, output) = (details("input"), details("output"));
    TokenUsage {
        input: usage["input_tokens"].as_u64(),
        output: usage["output_tokens"].as_u64(),
        cache_read: input["cached_tokens"].as_u64(),
        audio_input: input["audio_tokens"].as_u64(),
        audio_output: output["audio_tokens"].as_u64(),
        reasoning: output["reasoning_tokens"].as_u64(),
        ..TokenUsage::default()
    }
}

/// The usage of one turn, in which tools and thoughts are counted apart.
/// <https://ai.google.dev/api/live#UsageMetadata>
fn gemini(usage: &Value) -> TokenUsage {
    let count = |name: &str| usage[name].as_u64();
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    };
    let sound = |name: &str| {
        let parts = usage[name].as_array()?;
        let sound = parts.iter().find(|part| part["modality"] == "AUDIO")?;
        sound["tokenCount"].as_u64()
    };
    let tools = count("toolUsePromptTokenCount");
    let thoughts = count("thoughtsTokenCount");
    let answer = count("responseTokenCount").or_else(|| count("candidatesTokenCount"));
    TokenUsage {
        input: sum(count("promptTokenCount"), tools),
        output: sum(answer, thoughts),
        cache_read: count("cachedContentTokenCount"),
        tool_input: tools,
        audio_input: sound("promptTokensDetails"),
        audio_output: sound("responseTokensDetails"),
        reasoning: thoughts,
        ..TokenUsage::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meter(realtime: Realtime, events: &[Value]) -> Meter {
        let mut meter = Meter::new(realtime);
        for event in events {
            meter.read(Some(event.to_string().as_bytes()));
        }
        meter
    }

    #[test]
    fn the_responses_of_a_realtime_socket_are_added_up() {
        let done = |input: u64, output: u64| {
            json!({ "type": "response.done", "response": { "status": "completed", "usage": {
                "input_tokens": input, "output_tokens": output,
                "input_token_details": { "cached_tokens": 3, "audio_tokens": 5, "text_tokens": 2 },
                "output_token_details": { "audio_tokens": 7 } } } })
        };
        let events = [
            json!({ "type": "response.created", "response": { "usage": { "input_tokens": 99 } } }),
            done(10, 20),
            json!({ "type": "response.done", "response": { "status": "cancelled", "usage": null } }),
            done(100, 200),
        ];
        let meter = meter(Realtime::OpenAi, &events);
        let expected = TokenUsage {
            input: Some(110),
            output: Some(220),
            cache_read: Some(6),
            audio_input: Some(10),
            audio_output: Some(14),
            ..TokenUsage::default()
        };
        assert_eq!((meter.total(), meter.unread()), (expected, 0));
    }

    #[test]
    fn transcriptions_count_and_those_billed_by_the_second_tell_no_tokens() {
        let transcribed = |usage: Value| json!({ "type": TRANSCRIBED, "usage": usage });
        let events = [
            transcribed(json!({ "type": "tokens", "input_tokens": 4, "output_tokens": 2 })),
            transcribed(json!({ "type": "duration", "seconds": 3 })),
        ];
        let total = meter(Realtime::OpenAi, &events).total();
        assert_eq!((total.input, total.output), (Some(4), Some(2)));
    }

    #[test]
    fn responses_over_a_websocket_tell_cached_and_reasoning_tokens() {
        let event = json!({ "type": "response.completed", "response": { "usage": {
            "input_tokens": 8, "input_tokens_details": { "cached_tokens": 4 },
            "output_tokens": 6, "output_tokens_details": { "reasoning_tokens": 5 } } } });
        let total = meter(Realtime::Responses, &[event]).total();
        assert_eq!((total.input, total.output), (Some(8), Some(6)));
        assert_eq!((total.cache_read, total.reasoning), (Some(4), Some(5)));
    }

    #[test]
    fn the_turns_of_a_live_socket_are_added_up() {
        let turn = json!({ "serverContent": { "turnComplete": true }, "usageMetadata": {
            "promptTokenCount": 100, "responseTokenCount": 20, "thoughtsTokenCount": 5,
            "toolUsePromptTokenCount": 7, "totalTokenCount": 132,
            "promptTokensDetails": [
                { "modality": "TEXT", "tokenCount": 60 }, { "modality": "AUDIO", "tokenCount": 40 }],
            "responseTokensDetails": [{ "modality": "AUDIO", "tokenCount": 20 }] } });
        let total = meter(Realtime::Gemini("v1beta"), &[turn.clone(), turn]).total();
        assert_eq!((total.input, total.output), (Some(214), Some(50)));
        assert_eq!(
            (total.audio_input, total.audio_output),
            (Some(80), Some(40))
        );
        assert_eq!((total.reasoning, total.tool_input), (Some(10), Some(14)));
    }

    #[test]
    fn nonsense_counts_nothing_and_is_told_apart_from_silence() {
        let mut meter = Meter::new(Realtime::OpenAi);
        meter.read(Some(
            b"{\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}",
        ));
        assert_eq!(meter.unread(), 0);
        meter.read(Some(b"{\"usage"));
        meter.read(None);
        for wrong in [
            json!({ "type": "response.done", "response": "usage", "usage": 1 }),
            json!({ "type": 5, "usage": {} }),
            json!({ "type": "response.done", "response": { "usage": {
                "input_tokens": -1, "output_tokens": "many", "input_token_details": [] } } }),
            json!(["usage"]),
            json!("\"usage"),
        ] {
            meter.read(Some(wrong.to_string().as_bytes()));
        }
        assert_eq!(meter.unread(), 2);
        assert!(meter.total().is_unknown());
    }
}
