//! Recorded traffic of a dozen vendors, which is no part of the product: `../shared/cassettes`.

use std::{fs, path::PathBuf, sync::Arc};

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    OpenAiChat,
    tests::{asked, call, read_events, target},
};
use crate::protocol::{
    chat::{ChatAnswer, ChatRequest, Content, Part},
    codec::{Asked, ClientCodec, ProviderCodec},
    event::{Checker, Event, Fold, unfold},
    loss::Losses,
    sse,
};

/// The records that were answered well; none, and a word about it, where the recordings are not there.
fn records() -> Vec<Value> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/cassettes/openai.chat.jsonl");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no recordings at {}", path.display());
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|record: &Value| record["response"]["status"].as_u64() < Some(400))
        .collect()
}

fn name(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

fn fold(events: Vec<Event>) -> ChatAnswer {
    Checker::check(&events).unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.push(event));
    fold.answer
}

/// The answer that a record tells, if it ends well.
fn answer(record: &Value) -> Option<ChatAnswer> {
    let response = &record["response"];
    match response["sse_text"].as_str() {
        Some(text) => {
            let events = read_events(text.as_bytes());
            let failed = events.iter().any(|event| matches!(event, Event::Error(_)));
            (!failed).then(|| fold(events))
        }
        None => {
            let body = response["body"].to_string();
            Some(ProviderCodec::answer(&OpenAiChat, body.as_bytes()).unwrap())
        }
    }
}

fn texts(answer: &ChatAnswer) -> String {
    let parts = answer.choices.iter().flat_map(|choice| &choice.parts);
    parts
        .filter_map(|part| match &part.content {
            Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn every_recording_is_read_as_its_second_reader_reads_it() {
    let mut seen = 0;
    for record in records() {
        let expect = &record["expect"];
        let Some(answer) = answer(&record) else {
            // Groq gave up on it.
            assert_eq!(name(&record), "groq-b75f859efbbd");
            continue;
        };
        if expect.is_null() {
            continue;
        }
        seen += 1;
        let id = name(&record);
        let text = texts(&answer);
        assert_eq!(
            text.chars().count() as u64,
            expect["text_len"].as_u64().unwrap(),
            "{id}"
        );
        let hash = format!("{:x}", Sha256::digest(text.as_bytes()));
        assert_eq!(&hash[..16], expect["text_sha256"].as_str().unwrap(), "{id}");
        let stop = answer
            .choices
            .first()
            .and_then(|c| c.ending.word.as_deref());
        let expected = expect["stop"].as_str().filter(|word| !word.is_empty());
        assert_eq!(stop, expected, "{id}");
        let without_id = expect["tool_calls"][0]["id"]
            .as_str()
            .is_none_or(str::is_empty);
        let calls: Vec<Value> = answer
            .choices
            .iter()
            .flat_map(|choice| &choice.parts)
            .filter_map(|part| match &part.content {
                // Calls without an id get one.
                Content::ToolCall { id, name, arguments } => Some(serde_json::json!({
                    "id": if without_id { Value::Null } else { id.as_str().into() }, "name": name, "arguments": parsed(&Value::from(arguments.as_str())),
                })),
                _ => None,
            })
            .collect();
        let expected: Vec<Value> = expect["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|call| {
                serde_json::json!({
                    "id": if without_id { Value::Null } else { call["id"].clone() }, "name": call["name"], "arguments": parsed(&call["arguments"]),
                })
            })
            .collect();
        assert_eq!(calls, expected, "{id}");
        let usage = &expect["usage"];
        assert_eq!(answer.usage.input, usage["prompt_tokens"].as_u64(), "{id}");
        let reasoning = usage["completion_tokens_details"]["reasoning_tokens"].as_u64();
        if reasoning.is_some() {
            assert_eq!(answer.usage.reasoning, reasoning, "{id}");
        }
        let said = usage["completion_tokens"].as_u64();
        let apart = usage["total_tokens"].as_u64()
            == Some(said.unwrap_or(0) + answer.usage.input.unwrap_or(0) + reasoning.unwrap_or(0));
        let output = if apart {
            said.map(|n| n + reasoning.unwrap_or(0))
        } else {
            said
        };
        assert_eq!(answer.usage.output, output, "{id}");
        let thinking: usize = answer
            .choices
            .iter()
            .flat_map(|choice| &choice.parts)
            .map(|part| match &part.content {
                Content::Thinking { text, .. } => text.chars().count(),
                _ => 0,
            })
            .sum();
        if let Some(expected) = expect["thinking_len"].as_u64() {
            assert_eq!(thinking as u64, expected, "{id} thinking");
        }
    }
    assert!(seen == 0 || seen > 200, "{seen}");
}

fn parsed(arguments: &Value) -> Value {
    match arguments.as_str() {
        Some("") => serde_json::json!({}),
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        None => arguments.clone(),
    }
}

/// What a client is not told apart: the vendor's word, parts of texts and of words in a row.
fn plain(mut answer: ChatAnswer) -> ChatAnswer {
    answer.model.clear();
    answer.created = None;
    answer.id.clear();
    for choice in &mut answer.choices {
        choice.ending.word = None;
        let (first, mut rest): (Vec<Part>, Vec<Part>) = std::mem::take(&mut choice.parts)
            .into_iter()
            .partition(|part| {
                matches!(
                    part.content,
                    Content::Thinking { .. } | Content::RedactedThinking
                )
            });
        choice.parts = first;
        choice.parts.append(&mut rest);
    }
    answer
}

fn encoded(events: &[Event], asked: &Asked) -> BytesMut {
    let mut out = BytesMut::new();
    let mut stream = ClientCodec::stream(&OpenAiChat, asked);
    for event in events {
        stream.event(event, &mut out);
    }
    out
}

#[test]
fn every_recorded_answer_survives_the_way_to_a_client_whole_and_streamed() {
    for record in records() {
        let Some(mut answer) = answer(&record) else {
            continue;
        };
        let id = name(&record);
        // What a client cannot be told.
        for choice in &mut answer.choices {
            choice
                .parts
                .retain(|part| !matches!(part.content, Content::Foreign { .. }));
        }
        let asked = asked(ChatRequest::default());
        let body = ClientCodec::answer(&OpenAiChat, &answer, &asked);
        let whole = ProviderCodec::answer(&OpenAiChat, &body).unwrap();
        assert_eq!(plain(whole), plain(answer.clone()), "{id} whole");

        let stream = encoded(&unfold(answer.clone()), &asked);
        let streamed = fold(read_events(&stream));
        assert_eq!(plain(streamed), plain(answer), "{id} streamed");
    }
}

#[test]
fn every_recorded_stream_survives_event_by_event() {
    for record in records() {
        let Some(text) = record["response"]["sse_text"].as_str() else {
            continue;
        };
        let events = read_events(text.as_bytes());
        if events.iter().any(|event| matches!(event, Event::Error(_))) {
            continue;
        }
        let asked = asked(ChatRequest::default());
        let stream = encoded(&events, &asked);
        let again = fold(read_events(&stream));
        assert_eq!(plain(again), plain(fold(events)), "{}", name(&record));
    }
}

#[test]
fn streams_cut_at_every_byte_give_the_same_events() {
    for record in records() {
        let Some(text) = record["response"]["sse_text"].as_str() else {
            continue;
        };
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let whole = read_events(&bytes);
        let stride = (bytes.len() / 40).max(1);
        for cut in (1..bytes.len()).step_by(stride) {
            let mut frames = sse::Decoder::new(1 << 24);
            let mut stream = ProviderCodec::stream(&OpenAiChat);
            let mut events = Vec::new();
            for piece in [bytes.slice(..cut), bytes.slice(cut..)] {
                frames.push(piece);
                while let Some(frame) = frames.next().unwrap() {
                    if frame.has_data() {
                        stream.frame(frame.event(), frame.data(), &mut events);
                    }
                }
            }
            stream.finish(&mut events);
            assert_eq!(events, whole, "{} at {cut}", name(&record));
        }
    }
}

/// The differences that are meant: the same thing said in the one way that all vendors understand.
fn normalise(body: &mut Value, model: &str) {
    let top = body.as_object_mut().unwrap();
    for (name, default) in [
        ("n", serde_json::json!(1)),
        ("stream", false.into()),
        ("tools", serde_json::json!([])),
    ] {
        if top.get(name) == Some(&default) {
            top.remove(name);
        }
    }
    top.retain(|_, value| !value.is_null());
    // Not asked for: the target does not say that it understands it.
    top.remove("stream_options");
    // One name for the limit, by the model.
    let limit = top
        .remove("max_completion_tokens")
        .or_else(|| top.remove("max_tokens"));
    top.insert("limit".into(), limit.into());
    // One word for reasoning.
    let thinking = top.remove("thinking");
    let reasoning = top.remove("reasoning").or(thinking);
    if let Some(wish) = reasoning {
        let on = wish["enabled"] == true || wish["type"] == "enabled";
        let effort = wish["effort"].as_str().or(on.then_some("medium"));
        if let (Some(effort), None) = (effort, top.get("reasoning_effort")) {
            top.insert("reasoning_effort".into(), effort.into());
        }
    }
    if top.get("tool_choice") == Some(&"any".into()) {
        top.insert("tool_choice".into(), "required".into());
    }
    if let Some(choice) = top.get_mut("tool_choice").and_then(Value::as_object_mut) {
        choice.insert("type".into(), "function".into());
    }
    for tool in top
        .get_mut("tools")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let tool = tool.as_object_mut().unwrap();
        tool.remove("cache_control");
        tool.remove("eager_input_streaming");
        if tool.contains_key("function") {
            tool.insert("type".into(), "function".into());
        }
        if let Some(function) = tool.get_mut("function").and_then(Value::as_object_mut) {
            function.retain(|_, value| !value.is_null());
        }
    }
    for message in top["messages"].as_array_mut().unwrap() {
        let message = message.as_object_mut().unwrap();
        if message["role"] == "developer" && !super::vendor::is_openai(&target(model)) {
            message["role"] = "system".into();
        }
        message.retain(|name, value| name == "content" || !value.is_null());
        message.remove("prefix");
        let calls = message.get("tool_calls").is_some();
        for call in message
            .get_mut("tool_calls")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let call = call.as_object_mut().unwrap();
            call.insert("type".into(), "function".into());
            call.remove("index");
        }
        let separator = if message["role"] == "assistant" {
            ""
        } else {
            "\n\n"
        };
        let content = message.entry("content").or_insert(Value::Null);
        if let Some(parts) = content.as_array_mut() {
            for part in parts.iter_mut() {
                let part = part.as_object_mut().unwrap();
                part.remove("cache_control");
                if let Some(url) = part.get_mut("image_url").filter(|url| url.is_string()) {
                    *url = serde_json::json!({ "url": url });
                }
            }
            if parts.iter().all(|part| part["type"] == "text") {
                let texts: Vec<_> = parts.iter().map(|p| p["text"].as_str().unwrap()).collect();
                *content = texts.join(separator).into();
            }
        }
        if calls && content == "" {
            *content = Value::Null;
        }
    }
}

#[test]
fn every_recorded_request_is_written_as_it_was() {
    for record in records() {
        let mut sent = record["request"]["body"].clone();
        let id = name(&record);
        let model = sent["model"].as_str().unwrap_or_default().to_owned();
        let request = ClientCodec::request(&OpenAiChat, &call(), sent.to_string().as_bytes())
            .unwrap_or_else(|failure| panic!("{id}: {failure:?}"));
        let mut losses = Losses::default();
        let written = ProviderCodec::request(&OpenAiChat, &request, &target(&model), &mut losses);
        let mut written: Value = serde_json::from_slice(&written).unwrap();
        // What only one vendor has, and the gateway cannot know to be that one's.
        let known = ["cache_control", "service_tier", "thinking.clear_thinking"];
        let unknown: Vec<_> = losses
            .all()
            .iter()
            .filter(|loss| !known.contains(&loss.what.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{id}: {unknown:?}");
        if losses.all().iter().any(|loss| loss.what == "service_tier") {
            sent.as_object_mut().unwrap().remove("service_tier");
        }
        normalise(&mut sent, &model);
        normalise(&mut written, &model);
        assert_eq!(written, sent, "{id}");
    }
}

#[test]
fn a_recorded_error_keeps_its_words() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/cassettes/openai.chat.jsonl");
    let Ok(text) = fs::read_to_string(path) else {
        eprintln!("SKIPPED: no recordings");
        return;
    };
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let status = record["response"]["status"].as_u64().unwrap() as u16;
        let error = &record["response"]["body"]["error"];
        if status < 400 {
            continue;
        }
        let body = record["response"]["body"].to_string();
        let read = ProviderCodec::error(&OpenAiChat, status, body.as_bytes());
        assert!(read.message.starts_with(error["message"].as_str().unwrap()));
        assert_eq!(read.kind.as_deref(), error["type"].as_str());
        assert_eq!(read.param.as_deref(), error["param"].as_str());
        assert_eq!(read.status, status);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_recordings_never_panic(which: usize, at: usize, byte: u8, cut: bool) {
        thread_local!(static RECORDS: Arc<Vec<Value>> = Arc::new(
            records().into_iter().filter(|r| r.to_string().len() < 30_000).collect()
        ));
        let records = RECORDS.with(Arc::clone);
        if records.is_empty() {
            return Ok(());
        }
        let record = &records[which % records.len()];
        let response = &record["response"];
        let stream = response["sse_text"].as_str();
        let whole = response["body"].to_string();
        let request = record["request"]["body"].to_string();
        for text in [stream.unwrap_or(&whole), &request] {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] = byte;
            }
            let _ = ClientCodec::request(&OpenAiChat, &call(), &bytes);
            let _ = ProviderCodec::answer(&OpenAiChat, &bytes);
            let _ = ProviderCodec::error(&OpenAiChat, 500, &bytes);
            let events = read_events(&bytes);
            let mut checker = Checker::default();
            for event in &events {
                if matches!(event, Event::Error(_)) {
                    break;
                }
                checker.push(event).unwrap();
            }
        }
    }
}
