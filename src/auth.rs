//! Who is calling: gateway keys, where SDKs put them, and the principal they stand for.

use std::{collections::HashMap, sync::Arc};

use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::problem::{Place, Problems};

/// A key that callers may use, given as the secret itself or as its SHA-256.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The name that logs and metrics show for this key.
    pub name: String,
    /// The key itself; kept in memory only as its SHA-256. Usually `${GATEWAY_KEY}` or `file:/run/secrets/key`.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// SHA-256 of the key, 64 hexadecimal digits, instead of `secret` (`printf %s KEY | sha256sum`).
    #[serde(default)]
    pub secret_sha256: Option<String>,
    /// The guard profile for requests with this key, instead of the route's and of `guards.profile`.
    #[serde(default)]
    pub guard: Option<String>,
}

impl KeyConfig {
    /// Checks one entry of `keys`.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        match (&self.secret, &self.secret_sha256) {
            (Some(_), Some(_)) => problems.add(
                at.key("secret_sha256"),
                "give either `secret` or `secret_sha256`, not both",
            ),
            (None, None) => problems.add(at.clone(), "needs `secret` or `secret_sha256`"),
            (Some(secret), None) if secret.expose().len() < 8 => problems.add(
                at.key("secret"),
                "a key needs at least 8 characters (is a variable empty?)",
            ),
            (None, Some(hex)) if parse_hex(hex).is_none() => problems.add(
                at.key("secret_sha256"),
                "expected the 64 hexadecimal digits of a SHA-256",
            ),
            _ => {}
        }
        if self.name.is_empty() {
            problems.add(at.key("name"), "a key needs a name for logs and metrics");
        }
    }

    fn digest(&self) -> Option<[u8; 32]> {
        match (&self.secret, &self.secret_sha256) {
            (Some(secret), _) => Some(Sha256::digest(secret.expose()).into()),
            (None, Some(hex)) => parse_hex(hex),
            (None, None) => None,
        }
    }
}

fn parse_hex(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// A text that is never shown: `Debug` hides it and nothing serialises it. In a configuration it may be `file:` and the
/// path of the file that holds it; the loader knows secrets by the name of this type.
#[derive(Clone, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that must write it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// On whose behalf a request runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Name of the key that was shown, or `anonymous`.
    pub key: Arc<str>,
    /// The guard profile of the key.
    pub guard: Option<Arc<str>>,
}

/// Why a caller was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No credential in any place where SDKs put one.
    Missing,
    /// A credential that no key matches.
    Unknown,
}

/// All keys of a configuration, looked up by SHA-256.
///
/// The table is keyed by digest, so the time of a look-up says nothing about the characters of a secret.
pub struct Keys {
    by_digest: HashMap<[u8; 32], Principal>,
    anonymous: Option<Principal>,
}

impl Keys {
    /// Builds the table; `anonymous` admits callers without a known key.
    pub fn new(keys: &[KeyConfig], anonymous: bool) -> Self {
        let by_digest = keys
            .iter()
            .filter_map(|key| {
                let principal = Principal {
                    key: key.name.as_str().into(),
                    guard: key.guard.as_deref().map(Into::into),
                };
                Some((key.digest()?, principal))
            })
            .collect();
        let anonymous = anonymous.then(|| Principal {
            key: "anonymous".into(),
            guard: None,
        });
        Self {
            by_digest,
            anonymous,
        }
    }

    /// Finds the principal for the credentials in a request's headers and query.
    ///
    /// # Errors
    /// [`Refusal`] if there is no credential, or none that is known.
    pub fn identify(&self, headers: &HeaderMap, query: Option<&str>) -> Result<Principal, Refusal> {
        let found = match credential(headers, query) {
            None => Err(Refusal::Missing),
            Some(secret) => self
                .by_digest
                .get(&<[u8; 32]>::from(Sha256::digest(secret)))
                .cloned()
                .ok_or(Refusal::Unknown),
        };
        match (found, &self.anonymous) {
            (Err(_), Some(anonymous)) => Ok(anonymous.clone()),
            (found, _) => found,
        }
    }
}

/// Headers in which clients send a credential for the gateway, first one wins: our own, then those
/// of the OpenAI, Anthropic, Gemini and Azure SDKs.
pub const CREDENTIAL_HEADERS: [&str; 5] = [
    "x-sluicegate-api-key",
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
];

/// How a WebSocket's subprotocol begins that is a credential: browsers can set no header, so OpenAI's SDK puts the key
/// there. <https://platform.openai.com/docs/guides/realtime-websocket>
pub const CREDENTIAL_SUBPROTOCOL: &str = "openai-insecure-api-key.";

fn credential<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a [u8]> {
    for name in CREDENTIAL_HEADERS {
        let Some(value) = headers.get(name) else {
            continue;
        };
        let value = value.as_bytes().trim_ascii();
        let secret = if name == "authorization" {
            match value.get(..7) {
                Some(scheme) if scheme.eq_ignore_ascii_case(b"bearer ") => value[7..].trim_ascii(),
                _ => continue,
            }
        } else {
            value
        };
        if !secret.is_empty() {
            return Some(secret);
        }
    }
    let subprotocols = headers.get_all("sec-websocket-protocol").iter();
    let in_subprotocol = subprotocols
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .find_map(|item| {
            item.trim_ascii()
                .strip_prefix(CREDENTIAL_SUBPROTOCOL.as_bytes())
        })
        .filter(|key| !key.is_empty());
    if in_subprotocol.is_some() {
        return in_subprotocol;
    }
    query?
        .split('&')
        .find_map(|pair| pair.strip_prefix("key="))
        .map(str::as_bytes)
        .filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let plain = KeyConfig {
            name: "plain".into(),
            secret: Some(Secret::new("sk-plain-secret")),
            secret_sha256: None,
            guard: None,
        };
        let hashed = KeyConfig {
            name: "hashed".into(),
            secret: None,
            // printf %s sk-hashed-secret | sha256sum
            secret_sha256: Some(
                Sha256::digest("sk-hashed-secret")
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect(),
            ),
            guard: None,
        };
        Keys::new(&[plain, hashed], false)
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn a_key_is_found_in_every_place_that_sdks_put_it() {
        let keys = keys();
        for (name, value) in [
            ("x-sluicegate-api-key", "sk-plain-secret"),
            ("authorization", "Bearer sk-plain-secret"),
            ("authorization", "bearer  sk-plain-secret"),
            ("x-api-key", "sk-plain-secret"),
            ("x-goog-api-key", "sk-plain-secret"),
            ("api-key", "sk-plain-secret"),
            (
                "sec-websocket-protocol",
                "realtime, openai-insecure-api-key.sk-plain-secret, openai-beta.realtime-v1",
            ),
        ] {
            let found = keys.identify(&headers(name, value), None);
            assert_eq!(&*found.unwrap().key, "plain", "{name}");
        }
        let found = keys.identify(&HeaderMap::new(), Some("alt=sse&key=sk-hashed-secret"));
        assert_eq!(&*found.unwrap().key, "hashed");
    }

    #[test]
    fn no_key_and_a_wrong_key_are_told_apart() {
        let keys = keys();
        assert_eq!(
            keys.identify(&HeaderMap::new(), None),
            Err(Refusal::Missing)
        );
        let wrong = headers("authorization", "Bearer sk-wrong");
        assert_eq!(keys.identify(&wrong, None), Err(Refusal::Unknown));
        let basic = headers("authorization", "Basic c2stcGxhaW4tc2VjcmV0");
        assert_eq!(keys.identify(&basic, None), Err(Refusal::Missing));
    }

    #[test]
    fn our_own_header_goes_before_the_native_one() {
        let mut both = headers("authorization", "Bearer provider-key-of-the-caller");
        both.insert("x-sluicegate-api-key", "sk-plain-secret".parse().unwrap());
        assert_eq!(&*keys().identify(&both, None).unwrap().key, "plain");
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::new("sk-1")), "Secret(…)");
    }
}
