//! What the core makes of groups: samples and logged commits in, progress and passes out.

use super::core::{Core, covered};
use crate::decode::beyond;
use crate::delivery::{Coverage, Place};
use crate::event::{
    EventRef, GroupClient, GroupSample, LogEnds, LogPolicy, LoggedCommit, Ordinal, PolicyRow, Timestamp,
};
use regex::Regex;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Logged commits that may wait for their topic to be read: an hour of commits comes before the first record of a topic.
/// Beyond it the oldest go, and are counted.
const UNPLACED: usize = 200_000;
/// Samples that such a commit waits for: a topic of which nothing is read by then is not tapped.
const UNPLACED_SAMPLES: u8 = 20;

/// Client ids of members that are told once a run. Fleets whose clients make a new one at each start have more, and their
/// beginning says the same.
const GROUP_CLIENTS: usize = 20_000;

/// What the core knows of groups beside the ledger.
#[derive(Debug, Default)]
pub(super) struct Consuming {
    /// Log ends of the last sample.
    ends: HashMap<Ordinal, LogEnds>,
    /// By cluster and topic.
    policies: HashMap<Arc<str>, HashMap<Arc<str>, LogPolicy>>,
    /// How far each cluster's log of commits is behind, in ms; `None` where it is not read.
    log_behind: HashMap<Arc<str>, Option<i64>>,
    /// Commits on partitions that nobody has begun to read, and for how many samples they have waited.
    unplaced: VecDeque<(LoggedCommit, u8)>,
    /// Of those, how many had to go.
    pub unplaced_dropped: u64,
    /// What members of groups call themselves.
    clients: HashSet<GroupClient>,
    /// Of those, how many were not kept.
    pub clients_dropped: u64,
    /// The input has ended: nothing is waited for.
    pub ended: bool,
    /// Groups that look and do nothing.
    not_attending: Vec<Regex>,
}

impl Core {
    /// Takes a sample of all groups.
    pub fn groups(&mut self, sample: &GroupSample) {
        self.stand(sample);
        self.read_to = self.read_to.max(sample.at);
        for ends in &sample.ends {
            if let Some(ordinal) = self.catalog.ordinal(&ends.partition, ends.end) {
                self.consuming.ends.insert(ordinal, ends.clone());
            }
        }
        let behind = sample.log_read_to.map(|read| sample.at.since(read) / 1000);
        self.consuming.log_behind.insert(sample.cluster.clone(), behind);
        let policies = self.consuming.policies.entry(sample.cluster.clone()).or_default();
        policies.extend(sample.policies.iter().map(|policy| (policy.topic.clone(), policy.clone())));
        let row = |policy: &LogPolicy| PolicyRow {
            cluster: sample.cluster.clone(),
            policy: policy.clone(),
            sampled_at: sample.at,
        };
        self.changes.policies.extend(sample.policies.iter().map(row));
        self.place_logged();
        for group in &sample.groups {
            let (catalog, ends) = (&self.catalog, &self.consuming.ends);
            let find = |topic: &str, partition: i32| {
                let partition = catalog.find(&sample.cluster, topic, partition)?;
                let ordinal = catalog.last_ordinal(partition)?;
                Some((ordinal, ends.get(&ordinal).map(|ends| ends.end)))
            };
            // Every commit, not only those that moved: retries below them may have been read since.
            for ordinal in self.ledger.sample(sample, group, find, beyond) {
                self.consumed(&group.group, ordinal);
            }
        }
        sample.denied.iter().for_each(|group| self.ledger.deny(sample, group));
        let own = |ordinal| self.catalog.at(ordinal).is_some_and(|place| place.partition.cluster == sample.cluster);
        self.ledger.end_sample(sample, own);
    }

    /// How far the log of commits that is farthest behind is, in ms; `None` where none is read.
    pub(super) fn commit_log_behind_ms(&self) -> Option<i64> {
        self.consuming.log_behind.values().copied().flatten().max()
    }

    /// Takes groups whose whole name has one of these patterns for what looks and does nothing: nothing comes of it, and none of
    /// them fails.
    pub fn leave_out(&mut self, patterns: &[String]) {
        let whole = |pattern: &String| Regex::new(&format!("^(?:{pattern})$")).ok();
        self.consuming.not_attending = patterns.iter().filter_map(whole).collect();
        let known: BTreeSet<Arc<str>> = self.ledger.readings().into_iter().map(|(group, _)| group).collect();
        for group in known {
            if self.is_left_out(&group) {
                self.resolver.reads_nothing(&group);
            }
        }
    }

    fn is_left_out(&self, group: &str) -> bool {
        self.consuming.not_attending.iter().any(|pattern| pattern.is_match(group))
    }

    pub(super) fn reads(&mut self, group: &Arc<str>, ordinal: Ordinal) {
        if self.is_left_out(group) {
            return;
        }
        if let Some(place) = self.catalog.at(ordinal) {
            self.resolver.reads(group, place.topic);
        }
    }

    /// Tells the other stages how far `group` is.
    fn consumed(&mut self, group: &Arc<str>, ordinal: Ordinal) {
        self.reads(group, ordinal);
        if let Some((committed, taken)) = self.ledger.committed(group, ordinal) {
            self.passings.committed(group, ordinal, committed, taken);
            if !self.is_left_out(group) {
                self.resolver.consumed(group, ordinal, committed);
            }
        }
    }

    /// Tells the other stages once more how far each group is: what it passed may have been read since.
    pub(super) fn consumed_all(&mut self) {
        for (group, ordinal) in self.ledger.readings() {
            self.consumed(&group, ordinal);
        }
    }

    /// Takes what a member of a group calls itself.
    pub(super) fn note_client(&mut self, client: &GroupClient) {
        let Consuming { clients, clients_dropped, .. } = &mut self.consuming;
        if clients.contains(client) {
            return;
        }
        if clients.len() >= GROUP_CLIENTS {
            *clients_dropped += 1;
            return;
        }
        clients.insert(client.clone());
        self.changes.clients.push(client.clone());
    }

    /// Takes a commit that the cluster's log of them tells.
    pub(super) fn logged(&mut self, commit: &LoggedCommit) {
        if !self.take_logged(commit) {
            if self.consuming.unplaced.len() >= UNPLACED {
                self.consuming.unplaced.pop_front();
                self.consuming.unplaced_dropped += 1;
            }
            self.consuming.unplaced.push_back((commit.clone(), 0));
        }
    }

    fn place_logged(&mut self) {
        for (commit, waited) in std::mem::take(&mut self.consuming.unplaced) {
            if !self.take_logged(&commit) && waited < UNPLACED_SAMPLES {
                self.consuming.unplaced.push_back((commit, waited + 1));
            }
        }
    }

    /// False when nobody has begun to read its partition.
    fn take_logged(&mut self, LoggedCommit { cluster, at, commit }: &LoggedCommit) -> bool {
        let partition = self.catalog.find(cluster, &commit.topic, commit.partition);
        let Some(ordinal) = partition.and_then(|partition| self.catalog.last_ordinal(partition)) else { return false };
        let beyond = commit.offset.map(|offset| beyond(&commit.metadata, offset)).unwrap_or_default();
        self.ledger.logged(ordinal, commit, beyond, *at);
        self.consumed(&commit.group, ordinal);
        true
    }

    /// Moves what is new of groups to the changes.
    pub(super) fn settle_groups(&mut self) {
        let Self { ledger, catalog, coverage, consuming, .. } = self;
        let place = |ordinal| {
            let coverage = covered(coverage, ordinal);
            let partition = &catalog.at(ordinal)?.partition;
            let policy = consuming.policies.get(&partition.cluster).and_then(|topics| topics.get(&partition.topic));
            Some(match consuming.ends.get(&ordinal) {
                Some(ends) => {
                    Place { sampled: true, start: ends.start, end: ends.end, stable: ends.stable, coverage, policy }
                }
                // As in an import: the log ends where reading did.
                None => {
                    let read = coverage.map_or(0..0, Coverage::read);
                    Place { sampled: false, start: read.start, end: read.end, stable: read.end, coverage, policy }
                }
            })
        };
        let news = ledger.settle(consuming.ended, place);
        self.changes.progress = news.rows;
        self.changes.marks = news.marks;
        self.changes.rewinds = news.rewinds;
        self.changes.groups = news.groups;
        self.changes.gone = news.gone;
        self.changes.forgotten = news.forgotten;
    }

    /// Nothing more will come: nothing is waited for.
    pub fn end_of_reading(&mut self) {
        self.place_logged();
        self.consuming.ended = true;
    }

    /// For each partition, from which offset on the records are wanted that some group has not passed and an earlier run
    /// read: refs from the first to the one after the last.
    pub(super) fn unpassed(&self) -> Vec<(EventRef, EventRef)> {
        let read = |ordinal| covered(&self.coverage, ordinal).map(Coverage::read);
        let range = |(ordinal, committed): (Ordinal, i64)| {
            let read = read(ordinal)?;
            let first = committed.max(read.start);
            (first < read.end).then(|| (EventRef::new(ordinal, first), EventRef::new(ordinal, read.end)))
        };
        self.ledger.least_committed().into_iter().filter_map(range).collect()
    }

    /// Takes in the records of one such range, in order.
    pub(super) fn restore_unpassed(&mut self, range: (EventRef, EventRef), records: &[(EventRef, Timestamp)]) {
        let ordinal = range.0.ordinal();
        let Some(base) = self.catalog.at(ordinal).map(|place| place.base) else { return };
        let offset = |reference: EventRef| base + reference.offset();
        if let Some(coverage) = self.coverage.get_mut(ordinal.0 as usize).and_then(Option::as_mut) {
            let records = records.iter().map(|&(reference, time)| (offset(reference), time));
            coverage.restore_read(offset(range.0)..coverage.next_offset(), records);
        }
    }
}
