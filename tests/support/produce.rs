//! Records into a cluster: batches with headers, every codec, transactions that commit and that abort. And what an
//! administrator sees of it.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a cluster on loopback may take for one answer, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// All codecs of Kafka.
pub const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// One record to write.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// Partition.
    pub partition: i32,
    /// Key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in order; `None` is a null value.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Timestamp in ms since the epoch; the producer's clock when absent.
    pub timestamp_ms: Option<i64>,
}

/// A producer that keeps the order of records, whatever happens, and takes no record for written that is not.
pub struct Writer {
    producer: BaseProducer<Refusals>,
}

/// Why records were not written.
#[derive(Clone, Default)]
struct Refusals(Arc<Mutex<Vec<String>>>);

impl rdkafka::ClientContext for Refusals {}

impl ProducerContext for Refusals {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap().push(error.to_string());
        }
    }
}

impl Writer {
    /// A producer that compresses with `codec`.
    pub fn new(bootstrap: &str, codec: &str) -> Self {
        Self { producer: config(bootstrap, codec).create_with_context(Refusals::default()).unwrap() }
    }

    /// A producer with settings of its own, which asks for the leader's word only and not for that of all replicas.
    pub fn with(bootstrap: &str, settings: &[(&str, &str)]) -> Self {
        let mut config = config(bootstrap, "none");
        config.set("enable.idempotence", "false").set("acks", "1");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        Self { producer: config.create_with_context(Refusals::default()).unwrap() }
    }

    /// A producer whose records stand in transactions.
    pub fn transactional(bootstrap: &str, codec: &str, transactional_id: &str) -> Self {
        let mut config = config(bootstrap, codec);
        config.set("transactional.id", transactional_id);
        let producer: BaseProducer<_> = config.create_with_context(Refusals::default()).unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        Self { producer }
    }

    /// Writes one record; waits while the producer's queue is full.
    pub fn send(&self, topic: &str, record: &Outgoing) {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        let mut next: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(record.partition).headers(headers);
        next.key = record.key.as_deref();
        next.payload = record.value.as_deref();
        next.timestamp = record.timestamp_ms;
        while let Err((error, back)) = self.producer.send(next) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            self.producer.poll(Duration::from_millis(10));
            next = back;
        }
    }

    /// Waits until everything is in the log.
    pub fn flush(&self) {
        self.producer.flush(PATIENCE).unwrap();
        let refusals = self.producer.client().context().0.lock().unwrap();
        assert!(refusals.is_empty(), "{} records were not written, such as: {}", refusals.len(), refusals[0]);
    }

    /// Begins a transaction, in which `records` are written; it stays open.
    pub fn open_transaction(&self, topic: &str, records: &[Outgoing]) {
        self.producer.begin_transaction().unwrap();
        for record in records {
            self.send(topic, record);
        }
        self.flush();
    }

    /// Commits or aborts the open transaction.
    pub fn end_transaction(&self, commit: bool) {
        if commit {
            self.producer.commit_transaction(PATIENCE).unwrap();
        } else {
            self.producer.abort_transaction(PATIENCE).unwrap();
        }
    }

    /// Writes `records` in one transaction, and commits or aborts it once they are in the log.
    pub fn transaction(&self, topic: &str, records: &[Outgoing], commit: bool) {
        self.open_transaction(topic, records);
        self.end_transaction(commit);
    }
}

fn config(bootstrap: &str, codec: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("enable.idempotence", "true").set("compression.type", codec);
    config.set("linger.ms", "5").set("queue.buffering.max.messages", "200000");
    config
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap()
}

/// Creates a topic and waits until its partitions have leaders.
pub fn create_topic(bootstrap: &str, name: &str, partitions: i32) {
    create_topic_with(bootstrap, name, partitions, &[]);
}

/// Creates a topic with settings of its own.
pub fn create_topic_with(bootstrap: &str, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let admin = admin(bootstrap);
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let created = futures::executor::block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap();
    assert_eq!(created, [Ok(name.to_owned())]);
    // Each broker learns of it in its own time, and a producer may ask any of them.
    for broker in bootstrap.split(',') {
        let reader = reader(broker, &[]);
        super::poll_until(&format!("leaders of {name}"), PATIENCE, || {
            let metadata = reader.fetch_metadata(Some(name), PATIENCE).ok()?;
            let topic = metadata.topics().first()?;
            let led = topic.partitions().iter().filter(|partition| partition.leader() >= 0).count();
            (led == partitions as usize).then_some(())
        });
    }
}

/// Creates a topic whose only partition is kept by these brokers, the first of them its leader.
pub fn create_topic_on(bootstrap: &str, name: &str, brokers: &[i32], settings: &[(&str, &str)]) {
    let assignment = [brokers];
    let mut topic = NewTopic::new(name, 1, TopicReplication::Variable(&assignment));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let created = futures::executor::block_on(admin(bootstrap).create_topics([&topic], &AdminOptions::new())).unwrap();
    assert_eq!(created, [Ok(name.to_owned())]);
    super::poll_until(&format!("a leader of {name}"), PATIENCE, || {
        (leaders(bootstrap, name) == brokers[..1]).then_some(())
    });
}

/// Deletes a topic and waits until no broker names it.
pub fn delete_topic(bootstrap: &str, name: &str) {
    let deleted = futures::executor::block_on(admin(bootstrap).delete_topics(&[name], &AdminOptions::new())).unwrap();
    assert_eq!(deleted, [Ok(name.to_owned())]);
    for broker in bootstrap.split(',') {
        super::poll_until(&format!("{name} to go"), PATIENCE, || {
            (!topics(broker).iter().any(|topic| topic == name)).then_some(())
        });
    }
}

/// Gives a topic more partitions, and waits until all have leaders.
pub fn grow_topic(bootstrap: &str, name: &str, partitions: usize) {
    let more = NewPartitions::new(name, partitions);
    let grown = futures::executor::block_on(admin(bootstrap).create_partitions([&more], &AdminOptions::new())).unwrap();
    assert_eq!(grown, [Ok(name.to_owned())]);
    super::poll_until(&format!("leaders of {name}"), PATIENCE, || {
        let leaders = leaders(bootstrap, name);
        (leaders.len() == partitions && leaders.iter().all(|leader| *leader > 0)).then_some(())
    });
}

/// Deletes the records of a partition before `offset`, as retention would.
pub fn delete_before(bootstrap: &str, topic: &str, partition: i32, offset: i64) {
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    futures::executor::block_on(admin(bootstrap).delete_records(&before, &AdminOptions::new())).unwrap();
}

/// Who leads each partition of a topic; negative for nobody. Empty while the topic is not known.
pub fn leaders(bootstrap: &str, topic: &str) -> Vec<i32> {
    let reader = reader(bootstrap, &[]);
    let Ok(metadata) = reader.fetch_metadata(Some(topic), PATIENCE) else { return Vec::new() };
    let mut partitions: Vec<(i32, i32)> =
        metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|p| (p.id(), p.leader())).collect();
    partitions.sort_unstable();
    partitions.into_iter().map(|(_, leader)| leader).collect()
}

/// Names of all topics, those of Kafka itself included. Asking for all of them creates none.
pub fn topics(bootstrap: &str) -> Vec<String> {
    let metadata = admin(bootstrap).inner().fetch_metadata(None, PATIENCE).unwrap();
    let mut names: Vec<String> = metadata.topics().iter().map(|topic| topic.name().to_owned()).collect();
    names.sort();
    names
}

/// Names of all groups that the brokers know.
pub fn groups(bootstrap: &str) -> Vec<String> {
    let list = admin(bootstrap).inner().fetch_group_list(None, PATIENCE).unwrap();
    let mut names: Vec<String> = list.groups().iter().map(|group| group.name().to_owned()).collect();
    names.sort();
    names
}

/// First and next offset of a partition.
pub fn log_range(bootstrap: &str, topic: &str, partition: i32) -> (i64, i64) {
    reader(bootstrap, &[]).fetch_watermarks(topic, partition, PATIENCE).unwrap()
}

/// librdkafka's consumer, without a group: it is assigned partitions and commits nothing.
pub fn reader(bootstrap: &str, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("enable.auto.commit", "false").set("auto.offset.reset", "error");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().unwrap()
}
