//! Hyperscan databases for all rules of a profile: every text is read once.
//!
//! A rule has patterns and words; each becomes an expression of one of two databases: one for the whole text, one for the
//! islands of [`gate`]. Hyperscan tells ends, [`Backwards`] the starts; of all matches of an expression that begin at one
//! place the longest counts. What is left is confirmed, and where findings overlap one stays.

use std::{
    cell::RefCell,
    fmt,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use hyperscan::{BlockDatabase, Matching, Pattern, PatternFlags, Scratch};
use regex::Regex;

use super::{
    Finding, Text,
    confirm::{self, Confirm, Match},
    database::Databases,
    gate::{GATES, Gate, Islands, gate},
    rule::{Context, Rule, near_pattern},
    start::Backwards,
    view::{Segment, Sheet},
};

/// Matches that are looked at in one pass at most: an adversary can write millions of them.
pub const MOST_MATCHES: usize = 50_000;

/// How far back the start of a match is looked for, in bytes, where its pattern has no limit and its rule names none.
const FAR_BACK: usize = 4096;

/// Matches of one expression that are refused in one pass at most: to look at one takes microseconds, and hostile texts have
/// little else. Other expressions go on, so that nothing can be hidden behind them.
const MOST_REFUSED: usize = 2_000;

/// Bytes that are read backwards to find starts in one pass at most.
const MOST_READ: usize = 8 << 20;

/// Engines whose scratch space a thread remembers.
const MOST_FITS: usize = 64;

/// Findings of one pass at most.
pub const MOST_FINDINGS: usize = 10_000;

/// All rules of a profile, ready to scan.
pub struct Engine {
    /// What is looked for, by where it can be.
    databases: Vec<(Gate, BlockDatabase)>,
    islands: [Islands; GATES.len()],
    /// Tells engines apart.
    number: u64,
    rules: Vec<Compiled>,
    expressions: Vec<Expression>,
}

struct Expression {
    rule: u32,
    start: Backwards,
    /// How far back the start is looked for.
    far_back: usize,
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
        Self::compile_with(rules, &Databases::default())
    }

    /// The same, with databases that were compiled before.
    pub(super) fn compile_with<'r>(
        rules: impl IntoIterator<Item = (&'r str, &'r Rule)>,
        databases: &Databases,
    ) -> Result<Self, Vec<BadRule>> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let mut compiled: Vec<Compiled> = Vec::new();
        let mut expressions: Vec<Expression> = Vec::new();
        let mut sources: [Vec<Pattern>; GATES.len()] = Default::default();
        let mut islands = <[Islands; GATES.len()]>::default();
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
                let source = match source(&pattern, caseless, expressions.len()) {
                    Ok(source) => source,
                    Err(what) => {
                        bad.push(BadRule {
                            id: rule.id.clone(),
                            what: format!("{pattern}: {what}"),
                        });
                        continue;
                    }
                };
                let reach = rule.reach.map(|reach| reach as usize);
                let gate = gate(&pattern, caseless, rule.digits.into(), reach, &mut islands);
                sources[gate as usize].push(source);
                expressions.push(Expression {
                    rule: compiled.len() as u32,
                    start: Backwards::new(&pattern, caseless),
                    far_back: reach.map_or(FAR_BACK, |reach| reach.max(FAR_BACK)),
                });
            }
            compiled.push(ready);
        }
        if !bad.is_empty() {
            return Err(bad);
        }
        let mut ready = Vec::new();
        for (gate, patterns) in GATES.into_iter().zip(sources) {
            if patterns.is_empty() {
                continue;
            }
            let database = databases.database(&patterns).map_err(|(blamed, what)| {
                let source = blamed.and_then(|id| patterns.iter().find(|p| p.id == Some(id)));
                let rule = blamed
                    .and_then(|id| expressions.get(id))
                    .map(|e| &compiled[e.rule as usize]);
                vec![BadRule {
                    id: rule.map_or_else(|| "all rules together".to_owned(), |r| r.rule.id.clone()),
                    what: match source {
                        Some(source) => format!("{}: {what}", source.expression),
                        None => what,
                    },
                }]
            })?;
            ready.push((gate, database));
        }
        Ok(Self {
            databases: ready,
            islands,
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
        let (mut raw, mut overflown) = self.raw(sheet);
        if raw.is_empty() {
            return Found {
                findings: Vec::new(),
                overflown,
            };
        }
        overflown |= self.find_starts(sheet, &mut raw);
        let (mut findings, many) = self.confirm(texts, sheet, raw);
        overflown |= many;
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

    /// All that matches, and whether there was more than is looked at. Starts are not known yet.
    fn raw(&self, sheet: &Sheet) -> (Vec<Raw>, bool) {
        let mut raw = Vec::new();
        let mut overflown = false;
        let scanned = SCRATCH.with_borrow_mut(|(fits, scratch)| {
            let scratch = self.scratch(fits, scratch)?;
            let mut islands = Vec::new();
            for (gate, database) in &self.databases {
                self.islands[*gate as usize].find(*gate, &sheet.buffer, &mut islands);
                for island in islands.drain(..) {
                    let base = island.start as u32;
                    let on_match = |expression: u32, _: u64, end: u64, _: u32| {
                        if raw.len() == MOST_MATCHES {
                            overflown = true;
                            return Matching::Terminate;
                        }
                        let end = base + end as u32;
                        raw.push(Raw {
                            expression,
                            start: end,
                            end,
                        });
                        Matching::Continue
                    };
                    database
                        .scan(&sheet.buffer.as_bytes()[island], scratch, on_match)
                        .map(drop)?;
                }
            }
            Ok::<(), hyperscan::Error>(())
        });
        // What could not be scanned counts as too much to scan.
        overflown |= scanned.is_err();
        (raw, overflown)
    }

    /// The thread's scratch space, large enough for this engine.
    fn scratch<'s>(
        &self,
        fits: &mut Vec<u64>,
        scratch: &'s mut Option<Scratch>,
    ) -> Result<&'s Scratch, hyperscan::Error> {
        if !fits.contains(&self.number) || scratch.is_none() {
            for (_, database) in &self.databases {
                match scratch {
                    Some(scratch) => drop(database.realloc_scratch(scratch)?),
                    None => *scratch = Some(database.alloc_scratch()?),
                }
            }
            // Those of before many reloads are gone.
            if fits.len() == MOST_FITS {
                fits.remove(0);
            }
            fits.push(self.number);
        }
        scratch
            .as_ref()
            .ok_or_else(|| hyperscan::HsError::Invalid.into())
    }

    /// Finds where matches begin; whether it took too long.
    fn find_starts(&self, sheet: &Sheet, raw: &mut Vec<Raw>) -> bool {
        let mut read = 0;
        for (n, hit) in raw.iter_mut().enumerate() {
            let end = hit.end as usize;
            let Some(segment) = sheet.segment_at(end.saturating_sub(1)) else {
                continue;
            };
            let expression = &self.expressions[hit.expression as usize];
            let from = segment
                .range
                .start
                .max(end.saturating_sub(expression.far_back));
            if let Some(start) = expression.start.start(sheet.buffer.as_bytes(), from..end) {
                hit.start = start as u32;
            }
            read += 32 + (hit.end - hit.start) as usize;
            if read > MOST_READ {
                raw.truncate(n);
                return true;
            }
        }
        false
    }

    /// Of all that matched, what counts; and whether there was more than is looked at.
    fn confirm(&self, texts: &[Text], sheet: &Sheet, mut raw: Vec<Raw>) -> (Vec<Finding>, bool) {
        // Of those that begin together the longest comes first.
        raw.sort_unstable_by_key(|hit| (hit.expression, hit.start, u32::MAX - hit.end));
        raw.dedup_by_key(|hit| (hit.expression, hit.start));
        let mut seen: Vec<(Finding, Range<usize>)> = Vec::new();
        let mut last = (u32::MAX, 0);
        let mut refused = (u32::MAX, 0);
        let mut many = false;
        for hit in raw {
            if refused == (hit.expression, MOST_REFUSED) {
                many = true;
                continue;
            }
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
                if refused.0 != hit.expression {
                    refused = (hit.expression, 0);
                }
                refused.1 += 1;
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
        (self.without_overlaps(seen), many)
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
fn source(pattern: &str, caseless: bool, id: usize) -> Result<Pattern, String> {
    let mut flags = PatternFlags::empty();
    flags.set(PatternFlags::CASELESS, caseless);
    flags.set(PatternFlags::UTF8, !pattern.is_ascii());
    let mut pattern = Pattern::with_flags(pattern, flags).map_err(|e| e.to_string())?;
    pattern.id = Some(id);
    Ok(pattern)
}
