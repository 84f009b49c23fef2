//! Lag as records: beside what a reader gets, with transactions that commit and abort, with compaction, and after a restart.

use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, sql};
use crate::support::raw::Raw;
use crate::support::{Folder, poll_until, seed};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);
/// The cleaner looks often, and leaves nothing that it may take.
const SETTINGS: &[&str] = &["log.cleaner.backoff.ms=200"];
const COMPACTED: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.ms", "500"),
    ("min.cleanable.dirty.ratio", "0.001"),
    ("min.compaction.lag.ms", "0"),
];
const TOPICS: [&str; 2] = ["work-plain", "work-compacted"];
const GROUPS: usize = 40;

/// Offsets that a read_committed reader gets, by topic.
fn readable(bootstrap: &str) -> BTreeMap<&'static str, Vec<i64>> {
    // Without a group it takes no assignment; it commits nothing to it.
    let settings = [("group.id", "oracle"), ("isolation.level", "read_committed"), ("enable.partition.eof", "true")];
    let consumer = produce::reader(bootstrap, &settings);
    let mut assignment = TopicPartitionList::new();
    for topic in TOPICS {
        assignment.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let mut seen: BTreeMap<&str, Vec<i64>> = TOPICS.map(|topic| (topic, Vec::new())).into();
    let mut ends = 0;
    while ends < TOPICS.len() {
        match consumer.poll(PATIENCE).expect("a record or the end of a partition") {
            Ok(message) => seen.get_mut(message.topic()).unwrap().push(message.offset()),
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ends += 1,
            Err(error) => panic!("{error}"),
        }
    }
    seen
}

/// Writes plain records, and transactions of which a third is aborted.
fn write(bootstrap: &str, random: &mut fastrand::Rng, steps: usize) {
    let plain = Writer::new(bootstrap, "none");
    for topic in TOPICS {
        let transactional = Writer::transactional(bootstrap, "none", topic);
        for _ in 0..steps {
            let record = |random: &mut fastrand::Rng| Outgoing {
                key: Some(vec![random.u8(..8)]),
                value: Some(b"{}".to_vec()),
                ..Outgoing::default()
            };
            let records: Vec<Outgoing> = (0..random.usize(1..5)).map(|_| record(random)).collect();
            match random.u8(..3) {
                0 => records.iter().for_each(|record| plain.send(topic, record)),
                kind => transactional.transaction(topic, &records, kind == 1),
            }
            plain.flush();
        }
    }
}

/// What is told of each group and topic, once the tap has seen all commits, in records.
fn told(folder: &Folder, url: &str, wanted: &BTreeMap<(String, String), i64>) -> BTreeMap<(String, String), i64> {
    let query = "SELECT consumer_group, topic, lag_records FROM progress WHERE consumer_group LIKE 'work-%'";
    let all = || -> BTreeMap<(String, String), i64> {
        let rows = sql(folder.path(), Door::Url(url), query);
        rows.into_iter().map(|row| ((row[0].clone(), row[1].clone()), row[2].parse().unwrap_or(-1))).collect()
    };
    let mut last = BTreeMap::new();
    for _ in 0..300 {
        last = all();
        if last == *wanted {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    last
}

/// Scenario: 40 groups that committed anywhere in two logs, one of them compacted, both with aborted transactions; more is
/// written while no tap runs, and a tap goes on with what an earlier one read.
/// Guarantees: `lag_records` is the number of records that a reader still gets from there.
#[test]
fn lag_in_records_is_what_a_reader_would_get() {
    let Some(kafka) = RealKafka::start(Options { settings: SETTINGS, ..Options::default() }) else { return };
    let random = &mut fastrand::Rng::with_seed(seed("work"));
    produce::create_topic(&kafka.bootstrap, TOPICS[0], 1);
    produce::create_topic_with(&kafka.bootstrap, TOPICS[1], 1, COMPACTED);
    write(&kafka.bootstrap, random, 30);
    // What a segment holds is compacted once the next has begun.
    let writer = Writer::new(&kafka.bootstrap, "none");
    poll_until("the log to be compacted", PATIENCE, || {
        writer.send(TOPICS[1], &Outgoing { key: Some(vec![9]), value: Some(b"{}".to_vec()), ..Outgoing::default() });
        writer.flush();
        let (_, end) = produce::log_range(&kafka.bootstrap, TOPICS[1], 0);
        (readable(&kafka.bootstrap)[TOPICS[1]].len() as i64 * 3 < end).then_some(())
    });
    // From here on the log stays as it is, once the cleaner has ended what it began.
    let keep = AlterConfig::new(ResourceSpecifier::Topic(TOPICS[1])).set("cleanup.policy", "delete");
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).create().unwrap();
    futures::executor::block_on(admin.alter_configs([&keep], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    let mut same = (0, 0);
    poll_until("the cleaner to rest", PATIENCE, || {
        let now = readable(&kafka.bootstrap)[TOPICS[1]].len();
        same = if now == same.1 { (same.0 + 1, now) } else { (0, now) };
        (same.0 > 20).then_some(())
    });
    let mut raw = Raw::connect(&kafka.bootstrap);
    let mut committed = BTreeMap::new();
    for topic in TOPICS {
        let (_, end) = produce::log_range(&kafka.bootstrap, topic, 0);
        for group in 0..GROUPS {
            let offset = random.i64(0..=end);
            let name = format!("work-{group}");
            raw.commit(&name, &[(topic.to_owned(), 0, offset, String::new())]);
            committed.insert((name, topic.to_owned()), offset);
        }
    }
    let wanted = |readable: &BTreeMap<&str, Vec<i64>>| -> BTreeMap<(String, String), i64> {
        let waiting = |topic: &str, offset: i64| readable[topic].iter().filter(|at| **at >= offset).count() as i64;
        committed.iter().map(|(key, offset)| (key.clone(), waiting(&key.1, *offset))).collect()
    };
    let folder = Folder::new("work");
    let more = ["--from", "earliest", "--sample-interval", "1s"];
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &more);
    let first = readable(&kafka.bootstrap);
    assert_eq!(told(&folder, &url, &wanted(&first)), wanted(&first), "of a tap that read it all");
    assert!(tap.stop().0.success());
    let ends = TOPICS.map(|topic| (topic, produce::log_range(&kafka.bootstrap, topic, 0).1));
    write(&kafka.bootstrap, random, 6);
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &more);
    let mut after = first;
    for (topic, end) in ends {
        let new = readable(&kafka.bootstrap)[topic].iter().copied().filter(|at| *at >= end).collect::<Vec<_>>();
        after.get_mut(topic).unwrap().extend(new);
    }
    assert_eq!(told(&folder, &url, &wanted(&after)), wanted(&after), "of a tap that goes on");
    assert!(tap.stop().0.success());
}
