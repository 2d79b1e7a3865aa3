//! Guards that only watch, and guards on others: bytes and times are those of a gateway without any.

use serde_json::{Value, json};

use super::{
    MAIL, guards,
    said::{Cut, Said},
};
use crate::{
    conversion::Speaks,
    harness::{Gateway, KEY, Response},
    upstream::{Gate, Kind, Reply, Upstream},
};

const NATIVE: [(Speaks, Kind); 4] = [
    (Speaks::Chat, Kind::Openai),
    (Speaks::Responses, Kind::Openai),
    (Speaks::Messages, Kind::Anthropic),
    (Speaks::Generate, Kind::Gemini),
];

/// A profile in which all would be blocked if it were enforced.
fn observing() -> Value {
    json!({
        "mode": "observe", "record_matches": false,
        "prompts": { "personal_data": "block", "own": "block" }, "answers": { "personal_data": "block", "own": "block", "leak": "block" },
    })
}

fn said() -> Said {
    Said {
        thinking: "The Bluebird Nine thinks".into(),
        text: format!("Bluebird Nine writes to {MAIL}, é日."),
        refusal: String::new(),
        arguments: json!({ "to": MAIL, "n": 1 }).to_string(),
    }
}

fn body(speaks: Speaks, stream: bool) -> String {
    let text = speaks.request("p/m", stream).to_string();
    text.replace("\"Hi\"", &format!("\"Hi {MAIL} of Bluebird Nine\""))
}

/// What the upstream got and what the client got, without what differs from request to request.
async fn exchange(
    gateway: &Gateway,
    upstream: &Upstream,
    speaks: Speaks,
    stream: bool,
    key: &str,
) -> (Vec<u8>, Vec<u8>, Vec<(String, String)>) {
    let ask = gateway.ask(&speaks.path("p%2Fm", stream), body(speaks, stream));
    let answer = ask
        .header("authorization", &format!("Bearer {key}"))
        .whole()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body_text());
    let got = upstream.received().pop().expect("came").body.to_vec();
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("a text").to_owned()))
        .filter(|(name, _)| {
            ![
                "x-sluicegate-request-id",
                "x-sluicegate-overhead-ms",
                "date",
                "x-request-id",
                "request-id",
            ]
            .contains(&name.as_str())
        })
        .collect();
    headers.sort();
    (got, answer.body.to_vec(), headers)
}

#[tokio::test]
async fn an_observing_guard_changes_no_byte_and_tells_what_it_saw() {
    for (speaks, kind) in NATIVE {
        let reply = || Reply::made(|path, body| said().answer(path, body, Cut::At(9)));
        let (upstream, watched) = super::behind(kind, reply(), guards(observing())).await;
        let plain = Gateway::start(json!({ "providers": { "p": upstream.provider() } })).await;
        for stream in [false, true] {
            let what = format!("{speaks:?} {stream}");
            let (got, told, mut headers) = exchange(&watched, &upstream, speaks, stream, KEY).await;
            let (plain_got, plain_told, plain_headers) =
                exchange(&plain, &upstream, speaks, stream, KEY).await;
            assert_eq!(
                String::from_utf8_lossy(&got),
                String::from_utf8_lossy(&plain_got),
                "{what}"
            );
            assert_eq!(
                String::from_utf8_lossy(&told),
                String::from_utf8_lossy(&plain_told),
                "{what}"
            );
            let guard = headers
                .extract_if(.., |(name, _)| name == "x-sluicegate-guard")
                .collect::<Vec<_>>();
            assert!(
                guard[0].1.starts_with("observe; profile=test; rules="),
                "{guard:?}"
            );
            headers.retain(|(name, _)| {
                !["content-length", "transfer-encoding"].contains(&name.as_str())
            });
            let mut plain_headers = plain_headers;
            plain_headers.retain(|(name, _)| {
                !["content-length", "transfer-encoding"].contains(&name.as_str())
            });
            assert_eq!(headers, plain_headers, "{what}");
        }
        // Both exchanges, both directions.
        let found = |direction: &str| {
            format!(
                r#"sluicegate_guard_findings_total{{direction="{direction}",rule="code_word",action="observe"}}"#
            )
        };
        assert_eq!(watched.metric(&found("prompt")).await, 2.0, "{speaks:?}");
        assert!(watched.metric(&found("answer")).await >= 4.0, "{speaks:?}");
        for record in watched.records() {
            let findings = record["guard"]["findings"].as_array().expect("findings");
            let has = |direction: &str, rule: &str| {
                findings
                    .iter()
                    .any(|f| f["direction"] == direction && f["rule"] == rule)
            };
            assert!(
                has("prompt", "code_word") && has("answer", "code_word") && has("answer", "email"),
                "{record}"
            );
            assert!(
                !record.to_string().contains("corp-mail")
                    && !record.to_string().contains("Bluebird"),
                "{record}"
            );
        }
    }
}

#[tokio::test]
async fn a_guard_on_one_key_is_none_of_anothers_business() {
    for (speaks, kind) in NATIVE {
        let reply = || Reply::made(|path, body| said().answer(path, body, Cut::Each));
        let upstream = Upstream::of(kind).then(reply()).start().await;
        let mut section =
            guards(json!({ "prompts": { "own": "redact" }, "answers": { "own": "block" } }));
        section
            .as_object_mut()
            .expect("an object")
            .remove("profile");
        super::warm(&section).await;
        let guarded = Gateway::start(json!({
            "providers": { "p": upstream.provider() }, "guards": section,
            "keys": [{ "name": "k", "secret": "sk-key-with-guard", "guard": "test" }, { "name": "l", "secret": KEY }],
        }))
        .await;
        let plain = Gateway::start(json!({ "providers": { "p": upstream.provider() } })).await;
        for stream in [false, true] {
            let other = exchange(&guarded, &upstream, speaks, stream, KEY).await;
            assert_eq!(
                other,
                exchange(&plain, &upstream, speaks, stream, KEY).await,
                "{speaks:?} {stream}"
            );
            let (got, told, headers) =
                exchange(&guarded, &upstream, speaks, stream, "sk-key-with-guard").await;
            let all = [got, told].concat();
            assert!(
                !String::from_utf8_lossy(&all).contains("Bluebird"),
                "{speaks:?}: the guard holds for its key"
            );
            assert!(headers.iter().any(|(name, _)| name == "x-sluicegate-guard"));
        }
    }
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

#[tokio::test]
async fn no_event_waits_for_the_next_one_though_it_would_be_blocked() {
    for (speaks, kind) in NATIVE {
        let gate = Gate::new();
        let tokens = ["Blue", "bird ", "Nine ", "ann@", "corp-mail", ".org"];
        let lifecycle = match speaks {
            Speaks::Messages | Speaks::Responses => 3,
            _ => 1,
        };
        let reply = Reply::tokens(tokens).stepped(lifecycle, &gate);
        let (_upstream, gateway) = super::behind(kind, reply, guards(observing())).await;
        let ask = gateway.ask(&speaks.path("p%2Fm", true), body(speaks, true));
        gate.open();
        let mut response = ask.send().await;
        for token in tokens {
            read_until(&mut response, token).await;
            gate.open();
        }
        gate.open_for_good();
        assert!(response.whole().await.says_done(), "{speaks:?}");
    }
}
