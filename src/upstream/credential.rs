//! The credentials of one provider: used in turn; one that is refused or limited rests for a while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::clock::{Clock, nanos};
use crate::auth::Secret;

/// The keys of one provider and until when each of them rests.
///
/// What one request has tried is a set of 64 bits. With more keys, those 64 apart share a bit: all
/// are used in turn, and one request tries at most 64 of them.
pub struct Credentials {
    keys: Vec<Key>,
    turn: AtomicUsize,
    clock: Clock,
}

struct Key {
    secret: Arc<Secret>,
    rests_until: AtomicU64,
}

/// One credential to send a request with.
#[derive(Clone, Debug)]
pub struct Picked {
    /// Its place in the configuration, counted from 0: for [`Credentials::rest`] and for logs.
    pub index: usize,
    /// The secret; `None` where the provider wants none.
    pub secret: Option<Arc<Secret>>,
}

impl Picked {
    /// The bit to add to the set of tried ones.
    pub fn bit(&self) -> u64 {
        bit(self.index)
    }
}

impl Credentials {
    /// Takes the keys in the order of the configuration; none at all for a provider without keys.
    pub fn new(keys: Vec<Secret>) -> Self {
        let key = |secret| Key {
            secret: Arc::new(secret),
            rests_until: AtomicU64::new(0),
        };
        Self {
            keys: keys.into_iter().map(key).collect(),
            turn: AtomicUsize::new(0),
            clock: Clock::new(),
        }
    }

    /// The next credential that is not in the set `tried`: in turn among those that do not rest,
    /// else the one that will be back first, so that a lone key is always used.
    ///
    /// `None` only if all were tried. Without keys there is one pick, without a secret.
    pub fn pick(&self, tried: u64) -> Option<Picked> {
        if self.keys.is_empty() {
            return (tried & 1 == 0).then_some(Picked {
                index: 0,
                secret: None,
            });
        }
        let turn = self.turn.fetch_add(1, Relaxed);
        let now = self.clock.now();
        let usable = self.usable(tried, now).count();
        // Counting the usable ones first keeps the turn fair: the neighbour of one that rests
        // would otherwise take over all of its requests.
        let in_turn = match usable {
            0 => None,
            usable => self.usable(tried, now).nth(turn % usable),
        };
        let (index, key) = in_turn.or_else(|| {
            self.untried(tried)
                .min_by_key(|(_, key)| key.rests_until.load(Relaxed))
        })?;
        Some(Picked {
            index,
            secret: Some(key.secret.clone()),
        })
    }

    /// Whether a credential is left that was not tried and does not rest.
    pub fn fresh(&self, tried: u64) -> bool {
        if self.keys.is_empty() {
            tried & 1 == 0
        } else {
            self.usable(tried, self.clock.now()).next().is_some()
        }
    }

    /// Lets a credential rest for `time` from now. Of two deadlines the later one stands.
    pub fn rest(&self, index: usize, time: Duration) {
        if let Some(key) = self.keys.get(index) {
            let until = self.clock.now().saturating_add(nanos(time));
            key.rests_until.fetch_max(until, Relaxed);
        }
    }

    /// How long until a credential can be used; `None` if one can be used now.
    pub fn recovers_in(&self) -> Option<Duration> {
        let now = self.clock.now();
        let until = |key: &Key| key.rests_until.load(Relaxed);
        let first = self.keys.iter().map(until).min()?;
        (first > now).then(|| Duration::from_nanos(first - now))
    }

    fn untried(&self, tried: u64) -> impl Iterator<Item = (usize, &Key)> {
        let untried = move |(index, _): &(usize, &Key)| tried & bit(*index) == 0;
        self.keys.iter().enumerate().filter(untried)
    }

    fn usable(&self, tried: u64, now: u64) -> impl Iterator<Item = (usize, &Key)> {
        self.untried(tried)
            .filter(move |(_, key)| key.rests_until.load(Relaxed) <= now)
    }
}

fn bit(index: usize) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn credentials(n: usize) -> Credentials {
        Credentials::new((0..n).map(|i| Secret::new(format!("key-{i}"))).collect())
    }

    fn picks(credentials: &Credentials, n: usize) -> Vec<usize> {
        let mut counts = vec![0; credentials.keys.len()];
        for _ in 0..n {
            counts[credentials.pick(0).unwrap().index] += 1;
        }
        counts
    }

    #[test]
    fn keys_are_used_in_turn_and_evenly_also_while_one_rests() {
        let credentials = credentials(4);
        assert_eq!(picks(&credentials, 400), [100, 100, 100, 100]);
        credentials.rest(1, MINUTE);
        assert_eq!(picks(&credentials, 300), [100, 0, 100, 100]);
        credentials.clock.skip(MINUTE);
        assert_eq!(picks(&credentials, 400), [100, 100, 100, 100]);
    }

    #[test]
    fn a_request_tries_each_key_once() {
        let credentials = credentials(3);
        let mut tried = 0;
        let mut seen = Vec::new();
        while let Some(picked) = credentials.pick(tried) {
            tried |= picked.bit();
            seen.push(picked.index);
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
        assert!(!credentials.fresh(tried));
    }

    #[test]
    fn a_lone_key_is_used_even_while_it_rests() {
        let credentials = credentials(1);
        credentials.rest(0, MINUTE);
        assert!(!credentials.fresh(0));
        let picked = credentials.pick(0).unwrap();
        assert_eq!(picked.secret.unwrap().expose(), "key-0");
        assert!(credentials.pick(1).is_none());
    }

    #[test]
    fn when_all_rest_the_first_to_recover_is_used() {
        let credentials = credentials(3);
        credentials.rest(0, 3 * MINUTE);
        credentials.rest(1, MINUTE);
        credentials.rest(2, 2 * MINUTE);
        assert_eq!(credentials.pick(0).unwrap().index, 1);
        assert_eq!(credentials.pick(0b010).unwrap().index, 2);
        let wait = credentials.recovers_in().unwrap();
        assert!(wait <= MINUTE && wait > MINUTE / 2);
    }

    #[test]
    fn of_two_deadlines_the_later_one_stands() {
        let credentials = credentials(1);
        credentials.rest(0, 2 * MINUTE);
        credentials.rest(0, MINUTE);
        credentials.clock.skip(MINUTE);
        assert!(credentials.recovers_in().is_some());
        credentials.clock.skip(MINUTE);
        assert!(credentials.recovers_in().is_none());
        assert!(credentials.fresh(0));
    }

    #[test]
    fn a_provider_without_keys_has_one_pick_and_nothing_to_rest() {
        let credentials = Credentials::new(Vec::new());
        assert!(credentials.fresh(0));
        let picked = credentials.pick(0).unwrap();
        assert_eq!((picked.index, picked.secret.is_none()), (0, true));
        credentials.rest(0, MINUTE);
        assert!(credentials.recovers_in().is_none());
        assert!(credentials.pick(picked.bit()).is_none());
    }

    #[test]
    fn more_keys_than_bits_are_all_used() {
        let credentials = credentials(100);
        assert_eq!(picks(&credentials, 100), [1; 100]);
        let mut tried = 0;
        let mut attempts = 0;
        while let Some(picked) = credentials.pick(tried) {
            tried |= picked.bit();
            attempts += 1;
        }
        assert_eq!(attempts, 64);
    }
}
