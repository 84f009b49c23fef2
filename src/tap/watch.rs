//! Logs that stand and logs that were cut. The stall watchdog says once that partitions stand and once that they go on,
//! and tells health.

use super::core::Core;
use super::horizon::Horizons;
use super::outlook;
use crate::delivery::Standing;
use crate::event::{GroupSample, Start};
use crate::telemetry::{PROGRESS, Pulse, Stalled};
use std::time::{Duration, Instant};

impl Core {
    /// What was read of a log that was cut stays, and is counted as truncated; what comes now gets numbers of its own.
    pub(super) fn cut(&mut self, start: &Start) {
        for ordinal in self.catalog.cut(&start.partition, start.position) {
            self.standstill.forget(ordinal);
            if let Some(coverage) = self.coverage.get_mut(ordinal.0 as usize).and_then(Option::as_mut) {
                coverage.cut(start.position);
                coverage.hold(0);
                self.touched.push(ordinal);
            }
        }
    }

    /// Compares the log ends with how far reading came.
    pub(super) fn stand(&mut self, sample: &GroupSample) {
        self.standstill.begin(sample.at);
        let mut unread = 0;
        for ends in &sample.ends {
            let Some(ordinal) = self.catalog.ordinal(&ends.partition, ends.stable) else { continue };
            let Some(coverage) = self.coverage.get_mut(ordinal.0 as usize).and_then(Option::as_mut) else { continue };
            if coverage.next_offset() >= ends.stable {
                coverage.caught_up(sample.at);
            }
            unread += ends.stable.saturating_sub(coverage.next_offset()).max(0);
            coverage.hold(self.standstill.look(ordinal, coverage.next_offset(), ends));
            self.touched.push(ordinal);
        }
        self.pace.sample(&sample.cluster, sample.at, unread);
    }

    /// Partitions that have records of which none is received.
    pub fn stalled(&self) -> Standing {
        self.standstill.stalled()
    }

    /// Partitions that an open transaction holds.
    pub fn held(&self) -> Standing {
        self.standstill.held()
    }
}

/// Fewer unread records than this are read before a sentence about them is.
const WORTH_SAYING: i64 = 10_000;
/// How often a tap that is behind says how long it will be.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// How soon it says so for the first time after the last look: the velocity is known from the second sample on.
const SAY_FIRST: Duration = Duration::from_secs(3);

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    stalled: bool,
    held: bool,
    catching_up: Option<CatchingUp>,
    horizons: Horizons,
}

/// A tap that has much to read, and what it said of it.
#[derive(Debug, Clone, Copy)]
struct CatchingUp {
    since: Instant,
    bytes: u64,
    said: bool,
}

impl Watch {
    /// Looks at what the core makes of the last sample.
    pub fn look(&mut self, core: &Core, pulse: &Pulse, (now, fetched): (Instant, u64)) {
        self.catch_up(core, now, fetched);
        self.horizons.look(core);
        let (stalled, held) = (core.stalled(), core.held());
        pulse.stalled(Stalled {
            partitions: stalled.partitions,
            length: Duration::from_millis(stalled.ms.unsigned_abs()),
        });
        match change(&mut self.stalled, &stalled) {
            Some((partition, seconds)) => tracing::warn!(
                %partition,
                partitions = stalled.partitions,
                seconds,
                "records are there and none was received for a while; a broker that answers but sends nothing?"
            ),
            None => said_over(&mut self.stalled, &stalled, "all partitions receive records again"),
        }
        match change(&mut self.held, &held) {
            Some((partition, seconds)) => tracing::warn!(
                %partition,
                partitions = held.partitions,
                seconds,
                "blocked_by_transaction: an open transaction holds back all committed readers, the tap included"
            ),
            None => said_over(&mut self.held, &held, "no open transaction holds anything back any more"),
        }
    }
}

impl Watch {
    /// Says now and then how much is unread and how long that takes; `fetched` bytes came since the start.
    fn catch_up(&mut self, core: &Core, now: Instant, fetched: u64) {
        let unread = core.pace.unread();
        let Some(last) = self.catching_up.filter(|_| unread >= WORTH_SAYING) else {
            let said = self.catching_up.take().is_some_and(|last| last.said);
            if unread >= WORTH_SAYING {
                self.catching_up = Some(CatchingUp { since: now, bytes: fetched, said: false });
            } else if said {
                tracing::info!(target: PROGRESS, "caught up: what was there is read");
            }
            return;
        };
        let length = now.saturating_duration_since(last.since);
        if length >= if last.said { SAY_EVERY } else { SAY_FIRST } {
            let rate = fetched.saturating_sub(last.bytes) as f64 / length.as_secs_f64();
            let said = outlook::progress(unread, rate as u64, core.pace.catch_up_ms());
            tracing::info!(target: PROGRESS, "{said}");
            self.catching_up = Some(CatchingUp { since: now, bytes: fetched, said: true });
        }
    }
}

/// The longest and its seconds, when something stands of which nothing was said yet.
fn change(said: &mut bool, standing: &Standing) -> Option<(String, i64)> {
    let longest = standing.longest.as_ref().filter(|_| !*said)?;
    *said = true;
    Some((longest.to_string(), standing.ms / 1000))
}

fn said_over(said: &mut bool, standing: &Standing, sentence: &str) {
    if *said && standing.partitions == 0 {
        *said = false;
        tracing::warn!("{sentence}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CoverageRow, Envelopes, GapReason, HashKey, Segment, Timestamp, TopicPartition};
    use std::ops::Range;
    use std::sync::Arc;

    /// An answer in which reading begins at `position`, and which speaks for some offsets without a record.
    fn read(partition: &Arc<TopicPartition>, position: i64, cut: bool, covers: Range<i64>) -> Envelopes {
        let mut read = Envelopes::default();
        read.starts.push(Start { partition: partition.clone(), log_start: 0, position, cut });
        let missing = GapReason::Control;
        read.segments.push(Segment { partition: partition.clone(), producer: None, covers, rows: 0..0, missing });
        read
    }

    #[test]
    fn a_log_that_was_cut_goes_on_as_another_incarnation_even_after_a_restart() {
        let partition = TopicPartition { cluster: "c".into(), topic: "orders".into(), topic_id: [1; 16], partition: 0 };
        let partition = Arc::new(partition);
        let mut core = Core::new(HashKey([1; 16]), false);
        core.take(&read(&partition, 0, false, 0..10));
        core.take(&read(&partition, 6, true, 6..8));
        let mut changes = core.commit(Timestamp(1), std::iter::empty());
        changes.coverage.sort_by_key(|row| row.ordinal);
        let incarnations: Vec<i32> = changes.partitions.iter().map(|row| row.incarnation).collect();
        let read_to = |row: &CoverageRow| (row.first_offset, row.next_offset);
        let coverage: Vec<(i64, i64)> = changes.coverage.iter().map(read_to).collect();
        assert_eq!((incarnations, coverage), (vec![0, 1], vec![(0, 10), (6, 8)]));
        assert_eq!(core.positions()[&*partition], 8);

        let mut again = Core::new(HashKey([1; 16]), false);
        again.restore_names(&changes.partitions, &[], &[]);
        again.restore_coverage(changes.coverage);
        assert_eq!(again.positions()[&*partition], 8, "not where the log that is no more ended");
        again.take(&read(&partition, 8, false, 8..9));
        assert!(again.commit(Timestamp(2), std::iter::empty()).partitions.is_empty(), "no third incarnation");
    }
}
