//! What the tests share.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::super::GeminiGenerate;
use crate::protocol::{
    Call, Operation,
    chat::{ChatAnswer, ChatRequest},
    codec::{Asked, ClientCodec, ProviderCodec, Target},
    event::{Checker, Event, Fold},
    loss::Losses,
    sse,
};

pub fn call(stream: bool) -> Call {
    Call {
        operation: if stream {
            Operation::StreamGenerate
        } else {
            Operation::Generate
        },
        model: Some("gemini-3-flash".into()),
        version: "v1beta",
    }
}

pub fn decoded(body: &Value) -> ChatRequest {
    let body = body.to_string();
    ClientCodec::request(&GeminiGenerate, &call(false), body.as_bytes())
        .unwrap_or_else(|failure| panic!("{failure:?}: {body}"))
}

pub fn encoded(request: &ChatRequest, model: &str) -> (Value, Losses) {
    let target = Target {
        model,
        known: None,
        asks_stream_usage: false,
        vendor: "",
    };
    let mut losses = Losses::default();
    let body = ProviderCodec::request(&GeminiGenerate, request, &target, &mut losses);
    (serde_json::from_slice(&body).unwrap(), losses)
}

/// Encodes what must be possible in full.
pub fn whole(request: &ChatRequest, model: &str) -> Value {
    let (body, losses) = encoded(request, model);
    assert!(losses.is_empty(), "{losses:?}");
    body
}

pub fn asked(sse: bool) -> Asked {
    Asked {
        operation: Operation::StreamGenerate,
        model: "my-model".into(),
        request_id: "req_1".into(),
        now: 1,
        include_usage: false,
        sse,
        request: Arc::new(ChatRequest::default()),
    }
}

pub fn answer(body: &Value) -> ChatAnswer {
    ProviderCodec::answer(&GeminiGenerate, body.to_string().as_bytes()).unwrap()
}

pub fn answer_json(answer: &ChatAnswer) -> Value {
    let body = ClientCodec::answer(&GeminiGenerate, answer, &asked(true));
    serde_json::from_slice(&body).unwrap()
}

/// Decodes a stream of server-sent events that comes in pieces of a size, and checks its grammar.
pub fn events(text: &[u8], piece: usize) -> Vec<Event> {
    let mut frames = sse::Decoder::new(1 << 24);
    let mut decoder = ProviderCodec::stream(&GeminiGenerate);
    let mut out = Vec::new();
    for piece in text.chunks(piece.max(1)) {
        frames.push(Bytes::copy_from_slice(piece));
        while let Some(frame) = frames.next().unwrap() {
            if frame.has_data() {
                decoder.frame(frame.event(), frame.data(), &mut out);
            }
        }
    }
    decoder.finish(&mut out);
    out
}

pub fn chunks(chunks: &[Value]) -> Vec<Event> {
    let text: String = chunks.iter().map(|c| format!("data: {c}\n\n")).collect();
    events(text.as_bytes(), usize::MAX)
}

pub fn folded(events: &[Event]) -> ChatAnswer {
    Checker::check(events).unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut fold = Fold::default();
    events.iter().cloned().for_each(|event| fold.push(event));
    fold.answer
}

pub fn stream_text(events: &[Event], sse: bool) -> Vec<u8> {
    let mut encoder = ClientCodec::stream(&GeminiGenerate, &asked(sse));
    let mut out = BytesMut::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    out.to_vec()
}

/// The chunks of a stream of server-sent events.
pub fn told(text: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"));
    text.split_terminator("\n\n")
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}
