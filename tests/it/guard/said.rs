//! What scripted models say: thoughts, text, a refusal and a call, in every dialect, in pieces of any size.

use bytes::Bytes;
use serde_json::{Value, json};

mod responses;

/// How texts are cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One piece.
    None,
    /// Two pieces; the first has so many bytes.
    At(usize),
    /// A piece for each character.
    Each,
}

impl Cut {
    fn pieces(self, text: &str) -> Vec<&str> {
        match self {
            _ if text.is_empty() => Vec::new(),
            Self::None => vec![text],
            Self::At(at) => {
                let at = (0..=at.min(text.len()))
                    .rev()
                    .find(|at| text.is_char_boundary(*at));
                let (head, tail) = text.split_at(at.unwrap_or(0));
                [head, tail]
                    .into_iter()
                    .filter(|piece| !piece.is_empty())
                    .collect()
            }
            Self::Each => text
                .char_indices()
                .map(|(at, c)| &text[at..at + c.len_utf8()])
                .collect(),
        }
    }
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub thinking: String,
    pub text: String,
    pub refusal: String,
    /// Arguments of a call of `send`, as JSON text.
    pub arguments: String,
}

impl Said {
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Content type and frames, for a request.
    pub fn answer(&self, path: &str, body: &[u8], cut: Cut) -> (String, Vec<Bytes>) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let stream = body["stream"] == true || path.contains("streamGenerate");
        let (events, named) = match path {
            p if p.contains("/chat/completions") => (self.chat(stream, cut), false),
            p if p.contains("/responses") => (self.response(stream, cut), true),
            p if p.contains("/messages") => (self.message(stream, cut), true),
            _ => (self.generated(stream, cut), false),
        };
        if !stream {
            return (
                "application/json".into(),
                vec![events[0].to_string().into()],
            );
        }
        let mut frames: Vec<Bytes> = events
            .iter()
            .map(|event| match event["type"].as_str() {
                Some(name) if named => format!("event: {name}\ndata: {event}\n\n").into(),
                _ => format!("data: {event}\n\n").into(),
            })
            .collect();
        if path.contains("/chat/completions") {
            frames.push("data: [DONE]\n\n".into());
        }
        ("text/event-stream".into(), frames)
    }

    fn chat(&self, stream: bool, cut: Cut) -> Vec<Value> {
        let finish = if self.arguments.is_empty() {
            "stop"
        } else {
            "tool_calls"
        };
        let call = |arguments: &str| json!({ "index": 0, "id": "call_1", "type": "function", "function": { "name": "send", "arguments": arguments } });
        if !stream {
            let mut message = json!({ "role": "assistant", "content": self.text });
            for (key, text) in [
                ("reasoning_content", &self.thinking),
                ("refusal", &self.refusal),
            ] {
                if !text.is_empty() {
                    message[key] = text.as_str().into();
                }
            }
            if !self.arguments.is_empty() {
                message["tool_calls"] = json!([call(&self.arguments)]);
            }
            return vec![json!({
                "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
                "usage": { "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11 },
            })];
        }
        let chunk = |delta: Value, finish: Value| {
            json!({
                "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
            })
        };
        let mut events = vec![chunk(
            json!({ "role": "assistant", "content": "" }),
            Value::Null,
        )];
        let texts = [
            ("reasoning_content", &self.thinking),
            ("content", &self.text),
            ("refusal", &self.refusal),
        ];
        for (key, text) in texts {
            events.extend(
                cut.pieces(text)
                    .into_iter()
                    .map(|piece| chunk(json!({ key: piece }), Value::Null)),
            );
        }
        if !self.arguments.is_empty() {
            events.push(chunk(json!({ "tool_calls": [call("")] }), Value::Null));
        }
        for piece in cut.pieces(&self.arguments) {
            let call = json!({ "index": 0, "function": { "arguments": piece } });
            events.push(chunk(json!({ "tool_calls": [call] }), Value::Null));
        }
        events.push(chunk(json!({}), finish.into()));
        events
    }

    fn message(&self, stream: bool, cut: Cut) -> Vec<Value> {
        let input: Value = serde_json::from_str(&self.arguments).unwrap_or(json!({}));
        let mut blocks = Vec::new();
        if !self.thinking.is_empty() {
            let empty = json!({ "type": "thinking", "thinking": "", "signature": "" });
            let whole =
                json!({ "type": "thinking", "thinking": self.thinking, "signature": "c2ln" });
            blocks.push((empty, whole, "thinking", &self.thinking));
        }
        if !self.text.is_empty() {
            let whole = json!({ "type": "text", "text": self.text });
            blocks.push((
                json!({ "type": "text", "text": "" }),
                whole,
                "text",
                &self.text,
            ));
        }
        if !self.arguments.is_empty() {
            let call = |input: Value| json!({ "type": "tool_use", "id": "toolu_1", "name": "send", "input": input });
            blocks.push((call(json!({})), call(input), "input_json", &self.arguments));
        }
        let reason = if self.arguments.is_empty() {
            "end_turn"
        } else {
            "tool_use"
        };
        let mut message = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 9, "output_tokens": 1 },
        });
        if !stream {
            message["content"] = blocks.into_iter().map(|(_, whole, ..)| whole).collect();
            message["stop_reason"] = reason.into();
            return vec![message];
        }
        let mut events = vec![json!({ "type": "message_start", "message": message })];
        for (index, (empty, _, kind, text)) in blocks.into_iter().enumerate() {
            events.push(
                json!({ "type": "content_block_start", "index": index, "content_block": empty }),
            );
            let delta = |delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
            let key = if kind == "input_json" {
                "partial_json"
            } else {
                kind
            };
            for piece in cut.pieces(text) {
                events.push(delta(
                    json!({ "type": format!("{kind}_delta"), key: piece }),
                ));
            }
            if kind == "thinking" {
                events.push(delta(
                    json!({ "type": "signature_delta", "signature": "c2ln" }),
                ));
            }
            events.push(json!({ "type": "content_block_stop", "index": index }));
        }
        events.push(json!({
            "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null },
            "usage": { "output_tokens": 2 },
        }));
        events.push(json!({ "type": "message_stop" }));
        events
    }

    fn generated(&self, stream: bool, cut: Cut) -> Vec<Value> {
        let chunk = |parts: Vec<Value>, last: bool| {
            let mut candidate =
                json!({ "index": 0, "content": { "role": "model", "parts": parts } });
            if last {
                candidate["finishReason"] = "STOP".into();
            }
            let mut chunk =
                json!({ "candidates": [candidate], "modelVersion": "m", "responseId": "r" });
            if last {
                let usage = json!({ "promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11 });
                chunk["usageMetadata"] = usage;
            }
            chunk
        };
        let cut = if stream { cut } else { Cut::None };
        let mut parts: Vec<Value> = Vec::new();
        parts.extend(
            cut.pieces(&self.thinking)
                .into_iter()
                .map(|t| json!({ "text": t, "thought": true })),
        );
        parts.extend(
            cut.pieces(&self.text)
                .into_iter()
                .map(|t| json!({ "text": t })),
        );
        if let Ok(args) = serde_json::from_str::<Value>(&self.arguments) {
            parts.push(json!({ "functionCall": { "name": "send", "args": args } }));
        }
        if !stream {
            return vec![chunk(parts, true)];
        }
        let mut events: Vec<Value> = parts
            .into_iter()
            .map(|part| chunk(vec![part], false))
            .collect();
        events.push(chunk(vec![json!({ "text": "" })], true));
        events
    }
}
