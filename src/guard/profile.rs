//! Profiles: which rules hold for whom, and what is done with what they find.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    database::Databases,
    engine::{BadRule, Engine},
    rule::{Rule, RuleFile},
    window::Starts,
};
use crate::problem::{Place, Problems, choices, nearest};

/// Whether findings change anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Actions are taken.
    #[default]
    Enforce,
    /// Findings are counted and recorded, and nothing is changed or held back.
    Observe,
}

/// What is done with a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The rule is not used.
    Off,
    /// It is counted and recorded.
    Observe,
    /// A placeholder stands in its place; in the answer the original comes back.
    Redact,
    /// Something of the same form stands in its place; in the answer the original comes back.
    Synthetic,
    /// Stars stand in its place, but for the last four letters or digits.
    Mask,
    /// A keyed hash stands in its place.
    Hash,
    /// Its type stands in its place, for good.
    Remove,
    /// Of injections: the part that gives instructions is taken out, and the rest is fenced as data.
    Sanitize,
    /// The request is refused, or the answer ends.
    Block,
}

impl Action {
    /// Its name in headers, metrics and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Redact => "redact",
            Self::Synthetic => "synthetic",
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Remove => "remove",
            Self::Sanitize => "sanitize",
            Self::Block => "block",
        }
    }

    /// Whether it changes or stops a text.
    pub const fn is_enforced(self) -> bool {
        !matches!(self, Self::Off | Self::Observe)
    }
}

/// What a profile is made of. Keys of `prompts` and `answers` are groups (`personal_data`), types (`EMAIL`) or rules
/// (`us_ssn`); a rule's own key goes before its type's, and that before its group's.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileConfig {
    /// `observe` counts and records what would be done, and changes nothing.
    pub mode: Mode,
    /// What is done with findings in requests.
    pub prompts: BTreeMap<String, Action>,
    /// What is done with findings in answers.
    pub answers: BTreeMap<String, Action>,
    /// When a text counts as an injection.
    pub injection: Thresholds,
    /// Texts that must never come out: put them into system prompts, and an answer that repeats one is a leak.
    pub canaries: Vec<String>,
    /// Judges to ask, by their names in `guards.judges`.
    pub judges: Vec<String>,
    /// Record the text that was found, too. Whoever reads the log then reads the secrets.
    pub record_matches: bool,
    /// What happens to a request or an answer that could not be screened: it is too deep, or has too many findings.
    pub on_error: OnError,
}

impl Default for ProfileConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            prompts: BTreeMap::new(),
            answers: BTreeMap::new(),
            injection: Thresholds::default(),
            canaries: Vec::new(),
            judges: Vec::new(),
            record_matches: false,
            on_error: OnError::Block,
        }
    }
}

/// What happens where a guard fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The request is refused.
    #[default]
    Block,
    /// It goes on; a header and a metric say so.
    Allow,
}

/// Scores from 0 to 1 from which on a text counts as an injection, by who wrote it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Of users.
    pub user: f32,
    /// Of tools and documents.
    pub data: f32,
    /// Of the application itself: system prompts and tool definitions.
    pub trusted: f32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            user: 0.5,
            data: 0.5,
            trusted: 0.98,
        }
    }
}

/// Groups whose findings are handled without a word of the operator, in requests and in answers.
const DEFAULTS: [(&str, Action, Action); 5] = [
    ("personal_data", Action::Redact, Action::Observe),
    ("secrets", Action::Redact, Action::Mask),
    // Recognisers of names and addresses are good, but not exact.
    ("names", Action::Off, Action::Off),
    ("injection", Action::Block, Action::Off),
    ("leak", Action::Off, Action::Observe),
];

/// What is done with findings of groups that operators add.
const OWN: (Action, Action) = (Action::Block, Action::Block);

/// The group of `guards.patterns`.
pub const OWN_GROUP: &str = "own";

/// The group of system prompts and canaries that come out in answers.
pub const LEAK: &str = "leak";

/// The group of credentials.
const SECRETS: &str = "secrets";

/// The group of attacks on the model.
pub const INJECTION: &str = "injection";

/// A profile, ready to use.
#[derive(Debug)]
pub struct Profile {
    /// Its name.
    pub name: Arc<str>,
    /// What it was made of.
    pub config: ProfileConfig,
    /// Its rules.
    pub engine: Arc<Engine>,
    /// What enforced rules over answers can begin with; nothing if none is enforced.
    pub starts: Option<Starts>,
    /// What is done with attacks on the model.
    pub injection: Action,
    /// What is done with answers that repeat the system prompt.
    pub leak: Action,
    /// Makes hashes that others cannot compute.
    pub hash_key: Arc<[u8]>,
    prompts: Vec<Action>,
    answers: Vec<Action>,
}

/// Which way a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To a provider.
    Prompt,
    /// To the client.
    Answer,
}

impl Direction {
    /// Its name in metrics and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Answer => "answer",
        }
    }
}

impl ProfileConfig {
    /// Checks that everything it names exists.
    pub fn check(&self, files: &[&RuleFile], at: &Place, problems: &mut Problems) {
        for (map, key) in [(&self.prompts, "prompts"), (&self.answers, "answers")] {
            for name in map.keys() {
                let known = name == LEAK
                    || files.iter().any(|file| {
                        file.group == *name
                            || file
                                .rules
                                .iter()
                                .any(|r| r.id == *name || r.kind() == *name)
                    });
                if !known {
                    let groups = groups(files);
                    let all = files
                        .iter()
                        .flat_map(|f| f.rules.iter())
                        .flat_map(|r| [r.id.clone(), r.kind()])
                        .chain(groups.iter().cloned());
                    let all: Vec<String> = all.collect();
                    let hint = match nearest(name, all.iter().map(String::as_str)) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("groups: {}", choices(groups.iter().map(String::as_str))),
                    };
                    problems.add(
                        at.key(key).key(name),
                        format!("no group, type or rule has the name `{name}`; {hint}"),
                    );
                }
            }
        }
        for (name, action) in &self.answers {
            if *action == Action::Sanitize {
                problems.add(
                    at.key("answers").key(name),
                    "`sanitize` is for requests; an answer can be observed, masked or blocked",
                );
            }
        }
        for (name, value) in [
            ("user", self.injection.user),
            ("data", self.injection.data),
            ("trusted", self.injection.trusted),
        ] {
            if !(0.0..=1.0).contains(&value) {
                problems.add(at.key("injection").key(name), "must be from 0 to 1");
            }
        }
        for (n, canary) in self.canaries.iter().enumerate() {
            if canary.len() < 8 {
                problems.add(
                    at.key("canaries").index(n),
                    "a canary needs at least 8 characters, or honest answers would hold it",
                );
            }
        }
    }

    /// What is done with the findings of a rule.
    fn action(&self, direction: Direction, group: &str, rule: &Rule) -> Action {
        let map = match direction {
            Direction::Prompt => &self.prompts,
            Direction::Answer => &self.answers,
        };
        let said = map
            .get(&rule.id)
            .or_else(|| map.get(&rule.kind()))
            .or_else(|| map.get(group));
        let action = said
            .copied()
            .unwrap_or_else(|| by_default(direction, group));
        self.in_mode(action)
    }

    fn group_action(&self, direction: Direction, group: &str) -> Action {
        let map = match direction {
            Direction::Prompt => &self.prompts,
            Direction::Answer => &self.answers,
        };
        let said = map.get(group).copied();
        self.in_mode(said.unwrap_or_else(|| by_default(direction, group)))
    }

    const fn in_mode(&self, action: Action) -> Action {
        match (self.mode, action) {
            (_, Action::Off) => Action::Off,
            (Mode::Observe, _) => Action::Observe,
            (Mode::Enforce, action) => action,
        }
    }
}

fn by_default(direction: Direction, group: &str) -> Action {
    let (prompt, answer) = DEFAULTS
        .iter()
        .find(|(name, ..)| *name == group)
        .map_or(OWN, |(_, prompt, answer)| (*prompt, *answer));
    match direction {
        Direction::Prompt => prompt,
        Direction::Answer => answer,
    }
}

fn groups(files: &[&RuleFile]) -> Vec<String> {
    let mut groups: Vec<String> = files.iter().map(|f| f.group.clone()).collect();
    groups.push(LEAK.to_owned());
    groups.sort();
    groups.dedup();
    groups
}

impl Profile {
    /// Compiles a profile. Takes seconds, unless `databases` has what it needs.
    ///
    /// # Errors
    /// Every rule that cannot be compiled.
    pub fn build(
        name: &str,
        config: &ProfileConfig,
        files: &[&RuleFile],
        databases: &Databases,
        hash_key: Arc<[u8]>,
    ) -> Result<Self, Vec<BadRule>> {
        let rules = files.iter().flat_map(|file| {
            let group = file.group.as_str();
            // Those of the firewall look at other things than texts.
            let rules = file
                .rules
                .iter()
                .filter(move |_| group != super::waf::GROUP);
            rules.map(move |rule| (group, rule))
        });
        let action = |direction, group: &str, rule: &Rule| config.action(direction, group, rule);
        let used: Vec<(&str, &Rule)> = rules
            .filter(|(group, rule)| {
                action(Direction::Prompt, group, rule) != Action::Off
                    || action(Direction::Answer, group, rule) != Action::Off
            })
            .collect();
        let each = |direction| -> Vec<Action> {
            let actions = used
                .iter()
                .map(|(group, rule)| action(direction, group, rule));
            actions.collect()
        };
        let (prompts, answers) = (each(Direction::Prompt), each(Direction::Answer));
        let engine = databases.engine(&used)?;
        let enforced = |keys: bool| -> Vec<(String, bool)> {
            used.iter()
                .zip(&answers)
                .filter(|((group, _), action)| action.is_enforced() && *group != INJECTION)
                .filter(|((group, _), _)| (*group == SECRETS) == keys)
                .flat_map(|((_, rule), _)| rule.expressions())
                .collect()
        };
        let (patterns, keys) = (enforced(false), enforced(true));
        let starts = if patterns.is_empty() && keys.is_empty() {
            None
        } else {
            let patterns = patterns.iter().map(|(p, caseless)| (p.as_str(), *caseless));
            let keys = keys.iter().map(|(p, caseless)| (p.as_str(), *caseless));
            Some(Starts::new(patterns, keys).map_err(|what| {
                vec![BadRule {
                    id: "all rules over answers".to_owned(),
                    what,
                }]
            })?)
        };
        Ok(Self {
            name: name.into(),
            engine,
            starts,
            injection: config.group_action(Direction::Prompt, INJECTION),
            leak: config.group_action(Direction::Answer, LEAK),
            hash_key,
            prompts,
            answers,
            config: config.clone(),
        })
    }

    /// What is done with findings of a rule, by its number in the engine.
    pub fn action(&self, direction: Direction, rule: u32) -> Action {
        let actions = match direction {
            Direction::Prompt => &self.prompts,
            Direction::Answer => &self.answers,
        };
        actions.get(rule as usize).copied().unwrap_or(Action::Off)
    }

    /// Whether any rule looks at texts that go this way.
    pub fn looks_at(&self, direction: Direction) -> bool {
        let actions = match direction {
            Direction::Prompt => &self.prompts,
            Direction::Answer => &self.answers,
        };
        actions.iter().any(|action| *action != Action::Off)
    }
}
