//! The turns of a client's request, read.

use super::{
    super::super::{
        chat::{Content, Message, Origin, Part, Role},
        json::{Kind, Value},
        signature::{Place, Signature},
    },
    object::{get, string},
    part_read::{self, Piece},
    request_read::{Read, bad, wanted},
};

/// A message of a nameless speaker.
pub(super) fn message(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        name: None,
        parts,
    }
}

/// The parts of a content, of a list of parts or of one part that stands alone.
pub(super) fn parts(value: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let list = if value.kind() == Kind::Array {
        Some(value)
    } else {
        get(value, "parts")
    };
    let single = list.is_none_or(|list| list.kind() != Kind::Array);
    let one = single.then_some(list.unwrap_or(value));
    let many = list.filter(|_| !single);
    one.into_iter()
        .chain(many.into_iter().flat_map(Value::elements))
}

/// A part outside of calls.
pub(super) fn plain(piece: Piece) -> Option<Part> {
    match piece {
        Piece::Text {
            text, signature, ..
        } => Some(Part::text(text).signed(signature)),
        Piece::Whole(part) => Some(part),
        Piece::Call { .. } | Piece::Result { .. } | Piece::Nothing => None,
    }
}

/// The turns so far, and the calls that wait for their results.
#[derive(Default)]
pub(super) struct Turns {
    pub messages: Vec<Message>,
    /// Name and id.
    waiting: Vec<(String, String)>,
    count: usize,
}

impl Turns {
    /// Reads `contents`.
    pub(super) fn contents(&mut self, value: Value<'_>) -> Read<()> {
        match value.kind() {
            Kind::String => {
                let text = wanted(string(value), "contents", "text")?;
                self.messages
                    .push(message(Role::User, vec![Part::text(text)]));
            }
            Kind::Object => self.content(value)?,
            Kind::Array => {
                for content in value.elements() {
                    if content.kind() != Kind::Object {
                        return Err(bad("contents", "each of `contents` must be an object"));
                    }
                    self.content(content)?;
                }
            }
            _ => return Err(bad("contents", "`contents` must be a list")),
        }
        Ok(())
    }

    fn content(&mut self, value: Value<'_>) -> Read<()> {
        let turn = self.count;
        self.count += 1;
        let role = get(value, "role").map(|role| wanted(role.as_str(), "contents.role", "text"));
        match role.transpose()?.as_deref() {
            Some("model" | "assistant") => self.model(value, turn),
            None | Some("user" | "function" | "tool" | "") => self.user(value, turn),
            Some("system") => {
                let parts = parts(value)
                    .filter_map(|part| plain(part_read::read(part, part_read::from_client)))
                    .collect();
                self.messages.push(message(Role::System, parts));
            }
            Some(_) => return Err(bad("contents.role", "a role must be `user` or `model`")),
        }
        Ok(())
    }

    /// A turn of the user: results of calls first, since other dialects demand them right behind the calls.
    fn user(&mut self, value: Value<'_>, turn: usize) {
        let mut results = Vec::new();
        let mut said = Vec::new();
        for part in parts(value) {
            match part_read::read(part, part_read::from_client) {
                Piece::Result {
                    id,
                    name,
                    content,
                    is_error,
                } => {
                    let id = self.answered(id, &name, turn, results.len());
                    results.push(Part::new(Content::ToolResult {
                        id,
                        name: (!name.is_empty()).then_some(name),
                        content,
                        is_error,
                    }));
                }
                piece => said.extend(plain(piece)),
            }
        }
        if !results.is_empty() {
            drop_empty(&mut said);
            self.messages.push(message(Role::Tool, results));
        } else if said.is_empty() {
            return;
        }
        if !said.is_empty() {
            self.messages.push(message(Role::User, said));
        }
    }

    /// The id of the call that a result answers: its own, or that of the first waiting call of its name.
    fn answered(&mut self, id: Option<String>, name: &str, turn: usize, n: usize) -> String {
        let found = self.waiting.iter().position(|(called, waiting)| match &id {
            Some(id) => waiting == id,
            None => called == name,
        });
        let waiting = found.map(|at| self.waiting.remove(at).1);
        id.or(waiting)
            .unwrap_or_else(|| format!("call_unknown_{turn}_{n}"))
    }

    /// A turn of the model. A client that streams brings back one content for each chunk: those are one turn.
    fn model(&mut self, value: Value<'_>, turn: usize) {
        let continues = matches!(self.messages.last(), Some(last) if last.role == Role::Assistant);
        if !continues {
            self.messages.push(message(Role::Assistant, Vec::new()));
            self.waiting.clear();
        }
        let Some(last) = self.messages.last_mut() else {
            return;
        };
        drop_empty(&mut last.parts);
        let mut joins = continues;
        let mut silent = false;
        for (n, part) in parts(value).enumerate() {
            match part_read::read(part, part_read::from_client) {
                Piece::Text {
                    text,
                    thought,
                    signature,
                } => {
                    if text.is_empty() && signature.is_none() {
                        silent = true;
                        continue;
                    }
                    let part = said(text, thought, signature);
                    push(&mut last.parts, part, joins);
                }
                Piece::Call {
                    id,
                    name,
                    arguments,
                    signature,
                } => {
                    // The same at each turn, so that the provider's prompt cache knows the history again.
                    let id = id.unwrap_or_else(|| format!("call_{turn}_{n}"));
                    self.waiting.push((name.clone(), id.clone()));
                    let call = Content::ToolCall {
                        id,
                        name,
                        arguments,
                    };
                    last.parts.push(Part::new(call).signed(signature));
                }
                Piece::Whole(part) => last.parts.push(part),
                Piece::Result { .. } | Piece::Nothing => {}
            }
            joins = false;
        }
        if last.parts.is_empty() && silent {
            // A turn in which the model said nothing is a turn.
            last.parts.push(Part::text(""));
        } else if last.parts.is_empty() {
            self.messages.pop();
        }
    }
}

/// Google's SDKs end a stream with an empty text; it says nothing beside others.
fn drop_empty(parts: &mut Vec<Part>) {
    parts.retain(|part| {
        part.signature.is_some()
            || !matches!(&part.content, Content::Text { text, .. } if text.is_empty())
    });
}

/// Words of the model.
fn said(text: String, thought: bool, signature: Option<Signature>) -> Part {
    let redacted = signature
        .as_ref()
        .is_some_and(|s| s.place == Place::Redacted);
    let content = match (thought, redacted && text.is_empty()) {
        (true, true) => Content::RedactedThinking,
        (true, false) => Content::Thinking { text, id: None },
        (false, _) => return Part::text(text).signed(signature),
    };
    Part::new(content).signed(signature)
}

/// Adds words to a turn. What came in pieces because it was streamed becomes one again: unsigned text of the chunk
/// before (`joins`), and the reasoning that another provider's signature ends.
fn push(parts: &mut Vec<Part>, mut part: Part, joins: bool) {
    let unsigned = |last: &Part| last.signature.is_none();
    match &mut part.content {
        Content::Text { text, .. } if joins && part.signature.is_none() => {
            if let Some(Content::Text { text: before, .. }) = parts
                .last_mut()
                .filter(|p| unsigned(p))
                .map(|p| &mut p.content)
            {
                before.push_str(text);
                return;
            }
        }
        Content::Thinking { text, .. } => {
            let sealed = part.signature.as_ref();
            let foreign = sealed.is_some_and(|s| s.origin != Origin::Gemini);
            while (foreign || joins && sealed.is_none())
                && let Some(last) = parts.last().filter(|p| unsigned(p))
                && let Content::Thinking { text: before, .. } = &last.content
            {
                text.insert_str(0, before);
                parts.pop();
            }
        }
        _ => {}
    }
    parts.push(part);
}
