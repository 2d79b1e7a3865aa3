//! The one pass over a document's bytes: checks all of RFC 8259 and notes where
//! each value stands.

use memchr::memchr;

use super::{JsonError, Kind, Limits, fail};

/// A value's or key's place. What is inside it comes next on the tape.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Where the tape goes on after everything inside. Until an array or object
    /// is closed: the one around it.
    pub(super) next: u32,
    pub(super) kind: Kind,
    /// A string with backslashes.
    pub(super) escaped: bool,
}

/// `Node::next` of an open array or object that nothing is around.
const OUTERMOST: u32 = u32::MAX;

/// Checks the whole document and notes its values in the order they begin.
pub(super) fn walk(bytes: &[u8], limits: Limits) -> Result<Vec<Node>, JsonError> {
    Walk::new(bytes, limits).document()
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    tape: Vec<Node>,
    limits: Limits,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], limits: Limits) -> Self {
        // The index of a node, and one past the last, must fit `Node::next`.
        let nodes = limits.nodes.min(OUTERMOST as usize - 1);
        let likely = (bytes.len() / 32 + 8).min(1024).min(nodes);
        Self {
            bytes,
            at: 0,
            tape: Vec::with_capacity(likely),
            limits: Limits { nodes, ..limits },
        }
    }

    fn document(mut self) -> Result<Vec<Node>, JsonError> {
        let mut open = OUTERMOST;
        let mut depth = 0;
        'value: loop {
            self.space();
            match self.peek() {
                Some(b'"') => self.string("expected a value")?,
                Some(bracket @ (b'{' | b'[')) => {
                    depth += 1;
                    if depth > self.limits.depth {
                        return fail(self.at, "too deeply nested");
                    }
                    let object = bracket == b'{';
                    let kind = if object { Kind::Object } else { Kind::Array };
                    let node = self.node(kind, self.at, self.at, open)?;
                    open = node;
                    self.at += 1;
                    self.space();
                    match (object, self.peek()) {
                        (true, Some(b'}')) | (false, Some(b']')) => {}
                        (true, _) => {
                            self.key()?;
                            continue 'value;
                        }
                        (false, _) => continue 'value,
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal(b"true", Kind::Bool)?,
                Some(b'f') => self.literal(b"false", Kind::Bool)?,
                Some(b'n') => self.literal(b"null", Kind::Null)?,
                _ => return fail(self.at, "expected a value"),
            }

            // The value is complete, and perhaps those around it.
            loop {
                self.space();
                if open == OUTERMOST {
                    return if self.at == self.bytes.len() {
                        Ok(self.tape)
                    } else {
                        fail(self.at, "expected the document's end")
                    };
                }
                let object = self.tape[open as usize].kind == Kind::Object;
                match (object, self.peek()) {
                    (false, Some(b',')) => {
                        self.at += 1;
                        continue 'value;
                    }
                    (true, Some(b',')) => {
                        self.at += 1;
                        self.space();
                        self.key()?;
                        continue 'value;
                    }
                    (false, Some(b']')) | (true, Some(b'}')) => {
                        self.at += 1;
                        let next = self.tape.len() as u32;
                        let node = &mut self.tape[open as usize];
                        open = node.next;
                        node.end = self.at as u32;
                        node.next = next;
                        depth -= 1;
                    }
                    (false, _) => return fail(self.at, "expected a comma or the array's end"),
                    (true, _) => return fail(self.at, "expected a comma or the object's end"),
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), JsonError> {
        self.string("expected a key")?;
        self.space();
        if self.peek() != Some(b':') {
            return fail(self.at, "expected a colon");
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self, expected: &'static str) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return fail(self.at, expected);
        }
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    match escape(&self.bytes[self.at..]) {
                        Ok((_, length)) => self.at += length,
                        Err(what) => return fail(self.at, what),
                    }
                }
                Some(_) => return fail(self.at, "control character in a string"),
                None => return fail(self.at, "unfinished string"),
            }
        }
        self.at += 1;
        let node = self.leaf(Kind::String, start)?;
        node.escaped = escaped;
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let power = matches!(self.peek(), Some(b'e' | b'E'));
        if power {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // The largest double has 309 digits.
        if (power || self.at - start > 308) && !finite(&self.bytes[start..self.at]) {
            return fail(start, "number out of range");
        }
        self.leaf(Kind::Number, start)?;
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return fail(self.at, "expected a digit");
        }
        Ok(())
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        if !self.bytes[start..].starts_with(word) {
            return fail(start, "expected a value");
        }
        self.at += word.len();
        self.leaf(kind, start)?;
        Ok(())
    }

    /// Notes a value without others inside, which ends here.
    fn leaf(&mut self, kind: Kind, start: usize) -> Result<&mut Node, JsonError> {
        let next = self.tape.len() as u32 + 1;
        let node = self.node(kind, start, self.at, next)?;
        Ok(&mut self.tape[node as usize])
    }

    fn node(&mut self, kind: Kind, start: usize, end: usize, next: u32) -> Result<u32, JsonError> {
        let index = self.tape.len();
        if index >= self.limits.nodes {
            return fail(start, "too many values");
        }
        self.tape.push(Node {
            start: start as u32,
            end: end as u32,
            next,
            kind,
            escaped: false,
        });
        Ok(index as u32)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// How many bytes at the front need no look in a string: up to the first quote,
/// backslash or control character.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let mut at = 0;
    while let Some(block) = bytes[at..].first_chunk::<8>() {
        // In each of the eight bytes the top bit tells whether it was below the
        // number subtracted. A borrow only falsifies bytes after a true one.
        let word = u64::from_le_bytes(*block);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let stops = (word.wrapping_sub(ONES * 0x20) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash);
        if stops & TOPS != 0 {
            return at + (stops & TOPS).trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = &bytes[at..];
    at + rest
        .iter()
        .position(|&b| b < 0x20 || b == b'"' || b == b'\\')
        .unwrap_or(rest.len())
}

/// Reads the escape that `bytes` begin with: its character and its length.
fn escape(bytes: &[u8]) -> Result<(char, usize), &'static str> {
    let simple = match bytes.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let unit = hex(&bytes[2..])?;
            if let Some(char) = char::from_u32(unit) {
                return Ok((char, 6));
            }
            // Not a character means a surrogate: half of a pair, RFC 8259 section 7.
            let low = match bytes.get(6..8) {
                Some(b"\\u") if unit < 0xDC00 => hex(&bytes[8..])?,
                _ => return Err("lone surrogate"),
            };
            let (0xDC00..=0xDFFF) = low else {
                return Err("lone surrogate");
            };
            let char = char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
            return Ok((char.ok_or("lone surrogate")?, 12));
        }
        _ => return Err("unknown escape"),
    };
    Ok((simple, 2))
}

fn hex(bytes: &[u8]) -> Result<u32, &'static str> {
    let mut unit = 0;
    for &byte in bytes.first_chunk::<4>().ok_or("unfinished escape")? {
        let digit = char::from(byte).to_digit(16).ok_or("unknown escape")?;
        unit = unit << 4 | digit;
    }
    Ok(unit)
}

pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let (char, length) = escape(&rest.as_bytes()[at..]).expect("checked by Document::parse");
        out.push_str(&rest[..at]);
        out.push(char);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

fn finite(number: &[u8]) -> bool {
    std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::super::{Document, invariants};
    use super::*;

    fn parse(text: &str) -> Result<Document<'_>, JsonError> {
        Document::parse(text.as_bytes(), Limits::default())
    }

    #[test]
    fn escapes_are_undone() {
        let doc = parse(r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00\u0000x""#).unwrap();
        let text = doc.root().as_str().unwrap();
        assert_eq!(text, "\"\\/\u{8}\u{c}\n\r\té😀\0x");
    }

    #[test]
    fn a_refusal_says_what_and_where() {
        for (text, expected) in [
            ("", "expected a value at byte 0"),
            ("\u{feff}1", "expected a value at byte 0"),
            ("1 2", "expected the document's end at byte 2"),
            ("01", "expected the document's end at byte 1"),
            ("[1,]", "expected a value at byte 3"),
            ("[,1]", "expected a value at byte 1"),
            ("[1 2]", "expected a comma or the array's end at byte 3"),
            ("[1}", "expected a comma or the array's end at byte 2"),
            ("{1:2}", "expected a key at byte 1"),
            ("{\"a\":1,}", "expected a key at byte 7"),
            ("{\"a\" 1}", "expected a colon at byte 5"),
            ("-", "expected a digit at byte 1"),
            ("1.", "expected a digit at byte 2"),
            ("1e+", "expected a digit at byte 3"),
            ("NaN", "expected a value at byte 0"),
            ("-1e309", "number out of range at byte 0"),
            ("\"a", "unfinished string at byte 2"),
            ("\"\n\"", "control character in a string at byte 1"),
            (r#""\x""#, "unknown escape at byte 1"),
            (r#""\u12g4""#, "unknown escape at byte 1"),
            (r#""\u12"#, "unfinished escape at byte 1"),
            (r#""\uDC00""#, "lone surrogate at byte 1"),
            (r#""\uD800x""#, "lone surrogate at byte 1"),
            (r#""\uD800\u0041""#, "lone surrogate at byte 1"),
        ] {
            let refused = parse(text).unwrap_err().to_string();
            assert_eq!(refused, expected, "for {text:?}");
            invariants::check(text.as_bytes());
        }
        let invalid = Document::parse(b"\"a\xff\"", Limits::default()).unwrap_err();
        assert_eq!(invalid.to_string(), "not UTF-8 at byte 2");
    }

    #[test]
    fn depth_and_number_of_values_are_limited() {
        let limits = Limits { depth: 2, nodes: 4 };
        let check = |text: &str| {
            Document::parse(text.as_bytes(), limits)
                .map(|_| ())
                .map_err(|e| e.to_string())
        };
        assert_eq!(check("[[1,2]]"), Ok(()));
        assert_eq!(check("[[],[]]"), Ok(()));
        assert_eq!(check("[[[]]]"), Err("too deeply nested at byte 2".into()));
        assert_eq!(check("[1,2,3,4]"), Err("too many values at byte 7".into()));
        assert_eq!(check(&"[".repeat(1 << 20)).unwrap_err().len(), 27);
    }

    #[test]
    fn a_string_ends_at_its_quote_wherever_that_stands() {
        for length in 0..20 {
            for stop in ["\"", "\\n\"", "\n", "\u{1f}", ""] {
                for filler in ["x", "é", "~\u{7f}"] {
                    let text = format!("\"{}{stop}", filler.repeat(length));
                    invariants::check(text.as_bytes());
                    invariants::check(format!("{text} long rest\"").as_bytes());
                }
            }
        }
    }

    #[test]
    fn long_numbers_keep_serde_jsons_limits() {
        let digits = "9".repeat(400);
        for number in [
            "1e308",
            "-1e308",
            "1e309",
            "0e999999999999",
            "1e-999999999999",
            "1E400",
            "-0",
            "-0.0",
            "18446744073709551615",
            "18446744073709551616",
            &digits,
            &digits[..308],
            &format!("0.{digits}"),
            &format!("{digits}e-399"),
        ] {
            invariants::check(number.as_bytes());
        }
    }
}
