//! The verdict over texts: what was found, what is done with it, and what stands in its place.

use std::ops::Range;

use super::{
    Role, Severity, Text,
    injection::{self, Reason, conversation},
    leak::Instructions,
    profile::{Action, Direction, INJECTION, LEAK, OnError, Profile, Thresholds},
    redact::{self, Style, Vault},
    view::{Sheet, Via},
    window::{Act, Find, Look},
};

/// Something that was found, as headers, records and metrics tell it: never the text itself, unless the operator asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// The rule's id; `injection` and `leak` for what no single rule says.
    pub rule: String,
    /// What it is: `EMAIL`.
    pub kind: String,
    /// The rule's group.
    pub group: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was done.
    pub action: Action,
    /// In whose text.
    pub role: Role,
    /// Which text.
    pub text: u32,
    /// Where in the text, in bytes.
    pub range: Range<usize>,
    /// How it was hidden.
    pub via: Via,
    /// The score of an injection, from 0 to 1.
    pub score: Option<f32>,
    /// Why it counts as an injection.
    pub reasons: Vec<String>,
    /// The text itself, where the operator wants it recorded.
    pub matched: Option<String>,
}

/// What is to stand where, by text: ranges in the order of places, without overlaps.
pub type Changes = Vec<(usize, Vec<(Range<usize>, String)>)>;

/// What to do with texts.
#[derive(Debug, Default)]
pub struct Screened {
    /// Everything that was found.
    pub findings: Vec<Noted>,
    /// What is to stand where, by text: ranges in the order of places, without overlaps.
    pub changes: Changes,
    /// The finding because of which the request is refused.
    pub block: Option<usize>,
    /// The highest score of an injection.
    pub injection: f32,
    /// Set if there was more than could be looked at.
    pub failed: bool,
}

impl Screened {
    /// The strongest thing that was done.
    pub fn action(&self) -> Option<Action> {
        self.findings.iter().map(|f| f.action).max()
    }
}

/// Screens the texts of a request in one pass. What is redacted goes into the vault.
pub fn prompt(profile: &Profile, texts: &[Text], vault: &mut Vault) -> Screened {
    let sheet = Sheet::new(texts);
    let found = profile.engine.scan(texts, &sheet);
    let mut screened = Screened {
        failed: found.overflown,
        ..Screened::default()
    };
    if profile.injection != Action::Off {
        let mut scores = injection::score(texts, &sheet, &profile.engine, &found.findings);
        over_turns(profile, texts, &mut scores);
        for (number, score) in scores.iter().enumerate() {
            screened.injection = screened.injection.max(score.value);
            let threshold = threshold(&profile.config.injection, texts[number].role);
            if score.value >= threshold {
                note_injection(
                    profile,
                    texts,
                    number,
                    score.value,
                    &score.reasons,
                    &mut screened,
                );
            }
        }
    }
    for finding in &found.findings {
        let rule = &profile.engine.rules()[finding.rule as usize];
        if rule.group == INJECTION {
            continue;
        }
        let action = profile.action(Direction::Prompt, finding.rule);
        note(profile, texts, finding, action, &mut screened);
    }
    if screened.failed && profile.config.on_error == OnError::Block {
        screened.changes.clear();
        return screened;
    }
    screened.block = screened
        .findings
        .iter()
        .position(|f| f.action == Action::Block);
    if screened.block.is_none() {
        screened.changes = changes(profile, texts, &screened.findings, vault);
    }
    screened
}

/// What the turns of a conversation say together: an attack that is spread over messages adds up, or shows when the last
/// ones are read as one. It counts for the user's last text.
fn over_turns(profile: &Profile, texts: &[Text], scores: &mut [injection::Score]) {
    let Some(last) = texts.iter().rposition(|text| text.role == Role::User) else {
        return;
    };
    let joined = conversation::joined(texts).and_then(|text| {
        let texts = [Text {
            role: Role::User,
            value: &text,
        }];
        score(profile, &texts).pop()
    });
    let together = conversation::over_turns(texts, scores, joined.as_ref());
    if scores.iter().all(|score| together > score.value) {
        scores[last].value = together;
        let reason = Reason {
            name: "conversation".into(),
            weight: 0.0,
            place: None,
        };
        scores[last].reasons.push(reason);
    }
}

/// The scores of texts, whatever the profile does with them.
pub fn score(profile: &Profile, texts: &[Text]) -> Vec<injection::Score> {
    let sheet = Sheet::new(texts);
    let found = profile.engine.scan(texts, &sheet);
    injection::score(texts, &sheet, &profile.engine, &found.findings)
}

fn threshold(thresholds: &Thresholds, role: Role) -> f32 {
    if role.is_data() {
        thresholds.data
    } else if role.is_trusted() {
        thresholds.trusted
    } else {
        thresholds.user
    }
}

fn note(
    profile: &Profile,
    texts: &[Text],
    finding: &super::Finding,
    action: Action,
    screened: &mut Screened,
) {
    if action == Action::Off {
        return;
    }
    let rule = &profile.engine.rules()[finding.rule as usize];
    let text = &texts[finding.text as usize];
    screened.findings.push(Noted {
        rule: rule.rule.id.clone(),
        kind: rule.kind.clone(),
        group: rule.group.clone(),
        severity: rule.rule.severity,
        action,
        role: text.role,
        text: finding.text,
        range: finding.range.clone(),
        via: finding.via,
        score: None,
        reasons: Vec::new(),
        matched: matched(profile, text.value, &finding.range),
    });
}

fn matched(profile: &Profile, text: &str, range: &Range<usize>) -> Option<String> {
    let wanted = profile.config.record_matches;
    wanted.then(|| {
        text.get(range.clone())
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect()
    })
}

fn note_injection(
    profile: &Profile,
    texts: &[Text],
    number: usize,
    score: f32,
    reasons: &[Reason],
    screened: &mut Screened,
) {
    let text = &texts[number];
    let mut names: Vec<String> = reasons.iter().map(|r| r.name.to_string()).collect();
    names.dedup();
    names.truncate(16);
    let place = |range: Range<usize>, screened: &mut Screened| {
        screened.findings.push(Noted {
            rule: INJECTION.to_owned(),
            kind: "INJECTION".to_owned(),
            group: INJECTION.to_owned(),
            severity: Severity::High,
            action: profile.injection,
            role: text.role,
            text: number as u32,
            matched: matched(profile, text.value, &range),
            range,
            via: Via::Plain,
            score: Some(score),
            reasons: names.clone(),
        });
    };
    let mut places: Vec<Range<usize>> = reasons
        .iter()
        .filter(|r| r.weight > 0.0)
        .filter_map(|r| r.place.clone())
        .map(|range| sentence(text.value, range))
        .collect();
    places.sort_by_key(|r| (r.start, r.end));
    places.dedup_by(|b, a| {
        let joined = b.start <= a.end;
        if joined {
            a.end = a.end.max(b.end);
        }
        joined
    });
    if places.is_empty() || profile.injection != Action::Sanitize {
        let range = match (places.first(), places.last()) {
            (Some(first), Some(last)) if profile.injection != Action::Sanitize => {
                first.start..last.end
            }
            _ => 0..text.value.len(),
        };
        place(range, screened);
        return;
    }
    for range in places {
        place(range, screened);
    }
}

/// The sentence or line around a place.
fn sentence(text: &str, range: Range<usize>) -> Range<usize> {
    const FAR: usize = 400;
    let ends = ['.', '!', '?', '\n', '。', '！', '？'];
    let mut from = range.start.saturating_sub(FAR);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let mut to = (range.end + FAR).min(text.len());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    let start = text[from..range.start].rfind(ends).map_or(from, |at| {
        from + at + text[from + at..].chars().next().map_or(1, char::len_utf8)
    });
    let end = text[range.end..to].find(ends).map_or(to, |at| {
        range.end
            + at
            + text[range.end + at..]
                .chars()
                .next()
                .map_or(1, char::len_utf8)
    });
    start..end
}

/// What is to stand in the place of findings. Where they overlap, the strongest action decides, over all of it.
fn changes(profile: &Profile, texts: &[Text], findings: &[Noted], vault: &mut Vault) -> Changes {
    let mut enforced: Vec<&Noted> = findings.iter().filter(|f| f.action.is_enforced()).collect();
    enforced.sort_by_key(|f| (f.text, f.range.start, usize::MAX - f.range.end));
    let mut changes: Changes = Vec::new();
    let mut rest = enforced.into_iter().peekable();
    while let Some(first) = rest.next() {
        let (mut range, mut strongest) = (first.range.clone(), first);
        while let Some(next) = rest.next_if(|n| n.text == first.text && n.range.start < range.end) {
            range.end = range.end.max(next.range.end);
            if next.action > strongest.action {
                strongest = next;
            }
        }
        let text = texts[first.text as usize].value;
        let Some(value) = text.get(range.clone()) else {
            continue;
        };
        let instead = stand_in(profile, strongest, value, vault);
        match changes.last_mut() {
            Some((number, list)) if *number == first.text as usize => list.push((range, instead)),
            _ => changes.push((first.text as usize, vec![(range, instead)])),
        }
    }
    changes
}

fn stand_in(profile: &Profile, finding: &Noted, value: &str, vault: &mut Vault) -> String {
    let kind = &finding.kind;
    let key = &profile.hash_key;
    match finding.action {
        Action::Redact => vault.stand_in(Style::Placeholder, kind, value),
        Action::Synthetic => vault.stand_in(Style::Synthetic, kind, value),
        Action::Mask => redact::for_good(Style::Mask, kind, value, key),
        Action::Hash => redact::for_good(Style::Hash, kind, value, key),
        Action::Sanitize if finding.group == INJECTION => {
            "[instructions removed by the gateway]".to_owned()
        }
        Action::Remove | Action::Sanitize | Action::Block | Action::Observe | Action::Off => {
            redact::for_good(Style::Remove, kind, value, key)
        }
    }
}

/// Screens one text of an answer, whole or piece by piece; implements what a [`Window`](super::window::Window) asks.
#[derive(Debug)]
pub struct Answers<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The request's own instructions, if their leak matters.
    pub instructions: Option<&'a Instructions>,
    /// What was done so far.
    pub findings: Vec<Noted>,
    /// What was found in the last look, by the numbers of its acts.
    pending: Vec<Noted>,
    /// Set if there was more than could be looked at.
    pub failed: bool,
}

impl<'a> Answers<'a> {
    /// For answers under a profile.
    pub const fn new(profile: &'a Profile, instructions: Option<&'a Instructions>) -> Self {
        Self {
            profile,
            instructions,
            findings: Vec::new(),
            pending: Vec::new(),
            failed: false,
        }
    }

    /// Notes what a window did of what was found last.
    pub fn done(&mut self, numbers: &[usize]) {
        for number in numbers {
            self.findings.extend(self.pending.get(*number).cloned());
        }
    }

    /// Everything that is found in a text, whatever is done with it.
    pub fn look(&self, text: &str) -> Screened {
        let texts = [Text {
            role: Role::Assistant,
            value: text,
        }];
        let sheet = Sheet::new(&texts);
        let found = self.profile.engine.scan(&texts, &sheet);
        let mut screened = Screened {
            failed: found.overflown,
            ..Screened::default()
        };
        for finding in &found.findings {
            if self.profile.engine.rules()[finding.rule as usize].group != INJECTION {
                let action = self.profile.action(Direction::Answer, finding.rule);
                note(self.profile, &texts, finding, action, &mut screened);
            }
        }
        if self.profile.leak != Action::Off
            && let Some(range) = self.instructions.and_then(|i| i.shared(text).leak)
        {
            screened.findings.push(Noted {
                rule: LEAK.to_owned(),
                kind: "SYSTEM_PROMPT".to_owned(),
                group: LEAK.to_owned(),
                severity: Severity::High,
                action: self.profile.leak,
                role: Role::Assistant,
                text: 0,
                matched: matched(self.profile, text, &range),
                range,
                via: Via::Plain,
                score: None,
                reasons: Vec::new(),
            });
        }
        screened
    }
}

impl Find for Answers<'_> {
    fn look(&mut self, text: &str, from: usize) -> Look {
        let Some(instructions) = self
            .instructions
            .filter(|_| self.profile.leak.is_enforced())
        else {
            return Look::default();
        };
        let shared = instructions.shared(text);
        Look {
            open: shared.open.map(|at| at.max(from)),
            matched: shared.leak.map(|range| range.start),
        }
    }

    fn find(&mut self, text: &str, _: bool) -> Vec<Act> {
        let screened = Answers::look(self, text);
        self.failed |= screened.failed;
        let mut acts = Vec::new();
        self.pending = screened.findings;
        self.pending.retain(|f| f.action.is_enforced());
        self.pending
            .sort_by_key(|f| (f.range.start, usize::MAX - f.range.end));
        let mut at = 0;
        while let Some(first) = self.pending.get(at) {
            // Where they overlap, the strongest action decides, over all of it.
            let (mut range, mut strongest) = (first.range.clone(), at);
            at += 1;
            while let Some(next) = self.pending.get(at).filter(|n| n.range.start < range.end) {
                range.end = range.end.max(next.range.end);
                if next.action > self.pending[strongest].action {
                    strongest = at;
                }
                at += 1;
            }
            let finding = &self.pending[strongest];
            let instead = (finding.action != Action::Block).then(|| {
                let value = text.get(range.clone()).unwrap_or_default();
                for_answer(self.profile, finding, value)
            });
            acts.push(Act {
                range,
                instead,
                number: strongest,
                // So many words are a leak, whatever follows.
                settled: finding.rule == LEAK,
            });
        }
        if screened.failed && self.profile.config.on_error == OnError::Block {
            acts.insert(
                0,
                Act {
                    range: 0..text.len(),
                    instead: None,
                    number: usize::MAX,
                    settled: true,
                },
            );
        }
        acts
    }
}

/// What stands in an answer where something was found: nobody brings an original back behind the client.
fn for_answer(profile: &Profile, finding: &Noted, value: &str) -> String {
    let style = match finding.action {
        Action::Mask => Style::Mask,
        Action::Hash => Style::Hash,
        Action::Synthetic => Style::Synthetic,
        _ => Style::Remove,
    };
    redact::for_good(style, &finding.kind, value, &profile.hash_key)
}
