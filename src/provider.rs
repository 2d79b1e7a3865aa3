//! Who answers: the kinds of provider, their presets, and what each needs in a request.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use pingora::{connectors::http::Connector, http::RequestHeader};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{
    auth::Secret,
    catalogue::Model,
    problem::{Place, Problems, choices},
    protocol::{Call, Dialect, Operation, Realtime},
    units::Duration,
    upstream::{
        Balance, BaseUrl, EndpointConfig, HealthConfig, HttpVersion, OutlierConfig, Timeouts,
        UpstreamTls,
        aws::AwsCredentials,
        azure::EntraCredentials,
        credential::Credentials,
        fetch::fetch_token,
        pool::{Pool, PoolConfig},
        token::TokenSource,
    },
};

pub mod anthropic;
pub mod azure;
pub mod bedrock;
pub mod cohere;
pub mod demo;
pub mod gemini;
pub mod openai;
pub mod vertex;

/// What a kind of provider needs in a request; the codecs do the rest. One is built for each provider of a configuration.
pub trait Provider: Send + Sync {
    /// What to ask it for when a client asks for `asked`: the same where it speaks that, and the client's own bytes pass;
    /// else what to convert to; `None` if it has nothing of the kind.
    fn offers(&self, asked: Operation, wish: &Wish) -> Option<Operation>;

    /// The path to ask for below `base_path` (the path of the base URL, without a slash at its end), with the query
    /// that it needs by itself.
    fn path(&self, call: &Call, base_path: &str, wish: &Wish) -> String;

    /// The path of a realtime API below `base_path`, with the query that it needs by itself; `None` if it has none. The
    /// model is empty where the client does not name it before the socket is open.
    fn realtime(&self, _realtime: Realtime, _base_path: &str, _model: &str) -> Option<String> {
        None
    }

    /// Puts the credential, and headers that the API insists on, into a request whose other headers are set.
    ///
    /// # Errors
    /// If the credential cannot stand in a header, or the request cannot be signed.
    fn authorize(
        &self,
        request: &mut RequestHeader,
        key: Option<&Secret>,
        body: &[u8],
    ) -> pingora::Result<()>;

    /// Where the vendor's own API lives.
    fn base_url(&self) -> Option<String>;

    /// Whether the vendor's own API wants a key.
    fn needs_key(&self) -> bool {
        true
    }

    /// Where its short-lived tokens come from, if it wants such.
    fn tokens(&self) -> Option<&Arc<TokenSource>> {
        None
    }

    /// The model's name in requests, where the provider has names of its own for the models (Azure's deployments).
    fn model_name<'a>(&'a self, model: &'a str) -> &'a str {
        model
    }

    /// A last change of a body that is written for `operation`, native ones included.
    fn finish_body(&self, _operation: Operation, body: Bytes) -> Bytes {
        body
    }

    /// Whether it knows a flag of `anthropic-beta`. Clouds refuse flags that they do not know.
    /// <https://docs.anthropic.com/en/api/beta-headers>
    fn takes_beta(&self, _flag: &str) -> bool {
        true
    }
}

/// A value as it may stand in a query.
pub fn query_value(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// What else decides what a provider is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The model's name at the provider.
    pub model: &'a str,
    /// What the catalogue knows of it.
    pub known: Option<&'a Model>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
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
    /// Amazon Bedrock.
    Bedrock,
    /// Cohere.
    Cohere,
    /// OpenAI's models at Microsoft Azure.
    Azure,
    /// Gemini and Claude at Google Vertex AI.
    Vertex,
    /// The stand-in inside this binary: speaks all dialects, needs no key and no network.
    Demo,
}

impl Kind {
    /// The name in the configuration and in the catalogue of models.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
            Self::Azure => "azure",
            Self::Vertex => "vertex",
            Self::Demo => "demo",
        }
    }

    /// The implementation: the one list of all kinds.
    ///
    /// # Errors
    /// With a text for the operator: what is missing or wrong in the section.
    pub fn build(self, config: &ProviderConfig) -> Result<Box<dyn Provider>, Wrong> {
        Ok(match self {
            Self::Openai => Box::new(openai::OpenAi::new(config)),
            Self::Anthropic => Box::new(anthropic::Anthropic),
            Self::Gemini => Box::new(gemini::Gemini),
            Self::Bedrock => Box::new(bedrock::Bedrock::new(config)?),
            Self::Cohere => Box::new(cohere::Cohere),
            Self::Azure => Box::new(azure::Azure::new(config)?),
            Self::Vertex => Box::new(vertex::Vertex::new(config)?),
            Self::Demo => Box::new(demo::Demo),
        })
    }
}

/// What is wrong in the section of a provider: the key, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub &'static str, pub String);

/// Which of OpenAI's two APIs chats are converted to that come in another dialect.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ChatApi {
    /// `/chat/completions`, which every vendor has.
    #[default]
    Chat,
    /// `/responses`, which keeps the reasoning of OpenAI's models over the turns of a tool loop.
    Responses,
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
    /// Which API chats are converted to that come in another dialect (`openai`, `azure`); models that the catalogue
    /// knows to have one of them only are asked by that one.
    #[serde(default)]
    pub chat_api: ChatApi,
    /// Whether it has `/responses`; the preset knows for known vendors. Without it, clients of that API are converted.
    #[serde(default)]
    pub responses: Option<bool>,
    /// What to do with what a model cannot do of a request, instead of the `on_unsupported` for all.
    #[serde(default)]
    pub on_unsupported: Option<OnUnsupported>,
    /// Region of the cloud (`bedrock`), such as `us-east-1`.
    #[serde(default)]
    pub region: Option<String>,
    /// Access key to sign requests with (`bedrock`), instead of an `api_key`.
    #[serde(default)]
    pub aws: Option<AwsCredentials>,
    /// Version of the API (`azure`), such as `2024-10-21`; without it the `/openai/v1` API, which has none.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Names of the deployments by model (`azure`), where they differ.
    #[serde(default)]
    pub deployments: BTreeMap<String, String>,
    /// Application to ask for tokens with (`azure`), instead of an `api_key`.
    #[serde(default)]
    pub entra: Option<EntraCredentials>,
    /// Project (`vertex`); without it that of the credentials.
    #[serde(default)]
    pub project: Option<String>,
    /// Location (`vertex`), such as `europe-west4`; without it `global`.
    #[serde(default)]
    pub location: Option<String>,
    /// Credentials (`vertex`): the JSON of a service account or of gcloud, usually as `file:/path`, or `metadata` for
    /// the machine's own.
    #[serde(default)]
    pub google: Option<Secret>,
    /// Flags of `anthropic-beta` that may go to a cloud (`bedrock`, `vertex`), beside those that are known to work.
    #[serde(default)]
    pub anthropic_betas: Vec<String>,
    /// Whether it understands `stream_options.include_usage`; the preset knows for known vendors.
    #[serde(default)]
    pub stream_usage: Option<bool>,
    /// How often host names are looked up again.
    #[serde(default = "ProviderConfig::dns_refresh")]
    pub dns_refresh: Duration,
}

/// What to do with what a target cannot do of a request.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OnUnsupported {
    /// An error before the call.
    #[default]
    Error,
    /// Leave it out, and say so in `x-sluicegate-dropped`.
    Drop,
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
        let builtin = || self.kind.build(self).ok()?.base_url();
        let url = self.base_url.clone().or_else(|| builtin()?.parse().ok());
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
        let provider = self.kind.build(self);
        if let Err(Wrong(key, what)) = &provider {
            problems.add(at.key(*key), what.clone());
        }
        let keyless = provider.is_ok_and(|p| !p.needs_key());
        self.check_kind(at, problems);
        if let Some(aws) = &self.aws {
            aws.check(&at.key("aws"), problems);
        }
        if let Some(entra) = &self.entra {
            entra.check(&at.key("entra"), problems);
        }
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

    /// Keys that belong to some kinds only.
    fn check_kind(&self, at: &Place, problems: &mut Problems) {
        let rows: [(&str, bool, &[Kind]); 11] = [
            ("preset", self.preset.is_some(), &[Kind::Openai]),
            ("responses", self.responses.is_some(), &[Kind::Openai]),
            (
                "chat_api",
                self.chat_api != ChatApi::Chat,
                &[Kind::Openai, Kind::Azure],
            ),
            ("region", self.region.is_some(), &[Kind::Bedrock]),
            ("aws", self.aws.is_some(), &[Kind::Bedrock]),
            ("api_version", self.api_version.is_some(), &[Kind::Azure]),
            ("deployments", !self.deployments.is_empty(), &[Kind::Azure]),
            ("entra", self.entra.is_some(), &[Kind::Azure]),
            ("project", self.project.is_some(), &[Kind::Vertex]),
            ("location", self.location.is_some(), &[Kind::Vertex]),
            ("google", self.google.is_some(), &[Kind::Vertex]),
        ];
        for (key, given, kinds) in rows {
            if given && !kinds.contains(&self.kind) {
                problems.add(
                    at.key(key),
                    format!(
                        "belongs to `kind:` {}",
                        choices(kinds.iter().map(|k| k.name()))
                    ),
                );
            }
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
    pub provider: Box<dyn Provider>,
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
    tasks: [Option<AbortHandle>; 2],
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
        let provider = config
            .kind
            .build(config)
            .map_err(|Wrong(key, what)| format!("{key}: {what}"))?;
        let tokens = provider
            .tokens()
            .map(|tokens| runtime.spawn(refresh(tokens.clone())).abort_handle());
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
            provider,
            credentials: Credentials::new(config.all_keys()),
            asks_stream_usage: config.asks_stream_usage(),
            headers: config.headers.iter().filter_map(header).collect(),
            forward_headers: config
                .forward_headers
                .iter()
                .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
                .collect(),
            config: config.clone(),
            tasks: [
                Some(runtime.spawn(pool.clone().run()).abort_handle()),
                tokens,
            ],
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

    /// What to ask it for, when a client asks for `asked`.
    pub fn offers(&self, asked: Operation, wish: &Wish) -> Option<Operation> {
        self.provider.offers(asked, wish)
    }

    /// Under which name the catalogue has its models.
    pub fn catalogue_name(&self) -> &'static str {
        match self.config.preset {
            Some(preset) => preset.name(),
            None => self.config.kind.name(),
        }
    }

    /// The dialect of its own API, as far as the gateway's clients speak it.
    pub fn dialect(&self) -> Dialect {
        match self.config.kind {
            Kind::Anthropic => Dialect::Anthropic,
            Kind::Gemini | Kind::Vertex => Dialect::Gemini,
            _ => Dialect::OpenAi,
        }
    }

    /// Whether a flag of `anthropic-beta` may go there.
    pub fn takes_beta(&self, flag: &str) -> bool {
        self.provider.takes_beta(flag) || self.config.anthropic_betas.iter().any(|b| b == flag)
    }
}

/// Keeps a provider's tokens fresh.
async fn refresh(tokens: Arc<TokenSource>) {
    let connector = Connector::new(None);
    let fetch = |request| fetch_token(&connector, request);
    tokens.run(fetch).await;
}

impl Drop for Upstream {
    fn drop(&mut self) {
        for task in self.tasks.iter().flatten() {
            task.abort();
        }
    }
}
