//! Clients of the gateway: one connection each, every version of HTTP, events as they come.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Mutex,
    task::AbortHandle,
};
use tokio_rustls::rustls::pki_types::ServerName;

use super::{Gateway, KEY, within};
use crate::certs;

/// How a client speaks with the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    H1,
    /// HTTP/2 with prior knowledge
    H2c,
    /// TLS, HTTP/1.1
    Tls1,
    /// TLS, HTTP/2
    Tls2,
}

impl Http {
    /// Both versions, without TLS.
    pub const PLAIN: [Self; 2] = [Self::H1, Self::H2c];

    const fn is_h2(self) -> bool {
        matches!(self, Self::H2c | Self::Tls2)
    }
}

/// The body of a chat completion.
pub fn chat(model: &str, prompt: &str) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": prompt }] }).to_string()
}

/// The body of a streamed chat completion.
pub fn chat_stream(model: &str, prompt: &str) -> String {
    json!({ "model": model, "stream": true, "messages": [{ "role": "user", "content": prompt }] })
        .to_string()
}

pub fn get(path: &str, host: &str) -> http::Request<Full<Bytes>> {
    http::Request::get(path)
        .header("host", host)
        .body(Full::default())
        .expect("a sane path")
}

/// One connection to the gateway. Closed when the last clone and response are dropped.
#[derive(Clone)]
pub struct Client {
    http: Http,
    address: SocketAddr,
    connection: Arc<Connection>,
}

struct Connection {
    sender: Mutex<Sender>,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

enum Sender {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub async fn connect(address: SocketAddr, http: Http) -> Self {
        within(
            "the gateway takes a connection",
            Self::try_connect(address, http),
        )
        .await
        .expect("the gateway takes connections")
    }

    pub(super) async fn try_connect(address: SocketAddr, http: Http) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).expect("a TCP socket");
        match http {
            Http::H1 | Http::H2c => Self::handshake(stream, address, http).await,
            Http::Tls1 | Http::Tls2 => {
                let name = ServerName::try_from("localhost").expect("a name");
                let stream = certs::connector(http.is_h2())
                    .connect(name, stream)
                    .await
                    .ok()?;
                Self::handshake(stream, address, http).await
            }
        }
    }

    async fn handshake(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        address: SocketAddr,
        http: Http,
    ) -> Option<Self> {
        let io = TokioIo::new(io);
        let (sender, task) = if http.is_h2() {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .initial_stream_window_size(4 << 20)
                .initial_connection_window_size(16 << 20)
                .max_header_list_size(1 << 20);
            let (sender, connection) = builder.handshake(io).await.ok()?;
            (
                Sender::H2(sender),
                tokio::spawn(async { drop(connection.await) }),
            )
        } else {
            let mut builder = http1::Builder::new();
            builder.max_buf_size(4 << 20);
            let (sender, connection) = builder.handshake(io).await.ok()?;
            (
                Sender::H1(sender),
                tokio::spawn(async { drop(connection.await) }),
            )
        };
        Some(Self {
            http,
            address,
            connection: Arc::new(Connection {
                sender: Mutex::new(sender),
                task: task.abort_handle(),
            }),
        })
    }

    /// Sends a request; the error is that of the connection.
    pub async fn try_send(&self, request: http::Request<Full<Bytes>>) -> hyper::Result<Response> {
        let (mut parts, body) = request.into_parts();
        let sent = {
            let mut sender = self.connection.sender.lock().await;
            match &mut *sender {
                Sender::H1(sender) => {
                    sender.ready().await?;
                    sender
                        .send_request(http::Request::from_parts(parts, body))
                        .await?
                }
                Sender::H2(sender) => {
                    let scheme = if self.http == Http::Tls2 {
                        "https"
                    } else {
                        "http"
                    };
                    let uri = format!("{scheme}://{}{}", self.address, parts.uri);
                    parts.uri = uri.parse().expect("a sane path");
                    parts.version = http::Version::HTTP_2;
                    parts.headers.remove("host");
                    sender.ready().await?;
                    let mut sender = sender.clone();
                    let request = http::Request::from_parts(parts, body);
                    return Ok(Response::new(
                        self.clone(),
                        sender.send_request(request).await?,
                    ));
                }
            }
        };
        Ok(Response::new(self.clone(), sent))
    }

    /// Whether the gateway has closed the connection.
    pub fn is_closed(&self) -> bool {
        match self.connection.sender.try_lock().as_deref() {
            Ok(Sender::H1(sender)) => sender.is_closed(),
            Ok(Sender::H2(sender)) => sender.is_closed(),
            Err(_) => false,
        }
    }
}

/// A request about to be sent.
#[derive(Clone)]
pub struct Ask<'a> {
    gateway: &'a Gateway,
    method: http::Method,
    path: String,
    body: Bytes,
    headers: HeaderMap,
    http: Http,
    client: Option<Client>,
    /// Its `x-request-id` and `x-client-request-id`: the latter reaches upstreams.
    pub id: String,
}

impl<'a> Ask<'a> {
    pub(super) fn new(gateway: &'a Gateway, path: &str, body: Bytes) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let id = format!("it-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut headers = HeaderMap::new();
        let key = format!("Bearer {KEY}");
        for (name, value) in [
            ("content-type", "application/json"),
            ("authorization", &key),
            ("x-request-id", &id),
            ("x-client-request-id", &id),
        ] {
            headers.insert(
                http::HeaderName::from_lowercase(name.as_bytes()).expect("a name"),
                value.parse().expect("a value"),
            );
        }
        Self {
            gateway,
            method: http::Method::POST,
            path: path.to_owned(),
            body,
            headers,
            http: Http::H1,
            client: None,
            id,
        }
    }

    /// Over a new connection of this version.
    pub const fn over(mut self, http: Http) -> Self {
        self.http = http;
        self
    }

    /// Over this connection.
    pub fn on(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    pub fn method(mut self, method: http::Method) -> Self {
        self.method = method;
        self
    }

    /// Sets a header; an empty value takes it away.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        if value.is_empty() {
            self.headers.remove(name);
        } else {
            self.headers.insert(name, value.parse().expect("a value"));
        }
        self
    }

    fn request(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .body(Full::new(self.body.clone()))
            .expect("a sane path");
        *request.headers_mut() = self.headers.clone();
        let host = self.gateway.address.to_string();
        request
            .headers_mut()
            .entry("host")
            .or_insert_with(|| host.parse().expect("an address"));
        request
    }

    /// Sends it and gives the answer's head, or the error of the connection.
    pub async fn try_send(&self) -> hyper::Result<Response> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.gateway.connect(self.http).await,
        };
        let what = format!("{} is answered", self.id);
        within(&what, client.try_send(self.request())).await
    }

    /// Sends it and waits for the answer's head.
    pub async fn send(&self) -> Response {
        match self.try_send().await {
            Ok(response) => response,
            Err(error) => panic!("{} got no answer: {error:?}", self.id),
        }
    }

    /// Sends it and waits for the whole answer.
    pub async fn whole(&self) -> Answer {
        self.send().await.whole().await
    }
}

/// An answer whose head has come.
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    /// What came and was not yet taken as an event.
    rest: BytesMut,
    client: Client,
}

impl Response {
    fn new(client: Client, response: http::Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            rest: BytesMut::new(),
            client,
        }
    }

    /// The next bytes as they come; `None` at a good end.
    pub async fn chunk(&mut self) -> Option<hyper::Result<Bytes>> {
        loop {
            let frame = within("more of the answer comes", self.body.frame()).await?;
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) if data.is_empty() => {}
                Ok(Ok(data)) => return Some(Ok(data)),
                Ok(Err(_trailers)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next event of a stream, as soon as it is whole; `None` at a good end.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|w| w == b"\n\n") {
                let raw = self.rest.split_to(end + 2).freeze();
                return Some(Event::read(&raw));
            }
            match self.chunk().await? {
                Ok(chunk) => self.rest.extend_from_slice(&chunk),
                Err(error) => panic!("the stream broke off: {error:?}"),
            }
        }
    }

    /// Everything that is still to come.
    pub async fn whole(mut self) -> Answer {
        let mut body = std::mem::take(&mut self.rest);
        let mut broken = None;
        while let Some(chunk) = self.chunk().await {
            match chunk {
                Ok(chunk) => body.extend_from_slice(&chunk),
                Err(error) => {
                    broken = Some(format!("{error:?}"));
                    break;
                }
            }
        }
        Answer {
            status: self.status,
            headers: self.headers,
            body: body.freeze(),
            broken,
        }
    }

    /// Leaves: closes the connection.
    pub fn leave(self) {
        self.client.connection.task.abort();
    }

    /// Gives up this answer; over HTTP/2 the connection stays.
    pub fn cancel(self) -> Client {
        self.client
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("a text"))
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Why the body did not end well.
    pub broken: Option<String>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("a text"))
    }

    /// The id that the gateway gave the request, for [`Gateway::record`].
    pub fn id(&self) -> &str {
        self.header("x-sluicegate-request-id")
            .expect("every answer has an id")
    }

    /// How many attempts the gateway says it made.
    pub fn attempts(&self) -> u32 {
        let number = self
            .header("x-sluicegate-attempts")
            .expect("there was an attempt");
        number.parse().expect("a number")
    }

    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body_text()))
    }

    /// The events of a stream.
    pub fn events(&self) -> Vec<Event> {
        let text = self.body_text().replace("\r\n", "\n");
        text.split_inclusive("\n\n")
            .map(|raw| Event::read(raw.as_bytes()))
            .collect()
    }

    /// The JSON values of the answer: one, or those of the stream's events or elements.
    pub fn values(&self) -> Vec<Value> {
        let kind = self.header("content-type").unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            let events = self.events();
            return events
                .iter()
                .filter_map(|e| serde_json::from_str(&e.data).ok())
                .collect();
        }
        match self.json() {
            Value::Array(values) => values,
            value => vec![value],
        }
    }

    /// What the model said, in any dialect, whole or streamed.
    pub fn text(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body_text());
        let pieces = [
            "/choices/0/message/content",
            "/choices/0/delta/content",
            "/choices/0/text",
            "/content/0/text",
            "/delta/text",
            "/candidates/0/content/parts/0/text",
            "/output/0/content/0/text",
        ];
        let mut text = String::new();
        for value in self.values() {
            let found = pieces.iter().find_map(|at| value.pointer(at)?.as_str());
            // Deltas of the Responses API are plain strings.
            text += found
                .or_else(|| value["delta"].as_str())
                .unwrap_or_default();
        }
        text
    }

    /// Whether it has the mark of a good end.
    pub fn says_done(&self) -> bool {
        let text = self.body_text();
        [
            "[DONE]",
            "message_stop",
            "response.completed",
            "finishReason",
        ]
        .iter()
        .any(|mark| text.contains(mark))
    }
}

/// A server-sent event.
#[derive(Clone, Debug)]
pub struct Event {
    pub name: Option<String>,
    pub data: String,
}

impl Event {
    fn read(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let field = |name: &str| -> Vec<String> {
            let lines = text
                .lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            lines
                .map(|value| value.strip_prefix(' ').unwrap_or(value).to_owned())
                .collect()
        };
        Self {
            name: field("event").pop(),
            data: field("data").join("\n"),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("{e}: {:?}", self.data))
    }
}
