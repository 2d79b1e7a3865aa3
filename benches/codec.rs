//! What it costs to read a request body, to change its model, to take an
//! answer's stream apart, and to convert all of them between dialects.
//! `cargo bench --bench codec`

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

/// Between dialects. The request has two tools and about 2 KB, the answer reasoning, a text, two calls and about 2 KB.
mod convert {
    use std::sync::Arc;

    use bytes::BytesMut;
    use sluicegate::protocol::Call;
    use sluicegate::protocol::chat::{ChatAnswer, ChatRequest};
    use sluicegate::protocol::codec::{Asked, Target, for_client, for_provider};
    use sluicegate::protocol::event::{Delta, Event, unfold};
    use sluicegate::protocol::loss::Losses;

    use super::*;

    const CHAT: Operation = Operation::Chat;
    const RESPONSES: Operation = Operation::Responses;
    const MESSAGES: Operation = Operation::Messages;
    const GENERATE: Operation = Operation::Generate;
    const CONVERSE: Operation = Operation::Converse;
    const COHERE: Operation = Operation::CohereChat;

    const CLIENTS: [Operation; 4] = [CHAT, RESPONSES, MESSAGES, GENERATE];
    const PROVIDERS: [Operation; 6] = [CHAT, RESPONSES, MESSAGES, GENERATE, CONVERSE, COHERE];
    /// The client's and the provider's side.
    const CROSSINGS: [(Operation, Operation); 3] =
        [(MESSAGES, CHAT), (CHAT, MESSAGES), (CHAT, GENERATE)];
    const EVENTS: usize = 100;

    #[divan::bench(args = CLIENTS)]
    fn request_decode(bencher: Bencher, operation: Operation) {
        let body = write_request(operation, &request());
        bencher
            .counter(BytesCount::new(body.len()))
            .bench(|| read_request(operation, black_box(&body)));
    }

    #[divan::bench(args = PROVIDERS)]
    fn request_encode(bencher: Bencher, operation: Operation) {
        let request = request();
        let size = write_request(operation, &request).len();
        bencher
            .counter(BytesCount::new(size))
            .bench(|| write_request(operation, black_box(&request)));
    }

    #[divan::bench(args = PROVIDERS)]
    fn answer_decode(bencher: Bencher, operation: Operation) {
        let body = answer_of(operation);
        bencher
            .counter(BytesCount::new(body.len()))
            .bench(|| read_answer(operation, black_box(&body)));
    }

    #[divan::bench(args = CLIENTS)]
    fn answer_encode(bencher: Bencher, operation: Operation) {
        let (answer, asked) = (answer(), asked(operation));
        let size = write_answer(&answer, &asked).len();
        bencher
            .counter(BytesCount::new(size))
            .bench(|| write_answer(black_box(&answer), &asked));
    }

    /// Divide by 100 for one event; `items` counts events per second.
    #[divan::bench(args = PROVIDERS)]
    fn stream_decode(bencher: Bencher, operation: Operation) {
        let (before, event, data) = stream_of(operation);
        let started = || {
            let mut decoder = for_provider(operation).expect("a provider's").stream();
            let mut events = Vec::with_capacity(8);
            for (event, data) in before {
                decoder.frame(event.as_bytes(), data.as_bytes(), &mut events);
            }
            (decoder, events)
        };
        bencher
            .counter(ItemsCount::new(EVENTS))
            .with_inputs(started)
            .bench_local_values(|(mut decoder, mut events)| {
                for _ in 0..EVENTS {
                    events.clear();
                    decoder.frame(event.as_bytes(), black_box(data).as_bytes(), &mut events);
                    assert!(!black_box(&events).is_empty());
                }
            });
    }

    /// Divide by 100 for one event.
    #[divan::bench(args = CLIENTS)]
    fn stream_encode(bencher: Bencher, operation: Operation) {
        let asked = asked(operation);
        let opening = unfold(ChatAnswer {
            choices: Vec::new(),
            ..answer()
        });
        let delta = Event::Delta {
            choice: 0,
            delta: Delta::Text(" hello".to_owned()),
        };
        let open = Event::Open {
            choice: 0,
            part: sluicegate::protocol::chat::Part::text(""),
        };
        let started = || {
            let codec = for_client(operation).expect("a client's");
            let (mut encoder, mut out) = (codec.stream(&asked), BytesMut::with_capacity(4096));
            encoder.event(&opening[0], &mut out);
            encoder.event(&open, &mut out);
            (encoder, out)
        };
        bencher
            .counter(ItemsCount::new(EVENTS))
            .with_inputs(started)
            .bench_local_values(|(mut encoder, mut out)| {
                for _ in 0..EVENTS {
                    out.clear();
                    encoder.event(black_box(&delta), &mut out);
                    assert!(!black_box(&out).is_empty());
                }
            });
    }

    #[divan::bench(args = CROSSINGS)]
    fn request_crossing(bencher: Bencher, (client, provider): (Operation, Operation)) {
        let body = write_request(client, &request());
        bencher
            .counter(BytesCount::new(body.len()))
            .bench(|| write_request(provider, &read_request(client, black_box(&body))));
    }

    #[divan::bench(args = CROSSINGS)]
    fn answer_crossing(bencher: Bencher, (client, provider): (Operation, Operation)) {
        let (body, asked) = (answer_of(provider), asked(client));
        bencher
            .counter(BytesCount::new(body.len()))
            .bench(|| write_answer(&read_answer(provider, black_box(&body)), &asked));
    }

    fn request() -> ChatRequest {
        read_request(CHAT, &chat_request(2_000))
    }

    fn read_request(operation: Operation, body: &[u8]) -> ChatRequest {
        let call = Call {
            operation,
            model: (operation == GENERATE).then(|| "gemini-3.5-flash".to_owned()),
            version: "v1beta",
        };
        let codec = for_client(operation).expect("a client's");
        codec.request(&call, body).expect("a request")
    }

    fn write_request(operation: Operation, request: &ChatRequest) -> Vec<u8> {
        let target = Target {
            model: "a-model",
            vendor: "",
            known: None,
            asks_stream_usage: true,
        };
        let codec = for_provider(operation).expect("a provider's");
        codec.request(request, &target, &mut Losses::default())
    }

    /// What a provider answers, of about 2 KB.
    fn answer_of(operation: Operation) -> Vec<u8> {
        let text = "The figures rose in March, and fell in April.\n".repeat(30);
        let usage =
            serde_json::json!({"inputTokens": 900, "outputTokens": 300, "totalTokens": 1200});
        let body = match operation {
            CONVERSE => serde_json::json!({
                "metrics": {"latencyMs": 412},
                "output": {"message": {"role": "assistant", "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Two calls.", "signature": "RXhhbXBsZQ=="}}},
                    {"text": text},
                    {"toolUse": {"toolUseId": "tooluse_1", "name": "get_weather", "input": {"city": "Oslo"}}},
                    {"toolUse": {"toolUseId": "tooluse_2", "name": "get_weather", "input": {"city": "Rome"}}},
                ]}},
                "stopReason": "tool_use",
                "usage": usage,
            }),
            COHERE => serde_json::json!({
                "id": "2f1c0a8e-0000-4000-8000-000000000001",
                "message": {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "Two calls."},
                    {"type": "text", "text": text},
                ], "tool_calls": [
                    {"id": "a1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}},
                    {"id": "a2", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}},
                ]},
                "finish_reason": "TOOL_CALL",
                "usage": {"tokens": {"input_tokens": 900, "output_tokens": 300}},
            }),
            // The client's side of these writes what their providers do.
            _ => return write_answer(&answer(), &asked(operation)),
        };
        serde_json::to_vec(&body).expect("plain values")
    }

    fn answer() -> ChatAnswer {
        read_answer(CONVERSE, &answer_of(CONVERSE))
    }

    fn read_answer(operation: Operation, body: &[u8]) -> ChatAnswer {
        let codec = for_provider(operation).expect("a provider's");
        codec.answer(body).expect("an answer")
    }

    fn write_answer(answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
        let codec = for_client(asked.operation).expect("a client's");
        codec.answer(answer, asked)
    }

    fn asked(operation: Operation) -> Asked {
        Asked {
            operation,
            model: "a-model".to_owned(),
            request_id: "req-1".to_owned(),
            now: 1_800_000_000,
            include_usage: true,
            sse: true,
            request: Arc::default(),
        }
    }

    /// The events before the first text, and one with text: event name and data.
    fn stream_of(
        operation: Operation,
    ) -> (
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
    ) {
        match operation {
            CHAT => (
                &[],
                "",
                r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763800000,"model":"gpt-5.4","service_tier":"default","system_fingerprint":null,"choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            ),
            RESPONSES => (
                &[
                    (
                        "response.created",
                        r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1763800000,"status":"in_progress","model":"gpt-5.4","output":[]}}"#,
                    ),
                    (
                        "response.output_item.added",
                        r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
                    ),
                    (
                        "response.content_part.added",
                        r#"{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
                    ),
                ],
                "response.output_text.delta",
                r#"{"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" hello","logprobs":[],"obfuscation":"aX3k"}"#,
            ),
            MESSAGES => (
                &[
                    (
                        "message_start",
                        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}}"#,
                    ),
                    (
                        "content_block_start",
                        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                    ),
                ],
                "content_block_delta",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" hello"}}"#,
            ),
            GENERATE => (
                &[],
                "",
                r#"{"candidates":[{"content":{"parts":[{"text":" hello"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":12,"totalTokenCount":12},"modelVersion":"gemini-3.5-flash","responseId":"resp-1"}"#,
            ),
            CONVERSE => (
                &[("messageStart", r#"{"role":"assistant"}"#)],
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"text":" hello"},"p":"abcd"}"#,
            ),
            _ => (
                &[
                    (
                        "message-start",
                        r#"{"type":"message-start","id":"c1","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
                    ),
                    (
                        "content-start",
                        r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
                    ),
                ],
                "content-delta",
                r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" hello"}}}}"#,
            ),
        }
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
