//! The native reader against librdkafka on a real cluster: the same records, byte for byte.
//!
//! Needs a real broker, and says so when it did not run.

#![expect(clippy::disallowed_types, reason = "somebody has to produce what the reader reads")]
#![expect(clippy::disallowed_methods, reason = "a test waits with a deadline")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says what did not run")]

use crate::reader::{From, PartitionLog, Running, Seen, expected, produce, producer, settings, settings_of};
use crate::support::kafka::{Options, RealKafka};
use crate::support::{on_both, poll_until};
use headwater::event::{Epoch, GapReason, Timestamp};
use headwater::kafka::{Admin, Plan, Position, Source};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// One broker for all tests here: it creates topics on first use.
pub fn brokers() -> Option<String> {
    static CLUSTER: OnceLock<Option<RealKafka>> = OnceLock::new();
    let options = Options { settings: &["auto.create.topics.enable=true"], ..Options::default() };
    Some(CLUSTER.get_or_init(|| RealKafka::start(options)).as_ref()?.bootstrap.clone())
}

/// A topic name that no earlier run used.
pub fn fresh(name: &str) -> String {
    let micros = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
    format!("{name}-{micros}")
}

/// Only topics that begin so.
pub struct Prefix(pub String, pub From);

impl Plan for Prefix {
    fn wants(&self, topic: &str) -> bool {
        topic.starts_with(&self.0)
    }

    fn position(&self, partition: &headwater::event::TopicPartition) -> Position {
        self.1.position(partition)
    }
}

/// The oracle: what a read_committed consumer of librdkafka gets from all partitions, up to their ends.
fn by_librdkafka(brokers: &str, topic: &str) -> BTreeMap<i32, Vec<Seen>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "oracle")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let partitions = metadata.topics()[0].partitions().len();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions as i32 {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut seen: BTreeMap<i32, Vec<Seen>> = BTreeMap::new();
    let mut ended = 0;
    while ended < partitions {
        match consumer.poll(PATIENCE).expect("a record or an end") {
            Err(KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("{error}"),
            Ok(message) => seen.entry(message.partition()).or_default().push(Seen {
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis().unwrap(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map_or(Vec::new(), |headers| {
                    headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
                }),
                producer: None,
            }),
        }
    }
    seen
}

fn assert_same(logs: &BTreeMap<(String, i32), PartitionLog>, brokers: &str, topic: &str) {
    for (partition, oracle) in by_librdkafka(brokers, topic) {
        let log = &logs[&(topic.to_owned(), partition)];
        let ours: Vec<Seen> = log.records.iter().map(|seen| Seen { producer: None, ..seen.clone() }).collect();
        assert!(ours == oracle, "{topic}/{partition}: {} and {} records", ours.len(), oracle.len());
    }
}

on_both!(
    every_codec_reads_as_librdkafka_reads_it,
    transactions_and_aborts_read_as_librdkafka_reads_them,
    what_retention_took_is_a_gap_and_not_silence,
);

fn every_codec_reads_as_librdkafka_reads_it(source: Source) {
    let Some(brokers) = brokers() else { return };
    let prefix = fresh("codec");
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for codec in codecs {
        let producer = producer(&brokers, &[("compression.type", codec)]);
        produce(&producer, &format!("{prefix}-{codec}"), 0..20_000, 1);
    }
    let running = Running::start(settings_of(&brokers, source), Prefix(prefix.clone(), From::default()));
    for codec in codecs {
        assert!(running.collected.wait_for_records(&format!("{prefix}-{codec}"), 20_000), "{codec}");
    }
    let logs = running.stop();
    for codec in codecs {
        assert_same(&logs, &brokers, &format!("{prefix}-{codec}"));
    }
}

fn transactions_and_aborts_read_as_librdkafka_reads_them(source: Source) {
    let Some(brokers) = brokers() else { return };
    let topic = fresh("transactions");
    let id = fresh("id");
    let transactional: BaseProducer =
        producer(&brokers, &[("transactional.id", id.as_str()), ("compression.type", "lz4")]);
    transactional.init_transactions(PATIENCE).unwrap();
    let plain = producer(&brokers, &[]);
    for round in 0..30 {
        transactional.begin_transaction().unwrap();
        produce(&transactional, &topic, round * 20..round * 20 + 10, 1);
        produce(&plain, &topic, round * 20 + 10..round * 20 + 20, 1);
        if round % 3 == 0 {
            transactional.abort_transaction(PATIENCE).unwrap();
        } else {
            transactional.commit_transaction(PATIENCE).unwrap();
        }
    }
    let running = Running::start(settings_of(&brokers, source), Prefix(topic.clone(), From::default()));
    // 600 records and 30 markers, all spoken for.
    let all =
        |logs: &BTreeMap<(String, i32), PartitionLog>| logs.get(&(topic.clone(), 0)).is_some_and(|log| log.next == 630);
    assert!(running.collected.wait(all));
    let logs = running.stop();
    assert_same(&logs, &brokers, &topic);
    let log = &logs[&(topic.clone(), 0)];
    let missing = |reason| -> i64 {
        log.missing.iter().filter(|(_, why)| *why == reason).map(|(covers, _)| covers.end - covers.start).sum()
    };
    assert_eq!(log.records.len(), 500);
    let transactional = log.records.iter().filter(|seen| seen.producer.is_some_and(|p| p.transactional)).count();
    match source {
        Source::Native => {
            assert_eq!((missing(GapReason::Control), missing(GapReason::Aborted), transactional), (30, 100, 200));
        }
        Source::Librdkafka => {
            assert_eq!((missing(GapReason::CompactedOrTransactional), transactional), (130, 0));
        }
    }
}

#[test]
fn times_barriers_and_groups_are_the_brokers_own() {
    let Some(brokers) = brokers() else { return };
    let topic = fresh("times");
    produce(&producer(&brokers, &[]), &topic, 0..1000, 1);
    let time = |ms| Position::Time(Timestamp::from_millis(ms));
    let plan = |position| Prefix(topic.clone(), From([((topic.clone(), 0), position)].into()));
    let mut admin = Admin::connect(&settings(&brokers)).unwrap();
    let offsets = |admin: &mut Admin, position| admin.estimate(&plan(position)).unwrap().offsets;
    assert_eq!(offsets(&mut admin, Position::Earliest), 1000);
    assert_eq!(offsets(&mut admin, time(expected(400).timestamp_ms)), 600);
    // No record is that young: reading begins at the end, not at the start.
    assert_eq!(offsets(&mut admin, time(expected(1000).timestamp_ms)), 0);
    assert_eq!(offsets(&mut admin, Position::Latest), 0);
    let sample = admin.barrier(Epoch(1), &plan(Position::Earliest)).unwrap();
    assert_eq!((sample.ends.len(), sample.ends[0].1, sample.unreachable.len()), (1, 1000, 0));
    let groups = admin.groups(&["nosuch".into()], &plan(Position::Earliest), Timestamp(1)).unwrap();
    assert!(groups.groups.is_empty());
    assert_eq!((groups.ends[0].start, groups.ends[0].end), (0, 1000));

    let group = fresh("kitchen");
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &brokers).set("group.id", &group).create().unwrap();
    let mut commits = TopicPartitionList::new();
    commits.add_partition_offset(&topic, 0, Offset::Offset(7)).unwrap();
    // The first group of a cluster waits for its coordinator.
    poll_until("a commit", PATIENCE, || consumer.commit(&commits, CommitMode::Sync).ok());
    for names in [vec![], vec![group.clone()]] {
        let sample = admin.groups(&names, &plan(Position::Earliest), Timestamp(1)).unwrap();
        let found = sample.groups.iter().find(|state| *state.group == *group).expect("the group");
        assert_eq!(found.phase, Some(headwater::event::GroupPhase::Empty));
        assert_eq!((found.commits.len(), found.commits[0].offset), (1, Some(7)));
    }
}

fn what_retention_took_is_a_gap_and_not_silence(source: Source) {
    let Some(brokers) = brokers() else { return };
    let topic = fresh("retention");
    let producer = producer(&brokers, &[]);
    produce(&producer, &topic, 0..1000, 1);
    let admin: AdminClient<_> = ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    let delete_before = |offset| {
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(&topic, 0, Offset::Offset(offset)).unwrap();
        futures::executor::block_on(admin.delete_records(&before, &AdminOptions::new())).unwrap();
    };
    delete_before(400);
    let from = From([((topic.clone(), 0), Position::Resume(100))].into());
    let running = Running::start(settings_of(&brokers, source), Prefix(topic.clone(), from));
    assert!(running.collected.wait_for_records(&topic, 600));
    let logs = running.stop();
    let log = &logs[&(topic.clone(), 0)];
    assert_eq!((log.starts.as_slice(), log.records[0].offset), ([(400, 100)].as_slice(), 400));
    assert_eq!(log.missing, [(100..400, GapReason::Retention)]);
}
