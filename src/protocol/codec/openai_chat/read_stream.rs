//! A provider's stream.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    failure,
    read_answer::{
        ending_without_word, read_citation, read_ending, read_images, read_usage, service_tier,
        thought_signature,
    },
    read_message::{read_part, thinking_words},
    reasoning::{self, Entry},
    tokens,
};
use crate::protocol::{
    chat::{Content, Json, Media, MediaKind, Origin, Part, Source},
    codec::DecodeStream,
    event::{Event, Start, Writer},
    json::{Document, Kind, Limits, Value},
    signature::{Place, Signature, base64_any},
};

/// Reads chunks, of which every vendor leaves out or repeats something else.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    writer: Writer,
    choices: Vec<Progress>,
    /// An error was told: what follows is not.
    failed: bool,
    ended: bool,
}

/// What is under way in a choice.
#[derive(Debug, Default)]
struct Progress {
    index: u32,
    reasoning: Option<Open>,
    /// The words of the open member, as far as no entry has repeated them: the gateway's own streams tell reasoning in
    /// words as it comes, and whole, with its signature, when it ends.
    told: String,
    calls: Vec<Call>,
    custom: Vec<Custom>,
    audio: Option<Audio>,
    /// Sealed reasoning that came between pieces of calls, which it must not tear apart.
    late: Vec<Part>,
    finished: bool,
}

/// Reasoning that may go on.
#[derive(Debug)]
enum Open {
    /// In a plain member.
    Member(&'static str),
    /// One of `reasoning_details`.
    Entry(Entry),
}

/// A call that began; its key is its place in the list.
#[derive(Debug)]
struct Call {
    index: Option<u64>,
    id: String,
}

#[derive(Debug, Default)]
struct Custom {
    index: u64,
    id: String,
    name: String,
    input: String,
}

#[derive(Debug, Default)]
struct Audio {
    bytes: Vec<u8>,
    transcript: String,
}

/// More choices than anyone asks for must not cost memory.
const MAX_CHOICES: usize = 128;

/// The key of a legacy `function_call`, of which there is one.
const LEGACY: u64 = u64::MAX;

impl DecodeStream for Decoder {
    fn frame(&mut self, _: &[u8], data: &[u8], out: &mut Vec<Event>) {
        if self.failed || self.ended {
            return;
        }
        if data.starts_with(b"[DONE]") {
            return self.done(out);
        }
        let Ok(document) = Document::parse(data, Limits::default()) else {
            return;
        };
        let root = document.root();
        if let Some(error) = root.get("error").filter(|error| failure::is_told(*error)) {
            return self.fail(error, out);
        }
        self.chunk(root, out);
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        // Some vendors send no `[DONE]`; the finish of every choice tells as much.
        if !self.failed && !self.ended && self.choices.iter().all(|choice| choice.finished) {
            self.ended = self.writer.end(out);
        }
    }
}

impl Decoder {
    fn fail(&mut self, error: Value, out: &mut Vec<Event>) {
        self.failed = true;
        out.push(Event::Error(failure::read_told(error)));
    }

    fn done(&mut self, out: &mut Vec<Event>) {
        // Some vendors never say why a choice ended.
        for n in 0..self.choices.len() {
            if !self.choices[n].finished {
                let progress = &mut self.choices[n];
                let ending = ending_without_word(progress.has_calls());
                progress.close(&mut self.writer, out);
                progress.finished = true;
                self.writer.finish(progress.index, ending, out);
            }
        }
        self.ended = self.writer.end(out);
    }

    fn chunk(&mut self, root: Value, out: &mut Vec<Event>) {
        let choices = root.get("choices");
        let usage = read_usage(root);
        let any = choices.is_some_and(|choices| !choices.is_empty()) || !usage.is_unknown();
        // Azure begins with a chunk about its filters that says neither id nor model.
        let text = |key| root.get(key).and_then(Value::as_str).unwrap_or_default();
        if any {
            let start = || Start {
                id: text("id").into_owned(),
                model: text("model").into_owned(),
                created: root.get("created").and_then(Value::as_u64),
                usage: Default::default(),
                service_tier: service_tier(root),
            };
            self.writer.start(start, out);
        }
        for (n, choice) in choices.into_iter().flat_map(Value::elements).enumerate() {
            if let Some(error) = choice.get("error").filter(|error| failure::is_told(*error)) {
                return self.fail(error, out);
            }
            let index = choice.get("index").and_then(Value::as_u64);
            self.choice(index.unwrap_or(n as u64), choice, out);
        }
        if !usage.is_unknown() {
            out.push(Event::Usage(usage));
        }
    }

    fn choice(&mut self, index: u64, choice: Value, out: &mut Vec<Event>) {
        let Some(index) = u32::try_from(index)
            .ok()
            .filter(|index| (*index as usize) < MAX_CHOICES)
        else {
            return;
        };
        let found = self.choices.iter().position(|c| c.index == index);
        let n = found.unwrap_or_else(|| {
            self.choices.push(Progress {
                index,
                ..Progress::default()
            });
            self.choices.len() - 1
        });
        let progress = &mut self.choices[n];
        if progress.finished {
            return;
        }
        // Some servers end with the whole message; what was told in deltas is not told again.
        if let Some(delta) = choice.get("delta").filter(|delta| !delta.is_null()) {
            progress.delta(delta, &mut self.writer, out);
        }
        if let Some(logprobs) = choice.get("logprobs") {
            let tokens = tokens::read_logprobs(logprobs);
            self.writer.logprobs(index, tokens, out);
        }
        if let Some(ending) = read_ending(choice, progress.has_calls()) {
            progress.close(&mut self.writer, out);
            progress.finished = true;
            self.writer.finish(index, ending, out);
        }
    }
}

impl Progress {
    fn has_calls(&self) -> bool {
        !self.calls.is_empty() || !self.custom.is_empty()
    }

    fn delta(&mut self, delta: Value, writer: &mut Writer, out: &mut Vec<Event>) {
        self.details(delta, writer, out);
        match delta.get("content") {
            Some(content) if content.kind() == Kind::String => {
                self.text(&content.as_str().unwrap_or_default(), writer, out);
            }
            Some(content) => {
                for piece in content.elements() {
                    self.piece(piece, writer, out);
                }
            }
            None => {}
        }
        if let Some(words) = delta.get("refusal").and_then(Value::as_str)
            && !words.is_empty()
        {
            self.settle(writer, out);
            writer.refusal(self.index, &words, out);
        }
        for annotation in delta
            .get("annotations")
            .into_iter()
            .flat_map(Value::elements)
        {
            if let Some(citation) = read_citation(annotation) {
                self.settle(writer, out);
                writer.citation(self.index, citation, out);
            }
        }
        for image in read_images(delta) {
            self.settle(writer, out);
            writer.whole(self.index, image, out);
        }
        self.audio(delta);
        for call in delta
            .get("tool_calls")
            .into_iter()
            .flat_map(Value::elements)
        {
            self.call(call, writer, out);
        }
        if let Some(call) = delta.get("function_call") {
            self.function_call(call, writer, out);
        }
        if let Some(text) = thought_signature(delta) {
            self.sign(&text, writer, out);
        }
    }

    fn text(&mut self, text: &str, writer: &mut Writer, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.settle(writer, out);
            writer.text(self.index, text, out);
        }
    }

    /// One of Mistral's pieces of content.
    fn piece(&mut self, piece: Value, writer: &mut Writer, out: &mut Vec<Event>) {
        let kind = piece.get("type").and_then(Value::as_str);
        if kind.as_deref() == Some("thinking") {
            let words = thinking_words(piece);
            return self.words(reasoning::CHUNK, &words, writer, out);
        }
        match read_part(piece) {
            Some(Part {
                content: Content::Text { text, .. },
                ..
            }) => self.text(&text, writer, out),
            Some(part) => {
                self.settle(writer, out);
                writer.whole(self.index, part, out);
            }
            None => {}
        }
    }

    /// Reasoning of `reasoning_details` if they have words, else of the plain members, which repeat them.
    fn details(&mut self, delta: Value, writer: &mut Writer, out: &mut Vec<Event>) {
        let mut has_words = false;
        for piece in delta
            .get("reasoning_details")
            .into_iter()
            .flat_map(Value::elements)
            .filter_map(Entry::read)
        {
            has_words |= !piece.words().is_empty();
            self.entry(piece, writer, out);
        }
        if has_words {
            return;
        }
        for member in [reasoning::CONTENT, reasoning::PLAIN] {
            let words = delta.get(member).and_then(Value::as_str);
            if let Some(words) = words.filter(|words| !words.is_empty()) {
                return self.words(member, &words, writer, out);
            }
        }
    }

    fn words(
        &mut self,
        member: &'static str,
        words: &str,
        writer: &mut Writer,
        out: &mut Vec<Event>,
    ) {
        if words.is_empty() {
            return;
        }
        if !matches!(self.reasoning, Some(Open::Member(open)) if open == member) {
            self.settle(writer, out);
            self.reasoning = Some(Open::Member(member));
        }
        self.told.push_str(words);
        writer.thinking(self.index, words, out);
    }

    fn entry(&mut self, piece: Entry, writer: &mut Writer, out: &mut Vec<Event>) {
        let words = piece.words().to_owned();
        match &mut self.reasoning {
            Some(Open::Entry(open)) if open.goes_on_with(&piece) => open.append(piece),
            _ if !words.is_empty() && self.told.starts_with(&words) => {
                let more = self.told.split_off(words.len());
                if !matches!(self.reasoning, Some(Open::Member(_))) {
                    self.settle(writer, out);
                }
                self.told = more;
                self.reasoning = Some(Open::Entry(piece));
                return;
            }
            _ => {
                self.settle(writer, out);
                self.reasoning = Some(Open::Entry(piece));
            }
        }
        writer.thinking(self.index, &words, out);
    }

    /// Ends reasoning that was under way, since something else begins.
    fn settle(&mut self, writer: &mut Writer, out: &mut Vec<Event>) {
        self.told.clear();
        match self.reasoning.take() {
            None => {}
            Some(Open::Member(member)) => {
                writer.sign_thinking(self.index, reasoning::stood_in(member), out);
                writer.close(self.index, out);
            }
            Some(Open::Entry(entry)) if self.has_calls() && entry.words().is_empty() => {
                self.late.push(entry.part());
            }
            Some(Open::Entry(entry)) if entry.is_encrypted() => {
                writer.whole(self.index, entry.part(), out);
            }
            Some(Open::Entry(entry)) => {
                writer.sign_thinking(self.index, entry.signature(), out);
                writer.close(self.index, out);
            }
        }
    }

    /// Writes what was held back; the choice is about to finish.
    fn close(&mut self, writer: &mut Writer, out: &mut Vec<Event>) {
        self.settle(writer, out);
        for part in std::mem::take(&mut self.late) {
            writer.whole(self.index, part, out);
        }
        for custom in &self.custom {
            let json = serde_json::json!({
                "id": custom.id,
                "type": "custom",
                "custom": { "name": custom.name, "input": custom.input },
            });
            let part = Part::new(Content::Foreign {
                origin: Origin::OpenAi,
                json: Json::from_value(&json),
            });
            writer.whole(self.index, part, out);
        }
        if let Some(audio) = self.audio.take() {
            let source = Source::Base64(STANDARD.encode(audio.bytes));
            let media = Media {
                transcript: (!audio.transcript.is_empty()).then_some(audio.transcript),
                ..Media::new(MediaKind::Audio, None, source)
            };
            writer.whole(self.index, Part::new(Content::Media(media)), out);
        }
    }

    /// A sound comes in pieces of base64, each whole.
    fn audio(&mut self, delta: Value) {
        let Some(audio) = delta.get("audio") else {
            return;
        };
        let text = |key| audio.get(key).and_then(Value::as_str);
        let bytes = text("data").and_then(|data| base64_any(&data));
        let transcript = text("transcript").unwrap_or_default();
        let bytes = bytes.unwrap_or_default();
        if !bytes.is_empty() || !transcript.is_empty() {
            let audio = self.audio.get_or_insert_default();
            audio.bytes.extend(bytes);
            audio.transcript.push_str(&transcript);
        }
    }

    fn call(&mut self, call: Value, writer: &mut Writer, out: &mut Vec<Event>) {
        self.settle(writer, out);
        let index = call.get("index").and_then(Value::as_u64);
        let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
        if call.get("custom").is_some_and(|custom| !custom.is_null()) {
            return self.custom(index.unwrap_or(0), &id, call);
        }
        let function = call.get("function");
        let text = |key| function?.get(key)?.as_str();
        let name = text("name").unwrap_or_default();
        let key = self.key(index, &id, !name.is_empty());
        let arguments = match function.and_then(|function| function.get("arguments")) {
            // Some servers write the object itself.
            Some(value) if value.kind() == Kind::Object => Json::of(value).get().to_owned(),
            Some(value) => value.as_str().unwrap_or_default().into_owned(),
            None => String::new(),
        };
        let (id, name) = (Some(id.as_ref()), Some(name.as_ref()));
        let filled = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        writer.call(
            self.index,
            key,
            id.filter(|id| filled(Some(id))),
            name.filter(|name| filled(Some(name))),
            &arguments,
            out,
        );
        if let Some(text) = thought_signature(call) {
            let signature = Signature::from_client(&text, Origin::Gemini, Place::Call);
            writer.sign_call(self.index, key, signature, out);
        }
    }

    /// Which call a delta belongs to. Vendors leave out the index, repeat the id, or number all calls 0: a name with
    /// another id begins a new call whatever the number.
    fn key(&mut self, index: Option<u64>, id: &str, named: bool) -> u64 {
        let other = |call: &Call| named && !id.is_empty() && !call.id.is_empty() && call.id != id;
        let found = match index {
            Some(_) => self
                .calls
                .iter()
                .rposition(|call| call.index == index)
                .filter(|n| !other(&self.calls[*n])),
            None if id.is_empty() && !named => self.calls.len().checked_sub(1),
            None if id.is_empty() => None,
            None => self.calls.iter().rposition(|call| call.id == id),
        };
        let n = found.unwrap_or_else(|| {
            let id = id.to_owned();
            self.calls.push(Call { index, id });
            self.calls.len() - 1
        });
        n as u64
    }

    fn custom(&mut self, index: u64, id: &str, call: Value) {
        let found = self.custom.iter().position(|c| c.index == index);
        let n = found.unwrap_or_else(|| {
            self.custom.push(Custom {
                index,
                ..Custom::default()
            });
            self.custom.len() - 1
        });
        let text = |key| call.get("custom")?.get(key)?.as_str();
        let custom = &mut self.custom[n];
        custom.id.push_str(id);
        custom.name.push_str(&text("name").unwrap_or_default());
        custom.input.push_str(&text("input").unwrap_or_default());
    }

    fn function_call(&mut self, call: Value, writer: &mut Writer, out: &mut Vec<Event>) {
        let text = |key| call.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, arguments) = (text("name"), text("arguments"));
        if name.is_empty() && arguments.is_empty() {
            return;
        }
        self.settle(writer, out);
        if self.calls.is_empty() {
            self.calls.push(Call {
                index: Some(LEGACY),
                id: String::new(),
            });
        }
        let name = Some(name.as_ref()).filter(|name: &&str| !name.is_empty());
        writer.call(self.index, LEGACY, None, name, &arguments, out);
    }

    /// Google signs its calls one by one and texts with the message.
    fn sign(&mut self, text: &str, writer: &mut Writer, out: &mut Vec<Event>) {
        self.settle(writer, out);
        let signature = Signature::from_client(text, Origin::Gemini, Place::Call);
        let on_text = signature.place == Place::Text;
        match self.calls.len().checked_sub(1).filter(|_| !on_text) {
            Some(last) => writer.sign_call(self.index, last as u64, signature, out),
            None => {
                let signature = Signature::from_client(text, Origin::Gemini, Place::Text);
                writer.sign_text(self.index, signature, out);
            }
        }
    }
}
