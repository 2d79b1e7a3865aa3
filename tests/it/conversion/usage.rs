//! Token counts: one record whoever counts and whoever asks, and usage where clients look for it.

use serde_json::{Value, json};

use super::{
    Speaks, by_responses, chat_stream, gateway, gemini_stream, keeps_grammar, named_stream,
    provider_of,
};
use crate::{
    conversion::grammar::Form,
    upstream::{Reply, Upstream},
};

/// One provider's way to count: whole and streamed, and what the record is to say.
struct Counts {
    kind: &'static str,
    whole: Value,
    stream: Reply,
    record: Value,
}

fn openai() -> Counts {
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140,
        "prompt_tokens_details": { "cached_tokens": 30 }, "completion_tokens_details": { "reasoning_tokens": 25 },
    });
    let mut chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
            { "index": 0, "delta": { "role": "assistant", "content": "Hello" }, "finish_reason": null },
        ],
    });
    let first = chunk.clone();
    chunk["choices"][0] = json!({ "index": 0, "delta": {}, "finish_reason": "stop" });
    // On the last chunk with content, as many servers have it.
    chunk["usage"] = usage.clone();
    Counts {
        kind: "openai",
        whole: json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                { "index": 0, "message": { "role": "assistant", "content": "Hello" }, "finish_reason": "stop" },
            ],
            "usage": usage,
        }),
        stream: Reply::events([
            format!("data: {first}\n\n"),
            format!("data: {chunk}\n\n"),
            "data: [DONE]\n\n".into(),
        ]),
        record: json!({ "input": 100, "output": 40, "cache_read": 30, "reasoning": 25 }),
    }
}

fn responses() -> Counts {
    let item = json!({
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": "Hello", "annotations": [] }],
    });
    let whole = json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [item],
        "usage": {
            "input_tokens": 100, "output_tokens": 40, "total_tokens": 140,
            "input_tokens_details": { "cached_tokens": 30 }, "output_tokens_details": { "reasoning_tokens": 25 },
        },
    });
    let mut begun = whole.clone();
    begun["status"] = "in_progress".into();
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    Counts {
        kind: "responses",
        stream: named_stream(&[
            json!({ "type": "response.created", "sequence_number": 0, "response": begun }),
            json!({ "type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
                "item": { "type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": [] } }),
            json!({ "type": "response.content_part.added", "sequence_number": 2, "item_id": "msg_1", "output_index": 0,
                "content_index": 0, "part": { "type": "output_text", "text": "", "annotations": [] } }),
            json!({ "type": "response.output_text.delta", "sequence_number": 3, "item_id": "msg_1", "output_index": 0,
                "content_index": 0, "delta": "Hello", "logprobs": [] }),
            json!({ "type": "response.output_text.done", "sequence_number": 4, "item_id": "msg_1", "output_index": 0,
                "content_index": 0, "text": "Hello", "logprobs": [] }),
            json!({ "type": "response.content_part.done", "sequence_number": 5, "item_id": "msg_1", "output_index": 0,
                "content_index": 0, "part": item["content"][0] }),
            json!({ "type": "response.output_item.done", "sequence_number": 6, "output_index": 0, "item": item }),
            json!({ "type": "response.completed", "sequence_number": 7, "response": whole }),
        ]),
        whole,
        record: json!({ "input": 100, "output": 40, "cache_read": 30, "reasoning": 25 }),
    }
}

fn anthropic() -> Counts {
    let usage = json!({
        "input_tokens": 20, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 50,
        "cache_creation": { "ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 10 }, "output_tokens": 40,
    });
    let mut begun = usage.clone();
    begun["output_tokens"] = 1.into();
    let message = |content: Value, stop: Value, usage: &Value| {
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": usage,
        })
    };
    Counts {
        kind: "anthropic",
        whole: message(
            json!([{ "type": "text", "text": "Hello" }]),
            json!("end_turn"),
            &usage,
        ),
        stream: named_stream(&[
            json!({ "type": "message_start", "message": message(json!([]), Value::Null, &begun) }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hello" } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            // Running totals, not more of them.
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": {
                "input_tokens": 20, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 50, "output_tokens": 40,
            } }),
            json!({ "type": "message_stop" }),
        ]),
        record: json!({ "input": 100, "output": 40, "cache_read": 30, "cache_write": 50, "cache_write_1h": 10 }),
    }
}

fn gemini() -> Counts {
    let usage = json!({
        "promptTokenCount": 80, "toolUsePromptTokenCount": 20, "cachedContentTokenCount": 30,
        "candidatesTokenCount": 15, "thoughtsTokenCount": 25, "totalTokenCount": 140,
    });
    let chunk = |text: &str, finish: Option<&str>, usage: &Value| {
        let mut candidate =
            json!({ "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0 });
        if let Some(finish) = finish {
            candidate["finishReason"] = finish.into();
        }
        json!({ "candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r1" })
    };
    let early = json!({ "promptTokenCount": 80, "candidatesTokenCount": 3, "totalTokenCount": 83 });
    Counts {
        kind: "gemini",
        whole: chunk("Hello", Some("STOP"), &usage),
        // Each chunk repeats the totals so far.
        stream: gemini_stream(&[
            chunk("Hel", None, &early),
            chunk("lo", None, &early),
            chunk("", Some("STOP"), &usage),
        ]),
        record: json!({ "input": 100, "output": 40, "cache_read": 30, "tool_input": 20, "reasoning": 25 }),
    }
}

fn bedrock() -> Counts {
    let usage = json!({
        "inputTokens": 20, "outputTokens": 40, "totalTokens": 140,
        "cacheReadInputTokens": 30, "cacheWriteInputTokens": 50,
    });
    Counts {
        kind: "bedrock",
        whole: json!({
            "output": { "message": { "role": "assistant", "content": [{ "text": "Hello" }] } },
            "stopReason": "end_turn", "usage": usage, "metrics": { "latencyMs": 1 },
        }),
        stream: crate::clouds::binary_stream(&[
            ("messageStart", json!({ "role": "assistant" })),
            (
                "contentBlockDelta",
                json!({ "contentBlockIndex": 0, "delta": { "text": "Hello" } }),
            ),
            ("contentBlockStop", json!({ "contentBlockIndex": 0 })),
            ("messageStop", json!({ "stopReason": "end_turn" })),
            (
                "metadata",
                json!({ "usage": usage, "metrics": { "latencyMs": 1 } }),
            ),
        ]),
        record: json!({ "input": 100, "output": 40, "cache_read": 30, "cache_write": 50 }),
    }
}

fn cohere() -> Counts {
    let usage = json!({
        "billed_units": { "input_tokens": 7, "output_tokens": 40 },
        "tokens": { "input_tokens": 100, "output_tokens": 40 }, "cached_tokens": 30,
    });
    Counts {
        kind: "cohere",
        whole: json!({
            "id": "c1", "message": { "role": "assistant", "content": [{ "type": "text", "text": "Hello" }] },
            "finish_reason": "COMPLETE", "usage": usage,
        }),
        stream: named_stream(&[
            json!({ "type": "message-start", "id": "c1", "delta": { "message": {
                "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [] } } }),
            json!({ "type": "content-start", "index": 0, "delta": { "message": { "content": { "type": "text", "text": "" } } } }),
            json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": "Hello" } } } }),
            json!({ "type": "content-end", "index": 0 }),
            json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE", "usage": usage } }),
        ]),
        record: json!({ "input": 100, "output": 40, "cache_read": 30 }),
    }
}

/// The counts as each dialect has them, as far as it can tell them.
fn as_told(speaks: Speaks, record: &Value) -> Vec<(&'static str, u64)> {
    let count = |name: &str| record[name].as_u64();
    let known = |name: &str| count(name).unwrap_or(0);
    let all: Vec<(&'static str, Option<u64>)> = match speaks {
        Speaks::Chat | Speaks::Completions => vec![
            ("/prompt_tokens", count("input")),
            ("/completion_tokens", count("output")),
            ("/prompt_tokens_details/cached_tokens", count("cache_read")),
            (
                "/completion_tokens_details/reasoning_tokens",
                count("reasoning"),
            ),
        ],
        Speaks::Responses => vec![
            ("/input_tokens", count("input")),
            ("/output_tokens", count("output")),
            ("/input_tokens_details/cached_tokens", count("cache_read")),
            (
                "/output_tokens_details/reasoning_tokens",
                count("reasoning"),
            ),
        ],
        Speaks::Messages => vec![
            (
                "/input_tokens",
                Some(known("input") - known("cache_read") - known("cache_write")),
            ),
            ("/output_tokens", count("output")),
            ("/cache_read_input_tokens", count("cache_read")),
            ("/cache_creation_input_tokens", count("cache_write")),
            (
                "/cache_creation/ephemeral_1h_input_tokens",
                count("cache_write_1h"),
            ),
        ],
        Speaks::Generate => vec![
            (
                "/promptTokenCount",
                Some(known("input") - known("tool_input")),
            ),
            (
                "/candidatesTokenCount",
                Some(known("output") - known("reasoning")),
            ),
            ("/thoughtsTokenCount", count("reasoning")),
            ("/cachedContentTokenCount", count("cache_read")),
            ("/toolUsePromptTokenCount", count("tool_input")),
        ],
    };
    all.into_iter()
        .filter_map(|(at, count)| Some((at, count?)))
        .collect()
}

/// No count may be null: SDKs that expect numbers break on it.
fn has_no_null(usage: &Value) -> bool {
    match usage {
        Value::Null => false,
        Value::Object(members) => members.values().all(has_no_null),
        _ => true,
    }
}

#[tokio::test]
async fn every_client_and_the_record_hear_the_same_counts() {
    for counts in [
        openai(),
        responses(),
        anthropic(),
        gemini(),
        bedrock(),
        cohere(),
    ] {
        let kind = counts.kind;
        let script = match kind {
            "anthropic" => Upstream::anthropic(),
            "gemini" => Upstream::gemini(),
            _ => Upstream::openai(),
        };
        let upstream = script.start().await;
        let provider = match kind {
            "responses" => by_responses(&upstream),
            "bedrock" => provider_of(kind, &upstream, json!({ "region": "us-east-1" })),
            "cohere" => provider_of(kind, &upstream, json!({})),
            _ => upstream.provider(),
        };
        let gateway = gateway(provider).await;
        for stream in [false, true] {
            upstream.now(if stream {
                counts.stream.clone()
            } else {
                Reply::json(&counts.whole)
            });
            for speaks in Speaks::ALL {
                // OpenAI's two APIs pass as they are where they are meant; each scripted one speaks one of them.
                if (kind == "responses" && speaks == Speaks::Chat)
                    || (kind == "openai" && speaks == Speaks::Responses)
                {
                    continue;
                }
                let what = format!("{kind} {speaks:?} {stream}");
                let changes = match speaks {
                    Speaks::Chat if stream => {
                        json!({ "stream_options": { "include_usage": true } })
                    }
                    _ => json!({}),
                };
                let answer = speaks.ask(&gateway, "p/m", stream, changes).whole().await;
                let form = match speaks {
                    Speaks::Chat => Form::OpenAiChat {
                        include_usage: true,
                    },
                    _ => speaks.form(),
                };
                let native = matches!(
                    (kind, speaks),
                    ("openai", Speaks::Chat)
                        | ("responses", Speaks::Responses)
                        | ("anthropic", Speaks::Messages)
                        | ("gemini", Speaks::Generate)
                );
                if stream && !native {
                    keeps_grammar(form, &answer);
                }
                let told = if stream {
                    super::told::stream(speaks, &answer.body)
                } else {
                    super::told::whole(speaks, &answer.json())
                };
                assert_eq!(told.text, "Hello", "{what}");
                for (at, count) in as_told(speaks, &counts.record) {
                    let found = told.usage.pointer(at).and_then(Value::as_u64);
                    assert_eq!(found, Some(count), "{what} {at}: {}", told.usage);
                }
                assert!(has_no_null(&told.usage), "{what}: {}", told.usage);
                let record = gateway.record(answer.id()).await;
                assert_eq!(record["usage"], counts.record, "{what}");
            }
        }
    }
}

/// How many chunks have usage, and whether all of them have no choices.
fn usage_chunks(body: &str) -> (usize, bool) {
    let chunks: Vec<Value> = body
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let with: Vec<&Value> = chunks.iter().filter(|c| !c["usage"].is_null()).collect();
    (with.len(), with.iter().all(|c| c["choices"] == json!([])))
}

#[tokio::test]
async fn usage_comes_in_one_chunk_of_its_own_to_those_who_asked_for_it() {
    let (gateway, _upstreams) =
        super::three([200, 200, 200].map(|_| Reply::text("Hello dear"))).await;
    for speaks in [Speaks::Chat, Speaks::Completions] {
        for model in ["p1/m1", "p2/m2", "p3/m3"] {
            for include_usage in [true, false] {
                let changes = json!({ "stream_options": { "include_usage": include_usage } });
                let answer = speaks.ask(&gateway, model, true, changes).whole().await;
                let form = match speaks {
                    Speaks::Chat => Form::OpenAiChat { include_usage },
                    _ => Form::Completions { include_usage },
                };
                // The script has no whole stream of completions.
                if (speaks, model) != (Speaks::Completions, "p1/m1") {
                    keeps_grammar(form, &answer);
                }
                let text = answer.body_text();
                let what = format!("{speaks:?} {model} {include_usage}: {text}");
                assert_eq!(
                    usage_chunks(&text),
                    (usize::from(include_usage), true),
                    "{what}"
                );
                let record = gateway.record(answer.id()).await;
                assert_eq!(record["usage"]["output"], 2, "{what}");
            }
            let answer = speaks.ask(&gateway, model, true, json!({})).whole().await;
            assert_eq!(usage_chunks(&answer.body_text()).0, 0, "{speaks:?} {model}");
        }
    }
}

#[tokio::test]
async fn usage_is_asked_of_providers_that_understand_the_wish_and_of_no_others() {
    for (changes, asked) in [
        (json!({}), true),
        (json!({ "stream_usage": false }), false),
        (json!({ "preset": "mistral" }), false),
        (json!({ "preset": "deepseek" }), true),
        (json!({ "preset": "mistral", "stream_usage": true }), true),
    ] {
        let reply = chat_stream(
            &[json!({ "role": "assistant", "content": "Hello" })],
            "stop",
        );
        let upstream = Upstream::openai().then(reply).start().await;
        let gateway = gateway(upstream.provider_with(changes.clone())).await;
        let clients = [
            Speaks::Chat,
            Speaks::Completions,
            Speaks::Messages,
            Speaks::Generate,
        ];
        for speaks in clients {
            // Vendors with `/completions` of their own are asked by that, and the script has no such stream.
            if speaks == Speaks::Completions && changes["preset"] != "mistral" {
                continue;
            }
            let answer = speaks.ask(&gateway, "p/m", true, json!({})).whole().await;
            if speaks == Speaks::Chat && !asked {
                // Of its own dialect the client gets what the provider sends.
                assert_eq!(answer.text(), "Hello");
            } else {
                assert_eq!(
                    speaks.read(&answer, true).text,
                    "Hello",
                    "{changes} {speaks:?}"
                );
            }
            let body = upstream.received().pop().expect("one more").json();
            let wish = &body["stream_options"]["include_usage"];
            assert_eq!(wish == &json!(true), asked, "{changes} {speaks:?}: {body}");
            // The provider counts all the same.
            let record = gateway.record(answer.id()).await;
            assert_eq!(record["usage"]["input"], 9, "{changes} {speaks:?}");
        }
    }
}
