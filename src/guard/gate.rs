//! Where in a text a pattern can match at all.
//!
//! Numbers of all kinds have no fixed words in them, so a matcher has to run their patterns over every byte. But each
//! needs some digits close together, and most of an honest text has none; others need a long run without a space. What a
//! pattern needs is read off its syntax, and it is looked for only in the islands of a text that have it.

use std::ops::Range;

use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};

use super::start::ascii_classes;

/// From so many digits on it makes no difference how many there must be.
const MOST: usize = 5;

/// How long matches may be at most, by the digits in them: islands around few digits must be small.
const LONGEST: [usize; MOST + 1] = [0, 16, 24, 32, 32, 128];

/// The same where words stand beside the digits.
const LONGEST_LABELLED: [usize; MOST + 1] = [0, 0, 0, 0, 256, 512];

/// Length from which a run of bytes without a space is rare in honest text.
const RUN: usize = 17;

/// Places where patterns are looked for. Each has a database of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// The whole text.
    Open,
    /// Around digits.
    Numbers,
    /// Around digits, but farther.
    Labelled,
    /// Around colons.
    Colons,
    /// In long runs without a space.
    Runs,
}

/// All of them.
pub const GATES: [Gate; 5] = [
    Gate::Open,
    Gate::Numbers,
    Gate::Labelled,
    Gate::Colons,
    Gate::Runs,
];

/// Where patterns are looked for that need the same thing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Islands {
    /// The longest match, by how many of the signs it has.
    lengths: [usize; MOST + 1],
}

/// Where to look for a pattern. `digits` is what is known of its matches beyond the pattern, `reach` how long they are if
/// the pattern has no limit. The islands are made wide enough for it.
pub fn gate(
    pattern: &str,
    caseless: bool,
    digits: usize,
    reach: Option<usize>,
    islands: &mut [Islands; GATES.len()],
) -> Gate {
    let (gate, signs, length) =
        need(pattern, caseless, digits, reach).unwrap_or((Gate::Open, 0, 0));
    let longest = &mut islands[gate as usize].lengths[signs];
    *longest = length.max(*longest);
    gate
}

/// The gate of a pattern, the signs that its matches have at least, and their length.
fn need(
    pattern: &str,
    caseless: bool,
    digits: usize,
    reach: Option<usize>,
) -> Option<(Gate, usize, usize)> {
    let ascii = pattern.is_ascii();
    let hir = ParserBuilder::new()
        .unicode(!ascii)
        .utf8(false)
        .case_insensitive(caseless)
        .build()
        .parse(&ascii_classes(pattern))
        .ok()?;
    // The start and the end of a text are not those of an island.
    if hir.properties().look_set().contains_anchor() {
        return None;
    }
    let digits = fewest(&hir, &|from, to| from >= b'0' && to <= b'9')
        .max(digits)
        .min(MOST);
    let colons = fewest(&hir, &|from, to| from == b':' && to == b':').min(MOST);
    let length = hir.properties().maximum_len().or(reach);
    if let Some(length) = length
        && length <= LONGEST[digits]
    {
        return Some((Gate::Numbers, digits, length));
    }
    let spaceless = fewest(&hir, &|from, to| {
        from > b' ' || to < b'\t' || from > b'\r' && to < b' '
    });
    if spaceless >= RUN && Some(spaceless) == hir.properties().minimum_len() && never_a_space(&hir)
    {
        return Some((Gate::Runs, 0, 0));
    }
    let length = length?;
    if colons > 1 && length <= LONGEST[MOST] {
        return Some((Gate::Colons, colons, length));
    }
    (length <= LONGEST_LABELLED[digits]).then_some((Gate::Labelled, digits, length))
}

/// How many bytes of a kind every match has at least. The kind is asked about ranges of bytes.
fn fewest(hir: &Hir, is: &dyn Fn(u8, u8) -> bool) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.iter().filter(|b| is(**b, **b)).count(),
        HirKind::Class(class) => usize::from(match class {
            Class::Bytes(class) => class.ranges().iter().all(|r| is(r.start(), r.end())),
            Class::Unicode(class) => class.ranges().iter().all(|r| {
                let byte = |c: char| u8::try_from(c).unwrap_or(u8::MAX).min(0x80);
                is(byte(r.start()), byte(r.end()))
            }),
        }),
        HirKind::Repetition(repetition) => {
            fewest(&repetition.sub, is).saturating_mul(repetition.min as usize)
        }
        HirKind::Capture(capture) => fewest(&capture.sub, is),
        HirKind::Concat(parts) => parts
            .iter()
            .map(|part| fewest(part, is))
            .fold(0, usize::saturating_add),
        HirKind::Alternation(parts) => parts.iter().map(|part| fewest(part, is)).min().unwrap_or(0),
    }
}

/// Whether no match has a space in it.
fn never_a_space(hir: &Hir) -> bool {
    let space = |from: u8, to: u8| (from..=to).any(is_space);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => !literal.0.iter().copied().any(is_space),
        HirKind::Class(Class::Bytes(class)) => {
            !class.ranges().iter().any(|r| space(r.start(), r.end()))
        }
        HirKind::Class(Class::Unicode(_)) => false,
        HirKind::Repetition(repetition) => never_a_space(&repetition.sub),
        HirKind::Capture(capture) => never_a_space(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(never_a_space),
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

impl Islands {
    /// The parts of a text in which the patterns of a gate are looked for, with one byte more on each side, so that what
    /// looks like the border of a word is one.
    pub fn find(&self, gate: Gate, text: &str, islands: &mut Vec<Range<usize>>) {
        islands.clear();
        match gate {
            Gate::Open => islands.push(0..text.len()),
            Gate::Numbers | Gate::Labelled => {
                self.around(text.as_bytes(), |b| b.is_ascii_digit(), islands)
            }
            Gate::Colons => self.around(text.as_bytes(), |b| b == b':', islands),
            Gate::Runs => runs(text.as_bytes(), islands),
        }
        // Patterns that are not of ASCII want whole characters.
        for island in islands {
            while !text.is_char_boundary(island.start) {
                island.start -= 1;
            }
            while !text.is_char_boundary(island.end) {
                island.end += 1;
            }
        }
    }

    #[inline]
    fn around(&self, text: &[u8], is: impl Fn(u8) -> bool, islands: &mut Vec<Range<usize>>) {
        const BLOCK: usize = 64;
        // The places of the last signs, the newest first.
        let mut places = [usize::MAX; MOST];
        for (number, block) in text.chunks(BLOCK).enumerate() {
            // Without a branch for each byte, so that the compiler takes many at once.
            if !block.iter().fold(false, |any, b| any | is(*b)) {
                continue;
            }
            for (n, byte) in block.iter().enumerate() {
                if !is(*byte) {
                    continue;
                }
                let place = number * BLOCK + n;
                places.copy_within(..MOST - 1, 1);
                places[0] = place;
                for (first, length) in places.iter().zip(&self.lengths[1..]) {
                    if *first != usize::MAX && place - first < *length {
                        let island =
                            place.saturating_sub(*length)..(first + length + 1).min(text.len());
                        add(islands, island);
                    }
                }
            }
        }
    }
}

/// The long runs of bytes that are no spaces.
fn runs(text: &[u8], islands: &mut Vec<Range<usize>>) {
    let mut at = RUN - 1;
    while at < text.len() {
        // A long run has one of these places in it. The last space before it is where the run cannot have begun.
        let from = at + 1 - RUN;
        match text[from..=at].iter().rposition(|b| is_space(*b)) {
            Some(space) => at = from + space + RUN,
            None => {
                let end = text[at..]
                    .iter()
                    .position(|b| is_space(*b))
                    .map_or(text.len(), |n| at + n);
                islands.push(from.saturating_sub(1)..(end + 1).min(text.len()));
                at = end + RUN;
            }
        }
    }
}

/// Adds a part to the parts so far.
fn add(islands: &mut Vec<Range<usize>>, mut new: Range<usize>) {
    while let Some(last) = islands.last_mut() {
        if new.start > last.end {
            break;
        }
        new = new.start.min(last.start)..new.end.max(last.end);
        islands.pop();
    }
    islands.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], text: &str) -> Vec<Range<usize>> {
        let mut islands = Default::default();
        let gates: Vec<Gate> = patterns
            .iter()
            .map(|p| gate(p, false, 0, None, &mut islands))
            .collect();
        assert!(gates.windows(2).all(|pair| pair[0] == pair[1]));
        let mut all = Vec::new();
        islands[gates[0] as usize].find(gates[0], text, &mut all);
        all
    }

    #[test]
    fn what_a_pattern_needs_is_read_off_it() {
        let of = |pattern| need(pattern, false, 0, None);
        assert_eq!(of(r"\b\d{3}-\d{2}\b"), Some((Gate::Numbers, 5, 6)));
        assert_eq!(of(r"\b(?:12|[A-Z]3)x{0,4}"), Some((Gate::Numbers, 1, 6)));
        assert_eq!(of(r"[0-9a]{9}"), None);
        assert_eq!(of(r"\d+"), None);
        assert_eq!(of(r"^\d{5}"), None);
        assert_eq!(
            of(r"паспорт.{1,9}\d{6}"),
            Some((Gate::Numbers, 5, 14 + 36 + 6))
        );
        assert_eq!(of(r"number.{1,200}\d{6}"), Some((Gate::Labelled, 5, 212)));
        assert_eq!(of(r"\b[0-9a-f]{20,}\b"), Some((Gate::Runs, 0, 0)));
        assert_eq!(of(r"[0-9a-f ]{20,30}"), None);
        assert_eq!(of(r"[a-f]{1,4}:[a-f]?:"), Some((Gate::Colons, 2, 7)));
        assert_eq!(
            need(r"\w+", false, 6, Some(40)),
            Some((Gate::Numbers, 5, 40))
        );
    }

    #[test]
    fn a_text_without_digits_has_no_islands() {
        assert!(found(&[r"\b\d{5}\b"], &"no digits at all, ".repeat(50)).is_empty());
        assert!(found(&[r"\b\d{5}\b"], "in 2024 there were four").is_empty());
    }

    #[test]
    #[expect(
        clippy::single_range_in_vec_init,
        reason = "lists of ranges, each with one"
    )]
    fn an_island_has_a_byte_around_every_match_in_it() {
        let text = format!("{}12345 and 9{}", "x".repeat(200), "y".repeat(200));
        assert_eq!(found(&[r"\d{5}"], &text), [199..206]);
        assert_eq!(found(&[r"[ab]{0,3}\d{5}[ab]{0,3}"], &text), [193..213]);
        assert_eq!(found(&[r"\d[a-z]"], "a 1b"), [0..4]);
    }

    #[test]
    fn long_runs_are_found_wherever_they_stand() {
        let run = "z".repeat(RUN);
        for before in 0..40 {
            let text = format!("{}ab {run} and {run}", " ".repeat(before));
            let first = before + 2..before + 2 + RUN + 2;
            let second = first.end + 3..first.end + 3 + RUN + 1;
            assert_eq!(found(&[r"z{17,30}"], &text), [first, second], "{before}");
        }
        assert!(found(&[r"z{17,30}"], &format!("{} a", &run[1..])).is_empty());
    }
}
