//! What it costs to read a request body, to change its model, and to take an
//! answer's stream apart. `cargo bench --bench codec`

use std::hint::black_box;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use sluicegate::protocol::answer::{Part, Reading};
use sluicegate::protocol::edit::Edits;
use sluicegate::protocol::json::{Document, Limits};
use sluicegate::protocol::sse::Decoder;
use sluicegate::protocol::{Dialect, Operation};

fn main() {
    divan::main();
}

/// Sizes of a chat request: a usual one, and one with a document in it.
const REQUESTS: [usize; 2] = [2_800, 100_000];

mod json {
    use super::*;

    #[divan::bench(args = REQUESTS)]
    fn document(bencher: Bencher, size: usize) {
        let body = chat_request(size);
        bencher.counter(BytesCount::new(body.len())).bench(|| {
            let document = Document::parse(black_box(&body), Limits::default());
            black_box(document.expect("a request").root().kind())
        });
    }

    #[divan::bench(args = REQUESTS)]
    fn serde_json_value(bencher: Bencher, size: usize) {
        let body = chat_request(size);
        bencher
            .counter(BytesCount::new(body.len()))
            .bench(|| serde_json::from_slice::<serde_json::Value>(black_box(&body)));
    }

    #[divan::bench(args = REQUESTS)]
    fn utf8_check_alone(bencher: Bencher, size: usize) {
        let body = chat_request(size);
        bencher
            .counter(BytesCount::new(body.len()))
            .bench(|| std::str::from_utf8(black_box(&body)).is_ok());
    }
}

/// Another model name in the body: looked up and put in.
#[divan::bench(args = REQUESTS)]
fn rename_model(bencher: Bencher, size: usize) {
    let body = chat_request(size);
    let document = Document::parse(&body, Limits::default()).expect("a request");
    bencher.bench(|| {
        let model = black_box(&document).root().unique("model");
        let model = model.expect("stands once").expect("stands there");
        let mut edits = Edits::new();
        edits.replace(model.range(), Bytes::from_static(b"\"gpt-5-mini\""));
        edits.apply(&body)
    });
}

mod sse {
    use super::*;

    const EVENTS: usize = 200;

    /// Divide by 200 for one event; `items` counts events per second.
    #[divan::bench]
    fn chunk_per_event(bencher: Bencher) {
        let event = chat_event();
        decode(bencher, vec![event; EVENTS]);
    }

    #[divan::bench]
    fn chunks_of_64_kib(bencher: Bencher) {
        decode(bencher, chunks(64 * 1024));
    }

    /// No chunk ends where an event does, so each event is put together.
    #[divan::bench]
    fn chunks_of_100_bytes(bencher: Bencher) {
        decode(bencher, chunks(100));
    }

    /// What the relay does with each event of a stream: take it apart, read it for content and usage, pass it on.
    #[divan::bench]
    fn relay(bencher: Bencher) {
        let chunks = vec![chat_event(); EVENTS];
        let speaker = Dialect::OpenAi.speaker();
        bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
            let mut decoder = Decoder::new(1 << 20);
            let mut reading = Reading::default();
            for chunk in &chunks {
                decoder.push(chunk.clone());
                while let Some(frame) = decoder.next().expect("small frames") {
                    let (event, data) = (frame.event(), frame.data());
                    let part = speaker.frame(Operation::Chat, event, data, &mut reading);
                    assert_eq!(black_box(part), Part::Content);
                    black_box(frame.raw.clone());
                }
            }
        });
    }

    fn chunks(size: usize) -> Vec<Bytes> {
        let stream = Bytes::from(chat_event().repeat(EVENTS));
        let starts = (0..stream.len()).step_by(size);
        starts
            .map(|at| stream.slice(at..stream.len().min(at + size)))
            .collect()
    }

    fn decode(bencher: Bencher, chunks: Vec<Bytes>) {
        bencher
            .counter(ItemsCount::new(EVENTS))
            .counter(BytesCount::new(
                chunks.iter().map(Bytes::len).sum::<usize>(),
            ))
            .bench(|| {
                let mut decoder = Decoder::new(1 << 20);
                let mut events = 0;
                for chunk in &chunks {
                    decoder.push(chunk.clone());
                    while let Some(frame) = decoder.next().expect("small frames") {
                        events += usize::from(!black_box(frame.data()).is_empty());
                    }
                }
                assert_eq!(events, EVENTS);
            });
    }
}

/// A conversation with tools, of about this many bytes.
fn chat_request(size: usize) -> Bytes {
    let text = "Please look at the attached report, and \"summarise\" it:\n\
        which figures changed since March – and why?\n";
    let tool = serde_json::json!({"type": "function", "function": {
        "name": "get_weather",
        "description": "Current weather in a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "City name"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city"],
        },
    }});
    let request = |repeat: usize| {
        let messages: Vec<_> = ["system", "user", "assistant", "user"]
            .iter()
            .map(|role| serde_json::json!({"role": role, "content": text.repeat(repeat)}))
            .collect();
        let body = serde_json::json!({
            "messages": messages,
            "tools": [tool, tool],
            "temperature": 0.7,
            "max_tokens": 1024,
            "stream": true,
            "stream_options": {"include_usage": true},
            "model": "gpt-5.1",
        });
        serde_json::to_vec(&body).expect("plain values")
    };
    let (one, two) = (request(1).len(), request(2).len());
    Bytes::from(request(1 + size.saturating_sub(one).div_ceil(two - one)))
}

fn chat_event() -> Bytes {
    Bytes::from_static(
        b"data: {\"id\":\"chatcmpl-CZ9nB0AsQ8fN7Ai3hYJ2\",\"object\":\"chat.completion.chunk\",\
        \"created\":1763800000,\"model\":\"gpt-5.1-2025-11-13\",\"service_tier\":\"default\",\
        \"system_fingerprint\":null,\"choices\":[{\"index\":0,\"delta\":{\"content\":\" hello\"},\
        \"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"aX3k\"}\n\n",
    )
}
