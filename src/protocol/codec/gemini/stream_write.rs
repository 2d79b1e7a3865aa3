//! A stream for a client: each chunk is a whole object, as a server-sent event or as an element of a JSON list.

use bytes::BytesMut;

use super::{
    super::{
        super::{
            chat::{Citation, Content, Ending, Part, TokenLogprob, TokenUsage},
            event::{self, Delta, Event},
            signature::Place,
            sse,
        },
        Asked, EncodeStream,
    },
    answer_write, citations,
    citations::Cited,
    finish,
    object::{Field, Object},
    part_write::{self, WireContent, WirePart},
    usage,
};

/// Writes a stream.
pub(super) struct Encoder {
    asked: Asked,
    id: String,
    tier: Option<String>,
    usage: TokenUsage,
    /// The counts that the last chunk told.
    told: TokenUsage,
    choices: Vec<State>,
    begun: bool,
}

/// One choice so far.
#[derive(Default)]
struct State {
    index: u32,
    /// The open part: words that were told already are not in it, those of calls are.
    open: Option<Part>,
    /// All text so far: places of citations count from its beginning.
    text: String,
    base: usize,
    cited: Vec<(usize, Citation)>,
    logprobs: Vec<TokenLogprob>,
    ending: Option<Ending>,
}

impl Encoder {
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            id: asked.request_id.clone(),
            tier: None,
            usage: TokenUsage::default(),
            told: TokenUsage::default(),
            choices: Vec::new(),
            begun: false,
        }
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start(start) => {
                answer_write::response_id(&start.id, &self.asked).clone_into(&mut self.id);
                self.tier.clone_from(&start.service_tier);
                self.usage.update(start.usage);
            }
            Event::Open { choice, part } => self.open(*choice, part, out),
            Event::Delta { choice, delta } => self.delta(*choice, delta, out),
            Event::Close { choice } => self.close(*choice, out),
            Event::Logprobs { choice, tokens } => {
                self.state(*choice).logprobs.extend_from_slice(tokens);
            }
            // Told with the last chunk, where clients look for it beside the usage.
            Event::Finish { choice, ending } => self.state(*choice).ending = Some(ending.clone()),
            Event::Usage(usage) => self.usage.update(*usage),
            Event::Ping | Event::Error(_) => {}
            Event::End => self.end(out),
        }
    }
}

impl Encoder {
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

    fn open(&mut self, choice: u32, part: &Part, out: &mut BytesMut) {
        let state = self.state(choice);
        state.base = state.text.len();
        if let Content::Text { text, citations } = &part.content {
            state.text.push_str(text);
            let base = state.base;
            let placed = citations.iter().map(|citation| (base, citation.clone()));
            state.cited.extend(placed);
        }
        state.open = Some(part.clone());
        // Words that come with the beginning are told at once, but for those of calls: a call is told whole.
        let words = match &part.content {
            Content::Text { text, .. }
            | Content::Thinking { text, .. }
            | Content::Refusal { text } => text,
            Content::ToolCall { .. } => return,
            _ => {
                let parts = part_write::for_client(part).into_iter();
                let parts: Vec<_> = parts.chain(answer_write::transcript(part)).collect();
                if let Some(state) = self.choices.iter_mut().find(|s| s.index == choice) {
                    state.open = None;
                }
                if !parts.is_empty() {
                    self.parts(choice, parts, out);
                }
                return;
            }
        };
        if !words.is_empty() {
            self.words(choice, words, out);
        }
    }

    /// More words of the open part. A signature that is known already goes with the first of them.
    fn words(&mut self, choice: u32, words: &str, out: &mut BytesMut) {
        let Some(open) = &mut self.state(choice).open else {
            return;
        };
        let mut fields = match &open.content {
            Content::Thinking { .. } => part_write::thought(words),
            _ => part_write::text(words),
        };
        let place = place(open);
        let signature = open.signature.take();
        fields.thought_signature = signature.map(|s| {
            s.for_client(super::super::super::chat::Origin::Gemini, place)
                .into()
        });
        self.parts(choice, vec![fields.into()], out);
    }

    fn delta(&mut self, choice: u32, delta: &Delta, out: &mut BytesMut) {
        match delta {
            Delta::Text(words) => {
                self.state(choice).text.push_str(words);
                self.words(choice, words, out);
            }
            Delta::Thinking(words) | Delta::Refusal(words) => self.words(choice, words, out),
            Delta::Citation(citation) => {
                let state = self.state(choice);
                let base = state.base;
                state.cited.push((base, citation.clone()));
            }
            Delta::Arguments(_) | Delta::Signature(_) => {
                if let Some(open) = &mut self.state(choice).open {
                    event::append(open, delta.clone());
                }
            }
        }
    }

    /// A call is told whole, and a signature that came behind the words alone.
    fn close(&mut self, choice: u32, out: &mut BytesMut) {
        let Some(mut part) = self.state(choice).open.take() else {
            return;
        };
        match &mut part.content {
            Content::Text { text, .. } | Content::Thinking { text, .. } => {
                if part.signature.is_none() {
                    return;
                }
                text.clear();
            }
            Content::ToolCall { .. } => {}
            _ => return,
        }
        if let Some(wire) = part_write::for_client(&part) {
            self.parts(choice, vec![wire], out);
        }
    }

    fn parts(&mut self, choice: u32, parts: Vec<WirePart<'_>>, out: &mut BytesMut) {
        let mut candidate = Object::default();
        let role = Some("model");
        let content = WireContent { role, parts };
        candidate.put("content", Some(Field::Content(content)));
        candidate.put("index", Some(Field::Count(choice.into())));
        self.chunk(vec![Field::Object(candidate)], false, out);
    }

    /// The last chunk: why each choice ended, and what is to be said of its text as a whole.
    fn end(&mut self, out: &mut BytesMut) {
        let choices = std::mem::take(&mut self.choices);
        let candidates: Vec<_> = choices.iter().map(last).collect();
        self.chunk(candidates, true, out);
        if !self.asked.sse {
            out.extend_from_slice(b"\n]\n");
        }
    }

    fn chunk(&mut self, candidates: Vec<Field<'_>>, last: bool, out: &mut BytesMut) {
        let mut root = Object::default();
        root.put("candidates", Some(Field::List(candidates)));
        // Running totals: a client takes the last that it saw.
        if last || self.usage != self.told || !self.begun {
            self.told = self.usage;
            let counts = usage::write(&self.usage, self.tier.as_deref());
            root.put("usageMetadata", counts.map(Field::Object));
        }
        root.put(
            "modelVersion",
            Some(Field::Text((&self.asked.model).into())),
        );
        root.put("responseId", Some(Field::Text((&self.id).into())));
        let first = !std::mem::replace(&mut self.begun, true);
        if self.asked.sse {
            return sse::write_json(&root, out);
        }
        out.extend_from_slice(if first { b"[" } else { b"\n,\n" });
        // What is written here has string keys and finite numbers only.
        out.extend_from_slice(&serde_json::to_vec(&root).unwrap_or_default());
    }
}

fn place(part: &Part) -> Place {
    match part.content {
        Content::Thinking { .. } => Place::Thinking,
        Content::RedactedThinking => Place::Redacted,
        Content::ToolCall { .. } => Place::Call,
        _ => Place::Text,
    }
}

fn last(state: &State) -> Field<'_> {
    let mut out = Object::default();
    // An empty text, as Google does: its SDKs forget a chat of which a chunk has no parts.
    let content = WireContent {
        role: Some("model"),
        parts: vec![part_write::text("").into()],
    };
    out.put("content", Some(Field::Content(content)));
    if let Some(ending) = &state.ending {
        out.put(
            "finishReason",
            Some(Field::Text(finish::write(ending).into())),
        );
    }
    out.put("index", Some(Field::Count(state.index.into())));
    let cited: Vec<_> = state
        .cited
        .iter()
        .map(|(base, citation)| Cited {
            citation,
            text: &state.text[*base..],
            part: 0,
            before: *base,
        })
        .collect();
    out.put(
        "groundingMetadata",
        citations::write(&cited).map(Field::Object),
    );
    answer_write::logprobs(&state.logprobs, &mut out);
    Field::Object(out)
}
