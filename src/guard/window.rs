//! Text across chunk borders: what of a stream to hold back, and what to let go.
//!
//! A lazy DFA over the patterns of all enforced rules, anchored at one place after the other, tells whether what begins
//! there could still become a finding. Everything before the first such place goes out at once; what is held is bounded
//! by the longest thing that a rule can find. Findings themselves come from the engine, so that streams and whole texts
//! get the same verdict.

use std::{
    cell::RefCell,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use regex_automata::{
    Anchored, Input, MatchKind,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson,
    util::syntax,
};

use super::redact::{Escape, Vault};

/// Text that was let go and is kept for what comes behind it: the words near a match, in bytes.
const LOOK_BACK: usize = 192;

/// Most that is held back of one text, in bytes: the longest private keys.
pub const MOST_HELD: usize = 16 * 1024;

/// Memory of the lazy DFA in each thread, in bytes.
const CACHE: usize = 8 * 1024 * 1024;

/// What the texts of enforced rules begin with.
#[derive(Debug)]
pub struct Starts(Vec<Automaton>);

/// Many keys have no telling beginning, and may stand right behind a letter: then every word that ends with a hexadecimal
/// digit could begin one. So what begins inside a word is held only from this length on.
const INSIDE_A_WORD: usize = 4;

/// One set of patterns.
struct Automaton {
    dfa: DFA,
    /// How long something that begins inside a word must be before it is held, in bytes.
    inside: usize,
    /// Tells the caches of one DFA from those of another.
    id: u64,
    /// First bytes that some pattern can begin with.
    first: Box<[bool; 256]>,
}

thread_local! {
    static CACHES: RefCell<Vec<(u64, Cache)>> = const { RefCell::new(Vec::new()) };
}

/// How many DFAs a thread keeps the memory of.
const MOST_CACHES: usize = 4;

/// What is known of the beginning of a text that is not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The first place at which something begins that could still become a finding.
    pub open: Option<usize>,
    /// The first place at which something begins that matched.
    pub matched: Option<usize>,
}

impl Look {
    fn with(self, other: Self) -> Self {
        let first = |a: Option<usize>, b: Option<usize>| a.into_iter().chain(b).min();
        Self {
            open: first(self.open, other.open),
            matched: first(self.matched, other.matched),
        }
    }
}

impl Starts {
    /// What patterns can begin with, each with whether its case does not matter. Everything that could become a finding is
    /// held; of `keys` that begin inside a word the first three letters may go.
    ///
    /// # Errors
    /// If a pattern has what the engine knows and a DFA does not.
    pub fn new<'p>(
        patterns: impl IntoIterator<Item = (&'p str, bool)>,
        keys: impl IntoIterator<Item = (&'p str, bool)>,
    ) -> Result<Self, String> {
        let mut automata = Vec::new();
        let patterns: Vec<_> = patterns.into_iter().collect();
        let keys: Vec<_> = keys.into_iter().collect();
        for (set, inside) in [(patterns, 0), (keys, INSIDE_A_WORD)] {
            if !set.is_empty() {
                automata.push(Automaton::new(set, inside)?);
            }
        }
        Ok(Self(automata))
    }

    /// Looks at the text from `from` on.
    fn look(&self, text: &[u8], from: usize) -> Look {
        let looks = self.0.iter().map(|automaton| automaton.look(text, from));
        looks.fold(Look::default(), Look::with)
    }
}

impl Automaton {
    /// Compiles patterns, each with whether its case does not matter.
    ///
    /// # Errors
    /// If a pattern has what the engine knows and a DFA does not.
    fn new(patterns: Vec<(&str, bool)>, inside: usize) -> Result<Self, String> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let patterns: Vec<String> = patterns
            .into_iter()
            .map(|(pattern, caseless)| match (caseless, pattern.is_ascii()) {
                (true, true) => format!("(?i-u:{pattern})"),
                (false, true) => format!("(?-u:{pattern})"),
                // Borders of words are ASCII's in the engine.
                (true, false) => format!("(?i:{})", pattern.replace(r"\b", r"(?-u:\b)")),
                (false, false) => format!("(?:{})", pattern.replace(r"\b", r"(?-u:\b)")),
            })
            .collect();
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(None);
        let dfa = DFA::builder()
            .configure(config)
            .syntax(syntax::Config::new().utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&patterns)
            .map_err(|e| e.to_string())?;
        let mut starts = Self {
            dfa,
            inside,
            id: IDS.fetch_add(1, Ordering::Relaxed),
            first: Box::new([true; 256]),
        };
        starts.find_first_bytes();
        Ok(starts)
    }

    /// Notes which bytes can begin something, after a letter and after anything else.
    fn find_first_bytes(&mut self) {
        let mut first = Box::new([false; 256]);
        let mut cache = self.dfa.create_cache();
        for (byte, can) in first.iter_mut().enumerate() {
            for before in [b"a", b" ", b"\n"] {
                let text = [before[0], byte as u8];
                let input = Input::new(&text).range(1..).anchored(Anchored::Yes);
                let alive = self
                    .dfa
                    .start_state_forward(&mut cache, &input)
                    .ok()
                    .and_then(|state| self.dfa.next_state(&mut cache, state, byte as u8).ok())
                    .is_none_or(|state| !state.is_dead());
                *can |= alive;
            }
        }
        self.first = first;
    }

    /// Looks at the text from `from` on.
    fn look(&self, text: &[u8], from: usize) -> Look {
        CACHES.with_borrow_mut(|caches| {
            let cache = match caches.iter().position(|(id, _)| *id == self.id) {
                Some(at) => {
                    caches.swap(0, at);
                    &mut caches[0].1
                }
                None => {
                    caches.truncate(MOST_CACHES - 1);
                    caches.insert(0, (self.id, self.dfa.create_cache()));
                    &mut caches[0].1
                }
            };
            let mut look = Look::default();
            // What was too short to be held has gone out, and may have gone on since.
            let gone = self.inside.saturating_sub(1);
            for start in from.saturating_sub(gone)..text.len() {
                if !self.first[usize::from(text[start])] {
                    continue;
                }
                let short = text.len() - start < self.inside
                    && start
                        .checked_sub(1)
                        .is_some_and(|before| text[before].is_ascii_alphanumeric());
                if short {
                    continue;
                }
                let (alive, matched) = self.run(cache, text, start);
                if matched {
                    look.matched.get_or_insert(start.max(from));
                }
                if alive {
                    look.open = Some(start.max(from));
                    break;
                }
            }
            look
        })
    }

    /// Whether something that begins at `start` could go on behind the text, and whether it matched.
    fn run(&self, cache: &mut Cache, text: &[u8], start: usize) -> (bool, bool) {
        // What the automaton cannot answer is taken for something that must be held.
        const UNKNOWN: (bool, bool) = (true, true);
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let Ok(mut state) = self.dfa.start_state_forward(cache, &input) else {
            return UNKNOWN;
        };
        let mut matched = false;
        for byte in &text[start..] {
            let Ok(next) = self.dfa.next_state(cache, state, *byte) else {
                return UNKNOWN;
            };
            state = next;
            if state.is_tagged() {
                if state.is_dead() {
                    return (false, matched);
                }
                if state.is_quit() {
                    return UNKNOWN;
                }
                matched |= state.is_match();
            }
        }
        // Matches show one byte late.
        matched |= self
            .dfa
            .next_eoi_state(cache, state)
            .is_ok_and(|state| state.is_match());
        (true, matched)
    }
}

impl std::fmt::Debug for Automaton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Automaton").field("id", &self.id).finish()
    }
}

/// What a rule wants done with a place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Where.
    pub range: Range<usize>,
    /// What is to stand there; nothing if the text must not go on.
    pub instead: Option<String>,
    /// The finder's own number for it.
    pub number: usize,
    /// Whether nothing that follows can make anything else of it.
    pub settled: bool,
}

/// Finds in a text what enforced rules want done: `complete` tells whether more could follow. In the order of places,
/// without overlaps.
pub trait Find {
    /// What begins behind `from` that no pattern tells.
    fn look(&mut self, _text: &str, _from: usize) -> Look {
        Look::default()
    }

    /// Looks through a text.
    fn find(&mut self, text: &str, complete: bool) -> Vec<Act>;
}

/// One text of a stream, on its way.
#[derive(Debug, Default)]
pub struct Window {
    /// A bit of what was let go, and what is held.
    text: String,
    /// Where what is held begins.
    held: usize,
    /// Set once the text was stopped.
    stopped: bool,
}

/// What may go out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The text to send, perhaps empty.
    pub text: String,
    /// Whether nothing more may follow.
    pub blocked: bool,
    /// The numbers of what was done to it.
    pub done: Vec<usize>,
}

impl Window {
    /// Takes the next piece of the text and gives what may go out.
    pub fn push(
        &mut self,
        piece: &str,
        starts: Option<&Starts>,
        vault: Option<&Vault>,
        escape: Escape,
        find: &mut dyn Find,
    ) -> Released {
        self.text.push_str(piece);
        self.release(false, starts, vault, escape, find)
    }

    /// Takes a text of which nothing goes out before [`finish`](Self::finish).
    pub fn hold(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The text has ended: all that is held may go out, or is stopped.
    pub fn finish(
        &mut self,
        starts: Option<&Starts>,
        vault: Option<&Vault>,
        escape: Escape,
        find: &mut dyn Find,
    ) -> Released {
        self.release(true, starts, vault, escape, find)
    }

    /// Whether something is held back.
    pub const fn holds(&self) -> bool {
        self.held < self.text.len()
    }

    fn release(
        &mut self,
        complete: bool,
        starts: Option<&Starts>,
        vault: Option<&Vault>,
        escape: Escape,
        find: &mut dyn Find,
    ) -> Released {
        if self.stopped {
            return Released {
                blocked: true,
                ..Released::default()
            };
        }
        let end = self.text.len();
        let look = starts
            .map_or_else(Look::default, |s| s.look(self.text.as_bytes(), self.held))
            .with(find.look(&self.text, self.held));
        let mut until = end;
        // What is held counts, not what came: a large piece is no way around it.
        let open = look.open.unwrap_or(end);
        let full = !complete && end - open > MOST_HELD;
        if !complete && !full {
            until = open;
        }
        if !complete
            && let Some(vault) = vault
            && let Some(open) = vault.open_tail(&self.text[self.held..])
        {
            until = until.min(self.held + open);
        }
        let mut acts = Vec::new();
        if look.matched.is_some_and(|at| at < until || until == end) {
            acts = find.find(&self.text, complete || full);
            acts.retain(|act| act.range.end > self.held);
            // What the gateway itself put there says nothing: the client gets its own words back.
            if let Some(vault) = vault.filter(|_| !acts.is_empty()) {
                let own = vault.places(&self.text);
                let within = |act: &Act| {
                    let place = own.partition_point(|place| place.end < act.range.end);
                    own.get(place)
                        .is_some_and(|place| place.start <= act.range.start)
                };
                acts.retain(|act| !within(act));
            }
            for act in &acts {
                let range = &act.range;
                // It touches the end, so perhaps there is more of it to come.
                if !complete && !full && !act.settled && range.end >= until {
                    until = until.min(range.start.max(self.held));
                }
            }
        }
        // No stand-in goes out in two parts, or its original would not come back.
        if !complete && let Some(vault) = vault.filter(|_| until < end) {
            let own = vault.places(&self.text[self.held..]);
            let cut = own
                .iter()
                .find(|place| (place.start + 1..place.end).contains(&(until - self.held)));
            until = cut.map_or(until, |place| self.held + place.start);
        }
        while !self.text.is_char_boundary(until) {
            until -= 1;
        }
        let mut out = String::with_capacity(until - self.held);
        let mut at = self.held;
        let mut done = Vec::new();
        for act in acts {
            let range = act.range;
            // What may still become something else waits for it: `KD-123456` for the seventh digit, with which it is none.
            if !complete && !full && !act.settled && range.end > until {
                continue;
            }
            // One that must not pass stops the text before anything of it goes out.
            let Some(instead) = act.instead else {
                done.push(act.number);
                let good = range.start.min(until);
                out.push_str(self.text.get(at..good).unwrap_or_default());
                self.stopped = true;
                self.text.clear();
                self.held = 0;
                return Released {
                    text: restored(vault, &out, escape),
                    blocked: true,
                    done,
                };
            };
            if range.start >= until || range.end <= at {
                continue;
            }
            done.push(act.number);
            out.push_str(&self.text[at..range.start.max(at)]);
            out.push_str(&instead);
            at = range.end;
        }
        out.push_str(self.text.get(at..until).unwrap_or_default());
        self.held = until.max(at);
        self.forget();
        Released {
            text: restored(vault, &out, escape),
            blocked: false,
            done,
        }
    }

    /// Lets go of what is far behind.
    fn forget(&mut self) {
        if self.held > 4 * LOOK_BACK {
            let mut cut = self.held - LOOK_BACK;
            while !self.text.is_char_boundary(cut) {
                cut -= 1;
            }
            self.text.drain(..cut);
            self.held -= cut;
        }
    }
}

fn restored(vault: Option<&Vault>, text: &str, escape: Escape) -> String {
    match vault {
        Some(vault) => vault.restore(text, escape).into_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
