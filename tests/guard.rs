//! What hurts the writer: greedy questions, kills at any point, disks that refuse. The file stays whole through all of it.

use crate::support::door::{TIME, event, first};
use crate::support::generate::Stream;
use crate::support::program::{Door, Program, answer, number, run};
use crate::support::{Folder, poll_until, required, seed};
use headwater::event::{
    Changes, CounterRow, CoverageRow, EventRef, FailureKind, FailureRow, FailureState, GapReason, Kind, Ordinal,
    OrphanReason, OutboxCursor, ProgressRow, ProgressState, Resolution, Settled,
};
use headwater::report::Cell;
use headwater::store::{Error, Limits, Readers, Restored, Settings, Writer};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Rounds, seconds or kills, unless the variable `name` says otherwise.
fn wanted(name: &str, usually: u64) -> u64 {
    std::env::var(name).map_or(usually, |text| text.parse().unwrap())
}

fn numbers(readers: &Readers, sql: &str) -> Vec<i64> {
    let limits = Limits { rows: 1, deadline: Duration::from_secs(120) };
    let answer = readers.reader().unwrap().ask(sql, &[], limits).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let number = |cell: &Cell| match cell {
        Cell::Int(n) => *n,
        Cell::Wide(n) => i64::try_from(*n).unwrap(),
        Cell::Float(n) => *n as i64,
        Cell::Null => 0,
        other => panic!("{sql}: {other:?}"),
    };
    answer.table.rows[0].iter().map(number).collect()
}

fn at(offset: i64) -> EventRef {
    EventRef::new(Ordinal(0), offset)
}

/// Memory of the database beside which greedy questions were seen to invalidate it.
const MEMORY: u64 = 700 << 20;

/// Seconds of greed, unless `HEADWATER_GREEDY_SECONDS` says otherwise.
const GREEDY_SECONDS: u64 = 8;

/// Askers: twice as many as the store lets in at once.
const ASKERS: usize = 8;

/// Events of a commit, about as many as a busy tap has in a second.
const BATCH: i64 = 20_000;

/// Longest time that one commit may take while others ask. Nearly all take less than a second; one that ran out of memory
/// waits for the questions to end, and one of these in the middle of a long step was seen to heed no interrupt for 15 s.
const COMMIT_PATIENCE: Duration = Duration::from_secs(30);

/// Questions that are allowed and eat time, memory or disk.
const GREEDY: [&str; 12] = [
    "SELECT count(*) FROM range(100000000) a, range(100000000) b",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "SELECT count(DISTINCT a.range * 1000003 + b.range) FROM range(1000000) a, range(1000000) b",
    "SELECT list(range) FROM range(10000000000)",
    "SELECT string_agg(repeat('x', 1000000), '') FROM range(100000)",
    "SELECT * FROM range(100000000000) ORDER BY hash(range) DESC",
    "SELECT repeat(repeat('x', 10000000), 1000)",
    "SELECT * FROM event ORDER BY hash(ref), value_bytes",
    "SELECT e.*, f.ref AS other FROM event e JOIN event f ON e.value_bytes = f.value_bytes",
    "SELECT ref, list(DISTINCT \"offset\"), count(*) FROM (FROM event UNION ALL FROM event) GROUP BY ref",
    "SELECT *, row_number() OVER (PARTITION BY \"offset\" % 7 ORDER BY hash(ref)) FROM event",
    "SELECT list(e) FROM event e",
];

/// What became of the questions.
#[derive(Debug, Default)]
struct Outcomes {
    answered: u64,
    interrupted: u64,
    late: u64,
    out_of_memory: u64,
    busy: u64,
    other: u64,
}

impl Outcomes {
    fn count(&mut self, outcome: &Result<(), Error>) {
        let place = match outcome {
            Ok(()) => &mut self.answered,
            Err(Error::Interrupted) => &mut self.interrupted,
            Err(Error::Deadline { .. }) => &mut self.late,
            Err(Error::Busy { .. }) => &mut self.busy,
            Err(Error::Question { message }) if message.contains("Out of Memory") => &mut self.out_of_memory,
            Err(_) => &mut self.other,
        };
        *place += 1;
    }
}

/// Asks one greedy question after the other; some are taken back by their asker.
fn be_greedy(readers: &Readers, random: &mut fastrand::Rng) -> Result<(), Error> {
    let sql = GREEDY[random.usize(..GREEDY.len())];
    let limits = Limits { rows: random.usize(1..200_000), deadline: Duration::from_millis(random.u64(100..15_000)) };
    let reader = readers.reader()?;
    let canceller = reader.canceller();
    let given_up = random.u8(..4) == 0;
    std::thread::scope(|scope| {
        let asked = scope.spawn(move || reader.ask(sql, &[], limits).map(|_| ()));
        if given_up {
            // When somebody gives up is what is drawn.
            std::thread::sleep(Duration::from_millis(random.u64(..500)));
            canceller.cancel();
        }
        asked.join().unwrap()
    })
}

#[test]
fn greedy_questions_for_a_minute_hurt_no_ingest() {
    let seed = seed("greedy");
    headwater::tap::init_logging();
    let length = Duration::from_secs(wanted("HEADWATER_GREEDY_SECONDS", GREEDY_SECONDS));
    let folder = Folder::new("greedy");
    let database = folder.file("h.duckdb");
    let (mut writer, _) = Writer::open(&database, Settings { memory: MEMORY, ..Settings::default() }).unwrap();
    writer.append(first()).unwrap();
    let readers = writer.readers();
    let (done, outcomes) = (AtomicBool::new(false), Mutex::new(Outcomes::default()));
    let (mut events, mut commits, mut worst) = (0, 0, Duration::ZERO);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (readers, done, outcomes) = (readers.clone(), &done, &outcomes);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed + asker as u64);
                while !done.load(Relaxed) {
                    let outcome = be_greedy(&readers, &mut random);
                    outcomes.lock().unwrap().count(&outcome);
                }
            });
        }
        while begun.elapsed() < length {
            let mut changes = Changes { at: TIME, ..Changes::default() };
            (events..events + BATCH).for_each(|offset| changes.events.push(&event(at(offset))));
            let asked = Instant::now();
            let written = writer.append(changes);
            worst = worst.max(asked.elapsed());
            if asked.elapsed() > COMMIT_PATIENCE / 15 {
                println!(
                    "commit {commits} took {} ms, {} s after the start",
                    asked.elapsed().as_millis(),
                    begun.elapsed().as_secs()
                );
            }
            if written.is_err() {
                done.store(true, Relaxed);
            }
            written.unwrap();
            (events, commits) = (events + BATCH, commits + 1);
        }
        done.store(true, Relaxed);
    });
    let whole = "SELECT count(*), min(ref), max(ref), sum(ref), (SELECT received FROM totals()) FROM event";
    let expected = [events, 0, events - 1, events * (events - 1) / 2, events];
    assert_eq!(numbers(&readers, whole), expected, "nothing lost, nothing doubled");
    let rescued =
        |name: &str| numbers(&readers, &format!("SELECT coalesce(max(value), 0) FROM tap WHERE name = '{name}'"))[0];
    let outcomes = outcomes.into_inner().unwrap();
    println!(
        "greedy: {} s, seed {seed}: {commits} commits, {events} events, worst commit {} ms; ended for memory {}, \
         database reopened {}; {outcomes:?}",
        length.as_secs(),
        worst.as_millis(),
        rescued("queries_ended_for_memory"),
        rescued("database_reopened"),
    );
    assert!(worst < COMMIT_PATIENCE, "a commit took {worst:?}");
    assert!(outcomes.interrupted + outcomes.out_of_memory + outcomes.late > 0, "they were greedy");
    writer.close().unwrap();
    drop(readers);
    let closed = Readers::open_file(&database, Settings::default()).unwrap();
    assert_eq!(numbers(&closed, whole), expected);
    assert!(!folder.file("h.duckdb.tmp").exists(), "what was spilled is gone");
}

/// Kills of a writer, unless `HEADWATER_WRITER_KILLS` says otherwise.
const KILLS: u64 = 12;

/// Events of one of its commits: every third waits until the next one settles it.
const EVENTS: i64 = 30;

/// How many commits pass before it checkpoints.
const CHECKPOINT_EVERY: i64 = 3;

/// Name of the counter that says how many of its commits there are.
const NUMBER: &str = "commits_of_the_test";

/// Commit `n`, counted from 0: something of every kind that can be written.
fn commit(n: i64) -> Changes {
    let mut changes = if n == 0 { first() } else { Changes { at: TIME, ..Changes::default() } };
    for offset in n * EVENTS..(n + 1) * EVENTS {
        let waits = offset % 3 == 0;
        let resolution = if waits { Resolution::Waiting { blocked: false } } else { Resolution::Root };
        let mut row = event(at(offset));
        (row.resolution, row.kind) = (resolution, if offset % 30 == 1 { Kind::DeadLetter } else { Kind::Event });
        (if waits { &mut changes.pending } else { &mut changes.events }).push(&row);
    }
    let settled = |n: i64, resolution: Resolution| {
        let of = (n.max(0) * EVENTS..(n + 1).max(0) * EVENTS).filter(|offset| offset % 3 == 0);
        of.map(|offset| Settled { reference: at(offset), resolution, conversation: at(offset), cause: None }).collect()
    };
    changes.settled = settled(n - 1, Resolution::Orphaned(OrphanReason::NeverSeen));
    changes.retracted = settled(n - 2, Resolution::Caused);
    changes.failures = vec![failed(n, FailureState::Dead)];
    if n > 0 {
        changes.failures.push(failed(n - 1, FailureState::Healed));
    }
    changes.aliases = vec![(at(n * EVENTS + 3), at(n * EVENTS))];
    let next_offset = (n + 1) * EVENTS;
    let missing = [0; GapReason::ALL.len()];
    let ordinal = Ordinal(0);
    changes.coverage =
        vec![CoverageRow { ordinal, first_offset: 0, next_offset, log_start: 0, seen: next_offset, missing }];
    changes.progress = vec![progress(next_offset)];
    changes.counters = vec![CounterRow { name: NUMBER.into(), value: (n + 1) as f64 }];
    changes
}

fn failed(n: i64, state: FailureState) -> FailureRow {
    FailureRow {
        reference: at(n * EVENTS + 1),
        kind: FailureKind::DeadLetter,
        state,
        origin: None,
        origin_evidence: None,
        origin_confidence: None,
        origin_topic: None,
        origin_partition: None,
        origin_offset: None,
        root: None,
        consumer_group: Some("kitchen".into()),
        group_evidence: Some(headwater::event::GroupEvidence::Named),
        candidate_groups: Vec::new(),
        attempt: Some(1),
        error_class: None,
        error_message: None,
        signature: "kitchen".into(),
        time: TIME,
        orphan_reason: None,
        healed_by: None,
        healed_evidence: None,
        changed_at: TIME,
        seen_time: TIME,
        counted_time: TIME,
        counted_profile: Some(0),
        root_profile: Some(0),
    }
}

fn progress(committed: i64) -> ProgressRow {
    ProgressRow {
        committed_offset: Some(committed),
        log_end_offset: committed,
        lag_offsets: Some(0),
        lag_records: Some(0),
        lag_ms: Some(0),
        state: ProgressState::Stable,
        resolution_ms: 1_000,
        ..ProgressRow::new(&"kitchen".into(), Ordinal(0), TIME)
    }
}

fn commits_in(restored: &Restored) -> i64 {
    restored.counters.iter().find(|row| row.name == NUMBER).map_or(0, |row| row.value as i64)
}

/// Compares what the file holds with what `n` commits write; gives `n`.
fn recount(writer: &Writer, restored: &Restored) -> i64 {
    let n = commits_in(restored);
    let readers = writer.readers();
    let sql = "SELECT (SELECT count(*) FROM event), (SELECT count(DISTINCT ref) FROM event),
        (SELECT count(*) FROM event WHERE resolution = 'waiting'),
        (SELECT count(*) FROM event WHERE resolution = 'orphaned'),
        (SELECT count(*) FROM event WHERE resolution = 'caused'),
        (SELECT count(*) FROM failure), (SELECT count(*) FROM failure WHERE state = 'healed'),
        (SELECT count(*) FROM conversation_alias),
        (SELECT max(next_offset) FROM coverage), (SELECT max(committed_offset) FROM progress),
        (SELECT sum(received) FROM minute), (SELECT sum(caused) FROM minute), (SELECT sum(waiting) FROM minute)";
    let thirds = |commits: i64| commits.max(0) * EVENTS / 3;
    let expected = [
        n * EVENTS,
        n * EVENTS,
        thirds(n.min(1)),
        thirds((n - 1).min(1)),
        thirds(n - 2),
        n,
        (n - 1).max(0),
        n,
        n * EVENTS,
        n * EVENTS,
        n * EVENTS,
        thirds(n - 2),
        thirds(n.min(1)),
    ];
    assert_eq!(numbers(&readers, sql), expected, "after {n} commits");
    assert_eq!(restored.pending.len() as i64, thirds(n.min(1)));
    let reader = readers.reader().unwrap();
    let start = OutboxCursor { seq: 0, reference: 0 };
    let limits = Limits { rows: usize::MAX >> 1, ..Limits::default() };
    let page = reader.outbox(start, limits).unwrap();
    assert_eq!(page.left, 0);
    let mut told: Vec<EventRef> = page.entries.iter().map(|entry| entry.reference).collect();
    let all = told.len();
    told.sort_unstable();
    told.dedup();
    assert!(
        told.len() as i64 >= n * EVENTS * 2 / 3,
        "settled events were told: {} of {all} in {n} commits",
        told.len()
    );
    n
}

/// Not a test of its own: the writer that is killed, in a process of its own.
#[test]
fn a_writer_to_be_killed() {
    let Some(folder) = std::env::var_os("HEADWATER_TEST_WRITER") else { return };
    let (mut writer, restored) = Writer::open(&Path::new(&folder).join("h.duckdb"), Settings::default()).unwrap();
    writer.fill_outbox(true);
    let mut n = commits_in(&restored);
    loop {
        writer.append(commit(n)).unwrap();
        n += 1;
        if n % CHECKPOINT_EVERY == 0 {
            writer.checkpoint().unwrap();
        }
    }
}

/// Lets a writer live in `folder` for a while and kills it.
fn live_and_die(folder: &Folder, random: &mut fastrand::Rng, longest: u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "guard::a_writer_to_be_killed", "--nocapture"])
        .env("HEADWATER_TEST_WRITER", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Not a step that waits for something: the moment of the kill is what is drawn.
    std::thread::sleep(Duration::from_micros(random.u64(..longest)));
    assert!(child.try_wait().unwrap().is_none(), "it ended by itself: {:?}", child.wait_with_output());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_writer_killed_at_any_point_holds_whole_commits() {
    let seed = seed("writer kills");
    let kills = wanted("HEADWATER_WRITER_KILLS", KILLS);
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = Folder::new("kills");
    let mut before = 0;
    for kill in 1..=kills {
        live_and_die(&folder, &mut random, 1_500_000);
        let (writer, restored) = Writer::open(&folder.file("h.duckdb"), Settings::default()).unwrap();
        let commits = recount(&writer, &restored);
        assert!(commits >= before, "after kill {kill}: {before} commits, then {commits}");
        before = commits;
        // Half of the files go on with the log that the kill left.
        if random.bool() {
            writer.close().unwrap();
        }
    }
    println!("writer kills: seed {seed}, {kills} kills, {before} commits, {} events", before * EVENTS);
    assert!(before > 0, "some lived long enough to write");
}

/// An older file with many rows, as its schema version wrote it.
fn older(database: &Path, version: usize, rows: i64) {
    use headwater::store::query::migrate;
    let file = duckdb::Connection::open(database).unwrap();
    file.execute_batch(migrate::ALL[0].sql).unwrap();
    let micros = TIME.0;
    file.execute_batch(&format!(
        "INSERT INTO meta VALUES ('schema_version', '{version}'), ('id_key', '000102030405060708090a0b0c0d0e0f'),
             ('created_by', 'headwater 0.0.1'), ('commits', '9');
         INSERT INTO partition VALUES (0, 'main', 'orders', uuid(), 0, 0, 0, 'business', 0),
             (1, 'main', 'orders.DLT', uuid(), 0, 0, 0, 'dead_letter', 1);
         INSERT INTO profile VALUES (0, 'OrderPlaced', NULL, '1', 'bare'), (1, 'Baked', 'oven', NULL, 'bare');
         INSERT INTO producer_row VALUES (0, 'main', 4711, 2);
         CREATE TEMP TABLE told AS SELECT n AS ref, make_timestamp({micros} + n * 1000) AS time, n % 2 AS profile,
             CASE WHEN n % 10 = 0 THEN 0 WHEN n % 10 = 9 THEN 3 ELSE 1 END AS resolution, n - n % 10 AS conversation
             FROM range({rows}) r(n);
         INSERT INTO event_row (ref, time, record_time, seen_time, kind, resolution, form, profile, producer, key_hash,
             conversation, key_bytes, value_bytes, id_hi, id_lo)
         SELECT ref, time, NULL, time, 0, resolution, 1, profile, 0, hash(ref)::HUGEINT - 9223372036854775808,
             conversation, 8, 100, 1, ref FROM told;
         INSERT INTO event_row (ref, time, seen_time, kind, resolution, form, profile, conversation, key_bytes, value_bytes)
         SELECT 1099511627776 + n, make_timestamp({micros}), make_timestamp({micros}), 4, 1, 0, 1, 0, 0, 9 FROM range(7) r(n);
         INSERT INTO pending_row (ref, time, seen_time, kind, resolution, form, profile, conversation, key_bytes, value_bytes,
             causation_hi, causation_lo, causation_text)
         SELECT {rows} + n, make_timestamp({micros}), make_timestamp({micros}), 0, 4, 0, 0, {rows} + n, 0, 9, 5, 5, 'order-9'
             FROM range(3) r(n);
         INSERT INTO cause_row SELECT ref, ref - 1, 2, 1.0 FROM told WHERE resolution = 1;
         INSERT INTO failure_row (ref, kind, state, origin, origin_evidence, origin_confidence, consumer_group, signature, time)
         SELECT 1099511627776 + n, 'dead_letter', 'dead', n, 0, 1.0, 'kitchen', 's', make_timestamp({micros}) FROM range(7) r(n);
         INSERT INTO alias_row VALUES (10, 0, make_timestamp({micros}));
         INSERT INTO coverage_row VALUES (0, NULL, 0, {rows} + 3, 0, {rows} + 3, 0), (1, NULL, 0, 7, 0, 7, 0), (0, 0, 0, 9, 0, 0, 2);
         INSERT INTO progress_row VALUES ('kitchen', 0, 100, {rows}, {rows} - 100, {rows} - 100, 5, 'stable',
             make_timestamp({micros}), 1000);
         INSERT INTO type_row SELECT 0, profile, count(*), min(time), max(time) FROM told GROUP BY ALL;
         INSERT INTO counter VALUES ('clipped', 3);"
    ))
    .unwrap();
    for migration in &migrate::ALL[1..version] {
        file.execute_batch(migration.sql).unwrap();
    }
    file.close().unwrap();
}

/// What the views of the contract say of a file that [`older`] made.
fn assert_migrated(writer: &Writer, rows: i64) {
    let readers = writer.readers();
    let sql = "SELECT (SELECT count(*) FROM event), (SELECT count(DISTINCT ref) FROM event),
        (SELECT count(*) FROM event WHERE type = 'Baked'), (SELECT count(*) FROM event WHERE resolution = 'root'),
        (SELECT count(*) FROM event WHERE resolution = 'waiting' AND causation_id = 'order-9'),
        (SELECT count(*) FROM event WHERE kind = 'dead_letter' AND topic = 'orders.DLT'),
        (SELECT count(DISTINCT key_hash) FROM event), (SELECT count(DISTINCT id) FROM event),
        (SELECT count(*) FROM cause WHERE class = 'declared'), (SELECT count(*) FROM failure WHERE consumer_group = 'kitchen'),
        (SELECT sum(origin) FROM failure), (SELECT count(*) FROM conversation_alias WHERE current_id = 0),
        (SELECT sum(received) FROM minute), (SELECT sum(waiting) FROM minute), (SELECT sum(passed) FROM passed_minute),
        (SELECT sum(seen) FROM coverage), (SELECT sum(missing) FROM coverage),
        (SELECT max(committed_offset) FROM progress), (SELECT max(value) FROM tap WHERE name = 'clipped'),
        (SELECT count(DISTINCT conversation) FROM event WHERE topic = 'orders' AND resolution <> 'waiting'),
        (SELECT sum(received) FROM topic)";
    let all = rows + 7 + 3;
    let caused = rows / 10 * 8;
    let expected = [
        all,
        all,
        rows / 2 + 7,
        rows / 10,
        3,
        7,
        rows,
        rows,
        caused,
        7,
        21,
        1,
        all,
        3,
        100,
        all,
        2,
        100,
        3,
        rows / 10,
        all,
    ];
    assert_eq!(numbers(&readers, sql), expected);
}

/// Guarantees: a file of each earlier version says after its migration what it said before.
#[test]
fn older_files_come_out_whole() {
    let folder = Folder::new("older");
    for version in 1..=headwater::store::SCHEMA_VERSION as usize {
        let database = folder.file(&format!("v{version}.duckdb"));
        older(&database, version, 1_000);
        let (mut writer, restored) = Writer::open(&database, Settings::default()).unwrap();
        assert_eq!(
            (restored.pending.len(), restored.failures.len(), restored.aliases.len()),
            (3, 7, 1),
            "version {version}"
        );
        assert_migrated(&writer, 1_000);
        let mut changes = Changes { at: TIME, ..Changes::default() };
        changes.settled =
            vec![Settled { reference: at(1_000), resolution: Resolution::Caused, conversation: at(0), cause: None }];
        writer.append(changes).unwrap();
        assert_eq!(numbers(&writer.readers(), "SELECT count(*) FROM event WHERE resolution = 'waiting'"), [2]);
        writer.close().unwrap();
        let said = number(folder.path(), Door::File(&database), "SELECT count(*) FROM event");
        assert_eq!(said, 1_010, "version {version}");
    }
}

/// Guarantees: a migration that is killed begins again, and counts nothing twice.
#[test]
fn a_migration_that_is_killed_begins_again() {
    let seed = seed("migration kills");
    let kills = wanted("HEADWATER_WRITER_KILLS", KILLS) / 2;
    let mut random = fastrand::Rng::with_seed(seed);
    let rows = 200_000;
    let folder = Folder::new("migration");
    let database = folder.file("h.duckdb");
    let mut under_way = 0;
    for _ in 0..kills {
        let _ = std::fs::remove_file(&database);
        let _ = std::fs::remove_file(folder.file("h.duckdb.wal"));
        older(&database, 1, rows);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "guard::a_migration_to_be_killed", "--nocapture"])
            .env("HEADWATER_TEST_WRITER", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(random.u64(..1_200_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        under_way += i32::from(!folder.file("migrated").exists());
        let _ = std::fs::remove_file(folder.file("migrated"));
        let (writer, _) = Writer::open(&database, Settings::default()).unwrap();
        assert_migrated(&writer, rows);
        writer.close().unwrap();
    }
    println!("migration kills: seed {seed}, {kills} kills, {under_way} before it was done");
}

/// Not a test of its own: the migration that is killed, in a process of its own.
#[test]
fn a_migration_to_be_killed() {
    let Some(folder) = std::env::var_os("HEADWATER_TEST_WRITER") else { return };
    let folder = Path::new(&folder);
    let writer = Writer::open(&folder.join("h.duckdb"), Settings::default()).unwrap().0;
    std::fs::write(folder.join("migrated"), "").unwrap();
    writer.close().unwrap();
}

/// A disk of its own in memory, gone when it is dropped.
struct Disk(Folder);

impl Disk {
    /// `None` where mounting is not allowed, which is said, and not accepted where it is required.
    fn new(name: &str, mebibytes: u32) -> Option<Self> {
        let folder = Folder::new(name);
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        assert!(!required("HEADWATER_REQUIRE_MOUNT"), "this process may not mount a disk");
        println!("not run: this process may not mount a disk");
        None
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        let done = Command::new("mount").args(["-o", &how]).arg(self.0.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Events of the import that does not fit.
const TOO_MANY: usize = 400_000;

/// A capture that needs more than `limit` to import, and the arguments that import it.
fn capture(folder: &Folder) -> String {
    let file = folder.file("big.ndjson");
    Stream::new("full-", TOO_MANY, 7).capture(&file);
    file.display().to_string()
}

/// The file opens, holds whole commits, and says so after it was given room.
fn assert_intact(folder: &Path, database: &Path) -> i64 {
    let door = Door::File(database);
    let events = number(folder, door, "SELECT count(*) FROM event");
    assert_eq!(events, number(folder, door, "SELECT count(DISTINCT ref) FROM event"));
    assert_eq!(events, number(folder, door, "SELECT coalesce(sum(received), 0) FROM minute"));
    assert_eq!(events, number(folder, door, "SELECT coalesce(sum(seen), 0) FROM coverage"));
    events
}

fn assert_refused(output: &std::process::Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{:?}: {said}", output.status);
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

#[test]
fn a_full_disk_stops_with_a_clear_error_and_an_intact_file() {
    let Some(disk) = Disk::new("full", 24) else { return };
    let folder = Folder::new("full-capture");
    let capture = capture(&folder);
    let database = disk.0.file("tap.duckdb");
    let import = ["import", &capture, "--db", database.to_str().unwrap()];
    let output = run(folder.path(), &import);
    assert_refused(&output, &["tap.duckdb", "MiB are free", "make room", "No space left"]);
    disk.remount("size=512m");
    let before = assert_intact(folder.path(), &database);
    println!("full disk: {before} of {TOO_MANY} events were committed");
    answer(folder.path(), &import);
    assert_eq!(assert_intact(folder.path(), &database), TOO_MANY as i64);
}

#[test]
fn a_disk_that_may_not_be_written_is_named_and_left_alone() {
    let Some(disk) = Disk::new("read-only", 64) else { return };
    let folder = Folder::new("read-only-capture");
    let small = folder.file("small.ndjson");
    Stream::new("ro-", 1_000, 7).capture(&small);
    let database = disk.0.file("tap.duckdb");
    let import = ["import", small.to_str().unwrap(), "--db", database.to_str().unwrap()];
    disk.remount("ro");
    assert_refused(&run(folder.path(), &import), &["tap.duckdb", "Read-only file system"]);
    disk.remount("rw");
    answer(folder.path(), &import);
    disk.remount("ro");
    assert_refused(&run(folder.path(), &import), &["tap.duckdb"]);
    assert_eq!(assert_intact(folder.path(), &database), 1_000);
}

/// Guarantees: a limit on the size of files is a full disk too, at each size: while it is made, in the log, in the file.
#[test]
fn a_file_that_may_not_grow_stops_with_a_clear_error_and_stays_intact() {
    let folder = Folder::new("limited");
    let capture = capture(&folder);
    for kibibytes in [8, 300, 2_000, 9_000] {
        let database = folder.file(&format!("limited-{kibibytes}.duckdb"));
        let script = format!(
            "trap '' XFSZ; ulimit -f {}; exec {} import {capture} --db {}",
            kibibytes * 2,
            env!("CARGO_BIN_EXE_headwater"),
            database.display()
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_refused(&output, &[database.file_name().unwrap().to_str().unwrap(), "File too large"]);
        if kibibytes > 1_000 {
            let before = assert_intact(folder.path(), &database);
            println!("limit of {kibibytes} KiB: {before} of {TOO_MANY} events were committed");
        }
        answer(folder.path(), &["import", &capture, "--db", database.to_str().unwrap()]);
        assert_eq!(assert_intact(folder.path(), &database), TOO_MANY as i64);
    }
}

/// Guarantees: a tap whose folder was deleted says so and ends; it does not write on into nothing.
#[test]
fn a_tap_whose_folder_is_deleted_ends_with_a_clear_error() {
    let Some(kafka) = crate::support::kafka::RealKafka::shared() else { return };
    let folder = Folder::new("deleted");
    let inner = folder.file("inner");
    std::fs::create_dir(&inner).unwrap();
    let stream = Stream::new("deleted-", 2_000, 7);
    stream.create_topics(&kafka.bootstrap);
    let options = ["--from", "earliest", "--topics", "deleted-.*", "--commit-interval", "100ms"];
    let (tap, url) = Program::tap(&inner, &kafka.bootstrap, &options);
    stream.produce(&kafka.bootstrap);
    let arrived = || (number(folder.path(), Door::Url(&url), "SELECT count(*) FROM event") > 0).then_some(());
    poll_until("the first events", Duration::from_secs(60), arrived);
    std::fs::remove_dir_all(&inner).unwrap();
    stream.produce(&kafka.bootstrap);
    let (status, said) = tap.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("was removed while it was written"), "{said}");
}
