//! Google's dialect: generateContent.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{
    Operation,
    answer::{Counts, ErrorObject, Part, Reading, Says, Speaker, read_whole},
    sse,
};
use crate::{error::Failure, usage::TokenUsage};

/// Google's dialect.
pub struct Gemini;

impl Speaker for Gemini {
    fn frame(&self, operation: Operation, _: &[u8], data: &[u8], reading: &mut Reading) -> Part {
        let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
            return Part::Content;
        };
        if let Some(error) = chunk.error.as_ref().filter(|e| e.is_told()) {
            return Part::Error(error.status());
        }
        let begun = chunk.read(operation, reading);
        if begun {
            Part::Content
        } else {
            Part::Lifecycle
        }
    }

    fn whole(
        &self,
        operation: Operation,
        body: &[u8],
        reading: &mut Reading,
    ) -> serde_json::Result<()> {
        let chunk: Chunk = read_whole(body)?;
        chunk.read(operation, reading);
        reading.finish.get_or_insert_with(|| "done".into());
        Ok(())
    }

    /// `promptTokenCount` has the cached tokens in it; thoughts stand beside the candidates' tokens.
    /// <https://ai.google.dev/api/generate-content#UsageMetadata>
    fn usage(&self, counts: &Counts) -> TokenUsage {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        TokenUsage {
            input: sum(counts.input, counts.tool_input),
            output: sum(counts.output, counts.reasoning),
            cache_read: counts.cache_read,
            cache_write: counts.cache_write,
            tool_input: counts.tool_input,
            audio_input: counts.audio_input,
            audio_output: counts.audio_output,
            image_output: counts.image_output,
            reasoning: counts.reasoning,
            ..TokenUsage::default()
        }
    }

    fn error_body(&self, failure: &Failure, _: &str) -> Vec<u8> {
        error_object(failure).to_string().into_bytes()
    }

    fn error_event(&self, _: Operation, failure: &Failure, _: &str, _: u64) -> Bytes {
        sse::write_frame(None, error_object(failure).to_string().as_bytes())
    }
}

/// <https://cloud.google.com/apis/design/errors#http_mapping>
fn error_object(failure: &Failure) -> serde_json::Value {
    let code = failure.kind.status();
    let status = match code {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        501.. => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    };
    json!({
        "error": {
            "code": code,
            "message": failure.message,
            "status": status,
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": failure.kind.code().to_ascii_uppercase(),
                "domain": "sluicegate",
            }],
        }
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(default)]
    candidates: Option<Vec<Candidate>>,
    #[serde(default)]
    usage_metadata: Option<UsageMetadata>,
    #[serde(default, borrow)]
    model_version: Option<Cow<'a, str>>,
    #[serde(default)]
    prompt_feedback: Option<PromptFeedback>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

impl Chunk<'_> {
    /// Notes what the chunk tells; returns whether it brings content.
    fn read(self, operation: Operation, reading: &mut Reading) -> bool {
        reading.saw_model(self.model_version.as_deref());
        if let Some(usage) = self.usage_metadata
            && operation != Operation::CountTokens
        {
            reading.counts.update(usage.counts());
        }
        let mut begun = false;
        for candidate in self.candidates.unwrap_or_default() {
            if let Some(reason) = &candidate.finish_reason {
                reading.saw_finish(reason);
                begun = true;
            }
            begun |= candidate
                .content
                .and_then(|c| c.parts)
                .is_some_and(|parts| parts.iter().any(Piece::says));
        }
        if let Some(reason) = self.prompt_feedback.and_then(|f| f.block_reason) {
            reading.saw_finish(&reason);
            begun = true;
        }
        begun
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Option<Vec<Piece>>,
}

/// One part of a candidate's content: a text, or something else, which always counts.
#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    text: Option<Says>,
}

impl Piece {
    fn says(&self) -> bool {
        self.text.is_none_or(|text| text.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    #[serde(default)]
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct UsageMetadata {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    prompt_tokens_details: Vec<ModalityCount>,
    candidates_tokens_details: Vec<ModalityCount>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ModalityCount {
    modality: String,
    token_count: Option<u64>,
}

/// The tokens of one modality, if any are told.
fn of(details: &[ModalityCount], modality: &str) -> Option<u64> {
    details
        .iter()
        .find(|d| d.modality == modality)
        .and_then(|d| d.token_count)
}

impl UsageMetadata {
    fn counts(self) -> Counts {
        Counts {
            input: self.prompt_token_count,
            tool_input: self.tool_use_prompt_token_count,
            output: self.candidates_token_count,
            cache_read: self.cached_content_token_count,
            audio_input: of(&self.prompt_tokens_details, "AUDIO"),
            audio_output: of(&self.candidates_tokens_details, "AUDIO"),
            image_output: of(&self.candidates_tokens_details, "IMAGE"),
            reasoning: self.thoughts_token_count,
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn running_totals_are_not_added_up() {
        let mut reading = Reading::default();
        for (frame, part) in [
            (
                r#"{"candidates":[{"content":{"parts":[{"text":""}]}}],"usageMetadata":{"promptTokenCount":8},"modelVersion":"gemini-2.5"}"#,
                Part::Lifecycle,
            ),
            (
                r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":2,"thoughtsTokenCount":30}}"#,
                Part::Content,
            ),
            (
                r#"{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":5,"thoughtsTokenCount":30,"cachedContentTokenCount":4,"toolUsePromptTokenCount":3}}"#,
                Part::Content,
            ),
        ] {
            let got = Gemini.frame(
                Operation::StreamGenerate,
                b"",
                frame.as_bytes(),
                &mut reading,
            );
            assert_eq!(got, part, "{frame}");
        }
        let usage = Gemini.usage(&reading.counts);
        assert_eq!((usage.input, usage.output), (Some(11), Some(35)));
        assert_eq!((usage.cache_read, usage.reasoning), (Some(4), Some(30)));
        assert_eq!(reading.finish.as_deref(), Some("STOP"));
    }

    #[test]
    fn a_function_call_and_a_signature_are_content() {
        for frame in [
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"thoughtSignature":"abc"}]}}]}"#,
        ] {
            let part = Gemini.frame(
                Operation::StreamGenerate,
                b"",
                frame.as_bytes(),
                &mut Reading::default(),
            );
            assert_eq!(part, Part::Content, "{frame}");
        }
    }

    #[test]
    fn errors_have_googles_shape() {
        let failure = Failure::new(Kind::UpstreamLimited, "slow down");
        let body: serde_json::Value =
            serde_json::from_slice(&Gemini.error_body(&failure, "req_1")).unwrap();
        assert_eq!(body["error"]["code"], 429);
        assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
        let event = br#"{"error":{"code":503,"status":"UNAVAILABLE","message":"x"}}"#;
        let part = Gemini.frame(
            Operation::StreamGenerate,
            b"",
            event,
            &mut Reading::default(),
        );
        assert_eq!(part, Part::Error(503));
    }
}
