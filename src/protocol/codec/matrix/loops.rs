//! Four turns of tools through every client: what a provider signed comes back to it byte for byte, at its place.

use serde_json::{Map, Value, json};

use super::{read_request, target, write_answer, write_stream};
use crate::protocol::{
    Operation,
    codec::for_provider,
    event::{Event, unfold},
    loss::Losses,
};

/// A provider: its operation, a model, one of its answers with the number of the turn in it, and what of the next
/// request must be the same again.
struct Provider {
    operation: Operation,
    model: &'static str,
    vendor: &'static str,
    answer: fn(usize) -> Value,
    /// What was said, in an answer.
    said: fn(&Value) -> Vec<Value>,
    /// What was said, in the next request: all turns of the model.
    repeated: fn(&Value) -> Vec<Value>,
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The members of all turns of a role.
fn of_role(turns: &Value, role: &str, member: &str) -> Vec<Value> {
    let turns = list(turns).into_iter().filter(|turn| turn["role"] == role);
    turns.flat_map(|turn| list(&turn[member])).collect()
}

fn providers() -> [Provider; 5] {
    [
        Provider {
            operation: Operation::Messages,
            model: "claude-sonnet-4-5",
            vendor: "anthropic",
            answer: |n| {
                json!({
                    "id": format!("msg_{n}"), "type": "message", "role": "assistant", "model": "claude",
                    "content": [
                        {"type": "thinking", "thinking": format!("Hm {n}."), "signature": format!("Sig+/{n}==")},
                        {"type": "redacted_thinking", "data": format!("Red+/{n}==")},
                        {"type": "thinking", "thinking": "", "signature": format!("Only{n}")},
                        {"type": "text", "text": format!("Now {n}.")},
                        {"type": "tool_use", "id": format!("toolu_a{n}"), "name": "look", "input": {"n": n}},
                        {"type": "tool_use", "id": format!("toolu_b{n}"), "name": "look", "input": {}}
                    ],
                    "stop_reason": "tool_use", "stop_sequence": null,
                    "usage": {"input_tokens": 1, "output_tokens": 1}
                })
            },
            said: |answer| list(&answer["content"]),
            repeated: |request| of_role(&request["messages"], "assistant", "content"),
        },
        Provider {
            operation: Operation::Generate,
            model: "gemini-3-pro-preview",
            vendor: "gemini",
            answer: |n| {
                json!({
                    "responseId": format!("r{n}"), "modelVersion": "gemini-3-pro-preview",
                    "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
                        {"text": format!("Hm {n}."), "thought": true, "thoughtSignature": format!("VGhvdWdodA{n}=")},
                        {"text": format!("Now {n}."), "thoughtSignature": format!("VGV4dA{n}=")},
                        {"functionCall": {"id": format!("ga{n}"), "name": "look", "args": {"n": n}},
                            "thoughtSignature": format!("Q2FsbA{n}=")},
                        {"functionCall": {"id": format!("gb{n}"), "name": "look", "args": {}}}
                    ]}}],
                    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}
                })
            },
            said: |answer| list(&answer["candidates"][0]["content"]["parts"]),
            repeated: |request| of_role(&request["contents"], "model", "parts"),
        },
        Provider {
            operation: Operation::Responses,
            model: "gpt-5",
            vendor: "openai",
            answer: |n| {
                json!({
                    "id": format!("resp_{n}"), "object": "response", "status": "completed", "model": "gpt-5",
                    "output": [
                        {"type": "reasoning", "id": format!("rs_{n}"), "encrypted_content": format!("gAAAA+/{n}=="),
                            "summary": [{"type": "summary_text", "text": format!("Hm {n}.")}]},
                        {"type": "reasoning", "id": format!("rs_x{n}"), "encrypted_content": format!("gBBBB{n}"),
                            "summary": []},
                        {"type": "function_call", "id": format!("fc_a{n}"), "call_id": format!("call_a{n}"),
                            "name": "look", "arguments": format!("{{\"n\":{n}}}"), "status": "completed"},
                        {"type": "function_call", "id": format!("fc_b{n}"), "call_id": format!("call_b{n}"),
                            "name": "look", "arguments": "{}", "status": "completed"}
                    ],
                    "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
                })
            },
            said: |answer| responses_items(&answer["output"]),
            repeated: |request| responses_items(&request["input"]),
        },
        Provider {
            operation: Operation::Converse,
            model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            vendor: "bedrock",
            answer: |n| {
                json!({
                    "output": {"message": {"role": "assistant", "content": [
                        {"reasoningContent": {"reasoningText": {
                            "text": format!("Hm {n}."), "signature": format!("Sig+/{n}==")}}},
                        // In base64, as Bedrock writes it.
                        {"reasoningContent": {"redactedContent": "UmVkK0A9"}},
                        {"text": format!("Now {n}.")},
                        {"toolUse": {"toolUseId": format!("tooluse_a{n}"), "name": "look", "input": {"n": n}}},
                        {"toolUse": {"toolUseId": format!("tooluse_b{n}"), "name": "look", "input": {}}}
                    ]}},
                    "stopReason": "tool_use", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
                })
            },
            said: |answer| list(&answer["output"]["message"]["content"]),
            repeated: |request| of_role(&request["messages"], "assistant", "content"),
        },
        // Its reasoning is not signed, but wanted back where it stood.
        Provider {
            operation: Operation::Chat,
            model: "deepseek-reasoner",
            vendor: "deepseek",
            answer: |n| {
                json!({
                    "id": format!("c{n}"), "object": "chat.completion", "model": "deepseek-reasoner",
                    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
                        "role": "assistant", "content": format!("Now {n}."),
                        "reasoning_content": format!("Hm {n}."),
                        "tool_calls": [
                            {"id": format!("call_a{n}"), "type": "function",
                                "function": {"name": "look", "arguments": format!("{{\"n\":{n}}}")}},
                            {"id": format!("call_b{n}"), "type": "function",
                                "function": {"name": "look", "arguments": "{}"}}
                        ]
                    }}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
                })
            },
            said: |answer| vec![answer["choices"][0]["message"].clone()],
            repeated: |request| {
                let turns = list(&request["messages"]).into_iter();
                turns.filter(|turn| turn["role"] == "assistant").collect()
            },
        },
    ]
}

/// Reasoning and calls, without what a request need not repeat.
fn responses_items(items: &Value) -> Vec<Value> {
    let mut items = list(items);
    items.retain(|item| matches!(item["type"].as_str(), Some("reasoning" | "function_call")));
    for item in &mut items {
        if item["type"] == "function_call" {
            let item = item.as_object_mut().unwrap();
            item.retain(|name, _| name != "id" && name != "status");
        }
    }
    items
}

/// The data of a stream's events.
fn data(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// A client: its operation, what it keeps of an answer and of a stream, and its next request. Put together as the SDKs
/// do, without the gateway's own code.
struct Client {
    operation: Operation,
    kept: fn(&Value) -> Value,
    collected: fn(&[Value]) -> Value,
    /// The request after turns of what was kept and the ids of its calls.
    request: fn(&[Value]) -> Value,
}

fn merge(into: &mut Map<String, Value>, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        match (into.get_mut(name), value) {
            (_, Value::Null) => {}
            (Some(Value::String(text)), Value::String(more))
                if !matches!(name.as_str(), "role" | "type" | "id" | "name") =>
            {
                text.push_str(more);
            }
            (Some(Value::Object(inner)), Value::Object(_)) => merge(inner, value),
            (Some(Value::Array(inner)), Value::Array(more)) => {
                for one in more {
                    let same = |other: &&mut Value| other["index"] == one["index"];
                    match inner
                        .iter_mut()
                        .find(same)
                        .filter(|_| one.get("index").is_some())
                    {
                        Some(Value::Object(old)) => merge(old, one),
                        _ => inner.push(one.clone()),
                    }
                }
            }
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

fn clients() -> [Client; 4] {
    [
        Client {
            operation: Operation::Chat,
            kept: |answer| answer["choices"][0]["message"].clone(),
            collected: |chunks| {
                let mut message = Map::new();
                for chunk in chunks {
                    for choice in list(&chunk["choices"]) {
                        merge(&mut message, &choice["delta"]);
                    }
                }
                Value::Object(message)
            },
            request: |turns| {
                let mut messages = vec![json!({"role": "user", "content": "Go"})];
                for turn in turns {
                    messages.push(turn.clone());
                    for call in list(&turn["tool_calls"]) {
                        messages.push(
                            json!({"role": "tool", "tool_call_id": call["id"], "content": "done"}),
                        );
                    }
                }
                json!({"model": "m", "messages": messages})
            },
        },
        Client {
            operation: Operation::Responses,
            kept: |answer| answer["output"].clone(),
            collected: |events| {
                let done = events
                    .iter()
                    .filter(|event| event["type"] == "response.output_item.done");
                done.map(|event| event["item"].clone()).collect()
            },
            request: |turns| {
                let mut input = vec![json!({"role": "user", "content": "Go"})];
                for turn in turns {
                    input.extend(list(turn));
                    let calls = list(turn)
                        .into_iter()
                        .filter(|i| i["type"] == "function_call");
                    input.extend(calls.map(|call| {
                        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "done"})
                    }));
                }
                json!({"model": "m", "input": input, "store": false,
                    "include": ["reasoning.encrypted_content"]})
            },
        },
        Client {
            operation: Operation::Messages,
            kept: |answer| answer["content"].clone(),
            collected: |events| {
                let mut blocks: Vec<Value> = Vec::new();
                let mut arguments = String::new();
                for event in events {
                    let delta = &event["delta"];
                    match event["type"].as_str().unwrap() {
                        "content_block_start" => {
                            blocks.push(event["content_block"].clone());
                            arguments.clear();
                        }
                        "content_block_delta" => {
                            let block = blocks.last_mut().unwrap();
                            let mut append = |name: &str| {
                                let text = delta[name].as_str().unwrap();
                                block[name] =
                                    format!("{}{text}", block[name].as_str().unwrap()).into();
                            };
                            match delta["type"].as_str().unwrap() {
                                "text_delta" => append("text"),
                                "thinking_delta" => append("thinking"),
                                "signature_delta" => {
                                    block["signature"] = delta["signature"].clone()
                                }
                                _ => {
                                    arguments.push_str(delta["partial_json"].as_str().unwrap());
                                }
                            }
                        }
                        "content_block_stop" if !arguments.is_empty() => {
                            let input = serde_json::from_str(&arguments).unwrap();
                            blocks.last_mut().unwrap()["input"] = input;
                        }
                        _ => {}
                    }
                }
                blocks.into()
            },
            request: |turns| {
                let mut messages = vec![json!({"role": "user", "content": "Go"})];
                for turn in turns {
                    messages.push(json!({"role": "assistant", "content": turn}));
                    let calls = list(turn).into_iter().filter(|b| b["type"] == "tool_use");
                    let results: Vec<_> = calls
                        .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "done"}))
                        .collect();
                    messages.push(json!({"role": "user", "content": results}));
                }
                json!({"model": "m", "max_tokens": 9000, "messages": messages})
            },
        },
        Client {
            operation: Operation::StreamGenerate,
            kept: |answer| answer["candidates"][0]["content"].clone(),
            collected: |chunks| {
                let parts = chunks
                    .iter()
                    .flat_map(|chunk| list(&chunk["candidates"][0]["content"]["parts"]));
                json!({"role": "model", "parts": parts.collect::<Vec<_>>()})
            },
            request: |turns| {
                let mut contents = vec![json!({"role": "user", "parts": [{"text": "Go"}]})];
                for turn in turns {
                    contents.push(turn.clone());
                    let calls = list(&turn["parts"]).into_iter().filter_map(|part| {
                        let call = part.get("functionCall")?;
                        Some(
                            json!({"functionResponse": {"id": call["id"], "name": call["name"],
                            "response": {"output": "done"}}}),
                        )
                    });
                    let parts: Vec<_> = calls.collect();
                    contents.push(json!({"role": "user", "parts": parts}));
                }
                json!({"contents": contents})
            },
        },
    ]
}

/// Gemini's SDK keeps a text in the pieces in which it came, and its signature on a piece of its own; so do requests.
fn joined(parts: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for mut part in parts {
        let is_text = |part: &Value| part["text"].is_string() && part["functionCall"].is_null();
        if is_text(&part)
            && let Some(last) = out.last_mut()
            && is_text(last)
            && last["thought"] == part["thought"]
            && (last["thoughtSignature"].is_null() || part["text"] == "")
        {
            let text = format!(
                "{}{}",
                last["text"].as_str().unwrap(),
                part["text"].as_str().unwrap()
            );
            last["text"] = text.into();
            if !part["thoughtSignature"].is_null() {
                last["thoughtSignature"] = part["thoughtSignature"].take();
            }
            continue;
        }
        if is_text(&part) && part["text"] == "" && part["thoughtSignature"].is_null() {
            continue;
        }
        out.push(part);
    }
    out
}

#[test]
fn four_turns_of_tools_bring_every_signature_back_through_every_client() {
    let mut wrong = Vec::new();
    for provider in providers() {
        let codec = for_provider(provider.operation).unwrap();
        for client in clients() {
            for way in ["whole", "streamed", "streamed late"] {
                let (mut turns, mut said) = (Vec::new(), Vec::new());
                for n in 1..=4 {
                    let body = (provider.answer)(n);
                    said.extend((provider.said)(&body));
                    let answer = codec.answer(body.to_string().as_bytes()).unwrap();
                    turns.push(match way {
                        "whole" => (client.kept)(&write_answer(client.operation, &answer)),
                        _ => {
                            let mut events = unfold(answer);
                            if way == "streamed late" {
                                events = with_late_signatures(events);
                            }
                            let stream = write_stream(client.operation, true, &events);
                            (client.collected)(&data(&stream))
                        }
                    });
                }
                let body = (client.request)(&turns);
                let request = read_request(client.operation, "models/m:generateContent", &body);
                let mut losses = Losses::default();
                let goal = target(provider.model, provider.vendor);
                let written = codec.request(&request, &goal, &mut losses);
                let written: Value = serde_json::from_slice(&written).unwrap();
                let mut repeated = (provider.repeated)(&written);
                if provider.operation == Operation::Generate {
                    (repeated, said) = (joined(repeated), joined(said));
                }
                for one in repeated.iter_mut().chain(&mut said) {
                    // Only how a text is spelled.
                    if one["content"].is_array() && one["content"][0]["type"] == "text" {
                        one["content"] = one["content"][0]["text"].clone();
                    }
                }
                let pair = format!(
                    "{:?} through {:?}, {way}",
                    provider.operation, client.operation
                );
                if repeated != said {
                    let n = repeated.iter().zip(&said).position(|(a, b)| a != b);
                    let n = n.unwrap_or(repeated.len().min(said.len()));
                    let (got, wanted) = (repeated.get(n), said.get(n));
                    let (got, wanted) = (got.map(Value::to_string), wanted.map(Value::to_string));
                    wrong.push(format!("{pair}: {n}: {got:?} is not {wanted:?}"));
                }
                // The clients here declare no tools.
                if let Some(loss) = losses.all().iter().find(|loss| loss.what != "tools") {
                    wrong.push(format!("{pair}: {loss:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same with signatures at the end of their parts, as in most providers' streams.
fn with_late_signatures(events: Vec<Event>) -> Vec<Event> {
    use crate::protocol::{chat::Content, event::Delta};
    let mut out = Vec::new();
    let mut late = None;
    for event in events {
        match event {
            Event::Open { choice, mut part } => {
                // What is sealed as a whole comes whole.
                if !matches!(part.content, Content::RedactedThinking) {
                    late = part.signature.take();
                }
                out.push(Event::Open { choice, part });
            }
            Event::Close { choice } => {
                let signature = late.take().map(Delta::Signature);
                out.extend(signature.map(|delta| Event::Delta { choice, delta }));
                out.push(Event::Close { choice });
            }
            event => out.push(event),
        }
    }
    out
}
