//! Whole answers, feature by feature.

use super::*;

fn signed(content: Content, origin: Origin, place: Place, value: &str) -> Part {
    Part::new(content).signed(Some(Signature::new(origin, place, value)))
}

fn thinking(text: &str) -> Content {
    Content::Thinking {
        text: text.to_owned(),
        id: None,
    }
}

fn tool_call(id: &str) -> Content {
    Content::ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: "{\"a\":1}".to_owned(),
    }
}

/// Sends the output of an answer back as the input of the next request.
fn returned(answer: &ChatAnswer) -> Vec<Part> {
    let output = write_answer(answer, ChatRequest::default())["output"].clone();
    let request = read(&json!({ "input": output }));
    assert!(request.messages.len() <= 1);
    let messages = request.messages.into_iter();
    messages.flat_map(|message| message.parts).collect()
}

#[test]
fn an_answer_is_read() {
    let answer = read_answer(&json!({
        "id": "resp_1", "object": "response", "created_at": 1700000000.9, "model": "gpt-5-x",
        "status": "completed", "service_tier": "flex",
        "output": [
            { "type": "reasoning", "id": "rs_1", "summary": [
                { "type": "summary_text", "text": "One." }, { "type": "summary_text", "text": "Two." }
            ], "encrypted_content": "gA" },
            { "type": "message", "id": "msg_1", "role": "assistant", "phase": "commentary", "content": [
                { "type": "output_text", "text": "Hi", "annotations": [
                    { "type": "url_citation", "url": "https://e.org", "title": "E", "start_index": 0, "end_index": 2 }
                ], "logprobs": [
                    { "token": "Hi", "logprob": -0.5, "bytes": [72, 105],
                      "top_logprobs": [{ "token": "Ho", "logprob": -1.0, "bytes": [72, 111] }] }
                ] }
            ] },
            { "type": "web_search_call", "id": "ws_1", "status": "completed" },
            { "type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA", "output_format": "webp" },
            { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "" }
        ],
        "usage": { "input_tokens": 10, "input_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 2 },
                   "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 3 }, "total_tokens": 15 }
    }));
    assert_eq!(
        (answer.id.as_str(), answer.model.as_str()),
        ("resp_1", "gpt-5-x")
    );
    assert_eq!(
        (answer.created, answer.service_tier.as_deref()),
        (Some(1_700_000_000), Some("flex"))
    );
    let choice = &answer.choices[0];
    let parts = &choice.parts;
    assert_eq!(
        parts[0],
        signed(
            thinking("One.\n\nTwo."),
            Origin::OpenAi,
            Place::Thinking,
            "rs_1\ngA"
        )
    );
    assert_eq!(
        parts[1].signature,
        Some(Signature::new(Origin::OpenAi, Place::Text, "commentary"))
    );
    assert!(
        matches!(&parts[1].content, Content::Text { text, citations }
        if text == "Hi" && citations[0].url.as_deref() == Some("https://e.org"))
    );
    assert!(matches!(
        &parts[2].content,
        Content::Foreign {
            origin: Origin::OpenAi,
            ..
        }
    ));
    assert!(matches!(&parts[3].content, Content::Media(m)
        if m.kind == MediaKind::Image && m.mime.as_deref() == Some("image/webp")));
    assert!(matches!(&parts[4].content, Content::ToolCall { arguments, .. } if arguments == "{}"));
    assert_eq!(choice.ending, Ending::new(Finish::ToolCalls, "completed"));
    assert_eq!(choice.logprobs[0].top[0].token, "Ho");
    let usage = TokenUsage {
        input: Some(10),
        output: Some(5),
        cache_read: Some(4),
        cache_write: Some(2),
        reasoning: Some(3),
        ..TokenUsage::default()
    };
    assert_eq!(answer.usage, usage);
}

#[test]
fn endings_are_read_and_written() {
    let text = json!([{ "type": "message", "content": [{ "type": "output_text", "text": "a" }] }]);
    for (status, details, finish) in [
        ("completed", Value::Null, Finish::Stop),
        (
            "incomplete",
            json!({ "reason": "max_output_tokens" }),
            Finish::Length,
        ),
        (
            "incomplete",
            json!({ "reason": "content_filter" }),
            Finish::ContentFilter,
        ),
        ("incomplete", Value::Null, Finish::Other),
        ("incomplete", json!({ "reason": "steered" }), Finish::Other),
        ("queued", Value::Null, Finish::Other),
    ] {
        let answer = read_answer(&json!({
            "object": "response", "status": status, "incomplete_details": details, "output": text
        }));
        assert_eq!(answer.choices[0].ending.finish, finish);
        let body = write_answer(&answer, ChatRequest::default());
        assert_eq!(body["status"], status);
        assert_eq!(body["incomplete_details"], details);
    }
    for (finish, status, reason) in [
        (Finish::StopSequence, "completed", None),
        (Finish::ToolCalls, "completed", None),
        (
            Finish::ContextWindow,
            "incomplete",
            Some("max_output_tokens"),
        ),
        (Finish::Refusal, "incomplete", Some("content_filter")),
        (Finish::Pause, "incomplete", Some("the_word")),
        (Finish::MalformedCall, "incomplete", Some("the_word")),
    ] {
        let mut answer = answer_of(vec![Part::text("a")], finish);
        answer.choices[0].ending.word = Some("THE_WORD".to_owned());
        let body = write_answer(&answer, ChatRequest::default());
        assert_eq!(body["status"], status, "{finish:?}");
        assert_eq!(
            body["incomplete_details"]["reason"].as_str(),
            reason,
            "{finish:?}"
        );
        assert_eq!(body["output"][0]["status"], status, "{finish:?}");
    }
}

#[test]
fn a_refusal_is_a_part_of_a_message_that_is_complete() {
    let refusal = Part::new(Content::Refusal { text: "No.".into() });
    let answer = answer_of(vec![refusal], Finish::Refusal);
    let body = write_answer(&answer, ChatRequest::default());
    assert_eq!(body["status"], "completed");
    assert_eq!(
        body["output"][0]["content"],
        json!([{ "type": "refusal", "refusal": "No." }])
    );
    assert_eq!(read_answer(&body).choices[0].ending.finish, Finish::Refusal);
}

#[test]
fn an_answer_without_output_is_an_empty_answer() {
    for output in [
        json!({}),
        json!({ "output": null }),
        json!({ "output": [] }),
        json!({ "output": 5 }),
    ] {
        let mut body = json!({ "object": "response", "id": "resp_1", "status": "completed" });
        body.as_object_mut()
            .unwrap()
            .extend(output.as_object().unwrap().clone());
        let answer = read_answer(&body);
        assert!(answer.choices[0].parts.is_empty());
    }
}

#[test]
fn what_is_no_answer_is_not_understood() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "{\"choices\":[]}",
        "{\"object\":\"response\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}",
    ] {
        assert!(
            ProviderCodec::answer(&CODEC, body.as_bytes()).is_err(),
            "{body}"
        );
    }
}

#[test]
fn answers_repeat_the_settings_of_the_request() {
    let request = read(&json!({
        "input": "x", "instructions": "Be brief.", "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 7,
        "metadata": { "a": "b" }, "tool_choice": "required", "parallel_tool_calls": false,
        "tools": [{ "type": "function", "name": "f" }, { "type": "web_search" }],
        "reasoning": { "effort": "low" }, "text": { "format": { "type": "json_object" }, "verbosity": "high" },
        "truncation": "auto", "user": "u", "service_tier": "flex", "previous_response_id": "resp_0"
    }));
    let mut answer = answer_of(vec![Part::text("Hi")], Finish::Stop);
    answer.id.clear();
    answer.usage.input = Some(3);
    let body = write_answer(&answer, request);
    grammar::check_response(&body);
    for (name, value) in [
        ("id", json!("resp_req-01J0")),
        ("created_at", json!(1_700_000_000)),
        ("model", json!("m")),
        ("status", json!("completed")),
        ("instructions", json!("Be brief.")),
        ("temperature", json!(0.5)),
        ("top_p", json!(0.9)),
        ("max_output_tokens", json!(7)),
        ("metadata", json!({ "a": "b" })),
        ("tool_choice", json!("required")),
        ("parallel_tool_calls", json!(false)),
        ("reasoning", json!({ "effort": "low", "summary": null })),
        (
            "text",
            json!({ "format": { "type": "json_object" }, "verbosity": "high" }),
        ),
        ("truncation", json!("auto")),
        ("user", json!("u")),
        ("service_tier", json!("flex")),
        ("previous_response_id", json!("resp_0")),
        (
            "usage",
            json!({ "input_tokens": 3, "output_tokens": 0, "total_tokens": 3,
            "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
            "output_tokens_details": { "reasoning_tokens": 0 } }),
        ),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    let unknown = write_answer(&answer_of(vec![], Finish::Stop), ChatRequest::default());
    assert_eq!(unknown["usage"], Value::Null);
}

#[test]
fn log_probabilities_stand_with_the_text_that_they_belong_to() {
    let token = |text: &str| TokenLogprob {
        token: text.to_owned(),
        logprob: -1.0,
        bytes: None,
        top: Vec::new(),
    };
    let call = Part::new(tool_call("c"));
    let mut answer = answer_of(
        vec![Part::text("ab"), call, Part::text("c")],
        Finish::ToolCalls,
    );
    answer.choices[0].logprobs = vec![token("a"), token("b"), token("c")];
    let body = write_answer(&answer, ChatRequest::default());
    let tokens = |item: usize| {
        let list = body["output"][item]["content"][0]["logprobs"]
            .as_array()
            .unwrap();
        list.iter().map(|t| t["token"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (tokens(0), tokens(2)),
        (vec![json!("a"), json!("b")], vec![json!("c")])
    );
    assert_eq!(
        body["output"][0]["content"][0]["logprobs"][0]["bytes"],
        json!([97])
    );
}

#[test]
fn citations_without_a_place_stand_for_the_whole_text() {
    let citation = |change: fn(&mut Citation)| {
        let mut citation = Citation::default();
        change(&mut citation);
        citation
    };
    let part = Part::new(Content::Text {
        text: "Äh, so.".to_owned(),
        citations: vec![
            citation(|c| c.url = Some("https://e.org".into())),
            citation(|c| c.file = Some("file-1".into())),
            citation(|c| c.cited_text = Some("no place to say this".into())),
        ],
    });
    let body = write_answer(&answer_of(vec![part], Finish::Stop), ChatRequest::default());
    assert_eq!(
        body["output"][0]["content"][0]["annotations"],
        json!([
            { "type": "url_citation", "url": "https://e.org", "title": "", "start_index": 0, "end_index": 7 },
            { "type": "file_citation", "file_id": "file-1", "filename": "", "index": 7 }
        ])
    );
}

#[test]
fn signatures_of_any_provider_come_back_from_a_client_byte_for_byte() {
    for parts in [
        vec![
            signed(
                thinking("hm"),
                Origin::Anthropic,
                Place::Thinking,
                "EqQB+/==",
            ),
            signed(
                Content::RedactedThinking,
                Origin::Anthropic,
                Place::Redacted,
                "EmwK",
            ),
            Part::text("Hi"),
            Part::new(tool_call("c1")),
        ],
        vec![
            Part::new(thinking("no signature")),
            signed(tool_call("c1"), Origin::Gemini, Place::Call, "CiQB"),
            Part::new(tool_call("c2")),
            signed(tool_call("c3"), Origin::Gemini, Place::Call, "CiQC"),
        ],
        vec![
            signed(Part::text("a").content, Origin::Gemini, Place::Text, "t1"),
            Part::text("b"),
            signed(Part::text("").content, Origin::Gemini, Place::Text, "t2"),
        ],
        vec![
            signed(
                thinking("sum"),
                Origin::OpenAi,
                Place::Thinking,
                "rs_1\ngAAA",
            ),
            signed(
                thinking("raw"),
                Origin::OpenAi,
                Place::Thinking,
                "x\n\ncontent",
            ),
            signed(
                Content::RedactedThinking,
                Origin::OpenAi,
                Place::Redacted,
                "rs_2\ngAAB",
            ),
            signed(
                thinking("of chat"),
                Origin::OpenAi,
                Place::Thinking,
                "{\"a\":\n1}",
            ),
            signed(
                Part::text("wait").content,
                Origin::OpenAi,
                Place::Text,
                "commentary",
            ),
            Part::text("done"),
            signed(thinking("x"), Origin::Bedrock, Place::Thinking, "b"),
        ],
    ] {
        let answer = answer_of(parts, Finish::ToolCalls);
        assert_eq!(returned(&answer), answer.choices[0].parts);
    }
}

#[test]
fn an_own_reasoning_item_is_told_as_it_was() {
    let item =
        json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" });
    let answer = read_answer(&json!({ "object": "response", "output": [item] }));
    assert_eq!(
        write_answer(&answer, ChatRequest::default())["output"],
        json!([item])
    );
}

#[test]
fn what_other_dialects_alone_can_say_is_left_out() {
    let foreign = Part::new(Content::Foreign {
        origin: Origin::Anthropic,
        json: Json::parse("{\"type\":\"server_tool_use\"}").unwrap(),
    });
    let image = Media::new(
        MediaKind::Image,
        None,
        Source::Url("https://e.org/a".into()),
    );
    let mut audio = Media::new(MediaKind::Audio, None, Source::Base64("AA".into()));
    audio.transcript = Some("as said".to_owned());
    let parts = vec![
        foreign,
        Part::new(Content::Media(image)),
        Part::new(Content::Media(audio)),
        Part::text(""),
    ];
    let body = write_answer(&answer_of(parts, Finish::Stop), ChatRequest::default());
    let output = body["output"].as_array().unwrap();
    assert_eq!(output.len(), 1);
    assert_eq!(output[0]["content"][0]["text"], "as said");
}

#[test]
fn errors_are_read_whatever_their_form() {
    let read = |status, body: &str| ProviderCodec::error(&CODEC, status, body.as_bytes());
    let error = read(
        429,
        r#"{"error":{"message":"Slow down","type":"requests","code":"rate_limit_exceeded","param":null}}"#,
    );
    assert_eq!((error.status, error.message.as_str()), (429, "Slow down"));
    assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(error.kind.as_deref(), Some("requests"));
    for body in [
        r#"{"error":"Oops"}"#,
        r#"{"detail":"Oops"}"#,
        r#"{"message":"Oops"}"#,
        r#"{"error":{"message":"Oops","code":500}}"#,
        "Oops\n",
    ] {
        assert_eq!(
            (read(500, body).status, read(500, body).message),
            (500, "Oops".to_owned())
        );
    }
    assert_eq!(read(502, "").message, "");
}
