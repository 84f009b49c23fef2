//! The figures of one group on one partition, out of its commits, the log's ends and what was read.

use super::consumption::Consumption;
use super::coverage::Coverage;
use crate::event::{Beyond, GroupPhase, LogPolicy, Ordinal, ProgressRow, ProgressState, Timestamp};
use std::ops::Range;
use std::sync::Arc;

/// Records wait and nothing was committed for so long: stalled.
pub const STALLED_AFTER_MS: i64 = 60_000;
/// Who needs longer than this does not catch up.
const LONGEST_MS: f64 = 365.0 * 86_400_000.0;

/// A partition as it is known at the moment.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Whether the cluster told where its log ends; else it ends where reading did.
    pub sampled: bool,
    /// First offset of its log.
    pub start: i64,
    /// Log end offset.
    pub end: i64,
    /// Last stable offset.
    pub stable: i64,
    /// What was read of it.
    pub coverage: Option<&'a Coverage>,
    /// How long it keeps its records.
    pub policy: Option<&'a LogPolicy>,
}

impl Place<'_> {
    /// Everything up to the stable end and to what `it` committed was read, or there is nothing to read it for.
    pub(super) fn is_read(&self, it: &Consumption) -> bool {
        let known = self.stable.max(it.committed.filter(|_| self.sampled && !it.beyond_end).unwrap_or(0));
        self.coverage.is_none_or(|coverage| coverage.next_offset() >= known)
    }
}

/// The row of `group` on the partition as of `at`.
pub(super) fn row(
    group: &Arc<str>,
    ordinal: Ordinal,
    it: &Consumption,
    place: &Place<'_>,
    at: Timestamp,
) -> ProgressRow {
    let read = place.coverage.map_or(0, Coverage::next_offset);
    // What was committed since the ends were sampled is there.
    let newer = it.committed.filter(|_| place.sampled && !it.beyond_end).unwrap_or(0);
    let end = place.end.max(read).max(newer);
    let blank = ProgressRow {
        committed_offset: it.committed,
        log_end_offset: end,
        resolution_ms: it.taken.1,
        beyond: it.beyond.clone(),
        ..ProgressRow::new(group, ordinal, at)
    };
    if let Some(waiting) = it.share {
        return ProgressRow { lag_records: waiting, state: ProgressState::NoOffsetLag, ..blank };
    }
    let Some(committed) = it.committed else {
        return ProgressRow { state: phase_state(it).unwrap_or(ProgressState::NeverCommitted), ..blank };
    };
    let lag_offsets = Some(end.saturating_sub(committed)).map(|lag| if place.sampled { lag } else { lag.max(0) });
    if it.beyond_end {
        return ProgressRow { lag_offsets, state: ProgressState::NeverCommitted, ..blank };
    }
    if place.sampled && committed > place.end.max(read) {
        // The tap is behind the group: what waits for it lies where nobody has looked yet.
        return ProgressRow { lag_offsets, state: phase_state(it).unwrap_or(blank.state), ..blank };
    }
    let waiting = Waiting::of(it, committed, place, end);
    let lag_ms = waiting.age(place, at);
    let velocity = it.velocity();
    let retention = place.policy.and_then(|policy| policy.retention_ms).filter(|_| waiting.records != Some(0));
    ProgressRow {
        lag_offsets,
        lag_records: waiting.records,
        lag_ms,
        state: state(it, place, &waiting, at),
        stands_at: waiting.first,
        velocity: velocity.map(|(committed, _)| committed),
        eta_ms: eta_ms(waiting.records.or(lag_offsets), velocity.map(|(_, shrinks)| shrinks)),
        retention_used: retention.zip(lag_ms).map(|(keeps, age)| age as f64 / keeps.max(1) as f64),
        loses_data_in_ms: retention.zip(lag_ms).map(|(keeps, age)| keeps.saturating_sub(age).max(0)),
        lost_offsets: place.start.saturating_sub(committed).clamp(0, end.saturating_sub(committed).max(0)),
        ..blank
    }
}

/// What waits for a group.
struct Waiting {
    /// The first readable record of it.
    first: Option<i64>,
    /// How many; `None` where that was not seen.
    records: Option<i64>,
}

impl Waiting {
    /// Readable are records below the stable end: those of an open transaction are not there yet.
    fn of(it: &Consumption, committed: i64, place: &Place<'_>, end: i64) -> Self {
        let stable = if place.stable < place.end { place.stable } else { end };
        let range = committed.max(place.start)..stable;
        let done: &[Range<i64>] = match &it.beyond {
            Beyond::Done(ranges) => ranges,
            Beyond::Nothing | Beyond::Unknown => &[],
        };
        let mut first = range.start;
        loop {
            let readable = place.coverage.map_or(first, |coverage| coverage.readable_from(first));
            let beyond = done.iter().find(|range| range.contains(&readable)).map_or(readable, |range| range.end);
            if beyond == first {
                break;
            }
            first = beyond;
        }
        let count = |range: Range<i64>| match place.coverage {
            Some(coverage) => coverage.records_in(range),
            None => Some((range.end - range.start).max(0)),
        };
        let finished: Option<i64> =
            done.iter().map(|done| count(done.start.max(range.start)..done.end.min(range.end))).sum();
        let records = count(range.clone()).zip(finished).map(|(all, finished)| (all - finished).max(0));
        Self { first: (first < range.end).then_some(first), records: if range.is_empty() { Some(0) } else { records } }
    }

    /// How long ago the first of it was written, in ms.
    fn age(&self, place: &Place<'_>, at: Timestamp) -> Option<i64> {
        match self.first {
            None => Some(0),
            Some(first) => place.coverage?.time_of(first).map(|written| (at.millis() - written.millis()).max(0)),
        }
    }
}

fn eta_ms(waiting: Option<i64>, shrinks: Option<f64>) -> Option<i64> {
    match (waiting?, shrinks) {
        (0, _) => Some(0),
        (waiting, Some(shrinks)) if shrinks > 0.0 => {
            let ms = waiting as f64 * 1000.0 / shrinks;
            (ms < LONGEST_MS).then_some(ms.ceil() as i64)
        }
        _ => None,
    }
}

fn phase_state(it: &Consumption) -> Option<ProgressState> {
    match it.phase? {
        GroupPhase::Dead => Some(ProgressState::Dead),
        GroupPhase::Rebalancing => Some(ProgressState::Rebalancing),
        GroupPhase::Empty => Some(ProgressState::Empty),
        GroupPhase::Stable => None,
    }
}

fn state(it: &Consumption, place: &Place<'_>, waiting: &Waiting, at: Timestamp) -> ProgressState {
    if let Some(state) = phase_state(it) {
        return state;
    }
    let still = at.since(it.moved_at);
    let waits = waiting.first.is_some();
    let held = place.stable < place.end && it.committed.is_some_and(|offset| offset >= place.stable);
    match () {
        () if it.went_back => ProgressState::Rewound,
        () if held => ProgressState::BlockedByTransaction,
        () if waits && it.stuck_after.is_some_and(|after| still >= after) => ProgressState::Stuck,
        () if waits && still >= STALLED_AFTER_MS * 1000 => ProgressState::Stalled,
        () => ProgressState::Stable,
    }
}
