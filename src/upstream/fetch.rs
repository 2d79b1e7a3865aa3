//! Side requests of the gateway itself, such as for access tokens: one short answer, read whole.

use std::{fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Method, StatusCode, Uri,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT},
};
use pingora::{
    connectors::http::Connector,
    http::{RequestHeader, ResponseHeader},
    protocols::http::client::HttpSession,
    upstreams::peer::{HttpPeer, Peer},
};

use super::{
    BaseUrl, HttpVersion, UpstreamTls, peer,
    resolve::{Resolve, SystemResolver},
    tls::Certificates,
    token::TokenRequest,
};

/// A request, to be sent as it is.
pub struct FetchRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL, `https://` or `http://`.
    pub url: String,
    /// Headers; `host` and what frames the body are added.
    pub headers: HeaderMap,
    /// Body; empty for none.
    pub body: Bytes,
    /// Certificates to use instead of the system's.
    pub certificates: Option<Certificates>,
    /// Time for everything, from the look-up of the name to the last byte.
    pub timeout: Duration,
    /// The longest body to accept.
    pub limit: usize,
}

impl fmt::Debug for FetchRequest {
    /// Shows no headers, no body and no query: secrets may be in them.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let place = self.url.split('?').next().unwrap_or_default();
        write!(f, "FetchRequest({} {place})", self.method)
    }
}

/// An answer, of whatever status: redirects are not followed.
#[derive(Debug)]
pub struct FetchAnswer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer. Messages name the host, but never path, query or body.
#[derive(Debug)]
pub enum FetchError {
    /// The URL or a header cannot be sent.
    Request(String),
    /// The host's name leads nowhere.
    Resolve(String),
    /// No connection, or none that is trusted.
    Connect(String),
    /// The time was over.
    Timeout(Duration),
    /// The body was longer than the limit.
    TooLong(usize),
    /// The connection or the answer broke off, or was no HTTP.
    Broken(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Request(why) => f.write_str(why),
            Self::Resolve(why) => f.write_str(why),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Timeout(limit) => write!(f, "no answer within {limit:?}"),
            Self::TooLong(limit) => write!(f, "the answer is longer than {limit} bytes"),
            Self::Broken(why) => write!(f, "no whole answer: {why}"),
        }
    }
}

impl std::error::Error for FetchError {}

/// Addresses of one host that are tried in turn.
const MAX_ADDRESSES: usize = 3;

/// How long a token endpoint may take, and how long its answer may be; tokens have some KiB.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(15);
const TOKEN_LIMIT: usize = 64 * 1024;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Sends a request over HTTP/1.1 and reads the whole answer.
///
/// A request is sent again if a connection that had served before is closed without an answer to it.
///
/// # Errors
/// If there is no answer of HTTP within the limits.
pub async fn fetch(
    connector: &Connector,
    request: FetchRequest,
) -> Result<FetchAnswer, FetchError> {
    let limit = request.timeout;
    // On the heap, since Pingora's futures are large and callers carry this one along.
    let work = Box::pin(exchange(connector, &request));
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(FetchError::Timeout(limit)),
    }
}

/// Sends a request for an access token, as [`TokenSource::run`](super::token::TokenSource::run) wants it.
///
/// # Errors
/// Tells why there is no answer, without secrets.
pub async fn fetch_token(
    connector: &Connector,
    request: TokenRequest,
) -> Result<(StatusCode, Bytes), String> {
    let request = FetchRequest {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        certificates: None,
        timeout: TOKEN_TIMEOUT,
        limit: TOKEN_LIMIT,
    };
    match fetch(connector, request).await {
        Ok(answer) => Ok((answer.status, answer.body)),
        Err(error) => Err(error.to_string()),
    }
}

/// Asks one server that was chosen before: an endpoint of a pool, over the HTTP version that it has. The head is complete,
/// with the body's length; the time is the caller's business.
///
/// # Errors
/// If there is no answer of HTTP.
pub async fn fetch_from(
    connector: &Connector,
    peer: &HttpPeer,
    head: RequestHeader,
    body: Bytes,
    limit: usize,
) -> Result<FetchAnswer, FetchError> {
    let wrong = |e: Box<pingora::Error>| FetchError::Request(e.to_string());
    loop {
        let (session, reused) = connector
            .get_http_session(peer)
            .await
            .map_err(|e| FetchError::Connect(e.to_string()))?;
        let mut head = head.clone();
        if let HttpSession::H2(_) = session {
            for_http2(&mut head, peer.is_tls()).map_err(wrong)?;
        }
        match converse(session, head, &body, limit).await {
            Ok((answer, session)) => {
                let idle = peer.idle_timeout();
                connector.release_http_session(session, peer, idle).await;
                return Ok(answer);
            }
            // Each turn takes one connection out of the pool, so this ends.
            Err(Lost::Unanswered(_)) if reused => {}
            Err(Lost::Unanswered(error) | Lost::Midway(error)) => return Err(error),
        }
    }
}

/// Says in HTTP/2's way where a request goes: in its URI instead of a `host` header.
///
/// # Errors
/// If the host cannot stand in a URI.
pub fn for_http2(head: &mut RequestHeader, tls: bool) -> pingora::Result<()> {
    let host = head.remove_header(&HOST);
    let authority = host.as_ref().and_then(|host| host.to_str().ok());
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = Uri::builder()
        .scheme(if tls { "https" } else { "http" })
        .authority(authority.unwrap_or_default())
        .path_and_query(path)
        .build()
        .map_err(|e| {
            pingora::Error::because(pingora::ErrorType::InvalidHTTPHeader, "upstream address", e)
        })?;
    // HTTP/2 has frames of its own.
    head.remove_header(&TRANSFER_ENCODING);
    head.set_uri(uri);
    head.set_version(http::Version::HTTP_2);
    Ok(())
}

async fn exchange(
    connector: &Connector,
    request: &FetchRequest,
) -> Result<FetchAnswer, FetchError> {
    let (origin, path) = split(&request.url)?;
    let head = write_head(request, &origin, &path)?;
    let addresses = look_up(&origin).await?;
    let connect_limit = request.timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut lost = FetchError::Resolve(format!("`{}` has no address", origin.host));
    for address in addresses {
        let peer = make_peer(address, &origin, request, connect_limit)?;
        loop {
            let (session, reused) = match connector.get_http_session(&peer).await {
                Ok(connected) => connected,
                Err(error) => {
                    lost = FetchError::Connect(error.to_string());
                    break;
                }
            };
            match converse(session, head.clone(), &request.body, request.limit).await {
                Ok((answer, session)) => {
                    connector
                        .release_http_session(session, &peer, Some(IDLE))
                        .await;
                    return Ok(answer);
                }
                // Each turn takes one connection out of the pool, so this ends.
                Err(Lost::Unanswered(_)) if reused => {}
                Err(Lost::Unanswered(error) | Lost::Midway(error)) => return Err(error),
            }
        }
    }
    Err(lost)
}

/// Takes a URL apart into the server and what to ask it for.
fn split(url: &str) -> Result<(BaseUrl, String), FetchError> {
    // The URL is not quoted: there may be a secret in it.
    let help = || FetchError::Request("the URL must be like https://host/path".to_owned());
    let uri: Uri = url.parse().map_err(|_| help())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(help());
    };
    if authority.as_str().contains('@') {
        return Err(FetchError::Request(
            "the URL must not hold credentials".to_owned(),
        ));
    }
    let origin = format!("{scheme}://{authority}");
    let origin: BaseUrl = origin.parse().map_err(|_| help())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok((origin, path.to_owned()))
}

fn write_head(
    request: &FetchRequest,
    origin: &BaseUrl,
    path: &str,
) -> Result<RequestHeader, FetchError> {
    let wrong = |e: Box<pingora::Error>| FetchError::Request(e.to_string());
    let mut head =
        RequestHeader::build(request.method.clone(), path.as_bytes(), None).map_err(wrong)?;
    head.insert_header(HOST, origin.authority())
        .map_err(wrong)?;
    if !request.headers.contains_key(USER_AGENT) {
        let agent = concat!("sluicegate/", env!("CARGO_PKG_VERSION"));
        head.insert_header(USER_AGENT, agent).map_err(wrong)?;
    }
    for (name, value) in &request.headers {
        if ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name) {
            head.append_header(name, value).map_err(wrong)?;
        }
    }
    // A POST without a body has a length too, or servers ask for it (411).
    if !request.body.is_empty() || [Method::POST, Method::PUT].contains(&request.method) {
        head.insert_header(CONTENT_LENGTH, request.body.len())
            .map_err(wrong)?;
    }
    Ok(head)
}

async fn look_up(origin: &BaseUrl) -> Result<Vec<SocketAddr>, FetchError> {
    let mut found = SystemResolver
        .resolve(&origin.host, origin.port)
        .await
        .map_err(|e| FetchError::Resolve(format!("`{}` was not found: {e}", origin.host)))?;
    found.truncate(MAX_ADDRESSES);
    Ok(found)
}

fn make_peer(
    address: SocketAddr,
    origin: &BaseUrl,
    request: &FetchRequest,
    connect_limit: Duration,
) -> Result<HttpPeer, FetchError> {
    let name = match origin.tls {
        true => peer::server_name(origin, &UpstreamTls::default()).map_err(FetchError::Request)?,
        false => String::new(),
    };
    let mut peer = HttpPeer::new(address, origin.tls, name);
    if let Some(certificates) = request.certificates.as_ref().filter(|_| origin.tls) {
        peer.client_cert_key = certificates.client.clone();
        peer.options.ca = certificates.ca.clone();
        // Pingora's key for reuse leaves these out.
        peer.group_key = certificates.fingerprint;
    }
    peer::set_version(&mut peer.options, HttpVersion::Http1, origin.tls);
    peer.options.connection_timeout = Some(connect_limit);
    peer.options.total_connection_timeout = Some(connect_limit);
    peer.options.idle_timeout = Some(IDLE);
    Ok(peer)
}

/// Where an exchange was lost.
enum Lost {
    /// Before the answer began.
    Unanswered(FetchError),
    /// After that.
    Midway(FetchError),
}

fn broken(error: Box<pingora::Error>) -> FetchError {
    FetchError::Broken(error.to_string())
}

/// Sends the request and reads the answer. A connection that is not given back is closed.
async fn converse(
    mut session: HttpSession,
    head: RequestHeader,
    body: &Bytes,
    limit: usize,
) -> Result<(FetchAnswer, HttpSession), Lost> {
    let head = ask(&mut session, head, body)
        .await
        .map_err(|e| Lost::Unanswered(broken(e)))?;
    if let HttpSession::H1(session) = &mut session {
        session.respect_keepalive();
    }
    let body = read_body(&mut session, &head, limit)
        .await
        .map_err(Lost::Midway)?;
    let answer = FetchAnswer {
        status: head.status,
        headers: head.headers.clone(),
        body,
    };
    Ok((answer, session))
}

/// Sends the request and reads the head of the answer, past interim ones.
async fn ask(
    session: &mut HttpSession,
    head: RequestHeader,
    body: &Bytes,
) -> pingora::Result<ResponseHeader> {
    session.write_request_header(Box::new(head)).await?;
    session.write_request_body(body.clone(), true).await?;
    session.finish_request_body().await?;
    loop {
        session.read_response_header().await?;
        let head = session
            .response_header()
            .filter(|head| head.status != StatusCode::SWITCHING_PROTOCOLS);
        let Some(head) = head else {
            let why = "an answer to another question";
            return pingora::Error::e_explain(pingora::ErrorType::InvalidHTTPHeader, why);
        };
        if !head.status.is_informational() {
            return Ok(head.clone());
        }
    }
}

async fn read_body(
    session: &mut HttpSession,
    head: &ResponseHeader,
    limit: usize,
) -> Result<Bytes, FetchError> {
    let told = head.headers.get(CONTENT_LENGTH);
    let told = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut body = Vec::with_capacity(told.unwrap_or(0).min(limit));
    while let Some(chunk) = session.read_response_body().await.map_err(broken)? {
        if body.len() + chunk.len() > limit {
            return Err(FetchError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

#[cfg(test)]
mod tests;
