//! Input that no well-meaning peer sends.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const REQUEST: &str = r#"{"model":"m","instructions":"i","input":[
    {"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},
        {"type":"input_image","image_url":"data:image/png;base64,AA"},{"type":"input_file","file_data":"data:x;base64,"}]},
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"prev.c2x1aWNlZ2F0ZTE6"},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{}","namespace":"n"},
    {"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"r"}]},
    {"role":"assistant","content":[{"type":"output_text","text":"t","annotations":[{"type":"url_citation","url":"u"}]}]}],
    "tools":[{"type":"function","name":"f","parameters":{}},{"type":"web_search"}],"tool_choice":{"type":"function","name":"f"},
    "text":{"format":{"type":"json_schema","name":"n","schema":{}}},"reasoning":{"effort":"low"},"include":["a"],
    "max_output_tokens":5,"temperature":1,"metadata":{"a":1},"top_logprobs":2,"stream":true}"#;

const ANSWER: &str = r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","output":[
    {"type":"reasoning","id":"rs_1","summary":[{"text":"s"}],"content":[{"text":"c"}],"encrypted_content":"e"},
    {"type":"message","phase":"commentary","content":[{"type":"output_text","text":"t","annotations":[{"url":"u","start_index":1}],
        "logprobs":[{"token":"t","logprob":-1,"bytes":[116],"top_logprobs":[]}]},{"type":"refusal","refusal":"r"}]},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"image_generation_call","result":"AA"}],
    "usage":{"input_tokens":1,"input_tokens_details":{"cached_tokens":1},"output_tokens":2}}"#;

const STREAM: &str = r#"data: {"type":"response.created","response":{"id":"r"}}

data: {"type":"response.output_item.added","output_index":0,"item":{"type":"message","phase":"commentary"}}

data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hé","logprobs":[]}

data: {"type":"response.output_text.done","output_index":0,"content_index":0,"text":"Hél"}

data: {"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"c","name":"f"}}

data: {"type":"response.function_call_arguments.delta","output_index":1,"delta":"{"}

data: {"type":"response.reasoning_summary_text.delta","output_index":2,"summary_index":1,"delta":"s"}

data: {"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","arguments":"{}"}}

data: {"type":"response.output_item.done","output_index":2,"item":{"type":"reasoning","id":"rs","encrypted_content":"e"}}

data: {"type":"response.completed","response":{"output":[{"type":"message","id":"x","content":[{"type":"refusal","refusal":"r"}]}]}}

"#;

/// Does all that a gateway does with a request; whatever it makes of it, it stays up.
fn request(body: &[u8]) {
    if let Ok(request) = ClientCodec::request(&CODEC, &call(), body) {
        let mut losses = Losses::default();
        let body = ProviderCodec::request(&CODEC, &request, &target("m"), &mut losses);
        serde_json::from_slice::<Value>(&body).unwrap();
    }
}

fn answer(body: &[u8]) {
    if let Ok(answer) = ProviderCodec::answer(&CODEC, body) {
        let body = ClientCodec::answer(&CODEC, &answer, &asked(ChatRequest::default()));
        serde_json::from_slice::<Value>(&body).unwrap();
    }
    ProviderCodec::error(&CODEC, 500, body);
}

fn stream(text: &[u8]) {
    let events = decode(text);
    let mut checker = Checker::default();
    for event in &events {
        checker.push(event).unwrap();
    }
    let asked = asked(ChatRequest {
        logprobs: Some(1),
        ..ChatRequest::default()
    });
    let (mut client, mut out) = (ClientCodec::stream(&CODEC, &asked), BytesMut::new());
    for event in &events {
        client.event(event, &mut out);
    }
    frames(&out);
}

/// Replaces, inserts and deletes pieces.
fn damaged(text: &str, damage: &[(Index, u8, &str)]) -> Vec<u8> {
    let mut text = text.as_bytes().to_vec();
    for (at, how, piece) in damage {
        let at = at.index(text.len() + 1);
        let end = text.len().min(at + usize::from(*how));
        text.splice(at..end, piece.bytes()).for_each(drop);
    }
    text
}

fn damage() -> impl Strategy<Value = Vec<(Index, u8, &'static str)>> {
    let piece = select(vec![
        "",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "-1",
        "1e999",
        "0",
        "true",
        "\\u0000",
        "é",
        "\n\n",
        "data: ",
        "99999999999999999999",
        "{}",
        "[]",
        "\"x\"",
        "NaN",
    ]);
    prop::collection::vec((any::<Index>(), 0..12_u8, piece), 1..4)
}

/// Every value of a document in turn replaced by another.
fn replaced(value: &Value, by: &Value, out: &mut Vec<Value>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                let mut inner = vec![by.clone()];
                replaced(member, by, &mut inner);
                for other in inner {
                    let mut object = object.clone();
                    object.insert(name.clone(), other);
                    out.push(Value::Object(object));
                }
                let mut object = object.clone();
                object.remove(name);
                out.push(Value::Object(object));
            }
        }
        Value::Array(list) => {
            for (n, element) in list.iter().enumerate() {
                let mut inner = vec![by.clone()];
                replaced(element, by, &mut inner);
                for other in inner {
                    let mut list = list.clone();
                    list[n] = other;
                    out.push(Value::Array(list));
                }
            }
        }
        _ => {}
    }
}

#[test]
fn wrong_types_anywhere_do_no_harm() {
    for by in [
        json!(null),
        json!(-1.5),
        json!("x"),
        json!([]),
        json!({}),
        json!([[{ "type": 1 }]]),
    ] {
        for (text, check) in [(REQUEST, request as fn(&[u8])), (ANSWER, answer)] {
            let mut all = Vec::new();
            replaced(&serde_json::from_str(text).unwrap(), &by, &mut all);
            assert!(all.len() > 50);
            all.iter()
                .for_each(|value| check(value.to_string().as_bytes()));
        }
        for frame in STREAM.split("\n\n").filter(|frame| !frame.is_empty()) {
            let data: Value = serde_json::from_str(&frame["data: ".len()..]).unwrap();
            let mut all = Vec::new();
            replaced(&data, &by, &mut all);
            for data in all {
                stream(
                    STREAM
                        .replace(&frame["data: ".len()..], &data.to_string())
                        .as_bytes(),
                );
            }
        }
    }
}

#[test]
fn what_is_cut_off_anywhere_does_no_harm() {
    for at in 0..REQUEST.len() {
        request(&REQUEST.as_bytes()[..at]);
    }
    for at in 0..ANSWER.len() {
        answer(&ANSWER.as_bytes()[..at]);
    }
    for at in 0..STREAM.len() {
        stream(&STREAM.as_bytes()[..at]);
    }
}

#[test]
fn deep_and_wild_documents_do_no_harm() {
    let deep = format!(
        "{{\"input\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    request(deep.as_bytes());
    answer(deep.as_bytes());
    let wild = [
        json!({ "type": "response.output_text.delta", "output_index": u64::MAX, "content_index": u64::MAX, "delta": "a" }),
        json!({ "type": "response.function_call_arguments.delta", "output_index": u64::MAX, "delta": "a" }),
        json!({ "type": "response.completed" }),
    ];
    fold(&decode_events(&wild));
}

#[test]
fn a_stream_cut_at_every_byte_tells_the_same_events() {
    let whole = decode(STREAM.as_bytes());
    fold(&whole);
    for at in 0..STREAM.len() {
        let mut decoder = sse::Decoder::new(1 << 20);
        let (mut stream, mut events) = (ProviderCodec::stream(&CODEC), Vec::new());
        for chunk in [&STREAM.as_bytes()[..at], &STREAM.as_bytes()[at..]] {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Ok(Some(frame)) = decoder.next() {
                stream.frame(frame.event(), frame.data(), &mut events);
            }
        }
        stream.finish(&mut events);
        assert_eq!(events, whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_input_does_no_harm(damage in damage()) {
        request(&damaged(REQUEST, &damage));
        answer(&damaged(ANSWER, &damage));
        stream(&damaged(STREAM, &damage));
    }
}
