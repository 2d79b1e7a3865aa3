use proptest::prelude::*;

use super::*;
use crate::guard::redact::Style;

#[path = "../../../fuzz/invariants/guard.rs"]
mod invariants;

/// Finds all matches of some regular expressions, the longest at each place.
struct ByRegex {
    patterns: Vec<regex::Regex>,
    block: bool,
}

impl Find for ByRegex {
    fn find(&mut self, text: &str, _: bool) -> Vec<Act> {
        let mut ranges: Vec<Range<usize>> = self
            .patterns
            .iter()
            .flat_map(|p| p.find_iter(text).map(|m| m.range()))
            .collect();
        ranges.sort_by_key(|r| (r.start, usize::MAX - r.end));
        let mut last = 0;
        ranges.retain(|r| {
            let keep = r.start >= last;
            last = if keep { r.end } else { last };
            keep
        });
        ranges
            .into_iter()
            .map(|range| Act {
                range,
                instead: (!self.block).then(|| "#".to_owned()),
                number: 0,
                settled: false,
            })
            .collect()
    }
}

const PATTERNS: [&str; 4] = [
    r"\bsk-[a-z0-9]{4,20}\b",
    r"[a-z0-9.]{1,20}@[a-z0-9]{1,20}\.[a-z]{2,4}\b",
    r"forbidden\s+word",
    r"\b[0-9]{13,16}\b",
];

fn finder(block: bool) -> ByRegex {
    let patterns = PATTERNS.iter().map(|p| regex::Regex::new(p).unwrap());
    ByRegex {
        patterns: patterns.collect(),
        block,
    }
}

fn starts() -> Starts {
    Starts::new(PATTERNS.map(|p| (p, false)), []).unwrap()
}

/// Sends pieces through a window and gives what came out after each.
fn stream(pieces: &[&str], block: bool, vault: Option<&Vault>) -> (Vec<String>, bool) {
    let (starts, mut find) = (starts(), finder(block));
    let mut window = Window::default();
    let mut out = Vec::new();
    for piece in pieces {
        let released = window.push(piece, Some(&starts), vault, Escape::None, &mut find);
        out.push(released.text);
        if released.blocked {
            return (out, true);
        }
    }
    let last = window.finish(Some(&starts), vault, Escape::None, &mut find);
    out.push(last.text);
    (out, last.blocked)
}

const TEXT: &str =
    "Write to ann.x@corp.org or use sk-abc123def; the forbidden \n word, or 4111111111111111 now.";
const MASKED: &str = "Write to # or use #; the #, or # now.";

#[test]
fn a_text_split_at_every_place_is_masked_as_the_whole_is() {
    for cut in 0..=TEXT.len() {
        let (out, _) = stream(&[&TEXT[..cut], &TEXT[cut..]], false, None);
        assert_eq!(out.concat(), MASKED, "cut at {cut}");
    }
    let bytes: Vec<String> = TEXT.chars().map(String::from).collect();
    let pieces: Vec<&str> = bytes.iter().map(String::as_str).collect();
    assert_eq!(stream(&pieces, false, None).0.concat(), MASKED);
}

#[test]
fn not_even_the_beginning_of_what_is_blocked_goes_out() {
    let bytes: Vec<String> = TEXT.chars().map(String::from).collect();
    let pieces: Vec<&str> = bytes.iter().map(String::as_str).collect();
    let (out, blocked) = stream(&pieces, true, None);
    assert!(blocked);
    assert_eq!(out.concat(), "Write to ");
}

#[test]
fn what_the_next_letter_refutes_is_not_blocked() {
    let starts = Starts::new([(r"\bKD-[0-9]{6}\b", false)], []).unwrap();
    let mut find = ByRegex {
        patterns: vec![regex::Regex::new(r"\bKD-[0-9]{6}\b").unwrap()],
        block: true,
    };
    let mut window = Window::default();
    let mut out = String::new();
    for piece in ["see KD-", "123456", "7 there"] {
        let released = window.push(piece, Some(&starts), None, Escape::None, &mut find);
        assert!(!released.blocked, "{piece}");
        out += &released.text;
    }
    assert_eq!(out, "see KD-1234567 there");
}

#[test]
fn what_is_blocked_within_what_is_masked_is_blocked() {
    /// A mask over a part, and a block that begins in it and goes on behind it.
    struct Both;
    impl Find for Both {
        fn find(&mut self, text: &str, _: bool) -> Vec<Act> {
            let act = |range: Range<usize>, instead: Option<&str>| Act {
                range,
                instead: instead.map(str::to_owned),
                number: 0,
                settled: false,
            };
            let mut acts = Vec::new();
            if text.contains("0123456789") {
                acts.push(act(0..10, Some("#")));
            }
            if text.contains("56789abcde") {
                acts.push(act(5..15, None));
            }
            acts
        }
    }
    let text = "0123456789abcde.";
    for cut in 0..=text.len() {
        let starts = Starts::new([("0123456789", false), ("56789abcde", false)], []).unwrap();
        let mut window = Window::default();
        let mut out = String::new();
        let mut blocked = false;
        for piece in [&text[..cut], &text[cut..]] {
            let released = window.push(piece, Some(&starts), None, Escape::None, &mut Both);
            out += &released.text;
            blocked |= released.blocked;
        }
        let last = window.finish(Some(&starts), None, Escape::None, &mut Both);
        out += &last.text;
        blocked |= last.blocked;
        assert!(blocked, "cut at {cut}");
        assert!(["", "#"].contains(&out.as_str()), "cut at {cut}: {out}");
    }
}

#[test]
fn clean_words_are_not_held_where_no_rule_begins_with_them() {
    let starts = Starts::new([(r"\bsk-[a-z0-9]{4,20}\b", false)], []).unwrap();
    let mut find = finder(false);
    let mut window = Window::default();
    for word in ["The", " sky", " is", " b", "lue", ", skating", " asks"] {
        let released = window.push(word, Some(&starts), None, Escape::None, &mut find);
        assert_eq!(released.text, word);
    }
    let held = window.push(" sk", Some(&starts), None, Escape::None, &mut find);
    assert_eq!(held.text, " ");
}

#[test]
fn of_a_key_behind_a_letter_three_letters_go_at_most() {
    let starts = Starts::new([], [("AKIA[A-Z]{8}", false)]).unwrap();
    let mut find = ByRegex {
        patterns: vec![regex::Regex::new("AKIA[A-Z]{8}").unwrap()],
        block: false,
    };
    let mut window = Window::default();
    let mut out = String::new();
    for piece in "xAKIAQWERTZUI and AKIAQWERTZUI too".split_inclusive(|_| true) {
        let push = window.push(piece, Some(&starts), None, Escape::None, &mut find);
        out += &push.text;
    }
    out += &window
        .finish(Some(&starts), None, Escape::None, &mut find)
        .text;
    assert_eq!(out, "xAKI# and # too");
}

#[test]
fn placeholders_split_anywhere_are_restored() {
    let mut vault = Vault::new();
    let mark = vault.stand_in(Style::Placeholder, "PERSON", "Ann Lee");
    let text = format!("Dear {mark}, hello {mark}!");
    for cut in 0..=text.len() {
        let (out, _) = stream(&[&text[..cut], &text[cut..]], false, Some(&vault));
        assert_eq!(out.concat(), "Dear Ann Lee, hello Ann Lee!", "cut at {cut}");
    }
}

#[test]
fn placeholders_in_which_a_rule_could_begin_are_restored_whole() {
    let mut vault = Vault::new();
    let mark = vault.stand_in(Style::Synthetic, "EMAIL", "ann@corp.org");
    let text = format!("key={mark} or sk {mark} end");
    let bytes: Vec<String> = text.chars().map(String::from).collect();
    let pieces: Vec<&str> = bytes.iter().map(String::as_str).collect();
    let (out, _) = stream(&pieces, false, Some(&vault));
    assert_eq!(out.concat(), "key=ann@corp.org or sk ann@corp.org end");
}

#[test]
fn a_large_piece_does_not_let_the_beginning_of_something_go() {
    let mut vault = Vault::new();
    let mark = vault.stand_in(Style::Placeholder, "PERSON", "Ann Lee");
    let much = "clean words, ".repeat(3000);
    let (out, blocked) = stream(&[&format!("{much}forbidden wo"), "rd"], true, None);
    assert!(blocked);
    assert_eq!(out.concat(), much);
    let (head, tail) = mark.split_at(9);
    let (out, _) = stream(&[&format!("{much}{head}"), tail], false, Some(&vault));
    assert_eq!(out.concat(), format!("{much}Ann Lee"));
}

#[test]
fn what_is_held_has_a_limit() {
    let starts = Starts::new([(r"x[a-z]*y", false)], []).unwrap();
    let mut find = finder(false);
    let mut window = Window::default();
    let mut most = 0;
    let (mut sent, mut got) = (0, 0);
    for _ in 0..4000 {
        let piece = "xaaaaaaaaaaaaaaa";
        sent += piece.len();
        got += window
            .push(piece, Some(&starts), None, Escape::None, &mut find)
            .text
            .len();
        most = most.max(sent - got);
    }
    assert!(most <= MOST_HELD + 16, "{most}");
}

proptest! {
    #[test]
    fn the_invariants_of_the_guard_hold(
        words in prop::collection::vec(
            prop_oneof![
                Just("KD-123"), Just("KD-"), Just("4567"), Just("a@b.cd"), Just("blue"), Just("BLUE bird"), Just("\u{200b}"),
                Just("\u{e9}t\u{e9}"), Just(" "), Just("YmxlYmlyZCBibHVlIGJpcmQ="), Just("%62lue%20bird"), Just("\u{65e5}"),
                Just("."), Just("\n"), Just("i g n o r e"), Just("&#98;lue"),
            ],
            0..24,
        ),
        cut in 0..200_usize,
    ) {
        invariants::check(&words.concat(), cut);
    }

    #[test]
    fn any_split_of_any_text_gives_what_the_whole_gives(
        words in prop::collection::vec(
            prop_oneof![
                Just("sk-abcd1"), Just("sk-"), Just("a@b.cd"), Just("@"), Just("forbidden "), Just("word"),
                Just("4111111111111111"), Just("12"), Just(" "), Just("é"), Just("\n"), Just("x.y"), Just("日本"),
            ],
            0..30,
        ),
        cuts in prop::collection::vec(0..300_usize, 0..12),
    ) {
        let text = words.concat();
        let mut places: Vec<usize> = cuts
            .into_iter()
            .map(|c| c.min(text.len()))
            .filter(|c| text.is_char_boundary(*c))
            .chain([0, text.len()])
            .collect();
        places.sort_unstable();
        let pieces: Vec<&str> = places.windows(2).map(|p| &text[p[0]..p[1]]).collect();
        let whole = stream(&[&text], false, None).0.concat();
        prop_assert_eq!(stream(&pieces, false, None).0.concat(), whole);
    }
}
