//! Token counts: Google counts thoughts and the prompts of its own tools beside the rest.
//! <https://ai.google.dev/api/generate-content#UsageMetadata>

use super::{
    super::super::{chat::TokenUsage, json::Value},
    object::{Field, Object, count, get, members},
};

/// The counts as they were told. In a stream each chunk repeats them as running totals: a later one replaces an
/// earlier one, and only the sums of the last are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    prompt: Option<u64>,
    tools: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    audio_prompt: Option<u64>,
    audio_candidates: Option<u64>,
    image_candidates: Option<u64>,
}

impl Counts {
    /// Takes over what `usageMetadata` tells; says the class of service, if it is told.
    pub(super) fn read(&mut self, usage: Value<'_>) -> Option<String> {
        let mut tier = None;
        for (name, value) in members(usage) {
            let place = match &*name {
                "promptTokenCount" => &mut self.prompt,
                "toolUsePromptTokenCount" => &mut self.tools,
                "cachedContentTokenCount" => &mut self.cached,
                "candidatesTokenCount" | "responseTokenCount" => &mut self.candidates,
                "thoughtsTokenCount" => &mut self.thoughts,
                "promptTokensDetails" => {
                    self.audio_prompt = of_modality(value, "AUDIO").or(self.audio_prompt);
                    continue;
                }
                "candidatesTokensDetails" | "responseTokensDetails" => {
                    self.audio_candidates = of_modality(value, "AUDIO").or(self.audio_candidates);
                    self.image_candidates = of_modality(value, "IMAGE").or(self.image_candidates);
                    continue;
                }
                "serviceTier" => {
                    tier = value.as_str().map(|tier| match &*tier {
                        "standard" => "default".to_owned(),
                        other => other.to_owned(),
                    });
                    continue;
                }
                _ => continue,
            };
            *place = count(value).or(*place);
        }
        tier
    }

    /// The counts as everybody has them.
    pub(super) fn usage(&self) -> TokenUsage {
        TokenUsage {
            input: sum(self.prompt, self.tools),
            output: sum(self.candidates, self.thoughts),
            cache_read: self.cached,
            audio_input: self.audio_prompt,
            audio_output: self.audio_candidates,
            image_output: self.image_candidates,
            tool_input: self.tools,
            reasoning: self.thoughts,
            ..TokenUsage::default()
        }
    }
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    }
}

fn of_modality(details: Value<'_>, modality: &str) -> Option<u64> {
    details
        .elements()
        .find(|one| get(*one, "modality").and_then(Value::as_str).as_deref() == Some(modality))
        .and_then(|one| get(one, "tokenCount").and_then(count))
}

/// `usageMetadata` for a client, if anything is known; the class of service stands in it.
pub(super) fn write<'a>(usage: &TokenUsage, tier: Option<&str>) -> Option<Object<'a>> {
    let mut out = Object::default();
    let known = |n: Option<u64>| n.map(Field::Count);
    let less =
        |whole: Option<u64>, part: Option<u64>| whole.map(|n| n.saturating_sub(part.unwrap_or(0)));
    out.put(
        "promptTokenCount",
        known(less(usage.input, usage.tool_input)),
    );
    out.put("cachedContentTokenCount", known(usage.cache_read));
    out.put(
        "candidatesTokenCount",
        known(less(usage.output, usage.reasoning)),
    );
    out.put("thoughtsTokenCount", known(usage.reasoning));
    out.put("toolUsePromptTokenCount", known(usage.tool_input));
    out.put("totalTokenCount", known(sum(usage.input, usage.output)));
    out.put(
        "promptTokensDetails",
        details(&[("AUDIO", usage.audio_input)]),
    );
    out.put(
        "candidatesTokensDetails",
        details(&[("AUDIO", usage.audio_output), ("IMAGE", usage.image_output)]),
    );
    let tier = tier.map(|tier| match tier {
        "default" => "standard".to_owned(),
        other => other.to_owned(),
    });
    out.put("serviceTier", tier.map(|tier| Field::Text(tier.into())));
    (!out.is_empty()).then_some(out)
}

fn details<'a>(counts: &[(&'static str, Option<u64>)]) -> Option<Field<'a>> {
    let list: Vec<_> = counts
        .iter()
        .filter_map(|(modality, n)| {
            let mut one = Object::default();
            one.put("modality", Some(Field::Text((*modality).into())));
            one.put("tokenCount", Some(Field::Count((*n)?)));
            Some(Field::Object(one))
        })
        .collect();
    (!list.is_empty()).then_some(Field::List(list))
}
