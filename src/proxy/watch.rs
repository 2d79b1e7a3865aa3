//! The guard over an answer on its way: what must not come out is held back, replaced or stopped, and what was taken out
//! of the request is put back. Works on the provider's own frames, before they are converted or passed on.
//!
//! Where nothing is enforced and nothing is to be put back, frames pass as they are and are only listened to.

use std::sync::Arc;

use bytes::Bytes;

use super::{ending::Ending, exchange::Exchange, screen::Screen};
use crate::{
    guard::{
        leak::Instructions,
        profile::{Action, Direction, Profile},
        redact::{Escape, Vault},
        screen::{Answers, Noted},
        window::{Released, Window},
    },
    protocol::{
        Operation,
        json::{Document, Limits},
        texts::{self, ArgumentText, Channel, ChannelKind, EventTexts, Leaf, Place},
    },
};

/// Texts of one stream that are followed at most: blocks, calls and choices.
const MOST_CHANNELS: usize = 4096;

/// So much of a text is collected before it is looked through for what is only observed.
const LISTEN: usize = 4096;

/// So much of it is looked at again together with what follows.
const OVERLAP: usize = 512;

/// The guard over one answer.
pub struct Watch {
    profile: Arc<Profile>,
    vault: Arc<Vault>,
    instructions: Option<Arc<Instructions>>,
    operation: Operation,
    /// Whether anything may be changed or held back.
    holds: bool,
    /// Whether there are rules that only observe.
    listens: bool,
    flows: Vec<(Channel, Flow)>,
    ending: Ending,
    noted: Vec<Noted>,
    /// Set if something could not be screened.
    failed: bool,
    /// Whether that was told.
    told: bool,
}

/// One text of the stream.
struct Flow {
    way: Way,
    /// The last frame that carried it, and which of the frame's pieces it was.
    frame: Option<(Vec<u8>, Bytes, usize)>,
    /// What was collected to be looked through.
    heard: String,
    /// How much of that was looked through.
    looked: usize,
}

enum Way {
    Text(Window),
    Arguments(Box<Arguments>),
}

/// Arguments of a call: JSON text in pieces, whose strings are texts of their own.
#[derive(Default)]
struct Arguments {
    reader: ArgumentText,
    /// The string that is being read.
    window: Window,
    /// Raw bytes before what the reader was given last.
    before: usize,
    /// An escape that is not complete yet, as it stands.
    open: String,
}

/// A frame with its event's name.
pub type Named = (Vec<u8>, Bytes);

/// What is to be done with a frame, before the end of the answer is written.
enum Verdict {
    Same,
    Changed(Vec<Named>),
    /// These, and then the answer ends; the text because of which it does.
    Stopped(Vec<Named>, Channel),
}

/// What is to be done with a frame.
pub enum Watched {
    /// It passes as it is.
    Same,
    /// These go in its place.
    Changed(Vec<Named>),
    /// These are the last.
    Stopped(Vec<Named>),
}

impl Watch {
    /// The guard over the answer of the running attempt, if there is anything to do.
    pub fn new(x: &Exchange, operation: Operation) -> Option<Self> {
        let screen = x.screen.as_ref()?;
        let profile = screen.profile.clone();
        let leak = screen
            .instructions
            .as_ref()
            .filter(|_| profile.leak != Action::Off);
        let holds = profile.starts.is_some()
            || !screen.vault.is_empty()
            || (leak.is_some() && profile.leak.is_enforced());
        let listens = leak.is_some() || profile.looks_at(Direction::Answer);
        if !holds && !listens {
            return None;
        }
        Some(Self {
            vault: screen.vault.clone(),
            instructions: leak.cloned(),
            profile,
            operation,
            holds,
            listens,
            flows: Vec::new(),
            ending: Ending::default(),
            noted: Vec::new(),
            failed: false,
            told: false,
        })
    }

    /// Hands over what was found since the last time.
    pub fn report(&mut self, screen: &mut Screen) {
        for finding in self.noted.drain(..) {
            screen.note(Direction::Answer, finding, "answer".to_owned());
        }
        if self.failed && !self.told {
            self.told = true;
            super::screen::count_unscreened(screen);
        }
    }

    /// Takes a frame of the provider's stream.
    pub fn frame(&mut self, event: &[u8], data: &[u8]) -> Watched {
        let verdict = if !data.trim_ascii_start().starts_with(b"{") {
            // `[DONE]` and the like: nothing follows.
            self.flush_before(event, data)
        } else if let Ok(document) = Document::parse(data, Limits::default()) {
            let name = std::str::from_utf8(event).ok();
            let texts = texts::of_event(self.operation, name, &document);
            if self.holds {
                let signed = document
                    .root()
                    .get("delta")
                    .and_then(|delta| delta.get("type")?.as_str())
                    .is_some_and(|kind| kind == "signature_delta");
                self.guard(event, data, &texts, signed)
            } else {
                self.listen(&texts);
                Verdict::Same
            }
        } else {
            self.unread(Vec::new(), event, data)
        };
        self.out(verdict, event, data)
    }

    /// The provider's stream has ended: what is still held.
    pub fn finish(&mut self) -> Watched {
        let verdict = self.flush_before(b"", b"");
        self.out(verdict, b"", b"")
    }

    /// Notes what goes out, and writes the end of what is stopped.
    fn out(&mut self, verdict: Verdict, event: &[u8], data: &[u8]) -> Watched {
        if !self.holds {
            return Watched::Same;
        }
        let (mut frames, channel) = match verdict {
            Verdict::Same if data.is_empty() || self.ending.is_in_step() => {
                self.ending.saw(self.operation, data);
                return Watched::Same;
            }
            Verdict::Same => (vec![(event.to_vec(), Bytes::copy_from_slice(data))], None),
            Verdict::Changed(frames) => (frames, None),
            Verdict::Stopped(frames, channel) => (frames, Some(channel)),
        };
        if frames.is_empty() {
            self.ending.left_out();
        }
        for (_, data) in &mut frames {
            if channel.is_some() {
                *data = super::ending::unfinished(self.operation, data);
            }
            self.ending.number(data);
            self.ending.saw(self.operation, data);
        }
        match channel {
            None => Watched::Changed(frames),
            Some(channel) => {
                frames.extend(self.ending.frames(self.operation, channel));
                Watched::Stopped(frames)
            }
        }
    }

    /// A frame that is not JSON, or too deep to be read: its bytes are looked through as they are.
    fn unread(&mut self, mut frames: Vec<Named>, event: &[u8], data: &[u8]) -> Verdict {
        let same = |frames: Vec<Named>| match frames.is_empty() {
            true => Verdict::Same,
            false => Verdict::Changed(frames),
        };
        let Ok(text) = std::str::from_utf8(data) else {
            return same(frames);
        };
        if !self.holds {
            self.observe(text, 0);
            return same(frames);
        }
        let (changed, stop) = self.whole_text(text, Escape::Json, true);
        if stop {
            return Verdict::Stopped(frames, self.any_channel());
        }
        if changed.is_none() && frames.is_empty() {
            return Verdict::Same;
        }
        if !data.is_empty() {
            let data = changed.map_or_else(|| Bytes::copy_from_slice(data), Bytes::from);
            frames.push((event.to_vec(), data));
        }
        Verdict::Changed(frames)
    }

    /// Everything that is held goes out, and then the frame itself, if it is one.
    fn flush_before(&mut self, event: &[u8], data: &[u8]) -> Verdict {
        let mut frames = Vec::new();
        for at in 0..self.flows.len() {
            self.hear(at, "", true);
            if let Err(channel) = self.flush(at, &mut frames) {
                return Verdict::Stopped(frames, channel);
            }
        }
        self.flows.clear();
        self.unread(frames, event, data)
    }

    /// Lets what one text holds go out in a frame like its last one.
    fn flush(&mut self, at: usize, frames: &mut Vec<Named>) -> Result<(), Channel> {
        if !self.holds {
            return Ok(());
        }
        let released = self.finish_flow(at);
        let flow = &self.flows[at].1;
        if !released.text.is_empty()
            && let Some((event, data, number)) = &flow.frame
            && let Some(data) = like(self.operation, event, data, *number, &released.text)
        {
            frames.push((event.clone(), data));
        }
        if released.blocked {
            return Err(self.flows[at].0);
        }
        Ok(())
    }

    fn guard(&mut self, event: &[u8], data: &[u8], texts: &EventTexts, signed: bool) -> Verdict {
        let mut before = Vec::new();
        // What ends here without a piece of its own in this frame.
        for at in 0..self.flows.len() {
            let channel = self.flows[at].0;
            let has_piece = texts.deltas.iter().any(|delta| delta.channel == channel);
            // Behind the signature of a thought nothing of it may come.
            let ends = texts.ends(channel) || (signed && channel.kind == ChannelKind::Reasoning);
            if ends && !has_piece {
                self.hear(at, "", true);
                if let Err(channel) = self.flush(at, &mut before) {
                    return Verdict::Stopped(before, channel);
                }
            }
        }
        let mut places: Vec<Place> = Vec::new();
        let mut changes = Vec::new();
        let mut blocked = None;
        for (number, delta) in texts.deltas.iter().enumerate() {
            let Some(at) = self.flow(delta.channel) else {
                return Verdict::Stopped(before, delta.channel);
            };
            let value: &str = &delta.place.value;
            if !value.is_empty() {
                let named = event.to_vec();
                self.flows[at].1.frame = Some((named, Bytes::copy_from_slice(data), number));
            }
            self.hear(at, value, texts.ends(delta.channel));
            let mut released = self.push(at, value);
            if !released.blocked && texts.ends(delta.channel) {
                let last = self.finish_flow(at);
                released.text.push_str(&last.text);
                released.blocked = last.blocked;
            }
            if released.blocked {
                blocked = Some(delta.channel);
            }
            if released.text != value {
                changes.push((places.len(), vec![(0..value.len(), released.text)]));
            }
            places.push(delta.place.clone());
        }
        // What repeats pieces was noted with them.
        let whole = texts.whole.iter().map(|(_, place)| (place, false));
        for (place, note) in whole.chain(texts.others.iter().map(|place| (place, true))) {
            if note && self.listens {
                self.observe(&place.value, 0);
            }
            let (text, stop) = self.whole_text(&place.value, Escape::None, note);
            if stop {
                let channel = texts.deltas.first().map(|delta| delta.channel);
                let channel = channel.unwrap_or_else(|| self.any_channel());
                return Verdict::Stopped(before, channel);
            }
            if let Some(text) = text {
                changes.push((places.len(), vec![(0..place.value.len(), text)]));
            }
            places.push(place.clone());
        }
        self.flows.retain(|(channel, _)| !texts.ends(*channel));
        if changes.is_empty() && before.is_empty() && blocked.is_none() {
            return Verdict::Same;
        }
        let data = if changes.is_empty() {
            Bytes::copy_from_slice(data)
        } else {
            let mut edits = texts::edits(&places, &changes);
            texts.hide_spelled(&mut edits);
            let body = Bytes::copy_from_slice(data);
            match edits.apply(&body) {
                Ok(data) => data,
                // Better nothing than what should not be seen.
                Err(_) => return Verdict::Changed(before),
            }
        };
        before.push((event.to_vec(), data));
        match blocked {
            Some(channel) => Verdict::Stopped(before, channel),
            None => Verdict::Changed(before),
        }
    }

    /// A text of the answer, where none is to blame.
    fn any_channel(&self) -> Channel {
        let first = self.flows.first().map(|(channel, _)| *channel);
        first.unwrap_or(Channel {
            choice: 0,
            part: 0,
            kind: ChannelKind::Text,
        })
    }

    /// Collects what is only observed.
    fn listen(&mut self, texts: &EventTexts) {
        for delta in &texts.deltas {
            if let Some(at) = self.flow(delta.channel) {
                self.hear(at, &delta.place.value, texts.ends(delta.channel));
            }
        }
        for at in 0..self.flows.len() {
            if texts.ends(self.flows[at].0) {
                self.hear(at, "", true);
            }
        }
        for place in &texts.others {
            self.observe(&place.value, 0);
        }
        self.flows.retain(|(channel, _)| !texts.ends(*channel));
    }

    /// The text of a channel; `None` if there are too many.
    fn flow(&mut self, channel: Channel) -> Option<usize> {
        if let Some(at) = self.flows.iter().position(|(c, _)| *c == channel) {
            return Some(at);
        }
        if self.flows.len() >= MOST_CHANNELS {
            return None;
        }
        let way = if channel.kind.is_json() {
            Way::Arguments(Box::default())
        } else {
            Way::Text(Window::default())
        };
        self.flows.push((
            channel,
            Flow {
                way,
                frame: None,
                heard: String::new(),
                looked: 0,
            },
        ));
        Some(self.flows.len() - 1)
    }

    /// Collects a piece for the rules that only observe, and looks through it from time to time.
    fn hear(&mut self, at: usize, piece: &str, ends: bool) {
        if !self.listens {
            return;
        }
        let flow = &mut self.flows[at].1;
        flow.heard.push_str(piece);
        let ready = flow.heard.len() - flow.looked >= LISTEN || ends;
        if !ready || flow.heard.len() == flow.looked {
            return;
        }
        let heard = std::mem::take(&mut flow.heard);
        let looked = flow.looked;
        self.observe(&heard, looked);
        let mut keep = heard.len().saturating_sub(OVERLAP);
        while !heard.is_char_boundary(keep) {
            keep -= 1;
        }
        let flow = &mut self.flows[at].1;
        heard[keep..].clone_into(&mut flow.heard);
        flow.looked = flow.heard.len();
    }

    /// Notes what is only observed in a text, but for what ends before `looked`.
    fn observe(&mut self, text: &str, looked: usize) {
        let answers = Answers::new(&self.profile, self.instructions.as_deref());
        let screened = answers.look(text);
        self.failed |= screened.failed;
        let new = screened
            .findings
            .into_iter()
            .filter(|f| !f.action.is_enforced() && f.range.end > looked);
        self.noted.extend(new);
    }

    fn push(&mut self, at: usize, piece: &str) -> Released {
        let mut answers = Answers::new(&self.profile, self.instructions.as_deref());
        let (starts, vault) = (self.profile.starts.as_ref(), Some(&*self.vault));
        let released = match &mut self.flows[at].1.way {
            Way::Text(window) => {
                let released = window.push(piece, starts, vault, Escape::None, &mut answers);
                answers.done(&released.done);
                released
            }
            Way::Arguments(arguments) => arguments.push(piece, &self.vault, &mut answers),
        };
        self.failed |= answers.failed;
        self.noted.append(&mut answers.findings);
        released
    }

    fn finish_flow(&mut self, at: usize) -> Released {
        let mut answers = Answers::new(&self.profile, self.instructions.as_deref());
        let (starts, vault) = (self.profile.starts.as_ref(), Some(&*self.vault));
        let released = match &mut self.flows[at].1.way {
            Way::Text(window) => {
                let released = window.finish(starts, vault, Escape::None, &mut answers);
                answers.done(&released.done);
                released
            }
            Way::Arguments(arguments) => arguments.finish(&self.vault, &mut answers),
        };
        self.failed |= answers.failed;
        self.noted.append(&mut answers.findings);
        released
    }

    /// What stands in the place of a text that comes whole, if anything changes, and whether it must not pass at all.
    fn whole_text(&mut self, text: &str, escape: Escape, note: bool) -> (Option<String>, bool) {
        let mut answers = Answers::new(&self.profile, self.instructions.as_deref());
        let mut window = Window::default();
        let (starts, vault) = (self.profile.starts.as_ref(), Some(&*self.vault));
        window.hold(text);
        let released = window.finish(starts, vault, escape, &mut answers);
        if note || released.blocked {
            answers.done(&released.done);
            self.noted.append(&mut answers.findings);
        }
        self.failed |= answers.failed;
        let changed = released.text != text;
        (changed.then_some(released.text), released.blocked)
    }

    /// Takes an answer that comes whole.
    pub fn whole(&mut self, body: Bytes) -> Bytes {
        let Ok(document) = Document::parse(&body, Limits::default()) else {
            return self.whole_unread(body);
        };
        let found = texts::of_answer(self.operation, &document);
        let mut changes = Vec::new();
        for (number, place) in found.places.iter().enumerate() {
            if self.listens {
                self.observe(&place.value, 0);
            }
            if !self.holds {
                continue;
            }
            let (text, stop) = self.whole_text(&place.value, Escape::None, true);
            if stop {
                return super::ending::whole(self.operation, &body);
            }
            if let Some(text) = text {
                changes.push((number, vec![(0..place.value.len(), text)]));
            }
        }
        if changes.is_empty() {
            return body;
        }
        let mut edits = texts::edits(&found.places, &changes);
        found.hide_spelled(&mut edits);
        edits
            .apply(&body)
            .unwrap_or_else(|_| super::ending::whole(self.operation, &body))
    }

    /// An answer that is not JSON, or too deep to be read: its bytes are looked through as they are.
    fn whole_unread(&mut self, body: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&body) else {
            return body;
        };
        if self.listens {
            self.observe(text, 0);
        }
        if !self.holds {
            return body;
        }
        let json = body.trim_ascii_start().starts_with(b"{");
        let escape = if json { Escape::Json } else { Escape::None };
        match self.whole_text(text, escape, true) {
            (_, true) => super::ending::whole(self.operation, b"{}"),
            (Some(text), false) => text.into(),
            (None, false) => body,
        }
    }
}

/// A frame like an earlier one, in which one piece says something else and the others nothing.
fn like(
    operation: Operation,
    event: &[u8],
    data: &Bytes,
    number: usize,
    text: &str,
) -> Option<Bytes> {
    let document = Document::parse(data, Limits::default()).ok()?;
    let texts = texts::of_event(operation, std::str::from_utf8(event).ok(), &document);
    let places: Vec<Place> = texts.deltas.iter().map(|d| d.place.clone()).collect();
    let changes: Vec<_> = places
        .iter()
        .enumerate()
        .map(|(n, place)| {
            let instead = if n == number { text } else { "" };
            (n, vec![(0..place.value.len(), instead.to_owned())])
        })
        .collect();
    let mut edits = texts::edits(&places, &changes);
    texts.hide_spelled(&mut edits);
    // Who speaks is told once.
    let choices = document.root().get("choices");
    for choice in choices.into_iter().flat_map(|choices| choices.elements()) {
        let role = choice.get("delta").and_then(|delta| delta.removal("role"));
        if let Some(range) = role.filter(|_| !texts.deltas.is_empty()) {
            edits.delete(range);
        }
    }
    edits.apply(data).ok()
}

impl Arguments {
    fn push(&mut self, fragment: &str, vault: &Vault, answers: &mut Answers) -> Released {
        let starts = answers.profile.starts.as_ref();
        let mut out = Released::default();
        // The raw text that this and what is left of an open escape make.
        let before = self.before - self.open.len();
        let raw = std::mem::take(&mut self.open) + fragment;
        let mut done = 0;
        let window = &mut self.window;
        self.reader.push(fragment, |piece| {
            if out.blocked {
                return;
            }
            let range = piece.range();
            let (start, end) = (range.start - before, range.end - before);
            out.text.push_str(&raw[done..start]);
            done = end;
            let released = if piece.end {
                let released = window.finish(starts, Some(vault), Escape::None, answers);
                *window = Window::default();
                released
            } else {
                let mut text = String::new();
                piece.text.push_to(&mut text);
                window.push(&text, starts, Some(vault), Escape::None, answers)
            };
            answers.done(&released.done);
            out.blocked = released.blocked;
            let mut text = String::new();
            piece.text.push_to(&mut text);
            match piece.leaf {
                // As it stands, where nothing changed.
                _ if released.text == text => {
                    if !piece.end {
                        out.text.push_str(&raw[start..end]);
                    }
                }
                Leaf::Number => out.text.push_str(&digits(&released.text)),
                Leaf::Value | Leaf::Key => out.text.push_str(&texts::escape(&released.text)),
            }
            if piece.end && !out.blocked {
                out.text.push_str(&raw[start..end]);
            }
        });
        if self.reader.is_in_escape() {
            raw[done..].clone_into(&mut self.open);
        } else if !out.blocked {
            out.text.push_str(&raw[done..]);
        }
        self.before += fragment.len();
        out
    }

    fn finish(&mut self, vault: &Vault, answers: &mut Answers) -> Released {
        let starts = answers.profile.starts.as_ref();
        let mut released = self
            .window
            .finish(starts, Some(vault), Escape::None, answers);
        answers.done(&released.done);
        released.text = texts::escape(&released.text);
        released.text.push_str(&std::mem::take(&mut self.open));
        released
    }
}

/// A number in the place of one that must not be seen: it has no quotes around it, so only digits can stand there.
fn digits(text: &str) -> String {
    let number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if number {
        text.to_owned()
    } else {
        "0".to_owned()
    }
}
