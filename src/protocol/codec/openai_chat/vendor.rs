//! What can be told of a vendor from the name of its model: a [`Target`](super::Target) says no more.

/// Whether it is a model that OpenAI serves: `gpt-…` (not `gpt-oss`), `o1`, `o3`, `o4`, `chatgpt-…`, `codex-…`,
/// also behind a vendor's prefix and fine-tuned. OpenAI knows all its own parameters but refuses those of others;
/// other vendors are the other way round. An Azure deployment of another name counts as another vendor's.
pub(super) fn is_openai(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let is = |prefix| name.starts_with(prefix);
    (is("gpt-") && !is("gpt-oss")) || is("chatgpt-") || is("codex-") || is_o_series(name)
}

/// Whether it is one of OpenAI's models that reason: they take `max_completion_tokens` only.
pub(super) fn is_openai_reasoning(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    name.starts_with("gpt-5") || is_o_series(name)
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
pub(super) fn is_mistral(model: &str) -> bool {
    const NAMES: [&str; 7] = [
        "mistral-",
        "magistral-",
        "ministral-",
        "codestral-",
        "devstral-",
        "pixtral-",
        "open-mi",
    ];
    NAMES.iter().any(|name| model.starts_with(name))
}

/// Whether it is a Gemini model, which wants its signatures back.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#openai>
pub(super) fn is_gemini(model: &str) -> bool {
    model.contains("gemini")
}
