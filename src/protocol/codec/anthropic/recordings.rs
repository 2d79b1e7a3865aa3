//! Recorded traffic of Anthropic, which is not part of the product: the tests say so and pass where it is absent.

use std::{fmt::Write as _, path::Path};

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{AnthropicMessages, tests};
use crate::protocol::{
    chat::{ChatAnswer, Content},
    codec::{ClientCodec, ProviderCodec, Target},
    event::{Checker, Event, unfold},
    loss::Losses,
};

/// All recordings, if they are here.
fn recordings() -> Vec<Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cassettes/anthropic.messages.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no recordings at {}", path.display());
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn body(recording: &Value) -> Option<Vec<u8>> {
    let body = recording["response"].get("body")?;
    Some(serde_json::to_vec(body).unwrap())
}

/// The answer of a recording, and the events if it was a stream. None for errors.
fn answer(recording: &Value) -> Option<(ChatAnswer, Option<Vec<Event>>)> {
    if recording["response"]["status"] != 200 {
        return None;
    }
    if let Some(body) = body(recording) {
        return Some((
            ProviderCodec::answer(&AnthropicMessages, &body).unwrap(),
            None,
        ));
    }
    let text = recording["response"]["sse_text"].as_str().unwrap();
    let events = tests::decode(text.as_bytes(), usize::MAX);
    Checker::check(&events).unwrap();
    Some((tests::fold(&events), Some(events)))
}

fn text(answer: &ChatAnswer) -> String {
    let parts = answer.choices.iter().flat_map(|choice| &choice.parts);
    parts
        .filter_map(|part| match &part.content {
            Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn every_recorded_answer_says_what_a_second_reader_found() {
    for recording in recordings() {
        let Some((answer, _)) = answer(&recording) else {
            continue;
        };
        let (id, expect) = (&recording["id"], &recording["expect"]);
        let text = text(&answer);
        let mut hash = String::new();
        for byte in &Sha256::digest(&text)[..8] {
            write!(hash, "{byte:02x}").unwrap();
        }
        assert_eq!(expect["text_len"], text.chars().count(), "{id}");
        assert_eq!(expect["text_sha256"], hash.as_str(), "{id}");
        let choice = &answer.choices[0];
        assert_eq!(
            expect["stop"].as_str(),
            choice.ending.word.as_deref(),
            "{id}"
        );
        let calls: Vec<Value> = choice
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::ToolCall {
                    id,
                    name,
                    arguments,
                } => {
                    let arguments: Value = serde_json::from_str(arguments).unwrap();
                    Some(json!({"id": id, "name": name, "arguments": arguments}))
                }
                _ => None,
            })
            .collect();
        let mut expected = expect["tool_calls"].as_array().cloned().unwrap_or_default();
        for call in &mut expected {
            if let Some(text) = call["arguments"].as_str() {
                call["arguments"] = serde_json::from_str(text).unwrap();
            }
        }
        assert_eq!(calls, expected, "{id}");
        let usage = &expect["usage"];
        let count = |name: &str| usage[name].as_u64();
        let (read, write) = (
            count("cache_read_input_tokens"),
            count("cache_creation_input_tokens"),
        );
        let input = count("input_tokens").unwrap() + read.unwrap_or(0) + write.unwrap_or(0);
        let got = answer.usage;
        assert_eq!(got.input, Some(input), "{id}");
        assert_eq!(got.output, count("output_tokens"), "{id}");
        assert_eq!((got.cache_read, got.cache_write), (read, write), "{id}");
        assert_eq!(
            got.reasoning,
            usage["output_tokens_details"]["thinking_tokens"].as_u64(),
            "{id}"
        );
    }
}

#[test]
fn every_recorded_answer_survives_the_way_to_a_client_and_back() {
    let asked = tests::asked();
    for recording in recordings() {
        let Some((mut answer, _)) = answer(&recording) else {
            continue;
        };
        answer.model.clone_from(&asked.model);
        let whole = ClientCodec::answer(&AnthropicMessages, &answer, &asked);
        let again = ProviderCodec::answer(&AnthropicMessages, &whole).unwrap();
        assert_eq!(again, answer, "{}", recording["id"]);

        let stream = tests::encode(&unfold(answer.clone()), &asked);
        let events = tests::decode(&stream, usize::MAX);
        Checker::check(&events).unwrap();
        let mut again = tests::fold(&events);
        // The last counts of a stream do not split what was written to the cache, nor tell the class of service.
        again.usage.cache_write_1h = answer.usage.cache_write_1h;
        again.service_tier.clone_from(&answer.service_tier);
        assert_eq!(again, answer, "{}", recording["id"]);
    }
}

#[test]
fn every_recorded_stream_survives_the_way_to_a_client_and_any_cut() {
    let asked = tests::asked();
    for recording in recordings() {
        let Some((mut answer, Some(events))) = answer(&recording) else {
            continue;
        };
        let raw = recording["response"]["sse_text"].as_str().unwrap();
        // Every byte is cut at in `every_cut_gives_the_same_events`.
        for cut in (1..raw.len()).step_by(raw.len() / 50 + 1) {
            assert_eq!(tests::decode(raw.as_bytes(), cut), events, "{cut}");
        }
        answer.model.clone_from(&asked.model);
        let stream = tests::encode(&events, &asked);
        let again = tests::fold(&tests::decode(&stream, usize::MAX));
        assert_eq!(again, answer, "{}", recording["id"]);
    }
}

/// Spells a request in one of the ways that mean the same:
/// texts as lists of blocks; members that are null or state the default left out; prompts in the middle at the end of
/// `system`; consecutive turns of a role as one.
fn normal(request: &mut Value) {
    let object = request.as_object_mut().unwrap();
    if object.get("stream") == Some(&json!(false)) {
        object.remove("stream");
    }
    for tool in object
        .get_mut("tools")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if tool["type"] == "custom" {
            tool.as_object_mut().unwrap().remove("type");
        }
    }
    let mut system = blocks(object.remove("system").unwrap_or(Value::Null));
    let mut turns: Vec<Value> = Vec::new();
    for mut turn in object["messages"].as_array().unwrap().clone() {
        let mut content = blocks(turn["content"].take());
        for block in &mut content {
            if block["type"] == "tool_result" {
                let inner = blocks(block["content"].take());
                let block = block.as_object_mut().unwrap();
                block.insert("content".into(), inner.into());
                if block.get("is_error") == Some(&json!(false)) {
                    block.remove("is_error");
                }
            }
        }
        let own = content.iter().any(|block| block["type"] == "tool_addition");
        if turn["role"] == "system" && !own {
            system.append(&mut content);
        } else if let Some(last) = turns.last_mut().filter(|last| last["role"] == turn["role"]) {
            last["content"].as_array_mut().unwrap().append(&mut content);
        } else {
            turn["content"] = content.into();
            turns.push(turn);
        }
    }
    object.insert("messages".into(), turns.into());
    object.insert("system".into(), system.into());
}

fn blocks(content: Value) -> Vec<Value> {
    match content {
        Value::Array(blocks) => blocks,
        Value::String(text) if !text.is_empty() => vec![json!({"type": "text", "text": text})],
        _ => Vec::new(),
    }
}

#[test]
fn every_recorded_request_survives_the_way_to_the_provider() {
    for recording in recordings() {
        let (id, wanted) = (&recording["id"], &recording["request"]["body"]);
        let request = tests::read(wanted);
        let mut losses = Losses::default();
        let target = Target {
            model: wanted["model"].as_str().unwrap(),
            known: None,
            asks_stream_usage: false,
            vendor: "",
        };
        let written = ProviderCodec::request(&AnthropicMessages, &request, &target, &mut losses);
        assert!(losses.is_empty(), "{id}: {losses:?}");
        let mut written: Value = serde_json::from_slice(&written).unwrap();
        let mut wanted = wanted.clone();
        normal(&mut wanted);
        normal(&mut written);
        // Said aloud, since newer models do not show their reasoning unless asked.
        if wanted["thinking"]["type"] == "adaptive" && wanted["thinking"]["display"].is_null() {
            let thinking = written["thinking"].as_object_mut().unwrap();
            assert_eq!(thinking.remove("display"), Some(json!("summarized")));
        }
        assert_eq!(written, wanted, "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_that_is_broken_makes_a_panic(
        which in any::<Index>(),
        places in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Index>(),
    ) {
        let mut samples = tests::samples();
        let sample = which.get_mut(&mut samples);
        for (place, byte) in &places {
            let place = place.index(sample.len());
            sample[place] = *byte;
        }
        sample.truncate(cut.index(sample.len()) + 1);
        tests::swallow(sample);
    }

    #[test]
    fn wrong_types_make_no_panic(
        which in any::<Index>(),
        place in any::<Index>(),
        with in prop::sample::select(vec![
            json!(null), json!(1), json!(-1), json!("x"), json!([]), json!({}), json!([null]),
            json!(1e300), json!(true), json!([[]]), json!({"type": 1}),
        ]),
    ) {
        for sample in tests::samples() {
            let Ok(mut value) = serde_json::from_slice::<Value>(&sample) else {
                continue;
            };
            let count = tests::count(&value);
            let mut n = (which.index(count) + place.index(count)) % count;
            tests::replace(&mut value, &mut n, &with);
            tests::swallow(&serde_json::to_vec(&value).unwrap());
        }
    }
}
