//! Writes fields onto a sheet: each as it came, as it reads once encodings are undone, and with the facts about it.

use super::{
    address, base64, decode,
    decode::Seen,
    fields::{Fields, Part},
    sqli,
};
use crate::guard::view::{SEPARATOR, Segment, Sheet};

/// Bytes of a sheet at most; what is longer is cut and said to be.
const MOST_BYTES: usize = 4 << 20;

/// Rounds of escapes inside of escapes that are undone.
const ROUNDS: usize = 3;

/// Begins and ends each segment.
const STX: char = '\u{2}';
const ETX: char = '\u{3}';

/// A sheet, and of each of its segments the field, and whether it is a fact about it.
#[derive(Default)]
pub(super) struct Written {
    pub sheet: Sheet,
    pub places: Vec<(u32, bool)>,
    pub capped: bool,
}

/// Writes all fields.
pub(super) fn write(fields: &Fields) -> Written {
    let mut out = Written::default();
    let bytes: usize = fields.list.iter().map(|f| f.value.len() + 8).sum();
    out.sheet.buffer.reserve(bytes + bytes / 2);
    for (number, field) in fields.list.iter().enumerate() {
        let number = number as u32;
        if out.sheet.buffer.len() > MOST_BYTES {
            out.capped = true;
            break;
        }
        let mut facts: Vec<&'static str> = Vec::new();
        out.forms(number, field.part, &field.value, &mut facts);
        if !facts.is_empty() {
            let steers = address::is_endpoint(&field.name);
            for fact in facts {
                let part = if steers && fact.starts_with("ssrf") {
                    "endpoint"
                } else {
                    field.part.name()
                };
                out.fact(number, part, fact);
            }
        }
    }
    for (number, fact) in &fields.facts {
        out.fact(*number, fields.list[*number as usize].part.name(), fact);
    }
    out
}

impl Written {
    fn segment(&mut self, field: u32, text: &str) {
        self.begin(field, false);
        if text.bytes().any(|b| matches!(b, 0x02 | 0x03 | 0x1e)) {
            self.sheet
                .buffer
                .push_str(&text.replace(['\u{2}', '\u{3}', SEPARATOR], "\u{1f}"));
        } else {
            self.sheet.buffer.push_str(text);
        }
        self.end();
    }

    fn fact(&mut self, field: u32, part: &str, fact: &str) {
        self.begin(field, true);
        for piece in [part, ":", fact] {
            self.sheet.buffer.push_str(piece);
        }
        self.end();
    }

    fn begin(&mut self, field: u32, fact: bool) {
        let start = self.sheet.buffer.len();
        let segment = Segment::plain(self.places.len() as u32, start..start);
        self.sheet.segments.push(segment);
        self.places.push((field, fact));
        self.sheet.buffer.push(STX);
    }

    fn end(&mut self) {
        self.sheet.buffer.push(ETX);
        let end = self.sheet.buffer.len();
        if let Some(last) = self.sheet.segments.last_mut() {
            last.range.end = end;
        }
        self.sheet.buffer.push(SEPARATOR);
    }

    /// All forms of a field, and what is to be said about it.
    fn forms(&mut self, field: u32, part: Part, value: &str, facts: &mut Vec<&'static str>) {
        let first_fact = facts.len();
        let mut seen = Seen::default();
        let encoded = matches!(part, Part::Path | Part::Query | Part::Form);
        let plus = matches!(part, Part::Query | Part::Form);
        let plain = if encoded {
            decode::percent(value, plus, &mut seen)
        } else {
            None
        };
        let plain = plain.as_deref().unwrap_or(value);
        self.segment(field, plain);
        if part == Part::Model && odd_model(plain) {
            facts.push("odd_model");
        }
        if plain.is_empty() || matches!(part, Part::Protocol | Part::HeaderName) {
            return;
        }
        // A fetched document that is part of its own address.
        if part == Part::Fetch
            && plain
                .get(..5)
                .is_some_and(|s| s.eq_ignore_ascii_case("data:"))
        {
            return;
        }
        let simple = plain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-' | b'.' | b','));
        let mut decoded = None;
        if !simple {
            decoded = self.decoded(field, plain, encoded, &mut seen, facts);
        }
        let text = decoded.as_deref().unwrap_or(plain);
        if part != Part::UserAgent
            && part != Part::Path
            && let Some(hidden) = base64::texts(text)
        {
            self.segment(field, &hidden);
            if let Some(more) = decode::escapes(&hidden, &mut Seen::default()) {
                self.segment(field, &more);
            }
        }
        if simple {
            if part == Part::Fetch {
                address::facts(text, true, facts);
            }
            if text.contains(' ') && part != Part::UserAgent {
                sqli::facts(text, facts);
            }
            return;
        }
        let plain_comments = decode::without_comments(text);
        if let Some(folded) = &plain_comments {
            self.segment(field, folded);
        }
        if part != Part::UserAgent {
            if let Some(bare) = decode::without_quoting(text) {
                self.segment(field, &bare);
            }
            if let Some(path) = decode::path(text) {
                self.segment(field, &path);
            }
            sqli::facts(plain_comments.as_deref().unwrap_or(text), facts);
        }
        address::facts(text, part == Part::Fetch, facts);
        for (is, fact) in [
            (seen.overlong, "overlong_utf8"),
            (seen.broken, "broken_escape"),
            (seen.unicode, "percent_u"),
        ] {
            if is {
                facts.push(fact);
            }
        }
        if text.contains('\0') {
            facts.push("null_byte");
        }
        facts[first_fact..].sort_unstable();
        facts.dedup();
    }

    /// With escapes undone, round by round; the last form is given back, each is written.
    fn decoded(
        &mut self,
        field: u32,
        plain: &str,
        encoded: bool,
        seen: &mut Seen,
        facts: &mut Vec<&'static str>,
    ) -> Option<String> {
        let mut last: Option<String> = None;
        for round in 0..ROUNDS {
            let before = last.as_deref().unwrap_or(plain);
            let Some(next) = decode::escapes(before, seen) else {
                break;
            };
            if encoded && round == 0 && hides(before) {
                facts.push("double_encoding");
            }
            self.segment(field, &next);
            last = Some(next);
        }
        last
    }
}

/// Whether a name has characters that no name of a model has: those of ARNs, paths, tags and versions are
/// letters, digits and `._:/@-+`, with a single space in display names and `*` in lists of patterns.
fn odd_model(name: &str) -> bool {
    let odd = |c: char| c.is_ascii() && !(c.is_ascii_alphanumeric() || "._:/@-+ *".contains(c));
    let words = name.split(' ').count();
    name.chars().any(odd)
        || words > 3
        || name.contains("..")
        || name.contains("://")
        || name.trim() != name
}

/// Whether characters of attacks are percent-encoded where none should be any more.
fn hides(text: &str) -> bool {
    let attack = [
        "%27", "%22", "%3c", "%3e", "%2e", "%2f", "%5c", "%00", "%0a", "%0d", "%28", "%3b", "%c0",
        "%25",
    ];
    text.as_bytes()
        .windows(3)
        .any(|w| w[0] == b'%' && attack.iter().any(|a| a.as_bytes().eq_ignore_ascii_case(w)))
}
