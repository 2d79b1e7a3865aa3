//! Writes a request for a provider.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{
    items::{Annotation, ContentText, SummaryText, annotations},
    reasoning::{Sealed, WordsIn, phase},
    tools::{self, ChoiceOut, Members, Pairs, TextOut, ToolOut},
};
use crate::{
    catalogue::ReasoningControl,
    protocol::{
        chat::{
            CacheMark, ChatRequest, Content, Effort, Json, Media, MediaKind, Message, Origin, Part,
            Role, Source, Tool,
        },
        codec::{Sampling, Target},
        loss::Losses,
    },
};

const NO_SUCH: &str = "the OpenAI Responses API has no such parameter";
const NO_PLACE: &str = "the OpenAI Responses API has no place for it";
const OTHERS_REASONING: &str = "only the provider that wrote it can read it";

/// Members that other dialects have with the same name and meaning: those of chat completions, and OpenRouter's own.
/// <https://platform.openai.com/docs/api-reference/chat/create>
/// <https://openrouter.ai/docs/api-reference/overview>
const SHARED: [&str; 10] = [
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "moderation",
    "provider",
    "models",
    "plugins",
    "transforms",
];

/// Models that answer "Encrypted content is not supported with this model" to those who ask for it, by the beginning of
/// their names: OpenAI's last ones that do not reason. Counts only for models that the catalogue does not know.
/// <https://platform.openai.com/docs/models>
const WITHOUT_REASONING: [&str; 3] = ["gpt-3", "gpt-4", "chatgpt-"];

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Vec<Item<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    metadata: Pairs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    more: Members<'a>,
}

#[derive(Serialize)]
struct ReasoningOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(flatten)]
    more: Members<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Message {
        role: &'static str,
        content: Words<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'a str>,
    },
    Reasoning {
        r#type: &'static str,
        #[serde(skip_serializing_if = "str::is_empty")]
        id: &'a str,
        summary: Vec<SummaryText<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<ContentText<'a>>,
        #[serde(skip_serializing_if = "str::is_empty")]
        encrypted_content: &'a str,
    },
    Call {
        r#type: &'static str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
        #[serde(flatten)]
        more: Members<'a>,
    },
    Output {
        r#type: &'static str,
        call_id: &'a str,
        output: Words<'a>,
        #[serde(flatten)]
        more: Members<'a>,
    },
    Raw(&'a Json),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Words<'a> {
    Text(&'a str),
    Pieces(Vec<Piece<'a>>),
}

impl<'a> From<Vec<Piece<'a>>> for Words<'a> {
    fn from(pieces: Vec<Piece<'a>>) -> Self {
        match &pieces[..] {
            [] => Self::Text(""),
            [
                Piece::Text {
                    text,
                    annotations: None | Some(Annotations::None([])),
                    prompt_cache_breakpoint: None,
                    ..
                },
            ] => Self::Text(text),
            _ => Self::Pieces(pieces),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Piece<'a> {
    Text {
        r#type: &'static str,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        annotations: Option<Annotations<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint<'a>>,
    },
    Refusal {
        r#type: &'static str,
        refusal: &'a str,
    },
    Image {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint<'a>>,
    },
    File {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint<'a>>,
    },
    Audio {
        r#type: &'static str,
        input_audio: AudioOut<'a>,
    },
    Raw(&'a Json),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Annotations<'a> {
    /// The SDKs' type wants the member also if there are none.
    None([(); 0]),
    Some(Vec<Annotation<'a>>),
}

#[derive(Serialize)]
struct AudioOut<'a> {
    data: &'a str,
    format: &'static str,
}

#[derive(Clone, Copy, Serialize)]
struct Breakpoint<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
}

/// Writes a request.
pub(super) fn write(request: &ChatRequest, target: &Target, losses: &mut Losses) -> Vec<u8> {
    let extra = |name: &str| {
        let found = request.extra.iter().find(|(n, _)| n == name);
        found.map(|(_, json)| json)
    };
    let native = extra("include").is_some();
    let sampling = Sampling::of(request, target, losses);
    let mut writer = Writer {
        request,
        native,
        breakpoints: native || extra("prompt_cache_options").is_some(),
        items: Vec::new(),
        losses,
    };
    let (instructions, messages) = instructions(&request.messages);
    for (n, message) in messages {
        writer.message(n, message);
    }
    let items = std::mem::take(&mut writer.items);
    writer.cannot_say();
    let tools = writer.tools();
    let (text, reasoning) = (writer.text(), writer.reasoning(target));
    let (tool_choice, more, store) = writer.extra();
    let body = Body {
        model: target.model,
        instructions,
        // Nothing but what is stored is asked for.
        input: (!items.is_empty() || !native).then_some(items),
        tool_choice: tool_choice.or_else(|| request.tool_choice.as_ref().map(tools::choice)),
        parallel_tool_calls: request
            .parallel_tool_calls
            .filter(|_| native || !tools.is_empty()),
        tools,
        text,
        reasoning,
        max_output_tokens: request.max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_logprobs: request.logprobs.filter(|n| *n > 0),
        include: include(request, target, native),
        // The gateway keeps no state for conversations in other dialects, so nothing is to be kept for them either.
        store: if native { store } else { store.or(Some(false)) },
        metadata: Pairs(&request.metadata),
        user: request.user.as_deref(),
        service_tier: request.service_tier.as_deref(),
        stream: request.stream,
        more,
    };
    // The parts of a request are texts, numbers and lists, which serde_json always writes.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// A first system prompt of nothing but one text is the instructions; all others, and those of developers, stay items
/// with their roles and parts at their places.
pub(super) fn instructions(
    messages: &[Message],
) -> (Option<&str>, impl Iterator<Item = (usize, &Message)>) {
    let first = messages
        .first()
        .filter(|m| m.role == Role::System && m.name.is_none());
    let text = first.and_then(|message| match &message.parts[..] {
        [
            Part {
                content: Content::Text { text, .. },
                cache: None,
                signature: None,
            },
        ] => Some(text.as_str()),
        _ => None,
    });
    let rest = messages
        .iter()
        .enumerate()
        .skip(usize::from(text.is_some()));
    (text, rest)
}

/// What to ask for beside the answer itself. A converted conversation is stateless: its reasoning must come back in full.
fn include<'a>(request: &'a ChatRequest, target: &Target, native: bool) -> Vec<Cow<'a, str>> {
    let mut include = Vec::new();
    let asked = request
        .extra
        .iter()
        .any(|(name, _)| name == "reasoning.encrypted_content");
    if asked || (!native && reasons(target)) {
        include.push(Cow::Borrowed("reasoning.encrypted_content"));
    }
    if request.logprobs.is_some() {
        include.push(Cow::Borrowed("message.output_text.logprobs"));
    }
    if native {
        let rest = request.extra.iter().filter(|(name, _)| name == "include");
        for (_, json) in rest {
            let list: Option<Vec<String>> = serde_json::from_str(json.get()).unwrap_or_default();
            include.extend(list.into_iter().flatten().map(Cow::Owned));
        }
    }
    include
}

fn reasons(target: &Target) -> bool {
    match target.known.and_then(|known| known.reasoning) {
        Some(control) => control != ReasoningControl::None,
        None => !WITHOUT_REASONING
            .iter()
            .any(|name| target.model.starts_with(name)),
    }
}

struct Writer<'a, 'l> {
    request: &'a ChatRequest,
    /// Whether the request came in this dialect.
    native: bool,
    /// Whether cache marks can be said: only the newest models know them, and OpenAI's clients say them for those only.
    breakpoints: bool,
    items: Vec<Item<'a>>,
    losses: &'l mut Losses,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, n: usize, message: &'a Message) {
        let role = match message.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        if message.name.is_some() && message.role != Role::Tool {
            let what = format!("messages[{n}].name");
            self.losses
                .hint(what, "the OpenAI Responses API has no names of speakers");
        }
        let mut pieces = Vec::new();
        let mut said = None;
        for (m, part) in message.parts.iter().enumerate() {
            let place = || format!("messages[{n}].content[{m}]");
            match &part.content {
                Content::Text { text, .. } => {
                    if let Some(phase) = phase(part.signature.as_ref()) {
                        self.flush(role, &mut pieces, &mut said);
                        said = Some(phase);
                    } else if part.signature.is_some() {
                        self.others_reasoning();
                        if text.is_empty() {
                            continue;
                        }
                    }
                    pieces.extend(self.piece(part, role == "assistant", &place));
                }
                Content::Refusal { .. } => {
                    pieces.extend(self.piece(part, role == "assistant", &place));
                }
                Content::Media(_) if role == "assistant" => {
                    let why = "the OpenAI Responses API takes only text in assistant turns";
                    self.losses.cannot(place(), why);
                }
                Content::Media(_) => pieces.extend(self.piece(part, false, &place)),
                Content::Foreign { .. } if role != "assistant" => {
                    pieces.extend(self.piece(part, false, &place));
                }
                _ => {
                    self.flush(role, &mut pieces, &mut said);
                    self.item(part, &place);
                }
            }
        }
        if message.parts.is_empty() && role != "assistant" {
            self.items.push(Item::Message {
                role,
                content: Words::Text(""),
                phase: None,
            });
        }
        self.flush(role, &mut pieces, &mut said);
    }

    fn flush(
        &mut self,
        role: &'static str,
        pieces: &mut Vec<Piece<'a>>,
        phase: &mut Option<&'a str>,
    ) {
        let phase = phase.take();
        if !pieces.is_empty() {
            self.items.push(Item::Message {
                role,
                content: std::mem::take(pieces).into(),
                phase,
            });
        }
    }

    /// A part that is an item of its own.
    fn item(&mut self, part: &'a Part, place: &dyn Fn() -> String) {
        match &part.content {
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                if part.signature.is_some() {
                    self.others_reasoning();
                }
                let arguments = if arguments.is_empty() {
                    "{}"
                } else {
                    arguments.as_str()
                };
                let more = self.more("function_call", id);
                self.items.push(Item::Call {
                    r#type: "function_call",
                    call_id: id,
                    name,
                    arguments,
                    more,
                });
            }
            Content::ToolResult {
                id,
                content,
                is_error,
                ..
            } => {
                if *is_error {
                    let why = "the OpenAI Responses API has no mark for it; the text tells";
                    self.losses.hint("is_error of tool results", why);
                }
                let parts = content.iter().enumerate();
                let pieces: Vec<_> = parts
                    .filter_map(|(m, part)| {
                        let place = || format!("{}.content[{m}]", place());
                        self.piece(part, false, &place)
                    })
                    .collect();
                let more = self.more("function_call_output", id);
                self.items.push(Item::Output {
                    r#type: "function_call_output",
                    call_id: id,
                    output: pieces.into(),
                    more,
                });
            }
            Content::Thinking { text, id } => {
                let sealed = part.signature.as_ref().and_then(Sealed::of);
                match (sealed, id) {
                    (Some(sealed), _) => self.reasoning_item(sealed, text),
                    // Only the provider's store knows the rest of it.
                    (None, Some(id)) if self.native && part.signature.is_none() => {
                        let sealed = Sealed {
                            id,
                            encrypted: "",
                            words: WordsIn::Summary,
                        };
                        self.reasoning_item(sealed, text);
                    }
                    _ => self.others_reasoning(),
                }
            }
            Content::RedactedThinking => match part.signature.as_ref().and_then(Sealed::of) {
                Some(sealed) => self.reasoning_item(sealed, ""),
                None => self.others_reasoning(),
            },
            Content::Foreign {
                origin: Origin::OpenAi,
                json,
            } => self.items.push(Item::Raw(json)),
            Content::Foreign { .. } => self.losses.cannot(place(), NO_PLACE),
            // Those that stand inside messages.
            Content::Text { .. } | Content::Media(_) | Content::Refusal { .. } => {}
        }
    }

    fn reasoning_item(&mut self, sealed: Sealed<'a>, text: &'a str) {
        let (mut summary, mut content) = (Vec::new(), Vec::new());
        if sealed.words != WordsIn::Summary {
            content.push(ContentText::new(text));
        }
        if sealed.words != WordsIn::Content && !text.is_empty() {
            summary.push(SummaryText::new(text));
        }
        self.items.push(Item::Reasoning {
            r#type: "reasoning",
            id: sealed.id,
            summary,
            content,
            encrypted_content: sealed.encrypted,
        });
    }

    fn others_reasoning(&mut self) {
        self.losses
            .hint("reasoning of another provider", OTHERS_REASONING);
    }

    fn more(&self, kind: &str, id: &str) -> Members<'a> {
        let extra = &self.request.extra;
        if extra.iter().any(|(name, _)| name.starts_with("input.")) {
            Members::below(self.request, &format!("input.{kind}({id})."))
        } else {
            Members::default()
        }
    }

    /// A part of a message or of a tool's output.
    fn piece(
        &mut self,
        part: &'a Part,
        assistant: bool,
        place: &dyn Fn() -> String,
    ) -> Option<Piece<'a>> {
        let cache = part.cache.as_ref();
        let piece = match &part.content {
            Content::Text { text, citations } => {
                let said = annotations(citations, text);
                if said.len() < citations.len() {
                    let why = "the OpenAI Responses API cites addresses and files only";
                    self.losses.hint("citations in assistant turns", why);
                }
                let said = if said.is_empty() {
                    Annotations::None([])
                } else {
                    Annotations::Some(said)
                };
                Piece::Text {
                    r#type: if assistant {
                        "output_text"
                    } else {
                        "input_text"
                    },
                    text,
                    annotations: assistant.then_some(said),
                    prompt_cache_breakpoint: self.breakpoint(cache),
                }
            }
            Content::Refusal { text } => Piece::Refusal {
                r#type: "refusal",
                refusal: text,
            },
            Content::Media(media) => return self.media(media, cache, place),
            Content::Foreign {
                origin: Origin::OpenAi,
                json,
            } => Piece::Raw(json),
            _ => {
                self.losses.cannot(place(), NO_PLACE);
                return None;
            }
        };
        Some(piece)
    }

    fn breakpoint(&mut self, cache: Option<&'a CacheMark>) -> Option<Breakpoint<'a>> {
        let cache = cache?;
        if self.breakpoints {
            return Some(Breakpoint {
                mode: "explicit",
                ttl: cache.ttl.as_deref(),
            });
        }
        self.no_cache_marks();
        None
    }

    fn no_cache_marks(&mut self) {
        let why = "the OpenAI Responses API caches prompts by itself";
        self.losses.hint("prompt-cache marks", why);
    }

    fn media(
        &mut self,
        media: &'a Media,
        cache: Option<&'a CacheMark>,
        place: &dyn Fn() -> String,
    ) -> Option<Piece<'a>> {
        if media.context.is_some() {
            self.losses.cannot(format!("{}.context", place()), NO_PLACE);
        }
        if media.citations {
            let why = "the OpenAI Responses API does not cite documents of a request";
            self.losses.cannot(format!("{}.citations", place()), why);
        }
        let web = |url: &str| {
            let scheme = url.split(':').next().unwrap_or_default();
            ["http", "https", "data"]
                .into_iter()
                .any(|known| scheme.eq_ignore_ascii_case(known))
        };
        let detail = media.detail.as_deref();
        match (media.kind, &media.source) {
            (_, Source::Url(url)) if !web(url) => {
                let why = "the OpenAI Responses API fetches only http and https addresses";
                self.losses.cannot(place(), why);
                None
            }
            (MediaKind::Image, Source::Base64(_) | Source::Url(_) | Source::File(_)) => {
                let (image_url, file_id) = match &media.source {
                    Source::Base64(data) => (Some(data_url(media, data, "image/png")), None),
                    Source::Url(url) => (Some(Cow::Borrowed(url.as_str())), None),
                    Source::File(id) | Source::Text(id) => (None, Some(id.as_str())),
                };
                Some(Piece::Image {
                    r#type: "input_image",
                    image_url,
                    file_id,
                    detail,
                    prompt_cache_breakpoint: self.breakpoint(cache),
                })
            }
            (MediaKind::Document, source) => {
                let (mut file_data, mut file_url, mut file_id) = (None, None, None);
                let mut default_name = None;
                match source {
                    Source::Base64(data) => {
                        file_data = Some(data_url(media, data, "application/pdf"));
                        default_name = Some(match media.mime.as_deref() {
                            None | Some("application/pdf") => "document.pdf",
                            _ => "document",
                        });
                    }
                    Source::Text(text) => {
                        let data = STANDARD.encode(text);
                        file_data = Some(Cow::Owned(format!("data:text/plain;base64,{data}")));
                        default_name = Some("document.txt");
                    }
                    Source::Url(url) => file_url = Some(url.as_str()),
                    Source::File(id) => file_id = Some(id.as_str()),
                }
                let name = media.name.as_deref();
                Some(Piece::File {
                    r#type: "input_file",
                    // Data must have a name, and nothing else may have one that its client did not give.
                    filename: name.or(default_name),
                    file_data,
                    file_url,
                    file_id,
                    detail,
                    prompt_cache_breakpoint: self.breakpoint(cache),
                })
            }
            (MediaKind::Audio, Source::Base64(data)) => {
                let format = match media.mime.as_deref() {
                    Some("audio/mpeg" | "audio/mp3") => "mp3",
                    Some("audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave") => "wav",
                    _ => {
                        let why = "the OpenAI Responses API takes sound as mp3 and wav only";
                        self.losses.cannot(place(), why);
                        return None;
                    }
                };
                if cache.is_some() {
                    self.no_cache_marks();
                }
                Some(Piece::Audio {
                    r#type: "input_audio",
                    input_audio: AudioOut { data, format },
                })
            }
            (kind, _) => {
                let why = match kind {
                    MediaKind::Video => "the OpenAI Responses API takes no video",
                    MediaKind::Audio => "the OpenAI Responses API takes sound as base64 only",
                    _ => "the OpenAI Responses API takes no image as text",
                };
                self.losses.cannot(place(), why);
                None
            }
        }
    }

    fn tools(&mut self) -> Vec<ToolOut<'a>> {
        let mut written = Vec::with_capacity(self.request.tools.len());
        for (n, tool) in self.request.tools.iter().enumerate() {
            match tool {
                Tool::Function(function) => {
                    if function.cache.is_some() {
                        self.no_cache_marks();
                    }
                    written.push(ToolOut::Function(tools::function(
                        self.request,
                        n,
                        function,
                        self.native,
                    )));
                }
                // A hosted tool of chat completions is another thing than one of responses with the same name.
                Tool::Hosted {
                    origin: Origin::OpenAi,
                    json,
                    ..
                } if self.native => written.push(ToolOut::Raw(json)),
                Tool::Hosted { name, .. } => {
                    let why = "the OpenAI Responses API has no such tool";
                    self.losses.cannot(format!("tools[{n}] ({name})"), why);
                }
            }
        }
        written
    }

    fn text(&self) -> Option<TextOut<'a>> {
        let mut more = Members::default();
        for (name, json) in &self.request.extra {
            let name = match name.as_str() {
                "verbosity" => "verbosity",
                "text.format" if self.request.output.is_some() => continue,
                name => match name.strip_prefix("text.") {
                    Some(name) if self.native => name,
                    _ => continue,
                },
            };
            more.0.push((name, json));
        }
        let format = self.request.output.as_ref().map(tools::format);
        (format.is_some() || !more.0.is_empty()).then_some(TextOut { format, more })
    }

    fn reasoning(&mut self, target: &Target) -> Option<ReasoningOut<'a>> {
        let more = if self.native {
            Members::below(self.request, "reasoning.")
        } else {
            Members::default()
        };
        // What was asked of the include, not of the reasoning.
        let more = Members(
            more.0
                .into_iter()
                .filter(|(name, _)| *name != "encrypted_content")
                .collect(),
        );
        let wish = self.request.reasoning.as_ref();
        // Newer models do not reason unless told how hard.
        let default = || (!self.native && wish?.enabled == Some(true)).then_some(Effort::Medium);
        let effort = wish.and_then(|wish| wish.level()).or_else(default);
        let mut effort = effort.map(Effort::name);
        let reasons = self.native || reasons(target);
        if !reasons
            && let Some(wished) = effort.take()
            && wished != "none"
        {
            self.losses.cannot("reasoning", "the model does not reason");
        }
        let summary = wish
            .and_then(|wish| wish.summary.as_deref())
            .filter(|summary| reasons && *summary != "none");
        let said = effort.is_some() || summary.is_some() || !more.0.is_empty();
        said.then_some(ReasoningOut {
            effort,
            summary,
            more,
        })
    }

    /// Parameters of the canonical form that this API does not have.
    fn cannot_say(&mut self) {
        let request = self.request;
        let asked = [
            ("top_k", request.top_k.is_some()),
            ("seed", request.seed.is_some()),
            ("n", request.n.is_some_and(|n| n != 1)),
            ("stop sequences", !request.stop.is_empty()),
            (
                "frequency_penalty",
                request.frequency_penalty.is_some_and(|x| x != 0.0),
            ),
            (
                "presence_penalty",
                request.presence_penalty.is_some_and(|x| x != 0.0),
            ),
        ];
        for (name, asked) in asked {
            if asked {
                self.losses.cannot(name, NO_SUCH);
            }
        }
        for modality in request.modalities.iter().filter(|m| *m != "text") {
            let what = format!("modalities: {modality}");
            self.losses
                .cannot(what, "the OpenAI Responses API answers with text only");
        }
        if request.cache.is_some() {
            self.no_cache_marks();
        }
    }

    /// What the canonical form does not know: the choice of tools, the members, and whether to store.
    fn extra(&mut self) -> (Option<ChoiceOut<'a>>, Members<'a>, Option<bool>) {
        let (mut choice, mut more, mut store) = (None, Members::default(), None);
        for (name, json) in &self.request.extra {
            match name.as_str() {
                "include" | "verbosity" => {}
                "store" => store = serde_json::from_str(json.get()).unwrap_or_default(),
                "tool_choice" if self.native => choice = Some(ChoiceOut::Raw(json)),
                name if SHARED.contains(&name) => {
                    if json.get() != "null" {
                        more.0.push((name, json));
                    }
                }
                name if self.native => {
                    // Members of members stand where they belong.
                    let within = ["text.", "reasoning.", "tools[", "input."];
                    if !within.into_iter().any(|prefix| name.starts_with(prefix)) {
                        more.0.push((name, json));
                    }
                }
                _ if matches!(json.get(), "false" | "\"\"") => {}
                name => self.losses.member(name, json.get(), NO_SUCH),
            }
        }
        (choice, more, store)
    }
}

fn data_url<'a>(media: &Media, data: &str, default: &str) -> Cow<'a, str> {
    let mime = media.mime.as_deref().unwrap_or(default);
    Cow::Owned(format!("data:{mime};base64,{data}"))
}
