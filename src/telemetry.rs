//! What is told about requests: the record of each one, the access log, and metrics.

use schemars::JsonSchema;
use serde::Deserialize;

pub mod access_log;
pub mod metrics;
pub mod record;

/// Logs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// One line for each request.
    pub access_log: AccessLogConfig,
}

/// The access log.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// File to append to; standard output without it. Opened again on SIGHUP.
    pub path: Option<String>,
}

/// How an access log line looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// Columns for people.
    Text,
    /// No access log.
    Off,
}
