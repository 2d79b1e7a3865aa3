//! A client's request, read.

use super::{
    super::super::{
        Call, Operation,
        chat::{
            ChatRequest, Effort, Function, Json, Origin, OutputFormat, Part, Reasoning, Role, Tool,
            ToolChoice,
        },
        json::{Document, Kind, Limits, Value},
    },
    object::{camel, count, integer, members, number, string, strings},
    part_read, schema,
    turns_read::{Turns, message, parts, plain},
};
use crate::error::{Failure, Kind as Fault};

/// What was read, or why not.
pub(super) type Read<T> = Result<T, Failure>;

/// Reads a request.
pub(super) fn read(call: &Call, body: &[u8]) -> Read<ChatRequest> {
    let document = Document::parse(body, Limits::default()).map_err(|error| {
        Failure::new(Fault::BadRequest, format!("the body is no JSON: {error}"))
    })?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(Failure::new(
            Fault::BadRequest,
            "the body must be a JSON object",
        ));
    }
    let mut request = ChatRequest {
        stream: call.operation == Operation::StreamGenerate,
        ..ChatRequest::default()
    };
    let mut turns = Turns::default();
    let mut has_contents = false;
    for member in root.members().filter(|member| !member.value.is_null()) {
        let value = member.value;
        match &*camel(member.key.clone()) {
            "systemInstruction" => system(value, &mut request)?,
            "contents" => {
                has_contents = true;
                turns.contents(value)?;
            }
            "tools" => tools(value, &mut request)?,
            "toolConfig" => tool_config(value, &mut request)?,
            "generationConfig" => generation_config(value, &mut request)?,
            "serviceTier" => {
                let tier = wanted(string(value), "serviceTier", "a string")?.to_ascii_lowercase();
                request.service_tier = match tier.as_str() {
                    "unspecified" | "service_tier_unspecified" => None,
                    "standard" => Some("default".to_owned()),
                    _ => Some(tier),
                };
            }
            // Named in the path.
            "model" => {}
            _ => request
                .extra
                .push((camel(member.key).into_owned(), Json::of(value))),
        }
    }
    if !has_contents {
        return Err(bad("contents", "`contents` is missing"));
    }
    request.messages.append(&mut turns.messages);
    Ok(request)
}

/// A member that makes no sense.
pub(super) fn bad(
    param: &'static str,
    message: impl Into<std::borrow::Cow<'static, str>>,
) -> Failure {
    Failure::new(Fault::BadRequest, message).param(param)
}

/// A value that must be of its sort.
pub(super) fn wanted<T>(value: Option<T>, param: &'static str, what: &str) -> Read<T> {
    value.ok_or_else(|| bad(param, format!("`{param}` must be {what}")))
}

/// A content, or a list of parts, or a text; Google's SDKs take all three for a system instruction.
fn system(value: Value<'_>, request: &mut ChatRequest) -> Read<()> {
    let parts: Vec<_> = match value.kind() {
        Kind::String => vec![Part::text(wanted(
            string(value),
            "systemInstruction",
            "text",
        )?)],
        Kind::Object | Kind::Array => parts(value)
            .filter_map(|part| plain(part_read::read(part, part_read::from_client)))
            .collect(),
        _ => {
            return Err(bad(
                "systemInstruction",
                "`systemInstruction` must be a content",
            ));
        }
    };
    if !parts.is_empty() {
        request.messages.insert(0, message(Role::System, parts));
    }
    Ok(())
}

fn tools(value: Value<'_>, request: &mut ChatRequest) -> Read<()> {
    if value.kind() != Kind::Array {
        return Err(bad("tools", "`tools` must be a list"));
    }
    for tool in value.elements() {
        if tool.kind() != Kind::Object {
            return Err(bad("tools", "each of `tools` must be an object"));
        }
        for (name, value) in members(tool) {
            if name == "functionDeclarations" {
                for declaration in value.elements() {
                    let function = function(declaration, &mut request.extra)?;
                    request.tools.push(Tool::Function(function));
                }
            } else {
                let json = Json::parse(format!(
                    "{{\"{name}\":{}}}",
                    String::from_utf8_lossy(value.raw())
                ));
                request.tools.push(Tool::Hosted {
                    origin: Origin::Gemini,
                    name: name.into_owned(),
                    json: json.unwrap_or_default(),
                });
            }
        }
    }
    Ok(())
}

fn function(value: Value<'_>, extra: &mut Vec<(String, Json)>) -> Read<Function> {
    let mut function = Function::default();
    let mut rest = Vec::new();
    for (name, value) in members(value) {
        match &*name {
            "name" => function.name = wanted(string(value), "tools.name", "a string")?,
            "description" => {
                function.description =
                    Some(wanted(string(value), "tools.description", "a string")?);
            }
            "parameters" => {
                function.schema = Some(schema::to_json_schema(&Json::of(value)));
            }
            "parametersJsonSchema" => function.schema = Some(Json::of(value)),
            _ => rest.push((name.into_owned(), Json::of(value))),
        }
    }
    if function.name.is_empty() {
        return Err(bad("tools", "a function declaration has no `name`"));
    }
    for (name, json) in rest {
        extra.push((
            format!("functionDeclarations.{}.{name}", function.name),
            json,
        ));
    }
    Ok(function)
}

fn tool_config(value: Value<'_>, request: &mut ChatRequest) -> Read<()> {
    for (name, value) in members(value) {
        if name != "functionCallingConfig" {
            let extra = (format!("toolConfig.{name}"), Json::of(value));
            request.extra.push(extra);
            continue;
        }
        let mut names = Vec::new();
        let mut mode = None;
        for (name, value) in members(value) {
            match &*name {
                "mode" => mode = value.as_str(),
                "allowedFunctionNames" => {
                    names = wanted(
                        strings(value),
                        "toolConfig.functionCallingConfig.allowedFunctionNames",
                        "a list of strings",
                    )?;
                }
                // How arguments are told in pieces is between the gateway and its provider.
                "streamFunctionCallArguments" => {}
                _ => request.extra.push((
                    format!("toolConfig.functionCallingConfig.{name}"),
                    Json::of(value),
                )),
            }
        }
        request.tool_choice = choice(mode.as_deref(), names)?;
    }
    Ok(())
}

/// <https://ai.google.dev/api/caching#FunctionCallingConfig>
fn choice(mode: Option<&str>, mut names: Vec<String>) -> Read<Option<ToolChoice>> {
    let among = |required, names| ToolChoice::Among { required, names };
    let mode = mode.map(str::to_ascii_uppercase);
    Ok(match mode.as_deref() {
        None | Some("MODE_UNSPECIFIED") if names.is_empty() => None,
        None | Some("MODE_UNSPECIFIED" | "AUTO" | "VALIDATED") => Some(if names.is_empty() {
            ToolChoice::Auto
        } else {
            among(false, names)
        }),
        Some("NONE") => Some(ToolChoice::None),
        Some("ANY") => Some(match names.len() {
            0 => ToolChoice::Required,
            1 => ToolChoice::Function(names.remove(0)),
            _ => among(true, names),
        }),
        Some(_) => {
            return Err(bad(
                "toolConfig.functionCallingConfig.mode",
                "the mode must be `AUTO`, `ANY`, `NONE` or `VALIDATED`",
            ));
        }
    })
}

/// <https://ai.google.dev/api/generate-content#generationconfig>
fn generation_config(value: Value<'_>, request: &mut ChatRequest) -> Read<()> {
    let (mut json, mut schema_of, mut wants_logprobs, mut top) = (false, None, false, None);
    let mut mime = None;
    for (name, value) in members(value) {
        match &*name {
            "temperature" => {
                request.temperature = Some(wanted(number(value), "temperature", "a number")?);
            }
            "topP" => request.top_p = Some(wanted(number(value), "topP", "a number")?),
            "topK" => request.top_k = Some(wanted(count(value), "topK", "a whole number")?),
            "maxOutputTokens" => {
                let n = wanted(count(value), "maxOutputTokens", "a whole number")?;
                request.max_tokens = Some(n);
            }
            "stopSequences" => {
                request.stop = wanted(strings(value), "stopSequences", "a list of strings")?;
            }
            "candidateCount" => {
                let n = count(value).and_then(|n| u32::try_from(n).ok());
                request.n = Some(wanted(n, "candidateCount", "a whole number")?);
            }
            "seed" => request.seed = Some(wanted(integer(value), "seed", "a whole number")?),
            "presencePenalty" => {
                let n = wanted(number(value), "presencePenalty", "a number")?;
                request.presence_penalty = Some(n);
            }
            "frequencyPenalty" => {
                let n = wanted(number(value), "frequencyPenalty", "a number")?;
                request.frequency_penalty = Some(n);
            }
            "responseMimeType" => match value.as_str().as_deref() {
                Some("application/json") => json = true,
                Some("text/plain" | "") => {}
                _ => mime = Some(Json::of(value)),
            },
            "responseSchema" => schema_of = Some(schema::to_json_schema(&Json::of(value))),
            "responseJsonSchema" => schema_of = Some(Json::of(value)),
            "responseLogprobs" => wants_logprobs = value.as_bool() == Some(true),
            "logprobs" => {
                let n = count(value).and_then(|n| u32::try_from(n).ok());
                top = Some(wanted(n, "logprobs", "a whole number")?);
            }
            "thinkingConfig" => thinking(value, request)?,
            "responseModalities" => {
                let names = wanted(strings(value), "responseModalities", "a list of strings")?;
                request.modalities = names.iter().map(|n| n.to_ascii_lowercase()).collect();
            }
            _ => request
                .extra
                .push((format!("generationConfig.{name}"), Json::of(value))),
        }
    }
    if let Some(mime) = mime {
        // Enums as plain text: only Google has them, and the schema belongs to it.
        let mut put = |name: &str, json| {
            request
                .extra
                .push((format!("generationConfig.{name}"), json))
        };
        put("responseMimeType", mime);
        if let Some(schema) = schema_of {
            put("responseJsonSchema", schema);
        }
    } else if let Some(schema) = schema_of {
        request.output = Some(OutputFormat::Schema {
            name: None,
            description: None,
            schema,
            strict: None,
        });
    } else if json {
        request.output = Some(OutputFormat::Json);
    }
    if wants_logprobs {
        request.logprobs = Some(top.unwrap_or(0));
    }
    Ok(())
}

/// <https://ai.google.dev/gemini-api/docs/thinking>
fn thinking(value: Value<'_>, request: &mut ChatRequest) -> Read<()> {
    let mut reasoning = Reasoning::default();
    let mut shown = false;
    for (name, value) in members(value) {
        match &*name {
            "includeThoughts" => shown = value.as_bool() == Some(true),
            "thinkingBudget" => {
                match wanted(integer(value), "thinkingBudget", "a whole number")? {
                    0 => reasoning.enabled = Some(false),
                    // Dynamic: as much as the model likes.
                    ..0 => reasoning.enabled = Some(true),
                    n => {
                        reasoning.enabled = Some(true);
                        reasoning.budget = u64::try_from(n).ok();
                    }
                }
            }
            "thinkingLevel" => {
                let word = wanted(value.as_str(), "thinkingLevel", "a string")?;
                reasoning.effort = Effort::of_name(&word.to_ascii_lowercase());
                if reasoning.effort.is_none() && !word.ends_with("UNSPECIFIED") {
                    return Err(bad(
                        "thinkingLevel",
                        "`thinkingLevel` must be `MINIMAL`, `LOW`, `MEDIUM` or `HIGH`",
                    ));
                }
            }
            _ => request.extra.push((
                format!("generationConfig.thinkingConfig.{name}"),
                Json::of(value),
            )),
        }
    }
    // Google shows no thoughts unless asked.
    reasoning.summary = Some(if shown { "auto" } else { "none" }.to_owned());
    request.reasoning = Some(reasoning);
    Ok(())
}
