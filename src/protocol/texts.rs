//! Where the texts stand in requests and answers of every dialect, so that guards can read all of them and replace parts
//! in place.
//!
//! One table of members serves all dialects: they differ in what stands at the top, and share most of what is below.
//! Whatever a table does not know is read, too: a guard that skips unknown blocks is a hole. The few things that are
//! skipped are named in `texts/walk.rs`.
//!
//! A [`Place`] is the smallest piece of JSON that holds one text, so that places never overlap and every one can be
//! edited for itself: of arguments that are JSON inside a JSON string, each string inside is a place of its own, with
//! its own bytes in the body.
//!
//! In streams a text comes in pieces, and each [`Delta`] names the [`Channel`] that it belongs to. Arguments of calls
//! come as JSON text cut anywhere, there the [`Delta`]'s place is the fragment as it is: [`ArgumentText`] finds the
//! strings in it, [`LeafText`] keeps what one of them says and where it is spelled, and what is put into it goes
//! through [`escape`] and then, like any other text, through [`replacement`].

use std::{borrow::Cow, ops::Range};

use super::{Operation, edit::Edits, json::Document};
use crate::guard::Role;

pub use arguments::{ArgumentText, Leaf, Piece, Said, escape};
pub use event::{Channel, ChannelKind, Delta, End, EventTexts, of_event};
pub use leaf::LeafText;
pub use path::path;
pub use splice::{Change, edits, replacement};

mod arguments;
mod event;
mod leaf;
mod media;
mod nested;
mod path;
mod splice;
mod walk;

/// What a text is, beside who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spot {
    /// What is said.
    Content,
    /// The application's instructions.
    SystemPrompt,
    /// The model's thoughts, or their summary.
    Reasoning,
    /// Why the model declines.
    Refusal,
    /// What the spoken words are.
    Transcript,
    /// A value or key in a call's arguments, or a piece of them.
    ToolArguments,
    /// A value or key in what a tool gave back, or all of it.
    ToolResult,
    /// Description or schema of a tool.
    ToolDefinition,
    /// Schema of the answer.
    Schema,
    /// A tool's, function's or server's name. Calls are found by it: whoever replaces it breaks them.
    ToolName,
    /// A participant's name.
    Name,
    /// A file's name.
    FileName,
    /// An address. What stands behind it is not read.
    Url,
    /// A document's text, title or context.
    Document,
    /// A source that the model names, with what it says.
    Citation,
    /// To be turned into numbers.
    EmbeddingInput,
    /// What the caller notes for records: users, labels.
    Metadata,
    /// Where the answer shall stop, and where it stopped.
    StopSequence,
    /// An error's words.
    Error,
    /// In a member that this gateway does not know.
    Unknown,
}

/// How a text is written in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON string.
    Text,
    /// The key of a member.
    Key,
    /// A number of eight or more digits, as cards and accounts are; a replacement makes it a string.
    Number,
    /// A string in base64, behind this many bytes of a `data:` address or none.
    Base64(u32),
    /// A `data:` address in percent-encoding, behind this many bytes.
    Percent(u32),
    /// A form's field, as it is.
    Plain,
}

/// One text and where it stands.
#[derive(Clone, Debug)]
pub struct Place<'d> {
    /// Who speaks.
    pub role: Role,
    /// What it is.
    pub spot: Spot,
    /// Which message, item, choice or candidate it belongs to, from 0; 0 also for what is before all of them.
    pub turn: u32,
    /// Its bytes in the body, with the quotes (of a string inside a string: with those, too).
    pub at: Range<usize>,
    /// What it says, everything undone that it is written with.
    pub value: Cow<'d, str>,
    /// How it is written.
    pub form: Form,
    /// Whether it stands in JSON that is itself written in a JSON string.
    pub nested: bool,
    /// The bytes at `at`.
    raw: &'d [u8],
}

impl Place<'_> {
    /// Whether it is the key of a member: findings in it can hardly be replaced without breaking who reads it.
    pub const fn is_key(&self) -> bool {
        matches!(self.form, Form::Key)
    }
}

/// The texts of one document.
#[derive(Clone, Debug, Default)]
pub struct Texts<'d> {
    /// All places, in the order of the document. They never overlap.
    pub places: Vec<Place<'d>>,
    /// How many things are there that may hold texts and are not read: images, sound, films, PDFs and other files,
    /// prompts in tokens.
    pub unread: usize,
    /// Values that spell texts of the same document once more, token by token: log probabilities.
    pub spelled: Vec<Spelled>,
}

/// A value that spells texts once more: log probabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    /// Where it stands.
    pub at: Range<usize>,
    /// What can stand there without saying anything.
    pub empty: &'static str,
}

impl Texts<'_> {
    /// Takes out what spells the texts once more. To be asked for wherever a text is changed.
    pub fn hide_spelled(&self, edits: &mut Edits) {
        hide(&self.spelled, edits);
    }
}

fn hide(spelled: &[Spelled], edits: &mut Edits) {
    for spelled in spelled {
        edits.replace(spelled.at.clone(), spelled.empty);
    }
}

/// All texts of a request's body.
pub fn of_request<'d>(operation: Operation, document: &'d Document<'_>) -> Texts<'d> {
    walk::document(operation, Role::User, document)
}

/// All texts of a request that is a form. `fields` are those that [`form::fields`](super::form::fields) finds; files are
/// not among them.
pub fn of_form<'d>(fields: &[(String, Range<usize>)], body: &'d [u8]) -> Texts<'d> {
    walk::form(fields, body)
}

/// All texts of a whole answer's body.
pub fn of_answer<'d>(operation: Operation, document: &'d Document<'_>) -> Texts<'d> {
    walk::document(operation, Role::Assistant, document)
}

#[cfg(test)]
mod tests;
