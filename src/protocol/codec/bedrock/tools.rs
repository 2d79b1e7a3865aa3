//! Tools for Converse.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{json, value::RawValue};

use super::{
    blocks::CachePoint,
    fields::{Family, forces},
    messages::{self, Conversation},
};
use crate::protocol::{
    chat::{ChatRequest, Function, Json, Origin, Tool, ToolChoice},
    loss::Losses,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config<'a> {
    tools: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Entry<'a> {
    ToolSpec(Spec<'a>),
    CachePoint(CachePoint<'a>),
    #[serde(untagged)]
    Raw(&'a RawValue),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Schema<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
struct Schema<'a> {
    json: Cow<'a, Json>,
}

impl<'a> Schema<'a> {
    fn new(schema: Option<&'a Json>) -> Self {
        let nothing = || {
            Cow::Owned(Json::from_value(
                &json!({ "type": "object", "properties": {} }),
            ))
        };
        Self {
            json: schema.map_or_else(nothing, Cow::Borrowed),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Choice<'a> {
    Auto {},
    Any {},
    Tool { name: &'a str },
}

/// Writes `toolConfig`.
pub(super) fn write<'a>(
    request: &'a ChatRequest,
    family: Family,
    conversation: &Conversation<'a>,
    losses: &mut Losses,
) -> Option<Config<'a>> {
    let has_calls = !conversation.called.is_empty();
    if request.tool_choice == Some(ToolChoice::None) && !has_calls {
        // Converse has no such choice, but without tools none is called.
        return None;
    }
    let among = match &request.tool_choice {
        Some(ToolChoice::Among { names, .. }) => Some(names),
        _ => None,
    };
    let mut tools = Vec::with_capacity(request.tools.len());
    for (n, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => {
                if among.is_none_or(|names| names.contains(&function.name)) {
                    declare(function, n, family, &mut tools, losses);
                }
            }
            Tool::Hosted { origin, json, .. } if *origin == Origin::Bedrock => {
                tools.extend(serde_json::from_str(json.get()).ok().map(Entry::Raw));
            }
            Tool::Hosted { .. } => {
                losses.cannot(format!("tools[{n}]"), "Bedrock does not run this tool");
            }
        }
    }
    if tools.is_empty() {
        return history(request, conversation, losses);
    }
    let tool_choice = match &request.tool_choice {
        None => None,
        // Then the choice stands in Anthropic's own member.
        Some(choice) if one_call_of_any(request, choice, family) => None,
        Some(
            ToolChoice::Auto
            | ToolChoice::Among {
                required: false, ..
            },
        ) => Some(Choice::Auto {}),
        Some(ToolChoice::Required | ToolChoice::Among { required: true, .. }) => {
            Some(Choice::Any {})
        }
        Some(ToolChoice::Function(name)) if request.tools.iter().any(|t| is_named(t, name)) => {
            Some(Choice::Tool { name })
        }
        Some(ToolChoice::Function(_)) => {
            losses.cannot("tool_choice", "there is no such tool");
            None
        }
        Some(ToolChoice::None) => {
            let why = "Bedrock has no tool_choice `none`, and wants the tools while the history has calls";
            losses.cannot("tool_choice", why);
            None
        }
    };
    Some(Config { tools, tool_choice })
}

fn is_named(tool: &Tool, wanted: &str) -> bool {
    matches!(tool, Tool::Function(f) if f.name == wanted && messages::is_word(wanted))
}

fn one_call_of_any(request: &ChatRequest, choice: &ToolChoice, family: Family) -> bool {
    request.parallel_tool_calls == Some(false)
        && family.is_anthropic()
        && matches!(
            choice,
            ToolChoice::Auto
                | ToolChoice::Among {
                    required: false,
                    ..
                }
        )
}

/// Tools that the history calls and the request does not declare: Bedrock refuses calls and results in the history
/// without any declaration.
fn history<'a>(
    request: &ChatRequest,
    conversation: &Conversation<'a>,
    losses: &mut Losses,
) -> Option<Config<'a>> {
    if forces(request.tool_choice.as_ref()) {
        losses.cannot("tool_choice", "there is no tool to choose");
    }
    if conversation.called.is_empty() {
        return None;
    }
    let why = "Bedrock wants the tools of earlier calls declared, so they are, without a schema";
    losses.hint("tools", why);
    // The names live as long as the request or are made for it; only words are declared.
    let tools = conversation.called.iter().filter_map(|name| match name {
        Cow::Borrowed(name) => Some(Entry::ToolSpec(Spec {
            name,
            description: None,
            input_schema: Schema::new(None),
            strict: false,
        })),
        Cow::Owned(_) => None,
    });
    Some(Config {
        tools: tools.collect(),
        tool_choice: None,
    })
    .filter(|config| !config.tools.is_empty())
}

fn declare<'a>(
    function: &'a Function,
    n: usize,
    family: Family,
    tools: &mut Vec<Entry<'a>>,
    losses: &mut Losses,
) {
    if !messages::is_word(&function.name) {
        // Another name would come back in the calls, where the client does not know it.
        let why = "Bedrock's names of tools have letters, digits, `_` and `-`, 64 at most";
        losses.cannot(format!("tools[{n}].name"), why);
        return;
    }
    tools.push(Entry::ToolSpec(Spec {
        name: &function.name,
        description: function.description.as_deref().filter(|d| !d.is_empty()),
        input_schema: Schema::new(function.schema.as_ref()),
        strict: function.strict == Some(true),
    }));
    match &function.cache {
        // Nova's cache knows no tools.
        Some(mark) if family.is_anthropic() => {
            tools.push(Entry::CachePoint(CachePoint::new(mark)));
        }
        Some(_) => losses.hint(
            "cache_control",
            "this model has no cache marks behind tools at Bedrock",
        ),
        None => {}
    }
}
