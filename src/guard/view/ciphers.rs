//! Stretches whose letters were exchanged (ROT13, other shifts, Atbash) or turned round.
//!
//! A word counts for the cipher if it is a common one only when decoded, and against it if it is one as it stands. The
//! stretch with the greatest sum is taken if that is high enough: a few words prove nothing, since short words of one
//! language are those of another in disguise.

use std::ops::Range;

use super::{
    Via,
    map::Draft,
    scout::{Cipher, Clues},
    words,
};

/// The least sum of a stretch.
const ENOUGH: i32 = 3;

/// Decodes stretches of a text.
pub(super) fn decode(text: &str, clues: &Clues, out: &mut Vec<(Via, Draft)>) {
    // Each cipher reads the text once more.
    for &cipher in clues.ciphers.iter().take(4) {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            for stretch in stretches(line, cipher) {
                let stretch = start + stretch.start..start + stretch.end;
                out.push(match cipher {
                    Cipher::Reversed => (Via::Reversed, turned(text, stretch)),
                    Cipher::Shift(13) => (Via::Rot13, exchanged(text, stretch, cipher)),
                    _ => (Via::Caesar, exchanged(text, stretch, cipher)),
                });
            }
            start += line.len();
        }
    }
}

/// The stretches of a line that read better decoded.
fn stretches(line: &str, cipher: Cipher) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut decoded = String::new();
    // Where the stretch began, its sum, the highest sum and where that was.
    let (mut began, mut sum, mut high, mut ended) = (0, 0, 0, 0);
    let mut at = 0;
    for token in line.split_inclusive(char::is_whitespace) {
        let place = at..at + token.len();
        at = place.end;
        let value: i32 = words::words(token)
            .map(|word| {
                decoded.clear();
                match cipher {
                    Cipher::Reversed => decoded.extend(word.chars().rev()),
                    _ => decoded.extend(word.chars().map(|c| {
                        if c.is_ascii() {
                            cipher.undo(c as u8) as char
                        } else {
                            c
                        }
                    })),
                }
                match (words::is_known(&decoded), words::is_known(word)) {
                    (true, false) => {
                        1 + i32::from(decoded.len() > 3) + i32::from(words::is_telling(&decoded))
                    }
                    (false, true) => -2,
                    _ => 0,
                }
            })
            .sum();
        if sum == 0 && value <= 0 {
            began = if value < 0 { place.end } else { began };
            continue;
        }
        sum += value;
        if value >= 0 {
            ended = if sum >= high { place.end } else { ended };
            high = high.max(sum);
        }
        if sum <= 0 || sum < high - 6 {
            found.extend((high >= ENOUGH).then_some(began..ended));
            (began, sum, high) = (place.end, 0, 0);
        }
    }
    found.extend((high >= ENOUGH).then_some(began..ended));
    found.retain(|stretch| !line[stretch.clone()].trim().is_empty());
    found
}

fn exchanged(text: &str, stretch: Range<usize>, cipher: Cipher) -> Draft {
    let mut draft = Draft::default();
    draft.copy(text, stretch);
    draft.text = draft
        .text
        .chars()
        .map(|c| {
            if c.is_ascii() {
                cipher.undo(c as u8) as char
            } else {
                c
            }
        })
        .collect();
    draft
}

/// A stretch from right to left; or each of its words, if marks stand behind words and not before them.
fn turned(text: &str, stretch: Range<usize>) -> Draft {
    let part = &text[stretch.clone()];
    let mark = |c: char| matches!(c, '.' | ',' | '!' | '?' | ';' | ':');
    let (mut behind, mut before) = (0, 0);
    for token in part.split_whitespace().filter(|token| token.len() > 1) {
        behind += usize::from(token.ends_with(mark));
        before += usize::from(token.starts_with(mark));
    }
    let mut draft = Draft::default();
    let mut turn = |from: usize, part: &str| {
        for (at, c) in part.char_indices().rev() {
            draft.push(c, from + at..from + at + c.len_utf8());
        }
    };
    if behind <= before {
        turn(stretch.start, part);
        return draft;
    }
    let mut at = stretch.start;
    for piece in part.split_inclusive(|c: char| !c.is_alphabetic()) {
        let word = piece.trim_end_matches(|c: char| !c.is_alphabetic());
        turn(at, word);
        turn(at + word.len(), &piece[word.len()..]);
        at += piece.len();
    }
    draft
}
