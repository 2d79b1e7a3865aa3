//! The arithmetic that many numbers share.

/// The value of a digit at a place.
pub fn digit(text: &[u8], at: usize) -> Option<u32> {
    text.get(at)
        .filter(|b| b.is_ascii_digit())
        .map(|b| u32::from(b - b'0'))
}

/// The value of a letter or digit at a place: 0 to 9, A = 10 to Z = 35.
pub fn value36(text: &[u8], at: usize) -> Option<u32> {
    (*text.get(at)? as char).to_digit(36)
}

/// The number that some digits write.
pub fn whole(text: &[u8]) -> Option<u64> {
    if text.len() > 18 {
        return None;
    }
    (0..text.len()).try_fold(0, |sum, at| Some(sum * 10 + u64::from(digit(text, at)?)))
}

/// The same for small ones.
pub fn part(text: &[u8], from: usize, to: usize) -> Option<u32> {
    whole(text.get(from..to)?).and_then(|n| u32::try_from(n).ok())
}

/// The sum of the first digits, each times its weight.
pub fn weighted(text: &[u8], weights: &[u32]) -> Option<u32> {
    weights
        .iter()
        .enumerate()
        .try_fold(0, |sum, (at, weight)| Some(sum + digit(text, at)? * weight))
}

/// Whether digits pass the check of Luhn (ISO/IEC 7812-1, annex B).
pub fn luhn(text: &[u8]) -> Option<bool> {
    let sum = (0..text.len()).try_fold(0, |sum, at| {
        let digit = digit(text, text.len() - 1 - at)?;
        let doubled = if at % 2 == 1 { digit * 2 } else { digit };
        Some(sum + doubled / 10 + doubled % 10)
    })?;
    Some(sum % 10 == 0)
}

/// Whether digits pass ISO/IEC 7064, MOD 11,10.
pub fn mod_11_10(text: &[u8]) -> Option<bool> {
    let last = text.len().checked_sub(1)?;
    let product = (0..last).try_fold(10, |product, at| {
        let sum = (product + digit(text, at)?) % 10;
        Some(if sum == 0 { 10 } else { sum } * 2 % 11)
    })?;
    Some((11 - product) % 10 == digit(text, last)?)
}

/// Whether a day exists.
pub fn day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// Whether a day exists in a year of which only the last two digits are known.
pub fn short_day(year: u32, month: u32, on: u32) -> bool {
    // 1900 was no leap year, 2000 was.
    day(2000 + year % 100, month, on)
}

/// Whether digits at some places write a day: year of two digits, month, day.
pub fn yymmdd(text: &[u8], at: usize) -> Option<bool> {
    Some(short_day(
        part(text, at, at + 2)?,
        part(text, at + 2, at + 4)?,
        part(text, at + 4, at + 6)?,
    ))
}

/// The same the other way round.
pub fn ddmmyy(text: &[u8], at: usize) -> Option<bool> {
    Some(short_day(
        part(text, at + 4, at + 6)?,
        part(text, at + 2, at + 4)?,
        part(text, at, at + 2)?,
    ))
}

/// Whether the digit after those that were weighted is 11 less the rest of the sum by 11, where 10 and 11 become 0.
pub fn complement_of_11(text: &[u8], weights: &[u32]) -> Option<bool> {
    let check = 11 - weighted(text, weights)? % 11;
    Some(digit(text, weights.len())? == if check > 9 { 0 } else { check })
}
