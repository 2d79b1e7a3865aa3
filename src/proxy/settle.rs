//! The end of every request, exactly once: counted, measured, recorded.

use pingora::proxy::Session;

use super::{exchange::Exchange, judge, screen};
use crate::{
    error::Kind,
    guard::profile::Action,
    routing::table::DIRECT,
    telemetry::{
        metrics::METRICS,
        record::{Firewall, Guarded, Outcome, Record},
    },
    usage::TokenUsage,
};

/// Label for models whose names come from callers.
const OTHER: &str = "other";

/// The status for a client that left before it was answered. Nginx's number, which everybody knows.
const CLIENT_CLOSED: u16 = 499;

/// Counts and records the request.
pub fn settle(session: &Session, x: &mut Exchange) {
    judge::settle(x);
    let written = session.response_written().map(|head| head.status.as_u16());
    let outcome = x.outcome.unwrap_or(Outcome::ClientGone);
    let status = match outcome {
        // A client leaves a WebSocket when it likes.
        Outcome::ClientGone if written != Some(101) => CLIENT_CLOSED,
        _ => x.status.or(written).unwrap_or(CLIENT_CLOSED),
    };
    let usage = usage(x);
    measure(x, status, outcome, usage);
    record(x, status, outcome, usage);
}

fn usage(x: &Exchange) -> Option<TokenUsage> {
    if let Some(usage) = x.metered {
        return (!usage.is_unknown()).then_some(usage);
    }
    let relay = x.relay.as_ref()?;
    let reading = &relay.reading;
    let usage = reading
        .normalised
        .unwrap_or_else(|| x.dialect.speaker().usage(&reading.counts));
    (!usage.is_unknown()).then_some(usage)
}

fn measure(x: &Exchange, status: u16, outcome: Outcome, usage: Option<TokenUsage>) {
    let operation = x.asked;
    let route = x.route.as_deref().unwrap_or("none");
    let target = x.attempt.as_ref().map(|attempt| &attempt.target);
    let provider = target.map_or("none", |t| &*t.upstream.name);
    let model = target.map_or("none", |t| if x.configured { &*t.model } else { OTHER });
    let code = status_label(status);
    METRICS
        .requests
        .with_label_values(&[route, operation, provider, code, outcome.name()])
        .inc();
    METRICS
        .duration
        .with_label_values(&[route, operation])
        .observe(x.started.elapsed().as_secs_f64());
    if let Some(time) = x.overhead {
        METRICS.overhead.observe(time.as_secs_f64());
    }
    if let Some(time) = x.first_token {
        METRICS
            .first_token
            .with_label_values(&[provider, model])
            .observe(time.as_secs_f64());
    }
    match usage {
        Some(usage) => {
            for (kind, count) in [
                ("input", usage.input),
                ("output", usage.output),
                ("cache_read", usage.cache_read),
                ("cache_write", usage.cache_write),
                ("cache_write_1h", usage.cache_write_1h),
                ("audio_input", usage.audio_input),
                ("audio_output", usage.audio_output),
                ("image_output", usage.image_output),
                ("tool_input", usage.tool_input),
                ("reasoning", usage.reasoning),
            ] {
                if let Some(count) = count.filter(|count| *count > 0) {
                    METRICS
                        .tokens
                        .with_label_values(&[provider, model, kind])
                        .inc_by(count);
                }
            }
        }
        // `realtime` knows whether a WebSocket was asked for anything.
        None if outcome == Outcome::Ok && x.realtime.is_none() => {
            METRICS.usage_unknown.with_label_values(&[provider]).inc();
        }
        None => {}
    }
}

/// A status as a label: those that upstreams and the gateway use; others by class, since an upstream could send any.
fn status_label(status: u16) -> &'static str {
    macro_rules! labels {
        ($($code:literal)*) => {
            match status {
                $($code => stringify!($code),)*
                _ if status < 300 => "2xx",
                _ if status < 400 => "3xx",
                _ if status < 500 => "4xx",
                _ => "5xx",
            }
        };
    }
    labels!(101 200 400 401 403 404 405 408 409 413 415 422 426 429 431 499 500 502 503 504 529)
}

fn record(x: &Exchange, status: u16, outcome: Outcome, usage: Option<TokenUsage>) {
    let ms = |time: std::time::Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let attempt = x.attempt.as_ref();
    let failure = x.failure.as_ref();
    let record = Record {
        time: humantime::format_rfc3339_millis(x.started_at).to_string(),
        request_id: &x.request_id,
        client: x.client,
        key: x.principal.as_ref().map(|p| &*p.key),
        method: x.method.as_str(),
        path: &x.path,
        operation: (x.asked != "none").then_some(x.asked),
        provider_operation: x
            .operation
            .filter(|operation| x.call.as_ref().is_some_and(|c| c.operation != *operation))
            .map(|operation| operation.name()),
        model: x.request.as_ref().map(|r| r.model.as_str()),
        route: x.route.as_deref(),
        provider: attempt.map(|a| &*a.target.upstream.name),
        target_model: attempt.map(|a| &*a.target.model),
        answered_model: x.relay.as_ref().and_then(|r| r.reading.model.as_deref()),
        endpoint: attempt.map(|a| a.chosen.url().authority()),
        stream: x.request.as_ref().is_some_and(|r| r.stream),
        status,
        outcome,
        error: failure.map(|f| f.kind.code()),
        detail: failure.and_then(|f| f.detail.as_deref()),
        finish: x.relay.as_ref().and_then(|r| r.reading.finish.as_deref()),
        provider_request_id: x.provider_request_id.as_deref(),
        attempts: x.plan.as_ref().map_or(0, |plan| plan.attempts()),
        overhead_ms: x.overhead.map(ms),
        first_token_ms: x.first_token.map(ms),
        duration_ms: ms(x.started.elapsed()),
        request_bytes: x.request.as_ref().map_or(0, |r| r.len()) + x.socket_bytes,
        response_bytes: x.response_bytes,
        usage,
        guard: x.screen.as_ref().map(|screen| Guarded {
            profile: &screen.profile.name,
            action: screen.action.map_or("pass", Action::name),
            injection: (f64::from(screen.injection) * 1e3).round() / 1e3,
            count: screen.count,
            findings: &screen.findings,
            unscreened: screen.unscreened,
        }),
        firewall: x
            .firewall
            .as_ref()
            .filter(|verdict| verdict.score > 0 || verdict.capped)
            .map(|verdict| Firewall {
                score: verdict.score,
                rules: verdict.hits.iter().map(screen::hit).collect(),
                capped: verdict.capped,
            }),
    };
    x.snapshot.access_log.add(&record);
    if let Some(failure) = failure.filter(|f| f.kind == Kind::Internal) {
        log::error!("{} failed through the gateway: {failure:?}", x.request_id);
    }
    debug_assert!(record.route != Some(DIRECT) || record.operation.is_some());
}
