//! What a target does wrong, and that the client does not notice as long as another one is left.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    harness::{Gateway, Http, KEY, fallback},
    upstream::{End, Kind, Reply, Script, Upstream, Wire, merge},
};

#[tokio::test]
async fn falls_back_when_the_first_provider_is_overloaded() {
    let first = Upstream::openai().then(503).start().await;
    let second = Upstream::openai().then_text("Hello").start().await;
    let gateway = Gateway::start(fallback(&[&first, &second])).await;

    assert_eq!(gateway.chat("Hi").await.text(), "Hello");
    assert_eq!((first.hits(), second.hits()), (1, 1));
}

// The matrix: what the first target does wrong, by body size, client's HTTP version and upstream's HTTP version.

/// Sizes of the bodies in the matrix.
const SIZES: [usize; 3] = [1_000, 100_000, 10_000_000];

/// What a failing first target looks like.
struct First {
    upstream: Upstream,
    provider: Value,
    /// Requests that reach it for each request of a client.
    hits: usize,
    /// Attempts at it that the gateway counts.
    attempts: u32,
}

impl First {
    async fn that(script: Script, wire: Wire) -> Self {
        let upstream = script.over(wire).start().await;
        Self {
            provider: upstream.provider(),
            upstream,
            hits: 1,
            attempts: 1,
        }
    }

    /// It replies so, over this wire.
    async fn replies(reply: Reply, wire: Wire) -> Self {
        Self::that(Upstream::openai().then(reply), wire).await
    }

    /// Nobody listens there.
    fn refuses() -> Self {
        let upstream = Upstream::refusing(Kind::Openai);
        Self {
            provider: upstream.provider(),
            upstream,
            hits: 1,
            attempts: 1,
        }
    }

    fn with(mut self, changes: Value) -> Self {
        self.provider = merge(self.provider, changes);
        self
    }

    fn keyless(mut self) -> Self {
        if let Some(provider) = self.provider.as_object_mut() {
            provider.remove("api_key");
        }
        self
    }

    /// The gateway does not even know where it is.
    const fn unattempted(mut self) -> Self {
        self.hits = 0;
        self.attempts = 0;
        self
    }

    const fn unreached(mut self) -> Self {
        self.hits = 0;
        self
    }
}

/// Whether requests of a test ask for streams.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    Whole,
    Stream,
}

struct Matrix {
    gateway: Gateway,
    asks: Asks,
    first: Vec<First>,
    second: Vec<Upstream>,
}

/// Goes through sizes and versions with a `first` target that fails, and checks that the second one answers: exactly
/// once, addressed as itself, with the pristine body.
async fn second_target_answers(asks: Asks, first: impl AsyncFn(Wire) -> First) {
    let mut config = json!({});
    let (mut bads, mut goods) = (Vec::new(), Vec::new());
    for wire in Wire::ALL {
        let bad = first(wire).await;
        let good = Upstream::openai()
            .then_text("Hello there")
            .over(wire)
            .start()
            .await;
        config["providers"][format!("good-{wire:?}")] = good.provider();
        for http in Http::PLAIN {
            for size in SIZES {
                // A provider for each case, since a credential that was limited rests.
                let case = format!("{wire:?}-{http:?}-{size}");
                config["providers"][format!("bad-{case}")] = bad.provider.clone();
                config["routes"][&case] = json!({
                    "targets": [format!("bad-{case}/first"), format!("good-{wire:?}/the-second-one")],
                });
            }
        }
        bads.push(bad);
        goods.push(good);
    }
    let matrix = Arc::new(Matrix {
        gateway: Gateway::start(config).await,
        asks,
        first: bads,
        second: goods,
    });
    let mut cases = JoinSet::new();
    for at in 0..Wire::ALL.len() {
        let matrix = matrix.clone();
        // One after the other, since requests share an HTTP/2 connection, and some failures cut it.
        cases.spawn(async move {
            for http in Http::PLAIN {
                for size in SIZES {
                    matrix.case(at, http, size).await;
                }
            }
        });
    }
    while let Some(case) = cases.join_next().await {
        if let Err(panic) = case {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
}

impl Matrix {
    async fn case(&self, at: usize, http: Http, size: usize) {
        let case = format!("{:?}-{http:?}-{size}", Wire::ALL[at]);
        let body = |model: &str| {
            let stream = match self.asks {
                Asks::Whole => "",
                Asks::Stream => r#""stream" :true, "stream_options":{ "include_usage": true },"#,
            };
            let prompt = "prompt ".repeat(size / 7);
            format!(
                r#"{{ "unknown":1.0e3,{stream} "model" : "{model}","messages":[{{"role":"user","content":"{prompt}"}}], "é":"\u00e9" }}"#
            )
        };
        let ask = self
            .gateway
            .ask("/v1/chat/completions", body(&case))
            .header("cookie", "session=secret")
            .header("x-sluicegate-tag", "ours")
            .over(http);
        let answer = ask.whole().await;
        let (first, second) = (&self.first[at], &self.second[at]);

        assert_eq!(answer.text(), "Hello there", "{case}");
        assert_eq!(answer.broken, None, "{case}");
        assert_eq!(answer.attempts(), first.attempts + 1, "{case}");
        assert_eq!(
            answer.header("x-sluicegate-model"),
            Some("the-second-one"),
            "{case}"
        );
        assert_eq!(first.upstream.take(&ask.id).len(), first.hits, "{case}");
        let received = second.take(&ask.id);
        assert_eq!(
            received.len(),
            1,
            "{case}: the second target is asked exactly once"
        );
        let received = &received[0];
        assert!(
            received.body == body("the-second-one"),
            "{case}: the body is pristine but for the model"
        );
        assert_eq!(received.path, "/v1/chat/completions", "{case}");
        assert_eq!(
            received.header("host"),
            Some(&*second.address().to_string()),
            "{case}"
        );
        let key = format!("Bearer {}", second.key());
        assert_eq!(received.header("authorization"), Some(&*key), "{case}");
        for (name, value) in &received.headers {
            let name = name.as_str();
            assert!(
                name != "cookie" && !name.starts_with("x-sluicegate-"),
                "{case}: {name}"
            );
            let value = value.as_bytes();
            assert!(
                !value.windows(KEY.len()).any(|w| w == KEY.as_bytes()),
                "{case}: {name}"
            );
        }
        let starts = answer.body_text().matches(r#""role":"assistant""#).count();
        assert_eq!(starts, 1, "{case}: the answer begins once");
    }
}

#[tokio::test]
async fn a_refused_connection_is_followed_by_the_next_target() {
    second_target_answers(Asks::Whole, async |_| First::refuses().unreached()).await;
}

#[tokio::test]
async fn an_untrusted_certificate_is_followed_by_the_next_target() {
    second_target_answers(Asks::Whole, async |wire| {
        let wire = if wire.is_h2() { Wire::Tls2 } else { Wire::Tls1 };
        First::that(Upstream::openai().untrusted(), wire)
            .await
            .unreached()
    })
    .await;
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_followed_by_the_next_target() {
    second_target_answers(Asks::Whole, async |_| {
        First::refuses()
            .with(json!({ "base_url": "http://nobody.invalid/v1" }))
            .unattempted()
    })
    .await;
}

#[tokio::test]
async fn a_connection_closed_at_once_is_followed_by_the_next_target() {
    second_target_answers(Asks::Whole, async |wire| {
        First::that(Upstream::openai().slams(), wire)
            .await
            .unreached()
    })
    .await;
}

#[tokio::test]
async fn a_connection_closed_instead_of_an_answer_is_followed_by_the_next_target() {
    second_target_answers(Asks::Whole, async |wire| {
        First::replies(Reply::closes(), wire).await
    })
    .await;
}

#[tokio::test]
async fn a_reset_instead_of_an_answer_is_followed_by_the_next_target() {
    second_target_answers(Asks::Whole, async |wire| {
        First::replies(Reply::resets(), wire).await
    })
    .await;
}

/// One test for each status, so that they run side by side.
macro_rules! status_is_followed_by_the_next_target {
    ($($name:ident: $asks:ident $reply:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            // Without a credential that could rest, and so hide the target from the next request.
            second_target_answers(Asks::$asks, async |wire| {
                First::replies($reply, wire).await.keyless()
            })
            .await;
        }
    )*};
}

status_is_followed_by_the_next_target! {
    a_429_is_followed_by_the_next_target: Whole Reply::status(429);
    a_429_with_retry_after_is_followed_by_the_next_target: Stream Reply::status(429).header("retry-after", 30);
    a_500_is_followed_by_the_next_target: Whole Reply::status(500);
    a_502_for_a_stream_is_followed_by_the_next_target: Stream Reply::status(502);
    a_503_with_an_html_page_is_followed_by_the_next_target: Whole
        Reply::body("text/html", "<h1>Service Unavailable</h1>").with_status(503);
    a_529_for_a_stream_is_followed_by_the_next_target: Stream Reply::status(529);
    a_whole_answer_cut_short_is_followed_by_the_next_target: Whole Reply::text("Wrong").in_half();
    an_answer_that_is_no_json_is_followed_by_the_next_target: Whole
        Reply::body("text/html", "<h1>It works!</h1>");
    an_unknown_content_encoding_is_followed_by_the_next_target: Whole
        Reply::text("Wrong").header("content-encoding", "compress");
    a_corrupt_content_encoding_is_followed_by_the_next_target: Whole
        Reply::text("Wrong").header("content-encoding", "gzip");
    an_error_as_first_event_is_followed_by_the_next_target: Stream Reply::error_event(500);
    an_overload_as_first_event_is_followed_by_the_next_target: Stream Reply::error_event(529);
    an_error_event_before_content_is_followed_by_the_next_target: Stream Reply::error_after_lifecycle(503);
    a_stream_without_any_event_is_followed_by_the_next_target: Stream Reply::events([""; 0]);
    a_stream_that_ends_before_content_is_followed_by_the_next_target: Stream
        Reply::text("Wrong").dies_after(1, End::Good);
    a_stream_closed_before_content_is_followed_by_the_next_target: Stream
        Reply::text("Wrong").dies_after(1, End::Fin);
    a_stream_reset_before_content_is_followed_by_the_next_target: Stream
        Reply::text("Wrong").dies_after(1, End::Reset);
    a_stream_cut_within_its_first_content_is_followed_by_the_next_target: Stream
        Reply::text("Wrong").dies_after(1, End::Fin).in_mid_frame();
    a_stream_closed_after_its_head_is_followed_by_the_next_target: Stream
        Reply::text("Wrong").dies_after(0, End::Fin);
}

/// A time limit that ends silence soon.
fn impatient() -> Value {
    json!({ "timeouts": { "first_byte": "400ms" } })
}

#[tokio::test]
async fn silence_is_followed_by_the_next_target() {
    second_target_answers(Asks::Whole, async |wire| {
        First::replies(Reply::hangs(), wire).await.with(impatient())
    })
    .await;
}

#[tokio::test]
async fn silence_after_the_head_is_followed_by_the_next_target() {
    second_target_answers(Asks::Stream, async |wire| {
        First::replies(Reply::text("Wrong").silent_after_head(), wire)
            .await
            .with(impatient())
    })
    .await;
}

#[tokio::test]
async fn silence_after_lifecycle_frames_is_followed_by_the_next_target() {
    second_target_answers(Asks::Stream, async |wire| {
        let reply = Reply::text("Wrong").dies_after(1, End::Silence);
        First::replies(reply, wire).await.with(impatient())
    })
    .await;
}

// The same for the other dialects, whose streams begin otherwise.

#[tokio::test]
async fn every_dialect_hides_what_goes_wrong_before_content() {
    let cases = [
        (Kind::Openai, "/v1/responses", 3),
        (Kind::Openai, "/v1/completions", 0),
        (Kind::Anthropic, "/v1/messages", 3),
        (
            Kind::Gemini,
            "/v1beta/models/fallback:streamGenerateContent?alt=sse",
            1,
        ),
        (
            Kind::Gemini,
            "/v1beta/models/fallback:streamGenerateContent",
            1,
        ),
    ];
    for (kind, path, lifecycle) in cases {
        let dies = |end| Reply::text("Wrong").dies_after(lifecycle, end);
        let failures = [
            Reply::status(503),
            Reply::error_event(529),
            Reply::error_after_lifecycle(500),
            dies(End::Fin),
            dies(End::Reset),
            dies(End::Good),
            dies(End::Fin).in_mid_frame(),
        ];
        let script = failures
            .iter()
            .cloned()
            .fold(Upstream::of(kind), Script::then);
        let first = script.start().await;
        let second = Upstream::of(kind).then_text("Hello there").start().await;
        let gateway = Gateway::start(fallback(&[&first, &second])).await;
        for failure in failures {
            let case = format!("{path} {failure:?}");
            let body =
                json!({ "model": "fallback", "stream": true, "max_tokens": 10, "messages": [] });
            let ask = gateway.ask(path, body.to_string());
            let answer = ask.whole().await;

            assert_eq!(answer.text(), "Hello there", "{case}");
            assert_eq!(answer.attempts(), 2, "{case}");
            assert_eq!(
                (first.take(&ask.id).len(), second.take(&ask.id).len()),
                (1, 1),
                "{case}"
            );
            let body = answer.body_text();
            for start in ["message_start\"", "response.created\""] {
                assert!(body.matches(start).count() <= 1, "{case}: {body}");
            }
        }
    }
}

// When all fail.

#[tokio::test]
async fn three_failures_in_a_row_leave_the_fourth_target() {
    let first = Upstream::refusing(Kind::Openai);
    let second = Upstream::openai().then(Reply::closes()).start().await;
    let third = Upstream::openai().then(500).start().await;
    let fourth = Upstream::openai().then_text("Hello").start().await;
    let gateway = Gateway::start(fallback(&[&first, &second, &third, &fourth])).await;

    let answer = gateway.chat("Hi").await;

    assert_eq!((answer.text(), answer.attempts()), ("Hello".to_owned(), 4));
    assert_eq!((second.hits(), third.hits(), fourth.hits()), (1, 1, 1));
    let record = gateway.record(answer.id()).await;
    assert_eq!(
        (&record["attempts"], &record["provider"]),
        (&json!(4), &json!("p4"))
    );
    assert_eq!(
        (&record["outcome"], &record["status"]),
        (&json!("ok"), &json!(200))
    );
    for (provider, outcome) in [
        ("p1", "connect"),
        ("p2", "connect"),
        ("p3", "5xx"),
        ("p4", "ok"),
    ] {
        let series = format!(
            "sluicegate_upstream_attempts_total{{provider=\"{provider}\",outcome=\"{outcome}\"}}"
        );
        gateway.metric_becomes(&series, 1.0).await;
    }
}

#[tokio::test]
async fn the_last_targets_error_is_the_clients_answer() {
    let words =
        json!({ "error": { "message": "we are full", "type": "overloaded", "code": "busy" } });
    let first = Upstream::openai().then(500).start().await;
    let second = Upstream::openai()
        .then(
            Reply::json(&words)
                .with_status(503)
                .header("x-request-id", "req-upstream"),
        )
        .start()
        .await;
    let gateway = Gateway::start(fallback(&[&first, &second])).await;

    for http in Http::PLAIN {
        for body in [
            r#"{"model":"fallback"}"#,
            r#"{"model":"fallback","stream":true}"#,
        ] {
            let answer = gateway
                .ask("/v1/chat/completions", body)
                .over(http)
                .whole()
                .await;

            assert_eq!((answer.status, answer.json()), (503, words.clone()));
            assert_eq!(answer.attempts(), 2);
            assert_eq!(answer.header("x-sluicegate-provider"), Some("p2"));
            assert_eq!(
                answer.header("x-sluicegate-provider-request-id"),
                Some("req-upstream")
            );
            let record = gateway.record(answer.id()).await;
            assert_eq!(record["outcome"], "upstream_error");
            assert_eq!(record["status"], 503);
        }
    }
}

#[tokio::test]
async fn a_429_of_all_targets_tells_the_soonest_time_to_come_back() {
    for (hints, told) in [
        ([Some(60), Some(20)], 20..=20),
        ([Some(20), Some(60)], 19..=20),
        ([None, Some(60)], 4..=5),
        ([Some(3), None], 2..=3),
    ] {
        let limited = |hint: Option<u32>| {
            let reply = Reply::status(429);
            Upstream::openai().then(match hint {
                Some(seconds) => reply.header("retry-after", seconds),
                None => reply,
            })
        };
        let first = limited(hints[0]).start().await;
        let second = limited(hints[1]).start().await;
        let gateway = Gateway::start(fallback(&[&first, &second])).await;

        let answer = gateway.chat("Hi").await;

        assert_eq!(answer.status, 429);
        assert_eq!(answer.json()["error"]["message"], "scripted 429");
        let seconds: u32 = answer
            .header("retry-after")
            .expect("it tells")
            .parse()
            .expect("seconds");
        assert!(told.contains(&seconds), "{hints:?} became {seconds}");
        assert_ne!(answer.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn a_last_target_out_of_reach_is_told_as_502_worth_a_retry_in_every_dialect() {
    let cases = [
        (
            Kind::Openai,
            "/v1/chat/completions",
            "/error/code",
            json!("upstream_unreachable"),
        ),
        (
            Kind::Anthropic,
            "/v1/messages",
            "/error/type",
            json!("api_error"),
        ),
        (
            Kind::Gemini,
            "/v1beta/models/fallback:generateContent",
            "/error/status",
            json!("UNAVAILABLE"),
        ),
    ];
    for (kind, path, at, word) in cases {
        let first = Upstream::of(kind).then(500).start().await;
        let second = Upstream::refusing(kind);
        let gateway = Gateway::start(fallback(&[&first, &second])).await;

        let answer = gateway.ask(path, r#"{"model":"fallback"}"#).whole().await;

        assert_eq!(answer.status, 502, "{}", answer.body_text());
        assert_eq!(
            answer.json().pointer(at),
            Some(&word),
            "{}",
            answer.body_text()
        );
        assert_eq!(answer.header("x-should-retry"), Some("true"));
        assert_eq!(answer.attempts(), 2);
        assert!(
            !answer.body_text().contains("127.0.0.1"),
            "no host is named"
        );
        let record = gateway.record(answer.id()).await;
        assert_eq!(
            (&record["outcome"], &record["status"]),
            (&json!("refused"), &json!(502))
        );
        assert_eq!(record["error"], "upstream_unreachable");
    }
}

#[tokio::test]
async fn a_last_target_that_stays_silent_is_told_as_504() {
    let upstream = Upstream::openai().then(Reply::hangs()).start().await;
    let mut config = fallback(&[&upstream]);
    config["providers"]["p1"]["timeouts"] = json!({ "first_byte": "100ms" });
    let gateway = Gateway::start(config).await;

    for http in Http::PLAIN {
        let answer = gateway
            .ask("/v1/chat/completions", r#"{"model":"fallback"}"#)
            .over(http)
            .whole()
            .await;
        assert_eq!((answer.status, answer.attempts()), (504, 1));
        assert_eq!(answer.json()["error"]["code"], "upstream_timeout");
        assert_eq!(answer.header("x-should-retry"), Some("true"));
    }
    for received in upstream.wait_hits(2).await {
        received.given_up().await;
    }
}

#[tokio::test]
async fn an_error_event_of_the_last_target_is_told_with_its_status() {
    let upstream = Upstream::openai()
        .then(Reply::error_event(429))
        .then(Reply::error_after_lifecycle(503))
        .start()
        .await;
    let gateway = Gateway::start(fallback(&[&upstream])).await;

    for status in [429, 503] {
        let answer = gateway.chat_stream("Hi").await.whole().await;
        assert_eq!(answer.status, status, "{}", answer.body_text());
        assert_eq!(answer.json()["error"]["message"], "scripted");
        let record = gateway.record(answer.id()).await;
        assert_eq!(record["status"], status);
    }
}

#[tokio::test]
async fn an_error_that_is_the_clients_fault_is_passed_on_at_once() {
    for status in [400, 403, 404, 413, 422] {
        let first = Upstream::openai().then(status).start().await;
        let second = Upstream::openai().start().await;
        let gateway = Gateway::start(fallback(&[&first, &second])).await;

        let answer = gateway.chat("Hi").await;

        assert_eq!((answer.status, answer.attempts()), (status, 1));
        assert_eq!(
            answer.json()["error"]["message"],
            format!("scripted {status}")
        );
        assert_eq!(second.hits(), 0, "{status}");
    }
}

// Rules of the operator.

#[tokio::test]
async fn only_the_failures_that_the_operator_names_are_followed_by_another_attempt() {
    let timeout = json!({ "timeouts": { "first_byte": "100ms" } });
    let cases = [
        (json!(["connect"]), Reply::status(503), 503, 1),
        (json!(["5xx"]), Reply::status(503), 200, 2),
        (json!(["503"]), Reply::status(503), 200, 2),
        (json!([503]), Reply::status(500), 500, 1),
        (json!(["4xx"]), Reply::status(404), 200, 2),
        (json!(["5xx"]), Reply::status(429), 429, 1),
        (json!(["5xx"]), Reply::closes(), 502, 1),
        (json!(["connect"]), Reply::closes(), 200, 2),
        (json!(["connect"]), Reply::hangs(), 504, 1),
        (json!(["timeout"]), Reply::hangs(), 200, 2),
        (json!([]), Reply::status(500), 500, 1),
    ];
    for (on, reply, status, attempts) in cases {
        let case = format!("{on}: {reply:?}");
        let first = Upstream::openai().then(reply).start().await;
        let second = Upstream::openai().start().await;
        let mut config = fallback(&[&first, &second]);
        config["providers"]["p1"] = first.provider_with(timeout.clone());
        config["routes"]["fallback"]["retry"] = json!({ "on": on });
        let gateway = Gateway::start(config).await;

        let answer = gateway.chat("Hi").await;

        assert_eq!(
            (answer.status, answer.attempts()),
            (status, attempts),
            "{case}"
        );
        assert_eq!(second.hits(), attempts as usize - 1, "{case}");
    }
}

#[tokio::test]
async fn attempts_end_at_their_limit() {
    let first = Upstream::openai().then(500).start().await;
    let second = Upstream::openai().then(502).start().await;
    let third = Upstream::openai().start().await;
    let mut config = fallback(&[&first, &second, &third]);
    config["routes"]["fallback"]["retry"] = json!({ "attempts": 2 });
    let gateway = Gateway::start(config).await;

    let answer = gateway.chat("Hi").await;

    assert_eq!((answer.status, answer.attempts()), (502, 2));
    assert_eq!(third.hits(), 0);
}

#[tokio::test]
async fn a_lone_target_is_asked_again_if_the_operator_wants_more_attempts() {
    let upstream = Upstream::openai()
        .then(503)
        .then_text("Hello")
        .start()
        .await;
    let mut config = fallback(&[&upstream]);
    config["routes"]["fallback"]["retry"] = json!({ "attempts": 2 });
    let gateway = Gateway::start(config).await;

    let answer = gateway.chat("Hi").await;

    assert_eq!((answer.text(), answer.attempts()), ("Hello".to_owned(), 2));
}

#[tokio::test]
async fn a_pause_longer_than_the_budget_is_not_made() {
    let upstream = Upstream::openai()
        .then(Reply::status(429).header("retry-after", 5))
        .then_text("too late")
        .start()
        .await;
    let mut config = fallback(&[&upstream]);
    config["routes"]["fallback"]["retry"] = json!({ "attempts": 3, "budget": "1s" });
    let gateway = Gateway::start(config).await;

    let answer = gateway.chat("Hi").await;

    assert_eq!((answer.status, answer.attempts()), (429, 1));
    assert_eq!(answer.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn a_silent_target_is_left_when_the_budget_ends() {
    let first = Upstream::openai().then(Reply::hangs()).start().await;
    let second = Upstream::openai().then_text("Hello").start().await;
    let mut config = fallback(&[&first, &second]);
    config["routes"]["fallback"]["retry"] = json!({ "budget": "300ms" });
    let gateway = Gateway::start(config).await;

    for stream in [false, true] {
        let body = json!({ "model": "fallback", "stream": stream });
        let ask = gateway.ask("/v1/chat/completions", body.to_string());
        let answer = ask.whole().await;
        assert_eq!((answer.text(), answer.attempts()), ("Hello".to_owned(), 2));
        first.take(&ask.id)[0].given_up().await;
    }
}

#[tokio::test]
async fn no_attempt_begins_after_the_budget() {
    let gate = crate::upstream::Gate::new();
    let first = Upstream::openai()
        .then(Reply::status(500).head_waits(&gate))
        .start()
        .await;
    let second = Upstream::openai().start().await;
    let third = Upstream::openai().start().await;
    let mut config = fallback(&[&first, &second, &third]);
    // The last target of a plan is waited for as long as it takes.
    config["routes"]["fallback"]["targets"] = json!(["p1/m"]);
    config["routes"]["fallback"]["retry"] = json!({ "budget": "50ms", "attempts": 3 });
    let gateway = Gateway::start(config).await;

    let start = Instant::now();
    let (answer, ()) = tokio::join!(gateway.chat("Hi"), async {
        first.wait_hits(1).await;
        crate::harness::eventually("the budget is spent", || start.elapsed().as_millis() > 60)
            .await;
        gate.open();
    });

    assert_eq!((answer.status, answer.attempts()), (500, 1));
    assert_eq!(second.hits() + third.hits(), 0);
}

// Credentials.

/// A gateway with one provider that has several keys.
async fn with_keys(upstream: &Upstream, keys: &[&str]) -> Gateway {
    let mut config = fallback(&[upstream]);
    config["providers"]["p1"] =
        upstream.provider_with(json!({ "api_key": null, "api_keys": keys }));
    Gateway::start(config).await
}

fn keys_of(upstream: &Upstream) -> Vec<String> {
    let received = upstream.received();
    let key =
        |r: &crate::upstream::Received| r.header("authorization").map(|v| v.replace("Bearer ", ""));
    received.iter().filter_map(key).collect()
}

#[tokio::test]
async fn keys_are_used_in_turn() {
    let upstream = Upstream::openai().start().await;
    let gateway = with_keys(&upstream, &["key-a", "key-b", "key-c"]).await;
    for _ in 0..6 {
        assert_eq!(gateway.chat("Hi").await.attempts(), 1);
    }
    assert_eq!(
        keys_of(&upstream),
        ["key-a", "key-b", "key-c", "key-a", "key-b", "key-c"]
    );
}

#[tokio::test]
async fn a_key_that_is_refused_or_limited_rests_and_the_next_one_is_used() {
    for refusal in [
        Reply::status(401),
        Reply::status(429),
        Reply::status(429).header("retry-after", 60),
    ] {
        let upstream = Upstream::openai()
            .then(refusal)
            .then_text("Hello")
            .start()
            .await;
        let gateway = with_keys(&upstream, &["key-a", "key-b"]).await;

        let answer = gateway.chat("Hi").await;
        assert_eq!((answer.text(), answer.attempts()), ("Hello".to_owned(), 2));
        for _ in 0..3 {
            assert_eq!(gateway.chat("Hi").await.attempts(), 1);
        }

        assert_eq!(
            keys_of(&upstream),
            ["key-a", "key-b", "key-b", "key-b", "key-b"]
        );
    }
}

#[tokio::test]
async fn keys_are_changed_even_where_no_retry_is_wanted_after_a_401() {
    let upstream = Upstream::openai()
        .then(401)
        .then_text("Hello")
        .start()
        .await;
    let mut config = fallback(&[&upstream]);
    config["providers"]["p1"] =
        upstream.provider_with(json!({ "api_key": null, "api_keys": ["key-a", "key-b"] }));
    config["retry"] = json!({ "on": [] });
    let gateway = Gateway::start(config).await;

    assert_eq!(gateway.chat("Hi").await.text(), "Hello");
    assert_eq!(keys_of(&upstream), ["key-a", "key-b"]);
}

#[tokio::test]
async fn refused_keys_are_the_operators_fault_and_told_as_502() {
    let upstream = Upstream::openai().then(401).start().await;
    let gateway = with_keys(&upstream, &["key-a", "key-b"]).await;

    let answer = gateway.chat("Hi").await;

    assert_eq!((answer.status, answer.attempts()), (502, 2));
    assert_eq!(
        answer.json()["error"]["code"],
        "upstream_authentication_failed"
    );
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert!(!answer.body_text().contains("key-"), "no key is told");
    assert!(!gateway.log().contains("key-a") && !gateway.log().contains("key-b"));
}

#[tokio::test]
async fn a_lone_key_is_used_although_it_is_limited() {
    let upstream = Upstream::openai()
        .then(429)
        .then_text("Hello")
        .start()
        .await;
    let gateway = with_keys(&upstream, &["key-a"]).await;

    assert_eq!(gateway.chat("Hi").await.status, 429);
    assert_eq!(gateway.chat("Hi").await.text(), "Hello");
}

// Weights and pools.

#[tokio::test]
async fn weights_share_the_requests_and_the_others_are_fallbacks() {
    let often = Upstream::openai().start().await;
    let seldom = Upstream::openai().start().await;
    let never = Upstream::openai().start().await;
    let mut config = fallback(&[&often, &seldom, &never]);
    config["routes"]["fallback"]["targets"] = json!([
        { "model": "p1/m", "weight": 3 },
        { "model": "p2/m", "weight": 1 },
        { "model": "p3/m", "weight": 0 },
    ]);
    let gateway = Gateway::start(config).await;
    let client = gateway.connect(Http::H2c).await;
    let body = r#"{"model":"fallback"}"#;

    for _ in 0..400 {
        assert_eq!(
            gateway
                .ask("/v1/chat/completions", body)
                .on(&client)
                .whole()
                .await
                .status,
            200
        );
    }
    // 300 are expected, with a standard deviation of 8.7: six of them.
    assert!((248..=352).contains(&often.hits()), "{}", often.hits());
    assert_eq!(often.hits() + seldom.hits(), 400);

    often.now(503);
    seldom.now(503);
    let answer = gateway.chat("Hi").await;
    assert_eq!(
        (answer.status, answer.attempts(), never.hits()),
        (200, 3, 1)
    );
}

/// A pool of two endpoints with some settings more.
fn pool(one: &Upstream, two: &Upstream, settings: Value) -> Value {
    let endpoints = json!([{ "url": one.url() }, { "url": two.url() }]);
    let pool =
        one.provider_with(json!({ "base_url": null, "endpoints": endpoints, "outlier": null }));
    json!({
        "providers": { "pool": merge(pool, settings) },
        "routes": { "fallback": { "targets": ["pool/m"] } },
    })
}

fn endpoint_up(upstream: &Upstream) -> String {
    format!(
        "sluicegate_endpoint_up{{provider=\"pool\",endpoint=\"{}\"}}",
        upstream.address()
    )
}

#[tokio::test]
async fn the_next_endpoint_of_a_pool_takes_over() {
    let bad = Upstream::openai().then(500).start().await;
    let good = Upstream::openai().start().await;
    let gateway = Gateway::start(pool(&bad, &good, json!({}))).await;
    for _ in 0..4 {
        assert_eq!(gateway.chat("Hi").await.status, 200);
    }
    assert_eq!(good.hits(), 4);
    assert!(bad.hits() >= 1, "it has its turn");
}

#[tokio::test]
async fn an_endpoint_that_fails_in_a_row_is_ejected_and_comes_back() {
    let bad = Upstream::openai().then(500).start().await;
    let good = Upstream::openai().start().await;
    let settings = json!({ "outlier": { "consecutive_failures": 2, "ejection": "300ms" } });
    let gateway = Gateway::start(pool(&bad, &good, settings)).await;
    while bad.hits() < 2 {
        assert_eq!(gateway.chat("Hi").await.status, 200);
    }
    assert_eq!(gateway.metric(&endpoint_up(&bad)).await, 0.0);
    assert_eq!(gateway.metric(&endpoint_up(&good)).await, 1.0);
    bad.now(Reply::text("Hello"));

    gateway.metric_becomes(&endpoint_up(&bad), 1.0).await;
    for _ in 0..4 {
        assert_eq!(gateway.chat("Hi").await.attempts(), 1);
    }
    assert_eq!(bad.hits(), 4, "it has its share again");
}

#[tokio::test]
async fn an_ejected_endpoint_is_left_alone() {
    let bad = Upstream::openai().then(500).start().await;
    let good = Upstream::openai().start().await;
    let settings = json!({ "outlier": { "consecutive_failures": 2, "ejection": "1h" } });
    let gateway = Gateway::start(pool(&bad, &good, settings)).await;
    for _ in 0..10 {
        assert_eq!(gateway.chat("Hi").await.status, 200);
    }
    assert_eq!((bad.hits(), good.hits()), (2, 10));
}

#[tokio::test]
async fn no_more_of_a_pool_is_ejected_than_allowed() {
    let one = Upstream::openai().then(500).start().await;
    let two = Upstream::openai().then(500).start().await;
    let settings = json!({ "outlier": { "consecutive_failures": 1, "ejection": "1h", "max_ejected_percent": 50 } });
    let gateway = Gateway::start(pool(&one, &two, settings)).await;
    for _ in 0..4 {
        assert_eq!(gateway.chat("Hi").await.status, 500);
    }
    let up = gateway
        .metric("sluicegate_endpoint_up{provider=\"pool\"}")
        .await;
    assert_eq!(up, 1.0, "one of two may be ejected");
}

#[tokio::test]
async fn health_checks_take_an_endpoint_out_before_a_request_finds_it_ill() {
    for wire in Wire::ALL {
        let one = Upstream::openai().over(wire).start().await;
        let two = Upstream::openai().over(wire).start().await;
        let settings =
            json!({ "health": { "http": "/health", "interval": "50ms", "unhealthy_after": 2 } });
        let gateway = Gateway::start(pool(&one, &two, settings)).await;

        one.set_health(503);
        gateway.metric_becomes(&endpoint_up(&one), 0.0).await;
        for _ in 0..4 {
            assert_eq!(gateway.chat("Hi").await.attempts(), 1);
        }
        assert_eq!((one.hits(), two.hits()), (0, 4), "{wire:?}");

        one.set_health(200);
        gateway.metric_becomes(&endpoint_up(&one), 1.0).await;
        for _ in 0..4 {
            assert_eq!(gateway.chat("Hi").await.attempts(), 1);
        }
        assert_eq!((one.hits(), two.hits()), (2, 6), "{wire:?}");
    }
}

#[tokio::test]
async fn a_tcp_health_check_finds_a_server_that_is_gone() {
    let mut one = Upstream::openai().start().await;
    let two = Upstream::openai().start().await;
    let settings = json!({ "health": { "interval": "50ms", "unhealthy_after": 1 } });
    let gateway = Gateway::start(pool(&one, &two, settings)).await;

    one.stop().await;
    gateway.metric_becomes(&endpoint_up(&one), 0.0).await;

    for _ in 0..4 {
        assert_eq!(gateway.chat("Hi").await.attempts(), 1);
    }
}

#[tokio::test]
async fn a_lone_endpoint_is_asked_although_it_looks_ill() {
    let upstream = Upstream::openai().start().await;
    let mut config = fallback(&[&upstream]);
    config["providers"]["p1"]["health"] =
        json!({ "http": "/health", "interval": "50ms", "unhealthy_after": 1 });
    let gateway = Gateway::start(config).await;

    upstream.set_health(500);
    gateway
        .metric_becomes("sluicegate_endpoint_up{provider=\"p1\"}", 0.0)
        .await;

    assert_eq!(gateway.chat("Hi").await.status, 200);
}

// Connections.

/// Waits until requests are over for the gateway, too: then their connections can be used again.
async fn settled(gateway: &Gateway) {
    gateway
        .metric_becomes("sluicegate_open_requests", 0.0)
        .await;
}

#[tokio::test]
async fn a_stale_connection_is_replaced_without_counting_as_an_attempt() {
    for wire in Wire::ALL {
        let upstream = Upstream::openai().over(wire).stale().start().await;
        let gateway = Gateway::start(fallback(&[&upstream])).await;
        for size in [1_000, 100_000, 10_000_000] {
            let body = json!({ "model": "fallback", "input": "x".repeat(size) }).to_string();
            let answer = gateway.ask("/v1/embeddings", body).whole().await;
            assert_eq!(
                (answer.status, answer.attempts()),
                (200, 1),
                "{wire:?} {size}"
            );
            settled(&gateway).await;
        }
        assert_eq!(
            (upstream.hits(), upstream.connections()),
            (3, 3),
            "{wire:?}"
        );
        let stale = "sluicegate_upstream_attempts_total{outcome=\"stale_connection\"}";
        assert_eq!(gateway.metric(stale).await, 2.0, "{wire:?}");
    }
}

#[tokio::test]
async fn connections_to_upstreams_are_kept() {
    for wire in Wire::ALL {
        let upstream = Upstream::openai().over(wire).start().await;
        let gateway = Gateway::start(fallback(&[&upstream])).await;
        for _ in 0..5 {
            assert_eq!(gateway.chat("Hi").await.status, 200);
            settled(&gateway).await;
        }
        assert_eq!(
            (upstream.hits(), upstream.connections()),
            (5, 1),
            "{wire:?}"
        );
    }
}

#[tokio::test]
async fn clients_over_tls_get_answers_too() {
    let first = Upstream::openai().then(503).start().await;
    let second = Upstream::openai().then_text("Hello").start().await;
    let gateway = Gateway::with(fallback(&[&first, &second]))
        .tls()
        .ready()
        .await;
    for http in [Http::Tls1, Http::Tls2] {
        let body = json!({ "model": "fallback", "input": "x".repeat(1_000_000) }).to_string();
        let answer = gateway.ask("/v1/responses", body).over(http).whole().await;
        assert_eq!((answer.text(), answer.attempts()), ("Hello".to_owned(), 2));
    }
}

#[tokio::test]
async fn a_name_is_resolved_and_asked_for() {
    let upstream = Upstream::openai().over(Wire::Tls2).start().await;
    let mut config = fallback(&[&upstream]);
    config["providers"]["p1"]["base_url"] =
        format!("https://localhost:{}/v1", upstream.address().port()).into();
    let gateway = Gateway::start(config).await;

    assert_eq!(gateway.chat("Hi").await.status, 200);
    let host = format!("localhost:{}", upstream.address().port());
    assert_eq!(upstream.only().header("host"), Some(&*host));
}

#[tokio::test]
async fn an_upstream_that_reads_slowly_gets_the_whole_body() {
    for wire in [Wire::H1, Wire::H2c] {
        let upstream = Upstream::openai()
            .over(wire)
            .then(Reply::text("Hello").reads_slowly())
            .start()
            .await;
        let gateway = Gateway::start(fallback(&[&upstream])).await;
        let body = json!({ "model": "m1", "input": "x".repeat(4_000_000) }).to_string();
        let answer = gateway
            .ask("/v1/embeddings", body.replace("m1", "fallback"))
            .whole()
            .await;
        assert_eq!(answer.status, 200);
        assert!(upstream.only().body == body, "{wire:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_was_read_arrives() {
    for wire in Wire::ALL {
        for http in Http::PLAIN {
            let early = Reply::status(400).early();
            let upstream = Upstream::openai().over(wire).then(early).start().await;
            let gateway = Gateway::start(fallback(&[&upstream])).await;
            let body = json!({ "model": "fallback", "input": "x".repeat(10_000_000) }).to_string();
            let answer = gateway.ask("/v1/embeddings", body).over(http).whole().await;
            assert_eq!(
                answer.status,
                400,
                "{wire:?} {http:?}: {}",
                answer.body_text()
            );
            assert_eq!(answer.json()["error"]["message"], "scripted 400");
        }
    }
}
