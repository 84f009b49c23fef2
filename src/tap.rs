//! The composition root: starts the stages, joins them by bounded channels and stops them in flow order.

mod catalog;
mod check;
mod clock;
mod core;
mod import;
mod outlook;
mod pipeline;
mod plan;
mod reading;
mod restore;
mod sampling;
mod secret;
mod telling;
mod watch;

pub use self::check::{Address, Check, Finding, Right, Verdict, check};
pub use self::core::Core;
pub use self::import::{ImportConfig, ImportSummary, import};
pub use self::secret::{parse as parse_secret, secret_path};
pub use crate::serve::{Users, make_password};
pub use crate::telemetry::{hold_log, init_logging, release_log};

use self::pipeline::{Ask, COMMITS_WAITING, Input, Pipeline, READS_WAITING};
use self::reading::Reading;
use self::sampling::Sampling;
use self::telling::Telling;
use self::watch::Watch;
use crate::config::{MetricsAddress, TapConfig};
use crate::decode::Decoder;
use crate::event::HashKey;
use crate::kafka::{self, Admin, Reader, Security};
use crate::serve::{Door, DoorSettings, Metrics, Tls};
use crate::store::{self, Readers};
use crate::telemetry::{Counters, Pulse};
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
    /// What its owner should know about its doors, as sentences.
    pub remarks: Vec<String>,
    /// How much it will read before it is up to date, as a sentence.
    pub outlook: String,
    stop_reading: Arc<AtomicBool>,
    reader: Reader,
    sampler: JoinHandle<()>,
    asks: SyncSender<Ask>,
    core: JoinHandle<()>,
    writer: JoinHandle<Result<store::Writer, store::Error>>,
    door: Option<Door>,
    metrics: Option<Metrics>,
    telling: Telling,
}

/// Runs one tap until `stop` is set or a stage fails. Gives what [`Running::stop`] gives.
pub fn run(config: TapConfig, stop: &AtomicBool, ready: impl FnOnce(&Running)) -> anyhow::Result<u64> {
    let running = start(config)?;
    ready(&running);
    while !stop.load(Relaxed) && !running.has_failed() {
        std::thread::sleep(LOOK_EVERY);
    }
    running.stop()
}

/// Starts one tap.
pub fn start(config: TapConfig) -> anyhow::Result<Running> {
    let security = Arc::new(Security::new(&config.kafka)?);
    let keys = secret::secret(&config.db)?;
    let (mut writer, restored) = store::Writer::open(&config.db, store::Settings::default())?;
    writer.fill_outbox(config.otlp.is_some());
    writer.configure(&config.business_flows)?;
    writer.keep(config.retention);
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
        security: security.clone(),
        max_read: config.max_read,
        max_wait: config.commit_interval,
        counters: counters.clone(),
        stop: stop_reading.clone(),
    };
    // Whoever waits for the address gets it before the first record is read, and a door that may not open is refused
    // before any cluster is asked.
    let door = open_door(&config, readers.clone(), counters.clone())?;
    let mut admin = Admin::connect(&settings)?;
    let outlook = outlook::outlook(&admin.estimate(&*plan)?, config.max_read);
    let telling = Telling::start(&config, &readers, &counters)?;
    let mut remarks = security.remarks();
    remarks.extend(door.iter().filter_map(|door| exposure(&config, door)));
    let (to_core, inputs) = sync_channel(READS_WAITING);
    let (commits, to_write) = sync_channel(COMMITS_WAITING);
    let (asks, asked) = sync_channel(ASKS_WAITING);
    let pulse = Arc::new(Pulse::new(clock::instant()));
    let metrics = start_metrics(&config, writer.readers(), pulse.clone(), &mut remarks)?;
    let pipeline = Pipeline {
        core,
        inputs,
        commits,
        sampler: Some(asks.clone()),
        counters: counters.clone(),
        pulse: pulse.clone(),
        progress: telling.progress.clone(),
        commit_interval: config.commit_interval,
        watch: Watch::default(),
    };
    let sampling = Sampling {
        admin,
        plan: plan.clone(),
        groups: config.groups.clone(),
        asks: asked,
        core: to_core.clone(),
        interval: config.sample_interval,
    };
    let end = Ending("writer", pulse.clone());
    let writer = spawn("writer", move || pipeline::write(writer, to_write, &end.1))?;
    let end = Ending("core", pulse);
    let core = spawn("core", move || {
        let _end = end;
        pipeline.run();
    })?;
    let sampler = spawn("sampler", move || sampling.run())?;
    let reader = Reader::start(settings, plan, sinks(ids, keys, to_core))?;
    let url = door.as_ref().map(Door::url);
    Ok(Running { url, remarks, outlook, stop_reading, reader, sampler, asks, core, writer, door, metrics, telling })
}

/// The door that is asked for: for the users beside the database.
fn open_door(config: &TapConfig, readers: Readers, counters: Arc<Counters>) -> anyhow::Result<Option<Door>> {
    let Some(address) = config.serve else { return Ok(None) };
    let tls = config.serve_tls.as_ref().map(|files| Tls::read(&files.certificate, &files.key)).transpose()?;
    let settings = DoorSettings { address, users: Some(Users::beside(&config.db)), tls };
    Ok(Some(Door::open(settings, readers, counters)?))
}

/// Metrics and health. The default address gives way when another tap has it; one that somebody chose does not.
fn start_metrics(
    config: &TapConfig,
    readers: Readers,
    pulse: Arc<Pulse>,
    remarks: &mut Vec<String>,
) -> anyhow::Result<Option<Metrics>> {
    let Some(MetricsAddress { address, chosen }) = config.metrics else { return Ok(None) };
    match Metrics::start(address, readers, pulse) {
        Ok(metrics) => {
            remarks.push(format!("metrics at http://{0}/metrics, health at http://{0}/healthz", metrics.address()));
            Ok(Some(metrics))
        }
        Err(error) if chosen => Err(error.into()),
        Err(error) => {
            remarks.push(format!("warning: no metrics: {error}"));
            Ok(None)
        }
    }
}

/// Says that a stage has ended when its thread does, in whatever way.
struct Ending(&'static str, Arc<Pulse>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.1.ended(self.0);
    }
}

/// A warning about a door that others can listen in at.
fn exposure(config: &TapConfig, door: &Door) -> Option<String> {
    let address = door.address();
    let bare = !address.ip().is_loopback() && config.serve_tls.is_none();
    bare.then(|| {
        format!(
            "warning: the door on {address} is not encrypted: what is asked and answered can be read on the way; give \
             --serve-tls-cert and --serve-tls-key, or let a tunnel carry it"
        )
    })
}

/// Makes one sink a fetch thread.
fn sinks(ids: HashKey, keys: HashKey, to_core: SyncSender<Input>) -> kafka::SinkFactory {
    Arc::new(move || Box::new(Reading::new(Decoder::new(ids, keys), to_core.clone())))
}

fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<JoinHandle<T>> {
    Builder::new().name(name.into()).spawn(work).with_context(|| format!("start the {name} thread"))
}

impl Running {
    /// What the owner's own tools log in with at its door.
    pub fn own_password(&self) -> Option<&str> {
        self.door.as_ref().map(Door::own_password)
    }

    /// True when a stage has ended that should not have.
    pub fn has_failed(&self) -> bool {
        self.core.is_finished() || self.writer.is_finished()
    }

    /// Stops in flow order: reading ends, what was read is decided, written and told, then the door closes. Gives the
    /// entries of the outbox that the collector did not take in time; they are sent at the next start.
    pub fn stop(self) -> anyhow::Result<u64> {
        self.stop_reading.store(true, Relaxed);
        let reading = self.reader.join();
        // A sampler that is gone has nothing left to be told.
        let _ = self.asks.send(Ask::Stop);
        drop(self.asks);
        join(self.sampler, "sampler")?;
        join(self.core, "core")?;
        let written = join(self.writer, "writer")?;
        drop(self.metrics);
        let (left, last) = self.telling.stop();
        if let Some(door) = self.door {
            door.stop();
        }
        let closed = written.and_then(|writer| pipeline::close(writer, last));
        closed
            .context("write to the database; what was committed before is intact and a restart goes on from there")?;
        reading.context("read from the cluster")?;
        Ok(left)
    }
}

fn join<T>(thread: JoinHandle<T>, name: &str) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("the {name} thread broke down; please report this with the log above"))
}
