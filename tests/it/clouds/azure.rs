//! Microsoft Azure: deployments, versions, and tokens of Entra ID.

use serde_json::{Value, json};

use crate::{
    conversion::{Speaks, gateway, provider_of},
    harness::KEY,
    upstream::{Reply, Upstream, merge},
};

const VERSION: &str = "2024-10-21";

fn of(upstream: &Upstream, changes: Value) -> Value {
    provider_of("azure", upstream, changes)
}

#[tokio::test]
async fn a_version_leads_to_deployments_and_none_to_the_common_api() {
    let deployments = json!({ "gpt-4o": "our-4o" });
    let with_version = json!({ "api_version": VERSION, "deployments": deployments });
    let without = json!({ "deployments": deployments });
    let embedding = ("/v1/embeddings", json!({ "input": "a" }));
    let chat = ("/v1/chat/completions", Speaks::Chat.request("x", false));
    let messages = ("/v1/messages", Speaks::Messages.request("x", false));
    let responses = ("/v1/responses", Speaks::Responses.request("x", false));
    let deployed =
        |suffix: &str| format!("/openai/deployments/our-4o{suffix}?api-version={VERSION}");
    for (section, (path, body), expected) in [
        (&with_version, &chat, deployed("/chat/completions")),
        (&with_version, &messages, deployed("/chat/completions")),
        (&with_version, &embedding, deployed("/embeddings")),
        (
            &with_version,
            &responses,
            format!("/openai/responses?api-version={VERSION}"),
        ),
        (&without, &chat, "/openai/v1/chat/completions".to_owned()),
        (
            &without,
            &messages,
            "/openai/v1/chat/completions".to_owned(),
        ),
        (&without, &responses, "/openai/v1/responses".to_owned()),
        (&without, &embedding, "/openai/v1/embeddings".to_owned()),
    ] {
        let upstream = Upstream::openai().start().await;
        let gateway = gateway(of(&upstream, section.clone())).await;
        let body = merge(body.clone(), json!({ "model": "p/gpt-4o" }));
        let answer = gateway.ask(path, body.to_string()).whole().await;
        assert_eq!(answer.status, 200, "{expected}: {}", answer.body_text());
        let received = upstream.only();
        assert_eq!(received.path, expected);
        assert_eq!(received.json()["model"], "our-4o", "{expected}");
        assert_eq!(received.header("api-key"), Some(&*upstream.key()));
        assert_eq!(received.header("authorization"), None);
        assert!(!format!("{:?}", received.headers).contains(KEY));
    }
}

#[tokio::test]
async fn a_token_of_entra_is_fetched_once_and_sent_instead_of_a_key() {
    let tokens = Upstream::openai()
        .then(Reply::json(
            &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "entra-token" }),
        ))
        .start()
        .await;
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(of(
        &upstream,
        json!({ "api_key": null, "entra": {
            "tenant_id": "11111111-2222-3333-4444-555555555555", "client_id": "an-app", "client_secret": "s3cr&t=",
            "authority": format!("http://{}", tokens.address()),
        } }),
    ))
    .await;
    let asks: Vec<_> = (0..10)
        .map(|_| async {
            Speaks::Messages
                .hears(&gateway, "p/gpt-4o", false)
                .await
                .text
        })
        .collect();
    for text in super::all(asks).await {
        assert_eq!(text, "Hello");
    }
    let asked = tokens.only();
    assert_eq!(
        asked.path,
        "/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token"
    );
    assert_eq!(
        asked.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=an-app&client_secret=s3cr%26t%3D\
         &scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
    );
    for received in upstream.received() {
        assert_eq!(received.header("authorization"), Some("Bearer entra-token"));
        assert_eq!(received.header("api-key"), None);
    }
    assert_eq!(upstream.hits(), 10);
    assert!(!gateway.log().contains("entra-token") && !gateway.log().contains("s3cr"));
}
