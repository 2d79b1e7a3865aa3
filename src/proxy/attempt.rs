//! One attempt: connect, send, judge the head of the answer, and pass the answer on.
//!
//! Pingora's own proxy loop copies bodies between two tasks while it reads them, writes an answer's head at once, and
//! knows one read timeout. Here the request is whole before the first attempt, the head waits for content, and limits
//! differ by phase; so the attempts run in one future over Pingora's connector. docs/decisions/0002 has the measurements.

use std::{
    ops::DerefMut,
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Version;
use pingora::{
    Error, ErrorType, RetryType,
    connectors::http::Connector,
    http::{RequestHeader, ResponseHeader},
    protocols::http::{
        ServerSession,
        client::HttpSession,
        v1::client::{HttpSession as Http1, http_req_header_to_wire},
    },
    proxy::Session,
    upstreams::peer::{HttpPeer, Peer},
};
use tokio::io::AsyncWriteExt;

use super::{
    dispatch,
    exchange::{Exchange, Rest},
    judge::{
        self,
        hold::{self, Hold},
    },
    relay,
};
use crate::{error::Failure, protocol::Dialect, routing::retry::Fault, telemetry::record::Outcome};

/// Why an attempt did not end with an answer.
#[derive(Debug)]
pub enum Lost {
    /// The client left; nobody is there to be answered.
    Gone,
    /// Nothing is lost: this was the answer to one of several calls for the request.
    More(Bytes),
    /// A pooled connection turned out to be closed; the attempt is made again on a fresh one.
    Stale,
    /// The upstream cannot speak HTTP/2 after all, and need not; the attempt is made again over HTTP/1.1.
    NotHttp2,
    /// The upstream failed.
    Fault {
        /// In which way.
        fault: Fault,
        /// When it wants to be asked again.
        hint: Option<Duration>,
        /// For the operator.
        detail: String,
    },
    /// A judge stopped the request before any of the answer went out.
    Stopped(Failure),
    /// The client sends more than it may.
    TooLarge,
    /// The gateway failed.
    Internal(String),
}

impl Lost {
    /// A failure of the upstream.
    pub fn fault(fault: Fault, detail: impl Into<String>) -> Self {
        Self::Fault {
            fault,
            hint: None,
            detail: detail.into(),
        }
    }

    fn from_error(error: &Error, reused: bool, peer: &HttpPeer) -> Self {
        let may_downgrade = || {
            peer.get_alpn()
                .is_none_or(|alpn| alpn.get_min_http_version() == 1)
        };
        match (error.etype(), &error.retry) {
            (ErrorType::H2Downgrade | ErrorType::InvalidH2, _) if may_downgrade() => Self::NotHttp2,
            (_, RetryType::ReusedOnly | RetryType::Decided(true)) if reused => Self::Stale,
            // Pingora is not sure about TLS that ends without a word, as servers end it that fall or hurry.
            (ErrorType::ReadError | ErrorType::ConnectionClosed, _) if reused => Self::Stale,
            _ => Self::fault(classify(error), error.to_string()),
        }
    }
}

/// How an error of Pingora counts.
pub fn classify(error: &Error) -> Fault {
    match error.etype() {
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => Fault::Timeout,
        ErrorType::InvalidHTTPHeader | ErrorType::InvalidH2 => Fault::Invalid,
        _ => Fault::Connect,
    }
}

/// Signs of life come no closer than this, also where there is nothing that could be said.
const BEAT_LEAST: Duration = Duration::from_secs(1);

/// Requests up to this size go out in one write, head and body together.
const ONE_WRITE: usize = 64 * 1024;

/// How long an upstream that would not take the whole request may still say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Asks the running attempt's target and passes its answer on to the client.
pub async fn make(
    connector: &Connector,
    s: &mut Session,
    x: &mut Exchange,
    peer: &HttpPeer,
) -> Result<(), Lost> {
    let head = dispatch::write_head(s, x).map_err(|e| Lost::Internal(e.to_string()))?;
    let limits = dispatch::limits(x);
    let client = &mut s.downstream_session;
    let mut clock = Clock::new(limits.connect, judge::beside(x));
    // On the heap, since it is large and an open stream would carry its place along.
    let connecting = Box::pin(connector.get_http_session(peer));
    let connected = if x.rest.is_some() {
        // A client that is still sending cannot be watched for its leave.
        tokio::time::timeout_at(clock.deadline.into(), connecting)
            .await
            .map_err(|_| Lost::fault(Fault::Timeout, "no connection in time"))?
    } else {
        clock
            .unless_gone(client, "no connection in time", connecting)
            .await?
    };
    let (upstream, reused) = connected.map_err(|e| Lost::fault(classify(&e), e.to_string()))?;
    clock.restart(limits.head.min(limits.total));
    let mut upstream = match &mut x.rest {
        None => {
            let sending = send(upstream, head, x.body.clone(), peer, reused, clock.deadline);
            clock
                .unless_gone(client, "no answer in time", Box::pin(sending))
                .await??
        }
        Some(rest) => {
            let sending = pass_on(client, upstream, head, x.body.clone(), rest, (peer, reused));
            let limit = x.snapshot.config.limits.body_timeout.get();
            let upstream = tokio::time::timeout(limit.min(limits.total), Box::pin(sending))
                .await
                .unwrap_or_else(|_| {
                    Err(Lost::fault(
                        Fault::Timeout,
                        "the body was not taken in time",
                    ))
                })?;
            clock.restart(limits.head.min(limits.total));
            upstream
        }
    };
    let done = answer(s, x, &mut upstream, (peer, reused), &limits, clock).await;
    match (&done, upstream) {
        (Ok(true) | Err(Lost::More(_)), upstream) => {
            let idle = peer.idle_timeout();
            connector.release_http_session(upstream, peer, idle).await;
        }
        // Tells an HTTP/2 upstream that nobody listens any more; a connection of HTTP/1.1 is closed.
        (_, mut upstream) => upstream.shutdown().await,
    }
    if let Err(Lost::NotHttp2) = &done {
        connector.prefer_h1(peer);
    }
    done.map(|_| ())
}

/// Reads the answer and passes it on; tells whether the upstream's connection can be used again.
async fn answer(
    s: &mut Session,
    x: &mut Exchange,
    upstream: &mut HttpSession,
    (peer, reused): (&HttpPeer, bool),
    limits: &Limits,
    mut clock: Clock,
) -> Result<bool, Lost> {
    let client = &mut s.downstream_session;
    let mut head = clock
        .unless_gone(client, "no answer in time", pin!(read_head(upstream)))
        .await?
        .map_err(|e| Lost::from_error(&e, reused, peer))?;
    relay::judge(&mut head, x)?;
    let mut head = Some(head);
    let mut held = Hold::new(x);
    let begun = x.attempt_started;
    clock.until((begun + limits.content).min(begun + limits.total));
    let mut late = "no content in time";
    let mut last = Instant::now();
    loop {
        let client = &mut s.downstream_session;
        let read = {
            let mut reading = pin!(upstream.read_response_body());
            loop {
                let beat = match head {
                    None => last + limits.heartbeat,
                    Some(_) if held.as_ref().is_some_and(|held| !held.is_empty()) => {
                        last + limits.heartbeat
                    }
                    Some(_) => (x.started + limits.early).max(last + BEAT_LEAST),
                };
                match clock.or_beat(client, late, reading.as_mut(), beat).await? {
                    Some(read) => break read,
                    None => {
                        clock.judged(client, x).await?;
                        heartbeat(client, &mut head, held.as_mut(), x).await?;
                    }
                }
                last = Instant::now();
            }
        };
        let (chunk, broken) = match read {
            Ok(chunk) => (chunk, false),
            Err(_) if x.relay.as_ref().is_some_and(relay::Relay::has_ended) => (None, true),
            Err(e) => return Err(Lost::fault(classify(&e), e.to_string())),
        };
        let end = chunk.is_none() || upstream.response_done();
        let (out, lost) = relay::piece(chunk, end, x)?;
        let stopped = x.relay.as_ref().is_some_and(relay::Relay::is_stopped);
        let end = end || stopped;
        if let Some(lost) = lost {
            // Before the client has seen anything, another target can still do better.
            if head.is_none() && held.is_none() {
                let rest = out.unwrap_or_default();
                client
                    .write_response_body(rest, false)
                    .await
                    .map_err(|_| Lost::Gone)?;
            }
            return Err(lost);
        }
        let judged = match &mut held {
            None => None,
            Some(held) => {
                held.add(out.clone().unwrap_or_default());
                let full = held.is_full(x);
                if !end && !full {
                    // It comes, and is held until judges have seen all of it.
                    late = "the answer stopped";
                    clock.until((Instant::now() + limits.idle).min(begun + limits.total));
                    continue;
                }
                Some(full && !end)
            }
        };
        let (out, end) = match judged {
            Some(full) => {
                let mut waiting = Waiting {
                    head: &mut head,
                    last: &mut last,
                    limits,
                };
                let refused = judge_answer(client, x, &mut clock, &mut held, &mut waiting, full);
                match refused.await? {
                    (out, true) => (Some(out), true),
                    (out, false) => (Some(out), end),
                }
            }
            None if end => {
                // Those who only observe are told, and not waited for.
                drop(hold::verdict(x, false));
                (out, end)
            }
            None => (out, end),
        };
        if out.is_none() && !end {
            if x.relay.as_ref().is_some_and(|relay| !relay.is_stream()) {
                // It comes, and is held until it is whole.
                late = "the answer stopped";
                clock.until((Instant::now() + limits.idle).min(begun + limits.total));
            }
            continue;
        }
        if let Some(head) = head.take() {
            clock.judged(client, x).await?;
            let length = out.as_ref().filter(|_| end).map_or(0, Bytes::len);
            let head = relay::head_for_client(client, head, end.then_some(length), x)
                .map_err(|e| Lost::Internal(e.to_string()))?;
            client
                .write_response_header(head)
                .await
                .map_err(|_| Lost::Gone)?;
            late = "the answer stopped";
            // No other attempt can follow.
            x.release_request();
        }
        client
            .write_response_body(out.unwrap_or_default(), end)
            .await
            .map_err(|_| Lost::Gone)?;
        last = Instant::now();
        if end {
            return Ok(!broken && !stopped);
        }
        clock.until((Instant::now() + limits.idle).min(begun + limits.total));
    }
}

/// What is known while an answer waits for its judges.
struct Waiting<'a> {
    head: &'a mut Option<Box<ResponseHeader>>,
    last: &'a mut Instant,
    limits: &'a Limits,
}

/// Waits for the judges of an answer that is whole, or `full`: longer than what can be held. Gives what goes out in its
/// place or as it is, and whether it was refused.
async fn judge_answer(
    client: &mut ServerSession,
    x: &mut Exchange,
    clock: &mut Clock,
    held: &mut Option<Hold>,
    waiting: &mut Waiting<'_>,
    full: bool,
) -> Result<(Bytes, bool), Lost> {
    let mut refused = false;
    if let Some(mut verdict) = hold::verdict(x, full) {
        // Each judge has a time limit of its own.
        clock.until(Instant::now() + JUDGES);
        let heard = loop {
            let beat = (*waiting.last + waiting.limits.heartbeat).max(Instant::now() + BEAT_LEAST);
            let late = "no verdict in time";
            match clock.or_beat(client, late, verdict.as_mut(), beat).await? {
                Some(heard) => break heard,
                None => {
                    clock.judged(client, x).await?;
                    heartbeat(client, waiting.head, held.as_mut(), x).await?;
                }
            }
            *waiting.last = Instant::now();
        };
        refused = hold::stopped(x, heard).is_some();
    }
    if full && let Some(relay) = &mut x.relay {
        // Whatever follows is not judged any more.
        relay.ear = None;
    }
    let Some(mut held) = held.take() else {
        return Ok((Bytes::new(), refused));
    };
    if !refused {
        return Ok((held.release(), false));
    }
    x.outcome = Some(Outcome::Refused);
    Ok((held.refused(x), true))
}

/// Longer than any judge may take.
const JUDGES: Duration = Duration::from_secs(660);

/// Tells the client of a silent stream that it lives; begins the answer, if it has not begun.
async fn heartbeat(
    client: &mut ServerSession,
    head: &mut Option<Box<ResponseHeader>>,
    held: Option<&mut Hold>,
    x: &mut Exchange,
) -> Result<(), Lost> {
    let Some(relay) = x.relay.as_mut() else {
        return Ok(());
    };
    let Some(beat) = relay.heartbeat(x.dialect) else {
        return Ok(());
    };
    let beat = match held {
        Some(held) => {
            if head.is_some() {
                let early = relay.begin_early();
                x.response_bytes += early.len();
                held.add(early);
            }
            // A ping must not stand before the first event, which is held.
            match x.dialect {
                Dialect::Anthropic => Bytes::from_static(b": keep-alive\n\n"),
                _ => beat,
            }
        }
        None if head.is_some() => [relay.begin_early(), beat].concat().into(),
        None => beat,
    };
    if let Some(head) = head.take() {
        let head = relay::head_for_client(client, head, None, x)
            .map_err(|e| Lost::Internal(e.to_string()))?;
        client
            .write_response_header(head)
            .await
            .map_err(|_| Lost::Gone)?;
        x.release_request();
    }
    x.response_bytes += beat.len();
    client
        .write_response_body(beat, false)
        .await
        .map_err(|_| Lost::Gone)
}

/// Sends the request. An upstream that answers before it has read everything is listened to.
async fn send(
    upstream: HttpSession,
    mut head: RequestHeader,
    body: Bytes,
    peer: &HttpPeer,
    reused: bool,
    deadline: Instant,
) -> Result<HttpSession, Lost> {
    let mut upstream = match upstream {
        HttpSession::H1(session) if body.len() <= ONE_WRITE => {
            return send_at_once(session, &head, &body, peer, reused).await;
        }
        upstream => upstream,
    };
    if let HttpSession::H2(_) = upstream {
        dispatch::for_http2(&mut head, peer.is_tls()).map_err(|e| Lost::Internal(e.to_string()))?;
    }
    upstream.set_write_timeout(Some(deadline.saturating_duration_since(Instant::now())));
    upstream
        .write_request_header(Box::new(head))
        .await
        .map_err(|e| refine(&e, reused, peer))?;
    let sent = match upstream.write_request_body(body, true).await {
        Ok(()) => upstream.finish_request_body().await,
        Err(error) => Err(error),
    };
    let Err(error) = sent else {
        return Ok(upstream);
    };
    // Perhaps it has answered already, and will not read the rest.
    match tokio::time::timeout(LAST_WORDS, upstream.read_response_header()).await {
        Ok(Ok(())) => Ok(upstream),
        _ => Err(refine(&error, reused, peer)),
    }
}

/// Sends a request whose body is still coming from the client.
async fn pass_on(
    client: &mut ServerSession,
    mut upstream: HttpSession,
    mut head: RequestHeader,
    body: Bytes,
    rest: &mut Rest,
    (peer, reused): (&HttpPeer, bool),
) -> Result<HttpSession, Lost> {
    if let HttpSession::H2(_) = upstream {
        dispatch::for_http2(&mut head, peer.is_tls()).map_err(|e| Lost::Internal(e.to_string()))?;
    }
    upstream
        .write_request_header(Box::new(head))
        .await
        .map_err(|e| refine(&e, reused, peer))?;
    let mut sent = upstream.write_request_body(body, false).await;
    let mut left = rest.limit;
    while sent.is_ok() {
        rest.taken = true;
        let Some(chunk) = client.read_request_body().await.map_err(|_| Lost::Gone)? else {
            sent = upstream.finish_request_body().await;
            break;
        };
        let Some(less) = left.checked_sub(chunk.len()) else {
            return Err(Lost::TooLarge);
        };
        left = less;
        sent = upstream.write_request_body(chunk, false).await;
    }
    let Err(error) = sent else {
        return Ok(upstream);
    };
    match tokio::time::timeout(LAST_WORDS, upstream.read_response_header()).await {
        Ok(Ok(())) => Ok(upstream),
        _ => Err(refine(&error, reused, peer)),
    }
}

/// What a failed write means: on a pooled connection, that it was closed.
fn refine(error: &Error, reused: bool, peer: &HttpPeer) -> Lost {
    let closed = matches!(
        error.etype(),
        ErrorType::WriteError | ErrorType::ConnectionClosed | ErrorType::H2Error
    );
    if reused && closed {
        Lost::Stale
    } else {
        Lost::from_error(error, reused, peer)
    }
}

/// Pingora writes head and body apart, which costs a system call and a packet; writing is half of its CPU for a request.
async fn send_at_once(
    session: Http1,
    head: &RequestHeader,
    body: &Bytes,
    peer: &HttpPeer,
    reused: bool,
) -> Result<HttpSession, Lost> {
    let mut wire = http_req_header_to_wire(head)
        .ok_or_else(|| Lost::Internal("the request head cannot be written".to_owned()))?;
    wire.extend_from_slice(body);
    let mut stream = session.into_inner();
    let written = async {
        stream.write_all(&wire).await?;
        stream.flush().await
    };
    let written = written.await;
    let mut session = Http1::new_with_options(stream, peer);
    let Err(error) = written else {
        return Ok(HttpSession::H1(session));
    };
    if reused {
        return Err(Lost::Stale);
    }
    match tokio::time::timeout(LAST_WORDS, session.read_response()).await {
        Ok(Ok(_)) => Ok(HttpSession::H1(session)),
        _ => Err(Lost::fault(Fault::Connect, error.to_string())),
    }
}

/// Reads the head of the answer, past interim ones.
async fn read_head(upstream: &mut HttpSession) -> pingora::Result<Box<ResponseHeader>> {
    loop {
        if upstream
            .response_header()
            .is_none_or(|head| head.status.is_informational())
        {
            upstream.read_response_header().await?;
        }
        let Some(head) = upstream.response_header() else {
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "no head");
        };
        if head.status == 101 {
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "protocol switched unasked");
        }
        if !head.status.is_informational() {
            let mut head = Box::new(head.clone());
            head.set_version(Version::HTTP_11);
            if let HttpSession::H1(session) = upstream {
                session.respect_keepalive();
            }
            return Ok(head);
        }
    }
}

/// The time limits of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the connection; a backstop, as Pingora's connector has the operator's limit.
    pub connect: Duration,
    /// Until the answer's head.
    pub head: Duration,
    /// Until its first content.
    pub content: Duration,
    /// Between two pieces of content.
    pub idle: Duration,
    /// Silence after which the client is told that the stream lives.
    pub heartbeat: Duration,
    /// The same before there is content, from the beginning of the request.
    pub early: Duration,
    /// For all of it.
    pub total: Duration,
}

/// A deadline that moves, over one timer.
struct Clock {
    deadline: Instant,
    timer: Pin<Box<tokio::time::Sleep>>,
    /// The verdict of judges beside the call, until it has come.
    verdict: Option<judge::Awaited>,
}

impl Clock {
    fn new(limit: Duration, verdict: Option<judge::Awaited>) -> Self {
        let deadline = Instant::now() + limit;
        Self {
            deadline,
            timer: Box::pin(tokio::time::sleep_until(deadline.into())),
            verdict,
        }
    }

    /// Waits for the judges beside the call, before anything goes out.
    async fn judged(&mut self, client: &mut ServerSession, x: &mut Exchange) -> Result<(), Lost> {
        if self.verdict.is_some() {
            let stopped = tokio::select! {
                biased;
                stopped = verdict_of(&mut self.verdict) => stopped,
                _ = client.read_body_or_idle(true) => return Err(Lost::Gone),
            };
            if let Some(failure) = stopped {
                return Err(Lost::Stopped(failure));
            }
        }
        judge::note(x);
        Ok(())
    }

    fn restart(&mut self, limit: Duration) {
        self.until(Instant::now() + limit);
    }

    /// Moves the deadline. The timer is left alone if it fires before: content moves the deadline all the time.
    fn until(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if self.timer.deadline() > deadline.into() {
            self.timer.as_mut().reset(deadline.into());
        }
    }

    /// Runs `work`, unless the client leaves or the deadline comes.
    async fn unless_gone<T>(
        &mut self,
        client: &mut ServerSession,
        late: &'static str,
        work: Pin<impl DerefMut<Target: Future<Output = T>>>,
    ) -> Result<T, Lost> {
        // A beat behind the deadline never comes.
        let never = self.deadline + Duration::from_secs(1);
        let done = self.or_beat(client, late, work, never).await?;
        done.ok_or_else(|| Lost::fault(Fault::Timeout, late))
    }

    /// Runs `work`, unless the client leaves or the deadline comes; gives nothing when the time `beat` comes, and can go
    /// on then.
    async fn or_beat<T>(
        &mut self,
        client: &mut ServerSession,
        late: &'static str,
        mut work: Pin<impl DerefMut<Target: Future<Output = T>>>,
        beat: Instant,
    ) -> Result<Option<T>, Lost> {
        if self.timer.deadline() > beat.into() {
            self.timer.as_mut().reset(beat.into());
        }
        let gone = client.read_body_or_idle(true);
        tokio::pin!(gone);
        loop {
            tokio::select! {
                biased;
                stopped = verdict_of(&mut self.verdict) => {
                    if let Some(failure) = stopped {
                        return Err(Lost::Stopped(failure));
                    }
                }
                done = work.as_mut() => return Ok(Some(done)),
                _ = &mut gone => return Err(Lost::Gone),
                () = &mut self.timer => {
                    let now = Instant::now();
                    if now >= self.deadline {
                        return Err(Lost::fault(Fault::Timeout, late));
                    }
                    self.timer.as_mut().reset(self.deadline.min(beat.max(now)).into());
                    if now >= beat {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// What stops the answer, once that is known; never comes where nobody is asked.
async fn verdict_of(verdict: &mut Option<judge::Awaited>) -> Option<Failure> {
    match verdict {
        None => std::future::pending().await,
        Some(coming) => {
            let stopped = coming.await;
            *verdict = None;
            stopped
        }
    }
}
