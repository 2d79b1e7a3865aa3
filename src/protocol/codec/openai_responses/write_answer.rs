//! Writes a whole answer for a client; its pieces also serve streams.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    items::{
        ContentText, Incomplete, InputDetails, ItemOut, OutputDetails, PartOut, ResponseOut,
        SummaryText, UsageOut, annotations, logprobs,
    },
    reasoning::{OWN_ID, Sealed, WordsIn, phase, sealed_for_client},
    tools::{self, ChoiceOut, FormatOut, Members, Pairs, TextOut, ToolOut},
    write_request::instructions,
};
use crate::protocol::{
    chat::{
        ChatAnswer, ChatRequest, Choice, Content, Ending, Finish, Json, Media, MediaKind, Origin,
        Part, Source, TokenLogprob, TokenUsage,
    },
    codec::Asked,
    signature::Signature,
};

/// Writes an answer.
pub(super) fn write(answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
    let none = Choice::default();
    let choice = answer.choices.iter().find(|c| c.index == 0);
    let choice = choice.unwrap_or(&none);
    let refuses = refuses(&choice.parts);
    let (status, incomplete) = status(&choice.ending, refuses);
    let mut output = Output::new(asked, &choice.logprobs);
    let mut texts = choice.parts.iter().filter(|p| words(p).is_some()).count();
    for part in &choice.parts {
        texts -= usize::from(words(part).is_some());
        output.part(part, texts == 0);
    }
    output.close();
    if status == "incomplete"
        && let Some(Out::Item(last)) = output.items.last_mut()
    {
        last.cut();
    }
    let id = response_id(&answer.id, asked);
    let tier = answer.service_tier.as_deref();
    let echo = Echo::new(&asked.request, tier);
    let response = ResponseOut {
        id: &id,
        object: "response",
        created_at: answer.created.unwrap_or(asked.now),
        status,
        background: false,
        error: None,
        incomplete_details: incomplete,
        instructions: instructions(&asked.request.messages).0,
        max_output_tokens: asked.request.max_tokens,
        model: &asked.model,
        output: &output.items,
        echo: &echo,
        usage: usage(&answer.usage),
        more: echoed(&asked.request),
    };
    // An answer is texts, numbers and lists, which serde_json always writes.
    serde_json::to_vec(&response).unwrap_or_default()
}

/// An output item as it is written.
#[derive(Serialize)]
#[serde(untagged)]
enum Out<'a> {
    Item(ItemOut<'a>),
    Raw(&'a Json),
}

struct Output<'a> {
    items: Vec<Out<'a>>,
    ids: Ids,
    /// The parts of the open message, and its phase.
    said: Vec<PartOut<'a>>,
    phase: Option<&'a str>,
    /// Log probabilities that no text has yet.
    tokens: &'a [TokenLogprob],
}

impl<'a> Output<'a> {
    fn new(asked: &Asked, tokens: &'a [TokenLogprob]) -> Self {
        Self {
            items: Vec::new(),
            ids: Ids::new(asked),
            said: Vec::new(),
            phase: None,
            tokens,
        }
    }

    /// Takes a part; `last` if no text comes after it.
    fn part(&mut self, part: &'a Part, last: bool) {
        let signature = part.signature.as_ref();
        if let Some(text) = words(part) {
            let said = phase(signature);
            if signature.is_some() {
                self.close();
            }
            self.phase = self.phase.or(said);
            if let Some(signature) = signature.filter(|_| said.is_none()) {
                self.carry(signature);
            }
            let tokens = self.tokens_of(text, last);
            if text.is_empty() {
                return;
            }
            let citations: &[_] = match &part.content {
                Content::Text { citations, .. } => citations,
                _ => &[],
            };
            self.said.push(PartOut::OutputText {
                text,
                annotations: annotations(citations, text),
                logprobs: logprobs(tokens),
            });
            return;
        }
        if let Content::Refusal { text } = &part.content {
            self.said.push(PartOut::Refusal { refusal: text });
            return;
        }
        self.close();
        match &part.content {
            Content::Thinking { text, .. } => self.reason(text, signature),
            Content::RedactedThinking if signature.is_some() => self.reason("", signature),
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                if let Some(signature) = signature {
                    self.carry(signature);
                }
                let item = ItemOut::FunctionCall {
                    id: self.id("fc_").into(),
                    status: "completed",
                    name,
                    call_id: id,
                    arguments: if arguments.is_empty() {
                        "{}"
                    } else {
                        arguments
                    },
                };
                self.items.push(Out::Item(item));
            }
            Content::Media(media) => {
                if let Some((result, format)) = picture(media) {
                    let item = ItemOut::ImageGenerationCall {
                        id: self.id("ig_").into(),
                        status: "completed",
                        result: Some(result),
                        output_format: format,
                    };
                    self.items.push(Out::Item(item));
                }
            }
            Content::Foreign {
                origin: Origin::OpenAi,
                json,
            } => self.items.push(Out::Raw(json)),
            _ => {}
        }
    }

    /// The log probabilities that belong to a text: as many as make up its length, or all that are left.
    fn tokens_of(&mut self, text: &str, last: bool) -> &'a [TokenLogprob] {
        let mut length = 0;
        let enough = self.tokens.iter().position(|token| {
            let before = length;
            length += token.token.len();
            before >= text.len()
        });
        let n = enough.filter(|_| !last).unwrap_or(self.tokens.len());
        let (own, rest) = self.tokens.split_at(n);
        self.tokens = rest;
        own
    }

    fn id(&self, prefix: &str) -> String {
        self.ids.id(prefix, self.items.len())
    }

    fn reason(&mut self, text: &'a str, signature: Option<&'a Signature>) {
        let item = reasoning_item(|| self.id(OWN_ID), text, signature);
        self.items.push(Out::Item(item));
    }

    /// An item without words for a signature on what comes next.
    fn carry(&mut self, signature: &Signature) {
        let item = ItemOut::Reasoning {
            id: self.id(OWN_ID).into(),
            summary: Vec::new(),
            content: Vec::new(),
            encrypted_content: Some(sealed_for_client(signature, false).into()),
        };
        self.items.push(Out::Item(item));
    }

    /// Ends the open message.
    fn close(&mut self) {
        let phase = self.phase.take();
        if !self.said.is_empty() {
            let item = ItemOut::Message {
                id: self.id("msg_").into(),
                status: "completed",
                role: "assistant",
                phase,
                content: std::mem::take(&mut self.said),
            };
            self.items.push(Out::Item(item));
        }
    }
}

/// The text of a part that is told as text: of sound it is what is said.
pub(super) fn words(part: &Part) -> Option<&str> {
    match &part.content {
        Content::Text { text, .. } => Some(text),
        Content::Media(media) if media.kind == MediaKind::Audio => media.transcript.as_deref(),
        _ => None,
    }
}

/// Whether the model says that it refuses.
fn refuses(parts: &[Part]) -> bool {
    parts
        .iter()
        .any(|part| matches!(part.content, Content::Refusal { .. }))
}

/// The base64 and format of a picture that can be told.
pub(super) fn picture(media: &Media) -> Option<(&str, Option<&str>)> {
    match (media.kind, &media.source) {
        (MediaKind::Image, Source::Base64(data)) => {
            let mime = media.mime.as_deref();
            Some((data, mime.and_then(|mime| mime.strip_prefix("image/"))))
        }
        _ => None,
    }
}

/// The item for reasoning: with its own id and content if it is OpenAI's, else with the signature sealed.
pub(super) fn reasoning_item<'a>(
    made: impl FnOnce() -> String,
    text: &'a str,
    signature: Option<&'a Signature>,
) -> ItemOut<'a> {
    let native = signature.and_then(Sealed::of);
    let (id, encrypted, words) = match (native, signature) {
        (Some(sealed), _) => {
            let encrypted = Some(sealed.encrypted).filter(|e| !e.is_empty());
            let id = if sealed.id.is_empty() {
                made().into()
            } else {
                Cow::Borrowed(sealed.id)
            };
            (id, encrypted.map(Cow::Borrowed), sealed.words)
        }
        (None, Some(signature)) => {
            let sealed = sealed_for_client(signature, false);
            (made().into(), Some(sealed.into()), WordsIn::Summary)
        }
        (None, None) => (made().into(), None, WordsIn::Summary),
    };
    let (mut summary, mut content) = (Vec::new(), Vec::new());
    if words != WordsIn::Summary {
        content.push(ContentText::new(text));
    }
    if words != WordsIn::Content && !text.is_empty() {
        summary.push(SummaryText::new(text));
    }
    ItemOut::Reasoning {
        id,
        summary,
        content,
        encrypted_content: encrypted,
    }
}

/// The status for an ending, and what is said of an answer that is not whole.
pub(super) fn status(ending: &Ending, refuses: bool) -> (&str, Option<Incomplete>) {
    let incomplete = |reason: Cow<'static, str>| ("incomplete", Some(Incomplete { reason }));
    match ending.finish {
        Finish::Stop | Finish::StopSequence | Finish::ToolCalls => ("completed", None),
        Finish::Refusal if refuses => ("completed", None),
        Finish::Length | Finish::ContextWindow => incomplete("max_output_tokens".into()),
        Finish::ContentFilter | Finish::Refusal => incomplete("content_filter".into()),
        Finish::Pause | Finish::MalformedCall | Finish::Other => match ending.word.as_deref() {
            Some(word @ ("queued" | "in_progress" | "cancelled")) => (word, None),
            None | Some("incomplete") => ("incomplete", None),
            // The reasons are no closed list; readers of the event expect one.
            Some(word) => incomplete(word.to_ascii_lowercase().into()),
        },
    }
}

/// Token counts as they are written.
pub(super) fn usage(usage: &TokenUsage) -> Option<UsageOut> {
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    (!usage.is_unknown()).then(|| UsageOut {
        input_tokens: input,
        input_tokens_details: InputDetails {
            cached_tokens: usage.cache_read.unwrap_or(0),
            cache_write_tokens: usage.cache_write.unwrap_or(0),
        },
        output_tokens: output,
        output_tokens_details: OutputDetails {
            reasoning_tokens: usage.reasoning.unwrap_or(0),
        },
        total_tokens: input.saturating_add(output),
    })
}

/// The id of an answer: the provider's, or one made from the request's.
pub(super) fn response_id(id: &str, asked: &Asked) -> String {
    if id.is_empty() {
        format!("resp_{}", asked.request_id)
    } else {
        id.to_owned()
    }
}

/// Ids of output items, from the gateway's id for the request.
#[derive(Debug)]
pub(super) struct Ids(String);

impl Ids {
    /// Ids for an answer.
    pub(super) fn new(asked: &Asked) -> Self {
        let letters = asked.request_id.chars();
        let base: String = letters
            .filter(char::is_ascii_alphanumeric)
            // OpenAI's ids have at most 64 characters.
            .take(40)
            .collect();
        if base.is_empty() {
            Self(format!("{:016x}", fastrand::u64(..)))
        } else {
            Self(base)
        }
    }

    /// The id of the item at a place.
    pub(super) fn id(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}{}_{index}", self.0)
    }
}

/// The settings that answers repeat.
#[derive(Serialize)]
pub(super) struct Echo<'a> {
    metadata: Pairs<'a>,
    parallel_tool_calls: bool,
    reasoning: ReasoningEcho<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    store: bool,
    temperature: Option<f64>,
    text: TextOut<'a>,
    tool_choice: ChoiceOut<'a>,
    tools: Vec<ToolOut<'a>>,
    top_logprobs: u32,
    top_p: Option<f64>,
    user: Option<&'a str>,
}

#[derive(Serialize)]
struct ReasoningEcho<'a> {
    effort: Option<&'a str>,
    summary: Option<&'a str>,
}

impl<'a> Echo<'a> {
    /// Of a request, with the class of service that was given.
    pub(super) fn new(request: &'a ChatRequest, tier: Option<&'a str>) -> Self {
        let extra = |name: &str| {
            let mut found = request.extra.iter().filter(|(n, _)| n == name);
            found.find_map(|(name, json)| (json.get() != "null").then_some((name, json)))
        };
        let verbosity = extra("verbosity").map(|(name, json)| (name.as_str(), json));
        let wish = request.reasoning.as_ref();
        let choice = request.tool_choice.as_ref().map(tools::choice);
        let format = request.output.as_ref().map(tools::format);
        Self {
            metadata: Pairs(&request.metadata),
            parallel_tool_calls: request.parallel_tool_calls.unwrap_or(true),
            reasoning: ReasoningEcho {
                effort: wish.and_then(|r| r.level()).map(|e| e.name()),
                summary: wish.and_then(|r| r.summary.as_deref()),
            },
            service_tier: tier.or(request.service_tier.as_deref()),
            // What was converted is stored nowhere, whatever was asked.
            store: false,
            temperature: request.temperature,
            text: TextOut {
                format: Some(format.unwrap_or(FormatOut::Text)),
                more: Members(verbosity.into_iter().collect()),
            },
            tool_choice: choice
                .or_else(|| extra("tool_choice").map(|(_, json)| ChoiceOut::Raw(json)))
                .unwrap_or(ChoiceOut::Word("auto")),
            tools: tools::echo(request),
            top_logprobs: request.logprobs.unwrap_or(0),
            top_p: request.top_p,
            user: request.user.as_deref(),
        }
    }
}

/// Other members that answers repeat as the client wrote them.
pub(super) fn echoed(request: &ChatRequest) -> Members<'_> {
    const NAMES: [&str; 5] = [
        "max_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "safety_identifier",
        "truncation",
    ];
    let told = request.extra.iter();
    let told = told.filter(|(name, _)| NAMES.contains(&name.as_str()));
    Members(told.map(|(name, json)| (name.as_str(), json)).collect())
}
