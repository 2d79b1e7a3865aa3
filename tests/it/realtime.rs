//! WebSockets to realtime APIs: identity, targets, the bytes both ways, what they used, and how they end.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    harness::{Gateway, Http, KEY, client, within},
    upstream::merge,
};

/// Less than any time limit that could end a socket by itself.
const SOON: Duration = Duration::from_secs(1);

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const CONTINUATION: u8 = 0x80;

const LIVE: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

/// One end of a connection that begins with HTTP and goes on with frames.
struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Whether it sends as clients must.
    masks: bool,
}

impl Socket {
    fn new(stream: TcpStream, masks: bool) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        Self {
            stream,
            buffer: Vec::new(),
            masks,
        }
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = self.stream.write_all(bytes.as_ref());
        within("bytes are taken", written).await.expect("connected");
    }

    async fn more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.buffer);
        matches!(within("bytes come", read).await, Ok(1..))
    }

    async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.more().await, "the connection ended early");
        }
        self.buffer.drain(..count).collect()
    }

    /// The head of a request or an answer.
    async fn head(&mut self) -> Head {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await, "the connection ended before its head");
        };
        let text = self.exactly(end).await;
        Head(String::from_utf8(text).expect("a text"))
    }

    /// What comes until the connection ends.
    async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.buffer)
    }

    async fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let bytes = self.frame(first, payload.as_ref());
        self.write(bytes).await;
    }

    fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        let bit = if self.masks { 0x80 } else { 0 };
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(bit | u8::try_from(short).expect("small")),
            length @ 126..0x1_0000 => {
                bytes.push(bit | 126);
                bytes.extend(u16::try_from(length).expect("middle").to_be_bytes());
            }
            length => {
                bytes.push(bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        let mask = if self.masks { [1, 2, 3, 4] } else { [0; 4] };
        if self.masks {
            bytes.extend(mask);
        }
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
        bytes
    }

    /// The next frame: its first byte, and its payload without the mask.
    async fn receive(&mut self) -> (u8, Vec<u8>) {
        let head = self.exactly(2).await;
        let length = match head[1] & 0x7f {
            126 => {
                let bytes = self.exactly(2).await;
                usize::from(u16::from_be_bytes(bytes.try_into().expect("two")))
            }
            127 => {
                let bytes = self.exactly(8).await;
                u64::from_be_bytes(bytes.try_into().expect("eight")) as usize
            }
            short => usize::from(short),
        };
        let mask = match head[1] & 0x80 {
            0 => vec![0; 4],
            _ => self.exactly(4).await,
        };
        let payload = self.exactly(length).await;
        let plain = payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        (head[0], plain.collect())
    }

    async fn receives(&mut self, first: u8, payload: &str) {
        let (got, bytes) = self.receive().await;
        assert_eq!((got, &*String::from_utf8_lossy(&bytes)), (first, payload));
    }
}

/// A head as it stood on the wire.
struct Head(String);

impl Head {
    fn status(&self) -> u16 {
        self.0
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .expect("a status line")
    }

    fn target(&self) -> &str {
        self.0.split(' ').nth(1).expect("a request line")
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.0.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }

    fn request_id(&self) -> String {
        self.header("x-sluicegate-request-id")
            .expect("every answer has it")
            .to_owned()
    }
}

/// A provider that tests speak for by hand.
struct Provider {
    listener: TcpListener,
    address: SocketAddr,
}

impl Provider {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        Self { listener, address }
    }

    fn section(&self, kind: &str) -> Value {
        let path = if kind == "openai" { "/v1" } else { "" };
        json!({
            "kind": kind,
            "base_url": format!("http://{}{path}", self.address),
            "api_key": format!("sk-upstream-{}", self.address.port()),
            "outlier": { "consecutive_failures": 0, "error_ratio": 1 },
        })
    }

    /// The next request.
    async fn asked(&self) -> (Head, Socket) {
        let accepted = within("the gateway connects", self.listener.accept()).await;
        let mut socket = Socket::new(accepted.expect("the listener lives").0, false);
        (socket.head().await, socket)
    }

    /// Takes the next request for a WebSocket.
    async fn opens(&self) -> (Head, Socket) {
        let (head, mut socket) = self.asked().await;
        socket.write(switching(&head, "")).await;
        (head, socket)
    }

    /// Answers the next request otherwise.
    async fn refuses(&self, status: &str, headers: &str, body: &str) -> Head {
        let (head, mut socket) = self.asked().await;
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        socket.write(answer).await;
        head
    }
}

/// An answer that switches protocols, taking the first subprotocol.
fn switching(head: &Head, more: &str) -> String {
    let offered = head.header("sec-websocket-protocol");
    let chosen = offered.map_or(String::new(), |list| {
        let first = list.split(',').next().expect("one at least");
        format!("sec-websocket-protocol: {first}\r\n")
    });
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{chosen}{more}\r\n"
    )
}

/// Asks for a WebSocket without waiting for the answer.
async fn ask(gateway: &Gateway, target: &str, headers: &[&str]) -> Socket {
    let stream = within("a connection is taken", TcpStream::connect(gateway.address)).await;
    let mut socket = Socket::new(stream.expect("someone listens"), true);
    let more: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!(
        "GET {target} HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n{more}\r\n"
    );
    socket.write(head).await;
    socket
}

fn bearer() -> String {
    format!("authorization: Bearer {KEY}")
}

/// A gateway before one provider of OpenAI's kind.
async fn start(provider: &Provider, changes: Value) -> Gateway {
    let config = json!({ "providers": { "openai": provider.section("openai") } });
    Gateway::start(merge(config, changes)).await
}

/// A socket that is open from end to end.
struct Open {
    client: Socket,
    upstream: Socket,
    answer: Head,
    request: Head,
}

async fn open(gateway: &Gateway, provider: &Provider) -> Open {
    let mut client = ask(gateway, "/v1/realtime?model=gpt-realtime", &[&bearer()]).await;
    let (request, upstream) = provider.opens().await;
    let answer = client.head().await;
    assert_eq!(answer.status(), 101, "{}", answer.0);
    Open {
        client,
        upstream,
        answer,
        request,
    }
}

fn done(input: u64, output: u64) -> String {
    json!({ "type": "response.done", "response": { "usage": {
        "input_tokens": input, "output_tokens": output,
        "input_token_details": { "cached_tokens": 2, "audio_tokens": 3 },
        "output_token_details": { "audio_tokens": 4 } } } })
    .to_string()
}

#[tokio::test]
async fn bytes_pass_both_ways_and_what_they_used_is_added_up() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let Open {
        mut client,
        mut upstream,
        answer,
        request,
    } = open(&gateway, &provider).await;
    assert_eq!(request.target(), "/v1/realtime?model=gpt-realtime");
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(answer.header("x-sluicegate-provider"), Some("openai"));
    gateway.metric_becomes("sluicegate_open_streams", 1.0).await;

    client.send(TEXT, "{\"type\":\"session.update\"}").await;
    upstream
        .receives(TEXT, "{\"type\":\"session.update\"}")
        .await;
    upstream.send(PING, "there?").await;
    client.receives(PING, "there?").await;
    upstream.send(TEXT, done(10, 20)).await;
    client.receives(TEXT, &done(10, 20)).await;
    // In fragments, with a control frame inside, and as a binary frame.
    let text = done(100, 200);
    upstream.send(0x01, &text[..30]).await;
    upstream.send(PING, "").await;
    upstream.send(CONTINUATION, &text[30..]).await;
    client.receives(0x01, &text[..30]).await;
    client.receives(PING, "").await;
    client.receives(CONTINUATION, &text[30..]).await;

    client.send(CLOSE, 1000_u16.to_be_bytes()).await;
    assert_eq!(upstream.receive().await.0, CLOSE);
    upstream.send(CLOSE, 1000_u16.to_be_bytes()).await;
    assert_eq!(client.receive().await.0, CLOSE);
    drop(upstream);
    assert_eq!(client.rest().await, b"");

    let record = gateway.record(&answer.request_id()).await;
    assert_eq!(record["status"], 101);
    assert_eq!(record["outcome"], "ok");
    assert_eq!(record["operation"], "realtime");
    assert_eq!(record["model"], "gpt-realtime");
    assert_eq!(record["target_model"], "gpt-realtime");
    assert_eq!(record["key"], "test");
    assert_eq!(record["stream"], true);
    assert_eq!(
        record["usage"],
        json!({ "input": 110, "output": 220, "cache_read": 4, "audio_input": 6, "audio_output": 8 })
    );
    // Head of 2, mask of 4, payloads of 25 and 2 bytes.
    assert_eq!(record["request_bytes"], 6 + 25 + 6 + 2);
    assert!(record["response_bytes"].as_u64() > Some((done(10, 20).len() + text.len()) as u64));
    assert!(
        record["error"].is_null() && record["detail"].is_null(),
        "{record}"
    );
    gateway.metric_becomes("sluicegate_open_streams", 0.0).await;
    let output = gateway
        .metric("sluicegate_tokens_total{kind=\"output\"}")
        .await;
    let unknown = gateway.metric("sluicegate_usage_unknown_total").await;
    assert_eq!((output, unknown), (220.0, 0.0));
}

#[tokio::test]
async fn much_at_once_passes_both_ways_in_order() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let Open {
        mut client,
        mut upstream,
        ..
    } = open(&gateway, &provider).await;
    // More than all buffers on the way hold, from both sides before either reads.
    let large: Vec<u8> = (0..24_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (up, down) = (client.frame(BINARY, &large), upstream.frame(BINARY, &large));
    let talk = async |socket: &mut Socket, bytes: Vec<u8>| {
        let (mut reading, mut writing) = socket.stream.split();
        let mut got = vec![0; large.len() + 10];
        let (sent, read) = tokio::join!(writing.write_all(&bytes), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            reading.read_exact(&mut got).await
        });
        sent.expect("taken");
        read.expect("given");
        got
    };
    let both = async { tokio::join!(talk(&mut client, up), talk(&mut upstream, down)) };
    let (to_client, to_upstream) = within("all has passed", both).await;
    assert!(
        to_client[10..] == large,
        "unmasked, behind a head of ten bytes"
    );
    let mask = &to_upstream[10..14];
    let plain = to_upstream[14..].iter().zip(mask.iter().cycle());
    assert!(
        plain
            .map(|(a, b)| a ^ b)
            .eq(large[..large.len() - 4].iter().copied())
    );
}

#[tokio::test]
async fn bytes_right_behind_the_answer_are_not_lost() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let mut client = ask(&gateway, "/v1/realtime?model=m", &[&bearer()]).await;
    let (head, mut upstream) = provider.asked().await;
    let first = upstream.frame(TEXT, b"{\"type\":\"session.created\"}");
    let bytes = [switching(&head, "").into_bytes(), first].concat();
    upstream.write(bytes).await;
    assert_eq!(client.head().await.status(), 101);
    client
        .receives(TEXT, "{\"type\":\"session.created\"}")
        .await;
}

#[tokio::test]
async fn a_browser_shows_its_key_in_a_subprotocol_and_it_stays_here() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let offer = format!(
        "sec-websocket-protocol: realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1"
    );
    let headers = [
        &*offer,
        "cookie: session=secret",
        "sec-websocket-extensions: permessage-deflate",
        "x-sluicegate-tag: mine",
        "openai-beta: realtime=v1",
        "origin: https://app.example",
    ];
    let mut client = ask(&gateway, "/v1/realtime?model=m&intent=x", &headers).await;
    let (head, _upstream) = provider.opens().await;
    let answer = client.head().await;
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.header("sec-websocket-protocol"), Some("realtime"));
    assert_eq!(
        head.header("sec-websocket-protocol"),
        Some("realtime, openai-beta.realtime-v1")
    );
    assert_eq!(head.target(), "/v1/realtime?model=m&intent=x");
    assert_eq!(head.header("openai-beta"), Some("realtime=v1"));
    assert_eq!(head.header("sec-websocket-version"), Some("13"));
    let key = format!("Bearer sk-upstream-{}", provider.address.port());
    assert_eq!(head.header("authorization"), Some(&*key));
    for private in [
        KEY,
        "session=secret",
        "permessage",
        "x-sluicegate",
        "app.example",
    ] {
        assert!(!head.0.contains(private), "{private}: {}", head.0);
    }
    drop(client);
    gateway.record(&answer.request_id()).await;
    let written = gateway.log() + &gateway.dir().read("access.log");
    assert!(!written.contains(KEY) && !written.contains("session=secret"));

    let wrong = "sec-websocket-protocol: realtime, openai-insecure-api-key.sk-wrong-key";
    let mut refused = ask(&gateway, "/v1/realtime?model=m", &[wrong]).await;
    assert_eq!(refused.head().await.status(), 401);
    let mut nobody = ask(&gateway, "/v1/realtime?model=m", &[]).await;
    assert_eq!(nobody.head().await.status(), 401);
}

#[tokio::test]
async fn the_model_is_a_route_a_provider_and_a_model_or_a_bare_name() {
    let (openai, azure, gemini) = (
        Provider::new().await,
        Provider::new().await,
        Provider::new().await,
    );
    let config = json!({
        "providers": {
            "openai": openai.section("openai"),
            "azure": merge(azure.section("azure"), json!({ "deployments": { "gpt-realtime": "mine" } })),
            "dated": merge(azure.section("azure"), json!({ "api_version": "2025-04-01-preview" })),
            "gemini": gemini.section("gemini"),
            "claude": { "kind": "anthropic", "base_url": "http://127.0.0.1:1", "api_key": "sk-nobody" },
        },
        "routes": {
            "voice": { "targets": ["claude/x", "azure/gpt-realtime"] },
            "text": { "targets": ["claude/x"] },
        },
    });
    let gateway = Gateway::start(config).await;
    for (target, provider, path) in [
        (
            "/v1/realtime?model=openai/gpt-realtime",
            &openai,
            "/v1/realtime?model=gpt-realtime",
        ),
        (
            "/v1/realtime?model=openai%2Fnew",
            &openai,
            "/v1/realtime?model=new",
        ),
        (
            "/openai/v1/realtime?intent=transcription",
            &openai,
            "/v1/realtime?intent=transcription",
        ),
        (
            "/v1/realtime?model=voice",
            &azure,
            "/openai/v1/realtime?model=mine",
        ),
        (
            "/v1/realtime?model=dated/my-voice&api-version=x",
            &azure,
            "/openai/realtime?api-version=2025-04-01-preview&deployment=my-voice",
        ),
        ("/v1/responses", &openai, "/v1/responses"),
        (LIVE, &gemini, LIVE),
    ] {
        let mut client = ask(&gateway, target, &[&bearer()]).await;
        let (head, _upstream) = provider.opens().await;
        assert_eq!(client.head().await.status(), 101, "{target}");
        assert_eq!(head.target(), path, "{target}");
    }
    for (target, status, code) in [
        ("/v1/realtime?model=text", 400, "unsupported_parameter"),
        ("/v1/realtime?model=claude/x", 400, "unsupported_parameter"),
        ("/v1/realtime?model=gemini/x", 400, "unsupported_parameter"),
        ("/v1/realtime?model=nobody/x", 404, "model_not_found"),
        ("/v1/realtime?model=openai/a%26b=c", 400, "invalid_request"),
    ] {
        let mut client = ask(&gateway, target, &[&bearer()]).await;
        let head = client.head().await;
        assert_eq!(head.status(), status, "{target}");
        let length = head
            .header("content-length")
            .expect("whole")
            .parse()
            .expect("a number");
        let body: Value = serde_json::from_slice(&client.exactly(length).await).expect("JSON");
        assert_eq!(body["error"]["code"], code, "{target}");
    }
}

#[tokio::test]
async fn a_live_socket_of_gemini_shows_the_providers_key_and_is_metered() {
    let provider = Provider::new().await;
    let config = json!({ "providers": { "gemini": provider.section("gemini") } });
    let gateway = Gateway::start(config).await;
    let mut client = ask(&gateway, &format!("{LIVE}?key={KEY}"), &[]).await;
    let (head, mut upstream) = provider.opens().await;
    let answer = client.head().await;
    assert_eq!(answer.status(), 101);
    assert_eq!(head.target(), LIVE);
    assert!(!head.0.contains(KEY), "{}", head.0);
    let key = format!("sk-upstream-{}", provider.address.port());
    assert_eq!(head.header("x-goog-api-key"), Some(&*key));
    let turn = json!({ "serverContent": { "turnComplete": true },
        "usageMetadata": { "promptTokenCount": 5, "responseTokenCount": 7 } })
    .to_string();
    for _ in 0..2 {
        upstream.send(BINARY, &turn).await;
        client.receives(BINARY, &turn).await;
    }
    upstream.send(CLOSE, []).await;
    drop(upstream);
    client.rest().await;
    let record = gateway.record(&answer.request_id()).await;
    assert_eq!(record["operation"], "live");
    assert_eq!(record["usage"], json!({ "input": 10, "output": 14 }));
    assert_eq!(
        (&record["outcome"], &record["status"]),
        (&json!("ok"), &json!(101))
    );
}

#[tokio::test]
async fn what_is_no_upgrade_gets_426_in_the_clients_dialect() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    for http in Http::PLAIN {
        for (path, code) in [
            ("/v1/realtime?model=m", json!("upgrade_required")),
            ("/v1/responses", json!("upgrade_required")),
            (LIVE, json!(426)),
        ] {
            let mut request = client::get(path, &gateway.address.to_string());
            let value = format!("Bearer {KEY}").parse().expect("a header value");
            request.headers_mut().insert("authorization", value);
            let client = gateway.connect(http).await;
            let answer = client
                .try_send(request)
                .await
                .expect("an answer")
                .whole()
                .await;
            assert_eq!(answer.status, 426, "{path}");
            // HTTP/2 has no such header.
            let upgrade = (http == Http::H1).then_some("websocket");
            assert_eq!(answer.header("upgrade"), upgrade, "{path}");
            assert_eq!(answer.json()["error"]["code"], code, "{path}");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_is_followed_by_the_next() {
    let (first, second) = (Provider::new().await, Provider::new().await);
    let config = json!({
        "providers": { "p1": first.section("openai"), "p2": second.section("openai") },
        "routes": { "voice": { "targets": ["p1/m1", "p2/m2"] } },
    });
    for status in [
        "401 Unauthorized",
        "429 Too Many Requests",
        "500 Oops",
        "200 OK",
    ] {
        // A credential that was refused would rest over the next one.
        let gateway = Gateway::start(&config).await;
        let mut client = ask(&gateway, "/v1/realtime?model=voice", &[&bearer()]).await;
        first.refuses(status, "", "{}").await;
        let (head, _upstream) = second.opens().await;
        assert_eq!(head.target(), "/v1/realtime?model=m2");
        let answer = client.head().await;
        assert_eq!(answer.status(), 101, "{status}");
        assert_eq!(answer.header("x-sluicegate-attempts"), Some("2"));
    }
}

#[tokio::test]
async fn the_last_refusal_is_told_with_its_status() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let own = json!({ "error": { "message": "no such model", "type": "invalid_request_error",
        "param": null, "code": "model_not_found" } })
    .to_string();
    for (status, headers, body, told, message) in [
        ("404 Not Found", "", &*own, 404, "no such model"),
        ("403 Forbidden", "", "<html>", 403, "refused the WebSocket"),
        (
            "429 Too Many Requests",
            "retry-after: 7\r\n",
            "",
            429,
            "status 429",
        ),
        ("500 Oops", "", "", 500, "status 500"),
        ("401 Unauthorized", "", &*own, 502, "credentials"),
        ("204 No Content", "", "", 502, "could not be understood"),
    ] {
        let mut client = ask(&gateway, "/v1/realtime?model=m", &[&bearer()]).await;
        provider.refuses(status, headers, body).await;
        let head = client.head().await;
        assert_eq!(head.status(), told, "{status}");
        let length = head
            .header("content-length")
            .expect("whole")
            .parse()
            .expect("a number");
        let body: Value = serde_json::from_slice(&client.exactly(length).await).expect("JSON");
        let text = body["error"]["message"].as_str().unwrap_or_default();
        assert!(text.contains(message), "{status}: {body}");
        let record = gateway.record(&head.request_id()).await;
        assert_eq!(record["status"], told);
        if told == 429 {
            let wait: u64 = head
                .header("retry-after")
                .expect("told")
                .parse()
                .expect("seconds");
            assert!((1..=7).contains(&wait), "{wait}");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_dies_ends_the_clients_socket() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let mut open = open(&gateway, &provider).await;
    open.upstream.send(TEXT, done(1, 2)).await;
    drop(open.upstream);
    let end = Instant::now();
    let rest = open.client.rest().await;
    assert!(end.elapsed() < SOON, "{:?}", end.elapsed());
    assert!(
        rest.ends_with(done(1, 2).as_bytes()),
        "what it said before passes"
    );
    let record = gateway.record(&open.answer.request_id()).await;
    assert_eq!(record["outcome"], "truncated");
    assert_eq!(record["error"], "upstream_unreachable");
    assert_eq!(
        (&record["status"], &record["usage"]["output"]),
        (&json!(101), &json!(2))
    );
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_upstreams_socket() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let mut open = open(&gateway, &provider).await;
    open.client.send(TEXT, "last").await;
    drop(open.client);
    let end = Instant::now();
    open.upstream.receives(TEXT, "last").await;
    assert_eq!(open.upstream.rest().await, b"");
    assert!(end.elapsed() < SOON, "{:?}", end.elapsed());
    let record = gateway.record(&open.answer.request_id()).await;
    assert_eq!(record["outcome"], "client_gone");
    assert_eq!(record["status"], 101);
    gateway.metric_becomes("sluicegate_open_streams", 0.0).await;
}

#[tokio::test]
async fn a_client_that_leaves_while_the_upstream_is_asked_ends_that_too() {
    let provider = Provider::new().await;
    let gateway = start(&provider, json!({})).await;
    let client = ask(&gateway, "/v1/realtime?model=m", &[&bearer()]).await;
    let (_, mut upstream) = provider.asked().await;
    drop(client);
    let end = Instant::now();
    assert_eq!(upstream.rest().await, b"");
    assert!(end.elapsed() < SOON, "{:?}", end.elapsed());
}

#[tokio::test]
async fn a_silent_socket_is_closed_and_both_sides_are_told() {
    let provider = Provider::new().await;
    let idle = json!({ "providers": { "openai": { "timeouts": { "idle": "700ms" } } } });
    let gateway = start(&provider, idle).await;
    let mut open = open(&gateway, &provider).await;
    // Pings count, so it outlives the limit.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        open.upstream.send(PING, "").await;
        open.client.receives(PING, "").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (first, code) = open.client.receive().await;
    assert_eq!((first, code), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
    assert_eq!(open.client.rest().await, b"");
    let (first, code) = open.upstream.receive().await;
    assert_eq!((first, code), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
    assert_eq!(open.upstream.rest().await, b"");
    let record = gateway.record(&open.answer.request_id()).await;
    assert_eq!(record["outcome"], "truncated");
    assert_eq!(record["error"], "upstream_timeout");
}

#[tokio::test]
async fn the_total_time_ends_a_busy_socket() {
    let provider = Provider::new().await;
    let total = json!({ "providers": { "openai": { "timeouts": { "total": "1s" } } } });
    let gateway = start(&provider, total).await;
    let mut open = open(&gateway, &provider).await;
    loop {
        open.upstream.send(PING, "").await;
        let (first, _) = open.client.receive().await;
        if first == CLOSE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let record = gateway.record(&open.answer.request_id()).await;
    assert_eq!(record["outcome"], "truncated");
}

#[tokio::test]
async fn a_socket_counts_as_a_stream_of_its_address() {
    let provider = Provider::new().await;
    let one = json!({ "limits": { "streams_per_address": 1 } });
    let gateway = start(&provider, one).await;
    let mut first = open(&gateway, &provider).await;
    let mut second = ask(&gateway, "/v1/realtime?model=m", &[&bearer()]).await;
    assert_eq!(second.head().await.status(), 429);
    first.client.send(CLOSE, []).await;
    drop(first);
    gateway.metric_becomes("sluicegate_open_streams", 0.0).await;
    open(&gateway, &provider).await;
}

#[tokio::test]
async fn a_socket_lives_while_the_gateway_drains() {
    let provider = Provider::new().await;
    let mut gateway = start(&provider, json!({})).await;
    let mut open = open(&gateway, &provider).await;
    gateway.signal("TERM");
    within("it is not ready any more", async {
        while gateway.operator("/readyz").await.0 != 503 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut late = ask(&gateway, "/v1/realtime?model=m", &[&bearer()]).await;
    assert_eq!(late.head().await.status(), 503);
    open.client.send(TEXT, "still here").await;
    open.upstream.receives(TEXT, "still here").await;
    open.upstream.send(TEXT, done(1, 1)).await;
    open.client.receives(TEXT, &done(1, 1)).await;
    assert_eq!(gateway.exited(), None);
    open.client.send(CLOSE, []).await;
    drop(open);
    assert_eq!(gateway.wait_exit().await.code(), Some(0));
    let finished = gateway
        .records()
        .into_iter()
        .filter(|r| r["outcome"] == "ok")
        .count();
    assert_eq!(finished, 1);
}

#[tokio::test]
async fn a_socket_ends_with_the_time_to_drain() {
    let provider = Provider::new().await;
    let short = json!({ "server": { "drain": "300ms" } });
    let mut gateway = start(&provider, short).await;
    let mut open = open(&gateway, &provider).await;
    gateway.signal("TERM");
    gateway.wait_exit().await;
    assert_eq!(open.client.rest().await, b"");
    assert_eq!(open.upstream.rest().await, b"");
}
