//! Checks behind the rules of secrets: keys with a prefix, JWTs, headers, passwords in addresses.
//!
//! Rules find where something begins; the checks read on to its end, so that patterns stay short. Where a vendor's
//! tokens carry a checksum, a right one settles the matter, and a wrong one is no reason to let a token pass: old
//! tokens have none, and people mistype what they paste.

use std::ops::Range;

use base64::{Engine as _, alphabet, engine};

use super::{Confirm, Match, entropy};

mod assigned;
mod block;
pub mod vendor;

/// The checks of this file and of those below it.
pub const CHECKS: &[(&str, Confirm)] = &[
    ("token", token),
    ("token_wide", token_wide),
    ("token_fixed", token_fixed),
    ("token_checksum", token_checksum),
    ("token_around", token_around),
    ("token_plain", token_plain),
    ("telegram", telegram),
    ("near_key", near_key),
    ("bearer_zeros", bearer_zeros),
    ("webhook", webhook),
    ("jwt", jwt),
    ("grafana_json", grafana_json),
    ("basic_auth", basic_auth),
    ("bearer", bearer),
    ("url_password", url_password),
    ("user_password", user_password),
    ("assigned_secret", assigned::secret),
    ("assigned_password", assigned::password),
    ("told_secret", assigned::told_secret),
    ("told_password", assigned::told_password),
    ("told_password_here", assigned::told_password_here),
    ("flag_password", assigned::flag_password),
    ("command_password", assigned::command_password),
    ("pgpass", assigned::pgpass),
    ("pem", block::pem),
    ("pem_base64", block::pem_base64),
    ("der_base64", block::der_base64),
    ("putty", block::putty),
    ("key_xml", block::key_xml),
];

/// Longest token that is read.
const LONGEST: usize = 4096;

/// Of base64 in both alphabets, padded or not.
const LENIENT: engine::GeneralPurposeConfig = engine::GeneralPurposeConfig::new()
    .with_decode_padding_mode(engine::DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const URL: engine::GeneralPurpose = engine::GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const STANDARD: engine::GeneralPurpose = engine::GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// Where the characters that may stand in it end.
pub(super) fn reach(text: &str, from: usize, may: fn(u8) -> bool) -> usize {
    let most = text.len().min(from.saturating_add(LONGEST));
    from + text.as_bytes()[from..most]
        .iter()
        .take_while(|b| may(**b))
        .count()
}

const fn narrow(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

const fn wide(b: u8) -> bool {
    narrow(b) || matches!(b, b'.' | b'+' | b'/' | b'=' | b'~' | b'%')
}

/// Whether a token may begin here: not within a word, unless what stands before is an escape (`\n`, `%3D`, `\u003d`).
pub(super) fn begins(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'\\', b'u', _, _, _, _] => true,
        [.., last] => !last.is_ascii_alphanumeric() && *last != b'_',
        [] => true,
    }
}

/// A token whose match is read on as long as `may` allows.
fn extended(m: Match, may: fn(u8) -> bool, trim: &[char]) -> Option<Range<usize>> {
    if !begins(m.text, m.start) {
        return None;
    }
    let end = reach(m.text, m.end, may);
    let value = m.text[m.start..end].trim_end_matches(trim);
    (value.len() >= m.end - m.start && entropy::is_key(value))
        .then(|| m.start..m.start + value.len())
}

/// A prefix and letters, digits, `_`, `-`.
fn token(m: Match) -> Option<Range<usize>> {
    extended(m, narrow, &[])
}

/// A prefix and what base64 and addresses may have.
fn token_wide(m: Match) -> Option<Range<usize>> {
    extended(m, wide, &['.', '/', '%'])
}

/// What the pattern matched and nothing more: another letter or digit behind it makes it something else.
fn token_fixed(m: Match) -> Option<Range<usize>> {
    let more = m
        .after()
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    (!more && begins(m.text, m.start) && entropy::is_key(m.value())).then_some(m.start..m.end)
}

/// The match is a mark inside of the token, which is read on to both sides.
fn token_around(m: Match) -> Option<Range<usize>> {
    let may = |b: &u8| wide(*b) && *b != b'=' && *b != b'%';
    let before = m.text.as_bytes()[..m.start]
        .iter()
        .rev()
        .take(128)
        .take_while(|b| may(b))
        .count();
    let start = m.start - before;
    let end = reach(m.text, m.end, |b| wide(b) && b != b'%');
    let value = m.text[start..end].trim_end_matches(['.', '/']);
    (value.len() >= 34 && entropy::is_key(value)).then(|| start..start + value.len())
}

/// A token whose prefix is so long that a stand-in is the only doubt: words may stand in it by chance.
fn token_plain(m: Match) -> Option<Range<usize>> {
    let end = reach(m.text, m.end, |b| b.is_ascii_alphanumeric());
    let value = &m.text[m.start..end];
    let body = value.rsplit('-').next()?;
    (begins(m.text, m.start) && entropy::is_spread(body.as_bytes()) && !entropy::is_stand_in(body))
        .then_some(m.start..end)
}

/// The token of a bot of Telegram: the id before the match, and what follows it.
fn telegram(m: Match) -> Option<Range<usize>> {
    let id = m
        .before()
        .bytes()
        .rev()
        .take(11)
        .take_while(u8::is_ascii_digit)
        .count();
    let end = reach(m.text, m.end, narrow);
    let fine = (8..=10).contains(&id) && entropy::is_key(&m.text[m.start + 1..end]);
    fine.then(|| m.start - id..end)
}

/// A token of GitHub or npm: `xxx_`, 30 characters, and six of a CRC-32 in base 62.
fn token_checksum(m: Match) -> Option<Range<usize>> {
    let end = reach(m.text, m.end, narrow);
    if begins(m.text, m.start) && has_checksum(&m.text[m.start..end]) {
        return Some(m.start..end);
    }
    token(m)
}

/// Whether the last six characters are the CRC-32 of those between the prefix and them (github.blog, "Behind GitHub's
/// new authentication token formats", 2021).
fn has_checksum(token: &str) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((_, body)) = token.split_once('_').filter(|(_, body)| body.len() == 36) else {
        return false;
    };
    let (random, sum) = body.as_bytes().split_at(30);
    let mut crc = crc32(random);
    sum.iter().rev().all(|digit| {
        let wanted = DIGITS[(crc % 62) as usize];
        crc /= 62;
        wanted == *digit
    })
}

/// CRC-32 as in ISO 3309, over few bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 {
                (c >> 1) ^ 0xEDB8_8320
            } else {
                c >> 1
            }
        })
    })
}

/// A key without a prefix that stands behind its vendor's name: the match is the key.
fn near_key(m: Match) -> Option<Range<usize>> {
    let more = m.after().bytes().next().is_some_and(narrow);
    let before = m
        .before()
        .bytes()
        .next_back()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let value = m.value();
    let hex = value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let fine = entropy::is_random(value, 8) || hex && entropy::is_key(value);
    (!more && !before && fine).then_some(m.start..m.end)
}

/// An address that is a secret: to its end.
fn webhook(m: Match) -> Option<Range<usize>> {
    let may = |b: u8| {
        b.is_ascii_graphic()
            && !matches!(
                b,
                b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'|' | b'{' | b'}'
            )
    };
    let end = reach(m.text, m.end, may);
    let value = m.text[m.start..end].trim_end_matches(['.', ',', ')', ']', ';', '!', '?', ':']);
    let last = value.rsplit(['/', '=']).find(|part| part.len() >= 8)?;
    (!entropy::is_stand_in(value) && !entropy::is_name(last) && entropy::is_spread(last.as_bytes()))
        .then(|| m.start..m.start + value.len())
}

/// Three parts of base64url, or five, of which the first is a JOSE header (RFC 7515, RFC 7516).
fn jwt(m: Match) -> Option<Range<usize>> {
    if !begins(m.text, m.start) {
        return None;
    }
    let end = reach(m.text, m.end, |b| narrow(b) || b == b'.');
    let mut parts = m.text[m.start..end].split('.');
    let head = parts.next()?;
    let header = URL.decode(head).ok()?;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&header).ok()?;
    header.get("alg")?.as_str()?;
    let payload = parts.next()?;
    let mut length = head.len() + 1 + payload.len();
    if header.contains_key("enc") {
        // The encrypted key may be empty; vector, text and tag may not.
        let rest: Vec<&str> = parts.take(3).collect();
        if rest.len() < 3 || rest.iter().any(|part| part.is_empty()) {
            return None;
        }
        length += rest.iter().map(|part| part.len() + 1).sum::<usize>();
    } else {
        let decoded = URL.decode(payload).ok()?;
        if decoded.first() != Some(&b'{') && !header.contains_key("b64") {
            return None;
        }
        match parts.next() {
            Some(signature) => length += 1 + signature.len(),
            // Cut off, but the claims are all there.
            None => drop(serde_json::from_slice::<serde::de::IgnoredAny>(&decoded).ok()?),
        }
    }
    Some(m.start..m.start + length)
}

/// Keys of Grafana's older kind are base64 of `{"k":"…","n":"…","id":1}`.
fn grafana_json(m: Match) -> Option<Range<usize>> {
    let end = reach(m.text, m.end, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'=' | b'+' | b'/' | b'-' | b'_')
    });
    let next = m.text.as_bytes().get(end);
    (begins(m.text, m.start) && next != Some(&b'.') && end - m.start >= 40).then_some(m.start..end)
}

/// Behind `Basic`: base64 of name, colon, password (RFC 7617).
fn basic_auth(m: Match) -> Option<Range<usize>> {
    let end = reach(m.text, m.end, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_')
    });
    let value = &m.text[m.start..end];
    let decoded = STANDARD.decode(value).or_else(|_| URL.decode(value)).ok()?;
    let decoded = std::str::from_utf8(&decoded).ok()?;
    let (name, password) = decoded.split_once(':')?;
    let plain = !decoded.chars().any(char::is_control);
    let given = name.len() >= 4 || password.len() >= 4;
    let stand_in = entropy::is_stand_in(password) || assigned::is_said_for_show(password);
    (plain && given && !stand_in).then_some(m.start..end)
}

/// Bearer tokens of X begin with zeros in base64, which no other check likes.
fn bearer_zeros(m: Match) -> Option<Range<usize>> {
    let end = reach(m.text, m.end, |b| b.is_ascii_alphanumeric() || b == b'%');
    let body = m.text[m.start..end].trim_start_matches('A');
    (begins(m.text, m.start) && entropy::is_random(body, 32)).then_some(m.start..end)
}

/// Behind `Bearer`: any token that looks like one (RFC 6750).
fn bearer(m: Match) -> Option<Range<usize>> {
    let end = reach(m.text, m.end, wide);
    let value = m.text[m.start..end].trim_end_matches(['.', '%']);
    let next = m.text.as_bytes().get(end);
    let refers = next.is_some_and(|b| matches!(b, b'{' | b'(' | b'$'));
    (!refers && entropy::is_random(entropy::body(value), 12))
        .then(|| m.start..m.start + value.len())
}

/// The password of an address with name and password (RFC 3986, section 3.2.1): the match ends with the `:` or `/`
/// before it. It ends with the last `@` before the host.
fn url_password(m: Match) -> Option<Range<usize>> {
    let may = |b: u8| {
        !b.is_ascii_whitespace() && b > 0x1f && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`')
    };
    let end = reach(m.text, m.end, may).min(m.end + 256);
    let mut end = end;
    while !m.text.is_char_boundary(end) {
        end -= 1;
    }
    let rest = &m.text[m.end..end];
    // The authority ends with `/`, `?` or `#`, unless a password has one: then an `@` with a host must follow.
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = match rest[..authority].rfind('@') {
        Some(at) => at,
        None => rest
            .find('@')
            .filter(|at| *at < 64 && !rest[..*at].contains("//") && !rest[..*at].contains('?'))?,
    };
    let host = rest[at + 1..].chars().next()?;
    if !(host.is_alphanumeric() || matches!(host, '[' | '$' | '{' | '%' | '(' | '_')) {
        return None;
    }
    let value = &rest[..at];
    // A port and a path with an `@`, not a password.
    let port = value
        .split('/')
        .next()
        .is_some_and(|p| p.len() <= 5 && p.bytes().all(|b| b.is_ascii_digit()));
    if port && value.contains('/')
        || assigned::is_reference(value)
        || assigned::is_said_for_show(value)
    {
        return None;
    }
    (!value.is_empty()).then_some(m.end..m.end + at)
}

/// The match is an option and a name with a colon, `-u name:`; the password follows.
fn user_password(m: Match) -> Option<Range<usize>> {
    let may = |b: u8| {
        b.is_ascii_graphic()
            && !matches!(
                b,
                b'"' | b'\'' | b'`' | b'|' | b';' | b'<' | b'>' | b':' | b'\\'
            )
    };
    let end = reach(m.text, m.end, may);
    let password = &m.text[m.end..end];
    // Ids of a user and a group, a port, an address.
    let number = password.bytes().all(|b| b.is_ascii_digit());
    let shown = assigned::is_reference(password) || assigned::is_said_for_show(password);
    (password.len() >= 4 && !number && !shown && !password.starts_with("//")).then_some(m.end..end)
}

#[cfg(test)]
#[path = "secret/tests.rs"]
mod tests;
