//! Every client and every provider with one another, over recorded traffic and over a set of answers written by hand.

use std::{path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::{Asked, Target, for_client, for_provider};
use crate::protocol::{
    Call, Operation,
    chat::{ChatAnswer, ChatRequest},
    event::{Checker, Event, Fold},
    event_stream, sse,
};

mod answers;
#[path = "../../../tests/grammar.rs"]
mod grammar;
mod loops;
mod requests;

/// What a provider answered.
struct Recorded {
    id: String,
    wire: &'static str,
    operation: Operation,
    request: Value,
    path: String,
    answer: ChatAnswer,
    /// The events, if it was a stream.
    events: Option<Vec<Event>>,
}

/// The wire formats of the recordings.
const WIRES: [(&str, Operation); 8] = [
    ("openai.chat", Operation::Chat),
    ("openai.responses", Operation::Responses),
    ("anthropic.messages", Operation::Messages),
    ("gemini.generate", Operation::Generate),
    ("gemini.stream", Operation::StreamGenerate),
    ("bedrock.converse", Operation::Converse),
    ("bedrock.converse-stream", Operation::ConverseStream),
    ("cohere.chat.v2", Operation::CohereChat),
];

/// All recordings of good answers; none if they are not here.
fn recordings() -> Vec<Recorded> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/cassettes");
    let mut all = Vec::new();
    for (wire, operation) in WIRES {
        let path = folder.join(format!("{wire}.jsonl"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: no recordings at {}", path.display());
            continue;
        };
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        all.extend(lines.filter_map(|line: Value| recorded(wire, operation, &line)));
    }
    all
}

fn recorded(wire: &'static str, operation: Operation, line: &Value) -> Option<Recorded> {
    let response = &line["response"];
    if response["status"] != 200 {
        return None;
    }
    let id = line["id"].as_str().unwrap().to_owned();
    let codec = for_provider(operation).unwrap();
    let (answer, events) = if let Some(text) = response["sse_text"].as_str() {
        let events = read_stream(operation, text.as_bytes(), &[]);
        (folded(&events), Some(events))
    } else if let Some(base64) = response["body_base64"].as_str() {
        let mut frames = event_stream::Decoder::new(1 << 24);
        frames.push(Bytes::from(STANDARD.decode(base64).unwrap()));
        let (mut stream, mut events) = (codec.stream(), Vec::new());
        while let Some(frame) = frames.next().unwrap() {
            stream.frame(frame.event(), frame.data(), &mut events);
        }
        stream.finish(&mut events);
        (folded(&events), Some(events))
    } else {
        let body = serde_json::to_vec(response.get("body")?).unwrap();
        (codec.answer(&body).unwrap(), None)
    };
    Some(Recorded {
        id,
        wire,
        operation,
        request: line["request"]["body"].clone(),
        path: line["request"]["path"].as_str().unwrap().to_owned(),
        answer,
        events,
    })
}

/// Reads a stream of server-sent events that comes cut at some places.
fn read_stream(operation: Operation, stream: &[u8], cuts: &[usize]) -> Vec<Event> {
    let mut frames = sse::Decoder::new(1 << 24);
    let mut decoder = for_provider(operation).unwrap().stream();
    let mut events = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([stream.len()]) {
        frames.push(Bytes::copy_from_slice(&stream[from..to]));
        from = to;
        while let Some(frame) = frames.next().unwrap() {
            let (event, data) = (frame.event().to_vec(), frame.data().to_vec());
            decoder.frame(&event, &data, &mut events);
        }
    }
    decoder.finish(&mut events);
    events
}

fn folded(events: &[Event]) -> ChatAnswer {
    Checker::check(events).unwrap();
    let mut fold = Fold::default();
    events.iter().cloned().for_each(|event| fold.push(event));
    fold.answer
}

fn asked(operation: Operation, sse: bool) -> Asked {
    Asked {
        operation,
        model: "the-model".to_owned(),
        request_id: "req1".to_owned(),
        now: 1_700_000_000,
        include_usage: true,
        sse,
        request: Arc::new(ChatRequest::default()),
    }
}

fn write_stream(operation: Operation, sse: bool, events: &[Event]) -> Vec<u8> {
    let mut stream = for_client(operation)
        .unwrap()
        .stream(&asked(operation, sse));
    let mut out = BytesMut::new();
    for event in events {
        stream.event(event, &mut out);
    }
    out.to_vec()
}

fn write_answer(operation: Operation, answer: &ChatAnswer) -> Value {
    let codec = for_client(operation).unwrap();
    serde_json::from_slice(&codec.answer(answer, &asked(operation, true))).unwrap()
}

fn call(operation: Operation, path: &str) -> Call {
    let model = path
        .rsplit_once("models/")
        .and_then(|(_, rest)| rest.split(':').next());
    Call {
        operation,
        model: model.map(str::to_owned),
        version: "v1beta",
    }
}

fn read_request(operation: Operation, path: &str, body: &Value) -> ChatRequest {
    let body = serde_json::to_vec(body).unwrap();
    let codec = for_client(operation).unwrap();
    codec
        .request(&call(operation, path), &body)
        .unwrap_or_else(|e| panic!("{e:?} in {}", String::from_utf8_lossy(&body)))
}

const fn target<'a>(model: &'a str, vendor: &'static str) -> Target<'a> {
    Target {
        model,
        vendor,
        known: None,
        asks_stream_usage: true,
    }
}
