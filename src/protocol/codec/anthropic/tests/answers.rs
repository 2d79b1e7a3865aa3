//! Whole answers.

use serde_json::{Value, json};

use super::{AnthropicMessages, asked};
use crate::protocol::{
    chat::{
        ChatAnswer, Choice, Citation, Content, Ending, Finish, Json, Location, Media, MediaKind,
        Origin, Part, Source, TokenUsage,
    },
    codec::{ClientCodec, ProviderCodec},
};

/// An answer with most of what there is.
pub(in super::super) fn full() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "my-model",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "sig=="},
            {"type": "redacted_thinking", "data": "AAA="},
            {"type": "text", "text": "Look: ", "citations": [
                {"type": "page_location", "cited_text": "c", "document_index": 0, "document_title": "D",
                 "start_page_number": 1, "end_page_number": 2},
                {"type": "content_block_location", "cited_text": "c", "document_index": 2, "document_title": null,
                 "file_id": "file_1", "start_block_index": 0, "end_block_index": 1},
                {"type": "search_result_location", "cited_text": "c", "search_result_index": 1, "source": "s",
                 "title": null, "start_block_index": 0, "end_block_index": 1},
                {"type": "web_search_result_location", "cited_text": "c", "encrypted_index": "", "title": "W",
                 "url": "https://x.test"},
            ]},
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {
            "input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7,
            "cache_creation": {"ephemeral_1h_input_tokens": 2, "ephemeral_5m_input_tokens": 3},
            "output_tokens": 20, "output_tokens_details": {"thinking_tokens": 8}, "service_tier": "standard",
        },
    })
}

pub(super) fn read(body: &Value) -> ChatAnswer {
    let body = serde_json::to_vec(body).unwrap();
    ProviderCodec::answer(&AnthropicMessages, &body).unwrap()
}

fn write(answer: &ChatAnswer) -> Value {
    let body = ClientCodec::answer(&AnthropicMessages, answer, &asked());
    serde_json::from_slice(&body).unwrap()
}

fn answer(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        choices: vec![Choice {
            parts,
            ending: Ending::new(finish, "x"),
            ..Choice::default()
        }],
        ..ChatAnswer::default()
    }
}

#[test]
fn an_answer_of_everything_is_written_as_it_was_read() {
    assert_eq!(write(&read(&full())), full());
}

#[test]
fn input_counts_what_the_cache_had_and_took() {
    let usage = read(&full()).usage;
    let wanted = TokenUsage {
        input: Some(22),
        output: Some(20),
        cache_read: Some(7),
        cache_write: Some(5),
        cache_write_1h: Some(2),
        reasoning: Some(8),
        ..TokenUsage::default()
    };
    assert_eq!(usage, wanted);
    // What is not known is not told, but for the two counts that the schema demands.
    let written = write(&answer(vec![], Finish::Stop));
    assert_eq!(
        written["usage"],
        json!({"input_tokens": 0, "output_tokens": 0})
    );
    assert_eq!(written["id"], "msg_req1");
}

#[test]
fn citations_keep_their_places() {
    let answer = read(&full());
    let Content::Text { citations, .. } = &answer.choices[0].parts[2].content else {
        panic!("no text");
    };
    let places: Vec<_> = citations.iter().map(|c| (c.document, c.location)).collect();
    assert_eq!(
        places,
        [
            (Some(0), Some(Location::Pages(1, 2))),
            (Some(2), Some(Location::Blocks(0, 1))),
            (Some(1), Some(Location::Blocks(0, 1))),
            (None, None),
        ]
    );
    // Another provider's annotation is a result of a web search; a file without a place has none.
    let url = Citation {
        start: Some(0),
        end: Some(2),
        url: Some("https://x.test".into()),
        ..Citation::default()
    };
    let file = Citation {
        file: Some("file-1".into()),
        ..Citation::default()
    };
    let text = Part::new(Content::Text {
        text: "Hi".into(),
        citations: vec![url, file],
    });
    assert_eq!(
        write(&self::answer(vec![text], Finish::Stop))["content"][0]["citations"],
        json!([{"type": "web_search_result_location", "cited_text": "", "encrypted_index": "", "title": null,
                "url": "https://x.test"}])
    );
}

#[test]
fn every_ending_has_its_word() {
    for (finish, word) in [
        (Finish::Stop, "end_turn"),
        (Finish::StopSequence, "stop_sequence"),
        (Finish::Length, "max_tokens"),
        (Finish::ContextWindow, "model_context_window_exceeded"),
        (Finish::ToolCalls, "tool_use"),
        (Finish::ContentFilter, "refusal"),
        (Finish::Refusal, "refusal"),
        (Finish::Pause, "pause_turn"),
        (Finish::MalformedCall, "end_turn"),
        (Finish::Other, "end_turn"),
    ] {
        assert_eq!(write(&answer(vec![], finish))["stop_reason"], word);
        let mut body = full();
        body["stop_reason"] = word.into();
        let read = read(&body).choices[0].ending.clone();
        assert_eq!(read.word.as_deref(), Some(word));
        let same = !matches!(
            finish,
            Finish::ContentFilter | Finish::MalformedCall | Finish::Other
        );
        assert_eq!(read.finish == finish, same, "{word}");
    }
    let mut body = full();
    body["stop_reason"] = "something_new".into();
    assert_eq!(read(&body).choices[0].ending.finish, Finish::Other);
    body["stop_reason"] = "stop_sequence".into();
    body["stop_sequence"] = "END".into();
    let read = read(&body);
    assert_eq!(read.choices[0].ending.sequence.as_deref(), Some("END"));
    assert_eq!(write(&read)["stop_sequence"], "END");
}

#[test]
fn a_refusal_is_text_and_an_ending() {
    let refusal = Part::new(Content::Refusal {
        text: "I won't.".into(),
    });
    let written = write(&answer(vec![refusal], Finish::Stop));
    assert_eq!(
        written["content"],
        json!([{"type": "text", "text": "I won't."}])
    );
    assert_eq!(written["stop_reason"], "refusal");
}

#[test]
fn what_has_no_place_is_noted_or_left_out() {
    let media = |kind, source, transcript: Option<&str>| {
        Part::new(Content::Media(Media {
            transcript: transcript.map(str::to_owned),
            ..Media::new(kind, Some("image/png".into()), source)
        }))
    };
    let parts = vec![
        media(MediaKind::Image, Source::Base64("AAAA".into()), None),
        media(
            MediaKind::Image,
            Source::Url("https://x.test/i".into()),
            None,
        ),
        media(
            MediaKind::Audio,
            Source::Base64("AAAA".into()),
            Some("spoken"),
        ),
        Part::new(Content::Foreign {
            origin: Origin::OpenAi,
            json: Json::default(),
        }),
        Part::text(""),
    ];
    let written = write(&answer(parts, Finish::Stop));
    let texts: Vec<_> = written["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "[image/png left out: the Messages API has no image in answers]",
            "![image](https://x.test/i)",
            "spoken",
        ]
    );
}

#[test]
fn arguments_that_are_no_object_become_one() {
    let call = |arguments: &str| {
        Part::new(Content::ToolCall {
            id: "a".into(),
            name: "f".into(),
            arguments: arguments.into(),
        })
    };
    let written = write(&answer(
        vec![call(""), call("{\"a\":"), call("{ }")],
        Finish::Stop,
    ));
    let inputs: Vec<_> = (0..3).map(|n| &written["content"][n]["input"]).collect();
    assert_eq!(
        inputs,
        [&json!({}), &json!({"arguments": "{\"a\":"}), &json!({})]
    );
    assert_eq!(written["stop_reason"], "tool_use");
}

#[test]
fn what_is_no_answer_is_not_understood() {
    for body in [
        "",
        "x",
        "[]",
        "{}",
        r#"{"content":null}"#,
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
    ] {
        assert!(
            ProviderCodec::answer(&AnthropicMessages, body.as_bytes()).is_err(),
            "{body}"
        );
    }
    let empty = read(&json!({"content": [], "stop_reason": "end_turn"}));
    assert_eq!(empty.choices[0].parts, []);
    let odd =
        read(&json!({"content": [{"type": "text", "text": 5}, 7], "stop_reason": "end_turn"}));
    assert_eq!(odd.choices[0].parts.len(), 2);
}
