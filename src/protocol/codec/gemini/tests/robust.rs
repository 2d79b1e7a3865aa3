//! Whatever comes, nothing panics.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::support::{asked, call, events};
use crate::protocol::{
    chat::ChatRequest,
    codec::{ClientCodec, ProviderCodec, Target, gemini::GeminiGenerate},
    event::unfold,
    loss::Losses,
};

fn request(body: &[u8]) -> Option<ChatRequest> {
    let request = ClientCodec::request(&GeminiGenerate, &call(true), body).ok()?;
    for model in ["gemini-2.5-pro", "gemini-3-flash", ""] {
        let target = Target {
            model,
            known: None,
            asks_stream_usage: false,
            vendor: "",
        };
        let body =
            ProviderCodec::request(&GeminiGenerate, &request, &target, &mut Losses::default());
        serde_json::from_slice::<Value>(&body).expect("what is written is JSON");
    }
    Some(request)
}

fn answer(body: &[u8]) {
    if let Ok(answer) = ProviderCodec::answer(&GeminiGenerate, body) {
        let told = ClientCodec::answer(&GeminiGenerate, &answer, &asked(true));
        serde_json::from_slice::<Value>(&told).expect("what is written is JSON");
        super::support::stream_text(&unfold(answer), true);
    }
    ProviderCodec::error(&GeminiGenerate, 500, body);
    let frame = [b"data: ", body, b"\n\n"].concat();
    let told = events(&frame, 7);
    super::support::stream_text(&told, false);
}

#[test]
fn bodies_of_the_wrong_shape_are_survived() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "5",
        "\"x\"",
        "[[[[",
        "{\"candidates\":null}",
        "{\"candidates\":[]}",
        "{\"candidates\":[null]}",
        "{\"candidates\":[{}]}",
        "{\"candidates\":{}}",
        "{\"candidates\":[{\"content\":null,\"finishReason\":5}]}",
        "{\"candidates\":[{\"content\":{\"parts\":{}}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[null,5,[],{},{\"text\":5},{\"functionCall\":5}]}}]}",
        "{\"candidates\":[{\"index\":4294967295,\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}",
        "{\"candidates\":[{\"index\":-1,\"content\":{\"parts\":[{\"functionCall\":{}}]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\u{fc}\"}]},\"groundingMetadata\":{\"groundingChunks\":[{}],\"groundingSupports\":[{\"segment\":{\"startIndex\":1,\"endIndex\":18446744073709551615},\"groundingChunkIndices\":[0,7,-1]}]}}]}",
        "{\"usageMetadata\":{\"promptTokenCount\":-1,\"candidatesTokenCount\":1e300}}",
        "{\"usageMetadata\":{\"promptTokenCount\":18446744073709551615,\"toolUsePromptTokenCount\":18446744073709551615}}",
        "{\"error\":null}",
        "{\"error\":5}",
        "{\"error\":{\"code\":99999999}}",
        "{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":5}},{\"inlineData\":null}]}]}",
        "{\"contents\":[{\"role\":\"model\",\"parts\":null}],\"tools\":[{\"functionDeclarations\":5}]}",
        "{\"contents\":\"x\",\"generationConfig\":[],\"toolConfig\":\"\",\"systemInstruction\":{}}",
    ] {
        request(body.as_bytes());
        answer(body.as_bytes());
    }
    let deep = format!(
        "{{\"contents\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(request(deep.as_bytes()).is_none());
    let schema = format!("{}5{}", "{\"items\":".repeat(100), "}".repeat(100));
    request(format!("{{\"contents\":\"x\",\"tools\":[{{\"functionDeclarations\":[{{\"name\":\"f\",\"parameters\":{schema}}}]}}]}}").as_bytes()).unwrap();
}

fn samples() -> Vec<Value> {
    vec![
        json!({"contents": [
            {"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"mimeType": "image/png", "data": "AA-_"}}]},
            {"role": "model", "parts": [
                {"text": "t", "thought": true, "thoughtSignature": "c2x1aWNlZ2F0ZTE6"},
                {"functionCall": {"name": "f", "args": {"a": "\u{fc}"}}, "thoughtSignature": "YQ=="}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]}],
            "generationConfig": {"topK": 40.0, "thinkingConfig": {"thinkingBudget": -1},
                "responseSchema": {"type": "OBJECT", "propertyOrdering": ["a"], "nullable": true}},
            "tools": [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]}),
        json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"parts": [
                {"text": "\u{fc}ber", "thoughtSignature": "YQ=="}, {"functionCall": {"name": "f"}},
                {"executableCode": {"code": "1"}, "thoughtSignature": "YQ=="}]},
            "groundingMetadata": {"groundingChunks": [{"web": {"uri": "u"}}], "groundingSupports": [
                {"segment": {"startIndex": 1, "endIndex": 3}, "groundingChunkIndices": [0]}]},
            "logprobsResult": {"chosenCandidates": [{"token": "a", "logProbability": -1}]}}],
            "usageMetadata": {"promptTokenCount": 1}, "responseId": "r"}),
    ]
}

/// Puts something else in the place of one value of a tree.
fn mutate(value: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *value = with.clone();
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().for_each(|v| mutate(v, at, with)),
        Value::Object(map) => map.values_mut().for_each(|v| mutate(v, at, with)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn mutated_bodies_are_survived(
        which in any::<bool>(),
        at in 0..60usize,
        with in prop::sample::select(vec![
            json!(null), json!(-1), json!(1e300), json!(""), json!("x"), json!([]), json!({}),
            json!([[]]), json!({"text": "x"}), json!(true), json!(18_446_744_073_709_551_615_u64),
        ]),
        cut in any::<Index>(),
    ) {
        let mut body = samples().remove(usize::from(which));
        let mut place = at;
        mutate(&mut body, &mut place, &with);
        let text = body.to_string();
        request(text.as_bytes());
        answer(text.as_bytes());
        let cut = &text.as_bytes()[..cut.index(text.len())];
        request(cut);
        answer(cut);
    }
}
