//! Names of persons: by a title or label in front, or because a given name of the lists in `conf/names/` begins them.
//!
//! The lists hold what people are called in some forty countries with Latin letters; a word that means something else,
//! too, needs a certain name beside it.

use std::{collections::HashSet, ops::Range, sync::LazyLock};

use super::{Confirm, Match};

/// The checks of this file by name.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("person_listed", listed),
    ("person_titled", titled),
    ("person_greeted", greeted),
    ("person_given", given),
    ("person_cjk", cjk),
];

/// Words of a name at most: what stands behind them is text.
const MOST_WORDS: usize = 6;

static GIVEN: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lines(include_str!("../../../conf/names/given.txt")));
static SURNAMES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lines(include_str!("../../../conf/names/surnames.txt")));
static WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lines(include_str!("../../../conf/names/words.txt")));
static SUFFIXES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lines(include_str!("../../../conf/names/suffixes.txt")));
static CJK: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lines(include_str!("../../../conf/names/cjk.txt")));

fn lines(text: &'static str) -> HashSet<&'static str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// Parts that join others: van der, de la, dos.
const PARTICLES: &[&str] = &[
    "van", "von", "de", "der", "den", "del", "della", "di", "da", "das", "do", "dos", "du", "la",
    "le", "los", "las", "ter", "ten", "zu", "bin", "ibn", "al", "el", "y", "e", "af", "av", "zum",
    "zur", "'t", "het", "d'",
];

/// Suffixes that are frequent surnames, too.
const ALSO_SURNAMES: &[&str] = &[
    "Hall", "Park", "Hill", "Lane", "Woods", "Church", "Field", "House", "Bridge", "Bank",
];

/// Degrees behind a name belong to it.
const DEGREES: &[&str] = &[
    "B.A", "B.Sc", "B.Eng", "M.A", "M.Sc", "M.Eng", "MBA", "M.B.A", "M.D", "MD", "Ph.D", "PhD",
    "DDS", "DVM", "Jr", "Sr", "III", "II", "LL.M", "BSc", "MSc", "Esq", "CPA",
];

/// Ends of surnames that tell them from words, whatever stands before.
const SURNAME_ENDS: &[&str] = &[
    "ović", "ević", "czyk", "sson", "dóttir", "dottir", "enko", "escu", "oğlu", "shvili", "owski",
    "owska", "ewski", "ewska", "iński", "ińska", "ański", "ańska", "opoulos", "poulou", "akis",
    "berger", "mann", "ström", "qvist", "gård", "stad",
];

/// A word of a candidate.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    start: usize,
}

/// The words at the beginning of a text: one space or hyphenless break between them, none over a line.
fn words(text: &str, from: usize) -> Vec<Word<'_>> {
    let mut found = Vec::with_capacity(MOST_WORDS);
    let mut at = from;
    for piece in text[from..].split(' ').take(MOST_WORDS + 2) {
        let end = piece
            .find(|c: char| !(c.is_alphabetic() || matches!(c, '-' | '\'' | '’' | '.')))
            .unwrap_or(piece.len());
        let word = &piece[..end];
        // A point belongs to initials and titles only.
        let short = word.chars().count() <= 3;
        let word = if short {
            word
        } else {
            word.split('.').next().unwrap_or(word)
        };
        let word = word.trim_end_matches(['-', '\'', '’']);
        if word.is_empty() {
            break;
        }
        found.push(Word {
            text: word,
            start: at,
        });
        at += piece.len() + 1;
        if word.len() != piece.len() {
            break;
        }
    }
    found
}

/// A word without the ending of the genitive.
fn bare(word: &str) -> &str {
    word.strip_suffix("'s")
        .or_else(|| word.strip_suffix("’s"))
        .unwrap_or(word)
}

fn known(list: &HashSet<&str>, word: &str) -> bool {
    let bare = bare(word);
    if list.contains(bare) {
        return true;
    }
    if bare.len() > 3 && bare.chars().all(|c| c.is_uppercase() || c == '-') {
        return list.contains(capitalised(bare).as_str());
    }
    // Double names by their parts.
    bare.contains('-')
        && bare
            .split('-')
            .all(|part| list.contains(capitalised(part).as_str()))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first
            .to_uppercase()
            .chain(letters.flat_map(char::to_lowercase))
            .collect()
    })
}

fn is_upper(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase)
}

fn is_initial(word: &str) -> bool {
    let mut letters = word.trim_end_matches('.').chars();
    letters.next().is_some_and(char::is_uppercase) && letters.next().is_none()
}

fn is_common(word: &str) -> bool {
    known(&WORDS, word)
}

/// Given name in the list that means nothing else.
fn is_certain(word: &str) -> bool {
    known(&GIVEN, word) && !is_common(word)
}

/// How many words from a place on are one name that begins with a given name; 0 if none.
fn length(words: &[Word]) -> usize {
    let Some(first) = words.first() else { return 0 };
    if !known(&GIVEN, first.text) {
        let second = words
            .get(1)
            .filter(|second| is_upper(second.text) && !is_common(second.text));
        let told = second.is_some_and(|second| {
            SURNAME_ENDS
                .iter()
                .any(|end| bare(second.text).ends_with(end))
        });
        return if told && is_upper(first.text) && first.text.len() > 2 && !is_common(first.text) {
            2
        } else {
            0
        };
    }
    let sure = is_certain(first.text);
    let mut end = 0;
    let mut at = 1;
    let mut joined = false;
    while let Some(word) = words.get(at).filter(|_| at < MOST_WORDS) {
        let text = word.text;
        if is_initial(text) && words.get(at + 1).is_some_and(|next| is_upper(next.text)) {
            joined = sure;
        } else if PARTICLES.contains(&text.to_lowercase().as_str()) {
            joined = true;
        } else if !is_upper(text)
            || SUFFIXES.contains(text) && !(sure && end == 0 && ALSO_SURNAMES.contains(&text))
        {
            break;
        } else {
            let surname = known(&SURNAMES, text) || known(&GIVEN, text);
            let common = is_common(text);
            let fits = match (sure, end > 0) {
                // A second surname must be one; the first one may be unknown if the given name is certain.
                (_, true) => (surname || joined) && !common,
                (true, false) => surname || !common,
                (false, false) => known(&SURNAMES, text) && !common,
            };
            if !fits {
                break;
            }
            end = at + 1;
            joined = false;
        }
        at += 1;
    }
    // "Virginia Woolf Institute", "Jordan Baker Street".
    if end > 0
        && words
            .get(end)
            .is_some_and(|next| SUFFIXES.contains(next.text))
    {
        return 0;
    }
    end
}

/// Where some words stand, with a degree behind them.
fn range(text: &str, words: &[Word]) -> Range<usize> {
    let last = words[words.len() - 1];
    let mut end = last.start + bare(last.text).len();
    let behind = text[end..].trim_start_matches(',');
    if let Some(rest) = behind.strip_prefix(' ') {
        let found = DEGREES.iter().filter(|degree| {
            let next = rest.strip_prefix(**degree).map(|r| r.chars().next());
            next.is_some_and(|c| c.is_none_or(|c| !c.is_alphanumeric()))
        });
        if let Some(degree) = found.max_by_key(|degree| degree.len()) {
            end = text.len() - rest.len() + degree.len();
            end += usize::from(degree.contains('.') && text[end..].starts_with('.'));
        }
    }
    words[0].start..end
}

/// A given name of the list and what belongs to it, somewhere among capitalised words.
fn listed(m: Match) -> Option<Range<usize>> {
    if m.before()
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '/' | '@' | '.' | '-' | '#'))
    {
        return None;
    }
    let all = words(m.text, m.start);
    (0..all.len()).find_map(|from| {
        if all[from].start >= m.end
            || from > 0
                && matches!(
                    all[from - 1].text,
                    "San" | "St" | "St." | "Saint" | "Mount" | "Lake" | "Fort" | "Port"
                )
        {
            return None;
        }
        let length = length(&all[from..]);
        (length > 1).then(|| range(m.text, &all[from..from + length]))
    })
}

/// A given name alone, which means nothing else.
fn given(m: Match) -> Option<Range<usize>> {
    let word = bare(m.value());
    let before = m.before();
    let after = &m.text[m.start + word.len()..];
    let touches =
        |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_/@#-.$\\'’".contains(c));
    let end = m.start + word.len();
    // A point or genitive may follow.
    let tail = after
        .strip_prefix("'s")
        .or_else(|| after.strip_prefix("’s"))
        .unwrap_or(after);
    let joined = after.starts_with(['-', '_', '/', '@', '(', '=', '\\'])
        || tail.starts_with('.') && tail[1..].starts_with(|c: char| c.is_alphanumeric())
        || tail.starts_with(|c: char| c.is_alphanumeric());
    if word.len() < 4
        || touches(before.chars().next_back())
        || joined
        || !is_certain(word)
        || !GIVEN.contains(word)
    {
        return None;
    }
    // Next to another capitalised word it is a part of something that the other rules decide on.
    let upper = |w: Option<&str>| w.is_some_and(is_upper);
    let next = tail
        .strip_prefix(' ')
        .map(|rest| rest.split([' ', '\n', ',']).next().unwrap_or(""));
    let previous = before
        .strip_suffix(' ')
        .map(|rest| rest.rsplit([' ', '\n']).next().unwrap_or(""));
    let previous =
        previous.filter(|w| !w.ends_with(['.', '?', '!', ':', '"', ',']) && !is_common(w));
    (!upper(next) && !upper(previous)).then_some(m.start..end)
}

/// What follows a title or a clear label: the match ends with the first word of the name.
fn titled(m: Match) -> Option<Range<usize>> {
    let start = first_word(m)?;
    let all = words(m.text, start);
    let first = all.first()?;
    let listed = known(&GIVEN, first.text) || known(&SURNAMES, first.text);
    if !is_initial(first.text) && is_common(first.text) && !listed || SUFFIXES.contains(first.text)
    {
        return None;
    }
    let mut end = 1;
    while let Some(word) = all.get(end).filter(|_| end < MOST_WORDS) {
        let particle = PARTICLES.contains(&word.text)
            && all.get(end + 1).is_some_and(|next| is_upper(next.text));
        let name = is_upper(word.text)
            && (!is_common(word.text) || known(&SURNAMES, word.text) && end == 1);
        if !(particle || name && !SUFFIXES.contains(word.text)) {
            break;
        }
        end += 1;
    }
    let whole = range(m.text, &all[..end]);
    (end > 1 || whole.len() > 1 && !is_initial(first.text)).then_some(whole)
}

/// What follows a greeting or a weaker label: a name of the lists.
fn greeted(m: Match) -> Option<Range<usize>> {
    let start = first_word(m)?;
    let all = words(m.text, start);
    let length = length(&all);
    if length > 1 {
        return Some(range(m.text, &all[..length]));
    }
    let first = all.first()?;
    let next = all.get(1).is_some_and(|next| is_upper(next.text));
    (is_certain(first.text) && !next).then(|| range(m.text, &all[..1]))
}

/// Where the last word of a match begins, which the pattern ends with.
fn first_word(m: Match) -> Option<usize> {
    let value = m.value();
    let at = value.rfind(|c: char| !(c.is_alphabetic() || matches!(c, '-' | '\'' | '’' | '.')))?;
    let at = at + value[at..].chars().next()?.len_utf8();
    // A title's point: "Dr.Miller".
    let at = value[at..]
        .rfind('.')
        .filter(|dot| *dot > 1 && at + dot + 1 < value.len())
        .map_or(at, |dot| at + dot + 1);
    Some(m.start + at)
}

/// Family name and given name in Chinese characters, with a space between them.
fn cjk(m: Match) -> Option<Range<usize>> {
    let (family, given) = m.value().split_once([' ', '\u{3000}'])?;
    (CJK.contains(family) && !given.is_empty()).then_some(m.start..m.end)
}
