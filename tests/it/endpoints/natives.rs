//! Endpoints that pass as they are: rerank, completions, moderations, sound, images.

use serde_json::{Value, json};

use crate::{
    conversion::{Speaks, chat_stream, gateway, keeps_grammar, provider_of},
    harness::{Gateway, KEY},
    upstream::{Gate, Piece, Reply, Upstream},
};

#[tokio::test]
async fn rerank_goes_to_whoever_has_it_under_both_paths() {
    let ranks = json!({
        "id": "1", "results": [{ "index": 1, "relevance_score": 0.9 }, { "index": 0, "relevance_score": 0.1 }],
        "meta": { "billed_units": { "search_units": 1 } },
    });
    let upstream = Upstream::openai().then(Reply::json(&ranks)).start().await;
    let gateway = Gateway::start(json!({ "providers": {
        "cohere": provider_of("cohere", &upstream, json!({})), "other": upstream.provider(),
    } }))
    .await;
    for (provider, expected) in [("cohere", "/v2/rerank"), ("other", "/v1/rerank")] {
        for path in ["/v1/rerank", "/v2/rerank"] {
            let body = json!({
                "model": format!("{provider}/rerank-v3.5"), "query": "q", "documents": ["a", "b"], "top_n": 2,
            });
            let answer = gateway.ask(path, body.to_string()).whole().await;
            assert_eq!(answer.json(), ranks, "{provider} {path}");
            let received = upstream.received().pop().expect("one more");
            assert_eq!(received.path, expected);
            // The client's own bytes, but for the model's name.
            let sent = body.to_string().replace(&format!("{provider}/"), "");
            assert_eq!(received.body, sent);
            assert_eq!(gateway.record(answer.id()).await["operation"], "rerank");
        }
    }
}

#[tokio::test]
async fn old_completions_work_where_there_are_chats_only() {
    let reply = chat_stream(
        &[
            json!({ "role": "assistant", "content": "Hel" }),
            json!({ "content": "lo" }),
        ],
        "stop",
    );
    let vendor = Upstream::openai().start().await;
    let anthropic = Upstream::anthropic().then_text("Hello").start().await;
    let gateway = Gateway::start(json!({ "providers": {
        "vendor": vendor.provider_with(json!({ "preset": "groq" })), "anthropic": anthropic.provider(),
    } }))
    .await;
    for stream in [false, true] {
        vendor.now(if stream {
            reply.clone()
        } else {
            Reply::text("Hello")
        });
        for (model, upstream, path) in [
            ("vendor/m", &vendor, "/v1/chat/completions"),
            ("anthropic/m", &anthropic, "/v1/messages"),
        ] {
            let told = Speaks::Completions.hears(&gateway, model, stream).await;
            assert_eq!(
                (told.text.as_str(), told.ending.as_str()),
                ("Hello", "stop"),
                "{model}"
            );
            assert_eq!(told.model, model);
            let received = upstream.received().pop().expect("one more");
            assert_eq!(received.path, path);
            let message = &received.json()["messages"][0];
            assert_eq!(message["role"], "user");
            assert!(message.to_string().contains("Hi"), "{message}");
        }
    }
    // Of one prompt only: more are an error, not the answer to the first.
    let two = json!({ "model": "anthropic/m", "prompt": ["a", "b"] });
    let answer = gateway
        .ask("/v1/completions", two.to_string())
        .whole()
        .await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["param"]),
        (400, &json!("prompt"))
    );
    // Whoever has them is asked by them.
    let own = Upstream::openai().start().await;
    let gateway = crate::conversion::gateway(own.provider()).await;
    Speaks::Completions.hears(&gateway, "p/m", false).await;
    assert_eq!(own.only().path, "/v1/completions");
}

#[tokio::test]
async fn moderations_and_images_pass_as_they_are() {
    let upstream = Upstream::openai().start().await;
    let gateway = gateway(upstream.provider()).await;
    for (path, body, answer) in [
        (
            "/v1/moderations",
            json!({ "model": "p/omni-moderation-latest", "input": "bad words" }),
            json!({ "id": "modr-1", "model": "omni-moderation-latest", "results": [{ "flagged": false }] }),
        ),
        (
            "/v1/images/generations",
            json!({ "model": "p/gpt-image-1", "prompt": "a cat", "size": "1024x1024" }),
            json!({ "created": 1, "data": [{ "b64_json": "iVBORw0KGgo=" }],
                "usage": { "input_tokens": 10, "output_tokens": 1056, "total_tokens": 1066 } }),
        ),
    ] {
        upstream.now(Reply::json(&answer));
        let given = gateway.ask(path, body.to_string()).whole().await;
        assert_eq!(given.json(), answer);
        let received = upstream.received().pop().expect("one more");
        assert_eq!(received.path, path);
        assert_eq!(received.body, body.to_string().replace("p/", ""));
        let record = gateway.record(given.id()).await;
        assert_eq!(record["outcome"], "ok");
        if path.contains("images") {
            assert_eq!(record["usage"], json!({ "input": 10, "output": 1056 }));
        }
    }
}

#[tokio::test]
async fn sound_is_passed_on_as_it_comes() {
    let gate = Gate::new();
    let first: Vec<u8> = (0..=255).collect();
    let second = vec![0xff; 4096];
    let pieces = [
        Piece::Bytes(first.clone().into()),
        Piece::Wait(gate.clone()),
        Piece::Bytes(second.clone().into()),
    ];
    let upstream = Upstream::openai()
        .then(Reply::pieces("audio/mpeg", pieces))
        .start()
        .await;
    let gateway = gateway(upstream.provider()).await;
    let body = json!({ "model": "p/tts-1", "input": "Hello", "voice": "alloy" });
    let mut answer = gateway
        .ask("/v1/audio/speech", body.to_string())
        .send()
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("audio/mpeg"))
    );
    let mut heard = Vec::new();
    while heard.len() < first.len() {
        heard.extend(answer.chunk().await.expect("more").expect("good"));
    }
    assert_eq!(heard, first);
    gate.open();
    let answer = answer.whole().await;
    assert_eq!(answer.body, second);
    assert_eq!(answer.broken, None);
    assert_eq!(upstream.only().json()["model"], "tts-1");
    let record = gateway.record(answer.id()).await;
    assert_eq!(
        (&record["outcome"], &record["operation"]),
        (&json!("ok"), &json!("speech"))
    );
    assert_eq!(record["response_bytes"], first.len() + second.len());
}

/// A form with a model in it, and a file that looks like the end of the form, nearly.
fn form(model: &str) -> Vec<u8> {
    let mut form = b"--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"model\\\".mp3\"\r\n\
        Content-Type: audio/mpeg\r\n\r\n"
        .to_vec();
    form.extend((0..=255).cycle().take(10_000).collect::<Vec<u8>>());
    form.extend(b"\r\n--xY\r\nname=\"model\"\r\n\r\nnot-this\r\n");
    form.extend(b"\r\n--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
    form.extend(model.as_bytes());
    form.extend(
        b"\r\n--xYz\r\nContent-Disposition: form-data; name=\"response_format\"\r\n\r\nsrt\r\n--xYz--\r\n",
    );
    form
}

#[tokio::test]
async fn forms_pass_with_nothing_but_the_models_name_changed() {
    let upstream = Upstream::openai()
        .then(Reply::body(
            "application/x-subrip",
            "1\n00:00 --> 00:01\nHi\n",
        ))
        .start()
        .await;
    let gateway = Gateway::start(json!({
        "providers": { "p": upstream.provider() }, "routes": { "ears": { "targets": ["p/whisper-1"] } },
    }))
    .await;
    for path in [
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/images/edits",
        "/v1/images/variations",
    ] {
        if path.contains("images") {
            upstream.now(Reply::json(&json!({ "created": 1, "data": [] })));
        }
        let answer = gateway
            .ask(path, form("ears"))
            .header("content-type", "multipart/form-data; boundary=\"xYz\"")
            .whole()
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body_text());
        if path.contains("audio") {
            assert_eq!(answer.body, "1\n00:00 --> 00:01\nHi\n");
            assert_eq!(answer.header("content-type"), Some("application/x-subrip"));
        }
        let received = upstream.received().pop().expect("one more");
        assert_eq!(received.path, path);
        assert!(received.body == form("whisper-1"), "{path}");
        assert_eq!(
            received.header("content-type"),
            Some("multipart/form-data; boundary=\"xYz\"")
        );
        assert_eq!(
            received.header("content-length"),
            Some(&*received.body.len().to_string())
        );
        assert!(!format!("{:?}", received.headers).contains(KEY));
    }
    // One without a model cannot be routed, and one that is no form is none.
    let lost = form("ears").split_off(10_200);
    for (body, kind) in [
        (lost, "multipart/form-data; boundary=xYz"),
        (form("ears"), "application/json"),
    ] {
        let answer = gateway
            .ask("/v1/audio/transcriptions", body)
            .header("content-type", kind)
            .whole()
            .await;
        assert_eq!(answer.status, 400, "{}", answer.body_text());
    }
}

#[tokio::test]
async fn a_transcription_fails_over_with_each_targets_own_model() {
    let first = Upstream::openai().then(503).start().await;
    let second = Upstream::openai()
        .then(Reply::json(&json!({ "text": "Hi", "usage": { "type": "tokens", "input_tokens": 14, "output_tokens": 3,
            "total_tokens": 17 } })))
        .start()
        .await;
    let gateway = Gateway::start(crate::harness::fallback(&[&first, &second])).await;
    let answer = gateway
        .ask("/v1/audio/transcriptions", form("fallback"))
        .header("content-type", "multipart/form-data; boundary=xYz")
        .whole()
        .await;
    assert_eq!(answer.json()["text"], "Hi");
    assert!(first.only().body == form("m1") && second.only().body == form("m2"));
    assert_eq!(
        gateway.record(answer.id()).await["usage"],
        json!({ "input": 14, "output": 3 })
    );
}

#[tokio::test]
async fn what_a_provider_has_no_endpoint_for_is_an_error_without_a_call() {
    let upstream = Upstream::anthropic().start().await;
    let gateway = gateway(upstream.provider()).await;
    for (path, body) in [
        ("/v1/embeddings", json!({ "model": "p/m", "input": "a" })),
        ("/v1/moderations", json!({ "model": "p/m", "input": "a" })),
        (
            "/v1/images/generations",
            json!({ "model": "p/m", "prompt": "a" }),
        ),
        (
            "/v1/rerank",
            json!({ "model": "p/m", "query": "a", "documents": [] }),
        ),
        (
            "/v1/audio/speech",
            json!({ "model": "p/m", "input": "a", "voice": "b" }),
        ),
    ] {
        let answer = gateway.ask(path, body.to_string()).whole().await;
        assert_eq!(answer.status, 400, "{path}");
        let error: Value = answer.json()["error"].clone();
        assert_eq!(error["type"], "invalid_request_error", "{path}: {error}");
    }
    assert_eq!(upstream.hits(), 0);
    // A stream of the same, to be sure that chats still work.
    let answer = Speaks::Chat
        .ask(&gateway, "p/m", true, json!({}))
        .whole()
        .await;
    keeps_grammar(Speaks::Chat.form(), &answer);
}
