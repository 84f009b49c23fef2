//! One group on one partition: what it committed, when, and how fast it goes.

use crate::event::{Beyond, GroupPhase, ProgressMark, ProgressRow, RewindRow, Timestamp};
use std::collections::VecDeque;

/// Least distance of two marks of one group and partition, in µs.
const MARK_EVERY_US: i64 = 1_000_000;
/// The velocity is that of so much time: short enough to follow a change, long enough to smooth batches.
const PACE_WINDOW_US: i64 = 60_000_000;
/// Steps closer than this are one.
const PACE_EVERY_US: i64 = 4_000_000;
/// Less time than this between two steps says nothing about velocity.
const PACE_LEAST_US: i64 = 2_000_000;
/// How much of its longest pause between two commits a group keeps in mind from commit to commit, in percent.
const PAUSE_KEPT: i64 = 75;

/// When something was known, and how long before that it can have happened, in ms.
pub type Taken = (Timestamp, i64);

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Consumption {
    /// As it was told last.
    pub told: Option<ProgressRow>,
    /// The next offset that the group will read.
    pub committed: Option<i64>,
    /// When that was committed, or the sample that showed it.
    pub taken: Taken,
    /// The last sample or commit that speaks of it.
    pub named_at: Timestamp,
    /// When the group stood as it is known: not the time of a sample that says otherwise than the log will.
    pub known_at: Timestamp,
    /// What the client says it finished beyond the committed offset.
    pub beyond: Beyond,
    /// A share group: `committed` is its start offset, and this what the broker says waits.
    pub share: Option<Option<i64>>,
    /// Members hold the partition.
    pub assigned: bool,
    /// The committed offset names a record that the log does not have: it is of an older log of that name.
    pub beyond_end: bool,
    /// The committed offset went back at its last change.
    pub went_back: bool,
    /// Last time that the committed offset changed.
    pub moved_at: Timestamp,
    /// The longest pause between two commits while records waited, lately; in µs.
    pub pause: Option<i64>,
    /// Other partitions of the group and topic went on, and so long a pause is not usual for it, in µs.
    pub stuck_after: Option<i64>,
    /// What the group's members do.
    pub phase: Option<GroupPhase>,
    /// The log of commits tells of it.
    logged: bool,
    /// Since when samples say otherwise than the log, of which nothing came since.
    doubted_since: Option<Timestamp>,
    /// The last commit of the time before it was known, told by the log.
    history: Option<(i64, Timestamp)>,
    /// No history before this is new.
    history_from: Timestamp,
    /// The last mark that was given, and a commit after it that was not.
    marked: Option<Timestamp>,
    unmarked: Option<(i64, Taken)>,
    history_marked: Option<Timestamp>,
    /// When, committed offset, log end.
    steps: VecDeque<(Timestamp, i64, i64)>,
}

/// What is new of one group and partition, beside its row.
#[derive(Debug, Default)]
pub(super) struct News {
    pub marks: Vec<ProgressMark>,
    pub rewinds: Vec<RewindRow>,
}

impl Consumption {
    /// Nothing is known yet but that the group reads the partition.
    pub fn new(at: Timestamp) -> Self {
        Self {
            told: None,
            committed: None,
            taken: (at, 0),
            named_at: at,
            known_at: at,
            beyond: Beyond::Nothing,
            share: None,
            assigned: false,
            beyond_end: false,
            went_back: false,
            moved_at: at,
            pause: None,
            stuck_after: None,
            phase: None,
            logged: false,
            doubted_since: None,
            history: None,
            history_from: Timestamp(i64::MIN),
            marked: None,
            unmarked: None,
            history_marked: None,
            steps: VecDeque::new(),
        }
    }

    /// As an earlier run left it.
    pub fn restore(row: ProgressRow) -> Self {
        let at = row.sampled_at;
        Self {
            committed: row.committed_offset,
            taken: (at, row.resolution_ms),
            beyond: row.beyond.clone(),
            history_from: at,
            marked: Some(at),
            told: Some(row),
            ..Self::new(at)
        }
    }

    /// A sample shows `offset`. Where the log of commits tells of this group, that is what counts, and a sample only shows
    /// whether it still does: false while that is open.
    pub fn sampled(&mut self, offset: i64, (at, interval_ms): Taken, news: &mut Told<'_>) -> bool {
        // The bracket begins where it was last known, be that before a pause of the tap.
        let resolution_ms = if self.committed.is_some() { at.since(self.known_at) / 1000 } else { interval_ms };
        let taken = (at, resolution_ms.max(0));
        if self.logged && self.committed != Some(offset) {
            if at < self.taken.0 {
                return false;
            }
            let since = *self.doubted_since.get_or_insert(taken.0);
            if since == taken.0 {
                return false;
            }
            self.logged = false;
        }
        self.doubted_since = None;
        self.known_at = self.known_at.max(at);
        if self.committed != Some(offset) {
            self.take(offset, taken, news);
        }
        true
    }

    /// A sample shows that members hold the partition. Where the group committed, its commits say since when it is known.
    pub fn held(&mut self, at: Timestamp) {
        if self.committed.is_none() {
            self.known_at = self.known_at.max(at);
        }
    }

    /// The log tells that `offset` was committed at `at`.
    pub fn logged(&mut self, offset: i64, at: Timestamp, news: &mut Told<'_>) {
        if at < self.taken.0 && self.committed.is_some() {
            return self.remember(offset, at, news);
        }
        self.logged = true;
        self.doubted_since = None;
        self.known_at = self.known_at.max(at);
        if self.committed == Some(offset) {
            return;
        }
        self.take(offset, (at, 0), news);
    }

    /// The log tells that the commit was deleted, or has expired, at `at`.
    pub fn deleted(&mut self, at: Timestamp) {
        if at < self.taken.0 {
            return;
        }
        self.logged = true;
        self.doubted_since = None;
        self.known_at = self.known_at.max(at);
        (self.committed, self.beyond, self.unmarked) = (None, Beyond::Nothing, None);
        (self.taken, self.moved_at, self.went_back) = ((at, 0), at, false);
        self.steps.clear();
    }

    /// A commit of the time before samples began: it says when events were passed, not where the group stands.
    fn remember(&mut self, offset: i64, at: Timestamp, news: &mut Told<'_>) {
        if at <= self.history_from || self.history.is_some_and(|(last, then)| last == offset || at < then) {
            return;
        }
        if let Some((from, _)) = self.history.filter(|(last, _)| offset < *last) {
            news.rewind(from, offset, (at, 0));
        } else if self.history_marked.is_some_and(|last| at.since(last) < MARK_EVERY_US) {
            self.history = Some((offset, at));
            return;
        }
        let resolution_ms = match (self.history, self.history_marked) {
            (Some((_, then)), Some(marked)) if then > marked => at.since(marked) / 1000,
            _ => 0,
        };
        news.mark(offset, (at, resolution_ms));
        self.history = Some((offset, at));
        self.history_marked = Some(at);
    }

    fn take(&mut self, offset: i64, taken: Taken, news: &mut Told<'_>) {
        let (at, _) = taken;
        let waited = self.told.as_ref().is_some_and(|row| row.lag_offsets.is_some_and(|lag| lag > 0));
        if waited {
            let pause = at.since(self.moved_at);
            self.pause = Some(pause.max(self.pause.unwrap_or(0) / 100 * PAUSE_KEPT));
        }
        let before = self.committed.replace(offset);
        self.went_back = before.is_some_and(|before| offset < before);
        self.taken = taken;
        self.moved_at = at;
        if let Some(from) = before.filter(|_| self.went_back) {
            // What it had passed when it went back is part of the story, however short it was.
            self.flush(at, true, news);
            news.rewind(from, offset, taken);
        }
        self.unmarked = match self.unmarked.take() {
            // Several commits since the last mark are one step: its bracket begins at that mark.
            Some(_) => Some((offset, (at, self.marked.map_or(taken.1, |last| at.since(last) / 1000)))),
            None => Some((offset, taken)),
        };
        let now = self.went_back;
        self.flush(at, now, news);
    }

    /// Gives the mark that is due, or any when `now`.
    pub fn flush(&mut self, at: Timestamp, now: bool, news: &mut Told<'_>) {
        let due = now || self.marked.is_none_or(|last| at.since(last) >= MARK_EVERY_US);
        if let Some((offset, taken)) = self.unmarked.take_if(|_| due) {
            self.marked = Some(taken.0);
            news.mark(offset, taken);
        }
    }

    /// True while a commit is not marked yet.
    pub fn is_open(&self) -> bool {
        self.unmarked.is_some()
    }

    /// Notes where group and log stand at `at`.
    pub fn step(&mut self, at: Timestamp, end: i64) {
        let Some(committed) = self.committed else { return };
        self.steps.retain(|(earlier, ..)| *earlier < at && at.since(*earlier) <= PACE_WINDOW_US);
        if self.went_back && self.moved_at == at {
            self.steps.clear();
        }
        let close = |&(earlier, ..): &(Timestamp, i64, i64)| at.since(earlier) < PACE_EVERY_US;
        // The last one goes on until it is far enough from the one before it.
        if self.steps.len() >= 2 && self.steps.get(self.steps.len() - 2).is_some_and(close) {
            self.steps.pop_back();
        }
        self.steps.push_back((at, committed, end));
    }

    /// Offsets a second that the group commits, and by which its lag shrinks, over the last minute.
    pub fn velocity(&self) -> Option<(f64, f64)> {
        let (&(since, from, first_end), &(until, to, last_end)) = (self.steps.front()?, self.steps.back()?);
        let span = until.since(since);
        if span < PACE_LEAST_US {
            return None;
        }
        let a_second = |offsets: i64| offsets as f64 * 1e6 / span as f64;
        let committed = to.saturating_sub(from);
        Some((a_second(committed), a_second(committed.saturating_sub(last_end.saturating_sub(first_end)))))
    }
}

/// Where news of one group and partition go.
pub(super) struct Told<'a> {
    pub group: &'a std::sync::Arc<str>,
    pub ordinal: crate::event::Ordinal,
    pub news: &'a mut News,
}

impl Told<'_> {
    fn mark(&mut self, committed_offset: i64, (at, resolution_ms): Taken) {
        let (consumer_group, ordinal) = (self.group.clone(), self.ordinal);
        self.news.marks.push(ProgressMark { consumer_group, ordinal, committed_offset, at, resolution_ms });
    }

    fn rewind(&mut self, from_offset: i64, to_offset: i64, (at, resolution_ms): Taken) {
        let (consumer_group, ordinal) = (self.group.clone(), self.ordinal);
        self.news.rewinds.push(RewindRow { consumer_group, ordinal, from_offset, to_offset, at, resolution_ms });
    }
}
