//! Which group failed, where the record does not name it: by the names of topics, by who reads the retries, by who reads
//! the topic of the origin.

use super::super::readings::Readings;
use super::super::resolver::Resolver;
use super::Failures;
use super::group_name::{base_group, named_in};
use crate::event::{EventRef, FailureKind, FailureRow, GroupEvidence, HashKey, Ordinal, TopicPartition};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Groups that are told as possible ones. A topic that more groups read is told with the first of them by name.
const CANDIDATES: usize = 32;

/// Kafka's own command makes a group of such a name each time somebody looks into a topic.
const LOOKS_ONLY: &str = "console-consumer-";

/// Where partitions lie: topics by number and name.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Topics {
    of: HashMap<Ordinal, u32>,
    /// Cluster and name.
    names: HashMap<u32, (Arc<str>, Arc<str>)>,
}

impl Topics {
    fn place(&mut self, ordinal: Ordinal, topic: u32, partition: &TopicPartition) {
        self.of.insert(ordinal, topic);
        self.names.entry(topic).or_insert_with(|| (partition.cluster.clone(), partition.topic.clone()));
    }

    /// What stands for the origin of a failure that lies where nobody reads: below all refs.
    pub(super) fn unread(&self, row: &FailureRow) -> Option<EventRef> {
        let (cluster, _) = self.names.get(&self.of(row.reference)?)?;
        let (topic, partition, offset) = (row.origin_topic.as_ref()?, row.origin_partition?, row.origin_offset?);
        let place = format!("{cluster}/{topic}/{partition}/{offset}");
        Some(EventRef(i64::MIN | (HashKey([0; 16]).hash(place.as_bytes()) >> 1) as i64))
    }

    pub fn of(&self, event: EventRef) -> Option<u32> {
        self.of.get(&event.ordinal()).copied()
    }

    fn name(&self, topic: u32) -> Option<&str> {
        self.names.get(&topic).map(|(_, name)| &**name)
    }
}

/// Who failed, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Who {
    group: Option<String>,
    evidence: Option<GroupEvidence>,
    candidates: Vec<String>,
}

impl Who {
    fn known(group: &str, evidence: GroupEvidence) -> Self {
        Self { group: Some(group.to_owned()), evidence: Some(evidence), candidates: Vec::new() }
    }
}

/// The groups that read `topic`, as applications call themselves.
fn readers(readings: &Readings, topic: u32) -> BTreeSet<&str> {
    readings.of_topic(topic).take(CANDIDATES + 1).map(|group| base_group(group)).collect()
}

/// Which of `groups` goes by the name `reader` on a topic of its own: by a suffix that frameworks put there, or by any that it
/// was told to. Where no group is known, any reader of retries, and of dead letters one with such a suffix.
pub(super) fn application<'a>(reader: &'a str, groups: &BTreeSet<&'a str>, retries: bool) -> Option<&'a str> {
    let base = base_group(reader);
    if groups.is_empty() {
        return Some(base).filter(|base| retries || *base != reader);
    }
    let is_its = |group: &&&str| {
        base.strip_prefix(**group).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']))
    };
    groups.iter().filter(is_its).max_by_key(|group| group.len()).copied()
}

fn only<'a>(mut all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

impl Failures {
    fn who(&self, row: &FailureRow, readings: &Readings) -> Who {
        let origin = row.origin.and_then(|origin| self.topics.of(origin));
        let own = self.topics.of(row.reference);
        let groups = origin.map(|topic| readers(readings, topic)).unwrap_or_default();
        let origin_name = origin.and_then(|topic| self.topics.name(topic)).or(row.origin_topic.as_deref());
        if let Some(name) = own.and_then(|topic| self.topics.name(topic))
            && let Some(group) = only(groups.iter().copied().filter(|group| named_in(name, origin_name, group)))
        {
            return Who::known(group, GroupEvidence::Topic);
        }
        let retries = row.kind == FailureKind::Retry;
        let read_by = |topics: BTreeSet<u32>| -> BTreeSet<&str> {
            let readers = topics.into_iter().flat_map(|topic| readings.of_topic(topic));
            readers.filter_map(|reader| application(reader, &groups, retries)).collect()
        };
        // A topic of one's own tells most: of a shared one nothing follows.
        for topics in [own.into_iter().collect(), self.retry_topics(row)] {
            if let Some(group) = only(read_by(topics).into_iter()) {
                return Who::known(group, GroupEvidence::Topic);
            }
        }
        if let Some(group) = only(groups.iter().copied()) {
            return Who::known(group, GroupEvidence::Ledger);
        }
        let candidates = groups.into_iter().take(CANDIDATES).map(str::to_owned).collect();
        Who { group: None, evidence: None, candidates }
    }

    /// Where other attempts of what a dead letter gave up lie, as far as they name no group either.
    fn retry_topics(&self, row: &FailureRow) -> BTreeSet<u32> {
        let attempts = row.origin.into_iter().flat_map(|origin| self.of_origin(origin));
        let retries = attempts.filter_map(|attempt| self.get(attempt)).filter(|row| row.kind == FailureKind::Retry);
        let unnamed = retries.filter(|retry| retry.group_evidence != Some(GroupEvidence::Named));
        match row.kind {
            FailureKind::Retry => BTreeSet::new(),
            _ => unnamed.filter_map(|retry| self.topics.of(retry.reference)).collect(),
        }
    }

    /// Looks again who failed; true when that is another answer.
    pub(super) fn reconsider(&mut self, failure: EventRef, readings: &Readings) -> bool {
        let Some(row) = self.get(failure).filter(|row| row.group_evidence != Some(GroupEvidence::Named)) else {
            return false;
        };
        let who = self.who(row, readings);
        let is = Who {
            group: row.consumer_group.clone(),
            evidence: row.group_evidence,
            candidates: row.candidate_groups.clone(),
        };
        if who == is {
            return false;
        }
        let Who { group, evidence, candidates } = who;
        self.change(failure, |row| {
            row.consumer_group = group;
            row.group_evidence = evidence;
            row.candidate_groups = candidates;
        });
        true
    }

    /// Keeps a failure that names no group where news of groups find it.
    pub(super) fn note_unnamed(&mut self, row: &FailureRow) {
        if row.group_evidence == Some(GroupEvidence::Named) {
            return;
        }
        let topics = [row.origin.and_then(|origin| self.topics.of(origin)), self.topics.of(row.reference)];
        self.unnamed.extend(topics.into_iter().flatten().map(|topic| (topic, row.reference)));
    }

    pub(super) fn forget_unnamed(&mut self, row: &FailureRow) {
        let topics = [row.origin.and_then(|origin| self.topics.of(origin)), self.topics.of(row.reference)];
        for topic in topics.into_iter().flatten() {
            self.unnamed.remove(&(topic, row.reference));
        }
    }

    fn unnamed_on(&self, topic: u32) -> Vec<EventRef> {
        let of = (topic, EventRef(i64::MIN))..=(topic, EventRef(i64::MAX));
        self.unnamed.range(of).map(|(_, failure)| *failure).collect()
    }
}

impl Resolver {
    /// The partition `ordinal` belongs to a topic.
    pub fn lies_on(&mut self, ordinal: Ordinal, topic: u32, partition: &TopicPartition) {
        self.failures.topics.place(ordinal, topic, partition);
    }

    /// A group only looks: nothing follows from what it reads.
    pub fn reads_nothing(&mut self, group: &str) {
        for topic in self.trace_order.readings.remove(group) {
            for failure in self.failures.unnamed_on(topic) {
                self.failures.reconsider_all(failure, &self.trace_order.readings);
            }
        }
    }

    /// A group reads a topic.
    pub fn reads(&mut self, group: &Arc<str>, topic: u32) {
        let known = self.trace_order.readings.of_topic(topic).take(CANDIDATES + 1).count();
        // One more group than can be told changes nothing.
        if !group.starts_with(LOOKS_ONLY) && self.trace_order.readings.add(group, topic) && known <= CANDIDATES {
            for failure in self.failures.unnamed_on(topic) {
                self.failures.reconsider_all(failure, &self.trace_order.readings);
            }
        }
    }
}

impl Failures {
    /// Looks again who failed, for a failure and then for the others of its origin, which its group may tell of.
    pub(super) fn reconsider_all(&mut self, failure: EventRef, readings: &Readings) {
        if !self.reconsider(failure, readings) {
            return;
        }
        let Some(origin) = self.get(failure).and_then(|row| row.origin) else { return };
        // Who reads a retry may tell who gave up.
        let is_retry = self.get(failure).is_some_and(|row| row.kind == FailureKind::Retry);
        let others: Vec<EventRef> = self.of_origin(origin).filter(|other| is_retry && *other != failure).collect();
        for other in others {
            self.reconsider(other, readings);
        }
    }
}
