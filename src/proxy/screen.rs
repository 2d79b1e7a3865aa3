//! May this text leave: the guard over all texts of a request.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use pingora::proxy::Session;

use super::{exchange::Exchange, judge};
use crate::{
    error::{Failure, Kind},
    guard::{
        Role, Text,
        leak::Instructions,
        profile::{Action, Direction, Mode, OnError, Profile},
        redact::Vault,
        screen::{self, Noted},
        waf::{self, Waf},
    },
    protocol::{
        Call, Operation,
        edit::Edits,
        form,
        json::{Document, Limits},
        request::Request,
        texts,
    },
    telemetry::{metrics::METRICS, record},
};

/// Bodies from this size on are screened on a thread that may block: it takes about 20 microseconds for each KiB.
const LARGE: usize = 16 * 1024;

/// Findings that are recorded of one request at most; all are counted.
const MOST_RECORDED: usize = 50;

/// What the guard knows of a request while it lasts.
#[derive(Debug)]
pub struct Screen {
    /// The profile that the request began with, and keeps.
    pub profile: Arc<Profile>,
    /// What was taken out, to be put back into the answer.
    pub vault: Arc<Vault>,
    /// The request's own instructions, if it matters whether they come out.
    pub instructions: Option<Arc<Instructions>>,
    /// What was found, in requests and answers, for the record.
    pub findings: Vec<record::Finding>,
    /// How many findings there were.
    pub count: usize,
    /// The strongest thing that was done.
    pub action: Option<Action>,
    /// The highest score of an injection.
    pub injection: f32,
    /// Who else is asked.
    pub judging: Option<judge::Judging>,
    /// What judges said, in a word for each.
    pub judged: Vec<(Arc<str>, &'static str)>,
    /// Set if something could not be screened, and passed all the same since the operator wants it so.
    pub unscreened: bool,
}

impl Screen {
    fn new(profile: Arc<Profile>) -> Self {
        Self {
            profile,
            vault: Arc::default(),
            instructions: None,
            findings: Vec::new(),
            count: 0,
            action: None,
            injection: 0.0,
            judging: None,
            judged: Vec::new(),
            unscreened: false,
        }
    }

    /// Counts and records a finding; `place` is where its text stands.
    pub fn note(&mut self, direction: Direction, finding: Noted, place: String) {
        METRICS
            .guard_findings
            .with_label_values(&[
                direction.name(),
                finding.rule.as_str(),
                finding.action.name(),
            ])
            .inc();
        self.count += 1;
        self.action = self.action.max(Some(finding.action));
        if self.findings.len() < MOST_RECORDED {
            self.findings.push(record::Finding {
                direction: direction.name(),
                rule: finding.rule,
                kind: finding.kind,
                group: finding.group,
                action: finding.action.name(),
                place,
                start: finding.range.start,
                end: finding.range.end,
                score: finding.score.map(|s| (f64::from(s) * 1e3).round() / 1e3),
                reasons: finding.reasons,
                matched: finding.matched,
            });
        }
    }

    /// What the client is told in `x-sluicegate-guard`: what was done, by which profile, and which rules fired.
    pub fn header(&self) -> String {
        let done = match self.action {
            None => "pass",
            Some(action) => action.name(),
        };
        let mut text = format!("{done}; profile={}", self.profile.name);
        let mut rules: Vec<(&str, usize)> = Vec::new();
        for finding in &self.findings {
            match rules.iter_mut().find(|(rule, _)| *rule == finding.rule) {
                Some((_, count)) => *count += 1,
                None => rules.push((&finding.rule, 1)),
            }
        }
        for (n, (rule, count)) in rules.iter().take(20).enumerate() {
            let sign = if n == 0 { "; rules=" } else { "," };
            let _ = write!(text, "{sign}{rule}:{count}");
        }
        if self.profile.injection != Action::Off {
            let _ = write!(text, "; injection={:.2}", self.injection);
        }
        for (n, (judge, word)) in self.judged.iter().take(20).enumerate() {
            let sign = if n == 0 { "; judge=" } else { "," };
            let _ = write!(text, "{sign}{judge}:{word}");
        }
        if self.unscreened {
            text.push_str("; unscreened");
        }
        text
    }
}

/// May this request come in: the firewall over method, path, query and headers.
///
/// # Errors
/// If it is an attack.
pub fn head(session: &Session, x: &mut Exchange) -> Result<(), Failure> {
    let Some(waf) = x.snapshot.guards.waf().cloned() else {
        return Ok(());
    };
    let head = session.req_header();
    let mut headers: Vec<(&str, &[u8])> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    // HTTP/2 has the host in its pseudo-header.
    let authority = head.uri.authority().map(|a| a.as_str().as_bytes());
    if let Some(authority) = authority
        && !head.headers.contains_key(http::header::HOST)
    {
        headers.push(("host", authority));
    }
    let path = String::from_utf8_lossy(head.raw_path());
    let verdict = waf.head(&waf::Head {
        method: head.method.as_str(),
        path_and_query: &path,
        headers: &headers,
    });
    allow(&waf, verdict, x)
}

/// Notes what the firewall thinks, and stops attacks.
fn allow(waf: &Waf, verdict: waf::Verdict, x: &mut Exchange) -> Result<(), Failure> {
    let settings = waf.settings();
    let enforced = settings.mode == Mode::Enforce;
    let action = if enforced { "block" } else { "observe" };
    let verdict = match x.firewall.take() {
        Some(before) => before.merge(verdict),
        None => verdict,
    };
    let attack = waf.is_attack(&verdict);
    if attack {
        for hit in &verdict.hits {
            METRICS
                .guard_findings
                .with_label_values(&["request", hit.rule.as_str(), action])
                .inc();
        }
    }
    let failure = Failure::new(
        Kind::Attack,
        format!(
            "this gateway's firewall stopped the request: it looks like an attack (score {}, limit {})",
            verdict.score, settings.threshold
        ),
    );
    let rules: Vec<String> = verdict.hits.iter().map(hit).collect();
    x.firewall = Some(verdict);
    if attack && enforced {
        return Err(failure.detail(rules.join(", ")));
    }
    Ok(())
}

/// A finding of the firewall for a log: the rule, and where.
pub fn hit(hit: &waf::Hit) -> String {
    let name: String = hit.name.chars().take(64).collect();
    format!("{}@{}:{name}", hit.rule, hit.part.name())
}

/// The firewall over what in a body is no prompt.
async fn firewall(session: &Session, x: &mut Exchange, body: &Bytes) -> Result<(), Failure> {
    let Some(waf) = x.snapshot.guards.waf().cloned() else {
        return Ok(());
    };
    let kind = session.get_header_bytes("content-type");
    let kind = String::from_utf8_lossy(kind).into_owned();
    let body = body.clone();
    let asked = waf.clone();
    let large = body.len() >= LARGE;
    let work = move || asked.body(&kind, &body);
    let verdict = if large {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Failure::new(Kind::Internal, "screening failed"))?
    } else {
        work()
    };
    allow(&waf, verdict, x)
}

/// Screens a request, and gives it with what must not leave taken out.
///
/// # Errors
/// If a rule stops it, or if it could not be screened and the operator wants such requests stopped.
pub async fn prompt(
    session: &mut Session,
    x: &mut Exchange,
    call: &Call,
    request: Request,
    route: &str,
) -> Result<Request, Failure> {
    if x.snapshot.guards.screens() {
        // For the record, if it ends here.
        x.request = Some(request.clone());
    }
    firewall(session, x, request.body()).await?;
    let Some(profile) = profile(x, route) else {
        return Ok(request);
    };
    let began = Instant::now();
    let conversation = conversation(session, x);
    let mut screen = Screen::new(profile.clone());
    let depth = x.snapshot.config.limits.depth;
    let form = call.operation.is_form().then(|| {
        let kind = session.get_header_bytes("content-type");
        String::from_utf8_lossy(kind).into_owned()
    });
    let body = request.body().clone();
    let operation = call.operation;
    // A large request of the same conversation may hold its vault for long; no worker waits for that.
    let large = body.len() >= LARGE || conversation.is_some();
    let vault = conversation.clone();
    let work = move || {
        // Nobody holds it for longer than one request is screened.
        let mut shared = vault
            .as_deref()
            .map(|vault| vault.lock().unwrap_or_else(PoisonError::into_inner));
        let mut own = Vault::new();
        let vault = shared.as_deref_mut().unwrap_or(&mut own);
        let read = match form {
            Some(kind) => read_form(&profile, &kind, &body, vault),
            None => read_json(&profile, operation, &body, depth, vault),
        };
        (read, vault.clone())
    };
    let (read, vault) = if large {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Failure::new(Kind::Internal, "screening failed"))?
    } else {
        work()
    };
    METRICS
        .guard_seconds
        .with_label_values(&[Direction::Prompt.name()])
        .observe(began.elapsed().as_secs_f64());
    screen.vault = Arc::new(vault);
    let outcome = take(&mut screen, read);
    x.screen = Some(screen);
    let request = match outcome? {
        None => request,
        Some(body) => again(session, x, call, body)?,
    };
    judge::prompt(session, x, call, &request).await?;
    Ok(request)
}

/// Notes what was found, and tells whether the request goes on, and with which body.
fn take(screen: &mut Screen, read: Option<Read>) -> Result<Option<Bytes>, Failure> {
    let on_error = screen.profile.config.on_error;
    let Some(read) = read else {
        return unscreened(screen, on_error).map(|()| None);
    };
    screen.injection = read.screened.injection;
    screen.instructions = read.instructions.map(Arc::new);
    let stopped = read.screened.block.map(|n| {
        let finding = &read.screened.findings[n];
        stopped(finding, &read.places[n])
    });
    let failed = read.screened.failed;
    for (finding, place) in read.screened.findings.into_iter().zip(read.places) {
        screen.note(Direction::Prompt, finding, place);
    }
    if let Some(failure) = stopped {
        return Err(failure);
    }
    if failed {
        unscreened(screen, on_error)?;
    }
    Ok(read.body)
}

fn unscreened(screen: &mut Screen, on_error: OnError) -> Result<(), Failure> {
    count_unscreened(screen);
    match on_error {
        OnError::Block => Err(Failure::new(
            Kind::ContentFilter,
            "the request could not be screened: it is too deep, or too much was found in it",
        )),
        OnError::Allow => Ok(()),
    }
}

/// Counts and records that something could not be screened.
pub fn count_unscreened(screen: &mut Screen) {
    let label = match screen.profile.config.on_error {
        OnError::Block => "block",
        OnError::Allow => "allow",
    };
    METRICS
        .guard_errors
        .with_label_values(&["screen", label])
        .inc();
    screen.unscreened = true;
}

fn stopped(finding: &Noted, place: &str) -> Failure {
    let message = match finding.score {
        Some(score) => format!(
            "this gateway's guard stopped the request: {place} reads like an attack on the model (score {score:.2}: {})",
            finding.reasons.join(", ")
        ),
        None => format!(
            "this gateway's guard stopped the request: {place} holds {} (rule `{}`)",
            finding.kind, finding.rule
        ),
    };
    Failure::new(Kind::ContentFilter, message).param(place.to_owned())
}

/// The profile of a request: its key's, else its route's, else the one for all.
fn profile(x: &Exchange, route: &str) -> Option<Arc<Profile>> {
    let key = x.principal.as_ref().and_then(|p| p.guard.as_deref());
    let snapshot = &x.snapshot;
    let of_route = || snapshot.config.routes.get(route)?.guard.as_deref();
    let profile = snapshot.guards.profile(key.or_else(of_route))?;
    Some(profile.clone())
}

/// The vault of the conversation that the client states.
fn conversation(session: &Session, x: &Exchange) -> Option<Arc<Mutex<Vault>>> {
    let id = session
        .get_header("x-sluicegate-conversation")?
        .to_str()
        .ok()?;
    let sane = (1..=256).contains(&id.len());
    let key = &x.principal.as_ref()?.key;
    sane.then(|| x.snapshot.guards.conversations().vault(key, id))
}

/// What came of reading a body.
struct Read {
    screened: screen::Screened,
    /// Where each finding's text stands.
    places: Vec<String>,
    body: Option<Bytes>,
    instructions: Option<Instructions>,
}

fn read_json(
    profile: &Profile,
    operation: Operation,
    body: &Bytes,
    depth: usize,
    vault: &mut Vault,
) -> Option<Read> {
    let limits = Limits {
        depth,
        ..Limits::default()
    };
    let document = Document::parse(body, limits).ok()?;
    let found = texts::of_request(operation, &document);
    let as_texts: Vec<Text> = found
        .places
        .iter()
        .map(|place| Text {
            role: place.role,
            value: &place.value,
        })
        .collect();
    let screened = screen::prompt(profile, &as_texts, vault);
    let places = screened.findings.iter().map(|finding| {
        let place = found.places.get(finding.text as usize);
        place.map_or_else(String::new, |place| texts::path(&document, place))
    });
    let places = places.collect();
    let body = if screened.changes.is_empty() {
        None
    } else {
        let edits = texts::edits(&found.places, &screened.changes);
        Some(edits.apply(body).ok()?)
    };
    let own = |role| matches!(role, Role::System | Role::Developer);
    let instructions = (profile.leak != Action::Off).then(|| {
        let own = as_texts.iter().filter(|text| own(text.role));
        Instructions::new(own.map(|text| text.value))
    });
    Some(Read {
        screened,
        places,
        body,
        instructions: instructions.filter(|i| !i.is_empty()),
    })
}

/// A form's fields; its files are not read.
fn read_form(profile: &Profile, kind: &str, body: &Bytes, vault: &mut Vault) -> Option<Read> {
    let fields = form::fields(kind, body)?;
    let fields: Vec<_> = fields
        .into_iter()
        .filter(|(name, _)| name != "model")
        .filter_map(|(name, at)| Some((name, std::str::from_utf8(&body[at.clone()]).ok()?, at)))
        .collect();
    let as_texts: Vec<Text> = fields
        .iter()
        .map(|(_, value, _)| Text {
            role: Role::User,
            value,
        })
        .collect();
    let screened = screen::prompt(profile, &as_texts, vault);
    let places = screened
        .findings
        .iter()
        .map(|f| {
            fields
                .get(f.text as usize)
                .map_or_else(String::new, |(name, ..)| name.clone())
        })
        .collect();
    let mut edits = Edits::default();
    for (number, parts) in &screened.changes {
        let start = fields[*number].2.start;
        for (range, text) in parts {
            edits.replace(start + range.start..start + range.end, text.clone());
        }
    }
    let body = if screened.changes.is_empty() {
        None
    } else {
        Some(edits.apply(body).ok()?)
    };
    Some(Read {
        screened,
        places,
        body,
        instructions: None,
    })
}

/// Reads a body once more in which places have moved.
fn again(session: &Session, x: &Exchange, call: &Call, body: Bytes) -> Result<Request, Failure> {
    if call.operation.is_form() {
        let kind = session.get_header_bytes("content-type");
        return Request::decode_form(&String::from_utf8_lossy(kind), body);
    }
    Request::decode(call, body, x.snapshot.config.limits.depth)
}
