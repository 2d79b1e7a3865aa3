//! The matrix of positions in whole answers.

use super::*;

#[test]
fn chat_completions() {
    let body = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt",
        "choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi","refusal":null,
            "reasoning_content":"hm","reasoning":"hmm","reasoning_details":[{"type":"reasoning.text","text":"hmmm","signature":"a b"},
            {"type":"reasoning.encrypted","data":"a b"}],
            "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"to\":\"<EMAIL>\"}"}}],
            "audio":{"id":"a","data":"AAAA","transcript":"spoken"},
            "annotations":[{"type":"url_citation","url_citation":{"url":"https://x.example","title":"Page"}}]},
            "logprobs":{"content":[{"token":"hi","logprob":0}]}},
          {"index":1,"message":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"u"}],"refusal":"no"}}],
        "usage":{"prompt_tokens":1}}"#;
    answer(
        Operation::Chat,
        body,
        &[
            "Assistant: hi",
            "Assistant: hm",
            "Assistant: hmm",
            "Assistant: hmmm",
            "Name: f",
            "ToolCall: <EMAIL>",
            "Assistant: spoken",
            "Assistant: https://x.example",
            "Assistant: Page",
            "Assistant: t",
            "Assistant: u",
            "Assistant: no",
        ],
    );
    let document = parse(body.as_bytes());
    let texts = of_answer(Operation::Chat, &document);
    assert_eq!((texts.unread, texts.spelled.len()), (1, 1));
    let mut edits = Edits::new();
    texts.hide_spelled(&mut edits);
    let hidden = edits
        .apply(&Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    assert!(String::from_utf8_lossy(&hidden).contains(r#""logprobs":null}"#));
    answer(
        Operation::Completions,
        r#"{"choices":[{"text":"a","index":0,"logprobs":{"tokens":["a"]},"finish_reason":"stop"}]}"#,
        &["Assistant: a"],
    );
}

#[test]
fn responses() {
    answer(
        Operation::Responses,
        r#"{"id":"resp_1","object":"response","instructions":"be kind","status":"completed","output":[
            {"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"thought"}],"encrypted_content":"a b"},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi","logprobs":[{"token":"hi"}],
                "annotations":[{"type":"file_citation","filename":"a.txt","file_id":"f"}]},{"type":"refusal","refusal":"no"}]},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{\"to\":\"Ann A.\"}"},
            {"type":"mcp_call","name":"g","server_label":"s","arguments":"{}","output":"mcp said"},
            {"type":"image_generation_call","result":"AAAA","revised_prompt":"a red cat"}],
          "tools":[{"type":"function","name":"f","description":"Does"}],
          "metadata":{"a":"b"},"text":{"format":{"type":"text"}},"reasoning":{"effort":"low","summary":"auto"}}"#,
        &[
            "System: be kind",
            "Assistant: thought",
            "Assistant: hi",
            "Name: a.txt",
            "Assistant: no",
            "Name: f",
            "ToolCall: Ann A.",
            "Name: g",
            "Name: s",
            "ToolResult: mcp said",
            "ToolCall: a red cat",
            "ToolDefinition: f",
            "ToolDefinition: Does",
            "Name: b",
        ],
    );
}

#[test]
fn anthropic() {
    answer(
        Operation::Messages,
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
            {"type":"thinking","thinking":"hm","signature":"a b"},{"type":"text","text":"hi"},
            {"type":"tool_use","id":"t","name":"f","input":{"to":"Ann A."}},
            {"type":"code_execution_tool_result","tool_use_id":"s","content":{"type":"code_execution_result","stdout":"out","stderr":"","return_code":0}}],
          "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1}}"#,
        &[
            "Assistant: hm",
            "Assistant: hi",
            "Name: f",
            "ToolCall: Ann A.",
            "ToolResult: out",
        ],
    );
    answer(
        Operation::Messages,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"no Ann"}}"#,
        &["Assistant: no Ann"],
    );
}

#[test]
fn gemini_bedrock_and_cohere() {
    answer(
        Operation::Generate,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hi"},
            {"functionCall":{"name":"f","args":{"to":"Ann A."}}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},
            "finishReason":"STOP","index":0,"logprobsResult":{"chosenCandidates":[{"token":"hi"}]},
            "groundingMetadata":{"webSearchQueries":["who"],"groundingChunks":[{"web":{"uri":"https://x.example","title":"x"}}]}}],
          "modelVersion":"gemini","responseId":"r"}"#,
        &[
            "Assistant: hm",
            "Assistant: hi",
            "Name: f",
            "ToolCall: Ann A.",
            "Assistant: who",
            "Assistant: https://x.example",
            "Assistant: x",
        ],
    );
    answer(
        Operation::Converse,
        r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"hi"},
            {"toolUse":{"toolUseId":"t","name":"f","input":{"to":"Ann A."}}}]}},"stopReason":"end_turn","usage":{"inputTokens":1}}"#,
        &[
            "Assistant: hm",
            "Assistant: hi",
            "Name: f",
            "ToolCall: Ann A.",
        ],
    );
    answer(
        Operation::CohereChat,
        r#"{"id":"x","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hi"}],
            "tool_plan":"I shall","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\":\"b\"}"}}],
            "citations":[{"start":0,"end":2,"text":"hi","sources":[{"type":"document","id":"d","document":{"snippet":"cut"}}]}]}}"#,
        &[
            "Assistant: hm",
            "Assistant: hi",
            "Assistant: I shall",
            "Name: f",
            "ToolCall: b",
            "Assistant: hi",
            "Document: cut",
        ],
    );
}

#[test]
fn other_answers() {
    answer(
        Operation::Rerank,
        r#"{"results":[{"index":0,"relevance_score":0.5,"document":{"text":"Ann"}}]}"#,
        &["Document: Ann"],
    );
    answer(
        Operation::ImageGenerations,
        r#"{"created":1,"data":[{"b64_json":"AAAA","revised_prompt":"a red cat"}]}"#,
        &["Assistant: a red cat"],
    );
    answer(
        Operation::Transcriptions,
        r#"{"text":"spoken"}"#,
        &["Assistant: spoken"],
    );
    answer(
        Operation::Embeddings,
        r#"{"object":"list","data":[{"object":"embedding","embedding":[0.1,0.2]}],"model":"e"}"#,
        &[],
    );
}
