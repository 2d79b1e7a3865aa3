//! Tests of counting.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::*;
use crate::protocol::{
    chat::{
        ChatAnswer, Function, Json, Media, MediaKind, Message, Part, ProviderError, Role, Source,
        Tool,
    },
    codec::{Asked, DecodeStream, EncodeStream},
    event::Event,
};

/// A codec whose requests are always the same, or which shows what it was given to read as the user's id.
struct Fixed(Value);

impl ProviderCodec for Fixed {
    fn request(&self, _: &ChatRequest, _: &Target<'_>, _: &mut Losses) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    fn answer(&self, _: &[u8]) -> Result<ChatAnswer, NotUnderstood> {
        Err(NotUnderstood("no answers here"))
    }

    fn stream(&self) -> Box<dyn DecodeStream> {
        Box::new(Silent)
    }

    fn error(&self, _: u16, _: &[u8]) -> ProviderError {
        ProviderError::default()
    }
}

impl ClientCodec for Fixed {
    fn request(&self, _: &Call, body: &[u8]) -> Result<ChatRequest, Failure> {
        Ok(ChatRequest {
            user: Some(String::from_utf8(body.to_vec()).unwrap()),
            max_tokens: Some(1),
            ..ChatRequest::default()
        })
    }

    fn answer(&self, _: &ChatAnswer, _: &Asked) -> Vec<u8> {
        Vec::new()
    }

    fn stream(&self, _: &Asked) -> Box<dyn EncodeStream> {
        Box::new(Silent)
    }
}

struct Silent;

impl DecodeStream for Silent {
    fn frame(&mut self, _: &[u8], _: &[u8], _: &mut Vec<Event>) {}

    fn finish(&mut self, _: &mut Vec<Event>) {}
}

impl EncodeStream for Silent {
    fn event(&mut self, _: &Event, _: &mut BytesMut) {}
}

fn asked(operation: Operation, body: &str) -> ChatRequest {
    let call = Call {
        operation,
        model: None,
        version: "v1",
    };
    super::read(&Fixed(json!({})), &call, body.as_bytes()).unwrap()
}

#[test]
fn anthropics_count_needs_no_max_tokens() {
    let request = asked(Operation::MessagesCountTokens, r#" {"messages":[]}"#);
    assert_eq!(
        request.user.as_deref(),
        Some(r#"{"max_tokens":1,"messages":[]}"#)
    );
    assert_eq!(request.max_tokens, None);
    let said = asked(Operation::MessagesCountTokens, r#"{"max_tokens":9}"#);
    assert_eq!(said.user.as_deref(), Some(r#"{"max_tokens":9}"#));
    let call = Call {
        operation: Operation::MessagesCountTokens,
        model: None,
        version: "v1",
    };
    let failure = super::read(&Fixed(json!({})), &call, b"{").unwrap_err();
    assert_eq!(failure.kind, Kind::BadRequest);
}

#[test]
fn geminis_count_has_contents_or_a_whole_request() {
    let contents = r#"{"contents":[]}"#;
    let whole = format!(r#"{{"generateContentRequest": {contents}}}"#);
    for body in [contents, &whole] {
        let request = asked(Operation::CountTokens, body);
        assert_eq!(request.user.as_deref(), Some(contents));
    }
}

fn wrote(counter: Counter, chat: Value, model: &str) -> (Value, Vec<String>) {
    let target = Target {
        model,
        known: None,
        asks_stream_usage: false,
        vendor: "",
    };
    let mut losses = Losses::default();
    let body = counter.write(&Fixed(chat), &ChatRequest::default(), &target, &mut losses);
    let lost = losses.all().iter().map(|loss| loss.what.clone()).collect();
    (serde_json::from_slice(&body).unwrap(), lost)
}

#[test]
fn a_provider_gets_the_chat_without_what_its_count_refuses() {
    assert_eq!(
        wrote(
            Counter::Anthropic,
            json!({"model": "m", "max_tokens": 1, "messages": [], "system": "s", "stream": true, "container": "c"}),
            "m"
        ),
        (
            json!({"model": "m", "messages": [], "system": "s"}),
            vec!["container".into()]
        )
    );
    let gemini = json!({"contents": [], "tools": [], "cachedContent": "c", "safetySettings": []});
    assert_eq!(
        wrote(Counter::Vertex, gemini.clone(), "m"),
        (
            json!({"contents": [], "tools": []}),
            vec!["cachedContent".into()]
        )
    );
    let mut whole = gemini.clone();
    whole["model"] = json!("models/m");
    assert_eq!(
        wrote(Counter::Gemini, gemini, "m"),
        (json!({"generateContentRequest": whole}), vec![])
    );
    assert_eq!(
        wrote(Counter::Gemini, json!({}), "tunedModels/t"),
        (
            json!({"generateContentRequest": {"model": "tunedModels/t"}}),
            vec![]
        )
    );
    assert_eq!(
        wrote(
            Counter::Bedrock,
            json!({"messages": [], "inferenceConfig": {"maxTokens": 1}, "toolConfig": {}}),
            "m"
        ),
        (
            json!({"input": {"converse": {"messages": [], "toolConfig": {}}}}),
            vec![]
        )
    );
}

#[test]
fn answers_are_read_and_written_in_every_form() {
    for (counter, body, tokens) in [
        (Counter::Anthropic, r#"{"input_tokens":7}"#, Some(7)),
        (
            Counter::Gemini,
            r#"{"totalTokens":7,"promptTokensDetails":[]}"#,
            Some(7),
        ),
        (
            Counter::Vertex,
            r#"{"totalTokens":7,"totalBillableCharacters":9}"#,
            Some(7),
        ),
        (Counter::Bedrock, r#"{"inputTokens":7}"#, Some(7)),
        (Counter::Anthropic, r#"{"totalTokens":7}"#, None),
        (Counter::Gemini, r#"{"totalTokens":-7}"#, None),
        (Counter::Bedrock, "", None),
    ] {
        let count = counter.read(body.as_bytes());
        assert_eq!(count.ok().map(|count| count.tokens), tokens, "{body}");
    }
    let count = Count {
        tokens: 5,
        cached: Some(2),
        estimated: false,
    };
    let estimated = Count {
        estimated: true,
        cached: None,
        ..count
    };
    let text = |operation, count| String::from_utf8(super::write(operation, count)).unwrap();
    let (anthropic, gemini) = (Operation::MessagesCountTokens, Operation::CountTokens);
    assert_eq!(text(anthropic, &count), r#"{"input_tokens":5}"#);
    assert_eq!(
        text(anthropic, &estimated),
        r#"{"input_tokens":5,"estimated":true}"#
    );
    assert_eq!(
        text(gemini, &count),
        r#"{"totalTokens":5,"cachedContentTokenCount":2}"#
    );
    assert_eq!(
        text(gemini, &estimated),
        r#"{"totalTokens":5,"estimated":true}"#
    );
}

#[test]
fn recorded_answers_are_understood() {
    for (wire, counter) in [
        ("anthropic.count_tokens", Counter::Anthropic),
        ("gemini.count_tokens", Counter::Gemini),
        ("bedrock.count-tokens", Counter::Bedrock),
    ] {
        let path = format!(
            "{}/../shared/cassettes/{wire}.jsonl",
            env!("CARGO_MANIFEST_DIR")
        );
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: no recordings at {path}");
            continue;
        };
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let (request, answer) = (&record["request"]["body"], &record["response"]["body"]);
            let tokens = counter.read(answer.to_string().as_bytes()).unwrap().tokens;
            let stated = answer.as_object().unwrap().values().find_map(Value::as_u64);
            assert_eq!(Some(tokens), stated);
            // What the recorded clients sent is what is written for such a chat.
            let chat = match counter {
                Counter::Bedrock => request["input"]["converse"].clone(),
                _ => request.clone(),
            };
            let (wrote, lost) = wrote(counter, chat.clone(), "m");
            assert_eq!(lost, [""; 0]);
            match counter {
                Counter::Gemini => {
                    assert_eq!(
                        wrote["generateContentRequest"]["contents"],
                        chat["contents"]
                    );
                }
                _ => assert_eq!(wrote, *request),
            }
        }
    }
}

fn said(parts: Vec<Part>) -> ChatRequest {
    ChatRequest {
        messages: vec![Message {
            role: Role::User,
            name: None,
            parts,
        }],
        ..ChatRequest::default()
    }
}

#[test]
fn a_prompt_counts_as_in_openais_cookbook() {
    let mut request = said(vec![Part::text("hello world")]);
    for model in ["gpt-4o", "openai/gpt-4", "claude-sonnet-4-5"] {
        assert_eq!(estimate(&request, model), 3 + 3 + 2, "{model}");
    }
    request.messages[0].name = Some("Bob".into());
    assert_eq!(estimate(&request, "gpt-4o"), 3 + 3 + 2 + 1 + 1);
    // A word that the two tokenizers cut in different ways.
    let japanese = said(vec![Part::text("こんにちは世界")]);
    assert!(estimate(&japanese, "gpt-4") > estimate(&japanese, "gpt-4.1"));
}

#[test]
fn tools_and_media_count() {
    let bare = estimate(&said(vec![]), "m");
    let mut tools = said(vec![]);
    tools.tools.push(Tool::Function(Function {
        name: "weather".into(),
        schema: Some(Json::parse(r#"{"type":"object"}"#).unwrap()),
        ..Function::default()
    }));
    assert!(estimate(&tools, "m") > bare + 2);
    let media = |kind, source, detail: Option<&str>| {
        let mut media = Media::new(kind, None, source);
        media.detail = detail.map(str::to_owned);
        let part = Part::new(crate::protocol::chat::Content::Media(media));
        estimate(&said(vec![part]), "m") - bare
    };
    let data = |length| Source::Base64("A".repeat(length));
    assert_eq!(media(MediaKind::Image, data(4), None), 765);
    assert_eq!(media(MediaKind::Image, data(4), Some("low")), 85);
    assert_eq!(media(MediaKind::Document, data(4 << 16), None), 258 * 3);
    assert_eq!(media(MediaKind::Audio, data(4000), None), 6);
    assert_eq!(media(MediaKind::Video, Source::Url("u".into()), None), 765);
    assert_eq!(
        media(
            MediaKind::Document,
            Source::Text("hello world".into()),
            None
        ),
        2
    );
}

#[test]
fn a_long_text_is_estimated_from_samples() {
    let sentence = "The quick brown fox jumps over the lazy dog. ";
    let exact = estimate(&said(vec![Part::text(sentence.repeat(10_000))]), "m");
    let long = said(vec![
        Part::text(sentence.repeat(100_000)),
        Part::text("é".repeat(9)),
    ]);
    let ratio = estimate(&long, "m") as f64 / exact as f64;
    assert!((9.5..10.5).contains(&ratio), "{ratio}");
}

#[test]
fn runs_without_an_end_do_not_break_the_tokenizer() {
    for run in ["a", " ", "é", "漢", "\n", "👍"] {
        let text = run.repeat(100_000);
        let tokens = estimate(&said(vec![Part::text(text)]), "m");
        assert!((100..400_000).contains(&tokens), "{run}: {tokens}");
    }
}
