//! `sluicegate guard report`: how good the guard is on labelled texts and requests.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{
    profile::{Action, Profile},
    scan::{self, HttpRow, Row},
    waf::Waf,
};

/// A labelled prompt.
#[derive(Debug, Deserialize)]
struct Prompt {
    text: String,
    #[serde(default)]
    role: super::Role,
    label: String,
    #[serde(default)]
    family: String,
    #[serde(default)]
    tier: String,
}

/// A text with labelled places.
#[derive(Debug, Deserialize)]
struct Labelled {
    text: String,
    spans: Vec<Place>,
}

/// A labelled place, in code points.
#[derive(Debug, Deserialize)]
struct Place {
    start: usize,
    end: usize,
    #[serde(rename = "type")]
    kind: String,
}

/// How long screening took.
#[derive(Default)]
struct Clock {
    bytes: usize,
    time: Duration,
}

impl Clock {
    fn of<T>(&mut self, bytes: usize, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.time += began.elapsed();
        self.bytes += bytes;
        done
    }

    fn tell(&self, out: &mut String) {
        let each = self.time.as_secs_f64() * 1e6 / (self.bytes.max(1) as f64 / 1024.0);
        let _ = writeln!(
            out,
            "{} KB in {:.0} ms: {each:.1} us per KB",
            self.bytes / 1024,
            self.time.as_secs_f64() * 1e3
        );
    }
}

fn rows<'t, T: Deserialize<'t>>(text: &'t str) -> Result<Vec<T>, String> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(n, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", n + 1))
        })
        .collect()
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

/// Recall of attacks at fixed rates of false positives, by tier and family, and false positives of honest families at the
/// profile's thresholds. `text` has lines `{"text","label","family","tier","role"?}`.
///
/// # Errors
/// Which line makes no sense.
pub fn prompts(profile: &Profile, text: &str) -> Result<String, String> {
    let mut clock = Clock::default();
    let mut scored = Vec::new();
    for prompt in rows::<Prompt>(text)? {
        let row = Row {
            id: serde_json::Value::Null,
            text: prompt.text.clone(),
            role: prompt.role,
        };
        let report = clock.of(prompt.text.len(), || scan::scan(profile, &row));
        scored.push((
            prompt,
            report.injection,
            report.action == Action::Block.name(),
        ));
    }
    let mut honest: Vec<f64> = scored
        .iter()
        .filter(|(prompt, ..)| prompt.label == "benign")
        .map(|(_, score, _)| *score)
        .collect();
    honest.sort_by(|a, b| b.total_cmp(a));
    // The score above which so many of the honest ones are.
    let limit = |rate: f64| {
        let allowed = (honest.len() as f64 * rate).floor() as usize;
        honest.get(allowed).copied().unwrap_or(0.0)
    };
    let (one, tenth) = (limit(0.01), limit(0.001));
    let mut out = String::new();
    let mut attacks: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let mut others: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for (prompt, score, blocked) in &scored {
        if prompt.label == "benign" {
            let count = others.entry(&prompt.family).or_default();
            count[0] += 1;
            count[1] += usize::from(*blocked);
            continue;
        }
        let names = [
            "all attacks".to_owned(),
            format!("tier {}", prompt.tier),
            format!("  {}", prompt.family),
        ];
        for name in names {
            let count = attacks.entry(name).or_default();
            count[0] += 1;
            count[1] += usize::from(*score > one);
            count[2] += usize::from(*score > tenth);
            count[3] += usize::from(*blocked);
        }
    }
    let _ = writeln!(
        out,
        "{:32}{:>7}{:>12}{:>12}{:>12}",
        "attacks", "rows", "1 % FP", "0.1 % FP", "blocked"
    );
    for (name, [all, at_one, at_tenth, blocked]) in &attacks {
        let _ = writeln!(
            out,
            "{name:32}{all:>7}{:>12.3}{:>12.3}{:>12.3}",
            share(*at_one, *all),
            share(*at_tenth, *all),
            share(*blocked, *all)
        );
    }
    let _ = writeln!(out, "\n{:32}{:>7}{:>12}", "honest", "rows", "blocked");
    let all: usize = others.values().map(|c| c[0]).sum();
    let stopped: usize = others.values().map(|c| c[1]).sum();
    let total = ("all honest texts", [all, stopped]);
    for (name, [all, blocked]) in std::iter::once(total).chain(others) {
        let _ = writeln!(
            out,
            "{name:32}{all:>7}{:>11.2}%",
            100.0 * share(blocked, all)
        );
    }
    clock.tell(&mut out);
    Ok(out)
}

/// Precision and recall by type. A finding counts if its type is right and it overlaps a labelled place by at least half
/// of both together; each place counts once. `text` has lines `{"text","spans":[{"start","end","type"}]}`.
///
/// # Errors
/// Which line makes no sense.
pub fn places(profile: &Profile, text: &str) -> Result<String, String> {
    let mut clock = Clock::default();
    let mut table: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let (mut clean, mut flagged) = (0, 0);
    for labelled in rows::<Labelled>(text)? {
        let row = Row {
            id: serde_json::Value::Null,
            text: labelled.text,
            role: super::Role::User,
        };
        let report = clock.of(row.text.len(), || scan::scan(profile, &row));
        if labelled.spans.is_empty() {
            clean += 1;
            flagged += usize::from(!report.findings.is_empty());
        }
        let mut found = vec![false; labelled.spans.len()];
        for finding in &report.findings {
            let same = |place: &Place| {
                let end = place.end.min(finding.end);
                let both = end.saturating_sub(place.start.max(finding.start));
                let either = place.end.max(finding.end) - place.start.min(finding.start);
                place.kind == finding.kind && both > 0 && 2 * both >= either
            };
            let hit = (0..found.len()).find(|n| !found[*n] && same(&labelled.spans[*n]));
            let count = table.entry(finding.kind.clone()).or_default();
            match hit {
                Some(n) => {
                    found[n] = true;
                    count[0] += 1;
                }
                None => count[2] += 1,
            }
        }
        for (place, _) in labelled.spans.iter().zip(found).filter(|(_, found)| !found) {
            table.entry(place.kind.clone()).or_default()[1] += 1;
        }
    }
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:20}{:>7}{:>8}{:>7}{:>11}{:>9}{:>8}",
        "type", "found", "missed", "wrong", "precision", "recall", "F1"
    );
    for (kind, [hit, missed, wrong]) in table {
        let _ = writeln!(
            out,
            "{kind:20}{hit:>7}{missed:>8}{wrong:>7}{:>11.3}{:>9.3}{:>8.3}",
            share(hit, hit + wrong),
            share(hit, hit + missed),
            share(2 * hit, 2 * hit + missed + wrong)
        );
    }
    let _ = writeln!(
        out,
        "texts without places that were flagged: {flagged} of {clean}"
    );
    clock.tell(&mut out);
    Ok(out)
}

/// Detection and false positives of the firewall. `text` has lines
/// `{"method","path","headers","body","label","family"}`.
///
/// # Errors
/// Which line makes no sense.
pub fn requests(waf: &Waf, text: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Request {
        label: String,
        #[serde(default)]
        family: String,
        #[serde(flatten)]
        row: HttpRow,
    }
    let mut clock = Clock::default();
    let mut table: BTreeMap<(bool, String), [usize; 2]> = BTreeMap::new();
    for request in rows::<Request>(text)? {
        let report = clock.of(request.row.len(), || scan::http(waf, &request.row));
        let attack = request.label == "attack";
        let stopped = report.action == Action::Block.name();
        for family in [request.family, String::new()] {
            let count = table.entry((!attack, family)).or_default();
            count[0] += 1;
            count[1] += usize::from(stopped);
        }
    }
    let mut out = String::new();
    let _ = writeln!(out, "{:40}{:>7}{:>10}", "requests", "rows", "stopped");
    for ((honest, family), [all, stopped]) in table {
        let kind = if honest { "honest" } else { "attacks" };
        let _ = writeln!(
            out,
            "{:40}{all:>7}{:>9.2}%",
            format!("{kind} {family}"),
            100.0 * share(stopped, all)
        );
    }
    clock.tell(&mut out);
    Ok(out)
}
