//! `sluicegate guard scan`: what a profile finds in texts, told to a person or as JSON lines.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{
    Role, Text,
    injection::Score,
    profile::{Action, Profile},
    redact::Vault,
    screen::{self, Screened},
    waf::{Head, Waf},
};

/// A line to scan.
#[derive(Debug, Deserialize)]
pub struct Row {
    /// Given back as it is.
    #[serde(default)]
    pub id: serde_json::Value,
    /// The text.
    pub text: String,
    /// Who speaks in it.
    #[serde(default)]
    pub role: Role,
}

/// What was found in a line.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The line's.
    pub id: serde_json::Value,
    /// The score of an injection, from 0 to 1.
    pub injection: f64,
    /// Why, the strongest first.
    pub reasons: Vec<String>,
    /// Everything that rules found.
    pub findings: Vec<Span>,
    /// The strongest thing that the profile would do; `pass` if nothing.
    pub action: &'static str,
}

/// Something that was found.
#[derive(Debug, Serialize)]
pub struct Span {
    /// Where it begins, in Unicode code points.
    pub start: usize,
    /// Where it ends, exclusive.
    pub end: usize,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The rule's id.
    pub rule: String,
}

/// A request for the firewall.
#[derive(Debug, Deserialize)]
pub struct HttpRow {
    /// Given back as it is.
    #[serde(default)]
    pub id: serde_json::Value,
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The target, with its query.
    pub path: String,
    /// Names and values; several values of one name as a list.
    #[serde(default)]
    pub headers: serde_json::Map<String, serde_json::Value>,
    /// The body.
    #[serde(default)]
    pub body: Option<String>,
}

impl HttpRow {
    /// Its size in bytes, about.
    pub fn len(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
            .sum();
        self.path.len() + headers + self.body.as_ref().map_or(0, String::len)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn get() -> String {
    "GET".to_owned()
}

/// What the firewall thinks of a request.
#[derive(Debug, Serialize)]
pub struct HttpReport {
    /// The line's.
    pub id: serde_json::Value,
    /// The sum of all rules' scores.
    pub score: u32,
    /// The rules.
    pub rules: Vec<String>,
    /// `block`, or `pass`.
    pub action: &'static str,
}

/// Asks the firewall about a request.
pub fn http(waf: &Waf, row: &HttpRow) -> HttpReport {
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    for (name, value) in &row.headers {
        let values = match value {
            serde_json::Value::Array(values) => values.iter().collect(),
            value => vec![value],
        };
        let values = values.into_iter().filter_map(|value| value.as_str());
        headers.extend(values.map(|value| (name.as_str(), value.as_bytes())));
    }
    let kind = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map_or(&b""[..], |(_, value)| value);
    let mut verdict = waf.head(&Head {
        method: &row.method,
        path_and_query: &row.path,
        headers: &headers,
    });
    if let Some(body) = row.body.as_ref().filter(|body| !body.is_empty()) {
        let kind = String::from_utf8_lossy(kind);
        verdict = verdict.merge(waf.body(&kind, body.as_bytes()));
    }
    HttpReport {
        id: row.id.clone(),
        score: verdict.score,
        action: if waf.is_attack(&verdict) {
            "block"
        } else {
            "pass"
        },
        rules: verdict.hits.into_iter().map(|hit| hit.rule).collect(),
    }
}

/// Scans a text.
pub fn scan(profile: &Profile, row: &Row) -> Report {
    let (screened, score) = screened(profile, row.role, &row.text);
    let points = Points::new(&row.text);
    let spans = screened
        .findings
        .iter()
        .filter(|finding| finding.score.is_none())
        .map(|finding| Span {
            start: points.at(finding.range.start),
            end: points.at(finding.range.end),
            kind: finding.kind.clone(),
            rule: finding.rule.clone(),
        });
    let mut reasons: Vec<String> = score.reasons.iter().map(|r| r.name.to_string()).collect();
    reasons.dedup();
    Report {
        id: row.id.clone(),
        injection: (f64::from(score.value) * 1e4).round() / 1e4,
        reasons,
        findings: spans.collect(),
        action: screened.action().map_or("pass", Action::name),
    }
}

fn screened(profile: &Profile, role: Role, text: &str) -> (Screened, Score) {
    let texts = [Text { role, value: text }];
    let mut vault = Vault::new();
    let screened = screen::prompt(profile, &texts, &mut vault);
    let score = screen::score(profile, &texts).pop().unwrap_or_default();
    (screened, score)
}

/// Explains to a person what a profile finds in a text, and what it would do.
pub fn explain(profile: &Profile, role: Role, text: &str) -> String {
    let (screened, score) = screened(profile, role, text);
    let mut out = String::new();
    for finding in screened.findings.iter().filter(|f| f.score.is_none()) {
        let before = &text[..finding.range.start];
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().map_or(0, |l| l.chars().count());
        let hidden = match finding.via.name() {
            "plain" => String::new(),
            via => format!(", hidden by {via}"),
        };
        let _ = writeln!(
            out,
            "{line}:{column}: {} (rule {}, {} characters{hidden}): {}",
            finding.kind,
            finding.rule,
            text[finding.range.clone()].chars().count(),
            finding.action.name()
        );
    }
    let _ = writeln!(out, "injection: {:.2}", score.value);
    for reason in &score.reasons {
        let _ = writeln!(out, "  {:+.2} {}", reason.weight, reason.name);
    }
    let action = screened.action().map_or("pass", Action::name);
    let _ = writeln!(out, "action: {action}");
    out
}

/// Places in bytes as places in code points.
struct Points(Option<Vec<u32>>);

impl Points {
    fn new(text: &str) -> Self {
        // Of ASCII both are the same.
        let starts =
            (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at as u32).collect());
        Self(starts)
    }

    fn at(&self, byte: usize) -> usize {
        match &self.0 {
            None => byte,
            Some(starts) => starts.partition_point(|start| (*start as usize) < byte),
        }
    }
}
