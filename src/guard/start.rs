//! Where a match begins, of which only the end is known.
//!
//! To tell starts costs Hyperscan two to three times what a scan costs without them. Few things match, so their starts are
//! found by reading backwards from their ends.

use std::sync::OnceLock;

use regex_automata::{
    Anchored, Input, MatchKind,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson,
    util::{pool::Pool, syntax},
};

type Caches = Pool<
    Cache,
    Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>,
>;

/// Reads a pattern backwards.
pub struct Backwards {
    pattern: String,
    /// Made when something matches for the first time: most patterns never do.
    ready: OnceLock<Option<(DFA, Caches)>>,
}

/// Memory for the states of one pattern in one thread at most.
const CACHE: usize = 1 << 20;

impl Backwards {
    /// For a pattern, and whether its case does not matter.
    pub fn new(pattern: &str, caseless: bool) -> Self {
        let unicode = if pattern.is_ascii() { "-u" } else { "" };
        let case = if caseless { "i" } else { "" };
        let pattern = if unicode.is_empty() && case.is_empty() {
            ascii_classes(pattern)
        } else if unicode.is_empty() {
            format!("(?i:{})", ascii_classes(pattern))
        } else {
            format!("(?{case}{unicode}:{pattern})")
        };
        Self {
            pattern,
            ready: OnceLock::new(),
        }
    }

    /// The first place from which a match reaches to the end of a part of a text. What stands around the part is seen.
    pub fn start(&self, text: &[u8], part: std::ops::Range<usize>) -> Option<usize> {
        let (dfa, caches) = self.ready.get_or_init(|| self.make()).as_ref()?;
        let input = Input::new(text).span(part).anchored(Anchored::Yes);
        let found = dfa.try_search_rev(&mut caches.get(), &input).ok()??;
        Some(found.offset())
    }

    fn make(&self) -> Option<(DFA, Caches)> {
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(None);
        let dfa = DFA::builder()
            .configure(config)
            .syntax(syntax::Config::new().utf8(false))
            .thompson(thompson::Config::new().utf8(false).reverse(true))
            .build(&self.pattern)
            .ok()?;
        let other = dfa.clone();
        Some((dfa, Pool::new(Box::new(move || other.create_cache()))))
    }
}

/// The classes of a pattern as Hyperscan takes them: those of ASCII.
pub(super) fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() * 2);
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            out.push(sign);
            continue;
        }
        match signs.next() {
            Some('b') => out.push_str(r"(?-u:\b)"),
            Some('B') => out.push_str(r"(?-u:\B)"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('s') => out.push_str(r"[\t-\r ]"),
            Some('S') => out.push_str(r"[^\t-\r ]"),
            other => {
                out.push('\\');
                out.extend(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(pattern: &str, caseless: bool, text: &str, end: usize) -> Option<usize> {
        Backwards::new(pattern, caseless).start(text.as_bytes(), 0..end)
    }

    #[test]
    fn the_first_start_is_found() {
        assert_eq!(start(r"\b\d{2,4}\b", false, "a 1234 b", 6), Some(2));
        assert_eq!(start(r"\d{2,4}", false, "a 123456 b", 8), Some(4));
        assert_eq!(start(r"[a-z]+@[a-z]+", true, "to JOE@EXAMPLE", 14), Some(3));
    }

    #[test]
    fn what_stands_behind_the_end_counts_as_a_border() {
        assert_eq!(start(r"\b\d{2}\b", false, "12x", 2), None);
        assert_eq!(start(r"\b\d{2}\b", false, "12 x", 2), Some(0));
    }

    #[test]
    fn classes_are_those_of_ascii_in_patterns_that_are_not() {
        assert_eq!(start(r"é\w+", false, "éab", 4), Some(0));
        assert_eq!(start(r"\w*é", false, "üabé", 6), Some(2));
        assert_eq!(start(r"[\w.]*é", true, "üa.É", 6), Some(2));
    }
}
