//! Numbers with a checksum or with reserved ranges: payment cards, IBAN, social security numbers of the USA.

use std::ops::Range;

use super::{
    Confirm, Match,
    near::{self, Label},
    numbers_words::{CARD, DIGITS, IBAN, NOT_SSN, OTHER, SSN},
};

/// The checks of this file.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("card", card),
    ("spelled_card", spelled_card),
    ("iban", iban),
    ("us_ssn", us_ssn),
    ("us_ssn_bare", us_ssn_bare),
];

/// The sum of Luhn (ISO/IEC 7812-1, annex B) over digits.
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, d)| match u32::from(*d) {
            d if n % 2 == 0 => d,
            d => d * 2 - if d > 4 { 9 } else { 0 },
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|d| *d != 0)
}

/// Whether a scheme issues numbers of this length under this prefix: ISO/IEC 7812 issuer ranges as the schemes publish
/// them (Visa, Mastercard with its 2-series, American Express, Diners, Discover, JCB, UnionPay, Maestro, RuPay, Mir, Elo,
/// Troy, Verve, Dankort, Hipercard, UATP).
fn issued(digits: &[u8]) -> bool {
    let prefix = |n: usize| {
        digits[..n]
            .iter()
            .fold(0u32, |value, d| value * 10 + u32::from(*d))
    };
    let (two, three, four, six) = (prefix(2), prefix(3), prefix(4), prefix(6));
    match digits.len() {
        12 => matches!(two, 50 | 56..=69),
        13 => digits[0] == 4 || matches!(two, 50 | 56..=69),
        14 => {
            matches!(two, 36 | 38 | 39)
                || matches!(three, 300..=305 | 309)
                || matches!(two, 54 | 55)
        }
        15 => {
            matches!(two, 34 | 37)
                || matches!(four, 1800 | 2131)
                || digits[0] == 1 && six / 100_000 == 1
        }
        16 => {
            digits[0] == 4
                || matches!(two, 51..=55 | 34..=39 | 50 | 56..=69 | 81 | 82 | 30)
                || matches!(four, 2221..=2720 | 2200..=2204 | 2205 | 9792)
        }
        17 | 18 => matches!(two, 50 | 56..=69 | 81 | 82),
        19 => {
            digits[0] == 4
                || matches!(two, 35 | 36 | 50 | 56..=69 | 81 | 82)
                || matches!(four, 2200..=2205)
        }
        _ => false,
    }
}

/// A run of digits with single separators, as groups.
pub fn groups(text: &str, range: &Range<usize>) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, byte) in text.as_bytes()[range.clone()].iter().enumerate() {
        let at = at + range.start;
        if byte.is_ascii_digit() {
            match groups.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => groups.push(at..at + 1),
            }
        }
    }
    groups
}

/// The digits of a part of a text.
pub fn digits(text: &str) -> Vec<u8> {
    text.bytes()
        .filter(u8::is_ascii_digit)
        .map(|b| b - b'0')
        .collect()
}

/// A payment card: its sum is right, a scheme issues such numbers, and it is grouped as cards are. Lengths that are rare
/// on cards and common elsewhere need a word.
fn card(found: Match) -> Option<Range<usize>> {
    let range = found.start..found.end;
    if in_a_longer_number(found.text, &range) {
        return None;
    }
    let parts = groups(found.text, &range);
    // A run may have an expiry date or a code behind the card, or a count before it.
    for first in 0..parts.len().min(3) {
        for last in (first..parts.len()).rev() {
            let part = parts[first].start..parts[last].end;
            let number = digits(&found.text[part.clone()]);
            if number.len() < 12 {
                break;
            }
            let lengths: Vec<usize> = parts[first..=last]
                .iter()
                .map(ExactSizeIterator::len)
                .collect();
            let whole = parts.len() == last + 1 - first;
            if number.len() <= 19 && is_card(found.text, &part, &number, &lengths, whole) {
                return Some(part);
            }
        }
    }
    None
}

fn is_card(
    text: &str,
    range: &Range<usize>,
    number: &[u8],
    lengths: &[usize],
    whole: bool,
) -> bool {
    if !luhn(number)
        || in_a_longer_number(text, range)
        || number.windows(2).all(|pair| pair[0] == pair[1])
    {
        return false;
    }
    let label = || near::label(text, range, &CARD, &OTHER, 48);
    let after = || CARD.any(near::after(text, range.end, 24));
    let called =
        || label() == Label::For || label() == Label::Silent && number.len() > 12 && after();
    let issued = issued(number);
    match (lengths, number.len()) {
        // As it is printed on cards.
        ([4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 3], _) if issued => {
            label() != Label::Against
        }
        ([_], 14..=16) if issued => label() != Label::Against,
        // A part of a longer run is one only if it looks like one.
        _ if !whole => false,
        ([_], _) => called(),
        (
            [4, 4, 4, 4]
            | [4, 6, 5]
            | [4, 6, 4]
            | [4, 4, 4, 1]
            | [4, 4, 4]
            | [4, 4, 4, 3]
            | [4, 4, 4, 2],
            _,
        ) => called(),
        (
            [6, 13]
            | [8, 8]
            | [6, 10]
            | [4, 12]
            | [8, 11]
            | [6, 6, 4]
            | [4, 5, 6]
            | [4, 4, 5]
            | [3, 3, 3, 3],
            _,
        ) => issued && called(),
        // Groups of any kind, or each digit for itself: dictated.
        (all, _) if all.iter().all(|n| *n <= 2) || all[..all.len() - 1].iter().all(|n| *n == 4) => {
            issued && called()
        }
        _ => false,
    }
}

/// Whether more digits stand directly beside a number, or letters that make it part of a name.
pub fn in_a_longer_number(text: &str, range: &Range<usize>) -> bool {
    let before = &text.as_bytes()[..range.start];
    let after = &text.as_bytes()[range.end..];
    let joins = |b: u8| matches!(b, b'.' | b',' | b'-' | b'/' | b':' | b'_');
    let left = match before {
        [.., digit, mark] if joins(*mark) && digit.is_ascii_digit() => true,
        [.., last] => {
            last.is_ascii_alphanumeric()
                || matches!(last, b'_' | b'#' | b'$') && before.len() > 1 && {
                    before[before.len() - 2].is_ascii_alphanumeric()
                }
        }
        [] => false,
    };
    let right = match after {
        [mark, digit, ..] if joins(*mark) && digit.is_ascii_digit() => {
            !matches!(mark, b'/' | b',' | b':')
        }
        [first, ..] => first.is_ascii_alphanumeric() || *first == b'_',
        [] => false,
    };
    left || right
}

/// Digits that are spelled out from a place on, and where they end: `double four` is two fours. At most 24.
pub fn spelled(text: &str, start: usize) -> (Vec<u8>, usize) {
    let mut digits = Vec::new();
    let (mut times, mut end) = (1, start);
    let mut at = start;
    while digits.len() < 24 {
        let rest = near::after(text, at, 16);
        let gap = rest.len() - rest.trim_start_matches([' ', ',', '-', '.', '\n']).len();
        let rest = &rest[gap.min(3)..];
        let word = &rest[..rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len())];
        let lower = word.to_lowercase();
        at += gap.min(3) + word.len();
        match lower.as_str() {
            "double" => times = 2,
            "triple" => times = 3,
            word => {
                let digit = match word.as_bytes() {
                    [digit @ b'0'..=b'9'] => digit - b'0',
                    _ => match DIGITS.iter().find(|(name, _)| *name == word) {
                        Some((_, digit)) => *digit,
                        None => break,
                    },
                };
                digits.extend(std::iter::repeat_n(digit, times));
                times = 1;
                end = at;
            }
        }
    }
    (digits, end)
}

/// A payment card in words.
fn spelled_card(found: Match) -> Option<Range<usize>> {
    let (number, end) = spelled(found.text, found.start);
    let right = (13..=19).contains(&number.len()) && luhn(&number) && issued(&number);
    right.then_some(found.start..end)
}

/// An IBAN: as long as its country's are, and right modulo 97 (ISO 13616, ISO 7064).
fn iban(found: Match) -> Option<Range<usize>> {
    let bytes = found.value().as_bytes();
    let country = [
        bytes.first()?.to_ascii_uppercase(),
        bytes.get(1)?.to_ascii_uppercase(),
    ];
    let length = IBAN.iter().find(|(code, _)| code.as_bytes() == country)?.1;
    let mut signs = Vec::with_capacity(length.into());
    let mut end = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if byte.is_ascii_alphanumeric() {
            signs.push(byte.to_ascii_uppercase());
            if signs.len() == usize::from(length) {
                end = found.start + at + 1;
                break;
            }
        }
    }
    if end == 0
        || found
            .text
            .as_bytes()
            .get(end)
            .is_some_and(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    let rest = signs[4..]
        .iter()
        .chain(&signs[..4])
        .fold(0u32, |rest, sign| match sign {
            b'0'..=b'9' => (rest * 10 + u32::from(sign - b'0')) % 97,
            _ => (rest * 100 + u32::from(sign - b'A') + 10) % 97,
        });
    (rest == 1).then_some(found.start..end)
}

/// A social security number in three groups: area, group and serial that the SSA can have issued (20 CFR 422.103; SSA,
/// "Social Security Number Randomization": no area 000, 666 or 900 to 999, no group 00, no serial 0000).
fn us_ssn(found: Match) -> Option<Range<usize>> {
    let range = found.start..found.end;
    let parts = groups(found.text, &range);
    let [area, group, serial] = parts.as_slice() else {
        return None;
    };
    let marks = [
        &found.text[area.end..group.start],
        &found.text[group.end..serial.start],
    ];
    if marks[0] != marks[1] || in_a_longer_number(found.text, &range) || !can_be_ssn(found.value())
    {
        return None;
    }
    let label = near::label(found.text, &range, &SSN, &NOT_SSN, 48);
    let counts = match marks[0] {
        "-" => label != Label::Against,
        _ => {
            label == Label::For
                || label == Label::Silent && SSN.any(near::after(found.text, range.end, 24))
        }
    };
    counts.then_some(range)
}

/// Nine digits that a word calls a social security number.
fn us_ssn_bare(found: Match) -> Option<Range<usize>> {
    let range = found.start..found.end;
    let called = near::label(found.text, &range, &SSN, &NOT_SSN, 32) == Label::For;
    (called && !in_a_longer_number(found.text, &range) && can_be_ssn(found.value()))
        .then_some(range)
}

fn can_be_ssn(text: &str) -> bool {
    let number = digits(text);
    let value = |range: Range<usize>| {
        number[range]
            .iter()
            .fold(0u32, |value, d| value * 10 + u32::from(*d))
    };
    if number.len() != 9 {
        return false;
    }
    let (area, group, serial) = (value(0..3), value(3..5), value(5..9));
    // Never valid: printed on cards in wallets of 1938, and in an advertisement of the SSA itself.
    let printed = matches!((area, group, serial), (78, 5, 1120) | (219, 9, 9999));
    !matches!(area, 0 | 666 | 900..=999) && group != 0 && serial != 0 && !printed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(
        check: fn(Match) -> Option<Range<usize>>,
        text: &str,
        part: &str,
    ) -> Option<Range<usize>> {
        let start = text.find(part).expect("the part is in the text");
        check(Match {
            text,
            start,
            end: start + part.len(),
        })
    }

    #[test]
    fn a_mastercard_of_the_2_series_is_found() {
        assert!(find(card, "paid 2223000048400011", "2223000048400011").is_some());
    }

    #[test]
    fn a_card_with_a_wrong_sum_is_none_even_behind_a_word() {
        assert!(find(card, "card 4111111111111112", "4111111111111112").is_none());
    }

    #[test]
    fn a_card_is_cut_from_the_expiry_behind_it() {
        let text = "4111 1111 1111 1111 04/29";
        assert_eq!(find(card, text, text), Some(0..19));
    }

    #[test]
    fn an_iban_ends_where_its_country_says() {
        let text = "DE89 3704 0044 0532 0130 00 today";
        assert_eq!(find(iban, text, text), Some(0..27));
    }

    #[test]
    fn areas_that_are_never_issued_are_no_social_security_numbers() {
        for text in [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
        ] {
            assert!(find(us_ssn, text, text).is_none(), "{text}");
        }
    }

    #[test]
    fn double_and_triple_count() {
        assert_eq!(
            spelled("double four, triple one five", 0).0,
            [4, 4, 1, 1, 1, 5]
        );
    }
}
