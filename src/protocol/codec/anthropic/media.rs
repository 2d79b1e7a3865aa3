//! Images and documents. <https://platform.claude.com/docs/en/build-with-claude/vision>,
//! <https://platform.claude.com/docs/en/build-with-claude/pdf-support>

use std::borrow::Cow;

use serde::Serialize;

use crate::protocol::{
    chat::{Media, MediaKind, Source},
    json::{Kind, Value},
    signature::base64_any,
};

/// The `source` of an image or document.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireSource<'a> {
    Base64 {
        media_type: &'a str,
        data: &'a str,
    },
    Text {
        media_type: &'static str,
        data: Cow<'a, str>,
    },
    Url {
        url: &'a str,
    },
    File {
        file_id: &'a str,
    },
}

/// Reads an `image` or `document` block. None if the canonical form has nothing for its source.
pub(super) fn read(block: Value<'_>, kind: MediaKind) -> Option<Media> {
    let text = |name: &str| Some(block.get(name)?.as_str()?.into_owned());
    let source = block.get("source")?;
    let of = |name: &str| Some(source.get(name)?.as_str()?.into_owned());
    let citations = block
        .get("citations")
        .and_then(|c| c.get("enabled"))
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let (mime, source) = match &*source.get("type")?.as_str()? {
        "base64" => (of("media_type"), Source::Base64(of("data")?)),
        "url" => (None, Source::Url(of("url")?)),
        "file" => (None, Source::File(of("file_id")?)),
        "text" => (of("media_type"), Source::Text(of("data")?)),
        // Blocks are what citations count; without these, their text is all.
        "content" if !citations => (
            Some("text/plain".to_owned()),
            Source::Text(content_text(source.get("content")?)?),
        ),
        _ => return None,
    };
    Some(Media {
        name: text("title"),
        context: text("context"),
        citations,
        ..Media::new(kind, mime, source)
    })
}

fn content_text(content: Value<'_>) -> Option<String> {
    if content.kind() == Kind::String {
        return Some(content.as_str()?.into_owned());
    }
    let mut texts = Vec::new();
    for block in content.elements() {
        if block.get("type")?.as_str()? != "text" {
            return None;
        }
        texts.push(block.get("text")?.as_str()?);
    }
    Some(texts.join("\n"))
}

/// The `source` for the API, or why it takes none.
pub(super) fn source(media: &Media) -> Result<WireSource<'_>, &'static str> {
    match media.kind {
        MediaKind::Audio => return Err("the Anthropic API takes no sound"),
        MediaKind::Video => return Err("the Anthropic API takes no film"),
        MediaKind::Image | MediaKind::Document => {}
    }
    match &media.source {
        Source::Url(url) if url.starts_with("https://") || url.starts_with("http://") => {
            Ok(WireSource::Url { url })
        }
        Source::Url(url) if url.starts_with("data:") => {
            let (mime, data) = url["data:".len()..]
                .split_once(";base64,")
                .ok_or("the Anthropic API takes no data URL without base64")?;
            base64(media.kind, Some(mime).filter(|m| !m.is_empty()), data)
        }
        Source::Url(_) => Err("the Anthropic API fetches only http and https addresses"),
        // Ids of other providers look different: `file-…` at OpenAI.
        Source::File(id) if id.starts_with("file_") => Ok(WireSource::File { file_id: id }),
        Source::File(_) => Err("the file was uploaded to another provider"),
        Source::Text(text) => Ok(WireSource::Text {
            media_type: "text/plain",
            data: text.into(),
        }),
        Source::Base64(data) => base64(media.kind, media.mime.as_deref(), data),
    }
}

fn base64<'a>(
    kind: MediaKind,
    mime: Option<&'a str>,
    data: &'a str,
) -> Result<WireSource<'a>, &'static str> {
    // The type may stand with parameters: `text/plain; charset=utf-8`.
    let mime = mime.map(|m| m.split(';').next().unwrap_or(m).trim());
    let media_type = match mime {
        Some("image/jpg") => "image/jpeg",
        Some(mime) => mime,
        None => sniff(data).ok_or("its media type is not told")?,
    };
    match (kind, media_type) {
        (MediaKind::Image, "image/jpeg" | "image/png" | "image/gif" | "image/webp")
        | (MediaKind::Document, "application/pdf") => Ok(WireSource::Base64 { media_type, data }),
        (MediaKind::Image, _) => {
            Err("the Anthropic API takes images as JPEG, PNG, GIF and WebP only")
        }
        (_, mime) if is_text(mime) => {
            let bytes = base64_any(data).ok_or("its data is no base64")?;
            let text = String::from_utf8(bytes).map_err(|_| "its text is not UTF-8")?;
            Ok(WireSource::Text {
                media_type: "text/plain",
                data: text.into(),
            })
        }
        _ => Err("the Anthropic API takes documents as PDF and text only"),
    }
}

fn is_text(mime: &str) -> bool {
    mime.starts_with("text/")
        || matches!(
            mime,
            "application/json" | "application/xml" | "application/yaml" | "application/x-yaml"
        )
}

/// The media type by the first bytes, in base64.
fn sniff(data: &str) -> Option<&'static str> {
    [
        ("iVBOR", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lG", "image/gif"),
        ("UklG", "image/webp"),
        ("JVBER", "application/pdf"),
    ]
    .into_iter()
    .find(|(start, _)| data.starts_with(start))
    .map(|(_, mime)| mime)
}
