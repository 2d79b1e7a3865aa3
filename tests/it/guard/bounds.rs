//! Huge, deep and hostile bodies: bounded, and never sent unscreened unless the operator wants it.

use serde_json::{Value, json};

use super::{
    guards, placeholders,
    said::{Cut, Said},
};
use crate::{
    harness::{Gateway, client},
    upstream::{Kind, Reply, Upstream},
};

const CHAT: &str = "/v1/chat/completions";

async fn gateway(profile: Value) -> (Upstream, Gateway) {
    super::behind(Kind::Openai, Reply::text("ok"), guards(profile)).await
}

fn many(count: usize) -> String {
    (0..count).map(|n| format!("u{n}@corp-mail.org ")).collect()
}

#[tokio::test]
async fn a_body_of_twenty_megabytes_is_screened() {
    let (upstream, gateway) = gateway(json!({ "prompts": { "injection": "observe" } })).await;
    let words =
        "The river runs past the old mill where people used to talk. ".repeat(20_000_000 / 60);
    let text = format!("{words} mail ann.lee@corp-mail.org {}", &words[..1000]);
    let answer = gateway.ask(CHAT, client::chat("p/m", &text)).whole().await;
    assert_eq!(answer.status, 200, "{:.300}", answer.body_text());
    let got = upstream.only();
    assert!(got.body.len() > 19_000_000);
    let tail = String::from_utf8_lossy(&got.body[got.body.len() - 2000..]).into_owned();
    assert_eq!(placeholders(&tail).len(), 1, "{tail}");
}

#[tokio::test]
async fn too_many_findings_follow_on_error() {
    for (on_error, status) in [("block", 400), ("allow", 200)] {
        let (upstream, gateway) =
            gateway(json!({ "on_error": on_error, "prompts": { "injection": "observe" } })).await;
        let answer = gateway
            .ask(CHAT, client::chat("p/m", &many(100_000)))
            .whole()
            .await;
        assert_eq!(answer.status, status, "{:.300}", answer.body_text());
        assert_eq!(upstream.hits(), usize::from(status == 200));
        let told = answer.header("x-sluicegate-guard").expect("told");
        assert!(told.ends_with("; unscreened"), "{told}");
        let errors =
            format!(r#"sluicegate_guard_errors_total{{guard="screen",on_error="{on_error}"}}"#);
        assert_eq!(gateway.metric(&errors).await, 1.0);
        let record = gateway.record(answer.id()).await;
        assert_eq!(record["guard"]["unscreened"], true, "{on_error}");
        assert!(
            record["guard"]["findings"]
                .as_array()
                .expect("a list")
                .len()
                <= 50
        );
    }
}

#[tokio::test]
async fn some_thousand_findings_all_come_back() {
    let reply = Reply::made(|path, body| {
        let got: Value = serde_json::from_slice(body).expect("JSON");
        Said::text(got["messages"][0]["content"].as_str().expect("a text")).answer(
            path,
            body,
            Cut::At(20_001),
        )
    });
    let (upstream, gateway) = super::behind(
        Kind::Openai,
        reply,
        guards(json!({ "prompts": { "injection": "observe" } })),
    )
    .await;
    let text = many(5000);
    for stream in [false, true] {
        let body = json!({ "model": "p/m", "stream": stream, "messages": [{ "role": "user", "content": text }] });
        let answer = gateway.ask(CHAT, body.to_string()).whole().await;
        assert_eq!(answer.text(), text, "streamed: {stream}");
    }
    for got in upstream.received() {
        assert!(!String::from_utf8_lossy(&got.body).contains("corp-mail"));
    }
}

#[tokio::test]
async fn depth_is_refused_or_screened() {
    let (upstream, gateway) = gateway(json!({})).await;
    for depth in [20, 120, 2000, 500_000] {
        let value = format!(
            "{}\"ann.lee@corp-mail.org\"{}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        let body = format!(
            r#"{{"model":"p/m","messages":[{{"role":"user","content":"Hi"}}],"metadata":{{"x":{value}}}}}"#
        );
        let before = upstream.hits();
        let answer = gateway.ask(CHAT, body).whole().await;
        match answer.status {
            200 => assert!(
                !String::from_utf8_lossy(&upstream.received()[before].body).contains("ann.lee"),
                "{depth}"
            ),
            400 => assert_eq!(upstream.hits(), before, "{depth}"),
            other => panic!("{depth}: {other}"),
        }
    }
    // Arguments are JSON in a string, and that may be deep, too.
    for depth in [50, 5000] {
        let arguments = format!(
            "{}\"ann.lee@corp-mail.org\"{}",
            r#"{"a":"#.repeat(depth),
            "}".repeat(depth)
        );
        let call = json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": arguments } });
        let body = json!({ "model": "p/m", "messages": [{ "role": "assistant", "content": null, "tool_calls": [call] }, { "role": "user", "content": "Hi" }] });
        let answer = gateway.ask(CHAT, body.to_string()).whole().await;
        if answer.status == 200 {
            let got = upstream.received().pop().expect("came");
            assert!(
                !String::from_utf8_lossy(&got.body).contains("ann.lee"),
                "{depth}"
            );
        }
    }
}

#[tokio::test]
async fn texts_made_to_be_slow_are_not() {
    let (_upstream, gateway) = gateway(json!({ "answers": { "EMAIL": "mask", "own": "block" }, "on_error": "allow", "prompts": { "injection": "observe" } })).await;
    let nested = (0..2000).fold(String::from("x"), |text, _| format!("({text})"));
    for text in [
        "a@".repeat(300_000),
        "4".repeat(600_000),
        "sk-".repeat(200_000),
        "%25".repeat(200_000),
        "\u{200b}a".repeat(150_000),
        "QUJD".repeat(150_000),
        "-----BEGIN PRIVATE KEY-----\n".repeat(20_000),
        "ODD<".repeat(150_000),
        "ignore previous ".repeat(40_000),
        nested,
    ] {
        let answer = gateway.ask(CHAT, client::chat("p/m", &text)).whole().await;
        assert!(
            [200, 400].contains(&answer.status),
            "{:.40}: {}",
            text,
            answer.status
        );
    }
}

#[tokio::test]
async fn hostile_answers_are_bounded_too() {
    for text in [
        "a@".repeat(100_000),
        "sk-".repeat(60_000),
        "Bluebird ".repeat(20_000),
        "[EMAIL_".repeat(20_000),
    ] {
        let sent = text.clone();
        let reply = Reply::made(move |path, body| {
            let said = Said::text(sent.clone());
            said.answer(path, body, Cut::At(100_000))
        });
        let section = guards(json!({ "answers": { "EMAIL": "mask", "own": "block" } }));
        let (_upstream, gateway) = super::behind(Kind::Openai, reply, section).await;
        for stream in [false, true] {
            let body = json!({ "model": "p/m", "stream": stream, "messages": [{ "role": "user", "content": "mail ann.lee@corp-mail.org" }] });
            let answer = gateway.ask(CHAT, body.to_string()).whole().await;
            assert_eq!(answer.text(), text, "{:.20} {stream}", text);
        }
    }
}
