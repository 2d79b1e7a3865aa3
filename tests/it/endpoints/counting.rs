//! Tokens of a prompt, counted before it is sent.

use serde_json::{Value, json};

use crate::{
    conversion::{gateway, provider_of},
    upstream::{Reply, Upstream},
};

fn messages(model: &str) -> Value {
    json!({
        "model": model, "system": "Be brief.", "messages": [{ "role": "user", "content": "How are you today?" }],
        "tools": [{ "name": "weather", "input_schema": { "type": "object" } }],
    })
}

fn contents() -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": "How are you today?" }] }] })
}

#[tokio::test]
async fn geminis_clients_have_their_tokens_counted_by_anthropic() {
    let upstream = Upstream::anthropic()
        .then(Reply::json(&json!({ "input_tokens": 17 })))
        .start()
        .await;
    let gateway = gateway(upstream.provider()).await;
    let full = json!({ "generateContentRequest": {
        "model": "models/p/m", "contents": contents()["contents"],
        "systemInstruction": { "parts": [{ "text": "Be brief." }] }, "generationConfig": { "temperature": 0.5 },
    } });
    for body in [contents(), full.clone()] {
        let answer = gateway
            .ask("/v1beta/models/p/m:countTokens", body.to_string())
            .whole()
            .await;
        assert_eq!(answer.json(), json!({ "totalTokens": 17 }));
        let received = upstream.received().pop().expect("one more");
        assert_eq!(received.path, "/v1/messages/count_tokens");
        assert_eq!(received.header("anthropic-version"), Some("2023-06-01"));
        let counted = received.json();
        assert_eq!(counted["model"], "m");
        assert_eq!(counted.get("max_tokens"), None, "{counted}");
        assert_eq!(counted.get("temperature"), None, "{counted}");
        assert_eq!(counted["system"].is_null(), body != full, "{counted}");
    }
}

#[tokio::test]
async fn anthropics_clients_have_their_tokens_counted_by_gemini_and_bedrock() {
    let upstream = Upstream::gemini()
        .then(Reply::json(&json!({ "totalTokens": 23 })))
        .start()
        .await;
    let gateway_of_gemini = gateway(upstream.provider()).await;
    let answer = gateway_of_gemini
        .ask("/v1/messages/count_tokens", messages("p/m").to_string())
        .whole()
        .await;
    assert_eq!(answer.json(), json!({ "input_tokens": 23 }));
    let received = upstream.only();
    assert_eq!(received.path, "/v1beta/models/m:countTokens");
    let counted = &received.json()["generateContentRequest"];
    assert_eq!(counted["model"], "models/m");
    assert_eq!(
        counted["contents"][0]["parts"][0]["text"],
        "How are you today?"
    );
    assert_eq!(
        counted["systemInstruction"]["parts"][0]["text"],
        "Be brief."
    );

    let upstream = Upstream::openai()
        .then(Reply::json(&json!({ "inputTokens": 29 })))
        .start()
        .await;
    let provider = provider_of("bedrock", &upstream, json!({ "region": "us-east-1" }));
    let gateway = gateway(provider).await;
    let body = messages("p/anthropic.claude-x").to_string();
    let answer = gateway.ask("/v1/messages/count_tokens", body).whole().await;
    assert_eq!(answer.json(), json!({ "input_tokens": 29 }));
    let received = upstream.only();
    assert_eq!(received.path, "/model/anthropic.claude-x/count-tokens");
    let counted = &received.json()["input"]["converse"];
    assert_eq!(counted["system"], json!([{ "text": "Be brief." }]));
    assert_eq!(counted.get("inferenceConfig"), None);
}

#[tokio::test]
async fn what_nobody_counts_is_estimated_here_and_said_to_be() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(upstream.provider()).await;
    let ask = gateway.ask(
        "/v1/messages/count_tokens",
        messages("p/gpt-4o").to_string(),
    );
    let answer = ask.whole().await;
    let body = answer.json();
    assert_eq!(body["estimated"], true, "{body}");
    let tokens = body["input_tokens"].as_u64().expect("a count");
    assert!((10..60).contains(&tokens), "{body}");
    let short = gateway
        .ask(
            "/v1beta/models/p/gpt-4o:countTokens",
            contents().to_string(),
        )
        .whole()
        .await
        .json();
    assert_eq!(short["estimated"], true, "{short}");
    assert!(
        short["totalTokens"].as_u64().expect("a count") < tokens,
        "{short}"
    );
    assert_eq!(upstream.hits(), 0);
    let record = gateway.record(&ask.id).await;
    assert_eq!(
        (&record["operation"], &record["status"]),
        (&json!("messages_count_tokens"), &json!(200))
    );
    assert_eq!(record["attempts"], 0);
}

#[tokio::test]
async fn an_error_of_whoever_counts_is_told_in_the_clients_dialect() {
    let upstream = Upstream::gemini().then(400).start().await;
    let gateway = gateway(upstream.provider()).await;
    let body = messages("p/m").to_string();
    let answer = gateway.ask("/v1/messages/count_tokens", body).whole().await;
    assert_eq!(answer.status, 400);
    let body = answer.json();
    assert_eq!(
        (&body["type"], &body["error"]["message"]),
        (&json!("error"), &json!("scripted 400"))
    );
}
