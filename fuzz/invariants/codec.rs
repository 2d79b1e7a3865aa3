//! What must hold for any bytes given to the codecs. Run by the unit tests of `protocol::codec` and by the fuzz target of
//! the same name.

use std::sync::Arc;

use bytes::BytesMut;

use crate::protocol::{
    Call, Operation,
    chat::ChatRequest,
    codec::{Asked, Target, for_client, for_provider},
    event::{Checker, unfold},
    loss::Losses,
};

const CLIENTS: [Operation; 5] = [
    Operation::Chat,
    Operation::Responses,
    Operation::Completions,
    Operation::Messages,
    Operation::StreamGenerate,
];

const PROVIDERS: [Operation; 6] = [
    Operation::Chat,
    Operation::Responses,
    Operation::Messages,
    Operation::StreamGenerate,
    Operation::ConverseStream,
    Operation::CohereChat,
];

/// The bytes as a request of every client, as an answer of every provider, and line by line as a stream of every one.
pub fn check(bytes: &[u8]) {
    for client in CLIENTS {
        requests(client, bytes);
    }
    for provider in PROVIDERS {
        answers(provider, bytes);
        streams(provider, bytes);
    }
}

fn requests(client: Operation, bytes: &[u8]) {
    let call = Call {
        operation: client,
        model: None,
        version: "v1beta",
    };
    let codec = for_client(client).expect("a client's");
    let Ok(request) = codec.request(&call, bytes) else {
        return;
    };
    for provider in PROVIDERS {
        let target = Target {
            model: "model",
            known: None,
            asks_stream_usage: true,
            vendor: "",
        };
        let write = || {
            let mut losses = Losses::default();
            let codec = for_provider(provider).expect("a provider's");
            codec.request(&request, &target, &mut losses)
        };
        let body = write();
        serde_json::from_slice::<serde_json::Value>(&body).expect("a body is JSON");
        assert_eq!(body, write(), "the same request is the same body");
    }
}

fn asked(operation: Operation) -> Asked {
    Asked {
        operation,
        model: "model".to_owned(),
        request_id: "req_1".to_owned(),
        now: 1,
        include_usage: true,
        sse: true,
        request: Arc::new(ChatRequest::default()),
    }
}

fn answers(provider: Operation, bytes: &[u8]) {
    let codec = for_provider(provider).expect("a provider's");
    codec.error(500, bytes);
    let Ok(answer) = codec.answer(bytes) else {
        return;
    };
    let events = unfold(answer.clone());
    for client in CLIENTS {
        let codec = for_client(client).expect("a client's");
        let asked = asked(client);
        let body = codec.answer(&answer, &asked);
        serde_json::from_slice::<serde_json::Value>(&body).expect("an answer is JSON");
        let (mut encode, mut out) = (codec.stream(&asked), BytesMut::new());
        for event in &events {
            encode.event(event, &mut out);
        }
        frames(&out);
    }
}

fn streams(provider: Operation, bytes: &[u8]) {
    let mut decode = for_provider(provider).expect("a provider's").stream();
    let mut events = Vec::new();
    for line in bytes.split(|b| *b == b'\n') {
        // Bedrock and Cohere name their events: in front of the data, for this test.
        let space = line.iter().position(|b| *b == b' ').unwrap_or(0);
        let (event, data) = line.split_at(space);
        decode.frame(event, data, &mut events);
        decode.frame(b"", line, &mut events);
    }
    decode.finish(&mut events);
    let mut checker = Checker::default();
    for event in &events {
        if let Err(wrong) = checker.push(event) {
            panic!("{provider:?}: {wrong}");
        }
    }
    for client in CLIENTS {
        let codec = for_client(client).expect("a client's");
        let (mut encode, mut out) = (codec.stream(&asked(client)), BytesMut::new());
        for event in &events {
            encode.event(event, &mut out);
        }
        frames(&out);
    }
}

/// Every line of what a client gets is a field of an event, and all data is JSON.
fn frames(out: &[u8]) {
    let text = std::str::from_utf8(out).expect("text");
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        match line.strip_prefix("data: ") {
            Some("[DONE]") => {}
            Some(data) => {
                serde_json::from_str::<serde_json::Value>(data).expect("data is JSON");
            }
            // A sign of life is a comment.
            None => assert!(
                line.starts_with("event: ") || line.starts_with(':'),
                "{line}"
            ),
        }
    }
}
