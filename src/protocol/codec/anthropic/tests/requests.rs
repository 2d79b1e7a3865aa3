//! Requests: read from clients, written for the provider.

use serde_json::{Value, json};

use super::{AnthropicMessages, call, read};
use crate::{
    catalogue::{Model, ReasoningControl},
    protocol::{
        chat::{
            CacheMark, ChatRequest, Content, Effort, Function, Json, Media, MediaKind, Message,
            Origin, OutputFormat, Part, Reasoning, Role, Source, Tool, ToolChoice,
        },
        codec::{ClientCodec, ProviderCodec, Target},
        loss::Losses,
    },
};

/// A request with most of what there is.
pub(in super::super) fn full() -> Value {
    json!({
        "model": "claude",
        "max_tokens": 2048,
        "stream": true,
        "top_p": 0.97,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u1"},
        "service_tier": "standard_only",
        "cache_control": {"type": "ephemeral"},
        "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {
            "type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false,
        }}, "task_budget": 7},
        "container": "c1",
        "tools": [
            {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}},
             "strict": true, "defer_loading": true, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "system": [
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "5m"}},
            {"type": "text", "text": "Be kind."},
        ],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}},
                {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
                {"type": "image", "source": {"type": "file", "file_id": "file_1"},
                 "cache_control": {"type": "ephemeral"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                 "title": "T", "context": "C", "citations": {"enabled": true}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
                {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sig=="},
                {"type": "redacted_thinking", "data": "AAA="},
                {"type": "text", "text": "I look.", "citations": [
                    {"type": "char_location", "cited_text": "plain", "document_index": 1, "document_title": "D",
                     "start_char_index": 0, "end_char_index": 5},
                ]},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": [1, {"b": null}]}},
                {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
                    {"type": "text", "text": "seen"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGOA=="}},
                ], "cache_control": {"type": "ephemeral"}},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "broken", "is_error": true},
                {"type": "text", "text": "Go on."},
            ]},
        ],
    })
}

fn target(known: Option<&Model>) -> Target<'_> {
    Target {
        model: "claude",
        known,
        asks_stream_usage: false,
        vendor: "",
    }
}

fn write(request: &ChatRequest, known: Option<&Model>) -> (Value, Losses) {
    let mut losses = Losses::default();
    let body = ProviderCodec::request(&AnthropicMessages, request, &target(known), &mut losses);
    (serde_json::from_slice(&body).unwrap(), losses)
}

fn names(losses: &Losses, hint: bool) -> Vec<&str> {
    let all = losses.all().iter().filter(|loss| loss.hint == hint);
    all.map(|loss| loss.what.as_str()).collect()
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        name: None,
        parts,
    }
}

fn says(role: Role, text: &str) -> Message {
    message(role, vec![Part::text(text)])
}

fn tool_call(id: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
    })
}

fn result(id: &str, text: &str) -> Message {
    let part = Part::new(Content::ToolResult {
        id: id.into(),
        name: None,
        content: vec![Part::text(text)],
        is_error: false,
    });
    message(Role::Tool, vec![part])
}

fn chat(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        messages,
        ..ChatRequest::default()
    }
}

fn hi() -> ChatRequest {
    chat(vec![says(Role::User, "Hi")])
}

#[test]
fn a_request_of_everything_is_written_as_it_was_read() {
    let (written, losses) = write(&read(&full()), None);
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(written, full());
}

#[test]
fn tools_and_prompts_stand_before_the_turns() {
    let (written, _) = write(&read(&full()), None);
    let keys: Vec<_> = written.as_object().unwrap().keys().cloned().collect();
    let last: Vec<_> = keys.iter().rev().take(4).rev().collect();
    assert_eq!(last, ["tools", "tool_choice", "system", "messages"]);
}

#[test]
fn a_user_turn_is_read_as_what_tools_and_users_said() {
    let request = read(&full());
    let roles: Vec<_> = request.messages.iter().map(|m| m.role).collect();
    let wanted = [
        Role::System,
        Role::User,
        Role::Assistant,
        Role::Tool,
        Role::User,
    ];
    assert_eq!(roles, wanted);
    assert_eq!(request.messages[3].parts.len(), 2);
    assert!(request.stream && request.user.as_deref() == Some("u1"));
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(request.service_tier.as_deref(), Some("default"));
    assert_eq!(request.cache, Some(CacheMark { ttl: None }));
    let reasoning = Reasoning {
        enabled: Some(true),
        effort: Some(Effort::Low),
        budget: Some(1024),
        summary: Some("none".into()),
    };
    assert_eq!(request.reasoning, Some(reasoning));
    let extra: Vec<_> = request
        .extra
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let wanted = [
        "output_config.task_budget",
        "container",
        "tools[0].defer_loading",
    ];
    assert_eq!(extra, wanted);
}

#[test]
fn strings_are_texts() {
    let request = read(&json!({"max_tokens": 1, "system": "S", "messages": [
        {"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}
    ]}));
    assert_eq!(
        request.messages,
        [
            says(Role::System, "S"),
            says(Role::User, "U"),
            says(Role::Assistant, "A")
        ]
    );
}

#[test]
fn each_tool_choice_is_read_and_written() {
    for (wire, choice) in [
        (json!({"type": "auto"}), ToolChoice::Auto),
        (json!({"type": "any"}), ToolChoice::Required),
        (json!({"type": "none"}), ToolChoice::None),
        (
            json!({"type": "tool", "name": "look"}),
            ToolChoice::Function("look".into()),
        ),
    ] {
        let mut body = full();
        body["tool_choice"] = wire.clone();
        body.as_object_mut().unwrap().remove("thinking");
        let request = read(&body);
        assert_eq!(request.tool_choice, Some(choice));
        let (mut written, losses) = write(
            &ChatRequest {
                reasoning: None,
                ..request
            },
            None,
        );
        assert!(losses.is_empty());
        assert_eq!(written["tool_choice"].take(), wire);
    }
}

#[test]
fn a_choice_among_tools_sends_only_those() {
    let tool = |name: &str| {
        Tool::Function(Function {
            name: name.into(),
            ..Function::default()
        })
    };
    let request = ChatRequest {
        tools: vec![tool("a"), tool("b"), tool("c")],
        tool_choice: Some(ToolChoice::Among {
            required: true,
            names: vec!["a".into(), "c".into()],
        }),
        ..hi()
    };
    let (written, losses) = write(&request, None);
    assert!(losses.is_empty());
    assert_eq!(
        written["tools"],
        json!([
            {"name": "a", "input_schema": {"type": "object", "properties": {}}},
            {"name": "c", "input_schema": {"type": "object", "properties": {}}},
        ])
    );
    assert_eq!(written["tool_choice"], json!({"type": "any"}));
}

#[test]
fn a_schema_without_type_gets_one() {
    let schemas = [
        "{}",
        r#"{"properties":{"a":{}}}"#,
        " { } ",
        "null",
        r#"{"type":"object"}"#,
    ];
    let tools = schemas.map(|schema| {
        Tool::Function(Function {
            name: "f".into(),
            schema: Some(Json::parse(schema).unwrap()),
            ..Function::default()
        })
    });
    let request = ChatRequest {
        tools: tools.into(),
        ..hi()
    };
    let (written, _) = write(&request, None);
    let got: Vec<_> = (0..5)
        .map(|n| &written["tools"][n]["input_schema"])
        .collect();
    let empty = json!({"type": "object", "properties": {}});
    assert_eq!(
        got,
        [
            &empty,
            &json!({"type": "object", "properties": {"a": {}}}),
            &empty,
            &empty,
            &json!({"type": "object"}),
        ]
    );
}

#[test]
fn prompts_in_the_middle_go_to_the_system_and_neighbours_become_one_turn() {
    let request = chat(vec![
        says(Role::System, "one"),
        says(Role::User, "a"),
        says(Role::Developer, "two"),
        says(Role::User, "b"),
        says(Role::User, "  \n"),
        says(Role::Assistant, "c "),
        says(Role::Assistant, "d \n"),
    ]);
    let (written, losses) = write(&request, None);
    assert!(losses.is_empty());
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(written["system"], json!([text("one"), text("two")]));
    assert_eq!(
        written["messages"],
        json!([
            {"role": "user", "content": [text("a"), text("b")]},
            {"role": "assistant", "content": [text("c "), text("d")]},
        ])
    );
}

#[test]
fn prompts_alone_get_a_turn_of_the_user() {
    for messages in [vec![says(Role::System, "S")], vec![]] {
        let (written, _) = write(&chat(messages), None);
        assert_eq!(
            written["messages"],
            json!([{"role": "user", "content": [{"type": "text", "text": "."}]}])
        );
    }
    // The assistant may begin: Anthropic takes that.
    let (written, _) = write(&chat(vec![says(Role::Assistant, "A")]), None);
    assert_eq!(written["messages"][0]["role"], "assistant");
}

#[test]
fn results_of_tools_come_first_in_their_turn_and_ids_are_made_to_fit() {
    let long = "call|".repeat(30);
    let request = chat(vec![
        says(Role::User, "a"),
        message(
            Role::Assistant,
            vec![
                tool_call("a.b", "{}"),
                tool_call("a:b", ""),
                tool_call(&long, "[1]"),
            ],
        ),
        says(Role::User, "meanwhile"),
        result("a.b", "1"),
        result("a:b", "2"),
        result(&long, ""),
    ]);
    let (written, losses) = write(&request, None);
    assert!(losses.is_empty());
    let calls = written["messages"][1]["content"].as_array().unwrap();
    let turn = written["messages"][2]["content"].as_array().unwrap();
    let ids: Vec<_> = calls.iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert!(ids[0] != ids[1], "{ids:?}");
    for (n, id) in ids.iter().enumerate() {
        assert!(id.len() <= 64 && !id.contains(['.', ':', '|']), "{id}");
        assert_eq!(turn[n]["tool_use_id"], *id);
    }
    assert_eq!(turn[3]["text"], "meanwhile");
    assert_eq!(calls[1]["input"], json!({}));
    assert_eq!(calls[2]["input"], json!({"arguments": "[1]"}));
    assert!(turn[2].get("content").is_none());
}

#[test]
fn what_the_api_cannot_do_is_told() {
    let request = ChatRequest {
        n: Some(2),
        logprobs: Some(3),
        seed: Some(1),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(0.0),
        temperature: Some(1.5),
        output: Some(OutputFormat::Json),
        stop: vec!["\n".into(), "END".into()],
        modalities: vec!["text".into(), "audio".into()],
        tool_choice: Some(ToolChoice::Required),
        metadata: vec![("k".into(), "v".into())],
        service_tier: Some("flex".into()),
        extra: [
            ("logit_bias", "{\"1\":2}"),
            ("store", "true"),
            ("prompt_cache_key", "\"k\""),
            ("verbosity", "null"),
            ("truncation", "\"disabled\""),
        ]
        .map(|(name, value)| (name.to_owned(), Json::parse(value).unwrap()))
        .into(),
        ..hi()
    };
    let (written, losses) = write(&request, None);
    assert_eq!(
        names(&losses, false),
        [
            "tool_choice",
            "temperature",
            "logit_bias",
            "n",
            "logprobs",
            "seed",
            "frequency_penalty",
            "modalities",
            "response_format",
            "stop",
        ]
    );
    let hints = ["store", "prompt_cache_key", "metadata", "service_tier"];
    assert_eq!(names(&losses, true), hints);
    let keys: Vec<_> = written.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["model", "max_tokens", "stop_sequences", "messages"]);
}

#[test]
fn parts_that_the_api_does_not_take_are_named() {
    let media = |kind, mime: &str, source| {
        Part::new(Content::Media(Media::new(kind, Some(mime.into()), source)))
    };
    let foreign = Part::new(Content::Foreign {
        origin: Origin::OpenAi,
        json: Json::default(),
    });
    let request = ChatRequest {
        tools: vec![Tool::Hosted {
            origin: Origin::OpenAi,
            name: "file_search".into(),
            json: Json::default(),
        }],
        ..chat(vec![message(
            Role::User,
            vec![
                Part::text("Hi"),
                media(MediaKind::Audio, "audio/wav", Source::Base64("AAAA".into())),
                media(
                    MediaKind::Image,
                    "image/heic",
                    Source::Base64("AAAA".into()),
                ),
                media(
                    MediaKind::Image,
                    "image/png",
                    Source::Url("gs://b/o".into()),
                ),
                media(
                    MediaKind::Document,
                    "application/pdf",
                    Source::File("file-1".into()),
                ),
                media(
                    MediaKind::Document,
                    "application/msword",
                    Source::Base64("AAAA".into()),
                ),
                foreign,
            ],
        )])
    };
    let (written, losses) = write(&request, None);
    let mut wanted: Vec<_> = (1..7)
        .map(|n| format!("messages[0].content[{n}]"))
        .collect();
    wanted.push("tools[0] (file_search)".to_owned());
    assert_eq!(names(&losses, false), wanted);
    assert_eq!(
        written["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])
    );
}

#[test]
fn documents_of_text_and_data_urls_are_sent_as_the_api_wants_them() {
    let media = |kind, mime: Option<&str>, source| {
        Part::new(Content::Media(Media::new(
            kind,
            mime.map(str::to_owned),
            source,
        )))
    };
    let request = chat(vec![message(
        Role::User,
        vec![
            media(
                MediaKind::Document,
                Some("text/csv; charset=utf-8"),
                Source::Base64("YSxi".into()),
            ),
            media(MediaKind::Image, None, Source::Base64("/9j/4AA".into())),
            media(
                MediaKind::Image,
                None,
                Source::Url("data:image/webp;base64,UklG".into()),
            ),
        ],
    )]);
    let (written, losses) = write(&request, None);
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(
        written["messages"][0]["content"],
        json!([
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AA"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklG"}},
        ])
    );
}

#[test]
fn content_documents_are_text_unless_their_blocks_are_cited() {
    let document = |citations: bool| {
        let blocks = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        read(
            &json!({"max_tokens": 1, "messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "content", "content": blocks}, "citations": {"enabled": citations}}
            ]}]}),
        )
    };
    let part = |request: &ChatRequest| request.messages[0].parts[0].content.clone();
    assert!(matches!(part(&document(false)),
        Content::Media(Media { source: Source::Text(text), .. }) if text == "a\nb"));
    assert!(matches!(part(&document(true)), Content::Foreign { .. }));
}

#[test]
fn objects_of_an_output_schema_are_closed() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "array", "items": {"anyOf": [{"type": ["object", "null"]}, {"$ref": "#/$defs/d"}]}},
        "type": {"type": "string"},
    }, "$defs": {"d": {"type": "object", "additionalProperties": true}}});
    let request = ChatRequest {
        output: Some(OutputFormat::Schema {
            name: Some("n".into()),
            description: None,
            schema: Json::from_value(&schema),
            strict: Some(false),
        }),
        ..hi()
    };
    let (written, losses) = write(&request, None);
    assert!(losses.is_empty());
    let mut wanted = schema;
    wanted["additionalProperties"] = json!(false);
    wanted["properties"]["a"]["items"]["anyOf"][0]["additionalProperties"] = json!(false);
    assert_eq!(
        written["output_config"],
        json!({"format": {"type": "json_schema", "schema": wanted}})
    );
}

#[test]
fn the_older_name_of_the_output_format_is_read() {
    let mut body = full();
    let config = body
        .as_object_mut()
        .unwrap()
        .remove("output_config")
        .unwrap();
    body["output_format"] = config["format"].clone();
    assert_eq!(read(&body).output, read(&full()).output);
}

fn known(control: ReasoningControl) -> Model {
    Model {
        output_limit: Some(64_000),
        reasoning: Some(control),
        ..Model::default()
    }
}

fn reasons(reasoning: Reasoning) -> ChatRequest {
    ChatRequest {
        reasoning: Some(reasoning),
        ..hi()
    }
}

fn effort(effort: Effort) -> Reasoning {
    Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    }
}

fn budget(tokens: u64) -> Reasoning {
    Reasoning {
        budget: Some(tokens),
        ..Reasoning::default()
    }
}

#[test]
fn reasoning_is_a_budget_or_an_effort_as_the_model_has_it() {
    let by_budget = known(ReasoningControl::Budget);
    let by_effort = known(ReasoningControl::Effort);
    for (wish, model, thinking, config) in [
        (
            effort(Effort::Medium),
            &by_budget,
            json!({"type": "enabled", "budget_tokens": 8192}),
            json!(null),
        ),
        (
            budget(5),
            &by_budget,
            json!({"type": "enabled", "budget_tokens": 1024}),
            json!(null),
        ),
        (
            effort(Effort::Minimal),
            &by_effort,
            json!({"type": "adaptive"}),
            json!({"effort": "low"}),
        ),
        (
            budget(30_000),
            &by_effort,
            json!({"type": "adaptive"}),
            json!({"effort": "high"}),
        ),
        (
            effort(Effort::None),
            &by_effort,
            json!({"type": "disabled"}),
            json!(null),
        ),
        (
            budget(0),
            &by_budget,
            json!({"type": "disabled"}),
            json!(null),
        ),
    ] {
        let (written, losses) = write(&reasons(wish), Some(model));
        assert!(losses.is_empty(), "{losses:?}");
        assert_eq!(written["max_tokens"], 64_000);
        assert_eq!(
            (&written["thinking"], &written["output_config"]),
            (&thinking, &config)
        );
    }
    let (written, losses) = write(&reasons(budget(2000)), Some(&known(ReasoningControl::None)));
    assert_eq!(names(&losses, false), ["reasoning"]);
    assert!(written.get("thinking").is_none());
}

#[test]
fn the_budget_stays_below_max_tokens() {
    let written = |max_tokens: Option<u64>, tokens: u64, known: Option<&Model>| {
        let request = ChatRequest {
            max_tokens,
            ..reasons(budget(tokens))
        };
        let (written, losses) = write(&request, known);
        let budget = written["thinking"]["budget_tokens"].as_u64();
        (written["max_tokens"].as_u64().unwrap(), budget, losses)
    };
    let (max, tokens, _) = written(None, 10_000, None);
    assert_eq!((max, tokens), (14_096, Some(10_000)));
    let model = known(ReasoningControl::Budget);
    let (max, tokens, _) = written(None, 100_000, Some(&model));
    assert_eq!((max, tokens), (64_000, Some(48_000)));
    let (max, tokens, losses) = written(Some(4000), 10_000, None);
    assert_eq!((max, tokens), (4000, Some(3000)));
    assert!(losses.is_empty());
    let (max, tokens, _) = written(Some(1200), 10_000, None);
    assert_eq!((max, tokens), (1200, Some(1024)));
    let (max, tokens, losses) = written(Some(1024), 10_000, None);
    assert_eq!((max, tokens), (1024, None));
    assert_eq!(names(&losses, false), ["reasoning"]);
    let (max, _, losses) = written(Some(70_000), 2000, Some(&model));
    assert_eq!(max, 64_000);
    assert_eq!(names(&losses, true), ["max_tokens"]);
}

#[test]
fn what_cannot_be_had_with_reasoning_is_told() {
    let request = ChatRequest {
        temperature: Some(0.5),
        top_p: Some(0.5),
        top_k: Some(5),
        ..reasons(budget(2000))
    };
    let (written, losses) = write(&request, None);
    assert_eq!(names(&losses, false), ["temperature", "top_p", "top_k"]);
    assert!(written.get("temperature").is_none() && written.get("top_p").is_none());

    let mut forced = read(&full());
    forced.tool_choice = Some(ToolChoice::Required);
    let (written, losses) = write(&forced, None);
    assert_eq!(names(&losses, false), ["reasoning"]);
    assert!(written.get("thinking").is_none());
    assert_eq!(written["tool_choice"]["type"], "any");
}

#[test]
fn a_turn_that_began_without_reasoning_goes_on_without() {
    let turn = |first: Vec<Part>| {
        let mut request = reasons(budget(2000));
        request.messages.extend([
            message(Role::Assistant, first),
            result("a", "1"),
            message(Role::Assistant, vec![tool_call("b", "{}")]),
            result("b", "2"),
        ]);
        write(&request, None)
    };
    let (written, losses) = turn(vec![tool_call("a", "{}")]);
    assert_eq!(names(&losses, true), ["reasoning"]);
    assert!(losses.fatal().is_none() && written.get("thinking").is_none());

    let thought = read(&full()).messages[2].parts[0].clone();
    let (written, losses) = turn(vec![thought, tool_call("a", "{}")]);
    assert!(losses.is_empty());
    assert_eq!(written["thinking"]["budget_tokens"], 2000);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_with_its_place() {
    for (body, place) in [
        ("{", "JSON"),
        ("[]", "object"),
        (r#"{"messages":[]}"#, "max_tokens"),
        (r#"{"max_tokens":-1,"messages":[]}"#, "max_tokens"),
        (r#"{"max_tokens":1}"#, "messages"),
        (r#"{"max_tokens":1,"messages":{}}"#, "messages"),
        (
            r#"{"max_tokens":1,"messages":[{"role":"bot","content":""}]}"#,
            "messages[0].role",
        ),
        (
            r#"{"max_tokens":1,"messages":[{"role":"user"}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"max_tokens":1,"messages":[{"role":"user","content":5}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "messages[0].content[0]",
        ),
        (
            r#"{"max_tokens":1,"messages":[],"temperature":"x"}"#,
            "temperature",
        ),
        (
            r#"{"max_tokens":1,"messages":[],"tools":[{}]}"#,
            "tools[0].name",
        ),
        (
            r#"{"max_tokens":1,"messages":[],"tool_choice":{"type":"x"}}"#,
            "tool_choice",
        ),
    ] {
        let refused = ClientCodec::request(&AnthropicMessages, &call(), body.as_bytes());
        let message = refused.unwrap_err().message;
        assert!(message.contains(place), "{body}: {message}");
    }
}

#[test]
fn members_of_blocks_that_only_this_api_knows_are_noted() {
    let request = read(
        &json!({"max_tokens": 1, "messages": [{"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {"type": "direct"}, "toolset_name": null},
            {"type": "tool_use", "id": "b", "name": "f", "input": {}, "caller": {"type": "code_execution_20260120"}},
        ]}]}),
    );
    let names_of = |(name, _): &(String, Json)| name.clone();
    let extra: Vec<_> = request.extra.iter().map(names_of).collect();
    assert_eq!(extra, ["messages[0].content[1].caller"]);
    let (_, losses) = write(&request, None);
    assert_eq!(names(&losses, false), extra);
}

#[test]
fn who_asks_for_reasoning_expects_to_see_it() {
    let summary = |thinking: Value| {
        let request = read(&json!({
            "max_tokens": 9, "thinking": thinking, "messages": [{"role": "user", "content": "x"}]
        }));
        request.reasoning.unwrap().summary
    };
    for (thinking, wanted) in [
        (
            json!({"type": "enabled", "budget_tokens": 1024}),
            Some("auto"),
        ),
        (json!({"type": "adaptive"}), Some("auto")),
        (
            json!({"type": "adaptive", "display": "omitted"}),
            Some("none"),
        ),
        (json!({"type": "disabled"}), None),
    ] {
        assert_eq!(summary(thinking).as_deref(), wanted);
    }
}

#[test]
fn a_model_that_takes_no_sampling_is_sent_none() {
    let known = Model {
        sampling: Some(false),
        ..Model::default()
    };
    let target = target(Some(&known));
    for (temperature, top_k, lost) in [
        (1.0, None, vec![]),
        (0.5, Some(3), vec!["temperature", "top_k"]),
    ] {
        let mut request = read(&json!({
            "max_tokens": 9, "temperature": temperature, "messages": [{"role": "user", "content": "x"}]
        }));
        request.top_k = top_k;
        let mut losses = Losses::default();
        let body = ProviderCodec::request(&AnthropicMessages, &request, &target, &mut losses);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body.get("temperature").is_none() && body.get("top_k").is_none());
        let told: Vec<_> = losses.all().iter().map(|loss| loss.what.as_str()).collect();
        assert_eq!(told, lost);
    }
}
