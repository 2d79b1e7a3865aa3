//! The servers behind a provider's name: which of them to ask, and how they are doing.
//!
//! Members, active health and the order of choice live in `pingora-load-balancing`; DNS, passive
//! health and load are ours. A request takes a [`Chosen`] endpoint and reports how it went.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time,
};

use pingora::{
    lb::{Backend, Backends, HealthRegistry},
    upstreams::peer::HttpPeer,
};
use tokio::sync::{Mutex, watch};

use super::{
    Balance, BaseUrl, EndpointConfig, HealthConfig, HttpVersion, OutlierConfig, Timeouts,
    UpstreamTls,
    balance::{Balancer, balancer},
    endpoint::{Endpoint, Members},
    health::Probe,
    peer,
    resolve::{Discovery, Resolve, SystemResolver},
    tls::Certificates,
};
use crate::units::Duration;

/// All that makes a pool what it is. A pool whose configuration did not change survives a reload.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// The provider's name, for logs.
    pub name: String,
    /// The servers.
    pub endpoints: Vec<EndpointConfig>,
    /// How to choose among them.
    pub balance: Balance,
    /// Active health checks.
    pub health: Option<HealthConfig>,
    /// Passive health.
    pub outlier: OutlierConfig,
    /// Certificates.
    pub tls: UpstreamTls,
    /// HTTP version.
    pub http: HttpVersion,
    /// Time limits.
    pub timeouts: Timeouts,
    /// How often host names are looked up again.
    pub dns_refresh: Duration,
}

/// The endpoints of one provider.
pub struct Pool {
    members: Arc<Members>,
    balancer: Box<dyn Balancer>,
    /// Where active health checks are run; without any there is nothing in it.
    registry: Arc<HealthRegistry>,
    fingerprint: u64,
    /// Keeps rounds of resolution apart, as the load balancer demands.
    resolving: Mutex<()>,
    progress: watch::Sender<Progress>,
}

/// What has happened at least once.
#[derive(Clone, Copy, Default)]
struct Progress {
    resolved: bool,
    checked: bool,
}

/// The time until the next look-up while no address is known at all; doubles up to `dns_refresh`.
const FIRST_RETRY: time::Duration = time::Duration::from_secs(1);

impl Pool {
    /// Reads the certificates and takes up the endpoints whose URLs name an address. Host names
    /// are looked up by [`Pool::run`].
    ///
    /// # Errors
    /// Names the file or the host, and what is wrong with it.
    pub fn new(config: PoolConfig) -> Result<Arc<Self>, String> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    fn with_resolver(config: PoolConfig, resolver: Arc<dyn Resolve>) -> Result<Arc<Self>, String> {
        let certificates = Certificates::read(&config.tls)?;
        for endpoint in config.endpoints.iter().filter(|e| e.url.tls) {
            peer::server_name(&endpoint.url, &config.tls)?;
        }
        let members = Arc::new(Members::new(config));
        let config = &members.config;
        // Weights change with DNS answers; the health of an address has nothing to do with them.
        let registry = Arc::new(HealthRegistry::with_equivalence(|backend: &Backend| {
            hash(&backend.addr)
        }));
        if let Some(health) = &config.health {
            registry.set_health_check(Box::new(Probe::new(&members, health, &certificates)?));
        }
        let fingerprint = certificates.fingerprint;
        let discovery = Discovery::new(members.clone(), certificates, resolver);
        let backends = Backends::new_with_health_registry(Box::new(discovery), registry.clone());
        let balancer = balancer(&members, backends);
        first_round(&*balancer).map_err(|e| format!("{}: {e}", config.name))?;
        let progress = Progress {
            resolved: !config.has_names(),
            checked: config.health.is_none(),
        };
        Ok(Arc::new(Self {
            members,
            balancer,
            registry,
            fingerprint,
            resolving: Mutex::default(),
            progress: watch::Sender::new(progress),
        }))
    }

    /// What it was built from.
    pub fn config(&self) -> &PoolConfig {
        &self.members.config
    }

    /// Whether a pool built from `config` now would be the same: settings and the contents of
    /// certificate files. A file that cannot be read counts as changed.
    pub fn matches(&self, config: &PoolConfig) -> bool {
        self.config() == config
            && Certificates::read(&config.tls).is_ok_and(|c| c.fingerprint == self.fingerprint)
    }

    /// Looks up host names at once and then every `dns_refresh`, and checks the endpoints every
    /// `health.interval`. Ends soon after the last other owner has dropped the pool, or when there
    /// is nothing to do.
    pub async fn run(self: Arc<Self>) {
        let pool = Arc::downgrade(&self);
        drop(self);
        tokio::join!(resolve_rounds(pool.clone()), check_rounds(pool));
    }

    /// Waits until host names were looked up and endpoints checked once, but no longer than `limit`.
    pub async fn ready(&self, limit: time::Duration) {
        let mut progress = self.progress.subscribe();
        let done = progress.wait_for(|p| p.resolved && p.checked);
        let _ = tokio::time::timeout(limit, done).await;
    }

    /// An endpoint to ask: one that is healthy, not ejected and not in `tried`. With `last_resort`
    /// any that is not in `tried`, if no better one is left. `key` decides with `consistent_hash`.
    pub fn select(&self, key: u64, tried: &[SocketAddr], last_resort: bool) -> Option<Chosen> {
        let now = self.members.clock.now();
        let table = self.members.table.load();
        let untried = |endpoint: &Endpoint| !tried.contains(&endpoint.address);
        if let [only] = &*table.endpoints {
            let open = untried(only) && (last_resort || self.usable(only, now));
            return open.then(|| self.chosen(only, now));
        }
        if !table.endpoints.iter().any(|endpoint| untried(endpoint)) {
            return None;
        }
        let pick = |accept: &dyn Fn(&Endpoint, bool) -> bool| {
            let accept_at = |address, ready| table.find(address).is_some_and(|e| accept(e, ready));
            let in_order = self.balancer.choose(key, &accept_at);
            let in_order = in_order.and_then(|address| table.find(address));
            // The order may end before one that would do: then the one that the key likes best.
            let any = || {
                let open = table
                    .endpoints
                    .iter()
                    .filter(|e| accept(e, self.healthy(e)));
                open.max_by_key(|e| hash(&(key, e.address)))
            };
            in_order.or_else(any)
        };
        let best = pick(&|e, ready| ready && untried(e) && !e.vitals.outlier.ejected(now));
        let any = || pick(&|e, _| untried(e)).filter(|_| last_resort);
        let found = best.or_else(any)?;
        Some(self.chosen(found, now))
    }

    /// Whether [`Pool::select`] would find an endpoint without its last resort.
    pub fn untried(&self, tried: &[SocketAddr]) -> bool {
        let now = self.members.clock.now();
        let table = self.members.table.load();
        let open = |e: &Arc<Endpoint>| !tried.contains(&e.address) && self.usable(e, now);
        table.endpoints.iter().any(open)
    }

    /// Why there is no address at all.
    pub fn resolve_error(&self) -> Option<String> {
        let table = self.members.table.load();
        if !table.endpoints.is_empty() {
            return None;
        }
        let waiting = || "host names were not looked up yet".to_owned();
        Some(table.error.clone().unwrap_or_else(waiting))
    }

    /// How the endpoints are doing; at most 64 for each configured one.
    pub fn status(&self) -> Vec<EndpointStatus> {
        let now = self.members.clock.now();
        let status = |endpoint: &Arc<Endpoint>| EndpointStatus {
            authority: endpoint.faces[0].url.authority(),
            address: endpoint.address,
            healthy: self.healthy(endpoint),
            ejected: endpoint.vitals.outlier.ejected(now),
            in_flight: endpoint.vitals.in_flight.load(Relaxed),
            ewma_ms: endpoint.vitals.latency.get(now),
            weight: endpoint.weight,
        };
        let table = self.members.table.load();
        table.endpoints.iter().map(status).collect()
    }

    fn usable(&self, endpoint: &Endpoint, now: u64) -> bool {
        self.healthy(endpoint) && !endpoint.vitals.outlier.ejected(now)
    }

    /// What active health checks found. An address that the load balancer is just about to take
    /// up was not checked yet, and so is not unhealthy.
    fn healthy(&self, endpoint: &Endpoint) -> bool {
        let backends = self.balancer.backends();
        self.config().health.is_none()
            || backends.ready(&endpoint.backend)
            || !backends.get_backend().contains(&endpoint.backend)
    }

    fn chosen(&self, endpoint: &Arc<Endpoint>, now: u64) -> Chosen {
        endpoint.vitals.in_flight.fetch_add(1, Relaxed);
        Chosen {
            face: endpoint.next_face(),
            endpoint: endpoint.clone(),
            members: self.members.clone(),
            sent: now,
        }
    }

    /// One round of looking up host names.
    async fn resolve(&self) {
        let _alone = self.resolving.lock().await;
        if let Err(e) = self.balancer.update().await {
            log::warn!("{}: {e}", self.config().name);
        }
        self.progress.send_modify(|p| p.resolved = true);
    }

    /// One round of active health checks.
    async fn check(&self) {
        self.registry.run_health_check(true).await;
        self.progress.send_modify(|p| p.checked = true);
    }
}

impl PoolConfig {
    /// Whether some endpoint is given by name.
    fn has_names(&self) -> bool {
        let is_name = |e: &EndpointConfig| e.url.host.parse::<IpAddr>().is_err();
        self.endpoints.iter().any(is_name)
    }
}

/// The first round of discovery takes literal addresses only, so it never waits.
fn first_round(balancer: &dyn Balancer) -> pingora::Result<()> {
    let round = pin!(balancer.update());
    match round.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("the first round asks nobody"),
    }
}

async fn resolve_rounds(pool: Weak<Pool>) {
    let mut retry = FIRST_RETRY;
    loop {
        let Some(pool) = pool.upgrade().filter(|p| p.config().has_names()) else {
            return;
        };
        pool.resolve().await;
        let mut wait = pool.config().dns_refresh.get();
        if pool.resolve_error().is_some() {
            wait = wait.min(retry);
            retry *= 2;
        } else {
            retry = FIRST_RETRY;
        }
        drop(pool);
        tokio::time::sleep(jitter(wait)).await;
    }
}

async fn check_rounds(pool: Weak<Pool>) {
    let Some(mut progress) = pool.upgrade().map(|pool| pool.progress.subscribe()) else {
        return;
    };
    if progress.wait_for(|p| p.resolved).await.is_err() {
        return;
    }
    loop {
        let Some(pool) = pool.upgrade() else { return };
        let Some(health) = &pool.config().health else {
            return;
        };
        let wait = health.interval.get();
        pool.check().await;
        drop(pool);
        tokio::time::sleep(jitter(wait)).await;
    }
}

/// A tenth more or less, so that gateways started together do not ask together.
fn jitter(wait: time::Duration) -> time::Duration {
    wait.mul_f64(0.9 + 0.2 * fastrand::f64())
}

fn hash(value: &impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

/// An endpoint that a request goes to, and is counted at until this is dropped.
pub struct Chosen {
    endpoint: Arc<Endpoint>,
    members: Arc<Members>,
    face: usize,
    /// When it was chosen, by the pool's clock.
    sent: u64,
}

impl Chosen {
    /// The address to connect to, which is also what `tried` lists.
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address
    }

    /// The URL for the `host` header and the path.
    pub fn url(&self) -> &BaseUrl {
        &self.endpoint.faces[self.face].url
    }

    /// How to connect.
    pub fn peer(&self) -> Box<HttpPeer> {
        Box::new(self.endpoint.faces[self.face].peer.clone())
    }

    /// The endpoint answered, with the first byte after `first_byte`.
    pub fn succeeded(&self, first_byte: time::Duration) {
        let now = self.members.clock.now();
        let vitals = &self.endpoint.vitals;
        vitals.latency.observe(first_byte, now);
        vitals.outlier.succeeded(&self.members.config.outlier, now);
    }

    /// The endpoint failed: it could not be reached, broke off, or answered that it cannot serve.
    pub fn failed(&self) {
        let now = self.members.clock.now();
        let vitals = &self.endpoint.vitals;
        vitals.latency.failed(now);
        if vitals
            .outlier
            .failed(&self.members.config.outlier, self.sent, now)
        {
            self.members.eject(&self.endpoint, now);
        }
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        self.endpoint.vitals.in_flight.fetch_sub(1, Relaxed);
    }
}

/// How one endpoint is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointStatus {
    /// Host and port of its URL; the first one, if several host names share the address.
    pub authority: String,
    /// Its address.
    pub address: SocketAddr,
    /// What active health checks found; true without any.
    pub healthy: bool,
    /// Whether passive health has taken it out.
    pub ejected: bool,
    /// Requests under way.
    pub in_flight: usize,
    /// Peak-sensitive moving average of the time to the first byte, in milliseconds; 0 before the first answer.
    pub ewma_ms: f64,
    /// The configured weight.
    pub weight: usize,
}

#[cfg(test)]
pub(super) mod tests;
