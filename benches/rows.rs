//! The rows of `benches/run`: what things cost, each beside its goal. Costs are compared with something that is measured
//! alternately in the same run, where there is such a thing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark produces, measures time and prints"
)]

mod causality;
mod cpu;
mod decode;
mod groups;
mod idle;
mod lag;
mod overhead;
mod store;
#[path = "../tests/support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "the tests use the rest")]
mod support;

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;
use support::generator::Preset;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Nothing: it explains other figures.
    None,
}

/// One measured figure.
struct Row {
    name: &'static str,
    /// Infinite where nothing could be measured.
    value: f64,
    unit: &'static str,
    goal: Goal,
    /// Rows of tables that were read for it.
    scanned: Option<u64>,
    /// What else is known of it.
    more: Vec<(&'static str, Value)>,
}

impl Row {
    const fn new(name: &'static str, value: f64, unit: &'static str, goal: Goal) -> Self {
        Self { name, value, unit, goal, scanned: None, more: Vec::new() }
    }

    fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtMost(most) => Some(self.value <= most),
            Goal::AtLeast(least) => Some(self.value >= least),
            Goal::None => None,
        }
    }

    fn json(&self) -> Value {
        let goal = match self.goal {
            Goal::AtMost(bound) | Goal::AtLeast(bound) => Some(bound),
            Goal::None => None,
        };
        let mut row =
            json!({"row": self.name, "value": self.value, "unit": self.unit, "goal": goal, "met": self.met()});
        let more = self.scanned.map(|rows| ("rows_scanned", json!(rows)));
        for (name, value) in more.iter().chain(&self.more) {
            row[*name] = value.clone();
        }
        row
    }

    fn line(&self) -> String {
        let goal = match self.goal {
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::None => String::new(),
        };
        let met = match self.met() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        let scanned = self.scanned.map(|rows| rows.to_string()).unwrap_or_default();
        let more: Vec<String> = self.more.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let digits = match self.value {
            whole if whole.fract() == 0.0 => 0,
            // A share that is nearly the whole must not read as the whole.
            share if share < 1.0 => 7,
            _ => 2,
        };
        let line = format!(
            "{:<12} {:>12.digits$} {:<8} {goal:>8}  {met:<4} {scanned:>12}  {}",
            self.name,
            self.value,
            self.unit,
            more.join(", ")
        );
        line.trim_end().to_owned()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::INFINITY,
        odd if odd % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// How much of the tap is measured.
#[derive(Debug, Clone, Copy)]
struct Size {
    records: usize,
    rounds: usize,
    /// How long an idle tap is watched.
    idle: Duration,
    /// What it taps meanwhile.
    partitions: usize,
    brokers: usize,
    /// Groups that are sampled.
    groups: usize,
}

const FULL: Size = Size {
    records: 2_000_000,
    rounds: 5,
    idle: Duration::from_secs(60),
    partitions: 10_000,
    brokers: 100,
    groups: 500,
};
const QUICK: Size =
    Size { records: 300_000, rounds: 3, idle: Duration::from_secs(8), partitions: 2_000, brokers: 20, groups: 100 };
const FULL_EVENTS: usize = 100_000_000;
const QUICK_EVENTS: usize = 1_000_000;
/// What makes the events of the store the same in every run.
const SEED: u64 = 1;

/// What was asked for.
struct Options {
    size: Size,
    /// Events in the database.
    events: usize,
    seed: u64,
    /// Where the database is left.
    keep: Option<PathBuf>,
    /// Where an earlier run left its database.
    reuse: Option<PathBuf>,
    /// The only preset of streams with known causes.
    preset: Option<Preset>,
    /// Share of flows that hide their causes.
    hide: Option<f64>,
    json: bool,
    /// A goal that is missed is a failure.
    strict: bool,
    /// Names of what is measured; all where none is named.
    wanted: Vec<String>,
}

impl Options {
    fn read(mut arguments: Vec<String>) -> Result<Self, String> {
        let mut flag = |name: &str| {
            let before = arguments.len();
            arguments.retain(|argument| argument != name);
            arguments.len() < before
        };
        // Cargo adds the last one by itself.
        let (quick, json, strict, _) = (flag("--quick"), flag("--json"), flag("--strict"), flag("--bench"));
        let events = if quick { QUICK_EVENTS } else { FULL_EVENTS };
        let mut size = if quick { QUICK } else { FULL };
        size.partitions = option(&mut arguments, "--partitions")?.unwrap_or(size.partitions).max(1);
        size.brokers = option(&mut arguments, "--brokers")?.unwrap_or(size.brokers).max(1);
        size.groups = option(&mut arguments, "--groups")?.unwrap_or(size.groups).max(1);
        Ok(Self {
            size,
            events: option(&mut arguments, "--events")?.unwrap_or(events),
            seed: option(&mut arguments, "--seed")?.unwrap_or(SEED),
            keep: option(&mut arguments, "--keep")?,
            reuse: option(&mut arguments, "--reuse")?,
            preset: option(&mut arguments, "--preset")?,
            hide: option(&mut arguments, "--hide")?,
            json,
            strict,
            wanted: arguments,
        })
    }
}

/// Takes `name` and the word after it out of `arguments`.
fn option<T: FromStr>(arguments: &mut Vec<String>, name: &str) -> Result<Option<T>, String> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    let value = arguments.get(at + 1).and_then(|text| text.parse().ok());
    let value = value.ok_or_else(|| format!("{name} needs a value"))?;
    arguments.drain(at..at + 2);
    Ok(Some(value))
}

/// What can be measured, by name; no rows when what it needs is not there.
type Measure = fn(&Options) -> Vec<Row>;
const ROWS: &[(&str, Measure)] = &[
    ("causality", causality::measure),
    ("decode", decode::measure),
    ("groups", groups::measure),
    ("idle", idle::measure),
    ("lag", lag::measure),
    ("inference", causality::measure_inference),
    ("overhead", overhead::measure),
    ("store", store::measure),
];

/// Writes a capture of made-up events and the truth about them.
fn generate(mut arguments: Vec<String>, at: usize) -> ExitCode {
    arguments.remove(at);
    arguments.retain(|argument| argument != "--bench");
    match causality::Generate::read(&mut arguments) {
        Ok(generate) => {
            generate.run();
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("benches/run: {reason}");
            ExitCode::from(2)
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == overhead::BARE) {
        overhead::bare(&arguments[1..]);
        return ExitCode::SUCCESS;
    }
    if arguments.first().is_some_and(|first| first == causality::PART) {
        causality::run_part(&arguments[1..]);
        return ExitCode::SUCCESS;
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "generate") {
        return generate(arguments, at);
    }
    let unknown = |options: &Options| {
        let unknown = options.wanted.iter().find(|wanted| !ROWS.iter().any(|(name, _)| name == wanted))?;
        let names: Vec<&str> = ROWS.iter().map(|(name, _)| *name).collect();
        Some(format!("no row {unknown}; there is {}, and the options that benches/run names", names.join(", ")))
    };
    let options = match Options::read(arguments) {
        Ok(options) => unknown(&options).map_or(Ok(options), Err),
        refused => refused,
    };
    let options = match options {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("benches/run: {reason}");
            return ExitCode::from(2);
        }
    };
    let chosen = |name: &str| options.wanted.is_empty() || options.wanted.iter().any(|wanted| wanted == name);
    let rows: Vec<Row> =
        ROWS.iter().filter(|(name, _)| chosen(name)).flat_map(|(_, measure)| measure(&options)).collect();
    if options.json {
        println!("{}", Value::from_iter(rows.iter().map(Row::json)));
    } else {
        println!("{:<12} {:>12} {:<8} {:>8}  met  {:>12}", "row", "value", "unit", "goal", "rows scanned");
        rows.iter().for_each(|row| println!("{}", row.line()));
    }
    let missed = rows.iter().any(|row| row.met() == Some(false));
    if options.strict && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
