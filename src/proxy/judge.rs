//! The judges in a request's way: before the call, beside it, and over the answer. Who enforces is waited for; who only
//! observes never delays anything.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use pingora::proxy::Session;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use super::{exchange::Exchange, screen::Screen};
use crate::{
    config::snapshot::Snapshot,
    error::{Failure, Kind},
    guard::{
        Role, Severity,
        judge::{Finds, Judge, Question, Said, Verdict, When},
        profile::{Action, Direction, Mode, OnError, Profile},
        screen::Noted,
        view::Via,
    },
    judge::{ANSWER, Trouble, ask},
    protocol::{
        Call, Operation, form,
        json::{Document, Limits},
        request::Request,
        texts::{self, Place, Spot},
    },
    telemetry::{metrics::METRICS, record::Outcome},
};

pub mod hold;

/// Bodies from this size on are read on a thread that may block.
const LARGE: usize = 256 * 1024;

/// The group of judges' findings in records.
const GROUP: &str = "judges";

/// What a judge said, or why it said nothing.
#[derive(Clone, Debug)]
pub struct Heard {
    judge: Arc<Judge>,
    direction: Direction,
    /// Whether the profile enforces what this judge says.
    enforced: bool,
    said: Result<Verdict, Trouble>,
}

/// What was heard of judges that nobody waits for; nothing any more once the request is recorded.
type Overheard = Arc<Mutex<Option<Vec<Heard>>>>;

/// The judges of one request.
#[derive(Debug)]
pub struct Judging {
    /// All that a question about the answer says, but the answer.
    question: Question,
    beside: Option<watch::Receiver<Option<Vec<Heard>>>>,
    task: Option<AbortHandle>,
    overheard: Overheard,
}

impl Drop for Judging {
    /// Whoever is still asked about a prompt that is over is asked for nothing.
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Whether a judge's verdict is waited for and acted on.
fn is_enforced(profile: &Profile, judge: &Judge) -> bool {
    profile.config.mode == Mode::Enforce && judge.config.holds()
}

/// The judges of a profile who are asked at this time, apart by whether they are waited for.
fn of(snapshot: &Snapshot, profile: &Profile, when: &[When]) -> (Vec<Arc<Judge>>, Vec<Arc<Judge>>) {
    let judges = snapshot.guards.judges(profile);
    let judges = judges.filter(|judge| when.contains(&judge.config.when));
    judges
        .cloned()
        .partition(|judge| is_enforced(profile, judge))
}

/// Asks the judges of prompts: waits for those before the call, and starts those beside it.
///
/// # Errors
/// If one of them stops the request, or fails and must not.
pub async fn prompt(
    session: &mut Session,
    x: &mut Exchange,
    call: &Call,
    request: &Request,
) -> Result<(), Failure> {
    let snapshot = x.snapshot.clone();
    let Some(profile) = x.screen.as_ref().map(|screen| screen.profile.clone()) else {
        return Ok(());
    };
    // A count of tokens brings nothing forth.
    if profile.config.judges.is_empty() || call.operation.counts() {
        return Ok(());
    }
    let kind = session.get_header_bytes("content-type");
    let kind = String::from_utf8_lossy(kind).into_owned();
    let read = {
        let (operation, body) = (call.operation, request.body().clone());
        let depth = snapshot.config.limits.depth;
        move || read(operation, &kind, &body, depth)
    };
    let prompt = if request.len() >= LARGE {
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    } else {
        read()
    };
    let question = Question {
        direction: Direction::Prompt,
        prompt,
        answer: Vec::new(),
        request_id: x.request_id.clone(),
        profile: profile.name.clone(),
        key: x
            .principal
            .as_ref()
            .map_or_else(|| "".into(), |p| p.key.clone()),
        model: request.model.clone(),
    };
    let (before, mut observers) = of(&snapshot, &profile, &[When::Before]);
    let (beside, more) = of(&snapshot, &profile, &[When::Beside]);
    observers.extend(more);
    let overheard = Overheard::new(Mutex::new(Some(Vec::new())));
    overhear(&snapshot, observers, &question, &overheard);
    let mut judging = Judging {
        question: question.clone(),
        beside: None,
        task: None,
        overheard,
    };
    if !beside.is_empty() {
        let (told, hears) = watch::channel(None);
        let asking = all(snapshot.clone(), beside, question.clone());
        let task = tokio::spawn(async move {
            let _ = told.send(Some(asking.await));
        });
        judging.beside = Some(hears);
        judging.task = Some(task.abort_handle());
    }
    if let Some(screen) = &mut x.screen {
        screen.judging = Some(judging);
    }
    if before.is_empty() {
        return Ok(());
    }
    let asking = all(snapshot, before, question);
    let heard = if x.rest.is_some() {
        // A client that is still sending cannot be watched for its leave.
        asking.await
    } else {
        let client = &mut session.downstream_session;
        tokio::select! {
            biased;
            heard = asking => heard,
            _ = client.read_body_or_idle(true) => {
                x.outcome = Some(Outcome::ClientGone);
                return Err(Failure::new(Kind::RequestTimeout, "the client left"));
            }
        }
    };
    let screen = x.screen.as_mut().expect("just set");
    take(screen, heard).map_or(Ok(()), Err)
}

/// Asks several judges at once; ends early if one of them stops the text. Dropping it ends their questions.
async fn all(snapshot: Arc<Snapshot>, judges: Vec<Arc<Judge>>, question: Question) -> Vec<Heard> {
    let question = Arc::new(question);
    let mut tasks = JoinSet::new();
    for judge in &judges {
        let (judge, snapshot, question) = (judge.clone(), snapshot.clone(), question.clone());
        tasks.spawn(async move {
            let said = ask(&snapshot.table, &judge, &question).await;
            (judge, said)
        });
    }
    let mut heard = Vec::new();
    while let Some(done) = tasks.join_next().await {
        // One that panicked is told below.
        let Ok((judge, said)) = done else { continue };
        let one = Heard {
            judge,
            direction: question.direction,
            enforced: true,
            said,
        };
        let stops = one.stops();
        heard.push(one);
        if stops {
            return heard;
        }
    }
    for judge in judges {
        if !heard.iter().any(|h: &Heard| Arc::ptr_eq(&h.judge, &judge)) {
            heard.push(Heard {
                judge,
                direction: question.direction,
                enforced: true,
                said: Err(Trouble::Unable("the gateway failed")),
            });
        }
    }
    heard
}

/// Asks judges that nobody waits for.
fn overhear(
    snapshot: &Arc<Snapshot>,
    judges: Vec<Arc<Judge>>,
    question: &Question,
    overheard: &Overheard,
) {
    let question = Arc::new(question.clone());
    for judge in judges {
        let (snapshot, question) = (snapshot.clone(), question.clone());
        let overheard = overheard.clone();
        tokio::spawn(async move {
            let said = ask(&snapshot.table, &judge, &question).await;
            let heard = Heard {
                judge,
                direction: question.direction,
                enforced: false,
                said,
            };
            let mut list = overheard.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *list {
                Some(list) => list.push(heard),
                None => heard.tell_late(&question.request_id),
            }
        });
    }
}

impl Heard {
    /// Whether it stops the text.
    fn stops(&self) -> bool {
        self.enforced
            && match &self.said {
                Ok(verdict) => verdict.finds == Some(Finds::Block),
                Err(_) => self.judge.config.on_error == OnError::Block,
            }
    }

    /// What the client is told if it does.
    fn failure(&self) -> Failure {
        let (name, what) = (
            &self.judge.name,
            match self.direction {
                Direction::Prompt => "request",
                Direction::Answer => "answer",
            },
        );
        let message = match &self.said {
            Ok(verdict) if verdict.categories.is_empty() => {
                format!("this gateway's guard stopped the {what}: judge `{name}` finds it unsafe")
            }
            Ok(verdict) => format!(
                "this gateway's guard stopped the {what}: judge `{name}` finds {}",
                self.named(&verdict.categories).join(", ")
            ),
            Err(_) => format!("the {what} could not be judged: `{name}` gave no verdict"),
        };
        let failure = Failure::new(Kind::ContentFilter, message);
        match &self.said {
            Ok(_) => failure,
            Err(trouble) => failure.detail(format!("judge {name}: {trouble}")),
        }
    }

    /// Codes with the names that the configuration gives them.
    fn named(&self, codes: &[String]) -> Vec<String> {
        let name = |code: &String| match self.judge.categories.get(code) {
            Some(category) => format!("{} ({code})", category.name()),
            None => code.clone(),
        };
        codes.iter().map(name).collect()
    }

    /// What was done, in a word for the header.
    const fn word(&self, action: Option<Action>) -> &'static str {
        match (&self.said, action) {
            (Err(_), Some(Action::Block)) => "error-blocked",
            (Err(_), _) => "error-allowed",
            (Ok(_), None) => "pass",
            (Ok(_), Some(action)) => action.name(),
        }
    }

    /// What is done with the text, if anything was found or went wrong.
    fn action(&self) -> Option<Action> {
        let found = match &self.said {
            Ok(verdict) => verdict.finds.is_some(),
            Err(_) => true,
        };
        found.then_some(if self.stops() {
            Action::Block
        } else {
            Action::Observe
        })
    }

    fn count_error(&self) {
        if self.said.is_err() {
            let label = if self.stops() { "block" } else { "allow" };
            METRICS
                .guard_errors
                .with_label_values(&[&*self.judge.name, label])
                .inc();
        }
    }

    /// Counts and logs what comes when the request is recorded already.
    fn tell_late(&self, request_id: &str) {
        self.count_error();
        let Some(action) = self.action() else { return };
        let direction = self.direction.name();
        METRICS
            .guard_findings
            .with_label_values(&[direction, &self.judge.name, action.name()])
            .inc();
        let what = match &self.said {
            Ok(verdict) => self.named(&verdict.categories).join(", "),
            Err(trouble) => trouble.to_string(),
        };
        log::info!(
            "{request_id} judge {} over the {direction}: {what}",
            self.judge.name
        );
    }

    /// As a finding for the record.
    fn noted(&self, action: Action) -> Noted {
        let (kind, score, reasons) = match &self.said {
            Ok(verdict) => {
                let mut reasons = self.named(&verdict.categories);
                reasons.extend(verdict.reason.clone());
                ("UNSAFE", verdict.score, reasons)
            }
            Err(trouble) => ("UNJUDGED", None, vec![trouble.to_string()]),
        };
        Noted {
            rule: self.judge.name.to_string(),
            kind: kind.to_owned(),
            group: GROUP.to_owned(),
            severity: Severity::High,
            action,
            role: match self.direction {
                Direction::Prompt => Role::User,
                Direction::Answer => Role::Assistant,
            },
            text: 0,
            range: 0..0,
            via: Via::Plain,
            #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1")]
            score: score.map(|score| score as f32),
            reasons,
            matched: None,
        }
    }
}

/// Notes what was heard; gives what the client is told if the text is stopped.
fn take(screen: &mut Screen, heard: Vec<Heard>) -> Option<Failure> {
    let mut failure = None;
    for one in heard {
        one.count_error();
        let action = one.action();
        if one.stops() && failure.is_none() {
            failure = Some(one.failure());
        }
        screen
            .judged
            .push((one.judge.name.clone(), one.word(action)));
        if let Some(action) = action {
            screen.note(one.direction, one.noted(action), String::new());
        }
    }
    failure
}

/// What the answer waits for: nothing if it may go out.
pub type Awaited = Pin<Box<dyn Future<Output = Option<Failure>> + Send>>;

/// The verdict of those who are asked beside the call.
pub fn beside(x: &Exchange) -> Option<Awaited> {
    let judging = x.screen.as_ref()?.judging.as_ref()?;
    let mut hears = judging.beside.clone()?;
    Some(Box::pin(async move {
        let heard = hears.wait_for(Option::is_some).await;
        // Their task ended without a word: that happens only if it panicked.
        let Ok(heard) = heard else {
            let message = "the request could not be judged";
            return Some(Failure::new(Kind::ContentFilter, message));
        };
        let heard = heard.as_deref().unwrap_or_default();
        heard.iter().find(|one| one.stops()).map(Heard::failure)
    }))
}

/// Notes the verdicts that have come: those beside the call once they are there, and those that nobody waits for.
pub fn note(x: &mut Exchange) {
    let Some(screen) = &mut x.screen else { return };
    let Some(judging) = &mut screen.judging else {
        return;
    };
    let there = judging
        .beside
        .as_ref()
        .is_some_and(|b| b.borrow().is_some());
    let mut heard = Vec::new();
    if there && let Some(beside) = judging.beside.take() {
        heard = beside.borrow().clone().unwrap_or_default();
    }
    if let Some(list) = &mut *judging
        .overheard
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
    {
        heard.append(list);
    }
    take(screen, heard);
}

/// The request is about to be recorded: what comes from now on is logged by itself.
pub fn settle(x: &mut Exchange) {
    note(x);
    let judging = x.screen.as_ref().and_then(|screen| screen.judging.as_ref());
    if let Some(judging) = judging {
        *judging
            .overheard
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whether a text of this kind is shown to judges: what somebody says, and not names, addresses and settings.
const fn is_said(place: &Place<'_>) -> bool {
    !place.is_key()
        && !matches!(
            place.spot,
            Spot::ToolDefinition
                | Spot::Schema
                | Spot::ToolName
                | Spot::Name
                | Spot::FileName
                | Spot::Url
                | Spot::Citation
                | Spot::Metadata
                | Spot::StopSequence
                | Spot::Error
        )
}

/// The texts of a prompt, as they go to the provider.
fn read(operation: Operation, kind: &str, body: &Bytes, depth: usize) -> Arc<[Said]> {
    if operation.is_form() {
        let fields = form::fields(kind, body).unwrap_or_default();
        let found = texts::of_form(&fields, body);
        let said = found.places.iter().filter(|place| is_said(place));
        return said
            .map(|place| said_at(place, "form".to_owned()))
            .collect();
    }
    let limits = Limits {
        depth,
        ..Limits::default()
    };
    let Ok(document) = Document::parse(body, limits) else {
        return Arc::default();
    };
    let found = texts::of_request(operation, &document);
    let said = found.places.iter().filter(|place| is_said(place));
    said.map(|place| said_at(place, texts::path(&document, place)))
        .collect()
}

fn said_at(place: &Place<'_>, path: String) -> Said {
    Said {
        role: place.role,
        turn: place.turn,
        place: path,
        text: place.value.clone().into_owned(),
    }
}
