//! Documents that nobody would write.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Everything that the tables know, in places where it does not belong.
const KEYS: [&str; 76] = [
    "messages",
    "contents",
    "content",
    "role",
    "type",
    "text",
    "parts",
    "input",
    "output",
    "arguments",
    "function",
    "tool_calls",
    "name",
    "data",
    "source",
    "media_type",
    "mimeType",
    "format",
    "url",
    "image_url",
    "file_data",
    "filename",
    "document",
    "documents",
    "system",
    "systemInstruction",
    "instructions",
    "tools",
    "parameters",
    "properties",
    "enum",
    "required",
    "description",
    "response",
    "json",
    "args",
    "functionCall",
    "functionResponse",
    "toolUse",
    "toolResult",
    "reasoning",
    "summary",
    "thinking",
    "logprobs",
    "embedding",
    "metadata",
    "user",
    "stop",
    "generationConfig",
    "responseSchema",
    "requests",
    "choices",
    "delta",
    "message",
    "candidates",
    "index",
    "item",
    "part",
    "output_index",
    "content_index",
    "finish_reason",
    "usage",
    "error",
    "citations",
    "schema",
    "prompt",
    "variables",
    "title",
    "partialArgs",
    "stringValue",
    "contentBlockIndex",
    "start",
    "content_block",
    "audio",
    "transcript",
    "a key of its own",
];

const WORDS: [&str; 34] = [
    "user",
    "system",
    "assistant",
    "tool",
    "function_call",
    "function_call_output",
    "tool_use",
    "tool_result",
    "text",
    "document",
    "reasoning",
    "thinking",
    "redacted_thinking",
    "image_generation_call",
    "message",
    "hello there",
    "data:text/plain;base64,aGVsbG8=",
    "data:image/png;base64,AAAA",
    "data:,a%20b",
    "data:",
    "aGVsbG8gdGhlcmU=",
    "text/plain",
    "image/png",
    "{\\\"a\\\":\\\"b c\\\",\\\"n\\\":123456789}",
    "{\\\"a",
    "[]",
    "",
    "\\u00e9\\ud83d\\ude00 \\n",
    "response.output_text.delta",
    "response.output_item.done",
    "content_block_delta",
    "content-delta",
    "response.completed",
    "https://x.example/?a=b",
];

const OPERATIONS: [Operation; 27] = [
    Operation::Chat,
    Operation::Responses,
    Operation::Completions,
    Operation::Embeddings,
    Operation::Moderations,
    Operation::Rerank,
    Operation::ImageGenerations,
    Operation::ImageEdits,
    Operation::ImageVariations,
    Operation::Transcriptions,
    Operation::Translations,
    Operation::Speech,
    Operation::Messages,
    Operation::MessagesCountTokens,
    Operation::Generate,
    Operation::StreamGenerate,
    Operation::CountTokens,
    Operation::EmbedContent,
    Operation::BatchEmbedContents,
    Operation::Converse,
    Operation::ConverseStream,
    Operation::Invoke,
    Operation::ConverseCountTokens,
    Operation::CohereChat,
    Operation::CohereEmbed,
    Operation::CohereRerank,
    Operation::Passage,
];

const AROUND: [&str; 14] = [
    "%",
    "{\"messages\":[%]}",
    "{\"input\":[%]}",
    "{\"contents\":[{\"parts\":[%]}]}",
    "{\"choices\":[{\"delta\":%}]}",
    "{\"type\":\"response.output_item.done\",\"item\":%}",
    "{\"delta\":{\"message\":%}}",
    "{\"candidates\":[{\"content\":{\"parts\":[%]}}]}",
    "{\"type\":\"content_block_start\",\"content_block\":%}",
    "{\"contentBlockIndex\":0,\"delta\":%}",
    "{\"tools\":[%]}",
    "{\"output\":[%]}",
    "{\"choices\":[{\"message\":{\"tool_calls\":[%]}}]}",
    "{\"type\":\"response.completed\",\"response\":{\"output\":[%]}}",
];

fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => select(WORDS.to_vec()).prop_map(|word| format!("\"{word}\"")),
        1 => select(vec!["null", "true", "0", "1", "12345678", "-1.5e8"]).prop_map(str::to_owned),
    ];
    let value = leaf.prop_recursive(6, 60, 6, |inner| {
        let member = (select(KEYS.to_vec()), inner.clone()).prop_map(|(key, value)| format!("\"{key}\": {value}"));
        prop_oneof![
            1 => prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
            3 => prop::collection::vec(member, 0..6).prop_map(|list| format!("{{{}}}", list.join(", "))),
        ]
    });
    (select(AROUND.to_vec()), value).prop_map(|(around, value)| around.replace('%', &value))
}

/// Places in order that do not overlap, and can all be replaced.
fn holds(body: &str, places: &[Place<'_>]) {
    let mut end = 0;
    for place in places {
        assert!(
            place.at.start >= end && place.at.end <= body.len(),
            "{place:?} in {body}"
        );
        assert!(!place.value.is_empty());
        end = place.at.end;
        assert_ne!(path(&parse(body.as_bytes()), place), "");
    }
    let with = "\"x\\\n";
    let changes: Vec<_> = (0..)
        .zip(places)
        .map(|(at, place)| (at, vec![(0..place.value.len(), with.to_owned())]))
        .collect();
    let changed = edits(places, &changes)
        .apply(&Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    parse(&changed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn places_are_sound_in_any_document(body in document(), operation in select(OPERATIONS.to_vec())) {
        let document = parse(body.as_bytes());
        for texts in [of_request(operation, &document), of_answer(operation, &document)] {
            holds(&body, &texts.places);
            let mut hidden = Edits::new();
            texts.hide_spelled(&mut hidden);
            parse(&hidden.apply(&Bytes::copy_from_slice(body.as_bytes())).unwrap());
        }
        let event = of_event(operation, Some("contentBlockDelta"), &document);
        let mut places = event.others;
        places.extend(event.deltas.into_iter().map(|delta| delta.place));
        places.extend(event.whole.into_iter().map(|(_, place)| place));
        places.sort_by_key(|place| place.at.start);
        holds(&body, &places);
    }
}

#[test]
fn depth_needs_no_more_than_a_small_stack() {
    let limits = Limits {
        depth: 1024,
        ..Limits::default()
    };
    for (open, close) in [
        ("{\"a\":", "}"),
        ("[", "]"),
        ("{\"content\":", "}"),
        ("{\"input\":", "}"),
        ("{\"tools\":", "}"),
    ] {
        for first in ["messages", "x", "tools", "documents", "input", "response"] {
            let body = format!(
                "{{\"{first}\":[{}\"deep text\"{}]}}",
                open.repeat(1000),
                close.repeat(1000)
            );
            let small = std::thread::Builder::new()
                .stack_size(2 << 20)
                .spawn(move || {
                    let document = Document::parse(body.as_bytes(), limits).unwrap();
                    let found = told(&of_request(Operation::Chat, &document).places);
                    assert!(found.iter().any(|text| text.ends_with("deep text")));
                });
            small.unwrap().join().unwrap();
        }
    }
}

#[test]
fn many_places_take_linear_time() {
    let time = |count: usize| {
        let members = vec![serde_json::json!({"some key": "a \"longer\" text\n"}); count];
        let call = serde_json::json!({"function": {"arguments": serde_json::json!({"all": members}).to_string()}});
        let body = serde_json::json!({"messages": [{"tool_calls": [call]}]}).to_string();
        let document = parse(body.as_bytes());
        let start = std::time::Instant::now();
        let texts = of_request(Operation::Chat, &document);
        assert!(texts.places.len() >= count, "{}", texts.places.len());
        let all: Vec<_> = (0..texts.places.len())
            .map(|at| (at, vec![(0..1, "y".to_owned())]))
            .collect();
        drop(
            edits(&texts.places, &all)
                .apply(&Bytes::from(body.clone()))
                .unwrap(),
        );
        start.elapsed()
    };
    let (few, many) = (time(2_000), time(40_000));
    assert!(
        many < few * 200 + std::time::Duration::from_millis(50),
        "{few:?} {many:?}"
    );
}
