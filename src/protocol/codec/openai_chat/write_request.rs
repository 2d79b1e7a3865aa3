//! A request to a provider.

use serde::Serialize;
use serde_json::json;

use super::{
    vendor,
    write_message::{CACHES_ITSELF, Turn, write_all},
};
use crate::{
    catalogue::ReasoningControl,
    protocol::{
        chat::{ChatRequest, Effort, Function, Json, Origin, OutputFormat, Tool, ToolChoice},
        codec::{Sampling, Target},
        loss::Losses,
    },
};

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    modalities: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    extra: Extra<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ToolOut<'a> {
    Function {
        r#type: &'static str,
        function: FunctionOut<'a>,
    },
    Own(&'a Json),
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonObject,
    JsonSchema { json_schema: Schema<'a> },
}

#[derive(Serialize)]
struct Schema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

struct Extra<'a>(Vec<&'a (String, Json)>);

impl Serialize for Extra<'_> {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Writes a request.
///
/// - `max_completion_tokens` for OpenAI's reasoning models (`o1`, `o3`, `o4`, `gpt-5` and later by name), which refuse
///   `max_tokens`; `max_tokens` for all others, since many vendors know only that.
/// - The role `developer` for OpenAI's models, `system` for others.
/// - `user`, `metadata`, `service_tier`, `store` and keys of caches for OpenAI's models only: others may refuse them,
///   and no answer depends on them. `top_k` for others only.
/// - Reasoning as `reasoning_effort`, the one word that all vendors share. `enabled` alone is `medium`, as OpenRouter
///   has it. <https://openrouter.ai/docs/use-cases/reasoning-tokens#enable-reasoning-with-default-config>
pub(super) fn write(request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
    let openai = vendor::is_openai(target);
    let sampling = Sampling::of(request, target, losses);
    if request.cache.is_some() {
        losses.hint("cache_control", CACHES_ITSELF);
    }
    let mut hint = |given: bool, name: &str| {
        if given && !openai {
            losses.hint(name, FOR_OPENAI);
        }
        given && openai
    };
    let user = hint(request.user.is_some(), "user");
    let metadata = hint(!request.metadata.is_empty(), "metadata");
    let service_tier = hint(request.service_tier.is_some(), "service_tier");
    if sampling.top_k.is_some() && openai {
        losses.cannot("top_k", "OpenAI's models have no `top_k`");
    }
    let completion = vendor::takes_completion_tokens(target);
    let default_modalities = matches!(request.modalities.as_slice(), [one] if one == "text");
    let tools = tools(request, target, losses);
    let body = Body {
        model: target.model,
        messages: write_all(&request.messages, target, losses),
        tool_choice: request
            .tool_choice
            .as_ref()
            .map(|choice| tool_choice(choice, openai)),
        // OpenAI refuses it without tools.
        parallel_tool_calls: request.parallel_tool_calls.filter(|_| !tools.is_empty()),
        tools,
        response_format: format(request, target, losses),
        max_tokens: request.max_tokens.filter(|_| !completion),
        max_completion_tokens: request.max_tokens.filter(|_| completion),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k.filter(|_| !openai),
        frequency_penalty: sampling.frequency_penalty,
        presence_penalty: sampling.presence_penalty,
        seed: request.seed,
        stop: &request.stop,
        n: request.n.filter(|n| *n != 1),
        logprobs: request.logprobs.map(|_| true),
        top_logprobs: request.logprobs.filter(|top| *top > 0),
        reasoning_effort: effort(request, target, losses),
        modalities: if default_modalities {
            &[]
        } else {
            &request.modalities
        },
        user: request.user.as_deref().filter(|_| user),
        metadata: metadata.then(|| {
            let pairs = request.metadata.iter();
            pairs
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect()
        }),
        service_tier: request.service_tier.as_deref().filter(|_| service_tier),
        stream: request.stream,
        stream_options: (request.stream && target.asks_stream_usage).then_some(StreamOptions {
            include_usage: true,
        }),
        extra: Extra(extra(request, openai, losses)),
    };
    // Nothing in it can fail: all keys are strings and all numbers finite or `null`.
    serde_json::to_vec(&body).unwrap_or_default()
}

const FOR_OPENAI: &str = "vendors other than OpenAI may refuse it";

fn tools<'a>(request: &'a ChatRequest, target: &Target, losses: &mut Losses) -> Vec<ToolOut<'a>> {
    let tools = &request.tools;
    if !tools.is_empty() && target.known.and_then(|model| model.tools) == Some(false) {
        losses.cannot("tools", "the model calls no tools");
        return Vec::new();
    }
    let mut written = Vec::with_capacity(tools.len());
    let only = match &request.tool_choice {
        Some(ToolChoice::Among { names, .. }) if !vendor::is_openai(target) => Some(names),
        _ => None,
    };
    for (n, tool) in tools.iter().enumerate() {
        match tool {
            Tool::Function(function)
                if only.is_some_and(|names| !names.contains(&function.name)) => {}
            Tool::Function(function) => {
                if function.cache.is_some() {
                    losses.hint("cache_control", CACHES_ITSELF);
                }
                written.push(function_out(function));
            }
            Tool::Hosted { origin, name, json } if is_of_chat(*origin, name, json) => {
                written.push(ToolOut::Own(json));
            }
            Tool::Hosted { name, .. } => losses.cannot(
                format!("tools[{n}] ({name})"),
                "chat completions have no such tool",
            ),
        }
    }
    written
}

fn function_out(function: &Function) -> ToolOut<'_> {
    ToolOut::Function {
        r#type: "function",
        function: FunctionOut {
            name: &function.name,
            description: function.description.as_deref(),
            parameters: function.schema.as_ref(),
            strict: function.strict,
        },
    }
}

/// Whether a tool is written as chat completions have it: custom tools have an object `custom`, unlike those of the
/// Responses API, and vendors' own tools have the vendor in the name (`openrouter:web_search`).
fn is_of_chat(origin: Origin, name: &str, json: &Json) -> bool {
    origin == Origin::OpenAi
        && match name {
            "custom" => json.to_value().get("custom").is_some(),
            name => name.contains(':'),
        }
}

/// `allowed_tools` are OpenAI's alone: others are told of these tools only.
/// <https://platform.openai.com/docs/guides/function-calling#allowed-tools>
fn tool_choice(choice: &ToolChoice, openai: bool) -> serde_json::Value {
    let function = |name: &String| json!({ "type": "function", "function": { "name": name } });
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Function(name) => function(name),
        ToolChoice::Among { required, .. } if !openai => {
            if *required { "required" } else { "auto" }.into()
        }
        ToolChoice::Among { required, names } => json!({
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": if *required { "required" } else { "auto" },
                "tools": names.iter().map(function).collect::<Vec<_>>(),
            }
        }),
    }
}

fn format<'a>(
    request: &'a ChatRequest,
    target: &Target,
    losses: &mut Losses,
) -> Option<Format<'a>> {
    match request.output.as_ref()? {
        OutputFormat::Json => Some(Format::JsonObject),
        OutputFormat::Schema { .. }
            if target.known.and_then(|model| model.structured_output) == Some(false) =>
        {
            losses.cannot("response_format", "the model follows no JSON Schema");
            None
        }
        OutputFormat::Schema {
            name,
            description,
            schema,
            strict,
        } => Some(Format::JsonSchema {
            json_schema: Schema {
                name: name.as_deref().unwrap_or("answer"),
                description: description.as_deref(),
                schema,
                strict: *strict,
            },
        }),
    }
}

fn effort(request: &ChatRequest, target: &Target, losses: &mut Losses) -> Option<&'static str> {
    let wish = request.reasoning.as_ref()?;
    if let Some(summary) = wish.summary.as_deref()
        && summary != "auto"
    {
        losses.hint(
            "reasoning.summary",
            "in chat completions the provider decides whether to tell its reasoning",
        );
    }
    let default = wish.enabled.filter(|on| *on).map(|_| Effort::Medium);
    let effort = wish.level().or(default)?;
    match target.known.and_then(|model| model.reasoning) {
        Some(ReasoningControl::None) => {
            if effort != Effort::None {
                losses.cannot("reasoning", "the model does not reason");
            }
            None
        }
        Some(ReasoningControl::Always) => {
            losses.hint("reasoning", "the model always reasons and takes no wish");
            None
        }
        _ => Some(effort.name()),
    }
}

/// Members that OpenAI documents and the canonical form does not know.
/// <https://platform.openai.com/docs/api-reference/chat/create>
const OF_OPENAI: [&str; 7] = [
    "logit_bias",
    "prediction",
    "audio",
    "web_search_options",
    "verbosity",
    "moderation",
    "reasoning_effort",
];

/// Members of OpenAI's that no answer depends on.
const HINTS: [&str; 4] = [
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
];

/// Members that other vendors document: OpenRouter, Groq, vLLM, llama.cpp, Mistral, Cerebras, xAI. OpenAI refuses them.
const OF_VENDORS: [&str; 21] = [
    "provider",
    "models",
    "route",
    "transforms",
    "plugins",
    "preset",
    "include_reasoning",
    "reasoning_format",
    "min_p",
    "top_a",
    "repetition_penalty",
    "min_tokens",
    "stop_token_ids",
    "chat_template_kwargs",
    "guided_json",
    "safe_prompt",
    "random_seed",
    "prompt_mode",
    "clear_thinking",
    "search_parameters",
    "disable_reasoning",
];

fn extra<'a>(
    request: &'a ChatRequest,
    openai: bool,
    losses: &mut Losses,
) -> Vec<&'a (String, Json)> {
    let mut passed = Vec::new();
    for member in &request.extra {
        let (name, value) = (member.0.as_str(), member.1.get());
        if value == "null" {
            continue;
        }
        let known = OF_OPENAI.contains(&name)
            || matches!(name, "tool_choice" | "response_format")
            || (openai && HINTS.contains(&name))
            || (!openai && OF_VENDORS.contains(&name));
        if known {
            passed.push(member);
        } else if HINTS.contains(&name) {
            // What states the default is no loss.
            if value != "false" {
                losses.hint(name, FOR_OPENAI);
            }
        } else {
            losses.member(name, value, "chat completions have no such parameter");
        }
    }
    passed
}
