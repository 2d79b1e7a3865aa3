//! OpenAI's dialect: what its endpoints share.

pub(super) mod chat;
pub(super) mod completions;
pub(super) mod embeddings;
pub(super) mod responses;

use serde_json::{Value, json};

use super::{
    MODEL,
    answer::Answer,
    fault::Fault,
    prompt::{Choice, Prompt},
};

/// The paths only this dialect has.
pub(super) const PATHS: [&str; 4] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
];

/// More answers to one question take up memory and show nothing new.
const MOST_CHOICES: u64 = 16;

pub(super) fn fault(fault: &Fault) -> Value {
    let (kind, code) = match fault.status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    json!({
        "error": { "message": fault.message, "type": kind, "param": fault.param, "code": code }
    })
}

pub(super) fn models() -> Value {
    let model = json!({
        "id": MODEL, "object": "model", "created": 1_767_225_600, "owned_by": "sluicegate"
    });
    json!({ "object": "list", "data": [model] })
}

/// Chat nests a function's definition, the Responses API does not.
fn offer(prompt: &mut Prompt, tools: &Value) {
    for tool in tools.as_array().into_iter().flatten() {
        let function = if tool["function"].is_object() {
            &tool["function"]
        } else {
            tool
        };
        prompt.offer(&function["name"], &function["parameters"]);
    }
}

fn tool_choice(choice: &Value) -> Choice {
    let name = choice["function"]["name"]
        .as_str()
        .or(choice["name"].as_str());
    match (choice.as_str(), name) {
        (Some("none"), _) => Choice::Never,
        (Some("required"), _) => Choice::Any,
        (None, Some(name)) => Choice::Named(name.to_owned()),
        _ => Choice::Auto,
    }
}

fn choices(request: &Value) -> Result<u64, Fault> {
    match super::fault::count(&request["n"], "n")?.unwrap_or(1) {
        n if n > MOST_CHOICES => Err(Fault::invalid(
            "n",
            format!("'n' must be at most {MOST_CHOICES}."),
        )),
        n => Ok(n),
    }
}

/// Usage as chat and completions report it: every choice is paid for.
fn usage(answers: &[Answer], n: u64) -> Value {
    let input: u64 = answers.iter().map(|answer| answer.input_tokens).sum();
    let output: u64 = answers.iter().map(|answer| answer.output_tokens * n).sum();
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0
        }
    })
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.cut { "length" } else { "stop" }
}

/// Whether a streamed answer is to end with its usage.
fn wants_usage(request: &Value) -> bool {
    request["stream_options"]["include_usage"] == true
}
