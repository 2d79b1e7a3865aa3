//! Reads a client's request.

use std::borrow::Cow;

use super::reasoning::{Carried, OWN_ID, Sealed, WordsIn, carried, sign_phase};
use crate::{
    error::{Failure, Kind as FailureKind},
    protocol::{
        chat::{
            CacheMark, ChatRequest, Citation, Content, Effort, Function, Json, Media, MediaKind,
            Message, Origin, OutputFormat, Part, Reasoning, Role, Source, Tool, ToolChoice,
        },
        json::{Document, Kind, Limits, Value},
        signature::{Place, Signature},
    },
};

/// Reads a request.
pub(super) fn read(body: &[u8]) -> Result<ChatRequest, Failure> {
    let document = Document::parse(body, Limits::default())
        .map_err(|e| bad(format!("the body is no JSON: {e}")))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(bad("the body must be a JSON object"));
    }
    let mut turns = Turns::default();
    if let Some(instructions) = told(root, "instructions") {
        let text = text_of(instructions, "instructions")?.into_owned();
        turns.push(Role::System, vec![Part::text(text)]);
    }
    let kept = ["previous_response_id", "conversation", "prompt"];
    match told(root, "input") {
        Some(input) => turns.input(input)?,
        None if kept.into_iter().any(|name| told(root, name).is_some()) => {}
        None => return Err(wrong("input", "`input` is missing")),
    }
    turns.end_turn();
    let mut request = ChatRequest {
        messages: turns.messages,
        extra: turns.extra,
        ..ChatRequest::default()
    };
    for member in root.members() {
        if !member.value.is_null() {
            setting(&mut request, &member.key, member.value)?;
        }
    }
    if !request.extra.iter().any(|(name, _)| name == "include") {
        request.extra.push(("include".to_owned(), Json::default()));
    }
    Ok(request)
}

fn setting(request: &mut ChatRequest, name: &str, value: Value<'_>) -> Result<(), Failure> {
    match name {
        "input" | "instructions" | "model" => {}
        "tools" => tools(request, value)?,
        "tool_choice" => match tool_choice(value) {
            Some(choice) => request.tool_choice = Some(choice),
            None => keep(request, "tool_choice", value),
        },
        "parallel_tool_calls" => {
            request.parallel_tool_calls = Some(flag(value, "parallel_tool_calls")?);
        }
        "text" => text_format(request, value)?,
        "reasoning" => reasoning(request, value)?,
        "max_output_tokens" => {
            let what = "`max_output_tokens` must be a whole number";
            let number = value
                .as_u64()
                .ok_or_else(|| wrong("max_output_tokens", what))?;
            request.max_tokens = Some(number);
        }
        "temperature" => request.temperature = Some(number(value, "temperature")?),
        "top_p" => request.top_p = Some(number(value, "top_p")?),
        "top_logprobs" => {
            let what = "`top_logprobs` must be a whole number";
            let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
            let number = number.ok_or_else(|| wrong("top_logprobs", what))?;
            if number > 0 {
                request.logprobs = Some(number);
            }
        }
        "include" => include(request, value),
        "metadata" => {
            request.metadata = value
                .members()
                .map(|m| (m.key.into_owned(), string_or_raw(m.value)))
                .collect();
        }
        "user" => request.user = Some(text_of(value, "user")?.into_owned()),
        "service_tier" => {
            request.service_tier = Some(text_of(value, "service_tier")?.into_owned());
        }
        "stream" => request.stream = flag(value, "stream")?,
        _ => keep(request, name, value),
    }
    Ok(())
}

fn keep(request: &mut ChatRequest, name: &str, value: Value<'_>) {
    request.extra.push((name.to_owned(), Json::of(value)));
}

fn include(request: &mut ChatRequest, value: Value<'_>) {
    let mut rest = Vec::new();
    for what in value.elements().filter_map(Value::as_str) {
        match &*what {
            // This codec's own business: a null tells that it was asked for.
            "reasoning.encrypted_content" => {
                request.extra.push((what.into_owned(), Json::default()))
            }
            "message.output_text.logprobs" => {
                request.logprobs = request.logprobs.or(Some(0));
            }
            _ => rest.push(what),
        }
    }
    let rest = if rest.is_empty() {
        Json::default()
    } else {
        Json::from_value(&rest)
    };
    request.extra.push(("include".to_owned(), rest));
}

fn tools(request: &mut ChatRequest, value: Value<'_>) -> Result<(), Failure> {
    if value.kind() != Kind::Array {
        return Err(wrong("tools", "`tools` must be a list"));
    }
    for (n, tool) in value.elements().enumerate() {
        let Some(kind) = tool.get("type").and_then(Value::as_str) else {
            return Err(wrong("tools", format!("`tools[{n}].type` is missing")));
        };
        if kind != "function" {
            request.tools.push(Tool::Hosted {
                origin: Origin::OpenAi,
                name: kind.into_owned(),
                json: Json::of(tool),
            });
            continue;
        }
        let mut function = Function::default();
        for member in tool.members().filter(|m| !m.value.is_null()) {
            match &*member.key {
                "type" => {}
                "name" => function.name = text_of(member.value, "tools")?.into_owned(),
                "description" => {
                    function.description = Some(text_of(member.value, "tools")?.into_owned());
                }
                "parameters" => function.schema = Some(Json::of(member.value)),
                "strict" => function.strict = Some(flag(member.value, "tools")?),
                _ if member.value.as_bool() == Some(false) => {}
                other => keep(request, &format!("tools[{n}].{other}"), member.value),
            }
        }
        if function.name.is_empty() {
            return Err(wrong("tools", format!("`tools[{n}].name` is missing")));
        }
        request.tools.push(Tool::Function(function));
    }
    Ok(())
}

fn tool_choice(value: Value<'_>) -> Option<ToolChoice> {
    if let Some(word) = value.as_str() {
        return match &*word {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" => Some(ToolChoice::Required),
            _ => None,
        };
    }
    match value.get("type")?.as_str()?.as_ref() {
        "function" => Some(ToolChoice::Function(
            value.get("name")?.as_str()?.into_owned(),
        )),
        "allowed_tools" => {
            let required = match value.get("mode")?.as_str()?.as_ref() {
                "required" => true,
                "auto" => false,
                _ => return None,
            };
            let names: Option<Vec<String>> = value
                .get("tools")?
                .elements()
                .map(|tool| match tool.get("type")?.as_str()?.as_ref() {
                    "function" => Some(tool.get("name")?.as_str()?.into_owned()),
                    _ => None,
                })
                .collect();
            Some(ToolChoice::Among {
                required,
                names: names?,
            })
        }
        _ => None,
    }
}

fn text_format(request: &mut ChatRequest, value: Value<'_>) -> Result<(), Failure> {
    for member in value.members().filter(|m| !m.value.is_null()) {
        match &*member.key {
            "format" => match output_format(member.value)? {
                Ok(format) => request.output = format,
                Err(()) => keep(request, "text.format", member.value),
            },
            // As it is called in chat completions, where it means the same.
            "verbosity" => keep(request, "verbosity", member.value),
            other => keep(request, &format!("text.{other}"), member.value),
        }
    }
    Ok(())
}

fn output_format(value: Value<'_>) -> Result<Result<Option<OutputFormat>, ()>, Failure> {
    let text = |name| value.get(name).and_then(Value::as_str).map(Cow::into_owned);
    Ok(match text("type").as_deref() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(OutputFormat::Json)),
        Some("json_schema") => {
            let schema = told(value, "schema");
            let schema = schema.ok_or_else(|| wrong("text", "`text.format.schema` is missing"))?;
            Ok(Some(OutputFormat::Schema {
                name: text("name"),
                description: text("description"),
                schema: Json::of(schema),
                strict: value.get("strict").and_then(Value::as_bool),
            }))
        }
        _ => Err(()),
    })
}

fn reasoning(request: &mut ChatRequest, value: Value<'_>) -> Result<(), Failure> {
    if value.kind() != Kind::Object {
        return Err(wrong("reasoning", "`reasoning` must be an object"));
    }
    let mut wish = Reasoning::default();
    for member in value.members().filter(|m| !m.value.is_null()) {
        let word = member.value.as_str();
        match (&*member.key, word) {
            ("effort", Some(word)) if Effort::of_name(&word).is_some() => {
                wish.effort = Effort::of_name(&word);
            }
            ("summary", Some(word)) => wish.summary = Some(word.into_owned()),
            (other, _) => keep(request, &format!("reasoning.{other}"), member.value),
        }
    }
    if wish != Reasoning::default() {
        request.reasoning = Some(wish);
    }
    Ok(())
}

/// The conversation, as far as it was read.
#[derive(Default)]
struct Turns {
    messages: Vec<Message>,
    /// Signatures that belong to a call or text which is yet to come.
    pending: Vec<Signature>,
    extra: Vec<(String, Json)>,
}

impl Turns {
    fn push(&mut self, role: Role, parts: Vec<Part>) {
        self.end_turn();
        self.messages.push(Message {
            role,
            name: None,
            parts,
        });
    }

    /// The open turn of a role.
    fn turn(&mut self, role: Role) -> &mut Vec<Part> {
        if self.messages.last().is_none_or(|m| m.role != role) {
            self.push(role, Vec::new());
        }
        let last = self.messages.len() - 1;
        &mut self.messages[last].parts
    }

    fn say(&mut self, part: Part) {
        self.turn(Role::Assistant).push(part);
    }

    fn take_pending(&mut self, place: Place) -> Option<Signature> {
        let n = self.pending.iter().position(|s| s.place == place)?;
        Some(self.pending.remove(n))
    }

    /// A signature on a text of which nothing else was told stands on an empty text.
    fn flush_text(&mut self) {
        while let Some(signature) = self.take_pending(Place::Text) {
            self.say(Part::text("").signed(Some(signature)));
        }
    }

    fn end_turn(&mut self) {
        if !self.pending.is_empty() {
            let pending = std::mem::take(&mut self.pending);
            // What was to be signed by the others never came.
            for signature in pending.into_iter().filter(|s| s.place == Place::Text) {
                self.say(Part::text("").signed(Some(signature)));
            }
        }
    }

    fn input(&mut self, input: Value<'_>) -> Result<(), Failure> {
        if let Some(text) = input.as_str() {
            self.push(Role::User, vec![Part::text(text)]);
            return Ok(());
        }
        if input.kind() != Kind::Array {
            return Err(wrong(
                "input",
                "`input` must be a string or a list of items",
            ));
        }
        for (n, item) in input.elements().enumerate() {
            self.item(n, item)?;
        }
        Ok(())
    }

    fn item(&mut self, n: usize, item: Value<'_>) -> Result<(), Failure> {
        if item.kind() != Kind::Object {
            return Err(wrong("input", format!("`input[{n}]` must be an object")));
        }
        let kind = told(item, "type").and_then(Value::as_str);
        match kind.as_deref() {
            Some("message") => self.message(n, item),
            None if told(item, "role").is_some() => self.message(n, item),
            Some("reasoning") => {
                self.reasoning(item);
                Ok(())
            }
            Some("function_call") => self.call(n, item),
            Some("function_call_output") => self.result(n, item),
            None if told(item, "id").is_none() => Err(wrong(
                "input",
                format!("`input[{n}]` has neither `type` nor `role`"),
            )),
            // Calls of hosted tools and what they gave, references to stored items, compacted turns: OpenAI's own.
            _ => {
                self.foreign(item);
                Ok(())
            }
        }
    }

    fn foreign(&mut self, item: Value<'_>) {
        self.flush_text();
        self.say(Part::new(Content::Foreign {
            origin: Origin::OpenAi,
            json: Json::of(item),
        }));
    }

    fn message(&mut self, n: usize, item: Value<'_>) -> Result<(), Failure> {
        let role = told(item, "role").and_then(Value::as_str);
        let role = match role.as_deref() {
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            _ => {
                let what = format!(
                    "`input[{n}].role` must be `user`, `assistant`, `system` or `developer`"
                );
                return Err(wrong("input", what));
            }
        };
        let mut parts = content(item.get("content"), &format!("input[{n}].content"))?;
        if role != Role::Assistant {
            self.push(role, parts);
            return Ok(());
        }
        if parts
            .iter()
            .any(|part| matches!(part.content, Content::Foreign { .. }))
        {
            self.foreign(item);
            return Ok(());
        }
        let phase = told(item, "phase").and_then(Value::as_str);
        let signature = self
            .take_pending(Place::Text)
            .or_else(|| phase.map(|phase| sign_phase(&phase)));
        if let Some(first) = parts.first_mut() {
            first.signature = signature;
        }
        self.turn(Role::Assistant).extend(parts);
        Ok(())
    }

    fn reasoning(&mut self, item: Value<'_>) {
        let read = ReasoningItem::read(item);
        self.flush_text();
        match read.encrypted.as_deref().map(carried) {
            Some(Carried::Sealed(signature, previous)) => self.sealed(signature, previous, read),
            _ => {
                if let Some(part) = read.part(true) {
                    self.say(part);
                }
            }
        }
    }

    fn sealed(&mut self, signature: Signature, previous: bool, read: ReasoningItem) {
        match signature.place {
            Place::Thinking => self.say(
                Part::new(Content::Thinking {
                    text: read.text,
                    id: None,
                })
                .signed(Some(signature)),
            ),
            Place::Redacted => {
                self.say(Part::new(Content::RedactedThinking).signed(Some(signature)));
            }
            Place::Call | Place::Text if !previous => self.pending.push(signature),
            place => {
                let fits = |part: &&mut Part| match place {
                    Place::Call => matches!(part.content, Content::ToolCall { .. }),
                    _ => matches!(part.content, Content::Text { .. }),
                };
                let turn = self.turn(Role::Assistant);
                match turn.iter_mut().rev().find(fits) {
                    Some(part) => part.signature = Some(signature),
                    None if place == Place::Text => {
                        turn.push(Part::text("").signed(Some(signature)));
                    }
                    None => {}
                }
            }
        }
    }

    fn call(&mut self, n: usize, item: Value<'_>) -> Result<(), Failure> {
        let text = |name| {
            told(item, name)
                .and_then(Value::as_str)
                .map(Cow::into_owned)
        };
        let missing = |name| wrong("input", format!("`input[{n}].{name}` is missing"));
        let id = text("call_id")
            .or_else(|| text("id"))
            .ok_or_else(|| missing("call_id"))?;
        let name = text("name").ok_or_else(|| missing("name"))?;
        let arguments = told(item, "arguments").map(string_or_raw);
        let arguments = arguments.filter(|a| !a.is_empty());
        let known = ["type", "id", "call_id", "name", "arguments", "status"];
        self.keep_rest(item, &known, &format!("input.function_call({id})."));
        self.flush_text();
        let signature = self.take_pending(Place::Call);
        self.say(
            Part::new(Content::ToolCall {
                id,
                name,
                arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
            })
            .signed(signature),
        );
        Ok(())
    }

    fn result(&mut self, n: usize, item: Value<'_>) -> Result<(), Failure> {
        let text = |name| {
            told(item, name)
                .and_then(Value::as_str)
                .map(Cow::into_owned)
        };
        let missing = |name| wrong("input", format!("`input[{n}].{name}` is missing"));
        let id = text("call_id").ok_or_else(|| missing("call_id"))?;
        let output = told(item, "output").ok_or_else(|| missing("output"))?;
        let known = ["type", "id", "call_id", "name", "output", "status"];
        self.keep_rest(item, &known, &format!("input.function_call_output({id})."));
        let content = match output.kind() {
            Kind::String | Kind::Array => content(Some(output), &format!("input[{n}].output"))?,
            // Some clients hand over the object that they should have written as text.
            _ => vec![Part::text(string_or_raw(output))],
        };
        let part = Part::new(Content::ToolResult {
            id,
            name: text("name"),
            content,
            is_error: false,
        });
        self.turn(Role::Tool).push(part);
        Ok(())
    }

    fn keep_rest(&mut self, item: Value<'_>, known: &[&str], prefix: &str) {
        for member in item.members() {
            if !member.value.is_null() && !known.contains(&&*member.key) {
                let name = format!("{prefix}{}", member.key);
                self.extra.push((name, Json::of(member.value)));
            }
        }
    }
}

/// What a reasoning item says, in a request or an answer.
pub(super) struct ReasoningItem {
    /// Its words.
    pub(super) text: String,
    id: String,
    encrypted: Option<String>,
    words: WordsIn,
}

impl ReasoningItem {
    /// Reads an item. Its summary, if it has one, stands for its raw reasoning.
    pub(super) fn read(item: Value<'_>) -> Self {
        let text = |name| {
            let text = told(item, name).and_then(Value::as_str);
            text.map(Cow::into_owned).filter(|text| !text.is_empty())
        };
        let (summary, content) = (joined(item.get("summary")), joined(item.get("content")));
        let words = if content.is_empty() {
            WordsIn::Summary
        } else if summary.is_empty() {
            WordsIn::Content
        } else if summary == content {
            WordsIn::Both
        } else {
            WordsIn::Summary
        };
        Self {
            text: if summary.is_empty() { content } else { summary },
            id: text("id").unwrap_or_default(),
            encrypted: text("encrypted_content"),
            words,
        }
    }

    /// The signature that brings the item back.
    pub(super) fn signature(&self) -> Option<Signature> {
        if self.encrypted.is_none() && self.words == WordsIn::Summary {
            return None;
        }
        let place = if self.text.is_empty() {
            Place::Redacted
        } else {
            Place::Thinking
        };
        // The id of an item that the gateway made is none that the provider knows.
        let id = if self.id.starts_with(OWN_ID) {
            ""
        } else {
            &self.id
        };
        let sealed = Sealed {
            id,
            encrypted: self.encrypted.as_deref().unwrap_or_default(),
            words: self.words,
        };
        Some(sealed.sign(place))
    }

    /// The part, if it says anything; with the item's id if there is nothing else to know it by and `keep_id`.
    pub(super) fn part(self, keep_id: bool) -> Option<Part> {
        let signature = self.signature();
        let id = Some(self.id)
            .filter(|id| keep_id && signature.is_none() && !id.is_empty())
            .filter(|id| !id.starts_with(OWN_ID));
        let content = match &signature {
            Some(signature) if signature.place == Place::Redacted => Content::RedactedThinking,
            None if self.text.is_empty() && id.is_none() => return None,
            _ => Content::Thinking {
                text: self.text,
                id,
            },
        };
        Some(Part::new(content).signed(signature))
    }
}

/// The texts of a list of parts, with a blank line between them.
fn joined(list: Option<Value<'_>>) -> String {
    let mut joined = String::new();
    let texts = list.into_iter().flat_map(Value::elements);
    for text in texts.filter_map(|part| part.get("text")?.as_str()) {
        if !joined.is_empty() {
            joined.push_str("\n\n");
        }
        joined.push_str(&text);
    }
    joined
}

/// A string or a list of parts.
fn content(value: Option<Value<'_>>, place: &str) -> Result<Vec<Part>, Failure> {
    let Some(value) = value.filter(|v| !v.is_null()) else {
        return Ok(Vec::new());
    };
    if let Some(text) = value.as_str() {
        return Ok(vec![Part::text(text)]);
    }
    if value.kind() != Kind::Array {
        let what = format!("`{place}` must be a string or a list of parts");
        return Err(wrong("input", what));
    }
    value
        .elements()
        .enumerate()
        .map(|(n, part)| content_part(part, place, n))
        .collect()
}

fn content_part(part: Value<'_>, place: &str, n: usize) -> Result<Part, Failure> {
    let text = |name| {
        told(part, name)
            .and_then(Value::as_str)
            .map(Cow::into_owned)
    };
    let missing = |name| wrong("input", format!("`{place}[{n}].{name}` is missing"));
    let content = match text("type").as_deref() {
        Some("input_text" | "output_text" | "text") => Content::Text {
            text: text("text").ok_or_else(|| missing("text"))?,
            citations: part
                .get("annotations")
                .into_iter()
                .flat_map(Value::elements)
                .filter_map(citation)
                .collect(),
        },
        Some("refusal") => Content::Refusal {
            text: text("refusal").ok_or_else(|| missing("refusal"))?,
        },
        Some("input_image") => {
            let source = match (text("image_url"), text("file_id")) {
                (Some(url), _) => data_url(url),
                (None, Some(file)) => (None, Source::File(file)),
                (None, None) => return Err(missing("image_url")),
            };
            let mut media = Media::new(MediaKind::Image, source.0, source.1);
            media.detail = text("detail");
            Content::Media(media)
        }
        Some("input_file") => {
            let source = match (text("file_data"), text("file_url"), text("file_id")) {
                (Some(data), ..) if data.starts_with("data:") => data_url(data),
                (Some(data), ..) => (None, Source::Base64(data)),
                (None, Some(url), _) => (None, Source::Url(url)),
                (None, None, Some(file)) => (None, Source::File(file)),
                (None, None, None) => return Err(missing("file_data")),
            };
            let mut media = Media::new(MediaKind::Document, source.0, source.1);
            media.name = text("filename");
            media.detail = text("detail");
            Content::Media(media)
        }
        Some("input_audio") => {
            let audio = part.get("input_audio");
            let text = |name| audio?.get(name)?.as_str().map(Cow::into_owned);
            let data = text("data").ok_or_else(|| missing("input_audio.data"))?;
            let mime = text("format").map(|format| match format.as_str() {
                "mp3" => "audio/mpeg".to_owned(),
                other => format!("audio/{other}"),
            });
            Content::Media(Media::new(MediaKind::Audio, mime, Source::Base64(data)))
        }
        Some(_) => Content::Foreign {
            origin: Origin::OpenAi,
            json: Json::of(part),
        },
        None => return Err(missing("type")),
    };
    let cache = told(part, "prompt_cache_breakpoint").map(|mark| CacheMark {
        ttl: mark.get("ttl").and_then(Value::as_str).map(Cow::into_owned),
    });
    Ok(Part::new(content).cached(cache))
}

/// Splits a data URL in media type and base64; every other address stays as it is.
fn data_url(url: String) -> (Option<String>, Source) {
    let split = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
        .map(|(mime, data)| (mime.to_owned(), data.to_owned()));
    match split {
        Some((mime, data)) => (Some(mime).filter(|m| !m.is_empty()), Source::Base64(data)),
        None => (None, Source::Url(url)),
    }
}

/// Reads an annotation.
pub(super) fn citation(value: Value<'_>) -> Option<Citation> {
    let number = |name| value.get(name).and_then(Value::as_u64);
    let text = |name| {
        let text = value.get(name).and_then(Value::as_str);
        text.map(Cow::into_owned).filter(|text| !text.is_empty())
    };
    let citation = Citation {
        start: number("start_index").or_else(|| number("index")),
        end: number("end_index"),
        url: text("url"),
        title: text("title").or_else(|| text("filename")),
        file: text("file_id"),
        ..Citation::default()
    };
    (citation.url.is_some() || citation.file.is_some()).then_some(citation)
}

/// A member that says something.
pub(super) fn told<'d>(value: Value<'d>, name: &str) -> Option<Value<'d>> {
    value.get(name).filter(|v| !v.is_null())
}

/// A string, or the JSON of anything else.
pub(super) fn string_or_raw(value: Value<'_>) -> String {
    value.as_str().map_or_else(
        || String::from_utf8_lossy(value.raw()).into_owned(),
        Cow::into_owned,
    )
}

fn text_of<'d>(value: Value<'d>, name: &'static str) -> Result<Cow<'d, str>, Failure> {
    value
        .as_str()
        .ok_or_else(|| wrong(name, format!("`{name}` must be a string")))
}

fn flag(value: Value<'_>, name: &'static str) -> Result<bool, Failure> {
    value
        .as_bool()
        .ok_or_else(|| wrong(name, format!("`{name}` must be true or false")))
}

fn number(value: Value<'_>, name: &'static str) -> Result<f64, Failure> {
    value
        .as_f64()
        .ok_or_else(|| wrong(name, format!("`{name}` must be a number")))
}

fn bad(message: impl Into<Cow<'static, str>>) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

fn wrong(param: &'static str, message: impl Into<Cow<'static, str>>) -> Failure {
    bad(message).param(param)
}
