//! How much one address may have open at a time.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// What is counted for each address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Connections.
    Connections,
    /// Requests that run.
    Requests,
    /// Streamed answers.
    Streams,
}

impl Open {
    /// The metric label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Requests => "requests",
            Self::Streams => "streams",
        }
    }
}

/// The open connections, requests and streams of every address that has any. An address that has none takes no memory.
#[derive(Default)]
pub struct Addresses {
    shards: [Mutex<HashMap<IpAddr, [u32; 3]>>; 16],
}

impl Addresses {
    fn shard(&self, address: IpAddr) -> &Mutex<HashMap<IpAddr, [u32; 3]>> {
        let last = match address {
            IpAddr::V4(a) => a.octets()[3],
            IpAddr::V6(a) => a.octets().iter().fold(0, |x, y| x ^ y),
        };
        &self.shards[usize::from(last % 16)]
    }

    /// Counts one more for `address`, until the permit is dropped; `None` if it has `limit` already (0: no limit).
    pub fn admit(self: &Arc<Self>, address: IpAddr, what: Open, limit: u32) -> Option<Permit> {
        let mut shard = self
            .shard(address)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let counts = shard.entry(address).or_default();
        let count = &mut counts[what as usize];
        if limit != 0 && *count >= limit {
            return None;
        }
        *count += 1;
        Some(Permit {
            of: self.clone(),
            address,
            what,
        })
    }

    /// How many addresses have anything open.
    pub fn len(&self) -> usize {
        let len = |shard: &Mutex<HashMap<_, _>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.shards.iter().map(len).sum()
    }

    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One open thing; gives its place back when dropped, on every way out.
pub struct Permit {
    of: Arc<Addresses>,
    address: IpAddr,
    what: Open,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut shard = self
            .of
            .shard(self.address)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = shard.entry(self.address) {
            let counts = entry.get_mut();
            let count = &mut counts[self.what as usize];
            *count = count.saturating_sub(1);
            if *counts == [0; 3] {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_one_address_and_ends_with_the_permit() {
        let addresses = Arc::new(Addresses::default());
        let a = IpAddr::from([127, 0, 0, 1]);
        let b = IpAddr::from([127, 0, 0, 2]);
        let first = addresses.admit(a, Open::Streams, 1);
        assert!(first.is_some());
        assert!(addresses.admit(a, Open::Streams, 1).is_none());
        assert!(addresses.admit(a, Open::Requests, 1).is_some());
        assert!(addresses.admit(b, Open::Streams, 1).is_some());
        drop(first);
        assert!(addresses.admit(a, Open::Streams, 1).is_some());
    }

    #[test]
    fn addresses_without_anything_open_are_forgotten() {
        let addresses = Arc::new(Addresses::default());
        for n in 0..=255 {
            let address = IpAddr::from([10, 0, 0, n]);
            drop(addresses.admit(address, Open::Requests, 5));
        }
        assert!(addresses.is_empty());
    }

    #[test]
    fn no_limit_admits_everyone() {
        let addresses = Arc::new(Addresses::default());
        let a = IpAddr::from([127, 0, 0, 1]);
        let permits: Vec<_> = (0..100)
            .map(|_| addresses.admit(a, Open::Requests, 0))
            .collect();
        assert!(permits.iter().all(Option::is_some));
    }
}
