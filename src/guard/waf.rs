//! The web application firewall: attacks on the HTTP surface around prompts.
//!
//! A request is cut into fields (path segments, query, headers, cookies, forms, JSON and so on). Each is written onto a
//! sheet as it came and as it reads once encodings are undone, and rules of the group `waf` run over it in one pass.
//! What patterns cannot say is worked out beside them and written onto the sheet as facts (`query:sql_tautology`,
//! `fetch:ssrf_metadata`), so that rules decide what a fact weighs. Scores add up as in the anomaly scoring of the OWASP
//! Core Rule Set (<https://coreruleset.org/docs/2-how-crs-works/2-1-anomaly_scoring/>).
//!
//! A field's text stands between the characters STX and ETX, so that rules can say `\x02` for its beginning and `\x03`
//! for its end.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Severity,
    database::Databases,
    engine::{BadRule, Engine},
    profile::Mode,
    rule::Rule,
};

mod address;
mod base64;
mod body;
mod decode;
mod fields;
mod head;
mod json;
mod sheet;
mod sqli;
#[cfg(test)]
mod tests;

use fields::Fields;
pub use fields::Part;

/// The group that its rules belong to.
pub const GROUP: &str = "waf";

/// How strict it is.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `observe` counts and records attacks, and lets them pass.
    pub mode: Mode,
    /// Rules up to this paranoia level run: 1 for everybody, 4 finds most and errs most.
    pub paranoia: u8,
    /// From which score on a request is an attack. One critical finding has 5.
    pub threshold: u32,
    /// Whether texts for models pass unread: asking a model about SQL injection is honest work.
    pub exempt_prompts: bool,
    /// Rules that are not used, by their ids.
    pub off: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            paranoia: 1,
            threshold: 5,
            exempt_prompts: true,
            off: Vec::new(),
        }
    }
}

/// A request before its body.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method as it came.
    pub method: &'a str,
    /// The target as it came, with its query.
    pub path_and_query: &'a str,
    /// Names and values in the order in which they came.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// A rule that found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The rule.
    pub rule: String,
    /// Where.
    pub part: Part,
    /// Which header, parameter or field, without its value.
    pub name: String,
    /// What it adds.
    pub score: u32,
}

/// What is to be thought of a request, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Sum over all rules that found something.
    pub score: u32,
    /// Each rule once, at the first place where it found something.
    pub hits: Vec<Hit>,
    /// Whether there was more than is looked at: too long, too deep or too many fields.
    pub capped: bool,
}

impl Verdict {
    /// Joins what is thought of two parts of one request; a rule counts once.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for hit in other.hits {
            if self.hits.iter().all(|mine| mine.rule != hit.rule) {
                self.score += hit.score;
                self.hits.push(hit);
            }
        }
        self.capped |= other.capped;
        self
    }
}

/// All rules of the WAF, ready to run.
pub struct Waf {
    engine: Arc<Engine>,
    /// Of each rule: its parts as bits, and its score.
    about: Vec<(u32, u32)>,
    settings: Settings,
}

impl std::fmt::Debug for Waf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waf")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Waf {
    /// Compiles those of the rules that belong to the WAF and to the paranoia level. Takes a second or more.
    ///
    /// # Errors
    /// Every rule that cannot be compiled.
    pub fn compile<'r>(
        rules: impl IntoIterator<Item = (&'r str, &'r Rule)>,
        settings: Settings,
        databases: &Databases,
    ) -> Result<Self, Vec<BadRule>> {
        let ours = |(group, rule): &(&str, &Rule)| {
            *group == GROUP
                && rule.paranoia <= settings.paranoia
                && !settings.off.contains(&rule.id)
        };
        let rules: Vec<_> = rules.into_iter().filter(ours).collect();
        let engine = databases.engine(&rules)?;
        let about = engine
            .rules()
            .iter()
            .map(|c| (parts(&c.rule), score(c.rule.severity)))
            .collect();
        Ok(Self {
            engine,
            about,
            settings,
        })
    }

    /// Everything before the body.
    #[must_use]
    pub fn head(&self, head: &Head) -> Verdict {
        let mut fields = Fields::default();
        head::collect(head, &mut fields);
        self.judge(&fields)
    }

    /// What is in the body but for texts for models.
    #[must_use]
    pub fn body(&self, content_type: &str, body: &[u8]) -> Verdict {
        let mut fields = Fields::default();
        body::collect(
            content_type,
            body,
            self.settings.exempt_prompts,
            &mut fields,
        );
        self.judge(&fields)
    }

    /// Whether a verdict is one of an attack.
    #[must_use]
    pub const fn is_attack(&self, verdict: &Verdict) -> bool {
        verdict.score >= self.settings.threshold
    }

    /// How strict it is.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The compiled rules.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs the examples of all rules and says which are wrong.
    #[must_use]
    pub fn check_examples(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for compiled in self.engine.rules() {
            let rule = &compiled.rule;
            let part = match rule.parts.iter().copied().find(|p| *p != Part::Fact) {
                Some(part) => part,
                None if rule.patterns.iter().any(|p| p.contains("odd_model")) => Part::Model,
                None => Part::Query,
            };
            let found = |value: &String| {
                let mut fields = Fields::default();
                fields.push(part, "example", value.as_str());
                self.judge(&fields)
                    .hits
                    .iter()
                    .any(|hit| hit.rule == rule.id)
            };
            // Facts about a request as a whole have no text that could be an example; tests.rs has them.
            if rule.parts != [Part::Fact] && (rule.catches.is_empty() || rule.leaves.is_empty()) {
                wrong.push(format!("{}: needs examples", rule.id));
            }
            wrong.extend(
                rule.catches
                    .iter()
                    .filter(|t| !found(t))
                    .map(|t| format!("{}: does not catch {t:?}", rule.id)),
            );
            wrong.extend(
                rule.leaves
                    .iter()
                    .filter(|t| found(t))
                    .map(|t| format!("{}: does not leave {t:?}", rule.id)),
            );
        }
        wrong
    }

    fn judge(&self, fields: &Fields) -> Verdict {
        let written = sheet::write(fields);
        let part_of = |text: u32| written.places[text as usize];
        let (hits, overflown) = self.engine.hits(&written.sheet, |rule, segment| {
            let (field, fact) = part_of(segment.text);
            let part = if fact {
                Part::Fact
            } else {
                fields.list[field as usize].part
            };
            self.about[rule as usize].0 & part.bit() != 0
        });
        let mut verdict = Verdict {
            capped: fields.capped || written.capped || overflown,
            ..Verdict::default()
        };
        let mut last = u32::MAX;
        for (rule, text) in hits {
            if rule == last {
                continue;
            }
            last = rule;
            let field = &fields.list[part_of(text).0 as usize];
            let score = self.about[rule as usize].1;
            verdict.score += score;
            verdict.hits.push(Hit {
                rule: self.engine.rules()[rule as usize].rule.id.clone(),
                part: field.part,
                name: field.name.to_string(),
                score,
            });
        }
        verdict
    }
}

/// The parts that a rule looks at, as bits.
fn parts(rule: &Rule) -> u32 {
    match rule.parts.as_slice() {
        [] => Part::WRITTEN_BY_CLIENTS,
        some => some.iter().fold(0, |bits, part| bits | part.bit()),
    }
}

/// What a finding adds, as in the OWASP Core Rule Set.
const fn score(severity: Severity) -> u32 {
    match severity {
        Severity::Critical => 5,
        Severity::High => 4,
        Severity::Medium => 3,
        Severity::Low => 2,
    }
}
