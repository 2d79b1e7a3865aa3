//! `/providers/{name}/…`: the rest of a provider's API.

use http::Method;
use serde_json::{Value, json};

use crate::{
    conversion::Speaks,
    harness::{Gateway, KEY},
    upstream::{Kind, Reply, Upstream},
};

async fn world(reply: impl Into<Reply>) -> (Gateway, [Upstream; 3]) {
    let reply = reply.into();
    let mut upstreams = Vec::new();
    for kind in [Kind::Openai, Kind::Anthropic, Kind::Gemini] {
        upstreams.push(
            Upstream::of(kind)
                .then(reply.clone())
                .answers_get()
                .start()
                .await,
        );
    }
    let gateway = Gateway::start(json!({ "providers": {
        "o": upstreams[0].provider(), "a": upstreams[1].provider(), "g": upstreams[2].provider(),
    } }))
    .await;
    (
        gateway,
        upstreams
            .try_into()
            .unwrap_or_else(|_| unreachable!("three")),
    )
}

#[tokio::test]
async fn any_method_path_and_query_reach_the_provider_with_its_credential_alone() {
    let listing = json!({ "object": "list", "data": [] });
    let (gateway, upstreams) = world(Reply::json(&listing)).await;
    for (method, path, expected, n) in [
        (
            Method::GET,
            "/providers/o/files?purpose=batch&limit=2",
            "/v1/files?purpose=batch&limit=2",
            0,
        ),
        (Method::GET, "/providers/o/v1/files", "/v1/files", 0),
        (
            Method::DELETE,
            "/providers/o/v1/files/file-1",
            "/v1/files/file-1",
            0,
        ),
        (Method::POST, "/providers/o/v1/batches", "/v1/batches", 0),
        (
            Method::GET,
            "/providers/a/v1/messages/batches?limit=1",
            "/v1/messages/batches?limit=1",
            1,
        ),
        (
            Method::GET,
            "/providers/g/v1beta/cachedContents?pageSize=1",
            "/v1beta/cachedContents?pageSize=1",
            2,
        ),
        (
            Method::PATCH,
            "/providers/g/v1beta/cachedContents/c1?updateMask=ttl",
            "/v1beta/cachedContents/c1?updateMask=ttl",
            2,
        ),
    ] {
        let body = if method == Method::POST {
            "{\"a\": 1}"
        } else {
            ""
        };
        let key_in_query = if path.contains('?') { "&key=" } else { "?key=" };
        let answer = gateway
            .ask(&format!("{path}{key_in_query}{KEY}"), body)
            .method(method.clone())
            .header("cookie", "session=secret")
            .whole()
            .await;
        assert_eq!(answer.json(), listing, "{path}");
        let received = upstreams[n].received().pop().expect("one more");
        assert_eq!(
            (received.method.as_str(), received.path.as_str()),
            (method.as_str(), expected)
        );
        assert_eq!(received.body, body);
        let head = format!("{} {:?}", received.path, received.headers);
        assert!(!head.contains(KEY) && !head.contains("secret"), "{head}");
        assert!(head.contains(&upstreams[n].key()), "{head}");
        let record = gateway.record(answer.id()).await;
        assert_eq!(record["operation"], "passage", "{path}");
        assert_eq!(record["outcome"], "ok", "{path}");
    }
}

#[tokio::test]
async fn a_path_that_leads_upwards_is_refused() {
    let (gateway, upstreams) = world(200).await;
    for path in [
        "/providers/o/../admin",
        "/providers/o/v1/../../admin",
        "/providers/o/%2e%2e/admin",
        "/providers/o/%2E./admin",
        "/providers/o/files/..%2f..%2Fadmin",
        "/providers/o/..",
        "/providers/g/v1beta/..%5cadmin",
    ] {
        let answer = gateway.ask(path, "{}").whole().await;
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {} {}",
            answer.status,
            answer.body_text()
        );
    }
    assert_eq!(upstreams.iter().map(Upstream::hits).sum::<usize>(), 0);
}

#[tokio::test]
async fn an_unknown_name_is_told_in_the_dialect_of_whoever_asks() {
    let (gateway, _upstreams) = world(200).await;
    let answer = gateway
        .ask("/providers/nobody/v1/files", "{}")
        .whole()
        .await;
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, &error["code"]), (404, &json!("not_found")));
    let message = error["message"].as_str().expect("a text");
    assert!(
        message.contains("`nobody`") && message.contains("`a`"),
        "{message}"
    );
    let answer = gateway
        .ask("/providers/nobody/v1/messages", "{}")
        .header("anthropic-version", "2023-06-01")
        .whole()
        .await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
    let answer = gateway
        .ask("/providers/nobody/v1beta/files", "{}")
        .header("x-goog-api-key", KEY)
        .whole()
        .await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["status"]),
        (404, &json!("NOT_FOUND"))
    );
    // Nothing of the list is told to strangers.
    let answer = gateway
        .ask("/providers/nobody/v1/files", "{}")
        .header("authorization", "")
        .whole()
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn known_operations_are_metered_on_their_way_through() {
    let (gateway, upstreams) = world(Reply::text("Hello dear")).await;
    for (n, provider, speaks) in [
        (0, "o", Speaks::Chat),
        (1, "a", Speaks::Messages),
        (2, "g", Speaks::Generate),
    ] {
        for stream in [false, true] {
            let path = format!("/providers/{provider}{}", speaks.path("m", stream));
            let body = speaks.request("m", stream).to_string();
            let answer = gateway.ask(&path, body.clone()).whole().await;
            assert_eq!(answer.text(), "Hello dear", "{speaks:?} {stream}");
            let received = upstreams[n].received().pop().expect("one more");
            assert_eq!(received.path, speaks.path("m", stream));
            let record = gateway.record(answer.id()).await;
            // Nobody asked OpenAI's stream for usage, and the bytes are the client's own.
            assert_eq!(received.body, body);
            if (n, stream) == (0, true) {
                continue;
            }
            assert_eq!(
                record["usage"],
                json!({ "input": 9, "output": 2 }),
                "{speaks:?} {stream}"
            );
            assert_eq!(record["provider"], provider);
        }
    }
    // A client of OpenAI that asks for usage has it counted, too.
    let mut body: Value = Speaks::Chat.request("m", true);
    body["stream_options"] = json!({ "include_usage": true });
    let answer = gateway
        .ask("/providers/o/v1/chat/completions", body.to_string())
        .whole()
        .await;
    let record = gateway.record(answer.id()).await;
    assert_eq!(record["usage"], json!({ "input": 9, "output": 2 }));
}

#[tokio::test]
async fn streams_pass_as_they_come_and_errors_as_they_are() {
    let gate = crate::upstream::Gate::new();
    let (gateway, upstreams) = world(Reply::tokens(["one ", "two"]).stepped(2, &gate)).await;
    let body = Speaks::Chat.request("m", true).to_string();
    let mut answer = gateway
        .ask("/providers/o/v1/chat/completions", body)
        .send()
        .await;
    let mut seen = String::new();
    while !seen.contains("one ") {
        seen += &answer.event().await.expect("more").data;
    }
    assert!(!seen.contains("two"));
    gate.open_for_good();
    assert!(answer.whole().await.body_text().contains("two"));

    for status in [400, 404, 429, 503] {
        upstreams[1].now(status);
        let answer = gateway
            .ask("/providers/a/v1/messages/batches", "{}")
            .whole()
            .await;
        assert_eq!(answer.status, status);
        assert!(
            answer.body_text().contains(&format!("scripted {status}")),
            "{}",
            answer.body_text()
        );
    }
    upstreams[1].now(401);
    let answer = gateway
        .ask("/providers/a/v1/messages/batches", "{}")
        .whole()
        .await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["type"]),
        (502, &json!("api_error"))
    );
}
