//! Streams, feature by feature.

use serde_json::{Value, json};

use super::support::{chunks, events, folded, stream_text, told};
use crate::protocol::{
    chat::{
        ChatAnswer, Content, Ending, Finish, Media, MediaKind, Origin, Part, ProviderError, Source,
        TokenUsage,
    },
    event::{Checker, Delta, Event, Start, Writer, unfold},
    signature::{Place, Signature},
};

fn says(parts: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
           "modelVersion": "gemini-x", "responseId": "r1"})
}

fn ends(parts: Value, word: &str) -> Value {
    let mut chunk = says(parts);
    chunk["candidates"][0]["finishReason"] = word.into();
    chunk
}

fn parts(events: &[Event]) -> Vec<Part> {
    folded(events).choices.remove(0).parts
}

fn own(place: Place, value: &str) -> Option<Signature> {
    Some(Signature::new(Origin::Gemini, place, value))
}

#[test]
fn running_totals_replace_each_other_field_by_field() {
    let mut first = says(json!([{"text": "a"}]));
    first["usageMetadata"] = json!({"promptTokenCount": 169, "totalTokenCount": 169});
    let mut second = says(json!([{"text": "b"}]));
    second["usageMetadata"] =
        json!({"promptTokenCount": 79, "candidatesTokenCount": 5, "thoughtsTokenCount": 30});
    let mut third = ends(json!([]), "STOP");
    third["usageMetadata"] = json!({"promptTokenCount": 79, "candidatesTokenCount": 8});
    let usage = folded(&chunks(&[first, second, third.clone(), third])).usage;
    assert_eq!(
        (usage.input, usage.output, usage.reasoning),
        (Some(79), Some(38), Some(30))
    );
}

#[test]
fn a_call_comes_whole_and_stop_means_tools() {
    let got = chunks(&[
        says(json!([{"text": "I look."}])),
        ends(
            json!([
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "YQ=="},
                {"functionCall": {"id": "x", "name": "g"}}]),
            "STOP",
        ),
        json!({"usageMetadata": {"promptTokenCount": 1}}),
    ]);
    let answer = folded(&got);
    assert_eq!(
        answer.choices[0].ending,
        Ending::new(Finish::ToolCalls, "STOP")
    );
    let parts = &answer.choices[0].parts;
    assert_eq!(parts[1].signature, own(Place::Call, "YQ=="));
    assert!(matches!(&parts[2].content,
        Content::ToolCall { id, name, arguments } if id == "x" && name == "g" && arguments == "{}"));
}

#[test]
fn signed_words_are_parts_of_their_own() {
    let got = chunks(&[
        says(json!([{"text": "hm", "thought": true}])),
        says(json!([{"text": "A"}])),
        says(json!([{"text": "B", "thoughtSignature": "Yg=="}])),
        says(json!([{"text": "C"}])),
        ends(json!([{"text": "", "thoughtSignature": "Yw=="}]), "STOP"),
    ]);
    let thinking = Content::Thinking {
        text: "hm".into(),
        id: None,
    };
    assert_eq!(
        parts(&got),
        [
            Part::new(thinking),
            Part::text("A"),
            Part::text("B").signed(own(Place::Text, "Yg==")),
            Part::text("C"),
            Part::text("").signed(own(Place::Text, "Yw==")),
        ]
    );
}

#[test]
fn a_stream_is_whole_only_with_a_reason() {
    let cut = chunks(&[says(json!([{"text": "a"}]))]);
    assert!(Checker::check(&cut).is_err());
    assert!(!cut.contains(&Event::End));
    assert!(chunks(&[]).is_empty());
    let two = json!({"candidates": [
        {"index": 0, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"},
        {"index": 1, "content": {"parts": [{"text": "b"}]}}]});
    assert!(!chunks(&[two]).contains(&Event::End));
    // Some models repeat it in each chunk.
    let each = chunks(&[
        ends(json!([{"text": "a"}]), "STOP"),
        ends(json!([{"text": "b"}]), "STOP"),
    ]);
    assert_eq!(parts(&each), [Part::text("ab")]);
}

#[test]
fn an_error_in_the_stream_ends_it() {
    for body in [
        json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
        json!([{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}]),
    ] {
        let got = chunks(&[says(json!([{"text": "a"}])), body, ends(json!([]), "STOP")]);
        let error = ProviderError {
            status: 503,
            kind: Some("UNAVAILABLE".into()),
            message: "busy".into(),
            ..ProviderError::default()
        };
        assert_eq!(got.last(), Some(&Event::Error(error)));
    }
}

#[test]
fn a_blocked_prompt_is_one_filtered_choice() {
    let got = chunks(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})]);
    let answer = folded(&got);
    assert_eq!(
        answer.choices[0].ending,
        Ending::new(Finish::ContentFilter, "SAFETY")
    );
}

#[test]
fn comments_and_line_ends_of_any_sort_do_not_disturb() {
    let text = "\u{feff}: hi\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n\
                : ping\n\ndata: \n\ndata: [DONE]\n\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    let whole = events(text.as_bytes(), usize::MAX);
    assert_eq!(parts(&whole), [Part::text("a")]);
    for size in 1..text.len() {
        assert_eq!(events(text.as_bytes(), size), whole);
    }
}

#[test]
fn citations_and_log_probabilities_come_with_their_text() {
    let mut last = ends(json!([{"text": " ü b", "thoughtSignature": ""}]), "STOP");
    let support = json!({
        "groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [{"segment": {"startIndex": 5, "endIndex": 6, "text": "b"},
                               "groundingChunkIndices": [0]}]});
    last["candidates"][0]["groundingMetadata"] = support.clone();
    last["candidates"][0]["logprobsResult"] =
        json!({"chosenCandidates": [{"token": "b", "logProbability": -1}]});
    let mut again = ends(json!([]), "STOP");
    again["candidates"][0]["groundingMetadata"] = support;
    let answer = folded(&chunks(&[says(json!([{"text": "a"}])), last, again]));
    let Content::Text { text, citations } = &answer.choices[0].parts[0].content else {
        panic!()
    };
    assert_eq!((text.as_str(), citations.len()), ("a ü b", 1));
    assert_eq!((citations[0].start, citations[0].end), (Some(4), Some(5)));
    assert_eq!(answer.choices[0].logprobs[0].token, "b");
}

#[test]
fn images_come_whole() {
    let got = chunks(&[ends(
        json!([{"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "YQ=="}]),
        "STOP",
    )]);
    let media = Media::new(
        MediaKind::Image,
        Some("image/png".into()),
        Source::Base64("AA==".into()),
    );
    let part = Part::new(Content::Media(media)).signed(own(Place::Text, "YQ=="));
    assert_eq!(parts(&got), [part]);
    assert_eq!(parts(&events(&stream_text(&got, true), 9)).len(), 1);
}

/// A stream as Anthropic's decoder tells it.
fn foreign() -> Vec<Event> {
    let (mut writer, mut out) = (Writer::default(), Vec::new());
    let start = Start {
        id: "msg_1".into(),
        usage: TokenUsage {
            input: Some(10),
            ..TokenUsage::default()
        },
        ..Start::default()
    };
    writer.start(|| start, &mut out);
    out.push(Event::Ping);
    writer.thinking(0, "let me", &mut out);
    writer.thinking(0, " see", &mut out);
    let signature = Signature::new(Origin::Anthropic, Place::Thinking, "sig");
    writer.sign_thinking(0, signature, &mut out);
    writer.text(0, "Hel", &mut out);
    writer.text(0, "lo", &mut out);
    writer.call(0, 1, Some("toolu_1"), Some("f"), "{\"a\"", &mut out);
    writer.call(0, 1, None, None, ":1}", &mut out);
    writer.call(0, 2, Some("toolu_2"), Some("g"), "", &mut out);
    writer.finish(0, Ending::new(Finish::ToolCalls, "tool_use"), &mut out);
    let usage = TokenUsage {
        output: Some(20),
        ..TokenUsage::default()
    };
    out.push(Event::Usage(usage));
    assert!(writer.end(&mut out));
    out
}

#[test]
fn each_chunk_is_a_whole_answer_of_googles() {
    let all = told(&stream_text(&foreign(), true));
    let words: Vec<_> = all
        .iter()
        .map(|chunk| chunk["candidates"][0]["content"]["parts"][0].clone())
        .collect();
    let sealed = Signature::new(Origin::Anthropic, Place::Thinking, "sig")
        .for_client(Origin::Gemini, Place::Thinking);
    assert_eq!(
        words,
        [
            json!({"text": "let me", "thought": true}),
            json!({"text": " see", "thought": true}),
            json!({"text": "", "thought": true, "thoughtSignature": sealed}),
            json!({"text": "Hel"}),
            json!({"text": "lo"}),
            json!({"functionCall": {"id": "toolu_1", "name": "f", "args": {"a": 1}}}),
            json!({"functionCall": {"id": "toolu_2", "name": "g", "args": {}}}),
            json!({"text": ""}),
        ]
    );
    for chunk in &all {
        assert_eq!(
            (&chunk["modelVersion"], &chunk["responseId"]),
            (&json!("my-model"), &json!("msg_1"))
        );
        assert_eq!(chunk["candidates"][0]["content"]["role"], "model");
    }
    assert_eq!(all[0]["usageMetadata"]["promptTokenCount"], 10);
    assert!(all[1].get("usageMetadata").is_none());
    let last = all.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(
        last["usageMetadata"],
        json!({"promptTokenCount": 10, "candidatesTokenCount": 20, "totalTokenCount": 30})
    );
    let reasons = all
        .iter()
        .filter(|c| c["candidates"][0].get("finishReason").is_some());
    assert_eq!(reasons.count(), 1);
}

#[test]
fn without_sse_the_stream_is_one_list() {
    let list: Vec<Value> = serde_json::from_slice(&stream_text(&foreign(), false)).unwrap();
    assert_eq!(list, told(&stream_text(&foreign(), true)));
    let empty: Vec<Value> =
        serde_json::from_slice(&stream_text(&unfold(ChatAnswer::default()), false)).unwrap();
    assert_eq!(empty.len(), 1);
}

#[test]
fn an_error_leaves_the_last_word_to_others() {
    let mut told = foreign();
    told.truncate(4);
    let before = stream_text(&told, true);
    told.push(Event::Error(ProviderError::default()));
    assert_eq!(stream_text(&told, true), before);
}

#[test]
fn signatures_stay_the_same_over_a_tool_loop_of_four_turns() {
    let mut contents = vec![json!({"role": "user", "parts": [{"text": "Go"}]})];
    let mut expected = Vec::new();
    for turn in 0..4 {
        // The provider signs a thought, a text, a call and nothing at all.
        let signature = |n: u8| {
            use base64::{Engine, engine::general_purpose::STANDARD};
            STANDARD.encode([251, 255, turn, n])
        };
        let signed = json!([
            {"text": "why", "thought": true, "thoughtSignature": signature(0)},
            {"text": "ok", "thoughtSignature": signature(1)},
            {"functionCall": {"name": "f", "args": {"turn": turn}}, "thoughtSignature": signature(2)},
            {"functionCall": {"name": "f", "args": {}}},
            {"text": "", "thoughtSignature": signature(3)}]);
        expected.extend((0..4).map(signature));
        let stream = stream_text(&chunks(&[ends(signed, "STOP")]), true);
        // The client keeps each chunk and writes bytes in the URL-safe alphabet, as Google's Python SDK does.
        let mut results = Vec::new();
        for chunk in told(&stream) {
            let mut content = chunk["candidates"][0]["content"].clone();
            for part in content["parts"].as_array_mut().unwrap() {
                if let Some(text) = part["thoughtSignature"].as_str() {
                    part["thoughtSignature"] = text.replace('+', "-").replace('/', "_").into();
                } else {
                    part.as_object_mut().unwrap().remove("thoughtSignature");
                }
                if part.get("functionCall").is_some() {
                    results.push(
                        json!({"functionResponse": {"name": "f", "response": {"output": "x"}}}),
                    );
                }
            }
            contents.push(content);
        }
        contents.push(json!({"role": "user", "parts": results}));
    }
    let request = super::support::decoded(&json!({"contents": contents}));
    let body = super::support::whole(&request, "gemini-3-pro");
    let sent: Vec<_> = body["contents"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|content| content["parts"].as_array().unwrap())
        .filter_map(|part| part.get("thoughtSignature")?.as_str())
        .collect();
    assert_eq!(sent, expected);
    // Every result has found its call.
    for content in body["contents"].as_array().unwrap() {
        for part in content["parts"].as_array().unwrap() {
            if let Some(id) = part["functionResponse"]["id"].as_str() {
                assert!(id.starts_with("call_") && !id.contains("unknown"), "{id}");
            }
        }
    }
}

#[test]
fn deltas_may_come_with_the_opening_too() {
    let part = Part::text("Hi").signed(own(Place::Text, "YQ=="));
    let told_events = [
        Event::Start(Start::default()),
        Event::Open { choice: 1, part },
        Event::Delta {
            choice: 1,
            delta: Delta::Text("!".into()),
        },
        Event::Close { choice: 1 },
        Event::Finish {
            choice: 1,
            ending: Ending::new(Finish::Stop, ""),
        },
        Event::End,
    ];
    let all = told(&stream_text(&told_events, true));
    assert_eq!(
        all[0]["candidates"],
        json!([{"content": {"role": "model", "parts": [{"text": "Hi", "thoughtSignature": "YQ=="}]}, "index": 1}])
    );
    assert_eq!(
        all[1]["candidates"][0]["content"]["parts"],
        json!([{"text": "!"}])
    );
}
