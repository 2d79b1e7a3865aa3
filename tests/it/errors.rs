//! What the gateway says itself when something is wrong, in the dialect of whoever asked.

use http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Gateway, Http, KEY, client},
    upstream::{Kind, Reply, Upstream},
};

/// The dialects, and where they ask.
const DIALECTS: [(Kind, &str); 3] = [
    (Kind::Openai, "/v1/chat/completions"),
    (Kind::Anthropic, "/v1/messages"),
    (Kind::Gemini, "/v1beta/models/{model}:generateContent"),
];

/// A gateway with an upstream of each dialect, behind routes `openai`, `anthropic` and `gemini`.
struct World {
    gateway: Gateway,
    upstreams: Vec<Upstream>,
}

impl World {
    async fn start(reply: impl Into<Reply>) -> Self {
        let reply = reply.into();
        let mut upstreams = Vec::new();
        let mut config = json!({});
        for (kind, _) in DIALECTS {
            let upstream = Upstream::of(kind).then(reply.clone()).start().await;
            let name = name(kind);
            // Two of each kind, so that nobody is meant by a name that is no route.
            config["providers"][format!("{name}-1")] = upstream.provider();
            config["providers"][format!("{name}-2")] = upstream.provider();
            config["routes"][name] = json!({ "targets": [format!("{name}-1/m")] });
            upstreams.push(upstream);
        }
        let gateway = Gateway::start(config).await;
        Self { gateway, upstreams }
    }

    fn hits(&self) -> usize {
        self.upstreams.iter().map(Upstream::hits).sum()
    }
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Openai => "openai",
        Kind::Anthropic => "anthropic",
        Kind::Gemini => "gemini",
    }
}

/// What an error of the gateway should look like: the status, and the words for it in each dialect.
struct Words {
    status: u16,
    /// OpenAI's `type` and `code`.
    openai: (&'static str, &'static str),
    /// Anthropic's `type`.
    anthropic: &'static str,
    /// Google's `status`.
    gemini: &'static str,
    retry: bool,
}

const UNAUTHENTICATED: Words = Words {
    status: 401,
    openai: ("authentication_error", "invalid_api_key"),
    anthropic: "authentication_error",
    gemini: "UNAUTHENTICATED",
    retry: false,
};

const NOT_FOUND: Words = Words {
    status: 404,
    openai: ("invalid_request_error", "not_found"),
    anthropic: "not_found_error",
    gemini: "NOT_FOUND",
    retry: false,
};

const MODEL_NOT_FOUND: Words = Words {
    openai: ("invalid_request_error", "model_not_found"),
    ..NOT_FOUND
};

const BAD_REQUEST: Words = Words {
    status: 400,
    openai: ("invalid_request_error", "invalid_request"),
    anthropic: "invalid_request_error",
    gemini: "INVALID_ARGUMENT",
    retry: false,
};

const METHOD: Words = Words {
    status: 405,
    openai: ("invalid_request_error", "method_not_allowed"),
    anthropic: "invalid_request_error",
    gemini: "UNIMPLEMENTED",
    retry: false,
};

const CODING: Words = Words {
    status: 415,
    openai: ("invalid_request_error", "unsupported_content_encoding"),
    anthropic: "invalid_request_error",
    gemini: "INVALID_ARGUMENT",
    retry: false,
};

const TOO_LARGE: Words = Words {
    status: 413,
    openai: ("invalid_request_error", "request_too_large"),
    anthropic: "request_too_large",
    gemini: "INVALID_ARGUMENT",
    retry: false,
};

const HEADER_TOO_LARGE: Words = Words {
    status: 431,
    openai: ("invalid_request_error", "header_too_large"),
    anthropic: "invalid_request_error",
    gemini: "INVALID_ARGUMENT",
    retry: false,
};

const TOO_MANY: Words = Words {
    status: 429,
    openai: ("rate_limit_error", "too_many_requests"),
    anthropic: "rate_limit_error",
    gemini: "RESOURCE_EXHAUSTED",
    retry: true,
};

const UNREACHABLE: Words = Words {
    status: 502,
    openai: ("server_error", "upstream_unreachable"),
    anthropic: "api_error",
    gemini: "UNAVAILABLE",
    retry: true,
};

const TIMEOUT: Words = Words {
    status: 504,
    openai: ("server_error", "upstream_timeout"),
    anthropic: "timeout_error",
    gemini: "DEADLINE_EXCEEDED",
    retry: true,
};

const CREDENTIALS: Words = Words {
    status: 502,
    openai: ("server_error", "upstream_authentication_failed"),
    anthropic: "api_error",
    gemini: "UNAVAILABLE",
    retry: false,
};

impl Words {
    /// Checks status, shape and headers, and gives the message.
    fn check(&self, kind: Kind, case: &str, answer: &Answer) -> String {
        let body = answer.json();
        let case = format!("{case}, {kind:?}: {body}");
        assert_eq!(answer.status, self.status, "{case}");
        assert_eq!(answer.broken, None, "{case}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{case}"
        );
        assert_eq!(
            answer.header("content-length"),
            Some(&*answer.body.len().to_string()),
            "{case}"
        );
        assert_eq!(
            answer.header("x-should-retry"),
            Some(if self.retry { "true" } else { "false" }),
            "{case}"
        );
        let keys = |value: &Value| -> Vec<String> {
            value
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect()
        };
        let error = &body["error"];
        let id = answer.id();
        match kind {
            Kind::Openai => {
                assert_eq!(keys(&body), ["error"], "{case}");
                assert_eq!(keys(error), ["message", "type", "param", "code"], "{case}");
                assert_eq!(
                    (error["type"].as_str(), error["code"].as_str()),
                    (Some(self.openai.0), Some(self.openai.1)),
                    "{case}"
                );
                assert_eq!(answer.header("x-request-id"), Some(id), "{case}");
            }
            Kind::Anthropic => {
                assert_eq!(keys(&body), ["type", "error", "request_id"], "{case}");
                assert_eq!(body["type"], "error", "{case}");
                assert_eq!(keys(error), ["type", "message"], "{case}");
                assert_eq!(error["type"], self.anthropic, "{case}");
                assert_eq!(body["request_id"], id, "{case}");
                assert_eq!(answer.header("request-id"), Some(id), "{case}");
            }
            Kind::Gemini => {
                assert_eq!(keys(&body), ["error"], "{case}");
                assert_eq!(
                    keys(error),
                    ["code", "message", "status", "details"],
                    "{case}"
                );
                assert_eq!(error["code"], self.status, "{case}");
                assert_eq!(error["status"], self.gemini, "{case}");
                assert_eq!(
                    error["details"][0]["reason"],
                    self.openai.1.to_uppercase(),
                    "{case}"
                );
            }
        }
        error["message"].as_str().expect("a message").to_owned()
    }
}

#[tokio::test]
async fn a_missing_and_an_unknown_key_are_told_apart() {
    let world = World::start(Reply::text("Hello")).await;
    for http in Http::PLAIN {
        for (kind, path) in DIALECTS {
            let path = path.replace("{model}", name(kind));
            let ask = || {
                world
                    .gateway
                    .ask(&path, client::chat(name(kind), "Hi"))
                    .over(http)
            };
            let missing = ask().header("authorization", "").whole().await;
            let message = UNAUTHENTICATED.check(kind, "missing key", &missing);
            assert!(message.contains("no API key was sent"), "{message}");
            assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
            let unknown = ask()
                .header("authorization", "Bearer sk-of-nobody")
                .whole()
                .await;
            let message = UNAUTHENTICATED.check(kind, "unknown key", &unknown);
            assert!(
                message.contains("not known") && !message.contains("sk-of-nobody"),
                "{message}"
            );
        }
    }
    assert_eq!(world.hits(), 0);
}

#[tokio::test]
async fn an_unknown_path_says_what_exists() {
    let world = World::start(Reply::text("Hello")).await;
    for (kind, path, words) in [
        (Kind::Openai, "/v1/nothing", "/v1/chat/completions"),
        (Kind::Openai, "/", "/v1/chat/completions"),
        (Kind::Openai, "/openai/v1/messages", "/v1/messages"),
        (Kind::Anthropic, "/anthropic/v1/nothing", "/v1/messages"),
        (
            Kind::Gemini,
            "/v1beta/models/gemini:nothing",
            ":generateContent",
        ),
        (
            Kind::Openai,
            "/v1/v1/chat/completions",
            "`/v1/chat/completions` exists",
        ),
        (Kind::Anthropic, "/v1/v1/messages", "`/v1/messages` exists"),
        (
            Kind::Anthropic,
            "/anthropic/v1/v1/messages",
            "`/anthropic/v1/messages` exists",
        ),
        (
            Kind::Gemini,
            "/v1beta/v1beta/models/x:generateContent",
            "`/v1beta/models/x:generateContent` exists",
        ),
    ] {
        let answer = world.gateway.ask(path, "{}").whole().await;
        let message = NOT_FOUND.check(kind, path, &answer);
        assert!(
            message.contains(words) && message.contains(path),
            "{path}: {message}"
        );
        if path.contains("v1/v1") {
            assert!(message.contains("twice"), "{message}");
        }
    }
    // A path is shown, but never more of it than a person can read, and nobody needs a key to learn what exists.
    let long = format!("/v1/{}", "x".repeat(5000));
    let answer = world
        .gateway
        .ask(&long, "")
        .header("authorization", "")
        .whole()
        .await;
    let message = NOT_FOUND.check(Kind::Openai, "long path", &answer);
    assert!(message.len() < 1000, "{message}");
}

#[tokio::test]
async fn a_wrong_method_says_which_one_is_right() {
    let world = World::start(Reply::text("Hello")).await;
    for (kind, path) in DIALECTS {
        let path = path.replace("{model}", name(kind));
        for method in [
            Method::GET,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::PATCH,
        ] {
            let answer = world
                .gateway
                .ask(&path, "")
                .method(method.clone())
                .whole()
                .await;
            let message = METHOD.check(kind, method.as_str(), &answer);
            assert!(
                message.contains(method.as_str()) && message.contains("POST"),
                "{message}"
            );
            assert_eq!(answer.header("allow"), Some("POST"));
        }
    }
    let head = world
        .gateway
        .ask("/v1/chat/completions", "")
        .method(Method::HEAD)
        .whole()
        .await;
    assert_eq!(
        (head.status, head.body.len(), head.header("allow")),
        (405, 0, Some("POST"))
    );
    assert_eq!(world.hits(), 0);
}

#[tokio::test]
async fn an_unknown_model_says_which_ones_exist() {
    let world = World::start(Reply::text("Hello")).await;
    for (kind, path) in DIALECTS {
        for (model, words) in [
            (
                format!("{}x", name(kind)),
                format!("Did you mean `{}`?", name(kind)),
            ),
            ("nobody/model".to_owned(), "`openai-1`".to_owned()),
        ] {
            let answer = world
                .gateway
                .ask(&path.replace("{model}", &model), client::chat(&model, "Hi"))
                .whole()
                .await;
            let message = MODEL_NOT_FOUND.check(kind, &model, &answer);
            assert!(
                message.contains(&model) && message.contains(&words),
                "{message}"
            );
            if kind == Kind::Openai {
                assert_eq!(answer.json()["error"]["param"], "model");
            }
        }
    }
    // A model that exists, at a provider that has nothing of the kind.
    let answer = world
        .gateway
        .ask("/v1/embeddings", r#"{"model":"anthropic","input":"Hi"}"#)
        .whole()
        .await;
    let unsupported = Words {
        openai: ("invalid_request_error", "unsupported_parameter"),
        ..BAD_REQUEST
    };
    let message = unsupported.check(Kind::Openai, "embeddings", &answer);
    assert!(
        message.contains("`anthropic`") && message.contains("embeddings"),
        "{message}"
    );
    assert_eq!(world.hits(), 0);
}

#[tokio::test]
async fn a_bad_body_says_what_is_wrong() {
    let world = World::start(Reply::text("Hello")).await;
    for (kind, path) in DIALECTS {
        let path = path.replace("{model}", name(kind));
        let model = name(kind);
        let mut bodies = vec![
            (String::new(), "JSON"),
            ("{".to_owned(), "JSON"),
            ("{}}".to_owned(), "JSON"),
            (r#"{"a":"\ud800"}"#.to_owned(), "JSON"),
            ("[1]".to_owned(), "object"),
        ];
        if kind != Kind::Gemini {
            bodies.extend([
                (r#"{"messages":[]}"#.to_owned(), "`model` is missing"),
                (r#"{"model":7}"#.to_owned(), "`model` must be a string"),
                (r#"{"model":"a b"}"#.to_owned(), "model name"),
                (format!(r#"{{"model":"{model}","model":"other"}}"#), "twice"),
                (
                    format!(r#"{{"model":"{model}","stream":true,"stream":false}}"#),
                    "twice",
                ),
            ]);
        }
        for (body, words) in bodies {
            let answer = world.gateway.ask(&path, body.clone()).whole().await;
            let message = BAD_REQUEST.check(kind, &body, &answer);
            assert!(message.contains(words), "{body}: {message}");
            if kind == Kind::Openai && message.contains("`model`") {
                assert_eq!(answer.json()["error"]["param"], "model");
            }
        }
        let coded = world
            .gateway
            .ask(&path, "{}")
            .header("content-encoding", "lzma")
            .whole()
            .await;
        let message = CODING.check(kind, "coding", &coded);
        assert!(message.contains("gzip"), "{message}");
        let corrupt = world
            .gateway
            .ask(&path, "{}")
            .header("content-encoding", "gzip")
            .whole()
            .await;
        BAD_REQUEST.check(kind, "corrupt", &corrupt);
    }
    assert_eq!(world.hits(), 0);
}

#[tokio::test]
async fn limits_are_told_in_every_dialect() {
    let hanging = Upstream::openai().then(Reply::hangs()).start().await;
    let mut config = json!({ "providers": { "p": hanging.provider() } });
    config["limits"] = json!({ "body": "1KiB", "header": "1KiB", "requests_per_address": 1 });
    let gateway = Gateway::start(config).await;
    for (kind, path) in DIALECTS {
        let path = path.replace("{model}", "p/m");
        let ask = |prompt: &str| gateway.ask(&path, client::chat("p/m", prompt));
        let large = ask(&"x".repeat(2000)).whole().await;
        let message = TOO_LARGE.check(kind, "body", &large);
        assert!(message.contains("1024 bytes"), "{message}");
        let large = ask("Hi").header("x-large", &"x".repeat(1000)).whole().await;
        let message = HEADER_TOO_LARGE.check(kind, "header", &large);
        assert!(message.contains("1024 bytes"), "{message}");
        gateway
            .metric_becomes("sluicegate_open_requests", 0.0)
            .await;
        let first = gateway.ask("/v1/chat/completions", client::chat("p/m", "Hi"));
        let before = hanging.hits();
        tokio::select! {
            _ = first.try_send() => panic!("it hangs"),
            () = async {
                hanging.wait_hits(before + 1).await;
                let second = ask("Hi").whole().await;
                let message = TOO_MANY.check(kind, "requests", &second);
                assert!(message.contains("1 requests"), "{message}");
                assert_eq!(second.header("retry-after"), Some("1"));
            } => {}
        }
        gateway
            .metric_becomes("sluicegate_open_requests", 0.0)
            .await;
    }
}

#[tokio::test]
async fn what_upstreams_do_wrong_is_told_without_their_names() {
    for (reply, words, told) in [
        (Reply::closes(), UNREACHABLE, "broke off"),
        (Reply::hangs(), TIMEOUT, "in time"),
        (Reply::status(401), CREDENTIALS, "credentials"),
    ] {
        let mut upstreams = Vec::new();
        let mut config = json!({});
        for (kind, _) in DIALECTS {
            let upstream = Upstream::of(kind).then(reply.clone()).start().await;
            config["providers"][name(kind)] =
                upstream.provider_with(json!({ "timeouts": { "first_byte": "300ms" } }));
            upstreams.push(upstream);
        }
        let gateway = Gateway::start(config).await;
        for ((kind, path), upstream) in DIALECTS.into_iter().zip(&upstreams) {
            let model = format!("{}/m", name(kind));
            let answer = gateway
                .ask(&path.replace("{model}", &model), client::chat(&model, "Hi"))
                .whole()
                .await;
            let message = words.check(kind, told, &answer);
            assert!(message.contains(told), "{message}");
            let text = answer.body_text();
            assert!(
                !text.contains(&upstream.address().port().to_string())
                    && !text.contains(&upstream.key()),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn an_upstreams_own_error_is_passed_on_as_it_is() {
    let own = Reply::status(429)
        .header("retry-after", "7")
        .header("x-vendor", "kept");
    let world = World::start(own).await;
    for (kind, path) in DIALECTS {
        let ask = world.gateway.ask(
            &path.replace("{model}", name(kind)),
            client::chat(name(kind), "Hi"),
        );
        let answer = ask.whole().await;
        assert_eq!(answer.status, 429, "{kind:?}");
        assert!(
            answer.body_text().contains("scripted 429"),
            "{}",
            answer.body_text()
        );
        assert_eq!(answer.header("x-vendor"), Some("kept"));
        let wait: u32 = answer
            .header("retry-after")
            .expect("a hint")
            .parse()
            .expect("seconds");
        assert!((6..=7).contains(&wait), "{wait}");
        assert_eq!(
            answer.header("x-sluicegate-provider"),
            Some(&*format!("{}-1", name(kind)))
        );
    }
}

#[tokio::test]
async fn request_ids_are_echoed_if_they_are_sane() {
    let world = World::start(
        Reply::text("Hello")
            .header("x-request-id", "req-of-upstream")
            .header("request-id", "req-of-upstream"),
    )
    .await;
    for (kind, path) in DIALECTS {
        let path = path.replace("{model}", name(kind));
        let native = if kind == Kind::Anthropic {
            "request-id"
        } else {
            "x-request-id"
        };
        for (body, status) in [(client::chat(name(kind), "Hi"), 200), ("{".to_owned(), 400)] {
            for (sent, kept) in [
                ("client-id.1:a_b", true),
                ("", false),
                ("a b", false),
                ("\"quoted\"", false),
                (&*"x".repeat(129), false),
            ] {
                let answer = world
                    .gateway
                    .ask(&path, body.clone())
                    .header("x-request-id", sent)
                    .whole()
                    .await;
                assert_eq!(answer.status, status, "{kind:?} {sent}");
                let id = answer.id();
                assert_eq!(answer.header(native), Some(id), "{kind:?} {sent}");
                assert_eq!(
                    answer.headers.get_all(native).iter().count(),
                    1,
                    "{kind:?} {sent}"
                );
                assert_eq!(id == sent, kept, "{kind:?} {sent} {id}");
                assert!(kept || id.starts_with("req_"), "{id}");
                let theirs = (status == 200).then_some("req-of-upstream");
                assert_eq!(
                    answer.header("x-sluicegate-provider-request-id"),
                    theirs,
                    "{kind:?} {sent}"
                );
                if !kept {
                    assert_eq!(world.gateway.record(id).await["status"], status);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_dialect_is_found_for_clients_whose_path_is_wrong() {
    let world = World::start(Reply::text("Hello")).await;
    let ask = || world.gateway.ask("/somewhere", "{}");
    let anthropic = ask()
        .header("anthropic-version", "2023-06-01")
        .whole()
        .await;
    NOT_FOUND.check(Kind::Anthropic, "by header", &anthropic);
    let gemini = ask().header("x-goog-api-key", KEY).whole().await;
    NOT_FOUND.check(Kind::Gemini, "by header", &gemini);
    NOT_FOUND.check(Kind::Openai, "by default", &ask().whole().await);
}
