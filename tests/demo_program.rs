//! The demo as a newcomer runs it: the real program, with its tap, its door and its verdict.

use crate::support::Folder;
use crate::support::kafka::{Options, RealKafka};
use crate::support::program::{Door, Program, number, run};

/// Long enough for every fault class to meet the events that it is judged by.
const LENGTH: &str = "12s";

/// Scenario: no terminal, a seed, a file to keep.
/// Guarantees: the printed report ends with a verdict that passes, and the file answers afterwards.
#[test]
fn it_ends_with_a_verdict_and_leaves_the_database() {
    let folder = Folder::new("demo");
    let output = run(folder.path(), &["demo", "--for", LENGTH, "--seed", "7", "--keep", "demo.duckdb"]);
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && report.contains("PASS"), "{output:?}");
    let database = folder.file("demo.duckdb");
    let found = number(folder.path(), Door::File(&database), "SELECT count(*) FROM failure WHERE kind = 'dead_letter'");
    assert!(report.contains(&format!("found {found}")), "{found} in the database:\n{report}");
}

/// Scenario: `--serve`, asked through its door, then told to stop.
/// Guarantees: it answers while it runs, and ends cleanly.
#[test]
fn it_serves_until_a_signal() {
    let folder = Folder::new("demo");
    let demo = Program::start(folder.path(), &["demo", "--serve", "--seed", "3"]);
    let url = demo.url();
    assert!(number(folder.path(), Door::Url(&url), "SELECT count(*) FROM tap") >= 0);
    let (status, said) = demo.stop();
    assert!(status.success(), "{said}");
}

/// Scenario: the company on a real, empty cluster, and once more on the same.
/// Guarantees: the verdict passes there too; a cluster with topics is refused and left alone.
#[test]
fn it_runs_on_a_real_empty_cluster_and_on_no_other() {
    let Some(kafka) = RealKafka::start(Options::default()) else { return };
    let folder = Folder::new("demo");
    let output = run(folder.path(), &["demo", "--for", LENGTH, "--seed", "5", "--brokers", &kafka.bootstrap]);
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && report.contains("PASS"), "{output:?}");
    let again = run(folder.path(), &["demo", "--for", "1s", "--brokers", &kafka.bootstrap]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("empty clusters only"), "{again:?}");
}
