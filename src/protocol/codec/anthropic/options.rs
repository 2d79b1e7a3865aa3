//! The smaller members of a request to the provider, and what of it the API has no member for.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use super::tools::{self, Members};
use crate::protocol::{
    chat::{ChatRequest, Json, OutputFormat},
    codec::Target,
    loss::Losses,
};

/// Top-level members that only this API has and that the canonical form does not know.
const OWN: [&str; 7] = [
    "container",
    "context_management",
    "diagnostics",
    "inference_geo",
    "mcp_servers",
    "speed",
    "thinking",
];

/// Members of other dialects on which the answer does not depend.
const HINTS: [&str; 7] = [
    "store",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
    "labels",
    "include",
];

/// `output_config` as it is written.
#[derive(Serialize)]
pub(super) struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Format<'a>>,
    #[serde(flatten)]
    pub(super) own: Members<'a>,
}

/// The shape of the text.
#[derive(Serialize)]
pub(super) struct Format<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: Cow<'a, Json>,
}

pub(super) fn stop<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Vec<&'a str> {
    let mut stop: Vec<_> = request.stop.iter().map(String::as_str).collect();
    stop.retain(|sequence| !super::write_request::is_blank(sequence));
    if stop.len() < request.stop.len() {
        losses.cannot(
            "stop",
            "Anthropic takes no stop sequence of white space only",
        );
    }
    stop
}

/// Anthropic has `auto`, which uses priority capacity where there is some, and `standard_only`.
/// <https://platform.claude.com/docs/en/api/service-tiers>
pub(super) fn tier(request: &ChatRequest, losses: &mut Losses) -> Option<&'static str> {
    match request.service_tier.as_deref()? {
        "auto" => Some("auto"),
        "default" | "standard_only" | "standard" => Some("standard_only"),
        _ => {
            losses.hint("service_tier", "Anthropic has no such class of service");
            None
        }
    }
}

pub(super) fn format<'a>(
    request: &'a ChatRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<Format<'a>> {
    let schema = match request.output.as_ref()? {
        OutputFormat::Json => {
            losses.cannot(
                "response_format",
                "the Anthropic API writes JSON by a schema only",
            );
            return None;
        }
        OutputFormat::Schema { schema, .. } => schema,
    };
    if target.known.and_then(|known| known.structured_output) == Some(false) {
        losses.cannot("response_format", "the model does not follow schemas");
        return None;
    }
    Some(Format {
        kind: "json_schema",
        schema: closed(schema),
    })
}

/// The API wants every object closed, `additionalProperties: false`; clients of other dialects often leave it open
/// without meaning it. <https://platform.claude.com/docs/en/build-with-claude/structured-outputs>
fn closed(schema: &Json) -> Cow<'_, Json> {
    let mut value = schema.to_value();
    if close(&mut value) {
        Cow::Owned(Json::from_value(&value))
    } else {
        Cow::Borrowed(schema)
    }
}

fn close(schema: &mut serde_json::Value) -> bool {
    let Some(object) = schema.as_object_mut() else {
        return false;
    };
    let mut changed = false;
    for (key, value) in object.iter_mut() {
        match key.as_str() {
            "properties" | "$defs" | "definitions" => {
                for inner in value
                    .as_object_mut()
                    .into_iter()
                    .flat_map(|o| o.values_mut())
                {
                    changed |= close(inner);
                }
            }
            "anyOf" | "allOf" | "oneOf" => {
                for inner in value.as_array_mut().into_iter().flatten() {
                    changed |= close(inner);
                }
            }
            "items" => changed |= close(value),
            _ => {}
        }
    }
    let is_object = object.get("type").is_some_and(|kind| match kind {
        serde_json::Value::Array(kinds) => kinds.contains(&json!("object")),
        kind => kind == "object",
    });
    if is_object && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".to_owned(), json!(false));
        changed = true;
    }
    changed
}

/// What the canonical form does not know: top-level members of this API, and those of its `output_config`.
pub(super) fn extra<'a>(
    request: &'a ChatRequest,
    losses: &mut Losses,
) -> (Members<'a>, Members<'a>) {
    let (mut own, mut config) = (Members::default(), Members::default());
    for (name, value) in &request.extra {
        if value.get() == "null" || tools::own_member(name).is_some() {
            continue; // members of tools are written with them
        }
        if let Some(name) = name.strip_prefix("output_config.") {
            config.0.push((name, value));
        } else if OWN.contains(&name.as_str()) {
            own.0.push((name, value));
        } else if HINTS.contains(&name.as_str()) {
            if value.get() != "false" && name != "stream_options" {
                losses.hint(name.as_str(), "the Anthropic API has no such parameter");
            }
        } else if !is_default(name, value.get()) {
            losses.member(name, value.get(), "the Anthropic API has no such parameter");
        }
    }
    (own, config)
}

/// Whether a member of another dialect says only what holds anyway.
fn is_default(name: &str, value: &str) -> bool {
    matches!(
        (name, value),
        ("background" | "logprobs", "false")
            | ("top_logprobs", "0")
            | ("truncation", "\"disabled\"")
            | ("verbosity", "\"medium\"")
            | ("logit_bias" | "text", "{}")
    )
}

pub(super) fn note_unsupported(request: &ChatRequest, losses: &mut Losses) {
    if request.n.is_some_and(|n| n > 1) {
        losses.cannot("n", "the Anthropic API gives one answer");
    }
    if request.logprobs.is_some() {
        losses.cannot("logprobs", "the Anthropic API has no log probabilities");
    }
    if request.seed.is_some() {
        losses.cannot("seed", "the Anthropic API has no seed");
    }
    for (name, penalty) in [
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
    ] {
        if penalty.is_some_and(|penalty| penalty != 0.0) {
            losses.cannot(name, "the Anthropic API has no penalties");
        }
    }
    if request.modalities.iter().any(|kind| kind != "text") {
        losses.cannot("modalities", "the Anthropic API answers with text only");
    }
    if !request.metadata.is_empty() {
        losses.hint("metadata", "the Anthropic API keeps a user_id only");
    }
}
