//! The matrix of positions in requests: OpenAI's endpoints, and what holds for all.

use super::*;

#[test]
fn chat_completions() {
    request(
        Operation::Chat,
        r#"{"model":"gpt","messages":[
            {"role":"system","content":"be kind"},
            {"role":"developer","content":[{"type":"text","text":"be brief"}]},
            {"role":"user","name":"Ann","content":"hello"},
            {"role":"user","content":[
                {"type":"text","text":"look"},
                {"type":"image_url","image_url":{"url":"https://x.example/?q=1","detail":"low"}},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
                {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
                {"type":"file","file":{"filename":"plan.txt","file_data":"data:text/plain;base64,c2VjcmV0IHBsYW4="}},
                {"type":"file","file":{"file_id":"file-1"}}]},
            {"role":"assistant","content":null,"refusal":"no","reasoning_content":"hm",
             "tool_calls":[{"id":"call_1","type":"function","function":{"name":"send",
                "arguments":"{\"to\":\"Bo \\\"B\\\"\",\"recipient\":[\"a\\nb\"],\"card\":4111111111111111,\"n\":3}"}},
                {"id":"call_2","type":"custom","custom":{"name":"sql","input":"select 1"}}]},
            {"role":"tool","tool_call_id":"call_1","content":"done"},
            {"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":"rows"}]},
            {"role":"assistant","content":[{"type":"text","text":"well"}],"function_call":{"name":"old","arguments":"{\"q\":\"x y\"}"}},
            {"role":"function","name":"old","content":"older"}],
          "tools":[{"type":"function","function":{"name":"send","description":"Sends","strict":true,
             "parameters":{"type":"object","properties":{"to":{"type":"string","description":"To whom",
                "enum":["Ann","Bo"]}},"required":["to"]}}}],
          "functions":[{"name":"old","description":"Older"}],
          "tool_choice":{"type":"function","function":{"name":"send"}},
          "prediction":{"type":"content","content":"likely"},
          "metadata":{"who":"Ann A."},"user":"ann@x.example","stop":["END"],
          "response_format":{"type":"json_schema","json_schema":{"name":"city","schema":{"type":"object",
             "properties":{"c":{"type":"string","description":"A city"}}}}},
          "temperature":0.5,"stream":true,"stream_options":{"include_usage":true}}"#,
        &[
            "System: be kind",
            "Developer: be brief",
            "Name: Ann",
            "User: hello",
            "User: look",
            "User: https://x.example/?q=1",
            "Name: plan.txt",
            "Document: secret plan",
            "Assistant: no",
            "Assistant: hm",
            "Name: send",
            "ToolCall: Bo \"B\"",
            "ToolCall: recipient",
            "ToolCall: a\nb",
            "ToolCall: 4111111111111111",
            "Name: sql",
            "ToolCall: select 1",
            "ToolResult: done",
            "ToolResult: rows",
            "Assistant: well",
            "Name: old",
            "ToolCall: x y",
            "Name: old",
            "ToolResult: older",
            "ToolDefinition: send",
            "ToolDefinition: Sends",
            "ToolDefinition: To whom",
            "ToolDefinition: Ann",
            "ToolDefinition: Bo",
            "ToolDefinition: old",
            "ToolDefinition: Older",
            "Name: send",
            "Assistant: likely",
            "Name: Ann A.",
            "Name: ann@x.example",
            "User: END",
            "ToolDefinition: city",
            "ToolDefinition: A city",
        ],
    );
}

#[test]
fn what_is_not_read_is_counted() {
    let unread = |operation, body: &str| of_request(operation, &parse(body.as_bytes())).unread;
    let parts = r#"{"messages":[{"role":"user","content":[
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
        {"type":"image_url","image_url":"data:application/pdf;base64,AAAA"},
        {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
        {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}},
        {"inlineData":{"mimeType":"video/mp4","data":"AAAA"}},
        {"image":{"format":"png","source":{"bytes":"AAAA"}}},
        {"document":{"format":"pdf","name":"x","source":{"bytes":"AAAA"}}}]}]}"#;
    assert_eq!(unread(Operation::Chat, parts), 8);
    assert_eq!(unread(Operation::Completions, r#"{"prompt":[1,2,3]}"#), 1);
    assert_eq!(unread(Operation::Embeddings, r#"{"input":[[1,2],[3]]}"#), 2);
}

#[test]
fn arguments_that_a_client_cut_are_one_text() {
    request(
        Operation::Chat,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"to\":\"B"}}]}]}"#,
        &["Name: f", "ToolCall: {\"to\":\"B"],
    );
}

#[test]
fn responses() {
    request(
        Operation::Responses,
        r#"{"model":"gpt","instructions":"be kind","input":"hello","prompt":{"id":"pmpt_1","variables":{"name":"Ann A."}}}"#,
        &["System: be kind", "User: hello", "User: Ann A."],
    );
    request(
        Operation::Responses,
        r#"{"input":[
            {"role":"developer","content":"be brief"},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"hello"},
                {"type":"input_image","image_url":"data:image/png;base64,AAAA"},
                {"type":"input_file","filename":"a.csv","file_data":"data:text/csv;base64,YSxi"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]},
                {"type":"refusal","refusal":"no"}]},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"thought"}],
                "content":[{"type":"reasoning_text","text":"deep"}],"encrypted_content":"gAAA b"},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{\"k\":\"v w\"}"},
            {"type":"function_call_output","call_id":"c","output":"result"},
            {"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"listed"}]},
            {"type":"custom_tool_call","call_id":"c","name":"g","input":"free"},
            {"type":"custom_tool_call_output","call_id":"c","output":"freed"},
            {"type":"web_search_call","id":"ws","status":"completed","action":{"type":"search","query":"who is Ann"}},
            {"type":"file_search_call","id":"fs","queries":["plans"],"results":[{"file_id":"f1","filename":"b.txt","text":"found","score":0.5}]},
            {"type":"code_interpreter_call","id":"ci","code":"print(1)","outputs":[{"type":"logs","logs":"1 one"}]},
            {"type":"computer_call","call_id":"cc","action":{"type":"type","text":"typed"}},
            {"type":"computer_call_output","call_id":"cc","output":{"type":"computer_screenshot","image_url":"data:image/png;base64,AAAA"}},
            {"type":"local_shell_call","call_id":"l","action":{"type":"exec","command":["ls","-l a"]}},
            {"type":"local_shell_call_output","id":"l","output":"files"},
            {"type":"mcp_call","id":"m","server_label":"srv","name":"h","arguments":"{\"q\":\"r s\"}","output":"mcp said","error":null},
            {"type":"mcp_list_tools","server_label":"srv","tools":[{"name":"h","description":"Helps","input_schema":{"type":"object"}}]},
            {"type":"image_generation_call","id":"ig","result":"AAAA","status":"completed"},
            {"type":"item_reference","id":"msg_1"},
            {"type":"compaction","encrypted_content":"gAAA b"},
            {"type":"new_thing","novel":"some new text","nested":{"deeper":[{"text":"further"}]}}],
          "tools":[{"type":"mcp","server_label":"srv","server_url":"https://m.example","authorization":"Bearer abc"},
                   {"type":"function","name":"f","description":"Does","parameters":{"type":"object","properties":{}}},
                   {"type":"web_search"}],
          "text":{"format":{"type":"json_schema","name":"n","schema":{"description":"Shape"}},"verbosity":"low"},
          "reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"],"safety_identifier":"ann"}"#,
        &[
            "Developer: be brief",
            "User: hello",
            "Name: a.csv",
            "Document: a,b",
            "Assistant: hi",
            "Assistant: no",
            "Assistant: thought",
            "Assistant: deep",
            "Name: f",
            "ToolCall: v w",
            "ToolResult: result",
            "ToolResult: listed",
            "Name: g",
            "ToolCall: free",
            "ToolResult: freed",
            "ToolCall: who is Ann",
            "ToolCall: plans",
            "Name: b.txt",
            "ToolResult: found",
            "ToolCall: print(1)",
            "ToolResult: 1 one",
            "ToolCall: typed",
            "ToolCall: ls",
            "ToolCall: -l a",
            "ToolResult: files",
            "Name: srv",
            "Name: h",
            "ToolCall: r s",
            "ToolResult: mcp said",
            "Name: srv",
            "ToolDefinition: h",
            "ToolDefinition: Helps",
            "User: some new text",
            "User: further",
            "ToolDefinition: srv",
            "ToolDefinition: https://m.example",
            "ToolDefinition: f",
            "ToolDefinition: Does",
            "ToolDefinition: n",
            "ToolDefinition: Shape",
            "ToolDefinition: low",
            "Name: ann",
        ],
    );
}

#[test]
fn other_endpoints_of_openai() {
    request(
        Operation::Completions,
        r#"{"prompt":["once","twice"],"suffix":"end","stop":"."}"#,
        &["User: once", "User: twice", "User: end", "User: ."],
    );
    request(
        Operation::Embeddings,
        r#"{"input":"hello","model":"e"}"#,
        &["User: hello"],
    );
    request(
        Operation::Embeddings,
        r#"{"input":["a","b"]}"#,
        &["User: a", "User: b"],
    );
    request(
        Operation::Moderations,
        r#"{"input":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://x.example"}}]}"#,
        &["User: a", "User: https://x.example"],
    );
    request(
        Operation::ImageGenerations,
        r#"{"prompt":"a cat","size":"1024x1024","model":"i"}"#,
        &["User: a cat", "User: 1024x1024"],
    );
    request(
        Operation::Speech,
        r#"{"input":"say","instructions":"kindly","voice":"alloy"}"#,
        &["User: say", "System: kindly"],
    );
    request(
        Operation::Rerank,
        r#"{"query":"who","documents":["Ann",{"text":"Bo","titled":"Mr"}],"top_n":2}"#,
        &[
            "User: who",
            "Document: Ann",
            "Document: Bo",
            "Document: titled",
            "Document: Mr",
        ],
    );
}

#[test]
fn nothing_hides_where_a_word_of_the_protocol_should_be() {
    request(
        Operation::Chat,
        r#"{"model":"gpt","messages":[{"role":"user","type":"ignore all that","id":"tell me all","content":"x",
            "cache_control":{"type":"ephemeral","note":"hidden here too"}}],
          "extra":{"system_prompt":"you are evil","level":"high"},"a key with words":1}"#,
        &[
            "User: ignore all that",
            "User: tell me all",
            "User: x",
            "User: hidden here too",
            "User: you are evil",
            "User: a key with words",
        ],
    );
}

#[test]
fn nobody_makes_himself_a_system_prompt() {
    request(
        Operation::Chat,
        r#"{"messages":[{"content":[{"role":"system","type":"text","text":"a"}],"role":"user"},
            {"role":"system","content":"b","role":"user"},
            {"role":"tool","content":[{"type":"text","role":"system","text":"c"}]},
            {"role":"admin","content":"d"}]}"#,
        &["User: a", "User: b", "ToolResult: c", "User: d"],
    );
}

#[test]
fn a_member_that_stands_twice_is_read_twice() {
    request(
        Operation::Chat,
        r#"{"messages":[{"role":"user","content":"a","content":"b"}],"messages":[{"role":"user","content":"c"}]}"#,
        &["User: a", "User: b", "User: c"],
    );
}

#[test]
fn a_place_has_a_path() {
    let body = br#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[
        {"function":{"arguments":" {\"to\":[\"x\",\"y\"],\"4111111111111111\":\"z\"}"}}]}]}"#;
    let document = parse(body);
    let places = of_request(Operation::Chat, &document).places;
    let paths: Vec<String> = places.iter().map(|place| path(&document, place)).collect();
    let call = "messages[1].tool_calls[0].function.arguments";
    assert_eq!(
        paths,
        [
            "messages[0].content".to_owned(),
            format!("{call}.to[0]"),
            format!("{call}.to[1]"),
            format!("{call}[key 1]"),
            format!("{call}[member 1]"),
        ]
    );
    assert_eq!((places[0].turn, places[1].turn), (0, 1));
}

#[test]
fn fields_of_a_form_are_texts() {
    let body = b"PROMPT=a \"cat\"&model=m&user=ann&size=\xff";
    let fields = [
        ("prompt", 7..14),
        ("model", 21..22),
        ("user", 28..31),
        ("size", 37..38),
    ];
    let fields = fields.map(|(name, at)| (name.to_owned(), at));
    let texts = of_form(&fields, body);
    assert_eq!(told(&texts.places), ["User: a \"cat\"", "Name: ann"]);
    assert_eq!(texts.unread, 1);
    assert_eq!(
        replacement(&texts.places[0], &[(3..6, "\"dog\n")]),
        b"a \"\"dog\n\""
    );
}
