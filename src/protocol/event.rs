//! The canonical stream: the events that every provider's stream is decoded to and every client's stream is encoded from.
//!
//! The grammar, which [`Checker`] checks and every decoder keeps:
//!
//! ```text
//! stream = Start { part | Logprobs | Usage | Ping } { Finish } { Usage | Ping } End      (or Error at any place)
//! part   = Open { Delta | Logprobs | Usage | Ping } Close
//! ```
//!
//! Of one choice at most one part is open at a time, so encoders need no buffers; the parts of several choices may mix.
//! Every choice that opened a part finishes once. The arguments of a call, joined, are JSON (cut short only if the
//! answer was) and `{}` for none.

use std::collections::{HashSet, VecDeque};

use serde::Serialize;

use super::{
    chat::{
        ChatAnswer, Choice, Citation, Content, Ending, Finish, Part, ProviderError, TokenLogprob,
        TokenUsage,
    },
    signature::Signature,
};

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first.
    Start(Start),
    /// A part begins. Text, thinking, refusals and the arguments of calls go on with deltas; other parts are whole.
    Open {
        /// Of which choice.
        choice: u32,
        /// Its beginning.
        part: Part,
    },
    /// The open part goes on.
    Delta {
        /// Of which choice.
        choice: u32,
        /// With what.
        delta: Delta,
    },
    /// The open part is whole.
    Close {
        /// Of which choice.
        choice: u32,
    },
    /// Log probabilities of text that was told just before.
    Logprobs {
        /// Of which choice.
        choice: u32,
        /// One for each token.
        tokens: Vec<TokenLogprob>,
    },
    /// A choice is whole.
    Finish {
        /// Which.
        choice: u32,
        /// Why.
        ending: Ending,
    },
    /// Token counts so far: a later one replaces an earlier one field by field.
    Usage(TokenUsage),
    /// The provider is alive.
    Ping,
    /// The provider gave up.
    Error(ProviderError),
    /// The last: all is well.
    End,
}

/// What the first event tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Start {
    /// The provider's id for the answer; empty if it has none.
    pub id: String,
    /// The model that answers, in the provider's words; empty if it does not say.
    pub model: String,
    /// Unix time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// Token counts that are known already (Anthropic's input).
    #[serde(skip_serializing_if = "TokenUsage::is_unknown")]
    pub usage: TokenUsage,
    /// The class of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
}

/// How an open part goes on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta {
    /// More text.
    Text(String),
    /// More reasoning.
    Thinking(String),
    /// More of a refusal.
    Refusal(String),
    /// More of a call's arguments.
    Arguments(String),
    /// The signature of the part; replaces an earlier one.
    Signature(Signature),
    /// A source of the text.
    Citation(Citation),
}

impl Event {
    /// Whether it brings something that a client could show: after it, a failure cannot be hidden any more.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Open { part, .. } => match &part.content {
                Content::Text { text, .. }
                | Content::Thinking { text, .. }
                | Content::Refusal { text } => !text.is_empty(),
                _ => true,
            },
            Self::Delta { .. } | Self::Finish { .. } | Self::End => true,
            Self::Start(_)
            | Self::Close { .. }
            | Self::Logprobs { .. }
            | Self::Usage(_)
            | Self::Ping
            | Self::Error(_) => false,
        }
    }
}

/// Writes events in canonical order for decoders of dialects that do not tell where parts begin and end.
///
/// The deltas of an open call go out at once. What comes before its arguments are whole, be it another call or words,
/// waits behind it, so that arguments which come late are not lost.
#[derive(Debug, Default)]
pub struct Writer {
    started: bool,
    ended: bool,
    choices: Vec<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Kind>,
    call: Option<OpenCall>,
    /// What waits for the open call, in the order of its beginnings. Not empty only if a call is open, or one without
    /// a name stands in front.
    waiting: VecDeque<Waiting>,
    /// Calls that are closed: nothing more of them is taken.
    closed: HashSet<u64>,
    any: bool,
    finished: bool,
}

#[derive(Debug)]
struct OpenCall {
    key: u64,
    arguments: Extent,
}

#[derive(Debug)]
enum Waiting {
    /// A call; sealed if no more of it comes.
    Call {
        key: u64,
        part: Part,
        sealed: bool,
    },
    /// Anything else; of a kind if it may go on.
    Part {
        kind: Option<Kind>,
        part: Part,
    },
    Logprobs(Vec<TokenLogprob>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Refusal,
    Call,
}

/// How far the JSON of a call's arguments has come.
#[derive(Debug, Default)]
struct Extent {
    any: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    whole: bool,
}

impl Extent {
    fn of(text: &str) -> Self {
        let mut extent = Self::default();
        extent.push(text);
        extent
    }

    fn push(&mut self, text: &str) {
        self.any |= !text.is_empty();
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.whole |= self.depth == 0;
                }
                _ => {}
            }
        }
    }
}

impl Writer {
    /// The first event; later calls do nothing.
    pub fn start(&mut self, start: impl FnOnce() -> Start, out: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            out.push(Event::Start(start()));
        }
    }

    /// Whether the stream has started.
    pub const fn has_started(&self) -> bool {
        self.started
    }

    /// More text.
    pub fn text(&mut self, choice: u32, text: &str, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.say(choice, Kind::Text, Delta::Text(text.to_owned()), out);
        }
    }

    /// More reasoning.
    pub fn thinking(&mut self, choice: u32, text: &str, out: &mut Vec<Event>) {
        if !text.is_empty() {
            let delta = Delta::Thinking(text.to_owned());
            self.say(choice, Kind::Thinking, delta, out);
        }
    }

    /// The signature of the open reasoning, or of reasoning without words if none is open.
    pub fn sign_thinking(&mut self, choice: u32, signature: Signature, out: &mut Vec<Event>) {
        self.say(choice, Kind::Thinking, Delta::Signature(signature), out);
    }

    /// The signature of the open text; with none open it gets an empty one.
    pub fn sign_text(&mut self, choice: u32, signature: Signature, out: &mut Vec<Event>) {
        self.say(choice, Kind::Text, Delta::Signature(signature), out);
    }

    /// A source of the text before.
    pub fn citation(&mut self, choice: u32, citation: Citation, out: &mut Vec<Event>) {
        self.say(choice, Kind::Text, Delta::Citation(citation), out);
    }

    /// More of a refusal.
    pub fn refusal(&mut self, choice: u32, text: &str, out: &mut Vec<Event>) {
        if !text.is_empty() {
            let delta = Delta::Refusal(text.to_owned());
            self.say(choice, Kind::Refusal, delta, out);
        }
    }

    /// A delta of the call that the provider numbers `key`. The first one of a key opens it; a name or id that comes
    /// later is ignored unless there was none.
    pub fn call(
        &mut self,
        choice: u32,
        key: u64,
        id: Option<&str>,
        name: Option<&str>,
        arguments: &str,
        out: &mut Vec<Event>,
    ) {
        let state = self.state(choice);
        if state.closed.contains(&key) {
            return;
        }
        if let Some(open) = state.call.as_mut().filter(|open| open.key == key) {
            if !arguments.is_empty() {
                open.arguments.push(arguments);
                let delta = Delta::Arguments(arguments.to_owned());
                out.push(Event::Delta { choice, delta });
            }
            return self.advance(choice, out);
        }
        let known = state.waiting.iter_mut().find_map(|waiting| match waiting {
            Waiting::Call { key: k, part, .. } if *k == key => Some(part),
            _ => None,
        });
        if let Some(part) = known {
            if let Content::ToolCall {
                id: own_id,
                name: own_name,
                arguments: own,
            } = &mut part.content
            {
                own.push_str(arguments);
                if own_id.is_empty() {
                    id.unwrap_or_default().clone_into(own_id);
                }
                if own_name.is_empty() {
                    name.unwrap_or_default().clone_into(own_name);
                }
            }
            return self.advance(choice, out);
        }
        let part = Part::new(Content::ToolCall {
            id: id.unwrap_or_default().to_owned(),
            name: name.unwrap_or_default().to_owned(),
            arguments: arguments.to_owned(),
        });
        let sealed = false;
        state.waiting.push_back(Waiting::Call { key, part, sealed });
        self.advance(choice, out);
    }

    /// Adds a signature to the call that the provider numbers `key`, which must have begun.
    pub fn sign_call(&mut self, choice: u32, key: u64, signature: Signature, out: &mut Vec<Event>) {
        let state = self.state(choice);
        if state.call.as_ref().is_some_and(|open| open.key == key) {
            let delta = Delta::Signature(signature);
            out.push(Event::Delta { choice, delta });
            return;
        }
        for waiting in &mut state.waiting {
            if let Waiting::Call { key: k, part, .. } = waiting
                && *k == key
            {
                part.signature = Some(signature);
                return;
            }
        }
    }

    /// A part that is whole.
    pub fn whole(&mut self, choice: u32, part: Part, out: &mut Vec<Event>) {
        let state = self.state(choice);
        state.waiting.push_back(Waiting::Part { kind: None, part });
        self.advance(choice, out);
    }

    /// Ends the part that came last: what follows is another one.
    pub fn close(&mut self, choice: u32, out: &mut Vec<Event>) {
        match self.state(choice).waiting.back_mut() {
            None => self.close_open(choice, out),
            Some(Waiting::Part { kind, .. }) => *kind = None,
            Some(Waiting::Call { sealed, .. }) => *sealed = true,
            Some(Waiting::Logprobs(_)) => {}
        }
    }

    /// Log probabilities.
    pub fn logprobs(&mut self, choice: u32, tokens: Vec<TokenLogprob>, out: &mut Vec<Event>) {
        let state = self.state(choice);
        if tokens.is_empty() {
        } else if state.waiting.is_empty() {
            out.push(Event::Logprobs { choice, tokens });
        } else {
            state.waiting.push_back(Waiting::Logprobs(tokens));
        }
    }

    /// A choice is whole. A second time changes nothing.
    pub fn finish(&mut self, choice: u32, ending: Ending, out: &mut Vec<Event>) {
        while let Some(next) = self.state(choice).waiting.pop_front() {
            self.close_open(choice, out);
            match next {
                // A call of nothing is no call.
                Waiting::Call { part, .. } if is_nameless(&part) => {}
                next => self.begin(choice, next, out),
            }
        }
        self.close_open(choice, out);
        if !std::mem::replace(&mut self.state(choice).finished, true) {
            out.push(Event::Finish { choice, ending });
        }
    }

    /// Whether a choice, and so the answer, has finished.
    pub fn has_finished(&self) -> bool {
        self.choices.iter().any(|state| state.finished)
    }

    /// The last event, if every choice that began has finished. Says whether it was told.
    pub fn end(&mut self, out: &mut Vec<Event>) -> bool {
        let whole = self.has_finished() && self.choices.iter().all(|s| s.finished || !s.any);
        if whole && !self.ended {
            self.ended = true;
            out.push(Event::End);
        }
        whole
    }

    fn state(&mut self, choice: u32) -> &mut State {
        // Choices come numbered from 0; a wild number must not cost memory.
        let n = (choice as usize).min(127);
        if self.choices.len() <= n {
            self.choices.resize_with(n + 1, State::default);
        }
        &mut self.choices[n]
    }

    /// More of a part that is no call.
    fn say(&mut self, choice: u32, kind: Kind, delta: Delta, out: &mut Vec<Event>) {
        let state = self.state(choice);
        if let Some(Waiting::Part { kind: last, part }) = state.waiting.back_mut()
            && *last == Some(kind)
        {
            return append(part, delta);
        }
        if state.waiting.is_empty() && state.open == Some(kind) {
            return out.push(Event::Delta { choice, delta });
        }
        let mut part = empty(kind);
        let kind = Some(kind);
        if state.waiting.is_empty() && state.call.as_ref().is_none_or(|c| c.arguments.whole) {
            self.begin(choice, Waiting::Part { kind, part }, out);
            out.push(Event::Delta { choice, delta });
            return;
        }
        append(&mut part, delta);
        state.waiting.push_back(Waiting::Part { kind, part });
        self.advance(choice, out);
    }

    /// Tells what waits, as far as nothing before it may go on.
    fn advance(&mut self, choice: u32, out: &mut Vec<Event>) {
        loop {
            let state = self.state(choice);
            let goes_on = state.call.as_ref().is_some_and(|c| !c.arguments.whole);
            let nameless =
                |next: &Waiting| matches!(next, Waiting::Call { part, .. } if is_nameless(part));
            if goes_on || state.waiting.front().is_none_or(nameless) {
                return;
            }
            if let Some(next) = state.waiting.pop_front() {
                self.begin(choice, next, out);
            }
        }
    }

    /// Closes what is open and begins what comes next. It stays open if it may go on.
    fn begin(&mut self, choice: u32, next: Waiting, out: &mut Vec<Event>) {
        if !matches!(next, Waiting::Logprobs(_)) {
            self.close_open(choice, out);
            self.state(choice).any = true;
        }
        match next {
            Waiting::Call { key, part, sealed } => {
                self.open_call(choice, key, part, out);
                if sealed {
                    self.close_open(choice, out);
                }
            }
            Waiting::Part { kind, part } => {
                let (part, delta) = split(part);
                out.push(Event::Open { choice, part });
                out.extend(delta.map(|delta| Event::Delta { choice, delta }));
                self.state(choice).open = kind;
                if kind.is_none() {
                    out.push(Event::Close { choice });
                }
            }
            Waiting::Logprobs(tokens) => out.push(Event::Logprobs { choice, tokens }),
        }
    }

    fn close_open(&mut self, choice: u32, out: &mut Vec<Event>) {
        let state = self.state(choice);
        if let Some(call) = state.call.take() {
            state.closed.insert(call.key);
            if !call.arguments.any {
                let delta = Delta::Arguments("{}".to_owned());
                out.push(Event::Delta { choice, delta });
            }
        }
        if state.open.take().is_some() {
            out.push(Event::Close { choice });
        }
    }

    fn open_call(&mut self, choice: u32, key: u64, mut part: Part, out: &mut Vec<Event>) {
        let mut text = String::new();
        if let Content::ToolCall { id, arguments, .. } = &mut part.content {
            if id.is_empty() {
                *id = new_call_id();
            }
            std::mem::swap(arguments, &mut text);
        }
        let state = self.state(choice);
        state.open = Some(Kind::Call);
        let arguments = Extent::of(&text);
        state.call = Some(OpenCall { key, arguments });
        out.push(Event::Open { choice, part });
        if !text.is_empty() {
            let delta = Delta::Arguments(text);
            out.push(Event::Delta { choice, delta });
        }
    }
}

fn is_nameless(part: &Part) -> bool {
    matches!(&part.content, Content::ToolCall { name, .. } if name.is_empty())
}

fn empty(kind: Kind) -> Part {
    let text = String::new();
    match kind {
        Kind::Thinking => Part::new(Content::Thinking { text, id: None }),
        Kind::Refusal => Part::new(Content::Refusal { text }),
        Kind::Text | Kind::Call => Part::text(text),
    }
}

/// An id for a call that the provider gave none. Unique in a conversation, which is all that ids are for.
pub fn new_call_id() -> String {
    format!("call_{:016x}{:08x}", fastrand::u64(..), fastrand::u32(..))
}

/// Puts a stream together to the whole answer.
#[derive(Debug, Default)]
pub struct Fold {
    /// What was told so far.
    pub answer: ChatAnswer,
    open: Vec<(u32, Part)>,
    /// The error that ended it.
    pub error: Option<ProviderError>,
    /// Whether it came to its end.
    pub ended: bool,
}

impl Fold {
    /// Takes one event.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Start(start) => {
                self.answer.id = start.id;
                self.answer.model = start.model;
                self.answer.created = start.created;
                self.answer.service_tier = start.service_tier;
                self.answer.usage.update(start.usage);
            }
            Event::Open { choice, part } => self.open.push((choice, part)),
            Event::Delta { choice, delta } => {
                if let Some((_, part)) = self.open.iter_mut().find(|(c, _)| *c == choice) {
                    append(part, delta);
                }
            }
            Event::Close { choice } => {
                if let Some(n) = self.open.iter().position(|(c, _)| *c == choice) {
                    let (_, part) = self.open.swap_remove(n);
                    self.choice(choice).parts.push(part);
                }
            }
            Event::Logprobs { choice, tokens } => self.choice(choice).logprobs.extend(tokens),
            Event::Finish { choice, ending } => self.choice(choice).ending = ending,
            Event::Usage(usage) => self.answer.usage.update(usage),
            Event::Ping => {}
            Event::Error(error) => self.error = Some(error),
            Event::End => {
                self.ended = true;
                self.answer.choices.sort_by_key(|c| c.index);
            }
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let found = self.answer.choices.iter().position(|c| c.index == index);
        let n = found.unwrap_or_else(|| {
            self.answer.choices.push(Choice {
                index,
                ..Choice::default()
            });
            self.answer.choices.len() - 1
        });
        &mut self.answer.choices[n]
    }
}

/// Appends a delta to a part.
pub fn append(part: &mut Part, delta: Delta) {
    match (&mut part.content, delta) {
        (Content::Text { text, .. }, Delta::Text(more))
        | (Content::Thinking { text, .. }, Delta::Thinking(more))
        | (Content::Refusal { text }, Delta::Refusal(more))
        | (
            Content::ToolCall {
                arguments: text, ..
            },
            Delta::Arguments(more),
        ) => text.push_str(&more),
        (Content::Text { citations, .. }, Delta::Citation(citation)) => citations.push(citation),
        (_, Delta::Signature(signature)) => part.signature = Some(signature),
        _ => debug_assert!(false, "a delta of another kind than its part"),
    }
}

/// The events of a whole answer, for clients that want it streamed.
pub fn unfold(answer: ChatAnswer) -> Vec<Event> {
    let mut events = vec![Event::Start(Start {
        id: answer.id,
        model: answer.model,
        created: answer.created,
        usage: TokenUsage::default(),
        service_tier: answer.service_tier,
    })];
    for Choice {
        index: choice,
        parts,
        ending,
        logprobs,
    } in answer.choices
    {
        let mut tokens = logprobs.into_iter();
        let last = parts.iter().rposition(has_tokens);
        for (n, part) in parts.into_iter().enumerate() {
            let own = match last {
                Some(last) if n == last => tokens.by_ref().collect(),
                Some(last) if n < last => take_tokens(&part, &mut tokens),
                _ => Vec::new(),
            };
            let (part, delta) = split(part);
            events.push(Event::Open { choice, part });
            events.extend(delta.map(|delta| Event::Delta { choice, delta }));
            if !own.is_empty() {
                let tokens = own;
                events.push(Event::Logprobs { choice, tokens });
            }
            events.push(Event::Close { choice });
        }
        let tokens: Vec<_> = tokens.collect();
        if !tokens.is_empty() {
            events.push(Event::Logprobs { choice, tokens });
        }
        events.push(Event::Finish { choice, ending });
    }
    events.push(Event::Usage(answer.usage));
    events.push(Event::End);
    events
}

/// Whether a part is what log probabilities are told of.
fn has_tokens(part: &Part) -> bool {
    matches!(&part.content, Content::Text { text, .. } | Content::Refusal { text } if !text.is_empty())
}

/// The tokens of a part's words, out of those of all.
fn take_tokens(part: &Part, tokens: &mut impl Iterator<Item = TokenLogprob>) -> Vec<TokenLogprob> {
    let (Content::Text { text, .. } | Content::Refusal { text }) = &part.content else {
        return Vec::new();
    };
    let mut left = text.len();
    let mut own = Vec::new();
    while left > 0
        && let Some(token) = tokens.next()
    {
        let bytes = token.bytes.as_ref().map_or(token.token.len(), Vec::len);
        left = left.saturating_sub(bytes);
        own.push(token);
    }
    own
}

/// A part without its words, and its words as a delta.
fn split(mut part: Part) -> (Part, Option<Delta>) {
    let take = |text: &mut String| Some(std::mem::take(text)).filter(|text| !text.is_empty());
    let delta = match &mut part.content {
        Content::Text { text, .. } => take(text).map(Delta::Text),
        Content::Thinking { text, .. } => take(text).map(Delta::Thinking),
        Content::Refusal { text } => take(text).map(Delta::Refusal),
        Content::ToolCall { arguments, .. } => take(arguments).map(Delta::Arguments),
        _ => None,
    };
    (part, delta)
}

/// Checks that events keep the grammar above.
#[derive(Debug, Default)]
pub struct Checker {
    started: bool,
    ended: bool,
    open: Vec<(u32, Part)>,
    seen: Vec<u32>,
    finished: Vec<(u32, Finish)>,
}

impl Checker {
    /// Takes one event.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn push(&mut self, event: &Event) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what}: {event:?}"));
        if self.ended {
            return wrong("an event after the end");
        }
        if !self.started && !matches!(event, Event::Start(_) | Event::Error(_) | Event::Ping) {
            return wrong("an event before the start");
        }
        match event {
            Event::Start(_) if self.started => return wrong("a second start"),
            Event::Start(_) => self.started = true,
            Event::Open { choice, part } => {
                if self.finished.iter().any(|(c, _)| c == choice) {
                    return wrong("a part after the finish");
                }
                if self.open.iter().any(|(c, _)| c == choice) {
                    return wrong("a second open part");
                }
                if let Content::ToolCall { id, name, .. } = &part.content
                    && (id.is_empty() || name.is_empty())
                {
                    return wrong("a call without id or name");
                }
                self.seen.push(*choice);
                self.open.push((*choice, part.clone()));
            }
            Event::Delta { choice, delta } => {
                let Some((_, part)) = self.open.iter_mut().find(|(c, _)| c == choice) else {
                    return wrong("a delta without a part");
                };
                let fits = matches!(
                    (&part.content, delta),
                    (Content::Text { .. }, Delta::Text(_) | Delta::Citation(_))
                        | (Content::Thinking { .. }, Delta::Thinking(_))
                        | (Content::Refusal { .. }, Delta::Refusal(_))
                        | (Content::ToolCall { .. }, Delta::Arguments(_))
                        | (_, Delta::Signature(_))
                );
                if !fits {
                    return wrong("a delta of another kind");
                }
                append(part, delta.clone());
            }
            Event::Close { choice } => {
                let Some(n) = self.open.iter().position(|(c, _)| c == choice) else {
                    return wrong("a close without a part");
                };
                if let (
                    _,
                    Part {
                        content: Content::ToolCall { arguments, .. },
                        ..
                    },
                ) = self.open.swap_remove(n)
                    && arguments.is_empty()
                {
                    return wrong("a call without arguments");
                }
            }
            Event::Finish { choice, ending } => {
                if self.open.iter().any(|(c, _)| c == choice) {
                    return wrong("a finish with an open part");
                }
                if self.finished.iter().any(|(c, _)| c == choice) {
                    return wrong("a second finish");
                }
                self.finished.push((*choice, ending.finish));
            }
            Event::End => {
                if let Some(choice) = self
                    .seen
                    .iter()
                    .find(|c| !self.finished.iter().any(|(f, _)| f == *c))
                {
                    return Err(format!("choice {choice} never finished"));
                }
                if !self.open.is_empty() {
                    return wrong("an end with an open part");
                }
                self.ended = true;
            }
            Event::Error(_) => self.ended = true,
            Event::Logprobs { .. } | Event::Usage(_) | Event::Ping => {}
        }
        Ok(())
    }

    /// Checks all events of a stream that ended well.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check(events: &[Event]) -> Result<(), String> {
        let mut checker = Self::default();
        for event in events {
            checker.push(event)?;
        }
        if checker.ended {
            Ok(())
        } else {
            Err("no end".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer, &mut Vec<Event>)) -> (Vec<Event>, ChatAnswer) {
        let (mut writer, mut events) = (Writer::default(), Vec::new());
        writer.start(Start::default, &mut events);
        write(&mut writer, &mut events);
        writer.finish(0, Ending::new(Finish::Stop, "stop"), &mut events);
        assert!(writer.end(&mut events));
        Checker::check(&events).unwrap();
        let mut fold = Fold::default();
        events.iter().cloned().for_each(|e| fold.push(e));
        (events, fold.answer)
    }

    #[test]
    fn interleaved_calls_are_put_in_order() {
        let (_, answer) = written(|w, out| {
            w.text(0, "Hi", out);
            w.call(0, 0, Some("a"), Some("f"), "", out);
            w.call(0, 1, Some("b"), Some("g"), "{\"x\"", out);
            w.call(0, 0, None, None, "{\"y\":1}", out);
            w.call(0, 1, None, None, ":2}", out);
            w.call(0, 2, Some("c"), Some("h"), "", out);
        });
        let calls: Vec<_> = answer.choices[0]
            .parts
            .iter()
            .filter_map(|p| match &p.content {
                Content::ToolCall { id, arguments, .. } => Some((id.as_str(), arguments.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(calls, [("a", "{\"y\":1}"), ("b", "{\"x\":2}"), ("c", "{}")]);
    }

    #[test]
    fn words_in_the_middle_of_a_call_wait_and_lose_none_of_its_arguments() {
        let image = || Part::new(Content::RedactedThinking);
        let (events, answer) = written(|w, out| {
            w.call(0, 7, Some("a"), Some("f"), "{\"x\": \"}", out);
            w.thinking(0, "hm", out);
            w.close(0, out);
            w.thinking(0, "ah", out);
            w.text(0, "Hel", out);
            w.logprobs(0, vec![TokenLogprob::default()], out);
            w.whole(0, image(), out);
            w.call(0, 8, Some("b"), Some("g"), "{", out);
            w.call(0, 7, None, None, "\\\"\"", out);
            w.text(0, "lo", out);
            w.call(0, 7, None, None, "}", out);
            w.call(0, 7, None, None, "late", out);
            w.call(0, 8, None, None, "}", out);
            w.text(0, " you", out);
        });
        let parts = &answer.choices[0].parts;
        let call = |id: &str, name: &str, arguments: &str| {
            Part::new(Content::ToolCall {
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            })
        };
        let thinking = |text: &str| {
            let text = text.to_owned();
            Part::new(Content::Thinking { text, id: None })
        };
        let expected = [
            call("a", "f", "{\"x\": \"}\\\"\"}"),
            thinking("hm"),
            thinking("ah"),
            Part::text("Hel"),
            image(),
            call("b", "g", "{}"),
            Part::text("lo you"),
        ];
        assert_eq!(parts[..], expected);
        let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted);
        let logprobs = place(|e| matches!(e, Event::Logprobs { .. }));
        let text = place(|e| matches!(e, Event::Delta { delta: Delta::Text(t), .. } if t == "Hel"));
        assert_eq!(logprobs, text.map(|n| n + 1));
    }

    #[test]
    fn a_call_whose_name_comes_late_keeps_its_place() {
        let (_, answer) = written(|w, out| {
            w.call(0, 0, Some("a"), None, "{\"x\":", out);
            w.text(0, "and", out);
            w.call(0, 0, None, Some("f"), "1}", out);
            w.call(0, 1, Some("b"), None, "{}", out);
        });
        let parts = &answer.choices[0].parts;
        assert!(
            matches!(&parts[0].content, Content::ToolCall { name, arguments, .. }
            if name == "f" && arguments == "{\"x\":1}")
        );
        assert_eq!(parts[1..], [Part::text("and")]);
    }

    #[test]
    fn a_second_call_is_told_as_soon_as_the_first_is_whole() {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        writer.start(Start::default, &mut out);
        writer.call(0, 0, Some("a"), Some("f"), "{}", &mut out);
        writer.call(0, 1, Some("b"), Some("g"), "{\"x\"", &mut out);
        let opened = |e: &&Event| matches!(e, Event::Open { .. });
        assert_eq!(out.iter().filter(opened).count(), 2);
    }

    #[test]
    fn log_probabilities_stand_with_the_text_that_they_tell_of() {
        let token = |token: &str| TokenLogprob {
            token: token.to_owned(),
            ..TokenLogprob::default()
        };
        let call = Part::new(Content::ToolCall {
            id: "a".into(),
            name: "f".into(),
            arguments: "{}".into(),
        });
        let answer = ChatAnswer {
            choices: vec![Choice {
                parts: vec![Part::text("Hello"), Part::text(" you"), call],
                logprobs: vec![token("Hel"), token("lo"), token(" you"), token("<end>")],
                ..Choice::default()
            }],
            ..ChatAnswer::default()
        };
        let events = unfold(answer.clone());
        Checker::check(&events).unwrap();
        let mut told = Vec::new();
        let mut text = String::new();
        for event in &events {
            match event {
                Event::Delta {
                    delta: Delta::Text(more),
                    ..
                } => text.clone_from(more),
                Event::Logprobs { tokens, .. } => told.push((text.clone(), tokens.len())),
                Event::Open { part, .. } if matches!(part.content, Content::ToolCall { .. }) => {
                    assert_eq!(told.len(), 2, "all are told before the call");
                }
                _ => {}
            }
        }
        assert_eq!(told, [("Hello".to_owned(), 2), (" you".to_owned(), 2)]);
        let mut fold = Fold::default();
        events.into_iter().for_each(|e| fold.push(e));
        assert_eq!(fold.answer, answer);
    }

    #[test]
    fn an_answer_survives_being_streamed() {
        let (_, answer) = written(|w, out| {
            w.thinking(0, "hm", out);
            w.sign_thinking(
                0,
                Signature::new(
                    crate::protocol::chat::Origin::Anthropic,
                    crate::protocol::signature::Place::Thinking,
                    "sig",
                ),
                out,
            );
            w.text(0, "Hello", out);
            w.text(0, " world", out);
            w.refusal(0, "no", out);
        });
        assert_eq!(answer.choices[0].parts.len(), 3);
        let mut fold = Fold::default();
        let events = unfold(answer.clone());
        Checker::check(&events).unwrap();
        events.into_iter().for_each(|e| fold.push(e));
        assert!(fold.ended);
        assert_eq!(fold.answer, answer);
    }

    #[test]
    fn a_stream_that_breaks_off_has_no_end() {
        let (mut writer, mut events) = (Writer::default(), Vec::new());
        writer.start(Start::default, &mut events);
        writer.text(0, "Hel", &mut events);
        assert!(!writer.end(&mut events));
        assert!(Checker::check(&events).is_err());
    }

    #[test]
    fn the_checker_finds_what_is_wrong() {
        let start = Event::Start(Start::default());
        let open = Event::Open {
            choice: 0,
            part: Part::text(""),
        };
        let close = Event::Close { choice: 0 };
        for events in [
            vec![start.clone(), start.clone()],
            vec![open.clone()],
            vec![start.clone(), open.clone(), open.clone()],
            vec![start.clone(), close.clone()],
            vec![start.clone(), open.clone(), close, Event::End],
            vec![
                start,
                open,
                Event::Delta {
                    choice: 0,
                    delta: Delta::Arguments("{}".into()),
                },
            ],
        ] {
            assert!(Checker::check(&events).is_err(), "{events:?}");
        }
    }
}
