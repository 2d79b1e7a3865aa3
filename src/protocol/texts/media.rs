//! Files inside bodies: texts in base64 and `data:` addresses are read, images, sound and films are counted.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    super::json::Value,
    Form, Role, Spot,
    walk::{Context, Walk},
};

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// Nothing.
    Unknown,
    /// It is a text.
    Text,
    /// An image, sound, a film, a PDF, an archive.
    Binary,
}

impl Media {
    /// By media type (RFC 6838), or the short name of a format that Bedrock and OpenAI have.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.split(';').next().unwrap_or_default().trim();
        let Some((kind, sub)) = name.split_once('/') else {
            return Self::of_extension(name);
        };
        if kind.eq_ignore_ascii_case("text") {
            return Some(Self::Text);
        }
        if ["image", "audio", "video", "font"]
            .iter()
            .any(|k| kind.eq_ignore_ascii_case(k))
        {
            // SVG is an image that is a text.
            let is_text = sub.eq_ignore_ascii_case("svg+xml");
            return Some(if is_text { Self::Text } else { Self::Binary });
        }
        let sub = sub.rsplit(['+', '-', '.']).next().unwrap_or(sub);
        Self::of_extension(sub)
    }

    /// By a file's name.
    pub(super) fn of_file(name: &str) -> Option<Self> {
        Self::of_extension(name.rsplit_once('.')?.1)
    }

    fn of_extension(name: &str) -> Option<Self> {
        const TEXTS: [&str; 34] = [
            "txt",
            "text",
            "md",
            "markdown",
            "csv",
            "tsv",
            "html",
            "htm",
            "xhtml",
            "xml",
            "json",
            "jsonl",
            "ndjson",
            "yaml",
            "yml",
            "toml",
            "ini",
            "log",
            "sql",
            "py",
            "js",
            "ts",
            "javascript",
            "rs",
            "go",
            "java",
            "c",
            "cpp",
            "h",
            "sh",
            "rb",
            "php",
            "css",
            "svg",
        ];
        const BINARIES: [&str; 20] = [
            "pdf", "png", "jpg", "jpeg", "gif", "webp", "wav", "mp3", "mp4", "mov", "webm", "mkv",
            "flac", "opus", "pcm16", "zip", "docx", "xlsx", "pptx", "mpeg",
        ];
        let is = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is(&TEXTS) {
            Some(Self::Text)
        } else if is(&BINARIES) {
            Some(Self::Binary)
        } else {
            None
        }
    }
}

impl<'d> Walk<'d> {
    /// A string that holds a file, as a `data:` address, in base64 or as it is.
    pub(super) fn media(&mut self, value: Value<'d>, context: Context) {
        let Some(text) = value.as_str() else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let at = value.range();
        let file = Context {
            role: Role::Document,
            spot: if context.spot == Spot::Unknown {
                Spot::Unknown
            } else {
                Spot::Document
            },
            ..context
        };
        if let Some((kind, payload, in_base64)) = data_address(&text) {
            let media = Media::named(kind).unwrap_or(Media::Unknown);
            let skip = text.len() - payload.len();
            let decoded = match (media, in_base64, u32::try_from(skip)) {
                (Media::Binary, ..) | (_, _, Err(_)) => None,
                (_, true, Ok(skip)) => decode(payload).map(|t| (t, Form::Base64(skip))),
                (_, false, Ok(skip)) => unpercent(payload).map(|t| (t, Form::Percent(skip))),
            };
            match decoded {
                Some((text, form)) => self.push(form, at, file, Cow::Owned(text)),
                None => self.texts.unread += 1,
            }
            return;
        }
        if context.media == Media::Binary {
            // A file's address where the file itself could be.
            if text.starts_with("http://") || text.starts_with("https://") {
                self.push(Form::Text, at, context.url(), text);
            } else {
                self.texts.unread += 1;
            }
            return;
        }
        let certain = context.media == Media::Text || is_base64(&text);
        match decode(&text) {
            Some(decoded) if certain => self.push(Form::Base64(0), at, file, Cow::Owned(decoded)),
            _ if is_base64(&text) => self.texts.unread += 1,
            _ => self.push(Form::Text, at, context, text),
        }
    }

    /// A string that is an address, or holds what stands there.
    pub(super) fn address(&mut self, value: Value<'d>, context: Context) {
        let Some(text) = value.as_str() else {
            return;
        };
        if has_scheme(&text, "data:") || is_base64(&text) {
            return self.media(value, context);
        }
        self.push(Form::Text, value.range(), context.url(), text);
    }
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// Media type and payload of a `data:` address, and whether it is in base64. RFC 2397.
fn data_address(text: &str) -> Option<(&str, &str, bool)> {
    if !has_scheme(text, "data:") {
        return None;
    }
    let (head, payload) = text["data:".len()..].split_once(',')?;
    let in_base64 = head
        .rsplit(';')
        .next()
        .is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    let kind = head.split(';').next().unwrap_or_default();
    Some((
        if kind.is_empty() { "text/plain" } else { kind },
        payload,
        in_base64,
    ))
}

/// Whether a string looks like a file in base64: long, and nothing else in its first part.
pub(super) fn is_base64(text: &str) -> bool {
    const LONG: usize = 512;
    text.len() >= LONG
        && text.as_bytes()[..LONG]
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'\n' | b'\r'))
        // A word of 512 letters in one case is an odd text, and no file.
        && text.as_bytes()[..LONG].iter().any(u8::is_ascii_uppercase)
        && text.as_bytes()[..LONG].iter().any(u8::is_ascii_lowercase)
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
pub(super) const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
pub(super) const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The text that stands in base64; none if it is no base64, or no text in UTF-8.
fn decode(text: &str) -> Option<String> {
    // Four characters are three bytes: what begins like no text is not decoded to its end.
    let start = text.as_bytes().first_chunk::<64>();
    if let Some(start) = start
        && !start.iter().any(|b| matches!(b, b'\n' | b'\r' | b' '))
        && !begins_like_text(&engine(text).decode(start).ok()?)
    {
        return None;
    }
    let bytes = if memchr::memchr3(b'\n', b'\r', b' ', text.as_bytes()).is_some() {
        let dense: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        engine(text).decode(dense).ok()?
    } else {
        engine(text).decode(text).ok()?
    };
    if memchr::memchr(0, &bytes).is_some() {
        return None;
    }
    String::from_utf8(bytes).ok()
}

pub(super) fn engine(text: &str) -> &'static GeneralPurpose {
    match memchr::memchr2(b'-', b'_', text.as_bytes()) {
        Some(_) => &URL_SAFE,
        None => &STANDARD,
    }
}

/// Whether no control characters are there; a character may be cut at the end.
fn begins_like_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    bytes[..valid]
        .iter()
        .all(|b| *b >= 0x20 || matches!(b, b'\n' | b'\r' | b'\t' | 0x0c | 0x1b))
}

/// Percent-encoding undone. RFC 3986, section 2.1.
fn unpercent(text: &str) -> Option<String> {
    let hex = |b: u8| char::from(b).to_digit(16);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = (bytes.get(at + 1).copied().and_then(hex))
            .zip(bytes.get(at + 2).copied().and_then(hex));
        match pair {
            Some((high, low)) if byte == b'%' => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}
