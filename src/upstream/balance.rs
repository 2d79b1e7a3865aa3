//! How a pool chooses among its endpoints: `pingora-load-balancing` with Ketama and our own orders.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use pingora::lb::{
    Backend, Backends, LoadBalancer,
    selection::{BackendIter, BackendSelection, Consistent},
};

use super::{
    Balance,
    endpoint::{Endpoint, Members},
};

/// A load balancer of any kind.
#[async_trait]
pub trait Balancer: Send + Sync {
    /// Looks for members, and orders them anew if they changed. Must not run twice at once.
    async fn update(&self) -> pingora::Result<()>;

    /// The first address in the order for `key` that `accept` takes, given whether active health
    /// checks found it ready. May miss one that comes late in a long order.
    fn choose(&self, key: u64, accept: &dyn Fn(SocketAddr, bool) -> bool) -> Option<SocketAddr>;

    /// Members and their active health.
    fn backends(&self) -> &Backends;
}

/// The load balancer for a configuration.
pub fn balancer(members: &Arc<Members>, backends: Backends) -> Box<dyn Balancer> {
    let by = |cost| {
        let members = members.clone();
        Some(ByCost { members, cost })
    };
    match members.config.balance {
        Balance::RoundRobin => Box::new(LoadBalancer::<InTurn>::from_backends(backends)),
        Balance::ConsistentHash => Box::new(LoadBalancer::<Consistent>::from_backends(backends)),
        Balance::LeastBusy => Box::new(LoadBalancer::<Cheapest>::from_backends_with_config(
            backends,
            by(busy),
        )),
        Balance::Latency => Box::new(LoadBalancer::<Cheapest>::from_backends_with_config(
            backends,
            by(slow),
        )),
    }
}

#[async_trait]
impl<S> Balancer for LoadBalancer<S>
where
    S: BackendSelection + Send + Sync + 'static,
    S::Iter: BackendIter,
{
    async fn update(&self) -> pingora::Result<()> {
        LoadBalancer::update(self).await
    }

    fn choose(&self, key: u64, accept: &dyn Fn(SocketAddr, bool) -> bool) -> Option<SocketAddr> {
        let steps = steps(LoadBalancer::backends(self).get_backend().len());
        let accept = |backend: &Backend, ready| address(backend).is_some_and(|a| accept(a, ready));
        let found = self.select_with(&key.to_le_bytes(), steps, accept)?;
        address(&found)
    }

    fn backends(&self) -> &Backends {
        LoadBalancer::backends(self)
    }
}

/// How many steps to go through an order of `n` members: a ring visits most of them many times.
fn steps(n: usize) -> usize {
    64 + 16 * n
}

fn address(backend: &Backend) -> Option<SocketAddr> {
    backend.addr.as_inet().copied()
}

/// In turn by weight, spread evenly: weights 3 and 1 give `a a b a` rather than a run of each.
///
/// Pingora's own `RoundRobin` serves runs as long as the weight, and goes on from an endpoint that
/// is out by drawing from the counter that all threads share, so it may miss the only good one.
pub struct InTurn {
    backends: Box<[Backend]>,
    order: Box<[u16]>,
    turn: AtomicUsize,
}

impl BackendSelection for InTurn {
    type Iter = TurnIter;
    type Config = ();

    fn build(backends: &BTreeSet<Backend>) -> Self {
        let backends: Box<[Backend]> = backends.iter().cloned().collect();
        // Each backend's turns are at the middles of its equal parts of the round.
        let mut turns: Vec<(f64, u16)> = Vec::new();
        for (index, backend) in backends.iter().enumerate().take(usize::from(u16::MAX)) {
            let weight = backend.weight.max(1);
            let middle = |part| (part as f64 + 0.5) / weight as f64;
            turns.extend((0..weight).map(|part| (middle(part), index as u16)));
        }
        turns.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            backends,
            order: turns.into_iter().map(|(_, index)| index).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    fn iter(self: &Arc<Self>, _key: &[u8]) -> TurnIter {
        TurnIter {
            draws: steps(self.backends.len()) - self.backends.len(),
            order: self.clone(),
            swept: 0,
        }
    }
}

/// Draws turns, so that those of an endpoint that is out fall to all others alike; then goes
/// through all members once.
pub struct TurnIter {
    order: Arc<InTurn>,
    draws: usize,
    swept: usize,
}

impl BackendIter for TurnIter {
    fn next(&mut self) -> Option<&Backend> {
        let InTurn {
            backends,
            order,
            turn,
        } = &*self.order;
        if order.is_empty() {
            return None;
        }
        if self.draws > 0 {
            self.draws -= 1;
            let turn = turn.fetch_add(1, Relaxed) % order.len();
            return Some(&backends[usize::from(order[turn])]);
        }
        self.swept += 1;
        backends.get(self.swept - 1)
    }
}

/// What one more request to an endpoint costs, at a time of the pool's clock.
type Cost = fn(&Endpoint, u64) -> f64;

/// The members and what makes one of them expensive.
#[derive(Clone)]
pub struct ByCost {
    members: Arc<Members>,
    cost: Cost,
}

/// Requests under way, with the one to come, against the weight.
fn busy(endpoint: &Endpoint, _now: u64) -> f64 {
    let in_flight = endpoint.vitals.in_flight.load(Relaxed);
    (in_flight + 1) as f64 / endpoint.backend.weight as f64
}

/// Peak EWMA of the latency times load, against the weight.
fn slow(endpoint: &Endpoint, now: u64) -> f64 {
    let in_flight = endpoint.vitals.in_flight.load(Relaxed);
    endpoint.vitals.latency.cost(in_flight, now) / endpoint.backend.weight as f64
}

/// The cheapest first; those that cost the same take turns.
pub struct Cheapest {
    candidates: Box<[(Backend, Arc<Endpoint>)]>,
    by: Option<ByCost>,
    turn: AtomicUsize,
}

impl BackendSelection for Cheapest {
    type Iter = CheapestIter;
    type Config = ByCost;

    fn build_with_config(backends: &BTreeSet<Backend>, config: &ByCost) -> Self {
        let table = config.members.table.load();
        let endpoint = |backend: &Backend| table.find(address(backend)?).cloned();
        let candidate = |backend: &Backend| Some((backend.clone(), endpoint(backend)?));
        Self {
            candidates: backends.iter().filter_map(candidate).collect(),
            by: Some(config.clone()),
            turn: AtomicUsize::new(0),
        }
    }

    fn build(_: &BTreeSet<Backend>) -> Self {
        Self {
            candidates: Box::default(),
            by: None,
            turn: AtomicUsize::new(0),
        }
    }

    fn iter(self: &Arc<Self>, _key: &[u8]) -> CheapestIter {
        let costs = match &self.by {
            None => Vec::new(),
            Some(ByCost { members, cost }) => {
                let now = members.clock.now();
                let n = self.candidates.len();
                let first = self.turn.fetch_add(1, Relaxed);
                let index = |k| (first.wrapping_add(k)) % n;
                let cost = |i: usize| (cost(&self.candidates[i].1, now), i);
                (0..n).map(index).map(cost).collect()
            }
        };
        CheapestIter {
            selection: self.clone(),
            costs,
        }
    }
}

/// The members that were not offered yet, with their costs at the beginning.
pub struct CheapestIter {
    selection: Arc<Cheapest>,
    costs: Vec<(f64, usize)>,
}

impl BackendIter for CheapestIter {
    fn next(&mut self) -> Option<&Backend> {
        let costs = self.costs.iter().enumerate();
        let (position, _) = costs.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))?;
        let (_, index) = self.costs.remove(position);
        Some(&self.selection.candidates[index].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(weights: &[usize]) -> Vec<u16> {
        let backend = |(n, &weight): (usize, &usize)| {
            Backend::new_with_weight(&format!("10.0.0.{n}:80"), weight).unwrap()
        };
        InTurn::build(&weights.iter().enumerate().map(backend).collect())
            .order
            .into_vec()
    }

    #[test]
    fn turns_are_spread_over_the_round() {
        assert_eq!(order(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(order(&[2, 1]), [0, 1, 0]);
        assert_eq!(order(&[4, 1]), [0, 0, 1, 0, 0]);
        let longest = |order: &[u16]| {
            order
                .chunk_by(|a, b| a == b)
                .map(<[u16]>::len)
                .max()
                .unwrap()
        };
        assert_eq!(longest(&order(&[53, 50])), 2, "no run is long");
    }

    #[test]
    fn when_the_draws_are_used_up_every_member_still_comes_once() {
        let backend = |n| Backend::new(&format!("10.0.0.{n}:80")).unwrap();
        let order = Arc::new(InTurn::build(&(0..3).map(backend).collect()));
        let mut iter = order.iter(&[]);
        iter.draws = 0;
        let mut seen = 0;
        while iter.next().is_some() {
            seen += 1;
        }
        assert_eq!(seen, 3);
    }
}
