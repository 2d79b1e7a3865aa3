//! What must not come out: not a byte of it reaches the client, and the answer ends as its dialect ends filtered ones.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    guards,
    said::{Cut, Said},
};
use crate::{
    conversion::{Speaks, Told, by_responses},
    harness::{Answer, Gateway},
    upstream::{Gate, Kind, Reply, Upstream},
};

const FORBIDDEN: &str = "Bluebird Nine";
const CLEAN: &str = "The project is called ";

fn blocking() -> Value {
    json!({ "prompts": { "own": "observe" }, "answers": { "own": "block" } })
}

fn masking() -> Value {
    json!({ "prompts": { "own": "observe" }, "answers": { "own": "mask" } })
}

/// Answers with the forbidden words in one place each; the arguments have a key behind them.
fn answers() -> [(&'static str, Said); 3] {
    let text = format!("{CLEAN}{FORBIDDEN}, as all know.");
    let arguments = json!({ "name": text, "last": 1 }).to_string();
    let fine = "Fine.".to_owned();
    [
        ("text", Said::text(text.clone())),
        (
            "thinking",
            Said {
                thinking: text,
                text: fine.clone(),
                ..Said::default()
            },
        ),
        (
            "arguments",
            Said {
                arguments,
                text: fine,
                ..Said::default()
            },
        ),
    ]
}

fn ending(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Messages => "refusal",
        Speaks::Responses => "incomplete",
        Speaks::Generate => "SAFETY",
        Speaks::Chat | Speaks::Completions => "content_filter",
    }
}

/// Nothing of the forbidden words is there, in whatever way, and the end is the dialect's own.
fn is_stopped(what: &str, speaks: Speaks, stream: bool, answer: &Answer) -> Told {
    let raw = answer.body_text();
    for part in ["Blue", "bird", "Nine"] {
        assert!(!raw.contains(part), "{what}: {raw}");
    }
    // Arguments that are cut short are no JSON any more, and Anthropic's SDK has no message of them.
    if stream && speaks == Speaks::Messages && raw.contains("input_json_delta") {
        crate::conversion::keeps_grammar(speaks.form(), answer);
        assert!(
            raw.contains(r#""stop_reason":"refusal""#) && !raw.contains("end_turn"),
            "{what}: {raw}"
        );
        return Told::default();
    }
    let told = speaks.read(answer, stream);
    assert!(
        !told.text.contains('B') && !told.thinking.contains('B'),
        "{what}: {raw}"
    );
    assert!(
        told.calls
            .iter()
            .all(|(_, args)| !args.to_string().contains('B')),
        "{what}: {raw}"
    );
    assert_eq!(told.ending, ending(speaks), "{what}: {raw}");
    if speaks == Speaks::Responses {
        let last = answer.values().pop().expect("an end");
        let response = if stream { &last["response"] } else { &last };
        assert_eq!(
            response["incomplete_details"]["reason"], "content_filter",
            "{what}"
        );
    }
    told
}

async fn asks(gateway: &Gateway, speaks: Speaks, model: &str, stream: bool) -> Answer {
    let path = speaks.path(&model.replace('/', "%2F"), stream);
    gateway
        .ask(&path, speaks.request(model, stream).to_string())
        .whole()
        .await
}

const NATIVE: [(Speaks, Kind); 4] = [
    (Speaks::Chat, Kind::Openai),
    (Speaks::Responses, Kind::Openai),
    (Speaks::Messages, Kind::Anthropic),
    (Speaks::Generate, Kind::Gemini),
];

async fn gateway(kind: Kind, profile: Value) -> (Upstream, Gateway) {
    super::behind(kind, Reply::text("ok"), guards(profile)).await
}

fn says(said: &Said, cut: Cut) -> Reply {
    let said = said.clone();
    Reply::made(move |path, body| said.answer(path, body, cut))
}

#[tokio::test]
async fn a_blocked_text_never_reaches_the_client_wherever_it_is_cut() {
    for (speaks, kind) in NATIVE {
        let (upstream, gateway) = gateway(kind, blocking()).await;
        for (place, said) in answers() {
            upstream.now(says(&said, Cut::None));
            let what = format!("{speaks:?} {place}");
            is_stopped(
                &format!("{what}, whole"),
                speaks,
                false,
                &asks(&gateway, speaks, "p/m", false).await,
            );
            let cuts = (CLEAN.len()..CLEAN.len() + FORBIDDEN.len() + 12).map(Cut::At);
            for cut in [Cut::None, Cut::Each].into_iter().chain(cuts) {
                upstream.now(says(&said, cut));
                let answer = asks(&gateway, speaks, "p/m", true).await;
                let told = is_stopped(&format!("{what} {cut:?}"), speaks, true, &answer);
                if place == "text" && cut == Cut::Each {
                    assert_eq!(told.text, CLEAN, "{what}: what stands before passes");
                }
            }
        }
        let found = r#"sluicegate_guard_findings_total{direction="answer",rule="code_word",action="block"}"#;
        assert!(gateway.metric(found).await >= 3.0);
    }
}

#[tokio::test]
async fn a_masked_text_is_masked_wherever_it_is_cut() {
    for (speaks, kind) in NATIVE {
        let (upstream, gateway) = gateway(kind, masking()).await;
        for (place, said) in answers() {
            let cuts = (CLEAN.len()..CLEAN.len() + FORBIDDEN.len() + 12).map(Cut::At);
            for (cut, stream) in [(Cut::None, false), (Cut::None, true), (Cut::Each, true)]
                .into_iter()
                .chain(cuts.map(|cut| (cut, true)))
            {
                upstream.now(says(&said, cut));
                let answer = asks(&gateway, speaks, "p/m", stream).await;
                let what = format!("{speaks:?} {place} {cut:?} {stream}");
                let raw = answer.body_text();
                assert!(
                    !raw.contains("Blue") && !raw.contains("bird"),
                    "{what}: {raw}"
                );
                let told = speaks.read(&answer, stream);
                let masked = format!("{CLEAN}******** Nine, as all know.");
                match place {
                    "text" => assert_eq!(told.text, masked, "{what}"),
                    "thinking" => {
                        assert_eq!((told.thinking, &*told.text), (masked, "Fine."), "{what}")
                    }
                    _ => assert_eq!(
                        told.calls[0].1,
                        json!({ "name": masked, "last": 1 }),
                        "{what}"
                    ),
                }
            }
        }
    }
}

#[tokio::test]
async fn clients_of_other_dialects_are_told_the_same() {
    let upstreams = [
        Upstream::openai().start().await,
        Upstream::openai().start().await,
        Upstream::anthropic().start().await,
        Upstream::gemini().start().await,
    ];
    let gateway = super::start(json!({
        "providers": {
            "chat": upstreams[0].provider(), "responses": by_responses(&upstreams[1]),
            "messages": upstreams[2].provider(), "generate": upstreams[3].provider(),
        },
        "guards": guards(blocking()),
    }))
    .await;
    let (_, said) = &answers()[0];
    for (target, upstream) in ["chat", "responses", "messages", "generate"]
        .iter()
        .zip(&upstreams)
    {
        for cut in [Cut::None, Cut::Each] {
            upstream.now(says(said, cut));
            for speaks in Speaks::ALL {
                for stream in [false, true] {
                    let answer = asks(&gateway, speaks, &format!("{target}/m"), stream).await;
                    is_stopped(
                        &format!("{speaks:?} from {target} {cut:?} {stream}"),
                        speaks,
                        stream,
                        &answer,
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stopped_stream_lets_the_provider_go_at_once() {
    for (speaks, kind) in NATIVE {
        let gate = Gate::new();
        let (_, said) = &answers()[0];
        // The provider holds the end back.
        let reply = says(said, Cut::Each).stepped(CLEAN.len() + FORBIDDEN.len() + 8, &gate);
        let (upstream, gateway) = super::behind(kind, reply, guards(blocking())).await;
        let begun = Instant::now();
        let answer = asks(&gateway, speaks, "p/m", true).await;
        is_stopped(&format!("{speaks:?}"), speaks, true, &answer);
        let given_up = upstream.only().given_up().await;
        assert!(given_up - begun < Duration::from_secs(2), "{speaks:?}");
    }
}

#[tokio::test]
async fn all_choices_end_and_each_once() {
    let chunk = |choices: Value| {
        let event = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices });
        format!("data: {event}\n\n")
    };
    let choice = |index: u32, text: &str, finish: Value| json!({ "index": index, "delta": { "content": text }, "finish_reason": finish });
    let begin = |index: u32, text: &str| json!({ "index": index, "delta": { "role": "assistant", "content": text }, "finish_reason": null });
    let frames = [
        chunk(json!([begin(0, "one")])),
        chunk(json!([begin(1, "two ")])),
        chunk(json!([choice(0, "", "stop".into())])),
        chunk(json!([begin(2, "three"), choice(1, "Blueb", Value::Null)])),
        chunk(json!([choice(1, "ird Nine", "stop".into())])),
        chunk(json!([choice(2, "never", "stop".into())])),
        "data: [DONE]\n\n".into(),
    ];
    let (_upstream, gateway) =
        super::behind(Kind::Openai, Reply::events(frames), guards(blocking())).await;
    let answer = asks(&gateway, Speaks::Chat, "p/m", true).await;
    crate::conversion::keeps_grammar(Speaks::Chat.form(), &answer);
    let mut ends: Vec<(u64, String)> = answer
        .values()
        .iter()
        .flat_map(|v| v["choices"].as_array().cloned().unwrap_or_default())
        .filter_map(|c| {
            Some((
                c["index"].as_u64()?,
                c["finish_reason"].as_str()?.to_owned(),
            ))
        })
        .collect();
    ends.sort();
    let filtered = || "content_filter".to_owned();
    assert_eq!(ends, [(0, "stop".into()), (1, filtered()), (2, filtered())]);
    let raw = answer.body_text();
    assert!(!raw.contains("Blue") && !raw.contains("never"), "{raw}");
}

#[tokio::test]
async fn what_only_begins_like_it_passes() {
    let (upstream, gateway) = gateway(Kind::Openai, blocking()).await;
    let text = "KD-1234567 and KD-12345 fly; Bluebird Ninety, Bluebird";
    for cut in [Cut::None, Cut::Each]
        .into_iter()
        .chain((0..text.len()).map(Cut::At))
    {
        upstream.now(says(&Said::text(text), cut));
        let answer = asks(&gateway, Speaks::Chat, "p/m", true).await;
        assert_eq!(Speaks::Chat.read(&answer, true).text, text, "{cut:?}");
    }
}

#[tokio::test]
async fn odd_frames_are_no_way_around_it() {
    let deep = format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"Bluebird Nine","x":{}{}}}}}]}}"#,
        "[".repeat(400),
        "]".repeat(400)
    );
    for frame in [
        r#"data:   {"choices":[{"index":0,"delta":{"content":"Bluebird Nine"}}]}"#.to_owned(),
        "data: Bluebird Nine".to_owned(),
        format!("data: {deep}"),
        "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"Bluebird Nine\"}}]}"
            .to_owned(),
        r#"data: {"choices":[{"index":0,"delta":{"strange":{"words":["Bluebird Nine"]}}}]}"#
            .to_owned(),
        r#"data: {"choices":[{"index":0,"delta":{"content":"\u0042luebird\u0020Nine"}}]}"#
            .to_owned(),
    ] {
        let start = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi "},"finish_reason":null}]}"#;
        let reply = Reply::events([
            format!("{start}\n\n"),
            format!("{frame}\n\n"),
            "data: [DONE]\n\n".into(),
        ]);
        let (_upstream, gateway) = super::behind(Kind::Openai, reply, guards(blocking())).await;
        let answer = asks(&gateway, Speaks::Chat, "p/m", true).await;
        let raw = answer.body_text();
        assert!(!raw.contains("luebird"), "{frame:.60}: {raw}");
    }
}
