//! Requests, feature by feature.

use super::*;
use crate::catalogue::{Model, ReasoningControl};

/// A request that a client of another dialect may have made.
fn foreign(parts: Vec<Message>) -> ChatRequest {
    ChatRequest {
        messages: parts,
        ..ChatRequest::default()
    }
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        name: None,
        parts,
    }
}

fn user(text: &str) -> Message {
    message(Role::User, vec![Part::text(text)])
}

fn media(kind: MediaKind, mime: &str, source: Source) -> Part {
    let mime = Some(mime.to_owned()).filter(|mime| !mime.is_empty());
    Part::new(Content::Media(Media::new(kind, mime, source)))
}

/// What is lost, and whether it is fatal.
fn lost(request: &ChatRequest) -> Vec<(String, bool)> {
    let (_, losses) = write(request);
    let all = losses.all().iter();
    all.map(|loss| (loss.what.clone(), !loss.hint)).collect()
}

#[test]
fn an_input_of_one_text_is_a_message_of_the_user() {
    let request = read(&json!({ "model": "gpt-5", "input": "Hello" }));
    assert_eq!(request.messages, [user("Hello")]);
    let (body, losses) = write(&request);
    assert_eq!(
        body,
        json!({ "model": "gpt-5", "input": [{ "role": "user", "content": "Hello" }] })
    );
    assert!(losses.is_empty());
}

#[test]
fn prompts_keep_their_roles_and_places() {
    let body = json!({
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [
            { "role": "developer", "content": "Use metric units." },
            { "role": "user", "content": "Hello" },
            { "role": "system", "content": "The user is a child." },
            { "role": "user", "content": "How tall is Everest?" }
        ]
    });
    let request = read(&body);
    let roles: Vec<_> = request.messages.iter().map(|m| m.role).collect();
    assert_eq!(
        roles,
        [
            Role::System,
            Role::Developer,
            Role::User,
            Role::System,
            Role::User
        ]
    );
    assert_eq!(write(&request).0, body);
}

#[test]
fn a_system_prompt_of_several_parts_is_a_message_and_no_instructions() {
    let parts = vec![Part::text("One."), Part::text("Two.")];
    let (body, _) = write(&foreign(vec![message(Role::System, parts), user("Hi")]));
    assert_eq!(body.get("instructions"), None);
    assert_eq!(
        body["input"][0],
        json!({ "role": "system", "content": [
            { "type": "input_text", "text": "One." }, { "type": "input_text", "text": "Two." }
        ] })
    );
}

#[test]
fn the_items_of_one_turn_are_one_message_and_are_split_again() {
    let body = json!({
        "model": "gpt-5",
        "input": [
            { "role": "user", "content": "Weather?" },
            { "type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA=",
              "summary": [{ "type": "summary_text", "text": "Look it up." }] },
            { "role": "assistant", "content": "One moment.", "phase": "commentary" },
            { "type": "function_call", "call_id": "c1", "name": "w", "arguments": "{\"at\":\"Rome\"}" },
            { "type": "function_call", "call_id": "c2", "name": "w", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c1", "output": "sunny" },
            { "type": "function_call_output", "call_id": "c2", "output": [
                { "type": "input_text", "text": "rain" },
                { "type": "input_image", "image_url": "data:image/png;base64,AAAA" }
            ] },
            { "role": "assistant", "content": "Sunny." }
        ],
        "include": ["reasoning.encrypted_content"]
    });
    let request = read(&body);
    let roles: Vec<_> = request.messages.iter().map(|m| m.role).collect();
    assert_eq!(
        roles,
        [Role::User, Role::Assistant, Role::Tool, Role::Assistant]
    );
    assert_eq!(request.messages[1].parts.len(), 4);
    assert_eq!(
        request.messages[1].parts[0],
        Part::new(Content::Thinking {
            text: "Look it up.".to_owned(),
            id: None
        })
        .signed(Some(Signature::new(
            Origin::OpenAi,
            Place::Thinking,
            "rs_1\ngAAA="
        )))
    );
    let (written, losses) = write(&request);
    assert_eq!(written, body);
    assert!(losses.is_empty());
}

#[test]
fn every_sort_of_part_is_read_and_written() {
    let parts = json!([
        { "type": "input_text", "text": "Look:", "prompt_cache_breakpoint": { "mode": "explicit" } },
        { "type": "input_image", "image_url": "https://example.com/a.png", "detail": "low" },
        { "type": "input_image", "file_id": "file-1" },
        { "type": "input_image", "image_url": "data:image/jpeg;base64,AAAA" },
        { "type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB" },
        { "type": "input_file", "file_url": "https://example.com/a.pdf" },
        { "type": "input_file", "file_id": "file-2" },
        { "type": "input_audio", "input_audio": { "data": "CCCC", "format": "mp3" } },
        { "type": "input_hologram", "data": 1 }
    ]);
    let body = json!({ "model": "gpt-5", "input": [{ "role": "user", "content": parts }] });
    let request = read(&body);
    let read: Vec<_> = request.messages[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Text { text, .. } => format!("{text} {}", part.cache.is_some()),
            Content::Media(m) => format!("{:?} {:?}", m.kind, m.source),
            Content::Foreign { origin, .. } => format!("{origin:?}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        read,
        [
            "Look: true",
            "Image Url(\"https://example.com/a.png\")",
            "Image File(\"file-1\")",
            "Image Base64(\"AAAA\")",
            "Document Base64(\"BBBB\")",
            "Document Url(\"https://example.com/a.pdf\")",
            "Document File(\"file-2\")",
            "Audio Base64(\"CCCC\")",
            "OpenAi",
        ]
    );
    let (written, losses) = write(&request);
    assert_eq!(written, body);
    assert!(losses.is_empty());
}

#[test]
fn what_an_assistant_said_keeps_its_citations_and_refusals() {
    let body = json!({ "model": "gpt-5", "input": [{ "role": "assistant", "content": [
        { "type": "output_text", "text": "As said.", "annotations": [
            { "type": "url_citation", "url": "https://example.com", "title": "E", "start_index": 0, "end_index": 8 },
            { "type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 7 }
        ] },
        { "type": "refusal", "refusal": "No." }
    ] }] });
    let request = read(&body);
    let Content::Text { citations, .. } = &request.messages[0].parts[0].content else {
        panic!();
    };
    assert_eq!((citations[0].start, citations[0].end), (Some(0), Some(8)));
    assert_eq!(citations[1].file.as_deref(), Some("file-1"));
    assert_eq!(write(&request).0, body);
}

#[test]
fn items_that_only_openai_knows_come_back_at_their_places() {
    let body = json!({ "model": "gpt-5", "input": [
        { "role": "user", "content": "Hi" },
        { "type": "web_search_call", "id": "ws_1", "status": "completed", "action": { "type": "search", "query": "x" } },
        { "role": "assistant", "content": "Found." },
        { "type": "item_reference", "id": "rs_9" },
        { "id": "msg_8" },
        { "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n" },
        { "type": "custom_tool_call_output", "call_id": "x", "output": "y" },
        { "type": "reasoning", "id": "rs_1", "summary": [] }
    ] });
    let request = read(&body);
    let (written, losses) = write(&request);
    assert_eq!(written, body);
    assert!(losses.is_empty());
    assert_eq!(request.messages.len(), 2);
}

#[test]
fn tools_and_their_choice_are_read_and_written() {
    let tools = json!([
        { "type": "function", "name": "f", "description": "d", "strict": true,
          "parameters": { "type": "object", "properties": {} } },
        { "type": "function", "name": "g", "parameters": { "type": "object" }, "defer_loading": true },
        { "type": "web_search", "search_context_size": "low" }
    ]);
    for (choice, canonical) in [
        (json!("auto"), Some(ToolChoice::Auto)),
        (json!("none"), Some(ToolChoice::None)),
        (json!("required"), Some(ToolChoice::Required)),
        (
            json!({ "type": "function", "name": "f" }),
            Some(ToolChoice::Function("f".to_owned())),
        ),
        (
            json!({ "type": "allowed_tools", "mode": "required",
                    "tools": [{ "type": "function", "name": "f" }, { "type": "function", "name": "g" }] }),
            Some(ToolChoice::Among {
                required: true,
                names: vec!["f".to_owned(), "g".to_owned()],
            }),
        ),
        (json!({ "type": "web_search" }), None),
        (
            json!({ "type": "allowed_tools", "mode": "auto", "tools": [{ "type": "web_search" }] }),
            None,
        ),
    ] {
        let body = json!({
            "model": "gpt-5", "input": [{ "role": "user", "content": "Hi" }], "tools": tools,
            "tool_choice": choice, "parallel_tool_calls": false
        });
        let request = read(&body);
        assert_eq!(request.tool_choice, canonical);
        assert_eq!(request.parallel_tool_calls, Some(false));
        let (written, losses) = write(&request);
        assert_eq!(written, body);
        assert!(losses.is_empty());
    }
    let request = read(&json!({ "input": "x", "tools": tools }));
    let names: Vec<_> = request
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(f) => (f.name.as_str(), f.strict),
            Tool::Hosted { name, .. } => (name.as_str(), None),
        })
        .collect();
    assert_eq!(
        names,
        [("f", Some(true)), ("g", None), ("web_search", None)]
    );
}

#[test]
fn settings_are_read_and_written() {
    let body = json!({
        "model": "gpt-5",
        "input": [{ "role": "user", "content": "Hi" }],
        "text": {
            "format": { "type": "json_schema", "name": "a", "description": "d", "strict": true,
                        "schema": { "type": "object", "properties": { "b": { "type": "string" }, "a": {} } } },
            "verbosity": "low"
        },
        "reasoning": { "effort": "high", "summary": "detailed", "context": "all_turns" },
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.25,
        "top_logprobs": 3,
        "include": ["message.output_text.logprobs", "file_search_call.results"],
        "store": false,
        "metadata": { "a": "b" },
        "user": "u",
        "service_tier": "flex",
        "stream": true,
        "truncation": "auto",
        "previous_response_id": "resp_0",
        "prompt_cache_key": "k",
        "safety_identifier": "s"
    });
    let request = read(&body);
    assert_eq!(request.max_tokens, Some(100));
    assert_eq!(
        (request.temperature, request.top_p),
        (Some(0.5), Some(0.25))
    );
    assert_eq!(request.logprobs, Some(3));
    assert!(request.stream);
    assert_eq!(request.metadata, [("a".to_owned(), "b".to_owned())]);
    assert_eq!(
        request.reasoning.as_ref().unwrap().effort,
        Some(Effort::High)
    );
    let extra: Vec<_> = request
        .extra
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    for name in [
        "previous_response_id",
        "truncation",
        "verbosity",
        "reasoning.context",
    ] {
        assert!(extra.contains(&name), "{name}");
    }
    let (written, losses) = write(&request);
    assert_eq!(written, body);
    assert!(losses.is_empty());
}

#[test]
fn a_stored_conversation_needs_no_input() {
    let body = json!({ "model": "gpt-5", "previous_response_id": "resp_0" });
    assert_eq!(write(&read(&body)).0, body);
    assert_eq!(
        try_read(&json!({ "model": "gpt-5" }))
            .unwrap_err()
            .param
            .as_deref(),
        Some("input")
    );
}

#[test]
fn a_request_that_makes_no_sense_is_told_with_its_parameter() {
    for (body, param) in [
        (json!({ "input": 5 }), "input"),
        (json!({ "input": [5] }), "input"),
        (json!({ "input": [{}] }), "input"),
        (
            json!({ "input": [{ "role": "robot", "content": "x" }] }),
            "input",
        ),
        (
            json!({ "input": [{ "role": "user", "content": 5 }] }),
            "input",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_image" }] }] }),
            "input",
        ),
        (
            json!({ "input": [{ "type": "function_call", "name": "f" }] }),
            "input",
        ),
        (
            json!({ "input": [{ "type": "function_call_output", "output": "x" }] }),
            "input",
        ),
        (json!({ "input": "x", "tools": {} }), "tools"),
        (
            json!({ "input": "x", "tools": [{ "type": "function" }] }),
            "tools",
        ),
        (json!({ "input": "x", "temperature": "hot" }), "temperature"),
        (
            json!({ "input": "x", "max_output_tokens": -1 }),
            "max_output_tokens",
        ),
        (json!({ "input": "x", "stream": "yes" }), "stream"),
        (json!({ "input": "x", "reasoning": "high" }), "reasoning"),
        (
            json!({ "input": "x", "text": { "format": { "type": "json_schema" } } }),
            "text",
        ),
    ] {
        let failure = try_read(&body).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(param), "{body}");
    }
    for body in ["", "[]", "{\"input\":", "nul"] {
        let failure = ClientCodec::request(&CODEC, &call(), body.as_bytes()).unwrap_err();
        assert_eq!(failure.kind.status(), 400);
    }
}

#[test]
fn a_converted_conversation_is_stateless_and_asks_for_its_reasoning() {
    let request = foreign(vec![user("Hi")]);
    let (body, _) = write(&request);
    assert_eq!(body["store"], false);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    // Models that do not reason refuse to be asked for it.
    let (body, _) = write_to("gpt-4o-mini", &request);
    assert_eq!(body.get("include"), None);
    for (control, asks) in [
        (ReasoningControl::None, false),
        (ReasoningControl::Effort, true),
    ] {
        let known = Model {
            reasoning: Some(control),
            ..Model::default()
        };
        let target = Target {
            known: Some(&known),
            ..target("own-model")
        };
        let body = ProviderCodec::request(&CODEC, &request, &target, &mut Losses::default());
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.get("include").is_some(), asks);
    }
}

#[test]
fn functions_from_elsewhere_are_said_not_to_be_strict() {
    let request = ChatRequest {
        tools: vec![Tool::Function(crate::protocol::chat::Function {
            name: "f".to_owned(),
            ..Default::default()
        })],
        ..foreign(vec![user("Hi")])
    };
    assert_eq!(
        write(&request).0["tools"],
        json!([{ "type": "function", "name": "f", "strict": false,
                 "parameters": { "type": "object", "properties": {} } }])
    );
}

#[test]
fn reasoning_wishes_of_other_dialects_become_an_effort() {
    for (wish, effort) in [
        (
            Reasoning {
                budget: Some(1024),
                ..Reasoning::default()
            },
            json!("low"),
        ),
        (
            Reasoning {
                enabled: Some(false),
                ..Reasoning::default()
            },
            json!("none"),
        ),
        (
            Reasoning {
                effort: Some(Effort::Max),
                ..Reasoning::default()
            },
            json!("max"),
        ),
    ] {
        let request = ChatRequest {
            reasoning: Some(wish),
            ..foreign(vec![user("Hi")])
        };
        assert_eq!(write(&request).0["reasoning"]["effort"], effort);
    }
}

#[test]
fn what_this_api_cannot_do_is_told() {
    let with = |change: fn(&mut ChatRequest)| {
        let mut request = foreign(vec![user("Hi")]);
        change(&mut request);
        lost(&request)
    };
    let fatal = |what: &str| vec![(what.to_owned(), true)];
    let hint = |what: &str| vec![(what.to_owned(), false)];
    assert_eq!(with(|r| r.stop = vec!["x".into()]), fatal("stop sequences"));
    assert_eq!(with(|r| r.top_k = Some(3)), fatal("top_k"));
    assert_eq!(with(|r| r.seed = Some(3)), fatal("seed"));
    assert_eq!(with(|r| r.n = Some(2)), fatal("n"));
    assert_eq!(with(|r| r.n = Some(1)), []);
    assert_eq!(
        with(|r| r.frequency_penalty = Some(0.5)),
        fatal("frequency_penalty")
    );
    assert_eq!(with(|r| r.frequency_penalty = Some(0.0)), []);
    assert_eq!(
        with(|r| r.modalities = vec!["text".into(), "audio".into()]),
        fatal("modalities: audio")
    );
    assert_eq!(
        with(|r| r.cache = Some(Default::default())),
        hint("prompt-cache marks")
    );
    let extra = |name: &str, json: &str| {
        let mut request = foreign(vec![user("Hi")]);
        request.extra = vec![(name.to_owned(), Json::parse(json).unwrap())];
        (lost(&request), write(&request).0.get(name).is_some())
    };
    assert_eq!(
        extra("logit_bias", "{\"1\":2}"),
        (fatal("logit_bias"), false)
    );
    assert_eq!(extra("logit_bias", "{}"), (vec![], false));
    assert_eq!(extra("logit_bias", "null"), (vec![], false));
    assert_eq!(
        extra("stream_options", "{\"include_usage\":true}"),
        (vec![], false)
    );
    assert_eq!(extra("safety_identifier", "\"s\""), (vec![], true));
    assert_eq!(extra("store", "true"), (vec![], true));
}

#[test]
fn parts_that_this_api_cannot_take_are_told_with_their_places() {
    for (part, what) in [
        (
            media(MediaKind::Video, "video/mp4", Source::Base64("A".into())),
            "messages[0].content[0]",
        ),
        (
            media(MediaKind::Audio, "audio/ogg", Source::Base64("A".into())),
            "messages[0].content[0]",
        ),
        (
            media(
                MediaKind::Audio,
                "audio/mpeg",
                Source::Url("https://e.org/a".into()),
            ),
            "messages[0].content[0]",
        ),
        (
            media(MediaKind::Image, "", Source::Url("gs://b/c".into())),
            "messages[0].content[0]",
        ),
        (
            Part::new(Content::Foreign {
                origin: Origin::Anthropic,
                json: Json::default(),
            }),
            "messages[0].content[0]",
        ),
    ] {
        let request = foreign(vec![message(Role::User, vec![part])]);
        assert_eq!(lost(&request), [(what.to_owned(), true)]);
    }
    let image = media(MediaKind::Image, "image/png", Source::Base64("A".into()));
    let request = foreign(vec![message(Role::Assistant, vec![image])]);
    assert_eq!(
        lost(&request),
        [("messages[0].content[0]".to_owned(), true)]
    );
    let mut named = user("Hi");
    named.name = Some("Ann".to_owned());
    assert_eq!(
        lost(&foreign(vec![named])),
        [("messages[0].name".to_owned(), false)]
    );
}

#[test]
fn a_document_as_plain_text_is_a_text_file() {
    let part = media(
        MediaKind::Document,
        "text/plain",
        Source::Text("Hi!".into()),
    );
    let (body, losses) = write(&foreign(vec![message(Role::User, vec![part])]));
    assert_eq!(
        body["input"][0]["content"][0],
        json!({ "type": "input_file", "filename": "document.txt", "file_data": "data:text/plain;base64,SGkh" })
    );
    assert!(losses.is_empty());
}

#[test]
fn marks_for_caches_go_only_to_those_who_know_them() {
    let mut request = foreign(vec![message(
        Role::User,
        vec![
            Part::text("a").cached(Some(Default::default())),
            Part::text("b"),
        ],
    )]);
    assert_eq!(lost(&request), [("prompt-cache marks".to_owned(), false)]);
    let options = Json::parse("{\"mode\":\"explicit\"}").unwrap();
    request.extra = vec![("prompt_cache_options".to_owned(), options)];
    assert!(lost(&request).is_empty());
    let (body, _) = write(&request);
    assert_eq!(
        body["input"][0]["content"][0]["prompt_cache_breakpoint"],
        json!({ "mode": "explicit" })
    );
}

#[test]
fn reasoning_of_others_is_left_out_with_a_hint() {
    let signed = |content, origin, place, value: &str| {
        Part::new(content).signed(Some(Signature::new(origin, place, value)))
    };
    let thinking = || Content::Thinking {
        text: "hm".to_owned(),
        id: None,
    };
    let parts = vec![
        signed(thinking(), Origin::Anthropic, Place::Thinking, "sig"),
        signed(
            Content::RedactedThinking,
            Origin::Anthropic,
            Place::Redacted,
            "data",
        ),
        // Of another API of OpenAI's family.
        signed(
            thinking(),
            Origin::OpenAi,
            Place::Thinking,
            "{\"format\":\"x\"}",
        ),
        Part::new(thinking()),
        signed(Part::text("").content, Origin::Gemini, Place::Text, "t"),
        signed(
            Content::ToolCall {
                id: "c".into(),
                name: "f".into(),
                arguments: "".into(),
            },
            Origin::Gemini,
            Place::Call,
            "g",
        ),
    ];
    let request = foreign(vec![message(Role::Assistant, parts)]);
    let hint = ("reasoning of another provider".to_owned(), false);
    assert_eq!(lost(&request), [hint]);
    assert_eq!(
        write(&request).0["input"],
        json!([{ "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}" }])
    );
}

#[test]
fn reasoning_comes_back_byte_for_byte_through_a_client_of_any_dialect() {
    let item = json!({ "type": "reasoning", "id": "rs_a-1", "encrypted_content": "gAAAA_b-c==",
                       "summary": [{ "type": "summary_text", "text": "Sum." }] });
    let silent =
        json!({ "type": "reasoning", "id": "rs_2", "encrypted_content": "gAAAB", "summary": [] });
    let open = json!({ "type": "reasoning", "id": "x9", "summary": [],
                       "content": [{ "type": "reasoning_text", "text": "Raw." }] });
    let items = json!([item, silent, open]);
    let answer = read_answer(&json!({ "object": "response", "output": items }));
    for native in [
        Origin::Anthropic,
        Origin::Gemini,
        Origin::Bedrock,
        Origin::Cohere,
    ] {
        let mut parts = answer.choices[0].parts.clone();
        assert_eq!(parts.len(), 3);
        for part in &mut parts {
            // What a codec of that dialect does, with the little that every dialect carries.
            let signature = part.signature.take().unwrap();
            let carried = signature.for_client(native, signature.place);
            let back = Signature::from_client(&carried, native, signature.place);
            assert_eq!(back, signature);
            part.signature = Some(back);
        }
        let (body, losses) = write(&foreign(vec![message(Role::Assistant, parts)]));
        assert_eq!(body["input"], items);
        assert!(losses.is_empty());
    }
}

#[test]
fn failed_tools_are_told_by_their_text() {
    let result = Part::new(Content::ToolResult {
        id: "c".into(),
        name: None,
        content: vec![Part::text("no such file")],
        is_error: true,
    });
    let request = foreign(vec![message(Role::Tool, vec![result])]);
    assert_eq!(
        lost(&request),
        [("is_error of tool results".to_owned(), false)]
    );
    assert_eq!(write(&request).0["input"][0]["output"], "no such file");
}

#[test]
fn hosted_tools_of_other_dialects_are_told() {
    let mut request = foreign(vec![user("Hi")]);
    request.tools = vec![Tool::Hosted {
        origin: Origin::Anthropic,
        name: "bash".into(),
        json: Json::default(),
    }];
    assert_eq!(lost(&request), [("tools[0] (bash)".to_owned(), true)]);
}

#[test]
fn formats_of_text_are_read_and_written() {
    for (format, canonical) in [
        (json!({ "type": "json_object" }), Some(OutputFormat::Json)),
        (json!({ "type": "grammar", "syntax": "lark" }), None),
    ] {
        let body = json!({ "model": "gpt-5", "input": [{ "role": "user", "content": "x" }],
                           "text": { "format": format } });
        let request = read(&body);
        assert_eq!(request.output, canonical);
        assert_eq!(write(&request).0, body);
    }
}

#[test]
fn who_only_asks_for_reasoning_gets_it_and_its_summary_and_no_sampling() {
    let known = Model {
        sampling: Some(false),
        ..Model::default()
    };
    let request = ChatRequest {
        reasoning: Some(Reasoning {
            enabled: Some(true),
            summary: Some("auto".into()),
            ..Reasoning::default()
        }),
        temperature: Some(0.5),
        ..foreign(vec![user("Hi")])
    };
    let target = Target {
        known: Some(&known),
        ..target("gpt-5.4")
    };
    let mut losses = Losses::default();
    let body = ProviderCodec::request(&OpenAiResponses, &request, &target, &mut losses);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body["reasoning"],
        json!({ "effort": "medium", "summary": "auto" })
    );
    assert!(body.get("temperature").is_none());
    assert_eq!(losses.all().len(), 1);
    assert_eq!(losses.fatal().unwrap().what, "temperature");
}
