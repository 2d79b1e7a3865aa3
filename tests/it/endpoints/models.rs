//! The list of models in each dialect's shape.

use http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Gateway, KEY},
    upstream::Upstream,
};

async fn world() -> (Gateway, Upstream) {
    let upstream = Upstream::openai().start().await;
    let gateway = Gateway::start(json!({
        "providers": { "p": upstream.provider() },
        "routes": { "fast": { "targets": ["p/gpt-5.4"] }, "our-own": { "targets": ["p/unheard-of"] } },
    }))
    .await;
    (gateway, upstream)
}

async fn get(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut ask = gateway
        .ask(path, "")
        .method(Method::GET)
        .header("content-type", "");
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    ask.whole().await
}

fn ids(list: &Value, key: &str) -> Vec<String> {
    let text = |model: &Value| model[key].as_str().expect("a name").to_owned();
    list.as_array().expect("a list").iter().map(text).collect()
}

#[tokio::test]
async fn each_dialect_gets_the_list_in_its_shape() {
    let (gateway, upstream) = world().await;
    let openai = get(&gateway, "/v1/models", &[]).await.json();
    assert_eq!(openai["object"], "list");
    let names = ids(&openai["data"], "id");
    assert_eq!(names[..2], ["fast", "our-own"]);
    assert!(names.contains(&"p/unheard-of".to_owned()) && names.contains(&"p/gpt-5.4".to_owned()));
    for model in openai["data"].as_array().expect("a list") {
        assert_eq!(model["object"], "model");
        assert!(
            model["created"].is_u64() && model["owned_by"].is_string(),
            "{model}"
        );
    }

    let version = [("anthropic-version", "2023-06-01")];
    let anthropic = get(&gateway, "/v1/models", &version).await.json();
    assert_eq!(ids(&anthropic["data"], "id"), names);
    assert_eq!(
        (&anthropic["first_id"], &anthropic["has_more"]),
        (&json!("fast"), &json!(false))
    );
    assert_eq!(anthropic["last_id"], names[names.len() - 1]);
    for model in anthropic["data"].as_array().expect("a list") {
        assert_eq!(model["type"], "model");
        assert!(
            model["display_name"].is_string() && model["created_at"].is_string(),
            "{model}"
        );
    }

    for (path, headers) in [
        ("/v1beta/models", &[][..]),
        ("/gemini/v1beta/models", &[]),
        ("/v1/models", &[("x-goog-api-key", KEY)]),
    ] {
        let gemini = get(&gateway, path, headers).await.json();
        let expected: Vec<String> = names.iter().map(|name| format!("models/{name}")).collect();
        assert_eq!(ids(&gemini["models"], "name"), expected, "{path}");
    }
    assert_eq!(upstream.hits(), 0);
}

#[tokio::test]
async fn one_model_is_told_with_its_limits() {
    let (gateway, _upstream) = world().await;
    let one = get(&gateway, "/v1/models/fast", &[]).await.json();
    assert_eq!(
        (&one["id"], &one["object"]),
        (&json!("fast"), &json!("model"))
    );
    // Names have slashes in them, plain or escaped.
    for path in ["/v1/models/p/gpt-5.4", "/v1/models/p%2Fgpt-5.4"] {
        let one = get(&gateway, path, &[]).await.json();
        assert_eq!(one["id"], "p/gpt-5.4", "{path}");
    }
    let version = [("anthropic-version", "2023-06-01")];
    let one = get(&gateway, "/v1/models/p/gpt-5.4", &version).await.json();
    assert_eq!(
        (&one["type"], &one["id"]),
        (&json!("model"), &json!("p/gpt-5.4"))
    );
    assert!(one["max_input_tokens"].as_u64() > Some(100_000), "{one}");
    let one = get(&gateway, "/v1beta/models/p/gpt-5.4", &[]).await.json();
    assert_eq!(one["name"], "models/p/gpt-5.4");
    assert!(one["outputTokenLimit"].as_u64() > Some(1000), "{one}");
    // One that no list has, but that could be asked.
    let one = get(&gateway, "/v1/models/p/not-listed", &[]).await.json();
    assert_eq!(one["id"], "p/not-listed");

    let missing = get(&gateway, "/v1/models/nobody/knows", &[]).await;
    assert_eq!(
        (missing.status, &missing.json()["error"]["code"]),
        (404, &json!("model_not_found"))
    );
    let missing = get(&gateway, "/v1/models/nobody/knows", &version).await;
    assert_eq!(
        (missing.status, &missing.json()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
    let missing = get(&gateway, "/v1beta/models/nobody/knows", &[]).await;
    assert_eq!(
        (missing.status, &missing.json()["error"]["status"]),
        (404, &json!("NOT_FOUND"))
    );
}

#[tokio::test]
async fn the_list_is_for_callers_with_a_key_and_to_be_read_only() {
    let (gateway, _upstream) = world().await;
    let answer = get(&gateway, "/v1/models", &[("authorization", "")]).await;
    assert_eq!(answer.status, 401);
    for path in ["/v1/models", "/v1beta/models", "/models"] {
        let answer = gateway.ask(path, "{}").whole().await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("allow"), Some("GET"));
    }
    let answer = get(&gateway, "/v1/messages", &[]).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    let record = gateway
        .record(get(&gateway, "/v1/models", &[]).await.id())
        .await;
    assert_eq!(
        (&record["operation"], &record["outcome"]),
        (&json!("models"), &json!("ok"))
    );
}
