//! Streams.

use serde_json::{Value, json};

use super::{AnthropicMessages, answers, asked, decode, encode, fold};
use crate::protocol::{
    chat::{Content, Ending, Finish, Part, TokenUsage},
    codec::ProviderCodec,
    event::{Checker, Delta, Event, Start, Writer, unfold},
};

/// A stream with most of what there is.
pub(in super::super) fn full() -> String {
    let frames = [
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
            "model": "claude", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 0,
                      "output_tokens": 1, "service_tier": "standard"}}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "H"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "m."}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s=="}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "A="}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "Grüße"}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "citations_delta", "citation":
            {"type": "char_location", "cited_text": "c", "document_index": 0, "document_title": null,
             "start_char_index": 1, "end_char_index": 2}}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "new_delta", "x": 1}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "content_block_start", "index": 3, "content_block":
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}}),
        json!({"type": "content_block_delta", "index": 3,
            "delta": {"type": "input_json_delta", "partial_json": "{\"query\":"}}),
        json!({"type": "content_block_delta", "index": 3,
            "delta": {"type": "input_json_delta", "partial_json": "\"q\"}"}}),
        json!({"type": "content_block_stop", "index": 3}),
        json!({"type": "content_block_start", "index": 4, "content_block": {"type": "compaction", "content": null}}),
        json!({"type": "content_block_delta", "index": 4, "delta": {"type": "compaction_delta", "content": "so "}}),
        json!({"type": "content_block_delta", "index": 4, "delta": {"type": "compaction_delta", "content": "far"}}),
        json!({"type": "content_block_stop", "index": 4}),
        json!({"type": "content_block_start", "index": 5, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_stop", "index": 5}),
        json!({"type": "content_block_start", "index": 6, "content_block":
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}}),
        json!({"type": "content_block_delta", "index": 6, "delta": {"type": "input_json_delta", "partial_json": ""}}),
        json!({"type": "content_block_delta", "index": 6,
            "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
        json!({"type": "content_block_delta", "index": 6, "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
        json!({"type": "content_block_stop", "index": 6}),
        json!({"type": "content_block_start", "index": 7, "content_block":
            {"type": "tool_use", "id": "toolu_2", "name": "none", "input": {}}}),
        json!({"type": "content_block_stop", "index": 7}),
        json!({"type": "content_block_start", "index": 8, "content_block":
            {"type": "tool_use", "id": "toolu_3", "name": "early", "input": {"b": 2}}}),
        json!({"type": "content_block_stop", "index": 8}),
        json!({"type": "something_new"}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
            "usage": {"input_tokens": 12, "output_tokens": 20, "output_tokens_details": {"thinking_tokens": 4}}}),
        json!({"type": "message_stop"}),
    ];
    written(&frames)
}

fn written(frames: &[Value]) -> String {
    let frame = |data: &Value| {
        format!(
            "event: {}\ndata: {data}\n\n",
            data["type"].as_str().unwrap()
        )
    };
    frames.iter().map(frame).collect()
}

/// The frames of a stream for a client, after a check of its grammar.
fn frames(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let mut frames: Vec<Value> = Vec::new();
    for frame in text.split_terminator("\n\n") {
        let (event, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(event.strip_prefix("event: "), data["type"].as_str());
        frames.push(data);
    }
    check(&frames);
    frames
}

/// One start; blocks one after another, each begun, continued by deltas of its kind and ended, numbered from 0 without
/// gaps; one `message_delta`; one `message_stop` at the end.
fn check(frames: &[Value]) {
    let kind = |frame: &Value| frame["type"].as_str().unwrap().to_owned();
    let mut told = frames.iter().filter(|f| kind(f) != "ping");
    assert_eq!(kind(told.next().unwrap()), "message_start");
    let (mut next, mut open) = (0, None::<&Value>);
    let mut ending = Vec::new();
    for frame in told {
        let kind = kind(frame);
        if kind.starts_with("content_block") {
            assert!(ending.is_empty(), "{frame}");
        }
        match kind.as_str() {
            "content_block_start" => {
                assert!(open.is_none() && frame["index"] == next, "{frame}");
                open = Some(&frame["content_block"]);
            }
            "content_block_delta" => {
                let block = open.unwrap()["type"].as_str().unwrap();
                let fits = match frame["delta"]["type"].as_str().unwrap() {
                    "text_delta" | "citations_delta" => block == "text",
                    "thinking_delta" | "signature_delta" => block == "thinking",
                    "input_json_delta" => block.ends_with("tool_use"),
                    _ => false,
                };
                assert!(fits && frame["index"] == next, "{frame}");
            }
            "content_block_stop" => {
                assert!(open.take().is_some() && frame["index"] == next, "{frame}");
                next += 1;
            }
            _ => ending.push(kind),
        }
    }
    assert!(open.is_none());
    assert_eq!(ending, ["message_delta", "message_stop"]);
}

#[test]
fn a_stream_of_everything_is_read() {
    let events = decode(full().as_bytes(), usize::MAX);
    Checker::check(&events).unwrap();
    let answer = fold(&events);
    let wanted = answers::read(&json!({
        "id": "msg_1", "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s=="},
            {"type": "redacted_thinking", "data": "A="},
            {"type": "text", "text": "Grüße", "citations": [
                {"type": "char_location", "cited_text": "c", "document_index": 0,
                 "start_char_index": 1, "end_char_index": 2}]},
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "compaction", "content": "so far"},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
            {"type": "tool_use", "id": "toolu_2", "name": "none", "input": {}},
            {"type": "tool_use", "id": "toolu_3", "name": "early", "input": {"b": 2}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 12, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 0,
                  "output_tokens": 20, "output_tokens_details": {"thinking_tokens": 4}, "service_tier": "standard"},
    }));
    assert_eq!(answer, wanted);
}

#[test]
fn counts_in_a_stream_replace_each_other() {
    let start = json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 3}}});
    let delta = |output: u64| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output}});
    let stream = written(&[start, delta(5), delta(9), json!({"type": "message_stop"})]);
    let usage = fold(&decode(stream.as_bytes(), usize::MAX)).usage;
    assert_eq!((usage.input, usage.output), (Some(10), Some(9)));
}

#[test]
fn every_cut_gives_the_same_events() {
    let stream = full();
    let whole = decode(stream.as_bytes(), usize::MAX);
    for cut in 0..stream.len() {
        assert_eq!(decode(stream.as_bytes(), cut), whole, "{cut}");
    }
    let crlf = stream.replace('\n', "\r\n");
    assert_eq!(decode(crlf.as_bytes(), usize::MAX), whole);
}

#[test]
fn a_stream_of_everything_is_written_and_read_again() {
    let events = decode(full().as_bytes(), usize::MAX);
    let stream = encode(&events, &asked());
    frames(&stream);
    let mut wanted = fold(&events);
    wanted.model = "my-model".into();
    assert_eq!(fold(&decode(&stream, usize::MAX)), wanted);
    // And as the whole answer it is.
    let stream = encode(&unfold(wanted.clone()), &asked());
    frames(&stream);
    let mut again = fold(&decode(&stream, usize::MAX));
    again.service_tier = wanted.service_tier.clone();
    assert_eq!(again, wanted);
}

#[test]
fn a_stream_of_another_provider_keeps_the_grammar() {
    let (mut writer, mut events) = (Writer::default(), vec![Event::Ping]);
    writer.start(Start::default, &mut events);
    writer.thinking(0, "Hm.", &mut events);
    writer.text(0, "Hi", &mut events);
    events.push(Event::Ping);
    writer.call(0, 0, Some("a"), Some("f"), "", &mut events);
    writer.call(0, 1, Some("b"), Some("g"), "{\"x\":", &mut events);
    writer.call(0, 1, None, None, "1}", &mut events);
    writer.call(0, 2, Some("c"), Some("h"), "no JSON", &mut events);
    writer.refusal(0, "no", &mut events);
    // A second choice has no place.
    writer.text(1, "other", &mut events);
    writer.finish(1, Ending::new(Finish::Stop, "stop"), &mut events);
    writer.finish(0, Ending::new(Finish::ToolCalls, "tool_calls"), &mut events);
    let usage = TokenUsage {
        input: Some(9),
        output: Some(4),
        cache_read: Some(3),
        ..TokenUsage::default()
    };
    events.push(Event::Usage(usage));
    assert!(writer.end(&mut events));
    Checker::check(&events).unwrap();

    let frames = frames(&encode(&events, &asked()));
    assert_eq!(frames[0]["type"], "ping");
    assert_eq!(
        frames[1]["message"],
        json!({"id": "msg_req1", "type": "message", "role": "assistant", "model": "my-model", "content": [],
               "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 0, "output_tokens": 0}})
    );
    let json_of = |index: u64| -> String {
        let deltas = frames.iter().filter(|f| f["index"] == index);
        deltas
            .filter_map(|f| f["delta"]["partial_json"].as_str())
            .collect()
    };
    assert_eq!(
        (json_of(2).as_str(), json_of(3).as_str()),
        ("{}", "{\"x\":1}")
    );
    assert_eq!(json_of(4), r#"{"arguments":"no JSON"}"#);
    let starts: Vec<_> = frames
        .iter()
        .filter(|f| f["content_block"]["type"] == "tool_use")
        .map(|f| f["content_block"]["input"].clone())
        .collect();
    assert_eq!(starts, [json!({}), json!({}), json!({})]);
    let delta = &frames[frames.len() - 2];
    assert_eq!(
        delta["delta"],
        json!({"stop_reason": "tool_use", "stop_sequence": null})
    );
    assert_eq!(
        delta["usage"],
        json!({"input_tokens": 6, "cache_read_input_tokens": 3, "output_tokens": 4})
    );
}

#[test]
fn empty_parts_are_not_told() {
    let open = |part| Event::Open { choice: 0, part };
    let thinking = Part::new(Content::Thinking {
        text: String::new(),
        id: None,
    });
    let events = [
        Event::Start(Start::default()),
        open(Part::text("")),
        Event::Close { choice: 0 },
        open(thinking),
        Event::Close { choice: 0 },
        open(Part::text("")),
        Event::Delta {
            choice: 0,
            delta: Delta::Text("x".into()),
        },
        Event::Close { choice: 0 },
        Event::Finish {
            choice: 0,
            ending: Ending::default(),
        },
        Event::End,
    ];
    let frames = frames(&encode(&events, &asked()));
    let starts = frames.iter().filter(|f| f["type"] == "content_block_start");
    assert_eq!(starts.count(), 1);
}

#[test]
fn a_block_of_several_lines_stays_one_frame() {
    let mut body = answers::full();
    body["content"].as_array_mut().unwrap().truncate(4);
    let pretty = serde_json::to_vec_pretty(&body).unwrap();
    let answer = ProviderCodec::answer(&AnthropicMessages, &pretty).unwrap();
    let frames = frames(&encode(&unfold(answer), &asked()));
    let block = |frame: &&Value| frame["content_block"]["type"] == "server_tool_use";
    let block = frames.iter().find(block).unwrap();
    // Its input comes as that of any call.
    let mut wanted = body["content"][3].clone();
    let input = std::mem::replace(&mut wanted["input"], json!({}));
    assert_eq!(block["content_block"], wanted);
    let told = |frame: &&Value| frame["index"] == block["index"] && frame["delta"].is_object();
    let told = frames.iter().find(told).unwrap()["delta"]["partial_json"].as_str();
    let told: Value = serde_json::from_str(told.unwrap()).unwrap();
    assert_eq!(told, input);
}

#[test]
fn a_stream_that_breaks_off_has_no_end() {
    let stream = full();
    let frames: Vec<_> = stream.split_inclusive("\n\n").collect();
    let whole = |n: usize| {
        let events = decode(frames[..n].concat().as_bytes(), usize::MAX);
        events.contains(&Event::End)
    };
    // The stop reason is enough, and nothing less is.
    for n in 0..frames.len() {
        assert_eq!(whole(n), n >= frames.len() - 1, "{n}");
    }
    // What a client was told of a broken stream has no end either.
    let events = decode(frames[..12].concat().as_bytes(), usize::MAX);
    let told = String::from_utf8(encode(&events, &asked())).unwrap();
    assert!(told.contains("text_delta") && !told.contains("message_stop"));
}

#[test]
fn an_error_ends_a_stream() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    let stream =
        full().split_inclusive("\n\n").take(5).collect::<String>() + &written(&[error]) + &full();
    let events = decode(stream.as_bytes(), usize::MAX);
    let Some(Event::Error(error)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(
        (error.status, error.kind.as_deref(), error.message.as_str()),
        (529, Some("overloaded_error"), "busy")
    );
}

#[test]
fn frames_in_a_wild_order_keep_the_canonical_grammar() {
    let stream = full();
    let frames: Vec<_> = stream.split_inclusive("\n\n").collect();
    for step in 1..frames.len() {
        let mixed: String = (0..frames.len())
            .map(|n| frames[n * step % frames.len()])
            .collect();
        let mut checker = Checker::default();
        for event in decode(mixed.as_bytes(), usize::MAX) {
            checker.push(&event).unwrap();
        }
    }
}
