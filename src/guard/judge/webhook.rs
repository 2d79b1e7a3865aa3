//! What a webhook is sent.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Question, Said};
use crate::{auth::Secret, guard::Role};

/// The header with the signature.
pub const SIGNATURE: &str = "x-sluicegate-signature";

/// The version of the contract.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    request_id: &'a str,
    direction: &'static str,
    profile: &'a str,
    key: &'a str,
    model: &'a str,
    texts: Vec<Text<'a>>,
}

#[derive(Serialize)]
struct Text<'a> {
    role: Role,
    place: &'a str,
    text: &'a str,
}

impl<'a> Text<'a> {
    fn of(said: &'a Said) -> Self {
        Self {
            role: said.role,
            place: &said.place,
            text: &said.text,
        }
    }
}

/// The body for a webhook. With an empty `request_id` it is what verdicts are remembered by.
pub fn body(question: &Question, request_id: &str, texts: &[Said]) -> Vec<u8> {
    let body = Body {
        version: VERSION,
        request_id,
        direction: question.direction.name(),
        profile: &question.profile,
        key: &question.key,
        model: &question.model,
        texts: texts.iter().map(Text::of).collect(),
    };
    serde_json::to_vec(&body).expect("texts and numbers only")
}

/// The value of the signature's header: `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
pub fn signature(secret: &Secret, body: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::from("sha256=");
    for byte in hmac(secret.expose().as_bytes(), body) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message);
    let outer = Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

/// Whether this can be asked.
///
/// # Errors
/// Why not.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    let wrong = "must be like https://host/path";
    let uri: http::Uri = url.parse().map_err(|_| wrong)?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return Err(wrong);
    }
    let authority = uri.authority().ok_or(wrong)?;
    if authority.as_str().contains('@') {
        return Err("must not hold credentials; use `headers` or `secret`");
    }
    Ok(())
}

/// Headers that the gateway sets by itself.
const OWNED: [&str; 7] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    SIGNATURE,
];

/// Whether this header can be sent.
///
/// # Errors
/// Why not.
pub fn check_header(name: &str, value: &Secret) -> Result<(), &'static str> {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("no header can have this name");
    }
    if OWNED.contains(&name.to_ascii_lowercase().as_str()) {
        return Err("this header is set by the gateway itself");
    }
    match http::HeaderValue::from_str(value.expose()) {
        Ok(_) => Ok(()),
        Err(_) => Err("the value has characters that no header can carry"),
    }
}
