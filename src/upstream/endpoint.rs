//! The endpoints of a pool as they are now: one per address, with what their requests tell about them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use pingora::{lb::Backend, upstreams::peer::HttpPeer};

use super::{BaseUrl, clock::Clock, latency::PeakEwma, outlier::Outlier, pool::PoolConfig};

/// What all parts of a pool share.
pub struct Members {
    pub config: PoolConfig,
    pub clock: Clock,
    /// Replaced as a whole when a DNS answer changes; whoever holds an endpoint keeps it.
    pub table: ArcSwap<Table>,
    ejecting: Mutex<()>,
}

/// All endpoints at one time.
#[derive(Default)]
pub struct Table {
    /// In the order of their addresses.
    pub endpoints: Box<[Arc<Endpoint>]>,
    /// What went wrong with host names at the last look-up.
    pub error: Option<String>,
}

/// One address that serves requests.
pub struct Endpoint {
    pub address: SocketAddr,
    /// What stands for it in `pingora-load-balancing`; the weight there is relative to the others'.
    pub backend: Backend,
    /// The configured weight.
    pub weight: usize,
    /// The URLs that lead to this address: more than one if host names share it.
    pub faces: Box<[Face]>,
    /// Kept over changes of the DNS answer.
    pub vitals: Arc<Vitals>,
}

/// One of the URLs behind an address: decides the `host` header and the name in TLS.
pub struct Face {
    /// Place in the configured list of endpoints.
    pub index: usize,
    pub url: BaseUrl,
    pub peer: HttpPeer,
}

/// Load, speed and passive health of one address.
#[derive(Default)]
pub struct Vitals {
    pub in_flight: AtomicUsize,
    pub latency: PeakEwma,
    pub outlier: Outlier,
    turn: AtomicUsize,
}

impl Members {
    pub fn new(config: PoolConfig) -> Self {
        Self {
            config,
            clock: Clock::new(),
            table: ArcSwap::default(),
            ejecting: Mutex::default(),
        }
    }

    /// Ejects an endpoint, if it is still a member and the limit on ejected ones allows it.
    pub fn eject(&self, endpoint: &Endpoint, now: u64) {
        let rules = &self.config.outlier;
        let _turn = self.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.table.load();
        let ejected = |e: &&Arc<Endpoint>| e.vitals.outlier.ejected(now);
        let allowed = table.endpoints.len() * rules.max_ejected_percent as usize / 100;
        if table.find(endpoint.address).is_none()
            || endpoint.vitals.outlier.ejected(now)
            || table.endpoints.iter().filter(ejected).count() >= allowed
        {
            return;
        }
        let until = endpoint.vitals.outlier.eject(rules, now);
        log::warn!(
            "{}: ejected for {:?} after failed requests",
            self.describe(endpoint),
            Duration::from_nanos(until - now)
        );
    }

    /// Pool, host and address for logs.
    pub fn describe(&self, endpoint: &Endpoint) -> String {
        let authority = endpoint.faces[0].url.authority();
        format!("{}: {authority} at {}", self.config.name, endpoint.address)
    }
}

impl Table {
    /// The endpoint with this address.
    pub fn find(&self, address: SocketAddr) -> Option<&Arc<Endpoint>> {
        let found = self
            .endpoints
            .binary_search_by_key(&address, |endpoint| endpoint.address);
        found.ok().map(|index| &self.endpoints[index])
    }
}

impl Endpoint {
    /// The number of the URL to use: with several, one after the other.
    pub fn next_face(&self) -> usize {
        match self.faces.len() {
            1 => 0,
            n => self.vitals.turn.fetch_add(1, Relaxed) % n,
        }
    }
}
