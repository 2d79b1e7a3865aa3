//! Cuts JSON into fields while it is read, and leaves out what is text for a model.
//!
//! The shapes are those of the providers' references: OpenAI chat, responses, completions, embeddings, moderations,
//! images and speech, Anthropic messages, Gemini generateContent, Cohere chat, Bedrock converse.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::fields::{Fields, Part, short};

/// Deeper levels are not looked at: schemas in the wild stay far below.
const DEPTH: usize = 64;

/// Keys of the outermost object that are looked at.
const MOST_KEYS: usize = 4096;

/// What is known about a value from where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// Read all of it.
    Control,
    /// Texts for a model, with control fields between them.
    Prompt,
}

/// Cuts JSON; false if it is none.
pub(super) fn collect<'a>(body: &'a [u8], exempt: bool, out: &mut Fields<'a>) -> bool {
    let first = body.iter().copied().find(|b| !b.is_ascii_whitespace());
    if first != Some(b'{') || !exempt {
        return walk(body, Sort::Control, "", out).is_ok();
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Ok(top) = reader.deserialize_map(Top) else {
        return false;
    };
    if reader.end().is_err() {
        return false;
    }
    out.capped |= top.len() >= MOST_KEYS;
    let is_call = is_model_call(&top);
    let gemini_config = ["generationConfig", "generation_config", "config"];
    for (n, (key, value)) in top.iter().enumerate() {
        out.push(Part::Name, "key", key.clone());
        if top[..n.min(64)].iter().any(|(other, _)| other == key) {
            out.fact("key", "two_keys");
        }
        let sort = match key.as_ref() {
            _ if !is_call => Some(Sort::Control),
            "stop" | "stop_sequences" | "suffix" | "json_schema" | "response_schema"
            | "logit_bias" => None,
            key if PROMPTS.contains(&key) || gemini_config.contains(&key) => Some(Sort::Prompt),
            _ => Some(Sort::Control),
        };
        let Some(sort) = sort else { continue };
        if sort == Sort::Prompt && value.get().starts_with('"') {
            continue;
        }
        if walk(value.get().as_bytes(), sort, key, out).is_err() {
            out.capped = true;
        }
    }
    true
}

/// Keys of a model call's outermost object that hold texts for a model.
const PROMPTS: &[&str] = &[
    "messages",
    "prompt",
    "input",
    "contents",
    "content",
    "system",
    "instructions",
    "instruction",
    "systemInstruction",
    "system_instruction",
    "tools",
    "functions",
    "toolConfig",
    "tool_config",
    "tool_choice",
    "response_format",
    "text",
    "texts",
    "inputs",
    "documents",
    "query",
    "examples",
    "chat_history",
    "message",
    "preamble",
    "prediction",
    "instances",
    "requests",
    "inputText",
    "format",
    "output_format",
    "output_config",
    "reasoning_content",
    "additional_messages",
    "negative_prompt",
    "context",
    "passages",
    "sentences",
    "title",
    "tool_results",
    "suffix",
    "guided_json",
    "guided_regex",
    "guided_grammar",
    "grammar",
    "chat_template",
    "template",
    "options",
    "force_single_step",
];

/// Whether an object looks like a call to a model.
fn is_model_call(top: &[(Cow<str>, &RawValue)]) -> bool {
    let value = |key: &str| top.iter().find(|(k, _)| k == key).map(|(_, v)| v.get());
    let has = |key: &str| value(key).is_some();
    let array = |key: &str| value(key).is_some_and(|v| v.starts_with('['));
    let model = has("model") || has("modelId") || has("model_id");
    array("messages")
        || array("contents")
        || array("instances")
        || array("requests")
        || has("prompt")
        || has("inputText")
        || (has("query") && has("documents"))
        || value("content").is_some_and(|v| v.starts_with('{') && v.contains("\"parts\""))
        || (has("message") && (model || has("chat_history")))
        || (model
            && ["input", "inputs", "texts", "instructions", "query", "text"]
                .iter()
                .any(|key| has(key)))
        || ((has("input") || has("inputs"))
            && top.len() <= 3
            && top.iter().all(|(k, _)| {
                matches!(
                    k.as_ref(),
                    "input" | "inputs" | "parameters" | "options" | "encoding_format"
                )
            }))
}

/// In texts for a model: what a key says about its value.
fn sort_of(key: &str) -> Option<(Sort, Part)> {
    Some(match key {
        "role" | "type" | "id" | "tool_call_id" | "call_id" | "tool_use_id" | "name"
        | "mime_type" | "media_type" | "mimeType" | "detail" | "file_id" | "fileId" | "status"
        | "server_label" => (Sort::Control, Part::Json),
        "url" | "image_url" | "file_url" | "video_url" | "audio_url" | "input_audio_url"
        | "fileUri" | "file_uri" | "uri" | "server_url" | "s3Location" | "imageUrl" | "fileUrl" => {
            (Sort::Control, Part::Fetch)
        }
        "filename" | "file_name" | "displayName" => (Sort::Control, Part::FileName),
        "model" => (Sort::Control, Part::Model),
        // A caller's own data, whatever its keys are called.
        "arguments"
        | "args"
        | "parameters"
        | "input_schema"
        | "inputSchema"
        | "json_schema"
        | "schema"
        | "text"
        | "responseSchema"
        | "response_schema"
        | "responseJsonSchema"
        | "description"
        | "output"
        | "response"
        | "json"
        | "thinking"
        | "data"
        | "bytes"
        | "file_data"
        | "reasoning"
        | "reasoning_content"
        | "refusal"
        | "signature"
        | "encrypted_content"
        | "summary"
        | "snippet"
        | "title"
        | "document"
        | "logprobs"
        | "definition"
        | "stopSequences"
        | "stop_sequences"
        | "stop"
        | "enum"
        | "examples"
        | "results"
        | "variables"
        | "annotations"
        | "metadata_filter"
        | "filters"
        | "parametersJsonSchema"
        | "parameter_definitions"
        | "thoughtSignature" => {
            return None;
        }
        _ => (Sort::Prompt, Part::Json),
    })
}

fn walk<'a>(
    json: &'a [u8],
    sort: Sort,
    name: &str,
    out: &mut Fields<'a>,
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let part = part_of(name);
    let mut path = short(name).to_owned();
    Walk {
        out,
        path: &mut path,
        sort,
        part,
        depth: 1,
    }
    .deserialize(&mut reader)?;
    reader.end()
}

/// Which part a control field is, by its name.
fn part_of(key: &str) -> Part {
    match key {
        "model" | "modelId" | "model_id" | "models" => Part::Model,
        "image_url" | "file_url" | "fileUri" | "file_uri" | "server_url" | "audio_url"
        | "video_url" => Part::Fetch,
        "filename" | "file_name" | "fileName" => Part::FileName,
        _ => Part::Json,
    }
}

/// The outermost object: its keys, and its values as they are written.
struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            if list.len() < MOST_KEYS {
                list.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(list)
    }
}

/// A key, borrowed where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Goes through a value.
struct Walk<'w, 'a> {
    out: &'w mut Fields<'a>,
    /// Where it is, for hits.
    path: &'w mut String,
    sort: Sort,
    part: Part,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.depth > DEPTH || self.out.full() {
            if self.depth > DEPTH && !self.out.capped {
                self.out.fact("json", "deep_json");
            }
            self.out.capped = true;
            return reader.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Walk<'_, 'de> {
    fn text(self, text: Cow<'de, str>) {
        if self.sort == Sort::Control {
            self.out.push(self.part, short(self.path).to_owned(), text);
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.sort == Sort::Control {
            self.text(Cow::Owned(text.to_owned()));
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self {
            out,
            path,
            sort,
            part,
            depth,
        } = self;
        let mut more = true;
        while more {
            let walk = Walk {
                out: &mut *out,
                path: &mut *path,
                sort,
                part,
                depth: depth + 1,
            };
            more = list.next_element_seed(walk)?.is_some();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            out,
            path,
            sort,
            part,
            depth,
        } = self;
        let long = path.len();
        let mut keys = 0;
        while let Some(key) = map.next_key_seed(Key)? {
            keys += 1;
            if keys > MOST_KEYS {
                out.capped = true;
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let next = match sort {
                Sort::Control => {
                    let inner = part_of(&key);
                    // What is said about an object holds for its strings: `image_url: {url: …}`.
                    Some((
                        Sort::Control,
                        if inner == Part::Json { part } else { inner },
                    ))
                }
                Sort::Prompt => sort_of(&key),
            };
            if path.len() < 64 {
                path.push('.');
                path.push_str(short(&key));
            }
            match next {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some((Sort::Prompt, _)) => {
                    // A text is skipped without undoing its escapes.
                    let raw: &RawValue = map.next_value()?;
                    let data = key == "input" || key == "document";
                    if matches!(raw.get().as_bytes().first(), Some(b'{' | b'[')) && !data {
                        let mut inner = serde_json::Deserializer::from_str(raw.get());
                        let walk = Walk {
                            out: &mut *out,
                            path: &mut *path,
                            sort: Sort::Prompt,
                            part: Part::Json,
                            depth: depth + 1,
                        };
                        if walk.deserialize(&mut inner).is_err() {
                            out.capped = true;
                        }
                    }
                }
                Some((sort, part)) => {
                    if sort == Sort::Control && depth > 0 && !is_plain(&key) {
                        out.push(Part::Name, short(path).to_owned(), key);
                    }
                    map.next_value_seed(Walk {
                        out: &mut *out,
                        path: &mut *path,
                        sort,
                        part,
                        depth: depth + 1,
                    })?;
                }
            }
            path.truncate(long);
        }
        Ok(())
    }
}

/// Keys of which none is an attack.
fn is_plain(key: &str) -> bool {
    matches!(key, "role" | "type" | "id" | "name" | "url" | "detail")
}
