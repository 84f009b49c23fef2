//! The rows of `benches/run`: each measures two things alternately in the same run and prints their ratio.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark produces, measures time and prints"
)]

mod cpu;
mod overhead;
#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod support;

use serde_json::json;
use std::process::ExitCode;

/// One measured figure.
struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    goal: f64,
}

impl Row {
    fn met(&self) -> bool {
        self.value <= self.goal
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Size {
    records: usize,
    rounds: usize,
}

const FULL: Size = Size { records: 2_000_000, rounds: 5 };
const QUICK: Size = Size { records: 300_000, rounds: 3 };

/// What can be measured, by name; `None` when what it needs is not there.
type Measure = fn(Size) -> Option<Row>;
const ROWS: &[(&str, Measure)] = &[("overhead", overhead::measure)];

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == overhead::BARE) {
        overhead::bare(&arguments[1..]);
        return ExitCode::SUCCESS;
    }
    let mut flag = |name: &str| {
        let before = arguments.len();
        arguments.retain(|argument| argument != name);
        arguments.len() < before
    };
    // Cargo adds the last one by itself.
    let (quick, as_json, _) = (flag("--quick"), flag("--json"), flag("--bench"));
    if let Some(unknown) = arguments.iter().find(|argument| !ROWS.iter().any(|(name, _)| name == argument)) {
        let names: Vec<&str> = ROWS.iter().map(|(name, _)| *name).collect();
        eprintln!("benches/run: no row {unknown}; there is {}, and --quick and --json", names.join(", "));
        return ExitCode::from(2);
    }
    let size = if quick { QUICK } else { FULL };
    let wanted = ROWS.iter().filter(|(name, _)| arguments.is_empty() || arguments.iter().any(|a| a == name));
    let rows: Vec<Row> = wanted.filter_map(|(_, measure)| measure(size)).collect();
    if as_json {
        let rows: Vec<_> = rows
            .iter()
            .map(|r| json!({"row": r.name, "value": r.value, "unit": r.unit, "goal": r.goal, "met": r.met()}))
            .collect();
        println!("{}", serde_json::Value::from(rows));
    } else {
        println!("{:<12} {:>8} {:<10} {:>6}  met", "row", "value", "unit", "goal");
        for row in &rows {
            let met = if row.met() { "yes" } else { "no" };
            println!("{:<12} {:>8.2} {:<10} {:>6.2}  {met}", row.name, row.value, row.unit, row.goal);
        }
    }
    ExitCode::SUCCESS
}
