//! Requests, feature by feature.

use serde_json::{Value, json};

use super::support::{call, decoded, encoded, whole};
use crate::{
    catalogue::{Model, ReasoningControl},
    protocol::{
        chat::{
            CacheMark, ChatRequest, Citation, Content, Effort, Function, Json, Media, MediaKind,
            Message, Origin, OutputFormat, Part, Reasoning, Role, Source, Tool, ToolChoice,
        },
        codec::{ClientCodec, ProviderCodec, Target, gemini::GeminiGenerate},
        loss::Losses,
        signature::{Place, Signature},
    },
};

const OLD: &str = "gemini-2.5-flash";
const NEW: &str = "gemini-3-flash-preview";

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

fn asks(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        messages,
        ..ChatRequest::default()
    }
}

fn calls(id: &str, name: &str) -> Part {
    Part::new(Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: "{}".into(),
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

fn image(source: Source) -> Part {
    Part::new(Content::Media(Media::new(MediaKind::Image, None, source)))
}

fn user(body: Value) -> Vec<Part> {
    let request = decoded(&json!({"contents": [{"role": "user", "parts": body}]}));
    request.messages.into_iter().flat_map(|m| m.parts).collect()
}

#[test]
fn both_spellings_of_names_are_read() {
    let snake = json!({
        "system_instruction": {"parts": [{"text": "Be kind."}]},
        "contents": [{"role": "user", "parts": [
            {"file_data": {"file_uri": "gs://b/a.png", "mime_type": "image/png"}},
            {"inline_data": {"mime_type": "image/png", "data": "_-8="}}]}],
        "generation_config": {
            "top_p": 0.5, "max_output_tokens": "64", "stop_sequences": ["x"],
            "response_mime_type": "application/json", "response_json_schema": {"type": "object"},
            "thinking_config": {"include_thoughts": true, "thinking_budget": 1024}},
        "tools": [{"function_declarations": [
            {"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "safety_settings": [], "cached_content": "cachedContents/1",
    });
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": [{"role": "user", "parts": [
            {"fileData": {"fileUri": "gs://b/a.png", "mimeType": "image/png"}},
            {"inlineData": {"mimeType": "image/png", "data": "/+8="}}]}],
        "generationConfig": {
            "topP": 0.5, "maxOutputTokens": 64, "stopSequences": ["x"],
            "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
            "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 1024}},
        "tools": [{"functionDeclarations": [
            {"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "safetySettings": [], "cachedContent": "cachedContents/1",
    });
    assert_eq!(decoded(&snake), decoded(&camel));
    assert_eq!(whole(&decoded(&snake), OLD), camel);
}

#[test]
fn everything_of_a_configuration_comes_out_again() {
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {
            "temperature": 0.5, "topP": 0.25, "topK": 40, "maxOutputTokens": 100,
            "stopSequences": ["a", "b"], "candidateCount": 2, "seed": 7,
            "presencePenalty": 0.5, "frequencyPenalty": -0.5,
            "responseLogprobs": true, "logprobs": 3,
            "responseModalities": ["TEXT", "IMAGE"],
            "speechConfig": {"languageCode": "de-DE"}, "imageConfig": {"aspectRatio": "16:9"},
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
            "thinkingConfig": {"thinkingBudget": -1, "includeThoughts": true}},
        "serviceTier": "flex",
        "labels": {"team": "a"},
    });
    let request = decoded(&body);
    assert_eq!(
        (request.n, request.logprobs, request.top_k),
        (Some(2), Some(3), Some(40))
    );
    assert_eq!(request.modalities, ["text", "image"]);
    assert_eq!(request.service_tier.as_deref(), Some("flex"));
    assert!(
        request
            .extra
            .iter()
            .any(|(name, _)| name == "generationConfig.imageConfig")
    );
    assert_eq!(whole(&request, OLD), body);
}

#[test]
fn a_schema_of_googles_own_becomes_json_schema() {
    let request = decoded(&json!({
        "contents": "Hi",
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {
            "type": "OBJECT",
            "properties": {
                "b": {"type": "STRING", "nullable": true, "format": "enum", "enum": ["x"]},
                "a": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
                "nullable": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": true}},
            "propertyOrdering": ["a", "b"], "required": ["a"]}}]}],
    }));
    let Tool::Function(Function {
        schema: Some(schema),
        ..
    }) = &request.tools[0]
    else {
        panic!("{:?}", request.tools);
    };
    assert_eq!(
        schema.get(),
        json!({
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
                "b": {"type": ["string", "null"], "enum": ["x", null]},
                "nullable": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]}},
            "required": ["a"]
        })
        .to_string()
    );
}

#[test]
fn a_functions_answer_is_a_text_for_others_and_an_object_for_google() {
    for (response, text, error) in [
        (json!({"output": "fine"}), "fine", false),
        (json!({"error": "no"}), "no", true),
        (
            json!({"temperature": 21, "unit": "C"}),
            r#"{"temperature":21,"unit":"C"}"#,
            false,
        ),
        (json!({"output": 5}), r#"{"output":5}"#, false),
        (json!({}), "{}", false),
        (json!({"error": {"code": 1}}), r#"{"code":1}"#, true),
    ] {
        let body = json!({"contents": [
            {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "f", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "c", "name": "f", "response": response}}]}]});
        let request = decoded(&body);
        let Content::ToolResult {
            content, is_error, ..
        } = &request.messages[1].parts[0].content
        else {
            panic!("no result");
        };
        assert_eq!((content[0].clone(), *is_error), (Part::text(text), error));
        assert_eq!(whole(&request, OLD), body);
    }
    // What Google's SDKs call it.
    let parts = user(json!([{"functionResponse": {"name": "f", "response": {"result": "x"}}}]));
    let Content::ToolResult { content, .. } = &parts[0].content else {
        panic!()
    };
    assert_eq!(content[0], Part::text("x"));
}

#[test]
fn calls_without_ids_get_the_same_ids_each_time_and_their_results_find_them() {
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "Go"}]},
        {"role": "model", "parts": [
            {"functionCall": {"name": "f", "args": {"n": 1}}},
            {"functionCall": {"name": "g"}},
            {"functionCall": {"name": "f", "args": {"n": 2}}}]},
        {"role": "function", "parts": [
            {"functionResponse": {"name": "g", "response": {"output": "g"}}},
            {"functionResponse": {"name": "f", "response": {"output": "1"}}},
            {"functionResponse": {"name": "f", "response": {"output": "2"}}},
            {"text": "go on"}]}]});
    let request = decoded(&body);
    assert_eq!(request, decoded(&body));
    let ids = |n: usize| -> Vec<String> {
        let parts = request.messages[n].parts.iter();
        let ids = parts.filter_map(|part| match &part.content {
            Content::ToolCall { id, .. } | Content::ToolResult { id, .. } => Some(id.clone()),
            _ => None,
        });
        ids.collect()
    };
    assert_eq!(ids(1), ["call_1_0", "call_1_1", "call_1_2"]);
    assert_eq!(ids(2), ["call_1_1", "call_1_0", "call_1_2"]);
    let roles: Vec<_> = request.messages.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::User]);
}

#[test]
fn signatures_survive_sdks_that_write_another_alphabet_and_go_back_in_ours() {
    let body = |call: &str, text: &str, thought: &str, code: &str| {
        json!({"contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [
                {"text": "hm", "thought": true, "thoughtSignature": thought},
                {"text": "Hello", "thoughtSignature": text},
                {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": call},
                {"text": "", "thoughtSignature": text},
                {"executableCode": {"code": "1"}, "thoughtSignature": code}]}]})
    };
    let ours = body("a+/=", "b+/=", "c+/=", "d+/=");
    let theirs = body("a-_=", "b-_=", "c-_=", "d-_=");
    let request = decoded(&theirs);
    assert_eq!(request, decoded(&ours));
    let signature = request.messages[1].parts[2].signature.as_ref().unwrap();
    assert_eq!(
        signature,
        &Signature::new(Origin::Gemini, Place::Call, "a+/=")
    );
    assert_eq!(whole(&request, NEW), ours);
}

#[test]
fn reasoning_of_another_provider_is_put_together_again_and_kept_from_google() {
    let sealed = Signature::new(Origin::Anthropic, Place::Thinking, "sig/+");
    let redacted = Signature::new(Origin::Anthropic, Place::Redacted, "blob");
    let text = sealed
        .for_client(Origin::Gemini, Place::Thinking)
        .replace('+', "-");
    let request = decoded(&json!({"contents": [
        {"role": "model", "parts": [{"text": "let me ", "thought": true}]},
        {"role": "model", "parts": [{"text": "think", "thought": true}]},
        {"role": "model", "parts": [{"text": "", "thought": true, "thoughtSignature": text}]},
        {"role": "model", "parts": [{"text": "", "thought": true,
            "thoughtSignature": redacted.for_client(Origin::Gemini, Place::Redacted)}]},
        {"role": "model", "parts": [{"text": "Hel"}]},
        {"role": "model", "parts": [{"text": "lo"}]},
        {"role": "model", "parts": [{"text": ""}]}]}));
    let thinking = Content::Thinking {
        text: "let me think".into(),
        id: None,
    };
    assert_eq!(
        request.messages,
        [message(
            Role::Assistant,
            vec![
                Part::new(thinking).signed(Some(sealed)),
                Part::new(Content::RedactedThinking).signed(Some(redacted)),
                Part::text("Hello"),
            ]
        )]
    );
    let (body, losses) = encoded(&request, NEW);
    assert_eq!(
        body,
        json!({"contents": [{"role": "model", "parts": [{"text": "Hello"}]}]})
    );
    let all: Vec<_> = losses
        .all()
        .iter()
        .map(|l| (l.what.as_str(), l.hint))
        .collect();
    assert_eq!(all, [("reasoning of another provider", true)]);
}

#[test]
fn a_signature_carried_before_its_call_goes_onto_the_call() {
    let signature = Signature::new(Origin::Gemini, Place::Call, "abc=");
    let carried = Part::new(Content::RedactedThinking).signed(Some(signature.clone()));
    let empty = Content::Thinking {
        text: String::new(),
        id: None,
    };
    let thinking = Part::new(empty).signed(Some(signature));
    for carrier in [carried, thinking] {
        let request = asks(vec![message(
            Role::Assistant,
            vec![carrier, calls("c", "f")],
        )]);
        assert_eq!(
            whole(&request, NEW)["contents"][0]["parts"],
            json!([{"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "abc="}])
        );
    }
}

#[test]
fn the_first_call_of_each_step_is_signed_for_gemini_3_only() {
    let request = asks(vec![
        says(Role::User, "Go"),
        message(Role::Assistant, vec![calls("a", "f"), calls("b", "f")]),
        message(
            Role::Tool,
            vec![result("a", vec![], false), result("b", vec![], false)],
        ),
        message(Role::Assistant, vec![calls("c", "f")]),
    ]);
    let signed = |model: &str| -> Vec<bool> {
        let body = whole(&request, model);
        let contents = body["contents"].as_array().unwrap().clone();
        let parts = contents
            .iter()
            .flat_map(|c| c["parts"].as_array().unwrap().clone());
        let calls = parts.filter(|p| p.get("functionCall").is_some());
        calls
            .map(|p| p["thoughtSignature"] == "skip_thought_signature_validator")
            .collect()
    };
    assert_eq!(signed(NEW), [true, false, true]);
    assert_eq!(signed("models/gemini-4-hydrogen"), [true, false, true]);
    assert_eq!(signed(OLD), [false, false, false]);
}

#[test]
fn results_are_the_users_with_the_names_of_their_calls() {
    let request = asks(vec![
        says(Role::System, "One."),
        says(Role::Developer, "Two."),
        says(Role::User, "Go"),
        message(Role::Assistant, vec![calls("a", "f"), calls("b", "g")]),
        message(
            Role::Tool,
            vec![result("a", vec![Part::text("x"), Part::text("y")], false)],
        ),
        message(
            Role::Tool,
            vec![result(
                "b",
                vec![
                    Part::text("bad"),
                    image(Source::Base64("iVBORw0KGgo=".into())),
                ],
                true,
            )],
        ),
        says(Role::User, "And?"),
    ]);
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}});
    let first =
        json!({"functionResponse": {"id": "a", "name": "f", "response": {"output": "x\ny"}}});
    let body = whole(&request, OLD);
    assert_eq!(
        body["systemInstruction"],
        json!({"parts": [{"text": "One."}, {"text": "Two."}]})
    );
    assert_eq!(
        body["contents"][2],
        json!({"role": "user", "parts": [
            first,
            {"functionResponse": {"id": "b", "name": "g", "response": {"error": "bad"}}},
            picture,
            {"text": "And?"}]})
    );
    assert_eq!(
        whole(&request, NEW)["contents"][2],
        json!({"role": "user", "parts": [
            first,
            {"functionResponse": {"id": "b", "name": "g", "response": {"error": "bad"},
                "parts": [picture]}},
            {"text": "And?"}]})
    );
}

#[test]
fn media_stand_inline_or_by_address_with_their_type() {
    let media = |kind, mime: Option<&str>, source| {
        Part::new(Content::Media(Media::new(
            kind,
            mime.map(Into::into),
            source,
        )))
    };
    let url = |url: &str| Source::Url(url.into());
    let file = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    let request = asks(vec![message(
        Role::User,
        vec![
            image(url("https://x.example/a.webp?x=1.gif")),
            image(url("data:image/gif;base64,R0lG")),
            media(
                MediaKind::Audio,
                Some("audio/wav"),
                Source::Base64("AAAA".into()),
            ),
            media(MediaKind::Document, None, Source::Base64("JVBERi0=".into())),
            media(MediaKind::Document, None, Source::Text("hi".into())),
            media(
                MediaKind::Document,
                Some("application/pdf"),
                Source::File(file.into()),
            ),
        ],
    )]);
    let body = whole(&request, OLD);
    assert_eq!(
        body["contents"][0]["parts"],
        json!([
            {"fileData": {"fileUri": "https://x.example/a.webp?x=1.gif", "mimeType": "image/webp"}},
            {"inlineData": {"mimeType": "image/gif", "data": "R0lG"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
            {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
            {"fileData": {"fileUri": file, "mimeType": "application/pdf"}},
        ])
    );
    let back = decoded(&body);
    let last = back.messages[0].parts.last().unwrap();
    assert!(matches!(&last.content, Content::Media(m) if m.source == Source::File(file.into())));
    for source in [url("s3://b/k"), Source::File("file-abc".into())] {
        let (body, losses) = encoded(&asks(vec![message(Role::User, vec![image(source)])]), OLD);
        assert_eq!(losses.fatal().unwrap().what, "messages[0].content[0]");
        assert_eq!(body["contents"], json!([]));
    }
}

#[test]
fn a_part_with_what_only_google_knows_stays_as_it_is() {
    for part in [
        json!({"executableCode": {"language": "PYTHON", "code": "1"}}),
        json!({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
        json!({"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"},
               "videoMetadata": {"fps": 1}}),
        json!({"functionResponse": {"name": "f", "response": {}, "scheduling": "SILENT"}}),
        json!({"inlineData": {"mimeType": "image/png", "data": "AA=="},
               "mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}}),
    ] {
        let body = json!({"contents": [{"role": "user", "parts": [part]}]});
        let request = decoded(&body);
        let found = &request.messages[0].parts[0].content;
        assert!(
            matches!(
                found,
                Content::Foreign {
                    origin: Origin::Gemini,
                    ..
                }
            ),
            "{found:?}"
        );
        assert_eq!(whole(&request, NEW), body);
    }
    let foreign = Part::new(Content::Foreign {
        origin: Origin::Anthropic,
        json: Json::parse("{}").unwrap(),
    });
    let (_, losses) = encoded(&asks(vec![message(Role::User, vec![foreign])]), OLD);
    assert!(losses.fatal().is_some());
}

#[test]
fn tools_that_run_at_google_stand_beside_functions() {
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "tools": [
            {"googleSearch": {}},
            {"functionDeclarations": [
                {"name": "f", "description": "F", "response": {"type": "STRING"}, "behavior": "BLOCKING"}]},
            {"fileSearch": {"fileSearchStoreNames": ["s"]}}],
        "toolConfig": {"includeServerSideToolInvocations": true},
    });
    let request = decoded(&body);
    assert_eq!(request.tools.len(), 3);
    assert_eq!(whole(&request, NEW), body);
    let hosted = Tool::Hosted {
        origin: Origin::OpenAi,
        name: "web_search".into(),
        json: Json::default(),
    };
    let request = ChatRequest {
        tools: vec![hosted],
        ..asks(vec![says(Role::User, "Hi")])
    };
    let (body, losses) = encoded(&request, NEW);
    assert_eq!(losses.fatal().unwrap().what, "tools[0] (web_search)");
    assert!(body.get("tools").is_none());
}

#[test]
fn every_tool_choice_has_a_mode() {
    let among = |required, names: &[&str]| ToolChoice::Among {
        required,
        names: names.iter().map(|n| (*n).to_owned()).collect(),
    };
    for (choice, config) in [
        (ToolChoice::Auto, json!({"mode": "AUTO"})),
        (ToolChoice::None, json!({"mode": "NONE"})),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (
            ToolChoice::Function("f".into()),
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ),
        (
            among(true, &["f", "g"]),
            json!({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        ),
        (
            among(false, &["f"]),
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        ),
    ] {
        let request = ChatRequest {
            tool_choice: Some(choice),
            ..asks(vec![says(Role::User, "Hi")])
        };
        let body = whole(&request, OLD);
        assert_eq!(body["toolConfig"], json!({"functionCallingConfig": config}));
        assert_eq!(decoded(&body), request);
    }
}

#[test]
fn structured_output_is_json_with_a_schema() {
    let schema = Json::parse(r#"{"type":"object"}"#).unwrap();
    let output = OutputFormat::Schema {
        name: Some("n".into()),
        description: Some("what for".into()),
        schema,
        strict: Some(true),
    };
    let request = |output| ChatRequest {
        output,
        ..asks(vec![says(Role::User, "Hi")])
    };
    assert_eq!(
        whole(&request(Some(output)), OLD)["generationConfig"],
        json!({"responseMimeType": "application/json",
               "responseJsonSchema": {"type": "object", "description": "what for"}})
    );
    let plain = request(Some(OutputFormat::Json));
    let body = whole(&plain, OLD);
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType": "application/json"})
    );
    assert_eq!(decoded(&body).output, Some(OutputFormat::Json));
    // Enums as plain text: a wish that only Google can fulfil.
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"responseMimeType": "text/x.enum",
            "responseJsonSchema": {"type": "string", "enum": ["a"]}}});
    assert_eq!(decoded(&body).output, None);
    assert_eq!(whole(&decoded(&body), OLD), body);
}

#[test]
fn reasoning_is_a_budget_up_to_2_5_and_a_level_since_3() {
    let config = |reasoning: Reasoning, model: &str| {
        let request = ChatRequest {
            reasoning: Some(reasoning),
            ..asks(vec![says(Role::User, "Hi")])
        };
        let (body, losses) = encoded(&request, model);
        (
            body["generationConfig"]["thinkingConfig"].clone(),
            losses.all().len(),
        )
    };
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let claude = Reasoning {
        enabled: Some(true),
        budget: Some(2000),
        ..Reasoning::default()
    };
    let off = Reasoning {
        enabled: Some(false),
        ..Reasoning::default()
    };
    let pro = "gemini-2.5-pro";
    for (reasoning, model, expected, losses) in [
        (effort(Effort::Low), OLD, json!({"thinkingBudget": 1024}), 0),
        (
            effort(Effort::Max),
            OLD,
            json!({"thinkingBudget": 24_576}),
            0,
        ),
        (effort(Effort::None), OLD, json!({"thinkingBudget": 0}), 0),
        (
            claude.clone(),
            OLD,
            json!({"thinkingBudget": 2000, "includeThoughts": true}),
            0,
        ),
        (off.clone(), pro, json!({"thinkingBudget": 128}), 1),
        (
            effort(Effort::Minimal),
            NEW,
            json!({"thinkingLevel": "MINIMAL"}),
            0,
        ),
        (
            effort(Effort::Minimal),
            "gemini-3.1-pro",
            json!({"thinkingLevel": "LOW"}),
            0,
        ),
        (
            effort(Effort::Medium),
            "gemini-3-pro-preview",
            json!({"thinkingLevel": "HIGH"}),
            0,
        ),
        (
            effort(Effort::Xhigh),
            NEW,
            json!({"thinkingLevel": "HIGH"}),
            0,
        ),
        (
            claude,
            NEW,
            json!({"thinkingLevel": "MEDIUM", "includeThoughts": true}),
            0,
        ),
        (off, NEW, json!({"thinkingLevel": "MINIMAL"}), 1),
    ] {
        assert_eq!(
            config(reasoning.clone(), model),
            (expected, losses),
            "{reasoning:?} {model}"
        );
    }
    for level in ["MINIMAL", "LOW", "MEDIUM", "HIGH"] {
        let body = json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": {"thinkingConfig": {"thinkingLevel": level}}});
        assert_eq!(whole(&decoded(&body), NEW), body);
    }
}

#[test]
fn the_catalogue_knows_better_than_the_name() {
    let known = |reasoning| Model {
        reasoning: Some(reasoning),
        ..Model::default()
    };
    let request = ChatRequest {
        reasoning: Some(Reasoning {
            effort: Some(Effort::Low),
            ..Reasoning::default()
        }),
        ..asks(vec![says(Role::User, "Hi")])
    };
    let write = |model: &Model| {
        let target = Target {
            model: "tuned",
            known: Some(model),
            asks_stream_usage: false,
            vendor: "",
        };
        let mut losses = Losses::default();
        let body = ProviderCodec::request(&GeminiGenerate, &request, &target, &mut losses);
        let body: Value = serde_json::from_slice(&body).unwrap();
        (
            body["generationConfig"]["thinkingConfig"].clone(),
            losses.fatal().is_some(),
        )
    };
    assert_eq!(
        write(&known(ReasoningControl::Effort)),
        (json!({"thinkingLevel": "LOW"}), false)
    );
    assert_eq!(
        write(&known(ReasoningControl::Budget)),
        (json!({"thinkingBudget": 1024}), false)
    );
    assert_eq!(write(&known(ReasoningControl::None)), (Value::Null, true));
}

#[test]
fn what_gemini_cannot_do_is_said() {
    let request = ChatRequest {
        messages: vec![
            says(Role::User, "Hi"),
            says(Role::System, "Now in French."),
            Message {
                name: Some("ann".into()),
                ..says(Role::User, "Hi")
            },
            message(
                Role::Assistant,
                vec![Part::new(Content::Text {
                    text: "x".into(),
                    citations: vec![Citation::default()],
                })],
            ),
            message(
                Role::User,
                vec![Part::text("x").cached(Some(CacheMark::default()))],
            ),
        ],
        tools: vec![Tool::Function(Function {
            name: "f".into(),
            strict: Some(true),
            ..Function::default()
        })],
        parallel_tool_calls: Some(false),
        stop: (0..6).map(|n| n.to_string()).collect(),
        seed: Some(1 << 40),
        user: Some("u".into()),
        metadata: vec![("k".into(), "v".into())],
        service_tier: Some("scale".into()),
        extra: [
            ("logit_bias", r#"{"5":-100}"#),
            ("store", "true"),
            ("stream_options", r#"{"include_usage":true}"#),
            ("prediction", "null"),
            ("top_logprobs", "0"),
        ]
        .map(|(name, json)| (name.to_owned(), Json::parse(json).unwrap()))
        .to_vec(),
        ..ChatRequest::default()
    };
    let (body, losses) = encoded(&request, OLD);
    let told = |hint| -> Vec<&str> {
        let all = losses.all().iter().filter(|loss| loss.hint == hint);
        all.map(|loss| loss.what.as_str()).collect()
    };
    assert_eq!(
        told(false),
        ["parallel_tool_calls", "stop", "seed", "logit_bias"]
    );
    assert_eq!(
        told(true),
        [
            "messages[1].role",
            "messages[2].name",
            "messages[3].content[0].annotations",
            "cache_control",
            "tools.strict",
            "service_tier",
            "user",
            "metadata",
            "store"
        ]
    );
    // A prompt in the middle stays where it was.
    assert_eq!(body["contents"][0]["parts"][1]["text"], "Now in French.");
}

#[test]
fn a_prompt_alone_is_the_turn() {
    let body = encoded(&asks(vec![says(Role::System, "Say hi.")]), OLD).0;
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]})
    );
}

#[test]
fn a_request_that_makes_no_sense_is_refused_with_its_member() {
    for (body, param) in [
        (json!({}), Some("contents")),
        (json!({"contents": 5}), Some("contents")),
        (json!({"contents": [5]}), Some("contents")),
        (
            json!({"contents": [{"role": "robot"}]}),
            Some("contents.role"),
        ),
        (
            json!({"contents": [], "generationConfig": {"temperature": "hot"}}),
            Some("temperature"),
        ),
        (
            json!({"contents": [], "generationConfig": {"topK": -1}}),
            Some("topK"),
        ),
        (json!({"contents": [], "tools": {}}), Some("tools")),
        (
            json!({"contents": [], "tools": [{"functionDeclarations": [{}]}]}),
            Some("tools"),
        ),
        (json!([]), None),
    ] {
        let text = body.to_string();
        let failure =
            ClientCodec::request(&GeminiGenerate, &call(false), text.as_bytes()).unwrap_err();
        assert_eq!(
            (failure.kind.status(), failure.param.as_deref()),
            (400, param),
            "{text}"
        );
    }
    let request = ClientCodec::request(&GeminiGenerate, &call(true), br#"{"contents":[]}"#);
    assert!(request.unwrap().stream);
}
