//! The turns of a client's request.

use std::borrow::Cow;

use super::{
    media,
    read_answer::{read_annotations, thought_signature},
    read_request::bad,
    reasoning,
};
use crate::{
    error::Failure,
    protocol::{
        chat::{CacheMark, Content, Json, Media, MediaKind, Message, Origin, Part, Role, Source},
        json::{Kind, Value},
        signature::{Place, Signature},
    },
};

/// Reads `messages`. What a turn has that the canonical form does not know goes to `extra`, named by its place.
pub(super) fn read_all(
    messages: Value,
    extra: &mut Vec<(String, Json)>,
) -> Result<Vec<Message>, Failure> {
    if messages.kind() != Kind::Array {
        return Err(bad("messages", "`messages` must be a list"));
    }
    let mut reader = Reader {
        at: 0,
        legacy_call: None,
        extra,
    };
    let mut read = Vec::new();
    for (at, message) in messages.elements().enumerate() {
        reader.at = at;
        read.push(reader.message(message)?);
    }
    Ok(read)
}

struct Reader<'a> {
    at: usize,
    /// Name and id of the last `function_call`, to which the next message of a function belongs.
    legacy_call: Option<(String, String)>,
    extra: &'a mut Vec<(String, Json)>,
}

impl Reader<'_> {
    fn message(&mut self, message: Value) -> Result<Message, Failure> {
        if message.kind() != Kind::Object {
            return Err(self.bad("must be an object"));
        }
        let role = message.get("role").and_then(Value::as_str);
        let role = match role.as_deref() {
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("tool" | "function") => Role::Tool,
            Some(other) => {
                return Err(self.bad(&format!(
                    "has the role `{}`; there are system, developer, user, assistant, tool and function",
                    other.chars().take(40).collect::<String>()
                )));
            }
            None => return Err(self.bad("has no `role`")),
        };
        let mut parts = match role {
            Role::Tool => vec![self.result(message)?],
            Role::Assistant => self.assistant(message)?,
            _ => self.content(message, role)?,
        };
        if let (Some(mark), Some(last)) = (cache_mark(message), parts.last_mut()) {
            last.cache = Some(mark);
        }
        self.note_unknown(message, role);
        let name = message.get("name").and_then(Value::as_str);
        Ok(Message {
            role,
            name: name.filter(|_| role != Role::Tool).map(Cow::into_owned),
            parts,
        })
    }

    /// An assistant's turn has everything that its answer had, and clients also send back what only answers have; of
    /// what we do not know only the wish to go on with the turn (Mistral, DeepSeek, Moonshot) makes a difference.
    fn note_unknown(&mut self, message: Value, role: Role) {
        const KNOWN: [&str; 5] = ["role", "content", "name", "tool_call_id", "cache_control"];
        const WISHES: [&str; 2] = ["prefix", "partial"];
        for member in message.members() {
            let key: &str = &member.key;
            let unknown = match role {
                Role::Assistant => WISHES.contains(&key),
                _ => !KNOWN.contains(&key),
            };
            let says = !member.value.is_null() && member.value.as_bool() != Some(false);
            if unknown && says {
                let name = format!("messages[{}].{key}", self.at);
                self.extra.push((name, Json::of(member.value)));
            }
        }
    }

    fn result(&mut self, message: Value) -> Result<Part, Failure> {
        let name = message.get("name").and_then(Value::as_str);
        let id = message.get("tool_call_id").and_then(Value::as_str);
        let id = match (id, &name) {
            (Some(id), _) => id.into_owned(),
            (None, Some(name)) => match &self.legacy_call {
                Some((called, id)) if called == name => id.clone(),
                _ => legacy_id(self.at),
            },
            (None, None) => return Err(self.bad("has no `tool_call_id`")),
        };
        Ok(Part::new(Content::ToolResult {
            id,
            name: name.map(Cow::into_owned),
            content: self.content(message, Role::Tool)?,
            is_error: false,
        }))
    }

    fn assistant(&mut self, message: Value) -> Result<Vec<Part>, Failure> {
        let mut parts = Vec::new();
        reasoning::read(message, true, &mut parts);
        let first = parts.len();
        parts.extend(self.content(message, Role::Assistant)?);
        read_annotations(message, &mut parts[first..]);
        let text = |key| message.get(key).and_then(Value::as_str);
        if let Some(words) = text("refusal").filter(|words| !words.is_empty()) {
            let text = words.into_owned();
            parts.push(Part::new(Content::Refusal { text }));
        }
        if let Some(audio) = message.get("audio")
            && let Some(id) = audio.get("id").and_then(Value::as_str)
            && !id.is_empty()
        {
            let source = Source::File(id.into_owned());
            let media = Media::new(MediaKind::Audio, None, source);
            parts.push(Part::new(Content::Media(media)));
        }
        let calls = parts.len();
        for call in message
            .get("tool_calls")
            .into_iter()
            .flat_map(Value::elements)
        {
            parts.push(self.call(call)?);
        }
        if let Some(call) = message.get("function_call")
            && let Some(name) = call.get("name").and_then(Value::as_str)
            && !name.is_empty()
        {
            let id = legacy_id(self.at);
            self.legacy_call = Some((name.clone().into_owned(), id.clone()));
            parts.push(function_call(id, call));
        }
        // Nothing beside calls is what `null` is.
        if calls > first && calls < parts.len() {
            let mut at = 0;
            parts.retain(|part| {
                at += 1;
                let nothing =
                    matches!(&part.content, Content::Text { text, .. } if text.is_empty());
                !(nothing && at > first && at <= calls)
            });
        }
        if let Some(signature) = thought_signature(message) {
            sign_message(&mut parts, &signature);
        }
        Ok(parts)
    }

    fn call(&self, call: Value) -> Result<Part, Failure> {
        if call.get("custom").is_some() {
            let json = Json::of(call);
            let origin = Origin::OpenAi;
            return Ok(Part::new(Content::Foreign { origin, json }));
        }
        let Some(function) = call.get("function") else {
            return Err(self.bad("has a tool call without `function`"));
        };
        let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
        let signature = thought_signature(call);
        Ok(function_call(id.into_owned(), function).signed(
            signature.map(|text| Signature::from_client(&text, Origin::Gemini, Place::Call)),
        ))
    }

    fn content(&self, message: Value, role: Role) -> Result<Vec<Part>, Failure> {
        let Some(content) = message.get("content") else {
            return Ok(Vec::new());
        };
        match content.kind() {
            Kind::String => Ok(vec![Part::text(content.as_str().unwrap_or_default())]),
            Kind::Array => content
                .elements()
                .enumerate()
                .map(|(n, part)| {
                    read_part(part).ok_or_else(|| {
                        self.bad(&format!("has a content part {n} that is not understood"))
                    })
                })
                .collect(),
            // Tools also say nothing.
            Kind::Null if matches!(role, Role::Assistant | Role::Tool) => Ok(Vec::new()),
            _ => Err(self.bad("must have a text or a list of parts as `content`")),
        }
    }

    fn bad(&self, what: &str) -> Failure {
        let place = format!("messages[{}]", self.at);
        let message = format!("`{place}` {what}");
        bad(place, message)
    }
}

/// The id of a call that has none; the same for the same request.
fn legacy_id(at: usize) -> String {
    format!("call_function_{at}")
}

/// A call out of `{"name": "…", "arguments": "…"}`.
pub(super) fn function_call(id: String, function: Value) -> Part {
    let name = function.get("name").and_then(Value::as_str);
    let arguments = match function.get("arguments") {
        Some(value) if value.kind() == Kind::String => {
            value.as_str().unwrap_or_default().into_owned()
        }
        // Some servers write the object itself.
        Some(value) if value.kind() == Kind::Object => Json::of(value).get().to_owned(),
        _ => String::new(),
    };
    Part::new(Content::ToolCall {
        id,
        name: name.unwrap_or_default().into_owned(),
        arguments: if arguments.trim().is_empty() {
            "{}".to_owned()
        } else {
            arguments
        },
    })
}

/// Puts the signature of a message where it belongs: where its envelope says, else on its first call, or on its text
/// where calls have their own.
pub(super) fn sign_message(parts: &mut [Part], text: &str) {
    let read = |place| Signature::from_client(text, Origin::Gemini, place);
    let on_text = read(Place::Call).place == Place::Text;
    let first = |is: fn(&Part) -> bool| parts.iter().position(is);
    let call = first(|part| matches!(part.content, Content::ToolCall { .. }))
        .filter(|at| !on_text && parts[*at].signature.is_none());
    let words = first(|part| matches!(part.content, Content::Text { .. }));
    let (at, place) = match (call, words) {
        (Some(at), _) => (at, Place::Call),
        (None, Some(at)) => (at, Place::Text),
        (None, None) => return,
    };
    parts[at].signature.get_or_insert_with(|| read(place));
}

fn cache_mark(value: Value) -> Option<CacheMark> {
    let mark = value.get("cache_control").filter(|mark| !mark.is_null())?;
    let ttl = mark.get("ttl").and_then(Value::as_str);
    Some(CacheMark {
        ttl: ttl.map(Cow::into_owned),
    })
}

/// Reads a `cache_control` mark of a content part or a tool.
pub(super) fn read_cache(value: Value) -> Option<CacheMark> {
    cache_mark(value)
}

/// Reads a content part of a request or of an answer.
pub(super) fn read_part(part: Value) -> Option<Part> {
    // A bare string among the parts is what some clients write.
    if let Some(text) = part.as_str() {
        return Some(Part::text(text));
    }
    let kind = part.get("type")?.as_str()?;
    let inner = |key: &str| part.get(key);
    let text = |key: &str| part.get(key).and_then(Value::as_str).map(Cow::into_owned);
    let media = |media: Option<Media>| media.map(|media| Part::new(Content::Media(media)));
    let read = match kind.as_ref() {
        "text" | "input_text" | "output_text" => Part::text(text("text")?),
        "refusal" => Part::new(Content::Refusal {
            text: text("refusal")?,
        }),
        "image_url" => media(media::read_url(MediaKind::Image, inner("image_url")?))?,
        "video_url" => media(media::read_url(MediaKind::Video, inner("video_url")?))?,
        "audio_url" => media(media::read_url(MediaKind::Audio, inner("audio_url")?))?,
        "input_audio" => media(media::read_audio(inner("input_audio")?))?,
        "file" => media(media::read_file(inner("file")?))?,
        "document_url" => {
            let document = media::read_url(MediaKind::Document, inner("document_url")?)?;
            let name = text("document_name");
            media(Some(Media { name, ..document }))?
        }
        "thinking" => reasoning::plain(reasoning::CHUNK, &thinking_words(part)),
        _ => Part::new(Content::Foreign {
            origin: Origin::OpenAi,
            json: Json::of(part),
        }),
    };
    Some(read.cached(cache_mark(part)))
}

/// The words of Mistral's chunk: `{"type": "thinking", "thinking": [{"type": "text", "text": "…"}]}`.
/// <https://docs.mistral.ai/capabilities/reasoning>
pub(super) fn thinking_words(chunk: Value) -> String {
    let Some(thinking) = chunk.get("thinking") else {
        return String::new();
    };
    if let Some(words) = thinking.as_str() {
        return words.into_owned();
    }
    thinking
        .elements()
        .filter_map(|piece| piece.get("text")?.as_str())
        .collect()
}
