//! What a target cannot do: an error before the call, or left out and said so.

use serde_json::{Value, json};

use super::{Speaks, three};
use crate::{
    harness::Gateway,
    upstream::{Reply, Upstream, merge},
};

#[tokio::test]
async fn what_a_target_cannot_do_is_an_error_before_the_call_that_names_it() {
    let (gateway, upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
    let cases = [
        (
            Speaks::Chat,
            "p2/m2",
            json!({ "logprobs": true }),
            "logprobs",
        ),
        (Speaks::Chat, "p2/m2", json!({ "n": 2 }), "n"),
        (Speaks::Chat, "p2/m2", json!({ "made_up": 1 }), "made_up"),
        (
            Speaks::Chat,
            "p3/m3",
            json!({ "logit_bias": { "7": 1 } }),
            "logit_bias",
        ),
        (
            Speaks::Messages,
            "p1/gpt-4o",
            json!({ "top_k": 7 }),
            "top_k",
        ),
        (
            Speaks::Messages,
            "p3/m3",
            json!({ "made_up": 1 }),
            "made_up",
        ),
        (
            Speaks::Generate,
            "p2/m2",
            json!({ "generationConfig": { "seed": 7 } }),
            "seed",
        ),
        (
            Speaks::Responses,
            "p2/m2",
            json!({ "previous_response_id": "resp_1" }),
            "previous_response_id",
        ),
    ];
    for (speaks, model, changes, what) in cases {
        for stream in [false, true] {
            let answer = speaks
                .ask(&gateway, model, stream, changes.clone())
                .whole()
                .await;
            let body = answer.json();
            assert_eq!(answer.status, 400, "{what}: {body}");
            let (message, word) = speaks.error(&body);
            assert!(message.contains(&format!("`{what}`")), "{message}");
            let expected = match speaks {
                Speaks::Generate => "INVALID_ARGUMENT",
                _ => "invalid_request_error",
            };
            assert_eq!(word, expected);
            if matches!(speaks, Speaks::Chat | Speaks::Responses) {
                assert_eq!(body["error"]["code"], "unsupported_parameter");
                assert_eq!(body["error"]["param"], what);
            }
            assert_eq!(answer.header("x-should-retry"), Some("false"));
            let record = gateway.record(answer.id()).await;
            assert_eq!(
                (&record["error"], &record["attempts"]),
                (&json!("unsupported_parameter"), &json!(0))
            );
        }
    }
    assert_eq!(upstreams.iter().map(Upstream::hits).sum::<usize>(), 0);
}

#[tokio::test]
async fn hints_are_left_out_and_told_and_never_an_error() {
    let (gateway, _upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
    let changes = json!({ "service_tier": "flex", "prompt_cache_key": "k", "store": true });
    let answer = Speaks::Chat
        .ask(&gateway, "p2/m2", false, changes)
        .whole()
        .await;
    assert_eq!(answer.text(), "Hello");
    let dropped = answer
        .header("x-sluicegate-dropped")
        .expect("something was dropped");
    for what in ["service_tier", "prompt_cache_key", "store"] {
        assert!(dropped.contains(what), "{dropped}");
    }
    let answer = Speaks::Chat
        .ask(&gateway, "p2/m2", false, json!({ "n": 1 }))
        .whole()
        .await;
    assert_eq!(answer.header("x-sluicegate-dropped"), None);
}

/// Who decides what happens, and what then happens.
fn deciders() -> Vec<(Value, bool)> {
    let at = |top: &str, provider: &str, route: &str| {
        let word = |word: &str| match word {
            "" => Value::Null,
            word => word.into(),
        };
        json!({ "top": word(top), "provider": word(provider), "route": word(route) })
    };
    vec![
        (at("", "", ""), false),
        (at("drop", "", ""), true),
        (at("", "drop", ""), true),
        (at("", "", "drop"), true),
        (at("drop", "error", ""), false),
        (at("error", "drop", ""), true),
        (at("drop", "drop", "error"), false),
        (at("error", "error", "drop"), true),
    ]
}

#[tokio::test]
async fn the_route_decides_before_the_provider_and_that_before_all() {
    for (words, drops) in deciders() {
        let upstream = Upstream::anthropic().start().await;
        let mut config = json!({
            "providers": { "p": upstream.provider_with(json!({ "on_unsupported": words["provider"] })) },
            "routes": { "r": { "targets": ["p/m"] } },
        });
        config = merge(
            config,
            json!({
                "on_unsupported": words["top"], "routes": { "r": { "on_unsupported": words["route"] } },
            }),
        );
        let gateway = Gateway::start(config).await;
        for stream in [false, true] {
            let changes = json!({ "logprobs": true, "top_logprobs": 2, "seed": 7 });
            let answer = Speaks::Chat
                .ask(&gateway, "r", stream, changes)
                .whole()
                .await;
            if drops {
                assert_eq!(Speaks::Chat.read(&answer, stream).text, "Hello", "{words}");
                let dropped = answer
                    .header("x-sluicegate-dropped")
                    .expect("something was dropped");
                assert!(
                    dropped.contains("logprobs") && dropped.contains("seed"),
                    "{words}: {dropped}"
                );
                let body = upstream.received().pop().expect("one more").json();
                assert!(
                    body.get("logprobs").is_none() && body.get("seed").is_none(),
                    "{body}"
                );
            } else {
                assert_eq!(answer.status, 400, "{words}");
                assert_eq!(upstream.hits(), 0, "{words}");
            }
        }
    }
}

#[tokio::test]
async fn a_target_that_cannot_is_passed_over_for_one_that_can() {
    let anthropic = Upstream::anthropic().start().await;
    let openai = Upstream::openai().start().await;
    let gateway = Gateway::start(json!({
        "providers": { "p1": anthropic.provider(), "p2": openai.provider() },
        "routes": { "r": { "targets": ["p1/m1", "p2/m2"] } },
    }))
    .await;
    for stream in [false, true] {
        let changes = json!({ "logprobs": true });
        let ask = Speaks::Chat.ask(&gateway, "r", stream, changes);
        let answer = ask.whole().await;
        assert_eq!(answer.text(), "Hello");
        assert_eq!(answer.header("x-sluicegate-provider"), Some("p2"));
        assert_eq!(answer.header("x-sluicegate-dropped"), None);
        assert_eq!(gateway.record(&ask.id).await["attempts"], 1);
    }
    assert_eq!((anthropic.hits(), openai.hits()), (0, 2));
    assert_eq!(openai.received()[0].json()["logprobs"], true);
    // Without the wish the first is asked.
    let answer = Speaks::Chat
        .ask(&gateway, "r", false, json!({}))
        .whole()
        .await;
    assert_eq!(answer.header("x-sluicegate-provider"), Some("p1"));
}
