//! The readers against librdkafka's mock cluster: three brokers, real sockets, records of a real producer.

#![expect(clippy::disallowed_types, reason = "somebody has to produce what the reader reads")]
#![expect(clippy::disallowed_methods, reason = "a test waits with a deadline")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says what did not run")]

use crate::support::on_both;
use headwater::event::{Epoch, GapReason, Producer, Start, Timestamp, TopicPartition};
use headwater::kafka::{Admin, Batch, BatchSink, Content, Error, Plan, Position, Reader, Settings, Source};
use headwater::telemetry::{Counter, Counters};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longer than any step of a test takes; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(15);

/// One record, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub producer: Option<Producer>,
}

/// What was read of one partition.
#[derive(Debug, Default)]
pub struct PartitionLog {
    pub starts: Vec<(i64, i64)>,
    pub next: i64,
    pub records: Vec<Seen>,
    pub missing: Vec<(Range<i64>, GapReason)>,
}

/// Everything that was read, by topic and partition. Panics when batches leave a hole or come twice.
#[derive(Default)]
pub struct Collected {
    logs: Mutex<BTreeMap<(String, i32), PartitionLog>>,
    news: Condvar,
    closed: AtomicBool,
}

impl Collected {
    /// Waits until `enough` says so, and returns whether it did.
    pub fn wait(&self, enough: impl Fn(&BTreeMap<(String, i32), PartitionLog>) -> bool) -> bool {
        let logs = self.logs.lock().unwrap();
        let (_logs, timeout) = self.news.wait_timeout_while(logs, PATIENCE, |logs| !enough(logs)).unwrap();
        !timeout.timed_out()
    }

    pub fn wait_for_records(&self, topic: &str, count: usize) -> bool {
        self.wait(|logs| {
            logs.iter().filter(|((t, _), _)| t == topic).map(|(_, l)| l.records.len()).sum::<usize>() >= count
        })
    }

    pub fn take(&self) -> BTreeMap<(String, i32), PartitionLog> {
        std::mem::take(&mut self.logs.lock().unwrap())
    }
}

struct Collector(Arc<Collected>);

fn key_of(partition: &TopicPartition) -> (String, i32) {
    (partition.topic.to_string(), partition.partition)
}

impl BatchSink for Collector {
    fn start(&mut self, start: Start) {
        let mut logs = self.0.logs.lock().unwrap();
        let log = logs.entry(key_of(&start.partition)).or_default();
        log.starts.push((start.log_start, start.position));
        log.next = start.position;
    }

    fn batch(&mut self, batch: Batch<'_>) {
        let mut logs = self.0.logs.lock().unwrap();
        let log = logs.get_mut(&key_of(batch.partition)).expect("a batch of a partition that did not start");
        assert_eq!(batch.covers.start, log.next, "{}", batch.partition);
        assert!(!batch.covers.is_empty());
        log.next = batch.covers.end;
        let producer = batch.producer;
        match batch.content {
            Content::Missing(reason) => log.missing.push((batch.covers, reason)),
            Content::Records(records) => {
                let whole = records.for_each(&mut |record| {
                    assert!(batch.covers.contains(&record.offset));
                    let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
                    log.records.push(Seen {
                        offset: record.offset,
                        timestamp_ms: record.timestamp_ms,
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                        headers: record.headers.iter().map(|h| (text(h.name), h.value.map(<[u8]>::to_vec))).collect(),
                        producer,
                    });
                });
                assert!(whole);
            }
        }
    }

    fn flush(&mut self, seen: Timestamp) -> ControlFlow<()> {
        assert!(seen.0 > 1_600_000_000_000_000);
        self.0.news.notify_all();
        if self.0.closed.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Everything from its start, or from given positions on.
#[derive(Default)]
pub struct From(pub HashMap<(String, i32), Position>);

impl Plan for From {
    fn wants(&self, topic: &str) -> bool {
        !topic.starts_with("__")
    }

    fn position(&self, partition: &TopicPartition) -> Position {
        self.0.get(&key_of(partition)).copied().unwrap_or(Position::Earliest)
    }
}

pub fn settings(brokers: &str) -> Settings {
    settings_of(brokers, Source::Native)
}

pub fn settings_of(brokers: &str, source: Source) -> Settings {
    Settings {
        cluster: "test".into(),
        brokers: brokers.split(',').map(str::to_owned).collect(),
        security: Arc::default(),
        source,
        max_read: None,
        max_wait: Duration::from_millis(50),
        counters: Arc::new(Counters::default()),
        stop: Arc::new(AtomicBool::new(false)),
    }
}

/// A running reader that collects.
pub struct Running {
    pub collected: Arc<Collected>,
    pub settings: Settings,
    reader: Option<Reader>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.settings.stop.store(true, Relaxed);
    }
}

impl Running {
    pub fn start(settings: Settings, plan: impl Plan + 'static) -> Self {
        let collected = Arc::new(Collected::default());
        let sink = Arc::clone(&collected);
        let reader = Reader::start(
            settings.clone(),
            Arc::new(plan),
            Arc::new(move || Box::new(Collector(Arc::clone(&sink))) as Box<dyn BatchSink>),
        )
        .unwrap();
        Self { collected, settings, reader: Some(reader) }
    }

    pub fn stop(mut self) -> BTreeMap<(String, i32), PartitionLog> {
        self.settings.stop.store(true, Relaxed);
        let asked = Instant::now();
        self.reader.take().unwrap().join().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(3), "stopping took {:?}", asked.elapsed());
        self.collected.take()
    }
}

pub fn producer(brokers: &str, settings: &[(&str, &str)]) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("linger.ms", "20");
    settings.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    config.create().unwrap()
}

/// What [`produce`] writes as record `number`.
pub fn expected(number: usize) -> Seen {
    let nth = |n: usize| number % 5 != n;
    Seen {
        offset: 0,
        timestamp_ms: 1_700_000_000_000 + number as i64,
        key: nth(0).then(|| format!("key-{}", number % 97).into_bytes()),
        value: nth(1).then(|| format!("{number:0>200}").into_bytes()),
        headers: vec![
            ("traceparent".into(), Some(format!("00-{number:032x}-00f067aa0ba902b7-01").into_bytes())),
            ("nothing".into(), None),
            ("empty".into(), Some(Vec::new())),
        ],
        producer: None,
    }
}

pub fn produce(producer: &BaseProducer, topic: &str, numbers: Range<usize>, partitions: i32) {
    for number in numbers {
        let seen = expected(number);
        let headers = seen.headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: name, value: value.as_deref() })
        });
        let mut record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(number as i32 % partitions)
            .timestamp(seen.timestamp_ms)
            .headers(headers);
        record.key = seen.key.as_deref();
        record.payload = seen.value.as_deref();
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(PATIENCE).unwrap();
}

fn mock(topics: &[&str]) -> MockCluster<'static, DefaultProducerContext> {
    let mock = MockCluster::new(3).unwrap();
    for topic in topics {
        mock.create_topic(topic, 6, 1).unwrap();
    }
    mock
}

/// Every record of `numbers` is there once, in order, with all that it carried.
fn assert_all(logs: &BTreeMap<(String, i32), PartitionLog>, topic: &str, numbers: Range<usize>, partitions: i32) {
    for partition in 0..partitions {
        let log = &logs[&(topic.to_owned(), partition)];
        let wanted = numbers.clone().filter(|n| *n as i32 % partitions == partition);
        let seen: Vec<Seen> = log.records.iter().map(|r| Seen { offset: 0, producer: None, ..r.clone() }).collect();
        assert!(seen.iter().eq(wanted.map(expected).collect::<Vec<_>>().iter()), "{topic}/{partition}");
        assert!(log.records.windows(2).all(|pair| pair[0].offset < pair[1].offset), "{topic}/{partition}");
    }
}

on_both!(
    every_record_comes_once_in_order_and_whole,
    a_topic_that_is_created_later_is_read_from_its_first_record,
    a_partition_follows_its_leader_and_takes_its_offset_along,
    reading_goes_on_although_a_broker_goes_away_and_comes_back,
    positions_are_kept_and_a_time_that_cannot_be_looked_up_reads_more,
    a_closed_pipeline_ends_the_reader,
);

fn every_record_comes_once_in_order_and_whole(source: Source) {
    let mock = mock(&["plain", "lz4", "snappy", "zstd", "gzip"]);
    let brokers = mock.bootstrap_servers();
    let codecs = [("plain", "none"), ("lz4", "lz4"), ("zstd", "zstd"), ("gzip", "gzip"), ("snappy", "snappy")];
    for (topic, codec) in codecs {
        produce(&producer(&brokers, &[("compression.type", codec)]), topic, 0..5000, 6);
    }
    let running = Running::start(settings_of(&brokers, source), From::default());
    for (topic, _) in codecs {
        assert!(running.collected.wait_for_records(topic, 5000), "{topic}");
    }
    let counters = Arc::clone(&running.settings.counters);
    let logs = running.stop();
    for (topic, _) in codecs {
        assert_all(&logs, topic, 0..5000, 6);
    }
    assert!(logs.values().all(|log| log.missing.is_empty() && log.starts == [(0, 0)]));
    assert!(counters.get(Counter::FetchedBytes) > 0 && counters.get(Counter::BrokerErrors) == 0);
}

fn a_topic_that_is_created_later_is_read_from_its_first_record(source: Source) {
    let mock = mock(&["early"]);
    let brokers = mock.bootstrap_servers();
    let running = Running::start(settings_of(&brokers, source), From::default());
    let producer = producer(&brokers, &[("enable.idempotence", "true")]);
    produce(&producer, "early", 0..100, 6);
    assert!(running.collected.wait_for_records("early", 100));
    mock.create_topic("late", 6, 1).unwrap();
    produce(&producer, "late", 0..100, 6);
    assert!(running.collected.wait_for_records("late", 100));
    produce(&producer, "early", 100..200, 6);
    assert!(running.collected.wait_for_records("early", 200));
    let logs = running.stop();
    assert_all(&logs, "early", 0..200, 6);
    assert_all(&logs, "late", 0..100, 6);
    let producers = logs.values().flat_map(|log| &log.records).map(|record| record.producer);
    match source {
        Source::Native => assert!(producers.into_iter().all(|p| p.is_some_and(|p| p.id >= 0 && !p.transactional))),
        Source::Librdkafka => assert!(producers.into_iter().all(|p| p.is_none())),
    }
}

fn a_partition_follows_its_leader_and_takes_its_offset_along(source: Source) {
    let mock = mock(&["moving"]);
    let brokers = mock.bootstrap_servers();
    let running = Running::start(settings_of(&brokers, source), From::default());
    let producer = producer(&brokers, &[]);
    for round in 0..4 {
        for partition in 0..6 {
            mock.partition_leader("moving", partition, Some((partition + round) % 3 + 1)).unwrap();
        }
        produce(&producer, "moving", round as usize * 300..(round as usize + 1) * 300, 6);
        assert!(running.collected.wait_for_records("moving", (round as usize + 1) * 300), "round {round}");
    }
    let logs = running.stop();
    assert_all(&logs, "moving", 0..1200, 6);
    assert!(logs.values().all(|log| log.starts == [(0, 0)]));
}

fn reading_goes_on_although_a_broker_goes_away_and_comes_back(source: Source) {
    let mock = mock(&["shaky"]);
    let brokers = mock.bootstrap_servers();
    let running = Running::start(settings_of(&brokers, source), From::default());
    let producer = producer(&brokers, &[]);
    produce(&producer, "shaky", 0..300, 6);
    assert!(running.collected.wait_for_records("shaky", 300));
    mock.broker_down(2).unwrap();
    // librdkafka tells only of a connection that it cannot open, so the broker comes back after that.
    crate::support::poll_until("a counted reconnect", PATIENCE, || {
        (running.settings.counters.get(Counter::Reconnects) > 0).then_some(())
    });
    mock.broker_up(2).unwrap();
    produce(&producer, "shaky", 300..600, 6);
    assert!(running.collected.wait_for_records("shaky", 600));
    assert_all(&running.stop(), "shaky", 0..600, 6);
}

fn positions_are_kept_and_a_time_that_cannot_be_looked_up_reads_more(source: Source) {
    let mock = mock(&["positions"]);
    let brokers = mock.bootstrap_servers();
    let producer = producer(&brokers, &[]);
    produce(&producer, "positions", 0..600, 6);
    let plan = [
        Position::Resume(70),
        Position::Resume(100),
        Position::Latest,
        Position::Time(Timestamp::from_millis(1_700_000_000_500)),
        Position::Resume(5000),
        Position::Earliest,
    ];
    let plan = plan.into_iter().enumerate().map(|(n, p)| (("positions".to_owned(), n as i32), p)).collect();
    let running = Running::start(settings_of(&brokers, source), From(plan));
    assert!(
        running.collected.wait(|logs| logs.get(&("positions".to_owned(), 4)).is_some_and(|log| log.starts.len() == 2))
    );
    produce(&producer, "positions", 600..660, 6);
    assert!(running.collected.wait_for_records("positions", 30 + 100 + 100 + 60));
    let logs = running.stop();
    let first = |partition| logs[&("positions".to_owned(), partition)].records[0].offset;
    assert_eq!([0, 1, 2, 3, 4, 5].map(first), [70, 100, 100, 0, 100, 0]);
    // A position beyond the end: the log was cut, and reading begins anew there.
    assert_eq!(logs[&("positions".to_owned(), 4)].starts, [(0, 5000), (0, 100)]);
}

#[test]
fn the_barrier_names_the_stable_ends_and_topics_that_are_new() {
    let mock = mock(&["first"]);
    let brokers = mock.bootstrap_servers();
    let mut admin = Admin::connect(&settings(&brokers)).unwrap();
    mock.create_topic("second", 6, 1).unwrap();
    let producer = producer(&brokers, &[]);
    produce(&producer, "first", 0..60, 6);
    produce(&producer, "second", 0..120, 6);
    let sample = admin.barrier(Epoch(7), &From::default()).unwrap();
    assert_eq!((sample.epoch, sample.ends.len(), sample.unreachable.len()), (Epoch(7), 12, 0));
    for (partition, end) in sample.ends {
        assert_eq!(end, if &*partition.topic == "first" { 10 } else { 20 });
        assert_ne!(partition.topic_id, [0; 16]);
    }
    let topics = admin.topics().unwrap();
    assert_eq!(
        topics.iter().map(|t| (&*t.name, t.partitions)).collect::<BTreeMap<_, _>>(),
        [("first", 6), ("second", 6)].into()
    );
    let estimate = admin.estimate(&From::default()).unwrap();
    assert_eq!((estimate.topics, estimate.partitions, estimate.offsets, estimate.unreachable), (2, 12, 180, 0));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a business consumer commits; the tap looks on")]
fn named_groups_are_sampled_where_groups_cannot_be_listed() {
    let mock = mock(&["orders"]);
    let brokers = mock.bootstrap_servers();
    produce(&producer(&brokers, &[]), "orders", 0..60, 6);
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &brokers).set("group.id", "kitchen").create().unwrap();
    let mut commits = TopicPartitionList::new();
    commits.add_partition_offset("orders", 3, Offset::Offset(4)).unwrap();
    consumer.commit(&commits, CommitMode::Sync).unwrap();
    let mut admin = Admin::connect(&settings(&brokers)).unwrap();
    let names = ["kitchen".to_owned(), "nosuch".to_owned()];
    let sample = admin.groups(&names, &From::default(), Timestamp::from_millis(1000)).unwrap();
    assert_eq!((sample.groups.len(), sample.ends.len(), sample.resolution_ms), (1, 6, 0));
    assert_eq!((&*sample.groups[0].group, &sample.groups[0].phase), ("kitchen", &None));
    let commits: Vec<_> = sample.groups[0].commits.iter().map(|c| (c.partition, c.offset)).collect();
    assert_eq!(commits, [(3, Some(4))]);
    assert!(sample.ends.iter().all(|end| (end.start, end.stable, end.end) == (0, 10, 10)));
    let again = admin.groups(&names, &From::default(), Timestamp::from_millis(6000)).unwrap();
    assert_eq!(again.resolution_ms, 5000);
}

#[test]
fn a_start_without_any_broker_says_what_to_do() {
    // Port 1 of loopback: nobody listens there.
    let error = Reader::start(
        settings("127.0.0.1:1"),
        Arc::new(From::default()),
        Arc::new(|| Box::new(Collector(Arc::default())) as Box<dyn BatchSink>),
    )
    .err()
    .unwrap();
    assert!(matches!(error, Error::Unreachable { .. }));
    assert!(error.to_string().contains("127.0.0.1:1") && error.to_string().contains("check"), "{error}");
}

fn a_closed_pipeline_ends_the_reader(source: Source) {
    let mock = mock(&["closing"]);
    let brokers = mock.bootstrap_servers();
    let running = Running::start(settings_of(&brokers, source), From::default());
    running.collected.closed.store(true, Relaxed);
    produce(&producer(&brokers, &[]), "closing", 0..60, 6);
    let begun = Instant::now();
    while !running.settings.stop.load(Relaxed) {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    running.stop();
}
