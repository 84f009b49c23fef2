//! `headwater demo`: the simulated company, a tap on it, and the verdict.

use super::args;
use super::{Usage, output, stop, top};
use crate::config;
use crate::demo::{self, DemoOptions, Outcome};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Seeds that are drawn when none is given: short enough to be typed again.
const SEEDS: u64 = 1_000_000;

/// Runs the company until its time is over or a signal comes; a verdict that fails is exit code 1.
pub(super) fn run(args: args::Demo) -> anyhow::Result<ExitCode> {
    let run_for = match args.duration.as_deref() {
        None => None,
        Some(word) => Some(
            config::duration(word)
                .ok_or_else(|| Usage(format!("--for `{word}` is not a duration; give one such as 20s or 5m")))?,
        ),
    };
    let options = DemoOptions {
        run_for,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..SEEDS)),
        keep: args.keep,
        serve: args.serve,
        brokers: args.brokers,
        otlp: args.otlp.map(config::otlp).transpose()?,
        json: args.json,
        terminal: output::is_terminal(),
        screen: (output::is_terminal() && std::io::stdin().is_terminal() && !args.no_top).then_some(top::on_demo),
    };
    let stop = stop::flag()?;
    let outcome = demo::run(&options, &mut output::Answer, &stop)?;
    Ok(match outcome {
        Outcome::Pass | Outcome::NotJudged => ExitCode::SUCCESS,
        Outcome::Fail => ExitCode::from(super::FAILED),
    })
}
