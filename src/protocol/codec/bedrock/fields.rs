//! What Converse has no member of its own for: fields that go to the model as they are, by the family of the model.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    catalogue::ReasoningControl,
    protocol::{
        chat::{ChatRequest, Effort, Json, Message, Origin, Reasoning, Role, ToolChoice},
        codec::Target,
        loss::Losses,
    },
};

/// Whose models have fields in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Anthropic,
    Nova,
    OpenAi,
    Qwen,
    Cohere,
    Mistral,
    Other,
    /// Behind an ARN that tells nothing: the request is written as for Anthropic's models, the most used ones.
    Unknown,
}

impl Family {
    /// The family by the model's id, such as `us.anthropic.claude-sonnet-4-6` or an ARN that ends with one.
    pub(super) fn of(model: &str) -> Self {
        let families = [
            ("anthropic.", Self::Anthropic),
            ("amazon.nova", Self::Nova),
            ("openai.", Self::OpenAi),
            ("qwen.", Self::Qwen),
            ("cohere.", Self::Cohere),
            ("mistral.", Self::Mistral),
        ];
        let found = families.into_iter().find(|(name, _)| model.contains(name));
        match found {
            Some((_, family)) => family,
            None if model.starts_with("arn:") => Self::Unknown,
            None => Self::Other,
        }
    }

    /// Whether signatures are Anthropic's and wishes are spelled as in its own API.
    pub(super) const fn is_anthropic(self) -> bool {
        matches!(self, Self::Anthropic | Self::Unknown)
    }

    /// Models that take cache points in system prompts and messages.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html#prompt-caching-models>
    pub(super) const fn caches(self) -> bool {
        matches!(self, Self::Anthropic | Self::Nova | Self::Unknown)
    }
}

/// `additionalModelRequestFields` and the one wish that has a member of its own.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) fields: Vec<(&'static str, Json)>,
    /// `outputConfig.effort`.
    pub(super) effort: Option<&'static str>,
    /// A model of Anthropic reasons, and then refuses some sampling parameters.
    pub(super) reasons: bool,
}

impl Fields {
    fn add(&mut self, name: &'static str, value: &impl Serialize) {
        self.fields.push((name, Json::from_value(value)));
    }

    /// Gathers all fields of a request.
    pub(super) fn of(
        request: &ChatRequest,
        top_k: Option<u64>,
        target: &Target,
        family: Family,
        losses: &mut Losses,
    ) -> Self {
        let mut fields = Self::default();
        if let Some(reasoning) = &request.reasoning {
            fields.reasoning(reasoning, request, target, family, losses);
        }
        if let Some(k) = top_k {
            match family {
                _ if fields.reasons => losses.cannot("top_k", WHILE_REASONING),
                Family::Anthropic | Family::Unknown | Family::Mistral => fields.add("top_k", &k),
                // <https://docs.aws.amazon.com/nova/latest/userguide/using-converse-api.html>
                Family::Nova => fields.add("inferenceConfig", &json!({ "topK": k })),
                Family::Cohere => fields.add("k", &k),
                _ => losses.cannot("top_k", "this model has no such parameter at Bedrock"),
            }
        }
        if request.parallel_tool_calls == Some(false) && !request.tools.is_empty() {
            fields.one_call(request, family, losses);
        }
        for (name, value) in &request.extra {
            match name.as_str() {
                "anthropic_beta" if family.is_anthropic() => fields.add("anthropic_beta", value),
                "context_management" if family.is_anthropic() => {
                    fields.add("context_management", value);
                }
                _ => {}
            }
        }
        fields
    }

    /// Anthropic's own member beside Converse's `toolChoice`; a type in both is refused.
    fn one_call(&mut self, request: &ChatRequest, family: Family, losses: &mut Losses) {
        let why = "Bedrock can forbid parallel calls to models of Anthropic only";
        match &request.tool_choice {
            _ if !family.is_anthropic() => losses.cannot("parallel_tool_calls", why),
            Some(ToolChoice::None) => {}
            choice => {
                let mut value = json!({ "disable_parallel_tool_use": true });
                if !forces(choice.as_ref()) {
                    value["type"] = Value::from("auto");
                }
                self.add("tool_choice", &value);
            }
        }
    }

    fn reasoning(
        &mut self,
        wish: &Reasoning,
        request: &ChatRequest,
        target: &Target,
        family: Family,
        losses: &mut Losses,
    ) {
        let control = target.known.and_then(|model| model.reasoning);
        let level = match wish.level() {
            Some(level) => level,
            None if wish.enabled == Some(true) => Effort::Medium,
            None => return,
        };
        if control == Some(ReasoningControl::Always) {
            if level == Effort::None {
                losses.cannot("reasoning", "this model always reasons");
            }
            return;
        }
        // Without a wish none of them reasons, or as it likes.
        if level == Effort::None {
            if family == Family::OpenAi {
                losses.hint(
                    "reasoning",
                    "this model always reasons: a little, if told so",
                );
                self.add("reasoning_effort", &"low");
            }
            return;
        }
        if control == Some(ReasoningControl::None) {
            losses.cannot("reasoning", "this model does not reason");
            return;
        }
        let three = match level {
            Effort::None | Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            _ => "high",
        };
        match family {
            Family::Anthropic | Family::Unknown if control == Some(ReasoningControl::Effort) => {
                self.reasons = true;
                self.add("thinking", &json!({ "type": "adaptive" }));
                self.effort = Some(match level {
                    Effort::Xhigh | Effort::Max => level.name(),
                    _ => three,
                });
            }
            Family::Anthropic | Family::Unknown => {
                let wanted = wish.tokens().unwrap_or(level.budget());
                if let Some(budget) = budget(wanted, wish, request, losses) {
                    self.reasons = true;
                    let value = json!({ "type": "enabled", "budget_tokens": budget });
                    self.add("thinking", &value);
                }
            }
            // <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>
            Family::Nova => {
                let value = json!({ "type": "enabled", "maxReasoningEffort": three });
                self.add("reasoningConfig", &value);
            }
            Family::OpenAi => self.add("reasoning_effort", &three),
            Family::Qwen => self.add("reasoning_config", &three),
            _ => losses.cannot(
                "reasoning",
                "this model takes no wish for reasoning at Bedrock",
            ),
        }
    }
}

/// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>
const SMALLEST_BUDGET: u64 = 1024;

/// Why a parameter is left out.
pub(super) const WHILE_REASONING: &str = "models of Anthropic refuse it while they reason";

/// The budget for a model of Anthropic, or none if it cannot reason in this place.
fn budget(
    wanted: u64,
    wish: &Reasoning,
    request: &ChatRequest,
    losses: &mut Losses,
) -> Option<u64> {
    if forces(request.tool_choice.as_ref()) {
        let why = "models of Anthropic do not reason by budget where a tool call is forced";
        losses.cannot("reasoning", why);
        return None;
    }
    if began_without_reasoning(&request.messages) {
        let why =
            "models of Anthropic go on reasoning only in turns that began with their own reasoning";
        losses.hint("reasoning", why);
        return None;
    }
    let mut budget = wanted.max(SMALLEST_BUDGET);
    // The budget must leave room for the answer.
    if let Some(most) = request.max_tokens.filter(|most| budget >= *most) {
        budget = (most / 4 * 3).max(SMALLEST_BUDGET);
        if budget >= most {
            let why = "max_tokens leaves no room for the 1024 tokens of reasoning that Anthropic wants at least";
            // An effort is a wish; a budget is an order.
            if wish.budget.is_some() {
                losses.cannot("reasoning", why);
            } else {
                losses.hint("reasoning", why);
            }
            return None;
        }
    }
    Some(budget)
}

/// Whether the turn under way, a loop of tool calls, began without reasoning that the model could read.
fn began_without_reasoning(messages: &[Message]) -> bool {
    let user = messages.iter().rposition(|m| m.role == Role::User);
    let turn = &messages[user.map_or(0, |n| n + 1)..];
    let first = turn.iter().find(|m| m.role == Role::Assistant);
    first.is_some_and(|message| {
        let signature = message.parts.first().and_then(|p| p.signature.as_ref());
        signature.is_none_or(|s| s.for_provider(Origin::Anthropic).is_none())
    })
}

/// Whether `toolChoice` must be written.
pub(super) const fn forces(choice: Option<&ToolChoice>) -> bool {
    matches!(
        choice,
        Some(
            ToolChoice::Required
                | ToolChoice::Function(_)
                | ToolChoice::Among { required: true, .. }
        )
    )
}
