//! How tokens come, are shared, renewed and refused: on paused time, without a network.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3600);

struct Account;

impl Grant for Account {
    fn subject(&self) -> String {
        "someone@example.com".into()
    }

    fn request(&self, _: SystemTime) -> Result<TokenRequest, String> {
        let secret = [("client_secret", "very-secret")];
        Ok(TokenRequest::form("https://login.example.com", &secret))
    }
}

/// A token endpoint: numbers its tokens, takes 100 ms for an answer, and fails while it is told to.
struct Issuer {
    asked: AtomicUsize,
    answer: Mutex<(StatusCode, String)>,
    /// Asked at these times, after the start.
    times: Mutex<Vec<Duration>>,
    start: Instant,
}

impl Issuer {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicUsize::new(0),
            answer: Mutex::new((StatusCode::OK, good(3600))),
            times: Mutex::default(),
            start: Instant::now(),
        })
    }

    fn set(&self, status: u16, body: impl Into<String>) {
        *self.answer.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), body.into());
    }

    async fn ask(self: Arc<Self>) -> Result<(StatusCode, Bytes), String> {
        let n = self.asked.fetch_add(1, Relaxed) + 1;
        self.times.lock().unwrap().push(self.start.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (status, body) = self.answer.lock().unwrap().clone();
        Ok((status, body.replace("{n}", &n.to_string()).into()))
    }

    fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }
}

fn good(life: u64) -> String {
    format!(r#"{{"access_token":"token-{{n}}","expires_in":{life},"token_type":"Bearer"}}"#)
}

const REFUSED: &str =
    r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature.\r\nTrace: 1"}"#;

fn start() -> (Arc<TokenSource>, Arc<Issuer>) {
    let (source, issuer) = (TokenSource::new(Account), Issuer::new());
    run(&source, &issuer);
    (source, issuer)
}

fn run(source: &Arc<TokenSource>, issuer: &Arc<Issuer>) -> tokio::task::JoinHandle<()> {
    let issuer = issuer.clone();
    tokio::spawn(source.clone().run(move |_| issuer.clone().ask()))
}

fn text(token: &Arc<Token>) -> &str {
    token.authorization().to_str().unwrap()
}

async fn get(source: &TokenSource) -> Arc<Token> {
    source.token(PATIENCE).await.unwrap()
}

/// At once or not at all.
async fn now(source: &TokenSource) -> Result<Arc<Token>, TokenError> {
    source.token(Duration::ZERO).await
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_share_one_fetch() {
    let (source, issuer) = start();
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { text(&get(&source).await).to_owned() })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "Bearer token-1");
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_valid_token_is_given_at_once() {
    let (source, _) = start();
    let first = get(&source).await;
    assert!(Arc::ptr_eq(&now(&source).await.unwrap(), &first));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_early_while_the_old_one_serves() {
    let (source, issuer) = start();
    get(&source).await;
    pass(2879).await;
    assert_eq!(issuer.asked(), 1);
    assert_eq!(text(&now(&source).await.unwrap()), "Bearer token-1");
    pass(1).await;
    // The request for the next one is on its way.
    assert_eq!(issuer.asked(), 2);
    assert_eq!(text(&now(&source).await.unwrap()), "Bearer token-1");
    pass(1).await;
    assert_eq!(text(&now(&source).await.unwrap()), "Bearer token-2");
}

#[test]
fn renewal_comes_at_80_percent_or_5_minutes_before_the_end() {
    let seconds = |life| renewal(Duration::from_secs(life)).as_secs();
    for (life, wanted) in [
        (10, 5),
        (300, 150),
        (600, 300),
        (1200, 900),
        (3600, 2880),
        (86_400, 69_120),
    ] {
        assert_eq!(seconds(life), wanted, "{life}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_renewal_the_old_token_serves_until_its_end_and_not_longer() {
    let (source, issuer) = start();
    get(&source).await;
    issuer.set(400, REFUSED);
    pass(3598).await;
    assert!(issuer.asked() > 5, "it is tried again");
    assert_eq!(text(&now(&source).await.unwrap()), "Bearer token-1");
    pass(2).await;
    let error = now(&source).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no access token for someone@example.com: HTTP 400: invalid_grant: Invalid JWT Signature."
    );
    issuer.set(200, good(3600));
    pass(LONGEST_PAUSE.as_secs() + 1).await;
    assert!(text(&now(&source).await.unwrap()).starts_with("Bearer token-"));
}

#[tokio::test(start_paused = true)]
async fn pauses_between_failures_grow_to_a_minute() {
    let (source, issuer) = start();
    issuer.set(503, "");
    pass(3600).await;
    let times = issuer.times.lock().unwrap().clone();
    let pauses: Vec<f64> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64() - 0.1)
        .collect();
    for (n, pause) in pauses.iter().enumerate() {
        let longest = f64::powi(2.0, n.min(10) as i32).min(60.0);
        assert!(
            (longest / 2.0 - 0.01..longest + 0.01).contains(pause),
            "pause {n} was {pause}"
        );
    }
    assert!(pauses.len() > 50);
    drop(source);
}

#[tokio::test(start_paused = true)]
async fn callers_wait_for_the_next_attempt_if_it_comes_in_time() {
    let (source, issuer) = start();
    issuer.set(503, "");
    pass(0).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    issuer.set(200, good(3600));
    assert_eq!(text(&get(&source).await), "Bearer token-2");
}

#[tokio::test(start_paused = true)]
async fn callers_do_not_wait_if_the_next_attempt_comes_too_late() {
    let (source, issuer) = start();
    issuer.set(503, "<html>");
    pass(300).await;
    let before = Instant::now();
    let error = source.token(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(error.reason, "HTTP 503");
    assert!(error.retry_in.unwrap() > Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn patience_is_bounded_even_if_nobody_fetches() {
    let source = TokenSource::new(Account);
    let before = Instant::now();
    let error = source.token(PATIENCE).await.unwrap_err();
    assert_eq!(before.elapsed(), PATIENCE);
    assert_eq!(error.reason, "none came within 5.0s");
    assert!(source.token(Duration::MAX).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_however_often_it_is_reported() {
    let (source, issuer) = start();
    let first = get(&source).await;
    for _ in 0..100 {
        assert!(source.invalidate(&first));
    }
    assert!(now(&source).await.is_err(), "nobody gets it any more");
    let second = get(&source).await;
    assert_eq!(text(&second), "Bearer token-2");
    assert!(source.invalidate(&first), "there is a better one");
    pass(60).await;
    assert_eq!(issuer.asked(), 2);
    assert_eq!(text(&now(&source).await.unwrap()), "Bearer token-2");
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_while_renewals_fail_is_renewed_at_once() {
    let (source, issuer) = start();
    let first = get(&source).await;
    issuer.set(503, "");
    pass(3300).await;
    let asked = issuer.asked();
    issuer.set(200, good(3600));
    assert!(source.invalidate(&first));
    let second = source.token(Duration::from_millis(200)).await.unwrap();
    assert_eq!(text(&second), format!("Bearer token-{}", asked + 1));
}

#[tokio::test(start_paused = true)]
async fn reports_that_come_during_a_renewal_cause_no_second_one() {
    let (source, issuer) = start();
    let first = get(&source).await;
    tokio::time::sleep_until(first.renew + Duration::from_millis(50)).await;
    assert_eq!(issuer.asked(), 2);
    assert!(source.invalidate(&first));
    assert_eq!(text(&get(&source).await), "Bearer token-2");
    pass(60).await;
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn refusals_that_no_new_token_mends_do_not_burden_the_issuer() {
    let (source, issuer) = start();
    assert!(source.invalidate(&get(&source).await));
    let second = get(&source).await;
    assert!(!source.invalidate(&second));
    assert_eq!(text(&now(&source).await.unwrap()), "Bearer token-2");
    pass(31).await;
    assert!(source.invalidate(&second));
    assert_eq!(text(&get(&source).await), "Bearer token-3");
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_came_late_counts_as_one() {
    let (source, issuer) = start();
    let first = get(&source).await;
    issuer.set(503, "");
    assert!(source.invalidate(&first));
    tokio::time::sleep(Duration::from_millis(200)).await;
    issuer.set(200, good(3600));
    let second = get(&source).await;
    assert_eq!(text(&second), "Bearer token-3");
    assert!(!source.invalidate(&second));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_is_given_up_and_repeated() {
    let source = TokenSource::new(Account);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    tokio::spawn(source.clone().run(move |_| {
        counter.fetch_add(1, Relaxed);
        std::future::pending()
    }));
    pass(29).await;
    assert_eq!(asked.load(Relaxed), 1);
    pass(3).await;
    assert_eq!(asked.load(Relaxed), 2);
    let error = now(&source).await.unwrap_err();
    assert_eq!(error.reason, "no answer within 30s");
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_with_its_source_and_there_is_only_one() {
    let (source, issuer) = (TokenSource::new(Account), Issuer::new());
    let first = run(&source, &issuer);
    get(&source).await;
    let second = run(&source, &issuer);
    tokio::time::timeout(Duration::from_secs(1), second)
        .await
        .expect("ends at once")
        .unwrap();
    assert_eq!(issuer.asked(), 1);
    drop(source);
    tokio::time::timeout(Duration::from_secs(1), first)
        .await
        .expect("ends at once")
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_was_stopped_can_be_replaced() {
    let (source, issuer) = (TokenSource::new(Account), Issuer::new());
    let first = run(&source, &issuer);
    get(&source).await;
    first.abort();
    let _ = first.await;
    run(&source, &issuer);
    pass(1).await;
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_end_at_once_are_not_fetched_without_end() {
    let (source, issuer) = start();
    issuer.set(200, good(0));
    pass(60).await;
    assert!(issuer.asked() < 20);
    let error = now(&source).await.unwrap_err();
    assert_eq!(error.reason, "the token that came lives for 0ns only");
}

fn read(body: &str) -> Result<(String, Duration), String> {
    let (token, life) = read_answer(StatusCode::OK, body.as_bytes())?;
    assert!(token.is_sensitive());
    Ok((token.to_str().unwrap().to_owned(), life))
}

#[test]
fn answers_are_read_as_google_and_entra_write_them() {
    for (body, life) in [
        (
            r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#,
            3599,
        ),
        (
            r#"{"token_type":"bearer","expires_in":"3599","ext_expires_in":3599,"access_token":"t"}"#,
            3599,
        ),
        (
            r#"{"access_token":"t","expires_in":3599.5,"scope":"x"}"#,
            3599,
        ),
        (r#"{"access_token":"t"}"#, 300),
        (r#"{"access_token":"t","expires_in":null}"#, 300),
        (r#"{"access_token":"t","expires_in":1e300}"#, 86_400),
        (r#"{"access_token":"t","expires_in":-1}"#, 0),
    ] {
        let (token, read) = read(body).unwrap();
        assert_eq!(
            (token.as_str(), read.as_secs()),
            ("Bearer t", life),
            "{body}"
        );
    }
}

#[test]
fn answers_that_are_no_good_are_refused_without_being_quoted() {
    for body in [
        "",
        "[]",
        "null",
        r#""SECRET""#,
        r#"{"access_token":7}"#,
        r#"{"access_token":""}"#,
        r#"{"id_token":"SECRET"}"#,
        r#"{"access_token":"SECRET","expires_in":"SECRET"}"#,
        r#"{"access_token":"SECRET","expires_in":"inf"}"#,
        r#"{"access_token":"SECRET","expires_in":{}}"#,
        r#"{"access_token":"SECRET","token_type":"mac"}"#,
        r#"{"access_token":"SECRET\n"}"#,
        r#"{"access_token":"SECRET"#,
    ] {
        let error = read(body).unwrap_err();
        assert!(!error.contains("SECRET"), "{body}: {error}");
    }
}

#[test]
fn error_answers_are_told_in_one_short_line() {
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(10_000));
    for (body, wanted) in [
        (
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}"#,
            "HTTP 401: invalid_client: AADSTS7000215: Invalid client secret provided.",
        ),
        (
            r#"{"error":{"code":401,"message":"no\u0007pe","status":"X"}}"#,
            "HTTP 401: nope",
        ),
        ("<html>", "HTTP 401"),
        ("[1]", "HTTP 401"),
        (long.as_str(), &format!("HTTP 401: {}", "x".repeat(300))),
    ] {
        let error = read_answer(StatusCode::UNAUTHORIZED, body.as_bytes()).unwrap_err();
        assert_eq!(error, wanted);
    }
}

#[test]
fn secrets_go_to_https_or_this_machine_only() {
    for good in [
        "https://oauth2.googleapis.com/token",
        "http://127.0.0.1:8080/token",
        "http://localhost/token",
        "http://[::1]:1/",
    ] {
        assert_eq!(check_url(good), Ok(()), "{good}");
    }
    for bad in [
        "http://login.example.com/token",
        "http://localhost.example.com/",
        "https://user:pw@login.example.com/",
        "http://127.0.0.1@evil.example/",
        "ftp://a/",
        "/token",
        "login.example.com",
        "",
    ] {
        assert!(check_url(bad).is_err(), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_show_in_no_debug_output() {
    let (source, _) = start();
    let token = get(&source).await;
    let request = Account.request(SystemTime::now()).unwrap();
    let shown = format!("{token:?} {source:?} {request:?} {:?}", token.authorization);
    assert!(!shown.contains("token-1") && !shown.contains("secret"));
    assert_eq!(token.expires - token.fetched, HOUR);
}
