//! The attempts: which target is next, what it is sent, and what its failure means.

use std::time::{Duration, Instant};

use http::HeaderName;
use pingora::{
    Error, ErrorSource, ErrorType, Result, RetryType, http::RequestHeader, proxy::Session,
    upstreams::peer::HttpPeer,
};

use super::{
    buffered::{Limits, SILENT},
    exchange::Exchange,
};
use crate::{
    error::{Failure, Kind},
    protocol::Dialect,
    routing::retry::Fault,
    telemetry::{metrics::METRICS, record::Outcome},
};

/// Begins the next attempt, or repeats one that met a connection which the upstream had closed.
pub async fn next_target(x: &mut Exchange) -> Result<Box<HttpPeer>, Failure> {
    x.relay = None;
    x.fault = None;
    x.early_error = None;
    if std::mem::take(&mut x.repeat)
        && let Some(attempt) = &x.attempt
    {
        x.stale += 1;
        return Ok(attempt.chosen.peer());
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
    x.body = request.body_for(
        &attempt.target.model,
        attempt.target.upstream.asks_stream_usage,
    );
    let peer = attempt.chosen.peer();
    x.attempt = Some(attempt);
    Ok(peer)
}

/// Client headers that providers understand, beside those of each dialect. All others stay here: credentials,
/// cookies and our own headers are for the gateway, and what a proxy in front adds is nobody's business.
const FORWARDED: [&str; 8] = [
    "content-type",
    "accept",
    "user-agent",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "x-client-request-id",
    "x-app",
];

const OPENAI: [&str; 3] = ["openai-beta", "http-referer", "x-title"];
const ANTHROPIC: [&str; 2] = ["anthropic-version", "anthropic-beta"];
const GEMINI: [&str; 1] = ["x-goog-api-client"];

fn is_forwarded(name: &HeaderName, dialect: Dialect, more: &[HeaderName]) -> bool {
    let name_text = name.as_str();
    let own: &[&str] = match dialect {
        Dialect::OpenAi => &OPENAI,
        Dialect::Anthropic => &ANTHROPIC,
        Dialect::Gemini => &GEMINI,
    };
    FORWARDED.contains(&name_text)
        || own.contains(&name_text)
        // What the SDKs of OpenAI and Anthropic tell about themselves.
        || name_text.starts_with("x-stainless-")
        || more.contains(name)
}

/// Writes the head of the upstream request, from the pristine request of the client.
pub fn write_head(session: &Session, head: &mut RequestHeader, x: &mut Exchange) -> Result<()> {
    let attempt = x.attempt.as_ref().expect("begun by next_target");
    let upstream = &attempt.target.upstream;
    let call = x.call.as_ref().expect("recognised at the door");
    let url = attempt.chosen.url();
    let mut path = upstream
        .provider
        .path(call, &url.path, &attempt.target.model);
    let client = session.req_header();
    if let Some(query) = client.uri.query() {
        append_query(&mut path, query);
    }
    let mut new = RequestHeader::build(http::Method::POST, path.as_bytes(), Some(16))?;
    new.set_version(head.version);
    new.insert_header("host", url.authority())?;
    for (name, value) in &client.headers {
        if is_forwarded(name, x.dialect, &upstream.forward_headers) {
            new.append_header(name.clone(), value.clone())?;
        }
    }
    for (name, value) in &upstream.headers {
        new.insert_header(name.clone(), value.clone())?;
    }
    // Answers must be readable here, whatever the client could read.
    new.insert_header("accept-encoding", "identity")?;
    new.insert_header("content-length", x.body.len())?;
    if let Some(key) = &attempt.key.secret {
        upstream.provider.authorize(&mut new, key)?;
    }
    *head = new;
    let timeouts = &upstream.config().timeouts;
    let first_byte = timeouts.first_byte.get();
    x.attempt_started = Instant::now();
    x.shared.begin(Limits {
        head: attempt.patience.map_or(first_byte, |p| p.min(first_byte)),
        content: first_byte,
        idle: timeouts.idle.get(),
        total: timeouts.total.get(),
    });
    Ok(())
}

/// Keeps the client's query, but for the credential that it may carry.
fn append_query(path: &mut String, query: &str) {
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && *pair != "key" && !pair.starts_with("key="));
    for (n, pair) in kept.enumerate() {
        path.push(if n == 0 { '?' } else { '&' });
        path.push_str(pair);
    }
}

/// Decides what the error of an attempt means, and whether another attempt follows.
pub fn lost(session: &mut Session, mut error: Box<Error>, x: &mut Exchange) -> Box<Error> {
    let gone = *error.esource() == ErrorSource::Downstream && *error.etype() != SILENT;
    let stale = matches!(error.retry, RetryType::ReusedOnly);
    if gone {
        x.outcome = Some(Outcome::ClientGone);
        count(x, "client_gone");
        error.set_retry(false);
        return error;
    }
    // Pooled connections are closed by the other side without notice. That tells nothing about the endpoint.
    if stale && x.relay.is_none() && x.fault.is_none() && x.stale < 2 {
        x.repeat = true;
        count(x, "stale_connection");
        error.set_retry(true);
        return error;
    }
    if session.response_written().is_some() {
        return cut_off(error, x);
    }
    let again = match x.fault {
        // A status, which was judged with its headers at hand.
        Some((Fault::Status(_), _)) if x.relay.is_none() => x.again.take().unwrap_or(false),
        fault => {
            let fault = fault.map_or_else(|| classify(&error), |(fault, _)| fault);
            failed(x, fault, None, &error.to_string())
        }
    };
    error.set_retry(again);
    error
}

/// Notes a failed attempt everywhere; tells whether another one follows.
pub fn failed(x: &mut Exchange, fault: Fault, hint: Option<Duration>, detail: &str) -> bool {
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
    again
}

/// An upstream that broke off after the client had seen the beginning: no second attempt, and no pretence.
fn cut_off(mut error: Box<Error>, x: &mut Exchange) -> Box<Error> {
    error.set_retry(false);
    let fault = classify(&error);
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
    x.failure = Some(Failure::new(kind, message).detail(error.to_string()));
    error
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

fn classify(error: &Error) -> Fault {
    match error.etype() {
        etype if *etype == SILENT => Fault::Timeout,
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => Fault::Timeout,
        ErrorType::InvalidHTTPHeader | ErrorType::InvalidH2 => Fault::Invalid,
        _ => Fault::Connect,
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
                assert!(!is_forwarded(&name, dialect, &[]), "{name}");
            }
        }
        let beta = HeaderName::from_static("anthropic-beta");
        assert!(is_forwarded(&beta, Dialect::Anthropic, &[]));
        assert!(!is_forwarded(&beta, Dialect::OpenAi, &[]));
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
