//! Features one by one.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{OpenAiChat, reasoning};
use crate::{
    error::Failure,
    protocol::{
        Call, Operation,
        chat::*,
        codec::{Asked, ClientCodec, ProviderCodec, Target},
        event::{Checker, Event, Fold, unfold},
        loss::Losses,
        signature::{Place, Signature},
        sse,
    },
};

pub(super) fn call() -> Call {
    Call {
        operation: Operation::Chat,
        model: None,
        version: "v1",
    }
}

pub(super) fn target(model: &str) -> Target<'_> {
    Target {
        model,
        known: None,
        asks_stream_usage: false,
        vendor: "",
    }
}

pub(super) fn asked(request: ChatRequest) -> Asked {
    Asked {
        operation: Operation::Chat,
        model: "mine".into(),
        request_id: "r1".into(),
        now: 1_700_000_000,
        include_usage: true,
        sse: true,
        request: Arc::new(request),
    }
}

/// The events of a stream's bytes.
pub(super) fn read_events(bytes: &[u8]) -> Vec<Event> {
    let mut frames = sse::Decoder::new(1 << 24);
    let mut stream = ProviderCodec::stream(&OpenAiChat);
    let mut events = Vec::new();
    frames.push(Bytes::copy_from_slice(bytes));
    while let Some(frame) = frames.next().unwrap() {
        if frame.has_data() {
            stream.frame(frame.event(), frame.data(), &mut events);
        }
    }
    stream.finish(&mut events);
    events
}

fn read(body: Value) -> ChatRequest {
    ClientCodec::request(&OpenAiChat, &call(), body.to_string().as_bytes()).unwrap()
}

fn refused(body: Value) -> Failure {
    ClientCodec::request(&OpenAiChat, &call(), body.to_string().as_bytes()).unwrap_err()
}

fn write(request: &ChatRequest, model: &str) -> (Value, Losses) {
    let mut losses = Losses::default();
    let body = ProviderCodec::request(&OpenAiChat, request, &target(model), &mut losses);
    (serde_json::from_slice(&body).unwrap(), losses)
}

fn told(losses: &Losses) -> Vec<(&str, bool)> {
    let told = losses.all().iter();
    told.map(|loss| (loss.what.as_str(), loss.hint)).collect()
}

fn user(parts: Vec<Part>) -> ChatRequest {
    said(Role::User, parts)
}

fn said(role: Role, parts: Vec<Part>) -> ChatRequest {
    ChatRequest {
        messages: vec![Message {
            role,
            name: None,
            parts,
        }],
        ..ChatRequest::default()
    }
}

fn answer(message: Value, finish: &str) -> ChatAnswer {
    let body = json!({
        "id": "c1", "object": "chat.completion", "created": 5, "model": "m",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
    });
    ProviderCodec::answer(&OpenAiChat, body.to_string().as_bytes()).unwrap()
}

fn of_parts(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        id: "c1".into(),
        choices: vec![Choice {
            parts,
            ending: Ending::new(finish, ""),
            ..Choice::default()
        }],
        ..ChatAnswer::default()
    }
}

fn client_answer(answer: &ChatAnswer) -> Value {
    let body = ClientCodec::answer(&OpenAiChat, answer, &asked(ChatRequest::default()));
    serde_json::from_slice(&body).unwrap()
}

fn frames(events: &[Event], asked: &Asked) -> Vec<String> {
    let mut out = BytesMut::new();
    let mut stream = ClientCodec::stream(&OpenAiChat, asked);
    for event in events {
        stream.event(event, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    let frames = text.split_terminator("\n\n");
    frames
        .map(|frame| frame.strip_prefix("data: ").unwrap_or(frame).to_owned())
        .collect()
}

fn chunks(events: &[Event], asked: &Asked) -> Vec<Value> {
    let frames = frames(events, asked);
    let (done, chunks) = frames.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let chunks = chunks.iter();
    chunks
        .map(|chunk| serde_json::from_str(chunk).unwrap())
        .collect()
}

/// What the SDKs make of the deltas of the first choice: strings are joined, items of lists by their index.
fn joined(chunks: &[Value]) -> Value {
    fn join(all: &mut Value, more: &Value) {
        match (all, more) {
            (Value::String(all), Value::String(more)) => all.push_str(more),
            (Value::Object(all), Value::Object(more)) => {
                for (key, value) in more {
                    match all.get_mut(key) {
                        Some(_) if key == "type" || key == "index" => {}
                        Some(known) => join(known, value),
                        None => drop(all.insert(key.clone(), value.clone())),
                    }
                }
            }
            (Value::Array(all), Value::Array(more)) => {
                for item in more {
                    match all.iter_mut().find(|known| known["index"] == item["index"]) {
                        Some(known) => join(known, item),
                        None => all.push(item.clone()),
                    }
                }
            }
            (all, more) => all.clone_from(more),
        }
    }
    let mut message = json!({});
    for chunk in chunks {
        for choice in chunk["choices"].as_array().unwrap() {
            join(&mut message, &choice["delta"]);
        }
    }
    message
}

fn stream(chunks: &[Value]) -> Vec<Event> {
    let mut text = String::new();
    for chunk in chunks {
        text.push_str(&format!("data: {chunk}\n\n"));
    }
    text.push_str("data: [DONE]\n\n");
    let events = read_events(text.as_bytes());
    Checker::check(&events).unwrap();
    events
}

fn fold(events: Vec<Event>) -> ChatAnswer {
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.push(event));
    fold.answer
}

fn deltas(deltas: &[Value], finish: &str) -> ChatAnswer {
    let mut chunks: Vec<Value> = deltas
        .iter()
        .map(
            |delta| json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": delta }] }),
        )
        .collect();
    chunks.push(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": finish }] }));
    fold(stream(&chunks))
}

fn first_parts(answer: ChatAnswer) -> Vec<Part> {
    answer.choices.into_iter().next().unwrap().parts
}

fn tool_call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    })
}

fn thought(text: &str, signature: Option<Signature>) -> Part {
    Part::new(Content::Thinking {
        text: text.into(),
        id: None,
    })
    .signed(signature)
}

fn anthropic(place: Place, value: &str) -> Option<Signature> {
    Some(Signature::new(Origin::Anthropic, place, value))
}

#[test]
fn every_role_is_read_in_its_place() {
    let request = read(json!({ "model": "m", "messages": [
        { "role": "system", "content": "a" },
        { "role": "user", "content": "b", "name": "ann" },
        { "role": "developer", "content": [{ "type": "text", "text": "c" }] },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "t1", "type": "function", "function": { "name": "f", "arguments": "" } }
        ]},
        { "role": "tool", "tool_call_id": "t1", "content": "d" },
    ]}));
    let roles: Vec<_> = request
        .messages
        .iter()
        .map(|message| message.role)
        .collect();
    let expected = [
        Role::System,
        Role::User,
        Role::Developer,
        Role::Assistant,
        Role::Tool,
    ];
    assert_eq!(roles, expected);
    assert_eq!(request.messages[1].name.as_deref(), Some("ann"));
    assert_eq!(request.messages[3].parts, [tool_call("t1", "f", "{}")]);
    let (body, losses) = write(&request, "gpt-5");
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(
        body["messages"][2],
        json!({ "role": "developer", "content": "c" })
    );
    assert_eq!(body["messages"][3]["content"], Value::Null);
    assert_eq!(body["messages"][4]["tool_call_id"], "t1");
    let (body, _) = write(&request, "deepseek-chat");
    assert_eq!(body["messages"][2]["role"], "system");
}

#[test]
fn legacy_functions_are_tools() {
    let request = read(json!({ "messages": [
        { "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{\"a\":1}" } },
        { "role": "function", "name": "f", "content": "1" },
    ], "functions": [{ "name": "f", "parameters": { "type": "object" } }], "function_call": { "name": "f" } }));
    let Content::ToolCall { id, .. } = &request.messages[0].parts[0].content else {
        panic!()
    };
    let Content::ToolResult { id: answered, .. } = &request.messages[1].parts[0].content else {
        panic!()
    };
    assert_eq!(id, answered);
    assert_eq!(request.tool_choice, Some(ToolChoice::Function("f".into())));
    assert!(matches!(&request.tools[0], Tool::Function(f) if f.name == "f" && f.schema.is_some()));
}

#[test]
fn media_parts_are_read_and_written_alike() {
    let parts = json!([
        { "type": "text", "text": "look" },
        { "type": "image_url", "image_url": { "url": "https://x.test/a.png", "detail": "low" } },
        { "type": "image_url", "image_url": { "url": "data:image/jpeg;base64,QUJD" } },
        { "type": "input_audio", "input_audio": { "data": "QUJD", "format": "mp3" } },
        { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD" } },
        { "type": "file", "file": { "file_id": "file-1" } },
    ]);
    let request = read(json!({ "messages": [{ "role": "user", "content": parts }] }));
    let Content::Media(image) = &request.messages[0].parts[2].content else {
        panic!()
    };
    assert_eq!(image.mime.as_deref(), Some("image/jpeg"));
    assert_eq!(image.source, Source::Base64("QUJD".into()));
    let Content::Media(sound) = &request.messages[0].parts[3].content else {
        panic!()
    };
    assert_eq!(
        (sound.kind, sound.mime.as_deref()),
        (MediaKind::Audio, Some("audio/mpeg"))
    );
    let (body, losses) = write(&request, "gpt-4o");
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(body["messages"][0]["content"], parts);
}

#[test]
fn what_openai_has_no_place_for_is_a_loss() {
    let media = |kind, source| Part::new(Content::Media(Media::new(kind, None, source)));
    let mut request = user(vec![
        Part::text("x").cached(Some(CacheMark::default())),
        media(MediaKind::Video, Source::Url("https://x.test/a.mp4".into())),
        media(
            MediaKind::Document,
            Source::Url("https://x.test/a.pdf".into()),
        ),
        media(MediaKind::Audio, Source::Url("https://x.test/a.wav".into())),
    ]);
    request.top_k = Some(3);
    request
        .extra
        .push(("mcp_servers".into(), Json::parse("[{}]").unwrap()));
    // What says nothing is no loss, also what another codec noted for itself.
    let null = |name: &str| (name.to_owned(), Json::default());
    request
        .extra
        .extend([null("include"), null("reasoning.encrypted_content")]);
    request.tools.push(Tool::Hosted {
        origin: Origin::Anthropic,
        name: "web_search_20250305".into(),
        json: Json::default(),
    });
    let (body, losses) = write(&request, "gpt-4o");
    assert_eq!(body["messages"][0]["content"], "x");
    assert_eq!(
        told(&losses),
        [
            ("top_k", false),
            ("tools[0] (web_search_20250305)", false),
            ("cache_control", true),
            ("messages[0].content[1]", false),
            ("messages[0].content[2]", false),
            ("messages[0].content[3]", false),
            ("mcp_servers", false),
        ]
    );
}

#[test]
fn media_of_tool_results_follow_in_a_user_message() {
    let image = Media::new(
        MediaKind::Image,
        Some("image/png".into()),
        Source::Base64("QUJD".into()),
    );
    let mut request = said(
        Role::Tool,
        vec![Part::new(Content::ToolResult {
            id: "t1".into(),
            name: None,
            content: vec![Part::text("seen"), Part::new(Content::Media(image))],
            is_error: true,
        })],
    );
    request
        .messages
        .extend(user(vec![Part::text("and?")]).messages);
    let (body, losses) = write(&request, "gpt-4o");
    assert_eq!(
        body["messages"][0],
        json!({ "role": "tool", "content": "seen", "tool_call_id": "t1" })
    );
    assert_eq!(body["messages"][1]["role"], "user");
    assert_eq!(
        body["messages"][1]["content"][1]["image_url"]["url"],
        "data:image/png;base64,QUJD"
    );
    assert_eq!(body["messages"][1]["content"][2]["text"], "and?");
    assert_eq!(told(&losses), [("is_error of tool results", true)]);
}

#[test]
fn parameters_are_read_and_written_alike() {
    let body = json!({
        "model": "m", "messages": [], "temperature": 0.5, "top_p": 0.9, "frequency_penalty": 0.1,
        "presence_penalty": -0.1, "seed": -7, "stop": ["a", "b"], "n": 2, "logprobs": true, "top_logprobs": 3,
        "reasoning_effort": "xhigh", "user": "u", "metadata": { "k": "v" }, "service_tier": "flex", "stream": true,
        "parallel_tool_calls": false, "max_completion_tokens": 100, "logit_bias": { "5": -100 }, "store": true,
        "tools": [{ "type": "function", "function": { "name": "f", "strict": true, "parameters": { "z": 1, "a": 2 } } },
                  { "type": "custom", "custom": { "name": "g" } }],
        "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "required", "tools": [
            { "type": "function", "function": { "name": "f" } } ] } },
        "response_format": { "type": "json_schema", "json_schema": { "name": "s", "strict": true, "schema": { "b": 1, "a": 2 } } },
    });
    let request = read(body.clone());
    assert_eq!(request.logprobs, Some(3));
    assert_eq!(request.seed, Some(-7));
    let (written, losses) = write(&request, "gpt-5");
    assert!(losses.is_empty(), "{losses:?}");
    let mut expected = body;
    expected["model"] = "gpt-5".into();
    assert_eq!(written, expected);
    // The order of a schema's members is part of the provider's cache key.
    assert!(
        written
            .to_string()
            .contains(r#""parameters":{"z":1,"a":2}"#)
    );
}

#[test]
fn vendors_without_allowed_tools_are_told_of_these_only() {
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let request = |mode: &str| {
        read(json!({
            "messages": [], "tools": [tool("f"), tool("g")],
            "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": [tool("g")] } },
        }))
    };
    for mode in ["auto", "required"] {
        let (body, losses) = write(&request(mode), "mistral-large-latest");
        assert_eq!(body["tools"], json!([tool("g")]));
        assert_eq!(body["tool_choice"], mode);
        assert!(losses.is_empty(), "{losses:?}");
    }
    let (body, _) = write(&request("auto"), "gpt-5");
    assert_eq!(body["tools"].as_array().map(Vec::len), Some(2));
}

#[test]
fn details_of_reasoning_go_only_to_vendors_that_take_them() {
    let request = read(
        json!({ "messages": [{ "role": "assistant", "content": "4", "reasoning_details": [
        { "type": "reasoning.text", "text": "2 + 2", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0 },
    ] }] }),
    );
    for (model, takes) in [
        ("anthropic/claude-opus-5", true),
        ("openai/gpt-5", true),
        ("gpt-5", false),
        ("mistral-large-latest", false),
    ] {
        let (body, losses) = write(&request, model);
        assert_eq!(
            body["messages"][0].get("reasoning_details").is_some(),
            takes,
            "{model}"
        );
        assert_eq!(losses.is_empty(), takes, "{model}");
    }
}

#[test]
fn the_limit_has_the_name_that_the_model_knows() {
    let request = read(json!({ "messages": [], "max_tokens": 9 }));
    for (model, name) in [
        ("o3-mini", "max_completion_tokens"),
        ("openai/gpt-5.1", "max_completion_tokens"),
        ("gpt-4o", "max_tokens"),
        ("o30-lama", "max_tokens"),
        ("mistral-large-latest", "max_tokens"),
    ] {
        assert_eq!(write(&request, model).0[name], 9, "{model}");
    }
}

#[test]
fn wishes_for_reasoning_are_understood_in_every_vendors_words() {
    for (body, expected) in [
        (json!({ "reasoning_effort": "low" }), Some("low")),
        (
            json!({ "reasoning": { "effort": "high", "exclude": true } }),
            Some("high"),
        ),
        (
            json!({ "reasoning": { "max_tokens": 5000 } }),
            Some("medium"),
        ),
        (json!({ "reasoning": { "enabled": true } }), Some("medium")),
        (json!({ "reasoning": { "enabled": false } }), Some("none")),
        (
            json!({ "thinking": { "type": "enabled", "budget_tokens": 20000 } }),
            Some("high"),
        ),
        (json!({ "thinking": { "type": "disabled" } }), Some("none")),
        (json!({ "reasoning_effort": "default" }), Some("default")),
        (json!({ "reasoning_effort": null, "reasoning": {} }), None),
    ] {
        let mut body = body;
        body["messages"] = json!([]);
        let written = write(&read(body.clone()), "m").0;
        assert_eq!(
            written.get("reasoning_effort").and_then(Value::as_str),
            expected,
            "{body}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (body, param) in [
        (json!({}), "messages"),
        (json!({ "messages": "hi" }), "messages"),
        (
            json!({ "messages": [{ "role": "robot", "content": "" }] }),
            "messages[0]",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": 5 }] }),
            "messages[0]",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{}] }] }),
            "messages[0]",
        ),
        (
            json!({ "messages": [{ "role": "tool", "content": "x" }] }),
            "messages[0]",
        ),
        (
            json!({ "messages": [], "temperature": "hot" }),
            "temperature",
        ),
        (json!({ "messages": [], "max_tokens": -1 }), "max_tokens"),
        (json!({ "messages": [], "n": 1e300 }), "n"),
        (
            json!({ "messages": [], "tools": [{ "function": {} }] }),
            "tools",
        ),
        (
            json!({ "messages": [], "response_format": {} }),
            "response_format",
        ),
    ] {
        assert_eq!(
            refused(body.clone()).param.as_deref(),
            Some(param),
            "{body}"
        );
    }
    for body in ["", "[]", "{", "\u{feff}{}"] {
        assert!(ClientCodec::request(&OpenAiChat, &call(), body.as_bytes()).is_err());
    }
}

#[test]
fn a_client_gives_reasoning_and_signatures_back_byte_for_byte() {
    let gemini = |place, value| Some(Signature::new(Origin::Gemini, place, value));
    let parts = vec![
        thought("first", anthropic(Place::Thinking, "EqQB+/==")),
        Part::new(Content::RedactedThinking).signed(anthropic(Place::Redacted, "opaque")),
        thought(
            "",
            Some(Signature::new(Origin::OpenAi, Place::Thinking, "gAAAA")),
        ),
        thought("last", anthropic(Place::Thinking, "s2")),
        Part::text("Hi").signed(gemini(Place::Text, "dGV4dA==")),
        tool_call("t1", "f", "{}").signed(gemini(Place::Call, "Y2FsbA==")),
        tool_call("t2", "f", "{\"a\":1}").signed(anthropic(Place::Call, "odd")),
    ];
    let answer = of_parts(parts.clone(), Finish::ToolCalls);
    let whole = client_answer(&answer)["choices"][0]["message"].clone();
    assert_eq!(whole["reasoning_content"], "firstlast");
    assert_eq!(
        whole["tool_calls"][0]["extra_content"]["google"]["thought_signature"],
        "Y2FsbA=="
    );
    let events = unfold(answer.clone());
    let streamed = joined(&chunks(&events, &asked(ChatRequest::default())));
    assert_eq!(streamed["reasoning_content"], "firstlast");
    // A live stream tells signatures when the words are told.
    let mut live = Vec::new();
    for event in events {
        let Event::Open { choice, mut part } = event else {
            live.push(event);
            continue;
        };
        let keep = matches!(part.content, Content::RedactedThinking | Content::Media(_));
        let signature = if keep { None } else { part.signature.take() };
        live.push(Event::Open { choice, part });
        live.extend(signature.map(|signature| Event::Delta {
            choice,
            delta: crate::protocol::event::Delta::Signature(signature),
        }));
    }
    let live = joined(&chunks(&live, &asked(ChatRequest::default())));
    // A loop of four turns, each with what the client got in another way.
    for message in [whole.clone(), streamed, live, whole] {
        let request = read(json!({ "messages": [message] }));
        assert_eq!(request.messages[0].parts, parts, "{message}");
    }
}

#[test]
fn a_mark_of_openais_other_api_stays_on_its_text() {
    let phase = Signature::new(Origin::OpenAi, Place::Text, "commentary");
    let parts = vec![
        Part::text("I look.").signed(Some(phase)),
        tool_call("t", "f", "{}"),
    ];
    let answer = of_parts(parts.clone(), Finish::ToolCalls);
    let whole = client_answer(&answer)["choices"][0]["message"].clone();
    let streamed = chunks(&unfold(answer), &asked(ChatRequest::default()));
    assert_eq!(first_parts(fold(stream(&streamed))), parts);
    let request = read(json!({ "messages": [whole] }));
    assert_eq!(request.messages[0].parts, parts);
    let (body, losses) = write(&request, "gpt-4o");
    assert!(
        losses.is_empty() && !body.to_string().contains("commentary"),
        "{body}"
    );
}

#[test]
fn a_signature_of_another_provider_never_goes_to_this_one() {
    let request = said(
        Role::Assistant,
        vec![
            thought("hm", anthropic(Place::Thinking, "secret")),
            Part::text("x"),
            tool_call("t", "f", "{}").signed(Some(Signature::new(
                Origin::Gemini,
                Place::Call,
                "secret",
            ))),
        ],
    );
    let (body, losses) = write(&request, "deepseek-chat");
    assert!(
        !body.to_string().contains("secret") && !body.to_string().contains("hm"),
        "{body}"
    );
    assert_eq!(told(&losses), [("reasoning of another provider", true)]);
    let (body, _) = write(&request, "gemini-3-pro");
    assert!(body.to_string().contains("secret"));
}

#[test]
fn reasoning_goes_back_where_the_vendor_told_it() {
    for message in [
        json!({ "reasoning_content": "hm", "content": "x" }),
        json!({ "reasoning": "hm", "content": "x" }),
        json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] },
                            { "type": "text", "text": "x" }] }),
        json!({ "content": "x", "reasoning_details": [
            { "type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0 },
            { "type": "reasoning.encrypted", "data": "d", "id": "rs_1", "format": "openai-responses-v1", "index": 1 },
        ]}),
    ] {
        let told = first_parts(answer(message.clone(), "stop"));
        assert!(matches!(&told[0].content, Content::Thinking { text, .. } if text == "hm"));
        // By way of a client, whole.
        let mut back = client_answer(&of_parts(told.clone(), Finish::Stop));
        let back = back["choices"][0]["message"].take();
        let request = read(json!({ "messages": [back] }));
        assert_eq!(request.messages[0].parts, told);
        let (body, losses) = write(&request, "some-model");
        assert!(losses.is_empty(), "{losses:?}");
        let mut expected = message;
        expected["role"] = "assistant".into();
        assert_eq!(body["messages"][0], expected);
    }
}

#[test]
fn reasoning_told_twice_is_read_once() {
    let parts = first_parts(answer(
        json!({
            "content": "x", "reasoning": "hm", "reasoning_content": "hm",
            "reasoning_details": [{ "type": "reasoning.summary", "summary": "hm", "format": "unknown", "index": 0 }],
        }),
        "stop",
    ));
    assert_eq!(parts.len(), 2);
    let streamed = first_parts(deltas(
        &[
            json!({ "reasoning": "h", "reasoning_details": [{ "type": "reasoning.text", "text": "h", "format": "f", "index": 0 }] }),
            json!({ "reasoning": "m", "reasoning_details": [{ "type": "reasoning.text", "text": "m", "format": "f", "index": 0 }] }),
            json!({ "reasoning_details": [{ "type": "reasoning.text", "signature": "s", "format": "f", "index": 0 }] }),
            json!({ "content": "x" }),
        ],
        "stop",
    ));
    assert!(matches!(&streamed[0].content, Content::Thinking { text, .. } if text == "hm"));
    let entry = &streamed[0].signature.as_ref().unwrap().value;
    assert_eq!(
        entry,
        r#"{"type":"reasoning.text","format":"f","index":0,"signature":"s"}"#
    );
    assert_eq!(streamed[1], Part::text("x"));
}

#[test]
fn calls_are_read_however_vendors_cut_them() {
    let expected = [tool_call("a", "f", "{\"x\":1}"), tool_call("b", "g", "{}")];
    let f = |name: &str, arguments: &str| json!({ "name": name, "arguments": arguments });
    for cut in [
        // OpenAI: the id comes once.
        vec![
            json!([{ "index": 0, "id": "a", "type": "function", "function": f("f", "") }]),
            json!([{ "index": 0, "id": null, "function": { "arguments": "{\"x\":" } }]),
            json!([{ "index": 0, "function": { "name": null, "arguments": "1}" } }]),
            json!([{ "index": 1, "id": "b", "function": f("g", "") }]),
        ],
        // Interleaved.
        vec![
            json!([{ "index": 0, "id": "a", "function": f("f", "") }, { "index": 1, "id": "b", "function": f("g", "{") }]),
            json!([{ "index": 0, "function": { "arguments": "{\"x\":1}" } }]),
            json!([{ "index": 1, "function": { "arguments": "}" } }]),
        ],
        // All numbered 0, whole.
        vec![
            json!([{ "index": 0, "id": "a", "function": f("f", "{\"x\":1}") }]),
            json!([{ "index": 0, "id": "b", "function": f("g", "{}") }]),
        ],
        // No number, the id repeated.
        vec![
            json!([{ "id": "a", "function": f("f", "{\"x\"") }]),
            json!([{ "id": "a", "function": { "arguments": ":1}" } }]),
            json!([{ "id": "b", "function": { "name": "g", "arguments": {} } }]),
        ],
    ] {
        let cut: Vec<_> = cut
            .iter()
            .map(|calls| json!({ "role": "assistant", "content": null, "tool_calls": calls }))
            .collect();
        let read = deltas(&cut, "stop");
        assert_eq!(read.choices[0].ending.finish, Finish::ToolCalls);
        assert_eq!(first_parts(read), expected, "{cut:?}");
    }
}

#[test]
fn endings_of_every_vendor_have_a_sense() {
    for (word, finish) in [
        ("stop", Finish::Stop),
        ("eos", Finish::Stop),
        ("length", Finish::Length),
        ("model_length", Finish::ContextWindow),
        ("tool_calls", Finish::ToolCalls),
        ("function_call", Finish::ToolCalls),
        ("content_filter", Finish::ContentFilter),
        ("sensitive", Finish::ContentFilter),
        ("error", Finish::Other),
        ("insufficient_system_resource", Finish::Other),
        ("never_heard", Finish::Other),
    ] {
        let read = answer(json!({ "content": "x" }), word);
        assert_eq!(read.choices[0].ending, Ending::new(finish, word));
        assert_eq!(
            deltas(&[json!({ "content": "x" })], word).choices[0].ending,
            Ending::new(finish, word)
        );
    }
    // No word, but the stream was told to be done.
    let quiet = deltas(&[json!({ "content": "x" })], "");
    assert_eq!(quiet.choices[0].ending, Ending::new(Finish::Stop, ""));
    for (finish, word) in [
        (Finish::Stop, "stop"),
        (Finish::StopSequence, "stop"),
        (Finish::Length, "length"),
        (Finish::ContextWindow, "length"),
        (Finish::ContentFilter, "content_filter"),
        (Finish::Refusal, "content_filter"),
        (Finish::Pause, "stop"),
        (Finish::MalformedCall, "stop"),
        (Finish::Other, "stop"),
    ] {
        let told = of_parts(vec![Part::text("x")], finish);
        assert_eq!(client_answer(&told)["choices"][0]["finish_reason"], word);
        let chunks = chunks(&unfold(told), &asked(ChatRequest::default()));
        assert_eq!(
            chunks[chunks.len() - 1]["choices"][0]["finish_reason"],
            word
        );
    }
}

#[test]
fn a_refusal_has_its_own_member_and_ends_well() {
    let told = of_parts(
        vec![Part::new(Content::Refusal { text: "No.".into() })],
        Finish::Refusal,
    );
    let choice = &client_answer(&told)["choices"][0];
    assert_eq!(choice["message"]["refusal"], "No.");
    assert_eq!(choice["message"]["content"], Value::Null);
    assert_eq!(choice["finish_reason"], "stop");
    let read = first_parts(answer(json!({ "content": null, "refusal": "No." }), "stop"));
    assert_eq!(read, told.choices[0].parts);
    assert_eq!(
        first_parts(deltas(
            &[json!({ "refusal": "N" }), json!({ "refusal": "o." })],
            "stop"
        )),
        read
    );
}

#[test]
fn usage_is_told_once_behind_the_choices_and_only_if_asked() {
    let usage = TokenUsage {
        input: Some(7),
        output: Some(5),
        cache_read: Some(3),
        ..TokenUsage::default()
    };
    let told = ChatAnswer {
        usage,
        ..of_parts(vec![Part::text("Hi")], Finish::Stop)
    };
    let asked = asked(ChatRequest::default());
    let with = chunks(&unfold(told.clone()), &asked);
    assert_eq!(
        with[0]["choices"][0]["delta"],
        json!({ "role": "assistant", "content": null })
    );
    let (last, before) = with.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(
        last["usage"],
        json!({
            "prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "prompt_tokens_details": { "cached_tokens": 3 },
        })
    );
    assert!(
        before
            .iter()
            .all(|chunk| chunk["usage"] == Value::Null && chunk.get("usage").is_some())
    );
    let without = chunks(
        &unfold(told),
        &Asked {
            include_usage: false,
            ..asked
        },
    );
    assert_eq!(without.len(), with.len() - 1);
    assert!(without.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn usage_is_taken_from_any_chunk_and_the_last_one_counts() {
    let delta = |usage: Value| json!({ "choices": [{ "index": 0, "delta": { "content": "x" } }], "usage": usage });
    let mut chunks = vec![
        delta(json!({ "prompt_tokens": 5, "completion_tokens": 1 })),
        delta(json!({ "prompt_tokens": 5, "completion_tokens": 2, "prompt_cache_hit_tokens": 4 })),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }], "x_groq": { "usage": { "prompt_tokens": 5, "completion_tokens": 3 } } }),
    ];
    let usage = fold(stream(&chunks)).usage;
    assert_eq!(
        (usage.input, usage.output, usage.cache_read),
        (Some(5), Some(3), Some(4))
    );
    chunks.push(json!({ "choices": null, "usage": null }));
    assert_eq!(fold(stream(&chunks)).usage, usage);
}

#[test]
fn output_includes_reasoning_that_a_vendor_counts_apart() {
    for (completion, total, output) in [(10, 35, 30), (30, 35, 30)] {
        let body = json!({ "choices": [], "usage": { "prompt_tokens": 5, "completion_tokens": completion,
            "total_tokens": total, "completion_tokens_details": { "reasoning_tokens": 20 } } });
        let read = ProviderCodec::answer(&OpenAiChat, body.to_string().as_bytes()).unwrap();
        assert_eq!(read.usage.output, Some(output));
        assert_eq!(read.usage.reasoning, Some(20));
    }
}

#[test]
fn several_choices_keep_their_numbers() {
    let chunks = [
        json!({ "choices": [{ "index": 1, "delta": { "content": "b" } }, { "index": 0, "delta": { "content": "a" } }] }),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
        json!({ "choices": [{ "index": 1, "delta": { "content": "c" }, "finish_reason": "length" }] }),
    ];
    let read = fold(stream(&chunks));
    let told = client_answer(&read);
    assert_eq!(told["choices"][0]["message"]["content"], "a");
    assert_eq!(told["choices"][1]["message"]["content"], "bc");
    assert_eq!(told["choices"][1]["finish_reason"], "length");
}

#[test]
fn log_probabilities_cross_whole_and_streamed() {
    let token = |text: &str| {
        json!({ "token": text, "logprob": -0.5, "bytes": [72], "top_logprobs": [
        { "token": "Ho", "logprob": -1.5, "bytes": null }] })
    };
    let logprobs = json!({ "content": [token("Hi")], "refusal": null });
    let body = json!({ "choices": [{ "index": 0, "message": { "content": "Hi" }, "logprobs": logprobs, "finish_reason": "stop" }] });
    let read = ProviderCodec::answer(&OpenAiChat, body.to_string().as_bytes()).unwrap();
    assert_eq!(read.choices[0].logprobs[0].top[0].token, "Ho");
    assert_eq!(client_answer(&read)["choices"][0]["logprobs"], logprobs);
    let events = unfold(read.clone());
    let told = chunks(&events, &asked(ChatRequest::default()));
    let again = fold(stream(&told));
    assert_eq!(again.choices[0].logprobs, read.choices[0].logprobs);
}

#[test]
fn citations_have_places_in_the_whole_text() {
    let citation = |url: &str| Citation {
        url: Some(url.into()),
        ..Citation::default()
    };
    let placed = Citation {
        start: Some(1),
        end: Some(2),
        title: Some("T".into()),
        ..citation("https://a.test")
    };
    let text = |text: &str, citation: Citation| {
        Part::new(Content::Text {
            text: text.into(),
            citations: vec![citation],
        })
    };
    let unsaid = Citation {
        file: Some("f".into()),
        ..Citation::default()
    };
    let told = of_parts(
        vec![
            Part::text("é "),
            text("abc", placed),
            text("de", citation("https://b.test")),
            text("x", unsaid),
        ],
        Finish::Stop,
    );
    let expected = json!([
        { "type": "url_citation", "url_citation": { "start_index": 3, "end_index": 4, "url": "https://a.test", "title": "T" } },
        { "type": "url_citation", "url_citation": { "start_index": 5, "end_index": 7, "url": "https://b.test", "title": "" } },
    ]);
    assert_eq!(
        client_answer(&told)["choices"][0]["message"]["annotations"],
        expected
    );
    let chunks = chunks(&unfold(told), &asked(ChatRequest::default()));
    let streamed: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["annotations"].as_array())
        .flatten()
        .cloned()
        .collect();
    assert_eq!(Value::from(streamed), expected);
    let read = answer(
        json!({ "content": "é abcdex", "annotations": expected }),
        "stop",
    );
    let Content::Text { citations, .. } = &read.choices[0].parts[0].content else {
        panic!()
    };
    assert_eq!(citations[0].start, Some(3));
    assert_eq!(citations[1].url.as_deref(), Some("https://b.test"));
}

#[test]
fn sounds_and_images_of_answers_cross() {
    let read = answer(
        json!({ "content": null,
        "audio": { "id": "a1", "data": "QUJD", "transcript": "abc", "expires_at": 1 },
        "images": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,QUJD" } }] }),
        "stop",
    );
    assert_eq!(read.choices[0].parts.len(), 2);
    let told = client_answer(&read);
    let message = &told["choices"][0]["message"];
    assert_eq!(message["audio"]["transcript"], "abc");
    assert_eq!(
        message["images"][0]["image_url"]["url"],
        "data:image/png;base64,QUJD"
    );
    let streamed = fold(stream(&chunks(
        &unfold(read.clone()),
        &asked(ChatRequest::default()),
    )));
    let mut parts = first_parts(streamed);
    parts.reverse();
    parts.sort_by_key(
        |part| matches!(&part.content, Content::Media(m) if m.kind == MediaKind::Audio),
    );
    let mut expected = first_parts(read);
    expected.sort_by_key(
        |part| matches!(&part.content, Content::Media(m) if m.kind == MediaKind::Audio),
    );
    assert_eq!(parts, expected);
    // OpenAI cuts a sound into pieces of base64.
    let pieces = deltas(
        &[
            json!({ "audio": { "id": "a1", "data": "QQ==" } }),
            json!({ "audio": { "data": "QkM=", "transcript": "abc" } }),
        ],
        "stop",
    );
    assert!(
        matches!(&pieces.choices[0].parts[0].content, Content::Media(media)
        if media.source == Source::Base64("QUJD".into()) && media.transcript.as_deref() == Some("abc"))
    );
}

#[test]
fn calls_without_words_leave_the_content_null() {
    let told = of_parts(vec![tool_call("t", "f", "")], Finish::ToolCalls);
    let choice = &client_answer(&told)["choices"][0];
    assert_eq!(choice["message"]["content"], Value::Null);
    assert_eq!(
        choice["message"]["tool_calls"][0]["function"]["arguments"],
        "{}"
    );
    let nothing = client_answer(&of_parts(Vec::new(), Finish::Length));
    assert_eq!(nothing["choices"][0]["message"]["content"], "");
    assert_eq!(nothing["id"], "c1");
    assert_eq!(nothing["model"], "mine");
}

#[test]
fn calls_of_custom_tools_pass() {
    let call = json!({ "id": "t", "type": "custom", "custom": { "name": "g", "input": "raw" } });
    let read = answer(
        json!({ "content": null, "tool_calls": [call] }),
        "tool_calls",
    );
    assert_eq!(
        client_answer(&read)["choices"][0]["message"]["tool_calls"],
        json!([call])
    );
    let told = chunks(&unfold(read.clone()), &asked(ChatRequest::default()));
    assert_eq!(first_parts(fold(stream(&told))), read.choices[0].parts);
    let request = said(Role::Assistant, read.choices[0].parts.clone());
    assert_eq!(
        write(&request, "gpt-5").0["messages"][0]["tool_calls"],
        json!([call])
    );
}

#[test]
fn ids_of_calls_fit_mistral() {
    let mut request = said(Role::Assistant, vec![tool_call("call_abcdef", "f", "{}")]);
    request.messages.extend(
        said(
            Role::Tool,
            vec![Part::new(Content::ToolResult {
                id: "call_abcdef".into(),
                name: None,
                content: Vec::new(),
                is_error: false,
            })],
        )
        .messages,
    );
    let (body, _) = write(&request, "mistral-large-latest");
    let id = body["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(
        id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()),
        "{id}"
    );
    assert_eq!(body["messages"][1]["tool_call_id"], id);
    assert_eq!(body["messages"][1]["content"], "");
}

#[test]
fn a_stream_that_breaks_off_has_no_end() {
    let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": "Hel" } }] });
    let events = read_events(format!("data: {chunk}\n\n").as_bytes());
    assert!(!events.contains(&Event::End));
    let finish = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let events = read_events(format!("data: {chunk}\n\ndata: {finish}\n\n").as_bytes());
    assert_eq!(events.last(), Some(&Event::End));
    assert!(!read_events(b"").contains(&Event::End));
    assert!(!read_events(b"data: [DONE]\n\n").contains(&Event::End));
}

#[test]
fn an_error_in_a_stream_is_told_and_nothing_after_it() {
    for error in [
        json!({ "error": { "message": "slow down", "type": "rate_limit_error", "code": "x" } }),
        json!({ "error": { "message": "slow down", "code": 429 } }),
        json!({ "choices": [{ "index": 0, "delta": {}, "error": { "code": 429, "message": "slow down" }, "finish_reason": "error" }] }),
    ] {
        let events = read_events(format!("data: {error}\n\ndata: [DONE]\n\n").as_bytes());
        let Some(Event::Error(read)) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!((read.status, read.message.as_str()), (429, "slow down"));
    }
}

#[test]
fn errors_of_every_shape_keep_their_words() {
    let read = |body: &str| ProviderCodec::error(&OpenAiChat, 422, body.as_bytes());
    for (body, message) in [
        (
            r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#,
            "m",
        ),
        (r#"{"error":"m"}"#, "m"),
        (r#"{"message":"m","code":"c"}"#, "m"),
        (
            r#"{"object":"error","message":"m","type":"t","code":40401}"#,
            "m",
        ),
        (r#"{"detail":"m"}"#, "m"),
        (
            r#"{"detail":[{"loc":["body","n"],"msg":"too many"}]}"#,
            "body.n: too many",
        ),
        (
            r#"{"object":"error","message":{"detail":[{"loc":["body",0],"msg":"x"}]}}"#,
            "body.0: x",
        ),
        (
            r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#,
            "m",
        ),
        (
            r#"{"error":{"message":"Provider returned error","code":422,"metadata":{"raw":"why"}}}"#,
            "Provider returned error: why",
        ),
        ("<html>Bad", "<html>Bad"),
        ("", "the provider answered 422 without a word"),
    ] {
        assert_eq!(read(body).message, message, "{body}");
        assert_eq!(read(body).status, 422);
    }
    let full = read(r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#);
    assert_eq!(
        (
            full.kind.as_deref(),
            full.param.as_deref(),
            full.code.as_deref()
        ),
        (Some("t"), Some("p"), Some("c"))
    );
}

#[test]
fn answers_that_are_none_are_not_understood() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"error":{"message":"x"}}"#,
        r#"{"error":{"message":"x"},"choices":[]}"#,
    ] {
        assert!(
            ProviderCodec::answer(&OpenAiChat, body.as_bytes()).is_err(),
            "{body}"
        );
    }
    for body in [
        r#"{"choices":null}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[null]}"#,
        r#"{"choices":[{"message":null}]}"#,
        r#"{"choices":[{"message":{"content":5,"tool_calls":{},"audio":[],"annotations":3},"index":-1,"logprobs":[]}],"usage":7}"#,
    ] {
        assert!(
            ProviderCodec::answer(&OpenAiChat, body.as_bytes()).is_ok(),
            "{body}"
        );
        let frame = format!("data: {body}\n\n");
        read_events(frame.as_bytes());
    }
}

#[test]
fn usage_in_streams_is_asked_for_only_where_it_is_understood() {
    let request = ChatRequest {
        stream: true,
        ..ChatRequest::default()
    };
    let ask = |request: &ChatRequest, asks_stream_usage| {
        let target = Target {
            asks_stream_usage,
            vendor: "",
            ..target("m")
        };
        let body = ProviderCodec::request(&OpenAiChat, request, &target, &mut Losses::default());
        serde_json::from_slice::<Value>(&body)
            .unwrap()
            .get("stream_options")
            .cloned()
    };
    assert_eq!(ask(&request, true), Some(json!({ "include_usage": true })));
    assert_eq!(ask(&request, false), None);
    assert_eq!(ask(&ChatRequest::default(), true), None);
}

#[test]
fn the_vendor_decides_before_the_name_does() {
    let mut request = user(vec![Part::text("x")]);
    request.max_tokens = Some(9);
    request.user = Some("ann".into());
    request.messages.push(Message {
        role: Role::Assistant,
        name: None,
        parts: vec![reasoning::plain(reasoning::CONTENT, "hm"), Part::text("y")],
    });
    let body = |model, vendor| {
        let target = Target {
            vendor,
            ..target(model)
        };
        let body = ProviderCodec::request(&OpenAiChat, &request, &target, &mut Losses::default());
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let azure = body("my-deployment", "azure");
    assert_eq!(azure["max_completion_tokens"], 9);
    assert_eq!(azure["user"], "ann");
    assert!(azure["messages"][1].get("reasoning_content").is_none());
    // A name tells nothing where the vendor is known.
    let deepseek = body("gpt-5-like", "deepseek");
    assert_eq!(deepseek["max_tokens"], 9);
    assert!(deepseek.get("user").is_none());
    assert_eq!(deepseek["messages"][1]["reasoning_content"], "hm");
    for vendor in ["groq", "mistral", "cerebras"] {
        let message = &body("m", vendor)["messages"][1];
        assert_eq!(
            message,
            &json!({ "role": "assistant", "content": "y" }),
            "{vendor}"
        );
    }
    // `openai` is also what servers are called that only speak like it.
    assert_eq!(body("llama-3", "openai")["max_tokens"], 9);
    assert_eq!(body("gpt-5", "openai")["max_completion_tokens"], 9);
}

#[test]
fn a_model_that_takes_no_sampling_is_sent_none() {
    let known = crate::catalogue::Model {
        sampling: Some(false),
        ..Default::default()
    };
    let target = Target {
        known: Some(&known),
        ..target("gpt-5")
    };
    let mut request = user(vec![Part::text("x")]);
    let write = |request: &ChatRequest| {
        let mut losses = Losses::default();
        let body = ProviderCodec::request(&OpenAiChat, request, &target, &mut losses);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body.get("temperature").is_none() && body.get("top_p").is_none());
        let told = losses.all().iter().map(|loss| loss.what.clone());
        told.collect::<Vec<_>>()
    };
    (request.temperature, request.top_p) = (Some(1.0), Some(1.0));
    assert!(write(&request).is_empty());
    (request.temperature, request.top_p, request.top_k) = (Some(0.5), Some(0.9), Some(3));
    assert_eq!(write(&request), ["temperature", "top_p", "top_k"]);
}
