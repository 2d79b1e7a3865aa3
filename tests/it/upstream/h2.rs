//! HTTP/2, down to single streams and resets.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream, server::SendResponse};
use tokio::sync::{Notify, watch};

use super::{
    Body, End, Piece, Received, Reply, Shared,
    h1::Connection,
    pause,
    reply::{ReadBody, Rendered},
};

pub(super) async fn serve(io: impl Connection, shared: Arc<Shared>) {
    let handshake = h2::server::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(16 << 20)
        .handshake::<_, Bytes>(io);
    let Ok(mut connection) = handshake.await else {
        return;
    };
    let kill = Arc::new(Notify::new());
    // Streams are dropped after the connection, or their end would be told before it.
    let mut streams = tokio::task::JoinSet::new();
    let mut answered = 0;
    loop {
        let accepted = tokio::select! {
            // Polled first, since it is what writes: all that was said before the end goes out.
            biased;
            accepted = connection.accept() => accepted,
            () = kill.notified() => break,
        };
        let Some(Ok((request, respond))) = accepted else {
            break;
        };
        if shared.stale && answered > 0 {
            break;
        }
        answered += usize::from(request.method() != "GET");
        streams.spawn(stream(request, respond, shared.clone(), kill.clone()));
    }
    drop(connection);
}

async fn stream(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
    kill: Arc<Notify>,
) {
    let (parts, mut incoming) = request.into_parts();
    if parts.method == "GET" {
        let head = http::Response::builder().status(shared.probe());
        let _ = respond.send_response(head.body(()).expect("a status"), true);
        return;
    }
    let reply = shared.next_reply();
    let mut body = Bytes::new();
    if reply.reading != ReadBody::Late {
        match read_body(&mut incoming, reply.reading == ReadBody::Slowly).await {
            Some(read) => body = read,
            None => return,
        }
    }
    let mut headers = parts.headers;
    if let Some(authority) = parts.uri.authority() {
        headers.insert("host", authority.as_str().parse().expect("a host"));
    }
    let closed = Arc::new(watch::Sender::new(None));
    let path = parts
        .uri
        .path_and_query()
        .map_or("", |p| p.as_str())
        .to_owned();
    let rendered = reply.render(&path, &body);
    shared.keep(Received {
        method: parts.method.to_string(),
        path,
        headers,
        body,
        closed: closed.clone(),
    });
    match answer(&mut respond, &reply, rendered).await {
        None => {
            closed.send_replace(Some(Instant::now()));
        }
        Some(End::Good) => {
            if reply.reading == ReadBody::Late {
                let _ = read_body(&mut incoming, false).await;
            }
        }
        Some(End::Reset) => respond.send_reset(h2::Reason::INTERNAL_ERROR),
        Some(End::Fin) => {
            kill.notify_one();
            // Dropping the stream now would reset it before the connection is closed.
            pause(Duration::from_secs(60)).await;
        }
        Some(End::Silence) => unreachable!("silence ends when the other side leaves"),
    }
}

async fn answer(
    respond: &mut SendResponse<Bytes>,
    reply: &Reply,
    rendered: Option<Rendered>,
) -> Option<End> {
    if let Some(gate) = &reply.head_gate {
        tokio::select! {
            () = gate.pass() => {}
            _ = poll_fn(|cx| respond.poll_reset(cx)) => return None,
        }
    }
    assert!(
        !matches!(reply.body, Body::Wire(_)),
        "HTTP/1.1 cannot be said in HTTP/2"
    );
    let Some(rendered) = rendered else {
        if reply.end == End::Silence {
            let _ = poll_fn(|cx| respond.poll_reset(cx)).await;
            return None;
        }
        return Some(reply.end);
    };
    let mut head = http::Response::builder().status(reply.status);
    for (name, value) in &rendered.headers {
        head = head.header(name, value);
    }
    if !rendered.stream {
        head = head.header("content-length", rendered.len());
    }
    let head = head.body(()).expect("a sane head");
    let mut stream = respond.send_response(head, false).ok()?;
    for piece in rendered.pieces {
        match piece {
            Piece::Wait(gate) => alive(&mut stream, gate.pass()).await?,
            Piece::Bytes(bytes) => stream.send_data(bytes, false).ok()?,
        }
        if !reply.delay.is_zero() {
            alive(&mut stream, pause(reply.delay)).await?;
        }
    }
    match reply.end {
        End::Good => {
            stream.send_data(Bytes::new(), true).ok()?;
        }
        End::Silence => alive(&mut stream, std::future::pending()).await?,
        End::Fin | End::Reset => {}
    }
    Some(reply.end)
}

/// Runs `future` unless the gateway gives the stream up.
async fn alive(stream: &mut SendStream<Bytes>, future: impl Future<Output = ()>) -> Option<()> {
    tokio::select! {
        () = future => Some(()),
        _ = poll_fn(|cx| stream.poll_reset(cx)) => None,
    }
}

async fn read_body(incoming: &mut RecvStream, slowly: bool) -> Option<Bytes> {
    let mut body = BytesMut::new();
    while let Some(data) = incoming.data().await {
        let data = data.ok()?;
        if slowly {
            pause(Duration::from_millis(1)).await;
        }
        incoming.flow_control().release_capacity(data.len()).ok()?;
        body.extend_from_slice(&data);
    }
    Some(body.freeze())
}
