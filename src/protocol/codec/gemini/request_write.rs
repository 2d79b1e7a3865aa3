//! A request for Google.

use std::borrow::Cow;

use serde_json::Value as Any;

use super::{
    super::{
        super::{
            chat::{
                self, ChatRequest, Content, Function, Json, Message, Origin, OutputFormat, Role,
                Tool, ToolChoice,
            },
            loss::Losses,
        },
        Target,
    },
    model,
    object::{Field, Object},
    part_write::WireContent,
    thinking,
    turns_write::{Turns, cache_hint},
};

/// Writes a request.
pub(super) fn write(request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
    let mut named = Cow::Borrowed(&request.messages);
    if has_unnamed_results(&named) {
        chat::name_tool_results(named.to_mut());
    }
    let mut turns = Turns::new(model::is_third(target.model), losses);
    let leading = leading_prompts(&named);
    for (n, message) in named.iter().enumerate() {
        turns.message(n, message, n < leading);
    }
    let (system, contents) = turns.finish();
    let mut root = Object::default();
    if !system.is_empty() {
        let parts = system;
        let content = WireContent { role: None, parts };
        root.put("systemInstruction", Some(Field::Content(content)));
    }
    root.put("contents", Some(Field::Contents(contents)));
    root.put("tools", tools(request, losses));
    root.put("toolConfig", tool_config(request, losses).field());
    let config = generation_config(request, target, losses);
    root.put("generationConfig", config.field());
    root.put("serviceTier", service_tier(request, losses));
    rest(request, &mut root, losses);
    // What is written here has string keys and finite numbers only.
    serde_json::to_vec(&root).unwrap_or_default()
}

fn has_unnamed_results(messages: &[Message]) -> bool {
    messages
        .iter()
        .flat_map(|m| &m.parts)
        .any(|part| matches!(&part.content, Content::ToolResult { name, .. } if name.is_none()))
}

/// How many prompts stand before the first turn. With nothing behind them they are the turn: Google wants one.
fn leading_prompts(messages: &[Message]) -> usize {
    let is_prompt = |m: &Message| matches!(m.role, Role::System | Role::Developer);
    let leading = messages.iter().take_while(|m| is_prompt(m)).count();
    if leading == messages.len() {
        0
    } else {
        leading
    }
}

/// <https://ai.google.dev/api/caching#Tool>
fn tools<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Option<Field<'a>> {
    let mut list = Vec::new();
    let mut declarations = Vec::new();
    let mut place = None;
    for (n, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function(function) => {
                place.get_or_insert(list.len());
                declarations.push(declaration(function, request, losses));
            }
            Tool::Hosted {
                origin: Origin::Gemini,
                json,
                ..
            } => list.push(Field::Json(json)),
            Tool::Hosted { name, .. } => {
                losses.cannot(format!("tools[{n}] ({name})"), "Gemini has no such tool");
            }
        }
    }
    if let Some(place) = place {
        let mut one = Object::default();
        one.put("functionDeclarations", Some(Field::List(declarations)));
        list.insert(place, Field::Object(one));
    }
    (!list.is_empty()).then_some(Field::List(list))
}

fn declaration<'a>(
    function: &'a Function,
    request: &'a ChatRequest,
    losses: &mut Losses,
) -> Field<'a> {
    if function.cache.is_some() {
        cache_hint(losses);
    }
    if function.strict == Some(true) {
        losses.hint("tools.strict", "Gemini has no strict mode for one function");
    }
    let mut out = Object::default();
    let text = |text: &'a String| Field::Text(text.into());
    out.put("name", Some(text(&function.name)));
    out.put("description", function.description.as_ref().map(text));
    let schema = function.schema.as_ref().filter(|json| json.get() != "null");
    out.put("parametersJsonSchema", schema.map(Field::Json));
    for (name, json) in &request.extra {
        let member = name
            .strip_prefix(DECLARATIONS)
            .and_then(|rest| rest.strip_prefix(function.name.as_str()))
            .and_then(|rest| rest.strip_prefix('.'));
        if let Some(member) = member {
            out.put(member, Some(Field::Json(json)));
        }
    }
    Field::Object(out)
}

const DECLARATIONS: &str = "functionDeclarations.";
const CONFIG: &str = "generationConfig.";
const THINKING: &str = "generationConfig.thinkingConfig.";
const TOOL_CONFIG: &str = "toolConfig.";

fn tool_config<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Object<'a> {
    let mut out = Object::default();
    let names = |names: &'a [String]| Field::Texts(names.iter().map(Cow::from).collect());
    let (mode, allowed) = match &request.tool_choice {
        None => (None, None),
        // Google's own tools beside functions go with this mode only.
        // <https://ai.google.dev/gemini-api/docs/function-calling#function-calling-modes>
        Some(ToolChoice::Auto) if request.extra.iter().any(|(name, _)| name == SERVER_SIDE) => {
            (Some("VALIDATED"), None)
        }
        Some(ToolChoice::Auto) => (Some("AUTO"), None),
        Some(ToolChoice::None) => (Some("NONE"), None),
        Some(ToolChoice::Required) => (Some("ANY"), None),
        Some(ToolChoice::Function(name)) => (Some("ANY"), Some(Field::Texts(vec![name.into()]))),
        Some(ToolChoice::Among {
            required: true,
            names: list,
        }) => (Some("ANY"), Some(names(list))),
        // `AUTO` takes no names.
        Some(ToolChoice::Among { names: list, .. }) => (Some("VALIDATED"), Some(names(list))),
    };
    let mut calling = Object::default();
    calling.put("mode", mode.map(|mode| Field::Text(mode.into())));
    calling.put("allowedFunctionNames", allowed);
    for (name, json) in &request.extra {
        if let Some(member) = name.strip_prefix("toolConfig.functionCallingConfig.") {
            calling.put(member, Some(Field::Json(json)));
        }
    }
    out.put("functionCallingConfig", calling.field());
    for (name, json) in &request.extra {
        if let Some(member) = name.strip_prefix(TOOL_CONFIG)
            && !member.starts_with("functionCallingConfig.")
        {
            out.put(member, Some(Field::Json(json)));
        }
    }
    if request.parallel_tool_calls == Some(false) && !request.tools.is_empty() {
        losses.cannot(
            "parallel_tool_calls",
            "Gemini cannot be kept from parallel calls",
        );
    }
    out
}

const SERVER_SIDE: &str = "toolConfig.includeServerSideToolInvocations";

/// <https://ai.google.dev/api/generate-content#generationconfig>
fn generation_config<'a>(
    request: &'a ChatRequest,
    target: &Target,
    losses: &mut Losses,
) -> Object<'a> {
    let mut out = Object::default();
    let number = |n: Option<f64>| n.map(Field::Number);
    out.put("temperature", number(request.temperature));
    out.put("topP", number(request.top_p));
    out.put("topK", request.top_k.map(Field::Count));
    out.put("maxOutputTokens", request.max_tokens.map(Field::Count));
    if !request.stop.is_empty() {
        // <https://ai.google.dev/api/generate-content#generationconfig>: up to 5.
        if request.stop.len() > 5 {
            losses.cannot("stop", "Gemini takes at most 5 stop sequences");
        }
        let list = request.stop.iter().take(5).map(Cow::from).collect();
        out.put("stopSequences", Some(Field::Texts(list)));
    }
    let several = request.n.filter(|n| *n != 1);
    out.put("candidateCount", several.map(|n| Field::Count(n.into())));
    if let Some(seed) = request.seed {
        if i32::try_from(seed).is_ok() {
            out.put("seed", Some(Field::Integer(seed)));
        } else {
            losses.cannot("seed", "Gemini takes seeds of 32 bits");
        }
    }
    out.put("presencePenalty", number(request.presence_penalty));
    out.put("frequencyPenalty", number(request.frequency_penalty));
    match &request.output {
        None => {}
        Some(OutputFormat::Json) => out.put("responseMimeType", Some(JSON_MIME)),
        Some(OutputFormat::Schema {
            schema,
            description,
            ..
        }) => {
            out.put("responseMimeType", Some(JSON_MIME));
            let described = description
                .as_deref()
                .and_then(|text| described(schema, text));
            let schema = described.map_or(Field::Json(schema), Field::Own);
            out.put("responseJsonSchema", Some(schema));
        }
    }
    if let Some(top) = request.logprobs {
        out.put("responseLogprobs", Some(Field::Bool(true)));
        out.put("logprobs", (top > 0).then_some(Field::Count(top.into())));
    }
    if !request.modalities.is_empty() {
        let words = request.modalities.iter();
        let words = words.map(|word| word.to_ascii_uppercase().into()).collect();
        out.put("responseModalities", Some(Field::Texts(words)));
    }
    let mut config = request
        .reasoning
        .as_ref()
        .map_or_else(Object::default, |wish| {
            thinking::write(wish, target, losses)
        });
    for (name, json) in &request.extra {
        if let Some(member) = name.strip_prefix(THINKING) {
            config.put(member, Some(Field::Json(json)));
        } else if let Some(member) = name.strip_prefix(CONFIG) {
            out.put(member, Some(Field::Json(json)));
        }
    }
    out.put("thinkingConfig", config.field());
    out
}

const JSON_MIME: Field<'static> = Field::Text(Cow::Borrowed("application/json"));

/// A schema with a description, which Google has nowhere else; none if it has one already.
fn described(schema: &Json, text: &str) -> Option<Json> {
    let Any::Object(mut members) = schema.to_value() else {
        return None;
    };
    if members.contains_key("description") {
        return None;
    }
    members.insert("description".to_owned(), text.into());
    Some(Json::from_value(&members))
}

/// <https://ai.google.dev/gemini-api/docs/flex-inference>, <https://ai.google.dev/gemini-api/docs/priority-inference>
fn service_tier<'a>(request: &ChatRequest, losses: &mut Losses) -> Option<Field<'a>> {
    let word = match request.service_tier.as_deref()? {
        "auto" => return None,
        "default" | "standard" | "standard_only" => "standard",
        "flex" => "flex",
        "priority" => "priority",
        _ => {
            losses.hint(
                "service_tier",
                "Gemini has the tiers standard, flex and priority",
            );
            return None;
        }
    };
    Some(Field::Text(word.into()))
}

/// Members of the request that only Google has, by Google's names.
const GOOGLES: [&str; 4] = [
    "safetySettings",
    "cachedContent",
    "labels",
    "modelArmorConfig",
];

/// Members of other dialects that do not change the answer.
const HINTS: [&str; 8] = [
    "store",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "include_obfuscation",
    "background",
    "inference_geo",
];

fn rest<'a>(request: &'a ChatRequest, root: &mut Object<'a>, losses: &mut Losses) {
    if request.user.is_some() {
        losses.hint("user", "Gemini takes no ids of end users");
    }
    if !request.metadata.is_empty() {
        losses.hint("metadata", "Gemini keeps no metadata");
    }
    if request.cache.is_some() {
        cache_hint(losses);
    }
    for (name, json) in &request.extra {
        let name = name.as_str();
        if GOOGLES.contains(&name) {
            root.put(name, Some(Field::Json(json)));
        } else if [DECLARATIONS, CONFIG, TOOL_CONFIG]
            .iter()
            .any(|p| name.starts_with(p))
            || is_default(name, json)
        {
            // Written above, or nothing is asked for.
        } else if HINTS.contains(&name) {
            losses.hint(name, "Gemini has nothing of the sort");
        } else {
            losses.member(name, json.get(), "Gemini has nothing of the sort");
        }
    }
}

/// Whether a member of another dialect says what goes without saying.
fn is_default(name: &str, json: &Json) -> bool {
    match (name, json.get()) {
        (_, "null" | "[]" | "{}" | "\"\"") | ("stream_options", _) => true,
        ("store" | "logprobs" | "stream" | "background", "false") => true,
        ("top_logprobs", "0") | ("n", "1") => true,
        ("truncation", text) => text == "\"disabled\"",
        ("verbosity", text) => text == "\"medium\"",
        _ => false,
    }
}
