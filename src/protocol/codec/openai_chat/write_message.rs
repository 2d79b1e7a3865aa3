//! The turns of a request to a provider.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value as Tree};

use super::{media, reasoning, vendor};
use crate::{
    catalogue::Modality,
    protocol::{
        chat::{Content, Json, Media, MediaKind, Message, Origin, Part, Role, Source},
        codec::Target,
        loss::Losses,
    },
};

/// One message on the wire.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    content: Said<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Map<String, Tree>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Audio<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Google<'a>>,
}

impl<'a> Turn<'a> {
    const fn new(role: &'static str, content: Said<'a>) -> Self {
        Self {
            role,
            name: None,
            content,
            reasoning_content: None,
            reasoning: None,
            reasoning_details: Vec::new(),
            refusal: None,
            audio: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            extra_content: None,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Parts(Vec<Piece<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Refusal {
        refusal: &'a str,
    },
    ImageUrl {
        image_url: Link<'a>,
    },
    VideoUrl {
        video_url: Link<'a>,
    },
    InputAudio {
        input_audio: Sound<'a>,
    },
    File {
        file: File<'a>,
    },
    /// Mistral's. <https://docs.mistral.ai/capabilities/document_ai/document_qna>
    DocumentUrl {
        document_url: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        document_name: Option<&'a str>,
    },
    Thinking {
        thinking: [Words<'a>; 1],
    },
    #[serde(untagged)]
    Own(&'a Json),
}

#[derive(Serialize)]
struct Link<'a> {
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct Sound<'a> {
    data: &'a str,
    format: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Words<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Audio<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Call<'a> {
    Function {
        id: Cow<'a, str>,
        r#type: &'static str,
        function: Called<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        extra_content: Option<Google<'a>>,
    },
    Own(&'a Json),
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Google's place for its signatures. <https://ai.google.dev/gemini-api/docs/thought-signatures#openai>
#[derive(Serialize)]
pub(super) struct Google<'a> {
    google: Thought<'a>,
}

#[derive(Serialize)]
struct Thought<'a> {
    thought_signature: Cow<'a, str>,
}

impl<'a> Google<'a> {
    /// A signature there.
    pub(super) fn new(signature: impl Into<Cow<'a, str>>) -> Self {
        Self {
            google: Thought {
                thought_signature: signature.into(),
            },
        }
    }
}

/// Writes `messages`. Texts of one turn are joined by a blank line, since many vendors take only a string where
/// OpenAI also takes parts; those of an assistant are pieces of one answer and joined by nothing.
pub(super) fn write_all<'a>(
    messages: &'a [Message],
    target: &'a Target,
    losses: &mut Losses,
) -> Vec<Turn<'a>> {
    let mut writer = Writer {
        target,
        losses,
        turns: Vec::with_capacity(messages.len()),
        shown: Vec::new(),
        at: 0,
    };
    for (at, message) in messages.iter().enumerate() {
        writer.at = at;
        writer.message(message);
    }
    writer.show(Vec::new());
    writer.turns
}

struct Writer<'a, 'l> {
    target: &'a Target<'a>,
    losses: &'l mut Losses,
    turns: Vec<Turn<'a>>,
    /// Media of tool results: messages of tools have only text, so they go to the user message that follows.
    shown: Vec<Piece<'a>>,
    at: usize,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a Message) {
        let role = match message.role {
            Role::System => "system",
            Role::Developer if vendor::is_openai(self.target) => "developer",
            Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => return self.results(message),
        };
        if message.role == Role::User {
            let pieces = self.pieces(&message.parts);
            return self.show_named(pieces, message.name.as_deref());
        }
        self.show(Vec::new());
        let turn = if message.role == Role::Assistant {
            self.assistant(&message.parts)
        } else {
            let pieces = self.pieces(&message.parts);
            Some(Turn::new(role, said(pieces, "\n\n")))
        };
        if let Some(turn) = turn {
            let name = message.name.as_deref();
            self.turns.push(Turn { name, ..turn });
        }
    }

    /// A user message of what tools showed and these pieces, if there are any.
    fn show(&mut self, pieces: Vec<Piece<'a>>) {
        if !self.shown.is_empty() || !pieces.is_empty() {
            self.show_named(pieces, None);
        }
    }

    fn show_named(&mut self, pieces: Vec<Piece<'a>>, name: Option<&'a str>) {
        let mut all = std::mem::take(&mut self.shown);
        all.extend(pieces);
        let turn = Turn::new("user", said(all, "\n\n"));
        self.turns.push(Turn { name, ..turn });
    }

    fn results(&mut self, message: &'a Message) {
        for (n, part) in message.parts.iter().enumerate() {
            self.cache_mark(part);
            let Content::ToolResult {
                id,
                content,
                is_error,
                ..
            } = &part.content
            else {
                let place = self.place(n);
                self.losses
                    .cannot(place, "only results can stand in a message of tools");
                continue;
            };
            if *is_error {
                self.losses.hint(
                    "is_error of tool results",
                    "chat completions have no mark for tools that failed; the result's words tell it",
                );
            }
            let (mut text, mut media) = (Vec::new(), Vec::new());
            for piece in self.pieces(content) {
                match piece {
                    Piece::Text { .. } => text.push(piece),
                    piece => media.push(piece),
                }
            }
            if !media.is_empty() {
                if text.is_empty() {
                    let note = "The result is in the next user message.";
                    text.push(Piece::Text { text: note.into() });
                }
                let note = format!("Result of the tool call {id}:");
                self.shown.push(Piece::Text { text: note.into() });
                self.shown.append(&mut media);
            }
            let turn = Turn::new("tool", said(text, "\n\n"));
            let tool_call_id = Some(self.call_id(id));
            self.turns.push(Turn {
                tool_call_id,
                ..turn
            });
        }
    }

    /// An assistant's turn; none if nothing is left of it.
    fn assistant(&mut self, parts: &'a [Part]) -> Option<Turn<'a>> {
        let mut turn = Turn::new("assistant", Said::Nothing);
        let mut pieces = Vec::new();
        for (n, part) in parts.iter().enumerate() {
            self.cache_mark(part);
            match &part.content {
                Content::Thinking { text, .. } => self.thinking(part, text, &mut turn, &mut pieces),
                Content::RedactedThinking => self.thinking(part, "", &mut turn, &mut pieces),
                Content::ToolCall {
                    id,
                    name,
                    arguments,
                } => {
                    let arguments = match arguments.trim() {
                        "" => "{}",
                        _ => arguments,
                    };
                    turn.tool_calls.push(Call::Function {
                        id: self.call_id(id),
                        r#type: "function",
                        function: Called { name, arguments },
                        extra_content: self.google(part),
                    });
                }
                Content::Refusal { text } => {
                    turn.refusal.get_or_insert_with(String::new).push_str(text)
                }
                Content::Media(Media {
                    kind: MediaKind::Audio,
                    source: Source::File(id),
                    ..
                }) => turn.audio = Some(Audio { id }),
                Content::Media(media) => self.answered_media(media, n),
                Content::Foreign {
                    origin: Origin::OpenAi,
                    json,
                } if is_custom_call(json) => turn.tool_calls.push(Call::Own(json)),
                _ => {
                    if let Content::Text { text, .. } = &part.content
                        && part.signature.is_some()
                    {
                        turn.extra_content = self.google(part).or(turn.extra_content);
                        // Google signs texts of nothing, which others need not know of.
                        if text.is_empty() {
                            continue;
                        }
                    }
                    self.piece(part, n, &mut pieces);
                }
            }
        }
        let alone = pieces.is_empty();
        if alone
            && turn.tool_calls.is_empty()
            && turn.refusal.is_none()
            && turn.audio.is_none()
            && turn.reasoning_content.is_none()
            && turn.reasoning.is_none()
            && turn.reasoning_details.is_empty()
            && turn.extra_content.is_none()
        {
            return None;
        }
        if !alone {
            turn.content = said(pieces, "");
        }
        Some(turn)
    }

    /// Images that an assistant made have no place in its turns.
    fn answered_media(&mut self, media: &Media, n: usize) {
        let place = self.place(n);
        // The words of a sound are in its transcript, but that is no text of the turn.
        let _ = media;
        self.losses.cannot(
            place,
            "chat completions take media in user messages only, of their own answers the id of a sound",
        );
    }

    /// Reasoning goes back where it stood; that of others is left out.
    fn thinking(
        &mut self,
        part: &'a Part,
        words: &'a str,
        turn: &mut Turn<'a>,
        pieces: &mut Vec<Piece<'a>>,
    ) {
        let own = part
            .signature
            .as_ref()
            .and_then(|signature| signature.for_provider(Origin::OpenAi));
        let member = own.and_then(|value| vendor::reasoning_member(self.target, value));
        let append = |member: &mut Option<String>| {
            member.get_or_insert_with(String::new).push_str(words);
        };
        match (member, own) {
            (Some(reasoning::CONTENT), _) => append(&mut turn.reasoning_content),
            (Some(reasoning::PLAIN), _) => append(&mut turn.reasoning),
            (Some(_), _) => pieces.push(Piece::Thinking {
                thinking: [Words {
                    r#type: "text",
                    text: words,
                }],
            }),
            (None, Some(value)) if value.starts_with('{') && vendor::takes_details(self.target) => {
                turn.reasoning_details
                    .extend(reasoning::entry_for_provider(value, words));
            }
            _ => self.losses.hint(
                "reasoning of another provider",
                "reasoning goes back only to the provider that it came from",
            ),
        }
    }

    fn google(&mut self, part: &'a Part) -> Option<Google<'a>> {
        let signature = part.signature.as_ref()?;
        match signature.for_provider(Origin::Gemini) {
            Some(value) if vendor::is_gemini(self.target) => Some(Google::new(value)),
            // OpenAI's other API marks its texts; that is no reasoning.
            _ if signature.origin == Origin::OpenAi => None,
            _ => {
                self.losses.hint(
                    "reasoning of another provider",
                    "reasoning goes back only to the provider that it came from",
                );
                None
            }
        }
    }

    fn pieces(&mut self, parts: &'a [Part]) -> Vec<Piece<'a>> {
        let mut pieces = Vec::with_capacity(parts.len());
        for (n, part) in parts.iter().enumerate() {
            self.cache_mark(part);
            self.piece(part, n, &mut pieces);
        }
        pieces
    }

    fn piece(&mut self, part: &'a Part, n: usize, out: &mut Vec<Piece<'a>>) {
        match &part.content {
            Content::Text { text, .. } => out.push(Piece::Text { text: text.into() }),
            Content::Refusal { text } => out.push(Piece::Refusal { refusal: text }),
            Content::Media(media) => self.media(media, n, out),
            Content::Foreign {
                origin: Origin::OpenAi,
                json,
            } if json.get().contains("\"reference_ids\"") => out.push(Piece::Own(json)),
            _ => {
                let place = self.place(n);
                self.losses
                    .cannot(place, "chat completions have no such part here");
            }
        }
    }

    fn media(&mut self, media: &'a Media, n: usize, out: &mut Vec<Piece<'a>>) {
        if let Some(why) = self.not_taken(media.kind) {
            let place = self.place(n);
            return self.losses.cannot(place, why);
        }
        if media.citations {
            let place = format!("{}.citations", self.place(n));
            self.losses
                .cannot(place, "chat completions cite no documents of the request");
        }
        if let Some(context) = &media.context {
            out.push(Piece::Text {
                text: context.into(),
            });
        }
        let mime = media.mime.as_deref();
        let piece = match (media.kind, &media.source) {
            (MediaKind::Document, Source::Text(text)) => Some(Piece::Text {
                text: match &media.name {
                    Some(name) => format!("{name}\n\n{text}").into(),
                    None => text.into(),
                },
            }),
            (MediaKind::Image, source) => {
                let url = media::url_of_source(mime.unwrap_or("image/png"), source);
                let detail = media.detail.as_deref();
                url.map(|url| Piece::ImageUrl {
                    image_url: Link { url, detail },
                })
            }
            (MediaKind::Video, source) if !vendor::is_openai(self.target) => {
                let url = media::url_of_source(mime.unwrap_or("video/mp4"), source);
                url.map(|url| Piece::VideoUrl {
                    video_url: Link { url, detail: None },
                })
            }
            (MediaKind::Audio, Source::Base64(data)) => Some(Piece::InputAudio {
                input_audio: Sound {
                    data,
                    format: media::audio_format(mime.unwrap_or("audio/wav")),
                },
            }),
            (MediaKind::Document, source @ (Source::Base64(_) | Source::Url(_)))
                if vendor::is_mistral(self.target) =>
            {
                let url = media::url_of_source(mime.unwrap_or("application/pdf"), source);
                url.map(|document_url| Piece::DocumentUrl {
                    document_url,
                    document_name: media.name.as_deref(),
                })
            }
            (MediaKind::Document, Source::File(id)) => Some(Piece::File {
                file: File {
                    file_id: Some(id),
                    filename: media.name.as_deref(),
                    file_data: None,
                },
            }),
            (MediaKind::Document, source @ (Source::Base64(_) | Source::Url(_)))
                if matches!(source, Source::Base64(_))
                    || vendor::fetches_documents(self.target) =>
            {
                let mime = mime.unwrap_or("application/pdf");
                Some(Piece::File {
                    file: File {
                        file_id: None,
                        filename: Some(media.name.as_deref().unwrap_or(media::file_name(mime))),
                        file_data: media::url_of_source(mime, source),
                    },
                })
            }
            _ => None,
        };
        match piece {
            Some(piece) => out.push(piece),
            None => {
                let place = self.place(n);
                self.losses.cannot(
                    place,
                    "chat completions take images by address or as base64, sounds and documents as base64",
                );
            }
        }
    }

    /// Why the model does not take such media, as far as the catalogue knows.
    fn not_taken(&self, kind: MediaKind) -> Option<&'static str> {
        let takes = &self.target.known?.input;
        let (modality, why) = match kind {
            MediaKind::Image => (Modality::Image, "the model takes no images"),
            MediaKind::Audio => (Modality::Audio, "the model takes no sounds"),
            MediaKind::Video => (Modality::Video, "the model takes no films"),
            // Vendors read documents for models that cannot.
            MediaKind::Document => return None,
        };
        (!takes.is_empty() && !takes.contains(&modality)).then_some(why)
    }

    /// OpenAI and most vendors cache prompts by themselves.
    fn cache_mark(&mut self, part: &Part) {
        if part.cache.is_some() {
            self.losses.hint("cache_control", CACHES_ITSELF);
        }
    }

    /// Mistral wants nine letters and digits; every id becomes always the same such.
    fn call_id(&self, id: &'a str) -> Cow<'a, str> {
        let fits = id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits || !vendor::is_mistral(self.target) {
            return Cow::Borrowed(id);
        }
        // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
        let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let digit = |_| {
            let digit = digits[(hash % 36) as usize];
            hash /= 36;
            char::from(digit)
        };
        (0..9).map(digit).collect::<String>().into()
    }

    fn place(&self, n: usize) -> String {
        format!("messages[{}].content[{n}]", self.at)
    }
}

/// Why marks for the cache are left out.
pub(super) const CACHES_ITSELF: &str = "providers of chat completions cache prompts by themselves";

fn is_custom_call(json: &Json) -> bool {
    json.get().contains("\"custom\"") && json.to_value().get("custom").is_some()
}

/// Text alone as a string, everything else as parts.
fn said<'a>(mut pieces: Vec<Piece<'a>>, between: &str) -> Said<'a> {
    if !pieces.iter().all(|p| matches!(p, Piece::Text { .. })) {
        return Said::Parts(pieces);
    }
    if let (1, Some(Piece::Text { text })) = (pieces.len(), pieces.last_mut()) {
        return Said::Text(std::mem::take(text));
    }
    let mut joined = String::new();
    for (n, piece) in pieces.iter().enumerate() {
        if let Piece::Text { text } = piece {
            joined.push_str(if n > 0 { between } else { "" });
            joined.push_str(text);
        }
    }
    Said::Text(joined.into())
}
