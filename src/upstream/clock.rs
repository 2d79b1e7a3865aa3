//! Time that fits an atomic: nanoseconds on a clock that never goes back.

use std::time::{Duration, Instant};

/// Counts nanoseconds from its own beginning, so that a deadline is a number that threads can share.
pub struct Clock {
    start: Instant,
    #[cfg(test)]
    skipped: std::sync::atomic::AtomicU64,
}

impl Clock {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(test)]
            skipped: Default::default(),
        }
    }

    /// Nanoseconds since the beginning; never 0, which thus can stand for "never".
    pub fn now(&self) -> u64 {
        let now = nanos(self.start.elapsed()).saturating_add(1);
        #[cfg(test)]
        let now = now + self.skipped.load(std::sync::atomic::Ordering::Relaxed);
        now
    }

    /// Lets a test pass time without waiting for it.
    #[cfg(test)]
    pub fn skip(&self, time: Duration) {
        self.skipped
            .fetch_add(nanos(time), std::sync::atomic::Ordering::Relaxed);
    }
}

/// A span in nanoseconds; five centuries and more count as 584 years.
pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
