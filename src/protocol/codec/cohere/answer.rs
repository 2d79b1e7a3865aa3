//! Answers of Cohere's chat, and the pieces that its stream has in common with them.

use crate::protocol::{
    chat::{ChatAnswer, Choice, Citation, Content, Ending, Finish, Part, TokenLogprob, TokenUsage},
    codec::NotUnderstood,
    event::new_call_id,
    json::{Document, Kind, Limits, Value},
};

use super::messages::DOCUMENT;

/// Reads a whole answer.
pub(super) fn read(body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
    let document = Document::parse(body, Limits::default())
        .map_err(|_| NotUnderstood("the answer is no JSON"))?;
    let root = document.root();
    let message = root
        .get("message")
        .filter(|message| message.kind() == Kind::Object)
        .ok_or(NotUnderstood("the answer has no message"))?;
    // As in a stream: what is told then is no answer that was meant to end here.
    if matches!(
        text(root, "finish_reason").as_deref(),
        Some("ERROR" | "TIMEOUT")
    ) {
        return Err(NotUnderstood("the provider gave up the answer"));
    }
    Ok(ChatAnswer {
        id: text(root, "id").unwrap_or_default(),
        choices: vec![Choice {
            parts: parts(message),
            ending: ending(root),
            logprobs: root.get("logprobs").map(logprobs).unwrap_or_default(),
            ..Choice::default()
        }],
        usage: root.get("usage").map(usage).unwrap_or_default(),
        ..ChatAnswer::default()
    })
}

/// The text of a member.
pub(super) fn text(value: Value<'_>, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.into_owned())
}

fn parts(message: Value<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(plan) = text(message, "tool_plan").filter(|plan| !plan.is_empty()) {
        parts.push(thinking(plan));
    }
    // Citations tell the number of the block that they are in.
    let mut texts = Vec::new();
    match message.get("content") {
        Some(content) if content.kind() == Kind::String => {
            texts.push((0, parts.len()));
            parts.extend(content.as_str().map(Part::text));
        }
        Some(content) => {
            for (n, block) in content.elements().enumerate() {
                if let Some(thought) = text(block, "thinking") {
                    parts.push(thinking(thought));
                } else if let Some(words) = text(block, "text") {
                    texts.push((n as u64, parts.len()));
                    parts.push(Part::text(words));
                }
            }
        }
        None => {}
    }
    let told = message.get("citations").into_iter();
    for citation in told.flat_map(Value::elements) {
        let block = citation.get("content_index").and_then(Value::as_u64);
        let place = texts.iter().find(|(n, _)| block.is_none_or(|b| b == *n));
        // Most answers have one text; some tell no number, or count without the reasoning.
        let Some((_, place)) = place.or(texts.first()) else {
            continue;
        };
        if let Content::Text { citations, .. } = &mut parts[*place].content {
            citations.extend(self::citations(citation));
        }
    }
    parts.retain(|part| {
        !matches!(&part.content, Content::Text { text, .. } | Content::Thinking { text, .. } if text.is_empty())
    });
    let calls = message.get("tool_calls").into_iter();
    parts.extend(calls.flat_map(Value::elements).filter_map(call));
    parts
}

fn thinking(text: String) -> Part {
    Part::new(Content::Thinking { text, id: None })
}

fn call(value: Value<'_>) -> Option<Part> {
    let function = value.get("function")?;
    let arguments = text(function, "arguments").unwrap_or_default();
    Some(Part::new(Content::ToolCall {
        id: text(value, "id")
            .filter(|id| !id.is_empty())
            .unwrap_or_else(new_call_id),
        name: text(function, "name").filter(|name| !name.is_empty())?,
        arguments: if arguments.trim().is_empty() {
            "{}".to_owned()
        } else {
            arguments
        },
    }))
}

/// One for each source of a cited place, or one without a source. Places in plans and reasoning are told as well; the
/// canonical form has sources of texts only.
pub(super) fn citations(value: Value<'_>) -> Vec<Citation> {
    if text(value, "type").is_some_and(|t| t == "PLAN" || t == "THINKING_CONTENT") {
        return Vec::new();
    }
    let number = |key| value.get(key).and_then(Value::as_u64);
    let place = Citation {
        start: number("start"),
        end: number("end"),
        ..Citation::default()
    };
    let sources = value.get("sources").into_iter();
    let mut out: Vec<_> = sources
        .flat_map(Value::elements)
        .map(|source| cited(place.clone(), source))
        .collect();
    if out.is_empty() {
        out.push(place);
    }
    out
}

fn cited(mut citation: Citation, source: Value<'_>) -> Citation {
    let id = text(source, "id");
    // The number of a document that our request named.
    citation.document = id
        .as_deref()
        .and_then(|id| id.strip_prefix(DOCUMENT)?.parse().ok());
    let Some(data) = source.get("document").or(source.get("tool_output")) else {
        return citation;
    };
    citation.url = text(data, "url");
    citation.title = text(data, "title");
    // The members of a document are the client's own; these are the usual ones.
    citation.cited_text = ["text", "snippet", "content"]
        .into_iter()
        .find_map(|key| text(data, key));
    citation
}

/// Why an answer ended, by `finish_reason` in it or in `message-end`.
pub(super) fn ending(value: Value<'_>) -> Ending {
    let word = text(value, "finish_reason").unwrap_or_default();
    let finish = match word.as_str() {
        "COMPLETE" => Finish::Stop,
        "STOP_SEQUENCE" => Finish::StopSequence,
        "MAX_TOKENS" => Finish::Length,
        "TOOL_CALL" => Finish::ToolCalls,
        "ERROR_TOXIC" => Finish::ContentFilter,
        "ERROR_LIMIT" => Finish::ContextWindow,
        _ => Finish::Other,
    };
    Ending::new(finish, &word)
}

/// Token counts: of what the model saw and said, not of what is billed, which leaves out Cohere's own prompt. Cached
/// ones are among them. Numbers are written as floats at times.
pub(super) fn usage(usage: Value<'_>) -> TokenUsage {
    let count = |value: Value<'_>, key| whole(value.get(key)?);
    let of = |key| {
        let tokens = usage.get("tokens").and_then(|t| count(t, key));
        tokens.or_else(|| usage.get("billed_units").and_then(|b| count(b, key)))
    };
    TokenUsage {
        input: of("input_tokens"),
        output: of("output_tokens"),
        cache_read: count(usage, "cached_tokens"),
        ..TokenUsage::default()
    }
}

fn whole(value: Value<'_>) -> Option<u64> {
    let float = || {
        let n = value.as_f64().filter(|n| (0.0..1e15).contains(n))?;
        // In range, and counts have no fractions.
        Some(n as u64)
    };
    value.as_u64().or_else(float)
}

/// Log probabilities, of a list or of one item. An item is a piece of text of one token or several; the probability of
/// the piece is then the product.
pub(super) fn logprobs(value: Value<'_>) -> Vec<TokenLogprob> {
    let read = |item: Value<'_>| {
        let numbers = item.get("logprobs")?.elements().filter_map(Value::as_f64);
        let logprob: f64 = numbers.sum();
        Some(TokenLogprob {
            token: text(item, "text")?,
            logprob,
            ..TokenLogprob::default()
        })
    };
    match value.kind() {
        Kind::Object => read(value).into_iter().collect(),
        _ => value.elements().filter_map(read).collect(),
    }
}
