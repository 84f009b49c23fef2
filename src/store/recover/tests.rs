//! A database that DuckDB gives up, as its own debugging switch makes it do: the checkpoint after a commit is fatal.

use crate::event::{
    Changes, EventRef, EventRow, Kind, Ordinal, PartitionRow, Profile, ProfileRow, Resolution, Timestamp, TopicClass,
    TopicPartition,
};
use crate::report::Cell;
use crate::store::file::{Opened, open_for_writing, run};
use crate::store::query::write;
use crate::store::spill::Spill;
use crate::store::{Error, Limits, Readers, Settings, Writer};
use duckdb::{Config, Connection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const TIME: Timestamp = Timestamp(1_767_225_600_000_000);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("headwater-recover-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn db(&self) -> PathBuf {
        self.0.join("h.duckdb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A writer whose next checkpoint is fatal; with `small`, each commit is followed by one.
fn fragile(path: &Path, small: bool) -> Writer {
    let Opened { conn, meta, .. } = open_for_writing(path, &Settings::default()).unwrap();
    drop(conn);
    let threshold = if small { "1KB" } else { "1GB" };
    let config = Config::default().with("debug_checkpoint_abort", "before_header").unwrap();
    let config = config.with("checkpoint_threshold", threshold).unwrap();
    let conn = Connection::open_with_flags(path, config).unwrap();
    run(&conn, &write::STAGE).unwrap();
    let spill = Arc::new(Spill::of_writer(path));
    Writer::start(Opened { conn, meta, spill }, path, Settings::default()).unwrap().0
}

fn names() -> Changes {
    let partition = TopicPartition { cluster: "c".into(), topic: "orders".into(), partition: 0, topic_id: [0; 16] };
    let content =
        Profile { kind: "E".into(), source: String::new(), version: String::new(), convention: String::new() };
    let row = PartitionRow {
        ordinal: Ordinal(0),
        partition: partition.into(),
        incarnation: 0,
        base: 0,
        class: TopicClass::Business,
    };
    Changes {
        partitions: vec![row],
        profiles: vec![ProfileRow { profile: 0, content }],
        at: TIME,
        ..Changes::default()
    }
}

fn events(offsets: std::ops::Range<i64>) -> Changes {
    let mut changes = Changes { at: TIME, ..Changes::default() };
    for offset in offsets {
        let reference = EventRef::new(Ordinal(0), offset);
        changes.events.push(&EventRow {
            reference,
            time: TIME,
            record_time: TIME,
            seen_time: TIME,
            kind: Kind::Event,
            resolution: Resolution::Root,
            tombstone: false,
            profile: 0,
            producer: None,
            key_hash: Some(offset as u64),
            conversation: reference,
            key_bytes: 0,
            value_bytes: 17,
            id: None,
            causation: None,
            correlation: None,
            trace: None,
            texts: None,
            cause: None,
        });
    }
    changes
}

fn numbers(readers: &Readers, sql: &str) -> Vec<i64> {
    let answer = readers.reader().unwrap().ask(sql, &[], Limits::default()).unwrap();
    let number = |cell: &Cell| match cell {
        Cell::Int(n) => *n,
        Cell::Wide(n) => *n as i64,
        Cell::Float(n) => *n as i64,
        other => panic!("{other:?}"),
    };
    answer.table.rows[0].iter().map(number).collect()
}

/// Descriptors of this process on `path`.
#[cfg(target_os = "linux")]
fn descriptors(path: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == path)).count()
}

const COUNTED: &str =
    "SELECT (SELECT count(*) FROM event), (SELECT count(DISTINCT ref) FROM event), (SELECT sum(received) FROM minute)";

/// Guarantees: a commit that is durable although DuckDB called it failed is not written again.
#[test]
fn a_fatal_checkpoint_after_a_commit_neither_loses_nor_doubles_it() {
    let folder = Folder::new("checkpoint");
    let mut writer = fragile(&folder.db(), true);
    let readers = writer.readers();
    writer.append(names()).unwrap();
    writer.append(events(0..1_000)).unwrap();
    assert_eq!(writer.rescues.reopened, 1.0, "it was fatal once, and is whole after it");
    writer.append(events(1_000..1_500)).unwrap();
    assert_eq!(numbers(&readers, COUNTED), [1_500; 3]);
    assert_eq!(numbers(&readers, "SELECT value FROM tap WHERE name = 'database_reopened'"), [1]);
    #[cfg(target_os = "linux")]
    assert_eq!(descriptors(&folder.db()), 1, "one engine has the file");
    writer.close().unwrap();
    drop(readers);
    #[cfg(target_os = "linux")]
    assert_eq!(descriptors(&folder.db()), 0);
    let (writer, restored) = Writer::open(&folder.db(), Settings::default()).unwrap();
    assert_eq!(numbers(&writer.readers(), COUNTED), [1_500; 3]);
    assert!(restored.counters.iter().any(|row| row.name == "database_reopened" && row.value == 1.0));
}

/// Guarantees: a commit that was never written is written after the database was opened again, while questions run.
#[test]
fn a_database_given_up_between_commits_takes_the_next_one() {
    let folder = Folder::new("between");
    let mut writer = fragile(&folder.db(), false);
    writer.append(names()).unwrap();
    writer.append(events(0..1_000)).unwrap();
    let readers = writer.readers();
    let reader = readers.reader().unwrap();
    let asking = std::thread::spawn(move || {
        reader.ask("SELECT count(*) FROM range(100000000) a, range(100000000) b", &[], Limits::default())
    });
    let error = writer.checkpoint().unwrap_err();
    assert!(matches!(error, Error::Invalidated { .. }), "{error}");
    writer.append(events(1_000..1_500)).unwrap();
    assert!(asking.join().unwrap().is_err(), "its database is gone");
    assert_eq!(numbers(&readers, COUNTED), [1_500; 3]);
    writer.append(events(1_500..2_000)).unwrap();
    assert_eq!(numbers(&readers, COUNTED), [2_000; 3]);
    writer.close().unwrap();
}

#[test]
fn a_file_that_was_removed_is_not_made_anew() {
    let folder = Folder::new("gone");
    let mut writer = fragile(&folder.db(), true);
    writer.append(names()).unwrap();
    std::fs::remove_file(folder.db()).unwrap();
    let error = writer.append(events(0..1_000)).unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error}");
    assert!(!folder.db().exists());
}

/// Guarantees: one greedy question is ended when it has used the memory up; one that is frugal meanwhile is not.
#[test]
fn memory_is_taken_from_the_question_that_runs_longest() {
    let folder = Folder::new("memory");
    let settings = Settings { memory: 200 << 20, ..Settings::default() };
    let mut writer = Writer::open(&folder.db(), settings).unwrap().0;
    writer.append(names()).unwrap();
    let readers = writer.readers();
    let greedy = readers.clone();
    let greedy = std::thread::spawn(move || {
        greedy.reader().unwrap().ask("SELECT list(range) FROM range(10000000000)", &[], Limits::default())
    });
    let frugal = readers.reader().unwrap();
    while !greedy.is_finished() {
        frugal.ask("SELECT count(*) FROM range(100000)", &[], Limits::default()).unwrap();
    }
    let error = greedy.join().unwrap().unwrap_err();
    let out_of_memory = matches!(&error, Error::Question { message } if message.contains("Out of Memory"));
    assert!(matches!(error, Error::Interrupted) || out_of_memory, "{error}");
    writer.append(events(0..1_000)).unwrap();
    assert_eq!(numbers(&readers, COUNTED), [1_000; 3]);
}

/// Guarantees: what spills lies in a folder that only its owner can look into, is bounded, and is gone afterwards.
#[cfg(unix)]
#[test]
fn spilled_rows_are_private_bounded_and_removed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("spill");
    let left = folder.0.join("h.duckdb.tmp");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("duckdb_temp_block-7.block"), "left by a killed process").unwrap();
    let settings = Settings { memory: 64 << 20, ..Settings::default() };
    let writer = Writer::open(&folder.db(), settings).unwrap().0;
    assert_eq!(std::fs::read_dir(&left).unwrap().count(), 0);
    assert_eq!(std::fs::metadata(&left).unwrap().permissions().mode() & 0o777, 0o700);
    let readers = writer.readers();
    let limits = Limits { rows: 1, deadline: Duration::from_secs(30) };
    let sorted = "SELECT range, hash(range) h, repeat('x', 64) FROM range(100000000) ORDER BY h";
    let error = readers.reader().unwrap().ask(sorted, &[], limits).unwrap_err();
    println!("{error}");
    writer.close().unwrap();
    drop(readers);
    assert!(!left.exists());
    let reader = Readers::open_file(&folder.db(), settings).unwrap();
    assert_eq!(reader.reader().unwrap().ask("SELECT 1", &[], limits).unwrap().table.rows.len(), 1);
    drop(reader);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1, "the database is alone");
}
