//! The same as a response of OpenAI, and its events.

use serde_json::{Value, json};

use super::{Cut, Said};

impl Said {
    pub(super) fn response(&self, stream: bool, cut: Cut) -> Vec<Value> {
        let mut events = Events(Vec::new());
        let response = |status: &str, output: Vec<Value>| {
            json!({
                "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status,
                "output": output, "usage": if status == "completed" { json!({
                    "input_tokens": 9, "output_tokens": 2, "total_tokens": 11,
                    "input_tokens_details": { "cached_tokens": 0 }, "output_tokens_details": { "reasoning_tokens": 0 },
                }) } else { Value::Null },
            })
        };
        for kind in ["created", "in_progress"] {
            events.add(
                kind,
                json!({ "response": response("in_progress", Vec::new()) }),
            );
        }
        let mut output = Vec::new();
        if !self.thinking.is_empty() {
            let part = |text: &str| json!({ "type": "summary_text", "text": text });
            let item =
                |parts: Vec<Value>| json!({ "id": "rs_1", "type": "reasoning", "summary": parts });
            let whole = item(vec![part(&self.thinking)]);
            let at = (
                output.len(),
                "rs_1",
                "summary_index",
                "reasoning_summary_part",
            );
            events.item(
                item(Vec::new()),
                &whole,
                at,
                Some(&part),
                ("reasoning_summary_text", "text"),
                &self.thinking,
                cut,
            );
            output.push(whole);
        }
        let texts = [
            ("output_text", "text", &self.text, "msg_1"),
            ("refusal", "refusal", &self.refusal, "msg_2"),
        ];
        for (kind, key, text, id) in texts {
            if text.is_empty() {
                continue;
            }
            let part = |text: &str| match kind {
                "refusal" => json!({ "type": "refusal", "refusal": text }),
                _ => json!({ "type": "output_text", "text": text, "annotations": [] }),
            };
            let item = |status: &str, parts: Vec<Value>| json!({ "id": id, "type": "message", "role": "assistant", "status": status, "content": parts });
            let whole = item("completed", vec![part(text)]);
            let at = (output.len(), id, "content_index", "content_part");
            events.item(
                item("in_progress", Vec::new()),
                &whole,
                at,
                Some(&part),
                (kind, key),
                text,
                cut,
            );
            output.push(whole);
        }
        if !self.arguments.is_empty() {
            let item = |status: &str, arguments: &str| {
                json!({
                    "id": "fc_1", "type": "function_call", "status": status, "call_id": "call_1", "name": "send",
                    "arguments": arguments,
                })
            };
            let whole = item("completed", &self.arguments);
            let at = (output.len(), "fc_1", "", "");
            let names = ("function_call_arguments", "arguments");
            events.item(
                item("in_progress", ""),
                &whole,
                at,
                None,
                names,
                &self.arguments,
                cut,
            );
            output.push(whole);
        }
        let response = response("completed", output);
        if !stream {
            return vec![response];
        }
        events.add("completed", json!({ "response": response }));
        events.0
    }
}

/// Events of a response, numbered.
struct Events(Vec<Value>);

impl Events {
    fn add(&mut self, kind: &str, mut event: Value) {
        event["type"] = format!("response.{kind}").into();
        event["sequence_number"] = self.0.len().into();
        self.0.push(event);
    }

    #[expect(clippy::too_many_arguments, reason = "the events of one item")]
    fn item(
        &mut self,
        empty: Value,
        whole: &Value,
        (output, id, index, part_name): (usize, &str, &str, &str),
        part: Option<&dyn Fn(&str) -> Value>,
        (name, key): (&str, &str),
        text: &str,
        cut: Cut,
    ) {
        let event = |mut event: Value| {
            event["item_id"] = id.into();
            event["output_index"] = output.into();
            if !index.is_empty() {
                event[index] = 0.into();
            }
            if name == "output_text" {
                event["logprobs"] = json!([]);
            }
            event
        };
        self.add(
            "output_item.added",
            json!({ "output_index": output, "item": empty }),
        );
        if let Some(part) = part {
            self.add(
                &format!("{part_name}.added"),
                event(json!({ "part": part("") })),
            );
        }
        for piece in cut.pieces(text) {
            self.add(&format!("{name}.delta"), event(json!({ "delta": piece })));
        }
        self.add(&format!("{name}.done"), event(json!({ key: text })));
        if let Some(part) = part {
            self.add(
                &format!("{part_name}.done"),
                event(json!({ "part": part(text) })),
            );
        }
        self.add(
            "output_item.done",
            json!({ "output_index": output, "item": whole }),
        );
    }
}
