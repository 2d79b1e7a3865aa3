//! Who answers: the kinds of provider, their presets, and what each needs in a request.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{
    auth::Secret,
    problem::{Place, Problems},
    protocol::{Call, Dialect},
    units::Duration,
    upstream::{
        Balance, BaseUrl, EndpointConfig, HealthConfig, HttpVersion, OutlierConfig, Timeouts,
        UpstreamTls,
        credential::Credentials,
        pool::{Pool, PoolConfig},
    },
};

pub mod anthropic;
pub mod demo;
pub mod gemini;
pub mod openai;

/// What a kind of provider needs in a request; the dialect does the rest.
pub trait Provider: Send + Sync {
    /// The dialects that it understands.
    fn dialects(&self) -> &'static [Dialect];

    /// The path and query to ask for below `base_path` (the path of the base URL, without a slash at its end).
    fn path(&self, call: &Call, base_path: &str, model: &str) -> String;

    /// Puts the credential, and headers that the API insists on, into a request.
    ///
    /// # Errors
    /// If the credential cannot stand in a header.
    fn authorize(&self, request: &mut RequestHeader, key: &Secret) -> pingora::Result<()>;

    /// Where the vendor's own API lives.
    fn base_url(&self) -> Option<&'static str>;

    /// Whether the vendor's own API wants a key.
    fn needs_key(&self) -> bool {
        true
    }
}

/// The kind of a provider: which API it speaks.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// OpenAI, and every server with an OpenAI-compatible API.
    Openai,
    /// Anthropic.
    Anthropic,
    /// Google Gemini.
    Gemini,
    /// The stand-in inside this binary: speaks all dialects, needs no key and no network.
    Demo,
}

impl Kind {
    /// The implementation: the one list of all kinds.
    pub fn provider(self) -> &'static dyn Provider {
        match self {
            Self::Openai => &openai::OpenAi,
            Self::Anthropic => &anthropic::Anthropic,
            Self::Gemini => &gemini::Gemini,
            Self::Demo => &demo::Demo,
        }
    }
}

/// One provider: which API, where, with which credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Which API it speaks.
    pub kind: Kind,
    /// A known OpenAI-compatible vendor or server: sets `base_url` and its quirks.
    #[serde(default)]
    pub preset: Option<openai::Preset>,
    /// Address of the API, where the kind or preset has none or another one is meant.
    #[serde(default)]
    pub base_url: Option<BaseUrl>,
    /// Several servers behind this name instead of one `base_url`.
    #[serde(default)]
    pub endpoints: Vec<EndpointConfig>,
    /// The credential.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// Several credentials, used in turn; one that is refused or limited rests for a while.
    #[serde(default)]
    pub api_keys: Vec<Secret>,
    /// How to choose among `endpoints`.
    #[serde(default)]
    pub balance: Balance,
    /// Active health checks.
    #[serde(default)]
    pub health: Option<HealthConfig>,
    /// Passive health: when failing requests eject an endpoint.
    #[serde(default)]
    pub outlier: OutlierConfig,
    /// Certificates.
    #[serde(default)]
    pub tls: UpstreamTls,
    /// HTTP version.
    #[serde(default)]
    pub http: HttpVersion,
    /// Time limits.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Headers to send with every request, such as `openai-organization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Further client headers to pass on, beside those that the dialect knows.
    #[serde(default)]
    pub forward_headers: Vec<String>,
    /// Whether it understands `stream_options.include_usage`; the preset knows for known vendors.
    #[serde(default)]
    pub stream_usage: Option<bool>,
    /// How often host names are looked up again.
    #[serde(default = "ProviderConfig::dns_refresh")]
    pub dns_refresh: Duration,
}

/// Headers that an operator must not set for all requests, since the gateway owns them.
const OWNED_HEADERS: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "content-encoding",
    "accept-encoding",
];

impl ProviderConfig {
    const fn dns_refresh() -> Duration {
        Duration::secs(30)
    }

    /// The endpoints: those given, or the one of `base_url`, preset or kind.
    pub fn all_endpoints(&self) -> Vec<EndpointConfig> {
        if !self.endpoints.is_empty() {
            return self.endpoints.clone();
        }
        let builtin = self.preset.map_or(self.kind.provider().base_url(), |p| {
            Some(p.quirks().base_url)
        });
        let url = self
            .base_url
            .clone()
            .or_else(|| builtin.and_then(|url| url.parse().ok()));
        url.map(|url| EndpointConfig { url, weight: 1 })
            .into_iter()
            .collect()
    }

    /// The credentials: `api_key` before `api_keys`.
    pub fn all_keys(&self) -> Vec<Secret> {
        self.api_key.iter().chain(&self.api_keys).cloned().collect()
    }

    /// Whether to ask for usage in OpenAI streams.
    pub fn asks_stream_usage(&self) -> bool {
        self.stream_usage
            .unwrap_or_else(|| self.preset.is_none_or(|p| p.quirks().stream_usage))
    }

    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        if self.preset.is_some() && self.kind != Kind::Openai {
            problems.add(at.key("preset"), "presets belong to `kind: openai`");
        }
        if self.base_url.is_some() && !self.endpoints.is_empty() {
            problems.add(
                at.key("base_url"),
                "give either `base_url` or `endpoints`, not both",
            );
        }
        if self.kind == Kind::Demo && (self.base_url.is_some() || !self.endpoints.is_empty()) {
            problems.add(
                at.clone(),
                "`kind: demo` lives inside the gateway and has no address",
            );
        }
        if self.api_key.is_some() && !self.api_keys.is_empty() {
            problems.add(
                at.key("api_key"),
                "give either `api_key` or `api_keys`, not both",
            );
        }
        for (key, list) in [
            ("api_key", self.api_key.as_slice()),
            ("api_keys", &self.api_keys),
        ] {
            for (n, secret) in list.iter().enumerate() {
                let place = if key == "api_key" {
                    at.key(key)
                } else {
                    at.key(key).index(n)
                };
                if secret.expose().is_empty() {
                    problems.add(place, "the key is empty (is a variable not set?)");
                } else if http::HeaderValue::from_str(secret.expose()).is_err() {
                    problems.add(place, "the key has characters that no header can carry");
                }
            }
        }
        let own_address = self.base_url.is_some() || !self.endpoints.is_empty();
        let keyless = self
            .preset
            .map_or(!self.kind.provider().needs_key(), |p| !p.quirks().needs_key);
        if !own_address && !keyless && self.all_keys().is_empty() {
            problems.add(at.clone(), "needs `api_key` or `api_keys`");
        }
        self.check_endpoints(at, problems);
        for name in self.headers.keys() {
            let place = at.key("headers").key(name);
            if OWNED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                problems.add(place, "this header is set by the gateway itself");
            } else if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                problems.add(place, "no header can have this name");
            }
        }
        for (n, name) in self.forward_headers.iter().enumerate() {
            let place = at.key("forward_headers").index(n);
            let lower = name.to_ascii_lowercase();
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                problems.add(place, "no header can have this name");
            } else if crate::auth::CREDENTIAL_HEADERS.contains(&lower.as_str())
                || lower == "cookie"
                || lower.starts_with("x-sluicegate-")
                || OWNED_HEADERS.contains(&lower.as_str())
            {
                problems.add(
                    place,
                    "credentials, cookies and the gateway's own headers never leave it",
                );
            }
        }
        if let Some(health) = &self.health {
            health.check(&at.key("health"), problems);
        }
        self.outlier.check(&at.key("outlier"), problems);
        self.tls.check(&at.key("tls"), problems);
        self.timeouts.check(&at.key("timeouts"), problems);
        if self.dns_refresh.get() < std::time::Duration::from_secs(1) {
            problems.add(at.key("dns_refresh"), "must be at least 1s");
        }
    }

    fn check_endpoints(&self, at: &Place, problems: &mut Problems) {
        for (n, endpoint) in self.endpoints.iter().enumerate() {
            let place = at.key("endpoints").index(n);
            if endpoint.weight == 0 || endpoint.weight > 1000 {
                problems.add(place.key("weight"), "must be between 1 and 1000");
            }
            let same = |other: &EndpointConfig| {
                (&other.url.host, other.url.port) == (&endpoint.url.host, endpoint.url.port)
            };
            if self.endpoints[..n].iter().any(same) {
                problems.add(
                    place.key("url"),
                    "another endpoint of this provider has the same host and port; raise its weight instead",
                );
            }
        }
    }
}

/// A provider as it runs: its pool, its credentials, and what it wants in every request.
pub struct Upstream {
    /// The name before the slash in `provider/model`.
    pub name: Arc<str>,
    /// What its kind needs in a request.
    pub provider: &'static dyn Provider,
    /// Its endpoints.
    pub pool: Arc<Pool>,
    /// Its credentials.
    pub credentials: Credentials,
    /// Whether to ask for usage in OpenAI streams.
    pub asks_stream_usage: bool,
    /// Headers to send with every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Client headers to pass on beside those of the dialect.
    pub forward_headers: Vec<HeaderName>,
    config: ProviderConfig,
    task: AbortHandle,
}

impl Upstream {
    /// Builds a checked provider and starts its name resolution and health checks on `runtime`.
    ///
    /// `demo` is where the built-in provider listens.
    ///
    /// # Errors
    /// With a text for the operator, if a certificate cannot be read.
    pub fn start(
        name: &str,
        config: &ProviderConfig,
        demo: Option<SocketAddr>,
        runtime: &Handle,
    ) -> Result<Arc<Self>, String> {
        let endpoints = match demo.filter(|_| config.kind == Kind::Demo) {
            Some(address) => vec![EndpointConfig {
                url: format!("http://{address}").parse()?,
                weight: 1,
            }],
            None => config.all_endpoints(),
        };
        let pool = Pool::new(PoolConfig {
            name: name.to_owned(),
            endpoints,
            balance: config.balance,
            health: config.health.clone(),
            outlier: config.outlier.clone(),
            tls: config.tls.clone(),
            http: config.http,
            timeouts: config.timeouts.clone(),
            dns_refresh: config.dns_refresh,
        })?;
        let header = |(name, value): (&String, &Secret)| {
            let mut value = HeaderValue::from_str(value.expose()).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        Ok(Arc::new(Self {
            name: name.into(),
            provider: config.kind.provider(),
            credentials: Credentials::new(config.all_keys()),
            asks_stream_usage: config.asks_stream_usage(),
            headers: config.headers.iter().filter_map(header).collect(),
            forward_headers: config
                .forward_headers
                .iter()
                .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
                .collect(),
            config: config.clone(),
            task: runtime.spawn(pool.clone().run()).abort_handle(),
            pool,
        }))
    }

    /// What it was built from.
    pub const fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// Whether building it anew would make no difference, so that it is kept over a reload, with its connections,
    /// health and cool-downs. Reads certificate files, if it has any.
    pub fn is_current(&self, section: &ProviderConfig) -> bool {
        self.config == *section && self.pool.matches(self.pool.config())
    }

    /// Whether it understands a dialect.
    pub fn speaks(&self, dialect: Dialect) -> bool {
        self.provider.dialects().contains(&dialect)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
