//! Passive health of one endpoint: what its requests say about it, and how long it rests.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::{OutlierConfig, clock::nanos};

/// Counts outcomes and holds the ejection of one endpoint. All times are nanoseconds of the pool's clock.
#[derive(Default)]
pub struct Outlier {
    consecutive: AtomicU32,
    tally: Tally,
    ejected_until: AtomicU64,
    /// How many ejections the next one follows; each doubles its length.
    ejections: AtomicU32,
    /// From when on it has served well.
    calm_since: AtomicU64,
}

impl Outlier {
    /// Whether it is resting.
    pub fn ejected(&self, now: u64) -> bool {
        now < self.ejected_until.load(Relaxed)
    }

    /// Counts a request that went well. Each `window` of good service takes one doubling back.
    pub fn succeeded(&self, config: &OutlierConfig, now: u64) {
        if self.consecutive.load(Relaxed) != 0 {
            self.consecutive.store(0, Relaxed);
        }
        self.tally.add(config, now, false);
        let calm = self.calm_since.load(Relaxed);
        if self.ejections.load(Relaxed) > 0
            && now >= calm.saturating_add(nanos(config.window.get()))
            && self
                .calm_since
                .compare_exchange(calm, now, Relaxed, Relaxed)
                .is_ok()
        {
            let less = |n: u32| n.checked_sub(1);
            let _ = self.ejections.fetch_update(Relaxed, Relaxed, less);
        }
    }

    /// Counts a failure of a request that was sent at `sent`; says whether it should now be ejected.
    ///
    /// A request from before the end of the last ejection tells nothing new: it would make the
    /// back-off longer without one more chance given (agentgateway #1912).
    pub fn failed(&self, config: &OutlierConfig, sent: u64, now: u64) -> bool {
        if sent < self.ejected_until.load(Relaxed) {
            return false;
        }
        let consecutive = self.consecutive.fetch_add(1, Relaxed).saturating_add(1);
        let (total, failed) = self.tally.add(config, now, true);
        let in_a_row =
            config.consecutive_failures > 0 && consecutive >= config.consecutive_failures;
        let too_many = config.error_ratio < 1.0
            && total >= config.min_requests.max(1)
            && f64::from(failed) >= config.error_ratio * f64::from(total);
        in_a_row || too_many
    }

    /// Ejects it until the returned time. Callers take turns, so that the pool's limit holds.
    pub fn eject(&self, config: &OutlierConfig, now: u64) -> u64 {
        let (first, longest) = (
            nanos(config.ejection.get()),
            nanos(config.max_ejection.get()),
        );
        let before = self.ejections.load(Relaxed);
        let time = first.saturating_mul(1 << before.min(31));
        if time < longest {
            // Past the longest, further doublings would only take longer to take back.
            self.ejections.store(before + 1, Relaxed);
        }
        let until = now.saturating_add(time.min(longest));
        self.calm_since.store(until, Relaxed);
        self.ejected_until.store(until, Relaxed);
        self.consecutive.store(0, Relaxed);
        self.tally.clear();
        until
    }
}

/// Requests and failures within a sliding window, in two halves: the oldest half falls off as a whole.
#[derive(Default)]
struct Tally([AtomicU64; 2]);

/// Bits for each count of a half; a full count stays full.
const COUNT_BITS: u32 = 22;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

impl Tally {
    /// Adds one outcome and returns requests and failures of the window.
    fn add(&self, config: &OutlierConfig, now: u64, failed: bool) -> (u32, u32) {
        let half = now / (nanos(config.window.get()) / 2).max(1);
        // Half of the window by number, requests, failures: 20, 22 and 22 bits of one atomic.
        let stamp = half & (u64::MAX >> (2 * COUNT_BITS));
        let slot = &self.0[(half % 2) as usize];
        let add = |old: u64| {
            let (total, bad) = counts(old, stamp);
            let total = (total + 1).min(COUNT);
            let bad = (bad + u64::from(failed)).min(COUNT);
            stamp << (2 * COUNT_BITS) | total << COUNT_BITS | bad
        };
        let old = slot.fetch_update(Relaxed, Relaxed, |old| Some(add(old)));
        let now = counts(add(old.unwrap_or_else(|same| same)), stamp);
        let other = self.0[((half + 1) % 2) as usize].load(Relaxed);
        let before = counts(
            other,
            stamp.wrapping_sub(1) & (u64::MAX >> (2 * COUNT_BITS)),
        );
        ((now.0 + before.0) as u32, (now.1 + before.1) as u32)
    }

    fn clear(&self) {
        for slot in &self.0 {
            slot.store(0, Relaxed);
        }
    }
}

/// Requests and failures of a half, if it is the one that `stamp` means.
fn counts(packed: u64, stamp: u64) -> (u64, u64) {
    if packed >> (2 * COUNT_BITS) == stamp {
        (packed >> COUNT_BITS & COUNT, packed & COUNT)
    } else {
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Duration;

    const SECOND: u64 = 1_000_000_000;

    fn config() -> OutlierConfig {
        OutlierConfig {
            consecutive_failures: 3,
            error_ratio: 1.0,
            window: Duration::secs(30),
            ejection: Duration::secs(10),
            max_ejection: Duration::secs(60),
            ..OutlierConfig::default()
        }
    }

    #[test]
    fn a_success_between_failures_starts_the_count_anew() {
        let (outlier, config) = (Outlier::default(), config());
        assert!(!outlier.failed(&config, 1, 1));
        assert!(!outlier.failed(&config, 1, 1));
        outlier.succeeded(&config, 1);
        assert!(!outlier.failed(&config, 1, 1));
        assert!(!outlier.failed(&config, 1, 1));
        assert!(outlier.failed(&config, 1, 1));
    }

    #[test]
    fn each_ejection_doubles_up_to_the_longest() {
        let (outlier, config) = (Outlier::default(), config());
        let mut now = SECOND;
        for seconds in [10, 20, 40, 60, 60] {
            let until = outlier.eject(&config, now);
            assert_eq!((until - now) / SECOND, seconds);
            assert!(outlier.ejected(until - 1) && !outlier.ejected(until));
            now = until;
        }
    }

    #[test]
    fn failures_of_requests_from_before_the_ejection_ended_do_not_count() {
        let (outlier, config) = (Outlier::default(), config());
        let until = outlier.eject(&config, SECOND);
        for _ in 0..10 {
            assert!(!outlier.failed(&config, SECOND, 2 * SECOND));
            assert!(!outlier.failed(&config, SECOND, until + SECOND));
        }
        assert!(!outlier.failed(&config, until, until));
        assert_eq!(outlier.eject(&config, until) - until, 20 * SECOND);
    }

    #[test]
    fn good_service_takes_the_doublings_back() {
        let (outlier, config) = (Outlier::default(), config());
        let first = outlier.eject(&config, SECOND);
        let second = outlier.eject(&config, first);
        outlier.succeeded(&config, second + SECOND);
        outlier.succeeded(&config, second + 31 * SECOND);
        outlier.succeeded(&config, second + 32 * SECOND);
        let now = second + 33 * SECOND;
        assert_eq!(outlier.eject(&config, now) - now, 20 * SECOND);
    }

    #[test]
    fn an_error_ratio_ejects_after_enough_requests() {
        let outlier = Outlier::default();
        let config = OutlierConfig {
            consecutive_failures: 0,
            error_ratio: 0.5,
            min_requests: 6,
            ..config()
        };
        for _ in 0..2 {
            outlier.succeeded(&config, SECOND);
            assert!(!outlier.failed(&config, 1, SECOND));
        }
        outlier.succeeded(&config, SECOND);
        assert!(outlier.failed(&config, 1, SECOND), "3 of 6 failed");
    }

    #[test]
    fn the_window_slides_by_halves() {
        let (tally, config) = (Tally::default(), config());
        assert_eq!(tally.add(&config, 14 * SECOND, true), (1, 1));
        assert_eq!(tally.add(&config, 16 * SECOND, false), (2, 1));
        assert_eq!(tally.add(&config, 31 * SECOND, true), (2, 1));
        assert_eq!(tally.add(&config, 100 * SECOND, true), (1, 1));
    }
}
