//! Amazon Bedrock: signatures, and the binary event stream.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{EVENT_STREAM, binary_stream, frame};
use crate::{
    conversion::{Speaks, gateway, is_cut_off, provider_of},
    harness::Gateway,
    upstream::{Piece, Received, Reply, Upstream},
};

const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn whole() -> Value {
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Hello" }] } },
        "stopReason": "end_turn", "usage": { "inputTokens": 9, "outputTokens": 2, "totalTokens": 11 },
    })
}

fn signing(upstream: &Upstream, token: Option<&str>) -> Value {
    let aws = json!({ "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "session_token": token });
    provider_of(
        "bedrock",
        upstream,
        json!({ "region": "eu-central-1", "api_key": null, "aws": aws }),
    )
}

fn with_key(upstream: &Upstream) -> Value {
    provider_of("bedrock", upstream, json!({ "region": "eu-central-1" }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// RFC 2104.
fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |with: u8| block.map(|b| b ^ with);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

/// Computes the signature of a request as Amazon would, from what arrived.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
fn signature(received: &Received, signed_headers: &str) -> String {
    let header = |name: &str| received.header(name).unwrap_or_else(|| panic!("no {name}"));
    let time = header("x-amz-date");
    let date = &time[..8];
    let headers: String = signed_headers
        .split(';')
        .map(|name| format!("{name}:{}\n", header(name).trim()))
        .collect();
    // Encoded once more than on the wire.
    let path = received.path.replace('%', "%25");
    let canonical = format!(
        "POST\n{path}\n\n{headers}\n{signed_headers}\n{}",
        hex(&Sha256::digest(&received.body))
    );
    let scope = format!("{date}/eu-central-1/bedrock/aws4_request");
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for part in [date, "eu-central-1", "bedrock", "aws4_request"] {
        key = hmac(&key, part);
    }
    hex(&hmac(&key, &text))
}

#[tokio::test]
async fn requests_are_signed_over_what_is_sent() {
    for token in [None, Some("SESSION/token+1==")] {
        let upstream = Upstream::openai().then(Reply::json(&whole())).start().await;
        let gateway = gateway(signing(&upstream, token)).await;
        for stream in [false, true] {
            upstream.now(if stream {
                text_stream()
            } else {
                Reply::json(&whole())
            });
            let answer = Speaks::Messages
                .ask(&gateway, &format!("p/{MODEL}"), stream, json!({}))
                .header("x-amz-security-token", "of-the-client")
                .header("x-amz-date", "20200101T000000Z")
                .whole()
                .await;
            assert_eq!(Speaks::Messages.read(&answer, stream).text, "Hello");
            let received = upstream.received().pop().expect("one more");
            let verb = if stream {
                "converse-stream"
            } else {
                "converse"
            };
            assert_eq!(
                received.path,
                format!("/model/{}/{verb}", MODEL.replace(':', "%3A"))
            );
            assert_eq!(
                received.header("host"),
                Some(&*upstream.address().to_string())
            );
            let sum = hex(&Sha256::digest(&received.body));
            assert_eq!(received.header("x-amz-content-sha256"), Some(&*sum));
            assert_eq!(received.header("x-amz-security-token"), token);
            let time = received.header("x-amz-date").expect("a date");
            assert!(time.len() == 16 && time > "20260101", "{time}");
            let authorization = received.header("authorization").expect("a signature");
            let date = &time[..8];
            let rest = authorization
                .strip_prefix(&*format!(
                    "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{date}/eu-central-1/bedrock/aws4_request, SignedHeaders="
                ))
                .unwrap_or_else(|| panic!("{authorization}"));
            let (signed, given) = rest.split_once(", Signature=").expect("a signature");
            let names: Vec<&str> = signed.split(';').collect();
            for name in ["host", "x-amz-content-sha256", "x-amz-date"] {
                assert!(names.contains(&name), "{signed}");
            }
            assert_eq!(names.contains(&"x-amz-security-token"), token.is_some());
            assert_eq!(given, signature(&received, signed));
            assert!(!format!("{:?}", received.headers).contains(SECRET_KEY));
        }
    }
}

#[tokio::test]
async fn an_api_key_is_sent_as_it_is() {
    let upstream = Upstream::openai().then(Reply::json(&whole())).start().await;
    let gateway = gateway(with_key(&upstream)).await;
    Speaks::Chat
        .hears(&gateway, &format!("p/{MODEL}"), false)
        .await;
    let received = upstream.only();
    assert_eq!(
        received.header("authorization"),
        Some(&*format!("Bearer {}", upstream.key()))
    );
    assert_eq!(received.header("x-amz-date"), None);
    let body = received.json();
    assert_eq!(body["system"], json!([{ "text": "Be brief." }]));
    assert_eq!(
        body["messages"],
        json!([{ "role": "user", "content": [{ "text": "Hi" }] }])
    );
    assert_eq!(body["inferenceConfig"], json!({ "maxTokens": 64 }));
    assert_eq!(body.get("model"), None);
}

fn text_events() -> Vec<(&'static str, Value)> {
    vec![
        ("messageStart", json!({ "role": "assistant" })),
        (
            "contentBlockDelta",
            json!({ "contentBlockIndex": 0, "delta": { "text": "Hel" } }),
        ),
        (
            "contentBlockDelta",
            json!({ "contentBlockIndex": 0, "delta": { "text": "lo" } }),
        ),
        ("contentBlockStop", json!({ "contentBlockIndex": 0 })),
        ("messageStop", json!({ "stopReason": "end_turn" })),
        (
            "metadata",
            json!({ "usage": { "inputTokens": 9, "outputTokens": 2, "totalTokens": 11 } }),
        ),
    ]
}

fn text_stream() -> Reply {
    binary_stream(&text_events())
}

fn tool_events() -> Vec<(&'static str, Value)> {
    let delta = |n: u32, delta: Value| {
        (
            "contentBlockDelta",
            json!({ "contentBlockIndex": n, "delta": delta }),
        )
    };
    let stop = |n: u32| ("contentBlockStop", json!({ "contentBlockIndex": n }));
    let tool = |n: u32, id: &str, name: &str| {
        let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
        (
            "contentBlockStart",
            json!({ "contentBlockIndex": n, "start": start }),
        )
    };
    vec![
        ("messageStart", json!({ "role": "assistant" })),
        delta(
            0,
            json!({ "reasoningContent": { "text": "Two calls — \u{1f30d}." } }),
        ),
        delta(0, json!({ "reasoningContent": { "signature": "c2ln" } })),
        stop(0),
        delta(1, json!({ "text": "Look:" })),
        stop(1),
        tool(2, "tooluse_1", "weather"),
        delta(2, json!({ "toolUse": { "input": "{\"place\":" } })),
        delta(2, json!({ "toolUse": { "input": "\"Lima\"}" } })),
        stop(2),
        tool(3, "tooluse_2", "now"),
        stop(3),
        ("messageStop", json!({ "stopReason": "tool_use" })),
        (
            "metadata",
            json!({ "usage": { "inputTokens": 9, "outputTokens": 2, "totalTokens": 11 } }),
        ),
    ]
}

#[tokio::test]
async fn the_binary_stream_becomes_a_good_stream_of_every_dialect_wherever_it_is_cut() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(with_key(&upstream)).await;
    let model = format!("p/{MODEL}");
    for writes in [None, Some(1), Some(13), Some(4096)] {
        for speaks in Speaks::ALL {
            let mut reply = binary_stream(&tool_events());
            reply.writes = writes;
            upstream.now(reply);
            let told = speaks.hears(&gateway, &model, true).await;
            assert_eq!(told.thinking, "Two calls — \u{1f30d}.", "{speaks:?}");
            assert_eq!(told.text, "Look:", "{speaks:?}");
            let calls = [
                ("weather".to_owned(), json!({ "place": "Lima" })),
                ("now".to_owned(), json!({})),
            ];
            assert_eq!(told.calls, calls, "{speaks:?}");
            let received = upstream.received().pop().expect("one more");
            assert_eq!(received.header("accept"), Some(EVENT_STREAM));
        }
    }
}

fn exception(name: &str, message: &str) -> Piece {
    Piece::Bytes(frame(true, name, &json!({ "message": message })))
}

fn pieces(events: &[(&str, Value)]) -> Vec<Piece> {
    events
        .iter()
        .map(|(name, data)| Piece::Bytes(frame(false, name, data)))
        .collect()
}

/// A gateway with a route over Bedrock and then Anthropic.
async fn with_fallback(reply: Reply) -> (Gateway, [Upstream; 2]) {
    let upstreams = [
        Upstream::openai().then(reply).start().await,
        Upstream::anthropic().then_text("Hello").start().await,
    ];
    let gateway = Gateway::start(json!({
        "providers": { "p": with_key(&upstreams[0]), "p2": upstreams[1].provider() },
        "routes": { "r": { "targets": [format!("p/{MODEL}"), "p2/m2"] } },
    }))
    .await;
    (gateway, upstreams)
}

#[tokio::test]
async fn an_exception_before_any_content_is_an_error_and_another_target_takes_over() {
    let mut early = pieces(&text_events()[..1]);
    early.push(exception("throttlingException", "Too many tokens."));
    let (gateway, upstreams) = with_fallback(Reply::pieces(EVENT_STREAM, early)).await;
    for speaks in Speaks::ALL {
        let answer = speaks
            .ask(&gateway, &format!("p/{MODEL}"), true, json!({}))
            .whole()
            .await;
        assert_eq!(answer.status, 429, "{speaks:?}: {}", answer.body_text());
        let (message, _) = speaks.error(&answer.json());
        assert_eq!(message, "Too many tokens.", "{speaks:?}");
        let answer = speaks.ask(&gateway, "r", true, json!({})).whole().await;
        assert_eq!(answer.header("x-sluicegate-provider"), Some("p2"));
        if speaks != Speaks::Messages {
            assert_eq!(speaks.read(&answer, true).text, "Hello");
        }
    }
    assert_eq!(upstreams[1].hits(), 4);
    assert_eq!(upstreams[1].received()[0].json()["model"], "m2");
}

#[tokio::test]
async fn an_exception_after_content_and_a_damaged_or_cut_stream_are_told() {
    let begun = pieces(&text_events()[..2]);
    let damaged = {
        let mut bytes = frame(false, "contentBlockDelta", &text_events()[2].1).to_vec();
        let last = bytes.len() - 5;
        bytes[last] ^= 1;
        Piece::Bytes(bytes.into())
    };
    let half = {
        let bytes = frame(false, "contentBlockDelta", &text_events()[2].1);
        Piece::Bytes(bytes.slice(..bytes.len() / 2))
    };
    let ends = [
        (
            "an exception",
            Some(exception(
                "modelStreamErrorException",
                "The model broke off.",
            )),
        ),
        ("damage", Some(damaged)),
        ("half a frame", Some(half)),
        ("nothing", None),
    ];
    for (name, end) in ends {
        let reply = Reply::pieces(EVENT_STREAM, begun.iter().cloned().chain(end));
        let (gateway, upstreams) = with_fallback(reply).await;
        for speaks in Speaks::ALL {
            let what = format!("{name} {speaks:?}");
            let answer = speaks.ask(&gateway, "r", true, json!({})).whole().await;
            assert_eq!(answer.status, 200, "{what}");
            assert!(answer.body_text().contains("Hel"), "{what}");
            is_cut_off(speaks.form(), &answer);
            let exceptional = name == "an exception";
            assert_eq!(
                answer.body_text().contains("The model broke off."),
                exceptional,
                "{what}"
            );
            let record = gateway.record(answer.id()).await;
            let outcome = if exceptional {
                "upstream_error"
            } else {
                "truncated"
            };
            assert_eq!(record["outcome"], outcome, "{what}");
        }
        assert_eq!(upstreams[1].hits(), 0, "{name}");
    }
}
