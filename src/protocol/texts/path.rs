//! A place as people say it: `messages[2].content[0].text`.

use std::fmt::Write;

use super::{
    super::json::{Document, Kind, Limits, Member, Value},
    Place,
    walk::is_token,
};

/// The path to a place, for findings. Keys that may say something themselves are counted and not named.
pub fn path(document: &Document<'_>, place: &Place<'_>) -> String {
    let mut path = String::new();
    let text = descend(document.root(), place.at.start, &mut path);
    if place.nested
        && let Some((string, text)) = text.and_then(|value| Some((value, value.as_str()?)))
        && let Ok(inner) = Document::parse(text.as_bytes(), Limits::default())
    {
        let at = place.at.start.saturating_sub(string.range().start + 1);
        descend(inner.root(), inner_offset(string, at), &mut path);
    }
    path
}

/// Goes down to the value or key that is at this offset.
fn descend<'d>(root: Value<'d>, at: usize, path: &mut String) -> Option<Value<'d>> {
    let mut value = root;
    'down: loop {
        match value.kind() {
            Kind::Object => {
                for (
                    number,
                    Member {
                        key,
                        range,
                        value: inner,
                    },
                ) in value.members().enumerate()
                {
                    if !range.contains(&at) {
                        continue;
                    }
                    let is_key = at < inner.range().start;
                    if !is_key && is_telling_nothing(&key) {
                        if !path.is_empty() {
                            path.push('.');
                        }
                        path.push_str(&key);
                    } else {
                        let what = if is_key { "key" } else { "member" };
                        let _ = write!(path, "[{what} {number}]");
                    }
                    if is_key {
                        return None;
                    }
                    value = inner;
                    continue 'down;
                }
                return None;
            }
            Kind::Array => {
                for (number, inner) in value.elements().enumerate() {
                    if inner.range().contains(&at) {
                        let _ = write!(path, "[{number}]");
                        value = inner;
                        continue 'down;
                    }
                }
                return None;
            }
            Kind::String => return Some(value),
            Kind::Number | Kind::Bool | Kind::Null => return None,
        }
    }
}

/// Whether a key is a name, and no number, address or secret.
fn is_telling_nothing(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    key.len() <= 32 && digits <= 3 && is_token(key)
}

/// The offset in a string's text of what is at this offset of its spelling.
fn inner_offset(string: Value<'_>, at: usize) -> usize {
    let raw = string.raw();
    let raw = &raw[1..raw.len() - 1];
    let (mut outer, mut inner) = (0, 0);
    while outer < at {
        let Some((char, length)) = super::splice::unit(&raw[outer..]) else {
            break;
        };
        outer += length;
        inner += char.len_utf8();
    }
    inner
}
