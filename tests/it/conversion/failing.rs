//! Errors of providers, as clients of other dialects hear them.

use serde_json::{Value, json};

use super::{Speaks, gateway, provider_of, three};
use crate::upstream::{Reply, Upstream};

#[tokio::test]
async fn an_error_is_told_with_its_status_in_the_clients_dialect_also_to_those_who_want_a_stream() {
    let (gateway, upstreams) = three([200, 200, 200].map(Reply::status)).await;
    for status in [400, 403, 404, 413, 429, 500, 503, 529] {
        for upstream in &upstreams {
            upstream.now(status);
        }
        for speaks in Speaks::ALL {
            for model in ["p1/m1", "p2/m2", "p3/m3"] {
                for stream in [false, true] {
                    let what = format!("{status} {speaks:?} {model} {stream}");
                    let ask = speaks.ask(&gateway, model, stream, json!({}));
                    let answer = ask.whole().await;
                    assert_eq!(answer.status, status, "{what}");
                    assert_eq!(
                        answer.header("content-type"),
                        Some("application/json"),
                        "{what}"
                    );
                    assert_eq!(
                        answer.header("content-length"),
                        Some(&*answer.body.len().to_string()),
                        "{what}"
                    );
                    let (message, _) = speaks.error(&answer.json());
                    assert_eq!(message, format!("scripted {status}"), "{what}");
                    assert_eq!(answer.id(), ask.id, "{what}");
                    let native = if speaks == Speaks::Messages {
                        "request-id"
                    } else {
                        "x-request-id"
                    };
                    assert_eq!(answer.header(native), Some(&*ask.id), "{what}");
                    let record = gateway.record(&ask.id).await;
                    assert_eq!(record["status"], status, "{what}");
                    assert_eq!(record["outcome"], "upstream_error", "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_provider_that_refuses_our_key_is_told_as_ours_to_fix() {
    let (gateway, _upstreams) = three([401, 401, 401].map(Reply::status)).await;
    for speaks in Speaks::ALL {
        for model in ["p1/m1", "p2/m2", "p3/m3"] {
            for stream in [false, true] {
                let answer = speaks.ask(&gateway, model, stream, json!({})).whole().await;
                assert_eq!(answer.status, 502, "{speaks:?} {model}");
                let (message, _) = speaks.error(&answer.json());
                assert!(
                    message.contains("operator"),
                    "{speaks:?} {model}: {message}"
                );
                assert!(!answer.body_text().contains("scripted"));
                let record = gateway.record(answer.id()).await;
                assert_eq!(record["error"], "upstream_authentication_failed");
                if speaks == Speaks::Chat {
                    assert_eq!(
                        answer.json()["error"]["code"],
                        "upstream_authentication_failed"
                    );
                }
            }
        }
    }
}

/// One and the same error, in the words of each provider.
fn too_long() -> Vec<(&'static str, u16, Value)> {
    vec![
        (
            "openai",
            400,
            json!({ "error": { "message": "Too long.", "type": "invalid_request_error",
                "param": "messages", "code": "context_length_exceeded" } }),
        ),
        (
            "anthropic",
            400,
            json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "Too long." },
                "request_id": "req_1" }),
        ),
        (
            "gemini",
            400,
            json!({ "error": { "code": 400, "message": "Too long.", "status": "INVALID_ARGUMENT" } }),
        ),
        ("bedrock", 400, json!({ "message": "Too long." })),
        ("cohere", 400, json!({ "id": "1", "message": "Too long." })),
    ]
}

#[tokio::test]
async fn type_code_and_parameter_of_an_error_keep_their_sense() {
    for (kind, status, error) in too_long() {
        let upstream = Upstream::openai()
            .then(Reply::json(&error).with_status(status))
            .start()
            .await;
        let provider = match kind {
            // So that chats are converted, too.
            "openai" => upstream.provider(),
            "bedrock" => provider_of(kind, &upstream, json!({ "region": "us-east-1" })),
            _ => provider_of(kind, &upstream, json!({})),
        };
        let gateway = gateway(provider).await;
        for speaks in Speaks::ALL {
            let answer = speaks.ask(&gateway, "p/m", false, json!({})).whole().await;
            let body = answer.json();
            let what = format!("{kind} {speaks:?} {body}");
            assert_eq!(answer.status, 400, "{what}");
            let (message, word) = speaks.error(&body);
            assert_eq!(message, "Too long.", "{what}");
            let expected = match speaks {
                Speaks::Generate => "INVALID_ARGUMENT",
                _ => "invalid_request_error",
            };
            assert_eq!(word, expected, "{what}");
            if kind == "openai" && matches!(speaks, Speaks::Chat | Speaks::Responses) {
                assert_eq!(body["error"]["param"], "messages");
                assert_eq!(body["error"]["code"], "context_length_exceeded");
            }
        }
    }
}

#[tokio::test]
async fn the_types_of_errors_are_those_that_the_clients_sdk_knows() {
    let words = [
        (403, "permission_error", "PERMISSION_DENIED"),
        (404, "not_found_error", "NOT_FOUND"),
        (429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
        (500, "api_error", "INTERNAL"),
        (529, "overloaded_error", "UNAVAILABLE"),
    ];
    for (status, anthropic, gemini) in words {
        let error = json!({ "error": { "message": "No.", "type": "server_error", "param": null, "code": null } });
        let upstream = Upstream::openai()
            .then(Reply::json(&error).with_status(status))
            .start()
            .await;
        let gateway = gateway(upstream.provider()).await;
        for (speaks, expected) in [(Speaks::Messages, anthropic), (Speaks::Generate, gemini)] {
            let answer = speaks.ask(&gateway, "p/m", true, json!({})).whole().await;
            let (_, word) = speaks.error(&answer.json());
            assert_eq!(word, expected, "{status} {speaks:?}");
        }
    }
}

/// Whether a client's own dialect is spoken there, so that nothing is converted.
fn is_native(speaks: Speaks, model: &str) -> bool {
    match speaks {
        Speaks::Chat | Speaks::Responses | Speaks::Completions => model == "p1/m1",
        Speaks::Messages => model == "p2/m2",
        Speaks::Generate => model == "p3/m3",
    }
}

#[tokio::test]
async fn an_error_event_before_any_content_is_an_answer_with_the_status_it_stands_for() {
    let (gateway, _upstreams) = three([
        Reply::error_after_lifecycle(529),
        Reply::error_after_lifecycle(529),
        Reply::error_after_lifecycle(529),
    ])
    .await;
    for speaks in Speaks::ALL {
        for model in ["p1/m1", "p2/m2", "p3/m3"] {
            if is_native(speaks, model) {
                continue;
            }
            let answer = speaks.ask(&gateway, model, true, json!({})).whole().await;
            let what = format!("{speaks:?} {model}: {}", answer.body_text());
            assert_eq!(answer.status, 529, "{what}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/json"),
                "{what}"
            );
            let (message, word) = speaks.error(&answer.json());
            assert_eq!(message, "scripted", "{what}");
            let expected = match speaks {
                Speaks::Messages => "overloaded_error",
                Speaks::Generate => "UNAVAILABLE",
                _ => "server_error",
            };
            assert_eq!(word, expected, "{what}");
        }
    }
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let replies = [
        ("half of it", Reply::text("Hello").in_half()),
        ("nothing", Reply::body("application/json", "")),
        (
            "no JSON",
            Reply::body("application/json", "<html>busy</html>"),
        ),
        ("other JSON", Reply::json(&json!({ "status": "ok" }))),
        ("null", Reply::body("application/json", "null")),
        ("a list", Reply::body("application/json", "[1, 2]")),
        ("a closed connection", Reply::closes()),
    ];
    let (gateway, upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
    for (name, reply) in replies {
        for upstream in &upstreams {
            upstream.now(reply.clone());
        }
        for speaks in Speaks::ALL {
            for model in ["p1/m1", "p2/m2", "p3/m3"] {
                if is_native(speaks, model) {
                    continue;
                }
                for stream in [false, true] {
                    let answer = speaks.ask(&gateway, model, stream, json!({})).whole().await;
                    let what =
                        format!("{name} {speaks:?} {model} {stream}: {}", answer.body_text());
                    assert_eq!(answer.status, 502, "{what}");
                    speaks.error(&answer.json());
                    assert!(
                        !answer.says_done() && !answer.body_text().contains("busy"),
                        "{what}"
                    );
                }
            }
        }
    }
}
