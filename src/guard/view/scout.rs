//! One quick look at a text: which encodings are worth trying.

use std::{ops::Range, sync::LazyLock};

/// What a text may hold.
#[derive(Default)]
pub(super) struct Clues {
    /// Tokens long enough for base64, hex and the like.
    pub(super) long: Vec<Range<usize>>,
    /// `%`, `&`, `\` or `U+`.
    pub(super) escapes: bool,
    /// A `+`, `.` or `,` between quotation marks.
    pub(super) joins: bool,
    /// Tokens of letters and digits.
    pub(super) leet: Vec<Range<usize>>,
    /// Letters on their own, or joined one by one.
    pub(super) spaced: bool,
    /// Pairs of hex digits, numbers, octets, dots and dashes: several in a row.
    pub(super) hex_pairs: bool,
    pub(super) numbers: bool,
    pub(super) bits: bool,
    pub(super) morse: bool,
    /// Common words in disguise: alphabets that are worth trying.
    pub(super) ciphers: Vec<Cipher>,
}

/// How letters were exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    /// Each by the one so many places before it: 13 is ROT13.
    Shift(u8),
    /// The first by the last.
    Atbash,
    /// Written from right to left.
    Reversed,
}

impl Cipher {
    const COUNT: usize = 28;

    const fn number(self) -> usize {
        match self {
            Self::Shift(by) => by as usize,
            Self::Atbash => 26,
            Self::Reversed => 27,
        }
    }

    const fn numbered(n: usize) -> Self {
        match n {
            26 => Self::Atbash,
            27 => Self::Reversed,
            by => Self::Shift(by as u8),
        }
    }

    /// The letter that was exchanged for this one.
    pub(super) const fn undo(self, letter: u8) -> u8 {
        let first = if letter.is_ascii_uppercase() {
            b'A'
        } else {
            b'a'
        };
        match self {
            _ if !letter.is_ascii_alphabetic() => letter,
            Self::Shift(by) => first + (letter - first + 26 - by) % 26,
            Self::Atbash => first + 25 - (letter - first),
            Self::Reversed => letter,
        }
    }
}

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
/// `0` and `1`.
const BIT: u8 = 4;
/// Dots and dashes of Morse code.
const DOT: u8 = 8;
/// Begins an escape.
const ESCAPE: u8 = 16;
const PLUS: u8 = 32;
const OTHER: u8 = 64;
const SPACE: u8 = 128;

static CLASS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut n = 0;
    while n < 256 {
        let b = n as u8;
        if b.is_ascii_alphabetic() {
            table[n] = LETTER;
        } else if b == b'0' || b == b'1' {
            table[n] = BIT;
        } else if b.is_ascii_digit() {
            table[n] = DIGIT;
        } else if matches!(b, b'.' | b'-' | b'/' | b'|' | b'_') {
            table[n] = DOT;
        } else if matches!(b, b'%' | b'&' | b'\\') {
            table[n] = ESCAPE;
        } else if b == b'+' {
            table[n] = PLUS;
        } else if b.is_ascii_whitespace() || b == 0x1E {
            table[n] = SPACE;
        }
        n += 1;
    }
    table
};

/// Runs of base64 and hex below this length are not looked at.
pub(super) const SHORTEST_RUN: usize = 16;

/// A word of leetspeak is not longer than this, with what is joined to it.
const LONGEST_LEET: usize = 40;

/// Frequent short words, by which a cipher gives itself away.
const FREQUENT: [&str; 12] = [
    "the", "and", "you", "all", "for", "are", "your", "this", "that", "with", "from", "not",
];

/// The same, of further languages and of instructions; tried with ROT13 and backwards only.
const FURTHER: &str = "les des une que est und der die das ein ist los las del por con una per che non sono tell show
what have will into says deine deinen vous votre tus tes mot mir uns alle vor para como was wir hast keine haben jetzt
every above prior rules print ignore ignora override reveal system prompt forget safety without previous respond
instructions password disregard everything restrictions";

/// Words that happen to be others in disguise.
const HONEST: &str =
    "aol bpm esp max pda rfc and the not dna ton mac ten net tel let won now dab rat tar";

/// Short words in disguise, by a hash of their letters: which cipher, plus one.
static DISGUISED: LazyLock<Vec<(u32, u8)>> = LazyLock::new(|| {
    let mut table = vec![(0, 0); 4096];
    let honest: Vec<&str> = HONEST
        .split_ascii_whitespace()
        .chain(FREQUENT)
        .chain(FURTHER.split_ascii_whitespace())
        .collect();
    let mut add = |word: &str, cipher: Cipher| {
        let mut letters: Vec<u8> = word.bytes().collect();
        match cipher {
            Cipher::Reversed => letters.reverse(),
            Cipher::Atbash => letters
                .iter_mut()
                .for_each(|b| *b = Cipher::Atbash.undo(*b)),
            Cipher::Shift(by) => letters
                .iter_mut()
                .for_each(|b| *b = Cipher::Shift((26 - by) % 26).undo(*b)),
        }
        if honest.iter().any(|word| word.as_bytes() == letters) {
            return;
        }
        let key = key(&letters);
        let mut at = slot(key);
        while table[at].0 != 0 && table[at].0 != key {
            at = (at + 1) & 4095;
        }
        if table[at].0 == 0 || cipher == Cipher::Shift(13) {
            table[at] = (key, cipher.number() as u8 + 1);
        }
    };
    for word in FREQUENT {
        (0..Cipher::COUNT)
            .filter(|n| *n != 0)
            .for_each(|n| add(word, Cipher::numbered(n)));
    }
    for word in FURTHER.split_ascii_whitespace() {
        add(word, Cipher::Shift(13));
        add(word, Cipher::Reversed);
    }
    table
});

/// Of a word: its first four letters in lower case and its length.
fn key(letters: &[u8]) -> u32 {
    let first = match *letters {
        [a, b, c, d, ..] => u32::from_le_bytes([a, b, c, d]),
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        _ => 0,
    };
    (first | 0x2020_2020) ^ (letters.len() as u32).wrapping_mul(0x0100_0193)
}

const fn slot(key: u32) -> usize {
    (key.wrapping_mul(0x9E37_79B1) >> 20) as usize
}

/// Looks a text over.
pub(super) fn scout(text: &str) -> Clues {
    let bytes = text.as_bytes();
    let mut clues = Clues::default();
    let disguised = DISGUISED.as_slice();
    let mut ciphers = [0_u16; Cipher::COUNT];
    // How many tokens of a kind came in a row: single letters, pairs of hex digits, numbers, Morse, bits.
    let mut rows = [0_u16; 5];
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let mut class = 0;
        while at < bytes.len() && CLASS[bytes[at] as usize] != SPACE {
            class |= CLASS[bytes[at] as usize];
            at += 1;
        }
        let token = &bytes[start..at];
        at += 1;
        let len = token.len();
        if class == LETTER && len > 2 {
            let key = key(token);
            let mut at = slot(key);
            while disguised[at].0 != 0 {
                if disguised[at].0 == key {
                    let n = disguised[at].1 as usize - 1;
                    ciphers[n] = ciphers[n].saturating_add(1);
                    break;
                }
                at = (at + 1) & 4095;
            }
            if len < SHORTEST_RUN {
                rows = [0; 5];
                continue;
            }
        }
        if len == 0 {
            continue;
        }
        let row = [
            len == 1 && class & (LETTER | DIGIT | BIT) != 0,
            (len == 2 || len == 4)
                && class & !(LETTER | DIGIT | BIT) == 0
                && token[len - 1].is_ascii_hexdigit()
                && token[len - 2].is_ascii_hexdigit(),
            len <= 4 && class & !(DIGIT | BIT | OTHER) == 0 && class != OTHER,
            class == DOT,
            class & !(BIT | OTHER) == 0 && class != OTHER && len >= 7,
        ];
        for (count, is) in rows.iter_mut().zip(row) {
            *count = if is { count.saturating_add(1) } else { 0 };
        }
        clues.spaced |= rows[0] >= 4;
        clues.hex_pairs |= rows[1] >= 6;
        clues.numbers |= rows[2] >= 6;
        clues.morse |= rows[3] >= 5;
        clues.bits |= rows[4] >= 4;
        if class & (ESCAPE | PLUS) != 0 {
            clues.escapes = true;
            clues.joins |= class & PLUS != 0;
        }
        if class & LETTER != 0 && class & (DIGIT | BIT) != 0 && len <= LONGEST_LEET {
            clues.leet.push(start..start + len);
        }
        if len >= 9 {
            clues.spaced |= is_joined(token);
            if len >= SHORTEST_RUN {
                clues.long.push(start..start + len);
                clues.bits |= class == BIT && len >= 32;
                clues.morse |= class == DOT;
                clues.numbers |= class & (LETTER | OTHER) == OTHER;
                clues.hex_pairs |=
                    class & (DOT | OTHER) != 0 && class & (DIGIT | BIT) != 0 && is_pairs(token);
            }
        }
    }
    for (n, &count) in ciphers.iter().enumerate() {
        if count >= 2 || (count == 1 && (n == 13 || n == 27)) {
            clues.ciphers.push(Cipher::numbered(n));
        }
    }
    clues
}

/// Whether every second byte of the beginning is one and the same mark: `i-g-n-o-r-e`.
fn is_joined(token: &[u8]) -> bool {
    (0..2).any(|from| {
        let t = &token[from..];
        t.len() >= 8
            && !t[1].is_ascii_alphanumeric()
            && t[1] == t[3]
            && t[1] == t[5]
            && t[0].is_ascii_alphabetic()
            && t[2].is_ascii_alphabetic()
            && t[4].is_ascii_alphabetic()
    })
}

/// Whether every third byte of the beginning is one and the same mark: `69:67:6e`.
fn is_pairs(token: &[u8]) -> bool {
    token.len() >= 16
        && !token[2].is_ascii_alphanumeric()
        && token[2] == token[5]
        && token[5] == token[8]
}
