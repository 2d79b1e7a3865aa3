//! Numbers of identity documents: the check digits, dates and shapes that their issuers define.
//!
//! A check gets the letters (as capitals) and digits of a match, without spaces, dots and dashes. Which numbers count
//! alone, which need words near them and which form of writing they need is said by the rules in
//! `conf/rules/personal_data/national_id.yaml`.

use std::ops::Range;

use super::{Confirm, Match};

mod america;
mod asia;
mod documents;
mod europe;
mod europe_east;
mod sums;

/// Longest number that is looked at, in letters and digits: two lines of a passport have 88.
const LONGEST: usize = 96;

/// Says whether letters and digits are a valid number.
type Valid = fn(&[u8]) -> Option<bool>;

/// Applies a check to the letters and digits of a match that no further digits follow or precede.
fn number(m: Match, valid: Valid) -> Option<Range<usize>> {
    if !stands_alone(m) {
        return None;
    }
    let mut kept = [0; LONGEST];
    let mut length = 0;
    for byte in m
        .value()
        .bytes()
        .filter(|b| b.is_ascii_alphanumeric() || *b == b'&' || *b == b'<')
    {
        *kept.get_mut(length)? = byte.to_ascii_uppercase();
        length += 1;
    }
    let first = *kept[..length].first()?;
    // Placeholders: 000 000 000, 1111111111.
    if kept[..length].iter().all(|b| *b == first) || !valid(&kept[..length])? {
        return None;
    }
    Some(m.start..m.end)
}

/// Whether a number ends where its match ends: it is no piece of a longer one, of an amount, or of a phone number
/// that begins with a plus.
fn stands_alone(m: Match) -> bool {
    let spaced = m.value().contains(' ');
    let joins = |near: Option<char>, next: Option<char>| match near {
        Some(c) if c.is_alphanumeric() || c == '_' => true,
        Some('-' | '.' | '/' | ',') => next.is_some_and(|c| c.is_ascii_digit()),
        Some(' ') => spaced && next.is_some_and(|c| c.is_ascii_digit()),
        _ => false,
    };
    let mut before = m.before().chars().rev();
    let mut after = m.after().chars();
    let near = before.next();
    near != Some('+') && !joins(near, before.next()) && !joins(after.next(), after.next())
}

macro_rules! checks {
    ($($name:literal => $valid:path,)*) => {
        /// The checks of this file by name.
        pub const CHECKS: &[(&str, Confirm)] =
            &[("birth_date", documents::birth_date), $(($name, |m| number(m, $valid))),*];
    };
}

checks! {
    "at_svnr" => europe::at_svnr,
    "be_national_number" => europe::be_national_number,
    "ch_ahv" => europe::ch_ahv,
    "de_ausweis" => europe::de_ausweis,
    "de_rvnr" => europe::de_rvnr,
    "de_steuer_id" => europe::de_steuer_id,
    "dk_cpr" => europe::dk_cpr,
    "dk_cpr_date" => europe::dk_cpr_date,
    "es_dni" => europe::es_dni,
    "fi_hetu" => europe::fi_hetu,
    "fr_nir" => europe::fr_nir,
    "gb_nhs" => europe::gb_nhs,
    "gb_nino" => europe::gb_nino,
    "gr_afm" => europe_east::gr_afm,
    "gr_amka" => europe_east::gr_amka,
    "ie_pps" => europe::ie_pps,
    "is_kennitala" => europe::is_kennitala,
    "it_codice_fiscale" => europe::it_codice_fiscale,
    "lu_matricule" => europe::lu_matricule,
    "nl_bsn" => europe::nl_bsn,
    "no_fodselsnummer" => europe::no_fodselsnummer,
    "pt_nif" => europe::pt_nif,
    "pt_cc" => europe::pt_cc,
    "se_personnummer" => europe::se_personnummer,
    "bg_egn" => europe_east::bg_egn,
    "cz_rodne_cislo" => europe_east::cz_rodne_cislo,
    "ee_isikukood" => europe_east::ee_isikukood,
    "hr_oib" => europe_east::hr_oib,
    "hu_adoazonosito" => europe_east::hu_adoazonosito,
    "hu_taj" => europe_east::hu_taj,
    "hu_szemelyi" => europe_east::hu_szemelyi,
    "lv_personas_kods" => europe_east::lv_personas_kods,
    "pl_nip" => europe_east::pl_nip,
    "pl_pesel" => europe_east::pl_pesel,
    "pl_dowod" => europe_east::pl_dowod,
    "ro_cnp" => europe_east::ro_cnp,
    "ru_inn" => europe_east::ru_inn,
    "ru_snils" => europe_east::ru_snils,
    "tr_kimlik" => europe_east::tr_kimlik,
    "ua_rnokpp" => europe_east::ua_rnokpp,
    "yu_jmbg" => europe_east::yu_jmbg,
    "ar_cuit" => america::ar_cuit,
    "br_cnpj" => america::br_cnpj,
    "br_cpf" => america::br_cpf,
    "ca_sin" => america::ca_sin,
    "cl_rut" => america::cl_rut,
    "co_nit" => america::co_nit,
    "do_cedula" => america::do_cedula,
    "ec_cedula" => america::ec_cedula,
    "mx_curp" => america::mx_curp,
    "mx_rfc" => america::mx_rfc,
    "pe_ruc" => america::pe_ruc,
    "uy_cedula" => america::uy_cedula,
    "ae_emirates_id" => asia::ae_emirates_id,
    "au_abn" => asia::au_abn,
    "au_medicare" => asia::au_medicare,
    "au_tfn" => asia::au_tfn,
    "cn_resident" => asia::cn_resident,
    "eg_national" => asia::eg_national,
    "hk_hkid" => asia::hk_hkid,
    "id_nik" => asia::id_nik,
    "il_teudat_zehut" => asia::il_teudat_zehut,
    "in_aadhaar" => asia::in_aadhaar,
    "ir_melli" => asia::ir_melli,
    "jp_my_number" => asia::jp_my_number,
    "kr_rrn" => asia::kr_rrn,
    "kr_rrn_date" => asia::kr_rrn_date,
    "kw_civil" => asia::kw_civil,
    "kz_iin" => asia::kz_iin,
    "lk_nic" => asia::lk_nic,
    "my_kad" => asia::my_kad,
    "nz_ird" => asia::nz_ird,
    "sa_national" => asia::sa_national,
    "sg_nric" => asia::sg_nric,
    "th_pin" => asia::th_pin,
    "tw_national" => asia::tw_national,
    "za_id" => asia::za_id,
    "mrz_td3" => documents::mrz_td3,
    "mrz_td1" => documents::mrz_td1,
    "gb_driving_licence" => documents::gb_driving_licence,
    "document_number" => documents::document_number,
    "licence_number" => documents::licence_number,
    "account_number" => documents::account_number,
    "de_kvnr" => documents::de_kvnr,
    "us_mbi" => documents::us_mbi,
    "nz_nhi" => documents::nz_nhi,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(check: &str, text: &str) -> bool {
        let (_, confirm) = CHECKS.iter().find(|(name, _)| *name == check).unwrap();
        confirm(Match {
            text,
            start: 0,
            end: text.len(),
        })
        .is_some()
    }

    #[test]
    fn numbers_that_the_authorities_publish_as_examples_pass() {
        for (check, number) in [
            ("de_steuer_id", "86095742719"),
            ("de_ausweis", "L01X00T471"),
            ("de_rvnr", "65 170839 J 003"),
            ("pt_cc", "00000000 0 ZZ4"),
            ("cn_resident", "11010519491231002X"),
            ("au_abn", "51 824 753 556"),
            ("nz_ird", "49-091-850"),
            ("ca_sin", "046 454 286"),
            ("mrz_td3", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
        ] {
            assert!(passes(check, number), "{check} {number}");
        }
    }

    #[test]
    fn a_number_of_one_digit_repeated_is_a_placeholder() {
        assert!(!passes("br_cpf", "111.111.111-11"));
        assert!(!passes("gb_nhs", "000 000 0000"));
    }

    #[test]
    fn a_piece_of_a_longer_number_is_none() {
        let text = "+4586095742719 and 86095742719-33";
        for start in [3, 19] {
            let (_, confirm) = CHECKS
                .iter()
                .find(|(name, _)| *name == "de_steuer_id")
                .unwrap();
            assert!(
                confirm(Match {
                    text,
                    start,
                    end: start + 11
                })
                .is_none()
            );
        }
    }

    #[test]
    fn no_input_makes_a_check_panic() {
        for (_, confirm) in CHECKS {
            for text in [
                "",
                "A",
                "9",
                "Ä1",
                "&&&&",
                "<<<<<<<<<<",
                "0123456789012345678901234567890",
                "ZZZZZZZZZZZZZZZZZZ",
            ] {
                for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
                    confirm(Match {
                        text,
                        start: 0,
                        end,
                    });
                }
            }
        }
    }
}
