//! What providers' streams do that no schema has, and what clients of other dialects are told of it.

use serde_json::{Value, json};

use super::{Speaks, by_responses, chat_stream, gateway, named_stream};
use crate::{
    harness::{Gateway, Http},
    upstream::{Gate, Reply, Upstream},
};

struct Case {
    name: &'static str,
    deltas: Vec<Value>,
    finish: &'static str,
    thinking: &'static str,
    text: &'static str,
    calls: Vec<(&'static str, Value)>,
}

/// A piece of a call: index, id, name, arguments; null where `None`.
fn call(index: u64, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    json!({ "tool_calls": [{
        "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": arguments },
    }] })
}

fn tools(name: &'static str, deltas: Vec<Value>, calls: Vec<(&'static str, Value)>) -> Case {
    Case {
        name,
        deltas,
        finish: "tool_calls",
        thinking: "",
        text: "",
        calls,
    }
}

fn cases() -> Vec<Case> {
    let start = json!({ "role": "assistant", "content": null });
    vec![
        tools(
            "the arguments come at the end only",
            vec![
                start.clone(),
                call(0, Some("call_1"), Some("weather"), ""),
                call(0, None, None, ""),
                call(0, None, None, r#"{"place":"Lima"}"#),
            ],
            vec![("weather", json!({ "place": "Lima" }))],
        ),
        tools(
            "a call without arguments",
            vec![start.clone(), call(0, Some("call_1"), Some("now"), "")],
            vec![("now", json!({}))],
        ),
        tools(
            "two calls whose arguments come by turns",
            vec![
                start.clone(),
                call(0, Some("call_1"), Some("weather"), r#"{"pla"#),
                call(1, Some("call_2"), Some("weather"), r#"{"place":"#),
                call(0, None, None, r#"ce":"Lima"}"#),
                call(1, None, None, r#""Cusco"}"#),
            ],
            vec![
                ("weather", json!({ "place": "Lima" })),
                ("weather", json!({ "place": "Cusco" })),
            ],
        ),
        Case {
            text: "Wait.",
            ..tools(
                "text after a call",
                vec![
                    start.clone(),
                    call(0, Some("call_1"), Some("weather"), r#"{"place":"Lima"}"#),
                    json!({ "content": "Wait" }),
                    json!({ "content": "." }),
                ],
                vec![("weather", json!({ "place": "Lima" }))],
            )
        },
        Case {
            text: "Look:",
            ..tools(
                "text before a call",
                vec![
                    json!({ "role": "assistant", "content": "Look" }),
                    json!({ "content": ":" }),
                    call(0, Some("call_1"), Some("weather"), r#"{"place":"Lima"}"#),
                ],
                vec![("weather", json!({ "place": "Lima" }))],
            )
        },
        Case {
            name: "thinking, then text",
            deltas: vec![
                json!({ "role": "assistant", "content": "", "reasoning_content": "Let me " }),
                json!({ "reasoning_content": "think." }),
                json!({ "content": "Four" }),
                json!({ "content": ".", "reasoning_content": null }),
            ],
            finish: "stop",
            thinking: "Let me think.",
            text: "Four.",
            calls: Vec::new(),
        },
        tools(
            "no index, and all at once",
            vec![json!({ "role": "assistant", "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "weather", "arguments": "{\"place\":\"Lima\"}" } },
            ] })],
            vec![("weather", json!({ "place": "Lima" }))],
        ),
    ]
}

fn check(case: &Case, speaks: Speaks, told: &super::Told) {
    let what = format!("{}, {speaks:?}", case.name);
    assert_eq!(told.thinking, case.thinking, "{what}");
    assert_eq!(told.text, case.text, "{what}");
    let calls: Vec<(&str, Value)> = told
        .calls
        .iter()
        .map(|(name, arguments)| (name.as_str(), arguments.clone()))
        .collect();
    assert_eq!(calls, case.calls, "{what}");
    let ending = match (speaks, case.finish) {
        (Speaks::Chat | Speaks::Completions, finish) => finish,
        (Speaks::Responses, _) => "completed",
        (Speaks::Messages, "stop") => "end_turn",
        (Speaks::Messages, _) => "tool_use",
        (Speaks::Generate, _) => "STOP",
    };
    assert_eq!(told.ending, ending, "{what}");
}

#[tokio::test]
async fn what_openai_compatible_servers_stream_becomes_a_good_stream_of_every_dialect() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(upstream.provider_with(json!({ "responses": false }))).await;
    for case in cases() {
        for writes in [None, Some(7)] {
            let mut reply = chat_stream(&case.deltas, case.finish);
            reply.writes = writes;
            upstream.now(reply);
            for speaks in [Speaks::Responses, Speaks::Messages, Speaks::Generate] {
                let told = speaks.hears(&gateway, "p/m", true).await;
                check(&case, speaks, &told);
            }
        }
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_do_not_break_a_stream() {
    let broken = chat_stream(
        &[
            json!({ "role": "assistant", "content": "Look:" }),
            call(0, Some("call_1"), Some("weather"), r#"{"place": "Li"#),
        ],
        "tool_calls",
    );
    let upstream = Upstream::openai().then(broken).start().await;
    let gateway = gateway(upstream.provider_with(json!({ "responses": false }))).await;
    // Where arguments must be an object, they become one.
    for speaks in [Speaks::Messages, Speaks::Generate] {
        let told = speaks.hears(&gateway, "p/m", true).await;
        assert_eq!(told.text, "Look:", "{speaks:?}");
        let (name, arguments) = &told.calls[0];
        assert_eq!(name, "weather", "{speaks:?}");
        let kept = arguments.to_string().contains(r#"{\"place\": \"Li"#);
        assert!(arguments.is_object() && kept, "{speaks:?}: {arguments}");
    }
    // And where they are a text, they stay as they are.
    let answer = Speaks::Responses
        .ask(&gateway, "p/m", true, json!({}))
        .whole()
        .await;
    let told = super::told::stream(Speaks::Responses, &answer.body);
    let arguments = Value::from(r#"{"place": "Li"#);
    assert_eq!(told.calls, [("weather".to_owned(), arguments)]);
    assert!(answer.says_done() && !answer.body_text().contains("event: error"));
}

fn sequence(mut events: Vec<Value>) -> Vec<Value> {
    for (n, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = n.into();
    }
    events
}

fn response(status: &str, output: Value, usage: Value) -> Value {
    let details = match status {
        "incomplete" => json!({ "reason": "max_output_tokens" }),
        _ => Value::Null,
    };
    let error = match status {
        "failed" => json!({ "code": "server_error", "message": "The model broke off." }),
        _ => Value::Null,
    };
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "m",
        "output": output, "usage": usage, "incomplete_details": details, "error": error,
    })
}

fn created() -> Value {
    json!({ "type": "response.created", "response": response("in_progress", json!([]), Value::Null) })
}

fn usage() -> Value {
    json!({
        "input_tokens": 20, "output_tokens": 12, "total_tokens": 32,
        "input_tokens_details": { "cached_tokens": 8 }, "output_tokens_details": { "reasoning_tokens": 5 },
    })
}

async fn behind_responses() -> (Upstream, Gateway) {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(by_responses(&upstream)).await;
    (upstream, gateway)
}

#[tokio::test]
async fn arguments_that_come_when_a_call_is_done_are_not_lost() {
    let (upstream, gateway) = behind_responses().await;
    let item = |arguments: &str| {
        json!({
            "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": arguments,
            "status": if arguments.is_empty() { "in_progress" } else { "completed" },
        })
    };
    let arguments = r#"{"place":"Lima"}"#;
    let added =
        json!({ "type": "response.output_item.added", "output_index": 0, "item": item("") });
    let arguments_done = json!({
        "type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 0, "arguments": arguments,
    });
    let item_done =
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item(arguments) });
    let completed = json!({
        "type": "response.completed", "response": response("completed", json!([item(arguments)]), usage()),
    });
    let ways = [
        vec![&added, &arguments_done, &item_done, &completed],
        vec![&added, &item_done, &completed],
        vec![&item_done, &completed],
    ];
    for way in ways {
        let events = [vec![created()], way.into_iter().cloned().collect()].concat();
        upstream.now(named_stream(&sequence(events)));
        // Chats are asked for in the same way where the model has no other.
        for (speaks, model) in [
            (Speaks::Messages, "p/m"),
            (Speaks::Generate, "p/m"),
            (Speaks::Chat, "p/gpt-5.4-pro"),
        ] {
            let told = speaks.hears(&gateway, model, true).await;
            assert_eq!(
                told.calls,
                [("weather".to_owned(), json!({ "place": "Lima" }))],
                "{speaks:?}"
            );
        }
    }
}

#[tokio::test]
async fn usage_is_read_from_responses_that_are_incomplete_or_failed() {
    let (upstream, gateway) = behind_responses().await;
    let message = json!({
        "type": "message", "id": "msg_1", "role": "assistant", "status": "incomplete",
        "content": [{ "type": "output_text", "text": "The", "annotations": [] }],
    });
    let begin = [
        created(),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": [],
        } }),
        json!({ "type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0,
            "part": { "type": "output_text", "text": "", "annotations": [] } }),
        json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "The" }),
    ];
    let counted = json!({ "input": 20, "output": 12, "cache_read": 8, "reasoning": 5 });
    for status in ["incomplete", "failed"] {
        let end = json!({
            "type": format!("response.{status}"), "response": response(status, json!([message]), usage()),
        });
        upstream.now(named_stream(&sequence([&begin[..], &[end]].concat())));
        for (speaks, length) in [
            (Speaks::Messages, "max_tokens"),
            (Speaks::Generate, "MAX_TOKENS"),
        ] {
            let answer = speaks.ask(&gateway, "p/m", true, json!({})).whole().await;
            if status == "incomplete" {
                let told = speaks.read(&answer, true);
                assert_eq!((told.text.as_str(), told.ending.as_str()), ("The", length));
            } else {
                super::is_cut_off(speaks.form(), &answer);
                assert!(answer.body_text().contains("The model broke off."));
            }
            let record = gateway.record(answer.id()).await;
            assert_eq!(record["usage"], counted, "{status} {speaks:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_is_converted_as_it_comes() {
    let gate = Gate::new();
    let upstream = Upstream::openai()
        .then(Reply::tokens(["one ", "two"]).stepped(2, &gate))
        .start()
        .await;
    let gateway = gateway(upstream.provider()).await;
    let mut answer = Speaks::Messages
        .ask(&gateway, "p/m", true, json!({}))
        .send()
        .await;
    // The second word waits, the first one does not.
    let mut seen = String::new();
    while !seen.contains("one ") {
        seen += &answer.event().await.expect("more").data;
    }
    assert!(!seen.contains("two"));
    gate.open_for_good();
    let rest = answer.whole().await;
    assert!(rest.body_text().contains("two") && rest.says_done());
}

#[tokio::test]
async fn a_stream_that_comes_whole_is_streamed_and_a_whole_answer_that_comes_as_a_stream_is_whole()
{
    // Some servers do not stream with tools, or for some models.
    let whole = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hello" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11 },
    });
    let upstream = Upstream::openai().then(Reply::json(&whole)).start().await;
    let gateway = gateway(upstream.provider_with(json!({ "responses": false }))).await;
    for speaks in [Speaks::Responses, Speaks::Messages, Speaks::Generate] {
        let told = speaks.hears(&gateway, "p/m", true).await;
        assert_eq!(told.text, "Hello", "{speaks:?}");
    }
    upstream.now(chat_stream(&[json!({ "content": "Hello" })], "stop"));
    for speaks in [Speaks::Responses, Speaks::Messages, Speaks::Generate] {
        let told = speaks.hears(&gateway, "p/m", false).await;
        assert_eq!(told.text, "Hello", "{speaks:?}");
    }
}

#[tokio::test]
async fn every_version_of_http_carries_converted_streams() {
    let upstream = Upstream::openai().then_text("Hello dear").start().await;
    let gateway = gateway(upstream.provider()).await;
    for http in Http::PLAIN {
        for speaks in [Speaks::Messages, Speaks::Generate] {
            for stream in [false, true] {
                let ask = speaks.ask(&gateway, "p/m", stream, json!({})).over(http);
                let told = speaks.read(&ask.whole().await, stream);
                assert_eq!(told.text, "Hello dear", "{http:?} {speaks:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_converted_stream_ends_it_upstream() {
    let gate = Gate::new();
    for (n, http) in Http::PLAIN.into_iter().enumerate() {
        let upstream = Upstream::openai()
            .then(Reply::tokens(["one ", "two"]).stepped(2, &gate))
            .start()
            .await;
        let gateway = gateway(upstream.provider()).await;
        let ask = Speaks::Messages
            .ask(&gateway, "p/m", true, json!({}))
            .over(http);
        let mut answer = ask.send().await;
        while !answer.event().await.expect("more").data.contains("one ") {}
        answer.leave();
        upstream.only().given_up().await;
        let record = gateway.record(&ask.id).await;
        assert_eq!(
            (&record["status"], &record["outcome"]),
            (&json!(499), &json!("client_gone")),
            "{n}"
        );
    }
}

#[tokio::test]
async fn a_response_that_fails_before_any_content_is_an_error() {
    let (upstream, gateway) = behind_responses().await;
    let failed =
        json!({ "type": "response.failed", "response": response("failed", json!([]), usage()) });
    upstream.now(named_stream(&sequence(vec![created(), failed])));
    for speaks in [Speaks::Messages, Speaks::Generate] {
        let answer = speaks.ask(&gateway, "p/m", true, json!({})).whole().await;
        assert_eq!(answer.status, 500, "{speaks:?}: {}", answer.body_text());
        let (message, _) = speaks.error(&answer.json());
        assert_eq!(message, "The model broke off.");
    }
}
