//! Embeddings without a model: each word is a direction, a text is their sum.
//!
//! Texts that share words lie close to each other, and the same text has the same
//! vector for ever, which is all a cache or a search needs for a demonstration.

use super::fault::Fault;

pub(super) const DIMENSIONS: usize = 256;
const MOST_DIMENSIONS: u64 = 4096;

/// The vector's length to use, given what the caller wants.
pub(super) fn dimensions(wanted: Option<u64>) -> Result<usize, Fault> {
    match wanted {
        None => Ok(DIMENSIONS),
        Some(wanted @ 1..=MOST_DIMENSIONS) => Ok(wanted as usize),
        Some(_) => Err(Fault::invalid(
            "dimensions",
            format!("'dimensions' must be between 1 and {MOST_DIMENSIONS}."),
        )),
    }
}

/// The unit vector of a text.
pub(super) fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut sum = vec![0.0; dimensions];
    let lower = text.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.for_each(|word| add_direction(word, &mut sum));
    if length(&sum) == 0.0 {
        // No words at all, or words that cancel out.
        add_direction(text, &mut sum);
    }
    let length = length(&sum).max(f32::MIN_POSITIVE);
    sum.iter().map(|value| value / length).collect()
}

/// The same vector as base64 of little-endian numbers, as OpenAI's SDKs ask for.
pub(super) fn base64(vector: &[f32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let sextet = (bits >> (18 - 6 * at)) as usize & 63;
            text.push(if at > group.len() {
                '='
            } else {
                char::from(ALPHABET[sextet])
            });
        }
    }
    text
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// Adds pseudo-random numbers between -1 and 1 that depend on the word alone.
fn add_direction(word: &str, sum: &mut [f32]) {
    let mut state = fnv1a(word);
    for value in sum {
        *value += (splitmix64(&mut state) >> 40) as f32 / (1u32 << 23) as f32 - 1.0;
    }
}

/// FNV-1a, since the standard library's hashes may change with the compiler.
fn fnv1a(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(one: &str, other: &str) -> f32 {
        let (one, other) = (vector(one, DIMENSIONS), vector(other, DIMENSIONS));
        one.iter().zip(other).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn vectors_have_unit_length_whatever_the_text() {
        for text in ["", " !", "hello", "hello hello world", "日本語"] {
            for dimensions in [1, 3, 256] {
                let length = length(&vector(text, dimensions));
                assert!((length - 1.0).abs() < 1e-5, "{text}: {length}");
            }
        }
    }

    #[test]
    fn texts_that_share_words_are_close() {
        assert!((cosine("How are you", "how ARE you?") - 1.0).abs() < 1e-5);
        let near = cosine(
            "what is the capital of France",
            "tell me the capital of France",
        );
        let far = cosine("what is the capital of France", "my cat sleeps all day");
        assert!(near > 0.5 && far < 0.3, "{near} {far}");
    }

    #[test]
    fn base64_pads_like_everyone_else() {
        assert_eq!(base64(&[]), "");
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, -2.5]), "AACAPwAAIMA=");
        assert_eq!(base64(&[0.0, 0.0, 0.0]), "AAAAAAAAAAAAAAAA");
    }
}
