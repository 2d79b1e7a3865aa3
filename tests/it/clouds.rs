//! Models at clouds: signed requests, binary streams, deployments, and tokens that expire.

use std::task::Poll;

use bytes::Bytes;
use serde_json::Value;

use crate::upstream::{Piece, Reply};

mod azure;
mod bedrock;
mod vertex;

/// The media type of Bedrock's streams.
pub const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// A frame of Amazon's event stream: an event, or with `exception` one that ends all.
pub fn frame(exception: bool, name: &str, data: &Value) -> Bytes {
    let (kind, key) = if exception {
        ("exception", ":exception-type")
    } else {
        ("event", ":event-type")
    };
    let mut headers = Vec::new();
    for (key, value) in [
        (":message-type", kind),
        (key, name),
        (":content-type", "application/json"),
    ] {
        headers.push(u8::try_from(key.len()).expect("short"));
        headers.extend(key.as_bytes());
        // 7 is a string.
        headers.push(7);
        headers.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let payload = data.to_string();
    let length = |n: usize| u32::try_from(n).expect("short").to_be_bytes();
    let mut frame = Vec::new();
    frame.extend(length(12 + headers.len() + payload.len() + 4));
    frame.extend(length(headers.len()));
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(&headers);
    frame.extend(payload.as_bytes());
    frame.extend(crc32(&frame).to_be_bytes());
    frame.into()
}

/// The checksum that zip files have, too.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// A stream of Bedrock's events.
pub fn binary_stream(events: &[(&str, Value)]) -> Reply {
    let pieces = events
        .iter()
        .map(|(name, data)| Piece::Bytes(frame(false, name, data)));
    Reply::pieces(EVENT_STREAM, pieces)
}

/// Does all of them at once.
pub async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures
        .into_iter()
        .map(|future| (Box::pin(future), None))
        .collect();
    std::future::poll_fn(|context| {
        let mut open = false;
        for (future, done) in &mut futures {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *done = Some(value),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    futures
        .into_iter()
        .map(|(_, done)| done.expect("done"))
        .collect()
}
