//! Events of Anthropic's messages. <https://docs.anthropic.com/en/docs/build-with-claude/streaming>

use serde_json::Value;

use super::{Frame, Grammar, count, is_json_object, list, name, need, object, text};

#[derive(Default)]
pub struct Events {
    started: bool,
    /// Blocks begun so far: the next one's index.
    blocks: u64,
    open: Option<Block>,
    /// Arguments of calls, to be checked once it is known whether the answer was cut.
    arguments: Vec<String>,
    calls: bool,
    delta: bool,
    stopped: bool,
}

struct Block {
    kind: Kind,
    signed: bool,
    arguments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Thinking,
    Call,
    Whole,
}

impl Events {
    fn message(&mut self, event: &Value) -> Result<(), String> {
        need(!self.started, "a second message_start")?;
        let message = object(event, "message")?;
        name(message, "id")?;
        name(message, "model")?;
        need(message["type"] == "message", "a wrong type of message")?;
        need(message["role"] == "assistant", "a wrong role")?;
        need(list(message, "content")?.is_empty(), "content at the start")?;
        for key in ["stop_reason", "stop_sequence"] {
            need(
                message.get(key) == Some(&Value::Null),
                &format!("`{key}` must be null"),
            )?;
        }
        let usage = object(message, "usage")?;
        count(usage, "input_tokens")?;
        count(usage, "output_tokens")?;
        self.started = true;
        Ok(())
    }

    fn begin(&mut self, event: &Value) -> Result<(), String> {
        need(self.open.is_none(), "two blocks are open")?;
        need(
            count(event, "index")? == self.blocks,
            "a block's index is out of order",
        )?;
        let block = object(event, "content_block")?;
        let kind = match text(block, "type")? {
            // Readers ignore the text of a start, or take it; empty it is the same.
            "text" => {
                need(text(block, "text")?.is_empty(), "text in a start")?;
                Kind::Text
            }
            "thinking" => {
                need(text(block, "thinking")?.is_empty(), "thinking in a start")?;
                need(text(block, "signature")?.is_empty(), "signature in a start")?;
                Kind::Thinking
            }
            "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                name(block, "id")?;
                name(block, "name")?;
                let input = object(block, "input")?;
                need(input == &serde_json::json!({}), "input in a start")?;
                self.calls |= block["type"] == "tool_use";
                Kind::Call
            }
            "redacted_thinking" => {
                name(block, "data")?;
                Kind::Whole
            }
            _ => Kind::Whole,
        };
        self.blocks += 1;
        self.open = Some(Block {
            kind,
            signed: false,
            arguments: String::new(),
        });
        Ok(())
    }

    fn go_on(&mut self, event: &Value) -> Result<(), String> {
        let index = count(event, "index")?;
        let block = self.open.as_mut().ok_or("a delta and no block is open")?;
        need(index + 1 == self.blocks, "a delta of another block")?;
        let delta = object(event, "delta")?;
        let wanted = match text(delta, "type")? {
            "text_delta" => {
                text(delta, "text")?;
                Kind::Text
            }
            "citations_delta" => {
                name(object(delta, "citation")?, "type")?;
                Kind::Text
            }
            "thinking_delta" => {
                text(delta, "thinking")?;
                need(!block.signed, "thinking behind its signature")?;
                Kind::Thinking
            }
            "signature_delta" => {
                name(delta, "signature")?;
                need(!block.signed, "a second signature")?;
                block.signed = true;
                Kind::Thinking
            }
            "input_json_delta" => {
                block.arguments.push_str(text(delta, "partial_json")?);
                Kind::Call
            }
            _ => return Err("an unknown kind of delta".into()),
        };
        need(
            wanted == block.kind,
            "a delta that does not fit its block's kind",
        )
    }

    fn close(&mut self, event: &Value) -> Result<(), String> {
        let block = self.open.take().ok_or("a stop and no block is open")?;
        need(
            count(event, "index")? + 1 == self.blocks,
            "a stop of another block",
        )?;
        if block.kind == Kind::Call {
            self.arguments.push(block.arguments);
        }
        Ok(())
    }

    fn end(&mut self, event: &Value) -> Result<(), String> {
        need(self.open.is_none(), "message_delta while a block is open")?;
        let delta = object(event, "delta")?;
        let reason = text(delta, "stop_reason")?;
        need(
            matches!(
                reason,
                "end_turn"
                    | "max_tokens"
                    | "stop_sequence"
                    | "tool_use"
                    | "pause_turn"
                    | "refusal"
                    | "model_context_window_exceeded"
            ),
            "an unknown stop_reason",
        )?;
        need(
            delta.get("stop_sequence").is_some(),
            "`stop_sequence` is missing",
        )?;
        super::maybe_text(delta, "stop_sequence")?;
        need(
            reason != "tool_use" || self.calls,
            "tool_use without a call",
        )?;
        count(object(event, "usage")?, "output_tokens")?;
        // Only what was cut short may have arguments that are.
        if !matches!(
            reason,
            "max_tokens" | "model_context_window_exceeded" | "refusal"
        ) {
            for arguments in &self.arguments {
                need(
                    arguments.is_empty() || is_json_object(arguments),
                    &format!("the input is no JSON object: {arguments}"),
                )?;
            }
        }
        self.delta = true;
        Ok(())
    }
}

impl Grammar for Events {
    fn step(&mut self, frame: &Frame) -> Result<(), String> {
        let (kind, event) = frame.typed()?;
        need(
            self.started || kind == "message_start",
            "something before message_start",
        )?;
        need(
            !self.delta || matches!(&*kind, "message_stop" | "ping"),
            "something behind message_delta",
        )?;
        match &*kind {
            "message_start" => self.message(&event),
            "content_block_start" => self.begin(&event),
            "content_block_delta" => self.go_on(&event),
            "content_block_stop" => self.close(&event),
            "message_delta" => self.end(&event),
            "message_stop" => {
                need(self.delta, "message_stop without message_delta")?;
                self.stopped = true;
                Ok(())
            }
            "ping" => Ok(()),
            _ => Err("an unknown event".into()),
        }
    }

    fn ended(&self) -> bool {
        self.stopped
    }

    fn error(&mut self, frame: &Frame) -> Result<(), String> {
        let (kind, event) = frame.typed()?;
        need(kind == "error", "no error event")?;
        let error = object(&event, "error")?;
        name(error, "type")?;
        name(error, "message")?;
        Ok(())
    }
}
