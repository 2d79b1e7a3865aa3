//! Encodings of single characters within a text, which is read on around them: escapes of URLs, HTML and program
//! code, digits for letters, letters set apart, words cut into strings.

use std::ops::Range;

use super::{
    Via,
    map::{Draft, Edit, With, rewrite},
    scout::Clues,
    words,
};

/// How much text around what was decoded is read with it, in bytes.
const AROUND: usize = 160;

/// Decodes what is encoded character by character.
pub(super) fn decode(text: &str, clues: &Clues, out: &mut Vec<(Via, Draft)>) {
    if clues.escapes {
        escapes(text, b'%', percent, Via::Url, out);
        escapes(text, b'&', entity, Via::Html, out);
        escapes(text, b'\\', backslash, Via::UnicodeEscape, out);
        escapes(text, b'U', code_point, Via::UnicodeEscape, out);
    }
    if clues.joins {
        joined_strings(text, out);
    }
    if clues.leet.iter().any(|token| is_leet(&text[token.clone()])) {
        leet(text, out);
    }
    if clues.spaced {
        spaced(text, out);
    }
}

/// Writes the text anew around edits: edits near each other share a segment.
fn write(text: &str, edits: &[Edit], via: Via, out: &mut Vec<(Via, Draft)>) {
    let mut rest = edits;
    let mut done = 0;
    while let Some(first) = rest.first() {
        let near = rest
            .windows(2)
            .take_while(|two| two[1].range.start - two[0].range.end <= 2 * AROUND)
            .count();
        let (group, behind) = rest.split_at(near + 1);
        let last = &group[near];
        let line = |at: usize| {
            text.as_bytes()[done..at]
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(done, |n| done + n + 1)
        };
        let mut from = line(first.range.start).max(first.range.start.saturating_sub(AROUND));
        let mut to = (last.range.end + AROUND)
            .min(behind.first().map_or(text.len(), |next| next.range.start));
        to = text.as_bytes()[last.range.end..to]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(to, |n| last.range.end + n);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        while !text.is_char_boundary(to) {
            to -= 1;
        }
        out.push((via, rewrite(text, from..to, group)));
        done = to;
        rest = behind;
    }
}

/// What an escape at the beginning of a text stands for, and how long it is.
type Escape = fn(&[u8]) -> Option<(Unit, usize)>;

/// A byte of UTF-8, or a character.
#[derive(Clone, Copy)]
enum Unit {
    Byte(u8),
    Char(char),
}

fn escapes(text: &str, sign: u8, escape: Escape, via: Via, out: &mut Vec<(Via, Draft)>) {
    let bytes = text.as_bytes();
    let mut edits: Vec<Edit> = Vec::new();
    // Letters of ASCII that were escaped, the longest row of them, letters of other scripts.
    let (mut letters, mut longest, mut foreign) = (0, 0, 0);
    let mut blanks = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(sign, &bytes[at..]) {
        let start = at + found;
        let mut end = start;
        let mut decoded = Vec::new();
        while let Some((unit, len)) = bytes
            .get(end)
            .filter(|b| **b == sign)
            .and_then(|_| escape(&bytes[end..]))
        {
            match unit {
                Unit::Byte(b) => decoded.push((b, end..end + len)),
                Unit::Char(c) => {
                    let mut utf8 = [0; 4];
                    decoded.extend(
                        c.encode_utf8(&mut utf8)
                            .bytes()
                            .map(|b| (b, end..end + len)),
                    );
                }
            }
            end += len;
        }
        at = end.max(start + 1);
        let (values, places): (Vec<u8>, Vec<Range<usize>>) = decoded.into_iter().unzip();
        let Ok(decoded) = std::str::from_utf8(&values) else {
            continue;
        };
        if decoded
            .chars()
            .any(|c| c.is_control() && !c.is_whitespace())
        {
            continue;
        }
        for (n, c) in decoded.char_indices() {
            let range = places[n].start..places[n + c.len_utf8() - 1].end;
            letters += usize::from(c.is_ascii_alphabetic());
            foreign += usize::from(c.is_alphabetic() && !c.is_ascii());
            blanks += usize::from(c == ' ');
            edits.push(Edit {
                range,
                with: With::Char(c),
            });
        }
        longest = longest.max(decoded.chars().filter(char::is_ascii_alphabetic).count());
    }
    if edits.is_empty() {
        return;
    }
    let hides =
        longest >= 4 || (letters >= 2 && spells(text, &edits)) || foreign >= 8 && via != Via::Html;
    let sentence = via == Via::Url && blanks >= 3 && sentence(text, &edits);
    let brackets = via == Via::Html && edits.iter().any(|edit| opens_a_token(bytes, edit));
    if hides || sentence || brackets {
        write(text, &edits, via, out);
    }
}

/// Whether a common word of four letters or more shows once letters are decoded.
fn spells(text: &str, edits: &[Edit]) -> bool {
    edits
        .chunk_by(|a, b| b.range.start - a.range.end <= 16)
        .any(|group| {
            let (Some(first), Some(last)) = (group.first(), group.last()) else {
                return false;
            };
            if !group
                .iter()
                .any(|e| matches!(e.with, With::Char(c) if c.is_ascii_alphabetic()))
            {
                return false;
            }
            let bytes = text.as_bytes();
            let letter = |b: &&u8| b.is_ascii_alphabetic();
            let from = first.range.start
                - bytes[..first.range.start]
                    .iter()
                    .rev()
                    .take(16)
                    .take_while(letter)
                    .count();
            let to = last.range.end
                + bytes[last.range.end..]
                    .iter()
                    .take(16)
                    .take_while(letter)
                    .count();
            let draft = rewrite(text, from..to, group);
            words::words(&draft.text).any(|word| word.len() >= 4 && words::is_known(word))
        })
}

/// Whether escaped blanks stand between words of a sentence, and not of a search or a file's name.
fn sentence(text: &str, edits: &[Edit]) -> bool {
    edits
        .chunk_by(|a, b| b.range.start - a.range.end <= 24)
        .any(|group| {
            let (Some(first), Some(last)) = (group.first(), group.last()) else {
                return false;
            };
            let bytes = text.as_bytes();
            let letter = |b: &&u8| b.is_ascii_alphabetic();
            let from = first.range.start
                - bytes[..first.range.start]
                    .iter()
                    .rev()
                    .take(16)
                    .take_while(letter)
                    .count();
            let to = last.range.end
                + bytes[last.range.end..]
                    .iter()
                    .take(16)
                    .take_while(letter)
                    .count();
            let draft = rewrite(text, from..to, group);
            let (mut many, mut known) = (0, 0);
            for word in words::words(&draft.text) {
                many += 1;
                known += usize::from(words::is_known(word));
            }
            many >= 4 && known >= 3 && known * 2 >= many
        })
}

/// Whether an entity writes the bracket before a marker of a chat template: `&lt;|im_start`, `&lt;system`.
fn opens_a_token(bytes: &[u8], edit: &Edit) -> bool {
    let rest = &bytes[edit.range.end..bytes.len().min(edit.range.end + 9)];
    matches!(edit.with, With::Char('<'))
        && (rest.starts_with(b"|")
            || [
                &b"system"[..],
                b"/system",
                b"assistant",
                b"/user",
                b"instruct",
            ]
            .iter()
            .any(|name| rest.len() >= name.len() && rest[..name.len()].eq_ignore_ascii_case(name)))
}

fn hex_value(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, b| {
        Some(value.checked_mul(16)? + (*b as char).to_digit(16)?)
    })
}

/// `%41` (RFC 3986), `%u0041` (of old JavaScript).
fn percent(text: &[u8]) -> Option<(Unit, usize)> {
    if text.get(1) == Some(&b'u') {
        return Some((Unit::Char(char::from_u32(hex_value(text.get(2..6)?)?)?), 6));
    }
    Some((Unit::Byte(hex_value(text.get(1..3)?)? as u8), 3))
}

/// `\x41`, `\u0041`, `\u{41}`, `\U00000041`, `\101`.
fn backslash(text: &[u8]) -> Option<(Unit, usize)> {
    let (digits, len) = match text.get(1)? {
        b'x' => return Some((Unit::Byte(hex_value(text.get(2..4)?)? as u8), 4)),
        b'u' if text.get(2) == Some(&b'{') => {
            let len = text.iter().take(10).position(|b| *b == b'}')?;
            (&text[3..len], len + 1)
        }
        b'u' => {
            let unit = hex_value(text.get(2..6)?)?;
            if (0xD800..0xDC00).contains(&unit) && text.get(6..8) == Some(b"\\u") {
                let low = hex_value(text.get(8..12)?)?;
                let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                return Some((
                    Unit::Char(char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + low)?),
                    12,
                ));
            }
            (text.get(2..6)?, 6)
        }
        b'U' => (text.get(2..10)?, 10),
        b'0'..=b'1' => {
            let octal = text.get(1..4)?;
            let value = octal.iter().try_fold(0, |value, b| {
                (*b as char).to_digit(8).map(|digit| value * 8 + digit)
            })?;
            return Some((Unit::Byte(value as u8), 4));
        }
        _ => return None,
    };
    Some((Unit::Char(char::from_u32(hex_value(digits)?)?), len))
}

/// `U+0041`, and a blank between two of them.
fn code_point(text: &[u8]) -> Option<(Unit, usize)> {
    if text.get(1) != Some(&b'+') {
        return None;
    }
    let len = text[2..]
        .iter()
        .take(6)
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    let c = (len >= 4)
        .then(|| hex_value(&text[2..2 + len]))
        .flatten()
        .and_then(char::from_u32)?;
    let blank = text.get(2 + len) == Some(&b' ') && text.get(3 + len..5 + len) == Some(b"U+");
    Some((Unit::Char(c), 2 + len + usize::from(blank)))
}

/// `&#65;`, `&#x41;`, and the entities of HTML for marks.
fn entity(text: &[u8]) -> Option<(Unit, usize)> {
    let end = text.iter().take(11).position(|b| *b == b';')?;
    let c = match text.get(1..end)? {
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex_value(digits)?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" => '"',
        b"apos" => '\'',
        b"nbsp" | b"Tab" => ' ',
        b"NewLine" => '\n',
        b"colon" => ':',
        b"comma" => ',',
        b"period" => '.',
        b"excl" => '!',
        b"num" => '#',
        b"lowbar" => '_',
        b"sol" => '/',
        b"lpar" => '(',
        b"rpar" => ')',
        b"lsqb" | b"lbrack" => '[',
        b"rsqb" | b"rbrack" => ']',
        b"vert" | b"verbar" => '|',
        b"commat" => '@',
        _ => return None,
    };
    Some((Unit::Char(c), end + 1))
}

/// Words cut into strings that a program joins: `"ig" + "nore"`.
fn joined_strings(text: &str, out: &mut Vec<(Via, Draft)>) {
    let bytes = text.as_bytes();
    let is_quote = |b: u8| matches!(b, b'"' | b'\'' | b'`');
    let joint = |plus: usize| {
        let left = (0..plus)
            .rev()
            .take(4)
            .find(|at| bytes[*at] != b' ')
            .filter(|at| is_quote(bytes[*at]))?;
        let right = (plus + 1..bytes.len())
            .take(4)
            .find(|at| bytes[*at] != b' ')
            .filter(|at| is_quote(bytes[*at]))?;
        let letter = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_some_and(u8::is_ascii_alphabetic)
        };
        (letter(left.checked_sub(1)) && letter(Some(right + 1))).then_some(left..right + 1)
    };
    let joints: Vec<Edit> = memchr::memchr_iter(b'+', bytes)
        .filter_map(joint)
        .map(|range| Edit {
            range,
            with: With::Nothing,
        })
        .collect();
    let mut edits = Vec::new();
    for chain in joints.chunk_by(|a, b| {
        b.range
            .start
            .checked_sub(a.range.end)
            .is_some_and(|gap| gap <= 16)
            && bytes[a.range.end..b.range.start]
                .iter()
                .all(u8::is_ascii_alphabetic)
    }) {
        let (first, last) = (chain[0].range.clone(), chain[chain.len() - 1].range.clone());
        let letter = |b: &&u8| b.is_ascii_alphabetic();
        let from = first.start
            - bytes[..first.start]
                .iter()
                .rev()
                .take(16)
                .take_while(letter)
                .count();
        let to = last.end + bytes[last.end..].iter().take(16).take_while(letter).count();
        let word = rewrite(text, from..to, chain).text;
        let whole =
            words::is_known(&text[from..first.start]) && words::is_known(&text[last.end..to]);
        if word.len() >= 4 && words::is_known(&word) && !whole {
            edits.extend_from_slice(chain);
        }
    }
    write(text, &edits, Via::Split, out);
}

/// Letters that digits and marks stand for in leetspeak. `1` is an i or an l.
const fn leet_letter(b: u8) -> Option<u8> {
    Some(match b {
        b'0' => b'o',
        b'1' | b'!' => b'i',
        b'2' => b'z',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'6' | b'9' => b'g',
        b'7' => b't',
        b'8' => b'b',
        b'|' => b'l',
        _ => return None,
    })
}

/// Whether a token has a common word in leetspeak with a digit between letters.
fn is_leet(token: &str) -> bool {
    token
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '@' | '$' | '!' | '|'))
        .any(|word| {
            // A `!` at the end is one.
            let word = word.trim_end_matches('!');
            leet_word(word).is_some_and(|(letters, inner)| {
                inner && letters.len() >= 3 && words::is_known(&letters)
            })
        })
}

/// Lines in which digits stand for letters. At least two words must become common ones, or one a telling one; and in one
/// of them a digit must stand between letters, as in no ordinal and few units.
fn leet(text: &str, out: &mut Vec<(Via, Draft)>) {
    let mut edits = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut line_edits = Vec::new();
        let (mut weight, mut inner) = (0, false);
        let mut at = start;
        for token in line.split_inclusive(char::is_whitespace) {
            let core =
                token.trim_matches(|c: char| c.is_whitespace() || "\"'.,;:?!()[]{}*`".contains(c));
            let offset = at + (core.as_ptr() as usize - token.as_ptr() as usize);
            at += token.len();
            if core.len() < 2
                || core.len() > 40
                || !core
                    .bytes()
                    .any(|b| b.is_ascii_digit() || b == b'@' || b == b'$')
            {
                continue;
            }
            let address = core.contains('@') && core.contains('.');
            let mut part = offset;
            for piece in core
                .split_inclusive(|c| matches!(c, '-' | '_' | '.' | '/') || (address && c == '@'))
            {
                let word = piece.trim_end_matches(|c| {
                    matches!(c, '-' | '_' | '.' | '/') || (address && c == '@')
                });
                if let Some((letters, is_inner)) = leet_word(word) {
                    let good = letters.len() >= 3 && words::is_known(&letters);
                    let has_letters = word.bytes().any(|b| b.is_ascii_alphabetic());
                    if good && has_letters {
                        weight += if words::is_telling(&letters) { 2 } else { 1 };
                        inner |= is_inner;
                    }
                    if has_letters || good || (letters.len() == 2 && words::is_known(&letters)) {
                        line_edits.extend(
                            word.bytes()
                                .zip(letters.bytes())
                                .enumerate()
                                .filter(|(_, (a, b))| a != b)
                                .map(|(n, (_, letter))| Edit {
                                    range: part + n..part + n + 1,
                                    with: With::Char(letter as char),
                                }),
                        );
                    }
                }
                part += piece.len();
            }
        }
        if weight >= 2 && inner {
            edits.append(&mut line_edits);
        }
        start += line.len();
    }
    write(text, &edits, Via::Leet, out);
}

/// What a word of leetspeak reads, and whether a digit stands between letters in it.
fn leet_word(word: &str) -> Option<(String, bool)> {
    let bytes = word.as_bytes();
    if !bytes
        .iter()
        .all(|b| b.is_ascii_alphabetic() || leet_letter(*b).is_some())
    {
        return None;
    }
    let sign = |b: &u8| !b.is_ascii_alphabetic();
    let first = bytes.iter().position(sign)?;
    let inner = first > 0 && bytes[first..].iter().any(u8::is_ascii_alphabetic)
        || bytes[first..].windows(3).any(|w| {
            w[0].is_ascii_alphabetic() && sign(&w[1]) || sign(&w[0]) && !sign(&w[1]) && sign(&w[2])
        });
    let with = |one: u8| -> String {
        let letter = |b: &u8| {
            if *b == b'1' {
                one
            } else {
                leet_letter(*b).unwrap_or(*b)
            }
        };
        bytes.iter().map(|b| letter(b) as char).collect()
    };
    let (i, l) = (with(b'i'), with(b'l'));
    Some((
        if !words::is_known(&i) && words::is_known(&l) {
            l
        } else {
            i
        },
        inner,
    ))
}

/// Letters set apart, by blanks or marks. Of the letters, half must make common words of three letters or more.
fn spaced(text: &str, out: &mut Vec<(Via, Draft)>) {
    let mut edits = Vec::new();
    let mut run: Vec<Range<usize>> = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let lone = c.is_alphanumeric() && !before.is_alphanumeric();
        let lone = lone && chars.peek().is_none_or(|(_, next)| !next.is_alphanumeric());
        let far = run.last().is_some_and(|last| at - last.end > 10);
        if (c.is_alphanumeric() && !lone) || far {
            join(text, &run, &mut edits);
            run.clear();
        }
        if lone {
            run.push(at..end);
        }
        before = c;
    }
    join(text, &run, &mut edits);
    write(text, &edits, Via::Spaced, out);
}

/// Edits that join a run of lone letters to words.
fn join(text: &str, run: &[Range<usize>], edits: &mut Vec<Edit>) {
    if run.len() < 5 {
        return;
    }
    let gap = |n: usize| &text[run[n].end..run[n + 1].start];
    // What stands between most letters.
    let shortest = (0..run.len() - 1)
        .map(gap)
        .min_by_key(|gap| gap.len())
        .unwrap_or(" ");
    let mut found: Vec<Edit> = Vec::new();
    let mut word = String::new();
    let mut first = 0;
    let mut known = 0;
    // Where words are set apart more widely than letters, they need not be guessed.
    let borders = (0..run.len() - 1)
        .filter(|n| gap(*n).len() >= shortest.len() + 2)
        .count();
    for n in 0..run.len() {
        word.push_str(&text[run[n].clone()]);
        let last = n + 1 == run.len();
        if !last && gap(n) == shortest {
            found.push(Edit {
                range: run[n].end..run[n + 1].start,
                with: With::Nothing,
            });
            continue;
        }
        known += divide(
            &word,
            if borders > 0 {
                &mut []
            } else {
                &mut found[first..]
            },
        );
        word.clear();
        if !last {
            let wide = gap(n).contains("  ") || !gap(n).contains(' ') || shortest.trim() != "";
            let marks: String = gap(n)
                .chars()
                .filter(|c| !c.is_whitespace() && !shortest.contains(*c))
                .collect();
            let with = if wide { marks + " " } else { marks };
            found.push(Edit {
                range: run[n].end..run[n + 1].start,
                with: With::Text(with.into()),
            });
            first = found.len();
        }
    }
    let prose = || {
        borders >= 2
            && words::is_prose(&rewrite(text, run[0].start..run[run.len() - 1].end, &found).text)
    };
    if (known * 2 >= run.len() && known >= 4) || prose() {
        edits.append(&mut found);
    }
}

/// Divides letters without gaps between words into common ones, by edits that stand between the letters. Gives how many
/// letters are in common words of three letters or more.
fn divide(word: &str, between: &mut [Edit]) -> usize {
    if words::is_known(word) {
        return if word.len() >= 3 { word.len() } else { 0 };
    }
    if !word.is_ascii() || word.len() < 6 {
        return 0;
    }
    // For each prefix the fewest letters outside of common words, then the fewest words; and where the last one begins.
    let mut best: Vec<(usize, usize, usize)> = vec![(0, 0, 0)];
    for end in 1..=word.len() {
        let unknown = (best[end - 1].0 + 1, best[end - 1].1, end - 1);
        let known = (1..=end.min(15))
            .filter(|len| *len != 1 || matches!(word.as_bytes()[end - 1] | 0x20, b'i' | b'a'));
        let known = known
            .filter(|len| words::is_known(&word[end - len..end]))
            .map(|len| {
                let (outside, many, _) = best[end - len];
                (outside, many + 1, end - len)
            });
        best.push(known.chain([unknown]).min().unwrap_or(unknown));
    }
    let (mut end, mut known) = (word.len(), 0);
    while end > 0 {
        let start = best[end].2;
        known += if end - start >= 3 { end - start } else { 0 };
        let is_word = |end: usize| end - best[end].2 > 1;
        if start > 0
            && (end - start > 1 || is_word(start))
            && let Some(edit) = between.get_mut(start - 1)
        {
            edit.with = With::Char(' ');
        }
        end = start;
    }
    known
}
