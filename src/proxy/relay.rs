//! The answer on its way to the client: judged by its status, held until its content begins, read for usage as it
//! passes, and forwarded byte for byte.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pingora::{Result, http::ResponseHeader, protocols::http::ServerSession};

use super::{
    attempt::Lost,
    convert::{self, Converter, Step},
    dispatch,
    exchange::Exchange,
    judge::hold::Ear,
    watch::{Named, Watch, Watched},
};
use crate::{
    protocol::{
        Dialect, Operation,
        answer::{Part, Reading, Speaker},
        coding::Decoder,
        edit::Edits,
        event_stream,
        json::{Document, Limits},
        json_array::{ArrayFrames, Element},
        sse,
    },
    routing::retry::{Fault, retry_after},
    telemetry::record::Outcome,
};

/// Lifecycle frames that are held back at most: after that the stream counts as begun.
const HELD_FRAMES: usize = 64;
const HELD_BYTES: usize = 256 * 1024;
/// A stream that only says it is alive is shown to the client after this time, so that nothing between them thinks it
/// dead. The price: a later failure cannot be hidden.
const HELD_TIME: Duration = Duration::from_secs(15);

/// The largest event of a stream. Images in answers come as one event.
const LARGEST_EVENT: usize = 64 * 1024 * 1024;

/// The largest error that is read, in bytes.
const LARGEST_ERROR: usize = 1024 * 1024;

/// What comes out of a compressed answer at most.
const LARGEST_ANSWER: usize = 1024 * 1024 * 1024;

/// Judges the head of an upstream's answer: a failure, or an answer for the client.
pub fn judge(head: &mut ResponseHeader, x: &mut Exchange) -> Result<(), Lost> {
    x.provider_request_id = provider_request_id(head);
    let status = head.status.as_u16();
    if status >= 400 {
        let fault = Fault::Status(status);
        let hint = retry_after(&head.headers);
        let (Some(plan), Some(attempt)) = (x.plan.as_mut(), x.attempt.as_ref()) else {
            return Err(Lost::Internal("an answer without an attempt".to_owned()));
        };
        let alone = x.rest.is_some_and(|rest| rest.taken);
        if status == 401 || (!alone && plan.would_go_on(attempt, fault, hint)) {
            return Err(Lost::Fault {
                fault,
                hint,
                detail: format!("status {status}"),
            });
        }
        // The last word is the provider's own, and the hint the best that any of them gave.
        plan.failed(attempt, fault, hint);
        let soonest = plan.retry_after();
        dispatch::count(x, fault.name());
        x.failure = None;
        x.outcome = Some(Outcome::UpstreamError);
        if let Some(time) = soonest
            && status == 429
        {
            set_retry_after(head, time).map_err(|e| Lost::Internal(e.to_string()))?;
        }
    }
    let relay = Relay::new(head, status, x)
        .map_err(|fault| Lost::fault(fault, "unknown content-encoding"))?;
    x.relay = Some(relay);
    Ok(())
}

/// The provider's own id for the request.
pub fn provider_request_id(head: &ResponseHeader) -> Option<String> {
    let id = ["x-request-id", "request-id"]
        .into_iter()
        .find_map(|name| head.headers.get(name))?;
    id.to_str().ok().map(|id| id.chars().take(128).collect())
}

/// Writes a time to come back into a head: whole seconds, at least one.
pub fn set_retry_after(head: &mut ResponseHeader, time: Duration) -> Result<()> {
    head.remove_header("retry-after-ms");
    let seconds = time.as_millis().div_ceil(1000).max(1);
    head.insert_header("retry-after", seconds.to_string())
}

/// Headers of an upstream's answer that are not for the client: those of the connection, cookies of the provider's
/// domain, promises about its transport, and the operator's accounts.
const DROPPED: [&str; 14] = [
    "connection",
    "transfer-encoding",
    "keep-alive",
    "proxy-authenticate",
    "upgrade",
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "x-request-id",
    "request-id",
    "via",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
];

/// Turns the head of an upstream's answer into the one for the client; `length` is that of the body, where known.
pub fn head_for_client(
    client: &ServerSession,
    mut head: Box<ResponseHeader>,
    length: Option<usize>,
    x: &Exchange,
) -> Result<Box<ResponseHeader>> {
    if let Some(kind) = x.relay.as_ref().and_then(Relay::content_type) {
        head = head_of_converted(&head, kind)?;
    }
    for name in DROPPED {
        head.remove_header(name);
    }
    let ours: Vec<http::HeaderName> = head
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-sluicegate-"))
        .cloned()
        .collect();
    for name in &ours {
        head.remove_header(name);
    }
    let relay = x.relay.as_ref();
    if relay.is_some_and(|relay| relay.decoder.is_some()) {
        head.remove_header("content-encoding");
    }
    let bodiless = matches!(head.status.as_u16(), 204 | 304);
    match length {
        Some(length) if !bodiless => head.insert_header("content-length", length)?,
        _ if relay.is_some_and(Relay::may_change_length) => {
            head.remove_header("content-length");
        }
        _ => {}
    }
    // HTTP/1.0 knows no chunks; its answers end with the connection.
    if !bodiless
        && !head.headers.contains_key("content-length")
        && client.req_header().version == http::Version::HTTP_11
    {
        head.insert_header("transfer-encoding", "chunked")?;
    }
    if relay.is_some_and(Relay::is_stream) && !head.headers.contains_key("cache-control") {
        head.insert_header("cache-control", "no-cache")?;
    }
    super::reply::add_headers(&mut head, x)?;
    Ok(head)
}

/// The head of an answer that was converted: what the provider's headers say is said in its dialect, but for those that
/// every client understands.
fn head_of_converted(head: &ResponseHeader, kind: &'static str) -> Result<Box<ResponseHeader>> {
    let mut new = ResponseHeader::build(head.status, Some(12))?;
    for name in ["date", "retry-after", "retry-after-ms"] {
        if let Some(value) = head.headers.get(name) {
            new.insert_header(name, value)?;
        }
    }
    new.insert_header("content-type", kind)?;
    Ok(Box::new(new))
}

fn is_json(content_type: &[u8]) -> bool {
    content_type.starts_with(b"application/json")
}

/// Why an answer cannot go on.
#[derive(Debug)]
pub enum Broken {
    /// A provider's error as an event before any content, with its status and data.
    Early(u16, Bytes),
    /// It is good, and one of several.
    More(Bytes),
    /// The answer ended before it was whole.
    Truncated,
    /// The answer is not what it should be.
    Invalid(&'static str),
}

/// One answer of an upstream on its way.
pub struct Relay {
    operation: Operation,
    speaker: &'static dyn Speaker,
    mode: Mode,
    decoder: Option<Decoder>,
    /// What was read so far.
    pub reading: Reading,
    /// Whether something has gone out, so that a failure cannot be hidden any more.
    begun: bool,
    /// Whether content has come.
    content: bool,
    held: BytesMut,
    held_frames: usize,
    since: Instant,
    /// Whether usage is kept from a client that did not ask for it.
    strip_usage: bool,
    /// Whether the provider told an error in the stream after content.
    errored: bool,
    /// Why the answer cannot go on behind what was given out last.
    broken: Option<Broken>,
    hold: usize,
    /// The way to the client's dialect, if the provider speaks another.
    converter: Option<Converter>,
    /// The guard over what the provider says.
    watch: Option<Watch>,
    /// What judges of the answer are told.
    pub ear: Option<Ear>,
    /// Set once the guard has ended the answer.
    stopped: bool,
    request_id: String,
}

enum Mode {
    /// Server-sent events.
    Events(sse::Decoder),
    /// A JSON array that is sent bit by bit.
    Array(ArrayFrames),
    /// Amazon's event stream.
    Binary(event_stream::Decoder),
    /// A JSON answer, held until it is whole.
    Whole(BytesMut),
    /// An error in another dialect than the client's.
    Foreign(u16, BytesMut),
    /// Bytes that are none of our business: error bodies, and what grew too large to hold.
    Raw,
}

impl Relay {
    fn new(head: &ResponseHeader, status: u16, x: &Exchange) -> Result<Self, Fault> {
        let operation = x.call.as_ref().expect("recognised at the door").operation;
        let request = x.request.as_ref().expect("decoded by intake");
        let bytes = |name| head.headers.get(name).map_or(&b""[..], |v| v.as_bytes());
        let decoder =
            Decoder::new(bytes("content-encoding"), LARGEST_ANSWER).map_err(|_| Fault::Invalid)?;
        let kind = bytes("content-type").to_ascii_lowercase();
        let converter = Converter::new(x);
        let provider = x.operation.unwrap_or(operation);
        let mode = if status >= 400 && converter.is_some() {
            Mode::Foreign(status, BytesMut::new())
        } else if status >= 400 || operation == Operation::Passage {
            Mode::Raw
        } else if kind.starts_with(b"application/vnd.amazon.eventstream") {
            Mode::Binary(event_stream::Decoder::new(LARGEST_EVENT))
        } else if kind.starts_with(b"text/event-stream") {
            Mode::Events(sse::Decoder::new(LARGEST_EVENT))
        } else if provider == Operation::StreamGenerate && request.stream {
            Mode::Array(ArrayFrames::new(LARGEST_EVENT))
        } else if converter.is_none() && (operation.answers_anything() && !is_json(&kind)) {
            Mode::Raw
        } else {
            Mode::Whole(BytesMut::new())
        };
        let attempt = x.attempt.as_ref().expect("begun by next_target");
        let heard = status < 400 && !matches!(mode, Mode::Raw);
        Ok(Self {
            operation,
            speaker: x.dialect.speaker(),
            mode,
            decoder,
            reading: Reading::default(),
            begun: status >= 400 && converter.is_none(),
            content: false,
            held: BytesMut::new(),
            held_frames: 0,
            since: Instant::now(),
            strip_usage: x.passage.is_none()
                && request.asked_usage == Some(false)
                && request.can_ask_usage()
                && attempt.target.upstream.asks_stream_usage,
            errored: false,
            broken: None,
            hold: x.snapshot.config.limits.hold.0,
            converter,
            watch: (status < 400).then(|| Watch::new(x, provider)).flatten(),
            ear: heard.then(|| Ear::new(x, provider)).flatten(),
            stopped: false,
            request_id: x.request_id.clone(),
        })
    }

    /// Whether the client gets its answer in frames.
    pub fn is_stream(&self) -> bool {
        match &self.converter {
            Some(converter) => converter.streams() && !matches!(self.mode, Mode::Foreign(..)),
            None => self.comes_in_frames(),
        }
    }

    const fn comes_in_frames(&self) -> bool {
        matches!(
            self.mode,
            Mode::Events(_) | Mode::Array(_) | Mode::Binary(_)
        )
    }

    /// Whether the client's stream is a JSON array that an error event must close.
    pub fn is_array(&self) -> bool {
        match &self.converter {
            Some(converter) => converter.is_array(),
            None => matches!(self.mode, Mode::Array(_)),
        }
    }

    /// The media type of an answer that was converted.
    pub fn content_type(&self) -> Option<&'static str> {
        let converter = self.converter.as_ref()?;
        Some(match self.mode {
            Mode::Foreign(..) => "application/json",
            _ => converter.content_type(),
        })
    }

    fn may_change_length(&self) -> bool {
        self.decoder.is_some()
            || self.converter.is_some()
            || self.watch.is_some()
            || self.ear.is_some()
            || self.is_stream()
    }

    /// Takes the next bytes of the answer and gives those that may go out, if any.
    pub fn push(&mut self, chunk: Option<Bytes>, end: bool) -> Result<Option<Bytes>, Broken> {
        let chunk = self.decode(chunk.unwrap_or_default(), end)?;
        let out = match &mut self.mode {
            Mode::Raw => {
                self.begun |= end || !chunk.is_empty();
                self.content = self.begun;
                chunk
            }
            Mode::Whole(_) => self.whole(chunk, end)?,
            Mode::Foreign(..) => self.foreign_error(&chunk, end)?,
            Mode::Events(_) | Mode::Array(_) | Mode::Binary(_) => self.frames(chunk, end)?,
        };
        Ok(Some(out).filter(|out| !out.is_empty()))
    }

    fn decode(&mut self, chunk: Bytes, end: bool) -> Result<Bytes, Broken> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(chunk);
        };
        let broken = |_| Broken::Invalid("the content-encoding is corrupt");
        let mut out = decoder.push(&chunk).map_err(broken)?;
        if end {
            out.extend(decoder.finish().map_err(broken)?);
        }
        Ok(out.into())
    }

    /// Holds a JSON answer until it is whole, so that another target can take over if it never becomes so.
    fn whole(&mut self, chunk: Bytes, end: bool) -> Result<Bytes, Broken> {
        let Mode::Whole(body) = &mut self.mode else {
            return Ok(chunk);
        };
        if body.is_empty() && end {
            return self.read_whole(chunk);
        }
        body.extend_from_slice(&chunk);
        // What must be read whole cannot flow through, and has a limit of its own.
        let whole = self.converter.is_some() || self.watch.is_some() || self.ear.is_some();
        if whole && body.len() > LARGEST_EVENT {
            return Err(Broken::Invalid("the answer is too large to be read"));
        }
        if body.len() > self.hold && !whole {
            let body = std::mem::take(body).freeze();
            self.mode = Mode::Raw;
            self.begun = true;
            return Ok(body);
        }
        if !end {
            return Ok(Bytes::new());
        }
        let body = std::mem::take(body).freeze();
        self.read_whole(body)
    }

    fn read_whole(&mut self, body: Bytes) -> Result<Bytes, Broken> {
        if let Some(ear) = &mut self.ear {
            ear.whole(&body);
        }
        let body = match &mut self.watch {
            Some(watch) => watch.whole(body),
            None => body,
        };
        if let Some(converter) = &mut self.converter {
            if converter.wants_more() {
                return Err(Broken::More(body));
            }
            let mut out = BytesMut::new();
            converter
                .whole(&body, &mut self.reading, &mut out)
                .map_err(Broken::Invalid)?;
            self.begun = true;
            return Ok(out.freeze());
        }
        self.speaker
            .whole(self.operation, &body, &mut self.reading)
            .map_err(|_| Broken::Invalid("the answer is no valid JSON"))?;
        self.begun = true;
        Ok(body)
    }

    /// Collects a provider's error and tells it in the client's dialect.
    fn foreign_error(&mut self, chunk: &[u8], end: bool) -> Result<Bytes, Broken> {
        let Mode::Foreign(status, body) = &mut self.mode else {
            return Ok(Bytes::new());
        };
        // What comes beyond is no error message.
        let room = LARGEST_ERROR.saturating_sub(body.len());
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if !end {
            return Ok(Bytes::new());
        }
        let converter = self
            .converter
            .as_ref()
            .ok_or(Broken::Invalid("an error of no dialect"))?;
        let failure = convert::failure(converter.error(*status, body));
        self.begun = true;
        Ok(self.speaker.error_body(&failure, &self.request_id).into())
    }

    fn frames(&mut self, chunk: Bytes, end: bool) -> Result<Bytes, Broken> {
        match &mut self.mode {
            Mode::Events(decoder) => decoder.push(chunk),
            Mode::Array(frames) => frames.push(chunk),
            Mode::Binary(decoder) => decoder.push(chunk),
            Mode::Whole(_) | Mode::Foreign(..) | Mode::Raw => {}
        }
        let mut out = Out::default();
        let read = self.read_frames(end, &mut out);
        let out = out.take();
        match read {
            // What was good before is the client's, if it has seen the beginning.
            Err(broken) if !out.is_empty() => {
                self.broken = Some(broken);
                Ok(out)
            }
            read => read.map(|()| out),
        }
    }

    fn read_frames(&mut self, end: bool, out: &mut Out) -> Result<(), Broken> {
        while !self.stopped
            && let Some(frame) = self.next_frame()?
        {
            self.guarded(frame, out)?;
        }
        if end && !self.stopped {
            self.guard_end(out)?;
        }
        match (end || self.stopped, self.converter.is_some()) {
            (false, _) => Ok(()),
            (true, true) => self.last_converted(out),
            (true, false) => self.last(out),
        }
    }

    /// Takes a frame past the guard.
    fn guarded(&mut self, frame: Raw, out: &mut Out) -> Result<(), Broken> {
        if let (Some(ear), Some((event, data))) = (&mut self.ear, frame.data()) {
            ear.frame(event, data);
        }
        let watched = match (&mut self.watch, frame.data()) {
            (Some(watch), Some((event, data))) => watch.frame(event, data),
            _ => Watched::Same,
        };
        let frames = match watched {
            Watched::Same => return self.take_frame(frame, out),
            Watched::Changed(frames) => frames,
            Watched::Stopped(frames) => {
                self.stopped = true;
                frames
            }
        };
        for made in frame.made(frames) {
            self.take_frame(made, out)?;
        }
        Ok(())
    }

    /// What the guard still holds when the provider's bytes have ended.
    fn guard_end(&mut self, out: &mut Out) -> Result<(), Broken> {
        // A last event without its blank line: some servers end so.
        if self.watch.is_some()
            && let Mode::Events(decoder) = &mut self.mode
        {
            let tail = decoder.finish();
            let mut decoder = sse::Decoder::new(LARGEST_EVENT);
            decoder.push([&tail[..], b"\n\n"].concat().into());
            if let Ok(Some(frame)) = decoder.next()
                && frame.has_data()
            {
                self.guarded(Raw::Event(frame), out)?;
            }
        }
        let Some(watch) = &mut self.watch else {
            return Ok(());
        };
        let frames = match watch.finish() {
            Watched::Same => return Ok(()),
            Watched::Changed(frames) => frames,
            Watched::Stopped(frames) => {
                self.stopped = true;
                frames
            }
        };
        let made = match &self.mode {
            Mode::Events(_) => Raw::events(frames),
            Mode::Array(_) => Raw::elements(frames),
            _ => frames.into_iter().map(Raw::Made).collect(),
        };
        for frame in made {
            self.take_frame(frame, out)?;
        }
        Ok(())
    }

    fn take_frame(&mut self, frame: Raw, out: &mut Out) -> Result<(), Broken> {
        if self.converter.is_some() {
            self.convert_frame(&frame, out)
        } else {
            self.frame(frame, out)
        }
    }

    fn next_frame(&mut self) -> Result<Option<Raw>, Broken> {
        let too_large = || Broken::Invalid("an event of the stream is too large");
        Ok(match &mut self.mode {
            Mode::Events(decoder) => decoder.next().map_err(|_| too_large())?.map(Raw::Event),
            Mode::Array(frames) => frames.next().map_err(|_| too_large())?.map(Raw::Element),
            Mode::Binary(decoder) => decoder
                .next()
                .map_err(|_| Broken::Invalid("the event stream is corrupt"))?
                .map(Raw::Binary),
            Mode::Whole(_) | Mode::Foreign(..) | Mode::Raw => None,
        })
    }

    /// Converts one frame, and sends or holds what comes of it.
    fn convert_frame(&mut self, frame: &Raw, out: &mut Out) -> Result<(), Broken> {
        let Some((event, data)) = frame.data() else {
            return Ok(());
        };
        let Some(converter) = &mut self.converter else {
            return Ok(());
        };
        let step = converter.frame(event, data, &mut self.reading, &mut self.held);
        self.held_frames += 1;
        self.after(step, out)
    }

    fn last_converted(&mut self, out: &mut Out) -> Result<(), Broken> {
        // Some servers end without the last blank line.
        if let Mode::Events(decoder) = &mut self.mode
            && !self.stopped
        {
            let tail = decoder.finish();
            if !tail.is_empty() {
                let mut decoder = sse::Decoder::new(LARGEST_EVENT);
                decoder.push([&tail[..], b"\n\n"].concat().into());
                if let Ok(Some(frame)) = decoder.next() {
                    if let Some(ear) = &mut self.ear {
                        ear.frame(frame.event(), frame.data());
                    }
                    self.convert_frame(&Raw::Event(frame), out)?;
                }
            }
        }
        let Some(converter) = &mut self.converter else {
            return Ok(());
        };
        let step = converter.end(&mut self.reading, &mut self.held);
        self.after(step, out)?;
        if !self.reading.ended && !self.errored {
            return Err(Broken::Truncated);
        }
        self.begin(out);
        Ok(())
    }

    /// Sends what was converted, once the answer has begun.
    fn after(&mut self, step: Step, out: &mut Out) -> Result<(), Broken> {
        if let Some(error) = step.error {
            let failure = convert::failure(error);
            let status = failure.kind.status();
            if !self.begun || !self.is_stream() {
                let body = self.speaker.error_body(&failure, &self.request_id);
                return Err(Broken::Early(status, body.into()));
            }
            let event = if self.is_array() {
                let body = self.speaker.error_body(&failure, &self.request_id);
                [&b",\n"[..], &body, b"]"].concat().into()
            } else {
                self.speaker.error_event(
                    self.operation,
                    &failure,
                    &self.request_id,
                    self.reading.next_sequence,
                )
            };
            self.held.extend_from_slice(&event);
            self.errored = true;
        }
        self.content |= step.content;
        if self.begun
            || (step.content && self.is_stream())
            || (self.is_stream() && self.held_enough())
        {
            self.begin(out);
        }
        Ok(())
    }

    /// Reads one frame, and sends, holds or drops it.
    fn frame(&mut self, frame: Raw, out: &mut Out) -> Result<(), Broken> {
        let part = match frame.data() {
            Some((event, data)) => {
                self.speaker
                    .frame(self.operation, event, data, &mut self.reading)
            }
            None => Part::Lifecycle,
        };
        match part {
            Part::Error(status) if !self.begun => {
                let data = frame.data().map_or(&b""[..], |(_, data)| data);
                return Err(Broken::Early(status, Bytes::copy_from_slice(data)));
            }
            Part::Error(_) => {
                self.errored = true;
                out.add(frame.into_raw());
            }
            Part::Usage if self.strip_usage => {}
            Part::Lifecycle if !self.begun => {
                self.hold_back(frame);
                if self.held_enough() {
                    self.begin(out);
                }
            }
            Part::Usage | Part::Lifecycle | Part::Content => {
                self.content |= part != Part::Lifecycle;
                if !self.begun {
                    self.begin(out);
                }
                let raw = if self.strip_usage {
                    without_null_usage(frame)
                } else {
                    frame.into_raw()
                };
                out.add(raw);
            }
        }
        Ok(())
    }

    fn hold_back(&mut self, frame: Raw) {
        let raw = if self.strip_usage {
            without_null_usage(frame)
        } else {
            frame.into_raw()
        };
        self.held.extend_from_slice(&raw);
        self.held_frames += 1;
    }

    fn held_enough(&self) -> bool {
        self.held_frames >= HELD_FRAMES
            || self.held.len() >= HELD_BYTES
            || self.since.elapsed() >= HELD_TIME
    }

    fn begin(&mut self, out: &mut Out) {
        self.begun = true;
        out.add(std::mem::take(&mut self.held).freeze());
    }

    /// The end of the stream: what has no end of its own is read, and an answer that is not whole is told as such.
    fn last(&mut self, out: &mut Out) -> Result<(), Broken> {
        let tail = match &mut self.mode {
            // The bracket that ends the array which the provider would have ended.
            Mode::Array(_) if self.stopped => Bytes::from_static(b"\n]"),
            _ if self.stopped => Bytes::new(),
            Mode::Events(decoder) => decoder.finish(),
            Mode::Array(frames) => frames.finish(),
            _ => Bytes::new(),
        };
        if matches!(self.mode, Mode::Events(_)) && !tail.is_empty() {
            // A last event without its blank line: some servers end so.
            let mut decoder = sse::Decoder::new(LARGEST_EVENT);
            decoder.push([&tail[..], b"\n\n"].concat().into());
            if let Ok(Some(frame)) = decoder.next()
                && frame.has_data()
            {
                let data = frame.data();
                if let Some(ear) = &mut self.ear {
                    ear.frame(frame.event(), data);
                }
                self.speaker
                    .frame(self.operation, frame.event(), data, &mut self.reading);
            }
        }
        if self.reading.finish.is_none() && !self.errored {
            return Err(Broken::Truncated);
        }
        if !self.begun {
            self.begin(out);
        }
        out.add(tail);
        Ok(())
    }

    /// Whether the dialect's own end of a stream was seen, so that a connection which breaks after it takes nothing.
    pub const fn has_ended(&self) -> bool {
        self.comes_in_frames() && self.reading.ended
    }

    /// Whether the guard has ended the answer, whatever the provider still says.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether the provider's stream carried an error after content.
    pub const fn errored(&self) -> bool {
        self.errored
    }

    /// Whether content has come.
    pub fn has_content(&self) -> bool {
        self.content || (self.begun && !self.is_stream())
    }

    /// Begins the answer to the client before there is content: what was held so far.
    pub fn begin_early(&mut self) -> Bytes {
        let mut out = Out::default();
        self.begin(&mut out);
        out.take()
    }

    /// What tells the client of a silent stream that it lives; `None` where nothing can be said between two frames.
    ///
    /// Comments are passed over by every SSE parser but Google's SDK, which takes them for the beginning of an error;
    /// it passes over blank lines. Anthropic has an event for it, which must not stand before the first one.
    pub fn heartbeat(&self, dialect: Dialect) -> Option<Bytes> {
        if !self.is_stream() || self.is_array() {
            return None;
        }
        Some(Bytes::from_static(match dialect {
            Dialect::Gemini => b"\n",
            Dialect::Anthropic if self.content => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            _ => b": keep-alive\n\n",
        }))
    }
}

/// A frame of either framing.
enum Raw {
    Event(sse::Frame),
    Element(Element),
    Binary(event_stream::Frame),
    /// One that the guard wrote for the converter.
    Made(Named),
}

impl Raw {
    /// Frames of the guard in the place of this one.
    fn made(self, frames: Vec<Named>) -> Vec<Self> {
        match self {
            Self::Event(_) => Self::events(frames),
            Self::Element(element) => {
                let before = &element.raw[..element.range.start];
                let mut made = Self::elements(frames);
                // The bracket or comma that this one brought.
                if let Some(Self::Element(first)) = made.first_mut() {
                    let json = first.json().to_vec();
                    let raw = [before, &json].concat();
                    first.range = before.len()..raw.len();
                    first.raw = raw.into();
                }
                made
            }
            Self::Binary(_) | Self::Made(_) => frames.into_iter().map(Self::Made).collect(),
        }
    }

    fn events(frames: Vec<Named>) -> Vec<Self> {
        let mut decoder = sse::Decoder::new(usize::MAX);
        for (event, data) in &frames {
            let name = std::str::from_utf8(event).ok().filter(|n| !n.is_empty());
            decoder.push(sse::write_frame(name, data));
        }
        let read = std::iter::from_fn(|| decoder.next().ok().flatten());
        read.map(Self::Event).collect()
    }

    fn elements(frames: Vec<Named>) -> Vec<Self> {
        let element = |(_, json): Named| {
            let raw: Bytes = [b",\n", &json[..]].concat().into();
            let range = 2..raw.len();
            Self::Element(Element { raw, range })
        };
        frames.into_iter().map(element).collect()
    }

    fn data(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Event(frame) => frame.has_data().then(|| (frame.event(), frame.data())),
            Self::Element(element) => Some((&b""[..], element.json())),
            Self::Binary(frame) => Some((frame.event(), frame.data())),
            Self::Made((event, data)) => Some((event, data)),
        }
    }

    fn into_raw(self) -> Bytes {
        match self {
            Self::Event(frame) => frame.raw,
            Self::Element(element) => element.raw,
            // Only what is converted comes so.
            Self::Binary(_) | Self::Made(_) => Bytes::new(),
        }
    }
}

/// The bytes of several frames; one frame alone is passed on without a copy.
#[derive(Default)]
struct Out {
    first: Bytes,
    more: BytesMut,
}

impl Out {
    fn add(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
        } else if self.first.is_empty() {
            self.first = bytes;
        } else {
            if self.more.is_empty() {
                self.more.reserve(2 * (self.first.len() + bytes.len()));
                self.more.extend_from_slice(&self.first);
            }
            self.more.extend_from_slice(&bytes);
        }
    }

    fn take(self) -> Bytes {
        if self.more.is_empty() {
            self.first
        } else {
            self.more.freeze()
        }
    }
}

/// With `include_usage`, OpenAI puts `"usage": null` into every other chunk; a client that did not ask does not know
/// it from others.
fn without_null_usage(frame: Raw) -> Bytes {
    let Raw::Event(event) = &frame else {
        return frame.into_raw();
    };
    let in_one_piece = memchr::memmem::find(&event.raw, event.data()).is_some();
    if in_one_piece {
        return strip_null_usage(frame.into_raw());
    }
    // An event of several data lines is written anew if anything changes.
    let data = Bytes::copy_from_slice(event.data());
    let stripped = strip_null_usage(data.clone());
    if stripped == data {
        return frame.into_raw();
    }
    let name = std::str::from_utf8(event.event())
        .ok()
        .filter(|name| !name.is_empty());
    sse::write_frame(name, &stripped)
}

fn strip_null_usage(raw: Bytes) -> Bytes {
    if memchr::memmem::find(&raw, b"\"usage\"").is_none() {
        return raw;
    }
    let Some(start) = memchr::memchr(b'{', &raw) else {
        return raw;
    };
    let Some(end) = memchr::memrchr(b'}', &raw) else {
        return raw;
    };
    let Some(json) = raw.get(start..=end) else {
        return raw;
    };
    let Ok(document) = Document::parse(json, Limits::default()) else {
        return raw;
    };
    let root = document.root();
    if !root.get("usage").is_some_and(|usage| usage.is_null()) {
        return raw;
    }
    let Some(range) = root.removal("usage") else {
        return raw;
    };
    let mut edits = Edits::default();
    edits.delete(range.start + start..range.end + start);
    edits.apply(&raw).unwrap_or(raw)
}

/// Takes a piece of the answer and gives what may go out to the client, if anything, and why it is the last.
pub fn piece(
    chunk: Option<Bytes>,
    end: bool,
    x: &mut Exchange,
) -> Result<(Option<Bytes>, Option<Lost>), Lost> {
    let Some(relay) = x.relay.as_mut() else {
        return Ok((chunk, None));
    };
    let had_content = relay.has_content();
    let pushed = relay.push(chunk, end);
    if let (Some(watch), Some(screen)) = (&mut relay.watch, &mut x.screen) {
        watch.report(screen);
    }
    let out = match pushed {
        Ok(out) => out,
        Err(broken) => return Err(lost(broken, x)),
    };
    let end = end || relay.stopped;
    if let Some(broken) = relay.broken.take() {
        return Ok((out, Some(lost(broken, x))));
    }
    if !had_content && relay.has_content() {
        x.first_token = Some(x.started.elapsed());
        // What went wrong before was made good.
        x.failure = None;
        if let Some(attempt) = &x.attempt {
            attempt.chosen.succeeded(x.attempt_started.elapsed());
        }
    }
    x.response_bytes += out.as_ref().map_or(0, Bytes::len);
    if end && x.outcome.is_none() {
        let (errored, stopped) = (relay.errored(), relay.stopped);
        dispatch::count(x, if errored { "stream_error" } else { "ok" });
        x.outcome = Some(match (errored, stopped) {
            (true, _) => Outcome::UpstreamError,
            (false, true) => Outcome::Refused,
            (false, false) => Outcome::Ok,
        });
    }
    Ok((out, None))
}

fn lost(broken: Broken, x: &mut Exchange) -> Lost {
    match broken {
        Broken::Early(status, data) => {
            x.early_error = Some((status, data));
            Lost::fault(
                Fault::Status(status),
                "the stream began with an error event",
            )
        }
        Broken::More(answer) => Lost::More(answer),
        Broken::Truncated => {
            Lost::fault(Fault::Connect, "the stream ended before its end was told")
        }
        Broken::Invalid(what) => Lost::fault(Fault::Invalid, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_usage_is_taken_out_and_nothing_else() {
        for (raw, stripped) in [
            (
                "data: {\"id\":\"a\",\"usage\":null,\"x\":1}\n\n",
                "data: {\"id\":\"a\",\"x\":1}\n\n",
            ),
            (
                "data: {\"id\":\"a\", \"usage\": null}\r\n\r\n",
                "data: {\"id\":\"a\"}\r\n\r\n",
            ),
            (
                "data: {\"usage\":null,\"id\":1}\n\n",
                "data: {\"id\":1}\n\n",
            ),
            (
                "data: {\"c\":\"\\\"usage\\\":null\"}\n\n",
                "data: {\"c\":\"\\\"usage\\\":null\"}\n\n",
            ),
            (
                "data: {\"usage\":{\"a\":1}}\n\n",
                "data: {\"usage\":{\"a\":1}}\n\n",
            ),
            ("data: [DONE]\n\n", "data: [DONE]\n\n"),
        ] {
            assert_eq!(strip_null_usage(Bytes::from(raw)), stripped, "{raw}");
        }
    }
}
