//! Memory over the turns of a conversation: an attack that is spread over messages adds up.
//!
//! The history comes with every request, so nothing is stored. Scores of the turns go through Page's cumulative sum
//! (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954): what exceeds an allowance is added, what stays
//! below it is taken away, and the sum is never negative. Turns at or below the allowance therefore leave it at
//! zero, however many there are: a long honest conversation does not drift.
//!
//! A text that was cut into several messages is put together again by [`joined`] and scored as one.

use super::{Score, Text};
use crate::guard::Role;

/// Score that a turn may have without being remembered. Honest texts lie below it.
pub const ALLOWANCE: f32 = 0.2;

/// What is remembered at most: a conversation is forgiven after a bounded number of honest turns.
pub const MOST: f32 = 0.9;

/// How much of the memory a turn without suspicion takes away at most.
const FORGETTING: f32 = 0.1;

/// Share of a joined text's log-odds above the threshold that counts: joining makes neighbours of sentences that
/// nobody wrote side by side, so it must be clearer than a text that came in one piece.
const JOINED_MARGIN: f32 = 1.0;

/// Turns that are joined.
const TURNS: usize = 6;

/// Longest turn that is a piece of something; longer ones speak for themselves.
const PIECE: usize = 400;

/// The score of a conversation up to its last turn: never below what the last turn has by itself.
///
/// `joined` is the score of what [`joined`] made, if anything.
pub fn over_turns(texts: &[Text], scores: &[Score], joined: Option<&Score>) -> f32 {
    let mut memory = 0f32;
    let mut last = 0f32;
    for (text, score) in texts.iter().zip(scores) {
        if !counts(text.role) {
            continue;
        }
        last = score.value;
        let step = (score.value - ALLOWANCE).max(-FORGETTING);
        memory = (memory + step).clamp(0.0, MOST);
    }
    let joined = joined.map_or(0.0, |score| {
        let value = score.value.clamp(1e-6, 1.0 - 1e-6);
        let odds = (value / (1.0 - value)).ln() - JOINED_MARGIN;
        1.0 / (1.0 + (-odds).exp())
    });
    last.max(memory).max(joined)
}

/// The last short messages of the user as one text, or nothing if there are not at least two.
///
/// The pieces stand behind each other with a space; an attack that is cut inside a word loses that word only.
pub fn joined(texts: &[Text]) -> Option<String> {
    let mut pieces: Vec<&str> = Vec::with_capacity(TURNS);
    for text in texts.iter().rev().filter(|t| t.role == Role::User) {
        if text.value.len() > PIECE || pieces.len() == TURNS {
            break;
        }
        pieces.push(text.value.trim());
    }
    if pieces.len() < 2 {
        return None;
    }
    pieces.reverse();
    Some(pieces.join(" "))
}

/// Whose turns are remembered: not the operator's own texts, and not what the model said.
const fn counts(role: Role) -> bool {
    matches!(
        role,
        Role::User | Role::ToolResult | Role::Document | Role::Name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(values: &[f32]) -> (Vec<Text<'static>>, Vec<Score>) {
        let texts = values
            .iter()
            .map(|_| Text {
                role: Role::User,
                value: "a turn",
            })
            .collect();
        let scores = values
            .iter()
            .map(|v| Score {
                value: *v,
                reasons: Vec::new(),
            })
            .collect();
        (texts, scores)
    }

    fn after(values: &[f32]) -> f32 {
        let (texts, scores) = turns(values);
        over_turns(&texts, &scores, None)
    }

    #[test]
    fn a_long_honest_conversation_does_not_drift() {
        assert!(after(&[ALLOWANCE; 10_000]) <= ALLOWANCE);
        assert!(after(&[0.05; 10_000]) <= 0.05);
    }

    #[test]
    fn suspicion_that_is_spread_over_turns_adds_up() {
        assert!(after(&[0.4, 0.4]) < 0.5);
        assert!(after(&[0.4, 0.4, 0.4]) > 0.5);
    }

    #[test]
    fn a_single_odd_turn_is_forgotten() {
        let mut values = vec![0.99];
        values.extend([0.02; 12]);
        assert!(after(&values) < ALLOWANCE);
    }

    #[test]
    fn what_the_operator_or_the_model_said_is_not_remembered() {
        let (mut texts, scores) = turns(&[0.9, 0.9, 0.05]);
        texts[0].role = Role::System;
        texts[1].role = Role::Assistant;
        assert!(over_turns(&texts, &scores, None) <= 0.05);
    }

    #[test]
    fn short_messages_are_joined_and_long_ones_end_the_run() {
        let long = "x".repeat(PIECE + 1);
        let of = |values: &[&str]| {
            let texts: Vec<Text> = values
                .iter()
                .map(|v| Text {
                    role: Role::User,
                    value: v,
                })
                .collect();
            joined(&texts)
        };
        assert_eq!(of(&["one", " two "]).as_deref(), Some("one two"));
        assert_eq!(of(&["one"]), None);
        assert_eq!(
            of(&["one", &long, "two", "three"]).as_deref(),
            Some("two three")
        );
    }
}
