//! Answers that are judged: what the provider says is listened to, and what would go out is held until the verdict.

use std::sync::PoisonError;

use bytes::{Bytes, BytesMut};

use super::{
    super::{
        ending::{self, Ending},
        exchange::Exchange,
    },
    ANSWER, Heard, Judging, When, all, is_said, of, overhear, take,
};
use crate::{
    error::Failure,
    guard::{
        judge::{Question, Said},
        profile::Direction,
    },
    judge::Trouble,
    protocol::{
        Operation,
        json::{Document, Limits},
        json_array::ArrayFrames,
        sse,
        texts::{self, Channel, ChannelKind, Place},
    },
};

/// Listens to what the provider says: with placeholders where the request had any, so that judges see no more than the
/// provider did.
#[derive(Debug)]
pub struct Ear {
    operation: Operation,
    /// Texts in pieces, with their channels, and whole ones.
    texts: Vec<(Option<Channel>, Said)>,
    length: usize,
    limit: usize,
}

impl Ear {
    /// An ear for the running attempt, if there is a judge of answers.
    pub fn new(x: &Exchange, operation: Operation) -> Option<Self> {
        let screen = x.screen.as_ref()?;
        screen.judging.as_ref()?;
        let (waits, observers) = of(&x.snapshot, &screen.profile, &[When::After]);
        let any = !waits.is_empty() || !observers.is_empty();
        any.then(|| Self {
            operation,
            texts: Vec::new(),
            length: 0,
            limit: x.snapshot.config.limits.hold.0,
        })
    }

    /// Hears a frame of a stream.
    pub fn frame(&mut self, event: &[u8], data: &[u8]) {
        if self.is_full() {
            return;
        }
        self.length += data.len();
        let Ok(document) = Document::parse(data, Limits::default()) else {
            return;
        };
        let event = std::str::from_utf8(event).ok().filter(|e| !e.is_empty());
        let found = texts::of_event(self.operation, event, &document);
        for delta in &found.deltas {
            self.hear(Some(delta.channel), &delta.place);
        }
        for place in found.others.iter().filter(|place| is_said(place)) {
            self.hear(None, place);
        }
    }

    /// Hears an answer that comes whole.
    pub fn whole(&mut self, body: &[u8]) {
        let Ok(document) = Document::parse(body, Limits::default()) else {
            return;
        };
        let found = texts::of_answer(self.operation, &document);
        for place in found.places.iter().filter(|place| is_said(place)) {
            self.hear(None, place);
        }
    }

    fn hear(&mut self, channel: Option<Channel>, place: &Place<'_>) {
        let known = self.texts.iter_mut().rev();
        let mut known = known.filter(|(c, _)| channel.is_some() && *c == channel);
        match known.next() {
            Some((_, said)) => said.text.push_str(&place.value),
            None => {
                let said = Said {
                    role: place.role,
                    turn: ANSWER,
                    place: "answer".to_owned(),
                    text: place.value.clone().into_owned(),
                };
                self.texts.push((channel, said));
            }
        }
    }

    /// Whether more was said than can be held.
    const fn is_full(&self) -> bool {
        self.length > self.limit
    }

    fn said(&self) -> Vec<Said> {
        self.texts.iter().map(|(_, said)| said.clone()).collect()
    }
}

/// What would have gone out already, if nobody had to judge it.
#[derive(Debug)]
pub struct Hold {
    pieces: Vec<Bytes>,
    length: usize,
    limit: usize,
    stream: bool,
}

impl Hold {
    /// Something to hold the running attempt's answer in, if a judge must see it first.
    pub fn new(x: &Exchange) -> Option<Self> {
        let relay = x.relay.as_ref().filter(|relay| relay.ear.is_some())?;
        let screen = x.screen.as_ref()?;
        let (waits, _) = of(&x.snapshot, &screen.profile, &[When::After]);
        (!waits.is_empty()).then(|| Self {
            pieces: Vec::new(),
            length: 0,
            limit: x.snapshot.config.limits.hold.0,
            stream: relay.is_stream(),
        })
    }

    /// Holds some more.
    pub fn add(&mut self, piece: Bytes) {
        self.length += piece.len();
        self.pieces.push(piece);
    }

    /// Whether nothing is held.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether a stream is longer than what can be held.
    pub fn is_full(&self, x: &Exchange) -> bool {
        let ear = x.relay.as_ref().and_then(|relay| relay.ear.as_ref());
        self.stream && (self.length > self.limit || ear.is_some_and(Ear::is_full))
    }

    /// All that is held.
    pub fn release(&mut self) -> Bytes {
        self.length = 0;
        let mut pieces = std::mem::take(&mut self.pieces);
        match pieces.as_mut_slice() {
            [only] => std::mem::take(only),
            _ => pieces.concat().into(),
        }
    }

    /// The answer of which nothing may be seen: who answered, and that it was filtered.
    pub fn refused(&mut self, x: &mut Exchange) -> Bytes {
        let operation = x
            .call
            .as_ref()
            .map_or(Operation::Chat, |call| call.operation);
        let array = x
            .relay
            .as_ref()
            .is_some_and(super::super::relay::Relay::is_array);
        x.response_bytes = x.response_bytes.saturating_sub(self.length);
        let held = self.release();
        let out = match (self.stream, array) {
            (false, _) => ending::whole(operation, &held),
            (true, false) => refused_events(operation, held),
            (true, true) => refused_array(operation, held),
        };
        x.response_bytes += out.len();
        out
    }
}

/// Events before all content, which say who answers: without them the end makes no sense.
fn is_opening(data: &[u8]) -> bool {
    const OPENINGS: [&str; 4] = [
        "message_start",
        "response.created",
        "response.queued",
        "response.in_progress",
    ];
    #[derive(serde::Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Kind>(data).is_ok_and(|event| OPENINGS.contains(&&*event.kind))
}

const NO_CHANNEL: Channel = Channel {
    choice: 0,
    part: 0,
    kind: ChannelKind::Text,
};

fn refused_events(operation: Operation, held: Bytes) -> Bytes {
    let mut out = BytesMut::new();
    let mut ending = Ending::default();
    let mut decoder = sse::Decoder::new(usize::MAX);
    decoder.push(held);
    while let Ok(Some(frame)) = decoder.next() {
        if !frame.has_data() {
            continue;
        }
        let opening = is_opening(frame.data());
        let opens = matches!(operation, Operation::Messages | Operation::Responses);
        if opening || !opens {
            ending.saw(operation, frame.data());
        }
        if !opening {
            break;
        }
        out.extend_from_slice(&frame.raw);
    }
    for (event, data) in ending.frames(operation, NO_CHANNEL) {
        let name = std::str::from_utf8(&event).ok().filter(|n| !n.is_empty());
        out.extend_from_slice(&sse::write_frame(name, &data));
    }
    out.freeze()
}

fn refused_array(operation: Operation, held: Bytes) -> Bytes {
    let mut ending = Ending::default();
    let mut frames = ArrayFrames::new(usize::MAX);
    frames.push(held);
    if let Ok(Some(first)) = frames.next() {
        ending.saw(operation, first.json());
    }
    let mut out = BytesMut::from(&b"["[..]);
    for (n, (_, data)) in ending.frames(operation, NO_CHANNEL).into_iter().enumerate() {
        out.extend_from_slice(if n == 0 { b"" } else { b",\n" });
        out.extend_from_slice(&data);
    }
    out.extend_from_slice(b"]");
    out.freeze()
}

fn question(judging: &Judging, answer: Vec<Said>) -> Question {
    Question {
        direction: Direction::Answer,
        answer,
        ..judging.question.clone()
    }
}

/// Asks about an answer that is whole, or too long to be held: gives what is to be waited for. Those who only observe are
/// asked by the way. `None` if there is nobody to wait for.
pub fn verdict(
    x: &Exchange,
    full: bool,
) -> Option<std::pin::Pin<Box<dyn Future<Output = Vec<Heard>> + Send>>> {
    let screen = x.screen.as_ref()?;
    let judging = screen.judging.as_ref()?;
    let ear = x.relay.as_ref()?.ear.as_ref()?;
    let (waits, observers) = of(&x.snapshot, &screen.profile, &[When::After]);
    let too_long = |enforced: bool| {
        move |judge| Heard {
            judge,
            direction: Direction::Answer,
            enforced,
            said: Err(Trouble::TooLong),
        }
    };
    if full || ear.is_full() {
        let list = &mut *judging
            .overheard
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = list {
            list.extend(observers.into_iter().map(too_long(false)));
        }
        let heard: Vec<Heard> = waits.into_iter().map(too_long(true)).collect();
        return (!heard.is_empty()).then(|| Box::pin(async { heard }) as _);
    }
    let question = question(judging, ear.said());
    overhear(&x.snapshot, observers, &question, &judging.overheard);
    if waits.is_empty() {
        return None;
    }
    Some(Box::pin(all(x.snapshot.clone(), waits, question)))
}

/// Notes the verdicts over an answer; gives why it must not go out, if so.
pub fn stopped(x: &mut Exchange, heard: Vec<Heard>) -> Option<Failure> {
    take(x.screen.as_mut()?, heard)
}
