//! A whole answer for a client.

use super::{
    super::{
        super::chat::{ChatAnswer, Choice, Content, Media, Part, TokenLogprob},
        Asked,
    },
    citations::{self, Cited},
    finish,
    object::{Field, Object},
    part_write::{self, WireContent, WirePart},
    usage,
};

/// Writes a whole answer.
pub(super) fn write(answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
    let mut root = Object::default();
    let candidates = answer.choices.iter().map(candidate).collect();
    root.put("candidates", Some(Field::List(candidates)));
    let tier = answer.service_tier.as_deref();
    let counts = usage::write(&answer.usage, tier).map(Field::Object);
    root.put("usageMetadata", counts);
    root.put("modelVersion", Some(Field::Text((&asked.model).into())));
    let id = response_id(&answer.id, asked);
    root.put("responseId", Some(Field::Text(id.into())));
    // What is written here has string keys and finite numbers only.
    serde_json::to_vec(&root).unwrap_or_default()
}

/// The provider's id, or the gateway's own.
pub(super) fn response_id<'a>(id: &'a str, asked: &'a Asked) -> &'a str {
    if id.is_empty() { &asked.request_id } else { id }
}

fn candidate(choice: &Choice) -> Field<'_> {
    let mut parts = Vec::with_capacity(choice.parts.len());
    let mut cited = Vec::new();
    for part in &choice.parts {
        if let Content::Text { text, citations } = &part.content {
            cited.extend(citations.iter().map(|citation| Cited {
                citation,
                text,
                part: parts.len(),
                before: 0,
            }));
        }
        parts.extend(part_write::for_client(part));
        parts.extend(transcript(part));
    }
    let mut out = Object::default();
    let role = Some("model");
    let content = WireContent { role, parts };
    out.put("content", Some(Field::Content(content)));
    let reason = finish::write(&choice.ending);
    out.put("finishReason", Some(Field::Text(reason.into())));
    out.put("index", Some(Field::Count(choice.index.into())));
    let grounding = citations::write(&cited).map(Field::Object);
    out.put("groundingMetadata", grounding);
    logprobs(&choice.logprobs, &mut out);
    Field::Object(out)
}

/// The words of a sound, which have no member of their own.
pub(super) fn transcript(part: &Part) -> Option<WirePart<'_>> {
    match &part.content {
        Content::Media(Media {
            transcript: Some(words),
            ..
        }) => Some(part_write::text(words).into()),
        _ => None,
    }
}

/// <https://ai.google.dev/api/generate-content#LogprobsResult>
pub(super) fn logprobs<'a>(tokens: &[TokenLogprob], out: &mut Object<'a>) {
    if tokens.is_empty() {
        return;
    }
    let number = |n: f64| n.is_finite().then_some(Field::Number(n));
    let mean = tokens.iter().map(|token| token.logprob).sum::<f64>() / tokens.len() as f64;
    out.put("avgLogprobs", number(mean));
    let one = |token: &TokenLogprob| {
        let mut one = Object::default();
        one.put("token", Some(Field::Text(token.token.clone().into())));
        one.put("logProbability", number(token.logprob));
        Field::Object(one)
    };
    let mut result = Object::default();
    if tokens.iter().any(|token| !token.top.is_empty()) {
        let tops = tokens.iter().map(|token| {
            let mut top = Object::default();
            let list = token.top.iter().map(one).collect();
            top.put("candidates", Some(Field::List(list)));
            Field::Object(top)
        });
        result.put("topCandidates", Some(Field::List(tops.collect())));
    }
    let chosen = tokens.iter().map(one).collect();
    result.put("chosenCandidates", Some(Field::List(chosen)));
    out.put("logprobsResult", Some(Field::Object(result)));
}
