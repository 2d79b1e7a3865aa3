//! The session between Pingora and the client's real one.
//!
//! Pingora does not send a body that was read before it chose a peer, and writes an answer's head at once. This session
//! does both differently: it replays a one-byte marker, which `request_body_filter` replaces by the attempt's real
//! body on every attempt; and it holds an answer's head back until content follows, so that whatever goes wrong before
//! is not seen by the client. It also keeps the time limits that Pingora has not.
//!
//! The trait is public but hidden in Pingora's documentation, so `Cargo.toml` pins the version. When the request is
//! over, [`Shared::take`] gives the real session back: keep-alive needs it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use pingora::{
    Error, ErrorType, Result,
    http::{RequestHeader, ResponseHeader},
    protocols::{
        Digest,
        http::{
            HttpTask, ServerSession,
            custom::{CustomMessageWrite, server::Session as CustomSession},
        },
        l4::socket::SocketAddr,
    },
};
use tokio::time::Sleep;

/// The type of the error for an upstream that was silent for too long.
pub const SILENT: ErrorType = ErrorType::Custom("UpstreamSilent");

/// Stands for the body towards Pingora; never sent.
const MARKER: Bytes = Bytes::from_static(b"\0");

/// The time limits of one attempt, in the order in which they apply.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the answer's head.
    pub head: Duration,
    /// Until its first content.
    pub content: Duration,
    /// Between two pieces of content.
    pub idle: Duration,
    /// For all of it.
    pub total: Duration,
}

/// What the stages and the session both know: how far the answer is, since when, and where the real session went.
pub struct Shared {
    base: Instant,
    phase: AtomicU8,
    /// Milliseconds since `base`.
    began: AtomicU64,
    active: AtomicU64,
    head: AtomicU64,
    content: AtomicU64,
    idle: AtomicU64,
    total: AtomicU64,
    real: Mutex<Option<Box<ServerSession>>>,
}

const WAITING: u8 = 0;
const HEAD: u8 = 1;
const FLOWING: u8 = 2;

impl Shared {
    /// Nothing has begun.
    pub fn new(base: Instant) -> Self {
        let never = || AtomicU64::new(u64::MAX / 4);
        Self {
            base,
            phase: AtomicU8::new(WAITING),
            began: AtomicU64::new(0),
            active: AtomicU64::new(0),
            head: never(),
            content: never(),
            idle: never(),
            total: never(),
            real: Mutex::new(None),
        }
    }

    fn now(&self) -> u64 {
        millis(self.base.elapsed())
    }

    /// Starts the clocks of an attempt.
    pub fn begin(&self, limits: Limits) {
        let now = self.now();
        self.phase.store(WAITING, Ordering::Relaxed);
        self.began.store(now, Ordering::Relaxed);
        self.active.store(now, Ordering::Relaxed);
        for (field, limit) in [
            (&self.head, limits.head),
            (&self.content, limits.content),
            (&self.idle, limits.idle),
            (&self.total, limits.total),
        ] {
            field.store(millis(limit), Ordering::Relaxed);
        }
    }

    /// Notes that the answer's head has come.
    pub fn head_came(&self) {
        self.phase.store(HEAD, Ordering::Relaxed);
    }

    fn content_came(&self) {
        self.phase.store(FLOWING, Ordering::Relaxed);
        self.active.store(self.now(), Ordering::Relaxed);
    }

    /// When silence becomes a failure, in milliseconds since `base`, and the words for it.
    fn deadline(&self) -> (u64, &'static str) {
        let load = |field: &AtomicU64| field.load(Ordering::Relaxed);
        let began = load(&self.began);
        let total = began + load(&self.total);
        let (at, what) = match self.phase.load(Ordering::Relaxed) {
            WAITING => (
                began + load(&self.head).min(load(&self.content)),
                "no answer in time",
            ),
            HEAD => (began + load(&self.content), "no content in time"),
            _ => (load(&self.active) + load(&self.idle), "the answer stopped"),
        };
        if total < at {
            (total, "the answer took too long as a whole")
        } else {
            (at, what)
        }
    }

    /// The real session, once the buffered one is gone.
    pub fn take(&self) -> Option<Box<ServerSession>> {
        self.real
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 4)
}

/// Puts a [`Buffered`] session around the one in `slot`.
pub fn wrap(slot: &mut Box<ServerSession>, shared: Arc<Shared>) {
    let real = std::mem::replace(slot, placeholder());
    *slot = Box::new(ServerSession::new_custom(Box::new(Buffered {
        real: Some(real),
        shared,
        head: None,
        timer: None,
    })));
}

/// Takes the [`Buffered`] session away and puts the real one back, which keep-alive needs.
pub fn unwrap(slot: &mut Box<ServerSession>, shared: &Shared) {
    if slot.is_custom() {
        drop(std::mem::replace(slot, placeholder()));
        if let Some(real) = shared.take() {
            *slot = real;
        }
    }
}

/// A session that nobody calls: it stands in the slot between two statements.
fn placeholder() -> Box<ServerSession> {
    Box::new(ServerSession::new_custom(Box::new(())))
}

struct Buffered {
    /// Always there until `drop`.
    real: Option<Box<ServerSession>>,
    shared: Arc<Shared>,
    /// The answer's head, while nothing has followed it.
    head: Option<Box<ResponseHeader>>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Buffered {
    fn real(&self) -> &ServerSession {
        self.real.as_ref().expect("taken by drop alone")
    }

    fn real_mut(&mut self) -> &mut ServerSession {
        self.real.as_mut().expect("taken by drop alone")
    }

    /// What of `tasks` may go out now: the head waits for content, and interim heads are not passed on.
    fn release(&mut self, tasks: Vec<HttpTask>) -> Vec<HttpTask> {
        let mut out = Vec::with_capacity(tasks.len() + 1);
        for task in tasks {
            match task {
                HttpTask::Header(head, _) if head.status.is_informational() => {}
                HttpTask::Header(head, false) => self.head = Some(head),
                HttpTask::Header(head, true) => {
                    self.shared.content_came();
                    out.push(HttpTask::Header(head, true));
                }
                HttpTask::Body(data, end) => {
                    let some = data.as_ref().is_some_and(|d| !d.is_empty());
                    if some {
                        self.shared.content_came();
                    }
                    if some || end {
                        out.extend(self.head.take().map(|h| HttpTask::Header(h, false)));
                        out.push(HttpTask::Body(data, end));
                    }
                }
                HttpTask::Failed(error) => out.push(HttpTask::Failed(error)),
                task => {
                    out.extend(self.head.take().map(|h| HttpTask::Header(h, false)));
                    out.push(task);
                }
            }
        }
        out
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        *self
            .shared
            .real
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.real.take();
    }
}

#[async_trait]
impl CustomSession for Buffered {
    fn req_header(&self) -> &RequestHeader {
        self.real().req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.real_mut().req_header_mut()
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        Ok(None)
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        Ok(())
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, _: bool) -> Result<()> {
        self.head = None;
        self.real_mut().write_response_header(head).await
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, _: bool) -> Result<()> {
        self.head = None;
        self.real_mut().write_response_header_ref(head).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.real_mut().write_response_body(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.real_mut().write_response_trailers(trailers).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let out = self.release(tasks);
        if out.is_empty() {
            return Ok(false);
        }
        self.real_mut().response_duplex_vec(out).await
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.real_mut().set_read_timeout(timeout);
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.real().get_read_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.real_mut().set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.real().get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.real_mut().set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.real().get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.real().request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.real().response_written()
    }

    async fn shutdown(&mut self, _: u32, _: &str) {
        self.real_mut().shutdown().await;
    }

    fn is_body_done(&mut self) -> bool {
        true
    }

    async fn finish(&mut self) -> Result<()> {
        self.real_mut().finish_body().await
    }

    fn is_body_empty(&mut self) -> bool {
        false
    }

    /// Waits for the client to leave, and no longer than the upstream may be silent.
    async fn read_body_or_idle(&mut self, _: bool) -> Result<Option<Bytes>> {
        let Self {
            real,
            shared,
            timer,
            ..
        } = self;
        let real = real.as_mut().expect("taken by drop alone");
        let idle = real.read_body_or_idle(true);
        tokio::pin!(idle);
        loop {
            let (deadline, what) = shared.deadline();
            if shared.now() >= deadline {
                return Error::e_explain(SILENT, what);
            }
            // The timer is left alone as long as it fires early enough: content moves the deadline all the time.
            let at = tokio::time::Instant::from_std(shared.base + Duration::from_millis(deadline));
            let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if timer.deadline() > at || timer.is_elapsed() {
                timer.as_mut().reset(at);
            }
            tokio::select! {
                biased;
                gone = &mut idle => return gone,
                () = timer => {}
            }
        }
    }

    fn body_bytes_sent(&self) -> usize {
        self.real().body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.real().body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.real().digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.real_mut().digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.real().client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.real().server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.real().to_h1_raw()
    }

    fn enable_retry_buffering(&mut self) {}

    fn retry_buffer_truncated(&self) -> bool {
        false
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        Some(MARKER)
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(
        &mut self,
    ) -> Option<Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>> {
        None
    }

    fn restore_custom_message_reader(
        &mut self,
        _: Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>,
    ) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _: Box<dyn CustomMessageWrite>) -> Result<()> {
        Ok(())
    }
}
