//! The checkers checked: good streams pass, and each rule's breach is found.

use super::*;

/// Frames of typed events, from `[name, members]` lines.
fn typed(events: &[&str]) -> String {
    events
        .iter()
        .map(|data| {
            let value: Value = serde_json::from_str(data).unwrap();
            let name = value["type"].as_str().unwrap();
            format!("event: {name}\ndata: {data}\n\n")
        })
        .collect()
}

fn passes(form: Form, stream: &str) {
    assert_eq!(check(form, stream.as_bytes()), Ok(()), "{stream}");
}

/// The stream, and what `from` replaced by `to` makes of it, which must be refused for the named reason.
fn refused(form: Form, stream: &str, cases: &[(&str, &str, &str)]) {
    passes(form, stream);
    for (from, to, why) in cases {
        assert!(stream.contains(from), "no {from}");
        let broken = stream.replacen(from, to, 1);
        match check(form, broken.as_bytes()) {
            Ok(()) => panic!("accepted: {from} -> {to}"),
            Err(error) => assert!(error.contains(why), "{from} -> {to}: {error}"),
        }
    }
}

const CHAT: Form = Form::OpenAiChat {
    include_usage: true,
};

fn chat(include_usage: bool) -> String {
    let usage = if include_usage {
        r#","usage":null"#
    } else {
        ""
    };
    let mut stream = String::from(": ping\n\n");
    for choice in [
        r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}"#,
        r#"{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}"#,
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}"#,
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}"#,
        r#"{"index":0,"delta":{},"finish_reason":"tool_calls"}"#,
    ] {
        stream += &format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[{choice}]{usage}}}\n\n"
        );
    }
    if include_usage {
        stream += "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":0}}}\n\n";
    }
    stream + "data: [DONE]\n\n"
}

#[test]
fn a_good_chat_passes_and_each_breach_is_found() {
    passes(
        Form::OpenAiChat {
            include_usage: false,
        },
        &chat(false),
    );
    assert!(openai_chat(chat(false).as_bytes(), true).is_err());
    assert!(openai_chat(chat(true).as_bytes(), false).is_err());
    let usage = r#","usage":null"#;
    refused(
        CHAT,
        &chat(true),
        &[
            ("data: [DONE]\n\n", "", "good end"),
            ("data: [DONE]\n\n", "data: [DONE]\n", "blank line"),
            ("data: [DONE]\n\n", "data: [DONE]\n\ndata: {}\n\n", "behind"),
            ("data: {", "data:{", "unexpected line"),
            ("data: {", "event: x\ndata: {", "event:"),
            (
                r#""object":"chat.completion.chunk""#,
                r#""object":"x""#,
                "object",
            ),
            (r#""id":"c1""#, r#""id":"c2""#, "another id"),
            (r#""created":7"#, r#""created":8"#, "another id"),
            (usage, "", "null"),
            (r#""role":"assistant","#, "", "no role"),
            (
                r#"{"content":"Hi"}"#,
                r#"{"role":"assistant","content":"Hi"}"#,
                "later delta",
            ),
            (r#""id":"call_1","#, "", "`id`"),
            (
                r#"{"index":0,"function""#,
                r#"{"index":0,"id":"call_1","function""#,
                "later delta of a call",
            ),
            (
                r#"{"index":0,"function""#,
                r#"{"index":1,"function""#,
                "`id`",
            ),
            (r#"[{"index":0,"id""#, r#"[{"index":1,"id""#, "out of order"),
            (
                r#""arguments":"{}""#,
                r#""arguments":"{""#,
                "no JSON object",
            ),
            (r#""arguments":"{}""#, r#""arguments":"""#, "no JSON object"),
            (
                r#""finish_reason":"tool_calls""#,
                r#""finish_reason":null"#,
                "did not finish",
            ),
            (
                r#""finish_reason":"tool_calls""#,
                r#""finish_reason":"end_turn""#,
                "unknown",
            ),
            (
                r#""content":"Hi"},"logprobs":null,"finish_reason":null"#,
                r#""content":"Hi"},"finish_reason":"stop""#,
                "after its finish",
            ),
            (r#""total_tokens":3"#, r#""total_tokens":4"#, "sum"),
            (
                r#""cached_tokens":0"#,
                r#""cached_tokens":null"#,
                "cached_tokens",
            ),
            (
                r#""choices":[],"usage":{"#,
                r#""choices":[{"index":0}],"usage":{"#,
                "null",
            ),
        ],
    );
}

#[test]
fn choices_of_a_chat_each_have_their_state() {
    let chunk = |choice: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{choice}]}}\n\n"
        )
    };
    let stop = |index| {
        chunk(&format!(
            r#"{{"index":{index},"delta":{{"role":"assistant"}},"finish_reason":"stop"}}"#
        ))
    };
    let both = stop(1) + &stop(0) + "data: [DONE]\n\n";
    assert_eq!(openai_chat(both.as_bytes(), false), Ok(()));
    let gap = stop(1) + "data: [DONE]\n\n";
    assert!(openai_chat(gap.as_bytes(), false).is_err());
    assert!(openai_chat(b"data: [DONE]\n\n", false).is_err());
}

#[test]
fn good_completions_pass_and_each_breach_is_found() {
    let stream = concat!(
        r#"data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"a","logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        r#"data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        "\n\n",
        r#"data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
        "\n\ndata: [DONE]\n\n",
    );
    assert_eq!(completions(stream.as_bytes(), true), Ok(()));
    refused(
        Form::Completions {
            include_usage: true,
        },
        stream,
        &[
            ("text_completion", "chat.completion.chunk", "object"),
            (r#""text":"a""#, r#""text":null"#, "`text`"),
            (r#""logprobs":null,"#, "", "logprobs"),
            (
                r#""finish_reason":"stop""#,
                r#""finish_reason":"tool_calls""#,
                "unknown",
            ),
        ],
    );
}

const RESPONSE: &str = r#""id":"resp_1","object":"response","created_at":1,"model":"m""#;

/// Fills in `sequence_number` and the response's constant members.
fn response(events: &[String]) -> String {
    let numbered: Vec<String> = events
        .iter()
        .enumerate()
        .map(|(i, event)| {
            let event = event.replace("$R", RESPONSE);
            format!(r#"{{"sequence_number":{i},{}"#, &event[1..])
        })
        .collect();
    typed(&numbered.iter().map(String::as_str).collect::<Vec<_>>())
}

fn responses() -> String {
    let reasoning =
        r#"{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"so"}]}"#;
    let part =
        r#"{"type":"output_text","text":"Hi","annotations":[{"type":"url_citation","url":"u"}]}"#;
    let message = format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{part}]}}"#
    );
    let call = r#"{"id":"fc_1","type":"function_call","call_id":"c1","name":"f","arguments":"{}","status":"completed"}"#;
    let place = |index: u32, id: &str| format!(r#""output_index":{index},"item_id":"{id}""#);
    let (r, m, c) = (place(0, "rs_1"), place(1, "msg_1"), place(2, "fc_1"));
    response(&[
        r#"{"type":"response.created","response":{$R,"status":"in_progress","output":[]}}"#.into(),
        r#"{"type":"response.in_progress","response":{$R,"status":"in_progress","output":[]}}"#.into(),
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}"#.into(),
        format!(r#"{{"type":"response.reasoning_summary_part.added",{r},"summary_index":0,"part":{{"type":"summary_text","text":""}}}}"#),
        format!(r#"{{"type":"response.reasoning_summary_text.delta",{r},"summary_index":0,"delta":"so"}}"#),
        format!(r#"{{"type":"response.reasoning_summary_text.done",{r},"summary_index":0,"text":"so"}}"#),
        format!(r#"{{"type":"response.reasoning_summary_part.done",{r},"summary_index":0,"part":{{"type":"summary_text","text":"so"}}}}"#),
        format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{reasoning}}}"#),
        r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","role":"assistant","status":"in_progress","content":[]}}"#.into(),
        format!(r#"{{"type":"response.content_part.added",{m},"content_index":0,"part":{{"type":"output_text","text":"","annotations":[]}}}}"#),
        format!(r#"{{"type":"response.output_text.delta",{m},"content_index":0,"delta":"H","logprobs":[]}}"#),
        format!(r#"{{"type":"response.output_text.delta",{m},"content_index":0,"delta":"i","logprobs":[]}}"#),
        format!(r#"{{"type":"response.output_text.annotation.added",{m},"content_index":0,"annotation_index":0,"annotation":{{"type":"url_citation","url":"u"}}}}"#),
        format!(r#"{{"type":"response.output_text.done",{m},"content_index":0,"text":"Hi","logprobs":[]}}"#),
        format!(r#"{{"type":"response.content_part.done",{m},"content_index":0,"part":{part}}}"#),
        format!(r#"{{"type":"response.output_item.done","output_index":1,"item":{message}}}"#),
        r#"{"type":"response.output_item.added","output_index":2,"item":{"id":"fc_1","type":"function_call","call_id":"c1","name":"f","arguments":"","status":"in_progress"}}"#.into(),
        format!(r#"{{"type":"response.function_call_arguments.delta",{c},"delta":"{{}}"}}"#),
        format!(r#"{{"type":"response.function_call_arguments.done",{c},"arguments":"{{}}"}}"#),
        format!(r#"{{"type":"response.output_item.done","output_index":2,"item":{call}}}"#),
        format!(r#"{{"type":"response.completed","response":{{$R,"status":"completed","error":null,"output":[{reasoning},{message},{call}],"usage":{{"input_tokens":1,"output_tokens":2,"total_tokens":3,"input_tokens_details":{{"cached_tokens":0}},"output_tokens_details":{{"reasoning_tokens":0}}}}}}}}"#),
    ])
}

#[test]
fn a_good_response_passes_and_each_breach_is_found() {
    assert_eq!(openai_responses(responses().as_bytes()), Ok(()));
    let stream = responses();
    let last = stream.find("event: response.completed").unwrap();
    let (content, end) = stream.split_at(last);
    assert!(openai_responses(content.as_bytes()).is_err());
    assert!(openai_responses(format!("{stream}{end}").as_bytes()).is_err());
    refused(
        Form::OpenAiResponses,
        &stream,
        &[
            ("event: response.created\n", "", "event's name"),
            (
                r#""sequence_number":3"#,
                r#""sequence_number":4"#,
                "sequence_number",
            ),
            (
                "response.in_progress",
                "response.in_progresses",
                "event's name",
            ),
            (
                r#""output_index":1,"item":{"id":"msg_1""#,
                r#""output_index":2,"item":{"id":"msg_1""#,
                "out of order",
            ),
            (r#""item":{"id":"msg_1""#, r#""item":{"id":"rs_1""#, "again"),
            (
                r#""item_id":"msg_1""#,
                r#""item_id":"msg_2""#,
                "another item",
            ),
            (
                r#""content_index":0"#,
                r#""content_index":1"#,
                "out of order",
            ),
            (r#""delta":"H""#, r#""delta":"h""#, "joined"),
            (r#""delta":"i","logprobs":[]"#, r#""delta":"i""#, "logprobs"),
            (
                r#""annotation_index":0"#,
                r#""annotation_index":1"#,
                "annotation_index",
            ),
            (
                r#""text":"Hi","annotations":[{"type":"url_citation","url":"u"}]"#,
                r#""text":"Hi","annotations":[]"#,
                "annotations",
            ),
            (r#""delta":"{}""#, r#""delta":"""#, "joined"),
            (
                r#""arguments":"{}","status""#,
                r#""arguments":"{ }","status""#,
                "told",
            ),
            (r#""usage":{"#, r#""used":{"#, "`usage`"),
            (
                r#""output":[{"id":"rs_1""#,
                r#""output":[{"id":"rs_2""#,
                "output",
            ),
            (
                r#""status":"completed","error":null"#,
                r#""status":"incomplete","error":null"#,
                "status",
            ),
            (
                r#""cached_tokens":0"#,
                r#""cached_tokens":null"#,
                "cached_tokens",
            ),
        ],
    );
}

#[test]
fn a_response_without_items_may_be_incomplete_or_fail() {
    let start = [
        r#"{"type":"response.created","response":{$R,"status":"in_progress","output":[]}}"#
            .to_owned(),
        r#"{"type":"response.in_progress","response":{$R,"status":"in_progress","output":[]}}"#
            .to_owned(),
    ];
    let ends = |end: &str| {
        let [a, b] = start.clone();
        openai_responses(response(&[a, b, end.to_owned()]).as_bytes())
    };
    let incomplete = r#"{"type":"response.incomplete","response":{$R,"status":"incomplete","output":[],"incomplete_details":{"reason":"max_output_tokens"}}}"#;
    let failed = r#"{"type":"response.failed","response":{$R,"status":"failed","output":[],"error":{"code":"server_error","message":"x"}}}"#;
    assert_eq!(ends(incomplete), Ok(()));
    assert_eq!(ends(failed), Ok(()));
    assert!(ends(&incomplete.replace("reason", "cause")).is_err());
    assert!(ends(&failed.replace("\"code\"", "\"kind\"")).is_err());
}

fn messages() -> String {
    typed(&[
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"so"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ])
}

#[test]
fn a_good_message_passes_and_each_breach_is_found() {
    assert_eq!(anthropic(messages().as_bytes()), Ok(()));
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#;
    refused(
        Form::Anthropic,
        &messages(),
        &[
            ("event: message_start", "event: ping", "name"),
            ("event: content_block_start\n", "", "name"),
            (
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                "",
                "good end",
            ),
            (
                r#""index":1,"content_block""#,
                r#""index":2,"content_block""#,
                "out of order",
            ),
            (
                r#""index":1,"delta""#,
                r#""index":0,"delta""#,
                "another block",
            ),
            (
                "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
                "",
                "open",
            ),
            (
                r#"{"type":"text_delta","text":"Hi"}"#,
                r#"{"type":"thinking_delta","thinking":"Hi"}"#,
                "kind",
            ),
            (
                r#"{"type":"signature_delta","signature":"s"}"#,
                r#"{"type":"text_delta","text":"s"}"#,
                "kind",
            ),
            (
                r#"{"type":"thinking_delta","thinking":"so"}"#,
                r#"{"type":"signature_delta","signature":"so"}"#,
                "second signature",
            ),
            (
                delta,
                &delta.replace("signature_delta\",\"signature", "text_delta\",\"text"),
                "kind",
            ),
            (r#""input":{}"#, r#""input":{"a":1}"#, "input"),
            (r#""input":{}"#, r#""input":"""#, "`input`"),
            (
                r#""partial_json":"1}""#,
                r#""partial_json":"1""#,
                "no JSON object",
            ),
            (
                r#""stop_reason":"tool_use""#,
                r#""stop_reason":"tool_calls""#,
                "unknown",
            ),
            (
                r#""usage":{"output_tokens":9}"#,
                r#""usage":{}"#,
                "output_tokens",
            ),
            (r#""content":[],"#, r#""content":[1],"#, "content"),
        ],
    );
    let doubled = messages().replacen(
        "event: content_block_start",
        &(typed(&[r#"{"type":"message_start","message":{}}"#]) + "event: content_block_start"),
        1,
    );
    assert!(
        anthropic(doubled.as_bytes())
            .unwrap_err()
            .contains("second")
    );
}

#[test]
fn a_message_call_without_input_may_have_no_delta() {
    let stream = messages().replace(r#""partial_json":"{\"a\":""#, r#""partial_json":"""#);
    let stream = stream.replace(r#""partial_json":"1}""#, r#""partial_json":"""#);
    assert_eq!(anthropic(stream.as_bytes()), Ok(()));
}

fn contents() -> [&'static str; 3] {
    [
        r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Hi"},{"text":"","thoughtSignature":"s"}]}}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"totalTokenCount":12},"modelVersion":"m","responseId":"r"}"#,
        r#"{"candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}],"modelVersion":"m","responseId":"r"}"#,
        r#"{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":4,"totalTokenCount":9},"modelVersion":"m","responseId":"r"}"#,
    ]
}

#[test]
fn good_contents_pass_and_each_breach_is_found() {
    let array = format!("[{}]", contents().join(",\r\n"));
    assert_eq!(gemini(array.as_bytes(), false), Ok(()));
    assert!(gemini(&array.as_bytes()[..array.len() - 1], false).is_err());
    let stream: String = contents().map(|c| format!("data: {c}\r\n\r\n")).concat();
    assert_eq!(gemini(stream.as_bytes(), true), Ok(()));
    refused(
        Form::Gemini { sse: true },
        &stream,
        &[
            ("data: {", "event: x\r\ndata: {", "event:"),
            (r#"{"index":0,"#, "{", "`index`"),
            (r#""role":"model""#, r#""role":"assistant""#, "role"),
            (r#""args":{}"#, r#""args":"{}""#, "`args`"),
            (r#","finishReason":"STOP""#, "", "did not finish"),
            (
                r#"{"text":"Hi"}"#,
                r#"{"text":"Hi","functionCall":{}}"#,
                "two kinds",
            ),
            (r#"{"text":"Hi"}"#, "{}", "says nothing"),
            (
                r#""candidatesTokenCount":4"#,
                r#""candidatesTokenCount":2"#,
                "decreases",
            ),
            (
                r#""candidatesTokenCount":4"#,
                r#""candidatesTokenCount":null"#,
                "count",
            ),
            (r#""responseId":"r""#, r#""responseId":"q""#, "another"),
        ],
    );
    let late = format!("{stream}data: {}\r\n\r\n", contents()[1]);
    assert!(
        gemini(late.as_bytes(), true)
            .unwrap_err()
            .contains("after its finishReason")
    );
    let done = format!("{stream}data: [DONE]\r\n\r\n");
    assert!(gemini(done.as_bytes(), true).is_err());
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n";
    assert_eq!(gemini(blocked.as_bytes(), true), Ok(()));
}

#[test]
fn a_stream_that_was_cut_off_ends_in_its_dialects_error() {
    let error = "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n";
    let whole = chat(true);
    let (before, _) = whole.split_at(whole.find("data: [DONE]").unwrap());
    assert_eq!(cut_off(CHAT, format!("{before}{error}").as_bytes()), Ok(()));
    assert_eq!(cut_off(CHAT, error.as_bytes()), Ok(()));
    assert!(cut_off(CHAT, format!("{whole}{error}").as_bytes()).is_err());
    assert!(cut_off(CHAT, format!("{before}{error}data: [DONE]\n\n").as_bytes()).is_err());
    assert!(cut_off(CHAT, before.as_bytes()).is_err());
    assert!(check(CHAT, format!("{before}{error}").as_bytes()).is_err());

    let responses = responses();
    let (before, _) = responses.split_at(responses.find("event: response.completed").unwrap());
    let error = |n: u32| {
        format!(
            "event: error\ndata: {{\"type\":\"error\",\"sequence_number\":{n},\"code\":\"c\",\"message\":\"x\",\"param\":null,\"error\":{{\"message\":\"x\"}}}}\n\n"
        )
    };
    let form = Form::OpenAiResponses;
    assert_eq!(
        cut_off(form, (before.to_owned() + &error(20)).as_bytes()),
        Ok(())
    );
    assert!(cut_off(form, (before.to_owned() + &error(7)).as_bytes()).is_err());
    assert!(cut_off(form, (responses.clone() + &error(21)).as_bytes()).is_err());

    let messages = messages();
    let (before, _) = messages.split_at(messages.find("event: message_delta").unwrap());
    let error = typed(&[r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#]);
    assert_eq!(
        cut_off(Form::Anthropic, (before.to_owned() + &error).as_bytes()),
        Ok(())
    );
    assert!(cut_off(Form::Anthropic, (messages.clone() + &error).as_bytes()).is_err());
    assert!(cut_off(Form::Anthropic, messages.as_bytes()).is_err());

    let error = r#"{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}"#;
    let array = format!("[{},{error}]", contents()[0]);
    assert_eq!(
        cut_off(Form::Gemini { sse: false }, array.as_bytes()),
        Ok(())
    );
    let stream = format!("data: {}\n\ndata: {error}\n\n", contents()[0]);
    assert_eq!(
        cut_off(Form::Gemini { sse: true }, stream.as_bytes()),
        Ok(())
    );
    assert!(gemini(stream.as_bytes(), true).is_err());
}
