//! Brokers that offer less than the newest Kafka: older ones, and others that only speak its protocol. What a broker
//! offers is all that the tap goes by, so a relay that hides APIs and versions of a real broker shows each of them.

use crate::reader::{From, PartitionLog, Running, Seen, produce, producer, settings};
use crate::reader_on_kafka::{Prefix, brokers, fresh};
use crate::support::poll_until;
use crate::support::produce::{create_topic, delete_topic};
use crate::support::proxy::{Limit, Proxy};
use headwater::event::{Epoch, GroupKind, GroupPhase, GroupSample, Timestamp};
use headwater::kafka::{Admin, Error};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;

const FETCH: i16 = 1;
const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;
const OFFSET_FETCH: i16 = 9;
const LIST_GROUPS: i16 = 16;
const API_VERSIONS: i16 = 18;
const DESCRIBE_CONFIGS: i16 = 32;
const PATIENCE: Duration = Duration::from_secs(30);
const PARTITIONS: i32 = 3;
const PLAIN: usize = 3_000;
const TRANSACTIONAL: usize = 100;

/// What is missing, and the limits that make it so.
const LIMITS: &[(&str, &[Limit])] = &[
    ("topic ids in fetches (before 3.1)", &[(FETCH, Some(12))]),
    ("flexible fetches (before 2.7)", &[(FETCH, Some(11))]),
    ("racks (before 2.4)", &[(FETCH, Some(10))]),
    ("leader epochs (before 2.1)", &[(FETCH, Some(8)), (METADATA, Some(6))]),
    ("fetch sessions (before 1.1)", &[(FETCH, Some(6))]),
    ("all but isolation levels (0.11)", &[(FETCH, Some(4)), (METADATA, Some(4)), (LIST_OFFSETS, Some(2))]),
    ("topic ids in metadata, though fetches know them", &[(METADATA, Some(9))]),
    ("several groups in one request (before 3.0)", &[(OFFSET_FETCH, Some(7))]),
    ("flexible questions about groups", &[(OFFSET_FETCH, Some(2)), (LIST_GROUPS, Some(2))]),
    ("states of groups (before 2.6)", &[(LIST_GROUPS, Some(3))]),
    ("the software's name (before 2.4)", &[(API_VERSIONS, Some(2))]),
    ("all but the first form of versions", &[(API_VERSIONS, Some(0))]),
    ("kinds of groups (before 3.8)", &[(LIST_GROUPS, Some(4))]),
    ("settings of topics", &[(DESCRIBE_CONFIGS, None)]),
    ("a list of groups", &[(LIST_GROUPS, None)]),
    ("commits", &[(OFFSET_FETCH, None)]),
    ("all of groups", &[(OFFSET_FETCH, None), (LIST_GROUPS, None)]),
];

/// A topic with records of all kinds, and a group that committed.
struct Stage {
    brokers: String,
    topic: String,
    group: String,
}

impl Stage {
    fn set() -> Option<Self> {
        let brokers = brokers()?;
        let (topic, group) = (fresh("versions"), fresh("kitchen"));
        create_topic(&brokers, &topic, PARTITIONS);
        produce(&producer(&brokers, &[("compression.type", "lz4")]), &topic, 0..PLAIN, PARTITIONS);
        let id = fresh("id");
        let writer: BaseProducer = producer(&brokers, &[("transactional.id", id.as_str())]);
        writer.init_transactions(PATIENCE).unwrap();
        for commit in [true, false] {
            writer.begin_transaction().unwrap();
            produce(&writer, &topic, 0..TRANSACTIONAL, 1);
            if commit { writer.commit_transaction(PATIENCE) } else { writer.abort_transaction(PATIENCE) }.unwrap();
        }
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &brokers).set("group.id", &group).create().unwrap();
        let mut commits = TopicPartitionList::new();
        commits.add_partition_offset(&topic, 0, Offset::Offset(7)).unwrap();
        poll_until("a commit", PATIENCE, || consumer.commit(&commits, CommitMode::Sync).ok());
        Some(Self { brokers, topic, group })
    }

    fn plan(&self) -> Prefix {
        Prefix(self.topic.clone(), From::default())
    }

    fn ends(&self, bootstrap: &str) -> Vec<i64> {
        let sample = Admin::connect(&settings(bootstrap)).unwrap().barrier(Epoch(1), &self.plan()).unwrap();
        assert!(sample.unreachable.is_empty());
        let mut ends: Vec<(i32, i64)> = sample.ends.iter().map(|(at, end)| (at.partition, *end)).collect();
        ends.sort_unstable();
        ends.into_iter().map(|(_, end)| end).collect()
    }

    /// All that is read by way of `bootstrap`, up to the stable ends.
    fn read(&self, bootstrap: &str) -> Vec<(i64, Vec<Seen>, usize)> {
        let ends = self.ends(bootstrap);
        let running = Running::start(settings(bootstrap), self.plan());
        let at = |partition: usize| (self.topic.clone(), partition as i32);
        let whole = |logs: &BTreeMap<(String, i32), PartitionLog>| {
            ends.iter().enumerate().all(|(number, end)| logs.get(&at(number)).is_some_and(|log| log.next == *end))
        };
        assert!(running.collected.wait(whole), "not read to {ends:?}");
        let mut logs = running.stop();
        let log = |number: usize| {
            let log = logs.remove(&at(number)).unwrap();
            (log.next, log.records, log.missing.len())
        };
        (0..ends.len()).map(log).collect()
    }

    fn groups(&self, bootstrap: &str, names: &[String]) -> GroupSample {
        Admin::connect(&settings(bootstrap)).unwrap().groups(names, &self.plan(), Timestamp(1)).unwrap()
    }
}

#[test]
fn what_a_broker_does_not_offer_changes_nothing_that_is_read() {
    let Some(stage) = Stage::set() else { return };
    let whole = stage.read(&stage.brokers);
    let records: usize = whole.iter().map(|(_, records, _)| records.len()).sum();
    assert_eq!(records, PLAIN + TRANSACTIONAL);
    for (missing, limits) in LIMITS {
        println!("without {missing}");
        let proxy = Proxy::narrow(&stage.brokers, limits);
        assert!(stage.read(&proxy.bootstrap) == whole, "without {missing}");
    }
}

#[test]
fn groups_are_seen_as_far_as_a_broker_tells_of_them() {
    let Some(stage) = Stage::set() else { return };
    let lacks = |limits: &[Limit], key: i16| limits.iter().any(|(limited, most)| *limited == key && most.is_none());
    for (missing, limits) in LIMITS {
        let proxy = Proxy::narrow(&stage.brokers, limits);
        let named = stage.groups(&proxy.bootstrap, std::slice::from_ref(&stage.group));
        let all = stage.groups(&proxy.bootstrap, &[]);
        let find = |sample: &GroupSample| {
            let found = sample.groups.iter().find(|state| *state.group == *stage.group);
            found.map(|state| (state.commits.iter().map(|commit| commit.offset).collect::<Vec<_>>(), state.phase))
        };
        // The ends of the logs come from elsewhere, and are whole in any case.
        assert_eq!((named.ends.len(), all.ends.len()), (3, 3), "without {missing}");
        let (told, listed) = (!lacks(limits, OFFSET_FETCH), !lacks(limits, LIST_GROUPS));
        let offsets = |sample: &GroupSample| find(sample).map(|(offsets, _)| offsets);
        let seven = Some(vec![Some(7)]);
        assert_eq!(offsets(&named), seven.clone().filter(|_| told), "by name, without {missing}");
        assert_eq!(offsets(&all), seven.filter(|_| told && listed), "without {missing}");
        // A sample with holes never counts as "there is no such group any more".
        assert_eq!(all.complete, told && listed, "without {missing}");
        assert_eq!(all.policies.len(), usize::from(!lacks(limits, DESCRIBE_CONFIGS)), "without {missing}");
        if let Some(state) = all.groups.iter().find(|state| *state.group == *stage.group) {
            assert_eq!((state.kind, state.members), (GroupKind::Simple, Some(0)), "without {missing}");
        }
        if let Some((_, state)) = find(&all) {
            let stateless = limits.iter().any(|(key, most)| *key == LIST_GROUPS && most.is_some_and(|most| most < 4));
            assert_eq!(state, (!stateless).then_some(GroupPhase::Empty), "without {missing}");
        }
    }
}

#[test]
fn a_broker_without_what_reading_takes_is_named_with_the_request() {
    let Some(stage) = Stage::set() else { return };
    for (key, most, name) in
        [(METADATA, None, "Metadata"), (METADATA, Some(3), "Metadata"), (LIST_OFFSETS, None, "ListOffsets")]
    {
        let proxy = Proxy::narrow(&stage.brokers, &[(key, most)]);
        let sample =
            Admin::connect(&settings(&proxy.bootstrap)).and_then(|mut admin| admin.barrier(Epoch(1), &stage.plan()));
        let mut error = sample.expect_err(name);
        if let Error::Unreachable { last, .. } = error {
            error = *last;
        }
        assert!(matches!(error, Error::Unsupported { request, .. } if request == name), "{error}");
    }
}

/// Topic ids are what tells incarnations apart; where a broker has none, a log that is shorter than it was does.
#[test]
fn without_topic_ids_a_shorter_log_is_read_from_its_start() {
    let Some(brokers) = brokers() else { return };
    let topic = fresh("reborn");
    create_topic(&brokers, &topic, 1);
    produce(&producer(&brokers, &[]), &topic, 0..50, 1);
    let proxy = Proxy::narrow(&brokers, &[(METADATA, Some(9)), (FETCH, Some(12))]);
    let running = Running::start(settings(&proxy.bootstrap), Prefix(topic.clone(), From::default()));
    assert!(running.collected.wait_for_records(&topic, 50));
    delete_topic(&brokers, &topic);
    create_topic(&brokers, &topic, 1);
    produce(&producer(&brokers, &[]), &topic, 0..10, 1);
    assert!(running.collected.wait_for_records(&topic, 60));
    let logs = running.stop();
    let log = &logs[&(topic, 0)];
    assert_eq!((log.starts.as_slice(), log.next), ([(0, 0), (0, 0)].as_slice(), 10));
    assert_eq!(log.records.len(), 60);
}
