//! A whole answer for a client.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    finish_word, media,
    reasoning::Detail,
    tokens::{Logprobs, Usage},
    write_message::Google,
};
use crate::protocol::{
    chat::{ChatAnswer, Choice, Citation, Content, Json, Media, MediaKind, Origin, Part, Source},
    codec::Asked,
    signature::{Place, Signature},
};

#[derive(Serialize)]
struct Body<'a> {
    id: Cow<'a, str>,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: &'static str,
}

#[derive(Default, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    refusal: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Detail<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Audio<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Image<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Google<'a>>,
}

/// A source of the text.
#[derive(Serialize)]
pub(super) struct Annotation<'a> {
    r#type: &'static str,
    url_citation: UrlCitation<'a>,
}

#[derive(Serialize)]
struct UrlCitation<'a> {
    start_index: u64,
    end_index: u64,
    url: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl<'a> Annotation<'a> {
    /// The annotation for a citation of a part that stands at these characters of the whole text. One without a place
    /// of its own cites for the whole part; one without an address cannot be said.
    pub(super) fn of(citation: &'a Citation, start: u64, end: u64) -> Option<Self> {
        let place = |at: Option<u64>| at.map(|at| start.saturating_add(at));
        Some(Self {
            r#type: "url_citation",
            url_citation: UrlCitation {
                start_index: place(citation.start).unwrap_or(start),
                end_index: place(citation.end).unwrap_or(end),
                url: citation.url.as_deref()?,
                title: citation.title.as_deref().unwrap_or_default(),
                content: citation.cited_text.as_deref(),
            },
        })
    }
}

/// A sound of the answer.
#[derive(Serialize)]
pub(super) struct Audio<'a> {
    id: String,
    data: &'a str,
    transcript: &'a str,
    expires_at: u64,
}

/// An image of the answer, as OpenRouter has them.
#[derive(Serialize)]
pub(super) struct Image<'a> {
    r#type: &'static str,
    image_url: ImageUrl<'a>,
    index: usize,
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Cow<'a, str>,
}

/// Media of an answer that a client can be told.
pub(super) enum MediaOut<'a> {
    Audio(Audio<'a>),
    Image(Image<'a>),
}

impl<'a> MediaOut<'a> {
    /// `n` is the number of the image. A sound cannot be asked for again by its id: it expires at once.
    pub(super) fn of(media: &'a Media, n: usize, asked: &Asked) -> Option<Self> {
        match (media.kind, &media.source) {
            (MediaKind::Audio, Source::Base64(data)) => Some(Self::Audio(Audio {
                id: format!("audio_{}", asked.request_id),
                data,
                transcript: media.transcript.as_deref().unwrap_or_default(),
                expires_at: asked.now,
            })),
            (MediaKind::Image, source) => {
                let mime = media.mime.as_deref().unwrap_or("image/png");
                Some(Self::Image(Image {
                    r#type: "image_url",
                    image_url: ImageUrl {
                        url: media::url_of_source(mime, source)?,
                    },
                    index: n,
                }))
            }
            _ => None,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Call<'a> {
    Function {
        id: &'a str,
        r#type: &'static str,
        function: Called<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        extra_content: Option<Google<'a>>,
    },
    Own(&'a Json),
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Google's place for the signature of a call or a text, sealed if it is not Google's.
pub(super) fn google<'a>(signature: &Signature, place: Place) -> Google<'a> {
    Google::new(signature.for_client(Origin::Gemini, place))
}

/// The answer's id: the provider's, or the request's.
pub(in crate::protocol::codec) fn id_of<'a>(
    id: &'a str,
    prefix: &str,
    asked: &Asked,
) -> Cow<'a, str> {
    if id.is_empty() {
        format!("{prefix}-{}", asked.request_id).into()
    } else {
        Cow::Borrowed(id)
    }
}

/// The answer's time: the provider's, or now.
pub(in crate::protocol::codec) fn created(created: Option<u64>, asked: &Asked) -> u64 {
    created.unwrap_or(asked.now)
}

/// Whether something is a call of a custom tool, which chat completions have among the calls.
pub(super) fn custom_call(content: &Content) -> Option<&Json> {
    match content {
        Content::Foreign {
            origin: Origin::OpenAi,
            json,
        } if json.get().contains("\"custom\"") && json.to_value().get("custom").is_some() => {
            Some(json)
        }
        _ => None,
    }
}

/// Writes an answer.
pub(super) fn write(answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
    let body = Body {
        id: id_of(&answer.id, "chatcmpl", asked),
        object: "chat.completion",
        created: created(answer.created, asked),
        model: &asked.model,
        choices: answer
            .choices
            .iter()
            .map(|choice| choice_out(choice, asked))
            .collect(),
        usage: Usage::of(&answer.usage),
        service_tier: answer.service_tier.as_deref(),
    };
    // Nothing in it can fail: all keys are strings and numbers that JSON has not become `null`.
    serde_json::to_vec(&body).unwrap_or_default()
}

fn choice_out<'a>(choice: &'a Choice, asked: &Asked) -> ChoiceOut<'a> {
    let message = message(&choice.parts, asked);
    let refused = message.refusal.is_some();
    ChoiceOut {
        index: choice.index,
        logprobs: Logprobs::of(&choice.logprobs, refused && message.content.is_none()),
        finish_reason: finish_word(
            choice.ending.finish,
            !message.tool_calls.is_empty(),
            refused,
        ),
        message,
    }
}

fn message<'a>(parts: &'a [Part], asked: &Asked) -> Message<'a> {
    let mut message = Message {
        role: "assistant",
        ..Message::default()
    };
    let mut characters = 0;
    for part in parts {
        match &part.content {
            Content::Text { text, citations } => {
                let start = characters;
                if !citations.is_empty() || start > 0 || parts.len() > 1 {
                    characters += text.chars().count() as u64;
                }
                let cited = citations.iter();
                let end = characters;
                message
                    .annotations
                    .extend(cited.filter_map(|c| Annotation::of(c, start, end)));
                append(&mut message.content, text);
                if let Some(signature) = &part.signature {
                    message.extra_content = Some(google(signature, Place::Text));
                }
            }
            Content::Refusal { text } => append(&mut message.refusal, text),
            Content::Thinking { text, .. } => {
                append(&mut message.reasoning_content, text);
                detail(&mut message, part);
            }
            Content::RedactedThinking => detail(&mut message, part),
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                let arguments = match arguments.as_str() {
                    "" => "{}",
                    _ => arguments,
                };
                let signature = part.signature.as_ref();
                message.tool_calls.push(Call::Function {
                    id,
                    r#type: "function",
                    function: Called { name, arguments },
                    extra_content: signature.map(|s| google(s, Place::Call)),
                });
            }
            Content::Media(media) => match MediaOut::of(media, message.images.len(), asked) {
                Some(MediaOut::Audio(audio)) => message.audio = Some(audio),
                Some(MediaOut::Image(image)) => message.images.push(image),
                None => {}
            },
            content => message
                .tool_calls
                .extend(custom_call(content).map(Call::Own)),
        }
    }
    // `null` says that there is something else instead; an answer of nothing is an empty text.
    if message.tool_calls.is_empty() && message.refusal.is_none() && message.audio.is_none() {
        message.content.get_or_insert(Cow::Borrowed(""));
    }
    message
}

fn detail<'a>(message: &mut Message<'a>, part: &'a Part) {
    let index = message.reasoning_details.len();
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    message.reasoning_details.extend(Detail::of(part, index));
}

fn append<'a>(text: &mut Option<Cow<'a, str>>, more: &'a str) {
    match text {
        None => *text = Some(Cow::Borrowed(more)),
        Some(text) => text.to_mut().push_str(more),
    }
}
