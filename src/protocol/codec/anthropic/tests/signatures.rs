//! Signatures of any provider through a client of this dialect.

use serde_json::{Value, json};

use super::{AnthropicMessages, asked, decode, encode, fold, read};
use crate::protocol::{
    chat::{ChatAnswer, Choice, Content, Ending, Finish, Origin, Part, Role},
    codec::{ClientCodec, ProviderCodec, Target},
    event::{Delta, Event, unfold},
    loss::Losses,
    signature::{Place, Signature},
};

fn call(id: &str) -> Part {
    Part::new(Content::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: "{}".into(),
    })
}

fn thought(text: &str) -> Part {
    Part::new(Content::Thinking {
        text: text.into(),
        id: None,
    })
}

fn by(origin: Origin, place: Place, value: &str) -> Option<Signature> {
    Some(Signature::new(origin, place, value))
}

fn answer(parts: Vec<Part>) -> ChatAnswer {
    ChatAnswer {
        id: "msg_1".into(),
        model: "my-model".into(),
        choices: vec![Choice {
            parts,
            ending: Ending::new(Finish::ToolCalls, "tool_use"),
            ..Choice::default()
        }],
        ..ChatAnswer::default()
    }
}

/// The content that a client keeps of an answer, whole or streamed.
fn contents(answer: &ChatAnswer) -> [Value; 2] {
    let whole = ClientCodec::answer(&AnthropicMessages, answer, &asked());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    // Read as Anthropic's own, blocks come out as they stand.
    let stream = fold(&decode(
        &encode(&unfold(answer.clone()), &asked()),
        usize::MAX,
    ));
    let stream = ClientCodec::answer(&AnthropicMessages, &stream, &asked());
    let stream: Value = serde_json::from_slice(&stream).unwrap();
    [whole["content"].clone(), stream["content"].clone()]
}

#[test]
fn four_turns_of_tools_give_every_signature_back() {
    for origin in [
        Origin::Anthropic,
        Origin::OpenAi,
        Origin::Gemini,
        Origin::Bedrock,
    ] {
        let mut parts = vec![
            thought("Hm.").signed(by(origin, Place::Thinking, "s/+1==")),
            thought("").signed(by(origin, Place::Thinking, "only")),
            Part::new(Content::RedactedThinking).signed(by(
                origin,
                Place::Redacted,
                "\u{e9}::data",
            )),
        ];
        if origin == Origin::Gemini {
            parts.push(Part::text("Now.").signed(by(origin, Place::Text, "on the text")));
            parts.push(call("a").signed(by(origin, Place::Call, "on the call")));
            parts.push(call("b"));
        } else {
            parts.push(call("a"));
        }
        for n in 0..2 {
            let mut messages = vec![json!({"role": "user", "content": "Go"})];
            for _ in 0..4 {
                let content = contents(&answer(parts.clone()))[n].clone();
                messages.push(json!({"role": "assistant", "content": content}));
                messages.push(json!({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"}
                ]}));
            }
            let request = read(&json!({"max_tokens": 9, "messages": messages}));
            let turns = request
                .messages
                .iter()
                .filter(|m| m.role == Role::Assistant);
            let turns: Vec<_> = turns.map(|m| &m.parts).collect();
            assert_eq!(turns, [&parts; 4], "{origin:?} {n}");
        }
    }
}

#[test]
fn only_its_own_reasoning_goes_to_the_provider() {
    let request = read(&json!({"max_tokens": 9, "messages": [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": contents(&answer(vec![
            thought("mine").signed(by(Origin::Anthropic, Place::Thinking, "own")),
            Part::new(Content::RedactedThinking).signed(by(Origin::Anthropic, Place::Redacted, "sealed")),
            thought("theirs").signed(by(Origin::OpenAi, Place::Thinking, "foreign")),
            thought("nobody's"),
            Part::text("Now.").signed(by(Origin::Gemini, Place::Text, "t")),
        ]))[0]},
    ]}));
    let mut losses = Losses::default();
    let target = Target {
        model: "m",
        known: None,
        asks_stream_usage: false,
        vendor: "",
    };
    let written = ProviderCodec::request(&AnthropicMessages, &request, &target, &mut losses);
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(
        written["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "mine", "signature": "own"},
            {"type": "redacted_thinking", "data": "sealed"},
            {"type": "text", "text": "Now."},
        ])
    );
    let told: Vec<_> = losses.all().iter().map(|loss| loss.what.as_str()).collect();
    assert_eq!(told, ["reasoning of another provider"]);
    assert!(losses.fatal().is_none());
}

#[test]
fn a_signature_that_comes_late_is_not_lost() {
    let gemini = |place| Signature::new(Origin::Gemini, place, "late");
    let delta = |delta| Event::Delta { choice: 0, delta };
    let open = |part| Event::Open { choice: 0, part };
    let close = Event::Close { choice: 0 };
    let mut events = unfold(answer(vec![]));
    let body = vec![
        open(Part::text("")),
        delta(Delta::Text("Now.".into())),
        delta(Delta::Signature(gemini(Place::Text))),
        close.clone(),
        open(Part::new(Content::ToolCall {
            id: "a".into(),
            name: "f".into(),
            arguments: String::new(),
        })),
        delta(Delta::Arguments("{\"a\":1}".into())),
        delta(Delta::Signature(gemini(Place::Call))),
        close,
    ];
    events.splice(1..1, body);
    let stream = fold(&decode(&encode(&events, &asked()), usize::MAX));
    let content = ClientCodec::answer(&AnthropicMessages, &stream, &asked());
    let content: Value = serde_json::from_slice(&content).unwrap();
    let turn = json!({"role": "assistant", "content": content["content"]});
    let request = read(&json!({"max_tokens": 9, "messages": [turn]}));
    let parts = &request.messages[0].parts;
    let signed: Vec<_> = parts.iter().map(|p| p.signature.is_some()).collect();
    assert_eq!(signed, [false, true, true], "{parts:?}");
    assert!(matches!(parts[2].content, Content::ToolCall { .. }));
}
