//! Tests of the codec: feature by feature, over the recordings, at every split point, and on hostile input.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    catalogue::{Model, ReasoningControl},
    protocol::{
        chat::{
            CacheMark, Citation, Content, Effort, Finish, Function, Json, Location, Media,
            MediaKind, Message, Origin, OutputFormat, Part, Reasoning, Role, Source, TokenUsage,
            Tool, ToolChoice,
        },
        event::{Checker, Event, Fold, unfold},
        event_stream::{self, encode},
        signature::{Place, Signature},
    },
};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "us.amazon.nova-2-lite-v1:0";

fn target(model: &str) -> Target<'_> {
    Target {
        model,
        known: None,
        asks_stream_usage: false,
        vendor: "",
    }
}

fn written_for(target: &Target, request: &ChatRequest) -> (Value, Losses) {
    let mut losses = Losses::default();
    let body = BedrockConverse.request(request, target, &mut losses);
    (serde_json::from_slice(&body).unwrap(), losses)
}

fn written(model: &str, request: &ChatRequest) -> (Value, Losses) {
    written_for(&target(model), request)
}

/// Without losses, for a model of Anthropic.
fn plain(request: &ChatRequest) -> Value {
    let (body, losses) = written(CLAUDE, request);
    assert_eq!(losses, Losses::default());
    body
}

fn fatal(model: &str, request: &ChatRequest) -> Option<String> {
    let (_, losses) = written(model, request);
    losses.fatal().map(|loss| loss.what.clone())
}

fn says(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        name: None,
        parts,
    }
}

fn asks(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        messages,
        ..ChatRequest::default()
    }
}

fn hello() -> ChatRequest {
    asks(vec![says(Role::User, vec![Part::text("Hello")])])
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    })
}

fn result(id: &str, content: Vec<Part>, is_error: bool) -> Part {
    Part::new(Content::ToolResult {
        id: id.into(),
        name: None,
        content,
        is_error,
    })
}

fn tool(name: &str) -> Tool {
    Tool::Function(Function {
        name: name.into(),
        description: Some("d".into()),
        schema: Some(Json::parse(r#"{"type":"object","properties":{"b":{},"a":{}}}"#).unwrap()),
        ..Function::default()
    })
}

fn media(kind: MediaKind, mime: &str, source: Source) -> Media {
    Media::new(kind, Some(mime.into()), source)
}

fn user(content: Media) -> ChatRequest {
    asks(vec![says(
        Role::User,
        vec![Part::text("Look"), Part::new(Content::Media(content))],
    )])
}

fn answered(body: &Value) -> ChatAnswer {
    BedrockConverse.answer(body.to_string().as_bytes()).unwrap()
}

fn says_back(content: Value) -> Vec<Part> {
    let body = json!({ "output": { "message": { "content": content } } });
    answered(&body).choices.remove(0).parts
}

/// All events of frames that are named and JSON.
fn streamed(frames: &[(&str, Value)]) -> Vec<Event> {
    let mut stream = BedrockConverse.stream();
    let mut out = Vec::new();
    for (name, data) in frames {
        stream.frame(name.as_bytes(), data.to_string().as_bytes(), &mut out);
    }
    stream.finish(&mut out);
    out
}

fn folded(events: &[Event]) -> ChatAnswer {
    Checker::check(events).unwrap();
    let mut fold = Fold::default();
    events.iter().cloned().for_each(|e| fold.push(e));
    assert!(fold.ended);
    fold.answer
}

/// Frames of one whole message around those of its blocks.
fn message(blocks: &[(&'static str, Value)], stop: &str) -> Vec<(&'static str, Value)> {
    let mut frames = vec![("messageStart", json!({ "role": "assistant" }))];
    frames.extend_from_slice(blocks);
    frames.push(("messageStop", json!({ "stopReason": stop })));
    frames.push((
        "metadata",
        json!({ "usage": { "inputTokens": 3, "outputTokens": 2, "totalTokens": 5 } }),
    ));
    frames
}

#[test]
fn system_prompts_stand_apart_and_turns_alternate() {
    let request = asks(vec![
        says(Role::System, vec![Part::text("A")]),
        says(Role::Developer, vec![Part::text("B")]),
        says(Role::User, vec![Part::text("1"), Part::text("")]),
        says(Role::User, vec![Part::text("2")]),
        says(
            Role::Assistant,
            vec![call("a", "f", ""), call("b", "f", r#"{"x":1.0}"#)],
        ),
        says(Role::Tool, vec![result("a", vec![Part::text("ok")], false)]),
        says(Role::Tool, vec![result("b", vec![], true)]),
        says(Role::User, vec![Part::text("3")]),
    ]);
    let request = ChatRequest {
        tools: vec![tool("f")],
        ..request
    };
    let body = plain(&request);
    assert_eq!(body["system"], json!([{ "text": "A" }, { "text": "B" }]));
    assert_eq!(
        body["messages"],
        json!([
            { "role": "user", "content": [{ "text": "1" }, { "text": "2" }] },
            { "role": "assistant", "content": [
                { "toolUse": { "toolUseId": "a", "name": "f", "input": {} } },
                { "toolUse": { "toolUseId": "b", "name": "f", "input": { "x": 1.0 } } },
            ] },
            { "role": "user", "content": [
                { "toolResult": { "toolUseId": "a", "content": [{ "text": "ok" }] } },
                { "toolResult": { "toolUseId": "b", "content": [], "status": "error" } },
                { "text": "3" },
            ] },
        ])
    );
}

#[test]
fn a_system_prompt_in_the_middle_moves_to_the_front_with_a_hint() {
    let mut request = hello();
    request
        .messages
        .push(says(Role::System, vec![Part::text("Be brief")]));
    let (body, losses) = written(CLAUDE, &request);
    assert_eq!(body["system"], json!([{ "text": "Be brief" }]));
    assert_eq!(losses.all()[0].what, "messages[1]");
    assert!(losses.fatal().is_none());
}

#[test]
fn media_are_written_with_their_formats() {
    let image = |source| media(MediaKind::Image, "image/jpeg", source);
    let body = plain(&user(image(Source::Base64("/9j/AA==".into()))));
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({ "image": { "format": "jpeg", "source": { "bytes": "/9j/AA==" } } })
    );
    let s3 = Media::new(
        MediaKind::Video,
        None,
        Source::Url("s3://bucket/a.mp4".into()),
    );
    assert_eq!(
        plain(&user(s3))["messages"][0]["content"][1],
        json!({ "video": { "format": "mp4",
            "source": { "s3Location": { "uri": "s3://bucket/a.mp4" } } } })
    );
    let sound = media(
        MediaKind::Audio,
        "audio/mpeg",
        Source::Base64("AA==".into()),
    );
    assert_eq!(
        plain(&user(sound))["messages"][0]["content"][1],
        json!({ "audio": { "format": "mp3", "source": { "bytes": "AA==" } } })
    );
    for lost in [
        image(Source::Url("https://example.com/a.jpg".into())),
        image(Source::File("file-1".into())),
        media(
            MediaKind::Image,
            "image/tiff",
            Source::Base64("AA==".into()),
        ),
    ] {
        let what = fatal(CLAUDE, &user(lost));
        assert_eq!(what.as_deref(), Some("messages[0].content[1]"));
    }
}

#[test]
fn images_without_a_media_type_are_known_by_their_first_bytes() {
    for (base64, format) in [("iVBORw0KGgoAAA==", "png"), ("R0lGODlh", "gif")] {
        let image = Media::new(MediaKind::Image, None, Source::Base64(base64.into()));
        let body = plain(&user(image));
        assert_eq!(body["messages"][0]["content"][1]["image"]["format"], format);
    }
}

#[test]
fn documents_get_names_that_bedrock_takes_and_that_differ() {
    let document = |name: Option<&str>| {
        let mut media = media(MediaKind::Document, "text/plain", Source::Text("Hé".into()));
        media.name = name.map(Into::into);
        media.citations = true;
        media.context = Some("about".into());
        Part::new(Content::Media(media))
    };
    let names = [
        Some("a_b/c.pdf"),
        Some("x  \t y"),
        None,
        Some("x y"),
        Some("日本"),
    ];
    let parts = names.into_iter().map(document).collect();
    let body = plain(&asks(vec![says(Role::User, parts)]));
    let blocks = body["messages"][0]["content"].as_array().unwrap();
    let found: Vec<_> = blocks
        .iter()
        .map(|b| b["document"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["a-b-c-pdf", "x y", "document-3", "x y-4", "--"]);
    assert_eq!(
        blocks[0]["document"],
        json!({
            "format": "txt", "name": "a-b-c-pdf", "source": { "bytes": STANDARD.encode("Hé") },
            "context": "about", "citations": { "enabled": true },
        })
    );
}

#[test]
fn tool_results_may_have_images_and_documents() {
    let image = media(MediaKind::Image, "image/png", Source::Base64("AA==".into()));
    let sound = media(MediaKind::Audio, "audio/wav", Source::Base64("AA==".into()));
    let said = |media| vec![Part::text("see"), Part::new(Content::Media(media))];
    let request = |media| ChatRequest {
        tools: vec![tool("f")],
        ..asks(vec![
            says(Role::User, vec![Part::text("Hi")]),
            says(Role::Assistant, vec![call("a", "f", "{}")]),
            says(Role::Tool, vec![result("a", said(media), false)]),
        ])
    };
    assert_eq!(
        plain(&request(image))["messages"][2]["content"][0]["toolResult"]["content"],
        json!([{ "text": "see" }, { "image": { "format": "png", "source": { "bytes": "AA==" } } }])
    );
    let what = fatal(CLAUDE, &request(sound));
    assert_eq!(what.as_deref(), Some("messages[2].content[0].content[1]"));
}

#[test]
fn tools_and_choices_are_written_in_all_forms() {
    let request = |choice| ChatRequest {
        tools: vec![
            tool("f"),
            Tool::Function(Function {
                name: "g".into(),
                strict: Some(true),
                ..Function::default()
            }),
        ],
        tool_choice: choice,
        ..hello()
    };
    let config = |choice| plain(&request(choice))["toolConfig"].clone();
    assert_eq!(
        config(None),
        json!({ "tools": [
            { "toolSpec": { "name": "f", "description": "d",
                "inputSchema": { "json": { "type": "object", "properties": { "b": {}, "a": {} } } } } },
            { "toolSpec": { "name": "g", "strict": true,
                "inputSchema": { "json": { "type": "object", "properties": {} } } } },
        ] })
    );
    let chosen = |choice| config(Some(choice))["toolChoice"].clone();
    assert_eq!(chosen(ToolChoice::Auto), json!({ "auto": {} }));
    assert_eq!(chosen(ToolChoice::Required), json!({ "any": {} }));
    assert_eq!(
        chosen(ToolChoice::Function("f".into())),
        json!({ "tool": { "name": "f" } })
    );
    let among = ToolChoice::Among {
        required: true,
        names: vec!["g".into()],
    };
    let config = config(Some(among));
    assert_eq!(config["toolChoice"], json!({ "any": {} }));
    assert_eq!(config["tools"].as_array().unwrap().len(), 1);
    let gone = request(Some(ToolChoice::Function("h".into())));
    assert_eq!(fatal(CLAUDE, &gone).as_deref(), Some("tool_choice"));
}

#[test]
fn schemas_keep_the_order_of_their_members() {
    let mut losses = Losses::default();
    let request = ChatRequest {
        tools: vec![tool("f")],
        ..hello()
    };
    let body = BedrockConverse.request(&request, &target(CLAUDE), &mut losses);
    let text = String::from_utf8(body).unwrap();
    assert!(
        text.contains(r#"{"type":"object","properties":{"b":{},"a":{}}}"#),
        "{text}"
    );
}

#[test]
fn no_tool_at_all_is_no_tool_declared_unless_the_history_has_calls() {
    let mut request = ChatRequest {
        tools: vec![tool("f")],
        tool_choice: Some(ToolChoice::None),
        ..hello()
    };
    assert_eq!(plain(&request)["toolConfig"], Value::Null);
    request
        .messages
        .push(says(Role::Assistant, vec![call("a", "f", "{}")]));
    assert_eq!(fatal(CLAUDE, &request).as_deref(), Some("tool_choice"));
    request.tool_choice = None;
    request.tools.clear();
    let (body, losses) = written(CLAUDE, &request);
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
    assert_eq!(losses.all()[0].what, "tools");
    assert!(losses.fatal().is_none());
}

#[test]
fn parallel_calls_are_forbidden_in_anthropics_own_member() {
    let request = |choice| ChatRequest {
        tools: vec![tool("f")],
        tool_choice: choice,
        parallel_tool_calls: Some(false),
        ..hello()
    };
    let body = plain(&request(Some(ToolChoice::Auto)));
    assert_eq!(body["toolConfig"]["toolChoice"], Value::Null);
    assert_eq!(
        body["additionalModelRequestFields"]["tool_choice"],
        json!({ "type": "auto", "disable_parallel_tool_use": true })
    );
    let body = plain(&request(Some(ToolChoice::Required)));
    assert_eq!(body["toolConfig"]["toolChoice"], json!({ "any": {} }));
    assert_eq!(
        body["additionalModelRequestFields"]["tool_choice"],
        json!({ "disable_parallel_tool_use": true })
    );
    assert_eq!(
        fatal(NOVA, &request(None)).as_deref(),
        Some("parallel_tool_calls")
    );
}

#[test]
fn ids_that_bedrock_refuses_are_rewritten_alike_and_apart() {
    let long = "x".repeat(80);
    let ids = ["call.1|a", "call.1:a", &long, ""];
    let request = ChatRequest {
        tools: vec![tool("f")],
        ..asks(vec![
            says(Role::Assistant, ids.map(|id| call(id, "f", "{}")).to_vec()),
            says(Role::Tool, ids.map(|id| result(id, vec![], false)).to_vec()),
        ])
    };
    let body = plain(&request);
    let told = |n: usize, kind: &str| -> Vec<String> {
        let content = body["messages"][n]["content"].as_array().unwrap();
        content
            .iter()
            .map(|b| b[kind]["toolUseId"].as_str().unwrap().to_owned())
            .collect()
    };
    let calls = told(0, "toolUse");
    assert_eq!(calls, told(1, "toolResult"));
    for (n, id) in calls.iter().enumerate() {
        assert!(super::messages::is_word(id), "{id}");
        assert_eq!(calls.iter().position(|c| c == id), Some(n));
    }
    assert!(calls[0].starts_with("call_1_a_"));
}

#[test]
fn a_tool_whose_name_bedrock_refuses_is_told() {
    let request = ChatRequest {
        tools: vec![tool("ns.f"), tool("g")],
        ..hello()
    };
    assert_eq!(fatal(CLAUDE, &request).as_deref(), Some("tools[0].name"));
}

#[test]
fn sampling_parameters_have_their_own_names_and_limits() {
    let request = ChatRequest {
        max_tokens: Some(9),
        temperature: Some(0.5),
        top_p: Some(0.25),
        stop: vec!["END".into()],
        top_k: Some(4),
        ..hello()
    };
    let body = plain(&request);
    assert_eq!(
        body["inferenceConfig"],
        json!({ "maxTokens": 9, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"] })
    );
    assert_eq!(body["additionalModelRequestFields"], json!({ "top_k": 4 }));
    assert_eq!(
        body["additionalModelResponseFieldPaths"],
        json!(["/stop_sequence", "/delta/stop_sequence"])
    );
    let (body, _) = written(NOVA, &request);
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({ "inferenceConfig": { "topK": 4 } })
    );
    assert_eq!(body["additionalModelResponseFieldPaths"], Value::Null);
    assert_eq!(fatal("meta.llama3", &request).as_deref(), Some("top_k"));
    for wild in [1.5, -0.1, f64::NAN, f64::INFINITY] {
        let request = ChatRequest {
            temperature: Some(wild),
            ..hello()
        };
        assert_eq!(fatal(CLAUDE, &request).as_deref(), Some("temperature"));
    }
}

#[test]
fn what_converse_has_no_place_for_is_told() {
    let base = hello();
    for (what, request) in [
        (
            "seed",
            ChatRequest {
                seed: Some(1),
                ..base.clone()
            },
        ),
        (
            "n",
            ChatRequest {
                n: Some(2),
                ..base.clone()
            },
        ),
        (
            "logprobs",
            ChatRequest {
                logprobs: Some(0),
                ..base.clone()
            },
        ),
        (
            "frequency_penalty",
            ChatRequest {
                frequency_penalty: Some(0.1),
                ..base.clone()
            },
        ),
        (
            "presence_penalty",
            ChatRequest {
                presence_penalty: Some(0.1),
                ..base.clone()
            },
        ),
        (
            "modalities",
            ChatRequest {
                modalities: vec!["audio".into()],
                ..base.clone()
            },
        ),
        (
            "response_format",
            ChatRequest {
                output: Some(OutputFormat::Json),
                ..base.clone()
            },
        ),
        (
            "logit_bias",
            ChatRequest {
                extra: vec![("logit_bias".into(), Json::from_value(&json!({"1": 2})))],
                ..base.clone()
            },
        ),
    ] {
        assert_eq!(fatal(CLAUDE, &request).as_deref(), Some(what));
    }
    let extra = |name: &str, value: &Value| (name.to_owned(), Json::from_value(value));
    let nothing = ChatRequest {
        n: Some(1),
        frequency_penalty: Some(0.0),
        modalities: vec!["text".into()],
        service_tier: Some("auto".into()),
        extra: vec![
            extra("logit_bias", &Value::Null),
            extra("store", &json!(false)),
            extra("stream_options", &json!({ "include_usage": true })),
        ],
        ..base.clone()
    };
    assert_eq!(plain(&nothing), plain(&base));
    let hints = ChatRequest {
        user: Some("u".into()),
        extra: vec![extra("prompt_cache_key", &json!("k"))],
        ..base
    };
    let (_, losses) = written(CLAUDE, &hints);
    assert_eq!((losses.all().len(), losses.fatal()), (2, None));
}

#[test]
fn a_schema_for_the_answer_goes_as_a_string() {
    let request = ChatRequest {
        output: Some(OutputFormat::Schema {
            name: Some("N".into()),
            description: None,
            schema: Json::parse(r#"{"type": "object"}"#).unwrap(),
            strict: Some(true),
        }),
        ..hello()
    };
    assert_eq!(
        plain(&request)["outputConfig"],
        json!({ "textFormat": { "type": "json_schema", "structure": {
            "jsonSchema": { "name": "N", "schema": "{\"type\": \"object\"}" } } } })
    );
    let model = Model {
        structured_output: Some(false),
        ..Model::default()
    };
    let target = Target {
        known: Some(&model),
        ..target(CLAUDE)
    };
    let (_, losses) = written_for(&target, &request);
    assert_eq!(losses.fatal().unwrap().what, "response_format");
}

#[test]
fn reasoning_is_wished_for_in_the_words_of_the_models_family() {
    let request = |reasoning: Reasoning, max_tokens| ChatRequest {
        reasoning: Some(reasoning),
        max_tokens,
        ..hello()
    };
    let effort = |e| Reasoning {
        effort: Some(e),
        ..Reasoning::default()
    };
    let budget = |n| Reasoning {
        budget: Some(n),
        enabled: Some(true),
        ..Reasoning::default()
    };
    let fields = |model, request: &ChatRequest| {
        written(model, request).0["additionalModelRequestFields"].clone()
    };
    let thinking = |n: u64| json!({ "thinking": { "type": "enabled", "budget_tokens": n } });
    assert_eq!(fields(CLAUDE, &request(budget(2000), None)), thinking(2000));
    assert_eq!(fields(CLAUDE, &request(budget(10), None)), thinking(1024));
    assert_eq!(
        fields(CLAUDE, &request(effort(Effort::Medium), None)),
        thinking(8192)
    );
    assert_eq!(
        fields(CLAUDE, &request(effort(Effort::High), Some(4000))),
        thinking(3000)
    );
    assert_eq!(
        fields(CLAUDE, &request(effort(Effort::None), None)),
        Value::Null
    );
    assert_eq!(
        fatal(CLAUDE, &request(budget(2000), Some(500))).as_deref(),
        Some("reasoning")
    );
    let (body, losses) = written(CLAUDE, &request(effort(Effort::High), Some(500)));
    assert_eq!(body["additionalModelRequestFields"], Value::Null);
    assert!(losses.fatal().is_none() && !losses.is_empty());
    let high = request(effort(Effort::High), None);
    assert_eq!(
        fields(NOVA, &high),
        json!({ "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "high" } })
    );
    assert_eq!(
        fields("openai.gpt-oss-120b-1:0", &high),
        json!({ "reasoning_effort": "high" })
    );
    assert_eq!(
        fields("qwen.qwen3-32b-v1:0", &high),
        json!({ "reasoning_config": "high" })
    );
    assert_eq!(fatal("meta.llama3", &high).as_deref(), Some("reasoning"));

    let known = |reasoning| Model {
        reasoning: Some(reasoning),
        ..Model::default()
    };
    let adaptive = known(ReasoningControl::Effort);
    let target = Target {
        known: Some(&adaptive),
        ..target(CLAUDE)
    };
    let (body, losses) = written_for(&target, &request(effort(Effort::Xhigh), None));
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({ "thinking": { "type": "adaptive" } })
    );
    assert_eq!(body["outputConfig"], json!({ "effort": "xhigh" }));
    assert!(losses.is_empty());
}

#[test]
fn what_models_of_anthropic_refuse_while_they_reason_is_told() {
    let reasons = || ChatRequest {
        reasoning: Some(Reasoning {
            budget: Some(2000),
            ..Reasoning::default()
        }),
        tools: vec![tool("f")],
        ..hello()
    };
    for (what, request) in [
        (
            "temperature",
            ChatRequest {
                temperature: Some(0.5),
                ..reasons()
            },
        ),
        (
            "top_p",
            ChatRequest {
                top_p: Some(0.5),
                ..reasons()
            },
        ),
        (
            "top_k",
            ChatRequest {
                top_k: Some(5),
                ..reasons()
            },
        ),
        (
            "reasoning",
            ChatRequest {
                tool_choice: Some(ToolChoice::Required),
                ..reasons()
            },
        ),
    ] {
        assert_eq!(fatal(CLAUDE, &request).as_deref(), Some(what));
    }
    let fits = ChatRequest {
        temperature: Some(1.0),
        top_p: Some(0.95),
        ..reasons()
    };
    assert_eq!(
        plain(&fits)["inferenceConfig"],
        json!({ "temperature": 1.0, "topP": 0.95 })
    );
}

#[test]
fn a_turn_that_began_without_reasoning_goes_on_without() {
    let signature = Signature::new(Origin::Anthropic, Place::Thinking, "s");
    let thinking = Content::Thinking {
        text: "hm".into(),
        id: None,
    };
    let thinking = Part::new(thinking).signed(Some(signature));
    for (parts, goes_on) in [
        (vec![call("a", "f", "{}")], false),
        (vec![thinking, call("a", "f", "{}")], true),
    ] {
        let mut request = hello();
        request.tools = vec![tool("f")];
        request.reasoning = Some(Reasoning {
            budget: Some(2000),
            ..Reasoning::default()
        });
        request.messages.push(says(Role::Assistant, parts));
        request
            .messages
            .push(says(Role::Tool, vec![result("a", vec![], false)]));
        let (body, losses) = written(CLAUDE, &request);
        let fields = &body["additionalModelRequestFields"];
        assert_eq!((fields.is_object(), losses.is_empty()), (goes_on, goes_on));
        assert!(losses.fatal().is_none());
    }
}

#[test]
fn cache_marks_become_cache_points_behind_their_blocks() {
    let mark = |ttl: Option<&str>| {
        Some(CacheMark {
            ttl: ttl.map(Into::into),
        })
    };
    let request = ChatRequest {
        tools: vec![Tool::Function(Function {
            name: "f".into(),
            cache: mark(None),
            ..Function::default()
        })],
        cache: mark(None),
        ..asks(vec![
            says(Role::System, vec![Part::text("S").cached(mark(Some("1h")))]),
            says(
                Role::User,
                vec![Part::text("U").cached(mark(Some("5m"))), Part::text("V")],
            ),
        ])
    };
    let body = plain(&request);
    let point = json!({ "cachePoint": { "type": "default" } });
    assert_eq!(
        body["system"],
        json!([{ "text": "S" }, { "cachePoint": { "type": "default", "ttl": "1h" } }])
    );
    assert_eq!(
        body["messages"][0]["content"],
        json!([{ "text": "U" }, point, { "text": "V" }, point])
    );
    assert_eq!(body["toolConfig"]["tools"][1], point);
    let (body, losses) = written(NOVA, &request);
    assert_eq!(body["system"][1], point);
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 1);
    assert!(losses.fatal().is_none() && !losses.is_empty());
    let (body, losses) = written("meta.llama3", &request);
    assert!(!body.to_string().contains("cachePoint"));
    assert!(losses.fatal().is_none() && !losses.is_empty());
}

#[test]
fn tiers_metadata_and_bedrocks_own_parameters_pass() {
    let own = |name: &str, value: Value| (name.to_owned(), Json::from_value(&value));
    let guardrail = json!({ "guardrailIdentifier": "g", "guardrailVersion": "1" });
    let request = ChatRequest {
        service_tier: Some("flex".into()),
        metadata: vec![("team".into(), "a b".into())],
        extra: vec![
            own("guardrailConfig", guardrail.clone()),
            own("performanceConfig", json!({ "latency": "optimized" })),
            own(
                "additionalModelRequestFields",
                json!({ "top_k": 1, "x": 2 }),
            ),
            own("anthropic_beta", json!(["b-1"])),
        ],
        top_k: Some(7),
        ..hello()
    };
    let body = plain(&request);
    assert_eq!(body["serviceTier"], json!({ "type": "flex" }));
    assert_eq!(body["requestMetadata"], json!({ "team": "a b" }));
    assert_eq!(body["guardrailConfig"], guardrail);
    assert_eq!(body["performanceConfig"], json!({ "latency": "optimized" }));
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({ "top_k": 7, "anthropic_beta": ["b-1"], "x": 2 })
    );
    let odd = ChatRequest {
        metadata: vec![("k".into(), "ü".into())],
        ..hello()
    };
    assert!(written(CLAUDE, &odd).1.fatal().is_none());
    assert_eq!(written(CLAUDE, &odd).1.all()[0].what, "metadata");
}

#[test]
fn an_answer_with_every_block_is_read() {
    let parts = says_back(json!([
        { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "c2ln" } } },
        { "text": "Hello" },
        { "text": "" },
        { "toolUse": { "toolUseId": "t", "name": "f", "input": { "b": 1, "a": 2.0 } } },
        { "toolUse": { "toolUseId": "u", "name": "g" } },
        { "toolUse": { "toolUseId": "s", "name": "code", "input": {}, "type": "server_tool_use" } },
        { "image": { "format": "png", "source": { "bytes": "AA==" } } },
        { "citationsContent": {
            "content": [{ "text": "Cited" }],
            "citations": [
                { "title": "T", "source": "https://e.com/a", "sourceContent": [{ "text": "w" }],
                    "location": { "documentPage": { "documentIndex": 1, "start": 2, "end": 3 } } },
                { "location": { "web": { "url": "https://e.com", "domain": "e.com" } } },
            ],
        } },
    ]));
    let signature = Signature::new(Origin::Anthropic, Place::Thinking, "c2ln");
    let thinking = Content::Thinking {
        text: "hm".into(),
        id: None,
    };
    assert_eq!(parts[0], Part::new(thinking).signed(Some(signature)));
    assert_eq!(parts[1], Part::text("Hello"));
    assert_eq!(parts[2], call("t", "f", r#"{"b":1,"a":2.0}"#));
    assert_eq!(parts[3], call("u", "g", "{}"));
    assert!(matches!(
        parts[4].content,
        Content::Foreign {
            origin: Origin::Bedrock,
            ..
        }
    ));
    let image = media(MediaKind::Image, "image/png", Source::Base64("AA==".into()));
    assert_eq!(parts[5], Part::new(Content::Media(image)));
    let citations = vec![
        Citation {
            title: Some("T".into()),
            url: Some("https://e.com/a".into()),
            cited_text: Some("w".into()),
            document: Some(1),
            location: Some(Location::Pages(2, 3)),
            ..Citation::default()
        },
        Citation {
            url: Some("https://e.com".into()),
            ..Citation::default()
        },
    ];
    let cited = Content::Text {
        text: "Cited".into(),
        citations,
    };
    assert_eq!(parts[6], Part::new(cited));
}

#[test]
fn usage_counts_the_cache_as_input() {
    let answer = answered(&json!({
        "output": { "message": { "content": [] } },
        "serviceTier": { "type": "priority" },
        "usage": {
            "inputTokens": 2, "outputTokens": 5, "totalTokens": 1339,
            "cacheReadInputTokens": 1322, "cacheWriteInputTokens": 10,
            "cacheDetails": [{ "ttl": "1h", "inputTokens": 4 }, { "ttl": "5m", "inputTokens": 6 }],
        },
    }));
    let expected = TokenUsage {
        input: Some(1334),
        output: Some(5),
        cache_read: Some(1322),
        cache_write: Some(10),
        cache_write_1h: Some(4),
        ..TokenUsage::default()
    };
    assert_eq!(
        (answer.usage, answer.service_tier.as_deref()),
        (expected, Some("priority"))
    );
    let bare = json!({ "output": { "message": {} }, "usage": { "inputTokens": 2 } });
    let expected = TokenUsage {
        input: Some(2),
        ..TokenUsage::default()
    };
    assert_eq!(answered(&bare).usage, expected);
}

#[test]
fn every_stop_reason_has_its_sense() {
    for (word, finish) in [
        ("end_turn", Finish::Stop),
        ("tool_use", Finish::ToolCalls),
        ("max_tokens", Finish::Length),
        ("stop_sequence", Finish::StopSequence),
        ("guardrail_intervened", Finish::ContentFilter),
        ("content_filtered", Finish::ContentFilter),
        ("malformed_model_output", Finish::Other),
        ("malformed_tool_use", Finish::MalformedCall),
        ("model_context_window_exceeded", Finish::ContextWindow),
        ("something_new", Finish::Other),
    ] {
        let answer = answered(&json!({
            "output": { "message": { "content": [] } },
            "stopReason": word,
            "additionalModelResponseFields": { "stop_sequence": "END" },
        }));
        let ending = &answer.choices[0].ending;
        assert_eq!(
            (ending.finish, ending.word.as_deref()),
            (finish, Some(word))
        );
        assert_eq!(ending.sequence.as_deref(), Some("END"));
        let events = streamed(&message(&[], word));
        assert_eq!(folded(&events).choices[0].ending.finish, finish);
    }
}

#[test]
fn a_stream_of_every_block_is_read() {
    let delta = |n: u32, delta: Value| {
        (
            "contentBlockDelta",
            json!({ "contentBlockIndex": n, "delta": delta, "p": "abc" }),
        )
    };
    let start = |n: u32, start: Value| {
        (
            "contentBlockStart",
            json!({ "contentBlockIndex": n, "start": start }),
        )
    };
    let stop = |n: u32| ("contentBlockStop", json!({ "contentBlockIndex": n }));
    let sealed = STANDARD.encode("EqQBsealed");
    let events = streamed(&message(
        &[
            delta(0, json!({ "reasoningContent": { "text": "h" } })),
            delta(0, json!({ "reasoningContent": { "text": "m" } })),
            delta(0, json!({ "reasoningContent": { "signature": "c2ln" } })),
            stop(0),
            delta(
                1,
                json!({ "reasoningContent": { "redactedContent": sealed } }),
            ),
            stop(1),
            delta(2, json!({ "text": "He" })),
            delta(2, json!({ "text": "llo" })),
            delta(2, json!({ "citation": { "title": "T" } })),
            stop(2),
            delta(3, json!({ "text": "Bye" })),
            stop(3),
            start(4, json!({ "toolUse": { "toolUseId": "t", "name": "f" } })),
            delta(4, json!({ "toolUse": { "input": "{\"a\"" } })),
            delta(4, json!({ "toolUse": { "input": ":1}" } })),
            stop(4),
            start(5, json!({ "toolUse": { "toolUseId": "u", "name": "g" } })),
            stop(5),
            start(
                6,
                json!({ "toolUse": { "toolUseId": "s", "name": "code", "type": "server_tool_use" } }),
            ),
            delta(6, json!({ "toolUse": { "input": "{\"x\":1}" } })),
            stop(6),
            start(
                7,
                json!({ "toolResult": { "toolUseId": "s", "type": "r", "status": "success" } }),
            ),
            delta(7, json!({ "toolResult": [{ "json": { "out": 1 } }] })),
            stop(7),
        ],
        "tool_use",
    ));
    let answer = folded(&events);
    let parts = &answer.choices[0].parts;
    let whole = says_back(json!([
        { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "c2ln" } } },
        { "reasoningContent": { "redactedContent": sealed } },
        { "citationsContent": { "content": [{ "text": "Hello" }], "citations": [{ "title": "T" }] } },
        { "text": "Bye" },
        { "toolUse": { "toolUseId": "t", "name": "f", "input": { "a": 1 } } },
        { "toolUse": { "toolUseId": "u", "name": "g", "input": {} } },
        { "toolUse": { "toolUseId": "s", "name": "code", "input": { "x": 1 }, "type": "server_tool_use" } },
        { "toolResult": { "toolUseId": "s", "type": "r", "status": "success",
            "content": [{ "json": { "out": 1 } }] } },
    ]));
    assert_eq!(parts, &whole);
    assert_eq!(answer.usage.input, Some(3));
}

#[test]
fn a_stream_is_whole_only_with_its_stop() {
    let frames = message(
        &[("contentBlockDelta", json!({ "delta": { "text": "Hi" } }))],
        "end_turn",
    );
    for end in 0..frames.len() {
        let events = streamed(&frames[..end]);
        let whole = end == frames.len() - 1;
        assert_eq!(events.last() == Some(&Event::End), whole, "{end} frames");
    }
}

#[test]
fn exceptions_in_a_stream_are_errors_and_the_last_event() {
    for (name, status) in [
        ("throttlingException", 429),
        ("validationException", 400),
        ("internalServerException", 500),
        ("modelStreamErrorException", 424),
        ("serviceUnavailableException", 503),
        ("modelTimeoutException", 408),
        ("brandNewException", 500),
    ] {
        let mut frames = message(&[], "end_turn");
        frames.insert(
            1,
            (name, json!({ "message": "no", "originalStatusCode": 500 })),
        );
        let events = streamed(&frames);
        let Some(Event::Error(error)) = events.last() else {
            panic!("{events:?}");
        };
        assert_eq!((error.status, error.kind.as_deref()), (status, Some(name)));
        assert_eq!((error.message.as_str(), events.len()), ("no", 2));
    }
}

#[test]
fn errors_tell_kind_and_message() {
    let error = |status, body: &[u8]| BedrockConverse.error(status, body);
    let told = error(429, br#"{"message":"Too many requests"}"#);
    assert_eq!(told.kind.as_deref(), Some("ThrottlingException"));
    assert_eq!(
        (told.status, told.message.as_str()),
        (429, "Too many requests")
    );
    let told = error(
        400,
        br#"{"__type":"com.amazon#ServiceQuotaExceededException","Message":"q"}"#,
    );
    assert_eq!(told.kind.as_deref(), Some("ServiceQuotaExceededException"));
    assert_eq!(told.message, "q");
    let told = error(
        400,
        br#"{"message":"Input is too long for requested model."}"#,
    );
    assert_eq!(told.code.as_deref(), Some("context_length_exceeded"));
    for body in [&b""[..], b"<html>", b"[1]", b"{\"message\":1}"] {
        assert_eq!(
            error(502, body).message,
            "the provider answered with status 502"
        );
    }
}

#[test]
fn signatures_survive_a_loop_of_four_turns_byte_for_byte() {
    let sealed = STANDARD.encode("Eu8E+/sealed==");
    let mut history = vec![says(Role::User, vec![Part::text("go")])];
    let mut told = Vec::new();
    for turn in 0..4 {
        let content = json!([
            { "reasoningContent": { "reasoningText": { "text": "hm", "signature": format!("s+/{turn}==") } } },
            { "reasoningContent": { "redactedContent": sealed } },
            { "toolUse": { "toolUseId": format!("t{turn}"), "name": "f", "input": {} } },
        ]);
        history.push(says(Role::Assistant, says_back(content.clone())));
        history.push(says(
            Role::Tool,
            vec![result(&format!("t{turn}"), vec![Part::text("r")], false)],
        ));
        told.push(content);
    }
    let request = ChatRequest {
        tools: vec![tool("f")],
        ..asks(history)
    };
    let body = plain(&request);
    for (turn, content) in told.iter().enumerate() {
        assert_eq!(&body["messages"][1 + 2 * turn]["content"], content);
    }
}

#[test]
fn sealed_reasoning_is_the_same_as_in_anthropics_own_api() {
    let part = &says_back(
        json!([{ "reasoningContent": { "redactedContent": STANDARD.encode("EqQB==") } }]),
    )[0];
    let expected = Signature::new(Origin::Anthropic, Place::Redacted, "EqQB==");
    assert_eq!(part.signature, Some(expected));
    let binary = STANDARD.encode([0xff, 0xfe, 0]);
    let part = &says_back(json!([{ "reasoningContent": { "redactedContent": binary } }]))[0];
    let expected = Signature::new(Origin::Bedrock, Place::Redacted, &*binary);
    assert_eq!(part.signature, Some(expected));
    let request = asks(vec![says(Role::Assistant, vec![part.clone()])]);
    assert_eq!(
        plain(&request)["messages"][0]["content"][0],
        json!({ "reasoningContent": { "redactedContent": binary } })
    );
}

#[test]
fn reasoning_of_others_is_left_out_with_a_hint() {
    let thinking = |signature| {
        Part::new(Content::Thinking {
            text: "hm".into(),
            id: None,
        })
        .signed(signature)
    };
    let own = Signature::new(Origin::Anthropic, Place::Thinking, "s");
    let other = Signature::new(Origin::Gemini, Place::Thinking, "s");
    for (model, part) in [
        (CLAUDE, thinking(None)),
        (CLAUDE, thinking(Some(other.clone()))),
        (
            CLAUDE,
            Part::new(Content::RedactedThinking).signed(Some(other)),
        ),
        (NOVA, thinking(Some(own.clone()))),
        (NOVA, Part::new(Content::RedactedThinking).signed(Some(own))),
    ] {
        let request = asks(vec![says(Role::Assistant, vec![part, Part::text("Hi")])]);
        let (body, losses) = written(model, &request);
        assert_eq!(body["messages"][0]["content"], json!([{ "text": "Hi" }]));
        assert_eq!(losses.all()[0].what, "reasoning of another provider");
        assert!(losses.fatal().is_none());
    }
}

#[test]
fn what_is_no_answer_is_not_understood() {
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"message\":\"x\"}",
        "{\"output\":{}}",
        "{\"output\":[1]}",
    ] {
        assert!(BedrockConverse.answer(body.as_bytes()).is_err(), "{body}");
    }
    let odd = json!({ "output": { "message": { "content": [
        1, null, {}, { "text": 1 }, { "toolUse": {} }, { "toolUse": 3 }, { "reasoningContent": 1 },
        { "image": {} }, { "citationsContent": 1 },
    ] } }, "stopReason": 3, "usage": [] });
    let read = answered(&odd);
    assert_eq!(read.choices[0].ending.finish, Finish::Other);
    assert!(read.usage.is_unknown());
}

/// The recordings of a wire format, or none if they are not there.
fn recordings(wire: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/cassettes")
        .join(format!("{wire}.jsonl"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no recordings at {}", path.display());
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What is said in a message as the wire has it: text, calls, and how many other blocks.
type Said = (String, Vec<(String, String, Value)>, usize);

fn said_on_the_wire(content: &Value) -> Said {
    let mut said = Said::default();
    for block in content.as_array().unwrap() {
        let call = &block["toolUse"];
        if let Some(text) = block["text"].as_str() {
            said.0.push_str(text);
        } else if call.is_object() && call["type"] != "server_tool_use" {
            let word = |key: &str| call[key].as_str().unwrap().to_owned();
            said.1
                .push((word("toolUseId"), word("name"), call["input"].clone()));
        } else {
            said.2 += 1;
        }
    }
    said
}

fn said_canonically(parts: &[Part]) -> Said {
    let mut said = Said::default();
    for part in parts {
        match &part.content {
            Content::Text { text, .. } => said.0.push_str(text),
            Content::ToolCall {
                id,
                name,
                arguments,
            } => {
                let input = serde_json::from_str(arguments).unwrap();
                said.1.push((id.clone(), name.clone(), input));
            }
            _ => said.2 += 1,
        }
    }
    said
}

fn check_usage(usage: &TokenUsage, wire: &Value) {
    let sum = usage.input.unwrap() + usage.output.unwrap();
    assert_eq!(Some(sum), wire["totalTokens"].as_u64(), "{wire}");
    assert_eq!(usage.output, wire["outputTokens"].as_u64());
    assert_eq!(usage.cache_read, wire["cacheReadInputTokens"].as_u64());
    assert_eq!(usage.cache_write, wire["cacheWriteInputTokens"].as_u64());
}

#[test]
fn recorded_answers_say_what_their_json_says() {
    let mut seen = 0;
    for record in recordings("bedrock.converse") {
        let (status, body) = (&record["response"]["status"], &record["response"]["body"]);
        if status != 200 {
            let bytes = body.to_string();
            let error = BedrockConverse.error(status.as_u64().unwrap() as u16, bytes.as_bytes());
            assert_eq!(error.message, body["message"].as_str().unwrap());
            continue;
        }
        seen += 1;
        let answer = answered(body);
        let choice = &answer.choices[0];
        let wire = said_on_the_wire(&body["output"]["message"]["content"]);
        assert_eq!(said_canonically(&choice.parts), wire, "{}", record["id"]);
        assert_eq!(choice.ending.word.as_deref(), body["stopReason"].as_str());
        assert_ne!(choice.ending.finish, Finish::Other);
        check_usage(&answer.usage, &body["usage"]);
        // As a stream it is the same.
        assert_eq!(folded(&unfold(answer.clone())), answer);
        // What was said and is Bedrock's own goes back as it came.
        let history = asks(vec![says(Role::Assistant, choice.parts.clone())]);
        let model = record["model"].as_str().unwrap();
        let (request, losses) = written(model, &history);
        if model.contains("anthropic") {
            let mut sent = request["messages"][0]["content"].clone();
            let mut came = body["output"]["message"]["content"].clone();
            for block in sent
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .chain(came.as_array_mut().unwrap())
            {
                // Anthropic's word for its own calls, which Bedrock does not ask for.
                if let Some(call) = block["toolUse"].as_object_mut() {
                    call.shift_remove("type");
                } else {
                    block.as_object_mut().unwrap().shift_remove("toolUse");
                }
            }
            assert_eq!(sent, came, "{}", record["id"]);
            assert!(losses.fatal().is_none());
        }
    }
    assert!(seen == 0 || seen > 90, "{seen}");
}

fn events_of(bytes: &[u8], cuts: &[usize]) -> Vec<Event> {
    let mut decoder = event_stream::Decoder::new(1 << 20);
    let mut stream = BedrockConverse.stream();
    let mut out = Vec::new();
    let mut at = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        decoder.push(Bytes::copy_from_slice(&bytes[at..end]));
        at = end;
        while let Some(frame) = decoder.next().unwrap() {
            stream.frame(frame.event(), frame.data(), &mut out);
        }
    }
    stream.finish(&mut out);
    out
}

#[test]
fn recorded_streams_say_what_their_frames_say_at_every_split() {
    let mut seen = 0;
    for record in recordings("bedrock.converse-stream") {
        let Some(base64) = record["response"]["body_base64"].as_str() else {
            continue;
        };
        seen += 1;
        let bytes = STANDARD.decode(base64).unwrap();
        let events = events_of(&bytes, &[]);
        let answer = folded(&events);
        // A small reader of its own: JSON objects of known shapes stand plainly in the bytes.
        let plain = String::from_utf8_lossy(&bytes);
        let (mut text, mut usage) = (String::new(), Value::Null);
        for piece in plain.match_indices('{').map(|(at, _)| &plain[at..]) {
            let mut values = serde_json::Deserializer::from_str(piece).into_iter::<Value>();
            let Some(Ok(value)) = values.next() else {
                continue;
            };
            text.push_str(
                value["delta"]["text"]
                    .as_str()
                    .filter(|_| value["p"].is_string())
                    .unwrap_or_default(),
            );
            if value["usage"].is_object() && value["p"].is_string() {
                usage = value["usage"].clone();
            }
        }
        assert!(!text.is_empty());
        assert_eq!(said_canonically(&answer.choices[0].parts).0, text);
        check_usage(&answer.usage, &usage);
        for at in (0..bytes.len()).step_by(7) {
            assert_eq!(events_of(&bytes, &[at]), events, "split at {at}");
        }
        let bytewise: Vec<_> = (1..bytes.len()).collect();
        assert_eq!(events_of(&bytes, &bytewise), events);
        // Cut off anywhere before `messageStop`, it has no end.
        let stop = bytes.windows(11).position(|w| w == b"messageStop").unwrap();
        for at in (0..stop).step_by(11) {
            assert_ne!(events_of(&bytes[..at], &[]).last(), Some(&Event::End));
        }
    }
    assert!(seen == 0 || seen == 3, "{seen}");
}

#[test]
fn a_stream_split_at_every_byte_gives_the_same_events() {
    let frames = message(
        &[
            (
                "contentBlockDelta",
                json!({ "contentBlockIndex": 0, "delta": { "text": "é😀" } }),
            ),
            ("contentBlockStop", json!({ "contentBlockIndex": 0 })),
        ],
        "end_turn",
    );
    let bytes: Vec<u8> = frames
        .iter()
        .flat_map(|(name, data)| encode::event(name, &data.to_string()))
        .collect();
    let events = events_of(&bytes, &[]);
    assert_eq!(folded(&events).choices[0].parts, [Part::text("é😀")]);
    for at in 0..bytes.len() {
        assert_eq!(events_of(&bytes, &[at]), events, "split at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_answers_and_frames_are_read_without_panic(
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["null", "[]", "{}", "-1", "\"x\"", "1e999", "", "}", "{\"a\":"]),
        keep in any::<bool>(),
    ) {
        let body = json!({
            "output": { "message": { "content": [
                { "text": "a" }, { "toolUse": { "toolUseId": "t", "name": "f", "input": { "a": [1] } } },
                { "reasoningContent": { "redactedContent": "AA==" } },
                { "citationsContent": { "content": [{ "text": "c" }],
                    "citations": [{ "location": { "documentChar": { "documentIndex": 0, "start": 1, "end": 2 } } }] } },
            ] } },
            "stopReason": "end_turn", "usage": { "inputTokens": 18446744073709551615_u64, "cacheReadInputTokens": 5 },
            "delta": { "toolUse": { "input": "x" } }, "start": { "toolUse": { "toolUseId": "", "name": "" } },
            "contentBlockIndex": 18446744073709551615_u64,
        }).to_string();
        let at = at.index(body.len());
        let rest = if keep { &body[at..] } else { &body[(at + 1).min(body.len())..] };
        let damaged = format!("{}{with}{rest}", &body[..at]);
        let _ = BedrockConverse.answer(damaged.as_bytes());
        let _ = BedrockConverse.error(500, damaged.as_bytes());
        let mut stream = BedrockConverse.stream();
        let mut out = Vec::new();
        for name in ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop",
            "contentBlockDelta", "messageStop", "metadata", "messageStop", "contentBlockDelta", "xException", "x"] {
            stream.frame(name.as_bytes(), damaged.as_bytes(), &mut out);
        }
        stream.finish(&mut out);
        let mut checker = Checker::default();
        for event in &out {
            prop_assert_eq!(checker.push(event), Ok(()));
        }
    }
}
