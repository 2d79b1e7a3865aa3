//! One record for each request: what the access log renders and, later, what is stored.

use serde::Serialize;

use crate::usage::TokenUsage;

/// What is known of a request when it is over. Holds no text of prompts or answers and no credential.
#[derive(Clone, Debug, Serialize)]
pub struct Record<'a> {
    /// When the request came, RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// The id that the client was told.
    pub request_id: &'a str,
    /// The client's address, behind trusted proxies the one that they name.
    pub client: Option<std::net::IpAddr>,
    /// Name of the key.
    pub key: Option<&'a str>,
    /// HTTP method.
    pub method: &'a str,
    /// Path without query, shortened.
    pub path: &'a str,
    /// What was asked for.
    pub operation: Option<&'static str>,
    /// What the provider was asked for, where that is another operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_operation: Option<&'static str>,
    /// The model that the client named.
    pub model: Option<&'a str>,
    /// The route, or `direct`.
    pub route: Option<&'a str>,
    /// The provider that answered, or was asked last.
    pub provider: Option<&'a str>,
    /// The model that was asked of it.
    pub target_model: Option<&'a str>,
    /// The model that it says has answered.
    pub answered_model: Option<&'a str>,
    /// Where it was asked.
    pub endpoint: Option<String>,
    /// Whether the client wanted a stream.
    pub stream: bool,
    /// The status that the client got; 499 if it left before one was sent.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// The code of the gateway's own error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// For the operator: what happened underneath.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// The provider's reason for the end of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<&'a str>,
    /// The provider's id for the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<&'a str>,
    /// Attempts at upstreams.
    pub attempts: u32,
    /// Milliseconds until the first attempt began.
    pub overhead_ms: Option<f64>,
    /// Milliseconds to the first content.
    pub first_token_ms: Option<f64>,
    /// Milliseconds to the end.
    pub duration_ms: f64,
    /// Bytes of the request's body, decompressed.
    pub request_bytes: usize,
    /// Bytes of the answer's body.
    pub response_bytes: usize,
    /// Tokens, as far as the provider told them.
    pub usage: Option<TokenUsage>,
    /// What the guard did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guarded<'a>>,
    /// What the firewall found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Firewall>,
}

/// What the firewall found in a request.
#[derive(Clone, Debug, Serialize)]
pub struct Firewall {
    /// The sum of all rules' scores.
    pub score: u32,
    /// The rules, each with where it found something: `sqli_union@query:id`.
    pub rules: Vec<String>,
    /// Whether there was more than is looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub capped: bool,
}

/// What the guard did with a request and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Guarded<'a> {
    /// The profile.
    pub profile: &'a str,
    /// The strongest thing that was done; `pass` if nothing was found.
    pub action: &'static str,
    /// The highest score of an injection, from 0 to 1.
    pub injection: f64,
    /// How many findings there were.
    pub count: usize,
    /// The first of them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub findings: &'a [Finding],
    /// Whether something could not be screened, and passed all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unscreened: bool,
}

/// One thing that the guard found. Never holds the text itself, unless the operator asked for it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `prompt` or `answer`.
    pub direction: &'static str,
    /// The rule's id.
    pub rule: String,
    /// What it is, such as `EMAIL`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The rule's group.
    pub group: String,
    /// What was done with it.
    pub action: &'static str,
    /// The text in which it stands, such as `messages[2].content`.
    pub place: String,
    /// Where in that text it begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The score of an injection, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why it counts as an injection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The text itself, where the operator wants it recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<String>,
}

/// How a request ended. The names are metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered in full.
    Ok,
    /// The provider's own error was passed on.
    UpstreamError,
    /// The upstream broke off in the middle of the answer.
    Truncated,
    /// The gateway refused or failed.
    Refused,
    /// The client left.
    ClientGone,
}

impl Outcome {
    /// The label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::UpstreamError => "upstream_error",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::ClientGone => "client_gone",
        }
    }
}

impl Record<'_> {
    /// A line for a person at a terminal.
    pub fn text(&self) -> String {
        let dash = "-";
        let mut line = format!(
            "{} {} {:>3} {:<14} {:>8.1}ms {} {}",
            self.time.get(11..23).unwrap_or(&self.time),
            self.request_id,
            self.status,
            self.outcome.name(),
            self.duration_ms,
            self.operation.unwrap_or(self.path),
            self.model.unwrap_or(dash),
        );
        if let (Some(provider), Some(model)) = (self.provider, self.target_model) {
            line += &format!(" -> {provider}/{model}");
        }
        if self.attempts > 1 {
            line += &format!(" attempts={}", self.attempts);
        }
        if let Some(ms) = self.first_token_ms {
            line += &format!(" first={ms:.1}ms");
        }
        if let Some(usage) = self.usage {
            let show = |n: Option<u64>| n.map_or(dash.to_owned(), |n| n.to_string());
            line += &format!(" tokens={}/{}", show(usage.input), show(usage.output));
        }
        if let Some(guard) = self.guard.as_ref().filter(|guard| guard.count > 0) {
            line += &format!(" guard={}:{}", guard.action, guard.count);
        }
        for (name, text) in [("error", self.error), ("detail", self.detail)] {
            if let Some(text) = text {
                line += &format!(" {name}={text:?}");
            }
        }
        line
    }
}
