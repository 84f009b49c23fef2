//! How wrong time lag is: the tap's, by samples and by the log of commits, and beside it klag-exporter's, in the same run,
//! of groups that are a known time behind.

use super::{Goal, Options, Row, median};
use crate::support::Folder;
use crate::support::delays::{Delays, now_ms};
use crate::support::kafka::{Options as KafkaOptions, RealKafka};
use crate::support::program::{Door, Program, sql};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Milliseconds.
const GOAL: f64 = 1_000.0;
const STEP: Duration = Duration::from_millis(250);
/// How often everybody looks at the groups.
const LOOK: &str = "5s";
/// What is served may be as old as one look and the time that it takes.
const LOOK_MS: i64 = 6_000;
/// A commit takes this long at most: the broker notes its time before the script does.
const COMMITTING: i64 = 500;
/// Before this much everybody has looked once.
const SETTLED: Duration = Duration::from_secs(12);

/// Errors in ms, by who said it and whether records came.
type Errors = BTreeMap<(&'static str, &'static str), Vec<f64>>;

/// A producer that writes for a while and then stops, and seven groups behind it.
pub fn measure(options: &Options) -> Vec<Row> {
    let phase = options.size.idle.max(Duration::from_secs(20));
    let Some(kafka) = RealKafka::start(KafkaOptions::default()) else { return Vec::new() };
    let mut delays = Delays::on(&kafka.bootstrap, "delays");
    (0..5).for_each(|_| delays.step(true));
    let folders = [Folder::new("bench-lag-samples"), Folder::new("bench-lag-log"), Folder::new("bench-lag-klag")];
    let tap = |at: usize, log: &str| {
        Program::tap(folders[at].path(), &kafka.bootstrap, &["--sample-interval", LOOK, "--groups-log", log])
    };
    let taps = [("samples", tap(0, "never")), ("log", tap(1, "auto"))];
    let klag = Klag::start(folders[2].path(), &kafka.bootstrap);
    let mut errors = Errors::new();
    let begun = Instant::now();
    let mut due = begun;
    let mut told = 0;
    while begun.elapsed() < SETTLED + 2 * phase {
        let produce = begun.elapsed() < SETTLED + phase;
        delays.step(produce);
        let when = if produce { "producing" } else { "stopped" };
        if begun.elapsed() > SETTLED && told % 4 == 0 {
            for (at, (name, (_, url))) in taps.iter().enumerate() {
                for (group, lag, at) in served(folders[at].path(), url) {
                    let error = lag.map_or(f64::INFINITY, |lag| {
                        delays.error(&group, lag, (at - COMMITTING, at + COMMITTING)).unwrap_or(0) as f64
                    });
                    errors.entry((name, when)).or_default().push(error);
                }
            }
            for (group, lag) in klag.as_ref().map(Klag::served).unwrap_or_default() {
                let now = now_ms();
                let error = delays.error(&group, lag, (now - LOOK_MS, now)).unwrap_or(0) as f64;
                errors.entry(("klag-exporter", when)).or_default().push(error);
            }
        }
        told += 1;
        due += STEP;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    taps.into_iter().for_each(|(_, (tap, _))| drop(tap.stop()));
    errors.into_iter().map(|((name, when), errors)| row(name, when, errors)).collect()
}

fn row(name: &'static str, when: &'static str, errors: Vec<f64>) -> Row {
    let unknown = errors.iter().filter(|error| error.is_infinite()).count();
    let worst = errors.iter().copied().filter(|error| error.is_finite()).fold(0.0, f64::max);
    let goal = if name == "klag-exporter" { Goal::None } else { Goal::AtMost(GOAL) };
    let more =
        [("median", json!(median(errors.clone()))), ("answers", json!(errors.len())), ("unknown", json!(unknown))];
    Row {
        name: "lag",
        value: worst,
        unit: "ms",
        goal,
        scanned: None,
        more: [("who", json!(name)), ("while", json!(when))].into_iter().chain(more).collect(),
    }
}

/// Group, lag and time of what is known of each, in ms.
fn served(folder: &Path, url: &str) -> Vec<(String, Option<i64>, i64)> {
    let rows = sql(folder, Door::Url(url), "SELECT consumer_group, lag_ms, epoch_ms(sampled_at) FROM progress");
    rows.into_iter().map(|row| (row[0].clone(), row[1].parse().ok(), row[2].parse().unwrap())).collect()
}

/// klag-exporter, where it is installed (`cargo install klag-exporter`).
struct Klag {
    child: Child,
    port: u16,
}

impl Klag {
    fn start(folder: &Path, bootstrap: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "[exporter]\npoll_interval = \"{LOOK}\"\nhttp_port = {port}\nhttp_host = \"127.0.0.1\"\n\
             granularity = \"partition\"\n[[clusters]]\nname = \"bench\"\nbootstrap_servers = \"{bootstrap}\"\n\
             group_whitelist = [\".*\"]\ntopic_whitelist = [\".*\"]\n"
        );
        std::fs::write(folder.join("klag.toml"), config).unwrap();
        let child = Command::new("klag-exporter")
            .arg("--config")
            .arg(folder.join("klag.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Self { child, port }),
            Err(error) => {
                eprintln!(
                    "lag: klag-exporter is not measured beside: {error}; install it: cargo install klag-exporter"
                );
                None
            }
        }
    }

    /// Group and lag in ms, as it serves them.
    fn served(&self) -> Vec<(String, i64)> {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return Vec::new() };
        let mut page = String::new();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        stream.read_to_string(&mut page).unwrap();
        let lag = |line: &str| {
            let rest = line.strip_prefix("kafka_consumergroup_group_lag_seconds{")?;
            let (labels, value) = rest.split_once("} ")?;
            let group = labels.split("group=\"").nth(1)?.split('"').next()?;
            let seconds: f64 = value.split(' ').next()?.parse().ok()?;
            Some((group.to_owned(), (seconds * 1000.0) as i64))
        };
        page.lines().filter_map(lag).collect()
    }
}

impl Drop for Klag {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
