//! What clients may send and hold, and what becomes of those who send more.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    harness::{Answer, Gateway, Http, KEY, Raw, client, eventually, fallback, within},
    upstream::{Upstream, coding::Coding, merge},
};

pub const CHAT: &str = "/v1/chat/completions";

/// A gateway with one upstream behind `fallback`, and these limits.
pub async fn limited(upstream: &Upstream, limits: Value) -> Gateway {
    Gateway::start(merge(fallback(&[upstream]), json!({ "limits": limits }))).await
}

/// The head of a raw request with a key; `more` are lines with their ends.
pub fn head(more: &str) -> String {
    format!("POST {CHAT} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\n{more}\r\n")
}

/// A whole raw request with this body.
pub fn request(body: &str) -> String {
    head(&format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    )) + body
}

/// Checks an error of the gateway, told to an OpenAI client.
pub fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.broken.as_deref()),
        (status, None),
        "{}",
        answer.body_text()
    );
    assert_eq!(answer.json()["error"]["code"], code);
}

// Heads.

#[tokio::test]
async fn too_many_and_too_large_headers_are_refused() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "headers": 40, "header": "4KiB" })).await;
    for http in Http::PLAIN {
        let ask = || gateway.ask(CHAT, client::chat("fallback", "Hi")).over(http);
        let mut many = ask();
        for n in 0..40 {
            many = many.header(&format!("x-header-{n}"), "v");
        }
        let answers = [
            many.whole().await,
            ask().header("x-large", &"x".repeat(4000)).whole().await,
            gateway
                .ask(&format!("{CHAT}?{}", "x".repeat(4000)), "{}")
                .over(http)
                .whole()
                .await,
        ];
        for answer in answers {
            // The library for HTTP/2 refuses some of them by itself, without a word.
            match answer.body.is_empty() && http == Http::H2c {
                true => assert_eq!(answer.status, 431),
                false => refused(&answer, 431, "header_too_large"),
            }
        }
        let fine = ask().header("x-large", &"x".repeat(3000)).whole().await;
        assert_eq!(fine.status, 200, "{http:?}");
    }
    assert_eq!(upstream.hits(), 2);
}

#[tokio::test]
async fn a_head_beyond_what_the_parser_takes_does_no_harm() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({})).await;
    for more in [
        "x: y\r\n".repeat(3000),
        format!("x: {}\r\n", "y".repeat(2 << 20)),
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        // It may close before all of it is read.
        let _ = raw.try_send(head(&more)).await;
        if let Some(answer) = raw.answer().await {
            assert!((400..500).contains(&answer.status), "{}", answer.status);
        }
        raw.rest().await;
    }
    for http in Http::PLAIN {
        let ask = gateway.ask(CHAT, client::chat("fallback", "Hi")).over(http);
        let ask = ask.header("x-large", &"x".repeat(200_000));
        if let Ok(response) = ask.try_send().await {
            assert_eq!(response.status, 431, "{http:?}");
        }
    }
    assert_eq!(gateway.chat("Hi").await.status, 200);
    assert_eq!(upstream.hits(), 1);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(
        &upstream,
        json!({ "header_timeout": "400ms", "keepalive": "400ms" }),
    )
    .await;
    // On a new connection, and on one that was used.
    for used in [false, true] {
        let mut raw = Raw::connect(gateway.address).await;
        if used {
            raw.send(request(&client::chat("fallback", "Hi"))).await;
            assert_eq!(raw.answer().await.expect("an answer").status, 200);
        }
        let start = Instant::now();
        within("it is cut off", async {
            // The slowness itself is what is tested.
            for byte in head("").bytes().chain(std::iter::repeat(b'x')) {
                if raw.try_send([byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        })
        .await;
        let took = start.elapsed();
        assert!(
            (Duration::from_millis(350)..Duration::from_secs(3)).contains(&took),
            "{used} {took:?}"
        );
    }
    assert_eq!(upstream.hits(), 1);
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(
        &upstream,
        json!({ "header_timeout": "300ms", "keepalive": "1s" }),
    )
    .await;
    let mut silent = Raw::connect(gateway.address).await;
    assert!(
        silent.rest().await.is_empty(),
        "one that never said anything"
    );
    let mut used = Raw::connect(gateway.address).await;
    used.send(request(&client::chat("fallback", "Hi"))).await;
    assert_eq!(used.answer().await.expect("an answer").status, 200);
    assert!(used.rest().await.is_empty(), "one that was used");
    let h2 = gateway.connect(Http::H2c).await;
    assert_eq!(
        gateway
            .ask(CHAT, client::chat("fallback", "Hi"))
            .on(&h2)
            .whole()
            .await
            .status,
        200
    );
    eventually("an idle HTTP/2 connection is closed", || h2.is_closed()).await;
    gateway
        .metric_becomes("sluicegate_open_connections", 0.0)
        .await;
}

// Bodies.

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "body": "64KiB" })).await;
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(head("content-length: 1000000000\r\n") + "{").await;
    refused(
        &raw.answer().await.expect("an answer"),
        413,
        "request_too_large",
    );

    let mut raw = Raw::connect(gateway.address).await;
    raw.send(head("transfer-encoding: chunked\r\n")).await;
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..5 {
        raw.send(&chunk).await;
    }
    refused(
        &raw.answer().await.expect("an answer"),
        413,
        "request_too_large",
    );

    // At the limit is not over it.
    let body = client::chat("fallback", "");
    let body = client::chat("fallback", &"x".repeat(64 * 1024 - body.len()));
    assert_eq!(body.len(), 64 * 1024);
    for http in Http::PLAIN {
        assert_eq!(
            gateway
                .ask(CHAT, body.clone())
                .over(http)
                .whole()
                .await
                .status,
            200
        );
        let over = gateway
            .ask(CHAT, format!("{body} "))
            .over(http)
            .whole()
            .await;
        refused(&over, 413, "request_too_large");
    }
    assert_eq!(upstream.hits(), 2);
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_can_read_why_it_was_refused() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "body": "64KiB" })).await;
    const SIZE: usize = 8 << 20;
    let body = "x".repeat(SIZE);
    let unknown = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer nobody-knows\r\ncontent-length: {SIZE}\r\n\r\n"
    );
    let lost = format!("POST /v1/nothing HTTP/1.1\r\nhost: g\r\ncontent-length: {SIZE}\r\n\r\n");
    for (head, body, status, code) in [
        (
            head(&format!("content-length: {SIZE}\r\n")),
            body.clone(),
            413,
            "request_too_large",
        ),
        (
            head("transfer-encoding: chunked\r\n"),
            format!("{SIZE:x}\r\n{body}\r\n0\r\n\r\n"),
            413,
            "request_too_large",
        ),
        (unknown, body.clone(), 401, "invalid_api_key"),
        (lost, body.clone(), 404, "not_found"),
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(head + &body).await;
        refused(&raw.answer().await.expect("an answer"), status, code);
    }
    for http in Http::PLAIN {
        refused(
            &gateway.ask(CHAT, body.clone()).over(http).whole().await,
            413,
            "request_too_large",
        );
    }
}

#[tokio::test]
async fn a_bomb_is_refused_without_taking_memory() {
    const EXPANDED: usize = 128 << 20;
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "body": "1MiB" })).await;
    let good = client::chat("fallback", &"x".repeat(500_000));
    let before = peak_memory(&gateway);
    for coding in Coding::ALL {
        let bomb = tokio::task::spawn_blocking(move || coding.encode_all(&vec![b' '; EXPANDED]));
        let bomb = bomb.await.expect("no panic");
        assert!(bomb.len() < 1 << 20, "{coding:?}: {} bytes", bomb.len());
        let ask = |body: Vec<u8>| {
            gateway
                .ask(CHAT, body)
                .header("content-encoding", coding.name())
        };
        refused(&ask(bomb).whole().await, 413, "request_too_large");
        let answer = ask(coding.encode_all(good.as_bytes())).whole().await;
        assert_eq!(answer.status, 200, "{coding:?}: {}", answer.body_text());
    }
    let grown = peak_memory(&gateway) - before;
    assert!(grown < 48 << 20, "{} MiB", grown >> 20);
    for received in upstream.wait_hits(Coding::ALL.len()).await {
        assert_eq!(received.header("content-encoding"), None);
        assert_eq!(
            received.body.len(),
            good.len() - "fallback".len() + "m1".len()
        );
    }
    // A bomb in a bomb.
    let twice = Coding::Gzip.encode_all(&Coding::Gzip.encode_all(&vec![b' '; 16 << 20]));
    let answer = gateway
        .ask(CHAT, twice)
        .header("content-encoding", "gzip, gzip")
        .whole()
        .await;
    refused(&answer, 415, "unsupported_content_encoding");
}

/// The most memory that the process ever had, in bytes.
fn peak_memory(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux");
    let kib: usize = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    kib * 1024
}

#[tokio::test]
async fn nesting_has_an_end() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "depth": 20 })).await;
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"model":"fallback","messages":{open}{close}}}"#)
    };
    assert_eq!(gateway.ask(CHAT, nested(19)).whole().await.status, 200);
    let deep = gateway.ask(CHAT, nested(20)).whole().await;
    refused(&deep, 400, "invalid_request");
    assert!(
        deep.body_text().contains("too deeply nested"),
        "{}",
        deep.body_text()
    );
    refused(
        &gateway.ask(CHAT, "[".repeat(1_000_000)).whole().await,
        400,
        "invalid_request",
    );
    assert_eq!(upstream.hits(), 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_told_so() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({ "body_timeout": "400ms" })).await;
    let mut stuck = Raw::connect(gateway.address).await;
    stuck.send(head("content-length: 100\r\n") + "{").await;
    let answer = stuck.answer().await.expect("an answer");
    refused(&answer, 408, "request_timeout");
    assert_eq!(answer.header("x-should-retry"), Some("true"));

    let mut slow = Raw::connect(gateway.address).await;
    slow.send(head("content-length: 1000\r\n")).await;
    let start = Instant::now();
    // The slowness itself is what is tested: bytes keep coming, and never fast enough.
    while !slow.hears_within(Duration::from_millis(30)).await {
        slow.send("x").await;
    }
    let took = start.elapsed();
    refused(
        &slow.answer().await.expect("an answer"),
        408,
        "request_timeout",
    );
    assert!(
        (Duration::from_millis(350)..Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
    assert_eq!(upstream.hits(), 0);
}

#[tokio::test]
async fn large_bodies_pass_over_both_versions() {
    let upstream = Upstream::openai().start().await;
    let gateway = limited(&upstream, json!({})).await;
    let body = client::chat("fallback", &"0123456789".repeat(1_000_000));
    for http in Http::PLAIN {
        let ask = gateway.ask(CHAT, body.clone()).over(http);
        assert_eq!(ask.whole().await.status, 200, "{http:?}");
        let received = upstream.take(&ask.id);
        assert!(
            received[0].body == client::chat("m1", &"0123456789".repeat(1_000_000)),
            "{http:?}"
        );
    }
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(head("transfer-encoding: chunked\r\n")).await;
    for chunk in body.as_bytes().chunks(100_000) {
        raw.send(format!("{:x}\r\n", chunk.len())).await;
        raw.send(chunk).await;
        raw.send("\r\n").await;
    }
    raw.send("0\r\n\r\n").await;
    assert_eq!(raw.answer().await.expect("an answer").status, 200);
}

// What callers must not be able to do to the memory of the gateway and of whoever scrapes it.

#[tokio::test]
async fn ten_thousand_invented_names_make_no_series() {
    const EACH: usize = 2500;
    let upstream = Upstream::openai().start().await;
    let config = merge(
        fallback(&[&upstream, &upstream]),
        json!({ "server": { "trusted_proxies": ["127.0.0.1"] } }),
    );
    let gateway = Gateway::start(config).await;
    let client = gateway.connect(Http::H2c).await;
    let round = async |count: usize, name: &str| {
        let mut answers = JoinSet::new();
        for n in 0..count {
            let model = client::chat(&format!("{name}-{n}"), "Hi");
            let direct = client::chat_stream(&format!("p1/{name}-{n}"), "Hi");
            let path = format!("/v1/{name}/{n}");
            let from = format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255);
            for (ask, status) in [
                (gateway.ask(CHAT, model.clone()), 404),
                (gateway.ask(CHAT, direct), 200),
                (gateway.ask(&path, "{}"), 404),
                (
                    gateway
                        .ask(CHAT, model)
                        .header("authorization", &format!("Bearer {name}-{n}")),
                    401,
                ),
            ] {
                let ask = ask.on(&client).header("x-forwarded-for", &from);
                let response = ask.send().await;
                answers.spawn(async move { (response.whole().await.status, status) });
            }
            if n % 16 == 0 {
                while let Some(answer) = answers.join_next().await {
                    let (status, expected) = answer.expect("no panic");
                    assert_eq!(status, expected);
                }
            }
        }
    };
    round(1, "warm").await;
    let before = series(&gateway).await;
    round(EACH, "invented").await;
    let after = series(&gateway).await;
    assert_eq!(after, before, "series that callers minted");
    assert!(!after.iter().any(|s| s.contains("invented")));
}

/// The names and labels of all series, without their values.
async fn series(gateway: &Gateway) -> Vec<String> {
    let (_, text) = gateway.operator("/metrics").await;
    let names = text.lines().filter(|line| !line.starts_with('#'));
    names
        .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
        .collect()
}
