//! What stays here: credentials, cookies, our own headers; and what is written nowhere: secrets, prompts, answers.

use serde_json::{Value, json};

use crate::{
    harness::{Answer, Ask, Gateway, Http, KEY, Raw, client, fallback},
    upstream::{Kind, Received, Reply, Upstream},
};

const KINDS: [Kind; 3] = [Kind::Openai, Kind::Anthropic, Kind::Gemini];

/// Where SDKs put a key: a header, or the query.
const PLACES: [&str; 6] = [
    "x-sluicegate-api-key",
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "?key=",
];

/// Path and body of a request for `model` in the dialect of `kind`.
fn request(kind: Kind, model: &str, stream: bool, prompt: &str) -> (String, String) {
    let turns = json!([{ "role": "user", "content": prompt }]);
    match kind {
        Kind::Openai => {
            let body = json!({ "model": model, "stream": stream, "messages": turns });
            ("/v1/chat/completions".into(), body.to_string())
        }
        Kind::Anthropic => {
            let body =
                json!({ "model": model, "stream": stream, "max_tokens": 9, "messages": turns });
            ("/v1/messages".into(), body.to_string())
        }
        Kind::Gemini => {
            let verb = if stream {
                "streamGenerateContent"
            } else {
                "generateContent"
            };
            let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": prompt }] }] });
            (format!("/v1beta/models/{model}:{verb}"), body.to_string())
        }
    }
}

/// A request with the key in this place and nowhere else.
fn ask<'a>(
    gateway: &'a Gateway,
    (path, body): (String, String),
    place: &str,
    key: &str,
) -> Ask<'a> {
    let query = if path.contains("stream") {
        "alt=sse&"
    } else {
        ""
    };
    match place {
        "?key=" => gateway
            .ask(&format!("{path}?{query}key={key}&x=1"), body)
            .header("authorization", ""),
        "authorization" => gateway
            .ask(&path, body)
            .header("authorization", &format!("Bearer {key}")),
        header => gateway
            .ask(&path, body)
            .header("authorization", "")
            .header(header, key),
    }
}

/// Everything that an upstream got, as one text.
fn everything(received: &Received) -> String {
    let mut text = format!("{} {}\n", received.method, received.path);
    for (name, value) in &received.headers {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text + &String::from_utf8_lossy(&received.body)
}

/// Three upstreams for each kind behind one route: the first answers 503, the second closes, the third is good.
async fn cascade(kind: Kind) -> (Vec<Upstream>, Value) {
    let upstreams = vec![
        Upstream::of(kind).then(503).start().await,
        Upstream::of(kind).then(Reply::closes()).start().await,
        Upstream::of(kind).then_text("Hello there").start().await,
    ];
    let config = fallback(&upstreams.iter().collect::<Vec<_>>());
    (upstreams, config)
}

#[tokio::test]
async fn nothing_that_belongs_to_the_gateway_reaches_any_upstream() {
    for kind in KINDS {
        let (upstreams, config) = cascade(kind).await;
        let gateway = Gateway::start(config).await;
        for place in PLACES {
            for (http, stream) in [(Http::H1, true), (Http::H2c, false)] {
                let case = format!("{kind:?} {place} {http:?}");
                let ask = ask(
                    &gateway,
                    request(kind, "fallback", stream, "Hi"),
                    place,
                    KEY,
                )
                .header("cookie", "session=cookie-of-the-client")
                .header("x-sluicegate-tag", "header-of-ours")
                .header("x-sluicegate-anything", "header-of-ours")
                .header("x-forwarded-for", "203.0.113.77")
                .header("proxy-authorization", "Basic cHJveHk6c2VjcmV0")
                .header("te", "trailers")
                .over(http);
                let answer = ask.whole().await;
                assert_eq!(answer.text(), "Hello there", "{case}");
                for (n, upstream) in upstreams.iter().enumerate() {
                    let received = upstream.take(&ask.id);
                    assert_eq!(received.len(), 1, "{case}: attempt {n}");
                    let text = everything(&received[0]);
                    for secret in [
                        KEY,
                        "key=",
                        "cookie",
                        "x-sluicegate",
                        "header-of-ours",
                        "203.0.113.77",
                        "forwarded",
                        "cHJveHk6",
                        "proxy-authorization",
                    ] {
                        assert!(
                            !text.contains(secret),
                            "{case}: attempt {n} has {secret:?}: {text}"
                        );
                    }
                    if place == "?key=" {
                        assert!(
                            received[0].path.ends_with("x=1"),
                            "{case}: the rest of the query stays: {text}"
                        );
                    }
                    // Each has its own credential, and that of no other one.
                    for (other, upstream) in upstreams.iter().enumerate() {
                        let times = text.matches(&upstream.key()).count();
                        assert_eq!(
                            times,
                            usize::from(other == n),
                            "{case}: attempt {n}, key {other}: {text}"
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_clients_own_key_for_a_provider_is_not_forwarded() {
    for kind in KINDS {
        let (upstreams, config) = cascade(kind).await;
        let gateway = Gateway::start(config).await;
        let mut ask = ask(
            &gateway,
            request(kind, "fallback", false, "Hi"),
            "x-sluicegate-api-key",
            KEY,
        );
        for header in ["x-api-key", "x-goog-api-key", "api-key"] {
            ask = ask.header(header, "native-key-of-the-client");
        }
        ask = ask
            .header("authorization", "Bearer native-key-of-the-client")
            .header("openai-organization", "organization-of-the-client");
        assert_eq!(ask.whole().await.text(), "Hello there");
        for upstream in &upstreams {
            let text = everything(&upstream.take(&ask.id)[0]);
            assert!(!text.contains("of-the-client"), "{kind:?}: {text}");
        }
    }
}

#[tokio::test]
async fn what_sdks_tell_about_themselves_does_reach_the_provider() {
    let upstream = Upstream::anthropic().start().await;
    let gateway = Gateway::start(fallback(&[&upstream])).await;
    let kept = [
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "one,two"),
        ("user-agent", "Anthropic/Python 1.0"),
        ("x-stainless-lang", "python"),
        ("idempotency-key", "once"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ];
    let mut ask = ask(
        &gateway,
        request(Kind::Anthropic, "fallback", false, "Hi"),
        "x-api-key",
        KEY,
    );
    for (name, value) in kept {
        ask = ask.header(name, value);
    }
    assert_eq!(
        ask.header("openai-beta", "assistants=v2")
            .whole()
            .await
            .status,
        200
    );
    let received = upstream.only();
    for (name, value) in kept {
        assert_eq!(received.header(name), Some(value));
    }
    assert_eq!(received.header("openai-beta"), None, "nothing to this one");
}

#[tokio::test]
async fn cookies_and_headers_that_look_like_ours_do_not_reach_the_client() {
    let dressed = |reply: Reply| {
        reply
            .header("set-cookie", "__cf_bm=cookie-of-the-provider; path=/")
            .header("set-cookie", "second=cookie-of-the-provider")
            .header("x-sluicegate-provider", "forged")
            .header("x-sluicegate-cost", "forged")
            .header("x-sluicegate-request-id", "forged")
            .header("alt-svc", "h3=\":443\"")
            .header("strict-transport-security", "max-age=1")
            .header("openai-processing-ms", "12")
    };
    for kind in KINDS {
        for (reply, status) in [
            (Reply::text("Hello"), 200),
            (Reply::status(400), 400),
            (Reply::status(503), 503),
        ] {
            let upstream = Upstream::of(kind).then(dressed(reply)).start().await;
            let gateway = Gateway::start(fallback(&[&upstream])).await;
            for (http, stream) in [(Http::H1, false), (Http::H1, true), (Http::H2c, true)] {
                let ask = ask(
                    &gateway,
                    request(kind, "fallback", stream, "Hi"),
                    "x-api-key",
                    KEY,
                )
                .over(http);
                let answer = ask.whole().await;
                assert_eq!(answer.status, status, "{kind:?} {http:?}");
                for (name, value) in &answer.headers {
                    let text = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
                    for word in ["cookie", "forged", "alt-svc", "strict-transport"] {
                        assert!(!text.contains(word), "{kind:?} {status}: {text}");
                    }
                }
                assert_eq!(
                    answer.header("openai-processing-ms"),
                    Some("12"),
                    "the rest is kept"
                );
                assert_eq!(answer.header("x-sluicegate-provider"), Some("p1"));
            }
        }
    }
}

#[tokio::test]
async fn no_log_and_no_metric_has_a_secret_or_a_text_in_it() {
    const PROMPT: &str = "words-of-the-prompt";
    const ANSWER: &str = "words-of-the-answer";
    const UNKNOWN: &str = "sk-unknown-to-the-gateway";
    let mut config = json!({ "keys": [{ "name": "app", "secret": KEY }] });
    let mut upstreams = Vec::new();
    for kind in KINDS {
        let good = Upstream::of(kind).then_text(ANSWER).start().await;
        let bad = Upstream::of(kind)
            .then(Reply::error_after(ANSWER, 500))
            .start()
            .await;
        let name = format!("{kind:?}").to_lowercase();
        config["providers"][format!("{name}-bad")] = bad.provider();
        config["providers"][&name] =
            good.provider_with(json!({ "headers": { "x-extra": "secret-of-a-header" } }));
        config["routes"][format!("over-{name}")] = json!({ "targets": [format!("{name}/m")] });
        upstreams.extend([good, bad]);
    }
    let failing = Upstream::openai()
        .then(Reply::error_event(500))
        .start()
        .await;
    config["providers"]["failing"] = failing.provider();
    config["routes"]["retried"] = json!({ "targets": ["failing/m", "openai/m"] });
    let gateway = Gateway::with(&config)
        .env("RUST_LOG", "trace")
        .tls()
        .ready()
        .await;

    let mut answers: Vec<Answer> = Vec::new();
    for kind in KINDS {
        let name = format!("{kind:?}").to_lowercase();
        for place in PLACES {
            for stream in [false, true] {
                let asked = || request(kind, &format!("over-{name}"), stream, PROMPT);
                for http in [Http::H1, Http::H2c, Http::Tls1, Http::Tls2] {
                    answers.push(ask(&gateway, asked(), place, KEY).over(http).whole().await);
                }
                let (path, body) = asked();
                answers.push(ask(&gateway, asked(), place, UNKNOWN).whole().await);
                answers.push(
                    ask(&gateway, (path, format!("{body}{PROMPT}")), place, KEY)
                        .whole()
                        .await,
                );
                let torn = request(kind, &format!("{name}-bad/m"), stream, PROMPT);
                answers.push(ask(&gateway, torn, place, KEY).whole().await);
            }
        }
    }
    let retried = request(Kind::Openai, "retried", true, PROMPT);
    answers.push(ask(&gateway, retried, "authorization", KEY).whole().await);
    assert!(
        answers
            .iter()
            .filter(|a| a.body_text().contains(ANSWER))
            .count()
            > 70,
        "the answers did come"
    );
    // Heads that no parser takes, and bodies that break off.
    for bytes in [
        format!("POST /v1/chat/completions?key={KEY} HTTP/1.1\r\nx api key: {KEY}\r\n\r\n"),
        format!("POST /v1/chat/completions HTTP/9.1\r\nauthorization: Bearer {KEY}\r\n\r\n"),
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\ncontent-length: x\r\n\r\n"
        ),
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {KEY}\r\ntransfer-encoding: chunked\r\n\r\n{PROMPT}\r\n"
        ),
        format!("\x16\x03\x01{KEY}\r\n\r\n"),
    ] {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(bytes).await;
        raw.finish().await;
        raw.rest().await;
    }
    // A reload that is refused, and one that is not.
    let mut bad = config.clone();
    bad["keys"][0]["secret_sha256"] = "words".into();
    gateway.rewrite_config(bad);
    gateway.metric_becomes("sluicegate_config_stale", 1.0).await;
    gateway.rewrite_config(&config);
    gateway.metric_becomes("sluicegate_config_stale", 0.0).await;
    for answer in &answers {
        gateway.record(answer.id()).await;
    }

    let (_, metrics) = gateway.operator("/metrics").await;
    let trace = gateway.log();
    assert!(trace.contains("TRACE"), "the log tells as much as it can");
    let mut secrets: Vec<String> = upstreams
        .iter()
        .chain([&failing])
        .map(Upstream::key)
        .collect();
    secrets.extend([KEY, UNKNOWN, PROMPT, ANSWER, "secret-of-a-header"].map(str::to_owned));
    for (place, text) in [
        ("log", &trace),
        ("access log", &gateway.dir().read("access.log")),
        ("metrics", &metrics),
    ] {
        for secret in &secrets {
            for form in [secret.clone(), base16(secret)] {
                if let Some(line) = text.lines().find(|line| line.contains(&form)) {
                    panic!(
                        "the {place} has {secret:?} in it: {}",
                        line.chars().take(600).collect::<String>()
                    );
                }
            }
        }
    }
}

/// As debug output of byte slices would show it.
fn base16(text: &str) -> String {
    text.bytes()
        .take(12)
        .map(|b| b.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[tokio::test]
async fn the_record_of_a_request_says_what_happened() {
    let first = Upstream::openai().then(503).start().await;
    let second = Upstream::openai()
        .then(Reply::text("Hello there").header("x-request-id", "req-upstream"))
        .start()
        .await;
    let mut config = fallback(&[&first, &second]);
    config["keys"] = json!([{ "name": "team-a", "secret": KEY }]);
    let gateway = Gateway::start(config).await;
    let body = client::chat_stream("fallback", "Hi");
    let answer = gateway
        .ask("/v1/chat/completions?x=1", body.clone())
        .whole()
        .await;
    let record = gateway.record(answer.id()).await;
    for (field, value) in [
        ("client", json!("127.0.0.1")),
        ("key", json!("team-a")),
        ("method", json!("POST")),
        ("path", json!("/v1/chat/completions")),
        ("operation", json!("chat")),
        ("model", json!("fallback")),
        ("route", json!("fallback")),
        ("provider", json!("p2")),
        ("target_model", json!("m2")),
        ("answered_model", json!("m2")),
        ("endpoint", json!(second.address())),
        ("stream", json!(true)),
        ("status", json!(200)),
        ("outcome", json!("ok")),
        ("finish", json!("stop")),
        ("provider_request_id", json!("req-upstream")),
        ("attempts", json!(2)),
        ("request_bytes", json!(body.len())),
        ("response_bytes", json!(answer.body.len())),
    ] {
        assert_eq!(record[field], value, "{field}: {record}");
    }
    assert_eq!(
        (&record["usage"]["input"], &record["usage"]["output"]),
        (&json!(9), &json!(2)),
        "{record}"
    );
    assert!(
        record["error"].is_null(),
        "nothing is wrong in the end: {record}"
    );
    let time = record["time"].as_str().expect("a time");
    assert!(
        time.len() == 24 && time.ends_with('Z') && time.starts_with("20"),
        "{time}"
    );
    let ms = |field: &str| {
        record[field]
            .as_f64()
            .unwrap_or_else(|| panic!("{field}: {record}"))
    };
    assert!(
        ms("overhead_ms") <= ms("first_token_ms") && ms("first_token_ms") <= ms("duration_ms"),
        "{record}"
    );

    let refused = gateway.ask("/v1/chat/completions", "{").whole().await;
    let record = gateway.record(refused.id()).await;
    for (field, value) in [
        ("status", json!(400)),
        ("outcome", json!("refused")),
        ("error", json!("invalid_request")),
        ("key", json!("team-a")),
        ("provider", Value::Null),
        ("attempts", json!(0)),
        ("usage", Value::Null),
        ("stream", json!(false)),
    ] {
        assert_eq!(record[field], value, "{field}: {record}");
    }

    let stranger = gateway
        .ask("/v1/messages", "{}")
        .header("authorization", "")
        .whole()
        .await;
    let record = gateway.record(stranger.id()).await;
    assert_eq!(
        (&record["status"], &record["key"]),
        (&json!(401), &Value::Null),
        "{record}"
    );
    let lost = gateway.ask("/nowhere", "").whole().await;
    let record = gateway.record(lost.id()).await;
    assert_eq!(
        (&record["status"], &record["path"]),
        (&json!(404), &json!("/nowhere")),
        "{record}"
    );
    assert_eq!(record["operation"], Value::Null, "{record}");
}

#[tokio::test]
async fn the_record_of_a_client_that_left_says_499() {
    let hanging = Upstream::openai().then(Reply::hangs()).start().await;
    let gateway = Gateway::start(fallback(&[&hanging])).await;
    let ask = gateway.ask("/v1/chat/completions", client::chat("fallback", "Hi"));
    tokio::select! {
        _ = ask.try_send() => panic!("it hangs"),
        _ = hanging.wait_hits(1) => {}
    }
    let record = gateway.record(&ask.id).await;
    assert_eq!(
        (&record["status"], &record["outcome"]),
        (&json!(499), &json!("client_gone")),
        "{record}"
    );
    assert_eq!(record["provider"], "p1");
}
