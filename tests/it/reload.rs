//! A configuration that changes while the gateway runs.

use std::{os::unix::fs::symlink, path::Path};

use serde_json::{Value, json};

use crate::{
    harness::{Answer, Client, Dir, Gateway, Http, Response, client, eventually, fallback},
    upstream::{Gate, Reply, Upstream, Wire, merge},
};

const APPLIED: &str = r#"sluicegate_config_reloads_total{outcome="applied"}"#;
const REFUSED: &str = r#"sluicegate_config_reloads_total{outcome="refused"}"#;
const STALE: &str = "sluicegate_config_stale";

/// Writes `config` anew, and waits until one more configuration was applied.
async fn apply(gateway: &Gateway, config: &Value) {
    let before = gateway.metric(APPLIED).await;
    gateway.rewrite_config(config);
    gateway.metric_becomes(APPLIED, before + 1.0).await;
}

/// A chat completion from `model`, with this key.
async fn chat(gateway: &Gateway, model: &str, key: &str) -> Answer {
    let ask = gateway.ask("/v1/chat/completions", client::chat(model, "Hi"));
    ask.header("authorization", &format!("Bearer {key}"))
        .whole()
        .await
}

#[tokio::test]
async fn a_changed_file_is_applied_without_a_restart() {
    let first = Upstream::openai().then_text("first").start().await;
    let second = Upstream::openai().then_text("second").start().await;
    let mut config = fallback(&[&first]);
    // A second one of its kind, so that nobody is meant by a name that is no route.
    config["providers"]["p2"] = first.provider();
    config["keys"] = json!([
        { "name": "stays", "secret": "sk-key-that-stays" },
        { "name": "goes", "secret": "sk-key-that-goes" },
    ]);
    let gateway = Gateway::start(&config).await;
    let applied_at = gateway
        .metric("sluicegate_config_applied_timestamp_seconds")
        .await;
    assert_eq!(
        chat(&gateway, "fallback", "sk-key-that-goes").await.text(),
        "first"
    );
    assert_eq!(chat(&gateway, "new", "sk-key-that-goes").await.status, 404);
    assert_eq!(
        chat(&gateway, "fallback", "sk-key-that-comes").await.status,
        401
    );

    config["keys"] = json!([
        { "name": "stays", "secret": "sk-key-that-stays" },
        { "name": "comes", "secret": "sk-key-that-comes" },
    ]);
    config["providers"]["added"] = second.provider();
    config["routes"]["new"] = json!({ "targets": ["added/m"] });
    apply(&gateway, &config).await;

    assert_eq!(
        chat(&gateway, "fallback", "sk-key-that-goes").await.status,
        401,
        "a removed key"
    );
    assert_eq!(
        chat(&gateway, "fallback", "sk-key-that-stays").await.text(),
        "first"
    );
    assert_eq!(
        chat(&gateway, "new", "sk-key-that-comes").await.text(),
        "second"
    );
    assert!(
        gateway
            .metric("sluicegate_config_applied_timestamp_seconds")
            .await
            >= applied_at
    );
    assert!(gateway.metric(STALE).await == 0.0);

    let without = json!({ "providers": { "added": null }, "routes": { "new": null } });
    apply(&gateway, &merge(config, without)).await;
    let gone = chat(&gateway, "new", "sk-key-that-comes").await;
    assert_eq!(
        (gone.status, gone.json()["error"]["code"].as_str()),
        (404, Some("model_not_found"))
    );
}

#[tokio::test]
async fn limits_and_provider_settings_change_for_the_next_request() {
    let upstream = Upstream::openai().start().await;
    let config = fallback(&[&upstream]);
    let gateway = Gateway::start(&config).await;
    let client = gateway.connect(Http::H1).await;
    let ask = gateway
        .ask(
            "/v1/chat/completions",
            client::chat("fallback", &"x".repeat(2000)),
        )
        .on(&client);
    assert_eq!(ask.whole().await.status, 200);

    let changes = json!({
        "limits": { "body": "1KiB" },
        "providers": { "p1": { "headers": { "x-team": "blue" } } },
    });
    apply(&gateway, &merge(config, changes)).await;

    assert_eq!(
        ask.whole().await.status,
        413,
        "on a connection from before, too"
    );
    assert_eq!(gateway.chat("Hi").await.status, 200);
    let received = upstream.wait_hits(2).await;
    assert_eq!(received[0].header("x-team"), None);
    assert_eq!(received[1].header("x-team"), Some("blue"));
}

#[tokio::test]
async fn sighup_reads_everything_again_though_no_change_was_seen() {
    let upstream = Upstream::openai().start().await;
    let secrets = Dir::new("secrets");
    let file = secrets.write("key", "sk-before-rotation\n");
    let mut config = fallback(&[&upstream]);
    config["providers"]["p1"]["api_key"] = format!("file:{}", file.display()).into();
    let gateway = Gateway::start(&config).await;
    assert_eq!(gateway.chat("Hi").await.status, 200);

    secrets.write("key", "sk-after-rotation\n");
    gateway.signal("HUP");
    gateway.metric_becomes(APPLIED, 1.0).await;
    assert_eq!(gateway.chat("Hi").await.status, 200);

    let keys: Vec<_> = upstream
        .received()
        .iter()
        .map(|r| r.header("authorization").expect("a key").to_owned())
        .collect();
    assert_eq!(
        keys,
        ["Bearer sk-before-rotation", "Bearer sk-after-rotation"]
    );

    gateway.signal("HUP");
    gateway.metric_becomes(APPLIED, 2.0).await;
}

#[tokio::test]
async fn a_bad_file_is_refused_whole_and_mending_it_recovers() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let good = fallback(&[&upstream, &upstream]);
    let gateway = Gateway::start(&good).await;
    let mended = merge(
        good.clone(),
        json!({ "routes": { "new": { "targets": ["p1/m"] } } }),
    );

    // One mistake, and something new that is right.
    let bad = merge(
        mended.clone(),
        json!({ "routes": { "fallback": { "targets": ["p1x/m"] } }, "sever": {} }),
    );
    gateway.rewrite_config(bad);
    gateway.metric_becomes(STALE, 1.0).await;

    assert!(gateway.metric(REFUSED).await >= 1.0);
    assert_eq!(gateway.metric(APPLIED).await, 0.0);
    assert_eq!(
        gateway.chat("Hi").await.text(),
        "Hello",
        "the old one serves on"
    );
    assert_eq!(
        chat(&gateway, "new", crate::harness::KEY).await.status,
        404,
        "no part of it is taken"
    );
    assert_eq!(
        gateway.operator("/readyz").await.0,
        200,
        "the gateway can serve"
    );
    for wanted in [
        "no provider has the name `p1x`",
        "did you mean `p1`",
        "unknown field `sever`",
    ] {
        let line = log_line(&gateway, wanted).await;
        let (_, place) = line
            .split_once("config.yaml:")
            .unwrap_or_else(|| panic!("no file: {line}"));
        let numbers: Vec<_> = place.split(':').take(2).map(str::parse::<u32>).collect();
        assert!(
            matches!(numbers[..], [Ok(1..), Ok(1..)]),
            "no line and column: {line}"
        );
    }

    apply(&gateway, &mended).await;
    assert_eq!(gateway.metric(STALE).await, 0.0);
    assert_eq!(
        chat(&gateway, "new", crate::harness::KEY).await.text(),
        "Hello"
    );
}

#[tokio::test]
async fn what_cannot_be_built_is_refused_whole_too() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let good = fallback(&[&upstream, &upstream]);
    let gateway = Gateway::start(&good).await;
    for (changes, words) in [
        (
            json!({ "providers": { "p1": { "tls": { "ca": "/nowhere/ca.pem" } } } }),
            "/nowhere/ca.pem",
        ),
        (
            json!({ "telemetry": { "access_log": { "path": "/nowhere/log" } } }),
            "/nowhere/log",
        ),
        (
            json!({ "providers": { "demo": { "kind": "demo" } } }),
            "restart",
        ),
    ] {
        let bad = merge(
            merge(good.clone(), changes),
            json!({ "routes": { "new": { "targets": ["p1/m"] } } }),
        );
        gateway.rewrite_config(bad);
        gateway.metric_becomes(STALE, 1.0).await;
        log_line(&gateway, words).await;
        assert_eq!(gateway.chat("Hi").await.text(), "Hello");
        assert_eq!(chat(&gateway, "new", crate::harness::KEY).await.status, 404);
        gateway.rewrite_config(&good);
        gateway.metric_becomes(STALE, 0.0).await;
    }
    assert_eq!(
        gateway.metric(APPLIED).await,
        0.0,
        "the old one was never replaced"
    );
    let (connections, hits) = (upstream.connections(), upstream.hits());
    assert!(
        connections < hits,
        "its connections neither: {connections} for {hits}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_once_also_when_the_log_lies_beside_the_file() {
    let upstream = Upstream::openai().start().await;
    let gateway = Gateway::start(fallback(&[&upstream])).await;
    let changed = gateway.rewrite_config(json!({ "providers": {}, "routes": {} }));
    gateway.metric_becomes(STALE, 1.0).await;
    // Its own log is written in the folder that is watched; so are these. None of them changes the configuration.
    for n in 0..3 {
        gateway.dir().write("unrelated", &n.to_string());
        let before = std::fs::metadata(&changed)
            .expect("it is there")
            .modified()
            .expect("a time");
        gateway.record(gateway.chat("Hi").await.id()).await;
        assert_eq!(gateway.metric(STALE).await, 1.0);
        assert_eq!(
            std::fs::metadata(&changed)
                .expect("still there")
                .modified()
                .expect("a time"),
            before
        );
    }
    gateway.rewrite_config(fallback(&[&upstream]));
    gateway.metric_becomes(STALE, 0.0).await;
    let told = gateway
        .log()
        .matches("refused, the last good one serves on")
        .count();
    assert_eq!(told, 1, "{}", gateway.log());
}

/// The line of the log that has `words` in it.
async fn log_line(gateway: &Gateway, words: &str) -> String {
    let mut found = None;
    eventually(&format!("the log says {words:?}"), || {
        found = gateway
            .log()
            .lines()
            .find(|line| line.contains(words))
            .map(str::to_owned);
        found.is_some()
    })
    .await;
    found.expect("just found")
}

#[tokio::test]
async fn every_way_to_replace_a_file_is_seen() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let config = fallback(&[&upstream]);
    let gateway = Gateway::start(&config).await;
    let file = gateway.rewrite_config(&config);
    let folder = gateway.dir().path();
    let mut versions = 0;
    let mut next = || {
        versions += 1;
        let route = format!("v{versions}");
        let text = std::fs::read_to_string(&file).expect("the configuration");
        let mut config: Value = serde_json::from_str(&text).expect("JSON");
        config["routes"] = json!({ &route: { "targets": ["p1/m"] } });
        (route, config.to_string())
    };
    let seen = async |route: String, how: &str| {
        gateway
            .metric_becomes(APPLIED, route["v".len()..].parse().expect("a number"))
            .await;
        assert_eq!(
            chat(&gateway, &route, crate::harness::KEY).await.status,
            200,
            "{how}"
        );
    };

    let (route, text) = next();
    std::fs::write(&file, text).expect("written");
    seen(route, "written in place").await;

    let (route, text) = next();
    let draft = folder.join(".config.yaml.swp");
    std::fs::write(&draft, text).expect("written");
    std::fs::rename(&draft, &file).expect("renamed");
    seen(route, "renamed over").await;

    let (route, text) = next();
    std::fs::rename(&file, folder.join("config.yaml~")).expect("renamed");
    std::fs::write(&file, text).expect("written");
    std::fs::remove_file(folder.join("config.yaml~")).expect("removed");
    seen(route, "moved away and written anew").await;

    // As Kubernetes does: the file is a link through `..data`, and a new folder takes that one's place.
    let generation = |name: &str, text: &str| {
        std::fs::create_dir(folder.join(name)).expect("new");
        std::fs::write(folder.join(name).join("config.yaml"), text).expect("written");
        replace_link(Path::new(name), &folder.join("..data"));
    };
    let (route, text) = next();
    generation("..2025_01", &text);
    replace_link(Path::new("..data/config.yaml"), &file);
    seen(route, "replaced by a link").await;

    let (route, text) = next();
    generation("..2025_02", &text);
    std::fs::remove_dir_all(folder.join("..2025_01")).expect("removed");
    seen(route, "the folder behind the link replaced").await;
    assert_eq!(
        gateway.metric(REFUSED).await,
        0.0,
        "no half of a file was taken"
    );
}

/// Makes `link` lead to `target`, in one step.
fn replace_link(target: &Path, link: &Path) {
    let draft = link.with_file_name("..draft");
    symlink(target, &draft).expect("linked");
    std::fs::rename(&draft, link).expect("renamed");
}

#[tokio::test]
async fn a_request_in_flight_keeps_the_configuration_that_it_began_with() {
    let gate = Gate::new();
    let first = Upstream::openai()
        .then(Reply::status(503).head_waits(&gate))
        .start()
        .await;
    let old = Upstream::openai().then_text("old").start().await;
    let new = Upstream::openai().then_text("new").start().await;
    let config = fallback(&[&first, &old]);
    let gateway = Gateway::start(&config).await;
    let (in_flight, ()) = tokio::join!(gateway.chat("Hi"), async {
        first.wait_hits(1).await;
        let mut changed = fallback(&[&new]);
        changed["keys"] = json!([{ "name": "other", "secret": "sk-another-key" }]);
        apply(&gateway, &changed).await;
        assert_eq!(
            chat(&gateway, "fallback", "sk-another-key").await.text(),
            "new"
        );
        assert_eq!(gateway.chat("Hi").await.status, 401);
        gate.open();
    });

    assert_eq!(
        in_flight.text(),
        "old",
        "its fallback is not in the configuration any more"
    );
    assert_eq!((first.hits(), old.hits(), new.hits()), (1, 1, 1));
}

#[tokio::test]
async fn five_hundred_streams_survive_a_reload_that_removes_their_provider() {
    const STREAMS: usize = 500;
    let gate = Gate::new();
    let reply = Reply::text("one two three four").stepped(2, &gate);
    let h1 = Upstream::openai().then(reply.clone()).start().await;
    let h2 = Upstream::openai().over(Wire::H2c).then(reply).start().await;
    let other = Upstream::openai().then_text("other").start().await;
    let mut config = fallback(&[&h1, &h2]);
    config["routes"]["second"] = json!({ "targets": ["p2/m2"] });
    let gateway = Gateway::start(&config).await;

    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..4 {
        clients.push(gateway.connect(Http::H2c).await);
    }
    let mut streams: Vec<Response> = Vec::new();
    for n in 0..STREAMS {
        let model = if n % 2 == 0 { "fallback" } else { "second" };
        let ask = gateway.ask("/v1/chat/completions", client::chat_stream(model, "Hi"));
        // A few over connections of their own.
        let ask = if n % 10 == 0 {
            ask
        } else {
            ask.on(&clients[n % clients.len()])
        };
        let mut stream = ask.send().await;
        let first = stream.event().await.expect("its beginning");
        assert_eq!(first.json()["choices"][0]["delta"]["role"], "assistant");
        streams.push(stream);
    }
    assert_eq!(gateway.metric("sluicegate_open_streams").await, 500.0);

    let without = json!({
        "providers": { "p9": other.provider() },
        "routes": { "fallback": { "targets": ["p9/m"] } },
    });
    apply(&gateway, &without).await;
    assert_eq!(gateway.chat("Hi").await.text(), "other");
    gateway.signal("HUP");
    gateway.metric_becomes(APPLIED, 2.0).await;
    assert_eq!(
        gateway.metric("sluicegate_open_streams").await,
        500.0,
        "none was dropped"
    );

    gate.open_for_good();
    for (n, stream) in streams.into_iter().enumerate() {
        let answer = stream.whole().await;
        assert_eq!(answer.broken, None, "stream {n}");
        assert_eq!(answer.text(), "one two three four", "stream {n}");
        assert!(answer.says_done(), "stream {n}");
    }
    gateway.metric_becomes("sluicegate_open_streams", 0.0).await;
    let ok = r#"sluicegate_requests_total{status="200",outcome="ok"}"#;
    gateway.metric_becomes(ok, 501.0).await;
}

#[tokio::test]
async fn an_unchanged_pool_keeps_its_connections_and_what_it_knows() {
    let failing = Upstream::openai().then(503).start().await;
    let ill = Upstream::openai().start().await;
    ill.set_health(500);
    let good = Upstream::openai().then_text("Hello").start().await;
    let mut config = fallback(&[&failing, &ill, &good]);
    let outlier = json!({ "consecutive_failures": 1, "ejection": "1h", "max_ejection": "1h", "max_ejected_percent": 100 });
    config["providers"]["p1"]["outlier"] = outlier;
    config["providers"]["p2"]["health"] =
        json!({ "http": "/health", "interval": "50ms", "unhealthy_after": 1 });
    let gateway = Gateway::start(&config).await;
    let up = |n: u32| format!(r#"sluicegate_endpoint_up{{provider="p{n}"}}"#);
    gateway.metric_becomes(&up(2), 0.0).await;
    assert_eq!(gateway.chat("Hi").await.text(), "Hello");
    assert_eq!(gateway.metric(&up(1)).await, 0.0, "ejected");

    config["routes"]["another"] = json!({ "targets": ["p3/m"] });
    apply(&gateway, &config).await;

    assert_eq!(gateway.metric(&up(1)).await, 0.0, "still ejected");
    assert_eq!(gateway.metric(&up(2)).await, 0.0, "still known to be ill");
    assert_eq!(gateway.chat("Hi").await.text(), "Hello");
    assert_eq!((failing.hits(), ill.hits(), good.hits()), (1, 0, 2));
    for _ in 0..8 {
        assert_eq!(gateway.chat("Hi").await.text(), "Hello");
    }
    // Not exactly one: Pingora opens another now and then although one has just become free.
    let connections = good.connections();
    assert!(
        connections <= 5,
        "connections are kept: {connections} for 10 requests"
    );

    config["providers"]["p1"]["timeouts"] = json!({ "connect": "4s" });
    apply(&gateway, &config).await;
    assert_eq!(
        gateway.metric(&up(1)).await,
        1.0,
        "a changed pool starts anew"
    );
    assert_eq!(gateway.metric(&up(2)).await, 0.0);
}

#[tokio::test]
async fn what_needs_a_restart_is_said_and_the_rest_is_applied() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let config = fallback(&[&upstream]);
    let gateway = Gateway::start(&config).await;
    let changes = json!({
        "server": { "listen": ["127.0.0.1:1"], "workers": 3, "upgrade_socket": "/tmp/other.sock" },
        "admin": { "listen": "127.0.0.1:2" },
        "limits": { "http2_streams": 7 },
        "routes": { "new": { "targets": ["p1/m"] } },
    });
    apply(&gateway, &merge(config, changes)).await;

    for key in [
        "server.listen",
        "server.workers",
        "server.upgrade_socket",
        "admin.listen",
        "limits.http2_streams",
    ] {
        let line = log_line(&gateway, &format!("{key} was changed")).await;
        assert!(
            line.contains("next start") && line.contains("WARN"),
            "{line}"
        );
    }
    assert_eq!(
        chat(&gateway, "new", crate::harness::KEY).await.text(),
        "Hello"
    );
}
