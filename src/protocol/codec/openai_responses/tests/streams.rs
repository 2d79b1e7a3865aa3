//! Streams, feature by feature.

use super::*;

fn created() -> Value {
    json!({ "type": "response.created", "response": {
        "id": "resp_1", "object": "response", "created_at": 5, "model": "gpt-5", "status": "in_progress",
        "service_tier": "auto", "output": []
    } })
}

fn completed(output: Value) -> Value {
    json!({ "type": "response.completed", "response": {
        "id": "resp_1", "object": "response", "status": "completed", "output": output,
        "usage": { "input_tokens": 3, "output_tokens": 2 }
    } })
}

fn message(index: u64, text: &str) -> Value {
    json!({ "type": "response.output_item.done", "output_index": index, "item": {
        "type": "message", "id": format!("msg_{index}"), "role": "assistant",
        "content": [{ "type": "output_text", "text": text, "annotations": [] }]
    } })
}

fn item(index: u64, item: Value) -> Value {
    json!({ "type": "response.output_item.done", "output_index": index, "item": item })
}

fn parts(events: &[Value]) -> Vec<Part> {
    fold(&decode_events(events)).choices.remove(0).parts
}

fn tool_call(id: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
    })
}

#[test]
fn a_stream_of_whole_items_alone_is_read() {
    let call = json!({ "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}" });
    let read = parts(&[
        created(),
        item(
            0,
            json!({ "type": "reasoning", "id": "rs_1", "encrypted_content": "gA",
                        "summary": [{ "type": "summary_text", "text": "S" }] }),
        ),
        message(1, "Hi"),
        item(2, call),
        item(
            3,
            json!({ "type": "web_search_call", "id": "ws_1", "status": "completed" }),
        ),
        completed(json!([])),
    ]);
    assert_eq!(
        read[0].signature,
        Some(Signature::new(Origin::OpenAi, Place::Thinking, "rs_1\ngA"))
    );
    assert_eq!(read[1], Part::text("Hi"));
    assert_eq!(read[2], tool_call("c1", "{\"a\":1}"));
    assert!(matches!(read[3].content, Content::Foreign { .. }));
}

#[test]
fn a_stream_that_tells_its_output_only_at_the_end_is_read() {
    let output = json!([
        { "type": "message", "id": "msg_0", "content": [{ "type": "output_text", "text": "Hi" }] },
        { "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" }
    ]);
    let answer = fold(&decode_events(&[created(), completed(output)]));
    assert_eq!(
        answer.choices[0].parts,
        [Part::text("Hi"), tool_call("c1", "{}")]
    );
    assert_eq!(answer.choices[0].ending.finish, Finish::ToolCalls);
    assert_eq!(
        (answer.usage.input, answer.usage.output),
        (Some(3), Some(2))
    );
}

#[test]
fn nothing_is_told_twice() {
    let delta = |text: &str| {
        json!({ "type": "response.output_text.delta", "output_index": 0,
        "item_id": "msg_0", "content_index": 0, "delta": text })
    };
    let done = json!({ "type": "response.output_text.done", "output_index": 0, "item_id": "msg_0",
        "content_index": 0, "text": "Hello" });
    let output = json!([{ "type": "message", "id": "msg_0",
        "content": [{ "type": "output_text", "text": "Hello" }] }]);
    for events in [
        vec![delta("Hel"), delta("lo"), done.clone(), message(0, "Hello")],
        // What the deltas left out comes with the rest.
        vec![delta("Hel"), done.clone(), message(0, "Hello")],
        vec![delta("Hel"), message(0, "Hello")],
        vec![delta("Hel"), delta("lo")],
        vec![delta("Hel")],
        vec![done],
        vec![message(0, "Hello"), message(0, "Hello")],
    ] {
        let mut all = vec![created()];
        all.extend(events);
        all.push(completed(output.clone()));
        assert_eq!(parts(&all), [Part::text("Hello")]);
    }
}

#[test]
fn arguments_come_from_deltas_or_whole_and_are_an_object_at_least() {
    let added = json!({ "type": "response.output_item.added", "output_index": 0,
        "item": { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "" } });
    let delta = |text: &str| {
        json!({ "type": "response.function_call_arguments.delta",
        "output_index": 0, "item_id": "fc_1", "delta": text })
    };
    let done = |text: &str| {
        json!({ "type": "response.function_call_arguments.done",
        "output_index": 0, "item_id": "fc_1", "arguments": text })
    };
    let whole = |text: &str| {
        item(
            0,
            json!({ "type": "function_call", "id": "fc_1", "call_id": "c1",
        "name": "f", "arguments": text }),
        )
    };
    let a = "{\"a\":1}";
    for (events, arguments) in [
        (
            vec![
                added.clone(),
                delta("{\"a\""),
                delta(":1}"),
                done(a),
                whole(a),
            ],
            a,
        ),
        (vec![added.clone(), done(a), whole(a)], a),
        (vec![added.clone(), whole(a)], a),
        (vec![added.clone(), delta(a)], a),
        (vec![delta("{\"a\""), delta(":1}"), whole(a)], a),
        (vec![whole(a)], a),
        (vec![added.clone(), done(""), whole("")], "{}"),
        (vec![added], "{}"),
    ] {
        let mut all = vec![created()];
        all.extend(events);
        all.push(completed(json!([])));
        assert_eq!(parts(&all), [tool_call("c1", arguments)], "{all:?}");
    }
}

#[test]
fn reasoning_is_read_from_summaries_and_raw() {
    let delta = |kind: &str, index: &str, n: u64, text: &str| {
        json!({ "type": kind, "output_index": 0,
        "item_id": "rs_1", index: n, "delta": text })
    };
    let summary = |n, text| {
        delta(
            "response.reasoning_summary_text.delta",
            "summary_index",
            n,
            text,
        )
    };
    let raw = |text| delta("response.reasoning_text.delta", "content_index", 0, text);
    let read = parts(&[
        created(),
        summary(0, "On"),
        summary(0, "e."),
        summary(1, "Two."),
        item(
            0,
            json!({ "type": "reasoning", "id": "rs_1", "encrypted_content": "gA", "summary": [
            { "type": "summary_text", "text": "One." }, { "type": "summary_text", "text": "Two." }] }),
        ),
        completed(json!([])),
    ]);
    let thinking = |text: &str, value: &str| {
        Part::new(Content::Thinking {
            text: text.to_owned(),
            id: None,
        })
        .signed(Some(Signature::new(Origin::OpenAi, Place::Thinking, value)))
    };
    assert_eq!(read, [thinking("One.\n\nTwo.", "rs_1\ngA")]);
    let read = parts(&[
        created(),
        raw("Ra"),
        raw("w."),
        item(
            0,
            json!({ "type": "reasoning", "id": "rs_1", "summary": [],
                        "content": [{ "type": "reasoning_text", "text": "Raw." }] }),
        ),
        completed(json!([])),
    ]);
    assert_eq!(read, [thinking("Raw.", "rs_1\n\ncontent")]);
    let read = parts(&[
        created(),
        item(
            0,
            json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA" }),
        ),
        completed(json!([])),
    ]);
    let sealed = Signature::new(Origin::OpenAi, Place::Redacted, "rs_1\ngA");
    assert_eq!(
        read,
        [Part::new(Content::RedactedThinking).signed(Some(sealed))]
    );
}

#[test]
fn refusals_citations_and_log_probabilities_are_read() {
    let answer = fold(&decode_events(&[
        created(),
        json!({ "type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi",
                "logprobs": [{ "token": "Hi", "logprob": -0.5, "top_logprobs": [] }] }),
        json!({ "type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0,
                "annotation_index": 0, "annotation": { "type": "url_citation", "url": "https://e.org",
                "title": "E", "start_index": 0, "end_index": 2 } }),
        item(
            0,
            json!({ "type": "message", "content": [{ "type": "output_text", "text": "Hi", "annotations": [
            { "type": "url_citation", "url": "https://e.org", "title": "E", "start_index": 0, "end_index": 2 },
            { "type": "url_citation", "url": "https://e.net", "title": "N", "start_index": 0, "end_index": 2 }
        ], "logprobs": [{ "token": "Hi", "logprob": -0.5 }] }] }),
        ),
        json!({ "type": "response.refusal.delta", "output_index": 1, "content_index": 0, "delta": "No" }),
        json!({ "type": "response.refusal.done", "output_index": 1, "content_index": 0, "refusal": "No." }),
        completed(json!([])),
    ]));
    let choice = &answer.choices[0];
    let Content::Text { citations, .. } = &choice.parts[0].content else {
        panic!();
    };
    assert_eq!(citations.len(), 2);
    assert_eq!(choice.logprobs.len(), 1);
    assert_eq!(
        choice.parts[1].content,
        Content::Refusal { text: "No.".into() }
    );
    assert_eq!(choice.ending.finish, Finish::Refusal);
}

#[test]
fn an_incomplete_response_tells_its_reason_and_usage() {
    let events = decode_events(&[
        created(),
        message(0, "Hi"),
        json!({ "type": "response.incomplete", "response": { "status": "incomplete",
            "incomplete_details": { "reason": "max_output_tokens" },
            "usage": { "input_tokens": 3, "output_tokens": 9 }, "output": [] } }),
    ]);
    let answer = fold(&events);
    assert_eq!(
        answer.choices[0].ending,
        Ending::new(Finish::Length, "max_output_tokens")
    );
    assert_eq!(answer.usage.output, Some(9));
}

#[test]
fn errors_end_the_stream() {
    let failed = json!({ "type": "response.failed", "response": { "status": "failed",
        "error": { "code": "rate_limit_exceeded", "message": "Slow down" },
        "usage": { "input_tokens": 3, "output_tokens": 9 } } });
    let error = json!({ "type": "error", "code": "rate_limit_exceeded", "message": "Slow down" });
    let nested = json!({ "type": "error", "error": { "type": "x", "code": "rate_limit_exceeded",
        "message": "Slow down" } });
    for bad in [failed, error, nested] {
        for before in [vec![], vec![created(), message(0, "Hi")]] {
            let mut all = before;
            all.extend([bad.clone(), message(1, "more"), completed(json!([]))]);
            let events = decode_events(&all);
            let Some(Event::Error(error)) = events.last() else {
                panic!("{events:?}");
            };
            assert_eq!((error.status, error.message.as_str()), (429, "Slow down"));
            assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
            let mut checker = Checker::default();
            for event in &events {
                checker.push(event).unwrap();
            }
        }
    }
}

#[test]
fn signs_of_life_and_unknown_events_do_no_harm() {
    let events = decode(
        b"data: {\"type\":\"keepalive\",\"sequence_number\":1}\n\n\
          event: response.created\ndata: {\"response\":{\"id\":\"r\"}}\n\n\
          data: {\"type\":\"response.web_search_call.searching\",\"output_index\":0}\n\n\
          data: {\"type\":\"something.else\"}\n\n\
          data: [DONE]\n\n\
          data: {\"type\":\"response.completed\",\"response\":{}}\n\n\
          data: [DONE]\n\n",
    );
    assert_eq!(events[0], Event::Ping);
    let answer = fold(&events);
    assert_eq!(answer.id, "r");
    assert_eq!(answer.choices[0].ending.finish, Finish::Stop);
}

#[test]
fn a_stream_for_a_client_has_the_events_of_the_api_in_order() {
    let answer = ChatAnswer {
        id: "msg_01".to_owned(),
        usage: TokenUsage {
            input: Some(5),
            output: Some(7),
            ..TokenUsage::default()
        },
        ..answer_of(
            vec![
                Part::new(Content::Thinking {
                    text: "hm".into(),
                    id: None,
                }),
                Part::text("Hi"),
                tool_call("c1", "{\"a\":1}"),
            ],
            Finish::ToolCalls,
        )
    };
    let told = frames(&encode(&unfold(answer), ChatRequest::default()));
    let kinds: Vec<_> = told.iter().map(|f| f["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let last = &told.last().unwrap()["response"];
    assert_eq!(
        (&last["id"], &last["model"]),
        (&json!("msg_01"), &json!("m"))
    );
    assert_eq!(last["usage"]["total_tokens"], 12);
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let answer = answer_of(vec![tool_call("c1", "{}")], Finish::ToolCalls);
    let told = frames(&encode(&unfold(answer), ChatRequest::default()));
    let done: Vec<_> = told
        .iter()
        .filter(|f| f["type"] == "response.function_call_arguments.done")
        .collect();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0]["arguments"], "{}");
}

#[test]
fn a_stream_that_was_cut_off_is_incomplete() {
    let answer = answer_of(vec![Part::text("Hi")], Finish::Length);
    let told = frames(&encode(&unfold(answer), ChatRequest::default()));
    let last = told.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["status"], "incomplete");
    assert_eq!(
        last["response"]["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
}

#[test]
fn pictures_are_image_generation_calls() {
    let image = Media::new(
        MediaKind::Image,
        Some("image/png".into()),
        Source::Base64("AAAA".into()),
    );
    let answer = answer_of(vec![Part::new(Content::Media(image))], Finish::Stop);
    let stream = encode(&unfold(answer.clone()), ChatRequest::default());
    let item = &frames(&stream).pop().unwrap()["response"]["output"][0];
    assert_eq!(
        (&item["type"], &item["result"]),
        (&json!("image_generation_call"), &json!("AAAA"))
    );
    assert_eq!(
        fold(&decode(&stream)).choices[0].parts,
        answer.choices[0].parts
    );
}

#[test]
fn log_probabilities_come_with_their_words() {
    let token = |text: &str| TokenLogprob {
        token: text.to_owned(),
        logprob: -1.0,
        bytes: None,
        top: Vec::new(),
    };
    let text = |text: &str| Event::Delta {
        choice: 0,
        delta: Delta::Text(text.to_owned()),
    };
    let logprobs = |text: &str| Event::Logprobs {
        choice: 0,
        tokens: vec![token(text)],
    };
    let events = [
        Event::Start(Start::default()),
        Event::Open {
            choice: 0,
            part: Part::text(""),
        },
        text("Hel"),
        logprobs("Hel"),
        text("lo"),
        logprobs("lo"),
        Event::Close { choice: 0 },
        Event::Finish {
            choice: 0,
            ending: Ending::default(),
        },
        Event::End,
    ];
    let asked = read(&json!({ "input": "x", "include": ["message.output_text.logprobs"] }));
    let told = frames(&encode(&events, asked));
    let deltas: Vec<_> = told
        .iter()
        .filter(|f| f["type"] == "response.output_text.delta")
        .map(|f| (f["delta"].clone(), f["logprobs"][0]["token"].clone()))
        .collect();
    assert_eq!(
        deltas,
        [(json!("Hel"), json!("Hel")), (json!("lo"), json!("lo"))]
    );
    let done = told
        .iter()
        .find(|f| f["type"] == "response.output_text.done")
        .unwrap();
    assert_eq!(done["logprobs"].as_array().unwrap().len(), 2);
}

#[test]
fn signatures_that_come_late_find_back_to_what_they_stand_on() {
    let sign = |origin, place, value: &str| Event::Delta {
        choice: 0,
        delta: Delta::Signature(Signature::new(origin, place, value)),
    };
    let open = |part| Event::Open { choice: 0, part };
    let delta = |delta| Event::Delta { choice: 0, delta };
    let close = || Event::Close { choice: 0 };
    let thinking = Part::new(Content::Thinking {
        text: String::new(),
        id: None,
    });
    let events = [
        Event::Start(Start::default()),
        open(thinking.clone()),
        delta(Delta::Thinking("hm".into())),
        sign(Origin::OpenAi, Place::Thinking, "rs_1\ngA"),
        close(),
        open(thinking),
        delta(Delta::Thinking("ha".into())),
        sign(Origin::Anthropic, Place::Thinking, "sig"),
        close(),
        open(Part::text("")),
        delta(Delta::Text("a".into())),
        sign(Origin::Gemini, Place::Text, "t"),
        close(),
        open(Part::text("")),
        delta(Delta::Text("b".into())),
        close(),
        open(tool_call("c1", "")),
        delta(Delta::Arguments("{}".into())),
        sign(Origin::Gemini, Place::Call, "g1"),
        close(),
        open(tool_call("c2", "")),
        sign(Origin::Gemini, Place::Call, "g2"),
        delta(Delta::Arguments("{}".into())),
        close(),
        Event::Finish {
            choice: 0,
            ending: Ending::new(Finish::ToolCalls, ""),
        },
        Event::End,
    ];
    let answer = fold(&events);
    let told = frames(&encode(&events, ChatRequest::default()));
    let output = &told.last().unwrap()["response"]["output"];
    let request = read(&json!({ "input": output }));
    assert_eq!(request.messages.len(), 1);
    assert_eq!(request.messages[0].parts, answer.choices[0].parts);
}

#[test]
fn json_with_line_ends_stays_in_one_line() {
    let request = ChatRequest {
        tools: vec![Tool::Hosted {
            origin: Origin::OpenAi,
            name: "x".into(),
            json: Json::parse("{\r\n\"type\":\n\"x\"}").unwrap(),
        }],
        ..ChatRequest::default()
    };
    let text = encode(
        &unfold(answer_of(vec![Part::text("a\nb")], Finish::Stop)),
        request,
    );
    let told = frames(&text);
    assert_eq!(
        told.last().unwrap()["response"]["tools"],
        json!([{ "type": "x" }])
    );
    assert_eq!(
        told.last().unwrap()["response"]["output"][0]["content"][0]["text"],
        "a\nb"
    );
}

#[test]
fn a_sign_of_life_is_a_comment() {
    let mut events = unfold(answer_of(vec![Part::text("a")], Finish::Stop));
    events.insert(1, Event::Ping);
    let text = encode(&events, ChatRequest::default());
    assert!(String::from_utf8(text).unwrap().contains("\n\n: ping\n\n"));
}

#[test]
fn the_number_of_the_next_event_is_known_to_whoever_tells_an_error() {
    let mut stream = ClientCodec::stream(&CODEC, &asked(ChatRequest::default()));
    let mut out = BytesMut::new();
    assert_eq!(stream.next_sequence(), 0);
    for event in unfold(answer_of(vec![Part::text("Hi")], Finish::Stop)) {
        stream.event(&event, &mut out);
        let told = frames(&out);
        let last = told.last().expect("the start is told at once");
        assert_eq!(
            Some(stream.next_sequence()),
            last["sequence_number"].as_u64().map(|n| n + 1)
        );
    }
}
