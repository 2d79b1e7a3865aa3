//! All routes and providers of a configuration, and the way from a model's name to targets.

use std::{collections::BTreeMap, sync::Arc};

use super::{RetryConfig, RouteConfig};
use crate::{
    catalogue::{Catalogue, Model},
    error::{Failure, Kind},
    problem::{choices, nearest},
    protocol::{Dialect, Operation, Realtime, is_sane_model},
    provider::{self, OnUnsupported, Upstream, Wish},
};

/// A provider and the model to ask of it.
#[derive(Clone)]
pub struct Target {
    /// The provider.
    pub upstream: Arc<Upstream>,
    /// The model's name there.
    pub model: Arc<str>,
    /// What the catalogue knows of it.
    pub known: Option<Arc<Model>>,
    /// What to do with what it cannot do.
    pub on_unsupported: OnUnsupported,
}

impl Target {
    /// What to ask it for, when a client asks for `asked`.
    pub fn offers(&self, asked: Operation, stream: bool) -> Option<Operation> {
        self.upstream.offers(asked, &self.wish(stream))
    }

    /// What the provider must know of a request for this target.
    pub fn wish(&self, stream: bool) -> Wish<'_> {
        Wish {
            model: &self.model,
            known: self.known.as_deref(),
            stream,
        }
    }
}

/// The targets for one request, best first, and the rules for going on to the next.
pub struct Choice {
    /// The route's name, or [`DIRECT`].
    pub route: Arc<str>,
    /// Never empty.
    pub targets: Vec<Target>,
    /// When and how often to try again.
    pub retry: Arc<RetryConfig>,
    /// Whether the model's name stands in the configuration, and so may be a metric label.
    pub configured: bool,
}

/// The name of the route that a request takes without one.
pub const DIRECT: &str = "direct";

struct Route {
    name: Arc<str>,
    targets: Vec<Target>,
    /// As many as targets, or none.
    weights: Vec<u32>,
    retry: Arc<RetryConfig>,
}

/// Routes and providers by name.
pub struct Table {
    routes: BTreeMap<String, Route>,
    providers: BTreeMap<String, Arc<Upstream>>,
    direct: Arc<str>,
    retry: Arc<RetryConfig>,
    catalogue: Arc<Catalogue>,
    on_unsupported: OnUnsupported,
}

impl Table {
    /// Builds the table of a checked configuration.
    pub fn new(
        routes: &BTreeMap<String, RouteConfig>,
        providers: BTreeMap<String, Arc<Upstream>>,
        retry: &RetryConfig,
        catalogue: Arc<Catalogue>,
        on_unsupported: OnUnsupported,
    ) -> Self {
        let retry = Arc::new(retry.clone());
        let build = |(name, route): (&String, &RouteConfig)| {
            let target = |target: &super::TargetConfig| {
                let (provider, model) = target.model().split_once('/')?;
                let upstream = providers.get(provider)?.clone();
                Some(Target {
                    known: catalogue.find(upstream.catalogue_name(), model).cloned(),
                    model: model.into(),
                    on_unsupported: route
                        .on_unsupported
                        .or(upstream.config().on_unsupported)
                        .unwrap_or(on_unsupported),
                    upstream,
                })
            };
            let route = Route {
                name: name.as_str().into(),
                targets: route.targets.iter().filter_map(target).collect(),
                weights: route.targets.iter().filter_map(|t| t.weight()).collect(),
                retry: route
                    .retry
                    .as_ref()
                    .map_or_else(|| retry.clone(), |r| Arc::new(r.clone())),
            };
            (name.clone(), route)
        };
        Self {
            routes: routes.iter().map(build).collect(),
            providers,
            direct: DIRECT.into(),
            retry,
            catalogue,
            on_unsupported,
        }
    }

    /// The names of the routes.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(String::as_str)
    }

    /// The catalogue of models.
    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The providers by name.
    pub const fn providers(&self) -> &BTreeMap<String, Arc<Upstream>> {
        &self.providers
    }

    /// The targets for a model's name: a route, `provider/model`, or the bare name of a model of the one provider
    /// that is meant.
    ///
    /// # Errors
    /// [`Kind::ModelNotFound`] with what exists, or [`Kind::BadRequest`] if no target has the operation.
    pub fn choose(&self, model: &str, asked: Operation, stream: bool) -> Result<Choice, Failure> {
        if let Some(route) = self.routes.get(model) {
            return route.choose(asked.name(), |target| {
                target.offers(asked, stream).is_some()
            });
        }
        // A name with a slash is never tried elsewhere: a typo would send prompts to another vendor.
        let (upstream, name) = match model.split_once('/') {
            Some((provider, rest)) => (self.providers.get(provider), rest),
            None => (self.of_bare_name(model, asked.dialect()), model),
        };
        let upstream = upstream.ok_or_else(|| self.unknown(model))?;
        let target = Target {
            known: self
                .catalogue
                .find(upstream.catalogue_name(), name)
                .cloned(),
            upstream: upstream.clone(),
            model: name.into(),
            on_unsupported: upstream
                .config()
                .on_unsupported
                .unwrap_or(self.on_unsupported),
        };
        if target.offers(asked, stream).is_none() {
            return Err(cannot(model, asked.name()));
        }
        Ok(Choice {
            route: self.direct.clone(),
            targets: vec![target],
            retry: self.retry.clone(),
            configured: false,
        })
    }

    /// The targets for a WebSocket. Without a model, which is then named in the first message, it is the provider of
    /// the client's dialect: a socket that is open cannot be sent elsewhere.
    ///
    /// # Errors
    /// [`Kind::ModelNotFound`] with what exists, or [`Kind::Unsupported`] if no target has the API.
    pub fn choose_realtime(
        &self,
        realtime: Realtime,
        model: Option<&str>,
    ) -> Result<Choice, Failure> {
        let offers = |target: &Target| {
            let provider = &target.upstream.provider;
            provider.realtime(realtime, "", &target.model).is_some()
        };
        if let Some(route) = model.and_then(|model| self.routes.get(model)) {
            return route.choose(realtime.name(), offers);
        }
        let dialect = realtime.dialect();
        let (upstream, name) = match model {
            None => (self.native(dialect), ""),
            Some(model) => match model.split_once('/') {
                Some((provider, rest)) => (self.providers.get(provider), rest),
                None => (self.of_bare_name(model, dialect), model),
            },
        };
        let upstream = match (upstream, model) {
            (Some(upstream), _) => upstream,
            (None, Some(model)) => return Err(self.unknown(model)),
            (None, None) => return Err(cannot(dialect.name(), realtime.name())),
        };
        let choice = self.direct(upstream.clone(), name);
        if !choice.targets.iter().all(offers) {
            return Err(cannot(model.unwrap_or(&upstream.name), realtime.name()));
        }
        if model.is_some() && !is_sane_model(name) {
            let text = "the model's name has characters that no name has";
            return Err(Failure::new(Kind::BadRequest, text).param("model"));
        }
        Ok(choice)
    }

    /// One provider, for requests that name it by their path.
    pub fn direct(&self, upstream: Arc<Upstream>, model: &str) -> Choice {
        Choice {
            route: self.direct.clone(),
            targets: vec![Target {
                known: self
                    .catalogue
                    .find(upstream.catalogue_name(), model)
                    .cloned(),
                on_unsupported: self.on_unsupported,
                model: model.into(),
                upstream,
            }],
            retry: self.retry.clone(),
            configured: false,
        }
    }

    /// The provider for a bare name: that of the client's own dialect, unless the catalogue knows the model as another
    /// vendor's and not as its. So an application that changes nothing but its base URL finds its models, and one that
    /// names another vendor's model finds that.
    fn of_bare_name(&self, model: &str, dialect: Dialect) -> Option<&Arc<Upstream>> {
        let native = self.native(dialect);
        let knows = |upstream: &Arc<Upstream>| {
            self.catalogue
                .find(upstream.catalogue_name(), model)
                .is_some()
        };
        if native.is_some_and(knows) {
            return native;
        }
        let mut others = self.providers.iter().filter(|(_, u)| knows(u));
        let (first, second) = (others.next(), others.next());
        match (first, second) {
            (None, _) => native,
            (Some((_, only)), None) => Some(only),
            // Several have it: the one that is named like its vendor, else nobody is meant.
            (Some(_), Some(_)) => self
                .providers
                .iter()
                .find(|(name, u)| knows(u) && *name == u.catalogue_name())
                .map_or(native, |(_, u)| Some(u)),
        }
    }

    /// The provider of a dialect: the one named like it, or the only one of that kind.
    fn native(&self, dialect: Dialect) -> Option<&Arc<Upstream>> {
        let kind = match dialect {
            Dialect::OpenAi => provider::Kind::Openai,
            Dialect::Anthropic => provider::Kind::Anthropic,
            Dialect::Gemini => provider::Kind::Gemini,
            Dialect::Bedrock => provider::Kind::Bedrock,
            Dialect::Cohere => provider::Kind::Cohere,
        };
        let mut of_kind = self.providers.values().filter(|u| u.config().kind == kind);
        let named = self.providers.get(dialect.name());
        named.filter(|u| u.config().kind == kind).or_else(|| {
            let only = of_kind.next();
            only.filter(|_| of_kind.next().is_none())
        })
    }

    fn unknown(&self, model: &str) -> Failure {
        let names = || self.routes.keys().map(String::as_str);
        let shown: String = model.chars().take(80).collect();
        let meant =
            nearest(model, names()).map_or(String::new(), |m| format!(" Did you mean `{m}`?"));
        Failure::new(
            Kind::ModelNotFound,
            format!(
                "the model `{shown}` does not exist here.{meant} Routes: {}; or `provider/model` with provider {}.",
                choices(names().take(30)),
                choices(self.providers.keys().map(String::as_str).take(30)),
            ),
        )
        .param("model")
    }
}

impl Route {
    fn choose(&self, asked: &str, offers: impl Fn(&Target) -> bool) -> Result<Choice, Failure> {
        let mut targets: Vec<Target> = if self.weights.is_empty() {
            self.targets.clone()
        } else {
            weighted_order(&self.weights)
                .map(|n| self.targets[n].clone())
                .collect()
        };
        targets.retain(offers);
        if targets.is_empty() {
            return Err(cannot(&self.name, asked));
        }
        Ok(Choice {
            route: self.name.clone(),
            targets,
            retry: self.retry.clone(),
            configured: true,
        })
    }
}

fn cannot(model: &str, asked: &str) -> Failure {
    let shown: String = model.chars().take(80).collect();
    Failure::new(
        Kind::Unsupported,
        format!("no provider behind `{shown}` has anything like `{asked}`"),
    )
    .param("model")
}

/// Indexes in random order, where an index comes early as often as its weight says (weighted sampling without
/// replacement, Efraimidis and Spirakis 2006). Weight 0 comes last.
fn weighted_order(weights: &[u32]) -> impl Iterator<Item = usize> {
    let mut keys: Vec<(f64, usize)> = weights
        .iter()
        .enumerate()
        .map(|(n, &weight)| {
            let key = if weight == 0 {
                f64::NEG_INFINITY
            } else {
                (1.0 - fastrand::f64()).ln() / f64::from(weight)
            };
            (key, n)
        })
        .collect();
    keys.sort_by(|a, b| b.0.total_cmp(&a.0));
    keys.into_iter().map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn table(yaml: serde_json::Value) -> (tokio::runtime::Runtime, Table) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let config: Config = serde_json::from_value(yaml).unwrap();
        let providers = config
            .providers
            .iter()
            .map(|(name, c)| {
                (
                    name.clone(),
                    Upstream::start(name, c, None, runtime.handle()).unwrap(),
                )
            })
            .collect();
        let table = Table::new(
            &config.routes,
            providers,
            &config.retry,
            Arc::new(Catalogue::default()),
            config.on_unsupported,
        );
        (runtime, table)
    }

    fn example() -> (tokio::runtime::Runtime, Table) {
        table(serde_json::json!({
            "providers": {
                "openai": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1" },
                "local": { "kind": "openai", "base_url": "http://127.0.0.1:2/v1" },
                "claude": { "kind": "anthropic", "base_url": "http://127.0.0.1:3" },
            },
            "routes": {
                "fast": { "targets": ["local/llama", "claude/haiku"] },
                "split": { "targets": [
                    { "model": "openai/a", "weight": 9 }, { "model": "openai/b", "weight": 1 } ] },
            }
        }))
    }

    fn names(choice: &Choice) -> Vec<String> {
        choice
            .targets
            .iter()
            .map(|t| format!("{}/{}", t.upstream.name, t.model))
            .collect()
    }

    #[test]
    fn a_model_is_found_as_route_as_provider_slash_model_and_bare() {
        let (_runtime, table) = example();
        let choose = |model, asked| names(&table.choose(model, asked, false).ok().unwrap());
        let both = ["local/llama", "claude/haiku"];
        assert_eq!(choose("fast", Operation::Chat), both);
        assert_eq!(choose("fast", Operation::Messages), both);
        assert_eq!(choose("fast", Operation::Embeddings), ["local/llama"]);
        assert_eq!(
            choose("local/org/model:free", Operation::Chat),
            ["local/org/model:free"]
        );
        assert_eq!(choose("gpt-4o", Operation::Chat), ["openai/gpt-4o"]);
        assert_eq!(
            choose("claude-opus", Operation::Messages),
            ["claude/claude-opus"]
        );
    }

    #[test]
    fn what_leads_nowhere_is_explained() {
        let (_runtime, table) = example();
        let failed = |model, asked| table.choose(model, asked, false).err().unwrap();
        let failure = failed("gemini-flash", Operation::Generate);
        assert_eq!(failure.kind, Kind::ModelNotFound);
        assert!(failure.message.contains("`fast`"), "{}", failure.message);
        let failure = failed("opnai/gpt-4o", Operation::Chat);
        assert_eq!(failure.kind, Kind::ModelNotFound);
        let failure = failed("claude/haiku", Operation::Embeddings);
        assert_eq!(failure.kind, Kind::Unsupported);
    }

    #[test]
    fn weights_are_kept_in_the_long_run_and_the_others_are_fallbacks() {
        let (_runtime, table) = example();
        let mut first = 0;
        for _ in 0..2_000 {
            let choice = table.choose("split", Operation::Chat, false).ok().unwrap();
            assert_eq!(choice.targets.len(), 2);
            first += usize::from(&*choice.targets[0].model == "a");
        }
        // 1,800 expected, standard deviation 13.
        assert!((1_720..1_880).contains(&first), "{first}");
    }
}
