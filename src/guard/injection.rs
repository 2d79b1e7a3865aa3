//! Prompt injection and jailbreaks: a score from 0 to 1 with reasons for each text.
//!
//! Four witnesses are heard: the phrase rules, signs in a text's structure, the classifier over windows of words,
//! and the text's role. A second stage, trained on what the others said about sources that they had not seen, weighs
//! them. 0.5 is the default threshold for texts of users.

use std::{borrow::Cow, ops::Range};

use super::{
    Finding, Role, Text,
    engine::Engine,
    view::{Segment, Sheet, Via},
};
use classifier::{Look, Model};

pub mod classifier;
pub mod concepts;
pub mod conversation;
pub mod features;
pub mod structure;

/// How likely it is that a text attacks the model, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// From 0 to 1.
    pub value: f32,
    /// What speaks for an attack, the strongest first; empty for texts far below any threshold.
    pub reasons: Vec<Reason>,
}

/// Something that speaks for an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// A rule's id, or the name of a sign or of a part of the classifier.
    pub name: Cow<'static, str>,
    /// What it adds to the log-odds.
    pub weight: f32,
    /// Where in the text as it came, if that is known.
    pub place: Option<Range<usize>>,
}

/// The group of rules that count here.
pub const GROUP: &str = "injection";

/// Below this no reasons are given.
const WORTH_REASONS: f32 = 0.2;

/// Reasons of one text at most.
const MOST_REASONS: usize = 8;

/// Inputs of the second stage before the signs.
pub const OWN_INPUTS: [&str; 22] = [
    "spelling",
    "spelling_paragraph",
    "spelling_text",
    "wording",
    "wording_paragraph",
    "wording_text",
    "meaning",
    "meaning_paragraph",
    "meaning_text",
    "agreement",
    "rules_sum",
    "rules_strongest",
    "rules_many",
    "hidden_text",
    "hidden_meaning",
    "hidden_rules",
    "data",
    "data_meaning",
    "data_wording",
    "data_rules",
    "short",
    "long",
];

/// Inputs of the second stage.
pub const INPUTS: usize = OWN_INPUTS.len() + structure::COUNT;

/// The name of an input.
pub fn input_name(number: usize) -> &'static str {
    OWN_INPUTS
        .get(number)
        .unwrap_or_else(|| &structure::SIGNS[number - OWN_INPUTS.len()])
}

/// What is known about a text before it is weighed.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// See [`OWN_INPUTS`]; then the signs.
    pub inputs: [f32; INPUTS],
    /// Where the classifier's strongest window is in the text.
    pub place: Range<usize>,
}

/// Scores all texts of a request. `findings` are the engine's for the same texts and sheet.
pub fn score(texts: &[Text], sheet: &Sheet, engine: &Engine, findings: &[Finding]) -> Vec<Score> {
    let model = &*classifier::SHIPPED;
    evidence(model, texts, sheet, engine, findings)
        .into_iter()
        .zip(texts)
        .enumerate()
        .map(|(number, (evidence, text))| {
            let value = weigh(&model.second, &evidence.inputs, text.role);
            let reasons = if value < WORTH_REASONS {
                Vec::new()
            } else {
                reasons(&model.second, &evidence, engine, findings, number as u32)
            };
            Score { value, reasons }
        })
        .collect()
}

/// Looks at all texts without weighing: what the second stage is trained on.
pub fn evidence(
    model: &Model,
    texts: &[Text],
    sheet: &Sheet,
    engine: &Engine,
    findings: &[Finding],
) -> Vec<Evidence> {
    let mut hits = vec![Hits::default(); texts.len()];
    for finding in findings {
        let rule = &engine.rules()[finding.rule as usize];
        if rule.group == GROUP {
            hits[finding.text as usize].add(finding, rule.rule.weight);
        }
    }
    let mut looks: Vec<Seen> = texts.iter().map(|t| Seen::new(t.value.len())).collect();
    for segment in &sheet.segments {
        let data = texts[segment.text as usize].role.is_data();
        looks[segment.text as usize].add(model, sheet, segment, data);
    }
    texts
        .iter()
        .zip(hits)
        .zip(looks)
        .enumerate()
        .map(|(number, ((text, hits), seen))| {
            let signs = structure::signs(text, sheet.hidden(number));
            Evidence {
                inputs: seen.inputs(text, &hits, &signs),
                place: seen.place,
            }
        })
        .collect()
}

/// What rules found in one text.
#[derive(Clone, Debug, Default)]
struct Hits {
    /// Rules that count, each once.
    seen: Vec<u32>,
    sum: f32,
    strongest: f32,
    hidden: f32,
}

impl Hits {
    fn add(&mut self, finding: &Finding, weight: f32) {
        if finding.via != Via::Plain {
            self.hidden = self.hidden.max(weight);
        }
        // A phrase that is said a hundred times is one phrase.
        if self.seen.len() < 64 && !self.seen.contains(&finding.rule) {
            self.seen.push(finding.rule);
            self.sum += weight;
            self.strongest = self.strongest.max(weight);
        }
    }
}

/// What the classifier saw in one text, over all ways of reading it.
struct Seen {
    look: Look,
    hidden: Option<Look>,
    place: Range<usize>,
}

impl Seen {
    fn new(length: usize) -> Self {
        Self {
            look: Look::default(),
            hidden: None,
            place: 0..length,
        }
    }

    fn add(&mut self, model: &Model, sheet: &Sheet, segment: &Segment, data: bool) {
        let look = model.look(&sheet.buffer[segment.range.clone()], data);
        let place = look.place.0 + segment.range.start..look.place.1 + segment.range.start;
        let top = |look: &Look| look.best.iter().map(|b| b[0]).sum::<f32>();
        if top(&look) > top(&self.look) {
            self.place = sheet.original(segment, place);
        }
        if segment.via != Via::Plain {
            let hidden = self.hidden.get_or_insert_with(Look::default);
            raise(hidden, &look);
        }
        raise(&mut self.look, &look);
    }

    fn inputs(&self, text: &Text, hits: &Hits, signs: &[f32; structure::COUNT]) -> [f32; INPUTS] {
        let [pieces, words, concepts] = self.look.best;
        let data = f32::from(u8::from(text.role.is_data()));
        let above = |x: f32| x.clamp(0.0, 4.0);
        let rules = hits.sum.clamp(-2.0, 8.0);
        let count = self.look.words as f32;
        let own: [f32; OWN_INPUTS.len()] = [
            pieces[0],
            pieces[1],
            pieces[2],
            words[0],
            words[1],
            words[2],
            concepts[0],
            concepts[1],
            concepts[2],
            above(pieces[0])
                .min(above(words[0]))
                .min(above(concepts[0])),
            rules.sqrt_signed(),
            hits.strongest,
            (hits.seen.len() as f32).min(6.0).sqrt(),
            f32::from(u8::from(self.hidden.is_some())),
            self.hidden.map_or(0.0, |h| {
                above(h.best[2][0] + 1.0) + above(h.best[1][0] + 1.0)
            }),
            hits.hidden,
            data,
            data * concepts[0],
            data * words[0],
            data * hits.strongest,
            (1.0 - count / 12.0).max(0.0),
            (count / 100.0).min(8.0).sqrt(),
        ];
        let mut inputs = [0.0; INPUTS];
        inputs[..own.len()].copy_from_slice(&own);
        inputs[own.len()..].copy_from_slice(signs);
        inputs
    }
}

fn raise(one: &mut Look, other: &Look) {
    for (row, others) in one.best.iter_mut().zip(&other.best) {
        for (mine, theirs) in row.iter_mut().zip(others) {
            *mine = mine.max(*theirs);
        }
    }
    one.words += other.words;
}

trait SignedRoot {
    /// The root of the absolute value, with the sign.
    fn sqrt_signed(self) -> f32;
}

impl SignedRoot for f32 {
    fn sqrt_signed(self) -> f32 {
        self.abs().sqrt().copysign(self)
    }
}

/// What a role adds to the log-odds: the operator's own texts are full of instructions, and so may be the
/// model's earlier answers.
const fn by_role(role: Role) -> f32 {
    match role {
        Role::System | Role::Developer | Role::ToolDefinition => -4.0,
        Role::Assistant | Role::ToolCall => -2.0,
        _ => 0.0,
    }
}

/// The second stage: a weight for each input, and the bias behind them.
pub fn weigh(second: &[f32], inputs: &[f32; INPUTS], role: Role) -> f32 {
    let bias = second.get(INPUTS).copied().unwrap_or(0.0);
    let sum: f32 = second.iter().zip(inputs).map(|(w, x)| w * x).sum();
    1.0 / (1.0 + (-(bias + sum + by_role(role))).exp())
}

fn reasons(
    second: &[f32],
    evidence: &Evidence,
    engine: &Engine,
    findings: &[Finding],
    text: u32,
) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for (number, (weight, input)) in second.iter().zip(evidence.inputs).enumerate() {
        let name = input_name(number);
        let weight = weight * input;
        // Rules speak for themselves below.
        if weight > 0.1 && !name.contains("rules") {
            reasons.push(Reason {
                name: Cow::Borrowed(name),
                weight,
                place: Some(evidence.place.clone()),
            });
        }
    }
    for finding in findings.iter().filter(|f| f.text == text) {
        let rule = &engine.rules()[finding.rule as usize];
        if rule.group == GROUP && !reasons.iter().any(|r| r.name == rule.rule.id) {
            let name = Cow::Owned(rule.rule.id.clone());
            reasons.push(Reason {
                name,
                weight: rule.rule.weight,
                place: Some(finding.range.clone()),
            });
        }
    }
    reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    reasons.truncate(MOST_REASONS);
    reasons
}

#[cfg(test)]
mod tests;
