//! OpenAI's dialect: chat completions, responses, completions, embeddings.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use serde_json::json;

use super::{
    Operation,
    answer::{Counts, ErrorObject, Part, Reading, Says, Speaker, read_whole},
    sse,
};
use crate::{
    error::{Failure, Kind},
    usage::TokenUsage,
};

/// OpenAI's dialect.
pub struct OpenAi;

/// The data of the frame that ends a stream of chat completions.
pub const DONE: &[u8] = b"[DONE]";

impl Speaker for OpenAi {
    fn frame(
        &self,
        operation: Operation,
        event: &[u8],
        data: &[u8],
        reading: &mut Reading,
    ) -> Part {
        if operation == Operation::Responses {
            return responses_frame(event, data, reading);
        }
        // The SDKs stop at any data that begins so.
        if data.starts_with(DONE) {
            reading.finish.get_or_insert_with(|| "done".into());
            reading.ended = true;
            return Part::Content;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
            return Part::Content;
        };
        if let Some(error) = chunk.error.as_ref().filter(|e| e.is_told()) {
            return Part::Error(error.status());
        }
        reading.saw_model(chunk.model.as_deref());
        let has_usage = chunk.usage.is_some();
        for usage in chunk
            .usage
            .into_iter()
            .chain(chunk.x_groq.and_then(|x| x.usage))
        {
            reading.counts.update(usage.counts());
        }
        let mut part = if has_usage && chunk.choices.is_empty() {
            Part::Usage
        } else {
            Part::Lifecycle
        };
        for choice in chunk.choices {
            if let Some(reason) = &choice.finish_reason {
                reading.saw_finish(reason);
                part = Part::Content;
            }
            if choice.delta.0 || choice.text.0 {
                part = Part::Content;
            }
        }
        part
    }

    fn whole(&self, _: Operation, body: &[u8], reading: &mut Reading) -> serde_json::Result<()> {
        let whole: Whole = read_whole(body)?;
        reading.saw_model(whole.model.as_deref());
        if let Some(usage) = whole.usage {
            reading.counts.update(usage.counts());
        }
        let finish = whole
            .choices
            .first()
            .and_then(|c| c.finish_reason.as_deref())
            .or(whole.status.as_deref());
        reading.saw_finish(finish.unwrap_or("done"));
        Ok(())
    }

    fn usage(&self, counts: &Counts) -> TokenUsage {
        TokenUsage {
            input: counts.input,
            output: counts.output,
            cache_read: counts.cache_read,
            cache_write: counts.cache_write,
            audio_input: counts.audio_input,
            audio_output: counts.audio_output,
            image_output: counts.image_output,
            reasoning: counts.reasoning,
            ..TokenUsage::default()
        }
    }

    fn error_body(&self, failure: &Failure, _: &str) -> Vec<u8> {
        json!({ "error": error_object(failure) })
            .to_string()
            .into_bytes()
    }

    fn error_event(
        &self,
        operation: Operation,
        failure: &Failure,
        _: &str,
        sequence: u64,
    ) -> Bytes {
        if operation == Operation::Responses {
            let event = json!({
                "type": "error",
                "sequence_number": sequence,
                "code": code(failure),
                "message": failure.message,
                "param": null,
                // The SDK raises on this object only.
                "error": error_object(failure),
            });
            return sse::write_frame(Some("error"), event.to_string().as_bytes());
        }
        let event = json!({ "error": error_object(failure) });
        sse::write_frame(None, event.to_string().as_bytes())
    }
}

/// <https://platform.openai.com/docs/guides/error-codes>
fn error_object(failure: &Failure) -> serde_json::Value {
    let kind = match failure.kind {
        Kind::TooMany | Kind::UpstreamLimited | Kind::Provider(429) => "rate_limit_error",
        Kind::Provider(403) => "permission_error",
        Kind::Unauthenticated => "authentication_error",
        kind if kind.status() >= 500 => "server_error",
        _ => "invalid_request_error",
    };
    json!({
        "message": failure.message,
        "type": kind,
        "param": failure.param,
        "code": code(failure),
    })
}

/// The provider's own code where it told one, else ours.
fn code(failure: &Failure) -> &str {
    failure
        .code
        .as_deref()
        .unwrap_or_else(|| failure.kind.code())
}

/// One chunk of a streamed chat completion or completion, as far as the gateway cares.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(default, deserialize_with = "null_is_empty")]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<ErrorObject>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    /// Groq tells usage here. <https://console.groq.com/docs/api-reference#chat>
    #[serde(default)]
    x_groq: Option<XGroq>,
}

#[derive(Deserialize)]
struct XGroq {
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    text: Says,
}

/// Whether a delta brings anything beside its role.
#[derive(Default)]
struct Delta(bool);

impl<'de> Deserialize<'de> for Delta {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Delta;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a delta")
            }

            fn visit_unit<E>(self) -> Result<Delta, E> {
                Ok(Delta(false))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Delta, A::Error> {
                let mut says = false;
                while let Some(key) = members.next_key::<Cow<str>>()? {
                    if key == "role" {
                        members.next_value::<IgnoredAny>()?;
                    } else {
                        says |= members.next_value::<Says>()?.0;
                    }
                }
                Ok(Delta(says))
            }
        }
        input.deserialize_any(Visitor)
    }
}

fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    input: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// Usage of chat completions, completions, embeddings and responses: the names differ, the meaning does not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    input_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    output_tokens_details: Option<OutputDetails>,
    /// DeepSeek. <https://api-docs.deepseek.com/guides/kv_cache>
    prompt_cache_hit_tokens: Option<u64>,
    /// Mistral.
    num_cached_tokens: Option<u64>,
    /// Moonshot.
    cached_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    image_tokens: Option<u64>,
}

impl Usage {
    fn counts(self) -> Counts {
        let input = self.prompt_tokens_details.or(self.input_tokens_details);
        let output = self
            .completion_tokens_details
            .or(self.output_tokens_details);
        let details = output;
        let reasoning = details.as_ref().and_then(|d| d.reasoning_tokens);
        // xAI and Gemini's compatible endpoint count reasoning beside the rest, as their sum shows.
        let prompt = self.prompt_tokens.or(self.input_tokens);
        let told = self.completion_tokens.or(self.output_tokens);
        let output = match (prompt, told, reasoning, self.total_tokens) {
            (Some(p), Some(c), Some(r), Some(total))
                if r > 0 && p.checked_add(c).and_then(|sum| sum.checked_add(r)) == Some(total) =>
            {
                Some(c + r)
            }
            _ => told,
        };
        Counts {
            input: prompt,
            output,
            cache_read: input
                .as_ref()
                .and_then(|d| d.cached_tokens)
                .or(self.prompt_cache_hit_tokens)
                .or(self.num_cached_tokens)
                .or(self.cached_tokens),
            cache_write: input.as_ref().and_then(|d| d.cache_write_tokens),
            audio_input: input.as_ref().and_then(|d| d.audio_tokens),
            audio_output: details.as_ref().and_then(|d| d.audio_tokens),
            image_output: details.as_ref().and_then(|d| d.image_tokens),
            reasoning,
            ..Counts::default()
        }
    }
}

/// A whole answer of any of OpenAI's operations.
#[derive(Default, Deserialize)]
struct Whole<'a> {
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default, deserialize_with = "null_is_empty")]
    choices: Vec<WholeChoice>,
    /// Of a response: `completed`, `incomplete`, …
    #[serde(default, borrow)]
    status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct WholeChoice {
    #[serde(default)]
    finish_reason: Option<String>,
}

/// One event of a streamed response.
#[derive(Deserialize)]
struct ResponsesEvent<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    sequence_number: Option<u64>,
    #[serde(default)]
    response: Option<ResponsesState>,
    #[serde(default)]
    code: Option<ErrorObject>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ResponsesState {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

fn responses_frame(name: &[u8], data: &[u8], reading: &mut Reading) -> Part {
    let Ok(event) = serde_json::from_slice::<ResponsesEvent>(data) else {
        return Part::Content;
    };
    if let Some(number) = event.sequence_number {
        reading.next_sequence = number.saturating_add(1);
    }
    // An error need not have a type of its own: its event's name, or the object alone, says enough.
    let untyped = event.kind.is_empty() && (name == b"error" || event.error.is_some());
    let kind = match &*event.kind {
        _ if untyped => "error",
        kind => kind.strip_prefix("response.").unwrap_or(kind),
    };
    let mut error = event.error;
    if let Some(state) = event.response {
        reading.saw_model(state.model.as_deref());
        if let Some(usage) = state.usage {
            reading.counts.update(usage.counts());
        }
        error = error.or(state.error);
    }
    match kind {
        "created"
        | "in_progress"
        | "queued"
        | "output_item.added"
        | "content_part.added"
        | "reasoning_summary_part.added"
        | "keepalive" => Part::Lifecycle,
        "completed" | "incomplete" | "cancelled" => {
            reading.saw_finish(kind);
            reading.ended = true;
            Part::Content
        }
        "failed" | "error" => {
            reading.saw_finish(kind);
            Part::Error(error.or(event.code).unwrap_or_default().status())
        }
        _ => Part::Content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(operation: Operation, frames: &[&str]) -> (Vec<Part>, Reading) {
        let mut reading = Reading::default();
        let parts = frames
            .iter()
            .map(|f| OpenAi.frame(operation, b"", f.as_bytes(), &mut reading))
            .collect();
        (parts, reading)
    }

    #[test]
    fn a_chat_stream_begins_with_its_first_content() {
        let (parts, reading) = read(
            Operation::Chat,
            &[
                r#"{"model":"gpt-4o","choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
                r#"{"choices":[{"delta":{"content":"Hi"}}]}"#,
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
                "[DONE]",
            ],
        );
        assert_eq!(
            parts,
            [
                Part::Lifecycle,
                Part::Content,
                Part::Content,
                Part::Usage,
                Part::Content
            ]
        );
        assert_eq!(reading.finish.as_deref(), Some("stop"));
        let usage = OpenAi.usage(&reading.counts);
        assert_eq!(
            (usage.input, usage.output, usage.cache_read, usage.reasoning),
            (Some(9), Some(2), Some(4), Some(1))
        );
    }

    #[test]
    fn reasoning_and_tool_calls_are_content_too() {
        for frame in [
            r#"{"choices":[{"delta":{"reasoning_content":"Hm"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c"}]}}]}"#,
            r#"{"choices":[{"delta":{"refusal":"No"}}]}"#,
            r#"{"choices":[{"text":"legacy"}]}"#,
            "what is this",
        ] {
            assert_eq!(
                read(Operation::Chat, &[frame]).0,
                [Part::Content],
                "{frame}"
            );
        }
    }

    #[test]
    fn usage_on_the_last_content_chunk_counts_and_is_not_taken_for_the_usage_chunk() {
        let frame = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
        let (parts, reading) = read(Operation::Chat, &[frame]);
        assert_eq!(parts, [Part::Content]);
        assert_eq!(reading.counts.input, Some(3));
    }

    #[test]
    fn null_where_lists_and_objects_belong_does_no_harm() {
        let frame = r#"{"choices":null,"usage":null,"error":null,"model":null}"#;
        assert_eq!(read(Operation::Chat, &[frame]).0, [Part::Lifecycle]);
        let mut reading = Reading::default();
        OpenAi
            .whole(
                Operation::Chat,
                br#"{"choices":null,"usage":{"prompt_tokens":null}}"#,
                &mut reading,
            )
            .unwrap();
        assert!(OpenAi.usage(&reading.counts).is_unknown());
    }

    #[test]
    fn error_events_carry_the_status_they_stand_for() {
        for (frame, status) in [
            (
                r#"{"error":{"message":"x","type":"server_error","code":null}}"#,
                500,
            ),
            (r#"{"error":{"message":"x","code":503}}"#, 503),
            (
                r#"{"error":{"message":"x","code":"rate_limit_exceeded"}}"#,
                429,
            ),
        ] {
            assert_eq!(
                read(Operation::Chat, &[frame]).0,
                [Part::Error(status)],
                "{frame}"
            );
        }
        let failed = r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"},"usage":{"input_tokens":5,"output_tokens":0}}}"#;
        let (parts, reading) = read(Operation::Responses, &[failed]);
        assert_eq!(
            (parts, reading.counts.input),
            (vec![Part::Error(429)], Some(5))
        );
    }

    #[test]
    fn an_error_of_the_responses_api_needs_no_type() {
        let data = br#"{"error":{"message":"x","type":"server_error"}}"#;
        for name in [&b"error"[..], b""] {
            let part = OpenAi.frame(Operation::Responses, name, data, &mut Reading::default());
            assert_eq!(part, Part::Error(500));
        }
    }

    #[test]
    fn usage_of_an_incomplete_response_counts() {
        let (_, reading) = read(
            Operation::Responses,
            &[
                r#"{"type":"response.created","response":{"model":"o3","usage":null}}"#,
                r#"{"type":"response.output_text.delta","delta":"x"}"#,
                r#"{"type":"response.incomplete","response":{"usage":{"input_tokens":7,"output_tokens":2,"output_tokens_details":{"reasoning_tokens":2},"input_tokens_details":{"cached_tokens":1}}}}"#,
            ],
        );
        let usage = OpenAi.usage(&reading.counts);
        assert_eq!(
            (usage.input, usage.output, usage.reasoning, usage.cache_read),
            (Some(7), Some(2), Some(2), Some(1))
        );
        assert_eq!(reading.finish.as_deref(), Some("incomplete"));
    }

    #[test]
    fn errors_have_openais_shape_and_never_the_mark_of_a_good_end() {
        let failure = Failure::new(Kind::UpstreamUnreachable, "gone");
        let body: serde_json::Value =
            serde_json::from_slice(&OpenAi.error_body(&failure, "req_1")).unwrap();
        assert_eq!(body["error"]["type"], "server_error");
        assert_eq!(body["error"]["code"], "upstream_unreachable");
        let event = OpenAi.error_event(Operation::Chat, &failure, "req_1", 0);
        assert!(event.starts_with(b"data: {\"error\""));
        assert!(!event.windows(6).any(|w| w == DONE));
        let event = OpenAi.error_event(Operation::Responses, &failure, "req_1", 7);
        assert!(event.starts_with(b"event: error\n"));
    }
}
