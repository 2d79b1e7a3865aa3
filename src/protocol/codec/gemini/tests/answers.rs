//! Whole answers and errors, feature by feature.

use serde_json::{Value, json};

use super::support::{answer, answer_json};
use crate::protocol::{
    chat::{
        ChatAnswer, Choice, Citation, Content, Ending, Finish, Media, MediaKind, Origin, Part,
        Source, TokenLogprob, TokenUsage,
    },
    codec::{ProviderCodec, gemini::GeminiGenerate},
    signature::{Place, Signature},
};

fn says(parts: Value, finish: &str) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish}],
        "modelVersion": "gemini-x", "responseId": "r1"})
}

fn parts(body: &Value) -> Vec<Part> {
    answer(body).choices.remove(0).parts
}

fn of(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        choices: vec![Choice {
            parts,
            ending: Ending {
                finish,
                ..Ending::default()
            },
            ..Choice::default()
        }],
        ..ChatAnswer::default()
    }
}

#[test]
fn every_finish_reason_has_a_sense_and_its_own_word_again() {
    for (word, finish) in [
        ("STOP", Finish::Stop),
        ("MAX_TOKENS", Finish::Length),
        ("CONTINUATION", Finish::Length),
        ("SAFETY", Finish::ContentFilter),
        ("RECITATION", Finish::ContentFilter),
        ("BLOCKLIST", Finish::ContentFilter),
        ("PROHIBITED_CONTENT", Finish::ContentFilter),
        ("SPII", Finish::ContentFilter),
        ("IMAGE_SAFETY", Finish::ContentFilter),
        ("IMAGE_PROHIBITED_CONTENT", Finish::ContentFilter),
        ("IMAGE_RECITATION", Finish::ContentFilter),
        ("MODEL_ARMOR", Finish::ContentFilter),
        ("ESCALATION", Finish::ContentFilter),
        ("MALFORMED_FUNCTION_CALL", Finish::MalformedCall),
        ("UNEXPECTED_TOOL_CALL", Finish::MalformedCall),
        ("LANGUAGE", Finish::Other),
        ("OTHER", Finish::Other),
        ("IMAGE_OTHER", Finish::Other),
        ("NO_IMAGE", Finish::Other),
        ("TOO_MANY_TOOL_CALLS", Finish::Other),
        ("MISSING_THOUGHT_SIGNATURE", Finish::Other),
        ("MALFORMED_RESPONSE", Finish::Other),
        ("PUP_LIMITED_DISABLED", Finish::Other),
    ] {
        let read = answer(&says(json!([{"text": "x"}]), word));
        assert_eq!(read.choices[0].ending, Ending::new(finish, word));
        assert_eq!(answer_json(&read)["candidates"][0]["finishReason"], word);
    }
    let new = answer(&says(json!([{"text": "x"}]), "SOMETHING_NEW"));
    assert_eq!(new.choices[0].ending.finish, Finish::Other);
    assert_eq!(answer_json(&new)["candidates"][0]["finishReason"], "OTHER");
}

#[test]
fn the_endings_of_others_have_a_reason() {
    for (finish, word, told) in [
        (Finish::Stop, "end_turn", "STOP"),
        (Finish::StopSequence, "stop_sequence", "STOP"),
        (Finish::ToolCalls, "tool_use", "STOP"),
        (Finish::Pause, "pause_turn", "STOP"),
        (Finish::Length, "max_tokens", "MAX_TOKENS"),
        (
            Finish::ContextWindow,
            "model_context_window_exceeded",
            "MAX_TOKENS",
        ),
        (Finish::ContentFilter, "content_filter", "SAFETY"),
        (Finish::Refusal, "refusal", "SAFETY"),
        (Finish::MalformedCall, "", "MALFORMED_FUNCTION_CALL"),
        (Finish::Other, "what", "OTHER"),
    ] {
        let mut one = of(vec![Part::text("x")], finish);
        one.choices[0].ending = Ending::new(finish, word);
        assert_eq!(answer_json(&one)["candidates"][0]["finishReason"], told);
    }
}

#[test]
fn a_stop_with_calls_means_that_tools_are_to_be_called() {
    let body = says(
        json!([
            {"functionCall": {"name": "f", "args": {"a": "b c"}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"id": "x", "name": "g"}}]),
        "STOP",
    );
    let read = answer(&body);
    assert_eq!(read.choices[0].ending.finish, Finish::ToolCalls);
    let Content::ToolCall {
        id,
        name,
        arguments,
    } = &read.choices[0].parts[0].content
    else {
        panic!();
    };
    assert!(id.starts_with("call_") && id.len() > 20, "{id}");
    assert_eq!((name.as_str(), arguments.as_str()), ("f", r#"{"a":"b c"}"#));
    let signature = Signature::new(Origin::Gemini, Place::Call, "c2ln");
    assert_eq!(read.choices[0].parts[0].signature, Some(signature));
    let told = answer_json(&read);
    assert_eq!(told["candidates"][0]["finishReason"], "STOP");
    assert_eq!(
        told["candidates"][0]["content"]["parts"][1],
        json!({"functionCall": {"id": "x", "name": "g", "args": {}}})
    );
    let cut = answer(&says(
        json!([{"functionCall": {"name": "f"}}]),
        "MAX_TOKENS",
    ));
    assert_eq!(cut.choices[0].ending.finish, Finish::Length);
}

#[test]
fn arguments_that_are_no_object_are_told_in_one() {
    for (arguments, told) in [
        ("", json!({})),
        (" ", json!({})),
        ("[1]", json!({"arguments": "[1]"})),
        ("{\"a\":", json!({"arguments": "{\"a\":"})),
    ] {
        let call = Part::new(Content::ToolCall {
            id: "a".into(),
            name: "f".into(),
            arguments: arguments.into(),
        });
        let body = answer_json(&of(vec![call], Finish::ToolCalls));
        assert_eq!(
            body["candidates"][0]["content"]["parts"][0]["functionCall"]["args"],
            told
        );
    }
}

#[test]
fn a_signature_alone_is_a_part() {
    let read = parts(&says(
        json!([
            {"text": "A"}, {"text": "B"}, {"text": ""},
            {"text": "", "thoughtSignature": "YQ=="},
            {"thoughtSignature": "Yg=="},
            {"thought": true, "thoughtSignature": "Yw=="}]),
        "STOP",
    ));
    let signed = |place, value: &str| Some(Signature::new(Origin::Gemini, place, value));
    let empty = Content::Thinking {
        text: String::new(),
        id: None,
    };
    assert_eq!(
        read,
        [
            Part::text("AB"),
            Part::text("").signed(signed(Place::Text, "YQ==")),
            Part::text("").signed(signed(Place::Text, "Yg==")),
            Part::new(empty).signed(signed(Place::Thinking, "Yw==")),
        ]
    );
}

#[test]
fn signatures_of_others_are_sealed_in_base64() {
    let thinking = Content::Thinking {
        text: "hm".into(),
        id: None,
    };
    let anthropic = |place, value: &str| Some(Signature::new(Origin::Anthropic, place, value));
    let body = answer_json(&of(
        vec![
            Part::new(thinking).signed(anthropic(Place::Thinking, "s+/~")),
            Part::new(Content::RedactedThinking).signed(anthropic(Place::Redacted, "r")),
        ],
        Finish::Stop,
    ));
    let told = body["candidates"][0]["content"]["parts"]
        .as_array()
        .unwrap();
    for part in told {
        let text = part["thoughtSignature"].as_str().unwrap();
        assert!(crate::protocol::signature::base64_any(text).is_some());
        assert_eq!(part["thought"], true);
    }
    assert_eq!(told[1]["text"], "");
    let request = super::support::decoded(&json!({"contents": [{"role": "model", "parts": told}]}));
    let back: Vec<_> = request.messages[0]
        .parts
        .iter()
        .map(|p| p.signature.clone())
        .collect();
    assert_eq!(
        back,
        [
            anthropic(Place::Thinking, "s+/~"),
            anthropic(Place::Redacted, "r")
        ]
    );
    assert_eq!(
        request.messages[0].parts[1].content,
        Content::RedactedThinking
    );
}

#[test]
fn usage_adds_thoughts_and_tools_and_takes_them_apart_again() {
    let mut body = says(json!([{"text": "x"}]), "STOP");
    body["usageMetadata"] = json!({
        "promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 20,
        "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 7, "totalTokenCount": 157,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}, {"modality": "AUDIO", "tokenCount": 10}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 12}],
        "serviceTier": "standard"});
    let read = answer(&body);
    let expected = TokenUsage {
        input: Some(107),
        output: Some(50),
        cache_read: Some(40),
        audio_input: Some(10),
        image_output: Some(12),
        tool_input: Some(7),
        reasoning: Some(30),
        ..TokenUsage::default()
    };
    assert_eq!(
        (read.usage, read.service_tier.as_deref()),
        (expected, Some("default"))
    );
    let told = &answer_json(&read)["usageMetadata"];
    assert_eq!(
        told,
        &json!({
            "promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 7, "totalTokenCount": 157,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 12}],
            "serviceTier": "standard"})
    );
    // What is not told is not told.
    let plain = says(json!([{"text": "x"}]), "STOP");
    assert!(answer(&plain).usage.is_unknown());
    assert!(answer_json(&answer(&plain)).get("usageMetadata").is_none());
}

#[test]
fn a_blocked_prompt_is_one_filtered_choice() {
    let read = answer(&json!({
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}}));
    assert_eq!(read.choices.len(), 1);
    let expected = Ending::new(Finish::ContentFilter, "PROHIBITED_CONTENT");
    assert_eq!(
        (&read.choices[0].ending, read.choices[0].parts.len()),
        (&expected, 0)
    );
    assert_eq!((read.usage.input, read.usage.output), (Some(4), None));
}

#[test]
fn citations_stand_at_characters_though_google_counts_bytes() {
    let mut body = says(
        json!([{"text": "thinking", "thought": true}, {"text": "Grüße: ja"}]),
        "STOP",
    );
    body["candidates"][0]["groundingMetadata"] = json!({
        "groundingChunks": [
            {"web": {"uri": "https://a.example", "title": "A"}},
            {"retrievedContext": {"uri": "gs://b", "title": "B", "text": "words", "documentName": "d"}},
            {"web": {"uri": "https://c.example"}}],
        "groundingSupports": [
            {"segment": {"partIndex": 1, "endIndex": 7, "text": "Grüße"}, "groundingChunkIndices": [0, 1]},
            {"segment": {"startIndex": 9, "endIndex": 11, "text": "ja"}, "groundingChunkIndices": [0, 9]}]});
    body["candidates"][0]["citationMetadata"] = json!({"citationSources": [
        {"startIndex": 9, "endIndex": 11, "uri": "https://d.example"}]});
    let read = answer(&body);
    let Content::Text { citations, .. } = &read.choices[0].parts[1].content else {
        panic!()
    };
    let place = |c: &Citation| (c.start, c.end, c.url.clone().unwrap());
    assert_eq!(
        citations.iter().map(place).collect::<Vec<_>>(),
        [
            (Some(0), Some(5), "https://a.example".into()),
            (Some(0), Some(5), "gs://b".into()),
            (Some(7), Some(9), "https://a.example".into()),
            (None, None, "https://c.example".into()),
            (Some(7), Some(9), "https://d.example".into()),
        ]
    );
    assert_eq!(citations[1].cited_text.as_deref(), Some("words"));
    let told = answer_json(&read);
    let grounding = &told["candidates"][0]["groundingMetadata"];
    assert_eq!(
        grounding["groundingSupports"][0],
        json!({"segment": {"partIndex": 1, "endIndex": 7, "text": "Grüße"}, "groundingChunkIndices": [0, 1]})
    );
    assert_eq!(answer(&told).choices[0].parts[1].content, {
        let mut sorted = citations.clone();
        // Sources without a place come last.
        let unplaced = sorted.remove(3);
        sorted.push(unplaced);
        Content::Text {
            text: "Grüße: ja".into(),
            citations: sorted,
        }
    });
}

#[test]
fn log_probabilities_cross() {
    let token = |token: &str, logprob, top| TokenLogprob {
        token: token.into(),
        logprob,
        top,
        bytes: None,
    };
    let mut body = says(json!([{"text": "ab"}]), "STOP");
    body["candidates"][0]["logprobsResult"] = json!({
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "x", "logProbability": -2.0}]},
            {"candidates": []}],
        "chosenCandidates": [
            {"token": "a", "tokenId": 5, "logProbability": -0.5},
            {"token": "b", "logProbability": -1.5}]});
    let read = answer(&body);
    let top = vec![token("a", -0.5, vec![]), token("x", -2.0, vec![])];
    assert_eq!(
        read.choices[0].logprobs,
        [token("a", -0.5, top), token("b", -1.5, vec![])]
    );
    let told = answer_json(&read);
    assert_eq!(told["candidates"][0]["avgLogprobs"], json!(-1.0));
    assert_eq!(answer(&told).choices[0].logprobs, read.choices[0].logprobs);
    let mut wild = of(vec![Part::text("x")], Finish::Stop);
    wild.choices[0].logprobs = vec![token("x", f64::NEG_INFINITY, vec![])];
    let told = answer_json(&wild);
    assert!(told["candidates"][0].get("avgLogprobs").is_none(), "{told}");
}

#[test]
fn several_candidates_are_several_choices() {
    let read = answer(&json!({"candidates": [
        {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS"},
        {"content": {"parts": [{"text": "a"}]}, "index": 0, "finishReason": "STOP"}]}));
    let all: Vec<_> = read
        .choices
        .iter()
        .map(|c| (c.index, c.ending.finish))
        .collect();
    assert_eq!(all, [(0, Finish::Stop), (1, Finish::Length)]);
}

#[test]
fn images_and_sounds_are_told_inline() {
    let mut sound = Media::new(
        MediaKind::Audio,
        Some("audio/wav".into()),
        Source::Base64("AAAA".into()),
    );
    sound.transcript = Some("Hello".into());
    let image = Media::new(
        MediaKind::Image,
        Some("image/png".into()),
        Source::Base64("AA==".into()),
    );
    let refusal = Part::new(Content::Refusal { text: "No.".into() });
    let parts = vec![
        Part::new(Content::Media(sound)),
        Part::new(Content::Media(image)),
        refusal,
    ];
    let body = answer_json(&of(parts, Finish::Stop));
    assert_eq!(
        body["candidates"][0]["content"],
        json!({"role": "model", "parts": [
            {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
            {"text": "Hello"},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            {"text": "No."}]})
    );
}

#[test]
fn an_answer_has_the_clients_model_and_the_gateways_id_if_there_is_none() {
    let body = answer_json(&of(vec![], Finish::Stop));
    assert_eq!(
        (body["modelVersion"].as_str(), body["responseId"].as_str()),
        (Some("my-model"), Some("req_1"))
    );
    let body = answer_json(&answer(&says(json!([]), "STOP")));
    assert_eq!(body["responseId"], "r1");
}

#[test]
fn errors_are_read_in_every_wrapping() {
    let error = json!({"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
            {"fieldViolations": [{"field": "contents[0].parts"}]}]}});
    let read = |status, body: &str| ProviderCodec::error(&GeminiGenerate, status, body.as_bytes());
    for body in [error.to_string(), json!([error]).to_string()] {
        let error = read(400, &body);
        assert_eq!(
            (error.status, error.message.as_str()),
            (400, "API key not valid.")
        );
        assert_eq!(error.kind.as_deref(), Some("INVALID_ARGUMENT"));
        assert_eq!(error.code.as_deref(), Some("API_KEY_INVALID"));
        assert_eq!(error.param.as_deref(), Some("contents[0].parts"));
    }
    assert_eq!(
        read(502, "<html>").message,
        "the provider answered with status 502"
    );
    assert_eq!(read(503, "").status, 503);
    assert_eq!(read(500, "upstream reset").message, "upstream reset");
    assert_eq!(read(500, r#"{"error":"gone"}"#).message, "gone");
}
