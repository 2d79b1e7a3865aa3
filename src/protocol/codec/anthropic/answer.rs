//! Whole answers, both ways.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    block::{self, Block, ReadBlock, Side},
    finish, stop_reason,
    usage::{Counts, Usage, tier},
};
use crate::protocol::{
    chat::{ChatAnswer, Choice, Content, Ending, Finish, Part},
    codec::{Asked, NotUnderstood},
    json::{Document, Kind, Limits, Value},
};

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
    let document = Document::parse(body, Limits::default())
        .map_err(|_| NotUnderstood("the answer is no JSON"))?;
    let root = document.root();
    let content = root.get("content");
    let has_content = content.is_some_and(|c| c.kind() == Kind::Array);
    if !has_content && root.get("stop_reason").and_then(Value::as_str).is_none() {
        return Err(NotUnderstood("the answer has no content"));
    }
    let string = |name: &str| root.get(name).and_then(Value::as_str).map(Cow::into_owned);
    let parts: Vec<Part> = content
        .into_iter()
        .flat_map(Value::elements)
        .filter_map(|block| match block::read(block, Side::Provider) {
            Ok(ReadBlock::Part(part)) => Some(part),
            Ok(ReadBlock::Signature(_)) => None,
            Err(_) => Some(block::foreign(block)),
        })
        .filter(|part| !is_empty_text(part))
        .collect();
    let mut counts = Counts::default();
    if let Some(usage) = root.get("usage") {
        counts.update(usage);
    }
    let ending = read_ending(root, parts.iter().any(is_call));
    Ok(ChatAnswer {
        id: string("id").unwrap_or_default(),
        model: string("model").unwrap_or_default(),
        created: None,
        choices: vec![Choice {
            index: 0,
            parts,
            ending,
            logprobs: Vec::new(),
        }],
        usage: counts.tokens(),
        service_tier: root.get("usage").and_then(tier),
    })
}

/// Reads `stop_reason` and `stop_sequence` of an answer, or of the `delta` that ends a stream.
pub(super) fn read_ending(place: Value<'_>, calls: bool) -> Ending {
    match place.get("stop_reason").and_then(Value::as_str) {
        Some(word) => Ending {
            sequence: place
                .get("stop_sequence")
                .and_then(Value::as_str)
                .map(Cow::into_owned),
            ..Ending::new(finish(&word), &word)
        },
        None => untold_ending(calls),
    }
}

/// The ending of an answer that does not tell it.
pub(super) fn untold_ending(calls: bool) -> Ending {
    Ending::new(
        if calls {
            Finish::ToolCalls
        } else {
            Finish::Stop
        },
        "",
    )
}

/// An empty text says nothing, and the API refuses to have it sent back.
pub(super) fn is_empty_text(part: &Part) -> bool {
    part.signature.is_none()
        && matches!(&part.content, Content::Text { text, citations }
            if text.is_empty() && citations.is_empty())
}

pub(super) fn is_call(part: &Part) -> bool {
    matches!(part.content, Content::ToolCall { .. })
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block<'a>>,
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: Usage<'a>,
}

/// The id for the client: the provider's, or one of the gateway's.
pub(super) fn id<'a>(provider: &'a str, asked: &Asked) -> Cow<'a, str> {
    if provider.is_empty() {
        format!("msg_{}", asked.request_id).into()
    } else {
        provider.into()
    }
}

/// Writes an answer. The dialect has one choice; others are not told.
pub(super) fn write(answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
    let none = Choice::default();
    let choice = answer
        .choices
        .iter()
        .min_by_key(|choice| choice.index)
        .unwrap_or(&none);
    let notes: Vec<String> = choice
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Media(media) => Some(block::media_note(media)),
            _ => None,
        })
        .collect();
    let mut left = notes.iter();
    let mut content = Vec::with_capacity(choice.parts.len());
    for part in &choice.parts {
        match &part.content {
            Content::Media(_) => content.extend(left.next().map(|note| Block::text(note))),
            _ => block::write_answer_part(part, &mut content),
        }
    }
    let refuses = |part: &Part| matches!(part.content, Content::Refusal { .. });
    let message = Message {
        id: &id(&answer.id, asked),
        kind: "message",
        role: "assistant",
        model: &asked.model,
        content,
        stop_reason: Some(stop_reason(
            choice.ending.finish,
            choice.parts.iter().any(is_call),
            choice.parts.iter().any(refuses),
        )),
        stop_sequence: choice.ending.sequence.as_deref(),
        usage: Usage::of(&answer.usage, answer.service_tier.as_deref()),
    };
    serde_json::to_vec(&message).unwrap_or_default()
}
