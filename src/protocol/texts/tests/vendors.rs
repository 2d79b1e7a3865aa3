//! The matrix of positions in requests: the dialects of other vendors.

use super::*;

#[test]
fn anthropic() {
    let body = r#"{"model":"claude","max_tokens":9,"system":[{"type":"text","text":"be kind","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":"hello"},
          {"role":"assistant","content":[
            {"type":"thinking","thinking":"hm","signature":"Eq a b"},{"type":"redacted_thinking","data":"Eq a b"},
            {"type":"text","text":"hi","citations":[{"type":"char_location","cited_text":"cited","document_title":"Doc"}]},
            {"type":"tool_use","id":"t","name":"f","input":{"to":"Ann A.","card":4111111111111111,"recipient":["x"],"ok":true}},
            {"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"who"}},
            {"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","url":"https://x.example","title":"Page","encrypted_content":"a b"}]},
            {"type":"mcp_tool_use","id":"m","name":"g","server_name":"srv","input":{"q":"w"}},
            {"type":"mcp_tool_result","tool_use_id":"m","content":[{"type":"text","text":"mcp said"}]}]},
          {"role":"user","content":[
            {"type":"tool_result","tool_use_id":"t","content":"done","is_error":false},
            {"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"rows"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},
            {"type":"document","title":"Plan","context":"Work","source":{"type":"text","media_type":"text/plain","data":"plain text"}},
            {"type":"document","source":{"type":"base64","media_type":"text/plain","data":"c2VjcmV0IHBsYW4="}},
            {"type":"document","source":{"type":"content","content":[{"type":"text","text":"block"}]}},
            {"type":"document","source":{"type":"url","url":"https://x.example/a.pdf"}},
            {"type":"search_result","source":"https://x.example","title":"T","content":[{"type":"text","text":"found"}]},
            {"type":"novel_block","novel":"some new text"},
            {"type":"text","text":"look"}]}],
        "tools":[{"name":"f","description":"Does","input_schema":{"type":"object","properties":{"to":{"description":"To whom"}}}},
            {"type":"web_search_20250305","name":"web_search"}],
        "mcp_servers":[{"type":"url","url":"https://m.example","name":"srv","authorization_token":"abc"}],
        "metadata":{"user_id":"ann"},"stop_sequences":["END"]}"#;
    let expected = [
        "System: be kind",
        "User: hello",
        "Assistant: hm",
        "Assistant: hi",
        "Assistant: cited",
        "Assistant: Doc",
        "Name: f",
        "ToolCall: Ann A.",
        "ToolCall: 4111111111111111",
        "ToolCall: recipient",
        "ToolCall: x",
        "Name: web_search",
        "ToolCall: who",
        "ToolResult: https://x.example",
        "ToolResult: Page",
        "Name: g",
        "Name: srv",
        "ToolCall: w",
        "ToolResult: mcp said",
        "ToolResult: done",
        "ToolResult: rows",
        "Document: Plan",
        "Document: Work",
        "Document: plain text",
        "Document: secret plan",
        "Document: block",
        "Document: https://x.example/a.pdf",
        "Document: https://x.example",
        "Document: T",
        "Document: found",
        "User: some new text",
        "User: look",
        "ToolDefinition: f",
        "ToolDefinition: Does",
        "ToolDefinition: To whom",
        "ToolDefinition: web_search",
        "ToolDefinition: https://m.example",
        "ToolDefinition: srv",
        "Name: user_id",
        "Name: ann",
        "User: END",
    ];
    request(Operation::Messages, body, &expected);
    request(Operation::MessagesCountTokens, body, &expected);
    request(
        Operation::Messages,
        r#"{"system":"be kind","messages":[]}"#,
        &["System: be kind"],
    );
}

#[test]
fn gemini() {
    let body = r#"{"systemInstruction":{"role":"user","parts":[{"text":"be kind"}]},
        "contents":[{"role":"user","parts":[{"text":"hello"},{"inlineData":{"mimeType":"text/plain","data":"c2VjcmV0IHBsYW4="}},
            {"fileData":{"fileUri":"gs://b/o","mimeType":"image/png","displayName":"o.png"}}]},
          {"role":"model","parts":[{"thought":true,"text":"hm"},{"text":"hi","thoughtSignature":"a b"},
            {"functionCall":{"name":"f","args":{"to":"Ann A.","number":12345678}}},
            {"executableCode":{"language":"PYTHON","code":"print(1)"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}]},
          {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"result":"rows"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"f","description":"Does","parameters":{"type":"OBJECT","properties":{"to":{"type":"STRING","description":"To whom"}}}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"stopSequences":["END"],"responseSchema":{"type":"OBJECT","description":"Shape"}},
        "cachedContent":"cachedContents/1","labels":{"t":"team"}}"#;
    let expected = [
        "System: be kind",
        "User: hello",
        "Document: secret plan",
        "User: gs://b/o",
        "Name: o.png",
        "Assistant: hm",
        "Assistant: hi",
        "Name: f",
        "ToolCall: Ann A.",
        "ToolCall: number",
        "ToolCall: 12345678",
        "ToolCall: print(1)",
        "ToolResult: 1",
        "Name: f",
        "ToolResult: result",
        "ToolResult: rows",
        "ToolDefinition: f",
        "ToolDefinition: Does",
        "ToolDefinition: To whom",
        "ToolDefinition: f",
        "User: END",
        "ToolDefinition: Shape",
        "User: cachedContents/1",
        "Name: team",
    ];
    request(Operation::Generate, body, &expected);
    request(Operation::StreamGenerate, body, &expected);
    let counted = format!(r#"{{"generateContentRequest":{body}}}"#);
    request(Operation::CountTokens, &counted, &expected);
    request(
        Operation::EmbedContent,
        r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","title":"b"}"#,
        &["User: a", "User: b"],
    );
    request(
        Operation::BatchEmbedContents,
        r#"{"requests":[{"model":"models/e","content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#,
        &["User: a", "User: b"],
    );
}

#[test]
fn bedrock() {
    let body = r#"{"system":[{"text":"be kind"},{"cachePoint":{"type":"default"}}],
        "messages":[{"role":"user","content":[{"text":"hello"},{"guardContent":{"text":{"text":"guarded"}}},
            {"document":{"format":"txt","name":"plan","source":{"bytes":"c2VjcmV0IHBsYW4="}}},
            {"document":{"format":"pdf","name":"book","source":{"bytes":"AAAA"},"context":"Work"}},
            {"image":{"format":"png","source":{"bytes":"AAAA"}}}]},
          {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"a b"}}},
            {"toolUse":{"toolUseId":"t","name":"f","input":{"to":"Ann A."}}}]},
          {"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":"done"},{"json":{"result":"rows"}}],"status":"success"}}]}],
        "toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"Does","inputSchema":{"json":{"properties":{"to":{"description":"To whom"}}}}}}]},
        "inferenceConfig":{"stopSequences":["END"]},"additionalModelRequestFields":{"thinking":{"type":"enabled"}}}"#;
    let expected = [
        "System: be kind",
        "User: hello",
        "User: guarded",
        "Name: plan",
        "Document: secret plan",
        "Name: book",
        "Document: Work",
        "Assistant: hm",
        "Name: f",
        "ToolCall: Ann A.",
        "ToolResult: done",
        "ToolResult: result",
        "ToolResult: rows",
        "ToolDefinition: f",
        "ToolDefinition: Does",
        "ToolDefinition: To whom",
        "User: END",
    ];
    request(Operation::Converse, body, &expected);
    let counted = format!(r#"{{"input":{{"converse":{body}}}}}"#);
    request(Operation::ConverseCountTokens, &counted, &expected);
    for (body, expected) in [
        (r#"{"inputText":"a"}"#, vec!["User: a"]),
        (
            r#"{"texts":["a","b"],"input_type":"search_document"}"#,
            vec!["User: a", "User: b"],
        ),
        (
            r#"{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"text":{"truncationMode":"END","value":"a b"}}}"#,
            vec!["User: a b"],
        ),
        (
            r#"{"anthropic_version":"bedrock-2023-05-31","messages":[{"role":"user","content":"a"}]}"#,
            vec!["User: a"],
        ),
        (r#"{"prompt":"a"}"#, vec!["User: a"]),
    ] {
        request(Operation::Invoke, body, &expected);
    }
}

#[test]
fn cohere() {
    request(
        Operation::CohereChat,
        r#"{"model":"command","messages":[{"role":"system","content":"be kind"},
            {"role":"user","content":[{"type":"text","text":"hello"},{"type":"document","document":{"id":"d","data":{"snippet":"cut"}}}]},
            {"role":"assistant","tool_plan":"I shall","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\":\"b c\"}"}}]},
            {"role":"tool","tool_call_id":"t","content":[{"type":"document","document":{"data":"{\"rows\":1}","id":"0"}}]}],
          "documents":["doc",{"data":{"text":"more"},"id":"x"}],"stop_sequences":["END"],
          "tools":[{"type":"function","function":{"name":"f","description":"Does"}}]}"#,
        &[
            "System: be kind",
            "User: hello",
            "Document: snippet",
            "Document: cut",
            "Assistant: I shall",
            "Name: f",
            "ToolCall: b c",
            "Document: {\"rows\":1}",
            "Document: doc",
            "Document: more",
            "Document: x",
            "User: END",
            "ToolDefinition: f",
            "ToolDefinition: Does",
        ],
    );
    request(
        Operation::CohereEmbed,
        r#"{"texts":["a"],"inputs":[{"content":[{"type":"text","text":"b"}]}],"input_type":"search_query"}"#,
        &["User: a", "User: b"],
    );
    request(
        Operation::CohereRerank,
        r#"{"query":"q","documents":["a"]}"#,
        &["User: q", "Document: a"],
    );
}
