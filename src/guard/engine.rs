//! One Hyperscan database for all rules of a profile: every text is read once.
//!
//! A rule has patterns and words; each becomes an expression of the database. Hyperscan tells ends, and with
//! `SOM_LEFTMOST` starts; of all matches of an expression that begin at one place the longest counts. What is left is
//! confirmed, and where findings overlap one stays.

use std::{
    cell::RefCell,
    fmt,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use hyperscan::{BlockDatabase, Matching, Pattern, PatternFlags, Scratch};
use regex::{Regex, bytes};

use super::{
    Finding, Text,
    confirm::{self, Confirm, Match},
    database::{Databases, Source},
    rule::{Context, Rule, near_pattern},
    view::{Segment, Sheet},
};

/// Matches that are looked at in one pass at most: an adversary can write millions of them.
pub const MOST_MATCHES: usize = 100_000;

/// How far back the start of a match is looked for where Hyperscan does not tell it, in bytes.
const FAR_BACK: usize = 1024;

/// Engines whose scratch space a thread remembers.
const MOST_FITS: usize = 64;

/// Findings of one pass at most.
pub const MOST_FINDINGS: usize = 10_000;

/// All rules of a profile, ready to scan.
pub struct Engine {
    database: BlockDatabase,
    /// Tells engines apart.
    number: u64,
    rules: Vec<Compiled>,
    /// The rule of each expression, and whether Hyperscan tells where its matches begin.
    expressions: Vec<Expression>,
}

struct Expression {
    rule: u32,
    /// Finds the start, where Hyperscan could not.
    start: Option<bytes::Regex>,
}

/// A rule that was compiled.
pub struct Compiled {
    /// The rule as it was written.
    pub rule: Rule,
    /// The group of its file.
    pub group: String,
    /// What its findings are called.
    pub kind: String,
    confirm: Option<Confirm>,
    value: Option<Regex>,
    context: Option<Near>,
    unless: Option<Near>,
    roles: u32,
}

struct Near {
    words: Regex,
    within: usize,
    after: bool,
}

/// What is wrong with a rule.
#[derive(Clone, Debug)]
pub struct BadRule {
    /// Its id.
    pub id: String,
    /// What is wrong, and where.
    pub what: String,
}

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`: {}", self.id, self.what)
    }
}

/// What a pass found.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of texts and places; none overlaps another of its text and group.
    pub findings: Vec<Finding>,
    /// Whether there was more than is looked at.
    pub overflown: bool,
}

#[derive(Clone, Copy)]
struct Raw {
    expression: u32,
    start: u32,
    end: u32,
}

thread_local! {
    /// This thread's scratch space, and the engines that it is large enough for. To ask Hyperscan each time costs more than
    /// a scan: it checks the whole database and asks the processor what it is.
    static SCRATCH: RefCell<(Vec<u64>, Option<Scratch>)> = const { RefCell::new((Vec::new(), None)) };
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Compiles rules, each with its group. Takes seconds for hundreds of patterns: not for a thread that serves.
    ///
    /// # Errors
    /// Every rule that cannot be compiled.
    pub fn compile<'r>(
        rules: impl IntoIterator<Item = (&'r str, &'r Rule)>,
    ) -> Result<Self, Vec<BadRule>> {
        Self::compile_with(rules, &Databases::default(), true)
    }

    /// The same, with databases that were compiled before.
    pub(super) fn compile_with<'r>(
        rules: impl IntoIterator<Item = (&'r str, &'r Rule)>,
        databases: &Databases,
        starts: bool,
    ) -> Result<Self, Vec<BadRule>> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let mut compiled = Vec::new();
        let mut owners = Vec::new();
        let mut sources = Vec::new();
        let mut bad = Vec::new();
        for (group, rule) in rules {
            let ready = match Compiled::new(group, rule) {
                Ok(ready) => ready,
                Err(what) => {
                    bad.push(BadRule {
                        id: rule.id.clone(),
                        what,
                    });
                    continue;
                }
            };
            for (pattern, caseless) in rule.expressions() {
                match source(&pattern, caseless, sources.len(), starts) {
                    Ok(source) => {
                        sources.push(source);
                        owners.push((compiled.len() as u32, pattern, caseless));
                    }
                    Err(what) => bad.push(BadRule {
                        id: rule.id.clone(),
                        what: format!("{pattern}: {what}"),
                    }),
                }
            }
            compiled.push(ready);
        }
        if !bad.is_empty() {
            return Err(bad);
        }
        let database = databases.database(&mut sources).map_err(|(blamed, what)| {
            let owner = blamed.and_then(|n| owners.get(n));
            vec![BadRule {
                id: owner.map_or_else(
                    || "all rules together".to_owned(),
                    |(rule, ..)| compiled[*rule as usize].rule.id.clone(),
                ),
                what: match owner {
                    Some((_, pattern, _)) => format!("{pattern}: {what}"),
                    None => what,
                },
            }]
        })?;
        let mut expressions = Vec::with_capacity(sources.len());
        for (source, (rule, pattern, caseless)) in sources.iter().zip(owners) {
            let start = if source.start || !starts {
                None
            } else {
                let start = ends_with(&pattern, caseless).map_err(|what| {
                    let id = compiled[rule as usize].rule.id.clone();
                    vec![BadRule { id, what }]
                })?;
                Some(start)
            };
            expressions.push(Expression { rule, start });
        }
        Ok(Self {
            database,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            rules: compiled,
            expressions,
        })
    }

    /// The rules, by the number that findings have.
    pub fn rules(&self) -> &[Compiled] {
        &self.rules
    }

    /// Scans texts in one pass.
    pub fn scan(&self, texts: &[Text], sheet: &Sheet) -> Found {
        let (raw, mut overflown) = self.raw(sheet);
        let mut findings = self.confirm(texts, sheet, raw);
        if findings.len() > MOST_FINDINGS {
            findings.truncate(MOST_FINDINGS);
            overflown = true;
        }
        Found {
            findings,
            overflown,
        }
    }

    /// Which rules match in which segments, each pair once and in order, without a choice among those that overlap; and
    /// whether there was more than is looked at. `wanted` says whether a rule is of interest in a segment. A match
    /// counts for the segment in which it ends.
    pub fn hits(
        &self,
        sheet: &Sheet,
        wanted: impl Fn(u32, &Segment) -> bool,
    ) -> (Vec<(u32, u32)>, bool) {
        let (mut raw, overflown) = self.raw(sheet);
        raw.sort_unstable_by_key(|hit| (hit.expression, hit.end));
        let mut hits: Vec<(u32, u32)> = Vec::new();
        for hit in raw {
            let Some(segment) = sheet.segment_at((hit.end as usize).saturating_sub(1)) else {
                continue;
            };
            let pair = (self.expressions[hit.expression as usize].rule, segment.text);
            if hits.last() != Some(&pair) && wanted(pair.0, segment) {
                hits.push(pair);
            }
        }
        hits.sort_unstable();
        hits.dedup();
        (hits, overflown)
    }

    /// All that matches, and whether there was more than is looked at.
    fn raw(&self, sheet: &Sheet) -> (Vec<Raw>, bool) {
        let mut raw = Vec::new();
        let mut overflown = false;
        let scanned = SCRATCH.with_borrow_mut(|(fits, scratch)| {
            let scratch = match scratch {
                Some(scratch) if fits.contains(&self.number) => &*scratch,
                Some(scratch) => {
                    let scratch = self.database.realloc_scratch(scratch)?;
                    // Those of before many reloads are gone.
                    if fits.len() == MOST_FITS {
                        fits.remove(0);
                    }
                    fits.push(self.number);
                    &*scratch
                }
                None => {
                    fits.push(self.number);
                    &*scratch.insert(self.database.alloc_scratch()?)
                }
            };
            let on_match = |expression: u32, start: u64, end: u64, _: u32| {
                if raw.len() == MOST_MATCHES {
                    overflown = true;
                    return Matching::Terminate;
                }
                raw.push(Raw {
                    expression,
                    start: start as u32,
                    end: end as u32,
                });
                Matching::Continue
            };
            self.database.scan(&sheet.buffer, scratch, on_match)
        });
        // What could not be scanned counts as too much to scan.
        overflown |= scanned.is_err();
        (raw, overflown)
    }

    /// Of all that matched, what counts.
    fn confirm(&self, texts: &[Text], sheet: &Sheet, mut raw: Vec<Raw>) -> Vec<Finding> {
        for hit in &mut raw {
            if let Some(start) = &self.expressions[hit.expression as usize].start {
                let end = hit.end as usize;
                let segment = sheet.segment_at(end.saturating_sub(1));
                let from = segment.map_or(0, |s| s.range.start);
                let from = from.max(end.saturating_sub(FAR_BACK));
                hit.start = start
                    .find(&sheet.buffer.as_bytes()[from..end])
                    .map_or(hit.end, |found| (from + found.start()) as u32);
            }
        }
        // Of those that begin together the longest comes first.
        raw.sort_unstable_by_key(|hit| (hit.expression, hit.start, u32::MAX - hit.end));
        raw.dedup_by_key(|hit| (hit.expression, hit.start));
        let mut seen: Vec<(Finding, Range<usize>)> = Vec::new();
        let mut last = (u32::MAX, 0);
        for hit in raw {
            // Inside the one before, of the same expression.
            if last.0 == hit.expression && hit.start < last.1 {
                continue;
            }
            let Some(segment) = sheet.segment_at(hit.start as usize) else {
                continue;
            };
            if hit.end as usize > segment.range.end || hit.start >= hit.end {
                continue;
            }
            let number = self.expressions[hit.expression as usize].rule;
            let rule = &self.rules[number as usize];
            let role = texts[segment.text as usize].role;
            if rule.roles & (1 << role as u32) == 0 {
                continue;
            }
            let Some(range) = rule.check(&sheet.buffer[segment.range.clone()], hit, segment) else {
                continue;
            };
            last = (hit.expression, hit.end);
            let in_buffer = range.start + segment.range.start..range.end + segment.range.start;
            let finding = Finding {
                rule: number,
                text: segment.text,
                range: sheet.original(segment, in_buffer.clone()),
                via: segment.via,
            };
            seen.push((finding, in_buffer));
        }
        self.without_overlaps(seen)
    }

    /// Of findings of one group that overlap, the one that ranks first.
    fn without_overlaps(&self, mut seen: Vec<(Finding, Range<usize>)>) -> Vec<Finding> {
        let rank = |finding: &Finding| self.rules[finding.rule as usize].rule.rank;
        seen.sort_by_key(|(finding, at)| (finding.text, at.start, std::cmp::Reverse(at.end)));
        let mut kept: Vec<(Finding, Range<usize>)> = Vec::new();
        for (finding, at) in seen {
            let group = &self.rules[finding.rule as usize].group;
            let mut lost = false;
            // Those that were kept are few beyond the place where this one begins.
            let mut n = kept.len();
            while n > 0 {
                n -= 1;
                let (other, place) = &kept[n];
                if place.end <= at.start && kept.len() - n > 8 {
                    break;
                }
                let overlap = place.start < at.end && at.start < place.end;
                if !overlap || &self.rules[other.rule as usize].group != group {
                    continue;
                }
                let better = (rank(&finding), at.len()) > (rank(other), place.len());
                if better {
                    kept.remove(n);
                } else {
                    lost = true;
                    break;
                }
            }
            if !lost {
                kept.push((finding, at));
            }
        }
        let mut findings: Vec<Finding> = kept.into_iter().map(|(finding, _)| finding).collect();
        findings.sort_by_key(|f| (f.text, f.range.start, f.range.end, f.rule));
        findings
    }
}

impl Compiled {
    fn new(group: &str, rule: &Rule) -> Result<Self, String> {
        if rule.patterns.is_empty() && rule.words.is_empty() {
            return Err("has neither `patterns` nor `words`".to_owned());
        }
        let confirm = match &rule.confirm {
            None => None,
            Some(name) => {
                Some(confirm::named(name).ok_or_else(|| format!("no check is called `{name}`"))?)
            }
        };
        let value = rule
            .value
            .as_deref()
            .map(Regex::new)
            .transpose()
            .map_err(|e| format!("value: {e}"))?;
        if value
            .as_ref()
            .is_some_and(|value| value.captures_len() != 2)
        {
            return Err("value: must have one group".to_owned());
        }
        Ok(Self {
            kind: rule.kind(),
            group: group.to_owned(),
            confirm,
            value,
            context: rule.context.as_ref().map(Near::new).transpose()?,
            unless: rule.unless.as_ref().map(Near::new).transpose()?,
            roles: match rule.roles.as_slice() {
                [] => u32::MAX,
                some => some.iter().fold(0, |bits, role| bits | 1 << *role as u32),
            },
            rule: rule.clone(),
        })
    }

    /// Where in the segment the finding stands, if the match is one.
    fn check(&self, text: &str, hit: Raw, segment: &Segment) -> Option<Range<usize>> {
        let base = segment.range.start;
        let (mut start, mut end) = (hit.start as usize - base, hit.end as usize - base);
        // Hyperscan counts bytes.
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        if let Some(value) = &self.value {
            let group = value.captures(&text[start..end])?.get(1)?;
            (start, end) = (start + group.start(), start + group.end());
        }
        let range = match self.confirm {
            Some(confirm) => confirm(Match { text, start, end })?,
            None => start..end,
        };
        let near = |near: &Near| near.has(text, &range);
        if !self.context.as_ref().is_none_or(near) || self.unless.as_ref().is_some_and(near) {
            return None;
        }
        Some(range)
    }
}

impl Near {
    fn new(context: &Context) -> Result<Self, String> {
        let words: Vec<&str> = context.words.iter().map(String::as_str).collect();
        Ok(Self {
            words: Regex::new(&format!("(?i){}", near_pattern(&words)))
                .map_err(|e| format!("context: {e}"))?,
            within: context.within.into(),
            after: context.after,
        })
    }

    fn has(&self, text: &str, range: &Range<usize>) -> bool {
        let mut from = range.start.saturating_sub(self.within);
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        if self.words.is_match(&text[from..range.start]) {
            return true;
        }
        let mut to = (range.end + self.within).min(text.len());
        while !text.is_char_boundary(to) {
            to += 1;
        }
        self.after && self.words.is_match(&text[range.end..to])
    }
}

/// One expression for Hyperscan.
fn source(pattern: &str, caseless: bool, id: usize, start: bool) -> Result<Source, String> {
    let mut flags = PatternFlags::empty();
    flags.set(PatternFlags::CASELESS, caseless);
    flags.set(PatternFlags::UTF8, !pattern.is_ascii());
    let mut pattern = Pattern::with_flags(pattern, flags).map_err(|e| e.to_string())?;
    pattern.id = Some(id);
    Ok(Source { pattern, start })
}

/// Finds the match that ends a text, where Hyperscan cannot tell where matches begin.
fn ends_with(pattern: &str, caseless: bool) -> Result<bytes::Regex, String> {
    let case = if caseless { "i" } else { "" };
    let unicode = if pattern.is_ascii() { "-u" } else { "" };
    let flags = format!("{case}{unicode}");
    bytes::Regex::new(&format!("(?{flags}:{pattern})$")).map_err(|e| e.to_string())
}
