//! A provider's stream, read: each chunk is an answer of its own, and they add up.

use super::{
    super::{
        super::{
            chat::{Citation, Ending, Finish, TokenUsage},
            event::{Event, Start, Writer},
            json::{Document, Kind, Limits, Value},
        },
        DecodeStream,
    },
    answer_read,
    citations::{self, Found},
    finish,
    object::{get, members, string},
    part_read::{self, Piece},
    usage::Counts,
};

/// Reads a stream.
#[derive(Default)]
pub(super) struct Decoder {
    writer: Writer,
    choices: Vec<State>,
    counts: Counts,
    told: TokenUsage,
    failed: bool,
}

/// One candidate so far.
#[derive(Default)]
struct State {
    index: u32,
    /// All its text, since places of citations count from its beginning.
    text: String,
    /// Where the open text part begins in it.
    base: usize,
    open: Open,
    /// The open part is signed, so that nothing may be added to it.
    sealed: bool,
    calls: u64,
    /// Some models repeat the reason in each chunk, so that the first is not the end.
    ending: Option<Ending>,
    cited: Vec<Citation>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Text,
    Thought,
}

impl DecodeStream for Decoder {
    fn frame(&mut self, _event: &[u8], data: &[u8], out: &mut Vec<Event>) {
        if self.failed {
            return;
        }
        let Ok(document) = Document::parse(data, Limits::default()) else {
            return;
        };
        let root = document.root();
        if root.kind() == Kind::Array {
            for chunk in root.elements() {
                self.chunk(chunk, out);
            }
        } else {
            self.chunk(root, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.failed {
            return;
        }
        for state in &mut self.choices {
            if let Some(mut ending) = state.ending.take() {
                if ending.finish != Finish::ContentFilter {
                    let word = ending.word.take().unwrap_or_default();
                    ending = finish::read(&word, state.calls > 0);
                }
                self.writer.finish(state.index, ending, out);
            }
        }
        self.writer.end(out);
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: Value<'_>, out: &mut Vec<Event>) {
        if self.failed || chunk.kind() != Kind::Object {
            return;
        }
        if let Some(error) = answer_read::error_in(chunk) {
            self.failed = true;
            out.push(Event::Error(error));
            return;
        }
        let mut start = Start::default();
        let (mut candidates, mut feedback) = (None, None);
        for (name, value) in members(chunk) {
            match &*name {
                "candidates" => candidates = Some(value),
                "promptFeedback" => feedback = answer_read::block(value),
                "usageMetadata" => start.service_tier = self.counts.read(value),
                "modelVersion" => start.model = string(value).unwrap_or_default(),
                "responseId" => start.id = string(value).unwrap_or_default(),
                "createTime" => start.created = answer_read::created(value),
                _ => {}
            }
        }
        self.writer.start(|| start, out);
        let candidates = candidates.into_iter().flat_map(Value::elements);
        for (n, candidate) in candidates.enumerate() {
            if let Some(index) = answer_read::index(candidate, n) {
                self.candidate(index, candidate, out);
            }
        }
        if let Some(ending) = feedback {
            self.state(0).ending = Some(ending);
        }
        let usage = self.counts.usage();
        if usage != self.told {
            self.told = usage;
            out.push(Event::Usage(usage));
        }
    }

    fn state(&mut self, index: u32) -> &mut State {
        let found = self.choices.iter().position(|state| state.index == index);
        let n = found.unwrap_or_else(|| {
            self.choices.push(State {
                index,
                ..State::default()
            });
            self.choices.len() - 1
        });
        &mut self.choices[n]
    }

    fn candidate(&mut self, index: u32, candidate: Value<'_>, out: &mut Vec<Event>) {
        self.state(index);
        let Some(state) = self.choices.iter_mut().find(|state| state.index == index) else {
            return;
        };
        let writer = &mut self.writer;
        let (mut grounding, mut cited, mut tokens) = (None, None, Vec::new());
        // A signature that comes without words stands behind what is cited.
        let mut seals = Vec::new();
        for (name, value) in members(candidate) {
            match &*name {
                "content" => {
                    for part in get(value, "parts").into_iter().flat_map(Value::elements) {
                        match part_read::read(part, part_read::from_provider) {
                            seal @ Piece::Text {
                                thought: false,
                                signature: Some(_),
                                ..
                            } if matches!(&seal, Piece::Text { text, .. } if text.is_empty()) => {
                                seals.push(seal);
                            }
                            piece => {
                                for seal in seals.drain(..) {
                                    state.piece(seal, writer, out);
                                }
                                state.piece(piece, writer, out);
                            }
                        }
                    }
                }
                "finishReason" => {
                    state.ending = value.as_str().map(|word| finish::read(&word, false));
                }
                "groundingMetadata" => grounding = Some(value),
                "citationMetadata" => cited = Some(value),
                "logprobsResult" => tokens = answer_read::logprobs(value),
                _ => {}
            }
        }
        for found in citations::read(grounding, cited) {
            state.cite(&found, writer, out);
        }
        for seal in seals {
            state.piece(seal, writer, out);
        }
        writer.logprobs(index, tokens, out);
    }
}

impl State {
    fn piece(&mut self, piece: Piece, writer: &mut Writer, out: &mut Vec<Event>) {
        let choice = self.index;
        match piece {
            Piece::Text {
                text,
                thought,
                signature,
            } => {
                if text.is_empty() && signature.is_none() {
                    return;
                }
                let kind = if thought { Open::Thought } else { Open::Text };
                // Google: do not merge a signed part with one that is not. But the signature of reasoning that was
                // told in pieces comes behind it.
                let apart = signature.is_some() && !(thought && text.is_empty());
                if self.sealed || apart || self.open != kind {
                    writer.close(choice, out);
                    self.base = self.text.len();
                }
                self.open = kind;
                self.sealed = signature.is_some();
                // Signature first: dialects without a place for it on words put a part of its own before them.
                if thought {
                    if let Some(signature) = signature {
                        writer.sign_thinking(choice, signature, out);
                    }
                    writer.thinking(choice, &text, out);
                } else {
                    if let Some(signature) = signature {
                        writer.sign_text(choice, signature, out);
                    }
                    self.text.push_str(&text);
                    writer.text(choice, &text, out);
                }
            }
            Piece::Call {
                id,
                name,
                arguments,
                signature,
            } => {
                if name.is_empty() {
                    return;
                }
                self.whole();
                writer.close(choice, out);
                self.calls += 1;
                let key = self.calls;
                writer.call(choice, key, id.as_deref(), Some(&name), &arguments, out);
                if let Some(signature) = signature {
                    writer.sign_call(choice, key, signature, out);
                }
                writer.close(choice, out);
            }
            Piece::Whole(part) => {
                self.whole();
                writer.whole(choice, part, out);
            }
            Piece::Result { .. } | Piece::Nothing => {}
        }
    }

    fn whole(&mut self) {
        self.open = Open::Nothing;
        self.sealed = false;
    }

    /// Tells a source once, though chunks repeat it. Only places in the open text can still be told.
    fn cite(&mut self, found: &Found, writer: &mut Writer, out: &mut Vec<Event>) {
        let mut place = found.range.filter(|(s, e)| found.fits(&self.text, *s, *e));
        if place.is_none()
            && let Some(words) = found.words.as_deref().filter(|words| !words.is_empty())
        {
            place = self.text.rfind(words).map(|at| (at, at + words.len()));
        }
        let open = self.open == Open::Text;
        let place = place.filter(|(start, _)| open && *start >= self.base);
        let citation = match place {
            Some((start, end)) => {
                found.at(&self.text[self.base..], start - self.base, end - self.base)
            }
            None => found.citation.clone(),
        };
        if !self.cited.contains(&citation) {
            if !open {
                self.open = Open::Text;
                self.sealed = false;
                self.base = self.text.len();
            }
            writer.citation(self.index, citation.clone(), out);
            self.cited.push(citation);
        }
    }
}
