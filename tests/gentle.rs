//! A tap that spares the cluster, on a real one of three brokers in three racks: it reads no faster than it may, says
//! before how much that is and meanwhile how long it takes, waits when a quota says so, and reads from its own rack.
//!
//! One cluster for all, so they run one after the other.

use crate::reader::{From, Running, produce, producer, settings};
use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{create_topic, create_topic_on};
use crate::support::program::{Door, Program, number};
use crate::support::secure::{ask, properties};
use crate::support::{Folder, poll_until};
use headwater::event::TopicPartition;
use headwater::kafka::{Admin, Plan, Position, Security, Settings, Size};
use headwater::telemetry::Counter;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::{AlterClientQuotasRequest, ApiKey};
use kafka_protocol::protocol::StrBytes;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
/// Far more than any cap here reads within a test: about 30 MB.
const LARGE: &str = "gentle-large";
const LARGE_RECORDS: usize = 80_000;

const SETTINGS: &[&str] =
    &["broker.rack=rack-{i}", "replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector"];

/// The cluster, for one test at a time.
fn cluster() -> Option<(&'static RealKafka, MutexGuard<'static, ()>)> {
    static CLUSTER: OnceLock<Option<RealKafka>> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let start = || {
        let kafka = RealKafka::start(Options { brokers: 3, settings: SETTINGS, ..Options::default() })?;
        create_topic(&kafka.bootstrap, LARGE, 6);
        // A broker sends one whole batch at least: large ones, as a busy machine makes them, would be bursts.
        produce(&producer(&kafka.bootstrap, &[("batch.size", "16384")]), LARGE, 0..LARGE_RECORDS, 6);
        Some(kafka)
    };
    Some((CLUSTER.get_or_init(start).as_ref()?, alone))
}

/// One topic, from a position that all its partitions share.
struct Only(String, Position);

impl Plan for Only {
    fn wants(&self, topic: &str) -> bool {
        topic == self.0
    }

    fn position(&self, _: &TopicPartition) -> Position {
        self.1
    }
}

fn whole(topic: &str) -> Only {
    Only(topic.to_owned(), Position::Earliest)
}

#[test]
fn any_ten_seconds_of_a_capped_read_bring_what_the_cap_says() {
    let Some((kafka, _alone)) = cluster() else { return };
    const CAP: u64 = 1_500_000;
    let running = Running::start(Settings { max_read: Some(CAP), ..settings(&kafka.bootstrap) }, whole(LARGE));
    let fetched = || running.settings.counters.get(Counter::FetchedBytes);
    let begun = Instant::now();
    let mut seen = Vec::new();
    while begun.elapsed() < Duration::from_secs(13) {
        // On a busy machine time passes between two lines: what was read at some moment was read between two.
        let before = begun.elapsed();
        let bytes = fetched();
        seen.push((before, bytes, begun.elapsed()));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(fetched() < 24_000_000, "there was always more to read");
    let mut windows = 0;
    for (at, (earliest, before, latest)) in seen.iter().enumerate() {
        let ten = seen[at..].iter().find(|(to, ..)| to.saturating_sub(*latest) >= Duration::from_secs(10));
        let Some((to_earliest, after, to_latest)) = ten else { break };
        let share = |span: Duration| (after - before) as f64 / span.as_secs_f64() / CAP as f64;
        let (least, most) = (share(*to_latest - *earliest), share(*to_earliest - *latest));
        assert!(least <= 1.1 && most >= 0.9, "{least} to {most} of the cap from {latest:?} on");
        windows += 1;
    }
    assert!(windows > 20, "{windows}");
    running.stop();
}

#[test]
fn the_estimate_weighs_the_window_and_not_the_topic() {
    let Some((kafka, _alone)) = cluster() else { return };
    let mut admin = Admin::connect(&settings(&kafka.bootstrap)).unwrap();
    let all = admin.estimate(&whole(LARGE)).unwrap();
    assert_eq!((all.topics, all.partitions, all.offsets), (1, 6, LARGE_RECORDS as i64));
    let Size::Bytes(bytes) = all.size else { panic!("{all:?}") };
    let from_half = Position::Resume(LARGE_RECORDS as i64 / 12);
    let half = admin.estimate(&Only(LARGE.to_owned(), from_half)).unwrap();
    let Size::Bytes(half) = half.size else { panic!("{half:?}") };
    assert!(bytes.abs_diff(2 * half) < bytes / 50, "{bytes} and {half}");
    // What is read is what was estimated.
    let running = Running::start(settings(&kafka.bootstrap), whole(LARGE));
    assert!(running.collected.wait_for_records(LARGE, LARGE_RECORDS));
    let read = running.settings.counters.get(Counter::FetchedBytes);
    running.stop();
    // A broker cuts its answers anywhere: a batch that is not whole is read twice.
    assert!(read > bytes - bytes / 20 && read < bytes + bytes / 3, "{read} read, {bytes} estimated");
    assert_eq!(admin.estimate(&Only(LARGE.to_owned(), Position::Latest)).unwrap().size, Size::Bytes(0));
}

#[test]
fn the_program_says_how_much_and_how_long_before_and_while_it_reads() {
    let Some((kafka, _alone)) = cluster() else { return };
    let folder = Folder::new("gentle");
    let options = ["--topics", LARGE, "--from", "earliest", "--max-read", "500k", "--sample-interval", "1s"];
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &[&options[..], &["--metrics", "off"]].concat());
    let said = tap.said();
    let sentence = said.lines().find(|line| line.contains("at 500 kB/s (--max-read)")).expect(&said);
    assert!(sentence.contains(" MB in 1 topic (6 partitions), up to 80000 records: about "), "{sentence}");
    poll_until("the progress", PATIENCE, || tap.said().contains("records to read, at ").then_some(()));
    const ETA: &str = "SELECT CAST(coalesce(max(value), -1) AS BIGINT) FROM tap WHERE name = 'catch_up_ms'";
    let ms = poll_until("the time that is left", PATIENCE, || {
        Some(number(folder.path(), Door::Url(&url), ETA)).filter(|ms| *ms > 0)
    });
    // 24 MB or so at half a megabyte a second.
    assert!((10_000..=300_000).contains(&ms), "{ms} ms");
    assert!(
        number(folder.path(), Door::Url(&url), "SELECT CAST(value AS BIGINT) FROM tap WHERE name = 'unread_offsets'")
            > 0
    );
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}

/// Sets the quota of the tap's client id, or takes it away.
fn quota(kafka: &RealKafka, bytes_per_second: Option<f64>) {
    let text = StrBytes::from_static_str;
    let entity = EntityData::default().with_entity_type(text("client-id")).with_entity_name(Some(text("headwater")));
    let op = OpData::default()
        .with_key(text("consumer_byte_rate"))
        .with_value(bytes_per_second.unwrap_or(0.0))
        .with_remove(bytes_per_second.is_none());
    let entry = EntryData::default().with_entity(vec![entity]).with_ops(vec![op]);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let mut socket = TcpStream::connect(kafka.bootstrap.split(',').next().unwrap()).unwrap();
    let answer = ask(&mut socket, ApiKey::AlterClientQuotas, 1, &request).unwrap();
    // Correlation id, tags, throttle time, one result and its error code.
    assert_eq!(answer[9..12], [2, 0, 0], "{answer:?}");
}

#[test]
fn a_quota_is_waited_for_and_counted() {
    let Some((kafka, _alone)) = cluster() else { return };
    quota(kafka, Some(300_000.0));
    let running = Running::start(settings(&kafka.bootstrap), whole(LARGE));
    let counter = |counter| running.settings.counters.get(counter);
    poll_until("the broker to say so", PATIENCE, || (counter(Counter::ThrottledMs) > 2_000).then_some(()));
    let fetches = counter(Counter::Fetches);
    assert!(fetches < 40, "{fetches} fetches: it asked on in spite of the quota");
    assert_eq!(counter(Counter::Reconnects), 0);
    quota(kafka, None);
    assert!(running.collected.wait(|logs| logs.values().map(|log| log.records.len()).sum::<usize>() > 1_000));
    running.stop();
}

#[test]
fn the_replica_in_the_own_rack_is_read_and_the_leader_when_it_is_gone() {
    let Some((kafka, _alone)) = cluster() else { return };
    let topic = "gentle-racks";
    create_topic_on(&kafka.bootstrap, topic, &[1, 2, 3], &[]);
    let writer = producer(&kafka.bootstrap, &[]);
    produce(&writer, topic, 0..2_000, 1);
    let at = |rack: &str| {
        let security = Security::new(&properties(&[("client.rack", rack)])).unwrap();
        Running::start(Settings { security: Arc::new(security), ..settings(&kafka.bootstrap) }, whole(topic))
    };
    let (far, near, nowhere) = (at("rack-2"), at("rack-1"), at("rack-9"));
    for running in [&far, &near, &nowhere] {
        assert!(running.collected.wait_for_records(topic, 2_000));
    }
    let from_followers = |running: &Running| running.settings.counters.get(Counter::FollowerBytes);
    assert!(from_followers(&far) > 400_000, "{}", from_followers(&far));
    assert_eq!((from_followers(&near), from_followers(&nowhere)), (0, 0), "the leader is the nearest there is");
    // At the end of the log, and beyond it: nothing is lost and nothing comes twice, which the collector asserts.
    produce(&writer, topic, 2_000..3_000, 1);
    assert!(far.collected.wait_for_records(topic, 3_000));
    let before = from_followers(&far);
    assert!(before > 600_000, "{before}: new records come from the follower too");
    kafka.kill(2);
    produce(&writer, topic, 3_000..4_000, 1);
    assert!(poll_until("the leader to be read", PATIENCE, || far
        .collected
        .wait_for_records(topic, 4_000)
        .then_some(true)));
    assert_eq!(from_followers(&far), before, "nobody is left in that rack");
    kafka.restart(2);
    let logs = far.stop();
    let log = &logs[&(topic.to_owned(), 0)];
    assert_eq!((log.records.len(), log.starts.len(), log.missing.len()), (4_000, 1, 0));
    near.stop();
    nowhere.stop();
}

#[test]
fn internal_topics_are_estimated_by_nobody() {
    let Some((kafka, _alone)) = cluster() else { return };
    let mut admin = Admin::connect(&settings(&kafka.bootstrap)).unwrap();
    let topics = admin.topics().unwrap().into_iter().filter(|topic| !topic.internal).count();
    assert_eq!(admin.estimate(&From::default()).unwrap().topics, topics);
}
