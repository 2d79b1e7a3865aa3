//! The body: read under limits, decompressed, and decoded.

use bytes::{Bytes, BytesMut};
use pingora::{protocols::http::ServerSession, proxy::Session};

use super::{Gateway, admit, exchange::Exchange};
use crate::{
    error::{Failure, Kind},
    limits::address::Open,
    protocol::{
        coding::{self, CodingError},
        request::Request,
    },
    routing::retry::Plan,
};

/// Bodies from this size on are decoded on a thread that may block: walking 1 MiB takes about a millisecond.
const LARGE: usize = 1024 * 1024;

/// Reads and decodes the body, and finds the targets.
pub async fn decode(
    gateway: &Gateway,
    session: &mut Session,
    x: &mut Exchange,
) -> Result<(), Failure> {
    let snapshot = x.snapshot.clone();
    let limits = &snapshot.config.limits;
    let limit = limits.body.0;
    let coded = read(session, limit, limits.body_timeout.get()).await?;
    let encoding = session.get_header_bytes("content-encoding").to_owned();
    let depth = limits.depth;
    let call = x.call.clone().expect("recognised at the door");
    let decode = move || {
        let body = coding::decode(&encoding, coded, limit).map_err(|e| bad_coding(e, limit))?;
        Request::decode(&call, body, depth)
    };
    let large = session.body_bytes_read() >= LARGE;
    let request = if large {
        tokio::task::spawn_blocking(decode)
            .await
            .unwrap_or_else(|_| Err(Failure::new(Kind::Internal, "decoding failed")))?
    } else {
        decode()?
    };
    let choice = x.snapshot.table.choose(&request.model, x.dialect)?;
    x.route = Some(choice.route.clone());
    x.configured = choice.configured;
    x.plan = Some(Plan::new(choice, request.affinity()));
    if request.stream {
        admit::take_place(gateway, &snapshot.config, x, Open::Streams)?;
        x.open.stream();
    }
    x.request = Some(request);
    session.set_write_timeout(Some(limits.write_timeout.get()));
    Ok(())
}

async fn read(
    session: &mut Session,
    limit: usize,
    time: std::time::Duration,
) -> Result<Bytes, Failure> {
    let length = session
        .get_header("content-length")
        .and_then(|v| v.to_str().ok()?.trim().parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let session = &mut session.downstream_session;
    if session
        .get_header_bytes("expect")
        .eq_ignore_ascii_case(b"100-continue")
    {
        let keepalive = session.get_keepalive();
        session
            .write_continue_response()
            .await
            .map_err(|e| broken(&e))?;
        // Pingora gives keep-alive up here, since the body is not read yet; it will be.
        if keepalive.is_some() {
            session.set_keepalive(keepalive);
        }
    }
    let body = tokio::time::timeout(time, collect(session, limit, length))
        .await
        .unwrap_or_else(|_| {
            Err(Failure::new(
                Kind::RequestTimeout,
                "the request body did not arrive in time",
            ))
        });
    if body.is_err() {
        // Where the next request would begin is not known.
        session.set_keepalive(None);
    }
    body
}

async fn collect(
    session: &mut ServerSession,
    limit: usize,
    length: Option<usize>,
) -> Result<Bytes, Failure> {
    let Some(first) = session.read_request_body().await.map_err(|e| broken(&e))? else {
        return Ok(Bytes::new());
    };
    // HTTP/2 may tell the end in a frame of its own; an answer before that would reset the stream.
    let Some(second) = session.read_request_body().await.map_err(|e| broken(&e))? else {
        return if first.len() > limit {
            Err(too_large(limit))
        } else {
            Ok(first)
        };
    };
    // What the client promises is not allocated before it comes.
    let expected = length.unwrap_or(0).min(256 * 1024);
    let mut body = BytesMut::with_capacity(expected.max(first.len() + second.len()));
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    drop((first, second));
    while let Some(chunk) = session.read_request_body().await.map_err(|e| broken(&e))? {
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    if body.len() > limit {
        return Err(too_large(limit));
    }
    Ok(body.freeze())
}

fn broken(error: &pingora::Error) -> Failure {
    let kind = match error.etype() {
        pingora::ErrorType::ReadTimedout => Kind::RequestTimeout,
        _ => Kind::BadRequest,
    };
    Failure::new(kind, "the request body could not be read").detail(error.to_string())
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        Kind::TooLarge,
        format!("the request body is larger than {limit} bytes, which is the limit"),
    )
}

fn bad_coding(error: CodingError, limit: usize) -> Failure {
    match error {
        CodingError::TooLarge => too_large(limit),
        CodingError::Unknown => Failure::new(
            Kind::UnsupportedEncoding,
            "the content-encoding is not known here; gzip, deflate, br and zstd are",
        ),
        CodingError::Corrupt => Failure::new(
            Kind::BadRequest,
            "the request body is not what its content-encoding says",
        ),
    }
}
