//! Recorded traffic of the Gemini API and of Vertex: what it says is what we read.

use std::path::Path;

use serde_json::{Map, Value, json, value::RawValue};

use super::support::{answer, answer_json, decoded, encoded, events, folded, stream_text};
use crate::protocol::{
    chat::{ChatAnswer, ChatRequest, Content, Ending, Finish, Message},
    event::unfold,
};

fn records(wire: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/cassettes")
        .join(format!("{wire}.jsonl"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no {}", path.display());
        return Vec::new();
    };
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn text(answer: &ChatAnswer) -> String {
    let parts = answer.choices.iter().flat_map(|c| &c.parts);
    parts
        .filter_map(|part| match &part.content {
            Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text.as_bytes());
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

/// Compares an answer with what a second reader found in the recording.
fn check(answer: &ChatAnswer, expect: &Value, id: &str) {
    let said = text(answer);
    assert_eq!(said.chars().count(), expect["text_len"], "{id}");
    assert_eq!(hash(&said), expect["text_sha256"], "{id}");
    let ending = &answer.choices[0].ending;
    assert_eq!(ending.word.as_deref(), expect["stop"].as_str(), "{id}");
    let calls: Vec<_> = answer.choices[0]
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolCall {
                id,
                name,
                arguments,
            } => Some((id, name, arguments)),
            _ => None,
        })
        .collect();
    let expected = expect["tool_calls"].as_array().cloned().unwrap_or_default();
    assert_eq!(calls.len(), expected.len(), "{id}");
    for ((call_id, name, arguments), call) in calls.into_iter().zip(&expected) {
        assert_eq!(name, call["name"].as_str().unwrap());
        if let Some(told) = call["id"].as_str() {
            assert_eq!(call_id, told);
        }
        let told: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(arguments).unwrap(),
            told,
            "{id}"
        );
    }
    if !expected.is_empty() && ending.word.as_deref() == Some("STOP") {
        assert_eq!(ending.finish, Finish::ToolCalls);
    }
    let usage = &expect["usage"];
    let count = |name: &str| usage[name].as_u64();
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    let got = answer.usage;
    let prompt = count("promptTokenCount");
    assert_eq!(
        got.input,
        sum(prompt, count("toolUsePromptTokenCount")),
        "{id}"
    );
    let thoughts = count("thoughtsTokenCount");
    assert_eq!(
        got.output,
        sum(count("candidatesTokenCount"), thoughts),
        "{id}"
    );
    assert_eq!(got.reasoning, thoughts, "{id}");
    assert_eq!(got.cache_read, count("cachedContentTokenCount"), "{id}");
    assert_eq!(sum(got.input, got.output), count("totalTokenCount"), "{id}");
}

/// Without what an answer for a client has of the gateway's.
fn plain(mut answer: ChatAnswer) -> ChatAnswer {
    answer.model = String::new();
    answer.created = None;
    answer
}

fn same(got: ChatAnswer, expected: &ChatAnswer, id: &str) {
    let (got, expected) = (plain(got), plain(expected.clone()));
    for (got, expected) in got.choices.iter().zip(&expected.choices) {
        for (got, expected) in got.parts.iter().zip(&expected.parts) {
            assert_eq!(got, expected, "{id}");
        }
    }
    assert_eq!(got, expected, "{id}");
}

/// As a client's stream tells it: the provider's word for the end is Google's own already.
fn again(answer: &ChatAnswer, id: &str) {
    let body = answer_json(answer);
    let back = super::support::answer(&body);
    same(back, answer, id);
    let events_told = unfold(answer.clone());
    let sse = stream_text(&events_told, true);
    let back = folded(&events(&sse, 1000));
    same(back, answer, id);
    let list = stream_text(&events_told, false);
    let list: Vec<Box<RawValue>> = serde_json::from_slice(&list).unwrap();
    let sse: String = list.iter().map(|c| format!("data: {c}\n\n")).collect();
    same(folded(&events(sse.as_bytes(), 1000)), answer, id);
}

#[test]
fn recorded_answers_say_what_a_second_reader_found() {
    let mut n = 0;
    for record in records("gemini.generate") {
        let Some(expect) = record.get("expect") else {
            continue;
        };
        let id = record["id"].as_str().unwrap();
        let answer = answer(&record["response"]["body"]);
        check(&answer, expect, id);
        again(&answer, id);
        n += 1;
    }
    eprintln!("{n} answers");
}

#[test]
fn recorded_streams_say_what_a_second_reader_found_at_any_split() {
    for record in records("gemini.stream") {
        let id = record["id"].as_str().unwrap();
        let sse = record["response"]["sse_text"].as_str().unwrap().as_bytes();
        let told = events(sse, usize::MAX);
        let answer = folded(&told);
        check(&answer, &record["expect"], id);
        let thinking: usize = answer.choices[0]
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Thinking { text, .. } => Some(text.chars().count()),
                _ => None,
            })
            .sum();
        let expected = record["expect"]["thinking_len"].as_u64().unwrap_or(0);
        assert_eq!(thinking as u64, expected, "{id}");
        let stride = 1 + sse.len() / 400;
        for at in (0..sse.len()).step_by(stride) {
            assert_eq!(
                ids_gone(split(sse, at)),
                ids_gone(told.clone()),
                "{id} at {at}"
            );
        }
        again(&answer, id);
        // As it came, chunk by chunk.
        let live = folded(&events(&stream_text(&told, true), 1000));
        same(live, &answer, id);
    }
}

fn split(sse: &[u8], at: usize) -> Vec<crate::protocol::event::Event> {
    use crate::protocol::{codec::ProviderCodec, sse::Decoder};
    let mut frames = Decoder::new(1 << 24);
    let mut decoder = ProviderCodec::stream(&super::super::GeminiGenerate);
    let mut out = Vec::new();
    for piece in [&sse[..at], &sse[at..]] {
        frames.push(bytes::Bytes::copy_from_slice(piece));
        while let Some(frame) = frames.next().unwrap() {
            if frame.has_data() {
                decoder.frame(frame.event(), frame.data(), &mut out);
            }
        }
    }
    decoder.finish(&mut out);
    out
}

/// Ids of calls are invented anew each time.
fn ids_gone(mut events: Vec<crate::protocol::event::Event>) -> Vec<crate::protocol::event::Event> {
    for event in &mut events {
        if let crate::protocol::event::Event::Open { part, .. } = event
            && let Content::ToolCall { id, .. } = &mut part.content
        {
            id.clear();
        }
    }
    events
}

#[test]
fn recorded_errors_are_understood() {
    for record in records("gemini.generate") {
        let status = u16::try_from(record["response"]["status"].as_u64().unwrap()).unwrap();
        if status < 400 {
            continue;
        }
        let body = &record["response"]["body"];
        let error = crate::protocol::codec::ProviderCodec::error(
            &super::super::GeminiGenerate,
            status,
            body.to_string().as_bytes(),
        );
        assert_eq!(error.status, status);
        assert_eq!(error.message, body["error"]["message"]);
        assert_eq!(error.kind.as_deref(), body["error"]["status"].as_str());
    }
}

/// Spells a recorded request as we do: these are all the differences that there may be.
fn normal(body: &Value) -> Value {
    let mut body = spelled(body, "");
    let root = body.as_object_mut().unwrap();
    // 1. A system instruction has no role.
    if let Some(system) = root.get_mut("systemInstruction") {
        system.as_object_mut().unwrap().remove("role");
    }
    // 2. An empty configuration is none.
    root.retain(|name, value| {
        name != "generationConfig" || value.as_object().is_some_and(|config| !config.is_empty())
    });
    // 3. Functions stand together, at the place of the first.
    if let Some(Value::Array(tools)) = root.get_mut("tools") {
        let mut all = Vec::new();
        for tool in tools.iter_mut() {
            if let Some(Value::Array(list)) = tool.get_mut("functionDeclarations") {
                all.append(list);
            }
        }
        let is_functions = |tool: &Value| tool.get("functionDeclarations").is_some();
        if let Some(first) = tools.iter().position(is_functions) {
            tools[first] = json!({"functionDeclarations": all});
            let mut n = 0;
            tools.retain(|tool| {
                n += 1;
                n - 1 == first || !is_functions(tool)
            });
        }
    }
    // 4. Calls that follow their schema are what every provider tries: elsewhere `VALIDATED` is `AUTO`, and it is here
    // unless Google's own tools stand beside functions.
    let own = root
        .get("toolConfig")
        .and_then(|c| c.get("includeServerSideToolInvocations"));
    if own.is_none()
        && let Some(calling) = root
            .get_mut("toolConfig")
            .map(|c| &mut c["functionCallingConfig"])
        && calling["mode"] == "VALIDATED"
    {
        calling["mode"] = "AUTO".into();
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(Value::Array(contents)) = root.get_mut("contents") {
        // 5. Contents of one role that follow each other are one.
        let mut merged: Vec<Value> = Vec::new();
        for mut content in std::mem::take(contents) {
            match merged.last_mut() {
                Some(last) if last["role"] == content["role"] => {
                    let mut parts = content["parts"].take();
                    let last = last["parts"].as_array_mut().unwrap();
                    last.append(parts.as_array_mut().unwrap());
                }
                _ => merged.push(content),
            }
        }
        *contents = merged;
        for part in contents
            .iter_mut()
            .flat_map(|c| c["parts"].as_array_mut().unwrap())
        {
            // 6. Signatures and data are in the standard alphabet.
            if let Some(signature) = part.get("thoughtSignature").and_then(text) {
                part["thoughtSignature"] = signature.replace('-', "+").replace('_', "/").into();
            }
            standard(part);
            let inner = part
                .get_mut("functionResponse")
                .and_then(|r| r.get_mut("parts"));
            inner
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .for_each(standard);
            // 7. Words that are an object of JSON stand as that object.
            if let Some(response) = part.get_mut("functionResponse")
                && let Some(output) = response["response"].get("output").and_then(text)
                && let Ok(object @ Value::Object(_)) = serde_json::from_str(&output)
            {
                response["response"] = object;
            }
        }
    }
    body
}

fn standard(part: &mut Value) {
    if let Some(Value::String(data)) = part.get_mut("inlineData").map(|d| &mut d["data"]) {
        *data = data.replace('-', "+").replace('_', "/");
    }
}

/// Names in camel case, but for those that people choose.
fn spelled(value: &Value, of: &str) -> Value {
    match value {
        Value::Object(members) => {
            let chosen = matches!(
                of,
                "args"
                    | "response"
                    | "parametersJsonSchema"
                    | "responseJsonSchema"
                    | "fileSearch"
                    | "toolCall"
                    | "toolResponse"
                    | "executableCode"
                    | "codeExecutionResult"
            );
            let members = members.iter().map(|(name, value)| {
                let name = if chosen {
                    name.clone()
                } else {
                    super::super::object::camel(name.as_str().into()).into_owned()
                };
                let value = if chosen {
                    value.clone()
                } else {
                    spelled(value, &name)
                };
                (name, value)
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().map(|value| spelled(value, of)).collect(),
        other => other.clone(),
    }
}

#[test]
fn recorded_requests_come_out_as_they_went_in() {
    let (mut n, mut schemas) = (0, 0);
    let both = records("gemini.generate")
        .into_iter()
        .chain(records("gemini.stream"));
    for record in both {
        let id = record["id"].as_str().unwrap();
        let body = &record["request"]["body"];
        let request = decoded(body);
        let (out, losses) = encoded(&request, record["model"].as_str().unwrap());
        assert!(losses.is_empty(), "{id}: {losses:?}");
        // 8. What is said again is the same, though Google's own schemas are JSON Schemas then.
        assert!(merged(decoded(&out)) == merged(request), "{id}");
        let (mut out, mut told) = (spelled(&out, ""), normal(body));
        if own_schemas(&told) {
            schemas += 1;
            for body in [&mut out, &mut told] {
                let root = body.as_object_mut().unwrap();
                root.remove("tools");
                root.remove("generationConfig");
            }
        }
        // 9. Whole numbers have no fraction.
        if told["generationConfig"]["topK"] == json!(40.0) {
            told["generationConfig"]["topK"] = json!(40);
        }
        let difference = difference(&out, &told, String::new());
        assert_eq!(difference, None, "{id}");
        n += 1;
    }
    eprintln!("{n} requests, {schemas} of them with schemas of Google's own");
}

/// The first place where two values differ.
fn difference(a: &Value, b: &Value, at: String) -> Option<String> {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let names = x.keys().chain(y.keys());
            names
                .filter_map(|name| difference(&a[name], &b[name], format!("{at}.{name}")))
                .next()
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            let pairs = x.iter().zip(y).enumerate();
            let mut all = pairs.filter_map(|(n, (x, y))| difference(x, y, format!("{at}[{n}]")));
            all.next()
        }
        _ if a == b => None,
        _ => {
            let short = |v: &Value| v.to_string().chars().take(200).collect::<String>();
            Some(format!("{at}: {} and not {}", short(a), short(b)))
        }
    }
}

/// Turns of one role that follow each other are one.
fn merged(mut request: ChatRequest) -> ChatRequest {
    let mut messages: Vec<Message> = Vec::new();
    for mut message in request.messages {
        match messages.last_mut().filter(|last| last.role == message.role) {
            Some(last) => last.parts.append(&mut message.parts),
            None => messages.push(message),
        }
    }
    request.messages = messages;
    request
}

fn own_schemas(body: &Value) -> bool {
    let config = &body["generationConfig"];
    let functions = body["tools"].as_array().into_iter().flatten();
    let mut functions = functions.flat_map(|tool| {
        tool["functionDeclarations"]
            .as_array()
            .into_iter()
            .flatten()
    });
    config.get("responseSchema").is_some()
        || functions.any(|function| function.get("parameters").is_some())
}

#[test]
fn the_sense_of_every_recorded_ending_is_known() {
    for record in records("gemini.generate") {
        for candidate in record["response"]["body"]["candidates"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let word = candidate["finishReason"].as_str().unwrap();
            let Ending { finish, .. } = super::super::finish::read(word, false);
            assert_ne!(finish, Finish::Other, "{word}");
        }
    }
}
