//! Reasoning, the limit on tokens and sampling, which depend on each other.
//!
//! - `max_tokens` is required: the model's output limit if the catalogue knows it, else [`DEFAULT_MAX_TOKENS`]. A
//!   client's number above the model's limit is lowered to it.
//! - Reasoning is written as `adaptive` with an effort where the catalogue says that the model takes one, else as
//!   `enabled` with a budget. A budget is 1024 at least and below `max_tokens`: if the client said no `max_tokens`,
//!   that is raised, otherwise the budget is lowered to three quarters of it.
//! - With reasoning the API refuses `top_k`, `temperature` other than 1 and `top_p` below 0.95; with a budget also a
//!   forced tool choice, which is kept, and turns under way that began without reasoning.
//!
//! <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>,
//! <https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking>

use serde::Serialize;

use crate::{
    catalogue::ReasoningControl,
    protocol::{
        chat::{ChatRequest, Effort, Reasoning},
        codec::{Sampling, Target},
        loss::Losses,
    },
};

/// `max_tokens` where neither the client nor the catalogue says one: what the oldest models in use allow.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// The least that the API takes as a budget.
const LEAST_BUDGET: u64 = 1024;

/// The budget for clients that only say "reason".
const DEFAULT_BUDGET: u64 = Effort::Medium.budget();

/// `thinking` as it is written.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Disabled,
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Enabled {
        budget_tokens: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
}

/// The members that depend on each other.
#[derive(Debug)]
pub(super) struct Tuning {
    pub(super) max_tokens: u64,
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<&'static str>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
}

/// What else of the request matters here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circumstances {
    /// A tool must be called.
    pub(super) forced: bool,
    /// The turn under way began without reasoning that this API could read.
    pub(super) unreasoned: bool,
}

/// Decides.
pub(super) fn tune(
    request: &ChatRequest,
    target: &Target<'_>,
    circumstances: Circumstances,
    losses: &mut Losses,
) -> Tuning {
    let limit = target.known.and_then(|known| known.output_limit);
    let mut max_tokens = match (request.max_tokens, limit) {
        (Some(wished), Some(limit)) if wished > limit => {
            losses.hint("max_tokens", "above the output limit of the model");
            limit
        }
        (Some(wished), _) => wished,
        (None, limit) => limit.unwrap_or(DEFAULT_MAX_TOKENS),
    };
    let control = target.known.and_then(|known| known.reasoning);
    let (mut thinking, effort) = match &request.reasoning {
        Some(wish) => write_reasoning(wish, control, circumstances, losses),
        None => (None, None),
    };
    if let Some(Thinking::Enabled { budget_tokens, .. }) = &mut thinking {
        *budget_tokens = (*budget_tokens).max(LEAST_BUDGET);
        if *budget_tokens >= max_tokens && request.max_tokens.is_none() {
            let raised = budget_tokens.saturating_add(DEFAULT_MAX_TOKENS);
            max_tokens = limit.map_or(raised, |limit| raised.min(limit));
        }
        if *budget_tokens >= max_tokens {
            *budget_tokens = (max_tokens / 4 * 3).max(LEAST_BUDGET);
        }
        if *budget_tokens >= max_tokens {
            // An effort is a wish; a budget is an order.
            let why = "max_tokens leaves no room for the 1024 tokens that Anthropic reasons with at least";
            if request
                .reasoning
                .as_ref()
                .is_some_and(|r| r.budget.is_some())
            {
                losses.cannot("reasoning", why);
            } else {
                losses.hint("reasoning", why);
            }
            thinking = None;
        }
    }
    let sampling = Sampling::of(request, target, losses);
    let mut tuning = Tuning {
        max_tokens,
        thinking,
        effort,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
    };
    sample(&mut tuning, losses);
    tuning
}

fn sample(tuning: &mut Tuning, losses: &mut Losses) {
    if tuning.temperature.is_some_and(|t| t > 1.0) {
        tuning.temperature = None;
        losses.cannot("temperature", "Anthropic's range ends at 1");
    }
    // 1 is the default, and newer models refuse it beside a temperature.
    if tuning.temperature.is_some() && tuning.top_p == Some(1.0) {
        tuning.top_p = None;
    }
    let reasons = matches!(
        tuning.thinking,
        Some(Thinking::Enabled { .. } | Thinking::Adaptive { .. })
    );
    if !reasons {
        return;
    }
    if tuning.temperature.take_if(|t| *t != 1.0).is_some() {
        losses.cannot("temperature", "Anthropic takes none while reasoning");
    }
    if tuning.top_p.take_if(|p| *p < 0.95).is_some() {
        losses.cannot("top_p", "Anthropic takes 0.95 to 1 only while reasoning");
    }
    if tuning.top_k.take().is_some() {
        losses.cannot("top_k", "Anthropic takes none while reasoning");
    }
}

fn write_reasoning(
    wish: &Reasoning,
    control: Option<ReasoningControl>,
    circumstances: Circumstances,
    losses: &mut Losses,
) -> (Option<Thinking>, Option<&'static str>) {
    let off = wish.enabled == Some(false) || wish.effort == Some(Effort::None);
    let off = off || (wish.enabled.is_none() && wish.budget == Some(0));
    let on = !off && (wish.enabled == Some(true) || wish.tokens().is_some());
    match control {
        Some(ReasoningControl::None) => {
            if on {
                losses.cannot("reasoning", "the model does not reason");
            }
            return (None, None);
        }
        Some(ReasoningControl::Always) => {
            if off || wish.tokens().is_some() {
                losses.cannot("reasoning", "the model reasons as it likes");
            }
            return (None, None);
        }
        _ => {}
    }
    if off {
        return (Some(Thinking::Disabled), None);
    }
    if !on {
        if wish.summary.is_some() {
            losses.hint("reasoning.summary", "no reasoning was asked for");
        }
        return (None, None);
    }
    let display = display(wish, losses);
    // Unknown models get what the client said: with a number a budget, with neither number nor word what all newer
    // models take.
    let by_effort = match control {
        Some(ReasoningControl::Effort) => true,
        Some(_) => false,
        None => wish.budget.is_none() && wish.enabled == Some(true),
    };
    let effort = (by_effort || wish.budget.is_some())
        .then(|| if by_effort { wish.level() } else { wish.effort })
        .flatten()
        .map(effort_name);
    if by_effort {
        return (Some(Thinking::Adaptive { display }), effort);
    }
    if circumstances.forced {
        let why = "Anthropic does not reason by budget where a tool call is forced";
        losses.cannot("reasoning", why);
        return (None, effort);
    }
    if circumstances.unreasoned {
        losses.hint(
            "reasoning",
            "Anthropic goes on reasoning only in turns that began with reasoning of its own",
        );
        return (None, effort);
    }
    let budget_tokens = wish.tokens().unwrap_or(DEFAULT_BUDGET);
    let thinking = Thinking::Enabled {
        budget_tokens,
        // Models that reason by budget show it unless told otherwise.
        display: display.filter(|how| *how != "summarized"),
    };
    (Some(thinking), effort)
}

fn display(wish: &Reasoning, losses: &mut Losses) -> Option<&'static str> {
    match wish.summary.as_deref()? {
        "none" => Some("omitted"),
        "auto" => Some("summarized"),
        _ => {
            losses.hint(
                "reasoning.summary",
                "Anthropic's summaries have no length to choose",
            );
            Some("summarized")
        }
    }
}

/// Anthropic's word for an effort. It has no `minimal`.
/// <https://platform.claude.com/docs/en/build-with-claude/effort>
const fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => Effort::Low.name(),
        effort => effort.name(),
    }
}
