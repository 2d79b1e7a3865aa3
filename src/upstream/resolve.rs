//! From host names to endpoints: DNS in the background, as `pingora-load-balancing`'s discovery.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use pingora::{
    lb::{Backend, Extensions, discovery::ServiceDiscovery},
    protocols::l4::socket,
};
use tokio::task::JoinSet;

use super::{
    clock::nanos,
    endpoint::{Endpoint, Face, Members, Table, Vitals},
    peer,
    tls::Certificates,
};

/// Looks up host names; tests bring their own answers.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of a host.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system, asked on tokio's blocking threads.
///
/// It leaves out addresses to which there is no route. Of a name with addresses of both families it
/// takes IPv4 alone: both mostly lead to the same servers, and of `localhost` only one is served.
pub struct SystemResolver;

/// How long a look-up may take. The system's own limit is often 30 s and more.
const LOOKUP_LIMIT: Duration = Duration::from_secs(10);

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let lookup = tokio::net::lookup_host((host, port));
        let found: Vec<SocketAddr> = tokio::time::timeout(LOOKUP_LIMIT, lookup)
            .await
            .map_err(|_| io::Error::other("no answer within 10 s"))??
            .collect();
        Ok(preferred(found, has_route))
    }
}

fn preferred(found: Vec<SocketAddr>, has_route: fn(&SocketAddr) -> bool) -> Vec<SocketAddr> {
    let routed: Vec<SocketAddr> = found.iter().copied().filter(has_route).collect();
    let usable = if routed.is_empty() { found } else { routed };
    let v4: Vec<SocketAddr> = usable.iter().copied().filter(SocketAddr::is_ipv4).collect();
    if v4.is_empty() { usable } else { v4 }
}

/// Connecting a UDP socket sends nothing, but fails without a route.
fn has_route(address: &SocketAddr) -> bool {
    let any = match address {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    UdpSocket::bind(any).is_ok_and(|socket| socket.connect(address).is_ok())
}

/// Looks up the hosts of a pool, publishes its table of endpoints and tells Pingora about them.
pub struct Discovery {
    members: Arc<Members>,
    certificates: Certificates,
    resolver: Arc<dyn Resolve>,
    known: Mutex<Known>,
}

struct Known {
    hosts: Vec<Host>,
    /// Addresses of the recent past: DNS answers rotate, and what comes back is no stranger.
    vitals: HashMap<SocketAddr, Remembered>,
    /// The first round takes literal addresses only, so that it needs no waiting.
    begun: bool,
}

/// The host of one configured endpoint.
struct Host {
    name: String,
    port: u16,
    literal: bool,
    /// Of the last good answer, in order.
    addresses: Vec<SocketAddr>,
    error: Option<String>,
}

struct Remembered {
    vitals: Arc<Vitals>,
    last_seen: u64,
}

/// Addresses taken from one DNS answer.
const MAX_ADDRESSES: usize = 64;

/// How long, and how many, addresses are remembered that no answer names any more.
const REMEMBER: Duration = Duration::from_secs(600);
const MAX_REMEMBERED: usize = 1024;

impl Discovery {
    pub fn new(
        members: Arc<Members>,
        certificates: Certificates,
        resolver: Arc<dyn Resolve>,
    ) -> Self {
        let hosts = members.config.endpoints.iter().map(|endpoint| {
            let (host, port) = (&endpoint.url.host, endpoint.url.port);
            let address = host.parse::<IpAddr>().ok();
            Host {
                name: host.clone(),
                port,
                literal: address.is_some(),
                addresses: address
                    .map(|ip| SocketAddr::new(ip, port))
                    .into_iter()
                    .collect(),
                error: None,
            }
        });
        let known = Known {
            hosts: hosts.collect(),
            vitals: HashMap::new(),
            begun: false,
        };
        Self {
            members,
            certificates,
            resolver,
            known: Mutex::new(known),
        }
    }

    /// Asks for all names at once; an answer belongs to the host at its index.
    async fn look_up(
        &self,
        names: Vec<(usize, String, u16)>,
    ) -> Vec<(usize, io::Result<Vec<SocketAddr>>)> {
        let mut lookups = JoinSet::new();
        for (index, name, port) in names {
            let resolver = self.resolver.clone();
            lookups.spawn(async move { (index, resolver.resolve(&name, port).await) });
        }
        lookups.join_all().await
    }

    fn names(&self) -> Vec<(usize, String, u16)> {
        let mut known = self.lock();
        if !std::mem::replace(&mut known.begun, true) {
            return Vec::new();
        }
        let hosts = known.hosts.iter().enumerate();
        hosts
            .filter(|(_, host)| !host.literal)
            .map(|(index, host)| (index, host.name.clone(), host.port))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds the table from the known addresses and returns its backends.
    fn publish(&self, known: &mut Known) -> BTreeSet<Backend> {
        let now = self.members.clock.now();
        let config = &self.members.config;
        let weights = config.endpoints.iter().map(|e| e.weight.max(1));
        let hosts: Vec<(usize, &[SocketAddr])> = weights
            .zip(known.hosts.iter().map(|host| host.addresses.as_slice()))
            .collect();
        let endpoint = |(address, share): (SocketAddr, Share)| {
            let remembered = known.vitals.entry(address).or_insert_with(|| Remembered {
                vitals: Arc::default(),
                last_seen: now,
            });
            remembered.last_seen = now;
            let face = |&index: &usize| {
                let url = config.endpoints[index].url.clone();
                let peer = peer::template(address, &url, config, &self.certificates);
                Face { index, url, peer }
            };
            Arc::new(Endpoint {
                address,
                backend: Backend {
                    addr: socket::SocketAddr::Inet(address),
                    weight: share.weight,
                    ext: Extensions::new(),
                },
                weight: share
                    .hosts
                    .iter()
                    .map(|&i| config.endpoints[i].weight)
                    .sum(),
                faces: share.hosts.iter().map(face).collect(),
                vitals: remembered.vitals.clone(),
            })
        };
        let endpoints: Box<[_]> = shares(&hosts).into_iter().map(endpoint).collect();
        let backends = endpoints.iter().map(|e| e.backend.clone()).collect();
        let errors: Vec<&str> = known
            .hosts
            .iter()
            .filter_map(|h| h.error.as_deref())
            .collect();
        let error = (!errors.is_empty()).then(|| errors.join("; "));
        self.members
            .table
            .store(Arc::new(Table { endpoints, error }));
        forget(&mut known.vitals, now);
        backends
    }
}

#[async_trait]
impl ServiceDiscovery for Discovery {
    async fn discover(&self) -> pingora::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let answers = self.look_up(self.names()).await;
        let mut known = self.lock();
        for (index, answer) in answers {
            known.hosts[index].take(answer, &self.members.config.name);
        }
        Ok((self.publish(&mut known), HashMap::new()))
    }
}

impl Host {
    /// Takes over a good answer; after a bad one the last good one stands.
    fn take(&mut self, answer: io::Result<Vec<SocketAddr>>, pool: &str) {
        let error = match answer {
            Ok(addresses) if addresses.is_empty() => "no addresses".to_owned(),
            Ok(mut addresses) => {
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(MAX_ADDRESSES);
                if self.error.take().is_some() {
                    log::info!("{pool}: `{}` is found again", self.name);
                }
                self.addresses = addresses;
                return;
            }
            Err(e) => e.to_string(),
        };
        let error = format!("`{}` is not found: {error}", self.name);
        if self.error.as_ref() != Some(&error) {
            let kept = match self.addresses.len() {
                0 => String::new(),
                n => format!("; still using {n} known address(es)"),
            };
            log::warn!("{pool}: {error}{kept}");
        }
        self.error = Some(error);
    }
}

/// Drops what was long not seen and has nothing under way.
fn forget(vitals: &mut HashMap<SocketAddr, Remembered>, now: u64) {
    let busy = |r: &Remembered| r.vitals.in_flight.load(Relaxed) > 0;
    let age = |r: &Remembered| now.saturating_sub(r.last_seen);
    vitals.retain(|_, r| age(r) < nanos(REMEMBER) || busy(r));
    if vitals.len() > MAX_REMEMBERED {
        vitals.retain(|_, r| age(r) == 0 || busy(r));
    }
}

/// What one address gets of the traffic, and the hosts it stands for.
#[derive(Debug, Default, PartialEq)]
struct Share {
    weight: usize,
    hosts: Vec<usize>,
}

/// The least common multiple beyond which shares are rounded.
const MAX_MULTIPLE: usize = 1_000_000;

/// The sum of all weights beyond which they are scaled down: a Ketama ring has 160 points for each.
const MAX_TOTAL: usize = 2_000;

/// Splits each host's weight among its addresses, so that a name with many addresses gets no more
/// than its share. Backends of one address are merged: Pingora would drop the second one.
fn shares(hosts: &[(usize, &[SocketAddr])]) -> BTreeMap<SocketAddr, Share> {
    let counts = hosts.iter().map(|(_, addresses)| addresses.len().max(1));
    let multiple = counts.fold(1, |all, n| (all / gcd(all, n) * n).min(MAX_MULTIPLE));
    let mut shares = BTreeMap::<SocketAddr, Share>::new();
    for (index, (weight, addresses)) in hosts.iter().enumerate() {
        for address in *addresses {
            let share = shares.entry(*address).or_default();
            share.weight += (weight * multiple / addresses.len()).max(1);
            share.hosts.push(index);
        }
    }
    let total: usize = shares.values().map(|share| share.weight).sum();
    let divisor = shares
        .values()
        .fold(0, |all, share| gcd(all, share.weight))
        .max(1);
    for share in shares.values_mut() {
        share.weight = if total / divisor > MAX_TOTAL {
            (share.weight * MAX_TOTAL / total).max(1)
        } else {
            share.weight / divisor
        };
    }
    shares
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn weights(hosts: &[(usize, &[SocketAddr])]) -> Vec<usize> {
        shares(hosts).values().map(|share| share.weight).collect()
    }

    #[test]
    fn a_name_with_many_addresses_gets_no_more_than_its_share() {
        let many = addresses(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
        let one = addresses(&["10.0.1.1:80"]);
        assert_eq!(weights(&[(1, &many), (1, &one)]), [1, 1, 1, 3]);
        assert_eq!(weights(&[(6, &many), (1, &one)]), [2, 2, 2, 1]);
    }

    #[test]
    fn names_that_share_an_address_are_merged_with_their_weights() {
        let shared = addresses(&["10.0.0.1:80"]);
        let other = addresses(&["10.0.0.2:80"]);
        let shares = shares(&[(1, &shared), (2, &shared), (1, &other)]);
        assert_eq!(
            shares[&shared[0]],
            Share {
                weight: 3,
                hosts: vec![0, 1]
            }
        );
        assert_eq!(
            shares[&other[0]],
            Share {
                weight: 1,
                hosts: vec![2]
            }
        );
    }

    #[test]
    fn weights_stay_small_and_are_never_nothing() {
        let hosts: Vec<_> = (0..40u8)
            .map(|n| [SocketAddr::from(([10, 0, 0, n], 80))])
            .collect();
        let weighted: Vec<(usize, &[SocketAddr])> = hosts
            .iter()
            .enumerate()
            .map(|(n, host)| (if n == 0 { 1 } else { 1_000 }, host.as_slice()))
            .collect();
        let weights = weights(&weighted);
        assert!(weights.iter().sum::<usize>() <= MAX_TOTAL + 40);
        assert_eq!(weights[0], 1);
        assert!(weights[1..].iter().all(|&w| w == 51));
    }

    #[test]
    fn of_both_families_the_routed_one_is_taken_and_ipv4_before_ipv6() {
        let (v4, v6) = (addresses(&["10.0.0.1:80"]), addresses(&["[fd00::1]:80"]));
        let both = [v6.clone(), v4.clone()].concat();
        assert_eq!(preferred(both.clone(), |_| true), v4);
        assert_eq!(preferred(both.clone(), SocketAddr::is_ipv6), v6);
        assert_eq!(preferred(v6.clone(), |_| false), v6);
    }

    #[tokio::test]
    async fn the_system_knows_localhost() {
        let found = SystemResolver.resolve("localhost", 80).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        assert!(!found.is_empty());
    }
}
