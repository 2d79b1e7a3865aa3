//! HTTP/1.1 by hand, since no server library lets itself be told to misbehave.

use std::{sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};
use tokio_rustls::server::TlsStream;

use super::{
    Body, End, Framing, Piece, Received, Reply, Shared, pause,
    reply::{ReadBody, Rendered},
};

/// A connection that can be cut.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn tcp(&self) -> &TcpStream;

    /// Makes the coming drop a reset.
    fn reset(&self) {
        self.tcp().set_zero_linger().expect("a TCP socket");
    }
}

impl Connection for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Connection for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

struct Head {
    method: String,
    path: String,
    headers: HeaderMap,
}

pub(super) async fn serve(mut io: impl Connection, shared: Arc<Shared>) {
    let mut buffer = BytesMut::new();
    let mut answered = 0;
    while let Some(head) = read_head(&mut io, &mut buffer).await {
        if head.method == "GET" && !shared.answers_get {
            let status = shared.probe();
            let answer = format!("HTTP/1.1 {status} Probed\r\ncontent-length: 0\r\n\r\n");
            if io.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            continue;
        }
        if shared.stale && answered > 0 {
            return;
        }
        let reply = shared.next_reply();
        let length = head
            .headers
            .get("content-length")
            .and_then(|v| v.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let mut body = Bytes::new();
        if reply.reading != ReadBody::Late {
            let slowly = reply.reading == ReadBody::Slowly;
            match read_body(&mut io, &mut buffer, length, slowly).await {
                Some(read) => body = read,
                None => return,
            }
        }
        let closed = Arc::new(watch::Sender::new(None));
        let request = Received {
            method: head.method,
            path: head.path,
            headers: head.headers,
            body,
            closed: closed.clone(),
        };
        let late = reply.reading == ReadBody::Late;
        let rendered = reply.render(&request.path, &request.body);
        shared.keep(request);
        let (mut reading, mut writing) = tokio::io::split(&mut io);
        let answer = answer(&mut writing, &reply, rendered);
        let stays = if late {
            // The answer is out before the first byte of the body is taken off the socket.
            answer.await
        } else {
            tokio::select! {
                stays = answer => stays,
                () = gone(&mut reading, &mut buffer) => None,
            }
        };
        match stays {
            None => {
                closed.send_replace(Some(Instant::now()));
                return;
            }
            Some(End::Good) if late => {
                let _ = io.shutdown().await;
                let _ = read_body(&mut io, &mut buffer, length, false).await;
                return;
            }
            Some(End::Good) => {}
            Some(End::Reset) => {
                io.reset();
                return;
            }
            Some(End::Fin) => {
                let _ = io.shutdown().await;
                return;
            }
            Some(End::Silence) => unreachable!("silence ends when the other side leaves"),
        }
        answered += 1;
    }
}

/// Answers; `None` if the gateway left before all was said.
async fn answer(
    io: &mut (impl AsyncWrite + Unpin),
    reply: &Reply,
    rendered: Option<Rendered>,
) -> Option<End> {
    if let Some(gate) = &reply.head_gate {
        gate.pass().await;
    }
    let mut end = reply.end;
    if let Some(rendered) = rendered {
        let framing = match reply.framing {
            Framing::Auto if rendered.stream => Framing::Chunked,
            Framing::Auto => Framing::Length(rendered.len()),
            framing => framing,
        };
        io.write_all(head(reply, &rendered, framing).as_bytes())
            .await
            .ok()?;
        io.flush().await.ok()?;
        for piece in rendered.pieces {
            match piece {
                Piece::Wait(gate) => gate.pass().await,
                Piece::Bytes(bytes) => write_piece(io, &bytes, framing).await?,
            }
            if !reply.delay.is_zero() {
                pause(reply.delay).await;
            }
        }
        if end == End::Good {
            match framing {
                Framing::Chunked => io.write_all(b"0\r\n\r\n").await.ok()?,
                Framing::Close => end = End::Fin,
                // A wrong length is followed by the end of the connection, or it would never be noticed.
                Framing::Length(length) if length != rendered_len(reply, length) => end = End::Fin,
                _ => {}
            }
            io.flush().await.ok()?;
        }
    } else if let Body::Wire(bytes) = &reply.body {
        io.write_all(bytes).await.ok()?;
        io.flush().await.ok()?;
    }
    if end == End::Silence {
        std::future::pending::<()>().await;
    }
    Some(end)
}

/// The length that a script did not lie about.
fn rendered_len(reply: &Reply, length: usize) -> usize {
    match reply.framing {
        Framing::Length(_) => usize::MAX,
        _ => length,
    }
}

fn head(reply: &Reply, rendered: &Rendered, framing: Framing) -> String {
    let mut text = String::new();
    for (status, headers) in &reply.interim {
        text += &format!("HTTP/1.1 {status} Interim\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
    }
    text += &format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &rendered.headers {
        text += &format!("{name}: {value}\r\n");
    }
    match framing {
        Framing::Chunked => text += "transfer-encoding: chunked\r\n",
        Framing::Length(length) => text += &format!("content-length: {length}\r\n"),
        Framing::Close => text += "connection: close\r\n",
        Framing::Auto => unreachable!("decided before"),
    }
    text + "\r\n"
}

async fn write_piece(
    io: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    framing: Framing,
) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    if framing == Framing::Chunked {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        io.write_all(&chunk).await.ok()?;
    } else {
        io.write_all(bytes).await.ok()?;
    }
    io.flush().await.ok()
}

/// Resolves when the other side has closed.
async fn gone(io: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) {
    while let Ok(1..) = io.read_buf(buffer).await {}
}

async fn read_head(io: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> Option<Head> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        if io.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = buffer.split_to(end + 4);
    let text = std::str::from_utf8(&head).expect("the gateway sends texts");
    let mut lines = text.trim_end().split("\r\n");
    let mut words = lines.next().expect("a request line").split(' ');
    let mut word = || words.next().expect("three words").to_owned();
    let (method, path) = (word(), word());
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("name and value");
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
            HeaderValue::from_str(value).expect("a header value"),
        );
    }
    Some(Head {
        method,
        path,
        headers,
    })
}

async fn read_body(
    io: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    length: usize,
    slowly: bool,
) -> Option<Bytes> {
    buffer.reserve(length.saturating_sub(buffer.len()));
    while buffer.len() < length {
        if slowly {
            pause(std::time::Duration::from_millis(1)).await;
        }
        if io.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(buffer.split_to(length).freeze())
}
