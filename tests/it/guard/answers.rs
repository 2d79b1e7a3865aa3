//! What was taken out of a request comes back in its answer: in texts, thoughts and arguments, whole and streamed, cut
//! anywhere, and in whatever dialect.

use serde_json::{Value, json};

use super::{
    CARD, MAIL, ODD, escaped, guards, placeholders, redacting,
    said::{Cut, Said},
};
use crate::{
    conversion::{Speaks, Told, by_responses},
    harness::Gateway,
    upstream::{Kind, Reply, Upstream},
};

/// What a model says that got these three in place of address, card and name.
fn says(marks: &[String]) -> Said {
    let [mail, card, odd] = marks else {
        panic!("three placeholders: {marks:?}");
    };
    Said {
        thinking: format!("So {mail}{odd} pays with {card}"),
        text: format!("é {odd}: wrote to <{mail}>, and\n[{card}]{mail} 日."),
        refusal: String::new(),
        arguments:
            json!({ "to": mail, "n": 12, "note": format!("{odd}\n{card}\\"), "list": [mail] })
                .to_string(),
    }
}

fn prompt() -> String {
    format!("mail {MAIL} card {CARD} name {ODD}")
}

/// An upstream that says what it got.
fn echo(cut: Cut) -> Reply {
    Reply::made(move |path, body| says(&marks_in(body)).answer(path, body, cut))
}

/// The placeholders of a request, in their order.
fn marks_in(body: &[u8]) -> Vec<String> {
    placeholders(&String::from_utf8_lossy(body))
}

fn body(speaks: Speaks, model: &str, stream: bool) -> Value {
    let mut body = speaks.request(model, stream);
    let place = match speaks {
        Speaks::Chat => "/messages/1/content",
        Speaks::Responses => "/input",
        Speaks::Completions => "/prompt",
        Speaks::Messages => "/messages/0/content",
        Speaks::Generate => "/contents/0/parts/0/text",
    };
    *body.pointer_mut(place).expect("a text") = prompt().into();
    body
}

async fn asks(gateway: &Gateway, speaks: Speaks, model: &str, stream: bool) -> (Told, String) {
    let path = speaks.path(&model.replace('/', "%2F"), stream);
    let answer = gateway
        .ask(&path, body(speaks, model, stream).to_string())
        .whole()
        .await;
    (speaks.read(&answer, stream), answer.body_text())
}

fn is_restored(what: &str, (told, raw): &(Told, String), thinks: bool) {
    let wanted = says(&[MAIL.into(), CARD.into(), ODD.into()]);
    assert_eq!(told.text, wanted.text, "{what}");
    if thinks || !told.thinking.is_empty() {
        assert_eq!(told.thinking, wanted.thinking, "{what}");
    }
    let arguments: Value = serde_json::from_str(&wanted.arguments).expect("JSON");
    assert_eq!(told.calls, [("send".to_owned(), arguments)], "{what}");
    assert_eq!(placeholders(raw), Vec::<String>::new(), "{what}: {raw}");
}

/// A client's dialect and the kind of provider that speaks it.
const NATIVE: [(Speaks, Kind); 4] = [
    (Speaks::Chat, Kind::Openai),
    (Speaks::Responses, Kind::Openai),
    (Speaks::Messages, Kind::Anthropic),
    (Speaks::Generate, Kind::Gemini),
];

#[tokio::test]
async fn originals_come_back_in_texts_thoughts_and_arguments() {
    for (speaks, kind) in NATIVE {
        for cut in [Cut::None, Cut::Each] {
            let (_upstream, gateway) = super::behind(kind, echo(cut), guards(redacting())).await;
            for stream in [false, true] {
                let told = asks(&gateway, speaks, "p/m", stream).await;
                is_restored(&format!("{speaks:?} {cut:?} {stream}"), &told, true);
            }
        }
    }
}

#[tokio::test]
async fn wherever_events_cut_a_placeholder() {
    let length = says(
        &["x".repeat(18), "x".repeat(24), "x".repeat(16)]
            .map(|_| "[CREDIT_CARD_ABCDEFGH_1]".into()),
    )
    .arguments
    .len();
    for (speaks, kind) in NATIVE {
        let upstream = Upstream::of(kind).start().await;
        let gateway = super::start(
            json!({ "providers": { "p": upstream.provider() }, "guards": guards(redacting()) }),
        )
        .await;
        for at in 0..length {
            upstream.now(echo(Cut::At(at)));
            let told = asks(&gateway, speaks, "p/m", true).await;
            is_restored(&format!("{speaks:?} cut at {at}"), &told, true);
        }
    }
}

#[tokio::test]
async fn wherever_writes_cut_the_stream() {
    for (speaks, kind) in NATIVE {
        for size in [1, 7] {
            let reply = echo(Cut::At(20)).writes_of(size);
            let (_upstream, gateway) = super::behind(kind, reply, guards(redacting())).await;
            let told = asks(&gateway, speaks, "p/m", true).await;
            is_restored(&format!("{speaks:?} in writes of {size}"), &told, true);
        }
    }
}

#[tokio::test]
async fn from_providers_of_any_dialect_to_clients_of_any_other() {
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
        "guards": guards(redacting()),
    }))
    .await;
    for cut in [Cut::None, Cut::At(17), Cut::Each] {
        for (target, upstream) in ["chat", "responses", "messages", "generate"]
            .iter()
            .zip(&upstreams)
        {
            upstream.now(echo(cut));
            for speaks in Speaks::ALL {
                for stream in [false, true] {
                    let told = asks(&gateway, speaks, &format!("{target}/m"), stream).await;
                    is_restored(
                        &format!("{speaks:?} from {target} {cut:?} {stream}"),
                        &told,
                        false,
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn refusals_get_their_originals_back_too() {
    for path in ["/v1/chat/completions", "/v1/responses"] {
        let reply = Reply::made(|path, body| {
            let refusal = format!("I do not mail {}.", marks_in(body)[0]);
            Said {
                refusal,
                ..Said::default()
            }
            .answer(path, body, Cut::Each)
        });
        let (_upstream, gateway) = super::behind(Kind::Openai, reply, guards(redacting())).await;
        for stream in [false, true] {
            let body = json!({ "model": "p/m", "stream": stream, "input": MAIL, "messages": [{ "role": "user", "content": MAIL }] });
            let answer = gateway.ask(path, body.to_string()).whole().await;
            let raw = answer.body_text();
            assert_eq!(placeholders(&raw), Vec::<String>::new(), "{path} {stream}");
            let deltas: String = answer
                .values()
                .iter()
                .map(|v| {
                    let at = [
                        "/choices/0/delta/refusal",
                        "/choices/0/message/refusal",
                        "/output/0/content/0/refusal",
                    ];
                    let found = at
                        .iter()
                        .find_map(|at| v.pointer(at)?.as_str())
                        .or_else(|| v["delta"].as_str());
                    found.unwrap_or_default().to_owned()
                })
                .collect();
            assert_eq!(deltas, format!("I do not mail {MAIL}."), "{path} {stream}");
        }
    }
}

#[tokio::test]
async fn secrets_come_back_though_secrets_in_answers_are_masked() {
    let secret = "ghp_Zx81kQpW73nVbT5yLmC2dRf9sHgJ0aEu4oKi";
    for (speaks, kind) in NATIVE {
        let reply = Reply::made(|path, body| {
            let marks = marks_in(body);
            let text = format!("password={} and token: {}", marks[0], marks[0]);
            Said::text(text).answer(path, body, Cut::Each)
        });
        let (upstream, gateway) = super::behind(kind, reply, guards(json!({}))).await;
        for stream in [false, true] {
            let mut body = body(speaks, "p/m", stream).to_string();
            body = body.replace(&escaped(&prompt()), &format!("my token is {secret}"));
            let path = speaks.path("p%2Fm", stream);
            let answer = gateway.ask(&path, body).whole().await;
            let told = speaks.read(&answer, stream);
            assert_eq!(
                told.text,
                format!("password={secret} and token: {secret}"),
                "{speaks:?} {stream}"
            );
        }
        assert!(
            upstream
                .received()
                .iter()
                .all(|r| !String::from_utf8_lossy(&r.body).contains(secret))
        );
    }
}

#[tokio::test]
async fn stand_ins_of_the_same_form_come_back_and_masks_do_not() {
    let reply = || {
        Reply::made(|path, body| {
            let got: Value = serde_json::from_slice(body).expect("JSON");
            Said::text(got["messages"][0]["content"].as_str().expect("a text")).answer(
                path,
                body,
                Cut::Each,
            )
        })
    };
    for (action, comes_back) in [
        ("synthetic", true),
        ("redact", true),
        ("mask", false),
        ("hash", false),
        ("remove", false),
    ] {
        let profile = json!({ "prompts": { "EMAIL": action, "CREDIT_CARD": action } });
        let (upstream, gateway) = super::behind(Kind::Openai, reply(), guards(profile)).await;
        for stream in [false, true] {
            let prompt = format!("mail {MAIL} card {CARD} end");
            let body = json!({ "model": "p/m", "stream": stream, "messages": [{ "role": "user", "content": prompt }] });
            let answer = gateway
                .ask("/v1/chat/completions", body.to_string())
                .whole()
                .await;
            let text = Speaks::Chat.read(&answer, stream).text;
            assert_eq!(text == prompt, comes_back, "{action}: {text}");
        }
        for got in upstream.received() {
            let got = String::from_utf8_lossy(&got.body).into_owned();
            assert!(
                !got.contains(MAIL) && !got.contains(CARD),
                "{action}: {got}"
            );
        }
    }
}
