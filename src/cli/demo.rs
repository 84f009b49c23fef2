//! `headwater demo`: the simulated company, a tap on it, and the verdict.

use super::args;
use super::{Usage, output, stop};
use crate::client::Client;
use crate::config::{self, TapConfig};
use crate::demo::{self, DemoOptions, Outcome, TapError, Watching};
use crate::report::Table;
use crate::tap;
use std::process::ExitCode;

/// Seeds that are drawn when none is given: short enough to be typed again.
const SEEDS: u64 = 1_000_000;

/// A tap in this process, asked through its own door as everybody else asks it.
struct Watched {
    running: tap::Running,
    url: String,
    client: Client,
}

impl Watching for Watched {
    fn url(&self) -> &str {
        &self.url
    }

    fn is_alive(&self) -> bool {
        !self.running.has_failed()
    }

    fn ask(&self, question: &str) -> Result<Table, TapError> {
        Ok(self.client.sql(question)?)
    }

    fn stop(self: Box<Self>) -> Result<(), TapError> {
        drop(self.client);
        Ok(self.running.stop()?)
    }
}

fn start(config: TapConfig) -> Result<Box<dyn Watching>, TapError> {
    let running = tap::start(config)?;
    let url = running.url.clone().ok_or("the tap of the demo has no door")?;
    let client = Client::connect(&url)?;
    Ok(Box::new(Watched { running, url, client }))
}

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
        json: args.json,
        terminal: output::is_terminal(),
    };
    let stop = stop::flag()?;
    let outcome = demo::run_with(&options, start, &mut output::Answer, &stop)?;
    Ok(match outcome {
        Outcome::Pass | Outcome::NotJudged => ExitCode::SUCCESS,
        Outcome::Fail => ExitCode::from(super::FAILED),
    })
}
