//! The body: read under limits, decompressed, and decoded.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pingora::{protocols::http::ServerSession, proxy::Session};

use super::{
    Gateway, admit, convert,
    exchange::{Exchange, Rest},
    models, realtime, screen,
};
use crate::{
    error::{Failure, Kind},
    limits::address::Open,
    problem::choices,
    protocol::{
        Ask, Call, Operation,
        coding::{self, CodingError},
        count::{self, Count},
        form, recognise,
        request::Request,
    },
    provider::Upstream,
    routing::{retry::Plan, table::Choice},
};

/// Bodies from this size on are decoded on a thread that may block: walking 1 MiB takes about a millisecond.
const LARGE: usize = 1024 * 1024;

/// Reads and decodes the body, and finds the targets. What the gateway can answer by itself is answered here.
pub async fn decode(
    gateway: &Gateway,
    session: &mut Session,
    x: &mut Exchange,
) -> Result<Option<Vec<u8>>, Failure> {
    match x.ask.take().expect("recognised at the door") {
        Ask::Models(wanted) => {
            read_whole(session, x).await?;
            models::answer(x, wanted.as_deref()).map(Some)
        }
        Ask::Passage { provider, rest } => {
            let upstream = provider_of_passage(x, &provider)?;
            passage(gateway, session, x, upstream, rest).await?;
            Ok(None)
        }
        Ask::Call(call) => operation(gateway, session, x, call).await,
        Ask::Realtime(realtime) => realtime::prepare(gateway, session, x, realtime).map(|()| None),
    }
}

async fn read_whole(session: &mut Session, x: &Exchange) -> Result<Bytes, Failure> {
    let limits = &x.snapshot.config.limits;
    read(session, limits.body.0, limits.body_timeout.get()).await
}

/// Reads of a form what must be known; the files behind it are passed on while they come.
async fn read_form(session: &mut Session, x: &mut Exchange) -> Result<Bytes, Failure> {
    let length = session
        .get_header("content-length")
        .and_then(|v| v.to_str().ok()?.trim().parse::<usize>().ok());
    let coded = !session.get_header_bytes("content-encoding").is_empty();
    let waits = session.get_header("expect").is_some();
    if coded || waits || length.is_some_and(|length| length <= LARGE) {
        return read_whole(session, x).await;
    }
    let limits = &x.snapshot.config.limits;
    let limit = limits.body.0;
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let kind = session.get_header_bytes("content-type");
    let kind = String::from_utf8_lossy(kind).into_owned();
    let client = &mut session.downstream_session;
    let collect = async {
        let mut body = BytesMut::new();
        let mut looked_at = 0;
        while let Some(chunk) = client.read_request_body().await.map_err(|e| broken(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err(too_large(limit));
            }
            // Looked through again only when it has doubled.
            if body.len() < 2 * looked_at {
                continue;
            }
            looked_at = body.len();
            let fields = form::fields(&kind, &body).unwrap_or_default();
            if fields.iter().any(|(name, _)| name == "model") {
                return Ok((body.freeze(), true));
            }
        }
        Ok((body.freeze(), false))
    };
    let collected = tokio::time::timeout(limits.body_timeout.get(), collect).await;
    let collected = collected.unwrap_or_else(|_| {
        Err(Failure::new(
            Kind::RequestTimeout,
            "the request body did not arrive in time",
        ))
    });
    let (body, more) = match collected {
        Ok(collected) => collected,
        Err(failure) => {
            session.set_keepalive(None);
            return Err(failure);
        }
    };
    if more {
        x.rest = Some(Rest {
            length: length.map(|length| length.saturating_sub(body.len())),
            limit: limit - body.len(),
            taken: false,
        });
    }
    Ok(body)
}

/// An operation of a model.
async fn operation(
    gateway: &Gateway,
    session: &mut Session,
    x: &mut Exchange,
    call: Call,
) -> Result<Option<Vec<u8>>, Failure> {
    let snapshot = x.snapshot.clone();
    let coded = if call.operation.is_form() {
        read_form(session, x).await?
    } else {
        read_whole(session, x).await?
    };
    let large = session.body_bytes_read() >= LARGE;
    let request = decode_body(session, x, &call, coded, large).await?;
    note_wishes(session, x);
    let choice = snapshot
        .table
        .choose(&request.model, call.operation, request.stream);
    let mut choice = match choice {
        // Whoever has no endpoint for it is counted here.
        Err(failure) if failure.kind == Kind::Unsupported && call.operation.counts() => {
            return estimate(x, call, request).await.map(Some);
        }
        choice => choice?,
    };
    x.route = Some(choice.route.clone());
    x.configured = choice.configured;
    let request = screen::prompt(session, x, &call, request, &choice.route).await?;
    let targets = std::mem::take(&mut choice.targets);
    // Texts may come as tokens, and the tables to read them take their time.
    let tokens = matches!(call.operation, Operation::Embeddings)
        && targets
            .iter()
            .any(|t| t.offers(call.operation, false) != Some(call.operation));
    let (request, prepared) = if large || tokens {
        let betas = x.betas.clone();
        let work = move || {
            let prepared = convert::prepare(&call, &request, &betas, targets);
            (request, prepared)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Failure::new(Kind::Internal, "converting failed"))?
    } else {
        let prepared = convert::prepare(&call, &request, &x.betas, targets);
        (request, prepared)
    };
    let prepared = prepared?;
    choice.targets = prepared.targets;
    x.canonical = prepared.canonical;
    x.written = prepared.first;
    start(gateway, session, x, request, choice)?;
    Ok(None)
}

/// All is known: the request is on its way.
pub(super) fn start(
    gateway: &Gateway,
    session: &mut Session,
    x: &mut Exchange,
    request: Request,
    choice: Choice,
) -> Result<(), Failure> {
    let snapshot = x.snapshot.clone();
    x.plan = Some(Plan::new(choice, request.affinity()));
    if request.stream {
        admit::take_place(gateway, &snapshot.config, x, Open::Streams)?;
        x.open.stream();
    }
    x.request = Some(request);
    session.set_write_timeout(Some(snapshot.config.limits.write_timeout.get()));
    Ok(())
}

/// Undoes the content coding and reads what is wanted of which model; on a thread that may block, if it is large.
async fn decode_body(
    session: &Session,
    x: &Exchange,
    call: &Call,
    coded: Bytes,
    large: bool,
) -> Result<Request, Failure> {
    let limits = &x.snapshot.config.limits;
    let (limit, depth) = (limits.body.0, limits.depth);
    let encoding = session.get_header_bytes("content-encoding").to_owned();
    let form = call.operation.is_form().then(|| {
        let kind = session.get_header_bytes("content-type");
        String::from_utf8_lossy(kind).into_owned()
    });
    let call = call.clone();
    let decode = move || {
        let body = coding::decode(&encoding, coded, limit).map_err(|e| bad_coding(e, limit))?;
        match form {
            Some(kind) => Request::decode_form(&kind, body),
            None => Request::decode(&call, body, depth),
        }
    };
    if large {
        tokio::task::spawn_blocking(decode)
            .await
            .unwrap_or_else(|_| Err(Failure::new(Kind::Internal, "decoding failed")))
    } else {
        decode()
    }
}

/// Counts the tokens of a prompt here: about as many as the provider would count.
async fn estimate(x: &mut Exchange, call: Call, request: Request) -> Result<Vec<u8>, Failure> {
    let operation = call.operation;
    let work = move || {
        let chat = convert::chat_to_count(&call, request.body())?;
        let count = Count {
            tokens: count::estimate(&chat, &request.model),
            cached: None,
            estimated: true,
        };
        Ok((request, count::write(operation, &count)))
    };
    let (request, answer) = tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Failure::new(Kind::Internal, "counting failed")))?;
    x.request = Some(request);
    Ok(answer)
}

fn provider_of_passage(x: &mut Exchange, name: &str) -> Result<Arc<Upstream>, Failure> {
    let table = &x.snapshot.table;
    let upstream = table.providers().get(name).cloned().ok_or_else(|| {
        let names = table.providers().keys().map(String::as_str);
        let shown: String = name.chars().take(64).collect();
        Failure::new(
            Kind::NotFound,
            format!(
                "no provider has the name `{shown}`; there are {}",
                choices(names.take(30))
            ),
        )
    })?;
    x.dialect = upstream.dialect();
    Ok(upstream)
}

/// A provider's own API: passed on as it is, and read where it is one of the operations that are known.
async fn passage(
    gateway: &Gateway,
    session: &mut Session,
    x: &mut Exchange,
    upstream: Arc<Upstream>,
    rest: String,
) -> Result<(), Failure> {
    if x.method == http::Method::HEAD {
        return Err(Failure::new(
            Kind::MethodNotAllowed,
            "HEAD is not passed on; use GET",
        ));
    }
    // A path with `..` could lead out of the API, whatever decodes it on the way.
    let plain = rest
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    if plain.split(['/', '\\']).any(|segment| segment == "..") || rest.contains('\\') {
        return Err(Failure::new(
            Kind::BadRequest,
            "the path must not lead upwards",
        ));
    }
    let body = read_whole(session, x).await?;
    let known = match recognise(&x.method, &rest) {
        Ok(Ask::Call(call)) if upstream.dialect() == call.operation.dialect() => Some(call),
        _ => None,
    };
    let large = body.len() >= LARGE;
    let coded = !session.get_header_bytes("content-encoding").is_empty();
    let understood = match &known {
        // One that is compressed stays so, and unread.
        Some(call) if !coded => decode_body(session, x, call, body.clone(), large)
            .await
            .ok(),
        _ => None,
    };
    let (call, request) = match (known, understood) {
        (Some(call), Some(request)) => (call, request),
        _ => (
            Call {
                operation: Operation::Passage,
                model: None,
                version: "v1",
            },
            Request::opaque(body),
        ),
    };
    x.asked = call.operation.name();
    x.passage = Some(rest);
    let choice = x.snapshot.table.direct(upstream, &request.model);
    x.route = Some(choice.route.clone());
    let request = if call.operation == Operation::Passage {
        request
    } else {
        screen::prompt(session, x, &call, request, &choice.route).await?
    };
    x.call = Some(call);
    start(gateway, session, x, request, choice)
}

/// What else the head says that a target of another dialect must be told.
fn note_wishes(session: &Session, x: &mut Exchange) {
    let head = session.req_header();
    x.betas = head
        .headers
        .get_all("anthropic-beta")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|flag| flag.trim().to_owned())
        .filter(|flag| !flag.is_empty())
        .take(64)
        .collect();
    x.wants_sse = head
        .uri
        .query()
        .is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
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

/// What a client is told whose body is over the limit.
pub fn too_large(limit: usize) -> Failure {
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
