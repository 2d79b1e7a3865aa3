//! Requests of clients.

use std::borrow::Cow;

use super::{
    block::{self, ReadBlock, Side, cache_mark},
    tools,
};
use crate::{
    error::{Failure, Kind as FailureKind},
    protocol::{
        chat::{ChatRequest, Content, Effort, Json, Message, OutputFormat, Part, Reasoning, Role},
        json::{Document, Kind, Limits, Member, Value},
        signature::{Place, Signature},
    },
};

/// A request that makes no sense, with the member at fault.
pub(super) fn bad(param: &'static str, message: impl Into<Cow<'static, str>>) -> Failure {
    Failure::new(FailureKind::BadRequest, message).param(param)
}

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<ChatRequest, Failure> {
    let document = Document::parse(body, Limits::default())
        .map_err(|e| Failure::new(FailureKind::BadRequest, format!("the body is no JSON: {e}")))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(Failure::new(
            FailureKind::BadRequest,
            "the body is no JSON object",
        ));
    }
    let mut request = ChatRequest::default();
    let mut reasoning = Reasoning::default();
    let mut turns = None;
    if let Some(system) = root.get("system") {
        let parts = read_content(system, "system", "system", &mut request.extra)?;
        if !parts.is_empty() {
            request.messages.push(message(Role::System, parts));
        }
    }
    for Member { key, value, .. } in root.members() {
        if value.is_null() {
            continue;
        }
        match &*key {
            "model" | "system" => {}
            "messages" => turns = Some(value),
            "max_tokens" => request.max_tokens = Some(whole(value, "max_tokens")?),
            "temperature" => request.temperature = Some(number(value, "temperature")?),
            "top_p" => request.top_p = Some(number(value, "top_p")?),
            "top_k" => request.top_k = Some(whole(value, "top_k")?),
            "stop_sequences" => {
                for sequence in list(value, "stop_sequences")? {
                    let text = string(sequence, "stop_sequences")?;
                    request.stop.push(text.into_owned());
                }
            }
            "stream" => {
                request.stream = value
                    .as_bool()
                    .ok_or_else(|| bad("stream", "stream must be true or false"))?;
            }
            "metadata" => read_metadata(value, &mut request),
            "service_tier" => {
                let tier = string(value, "service_tier")?;
                request.service_tier = Some(match &*tier {
                    "standard_only" => "default".to_owned(),
                    _ => tier.into_owned(),
                });
            }
            "cache_control" => request.cache = cache_mark(value),
            "tools" => tools::read(value, &mut request)?,
            "tool_choice" => tools::read_choice(value, &mut request)?,
            "thinking" => {
                if !read_thinking(value, &mut reasoning) {
                    request.extra.push((key.into_owned(), Json::of(value)));
                }
            }
            "output_config" => read_output_config(value, &mut request, &mut reasoning),
            // The name of `output_config.format` while it was a beta.
            "output_format" => read_format(value, "output_format", &mut request),
            _ => request.extra.push((key.into_owned(), Json::of(value))),
        }
    }
    if request.max_tokens.is_none() {
        return Err(bad("max_tokens", "max_tokens is missing"));
    }
    let turns = turns.ok_or_else(|| bad("messages", "messages is missing"))?;
    for (n, turn) in list(turns, "messages")?.enumerate() {
        read_turn(turn, n, &mut request)?;
    }
    if reasoning != Reasoning::default() {
        request.reasoning = Some(reasoning);
    }
    Ok(request)
}

fn whole(value: Value<'_>, name: &'static str) -> Result<u64, Failure> {
    value
        .as_u64()
        .ok_or_else(|| bad(name, format!("{name} must be a whole number from 0")))
}

fn number(value: Value<'_>, name: &'static str) -> Result<f64, Failure> {
    value
        .as_f64()
        .ok_or_else(|| bad(name, format!("{name} must be a number")))
}

fn string<'d>(value: Value<'d>, name: &'static str) -> Result<Cow<'d, str>, Failure> {
    value
        .as_str()
        .ok_or_else(|| bad(name, format!("{name} must be a string")))
}

fn list<'d>(
    value: Value<'d>,
    name: &'static str,
) -> Result<crate::protocol::json::Elements<'d>, Failure> {
    if value.kind() == Kind::Array {
        Ok(value.elements())
    } else {
        Err(bad(name, format!("{name} must be a list")))
    }
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        name: None,
        parts,
    }
}

fn read_metadata(metadata: Value<'_>, request: &mut ChatRequest) {
    for Member { key, value, .. } in metadata.members() {
        match value.as_str() {
            Some(user) if key == "user_id" => request.user = Some(user.into_owned()),
            Some(text) => request.metadata.push((key.into_owned(), text.into_owned())),
            None => {}
        }
    }
}

/// Reads a kind of `thinking` that other dialects know as well; says whether it was one.
fn read_thinking(thinking: Value<'_>, reasoning: &mut Reasoning) -> bool {
    let kind = thinking.get("type").and_then(Value::as_str);
    match kind.as_deref() {
        Some("enabled") => {
            reasoning.enabled = Some(true);
            reasoning.budget = thinking.get("budget_tokens").and_then(Value::as_u64);
        }
        Some("adaptive") => reasoning.enabled = Some(true),
        Some("disabled") => reasoning.enabled = Some(false),
        _ => return false,
    }
    let display = thinking.get("display").and_then(Value::as_str);
    reasoning.summary = match display.as_deref() {
        Some("summarized") => Some("auto".to_owned()),
        Some("omitted") => Some("none".to_owned()),
        // Who asks for reasoning expects to see it.
        _ => reasoning
            .enabled
            .filter(|on| *on)
            .map(|_| "auto".to_owned()),
    };
    true
}

fn read_output_config(config: Value<'_>, request: &mut ChatRequest, reasoning: &mut Reasoning) {
    for Member { key, value, .. } in config.members() {
        if value.is_null() {
            continue;
        }
        match &*key {
            "format" => read_format(value, "output_config.format", request),
            "effort" => match value.as_str().and_then(|word| Effort::of_name(&word)) {
                Some(effort) => reasoning.effort = Some(effort),
                None => keep_config(&key, value, request),
            },
            _ => keep_config(&key, value, request),
        }
    }
}

fn keep_config(key: &str, value: Value<'_>, request: &mut ChatRequest) {
    let name = format!("output_config.{key}");
    request.extra.push((name, Json::of(value)));
}

fn read_format(format: Value<'_>, name: &str, request: &mut ChatRequest) {
    let kind = format.get("type").and_then(Value::as_str);
    match (kind.as_deref(), format.get("schema")) {
        (Some("json_schema"), Some(schema)) => {
            request.output = Some(OutputFormat::Schema {
                name: None,
                description: None,
                schema: Json::of(schema),
                strict: Some(true),
            });
        }
        _ => request.extra.push((name.to_owned(), Json::of(format))),
    }
}

fn read_turn(turn: Value<'_>, n: usize, request: &mut ChatRequest) -> Result<(), Failure> {
    let role = turn.get("role").and_then(Value::as_str);
    let role = match role.as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        _ => {
            let what = format!("messages[{n}].role must be user, assistant or system");
            return Err(bad("messages", what));
        }
    };
    let content = turn.get("content").filter(|c| !c.is_null());
    let content =
        content.ok_or_else(|| bad("messages", format!("messages[{n}].content is missing")))?;
    let place = format!("messages[{n}].content");
    let parts = read_content(content, &place, "messages", &mut request.extra)?;
    if role != Role::User {
        request.messages.push(message(role, parts));
        return Ok(());
    }
    // What tools said is a message of its own role; the order stays.
    let mut run = Vec::new();
    let mut run_role = None;
    for part in parts {
        let role = match part.content {
            Content::ToolResult { .. } => Role::Tool,
            _ => Role::User,
        };
        if let Some(before) = run_role.replace(role)
            && before != role
        {
            let parts = std::mem::take(&mut run);
            request.messages.push(message(before, parts));
        }
        run.push(part);
    }
    request
        .messages
        .push(message(run_role.unwrap_or(Role::User), run));
    Ok(())
}

/// Reads a string or a list of blocks. Members of blocks that only this API knows are noted in `extra`.
fn read_content(
    content: Value<'_>,
    place: &str,
    param: &'static str,
    extra: &mut Vec<(String, Json)>,
) -> Result<Vec<Part>, Failure> {
    match content.kind() {
        Kind::Null => return Ok(Vec::new()),
        Kind::String => {
            return Ok(content.as_str().map(Part::text).into_iter().collect());
        }
        Kind::Array => {}
        _ => {
            let what = format!("{place} must be a string or a list of blocks");
            return Err(bad(param, what));
        }
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut waiting = None;
    for (n, value) in content.elements().enumerate() {
        let read = block::read(value, Side::Client)
            .map_err(|what| bad(param, format!("{place}[{n}] {what}")))?;
        match read {
            ReadBlock::Part(mut part) => {
                if let Some(signature) = waiting.take() {
                    attach(signature, &mut part, &mut parts);
                }
                if !matches!(part.content, Content::Foreign { .. }) {
                    note_unknown(value, place, n, extra);
                }
                parts.push(part);
            }
            ReadBlock::Signature(signature) => {
                if let Some(before) = waiting.replace(signature) {
                    alone(before, &mut parts);
                }
            }
        }
    }
    if let Some(signature) = waiting {
        alone(signature, &mut parts);
    }
    Ok(parts)
}

/// Gives a signature to the part behind it, if it is what it was made for.
fn attach(signature: Signature, part: &mut Part, before: &mut Vec<Part>) {
    match (&part.content, signature.place) {
        (Content::ToolCall { .. }, Place::Call) | (Content::Text { .. }, Place::Text) => {
            part.signature = Some(signature);
        }
        _ => alone(signature, before),
    }
}

/// Keeps a signature that has no part behind it: on an empty text, which Gemini itself writes, or on the call before,
/// if a stream told it too late.
fn alone(signature: Signature, parts: &mut Vec<Part>) {
    match (signature.place, parts.last_mut()) {
        (Place::Call, Some(part))
            if matches!(part.content, Content::ToolCall { .. }) && part.signature.is_none() =>
        {
            part.signature = Some(signature);
        }
        _ => parts.push(Part::text("").signed(Some(signature))),
    }
}

fn note_unknown(block: Value<'_>, place: &str, n: usize, extra: &mut Vec<(String, Json)>) {
    for Member { key, value, .. } in block.members() {
        let known = matches!(
            &*key,
            "type"
                | "text"
                | "citations"
                | "cache_control"
                | "thinking"
                | "signature"
                | "data"
                | "id"
                | "name"
                | "input"
                | "source"
                | "title"
                | "context"
                | "tool_use_id"
                | "content"
                | "is_error"
        );
        // The model itself called: nothing to say.
        let usual = key == "caller"
            && value
                .get("type")
                .is_some_and(|kind| kind.raw() == b"\"direct\"");
        if !known && !usual && !value.is_null() {
            extra.push((format!("{place}[{n}].{key}"), Json::of(value)));
        }
    }
}
