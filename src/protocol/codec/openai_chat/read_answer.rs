//! A provider's whole answer.

use std::borrow::Cow;

use super::{
    failure, finish_of, media,
    read_message::{self, function_call},
    reasoning, tokens,
};
use crate::protocol::{
    chat::{
        ChatAnswer, Choice, Citation, Content, Ending, Finish, Json, Media, MediaKind, Origin,
        Part, Source, TokenUsage,
    },
    codec::NotUnderstood,
    event::new_call_id,
    json::{Document, Kind, Limits, Value},
    signature::{Place, Signature},
};

/// Reads an answer.
pub(super) fn read(body: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
    let document = Document::parse(body, Limits::default())
        .map_err(|_| NotUnderstood("the answer is no JSON"))?;
    let root = document.root();
    if root.get("error").is_some_and(failure::is_told) {
        return Err(NotUnderstood("an error under a good status"));
    }
    let Some(choices) = root.get("choices") else {
        return Err(NotUnderstood("the answer has no `choices`"));
    };
    let text = |key| root.get(key).and_then(Value::as_str);
    let mut answer = ChatAnswer {
        id: text("id").unwrap_or_default().into_owned(),
        model: text("model").unwrap_or_default().into_owned(),
        created: root.get("created").and_then(Value::as_u64),
        choices: Vec::new(),
        usage: read_usage(root),
        service_tier: service_tier(root),
    };
    for (n, choice) in choices.elements().enumerate() {
        answer.choices.push(read_choice(n, choice));
    }
    Ok(answer)
}

/// The class of service, if it says one.
pub(super) fn service_tier(root: Value) -> Option<String> {
    let tier = root.get("service_tier")?.as_str()?;
    (!tier.is_empty()).then(|| tier.into_owned())
}

/// The usage of an answer or a chunk, also where Groq has it.
pub(super) fn read_usage(root: Value) -> TokenUsage {
    let mut usage = TokenUsage::default();
    let groq = root.get("x_groq").and_then(|groq| groq.get("usage"));
    for counts in groq.into_iter().chain(root.get("usage")) {
        usage.update(tokens::read_usage(counts));
    }
    usage
}

fn read_choice(n: usize, choice: Value) -> Choice {
    let index = choice.get("index").and_then(Value::as_u64);
    let index = u32::try_from(index.unwrap_or(n as u64)).unwrap_or(u32::MAX);
    let parts = choice.get("message").map(read_parts).unwrap_or_default();
    let calls = parts.iter().any(is_call);
    let logprobs = choice.get("logprobs").map(tokens::read_logprobs);
    Choice {
        index,
        ending: read_ending(choice, calls).unwrap_or_else(|| ending_without_word(calls)),
        parts,
        logprobs: logprobs.unwrap_or_default(),
    }
}

fn is_call(part: &Part) -> bool {
    match &part.content {
        Content::ToolCall { .. } => true,
        Content::Foreign { json, .. } => json.get().contains("\"custom\""),
        _ => false,
    }
}

/// The ending of a choice; none if it says none. Calls are to be made also where the vendor's word is `stop`, as with
/// OpenAI when one tool was demanded, and with Ollama.
pub(super) fn read_ending(choice: Value, calls: bool) -> Option<Ending> {
    let word = choice.get("finish_reason")?.as_str()?;
    if word.is_empty() {
        return None;
    }
    let mut ending = Ending::new(finish_of(&word), &word);
    if calls && ending.finish == Finish::Stop {
        ending.finish = Finish::ToolCalls;
    }
    // vLLM tells the sequence that was met, or a token's number. https://docs.vllm.ai/en/latest/api/vllm/outputs.html
    if let Some(sequence) = choice.get("stop_reason").and_then(Value::as_str)
        && ending.finish == Finish::Stop
    {
        ending.finish = Finish::StopSequence;
        ending.sequence = Some(sequence.into_owned());
    }
    Some(ending)
}

/// The ending of a choice that says none but is whole.
pub(super) fn ending_without_word(calls: bool) -> Ending {
    Ending::new(
        if calls {
            Finish::ToolCalls
        } else {
            Finish::Stop
        },
        "",
    )
}

fn read_parts(message: Value) -> Vec<Part> {
    let mut parts = Vec::new();
    reasoning::read(message, false, &mut parts);
    let first = parts.len();
    match message.get("content") {
        Some(content) if content.kind() == Kind::String => {
            let text = content.as_str().unwrap_or_default();
            if !text.is_empty() {
                parts.push(Part::text(text));
            }
        }
        Some(content) => {
            for part in content.elements().filter_map(read_message::read_part) {
                join(&mut parts, part);
            }
        }
        None => {}
    }
    read_annotations(message, &mut parts[first..]);
    if let Some(words) = message.get("refusal").and_then(Value::as_str)
        && !words.is_empty()
    {
        let text = words.into_owned();
        parts.push(Part::new(Content::Refusal { text }));
    }
    parts.extend(read_images(message));
    parts.extend(message.get("audio").and_then(read_audio));
    for call in message
        .get("tool_calls")
        .into_iter()
        .flat_map(Value::elements)
    {
        parts.extend(read_call(call));
    }
    if let Some(call) = message.get("function_call")
        && has_name(call)
    {
        parts.push(function_call(new_call_id(), call));
    }
    if let Some(signature) = thought_signature(message) {
        read_message::sign_message(&mut parts, &signature);
    }
    parts
}

/// Appends a part; a text behind a text goes on with it, as does reasoning.
fn join(parts: &mut Vec<Part>, part: Part) {
    if let Some(last) = parts.last_mut()
        && last.signature == part.signature
    {
        match (&mut last.content, &part.content) {
            (Content::Text { text, .. }, Content::Text { text: more, .. })
            | (Content::Thinking { text, .. }, Content::Thinking { text: more, .. }) => {
                text.push_str(more);
                return;
            }
            _ => {}
        }
    }
    parts.push(part);
}

fn has_name(function: Value) -> bool {
    let name = function.get("name").and_then(Value::as_str);
    name.is_some_and(|name| !name.is_empty())
}

fn read_call(call: Value) -> Option<Part> {
    if call.get("custom").is_some_and(|custom| !custom.is_null()) {
        return Some(Part::new(Content::Foreign {
            origin: Origin::OpenAi,
            json: Json::of(call),
        }));
    }
    let function = call.get("function").filter(|f| has_name(*f))?;
    let id = call.get("id").and_then(Value::as_str);
    let id = id.filter(|id| !id.is_empty());
    let id = id.map_or_else(new_call_id, Cow::into_owned);
    let signature = thought_signature(call);
    let signature =
        signature.map(|text| Signature::from_client(&text, Origin::Gemini, Place::Call));
    Some(function_call(id, function).signed(signature))
}

/// Google's signature of a call or a message: `extra_content.google.thought_signature`.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#openai>
pub(super) fn thought_signature(value: Value) -> Option<String> {
    let google = value.get("extra_content")?.get("google")?;
    let text = google.get("thought_signature")?.as_str()?;
    (!text.is_empty()).then(|| text.into_owned())
}

/// Puts the annotations of a message on its first text.
pub(super) fn read_annotations(message: Value, parts: &mut [Part]) {
    let Some(annotations) = message.get("annotations").filter(|list| !list.is_empty()) else {
        return;
    };
    let mut texts = parts.iter_mut().filter_map(|part| match &mut part.content {
        Content::Text { citations, .. } => Some(citations),
        _ => None,
    });
    if let Some(citations) = texts.next() {
        citations.extend(annotations.elements().filter_map(read_citation));
    }
}

/// `{"type": "url_citation", "url_citation": {…}}`
pub(super) fn read_citation(annotation: Value) -> Option<Citation> {
    let cited = annotation.get("url_citation")?;
    let text = |key| {
        let text: Cow<str> = cited.get(key)?.as_str()?;
        (!text.is_empty()).then(|| text.into_owned())
    };
    Some(Citation {
        start: cited.get("start_index").and_then(Value::as_u64),
        end: cited.get("end_index").and_then(Value::as_u64),
        url: text("url"),
        title: text("title"),
        cited_text: text("content"),
        ..Citation::default()
    })
}

/// OpenRouter's images in answers: `images: [{"type": "image_url", "image_url": {"url": "data:…"}}]`.
/// <https://openrouter.ai/docs/features/multimodal/image-generation>
pub(super) fn read_images(message: Value) -> impl Iterator<Item = Part> {
    message
        .get("images")
        .into_iter()
        .flat_map(Value::elements)
        .filter_map(|image| {
            let image = media::read_url(MediaKind::Image, image.get("image_url")?)?;
            Some(Part::new(Content::Media(image)))
        })
}

/// `audio: {"id": "…", "data": "…", "transcript": "…", "expires_at": …}`
fn read_audio(audio: Value) -> Option<Part> {
    let text = |key| {
        let text: Cow<str> = audio.get(key)?.as_str()?;
        (!text.is_empty()).then(|| text.into_owned())
    };
    let (data, transcript) = (text("data"), text("transcript"));
    if data.is_none() && transcript.is_none() {
        return None;
    }
    let source = Source::Base64(data.unwrap_or_default());
    Some(Part::new(Content::Media(Media {
        transcript,
        ..Media::new(MediaKind::Audio, None, source)
    })))
}
