//! What it costs to see everything, in units of what a plain consumer pays to look.
//!
//! The tap is measured as a whole, from its start until all events are in the database, clean stop included: reading,
//! decoding, resolving, writing. The consumer is a `BaseConsumer::poll` loop that reads the same headers and does nothing
//! with them.

use super::{Goal, Options, Row, cpu, median};
use crate::support::generate::uuid;
use crate::support::kafka::{Options as KafkaOptions, RealKafka};
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, number};
use crate::support::{Folder, poll_until};
use rdkafka::consumer::Consumer;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// First argument of the process that is the bare consumer.
pub const BARE: &str = "--bare-consumer";

const TOPIC: &str = "orders";
const PARTITIONS: i32 = 12;
const VALUE_BYTES: usize = 200;
/// How far back an event's cause lies at most.
const CAUSE_REACH: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(300);
/// CPU of the tap / CPU of the consumer: to see everything for less than a plain consumer pays to look.
const GOAL: f64 = 1.0;

/// Measures both sides alternately and compares their medians.
pub fn measure(options: &Options) -> Vec<Row> {
    let Some(kafka) = RealKafka::start(KafkaOptions::default()) else { return Vec::new() };
    let size = options.size;
    produce::create_topic(&kafka.bootstrap, TOPIC, PARTITIONS);
    fill(&kafka.bootstrap, size.records);
    let (mut taps, mut bares) = (Vec::new(), Vec::new());
    let mut threads: Vec<BTreeMap<String, f64>> = Vec::new();
    for round in 1..=size.rounds {
        let (tap, tap_seconds, spent) = tap(&kafka.bootstrap, size.records);
        let (bare, bare_seconds) = run_bare(&kafka.bootstrap, size.records);
        eprintln!(
            "round {round}: tap {tap:.2} µs CPU an event ({tap_seconds:.1} s), poll loop {bare:.2} µs ({bare_seconds:.1} s)"
        );
        taps.push(tap);
        bares.push(bare);
        threads.push(spent);
    }
    eprintln!("where the tap's time goes, µs CPU an event, medians of {} rounds:", size.rounds);
    let names: std::collections::BTreeSet<&String> = threads.iter().flat_map(BTreeMap::keys).collect();
    let mut split: Vec<(f64, &String)> = names
        .into_iter()
        .map(|name| (median(threads.iter().map(|round| round.get(name).copied().unwrap_or(0.0)).collect()), name))
        .collect();
    split.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (spent, name) in split.iter().filter(|(spent, _)| *spent >= 0.005) {
        eprintln!("  {name:<18} {spent:.2}");
    }
    vec![Row::new("overhead", median(taps) / median(bares), "x poll", Goal::AtMost(GOAL))]
}

/// Records as many services write them: JSON of 200 B, a key of 12 B, a trace context, an id and the id of the cause.
fn fill(bootstrap: &str, records: usize) {
    let mut random = fastrand::Rng::with_seed(1);
    let writer = Writer::new(bootstrap, "none");
    let mut ids: Vec<String> = Vec::with_capacity(records);
    for number in 0..records {
        let id = uuid(random.u64(..), random.u64(..));
        let cause = &ids.get(number.saturating_sub(1 + random.usize(..CAUSE_REACH))).unwrap_or(&id).clone();
        let trace = format!("00-{:016x}{:016x}-{:016x}-01", random.u64(1..), random.u64(..), random.u64(1..));
        let mut value = format!(r#"{{"order":{},"city":"BERLIN","status":"PAID","note":""#, random.u32(..));
        while value.len() < VALUE_BYTES - 2 {
            value.push(char::from(random.u8(b'a'..=b'z')));
        }
        value.push_str("\"}");
        let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
        let record = Outgoing {
            partition: number as i32 % PARTITIONS,
            key: Some(format!("order-{:06}", random.u32(..1_000_000)).into_bytes()),
            value: Some(value.into_bytes()),
            headers: vec![header("traceparent", &trace), header("message-id", &id), header("causation-id", cause)],
            timestamp_ms: None,
        };
        writer.send(TOPIC, &record);
        ids.push(id);
    }
    writer.flush();
}

/// µs of CPU an event of a whole `headwater tap`, seconds until all events were there, and µs an event by thread.
fn tap(bootstrap: &str, records: usize) -> (f64, f64, BTreeMap<String, f64>) {
    let folder = Folder::new("bench");
    let begun = Instant::now();
    let (tap, url) = Program::tap(folder.path(), bootstrap, &["--from", "earliest"]);
    // Asked once a second: each question is work of the tap's, too, and counts against it.
    let mut asked = Instant::now();
    poll_until("all events in the database", PATIENCE, || {
        if asked.elapsed() < Duration::from_secs(1) {
            return None;
        }
        asked = Instant::now();
        let sql = "SELECT coalesce(sum(seen), 0) FROM coverage WHERE reason IS NULL";
        (number(folder.path(), Door::Url(&url), sql) >= records as i64).then_some(())
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut threads = cpu::of_threads(tap.id());
    tap.ask_to_stop();
    poll_until("the end of the tap", PATIENCE, || tap.has_ended().then_some(()));
    let whole = cpu::of_process(tap.id()) * 1e6;
    // What is in no living thread: threads that ended before, and the clean stop.
    let rest = whole - threads.values().sum::<f64>();
    threads.insert("ended and stop".to_owned(), rest.max(0.0));
    threads.values_mut().for_each(|spent| *spent /= records as f64);
    let (status, said) = tap.stop_was_asked();
    assert!(status.success(), "{said}");
    let events = number(folder.path(), Door::File(&folder.file("tap.duckdb")), "SELECT count(*) FROM event");
    assert_eq!(events, records as i64, "all events are in the database");
    (whole / records as f64, seconds, threads)
}

/// µs of CPU an event of the bare consumer, a process of its own as the tap is one, and its seconds.
fn run_bare(bootstrap: &str, records: usize) -> (f64, f64) {
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([BARE, bootstrap, &records.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its figures are read when it has ended and before it is waited for.
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    poll_until("the end of the consumer", PATIENCE, || state().contains(") Z ").then_some(()));
    let spent = cpu::of_process(child.id()) * 1e6;
    assert!(child.wait().unwrap().success(), "{said}");
    (spent / records as f64, begun.elapsed().as_secs_f64())
}

/// The bare consumer: polls everything and reads the headers.
pub fn bare(arguments: &[String]) {
    let [bootstrap, records] = arguments else { panic!("{BARE} BOOTSTRAP RECORDS") };
    let records: usize = records.parse().unwrap();
    let consumer = produce::reader(bootstrap, &[("group.id", "bare"), ("isolation.level", "read_committed")]);
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let (mut seen, mut bytes) = (0, 0);
    while seen < records {
        let message = consumer.poll(PATIENCE).expect("a record").unwrap();
        for header in message.headers().unwrap().iter() {
            bytes += header.key.len() + header.value.map_or(0, <[u8]>::len);
        }
        seen += 1;
    }
    // Keeps the reading from being optimised away.
    println!("{seen} records, {bytes} bytes in headers");
}
