//! Undoes what hides an attack from patterns: escapes, comments, quoting, odd characters.

/// What was seen while decoding.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// UTF-8 with more bytes than needed, RFC 3629 section 3.
    pub overlong: bool,
    /// `%` without two digits behind it.
    pub broken: bool,
    /// `%uXXXX`, which no standard knows.
    pub unicode: bool,
}

/// Percent-encoding undone once, RFC 3986 section 2.1; with `+` for a space as forms have it.
pub(super) fn percent(text: &str, plus: bool, seen: &mut Seen) -> Option<String> {
    if !text.bytes().any(|b| b == b'%' || (plus && b == b'+')) {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' if plus => out.push(b' '),
            b'%' => {
                if let Some(byte) = hex(bytes, at + 1, 2) {
                    out.push(byte as u8);
                    at += 2;
                } else if let Some(code) = bytes
                    .get(at + 1)
                    .filter(|b| b.eq_ignore_ascii_case(&b'u'))
                    .and_then(|_| hex(bytes, at + 2, 4))
                {
                    seen.unicode = true;
                    push(&mut out, code);
                    at += 5;
                } else {
                    seen.broken = true;
                    out.push(b'%');
                }
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    Some(text_of(out, seen))
}

/// Bytes as text: overlong forms as what they mean, what is no UTF-8 as Latin-1.
pub(super) fn text_of(bytes: Vec<u8>, seen: &mut Seen) -> String {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error,
    };
    let bytes = error.into_bytes();
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push(char::from(*byte));
        }
    }
    // C0 AF is a slash in two bytes, E0 80 AF in three: now three characters of Latin-1.
    if out.contains(['\u{c0}', '\u{c1}', '\u{e0}']) {
        let chars: Vec<char> = out.chars().collect();
        let mut plain = String::with_capacity(out.len());
        let mut at = 0;
        let low = |c: Option<&char>| c.map_or(0, |c| *c as u32 & 0x3f);
        while at < chars.len() {
            let next = chars
                .get(at + 1)
                .is_some_and(|c| ('\u{80}'..='\u{bf}').contains(c));
            let code = match chars[at] {
                c @ ('\u{c0}' | '\u{c1}') if next => {
                    Some((1, (c as u32 & 0x1f) << 6 | low(chars.get(at + 1))))
                }
                '\u{e0}'
                    if chars
                        .get(at + 1)
                        .is_some_and(|c| ('\u{80}'..='\u{9f}').contains(c)) =>
                {
                    Some((2, low(chars.get(at + 1)) << 6 | low(chars.get(at + 2))))
                }
                _ => None,
            };
            if let Some((more, code)) = code {
                seen.overlong = true;
                plain.push(char::from_u32(code).unwrap_or(' '));
                at += more;
            } else {
                plain.push(chars[at]);
            }
            at += 1;
        }
        return plain;
    }
    out
}

/// One round over all escapes that are met in any field: `%41`, `\u0041`, `\x41`, `\101`, `&#65;`, `&lt;`, full-width forms.
/// Nothing if there are none.
pub(super) fn escapes(text: &str, seen: &mut Seen) -> Option<String> {
    if !text
        .bytes()
        .any(|b| matches!(b, b'%' | b'\\' | b'&' | 0xef))
    {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut changed = false;
    let mut at = 0;
    while at < bytes.len() {
        let (code, length) = match bytes[at] {
            b'%' => match bytes.get(at + 1) {
                Some(b'u' | b'U') => (hex(bytes, at + 2, 4), 6),
                _ => (hex(bytes, at + 1, 2), 3),
            },
            b'\\' => backslash(bytes, at),
            b'&' => entity(&bytes[at..]),
            // U+FF01 to U+FF5E imitate ASCII.
            0xef if at + 2 < bytes.len() && matches!(bytes[at + 1], 0xbc | 0xbd) => {
                let code = 0xf000
                    | (u32::from(bytes[at + 1]) & 0x3f) << 6
                    | u32::from(bytes[at + 2]) & 0x3f;
                ((0xff01..=0xff5e).contains(&code).then(|| code - 0xfee0), 3)
            }
            _ => (None, 1),
        };
        if let Some(code) = code {
            changed = true;
            if bytes[at] == b'%' && length == 3 {
                out.push(code as u8);
            } else {
                push(&mut out, code);
            }
            at += length;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    changed.then(|| text_of(out, seen))
}

/// `\u0041`, `\u{41}`, `\x41`, `\101`: its character and its length.
fn backslash(bytes: &[u8], at: usize) -> (Option<u32>, usize) {
    match bytes.get(at + 1) {
        Some(b'u' | b'U') if bytes.get(at + 2) == Some(&b'{') => {
            let digits = bytes[at + 3..]
                .iter()
                .take(6)
                .take_while(|b| b.is_ascii_hexdigit())
                .count();
            let closed = digits > 0 && bytes.get(at + 3 + digits) == Some(&b'}');
            (
                if closed {
                    hex(bytes, at + 3, digits)
                } else {
                    None
                },
                digits + 4,
            )
        }
        Some(b'u' | b'U') => (hex(bytes, at + 2, 4), 6),
        Some(b'x' | b'X') => (hex(bytes, at + 2, 2), 4),
        Some(b'0'..=b'1')
            if bytes.len() > at + 3
                && bytes[at + 2..at + 4]
                    .iter()
                    .all(|b| matches!(b, b'0'..=b'7')) =>
        {
            let digits = &bytes[at + 1..at + 4];
            (
                Some(
                    digits
                        .iter()
                        .fold(0, |code, d| code * 8 + u32::from(d - b'0')),
                ),
                4,
            )
        }
        _ => (None, 1),
    }
}

/// Entities of HTML that stand for characters of attacks (<https://html.spec.whatwg.org/#named-character-references>).
const ENTITIES: &[(&str, char)] = &[
    ("lt", '<'),
    ("gt", '>'),
    ("amp", '&'),
    ("quot", '"'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("colon", ':'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("period", '.'),
    ("comma", ','),
    ("semi", ';'),
    ("dollar", '$'),
    ("num", '#'),
    ("excl", '!'),
    ("equals", '='),
    ("lbrace", '{'),
    ("lcub", '{'),
    ("rbrace", '}'),
    ("rcub", '}'),
    ("lbrack", '['),
    ("lsqb", '['),
    ("rbrack", ']'),
    ("rsqb", ']'),
    ("grave", '`'),
    ("DiacriticalGrave", '`'),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("nbsp", ' '),
    ("lowbar", '_'),
    ("percnt", '%'),
    ("ast", '*'),
    ("plus", '+'),
    ("vert", '|'),
    ("verbar", '|'),
    ("Hat", '^'),
    ("quest", '?'),
    ("commat", '@'),
];

/// `&#65;`, `&#x41;`, `&lt;`, the last character being optional for numbers: its character and its length.
fn entity(bytes: &[u8]) -> (Option<u32>, usize) {
    if bytes.get(1) == Some(&b'#') {
        let hexadecimal = matches!(bytes.get(2), Some(b'x' | b'X'));
        let from = if hexadecimal { 3 } else { 2 };
        let is_digit = |b: &&u8| {
            if hexadecimal {
                b.is_ascii_hexdigit()
            } else {
                b.is_ascii_digit()
            }
        };
        let digits = bytes
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take(10)
            .take_while(is_digit)
            .count();
        let text = std::str::from_utf8(bytes.get(from..from + digits).unwrap_or_default())
            .unwrap_or_default();
        let code = u32::from_str_radix(text, if hexadecimal { 16 } else { 10 }).ok();
        let closed = usize::from(bytes.get(from + digits) == Some(&b';'));
        return (code, from + digits + closed);
    }
    let Some(end) = bytes.iter().take(20).position(|b| *b == b';') else {
        return (None, 1);
    };
    let name = &bytes[1..end];
    let found = ENTITIES.iter().find(|(known, _)| known.as_bytes() == name);
    (found.map(|(_, c)| *c as u32), end + 1)
}

/// Digits of base 16 as a number.
fn hex(bytes: &[u8], from: usize, count: usize) -> Option<u32> {
    let digits = bytes.get(from..from + count)?;
    digits.iter().try_fold(0, |value, d| {
        Some(value << 4 | char::from(*d).to_digit(16)?)
    })
}

fn push(out: &mut Vec<u8>, code: u32) {
    let c = char::from_u32(code).unwrap_or(' ');
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Comments of SQL and C as a space, the contents of MySQL's `/*!50000 … */` kept; quotes of typography as plain ones.
/// Nothing if there are none.
pub(super) fn without_comments(text: &str) -> Option<String> {
    if !text.contains("/*")
        && !text.contains([
            '\u{2018}', '\u{2019}', '\u{b4}', '\u{201c}', '\u{201d}', '\u{2b9}',
        ])
    {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("/*") {
        out.push_str(&rest[..open]);
        rest = &rest[open + 2..];
        out.push(' ');
        if let Some(code) = rest.strip_prefix('!') {
            rest = code.trim_start_matches(|c: char| c.is_ascii_digit());
            continue;
        }
        match rest.find("*/") {
            Some(close) => rest = &rest[close + 2..],
            None => rest = "",
        }
    }
    out.push_str(rest);
    let out = out
        .replace("*/", " ")
        .replace(['\u{2018}', '\u{2019}', '\u{b4}', '\u{2b9}'], "'");
    Some(out.replace(['\u{201c}', '\u{201d}'], "\""))
}

/// What shells drop inside of words: quotes, carets, backslashes, empty expansions; `$IFS` as a space.
/// Nothing if no word is broken by one.
pub(super) fn without_quoting(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'?' | b'*');
    let breaks = |n: usize| {
        let b = bytes[n];
        let quote = matches!(b, b'\'' | b'"' | b'\\' | b'^' | b'`');
        (quote && n > 0 && n + 1 < bytes.len() && (word(bytes[n - 1]) || word(bytes[n + 1])))
            || (b == b'$' && n + 1 < bytes.len())
    };
    if !(0..bytes.len()).any(breaks) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match rest[0] {
            b'\'' | b'"' | b'^' => at += 1,
            b'\\' if rest.get(1) == Some(&b'\n') => at += 2,
            b'\\' => at += 1,
            b'$' if rest.starts_with(b"${IFS") => {
                out.push(b' ');
                at += rest
                    .iter()
                    .position(|b| *b == b'}')
                    .map_or(5, |end| end + 1);
            }
            b'$' if rest.starts_with(b"$IFS") => {
                out.push(b' ');
                at += 4
                    + usize::from(rest.get(4) == Some(&b'$'))
                    + usize::from(rest.get(5) == Some(&b'9'));
            }
            b'$' if matches!(
                rest.get(1),
                Some(b'@' | b'*' | b'?' | b'!' | b'#' | b'$' | b'0'..=b'9')
            ) =>
            {
                at += 2
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    // Only bytes of ASCII were dropped.
    String::from_utf8(out).ok().filter(|new| new != text)
}

/// A path as a file system reads it: `\` as `/`, no `.`, no empty segments, no parameters of segments.
/// Nothing if it reads the same.
pub(super) fn path(text: &str) -> Option<String> {
    if !(text.contains("/.")
        || text.contains("//")
        || text.contains('\\')
        || text.contains(";/")
        || text.contains("./"))
    {
        return None;
    }
    let text = text.replace('\\', "/");
    let mut out = String::with_capacity(text.len());
    for (n, segment) in text.split('/').enumerate() {
        if n > 0 && (segment.is_empty() || segment == ".") {
            continue;
        }
        if n > 0 {
            out.push('/');
        }
        let plain = segment.split(';').next().unwrap_or_default();
        out.push_str(if plain == ".." { plain } else { segment });
    }
    (out != text).then_some(out)
}
