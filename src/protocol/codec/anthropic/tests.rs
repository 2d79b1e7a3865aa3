//! Feature by feature. What the tests share stands first.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::AnthropicMessages;
use crate::protocol::{
    Call, Operation,
    chat::{ChatAnswer, ChatRequest},
    codec::{Asked, ClientCodec, ProviderCodec},
    event::{Event, Fold},
    sse,
};

mod answers;
mod requests;
mod signatures;
mod streams;

pub(super) fn call() -> Call {
    Call {
        operation: Operation::Messages,
        model: None,
        version: "v1",
    }
}

pub(super) fn asked() -> Asked {
    Asked {
        operation: Operation::Messages,
        model: "my-model".into(),
        request_id: "req1".into(),
        now: 1_700_000_000,
        include_usage: false,
        sse: true,
        request: Arc::new(ChatRequest::default()),
    }
}

/// Reads a client's request.
pub(super) fn read(body: &Value) -> ChatRequest {
    let body = serde_json::to_vec(body).unwrap();
    ClientCodec::request(&AnthropicMessages, &call(), &body).unwrap()
}

/// Reads a stream that comes in chunks of a size.
pub(super) fn decode(stream: &[u8], chunk: usize) -> Vec<Event> {
    let mut frames = sse::Decoder::new(usize::MAX);
    let mut decoder = ProviderCodec::stream(&AnthropicMessages);
    let mut events = Vec::new();
    let chunks = match chunk {
        usize::MAX => vec![stream],
        // One cut: the rest is as good as any.
        cut => vec![
            &stream[..cut.min(stream.len())],
            &stream[cut.min(stream.len())..],
        ],
    };
    for chunk in chunks {
        frames.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = frames.next().unwrap() {
            if frame.has_data() {
                decoder.frame(frame.event(), frame.data(), &mut events);
            }
        }
    }
    decoder.finish(&mut events);
    events
}

pub(super) fn encode(events: &[Event], asked: &Asked) -> Vec<u8> {
    let mut encoder = ClientCodec::stream(&AnthropicMessages, asked);
    let mut out = BytesMut::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    out.to_vec()
}

pub(super) fn fold(events: &[Event]) -> ChatAnswer {
    let mut fold = Fold::default();
    events.iter().cloned().for_each(|event| fold.push(event));
    assert!(fold.ended, "{events:?}");
    fold.answer
}

/// Bodies and streams of our own that have most of what there is.
pub(super) fn samples() -> Vec<Vec<u8>> {
    vec![
        serde_json::to_vec(&requests::full()).unwrap(),
        serde_json::to_vec(&answers::full()).unwrap(),
        streams::full().into_bytes(),
    ]
}

/// Reads bytes in every way there is; none may panic.
pub(super) fn swallow(bytes: &[u8]) {
    if let Ok(request) = ClientCodec::request(&AnthropicMessages, &call(), bytes) {
        let mut losses = crate::protocol::loss::Losses::default();
        let target = crate::protocol::codec::Target {
            model: "m",
            known: None,
            asks_stream_usage: false,
            vendor: "",
        };
        let body = ProviderCodec::request(&AnthropicMessages, &request, &target, &mut losses);
        serde_json::from_slice::<Value>(&body).unwrap();
    }
    if let Ok(answer) = ProviderCodec::answer(&AnthropicMessages, bytes) {
        let body = ClientCodec::answer(&AnthropicMessages, &answer, &asked());
        serde_json::from_slice::<Value>(&body).unwrap();
    }
    let events = decode(bytes, usize::MAX);
    let mut checker = crate::protocol::event::Checker::default();
    for event in &events {
        checker.push(event).unwrap();
    }
    encode(&events, &asked());
    let _ = ProviderCodec::error(&AnthropicMessages, 500, bytes);
    let _ = super::for_platform(bytes.to_vec(), "v");
}

/// How many values there are in one.
pub(super) fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(object) => object.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the nth value.
pub(super) fn replace(value: &mut Value, n: &mut usize, with: &Value) {
    if *n == 0 {
        *value = with.clone();
    }
    *n = n.wrapping_sub(1);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|v| replace(v, n, with)),
        Value::Object(object) => object.values_mut().for_each(|v| replace(v, n, with)),
        _ => {}
    }
}

#[test]
fn a_body_for_vertex_names_the_version_and_no_model() {
    for (body, wanted) in [
        (
            r#"{ "model" : "claude", "max_tokens":1, "messages":[ ] }"#,
            r#"{"anthropic_version":"vertex-2023-10-16", "max_tokens":1, "messages":[ ] }"#,
        ),
        (
            r#"{"max_tokens":1,"model":"claude","stream":true}"#,
            r#"{"anthropic_version":"vertex-2023-10-16","max_tokens":1,"stream":true}"#,
        ),
        (
            r#"{"model":"m"}"#,
            r#"{"anthropic_version":"vertex-2023-10-16"}"#,
        ),
        (
            r#"{"anthropic_version":"x","model":"m"}"#,
            r#"{"anthropic_version":"x"}"#,
        ),
        ("[1]", "[1]"),
        ("{", "{"),
    ] {
        let written = super::for_platform(body.into(), "vertex-2023-10-16");
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, wanted);
    }
}

#[test]
fn an_error_is_read_whoever_wrote_it() {
    let read = |status, body: &Value| {
        let body = serde_json::to_vec(body).unwrap();
        ProviderCodec::error(&AnthropicMessages, status, &body)
    };
    let own = read(
        429,
        &json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}, "request_id": "r"}),
    );
    assert_eq!(
        (own.status, own.kind.as_deref(), own.message.as_str()),
        (429, Some("rate_limit_error"), "slow down")
    );
    let google = read(
        404,
        &json!([{"error": {"code": 404, "message": "no model", "status": "NOT_FOUND"}}]),
    );
    assert_eq!(
        (google.kind.as_deref(), google.message.as_str()),
        (Some("NOT_FOUND"), "no model")
    );
    assert_eq!(read(400, &json!({"message": "bad"})).message, "bad");
    let html = ProviderCodec::error(&AnthropicMessages, 502, b"<html>bad gateway</html>\n");
    assert_eq!(
        (html.status, html.message.as_str()),
        (502, "<html>bad gateway</html>")
    );
}
