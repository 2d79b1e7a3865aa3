//! Whose API it is: as the target says, else as far as the name of the model tells.

use crate::protocol::codec::Target;

/// Whether the vendor says nothing of the model: not known, or `openai`, which is also what servers are configured as
/// that only speak as OpenAI does.
fn is_any(target: &Target) -> bool {
    matches!(target.vendor, "" | "openai" | "demo")
}

/// Whether it is a model that OpenAI serves: `gpt-…` (not `gpt-oss`), `o1`, `o3`, `o4`, `chatgpt-…`, `codex-…`,
/// also behind a vendor's prefix and fine-tuned, or any deployment at Azure. OpenAI knows all its own parameters but
/// refuses those of others; other vendors are the other way round.
pub(super) fn is_openai(target: &Target) -> bool {
    if !is_any(target) {
        return target.vendor == "azure";
    }
    let name = bare_name(target.model);
    let is = |prefix| name.starts_with(prefix);
    (is("gpt-") && !is("gpt-oss")) || is("chatgpt-") || is("codex-") || is_o_series(name)
}

/// Whether `max_completion_tokens` is the limit: OpenAI's models that reason take nothing else. Azure's models all
/// take it, and their names tell nothing.
/// <https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference#request-body>
pub(super) fn takes_completion_tokens(target: &Target) -> bool {
    if !is_any(target) {
        return target.vendor == "azure";
    }
    let name = bare_name(target.model);
    name.starts_with("gpt-5") || is_o_series(name)
}

fn bare_name(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.strip_prefix("ft:").unwrap_or(name)
}

fn is_o_series(name: &str) -> bool {
    ["o1", "o3", "o4"].iter().any(|series| {
        name.strip_prefix(series)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

/// Whether it is a model at Mistral's own API, where names have no vendor in front. It refuses members that it does
/// not know, wants calls' ids of nine characters and reasoning as a part of the content.
/// <https://docs.mistral.ai/capabilities/reasoning>
pub(super) fn is_mistral(target: &Target) -> bool {
    const NAMES: [&str; 7] = [
        "mistral-",
        "magistral-",
        "ministral-",
        "codestral-",
        "devstral-",
        "pixtral-",
        "open-mi",
    ];
    if !is_any(target) {
        return target.vendor == "mistral";
    }
    NAMES.iter().any(|name| target.model.starts_with(name))
}

/// Whether it is a Gemini model, which wants its signatures back.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#openai>
pub(super) fn is_gemini(target: &Target) -> bool {
    matches!(target.vendor, "gemini" | "vertex") || target.model.contains("gemini")
}

/// Whether documents may be addresses: OpenRouter, whose models have the vendor in front, fetches them.
/// <https://openrouter.ai/docs/features/multimodal/pdfs>
pub(super) fn fetches_documents(target: &Target) -> bool {
    target.vendor == "openrouter" || (is_any(target) && target.model.contains('/'))
}

/// The member in which the vendor takes back reasoning that stood in `member`, if it does: DeepSeek refuses tool loops
/// without `reasoning_content`, Groq and Cerebras those with it, and Mistral knows only its chunks.
/// <https://api-docs.deepseek.com/guides/thinking_mode>, <https://console.groq.com/docs/reasoning>
pub(super) fn reasoning_member<'a>(target: &Target, member: &'a str) -> Option<&'a str> {
    use super::reasoning::{CHUNK, CONTENT, PLAIN};
    match (target.vendor, member) {
        _ if is_openai(target) => None,
        ("deepseek", CONTENT | PLAIN) => Some(CONTENT),
        ("deepseek" | "groq" | "cerebras", CHUNK) => None,
        ("groq" | "cerebras", CONTENT) => None,
        ("mistral", CONTENT | PLAIN) => None,
        (_, CONTENT | PLAIN | CHUNK) => Some(member),
        _ => None,
    }
}

/// Whether `reasoning_details` go back: they are OpenRouter's, and others took them over. OpenAI and Mistral refuse
/// members of messages that they do not know. A slash in the name tells OpenRouter where nothing else does.
/// <https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks>
pub(super) fn takes_details(target: &Target) -> bool {
    !is_mistral(target) && (!is_openai(target) || target.model.contains('/'))
}
