//! The cluster's own log of commits, `__consumer_offsets`: read like a topic, and none. Its records are no events; they say
//! when which group committed what.

use super::plan::TapPlan;
use crate::decode::{self, CoordinatorRecord};
use crate::event::{
    CommittedOffset, GroupClient, GroupSample, LogEnds, LoggedCommit, Record, Start, Timestamp, TopicPartition,
};
use crate::kafka::{Batch, Content, Plan};
use crate::telemetry::{Counter, Counters};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the topic.
pub(super) const COMMIT_LOG: &str = "__consumer_offsets";

/// Topics of which is kept whether they are wanted: more than clusters have.
const TOPICS_KEPT: usize = 100_000;

/// What `record` of the log of commits tells, if it tells of a commit; what it tells of members goes to `clients`. What is
/// not known is counted.
pub(super) fn logged(
    cluster: &Arc<str>,
    record: &Record<'_>,
    counters: &Counters,
    clients: &mut Vec<GroupClient>,
) -> Option<LoggedCommit> {
    match decode::offset_commit(record.key, record.value) {
        CoordinatorRecord::Commit { commit, at } => {
            counters.add(Counter::CommitsLogged, 1);
            let at = at.unwrap_or(Timestamp::from_millis(record.timestamp_ms));
            Some(LoggedCommit { cluster: cluster.clone(), at, commit })
        }
        CoordinatorRecord::Members { group, members } => {
            let group: Arc<str> = group.into();
            clients.extend(members.into_iter().map(|member| GroupClient {
                cluster: cluster.clone(),
                group: group.clone(),
                client: member.client.into(),
                library: member.library,
            }));
            None
        }
        CoordinatorRecord::Other(_) => None,
        CoordinatorRecord::Unknown => {
            counters.add(Counter::CommitsUnknown, 1);
            None
        }
    }
}

/// How far one cluster's log of commits was read: written by its fetch threads, read by its sampler.
pub(super) struct CommitLog {
    plan: Arc<TapPlan>,
    /// The groups whose commits are wanted; empty = all.
    groups: Vec<String>,
    counters: Arc<Counters>,
    /// The next offset of each partition. All commits before it are with the core.
    next: Mutex<HashMap<Arc<TopicPartition>, i64>>,
}

impl CommitLog {
    pub fn new(plan: Arc<TapPlan>, groups: Vec<String>, counters: Arc<Counters>) -> Self {
        Self { plan, groups, counters, next: Mutex::default() }
    }

    fn next(&self) -> MutexGuard<'_, HashMap<Arc<TopicPartition>, i64>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wants_group(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.binary_search_by(|name| name.as_str().cmp(group)).is_ok()
    }
}

/// One fetch thread's part in the reading of it.
pub(super) struct LogReading {
    log: Arc<CommitLog>,
    /// Whether the plan wants these topics: it is asked once for each.
    topics: HashMap<Arc<str>, bool>,
    /// Next offsets that [`Self::handed_over`] makes known.
    reached: Vec<(Arc<TopicPartition>, i64)>,
}

impl LogReading {
    pub fn new(log: Arc<CommitLog>) -> Self {
        Self { log, topics: HashMap::new(), reached: Vec::new() }
    }

    /// Reading of one of its partitions begins.
    pub fn start(&mut self, start: Start) {
        self.reached.push((start.partition, start.position));
    }

    /// Takes the commits of one batch.
    pub fn batch(&mut self, batch: Batch<'_>, (commits, clients): (&mut Vec<LoggedCommit>, &mut Vec<GroupClient>)) {
        if let Content::Records(records) = batch.content {
            records.for_each(&mut |record| {
                let told = logged(&batch.partition.cluster, record, &self.log.counters, clients);
                commits.extend(told.filter(|told| self.wants(&told.commit)));
            });
        }
        self.reached.push((batch.partition.clone(), batch.covers.end));
    }

    /// What a group committed on a topic that is not read says nothing to anybody.
    fn wants(&mut self, commit: &CommittedOffset) -> bool {
        if self.topics.len() >= TOPICS_KEPT {
            self.topics.clear();
        }
        let Self { log, topics, .. } = self;
        log.wants_group(&commit.group)
            && *topics.entry(commit.topic.clone()).or_insert_with(|| log.plan.wants(&commit.topic))
    }

    /// All commits that were taken are with the core.
    pub fn handed_over(&mut self) {
        if !self.reached.is_empty() {
            self.log.next().extend(self.reached.drain(..));
        }
    }
}

/// The sampler's part: compares what was read with the ends of the log.
pub(super) struct LogEnd {
    log: Arc<CommitLog>,
    /// Ends that were not reached yet, and when they were sampled.
    ahead: Option<(Timestamp, Vec<LogEnds>)>,
    read_to: Option<Timestamp>,
}

impl LogEnd {
    pub fn new(log: Arc<CommitLog>) -> Self {
        Self { log, ahead: None, read_to: None }
    }

    /// Takes the ends of the log out of `sample`, and notes in it up to when all commits are with the core.
    ///
    /// An open transaction holds the log back for all groups of a partition, so the end is meant, not the stable one.
    pub fn judge(&mut self, sample: &mut GroupSample) {
        let (ends, others) =
            std::mem::take(&mut sample.ends).into_iter().partition(|ends| *ends.partition.topic == *COMMIT_LOG);
        sample.ends = others;
        if reached(&self.log, &ends) {
            (self.read_to, self.ahead) = (Some(sample.at), None);
        } else if let Some((at, _)) = self.ahead.take_if(|(_, ends)| reached(&self.log, ends)) {
            self.read_to = Some(at);
        }
        if self.read_to != Some(sample.at) {
            self.ahead.get_or_insert((sample.at, ends));
        }
        sample.log_read_to = self.read_to;
    }
}

/// Whether all partitions of the log are among `ends`, and read up to there.
fn reached(log: &CommitLog, ends: &[LogEnds]) -> bool {
    let next = log.next();
    let read = |ends: &LogEnds| next.get(&ends.partition).is_some_and(|next| *next >= ends.end);
    !ends.is_empty() && ends.len() >= next.len() && ends.iter().all(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::plan;

    fn partition(number: i32) -> Arc<TopicPartition> {
        let (cluster, topic) = ("c".into(), COMMIT_LOG.into());
        Arc::new(TopicPartition { cluster, topic, topic_id: [1; 16], partition: number })
    }

    fn sample(at: i64, ends: [i64; 2]) -> GroupSample {
        let ends = ends.into_iter().zip(0..).map(|(end, number)| LogEnds {
            partition: partition(number),
            start: 0,
            end,
            stable: end,
            leader: 1,
        });
        GroupSample { at: Timestamp(at), ends: ends.collect(), ..GroupSample::default() }
    }

    #[test]
    fn the_log_is_read_up_to_the_last_sample_whose_ends_were_reached() {
        let log = Arc::new(CommitLog::new(plan::tests::all(), Vec::new(), Arc::default()));
        let (mut reading, mut end) = (LogReading::new(log.clone()), LogEnd::new(log));
        let mut judge = |at, ends| {
            let mut sample = sample(at, ends);
            end.judge(&mut sample);
            assert!(sample.ends.is_empty(), "the core hears nothing of this topic");
            sample.log_read_to.map(|time| time.0)
        };
        let mut read = |number, to| {
            let missing = Content::Missing(crate::event::GapReason::Control);
            let batch = Batch { partition: &partition(number), producer: None, covers: 0..to, content: missing };
            reading.batch(batch, (&mut Vec::new(), &mut Vec::new()));
            reading.handed_over();
        };
        assert_eq!(judge(1, [5, 0]), None, "nothing was read");
        read(0, 5);
        assert_eq!(judge(2, [5, 0]), None, "one partition was not begun");
        read(1, 0);
        assert_eq!(judge(3, [6, 0]), Some(1), "the ends of the first sample are reached");
        assert_eq!(judge(4, [7, 0]), Some(1));
        read(0, 6);
        assert_eq!(judge(5, [8, 0]), Some(3));
        read(0, 9);
        assert_eq!(judge(6, [9, 0]), Some(6));
        let mut away =
            GroupSample { at: Timestamp(7), ends: sample(7, [9, 0]).ends[..1].to_vec(), ..Default::default() };
        end.judge(&mut away);
        assert_eq!(away.log_read_to, Some(Timestamp(6)), "a partition whose leader is away may hold more");
    }

    #[test]
    fn commits_of_topics_and_groups_that_are_not_wanted_are_left() {
        let log = CommitLog::new(plan::tests::all(), vec!["a".into(), "b".into()], Arc::default());
        let mut reading = LogReading::new(Arc::new(log));
        let mut wants =
            |group: &str, topic: &str| reading.wants(&CommittedOffset::new(&group.into(), &topic.into(), 0, None));
        assert!(wants("a", "orders") && wants("b", "orders") && wants("b", "payments"));
        assert!(!wants("c", "orders") && !wants("a", "kitchen") && !wants("a", COMMIT_LOG));
    }

    #[test]
    fn commits_are_taken_and_what_is_not_known_is_counted() {
        let (cluster, counters) = ("c".into(), Arc::new(Counters::default()));
        let key = |kind: u8| [&[0, kind, 0, 1, b'g', 0, 1, b't'][..], &[0; 4]].concat();
        let value = [&[0, 2][..], &9i64.to_be_bytes(), &[0, 0], &4i64.to_be_bytes()].concat();
        let take = |kind, value: Option<&[u8]>| {
            let key: Vec<u8> = key(kind);
            let record = Record { offset: 0, timestamp_ms: 7, key: Some(&key), value, headers: &[] };
            logged(&cluster, &record, &counters, &mut Vec::new())
        };
        let told = take(1, Some(&value)).unwrap();
        assert_eq!((told.at, told.commit.offset), (Timestamp::from_millis(4), Some(9)));
        let told = take(1, None).unwrap();
        assert_eq!((told.at, told.commit.offset), (Timestamp::from_millis(7), None), "deleted");
        assert_eq!(take(3, None), None);
        assert_eq!(take(77, None), None);
        assert_eq!((counters.get(Counter::CommitsLogged), counters.get(Counter::CommitsUnknown)), (2, 1));
    }
}
