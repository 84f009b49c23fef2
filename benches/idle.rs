//! What a tap costs that has nothing to read: on many partitions of one broker, and on many brokers.

use super::{Goal, Options, Row, cpu};
use crate::support::kafka::{Options as KafkaOptions, RealKafka};
use crate::support::mock::MockKafka;
use crate::support::produce;
use crate::support::program::{Door, Program, number};
use crate::support::{Folder, poll_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Percent of a core, of the whole tap, beside 10,000 partitions of a real broker.
const GOAL: f64 = 2.0;
/// A broker maps two index files a partition, and keeps a segment open.
pub const SETTINGS: &[&str] = &["log.index.size.max.bytes=4096", "log.segment.bytes=1048576"];
/// Partitions of one topic: what a broker creates at once without losing its controller.
const OF_TOPIC: usize = 1_000;
/// After this much the first samples, commits and looks at metadata are over.
const SETTLED: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(300);

/// All three clusters, one after the other.
pub fn measure(options: &Options) -> Vec<Row> {
    let (partitions, brokers, time) = (options.size.partitions, options.size.brokers, options.size.idle);
    let mut rows = Vec::new();
    let real = KafkaOptions { settings: SETTINGS, ..KafkaOptions::default() };
    if let Some(kafka) = RealKafka::start(real) {
        produce::create_topic(&kafka.bootstrap, "idle", 1);
        let least = Idle::watch(&kafka.bootstrap, 1, Duration::ZERO).rss;
        for (number, of_topic) in topics(partitions - 1) {
            produce::create_topic(&kafka.bootstrap, &format!("idle-{number}"), of_topic);
        }
        let idle = Idle::watch(&kafka.bootstrap, partitions, time);
        let of_partition = idle.rss.saturating_sub(least) / partitions as u64;
        rows.push(idle.row("idle", Goal::AtMost(GOAL), &[("partitions", partitions as u64), ("B_each", of_partition)]));
    }
    let names: Vec<(String, i32)> =
        topics(partitions).map(|(number, of_topic)| (format!("idle-{number}"), of_topic)).collect();
    let named: Vec<(&str, i32)> = names.iter().map(|(name, of_topic)| (name.as_str(), *of_topic)).collect();
    // The mock keeps no fetch sessions, so that every fetch names every partition.
    let mock = MockKafka::start(1, &named);
    rows.push(Idle::watch(&mock.bootstrap, partitions, time).row(
        "idle-mock",
        Goal::None,
        &[("partitions", partitions as u64)],
    ));
    drop(mock);
    let mock = MockKafka::start(brokers as i32, &[("idle", brokers as i32)]);
    rows.push(Idle::watch(&mock.bootstrap, brokers, time).row(
        "idle-brokers",
        Goal::None,
        &[("brokers", brokers as u64)],
    ));
    rows
}

/// Numbers of topics, and how many partitions each has, that make up `partitions`.
pub fn topics(partitions: usize) -> impl Iterator<Item = (usize, i32)> {
    let number = partitions.div_ceil(OF_TOPIC);
    (0..number).map(move |at| (at, OF_TOPIC.min(partitions - at * OF_TOPIC) as i32))
}

/// One tap while it has nothing to read.
struct Idle {
    /// Of a core.
    percent: f64,
    /// Until all partitions were read.
    begun: Duration,
    /// Bytes, and the most there ever were.
    rss: u64,
    peak: u64,
    threads: u64,
    /// Percent of a core by thread.
    split: BTreeMap<String, f64>,
}

impl Idle {
    fn watch(bootstrap: &str, partitions: usize, time: Duration) -> Self {
        let folder = Folder::new("idle");
        let start = Instant::now();
        let (tap, url) = Program::tap(folder.path(), bootstrap, &["--from", "latest"]);
        poll_until("all partitions to be read", PATIENCE, || {
            let read = number(folder.path(), Door::Url(&url), "SELECT count(*) FROM coverage");
            (read >= partitions as i64).then_some(())
        });
        let begun = start.elapsed();
        if !time.is_zero() {
            std::thread::sleep(SETTLED);
        }
        // The whole is that of the process: a thread that ends meanwhile takes its own count along.
        let (whole, before, from) = (cpu::of_process(tap.id()), cpu::of_threads(tap.id()), Instant::now());
        std::thread::sleep(time);
        let (spent, after) = (cpu::of_process(tap.id()) - whole, cpu::of_threads(tap.id()));
        let seconds = from.elapsed().as_secs_f64();
        let share = |(name, spent): (String, f64)| {
            let spent = spent - before.get(&name).copied().unwrap_or(0.0);
            (name, spent / 1e6 / seconds * 100.0)
        };
        let split: BTreeMap<String, f64> = after.into_iter().map(share).collect();
        let idle = Self {
            percent: spent / seconds.max(f64::EPSILON) * 100.0,
            begun,
            rss: status(tap.id(), "VmRSS:") << 10,
            peak: status(tap.id(), "VmHWM:") << 10,
            threads: status(tap.id(), "Threads:"),
            split,
        };
        let (ended, said) = tap.stop();
        assert!(ended.success(), "{said}");
        idle
    }

    fn row(&self, name: &'static str, goal: Goal, of: &[(&'static str, u64)]) -> Row {
        let busy: Vec<String> = self
            .split
            .iter()
            .filter(|(_, percent)| **percent >= 0.02)
            .map(|(name, percent)| format!("{name} {percent:.2}"))
            .collect();
        eprintln!("{name}: % of a core by thread: {}", busy.join(", "));
        let mut row = Row::new(name, self.percent, "% core", goal);
        row.more = of.iter().map(|(name, count)| (*name, json!(count))).collect();
        row.more.extend([
            ("begun_ms", json!(self.begun.as_millis() as u64)),
            ("rss_MiB", json!(self.rss >> 20)),
            ("peak_MiB", json!(self.peak >> 20)),
            ("threads", Value::from(self.threads)),
        ]);
        row
    }
}

/// A number of `/proc/…/status`.
pub fn status(id: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel tells it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
