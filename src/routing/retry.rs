//! Which attempt comes next, and when to give up: the one place that decides.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    RetryConfig, RetryOn,
    table::{Choice, Target},
};
use crate::{
    error::{Failure, Kind},
    upstream::{credential::Picked, pool::Chosen},
};

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection, or lost before the answer began.
    Connect,
    /// Silent for too long.
    Timeout,
    /// An error status, or an error event that stands for one.
    Status(u16),
    /// An answer that makes no sense; counts as a bad gateway.
    Invalid,
}

impl Fault {
    /// The metric label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Status(401 | 403) => "unauthorized",
            Self::Status(429) => "limited",
            Self::Status(500..) => "5xx",
            Self::Status(_) => "4xx",
            Self::Invalid => "invalid",
        }
    }

    /// Whether it tells against the endpoint, so that passive health counts it.
    pub const fn is_endpoints_fault(self) -> bool {
        matches!(
            self,
            Self::Connect | Self::Timeout | Self::Invalid | Self::Status(500..)
        )
    }

    fn is_credentials_fault(self) -> bool {
        matches!(self, Self::Status(401 | 429))
    }

    fn is_in(self, classes: &[RetryOn]) -> bool {
        classes.iter().any(|class| match self {
            Self::Connect => *class == RetryOn::Connect,
            Self::Timeout => *class == RetryOn::Timeout,
            Self::Invalid => class.has_status(502),
            Self::Status(status) => class.has_status(status),
        })
    }
}

/// One attempt: whom to ask, where, with which credential.
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// Provider and model.
    pub target: Target,
    /// The endpoint, with its place in the count of requests in flight.
    pub chosen: Chosen,
    /// The credential; without a secret where the provider wants none.
    pub key: Picked,
    /// How long the target may stay silent if another one is to be asked within the budget.
    pub patience: Option<Duration>,
}

/// How long a credential rests after a 401: a revoked key does not come back by itself, but an operator may mend it.
const REST_UNAUTHORIZED: Duration = Duration::from_secs(300);

/// How long a credential rests after a 429 without a hint.
const REST_LIMITED: Duration = Duration::from_secs(5);

/// The longest rest that an upstream's hint can cause.
const REST_MOST: Duration = Duration::from_secs(3600);

/// The first pause before a target is asked a second time; doubled each round.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest pause that a request waits for.
const PAUSE_MOST: Duration = Duration::from_secs(10);

/// The attempts of one request: what was tried, what is left.
#[derive(Clone)]
pub struct Plan {
    targets: Vec<Target>,
    retry: Arc<RetryConfig>,
    affinity: u64,
    started: Instant,
    attempts: u32,
    /// The target that comes next, or is being asked.
    at: usize,
    /// What was tried of this target.
    addresses: Vec<SocketAddr>,
    keys: u64,
    round: u32,
    pause: Duration,
    overtime: bool,
    /// The soonest time at which any target said to come back.
    retry_after: Option<Instant>,
}

impl Plan {
    /// The plan for a choice of targets; `affinity` is the request's place on a consistent hash.
    pub fn new(choice: Choice, affinity: u64) -> Self {
        Self {
            targets: choice.targets,
            retry: choice.retry,
            affinity,
            started: Instant::now(),
            attempts: 0,
            at: 0,
            addresses: Vec::new(),
            keys: 0,
            round: 0,
            pause: Duration::ZERO,
            overtime: false,
            retry_after: None,
        }
    }

    /// The target that comes first.
    pub fn first(&self) -> &Target {
        &self.targets[0]
    }

    /// Attempts begun so far.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The pause to make before the next attempt.
    pub const fn pause(&mut self) -> Duration {
        std::mem::replace(&mut self.pause, Duration::ZERO)
    }

    /// When the client should come back, as the most hopeful of all upstreams said.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Begins the next attempt.
    ///
    /// # Errors
    /// A [`Failure`] for the client if no target can be asked: nowhere an address, or all tried.
    pub fn begin(&mut self, stream: bool) -> Result<Attempt, Failure> {
        let mut reason = None;
        while self.at < self.targets.len() {
            let target = self.targets[self.at].clone();
            let last = self.at + 1 == self.targets.len();
            let pool = &target.upstream.pool;
            // A lone endpoint is asked although it looks ill: the provider may know better.
            let chosen = pool
                .select(self.affinity, &self.addresses, false)
                .or_else(|| {
                    last.then(|| pool.select(self.affinity, &self.addresses, true))
                        .flatten()
                });
            // A credential that rests is used by the last target alone.
            let credentials = &target.upstream.credentials;
            let picked = if last || credentials.fresh(self.keys) {
                credentials.pick(self.keys)
            } else {
                None
            };
            if let (Some(chosen), Some(picked)) = (chosen, picked) {
                self.attempts += 1;
                return Ok(Attempt {
                    number: self.attempts,
                    key: picked,
                    patience: self.patience(stream),
                    chosen,
                    target,
                });
            }
            // Whoever is passed over since its credentials rest may be the first to come back.
            if let Some(rest) = credentials.recovers_in() {
                self.come_back_in(rest);
            }
            reason = pool.resolve_error().or(reason);
            self.next_target();
        }
        Err(Failure::new(
            Kind::UpstreamUnreachable,
            "no target of this model can be reached",
        )
        .detail(reason.unwrap_or_else(|| "no endpoint is healthy, or all were tried".to_owned())))
    }

    fn next_target(&mut self) {
        self.at += 1;
        self.addresses.clear();
        self.keys = 0;
    }

    /// How long a silent target is waited for: until the budget ends, or for streams, whose heads come at once, only
    /// for a share of it that leaves time for the others.
    fn patience(&self, stream: bool) -> Option<Duration> {
        let budget = self.retry.budget?.get();
        let others = self.others_left();
        if others == 0 {
            return None;
        }
        let left = budget.saturating_sub(self.started.elapsed());
        let share = if stream { left / (others + 1) } else { left };
        Some(share.max(Duration::from_millis(100)))
    }

    /// Further attempts that could follow the one that is running, as far as limits allow.
    fn others_left(&self) -> u32 {
        let targets = self.targets.len() - (self.at + 1).min(self.targets.len());
        let same = self.targets.get(self.at).map_or(0, |t| {
            t.upstream
                .pool
                .config()
                .endpoints
                .len()
                .saturating_sub(self.addresses.len() + 1)
        });
        let left = u32::try_from(targets + same).unwrap_or(u32::MAX);
        let limit = self.retry.attempts.unwrap_or(RetryConfig::MOST);
        left.min(limit.saturating_sub(self.attempts))
    }

    /// Notes how an attempt failed, and tells whether another one follows. `hint` is the upstream's Retry-After.
    pub fn failed(&mut self, attempt: &Attempt, fault: Fault, hint: Option<Duration>) -> bool {
        let upstream = &attempt.target.upstream;
        if fault.is_endpoints_fault() {
            attempt.chosen.failed();
        }
        if fault.is_credentials_fault() && attempt.key.secret.is_some() {
            let rest = match fault {
                Fault::Status(401) => REST_UNAUTHORIZED,
                _ => hint.unwrap_or(REST_LIMITED).min(REST_MOST),
            };
            upstream.credentials.rest(attempt.key.index, rest);
            self.keys |= attempt.key.bit();
        }
        if let Some(hint) = hint.or((fault == Fault::Status(429)).then_some(REST_LIMITED)) {
            self.come_back_in(hint);
        }
        self.go_on(attempt, fault, hint)
    }

    /// Keeps the soonest time to come back.
    fn come_back_in(&mut self, time: Duration) {
        let at = Instant::now() + time.min(REST_MOST);
        self.retry_after = Some(self.retry_after.map_or(at, |other| other.min(at)));
    }

    /// Whether another attempt would follow such a failure; notes nothing.
    pub fn would_go_on(&self, attempt: &Attempt, fault: Fault, hint: Option<Duration>) -> bool {
        let mut trial = self.clone();
        if fault.is_credentials_fault() && attempt.key.secret.is_some() {
            trial.keys |= attempt.key.bit();
        }
        trial.go_on(attempt, fault, hint)
    }

    fn go_on(&mut self, attempt: &Attempt, fault: Fault, hint: Option<Duration>) -> bool {
        let limit = self.retry.attempts.unwrap_or(RetryConfig::MOST);
        // A refused credential is ours to replace, whatever the operator thinks of statuses.
        let ours = fault == Fault::Status(401);
        if self.attempts >= limit.min(RetryConfig::MOST) || !(ours || fault.is_in(&self.retry.on)) {
            return false;
        }
        let upstream = &attempt.target.upstream;
        let other_key = fault.is_credentials_fault()
            && attempt.key.secret.is_some()
            && upstream.credentials.fresh(self.keys);
        if !other_key {
            self.addresses.push(attempt.chosen.address());
            // The next endpoint may use the same credential again, unless it was the credential's fault.
            if ours || !upstream.pool.untried(&self.addresses) {
                self.next_target();
            } else if fault.is_credentials_fault() {
                self.keys = 0;
            }
        }
        let untried = self.at < self.targets.len();
        if let Some(budget) = self.retry.budget
            && self.started.elapsed() >= budget.get()
        {
            // Whoever waited for a silent target until the end of the budget is owed one more.
            let owed = untried && fault == Fault::Timeout && !self.overtime;
            self.overtime = true;
            return owed;
        }
        untried || self.another_round(hint)
    }

    /// Begins again with the first target if the operator wants more attempts than there are targets.
    fn another_round(&mut self, hint: Option<Duration>) -> bool {
        if self.retry.attempts.is_none() {
            return false;
        }
        let doubled = PAUSE * 2_u32.pow(self.round.min(6));
        let jittered = doubled.mul_f64(0.5 + fastrand::f64() / 2.0);
        let pause = hint.unwrap_or_default().max(jittered);
        let left = self.retry.budget.map_or(PAUSE_MOST, |budget| {
            budget.get().saturating_sub(self.started.elapsed())
        });
        if pause > left.min(PAUSE_MOST) {
            return false;
        }
        self.round += 1;
        self.pause = pause;
        self.at = 0;
        self.addresses.clear();
        self.keys = 0;
        true
    }
}

/// Reads `retry-after-ms` and `retry-after` (seconds or HTTP date) of an answer.
pub fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(ms) = text("retry-after-ms").and_then(|t| t.trim().parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(ms / 1000.0).ok();
    }
    let value = text("retry-after")?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(
        at.duration_since(std::time::SystemTime::now())
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests;
