use super::*;
use crate::delivery::{Coverage, STALLED_AFTER_MS};
use crate::event::{CommittedOffset, GapReason, GroupKind, GroupPhase, LogPolicy, ProgressState, ShareOffset};

const GROUP: &str = "payment";

/// Two partitions of 100 offsets; each tenth of the first is a marker.
struct Stage {
    ledger: Ledger,
    coverage: [Coverage; 2],
    ends: [(i64, i64, i64); 2],
    policy: Option<LogPolicy>,
    phase: Option<GroupPhase>,
    at: Timestamp,
    interval_ms: i64,
}

fn second(at: i64) -> Timestamp {
    Timestamp::from_millis(at * 1000)
}

impl Stage {
    fn new() -> Self {
        let coverage = [0, 1].map(|n| {
            let mut coverage = Coverage::new(Ordinal(n));
            coverage.cover(0..100, (0..100).filter(|at| n == 1 || at % 10 != 9), GapReason::Control);
            (0..100).for_each(|at| coverage.written(at, second(at / 10), second(10)));
            coverage
        });
        Self {
            ledger: Ledger::default(),
            coverage,
            ends: [(0, 100, 100); 2],
            policy: None,
            phase: None,
            at: second(0),
            interval_ms: 0,
        }
    }

    fn sample(&mut self, at: i64, commits: &[(i32, i64)]) -> Ledgered {
        self.sample_of(at, commits, |_| {})
    }

    fn sample_of(&mut self, at: i64, commits: &[(i32, i64)], change: impl FnOnce(&mut GroupState)) -> Ledgered {
        let group: Arc<str> = GROUP.into();
        let commit = |&(n, offset)| CommittedOffset::new(&group, &"orders".into(), n, Some(offset));
        let mut state = GroupState::of(group.clone(), commits.iter().map(commit).collect());
        state.phase = self.phase;
        change(&mut state);
        self.at = second(at);
        let sample = GroupSample {
            at: self.at,
            resolution_ms: self.interval_ms,
            cluster: "c".into(),
            complete: true,
            ..GroupSample::default()
        };
        let ends = self.ends;
        let find = |_: &str, n: i32| Some((Ordinal(n as u32), Some(ends[n as usize].2)));
        self.ledger.sample(&sample, &state, find, |metadata, _| match metadata {
            "" => Beyond::Nothing,
            _ => Beyond::Done(std::iter::once(70..80).collect()),
        });
        let sample = GroupSample { groups: vec![state], ..sample };
        self.ledger.end_sample(&sample, |_| true);
        self.settle()
    }

    fn logged(&mut self, ms: i64, offset: Option<i64>) -> Ledgered {
        let commit = CommittedOffset::new(&GROUP.into(), &"orders".into(), 0, offset);
        self.ledger.logged(Ordinal(0), &commit, Beyond::Nothing, Timestamp::from_millis(ms));
        self.settle()
    }

    fn settle(&mut self) -> Ledgered {
        self.settle_all(false)
    }

    fn settle_all(&mut self, all: bool) -> Ledgered {
        let (ends, coverage, policy) = (self.ends, &self.coverage, self.policy.as_ref());
        self.ledger.settle(all, |ordinal| {
            let (start, stable, end) = ends[ordinal.0 as usize];
            Some(Place { sampled: true, start, end, stable, coverage: Some(&coverage[ordinal.0 as usize]), policy })
        })
    }
}

fn row(news: &Ledgered, n: u32) -> ProgressRow {
    news.rows.iter().find(|row| row.ordinal == Ordinal(n)).unwrap_or_else(|| panic!("{news:?}")).clone()
}

fn marks(news: &Ledgered) -> Vec<(i64, i64, i64)> {
    news.marks.iter().map(|mark| (mark.committed_offset, mark.at.millis(), mark.resolution_ms)).collect()
}

#[test]
fn markers_are_lag_but_not_work() {
    let mut stage = Stage::new();
    let news = stage.sample(10, &[(0, 70), (1, 100)]);
    let first = row(&news, 0);
    assert_eq!((first.lag_offsets, first.lag_records, first.lag_ms), (Some(30), Some(27), Some(3_000)));
    assert_eq!((row(&news, 1).lag_ms, row(&news, 1).stands_at), (Some(0), None));
    // It stands before a marker: the record behind it is the one that waits.
    let news = stage.sample(20, &[(0, 79), (1, 100)]);
    assert_eq!((row(&news, 0).stands_at, row(&news, 0).lag_ms), (Some(80), Some(12_000)));
    // Nothing but a marker waits: no work at all, although Kafka's number is one.
    let news = stage.sample(30, &[(0, 99), (1, 100)]);
    assert_eq!(
        (row(&news, 0).lag_offsets, row(&news, 0).lag_records, row(&news, 0).lag_ms),
        (Some(1), Some(0), Some(0))
    );
}

#[test]
fn only_changes_are_told() {
    let mut stage = Stage::new();
    assert_eq!(stage.sample(10, &[(0, 100), (1, 100)]).rows.len(), 2);
    let news = stage.sample(11, &[(0, 100), (1, 100)]);
    assert_eq!((news.rows.len(), news.marks.len(), news.groups.len()), (0, 0, 0));
}

#[test]
fn one_partition_stands_while_the_other_goes_on() {
    let mut stage = Stage::new();
    for at in 0..31 {
        stage.sample(at, &[(0, 70), (1, 2 * at)]);
    }
    // Commits come each second: three times that is less than the least, five seconds.
    let told = |stage: &Stage, n| stage.ledger.consumptions[&(GROUP.into(), Ordinal(n))].told.clone().unwrap();
    assert_eq!((told(&stage, 0).state, told(&stage, 0).stands_at), (ProgressState::Stuck, Some(70)));
    assert_eq!(told(&stage, 1).state, ProgressState::Stable);
    let news = stage.sample(31, &[(0, 40), (1, 62)]);
    assert_eq!(row(&news, 0).state, ProgressState::Rewound);
    let rewind = &news.rewinds[0];
    assert_eq!((rewind.from_offset, rewind.to_offset, rewind.at, rewind.resolution_ms), (70, 40, second(31), 1_000));
}

#[test]
fn a_pause_that_is_usual_for_a_group_is_no_standstill() {
    let mut stage = Stage::new();
    // Each partition commits every ten seconds, five seconds apart.
    for at in 0..40 {
        stage.sample(at, &[(0, at / 10), (1, (at + 5) / 10)]);
        for it in stage.ledger.consumptions.values() {
            let state = it.told.as_ref().unwrap().state;
            assert_eq!(state, ProgressState::Stable, "at {at}");
        }
    }
}

#[test]
fn who_commits_nothing_while_records_wait_is_stalled_and_who_has_no_members_is_empty() {
    let mut stage = Stage::new();
    stage.sample(10, &[(0, 70)]);
    let news = stage.sample(10 + STALLED_AFTER_MS / 1000, &[(0, 70)]);
    assert_eq!(row(&news, 0).state, ProgressState::Stalled);
    stage.phase = Some(GroupPhase::Empty);
    assert_eq!(row(&stage.sample(90, &[(0, 70)]), 0).state, ProgressState::Empty);
    stage.phase = Some(GroupPhase::Rebalancing);
    assert_eq!(row(&stage.sample(100, &[(0, 70)]), 0).state, ProgressState::Rebalancing);
}

#[test]
fn an_open_transaction_holds_and_its_records_are_not_there_yet() {
    let mut stage = Stage::new();
    stage.ends[1] = (0, 60, 100);
    let held = row(&stage.sample(10, &[(1, 60)]), 1);
    assert_eq!(
        (held.state, held.lag_offsets, held.lag_records),
        (ProgressState::BlockedByTransaction, Some(40), Some(0))
    );
    let before = row(&stage.sample(11, &[(1, 50)]), 1);
    assert_eq!((before.state, before.lag_records), (ProgressState::Rewound, Some(10)));
}

#[test]
fn velocity_says_when_it_has_caught_up() {
    let mut stage = Stage::new();
    let mut last = None;
    for at in 0..10 {
        last = Some(row(&stage.sample(at * 5, &[(1, at * 5)]), 1));
    }
    let last = last.unwrap();
    assert_eq!((last.velocity, last.eta_ms), (Some(1.0), Some(55_000)));
    let standing = row(&stage.sample(200, &[(1, 45)]), 1);
    assert_eq!(standing.eta_ms, None, "it stands");
}

#[test]
fn retention_says_when_what_waits_is_lost() {
    let mut stage = Stage::new();
    stage.policy =
        Some(LogPolicy { topic: "orders".into(), retention_ms: Some(20_000), retention_bytes: None, compacted: false });
    stage.ends[1] = (30, 100, 100);
    let behind = row(&stage.sample(10, &[(1, 20)]), 1);
    assert_eq!((behind.lost_offsets, behind.lag_offsets, behind.lag_records), (10, Some(80), Some(70)));
    assert_eq!((behind.stands_at, behind.lag_ms), (Some(30), Some(7_000)));
    assert_eq!((behind.retention_used, behind.loses_data_in_ms), (Some(0.35), Some(13_000)));
    let done = row(&stage.sample(20, &[(1, 100)]), 1);
    assert_eq!((done.retention_used, done.loses_data_in_ms, done.lost_offsets), (None, None, 0));
}

#[test]
fn a_commit_of_an_older_log_is_shown_and_passes_nothing() {
    let mut stage = Stage::new();
    let older = row(&stage.sample(10, &[(1, 500)]), 1);
    assert_eq!((older.committed_offset, older.lag_offsets), (Some(500), Some(-400)), "Kafka's number");
    assert_eq!((older.lag_records, older.state), (None, ProgressState::NeverCommitted));
    assert_eq!(stage.ledger.committed(&GROUP.into(), Ordinal(1)), None);
    stage.sample(15, &[(1, 3)]);
    assert_eq!(stage.ledger.committed(&GROUP.into(), Ordinal(1)).unwrap().0, 3);
}

#[test]
fn who_holds_a_partition_and_never_committed_is_shown() {
    let mut stage = Stage::new();
    let assigned = |state: &mut GroupState| state.assigned = vec![("orders".into(), 1)];
    let news = stage.sample_of(10, &[], assigned);
    assert_eq!((row(&news, 1).state, row(&news, 1).lag_offsets), (ProgressState::NeverCommitted, None));
    let news = stage.sample(20, &[]);
    assert_eq!(news.forgotten, [(GROUP.into(), Ordinal(1))]);
}

#[test]
fn a_share_group_has_its_own_meaning_and_no_lag() {
    let mut stage = Stage::new();
    let share = |state: &mut GroupState| {
        state.kind = GroupKind::Share;
        state.shares = vec![ShareOffset { topic: "orders".into(), partition: 1, start: 40, waiting: Some(12) }];
    };
    let told = row(&stage.sample_of(10, &[], share), 1);
    assert_eq!((told.state, told.committed_offset), (ProgressState::NoOffsetLag, Some(40)));
    assert_eq!((told.lag_offsets, told.lag_records, told.lag_ms), (None, Some(12), None));
}

#[test]
fn what_was_finished_out_of_order_does_not_wait() {
    let mut stage = Stage::new();
    let ahead = |state: &mut GroupState| state.commits[0].metadata = "something".into();
    let told = row(&stage.sample_of(10, &[(1, 60)], ahead), 1);
    assert_eq!((told.lag_offsets, told.lag_records, told.stands_at), (Some(40), Some(30), Some(60)));
    let told = row(&stage.sample_of(11, &[(1, 70)], ahead), 1);
    assert_eq!((told.lag_records, told.stands_at, told.lag_ms), (Some(20), Some(80), Some(3_000)));
}

#[test]
fn who_is_gone_is_forgotten_once_everybody_answered() {
    let mut stage = Stage::new();
    stage.sample(10, &[(0, 70), (1, 10)]);
    let sample = |at, complete, denied: Vec<Arc<str>>| {
        let cluster = "c".into();
        GroupSample { at: second(at), cluster, complete, denied, ..GroupSample::default() }
    };
    stage.ledger.end_sample(&sample(11, false, Vec::new()), |_| true);
    stage.ledger.end_sample(&sample(12, true, vec![GROUP.into()]), |_| true);
    let news = stage.settle();
    assert!(news.forgotten.is_empty() && news.gone.is_empty(), "what may not be seen is not gone: {news:?}");
    stage.ledger.end_sample(&sample(13, true, Vec::new()), |ordinal| ordinal == Ordinal(0));
    let news = stage.settle();
    assert_eq!((news.forgotten, news.gone), (vec![(GROUP.into(), Ordinal(0))], vec![("c".into(), GROUP.into())]));
}

#[test]
fn a_commit_of_the_log_has_its_exact_time_and_at_most_one_mark_a_second() {
    let mut stage = Stage::new();
    assert_eq!(marks(&stage.logged(1_000, Some(10))), [(10, 1_000, 0)]);
    assert_eq!(marks(&stage.logged(1_200, Some(20))), []);
    assert_eq!(marks(&stage.logged(1_700, Some(30))), []);
    let news = stage.logged(2_100, Some(40));
    assert_eq!(marks(&news), [(40, 2_100, 1_100)], "the steps between make one bracket");
    assert_eq!(row(&news, 0).committed_offset, Some(40));
    assert_eq!(marks(&stage.logged(60_000, Some(50))), [(50, 60_000, 0)], "a single commit is exact");
    // It goes back within the second: both ends are told.
    stage.logged(60_300, Some(70));
    let news = stage.logged(60_400, Some(55));
    assert_eq!(marks(&news), [(70, 60_300, 0), (55, 60_400, 0)]);
    assert_eq!((news.rewinds[0].from_offset, news.rewinds[0].to_offset), (70, 55));
    // What is open at the end is told.
    assert_eq!(marks(&stage.logged(60_500, Some(60))), []);
    assert_eq!(marks(&stage.settle_all(true)), [(60, 60_500, 0)]);
}

#[test]
fn a_group_that_is_ahead_of_the_tap_is_not_said_to_be_up_to_date() {
    let mut stage = Stage::new();
    stage.sample(10, &[(0, 70)]);
    assert!(stage.logged(12_000, Some(103)).rows.is_empty(), "it may be read within the second");
    let news = (0..20).map(|_| stage.settle()).find(|news| !news.rows.is_empty()).unwrap();
    let told = row(&news, 0);
    assert_eq!((told.committed_offset, told.lag_records, told.lag_ms), (Some(103), None, None));
    stage.coverage[0].cover(100..110, 100..110, GapReason::Control);
    (100..110).for_each(|at| stage.coverage[0].written(at, second(11), second(13)));
    stage.ends[0] = (0, 110, 110);
    let told = row(&stage.logged(13_000, Some(104)), 0);
    assert_eq!((told.lag_records, told.lag_ms), (Some(6), Some(2_000)));
}

#[test]
fn a_row_waits_until_the_record_that_waits_is_read_and_not_for_ever() {
    let mut stage = Stage::new();
    stage.ends[1] = (0, 101, 101);
    assert!(stage.sample(11, &[(1, 100)]).rows.is_empty());
    stage.coverage[1].cover(100..101, std::iter::once(100), GapReason::Control);
    stage.coverage[1].written(100, second(10), second(11));
    let told = row(&stage.settle(), 1);
    assert_eq!((told.lag_ms, told.sampled_at), (Some(1_000), second(11)));
    stage.ends[1] = (0, 105, 105);
    stage.sample(12, &[(1, 101)]);
    let waits = (0..20).position(|_| !stage.settle().rows.is_empty());
    assert!(waits.is_some_and(|waits| waits < 5), "{waits:?}");
}

#[test]
fn samples_and_log_agree_and_the_log_goes_first_while_it_tells() {
    let mut stage = Stage::new();
    stage.interval_ms = 5_000;
    stage.sample(10, &[(0, 50)]);
    // What was committed before the first sample says when events were passed, not where the group stands.
    let news = stage.logged(4_000, Some(20));
    assert_eq!((marks(&news), news.rows.len()), (vec![(20, 4_000, 0)], 0));
    assert_eq!(marks(&stage.logged(9_000, Some(50))), [(50, 9_000, 0)]);
    stage.logged(12_000, Some(60));
    // The sample is newer than what the log has told so far: the log will tell.
    let news = stage.sample(15, &[(0, 65)]);
    assert_eq!((news.marks.len(), stage.ledger.committed(&GROUP.into(), Ordinal(0)).unwrap().0), (0, 60));
    assert_eq!(marks(&stage.logged(14_900, Some(65))), [(65, 14_900, 0)]);
    // Nor is its lag told as of a sample of which the log has not told, be it that members hold the partition.
    let held = |state: &mut GroupState| state.assigned = vec![("orders".into(), 0)];
    let news = stage.sample_of(16, &[(0, 66)], held);
    assert!(news.rows.iter().all(|row| row.sampled_at == Timestamp::from_millis(14_900)), "{news:?}");
    stage.logged(15_900, Some(66));
    stage.logged(16_100, Some(65));
    // The log falls silent: from the second sample on, the samples count.
    stage.sample(20, &[(0, 70)]);
    let news = stage.sample(25, &[(0, 80)]);
    assert_eq!(marks(&news), [(80, 25_000, 8_900)], "since the log told it last");
}

#[test]
fn a_deleted_commit_is_forgotten_and_not_brought_back_by_an_old_sample() {
    let mut stage = Stage::new();
    stage.logged(12_000, Some(60));
    let news = stage.logged(13_000, None);
    assert_eq!(news.forgotten, [(GROUP.into(), Ordinal(0))]);
    let news = stage.sample(14, &[(0, 60)]);
    assert!(news.rows.is_empty() && news.marks.is_empty(), "{news:?}");
    assert_eq!(row(&stage.sample(19, &[(0, 60)]), 0).committed_offset, Some(60), "it was committed again");
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut stage = Stage::new();
    let before = row(&stage.sample(10, &[(0, 70)]), 0);
    let mut again = Stage::new();
    again.ledger.restore(before);
    assert_eq!(again.ledger.least_committed()[&Ordinal(0)], 70);
    let news = again.logged(5_000, Some(30));
    assert!(news.marks.is_empty(), "known from before: {news:?}");
    let news = again.sample(100, &[(0, 80)]);
    assert_eq!(marks(&news), [(80, 100_000, 90_000)], "the bracket reaches back to the last sample of the earlier run");
}
