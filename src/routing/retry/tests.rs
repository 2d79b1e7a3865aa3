//! Plans over pools of closed ports: nothing is connected, only decided.

use std::collections::BTreeMap;

use super::*;
use crate::{config::Config, protocol::Operation, provider::Upstream, routing::table::Table};

struct World {
    runtime: tokio::runtime::Runtime,
    table: Table,
}

fn world(routes: serde_json::Value) -> World {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config: Config = serde_json::from_value(serde_json::json!({
        "providers": {
            "one": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "api_keys": ["k1", "k2"] },
            "two": { "kind": "openai", "base_url": "http://127.0.0.1:2/v1", "api_key": "k3" },
            "pool": { "kind": "openai", "api_key": "k4", "endpoints": [
                { "url": "http://127.0.0.1:3/v1" }, { "url": "http://127.0.0.1:4/v1" } ] },
            "keyless": { "kind": "openai", "base_url": "http://127.0.0.1:5/v1" },
        },
        "routes": routes,
    }))
    .unwrap();
    let providers: BTreeMap<_, _> = config
        .providers
        .iter()
        .map(|(name, section)| {
            let upstream = Upstream::start(name, section, None, runtime.handle()).unwrap();
            (name.clone(), upstream)
        })
        .collect();
    World {
        table: Table::new(
            &config.routes,
            providers,
            &config.retry,
            std::sync::Arc::default(),
            config.on_unsupported,
        ),
        runtime,
    }
}

impl World {
    fn plan(&self, model: &str) -> Plan {
        let _in = self.runtime.enter();
        Plan::new(
            self.table
                .choose(model, Operation::Chat, false)
                .ok()
                .unwrap(),
            0,
        )
    }
}

/// Who is asked, where, with which key.
fn who(attempt: &Attempt) -> (String, u16, usize) {
    (
        attempt.target.upstream.name.to_string(),
        attempt.chosen.address().port(),
        attempt.key.index,
    )
}

/// Fails every attempt in the same way, and lists whom the plan asked.
fn all(plan: &mut Plan, fault: Fault) -> Vec<(String, u16, usize)> {
    let mut asked = Vec::new();
    while let Ok(attempt) = plan.begin(false) {
        asked.push(who(&attempt));
        if !plan.failed(&attempt, fault, None) {
            break;
        }
    }
    asked
}

#[test]
fn every_target_is_asked_once_in_order() {
    let world = world(serde_json::json!({ "r": { "targets": ["two/m", "one/m"] } }));
    let asked = all(&mut world.plan("r"), Fault::Connect);
    let names: Vec<&str> = asked.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["two", "one"]);
}

#[test]
fn every_endpoint_of_a_pool_is_asked_before_the_next_target() {
    let world = world(serde_json::json!({ "r": { "targets": ["pool/m", "two/m"] } }));
    let asked = all(&mut world.plan("r"), Fault::Status(503));
    let mut pool: Vec<u16> = asked[..2].iter().map(|(_, port, _)| *port).collect();
    pool.sort_unstable();
    assert_eq!(pool, [3, 4]);
    assert_eq!(asked[2].1, 2);
    assert_eq!(asked.len(), 3);
}

#[test]
fn a_limited_credential_is_followed_by_the_next_one_at_the_same_place() {
    let world = world(serde_json::json!({ "r": { "targets": ["one/m", "two/m"] } }));
    let asked = all(&mut world.plan("r"), Fault::Status(429));
    let ports: Vec<u16> = asked.iter().map(|(_, port, _)| *port).collect();
    assert_eq!(ports, [1, 1, 2]);
    assert_ne!(asked[0].2, asked[1].2);
}

#[test]
fn a_rested_credential_is_not_used_by_the_next_request_while_another_is_fresh() {
    let world = world(serde_json::json!({}));
    let mut plan = world.plan("one/m");
    let attempt = plan.begin(false).ok().unwrap();
    let limited = attempt.key.index;
    assert!(plan.failed(&attempt, Fault::Status(429), Some(Duration::from_secs(60))));
    for _ in 0..4 {
        let attempt = world.plan("one/m").begin(false).ok().unwrap();
        assert_ne!(attempt.key.index, limited);
    }
}

#[test]
fn a_target_whose_only_credential_rests_is_passed_over_while_another_is_left() {
    let world = world(serde_json::json!({ "r": { "targets": ["two/m", "one/m"] } }));
    let mut plan = world.plan("r");
    let attempt = plan.begin(false).ok().unwrap();
    assert!(plan.failed(&attempt, Fault::Status(429), Some(Duration::from_secs(60))));
    assert_eq!(who(&world.plan("r").begin(false).ok().unwrap()).0, "one");
}

#[test]
fn a_lone_limited_credential_is_still_used() {
    let world = world(serde_json::json!({}));
    let mut plan = world.plan("two/m");
    let attempt = plan.begin(false).ok().unwrap();
    assert!(!plan.failed(&attempt, Fault::Status(429), Some(Duration::from_secs(60))));
    assert!(world.plan("two/m").begin(false).is_ok());
}

#[test]
fn a_provider_without_credentials_is_not_asked_again_when_it_wants_some() {
    let world = world(serde_json::json!({}));
    assert_eq!(
        all(&mut world.plan("keyless/m"), Fault::Status(401)).len(),
        1
    );
    assert_eq!(
        all(&mut world.plan("keyless/m"), Fault::Status(429)).len(),
        1
    );
}

#[test]
fn only_the_classes_that_the_operator_named_are_tried_again() {
    let world = world(serde_json::json!({
        "r": { "targets": ["two/m", "one/m"], "retry": { "on": ["timeout", "503"] } } }));
    for (fault, asked) in [
        (Fault::Connect, 1),
        (Fault::Status(500), 1),
        (Fault::Status(400), 1),
        (Fault::Invalid, 1),
        (Fault::Timeout, 2),
        (Fault::Status(503), 2),
    ] {
        assert_eq!(all(&mut world.plan("r"), fault).len(), asked, "{fault:?}");
    }
}

#[test]
fn a_refused_credential_leads_on_whatever_the_classes_say() {
    let world = world(serde_json::json!({
        "r": { "targets": ["two/m", "pool/m"], "retry": { "on": ["timeout"] } } }));
    assert_eq!(all(&mut world.plan("r"), Fault::Status(401)).len(), 2);
}

#[test]
fn more_attempts_than_targets_begin_again_with_a_pause() {
    let world = world(serde_json::json!({
        "r": { "targets": ["two/m"], "retry": { "attempts": 3 } } }));
    let mut plan = world.plan("r");
    for number in 1..=3 {
        let attempt = plan.begin(false).ok().unwrap();
        assert_eq!(attempt.number, number);
        assert_eq!(plan.failed(&attempt, Fault::Status(500), None), number < 3);
        assert_eq!(plan.pause() > Duration::ZERO, number < 3);
    }
}

#[test]
fn a_hint_beyond_the_budget_ends_the_rounds() {
    let world = world(serde_json::json!({
        "r": { "targets": ["two/m"], "retry": { "attempts": 3, "budget": "2s" } } }));
    let mut plan = world.plan("r");
    let attempt = plan.begin(false).ok().unwrap();
    assert!(!plan.failed(&attempt, Fault::Status(429), Some(Duration::from_secs(30))));
    let told = plan.retry_after().unwrap();
    assert!(told > Duration::from_secs(28) && told <= Duration::from_secs(30));
}

#[test]
fn the_client_is_told_the_soonest_time_of_all_targets() {
    let world = world(serde_json::json!({ "r": { "targets": ["two/m", "pool/m"] } }));
    let mut plan = world.plan("r");
    for hint in [40, 7, 90] {
        let attempt = plan.begin(false).ok().unwrap();
        plan.failed(
            &attempt,
            Fault::Status(429),
            Some(Duration::from_secs(hint)),
        );
    }
    let told = plan.retry_after().unwrap();
    assert!(told <= Duration::from_secs(7) && told > Duration::from_secs(5));
}

#[test]
fn a_silent_target_is_given_up_in_time_for_the_others() {
    let world = world(serde_json::json!({
        "r": { "targets": ["two/m", "one/m", "pool/m"], "retry": { "budget": "20s" } } }));
    let patience = |stream| {
        world
            .plan("r")
            .begin(stream)
            .ok()
            .unwrap()
            .patience
            .unwrap()
    };
    // Others left: `one`, `pool` as targets.
    assert!(patience(true) <= Duration::from_secs(7));
    assert!(patience(false) > Duration::from_secs(19));
    let alone = world.plan("two/m").begin(true).ok().unwrap();
    assert_eq!(alone.patience, None);
}

#[test]
fn retry_after_is_read_in_all_its_forms() {
    let read = |name: &'static str, value: String| {
        let headers = http::HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            value.parse().unwrap(),
        )]);
        retry_after(&headers)
    };
    assert_eq!(
        read("retry-after", "7".into()),
        Some(Duration::from_secs(7))
    );
    assert_eq!(
        read("retry-after-ms", "250".into()),
        Some(Duration::from_millis(250))
    );
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(90));
    let seconds = read("retry-after", date).unwrap().as_secs();
    assert!((87..=90).contains(&seconds), "{seconds}");
    assert_eq!(read("retry-after", "soon".into()), None);
    assert_eq!(read("retry-after", "-1".into()), None);
    assert_eq!(read("retry-after", "1e300".into()), None);
}
