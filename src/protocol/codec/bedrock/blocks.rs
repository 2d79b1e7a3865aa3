//! Converse's content blocks: JSON objects with one member, which says what they are.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::protocol::{
    chat::{CacheMark, Json, Media, MediaKind, Source},
    loss::Losses,
};

/// A block of a message, of a system prompt or of a tool's result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'a> {
    Text(&'a str),
    Image(File<'a>),
    Document(File<'a>),
    Video(File<'a>),
    Audio(File<'a>),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Json,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
    },
    ReasoningContent(Reasoning<'a>),
    CachePoint(CachePoint<'a>),
    #[serde(untagged)]
    Raw(&'a RawValue),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reasoning<'a> {
    ReasoningText { text: &'a str, signature: &'a str },
    RedactedContent(String),
}

#[derive(Serialize)]
pub(super) struct CachePoint<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
}

impl<'a> CachePoint<'a> {
    /// Five minutes is what a mark without a time means, and all that some models know.
    pub(super) fn new(mark: &'a CacheMark) -> Self {
        Self {
            r#type: "default",
            ttl: mark.ttl.as_deref().filter(|ttl| *ttl == "1h"),
        }
    }
}

#[derive(Serialize)]
pub(super) struct File<'a> {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    source: Bytes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    citations: Option<Enabled>,
}

#[derive(Serialize)]
struct Enabled {
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Bytes<'a> {
    Bytes(Cow<'a, str>),
    S3Location { uri: &'a str },
}

/// Names that documents have already: they should differ.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// A name of the characters that Bedrock allows, and of no others: letters and digits, single spaces, hyphens,
    /// parentheses and square brackets. The same names come out for the same request.
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html>
    fn give(&mut self, name: Option<&str>) -> String {
        let mut clean = String::new();
        for c in name.unwrap_or_default().chars().take(180) {
            let c = match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => c,
                c if c.is_whitespace() => ' ',
                _ => '-',
            };
            if c != ' ' || !clean.ends_with(' ') {
                clean.push(c);
            }
        }
        let mut name = clean.trim().to_owned();
        if name.is_empty() {
            name = format!("document-{}", self.0.len() + 1);
        }
        if self.0.contains(&name) {
            name = format!("{name}-{}", self.0.len() + 1);
        }
        self.0.push(name.clone());
        name
    }
}

/// Writes media; `what` is its place in the request.
pub(super) fn media<'a>(
    media: &'a Media,
    names: &mut Names,
    what: &dyn Fn() -> String,
    losses: &mut Losses,
) -> Option<Block<'a>> {
    let (sniffed, source) = match &media.source {
        Source::Base64(data) => (sniff(data), Bytes::Bytes(data.into())),
        Source::Url(url) if url.starts_with("s3://") => (
            url.rsplit('.').next().unwrap_or_default(),
            Bytes::S3Location { uri: url },
        ),
        Source::Url(_) => {
            losses.cannot(what(), "Bedrock fetches no addresses but those of S3");
            return None;
        }
        Source::File(_) => {
            losses.cannot(what(), "Bedrock has no uploaded files");
            return None;
        }
        Source::Text(text) => ("txt", Bytes::Bytes(STANDARD.encode(text).into())),
    };
    let mime = media.mime.as_deref().map(|mime| {
        let bare = mime.split(';').next().unwrap_or_default();
        bare.trim().to_ascii_lowercase()
    });
    let word = match mime.as_deref() {
        None | Some("" | "application/octet-stream") => sniffed,
        Some(mime) => mime,
    };
    let Some(format) = format(media.kind, word) else {
        losses.cannot(what(), "Bedrock does not take this media type");
        return None;
    };
    if matches!(media.detail.as_deref(), Some("low" | "high")) {
        losses.hint("detail", "Bedrock looks at images as it likes");
    }
    let is_document = media.kind == MediaKind::Document;
    let file = File {
        format,
        name: is_document.then(|| names.give(media.name.as_deref())),
        source,
        context: media.context.as_deref().filter(|_| is_document),
        citations: (media.citations && is_document).then_some(Enabled { enabled: true }),
    };
    Some(match media.kind {
        MediaKind::Image => Block::Image(file),
        MediaKind::Audio => Block::Audio(file),
        MediaKind::Video => Block::Video(file),
        MediaKind::Document => Block::Document(file),
    })
}

/// The format of data whose media type nobody told, by its first bytes, which show in base64.
fn sniff(base64: &str) -> &'static str {
    let known = [
        ("iVBORw0KGgo", "png"),
        ("/9j/", "jpeg"),
        ("R0lGOD", "gif"),
        ("UklGR", "webp"),
        ("JVBERi", "pdf"),
    ];
    let found = known.iter().find(|(start, _)| base64.starts_with(start));
    found.map_or("", |(_, format)| format)
}

/// Bedrock's name of a format, by media type or by extension. The second of a row is the name.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html>, and likewise `ImageBlock`,
/// `VideoBlock`, `AudioBlock`
fn format(kind: MediaKind, word: &str) -> Option<&'static str> {
    let table: &[(&str, &'static str)] = match kind {
        MediaKind::Image => &[
            ("image/png", "png"),
            ("image/jpeg", "jpeg"),
            ("image/jpg", "jpeg"),
            ("jpg", "jpeg"),
            ("image/gif", "gif"),
            ("image/webp", "webp"),
        ],
        MediaKind::Document => &[
            ("application/pdf", "pdf"),
            ("text/csv", "csv"),
            ("application/csv", "csv"),
            ("application/msword", "doc"),
            (
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "docx",
            ),
            ("application/vnd.ms-excel", "xls"),
            (
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "xlsx",
            ),
            ("text/html", "html"),
            ("text/plain", "txt"),
            ("text/markdown", "md"),
            ("text/x-markdown", "md"),
        ],
        MediaKind::Video => &[
            ("video/x-matroska", "mkv"),
            ("video/quicktime", "mov"),
            ("video/mp4", "mp4"),
            ("video/webm", "webm"),
            ("video/x-flv", "flv"),
            ("video/mpeg", "mpeg"),
            ("video/mpg", "mpg"),
            ("video/x-ms-wmv", "wmv"),
            ("video/wmv", "wmv"),
            ("video/3gpp", "three_gp"),
            ("3gp", "three_gp"),
        ],
        MediaKind::Audio => &[
            ("audio/mpeg", "mp3"),
            ("audio/mp3", "mp3"),
            ("audio/opus", "opus"),
            ("audio/wav", "wav"),
            ("audio/x-wav", "wav"),
            ("audio/wave", "wav"),
            ("audio/aac", "aac"),
            ("audio/flac", "flac"),
            ("audio/mp4", "mp4"),
            ("audio/ogg", "ogg"),
            ("audio/x-matroska", "mka"),
            ("audio/m4a", "m4a"),
            ("audio/x-m4a", "m4a"),
            ("audio/pcm", "pcm"),
            ("audio/l16", "pcm"),
            ("audio/webm", "webm"),
        ],
    };
    let found = table.iter().find(|(m, name)| *m == word || *name == word);
    found.map(|(_, name)| *name)
}

/// The media type of a format of Bedrock's, for what models make.
pub(super) fn mime(kind: MediaKind, format: &str) -> String {
    format!("{}/{format}", kind.name())
}
