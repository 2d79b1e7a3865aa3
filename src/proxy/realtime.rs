//! Realtime APIs: a WebSocket to a model, whose bytes pass untouched and are metered on the way.
//!
//! The attempts are those of all requests (`dispatch`); only what one of them does is told here.

use std::{
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use pingora::{
    Error, ErrorType,
    connectors::http::Connector,
    http::{RequestHeader, ResponseHeader},
    protocols::http::{ServerSession, client::HttpSession, v1::client::HttpSession as Http1},
    proxy::Session,
    upstreams::peer::HttpPeer,
};
use tokio::time::timeout;

use super::{
    Gateway,
    attempt::{Limits, Lost, classify},
    dispatch,
    exchange::Exchange,
    intake, relay, reply,
};
use crate::{
    auth::CREDENTIAL_SUBPROTOCOL,
    error::{Failure, Kind},
    protocol::{Realtime, percent_decode, request::Request},
    routing::retry::{Fault, retry_after},
    telemetry::{metrics::METRICS, record::Outcome},
};

mod frames;
mod meter;
mod pass;

use pass::{End, Pass};

/// How much of a refusal is read, and for how long.
const REFUSAL_BYTES: usize = 64 * 1024;
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Added to the key under which Pingora keeps connections: a WebSocket wants one of its own, over HTTP/1.1.
const OWN_GROUP: u64 = 0x7765_6273_6f63_6b65;

/// Subprotocols in which browsers send what others send in headers: the gateway's key, and the account at OpenAI, which
/// is the operator's to choose. <https://platform.openai.com/docs/guides/realtime-websocket>
const PRIVATE_SUBPROTOCOLS: [&str; 3] = [
    CREDENTIAL_SUBPROTOCOL,
    "openai-organization.",
    "openai-project.",
];

/// Parameters of the client's query that stay here: credentials, and what names the target.
const OWNED_PARAMETERS: [&str; 5] = ["key", "access_token", "model", "deployment", "api-version"];

/// Finds the targets of a WebSocket.
///
/// # Errors
/// If the request asks for none, or nobody has such an API.
pub fn prepare(
    gateway: &Gateway,
    session: &mut Session,
    x: &mut Exchange,
    realtime: Realtime,
) -> Result<(), Failure> {
    let head = session.req_header();
    check_upgrade(head, realtime)?;
    let model = match realtime {
        Realtime::OpenAi => parameter(head.uri.query(), "model"),
        // They name it in their first message; the socket must be open before.
        Realtime::Responses | Realtime::Gemini(_) => None,
    };
    let table = &x.snapshot.table;
    let choice = table.choose_realtime(realtime, model.as_deref())?;
    x.route = Some(choice.route.clone());
    x.configured = choice.configured;
    x.realtime = Some(realtime);
    let mut request = Request::opaque(Bytes::new());
    request.model = model.unwrap_or_default();
    request.stream = true;
    intake::start(gateway, session, x, request, choice)
}

/// Whether the head asks for a WebSocket, and has nothing else in it. <https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1>
fn check_upgrade(head: &RequestHeader, realtime: Realtime) -> Result<(), Failure> {
    let asks = head.version == http::Version::HTTP_11
        && has_token(&head.headers, &UPGRADE, "websocket")
        && has_token(&head.headers, &CONNECTION, "upgrade");
    if !asks {
        let other = match realtime {
            Realtime::Responses => "; for a response without one, use POST",
            _ => "",
        };
        return Err(Failure::new(
            Kind::UpgradeRequired,
            format!("GET opens a WebSocket here, with `upgrade: websocket` over HTTP/1.1{other}"),
        ));
    }
    let has_body = head.headers.contains_key("transfer-encoding")
        || head
            .headers
            .get_all("content-length")
            .iter()
            .any(|length| length != "0");
    if has_body || !head.headers.contains_key(SEC_WEBSOCKET_KEY) {
        return Err(Failure::new(
            Kind::BadRequest,
            "a WebSocket begins with a `sec-websocket-key` and without a body",
        ));
    }
    Ok(())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    list(headers, name).any(|item| item.eq_ignore_ascii_case(token))
}

/// The items of a header that is a list.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// The subprotocols that the client offers and the upstream may see.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    list(headers, &SEC_WEBSOCKET_PROTOCOL).filter(|item| {
        !PRIVATE_SUBPROTOCOLS
            .iter()
            .any(|private| item.starts_with(private))
    })
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(n, _)| *n == name)?.1;
    Some(percent_decode(value).into_owned()).filter(|value| !value.is_empty())
}

/// Opens a WebSocket at the running attempt's target, and passes it on until it ends.
pub async fn attempt(
    connector: &Connector,
    s: &mut Session,
    x: &mut Exchange,
    peer: &HttpPeer,
) -> Result<(), Lost> {
    let internal = |e: Box<Error>| Lost::Internal(e.to_string());
    let head = write_head(s, x).map_err(internal)?;
    let limits = dispatch::limits(x);
    let mut peer = peer.clone();
    peer.options.set_http_version(1, 1);
    peer.group_key ^= OWN_GROUP;
    let opened = {
        let opening = pin!(open(connector, head, &peer, &limits));
        let gone = pin!(s.downstream_session.read_body_or_idle(true));
        tokio::select! {
            biased;
            opened = opening => opened?,
            _ = gone => return Err(Lost::Gone),
        }
    };
    let upstream = match opened {
        Opened::Socket(upstream) => upstream,
        Opened::Refused(head, body) => return Err(refused(&head, body, x)),
    };
    let answer = upstream
        .resp_header()
        .ok_or_else(|| Lost::Internal("no head".to_owned()))?;
    x.provider_request_id = relay::provider_request_id(answer);
    let answer = switch(s, answer, x).map_err(internal)?;
    s.downstream_session
        .write_response_header(Box::new(answer))
        .await
        .map_err(|_| Lost::Gone)?;
    x.status = Some(101);
    x.failure = None;
    if let Some(attempt) = &x.attempt {
        attempt.chosen.succeeded(x.attempt_started.elapsed());
    }
    pass(s, x, upstream, &limits).await
}

/// Writes the head of the upstream request.
fn write_head(s: &Session, x: &mut Exchange) -> pingora::Result<RequestHeader> {
    let attempt = x.attempt.as_ref().expect("begun by next_target");
    let realtime = x.realtime.expect("set by prepare");
    let upstream = &attempt.target.upstream;
    let url = attempt.chosen.url();
    let client = s.req_header();
    let path = upstream
        .provider
        .realtime(realtime, &url.path, &attempt.target.model);
    let Some(mut path) = path else {
        return Error::e_explain(ErrorType::InternalError, "a target without the API");
    };
    append_query(&mut path, client.uri.query());
    let mut head = RequestHeader::build_no_case(http::Method::GET, path.as_bytes(), Some(16))?;
    head.insert_header(HOST, url.authority())?;
    for (name, value) in &client.headers {
        let handshake = *name == SEC_WEBSOCKET_KEY || *name == SEC_WEBSOCKET_VERSION;
        if handshake || dispatch::is_forwarded(name, Some(x.dialect), &upstream.forward_headers) {
            head.append_header(name, value)?;
        }
    }
    // Compressed frames could not be metered.
    head.remove_header(&SEC_WEBSOCKET_EXTENSIONS);
    head.remove_header(&SEC_WEBSOCKET_PROTOCOL);
    let subprotocols: Vec<&str> = offered(&client.headers).collect();
    if !subprotocols.is_empty() {
        head.insert_header(SEC_WEBSOCKET_PROTOCOL, subprotocols.join(", "))?;
    }
    head.insert_header(CONNECTION, "Upgrade")?;
    head.insert_header(UPGRADE, "websocket")?;
    for (name, value) in &upstream.headers {
        head.insert_header(name, value)?;
    }
    if let Some((token, _)) = &x.token {
        head.insert_header(http::header::AUTHORIZATION, token.authorization())?;
    }
    upstream
        .provider
        .authorize(&mut head, attempt.key.secret.as_deref(), &[])?;
    x.attempt_started = Instant::now();
    Ok(head)
}

/// Keeps the client's query, but for what the gateway owns.
fn append_query(path: &mut String, query: Option<&str>) {
    let kept = query.unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !pair.is_empty() && !OWNED_PARAMETERS.contains(&name)
    });
    for pair in kept {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(pair);
    }
}

/// What an upstream answered.
enum Opened {
    Socket(Box<Http1>),
    Refused(Box<ResponseHeader>, Bytes),
}

/// Connects, sends the head, and reads the answer.
async fn open(
    connector: &Connector,
    head: RequestHeader,
    peer: &HttpPeer,
    limits: &Limits,
) -> Result<Opened, Lost> {
    let lost = |e: Box<Error>| Lost::fault(classify(&e), e.to_string());
    let late = |text: &'static str| move |_| Lost::fault(Fault::Timeout, text);
    let connecting = Box::pin(connector.get_http_session(peer));
    let (upstream, _) = timeout(limits.connect, connecting)
        .await
        .map_err(late("no connection in time"))?
        .map_err(lost)?;
    let HttpSession::H1(mut upstream) = upstream else {
        return Err(Lost::fault(Fault::Invalid, "HTTP/2 was not offered"));
    };
    let asking = async {
        upstream.write_request_header(Box::new(head)).await?;
        loop {
            upstream.read_response().await?;
            let status = upstream.get_status().map_or(0, |status| status.as_u16());
            if status == 101 || status >= 200 {
                return Ok(status);
            }
        }
    };
    let status = timeout(limits.head.min(limits.total), Box::pin(asking))
        .await
        .map_err(late("no answer in time"))?
        .map_err(lost)?;
    let answer = upstream
        .resp_header()
        .ok_or_else(|| Lost::Internal("no head".to_owned()))?;
    match status {
        101 if upstream.was_upgraded()
            && has_token(&answer.headers, &UPGRADE, "websocket")
            && answer.headers.contains_key(SEC_WEBSOCKET_ACCEPT) =>
        {
            Ok(Opened::Socket(Box::new(upstream)))
        }
        400.. => {
            let answer = Box::new(answer.clone());
            let body = timeout(REFUSAL_TIME, refusal(&mut upstream)).await;
            Ok(Opened::Refused(answer, body.unwrap_or_default()))
        }
        _ => Err(Lost::fault(
            Fault::Invalid,
            format!("status {status}, and no WebSocket"),
        )),
    }
}

/// The body of a refusal; empty if it is too large or breaks off.
async fn refusal(upstream: &mut Http1) -> Bytes {
    let mut body = BytesMut::new();
    loop {
        match upstream.read_body_bytes().await {
            Ok(Some(bytes)) if body.len() + bytes.len() <= REFUSAL_BYTES => {
                body.extend_from_slice(&bytes);
            }
            Ok(None) => return body.freeze(),
            Ok(Some(_)) | Err(_) => return Bytes::new(),
        }
    }
}

/// What a refusal means. The last one is told to the client, with the provider's own words if they are in its dialect.
fn refused(head: &ResponseHeader, body: Bytes, x: &mut Exchange) -> Lost {
    x.provider_request_id = relay::provider_request_id(head);
    let status = head.status.as_u16();
    let fault = Fault::Status(status);
    let hint = retry_after(&head.headers);
    let again = match (&x.plan, &x.attempt) {
        (Some(plan), Some(attempt)) => plan.would_go_on(attempt, fault, hint),
        _ => false,
    };
    if !again && status != 401 {
        let text = format!("the provider refused the WebSocket with status {status}");
        let failure = Failure::new(Kind::Provider(status), text);
        let own = || x.dialect.speaker().error_body(&failure, &x.request_id);
        let body = if is_error(&body) { body } else { own().into() };
        x.early_error = Some((status, body));
        x.outcome = Some(Outcome::UpstreamError);
    }
    Lost::Fault {
        fault,
        hint,
        detail: format!("status {status}"),
    }
}

fn is_error(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body["error"].is_object())
}

/// The head with which the client switches protocols.
fn switch(s: &Session, answer: &ResponseHeader, x: &Exchange) -> pingora::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(101, Some(12))?;
    head.insert_header(CONNECTION, "Upgrade")?;
    head.insert_header(UPGRADE, "websocket")?;
    if let Some(accept) = answer.headers.get(SEC_WEBSOCKET_ACCEPT) {
        head.insert_header(SEC_WEBSOCKET_ACCEPT, accept)?;
    }
    if let Some(chosen) = subprotocol(&s.req_header().headers, &answer.headers, x.realtime) {
        head.insert_header(SEC_WEBSOCKET_PROTOCOL, chosen)?;
    }
    reply::add_headers(&mut head, x)?;
    Ok(head)
}

/// The subprotocol to answer with: the upstream's choice, if it was offered. A browser that offered one insists on an
/// answer, so where the upstream chose none it gets the name of what is spoken.
fn subprotocol(
    client: &HeaderMap,
    upstream: &HeaderMap,
    realtime: Option<Realtime>,
) -> Option<HeaderValue> {
    let chosen = upstream.get(SEC_WEBSOCKET_PROTOCOL);
    let spoken = HeaderValue::from_static("realtime");
    let answer = match chosen {
        Some(chosen) => chosen,
        None if realtime == Some(Realtime::OpenAi) => &spoken,
        None => return None,
    };
    offered(client)
        .any(|item| item.as_bytes() == answer.as_bytes())
        .then(|| answer.clone())
}

/// Passes the open socket on, and notes how it went.
async fn pass(
    s: &mut Session,
    x: &mut Exchange,
    mut upstream: Box<Http1>,
    limits: &Limits,
) -> Result<(), Lost> {
    let realtime = x.realtime.expect("set by prepare");
    let ServerSession::H1(client) = &mut *s.downstream_session else {
        return Err(Lost::Internal("an upgrade over HTTP/2".to_owned()));
    };
    // What came together with the head; more is read of the bare connection.
    let first = std::future::poll_fn(|cx| {
        Poll::Ready(match pin!(upstream.read_body_bytes()).poll(cx) {
            Poll::Ready(Ok(first)) => first,
            // An end shows again when the connection is read.
            Poll::Ready(Err(_)) | Poll::Pending => None,
        })
    })
    .await;
    let mut pass = Pass::new(client, upstream.into_inner(), first, realtime);
    let over = x.attempt_started + limits.total;
    let end = Box::pin(pass.run(limits.idle, over)).await;
    (x.socket_bytes, x.response_bytes) = pass.bytes;
    x.metered = Some(pass.meter().total());
    let unread = pass.meter().unread();
    let closed = pass.is_closed();
    Box::pin(pass.close(end)).await;
    note(x, end, closed, unread);
    Ok(())
}

/// How it ended, for the record and the metrics.
fn note(x: &mut Exchange, end: End, closed: bool, unread: u64) {
    let (outcome, failure) = match end {
        End::Client | End::Upstream if closed => (Outcome::Ok, None),
        End::Client => (Outcome::ClientGone, None),
        End::Upstream => {
            let text = "the provider broke off without a close frame";
            (Outcome::Truncated, Some((Kind::UpstreamUnreachable, text)))
        }
        End::Idle => {
            let text = "nothing passed for the idle time of the provider";
            (Outcome::Truncated, Some((Kind::UpstreamTimeout, text)))
        }
        End::Total => {
            let text = "the total time of the provider was over";
            (Outcome::Truncated, Some((Kind::UpstreamTimeout, text)))
        }
    };
    let label = match outcome {
        Outcome::Ok => "ok",
        Outcome::ClientGone => "client_gone",
        _ => "truncated",
    };
    dispatch::count(x, label);
    if let Some(attempt) = &x.attempt {
        if end == End::Upstream && !closed {
            attempt.chosen.failed();
        }
        if unread > 0 {
            let provider = &*attempt.target.upstream.name;
            METRICS.usage_unknown.with_label_values(&[provider]).inc();
        }
    }
    x.outcome = Some(outcome);
    x.failure = failure.map(|(kind, text)| Failure::new(kind, text).detail(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut head = RequestHeader::build("GET", b"/v1/realtime", None).unwrap();
        for (name, value) in headers {
            head.append_header(*name, *value).unwrap();
        }
        head
    }

    const ASKS: [(&str, &str); 3] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn only_a_whole_handshake_asks_for_a_websocket() {
        let kind = |head: &RequestHeader| {
            let checked = check_upgrade(head, Realtime::OpenAi);
            checked.err().map(|failure| failure.kind)
        };
        assert_eq!(kind(&head(&ASKS)), None);
        for missing in 0..2 {
            let some: Vec<_> = (0..3).filter(|n| *n != missing).map(|n| ASKS[n]).collect();
            assert_eq!(kind(&head(&some)), Some(Kind::UpgradeRequired), "{some:?}");
        }
        assert_eq!(kind(&head(&ASKS[..2])), Some(Kind::BadRequest));
        let with_body = [&ASKS[..], &[("content-length", "4")]].concat();
        assert_eq!(kind(&head(&with_body)), Some(Kind::BadRequest));
        let mut old = head(&ASKS);
        old.set_version(http::Version::HTTP_10);
        assert_eq!(kind(&old), Some(Kind::UpgradeRequired));
    }

    #[test]
    fn keys_and_accounts_in_subprotocols_are_not_offered_on() {
        let head = head(&[
            (
                "sec-websocket-protocol",
                "realtime, openai-insecure-api-key.sk-secret",
            ),
            (
                "sec-websocket-protocol",
                "openai-organization.org-1,openai-project.proj_1 , openai-beta.realtime-v1",
            ),
        ]);
        let offered: Vec<&str> = offered(&head.headers).collect();
        assert_eq!(offered, ["realtime", "openai-beta.realtime-v1"]);
    }

    #[test]
    fn the_answer_names_a_subprotocol_that_was_offered_or_none() {
        let answer = |offered: &str, chosen: &str, realtime| {
            let headers = |text: &str| {
                let pair = (SEC_WEBSOCKET_PROTOCOL, text.parse().unwrap());
                HeaderMap::from_iter((!text.is_empty()).then_some(pair))
            };
            let answer = subprotocol(&headers(offered), &headers(chosen), Some(realtime));
            answer.map(|value| value.to_str().unwrap().to_owned())
        };
        let both = "realtime, openai-insecure-api-key.sk-secret";
        let realtime = Some("realtime".to_owned());
        assert_eq!(answer(both, "realtime", Realtime::OpenAi), realtime);
        assert_eq!(answer(both, "", Realtime::OpenAi), realtime);
        assert_eq!(answer(both, "other", Realtime::OpenAi), None);
        let key = "openai-insecure-api-key.sk-secret";
        assert_eq!(answer(both, key, Realtime::OpenAi), None);
        assert_eq!(answer("", "", Realtime::OpenAi), None);
        assert_eq!(answer("", "realtime", Realtime::OpenAi), None);
        assert_eq!(answer("realtime", "", Realtime::Gemini("v1beta")), None);
    }

    #[test]
    fn credentials_and_the_name_of_the_model_are_taken_out_of_the_query() {
        for (query, path) in [
            (None, "/p"),
            (
                Some("model=a&intent=transcription&key=secret"),
                "/p?intent=transcription",
            ),
            (
                Some("access_token=secret&call_id=rtc_1&&deployment=x"),
                "/p?call_id=rtc_1",
            ),
        ] {
            let mut got = "/p".to_owned();
            append_query(&mut got, query);
            assert_eq!(got, path);
        }
        let query = Some("intent=x&model=openai%2Fgpt-realtime&model=other");
        assert_eq!(parameter(query, "model").unwrap(), "openai/gpt-realtime");
        assert_eq!(parameter(Some("model="), "model"), None);
    }
}
