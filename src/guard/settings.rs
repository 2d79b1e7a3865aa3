//! The section `guards` of the configuration, and the state that it stands for.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    database::Databases,
    engine::BadRule,
    judge::{Judge, JudgeConfig},
    profile::{LEAK, OWN_GROUP, Profile, ProfileConfig},
    redact::Vault,
    rule::{Rule, RuleFile},
    waf::{self, Waf},
};
use crate::{
    auth::Secret,
    problem::{Place, Problems, choices, nearest},
    units,
};

/// What is looked for in requests and answers, and what is done with it; see docs/GUARDS.md.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct GuardsConfig {
    /// The profile for requests whose key and route name none. `default` exists without being defined; without this key
    /// such requests are not screened.
    pub profile: Option<String>,
    /// Profiles, by name.
    pub profiles: BTreeMap<String, ProfileConfig>,
    /// Models, moderation endpoints and webhooks that profiles ask, by name.
    pub judges: BTreeMap<String, JudgeConfig>,
    /// The firewall for what is no prompt: path, query, headers and control fields. Not used unless it stands here.
    pub waf: Option<waf::Settings>,
    /// Files with further rules, in the form of those in `conf/rules`.
    pub rules: Vec<String>,
    /// Rules of your own in a line: project names, customer numbers, words. Their group is `own`.
    pub patterns: Vec<Rule>,
    /// How long the placeholders of a conversation are remembered, whose requests name it in the header
    /// `x-sluicegate-conversation`. Others are forgotten with their request.
    pub conversation_memory: units::Duration,
    /// Makes hashes that others cannot compute, and the same on all nodes. Made up at each start if it is not given.
    pub hash_key: Option<Secret>,
    /// Folder for compiled rules, so that a start takes milliseconds and not seconds; `none` for none. By default
    /// `sluicegate` in the user's cache folder.
    pub cache: Option<String>,
}

impl Default for GuardsConfig {
    fn default() -> Self {
        Self {
            profile: None,
            profiles: BTreeMap::new(),
            judges: BTreeMap::new(),
            waf: None,
            rules: Vec::new(),
            patterns: Vec::new(),
            conversation_memory: units::Duration::secs(3600),
            hash_key: None,
            cache: None,
        }
    }
}

impl GuardsConfig {
    /// The names that keys and routes may use.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let defined = self.profiles.keys().map(String::as_str);
        let own = self.profiles.contains_key("default");
        defined.chain((!own).then_some("default"))
    }

    /// Checks the name of a profile where one is named.
    pub fn check_name(&self, name: &str, at: &Place, problems: &mut Problems) {
        if self.names().any(|n| n == name) {
            return;
        }
        let hint = match nearest(name, self.names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("defined: {}", choices(self.names())),
        };
        problems.add(
            at.clone(),
            format!("no guard profile has the name `{name}`; {hint}"),
        );
    }

    /// Checks the section; `files` are all files of rules, the built-in ones first.
    pub fn check(&self, files: &[&RuleFile], at: &Place, problems: &mut Problems) {
        if let Some(name) = &self.profile {
            self.check_name(name, &at.key("profile"), problems);
        }
        let own = self.own_file();
        let mut all = files.to_vec();
        all.push(&own);
        for (name, profile) in &self.profiles {
            let place = at.key("profiles").key(name);
            profile.check(&all, &place, problems);
            for (n, judge) in profile.judges.iter().enumerate() {
                self.check_judge(judge, &place.key("judges").index(n), problems);
            }
        }
        for (name, judge) in &self.judges {
            judge.check(name, &at.key("judges").key(name), problems);
        }
        for (n, rule) in self.patterns.iter().enumerate() {
            let place = at.key("patterns").index(n);
            rule.check(&place, problems);
            let twice = files
                .iter()
                .flat_map(|f| &f.rules)
                .chain(&self.patterns[..n])
                .any(|r| r.id == rule.id);
            if twice {
                problems.add(
                    place.key("id"),
                    format!("another rule has the id `{}`", rule.id),
                );
            }
        }
    }

    fn check_judge(&self, name: &str, at: &Place, problems: &mut Problems) {
        if self.judges.contains_key(name) {
            return;
        }
        let names = || self.judges.keys().map(String::as_str);
        let hint = match nearest(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("defined: {}", choices(names())),
        };
        problems.add(
            at.clone(),
            format!("no judge in `guards.judges` has the name `{name}`; {hint}"),
        );
    }

    /// The rules in a line, as a file.
    pub fn own_file(&self) -> RuleFile {
        RuleFile {
            group: OWN_GROUP.to_owned(),
            sources: Vec::new(),
            rules: self.patterns.clone(),
        }
    }

    fn folder(&self) -> Option<PathBuf> {
        match self.cache.as_deref() {
            Some("none") => None,
            Some(folder) => Some(PathBuf::from(folder)),
            None => Databases::usual_folder(),
        }
    }
}

/// The guards of a running configuration.
#[derive(Debug)]
pub struct Guards {
    profiles: BTreeMap<String, Arc<Profile>>,
    judges: BTreeMap<String, Arc<Judge>>,
    default: Option<Arc<Profile>>,
    waf: Option<Arc<Waf>>,
    conversations: Conversations,
    databases: Arc<Databases>,
    made_from: (GuardsConfig, Vec<RuleFile>),
}

impl Guards {
    /// Compiles all profiles that are in use: those of `named`, and the default. What `old` has and did not change is
    /// taken over.
    ///
    /// # Errors
    /// What is wrong with which rule.
    pub fn build(
        config: &GuardsConfig,
        builtin: &[RuleFile],
        http: &[RuleFile],
        more: Vec<RuleFile>,
        named: &[&str],
        old: Option<&Self>,
    ) -> Result<Self, String> {
        let made_from = (config.clone(), more);
        let same = old.filter(|old| old.made_from == made_from);
        let databases = match old {
            Some(old) if old.made_from.0.cache == config.cache => old.databases.clone(),
            _ => Arc::new(Databases::new(config.folder())),
        };
        let hash_key: Arc<[u8]> = match &config.hash_key {
            Some(key) => key.expose().as_bytes().into(),
            None => Vault::new().tag().as_bytes().into(),
        };
        let own = config.own_file();
        let mut profiles = BTreeMap::new();
        for name in named.iter().copied().chain(config.profile.as_deref()) {
            if profiles.contains_key(name) {
                continue;
            }
            if let Some(kept) = same.and_then(|old| old.profiles.get(name)) {
                profiles.insert(name.to_owned(), kept.clone());
                continue;
            }
            let usual = ProfileConfig::default();
            let profile = config.profiles.get(name).unwrap_or(&usual);
            let canaries = profile.canary_file();
            let files: Vec<&RuleFile> = builtin
                .iter()
                .chain(&made_from.1)
                .chain([&own, &canaries])
                .collect();
            let built = Profile::build(name, profile, &files, &databases, hash_key.clone())
                .map_err(|bad| format!("guards.profiles.{name}: {}", list(&bad)))?;
            profiles.insert(name.to_owned(), Arc::new(built));
        }
        // One that did not change keeps its verdicts, and its questions under way count.
        let judge = |(name, section): (&String, &JudgeConfig)| {
            let kept = old.and_then(|old| old.judges.get(name));
            let kept = kept.filter(|judge| judge.config == *section).cloned();
            let judge = kept.unwrap_or_else(|| Arc::new(Judge::new(name, section)));
            (name.clone(), judge)
        };
        let judges = config.judges.iter().map(judge).collect();
        let default = config
            .profile
            .as_ref()
            .and_then(|n| profiles.get(n))
            .cloned();
        let waf = match (&config.waf, same.and_then(|old| old.waf.as_ref())) {
            (None, _) => None,
            (Some(_), Some(kept)) => Some(kept.clone()),
            (Some(settings), None) => {
                let rules = http
                    .iter()
                    .chain(&made_from.1)
                    .flat_map(|file| file.rules.iter().map(|rule| (file.group.as_str(), rule)));
                let waf = Waf::compile(rules, settings.clone(), &databases)
                    .map_err(|bad| format!("guards.waf: {}", list(&bad)))?;
                Some(Arc::new(waf))
            }
        };
        let conversations = match old {
            Some(old) if old.conversations.memory == config.conversation_memory.get() => {
                old.conversations.clone()
            }
            _ => Conversations::new(config.conversation_memory.get()),
        };
        Ok(Self {
            profiles,
            judges,
            default,
            waf,
            conversations,
            databases,
            made_from,
        })
    }

    /// The profile of this name, or the default one.
    pub fn profile(&self, name: Option<&str>) -> Option<&Arc<Profile>> {
        match name {
            Some(name) => self.profiles.get(name),
            None => self.default.as_ref(),
        }
    }

    /// Whether any request may be looked at.
    pub fn screens(&self) -> bool {
        self.waf.is_some() || !self.profiles.is_empty()
    }

    /// The firewall for what is no prompt.
    pub const fn waf(&self) -> Option<&Arc<Waf>> {
        self.waf.as_ref()
    }

    /// The judges that a profile asks.
    pub fn judges<'a>(&'a self, profile: &'a Profile) -> impl Iterator<Item = &'a Arc<Judge>> {
        let names = profile.config.judges.iter();
        names.filter_map(|name| self.judges.get(name))
    }

    /// The placeholders of conversations.
    pub const fn conversations(&self) -> &Conversations {
        &self.conversations
    }
}

fn list(bad: &[BadRule]) -> String {
    let lines: Vec<String> = bad.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl ProfileConfig {
    /// The canaries as rules.
    fn canary_file(&self) -> RuleFile {
        let rule = |(n, text): (usize, &String)| Rule {
            id: format!("canary_{}", n + 1),
            kind: Some("CANARY".to_owned()),
            words: vec![text.clone()],
            ..Rule::default()
        };
        RuleFile {
            group: LEAK.to_owned(),
            sources: Vec::new(),
            rules: self.canaries.iter().enumerate().map(rule).collect(),
        }
    }
}

/// Conversations of which placeholders are remembered at most.
const MOST_CONVERSATIONS: u64 = 100_000;

/// The vaults of conversations, by the key's name and the id that the client stated.
#[derive(Clone, Debug)]
pub struct Conversations {
    vaults: moka::sync::Cache<(Arc<str>, String), Arc<Mutex<Vault>>>,
    memory: Duration,
}

impl Conversations {
    fn new(memory: Duration) -> Self {
        let vaults = moka::sync::Cache::builder()
            .max_capacity(MOST_CONVERSATIONS)
            .time_to_idle(memory)
            .build();
        Self { vaults, memory }
    }

    /// The vault of a conversation; a new one if it is not remembered.
    pub fn vault(&self, key: &Arc<str>, conversation: &str) -> Arc<Mutex<Vault>> {
        self.vaults
            .get_with((key.clone(), conversation.to_owned()), Arc::default)
    }
}
