//! Rules that change while the gateway runs.

use serde_json::{Value, json};

use super::{
    guards,
    said::{Cut, Said},
};
use crate::{
    conversion::Speaks,
    harness::{Gateway, client},
    upstream::{Gate, Reply, Upstream},
};

const APPLIED: &str = r#"sluicegate_config_reloads_total{outcome="applied"}"#;
const REFUSED: &str = r#"sluicegate_config_reloads_total{outcome="refused"}"#;

fn rules(word: &str) -> String {
    format!(
        "group: house\nrules:\n  - id: house_word\n    words: [{word}]\n    catches: ['say {word}']\n    leaves: ['say nothing']\n"
    )
}

fn config(upstream: &Upstream, profile: Value, file: &str) -> Value {
    let mut section = guards(profile);
    section["rules"] = json!([file]);
    json!({ "providers": { "p": upstream.provider() }, "guards": section })
}

async fn asks(gateway: &Gateway, text: &str) -> u16 {
    gateway
        .ask("/v1/chat/completions", client::chat("p/m", text))
        .whole()
        .await
        .status
}

#[tokio::test]
async fn rules_change_with_the_configuration_and_bad_ones_are_refused() {
    let upstream = Upstream::openai().start().await;
    let dir = crate::harness::Dir::new("rules");
    let file = dir
        .write("rules.yaml", &rules("Quagga"))
        .display()
        .to_string();
    let profile = || json!({ "answers": { "own": "observe" } });
    let gateway = super::start(config(&upstream, profile(), &file)).await;
    assert_eq!(
        (
            asks(&gateway, "a Quagga").await,
            asks(&gateway, "a Dodo").await
        ),
        (400, 200)
    );

    let broken = "group: house\nrules:\n  - id: house_word\n    patterns: ['(unclosed']\n";
    let wrong = "group: house\nrules:\n  - id: house_word\n    wordz: [x]\n";
    for (n, bad) in [broken, wrong].iter().enumerate() {
        let other = dir.write("bad.yaml", bad).display().to_string();
        gateway.rewrite_config(config(&upstream, profile(), &other));
        gateway.metric_becomes(REFUSED, n as f64 + 1.0).await;
        assert_eq!(
            (
                asks(&gateway, "a Quagga").await,
                asks(&gateway, "a Dodo").await
            ),
            (400, 200)
        );
        let log = gateway.log();
        assert!(
            log.contains("bad.yaml") || log.contains("house_word"),
            "{log}"
        );
    }
    assert!(
        gateway.log().contains("bad.yaml:4"),
        "file and line: {}",
        gateway.log()
    );

    let good = dir.write("good.yaml", &rules("Dodo")).display().to_string();
    let next = config(&upstream, profile(), &good);
    super::warm(&next["guards"]).await;
    gateway.rewrite_config(next);
    gateway.metric_becomes(APPLIED, 1.0).await;
    assert_eq!(
        (
            asks(&gateway, "a Quagga").await,
            asks(&gateway, "a Dodo").await
        ),
        (200, 400)
    );
}

#[tokio::test]
async fn a_request_keeps_the_guard_that_it_began_with() {
    let gate = Gate::new();
    let said = |stream: Cut| {
        Reply::made(move |path, body| {
            Said::text("then Bluebird Nine flies").answer(path, body, stream)
        })
    };
    let upstream = Upstream::openai()
        .then(said(Cut::Each).head_waits(&gate))
        .start()
        .await;
    let with = |action: &str| {
        let section =
            guards(json!({ "prompts": { "own": "observe" }, "answers": { "own": action } }));
        json!({ "providers": { "p": upstream.provider() }, "guards": section })
    };
    let gateway = super::start(with("mask")).await;
    let ask = gateway.ask("/v1/chat/completions", client::chat_stream("p/m", "Hi"));
    let change = async {
        upstream.wait_hits(1).await;
        gateway.rewrite_config(with("observe"));
        gateway.metric_becomes(APPLIED, 1.0).await;
        gate.open_for_good();
    };
    let (answer, ()) = tokio::join!(ask.whole(), change);
    assert_eq!(
        Speaks::Chat.read(&answer, true).text,
        "then ******** Nine flies"
    );
    let next = ask.whole().await;
    assert_eq!(
        Speaks::Chat.read(&next, true).text,
        "then Bluebird Nine flies"
    );
}

#[tokio::test]
async fn check_runs_the_examples_of_rules() {
    let dir = crate::harness::Dir::new("rules");
    let bad = "group: house\nrules:\n  - id: house_word\n    words: [Quagga]\n    catches: ['a Zebra']\n    leaves: ['a Quagga']\n";
    let file = dir.write("rules.yaml", bad).display().to_string();
    let mut section = guards(json!({}));
    section["rules"] = json!([file]);
    let config = json!({ "providers": { "p": { "kind": "openai", "api_key": "sk-x" } }, "guards": section, "server": { "anonymous": true } });
    let path = dir.write("config.yaml", &config.to_string());
    let check = std::process::Command::new(crate::harness::binary())
        .arg("check")
        .arg("-c")
        .arg(path)
        .output();
    let check = check.expect("the binary runs");
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(!check.status.success(), "{said}");
    assert!(
        said.contains("house_word") && said.contains("a Zebra") && said.contains("a Quagga"),
        "{said}"
    );
}
