//! The turns of a request for Google.

use std::borrow::Cow;

use super::{
    super::super::{
        chat::{self, Content, Json, Message, Origin, Part, Role},
        loss::Losses,
        signature::{Place, Signature},
    },
    object::{Field, Object},
    part_read::DUMMIES,
    part_write::{self, Fields, FunctionResponse, Resolution, WireContent, WirePart},
};

/// Writes turns.
pub(super) struct Turns<'a, 'l> {
    /// For Gemini 3 or later.
    third: bool,
    losses: &'l mut Losses,
    system: Vec<WirePart<'a>>,
    contents: Vec<WireContent<'a>>,
    /// Media of tool results, for models that take them beside the results only.
    media: Vec<WirePart<'a>>,
}

impl<'a, 'l> Turns<'a, 'l> {
    /// Begins, for Gemini 3 or later (`third`) or an earlier model.
    pub(super) const fn new(third: bool, losses: &'l mut Losses) -> Self {
        Self {
            third,
            losses,
            system: Vec::new(),
            contents: Vec::new(),
            media: Vec::new(),
        }
    }

    /// The system instruction and the contents.
    pub(super) fn finish(mut self) -> (Vec<WirePart<'a>>, Vec<WireContent<'a>>) {
        self.flush_media();
        (self.system, self.contents)
    }

    /// Adds a message, the `n`-th; `leading` prompts stand before all turns.
    pub(super) fn message(&mut self, n: usize, message: &'a Message, leading: bool) {
        if message.name.is_some() && message.role != Role::Tool {
            let what = format!("messages[{n}].name");
            self.losses
                .hint(what, "Gemini does not tell speakers of a role apart");
        }
        match message.role {
            Role::System | Role::Developer if leading => self.prompt(n, message),
            Role::System | Role::Developer => {
                self.losses.hint(
                    format!("messages[{n}].role"),
                    "Gemini has system prompts in front only; here it is told as the user's",
                );
                self.user(n, message);
            }
            Role::User => self.user(n, message),
            Role::Assistant => self.model(n, message),
            Role::Tool => self.results(n, message),
        }
    }

    fn prompt(&mut self, n: usize, message: &'a Message) {
        for (i, part) in message.parts.iter().enumerate() {
            self.cache(part);
            if let Content::Text { text, .. } = &part.content {
                self.system.push(part_write::text(text).into());
            } else {
                let what = format!("messages[{n}].content[{i}]");
                self.losses
                    .cannot(what, "Gemini's system instruction is text only");
            }
        }
    }

    fn user(&mut self, n: usize, message: &'a Message) {
        self.flush_media();
        for (i, part) in message.parts.iter().enumerate() {
            match &part.content {
                Content::ToolResult { .. } => self.result(n, i, part),
                _ => {
                    let part = self.plain(n, i, part);
                    self.push("user", part);
                }
            }
        }
    }

    fn results(&mut self, n: usize, message: &'a Message) {
        for (i, part) in message.parts.iter().enumerate() {
            if matches!(part.content, Content::ToolResult { .. }) {
                self.result(n, i, part);
            } else {
                let part = self.plain(n, i, part);
                self.media.extend(part);
            }
        }
    }

    fn push(&mut self, role: &'static str, part: Option<WirePart<'a>>) {
        let Some(part) = part else { return };
        match self.contents.last_mut() {
            Some(last) if last.role == Some(role) => last.parts.push(part),
            _ => self.contents.push(WireContent {
                role: Some(role),
                parts: vec![part],
            }),
        }
    }

    fn flush_media(&mut self) {
        for part in std::mem::take(&mut self.media) {
            self.push("user", Some(part));
        }
    }

    fn cache(&mut self, part: &Part) {
        if part.cache.is_some() {
            cache_hint(self.losses);
        }
    }

    /// A part outside of calls.
    fn plain(&mut self, n: usize, i: usize, part: &'a Part) -> Option<WirePart<'a>> {
        self.cache(part);
        let what = || format!("messages[{n}].content[{i}]");
        let signature = || own(part.signature.as_ref());
        let fields = match &part.content {
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    let what = format!("{}.annotations", what());
                    self.losses.hint(what, "Gemini takes no citations back");
                }
                part_write::text(text)
            }
            Content::Refusal { text } => part_write::text(text),
            Content::Media(media) => match part_write::media(media) {
                Ok(mut fields) => {
                    self.wishes(&what(), media, &mut fields);
                    fields
                }
                Err(why) => {
                    self.losses.cannot(what(), why);
                    return None;
                }
            },
            Content::Foreign {
                origin: Origin::Gemini,
                json,
            } => return Some(part_write::raw(json, signature().as_deref())),
            Content::Foreign { .. } => {
                self.losses.cannot(what(), "Gemini has nothing of the sort");
                return None;
            }
            Content::Thinking { .. }
            | Content::RedactedThinking
            | Content::ToolCall { .. }
            | Content::ToolResult { .. } => {
                self.losses
                    .cannot(what(), "it has no place in a turn of this role");
                return None;
            }
        };
        Some(
            Fields {
                thought_signature: signature(),
                ..fields
            }
            .into(),
        )
    }

    /// What is wished for media beside themselves.
    fn wishes(&mut self, what: &str, media: &chat::Media, fields: &mut Fields) {
        let level = match media.detail.as_deref() {
            Some("low") => Some("MEDIA_RESOLUTION_LOW"),
            Some("high" | "original") => Some("MEDIA_RESOLUTION_HIGH"),
            _ => None,
        };
        // <https://ai.google.dev/gemini-api/docs/media-resolution>: for each part since Gemini 3.
        if self.third {
            fields.media_resolution = level.map(|level| Resolution { level });
        } else if level.is_some() {
            let why = "only Gemini 3 and later have a resolution for each part";
            self.losses.hint(format!("{what}.detail"), why);
        }
        if media.name.is_some() {
            self.losses
                .hint(format!("{what}.filename"), "Gemini takes no file names");
        }
        if media.context.is_some() {
            self.losses.cannot(
                format!("{what}.context"),
                "Gemini has no context for documents",
            );
        }
        if media.citations {
            self.losses.cannot(
                format!("{what}.citations"),
                "Gemini does not cite documents of the request",
            );
        }
    }

    /// A turn of the model.
    fn model(&mut self, n: usize, message: &'a Message) {
        self.flush_media();
        // A signature that a client of another dialect carried in front of the call or text that it belongs to.
        let mut pending: Option<Cow<'a, str>> = None;
        let mut called = false;
        for (i, part) in message.parts.iter().enumerate() {
            let signature = own(part.signature.as_ref());
            match &part.content {
                Content::Thinking { text, id } => {
                    let later = part
                        .signature
                        .as_ref()
                        .is_some_and(|s| matches!(s.place, Place::Call | Place::Text));
                    let foreign = signature.is_none() && part.signature.is_some() || id.is_some();
                    if foreign && signature.is_none() {
                        self.foreign_reasoning();
                        continue;
                    }
                    let mut fields = part_write::thought(text);
                    if later {
                        pending = signature;
                        if text.is_empty() {
                            continue;
                        }
                    } else {
                        fields.thought_signature = signature;
                    }
                    self.push("model", Some(fields.into()));
                }
                Content::RedactedThinking => match signature {
                    Some(signature) => pending = Some(signature),
                    None => self.foreign_reasoning(),
                },
                Content::ToolCall {
                    id,
                    name,
                    arguments,
                } => {
                    self.cache(part);
                    let mut fields = part_write::call(id, name, arguments);
                    fields.thought_signature = signature.or_else(|| pending.take());
                    // Only the first call of a step is signed, and since Gemini 3 it must be. For history of other
                    // models: <https://ai.google.dev/gemini-api/docs/thought-signatures#faqs>
                    if self.third && !called && fields.thought_signature.is_none() {
                        fields.thought_signature = Some(DUMMIES[0].into());
                    }
                    called = true;
                    self.push("model", Some(fields.into()));
                }
                // Others, too, sign texts of nothing, which Google need not know of.
                Content::Text { text, .. }
                    if text.is_empty()
                        && part.signature.is_some()
                        && signature.is_none()
                        && pending.is_none() =>
                {
                    self.foreign_reasoning();
                }
                Content::Text { .. } => {
                    let wire = match (self.plain(n, i, part), pending.take()) {
                        (Some(WirePart::Own(mut fields)), Some(before)) => {
                            fields.thought_signature.get_or_insert(before);
                            Some(WirePart::Own(fields))
                        }
                        (wire, _) => wire,
                    };
                    self.push("model", wire);
                }
                _ => {
                    let wire = self.plain(n, i, part);
                    self.push("model", wire);
                }
            }
        }
        if let Some(signature) = pending {
            let mut fields = part_write::text("");
            fields.thought_signature = Some(signature);
            self.push("model", Some(fields.into()));
        }
    }

    fn foreign_reasoning(&mut self) {
        self.losses.hint(
            "reasoning of another provider",
            "only the provider that wrote it can read it",
        );
    }

    /// What a tool said. <https://ai.google.dev/api/caching#FunctionResponse>
    fn result(&mut self, n: usize, i: usize, part: &'a Part) {
        let Content::ToolResult {
            id,
            name,
            content,
            is_error,
        } = &part.content
        else {
            return;
        };
        self.cache(part);
        let mut text: Option<Cow<'a, str>> = None;
        let mut media = Vec::new();
        for inner in content {
            if let Content::Text { text: more, .. } = &inner.content {
                self.cache(inner);
                match &mut text {
                    None => text = Some(more.into()),
                    Some(text) => {
                        let text = text.to_mut();
                        text.push('\n');
                        text.push_str(more);
                    }
                }
            } else {
                media.extend(self.plain(n, i, inner));
            }
        }
        let beside = if self.third {
            Vec::new()
        } else {
            std::mem::take(&mut media)
        };
        let name = match name.as_deref() {
            Some(name) => name,
            None => {
                let what = format!("messages[{n}].tool_call_id");
                self.losses.cannot(what, "no call of this id stands before");
                "unknown"
            }
        };
        let empty = media.is_empty() && beside.is_empty();
        let fields = Fields {
            function_response: Some(FunctionResponse {
                id,
                name,
                response: response(text.as_deref(), *is_error, empty),
                parts: media,
            }),
            ..Fields::default()
        };
        self.push("user", Some(fields.into()));
        self.media.extend(beside);
    }
}

/// A signature of Google's own.
fn own(signature: Option<&Signature>) -> Option<Cow<'_, str>> {
    signature?.for_provider(Origin::Gemini).map(Cow::Borrowed)
}

/// Marks for the prompt cache.
pub(super) fn cache_hint(losses: &mut Losses) {
    losses.hint(
        "cache_control",
        "Gemini caches prompts by itself, without marks",
    );
}

/// A tool's words as the object that Google wants: themselves if they are one, else in a member of Google's name.
fn response(text: Option<&str>, is_error: bool, empty: bool) -> Json {
    let Some(text) = text else {
        return if empty && !is_error {
            Json::from_value(&serde_json::json!({ "output": "" }))
        } else if is_error {
            Json::from_value(&serde_json::json!({ "error": "" }))
        } else {
            Json::from_value(&serde_json::json!({}))
        };
    };
    let trimmed = text.trim();
    let object = if trimmed.starts_with('{') && trimmed.ends_with('}') {
        Json::parse(trimmed).ok()
    } else {
        None
    };
    let mut out = Object::default();
    match (object, is_error) {
        (Some(json), false) => return json,
        (Some(json), true) => out.put("error", Some(Field::Own(json))),
        (None, true) => out.put("error", Some(Field::Text(text.into()))),
        (None, false) => out.put("output", Some(Field::Text(text.into()))),
    }
    Json::from_value(&out)
}
