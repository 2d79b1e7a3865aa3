//! Requests for Cohere's chat.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use super::messages::{self, Turn};
use crate::{
    catalogue::ReasoningControl,
    protocol::{
        chat::{ChatRequest, Effort, Json, OutputFormat, Tool, ToolChoice},
        codec::Target,
        loss::Losses,
    },
};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: &'a [Turn<'a>],
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict_tools: Option<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    documents: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    citation_options: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_mode: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'a Json>,
}

#[derive(Serialize)]
struct Function<'a> {
    r#type: &'static str,
    function: Declaration<'a>,
}

#[derive(Serialize)]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Cow<'a, Json>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<&'a Json>,
}

#[derive(Serialize)]
struct Thinking {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_budget: Option<u64>,
}

/// Writes a request.
pub(super) fn write(request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
    let reasons = reasons(target);
    let conversation = messages::write(request, reasons, losses);
    let tools = tools(request, losses);
    let own = |wanted| {
        let found = request.extra.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value)
    };
    for (name, value) in &request.extra {
        if !OWN.contains(&name.as_str()) {
            losses.member(name, value.get(), "Cohere has no such parameter");
        }
    }
    unknown(request, losses);
    let stop = &request.stop;
    if stop.len() > MOST_STOPS {
        losses.cannot("stop", "Cohere takes five stop sequences at most");
    }
    let body = Request {
        model: target.model,
        messages: &conversation.turns,
        stream: request.stream,
        strict_tools: own("strict_tools")
            .map(Cow::Borrowed)
            .or_else(|| strict(request, losses)),
        tool_choice: choice(request, &tools, losses),
        tools,
        documents: messages::documents(own("documents"), &conversation.documents),
        citation_options: own("citation_options"),
        response_format: request.output.as_ref().map(|output| Format {
            r#type: "json_object",
            json_schema: match output {
                OutputFormat::Json => None,
                OutputFormat::Schema { schema, .. } => Some(schema),
            },
        }),
        safety_mode: own("safety_mode"),
        max_tokens: request.max_tokens,
        stop_sequences: &stop[..stop.len().min(MOST_STOPS)],
        temperature: within(request.temperature, 0.0..=1.0, "temperature", losses),
        seed: request.seed.filter(|seed| *seed >= 0),
        frequency_penalty: within(
            request.frequency_penalty,
            0.0..=1.0,
            "frequency_penalty",
            losses,
        ),
        presence_penalty: within(
            request.presence_penalty,
            0.0..=1.0,
            "presence_penalty",
            losses,
        ),
        k: request.top_k,
        p: within(request.top_p, 0.0..=1.0, "top_p", losses),
        logprobs: request.logprobs.is_some(),
        thinking: thinking(request, target, reasons, losses),
        priority: own("priority"),
    };
    // Serialising fails only for maps with keys that are no strings, and there are none.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// <https://docs.cohere.com/reference/chat#request.body.stop_sequences>
const MOST_STOPS: usize = 5;

/// Parameters of Cohere that no other dialect has.
const OWN: [&str; 5] = [
    "documents",
    "citation_options",
    "safety_mode",
    "strict_tools",
    "priority",
];

/// Whether the model reasons in blocks: by the catalogue, else by its name (`command-a-reasoning-08-2025`).
fn reasons(target: &Target) -> bool {
    match target.known.and_then(|model| model.reasoning) {
        Some(control) => control != ReasoningControl::None,
        None => target.model.contains("reasoning"),
    }
}

fn within(
    value: Option<f64>,
    range: std::ops::RangeInclusive<f64>,
    name: &str,
    losses: &mut Losses,
) -> Option<f64> {
    let fits = value.filter(|v| range.contains(v));
    if value.is_some() && fits.is_none() {
        losses.cannot(name, "Cohere takes it from 0 to 1");
    }
    fits
}

fn tools<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Vec<Function<'a>> {
    // Cohere cannot name a tool that must be called. But if only that one is there, it is the one.
    let only = |name: &String| match &request.tool_choice {
        Some(ToolChoice::Function(wanted)) => name == wanted,
        Some(ToolChoice::Among { names, .. }) => names.contains(name),
        _ => true,
    };
    let mut out = Vec::with_capacity(request.tools.len());
    for (n, tool) in request.tools.iter().enumerate() {
        let Tool::Function(function) = tool else {
            losses.cannot(format!("tools[{n}]"), "Cohere does not run this tool");
            continue;
        };
        if function.cache.is_some() {
            losses.hint("cache_control", "Cohere caches prompts by itself");
        }
        if !only(&function.name) {
            continue;
        }
        let nothing = || {
            Cow::Owned(Json::from_value(
                &json!({ "type": "object", "properties": {} }),
            ))
        };
        out.push(Function {
            r#type: "function",
            function: Declaration {
                name: &function.name,
                description: function.description.as_deref(),
                parameters: function.schema.as_ref().map_or_else(nothing, Cow::Borrowed),
            },
        });
    }
    out
}

/// Cohere has one switch for all tools.
fn strict<'a>(request: &ChatRequest, losses: &mut Losses) -> Option<Cow<'a, Json>> {
    let functions = || {
        request.tools.iter().filter_map(|tool| match tool {
            Tool::Function(function) => Some(function),
            Tool::Hosted { .. } => None,
        })
    };
    if !functions().any(|f| f.strict == Some(true)) {
        return None;
    }
    if !functions().all(|f| f.strict == Some(true)) {
        losses.hint("strict", "Cohere can be strict about all tools or none");
        return None;
    }
    Some(Cow::Owned(Json::from_value(&true)))
}

fn choice(
    request: &ChatRequest,
    tools: &[Function<'_>],
    losses: &mut Losses,
) -> Option<&'static str> {
    if request.parallel_tool_calls == Some(false) && !tools.is_empty() {
        losses.cannot("parallel_tool_calls", "Cohere cannot forbid parallel calls");
    }
    let choice = request.tool_choice.as_ref()?;
    let forces = matches!(
        choice,
        ToolChoice::Required | ToolChoice::Function(_) | ToolChoice::Among { required: true, .. }
    );
    match choice {
        _ if tools.is_empty() => {
            if forces {
                losses.cannot("tool_choice", "there is no such tool");
            }
            None
        }
        ToolChoice::None => Some("NONE"),
        _ => forces.then_some("REQUIRED"),
    }
}

fn thinking(
    request: &ChatRequest,
    target: &Target,
    reasons: bool,
    losses: &mut Losses,
) -> Option<Thinking> {
    let wish = request.reasoning.as_ref()?;
    if wish.level() == Some(Effort::None) {
        // Models that reason do so unless told otherwise; others may not know the parameter.
        return reasons.then_some(Thinking {
            r#type: "disabled",
            token_budget: None,
        });
    }
    let token_budget = wish.tokens();
    if token_budget.is_none() && wish.enabled != Some(true) {
        return None;
    }
    if target.known.and_then(|m| m.reasoning) == Some(ReasoningControl::None) {
        losses.cannot("reasoning", "this model does not reason");
        return None;
    }
    Some(Thinking {
        r#type: "enabled",
        token_budget,
    })
}

/// What Cohere has no place for.
fn unknown(request: &ChatRequest, losses: &mut Losses) {
    let none = "Cohere has no such parameter";
    if request.n.is_some_and(|n| n > 1) {
        losses.cannot("n", "Cohere gives one answer");
    }
    if request
        .logprobs
        .is_some_and(|alternatives| alternatives > 0)
    {
        losses.cannot("top_logprobs", "Cohere tells no alternatives of tokens");
    }
    if request.seed.is_some_and(|seed| seed < 0) {
        losses.cannot("seed", "Cohere takes no negative seeds");
    }
    if request.modalities.iter().any(|m| m != "text") {
        losses.cannot("modalities", "Cohere answers with text");
    }
    if request.user.is_some() {
        losses.hint("user", none);
    }
    if !request.metadata.is_empty() {
        losses.hint("metadata", none);
    }
    let tier = request.service_tier.as_deref();
    if tier.is_some_and(|tier| tier != "auto" && tier != "default") {
        losses.hint("service_tier", none);
    }
}
