//! The event grammar of every client dialect, checked over the raw bytes of a stream, as strictly as the specifications
//! and the SDKs' own parsers have it. Shares no code with the product, so that each checks the other.

#![allow(dead_code, reason = "who includes this file may need one dialect only")]

use serde_json::Value;

#[path = "grammar/anthropic.rs"]
mod anthropic;
#[path = "grammar/gemini.rs"]
mod gemini;
#[path = "grammar/openai_chat.rs"]
mod openai_chat;
#[path = "grammar/openai_responses.rs"]
mod openai_responses;
#[cfg(test)]
#[path = "grammar/samples.rs"]
mod samples;

/// A form of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenAI's chat completions.
    OpenAiChat {
        /// Whether the client asked for usage.
        include_usage: bool,
    },
    /// OpenAI's responses.
    OpenAiResponses,
    /// OpenAI's legacy completions.
    Completions {
        /// Whether the client asked for usage.
        include_usage: bool,
    },
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's generateContent.
    Gemini {
        /// Server-sent events (`alt=sse`), or one JSON array.
        sse: bool,
    },
}

/// Checks a stream of chat completions that ended well.
///
/// # Errors
/// What is wrong, and in which event.
pub fn openai_chat(stream: &[u8], include_usage: bool) -> Result<(), String> {
    check(Form::OpenAiChat { include_usage }, stream)
}

/// Checks a stream of a response that ended: completed, incomplete or failed.
///
/// # Errors
/// What is wrong, and in which event.
pub fn openai_responses(stream: &[u8]) -> Result<(), String> {
    check(Form::OpenAiResponses, stream)
}

/// Checks a stream of legacy completions that ended well.
///
/// # Errors
/// What is wrong, and in which event.
pub fn completions(stream: &[u8], include_usage: bool) -> Result<(), String> {
    check(Form::Completions { include_usage }, stream)
}

/// Checks a stream of a message that ended well.
///
/// # Errors
/// What is wrong, and in which event.
pub fn anthropic(stream: &[u8]) -> Result<(), String> {
    check(Form::Anthropic, stream)
}

/// Checks a stream of generateContent that ended well.
///
/// # Errors
/// What is wrong, and in which event.
pub fn gemini(stream: &[u8], sse: bool) -> Result<(), String> {
    check(Form::Gemini { sse }, stream)
}

/// Checks a stream that ended well.
///
/// # Errors
/// What is wrong, and in which event.
pub fn check(form: Form, stream: &[u8]) -> Result<(), String> {
    let frames = frames(form, stream)?;
    let mut grammar = form.grammar();
    walk(&mut *grammar, &frames)?;
    grammar.whole()
}

/// Checks a stream that ended in an error event: the same grammar up to there, no good end before and nothing after.
///
/// # Errors
/// What is wrong, and in which event.
pub fn cut_off(form: Form, stream: &[u8]) -> Result<(), String> {
    let frames = frames(form, stream)?;
    let (last, before) = frames.split_last().ok_or("an empty stream")?;
    let mut grammar = form.grammar();
    walk(&mut *grammar, before)?;
    need(!grammar.ended(), "an error after the good end")?;
    grammar
        .error(last)
        .map_err(|e| format!("the error event: {e} in {}", last.shown()))
}

fn walk(grammar: &mut dyn Grammar, frames: &[Frame]) -> Result<(), String> {
    for (i, frame) in frames.iter().enumerate() {
        if grammar.ended() {
            return Err(format!("event {i}: behind the end: {}", frame.shown()));
        }
        grammar
            .step(frame)
            .map_err(|e| format!("event {i}: {e} in {}", frame.shown()))?;
    }
    Ok(())
}

impl Form {
    fn grammar(self) -> Box<dyn Grammar> {
        match self {
            Self::OpenAiChat { include_usage } => {
                Box::new(openai_chat::Chunks::new(false, include_usage))
            }
            Self::Completions { include_usage } => {
                Box::new(openai_chat::Chunks::new(true, include_usage))
            }
            Self::OpenAiResponses => Box::<openai_responses::Events>::default(),
            Self::Anthropic => Box::<anthropic::Events>::default(),
            Self::Gemini { .. } => Box::<gemini::Chunks>::default(),
        }
    }
}

/// What may come next.
trait Grammar {
    /// Takes an event that is not an error.
    fn step(&mut self, frame: &Frame) -> Result<(), String>;

    /// Whether the end was told.
    fn ended(&self) -> bool;

    /// Whether what came may be all.
    fn whole(&self) -> Result<(), String> {
        need(
            self.ended(),
            "the stream breaks off: its good end is missing",
        )
    }

    /// Takes an error event.
    fn error(&mut self, frame: &Frame) -> Result<(), String>;
}

/// One event.
#[derive(Debug)]
struct Frame {
    event: Option<String>,
    data: String,
}

impl Frame {
    fn json(&self) -> Result<Value, String> {
        let value: Value =
            serde_json::from_str(&self.data).map_err(|e| format!("data is no JSON ({e})"))?;
        need(value.is_object(), "data is no object")?;
        Ok(value)
    }

    /// The data of an event whose name must be its `type`.
    fn typed(&self) -> Result<(String, Value), String> {
        let value = self.json()?;
        let kind = text(&value, "type")?.to_owned();
        need(
            self.event.as_deref() == Some(&kind),
            "the event's name is not its type",
        )?;
        Ok((kind, value))
    }

    fn nameless(&self) -> Result<(), String> {
        need(
            self.event.is_none(),
            "an `event:` line, which the dialect does not have",
        )
    }

    fn shown(&self) -> String {
        let data: String = self.data.chars().take(300).collect();
        match &self.event {
            Some(event) => format!("`{event}`: {data}"),
            None => data,
        }
    }
}

fn frames(form: Form, stream: &[u8]) -> Result<Vec<Frame>, String> {
    let text = std::str::from_utf8(stream).map_err(|e| format!("not UTF-8: {e}"))?;
    if form == (Form::Gemini { sse: false }) {
        let chunks: Vec<Value> =
            serde_json::from_str(text).map_err(|e| format!("not one JSON array: {e}"))?;
        return Ok(chunks
            .iter()
            .map(|chunk| Frame {
                event: None,
                data: chunk.to_string(),
            })
            .collect());
    }
    events(text)
}

/// Splits server-sent events. Stricter than the standard in what many readers of lines rely on: the space behind the
/// colon, one line of data for each event, a blank line behind the last. Comments may stand between events.
fn events(text: &str) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    let (mut event, mut data) = (None, None);
    let mut open = false;
    for line in text.split_inclusive('\n') {
        let line = line
            .strip_suffix('\n')
            .ok_or_else(|| format!("the last line is not ended: {line}"))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        need(!line.contains('\r'), "a lone carriage return")?;
        if line.is_empty() {
            need(
                !open || data.is_some(),
                "an event without data is dropped by readers",
            )?;
            if let Some(data) = data.take() {
                let event = event.take();
                frames.push(Frame { event, data });
            }
            open = false;
        } else if line.starts_with(':') {
            need(!open, "a comment inside an event")?;
        } else if let Some(name) = line.strip_prefix("event: ") {
            need(event.replace(name.to_owned()).is_none(), "two names")?;
            open = true;
        } else if let Some(value) = line.strip_prefix("data: ") {
            need(
                data.replace(value.to_owned()).is_none(),
                "two lines of data",
            )?;
            open = true;
        } else {
            return Err(format!("an unexpected line: {line}"));
        }
    }
    need(!open, "no blank line behind the last event")?;
    Ok(frames)
}

fn need(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value[key]
        .as_str()
        .ok_or_else(|| format!("`{key}` is no string"))
}

fn name<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    let text = text(value, key)?;
    need(!text.is_empty(), &format!("`{key}` is empty"))?;
    Ok(text)
}

fn count(value: &Value, key: &str) -> Result<u64, String> {
    value[key]
        .as_u64()
        .ok_or_else(|| format!("`{key}` is no count"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value[key]
        .as_array()
        .ok_or_else(|| format!("`{key}` is no array"))
}

fn object<'a>(value: &'a Value, key: &str) -> Result<&'a Value, String> {
    need(value[key].is_object(), &format!("`{key}` is no object"))?;
    Ok(&value[key])
}

/// Optional text: absent or null, or a string.
fn maybe_text<'a>(value: &'a Value, key: &str) -> Result<Option<&'a str>, String> {
    match &value[key] {
        Value::Null => Ok(None),
        _ => text(value, key).map(Some),
    }
}

/// Counts in the details of usage are absent or numbers, never null.
fn details(usage: &Value, key: &str) -> Result<(), String> {
    let Some(details) = usage.get(key) else {
        return Ok(());
    };
    let members = details
        .as_object()
        .ok_or_else(|| format!("`{key}` is no object"))?;
    members
        .iter()
        .try_for_each(|(name, count)| need(count.is_u64(), &format!("`{key}.{name}` is no count")))
}

fn is_json_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
}
