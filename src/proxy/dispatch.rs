//! The attempts, one after the other: which target is next, what it is sent, and what its failure means.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::HeaderName;
use pingora::{
    Error, ErrorType, Result, connectors::http::Connector, http::RequestHeader, proxy::Session,
    upstreams::peer::HttpPeer,
};

use super::{
    attempt::{self, Limits, Lost},
    convert,
    exchange::{Exchange, Rest},
    intake, judge, realtime,
};
use crate::{
    error::{Failure, Kind},
    protocol::{Call, Dialect, Operation},
    routing::retry::Fault,
    telemetry::{metrics::METRICS, record::Outcome},
};

pub use crate::upstream::fetch::for_http2;

/// How often a request may meet a pooled connection that the upstream has closed, before that counts as a failure.
const MOST_STALE: u32 = 2;

/// Asks one target after the other until one answers, and passes its answer on.
///
/// # Errors
/// When no answer came, or not all of it; `x` says what to tell the client.
pub async fn until_answered(
    connector: &Connector,
    s: &mut Session,
    x: &mut Exchange,
) -> Result<()> {
    loop {
        let peer = next_target(x).await.map_err(|failure| x.fail(failure))?;
        let made = match x.realtime {
            // On the heap, so that others do not carry its place along.
            Some(_) => Box::pin(realtime::attempt(connector, s, x, &peer)).await,
            None => attempt::make(connector, s, x, &peer).await,
        };
        let lost = match made {
            Ok(()) => return Ok(()),
            Err(lost) => lost,
        };
        let detail = match lost {
            Lost::Gone => {
                count(x, "client_gone");
                x.outcome = Some(Outcome::ClientGone);
                "the client left".to_owned()
            }
            Lost::Internal(detail) => {
                count(x, "internal");
                x.failure =
                    Some(Failure::new(Kind::Internal, "the gateway failed").detail(&*detail));
                detail
            }
            Lost::Stopped(failure) => {
                count(x, "stopped");
                judge::note(x);
                let detail = failure.message.to_string();
                x.failure = Some(failure);
                x.outcome = Some(Outcome::Refused);
                detail
            }
            Lost::TooLarge => {
                count(x, "client_error");
                x.failure = Some(intake::too_large(x.snapshot.config.limits.body.0));
                "the client's body is over the limit".to_owned()
            }
            Lost::More(answer) => {
                x.answers.push(answer);
                x.body = x.more.pop_front().unwrap_or_default();
                x.repeat = true;
                continue;
            }
            Lost::Stale | Lost::NotHttp2
                if x.stale < MOST_STALE && !x.rest.is_some_and(|rest| rest.taken) =>
            {
                count(x, "stale_connection");
                x.stale += 1;
                x.repeat = true;
                continue;
            }
            Lost::Stale | Lost::NotHttp2 => {
                match failed(x, Fault::Connect, None, "closed connections") {
                    true => continue,
                    false => "closed connections".to_owned(),
                }
            }
            Lost::Fault {
                fault: Fault::Status(401),
                ..
            } if !x.rest.is_some_and(|rest| rest.taken) && renew_token(x) => {
                count(x, "stale_token");
                x.repeat = true;
                continue;
            }
            Lost::Fault { fault, detail, .. } if s.response_written().is_some() => {
                cut_off(x, fault, &detail);
                detail
            }
            Lost::Fault {
                fault,
                hint,
                detail,
            } => match failed(x, fault, hint, &detail) {
                true => continue,
                false => detail,
            },
        };
        return Error::e_explain(ErrorType::Custom("Unanswered"), detail);
    }
}

/// Begins the next attempt, or repeats one that met a connection which the upstream had closed.
async fn next_target(x: &mut Exchange) -> Result<Box<HttpPeer>, Failure> {
    x.relay = None;
    x.early_error = None;
    // An error of the last attempt that was to be passed on, and broke off itself.
    x.outcome = None;
    if std::mem::take(&mut x.repeat) {
        fetch_token(x).await?;
        if let Some(attempt) = &x.attempt {
            return Ok(attempt.chosen.peer());
        }
    }
    // The endpoint of the last attempt is not busy with this request any more.
    x.attempt = None;
    let plan = x.plan.as_mut().expect("made by intake");
    let request = x.request.as_ref().expect("decoded by intake");
    let pause = plan.pause();
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let attempt = plan.begin(request.stream).map_err(|failure| {
        // If others were asked before, the last word is why they failed.
        x.failure.clone().unwrap_or(failure)
    })?;
    x.stale = 0;
    x.overhead.get_or_insert_with(|| x.started.elapsed());
    let peer = attempt.chosen.peer();
    x.token = None;
    x.attempt = Some(attempt);
    if x.realtime.is_none() {
        write_body(x)?;
    }
    fetch_token(x).await?;
    Ok(peer)
}

/// Writes the body of the running attempt: the client's own bytes, or what the canonical form is in the target's dialect.
fn write_body(x: &mut Exchange) -> Result<(), Failure> {
    let attempt = x.attempt.as_ref().expect("just begun");
    let request = x.request.as_ref().expect("decoded by intake");
    let asked = x.call.as_ref().expect("recognised at the door").operation;
    let target = &attempt.target;
    let provider = &target.upstream.provider;
    let offered = match &x.passage {
        Some(_) => asked,
        None => target.offers(asked, request.stream).unwrap_or(asked),
    };
    x.dropped.clear();
    let body = if convert::is_native(asked, offered) {
        let own = x.passage.is_none();
        let name = if own {
            provider.model_name(&target.model)
        } else {
            &request.model
        };
        request.body_for(name, own && target.upstream.asks_stream_usage)
    } else {
        let canonical = x.canonical.as_ref().expect("made by intake for such");
        let first = x.written.take().filter(|first| first.is_for(target));
        let written = match first {
            Some(written) => written,
            None => convert::write(asked, offered, canonical, &x.betas, target)?,
        };
        x.dropped = written.dropped;
        x.more = written.more;
        x.answers.clear();
        written.body
    };
    x.operation = Some(offered);
    x.body = provider.finish_body(offered, body);
    Ok(())
}

/// How long a request waits for a provider's token.
const TOKEN_PATIENCE: Duration = Duration::from_secs(10);

/// Gets the token that the running attempt's provider wants, if it wants one.
async fn fetch_token(x: &mut Exchange) -> Result<(), Failure> {
    let tokens = x
        .attempt
        .as_ref()
        .and_then(|a| a.target.upstream.provider.tokens())
        .cloned();
    let Some(tokens) = tokens else {
        return Ok(());
    };
    let token = tokens.token(TOKEN_PATIENCE).await.map_err(|why| {
        Failure::new(
            Kind::UpstreamAuthentication,
            "the gateway has no valid token for the provider; its operator has to look into it",
        )
        .detail(why.to_string())
    })?;
    let second = match &x.token {
        // The same one again, for another connection or another call.
        Some((old, second)) => *second || !Arc::ptr_eq(old, &token),
        None => false,
    };
    x.token = Some((token, second));
    Ok(())
}

/// Throws a refused token away, if another one has not been tried.
fn renew_token(x: &Exchange) -> bool {
    let Some((token, false)) = &x.token else {
        return false;
    };
    let tokens = x
        .attempt
        .as_ref()
        .and_then(|a| a.target.upstream.provider.tokens());
    tokens.is_some_and(|tokens| tokens.invalidate(token))
}

/// Client headers that every provider may see. All others stay here: credentials, cookies and our own headers are for
/// the gateway, and what a proxy in front adds is nobody's business.
const FORWARDED: [&str; 3] = ["user-agent", "traceparent", "tracestate"];

/// Headers that providers of the client's own dialect understand, beside those of each dialect.
const NATIVE: [&str; 5] = [
    "content-type",
    "accept",
    "idempotency-key",
    "x-client-request-id",
    "x-app",
];

const OPENAI: [&str; 3] = ["openai-beta", "http-referer", "x-title"];
const ANTHROPIC: [&str; 2] = ["anthropic-version", "anthropic-beta"];
const GEMINI: [&str; 1] = ["x-goog-api-client"];

/// Whether a client's header goes to the provider; `dialect` is the client's, if the provider speaks it.
pub fn is_forwarded(name: &HeaderName, dialect: Option<Dialect>, more: &[HeaderName]) -> bool {
    let text = name.as_str();
    if FORWARDED.contains(&text) || more.contains(name) {
        return true;
    }
    let own: &[&str] = match dialect {
        Some(Dialect::OpenAi) => &OPENAI,
        Some(Dialect::Anthropic) => &ANTHROPIC,
        Some(Dialect::Gemini) => &GEMINI,
        _ => return false,
    };
    NATIVE.contains(&text)
        || own.contains(&text)
        // What the SDKs of OpenAI and Anthropic tell about themselves.
        || text.starts_with("x-stainless-")
}

/// Writes the head of the upstream request, from the pristine request of the client.
pub fn write_head(s: &Session, x: &mut Exchange) -> Result<RequestHeader> {
    let attempt = x.attempt.as_ref().expect("begun by next_target");
    let upstream = &attempt.target.upstream;
    let provider = &upstream.provider;
    let call = x.call.as_ref().expect("recognised at the door");
    let request = x.request.as_ref().expect("decoded by intake");
    let operation = x.operation.unwrap_or(call.operation);
    let native = convert::is_native(call.operation, operation);
    let url = attempt.chosen.url();
    let wish = attempt.target.wish(request.stream);
    let client = s.req_header();
    let mut path = if let Some(rest) = &x.passage {
        passage(&url.path, rest)
    } else if native {
        let asked = Call {
            operation,
            ..call.clone()
        };
        provider.path(&asked, &url.path, &wish)
    } else {
        let converted = Call {
            operation,
            model: None,
            version: "v1beta",
        };
        provider.path(&converted, &url.path, &wish)
    };
    if native && let Some(query) = client.uri.query() {
        append_query(&mut path, query);
    }
    if !native && operation == Operation::StreamGenerate {
        append_query(&mut path, "alt=sse");
    }
    let method = match &x.passage {
        Some(_) => x.method.clone(),
        None => http::Method::POST,
    };
    let mut head = RequestHeader::build_no_case(method, path.as_bytes(), Some(16))?;
    head.insert_header(http::header::HOST, url.authority())?;
    let dialect = native.then_some(x.dialect);
    for (name, value) in &client.headers {
        if is_forwarded(name, dialect, &upstream.forward_headers) {
            head.append_header(name, value)?;
        }
    }
    // Also a client of another dialect may know what it wants of Anthropic.
    let taken: Vec<&str> = x
        .betas
        .iter()
        .filter(|beta| upstream.takes_beta(beta))
        .map(String::as_str)
        .collect();
    let as_sent = native && taken.len() == x.betas.len();
    if !as_sent && (native || operation.dialect() == Dialect::Anthropic) {
        head.remove_header("anthropic-beta");
        if !taken.is_empty() {
            head.insert_header("anthropic-beta", taken.join(","))?;
        }
    }
    if !native {
        head.insert_header(http::header::CONTENT_TYPE, "application/json")?;
        let accept = match operation {
            Operation::ConverseStream => "application/vnd.amazon.eventstream",
            _ if request.stream => "text/event-stream",
            _ => "application/json",
        };
        head.insert_header(http::header::ACCEPT, accept)?;
    }
    for (name, value) in &upstream.headers {
        head.insert_header(name, value)?;
    }
    // Answers must be readable here, whatever the client could read.
    head.insert_header(http::header::ACCEPT_ENCODING, "identity")?;
    match x.rest {
        None if x.body.is_empty() && x.method == http::Method::GET => {}
        None => head.insert_header(http::header::CONTENT_LENGTH, x.body.len())?,
        Some(Rest {
            length: Some(length),
            ..
        }) => head.insert_header(http::header::CONTENT_LENGTH, x.body.len() + length)?,
        Some(_) => head.insert_header(http::header::TRANSFER_ENCODING, "chunked")?,
    }
    if let Some((token, _)) = &x.token {
        head.insert_header(http::header::AUTHORIZATION, token.authorization())?;
    }
    provider.authorize(&mut head, attempt.key.secret.as_deref(), &x.body)?;
    x.attempt_started = Instant::now();
    Ok(head)
}

/// The path of a provider's own API below its base URL; a version that stands in both stands there once.
fn passage(base_path: &str, rest: &str) -> String {
    let version = base_path.rsplit_once('/').map_or("", |(_, last)| last);
    let doubled = !version.is_empty()
        && rest
            .strip_prefix('/')
            .and_then(|rest| rest.strip_prefix(version))
            .is_some_and(|rest| rest.starts_with('/'));
    let base = if doubled {
        &base_path[..base_path.len() - version.len() - 1]
    } else {
        base_path
    };
    format!("{base}{rest}")
}

/// Longer than any request.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The time limits of the running attempt.
pub fn limits(x: &Exchange) -> Limits {
    let attempt = x.attempt.as_ref().expect("begun by next_target");
    let timeouts = &attempt.target.upstream.config().timeouts;
    let first_byte = timeouts.first_byte.get();
    let server = &x.snapshot.config.server;
    let or_never = |time: Duration| if time.is_zero() { NEVER } else { time };
    Limits {
        connect: timeouts.connect.get() + Duration::from_secs(1),
        head: attempt.patience.map_or(first_byte, |p| p.min(first_byte)),
        content: first_byte,
        idle: timeouts.idle.get(),
        heartbeat: or_never(server.heartbeat.get()),
        early: or_never(server.early_heartbeat.get()),
        total: timeouts.total.get(),
    }
}

/// Keeps the client's query, but for the credential that it may carry.
fn append_query(path: &mut String, query: &str) {
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && *pair != "key" && !pair.starts_with("key="));
    for pair in kept {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(pair);
    }
}

/// Notes a failed attempt everywhere; tells whether another one follows.
fn failed(x: &mut Exchange, fault: Fault, hint: Option<Duration>, detail: &str) -> bool {
    count(x, fault.name());
    let (Some(plan), Some(attempt)) = (x.plan.as_mut(), x.attempt.as_ref()) else {
        return false;
    };
    let again = plan.failed(attempt, fault, hint);
    log::warn!(
        "{} attempt {} at {}/{} ({}) failed: {}; {detail}{}",
        x.request_id,
        attempt.number,
        attempt.target.upstream.name,
        attempt.target.model,
        attempt.chosen.url().authority(),
        fault.name(),
        if again { "; trying on" } else { "" },
    );
    x.failure = Some(explain(fault, plan.retry_after()).detail(detail));
    // What was passed on as it came is gone.
    again && !x.rest.is_some_and(|rest| rest.taken)
}

/// An upstream that broke off after the client had seen the beginning: no second attempt, and no pretence.
fn cut_off(x: &mut Exchange, fault: Fault, detail: &str) {
    count(x, "truncated");
    if let Some(attempt) = &x.attempt {
        attempt.chosen.failed();
    }
    x.outcome = Some(Outcome::Truncated);
    let (kind, message) = match fault {
        Fault::Timeout => (
            Kind::UpstreamTimeout,
            "the provider stopped in the middle of its answer",
        ),
        _ => (
            Kind::UpstreamUnreachable,
            "the provider broke off in the middle of its answer",
        ),
    };
    x.failure = Some(Failure::new(kind, message).detail(detail));
}

/// Counts the running attempt under its outcome.
pub fn count(x: &Exchange, outcome: &str) {
    if let Some(attempt) = &x.attempt {
        METRICS
            .attempts
            .with_label_values(&[&attempt.target.upstream.name, outcome])
            .inc();
    }
}

/// What the client is told if this was the last attempt. Names no host.
fn explain(fault: Fault, retry_after: Option<Duration>) -> Failure {
    let failure = match fault {
        Fault::Connect => Failure::new(
            Kind::UpstreamUnreachable,
            "the provider could not be reached, or broke off before it answered",
        ),
        Fault::Timeout => {
            Failure::new(Kind::UpstreamTimeout, "the provider did not answer in time")
        }
        Fault::Invalid => Failure::new(
            Kind::UpstreamInvalid,
            "the provider's answer could not be understood",
        ),
        Fault::Status(401) => Failure::new(
            Kind::UpstreamAuthentication,
            "the provider refused the gateway's credentials; the operator of the gateway has to renew them",
        ),
        Fault::Status(429) => Failure::new(
            Kind::UpstreamLimited,
            "the provider limits the gateway's requests",
        ),
        Fault::Status(status) => Failure::new(
            Kind::UpstreamInvalid,
            format!("the provider answered with status {status}"),
        ),
    };
    match retry_after {
        Some(time) => failure.retry_after(time),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_cookies_and_our_own_headers_stay_here() {
        for name in [
            "authorization",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "cookie",
            "x-sluicegate-api-key",
            "x-sluicegate-anything",
            "x-forwarded-for",
            "proxy-authorization",
            "openai-organization",
        ] {
            for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
                let name = HeaderName::from_static(name);
                assert!(!is_forwarded(&name, Some(dialect), &[]), "{name}");
            }
        }
        let beta = HeaderName::from_static("anthropic-beta");
        assert!(is_forwarded(&beta, Some(Dialect::Anthropic), &[]));
        assert!(!is_forwarded(&beta, Some(Dialect::OpenAi), &[]));
        assert!(!is_forwarded(&beta, None, &[]));
    }

    #[test]
    fn a_version_in_base_url_and_passage_is_written_once() {
        for (base, rest, path) in [
            ("/v1", "/v1/files", "/v1/files"),
            ("/v1", "/files", "/v1/files"),
            ("", "/v1/files", "/v1/files"),
            ("/openai/v1", "/v1/files", "/openai/v1/files"),
            ("/v1", "/v1beta/x", "/v1/v1beta/x"),
        ] {
            assert_eq!(passage(base, rest), path);
        }
    }

    #[test]
    fn the_key_is_taken_out_of_the_query() {
        for (query, path) in [
            ("alt=sse&key=secret", "/p?alt=sse"),
            ("key=secret", "/p"),
            ("key=a&alt=sse&x=1", "/p?alt=sse&x=1"),
        ] {
            let mut got = "/p".to_owned();
            append_query(&mut got, query);
            assert_eq!(got, path);
        }
    }
}
