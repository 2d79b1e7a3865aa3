//! Numbers of northern, western and southern Europe.

use super::sums::{
    complement_of_11, day, ddmmyy, digit, luhn, mod_11_10, part, short_day, value36, weighted,
    whole, yymmdd,
};

/// Austria, Sozialversicherungsnummer: serial of three digits, check digit, birthday (Dachverband der
/// Sozialversicherungsträger). Months 13 to 15 stand for birthdays that are used up.
pub fn at_svnr(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6])?;
    let month = part(n, 6, 8)?;
    let month = if (13..=15).contains(&month) { 1 } else { month };
    let real = short_day(part(n, 8, 10)?, month, part(n, 4, 6)?);
    Some(n.len() == 10 && n[0] != b'0' && sum % 11 == digit(n, 3)? && real)
}

/// Belgium, national number of the Rijksregister: 97 less the rest by 97 of the first nine digits, with a 2 before them
/// for who was born from 2000 on (royal decree of 3 April 1984). Bis numbers add 20 or 40 to the month.
pub fn be_national_number(n: &[u8]) -> Option<bool> {
    let (first, check) = (whole(n.get(..9)?)?, u64::from(part(n, 9, 11)?));
    let sum = 97 - first % 97 == check || 97 - (2_000_000_000 + first) % 97 == check;
    let month = part(n, 2, 4)? % 20;
    Some(n.len() == 11 && sum && short_day(part(n, 0, 2)?, month, part(n, 4, 6)?))
}

/// Switzerland and Liechtenstein, AHV number: EAN-13 with the prefix 756 (Zentrale Ausgleichsstelle).
pub fn ch_ahv(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1])?;
    Some(n.len() == 13 && n.starts_with(b"756") && sum % 10 == 0)
}

/// Germany, identity card: nine letters and digits and a check digit by the weights 7, 3, 1 (Anlage to the
/// Personalausweisverordnung; ICAO 9303 part 3).
pub fn de_ausweis(n: &[u8]) -> Option<bool> {
    let sum = (0..9).try_fold(0, |sum, at| Some(sum + value36(n, at)? * [7, 3, 1][at % 3]))?;
    Some(n.len() == 9 || n.len() == 10 && sum % 10 == digit(n, 9)?)
}

/// Germany, Versicherungsnummer of the pension insurance: area, birthday, letter, serial, check digit (VKVV, § 2 to 4).
pub fn de_rvnr(n: &[u8]) -> Option<bool> {
    let letter = u32::from(n.get(8).filter(|b| b.is_ascii_uppercase())? - b'A') + 1;
    let mut digits = Vec::with_capacity(12);
    digits.extend_from_slice(&n[..8]);
    digits.extend([b'0' + (letter / 10) as u8, b'0' + (letter % 10) as u8]);
    digits.extend_from_slice(n.get(9..11)?);
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum = weights
        .iter()
        .enumerate()
        .try_fold(0, |sum, (at, weight)| {
            let product = digit(&digits, at)? * weight;
            Some(sum + product / 10 + product % 10)
        })?;
    // A day above 31 stands for a serial that is used up.
    let real = (1..=31).contains(&(part(n, 2, 4)? % 32)) && (1..=12).contains(&part(n, 4, 6)?);
    Some(n.len() == 12 && real && sum % 10 == digit(n, 11)?)
}

/// Germany, Steuer-Identifikationsnummer: of the first ten digits one stands there twice or three times, the others once
/// at most; ISO/IEC 7064 MOD 11,10 (Bundeszentralamt für Steuern, § 139b AO).
pub fn de_steuer_id(n: &[u8]) -> Option<bool> {
    if n.len() != 11 || n[0] == b'0' {
        return Some(false);
    }
    let mut seen = [0; 10];
    for at in 0..10 {
        seen[digit(n, at)? as usize] += 1;
    }
    let repeated = seen.iter().filter(|count| **count > 1).count();
    Some(repeated == 1 && seen.iter().all(|count| *count <= 3) && mod_11_10(n)?)
}

/// Denmark, CPR number with its check digit; numbers given since October 2007 may be without (CPR-kontoret).
pub fn dk_cpr(n: &[u8]) -> Option<bool> {
    Some(dk_cpr_date(n)? && weighted(n, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1])?.is_multiple_of(11))
}

/// Denmark, CPR number by its birthday only.
pub fn dk_cpr_date(n: &[u8]) -> Option<bool> {
    Some(n.len() == 10 && whole(n).is_some() && ddmmyy(n, 0)?)
}

/// Spain, DNI and NIE: the letter is the rest by 23 (Ministerio del Interior). X, Y, Z of a NIE count 0, 1, 2.
pub fn es_dni(n: &[u8]) -> Option<bool> {
    let first = match *n.first()? {
        c @ b'X'..=b'Z' => u64::from(c - b'X'),
        c => u64::from(char::from(c).to_digit(10)?),
    };
    let rest = (first * 10_000_000 + whole(n.get(1..8)?)?) % 23;
    Some(n.len() == 9 && b"TRWAGMYFPDXBNJZSQVHLCKE"[rest as usize] == n[8])
}

/// Finland, henkilötunnus: birthday, sign of the century, serial, and a character for the rest by 31 (Digi- ja
/// väestötietovirasto).
pub fn fi_hetu(n: &[u8]) -> Option<bool> {
    // The signs + and - are no letters and were dropped.
    let serial = if n.get(6)?.is_ascii_digit() { 6 } else { 7 };
    let sum = whole(&n[..6])? * 1000 + whole(n.get(serial..serial + 3)?)?;
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(sum % 31) as usize];
    Some(n.len() == serial + 4 && ddmmyy(n, 0)? && n[serial + 3] == check)
}

/// France, NIR: sex, year, month, place, order, and a key of 97 less the rest by 97 (INSEE). Corsica has 2A and 2B for
/// 19 and 18.
pub fn fr_nir(n: &[u8]) -> Option<bool> {
    let mut digits = *n.first_chunk::<13>()?;
    match &n[5..7] {
        b"2A" => digits[5..7].copy_from_slice(b"19"),
        b"2B" => digits[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let month = part(n, 3, 5)?;
    let real =
        matches!(n[0], b'1'..=b'4' | b'7' | b'8') && matches!(month, 1..=12 | 20..=42 | 50..=99);
    Some(n.len() == 15 && real && 97 - whole(&digits)? % 97 == u64::from(part(n, 13, 15)?))
}

/// United Kingdom, NHS number: weights 10 to 2, modulus 11 (NHS Data Dictionary).
pub fn gb_nhs(n: &[u8]) -> Option<bool> {
    let check = 11 - weighted(n, &[10, 9, 8, 7, 6, 5, 4, 3, 2])? % 11;
    Some(n.len() == 10 && check != 10 && check % 11 == digit(n, 9)?)
}

/// United Kingdom, National Insurance number: prefixes that were never given are none (HMRC, NIM39110).
pub fn gb_nino(n: &[u8]) -> Option<bool> {
    let never = [&b"BG"[..], b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    Some(n.len() == 9 && !never.contains(&&n[..2]))
}

/// Ireland, PPS number: weights 8 to 2 and 9 for the second letter, rest by 23 as a letter (Department of Social
/// Protection).
pub fn ie_pps(n: &[u8]) -> Option<bool> {
    let second = match n.get(8) {
        None | Some(b'W') => 0,
        Some(letter) => u32::from(letter.checked_sub(b'A')?) + 1,
    };
    let rest = (weighted(n, &[8, 7, 6, 5, 4, 3, 2])? + second * 9) % 23;
    Some(*n.get(7)? == b"WABCDEFGHIJKLMNOPQRSTUV"[rest as usize])
}

/// Iceland, kennitala: birthday, two digits, check digit by modulus 11, century (Þjóðskrá).
pub fn is_kennitala(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[3, 2, 7, 6, 5, 4, 3, 2, 1])?;
    Some(n.len() == 10 && ddmmyy(n, 0)? && sum % 11 == 0 && matches!(n[9], b'8' | b'9' | b'0'))
}

/// Italy, codice fiscale: letters of the names, year, month letter, day (plus 40 for women), place, and a letter for the
/// rest by 26 (Agenzia delle Entrate, decree of 23 December 1976). Digits may have been replaced by letters.
pub fn it_codice_fiscale(n: &[u8]) -> Option<bool> {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
        6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    let sum = (0..15).try_fold(0, |sum, at| {
        let value = value36(n, at)?;
        let even = if value < 10 { value } else { value - 10 };
        Some(
            sum + if at % 2 == 0 {
                ODD[value as usize]
            } else {
                even
            },
        )
    })?;
    Some(
        n.len() == 16
            && u32::from(n[15]) == u32::from(b'A') + sum % 26
            && b"ABCDEHLMPRST".contains(&n[8]),
    )
}

/// Luxembourg, matricule of persons: birthday and serial, a digit of Luhn and one of Verhoeff (law of 19 June 2013).
pub fn lu_matricule(n: &[u8]) -> Option<bool> {
    let date = day(part(n, 0, 4)?, part(n, 4, 6)?, part(n, 6, 8)?);
    let mut verhoeff = [0; 12];
    verhoeff[..11].copy_from_slice(n.get(..11)?);
    verhoeff[11] = *n.get(12)?;
    Some(n.len() == 13 && date && luhn(&n[..12])? && super::asia::verhoeff(&verhoeff)?)
}

/// Netherlands, burgerservicenummer: the proof by eleven, with weight -1 for the last digit (Rijksdienst voor
/// Identiteitsgegevens).
pub fn nl_bsn(n: &[u8]) -> Option<bool> {
    let sum = weighted(n, &[9, 8, 7, 6, 5, 4, 3, 2])?;
    Some(n.len() == 9 && sum % 11 == digit(n, 8)? && sum > 0)
}

/// Norway, fødselsnummer: two check digits by modulus 11; D numbers add 40 to the day (Skatteetaten).
pub fn no_fodselsnummer(n: &[u8]) -> Option<bool> {
    let on = part(n, 0, 2)?;
    let real = short_day(
        part(n, 4, 6)?,
        part(n, 2, 4)?,
        if on > 40 { on - 40 } else { on },
    );
    let first = weighted(n, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1])?;
    let second = weighted(n, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1])?;
    Some(n.len() == 11 && real && first % 11 == 0 && second % 11 == 0)
}

/// Portugal, NIF: weights 9 to 2, modulus 11 (Decreto-Lei 14/2013). The first digits tell the kind.
pub fn pt_nif(n: &[u8]) -> Option<bool> {
    let kind = matches!(n[0], b'1' | b'2' | b'3' | b'5' | b'6' | b'8' | b'9')
        || n.starts_with(b"45")
        || n[0] == b'7';
    Some(n.len() == 9 && kind && complement_of_11(n, &[9, 8, 7, 6, 5, 4, 3, 2])?)
}

/// Portugal, number of the Cartão de Cidadão: Luhn over digits and letters (Agência para a Modernização
/// Administrativa, "Validação de Número de Documento").
pub fn pt_cc(n: &[u8]) -> Option<bool> {
    let sum = (0..n.len()).try_fold(0, |sum, at| {
        let value = value36(n, n.len() - 1 - at)?;
        let doubled = if at % 2 == 1 { value * 2 } else { value };
        Some(
            sum + if at % 2 == 1 && doubled > 9 {
                doubled - 9
            } else {
                doubled
            },
        )
    })?;
    Some(n.len() == 12 && sum % 10 == 0)
}

/// Sweden, personnummer: birthday, serial and a check digit of Luhn over the last ten digits (Skatteverket, SKV 704).
/// Coordination numbers add 60 to the day.
pub fn se_personnummer(n: &[u8]) -> Option<bool> {
    let ten = n.get(n.len().checked_sub(10)?..)?;
    let century = n.len() == 10 || n.len() == 12 && matches!(&n[..2], b"18" | b"19" | b"20");
    let on = part(ten, 4, 6)?;
    let real = short_day(
        part(ten, 0, 2)?,
        part(ten, 2, 4)?,
        if on > 60 { on - 60 } else { on },
    );
    // A year to come is no year of birth.
    let past = n.len() == 10 || part(n, 0, 4)? < 2030 && (on > 60 || yymmdd(ten, 0)?);
    Some(century && real && past && luhn(ten)?)
}
