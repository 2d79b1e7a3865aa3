//! Base64 that hides text.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Shorter runs say too little.
const SHORTEST: usize = 12;

/// Runs that are looked at, at most.
const MOST_RUNS: usize = 8;

/// Longer ones are files.
const LONGEST: usize = 16 << 10;

/// The texts that stand in it in Base64 (RFC 4648), one behind the other.
pub(super) fn texts(text: &str) -> Option<String> {
    let mut out = String::new();
    let is_ours = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut runs = 0;
    while at < bytes.len() && runs < MOST_RUNS {
        let length = bytes[at..].iter().take_while(|b| is_ours(**b)).count();
        let run = &bytes[at..at + length];
        at += length + 1;
        if !(SHORTEST..LONGEST).contains(&length)
            || run.iter().all(|b| b.is_ascii_lowercase() || *b == b'-')
        {
            continue;
        }
        runs += 1;
        // A run may have lost its beginning: three phases.
        for phase in 0..4 {
            let run = &run[phase..];
            let run = &run[..run.len() - usize::from(run.len() % 4 == 1)];
            let url = run.iter().any(|b| matches!(b, b'-' | b'_'));
            let decoded = if url {
                URL_SAFE.decode(run)
            } else {
                STANDARD.decode(run)
            };
            let Ok(decoded) = decoded else { continue };
            // One byte in front may be the rest of something else.
            let body = decoded.get(1..).unwrap_or_default();
            let readable = |b: &u8| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t');
            let good = body.iter().filter(|b| readable(b)).count();
            if body.len() >= 6 && good * 20 >= body.len() * 19 {
                out.push(' ');
                out.push_str(&String::from_utf8_lossy(&decoded));
                break;
            }
        }
    }
    (!out.is_empty()).then_some(out)
}
