//! Answers on their way: event by event, byte for byte, and truthful to the end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    harness::{Answer, Gateway, Http, Response, fallback},
    upstream::{End, Framing, Gate, Kind, Piece, Reply, Upstream, Wire, coding::Coding},
};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const GENERATE: &str = "/v1beta/models/fallback:streamGenerateContent?alt=sse";
const ARRAY: &str = "/v1beta/models/fallback:streamGenerateContent";

/// Every way to ask for a stream, and how many frames come before the first content.
const STREAMS: [(Kind, &str, usize); 6] = [
    (Kind::Openai, CHAT, 1),
    (Kind::Openai, COMPLETIONS, 0),
    (Kind::Openai, RESPONSES, 3),
    (Kind::Anthropic, MESSAGES, 3),
    (Kind::Gemini, GENERATE, 1),
    (Kind::Gemini, ARRAY, 1),
];

/// A request for a stream that fits all dialects, and asks for usage.
const STREAM: &str =
    r#"{"model":"fallback","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;

/// The same without a word about usage.
const PLAIN_STREAM: &str = r#"{"model":"fallback","stream":true,"messages":[]}"#;

/// One upstream with one reply, and a gateway before it.
async fn behind(kind: Kind, wire: Wire, reply: Reply) -> (Upstream, Gateway) {
    let upstream = Upstream::of(kind).over(wire).then(reply).start().await;
    let gateway = Gateway::start(fallback(&[&upstream])).await;
    (upstream, gateway)
}

/// Reads a stream until this text has come.
async fn read_until(response: &mut Response, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let chunk = response.chunk().await.expect("the stream goes on");
        read.extend_from_slice(&chunk.expect("the stream is whole"));
    }
    String::from_utf8(read).expect("texts")
}

// Flow.

#[tokio::test]
async fn each_event_arrives_before_the_next_one_is_sent() {
    for (kind, path, lifecycle) in STREAMS {
        for (wire, http) in [
            (Wire::H1, Http::H1),
            (Wire::H2c, Http::H2c),
            (Wire::Tls1, Http::H2c),
            (Wire::Tls2, Http::H1),
        ] {
            let gate = Gate::new();
            let tokens = ["one-", "two-", "three-"];
            let reply = Reply::tokens(tokens).stepped(lifecycle, &gate);
            let (_upstream, gateway) = behind(kind, wire, reply).await;

            // The head waits for the first content, and so does the client.
            let ask = gateway.ask(path, STREAM).over(http);
            gate.open();
            let mut response = ask.send().await;
            for (n, token) in tokens.into_iter().enumerate() {
                let read = read_until(&mut response, token).await;
                let next = tokens.get(n + 1).is_some_and(|next| read.contains(next));
                assert!(!next, "{path}: nothing is sent before its time");
                gate.open();
            }
            gate.open_for_good();
            let end = response.whole().await;
            assert!(
                end.says_done() && end.broken.is_none(),
                "{path} {wire:?} {http:?}"
            );
        }
    }
}

#[tokio::test]
async fn open_streams_are_counted_while_they_are_open() {
    let gate = Gate::new();
    let (_upstream, gateway) = behind(
        Kind::Openai,
        Wire::H1,
        Reply::text("one two").stepped(2, &gate),
    )
    .await;

    let response = gateway.ask(CHAT, STREAM).send().await;
    assert_eq!(gateway.metric("sluicegate_open_streams").await, 1.0);
    gate.open_for_good();
    response.whole().await;

    gateway.metric_becomes("sluicegate_open_streams", 0.0).await;
    gateway
        .metric_becomes("sluicegate_open_requests", 0.0)
        .await;
}

#[tokio::test]
async fn large_events_pass() {
    let token = "x".repeat(1_000_000);
    for wire in [Wire::H1, Wire::H2c] {
        for http in Http::PLAIN {
            let reply = Reply::tokens([&*token, "é", &token]);
            let (_upstream, gateway) = behind(Kind::Openai, wire, reply).await;
            let answer = gateway.ask(CHAT, STREAM).over(http).whole().await;
            assert!(
                answer.text() == format!("{token}é{token}"),
                "{wire:?} {http:?}"
            );
            assert!(answer.says_done());
        }
    }
}

// Clients that leave.

/// Within which time an upstream must notice that the client has left.
const NOTICE: Duration = Duration::from_secs(1);

async fn leaving_is_noticed(
    upstream: &Upstream,
    gateway: &Gateway,
    id: &str,
    left: Instant,
    case: &str,
) {
    let received = upstream.only();
    let closed = received.given_up().await;
    assert!(closed - left < NOTICE, "{case}: after {:?}", closed - left);
    let record = gateway.record(id).await;
    assert_eq!(
        (&record["outcome"], &record["status"]),
        (&json!("client_gone"), &json!(499)),
        "{case}"
    );
    gateway.metric_becomes("sluicegate_open_streams", 0.0).await;
    gateway
        .metric_becomes("sluicegate_open_requests", 0.0)
        .await;
    gateway
        .metric_becomes("sluicegate_endpoint_in_flight", 0.0)
        .await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_ends_the_request_upstream() {
    for wire in Wire::ALL {
        for http in Http::PLAIN {
            for reply in [Reply::hangs(), Reply::text("x").silent_after_head()] {
                let case = format!("{wire:?} {http:?} {reply:?}");
                let (upstream, gateway) = behind(Kind::Openai, wire, reply).await;
                let ask = gateway.ask(CHAT, STREAM).over(http);
                tokio::select! {
                    _ = ask.send() => panic!("there is no answer"),
                    _ = upstream.wait_hits(1) => {}
                }
                leaving_is_noticed(&upstream, &gateway, &ask.id, Instant::now(), &case).await;
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_mid_stream_ends_the_request_upstream() {
    for wire in Wire::ALL {
        for http in Http::PLAIN {
            let case = format!("{wire:?} {http:?}");
            let reply = Reply::text("one two").dies_after(2, End::Silence);
            let (upstream, gateway) = behind(Kind::Openai, wire, reply).await;
            let ask = gateway.ask(CHAT, STREAM).over(http);
            let mut response = ask.send().await;
            read_until(&mut response, "one ").await;
            response.leave();
            leaving_is_noticed(&upstream, &gateway, &ask.id, Instant::now(), &case).await;
        }
    }
}

#[tokio::test]
async fn a_stream_reset_by_an_http2_client_ends_upstream_and_the_connection_stays() {
    for wire in Wire::ALL {
        let reply = Reply::text("one two").dies_after(2, End::Silence);
        let (upstream, gateway) = behind(Kind::Openai, wire, reply).await;
        let client = gateway.connect(Http::H2c).await;
        let ask = gateway.ask(CHAT, STREAM).on(&client);
        let mut response = ask.send().await;
        read_until(&mut response, "one ").await;
        drop(response);
        leaving_is_noticed(
            &upstream,
            &gateway,
            &ask.id,
            Instant::now(),
            &format!("{wire:?}"),
        )
        .await;

        upstream.now(Reply::text("Hello"));
        let next = gateway.ask(CHAT, STREAM).on(&client).whole().await;
        assert_eq!(next.text(), "Hello", "{wire:?}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_costs_no_second_attempt() {
    let first = Upstream::openai().then(Reply::hangs()).start().await;
    let second = Upstream::openai().start().await;
    let gateway = Gateway::start(fallback(&[&first, &second])).await;
    let ask = gateway.ask(CHAT, STREAM);
    tokio::select! {
        _ = ask.send() => panic!("there is no answer"),
        _ = first.wait_hits(1) => {}
    }
    assert_eq!(gateway.record(&ask.id).await["attempts"], 1);
    assert_eq!(second.hits(), 0);
}

// Upstreams that die.

/// Checks that a stream which began was ended truthfully.
fn assert_truncated(answer: &Answer, path: &str, begun: &str, case: &str) {
    let body = answer.body_text();
    assert_eq!(answer.status, 200, "{case}");
    assert_eq!(answer.broken, None, "{case}: HTTP itself ends well");
    assert!(!answer.says_done(), "{case}: {body}");
    assert_eq!(answer.text(), begun, "{case}: {body}");
    let last = answer.values().pop().expect("there is an error");
    let (at, word) = match path {
        CHAT | COMPLETIONS => ("/error/type", "server_error"),
        RESPONSES => ("/type", "error"),
        MESSAGES => ("/error/type", "api_error"),
        _ => ("/error/status", "UNAVAILABLE"),
    };
    assert_eq!(last.pointer(at), Some(&json!(word)), "{case}: {body}");
    if path != ARRAY {
        for event in answer.events() {
            event.json();
        }
        let name = answer.events().pop().expect("there is one").name;
        let named = [RESPONSES, MESSAGES].contains(&path);
        assert_eq!(name.as_deref(), named.then_some("error"), "{case}");
    }
}

/// Kills an upstream after its first content and checks what the client is told, in every dialect.
async fn told_truthfully(wire: Wire, http: Http, reply: impl Fn(usize) -> Reply) {
    let mut dialects = JoinSet::new();
    for (kind, path, lifecycle) in STREAMS {
        let frames = lifecycle + 1;
        dialects.spawn(told(kind, path, wire, http, frames, reply(frames)));
    }
    while let Some(told) = dialects.join_next().await {
        if let Err(panic) = told {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
}

async fn told(kind: Kind, path: &str, wire: Wire, http: Http, frames: usize, reply: Reply) {
    let gate = Gate::new();
    let reply = reply.stepped(frames, &gate);
    let case = format!("{path} {wire:?} {http:?} {reply:?}");
    let (upstream, gateway) = behind(kind, wire, reply).await;
    let ask = gateway.ask(path, PLAIN_STREAM).over(http);
    let response = ask.send().await;
    // The content is out, and only now the end comes.
    gate.open_for_good();
    let answer = response.whole().await;

    assert_truncated(&answer, path, "one ", &case);
    assert_eq!(
        upstream.hits(),
        1,
        "{case}: what has begun is not begun again"
    );
    let record = gateway.record(&ask.id).await;
    assert_eq!(record["outcome"], "truncated", "{case}");
    assert_eq!(
        (&record["status"], &record["attempts"]),
        (&json!(200), &json!(1)),
        "{case}"
    );
    let truncated = "sluicegate_requests_total{outcome=\"truncated\",status=\"200\"}";
    assert_eq!(gateway.metric(truncated).await, 1.0, "{case}");
}

macro_rules! death_is_told_truthfully {
    ($($name:ident: $reply:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            for (wire, http) in [
                (Wire::H1, Http::H1),
                (Wire::H1, Http::H2c),
                (Wire::H2c, Http::H1),
                (Wire::H2c, Http::H2c),
                (Wire::Tls1, Http::H1),
                (Wire::Tls2, Http::H2c),
            ] {
                told_truthfully(wire, http, $reply).await;
            }
        }
    )*};
}

death_is_told_truthfully! {
    a_connection_closed_mid_stream_is_told:
        |frames| Reply::text("one two three").dies_after(frames, End::Fin);
    a_connection_reset_mid_stream_is_told:
        |frames| Reply::text("one two three").dies_after(frames, End::Reset);
    a_death_in_mid_event_is_told_and_half_an_event_is_not_passed_on:
        |frames| Reply::text("one two three").dies_after(frames, End::Fin).in_mid_frame();
    a_stream_that_ends_well_but_without_its_mark_is_told:
        |frames| Reply::text("one two three").dies_after(frames, End::Good);
}

#[tokio::test]
async fn a_stream_whose_end_is_the_end_of_the_connection_is_told_when_it_is_cut() {
    for http in Http::PLAIN {
        let reply = |frames| {
            Reply::text("one two")
                .framing(Framing::Close)
                .dies_after(frames, End::Fin)
        };
        told_truthfully(Wire::H1, http, reply).await;
    }
}

#[tokio::test]
async fn a_stream_whose_end_is_the_end_of_the_connection_passes_when_it_is_whole() {
    for (kind, path, _) in STREAMS {
        let reply = Reply::text("one two").framing(Framing::Close);
        let (_upstream, gateway) = behind(kind, Wire::H1, reply).await;
        let answer = gateway.ask(path, STREAM).whole().await;
        assert_eq!(
            (answer.text(), answer.says_done()),
            ("one two".to_owned(), true),
            "{path}"
        );
        assert_eq!(gateway.record(answer.id()).await["outcome"], "ok", "{path}");
    }
}

#[tokio::test]
async fn an_upstream_that_falls_silent_mid_stream_is_told() {
    for (kind, path, lifecycle) in STREAMS {
        let reply = Reply::text("one two").dies_after(lifecycle + 1, End::Silence);
        let upstream = Upstream::of(kind).then(reply).start().await;
        let mut config = fallback(&[&upstream]);
        config["providers"]["p1"]["timeouts"] = json!({ "idle": "200ms" });
        let gateway = Gateway::start(config).await;

        let answer = gateway.ask(path, PLAIN_STREAM).whole().await;

        assert_eq!(
            (answer.text(), answer.says_done()),
            ("one ".to_owned(), false),
            "{path}"
        );
        assert!(
            answer.body_text().to_lowercase().contains("error"),
            "{path}"
        );
        let record = gateway.record(answer.id()).await;
        assert_eq!(
            (&record["outcome"], &record["error"]),
            (&json!("truncated"), &json!("upstream_timeout"))
        );
        upstream.only().given_up().await;
    }
}

#[tokio::test]
async fn an_error_event_after_content_is_passed_on() {
    for (kind, path, _) in STREAMS {
        let second = Upstream::of(kind).start().await;
        let first = Upstream::of(kind)
            .then(Reply::error_after("one two", 529))
            .start()
            .await;
        let gateway = Gateway::start(fallback(&[&first, &second])).await;

        let answer = gateway.ask(path, PLAIN_STREAM).whole().await;

        assert_eq!(
            (answer.status, answer.text()),
            (200, "one two".to_owned()),
            "{path}"
        );
        let last = answer.values().pop().expect("the error");
        assert!(last.to_string().contains("scripted"), "{path}: {last}");
        assert!(!answer.says_done(), "{path}");
        assert_eq!(second.hits(), 0, "{path}: content is not repeated");
        assert_eq!(
            gateway.record(answer.id()).await["outcome"],
            "upstream_error",
            "{path}"
        );
    }
}

// Usage.

#[tokio::test]
async fn usage_is_asked_for_and_kept_from_clients_who_did_not() {
    for path in [CHAT, COMPLETIONS] {
        for body in [
            r#"{"model":"MODEL","stream":true,"messages":[]}"#,
            r#"{"model":"MODEL","stream":true,"stream_options":null}"#,
            r#"{"model":"MODEL","stream":true,"stream_options":{}}"#,
            r#"{"model":"MODEL","stream":true,"stream_options":{"include_usage":false}}"#,
            r#"{"stream_options":{"include_obfuscation":true},"model":"MODEL","stream":true}"#,
        ] {
            let upstream = Upstream::openai().then_text("one two").start().await;
            let mut config = fallback(&[&upstream]);
            // The same upstream twice: once asked for usage, and once left alone.
            config["providers"]["bare"] = upstream.provider_with(json!({ "stream_usage": false }));
            let gateway = Gateway::start(config).await;

            let asked = gateway
                .ask(path, body.replace("MODEL", "p1/m"))
                .whole()
                .await;
            let bare = gateway
                .ask(path, body.replace("MODEL", "bare/m"))
                .whole()
                .await;

            let received = upstream.received();
            assert_eq!(
                received[0].json()["stream_options"]["include_usage"],
                true,
                "{body}"
            );
            assert_ne!(
                received[1].json()["stream_options"]["include_usage"],
                true,
                "{body}"
            );
            assert_eq!(asked.body_text(), bare.body_text(), "{body}");
            assert!(!asked.body_text().contains("usage"), "{body}");
            let usage = &gateway.record(asked.id()).await["usage"];
            assert_eq!(
                (&usage["input"], &usage["output"]),
                (&json!(9), &json!(2)),
                "{body}"
            );
            assert_eq!(
                gateway.record(bare.id()).await["usage"],
                Value::Null,
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn usage_is_kept_for_clients_who_asked() {
    let (upstream, gateway) = behind(Kind::Openai, Wire::H1, Reply::text("one two")).await;
    let answer = gateway.ask(CHAT, STREAM).whole().await;
    let values = answer.values();
    let nulls = values
        .iter()
        .filter(|v| v.get("usage").is_some_and(Value::is_null))
        .count();
    assert_eq!(nulls, 4, "role, two words and the finish have a null");
    let last = values.last().expect("the usage");
    assert_eq!(
        (&last["choices"], &last["usage"]["prompt_tokens"]),
        (&json!([]), &json!(9))
    );
    assert!(
        upstream.only().body == STREAM.replace("fallback", "m1"),
        "nothing else is edited"
    );
}

#[tokio::test]
async fn usage_on_the_last_content_chunk_is_counted_and_stays_there() {
    let frames = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    ];
    let (_upstream, gateway) = behind(Kind::Openai, Wire::H1, Reply::events(frames)).await;
    let answer = gateway.ask(CHAT, PLAIN_STREAM).whole().await;
    assert_eq!(answer.body_text(), frames.concat());
    assert_eq!(
        gateway.record(answer.id()).await["usage"],
        json!({ "input": 7, "output": 3 })
    );
}

/// The answers of providers to the same work, and the one record that they all become.
#[tokio::test]
async fn usage_of_every_dialect_becomes_the_same_record() {
    let openai = json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": { "cached_tokens": 30 }, "completion_tokens_details": { "reasoning_tokens": 20 },
    });
    let responses = json!({
        "input_tokens": 100, "output_tokens": 50, "input_tokens_details": { "cached_tokens": 30 },
        "output_tokens_details": { "reasoning_tokens": 20 },
    });
    let anthropic = json!({
        "input_tokens": 60, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10, "output_tokens": 50,
    });
    let gemini = json!({
        "promptTokenCount": 95, "toolUsePromptTokenCount": 5, "cachedContentTokenCount": 30,
        "candidatesTokenCount": 30, "thoughtsTokenCount": 20,
    });
    let sse = |events: &[Value]| {
        Reply::events(events.iter().map(|event| {
            let name = event["type"]
                .as_str()
                .map(|t| format!("event: {t}\n"))
                .unwrap_or_default();
            format!("{name}data: {event}\n\n")
        }))
    };
    let part = json!({ "content": { "parts": [{ "text": "x" }] } });
    let end = json!({ "content": { "parts": [{ "text": "y" }] }, "finishReason": "STOP" });
    let record = json!({ "input": 100, "output": 50, "cache_read": 30, "reasoning": 20 });
    let of_anthropic = json!({ "input": 100, "output": 50, "cache_read": 30, "cache_write": 10 });
    let of_gemini = json!({
        "input": 100, "output": 50, "cache_read": 30, "tool_input": 5, "reasoning": 20
    });
    let cases = [
        (Kind::Openai, CHAT, &record, Reply::json(&json!({ "choices": [], "usage": openai }))),
        (Kind::Openai, CHAT, &record, sse(&[
            json!({ "choices": [{ "delta": { "content": "x" } }] }),
            json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] }),
            json!({ "choices": [], "usage": openai }),
        ])),
        (Kind::Openai, RESPONSES, &record, Reply::json(&json!({ "status": "completed", "usage": responses }))),
        (Kind::Openai, RESPONSES, &record, sse(&[
            json!({ "type": "response.created", "response": { "usage": null } }),
            json!({ "type": "response.output_text.delta", "delta": "x" }),
            json!({ "type": "response.completed", "response": { "usage": responses } }),
        ])),
        (Kind::Openai, RESPONSES, &record, sse(&[
            json!({ "type": "response.output_text.delta", "delta": "x" }),
            json!({ "type": "response.incomplete", "response": { "usage": responses } }),
        ])),
        (Kind::Anthropic, MESSAGES, &of_anthropic, Reply::json(&json!({ "type": "message", "usage": anthropic }))),
        (Kind::Anthropic, MESSAGES, &of_anthropic, sse(&[
            json!({ "type": "message_start", "message": { "usage": {
                "input_tokens": 60, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10, "output_tokens": 1,
            } } }),
            json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": "x" } }),
            json!({ "type": "message_delta", "delta": {}, "usage": { "output_tokens": 20 } }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 50 } }),
            json!({ "type": "message_stop" }),
        ])),
        (Kind::Gemini, "/v1beta/models/fallback:generateContent", &of_gemini,
            Reply::json(&json!({ "candidates": [end], "usageMetadata": gemini }))),
        (Kind::Gemini, GENERATE, &of_gemini, sse(&[
            json!({ "candidates": [part], "usageMetadata": { "promptTokenCount": 95, "candidatesTokenCount": 10 } }),
            json!({ "candidates": [part], "usageMetadata": { "promptTokenCount": 95, "candidatesTokenCount": 20 } }),
            json!({ "candidates": [end], "usageMetadata": gemini }),
        ])),
        (Kind::Gemini, ARRAY, &of_gemini, Reply::body("application/json", json!([
            { "candidates": [part], "usageMetadata": { "promptTokenCount": 95, "candidatesTokenCount": 10 } },
            { "candidates": [end], "usageMetadata": gemini },
        ]).to_string())),
    ];
    for (kind, path, usage, reply) in cases {
        let (_upstream, gateway) = behind(kind, Wire::H1, reply).await;
        let answer = gateway.ask(path, STREAM).whole().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body_text());
        let record = gateway.record(answer.id()).await;
        assert_eq!(&record["usage"], usage, "{path}: {}", answer.body_text());
        assert_eq!(record["outcome"], "ok", "{path}");
        for (name, count) in usage.as_object().expect("an object") {
            let series =
                format!("sluicegate_tokens_total{{provider=\"p1\",model=\"m1\",kind=\"{name}\"}}");
            assert_eq!(
                gateway.metric(&series).await,
                count.as_f64().expect("a number"),
                "{path}: {name}"
            );
        }
    }
}

// Byte for byte.

/// Streams that look unusual and are right.
const ODD_STREAMS: [&str; 6] = [
    // Comments, ids, retries, no space after the colon, fields that nobody knows.
    ": hello\n\nid: 1\nretry: 500\ndata:{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\nfuture: x\n\n: ping\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    // CRLF.
    ": hi\r\n\r\nevent: message\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
    // CR alone.
    "data: {\"choices\":[{\"delta\":{\"content\":\"c\"}}]}\r\rdata: [DONE]\r\r",
    // A byte order mark, several lines of data, empty events, characters of several bytes.
    "\u{feff}data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"é漢🎉\"}}]}\n\n\n\ndata: \n\ndata: [DONE]\n\n",
    // Not JSON, and still not ours to drop.
    "data: what is this?\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    // No blank line at the end.
    "data: {\"choices\":[{\"delta\":{\"content\":\"d\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]",
];

#[tokio::test]
async fn odd_streams_pass_byte_for_byte_however_they_are_cut() {
    for wire in [Wire::H1, Wire::H2c] {
        let upstream = Upstream::openai().over(wire).start().await;
        let gateway = Gateway::start(fallback(&[&upstream])).await;
        for stream in ODD_STREAMS {
            for writes in [1, 2, 3, 7, 50, 100_000] {
                for body in [STREAM, PLAIN_STREAM] {
                    upstream.now(Reply::events([stream]).writes_of(writes));
                    let answer = gateway.ask(CHAT, body).whole().await;
                    assert_eq!(answer.body_text(), stream, "{wire:?} {writes}");
                    assert_eq!((answer.broken.as_deref(), answer.status), (None, 200));
                }
            }
        }
        let ok = "sluicegate_requests_total{outcome=\"ok\"}";
        gateway.metric_becomes(ok, upstream.hits() as f64).await;
    }
}

#[tokio::test]
async fn a_json_array_passes_byte_for_byte_however_it_is_cut() {
    let stream = "[{\"candidates\" : [{\"content\":{\"parts\":[{\"text\":\"é]},[{\\\"\"}]}}]}\n,\r\n{\"candidates\":[{\"finishReason\":\"STOP\"}]}\n]\n";
    let upstream = Upstream::gemini().start().await;
    let gateway = Gateway::start(fallback(&[&upstream])).await;
    for writes in [1, 2, 3, 7, 100_000] {
        upstream.now(
            Reply::body("application/json", stream)
                .framing(Framing::Chunked)
                .writes_of(writes),
        );
        let answer = gateway.ask(ARRAY, "{}").whole().await;
        assert_eq!(answer.body_text(), stream, "{writes}");
        assert_eq!(
            gateway.record(answer.id()).await["outcome"],
            "ok",
            "{writes}"
        );
    }
}

#[tokio::test]
async fn whole_answers_pass_byte_for_byte() {
    let odd = "{ \"usage\" :{\"prompt_tokens\":1},\n\"choices\":[ ],\"x\":\"\\u00e9\", \"x\":2 }\n";
    for wire in Wire::ALL {
        for framing in [Framing::Auto, Framing::Chunked, Framing::Close] {
            for http in Http::PLAIN {
                let reply = Reply::body("application/json", odd).framing(framing);
                let (_upstream, gateway) = behind(Kind::Openai, wire, reply).await;
                let answer = gateway
                    .ask(CHAT, r#"{"model":"fallback"}"#)
                    .over(http)
                    .whole()
                    .await;
                assert_eq!(answer.body_text(), odd, "{wire:?} {framing:?} {http:?}");
                assert_eq!(answer.header("content-type"), Some("application/json"));
            }
        }
    }
}

#[tokio::test]
async fn a_whole_answer_larger_than_what_is_held_flows() {
    let text = "x".repeat(12_000_000);
    for wire in [Wire::H1, Wire::H2c] {
        for http in Http::PLAIN {
            let (_upstream, gateway) = behind(Kind::Openai, wire, Reply::tokens([&*text])).await;
            let answer = gateway
                .ask(CHAT, r#"{"model":"fallback"}"#)
                .over(http)
                .whole()
                .await;
            assert!(answer.text() == text, "{wire:?} {http:?}");
        }
    }
}

/// What providers get wrong is theirs to answer for: a good answer is not thrown away for it.
#[tokio::test]
async fn answers_with_members_of_other_types_than_usual_pass() {
    let cases = [
        (
            Kind::Openai,
            CHAT,
            r#"{"model":5,"choices":[{"finish_reason":7}],"usage":{"prompt_tokens":1.5}}"#,
        ),
        (
            Kind::Openai,
            CHAT,
            r#"{"choices":{},"usage":"none","model":null}"#,
        ),
        (
            Kind::Openai,
            CHAT,
            r#"{"model":"a","model":"b","choices":[]}"#,
        ),
        (Kind::Openai, "/v1/embeddings", r#"[{"embedding":[1]}]"#),
        (Kind::Openai, RESPONSES, r#"{"status":1,"usage":[]}"#),
        (
            Kind::Anthropic,
            MESSAGES,
            r#"{"usage":{"input_tokens":-1},"stop_reason":{}}"#,
        ),
        (
            Kind::Gemini,
            "/v1beta/models/fallback:generateContent",
            r#"{"candidates":{},"usageMetadata":3}"#,
        ),
    ];
    for (kind, path, body) in cases {
        let (_upstream, gateway) =
            behind(kind, Wire::H1, Reply::body("application/json", body)).await;
        let answer = gateway.ask(path, r#"{"model":"fallback"}"#).whole().await;
        assert_eq!(
            (answer.status, answer.body_text()),
            (200, body.to_owned()),
            "{path}"
        );
    }
}

/// Servers that are nearly compatible tell errors in shapes of their own.
#[tokio::test]
async fn errors_of_unusual_shape_before_content_are_followed_by_the_next_target() {
    let cases = [
        (
            Kind::Openai,
            CHAT,
            r#"data: {"error":"model runner has stopped"}"#,
        ),
        (
            Kind::Openai,
            CHAT,
            r#"data: {"error":{"message":"x","code":{"n":1},"type":5}}"#,
        ),
        (
            Kind::Openai,
            CHAT,
            r#"data: {"error":{"message":"x","code":503,"type":null,"status":503}}"#,
        ),
        (
            Kind::Openai,
            RESPONSES,
            r#"data: {"type":"error","code":500,"message":"x"}"#,
        ),
        (
            Kind::Openai,
            RESPONSES,
            r#"data: {"type":"response.failed","response":{"error":"x"}}"#,
        ),
        (
            Kind::Anthropic,
            MESSAGES,
            r#"data: {"type":"error","error":"overloaded"}"#,
        ),
        (Kind::Gemini, GENERATE, r#"data: {"error":"overloaded"}"#),
    ];
    for (kind, path, event) in cases {
        let first = Upstream::of(kind)
            .then(Reply::events([format!("{event}\n\n")]))
            .start()
            .await;
        let second = Upstream::of(kind).then_text("Hello").start().await;
        let gateway = Gateway::start(fallback(&[&first, &second])).await;
        let answer = gateway.ask(path, STREAM).whole().await;
        assert_eq!(
            (answer.text(), answer.attempts()),
            ("Hello".to_owned(), 2),
            "{event}"
        );
    }
}

// Content codings.

#[tokio::test]
async fn compressed_answers_arrive_readable() {
    for wire in [Wire::H1, Wire::H2c] {
        for coding in Coding::ALL {
            let upstream = Upstream::openai().over(wire).start().await;
            let gateway = Gateway::start(fallback(&[&upstream])).await;
            for (reply, body) in [
                (Reply::text("Hello there").coded(coding), STREAM),
                (
                    Reply::text("Hello there").coded(coding),
                    r#"{"model":"fallback"}"#,
                ),
                (
                    Reply::text("Hello there").coded(coding).writes_of(1),
                    STREAM,
                ),
            ] {
                upstream.now(reply);
                let answer = gateway.ask(CHAT, body).whole().await;
                assert_eq!(answer.text(), "Hello there", "{wire:?} {coding:?}");
                assert_eq!(answer.header("content-encoding"), None);
                let usage = &gateway.record(answer.id()).await["usage"];
                assert_eq!(usage["input"], 9, "{wire:?} {coding:?}");
            }
            upstream.now(Reply::status(400).coded(coding));
            let answer = gateway.ask(CHAT, STREAM).whole().await;
            assert_eq!(answer.status, 400);
            assert_eq!(
                answer.json()["error"]["message"],
                "scripted 400",
                "{wire:?} {coding:?}"
            );
        }
    }
}

#[tokio::test]
async fn events_of_a_compressed_stream_arrive_before_the_next_one_is_sent() {
    for coding in Coding::ALL {
        let gate = Gate::new();
        let reply = Reply::tokens(["one-", "two-"])
            .coded(coding)
            .stepped(2, &gate);
        let (_upstream, gateway) = behind(Kind::Openai, Wire::H1, reply).await;
        let mut response = gateway.ask(CHAT, STREAM).send().await;
        let read = read_until(&mut response, "one-").await;
        assert!(!read.contains("two-"), "{coding:?}");
        gate.open();
        read_until(&mut response, "two-").await;
        gate.open_for_good();
        assert!(response.whole().await.says_done(), "{coding:?}");
    }
}

#[tokio::test]
async fn a_compressed_stream_that_is_cut_is_told() {
    for coding in Coding::ALL {
        let gate = Gate::new();
        let reply = Reply::text("one two three")
            .dies_after(2, End::Fin)
            .coded(coding)
            .stepped(2, &gate);
        let (_upstream, gateway) = behind(Kind::Openai, Wire::H1, reply).await;
        let response = gateway.ask(CHAT, PLAIN_STREAM).send().await;
        gate.open_for_good();
        assert_truncated(
            &response.whole().await,
            CHAT,
            "one ",
            &format!("{coding:?}"),
        );
    }
}

#[tokio::test]
async fn compressed_requests_are_read_and_sent_on_plain() {
    let (upstream, gateway) = behind(Kind::Openai, Wire::H1, Reply::text("Hello")).await;
    let prompt = "prompt ".repeat(50_000);
    let body = |model: &str| json!({ "model": model, "messages": [], "x": prompt }).to_string();
    for coding in Coding::ALL {
        for http in Http::PLAIN {
            let ask = gateway
                .ask(CHAT, coding.encode_all(body("fallback").as_bytes()))
                .header("content-encoding", coding.name())
                .over(http);
            assert_eq!(ask.whole().await.text(), "Hello", "{coding:?}");
            let received = upstream.take(&ask.id).remove(0);
            assert!(received.body == body("m1"), "{coding:?}");
            assert_eq!(received.header("content-encoding"), None);
            assert_eq!(
                received.header("content-length"),
                Some(&*body("m1").len().to_string())
            );
        }
    }
}

#[tokio::test]
async fn bodies_that_grow_beyond_the_limit_are_refused() {
    let (upstream, gateway) = behind(Kind::Openai, Wire::H1, Reply::text("Hello")).await;
    let bomb = json!({ "model": "fallback", "x": " ".repeat(64 << 20) }).to_string();
    for coding in Coding::ALL {
        let answer = gateway
            .ask(CHAT, coding.encode_all(bomb.as_bytes()))
            .header("content-encoding", coding.name())
            .whole()
            .await;
        assert_eq!(answer.status, 413, "{coding:?}: {}", answer.body_text());
        assert_eq!(answer.json()["error"]["code"], "request_too_large");
    }
    assert_eq!(upstream.hits(), 0);
}

#[tokio::test]
async fn codings_that_are_unknown_or_untrue_are_refused() {
    let (upstream, gateway) = behind(Kind::Openai, Wire::H1, Reply::text("Hello")).await;
    let body = r#"{"model":"fallback"}"#;
    for (coding, status) in [
        ("compress", 415),
        ("gzip, br", 415),
        ("gzip", 400),
        ("br", 400),
        ("zstd", 400),
        ("deflate", 400),
        ("identity", 200),
    ] {
        let answer = gateway
            .ask(CHAT, body)
            .header("content-encoding", coding)
            .whole()
            .await;
        assert_eq!(answer.status, status, "{coding}: {}", answer.body_text());
    }
    // Cut short, which not every coding can tell; what comes out is no JSON then.
    for coding in Coding::ALL {
        let mut coded = coding.encode_all(
            json!({ "model": "fallback", "x": "y".repeat(1000) })
                .to_string()
                .as_bytes(),
        );
        coded.truncate(coded.len() / 2);
        let answer = gateway
            .ask(CHAT, coded)
            .header("content-encoding", coding.name())
            .whole()
            .await;
        assert_eq!(answer.status, 400, "{coding:?}: {}", answer.body_text());
    }
    assert_eq!(upstream.hits(), 1);
}

// Heads.

#[tokio::test]
async fn errors_for_a_stream_keep_status_and_body() {
    for (kind, path, _) in STREAMS {
        for wire in [Wire::H1, Wire::H2c] {
            let upstream = Upstream::of(kind).over(wire).start().await;
            let gateway = Gateway::start(fallback(&[&upstream])).await;
            for status in [400, 404, 422, 429, 500, 503, 529] {
                let words = json!({ "error": { "message": "no", "n": status } });
                upstream.now(Reply::json(&words).with_status(status));
                for http in Http::PLAIN {
                    let answer = gateway.ask(path, STREAM).over(http).whole().await;
                    let case = format!("{path} {status} {wire:?} {http:?}");
                    assert_eq!(
                        (answer.status, answer.json()),
                        (status, words.clone()),
                        "{case}"
                    );
                    assert_eq!(
                        answer.header("content-type"),
                        Some("application/json"),
                        "{case}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn large_heads_of_answers_pass() {
    for wire in Wire::ALL {
        for http in Http::PLAIN {
            let mut reply = Reply::text("Hello").header("x-large", "y".repeat(10_000));
            for n in 0..40 {
                reply = reply.header(&format!("x-many-{n}"), "z".repeat(200));
            }
            let (_upstream, gateway) = behind(Kind::Openai, wire, reply).await;
            let answer = gateway.ask(CHAT, STREAM).over(http).whole().await;
            assert_eq!(answer.text(), "Hello", "{wire:?} {http:?}");
            assert_eq!(answer.header("x-large").map(str::len), Some(10_000));
            assert_eq!(answer.header("x-many-39").map(str::len), Some(200));
        }
    }
}

#[tokio::test]
async fn headers_that_are_not_for_the_client_stay_here() {
    for wire in [Wire::H1, Wire::H2c] {
        let reply = Reply::text("Hello")
            .header("set-cookie", "upstream=1")
            .header("x-sluicegate-provider", "forged")
            .header("x-sluicegate-cost", "0")
            .header("alt-svc", "h3=\":443\"")
            .header("strict-transport-security", "max-age=1")
            .header("x-request-id", "req-upstream")
            .header("x-ratelimit-remaining-tokens", "17")
            .header("openai-processing-ms", "12");
        let (_upstream, gateway) = behind(Kind::Openai, wire, reply).await;
        let ask = gateway.ask(CHAT, STREAM);
        let answer = ask.whole().await;
        assert_eq!(answer.header("x-sluicegate-provider"), Some("p1"));
        for name in [
            "set-cookie",
            "x-sluicegate-cost",
            "alt-svc",
            "strict-transport-security",
        ] {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert_eq!(answer.header("x-request-id"), Some(&*ask.id));
        assert_eq!(
            answer.header("x-sluicegate-provider-request-id"),
            Some("req-upstream")
        );
        assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("17"));
        assert_eq!(answer.header("openai-processing-ms"), Some("12"));
    }
}

#[tokio::test]
async fn early_hints_are_no_answer() {
    for http in Http::PLAIN {
        let reply = Reply::text("Hello")
            .interim(103, &[("link", "</style.css>; rel=preload")])
            .interim(102, &[]);
        let (upstream, gateway) = behind(Kind::Openai, Wire::H1, reply).await;
        for body in [STREAM, r#"{"model":"fallback"}"#] {
            let answer = gateway.ask(CHAT, body).over(http).whole().await;
            assert_eq!(
                (answer.text(), answer.attempts()),
                ("Hello".to_owned(), 1),
                "{http:?}"
            );
            assert_eq!(answer.header("link"), None);
        }
        assert_eq!(upstream.hits(), 2);
    }
}

#[tokio::test]
async fn odd_heads_are_understood() {
    let body = r#"{"choices":[],"usage":{"prompt_tokens":9}}"#;
    let length = body.len();
    for head in [
        // No reason.
        format!(
            "HTTP/1.1 200\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ),
        // HTTP/1.0, whose end is the end of the connection.
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n".to_owned(),
        // The same header twice, spaces, empty values, letters of any case.
        format!(
            "HTTP/1.1 200 OK\r\nX-Twice: a\r\nx-twice:b \r\nX-Empty:\r\nCoNtEnT-tYpE:  application/json\r\nCONTENT-LENGTH: {length}\r\n\r\n"
        ),
        // The same length twice.
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ncontent-length: {length}\r\ncontent-type: application/json\r\n\r\n"
        ),
        // No content type.
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"),
    ] {
        for http in Http::PLAIN {
            let reply = Reply::wire(format!("{head}{body}"));
            let (_upstream, gateway) = behind(Kind::Openai, Wire::H1, reply).await;
            let answer = gateway
                .ask(CHAT, r#"{"model":"fallback"}"#)
                .over(http)
                .whole()
                .await;
            assert_eq!(
                (answer.status, answer.body_text()),
                (200, body.to_owned()),
                "{head:?} {http:?}"
            );
            if head.contains("Twice") {
                let twice: Vec<_> = answer.headers.get_all("x-twice").iter().collect();
                assert_eq!(twice, ["a", "b"], "{http:?}");
            }
        }
    }
}

#[tokio::test]
async fn heads_that_make_no_sense_are_the_upstreams_fault() {
    let head =
        |rest: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{rest}\r\n{{}}");
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
        "HTTP/1.1 abc OK\r\n\r\n".to_owned(),
        head("no colon here\r\ncontent-length: 2\r\n"),
        head("content-length: 2\r\ncontent-length: 3\r\n"),
        head("content-length: two\r\n"),
        head("content-length: -2\r\n"),
        head("content-length: 200\r\n"),
    ] {
        let first = Upstream::openai()
            .then(Reply::wire(answer.clone()))
            .start()
            .await;
        let second = Upstream::openai().then_text("Hello").start().await;
        let mut config = fallback(&[&first, &second]);
        config["routes"]["lone"] = json!({ "targets": ["p1/m"] });
        let gateway = Gateway::start(config).await;

        let whole = r#"{"model":"fallback"}"#;
        let over = gateway.ask(CHAT, whole).whole().await;
        let lone = gateway
            .ask(CHAT, whole.replace("fallback", "lone"))
            .whole()
            .await;

        assert_eq!(
            (over.status, over.text()),
            (200, "Hello".to_owned()),
            "{answer:?}"
        );
        assert_eq!(lone.status, 502, "{answer:?}: {}", lone.body_text());
    }
}

#[tokio::test]
async fn a_stream_with_a_content_length_passes() {
    let frames = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: [DONE]\n\n",
    ];
    for http in Http::PLAIN {
        let reply = Reply::events(frames).framing(Framing::Length(frames.concat().len()));
        let (_upstream, gateway) = behind(Kind::Openai, Wire::H1, reply).await;
        let answer = gateway.ask(CHAT, PLAIN_STREAM).over(http).whole().await;
        assert_eq!(answer.text(), "Hello", "{http:?}");
        assert!(
            answer.says_done(),
            "the shorter stream is not cut at the old length"
        );
        assert!(!answer.body_text().contains("usage"));
    }
}

#[tokio::test]
async fn a_stream_that_ends_before_its_content_length_is_told() {
    let frame = "data: {\"choices\":[{\"delta\":{\"content\":\"one \"}}]}\n\n";
    let gate = Gate::new();
    let pieces = [Piece::Bytes(Bytes::from(frame)), Piece::Wait(gate.clone())];
    let reply = Reply::pieces("text/event-stream", pieces)
        .framing(Framing::Length(1000))
        .end(End::Fin);
    let (_upstream, gateway) = behind(Kind::Openai, Wire::H1, reply).await;
    let response = gateway.ask(CHAT, PLAIN_STREAM).send().await;
    gate.open();
    assert_truncated(&response.whole().await, CHAT, "one ", "content-length");
}

#[tokio::test]
async fn content_that_comes_together_with_a_bad_end_is_passed_on() {
    let frame = |text: &str| {
        let frame = json!({ "choices": [{ "delta": { "content": text } }] });
        Bytes::from(format!("data: {frame}\n\n"))
    };
    let gate = Gate::new();
    let (one, two) = (frame("one "), frame("two"));
    let length = one.len() + two.len();
    let pieces = [
        Piece::Bytes(one),
        Piece::Wait(gate.clone()),
        Piece::Bytes(two),
    ];
    let reply = Reply::pieces("text/event-stream", pieces)
        .framing(Framing::Length(length))
        .end(End::Fin);
    let (_upstream, gateway) = behind(Kind::Openai, Wire::H1, reply).await;
    let response = gateway.ask(CHAT, PLAIN_STREAM).send().await;
    gate.open();
    assert_truncated(&response.whole().await, CHAT, "one two", "together");
}
