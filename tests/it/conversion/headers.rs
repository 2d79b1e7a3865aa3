//! Headers of clients at providers of another dialect: nearly none.

use serde_json::{Value, json};

use super::{Speaks, provider_of, three};
use crate::{
    harness::{Gateway, KEY},
    upstream::{Kind, Reply, Upstream},
};

/// What clients, their SDKs and the proxies between send along.
const SENT: [(&str, &str); 19] = [
    ("cookie", "session=secret"),
    ("x-sluicegate-api-key", KEY),
    ("x-sluicegate-anything", "secret"),
    ("x-stainless-lang", "python"),
    ("x-stainless-retry-count", "1"),
    ("anthropic-version", "2023-01-01"),
    ("anthropic-beta", "interleaved-thinking-2025-05-14"),
    ("anthropic-dangerous-direct-browser-access", "true"),
    ("openai-beta", "assistants=v2"),
    ("openai-organization", "org-secret"),
    ("openai-project", "proj-secret"),
    ("x-goog-api-client", "genai-js/1.0"),
    ("x-goog-user-project", "secret"),
    ("x-amz-security-token", "secret"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-app", "cli"),
    ("idempotency-key", "once"),
    ("accept-encoding", "gzip, br"),
    ("content-language", "en"),
];

#[tokio::test]
async fn nothing_of_the_client_reaches_a_provider_of_another_dialect_but_what_all_understand() {
    let (gateway, upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello"))).await;
    let natives = [
        [Speaks::Chat, Speaks::Responses],
        [Speaks::Messages, Speaks::Messages],
        [Speaks::Generate, Speaks::Generate],
    ];
    for speaks in [
        Speaks::Chat,
        Speaks::Responses,
        Speaks::Completions,
        Speaks::Messages,
        Speaks::Generate,
    ] {
        for (n, (upstream, native)) in upstreams.iter().zip(natives).enumerate() {
            if native.contains(&speaks) || (speaks == Speaks::Completions && n == 0) {
                continue;
            }
            for stream in [false, true] {
                let model = format!("p{0}/m{0}", n + 1);
                let mut ask = speaks
                    .ask(&gateway, &model, stream, json!({}))
                    .header("user-agent", "an-app/1.0")
                    .header(
                        "traceparent",
                        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                    );
                for (name, value) in SENT {
                    ask = ask.header(name, value);
                }
                let answer = ask.whole().await;
                assert_eq!(answer.status, 200, "{}", answer.body_text());
                let received = upstream.received().pop().expect("one more");
                let what = format!("{speaks:?} {model}: {:?}", received.headers);
                let mut expected = vec![
                    "accept",
                    "accept-encoding",
                    "content-length",
                    "content-type",
                    "host",
                    "traceparent",
                    "user-agent",
                ];
                match n {
                    0 => expected.push("authorization"),
                    1 => expected.extend(["anthropic-beta", "anthropic-version", "x-api-key"]),
                    _ => expected.push("x-goog-api-key"),
                }
                expected.sort_unstable();
                let mut names: Vec<&str> =
                    received.headers.keys().map(|name| name.as_str()).collect();
                names.sort_unstable();
                assert_eq!(names, expected, "{what}");
                assert_eq!(
                    received.header("accept-encoding"),
                    Some("identity"),
                    "{what}"
                );
                assert_eq!(
                    received.header("content-type"),
                    Some("application/json"),
                    "{what}"
                );
                let accept = if stream {
                    "text/event-stream"
                } else {
                    "application/json"
                };
                assert_eq!(received.header("accept"), Some(accept), "{what}");
                if n == 1 {
                    assert_eq!(
                        received.header("anthropic-version"),
                        Some("2023-06-01"),
                        "{what}"
                    );
                }
                let everything = format!("{what} {} {:?}", received.path, received.body);
                assert!(
                    !everything.contains(KEY) && !everything.contains("secret"),
                    "{everything}"
                );
            }
        }
    }
}

const KNOWN: &str = "interleaved-thinking-2025-05-14";
const UNKNOWN: &str = "made-up-2031-01-01";

async fn with_betas(
    gateway: &Gateway,
    model: &str,
    upstream: &Upstream,
) -> crate::upstream::Received {
    let answer = Speaks::Messages
        .ask(gateway, model, false, json!({}))
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", &format!("{KNOWN}, {UNKNOWN}"))
        .whole()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body_text());
    upstream.received().pop().expect("one more")
}

fn converse() -> Value {
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Hello" }] } },
        "stopReason": "end_turn", "usage": { "inputTokens": 9, "outputTokens": 2, "totalTokens": 11 },
    })
}

fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{ "type": "text", "text": "Hello" }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 9, "output_tokens": 2 },
    })
}

#[tokio::test]
async fn beta_flags_go_to_each_provider_in_its_way_and_as_far_as_it_knows_them() {
    let anthropic = Upstream::of(Kind::Anthropic).start().await;
    let openai = Upstream::openai().start().await;
    let bedrock = Upstream::openai()
        .then(Reply::json(&converse()))
        .start()
        .await;
    let vertex = Upstream::openai()
        .then(Reply::json(&message()))
        .start()
        .await;
    let region = json!({ "region": "us-east-1" });
    let project = json!({ "project": "proj", "location": "europe-west4" });
    let more = json!({ "anthropic_betas": [UNKNOWN] });
    let with_more = |section: &Value| crate::upstream::merge(section.clone(), more.clone());
    let gateway = Gateway::start(json!({ "providers": {
        "anthropic": anthropic.provider(),
        "openai": openai.provider(),
        "bedrock": provider_of("bedrock", &bedrock, region.clone()),
        "bedrock-more": provider_of("bedrock", &bedrock, with_more(&region)),
        "vertex": provider_of("vertex", &vertex, project.clone()),
        "vertex-more": provider_of("vertex", &vertex, with_more(&project)),
    } }))
    .await;

    let received = with_betas(&gateway, "anthropic/claude-x", &anthropic).await;
    assert_eq!(
        received.header("anthropic-beta"),
        Some(&*format!("{KNOWN}, {UNKNOWN}"))
    );

    let received = with_betas(&gateway, "openai/m", &openai).await;
    assert_eq!(received.header("anthropic-beta"), None);
    assert!(!String::from_utf8_lossy(&received.body).contains(KNOWN));

    let betas = "/additionalModelRequestFields/anthropic_beta";
    let claude = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let received = with_betas(&gateway, &format!("bedrock/{claude}"), &bedrock).await;
    assert_eq!(received.header("anthropic-beta"), None);
    assert_eq!(received.json().pointer(betas), Some(&json!([KNOWN])));
    let received = with_betas(&gateway, &format!("bedrock-more/{claude}"), &bedrock).await;
    assert_eq!(
        received.json().pointer(betas),
        Some(&json!([KNOWN, UNKNOWN]))
    );
    // Other vendors' models know nothing of them.
    let received = with_betas(&gateway, "bedrock/amazon.nova-pro-v1:0", &bedrock).await;
    assert_eq!(received.json().pointer(betas), None);

    let received = with_betas(&gateway, "vertex/claude-sonnet-4-5@20250929", &vertex).await;
    assert_eq!(received.header("anthropic-beta"), Some(KNOWN));
    let received = with_betas(&gateway, "vertex-more/claude-sonnet-4-5@20250929", &vertex).await;
    let all = received
        .header("anthropic-beta")
        .expect("both")
        .replace(' ', "");
    assert_eq!(all, format!("{KNOWN},{UNKNOWN}"));
}
