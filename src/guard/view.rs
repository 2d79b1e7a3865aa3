//! What is scanned: all texts one behind the other, as they read once encodings are undone.
//!
//! Each text has a main segment: the text itself, without characters that nobody sees and with letters that imitate
//! others replaced by those. Behind it stand segments with what was decoded, only if it was really encoded and reads as
//! text. Every segment knows where each of its bytes came from.

use std::ops::Range;

use super::Text;

mod blocks;
mod ciphers;
mod clean;
mod inline;
mod letters;
mod map;
mod scout;
mod words;

use map::{Draft, Map};

/// How a text was hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Via {
    /// Not at all: the text as it came, but for characters that only hide or imitate others.
    #[default]
    Plain,
    /// Characters of the plane of tags, which nobody sees.
    Tags,
    /// Selectors of variants, which nobody sees, as bytes.
    Selectors,
    /// Characters without width, as bits.
    ZeroWidth,
    /// Base64 or base64url (RFC 4648), in UTF-8 or UTF-16.
    Base64,
    /// Base32 (RFC 4648).
    Base32,
    /// Ascii85 between `<~` and `~>`.
    Base85,
    /// Bytes as hexadecimal digits.
    Hex,
    /// Bytes as numbers.
    Decimal,
    /// Bytes as zeros and ones.
    Binary,
    /// Morse code.
    Morse,
    /// Escapes of URLs.
    Url,
    /// Character references of HTML.
    Html,
    /// Escapes of program code: `\u0041`, `\x41`, `U+0041`.
    UnicodeEscape,
    /// Letters exchanged by ROT13.
    Rot13,
    /// Letters shifted by another number, or exchanged by Atbash.
    Caesar,
    /// Written from right to left.
    Reversed,
    /// Digits for letters.
    Leet,
    /// Letters set apart.
    Spaced,
    /// Words cut into strings.
    Split,
}

impl Via {
    /// How many there are.
    pub const COUNT: usize = 20;

    /// Whether it writes a text in another alphabet as a whole, so that it can be applied twice.
    const fn is_block(self) -> bool {
        (self as u8) < Self::Url as u8
    }

    /// As it is called in findings and reasons.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tags => "tags",
            Self::Selectors => "selectors",
            Self::ZeroWidth => "zero_width",
            Self::Base64 => "base64",
            Self::Base32 => "base32",
            Self::Base85 => "base85",
            Self::Hex => "hex",
            Self::Decimal => "decimal",
            Self::Binary => "binary",
            Self::Morse => "morse",
            Self::Url => "url",
            Self::Html => "html",
            Self::UnicodeEscape => "unicode_escape",
            Self::Rot13 => "rot13",
            Self::Caesar => "caesar",
            Self::Reversed => "reversed",
            Self::Leet => "leet",
            Self::Spaced => "spaced",
            Self::Split => "split",
        }
    }
}

/// What was hidden in a text, by count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Characters without width, where no spelling asks for them.
    pub zero_width: u32,
    /// Marks that turn the direction of writing, in texts that have but one.
    pub bidi: u32,
    /// Characters of the plane of tags, but for the flags of regions.
    pub tags: u32,
    /// Selectors of variants behind characters that have none.
    pub selectors: u32,
    /// Soft hyphens: honest in print, a trick between all letters.
    pub soft_hyphens: u32,
    /// Rare blanks: neither no-break spaces nor those of ideographs.
    pub spaces: u32,
    /// Full-width, mathematical, circled and raised letters, where three or more come together.
    pub styled: u32,
    /// Words in which letters of other scripts imitate Latin ones.
    pub confusable_words: u32,
    /// Words with marks piled on their letters or struck through.
    pub zalgo: u32,
    /// Segments decoded, by encoding.
    pub decoded: [u32; Via::COUNT],
    /// Bytes decoded.
    pub decoded_bytes: u32,
    /// Whether there was more to decode than is added.
    pub truncated: bool,
}

impl Hidden {
    /// How many segments were hidden in this way.
    pub const fn by(&self, via: Via) -> u32 {
        self.decoded[via as usize]
    }

    /// How many segments were decoded.
    pub fn segments(&self) -> u32 {
        self.decoded.iter().sum()
    }

    /// Whether nothing was hidden.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Stands between two segments. No rule's text has it inside.
pub const SEPARATOR: char = '\u{1e}';

/// Segments decoded from one text, at most.
const MOST_SEGMENTS: usize = 256;

/// What decoding adds to a text, at most: as much again, and this.
const MOST_ADDED: usize = 16 * 1024;

/// Encodings one within another, at most.
const DEEPEST: u8 = 3;

/// All texts of a request, ready for one pass.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The segments, each followed by a separator.
    pub buffer: String,
    /// In the order of the buffer.
    pub segments: Vec<Segment>,
    hidden: Vec<Hidden>,
}

/// A part of the buffer that comes from one text.
#[derive(Debug)]
pub struct Segment {
    /// Which text.
    pub text: u32,
    /// Where in the buffer.
    pub range: Range<usize>,
    /// How it was hidden: the innermost of several encodings.
    pub via: Via,
    /// `None` if it is the text as it came.
    map: Option<Map>,
}

impl Segment {
    /// A part of the buffer that stands there as it stood in its text.
    pub const fn plain(text: u32, range: Range<usize>) -> Self {
        Self {
            text,
            range,
            via: Via::Plain,
            map: None,
        }
    }
}

impl Sheet {
    /// Writes texts onto a sheet.
    pub fn new(texts: &[Text]) -> Self {
        let mut sheet = Self::default();
        sheet
            .buffer
            .reserve(texts.iter().map(|text| text.value.len() + 1).sum());
        for (number, text) in texts.iter().enumerate() {
            sheet.add(number as u32, text.value);
        }
        sheet
    }

    /// The segment around a place in the buffer.
    pub fn segment_at(&self, place: usize) -> Option<&Segment> {
        let after = self.segments.partition_point(|s| s.range.start <= place);
        self.segments[..after]
            .last()
            .filter(|s| place < s.range.end)
    }

    /// Where something in the buffer stands in its text as it came. Of a decoded segment, the smallest stretch that gave
    /// all of it.
    pub fn original(&self, segment: &Segment, range: Range<usize>) -> Range<usize> {
        let range = range.start - segment.range.start..range.end - segment.range.start;
        segment
            .map
            .as_ref()
            .map_or(range.clone(), |map| map.original(&range))
    }

    /// What was hidden in a text, by its number.
    pub fn hidden(&self, text: usize) -> &Hidden {
        &self.hidden[text]
    }

    fn add(&mut self, number: u32, text: &str) {
        let mut hidden = Hidden::default();
        let mut unseen = Vec::new();
        let mut cleaned = None;
        if !text.is_ascii() {
            let found = clean::clean(text, &mut hidden);
            (cleaned, unseen) = (found.text, found.unseen);
        }
        let (plain, map) = match &cleaned {
            Some(draft) => (draft.text.as_str(), Some(&draft.map)),
            None => (text, None),
        };
        self.push(number, Via::Plain, plain, map.cloned());
        let mut found = Vec::new();
        decode(plain, &mut found);
        if let Some(map) = map {
            found
                .iter_mut()
                .for_each(|(_, draft)| draft.map = std::mem::take(&mut draft.map).behind(map));
        }
        unseen.append(&mut found);
        self.decoded(number, text.len() + MOST_ADDED, unseen, &mut hidden);
        self.hidden.push(hidden);
    }

    /// Adds what was decoded, and what is encoded within that.
    fn decoded(&mut self, number: u32, most: usize, found: Vec<(Via, Draft)>, hidden: &mut Hidden) {
        let mut added = 0;
        let mut segments = 0;
        let mut level = found;
        let mut depth = 1;
        let mut known: Vec<(Via, usize, Range<usize>)> = Vec::new();
        while !level.is_empty() {
            let mut deeper = Vec::new();
            for (via, draft) in level {
                if segments == MOST_SEGMENTS || added + draft.text.len() + 1 > most {
                    hidden.truncated = true;
                    continue;
                }
                // What was left as it was, in the text around, was found before.
                let whole = (
                    via,
                    draft.text.len(),
                    draft.map.original(&(0..draft.text.len())),
                );
                if depth > 1 && known.contains(&whole) {
                    continue;
                }
                known.push(whole);
                added += draft.text.len() + 1;
                segments += 1;
                hidden.decoded[via as usize] += 1;
                hidden.decoded_bytes = hidden.decoded_bytes.saturating_add(draft.text.len() as u32);
                if depth < DEEPEST {
                    let mut inner = Vec::new();
                    decode(&draft.text, &mut inner);
                    inner.retain(|(inner, _)| *inner != via || via.is_block());
                    deeper.extend(inner.into_iter().map(|(via, mut found)| {
                        found.map = found.map.behind(&draft.map);
                        (via, found)
                    }));
                }
                self.push(number, via, &draft.text, Some(draft.map));
            }
            level = deeper;
            depth += 1;
        }
    }

    fn push(&mut self, text: u32, via: Via, value: &str, map: Option<Map>) {
        let start = self.buffer.len();
        self.buffer.push_str(value);
        self.segments.push(Segment {
            text,
            range: start..self.buffer.len(),
            via,
            map,
        });
        self.buffer.push(SEPARATOR);
    }
}

/// All that is encoded in a text.
fn decode(text: &str, out: &mut Vec<(Via, Draft)>) {
    let clues = scout::scout(text);
    blocks::decode(text, &clues, out);
    inline::decode(text, &clues, out);
    ciphers::decode(text, &clues, out);
}

#[cfg(test)]
mod tests;
