//! One part of a content, for providers and for clients.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{
    super::super::chat::{Content, Json, Media, MediaKind, Origin, Part, Source, arguments_object},
    object::{Field, Object},
};

/// A content: parts of one speaker.
#[derive(Serialize)]
pub(super) struct WireContent<'a> {
    /// `user` or `model`; a system instruction has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    pub parts: Vec<WirePart<'a>>,
}

/// A part.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WirePart<'a> {
    /// As it was written.
    Raw(Json),
    /// Built here.
    Own(Box<Fields<'a>>),
}

/// What a part of ours may have.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_resolution: Option<Resolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<Cow<'a, str>>,
}

/// Data in the request or answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    pub mime_type: Cow<'a, str>,
    pub data: Cow<'a, str>,
}

/// Data elsewhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    pub file_uri: &'a str,
    pub mime_type: Cow<'a, str>,
}

/// A call. Both the Gemini API and Vertex take an id; recordings of 2026 show it.
#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub id: &'a str,
    pub name: &'a str,
    pub args: Json,
}

/// What a function said.
#[derive(Serialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub id: &'a str,
    pub name: &'a str,
    pub response: Json,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<WirePart<'a>>,
}

/// How closely to look.
#[derive(Serialize)]
pub(super) struct Resolution {
    pub level: &'static str,
}

impl<'a> From<Fields<'a>> for WirePart<'a> {
    fn from(fields: Fields<'a>) -> Self {
        Self::Own(Box::new(fields))
    }
}

/// A text.
pub(super) fn text<'a>(text: impl Into<Cow<'a, str>>) -> Fields<'a> {
    Fields {
        text: Some(text.into()),
        ..Fields::default()
    }
}

/// Reasoning in words.
pub(super) fn thought<'a>(words: impl Into<Cow<'a, str>>) -> Fields<'a> {
    Fields {
        thought: Some(true),
        ..text(words)
    }
}

/// A call.
pub(super) fn call<'a>(id: &'a str, name: &'a str, arguments: &str) -> Fields<'a> {
    Fields {
        function_call: Some(FunctionCall {
            id,
            name,
            args: arguments_object(arguments),
        }),
        ..Fields::default()
    }
}

/// Media, or why not.
pub(super) fn media(media: &Media) -> Result<Fields<'_>, &'static str> {
    let mime = || mime_of(media);
    let inline = |mime_type, data| Fields {
        inline_data: Some(Blob { mime_type, data }),
        ..Fields::default()
    };
    let file = |file_uri| Fields {
        file_data: Some(FileData {
            file_uri,
            mime_type: mime(),
        }),
        ..Fields::default()
    };
    Ok(match &media.source {
        Source::Base64(data) => inline(mime(), data.into()),
        Source::Text(text) => {
            let mime = media.mime.as_deref().unwrap_or("text/plain");
            inline(mime.into(), STANDARD.encode(text).into())
        }
        Source::Url(url) if url.starts_with("data:") => match data_url(url) {
            Some((mime, data)) => inline(mime.into(), data.into()),
            None => return Err("a data URL must be in base64"),
        },
        // <https://ai.google.dev/gemini-api/docs/file-input-methods>: public and signed addresses, YouTube, and
        // Cloud Storage.
        Source::Url(url)
            if ["https://", "http://", "gs://"]
                .iter()
                .any(|s| url.starts_with(s)) =>
        {
            file(url.as_str())
        }
        Source::Url(_) => return Err("Gemini fetches https:// and gs:// addresses only"),
        Source::File(id) if is_file(id) || id.starts_with("gs://") => file(id.as_str()),
        Source::File(_) => return Err("the file was uploaded to another provider"),
    })
}

/// Whether a name is that of a file of the Gemini API.
pub(super) fn is_file(uri: &str) -> bool {
    uri.starts_with("files/")
        || uri
            .strip_prefix("https://generativelanguage.googleapis.com/")
            .is_some_and(|rest| rest.contains("/files/") || rest.starts_with("files/"))
}

fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?.split(';').next()?;
    Some((if mime.is_empty() { "text/plain" } else { mime }, data))
}

/// The media type, which Google demands: as told, or by the name's ending, or by the first bytes, or the usual one.
fn mime_of(media: &Media) -> Cow<'_, str> {
    if let Some(mime) = &media.mime {
        return mime.into();
    }
    let by_source = match &media.source {
        Source::Base64(data) => by_magic(data),
        Source::Url(url) | Source::File(url) => by_ending(url),
        Source::Text(_) => Some("text/plain"),
    };
    by_source
        .or_else(|| by_ending(media.name.as_deref()?))
        .unwrap_or(match media.kind {
            MediaKind::Image => "image/jpeg",
            MediaKind::Audio => "audio/mp3",
            MediaKind::Video => "video/mp4",
            MediaKind::Document => "application/pdf",
        })
        .into()
}

/// First bytes of common formats, in base64.
fn by_magic(data: &str) -> Option<&'static str> {
    [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("JVBERi", "application/pdf"),
        ("SUQz", "audio/mp3"),
        ("T2dnUw", "audio/ogg"),
        ("ZkxhQw", "audio/flac"),
    ]
    .into_iter()
    .find(|(magic, _)| data.starts_with(magic))
    .map(|(_, mime)| mime)
}

/// <https://ai.google.dev/gemini-api/docs/file-input-methods#supported-content-types>
fn by_ending(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next()?;
    let (_, ending) = path
        .rsplit_once('/')
        .unwrap_or(("", path))
        .1
        .rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        "aiff" => "audio/aiff",
        "m4a" => "audio/m4a",
        "mp4" => "video/mp4",
        "mov" => "video/mov",
        "webm" => "video/webm",
        "mpeg" | "mpg" => "video/mpeg",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "json" => "application/json",
        _ => return None,
    })
}

/// The sort of media behind an address without a media type.
pub(super) fn kind_of(url: &str) -> MediaKind {
    if url.contains("youtube.com/") || url.contains("youtu.be/") {
        return MediaKind::Video;
    }
    by_ending(url).map_or(MediaKind::Document, MediaKind::of_mime)
}

/// A part as Google wrote it, with its signature put back.
pub(super) fn raw(json: &Json, signature: Option<&str>) -> WirePart<'static> {
    let Some(signature) = signature else {
        return WirePart::Raw(json.clone());
    };
    let mut member = Object::default();
    member.put("thoughtSignature", Some(Field::Text(signature.into())));
    let member = Json::from_value(&member);
    let body = json.get().trim();
    let joined = body.strip_suffix('}').map(|body| {
        let comma = if body.trim_end().ends_with('{') {
            ""
        } else {
            ","
        };
        format!("{body}{comma}{}", &member.get()[1..])
    });
    let joined = joined.and_then(|text| Json::parse(text).ok());
    WirePart::Raw(joined.unwrap_or_else(|| json.clone()))
}

/// A part of an answer for a client; none if Google's dialect has nothing for it.
pub(super) fn for_client(part: &Part) -> Option<WirePart<'_>> {
    use super::super::super::signature::Place;
    let sign = |place| {
        let signature = part.signature.as_ref();
        signature.map(|s| s.for_client(Origin::Gemini, place).into())
    };
    let fields = match &part.content {
        Content::Text { text: words, .. } | Content::Refusal { text: words } => Fields {
            thought_signature: sign(Place::Text),
            ..text(words)
        },
        Content::Thinking { text: words, .. } => Fields {
            thought_signature: sign(Place::Thinking),
            ..thought(words)
        },
        Content::RedactedThinking => Fields {
            thought_signature: Some(sign(Place::Redacted)?),
            ..thought("")
        },
        Content::ToolCall {
            id,
            name,
            arguments,
        } => Fields {
            thought_signature: sign(Place::Call),
            ..call(id, name, arguments)
        },
        Content::Media(one) => Fields {
            thought_signature: sign(Place::Text),
            ..media(one).ok()?
        },
        Content::Foreign {
            origin: Origin::Gemini,
            json,
        } => {
            let signature: Option<Cow<'_, str>> = sign(Place::Text);
            return Some(raw(json, signature.as_deref()));
        }
        Content::Foreign { .. } | Content::ToolResult { .. } => return None,
    };
    Some(fields.into())
}
