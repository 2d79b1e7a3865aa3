//! All that is known about one request. The stages fill it in, in turn.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    convert::{Canonical, Written},
    relay::Relay,
    screen::Screen,
};
use crate::{
    auth::Principal,
    config::snapshot::Snapshot,
    error::Failure,
    guard::waf::Verdict,
    limits::address::Permit,
    protocol::{Ask, Call, Dialect, Operation, Realtime, request::Request},
    routing::retry::{Attempt, Plan},
    telemetry::{metrics::METRICS, record::Outcome},
    upstream::token::Token,
    usage::TokenUsage,
};

/// One request on its way.
pub struct Exchange {
    /// The configuration that this request began with, and keeps.
    pub snapshot: Arc<Snapshot>,
    /// When its head was read.
    pub started: Instant,
    /// The same moment on the calendar.
    pub started_at: std::time::SystemTime,

    // Filled in by `admit`.
    /// The id that the client is told.
    pub request_id: String,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Method, for the record.
    pub method: http::Method,
    /// Path without query and prefix, shortened, for the record.
    pub path: String,
    /// The dialect in which to speak to this client.
    pub dialect: Dialect,
    /// What it asks for; taken by the stage that answers.
    pub ask: Option<Ask>,
    /// The operation, if it asks a model for one.
    pub call: Option<Call>,
    /// The name of what it asks for, for metrics and the record.
    pub asked: &'static str,
    /// The path behind the provider's name, if it asks for a provider's own API.
    pub passage: Option<String>,
    /// The realtime API, if it asks for a WebSocket.
    pub realtime: Option<Realtime>,
    /// Who it is.
    pub principal: Option<Principal>,
    /// Its places in the counts of its address, and in the gauges; given back on every way out.
    pub permits: Vec<Permit>,
    /// The gauges that count this request.
    pub open: Open,

    // Filled in by `intake`.
    /// The decoded request.
    pub request: Option<Request>,
    /// Its canonical form, if a target speaks another dialect than the client.
    pub canonical: Option<Canonical>,
    /// What the first target is sent, if it does.
    pub written: Option<Written>,
    /// What of the body is still to come from the client, if it is passed on while it comes.
    pub rest: Option<Rest>,
    /// Flags of `anthropic-beta` that the client sent.
    pub betas: Vec<String>,
    /// Whether a Gemini client wants server-sent events (`alt=sse`).
    pub wants_sse: bool,

    // Filled in by `screen`.
    /// What the firewall thinks of it.
    pub firewall: Option<Verdict>,
    /// What the guard knows of it.
    pub screen: Option<Screen>,

    // Filled in by `dispatch`.
    /// The attempts: made and possible.
    pub plan: Option<Plan>,
    /// The route's name.
    pub route: Option<Arc<str>>,
    /// Whether the target's model name may be a metric label.
    pub configured: bool,
    /// The attempt that is running.
    pub attempt: Option<Attempt>,
    /// What it asks the provider for: the client's own operation, unless the provider speaks another dialect.
    pub operation: Option<Operation>,
    /// The body that it sends.
    pub body: Bytes,
    /// The bodies of further calls for the same request, and the answers to earlier ones: some APIs embed one text at a
    /// time.
    pub more: VecDeque<Bytes>,
    /// See `more`.
    pub answers: Vec<Bytes>,
    /// What was left out of the body, as the operator wished.
    pub dropped: Vec<String>,
    /// The short-lived token that it shows, and whether it is a second one because the first was refused.
    pub token: Option<(Arc<Token>, bool)>,
    /// When it began.
    pub attempt_started: Instant,
    /// How often it was repeated because a pooled connection turned out to be closed.
    pub stale: u32,
    /// Set when the same attempt is to be made once more, on a fresh connection.
    pub repeat: bool,
    /// Time until the first attempt began.
    pub overhead: Option<Duration>,

    // Filled in by `relay`.
    /// The answer on its way; only while an attempt is being answered.
    pub relay: Option<Relay>,
    /// The provider's id for the request.
    pub provider_request_id: Option<String>,
    /// Time to the first content.
    pub first_token: Option<Duration>,

    // Filled in by `realtime`.
    /// What a WebSocket used, as its events told.
    pub metered: Option<TokenUsage>,
    /// Bytes that came from the client over a WebSocket.
    pub socket_bytes: usize,

    // Filled in on the way out.
    /// What the client is told by the gateway itself.
    pub failure: Option<Failure>,
    /// A provider's error that came as an event before any content: told with its status.
    pub early_error: Option<(u16, Bytes)>,
    /// How it ended, where it is known before `settle`.
    pub outcome: Option<Outcome>,
    /// The status that was sent.
    pub status: Option<u16>,
    /// Bytes of the answer's body that were sent.
    pub response_bytes: usize,
}

impl Exchange {
    /// A request of which nothing is known yet.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        let started = Instant::now();
        Self {
            snapshot,
            started,
            started_at: std::time::SystemTime::now(),
            request_id: String::new(),
            client: None,
            method: http::Method::GET,
            path: String::new(),
            dialect: Dialect::OpenAi,
            ask: None,
            call: None,
            asked: "none",
            passage: None,
            realtime: None,
            principal: None,
            permits: Vec::new(),
            open: Open::request(),
            request: None,
            canonical: None,
            written: None,
            rest: None,
            betas: Vec::new(),
            wants_sse: false,
            firewall: None,
            screen: None,
            plan: None,
            route: None,
            configured: false,
            attempt: None,
            operation: None,
            body: Bytes::new(),
            more: VecDeque::new(),
            answers: Vec::new(),
            dropped: Vec::new(),
            token: None,
            attempt_started: started,
            stale: 0,
            repeat: false,
            overhead: None,
            relay: None,
            provider_request_id: None,
            first_token: None,
            metered: None,
            socket_bytes: 0,
            failure: None,
            early_error: None,
            outcome: None,
            status: None,
            response_bytes: 0,
        }
    }

    /// Lets the request's body go, once the answer has begun and no attempt can need it any more.
    pub fn release_request(&mut self) {
        if !self.body.is_empty() {
            self.body = Bytes::new();
            self.canonical = None;
            if let Some(request) = &mut self.request {
                request.release();
            }
        }
    }

    /// Keeps a failure to tell the client, and gives the error that makes Pingora end the request.
    pub fn fail(&mut self, failure: Failure) -> Box<pingora::Error> {
        let status = failure.kind.status();
        self.failure = Some(failure);
        pingora::Error::new(pingora::ErrorType::HTTPStatus(status))
    }
}

/// The part of a body that is passed on while it comes: files are, since nothing in them is read.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    /// Its length in bytes, if the client told it.
    pub length: Option<usize>,
    /// Most bytes that may come.
    pub limit: usize,
    /// Whether some of it was taken: then no other attempt can follow.
    pub taken: bool,
}

/// The gauges that count a request as open; put back when it ends, also by a panic.
pub struct Open {
    stream: bool,
}

impl Open {
    fn request() -> Self {
        METRICS.open_requests.inc();
        Self { stream: false }
    }

    /// Counts it as an open stream, too.
    pub fn stream(&mut self) {
        if !self.stream {
            self.stream = true;
            METRICS.open_streams.inc();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        METRICS.open_requests.dec();
        if self.stream {
            METRICS.open_streams.dec();
        }
    }
}
