//! What a sample of many groups on many partitions costs: how long a cycle takes, and the tap's CPU and memory beside it.

use super::{Goal, Options, Row, cpu, idle, median};
use crate::support::kafka::{Options as KafkaOptions, RealKafka};
use crate::support::produce;
use crate::support::program::{Door, Program, number};
use crate::support::raw::{Commit, Raw};
use crate::support::{Folder, poll_until};
use serde_json::json;
use std::time::{Duration, Instant};

/// Milliseconds of a cycle, which is due every 5 s.
const GOAL: f64 = 5_000.0;
/// Committed partitions of each group.
const COMMITTED: usize = 20;
/// Cycles that are measured, once the first ones are over.
const CYCLES: usize = 8;
const PATIENCE: Duration = Duration::from_secs(300);

/// 500 groups, of 20 committed partitions each, on as many partitions as `--partitions` says.
pub fn measure(options: &Options) -> Vec<Row> {
    let (partitions, groups) = (options.size.partitions, options.size.groups);
    let real = KafkaOptions { settings: idle::SETTINGS, ..KafkaOptions::default() };
    let Some(kafka) = RealKafka::start(real) else { return Vec::new() };
    let mut places = Vec::new();
    for (number, of_topic) in idle::topics(partitions) {
        let topic = format!("groups-{number}");
        produce::create_topic(&kafka.bootstrap, &topic, of_topic);
        places.extend((0..of_topic).map(|partition| (topic.clone(), partition)));
    }
    eprintln!("groups: the broker holds {partitions} partitions");
    let mut raw = Raw::connect(&kafka.bootstrap);
    for group in 0..groups {
        let place = |at: usize| places[(group * COMMITTED + at) % places.len()].clone();
        let commits: Vec<Commit> =
            (0..COMMITTED).map(place).map(|(topic, partition)| (topic, partition, 0, String::new())).collect();
        raw.commit(&format!("group-{group}"), &commits);
    }
    eprintln!("groups: {groups} groups have committed on {} partitions", groups * COMMITTED);
    vec![watch(&kafka.bootstrap, partitions, groups)]
}

fn watch(bootstrap: &str, partitions: usize, groups: usize) -> Row {
    let folder = Folder::new("bench-groups");
    let (tap, url) = Program::tap(folder.path(), bootstrap, &["--from", "latest", "--sample-interval", "5s"]);
    let ask = |query: &str| number(folder.path(), Door::Url(&url), query);
    let counter = |name: &str| ask(&format!("SELECT coalesce(max(value), 0)::BIGINT FROM tap WHERE name = '{name}'"));
    poll_until("all commits to be seen", PATIENCE, || {
        let seen = ask("SELECT count(committed_offset) FROM progress");
        (seen >= (groups * COMMITTED) as i64).then_some(())
    });
    let (mut cycles, mut last) = (Vec::new(), counter("group_samples"));
    let (whole, before, begun) = (cpu::of_process(tap.id()), cpu::of_threads(tap.id()), Instant::now());
    while cycles.len() < CYCLES {
        std::thread::sleep(Duration::from_millis(500));
        let now = counter("group_samples");
        if now > last {
            cycles.push(counter("group_sample_ms") as f64);
            last = now;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let percent = (cpu::of_process(tap.id()) - whole) / seconds * 100.0;
    for (name, spent) in cpu::of_threads(tap.id()) {
        let percent = (spent - before.get(&name).copied().unwrap_or(0.0)) / 1e6 / seconds * 100.0;
        if percent >= 0.02 {
            eprintln!("groups: {name} {percent:.2} % of a core");
        }
    }
    let partial = counter("group_samples_partial");
    let (rss, peak) = (idle::status(tap.id(), "VmRSS:") >> 10, idle::status(tap.id(), "VmHWM:") >> 10);
    let (ended, said) = tap.stop();
    assert!(ended.success(), "{said}");
    let slowest = cycles.iter().copied().fold(0.0, f64::max);
    let mut row = Row::new("groups", median(cycles), "ms", Goal::AtMost(GOAL));
    row.more = vec![
        ("slowest_ms", json!(slowest)),
        ("partitions", json!(partitions)),
        ("groups", json!(groups)),
        ("committed", json!(groups * COMMITTED)),
        ("partial", json!(partial)),
        ("percent_of_a_core", json!((percent * 100.0).round() / 100.0)),
        ("rss_MiB", json!(rss)),
        ("peak_MiB", json!(peak)),
    ];
    row
}
