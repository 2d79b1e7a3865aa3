use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::protocol::{
    Operation,
    chat::{Choice, Ending},
    event::unfold,
};

fn read(body: Value) -> Result<ChatRequest, Failure> {
    let call = Call {
        operation: Operation::Completions,
        model: None,
        version: "v1",
    };
    Completions.request(&call, body.to_string().as_bytes())
}

fn asked(include_usage: bool) -> Asked {
    Asked {
        operation: Operation::Completions,
        model: "mine".into(),
        request_id: "r1".into(),
        now: 5,
        include_usage,
        sse: true,
        request: Arc::default(),
    }
}

fn hello() -> ChatAnswer {
    let token = |token: &str| TokenLogprob {
        token: token.into(),
        logprob: -0.5,
        ..TokenLogprob::default()
    };
    ChatAnswer {
        choices: vec![Choice {
            parts: vec![Part::text("Hello")],
            ending: Ending::new(Finish::Length, ""),
            logprobs: vec![
                token("Hel"),
                TokenLogprob {
                    top: vec![token("lo"), token("p")],
                    ..token("lo")
                },
            ],
            ..Choice::default()
        }],
        usage: TokenUsage {
            input: Some(2),
            output: Some(3),
            ..TokenUsage::default()
        },
        ..ChatAnswer::default()
    }
}

#[test]
fn a_prompt_is_what_the_user_says() {
    for prompt in [json!("Hi"), json!(["Hi"])] {
        let request = read(
            json!({ "model": "m", "prompt": prompt, "max_tokens": 5, "stop": "x",
            "logprobs": 2, "best_of": 1, "echo": false, "suffix": null, "logit_bias": {} }),
        )
        .unwrap();
        assert_eq!(request.messages[0].role, Role::User);
        assert_eq!(request.messages[0].parts, [Part::text("Hi")]);
        assert_eq!((request.max_tokens, request.logprobs), (Some(5), Some(2)));
        assert_eq!(request.extra[0].0, "logit_bias");
    }
}

#[test]
fn what_a_chat_model_cannot_do_is_refused_by_name() {
    for (member, value) in [
        ("prompt", json!(["a", "b"])),
        ("prompt", json!([1, 2])),
        ("prompt", json!([[1, 2]])),
        ("prompt", json!([])),
        ("prompt", json!(null)),
        ("echo", json!(true)),
        ("suffix", json!("end")),
        ("best_of", json!(2)),
    ] {
        let mut body = json!({ "prompt": "Hi" });
        body[member] = value;
        assert_eq!(
            read(body.clone()).unwrap_err().param.as_deref(),
            Some(member),
            "{body}"
        );
    }
}

#[test]
fn an_answer_is_a_text_completion() {
    let body = Completions.answer(&hello(), &asked(false));
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body,
        json!({
            "id": "cmpl-r1", "object": "text_completion", "created": 5, "model": "mine",
            "choices": [{ "text": "Hello", "index": 0, "finish_reason": "length", "logprobs": {
                "tokens": ["Hel", "lo"], "token_logprobs": [-0.5, -0.5],
                "top_logprobs": [{}, { "lo": -0.5, "p": -0.5 }], "text_offset": [0, 3],
            }}],
            "usage": { "prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5 },
        })
    );
}

#[test]
fn a_stream_is_text_completions_and_usage_if_asked() {
    for include_usage in [false, true] {
        let mut out = BytesMut::new();
        let mut stream = Completions.stream(&asked(include_usage));
        for event in unfold(hello()) {
            stream.event(&event, &mut out);
        }
        let text = String::from_utf8(out.to_vec()).unwrap();
        let mut frames: Vec<_> = text
            .split_terminator("\n\n")
            .map(|frame| frame.strip_prefix("data: ").unwrap())
            .collect();
        assert_eq!(frames.pop(), Some("[DONE]"));
        let chunks: Vec<Value> = frames
            .iter()
            .map(|frame| serde_json::from_str(frame).unwrap())
            .collect();
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk["object"] == "text_completion")
        );
        assert_eq!(chunks[0]["choices"][0]["text"], "Hello");
        assert_eq!(
            chunks[1]["choices"][0]["logprobs"]["text_offset"],
            json!([0, 3])
        );
        assert_eq!(chunks[2]["choices"][0]["finish_reason"], "length");
        assert_eq!(chunks.len(), if include_usage { 4 } else { 3 });
        if include_usage {
            assert_eq!(chunks[3]["choices"], json!([]));
            assert_eq!(chunks[3]["usage"]["total_tokens"], 5);
        }
    }
}
