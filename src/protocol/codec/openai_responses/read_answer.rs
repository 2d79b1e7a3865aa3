//! Reads a provider's whole answer; its pieces also serve streams.

use std::borrow::Cow;

use super::{
    NotUnderstood,
    read_request::{ReasoningItem, citation, string_or_raw, told},
    reasoning::sign_phase,
};
use crate::protocol::{
    chat::{
        ChatAnswer, Choice, Content, Ending, Finish, Json, Media, MediaKind, Origin, Part, Source,
        TokenLogprob, TokenUsage,
    },
    event::{Start, new_call_id},
    json::{Document, Kind, Limits, Value},
    signature::Signature,
};

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
    let document =
        Document::parse(body, Limits::default()).map_err(|_| NotUnderstood("it is no JSON"))?;
    let root = document.root();
    let is = |name, what| told(root, name).and_then(Value::as_str).as_deref() == Some(what);
    let output = told(root, "output").filter(|o| o.kind() == Kind::Array);
    if output.is_none() && !is("object", "response") {
        return Err(NotUnderstood("it is no response object"));
    }
    if is("status", "failed") {
        return Err(NotUnderstood("the response failed"));
    }
    let mut choice = Choice::default();
    for item in output.into_iter().flat_map(Value::elements) {
        read_item(item, &mut choice.parts, &mut choice.logprobs);
    }
    choice.ending = ending(root, &choice.parts);
    let start = start(root);
    Ok(ChatAnswer {
        id: start.id,
        model: start.model,
        created: start.created,
        choices: vec![choice],
        usage: told(root, "usage").map(usage).unwrap_or_default(),
        service_tier: start.service_tier,
    })
}

/// What the head of a response tells.
pub(super) fn start(response: Value<'_>) -> Start {
    let text = |name| {
        told(response, name)
            .and_then(Value::as_str)
            .map(Cow::into_owned)
    };
    let created = told(response, "created_at");
    Start {
        id: text("id").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
        created: created.and_then(|at| at.as_u64().or_else(|| whole(at.as_f64()?))),
        usage: TokenUsage::default(),
        // Before the end it is only the wish.
        service_tier: text("service_tier").filter(|tier| tier != "auto"),
    }
}

fn whole(number: f64) -> Option<u64> {
    // Truncates, and takes what is out of range to its end.
    (number >= 0.0).then_some(number as u64)
}

/// Why a response ended, by its status and what it holds.
pub(super) fn ending(response: Value<'_>, parts: &[Part]) -> Ending {
    let any = |is: fn(&Content) -> bool| parts.iter().any(|part| is(&part.content));
    let calls = any(|content| matches!(content, Content::ToolCall { .. }));
    let refuses = any(|content| matches!(content, Content::Refusal { .. }));
    ending_of(response, calls, refuses)
}

/// The same, where it is known what it holds.
pub(super) fn ending_of(response: Value<'_>, calls: bool, refuses: bool) -> Ending {
    let status = told(response, "status").and_then(Value::as_str);
    let reason =
        told(response, "incomplete_details").and_then(|details| told(details, "reason")?.as_str());
    match status.as_deref().unwrap_or("completed") {
        "incomplete" => {
            let word = reason.as_deref().unwrap_or("incomplete");
            let finish = match word {
                "max_output_tokens" | "max_tokens" => Finish::Length,
                "content_filter" => Finish::ContentFilter,
                _ => Finish::Other,
            };
            Ending::new(finish, word)
        }
        word @ ("queued" | "in_progress" | "cancelled" | "failed") => {
            Ending::new(Finish::Other, word)
        }
        word if calls => Ending::new(Finish::ToolCalls, word),
        word if refuses => Ending::new(Finish::Refusal, word),
        word => Ending::new(Finish::Stop, word),
    }
}

/// Reads token counts.
pub(super) fn usage(usage: Value<'_>) -> TokenUsage {
    let number = |name| told(usage, name).and_then(Value::as_u64);
    let detail = |of, name| told(usage, of).and_then(|d| told(d, name)?.as_u64());
    TokenUsage {
        input: number("input_tokens"),
        output: number("output_tokens"),
        cache_read: detail("input_tokens_details", "cached_tokens"),
        cache_write: detail("input_tokens_details", "cache_write_tokens"),
        reasoning: detail("output_tokens_details", "reasoning_tokens"),
        ..TokenUsage::default()
    }
}

fn read_item(item: Value<'_>, parts: &mut Vec<Part>, probable: &mut Vec<TokenLogprob>) {
    match kind(item).as_deref() {
        Some("message") => {
            let mut phase = commentary(item);
            for part in told(item, "content").into_iter().flat_map(Value::elements) {
                if let Some(read) = read_part(part) {
                    parts.push(read.signed(phase.take()));
                }
                probable.extend(read_logprobs(part));
            }
        }
        Some("reasoning") => parts.extend(ReasoningItem::read(item).part(false)),
        Some("function_call") => {
            let Call {
                id,
                name,
                arguments,
            } = Call::read(item);
            // A call of nothing is no call.
            if !name.is_empty() {
                parts.push(Part::new(Content::ToolCall {
                    id: if id.is_empty() { new_call_id() } else { id },
                    name,
                    arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
                }));
            }
        }
        _ => parts.extend(other_item(item)),
    }
}

/// The type of an item, part or event.
pub(super) fn kind(value: Value<'_>) -> Option<Cow<'_, str>> {
    told(value, "type").and_then(Value::as_str)
}

/// What a function call says.
pub(super) struct Call {
    /// Its id; empty if it has none.
    pub(super) id: String,
    /// The function.
    pub(super) name: String,
    /// Its arguments, if they are told.
    pub(super) arguments: Option<String>,
}

impl Call {
    /// Reads an item.
    pub(super) fn read(item: Value<'_>) -> Self {
        let text = |name| {
            told(item, name)
                .and_then(Value::as_str)
                .map(Cow::into_owned)
        };
        let arguments = told(item, "arguments").map(string_or_raw);
        Self {
            id: text("call_id").or_else(|| text("id")).unwrap_or_default(),
            name: text("name").unwrap_or_default(),
            arguments: arguments.filter(|arguments| !arguments.is_empty()),
        }
    }
}

/// The signature of a message that is a comment on the way and no answer: what is sent back without its phase would be
/// taken for a final answer.
pub(super) fn commentary(item: Value<'_>) -> Option<Signature> {
    let phase = told(item, "phase")?.as_str()?;
    (phase == "commentary").then(|| sign_phase(&phase))
}

/// An item that is told whole and in no other words: a picture, or something that only this API has.
pub(super) fn other_item(item: Value<'_>) -> Option<Part> {
    if item.kind() != Kind::Object {
        return None;
    }
    let text = |name| told(item, name).and_then(Value::as_str);
    if kind(item).as_deref() == Some("image_generation_call")
        && let Some(data) = text("result").filter(|data| !data.is_empty())
    {
        let format = text("output_format").unwrap_or(Cow::Borrowed("png"));
        return Some(Part::new(Content::Media(Media::new(
            MediaKind::Image,
            Some(format!("image/{format}")),
            Source::Base64(data.into_owned()),
        ))));
    }
    Some(Part::new(Content::Foreign {
        origin: Origin::OpenAi,
        json: Json::of(item),
    }))
}

fn read_part(part: Value<'_>) -> Option<Part> {
    let text = |name| told(part, name).and_then(Value::as_str).unwrap_or_default();
    let content = match kind(part).as_deref() {
        Some("output_text" | "text") => Content::Text {
            text: text("text").into_owned(),
            citations: told(part, "annotations")
                .into_iter()
                .flat_map(Value::elements)
                .filter_map(citation)
                .collect(),
        },
        Some("refusal") => Content::Refusal {
            text: text("refusal").into_owned(),
        },
        _ => return None,
    };
    match &content {
        Content::Text { text, citations } if text.is_empty() && citations.is_empty() => None,
        Content::Refusal { text } if text.is_empty() => None,
        _ => Some(Part::new(content)),
    }
}

/// Reads the log probabilities in a part of a message or in an event.
pub(super) fn read_logprobs(value: Value<'_>) -> impl Iterator<Item = TokenLogprob> {
    let list = told(value, "logprobs")
        .into_iter()
        .flat_map(Value::elements);
    list.filter_map(|token| {
        let top = told(token, "top_logprobs").into_iter();
        Some(TokenLogprob {
            top: top
                .flat_map(Value::elements)
                .filter_map(token_logprob)
                .collect(),
            ..token_logprob(token)?
        })
    })
}

fn token_logprob(token: Value<'_>) -> Option<TokenLogprob> {
    let bytes = told(token, "bytes").filter(|bytes| bytes.kind() == Kind::Array);
    Some(TokenLogprob {
        token: told(token, "token")?.as_str()?.into_owned(),
        logprob: told(token, "logprob")?.as_f64()?,
        bytes: bytes.and_then(|bytes| {
            let bytes = bytes.elements().map(|b| u8::try_from(b.as_u64()?).ok());
            bytes.collect()
        }),
        top: Vec::new(),
    })
}
