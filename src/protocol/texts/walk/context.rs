//! What is known of a value from what stands around it.

use std::borrow::Cow;

use super::{
    super::{
        super::json::{Member, Value},
        media::Media,
    },
    Role, Spot,
};

/// What is known of the place where a value stands.
#[derive(Clone, Copy)]
pub(in super::super) struct Context {
    pub(in super::super) role: Role,
    pub(in super::super) spot: Spot,
    pub(in super::super) turn: u32,
    pub(in super::super) media: Media,
}

impl Context {
    pub(in super::super) const fn new(role: Role, spot: Spot) -> Self {
        Self {
            role,
            spot,
            turn: 0,
            media: Media::Unknown,
        }
    }

    /// The same with another spot, unless nobody knows what this is.
    pub(in super::super) const fn spot(self, spot: Spot) -> Self {
        match self.spot {
            Spot::Unknown => self,
            _ => Self { spot, ..self },
        }
    }

    pub(in super::super) const fn speak(self, role: Role, spot: Spot) -> Self {
        Self { role, spot, ..self }
    }

    pub(in super::super) const fn call(self) -> Self {
        self.speak(Role::ToolCall, Spot::ToolArguments)
    }

    pub(in super::super) const fn result(self) -> Self {
        self.speak(Role::ToolResult, Spot::ToolResult)
    }

    pub(in super::super) const fn file(self) -> Self {
        self.speak(Role::Document, Spot::Document)
    }

    pub(in super::super) const fn url(self) -> Self {
        self.speak(self.role, Spot::Url)
    }

    pub(in super::super) const fn unknown(self) -> Self {
        self.speak(self.role, Spot::Unknown)
    }

    /// Texts of blocks that nobody knows are texts.
    pub(in super::super) const fn known(self) -> Self {
        match self.spot {
            Spot::Unknown => self.speak(self.role, Spot::Content),
            _ => self,
        }
    }

    pub(in super::super) const fn turn(self, turn: u32) -> Self {
        Self { turn, ..self }
    }
}

/// What must be known of an object before its members are read, since they come in any order.
#[derive(Default)]
pub(super) struct Head<'d> {
    pub(super) kind: Option<Cow<'d, str>>,
    pub(super) role: Option<Role>,
    pub(super) media: Option<Media>,
    pub(super) thought: bool,
}

impl<'d> Head<'d> {
    pub(super) fn of(value: Value<'d>) -> Self {
        let mut head = Self::default();
        for Member { key, value, .. } in value.members() {
            match &*key {
                "type" => head.kind = value.as_str(),
                "role" => {
                    // Two of them that differ: whom it would be wise to trust less.
                    let role = value.as_str().map(|role| role_named(&role));
                    let differs = head.role.is_some() && head.role != role;
                    head.role = if differs { Some(Role::User) } else { role };
                }
                "media_type" | "mime_type" | "mimeType" | "format" => {
                    head.media = value.as_str().and_then(|name| Media::named(&name));
                }
                "filename" | "file_name" | "displayName" if head.media.is_none() => {
                    head.media = value.as_str().and_then(|name| Media::of_file(&name));
                }
                "thought" => head.thought = value.as_bool() == Some(true),
                _ => {}
            }
        }
        head
    }
}

fn role_named(name: &str) -> Role {
    match name {
        "system" | "SYSTEM" => Role::System,
        "developer" => Role::Developer,
        "assistant" | "model" | "CHATBOT" => Role::Assistant,
        "tool" | "function" | "TOOL" => Role::ToolResult,
        _ => Role::User,
    }
}

/// What an object's `type` says of its texts.
pub(in super::super) fn context_of(kind: &str, context: Context) -> Context {
    match kind {
        "refusal" => context.spot(Spot::Refusal),
        "document" | "search_result" | "file" | "input_file" => context.file(),
        "image"
        | "image_url"
        | "input_image"
        | "computer_screenshot"
        | "input_audio"
        | "audio_url"
        | "video_url" => Context {
            media: Media::Binary,
            ..context
        },
        _ if kind.starts_with("reasoning") || kind == "thinking" => match context.role {
            // An item of `/responses` has no role of its own.
            Role::User => context.speak(Role::Assistant, Spot::Reasoning),
            _ => context.spot(Spot::Reasoning),
        },
        "image_generation_call" => Context {
            media: Media::Binary,
            ..context.call()
        },
        _ if kind.ends_with("_call") || kind.ends_with("tool_use") => context.call(),
        _ if kind.ends_with("_output") || kind.ends_with("_result") => context.result(),
        "mcp_approval_request" => context.call(),
        "mcp_approval_response" => context.result(),
        _ => context,
    }
}
