//! Judges: who is asked about prompts and answers, and what their verdict, their silence and their nonsense do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    harness::{Answer, Dir, Gateway, binary, client, eventually},
    upstream::{Gate, Kind, Reply, Upstream, merge},
};

/// One rule that finds nothing here, since a profile cannot be without any.
fn rule() -> Value {
    json!([{ "id": "nothing", "words": ["zyxwvutsrq"], "catches": ["zyxwvutsrq"], "leaves": ["zyx"] }])
}

/// A profile that asks judges and has hardly any rules.
fn profile(judges: &[&str]) -> Value {
    let off =
        json!({ "personal_data": "off", "secrets": "off", "injection": "off", "leak": "off" });
    json!({ "prompts": off, "answers": off, "judges": judges })
}

/// A configuration with one judge called `safety`, and the route `fallback` over `upstream`.
fn config(upstream: &Upstream, judge: &Upstream, section: Value) -> Value {
    let usual = json!({ "kind": "model", "model": "judge/guard" });
    json!({
        "providers": { "p1": upstream.provider(), "judge": judge.provider() },
        "routes": { "fallback": { "targets": ["p1/m1"] } },
        "guards": {
            "profile": "judged",
            "patterns": rule(),
            "profiles": { "judged": profile(&["safety"]) },
            "judges": { "safety": merge(usual, section) },
        },
    })
}

async fn ask(gateway: &Gateway, prompt: &str, stream: bool) -> Answer {
    if stream {
        gateway.chat_stream(prompt).await.whole().await
    } else {
        gateway.chat(prompt).await
    }
}

fn header(answer: &Answer) -> String {
    answer
        .header("x-sluicegate-guard")
        .unwrap_or_default()
        .to_owned()
}

/// Whether it ended as a filtered answer of OpenAI's chat does.
fn is_filtered(answer: &Answer) -> bool {
    answer.status == 200
        && answer
            .body_text()
            .contains(r#""finish_reason":"content_filter""#)
}

/// Whether the request was refused as Azure's filter refuses one.
fn is_refused(answer: &Answer) -> bool {
    answer.status == 400 && answer.json()["error"]["code"] == "content_filter"
}

const TIMES: [&str; 3] = ["before", "beside", "after"];

#[tokio::test]
async fn a_good_text_passes_and_a_bad_one_does_not_whenever_it_is_judged() {
    for when in TIMES {
        for stream in [false, true] {
            let case = format!("{when} stream={stream}");
            let upstream = Upstream::openai()
                .then_text("Hello there you")
                .start()
                .await;
            let judge = Upstream::openai()
                .then_text("safe")
                .then_text("\n\nunsafe\nS1,S10")
                .start()
                .await;
            let gateway = Gateway::start(config(
                &upstream,
                &judge,
                json!({ "when": when, "cache": 0 }),
            ))
            .await;
            let good = ask(&gateway, "good", stream).await;
            assert_eq!(
                (good.status, good.text().as_str()),
                (200, "Hello there you"),
                "{case}"
            );
            assert!(
                header(&good).contains("judge=safety:pass"),
                "{case}: {}",
                header(&good)
            );

            let bad = ask(&gateway, "bad", stream).await;
            assert!(
                header(&bad).contains("judge=safety:block"),
                "{case}: {}",
                header(&bad)
            );
            assert!(
                !bad.body_text().contains("Hello"),
                "{case}: {}",
                bad.body_text()
            );
            if when == "after" {
                assert!(is_filtered(&bad), "{case}: {}", bad.body_text());
                assert_eq!(bad.says_done(), stream, "{case}");
            } else {
                assert!(is_refused(&bad), "{case}: {}", bad.body_text());
                assert!(
                    bad.body_text().contains("Violent Crimes (S1)"),
                    "{}",
                    bad.body_text()
                );
            }
            let record = gateway.record(bad.id()).await;
            let finding = &record["guard"]["findings"][0];
            assert_eq!(finding["rule"], "safety", "{case}: {record}");
            assert_eq!(finding["action"], "block", "{case}");
            assert_eq!(
                finding["reasons"],
                json!(["Violent Crimes (S1)", "Hate (S10)"])
            );
            assert_eq!(record["outcome"], "refused", "{case}");
            if when == "before" {
                assert_eq!(upstream.hits(), 1, "{case}: the provider is not asked");
            }
            let asked = &judge.received()[0];
            assert_eq!(
                asked.header("authorization"),
                Some(&*format!("Bearer {}", judge.key()))
            );
            assert_eq!(asked.json()["model"], "guard");
        }
    }
}

/// A judge that fails in some way.
async fn failing(how: &str) -> Upstream {
    let script = Upstream::openai();
    match how {
        "down" => return Upstream::refusing(Kind::Openai),
        "slow" => script.then(Reply::hangs()),
        "nonsense" => script.then_text("I would rather not say"),
        "status" => script.then(500),
        "redirect" => script.then(
            Reply::json(&json!({}))
                .with_status(302)
                .header("location", "/safe"),
        ),
        "oversized" => script.then_text(&format!("safe {}", "x".repeat(100_000))),
        _ => unreachable!("{how}"),
    }
    .start()
    .await
}

#[tokio::test]
async fn a_judge_that_fails_is_followed_by_on_error() {
    let upstream = Upstream::openai()
        .then_text("Hello there you")
        .start()
        .await;
    let mut config = json!({
        "providers": { "p1": upstream.provider() },
        "guards": { "patterns": rule() },
    });
    let (mut judges, mut cases) = (Vec::new(), Vec::new());
    for how in [
        "down",
        "slow",
        "nonsense",
        "status",
        "redirect",
        "oversized",
    ] {
        let judge = failing(how).await;
        config["providers"][how] = judge.provider();
        for when in TIMES {
            for on_error in ["block", "allow"] {
                let case = format!("{how}-{when}-{on_error}");
                config["guards"]["judges"][&case] = json!({
                    "kind": "model", "model": format!("{how}/guard"), "when": when, "on_error": on_error,
                    "timeout": "400ms", "cache": 0,
                });
                config["guards"]["profiles"][&case] = profile(&[&case]);
                config["routes"][&case] = json!({ "targets": ["p1/m1"], "guard": case });
                cases.push((case, how, when, on_error));
            }
        }
        judges.push(judge);
    }
    let gateway = Gateway::start(config).await;
    for (case, how, when, on_error) in cases {
        for stream in [false, true] {
            let body = match stream {
                true => client::chat_stream(&case, "Hi"),
                false => client::chat(&case, "Hi"),
            };
            let began = Instant::now();
            let answer = gateway.ask("/v1/chat/completions", body).whole().await;
            assert!(began.elapsed() < Duration::from_secs(10), "{case}");
            let case = format!("{case} stream={stream}: {}", answer.body_text());
            if on_error == "allow" {
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (200, "Hello there you"),
                    "{case}"
                );
                assert!(
                    header(&answer).contains(":error-allowed"),
                    "{case} {}",
                    header(&answer)
                );
            } else {
                assert!(!answer.body_text().contains("Hello"), "{case}");
                let expected = match when {
                    "after" => is_filtered(&answer),
                    _ => is_refused(&answer),
                };
                assert!(expected, "{case}");
                assert!(
                    header(&answer).contains(":error-blocked"),
                    "{case} {}",
                    header(&answer)
                );
            }
            let record = gateway.record(answer.id()).await;
            let finding = &record["guard"]["findings"][0];
            assert_eq!(finding["type"], "UNJUDGED", "{case}: {record}");
            let word = match how {
                "down" => "reached",
                "slow" => "in time",
                "nonsense" => "no verdict",
                "status" => "500",
                "redirect" => "302",
                _ => "too long",
            };
            assert!(
                finding["reasons"][0].as_str().unwrap().contains(word),
                "{case}: {finding}"
            );
        }
        let errors = format!(
            "sluicegate_guard_errors_total{{guard=\"{how}-{when}-{on_error}\",on_error=\"{on_error}\"}}"
        );
        gateway.metric_becomes(&errors, 2.0).await;
    }
}

#[tokio::test]
async fn judges_stand_behind_any_kind_of_provider() {
    for kind in [Kind::Openai, Kind::Anthropic, Kind::Gemini] {
        let upstream = Upstream::openai().then_text("Hello").start().await;
        let judge = Upstream::of(kind).then_text("unsafe\nS9").start().await;
        let gateway = Gateway::start(config(&upstream, &judge, json!({}))).await;
        let answer = gateway.chat("Hi").await;
        assert!(is_refused(&answer), "{}", answer.body_text());
        assert!(
            answer.body_text().contains("Indiscriminate Weapons"),
            "{}",
            answer.body_text()
        );
    }
}

#[tokio::test]
async fn clients_of_every_dialect_get_filtered_streams_of_their_own() {
    let stream_of = |path: &str| match path {
        "/v1/messages" => json!({ "model": "fallback", "max_tokens": 9, "stream": true,
            "messages": [{ "role": "user", "content": "Hi" }] }),
        "/v1/responses" => json!({ "model": "fallback", "stream": true, "input": "Hi" }),
        _ => json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }] }),
    };
    for (path, begins, ends) in [
        (
            "/v1/messages",
            "message_start",
            r#""stop_reason":"refusal""#,
        ),
        (
            "/v1/responses",
            "response.created",
            r#""reason":"content_filter""#,
        ),
        (
            "/v1beta/models/fallback:streamGenerateContent?alt=sse",
            "",
            r#""finishReason":"SAFETY""#,
        ),
        (
            "/v1beta/models/fallback:streamGenerateContent",
            "[",
            r#""finishReason":"SAFETY""#,
        ),
    ] {
        let upstream = Upstream::openai()
            .then_text("Hello there you")
            .start()
            .await;
        let judge = Upstream::openai().then_text("unsafe\nS1").start().await;
        let gateway = Gateway::start(config(&upstream, &judge, json!({ "when": "after" }))).await;
        let answer = gateway.ask(path, stream_of(path).to_string()).whole().await;
        let text = answer.body_text();
        assert_eq!(answer.status, 200, "{path}: {text}");
        assert!(answer.broken.is_none(), "{path}: {:?}", answer.broken);
        assert!(
            text.contains(begins) && text.contains(ends),
            "{path}: {text}"
        );
        assert!(!text.contains("Hello"), "{path}: {text}");
        assert!(
            judge
                .only()
                .json()
                .to_string()
                .contains("Agent: Hello there you"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_blocked_request_ends_the_call_beside_it() {
    for stream in [false, true] {
        let upstream = Upstream::openai().then(Reply::hangs()).start().await;
        let gate = Gate::new();
        let judge = Upstream::openai()
            .then(Reply::text("unsafe\nS1").head_waits(&gate))
            .start()
            .await;
        let gateway = Gateway::start(config(&upstream, &judge, json!({ "when": "beside" }))).await;
        let asking = ask(&gateway, "Hi", stream);
        let opening = async {
            upstream.wait_hits(1).await;
            gate.open_for_good();
        };
        let (answer, ()) = tokio::join!(asking, opening);
        assert!(is_refused(&answer), "{}", answer.body_text());
        upstream.only().given_up().await;
    }
}

#[tokio::test]
async fn an_answer_is_held_until_the_verdict_beside_it() {
    for stream in [false, true] {
        let upstream = Upstream::openai().then_text("Hello there").start().await;
        let gate = Gate::new();
        let judge = Upstream::openai()
            .then(Reply::text("safe").head_waits(&gate))
            .start()
            .await;
        let section = json!({ "when": "beside", "timeout": "20s" });
        let mut config = config(&upstream, &judge, section);
        config["server"] = json!({ "early_heartbeat": "20ms", "heartbeat": "20ms" });
        let gateway = Gateway::start(config).await;
        let mut asking = Box::pin(ask(&gateway, "Hi", stream));
        let early = tokio::time::timeout(Duration::from_millis(500), &mut asking).await;
        assert!(early.is_err(), "nothing is told before the verdict");
        assert_eq!((upstream.hits(), judge.hits()), (1, 1));
        gate.open_for_good();
        let answer = asking.await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "Hello there")
        );
        assert!(
            header(&answer).contains("judge=safety:pass"),
            "{}",
            header(&answer)
        );
    }
}

#[tokio::test]
async fn who_leaves_takes_the_question_back() {
    for when in TIMES {
        let upstream = Upstream::openai().then_text("Hello").start().await;
        let judge = Upstream::openai().then(Reply::hangs()).start().await;
        let section = json!({ "when": when, "timeout": "60s" });
        let gateway = Gateway::start(config(&upstream, &judge, section)).await;
        let asking = gateway.ask("/v1/chat/completions", client::chat("fallback", "Hi"));
        tokio::select! {
            _ = asking.whole() => panic!("no verdict, no answer"),
            _ = judge.wait_hits(1) => {}
        }
        judge.only().given_up().await;
        let record = gateway.record(&asking.id).await;
        assert_eq!(record["outcome"], "client_gone", "{when}");
    }
}

#[tokio::test]
async fn the_same_text_is_judged_once() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let gate = Gate::new();
    let judge = Upstream::openai()
        .then(Reply::text("safe").head_waits(&gate))
        .start()
        .await;
    let gateway = Gateway::start(config(&upstream, &judge, json!({ "timeout": "20s" }))).await;
    let gateway = std::sync::Arc::new(gateway);
    let mut asking = JoinSet::new();
    for _ in 0..5 {
        let gateway = gateway.clone();
        asking.spawn(async move { gateway.chat("the same").await.status });
    }
    judge.wait_hits(1).await;
    gate.open_for_good();
    assert_eq!(asking.join_all().await, [200; 5]);
    assert_eq!(gateway.chat("the same").await.status, 200);
    assert_eq!(judge.hits(), 1);
    assert_eq!(gateway.chat("another").await.status, 200);
    assert_eq!(judge.hits(), 2);
}

#[tokio::test]
async fn failures_are_not_remembered() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let judge = Upstream::openai().then(500).then_text("safe").start().await;
    let gateway = Gateway::start(config(&upstream, &judge, json!({}))).await;
    assert!(is_refused(&gateway.chat("Hi").await));
    assert_eq!(gateway.chat("Hi").await.status, 200);
}

#[tokio::test]
async fn no_more_questions_are_asked_at_once_than_may_be() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let gate = Gate::new();
    let judge = Upstream::openai()
        .then(Reply::text("safe").head_waits(&gate))
        .start()
        .await;
    let section = json!({ "timeout": "20s", "concurrency": 2 });
    let gateway = Gateway::start(config(&upstream, &judge, section)).await;
    let gateway = std::sync::Arc::new(gateway);
    let mut asking = JoinSet::new();
    for n in 0..6 {
        let gateway = gateway.clone();
        asking.spawn(async move { gateway.chat(&format!("prompt {n}")).await.status });
    }
    judge.wait_hits(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(judge.hits(), 2);
    gate.open();
    judge.wait_hits(3).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(judge.hits(), 3);
    gate.open_for_good();
    assert_eq!(asking.join_all().await, [200; 6]);
    assert_eq!(judge.hits(), 6);
}

#[tokio::test]
async fn who_waits_too_long_for_a_place_has_no_verdict() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let judge = Upstream::openai().then(Reply::hangs()).start().await;
    let section = json!({ "timeout": "500ms", "concurrency": 1, "on_error": "allow" });
    let gateway = Gateway::start(config(&upstream, &judge, section)).await;
    let began = Instant::now();
    let (one, other) = tokio::join!(gateway.chat("one"), gateway.chat("other"));
    for answer in [one, other] {
        assert_eq!(answer.status, 200);
        assert!(header(&answer).contains("error-allowed"));
    }
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "they waited at the same time"
    );
}

#[tokio::test]
async fn who_only_observes_delays_nothing() {
    for when in TIMES {
        for stream in [false, true] {
            for whole_profile in [false, true] {
                let case = format!("{when} stream={stream} profile={whole_profile}");
                let upstream = Upstream::openai().then_text("Hello there").start().await;
                let gate = Gate::new();
                let judge = Upstream::openai()
                    .then(Reply::text("unsafe\nS1").head_waits(&gate))
                    .start()
                    .await;
                let mut config =
                    config(&upstream, &judge, json!({ "when": when, "timeout": "20s" }));
                if whole_profile {
                    config["guards"]["profiles"]["judged"]["mode"] = json!("observe");
                } else {
                    config["guards"]["judges"]["safety"]["action"] = json!("observe");
                }
                let gateway = Gateway::start(config).await;
                let answer = ask(&gateway, "Hi", stream).await;
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (200, "Hello there"),
                    "{case}"
                );
                judge.wait_hits(1).await;
                gate.open_for_good();
                let found = "sluicegate_guard_findings_total{rule=\"safety\",action=\"observe\"}";
                gateway.metric_becomes(found, 1.0).await;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_held_gets_heartbeats() {
    let gate = Gate::new();
    let upstream = Upstream::openai()
        .then(Reply::tokens(["one", " two", " three"]).stepped(2, &gate))
        .start()
        .await;
    let judge = Upstream::openai().then_text("unsafe\nS1").start().await;
    let mut config = config(&upstream, &judge, json!({ "when": "after" }));
    config["server"] = json!({ "heartbeat": "30ms" });
    let gateway = Gateway::start(config).await;
    let mut response = gateway.chat_stream("Hi").await;
    let mut seen = String::new();
    while seen.matches(": keep-alive").count() < 3 {
        let chunk = response.chunk().await.expect("more").expect("unbroken");
        seen += &String::from_utf8_lossy(&chunk);
    }
    gate.open_for_good();
    seen += &response.whole().await.body_text();
    assert!(
        seen.contains("content_filter") && seen.contains("[DONE]"),
        "{seen}"
    );
    assert!(!seen.contains("one") && !seen.contains("two"), "{seen}");
}

#[tokio::test]
async fn a_stream_that_is_too_long_to_be_held_follows_on_error() {
    for on_error in ["block", "allow"] {
        let words: Vec<String> = (0..200).map(|n| format!("word{n} ")).collect();
        let upstream = Upstream::openai().then(Reply::tokens(words)).start().await;
        let judge = Upstream::openai().then_text("safe").start().await;
        let mut config = config(
            &upstream,
            &judge,
            json!({ "when": "after", "on_error": on_error }),
        );
        config["limits"] = json!({ "hold": "4KiB" });
        let gateway = Gateway::start(config).await;
        let answer = ask(&gateway, "Hi", true).await;
        assert_eq!(answer.status, 200);
        assert!(answer.says_done(), "{}", answer.body_text());
        if on_error == "allow" {
            assert!(answer.text().contains("word0 ") && answer.text().contains("word199"));
            assert!(header(&answer).contains("judge=safety:error-allowed"));
        } else {
            assert!(is_filtered(&answer), "{}", answer.body_text());
            assert!(
                !answer.body_text().contains("word"),
                "{}",
                answer.body_text()
            );
        }
        assert_eq!(judge.hits(), 0);
    }
}

#[tokio::test]
async fn webhooks_are_asked_as_the_contract_says() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let hook = Upstream::openai()
        .then(Reply::json(&json!({ "action": "allow" })))
        .then(Reply::json(
            &json!({ "action": "observe", "categories": ["odd"], "score": 0.4 }),
        ))
        .then(Reply::json(
            &json!({ "action": "block", "categories": ["rude"], "reason": "impolite" }),
        ))
        .then(Reply::json(&json!({ "action": "redact" })))
        .start()
        .await;
    let mut config = config(&upstream, &hook, json!({}));
    config["guards"]["judges"]["safety"] = json!({
        "kind": "webhook", "url": format!("http://{}/judge?v=1", hook.address()), "secret": "s3cret-s3cret",
        "headers": { "x-tenant": "t1" },
    });
    let gateway = Gateway::start(config).await;
    let allowed = gateway.chat("one").await;
    assert_eq!(allowed.status, 200, "{}", allowed.body_text());
    let observed = gateway.chat("two").await;
    assert_eq!(observed.status, 200);
    assert!(
        header(&observed).contains("judge=safety:observe"),
        "{}",
        header(&observed)
    );
    let blocked = gateway.chat("three").await;
    assert!(is_refused(&blocked) && blocked.body_text().contains("rude"));
    assert!(header(&gateway.chat("four").await).contains("error-blocked"));

    let asked = &hook.received()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/judge?v=1")
    );
    assert_eq!(asked.header("x-tenant"), Some("t1"));
    assert_eq!(
        asked.header("authorization"),
        None,
        "the client's credential stays here"
    );
    assert_eq!(
        asked.json(),
        json!({
            "version": 1, "request_id": allowed.id(), "direction": "prompt", "profile": "judged", "key": "test",
            "model": "fallback",
            "texts": [{ "role": "user", "place": "messages[0].content", "text": "one" }],
        })
    );
    let secret = sluicegate::auth::Secret::new("s3cret-s3cret");
    let signature = sluicegate::guard::judge::webhook::signature(&secret, &asked.body);
    assert_eq!(asked.header("x-sluicegate-signature"), Some(&*signature));
    let record = gateway.record(blocked.id()).await;
    assert_eq!(
        record["guard"]["findings"][0]["reasons"],
        json!(["rude", "impolite"])
    );
}

#[tokio::test]
async fn moderation_endpoints_are_asked_and_their_scores_compared() {
    let result = |score: f64| {
        json!({ "id": "m", "model": "x", "results": [{ "flagged": false,
            "categories": { "violence": false }, "category_scores": { "violence": score } }] })
    };
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let judge = Upstream::openai()
        .then(Reply::json(&result(0.2)))
        .then(Reply::json(&result(0.7)))
        .start()
        .await;
    let mut config = config(&upstream, &judge, json!({}));
    config["guards"]["judges"]["safety"] =
        json!({ "kind": "moderation", "model": "judge/omni", "threshold": 0.6 });
    let gateway = Gateway::start(config).await;
    assert_eq!(gateway.chat("one").await.status, 200);
    let blocked = gateway.chat("two").await;
    assert!(
        is_refused(&blocked) && blocked.body_text().contains("violence"),
        "{}",
        blocked.body_text()
    );
    let asked = &judge.received()[0];
    assert_eq!(asked.path, "/v1/moderations");
    assert_eq!(asked.json(), json!({ "model": "omni", "input": ["one"] }));
}

#[tokio::test]
async fn judges_see_what_the_provider_sees() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let judge = Upstream::openai().then_text("safe").start().await;
    let mut config = config(&upstream, &judge, json!({}));
    config["guards"]["profiles"]["judged"] = json!({ "judges": ["safety"] });
    let gateway = Gateway::start(config).await;
    let answer = gateway
        .chat("Write to jane.roe@example-mail.org please")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body_text());
    let told = judge.only().json().to_string();
    assert!(
        !told.contains("jane.roe") && told.contains("please"),
        "{told}"
    );
}

#[tokio::test]
async fn a_judge_that_cannot_work_is_found_before_the_start() {
    let dir = Dir::new("judges-check");
    let file = dir.write(
        "config.yaml",
        &json!({
            "server": { "anonymous": true },
            "providers": { "demo": { "kind": "demo" } },
            "guards": {
                "profiles": { "a": { "judges": ["saftey"] } },
                "judges": {
                    "safety": { "kind": "model", "model": "dmeo/guard" },
                    "hook": { "kind": "webhook" },
                },
            },
        })
        .to_string(),
    );
    let output = std::process::Command::new(binary())
        .args(["check", "-c"])
        .arg(file)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for word in [
        "did you mean `safety`?",
        "did you mean `demo`?",
        "needs `url`",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[tokio::test]
async fn judges_are_exchanged_while_the_gateway_runs() {
    let upstream = Upstream::openai().then_text("Hello").start().await;
    let judge = Upstream::openai().then_text("unsafe\nS1").start().await;
    let gateway = Gateway::start(config(&upstream, &judge, json!({}))).await;
    assert!(is_refused(&gateway.chat("Hi").await));
    gateway.rewrite_config(config(&upstream, &judge, json!({ "block": ["S2"] })));
    let mut status = 0;
    eventually("the new configuration serves", || {
        status += 1;
        gateway.log().contains("applied")
    })
    .await;
    let answer = gateway.chat("Hi").await;
    assert_eq!(answer.status, 200, "{}", answer.body_text());
    assert!(header(&answer).contains("judge=safety:observe"));
}
