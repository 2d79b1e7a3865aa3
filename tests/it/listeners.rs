//! Where clients connect: TLS, HTTP versions, several addresses.

use serde_json::json;

use crate::{
    harness::{Answer, Client, Dir, Gateway, Http, client, fallback, within},
    upstream::{Upstream, merge},
};

const EVERY: [Http; 4] = [Http::H1, Http::H2c, Http::Tls1, Http::Tls2];

#[tokio::test]
async fn tls_and_plain_listeners_speak_both_versions_of_http_at_once() {
    let upstream = Upstream::openai().then_text("Hello there").start().await;
    let gateway = Gateway::with(fallback(&[&upstream])).tls().ready().await;
    for http in EVERY {
        // `Client` asks for exactly this version: with ALPN, or with prior knowledge.
        let client = gateway.connect(http).await;
        for stream in [false, true] {
            let body = if stream {
                client::chat_stream("fallback", "Hi")
            } else {
                client::chat("fallback", "Hi")
            };
            let ask = gateway.ask("/v1/chat/completions", body).on(&client);
            let answer = ask.whole().await;
            assert_eq!(answer.text(), "Hello there", "{http:?}");
            assert_eq!(answer.broken, None, "{http:?}");
            assert_eq!(gateway.record(answer.id()).await["client"], "127.0.0.1");
        }
        assert!(!client.is_closed(), "{http:?}: the connection is kept");
    }
    // Pingora opens another connection now and then although one has just become free.
    let (connections, hits) = (upstream.connections(), upstream.hits());
    assert!(
        2 * connections <= hits,
        "upstream connections are shared: {connections} for {hits}"
    );
}

#[tokio::test]
async fn many_streams_share_one_http2_connection() {
    let upstream = Upstream::openai().then_text("Hello there").start().await;
    for http in [Http::H2c, Http::Tls2] {
        let gateway = Gateway::with(fallback(&[&upstream])).tls().ready().await;
        let client = gateway.connect(http).await;
        let mut answers = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let ask = gateway.ask(
                "/v1/chat/completions",
                client::chat_stream("fallback", "Hi"),
            );
            let response = ask.on(&client).send().await;
            answers.spawn(response.whole());
        }
        while let Some(answer) = answers.join_next().await {
            assert_eq!(answer.expect("no panic").text(), "Hello there");
        }
        gateway
            .metric_becomes("sluicegate_open_connections", 1.0)
            .await;
    }
}

#[tokio::test]
async fn a_client_that_negotiates_nothing_gets_http1_over_tls() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let gateway = Gateway::with(fallback(&[&upstream])).tls().ready().await;
    let curl = |version: &'static str| {
        let url = format!(
            "https://localhost:{}/v1/chat/completions",
            gateway.tls.expect("with TLS").port()
        );
        let mut command = std::process::Command::new("curl");
        command
            .args(["--silent", "--show-error", "--insecure"])
            .args(version.split(' '))
            .args(["--write-out", "\n%{http_version} %{http_code}", &url])
            .args([
                "-H",
                &format!("authorization: Bearer {}", crate::harness::KEY),
            ])
            .args(["-d", &client::chat("fallback", "Hi")]);
        command
    };
    for (option, version) in [
        ("--no-alpn", "1.1"),
        ("--http1.1", "1.1"),
        ("--http2", "2"),
        ("--tls-max 1.2", "2"),
    ] {
        let mut command = curl(option);
        let output = tokio::task::spawn_blocking(move || command.output());
        let Ok(output) = within("curl ends", output).await.expect("no panic") else {
            eprintln!("SKIPPED: curl is not installed");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.ends_with(&format!("\n{version} 200")),
            "{option}: {text} {output:?}"
        );
    }
}

#[tokio::test]
async fn several_addresses_are_served_at_once() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let listen = json!(["127.0.0.1:{port}", "127.0.0.2:{port}", { "address": "[::1]:{port}" }]);
    let config = merge(
        fallback(&[&upstream]),
        json!({ "server": { "listen": listen } }),
    );
    let gateway = Gateway::with(config).listens_as_configured().ready().await;
    for host in ["127.0.0.1", "127.0.0.2", "::1"] {
        let address = (
            host.parse::<std::net::IpAddr>().expect("an address"),
            gateway.address.port(),
        )
            .into();
        for http in Http::PLAIN {
            let client = Client::connect(address, http).await;
            let ask = gateway.ask("/v1/chat/completions", client::chat("fallback", "Hi"));
            let answer: Answer = ask.on(&client).whole().await;
            assert_eq!(answer.text(), "Hello", "{host} {http:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let upstream = Upstream::openai().start().await;
    let dir = Dir::new("certificates");
    let other = crate::certs::Authority::unknown();
    let garbage = dir.write("garbage.pem", "no certificate");
    let foreign = dir.write("foreign.key", &other.key);
    for (cert, key, named) in [
        ("/nowhere/tls.crt", "{dir}/tls.key", "/nowhere/tls.crt"),
        ("{dir}/tls.crt", "/nowhere/tls.key", "/nowhere/tls.key"),
        (
            garbage.to_str().expect("a text"),
            "{dir}/tls.key",
            "garbage.pem",
        ),
        (
            "{dir}/tls.crt",
            garbage.to_str().expect("a text"),
            "garbage.pem",
        ),
        (
            "{dir}/tls.crt",
            foreign.to_str().expect("a text"),
            "foreign.key",
        ),
    ] {
        let listen =
            json!([{ "address": "127.0.0.1:{port}", "tls": { "cert": cert, "key": key } }]);
        let config = merge(
            fallback(&[&upstream]),
            json!({ "server": { "listen": listen } }),
        );
        let mut gateway = Gateway::with(config).listens_as_configured().spawn();
        let status = gateway.wait_exit().await;
        assert_eq!(status.code(), Some(1), "{named}: {}", gateway.log());
        assert!(gateway.log().contains(named), "{named}: {}", gateway.log());
        assert!(
            !gateway.log().contains("panicked"),
            "{named}: {}",
            gateway.log()
        );
    }
}
