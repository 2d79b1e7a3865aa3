//! Signs of life in streams whose provider is silent.

use serde_json::json;

use crate::{
    harness::{Gateway, client, fallback},
    upstream::{Gate, Kind, Reply, Upstream, merge},
};

const STREAMS: [(Kind, &str, &str); 4] = [
    (Kind::Openai, "/v1/chat/completions", ": keep-alive\n\n"),
    (Kind::Openai, "/v1/responses", ": keep-alive\n\n"),
    (
        Kind::Anthropic,
        "/v1/messages",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    ),
    (
        Kind::Gemini,
        "/v1beta/models/fallback:streamGenerateContent?alt=sse",
        "\n",
    ),
];

fn body() -> String {
    client::chat_stream("fallback", "Hi")
}

async fn gateway(upstreams: &[&Upstream], server: serde_json::Value) -> Gateway {
    let config = merge(fallback(upstreams), json!({ "server": server }));
    Gateway::start(config).await
}

#[tokio::test]
async fn a_silent_stream_gets_signs_of_life_between_its_events() {
    for (kind, path, beat) in STREAMS {
        let gate = Gate::new();
        // The gate stands before the third token, wherever the dialect's frames are.
        let plain = Upstream::of(kind)
            .then(Reply::tokens(["one ", "two ", "three"]))
            .start()
            .await;
        let reference = gateway(&[&plain], json!({})).await;
        let expected = reference.ask(path, body()).whole().await;

        let upstream = Upstream::of(kind)
            .then(Reply::tokens(["one ", "two ", "three"]).stepped(5, &gate))
            .start()
            .await;
        let gateway = gateway(&[&upstream], json!({ "heartbeat": "50ms" })).await;
        let mut response = gateway.ask(path, body()).send().await;
        let mut seen = String::new();
        while seen.matches(beat).count() < 2 + expected.body_text().matches(beat).count() {
            let chunk = response.chunk().await.expect("more comes").expect("whole");
            seen.push_str(std::str::from_utf8(&chunk).expect("text"));
            if kind != Kind::Gemini {
                continue;
            }
            // A blank line is part of every event; one alone is the sign.
            if seen.contains("\n\n\n") {
                break;
            }
        }
        gate.open_for_good();
        let end = response.whole().await;
        let all = seen + &end.body_text();
        assert!(end.broken.is_none(), "{path}: {:?}", end.broken);
        assert!(all.contains("three"), "{path}: {all}");
    }
}

#[tokio::test]
async fn before_content_there_are_none_unless_the_operator_wants_them() {
    for (kind, path, _) in STREAMS {
        let gate = Gate::new();
        let first = Upstream::of(kind)
            .then(Reply::text("never").silent_after_head())
            .start()
            .await;
        let second = Upstream::of(kind).then_text("Hello").start().await;
        let config = merge(
            fallback(&[&first, &second]),
            json!({
                "server": { "heartbeat": "20ms" },
                "providers": { "p1": { "timeouts": { "first_byte": "400ms" } } },
            }),
        );
        let gateway = Gateway::start(config).await;
        let answer = gateway.ask(path, body()).whole().await;
        assert_eq!(
            (answer.attempts(), answer.text()),
            (2, "Hello".to_owned()),
            "{path}"
        );
        gate.open_for_good();
    }
}

#[tokio::test]
async fn early_ones_begin_the_answer_and_a_later_failure_is_told_in_it() {
    for (kind, path, _) in STREAMS {
        let first = Upstream::of(kind)
            .then(Reply::text("never").silent_after_head())
            .start()
            .await;
        let second = Upstream::of(kind).then_text("Hello").start().await;
        let config = merge(
            fallback(&[&first, &second]),
            json!({
                "server": { "early_heartbeat": "50ms" },
                "providers": { "p1": { "timeouts": { "first_byte": "1500ms" } } },
            }),
        );
        let gateway = Gateway::start(config).await;
        let answer = gateway.ask(path, body()).whole().await;
        assert_eq!((answer.status, second.hits()), (200, 0), "{path}");
        assert!(
            !answer.says_done() && answer.body_text().contains("upstream_timeout")
                || answer.body_text().contains("UPSTREAM_TIMEOUT")
                || answer.body_text().contains("timeout_error"),
            "{path}: {}",
            answer.body_text()
        );
        let record = gateway.record(answer.id()).await;
        assert_eq!(record["outcome"], "truncated", "{path}: {record}");
        assert_eq!(
            record["first_token_ms"],
            json!(null),
            "{path}: no content came"
        );
    }
}
