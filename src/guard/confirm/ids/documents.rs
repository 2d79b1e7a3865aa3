//! Passports, driving licences, numbers of health insurances.

use super::sums::{digit, luhn, part, short_day, value36};

/// Whether a field of a machine readable zone agrees with the check digit behind it: weights 7, 3, 1, and 0 for the
/// filler (ICAO 9303, part 3, 4.9).
fn zone(text: &[u8], fields: &[std::ops::Range<usize>], check: usize) -> Option<bool> {
    let mut sum = 0;
    for (at, place) in fields.iter().cloned().flatten().enumerate() {
        let value = if *text.get(place)? == b'<' {
            0
        } else {
            value36(text, place)?
        };
        sum += value * [7, 3, 1][at % 3];
    }
    // An empty field may have the filler in place of a zero.
    let expected = if *text.get(check)? == b'<' {
        0
    } else {
        digit(text, check)?
    };
    Some(sum % 10 == expected)
}

/// Second line of a passport's machine readable zone, alone or behind the first (ICAO 9303, part 4).
#[expect(
    clippy::single_range_in_vec_init,
    reason = "lists of ranges, some with one"
)]
pub fn mrz_td3(n: &[u8]) -> Option<bool> {
    let line = match n.len() {
        44 => n,
        88 => &n[44..],
        _ => return Some(false),
    };
    Some(
        zone(line, &[0..9], 9)?
            && zone(line, &[13..19], 19)?
            && zone(line, &[21..27], 27)?
            && zone(line, &[0..10, 13..20, 21..43], 43)?,
    )
}

/// Three lines of an identity card's machine readable zone (ICAO 9303, part 5).
#[expect(
    clippy::single_range_in_vec_init,
    reason = "lists of ranges, some with one"
)]
pub fn mrz_td1(n: &[u8]) -> Option<bool> {
    Some(
        matches!(n.len(), 60 | 90)
            && zone(n, &[5..14], 14)?
            && zone(n, &[30..36], 36)?
            && zone(n, &[38..44], 44)?
            && zone(n, &[5..30, 30..37, 38..45, 48..59], 59)?,
    )
}

/// Great Britain, driver number: five letters of the surname, decade, month (plus 5 for women), day, year (DVLA, INF1D).
pub fn gb_driving_licence(n: &[u8]) -> Option<bool> {
    let month = part(n, 6, 8)?;
    let month = if month > 50 { month - 50 } else { month };
    // The surname is filled up with nines, never begins with one.
    let surname = n.get(..5)?;
    let letters = surname
        .iter()
        .take_while(|b| b.is_ascii_uppercase())
        .count();
    let filled = letters > 0 && surname[letters..].iter().all(|b| *b == b'9');
    let year = digit(n, 5)? * 10 + digit(n, 10)?;
    Some(n.len() == 16 && filled && short_day(year, month, part(n, 8, 10)?))
}

/// A document's number without a check of its own: a digit at least, so that it is no word.
pub fn document_number(n: &[u8]) -> Option<bool> {
    let digits = n.iter().filter(|b| b.is_ascii_digit()).count();
    Some(digits >= 1)
}

/// Germany, Krankenversichertennummer: a letter, eight digits, and a check digit of Luhn's kind in which the letter
/// counts as two digits (GKV-Spitzenverband, § 290 SGB V).
pub fn de_kvnr(n: &[u8]) -> Option<bool> {
    let letter = u32::from(n.first()?.checked_sub(b'A')?) + 1;
    let mut digits = vec![b'0' + (letter / 10) as u8, b'0' + (letter % 10) as u8];
    digits.extend_from_slice(n.get(1..10)?);
    // Weights 1, 2 by turns from the left are Luhn's.
    Some(n.len() == 10 && luhn(&digits)?)
}

/// USA, Medicare Beneficiary Identifier: digits and letters by turns, none of S, L, O, I, B, Z (CMS).
pub fn us_mbi(n: &[u8]) -> Option<bool> {
    Some(n.len() == 11 && n.iter().all(|b| !b"SLOIBZ".contains(b)))
}

/// New Zealand, NHI number: three letters without I and O, four digits of which the last checks (HISO 10046), or since
/// 2026 two digits and two letters.
pub fn nz_nhi(n: &[u8]) -> Option<bool> {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let value = |b: &u8| match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        _ => ALPHABET.iter().position(|c| c == b).map(|at| at as u32 + 1),
    };
    let sum = n
        .get(..6)?
        .iter()
        .zip([7, 6, 5, 4, 3, 2])
        .try_fold(0, |sum, (b, w)| Some(sum + value(b)? * w))?;
    Some(
        n.len() == 7
            && match n[6] {
                b'0'..=b'9' => sum % 11 != 0 && (11 - sum % 11) % 10 == digit(n, 6)?,
                _ => value(&n[6])? == 24 - sum % 24,
            },
    )
}

/// Numbers of licences, records and insurances behind their labels: five places or more, four digits or more.
pub fn licence_number(n: &[u8]) -> Option<bool> {
    let digits = n.iter().filter(|b| b.is_ascii_digit()).count();
    Some((5..=20).contains(&n.len()) && digits >= 4 && !is_date(n))
}

/// A bank account behind its label: six digits or more.
pub fn account_number(n: &[u8]) -> Option<bool> {
    Some((6..=22).contains(&n.len()) && !is_date(n))
}

/// Whether eight digits write a day of our time, as in 20260114.
fn is_date(n: &[u8]) -> bool {
    let real = |y: Option<u32>, m: Option<u32>, d: Option<u32>| match (y, m, d) {
        (Some(y), Some(m), Some(d)) => (1990..2040).contains(&y) && super::sums::day(y, m, d),
        _ => false,
    };
    n.len() == 8 && real(part(n, 0, 4), part(n, 4, 6), part(n, 6, 8))
}

/// A date of birth: a day of this century or the last that has been.
pub fn birth_date(m: crate::guard::confirm::Match) -> Option<std::ops::Range<usize>> {
    let mut numbers = m
        .value()
        .split(|c: char| !c.is_ascii_digit())
        .filter(|n| !n.is_empty());
    let mut next = || numbers.next().and_then(|n| n.parse::<u32>().ok());
    let (first, second, third) = (next()?, next()?, next());
    let year = |y: u32| (1900..2036).contains(&y);
    let real = match third {
        // Day and year around the name of a month.
        None => {
            year(second) && (1..=31).contains(&first) || year(first) && (1..=31).contains(&second)
        }
        Some(third) if year(first) => (1..=12).contains(&second) && (1..=31).contains(&third),
        Some(third) => {
            let days = (1..=31).contains(&first)
                && (1..=31).contains(&second)
                && (first <= 12 || second <= 12);
            days && (year(third) || third < 100)
        }
    };
    real.then_some(m.start..m.end)
}
