//! `headwater backup`: a whole copy while the tap goes on, and of a file that a killed tap left.

use crate::support::door::{open, runtime, simple, state};
use crate::support::mock::MockKafka;
use crate::support::produce::{Outgoing, Writer};
use crate::support::program::{Door, Program, answer, number, run};
use crate::support::{Folder, poll_until};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio_postgres::NoTls;

const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: &str = "SELECT count(*) FROM event";

fn record(n: usize) -> Outgoing {
    Outgoing {
        partition: 0,
        key: Some(format!("key-{n}").into_bytes()),
        value: Some(b"{}".to_vec()),
        headers: vec![("message-id".into(), Some(format!("message-{n}").into_bytes()))],
        timestamp_ms: None,
    }
}

fn backup(folder: &Folder, arguments: &[&str]) -> Value {
    let said = answer(folder.path(), &[&["backup", "--json"][..], arguments].concat());
    serde_json::from_str(&said).unwrap()
}

/// Files in `folder`.
fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let Ok(listed) = std::fs::read_dir(folder) else { return Vec::new() };
    listed.map(|entry| entry.unwrap().path()).collect()
}

/// Scenario: a tap that reads without a pause, backed up twice; then it is killed, and its file is backed up.
/// Guarantees: each copy is one whole file with as many events as it says, between what was there before and after; the
/// tap goes on, and still keeps other processes out of its file; the copy of the killed tap's file lacks nothing.
#[test]
fn a_running_tap_is_copied_while_it_goes_on() {
    let folder = Folder::new("backup");
    let kafka = MockKafka::start(1, &[("orders", 1)]);
    let options = ["--from", "earliest", "--metrics", "off", "--commit-interval", "100ms"];
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &options);
    let door = Door::Url(&url);
    let done = AtomicBool::new(false);
    let copies: Vec<(i64, Value, i64)> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = Writer::new(&kafka.bootstrap, "lz4");
            for n in (0..).take_while(|_| !done.load(Relaxed)) {
                writer.send("orders", &record(n));
                // The mock cluster keeps little: what is sent must be read before it is dropped.
                if n % 50 == 0 {
                    writer.flush();
                }
            }
            writer.flush();
        });
        let outcome = std::panic::catch_unwind(|| {
            ["one", "two"].map(|name| {
                let seen = number(folder.path(), door, EVENTS);
                poll_until("more events", PATIENCE, || {
                    (number(folder.path(), door, EVENTS) > seen + 100).then_some(())
                });
                let before = number(folder.path(), door, EVENTS);
                let made = backup(&folder, &[name, "--connect", &url]);
                (before, made, number(folder.path(), door, EVENTS))
            })
        });
        done.store(true, Relaxed);
        outcome.unwrap_or_else(|failed| std::panic::resume_unwind(failed)).into()
    });
    for ((before, made, after), name) in copies.iter().zip(["one", "two"]) {
        println!("{made}");
        let file = PathBuf::from(made["file"].as_str().unwrap());
        assert_eq!(files(&folder.file(name)), std::slice::from_ref(&file));
        let held = number(folder.path(), Door::File(&file), EVENTS);
        assert_eq!(made["events"], held);
        assert!(*before <= held && held <= *after, "{before} {held} {after}");
        assert!(made["blocked_ms"].as_f64().unwrap() < 10_000.0 && made["until"].is_string(), "{made}");
    }
    // The lock outlives the copies.
    let refused = run(folder.path(), &["sql", "SELECT 1", "--db", "tap.duckdb"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is open in"), "{refused:?}");
    let refused = run(folder.path(), &["backup", "three", "--db", "tap.duckdb"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is open in"), "{refused:?}");
    let last = number(folder.path(), door, EVENTS);
    assert!(copies[1].2 <= last);
    tap.kill();
    let database = folder.file("tap.duckdb");
    let there = number(folder.path(), Door::File(&database), EVENTS);
    let made = backup(&folder, &["four", "--db", "tap.duckdb"]);
    assert_eq!((made["events"].as_i64(), files(&folder.file("four")).len()), (Some(there), 1));
    assert!(there >= last && made["blocked_ms"].is_null(), "{made}");
}

/// Scenario: a folder that cannot be made, a file that is there, a path that is not whole, a tap whose writer rests.
/// Guarantees: each is refused with what to do, and no half file is left.
#[test]
fn what_cannot_be_written_is_said_and_leaves_nothing() {
    let folder = Folder::new("backup");
    let kafka = MockKafka::start(1, &[("orders", 1)]);
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &["--metrics", "off"]);
    std::fs::write(folder.file("taken"), "precious").unwrap();
    let refused = run(folder.path(), &["backup", "taken/x", "--connect", &url]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("name another folder"), "{said}");
    let asked = |sql: String| {
        runtime().block_on(async {
            let (client, connection) = tokio_postgres::connect(&format!("{url}?user=test"), NoTls).await.unwrap();
            tokio::spawn(connection);
            simple(&client, &sql).await.map_err(|error| (state(&error), error.as_db_error().unwrap().to_string()))
        })
    };
    let taken = folder.file("taken").display().to_string();
    assert_eq!(asked(format!("BACKUP TO '{taken}'")).unwrap_err().0, "58P02");
    assert_eq!(asked("BACKUP TO 'a.duckdb'".to_owned()).unwrap_err().0, "42602");
    assert_eq!(std::fs::read_to_string(folder.file("taken")).unwrap(), "precious");
    assert!(files(folder.path()).iter().all(|file| !file.to_string_lossy().contains(".part")));
    assert!(tap.stop().0.success());
    // A writer that nobody drives takes no orders; the order itself is refused before it waits.
    let opened = open();
    let taken = opened.fixture.path();
    assert!(opened.fixture.readers().backup(&taken).unwrap_err().to_string().contains("nothing is overwritten"));
}

/// Scenario: a tap with a user; the user asks for a backup, and the owner does.
/// Guarantees: the user is refused, the owner's own tool is not.
#[test]
fn users_of_the_door_make_no_backups() {
    let folder = Folder::new("backup");
    let kafka = MockKafka::start(1, &[("orders", 1)]);
    let made = answer(folder.path(), &["user", "add", "ann", "--generate", "--db", "headwater.duckdb"]);
    let arguments = ["tap", "--brokers", &kafka.bootstrap, "--serve", "127.0.0.1:0", "--metrics", "off"];
    let tap = Program::start(folder.path(), &arguments);
    let ann = tap.url().replacen("://", &format!("://ann:{}@", made.trim()), 1);
    let refused = run(folder.path(), &["backup", "copies", "--connect", &ann]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("for the owner of this tap"), "{said}");
    assert_eq!(files(&folder.file("copies")).len(), 0);
    poll_until("the run file", PATIENCE, || folder.file("headwater.run").exists().then_some(()));
    assert_eq!(backup(&folder, &["copies"])["events"], 0);
    assert_eq!(files(&folder.file("copies")).len(), 1);
    assert!(tap.stop().0.success());
}
