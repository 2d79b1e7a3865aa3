//! Loops of tool calls over four turns: what a provider signed comes back to it byte for byte, through clients that know
//! nothing of signatures.

use serde_json::{Value, json};

use super::{Speaks, gateway, named_stream, told::joined_message};
use crate::upstream::{Reply, Upstream};

const TURNS: usize = 4;

/// Bytes that a careless copy would change: both alphabets of base64, padding, a line's worth.
fn seal(turn: usize) -> String {
    format!("Ab+/-_{turn}{}==", "c2ln".repeat(30))
}

fn weather() -> Value {
    json!({ "type": "object", "properties": { "place": { "type": "string" } } })
}

/// The parts of a message stand in this order, with others between them or not.
fn in_order(parts: &[Value], wanted: &[Value]) {
    let mut left = parts.iter();
    for part in wanted {
        let fits = |found: &&Value| {
            let part = part.as_object().expect("an object");
            part.iter().all(|(key, value)| found[key] == *value)
        };
        assert!(
            left.any(|found| fits(&found)),
            "{part} is missing or misplaced in {parts:#?}"
        );
    }
}

fn claude_blocks(turn: usize) -> Vec<Value> {
    vec![
        json!({ "type": "thinking", "thinking": format!("Thought {turn}."), "signature": seal(turn) }),
        json!({ "type": "redacted_thinking", "data": format!("redacted{}", seal(turn)) }),
        json!({ "type": "text", "text": format!("Look {turn}.") }),
        json!({ "type": "tool_use", "id": format!("toolu_{turn}"), "name": "weather", "input": { "place": "Lima" } }),
    ]
}

fn claude_whole(turn: usize) -> Reply {
    Reply::json(&json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": claude_blocks(turn),
        "stop_reason": "tool_use", "stop_sequence": null, "usage": { "input_tokens": 9, "output_tokens": 2 },
    }))
}

fn claude_stream(turn: usize) -> Reply {
    let mut events = vec![json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 9, "output_tokens": 1 },
    } })];
    for (n, block) in claude_blocks(turn).into_iter().enumerate() {
        let (start, deltas) = match block["type"].as_str().expect("a type") {
            "thinking" => (
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                vec![
                    json!({ "type": "thinking_delta", "thinking": block["thinking"] }),
                    json!({ "type": "signature_delta", "signature": block["signature"] }),
                ],
            ),
            "text" => (
                json!({ "type": "text", "text": "" }),
                vec![json!({ "type": "text_delta", "text": block["text"] })],
            ),
            "tool_use" => (
                json!({ "type": "tool_use", "id": block["id"], "name": block["name"], "input": {} }),
                vec![
                    json!({ "type": "input_json_delta", "partial_json": block["input"].to_string() }),
                ],
            ),
            _ => (block, vec![]),
        };
        events.push(json!({ "type": "content_block_start", "index": n, "content_block": start }));
        for delta in deltas {
            events.push(json!({ "type": "content_block_delta", "index": n, "delta": delta }));
        }
        events.push(json!({ "type": "content_block_stop", "index": n }));
    }
    events.push(json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use", "stop_sequence": null },
        "usage": { "output_tokens": 2 } }));
    events.push(json!({ "type": "message_stop" }));
    named_stream(&events)
}

/// The message that an application puts together from chunks: texts are appended, `reasoning_details` by their index,
/// as OpenRouter's documentation tells to.
fn joined_chat(body: &str) -> Value {
    let mut message =
        json!({ "role": "assistant", "content": "", "reasoning_details": [], "tool_calls": [] });
    let merge = |list: &mut Vec<Value>, piece: &Value| {
        let known = list
            .iter_mut()
            .find(|entry| entry["index"] == piece["index"]);
        let Some(known) = known else {
            list.push(piece.clone());
            return;
        };
        for key in ["text", "data", "signature"] {
            if let Some(more) = piece[key].as_str() {
                let old = known[key].as_str().unwrap_or_default();
                known[key] = format!("{old}{more}").into();
            }
        }
        if let Some(more) = piece["function"]["arguments"].as_str() {
            let old = known["function"]["arguments"].as_str().unwrap_or_default();
            known["function"]["arguments"] = format!("{old}{more}").into();
        }
    };
    for line in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(chunk) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let delta = &chunk["choices"][0]["delta"];
        if let Some(text) = delta["content"].as_str() {
            let old = message["content"].as_str().expect("a text");
            message["content"] = format!("{old}{text}").into();
        }
        for key in ["reasoning_details", "tool_calls"] {
            for piece in delta[key].as_array().into_iter().flatten() {
                merge(message[key].as_array_mut().expect("a list"), piece);
            }
        }
    }
    for call in message["tool_calls"].as_array_mut().expect("a list") {
        call.as_object_mut().expect("an object").remove("index");
    }
    message
}

#[tokio::test]
async fn claudes_thinking_survives_a_loop_of_a_chat_client() {
    for stream in [false, true] {
        let upstream = Upstream::anthropic().start().await;
        let gateway = gateway(upstream.provider()).await;
        let mut messages = vec![json!({ "role": "user", "content": "Weather?" })];
        for turn in 0..TURNS {
            upstream.now(if stream {
                claude_stream(turn)
            } else {
                claude_whole(turn)
            });
            let body = json!({
                "model": "p/m", "messages": messages, "stream": stream, "reasoning_effort": "medium",
                "max_completion_tokens": 4096,
                "tools": [{ "type": "function", "function": { "name": "weather", "parameters": weather() } }],
            });
            let answer = gateway
                .ask("/v1/chat/completions", body.to_string())
                .whole()
                .await;
            let told = Speaks::Chat.read(&answer, stream);
            assert_eq!(told.thinking, format!("Thought {turn}."));
            let message = if stream {
                joined_chat(&answer.body_text())
            } else {
                answer.json()["choices"][0]["message"].clone()
            };
            let id = message["tool_calls"][0]["id"].clone();
            messages.push(message);
            messages.push(json!({ "role": "tool", "tool_call_id": id, "content": "19 °C" }));

            let received = upstream.received().pop().expect("one more").json();
            let sent = received["messages"].as_array().expect("messages");
            assert_eq!(sent.len(), 1 + 2 * turn);
            for before in 0..turn {
                let content = sent[1 + 2 * before]["content"].as_array().expect("blocks");
                assert_eq!(
                    *content,
                    claude_blocks(before),
                    "turn {turn}, stream {stream}"
                );
                let result = &sent[2 + 2 * before]["content"][0];
                assert_eq!(result["tool_use_id"], format!("toolu_{before}"));
            }
        }
    }
}

fn gemini_parts(turn: usize) -> Vec<Value> {
    vec![
        json!({ "text": format!("Thought {turn}."), "thought": true }),
        json!({ "text": format!("Look {turn}."), "thoughtSignature": seal_of_google(turn, "text") }),
        json!({ "functionCall": { "name": "weather", "args": { "place": "Lima" } },
            "thoughtSignature": seal_of_google(turn, "call") }),
        json!({ "functionCall": { "name": "weather", "args": { "place": "Cusco" } } }),
    ]
}

/// Standard base64, as Google writes it.
fn seal_of_google(turn: usize, what: &str) -> String {
    use base64::Engine;
    let bytes = format!("{what}-{turn}-\u{fb}\u{ff}\u{fe}~{}", "?>".repeat(20));
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn geminis_signatures_survive_a_loop_of_an_anthropic_client() {
    for stream in [false, true] {
        let upstream = Upstream::gemini().start().await;
        let gateway = gateway(upstream.provider()).await;
        let mut messages = vec![json!({ "role": "user", "content": "Weather?" })];
        for turn in 0..TURNS {
            let chunk = |parts: Value, finish: Option<&str>| {
                let mut candidate =
                    json!({ "content": { "role": "model", "parts": parts }, "index": 0 });
                if let Some(finish) = finish {
                    candidate["finishReason"] = finish.into();
                }
                json!({ "candidates": [candidate], "modelVersion": "m", "responseId": "r",
                    "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11 } })
            };
            let parts = gemini_parts(turn);
            upstream.now(if stream {
                let mut chunks: Vec<Value> = parts
                    .iter()
                    .map(|part| chunk(json!([part]), None))
                    .collect();
                chunks.push(chunk(json!([{ "text": "" }]), Some("STOP")));
                super::gemini_stream(&chunks)
            } else {
                Reply::json(&chunk(json!(parts), Some("STOP")))
            });
            let body = json!({
                "model": "p/m", "messages": messages, "stream": stream, "max_tokens": 4096,
                "thinking": { "type": "enabled", "budget_tokens": 1024 },
                "tools": [{ "name": "weather", "input_schema": weather() }],
            });
            let answer = gateway.ask("/v1/messages", body.to_string()).whole().await;
            let told = Speaks::Messages.read(&answer, stream);
            assert_eq!(told.calls.len(), 2);
            let message = if stream {
                let events: Vec<Value> = answer
                    .events()
                    .iter()
                    .map(crate::harness::client::Event::json)
                    .collect();
                joined_message(&events)
            } else {
                answer.json()
            };
            let results: Vec<Value> = message["content"]
                .as_array()
                .expect("content")
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .map(|block| json!({ "type": "tool_result", "tool_use_id": block["id"], "content": "19 °C" }))
                .collect();
            messages.push(json!({ "role": "assistant", "content": message["content"] }));
            messages.push(json!({ "role": "user", "content": results }));

            let received = upstream.received().pop().expect("one more").json();
            let sent = received["contents"].as_array().expect("contents");
            assert_eq!(sent.len(), 1 + 2 * turn);
            for before in 0..turn {
                let parts = sent[1 + 2 * before]["parts"].as_array().expect("parts");
                let signed: Vec<Value> = parts
                    .iter()
                    .filter(|part| part.get("thoughtSignature").is_some())
                    .map(|part| json!({ "thoughtSignature": part["thoughtSignature"] }))
                    .collect();
                let wanted = ["text", "call"]
                    .map(|what| json!({ "thoughtSignature": seal_of_google(before, what) }));
                assert_eq!(signed, wanted, "turn {turn}, stream {stream}");
                // They stand where they stood.
                let at = |key: &str| {
                    parts
                        .iter()
                        .position(|part| part.get(key).is_some())
                        .expect("is there")
                };
                assert_eq!(
                    parts[at("functionCall")]["thoughtSignature"],
                    seal_of_google(before, "call")
                );
                in_order(
                    parts,
                    &[
                        json!({ "text": format!("Look {before}."), "thoughtSignature": seal_of_google(before, "text") }),
                    ],
                );
                let calls: Vec<&Value> = parts
                    .iter()
                    .filter(|part| part.get("functionCall").is_some())
                    .collect();
                assert_eq!(calls.len(), 2);
                assert_eq!(calls[1].get("thoughtSignature"), None);
                let answers = sent[2 + 2 * before]["parts"].as_array().expect("parts");
                assert_eq!(answers[0]["functionResponse"]["name"], "weather");
            }
        }
    }
}

fn response_items(turn: usize) -> Vec<Value> {
    vec![
        json!({ "type": "reasoning", "id": format!("rs_{turn}"), "encrypted_content": seal(turn),
            "summary": [{ "type": "summary_text", "text": format!("Thought {turn}.") }] }),
        json!({ "type": "function_call", "id": format!("fc_{turn}"), "call_id": format!("call_{turn}"),
            "name": "weather", "arguments": "{\"place\":\"Lima\"}", "status": "completed" }),
    ]
}

#[tokio::test]
async fn openais_reasoning_survives_a_loop_of_a_chat_client() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(upstream.provider()).await;
    let mut messages = vec![json!({ "role": "user", "content": "Weather?" })];
    for turn in 0..TURNS {
        upstream.now(Reply::json(&json!({
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": response_items(turn),
            "usage": { "input_tokens": 9, "output_tokens": 2, "total_tokens": 11 },
        })));
        // A model that has the responses API only.
        let body = json!({
            "model": "p/gpt-5.4-pro", "messages": messages, "reasoning_effort": "high",
            "tools": [{ "type": "function", "function": { "name": "weather", "parameters": weather() } }],
        });
        let answer = gateway
            .ask("/v1/chat/completions", body.to_string())
            .whole()
            .await;
        assert_eq!(
            upstream.received().pop().expect("one more").path,
            "/v1/responses"
        );
        let told = Speaks::Chat.read(&answer, false);
        assert_eq!(told.thinking, format!("Thought {turn}."));
        let message = answer.json()["choices"][0]["message"].clone();
        let id = message["tool_calls"][0]["id"].clone();
        messages.push(message);
        messages.push(json!({ "role": "tool", "tool_call_id": id, "content": "19 °C" }));

        let received = upstream.received().pop().expect("one more").json();
        let sent = received["input"].as_array().expect("items");
        assert_eq!(received["store"], false);
        assert_eq!(received["include"], json!(["reasoning.encrypted_content"]));
        for before in 0..turn {
            in_order(
                sent,
                &[
                    json!({ "type": "reasoning", "id": format!("rs_{before}"), "encrypted_content": seal(before) }),
                    json!({ "type": "function_call", "call_id": format!("call_{before}") }),
                    json!({ "type": "function_call_output", "call_id": format!("call_{before}") }),
                ],
            );
        }
        let sealed = sent
            .iter()
            .filter(|item| item["type"] == "reasoning")
            .count();
        assert_eq!(sealed, turn);
    }
}
