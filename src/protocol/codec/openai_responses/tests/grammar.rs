//! The grammar of a stream, as OpenAI's SDKs rely on it.

use std::collections::HashSet;

use super::*;

/// Checks a stream that ended well.
pub(super) fn check(text: &[u8]) {
    let frames = frames(text);
    let mut items: Vec<Item> = Vec::new();
    let mut ids = HashSet::new();
    for (n, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_number"], n, "{frame}");
        let kind = frame["type"].as_str().unwrap();
        match (n, kind) {
            (0, "response.created") | (1, "response.in_progress") => {
                assert_eq!(frame["response"]["status"], "in_progress");
                assert_eq!(frame["response"]["output"], json!([]));
                check_response(&frame["response"]);
                continue;
            }
            (0 | 1, _) => panic!("not the beginning: {frame}"),
            _ => {}
        }
        if matches!(kind, "response.completed" | "response.incomplete") {
            assert_eq!(n + 1, frames.len(), "nothing comes after the end");
            check_response(&frame["response"]);
            let done: Vec<_> = items
                .iter()
                .map(|item| item.done.clone().unwrap())
                .collect();
            assert_eq!(frame["response"]["output"], json!(done));
            return;
        }
        let index = frame["output_index"].as_u64().unwrap() as usize;
        if kind == "response.output_item.added" {
            assert_eq!(index, items.len(), "{frame}");
            assert!(items.iter().all(|item| item.done.is_some()), "{frame}");
            let item = &frame["item"];
            assert!(
                ids.insert(item["id"].as_str().unwrap().to_owned()),
                "{item}"
            );
            items.push(Item::new(item));
            continue;
        }
        assert_eq!(index + 1, items.len(), "{frame}");
        let item = &mut items[index];
        assert!(item.done.is_none(), "{frame}");
        if kind == "response.output_item.done" {
            item.end(&frame["item"]);
        } else {
            assert_eq!(frame["item_id"], item.id, "{frame}");
            item.event(kind, frame);
        }
    }
    panic!("no end");
}

/// What is told of one item.
struct Item {
    id: Value,
    kind: Value,
    text: String,
    open: bool,
    told: Vec<Value>,
    annotations: Vec<Value>,
    arguments: Option<Value>,
    done: Option<Value>,
}

impl Item {
    fn new(item: &Value) -> Self {
        Self {
            id: item["id"].clone(),
            kind: item["type"].clone(),
            text: String::new(),
            open: false,
            told: Vec::new(),
            annotations: Vec::new(),
            arguments: None,
            done: None,
        }
    }

    fn event(&mut self, kind: &str, frame: &Value) {
        let index = frame["content_index"]
            .as_u64()
            .or_else(|| frame["summary_index"].as_u64());
        if let Some(index) = index {
            assert_eq!(index as usize, self.told.len(), "{frame}");
        }
        match kind {
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                assert!(!self.open, "{frame}");
                self.open = true;
                self.text.clear();
                self.annotations.clear();
            }
            "response.output_text.delta" => {
                assert!(self.open && frame["logprobs"].is_array(), "{frame}");
                self.text += frame["delta"].as_str().unwrap();
            }
            "response.refusal.delta"
            | "response.reasoning_text.delta"
            | "response.reasoning_summary_text.delta" => {
                assert!(self.open, "{frame}");
                self.text += frame["delta"].as_str().unwrap();
            }
            "response.output_text.annotation.added" => {
                assert!(self.open, "{frame}");
                assert_eq!(frame["annotation_index"], self.annotations.len());
                self.annotations.push(frame["annotation"].clone());
            }
            "response.output_text.done"
            | "response.reasoning_text.done"
            | "response.reasoning_summary_text.done" => {
                assert_eq!(frame["text"], self.text);
            }
            "response.refusal.done" => assert_eq!(frame["refusal"], self.text),
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                assert!(std::mem::take(&mut self.open), "{frame}");
                let part = &frame["part"];
                let text = part.get("text").unwrap_or(&part["refusal"]);
                assert_eq!(*text, self.text);
                if part["type"] == "output_text" {
                    assert_eq!(part["annotations"], json!(self.annotations));
                }
                self.told.push(part.clone());
            }
            "response.function_call_arguments.delta" => {
                self.text += frame["delta"].as_str().unwrap();
            }
            "response.function_call_arguments.done" => {
                assert_eq!(frame["arguments"], self.text);
                assert!(self.arguments.replace(frame["arguments"].clone()).is_none());
            }
            _ => assert!(
                kind.starts_with("response.image_generation_call."),
                "{frame}"
            ),
        }
    }

    fn end(&mut self, item: &Value) {
        assert!(!self.open, "{item}");
        assert_eq!((&item["id"], &item["type"]), (&self.id, &self.kind));
        match item["type"].as_str().unwrap() {
            "message" => assert_eq!(item["content"], json!(self.told)),
            "reasoning" if !self.told.is_empty() => {
                let raw = self.told[0]["type"] == "reasoning_text";
                let words = if raw { "content" } else { "summary" };
                assert_eq!(item[words], json!(self.told));
            }
            "function_call" => assert_eq!(Some(&item["arguments"]), self.arguments.as_ref()),
            _ => {}
        }
        self.done = Some(item.clone());
    }
}

/// Checks that a response object has what the SDKs' types want.
pub(super) fn check_response(response: &Value) {
    assert_eq!(response["object"], "response");
    assert!(!response["id"].as_str().unwrap().is_empty());
    assert!(response["created_at"].is_u64());
    for list in ["output", "tools"] {
        assert!(response[list].is_array(), "{list}");
    }
    for member in [
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "model",
        "parallel_tool_calls",
        "reasoning",
        "temperature",
        "text",
        "tool_choice",
        "top_p",
        "usage",
    ] {
        assert!(response.get(member).is_some(), "{member}");
    }
    for tool in response["tools"].as_array().unwrap() {
        if tool["type"] == "function" {
            assert!(
                tool["strict"].is_boolean() && tool["parameters"].is_object(),
                "{tool}"
            );
        }
    }
    if let Some(usage) = response["usage"].as_object() {
        let total =
            usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap();
        assert_eq!(usage["total_tokens"], total);
        assert!(usage["input_tokens_details"]["cached_tokens"].is_u64());
        assert!(usage["output_tokens_details"]["reasoning_tokens"].is_u64());
    }
    let mut ids = HashSet::new();
    for item in response["output"].as_array().unwrap() {
        assert!(ids.insert(item["id"].to_string()), "{item}");
    }
}
