//! The configuration file: each section composed from the module that owns it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::{
    auth::KeyConfig,
    guard::{rule::RuleFile, settings::GuardsConfig},
    limits::LimitsConfig,
    problem::{Place, Problems, choices, nearest},
    provider::{Kind, OnUnsupported, ProviderConfig},
    routing::{RetryConfig, RouteConfig},
    telemetry::TelemetryConfig,
    units::Duration,
};

mod fill;
pub mod load;
mod misread;
pub mod models;
pub mod rules;
pub mod schema;
pub mod snapshot;
mod tree;
mod typed;
mod yaml;

/// A whole configuration file.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where clients connect.
    #[serde(default)]
    pub server: ServerConfig,
    /// Where operators connect: health and metrics.
    #[serde(default)]
    pub admin: AdminConfig,
    /// Limits on what clients may send.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// The keys that callers may use.
    #[serde(default)]
    pub keys: Vec<KeyConfig>,
    /// The providers, by the name that stands before the slash in `provider/model`.
    #[serde(default)]
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Names that clients may use as a model.
    #[serde(default)]
    pub routes: BTreeMap<String, RouteConfig>,
    /// Retries for models that are asked for without a route, and for routes without `retry`.
    #[serde(default)]
    pub retry: RetryConfig,
    /// Files with models to add to the built-in catalogue, or to replace there; see docs/MODELS.md.
    #[serde(default)]
    pub models: Vec<String>,
    /// What to do with what a model cannot do of a request: `error` before the call, or `drop` it and say so in the
    /// header `x-sluicegate-dropped`.
    #[serde(default)]
    pub on_unsupported: OnUnsupported,
    /// What is looked for in requests and answers, and what is done with it; see docs/GUARDS.md.
    #[serde(default)]
    pub guards: GuardsConfig,
    /// Logs.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// Where and how clients connect. Changes of `listen`, `workers` and `upgrade_socket` need a restart.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Addresses to listen on: `127.0.0.1:8080`, or a mapping with `address` and `tls`.
    pub listen: Vec<ListenConfig>,
    /// Threads that carry requests; 0 is one for each core.
    pub workers: usize,
    /// Admit callers without a known key.
    pub anonymous: bool,
    /// Networks of proxies and API gateways whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<Network>,
    /// A path prefix that an API gateway in front leaves on the requests, such as `/ai`.
    pub path_prefix: String,
    /// A stream that is silent for so long gets a sign of life, so that nothing between here and the client thinks it
    /// dead; 0 for none. Streams that have not brought content yet wait for `early_heartbeat`.
    pub heartbeat: Duration,
    /// The same for streams without content so far, counted from the beginning of the request; 0 for none. The price: the
    /// answer has begun then, so a provider that fails afterwards is told in the stream, and no other is asked.
    pub early_heartbeat: Duration,
    /// How long running requests may go on after SIGTERM.
    pub drain: Duration,
    /// Socket over which a new process takes the listeners over from an old one (`--upgrade`, then SIGQUIT to the old).
    pub upgrade_socket: String,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![ListenConfig::plain(SocketAddr::from((
                [127, 0, 0, 1],
                8080,
            )))],
            workers: 0,
            anonymous: false,
            trusted_proxies: Vec::new(),
            path_prefix: String::new(),
            heartbeat: Duration::secs(15),
            early_heartbeat: Duration::secs(0),
            drain: Duration::secs(600),
            upgrade_socket: "/tmp/sluicegate-upgrade.sock".to_owned(),
        }
    }
}

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(with = "ListenForm")]
pub struct ListenConfig {
    /// Address and port.
    pub address: SocketAddr,
    /// Certificate, for TLS with HTTP/2 and HTTP/1.1. Without it: HTTP/1.1 and h2c.
    pub tls: Option<ListenTls>,
}

impl ListenConfig {
    /// A listener without TLS.
    pub const fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// The two ways to write a listener, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes what `ListenConfig` accepts")]
enum ListenForm {
    /// `127.0.0.1:8080`
    Plain(String),
    /// With TLS.
    Full(ListenMapping),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListenMapping {
    /// Address and port, such as `0.0.0.0:8443`.
    #[schemars(with = "String")]
    address: SocketAddr,
    /// Certificate and key.
    #[serde(default)]
    tls: Option<ListenTls>,
}

/// The certificate of a listener.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ListenTls {
    /// PEM file with the certificate chain.
    pub cert: String,
    /// PEM file with the private key.
    pub key: String,
}

impl<'de> Deserialize<'de> for ListenConfig {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ListenConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str(
                    "an address such as `127.0.0.1:8080` or a mapping with `address` and `tls`",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ListenConfig, E> {
                text.parse().map(ListenConfig::plain).map_err(|_| {
                    E::custom(format!(
                        "`{text}` is no address; write it as 127.0.0.1:8080"
                    ))
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ListenConfig, A::Error> {
                let form = ListenMapping::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(ListenConfig {
                    address: form.address,
                    tls: form.tls,
                })
            }
        }
        input.deserialize_any(Visitor)
    }
}

/// A network such as `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema)]
#[schemars(with = "String")]
pub struct Network(pub IpNet);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
            .map(Self)
            .map_err(|_| {
                de::Error::custom(format!("`{text}` is no network; write it as 10.0.0.0/8"))
            })
    }
}

/// Where operators connect.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Address for `/livez`, `/readyz` and `/metrics`. Keep it off public networks.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
        }
    }
}

impl Config {
    /// The configuration of `sluicegate demo`: the demo provider alone, open to everyone who reaches it.
    pub fn demo() -> Self {
        serde_json::from_value(serde_json::json!({
            "server": { "anonymous": true },
            "providers": { "demo": { "kind": "demo" } },
            "routes": { "demo": { "targets": ["demo/demo"] } },
        }))
        .expect("a constant, loaded by a test")
    }

    /// Everything that is wrong beyond the types: names that lead nowhere, values that cannot work.
    pub fn check(&self) -> Problems {
        let mut problems = Problems::default();
        let root = Place::default();
        self.check_server(&root.key("server"), &mut problems);
        self.limits.check(&root.key("limits"), &mut problems);
        self.check_keys(&root.key("keys"), &mut problems);
        for (name, provider) in &self.providers {
            let at = root.key("providers").key(name);
            if !is_name(name) {
                problems.add(
                    at.clone(),
                    "a provider's name has letters, digits, `-` and `_` only",
                );
            }
            provider.check(&at, &mut problems);
            self.check_circle(&at, provider, &mut problems);
        }
        if self.providers.is_empty() {
            problems.add(
                root.key("providers"),
                "no provider is defined, so nothing could be answered",
            );
        }
        for (name, route) in &self.routes {
            self.check_route(&root.key("routes").key(name), name, route, &mut problems);
        }
        self.retry.check(&root.key("retry"), &mut problems);
        self.check_guards(&root.key("guards"), &mut problems);
        problems
    }

    fn check_guards(&self, at: &Place, problems: &mut Problems) {
        let mut own = Vec::new();
        for (n, path) in self.guards.rules.iter().enumerate() {
            match rules::load(std::path::Path::new(path)) {
                Ok(file) => own.push(file),
                Err(findings) => {
                    for finding in findings.0 {
                        problems.add(at.key("rules").index(n), finding.to_string());
                    }
                }
            }
        }
        let files: Vec<&RuleFile> = rules::builtin().iter().chain(&own).collect();
        self.guards.check(&files, at, problems);
        for (name, judge) in &self.guards.judges {
            if let Some(model) = &judge.model {
                let place = at.key("judges").key(name).key("model");
                self.check_target(place, model, problems);
            }
        }
        let root = Place::default();
        for (n, key) in self.keys.iter().enumerate() {
            if let Some(name) = &key.guard {
                let place = root.key("keys").index(n).key("guard");
                self.guards.check_name(name, &place, problems);
            }
        }
        for (name, route) in &self.routes {
            if let Some(guard) = &route.guard {
                let place = root.key("routes").key(name).key("guard");
                self.guards.check_name(guard, &place, problems);
            }
        }
    }

    /// The guard profiles that keys and routes name.
    pub fn named_guards(&self) -> Vec<&str> {
        let keys = self.keys.iter().filter_map(|key| key.guard.as_deref());
        let routes = self.routes.values().filter_map(|r| r.guard.as_deref());
        keys.chain(routes).collect()
    }

    fn check_server(&self, at: &Place, problems: &mut Problems) {
        let server = &self.server;
        if server.listen.is_empty() {
            problems.add(at.key("listen"), "needs at least one address");
        }
        for (n, listener) in server.listen.iter().enumerate() {
            if server.listen[..n]
                .iter()
                .any(|l| l.address == listener.address)
            {
                problems.add(at.key("listen").index(n), "this address stands here twice");
            }
        }
        if server
            .listen
            .iter()
            .any(|l| l.address == self.admin.listen && l.address.port() != 0)
        {
            problems.add(
                Place::default().key("admin").key("listen"),
                "clients connect to this address already; the admin listener needs its own",
            );
        }
        let prefix = &server.path_prefix;
        if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/')) {
            problems.add(
                at.key("path_prefix"),
                "begins with `/` and does not end with it",
            );
        }
        if server.workers > 1024 {
            problems.add(at.key("workers"), "must be at most 1024");
        }
    }

    /// An endpoint at the gateway's own address would send requests round in a circle.
    fn check_circle(&self, at: &Place, provider: &ProviderConfig, problems: &mut Problems) {
        if provider.kind == Kind::Demo {
            return;
        }
        for endpoint in provider.all_endpoints() {
            let host = endpoint.url.host.parse::<IpAddr>().ok();
            let is_local =
                endpoint.url.host == "localhost" || host.is_some_and(|h| h.is_loopback());
            let circle = |listener: &ListenConfig| {
                let own = listener.address;
                own.port() == endpoint.url.port
                    && (Some(own.ip()) == host
                        || is_local && (own.ip().is_loopback() || own.ip().is_unspecified()))
            };
            if self.server.listen.iter().any(circle) {
                problems.add(
                    at.clone(),
                    format!(
                        "{} is the gateway's own address (`server.listen`)",
                        endpoint.url.authority()
                    ),
                );
            }
        }
    }

    fn check_keys(&self, at: &Place, problems: &mut Problems) {
        for (n, key) in self.keys.iter().enumerate() {
            key.check(&at.index(n), problems);
            if self.keys[..n].iter().any(|k| k.name == key.name) {
                problems.add(
                    at.index(n).key("name"),
                    format!("two keys have the name `{}`", key.name),
                );
            }
        }
        if self.keys.is_empty() && !self.server.anonymous {
            problems.add(
                at.clone(),
                "no key is defined, so nobody could call; add one, or set `server.anonymous: true`",
            );
        }
    }

    fn check_route(&self, at: &Place, name: &str, route: &RouteConfig, problems: &mut Problems) {
        if !crate::protocol::is_sane_model(name) {
            problems.add(
                at.clone(),
                "a route's name has letters, digits and `-_.:/@+` only",
            );
        }
        if let Some((provider, _)) = name.split_once('/')
            && self.providers.contains_key(provider)
        {
            problems.add(
                at.clone(),
                format!("hides the models of provider `{provider}`"),
            );
        }
        if route.targets.is_empty() {
            problems.add(at.key("targets"), "a route needs at least one target");
        }
        let weighted = route
            .targets
            .iter()
            .filter(|t| t.weight().is_some())
            .count();
        if weighted != 0 && weighted != route.targets.len() {
            problems.add(
                at.key("targets"),
                "either every target has a weight, or none",
            );
        }
        if weighted != 0 && route.targets.iter().all(|t| t.weight() == Some(0)) {
            problems.add(at.key("targets"), "all weights are 0");
        }
        for (n, target) in route.targets.iter().enumerate() {
            let mut place = at.key("targets").index(n);
            if target.weight().is_some() {
                place = place.key("model");
            }
            self.check_target(place, target.model(), problems);
        }
        if let Some(retry) = &route.retry {
            retry.check(&at.key("retry"), problems);
        }
    }

    fn check_target(&self, at: Place, target: &str, problems: &mut Problems) {
        let names = || self.providers.keys().map(String::as_str);
        let Some((provider, model)) = target.split_once('/') else {
            problems.add(
                at,
                format!("`{target}` is no target; write it as `provider/model`"),
            );
            return;
        };
        if !self.providers.contains_key(provider) {
            let hint = match nearest(provider, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("defined: {}", choices(names())),
            };
            problems.add(at, format!("no provider has the name `{provider}`; {hint}"));
        } else if !crate::protocol::is_sane_model(model) {
            problems.add(at, format!("`{model}` is no model name"));
        }
    }

    /// Whether any provider is the built-in one.
    pub fn has_demo(&self) -> bool {
        self.providers.values().any(|p| p.kind == Kind::Demo)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
