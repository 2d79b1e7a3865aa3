//! Tests of the codec; those with recordings and hostile input in files of their own.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{Asked, ClientCodec, Losses, OpenAiResponses, ProviderCodec, Target};
use crate::{
    error::Failure,
    protocol::{
        Call, Operation,
        chat::{
            ChatAnswer, ChatRequest, Choice, Citation, Content, Effort, Ending, Finish, Json,
            Media, MediaKind, Message, Origin, OutputFormat, Part, Reasoning, Role, Source,
            TokenLogprob, TokenUsage, Tool, ToolChoice,
        },
        event::{Checker, Delta, Event, Fold, Start, unfold},
        signature::{Place, Signature},
        sse,
    },
};

mod answers;
mod grammar;
mod hostile;
mod recordings;
mod requests;
mod streams;

const CODEC: OpenAiResponses = OpenAiResponses;

fn call() -> Call {
    Call {
        operation: Operation::Responses,
        model: None,
        version: "v1",
    }
}

fn target(model: &str) -> Target<'_> {
    Target {
        model,
        known: None,
        asks_stream_usage: false,
        vendor: "",
    }
}

fn asked(request: ChatRequest) -> Asked {
    Asked {
        operation: Operation::Responses,
        model: "m".to_owned(),
        request_id: "req-01J0".to_owned(),
        now: 1_700_000_000,
        include_usage: false,
        sse: false,
        request: Arc::new(request),
    }
}

fn try_read(body: &Value) -> Result<ChatRequest, Failure> {
    ClientCodec::request(&CODEC, &call(), body.to_string().as_bytes())
}

fn read(body: &Value) -> ChatRequest {
    try_read(body).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn write_to(model: &str, request: &ChatRequest) -> (Value, Losses) {
    let mut losses = Losses::default();
    let body = ProviderCodec::request(&CODEC, request, &target(model), &mut losses);
    (serde_json::from_slice(&body).unwrap(), losses)
}

fn write(request: &ChatRequest) -> (Value, Losses) {
    write_to("gpt-5", request)
}

fn read_answer(body: &Value) -> ChatAnswer {
    ProviderCodec::answer(&CODEC, body.to_string().as_bytes()).unwrap()
}

fn write_answer(answer: &ChatAnswer, request: ChatRequest) -> Value {
    let body = ClientCodec::answer(&CODEC, answer, &asked(request));
    serde_json::from_slice(&body).unwrap()
}

fn answer_of(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        id: "resp_1".to_owned(),
        choices: vec![Choice {
            parts,
            ending: Ending::new(finish, ""),
            ..Choice::default()
        }],
        ..ChatAnswer::default()
    }
}

/// Feeds a stream in chunks of a size.
fn decode_in(text: &[u8], size: usize) -> Vec<Event> {
    let mut decoder = sse::Decoder::new(1 << 24);
    let (mut stream, mut events) = (ProviderCodec::stream(&CODEC), Vec::new());
    for chunk in text.chunks(size.max(1)) {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Ok(Some(frame)) = decoder.next() {
            if frame.has_data() {
                stream.frame(frame.event(), frame.data(), &mut events);
            }
        }
    }
    stream.finish(&mut events);
    events
}

fn decode(text: &[u8]) -> Vec<Event> {
    decode_in(text, text.len())
}

/// Feeds events as a provider would send them.
fn decode_events(events: &[Value]) -> Vec<Event> {
    let text: String = events
        .iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().unwrap()
            )
        })
        .collect();
    decode(text.as_bytes())
}

fn fold(events: &[Event]) -> ChatAnswer {
    Checker::check(events).unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut fold = Fold::default();
    events.iter().cloned().for_each(|event| fold.push(event));
    assert!(fold.ended);
    fold.answer
}

/// Writes events for a client, and checks that the stream keeps the grammar of its dialect.
fn encode(events: &[Event], request: ChatRequest) -> Vec<u8> {
    let (mut stream, mut out) = (
        ClientCodec::stream(&CODEC, &asked(request)),
        BytesMut::new(),
    );
    for event in events {
        stream.event(event, &mut out);
    }
    grammar::check(&out);
    out.to_vec()
}

fn frames(text: &[u8]) -> Vec<Value> {
    let mut decoder = sse::Decoder::new(1 << 24);
    decoder.push(Bytes::copy_from_slice(text));
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = decoder.next() {
        if frame.has_data() {
            let data: Value = serde_json::from_slice(frame.data()).unwrap();
            assert_eq!(frame.event(), data["type"].as_str().unwrap().as_bytes());
            frames.push(data);
        }
    }
    frames
}
