//! Wishes for reasoning, as Google's models take them: by a number of tokens up to Gemini 2.5, by a level since
//! Gemini 3. <https://ai.google.dev/gemini-api/docs/thinking>

use super::{
    super::{
        super::{
            chat::{Effort, Reasoning},
            loss::Losses,
        },
        Target,
    },
    model,
    object::{Field, Object},
};
use crate::catalogue::ReasoningControl;

/// Writes `thinkingConfig`.
pub(super) fn write<'a>(reasoning: &Reasoning, target: &Target, losses: &mut Losses) -> Object<'a> {
    let mut out = Object::default();
    let control = target.known.and_then(|model| model.reasoning);
    let off = reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None);
    let wish = reasoning.enabled == Some(true)
        || reasoning.budget.is_some()
        || reasoning.effort.is_some_and(|e| e != Effort::None);
    match control {
        Some(ReasoningControl::None) => {
            if wish && !off {
                losses.cannot("reasoning", "this model does not reason");
            }
            return out;
        }
        Some(ReasoningControl::Always) => {
            if off {
                losses.cannot("reasoning", "this model always reasons");
            } else if reasoning.effort.is_some() || reasoning.budget.is_some() {
                losses.hint(
                    "reasoning",
                    "this model takes no wish for how hard to reason",
                );
            }
        }
        Some(ReasoningControl::Effort) => level(reasoning, off, target.model, &mut out, losses),
        Some(ReasoningControl::Budget) => budget(reasoning, off, target.model, &mut out, losses),
        None if model::is_third(target.model) => {
            level(reasoning, off, target.model, &mut out, losses);
        }
        None => budget(reasoning, off, target.model, &mut out, losses),
    }
    let shown = match reasoning.summary.as_deref() {
        Some("none") => false,
        Some(_) => true,
        None => reasoning.enabled == Some(true),
    };
    // Google refuses to show thoughts that are turned off.
    if shown && !off {
        out.put("includeThoughts", Some(Field::Bool(true)));
    }
    out
}

/// <https://ai.google.dev/gemini-api/docs/thinking#thinking-levels>: Pro models have no `MINIMAL`, the first of them
/// had no `MEDIUM`.
fn level(reasoning: &Reasoning, off: bool, name: &str, out: &mut Object, losses: &mut Losses) {
    let pro = name.contains("pro");
    let least = if pro { "LOW" } else { "MINIMAL" };
    let word = match reasoning.level() {
        _ if off => {
            losses.hint(
                "reasoning",
                "Gemini 3 cannot turn it off; it reasons as little as it can",
            );
            least
        }
        None | Some(Effort::None) => return,
        Some(Effort::Minimal) => least,
        Some(Effort::Low) => "LOW",
        Some(Effort::Medium) if name.contains("gemini-3-pro") => "HIGH",
        Some(Effort::Medium) => "MEDIUM",
        Some(Effort::High | Effort::Xhigh | Effort::Max) => "HIGH",
    };
    out.put("thinkingLevel", Some(Field::Text(word.into())));
}

fn budget(reasoning: &Reasoning, off: bool, name: &str, out: &mut Object, losses: &mut Losses) {
    let (least, most, can_be_off) = model::budgets(name);
    let tokens = if off && can_be_off {
        0
    } else if off {
        losses.hint(
            "reasoning",
            "this model cannot turn it off; it reasons as little as it can",
        );
        i64::try_from(least).unwrap_or(0)
    } else if let Some(tokens) = reasoning.tokens() {
        let fits = tokens.clamp(least, most);
        if reasoning.budget.is_some_and(|wish| wish != fits) {
            losses.hint("reasoning budget", "the model's own limits are narrower");
        }
        i64::try_from(fits).unwrap_or(i64::MAX)
    } else if reasoning.enabled == Some(true) {
        -1
    } else {
        return;
    };
    out.put("thinkingBudget", Some(Field::Integer(tokens)));
}
