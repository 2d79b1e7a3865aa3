//! Why an answer ended, in Google's words and in ours.
//! <https://ai.google.dev/api/generate-content#FinishReason>

use super::super::super::chat::{Ending, Finish};

/// The sense of a reason; `calls` says that functions were called, for which Google says `STOP` as well.
pub(super) fn read(word: &str, calls: bool) -> Ending {
    Ending::new(sense(word, calls), word)
}

fn sense(word: &str, calls: bool) -> Finish {
    match word {
        "STOP" | "FINISH_REASON_UNSPECIFIED" | "" if calls => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        // CONTINUATION: the limit of one request was met, and another one may go on.
        "MAX_TOKENS" | "CONTINUATION" => Finish::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "ESCALATION"
        | "MODEL_ARMOR" => Finish::ContentFilter,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" => Finish::MalformedCall,
        // LANGUAGE, OTHER, NO_IMAGE, MISSING_THOUGHT_SIGNATURE, TOO_MANY_TOOL_CALLS … and those to come.
        _ => Finish::Other,
    }
}

/// Google's words that mean nothing of the above, but exist.
const OTHERS: [&str; 9] = [
    "OTHER",
    "LANGUAGE",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "PUP_LIMITED_DISABLED",
    "FINISH_REASON_UNSPECIFIED",
];

/// The reason for a client: the provider's word where it is Google's own, else the nearest.
pub(super) fn write(ending: &Ending) -> &str {
    if let Some(word) = ending.word.as_deref() {
        let sense = sense(word, ending.finish == Finish::ToolCalls);
        if sense == ending.finish && (sense != Finish::Other || OTHERS.contains(&word)) {
            return word;
        }
    }
    match ending.finish {
        Finish::Stop | Finish::StopSequence | Finish::ToolCalls | Finish::Pause => "STOP",
        Finish::Length | Finish::ContextWindow => "MAX_TOKENS",
        Finish::ContentFilter | Finish::Refusal => "SAFETY",
        Finish::MalformedCall => "MALFORMED_FUNCTION_CALL",
        Finish::Other => "OTHER",
    }
}
