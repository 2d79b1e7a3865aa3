//! OpenAI's legacy completions, for clients in front of chat models: the prompt is a user's message, the answer's text
//! the completion. <https://platform.openai.com/docs/api-reference/completions>

use std::borrow::Cow;

use bytes::BytesMut;
use serde::Serialize;

use super::{
    Asked, ClientCodec, EncodeStream,
    openai_chat::{
        created, id_of,
        read_request::{bad, common, count, document, flag},
        tokens::Usage,
    },
};
use crate::{
    error::Failure,
    protocol::{
        Call,
        chat::{
            ChatAnswer, ChatRequest, Content, Finish, Json, Message, Part, Role, TokenLogprob,
            TokenUsage,
        },
        event::{Delta, Event},
        json::{Kind, Value},
        sse,
    },
};

/// OpenAI's legacy completions.
pub struct Completions;

impl ClientCodec for Completions {
    fn request(&self, _: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
        let document = document(body)?;
        let root = document.root();
        let prompt = root.get("prompt").and_then(single).ok_or_else(|| {
            bad(
                "prompt",
                "chat models take one prompt that is a text; lists of prompts and of tokens need a model of this API",
            )
        })?;
        let mut request = ChatRequest {
            messages: vec![Message {
                role: Role::User,
                name: None,
                parts: vec![Part::text(prompt)],
            }],
            ..ChatRequest::default()
        };
        for member in root.members() {
            let value = member.value;
            if !value.is_null() && !common(&mut request, &member.key, value)? {
                own(&mut request, &member.key, value)?;
            }
        }
        Ok(request)
    }

    fn answer(&self, answer: &ChatAnswer, asked: &Asked) -> Vec<u8> {
        let choices = answer.choices.iter().map(|choice| {
            let text: String = choice.parts.iter().filter_map(text_of).collect();
            ChoiceOut {
                index: choice.index,
                logprobs: Logprobs::of(&choice.logprobs, &mut 0),
                finish_reason: Some(finish_word(choice.ending.finish)),
                text: text.into(),
            }
        });
        let usage = Usage::of(&answer.usage);
        let body = Body {
            id: &id_of(&answer.id, "cmpl", asked),
            object: "text_completion",
            created: created(answer.created, asked),
            model: &asked.model,
            choices: &choices.collect::<Vec<_>>(),
            usage: usage.as_ref().map(Some),
        };
        // Nothing in it can fail: all keys are strings.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn stream(&self, asked: &Asked) -> Box<dyn EncodeStream> {
        Box::new(Encoder {
            asked: asked.clone(),
            id: id_of("", "cmpl", asked).into_owned(),
            created: asked.now,
            usage: TokenUsage::default(),
            offsets: Vec::new(),
        })
    }
}

/// A prompt, or a list of one.
fn single(prompt: Value) -> Option<Cow<str>> {
    match prompt.kind() {
        Kind::Array if prompt.len() == 1 => prompt.elements().next()?.as_str(),
        _ => prompt.as_str(),
    }
}

/// What only this API has.
fn own(request: &mut ChatRequest, key: &str, value: Value) -> Result<(), Failure> {
    match key {
        "prompt" => {}
        "echo" => {
            if flag(value, "echo")? {
                return Err(bad("echo", "chat models do not repeat the prompt"));
            }
        }
        "suffix" => {
            if value.as_str().as_deref() != Some("") {
                return Err(bad("suffix", "chat models do not fill in the middle"));
            }
        }
        "best_of" => {
            if count(value, "best_of")? > 1 {
                return Err(bad("best_of", "chat models do not choose among answers"));
            }
        }
        "logprobs" => {
            let top = count(value, "logprobs")?;
            let top = u32::try_from(top).map_err(|_| bad("logprobs", "`logprobs` is too large"))?;
            request.logprobs = Some(top);
        }
        _ => request.extra.push((key.to_owned(), Json::of(value))),
    }
    Ok(())
}

/// The words of a part; a refusal is all the answer that there is.
fn text_of(part: &Part) -> Option<&str> {
    match &part.content {
        Content::Text { text, .. } | Content::Refusal { text } => Some(text),
        _ => None,
    }
}

/// This API has no calls, and no word for a refusal.
const fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ContentFilter => "content_filter",
        _ => "stop",
    }
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [ChoiceOut<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<&'a Usage>>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    text: Cow<'a, str>,
    index: u32,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: Option<&'static str>,
}

/// Log probabilities in parallel lists. <https://platform.openai.com/docs/api-reference/completions/object>
#[derive(Serialize)]
struct Logprobs<'a> {
    tokens: Vec<&'a str>,
    token_logprobs: Vec<f64>,
    top_logprobs: Option<Vec<Top<'a>>>,
    text_offset: Vec<u64>,
}

/// The best alternatives of a token, as an object from text to number.
struct Top<'a>(&'a [TokenLogprob]);

impl Serialize for Top<'_> {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|token| (&token.token, token.logprob)))
    }
}

impl<'a> Logprobs<'a> {
    /// `offset` counts the characters of the text so far.
    fn of(tokens: &'a [TokenLogprob], offset: &mut u64) -> Option<Self> {
        if tokens.is_empty() {
            return None;
        }
        let text_offset = tokens
            .iter()
            .map(|token| {
                let start = *offset;
                *offset += token.token.chars().count() as u64;
                start
            })
            .collect();
        let top = tokens.iter().any(|token| !token.top.is_empty());
        Some(Self {
            tokens: tokens.iter().map(|token| token.token.as_str()).collect(),
            token_logprobs: tokens.iter().map(|token| token.logprob).collect(),
            top_logprobs: top.then(|| tokens.iter().map(|token| Top(&token.top)).collect()),
            text_offset,
        })
    }
}

struct Encoder {
    asked: Asked,
    id: String,
    created: u64,
    usage: TokenUsage,
    /// Characters of text with log probabilities so far, by choice.
    offsets: Vec<(u32, u64)>,
}

impl EncodeStream for Encoder {
    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start(start) => {
                self.id = id_of(&start.id, "cmpl", &self.asked).into_owned();
                self.created = created(start.created, &self.asked);
                self.usage.update(start.usage);
            }
            Event::Open { choice, part } => {
                let text = text_of(part).unwrap_or_default();
                self.text(*choice, text, out);
            }
            Event::Delta {
                choice,
                delta: Delta::Text(text) | Delta::Refusal(text),
            } => self.text(*choice, text, out),
            Event::Logprobs { choice, tokens } => {
                let mut offset = self.take_offset(*choice);
                let logprobs = Logprobs::of(tokens, &mut offset);
                self.offsets.push((*choice, offset));
                self.choice(*choice, "", logprobs, None, out);
            }
            Event::Finish { choice, ending } => {
                self.choice(*choice, "", None, Some(finish_word(ending.finish)), out);
            }
            Event::Usage(usage) => self.usage.update(*usage),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Delta { .. } | Event::Close { .. } | Event::Error(_) => {}
            Event::End => {
                if let Some(usage) = Usage::of(&self.usage).filter(|_| self.asked.include_usage) {
                    self.chunk(&[], Some(Some(&usage)), out);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
    }
}

impl Encoder {
    fn take_offset(&mut self, choice: u32) -> u64 {
        let found = self.offsets.iter().position(|(c, _)| *c == choice);
        found.map_or(0, |n| self.offsets.swap_remove(n).1)
    }

    fn text(&self, choice: u32, text: &str, out: &mut BytesMut) {
        if !text.is_empty() {
            self.choice(choice, text, None, None, out);
        }
    }

    fn choice(
        &self,
        index: u32,
        text: &str,
        logprobs: Option<Logprobs>,
        finish_reason: Option<&'static str>,
        out: &mut BytesMut,
    ) {
        let choice = ChoiceOut {
            text: text.into(),
            index,
            logprobs,
            finish_reason,
        };
        let usage = self.asked.include_usage.then_some(None);
        self.chunk(&[choice], usage, out);
    }

    fn chunk(&self, choices: &[ChoiceOut], usage: Option<Option<&Usage>>, out: &mut BytesMut) {
        let body = Body {
            id: &self.id,
            object: "text_completion",
            created: self.created,
            model: &self.asked.model,
            choices,
            usage,
        };
        sse::write_json(&body, out);
    }
}

#[cfg(test)]
mod tests;
