//! A stream for a client.

use std::sync::Arc;

use bytes::BytesMut;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    finish_word,
    reasoning::Detail,
    tokens::{Logprobs, Usage},
    write_answer::{Annotation, Audio, Image, MediaOut, created, custom_call, google, id_of},
    write_message::Google,
};
use crate::protocol::{
    chat::{Citation, Content, Part, TokenUsage},
    codec::{Asked, EncodeStream},
    event::{Delta, Event, append},
    signature::Place,
    sse,
};

/// Writes chunks.
pub(super) struct Encoder {
    asked: Arc<Asked>,
    id: String,
    created: u64,
    service_tier: Option<String>,
    usage: TokenUsage,
    choices: Vec<Progress>,
}

/// What a choice has told so far.
#[derive(Default)]
struct Progress {
    index: u32,
    calls: u32,
    details: u32,
    /// Reasoning that was told in words only so far.
    reasoning: Vec<Part>,
    images: usize,
    refused: bool,
    /// Characters of text before the open part and up to now, for the places of citations.
    start: u64,
    end: u64,
    /// Citations of the open part: where they stand is known when it ends.
    citations: Vec<Citation>,
    /// Those of parts that ended, with the place of their part.
    cited: Vec<(Citation, u64, u64)>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    choices: &'a [ChoiceOut<'a>],
    /// Where usage is asked for, all chunks but the last say that it is not there yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<&'a Usage>>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    index: u32,
    delta: Said<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<Vec<Detail<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Audio<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<[Image<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Call<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Google<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<Called<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Google<'a>>,
}

#[derive(Serialize)]
struct Called<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl<'a> Call<'a> {
    const fn new(index: u32) -> Self {
        Self {
            index,
            id: None,
            r#type: None,
            function: None,
            custom: None,
            extra_content: None,
        }
    }
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start(start) => {
                self.id = id_of(&start.id, "chatcmpl", &self.asked).into_owned();
                self.created = created(start.created, &self.asked);
                self.service_tier.clone_from(&start.service_tier);
                self.usage.update(start.usage);
                self.begin(0, out);
            }
            Event::Open { choice, part } => self.open(*choice, part, out),
            Event::Delta { choice, delta } => self.delta(*choice, delta, out),
            Event::Close { choice } => self.close(*choice, out),
            Event::Logprobs { choice, tokens } => {
                let n = self.begin(*choice, out);
                let refused = self.choices[n].refused;
                let logprobs = Logprobs::of(tokens, refused);
                self.write(*choice, Said::default(), logprobs, None, out);
            }
            Event::Finish { choice, ending } => {
                let n = self.begin(*choice, out);
                self.tell_reasoning(n, out);
                self.tell_citations(n, out);
                let progress = &self.choices[n];
                let word = finish_word(ending.finish, progress.calls > 0, progress.refused);
                self.write(*choice, Said::default(), None, Some(word), out);
            }
            Event::Usage(usage) => self.usage.update(*usage),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Error(_) => {}
            Event::End => {
                if let Some(usage) = self.usage_told() {
                    self.chunk(&[], Some(Some(&usage)), out);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
    }
}

impl Encoder {
    /// A stream for a client that asked this.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            id: id_of("", "chatcmpl", asked).into_owned(),
            created: asked.now,
            asked: Arc::new(asked.clone()),
            service_tier: None,
            usage: TokenUsage::default(),
            choices: Vec::new(),
        }
    }

    fn usage_told(&self) -> Option<Usage> {
        let asked = self.asked.include_usage;
        Usage::of(&self.usage).filter(|_| asked)
    }

    /// The place of a choice in the list. Its first chunk tells the role, as OpenAI's do.
    fn begin(&mut self, choice: u32, out: &mut BytesMut) -> usize {
        if let Some(n) = self.choices.iter().position(|c| c.index == choice) {
            return n;
        }
        self.choices.push(Progress {
            index: choice,
            ..Progress::default()
        });
        let said = Said {
            role: Some("assistant"),
            content: Some(None),
            ..Said::default()
        };
        self.write(choice, said, None, None, out);
        self.choices.len() - 1
    }

    fn open(&mut self, choice: u32, part: &Part, out: &mut BytesMut) {
        let n = self.begin(choice, out);
        let asked = Arc::clone(&self.asked);
        if !matches!(
            part.content,
            Content::Thinking { .. } | Content::RedactedThinking
        ) {
            self.tell_reasoning(n, out);
        }
        let progress = &mut self.choices[n];
        let said = match &part.content {
            Content::Text { text, citations } => {
                progress.start = progress.end;
                progress.end += text.chars().count() as u64;
                progress.citations.clone_from(citations);
                Said {
                    content: Some(Some(text.as_str())).filter(|_| !text.is_empty()),
                    extra_content: part.signature.as_ref().map(|s| google(s, Place::Text)),
                    ..Said::default()
                }
            }
            Content::Thinking { text, .. } => {
                progress.reasoning.push(part.clone());
                Said {
                    reasoning_content: Some(text.as_str()).filter(|text| !text.is_empty()),
                    ..Said::default()
                }
            }
            Content::RedactedThinking => {
                progress.reasoning.push(part.clone());
                return;
            }
            Content::Refusal { text } => {
                progress.refused = true;
                Said {
                    refusal: Some(text.as_str()).filter(|text| !text.is_empty()),
                    ..Said::default()
                }
            }
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                progress.calls += 1;
                Said {
                    tool_calls: Some([Call {
                        id: Some(id),
                        r#type: Some("function"),
                        function: Some(Called {
                            name: Some(name),
                            arguments,
                        }),
                        extra_content: part.signature.as_ref().map(|s| google(s, Place::Call)),
                        ..Call::new(progress.calls - 1)
                    }]),
                    ..Said::default()
                }
            }
            Content::Media(media) => match MediaOut::of(media, progress.images, &asked) {
                Some(MediaOut::Audio(audio)) => Said {
                    audio: Some(audio),
                    ..Said::default()
                },
                Some(MediaOut::Image(image)) => {
                    progress.images += 1;
                    Said {
                        images: Some([image]),
                        ..Said::default()
                    }
                }
                None => return,
            },
            content => return self.custom(n, content, out),
        };
        let silent = said.content.is_none()
            && said.extra_content.is_none()
            && said.reasoning_content.is_none()
            && said.refusal.is_none()
            && said.tool_calls.is_none()
            && said.audio.is_none()
            && said.images.is_none();
        if !silent {
            self.write(choice, said, None, None, out);
        }
    }

    fn custom(&mut self, n: usize, content: &Content, out: &mut BytesMut) {
        let Some(json) = custom_call(content) else {
            return;
        };
        let call = json.to_value();
        let progress = &mut self.choices[n];
        progress.calls += 1;
        let (choice, index) = (progress.index, progress.calls - 1);
        let call = Call {
            id: call["id"].as_str(),
            r#type: Some("custom"),
            custom: serde_json::value::to_raw_value(&call["custom"]).ok(),
            ..Call::new(index)
        };
        let said = Said {
            tool_calls: Some([call]),
            ..Said::default()
        };
        self.write(choice, said, None, None, out);
    }

    fn delta(&mut self, choice: u32, delta: &Delta, out: &mut BytesMut) {
        let n = self.begin(choice, out);
        let progress = &mut self.choices[n];
        let call = Call::new(progress.calls.saturating_sub(1));
        let said = match delta {
            Delta::Text(text) => {
                progress.end += text.chars().count() as u64;
                Said {
                    content: Some(Some(text)),
                    ..Said::default()
                }
            }
            Delta::Thinking(text) => {
                if let Some(part) = progress.reasoning.last_mut() {
                    append(part, delta.clone());
                }
                Said {
                    reasoning_content: Some(text),
                    ..Said::default()
                }
            }
            Delta::Refusal(text) => Said {
                refusal: Some(text),
                ..Said::default()
            },
            Delta::Arguments(arguments) => Said {
                tool_calls: Some([Call {
                    function: Some(Called {
                        name: None,
                        arguments,
                    }),
                    ..call
                }]),
                ..Said::default()
            },
            Delta::Signature(signature) => match signature.place {
                Place::Call => Said {
                    tool_calls: Some([Call {
                        // Readers look into it without asking whether it is there.
                        function: Some(Called {
                            name: None,
                            arguments: "",
                        }),
                        extra_content: Some(google(signature, Place::Call)),
                        ..call
                    }]),
                    ..Said::default()
                },
                Place::Text => Said {
                    extra_content: Some(google(signature, Place::Text)),
                    ..Said::default()
                },
                Place::Thinking | Place::Redacted => {
                    if let Some(part) = progress.reasoning.last_mut() {
                        append(part, delta.clone());
                    }
                    return;
                }
            },
            Delta::Citation(citation) => {
                progress.citations.push(citation.clone());
                return;
            }
        };
        self.write(choice, said, None, None, out);
    }

    fn close(&mut self, choice: u32, out: &mut BytesMut) {
        let n = self.begin(choice, out);
        let progress = &mut self.choices[n];
        let citations = std::mem::take(&mut progress.citations);
        let (start, end) = (progress.start, progress.end);
        let cited = citations.into_iter().map(|citation| (citation, start, end));
        progress.cited.extend(cited);
    }

    /// Tells the reasoning so far whole, with its signatures, all of it in one delta: the SDK for Node keeps of a list in
    /// deltas the last one only.
    fn tell_reasoning(&mut self, n: usize, out: &mut BytesMut) {
        let progress = &mut self.choices[n];
        let choice = progress.index;
        let parts = std::mem::take(&mut progress.reasoning);
        let mut details = Vec::with_capacity(parts.len());
        for part in &parts {
            if let Some(detail) = Detail::of(part, progress.details) {
                progress.details += 1;
                details.push(detail);
            }
        }
        if !details.is_empty() {
            let said = Said {
                reasoning_details: Some(details),
                ..Said::default()
            };
            self.write(choice, said, None, None, out);
        }
    }

    /// Tells all citations in one delta: the SDK for Python refuses lists without indexes that go on, the one for Node
    /// keeps the last one.
    fn tell_citations(&mut self, n: usize, out: &mut BytesMut) {
        let progress = &mut self.choices[n];
        let choice = progress.index;
        let cited = std::mem::take(&mut progress.cited);
        let annotations: Vec<_> = cited
            .iter()
            .filter_map(|(citation, start, end)| Annotation::of(citation, *start, *end))
            .collect();
        if !annotations.is_empty() {
            let said = Said {
                annotations,
                ..Said::default()
            };
            self.write(choice, said, None, None, out);
        }
    }

    fn write(
        &self,
        index: u32,
        delta: Said,
        logprobs: Option<Logprobs>,
        finish_reason: Option<&'static str>,
        out: &mut BytesMut,
    ) {
        let choice = ChoiceOut {
            index,
            delta,
            logprobs,
            finish_reason,
        };
        let usage = self.asked.include_usage.then_some(None);
        self.chunk(&[choice], usage, out);
    }

    fn chunk(&self, choices: &[ChoiceOut], usage: Option<Option<&Usage>>, out: &mut BytesMut) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.asked.model,
            service_tier: self.service_tier.as_deref(),
            choices,
            usage,
        };
        sse::write_json(&chunk, out);
    }
}
