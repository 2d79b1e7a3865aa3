//! Scripted upstreams: providers that do what a test tells them to, over real sockets, and remember what they got.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    certs::{self, Authority},
    harness::{Dir, eventually, within},
};

pub mod coding;
mod h1;
mod h2;
pub mod reply;
pub mod speech;

pub use reply::{Body, End, Framing, Piece, Reply};

/// What an upstream speaks, and so what kind of provider it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Openai,
    Anthropic,
    Gemini,
}

/// How an upstream is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1
    H1,
    /// HTTP/2 with prior knowledge
    H2c,
    /// TLS, HTTP/1.1
    Tls1,
    /// TLS, HTTP/2
    Tls2,
}

impl Wire {
    pub const ALL: [Self; 4] = [Self::H1, Self::H2c, Self::Tls1, Self::Tls2];

    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls1 | Self::Tls2)
    }

    pub const fn is_h2(self) -> bool {
        matches!(self, Self::H2c | Self::Tls2)
    }
}

/// Holds something up until the test says so.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets one waiter pass, now or later.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    /// Lets everyone pass from now on.
    pub fn open_for_good(&self) {
        self.0.close();
    }

    pub async fn pass(&self) {
        // An error means that it stands open for good.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

/// One request as an upstream got it.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    closed: Arc<watch::Sender<Option<Instant>>>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("a text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the gateway sends JSON")
    }

    /// Waits until the gateway has given this request up (closed the connection, or reset the stream).
    pub async fn given_up(&self) -> Instant {
        let mut closed = self.closed.subscribe();
        let closed = within(
            "the gateway gives the request up",
            closed.wait_for(Option::is_some),
        );
        closed.await.expect("the upstream lives").expect("is some")
    }

    pub fn is_given_up(&self) -> bool {
        self.closed.borrow().is_some()
    }
}

/// An upstream in the making.
pub struct Script {
    kind: Kind,
    wire: Wire,
    replies: VecDeque<Reply>,
    untrusted: bool,
    stale: bool,
    slams: bool,
    answers_get: bool,
}

impl Script {
    /// The next reply. The last one is given again and again.
    pub fn then(mut self, reply: impl Into<Reply>) -> Self {
        self.replies.push_back(reply.into());
        self
    }

    /// A good answer with this text, streamed or not as asked for.
    pub fn then_text(self, text: &str) -> Self {
        self.then(Reply::text(text))
    }

    pub const fn over(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// Shows a certificate that nobody trusts.
    pub const fn untrusted(mut self) -> Self {
        self.untrusted = true;
        self
    }

    /// Closes a kept connection just when it is used again, without an answer.
    pub const fn stale(mut self) -> Self {
        self.stale = true;
        self
    }

    /// Closes each connection right after accepting it.
    pub const fn slams(mut self) -> Self {
        self.slams = true;
        self
    }

    /// Answers GET requests like all others, where they are no health checks.
    pub const fn answers_get(mut self) -> Self {
        self.answers_get = true;
        self
    }

    pub async fn start(mut self) -> Upstream {
        if self.replies.is_empty() {
            self.replies.push_back(Reply::text("Hello"));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let tls = self.wire.is_tls().then(|| {
            let authority = if self.untrusted {
                Authority::unknown()
            } else {
                Authority::known()
            };
            certs::acceptor(&authority, self.wire.is_h2())
        });
        let shared = Arc::new(Shared {
            wire: self.wire,
            stale: self.stale,
            answers_get: self.answers_get,
            replies: Mutex::new(self.replies),
            received: Mutex::default(),
            accepted: AtomicUsize::new(0),
            probes: AtomicUsize::new(0),
            health: AtomicU16::new(200),
        });
        let task = tokio::spawn(accept(listener, tls, self.slams, shared.clone()));
        Upstream::new(self.kind, self.wire, address, shared, Some(task), None)
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    slams: bool,
    shared: Arc<Shared>,
) {
    // Dropped together with this task, so that connections end with their upstream.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("the listener lives");
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        if slams {
            continue;
        }
        stream.set_nodelay(true).expect("a TCP socket");
        let shared = shared.clone();
        let tls = tls.clone();
        connections.spawn(async move {
            match (tls, shared.wire.is_h2()) {
                (None, false) => h1::serve(stream, shared).await,
                (None, true) => h2::serve(stream, shared).await,
                (Some(tls), h2) => match tls.accept(stream).await {
                    Ok(stream) if h2 && stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                        h2::serve(stream, shared).await;
                    }
                    Ok(stream) => h1::serve(stream, shared).await,
                    // The gateway does not trust this upstream, as it may be meant.
                    Err(_) => {}
                },
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

struct Shared {
    wire: Wire,
    stale: bool,
    answers_get: bool,
    replies: Mutex<VecDeque<Reply>>,
    received: Mutex<Vec<Received>>,
    accepted: AtomicUsize,
    probes: AtomicUsize,
    health: AtomicU16,
}

impl Shared {
    fn next_reply(&self) -> Reply {
        let mut replies = self.replies.lock().expect("no panic");
        if replies.len() > 1 {
            replies.pop_front().expect("more than one")
        } else {
            replies.front().expect("never empty").clone()
        }
    }

    fn probe(&self) -> u16 {
        self.probes.fetch_add(1, Ordering::SeqCst);
        self.health.load(Ordering::SeqCst)
    }

    fn keep(&self, received: Received) {
        self.received.lock().expect("no panic").push(received);
    }
}

/// A running upstream. Ends when dropped.
pub struct Upstream {
    kind: Kind,
    wire: Wire,
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
    _dir: Dir,
    ca: PathBuf,
    /// Keeps a port taken on which nobody listens.
    _port: Option<TcpSocket>,
}

impl Upstream {
    pub fn openai() -> Script {
        Script::of(Kind::Openai)
    }

    pub fn anthropic() -> Script {
        Script::of(Kind::Anthropic)
    }

    pub fn gemini() -> Script {
        Script::of(Kind::Gemini)
    }

    pub fn of(kind: Kind) -> Script {
        Script::of(kind)
    }

    /// An upstream that refuses connections: its port is taken, and nobody listens there.
    pub fn refusing(kind: Kind) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a port");
        let address = socket.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            wire: Wire::H1,
            stale: false,
            answers_get: false,
            replies: Mutex::default(),
            received: Mutex::default(),
            accepted: AtomicUsize::new(0),
            probes: AtomicUsize::new(0),
            health: AtomicU16::new(200),
        });
        Self::new(kind, Wire::H1, address, shared, None, Some(socket))
    }

    fn new(
        kind: Kind,
        wire: Wire,
        address: SocketAddr,
        shared: Arc<Shared>,
        task: Option<JoinHandle<()>>,
        port: Option<TcpSocket>,
    ) -> Self {
        let dir = Dir::new("upstream");
        let ca = dir.write("ca.pem", &Authority::known().pem());
        Self {
            kind,
            wire,
            address,
            shared,
            task,
            _dir: dir,
            ca,
            _port: port,
        }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL as users would write it.
    pub fn url(&self) -> String {
        let scheme = if self.wire.is_tls() { "https" } else { "http" };
        let path = if self.kind == Kind::Openai { "/v1" } else { "" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The credential that the gateway has for it.
    pub fn key(&self) -> String {
        format!("sk-upstream-{}", self.address.port())
    }

    /// The `provider` section for it. Passive health is off: tests that want it say so.
    pub fn provider(&self) -> Value {
        let kind = match self.kind {
            Kind::Openai => "openai",
            Kind::Anthropic => "anthropic",
            Kind::Gemini => "gemini",
        };
        let mut provider = json!({
            "kind": kind,
            "base_url": self.url(),
            "api_key": self.key(),
            "outlier": { "consecutive_failures": 0, "error_ratio": 1 },
        });
        if self.wire.is_tls() {
            provider["tls"] = json!({ "ca": self.ca });
        }
        provider["http"] = match self.wire {
            Wire::H1 | Wire::Tls1 => "http1".into(),
            Wire::H2c => "http2".into(),
            Wire::Tls2 => "auto".into(),
        };
        provider
    }

    /// The `provider` section with some keys set otherwise.
    pub fn provider_with(&self, changes: Value) -> Value {
        merge(self.provider(), changes)
    }

    /// All requests so far, in the order of their heads.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("no panic").clone()
    }

    /// Takes the requests whose `x-client-request-id` is `id` out of the list.
    pub fn take(&self, id: &str) -> Vec<Received> {
        let mut received = self.shared.received.lock().expect("no panic");
        received
            .extract_if(.., |r| r.header("x-client-request-id") == Some(id))
            .collect()
    }

    /// How many requests came.
    pub fn hits(&self) -> usize {
        self.shared.received.lock().expect("no panic").len()
    }

    /// How many connections came, answered or not.
    pub fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// The one request that came.
    pub fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "exactly one request at {}", self.address);
        received.into_iter().next().expect("one")
    }

    /// Waits until `count` requests came.
    pub async fn wait_hits(&self, count: usize) -> Vec<Received> {
        eventually("the upstream gets its requests", || self.hits() >= count).await;
        self.received()
    }

    /// From now on answers health checks (every GET) with this status.
    pub fn set_health(&self, status: u16) {
        self.shared.health.store(status, Ordering::SeqCst);
    }

    /// Replaces the replies that are still to come.
    pub fn now(&self, reply: impl Into<Reply>) {
        *self.shared.replies.lock().expect("no panic") = VecDeque::from([reply.into()]);
    }

    /// Stops listening and cuts all connections.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Script {
    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            wire: Wire::H1,
            replies: VecDeque::new(),
            untrusted: false,
            stale: false,
            slams: false,
            answers_get: false,
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Sets the members of `changes` in `value`; `null` takes a member away.
pub fn merge(mut value: Value, changes: Value) -> Value {
    match (&mut value, changes) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, change) in new {
                let before = old.remove(&key).unwrap_or(Value::Null);
                let after = merge(before, change);
                if !after.is_null() {
                    old.insert(key, after);
                }
            }
            value
        }
        (_, changes) => changes,
    }
}

/// Pauses of scripts: not for synchronisation, but where slowness itself is the point.
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
