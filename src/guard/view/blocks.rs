//! Encodings that turn a text into another alphabet as a whole: base64, base32, base85, hex, octets, numbers, Morse.
//!
//! What was decoded is text if it is UTF-8 and reads as text: see [`super::words`].

use std::ops::Range;

use super::{
    Via,
    map::Draft,
    scout::{Clues, SHORTEST_RUN},
    words,
};

/// Decodes all blocks of a text.
pub(super) fn decode(text: &str, clues: &Clues, out: &mut Vec<(Via, Draft)>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for token in &clues.long {
        if token.start < done {
            continue;
        }
        done = long_token(bytes, token, out);
    }
    if clues.hex_pairs {
        rows(text, hex_pair, 6, Via::Hex, out);
    }
    if clues.numbers {
        rows(text, number, 6, Via::Decimal, out);
    }
    if clues.bits {
        octets(bytes, out);
    }
    if clues.morse {
        morse(bytes, out);
    }
}

/// Runs of base64, base32 and hex in a token without blanks. Gives the place up to which the text was read.
fn long_token(bytes: &[u8], token: &Range<usize>, out: &mut Vec<(Via, Draft)>) -> usize {
    let mut at = token.start;
    if bytes[token.clone()].starts_with(b"<~") {
        return base85(bytes, token.start, out);
    }
    bare_base85(bytes, token, out);
    while at < token.end {
        let start = at;
        while at < token.end && sextet(bytes[at]).is_some() {
            at += 1;
        }
        if at - start >= SHORTEST_RUN
            && let Some((found, end)) = run(bytes, start..at)
        {
            out.push(found);
            at = end.max(at);
        }
        at += 1;
    }
    at.max(token.end)
}

/// What a run of base64's letters is, and where it ends.
fn run(bytes: &[u8], run: Range<usize>) -> Option<((Via, Draft), usize)> {
    let text = &bytes[run.clone()];
    if text.iter().all(u8::is_ascii_hexdigit) && text.len().is_multiple_of(2) {
        let pairs = text.chunks_exact(2).enumerate().map(|(n, pair)| {
            (
                hex(pair[0]) << 4 | hex(pair[1]),
                run.start + 2 * n..run.start + 2 * n + 2,
            )
        });
        return begins_as_text(pairs.clone().map(|(b, _)| b))
            .then(|| words::from_bytes(pairs))
            .flatten()
            .map(|draft| ((Via::Hex, draft), run.end));
    }
    let base32 = |b: &u8| matches!(b, b'A'..=b'Z' | b'2'..=b'7');
    if text.iter().all(base32) && text.len() >= 24 {
        let fives = text.iter().zip(run.clone()).map(|(b, at)| {
            let value = if b.is_ascii_uppercase() {
                b - b'A'
            } else {
                b - b'2' + 26
            };
            (u32::from(value), at..at + 1)
        });
        if let Some(draft) = words::from_bytes(regroup(fives, 5)) {
            return Some(((Via::Base32, draft), run.end));
        }
    }
    // A path, or a name with a mark, may stand before it.
    let border = text
        .iter()
        .rposition(|b| matches!(b, b'/' | b'-' | b'_'))
        .map(|at| run.start + at + 1);
    let border = border.filter(|start| run.end - start >= SHORTEST_RUN);
    for start in [Some(run.start), border].into_iter().flatten() {
        let first = text[start - run.start..]
            .chunks(4)
            .take(4)
            .flat_map(|four| {
                let value = four
                    .iter()
                    .fold(0_u32, |value, b| value << 6 | sextet(*b).unwrap_or(0));
                let value = value << (6 * (4 - four.len()));
                [(value >> 16) as u8, (value >> 8) as u8, value as u8]
                    .into_iter()
                    .take(four.len() * 6 / 8)
            });
        if !begins_as_text(first) {
            continue;
        }
        let (sextets, end) = wrapped(bytes, start..run.end);
        let decoded: Vec<(u8, Range<usize>)> = regroup(sextets.into_iter(), 6).collect();
        let wide = decoded.len() >= 8
            && decoded
                .iter()
                .take(16)
                .skip(1)
                .step_by(2)
                .all(|(b, _)| *b == 0);
        let draft = if wide {
            // UTF-16 of ASCII, as PowerShell takes it.
            words::from_bytes(decoded.into_iter().step_by(2))
        } else {
            words::from_bytes(decoded.into_iter())
        };
        if let Some(draft) = draft {
            return Some(((Via::Base64, draft), end));
        }
    }
    None
}

/// The sextets of a run, and of the lines behind it if it was wrapped.
fn wrapped(bytes: &[u8], run: Range<usize>) -> (Vec<(u32, Range<usize>)>, usize) {
    let mut sextets = Vec::with_capacity(run.len());
    let mut read = |line: Range<usize>| {
        sextets.extend(line.filter_map(|at| sextet(bytes[at]).map(|value| (value, at..at + 1))));
    };
    read(run.clone());
    let (mut end, mut width) = (run.end, run.len());
    while width >= 32 {
        let gap = bytes[end..]
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        let start = end + gap;
        let line = bytes[start.min(bytes.len())..]
            .iter()
            .take_while(|b| sextet(**b).is_some())
            .count();
        if gap == 0 || gap > 2 || line == 0 || line > width {
            break;
        }
        // A line of words is none of base64.
        let after = bytes.get(start + line);
        if after.is_some_and(|b| !matches!(b, b'\r' | b'\n' | b'=' | b'"' | b'\'' | b'`')) {
            break;
        }
        read(start..start + line);
        (end, width) = (start + line, line);
    }
    (sextets, end)
}

/// Bytes from groups of bits, each with the stretch of the groups that gave it bits.
fn regroup(
    groups: impl Iterator<Item = (u32, Range<usize>)>,
    width: u32,
) -> impl Iterator<Item = (u8, Range<usize>)> {
    let (mut value, mut bits, mut from) = (0_u32, 0, None);
    groups.filter_map(move |(group, place)| {
        let start = *from.get_or_insert(place.start);
        value = (value << width | group) & 0xFFFF;
        bits += width;
        if bits < 8 {
            return None;
        }
        bits -= 8;
        from = (bits > 0).then_some(place.start);
        Some(((value >> bits) as u8, start..place.end))
    })
}

/// Whether the first bytes could be those of text: random ones hardly ever are.
fn begins_as_text(bytes: impl Iterator<Item = u8>) -> bool {
    bytes.take(12).enumerate().all(|(n, b)| {
        matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0x80..=0xF4)
            && (n > 0 || !(0x80..0xC2).contains(&b))
            || (b == 0 && n % 2 == 1)
    })
}

const fn sextet(b: u8) -> Option<u32> {
    Some(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    } as u32)
}

const fn hex(b: u8) -> u8 {
    match b {
        b'0'..=b'9' => b - b'0',
        b => (b | 0x20) - b'a' + 10,
    }
}

/// Ascii85 of Adobe, between `<~` and `~>`.
fn base85(bytes: &[u8], start: usize, out: &mut Vec<(Via, Draft)>) -> usize {
    let body = start + 2;
    let len = bytes[body..]
        .iter()
        .take_while(|b| matches!(b, b'!'..=b'u' | b'z' | b'\n' | b'\r' | b' '))
        .count();
    let digits: Vec<(u32, usize)> = (body..body + len)
        .filter(|at| matches!(bytes[*at], b'!'..=b'u'))
        .map(|at| (u32::from(bytes[at] - b'!'), at))
        .collect();
    out.extend(words::from_bytes(by_fives(&digits)).map(|draft| (Via::Base85, draft)));
    body + len
}

/// The digits of base85 as git and Python's `b85encode` write it (RFC 1924).
const DIGITS_85: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// A token of base85 without brackets around it.
fn bare_base85(bytes: &[u8], token: &Range<usize>, out: &mut Vec<(Via, Draft)>) {
    let text = &bytes[token.clone()];
    let marks = text.iter().filter(|b| !b.is_ascii_alphanumeric()).count();
    // Text in base85 has a mark in four digits. Identifiers and URLs have fewer, and then some that it has not.
    if text.len() < 25
        || marks * 10 < text.len()
        || text
            .iter()
            .any(|b| matches!(b, b'"' | b'\'' | b',' | b'.' | b'/' | b':'))
    {
        return;
    }
    let digits = text.iter().zip(token.clone());
    let digits = digits.map(|(b, at)| {
        DIGITS_85
            .iter()
            .position(|d| d == b)
            .map(|digit| (digit as u32, at))
    });
    let Some(digits) = digits.collect::<Option<Vec<_>>>() else {
        return;
    };
    if begins_as_text(by_fives(&digits).map(|(b, _)| b)) {
        out.extend(words::from_bytes(by_fives(&digits)).map(|draft| (Via::Base85, draft)));
    }
}

/// Four bytes for five digits, and one fewer than there are at the end.
fn by_fives(digits: &[(u32, usize)]) -> impl Iterator<Item = (u8, Range<usize>)> {
    digits
        .chunks(5)
        .filter(|five| five.len() > 1)
        .flat_map(|five| {
            let value = (0..5).fold(0_u32, |value, n| {
                value
                    .wrapping_mul(85)
                    .wrapping_add(five.get(n).map_or(84, |digit| digit.0))
            });
            let place = five[0].1..five[five.len() - 1].1 + 1;
            value
                .to_be_bytes()
                .into_iter()
                .take(five.len() - 1)
                .map(move |b| (b, place.clone()))
        })
}

/// A byte that a token writes in hex: `69`, `0x69`.
fn hex_pair(token: &str) -> Option<u8> {
    let digits = token
        .strip_prefix("0x")
        .or_else(|| token.strip_prefix("0X"))
        .unwrap_or(token);
    (digits.len() == 2)
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

/// A byte that a token writes in decimal, as far as text of ASCII goes.
fn number(token: &str) -> Option<u8> {
    token.parse().ok().filter(|n| matches!(n, 32..=126 | 10))
}

/// Rows of tokens that write a byte each, with blanks and marks between them.
fn rows(
    text: &str,
    byte: fn(&str) -> Option<u8>,
    fewest: usize,
    via: Via,
    out: &mut Vec<(Via, Draft)>,
) {
    let mut row: Vec<(u8, Range<usize>)> = Vec::new();
    let mut flush = |row: &mut Vec<(u8, Range<usize>)>| {
        if row.len() >= fewest {
            out.extend(words::from_bytes(row.drain(..)).map(|draft| (via, draft)));
        }
        row.clear();
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || !bytes[at].is_ascii()) {
            at += 1;
        }
        if at > start {
            let value = if at - start <= 4 {
                byte(&text[start..at])
            } else {
                None
            };
            if value.is_none() || row.last().is_some_and(|(_, last)| start - last.end > 4) {
                flush(&mut row);
            }
            row.extend(value.map(|value| (value, start..at)));
        }
        at += 1;
    }
    flush(&mut row);
}

/// Octets, or groups of seven bits, with or without blanks between them.
fn octets(bytes: &[u8], out: &mut Vec<(Via, Draft)>) {
    let mut bits: Vec<usize> = Vec::new();
    let mut group = 0;
    let mut sevens = true;
    for at in 0..=bytes.len() {
        let b = bytes.get(at).copied();
        if matches!(b, Some(b'0' | b'1')) {
            bits.push(at);
            group += 1;
            continue;
        }
        sevens &= group == 0 || group == 7;
        group = 0;
        let blank =
            b.is_some_and(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'_' | b'-'));
        if blank && bits.last().is_some_and(|last| at - last <= 3) {
            continue;
        }
        let size = if sevens { 7 } else { 8 };
        if bits.len() >= 4 * size && bits.len().is_multiple_of(size) {
            let decoded = bits.chunks_exact(size).map(|eight| {
                let byte = eight
                    .iter()
                    .fold(0, |byte, at| byte << 1 | (bytes[*at] - b'0'));
                (byte, eight[0]..eight[size - 1] + 1)
            });
            out.extend(words::from_bytes(decoded).map(|draft| (Via::Binary, draft)));
        }
        bits.clear();
        sevens = true;
    }
}

/// Letters and digits of the International Morse Code (ITU-R M.1677).
const MORSE: [(&str, char); 36] = [
    (".-", 'a'),
    ("-...", 'b'),
    ("-.-.", 'c'),
    ("-..", 'd'),
    (".", 'e'),
    ("..-.", 'f'),
    ("--.", 'g'),
    ("....", 'h'),
    ("..", 'i'),
    (".---", 'j'),
    ("-.-", 'k'),
    (".-..", 'l'),
    ("--", 'm'),
    ("-.", 'n'),
    ("---", 'o'),
    (".--.", 'p'),
    ("--.-", 'q'),
    (".-.", 'r'),
    ("...", 's'),
    ("-", 't'),
    ("..-", 'u'),
    ("...-", 'v'),
    (".--", 'w'),
    ("-..-", 'x'),
    ("-.--", 'y'),
    ("--..", 'z'),
    ("-----", '0'),
    (".----", '1'),
    ("..---", '2'),
    ("...--", '3'),
    ("....-", '4'),
    (".....", '5'),
    ("-....", '6'),
    ("--...", '7'),
    ("---..", '8'),
    ("----.", '9'),
];

fn morse(bytes: &[u8], out: &mut Vec<(Via, Draft)>) {
    let mut draft = Draft::default();
    let mut at = 0;
    while at <= bytes.len() {
        let start = at;
        while at < bytes.len() && matches!(bytes[at], b'.' | b'-' | b'_') {
            at += 1;
        }
        if at > start {
            let code: String = bytes[start..at]
                .iter()
                .map(|b| if *b == b'.' { '.' } else { '-' })
                .collect();
            match MORSE.iter().find(|(known, _)| *known == code) {
                Some((_, letter)) => draft.push(*letter, start..at),
                // Marks of punctuation have five and six.
                None if code.len() <= 6 => {}
                None => close(&mut draft, out),
            }
        }
        match bytes.get(at) {
            Some(b'/' | b'|' | b'\n') if !draft.text.is_empty() && !draft.text.ends_with(' ') => {
                draft.push(' ', at..at + 1);
            }
            Some(b' ')
                if bytes.get(at + 1..at + 3) == Some(b"  ") && !draft.text.ends_with(' ') =>
            {
                if !draft.text.is_empty() {
                    draft.push(' ', at..at + 1);
                }
            }
            Some(b' ' | b'/' | b'|' | b'\n' | b'\r' | b'\t') => {}
            _ => close(&mut draft, out),
        }
        at += 1;
    }
}

fn close(draft: &mut Draft, out: &mut Vec<(Via, Draft)>) {
    let draft = std::mem::take(draft);
    if draft.text.len() >= 5 && words::reads(&draft.text) {
        out.push((Via::Morse, draft));
    }
}
