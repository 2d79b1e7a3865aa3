//! The walk over a document: which member is what.
//!
//! Not read, and why:
//! - signatures and encrypted content of providers: changed, they are refused, and they say nothing to anybody else;
//! - credentials of MCP servers: they are meant for the provider;
//! - ids, kinds and names of settings, as long as they look like ones (see [`is_token`]); else they are read;
//! - in members that are not known: single short words (see [`is_word`]);
//! - vectors and tokens, which are lists of numbers; log probabilities are told apart (`Texts::spelled`);
//! - padding against guesses by length; images, sound, films, PDFs (`Texts::unread`).

use std::{borrow::Cow, ops::Range};

use super::{
    super::{
        Operation,
        json::{Document, Kind, Member, Value},
    },
    Form, Place, Role, Spelled, Spot, Texts,
};

pub(super) use context::{Context, context_of};

use context::Head;

mod context;
mod definition;
mod member;
mod top;

/// The shortest key of data that is a place: shorter ones hide nothing.
const LONG_KEY: usize = 6;

/// The fewest digits of a number that is a place.
const LONG_NUMBER: usize = 8;

/// Reads a whole body; `speaker` says what is not somebody else's.
pub(super) fn document<'d>(
    operation: Operation,
    speaker: Role,
    document: &'d Document<'_>,
) -> Texts<'d> {
    let root = document.root();
    let mut walk = Walk::new(root);
    let spot = match operation {
        Operation::Embeddings
        | Operation::EmbedContent
        | Operation::BatchEmbedContents
        | Operation::CohereEmbed => Spot::EmbeddingInput,
        _ => Spot::Content,
    };
    // Gemini streams as a list, too; `StreamGenerate` without `alt=sse`.
    let context = Context::new(speaker, spot);
    match root.kind() {
        Kind::Array => root.elements().for_each(|v| walk.root(v, context)),
        _ => walk.root(root, context),
    }
    walk.texts
}

/// The walk and what it found.
pub(super) struct Walk<'d> {
    pub(super) texts: Texts<'d>,
    bytes: &'d [u8],
    /// Where `bytes` begin in the body.
    base: usize,
}

impl<'d> Walk<'d> {
    pub(super) fn new(root: Value<'d>) -> Self {
        Self {
            texts: Texts {
                places: Vec::with_capacity((root.raw().len() / 128 + 4).min(1024)),
                ..Texts::default()
            },
            bytes: root.raw(),
            base: root.range().start,
        }
    }

    /// A message or item that says who speaks.
    pub(super) fn speaking(&mut self, value: Value<'d>, context: Context) {
        self.object(value, context, true);
    }

    /// A text, or a list of texts and objects.
    pub(super) fn node(&mut self, value: Value<'d>, context: Context) {
        match value.kind() {
            Kind::String => self.text(value, context),
            Kind::Array => {
                for value in value.elements() {
                    if value.kind() == Kind::Number {
                        self.texts.unread += 1;
                        return;
                    }
                    self.node(value, context);
                }
            }
            Kind::Object => self.object(value, context, false),
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    /// A message, an item, a block, a part: whatever has members that say what they are.
    pub(super) fn object(&mut self, value: Value<'d>, context: Context, speaks: bool) {
        let head = Head::of(value);
        let mut context = context;
        if speaks && let Some(role) = head.role {
            context = match role {
                Role::System => context.speak(role, Spot::SystemPrompt),
                Role::ToolResult => context.result(),
                _ => context.speak(role, context.spot),
            };
        }
        if let Some(media) = head.media {
            context.media = media;
        }
        if head.thought {
            context = context.spot(Spot::Reasoning);
        }
        if let Some(kind) = &head.kind {
            context = context_of(kind, context);
        }
        for Member { key, range, value } in value.members() {
            match (&*key, head.kind.as_deref()) {
                // Anthropic's documents in plain text.
                ("data", Some("text")) => self.node(value, context),
                ("data", Some("redacted_thinking" | "reasoning.encrypted")) => {}
                _ => self.member(&key, range, value, context),
            }
        }
    }

    /// A value of which nobody knows what it is.
    fn unknown(&mut self, value: Value<'d>, context: Context) {
        let context = context.unknown();
        match value.kind() {
            Kind::String => self.text(value, context),
            Kind::Array => value.elements().for_each(|v| self.unknown(v, context)),
            Kind::Object => self.object(value, context, false),
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    /// A key that is none: too long, or not a word.
    fn key_if_odd(&mut self, range: &Range<usize>, key: &str, context: Context) {
        if key.len() > 64 || !is_token(key) {
            let at = self.key_range(range.start, key);
            self.push(Form::Key, at, context, Cow::Owned(key.to_owned()));
        }
    }

    fn key_range(&self, start: usize, key: &str) -> Range<usize> {
        key_range(&self.bytes[start - self.base..], start, key)
    }

    /// All leaves of a value that is nobody's protocol: arguments, results, records.
    pub(super) fn data(&mut self, value: Value<'d>, context: Context) {
        let (bytes, base) = (self.bytes, self.base);
        leaves(value, bytes, base, &mut |form, at, value| {
            self.push(form, at, context, value);
        });
    }

    /// What should be an id or a word of the protocol; a text if it is not.
    fn token(&mut self, value: Value<'d>, context: Context) {
        match value.kind() {
            Kind::String => {
                if value.as_str().is_some_and(|text| !is_token(&text)) {
                    self.text(value, context);
                }
            }
            Kind::Array => value.elements().for_each(|v| self.token(v, context)),
            Kind::Object => self.unknown(value, context),
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    /// A string.
    pub(super) fn text(&mut self, value: Value<'d>, context: Context) {
        let Some(text) = value.as_str() else {
            return;
        };
        if context.spot == Spot::Unknown {
            if is_word(&text) {
                return;
            }
            if text.starts_with("data:") || super::media::is_base64(&text) {
                return self.media(value, context);
            }
        }
        self.push(Form::Text, value.range(), context, text);
    }

    pub(super) fn push(
        &mut self,
        form: Form,
        at: Range<usize>,
        context: Context,
        value: Cow<'d, str>,
    ) {
        let raw = &self.bytes[at.start - self.base..at.end - self.base];
        self.push_raw(form, at, context, value, raw, false);
    }

    pub(super) fn push_raw(
        &mut self,
        form: Form,
        at: Range<usize>,
        context: Context,
        value: Cow<'d, str>,
        raw: &'d [u8],
        nested: bool,
    ) {
        if value.is_empty() {
            return;
        }
        self.texts.places.push(Place {
            role: context.role,
            spot: context.spot,
            turn: context.turn,
            at,
            value,
            form,
            nested,
            raw,
        });
    }
}

/// Reads the fields of a form.
pub(super) fn form<'d>(fields: &[(String, Range<usize>)], body: &'d [u8]) -> Texts<'d> {
    let mut texts = Texts::default();
    for (turn, (name, at)) in (0..).zip(fields) {
        let Some(raw) = body.get(at.clone()) else {
            continue;
        };
        let Ok(value) = std::str::from_utf8(raw) else {
            texts.unread += 1;
            continue;
        };
        let (role, spot) = match name.as_str() {
            "prompt" => (Role::User, Spot::Content),
            "user" => (Role::Name, Spot::Metadata),
            _ if is_word(value) => continue,
            _ => (Role::User, Spot::Unknown),
        };
        if !value.is_empty() {
            texts.places.push(Place {
                role,
                spot,
                turn,
                at: at.clone(),
                value: Cow::Borrowed(value),
                form: Form::Plain,
                nested: false,
                raw,
            });
        }
    }
    texts
}

/// Calls `found` for every string, long key and long number in a value.
pub(super) fn leaves<'v>(
    value: Value<'v>,
    bytes: &[u8],
    base: usize,
    found: &mut impl FnMut(Form, Range<usize>, Cow<'v, str>),
) {
    match value.kind() {
        Kind::String => {
            if let Some(text) = value.as_str() {
                found(Form::Text, value.range(), text);
            }
        }
        Kind::Number => {
            let digits = value.raw().iter().filter(|b| b.is_ascii_digit()).count();
            if digits >= LONG_NUMBER
                && let Ok(text) = std::str::from_utf8(value.raw())
            {
                found(Form::Number, value.range(), Cow::Borrowed(text));
            }
        }
        Kind::Array => value
            .elements()
            .for_each(|value| leaves(value, bytes, base, found)),
        Kind::Object => {
            for Member { key, range, value } in value.members() {
                if key.len() >= LONG_KEY {
                    let at = key_range(&bytes[range.start - base..], range.start, &key);
                    found(Form::Key, at, key);
                }
                leaves(value, bytes, base, found);
            }
        }
        Kind::Null | Kind::Bool => {}
    }
}

/// Where a key stands that begins at `start`, with which `bytes` begin.
fn key_range(bytes: &[u8], start: usize, key: &str) -> Range<usize> {
    let plain = key.len() + 1;
    if bytes.get(plain) == Some(&b'"') && bytes.get(1..plain) == Some(key.as_bytes()) {
        return start..start + plain + 1;
    }
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    start..start + (at + 1).min(bytes.len())
}

/// Whether a string looks like an id or a word of the protocol: no spaces, nothing but ASCII, not long.
pub(super) fn is_token(text: &str) -> bool {
    text.len() <= 256
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'_' | b'-' | b'.' | b':' | b'/' | b'|' | b'+' | b'=' | b'$' | b'#'
                )
        })
}

/// Whether a string in a member that is not known looks like a setting: one short word with few digits.
fn is_word(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= 32
        && digits <= 5
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}
