//! Signs of an attack that are no phrases: markers of turns, ends that are none, hidden and decoded text, density of
//! instructions, text without sense.
//!
//! Each sign is a number from 0 to 1. None of them is a verdict: a chat log has turns, a manual has commands. A
//! classifier weighs them, and people read their names as reasons.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::guard::{
    Text,
    view::{Hidden, Via},
};

mod marks;
mod noise;

/// How many signs there are.
pub const COUNT: usize = 22;

/// The names of the signs, in the order of [`signs`].
pub const SIGNS: [&str; COUNT] = [
    "chat_template_token",
    "role_marker",
    "fake_turn",
    "many_turns",
    "fake_end",
    "new_instructions",
    "instruction_density",
    "addressed_to_model",
    "forced_output",
    "dual_response",
    "secrecy",
    "completion_trap",
    "payload_splitting",
    "decode_and_obey",
    "attention_call",
    "hidden_characters",
    "disguised_letters",
    "decoded_text",
    "disguised_text",
    "gibberish",
    "capitals",
    "character_art",
];

/// The place of a sign in [`SIGNS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Sign {
    /// Tokens by which models are told who speaks (`<|im_start|>`, `[INST]`, `<<SYS>>`): one 0.7, two 1.
    Template,
    /// Words that claim the role of system or developer: a line `System:`, a tag `<system>`, `"role": "system"`.
    /// One 0.6, two 1.
    Role,
    /// Lines that begin as a turn of the model or of a user: 0.25 each, up to 1 at four.
    Turn,
    /// The same, counted up to 24 turns: many examples that wear a model down.
    ManyTurns,
    /// Ends of a prompt, input or document that the text itself cannot end. One 0.6, two 1.
    End,
    /// Instructions called new, real or updated. One 0.6, two 1.
    New,
    /// Commands to the model for each sentence: half of the sentences is 1.
    Density,
    /// The reader is called a model, assistant or agent. One 0.5, two 1.
    Addressed,
    /// What the answer must begin with or consist of. One 0.5, two 1.
    Forced,
    /// Two answers are asked for, one of them free of rules. One 0.6, two 1.
    Dual,
    /// Something is to be kept from the user. One 0.7, two 1.
    Secrecy,
    /// The beginning of an obedient answer. One 0.6, two 1.
    Trap,
    /// Pieces given names and joined again. One 0.3, three 1.
    Splitting,
    /// Decoding, and doing what comes out. One 0.5, two 1.
    Decode,
    /// Cries for attention: `IMPORTANT!!!`. One 0.4, three 1.
    Attention,
    /// Characters that nobody sees: 8 zero-width or bidi characters, or one tag, are 1.
    Hidden,
    /// Words with letters of other scripts, styled letters, piled marks: 3 words or 12 letters are 1.
    Disguised,
    /// Decoded blocks (base64, hex, Morse, unseen characters …): one 0.6, two 1. Text is put into base64 for honest
    /// reasons, too.
    Decoded,
    /// Text that was disguised for eyes and filters (ROT13, leetspeak, reversed, letters set apart …): one 0.8, two 1.
    DisguisedText,
    /// Tokens without sense, as of a suffix that was searched for by gradients.
    Gibberish,
    /// Longest run of words in capitals: 4 words 0, 20 words 1.
    Capitals,
    /// Lines drawn of blocks, boxes, Braille or marks.
    Art,
}

/// Phrases, by one automaton.
struct Phrases {
    automaton: AhoCorasick,
    signs: Vec<(&'static str, Sign)>,
}

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let each = |(sign, list): &(Sign, &'static str)| {
        let sign = *sign;
        list.split(';')
            .map(move |phrase| (phrase.trim(), sign))
            .collect::<Vec<_>>()
    };
    let signs: Vec<(&str, Sign)> = marks::PHRASES.iter().flat_map(each).collect();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(signs.iter().map(|(phrase, _)| phrase))
        .expect("a few hundred short phrases");
    Phrases { automaton, signs }
});

/// How much each sign shows in a text.
pub fn signs(text: &Text, hidden: &Hidden) -> [f32; COUNT] {
    let mut counts = [0_u32; COUNT];
    let value = text.value;
    for found in PHRASES.automaton.find_iter(value) {
        let (phrase, sign) = PHRASES.signs[found.pattern().as_usize()];
        if bordered(value.as_bytes(), found.range(), phrase) {
            counts[sign as usize] += 1;
        }
    }
    let lines = marks::Lines::of(value);
    let noise = noise::Noise::of(value);
    let count = |sign: Sign| counts[sign as usize] as f32;
    // One of a kind weighs less than two.
    let few = |n: f32, one: f32| {
        if n < 1.0 {
            0.0
        } else {
            (one + (1.0 - one) * (n - 1.0)).min(1.0)
        }
    };
    let mut signs = [0.0; COUNT];
    let mut set = |sign: Sign, value: f32| signs[sign as usize] = value.clamp(0.0, 1.0);
    set(Sign::Template, few(count(Sign::Template), 0.7));
    set(Sign::Role, few(count(Sign::Role) + lines.roles as f32, 0.6));
    set(Sign::Turn, lines.turns as f32 / 4.0);
    set(Sign::ManyTurns, (lines.turns as f32 - 4.0) / 20.0);
    set(Sign::End, few(count(Sign::End) + lines.ends as f32, 0.6));
    set(Sign::New, few(count(Sign::New), 0.6));
    set(
        Sign::Density,
        2.0 * (count(Sign::Density) - 1.0) / (noise.sentences as f32).max(3.0),
    );
    set(Sign::Addressed, few(count(Sign::Addressed), 0.5));
    set(Sign::Forced, few(count(Sign::Forced), 0.5));
    set(Sign::Dual, few(count(Sign::Dual), 0.6));
    set(Sign::Secrecy, few(count(Sign::Secrecy), 0.7));
    set(Sign::Trap, few(count(Sign::Trap), 0.6));
    set(
        Sign::Splitting,
        (count(Sign::Splitting) + lines.pieces as f32 - 0.1) / 3.0,
    );
    set(Sign::Decode, few(count(Sign::Decode), 0.5));
    set(Sign::Attention, 0.35 * count(Sign::Attention));
    let unseen = hidden.zero_width + hidden.bidi + hidden.soft_hyphens / 8;
    set(
        Sign::Hidden,
        unseen as f32 / 8.0 + hidden.tags as f32 + hidden.selectors as f32 / 8.0,
    );
    let words = hidden.confusable_words + hidden.zalgo;
    set(
        Sign::Disguised,
        words as f32 / 3.0 + hidden.styled as f32 / 12.0,
    );
    let by = |ways: &[Via]| ways.iter().map(|via| hidden.by(*via)).sum::<u32>() as f32;
    let disguised = by(&[
        Via::Rot13,
        Via::Caesar,
        Via::Reversed,
        Via::Leet,
        Via::Spaced,
        Via::Split,
        Via::Html,
    ]);
    let escaped = by(&[Via::Url, Via::UnicodeEscape]);
    set(
        Sign::Decoded,
        few(hidden.segments() as f32 - disguised - escaped, 0.6) + 0.3 * escaped,
    );
    set(Sign::DisguisedText, few(disguised, 0.8));
    set(Sign::Gibberish, noise.gibberish);
    set(Sign::Capitals, (noise.capitals as f32 - 4.0) / 16.0);
    set(Sign::Art, (lines.art as f32 - 2.0) / 4.0);
    signs
}

/// Whether a phrase that begins or ends with a letter stands on its own.
fn bordered(text: &[u8], at: std::ops::Range<usize>, phrase: &str) -> bool {
    let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let phrase = phrase.as_bytes();
    let before = at.start.checked_sub(1).and_then(|at| text.get(at));
    let goes_on_before = letter(phrase.first()) && letter(before);
    let goes_on_behind = letter(phrase.last()) && letter(text.get(at.end));
    !goes_on_before && !goes_on_behind
}

#[cfg(test)]
mod tests;
