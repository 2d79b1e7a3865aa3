//! How slow an endpoint is: a moving average that believes bad news at once and good news slowly.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Time in which the weight of old observations falls to 1/e, in milliseconds (Finagle's default of 10 s).
const DECAY_MS: f32 = 10_000.0;

/// The smallest observation, in milliseconds; 0 stands for "nothing observed yet".
const LEAST_MS: f32 = 0.001;

/// What a failure counts as at least, and at most, in milliseconds.
const FAILURE_MS: (f32, f32) = (5_000.0, 300_000.0);

/// Cost of an endpoint that has requests under way but no answer yet, as in Finagle: one request at
/// a time explores it.
const UNKNOWN_COST: f64 = 1e15;

/// Peak-sensitive, exponentially weighted moving average of the time to the first byte.
///
/// The rules are those of Finagle's `PeakEwma.scala` (also in tower's `load::PeakEwma` and Linkerd):
/// an answer slower than the average replaces it, a faster one pulls it down with e^(-Δt/10 s), and
/// without answers it decays towards nothing, so a slow endpoint gets its next chance.
///
/// One atomic holds both parts: the average as `f32` milliseconds above, the time of the last
/// change as `u32` milliseconds (which wrap after 49 days) below.
#[derive(Default)]
pub struct PeakEwma(AtomicU64);

impl PeakEwma {
    /// Notes that an answer took `time`. `now` is in nanoseconds, as [`super::clock::Clock`] gives it.
    pub fn observe(&self, time: Duration, now: u64) {
        let sample = (time.as_secs_f32() * 1e3).max(LEAST_MS);
        self.update(now, |average, decay| {
            if sample > average {
                sample
            } else {
                average * decay + sample * (1.0 - decay)
            }
        });
    }

    /// Notes a failure: it counts as a slow answer, else a server that refuses at once would look fastest.
    pub fn failed(&self, now: u64) {
        let (least, most) = FAILURE_MS;
        self.update(now, |average, _| (average * 2.0).clamp(least, most));
    }

    /// The average in milliseconds, decayed up to now; 0 before the first answer.
    pub fn get(&self, now: u64) -> f64 {
        let (average, decay) = unpack(self.0.load(Relaxed), now);
        f64::from(average * decay)
    }

    /// The cost of one more request where `in_flight` are under way: average times load.
    pub fn cost(&self, in_flight: usize, now: u64) -> f64 {
        let average = self.get(now);
        if average == 0.0 && in_flight > 0 {
            UNKNOWN_COST + in_flight as f64
        } else {
            average * (in_flight + 1) as f64
        }
    }

    fn update(&self, now: u64, change: impl Fn(f32, f32) -> f32) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |packed| {
            let (average, decay) = unpack(packed, now);
            let average = change(average, decay);
            Some(u64::from(average.to_bits()) << 32 | u64::from(millis(now)))
        });
    }
}

/// The average as it was stored, and the factor by which it has decayed since.
fn unpack(packed: u64, now: u64) -> (f32, f32) {
    let average = f32::from_bits((packed >> 32) as u32);
    // Another thread may have stored a later time than ours: that is no time at all.
    let passed = (millis(now).wrapping_sub(packed as u32) as i32).max(0);
    (average, (-(passed as f32) / DECAY_MS).exp())
}

/// Milliseconds of a time in nanoseconds, without the high bits.
fn millis(nanos: u64) -> u32 {
    (nanos / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_slow_answer_is_believed_at_once_and_a_fast_one_slowly() {
        let ewma = PeakEwma::default();
        ewma.observe(ms(100), SECOND);
        ewma.observe(ms(2_000), 2 * SECOND);
        assert!((ewma.get(2 * SECOND) - 2_000.0).abs() < 1.0);

        ewma.observe(ms(100), 3 * SECOND);
        let after_one_second = 2_000.0 * f64::exp(-0.1) + 100.0 * (1.0 - f64::exp(-0.1));
        assert!((ewma.get(3 * SECOND) - after_one_second).abs() < 1.0);
    }

    #[test]
    fn without_answers_the_average_decays_to_a_third_in_ten_seconds() {
        let ewma = PeakEwma::default();
        ewma.observe(ms(1_000), SECOND);
        assert!((ewma.get(11 * SECOND) - 367.9).abs() < 1.0);
    }

    #[test]
    fn an_untried_endpoint_is_free_until_one_request_explores_it() {
        let ewma = PeakEwma::default();
        assert_eq!(ewma.cost(0, SECOND), 0.0);
        assert!(ewma.cost(1, SECOND) > 1e14);
        ewma.observe(Duration::ZERO, SECOND);
        assert!(ewma.cost(1, SECOND) < 1.0);
    }

    #[test]
    fn a_failure_is_slower_than_any_usual_answer() {
        let ewma = PeakEwma::default();
        ewma.observe(ms(20), SECOND);
        ewma.failed(SECOND);
        assert_eq!(ewma.get(SECOND), 5_000.0);
        for _ in 0..20 {
            ewma.failed(SECOND);
        }
        assert_eq!(ewma.get(SECOND), 300_000.0);
    }

    #[test]
    fn a_time_before_the_last_change_is_no_time() {
        let ewma = PeakEwma::default();
        ewma.observe(ms(100), 5 * SECOND);
        assert!((ewma.get(4 * SECOND) - 100.0).abs() < 0.1);
    }
}
