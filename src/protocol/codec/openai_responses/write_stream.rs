//! Writes a stream for a client.

use std::borrow::Cow;

use bytes::BytesMut;
use memchr::memchr2;
use serde::Serialize;

use super::{
    items::{
        Annotation, ContentText, ItemOut, LogprobOut, PartOut, ResponseOut, SummaryText,
        annotations, logprobs,
    },
    reasoning::{OWN_ID, Sealed, WordsIn, phase, sealed_for_client},
    write_answer::{Echo, Ids, echoed, picture, reasoning_item, response_id, status, usage, words},
    write_request::instructions,
};
use crate::protocol::{
    chat::{Citation, Content, Ending, Json, Origin, Part, TokenLogprob, TokenUsage},
    codec::{Asked, EncodeStream},
    event::{Delta, Event, Start},
    signature::Signature,
};

/// The state of a stream.
pub(super) struct Stream {
    asked: Asked,
    start: Start,
    usage: TokenUsage,
    ending: Ending,
    refuses: bool,
    ids: Ids,
    frames: Frames,
    /// The items that are whole, as they were written.
    output: Vec<Json>,
    /// A part that began and of which nothing was told: its signature may still come.
    pending: Option<Part>,
    open: Option<Open>,
    /// Words that wait for their log probabilities.
    held: Option<String>,
}

/// The open item.
enum Open {
    Message {
        id: String,
        phase: Option<String>,
        parts: Vec<Said>,
        /// A signature that came after the text it stands on.
        late: Option<Signature>,
    },
    Reasoning {
        id: String,
        text: String,
        signature: Option<Signature>,
        /// The signature was known when the item began, so that its id could be the item's. Then it also tells whether
        /// the words are the item's content.
        known: Option<WordsIn>,
    },
    Call {
        id: String,
        call_id: String,
        name: String,
        arguments: String,
        late: Option<Signature>,
    },
}

/// A part of a message.
#[derive(Default)]
struct Said {
    refusal: bool,
    text: String,
    citations: Vec<Citation>,
    logprobs: Vec<TokenLogprob>,
}

impl Said {
    fn out(&self) -> PartOut<'_> {
        if self.refusal {
            PartOut::Refusal {
                refusal: &self.text,
            }
        } else {
            PartOut::OutputText {
                text: &self.text,
                annotations: annotations(&self.citations, &self.text),
                logprobs: logprobs(&self.logprobs),
            }
        }
    }
}

impl EncodeStream for Stream {
    fn next_sequence(&self) -> u64 {
        self.frames.next
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start(start) => {
                self.start = start.clone();
                self.usage.update(start.usage);
                self.respond("response.created", "in_progress", out);
                self.respond("response.in_progress", "in_progress", out);
            }
            Event::Open { choice: 0, part } => {
                self.let_go(&[], out);
                self.pending = Some(part.clone());
            }
            Event::Delta { choice: 0, delta } => self.delta(delta, out),
            Event::Close { choice: 0 } => {
                self.let_go(&[], out);
                self.begin(true, out);
            }
            Event::Logprobs { choice: 0, tokens } => self.let_go(tokens, out),
            Event::Finish { choice: 0, ending } => {
                self.let_go(&[], out);
                self.ending = ending.clone();
                let cut = status(ending, self.refuses).0 == "incomplete";
                self.end_item(cut, out);
            }
            Event::Usage(usage) => self.usage.update(*usage),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::End => self.end(out),
            // Answers of this API have one choice; errors are told by others.
            Event::Error(_)
            | Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Logprobs { .. }
            | Event::Finish { .. } => {}
        }
    }
}

impl Stream {
    /// Begins.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            ids: Ids::new(asked),
            asked: asked.clone(),
            start: Start::default(),
            usage: TokenUsage::default(),
            ending: Ending::default(),
            refuses: false,
            frames: Frames::default(),
            output: Vec::new(),
            pending: None,
            open: None,
            held: None,
        }
    }

    fn respond(&mut self, kind: &'static str, status: &str, out: &mut BytesMut) {
        let id = response_id(&self.start.id, &self.asked);
        let request = &self.asked.request;
        let ended = kind != "response.created" && kind != "response.in_progress";
        let echo = Echo::new(request, self.start.service_tier.as_deref());
        let incomplete = match kind {
            "response.incomplete" => super::write_answer::status(&self.ending, self.refuses).1,
            _ => None,
        };
        let response = Json::from_value(&ResponseOut {
            id: &id,
            object: "response",
            created_at: self.start.created.unwrap_or(self.asked.now),
            status,
            background: false,
            error: None,
            incomplete_details: incomplete,
            instructions: instructions(&request.messages).0,
            max_output_tokens: request.max_tokens,
            model: &self.asked.model,
            output: &self.output,
            echo: &echo,
            usage: if ended { usage(&self.usage) } else { None },
            more: echoed(request),
        });
        let line = Line {
            response: Some(&response),
            ..Line::of(kind)
        };
        self.frames.write(line, out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.end_item(false, out);
        let ending = self.ending.clone();
        let (status, _) = status(&ending, self.refuses);
        let kind = if status == "completed" {
            "response.completed"
        } else {
            "response.incomplete"
        };
        self.respond(kind, status, out);
    }

    fn delta(&mut self, delta: &Delta, out: &mut BytesMut) {
        if let (Delta::Signature(signature), Some(part)) = (delta, &mut self.pending) {
            part.signature = Some(signature.clone());
            return;
        }
        self.let_go(&[], out);
        self.begin(false, out);
        match delta {
            Delta::Text(text) if self.asked.request.logprobs.is_some() => {
                self.held = Some(text.clone());
            }
            Delta::Text(text) | Delta::Refusal(text) => self.say(text, &[], out),
            Delta::Thinking(text) => self.think(text, out),
            Delta::Arguments(text) => self.argue(text, out),
            Delta::Signature(signature) => self.sign(signature),
            Delta::Citation(citation) => {
                if let Some(Open::Message { parts, .. }) = &mut self.open
                    && let Some(said) = parts.last_mut()
                {
                    said.citations.push(citation.clone());
                }
            }
        }
    }

    /// Writes words that wait, and takes the log probabilities of what was said last.
    fn let_go(&mut self, tokens: &[TokenLogprob], out: &mut BytesMut) {
        if let Some(text) = self.held.take() {
            self.say(&text, tokens, out);
        } else if let Some(Open::Message { parts, .. }) = &mut self.open
            && let Some(said) = parts.last_mut()
        {
            said.logprobs.extend_from_slice(tokens);
        }
    }

    fn say(&mut self, text: &str, tokens: &[TokenLogprob], out: &mut BytesMut) {
        let Some(Open::Message { id, parts, .. }) = &mut self.open else {
            return;
        };
        let content_index = parts.len().saturating_sub(1);
        let Some(said) = parts.last_mut() else {
            return;
        };
        said.text.push_str(text);
        said.logprobs.extend_from_slice(tokens);
        let kind = if said.refusal {
            "response.refusal.delta"
        } else {
            "response.output_text.delta"
        };
        let line = Line {
            item_id: Some(id),
            output_index: Some(self.output.len()),
            content_index: Some(content_index),
            delta: Some(text),
            logprobs: (!said.refusal).then(|| logprobs(tokens)),
            ..Line::of(kind)
        };
        self.frames.write(line, out);
    }

    fn think(&mut self, more: &str, out: &mut BytesMut) {
        let index = self.output.len();
        let Some(Open::Reasoning {
            id, text, known, ..
        }) = &mut self.open
        else {
            return;
        };
        let raw = *known == Some(WordsIn::Content);
        if text.is_empty() && !more.is_empty() {
            let line = Line {
                part: Some(PieceOut::thought("", raw)),
                ..Line::of_thought(id, index, raw, "response.content_part.added")
            };
            self.frames.write(line, out);
        }
        text.push_str(more);
        let line = Line {
            delta: Some(more),
            ..Line::of_thought(id, index, raw, "response.reasoning_text.delta")
        };
        self.frames.write(line, out);
    }

    fn argue(&mut self, text: &str, out: &mut BytesMut) {
        let Some(Open::Call { id, arguments, .. }) = &mut self.open else {
            return;
        };
        arguments.push_str(text);
        let line = Line {
            item_id: Some(id),
            output_index: Some(self.output.len()),
            delta: Some(text),
            ..Line::of("response.function_call_arguments.delta")
        };
        self.frames.write(line, out);
    }

    /// A signature that came when what it stands on had begun.
    fn sign(&mut self, given: &Signature) {
        match &mut self.open {
            Some(Open::Reasoning {
                signature, known, ..
            }) => {
                *signature = Some(given.clone());
                *known = None;
            }
            Some(Open::Call { late, .. }) => *late = Some(given.clone()),
            Some(Open::Message {
                phase: said,
                parts,
                late,
                ..
            }) => match phase(Some(given)) {
                Some(phase) if parts.len() == 1 => *said = Some(phase.to_owned()),
                _ => *late = Some(given.clone()),
            },
            None => {}
        }
    }

    /// Begins the part that waits; `closes` if nothing more of it comes.
    fn begin(&mut self, closes: bool, out: &mut BytesMut) {
        let Some(mut part) = self.pending.take() else {
            return;
        };
        let signature = part.signature.take();
        match &mut part.content {
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                self.end_item(false, out);
                if let Some(signature) = &signature {
                    self.carry(signature, false, out);
                }
                let first = std::mem::take(arguments);
                self.begin_call(std::mem::take(id), std::mem::take(name), out);
                if !first.is_empty() {
                    self.argue(&first, out);
                }
            }
            Content::Thinking { text, .. } => {
                self.end_item(false, out);
                let text = std::mem::take(text);
                if closes && text.is_empty() && signature.is_none() {
                    return;
                }
                self.begin_reasoning(signature, out);
                if !text.is_empty() {
                    self.think(&text, out);
                }
            }
            Content::RedactedThinking => {
                self.end_item(false, out);
                if signature.is_some() {
                    let made = || self.ids.id(OWN_ID, self.output.len());
                    let item = Json::from_value(&reasoning_item(made, "", signature.as_ref()));
                    self.whole(item, out);
                }
            }
            Content::Foreign {
                origin: Origin::OpenAi,
                json,
            } => {
                self.end_item(false, out);
                let item = std::mem::take(json);
                self.whole(item, out);
            }
            Content::Refusal { text } => {
                self.refuses = true;
                let text = std::mem::take(text);
                if !(closes && text.is_empty()) {
                    self.begin_words(true, Vec::new(), None, out);
                    if !text.is_empty() {
                        self.say(&text, &[], out);
                    }
                }
            }
            Content::Media(media) if picture(media).is_some() => {
                self.end_item(false, out);
                self.picture(&part, out);
            }
            _ => {
                let Some(text) = words(&part).map(str::to_owned) else {
                    return;
                };
                let citations = match part.content {
                    Content::Text { citations, .. } => citations,
                    _ => Vec::new(),
                };
                let empty = closes && text.is_empty();
                if empty && signature.is_none() {
                    return;
                }
                if let Some(signature) = signature.as_ref()
                    && phase(Some(signature)).is_none()
                {
                    self.end_item(false, out);
                    self.carry(signature, false, out);
                }
                if empty {
                    return;
                }
                self.begin_words(false, citations, phase(signature.as_ref()), out);
                if !text.is_empty() {
                    self.say(&text, &[], out);
                }
            }
        }
    }

    fn begin_words(
        &mut self,
        refusal: bool,
        citations: Vec<Citation>,
        phase: Option<&str>,
        out: &mut BytesMut,
    ) {
        let joins = phase.is_none() && matches!(&self.open, Some(Open::Message { late: None, .. }));
        if joins {
            self.end_part(out);
        } else {
            self.end_item(false, out);
            let id = self.ids.id("msg_", self.output.len());
            self.added(
                &ItemOut::Message {
                    id: Cow::Borrowed(&id),
                    status: "in_progress",
                    role: "assistant",
                    phase,
                    content: Vec::new(),
                },
                out,
            );
            self.open = Some(Open::Message {
                id,
                phase: phase.map(str::to_owned),
                parts: Vec::new(),
                late: None,
            });
        }
        let Some(Open::Message { id, parts, .. }) = &mut self.open else {
            return;
        };
        let empty = Said {
            refusal,
            ..Said::default()
        };
        let line = Line {
            item_id: Some(id),
            output_index: Some(self.output.len()),
            content_index: Some(parts.len()),
            part: Some(PieceOut::Part(empty.out())),
            ..Line::of("response.content_part.added")
        };
        self.frames.write(line, out);
        parts.push(Said { citations, ..empty });
    }

    fn begin_reasoning(&mut self, signature: Option<Signature>, out: &mut BytesMut) {
        let made = || self.ids.id(OWN_ID, self.output.len());
        let item = reasoning_item(made, "", signature.as_ref());
        let ItemOut::Reasoning { id, .. } = &item else {
            return;
        };
        let id = id.clone().into_owned();
        self.added(
            &ItemOut::Reasoning {
                id: Cow::Borrowed(&id),
                summary: Vec::new(),
                content: Vec::new(),
                encrypted_content: None,
            },
            out,
        );
        self.open = Some(Open::Reasoning {
            id,
            text: String::new(),
            known: signature.as_ref().and_then(Sealed::of).map(|s| s.words),
            signature,
        });
    }

    fn begin_call(&mut self, call_id: String, name: String, out: &mut BytesMut) {
        let id = self.ids.id("fc_", self.output.len());
        self.added(
            &ItemOut::FunctionCall {
                id: Cow::Borrowed(&id),
                status: "in_progress",
                name: &name,
                call_id: &call_id,
                arguments: "",
            },
            out,
        );
        self.open = Some(Open::Call {
            id,
            call_id,
            name,
            arguments: String::new(),
            late: None,
        });
    }

    fn picture(&mut self, part: &Part, out: &mut BytesMut) {
        let Content::Media(media) = &part.content else {
            return;
        };
        let Some((result, output_format)) = picture(media) else {
            return;
        };
        let id = self.ids.id("ig_", self.output.len());
        let item = |status, result| ItemOut::ImageGenerationCall {
            id: Cow::Borrowed(&id),
            status,
            result,
            output_format,
        };
        self.added(&item("in_progress", None), out);
        for kind in [
            "response.image_generation_call.in_progress",
            "response.image_generation_call.generating",
            "response.image_generation_call.completed",
        ] {
            let line = Line {
                item_id: Some(&id),
                output_index: Some(self.output.len()),
                ..Line::of(kind)
            };
            self.frames.write(line, out);
        }
        self.done(Json::from_value(&item("completed", Some(result))), out);
    }

    /// An item without words for a signature on what stands beside it.
    fn carry(&mut self, signature: &Signature, after: bool, out: &mut BytesMut) {
        let item = Json::from_value(&ItemOut::Reasoning {
            id: self.ids.id(OWN_ID, self.output.len()).into(),
            summary: Vec::new(),
            content: Vec::new(),
            encrypted_content: Some(sealed_for_client(signature, after).into()),
        });
        self.whole(item, out);
    }

    fn added(&mut self, item: &ItemOut<'_>, out: &mut BytesMut) {
        let item = Json::from_value(item);
        let line = Line {
            output_index: Some(self.output.len()),
            item: Some(&item),
            ..Line::of("response.output_item.added")
        };
        self.frames.write(line, out);
    }

    fn done(&mut self, item: Json, out: &mut BytesMut) {
        let line = Line {
            output_index: Some(self.output.len()),
            item: Some(&item),
            ..Line::of("response.output_item.done")
        };
        self.frames.write(line, out);
        self.output.push(item);
    }

    /// An item of which there is nothing to tell in pieces.
    fn whole(&mut self, item: Json, out: &mut BytesMut) {
        let line = Line {
            output_index: Some(self.output.len()),
            item: Some(&item),
            ..Line::of("response.output_item.added")
        };
        self.frames.write(line, out);
        self.done(item, out);
    }

    /// Ends the open part of the open message. Citations are told here, since before the end it is not known how long the
    /// text is that those without a place stand for.
    fn end_part(&mut self, out: &mut BytesMut) {
        let Some(Open::Message { id, parts, .. }) = &self.open else {
            return;
        };
        let Some(said) = parts.last() else {
            return;
        };
        let place = |kind| Line {
            item_id: Some(id),
            output_index: Some(self.output.len()),
            content_index: Some(parts.len() - 1),
            ..Line::of(kind)
        };
        let known = annotations(&said.citations, &said.text);
        for (n, annotation) in known.into_iter().enumerate() {
            let line = Line {
                annotation_index: Some(n),
                annotation: Some(annotation),
                ..place("response.output_text.annotation.added")
            };
            self.frames.write(line, out);
        }
        let line = if said.refusal {
            Line {
                refusal: Some(&said.text),
                ..place("response.refusal.done")
            }
        } else {
            Line {
                text: Some(&said.text),
                logprobs: Some(logprobs(&said.logprobs)),
                ..place("response.output_text.done")
            }
        };
        self.frames.write(line, out);
        let line = Line {
            part: Some(PieceOut::Part(said.out())),
            ..place("response.content_part.done")
        };
        self.frames.write(line, out);
    }

    /// Ends the open item; `cut` if the answer was cut off in it.
    fn end_item(&mut self, cut: bool, out: &mut BytesMut) {
        self.end_part(out);
        let Some(open) = self.open.take() else {
            return;
        };
        let late = match open {
            Open::Message {
                id,
                phase,
                parts,
                late,
            } => {
                let mut item = ItemOut::Message {
                    id: id.into(),
                    status: "completed",
                    role: "assistant",
                    phase: phase.as_deref(),
                    content: parts.iter().map(Said::out).collect(),
                };
                if cut {
                    item.cut();
                }
                self.done(Json::from_value(&item), out);
                late
            }
            Open::Reasoning {
                id,
                text,
                signature,
                known,
            } => {
                self.end_reasoning(id, &text, signature.as_ref(), known, out);
                None
            }
            Open::Call {
                id,
                call_id,
                name,
                arguments,
                late,
            } => {
                let arguments = if arguments.is_empty() {
                    "{}"
                } else {
                    arguments.as_str()
                };
                let line = Line {
                    item_id: Some(&id),
                    output_index: Some(self.output.len()),
                    name: Some(&name),
                    arguments: Some(arguments),
                    ..Line::of("response.function_call_arguments.done")
                };
                self.frames.write(line, out);
                let mut item = ItemOut::FunctionCall {
                    id: Cow::Borrowed(&id),
                    status: "completed",
                    name: &name,
                    call_id: &call_id,
                    arguments,
                };
                if cut {
                    item.cut();
                }
                self.done(Json::from_value(&item), out);
                late
            }
        };
        if let Some(signature) = late {
            self.carry(&signature, true, out);
        }
    }

    fn end_reasoning(
        &mut self,
        id: String,
        text: &str,
        signature: Option<&Signature>,
        known: Option<WordsIn>,
        out: &mut BytesMut,
    ) {
        let raw = known == Some(WordsIn::Content);
        if !text.is_empty() {
            let place = |kind| Line::of_thought(&id, self.output.len(), raw, kind);
            let line = Line {
                text: Some(text),
                ..place("response.reasoning_text.done")
            };
            self.frames.write(line, out);
            let line = Line {
                part: Some(PieceOut::thought(text, raw)),
                ..place("response.content_part.done")
            };
            self.frames.write(line, out);
        }
        let item = if known.is_some() {
            reasoning_item(String::new, text, signature)
        } else {
            // A signature of this API that came too late for the item to have its id is sealed with the id in it.
            let encrypted = signature.map(|s| sealed_for_client(s, false).into());
            ItemOut::Reasoning {
                id: "".into(),
                summary: summary(text),
                content: Vec::new(),
                encrypted_content: encrypted,
            }
        };
        let item = match item {
            ItemOut::Reasoning {
                summary,
                content,
                encrypted_content,
                ..
            } => ItemOut::Reasoning {
                id: id.into(),
                summary,
                content,
                encrypted_content,
            },
            other => other,
        };
        self.done(Json::from_value(&item), out);
    }
}

fn summary(text: &str) -> Vec<SummaryText<'_>> {
    let told = (!text.is_empty()).then(|| SummaryText::new(text));
    told.into_iter().collect()
}

/// Writes the frames, with their numbers.
#[derive(Default)]
struct Frames {
    next: u64,
    buffer: Vec<u8>,
}

impl Frames {
    fn write(&mut self, mut line: Line<'_>, out: &mut BytesMut) {
        line.sequence_number = self.next;
        self.next += 1;
        self.buffer.clear();
        // Lines are texts, numbers and lists, which serde_json always writes.
        let written = serde_json::to_writer(&mut self.buffer, &line);
        debug_assert!(written.is_ok(), "a line that is no JSON");
        // A piece of JSON from elsewhere may have line ends between its tokens, where a space does as well.
        let mut at = 0;
        while let Some(n) = memchr2(b'\n', b'\r', &self.buffer[at..]) {
            self.buffer[at + n] = b' ';
            at += n + 1;
        }
        out.reserve(self.buffer.len() + line.r#type.len() + 18);
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(line.r#type.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(&self.buffer);
        out.extend_from_slice(b"\n\n");
    }
}

/// The data of an event: those members that it has.
#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotation_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<LogprobOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotation: Option<Annotation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<PieceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a Json>,
}

impl Line<'_> {
    const fn of(r#type: &'static str) -> Self {
        Self {
            r#type,
            sequence_number: 0,
            item_id: None,
            output_index: None,
            content_index: None,
            summary_index: None,
            annotation_index: None,
            delta: None,
            text: None,
            refusal: None,
            name: None,
            arguments: None,
            logprobs: None,
            annotation: None,
            part: None,
            item: None,
            response: None,
        }
    }
}

impl<'a> Line<'a> {
    /// A line about words of reasoning: those about the raw ones have the given names, those about summaries others.
    fn of_thought(id: &'a str, index: usize, raw: bool, kind: &'static str) -> Self {
        let kind = match kind {
            _ if raw => kind,
            "response.content_part.added" => "response.reasoning_summary_part.added",
            "response.reasoning_text.delta" => "response.reasoning_summary_text.delta",
            "response.reasoning_text.done" => "response.reasoning_summary_text.done",
            _ => "response.reasoning_summary_part.done",
        };
        Self {
            item_id: Some(id),
            output_index: Some(index),
            content_index: raw.then_some(0),
            summary_index: (!raw).then_some(0),
            ..Self::of(kind)
        }
    }
}

/// A part in an event.
#[derive(Serialize)]
#[serde(untagged)]
enum PieceOut<'a> {
    Part(PartOut<'a>),
    Summary(SummaryText<'a>),
    Content(ContentText<'a>),
}

impl<'a> PieceOut<'a> {
    const fn thought(text: &'a str, raw: bool) -> Self {
        if raw {
            Self::Content(ContentText::new(text))
        } else {
            Self::Summary(SummaryText::new(text))
        }
    }
}
