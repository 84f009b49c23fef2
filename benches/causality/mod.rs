//! Whether the causality engine is right, and what it costs: streams whose causes are known go through the resolver as a
//! tap would read them, and through two plain ways to do the same join.
//!
//! Each contender runs in a process of its own, on the same stream by seed, so that its memory can be told.

mod inference;
mod plain;
mod run;
mod score;

use crate::support::generator::{self, Preset};
use crate::{Goal, Options, Row};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub use inference::measure as measure_inference;

/// First argument of the process that runs one contender.
pub const PART: &str = "--causality-part";

/// Records that are decided in a row: so long nothing else of the stream goes on.
const SLICE: usize = 65_536;
/// Of the events, so many go through the presets that are not the hostile one.
const MILDER: u64 = 10;

/// Precision of declared edges: an edge that is wrong is a lie.
const PRECISION: f64 = 1.0;
/// Recall of declared edges inside the horizon.
const RECALL: f64 = 0.9999;
/// Share of events in percent whose verdict is taken back, on a hostile stream.
const RETRACTED_PERCENT: f64 = 0.1;
/// Bytes of a live event: its id, its trace, its conversation, its state.
const LIVE_BYTES: f64 = 64.0;
/// ms that the slowest slice takes longer than a middling one.
const STALL_MS: f64 = 50.0;

/// What one contender is told.
fn streams(options: &Options) -> Vec<generator::Options> {
    let events = options.events as u64;
    let presets = options.preset.map_or(Preset::ALL.to_vec(), |preset| vec![preset]);
    let share = |preset| if preset == Preset::Hostile || options.preset.is_some() { events } else { events / MILDER };
    presets.into_iter().map(|preset| generator::Options::new(preset, options.seed, share(preset).max(1))).collect()
}

/// Events that the plain ways get at most: joined with itself, a stream in which services copy headers has five edges an
/// event.
const PLAIN_EVENTS: u64 = 20_000_000;

/// Runs the resolver on each preset, and beside it the plain ways on the last one.
pub fn measure(options: &Options) -> Vec<Row> {
    let streams = streams(options);
    let mut rows = vec![about(options)];
    for stream in &streams {
        let said = part("resolver", stream);
        rows.extend(resolver_rows(stream.preset, &said));
    }
    if let Some(stream) = streams.last() {
        let stream = generator::Options { events: stream.events.min(PLAIN_EVENTS), ..*stream };
        rows.extend(["hashbrown", "duckdb"].map(|plain| plain_row(plain, &stream)));
    }
    rows
}

fn about(options: &Options) -> Row {
    let mut row = Row::new("causality", options.events as f64, "events", Goal::None);
    row.more = vec![("seed", json!(options.seed)), ("commit", json!(crate::store::commit()))];
    row
}

fn number(said: &Value, name: &str) -> f64 {
    said[name].as_f64().unwrap_or(f64::INFINITY)
}

fn resolver_rows(preset: Preset, said: &Value) -> Vec<Row> {
    let false_orphans = if preset == Preset::Calm { Goal::AtMost(0.0) } else { Goal::None };
    let rows: [(_, _, _, _, &[&'static str]); 8] = [
        ("precision", 1.0, "", Goal::AtLeast(PRECISION), &["edges", "wrong", "copies", "examples"]),
        ("recall", 1.0, "", Goal::AtLeast(RECALL), &["named", "missed", "beyond_horizon", "ambiguous_id"]),
        ("false_orphan", 1.0, "events", false_orphans, &["orphaned", "absent_causes", "samples"]),
        ("retracted", 100.0, "%", Goal::AtMost(RETRACTED_PERCENT), &["retracted_events"]),
        ("live_event", 1.0, "B", Goal::AtMost(LIVE_BYTES), &["live_events", "rss_mb", "ids_dropped"]),
        ("stall", 1.0, "ms", Goal::AtMost(STALL_MS), &["worst_ms", "median_ms"]),
        ("cpu", 1.0, "ns/event", Goal::None, &["seconds"]),
        ("conversation", 1.0, "events", Goal::None, &["hub_members", "repeated_ids", "inferred"]),
    ];
    let row = |(name, scale, unit, goal, more): (_, f64, _, _, &[&'static str])| {
        let mut row = Row::new(name, number(said, name) * scale, unit, goal);
        let known = |name: &&'static str| (!said[*name].is_null()).then(|| (*name, said[*name].clone()));
        row.more = [("preset", json!(preset.as_str()))].into_iter().chain(more.iter().filter_map(known)).collect();
        row
    };
    rows.into_iter().map(row).collect()
}

fn plain_row(name: &'static str, stream: &generator::Options) -> Row {
    let said = part(name, stream);
    let mut row = Row::new(name, number(&said, "cpu_ns"), "ns/event", Goal::None);
    row.more = vec![("preset", json!(stream.preset.as_str())), ("events", json!(stream.events))];
    let known = ["precision", "recall", "key_bytes", "worst_ms", "join_ms", "disk_mb", "rss_mb", "edges", "seconds"];
    row.more.extend(known.into_iter().filter(|name| !said[name].is_null()).map(|name| (name, said[name].clone())));
    row
}

/// Runs a contender in a process of its own; gives what it printed.
fn part(name: &str, stream: &generator::Options) -> Value {
    let (seed, events, hide) = (stream.seed.to_string(), stream.events.to_string(), stream.hide.to_string());
    let arguments = [PART, name, stream.preset.as_str(), &seed, &events, &hide];
    eprintln!("{name}: {} events, {}, seed {seed}", events, stream.preset.as_str());
    let child = Command::new(std::env::current_exe().unwrap()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name} on {stream:?} ended with {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The process that runs one contender.
pub fn run_part(arguments: &[String]) {
    let [name, preset, seed, events, hide] = arguments else { panic!("{PART} NAME PRESET SEED EVENTS HIDE") };
    let stream = generator::Options {
        hide: hide.parse().unwrap(),
        ..generator::Options::new(preset.parse().unwrap(), seed.parse().unwrap(), events.parse().unwrap())
    };
    let said = match name.as_str() {
        "resolver" => run::resolver(stream),
        "hashbrown" => plain::hashbrown(stream),
        "duckdb" => plain::duckdb(stream),
        "inference" => inference::run(stream),
        other => panic!("no contender {other}"),
    };
    println!("{said}");
}

/// MB of memory that this process holds.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|kb| kb.trim().trim_end_matches(" kB").parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
}

/// What `benches/run generate` was told.
pub struct Generate {
    stream: generator::Options,
    out: PathBuf,
}

/// Events of a capture unless the command line says otherwise.
const CAPTURED_EVENTS: u64 = 20_000;

impl Generate {
    /// Reads the arguments behind `generate`.
    pub fn read(arguments: &mut Vec<String>) -> Result<Self, String> {
        let preset = crate::option(arguments, "--preset")?.unwrap_or(Preset::Typical);
        let seed = crate::option(arguments, "--seed")?.unwrap_or(crate::SEED);
        let events = crate::option(arguments, "--events")?.unwrap_or(CAPTURED_EVENTS);
        let hide = crate::option(arguments, "--hide")?.unwrap_or(0.0);
        let out = crate::option(arguments, "--out")?.ok_or("generate needs --out DIR")?;
        match arguments.first() {
            Some(unknown) => Err(format!("generate knows no {unknown}")),
            None if !(0.0..=1.0).contains(&hide) => Err("--hide is a share between 0 and 1".to_owned()),
            None => {
                Ok(Self { stream: generator::Options { hide, ..generator::Options::new(preset, seed, events) }, out })
            }
        }
    }

    /// Writes the capture and its truth.
    pub fn run(&self) {
        std::fs::create_dir_all(&self.out).unwrap();
        let records = generator::capture(self.stream, &self.out);
        println!("{records} records and their truth are in {}", self.out.display());
    }
}
