//! Streams of Cohere's chat: server-sent events whose data tells its type.
//! <https://docs.cohere.com/docs/streaming>

use super::answer;
use crate::protocol::{
    chat::ProviderError,
    codec::DecodeStream,
    event::{Delta, Event, Start, Writer},
    json::{Document, Kind, Limits, Value},
};

/// The state of a stream.
#[derive(Default)]
pub(super) struct Stream {
    writer: Writer,
    /// The open part is a text, so citations have a place.
    in_text: bool,
    /// The text's block has ended. It stays open as long as nothing else begins, since citations may come late.
    text_ended: bool,
    /// The last event was told.
    done: bool,
}

impl DecodeStream for Stream {
    fn frame(&mut self, event: &[u8], data: &[u8], out: &mut Vec<Event>) {
        if self.done {
            return;
        }
        let Ok(document) = Document::parse(data, Limits::default()) else {
            return;
        };
        let root = document.root();
        if root.kind() != Kind::Object {
            return;
        }
        let name = answer::text(root, "type");
        let name = name.as_deref().map_or(event, str::as_bytes);
        let message = || root.get("delta")?.get("message");
        match name {
            b"message-start" => self.start(Some(root), out),
            b"content-start" => {
                if self.text_ended {
                    self.close(out);
                }
                self.content(message(), out);
            }
            b"content-delta" => {
                self.content(message(), out);
                if let Some(logprobs) = root.get("logprobs") {
                    self.writer.logprobs(0, answer::logprobs(logprobs), out);
                }
            }
            b"content-end" if self.in_text => self.text_ended = true,
            b"content-end" | b"tool-call-end" => self.close(out),
            b"tool-plan-delta" => {
                if let Some(plan) = message().and_then(|m| answer::text(m, "tool_plan")) {
                    self.thinking(&plan, out);
                }
            }
            b"tool-call-start" | b"tool-call-delta" => self.call(root, message(), out),
            b"citation-start" => self.citation(message(), out),
            b"message-end" => self.end(root.get("delta").unwrap_or(root), out),
            // An error without a type; its message says all.
            b"" | b"error" => {
                if let Some(message) = answer::text(root, "message") {
                    self.fail(500, message, out);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.done {
            self.done = self.writer.end(out);
        }
    }
}

impl Stream {
    fn start(&mut self, root: Option<Value<'_>>, out: &mut Vec<Event>) {
        let id = || root.and_then(|root| answer::text(root, "id"));
        let start = || Start {
            id: id().unwrap_or_default(),
            ..Start::default()
        };
        self.writer.start(start, out);
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        self.start(None, out);
        self.in_text = false;
        self.text_ended = false;
        self.writer.close(0, out);
    }

    fn content(&mut self, message: Option<Value<'_>>, out: &mut Vec<Event>) {
        let Some(content) = message.and_then(|m| m.get("content")) else {
            return;
        };
        if let Some(thought) = content.get("thinking").and_then(|v| v.as_str()) {
            self.thinking(&thought, out);
        }
        if let Some(text) = content.get("text").and_then(|v| v.as_str())
            && !text.is_empty()
        {
            self.start(None, out);
            self.in_text = true;
            self.writer.text(0, &text, out);
        }
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.start(None, out);
            self.in_text = false;
            self.text_ended = false;
            self.writer.thinking(0, text, out);
        }
    }

    fn call(&mut self, root: Value<'_>, message: Option<Value<'_>>, out: &mut Vec<Event>) {
        self.start(None, out);
        let index = root.get("index").and_then(Value::as_u64).unwrap_or(0);
        let Some(calls) = message.and_then(|m| m.get("tool_calls")) else {
            return;
        };
        // One object, though the name says otherwise.
        let call = calls.elements().next().unwrap_or(calls);
        let Some(function) = call.get("function") else {
            return;
        };
        self.in_text = false;
        self.text_ended = false;
        let (id, name) = (answer::text(call, "id"), answer::text(function, "name"));
        let arguments = answer::text(function, "arguments").unwrap_or_default();
        self.writer
            .call(0, index, id.as_deref(), name.as_deref(), &arguments, out);
    }

    fn citation(&mut self, message: Option<Value<'_>>, out: &mut Vec<Event>) {
        let Some(told) = message.and_then(|m| m.get("citations")) else {
            return;
        };
        // Of a plan or of reasoning.
        if !self.in_text {
            return;
        }
        let told = told.elements().next().unwrap_or(told);
        for citation in answer::citations(told) {
            let delta = Delta::Citation(citation);
            out.push(Event::Delta { choice: 0, delta });
        }
    }

    fn end(&mut self, delta: Value<'_>, out: &mut Vec<Event>) {
        let ending = answer::ending(delta);
        let word = ending.word.as_deref().unwrap_or_default();
        let error = answer::text(delta, "error").filter(|e| !e.is_empty());
        let status = if word == "TIMEOUT" { 504 } else { 500 };
        let gave_up = matches!(word, "ERROR" | "TIMEOUT");
        if gave_up || error.is_some() {
            let message = format!("the provider ended the answer with {word}");
            return self.fail(status, error.unwrap_or(message), out);
        }
        self.start(None, out);
        self.writer.finish(0, ending, out);
        let usage = delta.get("usage").map(answer::usage).unwrap_or_default();
        if !usage.is_unknown() {
            out.push(Event::Usage(usage));
        }
        self.done = self.writer.end(out);
    }

    fn fail(&mut self, status: u16, message: String, out: &mut Vec<Event>) {
        self.done = true;
        out.push(Event::Error(ProviderError {
            status,
            message,
            ..ProviderError::default()
        }));
    }
}
