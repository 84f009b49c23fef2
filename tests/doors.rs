//! One set of numbers: what the company's own ledger holds is what the terminal UI, the report, Grafana's queries, the
//! metrics and the commands show.

use crate::metrics::{get, samples, start};
use crate::support::door::loopback;
use crate::support::grafana::{ask, boards};
use crate::support::program::{self, Door as From};
use crate::support::{Folder, poll_until};
use headwater::client::Client;
use headwater::config::{self, Words};
use headwater::demo::cluster::Cluster;
use headwater::demo::company::Company;
use headwater::demo::floor::Running;
use headwater::demo::ledger::{Ledger, Role};
use headwater::event::Timestamp;
use headwater::serve::Door;
use headwater::store::{Settings, Writer};
use headwater::tap;
use headwater::telemetry::Counters;
use headwater::tui::event::Event;
use headwater::tui::model::{Model, Origin};
use headwater::tui::update::{Command, begin, update};
use headwater::tui::worker;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs, one seed each.
const SEEDS: u64 = 10;
/// Orders of a run: enough for every kind of fault of a company in a hurry.
const ORDERS: usize = 60;
const PATIENCE: Duration = Duration::from_secs(60);

/// What every door shows, by the words that the contract has for it.
type Numbers = BTreeMap<&'static str, i64>;

/// What the company knows: records, what its groups passed, what failed in which group, what was tried again.
fn truth(ledger: &Ledger, passed: i64) -> Numbers {
    let injected = ledger.injected();
    let failed: HashSet<_> = injected.iter().map(|failure| (&failure.origin, &failure.group)).collect();
    let retried = ledger.records.iter().filter(|record| record.entry.role == Role::Retry).count();
    Numbers::from([
        ("received", ledger.records.len() as i64),
        ("passed", passed),
        ("failed", failed.len() as i64),
        ("retried", retried as i64),
    ])
}

/// One run of the company, tapped to its end: the ledger's numbers, and the database.
fn run(seed: u64, db: &Path) -> Numbers {
    let mut company = Company::shipped().unwrap();
    company.orders_per_second = 100.0;
    let cluster = Cluster::in_process(&company).unwrap();
    let running = Running::open(company.clone(), seed, &cluster).unwrap();
    poll_until("orders", PATIENCE, || {
        running.rest(Duration::from_millis(50));
        (running.book().counts().0 >= ORDERS * 8).then_some(())
    });
    running.last_orders();
    assert!(running.rest(PATIENCE), "the company never came to rest");
    let passed = running.book().positions().values().sum();
    let groups = company.services.iter().map(|service| service.group.clone()).collect();
    let tapped = tap_once((cluster.brokers(), groups), db, running.book().counts().0 as i64);
    assert!(tapped.is_ok(), "{tapped:?}");
    truth(&running.close(), passed)
}

/// Taps a cluster, whose groups cannot be listed, until `records` were read, and stops cleanly.
fn tap_once((brokers, groups): (&str, Vec<String>), db: &Path, records: i64) -> anyhow::Result<()> {
    let words = Words {
        brokers: Some(vec![brokers.to_owned()]),
        db: Some(db.to_owned()),
        groups: Some(groups),
        from: Some("earliest".into()),
        serve: Some("127.0.0.1:0".into()),
        metrics: Some("off".into()),
        ..Words::default()
    };
    let running = tap::start(config::tap(words, None)?.config)?;
    let client = Client::connect(running.url.as_deref().unwrap())?;
    poll_until("all records", PATIENCE, || {
        let answer = client.sql("SELECT received FROM totals()").unwrap();
        (answer.rows[0][0] == headwater::report::Cell::Int(records)).then_some(())
    });
    running.stop()?;
    Ok(())
}

/// The numbers in a row of JSON.
fn named(row: &Value) -> Numbers {
    let words = ["received", "passed", "failed", "retried", "orphaned_failures", "unattended", "waiting"];
    words.iter().filter_map(|&word| Some((word, row[word].as_i64()?))).collect()
}

fn of_report(folder: &Path, url: &str) -> Numbers {
    let said = program::answer(folder, &["report", "--connect", url, "--since", "2000-01-01", "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    named(&report["totals"])
}

fn of_failures(folder: &Path, url: &str) -> Numbers {
    let rows =
        program::sql(folder, From::Url(url), "SELECT sum(failures), sum(orphaned), sum(unattended) FROM failures()");
    let number = |at: usize| rows[0][at].parse().unwrap();
    Numbers::from([("failed", number(0)), ("orphaned_failures", number(1)), ("unattended", number(2))])
}

/// What stands in the stat panels of the overview.
fn of_grafana(url: &str) -> Option<Numbers> {
    let to = format!("{:.0}", jiff::Timestamp::now() + Duration::from_secs(60));
    let asked = ask(url, &boards()[..1], ("2000-01-01T00:00:00Z", &to))?;
    let titles = [
        ("Received", "received"),
        ("Passed", "passed"),
        ("Failed", "failed"),
        ("Unattended", "unattended"),
        ("Orphaned failures", "orphaned_failures"),
    ];
    let shown = |title: &str| asked.iter().find(|query| query["title"] == title).unwrap()["rows"][0][0].as_i64();
    Some(titles.iter().map(|&(title, word)| (word, shown(title).unwrap())).collect())
}

fn of_metrics(address: std::net::SocketAddr) -> Numbers {
    let (status, text) = get(address, "/metrics");
    assert_eq!(status, 200, "{text}");
    let scraped = samples(&text);
    let sum = |metric: &str| {
        let of = scraped.iter().filter(|(name, _)| name.starts_with(metric) && !name.contains("topic=\"__"));
        of.map(|(_, n)| *n as i64).sum()
    };
    Numbers::from([
        ("received", sum("headwater_received_total{")),
        ("passed", sum("headwater_passed_total{")),
        ("failed", sum("headwater_failed_total{")),
        ("orphaned_failures", sum("headwater_orphaned_failures")),
        ("waiting", sum("headwater_waiting")),
    ])
}

/// What the model of the terminal UI holds once its first questions were answered.
fn of_screen(url: &str) -> Numbers {
    let url = url.to_owned();
    let (jobs, to_ask) = std::sync::mpsc::channel();
    let (out, mut answers) = tokio::sync::mpsc::channel(16);
    let client = Client::connect(&url).unwrap();
    let asking = std::thread::spawn(move || {
        let connect: headwater::tui::Connect = Box::new(move || Client::connect(&url));
        let secret: headwater::tui::Secret = Box::new(|| Err("no secret here".into()));
        worker::run(Some(client), &connect, &secret, (to_ask, out));
    });
    let origin = Origin { file: true, name: "test".into(), reach: String::new() };
    let mut model = Model::new(origin, Timestamp(0), (120, 40));
    let mut commands = begin(&mut model);
    while model.headline.is_none() {
        for command in std::mem::take(&mut commands) {
            if let Command::Ask { generation, question } = command {
                jobs.send(worker::Job { generation, question }).unwrap();
            }
        }
        let what = answers.blocking_recv().unwrap();
        commands.extend(update(&mut model, Event { at: Timestamp(1), what }));
    }
    drop(jobs);
    drop(answers);
    asking.join().unwrap();
    let totals = &model.headline.as_ref().unwrap().totals;
    Numbers::from([
        ("received", totals.received),
        ("passed", totals.passed),
        ("failed", totals.failed),
        ("retried", totals.retried),
        ("orphaned_failures", totals.orphaned_failures),
        ("unattended", totals.unattended),
        ("waiting", totals.waiting),
    ])
}

/// Scenario: ten runs of the company, each tapped to its end and then asked at every door.
/// Guarantees: every door shows the same numbers, and where the company's own ledger knows them, those.
#[test]
fn every_door_shows_what_the_ledger_holds_for_ten_seeds() {
    for seed in 1..=SEEDS {
        let folder = Folder::new("doors");
        let db = folder.file("tap.duckdb");
        let truth = run(seed, &db);
        let (writer, _) = Writer::open(&db, Settings::default()).unwrap();
        let door = Door::start(loopback(0), writer.readers(), Arc::new(Counters::default())).unwrap();
        let metrics = start(writer.readers());
        let url = door.url();
        let whole = of_screen(&url);
        println!("seed {seed}: {whole:?}");
        assert!(whole["failed"] > 0 && whole["passed"] > whole["received"], "seed {seed}: {whole:?}");
        let doors = [
            ("ledger", Some(truth)),
            ("report", Some(of_report(folder.path(), &url))),
            ("failures", Some(of_failures(folder.path(), &url))),
            ("grafana", of_grafana(&url)),
            ("metrics", Some(of_metrics(metrics.address()))),
        ];
        for (name, numbers) in doors {
            for (word, number) in numbers.unwrap_or_default() {
                assert_eq!(number, whole[word], "seed {seed}: {word} by {name}");
            }
        }
        drop(metrics);
        door.stop();
    }
}
