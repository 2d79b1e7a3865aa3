//! What providers say, in each dialect: answers, streams, errors.

use bytes::Bytes;
use serde_json::{Value, json};

pub const SSE: &str = "text/event-stream";
pub const JSON: &str = "application/json";

/// Prompt and completion tokens of every scripted answer.
pub const TOKENS: (u64, u64) = (9, 2);

/// What a request asks for, as far as an answer depends on it.
pub struct Asked {
    form: Form,
    model: String,
    stream: bool,
    usage: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Chat,
    Completion,
    Responses,
    Embeddings,
    Messages,
    Generate,
    GenerateArray,
}

impl Asked {
    pub fn read(path: &str, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let form = match path {
            p if p.ends_with("/chat/completions") => Form::Chat,
            p if p.ends_with("/completions") => Form::Completion,
            p if p.ends_with("/responses") => Form::Responses,
            p if p.ends_with("/embeddings") => Form::Embeddings,
            p if p.contains("/messages") => Form::Messages,
            p if p.ends_with(":streamGenerateContent") && !query.contains("alt=sse") => {
                Form::GenerateArray
            }
            _ => Form::Generate,
        };
        let in_path = || {
            let (_, model) = path.rsplit_once('/')?;
            Some(model.split_once(':')?.0.to_owned())
        };
        Self {
            form,
            model: match body["model"].as_str() {
                Some(model) => model.to_owned(),
                None => in_path().unwrap_or_default(),
            },
            stream: body["stream"] == true || path.ends_with(":streamGenerateContent"),
            usage: body["stream_options"]["include_usage"] == true,
        }
    }

    pub const fn streams(&self) -> bool {
        self.stream
    }

    /// Content type and frames of a good answer; a whole answer is one frame.
    pub fn answer(&self, tokens: &[String]) -> (&'static str, Vec<Bytes>) {
        if !self.stream {
            return (JSON, vec![self.whole(&tokens.concat()).to_string().into()]);
        }
        let mut frames = self.begin();
        frames.extend(tokens.iter().map(|token| self.token(token)));
        frames.extend(self.finish(&tokens.concat()));
        self.join(frames)
    }

    /// A stream that ends with an error event.
    pub fn error_stream(
        &self,
        lifecycle: bool,
        tokens: &[String],
        status: u16,
    ) -> (&'static str, Vec<Bytes>) {
        let mut frames = if lifecycle { self.begin() } else { Vec::new() };
        frames.extend(tokens.iter().map(|token| self.token(token)));
        frames.push(self.error_frame(status));
        self.join(frames)
    }

    /// The body of an error answer.
    pub fn error(&self, status: u16, message: &str) -> Bytes {
        let value = match self.form {
            Form::Messages => json!({
                "type": "error",
                "error": { "type": "scripted_error", "message": message },
                "request_id": "req_upstream",
            }),
            Form::Generate | Form::GenerateArray => json!({
                "error": { "code": status, "message": message, "status": "SCRIPTED" },
            }),
            _ => json!({
                "error": { "message": message, "type": "scripted_error", "param": null, "code": "scripted" },
            }),
        };
        value.to_string().into()
    }

    fn join(&self, frames: Vec<Value>) -> (&'static str, Vec<Bytes>) {
        if self.form == Form::GenerateArray {
            let last = frames.len().saturating_sub(1);
            let frames = frames.iter().enumerate().map(|(n, frame)| {
                let open = if n == 0 { "[" } else { ",\n" };
                let close = if n == last { "]" } else { "" };
                Bytes::from(format!("{open}{frame}{close}"))
            });
            return (JSON, frames.collect());
        }
        let frame = |frame: &Value| match frame {
            Value::String(raw) => format!("data: {raw}\n\n"),
            event if self.has_names() => {
                let name = event["type"].as_str().expect("every event has a type");
                format!("event: {name}\ndata: {event}\n\n")
            }
            event => format!("data: {event}\n\n"),
        };
        (SSE, frames.iter().map(|f| Bytes::from(frame(f))).collect())
    }

    const fn has_names(&self) -> bool {
        matches!(self.form, Form::Messages | Form::Responses)
    }

    fn whole(&self, text: &str) -> Value {
        let (input, output) = TOKENS;
        let model = &self.model;
        match self.form {
            Form::Chat => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
                "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
                "usage": openai_usage(),
            }),
            Form::Completion => json!({
                "id": "cmpl-1", "object": "text_completion", "created": 1, "model": model,
                "choices": [{ "index": 0, "text": text, "finish_reason": "stop" }],
                "usage": openai_usage(),
            }),
            Form::Responses => self.response("completed", Some(text)),
            Form::Embeddings => json!({
                "object": "list", "model": model,
                "data": [{ "object": "embedding", "index": 0, "embedding": [0.25, -0.5] }],
                "usage": { "prompt_tokens": input, "total_tokens": input },
            }),
            Form::Messages => json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": model,
                "content": [{ "type": "text", "text": text }],
                "stop_reason": "end_turn", "stop_sequence": null,
                "usage": { "input_tokens": input, "output_tokens": output },
            }),
            Form::Generate | Form::GenerateArray => json!({
                "candidates": [{ "content": { "role": "model", "parts": [{ "text": text }] }, "finishReason": "STOP", "index": 0 }],
                "usageMetadata": gemini_usage(), "modelVersion": model,
            }),
        }
    }

    /// The frames before the first content.
    fn begin(&self) -> Vec<Value> {
        match self.form {
            Form::Chat => vec![self.chunk(json!({ "role": "assistant", "content": "" }), None)],
            Form::Completion | Form::Embeddings => Vec::new(),
            Form::Responses => vec![
                json!({ "type": "response.created", "sequence_number": 0, "response": self.response("in_progress", None) }),
                json!({ "type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": { "id": "msg_1", "type": "message", "role": "assistant", "content": [] } }),
                json!({ "type": "response.content_part.added", "sequence_number": 2, "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": { "type": "output_text", "text": "" } }),
            ],
            Form::Messages => vec![
                json!({ "type": "message_start", "message": {
                    "id": "msg_1", "type": "message", "role": "assistant", "model": self.model, "content": [],
                    "stop_reason": null, "usage": { "input_tokens": TOKENS.0, "output_tokens": 1 },
                } }),
                json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
                json!({ "type": "ping" }),
            ],
            Form::Generate | Form::GenerateArray => vec![json!({
                "candidates": [{ "content": { "role": "model", "parts": [{ "text": "" }] }, "index": 0 }],
                "modelVersion": self.model,
            })],
        }
    }

    fn token(&self, token: &str) -> Value {
        match self.form {
            Form::Chat => self.chunk(json!({ "content": token }), None),
            Form::Completion | Form::Embeddings => json!({
                "id": "cmpl-1", "object": "text_completion", "model": self.model,
                "choices": [{ "index": 0, "text": token, "finish_reason": null }],
            }),
            Form::Responses => json!({
                "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": token,
            }),
            Form::Messages => json!({
                "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": token },
            }),
            Form::Generate | Form::GenerateArray => json!({
                "candidates": [{ "content": { "role": "model", "parts": [{ "text": token }] }, "index": 0 }],
                "modelVersion": self.model,
            }),
        }
    }

    fn finish(&self, text: &str) -> Vec<Value> {
        match self.form {
            Form::Chat | Form::Completion | Form::Embeddings => {
                let mut frames = vec![match self.form {
                    Form::Chat => self.chunk(json!({}), Some("stop")),
                    _ => json!({
                        "id": "cmpl-1", "object": "text_completion", "model": self.model,
                        "choices": [{ "index": 0, "text": "", "finish_reason": "stop" }],
                    }),
                }];
                if self.usage {
                    frames.push(json!({
                        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.model,
                        "choices": [], "usage": openai_usage(),
                    }));
                }
                frames.push("[DONE]".into());
                frames
            }
            Form::Responses => vec![
                json!({ "type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "text": text }),
                json!({ "type": "response.completed", "response": self.response("completed", Some(text)) }),
            ],
            Form::Messages => vec![
                json!({ "type": "content_block_stop", "index": 0 }),
                json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": TOKENS.1 } }),
                json!({ "type": "message_stop" }),
            ],
            Form::Generate | Form::GenerateArray => vec![json!({
                "candidates": [{ "content": { "role": "model", "parts": [{ "text": "" }] }, "finishReason": "STOP", "index": 0 }],
                "usageMetadata": gemini_usage(), "modelVersion": self.model,
            })],
        }
    }

    fn error_frame(&self, status: u16) -> Value {
        let words = match status {
            429 => "rate_limit_error",
            529 => "overloaded_error",
            400 => "invalid_request_error",
            _ => "api_error",
        };
        match self.form {
            Form::Messages => {
                json!({ "type": "error", "error": { "type": words, "message": "scripted" } })
            }
            Form::Responses => {
                json!({ "type": "error", "code": words, "message": "scripted", "param": null })
            }
            _ => json!({ "error": { "code": status, "type": words, "message": "scripted" } }),
        }
    }

    /// A chunk of a chat completion. As OpenAI does, it has `"usage": null` if usage was asked for.
    fn chunk(&self, delta: Value, finish: Option<&str>) -> Value {
        let mut chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        });
        if self.usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    fn response(&self, status: &str, text: Option<&str>) -> Value {
        let output = text.map(|text| {
            json!({ "id": "msg_1", "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": text }] })
        });
        let usage = text.map(|_| {
            json!({
                "input_tokens": TOKENS.0, "output_tokens": TOKENS.1, "total_tokens": TOKENS.0 + TOKENS.1,
                "input_tokens_details": { "cached_tokens": 0 }, "output_tokens_details": { "reasoning_tokens": 0 },
            })
        });
        json!({
            "id": "resp_1", "object": "response", "status": status, "model": self.model,
            "output": output.into_iter().collect::<Vec<_>>(), "usage": usage,
        })
    }
}

fn openai_usage() -> Value {
    let (input, output) = TOKENS;
    json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output })
}

fn gemini_usage() -> Value {
    let (input, output) = TOKENS;
    json!({ "promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output })
}
