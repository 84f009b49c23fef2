//! One demo from opening to verdict: the company runs, a tap watches, people see.

#![expect(clippy::disallowed_methods, reason = "the demo is an edge: it runs against the clock")]

use super::Error;
use super::account::{Account, Setting, account, json, text, verdict_text};
use super::answers::Answers;
use super::cluster::{BROKERS, Cluster};
use super::company::Company;
use super::floor::Running;
use super::ledger::{Ledger, Standing};
use super::verdict::{Outcome, Verdict, judge};
use crate::config::{From, TapConfig};
use crate::event::{ClientProperties, Retention, clean};
use crate::report::Table;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long orders are taken when neither a time nor a terminal is given.
pub const DEFAULT_RUN: Duration = Duration::from_secs(20);

/// How long the company may take to come to rest after the last order: some retries and a slow group.
const REST_PATIENCE: Duration = Duration::from_secs(30);

/// How long the tap may take to read the last records, see the last commits and settle what waits.
const SETTLE_PATIENCE: Duration = Duration::from_secs(15);

/// Time between two looks at the tap while it settles.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Time between two pictures on a terminal.
const REFRESH: Duration = Duration::from_millis(500);

/// Short, so that every group is sampled often in a run of some seconds.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

/// Short, so that what happened is there to be asked at once; the mock does not wake a waiting fetch, so this is also its pace.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct DemoOptions {
    /// How long orders are taken; until a signal on a terminal or when serving, else 20 s.
    pub run_for: Option<Duration>,
    /// Repeats orders, faults and ids.
    pub seed: u64,
    /// Where the database stays; else it goes with the run.
    pub keep: Option<PathBuf>,
    /// Runs until a signal and says where the door is, for other programs to ask.
    pub serve: bool,
    /// Bootstrap addresses of a real, empty cluster, instead of the one in this process.
    pub brokers: Option<String>,
    /// The OTLP collector that is told what was settled.
    pub otlp: Option<String>,
    /// Report as JSON.
    pub json: bool,
    /// Whether the output is a terminal.
    pub terminal: bool,
    /// What a terminal shows while the company works; else a picture that draws itself anew.
    pub screen: Option<OpenScreen>,
}

/// Shows the tap whose door and database are named, until the user leaves or the function says that it is over.
pub type OpenScreen = fn(&str, &Path, &dyn Fn() -> bool) -> Result<(), TapError>;

/// Anything that goes wrong outside the demo.
pub type TapError = Box<dyn std::error::Error + Send + Sync>;

/// The tap that watches the demo.
pub trait Watching {
    /// Where its door answers.
    fn url(&self) -> &str;
    /// False once it has failed.
    fn is_alive(&self) -> bool;
    /// Answers one question of [`super::answers`].
    ///
    /// # Errors
    /// When the tap cannot answer.
    fn ask(&self, question: &str) -> Result<Table, TapError>;
    /// Stops it in order. Gives the entries of its outbox that no collector took in time.
    ///
    /// # Errors
    /// What it died of.
    fn stop(self: Box<Self>) -> Result<u64, TapError>;
}

/// Runs the demo: `start` starts the tap, `out` takes the report, `stop` ends the run early.
///
/// # Errors
/// When the cluster, the company or the tap cannot run.
pub fn run_with(
    options: &DemoOptions,
    start: impl FnOnce(TapConfig) -> Result<Box<dyn Watching>, TapError>,
    out: &mut dyn Write,
    stop: &AtomicBool,
) -> Result<Outcome, Error> {
    let company = Company::shipped()?;
    let database = Database::at(options.keep.as_ref())?;
    let cluster = match &options.brokers {
        Some(brokers) => Cluster::at(brokers, &company)?,
        None => Cluster::in_process(&company)?,
    };
    let watching = start(tap_config(&cluster, &company, &database, options)?).map_err(Error::Tap)?;
    let running = Running::open(company, options.seed, &cluster)?;
    let mut stage = Stage {
        options,
        running,
        watching,
        out,
        database: &database.file,
        drawn: 0,
        began: Instant::now(),
        place: place(&cluster),
    };
    if options.serve {
        stage.say_where()?;
    }
    stage.play(stop)?;
    if options.serve {
        drop(stage.running.close());
        let left = stage.watching.stop().map_err(Error::Tap)?;
        warn_of_left(left);
        return Ok(Outcome::NotJudged);
    }
    stage.close()
}

fn tap_config(
    cluster: &Cluster,
    company: &Company,
    database: &Database,
    options: &DemoOptions,
) -> Result<TapConfig, Error> {
    Ok(TapConfig {
        cluster: "demo".into(),
        brokers: cluster.brokers().split(',').map(str::to_owned).collect(),
        db: database.file.clone(),
        from: From::Earliest,
        topics: None,
        exclude: None,
        // The in-process cluster cannot list its groups.
        groups: company.services.iter().map(|service| service.group.clone()).collect(),
        // Nor does it have a log of commits.
        commit_log: crate::config::CommitLog::Never,
        max_read: None,
        client: crate::config::Client::Native,
        also: Vec::new(),
        serve: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        serve_tls: None,
        metrics: None,
        sample_interval: SAMPLE_INTERVAL,
        commit_interval: COMMIT_INTERVAL,
        otlp: options.otlp.clone(),
        telemetry: None,
        business_flows: company.flows()?,
        lag_value: None,
        not_attending: Vec::new(),
        conventions: Vec::new(),
        kafka: ClientProperties::default(),
        registry: ClientProperties::default(),
        retention: Retention::default(),
        payloads: false,
        failure_text: crate::event::FailureText::Masked,
        memory: crate::config::DEFAULT_MEMORY_BYTES,
    })
}

fn place(cluster: &Cluster) -> String {
    match cluster.is_in_process() {
        true => format!("an in-process Kafka: {BROKERS} brokers"),
        false => format!("the cluster at {}", clean(cluster.brokers())),
    }
}

struct Stage<'a> {
    options: &'a DemoOptions,
    running: Running,
    watching: Box<dyn Watching>,
    out: &'a mut dyn Write,
    database: &'a Path,
    /// Lines of the picture on the terminal.
    drawn: usize,
    began: Instant,
    place: String,
}

impl Stage<'_> {
    fn say_where(&mut self) -> Result<(), Error> {
        let url = self.watching.url();
        let said = match self.options.json {
            true => writeln!(self.out, "{}", serde_json::json!({ "url": url, "seed": self.options.seed })),
            false => writeln!(
                self.out,
                "{url}\nthe pizza company runs on {}, seed {}; ask it with\n  headwater failures --connect {url}\n\
                 and stop it with Ctrl-C",
                self.place, self.options.seed
            ),
        };
        said.and_then(|()| self.out.flush()).map_err(Error::Print)
    }

    /// Lets the company work until its time is over or `stop` is set.
    fn play(&mut self, stop: &AtomicBool) -> Result<(), Error> {
        let open_ended = self.options.serve || self.options.terminal && !self.options.json;
        let run_for = self.options.run_for.or((!open_ended).then_some(DEFAULT_RUN));
        let live = self.options.terminal && !self.options.serve && !self.options.json;
        if let (true, Some(open)) = (live, self.options.screen) {
            return self.open(open, run_for, stop);
        }
        let mut refreshed = Instant::now();
        while !stop.load(Ordering::Relaxed) && run_for.is_none_or(|limit| self.began.elapsed() < limit) {
            if !self.watching.is_alive() {
                return Err(Error::TapEnded);
            }
            if live && refreshed.elapsed() >= REFRESH {
                self.draw()?;
                refreshed = Instant::now();
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Lets the company work behind a screen until the user leaves it, its time is over, or `stop` is set.
    fn open(&mut self, open: OpenScreen, run_for: Option<Duration>, stop: &AtomicBool) -> Result<(), Error> {
        let over = || {
            let late = run_for.is_some_and(|limit| self.began.elapsed() >= limit);
            late || stop.load(Ordering::Relaxed) || !self.watching.is_alive()
        };
        open(self.watching.url(), self.database, &over).map_err(Error::Screen)?;
        if !self.watching.is_alive() {
            return Err(Error::TapEnded);
        }
        self.drawn = 1;
        writeln!(self.out, "the company finishes what it has begun; the report and the verdict follow")
            .and_then(|()| self.out.flush())
            .map_err(Error::Print)
    }

    fn draw(&mut self) -> Result<(), Error> {
        let Ok(answers) = Answers::gather(|question| self.watching.ask(question)) else {
            tracing::debug!("the tap did not answer in time for this picture");
            return Ok(());
        };
        let account = account(&answers, &self.running.book().ledger(), self.running.schedule());
        let picture = text(&self.setting(), &account);
        self.wipe()?;
        self.drawn = picture.lines().count();
        // A line that is too long must not wrap, or the next wipe would miss its second half (DEC mode 7, autowrap).
        write!(self.out, "\x1b[?7l{picture}\x1b[?7h").and_then(|()| self.out.flush()).map_err(Error::Print)
    }

    /// Takes the last picture off the terminal: cursor up to its first line, clear below (ECMA-48 CPL and ED).
    fn wipe(&mut self) -> Result<(), Error> {
        match std::mem::take(&mut self.drawn) {
            0 => Ok(()),
            lines => write!(self.out, "\x1b[{lines}F\x1b[0J").map_err(Error::Print),
        }
    }

    fn setting(&self) -> Setting {
        let reach = match &self.options.keep {
            Some(file) => format!("--db {}", clean(&file.display().to_string())),
            None => String::new(),
        };
        Setting {
            seconds: self.began.elapsed().as_secs(),
            place: self.place.clone(),
            services: self.running.company().services.len(),
            seed: self.options.seed,
            reach,
        }
    }

    /// Ends the run: last orders, rest, the last commits; then the tap catches up, and is judged.
    fn close(mut self) -> Result<Outcome, Error> {
        let setting = self.setting();
        self.running.last_orders();
        if !self.running.rest(REST_PATIENCE) {
            tracing::warn!("the company did not come to rest in time; what is not done counts as never begun");
        }
        let (company, schedule) = (self.running.company().clone(), self.running.schedule().clone());
        self.wipe()?;
        let Self { running, watching, out, options, .. } = self;
        let standing = running.book().standing();
        let ledger = running.close();
        let settled = settle(&company, &ledger, &standing, &*watching);
        let left = watching.stop().map_err(Error::Tap)?;
        let (answers, verdict) = settled?;
        let account = account(&answers, &ledger, &schedule);
        print(out, options, (&setting, &account, &verdict)).map_err(Error::Print)?;
        warn_of_left(left);
        Ok(verdict.outcome())
    }
}

/// A collector that was away to the end is no failure of the demo.
fn warn_of_left(left: u64) {
    if left > 0 {
        tracing::warn!(left, "the collector did not take everything: these entries of the outbox were not sent");
    }
}

/// Asks until the tap has seen and settled everything and the verdict stands, or patience runs out.
fn settle(
    company: &Company,
    ledger: &Ledger,
    standing: &Standing,
    watching: &dyn Watching,
) -> Result<(Answers, Verdict), Error> {
    let ends = ledger.ends();
    let deadline = Instant::now() + SETTLE_PATIENCE;
    loop {
        let answers = Answers::gather(|question| watching.ask(question)).map_err(Error::Tap)?;
        let verdict = judge(company, ledger, &answers);
        let caught_up = answers.have_seen(&ends) && answers.have_passed(standing);
        let done = caught_up && answers.are_settled() && verdict.outcome() != Outcome::Fail;
        if done || Instant::now() >= deadline || !watching.is_alive() {
            return Ok((answers, verdict));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn print(
    out: &mut dyn Write,
    options: &DemoOptions,
    (setting, account, verdict): (&Setting, &Account, &Verdict),
) -> std::io::Result<()> {
    if options.json {
        writeln!(out, "{}", json(setting, account, verdict))?;
    } else {
        out.write_all(text(setting, account).as_bytes())?;
        out.write_all(verdict_text(verdict).as_bytes())?;
        if let Some(file) = &options.keep {
            writeln!(out, "\n  the database is {}", clean(&file.display().to_string()))?;
        }
    }
    out.flush()
}

/// The run's database: a file that the user keeps, or one in a directory that goes with the run.
struct Database {
    file: PathBuf,
    scratch: Option<PathBuf>,
}

impl Database {
    fn at(keep: Option<&PathBuf>) -> Result<Self, Error> {
        if let Some(file) = keep {
            return match file.exists() {
                true => Err(Error::FileExists(file.clone())),
                false => Ok(Self { file: file.clone(), scratch: None }),
            };
        }
        let name = format!("headwater-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let scratch = std::env::temp_dir().join(name);
        std::fs::create_dir(&scratch).map_err(|source| Error::Scratch { path: scratch.clone(), source })?;
        Ok(Self { file: scratch.join("demo.duckdb"), scratch: Some(scratch) })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(scratch) = &self.scratch
            && let Err(error) = std::fs::remove_dir_all(scratch)
        {
            tracing::warn!(%error, path = %scratch.display(), "the demo's scratch directory stays");
        }
    }
}

#[cfg(test)]
mod tests;
