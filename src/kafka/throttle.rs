//! The read-rate cap: a bucket that all fetch threads draw from.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes a second over all brokers. What was read is paid afterwards: a fetch may overdraw, and the next one waits.
pub(super) struct RateCap {
    bytes_per_second: u64,
    /// Connections that fetch.
    readers: AtomicU64,
    /// When everything that was read so far is paid for.
    paid_at: Mutex<Option<Instant>>,
}

/// Time that was not used is not saved up beyond this, so that a pause is not followed by a burst.
const BURST: Duration = Duration::from_millis(250);
/// All fetches that are on their way together ask for the bytes of one second divided by this. With [`BURST`] what is
/// overdrawn in any ten seconds stays below five of a hundred.
const SHARES: u64 = 4;
/// A fetch asks for no less: below it the requests cost the broker more than the bytes. (A broker sends at least one
/// whole batch, however large.)
const LEAST: u64 = 4 << 10;

impl RateCap {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), readers: AtomicU64::new(0), paid_at: Mutex::new(None) }
    }

    /// Most bytes that one fetch should ask for, so that a low cap shows as short waits and not as rare bursts.
    pub(super) fn fetch_bytes(&self, most: i32) -> i32 {
        let share = self.bytes_per_second / SHARES / self.readers.load(Relaxed).max(1);
        i32::try_from(share.max(LEAST)).unwrap_or(most).min(most)
    }

    /// Lets a connection send its first fetch: the bytes that are charged for it beforehand, or how long to wait. So
    /// connections begin one after the other: an answer holds a whole batch at least, and many at once would be a burst.
    pub(super) fn admit(&self, now: Instant) -> Result<usize, Duration> {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = paid_at.map(|paid| paid.saturating_duration_since(now)).filter(|left| !left.is_zero()) {
            return Err(left);
        }
        let bytes = self.bytes_per_second / SHARES;
        *paid_at = Some(now + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64));
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
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

/// One connection's share of the cap, for as long as it fetches.
pub(super) struct Share(Arc<RateCap>);

impl Share {
    pub(super) fn new(cap: Arc<RateCap>) -> Self {
        cap.readers.fetch_add(1, Relaxed);
        Self(cap)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Relaxed);
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
        assert_eq!(cap.spend(250, start), Duration::ZERO);
        assert_eq!(cap.spend(1000, start), Duration::from_secs(1));
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(cap.spend(2250, much_later), Duration::from_secs(2));
    }

    #[test]
    fn a_low_cap_asks_for_small_fetches_and_many_connections_share_it() {
        assert_eq!(RateCap::new(1 << 20).fetch_bytes(16 << 20), 1 << 18);
        assert_eq!(RateCap::new(1).fetch_bytes(16 << 20), 4 << 10);
        assert_eq!(RateCap::new(u64::MAX).fetch_bytes(16 << 20), 16 << 20);
        let cap = Arc::new(RateCap::new(1 << 20));
        let shares: Vec<Share> = (0..4).map(|_| Share::new(cap.clone())).collect();
        assert_eq!(cap.fetch_bytes(16 << 20), 1 << 16);
        drop(shares);
        assert_eq!(cap.fetch_bytes(16 << 20), 1 << 18);
    }

    #[test]
    fn connections_begin_one_after_the_other() {
        let cap = RateCap::new(1000);
        let start = clock::now();
        assert_eq!(cap.admit(start), Ok(250));
        assert_eq!(cap.admit(start), Err(BURST), "until the first has its answer, or should have");
        assert_eq!(cap.spend(1250 - 250, start), Duration::from_millis(1250));
        assert_eq!(cap.admit(start), Err(Duration::from_millis(1250)));
        assert_eq!(cap.admit(start + Duration::from_millis(1250)), Ok(250));
    }

    /// Connections that always find all they ask for, and answers that take no time.
    fn greedy(connections: usize, rate: u64) -> Vec<(Duration, u64)> {
        let cap = Arc::new(RateCap::new(rate));
        let _shares: Vec<Share> = (0..connections).map(|_| Share::new(cap.clone())).collect();
        let start = clock::now();
        let mut due = vec![start; connections];
        let mut read = Vec::new();
        loop {
            let next = (0..connections).min_by_key(|&at| due[at]).unwrap();
            let now = due[next];
            if now > start + Duration::from_secs(40) {
                return read;
            }
            let bytes = cap.fetch_bytes(16 << 20);
            read.push((now - start, bytes as u64));
            due[next] = now + cap.spend(bytes as usize, now);
        }
    }

    #[test]
    fn any_ten_seconds_bring_what_the_cap_says_within_a_tenth() {
        for (connections, rate) in [(1, 200_000), (3, 2_000_000), (20, 2_000_000), (3, 80_000_000), (100, 10_000_000)] {
            let read = greedy(connections, rate);
            for tenth in 0..300 {
                let from = Duration::from_millis(tenth * 100);
                let window = from..from + Duration::from_secs(10);
                let bytes: u64 = read.iter().filter(|(at, _)| window.contains(at)).map(|(_, bytes)| bytes).sum();
                let share = bytes as f64 / (10 * rate) as f64;
                assert!((0.9..=1.1).contains(&share), "{connections} at {rate}, from {from:?}: {share}");
            }
        }
    }
}
