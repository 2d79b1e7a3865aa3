//! What operators ask: whether the process lives, whether it can serve, and its metrics.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;

use crate::{config::snapshot::Live, telemetry::metrics::METRICS};

/// What the admin listener knows.
#[derive(Clone)]
pub struct Admin {
    /// The running configuration.
    pub live: Arc<Live>,
    /// Whether the process is about to end.
    pub draining: Arc<AtomicBool>,
    /// Whether the upstreams were looked up once.
    pub ready: Arc<AtomicBool>,
}

/// Serves until `stop` resolves.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    admin: Admin,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async || {
            (
                StatusCode::NOT_FOUND,
                "what exists: /livez, /readyz, /metrics\n",
            )
        })
        .with_state(admin);
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop)
        .await
}

/// Ready means: requests can be served, if need be with the last good configuration.
async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    if admin.draining.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
    } else if !admin.ready.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    // Set anew at each scrape, so that endpoints which are gone leave no series behind.
    METRICS.endpoint_up.reset();
    METRICS.endpoint_in_flight.reset();
    for (name, upstream) in admin.live.get().table.providers() {
        for endpoint in upstream.pool.status() {
            let address = endpoint.address.to_string();
            let labels = [name.as_str(), address.as_str()];
            let up = endpoint.healthy && !endpoint.ejected;
            METRICS
                .endpoint_up
                .with_label_values(&labels)
                .set(i64::from(up));
            METRICS
                .endpoint_in_flight
                .with_label_values(&labels)
                .set(i64::try_from(endpoint.in_flight).unwrap_or(i64::MAX));
        }
    }
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        METRICS.text(),
    )
}
