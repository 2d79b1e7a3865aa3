//! What an upstream does with one request.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;

use super::{Gate, coding::Coding, speech};

/// One reply of a script.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Heads that come before the real one.
    pub interim: Vec<(u16, Vec<(String, String)>)>,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    pub framing: Framing,
    pub end: End,
    pub coding: Option<Coding>,
    /// Of a stream only so many frames, then `end`.
    pub frames: Option<usize>,
    /// Half of the frame after those comes, too.
    pub half_frame: bool,
    /// Waits here before each frame from this one on.
    pub gate: Option<(usize, Gate)>,
    /// Passed before the head is sent.
    pub head_gate: Option<Gate>,
    /// Time between two frames.
    pub delay: Duration,
    /// Bytes of each write; all frames flow together.
    pub writes: Option<usize>,
    pub reading: ReadBody,
}

/// What stands in the body.
#[derive(Clone, Debug)]
pub enum Body {
    /// An answer with these pieces of text, as the request wants it: whole or as a stream.
    Answer(Vec<String>),
    /// An error in the dialect of the request: a JSON body.
    Error(String),
    /// A stream that begins with lifecycle frames (or none), has these pieces of text, and then an error event.
    ErrorEvent {
        lifecycle: bool,
        text: Vec<String>,
        status: u16,
    },
    /// These bytes, each item one frame or write.
    Pieces(String, Vec<Piece>),
    /// What a test makes of the request.
    Made(Maker),
    /// HTTP/1.1 as it stands, head included, then `end`.
    Wire(Bytes),
    /// Nothing at all: `end` comes in place of an answer.
    Nothing,
}

/// Makes an answer of a request's path and body: its content type and its pieces, one for each frame.
#[derive(Clone)]
pub struct Maker(Arc<Make>);

type Make = dyn Fn(&str, &[u8]) -> (String, Vec<Bytes>) + Send + Sync;

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Maker")
    }
}

/// A part of a body.
#[derive(Clone, Debug)]
pub enum Piece {
    Bytes(Bytes),
    Wait(Gate),
}

/// How HTTP/1.1 tells where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `content-length` for whole bodies, chunks for streams.
    Auto,
    Chunked,
    Close,
    /// `content-length` with this number, right or wrong.
    Length(usize),
}

/// What follows the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A proper end.
    Good,
    /// The connection is closed, in HTTP/2 without a word.
    Fin,
    /// The connection is reset; in HTTP/2 the stream.
    Reset,
    /// Silence until the gateway gives up.
    Silence,
}

/// Whether the upstream reads the request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBody {
    First,
    /// A little at a time.
    Slowly,
    /// The answer comes first.
    Late,
}

impl Reply {
    fn new(body: Body) -> Self {
        Self {
            interim: Vec::new(),
            status: 200,
            headers: Vec::new(),
            body,
            framing: Framing::Auto,
            end: End::Good,
            coding: None,
            frames: None,
            half_frame: false,
            gate: None,
            head_gate: None,
            delay: Duration::ZERO,
            writes: None,
            reading: ReadBody::First,
        }
    }

    /// A good answer with this text; streams have a frame for each word.
    pub fn text(text: &str) -> Self {
        Self::tokens(text.split_inclusive(' '))
    }

    /// A good answer with these pieces of text.
    pub fn tokens(tokens: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Body::Answer(tokens.into_iter().map(Into::into).collect()))
    }

    /// An error as a provider would tell it.
    pub fn status(status: u16) -> Self {
        let mut reply = Self::new(Body::Error(format!("scripted {status}")));
        reply.status = status;
        reply
    }

    pub fn json(value: &Value) -> Self {
        Self::body("application/json", value.to_string())
    }

    pub fn body(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Body::Pieces(
            content_type.into(),
            vec![Piece::Bytes(body.into())],
        ))
    }

    /// A stream of anything, with waits in it.
    pub fn pieces(content_type: &str, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut reply = Self::new(Body::Pieces(
            content_type.into(),
            pieces.into_iter().collect(),
        ));
        reply.framing = Framing::Chunked;
        reply
    }

    /// An answer that is made of the request.
    pub fn made(
        make: impl Fn(&str, &[u8]) -> (String, Vec<Bytes>) + Send + Sync + 'static,
    ) -> Self {
        Self::new(Body::Made(Maker(Arc::new(make))))
    }

    /// A stream of server-sent events, as written.
    pub fn events(frames: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        let pieces = frames.into_iter().map(|f| Piece::Bytes(f.into())).collect();
        let mut reply = Self::new(Body::Pieces(speech::SSE.into(), pieces));
        reply.framing = Framing::Chunked;
        reply
    }

    /// A stream whose first event is an error.
    pub fn error_event(status: u16) -> Self {
        let body = Body::ErrorEvent {
            lifecycle: false,
            text: Vec::new(),
            status,
        };
        Self::new(body)
    }

    /// A stream that begins as usual and has an error before its first content.
    pub fn error_after_lifecycle(status: u16) -> Self {
        let body = Body::ErrorEvent {
            lifecycle: true,
            text: Vec::new(),
            status,
        };
        Self::new(body)
    }

    /// A stream with an error after some content.
    pub fn error_after(text: &str, status: u16) -> Self {
        let body = Body::ErrorEvent {
            lifecycle: true,
            text: text.split_inclusive(' ').map(Into::into).collect(),
            status,
        };
        Self::new(body)
    }

    /// Bytes as they stand, status line and all; then the connection is closed.
    pub fn wire(bytes: impl Into<Bytes>) -> Self {
        Self::new(Body::Wire(bytes.into())).end(End::Fin)
    }

    /// Reads the request and closes the connection.
    pub fn closes() -> Self {
        Self::new(Body::Nothing).end(End::Fin)
    }

    /// Reads the request and resets the connection.
    pub fn resets() -> Self {
        Self::new(Body::Nothing).end(End::Reset)
    }

    /// Reads the request and says nothing.
    pub fn hangs() -> Self {
        Self::new(Body::Nothing).end(End::Silence)
    }

    /// Sends a head and nothing more.
    pub fn silent_after_head(self) -> Self {
        self.dies_after(0, End::Silence)
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// A head before the head, such as 103.
    pub fn interim(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
        self.interim
            .push((status, headers.iter().map(own).collect()));
        self
    }

    pub const fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    pub const fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Of the stream only `frames` frames, and then `end`.
    pub const fn dies_after(mut self, frames: usize, end: End) -> Self {
        self.frames = Some(frames);
        self.end = end;
        self
    }

    /// Of a whole answer only the first half, as if it were all.
    pub const fn in_half(self) -> Self {
        self.dies_after(0, End::Good).in_mid_frame()
    }

    /// Dies in the middle of a frame.
    pub const fn in_mid_frame(mut self) -> Self {
        self.half_frame = true;
        self
    }

    /// Waits at the gate before each frame from number `from` (counted from 0) on, and before the end.
    pub fn stepped(mut self, from: usize, gate: &Gate) -> Self {
        self.gate = Some((from, gate.clone()));
        self
    }

    /// Waits at the gate before the head.
    pub fn head_waits(mut self, gate: &Gate) -> Self {
        self.head_gate = Some(gate.clone());
        self
    }

    /// Sends the body in writes of so many bytes, wherever frames end.
    pub const fn writes_of(mut self, bytes: usize) -> Self {
        self.writes = Some(bytes);
        self
    }

    /// Compresses the body and says so.
    pub const fn coded(mut self, coding: Coding) -> Self {
        self.coding = Some(coding);
        self
    }

    /// Answers before reading the request's body.
    pub const fn early(mut self) -> Self {
        self.reading = ReadBody::Late;
        self
    }

    /// Reads the request's body a little at a time.
    pub const fn reads_slowly(mut self) -> Self {
        self.reading = ReadBody::Slowly;
        self
    }

    /// Renders the reply for a request: head and pieces, gates included. `None` if nothing is to be said.
    pub(super) fn render(&self, path: &str, body: &[u8]) -> Option<Rendered> {
        let asked = speech::Asked::read(path, body);
        let (kind, stream, mut pieces) = match &self.body {
            Body::Nothing | Body::Wire(_) => return None,
            Body::Answer(tokens) => {
                let (kind, frames) = asked.answer(tokens);
                (kind.to_owned(), asked.streams(), bytes(frames))
            }
            Body::Made(Maker(make)) => {
                let (kind, frames) = make(path, body);
                let stream = kind == speech::SSE;
                (kind, stream, bytes(frames))
            }
            Body::Error(message) => {
                let body = asked.error(self.status, message);
                (speech::JSON.to_owned(), false, bytes(vec![body]))
            }
            Body::ErrorEvent {
                lifecycle,
                text,
                status,
            } => {
                let (kind, frames) = asked.error_stream(*lifecycle, text, *status);
                (kind.to_owned(), true, bytes(frames))
            }
            Body::Pieces(kind, pieces) => {
                (kind.clone(), self.framing != Framing::Auto, pieces.clone())
            }
        };
        if let Some(count) = self.frames {
            let half = pieces.get(count).cloned();
            pieces.truncate(count);
            if let (true, Some(Piece::Bytes(frame))) = (self.half_frame, half) {
                pieces.push(Piece::Bytes(frame.slice(..frame.len() / 2)));
            }
        }
        if let Some(coding) = self.coding {
            pieces = coding.encode(pieces);
        }
        if let Some(size) = self.writes {
            let all: Vec<u8> = pieces
                .iter()
                .filter_map(|p| match p {
                    Piece::Bytes(bytes) => Some(&bytes[..]),
                    Piece::Wait(_) => None,
                })
                .collect::<Vec<_>>()
                .concat();
            pieces = bytes(all.chunks(size).map(Bytes::copy_from_slice).collect());
        }
        if let Some((from, gate)) = &self.gate {
            let mut gated = Vec::new();
            for (n, piece) in pieces.into_iter().enumerate() {
                if n >= *from {
                    gated.push(Piece::Wait(gate.clone()));
                }
                gated.push(piece);
            }
            gated.push(Piece::Wait(gate.clone()));
            pieces = gated;
        }
        let mut headers = self.headers.clone();
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".into(), kind));
        }
        if let Some(coding) = self.coding {
            headers.push(("content-encoding".into(), coding.name().into()));
        }
        Some(Rendered {
            headers,
            pieces,
            stream,
        })
    }
}

impl From<u16> for Reply {
    fn from(status: u16) -> Self {
        Self::status(status)
    }
}

pub(super) struct Rendered {
    pub headers: Vec<(String, String)>,
    pub pieces: Vec<Piece>,
    pub stream: bool,
}

impl Rendered {
    pub fn len(&self) -> usize {
        let len = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Wait(_) => 0,
        };
        self.pieces.iter().map(len).sum()
    }
}

fn bytes(frames: Vec<Bytes>) -> Vec<Piece> {
    frames.into_iter().map(Piece::Bytes).collect()
}
