//! The conversation for Converse: system prompts apart, and turns of user and assistant in turn.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{
    blocks::{self, Block, CachePoint, Names, Reasoning},
    fields::Family,
};
use crate::protocol::{
    chat::{CacheMark, ChatRequest, Content, Message, Origin, Part, Role, arguments_object},
    loss::Losses,
};

#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// What is written of a request's messages.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    /// The names of the tools that were called, for requests which declare none any more.
    pub(super) called: Vec<Cow<'a, str>>,
}

/// Writes all messages.
pub(super) fn write<'a>(
    request: &'a ChatRequest,
    family: Family,
    losses: &mut Losses,
) -> Conversation<'a> {
    let mut writer = Writer {
        out: Conversation::default(),
        names: Names::default(),
        family,
        losses,
    };
    for (n, message) in request.messages.iter().enumerate() {
        writer.message(n, message);
    }
    let mut out = writer.out;
    if let Some(mark) = &request.cache {
        match out.turns.last_mut() {
            Some(turn) if family.caches() => turn.content.push(point(mark, family)),
            _ => losses.hint("cache_control", NO_CACHE),
        }
    }
    out
}

const NO_CACHE: &str = "this model has no prompt cache marks at Bedrock";

fn point(mark: &CacheMark, family: Family) -> Block<'_> {
    const FIVE_MINUTES: &CacheMark = &CacheMark { ttl: None };
    // Nova's cache knows five minutes only.
    let mark = if family == Family::Nova {
        FIVE_MINUTES
    } else {
        mark
    };
    Block::CachePoint(CachePoint::new(mark))
}

struct Writer<'a, 'l> {
    out: Conversation<'a>,
    names: Names,
    family: Family,
    losses: &'l mut Losses,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, n: usize, message: &'a Message) {
        if message.name.is_some() {
            let why = "Bedrock does not know several speakers of a role";
            self.losses.hint(format!("messages[{n}].name"), why);
        }
        let role = match message.role {
            Role::System | Role::Developer => return self.system(n, message),
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let mut content = Vec::with_capacity(message.parts.len());
        for (m, part) in message.parts.iter().enumerate() {
            let what = || format!("messages[{n}].content[{m}]");
            if let Some(block) = self.part(part, &what) {
                content.push(block);
                self.mark(part, &mut content);
            }
        }
        if content.is_empty() {
            return;
        }
        // Turns must alternate, so neighbours of one role are one turn.
        match self.out.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.append(&mut content),
            _ => self.out.turns.push(Turn { role, content }),
        }
    }

    /// Converse has one place for system prompts, before all turns. Anthropic moves later ones there as well:
    /// <https://docs.claude.com/en/api/openai-sdk#system-developer-message-hoisting>
    fn system(&mut self, n: usize, message: &'a Message) {
        if !self.out.turns.is_empty() {
            let why = "Bedrock has system prompts before all messages, so it moves there";
            self.losses.hint(format!("messages[{n}]"), why);
        }
        let mut content = std::mem::take(&mut self.out.system);
        for (m, part) in message.parts.iter().enumerate() {
            match &part.content {
                Content::Text { text, .. } if !has_words(text) => {}
                Content::Text { text, .. } => {
                    content.push(Block::Text(text));
                    self.mark(part, &mut content);
                }
                _ => {
                    let what = format!("messages[{n}].content[{m}]");
                    self.losses
                        .cannot(what, "Bedrock's system prompts are text");
                }
            }
        }
        self.out.system = content;
    }

    /// The cache point behind a part.
    fn mark(&mut self, part: &'a Part, content: &mut Vec<Block<'a>>) {
        match &part.cache {
            Some(mark) if self.family.caches() => content.push(point(mark, self.family)),
            Some(_) => self.losses.hint("cache_control", NO_CACHE),
            None => {}
        }
    }

    fn part(&mut self, part: &'a Part, what: &dyn Fn() -> String) -> Option<Block<'a>> {
        let is_reasoning = matches!(
            part.content,
            Content::Thinking { .. } | Content::RedactedThinking
        );
        if part.signature.is_some() && !is_reasoning {
            self.foreign_reasoning();
        }
        match &part.content {
            // Texts of nothing to see are refused.
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    let why = "Bedrock is told what was said before without its sources";
                    self.losses.hint("citations", why);
                }
                has_words(text).then_some(Block::Text(text))
            }
            Content::Refusal { text } => has_words(text).then_some(Block::Text(text)),
            Content::Media(media) => blocks::media(media, &mut self.names, what, self.losses),
            Content::Thinking { text, .. } => self.thinking(part, text),
            Content::RedactedThinking => self.redacted(part),
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                let name = word(name);
                if !self.out.called.contains(&name) {
                    self.out.called.push(name.clone());
                }
                Some(Block::ToolUse {
                    tool_use_id: word(id),
                    name,
                    input: arguments_object(arguments),
                })
            }
            Content::ToolResult {
                id,
                content,
                is_error,
                ..
            } => {
                let mut said = Vec::with_capacity(content.len());
                for (k, part) in content.iter().enumerate() {
                    let what = || format!("{}.content[{k}]", what());
                    said.extend(self.result(part, &what));
                }
                Some(Block::ToolResult {
                    tool_use_id: word(id),
                    content: said,
                    // Not all models know the member, and `success` is what is so without it.
                    status: is_error.then_some("error"),
                })
            }
            Content::Foreign { origin, json } if *origin == Origin::Bedrock => {
                serde_json::from_str(json.get()).ok().map(Block::Raw)
            }
            Content::Foreign { .. } => {
                self.losses
                    .cannot(what(), "Bedrock does not know this block");
                None
            }
        }
    }

    fn result(&mut self, part: &'a Part, what: &dyn Fn() -> String) -> Option<Block<'a>> {
        if part.cache.is_some() {
            let why = "Bedrock has no cache points inside of what tools say";
            self.losses.hint("cache_control", why);
        }
        match &part.content {
            Content::Text { text, .. } => has_words(text).then_some(Block::Text(text)),
            Content::Media(media) => {
                let block = blocks::media(media, &mut self.names, what, self.losses)?;
                if matches!(block, Block::Audio(_)) {
                    self.losses
                        .cannot(what(), "Bedrock takes no sound from tools");
                    return None;
                }
                Some(block)
            }
            Content::Foreign { origin, json } if *origin == Origin::Bedrock => {
                serde_json::from_str(json.get()).ok().map(Block::Raw)
            }
            _ => {
                self.losses
                    .cannot(what(), "Bedrock takes text and media from tools");
                None
            }
        }
    }

    fn thinking(&mut self, part: &'a Part, text: &'a str) -> Option<Block<'a>> {
        let signature = part.signature.as_ref();
        if text.is_empty() && signature.is_none() {
            return None;
        }
        let own = signature.and_then(|s| s.for_provider(Origin::Anthropic));
        match own {
            Some(signature) if self.family.is_anthropic() => {
                let block = Reasoning::ReasoningText { text, signature };
                Some(Block::ReasoningContent(block))
            }
            _ => {
                self.foreign_reasoning();
                None
            }
        }
    }

    fn redacted(&mut self, part: &'a Part) -> Option<Block<'a>> {
        let signature = part.signature.as_ref();
        let anthropic = signature.and_then(|s| s.for_provider(Origin::Anthropic));
        let bedrock = signature.and_then(|s| s.for_provider(Origin::Bedrock));
        let content = match (anthropic, bedrock) {
            (Some(data), _) if self.family.is_anthropic() => STANDARD.encode(data),
            (_, Some(content)) => content.to_owned(),
            _ => {
                self.foreign_reasoning();
                return None;
            }
        };
        Some(Block::ReasoningContent(Reasoning::RedactedContent(content)))
    }

    fn foreign_reasoning(&mut self) {
        let why = "Bedrock takes reasoning back only with the signature of the model's maker";
        self.losses.hint("reasoning of another provider", why);
    }
}

fn has_words(text: &str) -> bool {
    !text.trim().is_empty()
}

/// Longest id or name.
const WORD: usize = 64;

/// Whether Bedrock and the models behind it take a text for an id or a name.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html>, and Anthropic's stricter rule
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= WORD
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// An id or a name that Bedrock takes: the same for the same text, another for another.
fn word(text: &str) -> Cow<'_, str> {
    if is_word(text) {
        return text.into();
    }
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let mut out: String = text.chars().take(WORD - 17).map(keep).collect();
    // FNV-1a, so that what differs only in what was replaced or cut off still differs.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    out.push_str(&format!("_{hash:016x}"));
    out.into()
}
