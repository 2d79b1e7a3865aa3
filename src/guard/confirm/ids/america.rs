//! Numbers of North and South America.

use super::sums::{complement_of_11, digit, luhn, part, short_day, value36, weighted, yymmdd};

/// Argentina, CUIT and CUIL: kind, document number, modulus 11 (AFIP / ARCA).
pub fn ar_cuit(n: &[u8]) -> Option<bool> {
    let kind = matches!(part(n, 0, 2)?, 20 | 23..=27 | 30 | 33 | 34);
    let check = (11 - weighted(n, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2])? % 11) % 11;
    Some(n.len() == 11 && kind && check == digit(n, 10)?)
}

/// Brazil, CNPJ: two check digits by modulus 11 (Receita Federal). Since July 2026 the first twelve places may be
/// letters, which count their ASCII code less 48 (IN RFB 2229/2024).
pub fn br_cnpj(n: &[u8]) -> Option<bool> {
    let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |length: usize| {
        let sum: u32 = n[..length]
            .iter()
            .zip(&weights[13 - length..])
            .map(|(b, w)| u32::from(b - b'0') * w)
            .sum();
        if sum % 11 < 2 { 0 } else { 11 - sum % 11 }
    };
    if n.len() != 14 || !n.iter().all(u8::is_ascii_alphanumeric) {
        return Some(false);
    }
    Some(check(12) == digit(n, 12)? && check(13) == digit(n, 13)?)
}

/// Brazil, CPF: two check digits by modulus 11 (Receita Federal).
pub fn br_cpf(n: &[u8]) -> Option<bool> {
    let first = complement_of_11(n, &[10, 9, 8, 7, 6, 5, 4, 3, 2])?;
    Some(n.len() == 11 && first && complement_of_11(n, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])?)
}

/// Canada, social insurance number: Luhn; none begins with 8 (Service Canada).
pub fn ca_sin(n: &[u8]) -> Option<bool> {
    Some(n.len() == 9 && n[0] != b'8' && luhn(n)?)
}

/// Chile, RUT: weights 2 to 7 from the right, modulus 11, K for 10 (Servicio de Impuestos Internos).
pub fn cl_rut(n: &[u8]) -> Option<bool> {
    let (last, body) = n.split_last()?;
    let sum = body.iter().rev().enumerate().try_fold(0, |sum, (at, b)| {
        Some(sum + char::from(*b).to_digit(10)? * (2 + at as u32 % 6))
    })?;
    Some(matches!(n.len(), 8 | 9) && *last == rut_check(sum))
}

fn rut_check(sum: u32) -> u8 {
    match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        check => b'0' + check as u8,
    }
}

/// Colombia, NIT (for persons the cédula with a check digit): weights of primes, modulus 11 (DIAN).
pub fn co_nit(n: &[u8]) -> Option<bool> {
    let weights = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
    let (last, body) = n.split_last()?;
    let sum = body
        .iter()
        .rev()
        .zip(weights)
        .try_fold(0, |sum, (b, weight)| {
            Some(sum + char::from(*b).to_digit(10)? * weight)
        })?
        % 11;
    let check = if sum < 2 { sum } else { 11 - sum };
    Some((8..=11).contains(&n.len()) && *last == b'0' + check as u8)
}

/// Dominican Republic, cédula: Luhn (Junta Central Electoral).
pub fn do_cedula(n: &[u8]) -> Option<bool> {
    Some(n.len() == 11 && luhn(n)?)
}

/// Ecuador, cédula: province, third digit below 6, modulus 10 (Registro Civil).
pub fn ec_cedula(n: &[u8]) -> Option<bool> {
    let province = matches!(part(n, 0, 2)?, 1..=24 | 30);
    Some(n.len() == 10 && province && digit(n, 2)? < 6 && luhn(n)?)
}

/// Mexico, CURP: letters, birthday, sex, state, and a check digit by weights 18 to 2 (RENAPO).
pub fn mx_curp(n: &[u8]) -> Option<bool> {
    let sum = (0..17).try_fold(0, |sum, at| {
        let value = value36(n, at)?;
        // The Ñ has a place between N and O.
        let value = if value > 23 { value + 1 } else { value };
        Some(sum + value * (18 - at as u32))
    })?;
    let states = b"ASBCBSCCCLCMCSCHDFDGGTGRHGJCMCMNMSNTNLOCPLQTQRSPSLSRTCTSTLVZYNZSNE";
    let state = states.chunks(2).any(|state| Some(state) == n.get(11..13));
    let sex = matches!(n.get(10)?, b'H' | b'M' | b'X');
    Some(n.len() == 18 && yymmdd(n, 4)? && sex && state && (10 - sum % 10) % 10 == digit(n, 17)?)
}

/// Mexico, RFC of persons: letters, birthday, homonym key and a check character by modulus 11 (SAT).
pub fn mx_rfc(n: &[u8]) -> Option<bool> {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ";
    if n.len() != 13 {
        return Some(false);
    }
    let sum = n[..12].iter().enumerate().try_fold(0, |sum, (at, b)| {
        Some(sum + ALPHABET.iter().position(|c| c == b)? as u32 * (13 - at as u32))
    })?;
    let check = match 11 - sum % 11 {
        11 => b'0',
        10 => b'A',
        digit => b'0' + digit as u8,
    };
    let real = short_day(part(n, 4, 6)?, part(n, 6, 8)?, part(n, 8, 10)?);
    Some(real && n[12] == check)
}

/// Peru, RUC: kind, document number, modulus 11 (SUNAT).
pub fn pe_ruc(n: &[u8]) -> Option<bool> {
    let kind = matches!(part(n, 0, 2)?, 10 | 15..=17 | 20);
    let check = (11 - weighted(n, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2])? % 11) % 10;
    Some(n.len() == 11 && kind && check == digit(n, 10)?)
}

/// Uruguay, cédula de identidad: weights 2 9 8 7 6 3 4, modulus 10 (Dirección Nacional de Identificación Civil).
pub fn uy_cedula(n: &[u8]) -> Option<bool> {
    Some(n.len() == 8 && (10 - weighted(n, &[2, 9, 8, 7, 6, 3, 4])? % 10) % 10 == digit(n, 7)?)
}
