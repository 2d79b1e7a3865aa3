//! The guard: finds in the texts of requests and answers what must not pass.

use serde::{Deserialize, Serialize};

pub mod builtin;
pub mod confirm;
pub mod database;
pub mod engine;
pub mod examples;
pub mod gate;
pub mod injection;
pub mod judge;
pub mod leak;
pub mod profile;
pub mod redact;
pub mod report;
pub mod rule;
pub mod scan;
pub mod screen;
pub mod settings;
pub mod start;
pub mod view;
pub mod waf;
pub mod window;

/// Who speaks in a text, which decides how far it is trusted.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The application's own instructions.
    System,
    /// The same, in the newer dialect of OpenAI.
    Developer,
    /// The user.
    #[default]
    User,
    /// The model, in an earlier turn or in the answer.
    Assistant,
    /// Name, description and schema of a tool.
    ToolDefinition,
    /// Arguments with which the model calls a tool.
    ToolCall,
    /// What a tool gave back.
    ToolResult,
    /// A file or document that came along.
    Document,
    /// Names of files, participants and the like.
    Name,
}

impl Role {
    /// Whether the text is data that somebody else wrote: instructions in it are not the caller's.
    pub const fn is_data(self) -> bool {
        matches!(self, Self::ToolResult | Self::Document)
    }

    /// Whether the operator's own application wrote it.
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::System | Self::Developer | Self::ToolDefinition)
    }
}

/// How bad a finding is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth counting.
    Low,
    /// Worth looking at.
    #[default]
    Medium,
    /// Must not pass.
    High,
    /// Must not pass, and somebody should be told.
    Critical,
}

/// A text to scan.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Who speaks.
    pub role: Role,
    /// What it says, with the escapes of JSON undone.
    pub value: &'a str,
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule: its number in the engine.
    pub rule: u32,
    /// Which text.
    pub text: u32,
    /// Where in that text, in bytes of the text as it came, whatever encoding hid it.
    pub range: std::ops::Range<usize>,
    /// How it was hidden.
    pub via: view::Via,
}
