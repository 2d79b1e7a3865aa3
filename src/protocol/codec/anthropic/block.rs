//! Content blocks, both ways: text, media, calls and their results, reasoning; the rest as it is written.
//!
//! The dialect has a place for signatures on reasoning only. One that stands on a text or a call (Gemini's) is put
//! into a `redacted_thinking` block before it, sealed; reading it back gives it to the part behind.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    citation::{self, WireCitation},
    media::{self, WireSource},
};
use crate::protocol::{
    chat::{CacheMark, Content, Json, Media, MediaKind, Origin, Part, arguments_object},
    json::{Kind, Value},
    signature::{Place, Signature},
};

/// A block as it is written.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<WireCitation<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    Image {
        source: WireSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    Document {
        source: WireSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Enabled>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<ResultContent<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    Thinking {
        thinking: &'a str,
        signature: Cow<'a, str>,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
    #[serde(untagged)]
    Raw(&'a Json),
}

impl<'a> Block<'a> {
    /// A text without marks.
    pub(super) const fn text(text: &'a str) -> Self {
        Self::Text {
            text,
            citations: Vec::new(),
            cache_control: None,
        }
    }
}

/// What a tool said.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ResultContent<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

/// `citations` of a document.
#[derive(Serialize)]
pub(super) struct Enabled {
    pub(super) enabled: bool,
}

/// A mark for the prompt cache.
#[derive(Serialize)]
pub(super) struct CacheControl<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'a str>,
}

impl<'a> CacheControl<'a> {
    /// The wire form of a mark.
    pub(super) fn of(mark: &'a Option<CacheMark>) -> Option<Self> {
        mark.as_ref().map(|mark| Self {
            kind: "ephemeral",
            ttl: mark.ttl.as_deref(),
        })
    }
}

/// Reads `cache_control`.
pub(super) fn cache_mark(value: Value<'_>) -> Option<CacheMark> {
    (value.kind() == Kind::Object).then(|| CacheMark {
        ttl: value
            .get("ttl")
            .and_then(Value::as_str)
            .map(Cow::into_owned),
    })
}

/// Who wrote the block that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A client: its signatures may be sealed ones.
    Client,
    /// Anthropic.
    Provider,
}

impl Side {
    fn signature(self, text: &str, place: Place) -> Signature {
        match self {
            Self::Client => Signature::from_client(text, Origin::Anthropic, place),
            Self::Provider => Signature::new(Origin::Anthropic, place, text),
        }
    }
}

/// A block that was read.
pub(super) enum ReadBlock {
    /// A part.
    Part(Part),
    /// The signature of a text or call that stands beside it.
    Signature(Signature),
}

/// Reads a block. What the canonical form has nothing for is kept as it is.
///
/// # Errors
/// With what is wrong.
pub(super) fn read(block: Value<'_>, side: Side) -> Result<ReadBlock, &'static str> {
    let kind = block
        .get("type")
        .and_then(Value::as_str)
        .ok_or("must be an object with a type")?;
    let string = |name: &str| block.get(name).and_then(Value::as_str);
    let content = match &*kind {
        "text" => Content::Text {
            text: string("text")
                .ok_or("must have a text, which is a string")?
                .into_owned(),
            citations: block
                .get("citations")
                .map(|list| list.elements().filter_map(citation::read).collect())
                .unwrap_or_default(),
        },
        "thinking" => {
            let signature = string("signature").filter(|s| !s.is_empty());
            let part = Part::new(Content::Thinking {
                text: string("thinking").unwrap_or_default().into_owned(),
                id: None,
            });
            let signature = signature.map(|s| side.signature(&s, Place::Thinking));
            return Ok(ReadBlock::Part(part.signed(signature)));
        }
        "redacted_thinking" => {
            let data = string("data").ok_or("must have data, which is a string")?;
            let signature = side.signature(&data, Place::Redacted);
            let content = match signature.place {
                Place::Call | Place::Text => return Ok(ReadBlock::Signature(signature)),
                Place::Redacted => Content::RedactedThinking,
                Place::Thinking => Content::Thinking {
                    text: String::new(),
                    id: None,
                },
            };
            return Ok(ReadBlock::Part(Part::new(content).signed(Some(signature))));
        }
        "tool_use" => Content::ToolCall {
            id: string("id")
                .ok_or("must have an id, which is a string")?
                .into_owned(),
            name: string("name")
                .ok_or("must have a name, which is a string")?
                .into_owned(),
            arguments: input(block.get("input"))?,
        },
        "image" | "document" => {
            let sort = if kind == "image" {
                MediaKind::Image
            } else {
                MediaKind::Document
            };
            match media::read(block, sort) {
                Some(media) => Content::Media(media),
                None if block.get("source").is_none() => return Err("must have a source"),
                None => return Ok(ReadBlock::Part(foreign(block))),
            }
        }
        "tool_result" if side == Side::Client => Content::ToolResult {
            id: string("tool_use_id")
                .ok_or("must have a tool_use_id, which is a string")?
                .into_owned(),
            name: None,
            content: result_content(block.get("content"))?,
            is_error: block
                .get("is_error")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        },
        _ => return Ok(ReadBlock::Part(foreign(block))),
    };
    let cache = block.get("cache_control").and_then(cache_mark);
    Ok(ReadBlock::Part(Part::new(content).cached(cache)))
}

/// A block as it is written.
pub(super) fn foreign(block: Value<'_>) -> Part {
    Part::new(Content::Foreign {
        origin: Origin::Anthropic,
        json: Json::of(block),
    })
}

/// The arguments of a call: as written, without needless copies of nothing.
fn input(input: Option<Value<'_>>) -> Result<String, &'static str> {
    match input {
        Some(input) if input.kind() == Kind::Object => {
            Ok(String::from_utf8_lossy(input.raw()).into_owned())
        }
        Some(input) if !input.is_null() => Err("must have an input, which is an object"),
        _ => Ok("{}".to_owned()),
    }
}

fn result_content(content: Option<Value<'_>>) -> Result<Vec<Part>, &'static str> {
    let Some(content) = content.filter(|c| !c.is_null()) else {
        return Ok(Vec::new());
    };
    if let Some(text) = content.as_str() {
        return Ok(match &*text {
            "" => Vec::new(),
            _ => vec![Part::text(text)],
        });
    }
    if content.kind() != Kind::Array {
        return Err("must have a content, which is a string or a list of blocks");
    }
    let mut parts = Vec::new();
    for block in content.elements() {
        if block
            .get("type")
            .is_some_and(|t| t.raw() == b"\"tool_result\"")
        {
            return Err("must not hold another tool_result");
        }
        match read(block, Side::Client)? {
            ReadBlock::Part(part) => parts.push(part),
            ReadBlock::Signature(_) => {}
        }
    }
    Ok(parts)
}

/// Writes an image or a document.
///
/// # Errors
/// Why the API does not take it.
pub(super) fn write_media<'a>(
    media: &'a Media,
    cache: &'a Option<CacheMark>,
) -> Result<Block<'a>, &'static str> {
    let source = media::source(media)?;
    let cache_control = CacheControl::of(cache);
    Ok(match media.kind {
        MediaKind::Image => Block::Image {
            source,
            cache_control,
        },
        _ => Block::Document {
            source,
            title: media.name.as_deref(),
            context: media.context.as_deref(),
            citations: media.citations.then_some(Enabled { enabled: true }),
            cache_control,
        },
    })
}

/// The blocks of an answer's part for a client, if the dialect has any place for it.
pub(super) fn write_answer_part<'a>(part: &'a Part, out: &mut Vec<Block<'a>>) {
    let signature = part.signature.as_ref();
    match &part.content {
        Content::Text { text, citations } => {
            out.extend(sealed(signature));
            if !text.is_empty() || !citations.is_empty() {
                out.push(Block::Text {
                    text,
                    citations: citations.iter().filter_map(WireCitation::of).collect(),
                    cache_control: None,
                });
            }
        }
        Content::Refusal { text } if !text.is_empty() => out.push(Block::text(text)),
        Content::Thinking { text, .. } if !text.is_empty() || signature.is_some() => {
            out.push(Block::Thinking {
                thinking: text,
                signature: signature.map_or(Cow::Borrowed(""), |s| {
                    s.for_client(Origin::Anthropic, Place::Thinking).into()
                }),
            });
        }
        Content::RedactedThinking => out.extend(sealed(signature)),
        Content::ToolCall {
            id,
            name,
            arguments,
        } => {
            out.extend(sealed(signature));
            out.push(Block::ToolUse {
                id: id.into(),
                name,
                input: arguments_object(arguments),
                cache_control: None,
            });
        }
        Content::Foreign {
            origin: Origin::Anthropic,
            json,
        } => out.push(Block::Raw(json)),
        // Media are told by `media_note`. What remains has no place.
        _ => {}
    }
}

/// A signature as a block of its own.
pub(super) fn sealed(signature: Option<&Signature>) -> Option<Block<'static>> {
    signature.map(|s| Block::RedactedThinking {
        data: s.for_client(Origin::Anthropic, Place::Redacted).into(),
    })
}

/// What stands for media in an answer, which the dialect has no blocks for: the words of a sound, the address, or a
/// note that something is missing.
pub(super) fn media_note(media: &Media) -> String {
    use crate::protocol::chat::Source;
    let kind = media.kind.name();
    if let Some(transcript) = &media.transcript {
        return transcript.clone();
    }
    match &media.source {
        Source::Url(url) if !url.starts_with("data:") => {
            let mark = if media.kind == MediaKind::Image {
                "!"
            } else {
                ""
            };
            format!("{mark}[{kind}]({url})")
        }
        Source::Text(text) => text.clone(),
        _ => {
            let mime = media.mime.as_deref().unwrap_or(kind);
            format!("[{mime} left out: the Messages API has no {kind} in answers]")
        }
    }
}
