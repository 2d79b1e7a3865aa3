//! What requests and answers have in common: the output items and their parts, as they are written.

use std::borrow::Cow;

use serde::Serialize;

use super::tools::Members;
use crate::protocol::chat::{Citation, TokenLogprob};

/// A piece of a summary of reasoning.
#[derive(Serialize)]
pub(super) struct SummaryText<'a> {
    r#type: &'static str,
    text: &'a str,
}

impl<'a> SummaryText<'a> {
    /// A piece.
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            r#type: "summary_text",
            text,
        }
    }
}

/// A piece of raw reasoning.
#[derive(Serialize)]
pub(super) struct ContentText<'a> {
    r#type: &'static str,
    text: &'a str,
}

impl<'a> ContentText<'a> {
    /// A piece.
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            r#type: "reasoning_text",
            text,
        }
    }
}

/// Where a text comes from.
#[derive(Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Annotation<'a> {
    /// An address.
    UrlCitation {
        /// The address.
        url: &'a str,
        /// Its title, which must be there.
        title: &'a str,
        /// The cited place, in characters.
        start_index: u64,
        /// Its end.
        end_index: u64,
    },
    /// A file.
    FileCitation {
        /// Its id.
        file_id: &'a str,
        /// Its name, which must be there.
        filename: &'a str,
        /// Where in the text, in characters.
        index: u64,
    },
}

/// The annotations for citations of a text; those without address and file have no form here. A citation that does not
/// tell its place stands for the whole text.
pub(super) fn annotations<'a>(citations: &'a [Citation], text: &str) -> Vec<Annotation<'a>> {
    let mut length = None;
    let mut annotations = Vec::new();
    for citation in citations {
        let mut whole = || *length.get_or_insert_with(|| text.chars().count() as u64);
        let title = citation.title.as_deref().unwrap_or_default();
        if let Some(url) = &citation.url {
            annotations.push(Annotation::UrlCitation {
                url,
                title,
                start_index: citation.start.unwrap_or(0),
                end_index: citation.end.unwrap_or_else(&mut whole),
            });
        } else if let Some(file_id) = &citation.file {
            annotations.push(Annotation::FileCitation {
                file_id,
                filename: title,
                index: citation.start.unwrap_or_else(&mut whole),
            });
        }
    }
    annotations
}

/// A log probability. The SDKs' types want every member.
#[derive(Serialize)]
pub(super) struct LogprobOut<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<Vec<LogprobOut<'a>>>,
}

/// Log probabilities as they are written.
pub(super) fn logprobs(tokens: &[TokenLogprob]) -> Vec<LogprobOut<'_>> {
    fn one(token: &TokenLogprob, top: bool) -> LogprobOut<'_> {
        LogprobOut {
            token: &token.token,
            // JSON has no infinity; serde_json would write null.
            logprob: token.logprob.clamp(-9999.0, 9999.0),
            bytes: token.bytes.as_deref().unwrap_or(token.token.as_bytes()),
            top_logprobs: top.then(|| token.top.iter().map(|t| one(t, false)).collect()),
        }
    }
    tokens.iter().map(|token| one(token, true)).collect()
}

/// A part of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum PartOut<'a> {
    /// Text.
    OutputText {
        /// The text.
        text: &'a str,
        /// Where it comes from.
        annotations: Vec<Annotation<'a>>,
        /// How likely its tokens were.
        logprobs: Vec<LogprobOut<'a>>,
    },
    /// A refusal.
    Refusal {
        /// Its words.
        refusal: &'a str,
    },
}

/// An output item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemOut<'a> {
    /// A message.
    Message {
        /// Its id.
        id: Cow<'a, str>,
        /// `in_progress`, `completed` or `incomplete`
        status: &'static str,
        /// `assistant`
        role: &'static str,
        /// Its phase.
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'a str>,
        /// Its parts.
        content: Vec<PartOut<'a>>,
    },
    /// Reasoning.
    Reasoning {
        /// Its id.
        id: Cow<'a, str>,
        /// Its words.
        summary: Vec<SummaryText<'a>>,
        /// Its raw words.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<ContentText<'a>>,
        /// What must come back.
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<Cow<'a, str>>,
    },
    /// A call.
    FunctionCall {
        /// The item's id.
        id: Cow<'a, str>,
        /// `in_progress`, `completed` or `incomplete`
        status: &'static str,
        /// The function.
        name: &'a str,
        /// The call's id.
        call_id: &'a str,
        /// A JSON object as text.
        arguments: &'a str,
    },
    /// A picture.
    ImageGenerationCall {
        /// Its id.
        id: Cow<'a, str>,
        /// `in_progress` or `completed`
        status: &'static str,
        /// Base64.
        result: Option<&'a str>,
        /// `png`, `jpeg`, `webp` …
        #[serde(skip_serializing_if = "Option::is_none")]
        output_format: Option<&'a str>,
    },
}

impl ItemOut<'_> {
    /// Marks an item that was cut off.
    pub(super) fn cut(&mut self) {
        match self {
            Self::Message { status, .. } | Self::FunctionCall { status, .. } => {
                *status = "incomplete";
            }
            Self::Reasoning { .. } | Self::ImageGenerationCall { .. } => {}
        }
    }
}

/// `usage`. The SDKs' types want every member, so what the provider did not tell is 0 if it told anything.
#[derive(Serialize)]
pub(super) struct UsageOut {
    /// With what was read from and written to caches.
    pub(super) input_tokens: u64,
    /// Parts of it.
    pub(super) input_tokens_details: InputDetails,
    /// With reasoning.
    pub(super) output_tokens: u64,
    /// Parts of it.
    pub(super) output_tokens_details: OutputDetails,
    /// Both.
    pub(super) total_tokens: u64,
}

/// Parts of the input.
#[derive(Serialize)]
pub(super) struct InputDetails {
    /// Read from a cache.
    pub(super) cached_tokens: u64,
    /// Written to a cache.
    pub(super) cache_write_tokens: u64,
}

/// Parts of the output.
#[derive(Serialize)]
pub(super) struct OutputDetails {
    /// Reasoning.
    pub(super) reasoning_tokens: u64,
}

/// A response object.
#[derive(Serialize)]
pub(super) struct ResponseOut<'a, O> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created_at: u64,
    pub(super) status: &'a str,
    pub(super) background: bool,
    pub(super) error: Option<()>,
    pub(super) incomplete_details: Option<Incomplete>,
    pub(super) instructions: Option<&'a str>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) model: &'a str,
    pub(super) output: O,
    #[serde(flatten)]
    pub(super) echo: &'a super::write_answer::Echo<'a>,
    pub(super) usage: Option<UsageOut>,
    #[serde(flatten)]
    pub(super) more: Members<'a>,
}

/// Why a response is not whole.
#[derive(Serialize)]
pub(super) struct Incomplete {
    pub(super) reason: Cow<'static, str>,
}
