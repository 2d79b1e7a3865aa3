//! Where providers live: endpoints, the pools they form, and the credentials to reach them.

use http::uri::Scheme;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::{
    problem::{Place, Problems},
    units::Duration,
};

pub mod aws;
pub mod azure;
pub mod credential;
pub mod fetch;
pub mod google;
pub mod pool;
pub mod tls;
pub mod token;

mod balance;
mod clock;
mod endpoint;
mod health;
mod latency;
mod outlier;
mod peer;
mod percent;
mod resolve;

/// The address of an API: scheme, host, port and the path that all calls share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether to speak TLS.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, 80 or 443 where the URL names none.
    pub port: u16,
    /// Path without a slash at the end: `/v1`, or empty.
    pub path: String,
}

impl BaseUrl {
    /// What goes into the `host` header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = |why: &str| {
            format!("`{text}` is no base URL ({why}); write it as https://api.example.com/v1")
        };
        let uri: http::Uri = text.parse().map_err(|e| help(&format!("{e}")))?;
        let tls = match uri.scheme() {
            Some(s) if *s == Scheme::HTTPS => true,
            Some(s) if *s == Scheme::HTTP => false,
            _ => return Err(help("it must begin with http:// or https://")),
        };
        if uri.query().is_some() {
            return Err(help("a query has no place in it"));
        }
        let authority = uri.authority().ok_or_else(|| help("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(help("put credentials into `api_key`"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(help("it has no host"));
        }
        Ok(Self {
            tls,
            host,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl<'de> Deserialize<'de> for BaseUrl {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for BaseUrl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BaseUrl".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^https?://",
            "description": "The address of an API: https://api.example.com/v1"
        })
    }
}

/// One of several servers behind a provider's name.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Base URL of this server's API.
    pub url: BaseUrl,
    /// Share of the traffic against the other endpoints.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: usize,
}

const fn one() -> usize {
    1
}

/// How a pool chooses among its healthy endpoints.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight for its weight.
    LeastBusy,
    /// By a hash of the conversation's beginning, so that the same prefix finds the same prompt cache (Ketama).
    ConsistentHash,
    /// The one with the lowest peak-sensitive moving average of latency times load (peak EWMA).
    Latency,
}

/// Active health checks of each endpoint.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// Path to ask for with GET; any 2xx answer is healthy. Without it a TCP connection is enough.
    #[serde(default)]
    pub http: Option<String>,
    /// Time between two checks.
    #[serde(default = "HealthConfig::interval")]
    pub interval: Duration,
    /// Time for one check.
    #[serde(default = "HealthConfig::timeout")]
    pub timeout: Duration,
    /// Failed checks in a row before an endpoint is taken out.
    #[serde(default = "HealthConfig::unhealthy_after")]
    #[schemars(range(min = 1))]
    pub unhealthy_after: usize,
    /// Good checks in a row before it is put back.
    #[serde(default = "HealthConfig::healthy_after")]
    #[schemars(range(min = 1))]
    pub healthy_after: usize,
}

impl HealthConfig {
    const fn interval() -> Duration {
        Duration::secs(5)
    }

    const fn timeout() -> Duration {
        Duration::secs(2)
    }

    const fn unhealthy_after() -> usize {
        3
    }

    const fn healthy_after() -> usize {
        1
    }

    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        if let Some(path) = &self.http
            && !path.starts_with('/')
        {
            problems.add(at.key("http"), "a health path begins with `/`");
        }
        if self.interval.get() < std::time::Duration::from_millis(50) {
            problems.add(at.key("interval"), "must be at least 50ms");
        }
        for (key, value) in [
            ("unhealthy_after", self.unhealthy_after),
            ("healthy_after", self.healthy_after),
        ] {
            if value == 0 {
                problems.add(at.key(key), "must be at least 1");
            }
        }
    }
}

/// Passive health: endpoints that fail real requests are ejected for a while.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct OutlierConfig {
    /// Failures in a row that eject an endpoint; 0 switches this rule off.
    pub consecutive_failures: u32,
    /// Share of failed requests within `window` that ejects an endpoint; 1 or more switches this rule off.
    #[schemars(range(min = 0.0))]
    pub error_ratio: f64,
    /// Requests within `window` before `error_ratio` counts.
    pub min_requests: u32,
    /// Length of the window for `error_ratio`.
    pub window: Duration,
    /// How long the first ejection lasts; each further one doubles it.
    pub ejection: Duration,
    /// The longest ejection.
    pub max_ejection: Duration,
    /// The largest share of a pool that may be ejected at once, in percent.
    #[schemars(range(max = 100))]
    pub max_ejected_percent: u32,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            error_ratio: 0.5,
            min_requests: 20,
            window: Duration::secs(30),
            ejection: Duration::secs(10),
            max_ejection: Duration::secs(300),
            max_ejected_percent: 50,
        }
    }
}

impl OutlierConfig {
    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        if !(0.0..).contains(&self.error_ratio) {
            problems.add(at.key("error_ratio"), "must be between 0 and 1");
        }
        if self.max_ejected_percent > 100 {
            problems.add(at.key("max_ejected_percent"), "must be at most 100");
        }
        if self.window.is_zero() {
            problems.add(at.key("window"), "must be longer than nothing");
        }
    }
}

/// How to trust an upstream, and how to show who we are.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTls {
    /// PEM file with the certificates to trust instead of the system's.
    pub ca: Option<String>,
    /// PEM file with our certificate chain, for upstreams that ask for one.
    pub cert: Option<String>,
    /// PEM file with the private key to `cert`.
    pub key: Option<String>,
    /// Host name to ask for and to verify instead of the one in the URL.
    pub server_name: Option<String>,
}

impl UpstreamTls {
    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        if self.cert.is_some() != self.key.is_some() {
            problems.add(at.clone(), "`cert` and `key` go together");
        }
        if self.server_name.as_deref() == Some("") {
            problems.add(
                at.key("server_name"),
                "an empty name would switch verification off; leave the key out",
            );
        }
    }
}

/// Which HTTP version to speak to an upstream.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum HttpVersion {
    /// HTTP/2 where TLS negotiates it, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; without TLS with prior knowledge (h2c).
    Http2,
}

/// Limits on the time that an upstream may take.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For the connection including TLS.
    pub connect: Duration,
    /// From the request to the first content of the answer. Models that think answer late.
    pub first_byte: Duration,
    /// Between two pieces of an answer that has begun.
    pub idle: Duration,
    /// For one attempt as a whole.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::secs(5),
            first_byte: Duration::secs(300),
            idle: Duration::secs(120),
            total: Duration::secs(3600),
        }
    }
}

impl Timeouts {
    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        for (key, value) in [
            ("connect", self.connect),
            ("first_byte", self.first_byte),
            ("idle", self.idle),
            ("total", self.total),
        ] {
            if value.is_zero() {
                problems.add(at.key(key), "must be longer than nothing");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_taken_apart() {
        let url: BaseUrl = "https://api.openai.com/v1/".parse().unwrap();
        assert_eq!(
            (url.tls, url.host.as_str(), url.port, url.path.as_str()),
            (true, "api.openai.com", 443, "/v1")
        );
        assert_eq!(url.authority(), "api.openai.com");
        let url: BaseUrl = "http://[::1]:9100".parse().unwrap();
        assert_eq!((url.host.as_str(), url.path.as_str()), ("::1", ""));
        assert_eq!(url.authority(), "[::1]:9100");
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_the_reason() {
        for bad in [
            "api.openai.com/v1",
            "ftp://x",
            "https://",
            "https://user:pw@x/v1",
            "https://x/v1?key=1",
            "",
        ] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }
}
