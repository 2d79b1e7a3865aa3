//! All that the gateway says itself, in the client's dialect.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use pingora::{
    Error, ErrorSource, Result,
    http::ResponseHeader,
    proxy::{FailToProxy, Session},
};

use super::{exchange::Exchange, relay::set_retry_after};
use crate::{
    error::{Failure, Kind},
    protocol::{Dialect, recognise},
    telemetry::record::Outcome,
};

/// After an early refusal the rest of the body is read for so long, so that the client reads the answer instead of
/// seeing its connection reset.
const LINGER: std::time::Duration = std::time::Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// Tells the client what went wrong: a whole answer if nothing was sent yet, else the event that ends the stream.
pub async fn failed(session: &mut Session, error: &Error, x: &mut Exchange) -> FailToProxy {
    let done = |error_code| FailToProxy {
        error_code,
        can_reuse_downstream: false,
    };
    if x.outcome == Some(Outcome::ClientGone)
        || (*error.esource() == ErrorSource::Downstream && x.failure.is_none())
    {
        x.outcome = Some(Outcome::ClientGone);
        return done(0);
    }
    let failure = x.failure.clone().unwrap_or_else(|| {
        Failure::new(Kind::Internal, "the gateway failed").detail(error.to_string())
    });
    let sent = if session.response_written().is_some() {
        end_stream(session, &failure, x).await
    } else {
        whole(session, &failure, x).await
    };
    x.failure = Some(failure);
    if let Err(error) = sent {
        log::debug!("{} the client was gone: {error}", x.request_id);
        return done(0);
    }
    FailToProxy {
        error_code: x.status.unwrap_or(0),
        can_reuse_downstream: session.is_body_done() && x.outcome != Some(Outcome::Truncated),
    }
}

async fn whole(session: &mut Session, failure: &Failure, x: &mut Exchange) -> Result<()> {
    let speaker = x.dialect.speaker();
    // A provider's error event from before any content is told with the status that it stands for.
    let (status, body) = match x.early_error.take() {
        Some((status, data)) if status != 401 => (status, data),
        _ => (
            speaker.status(failure),
            Bytes::from(speaker.error_body(failure, &x.request_id)),
        ),
    };
    x.outcome.get_or_insert(Outcome::Refused);
    x.status = Some(status);
    x.response_bytes = body.len();
    let mut head = ResponseHeader::build(status, Some(12))?;
    head.insert_header("content-type", "application/json")?;
    head.insert_header("content-length", body.len())?;
    if failure.kind == Kind::MethodNotAllowed {
        let by_post = recognise(&Method::POST, &x.path).is_ok();
        head.insert_header("allow", if by_post { "POST" } else { "GET" })?;
    }
    if failure.kind == Kind::UpgradeRequired {
        head.insert_header("upgrade", "websocket")?;
    }
    if failure.kind == Kind::Unauthenticated {
        head.insert_header("www-authenticate", "Bearer")?;
    }
    if let Some(time) = failure.retry_after {
        set_retry_after(&mut head, time)?;
    }
    if x.status == Some(failure.kind.status()) || failure.kind == Kind::Draining {
        let retry = if failure.kind.worth_retrying() {
            "true"
        } else {
            "false"
        };
        head.insert_header("x-should-retry", retry)?;
    }
    add_headers(&mut head, x)?;
    let read = session.is_body_done();
    if failure.kind == Kind::Draining {
        session.set_keepalive(None);
    }
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(body), true).await?;
    if !read {
        linger(session).await;
    }
    Ok(())
}

/// Gives an answer of the gateway's own.
///
/// # Errors
/// If the client is gone.
pub async fn whole_answer(session: &mut Session, body: Vec<u8>, x: &mut Exchange) -> Result<()> {
    x.outcome = Some(Outcome::Ok);
    x.status = Some(200);
    x.response_bytes = body.len();
    let mut head = ResponseHeader::build(200, Some(8))?;
    head.insert_header("content-type", "application/json")?;
    head.insert_header("content-length", body.len())?;
    add_headers(&mut head, x)?;
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(body.into()), true).await
}

/// Reads what the client is still sending, within limits.
async fn linger(session: &mut Session) {
    let drain = async {
        let mut left = LINGER_BYTES;
        while let Ok(Some(chunk)) = session.read_request_body().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whether the client ever stops is not waited for.
    let _ = tokio::time::timeout(LINGER, drain).await;
}

/// Ends a stream that has begun with a typed error event, and never with the mark of a good end.
async fn end_stream(session: &mut Session, failure: &Failure, x: &mut Exchange) -> Result<()> {
    x.status = session.response_written().map(|head| head.status.as_u16());
    let (Some(call), Some(relay)) = (&x.call, &x.relay) else {
        return Ok(());
    };
    if !relay.is_stream() {
        // Nothing can be said inside a JSON text; the connection breaks off, which says it.
        return Ok(());
    }
    let speaker = x.dialect.speaker();
    let event = if relay.is_array() {
        let body = speaker.error_body(failure, &x.request_id);
        [&b",\n"[..], &body, b"]"].concat().into()
    } else {
        speaker.error_event(
            call.operation,
            failure,
            &x.request_id,
            relay.reading.next_sequence,
        )
    };
    x.response_bytes += event.len();
    session.write_response_body(Some(event), true).await
}

/// Adds what every answer tells: the request's id in the places where SDKs look for it, and who answered.
pub fn add_headers(head: &mut ResponseHeader, x: &Exchange) -> Result<()> {
    let id = HeaderValue::from_str(&x.request_id)
        .unwrap_or_else(|_| HeaderValue::from_static("invalid"));
    let native = match x.dialect {
        Dialect::Anthropic => HeaderName::from_static("request-id"),
        _ => HeaderName::from_static("x-request-id"),
    };
    head.insert_header(native, id.clone())?;
    head.insert_header(HeaderName::from_static("x-sluicegate-request-id"), id)?;
    if let Some(id) = &x.provider_request_id
        && let Ok(id) = HeaderValue::from_str(id)
    {
        head.insert_header(
            HeaderName::from_static("x-sluicegate-provider-request-id"),
            id,
        )?;
    }
    if let Some(attempt) = &x.attempt {
        if let Ok(name) = HeaderValue::from_str(&attempt.target.upstream.name) {
            head.insert_header(HeaderName::from_static("x-sluicegate-provider"), name)?;
        }
        if let Ok(model) = HeaderValue::from_str(&attempt.target.model) {
            head.insert_header(HeaderName::from_static("x-sluicegate-model"), model)?;
        }
        let number = HeaderValue::from(attempt.number);
        head.insert_header(HeaderName::from_static("x-sluicegate-attempts"), number)?;
    }
    if !x.dropped.is_empty() {
        let list = x.dropped.join(", ");
        let visible: String = list
            .chars()
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .take(1024)
            .collect();
        head.insert_header(HeaderName::from_static("x-sluicegate-dropped"), visible)?;
    }
    if let Some(screen) = &x.screen {
        head.insert_header(
            HeaderName::from_static("x-sluicegate-guard"),
            screen.header(),
        )?;
    }
    if let Some(verdict) = x.firewall.as_ref().filter(|verdict| verdict.score > 0) {
        let name = HeaderName::from_static("x-sluicegate-firewall");
        head.insert_header(name, format!("score={}", verdict.score))?;
    }
    if let Some(overhead) = x.overhead {
        let ms = format!("{:.2}", overhead.as_secs_f64() * 1e3);
        head.insert_header(HeaderName::from_static("x-sluicegate-overhead-ms"), ms)?;
    }
    Ok(())
}
