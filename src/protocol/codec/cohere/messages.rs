//! The conversation for Cohere's chat.

use std::borrow::Cow;

use serde::Serialize;

use crate::protocol::{
    chat::{ChatRequest, Content, Json, Media, MediaKind, Message, Part, Role, Source},
    loss::Losses,
    signature::base64_any,
};

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub(super) enum Turn<'a> {
    System {
        content: Said<'a>,
    },
    User {
        content: Said<'a>,
    },
    Assistant {
        #[serde(skip_serializing_if = "Said::is_empty")]
        content: Said<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        tool_plan: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: Said<'a>,
    },
}

/// One text, as most have it, or several blocks.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Said<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

impl<'a> Said<'a> {
    fn new(blocks: Vec<Block<'a>>) -> Self {
        match blocks.as_slice() {
            [] => Self::Text(""),
            [Block::Text { text }] => Self::Text(text),
            _ => Self::Blocks(blocks),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(""))
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str },
    ImageUrl { image_url: Image<'a> },
    Document { document: Document<'a> },
}

#[derive(Serialize)]
pub(super) struct Image<'a> {
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// Something to cite from.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    text: Cow<'a, str>,
}

#[derive(Serialize)]
pub(super) struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// What is written of a request's messages.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) turns: Vec<Turn<'a>>,
    /// Documents of the users: Cohere has them beside the messages.
    pub(super) documents: Vec<Document<'a>>,
}

/// Before the number of a document that we name.
pub(super) const DOCUMENT: &str = "doc:";

/// Writes all messages. `reasons` tells whether the model knows reasoning as blocks.
pub(super) fn write<'a>(
    request: &'a ChatRequest,
    reasons: bool,
    losses: &mut Losses,
) -> Conversation<'a> {
    let mut writer = Writer {
        out: Conversation::default(),
        reasons,
        losses,
    };
    for (n, message) in request.messages.iter().enumerate() {
        writer.message(n, message);
    }
    if request.cache.is_some() {
        writer.cache();
    }
    writer.out
}

struct Writer<'a, 'l> {
    out: Conversation<'a>,
    reasons: bool,
    losses: &'l mut Losses,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, n: usize, message: &'a Message) {
        if message.name.is_some() {
            let why = "Cohere does not know several speakers of a role";
            self.losses.hint(format!("messages[{n}].name"), why);
        }
        if message.parts.iter().any(|part| part.cache.is_some()) {
            self.cache();
        }
        match message.role {
            Role::Assistant => self.assistant(n, message),
            Role::Tool => self.results(n, message),
            Role::System | Role::Developer | Role::User => {
                let mut blocks = Vec::with_capacity(message.parts.len());
                for (m, part) in message.parts.iter().enumerate() {
                    let what = || format!("messages[{n}].content[{m}]");
                    blocks.extend(self.block(part, message.role, &what));
                }
                // A message may have been nothing but documents, which stand elsewhere.
                if blocks.is_empty() && !message.parts.is_empty() {
                    return;
                }
                let content = Said::new(blocks);
                self.out.turns.push(match message.role {
                    Role::User => Turn::User { content },
                    _ => Turn::System { content },
                });
            }
        }
    }

    fn block(
        &mut self,
        part: &'a Part,
        role: Role,
        what: &dyn Fn() -> String,
    ) -> Option<Block<'a>> {
        match &part.content {
            Content::Text { text, .. } | Content::Refusal { text } => Some(Block::Text { text }),
            Content::Media(media) if role == Role::User => match media.kind {
                MediaKind::Image => self.image(media, what),
                MediaKind::Document => {
                    let id = Some(format!("{DOCUMENT}{}", self.out.documents.len()));
                    let document = self.document(media, id, what)?;
                    self.out.documents.push(document);
                    None
                }
                MediaKind::Audio | MediaKind::Video => {
                    self.losses
                        .cannot(what(), "Cohere takes no sound and no films");
                    None
                }
            },
            _ => {
                self.losses.cannot(what(), "Cohere does not take this here");
                None
            }
        }
    }

    fn image(&mut self, media: &'a Media, what: &dyn Fn() -> String) -> Option<Block<'a>> {
        let url = match &media.source {
            Source::Base64(data) => {
                let mime = media.mime.as_deref().unwrap_or("image/png");
                Cow::Owned(format!("data:{mime};base64,{data}"))
            }
            Source::Url(url) if !url.starts_with("s3://") && !url.starts_with("gs://") => {
                Cow::Borrowed(url.as_str())
            }
            _ => {
                self.losses
                    .cannot(what(), "Cohere takes images by data or by address");
                return None;
            }
        };
        let detail = media.detail.as_deref();
        Some(Block::ImageUrl {
            image_url: Image { url, detail },
        })
    }

    /// Texts only: Cohere's documents are short pieces of text to cite from.
    fn document(
        &mut self,
        media: &'a Media,
        id: Option<String>,
        what: &dyn Fn() -> String,
    ) -> Option<Document<'a>> {
        let is_text = media
            .mime
            .as_deref()
            .is_some_and(|m| m.starts_with("text/"));
        let text = match &media.source {
            Source::Text(text) => Some(Cow::Borrowed(text.as_str())),
            Source::Base64(data) if is_text => base64_any(data)
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .map(Cow::Owned),
            _ => None,
        };
        let Some(text) = text else {
            self.losses
                .cannot(what(), "Cohere takes documents as text only");
            return None;
        };
        let data = Data {
            title: media.name.as_deref(),
            context: media.context.as_deref(),
            text,
        };
        Some(Document { id, data })
    }

    fn assistant(&mut self, n: usize, message: &'a Message) {
        let mut blocks = Vec::new();
        let mut plan = Cow::Borrowed("");
        let mut tool_calls = Vec::new();
        let calls = |part: &Part| matches!(part.content, Content::ToolCall { .. });
        let has_calls = message.parts.iter().any(calls);
        for (m, part) in message.parts.iter().enumerate() {
            // Cohere signs nothing.
            let foreign = part.signature.is_some();
            match &part.content {
                Content::Text { text, citations } => {
                    if !citations.is_empty() {
                        let why = "Cohere is told what was said before without its sources";
                        self.losses.hint("citations", why);
                    }
                    if !text.is_empty() {
                        blocks.push(Block::Text { text });
                    }
                }
                Content::Thinking { text, .. } if text.is_empty() && !foreign => {}
                Content::Thinking { text, .. } if self.reasons && !foreign => {
                    blocks.push(Block::Thinking { thinking: text });
                }
                // Older models plan their calls in words.
                Content::Thinking { text, .. } if has_calls && !foreign => {
                    if plan.is_empty() {
                        plan = Cow::Borrowed(text);
                    } else {
                        plan.to_mut().push_str(text);
                    }
                }
                Content::Thinking { .. } | Content::RedactedThinking => self.foreign_reasoning(),
                Content::ToolCall {
                    id,
                    name,
                    arguments,
                } => {
                    let arguments = if arguments.trim().is_empty() {
                        "{}"
                    } else {
                        arguments
                    };
                    tool_calls.push(Call {
                        id,
                        r#type: "function",
                        function: Function { name, arguments },
                    });
                }
                _ => {
                    let what = || format!("messages[{n}].content[{m}]");
                    blocks.extend(self.block(part, Role::Assistant, &what));
                }
            }
            let is_reasoning = matches!(
                part.content,
                Content::Thinking { .. } | Content::RedactedThinking
            );
            if foreign && !is_reasoning {
                self.foreign_reasoning();
            }
        }
        if blocks.is_empty() && tool_calls.is_empty() {
            return;
        }
        self.out.turns.push(Turn::Assistant {
            content: Said::new(blocks),
            tool_plan: plan,
            tool_calls,
        });
    }

    fn results(&mut self, n: usize, message: &'a Message) {
        for (m, part) in message.parts.iter().enumerate() {
            let Content::ToolResult {
                id,
                content,
                is_error,
                ..
            } = &part.content
            else {
                let what = format!("messages[{n}].content[{m}]");
                self.losses
                    .cannot(what, "Cohere takes only results of tools here");
                continue;
            };
            if *is_error {
                let what = format!("messages[{n}].content[{m}].is_error");
                let why = "Cohere has no mark for tools that failed but what they say";
                self.losses.hint(what, why);
            }
            let mut blocks = Vec::with_capacity(content.len());
            for (k, part) in content.iter().enumerate() {
                let what = || format!("messages[{n}].content[{m}].content[{k}]");
                match &part.content {
                    Content::Text { text, .. } => blocks.push(Block::Text { text }),
                    Content::Media(media) if media.kind == MediaKind::Document => {
                        let document = self.document(media, None, &what);
                        blocks.extend(document.map(|document| Block::Document { document }));
                    }
                    _ => self.losses.cannot(what(), "Cohere takes text from tools"),
                }
            }
            self.out.turns.push(Turn::Tool {
                tool_call_id: id,
                content: Said::new(blocks),
            });
        }
    }

    fn cache(&mut self) {
        let why = "Cohere caches prompts by itself";
        self.losses.hint("cache_control", why);
    }

    fn foreign_reasoning(&mut self) {
        let why = "Cohere takes back only its own reasoning";
        self.losses.hint("reasoning of another provider", why);
    }
}

/// All documents: those of the client's own `documents`, if it wrote Cohere's parameter, and those of the messages.
pub(super) fn documents<'a>(own: Option<&'a Json>, told: &'a [Document<'a>]) -> Vec<Json> {
    let own = own.map(Json::to_value);
    let own = own
        .as_ref()
        .and_then(|v| v.as_array())
        .into_iter()
        .flatten();
    own.map(Json::from_value)
        .chain(told.iter().map(Json::from_value))
        .collect()
}
