//! The real tap as the demo's witness: started in this process, asked through its door like any other.

use super::Error;
use super::show::{DemoOptions, TapError, Watching, run_with};
use super::verdict::Outcome;
use crate::client::Client;
use crate::client::run_file::Secret;
use crate::config::TapConfig;
use crate::report::Table;
use crate::tap;
use std::io::Write;
use std::sync::atomic::AtomicBool;

/// Runs the demo with a tap in this process. `out` takes what people read, `stop` ends the run early.
///
/// # Errors
/// When the cluster, the company or the tap cannot run.
pub fn run(options: &DemoOptions, out: &mut dyn Write, stop: &AtomicBool) -> Result<Outcome, Error> {
    run_with(options, start, out, stop)
}

struct Live {
    tap: tap::Running,
    client: Client,
    url: String,
}

fn start(config: TapConfig) -> Result<Box<dyn Watching>, TapError> {
    let tap = tap::start(config)?;
    let url = tap.url.clone().ok_or("the tap was started without a door")?;
    let password = tap.own_password().map(|password| Secret(password.to_owned()));
    let client = Client::connect_with(&url, password.as_ref())?;
    Ok(Box::new(Live { tap, client, url }))
}

impl Watching for Live {
    fn url(&self) -> &str {
        &self.url
    }

    fn is_alive(&self) -> bool {
        !self.tap.has_failed()
    }

    fn ask(&self, question: &str) -> Result<Table, TapError> {
        Ok(self.client.sql(question)?)
    }

    fn stop(self: Box<Self>) -> Result<u64, TapError> {
        let Self { tap, client, .. } = *self;
        drop(client);
        Ok(tap.stop()?)
    }
}
