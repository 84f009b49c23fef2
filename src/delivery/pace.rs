//! How long the tap needs until it has read what is there.

use crate::event::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The velocity is that of so much time: short enough to follow a change, long enough to smooth single answers.
const WINDOW_US: i64 = 60_000_000;
/// Less time than this between two samples says nothing about velocity.
const SPAN_LEAST_US: i64 = 500_000;
/// Samples that are kept of a cluster; at more the oldest go first, and the window is shorter.
const SAMPLES_KEPT: usize = 1_000;
/// Who needs longer than this does not catch up.
const LONGEST_MS: f64 = 365.0 * 86_400_000.0;

/// What was unread at each sample of the last minute, by cluster.
#[derive(Debug, Clone, Default)]
pub struct Pace(BTreeMap<Arc<str>, VecDeque<(Timestamp, i64)>>);

impl Pace {
    /// At `at`, `unread` offsets of `cluster` lay before the stable ends and were not read.
    pub fn sample(&mut self, cluster: &Arc<str>, at: Timestamp, unread: i64) {
        let samples = self.0.entry(cluster.clone()).or_default();
        // A clock that was set back begins anew.
        samples.retain(|(earlier, _)| *earlier < at && at.since(*earlier) <= WINDOW_US);
        if samples.len() >= SAMPLES_KEPT {
            samples.pop_front();
        }
        samples.push_back((at, unread));
    }

    /// Offsets that are there and were not read, at the last sample of each cluster.
    pub fn unread(&self) -> i64 {
        self.0.values().filter_map(VecDeque::back).map(|(_, unread)| unread).sum()
    }

    /// Time until everything is read, in ms, as the last minute went on: 0 when all is read, `None` when it cannot be
    /// told, because too little was sampled yet, or because more comes than is read.
    pub fn catch_up_ms(&self) -> Option<i64> {
        self.0.values().map(catch_up_ms).try_fold(0, |longest, ms| Some(longest.max(ms?)))
    }
}

fn catch_up_ms(samples: &VecDeque<(Timestamp, i64)>) -> Option<i64> {
    let &(now, unread) = samples.back()?;
    if unread == 0 {
        return Some(0);
    }
    let &(before, more) = samples.front()?;
    let span = now.since(before);
    if span < SPAN_LEAST_US || more <= unread {
        return None;
    }
    let ms = unread as f64 * (span as f64 / 1000.0) / (more - unread) as f64;
    (ms < LONGEST_MS).then_some(ms.ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: &[(i64, i64)]) -> (i64, Option<i64>) {
        let mut pace = Pace::default();
        let cluster: Arc<str> = "c".into();
        samples.iter().for_each(|&(s, unread)| pace.sample(&cluster, Timestamp::from_millis(s * 1000), unread));
        (pace.unread(), pace.catch_up_ms())
    }

    #[test]
    fn the_last_minute_says_how_long_the_rest_takes() {
        assert_eq!(after(&[(0, 1000), (10, 800)]), (800, Some(40_000)));
        // Only the last minute counts: it was slow before.
        assert_eq!(after(&[(0, 10_000), (100, 9_000), (130, 6_000), (160, 3_000)]), (3_000, Some(30_000)));
        assert_eq!(after(&[(0, 1000), (10, 0)]), (0, Some(0)));
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        assert_eq!(after(&[]), (0, Some(0)), "nothing was sampled, nothing is known to be unread");
        assert_eq!(after(&[(0, 1000)]), (1000, None), "one sample has no velocity");
        assert_eq!(after(&[(0, 1000), (10, 1000)]), (1000, None), "it stands");
        assert_eq!(after(&[(0, 1000), (10, 1200)]), (1200, None), "it falls behind");
        assert_eq!(after(&[(10, 1000), (5, 800)]), (800, None), "the clock was set back");
        assert_eq!(after(&[(0, i64::MAX), (10, i64::MAX - 1)]).1, None, "not in a year");
    }

    #[test]
    fn the_slowest_cluster_decides() {
        let mut pace = Pace::default();
        for (s, a, b) in [(0, 1000, 1000), (10, 500, 900)] {
            pace.sample(&"a".into(), Timestamp::from_millis(s * 1000), a);
            pace.sample(&"b".into(), Timestamp::from_millis(s * 1000), b);
        }
        assert_eq!((pace.unread(), pace.catch_up_ms()), (1400, Some(90_000)));
    }
}
