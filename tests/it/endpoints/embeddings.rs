//! Vectors, from whoever has them.

use serde_json::{Value, json};

use crate::{
    conversion::{gateway, provider_of},
    harness::{Answer, Gateway},
    upstream::{Reply, Upstream},
};

async fn embed(gateway: &Gateway, model: &str, input: Value) -> Answer {
    let body = json!({ "model": model, "input": input });
    gateway
        .ask("/v1/embeddings", body.to_string())
        .whole()
        .await
}

/// The vectors in the order of their indexes, which must be that of the list.
fn vectors(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body_text());
    let body = answer.json();
    assert_eq!(body["object"], "list");
    let data = body["data"].as_array().expect("a list");
    for (n, entry) in data.iter().enumerate() {
        assert_eq!(
            (&entry["object"], &entry["index"]),
            (&json!("embedding"), &json!(n))
        );
    }
    data.iter()
        .map(|entry| entry["embedding"].clone())
        .collect()
}

fn expected() -> Vec<Value> {
    vec![json!([0.5, 1.0]), json!([0.25, -2.0]), json!([0.125, 3.0])]
}

#[tokio::test]
async fn openais_clients_get_geminis_vectors() {
    let embeddings: Vec<Value> = expected().iter().map(|v| json!({ "values": v })).collect();
    let upstream = Upstream::gemini()
        .then(Reply::json(&json!({ "embeddings": embeddings })))
        .start()
        .await;
    let gateway = gateway(upstream.provider()).await;
    let answer = embed(&gateway, "p/gemini-embedding-001", json!(["a", "b", "c"])).await;
    assert_eq!(vectors(&answer), expected());
    assert_eq!(answer.json()["model"], "p/gemini-embedding-001");
    let received = upstream.only();
    assert_eq!(
        received.path,
        "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    );
    let requests = received.json()["requests"].clone();
    let texts: Vec<&Value> = requests
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| {
            assert_eq!(r["model"], "models/gemini-embedding-001");
            &r["content"]["parts"][0]["text"]
        })
        .collect();
    assert_eq!(texts, ["a", "b", "c"]);
}

#[tokio::test]
async fn openais_clients_get_coheres_vectors() {
    let upstream = Upstream::openai()
        .then(Reply::json(&json!({
            "id": "1", "embeddings": { "float": expected() }, "texts": ["a", "b", "c"], "response_type": "embeddings_by_type",
            "meta": { "api_version": { "version": "2" }, "billed_units": { "input_tokens": 7 } },
        })))
        .start()
        .await;
    let gateway = gateway(provider_of("cohere", &upstream, json!({}))).await;
    let answer = embed(&gateway, "p/embed-v4.0", json!(["a", "b", "c"])).await;
    assert_eq!(vectors(&answer), expected());
    assert_eq!(
        answer.json()["usage"],
        json!({ "prompt_tokens": 7, "total_tokens": 7 })
    );
    assert_eq!(
        gateway.record(answer.id()).await["usage"],
        json!({ "input": 7 })
    );
    let received = upstream.only();
    assert_eq!(received.path, "/v2/embed");
    let body = received.json();
    assert_eq!(
        (&body["model"], &body["texts"]),
        (&json!("embed-v4.0"), &json!(["a", "b", "c"]))
    );
    assert!(body["input_type"].is_string(), "{body}");
}

fn titan(vector: &Value, tokens: u64) -> Reply {
    Reply::json(&json!({ "embedding": vector, "inputTextTokenCount": tokens }))
}

#[tokio::test]
async fn one_request_is_several_calls_to_titan_and_its_order_is_kept() {
    let [first, second, third] = [0, 1, 2].map(|n| expected()[n].clone());
    let upstream = Upstream::openai()
        .then(titan(&first, 2))
        .then(titan(&second, 3))
        .then(titan(&third, 4))
        .start()
        .await;
    let gateway = gateway(provider_of(
        "bedrock",
        &upstream,
        json!({ "region": "us-east-1" }),
    ))
    .await;
    let answer = embed(
        &gateway,
        "p/amazon.titan-embed-text-v2:0",
        json!(["a", "b", "c"]),
    )
    .await;
    assert_eq!(vectors(&answer), expected());
    assert_eq!(
        answer.json()["usage"],
        json!({ "prompt_tokens": 9, "total_tokens": 9 })
    );
    let received = upstream.received();
    let texts: Vec<Value> = received
        .iter()
        .map(|r| r.json()["inputText"].clone())
        .collect();
    assert_eq!(texts, ["a", "b", "c"]);
    for received in &received {
        assert_eq!(
            received.path,
            "/model/amazon.titan-embed-text-v2%3A0/invoke"
        );
        assert_eq!(
            received.header("content-length"),
            Some(&*received.body.len().to_string())
        );
    }
    let record = gateway.record(answer.id()).await;
    assert_eq!(
        (&record["attempts"], &record["usage"]),
        (&json!(1), &json!({ "input": 9 }))
    );
}

#[tokio::test]
async fn a_failure_in_the_middle_of_several_calls_begins_anew_at_the_next_target() {
    let upstream = Upstream::openai()
        .then(titan(&expected()[0], 2))
        .then(503)
        .start()
        .await;
    let second = Upstream::openai().start().await;
    second.now(Reply::json(&json!({
        "object": "list", "model": "m2", "usage": { "prompt_tokens": 5, "total_tokens": 5 },
        "data": expected().iter().enumerate().map(|(n, v)| json!({ "object": "embedding", "index": n, "embedding": v })).collect::<Vec<_>>(),
    })));
    let gateway = Gateway::start(json!({
        "providers": {
            "p": provider_of("bedrock", &upstream, json!({ "region": "us-east-1" })), "p2": second.provider(),
        },
        "routes": { "r": { "targets": ["p/amazon.titan-embed-text-v2:0", "p2/m2"] } },
    }))
    .await;
    let answer = embed(&gateway, "r", json!(["a", "b", "c"])).await;
    assert_eq!(vectors(&answer), expected());
    assert_eq!((upstream.hits(), second.hits()), (2, 1));
    assert_eq!(
        second.only().json(),
        json!({ "model": "m2", "input": ["a", "b", "c"] })
    );
    assert_eq!(
        gateway.record(answer.id()).await["usage"],
        json!({ "input": 5 })
    );

    // And where there is no other: the provider's own error, and nothing of the vectors that had come.
    let upstream = Upstream::openai()
        .then(titan(&expected()[0], 2))
        .then(400)
        .start()
        .await;
    let gateway = crate::conversion::gateway(provider_of(
        "bedrock",
        &upstream,
        json!({ "region": "us-east-1" }),
    ))
    .await;
    let answer = embed(
        &gateway,
        "p/amazon.titan-embed-text-v2:0",
        json!(["a", "b", "c"]),
    )
    .await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"]["message"].is_string());
    assert_eq!(upstream.hits(), 2);
}

#[tokio::test]
async fn tokens_are_read_for_providers_that_take_texts_only() {
    let embeddings = json!([{ "values": [0.5] }, { "values": [0.25] }]);
    let upstream = Upstream::gemini()
        .then(Reply::json(&json!({ "embeddings": embeddings })))
        .start()
        .await;
    let gateway = gateway(upstream.provider()).await;
    // "hello world" and "hello" in cl100k_base, which OpenAI's embedding models have.
    let answer = embed(
        &gateway,
        "p/gemini-embedding-001",
        json!([[15339, 1917], [15339]]),
    )
    .await;
    assert_eq!(vectors(&answer).len(), 2);
    let requests = upstream.only().json()["requests"].clone();
    assert_eq!(requests[0]["content"]["parts"][0]["text"], "hello world");
    assert_eq!(requests[1]["content"]["parts"][0]["text"], "hello");
    // One list of tokens is one input.
    upstream.now(Reply::json(&json!({ "embeddings": [{ "values": [0.5] }] })));
    let answer = embed(&gateway, "p/gemini-embedding-001", json!([15339, 1917])).await;
    assert_eq!(vectors(&answer).len(), 1);
}

#[tokio::test]
async fn vectors_come_in_base64_where_that_was_asked_for() {
    let upstream = Upstream::gemini()
        .then(Reply::json(
            &json!({ "embeddings": [{ "values": [0.5, 1.0] }] }),
        ))
        .start()
        .await;
    let gateway = gateway(upstream.provider()).await;
    let body = json!({ "model": "p/m", "input": "a", "encoding_format": "base64" });
    let answer = gateway
        .ask("/v1/embeddings", body.to_string())
        .whole()
        .await;
    // Little-endian floats: 0.5 and 1.0.
    assert_eq!(vectors(&answer), [json!("AAAAPwAAgD8=")]);
}

#[tokio::test]
async fn geminis_clients_get_openais_vectors() {
    let data = |vectors: &[Value]| {
        let data: Vec<Value> = vectors
            .iter()
            .enumerate()
            .map(|(n, v)| json!({ "object": "embedding", "index": n, "embedding": v }))
            .collect();
        Reply::json(&json!({
            "object": "list", "model": "m", "data": data, "usage": { "prompt_tokens": 5, "total_tokens": 5 },
        }))
    };
    let upstream = Upstream::openai()
        .then(data(&expected()[..1]))
        .start()
        .await;
    let gateway = gateway(upstream.provider()).await;
    let content = |text: &str| json!({ "parts": [{ "text": text }] });
    let body = json!({ "content": content("a"), "outputDimensionality": 2 });
    let path = "/v1beta/models/p/text-embedding-3-small";
    let answer = gateway
        .ask(&format!("{path}:embedContent"), body.to_string())
        .whole()
        .await;
    assert_eq!(answer.json()["embedding"]["values"], expected()[0]);
    let received = upstream.received().pop().expect("one more");
    assert_eq!(received.path, "/v1/embeddings");
    let body = received.json();
    assert_eq!(
        (&body["model"], &body["dimensions"]),
        (&json!("text-embedding-3-small"), &json!(2))
    );

    upstream.now(data(&expected()));
    let requests: Vec<Value> = ["a", "b", "c"]
        .map(|text| json!({ "model": "models/p/text-embedding-3-small", "content": content(text) }))
        .to_vec();
    let body = json!({ "requests": requests });
    let answer = gateway
        .ask(&format!("{path}:batchEmbedContents"), body.to_string())
        .whole()
        .await;
    let values: Vec<Value> = answer.json()["embeddings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| e["values"].clone())
        .collect();
    assert_eq!(values, expected());
    let body = upstream.received().pop().expect("one more").json();
    assert_eq!(body["input"], json!(["a", "b", "c"]));
    assert_eq!(
        gateway.record(answer.id()).await["usage"],
        json!({ "input": 5 })
    );
}
