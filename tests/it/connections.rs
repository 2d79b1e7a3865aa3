//! Connections over HTTP/1.1: what is kept, what is closed, and what is not taken for a request.

use serde_json::json;

use crate::{
    harness::{Gateway, KEY, Raw, client, fallback},
    limits::{CHAT, head, limited, refused, request},
    upstream::{Gate, Reply, Upstream, merge},
};

#[tokio::test]
async fn an_expected_100_is_sent_and_the_connection_kept() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "body": "64KiB" })).await;
    let body = client::chat("fallback", "Hi");
    let mut raw = Raw::connect(gateway.address).await;
    for _ in 0..3 {
        raw.send(head(&format!(
            "expect: 100-continue\r\ncontent-length: {}\r\n",
            body.len()
        )))
        .await;
        assert_eq!(raw.answer().await.expect("an interim answer").status, 100);
        raw.send(&body).await;
        assert_eq!(raw.answer().await.expect("an answer").status, 200);
    }
    // Who is refused anyway is not asked to send the body first.
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(head("expect: 100-continue\r\ncontent-length: 100000\r\n"))
        .await;
    refused(
        &raw.answer().await.expect("an answer"),
        413,
        "request_too_large",
    );
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(head("expect: 100-continue\r\ncontent-length: 10\r\n").replace(KEY, "nobody-knows"))
        .await;
    refused(
        &raw.answer().await.expect("an answer"),
        401,
        "invalid_api_key",
    );
    assert_eq!(upstream.hits(), 3);
}

#[tokio::test]
async fn one_connection_carries_many_requests_whatever_went_wrong_with_some() {
    let upstream = Upstream::openai().start().await;
    let failing = Upstream::openai().then(500).start().await;
    let config = merge(
        fallback(&[&upstream, &failing]),
        json!({ "limits": { "body": "64KiB" } }),
    );
    let gateway = Gateway::start(config).await;
    let good = client::chat("fallback", "Hi");
    let chunked = format!(
        "{}{:x}\r\n{good}\r\n0\r\n\r\n",
        head("transfer-encoding: chunked\r\n"),
        good.len()
    );
    let mut raw = Raw::connect(gateway.address).await;
    for round in 0..20 {
        for (sent, status, closes) in [
            (request(&good), 200, false),
            (request(&client::chat_stream("fallback", "Hi")), 200, false),
            (request("{"), 400, false),
            (request(&client::chat("p2/m", "Hi")), 500, false),
            (request(&client::chat("nobody", "Hi")), 404, false),
            (head("content-length: 0\r\n"), 400, false),
            (
                format!("GET {CHAT} HTTP/1.1\r\nhost: g\r\n\r\n"),
                405,
                false,
            ),
            ("GET / HTTP/1.1\r\nhost: g\r\n\r\n".to_owned(), 404, false),
            (chunked.clone(), 200, false),
            // Their bodies are not wanted, so the connection may end; but not without saying so.
            (request(&good).replace(KEY, "nobody-knows"), 401, true),
            (request(&good).replace(CHAT, "/v1/nothing"), 404, true),
            (request(&"x".repeat(70_000)), 413, true),
        ] {
            raw.send(&sent).await;
            let answer = raw
                .answer()
                .await
                .unwrap_or_else(|| panic!("{round}: closed before {status}"));
            assert_eq!(
                (answer.status, answer.broken.as_deref()),
                (status, None),
                "{round}: {sent}"
            );
            if answer.header("connection") == Some("close") {
                assert!(closes, "{round}: {status}: {sent}");
                assert!(raw.rest().await.is_empty());
                raw = Raw::connect(gateway.address).await;
            }
        }
    }
    drop(raw);
    gateway
        .metric_becomes("sluicegate_open_connections", 0.0)
        .await;
    let (connections, hits) = (upstream.connections(), upstream.hits());
    assert!(
        2 * connections <= hits,
        "upstream connections are kept: {connections} for {hits}"
    );
}

#[tokio::test]
async fn a_client_of_http_1_0_is_answered_in_its_own_terms() {
    let upstream = Upstream::openai().then_text("Hello there").start().await;
    let gateway = limited(&upstream, json!({})).await;
    for body in [
        client::chat("fallback", "Hi"),
        client::chat_stream("fallback", "Hi"),
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(request(&body).replace("HTTP/1.1", "HTTP/1.0"))
            .await;
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(
            answer.header("transfer-encoding"),
            None,
            "HTTP/1.0 knows no chunks"
        );
        assert_eq!(
            (answer.text().as_str(), answer.broken.as_deref()),
            ("Hello there", None)
        );
        assert!(raw.rest().await.is_empty(), "and then the connection ends");
    }
    let mut raw = Raw::connect(gateway.address).await;
    raw.send("POST /v1/nothing HTTP/1.0\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert_eq!(raw.answer().await.expect("an answer").status, 404);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_or_left_to_be_sent_again() {
    let upstream = Upstream::openai()
        .then_text("first")
        .then_text("second")
        .start()
        .await;
    let gateway = limited(&upstream, json!({})).await;
    let body = client::chat("fallback", "Hi");
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(request(&body) + &request(&body)).await;
    let first = raw
        .answer()
        .await
        .expect("the first is answered in any case");
    assert_eq!(
        (first.text().as_str(), first.broken.as_deref()),
        ("first", None)
    );
    match raw.answer().await {
        Some(second) => assert_eq!(second.text(), "second"),
        // Allowed by RFC 9112, 9.3.2: the client sends it again over another connection.
        None => assert_eq!(
            upstream.hits(),
            1,
            "what was not answered was not asked either"
        ),
    }
}

#[tokio::test]
async fn bytes_behind_a_request_do_not_disturb_its_stream() {
    let gate = Gate::new();
    let upstream = Upstream::openai()
        .then(Reply::text("one two three").stepped(2, &gate))
        .start()
        .await;
    let other = Upstream::openai().start().await;
    let gateway = Gateway::start(fallback(&[&upstream, &other])).await;
    // Some old clients end each body with a line break that they do not count; others send the next request early.
    let next = request(&client::chat("p2/m", "Hi"));
    for behind in ["\r\n".to_owned(), next[..9].to_owned(), next.clone()] {
        let mut raw = Raw::connect(gateway.address).await;
        let before = upstream.hits();
        raw.send(request(&client::chat_stream("fallback", "Hi")))
            .await;
        upstream.wait_hits(before + 1).await;
        raw.send(&behind).await;
        // By the time that others were served the gateway has seen those bytes, too.
        for _ in 0..5 {
            assert_eq!(
                gateway
                    .ask(CHAT, client::chat("p2/m", "Hi"))
                    .whole()
                    .await
                    .status,
                200
            );
        }
        assert!(
            !upstream.received()[before].is_given_up(),
            "{behind:?} is no client that leaves"
        );
        for _ in 0..6 {
            gate.open();
        }
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(
            (answer.text().as_str(), answer.broken.as_deref()),
            ("one two three", None),
            "{behind:?}"
        );
        assert!(answer.says_done());
    }
}

#[tokio::test]
async fn ambiguous_requests_are_refused_or_end_their_connection() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({})).await;
    let inner = request(&client::chat("fallback", "smuggled"));
    let smuggled = format!("0\r\n\r\n{inner}");
    let length = smuggled.len();
    for (name, head, body) in [
        (
            "two lengths",
            head(&format!(
                "content-length: 4\r\ncontent-length: {length}\r\n"
            )),
            &smuggled,
        ),
        (
            "two lengths in one",
            head(&format!("content-length: 4, {length}\r\n")),
            &smuggled,
        ),
        ("a signed length", head("content-length: +4\r\n"), &smuggled),
        (
            "a negative length",
            head("content-length: -1\r\n"),
            &smuggled,
        ),
        (
            "an unknown coding",
            head("transfer-encoding: xchunked\r\n"),
            &smuggled,
        ),
        (
            "a coding after chunks",
            head("transfer-encoding: chunked, identity\r\n"),
            &smuggled,
        ),
        (
            "length and chunks",
            head(&format!(
                "content-length: {length}\r\ntransfer-encoding: chunked\r\n"
            )),
            &smuggled,
        ),
        (
            "chunks and length",
            head(&format!(
                "transfer-encoding: chunked\r\ncontent-length: {length}\r\n"
            )),
            &smuggled,
        ),
        (
            "a space before the colon",
            head("content-length : 4\r\n"),
            &smuggled,
        ),
        (
            "a line that goes on",
            head("x: y\r\n content-length: 4\r\n"),
            &smuggled,
        ),
        (
            "chunks in HTTP/1.0",
            head("transfer-encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0"),
            &smuggled,
        ),
        (
            "a bad chunk size",
            head("transfer-encoding: chunked\r\n"),
            &format!("zz\r\n{inner}"),
        ),
        (
            "a huge chunk size",
            head("transfer-encoding: chunked\r\n"),
            &format!("ffffffffffffffff1\r\n{inner}"),
        ),
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(head + body).await;
        if let Some(answer) = raw.answer().await {
            assert_eq!(answer.status, 400, "{name}");
        }
        // Whatever comes now is not taken for a request.
        let _ = raw.try_send(&inner).await;
        let rest = raw.rest().await;
        assert!(rest.is_empty(), "{name}: {rest:?}");
        assert_eq!(upstream.hits(), 0, "{name}: the hidden request was served");
    }
    assert_eq!(gateway.chat("Hi").await.status, 200);
}
