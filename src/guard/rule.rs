//! Rules as data: what `conf/rules/*.yaml` and operators' own files say.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Role, Severity, confirm};
use crate::problem::{Place, Problems, nearest};

/// A file of rules.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// The group that its rules belong to: `personal_data`, `secrets`, `injection`, `waf`, or one of your own.
    pub group: String,
    /// Where the facts in it come from.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One thing to find.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, unique over all files: `iban`, `github_token`.
    pub id: String,
    /// What a finding is called: `EMAIL`, `SECRET`. By default the id in capitals.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// For people who read findings.
    #[serde(default)]
    pub description: Option<String>,
    /// Regular expressions as Hyperscan and Rust's `regex` both know them: no look-around, no back-references.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Words or phrases, found as whole words in any case.
    #[serde(default)]
    pub words: Vec<String>,
    /// Whether the patterns match in any case.
    #[serde(default)]
    pub caseless: bool,
    /// A regular expression over what a pattern matched, whose first group is the finding.
    #[serde(default)]
    pub value: Option<String>,
    /// A check that a match must pass: `luhn`, `iban` …; docs/GUARDS.md lists them.
    #[serde(default)]
    pub confirm: Option<String>,
    /// Words near a match, without which it does not count.
    #[serde(default)]
    pub context: Option<Context>,
    /// Words near a match, with which it does not count.
    #[serde(default)]
    pub unless: Option<Context>,
    /// Which finding stays where two overlap: the higher rank, then the longer, then the earlier.
    #[serde(default = "middle")]
    pub rank: u8,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// Of rules of injection: how much it adds to the log-odds of an attack.
    #[serde(default)]
    pub weight: f32,
    /// In whose texts; by default in all.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Of rules of the WAF: from which paranoia level on, 1 to 4.
    #[serde(default = "first")]
    pub paranoia: u8,
    /// Of rules of the WAF: the parts of a request that it looks at; by default all that clients write.
    #[serde(default)]
    pub parts: Vec<super::waf::Part>,
    /// Longest thing that it finds, in bytes, where the patterns have no limit of their own: what a stream holds back.
    #[serde(default)]
    pub reach: Option<u32>,
    /// How many digits are in whatever passes, where the patterns alone allow for fewer.
    #[serde(default)]
    pub digits: u8,
    /// Texts in which it must find something.
    #[serde(default)]
    pub catches: Vec<String>,
    /// Texts in which it must find nothing.
    #[serde(default)]
    pub leaves: Vec<String>,
}

/// Words near a match.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Any of these, as whole words in any case.
    pub words: Vec<String>,
    /// How near, in bytes.
    #[serde(default = "near")]
    pub within: u16,
    /// Whether words behind the match count, too.
    #[serde(default)]
    pub after: bool,
}

impl RuleFile {
    /// Checks a file of rules.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        let sane = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.group.is_empty() || !self.group.chars().all(sane) {
            problems.add(
                at.key("group"),
                "a group's name has small letters, digits and `_` only",
            );
        }
        for (n, rule) in self.rules.iter().enumerate() {
            let place = at.key("rules").index(n);
            rule.check(&place, problems);
            if self.rules[..n].iter().any(|r| r.id == rule.id) {
                problems.add(
                    place.key("id"),
                    format!("two rules have the id `{}`", rule.id),
                );
            }
        }
    }
}

impl Rule {
    /// Checks what the types cannot say.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        let sane = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(sane) {
            problems.add(
                at.key("id"),
                "an id has letters, digits, `_` and `-` only, at most 64 of them",
            );
        }
        if self.patterns.is_empty() && self.words.is_empty() {
            problems.add(at.clone(), "needs `patterns` or `words`");
        }
        if let Some(name) = &self.confirm
            && confirm::named(name).is_none()
        {
            let hint = match nearest(name, confirm::names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "docs/GUARDS.md lists them".to_owned(),
            };
            problems.add(
                at.key("confirm"),
                format!("no check is called `{name}`; {hint}"),
            );
        }
        for (n, word) in self.words.iter().enumerate() {
            if word.trim().is_empty() {
                problems.add(at.key("words").index(n), "is empty");
            }
        }
    }

    /// What its findings are called.
    pub fn kind(&self) -> String {
        self.kind.clone().unwrap_or_else(|| self.id.to_uppercase())
    }

    /// Its patterns and words as regular expressions, each with whether case does not matter.
    pub fn expressions(&self) -> impl Iterator<Item = (String, bool)> {
        let patterns = self.patterns.iter().map(|p| (p.clone(), self.caseless));
        let words = self.words.iter().map(|w| (words_pattern(&[w]), true));
        patterns.chain(words)
    }
}

/// Words as a pattern: where one begins or ends with a letter or digit of ASCII, a border must be there.
fn words_pattern(words: &[&str]) -> String {
    joined(words, r"\b", r"\s+")
}

/// The same for words near a match, which may be part of a key: `date_of_birth`, `dateOfBirth`, `passport-no`.
pub(super) fn near_pattern(words: &[&str]) -> String {
    joined(words, r"(?:\b|_)", r"[\s_-]*")
}

fn joined(words: &[&str], border: &str, gap: &str) -> String {
    let at = |c: Option<char>| {
        if c.is_some_and(|c| c.is_ascii_alphanumeric()) {
            border
        } else {
            ""
        }
    };
    let each: Vec<String> = words
        .iter()
        .map(|word| {
            let parts: Vec<String> = word.split_whitespace().map(regex::escape).collect();
            let (first, last) = (word.chars().next(), word.chars().last());
            format!("{}{}{}", at(first), parts.join(gap), at(last))
        })
        .collect();
    format!("(?:{})", each.join("|"))
}

const fn first() -> u8 {
    1
}

const fn middle() -> u8 {
    50
}

const fn near() -> u16 {
    48
}
