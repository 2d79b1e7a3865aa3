//! A client's request.

use std::borrow::Cow;

use super::read_message::{self, read_cache};
use crate::{
    error::{self, Failure},
    protocol::{
        chat::{
            CacheMark, ChatRequest, Effort, Function, Json, Origin, OutputFormat, Reasoning, Tool,
            ToolChoice,
        },
        json::{Document, Kind, Limits, Value},
    },
};

/// A failure that names the member at fault.
pub(in crate::protocol::codec) fn bad(
    param: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> Failure {
    Failure::new(error::Kind::BadRequest, message).param(param)
}

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<ChatRequest, Failure> {
    let document = document(body)?;
    let root = document.root();
    let mut request = ChatRequest::default();
    let messages = root
        .get("messages")
        .ok_or_else(|| bad("messages", "the request has no `messages`"))?;
    request.messages = read_message::read_all(messages, &mut request.extra)?;
    for member in root.members() {
        let value = member.value;
        if !value.is_null() && !common(&mut request, &member.key, value)? {
            chat_only(&mut request, &member.key, value)?;
        }
    }
    read_logprobs(&mut request, root)?;
    Ok(request)
}

/// The body as a JSON object.
pub(in crate::protocol::codec) fn document(body: &[u8]) -> Result<Document<'_>, Failure> {
    let parsed = Document::parse(body, Limits::default()).map_err(|error| {
        Failure::new(
            error::Kind::BadRequest,
            format!("the body is no JSON: {error}"),
        )
    })?;
    if parsed.root().kind() == Kind::Object {
        Ok(parsed)
    } else {
        let message = "the body must be a JSON object";
        Err(Failure::new(error::Kind::BadRequest, message))
    }
}

/// Reads a member that chat and legacy completions share; says whether it was one.
pub(in crate::protocol::codec) fn common(
    request: &mut ChatRequest,
    key: &str,
    value: Value,
) -> Result<bool, Failure> {
    match key {
        // The model is known from the route; what concerns the stream's usage too.
        "model" | "stream_options" => {}
        "max_tokens" => {
            request.max_tokens = request.max_tokens.or(Some(count(value, "max_tokens")?));
        }
        "temperature" => request.temperature = Some(number(value, "temperature")?),
        "top_p" => request.top_p = Some(number(value, "top_p")?),
        "top_k" => match value.raw() {
            // vLLM's word for all.
            b"-1" => {}
            _ => request.top_k = Some(count(value, "top_k")?),
        },
        "frequency_penalty" => {
            request.frequency_penalty = Some(number(value, "frequency_penalty")?);
        }
        "presence_penalty" => {
            request.presence_penalty = Some(number(value, "presence_penalty")?);
        }
        "seed" => request.seed = Some(integer(value, "seed")?),
        "stop" => request.stop = texts(value, "stop")?,
        "n" => request.n = Some(small(value, "n")?),
        "stream" => request.stream = flag(value, "stream")?,
        "user" => request.user = Some(text(value, "user")?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn chat_only(request: &mut ChatRequest, key: &str, value: Value) -> Result<(), Failure> {
    match key {
        "messages" | "logprobs" | "top_logprobs" => {}
        "tools" => request.tools.extend(tools(value, "tools")?),
        "functions" => request.tools.extend(tools(value, "functions")?),
        "tool_choice" | "function_call" => match tool_choice(value) {
            Some(choice) => request.tool_choice = Some(choice),
            None => keep(request, key, value),
        },
        "parallel_tool_calls" => {
            request.parallel_tool_calls = Some(flag(value, "parallel_tool_calls")?);
        }
        "response_format" => response_format(request, value)?,
        "max_completion_tokens" => {
            request.max_tokens = Some(count(value, "max_completion_tokens")?);
        }
        "reasoning_effort" => {
            let reasoning = request.reasoning.get_or_insert_default();
            match value.as_str().as_deref().and_then(Effort::of_name) {
                Some(effort) => reasoning.effort = Some(effort),
                None => keep(request, key, value),
            }
            forget_empty(request);
        }
        "reasoning" if value.kind() == Kind::Object => reasoning(request, value)?,
        "thinking" if value.kind() == Kind::Object => thinking(request, value)?,
        "modalities" => {
            let words = texts(value, "modalities")?;
            request.modalities = words.iter().map(|word| word.to_lowercase()).collect();
        }
        "metadata" => {
            if value.kind() != Kind::Object {
                return Err(bad("metadata", "`metadata` must be an object of texts"));
            }
            for member in value.members() {
                let text = member.value.as_str().map(Cow::into_owned);
                let text = text.unwrap_or_else(|| Json::of(member.value).get().to_owned());
                request.metadata.push((member.key.into_owned(), text));
            }
        }
        "service_tier" => request.service_tier = Some(text(value, "service_tier")?),
        "cache_control" => {
            let ttl = value.get("ttl").and_then(Value::as_str);
            request.cache = Some(CacheMark {
                ttl: ttl.map(Cow::into_owned),
            });
        }
        _ => keep(request, key, value),
    }
    Ok(())
}

/// `logprobs` is a wish, `top_logprobs` its size.
fn read_logprobs(request: &mut ChatRequest, root: Value) -> Result<(), Failure> {
    let member = |key| root.get(key).filter(|value: &Value| !value.is_null());
    if let Some(wish) = member("logprobs")
        && flag(wish, "logprobs")?
    {
        let top = member("top_logprobs").map(|top| small(top, "top_logprobs"));
        request.logprobs = Some(top.transpose()?.unwrap_or(0));
    }
    Ok(())
}

fn keep(request: &mut ChatRequest, key: &str, value: Value) {
    request.extra.push((key.to_owned(), Json::of(value)));
}

/// A wish that said nothing is none.
fn forget_empty(request: &mut ChatRequest) {
    if request.reasoning == Some(Reasoning::default()) {
        request.reasoning = None;
    }
}

/// OpenRouter's `reasoning`. <https://openrouter.ai/docs/use-cases/reasoning-tokens>
fn reasoning(request: &mut ChatRequest, value: Value) -> Result<(), Failure> {
    for member in value.members() {
        let value = member.value;
        if value.is_null() {
            continue;
        }
        let reasoning = request.reasoning.get_or_insert_default();
        match member.key.as_ref() {
            "effort" => match value.as_str().as_deref().and_then(Effort::of_name) {
                Some(effort) => reasoning.effort = Some(effort),
                None => keep(request, "reasoning_effort", value),
            },
            "max_tokens" => reasoning.budget = Some(count(value, "reasoning")?),
            "enabled" => reasoning.enabled = Some(flag(value, "reasoning")?),
            "exclude" => {
                if flag(value, "reasoning")? {
                    reasoning.summary = Some("none".to_owned());
                }
            }
            "summary" => reasoning.summary = Some(text(value, "reasoning")?),
            other => keep(request, &format!("reasoning.{other}"), value),
        }
    }
    forget_empty(request);
    Ok(())
}

/// `thinking: {"type": "enabled", "budget_tokens": …}`, as DeepSeek, Z.ai and Anthropic's compatible endpoint have it.
/// <https://docs.anthropic.com/en/api/openai-sdk>, <https://docs.z.ai/guides/capabilities/thinking-mode>
fn thinking(request: &mut ChatRequest, value: Value) -> Result<(), Failure> {
    for member in value.members() {
        let value = member.value;
        let reasoning = request.reasoning.get_or_insert_default();
        match (member.key.as_ref(), value.as_str().as_deref()) {
            _ if value.is_null() => {}
            ("type", Some("enabled" | "adaptive")) => reasoning.enabled = Some(true),
            ("type", Some("disabled")) => reasoning.enabled = Some(false),
            ("budget_tokens", _) => reasoning.budget = Some(count(value, "thinking")?),
            (other, _) => keep(request, &format!("thinking.{other}"), value),
        }
    }
    forget_empty(request);
    Ok(())
}

fn tools(value: Value, param: &'static str) -> Result<Vec<Tool>, Failure> {
    if value.kind() != Kind::Array {
        return Err(bad(param, format!("`{param}` must be a list")));
    }
    value
        .elements()
        .enumerate()
        .map(|(n, tool)| {
            read_tool(tool).ok_or_else(|| {
                bad(
                    param,
                    format!("`{param}[{n}]` must have a `type` or be a function with a `name`"),
                )
            })
        })
        .collect()
}

fn read_tool(tool: Value) -> Option<Tool> {
    let kind = tool.get("type").and_then(Value::as_str);
    match kind.as_deref() {
        Some("function") | None => {}
        Some(name) => {
            return Some(Tool::Hosted {
                origin: Origin::OpenAi,
                name: name.to_owned(),
                json: Json::of(tool),
            });
        }
    }
    // Legacy `functions` have no object around; nor have tools of clients that mix up the two APIs.
    let function = tool.get("function").unwrap_or(tool);
    let description = function.get("description").and_then(Value::as_str);
    Some(Tool::Function(Function {
        name: function.get("name")?.as_str()?.into_owned(),
        description: description.map(Cow::into_owned),
        schema: function
            .get("parameters")
            .filter(|schema| !schema.is_null())
            .map(Json::of),
        strict: function.get("strict").and_then(Value::as_bool),
        cache: read_cache(tool).or_else(|| read_cache(function)),
    }))
}

fn tool_choice(value: Value) -> Option<ToolChoice> {
    let name = |value: Value| {
        let named = value.get("function").unwrap_or(value);
        Some(named.get("name")?.as_str()?.into_owned())
    };
    let by_word = |word: &str| match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        // Mistral's word is `any`.
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    };
    if let Some(word) = value.as_str() {
        return by_word(&word);
    }
    let kind = value.get("type").and_then(Value::as_str);
    match kind.as_deref() {
        Some("function" | "tool") | None => name(value).map(ToolChoice::Function),
        Some("allowed_tools") => {
            let allowed = value.get("allowed_tools").unwrap_or(value);
            let mode = allowed.get("mode").and_then(Value::as_str);
            let tools = allowed.get("tools")?.elements();
            Some(ToolChoice::Among {
                required: mode.as_deref() == Some("required"),
                names: tools.map(name).collect::<Option<_>>()?,
            })
        }
        Some(word) => by_word(word),
    }
}

fn response_format(request: &mut ChatRequest, value: Value) -> Result<(), Failure> {
    let kind = value.get("type").and_then(Value::as_str);
    match kind.as_deref() {
        Some("text") => {}
        Some("json_object") => request.output = Some(OutputFormat::Json),
        Some("json_schema") => {
            let Some(format) = value.get("json_schema") else {
                let message = "`response_format` has no `json_schema`";
                return Err(bad("response_format", message));
            };
            let text = |key| format.get(key).and_then(Value::as_str);
            let schema = format.get("schema").filter(|schema| !schema.is_null());
            request.output = Some(OutputFormat::Schema {
                name: text("name").map(Cow::into_owned),
                description: text("description").map(Cow::into_owned),
                schema: match schema {
                    Some(schema) => Json::of(schema),
                    None => Json::from_value(&serde_json::json!({})),
                },
                strict: format.get("strict").and_then(Value::as_bool),
            });
        }
        Some(_) => keep(request, "response_format", value),
        None => return Err(bad("response_format", "`response_format` has no `type`")),
    }
    Ok(())
}

fn number(value: Value, param: &'static str) -> Result<f64, Failure> {
    value
        .as_f64()
        .filter(|number| number.is_finite())
        .ok_or_else(|| bad(param, format!("`{param}` must be a number")))
}

/// A count, also written as `100.0` by clients that know only one sort of number.
pub(in crate::protocol::codec) fn count(value: Value, param: &'static str) -> Result<u64, Failure> {
    let whole = |number: f64| {
        (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
    };
    value
        .as_u64()
        .or_else(|| whole(value.as_f64()?))
        .ok_or_else(|| bad(param, format!("`{param}` must be a whole number")))
}

fn small(value: Value, param: &'static str) -> Result<u32, Failure> {
    let n = count(value, param)?;
    u32::try_from(n).map_err(|_| bad(param, format!("`{param}` is too large")))
}

fn integer(value: Value, param: &'static str) -> Result<i64, Failure> {
    let text = std::str::from_utf8(value.raw()).unwrap_or_default();
    match (value.kind(), text.parse()) {
        (Kind::Number, Ok(number)) => Ok(number),
        _ => {
            let n = count(value, param)?;
            i64::try_from(n).map_err(|_| bad(param, format!("`{param}` is too large")))
        }
    }
}

pub(in crate::protocol::codec) fn flag(value: Value, param: &'static str) -> Result<bool, Failure> {
    value
        .as_bool()
        .ok_or_else(|| bad(param, format!("`{param}` must be true or false")))
}

fn text(value: Value, param: &'static str) -> Result<String, Failure> {
    value
        .as_str()
        .map(Cow::into_owned)
        .ok_or_else(|| bad(param, format!("`{param}` must be a text")))
}

/// A list of texts, or one.
fn texts(value: Value, param: &'static str) -> Result<Vec<String>, Failure> {
    match value.kind() {
        Kind::Array => value.elements().map(|value| text(value, param)).collect(),
        _ => text(value, param).map(|text| vec![text]),
    }
}
