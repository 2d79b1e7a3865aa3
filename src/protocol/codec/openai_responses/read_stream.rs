//! Reads a provider's stream.

use std::borrow::Cow;

use super::{
    error_of,
    read_answer::{Call, commentary, ending_of, kind, other_item, read_logprobs, start, usage},
    read_request::{ReasoningItem, citation, told},
};
use crate::protocol::{
    chat::{Content, Part},
    codec::DecodeStream,
    event::{Event, Writer},
    json::{Document, Limits, Value},
    signature::{Place, Signature},
};

/// The state of a stream.
#[derive(Default)]
pub(super) struct Stream {
    writer: Writer,
    items: Vec<Item>,
    calls: bool,
    refuses: bool,
    failed: bool,
}

/// What was told of an item.
#[derive(Default)]
struct Item {
    /// Its place in the output, as the events have it.
    index: u64,
    /// Its id; empty if it has none.
    id: String,
    /// Which of its parts was told last, and how much of it in bytes.
    part: Option<u64>,
    told: usize,
    citations: usize,
    logprobs: bool,
    /// Whether its words come from `reasoning_text` or from the summary.
    source: Option<Words>,
    /// Whether anything of it was told at all.
    any: bool,
    done: bool,
    /// The signature of the message's first text.
    phase: Option<Signature>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    Text,
    Refusal,
    Summary,
    Raw,
}

const TELLS: &str = "response.output_text.delta";

impl DecodeStream for Stream {
    fn frame(&mut self, event: &[u8], data: &[u8], out: &mut Vec<Event>) {
        if self.failed {
            return;
        }
        // `[DONE]` of those who take this for chat completions, and what else is no JSON.
        let Ok(document) = Document::parse(data, Limits::default()) else {
            return;
        };
        let root = document.root();
        let named = std::str::from_utf8(event).unwrap_or_default();
        let name = kind(root).unwrap_or(Cow::Borrowed(named));
        self.event(&name, root, out);
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.failed {
            self.writer.end(out);
        }
    }
}

impl Stream {
    fn event(&mut self, name: &str, root: Value<'_>, out: &mut Vec<Event>) {
        if self.writer.has_finished() {
            return;
        }
        let response = told(root, "response");
        match name {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.writer
                    .start(|| response.map(start).unwrap_or_default(), out);
                return;
            }
            "keepalive" | "ping" | "response.keepalive" => {
                out.push(Event::Ping);
                return;
            }
            "error" | "response.failed" => {
                self.fail(root, response, out);
                return;
            }
            "" if told(root, "error").is_some() => {
                self.fail(root, None, out);
                return;
            }
            _ => {}
        }
        if !name.starts_with("response.") {
            return;
        }
        self.writer
            .start(|| response.map(start).unwrap_or_default(), out);
        match name {
            TELLS => self.delta(root, Words::Text, "content_index", out),
            "response.refusal.delta" => self.delta(root, Words::Refusal, "content_index", out),
            "response.reasoning_summary_text.delta" => {
                self.delta(root, Words::Summary, "summary_index", out);
            }
            "response.reasoning_text.delta" => self.delta(root, Words::Raw, "content_index", out),
            "response.output_text.done" => {
                self.whole(root, root, Words::Text, "content_index", out);
            }
            "response.refusal.done" => {
                self.whole(root, root, Words::Refusal, "content_index", out);
            }
            "response.reasoning_summary_text.done" => {
                self.whole(root, root, Words::Summary, "summary_index", out);
            }
            "response.reasoning_text.done" => {
                self.whole(root, root, Words::Raw, "content_index", out);
            }
            "response.output_text.annotation.added" => self.annotation(root, out),
            "response.content_part.done" => {
                if let Some(part) = told(root, "part") {
                    self.part_done(root, part, out);
                }
            }
            "response.function_call_arguments.delta" => {
                let n = self.item(root);
                let index = self.items[n].index;
                let delta = told(root, "delta")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                self.items[n].told += delta.len();
                self.items[n].any = true;
                self.writer.call(0, index, None, None, &delta, out);
            }
            "response.function_call_arguments.done" => {
                let n = self.item(root);
                self.arguments(n, root, out);
            }
            "response.output_item.added" => {
                if let Some(item) = told(root, "item") {
                    self.added(root, item, out);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = told(root, "item") {
                    let n = self.item(root);
                    self.done(n, item, out);
                }
            }
            "response.completed" | "response.incomplete" | "response.cancelled" => {
                self.ended(response.unwrap_or(root), out);
            }
            // Progress of hosted tools, and what else is news only.
            _ => {}
        }
    }

    fn fail(&mut self, root: Value<'_>, response: Option<Value<'_>>, out: &mut Vec<Event>) {
        if let Some(told) = response.and_then(|r| told(r, "usage"))
            && self.writer.has_started()
        {
            out.push(Event::Usage(usage(told)));
        }
        let mut error = error_of(response.unwrap_or(root), 0);
        if error.message.is_empty() {
            "the response failed".clone_into(&mut error.message);
        }
        self.failed = true;
        out.push(Event::Error(error));
    }

    /// The item that an event is about, by its place.
    fn item(&mut self, root: Value<'_>) -> usize {
        let id = told(root, "item_id")
            .or_else(|| told(told(root, "item")?, "id"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let index = told(root, "output_index").and_then(Value::as_u64);
        let found = match index {
            Some(index) => self.items.iter().rposition(|item| item.index == index),
            // Some tell ids only, and some only what follows the last.
            None if id.is_empty() => self.items.len().checked_sub(1),
            None => self.items.iter().rposition(|item| item.id == id),
        };
        found.unwrap_or_else(|| {
            self.items.push(Item {
                index: index.unwrap_or(self.items.len() as u64),
                id: id.into_owned(),
                ..Item::default()
            });
            self.items.len() - 1
        })
    }

    fn added(&mut self, root: Value<'_>, item: Value<'_>, out: &mut Vec<Event>) {
        let n = self.item(root);
        match kind(item).as_deref() {
            Some("function_call") => {
                let call = Call::read(item);
                let index = self.items[n].index;
                self.items[n].any = true;
                self.calls = true;
                // Its arguments, if any, come again when it is done.
                self.writer
                    .call(0, index, Some(&call.id), Some(&call.name), "", out);
            }
            Some("message") => {
                self.writer.close(0, out);
                self.items[n].phase = commentary(item);
            }
            // What is open ends before something else begins.
            _ => self.writer.close(0, out),
        }
    }

    fn delta(&mut self, root: Value<'_>, words: Words, part: &str, out: &mut Vec<Event>) {
        let text = told(root, "delta")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let n = self.item(root);
        let part = told(root, part).and_then(Value::as_u64).unwrap_or(0);
        self.words(n, words, part, &text, out);
        if words == Words::Text {
            let tokens: Vec<_> = read_logprobs(root).collect();
            if !tokens.is_empty() {
                self.items[n].logprobs = true;
                self.writer.logprobs(0, tokens, out);
            }
        }
    }

    /// Tells words of a part.
    fn words(&mut self, n: usize, words: Words, part: u64, text: &str, out: &mut Vec<Event>) {
        let item = &mut self.items[n];
        let thinks = matches!(words, Words::Summary | Words::Raw);
        if thinks && *item.source.get_or_insert(words) != words {
            return;
        }
        if item.part != Some(part) {
            let first = item.part.replace(part).is_none();
            item.told = 0;
            item.citations = 0;
            item.logprobs = false;
            if thinks && !first && !text.is_empty() {
                self.writer.thinking(0, "\n\n", out);
            } else if !thinks {
                self.writer.close(0, out);
            }
        }
        let item = &mut self.items[n];
        if text.is_empty() {
            return;
        }
        item.told += text.len();
        item.any = true;
        match words {
            Words::Text => {
                if let Some(phase) = item.phase.take() {
                    self.writer.sign_text(0, phase, out);
                }
                self.writer.text(0, text, out);
            }
            Words::Refusal => {
                self.refuses = true;
                self.writer.refusal(0, text, out);
            }
            Words::Summary | Words::Raw => self.writer.thinking(0, text, out),
        }
    }

    /// Tells what the deltas of a part left out.
    fn whole(
        &mut self,
        root: Value<'_>,
        holder: Value<'_>,
        words: Words,
        part: &str,
        out: &mut Vec<Event>,
    ) {
        let n = self.item(root);
        let part = told(root, part).and_then(Value::as_u64).unwrap_or(0);
        self.rest(n, holder, words, part, out);
    }

    fn rest(&mut self, n: usize, holder: Value<'_>, words: Words, part: u64, out: &mut Vec<Event>) {
        let name = if words == Words::Refusal {
            "refusal"
        } else {
            "text"
        };
        let text = told(holder, name)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let item = &self.items[n];
        if item.done || item.part.is_some_and(|last| last > part) {
            return;
        }
        let told = if item.part == Some(part) {
            item.told
        } else {
            0
        };
        if let Some(rest) = text.get(told..).filter(|rest| !rest.is_empty()) {
            self.words(n, words, part, rest, out);
        }
        if words == Words::Text && self.items[n].any && !self.items[n].logprobs {
            let tokens: Vec<_> = read_logprobs(holder).collect();
            self.items[n].logprobs = !tokens.is_empty();
            self.writer.logprobs(0, tokens, out);
        }
    }

    fn annotation(&mut self, root: Value<'_>, out: &mut Vec<Event>) {
        let n = self.item(root);
        self.items[n].citations += 1;
        if let Some(citation) = told(root, "annotation").and_then(citation) {
            self.writer.citation(0, citation, out);
        }
    }

    fn part_done(&mut self, root: Value<'_>, part: Value<'_>, out: &mut Vec<Event>) {
        let n = self.item(root);
        let index = told(root, "content_index").and_then(Value::as_u64);
        self.part(n, part, index.unwrap_or(0), out);
    }

    /// A part of a message is whole.
    fn part(&mut self, n: usize, part: Value<'_>, index: u64, out: &mut Vec<Event>) {
        match kind(part).as_deref() {
            Some("output_text" | "text") => {
                if self.items[n].part.is_some_and(|last| last > index) {
                    return;
                }
                self.rest(n, part, Words::Text, index, out);
                let known = self.items[n].citations;
                let list = told(part, "annotations")
                    .into_iter()
                    .flat_map(Value::elements);
                for annotation in list.skip(known) {
                    self.items[n].citations += 1;
                    if let Some(citation) = citation(annotation) {
                        self.writer.citation(0, citation, out);
                    }
                }
            }
            Some("refusal") => self.rest(n, part, Words::Refusal, index, out),
            _ => {}
        }
    }

    fn arguments(&mut self, n: usize, holder: Value<'_>, out: &mut Vec<Event>) {
        let call = Call::read(holder);
        let item = &mut self.items[n];
        if item.done {
            return;
        }
        let whole = call.arguments.unwrap_or_default();
        let rest = whole.get(item.told..).unwrap_or_default();
        item.told += rest.len();
        let index = item.index;
        let id = Some(call.id).filter(|id| !id.is_empty());
        let name = Some(call.name).filter(|name| !name.is_empty());
        if !rest.is_empty() || id.is_some() {
            self.writer
                .call(0, index, id.as_deref(), name.as_deref(), rest, out);
        }
    }

    /// An item is whole.
    fn done(&mut self, n: usize, item: Value<'_>, out: &mut Vec<Event>) {
        if self.items[n].done {
            return;
        }
        match kind(item).as_deref() {
            Some("message") => {
                if !self.items[n].any {
                    self.writer.close(0, out);
                    self.items[n].phase = commentary(item);
                }
                let parts = told(item, "content").into_iter().flat_map(Value::elements);
                for (index, part) in parts.enumerate() {
                    self.part(n, part, index as u64, out);
                }
            }
            Some("reasoning") => self.reasoning_done(n, item, out),
            Some("function_call") => {
                self.calls |= told(item, "name").is_some();
                self.arguments(n, item, out);
            }
            _ => {
                if let Some(part) = other_item(item) {
                    self.writer.whole(0, part, out);
                }
            }
        }
        let item = &mut self.items[n];
        item.any = true;
        item.done = true;
        self.writer.close(0, out);
    }

    fn reasoning_done(&mut self, n: usize, item: Value<'_>, out: &mut Vec<Event>) {
        let read = ReasoningItem::read(item);
        if self.items[n].any {
            // Whatever the item says of its words, they were told.
            let signature = read.signature().map(|signature| Signature {
                place: Place::Thinking,
                ..signature
            });
            if let Some(signature) = signature {
                self.writer.sign_thinking(0, signature, out);
            }
            return;
        }
        self.writer.close(0, out);
        match read.part(false) {
            Some(Part {
                content: Content::Thinking { text, .. },
                signature,
                ..
            }) => {
                self.writer.thinking(0, &text, out);
                if let Some(signature) = signature {
                    self.writer.sign_thinking(0, signature, out);
                }
            }
            Some(part) => self.writer.whole(0, part, out),
            None => {}
        }
    }

    fn ended(&mut self, response: Value<'_>, out: &mut Vec<Event>) {
        let output = told(response, "output")
            .into_iter()
            .flat_map(Value::elements);
        for (index, item) in output.enumerate() {
            self.unseen(index as u64, item, out);
        }
        if let Some(told) = told(response, "usage") {
            out.push(Event::Usage(usage(told)));
        }
        let ending = ending_of(response, self.calls, self.refuses);
        self.writer.finish(0, ending, out);
        self.writer.end(out);
    }

    /// Tells an item of the whole response that no event told.
    fn unseen(&mut self, index: u64, item: Value<'_>, out: &mut Vec<Event>) {
        let id = told(item, "id").and_then(Value::as_str).unwrap_or_default();
        let by_id = self.items.iter().position(|i| !id.is_empty() && i.id == id);
        let by_place = self.items.iter().position(|i| i.index == index);
        match by_id.or(by_place) {
            Some(n) if self.items[n].done => {}
            Some(n) => self.done(n, item, out),
            None => {
                self.items.push(Item {
                    index,
                    id: id.into_owned(),
                    ..Item::default()
                });
                self.done(self.items.len() - 1, item, out);
            }
        }
    }
}
