//! Images, sounds, films and documents as content parts.

use std::borrow::Cow;

use crate::protocol::{
    chat::{Media, MediaKind, Source},
    json::Value,
};

/// A media type and base64 out of a `data:` URL; any other URL as it is. <https://www.rfc-editor.org/rfc/rfc2397>
pub(super) fn source_of_url(url: &str) -> (Option<String>, Source) {
    let data = url
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))
        .and_then(|_| url[5..].split_once(','))
        .and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    match data {
        Some((head, data)) => {
            let mime = head.split(';').next().filter(|mime| !mime.is_empty());
            (
                mime.map(str::to_owned),
                Source::Base64(data.trim().to_owned()),
            )
        }
        None => (None, Source::Url(url.to_owned())),
    }
}

/// Base64 as a `data:` URL, an address as it is; nothing else is a URL.
pub(super) fn url_of_source<'a>(mime: &str, source: &'a Source) -> Option<Cow<'a, str>> {
    match source {
        Source::Base64(data) => Some(format!("data:{mime};base64,{data}").into()),
        Source::Url(url) => Some(Cow::Borrowed(url)),
        Source::File(_) | Source::Text(_) => None,
    }
}

/// `{"url": "…", "detail": "…"}`, or just the URL as at Mistral.
pub(super) fn read_url(kind: MediaKind, value: Value) -> Option<Media> {
    let url = value.get("url").unwrap_or(value).as_str()?;
    let (mime, source) = source_of_url(&url);
    let detail = value.get("detail").and_then(Value::as_str);
    Some(Media {
        detail: detail.map(Cow::into_owned),
        ..Media::new(kind, mime, source)
    })
}

/// `{"data": "…", "format": "wav"}`
pub(super) fn read_audio(value: Value) -> Option<Media> {
    let data = value.get("data")?.as_str()?;
    let (mime, source) = if data.starts_with("data:") || data.starts_with("http") {
        source_of_url(&data)
    } else {
        (None, Source::Base64(data.into_owned()))
    };
    let format = value.get("format").and_then(Value::as_str);
    let mime = mime.or_else(|| format.map(|format| audio_mime(&format)));
    Some(Media::new(MediaKind::Audio, mime, source))
}

/// `{"file_id": "…"}` or `{"file_data": "data:…", "filename": "…"}`
pub(super) fn read_file(value: Value) -> Option<Media> {
    let text = |key| value.get(key).and_then(Value::as_str);
    let (mime, source) = match (text("file_data"), text("file_id")) {
        (Some(data), _) if data.starts_with("data:") || data.starts_with("http") => {
            source_of_url(&data)
        }
        (Some(data), _) => (None, Source::Base64(data.into_owned())),
        (None, Some(id)) => (None, Source::File(id.into_owned())),
        (None, None) => return None,
    };
    let name = text("filename").map(Cow::into_owned);
    let mime = mime.or_else(|| {
        let pdf = name.as_deref()?.to_ascii_lowercase().ends_with(".pdf");
        pdf.then(|| "application/pdf".to_owned())
    });
    let kind = mime
        .as_deref()
        .map_or(MediaKind::Document, MediaKind::of_mime);
    Some(Media {
        name,
        ..Media::new(kind, mime, source)
    })
}

fn audio_mime(format: &str) -> String {
    match format {
        "mp3" => "audio/mpeg".to_owned(),
        other => format!("audio/{other}"),
    }
}

/// OpenAI's word for a sound's format.
pub(super) fn audio_format(mime: &str) -> &str {
    match mime {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        other => other.strip_prefix("audio/").unwrap_or(other),
    }
}

/// A file name for a document that has none: OpenAI wants one.
pub(super) fn file_name(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "document.pdf",
        "text/plain" => "document.txt",
        "text/csv" => "document.csv",
        "text/html" => "document.html",
        "text/markdown" => "document.md",
        _ => "document",
    }
}
