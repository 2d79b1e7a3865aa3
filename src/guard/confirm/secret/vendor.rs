//! Keys without a mark of their own, known by the name of their vendor before them and by their length.

use std::ops::Range;

use super::assigned;
use crate::guard::confirm::{Confirm, Match, entropy};

/// The checks by name: `near_` and the form of the key. A rule's pattern is the vendor's name alone, which costs next
/// to nothing to look for; the value is read here.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("near_base64_20_120", |m| behind(m, Shape::Base64(20, 120))),
    ("near_base64_32_120", |m| behind(m, Shape::Base64(32, 120))),
    ("near_base64_40", |m| behind(m, Shape::Base64(40, 40))),
    ("near_base64_64", |m| behind(m, Shape::Base64(64, 64))),
    ("near_base64_88", |m| behind(m, Shape::Base64(88, 88))),
    ("near_bootstrap", |m| behind(m, Shape::Bootstrap)),
    ("near_hex_30", |m| behind(m, Shape::Hex(&[30]))),
    ("near_hex_32", |m| behind(m, Shape::Hex(&[32]))),
    ("near_hex_32_40", |m| behind(m, Shape::Hex(&[32, 40]))),
    ("near_hex_40", |m| behind(m, Shape::Hex(&[40]))),
    ("near_hex_64", |m| behind(m, Shape::Hex(&[64]))),
    ("near_name_20_22", |m| behind(m, Shape::Name(20, 22))),
    ("near_name_20_32", |m| behind(m, Shape::Name(20, 32))),
    ("near_name_20_64", |m| behind(m, Shape::Name(20, 64))),
    ("near_name_24_36", |m| behind(m, Shape::Name(24, 36))),
    ("near_name_24_64", |m| behind(m, Shape::Name(24, 64))),
    ("near_name_27_120", |m| behind(m, Shape::Name(27, 120))),
    ("near_name_27_64", |m| behind(m, Shape::Name(27, 64))),
    ("near_name_32", |m| behind(m, Shape::Name(32, 32))),
    ("near_name_32_34", |m| behind(m, Shape::Name(32, 34))),
    ("near_name_37_40", |m| behind(m, Shape::Name(37, 40))),
    ("near_name_42", |m| behind(m, Shape::Name(42, 42))),
    ("near_name_43", |m| behind(m, Shape::Name(43, 43))),
    ("near_name_44", |m| behind(m, Shape::Name(44, 44))),
    ("near_name_45_52", |m| behind(m, Shape::Name(45, 52))),
    ("near_name_64", |m| behind(m, Shape::Name(64, 64))),
    ("near_name_80", |m| behind(m, Shape::Name(80, 80))),
    ("near_uuid", |m| behind(m, Shape::Uuid)),
    ("near_vault", |m| behind(m, Shape::Vault)),
    ("near_word_16", |m| behind(m, Shape::Word(16, 16))),
    ("near_word_16_64", |m| behind(m, Shape::Word(16, 64))),
    ("near_word_17", |m| behind(m, Shape::Word(17, 17))),
    ("near_word_24", |m| behind(m, Shape::Word(24, 24))),
    ("near_word_25_50", |m| behind(m, Shape::Word(25, 50))),
    ("near_word_30", |m| behind(m, Shape::Word(30, 30))),
    ("near_word_32", |m| behind(m, Shape::Word(32, 32))),
    ("near_word_36", |m| behind(m, Shape::Word(36, 36))),
    ("near_word_40", |m| behind(m, Shape::Word(40, 40))),
    ("near_word_52", |m| behind(m, Shape::Word(52, 52))),
    ("near_word_64", |m| behind(m, Shape::Word(64, 64))),
];

/// How a vendor's key looks.
#[derive(Clone, Copy)]
enum Shape {
    /// Hexadecimal digits, so many.
    Hex(&'static [usize]),
    /// Letters and digits, from and to how many.
    Word(usize, usize),
    /// The same with `_` and `-`.
    Name(usize, usize),
    /// The same with `+`, `/` and `=`.
    Base64(usize, usize),
    /// 8-4-4-4-12.
    Uuid,
    /// `s.` and 24 letters and digits.
    Vault,
    /// Six and sixteen letters and digits.
    Bootstrap,
}

impl Shape {
    fn fits(self, value: &str) -> bool {
        let all = |value: &str, more: &[u8]| {
            value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        let long = |least: usize, most: usize| (least..=most).contains(&value.len());
        let random = || entropy::is_random(value, 12);
        match self {
            Self::Hex(lengths) => {
                lengths.contains(&value.len())
                    && value.bytes().all(|b| b.is_ascii_hexdigit())
                    && entropy::is_key(value)
            }
            Self::Word(least, most) => long(least, most) && all(value, b"") && random(),
            Self::Name(least, most) => long(least, most) && all(value, b"_-") && random(),
            Self::Base64(least, most) => long(least, most) && all(value, b"_-+/=") && random(),
            Self::Uuid => entropy::is_uuid(value) && entropy::is_spread(value.as_bytes()),
            Self::Vault => {
                value.len() == 26 && value.starts_with("s.") && all(&value[2..], b"") && random()
            }
            Self::Bootstrap => {
                value.len() == 23
                    && value.as_bytes()[6] == b'.'
                    && all(&value[..6], b"")
                    && all(&value[7..], b"")
            }
        }
    }
}

/// Words between the name and the value that say it is something else.
const OTHERS: &[&str] = &[
    "digest", "sha", "md5", "commit", "hash", "etag", "public", "request", "trace", "span",
    "release", "version", "url", "uuid",
];

/// Looks behind the vendor's name for a sign and a value of the form.
fn behind(m: Match, shape: Shape) -> Option<Range<usize>> {
    let window = m.text.as_bytes()[m.end..].iter().take(48);
    let gap = window
        .take_while(|b| b.is_ascii_alphanumeric() || b"_ .-\"'[]()\\`".contains(b))
        .count();
    let between = &m.text[m.end..m.end + gap];
    let folded = between.to_ascii_lowercase();
    if OTHERS.iter().any(|word| folded.contains(word)) {
        return None;
    }
    let value = match between.find(" is ") {
        Some(at) => assigned::value_at(m.text, m.end + at + 4),
        None => assigned::value_behind(m.text, m.end + gap).filter(|v| v.start > m.end + gap),
    }?;
    shape
        .fits(value.text)
        .then(|| value.start..value.start + value.text.len())
}
