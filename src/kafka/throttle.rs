//! The read-rate cap: a bucket that all fetch threads draw from.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes a second over all brokers. What was read is paid afterwards: a fetch may overdraw, and the next one waits.
pub(super) struct RateCap {
    bytes_per_second: u64,
    /// When everything that was read so far is paid for.
    paid_at: Mutex<Option<Instant>>,
}

/// Time that was not used is not saved up beyond this, so that a pause is not followed by a burst.
const BURST: Duration = Duration::from_millis(500);

impl RateCap {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid_at: Mutex::new(None) }
    }

    /// Most bytes that one fetch should ask for, so that a low cap shows as short waits and not as rare bursts.
    pub(super) fn fetch_bytes(&self, most: i32) -> i32 {
        const LEAST: u64 = 64 << 10;
        i32::try_from(self.bytes_per_second.max(LEAST)).unwrap_or(most).min(most)
    }

    /// Takes note of `bytes` that were read at `now` and says how long to wait before reading on.
    pub(super) fn spend(&self, bytes: usize, now: Instant) -> Duration {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let price = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let until = paid_at.map_or(earliest, |paid| paid.max(earliest)) + price;
        *paid_at = Some(until);
        until.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::clock;

    #[test]
    fn reading_costs_time_and_a_pause_saves_up_little() {
        let cap = RateCap::new(1000);
        let start = clock::now();
        assert_eq!(cap.spend(500, start), Duration::ZERO);
        assert_eq!(cap.spend(1000, start), Duration::from_secs(1));
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(cap.spend(2500, much_later), Duration::from_secs(2));
    }

    #[test]
    fn a_low_cap_asks_for_small_fetches() {
        assert_eq!(RateCap::new(1 << 20).fetch_bytes(16 << 20), 1 << 20);
        assert_eq!(RateCap::new(1).fetch_bytes(16 << 20), 64 << 10);
        assert_eq!(RateCap::new(u64::MAX).fetch_bytes(16 << 20), 16 << 20);
    }
}
