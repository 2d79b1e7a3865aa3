//! Texts replaced where they stand: what is not replaced keeps its spelling to the byte.

use std::{borrow::Cow, ops::Range};

use base64::Engine;

use super::{super::edit::Edits, Form, Place, media};

/// The bytes for `place.at` with ranges of `place.value` replaced. The ranges must be in order, must not overlap, and
/// begin and end between characters; one that does not is left as it is.
pub fn replacement(place: &Place<'_>, parts: &[(Range<usize>, &str)]) -> Vec<u8> {
    let parts = sound(&place.value, parts);
    if parts.is_empty() {
        return place.raw.to_vec();
    }
    match place.form {
        Form::Text | Form::Key => strings(place, &parts),
        Form::Plain => joined(&place.value, &parts).into_bytes(),
        Form::Number => {
            let quote: &[u8] = if place.nested { b"\\\"" } else { b"\"" };
            let text = joined(&place.value, &parts);
            let mut out = quote.to_vec();
            write(&text, place.nested, &mut out);
            out.extend_from_slice(quote);
            out
        }
        Form::Base64(skip) => {
            let whole = unescaped(place.raw);
            let (address, payload) = whole.split_at_checked(skip as usize).unwrap_or(("", ""));
            let text = joined(&place.value, &parts);
            let mut encoded = media::engine(payload).encode(text.as_bytes());
            // Some write it without padding; others would not read it so.
            if !payload.ends_with('=') && payload.len() % 4 != 0 {
                encoded.truncate(encoded.trim_end_matches('=').len());
            }
            quoted(&[address, &encoded].concat())
        }
        Form::Percent(skip) => {
            let whole = unescaped(place.raw);
            let (address, _) = whole.split_at_checked(skip as usize).unwrap_or(("", ""));
            let mut out = address.to_owned();
            for byte in joined(&place.value, &parts).bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        out.push(char::from(byte));
                    }
                    _ => {
                        const HEX: &[u8; 16] = b"0123456789ABCDEF";
                        out.push('%');
                        out.push(char::from(HEX[usize::from(byte >> 4)]));
                        out.push(char::from(HEX[usize::from(byte & 15)]));
                    }
                }
            }
            quoted(&out)
        }
    }
}

/// Which place, by its index, and what to put in which ranges of its value.
pub type Change = (usize, Vec<(Range<usize>, String)>);

/// Edits of the body. A place must not stand twice.
pub fn edits(places: &[Place<'_>], changes: &[Change]) -> Edits {
    let mut edits = Edits::new();
    for (index, parts) in changes {
        let Some(place) = places.get(*index) else {
            continue;
        };
        let parts: Vec<(Range<usize>, &str)> = parts
            .iter()
            .map(|(range, text)| (range.clone(), text.as_str()))
            .collect();
        edits.replace(place.at.clone(), replacement(place, &parts));
    }
    edits
}

/// The parts that can be made.
fn sound<'p>(value: &str, parts: &[(Range<usize>, &'p str)]) -> Vec<(Range<usize>, &'p str)> {
    let mut end = 0;
    let mut sound = Vec::with_capacity(parts.len());
    for (range, text) in parts {
        if range.start >= end && value.get(range.clone()).is_some() {
            end = range.end;
            sound.push((range.clone(), *text));
        }
    }
    sound
}

fn joined(value: &str, parts: &[(Range<usize>, &str)]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut kept = 0;
    for (range, text) in parts {
        out.push_str(&value[kept..range.start]);
        out.push_str(text);
        kept = range.end;
    }
    out.push_str(&value[kept..]);
    out
}

fn strings(place: &Place<'_>, parts: &[(Range<usize>, &str)]) -> Vec<u8> {
    let (raw, nested) = (place.raw, place.nested);
    let quote = if nested { quote_length(raw) } else { 1 };
    let end = raw.len() - if nested { last_quote_length(raw) } else { 1 };
    let mut out = Vec::with_capacity(raw.len() + 16);
    let mut units = Units {
        raw,
        at: quote,
        value: 0,
        nested,
    };
    let mut kept = 0;
    for (range, text) in parts {
        units.forward(range.start);
        out.extend_from_slice(&raw[kept..units.at]);
        write(text, nested, &mut out);
        units.forward(range.end);
        kept = units.at.min(end);
    }
    out.extend_from_slice(&raw[kept..]);
    out
}

/// The length of the quote that a string in a string begins with: it is escaped in some way.
fn quote_length(raw: &[u8]) -> usize {
    unit(raw).map_or(1, |(_, length)| length)
}

/// The same at its end: `\"`, or spelled as a number.
fn last_quote_length(raw: &[u8]) -> usize {
    if raw.ends_with(b"\\\"") { 2 } else { 6 }
}

/// A way along a string, character by character of its value.
struct Units<'d> {
    raw: &'d [u8],
    at: usize,
    value: usize,
    nested: bool,
}

impl Units<'_> {
    /// Up to this byte of the value.
    fn forward(&mut self, to: usize) {
        while self.value < to {
            let rest = &self.raw[self.at..];
            let wanted = (to - self.value).min(rest.len());
            let run = memchr::memchr(b'\\', &rest[..wanted]).unwrap_or(wanted);
            self.at += run;
            self.value += run;
            if self.value >= to {
                return;
            }
            let rest = &rest[run..];
            let Some((char, length)) = (if self.nested {
                nested_unit(rest)
            } else {
                unit(rest)
            }) else {
                return;
            };
            self.at += length;
            self.value += char.len_utf8();
        }
    }
}

/// The character that a valid JSON string goes on with, and how many bytes it takes. RFC 8259, section 7.
pub(super) fn unit(raw: &[u8]) -> Option<(char, usize)> {
    if *raw.first()? != b'\\' {
        let length = match raw[0] {
            0..0x80 => return Some((char::from(raw[0]), 1)),
            0xC0..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        let char = std::str::from_utf8(raw.get(..length)?)
            .ok()?
            .chars()
            .next()?;
        return Some((char, length));
    }
    let simple = match raw.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let high = hex(raw.get(2..6)?)?;
            if let Some(char) = char::from_u32(high) {
                return Some((char, 6));
            }
            let low = hex(raw.get(8..12)?)?;
            let scalar = 0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF);
            return Some((char::from_u32(scalar)?, 12));
        }
        other => char::from(*other),
    };
    Some((simple, 2))
}

/// The same in a string that is itself written in a string: each byte of the inner escape may be an escape.
fn nested_unit(raw: &[u8]) -> Option<(char, usize)> {
    let (first, mut at) = unit(raw)?;
    if first != '\\' {
        return Some((first, at));
    }
    // At most 12 characters of an escape, all of them ASCII.
    let mut inner = [b'\\'; 12];
    for length in 1..=12 {
        let ends = match length {
            1 => false,
            2 => inner[1] != b'u',
            6 => hex(&inner[2..6]).is_some_and(|high| char::from_u32(high).is_some()),
            _ => length == 12,
        };
        if ends {
            return unit(&inner[..length]).map(|(char, _)| (char, at));
        }
        let (next, size) = unit(raw.get(at..)?)?;
        *inner.get_mut(length)? = u8::try_from(next).ok()?;
        at += size;
    }
    None
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| {
        Some(sum << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// What a valid JSON string, with its quotes, says.
fn unescaped(raw: &[u8]) -> Cow<'_, str> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut at = 0;
    while let Some((char, length)) = inner.get(at..).and_then(unit) {
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        at += length;
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

fn quoted(text: &str) -> Vec<u8> {
    let mut out = vec![b'"'];
    write(text, false, &mut out);
    out.push(b'"');
    out
}

/// Writes text as it stands in a JSON string, or in one that stands in another.
pub(super) fn write(text: &str, nested: bool, out: &mut Vec<u8>) {
    let backslash: &[u8] = if nested { b"\\\\" } else { b"\\" };
    for &byte in text.as_bytes() {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(backslash);
                out.extend_from_slice(b"u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(backslash);
        // In the outer string a quote or backslash of the inner one is escaped itself.
        if nested && matches!(short, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(short);
    }
}
