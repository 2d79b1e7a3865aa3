//! What a judge said. Strict: what cannot be understood is no verdict.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Finds, Judge, Style, category::Category};

/// What a judge said of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it is unsafe, and what is to be done then; `None` if it may pass.
    pub finds: Option<Finds>,
    /// What it violates, as far as the judge said it.
    pub categories: Vec<String>,
    /// Why, in the judge's words.
    pub reason: Option<String>,
    /// How sure the judge is, from 0 to 1.
    pub score: Option<f64>,
}

impl Verdict {
    /// The text may pass.
    pub const SAFE: Self = Self {
        finds: None,
        categories: Vec::new(),
        reason: None,
        score: None,
    };
}

/// An answer that is no verdict, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonsense(pub &'static str);

/// Categories that are kept of a verdict at most, and the characters of their names and of the reason.
const MOST_CATEGORIES: usize = 32;
const LONGEST_CATEGORY: usize = 64;
const LONGEST_REASON: usize = 300;

/// Text of a judge as it may stand in logs and answers: without control characters, and short.
pub(super) fn tame(text: &str, most: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(most).collect::<String>().trim().to_owned()
}

fn finite(score: Option<f64>) -> Result<Option<f64>, Nonsense> {
    match score {
        Some(score) if !(0.0..=1.0).contains(&score) => Err(Nonsense("a score outside of 0 to 1")),
        score => Ok(score),
    }
}

/// Reads what a chat model said.
///
/// # Errors
/// If it is not of the form that the judge's style has.
pub fn of_model(judge: &Judge, text: &str) -> Result<Verdict, Nonsense> {
    match judge.config.style {
        Style::LlamaGuard | Style::LlamaGuardChat => {
            Ok(unsafe_with(judge, llama_guard(text, &judge.categories)?))
        }
        Style::ShieldGemma => Ok(unsafe_with(judge, shield_gemma(text, &judge.categories)?)),
        Style::Json => json(judge, text),
    }
}

/// The verdict for what was found unsafe, if it was.
fn unsafe_with(judge: &Judge, categories: Option<Vec<String>>) -> Verdict {
    let Some(categories) = categories else {
        return Verdict::SAFE;
    };
    let block = &judge.config.block;
    // Unsafe without a word why is unsafe in the worst way.
    let blocks = block.is_empty()
        || categories.is_empty()
        || categories.iter().any(|category| block.contains(category));
    Verdict {
        finds: Some(if blocks { Finds::Block } else { Finds::Observe }),
        categories,
        reason: None,
        score: None,
    }
}

/// `safe`, or `unsafe` and a line of codes, which may be missing.
fn llama_guard(
    text: &str,
    known: &BTreeMap<String, Category>,
) -> Result<Option<Vec<String>>, Nonsense> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().ok_or(Nonsense("an empty answer"))?;
    let (second, third) = (lines.next(), lines.next());
    if first.eq_ignore_ascii_case("safe") {
        return match second {
            None => Ok(None),
            Some(_) => Err(Nonsense("more than `safe`")),
        };
    }
    if !first.eq_ignore_ascii_case("unsafe") {
        return Err(Nonsense("neither `safe` nor `unsafe`"));
    }
    if third.is_some() {
        return Err(Nonsense("more than `unsafe` and categories"));
    }
    let codes = second.unwrap_or_default();
    let codes = codes.split(',').map(str::trim).filter(|c| !c.is_empty());
    let categories = codes
        .map(|code| find(code, known))
        .collect::<Result<_, _>>()?;
    Ok(Some(categories))
}

/// The code as the configuration writes it.
fn find(code: &str, known: &BTreeMap<String, Category>) -> Result<String, Nonsense> {
    let found = known.keys().find(|known| known.eq_ignore_ascii_case(code));
    found
        .cloned()
        .ok_or(Nonsense("a category that there is not"))
}

/// `Yes` or `No` at the beginning, and perhaps an explanation.
fn shield_gemma(
    text: &str,
    known: &BTreeMap<String, Category>,
) -> Result<Option<Vec<String>>, Nonsense> {
    let text = text.trim_start().trim_start_matches(['*', '"', '\'']);
    let end = text.find(|c: char| !c.is_alphanumeric());
    let word = &text[..end.unwrap_or(text.len())];
    if word.eq_ignore_ascii_case("no") {
        return Ok(None);
    }
    if !word.eq_ignore_ascii_case("yes") {
        return Err(Nonsense("neither `Yes` nor `No`"));
    }
    // It says which only where it was asked for one.
    let only = known.keys().next().filter(|_| known.len() == 1);
    Ok(Some(only.cloned().into_iter().collect()))
}

#[derive(Deserialize)]
struct Judged {
    verdict: Word,
    #[serde(default)]
    categories: Option<Vec<String>>,
    #[serde(default)]
    score: Option<f64>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Word {
    #[serde(alias = "Safe", alias = "SAFE")]
    Safe,
    #[serde(alias = "Unsafe", alias = "UNSAFE")]
    Unsafe,
}

/// The one object with a verdict that stands in the text, whatever is said around it.
fn json(judge: &Judge, text: &str) -> Result<Verdict, Nonsense> {
    let mut found: Option<Judged> = None;
    let mut at = 0;
    while let Some(open) = text[at..].find('{') {
        let start = at + open;
        let mut objects = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Judged>();
        let Some(Ok(judged)) = objects.next() else {
            at = start + 1;
            continue;
        };
        at = start + objects.byte_offset();
        if found.is_some_and(|first| first.verdict != judged.verdict) {
            return Err(Nonsense("two verdicts that differ"));
        }
        found = Some(judged);
    }
    let judged = found.ok_or(Nonsense("no JSON object with a verdict"))?;
    let score = finite(judged.score)?;
    let named = judged.categories.unwrap_or_default();
    let named = named
        .iter()
        .map(|code| find(code.trim(), &judge.categories));
    let categories: Vec<String> = named.collect::<Result<_, _>>()?;
    let mut is_unsafe = judged.verdict == Word::Unsafe;
    if let (Some(threshold), Some(score)) = (judge.config.threshold, score) {
        is_unsafe = score >= threshold;
    }
    let mut verdict = unsafe_with(judge, is_unsafe.then_some(categories));
    verdict.score = score;
    verdict.reason = judged.reason.map(|reason| tame(&reason, LONGEST_REASON));
    Ok(verdict)
}

#[derive(Deserialize)]
struct Moderation {
    results: Vec<Moderated>,
}

#[derive(Deserialize)]
struct Moderated {
    /// OpenAI tells it, Mistral does not.
    #[serde(default)]
    flagged: Option<bool>,
    categories: BTreeMap<String, Option<bool>>,
    #[serde(default)]
    category_scores: BTreeMap<String, f64>,
}

/// Reads what a moderation endpoint said of `count` texts, in the form that OpenAI has and others took over.
/// <https://platform.openai.com/docs/api-reference/moderations/object>
/// <https://docs.mistral.ai/capabilities/guardrailing/>
///
/// # Errors
/// If it is of another form, or says nothing of some text.
pub fn of_moderation(judge: &Judge, body: &[u8], count: usize) -> Result<Verdict, Nonsense> {
    let moderation: Moderation =
        serde_json::from_slice(body).map_err(|_| Nonsense("no moderation"))?;
    if moderation.results.len() != count {
        return Err(Nonsense("not one result for each text"));
    }
    let mut violated: Vec<String> = Vec::new();
    let mut highest: Option<f64> = None;
    let mut is_unsafe = false;
    for result in moderation.results {
        for score in result.category_scores.values() {
            finite(Some(*score))?;
        }
        let mut add = |name: &str| {
            let name = tame(name, LONGEST_CATEGORY);
            if violated.len() < MOST_CATEGORIES && !violated.contains(&name) {
                violated.push(name);
            }
        };
        if let Some(threshold) = judge.config.threshold {
            if result.category_scores.is_empty() {
                return Err(Nonsense("no scores to compare with the threshold"));
            }
            for (name, score) in &result.category_scores {
                if *score >= threshold {
                    is_unsafe = true;
                    add(name);
                }
            }
        } else {
            is_unsafe |= result.flagged.unwrap_or(false);
            for (name, flagged) in &result.categories {
                if *flagged == Some(true) && result.flagged != Some(false) {
                    is_unsafe = true;
                    add(name);
                }
            }
        }
        let top = result.category_scores.values().copied().reduce(f64::max);
        highest = highest.into_iter().chain(top).reduce(f64::max);
    }
    let mut verdict = unsafe_with(judge, is_unsafe.then_some(violated));
    verdict.score = highest;
    Ok(verdict)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Allow,
    Block,
    Observe,
}

#[derive(Deserialize)]
struct Decided {
    action: Decision,
    #[serde(default)]
    categories: Option<Vec<String>>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    score: Option<f64>,
}

/// Reads what a webhook said.
///
/// # Errors
/// If it is no JSON object with an action that is known.
pub fn of_webhook(body: &[u8]) -> Result<Verdict, Nonsense> {
    let decided: Decided =
        serde_json::from_slice(body).map_err(|_| Nonsense("no JSON object with a known action"))?;
    let categories = decided.categories.unwrap_or_default();
    let categories = categories.iter().take(MOST_CATEGORIES);
    Ok(Verdict {
        finds: match decided.action {
            Decision::Allow => None,
            Decision::Block => Some(Finds::Block),
            Decision::Observe => Some(Finds::Observe),
        },
        categories: categories
            .map(|name| tame(name, LONGEST_CATEGORY))
            .collect(),
        reason: decided.reason.map(|reason| tame(&reason, LONGEST_REASON)),
        score: finite(decided.score)?,
    })
}
