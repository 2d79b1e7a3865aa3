//! Clients of one dialect at providers of another: what reaches the provider, and what comes back.

use serde_json::{Value, json};

use crate::{
    harness::{Answer, Ask, Gateway},
    upstream::{Kind, Reply, Upstream, merge},
};

#[path = "../grammar.rs"]
pub mod grammar;
pub mod told;

mod failing;
mod failover;
mod headers;
mod lengths;
mod loops;
mod streams;
mod unsupported;
mod usage;

pub use told::Told;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's legacy completions.
    Completions,
    /// Anthropic's messages.
    Messages,
    /// Gemini's generateContent.
    Generate,
}

impl Speaks {
    /// All that can carry a conversation.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::Generate];

    /// Where it asks.
    pub fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".into(),
            Self::Responses => "/v1/responses".into(),
            Self::Completions => "/v1/completions".into(),
            Self::Messages => "/v1/messages".into(),
            Self::Generate if stream => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            Self::Generate => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// A short question.
    pub fn request(self, model: &str, stream: bool) -> Value {
        let mut body = match self {
            Self::Chat => json!({
                "model": model, "messages": [
                    { "role": "system", "content": "Be brief." }, { "role": "user", "content": "Hi" },
                ],
                "max_completion_tokens": 64,
            }),
            Self::Responses => json!({
                "model": model, "instructions": "Be brief.", "input": "Hi", "max_output_tokens": 64, "store": false,
            }),
            Self::Completions => json!({ "model": model, "prompt": "Hi", "max_tokens": 64 }),
            Self::Messages => json!({
                "model": model, "system": "Be brief.",
                "messages": [{ "role": "user", "content": "Hi" }], "max_tokens": 64,
            }),
            Self::Generate => json!({
                "systemInstruction": { "parts": [{ "text": "Be brief." }] },
                "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
                "generationConfig": { "maxOutputTokens": 64 },
            }),
        };
        if stream && self != Self::Generate {
            body["stream"] = true.into();
        }
        body
    }

    /// The form of its streams.
    pub const fn form(self) -> grammar::Form {
        use grammar::Form;
        match self {
            Self::Chat => Form::OpenAiChat {
                include_usage: false,
            },
            Self::Responses => Form::OpenAiResponses,
            Self::Completions => Form::Completions {
                include_usage: false,
            },
            Self::Messages => Form::Anthropic,
            Self::Generate => Form::Gemini { sse: true },
        }
    }

    /// Asks the short question, changed so.
    pub fn ask<'a>(
        self,
        gateway: &'a Gateway,
        model: &str,
        stream: bool,
        changes: Value,
    ) -> Ask<'a> {
        let body = merge(self.request(model, stream), changes);
        gateway.ask(&self.path(model, stream), body.to_string())
    }

    /// Asks the short question, and reads the answer.
    pub async fn hears(self, gateway: &Gateway, model: &str, stream: bool) -> Told {
        let answer = self.ask(gateway, model, stream, json!({})).whole().await;
        self.read(&answer, stream)
    }

    /// Reads a good answer; a stream must keep the dialect's grammar.
    pub fn read(self, answer: &Answer, stream: bool) -> Told {
        assert_eq!(answer.status, 200, "{self:?}: {}", answer.body_text());
        assert_eq!(answer.broken, None, "{self:?}");
        if !stream {
            return told::whole(self, &answer.json());
        }
        keeps_grammar(self.form(), answer);
        told::stream(self, &answer.body)
    }

    /// An error in this dialect: its message, and its type (Gemini: status).
    pub fn error(self, body: &Value) -> (String, String) {
        let text = |at: &str| {
            let found = body.pointer(at).and_then(Value::as_str);
            found
                .unwrap_or_else(|| panic!("{self:?}: no {at} in {body}"))
                .to_owned()
        };
        match self {
            Self::Messages => {
                assert_eq!(body["type"], "error", "{body}");
                (text("/error/message"), text("/error/type"))
            }
            Self::Generate => {
                assert!(body["error"]["code"].is_u64(), "{body}");
                (text("/error/message"), text("/error/status"))
            }
            _ => {
                let error = body["error"].as_object().expect("an error object");
                assert!(
                    error.contains_key("param") && error.contains_key("code"),
                    "{body}"
                );
                (text("/error/message"), text("/error/type"))
            }
        }
    }
}

/// Checks a stream that ended well.
pub fn keeps_grammar(form: grammar::Form, answer: &Answer) {
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/event-stream"), "{form:?}: {kind}");
    if let Err(wrong) = grammar::check(form, &answer.body) {
        panic!("{form:?}: {wrong}\n{}", answer.body_text());
    }
}

/// Checks a stream that ended in an error event.
pub fn is_cut_off(form: grammar::Form, answer: &Answer) {
    if let Err(wrong) = grammar::cut_off(form, &answer.body) {
        panic!("{form:?}: {wrong}\n{}", answer.body_text());
    }
}

/// A scripted provider of OpenAI's responses API, that all others are converted to.
pub fn by_responses(upstream: &Upstream) -> Value {
    upstream.provider_with(json!({ "chat_api": "responses" }))
}

/// A provider of a kind that scripts have no word for, at the root of an upstream's address.
pub fn provider_of(kind: &str, upstream: &Upstream, changes: Value) -> Value {
    let url = format!("http://{}", upstream.address());
    let provider = upstream.provider_with(json!({ "kind": kind, "base_url": url }));
    merge(provider, changes)
}

/// A gateway with one provider `p`.
pub async fn gateway(provider: Value) -> Gateway {
    Gateway::start(json!({ "providers": { "p": provider } })).await
}

/// A stream of chat completions with these deltas of its only choice.
pub fn chat_stream(deltas: &[Value], finish: &str) -> Reply {
    let chunk = |choices: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices,
        })
    };
    let mut frames: Vec<Value> = deltas
        .iter()
        .map(|delta| chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }])))
        .collect();
    frames.push(chunk(
        json!([{ "index": 0, "delta": {}, "finish_reason": finish }]),
    ));
    let mut usage = chunk(json!([]));
    usage["usage"] = json!({ "prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11 });
    frames.push(usage);
    let mut texts: Vec<String> = frames.iter().map(|f| format!("data: {f}\n\n")).collect();
    texts.push("data: [DONE]\n\n".into());
    Reply::events(texts)
}

/// A stream of events that have their type as name: Anthropic's, the responses API's, Cohere's.
pub fn named_stream(events: &[Value]) -> Reply {
    Reply::events(events.iter().map(|event| {
        let name = event["type"].as_str().expect("a type");
        format!("event: {name}\ndata: {event}\n\n")
    }))
}

/// A stream of Gemini's chunks.
pub fn gemini_stream(chunks: &[Value]) -> Reply {
    Reply::events(chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")))
}

/// Three upstreams, one of each dialect, each behind a provider `p1` to `p3` and all behind the route `all`.
pub async fn three(replies: [Reply; 3]) -> (Gateway, [Upstream; 3]) {
    let [first, second, third] = replies;
    let upstreams = [
        Upstream::of(Kind::Openai).then(first).start().await,
        Upstream::of(Kind::Anthropic).then(second).start().await,
        Upstream::of(Kind::Gemini).then(third).start().await,
    ];
    let gateway = Gateway::start(json!({
        "providers": {
            "p1": upstreams[0].provider(), "p2": upstreams[1].provider(), "p3": upstreams[2].provider(),
        },
        "routes": { "all": { "targets": ["p1/m1", "p2/m2", "p3/m3"] } },
    }))
    .await;
    (gateway, upstreams)
}
