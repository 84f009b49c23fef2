//! Two readers that share no code, the native one and librdkafka's, see the same records: coordinates, bytes, headers
//! and order, for every codec, with transactions that commit and that abort.

use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{self, CODECS, Outgoing, Writer};
use crate::support::{poll_until, seed};
use headwater::event::{GapReason, Start, Timestamp, TopicPartition};
use headwater::kafka::{Batch, BatchSink, Content, Plan, Position, Reader, Settings};
use headwater::telemetry::Counters;
use rdkafka::consumer::Consumer;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PARTITIONS: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// One record as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    offset: i64,
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

type Records = BTreeMap<(String, i32), Vec<Seen>>;

#[test]
fn native_reader_and_librdkafka_see_the_same_records() {
    let Some(kafka) = RealKafka::start(Options { brokers: 3, ..Options::default() }) else { return };
    let mut random = fastrand::Rng::with_seed(seed("sources"));
    let mut topics = Vec::new();
    for codec in CODECS {
        topics.push(fill(&kafka.bootstrap, codec, &mut random));
    }
    topics.push(fill_with_broker_time(&kafka.bootstrap));

    let oracle = librdkafka(&kafka.bootstrap, &topics);
    let (native, missing) = native(&kafka.bootstrap, &topics);
    assert_eq!(native.len(), topics.len() * PARTITIONS as usize);
    for (place, expected) in &oracle {
        let seen = &native[place];
        let differs = seen.iter().zip(expected).find(|(a, b)| a != b);
        assert!(differs.is_none(), "{place:?}: native and librdkafka: {differs:?}");
        assert_eq!(seen.len(), expected.len(), "{place:?}");
    }
    assert!(oracle.values().map(Vec::len).sum::<usize>() > 10_000, "there was much to compare");
    for reason in [GapReason::Control, GapReason::Aborted] {
        assert!(missing.get(&(reason as u8)).is_some_and(|count| *count > 50), "{reason:?} was there: {missing:?}");
    }
}

/// A topic written with `codec`: plain batches, then transactions of which some abort, and plain records again.
fn fill(bootstrap: &str, codec: &str, random: &mut fastrand::Rng) -> String {
    let topic = format!("sources-{codec}");
    produce::create_topic(bootstrap, &topic, PARTITIONS);
    let plain = Writer::new(bootstrap, codec);
    for _ in 0..2_000 {
        plain.send(&topic, &record(random));
    }
    plain.flush();
    let transactional = Writer::transactional(bootstrap, codec, &format!("{topic}-writer"));
    for number in 0..30 {
        let records: Vec<Outgoing> = (0..random.usize(1..20)).map(|_| record(random)).collect();
        transactional.transaction(&topic, &records, number % 3 != 1);
        // Plain records between the batches of transactions.
        plain.send(&topic, &record(random));
        plain.flush();
    }
    topic
}

/// A topic whose records carry the time at which the broker took them.
fn fill_with_broker_time(bootstrap: &str) -> String {
    let topic = "sources-append-time".to_owned();
    produce::create_topic_with(bootstrap, &topic, PARTITIONS, &[("message.timestamp.type", "LogAppendTime")]);
    let writer = Writer::new(bootstrap, "lz4");
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..500 {
        writer.send(&topic, &record(&mut random));
    }
    writer.flush();
    topic
}

/// Anything that a producer may send: nulls, empty things, repeated header names, bytes that are no text, old times.
fn record(random: &mut fastrand::Rng) -> Outgoing {
    let names = ["a", "a", "traceparent", "ключ", ""];
    let headers =
        (0..random.usize(..5)).map(|_| (names[random.usize(..names.len())].to_owned(), bytes(random, 60))).collect();
    Outgoing {
        partition: random.i32(0..PARTITIONS),
        key: bytes(random, 30),
        value: bytes(random, 3_000),
        headers,
        timestamp_ms: random.bool().then(|| random.i64(1..1_700_000_000_000)),
    }
}

fn bytes(random: &mut fastrand::Rng, most: usize) -> Option<Vec<u8>> {
    match random.u8(..10) {
        0 => None,
        1 => Some(Vec::new()),
        // Repeated bytes compress, random ones do not.
        2..=5 => Some(vec![random.u8(..); random.usize(1..most)]),
        _ => Some((0..random.usize(1..most)).map(|_| random.u8(..)).collect()),
    }
}

fn librdkafka(bootstrap: &str, topics: &[String]) -> Records {
    // Without a group it takes no assignment; it commits nothing to it.
    let settings = [("group.id", "oracle"), ("isolation.level", "read_committed"), ("enable.partition.eof", "true")];
    let consumer = produce::reader(bootstrap, &settings);
    let mut assignment = TopicPartitionList::new();
    let mut seen = Records::new();
    for topic in topics {
        for partition in 0..PARTITIONS {
            assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
            seen.insert((topic.clone(), partition), Vec::new());
        }
    }
    consumer.assign(&assignment).unwrap();
    let mut ends = 0;
    while ends < seen.len() {
        let message = match consumer.poll(PATIENCE).expect("a record or the end of a partition") {
            Ok(message) => message,
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => {
                ends += 1;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|h| (h.key.as_bytes().to_vec(), h.value.map(<[u8]>::to_vec))).collect()
        });
        seen.get_mut(&(message.topic().to_owned(), message.partition())).unwrap().push(Seen {
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
        });
    }
    seen
}

#[derive(Default)]
struct Collected {
    records: Records,
    next: BTreeMap<(String, i32), i64>,
    missing: BTreeMap<u8, i64>,
}

struct Collector(Arc<Mutex<Collected>>);

impl BatchSink for Collector {
    fn start(&mut self, start: Start) {
        let place = (start.partition.topic.to_string(), start.partition.partition);
        let mut all = self.0.lock().unwrap();
        all.records.entry(place.clone()).or_default();
        all.next.insert(place, start.position);
    }

    fn batch(&mut self, batch: Batch<'_>) {
        let place = (batch.partition.topic.to_string(), batch.partition.partition);
        let mut all = self.0.lock().unwrap();
        let next = all.next.insert(place.clone(), batch.covers.end);
        assert_eq!(next, Some(batch.covers.start), "{place:?}: batches leave nothing out");
        match batch.content {
            Content::Missing(reason) => {
                *all.missing.entry(reason as u8).or_default() += batch.covers.end - batch.covers.start;
            }
            Content::Records(records) => {
                let seen = all.records.get_mut(&place).unwrap();
                let whole = records.for_each(&mut |record| {
                    let headers = record.headers.iter().map(|h| (h.name.to_vec(), h.value.map(<[u8]>::to_vec)));
                    seen.push(Seen {
                        offset: record.offset,
                        timestamp_ms: record.timestamp_ms,
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                        headers: headers.collect(),
                    });
                });
                assert!(whole, "{place:?}: a batch is corrupt");
            }
        }
    }

    fn flush(&mut self, _seen: Timestamp) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

struct Everything(Vec<String>);

impl Plan for Everything {
    fn wants(&self, topic: &str) -> bool {
        self.0.iter().any(|wanted| wanted == topic)
    }

    fn position(&self, _partition: &TopicPartition) -> Position {
        Position::Earliest
    }
}

/// What the native reader sees, and how many offsets it says are missing, by reason.
fn native(bootstrap: &str, topics: &[String]) -> (Records, BTreeMap<u8, i64>) {
    let stop = Arc::new(AtomicBool::new(false));
    let settings = Settings {
        cluster: "test".to_owned(),
        brokers: bootstrap.split(',').map(str::to_owned).collect(),
        security: Arc::default(),
        max_read: None,
        max_wait: Duration::from_millis(100),
        counters: Arc::new(Counters::default()),
        stop: Arc::clone(&stop),
    };
    let mut ends = BTreeMap::new();
    for topic in topics {
        for partition in 0..PARTITIONS {
            ends.insert((topic.clone(), partition), produce::log_range(bootstrap, topic, partition).1);
        }
    }
    let collected = Arc::new(Mutex::new(Collected::default()));
    let sink = Arc::clone(&collected);
    let factory: headwater::kafka::SinkFactory = Arc::new(move || Box::new(Collector(Arc::clone(&sink))));
    let reader = Reader::start(settings, Arc::new(Everything(topics.to_vec())), factory).unwrap();
    poll_until("the ends of all partitions", PATIENCE, || (collected.lock().unwrap().next == ends).then_some(()));
    stop.store(true, Ordering::Relaxed);
    reader.join().unwrap();
    let mut all = collected.lock().unwrap();
    (std::mem::take(&mut all.records), std::mem::take(&mut all.missing))
}
