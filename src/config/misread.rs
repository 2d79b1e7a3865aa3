//! A value that does not fit its type, told in words that need no knowledge of Rust.

use std::fmt;

use serde::de;

use super::typed::looks_like_a_number;
use crate::problem::{Place, Step, choices};

/// A value that does not fit its type.
#[derive(Debug)]
pub struct Misread {
    /// The way to it, last step first, since errors travel outwards.
    steps: Vec<Step>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a value.
#[derive(Debug)]
pub enum Fault {
    /// Its key is none that the mapping around it knows.
    UnknownKey(&'static [&'static str]),
    /// It is a mapping without this key.
    Missing(&'static str),
    /// It is none of these.
    UnknownChoice(String, &'static [&'static str]),
    /// Anything else.
    Other(String),
}

impl Misread {
    const fn new(fault: Fault) -> Self {
        Self {
            steps: Vec::new(),
            fault,
        }
    }

    /// Where the value is.
    pub fn place(&self) -> Place {
        Place(self.steps.iter().rev().cloned().collect())
    }

    /// The same fault, seen from one step further out.
    pub fn below(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.fault {
            Fault::UnknownKey(known) => {
                let key = match self.steps.first() {
                    Some(Step::Key(key)) => key.as_str(),
                    _ => "",
                };
                write!(f, "unknown field `{key}`, {}", expected_one_of(known))
            }
            Fault::Missing(key) => write!(f, "missing field `{key}`"),
            Fault::UnknownChoice(found, known) => {
                write!(f, "unknown choice `{found}`, {}", expected_one_of(known))
            }
            Fault::Other(message) => f.write_str(message),
        }
    }
}

fn expected_one_of(known: &[&str]) -> String {
    match known {
        [] => "expected none at all".to_owned(),
        known => format!("expected {}", choices(known.iter().copied())),
    }
}

impl std::error::Error for Misread {}

impl de::Error for Misread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Fault::Other(message.to_string()))
    }

    fn invalid_type(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        let (wanted, found_words) = (wanted(&expected.to_string(), false), found_words(&found));
        let quoted = matches!(found, de::Unexpected::Str(_)) && wanted != "a text";
        let number = matches!(&found, de::Unexpected::Str(text) if looks_like_a_number(text));
        let hint = if quoted && number {
            "; take the quotes away"
        } else {
            ""
        };
        Self::custom(format_args!("expected {wanted}, found {found_words}{hint}"))
    }

    fn invalid_value(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        let wanted = wanted(&expected.to_string(), true);
        Self::custom(format_args!(
            "expected {wanted}, found {}",
            found_words(&found)
        ))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Fault::UnknownKey(expected))
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Fault::UnknownChoice(found.to_owned(), expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::Missing(field))
    }
}

/// What serde expects, in words that need no knowledge of Rust.
fn wanted(expected: &str, with_range: bool) -> String {
    let whole = |range: &str| {
        if with_range {
            format!("a whole number {range}")
        } else {
            "a whole number".to_owned()
        }
    };
    match expected {
        "a string" | "string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "u8" => whole("from 0 to 255"),
        "u16" => whole("from 0 to 65535"),
        "u32" => whole("from 0 to 4294967295"),
        "u64" | "usize" => whole("from 0 up"),
        "i8" | "i16" | "i32" | "i64" | "isize" => whole("that is not so large"),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        _ if expected.starts_with("a nonzero ") => "a whole number from 1 up".to_owned(),
        _ if expected.starts_with("struct ") => "a mapping".to_owned(),
        _ => expected.to_owned(),
    }
}

fn found_words(found: &de::Unexpected) -> String {
    match found {
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Unsigned(value) => format!("`{value}`"),
        de::Unexpected::Signed(value) => format!("`{value}`"),
        de::Unexpected::Float(value) => format!("`{value}`"),
        de::Unexpected::Str(value) => format!("the text `{value}`"),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
