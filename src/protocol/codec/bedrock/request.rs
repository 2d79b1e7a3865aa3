//! Requests for Converse.

use std::borrow::Cow;

use super::{
    blocks::Block,
    fields::{Family, Fields, WHILE_REASONING},
    messages::{self, Turn},
    tools,
};
use crate::protocol::{
    chat::{ChatRequest, Json, OutputFormat},
    codec::{Sampling, Target},
    loss::Losses,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<tools::Config<'a>>,
    #[serde(skip_serializing_if = "Inference::is_empty")]
    inference_config: Inference<'a>,
    #[serde(skip_serializing_if = "Members::is_empty")]
    additional_model_request_fields: Members<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<Output<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Tier<'a>>,
    #[serde(skip_serializing_if = "Members::is_empty")]
    request_metadata: Members<'a>,
    #[serde(flatten)]
    extra: Members<'a>,
}

/// Members that are not known before.
#[derive(Default)]
struct Members<'a>(Vec<(&'a str, Cow<'a, Json>)>);

impl Members<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
}

impl Inference<'_> {
    fn is_empty(&self) -> bool {
        self.max_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && self.stop_sequences.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text_format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
}

#[derive(Serialize)]
struct TextFormat<'a> {
    r#type: &'static str,
    structure: Structure<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Structure<'a> {
    JsonSchema {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        /// As a string, other than with tools.
        schema: &'a str,
    },
}

#[derive(Serialize)]
struct Tier<'a> {
    r#type: &'a str,
}

/// Writes a request.
pub(super) fn write(request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
    let family = Family::of(target.model);
    let conversation = messages::write(request, family, losses);
    let tool_config = tools::write(request, family, &conversation, losses);
    let sampling = Sampling::of(request, target, losses);
    let fields = Fields::of(request, sampling.top_k, target, family, losses);
    let inference_config = inference(request, sampling, fields.reasons, losses);
    let text_format = text_format(request, target, losses);
    unknown(request, losses);

    let mut additional = Members::default();
    let mut extra = Members::default();
    let mut objects = Vec::new();
    for (name, value) in request.extra.iter().filter(|(_, v)| v.get() != "null") {
        match name.as_str() {
            // Names of Converse itself, for those who know where their request goes.
            "guardrailConfig" | "performanceConfig" | "promptVariables" => {
                extra.0.push((name, Cow::Borrowed(value)));
            }
            "additionalModelResponseFieldPaths" => extra.0.push((name, Cow::Borrowed(value))),
            "additionalModelRequestFields" => objects.push(value.to_value()),
            "anthropic_beta" | "context_management" if family.is_anthropic() => {}
            // A mark for models of Anthropic only: betas that others need not know.
            "anthropic_beta" => losses.hint("anthropic-beta", "this model is not one of Anthropic"),
            _ => losses.member(name, value.get(), "Bedrock has no such parameter"),
        }
    }
    for (name, value) in &fields.fields {
        additional.0.push((*name, Cow::Borrowed(value)));
    }
    for (name, value) in objects.iter().filter_map(|v| v.as_object()).flatten() {
        if !additional.0.iter().any(|(known, _)| known == name) {
            additional
                .0
                .push((name, Cow::Owned(Json::from_value(value))));
        }
    }
    // Bedrock tells the stop sequence that was met only if asked. Where it is depends on the model's own API.
    let asks = extra.0.iter().any(|(name, _)| *name == STOP_PATHS);
    if family.is_anthropic() && !request.stop.is_empty() && !asks {
        let paths = Json::from_value(&["/stop_sequence", "/delta/stop_sequence"]);
        extra.0.push((STOP_PATHS, Cow::Owned(paths)));
    }
    let body = Request {
        system: conversation.system,
        messages: conversation.turns,
        tool_config,
        inference_config,
        additional_model_request_fields: additional,
        output_config: (text_format.is_some() || fields.effort.is_some()).then_some(Output {
            text_format,
            effort: fields.effort,
        }),
        service_tier: tier(request, losses),
        request_metadata: metadata(request, losses),
        extra,
    };
    // Serialising fails only for maps with keys that are no strings, and there are none.
    serde_json::to_vec(&body).unwrap_or_default()
}

const STOP_PATHS: &str = "additionalModelResponseFieldPaths";

fn inference<'a>(
    request: &'a ChatRequest,
    sampling: Sampling,
    reasons: bool,
    losses: &mut Losses,
) -> Inference<'a> {
    let mut within_one = |value: Option<f64>, name: &str| {
        let fits = value.filter(|v| (0.0..=1.0).contains(v));
        if value.is_some() && fits.is_none() {
            losses.cannot(name, "Bedrock takes it from 0 to 1");
        }
        fits
    };
    let mut temperature = within_one(sampling.temperature, "temperature");
    let mut top_p = within_one(sampling.top_p, "top_p");
    // <https://platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility>
    if reasons && temperature.take_if(|t| *t != 1.0).is_some() {
        losses.cannot("temperature", WHILE_REASONING);
    }
    if reasons && top_p.take_if(|p| *p < 0.95).is_some() {
        losses.cannot("top_p", WHILE_REASONING);
    }
    Inference {
        max_tokens: request.max_tokens,
        temperature,
        top_p,
        stop_sequences: &request.stop,
    }
}

fn text_format<'a>(
    request: &'a ChatRequest,
    target: &Target,
    losses: &mut Losses,
) -> Option<TextFormat<'a>> {
    match request.output.as_ref()? {
        OutputFormat::Json => {
            losses.cannot(
                "response_format",
                "Bedrock has no JSON mode without a schema",
            );
            None
        }
        OutputFormat::Schema { .. }
            if target.known.and_then(|m| m.structured_output) == Some(false) =>
        {
            losses.cannot("response_format", "this model follows no JSON Schema");
            None
        }
        OutputFormat::Schema {
            name,
            description,
            schema,
            ..
        } => Some(TextFormat {
            r#type: "json_schema",
            structure: Structure::JsonSchema {
                name: name.as_deref(),
                description: description.as_deref(),
                schema: schema.get(),
            },
        }),
    }
}

fn tier<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Option<Tier<'a>> {
    let tier = request.service_tier.as_deref()?;
    match tier {
        "default" | "flex" | "priority" | "reserved" => return Some(Tier { r#type: tier }),
        "standard" => return Some(Tier { r#type: "default" }),
        "auto" => {}
        _ => losses.hint("service_tier", "Bedrock has no such tier"),
    }
    None
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#bedrock-runtime_Converse-request-requestMetadata>
fn metadata<'a>(request: &'a ChatRequest, losses: &mut Losses) -> Members<'a> {
    let allowed = |text: &str| {
        text.len() <= 256
            && text.chars().all(|c| {
                c.is_ascii_alphanumeric() || c.is_whitespace() || ":_@$#=/+,-.".contains(c)
            })
    };
    let mut out = Members::default();
    for (key, value) in &request.metadata {
        if out.0.len() < 16 && !key.is_empty() && allowed(key) && allowed(value) {
            out.0.push((key, Cow::Owned(Json::from_value(value))));
        } else {
            losses.hint("metadata", "Bedrock takes 16 short pairs of few characters");
        }
    }
    out
}

/// What Converse has no place for.
fn unknown(request: &ChatRequest, losses: &mut Losses) {
    let none = "Bedrock has no such parameter";
    if request.frequency_penalty.is_some_and(|p| p != 0.0) {
        losses.cannot("frequency_penalty", none);
    }
    if request.presence_penalty.is_some_and(|p| p != 0.0) {
        losses.cannot("presence_penalty", none);
    }
    if request.seed.is_some() {
        losses.cannot("seed", none);
    }
    if request.n.is_some_and(|n| n > 1) {
        losses.cannot("n", "Bedrock gives one answer");
    }
    if request.logprobs.is_some() {
        losses.cannot("logprobs", "Bedrock's Converse tells no log probabilities");
    }
    if request.modalities.iter().any(|m| m != "text") {
        losses.cannot(
            "modalities",
            "Bedrock's Converse is not asked for other than text",
        );
    }
    if request.user.is_some() {
        losses.hint("user", none);
    }
}
