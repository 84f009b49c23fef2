//! What can happen to a cluster and to the way there, each with a tap that reads meanwhile: it waits, says so, goes on,
//! loses nothing and doubles nothing, and its coverage proves it.
//!
//! One cluster of three brokers for all, so they run one after the other.

mod groups;
mod network;
mod topics;

use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, number, sql};
use crate::support::proxy::Proxy;
use crate::support::{Folder, client, poll_until};
use headwater::kafka::Source;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Longer than any fault takes to be noticed and healed; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 6;

const SETTINGS: &[&str] = &[
    // A broker that comes back leads again at once.
    "leader.imbalance.check.interval.seconds=1",
    "leader.imbalance.per.broker.percentage=0",
    "replica.lag.time.max.ms=3000",
    // Compaction within the second.
    "log.cleaner.backoff.ms=200",
    // Records of more than 100 MB.
    "message.max.bytes=200000000",
    "socket.request.max.bytes=200000000",
];

/// The cluster, for one test at a time. A test that failed has left it as it was: the next one decides for itself.
fn cluster() -> Option<(&'static RealKafka, MutexGuard<'static, ()>)> {
    static CLUSTER: OnceLock<Option<RealKafka>> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let kafka = CLUSTER
        .get_or_init(|| RealKafka::start(Options { brokers: 3, settings: SETTINGS, ..Options::default() }))
        .as_ref()?;
    Some((kafka, alone))
}

/// One tap on one topic of the cluster, through relays that can fail.
struct Stage {
    kafka: &'static RealKafka,
    proxy: Proxy,
    topic: String,
    folder: Folder,
    tap: Program,
    url: String,
    writer: Writer,
    written: usize,
    _alone: MutexGuard<'static, ()>,
}

/// What the closed database holds of a topic.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    events: i64,
    distinct: i64,
    seen: i64,
    /// Offsets that were read or passed over, and are neither seen nor missing for a reason.
    lost: i64,
    /// Reason and offsets.
    gaps: Vec<(String, i64)>,
    /// First and next offset of each partition of the newest incarnation.
    read: Vec<(i64, i64)>,
    said: String,
}

impl Stage {
    /// A tap that reads a topic of this name, which is there already.
    fn new(name: &str) -> Option<Self> {
        let topic = format!("faults-{name}");
        Self::with(name, &["--from", "earliest"], |kafka| produce::create_topic(&kafka.bootstrap, &topic, PARTITIONS))
    }

    /// As [`Self::new`], by this source.
    fn on(name: &str, source: Source) -> Option<Self> {
        let name = format!("{name}-{}", client(source));
        let topic = format!("faults-{name}");
        let options = ["--from", "earliest", "--client", client(source)];
        Self::with(&name, &options, |kafka| produce::create_topic(&kafka.bootstrap, &topic, PARTITIONS))
    }

    /// As [`Self::new`], with more options and a cluster that was prepared.
    fn with(name: &str, more: &[&str], prepare: impl FnOnce(&RealKafka)) -> Option<Self> {
        let (kafka, alone) = cluster()?;
        prepare(kafka);
        let topic = format!("faults-{name}");
        let folder = Folder::new("faults");
        let proxy = Proxy::start(&kafka.bootstrap);
        let pattern = format!("^{topic}.*$");
        let mut options = vec!["--topics", &pattern, "--commit-interval", "100ms", "--sample-interval", "1s"];
        options.extend(["--metrics", "127.0.0.1:0"]);
        options.extend(more);
        let (tap, url) = Program::tap(folder.path(), &proxy.bootstrap, &options);
        let writer = Writer::new(&kafka.bootstrap, "lz4");
        Some(Self { kafka, proxy, topic, folder, tap, url, writer, written: 0, _alone: alone })
    }

    /// Writes `count` records, over all partitions, straight into the cluster.
    fn write(&mut self, count: usize) {
        for at in self.written..self.written + count {
            self.writer.send(&self.topic, &record(at, at as i32 % PARTITIONS));
        }
        self.writer.flush();
        self.written += count;
    }

    /// The single number that `query` gives at the tap's door.
    fn ask(&self, query: &str) -> i64 {
        number(self.folder.path(), Door::Url(&self.url), query)
    }

    /// Waits until the tap has so many events.
    fn await_events(&self, count: usize) {
        poll_until(&format!("{count} events of {}; the tap said:\n{}", self.topic, self.tap.said()), PATIENCE, || {
            (self.ask("SELECT count(*) FROM event") >= count as i64).then_some(())
        });
    }

    /// Waits until the tap has all that was written.
    fn catch_up(&self) {
        self.await_events(self.written);
    }

    /// Waits until the tap says one of these.
    fn await_word(&self, words: &[&str]) {
        poll_until(&format!("one of {words:?} from the tap"), PATIENCE, || {
            let said = self.tap.said();
            words.iter().any(|word| said.contains(word)).then_some(())
        });
    }

    /// Stops the tap and reads its database.
    fn outcome(self) -> Outcome {
        let (status, said) = self.tap.stop();
        assert!(status.success(), "{said}");
        let file = self.folder.file("tap.duckdb");
        let door = Door::File(&file);
        let path = self.folder.path();
        let one = |query: &str| number(path, door, query);
        let pair = |row: &Vec<String>| (row[0].parse().unwrap(), row[1].parse().unwrap());
        let gaps = "SELECT reason, sum(missing)::BIGINT FROM coverage WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 1";
        let read = "SELECT first_offset, next_offset FROM coverage WHERE reason IS NULL AND incarnation = (SELECT \
                    max(incarnation) FROM coverage) ORDER BY topic, partition";
        let lost = "SELECT (sum(next_offset - first_offset) FILTER (reason IS NULL) - sum(seen) - sum(missing) FILTER \
                    (coalesce(reason, '') NOT IN ('blocked_by_transaction', 'seen_before')))::BIGINT FROM coverage";
        let outcome = Outcome {
            lost: one(lost),
            events: one("SELECT count(*) FROM event"),
            distinct: one("SELECT count(DISTINCT (topic, incarnation, \"partition\", \"offset\")) FROM event"),
            seen: one("SELECT sum(seen)::BIGINT FROM coverage WHERE reason IS NULL"),
            gaps: sql(path, door, gaps).iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect(),
            read: sql(path, door, read).iter().map(pair).collect(),
            said,
        };
        let Outcome { events, lost, gaps, .. } = &outcome;
        let doubled = events - outcome.distinct;
        println!("{}: {events} events, lost {lost}, doubled {doubled}, gaps {gaps:?}", self.topic);
        assert_eq!((*lost, doubled), (0, 0), "lost and doubled");
        outcome
    }

    /// Stops the tap and asserts that all that was written is there once, and that the coverage proves it: from first
    /// to last offset of each partition, every one seen.
    fn assert_whole(self) -> String {
        let written = self.written as i64;
        let ends: Vec<(i64, i64)> = (0..PARTITIONS)
            .map(|partition| produce::log_range(&self.kafka.bootstrap, &self.topic, partition))
            .collect();
        let outcome = self.outcome();
        assert_eq!((outcome.events, outcome.distinct, outcome.seen), (written, written, written), "{}", outcome.said);
        assert_eq!((outcome.gaps, outcome.read), (vec![], ends), "{}", outcome.said);
        outcome.said
    }
}

/// Record `number` of a test.
fn record(number: usize, partition: i32) -> Outgoing {
    let text = format!("{number:0>200}").into_bytes();
    Outgoing { partition, key: Some(number.to_string().into_bytes()), value: Some(text), ..Outgoing::default() }
}
