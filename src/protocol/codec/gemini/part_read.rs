//! One part of a content, as clients send it and as models answer it.
//! <https://ai.google.dev/api/caching#Part>

use std::borrow::Cow;

use super::{
    super::super::{
        chat::{Content, Json, Media, MediaKind, Origin, Part, Source},
        json::{Kind, Value},
        signature::{Place, Signature},
    },
    object::{get, members, string},
};

/// What a part is.
pub(super) enum Piece {
    /// Text, or reasoning in words.
    Text {
        text: String,
        thought: bool,
        signature: Option<Signature>,
    },
    /// A call of a function, whose id may be missing.
    Call {
        id: Option<String>,
        name: String,
        arguments: String,
        signature: Option<Signature>,
    },
    /// What a function said.
    Result {
        id: Option<String>,
        name: String,
        content: Vec<Part>,
        is_error: bool,
    },
    /// Anything else, whole.
    Whole(Part),
    /// Nothing at all.
    Nothing,
}

/// How a signature is to be read: from clients it may be somebody else's, sealed.
pub(super) type Sign = fn(&str, Place) -> Signature;

/// A signature that a client brings back. Google's SDKs turn it into bytes and write those in the URL-safe alphabet;
/// the provider wrote the standard one.
pub(super) fn from_client(text: &str, place: Place) -> Signature {
    let mut signature = Signature::from_client(text, Origin::Gemini, place);
    // What came out of an envelope is another text, and stands there as it was written.
    if signature.value == text && !DUMMIES.contains(&text) {
        signature.value = standard_alphabet(signature.value);
    }
    signature
}

/// A signature as the provider writes it.
pub(super) fn from_provider(text: &str, place: Place) -> Signature {
    Signature::new(Origin::Gemini, place, text)
}

/// The signatures that Google documents for calls of other models.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#faqs>
pub(super) const DUMMIES: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

/// Reads one part.
pub(super) fn read(value: Value<'_>, sign: Sign) -> Piece {
    let mut text = None;
    let mut thought = false;
    let mut signature = None;
    let mut detail = None;
    let mut data = None;
    let mut known = true;
    for (name, value) in members(value) {
        match &*name {
            "text" => text = value.as_str(),
            "thought" => thought = value.as_bool() == Some(true),
            "thoughtSignature" => signature = value.as_str().filter(|text| !text.is_empty()),
            "inlineData" | "fileData" | "functionCall" | "functionResponse" if data.is_none() => {
                data = Some((name, value));
            }
            "mediaResolution" => match resolution(value) {
                Some(word) => detail = Some(word),
                None => known = false,
            },
            _ => known = false,
        }
    }
    let signature = |place| signature.as_deref().map(|text| sign(text, place));
    let read = match data {
        _ if !known => None,
        Some((name, value)) => match &*name {
            "functionCall" => call(value, || signature(Place::Call)),
            "functionResponse" => result(value, sign),
            file => media(value, file == "fileData").map(|mut media| {
                media.detail = detail.map(ToOwned::to_owned);
                let part = Part::new(Content::Media(media));
                Piece::Whole(part.signed(signature(Place::Text)))
            }),
        },
        None => Some(match text {
            Some(text) => Piece::Text {
                text: text.into_owned(),
                thought,
                signature: signature(if thought {
                    Place::Thinking
                } else {
                    Place::Text
                }),
            },
            None if signature(Place::Text).is_some() => Piece::Text {
                text: String::new(),
                thought,
                signature: signature(if thought {
                    Place::Thinking
                } else {
                    Place::Text
                }),
            },
            None => Piece::Nothing,
        }),
    };
    read.unwrap_or_else(|| Piece::Whole(foreign(value).signed(signature(Place::Text))))
}

/// A part that only Google knows, without its signature: that one stands in the canonical part.
fn foreign(value: Value<'_>) -> Part {
    let start = value.range().start;
    let mut text = String::from_utf8_lossy(value.raw()).into_owned();
    let removals = value.removals(|key| matches!(key, "thoughtSignature" | "thought_signature"));
    for range in removals.into_iter().rev() {
        text.replace_range(range.start - start..range.end - start, "");
    }
    Part::new(Content::Foreign {
        origin: Origin::Gemini,
        // On one line, for it may become a server-sent event.
        json: Json::parse(closed(&text)).unwrap_or_else(|_| Json::of(value)),
    })
}

fn call(value: Value<'_>, signature: impl Fn() -> Option<Signature>) -> Option<Piece> {
    let (mut id, mut called, mut arguments) = (None, String::new(), None);
    for (name, value) in members(value) {
        match &*name {
            "id" => id = string(value).filter(|id| !id.is_empty()),
            "name" => called = string(value)?,
            "args" => arguments = Some(compact(value)),
            // An empty list of pieces, and no more of them, is a whole call.
            "partialArgs" if value.is_empty() => {}
            "willContinue" if value.as_bool() == Some(false) => {}
            _ => return None,
        }
    }
    Some(Piece::Call {
        id,
        name: called,
        arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
        signature: signature(),
    })
}

fn result(value: Value<'_>, sign: Sign) -> Option<Piece> {
    let (mut id, mut called) = (None, String::new());
    let mut response = None;
    let mut parts = Vec::new();
    for (name, value) in members(value) {
        match &*name {
            "id" => id = string(value).filter(|id| !id.is_empty()),
            "name" => called = string(value)?,
            "response" => response = Some(value),
            "parts" => {
                for part in value.elements() {
                    match read(part, sign) {
                        Piece::Whole(part) => parts.push(part),
                        Piece::Text { text, .. } => parts.push(Part::text(text)),
                        Piece::Nothing => {}
                        Piece::Call { .. } | Piece::Result { .. } => parts.push(foreign(part)),
                    }
                }
            }
            _ => return None,
        }
    }
    let (text, is_error) = response.map_or((None, false), said);
    // `{}` beside media says nothing, alone it is the answer.
    let text = text.filter(|text| parts.is_empty() || text != "{}");
    let mut content: Vec<_> = text.into_iter().map(Part::text).collect();
    content.extend(parts);
    Some(Piece::Result {
        id,
        name: called,
        content,
        is_error,
    })
}

/// The words of a function's response. `output` and `error` are Google's names for them, `result` is that of its
/// SDKs; an object of other members is the answer as a whole.
/// <https://ai.google.dev/api/caching#FunctionResponse>
fn said(response: Value<'_>) -> (Option<String>, bool) {
    let mut only = members(response);
    if let (Some((name, value)), None) = (only.next(), only.next()) {
        let text = value.as_str().map(Cow::into_owned);
        match &*name {
            "output" | "result" if text.is_some() => return (text, false),
            "error" => return (text.or_else(|| Some(compact(value))), true),
            _ => {}
        }
    }
    (Some(compact(response)), false)
}

/// Media from `inlineData` or `fileData`; none if it has members that the canonical form does not know.
fn media(value: Value<'_>, file: bool) -> Option<Media> {
    let (mut mime, mut label, mut place) = (None, None, None);
    for (name, value) in members(value) {
        match &*name {
            "mimeType" => mime = string(value),
            "displayName" => label = string(value),
            "data" if !file => place = value.as_str().map(base64).map(Source::Base64),
            "fileUri" if file => place = string(value).map(address),
            _ => return None,
        }
    }
    let kind = mime.as_deref().map(MediaKind::of_mime).or_else(|| {
        Some(super::part_write::kind_of(
            get(value, "fileUri")?.as_str()?.as_ref(),
        ))
    });
    let mut media = Media::new(kind.unwrap_or(MediaKind::Document), mime, place?);
    media.name = label;
    Some(media)
}

/// Files of the Gemini API have an address of its own; everything else is anybody's.
/// <https://ai.google.dev/gemini-api/docs/files>
fn address(uri: String) -> Source {
    if super::part_write::is_file(&uri) {
        Source::File(uri)
    } else {
        Source::Url(uri)
    }
}

/// Base64 in the standard alphabet, padded. Google takes the URL-safe one as well, and its SDKs write it.
fn base64(text: Cow<'_, str>) -> String {
    let mut text = standard_alphabet(text.into_owned());
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn standard_alphabet(text: String) -> String {
    if memchr::memchr2(b'-', b'_', text.as_bytes()).is_none() {
        return text;
    }
    text.replace('-', "+").replace('_', "/")
}

/// The level of `mediaResolution` as everybody's `detail`, where there is such.
fn resolution(value: Value<'_>) -> Option<&'static str> {
    let level = if value.kind() == Kind::String {
        value.as_str()?
    } else {
        get(value, "level")?.as_str()?
    };
    match &*level {
        "MEDIA_RESOLUTION_LOW" => Some("low"),
        "MEDIA_RESOLUTION_HIGH" => Some("high"),
        _ => None,
    }
}

/// JSON without white space between its tokens: Google indents its answers, and arguments are told as text elsewhere.
pub(super) fn compact(value: Value<'_>) -> String {
    closed(&String::from_utf8_lossy(value.raw()))
}

fn closed(text: &str) -> String {
    if memchr::memchr3(b'\n', b'\r', b' ', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        if inside {
            inside = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if matches!(c, ' ' | '\n' | '\r' | '\t') {
            continue;
        } else {
            inside = c == '"';
        }
        out.push(c);
    }
    out
}
