//! Texts in one event of a stream: which of them go on with an earlier one, and which repeat it whole.

use super::{
    super::{
        Dialect, Operation,
        edit::Edits,
        json::{Document, Kind, Member, Value},
    },
    Place, Role, Spelled, Spot, hide,
    walk::{Context, Walk},
};

mod anthropic;
mod bedrock;
mod chat;
mod cohere;
mod gemini;
mod responses;

/// Names a text that comes in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel {
    /// Which choice or candidate; in `/responses` which item.
    pub choice: u32,
    /// Which block, part or call of it.
    pub part: u32,
    /// What it is.
    pub kind: ChannelKind,
}

/// What a text that comes in pieces is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChannelKind {
    /// What the model says.
    Text,
    /// What it thinks.
    Reasoning,
    /// A summary of that.
    Summary,
    /// Why it declines.
    Refusal,
    /// The words of spoken sound.
    Transcript,
    /// What it plans to call.
    Plan,
    /// Arguments of a call, as JSON text cut anywhere: see [`ArgumentText`](super::ArgumentText).
    Arguments,
    /// One string of a call's arguments, as it is.
    Value,
    /// The input of a call that is free text, and code to run.
    Input,
    /// Something that this gateway does not know.
    Other,
}

impl ChannelKind {
    /// Whether the pieces are JSON text, so that what is written into them must be escaped once more.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Arguments)
    }

    const fn context(self) -> Context {
        match self {
            Self::Text | Self::Plan => Context::new(Role::Assistant, Spot::Content),
            Self::Reasoning | Self::Summary => Context::new(Role::Assistant, Spot::Reasoning),
            Self::Refusal => Context::new(Role::Assistant, Spot::Refusal),
            Self::Transcript => Context::new(Role::Assistant, Spot::Transcript),
            Self::Arguments | Self::Value | Self::Input => {
                Context::new(Role::ToolCall, Spot::ToolArguments)
            }
            Self::Other => Context::new(Role::Assistant, Spot::Content),
        }
    }
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub struct Delta<'d> {
    /// Which text goes on.
    pub channel: Channel,
    /// With what.
    pub place: Place<'d>,
}

/// What ends with an event, after its deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// One text.
    Channel(Channel),
    /// All texts of a block.
    Part(u32, u32),
    /// All texts of a choice or item.
    Choice(u32),
    /// All texts.
    All,
}

impl End {
    /// Whether this text ends with it.
    pub fn covers(self, channel: Channel) -> bool {
        match self {
            Self::Channel(ended) => ended == channel,
            Self::Part(choice, part) => (choice, part) == (channel.choice, channel.part),
            Self::Choice(choice) => choice == channel.choice,
            Self::All => true,
        }
    }
}

/// The texts of one event.
#[derive(Clone, Debug, Default)]
pub struct EventTexts<'d> {
    /// Pieces, in their order.
    pub deltas: Vec<Delta<'d>>,
    /// Texts that came in pieces before, once more and whole. Arguments are told string by string here.
    pub whole: Vec<(Channel, Place<'d>)>,
    /// Texts that come whole and once: calls of Gemini, results of a provider's tools, citations, the request's own
    /// instructions, errors.
    pub others: Vec<Place<'d>>,
    /// What ends here. `[DONE]` and the end of the connection end everything, too.
    pub ends: Vec<End>,
    /// See [`Texts`](super::Texts).
    pub unread: usize,
    /// See [`Texts`](super::Texts).
    pub spelled: Vec<Spelled>,
}

impl EventTexts<'_> {
    /// Takes out what spells the texts once more. To be asked for wherever a text is changed.
    pub fn hide_spelled(&self, edits: &mut Edits) {
        hide(&self.spelled, edits);
    }

    /// Whether a text ends with this event.
    pub fn ends(&self, channel: Channel) -> bool {
        self.ends.iter().any(|end| end.covers(channel))
    }
}

/// The texts of one event of an answer's stream. `event_name` is that of the server-sent event or of Amazon's frame,
/// and not needed where the data tell it.
pub fn of_event<'d>(
    operation: Operation,
    event_name: Option<&str>,
    document: &'d Document<'_>,
) -> EventTexts<'d> {
    let root = document.root();
    let kind = root.get("type").and_then(|kind| kind.as_str());
    let kind = kind.as_deref().or(event_name).unwrap_or_default();
    let mut reader = Reader {
        walk: Walk::new(root),
        texts: EventTexts::default(),
    };
    match operation.dialect() {
        Dialect::Anthropic => reader.anthropic(kind, root),
        Dialect::Gemini if root.kind() == Kind::Array => {
            root.elements().for_each(|root| reader.gemini(root));
        }
        Dialect::Gemini => reader.gemini(root),
        Dialect::Bedrock => reader.bedrock(event_name.unwrap_or_default(), root),
        Dialect::Cohere => reader.cohere(kind, root),
        // Below `/providers` anything may come; the dialects' events have nothing in common.
        Dialect::OpenAi => match kind {
            _ if root.get("choices").is_some() => reader.chat(root),
            _ if kind.contains('.') => reader.responses(kind, root),
            _ if root.get("candidates").is_some() => reader.gemini(root),
            _ if root.get("contentBlockIndex").is_some() => {
                reader.bedrock(event_name.unwrap_or_default(), root);
            }
            _ if kind.contains('-') => reader.cohere(kind, root),
            _ if kind.contains('_') && operation == Operation::Passage => {
                reader.anthropic(kind, root);
            }
            _ => reader.rest(root, |_| false),
        },
    }
    let Reader { walk, mut texts } = reader;
    texts.unread = walk.texts.unread;
    texts.spelled = walk.texts.spelled;
    texts
}

struct Reader<'d> {
    walk: Walk<'d>,
    texts: EventTexts<'d>,
}

const SPEAKER: Context = Context::new(Role::Assistant, Spot::Content);

impl<'d> Reader<'d> {
    /// What was found last goes on with a text.
    fn deltas(&mut self, channel: impl Fn(&Place<'d>) -> Option<Channel>) {
        for place in self.walk.texts.places.drain(..) {
            match channel(&place) {
                Some(channel) => self.texts.deltas.push(Delta { channel, place }),
                None => self.texts.others.push(place),
            }
        }
    }

    /// What was found last repeats a text.
    fn wholes(&mut self, channel: impl Fn(&Place<'d>) -> Option<Channel>) {
        for place in self.walk.texts.places.drain(..) {
            match channel(&place) {
                Some(channel) => self.texts.whole.push((channel, place)),
                None => self.texts.others.push(place),
            }
        }
    }

    fn others(&mut self) {
        self.texts.others.append(&mut self.walk.texts.places);
    }

    /// A piece, if it is a string; else whatever it is.
    fn delta(&mut self, value: Value<'d>, choice: u32, part: u32, kind: ChannelKind) {
        let context = kind.context().turn(choice);
        self.walk.node(value, context);
        self.deltas(|place| match kind {
            // Mistral's content is a list of blocks, thoughts among them.
            ChannelKind::Text => spoken(place, choice, part),
            _ => Some(Channel { choice, part, kind }),
        });
    }

    /// A member that is no piece.
    fn member(&mut self, member: Member<'d>, context: Context) {
        let Member { key, range, value } = member;
        self.walk.member(&key, range, value, context);
        self.others();
    }

    /// All members of the event, but those that were read already.
    fn rest(&mut self, root: Value<'d>, is_done: impl Fn(&str) -> bool) {
        for Member { key, range, value } in root.members() {
            if is_done(&key) {
                continue;
            }
            if &*key == "error" && !value.is_null() {
                self.texts.ends.push(End::All);
            }
            self.walk.top(&key, range, value, SPEAKER);
            self.others();
        }
    }

    /// A piece of a call; `input` says what the member of this name holds.
    fn call(&mut self, call: Value<'d>, choice: u32, part: u32, input: ChannelKind) {
        for member in call.members() {
            let value = member.value;
            match (&*member.key, value.kind()) {
                ("function" | "custom", Kind::Object) => self.call(value, choice, part, input),
                ("arguments", Kind::String) => {
                    self.delta(value, choice, part, ChannelKind::Arguments);
                }
                ("input", Kind::String) => self.delta(value, choice, part, input),
                _ => self.member(member, SPEAKER.turn(choice).call()),
            }
        }
    }
}

/// The text that the model's own words belong to; none for calls, results and sources.
fn spoken(place: &Place<'_>, choice: u32, part: u32) -> Option<Channel> {
    let kind = match place.spot {
        Spot::Content => ChannelKind::Text,
        Spot::Reasoning => ChannelKind::Reasoning,
        Spot::Refusal => ChannelKind::Refusal,
        Spot::Transcript => ChannelKind::Transcript,
        _ => return None,
    };
    (place.role == Role::Assistant).then_some(Channel { choice, part, kind })
}

fn number(value: Value<'_>, key: &str) -> Option<u32> {
    value.get(key)?.as_u64()?.try_into().ok()
}

/// FNV-1a, to tell paths apart.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
