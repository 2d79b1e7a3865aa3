//! Every metric: its name, its labels, what it counts. Labels come from the configuration and from closed sets, so a
//! caller cannot mint a series.

use std::sync::LazyLock;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The metrics of this process.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// Seconds, from quick refusals to long reasoning.
const SECONDS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 600.0,
];

/// Seconds that the gateway itself spends.
const OVERHEAD: [f64; 10] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25,
];

/// All metrics, one field each.
pub struct Metrics {
    registry: Registry,
    /// Requests that ended, by `route`, `operation`, `provider`, `status` and `outcome`.
    pub requests: IntCounterVec,
    /// Time of a request from its head to the last byte of its answer, by `route` and `operation`.
    pub duration: HistogramVec,
    /// Time to the first content of an answer, by `provider` and `model`.
    pub first_token: HistogramVec,
    /// Time from the head of a request until the first attempt began.
    pub overhead: Histogram,
    /// Tokens by `provider`, `model` and `kind` (input, output, cache_read, cache_write, reasoning).
    pub tokens: IntCounterVec,
    /// Answers without usage, by `provider`.
    pub usage_unknown: IntCounterVec,
    /// Attempts at upstreams, by `provider` and `outcome`.
    pub attempts: IntCounterVec,
    /// Streams that are open now.
    pub open_streams: IntGauge,
    /// Requests that are running now.
    pub open_requests: IntGauge,
    /// Connections of clients that are open now.
    pub open_connections: IntGauge,
    /// Requests refused by a limit for one address, by `limit`.
    pub refused: IntCounterVec,
    /// Reloads of the configuration, by `outcome` (applied, refused, unchanged).
    pub reloads: IntCounterVec,
    /// 1 while the file on disk was refused and an older configuration serves.
    pub config_stale: IntGauge,
    /// When the running configuration was applied, in seconds since 1970.
    pub config_applied: IntGauge,
    /// Whether an endpoint takes requests, by `provider` and `endpoint`: 1, or 0 if unhealthy or ejected.
    pub endpoint_up: IntGaugeVec,
    /// Requests in flight at an endpoint, by `provider` and `endpoint`.
    pub endpoint_in_flight: IntGaugeVec,
    /// Findings of the guard, by `direction`, `rule` and `action`.
    pub guard_findings: IntCounterVec,
    /// Time that screening takes, by `direction`.
    pub guard_seconds: HistogramVec,
    /// What could not be screened or judged, by `guard` and what was done then (`block`, `allow`).
    pub guard_errors: IntCounterVec,
    /// Lines that the access log lost because it could not be written fast enough.
    pub log_lost: IntCounter,
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let build = Builder(&registry);
        let metrics = Self {
            registry: registry.clone(),
            requests: build.counters(
                "sluicegate_requests_total",
                "Requests that ended.",
                &["route", "operation", "provider", "status", "outcome"],
            ),
            duration: build.histograms(
                "sluicegate_request_duration_seconds",
                "Time from the head of a request to the last byte of its answer.",
                &["route", "operation"],
            ),
            first_token: build.histograms(
                "sluicegate_time_to_first_token_seconds",
                "Time from the head of a request to the first content of its answer.",
                &["provider", "model"],
            ),
            overhead: build.histogram(
                "sluicegate_overhead_seconds",
                "Time from the head of a request until its first attempt began, waiting for the body included.",
            ),
            tokens: build.counters(
                "sluicegate_tokens_total",
                "Tokens that providers counted.",
                &["provider", "model", "kind"],
            ),
            usage_unknown: build.counters(
                "sluicegate_usage_unknown_total",
                "Successful answers that told no usage.",
                &["provider"],
            ),
            attempts: build.counters(
                "sluicegate_upstream_attempts_total",
                "Attempts at upstreams.",
                &["provider", "outcome"],
            ),
            open_streams: build.gauge("sluicegate_open_streams", "Streamed answers open now."),
            open_requests: build.gauge("sluicegate_open_requests", "Requests running now."),
            open_connections: build.gauge(
                "sluicegate_open_connections",
                "Connections of clients open now.",
            ),
            refused: build.counters(
                "sluicegate_refused_total",
                "Requests refused by a limit for one address.",
                &["limit"],
            ),
            reloads: build.counters(
                "sluicegate_config_reloads_total",
                "Reloads of the configuration.",
                &["outcome"],
            ),
            config_stale: build.gauge(
                "sluicegate_config_stale",
                "1 while the configuration on disk was refused and an older one serves.",
            ),
            config_applied: build.gauge(
                "sluicegate_config_applied_timestamp_seconds",
                "When the running configuration was applied.",
            ),
            endpoint_up: build.gauges(
                "sluicegate_endpoint_up",
                "Whether an endpoint takes requests.",
                &["provider", "endpoint"],
            ),
            endpoint_in_flight: build.gauges(
                "sluicegate_endpoint_in_flight",
                "Requests in flight at an endpoint.",
                &["provider", "endpoint"],
            ),
            guard_findings: build.counters(
                "sluicegate_guard_findings_total",
                "Findings of the guard.",
                &["direction", "rule", "action"],
            ),
            guard_seconds: build.histograms_of(
                "sluicegate_guard_duration_seconds",
                "Time that screening a request takes.",
                &["direction"],
                &OVERHEAD,
            ),
            guard_errors: build.counters(
                "sluicegate_guard_errors_total",
                "What could not be screened or judged.",
                &["guard", "on_error"],
            ),
            log_lost: build.counter(
                "sluicegate_access_log_lost_total",
                "Access log lines lost because the log could not be written fast enough.",
            ),
        };
        for outcome in ["applied", "refused", "unchanged"] {
            metrics.reloads.with_label_values(&[outcome]);
        }
        metrics
    }

    /// The exposition text for a scrape. Takes milliseconds for thousands of series, so never call it on a worker.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(16 * 1024);
        let families = self.registry.gather();
        if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
            log::error!("metrics could not be written: {error}");
        }
        text
    }
}

/// Makes and registers metrics; their names and labels are constants, so a failure is a bug that the first test shows.
struct Builder<'a>(&'a Registry);

const VALID: &str = "names and labels are constants, valid and unique";

impl Builder<'_> {
    fn register<M: prometheus::core::Collector + Clone + 'static>(&self, metric: M) -> M {
        self.0.register(Box::new(metric.clone())).expect(VALID);
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help).expect(VALID))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels).expect(VALID))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help).expect(VALID))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels).expect(VALID))
    }

    fn histogram(&self, name: &str, help: &str) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(OVERHEAD.to_vec());
        self.register(Histogram::with_opts(options).expect(VALID))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.histograms_of(name, help, labels, &SECONDS)
    }

    fn histograms_of(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels).expect(VALID))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_metrics_register_and_render() {
        METRICS.open_streams.inc();
        let text = String::from_utf8(METRICS.text()).unwrap();
        assert!(text.contains("sluicegate_open_streams 1"), "{text}");
        assert!(text.contains("sluicegate_config_reloads_total{outcome=\"refused\"} 0"));
        METRICS.open_streams.dec();
    }
}
