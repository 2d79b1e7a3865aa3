//! Numbers of central and eastern Europe, Greece and Turkey.

use super::sums::{
    complement_of_11, day, ddmmyy, digit, luhn, mod_11_10, part, short_day, value36, weighted,
    whole, yymmdd,
};

/// Bulgaria, EGN: birthday (month plus 20 before 1900, plus 40 from 2000), modulus 11 (GRAO).
pub fn bg_egn(n: &[u8]) -> Option<bool> {
    let check = weighted(n, &[2, 4, 8, 5, 10, 9, 7, 3, 6])? % 11 % 10;
    let real = short_day(part(n, 0, 2)?, part(n, 2, 4)? % 20, part(n, 4, 6)?);
    Some(n.len() == 10 && real && part(n, 2, 4)? < 53 && check == digit(n, 9)?)
}

/// Czechia and Slovakia, rodné číslo: divisible by 11 (law 133/2000 Coll., § 13). Women have 50 added to the month, and
/// 20 is added where a day's numbers are used up.
pub fn cz_rodne_cislo(n: &[u8]) -> Option<bool> {
    let all = whole(n)?;
    let month = part(n, 2, 4)? % 50;
    let month = if month > 20 { month - 20 } else { month };
    let real = short_day(part(n, 0, 2)?, month, part(n, 4, 6)?);
    let sum = all % 11 == 0 || all / 10 % 11 == 10 && all % 10 == 0;
    Some(n.len() == 10 && real && sum)
}

/// Estonia and Lithuania, isikukood and asmens kodas: century and sex, birthday, serial, check digit in two steps (EVS
/// 585:2007; law on the population register of Lithuania).
pub fn ee_isikukood(n: &[u8]) -> Option<bool> {
    let first = weighted(n, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1])? % 11;
    let second = weighted(n, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3])? % 11;
    let check = if first < 10 { first } else { second % 10 };
    Some(n.len() == 11 && matches!(n[0], b'1'..=b'8') && yymmdd(n, 1)? && check == digit(n, 10)?)
}

/// Greece, AFM: digits times powers of two, modulus 11 (AADE).
pub fn gr_afm(n: &[u8]) -> Option<bool> {
    let check = weighted(n, &[256, 128, 64, 32, 16, 8, 4, 2])? % 11 % 10;
    Some(n.len() == 9 && check == digit(n, 8)?)
}

/// Greece, AMKA: birthday and serial with a check digit of Luhn (IDIKA).
pub fn gr_amka(n: &[u8]) -> Option<bool> {
    Some(n.len() == 11 && ddmmyy(n, 0)? && luhn(n)?)
}

/// Croatia, OIB: ISO/IEC 7064 MOD 11,10 (Porezna uprava).
pub fn hr_oib(n: &[u8]) -> Option<bool> {
    Some(n.len() == 11 && mod_11_10(n)?)
}

/// Hungary, adóazonosító jel: begins with 8, weights 1 to 9, modulus 11 (law CL of 2017, annex 1).
pub fn hu_adoazonosito(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[1, 2, 3, 4, 5, 6, 7, 8, 9])?;
    Some(n.len() == 10 && n[0] == b'8' && sum % 11 == digit(n, 9)?)
}

/// Hungary, TAJ number: weights 3 and 7 by turns, modulus 10 (law XX of 1996, annex).
pub fn hu_taj(n: &[u8]) -> Option<bool> {
    Some(n.len() == 9 && weighted(n, &[3, 7, 3, 7, 3, 7, 3, 7])? % 10 == digit(n, 8)?)
}

/// Hungary, személyi azonosító: sex and century, birthday, serial; weights 1 to 10, and 10 to 1 for who was born from
/// 1997 on (law XX of 1996, annex).
pub fn hu_szemelyi(n: &[u8]) -> Option<bool> {
    let old = weighted(n, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])? % 11;
    let new = weighted(n, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1])? % 11;
    let check = digit(n, 10)?;
    Some(
        n.len() == 11
            && matches!(n[0], b'1'..=b'8')
            && yymmdd(n, 1)?
            && (old == check || new == check),
    )
}

/// Latvia, personas kods: birthday, century, serial, check digit; those given since July 2017 begin with 32 and have
/// neither (PMLP, law on the population register).
pub fn lv_personas_kods(n: &[u8]) -> Option<bool> {
    if n.starts_with(b"32") {
        return Some(n.len() == 11 && whole(n).is_some());
    }
    let check = (1 + weighted(n, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])?) % 11 % 10;
    Some(n.len() == 11 && ddmmyy(n, 0)? && matches!(n[6], b'0'..=b'2') && check == digit(n, 10)?)
}

/// Poland, NIP: weights 6 5 7 2 3 4 5 6 7, modulus 11 (Ministerstwo Finansów).
pub fn pl_nip(n: &[u8]) -> Option<bool> {
    Some(
        n.len() == 10
            && n[0] != b'0'
            && weighted(n, &[6, 5, 7, 2, 3, 4, 5, 6, 7])? % 11 == digit(n, 9)?,
    )
}

/// Poland, PESEL: birthday (the month tells the century), serial, weights 1 3 7 9 (Ministerstwo Cyfryzacji).
pub fn pl_pesel(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1])?;
    let month = part(n, 2, 4)?;
    let century = [1900, 2000, 2100, 2200, 1800][(month / 20).min(4) as usize];
    let real = day(century + part(n, 0, 2)?, month % 20, part(n, 4, 6)?);
    Some(n.len() == 11 && real && sum % 10 == 0)
}

/// Poland, number of the identity card: three letters, six digits, weights 7 3 1 9 7 3 1 7 3 over all (ordinance on the
/// identity card, Ministerstwo Spraw Wewnętrznych).
pub fn pl_dowod(n: &[u8]) -> Option<bool> {
    let weights = [7, 3, 1, 9, 7, 3, 1, 7, 3];
    let sum = (0..9).try_fold(0, |sum, at| Some(sum + value36(n, at)? * weights[at]))?;
    Some(n.len() == 9 && sum % 10 == 0)
}

/// Romania, CNP: sex and century, birthday, county, serial; weights 279146358279, modulus 11 (HG 64/2011).
pub fn ro_cnp(n: &[u8]) -> Option<bool> {
    let rest = weighted(n, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9])? % 11;
    let county = matches!(part(n, 7, 9)?, 1..=48 | 51 | 52 | 70);
    let check = if rest == 10 { 1 } else { rest };
    Some(n.len() == 13 && n[0] != b'0' && yymmdd(n, 1)? && county && check == digit(n, 12)?)
}

/// Russia, INN of persons: two check digits (order of the tax service of 29 June 2012).
pub fn ru_inn(n: &[u8]) -> Option<bool> {
    let first = weighted(n, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8])? % 11 % 10;
    let second = weighted(n, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8])? % 11 % 10;
    Some(n.len() == 12 && first == digit(n, 10)? && second == digit(n, 11)?)
}

/// Russia, SNILS: weights 9 to 1, modulus 101 (Social Fund of Russia).
pub fn ru_snils(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[9, 8, 7, 6, 5, 4, 3, 2, 1])? % 101 % 100;
    Some(n.len() == 11 && sum == part(n, 9, 11)?)
}

/// Turkey, T.C. kimlik numarası: two check digits (Nüfus ve Vatandaşlık İşleri).
pub fn tr_kimlik(n: &[u8]) -> Option<bool> {
    let odd = weighted(n, &[1, 0, 1, 0, 1, 0, 1, 0, 1])?;
    let even = weighted(n, &[0, 1, 0, 1, 0, 1, 0, 1, 0])?;
    let tenth = (odd * 7 + 100 - even) % 10;
    let sum = weighted(n, &[1; 10])?;
    Some(n.len() == 11 && n[0] != b'0' && tenth == digit(n, 9)? && sum % 10 == digit(n, 10)?)
}

/// Ukraine, RNOKPP: weights -1 5 7 9 4 6 10 5 7, modulus 11 (State Tax Service).
pub fn ua_rnokpp(n: &[u8]) -> Option<bool> {
    // Ten is the same as -1 by 11.
    let check = weighted(n, &[10, 5, 7, 9, 4, 6, 10, 5, 7])? % 11 % 10;
    Some(n.len() == 10 && check == digit(n, 9)?)
}

/// Serbia, Bosnia, Montenegro, North Macedonia, Slovenia (EMŠO): JMBG with birthday, region, modulus 11 (law on the
/// unique master citizen number).
pub fn yu_jmbg(n: &[u8]) -> Option<bool> {
    let year = part(n, 4, 7)?;
    let year = if year >= 850 {
        1000 + year
    } else {
        2000 + year
    };
    let real = year < 2030 && day(year, part(n, 2, 4)?, part(n, 0, 2)?);
    Some(n.len() == 13 && real && complement_of_11(n, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2])?)
}
