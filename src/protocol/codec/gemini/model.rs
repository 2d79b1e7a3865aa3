//! What Google's documentation says of its models, for what no catalogue tells.

/// The generation of a model: 3 for `gemini-3-pro` and `gemini-3.1-flash`; none for names of another make.
pub(super) fn generation(model: &str) -> Option<u32> {
    let (_, rest) = model.rsplit_once("gemini-")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    rest[..digits.unwrap_or(rest.len())].parse().ok()
}

/// Whether it is of Gemini 3 or later: thinking by level, media in tool results, calls that must be signed.
pub(super) fn is_third(model: &str) -> bool {
    generation(model).is_some_and(|n| n >= 3)
}

/// Least and most tokens of thinking, and whether it can be turned off.
/// <https://ai.google.dev/gemini-api/docs/thinking#set-budget>
pub(super) fn budgets(model: &str) -> (u64, u64, bool) {
    if model.contains("flash-lite") {
        (512, 24_576, true)
    } else if model.contains("pro") {
        (128, 32_768, false)
    } else {
        (1, 24_576, true)
    }
}
