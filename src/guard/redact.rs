//! Redaction: something else in the place of what a rule found, and, where wished, the original back in the answer.
//!
//! Placeholders cannot be guessed, since each vault has a random tag, and none is the beginning of another, since each
//! ends with a bracket. They hold no character that JSON, HTML or Markdown would escape within a word of capitals.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What stands in the place of a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `[EMAIL_K7Q2M9XD_1]`; the original comes back in the answer.
    #[default]
    Placeholder,
    /// Something of the same form that means nobody; the original comes back in the answer.
    Synthetic,
    /// Stars, and the last four letters or digits.
    Mask,
    /// `EMAIL#5d41402a`: the same for the same value, so that records can be joined.
    Hash,
    /// `[EMAIL]`.
    Remove,
}

/// Values that a vault keeps at most; what is found beyond is removed for good.
const MOST_VALUES: usize = 10_000;

/// What was taken out of a request, to be put back into its answer.
#[derive(Clone, Debug)]
pub struct Vault {
    /// Random letters and digits, the same in all placeholders of this vault.
    tag: String,
    /// The number of each value by its kind and style.
    numbers: HashMap<(Style, String, String), usize>,
    entries: Vec<Entry>,
    /// The number of each stand-in, in their order.
    stand_ins: BTreeMap<String, usize>,
    /// How long stand-ins are: a few dozen lengths at most, since values are.
    lengths: Vec<usize>,
    longest: usize,
    /// The bytes with which stand-ins begin.
    first: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Entry {
    stand_in: String,
    value: String,
}

impl Default for Vault {
    fn default() -> Self {
        Self::new()
    }
}

impl Vault {
    /// An empty vault with a tag of its own.
    pub fn new() -> Self {
        Self {
            tag: random_tag(),
            numbers: HashMap::new(),
            entries: Vec::new(),
            stand_ins: BTreeMap::new(),
            lengths: Vec::new(),
            longest: 0,
            first: Vec::new(),
        }
    }

    /// The letters and digits that all its placeholders share.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether nothing was taken out.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many values it keeps.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// What stands for a value; the same each time.
    pub fn stand_in(&mut self, style: Style, kind: &str, value: &str) -> String {
        let key = (style, kind.to_owned(), value.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return self.entries[*number].stand_in.clone();
        }
        if self.entries.len() == MOST_VALUES {
            return removed(kind);
        }
        let number = self.entries.len();
        let stand_in = match style {
            Style::Synthetic => self.synthetic(kind, value),
            _ => format!("[{}_{}_{}]", label(kind), self.tag, number + 1),
        };
        self.longest = self.longest.max(stand_in.len());
        if let Some(first) = stand_in.bytes().next()
            && !self.first.contains(&first)
        {
            self.first.push(first);
        }
        if let Err(at) = self.lengths.binary_search_by(|len| stand_in.len().cmp(len)) {
            self.lengths.insert(at, stand_in.len());
        }
        self.stand_ins.insert(stand_in.clone(), number);
        self.entries.push(Entry {
            stand_in: stand_in.clone(),
            value: value.to_owned(),
        });
        self.numbers.insert(key, number);
        stand_in
    }

    /// Something of the same form that no other value has, and that is not in use for another.
    fn synthetic(&self, kind: &str, value: &str) -> String {
        for attempt in 0..16 {
            let made = synthetic(kind, value, &format!("{}/{attempt}", self.tag));
            let taken = made == value || self.stand_ins.contains_key(&made);
            if !taken {
                return made;
            }
        }
        format!("[{}_{}_{}]", label(kind), self.tag, self.entries.len() + 1)
    }

    /// A text with the originals back in it; `escape` writes them for where they will stand.
    pub fn restore<'t>(&self, text: &'t str, escape: Escape) -> Cow<'t, str> {
        if self.is_empty() || text.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::new();
        let mut done = 0;
        let mut at = 0;
        while let Some(next) = text.as_bytes()[at..]
            .iter()
            .position(|byte| self.first.contains(byte))
        {
            at += next;
            let Some((entry, len)) = text.get(at..).and_then(|rest| self.at(rest)) else {
                at += 1;
                continue;
            };
            out.push_str(&text[done..at]);
            escape.write(&entry.value, &mut out);
            at += len;
            done = at;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// The entry whose stand-in begins a text: the longest.
    fn at(&self, text: &str) -> Option<(&Entry, usize)> {
        self.lengths.iter().find_map(|len| {
            let number = self.stand_ins.get(text.get(..*len)?)?;
            Some((&self.entries[*number], *len))
        })
    }

    /// Whether stand-ins of this vault stand in a text, and where: in the order of places.
    pub fn places(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        let mut places = Vec::new();
        let mut at = 0;
        while !self.is_empty()
            && let Some(next) = text.as_bytes()[at..]
                .iter()
                .position(|byte| self.first.contains(byte))
        {
            at += next;
            match text.get(at..).and_then(|rest| self.at(rest)) {
                Some((_, len)) => {
                    places.push(at..at + len);
                    at += len;
                }
                None => at += 1,
            }
        }
        places
    }

    /// Where at the end of a text something begins that could become a stand-in.
    pub fn open_tail(&self, text: &str) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let from = text.len().saturating_sub(self.longest);
        (from..text.len())
            .filter(|at| text.is_char_boundary(*at))
            .find(|at| {
                let tail = &text[*at..];
                // The first one behind it in their order is the one that would begin with it.
                self.first.contains(&tail.as_bytes()[0])
                    && self
                        .stand_ins
                        .range::<str, _>((Bound::Excluded(tail), Bound::Unbounded))
                        .next()
                        .is_some_and(|(stand_in, _)| stand_in.starts_with(tail))
            })
    }
}

/// How an original is written where a stand-in stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    None,
    /// As a part of a JSON string.
    Json,
}

impl Escape {
    fn write(self, value: &str, out: &mut String) {
        match self {
            Self::None => out.push_str(value),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
    }
}

/// What stands for a value for good: nothing brings it back. `key` makes hashes that others cannot compute.
pub fn for_good(style: Style, kind: &str, value: &str, key: &[u8]) -> String {
    match style {
        Style::Mask => mask(value),
        Style::Hash => {
            let digest = keyed(key, kind, value);
            let hex: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
            format!("{}#{hex}", label(kind))
        }
        Style::Synthetic => {
            let seed: String = key.iter().map(|b| char::from(b'a' + b % 26)).collect();
            synthetic(kind, value, &seed)
        }
        Style::Placeholder | Style::Remove => removed(kind),
    }
}

/// HMAC-SHA256 (RFC 2104) with a key of at most 64 bytes.
fn keyed(key: &[u8], kind: &str, value: &str) -> [u8; 32] {
    let mut block = [0_u8; 64];
    let used = key.len().min(64);
    block[..used].copy_from_slice(&key[..used]);
    let inner = Sha256::new()
        .chain_update(block.map(|b| b ^ 0x36))
        .chain_update(kind)
        .chain_update([0])
        .chain_update(value)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|b| b ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

fn removed(kind: &str) -> String {
    format!("[{}]", label(kind))
}

/// A kind as it stands in placeholders: capitals, digits and underscores.
fn label(kind: &str) -> String {
    let label: String = kind
        .chars()
        .map(|c| c.to_ascii_uppercase())
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(32)
        .collect();
    if label.is_empty() {
        "VALUE".to_owned()
    } else {
        label
    }
}

/// Stars for all letters and digits but the last four; of short values all.
fn mask(value: &str) -> String {
    let signs = value.chars().filter(|c| c.is_alphanumeric()).count();
    let shown = if signs >= 8 { 4 } else { 0 };
    let mut left = signs;
    value
        .chars()
        .map(|c| {
            if !c.is_alphanumeric() {
                // Line ends and the like would tell more than they are worth in a mask.
                return if c.is_control() { '*' } else { c };
            }
            left -= 1;
            if left < shown { c } else { '*' }
        })
        .collect()
}

/// Something of the form of a value: digits for digits, letters for letters; check digits are right where the form has
/// them, and domains are those that belong to nobody (RFC 2606).
fn synthetic(kind: &str, value: &str, seed: &str) -> String {
    let digest = keyed(seed.as_bytes(), kind, value);
    let mut state = u64::from_le_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    // xorshift64*, from a keyed hash: without the key its output tells nothing of the value.
    let mut random = move |below: u32| {
        state |= 1;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as u32 % below
    };
    let letter =
        |random: &mut dyn FnMut(u32) -> u32, first: u8| char::from(first + random(26) as u8);
    if kind == "EMAIL" {
        let name: String = (0..8).map(|_| letter(&mut random, b'a')).collect();
        return format!("{name}@example.com");
    }
    let mut made: Vec<char> = value
        .chars()
        .enumerate()
        .map(|(at, c)| match c {
            // A leading digit stays a digit that may lead.
            '0'..='9' if at == 0 => char::from(b'1' + random(9) as u8),
            '0'..='9' => char::from(b'0' + random(10) as u8),
            'a'..='z' => letter(&mut random, b'a'),
            'A'..='Z' => letter(&mut random, b'A'),
            c if c.is_alphabetic() => letter(&mut random, b'a'),
            c => c,
        })
        .collect();
    if kind == "CREDIT_CARD" {
        set_luhn(&mut made);
    }
    if kind == "IBAN" {
        // The country stays, or the length would be wrong.
        for (c, kept) in made.iter_mut().zip(value.chars()).take(2) {
            *c = kept;
        }
        set_iban(&mut made);
    }
    made.into_iter().collect()
}

/// Sets the last digit so that the number passes Luhn's check (ISO/IEC 7812-1).
fn set_luhn(text: &mut [char]) {
    let places: Vec<usize> = (0..text.len())
        .filter(|at| text[*at].is_ascii_digit())
        .collect();
    let Some((last, others)) = places.split_last() else {
        return;
    };
    let sum: u32 = others
        .iter()
        .rev()
        .enumerate()
        .filter_map(|(n, at)| Some((n, text[*at].to_digit(10)?)))
        .map(|(n, digit)| match (n % 2, digit) {
            (0, digit @ 5..) => 2 * digit - 9,
            (0, digit) => 2 * digit,
            (_, digit) => digit,
        })
        .sum();
    text[*last] = char::from(b'0' + ((10 - sum % 10) % 10) as u8);
}

/// Sets the two check digits of an IBAN (ISO 13616: mod 97-10).
fn set_iban(text: &mut [char]) {
    let places: Vec<usize> = (0..text.len())
        .filter(|at| text[*at].is_ascii_alphanumeric())
        .collect();
    if places.len() < 5 {
        return;
    }
    let rest = places[4..].iter().chain(&places[..2]).map(|at| text[*at]);
    let mut sum: u32 = 0;
    for c in rest.chain(['0', '0']) {
        let number = c.to_digit(36).unwrap_or(0);
        sum = if number < 10 {
            sum * 10 + number
        } else {
            sum * 100 + number
        } % 97;
    }
    let check = 98 - sum;
    text[places[2]] = char::from(b'0' + (check / 10) as u8);
    text[places[3]] = char::from(b'0' + (check % 10) as u8);
}

/// Eight random letters and digits: 40 bits from the system's source.
fn random_tag() -> String {
    const SIGNS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).expect("the system has a source of random numbers");
    bytes
        .iter()
        .map(|b| char::from(SIGNS[usize::from(b % 32)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_out_comes_back() {
        let mut vault = Vault::new();
        let a = vault.stand_in(Style::Placeholder, "EMAIL", "ann@x.org");
        let b = vault.stand_in(Style::Placeholder, "PHONE", "+49 30 1234567");
        assert_eq!(vault.stand_in(Style::Placeholder, "EMAIL", "ann@x.org"), a);
        assert_ne!(a, b);
        let text = format!("write to {a}{a} or call {b}.");
        assert_eq!(
            vault.restore(&text, Escape::None),
            "write to ann@x.organn@x.org or call +49 30 1234567."
        );
        assert_eq!(vault.restore("nothing here", Escape::None), "nothing here");
    }

    #[test]
    fn the_tenth_value_is_not_taken_for_the_first() {
        let mut vault = Vault::new();
        let made: Vec<String> = (0..120)
            .map(|n| vault.stand_in(Style::Placeholder, "EMAIL", &format!("v{n}")))
            .collect();
        for (n, stand_in) in made.iter().enumerate() {
            assert_eq!(vault.restore(stand_in, Escape::None), format!("v{n}"));
            let others = made.iter().filter(|o| o.starts_with(stand_in.as_str()));
            assert_eq!(others.count(), 1);
        }
    }

    #[test]
    fn originals_are_escaped_where_they_come_into_json() {
        let mut vault = Vault::new();
        let mark = vault.stand_in(Style::Placeholder, "NAME", "O\"Neil\n\\");
        let text = format!(r#"{{"name":"{mark}"}}"#);
        let json = vault.restore(&text, Escape::Json);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["name"], "O\"Neil\n\\");
    }

    #[test]
    fn a_stand_in_that_is_not_whole_yet_is_seen() {
        let mut vault = Vault::new();
        let mark = vault.stand_in(Style::Placeholder, "EMAIL", "a@b.cd");
        for cut in 1..mark.len() {
            let text = format!("see {}", &mark[..cut]);
            assert_eq!(vault.open_tail(&text), Some(4), "{text}");
        }
        assert_eq!(vault.open_tail(&format!("see {mark}")), None);
        assert_eq!(vault.open_tail("see [other"), None);
    }

    #[test]
    fn two_vaults_never_share_placeholders() {
        let (mut a, mut b) = (Vault::new(), Vault::new());
        let mark = a.stand_in(Style::Placeholder, "EMAIL", "a@b.cd");
        b.stand_in(Style::Placeholder, "EMAIL", "other@b.cd");
        assert_eq!(b.restore(&mark, Escape::None), mark);
    }

    #[test]
    fn stand_ins_have_the_form_of_what_they_stand_for() {
        let mut vault = Vault::new();
        let card = vault.stand_in(Style::Synthetic, "CREDIT_CARD", "4111 1111 1111 1111");
        assert_eq!(card.len(), 19);
        let digits: Vec<u32> = card.chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(n, d)| {
                if n % 2 == 1 {
                    d * 2 / 10 + d * 2 % 10
                } else {
                    *d
                }
            })
            .sum();
        assert_eq!(sum % 10, 0, "{card}");
        let iban = vault.stand_in(Style::Synthetic, "IBAN", "GB82 WEST 1234 5698 7654 32");
        assert!(iban.starts_with("GB") && iban != "GB82 WEST 1234 5698 7654 32");
        let moved: String = iban.replace(' ', "");
        let number = format!("{}{}", &moved[4..], &moved[..4]);
        let rest = number.chars().fold(0_u64, |sum, c| {
            let n = u64::from(c.to_digit(36).unwrap());
            (sum * if n < 10 { 10 } else { 100 } + n) % 97
        });
        assert_eq!(rest, 1, "{iban}");
        let mail = vault.stand_in(Style::Synthetic, "EMAIL", "ann@real.org");
        assert!(mail.ends_with("@example.com"));
        assert_eq!(
            vault.restore(&format!("<{mail}>"), Escape::None),
            "<ann@real.org>"
        );
    }

    #[test]
    fn masks_show_the_last_four_of_long_values_only() {
        assert_eq!(mask("4111-1111-1111-1234"), "****-****-****-1234");
        assert_eq!(mask("secret7"), "*******");
        assert_eq!(mask("ann@x.org"), "***@*.***"); // seven letters
    }

    #[test]
    fn hashes_are_stable_and_keyed() {
        let one = for_good(Style::Hash, "EMAIL", "a@b.cd", b"key");
        assert_eq!(one, for_good(Style::Hash, "EMAIL", "a@b.cd", b"key"));
        assert_ne!(one, for_good(Style::Hash, "EMAIL", "a@b.cd", b"other"));
        assert!(one.starts_with("EMAIL#") && one.len() == 22);
    }
}
