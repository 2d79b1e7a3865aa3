//! All routes and providers of a configuration, and the way from a model's name to targets.

use std::{collections::BTreeMap, sync::Arc};

use super::{RetryConfig, RouteConfig};
use crate::{
    error::{Failure, Kind},
    problem::{choices, nearest},
    protocol::Dialect,
    provider::{self, Upstream},
};

/// A provider and the model to ask of it.
#[derive(Clone)]
pub struct Target {
    /// The provider.
    pub upstream: Arc<Upstream>,
    /// The model's name there.
    pub model: Arc<str>,
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
}

impl Table {
    /// Builds the table of a checked configuration.
    pub fn new(
        routes: &BTreeMap<String, RouteConfig>,
        providers: BTreeMap<String, Arc<Upstream>>,
        retry: &RetryConfig,
    ) -> Self {
        let retry = Arc::new(retry.clone());
        let build = |(name, route): (&String, &RouteConfig)| {
            let target = |target: &super::TargetConfig| {
                let (provider, model) = target.model().split_once('/')?;
                Some(Target {
                    upstream: providers.get(provider)?.clone(),
                    model: model.into(),
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
        }
    }

    /// The providers by name.
    pub const fn providers(&self) -> &BTreeMap<String, Arc<Upstream>> {
        &self.providers
    }

    /// The targets for a model's name: a route, `provider/model`, or the bare name of a model of the one provider
    /// that is meant by clients of this dialect.
    ///
    /// # Errors
    /// [`Kind::ModelNotFound`] with what exists, or [`Kind::BadRequest`] if no target understands the dialect.
    pub fn choose(&self, model: &str, dialect: Dialect) -> Result<Choice, Failure> {
        if let Some(route) = self.routes.get(model) {
            return route.choose(dialect);
        }
        // A name with a slash is never tried elsewhere: a typo would send prompts to another vendor.
        let (upstream, name) = match model.split_once('/') {
            Some((provider, rest)) => (self.providers.get(provider), rest),
            None => (self.native(dialect), model),
        };
        let upstream = upstream.ok_or_else(|| self.unknown(model))?;
        if !upstream.speaks(dialect) {
            return Err(cannot_speak(model, dialect));
        }
        Ok(Choice {
            route: self.direct.clone(),
            targets: vec![Target {
                upstream: upstream.clone(),
                model: name.into(),
            }],
            retry: self.retry.clone(),
            configured: false,
        })
    }

    /// The provider for bare names: the one named like the dialect, or the only one of that kind. So an application
    /// that changes nothing but its base URL finds its models.
    fn native(&self, dialect: Dialect) -> Option<&Arc<Upstream>> {
        let kind = match dialect {
            Dialect::OpenAi => provider::Kind::Openai,
            Dialect::Anthropic => provider::Kind::Anthropic,
            Dialect::Gemini => provider::Kind::Gemini,
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
    fn choose(&self, dialect: Dialect) -> Result<Choice, Failure> {
        let mut targets: Vec<Target> = if self.weights.is_empty() {
            self.targets.clone()
        } else {
            weighted_order(&self.weights)
                .map(|n| self.targets[n].clone())
                .collect()
        };
        targets.retain(|t| t.upstream.speaks(dialect));
        if targets.is_empty() {
            return Err(cannot_speak(&self.name, dialect));
        }
        Ok(Choice {
            route: self.name.clone(),
            targets,
            retry: self.retry.clone(),
            configured: true,
        })
    }
}

fn cannot_speak(model: &str, dialect: Dialect) -> Failure {
    let shown: String = model.chars().take(80).collect();
    Failure::new(
        Kind::BadRequest,
        format!(
            "no provider behind `{shown}` understands the {} API; ask for it with the API of its own vendor",
            dialect.name()
        ),
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
        let table = Table::new(&config.routes, providers, &config.retry);
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
        let choose = |model, dialect| names(&table.choose(model, dialect).ok().unwrap());
        assert_eq!(choose("fast", Dialect::OpenAi), ["local/llama"]);
        assert_eq!(choose("fast", Dialect::Anthropic), ["claude/haiku"]);
        assert_eq!(
            choose("local/org/model:free", Dialect::OpenAi),
            ["local/org/model:free"]
        );
        assert_eq!(choose("gpt-4o", Dialect::OpenAi), ["openai/gpt-4o"]);
        assert_eq!(
            choose("claude-opus", Dialect::Anthropic),
            ["claude/claude-opus"]
        );
    }

    #[test]
    fn what_leads_nowhere_is_explained() {
        let (_runtime, table) = example();
        let failure = table.choose("gemini-flash", Dialect::Gemini).err().unwrap();
        assert_eq!(failure.kind, Kind::ModelNotFound);
        assert!(failure.message.contains("`fast`"), "{}", failure.message);
        let failure = table.choose("opnai/gpt-4o", Dialect::OpenAi).err().unwrap();
        assert_eq!(failure.kind, Kind::ModelNotFound);
        let failure = table.choose("claude/haiku", Dialect::OpenAi).err().unwrap();
        assert_eq!(failure.kind, Kind::BadRequest);
    }

    #[test]
    fn weights_are_kept_in_the_long_run_and_the_others_are_fallbacks() {
        let (_runtime, table) = example();
        let mut first = 0;
        for _ in 0..2_000 {
            let choice = table.choose("split", Dialect::OpenAi).ok().unwrap();
            assert_eq!(choice.targets.len(), 2);
            first += usize::from(&*choice.targets[0].model == "a");
        }
        // 1,800 expected, standard deviation 13.
        assert!((1_720..1_880).contains(&first), "{first}");
    }
}
