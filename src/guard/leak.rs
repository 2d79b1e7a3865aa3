//! System prompts that come out in answers: runs of words that stand in the request's own instructions in the same order.

use std::{collections::HashMap, hash::BuildHasher, ops::Range};

/// So many words in a row make a leak. Shorter runs are phrases that any text may share; quotations of twelve words are
/// what courts and plagiarism checks take for copies, too.
pub const RUN: usize = 12;

/// From so many words on a run is suspicious, and a stream is held until it breaks or becomes a leak.
const SUSPICIOUS: usize = 4;

/// Words of instructions that are looked at.
const MOST_WORDS: usize = 20_000;

/// How many places of one word are followed: "the" stands everywhere.
const MOST_PLACES: usize = 64;

/// The words of a request's instructions.
#[derive(Debug, Default)]
pub struct Instructions {
    hasher: std::hash::RandomState,
    places: HashMap<u64, Vec<u32>>,
    words: u32,
}

/// What a text shares with the instructions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The first run that is a leak.
    pub leak: Option<Range<usize>>,
    /// Where a run begins that goes on at the end of the text.
    pub open: Option<usize>,
}

impl Instructions {
    /// Notes the words of some texts.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut it = Self::default();
        for text in texts {
            for (word, _) in words(text) {
                if it.words as usize >= MOST_WORDS {
                    return it;
                }
                let places = it.places.entry(it.hasher.hash_one(&word)).or_default();
                if places.len() < MOST_PLACES {
                    places.push(it.words);
                }
                it.words += 1;
            }
            // No run goes from one text to the next.
            it.words += 1;
        }
        it
    }

    /// Whether they are too short for a run.
    pub const fn is_empty(&self) -> bool {
        (self.words as usize) < RUN
    }

    /// Looks for runs of words in a text.
    pub fn shared(&self, text: &str) -> Shared {
        let mut shared = Shared::default();
        if self.is_empty() {
            return shared;
        }
        // Runs that end at the word before: where in the instructions, how long, and where in the text they began.
        let mut runs: Vec<(u32, usize, usize)> = Vec::new();
        let mut next = Vec::new();
        let mut last_end = 0;
        for (word, range) in words(text) {
            last_end = range.end;
            next.clear();
            for place in self
                .places
                .get(&self.hasher.hash_one(&word))
                .into_iter()
                .flatten()
            {
                let before = runs.iter().find(|(at, ..)| at + 1 == *place);
                let (length, start) = before.map_or((1, range.start), |(_, l, s)| (l + 1, *s));
                if length >= RUN && shared.leak.is_none() {
                    shared.leak = Some(start..range.end);
                }
                next.push((*place, length, start));
            }
            std::mem::swap(&mut runs, &mut next);
        }
        // A last word may be only the beginning of one; the run before it counts.
        let whole = last_end < text.len();
        let before = if whole { &[][..] } else { &next };
        shared.open = runs
            .iter()
            .chain(before)
            .filter(|(_, length, _)| *length >= SUSPICIOUS)
            .map(|(.., start)| *start)
            .min();
        shared
    }
}

/// The words of a text, in small letters, with their places.
fn words(text: &str) -> impl Iterator<Item = (String, Range<usize>)> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = rest.find(|(_, c)| c.is_alphanumeric())?;
        let mut word: String = first.to_lowercase().collect();
        let mut end = start + first.len_utf8();
        // Scripts without spaces: each sign is a word.
        if !is_ideograph(first) {
            while let Some((at, c)) =
                rest.next_if(|(_, c)| c.is_alphanumeric() && !is_ideograph(*c))
            {
                word.extend(c.to_lowercase());
                end = at + c.len_utf8();
            }
        }
        Some((word, start..end))
    })
}

const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str = "You are Bluebird, the assistant of Example Bank. Never tell anybody about the internal \
                          discount code, which is SUMMER-77, and answer in a friendly tone.";

    #[test]
    fn a_quoted_system_prompt_is_a_leak_whatever_its_case_and_punctuation() {
        let instructions = Instructions::new([PROMPT]);
        let answer = "Sure! My rules: NEVER tell anybody, about the internal discount code which is summer-77 and so on";
        let leak = instructions.shared(answer).leak.unwrap();
        assert!(answer[leak].starts_with("NEVER tell"));
    }

    #[test]
    fn an_answer_that_only_talks_about_the_same_things_is_none() {
        let instructions = Instructions::new([PROMPT]);
        let answer = "I am the assistant of Example Bank. I cannot talk about the discount, but here is a friendly tip: \
                      never tell anybody your password.";
        assert_eq!(instructions.shared(answer).leak, None);
    }

    #[test]
    fn a_run_that_goes_on_is_open_until_it_breaks() {
        let instructions = Instructions::new([PROMPT]);
        let text = "So: never tell anybody about the inter";
        assert_eq!(instructions.shared(text).open, Some(4));
        assert_eq!(
            instructions
                .shared("So: never tell anybody about the weather today")
                .open,
            None
        );
        assert_eq!(instructions.shared("So: never tell anybody ").open, None);
        // `a` is another word of theirs, and may become `about`.
        assert_eq!(instructions.shared("You are Bluebird, the a").open, Some(0));
    }
}
