//! Chunks of Gemini's generateContent, each a whole `GenerateContentResponse`.
//! <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Frame, Grammar, count, list, name, need, object, text};

#[derive(Default)]
pub struct Chunks {
    /// Whether each candidate finished.
    candidates: BTreeMap<u64, bool>,
    blocked: bool,
    id: Option<String>,
    version: Option<String>,
    usage: [u64; 2],
}

/// Counts of the answer only grow. Those of the prompt do not: Gemini 2.0 itself corrects them downwards at the end.
const GROWING: [&str; 2] = ["candidatesTokenCount", "thoughtsTokenCount"];

const KINDS: [&str; 7] = [
    "text",
    "functionCall",
    "functionResponse",
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
];

impl Chunks {
    fn chunk(&mut self, chunk: &Value) -> Result<(), String> {
        need(chunk.get("error").is_none(), "an error")?;
        same(&mut self.id, chunk, "responseId")?;
        same(&mut self.version, chunk, "modelVersion")?;
        let mut news = false;
        if chunk.get("usageMetadata").is_some() {
            self.usage(object(chunk, "usageMetadata")?)?;
            news = true;
        }
        if chunk.get("promptFeedback").is_some() {
            let feedback = object(chunk, "promptFeedback")?;
            self.blocked |= feedback.get("blockReason").is_some();
            news = true;
        }
        if chunk.get("candidates").is_some() {
            let candidates = list(chunk, "candidates")?;
            need(!candidates.is_empty(), "empty candidates")?;
            candidates.iter().try_for_each(|c| self.candidate(c))?;
            news = true;
        }
        need(news, "a chunk that says nothing")
    }

    fn usage(&mut self, usage: &Value) -> Result<(), String> {
        for (key, before) in GROWING.iter().zip(&mut self.usage) {
            if usage.get(key).is_some() {
                let now = count(usage, key)?;
                need(now >= *before, &format!("`{key}` decreases"))?;
                *before = now;
            }
        }
        let counts = usage.as_object().into_iter().flatten();
        for (key, value) in counts.filter(|(key, _)| key.ends_with("Count")) {
            need(value.is_u64(), &format!("`{key}` is no count"))?;
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: &Value) -> Result<(), String> {
        let index = count(candidate, "index")?;
        let finished = self.candidates.entry(index).or_default();
        need(!*finished, "a candidate goes on after its finishReason")?;
        if candidate.get("content").is_some() {
            let content = object(candidate, "content")?;
            need(content["role"] == "model", "a wrong role")?;
            if content.get("parts").is_some() {
                list(content, "parts")?.iter().try_for_each(part)?;
            }
        }
        if candidate.get("finishReason").is_some() {
            let reason = name(candidate, "finishReason")?;
            need(
                reason.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
                "a finishReason that is none",
            )?;
            *finished = true;
        }
        Ok(())
    }
}

fn same(known: &mut Option<String>, chunk: &Value, key: &str) -> Result<(), String> {
    if chunk.get(key).is_none() {
        return Ok(());
    }
    let value = name(chunk, key)?;
    let first = known.get_or_insert_with(|| value.to_owned());
    need(first == value, &format!("another `{key}` than before"))
}

fn part(part: &Value) -> Result<(), String> {
    let kinds = KINDS.iter().filter(|kind| part.get(kind).is_some());
    let signed = part.get("thoughtSignature").is_some();
    match kinds.count() {
        1 => {}
        0 => need(signed, "a part that says nothing")?,
        _ => return Err("a part of two kinds".into()),
    }
    if signed {
        name(part, "thoughtSignature")?;
    }
    if part.get("thought").is_some() {
        need(part["thought"].is_boolean(), "`thought` is no boolean")?;
    }
    if part.get("text").is_some() {
        text(part, "text")?;
    }
    if part.get("functionCall").is_some() {
        let call = object(part, "functionCall")?;
        name(call, "name")?;
        object(call, "args")?;
    }
    if part.get("inlineData").is_some() {
        let data = object(part, "inlineData")?;
        name(data, "mimeType")?;
        text(data, "data")?;
    }
    Ok(())
}

impl Grammar for Chunks {
    fn step(&mut self, frame: &Frame) -> Result<(), String> {
        frame.nameless()?;
        self.chunk(&frame.json()?)
    }

    /// The end has no mark of its own.
    fn ended(&self) -> bool {
        false
    }

    /// A stream without an answer is whole if the prompt was blocked.
    fn whole(&self) -> Result<(), String> {
        need(
            !self.candidates.is_empty() || self.blocked,
            "neither a candidate nor a blocked prompt",
        )?;
        for (position, (index, finished)) in self.candidates.iter().enumerate() {
            need(*index == position as u64, "a gap in the candidates")?;
            need(*finished, &format!("candidate {index} did not finish"))?;
        }
        Ok(())
    }

    fn error(&mut self, frame: &Frame) -> Result<(), String> {
        frame.nameless()?;
        let body = frame.json()?;
        let error = object(&body, "error")?;
        count(error, "code")?;
        name(error, "message")?;
        name(error, "status")?;
        Ok(())
    }
}
