//! Judges: models, moderation endpoints and webhooks that are asked whether a text may pass. What they are told, and what
//! their answers mean; who asks them is in `src/judge.rs`.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use super::{Role, profile::OnError};
use crate::{
    auth::Secret,
    problem::{Place, Problems, choices, nearest},
    units,
};

pub mod category;
pub mod prompt;
pub mod verdict;
pub mod webhook;

#[cfg(test)]
mod tests;

pub use prompt::{Question, Said};
pub use verdict::{Nonsense, Verdict};

use category::Category;

/// Somebody to ask whether a text may pass.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct JudgeConfig {
    /// Who is asked.
    pub kind: Kind,
    /// The model, as `provider/model` (`model`, `moderation`).
    #[serde(default)]
    pub model: Option<String>,
    /// How a model is asked and its answer read (`model`).
    #[serde(default)]
    pub style: Style,
    /// What a model is told instead of the style's own words (`model`): `{conversation}` and `{categories}` in it are
    /// filled in. The answer is read as the style says.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What is unsafe (`model`), by code; without it the fourteen categories of Llama Guard 3.
    #[serde(default)]
    pub categories: BTreeMap<String, Category>,
    /// Where a webhook is asked.
    #[serde(default)]
    pub url: Option<String>,
    /// Signs what a webhook is sent: `x-sluicegate-signature` is the HMAC-SHA256 of the body.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Headers that a webhook is sent, such as `authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// When it is asked, and so about what: prompts before or beside the call, answers after it.
    #[serde(default)]
    pub when: When,
    /// Whose texts of the conversation it is shown. An answer that is judged is always shown.
    #[serde(default = "JudgeConfig::usual_roles")]
    pub roles: Vec<Role>,
    /// How many of the last turns it is shown; 0 for all.
    #[serde(default)]
    pub last_turns: usize,
    /// How many characters it is shown at most: the last ones.
    #[serde(default = "JudgeConfig::usual_chars")]
    pub max_chars: usize,
    /// How long it may take, waiting for a place included.
    #[serde(default = "JudgeConfig::usual_timeout")]
    pub timeout: units::Duration,
    /// How long a verdict is remembered; 0 for never.
    #[serde(default = "JudgeConfig::usual_cache")]
    pub cache: units::Duration,
    /// How many questions it is asked at once; others wait.
    #[serde(default = "JudgeConfig::usual_concurrency")]
    pub concurrency: usize,
    /// The score from which on a category counts (`moderation`, and `json` where the answer has a score); without it what
    /// the answer calls flagged or unsafe counts.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// The categories that block; others are recorded only. Without it all do.
    #[serde(default)]
    pub block: Vec<String>,
    /// What is done with what it finds.
    #[serde(default)]
    pub action: Finds,
    /// What happens if it gives no verdict: it is down, slow, or cannot be understood.
    #[serde(default)]
    pub on_error: OnError,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A chat model behind one of the providers.
    Model,
    /// A provider's moderation endpoint.
    Moderation,
    /// A server of yours; see docs/GUARDS.md for what it is sent and what it answers.
    Webhook,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Moderation => "moderation",
            Self::Webhook => "webhook",
        }
    }
}

/// How a model is asked, and how its answer is read.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// The whole task in one message, in the form of Llama Guard; `safe`, or `unsafe` and a line of codes.
    #[default]
    LlamaGuard,
    /// The conversation as it is, for servers that put a guard model's task around it by themselves (the model's chat
    /// template); the answer is read as that of `llama_guard`.
    LlamaGuardChat,
    /// The task in the form of ShieldGemma; `Yes` (it violates) or `No`.
    ShieldGemma,
    /// The task for any model that follows instructions; a JSON object.
    Json,
}

/// When a judge is asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// About the prompt, before the provider is asked.
    #[default]
    Before,
    /// About the prompt, while the provider is asked: the answer is held until the verdict.
    Beside,
    /// About the answer, before any of it goes out.
    After,
}

/// What is done with what a judge finds.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Finds {
    /// The request is refused, or the answer is.
    #[default]
    Block,
    /// It is counted and recorded, and nothing waits for it.
    Observe,
}

/// The longest name of a judge.
const LONGEST_NAME: usize = 64;

impl JudgeConfig {
    fn usual_roles() -> Vec<Role> {
        vec![
            Role::User,
            Role::Assistant,
            Role::ToolResult,
            Role::Document,
        ]
    }

    const fn usual_chars() -> usize {
        16_000
    }

    const fn usual_timeout() -> units::Duration {
        units::Duration::secs(2)
    }

    const fn usual_cache() -> units::Duration {
        units::Duration::secs(300)
    }

    const fn usual_concurrency() -> usize {
        16
    }

    /// Checks the section of the judge called `name`. Whether the model's provider exists is checked where those are
    /// known.
    pub fn check(&self, name: &str, at: &Place, problems: &mut Problems) {
        let sane = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(sane) {
            problems.add(
                at.clone(),
                "a judge's name has letters, digits, `-` and `_` only",
            );
        }
        self.check_kind(at, problems);
        self.check_categories(at, problems);
        if let Some(prompt) = &self.prompt
            && !prompt.contains("{conversation}")
        {
            problems.add(at.key("prompt"), "must have `{conversation}` in it");
        }
        if let Some(url) = &self.url
            && let Err(why) = webhook::check_url(url)
        {
            problems.add(at.key("url"), why);
        }
        for (name, value) in &self.headers {
            if let Err(why) = webhook::check_header(name, value) {
                problems.add(at.key("headers").key(name), why);
            }
        }
        if self.secret.as_ref().is_some_and(|s| s.expose().len() < 8) {
            problems.add(
                at.key("secret"),
                "needs at least 8 characters (is a variable empty?)",
            );
        }
        if self.timeout.is_zero() || self.timeout > units::Duration::secs(600) {
            problems.add(at.key("timeout"), "must be more than 0 and at most 10m");
        }
        if !(1..=100_000).contains(&self.concurrency) {
            problems.add(at.key("concurrency"), "must be from 1 to 100000");
        }
        if self.max_chars == 0 {
            problems.add(at.key("max_chars"), "must be at least 1");
        }
        if self.roles.is_empty() && self.when != When::After {
            problems.add(at.key("roles"), "nobody's texts are judged");
        }
        if self.threshold.is_some_and(|t| !(0.0..=1.0).contains(&t)) {
            problems.add(at.key("threshold"), "must be from 0 to 1");
        }
    }

    /// Keys that a kind needs, and those that belong to other kinds.
    fn check_kind(&self, at: &Place, problems: &mut Problems) {
        let needs = |key: &str, problems: &mut Problems| {
            let what = format!("`kind: {}` needs `{key}`", self.kind.name());
            problems.add(at.clone(), what);
        };
        match self.kind {
            Kind::Model | Kind::Moderation if self.model.is_none() => needs("model", problems),
            Kind::Webhook if self.url.is_none() => needs("url", problems),
            _ => {}
        }
        let model_only = [
            ("prompt", self.prompt.is_some()),
            ("style", self.style != Style::default()),
            ("categories", !self.categories.is_empty()),
        ];
        let webhook_only = [
            ("url", self.url.is_some()),
            ("secret", self.secret.is_some()),
            ("headers", !self.headers.is_empty()),
        ];
        let rows = model_only
            .map(|(key, given)| (key, given, "model", self.kind == Kind::Model))
            .into_iter()
            .chain(webhook_only.map(|(key, given)| {
                let fits = self.kind == Kind::Webhook;
                (key, given, "webhook", fits)
            }))
            .chain([(
                "model",
                self.model.is_some(),
                "model` or `moderation",
                self.kind != Kind::Webhook,
            )]);
        for (key, given, kind, fits) in rows {
            if given && !fits {
                problems.add(at.key(key), format!("belongs to `kind: {kind}`"));
            }
        }
        if self.threshold.is_some() && self.kind == Kind::Webhook {
            problems.add(at.key("threshold"), "a webhook decides by itself");
        }
        let fixed = self.kind == Kind::Model && self.style == Style::LlamaGuardChat;
        if fixed && self.prompt.is_some() {
            problems.add(
                at.key("prompt"),
                "with `style: llama_guard_chat` the server writes the prompt",
            );
        }
    }

    fn check_categories(&self, at: &Place, problems: &mut Problems) {
        for (code, category) in &self.categories {
            let sane = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            let place = at.key("categories").key(code);
            if code.is_empty() || code.len() > 32 || !code.bytes().all(sane) {
                problems.add(
                    place,
                    "a category's code has letters, digits, `-` and `_` only",
                );
            } else if category.name().is_empty() {
                problems.add(place, "a category needs a name");
            }
        }
        if self.kind != Kind::Model {
            return;
        }
        let known = self.known();
        for (n, code) in self.block.iter().enumerate() {
            if known.contains_key(code) {
                continue;
            }
            let names = || known.keys().map(String::as_str);
            let hint = match nearest(code, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", choices(names())),
            };
            problems.add(
                at.key("block").index(n),
                format!("no category has the code `{code}`; {hint}"),
            );
        }
    }

    /// The categories that the model is told, by code.
    pub fn known(&self) -> BTreeMap<String, Category> {
        match self.categories.is_empty() {
            true => category::usual(),
            false => self.categories.clone(),
        }
    }

    /// Whether something waits for its verdict, where the profile enforces.
    pub fn holds(&self) -> bool {
        self.action == Finds::Block
    }
}

/// Verdicts that are remembered of one judge at most.
const MOST_VERDICTS: u64 = 20_000;

/// A verdict, or the place where the first who asks will put it.
type Cell = Arc<OnceCell<Verdict>>;

/// A judge that runs: what it said, and how many questions it has before it.
#[derive(Debug)]
pub struct Judge {
    /// Its name.
    pub name: Arc<str>,
    /// What it was made of.
    pub config: JudgeConfig,
    /// What it is told is unsafe.
    pub categories: BTreeMap<String, Category>,
    /// One for each question that it may be asked at once.
    pub places: Semaphore,
    verdicts: Option<moka::sync::Cache<[u8; 32], Cell>>,
}

impl Judge {
    /// A judge of a checked section.
    pub fn new(name: &str, config: &JudgeConfig) -> Self {
        let verdicts = (!config.cache.is_zero()).then(|| {
            moka::sync::Cache::builder()
                .max_capacity(MOST_VERDICTS)
                .time_to_live(config.cache.get())
                .build()
        });
        Self {
            name: name.into(),
            categories: config.known(),
            places: Semaphore::new(config.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            verdicts,
            config: config.clone(),
        }
    }

    /// Where the verdict over `told` stands or will stand: whoever comes first asks, and others wait for the same answer.
    /// `None` if nothing is remembered.
    pub fn cell(&self, told: &[u8]) -> Option<Cell> {
        let verdicts = self.verdicts.as_ref()?;
        let digest: [u8; 32] = Sha256::digest(told).into();
        Some(verdicts.get_with(digest, Cell::default))
    }

    /// What is left of the time for a question that came at `since`.
    pub fn time_left(&self, since: Instant) -> Duration {
        self.config.timeout.get().saturating_sub(since.elapsed())
    }
}
