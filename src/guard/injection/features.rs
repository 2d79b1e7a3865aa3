//! What the classifier reads from a text: words, pieces of words and sequences of concepts, as slots of a table.
//!
//! Training and serving both use [`read`], so they cannot differ. Every feature belongs to the word it ends at;
//! the sum over any window of words is then the difference of two running sums.

use std::ops::Range;

use super::concepts;

/// Three models look at a text, each with features of one kind, so that a second stage can weigh them: pieces of
/// words catch spellings, words catch phrases, concepts catch what was said in words never seen.
pub const CHANNELS: usize = 3;

/// Pieces of words: 4 and 5 characters, with its borders.
pub const PIECES: usize = 0;
/// One to three words in a row, and words with their punctuation.
pub const WORDS: usize = 1;
/// Sequences of concepts.
pub const CONCEPTS: usize = 2;

/// Where in the table each channel's slots are.
pub const SLOTS: [Range<u32>; CHANNELS] =
    [0..1 << 17, 1 << 17..1 << 18, 1 << 18..(1 << 18) + (1 << 15)];

/// Slots of all channels.
pub const TABLE: usize = SLOTS[CHANNELS - 1].end as usize;

/// Longest part of a word that is read, in characters.
const LONGEST: usize = 24;

/// What hashes of characters begin with.
pub const SEED: u32 = 0x811c_9dc5;

/// One more character of a hash.
#[inline]
pub const fn step(hash: u32, c: u32) -> u32 {
    (hash.rotate_left(5) ^ c).wrapping_mul(0x9e37_79b1)
}

#[inline]
const fn mix(a: u32, b: u32) -> u32 {
    let x = (a.rotate_left(13) ^ b).wrapping_mul(0x85eb_ca6b);
    x ^ (x >> 15)
}

/// A slot of a channel for a hash.
#[inline]
const fn slot(channel: usize, hash: u32) -> u32 {
    let x = hash.wrapping_mul(0xc2b2_ae35);
    let x = x ^ (x >> 16);
    SLOTS[channel].start + x % (SLOTS[channel].end - SLOTS[channel].start)
}

/// A character as it counts: in lower case, without the accents of Latin letters, digits as one.
#[inline]
pub fn fold(c: char) -> Option<char> {
    if c.is_ascii() {
        return match c {
            '0'..='9' => Some('0'),
            '\'' => None,
            c => Some(c.to_ascii_lowercase()),
        };
    }
    let lower = match c {
        'İ' => 'i',
        c => c.to_lowercase().next().unwrap_or(c),
    };
    Some(match lower {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'š' | 'ś' | 'ş' | 'ș' => 's',
        'ž' | 'ź' | 'ż' => 'z',
        'ğ' => 'g',
        'ł' => 'l',
        'ř' => 'r',
        'ß' => 's',
        'ά' => 'α',
        'έ' => 'ε',
        'ή' => 'η',
        'ί' => 'ι',
        'ό' => 'ο',
        'ύ' => 'υ',
        'ώ' => 'ω',
        'ё' => 'е',
        '’' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' => return None,
        c => c,
    })
}

/// Whether a script is written without spaces between its words.
#[inline]
pub const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{edf}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2ffff}')
}

/// Letters, digits and the marks that belong to letters.
#[inline]
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '\'' || c == '_';
    }
    // Vowel signs of Indic scripts are no letters, but parts of words.
    c.is_alphanumeric()
        || matches!(c, '\u{900}'..='\u{e4f}' | '\u{300}'..='\u{36f}' | '’' | '\u{200c}' | '\u{200d}')
}

/// Takes what is read.
pub trait Reader {
    /// A new word begins at this byte; features that follow belong to it.
    fn word(&mut self, start: usize);
    /// A feature of the current word: its channel and slot.
    fn feature(&mut self, channel: usize, slot: u32);
}

/// The last concepts, and how far back they are.
#[derive(Clone, Copy)]
struct Heard {
    concept: u32,
    word: u32,
    sentence: u32,
}

struct State<'r, R> {
    reader: &'r mut R,
    data: bool,
    /// Hashes of the two words before, 0 at the beginning of a sentence.
    before: [u32; 2],
    heard: [Option<Heard>; 3],
    words: u32,
    sentence: u32,
    first: bool,
}

/// Reads a text, in time linear in its length.
///
/// `data` says that a tool or a document brought it: what is asked of the model there is not asked by the user, so
/// concepts have weights of their own beside those that all texts share.
pub fn read<R: Reader>(text: &str, data: bool, reader: &mut R) {
    let mut state = State {
        reader,
        data,
        before: [0; 2],
        heard: [None; 3],
        words: 0,
        sentence: 0,
        first: true,
    };
    let mut chars = text.char_indices().peekable();
    let mut folded = [0u32; LONGEST + 2];
    let mut previous = ' ';
    // Characters that an unspaced entry still covers.
    let mut covered = 0usize;
    while let Some((start, c)) = chars.next() {
        if is_unspaced(c) {
            state.begin(start);
            folded[1] = c as u32;
            state.ngrams(&folded[..3], false);
            if covered > 0 {
                covered -= 1;
            } else if let Some((concept, length)) = concepts::of_unspaced(&text[start..]) {
                covered = length - 1;
                state.concept(concept, false);
            }
            state.end(step(SEED, c as u32));
            previous = c;
            continue;
        }
        covered = 0;
        if !is_word(c) {
            if matches!(
                c,
                '.' | '!' | '?' | ':' | ';' | '\n' | '。' | '！' | '？' | '：' | '\u{964}'
            ) {
                state.pause();
            }
            previous = c;
            continue;
        }
        state.begin(start);
        let mut length = 0;
        let mut total = 0;
        let mut capitals = 0;
        let mut hash = SEED;
        let mut digit = false;
        let mut next = Some(c);
        while let Some(c) = next {
            total += 1;
            capitals += usize::from(c.is_ascii_uppercase());
            if let Some(f) = fold(c) {
                // A number is as long as any other.
                if !(f == '0' && digit) && length < LONGEST {
                    length += 1;
                    folded[length] = f as u32;
                    hash = step(hash, f as u32);
                }
                digit = f == '0';
            }
            next = chars
                .next_if(|(_, c)| is_word(*c) && !is_unspaced(*c))
                .map(|(_, c)| c);
        }
        let after = chars.peek().map_or(' ', |(_, c)| *c);
        folded[0] = '^' as u32;
        folded[length + 1] = '$' as u32;
        if total > 32 {
            // A blob: what it spells means nothing.
            hash = SEED ^ 1;
        } else if length > 0 {
            state.ngrams(&folded[..length + 2], true);
            let loud = capitals > 2 && capitals * 10 >= total * 8;
            state.frame(hash, previous, after, loud);
            if let Some(concept) = concepts::of_word(&folded[1..=length]) {
                state.concept(concept, loud);
            }
        }
        state.end(hash);
        previous = after;
    }
}

impl<R: Reader> State<'_, R> {
    fn begin(&mut self, start: usize) {
        self.reader.word(start);
        self.words += 1;
    }

    /// Words alone and in a row.
    fn end(&mut self, hash: u32) {
        let [one, two] = self.before;
        self.reader.feature(WORDS, slot(WORDS, hash));
        let pair = mix(mix(one, 0x51), hash);
        self.reader.feature(WORDS, slot(WORDS, pair));
        if one != 0 {
            self.reader
                .feature(WORDS, slot(WORDS, mix(mix(two, 0x52), pair)));
            if two != 0 {
                // With any word between them.
                self.reader
                    .feature(WORDS, slot(WORDS, mix(mix(two, 0x53), hash)));
            }
        }
        self.before = [hash, one];
        self.first = false;
    }

    /// The end of a sentence, or a break as strong.
    fn pause(&mut self) {
        if !self.first {
            self.sentence += 1;
            self.first = true;
            self.before = [0; 2];
        }
    }

    /// Pieces of a word that has its borders marked.
    fn ngrams(&mut self, word: &[u32], bordered: bool) {
        if !bordered {
            return;
        }
        for start in 0..word.len() {
            let mut hash = SEED;
            for (n, c) in word[start..].iter().take(5).enumerate() {
                hash = step(hash, *c);
                if n >= 3 {
                    self.reader.feature(PIECES, slot(PIECES, hash));
                }
            }
        }
    }

    /// A word in capitals, or with marks directly before or behind it, as in `<system>` or `[INST]`.
    fn frame(&mut self, hash: u32, before: char, after: char, loud: bool) {
        let before = if "<[{(#/|*\"'`=\\".contains(before) {
            before as u32
        } else {
            0
        };
        let after = if ":]>})!?\"'|*=".contains(after) {
            after as u32
        } else {
            0
        };
        if loud {
            self.reader.feature(WORDS, slot(WORDS, mix(hash, 0x61)));
        }
        if before != 0 || after != 0 {
            let frame = mix(mix(before, 0x62), after);
            self.reader
                .feature(WORDS, slot(WORDS, mix(frame, u32::from(loud))));
            self.reader.feature(WORDS, slot(WORDS, mix(frame, hash)));
        }
    }

    /// A concept, with those heard shortly before it.
    fn concept(&mut self, concept: concepts::Concept, loud: bool) {
        let here = u32::from(concept) + 1;
        let mut say = |hash: u32| {
            self.reader.feature(CONCEPTS, slot(CONCEPTS, hash));
            if self.data {
                self.reader
                    .feature(CONCEPTS, slot(CONCEPTS, mix(hash, 0xda7a)));
            }
        };
        say(mix(here, 1));
        if loud {
            say(mix(here, 2));
        }
        if self.first {
            say(mix(here, 3));
        }
        let near = |heard: &Heard| self.words - heard.word <= 8;
        let [one, two, three] = self.heard.map(|h| h.filter(near));
        for heard in [one, two, three].into_iter().flatten() {
            let crossed = u32::from(heard.sentence != self.sentence);
            say(mix(mix(heard.concept, 4 + crossed), here));
            if self.words - heard.word <= 2 {
                say(mix(mix(heard.concept, 6 + crossed), here));
            }
        }
        if let (Some(one), Some(two)) = (one, two) {
            let pair = mix(mix(one.concept, 8), here);
            say(mix(mix(two.concept, 9), pair));
            if let Some(three) = three {
                say(mix(mix(three.concept, 10), mix(mix(two.concept, 11), pair)));
            }
        }
        let heard = Heard {
            concept: here,
            word: self.words,
            sentence: self.sentence,
        };
        self.heard = [Some(heard), self.heard[0], self.heard[1]];
    }
}
