//! How each group stands on each partition, sample by sample.

use super::coverage::Coverage;
use crate::event::{Beyond, GroupPhase, GroupState, LogEnds, Ordinal, ProgressRow, ProgressState, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Records wait and nothing was committed for so long: stalled.
pub const STALLED_AFTER_MS: i64 = 60_000;
/// A partition stands for so long while others of the same group and topic go on: stuck.
pub const STUCK_AFTER_MS: i64 = 5_000;

#[derive(Debug, Clone)]
struct Standing {
    row: ProgressRow,
    /// Last time the committed offset changed.
    moved_at: Timestamp,
    /// The committed offset went back at its last change.
    went_back: bool,
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    standings: HashMap<(Arc<str>, Ordinal), Standing>,
}

/// One committed offset with all that its row needs.
struct Commit<'a> {
    group: &'a GroupState,
    ordinal: Ordinal,
    offset: i64,
    ends: &'a LogEnds,
    coverage: Option<&'a Coverage>,
}

impl Ledger {
    /// Takes in a row of an earlier run.
    pub fn restore(&mut self, row: ProgressRow) {
        let key = (row.consumer_group.clone(), row.ordinal);
        let moved_at = row.sampled_at;
        self.standings.insert(key, Standing { row, moved_at, went_back: false });
    }

    /// Takes in one group's commits and returns the rows that changed. `find` gives ordinal, log ends and coverage of
    /// a topic and partition that is tapped.
    pub fn tally<'a>(
        &mut self,
        group: &'a GroupState,
        (at, resolution_ms): (Timestamp, i64),
        find: impl Fn(&str, i32) -> Option<(Ordinal, &'a LogEnds, Option<&'a Coverage>)>,
    ) -> Vec<ProgressRow> {
        let commits: Vec<Commit<'a>> = group
            .commits
            .iter()
            .filter_map(|commit| {
                let (ordinal, ends, coverage) = find(&commit.topic, commit.partition)?;
                Some(Commit { group, ordinal, offset: commit.offset?, ends, coverage })
            })
            .collect();
        let topics_on_the_move = self.move_on(&commits, at);
        commits
            .iter()
            .filter_map(|commit| {
                let moving = topics_on_the_move.get(&commit.ends.partition.topic).copied().unwrap_or(false);
                self.stand(commit, (at, resolution_ms), moving)
            })
            .collect()
    }

    /// Notes which commits moved, and returns per topic whether any partition moved lately.
    fn move_on(&mut self, commits: &[Commit<'_>], at: Timestamp) -> HashMap<Arc<str>, bool> {
        let mut moving = HashMap::new();
        for commit in commits {
            let key = (commit.group.group.clone(), commit.ordinal);
            let standing = self.standings.entry(key).or_insert_with(|| Standing {
                row: Self::blank(commit, at),
                moved_at: at,
                went_back: false,
            });
            if standing.row.committed_offset != Some(commit.offset) {
                standing.went_back = standing.row.committed_offset.is_some_and(|before| commit.offset < before);
                standing.moved_at = at;
            }
            let lately = at.since(standing.moved_at) < STUCK_AFTER_MS * 1000;
            *moving.entry(commit.ends.partition.topic.clone()).or_insert(false) |= lately;
        }
        moving
    }

    fn blank(commit: &Commit<'_>, at: Timestamp) -> ProgressRow {
        ProgressRow {
            consumer_group: commit.group.group.clone(),
            ordinal: commit.ordinal,
            committed_offset: None,
            log_end_offset: commit.ends.end,
            lag_offsets: None,
            lag_records: None,
            lag_ms: None,
            state: ProgressState::Stable,
            sampled_at: at,
            resolution_ms: 0,
            stands_at: None,
            velocity: None,
            eta_ms: None,
            retention_used: None,
            loses_data_in_ms: None,
            lost_offsets: 0,
            beyond: Beyond::Nothing,
        }
    }

    fn stand(
        &mut self,
        commit: &Commit<'_>,
        (at, resolution_ms): (Timestamp, i64),
        others_move: bool,
    ) -> Option<ProgressRow> {
        let standing = self.standings.get_mut(&(commit.group.group.clone(), commit.ordinal))?;
        let lag_offsets = commit.ends.end.saturating_sub(commit.offset);
        let holes = commit.coverage.map_or(0, |coverage| coverage.holes_in(commit.offset..commit.ends.end));
        let lag_records = (lag_offsets - holes).max(0);
        let lag_ms = match commit.coverage {
            _ if lag_records == 0 => Some(0),
            Some(coverage) => coverage.time_of(commit.offset).map(|oldest| (at.millis() - oldest.millis()).max(0)),
            None => None,
        };
        let row = ProgressRow {
            committed_offset: Some(commit.offset),
            log_end_offset: commit.ends.end,
            lag_offsets: Some(lag_offsets),
            lag_records: Some(lag_records),
            lag_ms,
            state: state(commit, standing, lag_records, (at, others_move)),
            sampled_at: at,
            resolution_ms,
            ..Self::blank(commit, at)
        };
        let changed = ProgressRow { sampled_at: at, resolution_ms, ..standing.row.clone() } != row;
        standing.row = row.clone();
        changed.then_some(row)
    }

    /// Groups and partitions, of those that are of the cluster (`own`), that its sample speaks of no more; they are
    /// forgotten.
    pub fn forget_missing(&mut self, at: Timestamp, own: impl Fn(Ordinal) -> bool) -> Vec<(Arc<str>, Ordinal)> {
        let gone: Vec<_> = self
            .standings
            .iter()
            .filter(|(key, s)| s.row.sampled_at < at && own(key.1))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &gone {
            self.standings.remove(key);
        }
        gone
    }
}

fn state(commit: &Commit<'_>, standing: &Standing, waits: i64, (at, others_move): (Timestamp, bool)) -> ProgressState {
    match commit.group.phase {
        Some(GroupPhase::Dead) => return ProgressState::Dead,
        Some(GroupPhase::Rebalancing) => return ProgressState::Rebalancing,
        Some(GroupPhase::Empty) => return ProgressState::Empty,
        Some(GroupPhase::Stable) | None => {}
    }
    let still_ms = at.since(standing.moved_at) / 1000;
    let held = commit.ends.stable < commit.ends.end && commit.offset >= commit.ends.stable;
    match () {
        () if standing.went_back => ProgressState::Rewound,
        () if waits > 0 && held => ProgressState::BlockedByTransaction,
        () if waits > 0 && others_move && still_ms >= STUCK_AFTER_MS => ProgressState::Stuck,
        () if waits > 0 && still_ms >= STALLED_AFTER_MS => ProgressState::Stalled,
        () => ProgressState::Stable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CommittedOffset, GapReason, TopicPartition};

    struct Stage {
        ledger: Ledger,
        ends: Vec<LogEnds>,
        coverage: Coverage,
    }

    impl Stage {
        fn new() -> Self {
            let partition = |n| {
                Arc::new(TopicPartition {
                    cluster: "c".into(),
                    topic: "orders".into(),
                    topic_id: [0; 16],
                    partition: n,
                })
            };
            let mut coverage = Coverage::new(Ordinal(0));
            coverage.cover(0..100, (0..100).filter(|n| n % 10 != 9), GapReason::Control);
            coverage.mark(0, Timestamp::from_millis(1_000));
            coverage.mark(60, Timestamp::from_millis(7_000));
            let end = |n| LogEnds { partition: partition(n), start: 0, end: 100, stable: 100, leader: 1 };
            Self { ledger: Ledger::default(), ends: vec![end(0), end(1)], coverage }
        }

        fn sample(&mut self, seconds: i64, commits: [i64; 2]) -> Vec<ProgressRow> {
            let commit =
                |(n, &offset)| CommittedOffset::new(&"payment".into(), &"orders".into(), n as i32, Some(offset));
            let group = GroupState::of("payment".into(), commits.iter().enumerate().map(commit).collect());
            let at = Timestamp::from_millis(seconds * 1000);
            let (ends, coverage) = (&self.ends, &self.coverage);
            self.ledger.tally(&group, (at, 1_000), |_, n| {
                Some((Ordinal(n as u32), &ends[n as usize], (n == 0).then_some(coverage)))
            })
        }
    }

    #[test]
    fn markers_are_lag_but_not_work() {
        let mut stage = Stage::new();
        let rows = stage.sample(10, [70, 100]);
        let row = rows.iter().find(|row| row.ordinal == Ordinal(0)).unwrap();
        assert_eq!((row.lag_offsets, row.lag_records, row.lag_ms), (Some(30), Some(27), Some(3_000)));
        assert_eq!(rows.iter().find(|row| row.ordinal == Ordinal(1)).unwrap().lag_ms, Some(0));
    }

    #[test]
    fn only_changes_are_told() {
        let mut stage = Stage::new();
        assert_eq!(stage.sample(10, [100, 100]).len(), 2);
        assert_eq!(stage.sample(11, [100, 100]).len(), 0);
    }

    #[test]
    fn one_partition_stands_while_the_other_goes_on() {
        let mut stage = Stage::new();
        stage.sample(10, [70, 10]);
        for second in 11..=14 {
            stage.sample(second, [70, second]);
        }
        let rows = stage.sample(15, [70, 15]);
        let state = |rows: &[ProgressRow], n| rows.iter().find(|row| row.ordinal == Ordinal(n)).unwrap().state;
        assert_eq!((state(&rows, 0), state(&rows, 1)), (ProgressState::Stuck, ProgressState::Stable));
        let rows = stage.sample(16, [40, 16]);
        assert_eq!(state(&rows, 0), ProgressState::Rewound);
    }
}
