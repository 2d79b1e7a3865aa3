//! Puts answers together again, as an application would: text, calls and endings of every dialect in one form.

use serde_json::{Value, json};

use super::Speaks;

/// What an application hears.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    pub model: String,
    pub thinking: String,
    pub text: String,
    /// Name and arguments.
    pub calls: Vec<(String, Value)>,
    /// The dialect's own word.
    pub ending: String,
    /// As the dialect has it.
    pub usage: Value,
}

impl Told {
    fn call(&mut self, name: &Value, arguments: &str) {
        let name = name.as_str().expect("a name").to_owned();
        let arguments =
            serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.to_owned()));
        self.calls.push((name, arguments));
    }
}

fn add(to: &mut String, value: &Value) {
    *to += value.as_str().unwrap_or_default();
}

/// Reads a whole answer.
pub fn whole(speaks: Speaks, value: &Value) -> Told {
    match speaks {
        Speaks::Chat | Speaks::Completions => openai(value),
        Speaks::Responses => response(value),
        Speaks::Messages => message(value),
        Speaks::Generate => generated(std::slice::from_ref(value)),
    }
}

/// Reads a stream whose grammar is good.
pub fn stream(speaks: Speaks, body: &[u8]) -> Told {
    let text = std::str::from_utf8(body).expect("UTF-8");
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    match speaks {
        Speaks::Chat | Speaks::Completions => openai(&joined_chunks(&events)),
        Speaks::Responses => response(&events.last().expect("an end")["response"]),
        Speaks::Messages => message(&joined_message(&events)),
        Speaks::Generate => generated(&events),
    }
}

fn openai(value: &Value) -> Told {
    let choice = &value["choices"][0];
    let mut told = Told::default();
    add(&mut told.model, &value["model"]);
    add(&mut told.text, &choice["text"]);
    add(&mut told.text, &choice["message"]["content"]);
    add(&mut told.thinking, &choice["message"]["reasoning_content"]);
    for call in choice["message"]["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let function = &call["function"];
        told.call(
            &function["name"],
            function["arguments"].as_str().expect("a text"),
        );
    }
    add(&mut told.ending, &choice["finish_reason"]);
    told.usage = value["usage"].clone();
    told
}

fn joined_chunks(events: &[Value]) -> Value {
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::<Value>::new());
    let mut whole = json!({ "choices": [{}] });
    for event in events {
        whole["model"] = event["model"].clone();
        if event["usage"].is_object() {
            whole["usage"] = event["usage"].clone();
        }
        let choice = &event["choices"][0];
        add(&mut text, &choice["text"]);
        add(&mut text, &choice["delta"]["content"]);
        add(&mut thinking, &choice["delta"]["reasoning_content"]);
        if choice["finish_reason"].is_string() {
            whole["choices"][0]["finish_reason"] = choice["finish_reason"].clone();
        }
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let index = call["index"].as_u64().expect("a number") as usize;
            if calls.len() <= index {
                calls.push(json!({ "function": { "arguments": "" } }));
            }
            let known = &mut calls[index]["function"];
            if call["function"]["name"].is_string() {
                known["name"] = call["function"]["name"].clone();
            }
            let mut arguments = known["arguments"].as_str().expect("a text").to_owned();
            add(&mut arguments, &call["function"]["arguments"]);
            known["arguments"] = arguments.into();
        }
    }
    whole["choices"][0]["message"] =
        json!({ "content": text, "reasoning_content": thinking, "tool_calls": calls });
    whole
}

fn response(value: &Value) -> Told {
    let mut told = Told::default();
    add(&mut told.model, &value["model"]);
    for item in value["output"].as_array().expect("output") {
        match item["type"].as_str().expect("a type") {
            "message" => {
                for part in item["content"].as_array().expect("content") {
                    add(&mut told.text, &part["text"]);
                }
            }
            "reasoning" => {
                for part in item["summary"].as_array().into_iter().flatten() {
                    add(&mut told.thinking, &part["text"]);
                }
            }
            "function_call" => {
                told.call(&item["name"], item["arguments"].as_str().expect("a text"));
            }
            other => panic!("an item of type {other}"),
        }
    }
    add(&mut told.ending, &value["status"]);
    told.usage = value["usage"].clone();
    told
}

fn message(value: &Value) -> Told {
    let mut told = Told::default();
    add(&mut told.model, &value["model"]);
    for block in value["content"].as_array().expect("content") {
        match block["type"].as_str().expect("a type") {
            "text" => add(&mut told.text, &block["text"]),
            "thinking" => add(&mut told.thinking, &block["thinking"]),
            "tool_use" => {
                let input = block["input"].to_string();
                told.call(&block["name"], &input);
            }
            "redacted_thinking" => {}
            other => panic!("a block of type {other}"),
        }
    }
    add(&mut told.ending, &value["stop_reason"]);
    told.usage = value["usage"].clone();
    told
}

/// The message that an SDK would put together from its events.
pub fn joined_message(events: &[Value]) -> Value {
    let mut whole = json!({});
    let mut input = String::new();
    for event in events {
        let block = event["index"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str().expect("a type") {
            "message_start" => whole = event["message"].clone(),
            "content_block_start" => {
                let blocks = whole["content"].as_array_mut().expect("content");
                assert_eq!(blocks.len(), block, "ascending indexes");
                blocks.push(event["content_block"].clone());
                input.clear();
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                let known = &mut whole["content"][block];
                match delta["type"].as_str().expect("a type") {
                    "input_json_delta" => add(&mut input, &delta["partial_json"]),
                    kind => {
                        let key = kind.strip_suffix("_delta").expect("a delta");
                        let mut text = known[key].as_str().unwrap_or_default().to_owned();
                        add(&mut text, &delta[key]);
                        known[key] = text.into();
                    }
                }
            }
            "content_block_stop" if whole["content"][block]["type"] == "tool_use" => {
                let text = if input.is_empty() { "{}" } else { &input };
                whole["content"][block]["input"] = serde_json::from_str(text).expect("JSON");
            }
            "message_delta" => {
                whole["stop_reason"] = event["delta"]["stop_reason"].clone();
                for (name, count) in event["usage"].as_object().expect("usage") {
                    whole["usage"][name] = count.clone();
                }
            }
            _ => {}
        }
    }
    whole
}

fn generated(chunks: &[Value]) -> Told {
    let mut told = Told::default();
    for chunk in chunks {
        if let Some(model) = chunk["modelVersion"].as_str() {
            told.model = model.to_owned();
        }
        let candidate = &chunk["candidates"][0];
        for part in candidate["content"]["parts"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if part["functionCall"].is_object() {
                let arguments = part["functionCall"]
                    .get("args")
                    .cloned()
                    .unwrap_or(json!({}));
                told.call(&part["functionCall"]["name"], &arguments.to_string());
            } else if part["thought"] == true {
                add(&mut told.thinking, &part["text"]);
            } else {
                add(&mut told.text, &part["text"]);
            }
        }
        add(&mut told.ending, &candidate["finishReason"]);
        if chunk["usageMetadata"].is_object() {
            told.usage = chunk["usageMetadata"].clone();
        }
    }
    told
}
