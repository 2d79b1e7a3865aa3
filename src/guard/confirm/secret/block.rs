//! Private keys: blocks of PEM and PuTTY, whole, however they are quoted; and the same without their armour.

use std::ops::Range;

use base64::Engine as _;

use super::{STANDARD, begins, reach};
use crate::guard::confirm::{Match, entropy};

/// Longest key that is read. An RSA key of 16384 bits has 12.7 kB in PEM.
const LONGEST: usize = 16 * 1024;

/// The text behind a place, no more than a key may have.
fn window(text: &str, from: usize) -> &str {
    let mut end = text.len().min(from.saturating_add(LONGEST));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[from..end]
}

/// What may stand in a key between its lines: base64, and the marks of quotes, diffs, JSON and code around them.
fn body_length(text: &str) -> (usize, usize) {
    let (mut last, mut letters) = (0, 0);
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut word = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if matches!(bytes.get(at + 1), Some(b'n' | b'r' | b't' | b'\\')) => {
                at += 2;
                word = 0;
                continue;
            }
            b if b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=') => {
                word += 1;
                // Words of a sentence are not part of it, lines of a key are.
                if word >= 20 || (letters >= 20 && matches!(b, b'=')) {
                    letters += if word == 20 { 20 } else { 1 };
                    last = at + 1;
                }
            }
            b'\n' | b'\r' | b' ' | b'\t' | b'"' | b'\'' | b'>' | b'|' | b'#' | b'*' | b';'
            | b'-' | b':' | b',' | b'.' => {
                // The last line may be a short one, if it follows a full one.
                if word > 0 && word < 20 && letters < 20 && at > 400 {
                    break;
                }
                word = 0;
            }
            _ => break,
        }
        at += 1;
    }
    (last, letters)
}

/// A block that the match begins (RFC 7468, RFC 4880): to its end line, or as far as its base64 goes.
pub(super) fn pem(m: Match) -> Option<Range<usize>> {
    let rest = window(m.text, m.end);
    let label = m
        .value()
        .trim_matches('-')
        .trim()
        .trim_start_matches("BEGIN")
        .trim();
    let closed = rest
        .find("END ")
        .filter(|at| rest[at + 4..].starts_with(label) && rest[..*at].ends_with('-'));
    if let Some(at) = closed {
        let body = &rest[..at];
        let kept = body.bytes().filter(u8::is_ascii_alphanumeric).count();
        if body.contains("-BEGIN ") || kept < 24 || entropy::is_stand_in(body) && kept < 200 {
            return None;
        }
        let end = at + 4 + label.len();
        let dashes = rest[end..].bytes().take_while(|b| *b == b'-').count();
        return Some(m.start..m.end + end + dashes);
    }
    let (length, letters) = body_length(rest);
    if letters >= 20 {
        return Some(m.start..m.end + length);
    }
    // Its text was cut right behind the header, which has a line of its own.
    let own_line = m.before().is_empty() || m.before().ends_with('\n');
    (own_line && rest.trim().is_empty() && rest.contains('\n')).then_some(m.start..m.end)
}

/// A whole PEM file in base64, as in a kubeconfig: the match is its beginning, `-----BEGIN `.
pub(super) fn pem_base64(m: Match) -> Option<Range<usize>> {
    let end = long_base64(m);
    let head = m.text.get(m.start..end.min(m.start + 96))?;
    let head = STANDARD.decode(head.get(..head.len() / 4 * 4)?).ok()?;
    let head = String::from_utf8_lossy(&head);
    head.contains("PRIVATE KEY").then_some(m.start..end)
}

/// The inside of a private key without the lines around it: the match is how PKCS #1, PKCS #8 or OpenSSH begins.
pub(super) fn der_base64(m: Match) -> Option<Range<usize>> {
    if !begins(m.text, m.start) {
        return None;
    }
    let (more, _) = body_length(window(m.text, m.end));
    let end = (m.end + more).max(long_base64(m));
    (end - m.start >= 60).then_some(m.start..end)
}

fn long_base64(m: Match) -> usize {
    let mut end = m.end;
    // `reach` stops at its own limit; keys are longer.
    for _ in 0..4 {
        end = reach(m.text, end, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
        });
    }
    end
}

/// A file of PuTTY, from its first line to the checksum at its end (PuTTY manual, appendix C).
pub(super) fn putty(m: Match) -> Option<Range<usize>> {
    let rest = window(m.text, m.end);
    let lines = rest.find("Private-Lines:")?;
    let end = match rest.find("Private-MAC:") {
        Some(mac) if mac > lines => {
            let value = mac + "Private-MAC:".len();
            let value = value + rest[value..].bytes().take_while(|b| *b == b' ').count();
            value
                + rest[value..]
                    .bytes()
                    .take_while(u8::is_ascii_hexdigit)
                    .count()
        }
        _ => {
            lines + "Private-Lines:".len() + body_length(&rest[lines + "Private-Lines:".len()..]).0
        }
    };
    Some(m.start..m.end + end)
}

/// An RSA key of .NET, with its private exponent: the match is its first tag.
pub(super) fn key_xml(m: Match) -> Option<Range<usize>> {
    let rest = window(m.text, m.end);
    let end = rest.find("</RSAKeyValue>")?;
    rest[..end]
        .contains("<D>")
        .then(|| m.start..m.end + end + "</RSAKeyValue>".len())
}
