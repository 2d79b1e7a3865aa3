//! The matrix of positions in events.

use super::*;

/// `Kind choice/part: text` of deltas, `=` before repeated texts, `-` before others, `.` for ends.
fn told(operation: Operation, name: Option<&str>, data: &str) -> Vec<String> {
    let document = parse(data.as_bytes());
    let event = of_event(operation, name, &document);
    let channel = |c: &Channel| format!("{:?} {}/{}", c.kind, c.choice, c.part);
    let deltas = event
        .deltas
        .iter()
        .map(|d| format!("{}: {}", channel(&d.channel), d.place.value));
    let whole = event
        .whole
        .iter()
        .map(|(c, p)| format!("= {}: {}", channel(c), p.value));
    let others = event
        .others
        .iter()
        .map(|p| format!("- {:?}: {}", p.role, p.value));
    let ends = event.ends.iter().map(|e| format!(". {e:?}"));
    deltas.chain(whole).chain(others).chain(ends).collect()
}

fn event(operation: Operation, data: &str, expected: &[&str]) {
    assert_eq!(told(operation, None, data), expected, "{data}");
}

#[test]
fn chat_completions() {
    let chat = |data: &str, expected: &[&str]| event(Operation::Chat, data, expected);
    chat(
        r#"{"id":"c","choices":[{"index":1,"delta":{"role":"assistant","content":"hi","refusal":"no","reasoning_content":"hm","reasoning":"hmm"},"finish_reason":null}]}"#,
        &[
            "Text 1/0: hi",
            "Refusal 1/0: no",
            "Reasoning 1/0: hm",
            "Reasoning 1/1: hmm",
        ],
    );
    chat(
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":2,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\": \"b"}}]}}]}"#,
        &["Arguments 0/2: {\"a\": \"b", "- Name: f"],
    );
    chat(
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":1}}"#,
        &[". Choice(0)"],
    );
    chat(
        r#"{"choices":[{"delta":{"audio":{"id":"a","transcript":"spo"}}}]}"#,
        &["Transcript 0/0: spo"],
    );
    chat(
        r#"{"error":{"message":"too much"}}"#,
        &["- Assistant: too much", ". All"],
    );
    event(
        Operation::Completions,
        r#"{"choices":[{"text":"a","index":0,"finish_reason":null}]}"#,
        &["Text 0/0: a"],
    );
    event(
        Operation::Passage,
        r#"{"choices":[{"text":"a","index":0,"finish_reason":null}]}"#,
        &["Text 0/0: a"],
    );
}

#[test]
fn responses() {
    let responses = |data: &str, expected: &[&str]| event(Operation::Responses, data, expected);
    responses(
        r#"{"type":"response.output_text.delta","item_id":"m","output_index":1,"content_index":2,"delta":"hi","logprobs":[],"obfuscation":"x y"}"#,
        &["Text 1/2: hi"],
    );
    responses(
        r#"{"type":"response.output_text.done","item_id":"m","output_index":1,"content_index":2,"text":"hi there"}"#,
        &[
            "= Text 1/2: hi there",
            ". Channel(Channel { choice: 1, part: 2, kind: Text })",
        ],
    );
    responses(
        r#"{"type":"response.content_part.done","output_index":1,"content_index":2,"part":{"type":"output_text","text":"hi there","annotations":[]}}"#,
        &["= Text 1/2: hi there", ". Part(1, 2)"],
    );
    responses(
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"so"}"#,
        &["Summary 0/1: so"],
    );
    responses(
        r#"{"type":"response.reasoning_summary_part.done","output_index":0,"summary_index":1,"part":{"type":"summary_text","text":"so it is"}}"#,
        &["= Summary 0/1: so it is", ". Part(0, 1)"],
    );
    responses(
        r#"{"type":"response.function_call_arguments.delta","output_index":3,"delta":"{\"a\":"}"#,
        &["Arguments 3/0: {\"a\":"],
    );
    responses(
        r#"{"type":"response.function_call_arguments.done","output_index":3,"arguments":"{\"a\":\"b\",\"c\":\"d\"}"}"#,
        &[
            "= Arguments 3/0: b",
            "= Arguments 3/0: d",
            ". Channel(Channel { choice: 3, part: 0, kind: Arguments })",
        ],
    );
    responses(
        r#"{"type":"response.custom_tool_call_input.delta","output_index":3,"delta":"sel"}"#,
        &["Input 3/0: sel"],
    );
    responses(
        r#"{"type":"response.output_item.done","output_index":3,"item":{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{\"a\":\"b\"}"}}"#,
        &["= Arguments 3/0: b", "- Name: f", ". Choice(3)"],
    );
    responses(
        r#"{"type":"response.completed","response":{"id":"r","instructions":"be kind","output":[
            {"type":"reasoning","summary":[{"type":"summary_text","text":"so"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi"},{"type":"refusal","refusal":"no"}]},
            {"type":"web_search_call","action":{"type":"search","query":"who is"}}]}}"#,
        &[
            "= Summary 0/0: so",
            "= Text 1/0: hi",
            "= Refusal 1/1: no",
            "- System: be kind",
            "- ToolCall: who is",
            ". All",
        ],
    );
    event(
        Operation::Transcriptions,
        r#"{"type":"transcript.text.delta","delta":"spo"}"#,
        &["Text 0/0: spo"],
    );
    responses(
        r#"{"type":"response.new_thing.delta","output_index":3,"delta":"novel"}"#,
        &["Other 3/0: novel"],
    );
}

#[test]
fn anthropic() {
    let anthropic = |data: &str, expected: &[&str]| event(Operation::Messages, data, expected);
    anthropic(
        r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"claude"}}"#,
        &[],
    );
    anthropic(
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        &["- Name: f"],
    );
    anthropic(
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"be"}}"#,
        &["Text 0/1: be"],
    );
    anthropic(
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","title":"Page"}]}}"#,
        &["- ToolResult: Page"],
    );
    anthropic(
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"hi"}}"#,
        &["Text 0/1: hi"],
    );
    anthropic(
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        &["Reasoning 0/0: hm"],
    );
    anthropic(
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"a b"}}"#,
        &[],
    );
    anthropic(
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
        &["Arguments 0/2: {\"a"],
    );
    anthropic(
        r#"{"type":"content_block_stop","index":2}"#,
        &[". Part(0, 2)"],
    );
    anthropic(
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":1}}"#,
        &[". All"],
    );
    anthropic(r#"{"type":"message_stop"}"#, &[". All"]);
}

#[test]
fn gemini() {
    let gemini = |data: &str, expected: &[&str]| event(Operation::StreamGenerate, data, expected);
    gemini(
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hi"},{"functionCall":{"name":"f","args":{"to":"Ann A."}}}]},"index":0,"finishReason":"STOP"}]}"#,
        &[
            "Reasoning 0/0: hm",
            "Text 0/0: hi",
            "- Name: f",
            "- ToolCall: Ann A.",
            ". Choice(0)",
        ],
    );
    let found = told(
        Operation::StreamGenerate,
        None,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.to","stringValue":"An","willContinue":true}],"willContinue":true}}]}}]}"#,
    );
    assert!(
        found[0].starts_with("Value 0/") && found[0].ends_with(": An"),
        "{found:?}"
    );
    assert!(found.contains(&"- Name: f".to_owned()), "{found:?}");
}

#[test]
fn bedrock_and_cohere() {
    let bedrock = |name: &str, data: &str, expected: &[&str]| {
        assert_eq!(told(Operation::ConverseStream, Some(name), data), expected);
    };
    bedrock(
        "contentBlockDelta",
        r#"{"contentBlockIndex":1,"delta":{"text":"hi"},"p":"abc def"}"#,
        &["Text 0/1: hi"],
    );
    bedrock(
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#,
        &["Reasoning 0/0: hm"],
    );
    bedrock(
        "contentBlockStart",
        r#"{"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"t"}}}"#,
        &["- Name: f"],
    );
    bedrock(
        "contentBlockDelta",
        r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a"}}}"#,
        &["Arguments 0/2: {\"a"],
    );
    bedrock(
        "contentBlockStop",
        r#"{"contentBlockIndex":2}"#,
        &[". Part(0, 2)"],
    );
    bedrock("messageStop", r#"{"stopReason":"end_turn"}"#, &[". All"]);

    let cohere = |data: &str, expected: &[&str]| event(Operation::CohereChat, data, expected);
    cohere(
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"hi"}}}}"#,
        &["Text 0/0: hi"],
    );
    cohere(
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}"#,
        &["Reasoning 0/0: hm"],
    );
    cohere(
        r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}}"#,
        &["Plan 0/0: I"],
    );
    cohere(
        r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t","type":"function","function":{"name":"f","arguments":""}}}}}"#,
        &["- Name: f"],
    );
    cohere(
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a"}}}}}"#,
        &["Arguments 0/0: {\"a"],
    );
    cohere(
        r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":1}}}}"#,
        &[". All"],
    );
}
