//! Numbers of JSON, exactly as they are written.

use crate::catalogue::price::Amount;

/// A decimal number: `digits` times ten to the power of `exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u64,
    exponent: i32,
}

impl Decimal {
    /// Reads a number of JSON that is not negative, such as `1.5e-07`; `None` for everything else, and for more digits than
    /// fit.
    pub fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{places}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Some(Self {
                digits: 0,
                exponent: 0,
            });
        }
        let shift = i32::try_from(zeros).ok()? - i32::try_from(places.len()).ok()?;
        Some(Self {
            digits: significant.parse().ok()?,
            exponent: exponent.checked_add(shift)?,
        })
    }

    /// The number times `factor`, as dollars; `None` if it has more places than an amount, or is too large.
    pub fn dollars(self, factor: u32) -> Option<Amount> {
        let mut pico = u128::from(self.digits) * u128::from(factor);
        let mut exponent = self.exponent.checked_add(12)?;
        if pico == 0 {
            return Some(Amount::from_pico(0));
        }
        while exponent > 0 {
            pico = pico.checked_mul(10)?;
            exponent -= 1;
        }
        while exponent < 0 {
            if !pico.is_multiple_of(10) {
                return None;
            }
            pico /= 10;
            exponent += 1;
        }
        u64::try_from(pico).ok().map(Amount::from_pico)
    }

    /// The number, if it is whole.
    pub fn whole(self) -> Option<u64> {
        let power = 10_u64.checked_pow(u32::try_from(self.exponent).ok()?)?;
        self.digits.checked_mul(power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_million(text: &str) -> Option<String> {
        let amount = Decimal::read(text)?.dollars(1_000_000)?;
        Some(amount.to_string())
    }

    #[test]
    fn prices_come_out_as_they_were_written() {
        for (text, found) in [
            ("1.5e-07", "0.15"),
            ("3e-06", "3"),
            ("0.0000025", "2.5"),
            ("2.5E-6", "2.5"),
            ("3.625e-9", "0.003625"),
            ("1e-18", "0.000000000001"),
            ("0.0", "0"),
            ("0e999999999", "0"),
            ("1.10e-06", "1.1"),
            ("18", "18000000"),
        ] {
            assert_eq!(per_million(text).as_deref(), Some(found), "{text}");
        }
    }

    #[test]
    fn what_is_not_exact_or_no_price_is_refused() {
        for text in [
            "1e-19",
            "1.23456789012345678e-7",
            "-1e-6",
            "1e99",
            "1e999999999999",
            "1e2147483647",
            "99999999999999999999999",
            "null",
            "\"1e-6\"",
            "",
            ".",
            "e5",
            "--1",
        ] {
            assert_eq!(per_million(text), None, "{text}");
        }
    }

    #[test]
    fn counts_may_be_written_with_a_point() {
        let whole = |text| Decimal::read(text)?.whole();
        assert_eq!(whole("128000"), Some(128_000));
        assert_eq!(whole("4096.0"), Some(4096));
        assert_eq!(whole("1e6"), Some(1_000_000));
        assert_eq!(whole("0.5"), None);
        assert_eq!(whole("1e30"), None);
    }
}
