//! The life of the process: start, drain, handing over, end.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    harness::{Answer, Dir, Gateway, Http, Raw, client, eventually, fallback, within},
    upstream::{End, Gate, Reply, Upstream, merge},
};

/// Less than any time limit that could end a process by itself, and much more than ending takes.
const SOON: Duration = Duration::from_secs(4);

/// One request in each dialect, over its own connection of each HTTP version.
async fn everyone(gateway: &Gateway) -> Vec<(&'static str, Answer)> {
    let mut answers = Vec::new();
    for http in Http::PLAIN {
        for (dialect, path) in [
            ("openai", "/v1/chat/completions"),
            ("anthropic", "/v1/messages"),
            ("gemini", "/v1beta/models/fallback:generateContent"),
        ] {
            let ask = gateway.ask(path, client::chat("fallback", "Hi")).over(http);
            answers.push((dialect, ask.whole().await));
        }
    }
    answers
}

#[tokio::test]
async fn sigterm_refuses_new_requests_and_lets_streams_finish() {
    let gate = Gate::new();
    let upstream = Upstream::openai()
        .then(Reply::text("one two three").stepped(2, &gate))
        .start()
        .await;
    let mut gateway = Gateway::start(fallback(&[&upstream])).await;
    let kept = gateway.connect(Http::H1).await;
    let refused = gateway.ask("/v1/nothing", "").on(&kept).whole().await;
    assert_eq!((refused.status, kept.is_closed()), (404, false));
    let streams = [gateway.chat_stream("Hi").await, {
        let ask = gateway.ask(
            "/v1/chat/completions",
            client::chat_stream("fallback", "Hi"),
        );
        ask.over(Http::H2c).send().await
    }];

    gateway.signal("TERM");
    within("it is not ready any more", async {
        while gateway.operator("/readyz").await.0 != 503 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(gateway.operator("/livez").await.0, 200);
    assert_eq!(gateway.operator("/metrics").await.0, 200);
    for (dialect, answer) in everyone(&gateway).await {
        let error = &answer.json()["error"];
        let (status, kind) = match dialect {
            "openai" => (503, &error["code"]),
            "anthropic" => (529, &error["type"]),
            _ => (503, &error["status"]),
        };
        assert_eq!(answer.status, status, "{dialect}");
        let words = ["shutting_down", "overloaded_error", "UNAVAILABLE"];
        assert!(
            words.contains(&kind.as_str().unwrap_or_default()),
            "{dialect}: {error}"
        );
        assert_eq!(answer.header("x-should-retry"), Some("true"), "{dialect}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{dialect}");
    }
    let late = gateway
        .ask("/v1/chat/completions", client::chat("fallback", "Hi"))
        .on(&kept)
        .whole()
        .await;
    assert_eq!(late.status, 503, "a connection from before is no way in");
    eventually("the connection from before is closed", || kept.is_closed()).await;
    assert_eq!(gateway.exited(), None, "streams still run");

    gate.open_for_good();
    for stream in streams {
        let answer = stream.whole().await;
        assert_eq!(
            (answer.text().as_str(), answer.broken.as_deref()),
            ("one two three", None)
        );
        assert!(answer.says_done());
    }
    let end = Instant::now();
    let status = gateway.wait_exit().await;
    assert!(end.elapsed() < SOON, "{:?}", end.elapsed());
    assert_eq!(status.code(), Some(0));
    let finished = gateway
        .records()
        .iter()
        .filter(|r| r["stream"] == true && r["outcome"] == "ok")
        .count();
    assert_eq!(finished, 2, "the access log is complete");
}

#[tokio::test]
async fn an_idle_gateway_ends_at_once() {
    let upstream = Upstream::openai().start().await;
    for signal in ["TERM", "INT"] {
        let mut gateway = Gateway::start(fallback(&[&upstream])).await;
        let _idle = (
            gateway.connect(Http::H1).await,
            gateway.connect(Http::H2c).await,
        );
        gateway.signal(signal);
        let end = Instant::now();
        assert_eq!(gateway.wait_exit().await.code(), Some(0), "{signal}");
        assert!(end.elapsed() < SOON, "{signal}: {:?}", end.elapsed());
    }
}

#[tokio::test]
async fn the_time_to_drain_has_an_end() {
    let upstream = Upstream::openai()
        .then(Reply::text("one two").dies_after(2, End::Silence))
        .start()
        .await;
    let config = merge(
        fallback(&[&upstream]),
        json!({ "server": { "drain": "1s" } }),
    );
    let mut gateway = Gateway::start(config).await;
    let mut stream = gateway.chat_stream("Hi").await;
    stream.event().await.expect("its beginning");

    gateway.signal("TERM");
    let end = Instant::now();
    let answer = stream.whole().await;
    assert_eq!(gateway.wait_exit().await.code(), Some(0));
    let took = end.elapsed();
    assert!(
        (Duration::from_millis(900)..SOON).contains(&took),
        "{took:?}"
    );
    assert!(answer.broken.is_some() && !answer.says_done(), "{answer:?}");
    assert!(
        gateway.log().contains("1 requests were still running"),
        "{}",
        gateway.log()
    );
}

#[tokio::test]
async fn sigint_and_a_second_sigterm_do_not_wait_for_streams() {
    let upstream = Upstream::openai()
        .then(Reply::text("one two").dies_after(2, End::Silence))
        .start()
        .await;
    for signals in [&["INT"][..], &["TERM", "INT"], &["TERM", "TERM"]] {
        let mut gateway = Gateway::start(fallback(&[&upstream])).await;
        let mut stream = gateway.chat_stream("Hi").await;
        stream.event().await.expect("its beginning");
        for (n, signal) in signals.iter().enumerate() {
            gateway.signal(signal);
            let words = if n == 0 {
                format!("SIG{signal}: ")
            } else {
                "stopping at once".to_owned()
            };
            eventually("the signal is heard", || gateway.log().contains(&words)).await;
        }
        let end = Instant::now();
        assert_eq!(gateway.wait_exit().await.code(), Some(0), "{signals:?}");
        assert!(end.elapsed() < SOON, "{signals:?}");
        let answer = stream.whole().await;
        assert!(
            answer.broken.is_some() && !answer.says_done(),
            "{signals:?}"
        );
    }
}

#[tokio::test]
async fn a_new_process_takes_over_without_a_refused_request() {
    let gate = Gate::new();
    let upstream = Upstream::openai()
        .then(Reply::text("one two three").stepped(2, &gate))
        .then_text("Hello")
        .start()
        .await;
    let dir = Dir::new("upgrade");
    let socket = dir.path().join("upgrade.sock");
    let config = merge(
        fallback(&[&upstream]),
        json!({ "server": { "upgrade_socket": socket } }),
    );
    let mut old = Gateway::start(&config).await;
    let stream = old.chat_stream("Hi").await;

    let mut new = Gateway::with(&config).takes_over(&old).spawn();
    eventually("the new process waits for the listeners", || {
        socket.exists()
    })
    .await;
    assert_eq!(
        new.chat("Hi").await.text(),
        "Hello",
        "the old process still answers"
    );
    old.signal("QUIT");
    let requests = async {
        // All along, each over its own connection, until the old process is gone.
        let mut count = 0;
        let mut opened = false;
        let mut handed_over = None;
        loop {
            let answer = new.chat("Hi").await;
            assert_eq!(answer.text(), "Hello", "request {count}");
            count += 1;
            if !new.records().is_empty() {
                handed_over.get_or_insert_with(Instant::now);
            }
            if handed_over.is_some() && !opened {
                assert_eq!(old.exited(), None, "it waits for its stream");
                gate.open_for_good();
                opened = true;
            }
            if old.exited().is_some() {
                return count;
            }
        }
    };
    let count = within("the old process ends", requests).await;
    let answer = stream.whole().await;

    assert!(count > 10, "{count}");
    assert_eq!(
        (answer.text().as_str(), answer.broken.as_deref()),
        ("one two three", None)
    );
    assert!(answer.says_done());
    new.wait_ready().await;
    let served = new
        .metric(r#"sluicegate_requests_total{outcome="ok"}"#)
        .await;
    assert!(served > 0.0, "the new process answers operators, too");
    assert_eq!(new.chat("Hi").await.text(), "Hello");
}

#[tokio::test]
async fn nothing_is_counted_as_open_when_nothing_is() {
    let upstream = Upstream::openai().then_text("Hello there").start().await;
    let failing = Upstream::openai().then(500).start().await;
    let hanging = Upstream::openai().then(Reply::hangs()).start().await;
    let stuck = Upstream::openai()
        .then(Reply::text("one two").dies_after(2, End::Silence))
        .start()
        .await;
    let dying = Upstream::openai()
        .then(Reply::text("one two").dies_after(2, End::Reset))
        .start()
        .await;
    let mut config = fallback(&[&upstream, &failing, &hanging, &stuck, &dying]);
    config["limits"] = json!({ "body": "64KiB", "requests_per_address": 1000 });
    let gateway = Gateway::start(config).await;
    let ask = |body: String| gateway.ask("/v1/chat/completions", body);
    for http in Http::PLAIN {
        for round in 0..3 {
            for stream in [false, true] {
                let body = |model: &str| match stream {
                    true => client::chat_stream(model, "Hi"),
                    false => client::chat(model, "Hi"),
                };
                assert_eq!(
                    ask(body("p1/m")).over(http).whole().await.status,
                    200,
                    "{round}"
                );
                assert_eq!(ask(body("p2/m")).over(http).whole().await.status, 500);
                assert_eq!(ask(body("nobody/m")).over(http).whole().await.status, 404);
                assert_eq!(
                    ask(body("p1/m"))
                        .header("authorization", "")
                        .over(http)
                        .whole()
                        .await
                        .status,
                    401
                );
            }
            assert_eq!(ask("{".into()).over(http).whole().await.status, 400);
            assert_eq!(
                ask(client::chat("p1/m", &"x".repeat(70_000)))
                    .over(http)
                    .whole()
                    .await
                    .status,
                413
            );
            let cut = ask(client::chat_stream("p5/m", "Hi"))
                .over(http)
                .whole()
                .await;
            assert_eq!((cut.status, cut.says_done()), (200, false));

            // Clients that leave: before the answer, in the middle of a stream, in the middle of their own request.
            let silent = ask(client::chat("p3/m", "Hi")).over(http);
            let before = hanging.hits();
            tokio::select! {
                _ = silent.try_send() => panic!("it hangs"),
                _ = hanging.wait_hits(before + 1) => {}
            }
            let mut stream = ask(client::chat_stream("p4/m", "Hi"))
                .over(http)
                .send()
                .await;
            stream.event().await.expect("its beginning");
            stream.leave();
            if http == Http::H2c {
                let connection = gateway.connect(http).await;
                let stream = ask(client::chat_stream("p4/m", "Hi"))
                    .on(&connection)
                    .send()
                    .await;
                stream.cancel();
                assert_eq!(
                    ask(client::chat("p1/m", "Hi"))
                        .on(&connection)
                        .whole()
                        .await
                        .status,
                    200
                );
            } else {
                let mut half = Raw::connect(gateway.address).await;
                half.send("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n")
                    .await;
                let mut half = Raw::connect(gateway.address).await;
                let key = crate::harness::KEY;
                half.send(format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 50\r\n\r\n{{"))
                    .await;
                let key = "Bearer unknown";
                let mut unread = Raw::connect(gateway.address).await;
                unread
                    .send(format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\ncontent-length: 50\r\n\r\n{{"))
                    .await;
            }
        }
    }
    for gauge in ["requests", "streams", "connections"] {
        gateway
            .metric_becomes(&format!("sluicegate_open_{gauge}"), 0.0)
            .await;
    }
    assert_eq!(gateway.metric("sluicegate_endpoint_in_flight").await, 0.0);
}

#[tokio::test]
async fn the_access_log_is_opened_anew_on_sighup() {
    let upstream = Upstream::openai().start().await;
    let gateway = Gateway::start(fallback(&[&upstream])).await;
    let first = gateway.chat("Hi").await;
    gateway.record(first.id()).await;
    let log = gateway.dir().path().join("access.log");
    std::fs::rename(&log, log.with_extension("log.1")).expect("rotated");
    // Before the signal the old file is still written.
    let between = gateway.chat("Hi").await;
    eventually("the old file has the record", || {
        gateway.dir().read("access.log.1").contains(between.id())
    })
    .await;

    gateway.signal("HUP");
    gateway
        .metric_becomes(r#"sluicegate_config_reloads_total{outcome="applied"}"#, 1.0)
        .await;
    let second = gateway.chat("Hi").await;
    gateway.record(second.id()).await;
    assert_eq!(gateway.records().len(), 1);
    assert_eq!(gateway.dir().read("access.log.1").lines().count(), 2);
}

#[tokio::test]
async fn ready_means_that_the_upstreams_were_looked_at_and_clients_are_taken() {
    // An upstream whose first health check waits for the test.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let config = json!({ "providers": { "p1": {
        "kind": "openai", "base_url": format!("http://{address}/v1"), "api_key": "sk-upstream",
        "health": { "http": "/health", "timeout": "20s" },
    } } });
    let gateway = Gateway::with(config).spawn();
    let (mut probe, _) = within("a health check comes", listener.accept())
        .await
        .expect("a connection");
    let mut buffer = [0; 1024];
    let read = within("a health check comes", probe.read(&mut buffer))
        .await
        .expect("bytes");
    assert!(buffer[..read].starts_with(b"GET /health "));

    eventually("the admin listener is there", || {
        std::net::TcpStream::connect(gateway.admin).is_ok()
    })
    .await;
    assert_eq!(gateway.operator("/livez").await.0, 200);
    assert_eq!(
        gateway.operator("/readyz").await,
        (503, "starting\n".to_owned())
    );

    probe
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .expect("sent");
    within("it becomes ready", async {
        while gateway.operator("/readyz").await.0 != 200 {}
    })
    .await;
    let taken = tokio::net::TcpStream::connect(gateway.address).await;
    assert!(taken.is_ok(), "ready, and yet: {taken:?}");
}

#[tokio::test]
async fn ready_is_never_said_before_clients_are_taken() {
    let upstream = Upstream::openai().start().await;
    for _ in 0..5 {
        let gateway = Gateway::with(fallback(&[&upstream])).spawn();
        within("it becomes ready", async {
            while gateway
                .try_operator("/readyz")
                .await
                .is_none_or(|(status, _)| status != 200)
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let taken = tokio::net::TcpStream::connect(gateway.address).await;
        assert!(taken.is_ok(), "ready, and yet: {taken:?}");
    }
}
