//! Answers as they go out: at once, word by word, or cut off in the middle.

use std::{
    collections::VecDeque,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::Response,
};
use http_body::Frame;
use serde_json::Value;
use tokio::time::{Sleep, sleep};

/// Slow enough for people to see that the answer is streamed.
const BETWEEN_WORDS: Duration = Duration::from_millis(15);

/// A streamed answer: what to send, and when to wait.
pub(super) struct Script {
    content_type: &'static str,
    steps: VecDeque<Step>,
}

enum Step {
    Send(Bytes),
    Pause,
    Cut,
}

impl Script {
    pub(super) fn events() -> Self {
        Self {
            content_type: "text/event-stream",
            steps: VecDeque::new(),
        }
    }

    pub(super) fn json() -> Self {
        Self {
            content_type: "application/json",
            steps: VecDeque::new(),
        }
    }

    pub(super) fn send(&mut self, frame: String) {
        self.steps.push_back(Step::Send(frame.into()));
    }

    pub(super) fn data(&mut self, data: &impl fmt::Display) {
        self.send(format!("data: {data}\n\n"));
    }

    pub(super) fn event(&mut self, name: &str, data: &Value) {
        self.send(format!("event: {name}\ndata: {data}\n\n"));
    }

    pub(super) fn pause(&mut self) {
        self.steps.push_back(Step::Pause);
    }

    /// The response that plays this script, half of it if it is to `die`.
    pub(super) fn play(mut self, die: bool) -> Response {
        if die {
            self.steps.truncate((self.steps.len() / 2).max(1));
            self.cut();
        }
        let stage = Stage {
            steps: self.steps,
            pause: None,
        };
        let mut response = Response::new(Body::new(stage));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    /// Breaks off after a pause, in which what came before gets sent.
    fn cut(&mut self) {
        self.steps.extend([Step::Pause, Step::Cut]);
    }
}

/// An answer that is not streamed, half of it if it is to `die`.
pub(super) fn json(value: &Value, die: bool) -> Response {
    let mut text = value.to_string();
    let length = text.len();
    let body = if die {
        text.truncate(text.floor_char_boundary(length / 2));
        let steps = [Step::Send(text.into()), Step::Pause, Step::Cut];
        Body::new(Stage {
            steps: steps.into(),
            pause: None,
        })
    } else {
        Body::from(text)
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Said beforehand, so that the client can tell half an answer from a whole one.
    headers.insert(CONTENT_LENGTH, length.into());
    response
}

/// A script being played.
struct Stage {
    steps: VecDeque<Step>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Stage {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let stage = self.get_mut();
        loop {
            if let Some(pause) = &mut stage.pause {
                ready!(pause.as_mut().poll(cx));
                stage.pause = None;
            }
            match stage.steps.pop_front() {
                Some(Step::Send(frame)) => return Poll::Ready(Some(Ok(Frame::data(frame)))),
                Some(Step::Pause) => stage.pause = Some(Box::pin(sleep(BETWEEN_WORDS))),
                // The server answers an error in the body by closing the connection.
                Some(Step::Cut) => {
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}
