//! The door: who is calling from where, what for, and whether there is room.

use std::net::IpAddr;

use http::HeaderMap;
use pingora::{http::RequestHeader, proxy::Session};

use super::{Gateway, exchange::Exchange, screen};
use crate::{
    auth::Refusal,
    config::{Config, Network},
    error::{Failure, Kind},
    limits::{LimitsConfig, address::Open},
    protocol::{Ask, Lost, guess_dialect, recognise},
    telemetry::metrics::METRICS,
};

/// Reads the head of a request: its id, its sender, what it asks for; refuses heads over a limit.
pub fn enter(gateway: &Gateway, session: &mut Session, x: &mut Exchange) -> Result<(), Failure> {
    let snapshot = x.snapshot.clone();
    let config = &snapshot.config;
    let peer = session
        .client_addr()
        .and_then(|a| a.as_inet())
        .map(|a| a.ip().to_canonical());
    let head = session.req_header();
    x.request_id = request_id(&head.headers);
    x.method = head.method.clone();
    let path = strip_prefix(head.uri.path(), &config.server.path_prefix);
    x.path = path.chars().take(256).collect();
    x.dialect = guess_dialect(path, &head.headers);
    x.client = peer.map(|peer| client_address(peer, &head.headers, &config.server.trusted_proxies));
    check_size(head, &config.limits)?;
    if gateway.is_draining() {
        return Err(
            Failure::new(Kind::Draining, "the gateway is shutting down; try again")
                .retry_after(std::time::Duration::from_secs(1)),
        );
    }
    let ask = recognise(&head.method, path).map_err(|lost| match lost {
        Lost::NotFound(text) => Failure::new(Kind::NotFound, text),
        Lost::WrongMethod(allowed) => Failure::new(
            Kind::MethodNotAllowed,
            format!("{} is not possible here; use {allowed}", x.method),
        ),
    })?;
    match &ask {
        Ask::Call(call) => {
            x.dialect = call.operation.dialect();
            x.asked = call.operation.name();
            x.call = Some(call.clone());
        }
        Ask::Models(_) => x.asked = "models",
        Ask::Passage { .. } => x.asked = "passage",
        Ask::Realtime(realtime) => {
            x.dialect = realtime.dialect();
            x.asked = realtime.name();
        }
    }
    x.ask = Some(ask);
    take_place(gateway, config, x, Open::Requests)?;
    screen::head(session, x)
}

/// Finds out who is calling.
pub fn identify(session: &Session, x: &mut Exchange) -> Result<(), Failure> {
    let head = session.req_header();
    let principal = x.snapshot.keys.identify(&head.headers, head.uri.query());
    x.principal = Some(principal.map_err(|refusal| {
        Failure::new(
            Kind::Unauthenticated,
            match refusal {
                Refusal::Missing => {
                    "no API key was sent; send it as `Authorization: Bearer`, `x-api-key`, \
                     `x-goog-api-key` or `x-sluicegate-api-key`"
                }
                Refusal::Unknown => "the API key is not known to this gateway",
            },
        )
    })?);
    Ok(())
}

/// Counts the request (or its stream) against the limit of its address.
pub fn take_place(
    gateway: &Gateway,
    config: &Config,
    x: &mut Exchange,
    what: Open,
) -> Result<(), Failure> {
    let limits = &config.limits;
    let limit = match what {
        Open::Connections => limits.connections_per_address,
        Open::Requests => limits.requests_per_address,
        Open::Streams => limits.streams_per_address,
    };
    let Some(client) = x.client else {
        return Ok(());
    };
    match gateway.addresses().admit(client, what, limit) {
        Some(permit) => {
            x.permits.push(permit);
            Ok(())
        }
        None => {
            METRICS.refused.with_label_values(&[what.name()]).inc();
            Err(Failure::new(
                Kind::TooMany,
                format!(
                    "this address has {limit} {} open already, which is the limit",
                    what.name()
                ),
            )
            .retry_after(std::time::Duration::from_secs(1)))
        }
    }
}

/// The client's own id if it is a sane one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    headers
        .get("x-request-id")
        .and_then(|v| v.to_str().ok())
        .filter(sane)
        .map_or_else(
            || format!("req_{:016x}{:08x}", fastrand::u64(..), fastrand::u32(..)),
            str::to_owned,
        )
}

fn strip_prefix<'a>(path: &'a str, prefix: &str) -> &'a str {
    match path.strip_prefix(prefix) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The address that the nearest trusted proxy names: `x-forwarded-for` read from the right, as far as it is trusted.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|n| n.0.contains(&address));
    if trusted.is_empty() || !is_trusted(peer) {
        return peer;
    }
    let mut client = peer;
    let values: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .collect();
    for entry in values.iter().rev().flat_map(|v| v.rsplit(',')) {
        let Some(address) = parse_address(entry) else {
            break;
        };
        client = address;
        if !is_trusted(address) {
            break;
        }
    }
    client
}

fn parse_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let address: Option<IpAddr> = entry.parse().ok();
    address
        .or_else(|| Some(entry.parse::<std::net::SocketAddr>().ok()?.ip()))
        .map(|a| a.to_canonical())
}

fn check_size(head: &RequestHeader, limits: &LimitsConfig) -> Result<(), Failure> {
    let count = head.headers.len();
    let line = head.method.as_str().len() + head.raw_path().len();
    let size: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if count > limits.headers || line + size > limits.header.0 {
        return Err(Failure::new(
            Kind::HeaderTooLarge,
            format!(
                "the request has {count} headers of {} bytes; at most {} of {} bytes are taken",
                line + size,
                limits.headers,
                limits.header.0
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let trusted = [Network("10.0.0.0/8".parse().unwrap())];
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let outside = IpAddr::from([203, 0, 113, 9]);
        let real = IpAddr::from([198, 51, 100, 7]);
        for (peer, values, client) in [
            (outside, &["198.51.100.7"][..], outside),
            (proxy, &["198.51.100.7"][..], real),
            (proxy, &["1.2.3.4, 198.51.100.7, 10.0.0.2"][..], real),
            (proxy, &["1.2.3.4", "198.51.100.7:4711"][..], real),
            (
                proxy,
                &["[2001:db8::1]:443"][..],
                "2001:db8::1".parse().unwrap(),
            ),
            (proxy, &["garbage"][..], proxy),
            (proxy, &[][..], proxy),
        ] {
            assert_eq!(
                client_address(peer, &forwarded(values), &trusted),
                client,
                "{values:?}"
            );
        }
    }

    #[test]
    fn a_prefix_is_taken_off_at_a_slash_only() {
        assert_eq!(strip_prefix("/ai/v1/messages", "/ai"), "/v1/messages");
        assert_eq!(strip_prefix("/aiv1/messages", "/ai"), "/aiv1/messages");
        assert_eq!(strip_prefix("/v1/messages", ""), "/v1/messages");
    }

    #[test]
    fn a_request_id_is_kept_if_it_is_sane() {
        let with = |id: &str| {
            request_id(&HeaderMap::from_iter([(
                http::HeaderName::from_static("x-request-id"),
                id.parse().unwrap(),
            )]))
        };
        assert_eq!(with("abc-123"), "abc-123");
        assert!(with("a b\"c").starts_with("req_"));
        assert!(with(&"x".repeat(200)).starts_with("req_"));
    }
}
