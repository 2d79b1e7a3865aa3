//! Numbers of Asia, Africa and Oceania.

use super::sums::{day, digit, luhn, part, short_day, value36, weighted, whole, yymmdd};

/// United Arab Emirates, Emirates ID: country code 784, year of birth, serial, check digit of Luhn (ICP).
pub fn ae_emirates_id(n: &[u8]) -> Option<bool> {
    Some(
        n.len() == 15 && n.starts_with(b"784") && matches!(part(n, 3, 7)?, 1900..=2030) && luhn(n)?,
    )
}

/// Australia, ABN: one less in the first digit, weights, divisible by 89 (Australian Business Register).
pub fn au_abn(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19])?;
    Some(n.len() == 11 && n[0] != b'0' && (sum + 89 - 10) % 89 == 0)
}

/// Australia, Medicare card: weights 1 3 7 9, modulus 10 (Services Australia; METeOR 270101).
pub fn au_medicare(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[1, 3, 7, 9, 1, 3, 7, 9])?;
    Some(
        matches!(n.len(), 10 | 11)
            && matches!(n[0], b'2'..=b'6')
            && sum % 10 == digit(n, 8)?
            && n[9] != b'0',
    )
}

/// Australia, tax file number: weights, divisible by 11 (ATO).
pub fn au_tfn(n: &[u8]) -> Option<bool> {
    Some(match n.len() {
        8 => weighted(n, &[10, 7, 8, 4, 6, 3, 5, 1])? % 11 == 0,
        9 => weighted(n, &[1, 4, 3, 7, 5, 8, 6, 9, 10])? % 11 == 0,
        _ => false,
    })
}

/// China, resident identity card: area, birthday, serial, ISO/IEC 7064 MOD 11-2 (GB 11643-1999).
pub fn cn_resident(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])?;
    let year = part(n, 6, 10)?;
    let real = (1900..2030).contains(&year) && day(year, part(n, 10, 12)?, part(n, 12, 14)?);
    let area = matches!(part(n, 0, 2)?, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    Some(n.len() == 18 && area && real && b"10X98765432"[(sum % 11) as usize] == n[17])
}

/// Egypt, national id: century, birthday, governorate (Civil Status Organization; its check digit is not published).
pub fn eg_national(n: &[u8]) -> Option<bool> {
    let place = matches!(part(n, 7, 9)?, 1..=4 | 11..=35 | 88);
    Some(n.len() == 14 && matches!(n[0], b'2' | b'3') && yymmdd(n, 1)? && place)
}

/// Hong Kong, HKID: one or two letters, six digits, check digit by modulus 11, A for 10 (Immigration Department).
pub fn hk_hkid(n: &[u8]) -> Option<bool> {
    let letters = n
        .iter()
        .take_while(|b| b.is_ascii_uppercase())
        .count()
        .min(2);
    // A missing first letter counts as a space, 36.
    let mut sum = if letters == 1 {
        36 * 9
    } else {
        value36(n, 0)? * 9
    };
    sum += value36(n, letters.checked_sub(1)?)? * 8;
    for at in 0..6 {
        sum += digit(n, letters + at)? * (7 - at as u32);
    }
    let check = (11 - sum % 11) % 11;
    Some(n.len() == letters + 7 && value36(n, letters + 6)? == check)
}

/// Indonesia, NIK: region, birthday (day plus 40 for women), serial (Dukcapil). It has no check digit.
pub fn id_nik(n: &[u8]) -> Option<bool> {
    let on = part(n, 6, 8)?;
    let real = short_day(
        part(n, 10, 12)?,
        part(n, 8, 10)?,
        if on > 40 { on - 40 } else { on },
    );
    Some(
        n.len() == 16
            && matches!(part(n, 0, 2)?, 11..=21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=97)
            && real,
    )
}

/// Israel, teudat zehut: Luhn over nine digits (Population and Immigration Authority).
pub fn il_teudat_zehut(n: &[u8]) -> Option<bool> {
    Some(n.len() == 9 && luhn(n)?)
}

/// India, Aadhaar: begins with 2 to 9, check digit of Verhoeff (UIDAI).
pub fn in_aadhaar(n: &[u8]) -> Option<bool> {
    Some(n.len() == 12 && matches!(n[0], b'2'..=b'9') && verhoeff(n)?)
}

/// Whether digits pass the check of Verhoeff (J. Verhoeff, Error Detecting Decimal Codes, 1969).
pub fn verhoeff(n: &[u8]) -> Option<bool> {
    const PERMUTED: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let sum = (0..n.len()).try_fold(0, |sum, at| {
        Some(dihedral(
            sum,
            PERMUTED[at % 8][digit(n, n.len() - 1 - at)? as usize],
        ))
    })?;
    Some(sum == 0)
}

/// The product in the group of the symmetries of a pentagon, 0 to 4 being rotations.
const fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// Iran, kod-e melli: weights 10 to 2, modulus 11 (National Organization for Civil Registration).
pub fn ir_melli(n: &[u8]) -> Option<bool> {
    let rest = weighted(n, &[10, 9, 8, 7, 6, 5, 4, 3, 2])? % 11;
    Some(n.len() == 10 && digit(n, 9)? == if rest < 2 { rest } else { 11 - rest })
}

/// Japan, My Number: weights 6 5 4 3 2 7 6 5 4 3 2, modulus 11 (ordinance of the MIC of 2014, article 5).
pub fn jp_my_number(n: &[u8]) -> Option<bool> {
    let rest = weighted(n, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2])? % 11;
    Some(n.len() == 12 && digit(n, 11)? == if rest < 2 { 0 } else { 11 - rest })
}

/// Korea, resident registration number with its check digit; those given since October 2020 are without (Ministry of
/// the Interior and Safety).
pub fn kr_rrn(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])?;
    Some(kr_rrn_date(n)? && (11 - sum % 11) % 10 == digit(n, 12)?)
}

/// Korea, resident registration number by its birthday and sex only.
pub fn kr_rrn_date(n: &[u8]) -> Option<bool> {
    Some(n.len() == 13 && whole(n).is_some() && yymmdd(n, 0)? && matches!(n[6], b'1'..=b'8'))
}

/// Kuwait, civil id: century, birthday, serial, modulus 11 (PACI).
pub fn kw_civil(n: &[u8]) -> Option<bool> {
    let rest = 11 - weighted(n, &[2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])? % 11;
    Some(n.len() == 12 && matches!(n[0], b'2' | b'3') && yymmdd(n, 1)? && rest == digit(n, 11)?)
}

/// Kazakhstan, IIN: birthday, century and sex, serial, check digit in two steps (law of 12 January 2007).
pub fn kz_iin(n: &[u8]) -> Option<bool> {
    let first = weighted(n, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])? % 11;
    let second = weighted(n, &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2])? % 11;
    let check = if first < 10 { first } else { second };
    Some(n.len() == 12 && yymmdd(n, 0)? && matches!(n[6], b'0'..=b'6') && check == digit(n, 11)?)
}

/// Sri Lanka, old NIC: year, day of the year (plus 500 for women), serial, V or X (Department for Registration of
/// Persons).
pub fn lk_nic(n: &[u8]) -> Option<bool> {
    Some(
        n.len() == 10
            && matches!(part(n, 2, 5)?, 1..=366 | 501..=866)
            && matches!(n[9], b'V' | b'X'),
    )
}

/// Malaysia, MyKad: birthday, place of birth, serial (JPN). It has no check digit.
pub fn my_kad(n: &[u8]) -> Option<bool> {
    let place = matches!(part(n, 6, 8)?, 1..=16 | 21..=59 | 60..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99);
    Some(n.len() == 12 && whole(n).is_some() && yymmdd(n, 0)? && place)
}

/// New Zealand, IRD number: two rounds of weights, modulus 11 (Inland Revenue).
pub fn nz_ird(n: &[u8]) -> Option<bool> {
    let mut nine = [b'0'; 9];
    nine.get_mut(9_usize.checked_sub(n.len())?..)?
        .copy_from_slice(n);
    let check = |weights: &[u32]| Some((11 - weighted(&nine, weights)? % 11) % 11);
    let mut sum = check(&[3, 2, 7, 6, 5, 4, 3, 2])?;
    if sum == 10 {
        sum = check(&[7, 4, 3, 2, 5, 2, 7, 6])?;
    }
    Some((10_000_000..150_000_000).contains(&whole(n)?) && sum == digit(&nine, 8)?)
}

/// Saudi Arabia, national id (1) and iqama (2): Luhn (Absher).
pub fn sa_national(n: &[u8]) -> Option<bool> {
    Some(n.len() == 10 && matches!(n[0], b'1' | b'2') && luhn(n)?)
}

/// Singapore, NRIC and FIN: weights 2 7 6 5 4 3 2, an offset for the series, rest by 11 as a letter (ICA).
pub fn sg_nric(n: &[u8]) -> Option<bool> {
    let (offset, letters) = match n.first()? {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return Some(false),
    };
    let sum = weighted(&n[1..], &[2, 7, 6, 5, 4, 3, 2])? + offset;
    Some(n.len() == 9 && letters[(sum % 11) as usize] == n[8])
}

/// Thailand, citizen's number: weights 13 to 2, modulus 11 (Department of Provincial Administration).
pub fn th_pin(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2])?;
    Some(n.len() == 13 && matches!(n[0], b'1'..=b'8') && (11 - sum % 11) % 10 == digit(n, 12)?)
}

/// Taiwan, national id and the residents' id of 2021: a letter for two digits, weights 1 9 8 7 6 5 4 3 2 1 1 (Ministry
/// of the Interior).
pub fn tw_national(n: &[u8]) -> Option<bool> {
    let at = b"ABCDEFGHJKLMNPQRSTUVXYWZIO"
        .iter()
        .position(|letter| Some(letter) == n.first())? as u32
        + 10;
    let sum = at / 10 + at % 10 * 9 + weighted(&n[1..], &[8, 7, 6, 5, 4, 3, 2, 1, 1])?;
    Some(n.len() == 10 && matches!(n[1], b'1' | b'2' | b'8' | b'9') && sum.is_multiple_of(10))
}

/// South Africa, id number: birthday, serial, citizenship, and a check digit of Luhn (Department of Home Affairs).
pub fn za_id(n: &[u8]) -> Option<bool> {
    Some(
        n.len() == 13
            && yymmdd(n, 0)?
            && matches!(n[10], b'0'..=b'2')
            && matches!(n[11], b'8' | b'9')
            && luhn(n)?,
    )
}
