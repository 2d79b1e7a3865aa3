//! What one address may have open, whose address counts, and the path that it is asked under.

use serde_json::json;

use crate::{
    harness::{Gateway, Http, Raw, client, fallback},
    limits::{CHAT, head, limited, refused},
    upstream::{End, Gate, Reply, Upstream, merge},
};

#[tokio::test]
async fn requests_and_streams_of_one_address_have_a_limit() {
    let gate = Gate::new();
    let upstream = Upstream::openai()
        .then(Reply::text("one two").stepped(2, &gate))
        .start()
        .await;
    let limits = json!({ "requests_per_address": 3, "streams_per_address": 2 });
    let gateway = limited(&upstream, limits).await;
    let stream = || gateway.ask(CHAT, client::chat_stream("fallback", "Hi"));
    let open = [stream().send().await, stream().over(Http::H2c).send().await];

    for http in Http::PLAIN {
        let answer = stream().over(http).whole().await;
        refused(&answer, 429, "too_many_requests");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("x-should-retry"), Some("true"));
        assert!(
            answer.body_text().contains("2 streams"),
            "{}",
            answer.body_text()
        );
    }
    assert_eq!(
        gateway
            .metric(r#"sluicegate_refused_total{limit="streams"}"#)
            .await,
        2.0
    );

    gateway
        .metric_becomes("sluicegate_open_requests", 2.0)
        .await;

    // A third request finds room, since it is no stream; a fourth one does not.
    let third = gateway
        .ask("/v1/messages", client::chat("fallback", "Hi"))
        .whole()
        .await;
    assert_eq!(
        third.status, 400,
        "it came to the point where its dialect matters"
    );
    gateway
        .metric_becomes("sluicegate_open_requests", 2.0)
        .await;
    upstream.now(Reply::hangs());
    let hanging = gateway.ask(CHAT, client::chat("fallback", "Hi"));
    tokio::select! {
        _ = hanging.try_send() => panic!("it hangs"),
        () = async {
            upstream.wait_hits(3).await;
            let fourth = gateway.ask("/v1/messages", client::chat("fallback", "Hi")).whole().await;
            assert_eq!(fourth.status, 429);
            assert_eq!(fourth.json()["error"]["type"], "rate_limit_error");
            assert!(fourth.body_text().contains("3 requests"), "{}", fourth.body_text());
            assert_eq!(gateway.metric(r#"sluicegate_refused_total{limit="requests"}"#).await, 1.0);
        } => {}
    }

    // Places are given back: by a client that left, and by streams that ended.
    gateway
        .metric_becomes("sluicegate_open_requests", 2.0)
        .await;
    gate.open_for_good();
    for stream in open {
        assert_eq!(stream.whole().await.text(), "one two");
    }
    gateway
        .metric_becomes("sluicegate_open_requests", 0.0)
        .await;
    upstream.now(Reply::text("again"));
    for _ in 0..5 {
        assert_eq!(stream().whole().await.text(), "again");
    }
}

#[tokio::test]
async fn every_way_out_gives_the_place_of_an_address_back() {
    let upstream = Upstream::openai().start().await;
    let dying = Upstream::openai()
        .then(Reply::text("one two").dies_after(2, End::Reset))
        .start()
        .await;
    let hanging = Upstream::openai().then(Reply::hangs()).start().await;
    let limits =
        json!({ "requests_per_address": 1, "streams_per_address": 1, "body_timeout": "200ms" });
    let config = merge(
        fallback(&[&upstream, &dying, &hanging]),
        json!({ "limits": limits }),
    );
    let gateway = Gateway::start(config).await;
    let idle = async || {
        gateway
            .metric_becomes("sluicegate_open_requests", 0.0)
            .await
    };
    for http in Http::PLAIN {
        let stream = |model: &str| {
            gateway
                .ask(CHAT, client::chat_stream(model, "Hi"))
                .over(http)
        };
        for round in 0..3 {
            assert_eq!(stream("p1/m").whole().await.status, 200, "{http:?} {round}");
            idle().await;
            assert_eq!(stream("p2/m").whole().await.status, 200);
            idle().await;
            assert_eq!(
                stream("p1/m")
                    .header("authorization", "")
                    .whole()
                    .await
                    .status,
                401
            );
            idle().await;
            assert_eq!(gateway.ask(CHAT, "{").over(http).whole().await.status, 400);
            idle().await;
            let silent = stream("p3/m");
            let before = hanging.hits();
            tokio::select! {
                _ = silent.try_send() => panic!("it hangs"),
                _ = hanging.wait_hits(before + 1) => {}
            }
            idle().await;
            let mut slow = Raw::connect(gateway.address).await;
            slow.send(head("content-length: 10\r\n")).await;
            assert_eq!(slow.answer().await.expect("an answer").status, 408);
            drop(slow);
            idle().await;
        }
    }
    assert_eq!(gateway.metric("sluicegate_refused_total").await, 0.0);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_that_it_names_counts() {
    let gate = Gate::new();
    let upstream = Upstream::openai()
        .then(Reply::text("one two").stepped(2, &gate))
        .start()
        .await;
    let limits = json!({ "streams_per_address": 1 });
    let config = merge(fallback(&[&upstream]), json!({ "limits": limits }));
    let trusting = merge(
        config.clone(),
        json!({ "server": { "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"] } }),
    );
    let gateway = Gateway::start(&trusting).await;
    let stream = async |gateway: &Gateway, from: &str| {
        let ask = gateway.ask(CHAT, client::chat_stream("fallback", "Hi"));
        ask.header("x-forwarded-for", from).send().await
    };
    let first = stream(&gateway, "203.0.113.1").await;
    assert_eq!(first.status, 200);
    // The same client, whatever it claims to stand behind, and through a second proxy.
    for from in [
        "203.0.113.1",
        "198.51.100.9, 203.0.113.1",
        "203.0.113.1, 10.1.2.3",
        "203.0.113.1:4711",
    ] {
        let answer = stream(&gateway, from).await;
        assert_eq!(answer.status, 429, "{from}");
    }
    let other = stream(&gateway, "2001:db8::7").await;
    assert_eq!(other.status, 200);
    gate.open_for_good();
    let id = other
        .header("x-sluicegate-request-id")
        .expect("an id")
        .to_owned();
    assert_eq!(
        (first.whole().await.text(), other.whole().await.text()),
        ("one two".into(), "one two".into())
    );
    assert_eq!(gateway.record(&id).await["client"], "2001:db8::7");

    // Who is not trusted speaks for itself alone.
    let gateway = Gateway::start(&config).await;
    let answer = gateway
        .ask(CHAT, client::chat("fallback", "Hi"))
        .header("x-forwarded-for", "203.0.113.1")
        .whole()
        .await;
    assert_eq!(gateway.record(answer.id()).await["client"], "127.0.0.1");
    assert!(
        upstream
            .received()
            .iter()
            .all(|r| r.header("x-forwarded-for").is_none()),
        "nobody else's business"
    );
}

#[tokio::test]
async fn connections_of_one_address_have_a_limit() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "connections_per_address": 3 })).await;
    gateway
        .metric_becomes("sluicegate_open_connections", 0.0)
        .await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let client = gateway.connect(Http::H1).await;
        assert_eq!(
            gateway
                .ask(CHAT, client::chat("fallback", "Hi"))
                .on(&client)
                .whole()
                .await
                .status,
            200
        );
        held.push(client);
    }
    let refused = r#"sluicegate_refused_total{limit="connections"}"#;
    let before = gateway.metric(refused).await;
    let mut fourth = Raw::connect(gateway.address).await;
    assert!(fourth.rest().await.is_empty(), "closed without a word");
    assert_eq!(gateway.metric(refused).await, before + 1.0);

    held.pop();
    gateway
        .metric_becomes("sluicegate_open_connections", 2.0)
        .await;
    assert_eq!(gateway.chat("Hi").await.status, 200);
    assert_eq!(
        gateway.operator("/readyz").await.0,
        200,
        "operators are not clients"
    );
}

#[tokio::test]
async fn a_path_prefix_is_understood_and_not_needed() {
    let upstream = Upstream::openai().start().await;
    let config = merge(
        fallback(&[&upstream]),
        json!({ "server": { "path_prefix": "/ai/llm" } }),
    );
    let gateway = Gateway::start(config).await;
    for (path, status) in [
        ("/ai/llm/v1/chat/completions", 200),
        ("/ai/llm/openai/v1/chat/completions", 200),
        ("/v1/chat/completions", 200),
        ("/ai/llmv1/chat/completions", 404),
        ("/ai/v1/chat/completions", 404),
        ("/ai/llm", 404),
    ] {
        let answer = gateway
            .ask(path, client::chat("fallback", "Hi"))
            .whole()
            .await;
        assert_eq!(answer.status, status, "{path}");
        if status == 200 {
            let seen = path.trim_start_matches("/ai/llm");
            assert_eq!(gateway.record(answer.id()).await["path"], seen);
        }
    }
    assert!(upstream.received().iter().all(|r| r.path == CHAT));
}
