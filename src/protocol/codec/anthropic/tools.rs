//! Tools and the choice among them, both ways.
//! <https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview>

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    block::{CacheControl, cache_mark},
    read_request::bad,
};
use crate::{
    error::Failure,
    protocol::{
        chat::{ChatRequest, Function, Json, Origin, Tool, ToolChoice},
        codec::Target,
        json::{Kind, Member, Value},
        loss::Losses,
    },
};

/// Reads `tools`. Members of functions that only this API knows go to `extra` as `tools[i].name`: other dialects can
/// then say that they lack them, and this one finds them again.
pub(super) fn read(tools: Value<'_>, request: &mut ChatRequest) -> Result<(), Failure> {
    if tools.kind() != Kind::Array {
        return Err(bad("tools", "tools must be a list"));
    }
    for (n, tool) in tools.elements().enumerate() {
        let kind = tool.get("type").and_then(Value::as_str);
        if let Some(kind) = kind.filter(|kind| kind != "custom") {
            request.tools.push(Tool::Hosted {
                origin: Origin::Anthropic,
                name: kind.into_owned(),
                json: Json::of(tool),
            });
            continue;
        }
        let mut function = Function::default();
        for Member { key, value, .. } in tool.members() {
            if value.is_null() {
                continue;
            }
            match &*key {
                "type" => {}
                "name" => {
                    function.name = value.as_str().unwrap_or_default().into_owned();
                }
                "description" => {
                    function.description = value.as_str().map(Cow::into_owned);
                }
                "input_schema" => function.schema = Some(Json::of(value)),
                "strict" => function.strict = value.as_bool(),
                "cache_control" => function.cache = cache_mark(value),
                _ => request
                    .extra
                    .push((format!("tools[{n}].{key}"), Json::of(value))),
            }
        }
        if function.name.is_empty() {
            return Err(bad("tools", format!("tools[{n}].name is missing")));
        }
        request.tools.push(Tool::Function(function));
    }
    Ok(())
}

/// Reads `tool_choice`.
pub(super) fn read_choice(choice: Value<'_>, request: &mut ChatRequest) -> Result<(), Failure> {
    let kind = choice.get("type").and_then(Value::as_str);
    request.tool_choice = Some(match kind.as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("any") => ToolChoice::Required,
        Some("none") => ToolChoice::None,
        Some("tool") => {
            let name = choice.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| bad("tool_choice", "tool_choice.name is missing"))?;
            ToolChoice::Function(name.into_owned())
        }
        _ => {
            let what = "tool_choice.type must be auto, any, tool or none";
            return Err(bad("tool_choice", what));
        }
    });
    request.parallel_tool_calls = choice
        .get("disable_parallel_tool_use")
        .and_then(Value::as_bool)
        .map(|disabled| !disabled);
    Ok(())
}

/// A tool as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireTool<'a> {
    Function {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        input_schema: Cow<'a, Json>,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
        #[serde(flatten)]
        more: Members<'a>,
    },
    Hosted(&'a Json),
}

/// Members that are written as they were read.
#[derive(Default)]
pub(super) struct Members<'a>(pub(super) Vec<(&'a str, &'a Json)>);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Writes the tools, of a choice among some only those: the API has no other way to say it.
pub(super) fn write<'a>(
    request: &'a ChatRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Vec<WireTool<'a>> {
    let among = match &request.tool_choice {
        Some(ToolChoice::Among { names, .. }) => Some(names),
        _ => None,
    };
    let follows_schemas = target.known.and_then(|known| known.structured_output) != Some(false);
    let mut tools = Vec::with_capacity(request.tools.len());
    for (n, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => {
                if among.is_some_and(|names| !names.contains(&function.name)) {
                    continue;
                }
                let mut strict = function.strict;
                if strict == Some(true) && !follows_schemas {
                    strict = None;
                    losses.hint(
                        format!("tools[{n}].strict"),
                        "the model does not follow schemas strictly",
                    );
                }
                tools.push(WireTool::Function {
                    name: &function.name,
                    description: function.description.as_deref(),
                    input_schema: input_schema(function.schema.as_ref()),
                    strict,
                    cache_control: CacheControl::of(&function.cache),
                    more: Members(members_of(n, &request.extra)),
                });
            }
            // Gemini's run beside the functions, whichever of these may be called.
            Tool::Hosted { name, origin, .. }
                if *origin != Origin::Gemini
                    && among.is_some_and(|names| !names.contains(name)) => {}
            Tool::Hosted {
                origin: Origin::Anthropic,
                json,
                ..
            } => tools.push(WireTool::Hosted(json)),
            Tool::Hosted { name, .. } => losses.cannot(
                format!("tools[{n}] ({name})"),
                "the tool runs at another provider",
            ),
        }
    }
    tools
}

/// Members of functions that only this API has.
const OWN: [&str; 4] = [
    "allowed_callers",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
];

/// The tool and the member of a name such as `tools[0].defer_loading`, if the API has that member.
pub(super) fn own_member(name: &str) -> Option<(usize, &str)> {
    let (n, member) = name.strip_prefix("tools[")?.split_once("].")?;
    let n = n.parse().ok()?;
    OWN.contains(&member).then_some((n, member))
}

fn members_of(n: usize, extra: &[(String, Json)]) -> Vec<(&str, &Json)> {
    extra
        .iter()
        .filter_map(|(name, value)| {
            let (tool, member) = own_member(name)?;
            (tool == n).then_some((member, value))
        })
        .collect()
}

/// The API wants a schema of type `object`, also for no arguments.
fn input_schema(schema: Option<&Json>) -> Cow<'_, Json> {
    let text = schema.map_or("", |schema| schema.get().trim());
    match (schema, text.strip_prefix('{')) {
        (Some(schema), Some(inside)) => {
            if has_type(text) {
                return Cow::Borrowed(schema);
            }
            let inside = inside.trim_start();
            let more = if inside == "}" {
                ",\"properties\":{}"
            } else {
                ","
            };
            owned(format!("{{\"type\":\"object\"{more}{inside}"))
        }
        _ => owned("{\"type\":\"object\",\"properties\":{}}".to_owned()),
    }
}

fn owned(text: String) -> Cow<'static, Json> {
    Cow::Owned(Json::parse(text).unwrap_or_default())
}

fn has_type(schema: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Schema {
        #[serde(rename = "type")]
        kind: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_str::<Schema>(schema).is_ok_and(|schema| schema.kind.is_some())
}

/// `tool_choice` as it is written.
#[derive(Serialize)]
pub(super) struct WireChoice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

impl WireChoice<'_> {
    /// Whether a tool must be called.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self.kind, "any" | "tool")
    }
}

/// Writes the choice. Without tools the API takes none.
pub(super) fn write_choice<'a>(
    request: &'a ChatRequest,
    has_tools: bool,
    losses: &mut Losses,
) -> Option<WireChoice<'a>> {
    if !has_tools {
        if matches!(
            request.tool_choice,
            Some(
                ToolChoice::Required
                    | ToolChoice::Function(_)
                    | ToolChoice::Among { required: true, .. }
            )
        ) {
            losses.cannot("tool_choice", "there are no tools to choose from");
        }
        return None;
    }
    let single = request.parallel_tool_calls == Some(false);
    let (kind, name) = match &request.tool_choice {
        None if single => ("auto", None),
        None => return None,
        Some(
            ToolChoice::Auto
            | ToolChoice::Among {
                required: false, ..
            },
        ) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required | ToolChoice::Among { required: true, .. }) => ("any", None),
        Some(ToolChoice::Function(name)) => ("tool", Some(name.as_str())),
    };
    Some(WireChoice {
        kind,
        name,
        disable_parallel_tool_use: (single && kind != "none").then_some(true),
    })
}
