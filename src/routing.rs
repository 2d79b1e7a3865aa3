//! From the model that a client names to the targets to try, in order.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::{
    problem::{Place, Problems},
    provider::OnUnsupported,
    units::Duration,
};

pub mod retry;
pub mod table;

/// A name that clients may use as a model, and what stands behind it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// What to ask, as `provider/model`. Without weights: the first that works, in this order. With weights: one of
    /// them by chance, the others as its fallbacks.
    pub targets: Vec<TargetConfig>,
    /// When and how often to try again, instead of the `retry` for all.
    #[serde(default)]
    pub retry: Option<RetryConfig>,
    /// What to do with what a target cannot do of a request, instead of the `on_unsupported` of its provider.
    #[serde(default)]
    pub on_unsupported: Option<OnUnsupported>,
    /// The guard profile for requests to this route, unless their key has one; instead of `guards.profile`.
    #[serde(default)]
    pub guard: Option<String>,
}

/// One target of a route: `provider/model`, or `{ model: provider/model, weight: 9 }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum TargetConfig {
    /// By order alone.
    Plain(String),
    /// By chance, as often as its weight says.
    Weighted(WeightedTarget),
}

/// A target with its share of the traffic.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct WeightedTarget {
    /// `provider/model`
    pub model: String,
    /// Share of the requests against the other targets.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: u32,
}

impl TargetConfig {
    /// `provider/model`
    pub fn model(&self) -> &str {
        match self {
            Self::Plain(model) => model,
            Self::Weighted(target) => &target.model,
        }
    }

    /// The weight, if it has one.
    pub const fn weight(&self) -> Option<u32> {
        match self {
            Self::Plain(_) => None,
            Self::Weighted(target) => Some(target.weight),
        }
    }
}

impl<'de> Deserialize<'de> for TargetConfig {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = TargetConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("`provider/model` or a mapping with `model` and `weight`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TargetConfig, E> {
                Ok(TargetConfig::Plain(text.to_owned()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<TargetConfig, A::Error> {
                WeightedTarget::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(TargetConfig::Weighted)
            }
        }
        input.deserialize_any(Visitor)
    }
}

/// When and how often a failed attempt is followed by another.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Attempts in all, the first included. Without it: every endpoint and credential of every target once.
    #[schemars(range(min = 1, max = 16))]
    pub attempts: Option<u32>,
    /// The failures that are worth another attempt.
    pub on: Vec<RetryOn>,
    /// Time within which another attempt may begin. A target that stays silent for so long is given up while another
    /// one is left.
    pub budget: Option<Duration>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            attempts: None,
            on: vec![
                RetryOn::Connect,
                RetryOn::Timeout,
                RetryOn::Status(429),
                RetryOn::Class5xx,
            ],
            budget: None,
        }
    }
}

impl RetryConfig {
    /// Most attempts that may be asked for: Pingora counts attempts, too, and stops at 16.
    pub const MOST: u32 = 16;

    /// Checks the section.
    pub fn check(&self, at: &Place, problems: &mut Problems) {
        if let Some(attempts) = self.attempts
            && !(1..=Self::MOST).contains(&attempts)
        {
            problems.add(at.key("attempts"), "must be between 1 and 16");
        }
        if self.budget.is_some_and(Duration::is_zero) {
            problems.add(at.key("budget"), "must be longer than nothing");
        }
    }
}

/// A class of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// `connect`: no connection (refused, DNS, TLS), or lost before the answer began.
    Connect,
    /// `timeout`: no connection or no content in time.
    Timeout,
    /// `5xx`: any status from 500, Anthropic's 529 included, and error events at the start of a stream.
    Class5xx,
    /// `4xx`: any status from 400 to 499.
    Class4xx,
    /// One status.
    Status(u16),
}

impl RetryOn {
    /// Whether a status falls into this class.
    pub const fn has_status(self, status: u16) -> bool {
        match self {
            Self::Class5xx => status >= 500,
            Self::Class4xx => status >= 400 && status < 500,
            Self::Status(wanted) => wanted == status,
            Self::Connect | Self::Timeout => false,
        }
    }
}

impl std::str::FromStr for RetryOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let status = || text.parse().ok().filter(|s| (400..600).contains(s));
        match text {
            "connect" => Ok(Self::Connect),
            "timeout" => Ok(Self::Timeout),
            "5xx" => Ok(Self::Class5xx),
            "4xx" => Ok(Self::Class4xx),
            _ => status().map(Self::Status).ok_or_else(|| {
                format!(
                    "unknown class `{text}`, expected one of `connect`, `timeout`, `4xx`, `5xx` or a status \
                     from 400 to 599"
                )
            }),
        }
    }
}

impl<'de> Deserialize<'de> for RetryOn {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = RetryOn;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("`connect`, `timeout`, `4xx`, `5xx` or a status")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RetryOn, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RetryOn, E> {
                self.visit_str(&number.to_string())
            }
        }
        input.deserialize_any(Visitor)
    }
}

impl JsonSchema for RetryOn {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RetryOn".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "enum": ["connect", "timeout", "4xx", "5xx"] },
                { "type": "string", "pattern": "^[45][0-9][0-9]$" },
                { "type": "integer", "minimum": 400, "maximum": 599 }
            ],
            "description": "connect, timeout, 4xx, 5xx, or one status."
        })
    }
}
