//! The guard from outside: what reaches providers, what reaches clients, and what is written about it.

use std::{collections::HashSet, path::Path, process::Command};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    harness::{Dir, Gateway, binary},
    upstream::{Kind, Reply, Upstream, merge},
};

mod agents;
mod answers;
mod blocking;
mod bounds;
mod conversations;
mod firewall;
mod leaks;
mod observing;
mod positions;
mod reloading;
mod said;
mod streaming;
mod telling;

/// An address and a card that rules find, and a name that only [`patterns`] knows: with all that JSON must escape.
pub const MAIL: &str = "ann.lee@corp-mail.org";
pub const CARD: &str = "4532015112830366";
pub const ODD: &str = "ODD<a\"b\\c\nd>";

/// Rules of the tests' own. The same for all, so that they are compiled once.
fn patterns() -> Value {
    json!([
        { "id": "odd_name", "type": "ODD", "patterns": ["ODD<[^>]{1,60}>"] },
        { "id": "code_word", "type": "CODE_WORD", "words": ["Bluebird Nine"] },
        { "id": "customer_number", "type": "CUSTOMER_NUMBER", "patterns": [r"\bKD-[0-9]{6}\b"] },
    ])
}

/// A profile that takes out what the tests' own rules find, and lets it come in answers.
pub fn redacting() -> Value {
    json!({ "prompts": { "own": "redact" }, "answers": { "own": "observe" } })
}

/// The section `guards` with one profile for all.
pub fn guards(profile: Value) -> Value {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guard-rules");
    json!({
        "profile": "test", "profiles": { "test": profile }, "patterns": patterns(), "cache": cache,
    })
}

/// Compiles the rules of a section, once for all tests: it takes longer than tests wait for a start.
pub async fn warm(section: &Value) {
    static WARM: Mutex<Option<HashSet<String>>> = Mutex::const_new(None);
    let mut warm = WARM.lock().await;
    let profiles = section["profiles"].as_object().into_iter().flatten();
    let canaries: Vec<&Value> = profiles.map(|(_, p)| &p["canaries"]).collect();
    let rules = json!([
        section["patterns"],
        section["rules"],
        section["waf"],
        canaries
    ])
    .to_string();
    if !warm.get_or_insert_default().insert(rules) {
        return;
    }
    let mut section = section.clone();
    section["waf"] = merge(json!({}), section["waf"].take());
    let names: Vec<&String> = section["profiles"]
        .as_object()
        .into_iter()
        .flat_map(|p| p.keys())
        .collect();
    let routes: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| {
            (
                (*name).clone(),
                json!({ "targets": ["p/m"], "guard": name }),
            )
        })
        .collect();
    let config = json!({
        "providers": { "p": { "kind": "openai", "api_key": "sk-x" } },
        "keys": [{ "name": "k", "secret": "sk-warm-warm-warm" }],
        "routes": routes, "guards": section,
    });
    let dir = Dir::new("warm");
    let file = dir.write("config.yaml", &config.to_string());
    let check = move || {
        Command::new(binary())
            .arg("check")
            .arg("-c")
            .arg(file)
            .output()
    };
    let done = tokio::task::spawn_blocking(check)
        .await
        .expect("no panic")
        .expect("the binary runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Starts a gateway once its rules are compiled.
pub async fn start(config: Value) -> Gateway {
    warm(&config["guards"]).await;
    Gateway::start(config).await
}

/// One upstream with one reply behind the provider `p`, and a gateway with this section `guards`.
pub async fn behind(kind: Kind, reply: Reply, section: Value) -> (Upstream, Gateway) {
    let upstream = Upstream::of(kind).then(reply).start().await;
    let gateway =
        start(json!({ "providers": { "p": upstream.provider() }, "guards": section })).await;
    (upstream, gateway)
}

/// The placeholders in a text, in their order.
pub fn placeholders(text: &str) -> Vec<String> {
    let form = regex::Regex::new(r"\[[A-Z_]+_[A-Z2-9]{8}_[0-9]+\]").expect("a good pattern");
    form.find_iter(text)
        .map(|found| found.as_str().to_owned())
        .collect()
}

/// A text as it stands within a JSON string.
pub fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
