//! Access tokens that expire: fetched once for all callers, renewed before they end.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

/// A way to get access tokens: an account and how it shows who it is.
pub trait Grant: Send + Sync {
    /// Whose tokens these are, for messages; never a secret.
    fn subject(&self) -> String;

    /// The request that asks for a token at the time `now`.
    ///
    /// # Errors
    /// Tells why the request cannot be made, without secrets.
    fn request(&self, now: SystemTime) -> Result<TokenRequest, String>;
}

/// A request for an access token, ready to be sent.
#[derive(Clone)]
pub struct TokenRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers beside `host` and `content-length`.
    pub headers: HeaderMap,
    /// Body, empty with GET.
    pub body: Bytes,
}

impl TokenRequest {
    /// A POST of a form, as OAuth 2.0 has it.
    pub fn form(url: &str, pairs: &[(&str, &str)]) -> Self {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let json = HeaderValue::from_static("application/json");
        Self {
            method: Method::POST,
            url: url.to_owned(),
            headers: HeaderMap::from_iter([
                (http::header::CONTENT_TYPE, form),
                (http::header::ACCEPT, json),
            ]),
            body: super::percent::form(pairs).into(),
        }
    }
}

impl fmt::Debug for TokenRequest {
    /// Shows no body and no headers: secrets are in them.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "TokenRequest({} {})", self.method, self.url)
    }
}

/// Whether secrets may be sent to a URL: HTTPS, or this machine.
///
/// # Errors
/// Tells why not.
pub fn check_url(url: &str) -> Result<(), String> {
    let parsed: Uri = url
        .parse()
        .map_err(|_| format!("`{url}` is no URL; write it as https://login.example.com"))?;
    let host = parsed.host().unwrap_or_default();
    let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match parsed.scheme_str() {
        _ if host.is_empty() => Err(format!("`{url}` has no host")),
        _ if parsed.authority().is_some_and(|a| a.as_str().contains('@')) => {
            Err("a URL for tokens cannot hold credentials".to_owned())
        }
        Some("https") => Ok(()),
        Some("http") if local => Ok(()),
        _ => Err(format!(
            "`{url}` must begin with https://, since secrets are sent there"
        )),
    }
}

/// An access token, to be sent as it is.
pub struct Token {
    authorization: HeaderValue,
    fetched: Instant,
    renew: Instant,
    expires: Instant,
    /// The one before it was refused, not outdated.
    after_refusal: bool,
}

impl Token {
    /// The value of the `authorization` header: `Bearer …`, marked as sensitive.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// Whose token was wanted.
    pub subject: String,
    /// What the last attempt to get one ended with; without secrets.
    pub reason: String,
    /// When the next attempt will be made, if the last one failed.
    pub retry_in: Option<Duration>,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "no access token for {}: {}", self.subject, self.reason)
    }
}

impl std::error::Error for TokenError {}

/// One attempt to get a token may take this long.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// A token is renewed at this share of its life, ...
const RENEW_AT: f64 = 0.8;

/// ... or so long before its end if that is earlier, but not before half of its life.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// Tokens with a shorter life are not worth having: they would be fetched without end.
const SHORTEST_LIFE: Duration = Duration::from_secs(5);

/// Tokens with a longer life are renewed as if they had this one.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// For answers that tell no life, which OAuth 2.0 only recommends
/// (<https://www.rfc-editor.org/rfc/rfc6749#section-5.1>).
const UNTOLD_LIFE: Duration = Duration::from_secs(300);

/// The pauses after failed attempts: the first one doubles up to the longest, less up to a half by chance.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// If the successor of a refused token is refused so soon, it is not the token's fault.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);

/// Holds the current token of one account. [`TokenSource::run`] fetches and renews it.
pub struct TokenSource {
    grant: Box<dyn Grant>,
    subject: String,
    current: ArcSwapOption<Token>,
    /// Tells waiting callers of each attempt's end: the failure, or nothing after a success.
    failure: watch::Sender<Option<Failure>>,
    /// Ends the pause of the loop.
    wake: Arc<Notify>,
    /// Admits one loop.
    alone: Arc<Semaphore>,
}

#[derive(Clone)]
struct Failure {
    reason: String,
    retry: Instant,
}

impl TokenSource {
    /// A source without a token yet.
    pub fn new(grant: impl Grant + 'static) -> Arc<Self> {
        Arc::new(Self {
            subject: grant.subject(),
            grant: Box::new(grant),
            current: ArcSwapOption::empty(),
            failure: watch::Sender::new(None),
            wake: Arc::default(),
            alone: Arc::new(Semaphore::new(1)),
        })
    }

    /// Whose tokens these are.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The current token: at once while there is one that is valid. Otherwise waits for the attempt that runs, or for
    /// the next one, but no longer than `patience`, and not at all if the next one will come later than that.
    ///
    /// # Errors
    /// Tells what the last attempt ended with.
    pub async fn token(&self, patience: Duration) -> Result<Arc<Token>, TokenError> {
        if let Some(token) = self.valid() {
            return Ok(token);
        }
        let begun = Instant::now();
        let deadline = begun + patience.min(LONGEST_LIFE);
        let mut failure = self.failure.subscribe();
        let wait = async {
            loop {
                // Looked at before the token is: a token that comes in between is no news to miss.
                let last = failure.borrow_and_update().clone();
                if let Some(token) = self.valid() {
                    return Ok(token);
                }
                if let Some(last) = last.filter(|last| last.retry > deadline) {
                    return Err(last);
                }
                // Cannot fail: the sender lives as long as `self`.
                let _ = failure.changed().await;
            }
        };
        let last = match tokio::time::timeout_at(deadline, wait).await {
            Ok(Ok(token)) => return Ok(token),
            Ok(Err(last)) => Some(last),
            Err(_) => self.failure.borrow().clone(),
        };
        let now = Instant::now();
        Err(TokenError {
            subject: self.subject.clone(),
            retry_in: last.as_ref().map(|last| last.retry - now),
            reason: last.map_or_else(
                || format!("none came within {:.1?}", now - begun),
                |last| last.reason,
            ),
        })
    }

    /// Reports that a token was refused (401). Tells whether it is worth to try again with what [`TokenSource::token`]
    /// gives then: the first report of the current token has it renewed, further ones change nothing. If the successor
    /// of a refused token is refused too within 30 s, the reason is another one, and the token stays.
    pub fn invalidate(&self, refused: &Arc<Token>) -> bool {
        let is_current = |current: &Option<Arc<Token>>| {
            current.as_ref().map(Arc::as_ptr) == Some(Arc::as_ptr(refused))
        };
        if !is_current(&self.current.load()) {
            return true;
        }
        if refused.after_refusal && refused.fetched.elapsed() < REFUSAL_PAUSE {
            return false;
        }
        // The next attempt is made now, whenever a failed renewal has put it.
        self.failure.send_replace(None);
        let before = self.current.compare_and_swap(&Some(refused.clone()), None);
        if is_current(&before) {
            log::info!(
                "the access token of {} was refused, asking for another",
                self.subject
            );
            self.wake.notify_one();
        }
        true
    }

    /// Fetches the first token at once, renews it in time, and repeats what fails after a pause. `fetch` sends a
    /// request and gives status and body of the answer, or the reason why there is none.
    ///
    /// Ends after the last other owner has dropped the source. There is one loop for each source: a second one ends
    /// at once.
    pub async fn run<F, A>(self: Arc<Self>, fetch: F)
    where
        F: Fn(TokenRequest) -> A + Send + Sync,
        A: Future<Output = Result<(StatusCode, Bytes), String>> + Send,
    {
        let Ok(_alone) = self.alone.clone().try_acquire_owned() else {
            return;
        };
        let (source, wake) = (Arc::downgrade(&self), self.wake.clone());
        drop(self);
        let mut failures = 0;
        let mut after_refusal = false;
        while let Some(this) = source.upgrade() {
            let next = match this.ask(&fetch).await {
                Ok(token) => {
                    failures = 0;
                    this.accept(Token {
                        after_refusal,
                        ..token
                    })
                }
                Err(reason) => {
                    failures += 1;
                    this.fail(reason, pause(failures))
                }
            };
            drop(this);
            // What came after a refusal and some failures still did.
            after_refusal =
                pause_until(&source, &wake, next).await || (after_refusal && failures > 0);
        }
    }

    fn valid(&self) -> Option<Arc<Token>> {
        let current = self.current.load();
        let token = current.as_ref()?;
        (Instant::now() < token.expires).then(|| token.clone())
    }

    async fn ask<F, A>(&self, fetch: &F) -> Result<Token, String>
    where
        F: Fn(TokenRequest) -> A,
        A: Future<Output = Result<(StatusCode, Bytes), String>>,
    {
        let request = self.grant.request(SystemTime::now())?;
        // A token's life begins before its answer arrives.
        let asked = Instant::now();
        let (status, body) = tokio::time::timeout(ASK_LIMIT, fetch(request))
            .await
            .map_err(|_| format!("no answer within {ASK_LIMIT:?}"))??;
        let (authorization, life) = read_answer(status, &body)?;
        if life < SHORTEST_LIFE {
            return Err(format!("the token that came lives for {life:?} only"));
        }
        Ok(Token {
            authorization,
            fetched: asked,
            renew: asked + renewal(life),
            expires: asked + life,
            after_refusal: false,
        })
    }

    /// Takes a token; tells when to ask for the next one.
    fn accept(&self, token: Token) -> Instant {
        let renew = token.renew;
        log::debug!(
            "an access token for {} came, for {:?}",
            self.subject,
            token.expires - Instant::now()
        );
        self.current.store(Some(Arc::new(token)));
        self.failure.send_replace(None);
        renew
    }

    /// Takes note of a failure; tells when to ask again.
    fn fail(&self, reason: String, pause: Duration) -> Instant {
        let served = match self.valid() {
            Some(token) => format!(
                "; the current one serves for {:.0?}",
                token.expires - Instant::now()
            ),
            None => String::new(),
        };
        log::warn!(
            "no new access token for {}: {reason}; next attempt in {pause:.1?}{served}",
            self.subject
        );
        let retry = Instant::now() + pause;
        self.failure.send_replace(Some(Failure { reason, retry }));
        retry
    }
}

impl Drop for TokenSource {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "TokenSource({})", self.subject)
    }
}

/// Waits until `due`, but less if the token is refused or the source is dropped. Tells whether the token was refused.
async fn pause_until(source: &Weak<TokenSource>, wake: &Notify, due: Instant) -> bool {
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(due) => return false,
            () = wake.notified() => match source.upgrade() {
                None => return false,
                Some(source) if source.current.load().is_none() => return true,
                // Refused was the token before this one, while this one was on its way.
                Some(_) => {}
            },
        }
    }
}

/// When to renew a token, from the beginning of its life.
fn renewal(life: Duration) -> Duration {
    let early = life.saturating_sub(RENEW_BEFORE).max(life / 2);
    early.min(life.mul_f64(RENEW_AT))
}

/// The pause after the n-th failure in a row. Chance keeps gateways apart that failed together.
fn pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << (failures.clamp(1, 16) - 1));
    doubled
        .min(LONGEST_PAUSE)
        .mul_f64(0.5 + 0.5 * fastrand::f64())
}

/// Reads the answer of a token endpoint (<https://www.rfc-editor.org/rfc/rfc6749#section-5>). The messages never have a
/// part of an answer that was good.
fn read_answer(status: StatusCode, body: &[u8]) -> Result<(HeaderValue, Duration), String> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    if !status.is_success() {
        let why = answer.as_ref().map(explain).unwrap_or_default();
        return Err(format!("HTTP {}{why}", status.as_u16()));
    }
    let answer = answer.ok_or("the answer is no JSON")?;
    let token = answer.get("access_token").and_then(Value::as_str);
    let token = token
        .filter(|token| !token.is_empty())
        .ok_or("the answer has no access_token")?;
    let kind = answer.get("token_type").and_then(Value::as_str);
    if !kind.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err("the token that came is no bearer token".to_owned());
    }
    let life = match answer.get("expires_in") {
        None | Some(Value::Null) => UNTOLD_LIFE,
        // Some write the number as a text.
        Some(Value::String(text)) => parse_seconds(text.parse().ok())?,
        Some(number) => parse_seconds(number.as_f64())?,
    };
    let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| "the token that came cannot stand in a header")?;
    authorization.set_sensitive(true);
    Ok((authorization, life))
}

fn parse_seconds(seconds: Option<f64>) -> Result<Duration, String> {
    let seconds = seconds
        .filter(|seconds| seconds.is_finite())
        .ok_or("the answer's expires_in is no number")?;
    Ok(Duration::from_secs_f64(
        seconds.clamp(0.0, LONGEST_LIFE.as_secs_f64()),
    ))
}

/// What an error answer says: OAuth's `error` and `error_description`, or Google's `error.message`.
fn explain(answer: &Value) -> String {
    let error = answer.get("error");
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let parts = [
        text(error),
        text(error.and_then(|error| error.get("message"))),
        text(answer.get("error_description")),
    ];
    let parts = parts.iter().map(|part| first_line(part));
    parts
        .filter(|part| !part.is_empty())
        .map(|part| format!(": {part}"))
        .collect()
}

/// The first line of a foreign text, printable and short.
fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let printable = line.chars().filter(|c| !c.is_control());
    printable.take(300).collect()
}

#[cfg(test)]
mod tests;
