//! Cuts a request's head into fields.

use std::borrow::Cow;

use super::{
    Head,
    fields::{Fields, Part, short},
};

/// Headers that steer the protocol; rules read them as `name: value`.
const STEERING: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "content-type",
    "content-encoding",
    "range",
    "request-range",
    "expect",
    "connection",
    "upgrade",
    "te",
    "accept-charset",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "accept",
    "accept-encoding",
    "if-modified-since",
    "accept-language",
];

/// Headers whose value nobody but the gateway reads, or that hold key material.
const OPAQUE: &[&str] = &[
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "proxy-authorization",
];

/// Header sections longer than this are unusual: most servers take no more than 8 to 16 KiB.
const LONG_HEADERS: usize = 32 << 10;

/// Cuts the head.
pub(super) fn collect<'a>(head: &Head<'a>, out: &mut Fields<'a>) {
    out.push(
        Part::Protocol,
        "method",
        format!("method: {}", short(head.method)),
    );
    let (path, query) = head
        .path_and_query
        .split_once('?')
        .unwrap_or((head.path_and_query, ""));
    out.push(Part::Path, "path", path);
    pairs(query, Part::Query, out);
    let mut bytes = 0;
    let (mut hosts, mut lengths, mut chunked, mut types) = (0, 0, 0, 0);
    let (mut referer, mut host) = ("", "");
    for (name, value) in head.headers {
        bytes += name.len() + value.len();
        let lower = name.to_ascii_lowercase();
        let text = String::from_utf8_lossy(value);
        match lower.as_str() {
            "host" => hosts += 1,
            "content-length" => lengths += 1,
            "transfer-encoding" => chunked += 1,
            "content-type" => types += 1,
            _ => {}
        }
        if lower == "host" {
            host = std::str::from_utf8(value).unwrap_or_default();
        } else if lower == "referer" {
            referer = std::str::from_utf8(value).unwrap_or_default();
        }
        if value.contains(&0) || value.iter().any(|b| *b < b' ' && *b != b'\t') {
            out.fact(lower.clone(), "control_in_header");
        }
        if STEERING.contains(&lower.as_str()) {
            out.push(Part::Protocol, lower.clone(), format!("{lower}: {text}"));
        }
        out.push(Part::HeaderName, lower.clone(), lower.clone());
        // RFC 9110 section 5.1: a token.
        if !lower
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        {
            out.fact(short(&lower).to_owned(), "odd_header_name");
        }
        header(lower, text, out);
    }
    if hosts == 0 {
        out.fact("host", "no_host");
    }
    for (is, name, fact) in [
        (hosts > 1, "host", "two_hosts"),
        (lengths > 1, "content-length", "two_lengths"),
        (chunked > 1, "transfer-encoding", "two_transfer_encodings"),
        (types > 1, "content-type", "two_types"),
        (
            lengths > 0 && chunked > 0,
            "content-length",
            "length_and_chunked",
        ),
        (bytes > LONG_HEADERS, "headers", "long_headers"),
        (head.headers.len() > 128, "headers", "many_headers"),
        (head.path_and_query.len() > 8 << 10, "path", "long_target"),
    ] {
        if is {
            out.fact(name, fact);
        }
    }
    let there = referer
        .split("//")
        .nth(1)
        .and_then(|rest| rest.split(['/', '?', '#']).next())
        .unwrap_or_default();
    let own = there.eq_ignore_ascii_case(host);
    let named = |field: &super::fields::Field| {
        field.part == Part::Name && field.name == "parameter" && is_session(&field.value)
    };
    if !own && out.list.iter().any(named) {
        out.fact("parameter", "session_fixation");
    }
    let plain = head.path_and_query.bytes();
    if plain.into_iter().any(|b| b <= b' ' || b == 0x7f) {
        out.fact("path", "control_in_target");
    }
}

fn header<'a>(name: String, value: Cow<'a, str>, out: &mut Fields<'a>) {
    match name.as_str() {
        "cookie" => {
            for pair in value.split(';').map(str::trim) {
                let (key, value) = pair.split_once('=').unwrap_or(("", pair));
                out.push(Part::Name, "cookie", key.to_owned());
                out.push(Part::Cookie, short(key).to_owned(), value.to_owned());
            }
        }
        "user-agent" => out.push(Part::UserAgent, name, value),
        "referer" | "origin" => {
            // The parameters of a referer are this request's own only by name.
            out.push(Part::Referer, name, value);
        }
        "x-filename" | "x_filename" | "x.filename" | "x-file-name" | "content-disposition" => {
            out.push(Part::FileName, name, value);
        }
        name if OPAQUE.contains(&name) => {
            if let Some(basic) = value
                .strip_prefix("Basic ")
                .or_else(|| value.strip_prefix("basic "))
            {
                out.push(
                    Part::Header,
                    name.to_owned(),
                    super::base64::texts(basic).unwrap_or_default(),
                );
            } else {
                out.push(Part::Header, name.to_owned(), value);
            }
        }
        // `Accept` and its like are lists with `*/*`; the protocol's rules read them.
        name if name.starts_with("accept")
            || matches!(name, "host" | "content-length" | "via" | "if-none-match") =>
        {
            out.push(Part::Protocol, name.to_owned(), value);
        }
        _ => out.push(Part::Header, name, value),
    }
}

/// Names by which application servers know sessions, which belong into cookies. Those that are words of other
/// services, too, count only where another site sent the request.
pub(super) fn is_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "jsessionid",
        "phpsessid",
        "phpsession",
        "phpsessionid",
        "aspsessionid",
        "asp.net_sessionid",
        "jservsession",
        "jwsession",
        "cfsid",
        "cftoken",
        "weblogicsession",
        "sessionid",
        "_flask_session",
        "_session_id",
        "cakephp",
        "play_session",
        "connect.sid",
        "laravel_session",
        "ci_session",
        "symfony",
        "zenid",
        "rack.session",
    ]
    .contains(&name.as_str())
        || name.starts_with("aspsessionid")
}

/// Cuts `a=1&b=2`, percent-encoded as it came.
pub(super) fn pairs<'a>(text: &'a str, part: Part, out: &mut Fields<'a>) {
    if text.is_empty() {
        return;
    }
    for pair in text.split('&') {
        if out.full() {
            out.capped = true;
            return;
        }
        match pair.split_once('=') {
            Some((name, value)) => {
                if !name.is_empty() {
                    out.push(Part::Name, "parameter", decoded(name));
                }
                out.push(part, short(name), value);
            }
            // A bare word may be a name or all of a value.
            None => out.push(part, "", pair),
        }
    }
}

fn decoded(name: &str) -> Cow<'_, str> {
    super::decode::percent(name, true, &mut super::decode::Seen::default())
        .map_or(Cow::Borrowed(name), Cow::Owned)
}
