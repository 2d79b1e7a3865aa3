//! Every recorded request and answer of this wire format.

use sha2::{Digest, Sha256};

use super::*;

fn recordings() -> Option<Vec<Value>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/cassettes/openai.responses.jsonl"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no {path}");
        return None;
    };
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.collect())
}

/// The body of an answer, or its stream.
fn answers() -> Vec<(Value, Vec<Event>)> {
    let mut answers = Vec::new();
    for record in recordings().unwrap_or_default() {
        let response = &record["response"];
        if response["status"] != 200 {
            continue;
        }
        let events = match response["sse_text"].as_str() {
            Some(text) => decode(text.as_bytes()),
            None => {
                let body = response["body"].to_string();
                let answer = ProviderCodec::answer(&CODEC, body.as_bytes())
                    .unwrap_or_else(|e| panic!("{}: {e:?}", record["id"]));
                unfold(answer)
            }
        };
        answers.push((record, events));
    }
    answers
}

fn texts(answer: &ChatAnswer) -> String {
    let parts = answer.choices.iter().flat_map(|c| &c.parts);
    parts
        .filter_map(|part| match &part.content {
            Content::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn every_recorded_answer_is_what_a_second_reader_says() {
    for (record, events) in answers() {
        let (id, expect) = (&record["id"], &record["expect"]);
        let answer = fold(&events);
        let text = texts(&answer);
        assert_eq!(text.chars().count(), expect["text_len"], "{id}");
        let hash: String = Sha256::digest(&text)[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(hash, expect["text_sha256"], "{id}");
        let calls: Vec<Value> = answer.choices[0]
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::ToolCall {
                    id,
                    name,
                    arguments,
                } => Some(json!({
                    "id": id, "name": name,
                    "arguments": serde_json::from_str::<Value>(arguments).unwrap(),
                })),
                _ => None,
            })
            .collect();
        let expected: Vec<Value> = expect["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|call| {
                let arguments = call["arguments"].as_str().unwrap();
                let arguments: Value = serde_json::from_str(arguments).unwrap();
                json!({ "id": call["id"], "name": call["name"], "arguments": arguments })
            })
            .collect();
        assert_eq!(calls, expected, "{id}");
        let ending = &answer.choices[0].ending;
        if let Some(stop) = expect["stop"].as_str().filter(|stop| *stop != "complete") {
            assert_eq!(ending.word.as_deref(), Some(stop), "{id}");
            let finish = match stop {
                "completed" if !calls.is_empty() => Finish::ToolCalls,
                "completed" => Finish::Stop,
                _ => Finish::Other,
            };
            assert_eq!(ending.finish, finish, "{id}");
        }
        let (told, usage) = (&expect["usage"], &answer.usage);
        let number = |value: &Value| value.as_u64();
        assert_eq!(usage.input, number(&told["input_tokens"]), "{id}");
        assert_eq!(usage.output, number(&told["output_tokens"]), "{id}");
        let cached = &told["input_tokens_details"]["cached_tokens"];
        assert_eq!(usage.cache_read, number(cached), "{id}");
        let reasoning = &told["output_tokens_details"]["reasoning_tokens"];
        assert_eq!(usage.reasoning, number(reasoning), "{id}");
    }
}

/// Without what is the client's own or told otherwise: model and time, zeroes that the schema wants, and the word of a
/// made-up answer in the recordings that says `complete`.
fn comparable(mut answer: ChatAnswer) -> ChatAnswer {
    answer.model.clear();
    answer.created = None;
    for choice in &mut answer.choices {
        if choice.ending.word.as_deref() == Some("complete") {
            choice.ending.word = Some("completed".to_owned());
        }
    }
    let usage = &mut answer.usage;
    for count in [
        &mut usage.cache_read,
        &mut usage.cache_write,
        &mut usage.reasoning,
    ] {
        *count = count.filter(|n| *n > 0);
    }
    answer
}

#[test]
fn every_recorded_answer_survives_being_written_for_a_client() {
    for (record, events) in answers() {
        let id = &record["id"];
        let answer = fold(&events);
        let body = &record["request"]["body"];
        let request = read(body);
        // Not through a `Value`, which rounds numbers.
        let whole = ClientCodec::answer(&CODEC, &answer, &asked(request.clone()));
        grammar::check_response(&serde_json::from_slice(&whole).unwrap());
        let again = ProviderCodec::answer(&CODEC, &whole).unwrap();
        assert_eq!(comparable(again), comparable(answer.clone()), "{id}");
        let stream = encode(&unfold(answer.clone()), request.clone());
        let again = fold(&decode(&stream));
        assert_eq!(comparable(again), comparable(answer), "{id}");
        // As it came: signatures that come after their words are sealed, which changes nothing else.
        let stream = encode(&events, request);
        let again = fold(&decode(&stream));
        assert_eq!(texts(&again), texts(&fold(&events)), "{id}");
    }
}

/// Undoes what this codec writes in another way than a client may have written it:
/// - a message may say its type, its id and its status, and its only text as a list of one part;
/// - a call may say its item's id and its status;
/// - the first system message is the instructions;
/// - summaries of reasoning are one text;
/// - messages of an assistant that follow one another are one;
/// - `text.format` may say the default;
/// - a null, a `false`, and a list or text of nothing are as good as nothing; numbers have no form.
fn normal(value: &Value) -> Value {
    let mut value = value.clone();
    if value["input"].is_string() {
        value["input"] = json!([{ "role": "user", "content": value["input"] }]);
    }
    let mut items: Vec<Value> = Vec::new();
    let input = value["input"].as_array().cloned().unwrap_or_default();
    for mut item in input {
        match item["type"].as_str() {
            None | Some("message") => {
                if item["role"] == "system"
                    && items.is_empty()
                    && value.get("instructions").is_none_or(Value::is_null)
                {
                    value["instructions"] = item["content"].clone();
                    continue;
                }
                let object = item.as_object_mut().unwrap();
                for name in ["type", "id", "status"] {
                    object.remove(name);
                }
                let text = item["content"].as_str().map(str::to_owned);
                if let Some(text) = text {
                    let assistant = item["role"] == "assistant";
                    let kind = if assistant {
                        "output_text"
                    } else {
                        "input_text"
                    };
                    item["content"] = json!([{ "type": kind, "text": text }]);
                }
                if item["role"] == "assistant"
                    && let Some(last) = items.last_mut()
                    && last["role"] == "assistant"
                    && item.get("phase").is_none()
                {
                    let more = item["content"].as_array().cloned().unwrap();
                    last["content"].as_array_mut().unwrap().extend(more);
                    continue;
                }
            }
            Some("function_call") => {
                let object = item.as_object_mut().unwrap();
                object.remove("id");
                object.remove("status");
            }
            Some("reasoning") => {
                let texts = item["summary"].as_array().unwrap();
                let texts: Vec<_> = texts.iter().map(|s| s["text"].as_str().unwrap()).collect();
                item["summary"] = json!(texts.join("\n\n"));
            }
            _ => {}
        }
        items.push(item);
    }
    value["input"] = Value::Array(items);
    if let Some(text) = value["text"].as_object_mut()
        && text
            .get("format")
            .is_some_and(|format| format["type"] == "text")
    {
        text.remove("format");
    }
    plain(&value)
}

fn plain(value: &Value) -> Value {
    let nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(object) => {
            let members = object.iter().map(|(name, value)| (name, plain(value)));
            let told = members.filter(|(_, value)| !nothing(value));
            told.map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(list) => list.iter().map(plain).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

#[test]
fn every_recorded_request_survives_being_read_and_written() {
    for record in recordings().unwrap_or_default() {
        let (id, body) = (&record["id"], &record["request"]["body"]);
        let request = read(body);
        let (written, losses) = write_to(body["model"].as_str().unwrap(), &request);
        assert!(losses.is_empty(), "{id}: {losses:?}");
        assert_eq!(normal(&written), normal(body), "{id}");
        let again = read(&written);
        assert_eq!(again.messages, request.messages, "{id}");
        assert_eq!(again.tools, request.tools, "{id}");
    }
}

#[test]
fn recorded_streams_cut_anywhere_tell_the_same_events() {
    for record in recordings().unwrap_or_default() {
        let Some(text) = record["response"]["sse_text"].as_str() else {
            continue;
        };
        let whole = decode(text.as_bytes());
        let mut sizes = vec![1, 2, 3, 7, 61, 1021];
        if text.len() > 100_000 {
            sizes.drain(..2);
        }
        for size in sizes {
            // Ids that the decoder makes differ; the recordings have them all.
            assert_eq!(decode_in(text.as_bytes(), size), whole, "{}", record["id"]);
        }
    }
}

#[test]
fn recorded_streams_that_break_off_have_no_end() {
    for record in recordings().unwrap_or_default() {
        let Some(text) = record["response"]["sse_text"].as_str() else {
            continue;
        };
        let at = text.rfind("response.completed").unwrap();
        let cut = text[..at].rfind("\n\n").unwrap() + 2;
        let events = decode(&text.as_bytes()[..cut]);
        assert!(!events.contains(&Event::End), "{}", record["id"]);
        let mut checker = Checker::default();
        for event in &events {
            checker.push(event).unwrap();
        }
    }
}

#[test]
fn recorded_errors_keep_their_words() {
    for record in recordings().unwrap_or_default() {
        let response = &record["response"];
        let status = response["status"].as_u64().unwrap() as u16;
        if status == 200 {
            continue;
        }
        let told = &response["body"]["error"];
        let error = ProviderCodec::error(&CODEC, status, response["body"].to_string().as_bytes());
        assert_eq!(error.status, status);
        assert_eq!(error.message, told["message"].as_str().unwrap());
        assert_eq!(error.code.as_deref(), told["code"].as_str());
        assert_eq!(error.kind.as_deref(), told["type"].as_str());
        assert_eq!(error.param.as_deref(), told["param"].as_str());
    }
}
