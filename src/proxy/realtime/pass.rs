//! Copies the bytes of a WebSocket both ways, untouched, in one task.
//!
//! Each side is read only when the other has taken what was read before, so memory stays bounded and a slow reader slows
//! its writer down. Both directions are polled in turn, since either may stand still while the other goes on.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use pingora::protocols::{
    Stream,
    http::{HttpTask, v1::server::HttpSession as Client},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Sleep, sleep_until, timeout},
};

use super::{
    frames::{Frames, close_frame},
    meter::Meter,
};
use crate::protocol::Realtime;

/// What is read of the upstream at a time.
const PIECE: usize = 16 * 1024;

/// Messages of the upstream are read up to this size; sound comes in smaller ones.
const LARGEST_READ: usize = 1024 * 1024;

/// How long an upstream that takes nothing more may still talk, and a side that is left may take the farewell.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The close code of a server that ends a connection by itself. <https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1>
const GOING_AWAY: u16 = 1001;

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed, died, or took nothing for too long.
    Client,
    /// The upstream closed or died.
    Upstream,
    /// Nothing passed for too long.
    Idle,
    /// The time for the whole socket is over.
    Total,
}

/// A WebSocket between a client and an upstream, both of which have switched protocols.
pub struct Pass<'a> {
    client: &'a mut Client,
    upstream: Stream,
    /// Read of the client, and not yet taken by the upstream.
    held: Bytes,
    unflushed: bool,
    piece: Box<[u8]>,
    to_client: Frames,
    to_upstream: Frames,
    meter: Meter,
    moved: Instant,
    /// Bytes that came from the client, and from the upstream.
    pub bytes: (usize, usize),
}

impl<'a> Pass<'a> {
    /// Begins with what the upstream has sent right after its head.
    pub fn new(
        client: &'a mut Client,
        upstream: Stream,
        first: Option<Bytes>,
        realtime: Realtime,
    ) -> Self {
        let mut pass = Self {
            client,
            upstream,
            held: Bytes::new(),
            unflushed: false,
            piece: vec![0; PIECE].into(),
            to_client: Frames::new(LARGEST_READ),
            to_upstream: Frames::new(0),
            meter: Meter::new(realtime),
            moved: Instant::now(),
            bytes: (0, 0),
        };
        if let Some(first) = first {
            pass.pass_down(first);
        }
        pass
    }

    /// What passed so far used.
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether one of the sides has said goodbye.
    pub const fn is_closed(&self) -> bool {
        self.to_client.is_closed() || self.to_upstream.is_closed()
    }

    /// Copies until one side ends, nothing passes for `idle`, or the time is over.
    pub async fn run(&mut self, idle: Duration, over: Instant) -> End {
        let mut timer = pin!(sleep_until((Instant::now() + idle).into()));
        let mut last_words = None;
        poll_fn(|cx| {
            if last_words.is_none()
                && let Poll::Ready(end) = self.poll_up(cx)
            {
                if end == End::Client {
                    return Poll::Ready(end);
                }
                // It reads no more; perhaps it has said why.
                last_words = Some(Instant::now() + LAST_WORDS);
            }
            if let Poll::Ready(end) = self.poll_down(cx) {
                return Poll::Ready(end);
            }
            let (deadline, end) = [
                (over, End::Total),
                (self.moved + idle, End::Idle),
                (last_words.unwrap_or(over), End::Upstream),
            ]
            .into_iter()
            .min_by_key(|(at, _)| *at)
            .expect("three of them");
            ready!(poll_deadline(cx, timer.as_mut(), deadline));
            Poll::Ready(end)
        })
        .await
    }

    /// From the client to the upstream, until nothing moves.
    fn poll_up(&mut self, cx: &mut Context) -> Poll<End> {
        loop {
            while !self.held.is_empty() {
                let written = Pin::new(&mut self.upstream).poll_write(cx, &self.held);
                match ready!(written) {
                    Ok(count @ 1..) => self.held.advance(count),
                    Ok(0) | Err(_) => return Poll::Ready(End::Upstream),
                }
                self.unflushed = true;
                self.moved = Instant::now();
            }
            if self.unflushed {
                if ready!(Pin::new(&mut self.upstream).poll_flush(cx)).is_err() {
                    return Poll::Ready(End::Upstream);
                }
                self.unflushed = false;
            }
            match ready!(poll_once(cx, self.client.read_body_bytes())) {
                Ok(Some(bytes)) => {
                    self.to_upstream.feed(&bytes, |_| ());
                    self.bytes.0 += bytes.len();
                    self.moved = Instant::now();
                    self.held = bytes;
                }
                Ok(None) | Err(_) => return Poll::Ready(End::Client),
            }
        }
    }

    /// From the upstream to the client, until nothing moves.
    fn poll_down(&mut self, cx: &mut Context) -> Poll<End> {
        loop {
            if self.client.has_pending_proxy_tasks() {
                if ready!(poll_once(cx, self.client.write_proxy_tasks())).is_err() {
                    return Poll::Ready(End::Client);
                }
                self.moved = Instant::now();
            }
            let mut piece = ReadBuf::new(&mut self.piece);
            let read = Pin::new(&mut self.upstream).poll_read(cx, &mut piece);
            match ready!(read) {
                Ok(()) if !piece.filled().is_empty() => {
                    let bytes = Bytes::copy_from_slice(piece.filled());
                    self.moved = Instant::now();
                    self.pass_down(bytes);
                }
                // Some end TLS without a word.
                Ok(()) | Err(_) => return Poll::Ready(End::Upstream),
            }
        }
    }

    fn pass_down(&mut self, bytes: Bytes) {
        self.to_client
            .feed(&bytes, |message| self.meter.read(message));
        self.bytes.1 += bytes.len();
        self.client
            .send_proxy_task(HttpTask::UpgradedBody(Some(bytes), false));
    }

    /// Closes both sides. When it was the gateway that ended it, both are told, unless that would stand inside a frame.
    pub async fn close(mut self, end: End) {
        let farewell = matches!(end, End::Idle | End::Total) && !self.is_closed();
        let upstream = async {
            if farewell && self.held.is_empty() && self.to_upstream.at_boundary() {
                let frame = close_frame(GOING_AWAY, true);
                let _ = self.upstream.write_all(&frame).await;
            }
            let _ = AsyncWriteExt::shutdown(&mut self.upstream).await;
        };
        // Whether they take it is not waited for; they are left either way.
        let _ = timeout(LAST_WORDS, upstream).await;
        let client = async {
            if farewell && !self.client.has_pending_proxy_tasks() && self.to_client.at_boundary() {
                let frame = close_frame(GOING_AWAY, false).into();
                self.client
                    .send_proxy_task(HttpTask::UpgradedBody(Some(frame), false));
                let _ = self.client.write_proxy_tasks().await;
            }
            self.client.shutdown().await;
        };
        let _ = timeout(LAST_WORDS, client).await;
    }
}

/// Polls a future that keeps its state elsewhere, so that it may be dropped and made anew.
fn poll_once<T>(cx: &mut Context, future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(cx)
}

/// Ready at the deadline. The timer is set again when it fires too early only, since the deadline moves all the time.
fn poll_deadline(cx: &mut Context, mut timer: Pin<&mut Sleep>, deadline: Instant) -> Poll<()> {
    if timer.deadline() > deadline.into() {
        timer.as_mut().reset(deadline.into());
    }
    loop {
        ready!(timer.as_mut().poll(cx));
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        timer.as_mut().reset(deadline.into());
    }
}
