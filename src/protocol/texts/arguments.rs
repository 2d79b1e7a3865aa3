//! Arguments that arrive as JSON text cut anywhere: which of it is text, and where.

use std::ops::Range;

use super::splice;

/// Reads JSON text piece by piece, and tells what stands in its strings.
///
/// Nothing is kept but the state: an escape may be cut anywhere. What is no JSON is read as far as its quotes tell.
#[derive(Clone, Debug, Default)]
pub struct ArgumentText {
    /// Bytes read so far.
    at: usize,
    state: State,
    /// The number of the string or number that is read, from 0.
    leaf: u32,
    /// For each object or array that is open, whether it is an object; the innermost last.
    open: Vec<bool>,
    /// Open ones that were too many to note.
    deeper: usize,
    /// Whether the next string is a key.
    key: bool,
}

/// Objects and arrays inside one another that are told apart; below, keys are taken for values.
const DEEP: usize = 256;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    Number,
    String(Escape),
}

/// How far an escape in a string has come, and where it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    /// After a backslash.
    Begun(usize),
    /// In the hexadecimal digits: how many, and what they say.
    Digits(usize, u8, u32),
    /// After the first half of a surrogate pair.
    Half(usize, u32),
    /// After a backslash behind the first half.
    HalfBegun(usize, u32),
    /// In the digits of the second half.
    HalfDigits(usize, u32, u8, u32),
}

/// What a piece belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// A string that is a value.
    Value,
    /// A string that is a key.
    Key,
    /// A number, which has no quotes around it.
    Number,
}

/// A stretch of a string, or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'f> {
    /// What it belongs to.
    pub leaf: Leaf,
    /// Which of them, counted from the beginning.
    pub number: u32,
    /// Where it stands in all that was pushed: as long as `text`, or one escape, which may have begun in an earlier
    /// fragment.
    pub raw: (usize, usize),
    /// What it says: plain characters, or the one character of an escape.
    pub text: Said<'f>,
    /// Whether the string ends here; then `text` is empty and `raw` is its quote. Numbers end before `raw`.
    pub end: bool,
}

/// What a piece says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'f> {
    /// As it stands.
    Plain(&'f str),
    /// The character that an escape means.
    Escaped(char),
}

impl Said<'_> {
    /// Adds it to a text.
    pub fn push_to(self, text: &mut String) {
        match self {
            Self::Plain(plain) => text.push_str(plain),
            Self::Escaped(char) => text.push(char),
        }
    }

    /// Its length in bytes of UTF-8.
    pub const fn len(self) -> usize {
        match self {
            Self::Plain(plain) => plain.len(),
            Self::Escaped(char) => char.len_utf8(),
        }
    }

    /// Whether it says nothing.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Piece<'_> {
    /// Where it stands in all that was pushed.
    pub const fn range(&self) -> Range<usize> {
        self.raw.0..self.raw.1
    }
}

impl ArgumentText {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes were pushed.
    pub const fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing was pushed.
    pub const fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// Whether what was pushed ends inside a string, and not within an escape: where a replacement may be put in.
    pub fn is_in_text(&self) -> bool {
        self.state == State::String(Escape::None)
    }

    /// Whether what was pushed ends in the middle of an escape: bytes that can only go out with the next ones.
    pub fn is_in_escape(&self) -> bool {
        matches!(self.state, State::String(escape) if escape != Escape::None)
    }

    /// Takes the next fragment, and tells its stretches in their order.
    pub fn push<'f>(&mut self, fragment: &'f str, mut found: impl FnMut(Piece<'f>)) {
        let bytes = fragment.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            at = match self.state {
                State::Outside => self.outside(bytes, at),
                State::Number => self.number(fragment, at, &mut found),
                State::String(Escape::None) => self.string(fragment, at, &mut found),
                State::String(escape) => self.escape(escape, bytes[at], at, &mut found),
            };
        }
        self.at += bytes.len();
    }

    /// Between strings and numbers: up to the first byte of the next one.
    fn outside(&mut self, bytes: &[u8], at: usize) -> usize {
        match bytes[at] {
            b'"' => self.state = State::String(Escape::None),
            b'-' | b'0'..=b'9' => {
                self.state = State::Number;
                return at;
            }
            open @ (b'{' | b'[') => {
                if self.open.len() < DEEP {
                    self.open.push(open == b'{');
                } else {
                    self.deeper += 1;
                }
                self.key = open == b'{' && self.deeper == 0;
            }
            b'}' | b']' => {
                if self.deeper > 0 {
                    self.deeper -= 1;
                } else {
                    self.open.pop();
                }
                self.key = false;
            }
            b',' => self.key = self.deeper == 0 && self.open.last() == Some(&true),
            b':' => self.key = false,
            _ => {}
        }
        at + 1
    }

    fn number<'f>(
        &mut self,
        fragment: &'f str,
        at: usize,
        found: &mut impl FnMut(Piece<'f>),
    ) -> usize {
        let rest = &fragment[at..];
        let is_part = |b: u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.bytes().position(|b| !is_part(b));
        let end = at + length.unwrap_or(rest.len());
        if end > at {
            self.tell(at, end, Said::Plain(&fragment[at..end]), found);
        }
        if length.is_some() {
            self.end(end, end, found);
        }
        end
    }

    fn string<'f>(
        &mut self,
        fragment: &'f str,
        at: usize,
        found: &mut impl FnMut(Piece<'f>),
    ) -> usize {
        let rest = &fragment[at..];
        let length = memchr::memchr2(b'"', b'\\', rest.as_bytes());
        let end = at + length.unwrap_or(rest.len());
        if end > at {
            self.tell(at, end, Said::Plain(&fragment[at..end]), found);
        }
        match fragment.as_bytes().get(end) {
            Some(b'"') => {
                self.end(end, end + 1, found);
                end + 1
            }
            Some(_) => {
                self.state = State::String(Escape::Begun(self.at + end));
                end + 1
            }
            None => end,
        }
    }

    /// One byte of an escape.
    fn escape<'f>(
        &mut self,
        escape: Escape,
        byte: u8,
        at: usize,
        found: &mut impl FnMut(Piece<'f>),
    ) -> usize {
        let digit = char::from(byte).to_digit(16);
        let (next, said) = match (escape, digit) {
            (Escape::Begun(start), _) => match byte {
                b'u' => (Escape::Digits(start, 0, 0), None),
                _ => (Escape::None, Some((start, simple(byte)))),
            },
            (Escape::Digits(start, count, sum), Some(digit)) => {
                let sum = sum << 4 | digit;
                match (count, sum) {
                    (0..3, _) => (Escape::Digits(start, count + 1, sum), None),
                    (_, 0xD800..0xDC00) => (Escape::Half(start, sum), None),
                    _ => (Escape::None, Some((start, char::from_u32(sum)))),
                }
            }
            (Escape::Half(start, high), _) if byte == b'\\' => {
                (Escape::HalfBegun(start, high), None)
            }
            (Escape::HalfBegun(start, high), _) if byte == b'u' => {
                (Escape::HalfDigits(start, high, 0, 0), None)
            }
            (Escape::HalfDigits(start, high, count, sum), Some(digit)) => {
                let sum = sum << 4 | digit;
                if count < 3 {
                    (Escape::HalfDigits(start, high, count + 1, sum), None)
                } else {
                    let low = (0xDC00..0xE000).contains(&sum).then_some(sum & 0x3FF);
                    let char = low.map(|low| 0x10000 + ((high & 0x3FF) << 10) + low);
                    (Escape::None, Some((start, char.and_then(char::from_u32))))
                }
            }
            // No JSON: what came so far is one strange character, and this byte is read anew.
            (
                Escape::Digits(start, ..)
                | Escape::Half(start, _)
                | Escape::HalfBegun(start, _)
                | Escape::HalfDigits(start, ..),
                _,
            ) => {
                self.state = State::String(Escape::None);
                self.tell_escape(start, self.at + at, None, found);
                return at;
            }
            (Escape::None, _) => (Escape::None, None),
        };
        self.state = State::String(next);
        if let Some((start, char)) = said {
            // Only ASCII is one byte; an escaped character beyond is no JSON, and its first byte ends nothing.
            if char.is_none() && !byte.is_ascii() {
                self.tell_escape(start, self.at + at, None, found);
                return at;
            }
            self.tell_escape(start, self.at + at + 1, char, found);
        }
        at + 1
    }

    fn tell_escape<'f>(
        &self,
        start: usize,
        end: usize,
        char: Option<char>,
        found: &mut impl FnMut(Piece<'f>),
    ) {
        found(Piece {
            leaf: self.kind(),
            number: self.leaf,
            raw: (start, end),
            text: Said::Escaped(char.unwrap_or(char::REPLACEMENT_CHARACTER)),
            end: false,
        });
    }

    fn tell<'f>(
        &self,
        start: usize,
        end: usize,
        text: Said<'f>,
        found: &mut impl FnMut(Piece<'f>),
    ) {
        found(Piece {
            leaf: self.kind(),
            number: self.leaf,
            raw: (self.at + start, self.at + end),
            text,
            end: false,
        });
    }

    fn end<'f>(&mut self, start: usize, end: usize, found: &mut impl FnMut(Piece<'f>)) {
        found(Piece {
            leaf: self.kind(),
            number: self.leaf,
            raw: (self.at + start, self.at + end),
            text: Said::Plain(""),
            end: true,
        });
        self.leaf += 1;
        self.state = State::Outside;
    }

    fn kind(&self) -> Leaf {
        match (self.state, self.key) {
            (State::Number, _) => Leaf::Number,
            (_, true) => Leaf::Key,
            _ => Leaf::Value,
        }
    }
}

fn simple(byte: u8) -> Option<char> {
    Some(match byte {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'"' | b'\\' | b'/' => char::from(byte),
        _ => return None,
    })
}

/// A text as it is written inside a string of JSON, without quotes.
pub fn escape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    splice::write(text, false, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
