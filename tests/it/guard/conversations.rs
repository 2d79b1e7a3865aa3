//! Conversations: the same placeholders in the next turn for those who name one, and for nobody else.

use serde_json::json;

use super::{
    MAIL, guards, placeholders,
    said::{Cut, Said},
};
use crate::{
    harness::{Gateway, KEY, client},
    upstream::{Reply, Upstream},
};

const HEADER: &str = "x-sluicegate-conversation";

async fn gateway(upstream: &Upstream, memory: &str) -> Gateway {
    let mut section = guards(json!({}));
    section["conversation_memory"] = memory.into();
    super::warm(&section).await;
    Gateway::start(json!({
        "providers": { "p": upstream.provider() }, "guards": section,
        "keys": [{ "name": "a", "secret": KEY }, { "name": "b", "secret": "sk-another-key" }],
    }))
    .await
}

/// Sends a prompt in a conversation, or none, and gives the placeholder that the upstream got.
async fn turn(gateway: &Gateway, upstream: &Upstream, key: &str, conversation: &str) -> String {
    let ask = gateway.ask(
        "/v1/chat/completions",
        client::chat("p/m", &format!("mail {MAIL}")),
    );
    let answer = ask
        .header("authorization", &format!("Bearer {key}"))
        .header(HEADER, conversation)
        .whole()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body_text());
    let got = upstream.received().pop().expect("came");
    assert!(got.header(HEADER).is_none(), "it is nobody else's business");
    placeholders(&String::from_utf8_lossy(&got.body))
        .pop()
        .expect("one")
}

#[tokio::test]
async fn a_conversation_keeps_its_placeholders_and_nothing_else_does() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(&upstream, "1h").await;
    let first = turn(&gateway, &upstream, KEY, "talk-1").await;
    assert_eq!(turn(&gateway, &upstream, KEY, "talk-1").await, first);
    for (key, conversation) in [(KEY, "talk-2"), ("sk-another-key", "talk-1"), (KEY, "")] {
        let other = turn(&gateway, &upstream, key, conversation).await;
        assert_ne!(other, first, "{conversation}");
    }
    assert_ne!(
        turn(&gateway, &upstream, KEY, "").await,
        turn(&gateway, &upstream, KEY, "").await
    );
    assert_eq!(
        turn(&gateway, &upstream, KEY, "talk-1").await,
        first,
        "nobody else's turn changed it"
    );
}

#[tokio::test]
async fn what_an_earlier_turn_took_out_comes_back_in_a_later_answer() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(&upstream, "1h").await;
    let mark = turn(&gateway, &upstream, KEY, "talk").await;
    let said = mark.clone();
    upstream.now(Reply::made(move |path, body| {
        Said::text(format!("As to {said}: yes")).answer(path, body, Cut::Each)
    }));
    for stream in [false, true] {
        for (key, conversation, back) in [
            (KEY, "talk", true),
            (KEY, "", false),
            ("sk-another-key", "talk", false),
        ] {
            let body = json!({ "model": "p/m", "stream": stream, "messages": [{ "role": "user", "content": "And?" }] });
            let ask = gateway.ask("/v1/chat/completions", body.to_string());
            let ask = ask
                .header("authorization", &format!("Bearer {key}"))
                .header(HEADER, conversation);
            let text = ask.whole().await.text();
            let wanted = if back { MAIL } else { &mark };
            assert_eq!(
                text,
                format!("As to {wanted}: yes"),
                "{conversation} {stream}"
            );
        }
    }
}

#[tokio::test]
async fn a_conversation_that_rests_too_long_is_forgotten() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(&upstream, "300ms").await;
    let first = turn(&gateway, &upstream, KEY, "talk").await;
    // Slowness itself is the point here.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_ne!(turn(&gateway, &upstream, KEY, "talk").await, first);
}

#[tokio::test]
async fn turns_at_the_same_time_share_one_vault() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(&upstream, "1h").await;
    let prompt = |n: usize| client::chat("p/m", &format!("mail {MAIL} and u{n}@corp-mail.org"));
    let asks: Vec<_> = (0..24)
        .map(|n| {
            gateway
                .ask("/v1/chat/completions", prompt(n))
                .header(HEADER, "talk")
        })
        .collect();
    let (first, second) = asks.split_at(12);
    for (one, other) in first.iter().zip(second) {
        let (one, other) = tokio::join!(one.whole(), other.whole());
        assert_eq!((one.status, other.status), (200, 200));
    }
    let mut all: Vec<String> = Vec::new();
    for got in upstream.received() {
        all.extend(placeholders(&String::from_utf8_lossy(&got.body)));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 25, "one for each value: {all:?}");
}
