//! What a request asks, in the few words the demo model understands, and the
//! orders an operator may put in front of it.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;

use super::answer::{LONGEST, tokens};

/// What providers add for the role and the borders of each message.
const MESSAGE_OVERHEAD: u64 = 3;

const LONGEST_SILENCE: f64 = 3600.0;

#[derive(Default)]
pub(super) struct Prompt {
    pub(super) model: String,
    /// Tokens the answer may have.
    pub(super) limit: Option<u64>,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    /// Messages that came in, apart from the system prompt.
    pub(super) messages: usize,
    pub(super) has_system: bool,
    /// The last user message.
    pub(super) asked: String,
    /// What a tool answered, if that is the newest message: then it is time to
    /// talk, where calling the tool again would have an agent loop for ever.
    pub(super) tool_said: Option<String>,
    /// The size of all this.
    pub(super) tokens: u64,
}

pub(super) struct Tool {
    pub(super) name: String,
    pub(super) schema: Value,
}

/// Whether the caller leaves it to the model to call a tool.
#[derive(Default)]
pub(super) enum Choice {
    #[default]
    Auto,
    Never,
    Any,
    Named(String),
}

impl Prompt {
    pub(super) fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            ..Self::default()
        }
    }

    pub(super) fn system(&mut self, text: &str) {
        if !text.is_empty() {
            self.has_system = true;
            self.tokens += tokens(text) + MESSAGE_OVERHEAD;
        }
    }

    pub(super) fn user(&mut self, text: String) {
        self.message(&text);
        self.asked = text;
    }

    pub(super) fn assistant(&mut self, text: &str) {
        self.message(text);
    }

    pub(super) fn tool_result(&mut self, text: String) {
        self.message(&text);
        self.tool_said = Some(text);
    }

    pub(super) fn offer(&mut self, name: &Value, schema: &Value) {
        // Built-in tools of the providers have no name, and cannot be called here.
        if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
            self.tokens += tokens(name) + tokens(&schema.to_string());
            self.tools.push(Tool {
                name: name.to_owned(),
                schema: schema.clone(),
            });
        }
    }

    fn message(&mut self, text: &str) {
        self.messages += 1;
        self.tool_said = None;
        self.tokens += tokens(text) + MESSAGE_OVERHEAD;
    }
}

/// The text in a message: a string, or a list of parts of which some have text.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// What the operator wants to see happen.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Orders {
    pub(super) silence: Duration,
    pub(super) words: Option<usize>,
    pub(super) status: Option<StatusCode>,
    pub(super) die: bool,
}

impl Orders {
    /// Reads the orders at the start of a text; one with a bad number is ignored.
    pub(super) fn at_start_of(text: &str) -> Self {
        let mut orders = Self::default();
        let mut words = text.split_whitespace();
        loop {
            match words.next() {
                Some("/slow") => {
                    orders.silence = words.next().and_then(silence).unwrap_or_default()
                }
                Some("/long") => {
                    let count = words.next().and_then(|count| count.parse().ok());
                    orders.words = count.map(|count: usize| count.min(LONGEST));
                }
                Some("/error") => orders.status = words.next().and_then(failure),
                Some("/die") => orders.die = true,
                _ => return orders,
            }
        }
    }
}

fn silence(seconds: &str) -> Option<Duration> {
    let seconds: f64 = seconds.parse().ok()?;
    Duration::try_from_secs_f64(seconds.clamp(0.0, LONGEST_SILENCE)).ok()
}

fn failure(status: &str) -> Option<StatusCode> {
    let status: StatusCode = status.parse().ok()?;
    (400..600).contains(&status.as_u16()).then_some(status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn orders_follow_each_other_and_end_at_the_first_other_word() {
        let orders = Orders::at_start_of("/slow 0.5 /long 7 /die then /error 500");
        let expected = Orders {
            silence: Duration::from_millis(500),
            words: Some(7),
            status: None,
            die: true,
        };
        assert_eq!(orders, expected);
    }

    #[test]
    fn orders_with_impossible_numbers_are_ignored() {
        for text in [
            "/slow -1",
            "/slow NaN",
            "/long many",
            "/error 200",
            "/error",
            "/dies",
        ] {
            assert_eq!(Orders::at_start_of(text), Orders::default(), "{text}");
        }
        assert_eq!(
            Orders::at_start_of("/slow inf").silence,
            Duration::from_secs(3600)
        );
    }

    #[test]
    fn text_is_found_in_strings_and_in_parts() {
        assert_eq!(text_of(&json!("a")), "a");
        let parts = json!([{ "text": "a" }, { "type": "image" }, { "text": "b" }]);
        assert_eq!(text_of(&parts), "a\nb");
    }
}
