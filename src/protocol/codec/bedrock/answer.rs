//! Answers of Converse, and the pieces that its stream has in common with them.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::blocks;
use crate::protocol::{
    chat::{
        ChatAnswer, Choice, Citation, Content, Ending, Finish, Json, Location, Media, MediaKind,
        Origin, Part, Source, TokenUsage,
    },
    codec::NotUnderstood,
    event::new_call_id,
    json::{Document, Kind, Limits, Member, Value},
    signature::{Place, Signature},
};

/// Reads a whole answer.
pub(super) fn read(body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
    let document = Document::parse(body, Limits::default())
        .map_err(|_| NotUnderstood("the answer is no JSON"))?;
    let root = document.root();
    let message = root
        .get("output")
        .and_then(|output| output.get("message"))
        .ok_or(NotUnderstood("the answer has no output.message"))?;
    let content = message.get("content").into_iter();
    let parts = content.flat_map(Value::elements).filter_map(part).collect();
    Ok(ChatAnswer {
        choices: vec![Choice {
            parts,
            ending: ending(root),
            ..Choice::default()
        }],
        usage: usage(root),
        service_tier: service_tier(root),
        ..ChatAnswer::default()
    })
}

/// The text of a member.
pub(super) fn text(value: Value<'_>, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.into_owned())
}

fn part(block: Value<'_>) -> Option<Part> {
    let Member { key, value, .. } = block.members().next()?;
    let content = match key.as_ref() {
        "text" => {
            let text = value.as_str().filter(|text| !text.is_empty())?;
            return Some(Part::text(text));
        }
        "toolUse" if !runs_at_provider(value) => Content::ToolCall {
            id: text(value, "toolUseId")
                .filter(|id| !id.is_empty())
                .unwrap_or_else(new_call_id),
            name: text(value, "name")?,
            arguments: match value.get("input") {
                Some(input) if !input.is_null() => {
                    String::from_utf8_lossy(input.raw()).into_owned()
                }
                _ => "{}".to_owned(),
            },
        },
        "reasoningContent" => return reasoning(value),
        "citationsContent" => {
            let texts = elements(value, "content").filter_map(|c| text(c, "text"));
            Content::Text {
                text: texts.collect(),
                citations: elements(value, "citations").map(citation).collect(),
            }
        }
        "image" => Content::Media(media(MediaKind::Image, value)?),
        "audio" => Content::Media(media(MediaKind::Audio, value)?),
        "video" => Content::Media(media(MediaKind::Video, value)?),
        _ => Content::Foreign {
            origin: Origin::Bedrock,
            json: Json::of(block),
        },
    };
    Some(Part::new(content))
}

/// Whether a call is none for the client: Nova runs some tools by itself.
pub(super) fn runs_at_provider(tool_use: Value<'_>) -> bool {
    text(tool_use, "type").is_some_and(|t| t == "server_tool_use")
}

fn elements<'d>(value: Value<'d>, key: &str) -> impl Iterator<Item = Value<'d>> {
    value.get(key).into_iter().flat_map(Value::elements)
}

fn reasoning(value: Value<'_>) -> Option<Part> {
    if let Some(content) = text(value, "redactedContent") {
        return Some(redacted(&content));
    }
    let said = value.get("reasoningText")?;
    let signature = text(said, "signature").filter(|s| !s.is_empty());
    let content = Content::Thinking {
        text: text(said, "text").unwrap_or_default(),
        id: None,
    };
    Some(Part::new(content).signed(signature.map(sign)))
}

/// A signature over reasoning in words. The answer does not tell its model, but only Anthropic's sign, and their
/// signatures are the same on all platforms.
pub(super) fn sign(value: String) -> Signature {
    Signature::new(Origin::Anthropic, Place::Thinking, value)
}

/// Sealed reasoning. For models of Anthropic the bytes are the text that Anthropic's own API has in `data`, so base64
/// was put upon base64; that one layer is taken off to make it the same on all platforms.
pub(super) fn redacted(base64: &str) -> Part {
    let data = STANDARD.decode(base64).ok();
    // Only what comes back the same byte for byte.
    let text = data.and_then(|data| String::from_utf8(data).ok());
    let signature = match text.filter(|text| STANDARD.encode(text) == base64) {
        Some(text) => Signature::new(Origin::Anthropic, Place::Redacted, text),
        None => Signature::new(Origin::Bedrock, Place::Redacted, base64),
    };
    Part::new(Content::RedactedThinking).signed(Some(signature))
}

fn media(kind: MediaKind, value: Value<'_>) -> Option<Media> {
    let source = value.get("source")?;
    let place = match text(source, "bytes") {
        Some(bytes) => Source::Base64(bytes),
        None => Source::Url(text(source.get("s3Location")?, "uri")?),
    };
    let mime = text(value, "format").map(|format| blocks::mime(kind, &format));
    Some(Media::new(kind, mime, place))
}

/// A citation, also one of a stream.
pub(super) fn citation(value: Value<'_>) -> Citation {
    let mut out = Citation {
        title: text(value, "title"),
        ..Citation::default()
    };
    let words: String = elements(value, "sourceContent")
        .filter_map(|c| text(c, "text"))
        .collect();
    out.cited_text = Some(words).filter(|words| !words.is_empty());
    let source = text(value, "source").filter(|s| !s.is_empty());
    match source {
        Some(source) if source.contains("://") => out.url = Some(source),
        Some(source) if out.title.is_none() => out.title = Some(source),
        _ => {}
    }
    let Some(location) = value.get("location") else {
        return out;
    };
    for Member {
        key, value: place, ..
    } in location.members()
    {
        let number = |key| place.get(key).and_then(Value::as_u64);
        let span = number("start").zip(number("end"));
        out.document = number("documentIndex");
        out.location = span.and_then(|(start, end)| match key.as_ref() {
            "documentChar" => Some(Location::Chars(start, end)),
            "documentPage" => Some(Location::Pages(start, end)),
            "documentChunk" | "searchResultLocation" => Some(Location::Blocks(start, end)),
            _ => None,
        });
        if let Some(url) = text(place, "url") {
            out.url = Some(url);
        }
    }
    out
}

/// Why an answer ended, by `stopReason` in it or in `messageStop`.
pub(super) fn ending(root: Value<'_>) -> Ending {
    let word = text(root, "stopReason").unwrap_or_default();
    // <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#bedrock-runtime_Converse-response-stopReason>
    let finish = match word.as_str() {
        "end_turn" => Finish::Stop,
        "tool_use" => Finish::ToolCalls,
        "max_tokens" => Finish::Length,
        "stop_sequence" => Finish::StopSequence,
        "guardrail_intervened" | "content_filtered" => Finish::ContentFilter,
        "malformed_tool_use" => Finish::MalformedCall,
        "model_context_window_exceeded" => Finish::ContextWindow,
        // Not in the list, but what models of Anthropic say to Anthropic's own clients.
        "refusal" => Finish::Refusal,
        "pause_turn" => Finish::Pause,
        _ => Finish::Other,
    };
    let mut ending = Ending::new(finish, &word);
    if let Some(fields) = root.get("additionalModelResponseFields") {
        let inner = fields.get("delta").and_then(|d| text(d, "stop_sequence"));
        ending.sequence = text(fields, "stop_sequence").or(inner);
    }
    ending
}

/// Token counts. `inputTokens` leaves out what was read from and written to the cache: recorded answers of models of
/// Anthropic and Amazon have `totalTokens` as the sum of all four.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html>
pub(super) fn usage(root: Value<'_>) -> TokenUsage {
    let Some(usage) = root.get("usage").filter(|u| u.kind() == Kind::Object) else {
        return TokenUsage::default();
    };
    let number = |key| usage.get(key).and_then(Value::as_u64);
    let read = number("cacheReadInputTokens");
    let written = number("cacheWriteInputTokens");
    let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
    let hour = elements(usage, "cacheDetails")
        .filter(|detail| text(*detail, "ttl").is_some_and(|ttl| ttl == "1h"))
        .find_map(|detail| detail.get("inputTokens")?.as_u64());
    TokenUsage {
        input: number("inputTokens").map(|n| n.saturating_add(cached)),
        output: number("outputTokens"),
        cache_read: read,
        cache_write: written,
        cache_write_1h: hour,
        ..TokenUsage::default()
    }
}

/// The class of service that was given.
pub(super) fn service_tier(root: Value<'_>) -> Option<String> {
    text(root.get("serviceTier")?, "type")
}
