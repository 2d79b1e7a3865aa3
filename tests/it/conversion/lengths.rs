//! Lengths and content codings of what was converted.

use serde_json::json;

use super::{Speaks, gateway, three};
use crate::upstream::{Reply, Upstream, coding::Coding};

#[tokio::test]
async fn lengths_and_codings_of_converted_answers_are_true() {
    let (gateway, upstreams) = three([200, 200, 200].map(|_| Reply::text("Hello dear"))).await;
    for coding in Coding::ALL.map(Some).into_iter().chain([None]) {
        let mut reply = Reply::text("Hello dear");
        reply.coding = coding;
        for upstream in &upstreams {
            upstream.now(reply.clone());
        }
        for speaks in Speaks::ALL {
            for model in ["p1/m1", "p2/m2", "p3/m3"] {
                for stream in [false, true] {
                    let what = format!("{coding:?} {speaks:?} {model} {stream}");
                    let answer = speaks.ask(&gateway, model, stream, json!({})).whole().await;
                    assert_eq!(answer.header("content-encoding"), None, "{what}");
                    let length = answer
                        .header("content-length")
                        .map(|l| l.parse().expect("a number"));
                    let native = matches!(
                        (speaks, model),
                        (Speaks::Chat | Speaks::Responses, "p1/m1")
                            | (Speaks::Messages, "p2/m2")
                            | (Speaks::Generate, "p3/m3")
                    );
                    if stream {
                        assert_eq!(length, None, "{what}");
                    } else {
                        assert_eq!(length, Some(answer.body.len()), "{what}");
                    }
                    // The scripted streams of the responses API are short of some events.
                    if stream && native {
                        assert_eq!(answer.text(), "Hello dear", "{what}");
                    } else {
                        assert_eq!(speaks.read(&answer, stream).text, "Hello dear", "{what}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn compressed_errors_are_read_and_told() {
    let upstream = Upstream::anthropic().start().await;
    let gateway = gateway(upstream.provider()).await;
    for coding in Coding::ALL {
        upstream.now(Reply::status(400).coded(coding));
        for speaks in [Speaks::Chat, Speaks::Responses, Speaks::Generate] {
            for stream in [false, true] {
                let answer = speaks.ask(&gateway, "p/m", stream, json!({})).whole().await;
                assert_eq!(answer.status, 400);
                assert_eq!(answer.header("content-encoding"), None);
                assert_eq!(
                    answer.header("content-length"),
                    Some(&*answer.body.len().to_string())
                );
                let (message, _) = speaks.error(&answer.json());
                assert_eq!(message, "scripted 400", "{coding:?} {speaks:?}");
            }
        }
    }
}

#[tokio::test]
async fn compressed_requests_are_converted() {
    let upstream = Upstream::anthropic().start().await;
    let gateway = gateway(upstream.provider()).await;
    let plain = Speaks::Chat.request("p/m", false).to_string();
    Speaks::Chat.hears(&gateway, "p/m", false).await;
    let expected = upstream.only().body;
    for coding in Coding::ALL {
        let answer = gateway
            .ask("/v1/chat/completions", coding.encode_all(plain.as_bytes()))
            .header("content-encoding", coding.name())
            .whole()
            .await;
        assert_eq!(answer.text(), "Hello", "{coding:?}");
        let received = upstream.received().pop().expect("one more");
        assert_eq!(received.body, expected);
        assert_eq!(received.header("content-encoding"), None);
        assert_eq!(
            received.header("content-length"),
            Some(&*expected.len().to_string())
        );
    }
}
