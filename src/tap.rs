//! The composition root: starts the stages, joins them by bounded channels and stops them in flow order.

mod catalog;
mod check;
mod clock;
mod commit_log;
mod consuming;
mod core;
mod gather;
mod horizon;
mod import;
mod live;
mod numbers;
mod outlook;
mod pipeline;
mod plan;
mod reading;
mod recalling;
mod restore;
mod sampling;
mod secret;
mod seeking;
mod site;
mod sought;
mod telling;
mod watch;

pub use self::check::{Address, Check, Finding, Right, Verdict, check};
pub use self::core::Core;
pub use self::import::{ImportConfig, ImportSummary, import};
pub use self::live::{Captured, Wanted, explain_captured, explain_live};
pub use self::secret::{parse as parse_secret, secret_path};
pub use crate::serve::{Users, make_password};
pub use crate::telemetry::{hold_log, init_logging, release_log};

use self::commit_log::{COMMIT_LOG, CommitLog};
use self::gather::Gather;
use self::pipeline::{Ask, COMMITS_WAITING, Input, Pipeline, READS_WAITING};
use self::plan::TapPlan;
use self::reading::Reading;
use self::recalling::Recall;
use self::seeking::{Records, SEEKS_WAITING, Seek, Seeker};
use self::site::Site;
use self::telling::Telling;
use self::watch::Watch;
use crate::causality::Memory;
use crate::config::{self, Client, MetricsAddress, TapConfig};
use crate::decode::{self, Convention, Decoder, Schemas};
use crate::event::{ClientProperties, FailureText, HashKey};
use crate::kafka::{self, Admin, Security};
use crate::registry::{self, Registry};
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

/// What a cluster's records are understood by: the user's own conventions, the schemas of their bodies, and how much of
/// the words of errors is kept.
type Meaning = (Arc<[Convention]>, Option<Arc<dyn Schemas>>, FailureText);

/// Reads and samples one cluster.
type SiteThread = JoinHandle<Result<(), kafka::Error>>;

/// A tap that runs.
pub struct Running {
    /// Where its door answers, if it has one.
    pub url: Option<String>,
    /// What its owner should know about its doors, as sentences.
    pub remarks: Vec<String>,
    /// How much it will read before it is up to date, as a sentence.
    pub outlook: String,
    stop_reading: Arc<AtomicBool>,
    sites: Vec<(SyncSender<Ask>, SiteThread)>,
    seeker: (SyncSender<Seek>, JoinHandle<()>),
    recaller: (SyncSender<Recall>, JoinHandle<()>),
    core: JoinHandle<Core>,
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

/// Tells the database what the configuration says of it; gives those who read it.
fn configure(writer: &mut store::Writer, config: &TapConfig) -> Result<store::Readers, store::Error> {
    writer.fill_outbox(config.otlp.is_some());
    writer.configure(&config.business_flows)?;
    writer.sum_up(config.lag_value.as_deref())?;
    writer.leave_out(&config.not_attending)?;
    writer.keep(config.retention);
    Ok(writer.readers())
}

/// Starts one tap.
pub fn start(config: TapConfig) -> anyhow::Result<Running> {
    let house: Arc<[Convention]> = conventions(&config.conventions)?.into();
    let clusters: Vec<&TapConfig> = std::iter::once(&config).chain(&config.also).collect();
    let security = clusters.iter().map(|one| secured(one)).collect::<anyhow::Result<Vec<_>>>()?;
    let keys = secret::secret(&config.db)?;
    let (mut writer, restored) = store::Writer::open(&config.db, store::Settings::default())?;
    let readers = configure(&mut writer, &config)?;
    let ids = restored.id_key;
    let filtered = clusters.iter().any(|one| one.topics.is_some() || one.exclude.is_some());
    let mut core = Core::resume_within(Memory::new(config.memory), &writer, restored, filtered)?;
    core.keep(config.retention.events);
    core.keep_words(config.failure_text);
    core.leave_out(&config.not_attending);
    horizon::say(&core);
    let counters = Arc::new(Counters::default());
    let stop_reading = Arc::new(AtomicBool::new(false));
    let reach: Vec<kafka::Settings> =
        clusters.iter().zip(&security).map(|(one, s)| settings(one, s, &counters, &stop_reading)).collect();
    let known = clusters.iter().map(|one| schemas(&one.registry, &counters)).collect::<Result<Vec<_>, _>>()?;
    let live = live::Live::new(&config, (ids, house.clone()), reach.iter().cloned().zip(known.clone()).collect());
    // Whoever waits for the address gets it before the first record is read, and a door that may not open is refused
    // before any cluster is asked.
    let door = open_door(&config, (readers.clone(), live), counters.clone())?;
    let (to_core, inputs) = sync_channel(READS_WAITING);
    let (commits, to_write) = sync_channel(COMMITS_WAITING);
    let (mut samplers, mut sites) = (Vec::new(), Vec::new());
    for ((one, settings), known) in clusters.iter().zip(reach).zip(known) {
        let plan = TapPlan::new(one, (core.positions(), core.newest), clock::now());
        let (asks, site) =
            site((one, settings), plan, (ids, keys), (house.clone(), known, config.failure_text), &to_core);
        samplers.push(asks);
        sites.push(site);
    }
    let mut remarks: Vec<String> = security.iter().flat_map(|security| security.remarks()).collect();
    let (admins, outlook) = connect(&sites, &mut remarks)?;
    let telling = Telling::start(&config, &readers, &counters)?;
    remarks.extend(door.iter().filter_map(|door| exposure(&config, door)));
    let pulse = Arc::new(Pulse::new(clock::instant()));
    let metrics = start_metrics(&config, writer.readers(), pulse.clone(), &mut remarks)?;
    let pipeline = Pipeline {
        core,
        inputs,
        commits,
        samplers: samplers.clone(),
        gather: Gather::default(),
        counters: counters.clone(),
        pulse: pulse.clone(),
        progress: telling.progress.clone(),
        commit_interval: config.commit_interval,
        seeks: true,
        watch: Watch::default(),
    };
    let (seeks, asked) = sync_channel(SEEKS_WAITING);
    let recaller = recalling::start(readers.clone(), stop_reading.clone(), to_core.clone())?;
    let records = Records::of(sites.iter().map(|site| &site.settings));
    let seeker = Seeker::new(readers, records, ids, stop_reading.clone());
    let (end, seekers) = (Ending("writer", pulse.clone()), (seeks.clone(), recaller.0.clone()));
    let writer = spawn("writer", move || pipeline::write(writer, to_write, &end.1, Some(&seekers)))?;
    let end = Ending("core", pulse);
    let core = spawn("core", move || {
        let _end = end;
        pipeline.run()
    })?;
    let sites = samplers.into_iter().zip(begin(sites, admins)?).collect();
    let seeker = (seeks, spawn("seeker", move || seeker.run(&asked, &to_core))?);
    let url = door.as_ref().map(Door::url);
    Ok(Running { url, remarks, outlook, stop_reading, sites, seeker, recaller, core, writer, door, metrics, telling })
}

/// One cluster, and what asks its sampler.
fn site(
    (config, settings): (&TapConfig, kafka::Settings),
    plan: TapPlan,
    keys: (HashKey, HashKey),
    meaning: Meaning,
    to_core: &SyncSender<Input>,
) -> (SyncSender<Ask>, Site) {
    let (asks, asked) = sync_channel(ASKS_WAITING);
    let plan = Arc::new(plan);
    let log = commit_log(config, &plan, &settings.counters);
    let site = Site {
        settings,
        plan,
        sinks: sinks(keys, meaning, (log.clone(), to_core.clone())),
        groups: config.groups.clone(),
        log,
        interval: config.sample_interval,
        asks: asked,
        core: to_core.clone(),
    };
    (asks, site)
}

/// How the reader reaches one cluster.
fn settings(
    config: &TapConfig,
    security: &Arc<Security>,
    counters: &Arc<Counters>,
    stop: &Arc<AtomicBool>,
) -> kafka::Settings {
    kafka::Settings {
        cluster: config.cluster.clone(),
        brokers: config.brokers.clone(),
        security: security.clone(),
        source: source(config.client),
        max_read: config.max_read,
        max_wait: config.commit_interval,
        counters: counters.clone(),
        stop: stop.clone(),
    }
}

fn source(client: Client) -> kafka::Source {
    match client {
        Client::Native => kafka::Source::Native,
        Client::Librdkafka => kafka::Source::Librdkafka,
    }
}

/// How one cluster is reached, and as whom.
fn secured(config: &TapConfig) -> anyhow::Result<Arc<Security>> {
    let security = Security::new(&config.kafka)?;
    security.suits(source(config.client))?;
    Ok(Arc::new(security))
}

/// Reaches all clusters and says what is there to be read. The only one has to answer; of several, one.
fn connect(sites: &[Site], remarks: &mut Vec<String>) -> anyhow::Result<(Vec<Option<Admin>>, String)> {
    let (mut admins, mut outlooks, mut refused) = (Vec::new(), Vec::new(), None);
    for site in sites {
        let reached = Admin::connect(&site.settings).and_then(|mut admin| Ok((admin.estimate(&*site.plan)?, admin)));
        let name = &site.settings.cluster;
        match reached {
            Ok((estimate, admin)) => {
                let several = if sites.len() > 1 { format!("{name}: ") } else { String::new() };
                outlooks.push(format!("{several}{}", outlook::outlook(&estimate, site.settings.max_read)));
                admins.push(Some(admin));
            }
            Err(error) => {
                remarks.push(format!("warning: cluster {name} is not read yet, and is tried again: {error}"));
                admins.push(None);
                refused.get_or_insert(error);
            }
        }
    }
    match refused {
        Some(error) if outlooks.is_empty() => Err(error.into()),
        _ => Ok((admins, outlooks.join("; "))),
    }
}

/// Starts reading. The only cluster has to let itself be read; of several, one that does not is tried again.
fn begin(sites: Vec<Site>, admins: Vec<Option<Admin>>) -> anyhow::Result<Vec<SiteThread>> {
    let only = sites.len() == 1;
    let mut threads = Vec::with_capacity(sites.len());
    for (site, admin) in sites.into_iter().zip(admins) {
        let opened = match admin.map(|admin| site.open(admin)).transpose() {
            Ok(opened) => opened,
            Err(error) if only => return Err(error.into()),
            Err(_) => None,
        };
        let name = if only { "sampler".to_owned() } else { format!("sampler-{}", site.settings.cluster) };
        threads.push(spawn(&name, move || site.run(opened))?);
    }
    Ok(threads)
}

/// The door that is asked for: for the users beside the database.
fn open_door(
    config: &TapConfig,
    (readers, live): (Readers, live::Live),
    counters: Arc<Counters>,
) -> anyhow::Result<Option<Door>> {
    let Some(address) = config.serve else { return Ok(None) };
    let tls = config.serve_tls.as_ref().map(|files| Tls::read(&files.certificate, &files.key)).transpose()?;
    let settings = DoorSettings { address, users: Some(Users::beside(&config.db)), tls, live: Some(Arc::new(live)) };
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

/// The user's own conventions, of the sections `[[convention]]`.
///
/// # Errors
/// The first that cannot be understood, and why.
pub fn conventions(sections: &[toml::Table]) -> anyhow::Result<Vec<Convention>> {
    let read = sections.iter().map(decode::house).collect::<Result<_, _>>();
    read.context("read the conventions of the configuration; correct the section and start again")
}

/// Makes one sink a fetch thread.
fn sinks(
    (ids, keys): (HashKey, HashKey),
    (house, schemas, errors): Meaning,
    (log, to_core): (Option<Arc<CommitLog>>, SyncSender<Input>),
) -> kafka::SinkFactory {
    Arc::new(move || {
        let decoder = Decoder::with_house(ids, keys, &house).with_schemas(schemas.clone()).with_failure_text(errors);
        Box::new(Reading::new(decoder, log.clone(), to_core.clone()))
    })
}

/// The log of commits of the cluster that `config` reads, unless it is left out. Only the native reader reads it.
fn commit_log(config: &TapConfig, plan: &Arc<TapPlan>, counters: &Arc<Counters>) -> Option<Arc<CommitLog>> {
    let excluded = config.exclude.as_ref().is_some_and(|unwanted| unwanted.is_match(COMMIT_LOG));
    let wanted = config.commit_log == config::CommitLog::Auto && config.client == Client::Native && !excluded;
    wanted.then(|| Arc::new(CommitLog::new(plan.clone(), config.groups.clone(), counters.clone())))
}

/// The registry that `settings` name, if they name one.
fn schemas(settings: &ClientProperties, counters: &Arc<Counters>) -> Result<Option<Arc<dyn Schemas>>, registry::Error> {
    let registry = Registry::start(settings, counters.clone())?;
    Ok(registry.map(|registry| Arc::new(registry) as Arc<dyn Schemas>))
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
        let mut reading = Ok(());
        for (asks, _) in &self.sites {
            // One that is gone has nothing left to be told.
            let _ = asks.send(Ask::Stop);
        }
        for (asks, site) in self.sites {
            drop(asks);
            reading = reading.and(join(site, "sampler")?);
        }
        // It waits for no answer of Kafka any more, and the core ends only after it.
        let (seeks, seeker) = self.seeker;
        let _ = seeks.send(Seek::Stop);
        join(seeker, "seeker")?;
        let (recalls, recaller) = self.recaller;
        let _ = recalls.send(Recall::Stop);
        join(recaller, "recaller")?;
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
