//! Anthropic's dialect: messages.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{
    Operation,
    answer::{Counts, ErrorObject, Part, Reading, Speaker, read_whole},
    sse,
};
use crate::{
    error::{Failure, Kind},
    usage::TokenUsage,
};

/// Anthropic's dialect.
pub struct Anthropic;

/// The status for "overloaded". <https://docs.anthropic.com/en/api/errors>
const OVERLOADED: u16 = 529;

impl Speaker for Anthropic {
    fn frame(&self, _: Operation, _: &[u8], data: &[u8], reading: &mut Reading) -> Part {
        let Ok(event) = serde_json::from_slice::<Event>(data) else {
            return Part::Content;
        };
        match &*event.kind {
            "message_start" => {
                if let Some(message) = event.message {
                    reading.saw_model(message.model.as_deref());
                    reading
                        .counts
                        .update(message.usage.unwrap_or_default().counts());
                }
                Part::Lifecycle
            }
            "ping" | "content_block_stop" => Part::Lifecycle,
            // Text, thinking and tool blocks begin empty; others bring all they have at once.
            "content_block_start" => match event.content_block.map(|b| b.kind).as_deref() {
                Some("text" | "thinking" | "tool_use") => Part::Lifecycle,
                _ => Part::Content,
            },
            "message_delta" => {
                reading
                    .counts
                    .update(event.usage.unwrap_or_default().counts());
                if let Some(reason) = event.delta.and_then(|d| d.stop_reason) {
                    reading.saw_finish(&reason);
                }
                Part::Content
            }
            "message_stop" => {
                reading.finish.get_or_insert_with(|| "message_stop".into());
                reading.ended = true;
                Part::Content
            }
            "error" => Part::Error(event.error.unwrap_or_default().status()),
            _ => Part::Content,
        }
    }

    fn whole(
        &self,
        operation: Operation,
        body: &[u8],
        reading: &mut Reading,
    ) -> serde_json::Result<()> {
        let whole: Message = read_whole(body)?;
        reading.saw_model(whole.model.as_deref());
        reading
            .counts
            .update(whole.usage.unwrap_or_default().counts());
        if operation == Operation::MessagesCountTokens {
            // What was counted was not used.
            reading.counts = Counts::default();
        }
        reading.saw_finish(whole.stop_reason.as_deref().unwrap_or("done"));
        Ok(())
    }

    /// `input_tokens` leaves out what the prompt cache had or took, so both are added.
    /// <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>
    fn usage(&self, counts: &Counts) -> TokenUsage {
        TokenUsage {
            input: counts.input.map(|input| {
                input
                    .saturating_add(counts.cache_read.unwrap_or(0))
                    .saturating_add(counts.cache_write.unwrap_or(0))
            }),
            output: counts.output,
            cache_read: counts.cache_read,
            cache_write: counts.cache_write,
            cache_write_1h: counts.cache_write_1h,
            reasoning: counts.reasoning,
            ..TokenUsage::default()
        }
    }

    fn status(&self, failure: &Failure) -> u16 {
        match failure.kind {
            Kind::Draining => OVERLOADED,
            kind => kind.status(),
        }
    }

    fn error_body(&self, failure: &Failure, request_id: &str) -> Vec<u8> {
        error_object(failure, self.status(failure), request_id)
            .to_string()
            .into_bytes()
    }

    fn error_event(&self, _: Operation, failure: &Failure, request_id: &str, _: u64) -> Bytes {
        let event = error_object(failure, self.status(failure), request_id);
        sse::write_frame(Some("error"), event.to_string().as_bytes())
    }
}

fn error_object(failure: &Failure, status: u16, request_id: &str) -> serde_json::Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        OVERLOADED => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({
        "type": "error",
        "error": { "type": kind, "message": failure.message },
        "request_id": request_id,
    })
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    message: Option<Message<'a>>,
    #[serde(default, borrow)]
    content_block: Option<Block<'a>>,
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

#[derive(Default, Deserialize)]
struct Message<'a> {
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default, borrow)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl Usage {
    fn counts(self) -> Counts {
        Counts {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_creation_input_tokens,
            cache_write_1h: self
                .cache_creation
                .and_then(|c| c.ephemeral_1h_input_tokens),
            reasoning: self.output_tokens_details.and_then(|d| d.thinking_tokens),
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stream_is_read_with_cumulative_usage() {
        let frames = [
            (
                r#"{"type":"message_start","message":{"model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":5,"output_tokens":1}}}"#,
                Part::Lifecycle,
            ),
            (
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                Part::Lifecycle,
            ),
            (r#"{"type":"ping"}"#, Part::Lifecycle),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
                Part::Content,
            ),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}"#,
                Part::Content,
            ),
            (
                r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":12}}"#,
                Part::Content,
            ),
            (r#"{"type":"message_stop"}"#, Part::Content),
        ];
        let mut reading = Reading::default();
        for (frame, part) in frames {
            let got = Anthropic.frame(Operation::Messages, b"", frame.as_bytes(), &mut reading);
            assert_eq!(got, part, "{frame}");
        }
        let usage = Anthropic.usage(&reading.counts);
        assert_eq!((usage.input, usage.output), (Some(115), Some(12)));
        assert_eq!((usage.cache_read, usage.cache_write), (Some(100), Some(5)));
        assert_eq!(reading.finish.as_deref(), Some("end_turn"));
    }

    #[test]
    fn redacted_thinking_is_content_from_its_start() {
        let frame = br#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"xyz"}}"#;
        let part = Anthropic.frame(Operation::Messages, b"", frame, &mut Reading::default());
        assert_eq!(part, Part::Content);
    }

    #[test]
    fn an_overloaded_event_stands_for_529() {
        let frame =
            br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        let part = Anthropic.frame(Operation::Messages, b"", frame, &mut Reading::default());
        assert_eq!(part, Part::Error(529));
    }

    #[test]
    fn counted_tokens_are_not_used_tokens() {
        let mut reading = Reading::default();
        Anthropic
            .whole(
                Operation::MessagesCountTokens,
                br#"{"input_tokens":2095}"#,
                &mut reading,
            )
            .unwrap();
        assert!(Anthropic.usage(&reading.counts).is_unknown());
    }

    #[test]
    fn errors_have_anthropics_shape() {
        let failure = Failure::new(Kind::TooLarge, "too big");
        let body: serde_json::Value =
            serde_json::from_slice(&Anthropic.error_body(&failure, "req_1")).unwrap();
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["type"], "request_too_large");
        assert_eq!(body["request_id"], "req_1");
        let event = Anthropic.error_event(Operation::Messages, &failure, "req_1", 0);
        assert!(event.starts_with(b"event: error\ndata: {"));
    }
}
