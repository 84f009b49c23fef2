//! The composition root: starts the stages, joins them by bounded channels and stops them in flow order.

mod catalog;
mod clock;
mod core;
mod import;
mod pipeline;
mod plan;
mod reading;
mod restore;
mod sampling;
mod secret;

pub use self::core::Core;
pub use self::import::{ImportConfig, ImportSummary, import};
pub use self::secret::{parse as parse_secret, secret_path};
pub use crate::telemetry::{hold_log, init_logging, release_log};

use self::pipeline::{Ask, COMMITS_WAITING, Input, Pipeline, READS_WAITING};
use self::reading::Reading;
use self::sampling::Sampling;
use crate::config::TapConfig;
use crate::decode::Decoder;
use crate::event::HashKey;
use crate::kafka::{self, Admin, Reader};
use crate::serve::Door;
use crate::store;
use crate::telemetry::Counters;
use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Barrier requests that may wait for the sampler: the core asks for one at a time, and a stop comes once.
const ASKS_WAITING: usize = 2;
/// How often a running tap looks whether it shall stop, or a stage has failed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A tap that runs.
pub struct Running {
    /// Where its door answers, if it has one.
    pub url: Option<String>,
    /// How much it will read before it is up to date, as a sentence.
    pub outlook: String,
    stop_reading: Arc<AtomicBool>,
    reader: Reader,
    sampler: JoinHandle<()>,
    asks: SyncSender<Ask>,
    core: JoinHandle<()>,
    writer: JoinHandle<Result<(), store::Error>>,
    door: Option<Door>,
}

/// Runs one tap until `stop` is set or a stage fails.
pub fn run(config: TapConfig, stop: &AtomicBool, ready: impl FnOnce(&Running)) -> anyhow::Result<()> {
    let running = start(config)?;
    ready(&running);
    while !stop.load(Relaxed) && !running.has_failed() {
        std::thread::sleep(LOOK_EVERY);
    }
    running.stop()
}

/// Starts one tap.
pub fn start(config: TapConfig) -> anyhow::Result<Running> {
    let keys = secret::secret(&config.db)?;
    let (mut writer, restored) = store::Writer::open(&config.db, store::Settings::default())?;
    writer.configure(&config.business_flows)?;
    let readers = writer.readers();
    let ids = restored.id_key;
    let filtered = config.topics.is_some() || config.exclude.is_some();
    let core = Core::resume(&writer, restored, filtered)?;
    let plan = Arc::new(plan::TapPlan::new(&config, core.positions(), clock::now()));
    let counters = Arc::new(Counters::default());
    let stop_reading = Arc::new(AtomicBool::new(false));
    let settings = kafka::Settings {
        cluster: config.cluster.clone(),
        brokers: config.brokers.clone(),
        max_read: config.max_read,
        max_wait: config.commit_interval,
        counters: counters.clone(),
        stop: stop_reading.clone(),
    };
    let mut admin = Admin::connect(&settings)?;
    let outlook = outlook(&admin.estimate(&*plan)?);
    // Whoever waits for the address gets it before the first record is read.
    let door = config.serve.map(|address| Door::start(address, readers, counters.clone())).transpose()?;
    let (to_core, inputs) = sync_channel(READS_WAITING);
    let (commits, to_write) = sync_channel(COMMITS_WAITING);
    let (asks, asked) = sync_channel(ASKS_WAITING);
    let pipeline = Pipeline {
        core,
        inputs,
        commits,
        sampler: Some(asks.clone()),
        counters: counters.clone(),
        commit_interval: config.commit_interval,
    };
    let sampling = Sampling {
        admin,
        plan: plan.clone(),
        groups: config.groups.clone(),
        asks: asked,
        core: to_core.clone(),
        interval: config.sample_interval,
    };
    let writer = spawn("writer", move || pipeline::write(writer, to_write))?;
    let core = spawn("core", move || pipeline.run())?;
    let sampler = spawn("sampler", move || sampling.run())?;
    let reader = Reader::start(settings, plan, sinks(ids, keys, to_core))?;
    let url = door.as_ref().map(|door| format!("postgres://{}/headwater", door.address()));
    Ok(Running { url, outlook, stop_reading, reader, sampler, asks, core, writer, door })
}

fn outlook(estimate: &kafka::Estimate) -> String {
    let kafka::Estimate { topics, partitions, offsets, unreachable } = estimate;
    let mut text = format!("up to {offsets} records in {topics} topics ({partitions} partitions) are there to be read");
    if *unreachable > 0 {
        text.push_str(&format!("; {unreachable} partitions did not answer and are read once they do"));
    }
    text
}

/// Makes one sink a fetch thread.
fn sinks(ids: HashKey, keys: HashKey, to_core: SyncSender<Input>) -> kafka::SinkFactory {
    Arc::new(move || Box::new(Reading::new(Decoder::new(ids, keys), to_core.clone())))
}

fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<JoinHandle<T>> {
    Builder::new().name(name.into()).spawn(work).with_context(|| format!("start the {name} thread"))
}

impl Running {
    /// True when a stage has ended that should not have.
    pub fn has_failed(&self) -> bool {
        self.core.is_finished() || self.writer.is_finished()
    }

    /// Stops in flow order: reading ends, what was read is decided and written, then the door closes.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop_reading.store(true, Relaxed);
        let reading = self.reader.join();
        // A sampler that is gone has nothing left to be told.
        let _ = self.asks.send(Ask::Stop);
        drop(self.asks);
        join(self.sampler, "sampler")?;
        join(self.core, "core")?;
        let written = join(self.writer, "writer")?;
        if let Some(door) = self.door {
            door.stop();
        }
        written
            .context("write to the database; what was committed before is intact and a restart goes on from there")?;
        reading.context("read from the cluster")
    }
}

fn join<T>(thread: JoinHandle<T>, name: &str) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("the {name} thread broke down; please report this with the log above"))
}
