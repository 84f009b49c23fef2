//! How each group stands on each partition: samples and logged commits in, rows out.

use super::consumption::{Consumption, News, Taken, Told};
use super::figures::{self, Place};
use crate::event::{
    Beyond, CommittedOffset, GroupRow, GroupSample, GroupState, Ordinal, ProgressMark, ProgressRow, RewindRow,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A partition stands at least so long while others of the same group and topic go on before it is stuck.
pub const STUCK_AFTER_MS: i64 = 5_000;
/// Of a group whose usual pause between two commits is not known, or is long: no more than this is waited for.
const STUCK_UNKNOWN_MS: i64 = 30_000;
const STUCK_MOST_MS: i64 = 300_000;
/// So many usual pauses without a commit are not usual.
const PAUSES: i64 = 3;
/// Groups and partitions that are kept; some 500 bytes each. Beyond it new ones are not taken in, and that is counted.
const CONSUMPTIONS: usize = 1_000_000;
/// How often a row waits for what its log's end says to be read, so that its first waiting record has a time.
const WAITS: u8 = 3;

type Key = (Arc<str>, Ordinal);

/// Everything that is new of groups.
#[derive(Debug, Default)]
pub struct Ledgered {
    /// Rows that changed, as they stand now.
    pub rows: Vec<ProgressRow>,
    /// Committed offsets that changed, with the time.
    pub marks: Vec<ProgressMark>,
    /// Committed offsets that went back.
    pub rewinds: Vec<RewindRow>,
    /// Groups that changed.
    pub groups: Vec<GroupRow>,
    /// Groups that are no more: cluster and name.
    pub gone: Vec<(Arc<str>, Arc<str>)>,
    /// Groups that do not read a partition any more.
    pub forgotten: Vec<Key>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Ledger {
    consumptions: HashMap<Key, Consumption>,
    groups: BTreeMap<(Arc<str>, Arc<str>), GroupRow>,
    /// What has to be told, and how often it waited to be.
    open: BTreeMap<Key, u8>,
    news: Ledgered,
    /// Groups and partitions that were not taken in, because too many were.
    pub dropped: u64,
    /// Commits whose metadata speaks of records beyond them and is not understood.
    pub not_understood: u64,
}

impl Ledger {
    /// Takes in a row of an earlier run.
    pub fn restore(&mut self, row: ProgressRow) {
        let key = (row.consumer_group.clone(), row.ordinal);
        self.consumptions.insert(key, Consumption::restore(row));
    }

    /// Takes in a group of an earlier run.
    pub fn restore_group(&mut self, row: GroupRow) {
        self.groups.insert((row.cluster.clone(), row.consumer_group.clone()), row);
    }

    /// For each partition on which records wait for a group, the least offset that one of them committed.
    pub fn least_committed(&self) -> BTreeMap<Ordinal, i64> {
        let mut least = BTreeMap::new();
        for ((_, ordinal), it) in &self.consumptions {
            if let Some(committed) = it.committed {
                least.entry(*ordinal).and_modify(|least: &mut i64| *least = committed.min(*least)).or_insert(committed);
            }
        }
        least
    }

    /// Each group with the ordinals that it reads.
    pub fn readings(&self) -> Vec<(Arc<str>, Ordinal)> {
        let mut all: Vec<_> = self.consumptions.keys().cloned().collect();
        all.sort();
        all
    }

    /// Takes in one group of a sample. `find` gives the ordinal of a topic and partition that is tapped, and its log's end
    /// where the cluster told it; `beyond` what the metadata of a commit says. Gives the ordinals that the group reads.
    pub fn sample(
        &mut self,
        sample: &GroupSample,
        group: &GroupState,
        find: impl Fn(&str, i32) -> Option<(Ordinal, Option<i64>)>,
        beyond: impl Fn(&str, i64) -> Beyond,
    ) -> BTreeSet<Ordinal> {
        self.note_group(sample, group, false);
        let taken = (sample.at, sample.resolution_ms);
        let mut topics: BTreeMap<Arc<str>, Vec<Ordinal>> = BTreeMap::new();
        let mut reads: BTreeSet<Ordinal> = BTreeSet::new();
        for commit in &group.commits {
            let Some((ordinal, end)) = find(&commit.topic, commit.partition) else { continue };
            let Some(offset) = commit.offset else { continue };
            topics.entry(commit.topic.clone()).or_default().push(ordinal);
            reads.insert(ordinal);
            self.take(&group.group, ordinal, sample.at, |it, told| {
                it.beyond_end = end.is_some_and(|end| offset > end);
                if it.sampled(offset, taken, told) {
                    it.beyond = beyond(&commit.metadata, offset);
                }
            });
        }
        for share in &group.shares {
            let Some((ordinal, _)) = find(&share.topic, share.partition) else { continue };
            reads.insert(ordinal);
            self.take(&group.group, ordinal, sample.at, |it, told| {
                it.share = Some(share.waiting);
                it.sampled(share.start, taken, told);
            });
        }
        let assigned: BTreeSet<Ordinal> =
            group.assigned.iter().filter_map(|(topic, partition)| Some(find(topic, *partition)?.0)).collect();
        for &ordinal in &assigned {
            self.take(&group.group, ordinal, sample.at, |it, _| it.held(sample.at));
        }
        reads.extend(&assigned);
        for &ordinal in &reads {
            if let Some(it) = self.consumptions.get_mut(&(group.group.clone(), ordinal)) {
                it.phase = group.phase;
                it.assigned = assigned.contains(&ordinal);
            }
        }
        topics.values().for_each(|ordinals| self.compare(&group.group, ordinals, sample.at));
        reads
    }

    fn take(
        &mut self,
        group: &Arc<str>,
        ordinal: Ordinal,
        at: Timestamp,
        work: impl FnOnce(&mut Consumption, &mut Told<'_>),
    ) {
        let key = (group.clone(), ordinal);
        if self.consumptions.len() >= CONSUMPTIONS && !self.consumptions.contains_key(&key) {
            self.dropped += 1;
            return;
        }
        let mut news = News::default();
        let it = self.consumptions.entry(key.clone()).or_insert_with(|| Consumption::new(at));
        let before = (it.committed, it.beyond == Beyond::Unknown);
        it.named_at = it.named_at.max(at);
        work(it, &mut Told { group, ordinal, news: &mut news });
        self.not_understood += u64::from(it.beyond == Beyond::Unknown && before != (it.committed, true));
        self.news.marks.append(&mut news.marks);
        self.news.rewinds.append(&mut news.rewinds);
        self.open.insert(key, 0);
    }

    /// The tap may see nothing of `group` but its name.
    pub fn deny(&mut self, sample: &GroupSample, group: &Arc<str>) {
        self.note_group(sample, &GroupState::of(group.clone(), Vec::new()), true);
    }

    fn note_group(&mut self, sample: &GroupSample, group: &GroupState, denied: bool) {
        let row = GroupRow {
            cluster: sample.cluster.clone(),
            consumer_group: group.group.clone(),
            kind: group.kind,
            phase: group.phase,
            members: group.members,
            denied,
            sampled_at: sample.at,
        };
        let key = (row.cluster.clone(), row.consumer_group.clone());
        let same = |old: &GroupRow| GroupRow { sampled_at: row.sampled_at, ..old.clone() } == row;
        if !self.groups.get(&key).is_some_and(same) {
            self.news.groups.retain(|old| (&old.cluster, &old.consumer_group) != (&row.cluster, &row.consumer_group));
            self.news.groups.push(row.clone());
        }
        self.groups.insert(key, row);
    }

    /// Finds out whether a partition stands while others of the same group and topic go on.
    fn compare(&mut self, group: &Arc<str>, ordinals: &[Ordinal], at: Timestamp) {
        let all = || ordinals.iter().filter_map(|&ordinal| self.consumptions.get(&(group.clone(), ordinal)));
        let usual_ms = all().filter_map(|it| it.pause).max().map(|pause| pause / 1000 * PAUSES);
        let after = usual_ms.map_or(STUCK_UNKNOWN_MS, |ms| ms.clamp(STUCK_AFTER_MS, STUCK_MOST_MS)) * 1000;
        let moving =
            all().any(|it| it.velocity().is_some_and(|(a_second, _)| a_second > 0.0) && at.since(it.moved_at) < after);
        for &ordinal in ordinals {
            if let Some(it) = self.consumptions.get_mut(&(group.clone(), ordinal)) {
                it.stuck_after = moving.then_some(after);
            }
        }
    }

    /// The log of commits tells of a commit at `at`, or that there is none any more; `beyond` is what its metadata says.
    pub fn logged(&mut self, ordinal: Ordinal, commit: &CommittedOffset, beyond: Beyond, at: Timestamp) {
        let group = &commit.group;
        match commit.offset {
            Some(offset) => self.take(group, ordinal, at, |it, told| {
                it.logged(offset, at, told);
                if it.committed == Some(offset) {
                    it.beyond = beyond;
                }
            }),
            None if self.consumptions.get(&(group.clone(), ordinal)).is_some_and(|it| it.committed.is_some()) => {
                self.take(group, ordinal, at, |it, _| it.deleted(at));
            }
            None => {}
        }
    }

    /// How far `group` is on a partition of which its place is known, and since when. Nothing for a commit that names no
    /// record of the log.
    pub fn committed(&self, group: &Arc<str>, ordinal: Ordinal) -> Option<(i64, Taken)> {
        let it = self.consumptions.get(&(group.clone(), ordinal)).filter(|it| !it.beyond_end)?;
        Some((it.committed?, it.taken))
    }

    /// A whole sample was taken in: what it does not speak of, of what is of its cluster (`own`), is forgotten when all
    /// groups answered.
    pub fn end_sample(&mut self, sample: &GroupSample, own: impl Fn(Ordinal) -> bool) {
        if !sample.complete {
            return;
        }
        let denied: BTreeSet<&Arc<str>> = sample.denied.iter().collect();
        let named: BTreeSet<&Arc<str>> =
            sample.groups.iter().map(|state| &state.group).chain(denied.iter().copied()).collect();
        let gone = |((_, ordinal), it): &(&Key, &Consumption)| it.named_at < sample.at && own(*ordinal);
        let gone: Vec<Key> = self
            .consumptions
            .iter()
            .filter(|(key, it)| gone(&(*key, *it)) && !denied.contains(&key.0))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.forget(key);
        }
        let missing = |(cluster, group): &&(Arc<str>, Arc<str>)| *cluster == sample.cluster && !named.contains(group);
        let missing: Vec<_> = self.groups.keys().filter(missing).cloned().collect();
        for key in missing {
            self.groups.remove(&key);
            self.news.groups.retain(|row| (&row.cluster, &row.consumer_group) != (&key.0, &key.1));
            self.news.gone.push(key);
        }
    }

    fn forget(&mut self, key: Key) {
        self.consumptions.remove(&key);
        self.open.remove(&key);
        self.news.forgotten.push(key);
    }

    /// Hands over what is new. `place` gives a partition as it is known at the moment. What waits for its log to be read
    /// stays until the next call, unless `all` is wanted.
    pub fn settle<'a>(&mut self, all: bool, place: impl Fn(Ordinal) -> Option<Place<'a>>) -> Ledgered {
        for (key, waited) in std::mem::take(&mut self.open) {
            let Some(it) = self.consumptions.get_mut(&key) else { continue };
            let Some(place) = place(key.1) else { continue };
            if !all && waited < WAITS && !place.is_read(it) {
                self.open.insert(key, waited + 1);
                continue;
            }
            let mut news = News::default();
            it.flush(it.known_at, all, &mut Told { group: &key.0, ordinal: key.1, news: &mut news });
            self.news.marks.append(&mut news.marks);
            if it.committed.is_none() && !it.assigned {
                if it.told.take().is_some() {
                    self.news.forgotten.push(key);
                }
                continue;
            }
            it.step(it.known_at, place.end.max(place.coverage.map_or(0, |coverage| coverage.next_offset())));
            let row = figures::row(&key.0, key.1, it, &place, it.known_at);
            let same = |old: &ProgressRow| {
                ProgressRow { sampled_at: row.sampled_at, resolution_ms: row.resolution_ms, ..old.clone() } == row
            };
            if !it.told.as_ref().is_some_and(same) {
                self.news.rows.push(row.clone());
            }
            let open = it.is_open();
            it.told = Some(row);
            if open {
                self.open.insert(key, WAITS);
            }
        }
        std::mem::take(&mut self.news)
    }
}

#[cfg(test)]
mod tests;
