//! Google Vertex AI: paths, Claude there, and tokens of service accounts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    conversion::{Speaks, provider_of, told},
    harness::Gateway,
    upstream::{Kind, Reply, Upstream, merge},
};

/// A key made for these tests alone; it opens nothing.
const TEST_KEY: &str = include_str!("test_key.pem");

fn token(name: &str, life: u32) -> Reply {
    Reply::json(&json!({ "access_token": name, "expires_in": life, "token_type": "Bearer" }))
}

fn account(tokens: &Upstream) -> String {
    json!({
        "type": "service_account", "project_id": "proj", "private_key_id": "kid-1", "private_key": TEST_KEY,
        "client_email": "gateway@proj.iam.gserviceaccount.com",
        "token_uri": format!("http://{}/token", tokens.address()),
    })
    .to_string()
}

async fn world(models: &Upstream, tokens: &Upstream, changes: Value) -> Gateway {
    let section = json!({ "api_key": null, "location": "europe-west4", "google": account(tokens) });
    let provider = provider_of("vertex", models, merge(section, changes));
    Gateway::start(json!({ "providers": { "p": provider } })).await
}

async fn models() -> Upstream {
    Upstream::of(Kind::Gemini).start().await
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_who_wait_for_it() {
    let gate = crate::upstream::Gate::new();
    let tokens = Upstream::openai()
        .then(token("ya29.one", 3599).head_waits(&gate))
        .start()
        .await;
    let models = models().await;
    let gateway = world(&models, &tokens, json!({})).await;
    let asks: Vec<_> = (0..20)
        .map(|n| {
            let (gateway, speaks) = (&gateway, Speaks::ALL[n % 4]);
            async move {
                speaks
                    .hears(gateway, "p/gemini-2.5-flash", false)
                    .await
                    .text
            }
        })
        .collect();
    let open = async {
        // All of them wait before the token comes.
        gateway
            .metric_becomes("sluicegate_open_requests", 20.0)
            .await;
        assert_eq!(models.hits(), 0);
        gate.open_for_good();
    };
    let (texts, ()) = tokio::join!(super::all(asks), open);
    assert_eq!(texts, ["Hello"; 20]);
    assert_eq!(models.hits(), 20);
    for received in models.received() {
        assert_eq!(received.header("authorization"), Some("Bearer ya29.one"));
        assert_eq!(received.header("x-goog-api-key"), None);
    }
    // Again later: the token is kept.
    Speaks::Messages
        .hears(&gateway, "p/gemini-2.5-flash", false)
        .await;
    let asked = tokens.only();
    assert_eq!(asked.path, "/token");
    let form = String::from_utf8(asked.body.to_vec()).expect("a form");
    let assertion = form
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .unwrap_or_else(|| panic!("{form}"));
    let parts: Vec<Value> = assertion
        .split('.')
        .take(2)
        .map(|part| {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
        })
        .collect();
    assert_eq!(
        (&parts[0]["alg"], &parts[0]["kid"]),
        (&json!("RS256"), &json!("kid-1"))
    );
    let claims = &parts[1];
    assert_eq!(claims["iss"], "gateway@proj.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], format!("http://{}/token", tokens.address()));
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/cloud-platform"
    );
    let life = claims["exp"].as_u64().expect("a time") - claims["iat"].as_u64().expect("a time");
    assert!(life <= 3600, "{claims}");
    assert!(!gateway.log().contains("ya29") && !gateway.log().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_within_the_request() {
    let tokens = Upstream::openai()
        .then(token("ya29.one", 3599))
        .then(token("ya29.two", 3599))
        .start()
        .await;
    let models = Upstream::of(Kind::Gemini)
        .then(401)
        .then(Reply::text("Hello"))
        .start()
        .await;
    let gateway = world(&models, &tokens, json!({})).await;
    for _ in 0..2 {
        assert_eq!(
            Speaks::Chat
                .hears(&gateway, "p/gemini-2.5-flash", true)
                .await
                .text,
            "Hello"
        );
    }
    let sent: Vec<String> = models
        .received()
        .iter()
        .map(|r| r.header("authorization").expect("a token").to_owned())
        .collect();
    assert_eq!(
        sent,
        ["Bearer ya29.one", "Bearer ya29.two", "Bearer ya29.two"]
    );
    assert_eq!(tokens.hits(), 2);
}

#[tokio::test]
async fn an_account_that_is_refused_for_good_is_told_as_ours_to_fix() {
    let tokens = Upstream::openai()
        .then(token("ya29.one", 3599))
        .start()
        .await;
    let models = Upstream::of(Kind::Gemini).then(401).start().await;
    let gateway = world(&models, &tokens, json!({})).await;
    for speaks in Speaks::ALL {
        let answer = speaks
            .ask(&gateway, "p/gemini-2.5-flash", true, json!({}))
            .whole()
            .await;
        assert_eq!(answer.status, 502, "{speaks:?}");
        let record = gateway.record(answer.id()).await;
        assert_eq!(record["error"], "upstream_authentication_failed");
    }
    // The first request had its token renewed; the others would not be helped by that.
    assert_eq!((tokens.hits(), models.hits()), (2, 5));
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_is_told_without_its_secrets() {
    let refusal =
        json!({ "error": "invalid_grant", "error_description": "Invalid JWT Signature." });
    let tokens = Upstream::openai()
        .then(Reply::json(&refusal).with_status(400))
        .start()
        .await;
    let models = models().await;
    let gateway = world(&models, &tokens, json!({})).await;
    let ask = Speaks::Chat.ask(&gateway, "p/gemini-2.5-flash", false, json!({}));
    let answer = ask.whole().await;
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.json()["error"]["code"],
        "upstream_authentication_failed"
    );
    assert!(
        !answer.body_text().contains("JWT"),
        "{}",
        answer.body_text()
    );
    let record = gateway.record(&ask.id).await;
    assert!(
        record["detail"]
            .as_str()
            .expect("a detail")
            .contains("invalid_grant"),
        "{record}"
    );
    assert_eq!(models.hits(), 0);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_an_ended_one_is_never_sent() {
    // The shortest life that is taken.
    let tokens = Upstream::openai()
        .then(token("ya29.one", 5))
        .then(token("ya29.two", 3599))
        .start()
        .await;
    let models = models().await;
    let gateway = world(&models, &tokens, json!({})).await;
    Speaks::Chat
        .hears(&gateway, "p/gemini-2.5-flash", false)
        .await;
    // Renewed without anybody asking.
    tokens.wait_hits(2).await;
    crate::harness::within("the new token is used", async {
        loop {
            Speaks::Chat
                .hears(&gateway, "p/gemini-2.5-flash", false)
                .await;
            let last = models.received().pop().expect("one more");
            if last.header("authorization") == Some("Bearer ya29.two") {
                break;
            }
        }
    })
    .await;
    assert_eq!(tokens.hits(), 2);

    // One that cannot be renewed ends.
    let tokens = Upstream::openai()
        .then(token("ya29.one", 5))
        .then(Reply::status(503))
        .start()
        .await;
    let start = std::time::Instant::now();
    let gateway = world(&models, &tokens, json!({})).await;
    Speaks::Chat
        .hears(&gateway, "p/gemini-2.5-flash", false)
        .await;
    let mut hits = models.hits();
    let answer = crate::harness::within("the token ends", async {
        loop {
            let answer = Speaks::Chat
                .ask(&gateway, "p/gemini-2.5-flash", false, json!({}))
                .whole()
                .await;
            if answer.status != 200 {
                break answer;
            }
            hits = models.hits();
            // It was sent within its life, which began after the start.
            assert!(start.elapsed() < std::time::Duration::from_secs(30));
        }
    })
    .await;
    assert_eq!(
        answer.json()["error"]["code"],
        "upstream_authentication_failed"
    );
    assert_eq!(models.hits(), hits);
    assert!(start.elapsed() >= std::time::Duration::from_secs(5));
}

#[tokio::test]
async fn gemini_has_its_path_and_form_at_vertex() {
    let tokens = Upstream::openai()
        .then(token("ya29.one", 3599))
        .start()
        .await;
    let models = models().await;
    let gateway = world(&models, &tokens, json!({})).await;
    let below =
        "/v1/projects/proj/locations/europe-west4/publishers/google/models/gemini-2.5-flash";
    for speaks in Speaks::ALL {
        for stream in [false, true] {
            let answer = speaks
                .ask(&gateway, "p/gemini-2.5-flash", stream, json!({}))
                .whole()
                .await;
            assert_eq!(answer.text(), "Hello", "{speaks:?}");
            let received = models.received().pop().expect("one more");
            let verb = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            assert_eq!(received.path, format!("{below}:{verb}"), "{speaks:?}");
            assert_eq!(
                received.json(),
                Speaks::Generate.request("", false),
                "{speaks:?}"
            );
        }
    }
}

#[tokio::test]
async fn claude_has_its_path_and_form_at_vertex() {
    let tokens = Upstream::openai()
        .then(token("ya29.one", 3599))
        .start()
        .await;
    let models = models().await;
    let gateway = world(&models, &tokens, json!({ "location": null })).await;
    let model = "claude-sonnet-4-5@20250929";
    let below = format!("/v1/projects/proj/locations/global/publishers/anthropic/models/{model}");
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model,
        "content": [{ "type": "text", "text": "Hello" }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 9, "output_tokens": 2 },
    });
    let mut begun = message.clone();
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    let events = [
        json!({ "type": "message_start", "message": begun }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hello" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
            "usage": { "output_tokens": 2 } }),
        json!({ "type": "message_stop" }),
    ];
    for speaks in Speaks::ALL {
        for stream in [false, true] {
            models.now(if stream {
                crate::conversion::named_stream(&events)
            } else {
                Reply::json(&message)
            });
            let told: told::Told = speaks.hears(&gateway, &format!("p/{model}"), stream).await;
            assert_eq!(told.text, "Hello", "{speaks:?}");
            let received = models.received().pop().expect("one more");
            let verb = if stream {
                "streamRawPredict"
            } else {
                "rawPredict"
            };
            assert_eq!(received.path, format!("{below}:{verb}"), "{speaks:?}");
            assert_eq!(received.header("authorization"), Some("Bearer ya29.one"));
            let body = received.json();
            // A client of Anthropic's has its own words there.
            let content = match speaks {
                Speaks::Messages => json!("Hi"),
                _ => json!([{ "type": "text", "text": "Hi" }]),
            };
            let mut expected = json!({
                "anthropic_version": "vertex-2023-10-16", "max_tokens": 64, "system": "Be brief.",
                "messages": [{ "role": "user", "content": content }],
            });
            if stream {
                expected["stream"] = true.into();
            }
            assert_eq!(body, expected, "{speaks:?}");
        }
    }
    // A count names its model in the body.
    models.now(Reply::json(&json!({ "input_tokens": 7 })));
    let body = Speaks::Messages.request(&format!("p/{model}"), false);
    let mut body = merge(body, json!({ "max_tokens": null }));
    body["model"] = format!("p/{model}").into();
    let answer = gateway
        .ask("/v1/messages/count_tokens", body.to_string())
        .whole()
        .await;
    assert_eq!(answer.json(), json!({ "input_tokens": 7 }));
    let received = models.received().pop().expect("one more");
    let below = "/v1/projects/proj/locations/global/publishers/anthropic/models";
    assert_eq!(received.path, format!("{below}/count-tokens:rawPredict"));
    assert_eq!(received.json()["model"], model);
}
