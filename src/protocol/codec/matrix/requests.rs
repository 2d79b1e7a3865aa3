//! Every recorded request for every provider: nothing gets lost in silence.

use serde_json::Value;

use super::{read_request, recordings, target};
use crate::protocol::{
    Operation,
    chat::{ChatRequest, Content, Part, Source, Tool, ToolChoice},
    codec::{for_client, for_provider},
    loss::Losses,
};

/// The providers, with a model and the vendor.
const PROVIDERS: [(Operation, &str, &str); 12] = [
    (Operation::Chat, "gpt-4o", "openai"),
    (Operation::Chat, "gpt-5.4", "azure"),
    (Operation::Chat, "mistral-large-latest", "mistral"),
    (Operation::Chat, "deepseek-reasoner", "deepseek"),
    (Operation::Chat, "openai/gpt-oss-120b", "groq"),
    (Operation::Responses, "gpt-5.4", "openai"),
    (Operation::Messages, "claude-sonnet-4-5", "anthropic"),
    (Operation::Generate, "gemini-2.5-flash", "gemini"),
    (Operation::Generate, "gemini-3-pro-preview", "vertex"),
    (
        Operation::Converse,
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock",
    ),
    (Operation::Converse, "us.amazon.nova-2-lite-v1:0", "bedrock"),
    (Operation::CohereChat, "command-a-03-2025", "cohere"),
];

/// What a request says, piece by piece, and by which beginnings of its name a loss would tell of it.
struct Said {
    what: String,
    losses: Vec<String>,
}

fn part(part: &Part, place: &str, out: &mut Vec<Said>) {
    let mut say = |what: String, more: &[&str]| {
        let mut losses = vec![place.to_owned()];
        losses.extend(more.iter().map(|&name| name.to_owned()));
        out.push(Said { what, losses });
    };
    match &part.content {
        Content::Text { text, .. } | Content::Refusal { text } => {
            // An object that a tool gave is the same however it is spelled.
            let object = serde_json::from_str::<serde_json::Map<String, Value>>(text);
            let spelled = object.map(|object| Value::from(object).to_string());
            let text = spelled.as_ref().unwrap_or(text);
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                say(format!("text {line}"), &[]);
            }
        }
        Content::Media(media) => {
            // A text may become a part of another, or be told as text where it was base64.
            let mime = media.mime.as_deref().unwrap_or_default();
            if !matches!(media.source, Source::Text(_)) && !mime.starts_with("text/") {
                say(format!("media {}", media.kind.name()), &[]);
            }
        }
        Content::Thinking { text, .. } => {
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                say(format!("thinking {line}"), &["reasoning of another"]);
            }
        }
        Content::RedactedThinking => say("sealed".to_owned(), &["reasoning of another"]),
        Content::ToolCall { name, .. } => say(format!("call {name}"), &[]),
        Content::ToolResult { content, .. } => {
            say("result".to_owned(), &[]);
            for inner in content {
                self::part(inner, place, out);
            }
        }
        Content::Foreign { .. } => say("foreign".to_owned(), &[]),
    }
}

fn said(request: &ChatRequest) -> Vec<Said> {
    let mut out = Vec::new();
    for (n, message) in request.messages.iter().enumerate() {
        for one in &message.parts {
            part(one, &format!("messages[{n}]"), &mut out);
        }
    }
    for (n, tool) in request.tools.iter().enumerate() {
        let what = match tool {
            Tool::Function(function) => format!("tool {}", function.name),
            Tool::Hosted { .. } => "hosted".to_owned(),
        };
        let place = format!("tools[{n}]");
        out.push(Said {
            what,
            losses: vec![place, "tools".to_owned()],
        });
    }
    let mut parameter = |name: &str, more: &[&str], value: Option<String>| {
        if let Some(value) = value {
            let losses = [&[name], more].concat();
            out.push(Said {
                what: format!("{name} {value}"),
                losses: losses.into_iter().map(str::to_owned).collect(),
            });
        }
    };
    let number = |n: Option<f64>| n.map(|n| n.to_string());
    let penalty = |n: Option<f64>| n.filter(|n| *n != 0.0).map(|n| n.to_string());
    parameter("temperature", &[], number(request.temperature));
    parameter("top_p", &[], number(request.top_p));
    parameter("top_k", &[], request.top_k.map(|k| k.to_string()));
    parameter("frequency_penalty", &[], penalty(request.frequency_penalty));
    parameter("presence_penalty", &[], penalty(request.presence_penalty));
    parameter("seed", &[], request.seed.map(|seed| seed.to_string()));
    parameter(
        "max_tokens",
        &[],
        request.max_tokens.map(|max| max.to_string()),
    );
    for stop in &request.stop {
        parameter("stop", &[], Some(stop.clone()));
    }
    parameter(
        "n",
        &[],
        request.n.filter(|n| *n > 1).map(|n| n.to_string()),
    );
    parameter(
        "logprobs",
        &["top_logprobs"],
        request.logprobs.map(|_| String::new()),
    );
    parameter("user", &[], request.user.clone());
    for (key, value) in &request.metadata {
        parameter("metadata", &[], Some(format!("{key}={value}")));
    }
    let output = request.output.as_ref().map(|_| String::new());
    parameter("response_format", &[], output);
    let choice = request
        .tool_choice
        .as_ref()
        .filter(|_| !request.tools.is_empty());
    let forced = match choice {
        Some(ToolChoice::Required | ToolChoice::Function(_)) => Some("must".to_owned()),
        Some(ToolChoice::Among { required: true, .. }) => Some("must".to_owned()),
        Some(ToolChoice::None) => Some("none".to_owned()),
        _ => None,
    };
    parameter("tool_choice", &[], forced);
    let one = request.parallel_tool_calls == Some(false) && !request.tools.is_empty();
    parameter("parallel_tool_calls", &[], one.then(String::new));
    let wish = request.reasoning.as_ref().and_then(|wish| {
        let on = wish.enabled == Some(true) || wish.level().is_some_and(|l| l.name() != "none");
        on.then(String::new)
    });
    parameter("reasoning", &[], wish);
    out
}

/// Whether a name in a loss is the one of a member: itself, or followed by no letter or digit.
fn tells(loss: &str, of: &str) -> bool {
    loss.strip_prefix(of)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// What was said and is neither said again nor told to be lost.
fn silent(before: &ChatRequest, after: &ChatRequest, losses: &Losses) -> Vec<String> {
    let mut again: Vec<String> = said(after).into_iter().map(|said| said.what).collect();
    // Gemini 3 reasons anyway: the wish to see it is all that is left to say.
    let summary = after.reasoning.as_ref().and_then(|r| r.summary.as_deref());
    if summary == Some("auto") {
        again.push("reasoning ".to_owned());
    }
    let mut silent = Vec::new();
    // Anthropic has no other way to name the tools of which one must be called than to declare no others.
    let among: Option<&[String]> = match &before.tool_choice {
        Some(ToolChoice::Among { names, .. }) => Some(names),
        _ => None,
    };
    for said in said(before) {
        if let Some(n) = again.iter().position(|what| *what == said.what) {
            again.swap_remove(n);
            continue;
        }
        let told = losses
            .all()
            .iter()
            .any(|loss| said.losses.iter().any(|name| tells(&loss.what, name)));
        let left_out = said
            .what
            .strip_prefix("tool ")
            .is_some_and(|name| among.is_some_and(|names| !names.iter().any(|n| n == name)));
        // A line that became a part of a longer one.
        let within = said.what.strip_prefix("text ").is_some_and(|line| {
            again
                .iter()
                .any(|what| what.starts_with("text ") && what.contains(line))
        });
        if !told && !left_out && !within {
            silent.push(said.what.chars().take(120).collect());
        }
    }
    silent
}

#[test]
fn no_recorded_request_loses_anything_in_silence() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for recorded in recordings() {
        if for_client(recorded.operation).is_none() {
            continue;
        }
        let id = format!("{} ({})", recorded.id, recorded.wire);
        let request = read_request(recorded.operation, &recorded.path, &recorded.request);
        let repeated = read_request(recorded.operation, &recorded.path, &recorded.request);
        for (operation, model, vendor) in PROVIDERS {
            checked += 1;
            let codec = for_provider(operation).unwrap();
            let goal = target(model, vendor);
            let write = |request| {
                let mut losses = Losses::default();
                (codec.request(request, &goal, &mut losses), losses)
            };
            let (body, losses) = write(&request);
            let (again, _) = write(&repeated);
            if body != again {
                wrong.push(format!(
                    "{id} for {model}: written otherwise the second time"
                ));
            }
            if for_client(operation).is_none() {
                // No client speaks it: what is said must stand somewhere in the body.
                let body: Value = serde_json::from_slice(&body).unwrap();
                let body = body.to_string();
                for said in said(&request) {
                    let Some(line) = said.what.strip_prefix("text ") else {
                        continue;
                    };
                    let line = Value::from(line).to_string();
                    let line = &line[1..line.len() - 1];
                    let told = losses
                        .all()
                        .iter()
                        .any(|loss| said.losses.iter().any(|name| tells(&loss.what, name)));
                    // The words of a result that is an object become the object.
                    let is_object = line.starts_with('{');
                    if !told && !is_object && !body.contains(line) {
                        wrong.push(format!("{id} for {model}: {line}"));
                    }
                }
                continue;
            }
            let call = super::call(operation, &format!("models/{model}:x"));
            let after = for_client(operation)
                .unwrap()
                .request(&call, &body)
                .unwrap();
            for what in silent(&request, &after, &losses) {
                wrong.push(format!("{id} for {model}: {what}\n    {:?}", losses.all()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {checked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
