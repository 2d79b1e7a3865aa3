//! Failing over from one dialect to another, within one request.

use serde_json::{Value, json};

use super::{Speaks, is_cut_off, three};
use crate::{
    harness::KEY,
    upstream::{End, Received, Reply, Upstream},
};

/// Everything that lets the next target take over, before any content.
fn faults() -> Vec<(&'static str, Reply)> {
    vec![
        ("500", Reply::status(500)),
        ("503", Reply::status(503)),
        ("an error event", Reply::error_event(529)),
        (
            "an error event after the start",
            Reply::error_after_lifecycle(529),
        ),
        ("a reset", Reply::resets()),
        ("an end without an answer", Reply::closes()),
        (
            "a cut before the content",
            Reply::text("Hello").dies_after(1, End::Fin),
        ),
        (
            "a reset before the content",
            Reply::text("Hello").dies_after(1, End::Reset),
        ),
        ("no JSON", Reply::body("application/json", "<html>")),
        ("429", Reply::status(429)),
        (
            "429 with a hint",
            Reply::status(429).header("retry-after", 7),
        ),
    ]
}

/// The bodies that providers get for the short question, whoever asks.
fn expected(speaks: Speaks, stream: bool) -> [Value; 3] {
    let mut openai = match speaks {
        Speaks::Chat => speaks.request("m1", stream),
        Speaks::Responses => speaks.request("m1", stream),
        _ => json!({
            "model": "m1", "messages": [
                { "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hi" },
            ],
            "max_tokens": 64,
        }),
    };
    let mut anthropic = json!({
        "model": "m2", "max_tokens": 64, "system": "Be brief.",
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }],
    });
    if speaks == Speaks::Messages {
        anthropic["messages"][0]["content"] = "Hi".into();
    }
    if stream {
        openai["stream"] = true.into();
        anthropic["stream"] = true.into();
        if speaks != Speaks::Responses {
            openai["stream_options"] = json!({ "include_usage": true });
        }
    }
    [openai, anthropic, Speaks::Generate.request("m3", stream)]
}

fn has_own_credential_only(received: &Received, upstream: &Upstream, others: &[Upstream]) {
    let head: String = received
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().expect("a text")))
        .collect();
    assert!(head.contains(&upstream.key()), "{head}");
    for other in others {
        assert!(
            other.address() == upstream.address() || !head.contains(&other.key()),
            "{head}"
        );
    }
    let credentials: Vec<&str> = ["authorization", "x-api-key", "x-goog-api-key", "api-key"]
        .into_iter()
        .filter(|name| received.header(name).is_some())
        .collect();
    assert_eq!(credentials.len(), 1, "{head}");
    let body = String::from_utf8_lossy(&received.body);
    assert!(
        !head.contains(KEY) && !received.path.contains(KEY) && !body.contains(KEY),
        "{head}"
    );
}

#[tokio::test]
async fn each_target_gets_the_pristine_request_in_its_own_dialect() {
    let (mut gateway, mut upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
    for speaks in Speaks::ALL {
        for stream in [false, true] {
            for (name, fault) in faults() {
                if !stream && (name.contains("event") || name.contains("content")) {
                    continue;
                }
                if speaks == Speaks::Chat && name == "no JSON" && stream {
                    // An answer without its content type is believed to be one.
                    continue;
                }
                let what = format!("{name} {speaks:?} {stream}");
                // A limited credential rests, and what comes later is not sent there.
                if name.starts_with("429") || name == "500" {
                    (gateway, upstreams) =
                        three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
                }
                upstreams[0].now(fault.clone());
                upstreams[1].now(fault);
                let before: Vec<usize> = upstreams.iter().map(Upstream::hits).collect();
                let ask = speaks.ask(&gateway, "all", stream, json!({}));
                let answer = ask.whole().await;
                assert_eq!(answer.status, 200, "{what}: {}", answer.body_text());
                if speaks == Speaks::Generate && stream {
                    // The last target's own stream passes.
                    assert_eq!(answer.text(), "Hello", "{what}");
                } else {
                    assert_eq!(speaks.read(&answer, stream).text, "Hello", "{what}");
                }
                assert_eq!(answer.header("x-sluicegate-provider"), Some("p3"), "{what}");
                let record = gateway.record(&ask.id).await;
                assert_eq!(record["model"], "all", "{what}");
                assert_eq!(record["target_model"], "m3", "{what}");
                for ((upstream, before), expected) in
                    upstreams.iter().zip(before).zip(expected(speaks, stream))
                {
                    let received = upstream.received();
                    assert!(received.len() > before, "{what}");
                    for received in &received[before..] {
                        assert_eq!(received.json(), expected, "{what}");
                        has_own_credential_only(received, upstream, &upstreams);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_client_hears_one_start_whoever_failed_before() {
    let (gateway, _upstreams) = three([
        Reply::error_after_lifecycle(529),
        Reply::error_after_lifecycle(529),
        Reply::text("Hello dear"),
    ])
    .await;
    for (speaks, start) in [
        (Speaks::Chat, "\"role\":\"assistant\""),
        (Speaks::Responses, "event: response.created"),
        (Speaks::Messages, "event: message_start"),
    ] {
        let answer = speaks.ask(&gateway, "all", true, json!({})).whole().await;
        assert_eq!(speaks.read(&answer, true).text, "Hello dear");
        let text = answer.body_text();
        assert_eq!(text.matches(start).count(), 1, "{speaks:?}: {text}");
    }
}

#[tokio::test]
async fn when_all_fail_the_last_error_and_the_soonest_return_are_told() {
    let (gateway, upstreams) = three([
        Reply::status(429).header("retry-after", 30),
        Reply::status(429).header("retry-after", 20),
        Reply::status(429).header("retry-after", 40),
    ])
    .await;
    for speaks in Speaks::ALL {
        // Those who said when to come back are left alone until then, but what they said counts.
        let answer = speaks.ask(&gateway, "all", true, json!({})).whole().await;
        assert_eq!(answer.status, 429);
        let after: u64 = answer
            .header("retry-after")
            .expect("a hint")
            .parse()
            .expect("seconds");
        assert!((1..=20).contains(&after), "{speaks:?} {after}");
        speaks.error(&answer.json());
    }
    assert_eq!(upstreams.map(|upstream| upstream.hits()), [1, 1, 4]);
}

#[tokio::test]
async fn after_content_a_failure_is_told_and_nothing_is_begun_anew() {
    let (gateway, upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
    let breaks = [
        ("an error event", Reply::error_after("one two ", 529)),
        (
            "the end",
            Reply::text("one two three").dies_after(4, End::Good),
        ),
        (
            "a reset",
            Reply::text("one two three").dies_after(4, End::Reset),
        ),
        (
            "half an event",
            Reply::text("one two three")
                .dies_after(4, End::Fin)
                .in_mid_frame(),
        ),
    ];
    for (name, fault) in breaks {
        for upstream in &upstreams {
            upstream.now(fault.clone());
        }
        for speaks in [
            Speaks::Chat,
            Speaks::Responses,
            Speaks::Messages,
            Speaks::Generate,
        ] {
            for (model, native) in [
                ("p1/m1", matches!(speaks, Speaks::Chat | Speaks::Responses)),
                ("p2/m2", speaks == Speaks::Messages),
                ("p3/m3", speaks == Speaks::Generate),
            ] {
                if native {
                    continue;
                }
                let what = format!("{name} {speaks:?} {model}");
                let hits: usize = upstreams.iter().map(Upstream::hits).sum();
                let ask = speaks.ask(&gateway, model, true, json!({}));
                let answer = ask.whole().await;
                assert_eq!(answer.status, 200, "{what}");
                assert!(answer.body_text().contains("one"), "{what}");
                is_cut_off(speaks.form(), &answer);
                let record = gateway.record(&ask.id).await;
                let outcome = if name == "an error event" {
                    "upstream_error"
                } else {
                    "truncated"
                };
                assert_eq!(record["outcome"], outcome, "{what}");
                let now: usize = upstreams.iter().map(Upstream::hits).sum();
                assert_eq!(now, hits + 1, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn converted_bodies_are_the_same_each_time_and_after_a_restart() {
    let tools = json!([
        { "name": "b", "description": "B.", "input_schema": { "type": "object", "properties": {
            "z": { "type": "string" }, "a": { "type": "integer" } }, "required": ["z"] } },
        { "name": "a", "input_schema": { "type": "object" } },
    ]);
    let mut bodies: Vec<Vec<bytes::Bytes>> = Vec::new();
    for _ in 0..2 {
        let (gateway, upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
        for _ in 0..2 {
            for model in ["p1/m1", "p3/m3"] {
                let changes = json!({ "tools": tools, "temperature": 0.5 });
                let answer = Speaks::Messages
                    .ask(&gateway, model, false, changes)
                    .whole()
                    .await;
                assert_eq!(answer.status, 200);
            }
        }
        for upstream in [&upstreams[0], &upstreams[2]] {
            bodies.push(upstream.received().into_iter().map(|r| r.body).collect());
        }
    }
    for (first, second) in [(0, 2), (1, 3)] {
        assert_eq!(bodies[first][0], bodies[first][1]);
        assert_eq!(bodies[first], bodies[second]);
        // Tools and properties stand in the client's order.
        let text = String::from_utf8_lossy(&bodies[first][0]);
        let at = |what: &str| {
            text.find(what)
                .unwrap_or_else(|| panic!("no {what} in {text}"))
        };
        assert!(
            at("\"b\"") < at("\"a\"") && at("\"z\"") < at("\"a\":"),
            "{text}"
        );
    }
}
