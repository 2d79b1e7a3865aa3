//! Cuts a body into fields, by what it is rather than by what it says it is.

use std::borrow::Cow;

use super::{
    fields::{Fields, Part, short},
    head, json,
};

/// Parts of a multipart body, and pieces of XML, at most.
const MOST_PARTS: usize = 2048;

/// Of a document of XML, what is read as a whole.
const DOCUMENT: usize = 16 << 10;

/// Cuts a body.
pub(super) fn collect<'a>(content_type: &str, body: &'a [u8], exempt: bool, out: &mut Fields<'a>) {
    cut(content_type, body, exempt, out);
    // `session_id` and its like are usual in bodies, names of application servers are not.
    let named = |f: &super::fields::Field| {
        f.part == Part::Name
            && f.name != "cookie"
            && !f.value.contains('_')
            && head::is_session(&f.value)
    };
    if out.list.iter().any(named) {
        out.fact("key", "session_fixation");
    }
}

fn cut<'a>(content_type: &str, body: &'a [u8], exempt: bool, out: &mut Fields<'a>) {
    if body.is_empty() {
        return;
    }
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let first = body
        .iter()
        .copied()
        .find(|b| !b.is_ascii_whitespace())
        .unwrap_or(b' ');
    if kind.starts_with("multipart/") {
        return multipart(content_type, body, exempt, out);
    }
    if (kind.ends_with("json") || matches!(first, b'{' | b'[')) && json::collect(body, exempt, out)
    {
        return;
    }
    if kind.starts_with("image/")
        || kind.starts_with("audio/")
        || kind.starts_with("video/")
        || kind == "application/octet-stream"
    {
        return;
    }
    // What is cut off below is never looked at.
    let most = 2 << 20;
    out.capped |= body.len() > most;
    let body = &body[..body.len().min(most)];
    match String::from_utf8_lossy(body) {
        Cow::Borrowed(text) => plain(&kind, first, text, out),
        Cow::Owned(text) => {
            let mut own = Fields::default();
            plain(&kind, first, &text, &mut own);
            out.capped |= own.capped;
            for field in own.list {
                out.push(
                    field.part,
                    field.name.into_owned(),
                    field.value.into_owned(),
                );
            }
        }
    }
}

fn plain<'a>(kind: &str, first: u8, text: &'a str, out: &mut Fields<'a>) {
    let lines = text.trim_start();
    if kind.ends_with("xml")
        || (first == b'<' && (lines.starts_with("<?xml") || lines.starts_with("<!")))
    {
        return xml(text, out);
    }
    if kind == "application/x-www-form-urlencoded"
        || (kind.is_empty() && (text.contains('=') || !text.contains(' ')))
    {
        return head::pairs(text.trim_end_matches(['\r', '\n']), Part::Form, out);
    }
    out.push(Part::Body, "body", text);
    if text.contains('=') && !text.trim_end().contains(['\n', ' ']) {
        head::pairs(text.trim_end(), Part::Form, out);
    }
}

/// Texts and attributes of XML, and the document for what declares entities.
fn xml<'a>(text: &'a str, out: &mut Fields<'a>) {
    let mut end = text.len().min(DOCUMENT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.push(Part::XmlDocument, "document", &text[..end]);
    let mut rest = text;
    for _ in 0..MOST_PARTS {
        let Some(open) = rest.find('<') else { break };
        if !rest[..open].trim().is_empty() {
            out.push(Part::Xml, "text", &rest[..open]);
        }
        rest = &rest[open..];
        if let Some(data) = rest.strip_prefix("<![CDATA[") {
            let close = data.find("]]>").unwrap_or(data.len());
            out.push(Part::Xml, "cdata", &data[..close]);
            rest = &data[close..];
            continue;
        }
        let close = rest.find('>').map_or(rest.len(), |n| n + 1);
        let mut tag = &rest[..close];
        if tag.starts_with("<!") || tag.starts_with("<?xml") {
            rest = &rest[close..];
            continue;
        }
        // What is no XML but meant for something else: `<?php`, attributes without quotes.
        if tag.starts_with("<?") || (tag.contains('=') && !tag.contains(['"', '\''])) {
            out.push(Part::Xml, "tag", tag);
        }
        // Attributes: all that stands in quotes.
        while let Some(quote) = tag.find(['"', '\'']) {
            let mark = &tag[quote..=quote];
            let value = &tag[quote + 1..];
            let length = value.find(mark).unwrap_or(value.len());
            if length > 0 {
                out.push(Part::Xml, "attribute", &value[..length]);
            }
            tag = value.get(length + 1..).unwrap_or_default();
        }
        rest = &rest[close..];
    }
    out.capped |= rest.contains('<');
    if !rest.trim().is_empty() {
        out.push(Part::Xml, "text", rest);
    }
}

/// RFC 7578: names, file names, headers of parts, and the values of parts that are no files.
fn multipart<'a>(content_type: &str, body: &'a [u8], exempt: bool, out: &mut Fields<'a>) {
    let boundary = content_type.split(';').find_map(|p| {
        let (name, value) = p.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary")
            .then(|| value.trim_matches('"').to_owned())
    });
    let Some(boundary) = boundary.filter(|b| !b.is_empty()) else {
        out.fact("content-type", "no_boundary");
        return;
    };
    let mark = format!("--{boundary}");
    let finder = memchr::memmem::Finder::new(mark.as_bytes());
    let starts: Vec<usize> = finder.find_iter(body).take(MOST_PARTS).collect();
    out.capped |= starts.len() == MOST_PARTS;
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(body.len());
        let part = &body[start + mark.len()..end];
        if part.starts_with(b"--") {
            break;
        }
        let part = part
            .strip_prefix(b"\r\n")
            .or_else(|| part.strip_prefix(b"\n"))
            .unwrap_or(part);
        let (gap, length) = match (
            memchr::memmem::find(part, b"\r\n\r\n"),
            memchr::memmem::find(part, b"\n\n"),
        ) {
            (Some(at), None) => (at, 4),
            (Some(at), Some(other)) if at < other => (at, 4),
            (_, Some(at)) => (at, 2),
            (None, None) => (part.len(), 0),
        };
        let headers = &part[..gap.min(8 << 10)];
        let value = &part[(gap + length).min(part.len())..];
        let (name, is_file) = part_headers(headers, out);
        let prompt = exempt
            && matches!(
                name.as_str(),
                "prompt" | "instructions" | "input" | "text" | "messages"
            );
        if !is_file && !prompt {
            let cut = &value[..value.len().min(64 << 10)];
            let text = String::from_utf8_lossy(cut)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            if name == "_charset_" {
                out.push(Part::Protocol, "_charset_", format!("_charset_: {text}"));
            }
            out.push(
                Part::Form,
                name,
                text.replace('%', "%25").replace('+', "%2B"),
            );
        }
    }
}

/// Reads a part's headers: the field's name, and whether it is a file.
fn part_headers(headers: &[u8], out: &mut Fields) -> (String, bool) {
    let text = String::from_utf8_lossy(headers);
    let mut field = String::new();
    let mut is_file = false;
    for line in text.lines() {
        let Some((header, value)) = line.split_once(':') else {
            continue;
        };
        let header = header.trim().to_ascii_lowercase();
        out.push(
            Part::Protocol,
            header.clone(),
            format!("part {header}: {}", value.trim()),
        );
        if header != "content-disposition" {
            continue;
        }
        for (n, parameter) in value.split(';').enumerate() {
            let Some((key, value)) = parameter.trim().split_once('=') else {
                // What follows a `;` inside of a file's name.
                if n > 0 && is_file {
                    out.push(
                        Part::FileName,
                        "filename",
                        parameter.trim_matches('"').to_owned(),
                    );
                }
                continue;
            };
            let value = value.trim_matches('"');
            match key.to_ascii_lowercase().as_str() {
                "name" => {
                    out.push(Part::Name, "part", value.to_owned());
                    short(value).clone_into(&mut field);
                }
                "filename" | "filename*" => {
                    is_file = true;
                    out.push(Part::FileName, "filename", value.to_owned());
                }
                _ => {}
            }
        }
    }
    (field, is_file)
}
