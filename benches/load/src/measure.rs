//! Times and processor use.

use std::fs;
use std::io::{Error, ErrorKind, Result};

/// Linux counts in hundredths of a second here (`USER_HZ`), on every architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of processor time, user and system, that a process has used so far.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    ticks(&stat)
        .map(|ticks| ticks as f64 / TICKS_PER_SECOND)
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("/proc/{pid}/stat: {stat}")))
}

/// utime and stime, fields 14 and 15; the name in field 2 may contain anything, even `)`.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat[stat.rfind(')')? + 1..]
        .split_ascii_whitespace()
        .skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Durations in microseconds, and what is asked of them.
#[derive(Default)]
pub struct Samples(Vec<u32>);

impl Samples {
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub fn add(&mut self, micros: u64) {
        self.0.push(micros.try_into().unwrap_or(u32::MAX));
    }

    /// The smallest sample that at least `share` of them do not exceed, or 0 if there are none.
    pub fn percentile(&mut self, share: f64) -> u32 {
        self.0.sort_unstable();
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_process_name() {
        let stat = "42 (a) b (c) R 1 42 42 0 -1 4194304 1 2 3 4 120 30 0 0 20 0 1 0 5";
        assert_eq!(ticks(stat), Some(150));
    }

    #[test]
    fn percentiles_are_samples() {
        let mut samples = Samples::default();
        (1..=100).rev().for_each(|micros| samples.add(micros));
        assert_eq!(
            (samples.percentile(0.5), samples.percentile(0.99)),
            (50, 99)
        );
        assert_eq!(Samples::default().percentile(0.5), 0);
    }
}
