//! Chunks of OpenAI's chat completions, and of the legacy completions.
//! <https://platform.openai.com/docs/api-reference/chat-streaming>

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Frame, Grammar, count, details, is_json_object, list, maybe_text, name, need, object, text,
};

pub struct Chunks {
    legacy: bool,
    include_usage: bool,
    /// Id, model and time, which all chunks share.
    identity: Option<(String, String, u64)>,
    choices: BTreeMap<u64, Choice>,
    usage: bool,
    done: bool,
}

#[derive(Default)]
struct Choice {
    begun: bool,
    finished: bool,
    calls: Vec<Call>,
}

struct Call {
    id: String,
    arguments: String,
}

impl Chunks {
    pub fn new(legacy: bool, include_usage: bool) -> Self {
        Self {
            legacy,
            include_usage,
            identity: None,
            choices: BTreeMap::new(),
            usage: false,
            done: false,
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.all_finished()?;
        need(
            self.usage == self.include_usage,
            "the usage chunk is missing",
        )?;
        self.done = true;
        Ok(())
    }

    fn all_finished(&self) -> Result<(), String> {
        need(!self.choices.is_empty(), "no choice at all")?;
        for (position, (index, choice)) in self.choices.iter().enumerate() {
            need(*index == position as u64, "a gap in the choices' indexes")?;
            need(choice.finished, &format!("choice {index} did not finish"))?;
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &Value) -> Result<(), String> {
        need(chunk.get("error").is_none(), "an error")?;
        let object = if self.legacy {
            "text_completion"
        } else {
            "chat.completion.chunk"
        };
        need(chunk["object"] == object, "a wrong `object`")?;
        let identity = (
            name(chunk, "id")?.to_owned(),
            name(chunk, "model")?.to_owned(),
            count(chunk, "created")?,
        );
        let first = self.identity.get_or_insert_with(|| identity.clone());
        need(*first == identity, "another id, model or time than before")?;
        need(!self.usage, "a chunk behind the usage")?;
        let choices = list(chunk, "choices")?;
        if choices.is_empty() {
            return self.usage(chunk);
        }
        let usage = chunk.get("usage");
        if self.include_usage {
            need(usage == Some(&Value::Null), "`usage` must be null")?;
        } else {
            need(usage.is_none(), "usage that nobody asked for")?;
        }
        choices.iter().try_for_each(|choice| self.choice(choice))
    }

    fn usage(&mut self, chunk: &Value) -> Result<(), String> {
        need(self.include_usage, "usage that nobody asked for")?;
        self.all_finished()?;
        let usage = object(chunk, "usage")?;
        let sum = count(usage, "prompt_tokens")? + count(usage, "completion_tokens")?;
        need(
            count(usage, "total_tokens")? == sum,
            "the total is not the sum",
        )?;
        details(usage, "prompt_tokens_details")?;
        details(usage, "completion_tokens_details")?;
        self.usage = true;
        Ok(())
    }

    fn choice(&mut self, choice: &Value) -> Result<(), String> {
        let index = count(choice, "index")?;
        let state = self.choices.entry(index).or_default();
        need(!state.finished, "a choice goes on after its finish")?;
        if self.legacy {
            text(choice, "text")?;
        } else {
            state.delta(object(choice, "delta")?)?;
        }
        match choice.get("logprobs") {
            None if self.legacy => return Err("`logprobs` is missing".into()),
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => return Err("`logprobs` is no object".into()),
        }
        match choice.get("finish_reason") {
            None => Err("`finish_reason` is missing".into()),
            Some(Value::Null) => Ok(()),
            Some(_) => state.finish(text(choice, "finish_reason")?, self.legacy),
        }
    }
}

impl Choice {
    fn delta(&mut self, delta: &Value) -> Result<(), String> {
        match (delta.get("role"), self.begun) {
            (Some(role), false) => need(role == "assistant", "a wrong role")?,
            (None, false) => return Err("the first delta of a choice has no role".into()),
            (Some(_), true) => return Err("a role in a later delta".into()),
            (None, true) => {}
        }
        self.begun = true;
        maybe_text(delta, "content")?;
        maybe_text(delta, "refusal")?;
        if delta.get("tool_calls").is_some() {
            let calls = list(delta, "tool_calls")?;
            need(!calls.is_empty(), "empty tool_calls")?;
            calls.iter().try_for_each(|call| self.call(call))?;
        }
        Ok(())
    }

    fn call(&mut self, call: &Value) -> Result<(), String> {
        let index = count(call, "index")?;
        let function = object(call, "function")?;
        let arguments = text(function, "arguments")?;
        if index == self.calls.len() as u64 {
            let id = name(call, "id")?.to_owned();
            need(call["type"] == "function", "a call's type")?;
            name(function, "name")?;
            need(self.calls.iter().all(|c| c.id != id), "a call's id again")?;
            self.calls.push(Call {
                id,
                arguments: arguments.to_owned(),
            });
            return Ok(());
        }
        need(
            index + 1 == self.calls.len() as u64,
            "a call's index is out of order",
        )?;
        need(
            call.get("id").is_none()
                && call.get("type").is_none()
                && function.get("name").is_none(),
            "id, type or name in a later delta of a call",
        )?;
        if let Some(call) = self.calls.last_mut() {
            call.arguments.push_str(arguments);
        }
        Ok(())
    }

    fn finish(&mut self, reason: &str, legacy: bool) -> Result<(), String> {
        let known = match reason {
            "stop" | "length" | "content_filter" => true,
            "tool_calls" => !legacy,
            _ => false,
        };
        need(known, "an unknown finish_reason")?;
        need(
            reason != "tool_calls" || !self.calls.is_empty(),
            "tool_calls without a call",
        )?;
        // Only what was cut short may have arguments that are.
        if matches!(reason, "stop" | "tool_calls") {
            for call in &self.calls {
                need(
                    is_json_object(&call.arguments),
                    &format!("arguments are no JSON object: {}", call.arguments),
                )?;
            }
        }
        self.finished = true;
        Ok(())
    }
}

impl Grammar for Chunks {
    fn step(&mut self, frame: &Frame) -> Result<(), String> {
        frame.nameless()?;
        if frame.data == "[DONE]" {
            return self.finish();
        }
        self.chunk(&frame.json()?)
    }

    fn ended(&self) -> bool {
        self.done
    }

    /// The SDKs raise on the member `error` of any event.
    fn error(&mut self, frame: &Frame) -> Result<(), String> {
        frame.nameless()?;
        let body = frame.json()?;
        let error = object(&body, "error")?;
        name(error, "message")?;
        name(error, "type")?;
        maybe_text(error, "code")?;
        maybe_text(error, "param")?;
        Ok(())
    }
}
