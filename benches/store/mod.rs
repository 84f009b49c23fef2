//! What the database costs to write, how large it gets, and how fast it answers: made-up events, as many as wanted, go
//! through the writer as the tap writes them.

mod company;
mod names;
mod parts;
mod questions;
mod raw;

use crate::support::Folder;
use crate::{Goal, Options, Row, cpu, median};
use company::{COMMIT_ROWS, Company, Pace, Remembered, begin};
use duckdb::{AccessMode, Connection};
use headwater::event::HashKey;
use headwater::store::{Settings, Writer};
use headwater::tap::Core;
use parts::Parts;
use raw::Raw;
use serde_json::json;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What DuckDB calls a size at which it checkpoints.
type CheckpointSize = String;

const DATABASE: &str = "store.duckdb";
/// What a kept database is asked for, beside it.
const NOTES: &str = "store.json";

/// Rounds of the comparison with a raw appender, spread over the whole of the writing.
const ROUNDS: usize = 5;
/// Commits of one side in one round, at most.
const ROUND_COMMITS: usize = 10;

/// What a database was made of.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Notes {
    seed: u64,
    commit: String,
    events: usize,
    minutes: f64,
    remembered: Vec<Remembered>,
}

/// The secret of the record keys.
fn keys() -> HashKey {
    HashKey([7; 16])
}

/// Makes a database and measures it, or measures one that was kept.
pub fn measure(options: &Options) -> Vec<Row> {
    let own = options.keep.is_none() && options.reuse.is_none();
    let temporary = own.then(|| Folder::new("bench-store"));
    let kept = options.reuse.as_ref().or(options.keep.as_ref());
    let folder: &Path = match (&temporary, kept) {
        (Some(folder), _) => folder.path(),
        (None, Some(folder)) => folder,
        (None, None) => return Vec::new(),
    };
    let (notes, mut rows) = match options.reuse {
        Some(_) => {
            let text = std::fs::read(folder.join(NOTES)).expect("a database that --keep left there");
            (serde_json::from_slice(&text).unwrap(), Vec::new())
        }
        None => make(folder, options),
    };
    let path = folder.join(DATABASE);
    let bytes = std::fs::metadata(&path).unwrap().len();
    let per_event = bytes as f64 / notes.events as f64;
    rows.push(Row::new("bytes", per_event, "B/event", Goal::AtMost(64.0)));
    print_tables(&path, notes.events);
    rows.extend(questions::ask_all(&path, &notes.remembered, options.size.rounds));
    rows.push(Row::new("restart", restart(&path), "s", Goal::AtMost(30.0)));
    let mut about = Row::new("store", notes.events as f64, "events", Goal::None);
    about.more = vec![
        ("seed", json!(notes.seed)),
        ("commit", json!(notes.commit)),
        ("file_bytes", json!(bytes)),
        ("minutes", json!(notes.minutes)),
    ];
    rows.insert(0, about);
    rows
}

fn make(folder: &Path, options: &Options) -> (Notes, Vec<Row>) {
    eprintln!("store: {} events, seed {}, in {}", options.events, options.seed, folder.display());
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(DATABASE);
    assert!(!path.exists(), "{} is there already: measure it with --reuse, or remove it", path.display());
    let begun = Instant::now();
    let mut ingest = Ingest::new(folder, options);
    let rows = ingest.run(options.events);
    let notes = Notes {
        seed: options.seed,
        commit: commit(),
        events: options.events,
        minutes: begun.elapsed().as_secs_f64() / 60.0,
        remembered: ingest.company.remembered().to_vec(),
    };
    ingest.end(folder);
    std::fs::write(folder.join(NOTES), serde_json::to_vec(&notes).unwrap()).unwrap();
    (notes, rows)
}

/// What some rows took.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    rows: usize,
    /// Seconds of CPU.
    seconds: f64,
}

impl Spent {
    fn add(&mut self, rows: usize, seconds: f64) {
        self.rows += rows;
        self.seconds += seconds;
    }

    /// µs of CPU a row.
    fn each(self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.seconds / self.rows as f64 * 1e6 }
    }
}

/// The writing of all events, with rounds in which a raw appender writes as much.
struct Ingest {
    writer: Writer,
    company: Company,
    raw: Raw,
    parts: Parts,
    caught_up: Spent,
    steady: Spent,
    /// Commits with a checkpoint, and the last checkpoint.
    checkpointed: Spent,
    written_bytes: f64,
}

impl Ingest {
    fn new(folder: &Path, options: &Options) -> Self {
        Self {
            writer: Writer::open(&folder.join(DATABASE), Settings::default()).unwrap().0,
            company: Company::new(options.seed),
            raw: Raw::new(folder, options.seed + 2),
            parts: Parts::new(folder, options.seed + 1),
            caught_up: Spent::default(),
            steady: Spent::default(),
            checkpointed: Spent::default(),
            written_bytes: 0.0,
        }
    }

    fn run(&mut self, events: usize) -> Vec<Row> {
        let commits = events.div_ceil(COMMIT_ROWS);
        let length = (commits / (2 * ROUNDS)).clamp(1, ROUND_COMMITS);
        let mut starts = (1..=ROUNDS).map(|round| commits * round / (ROUNDS + 1)).peekable();
        let (mut writers, mut raws, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        while at < commits {
            if at >= commits / 2 && self.company.remembered().is_empty() {
                self.company.remember();
            }
            // A round begins with groups that have passed all that was seen at the other pace.
            let round = at + 1 + length < commits && starts.next_if(|start| at >= *start).is_some();
            if round {
                self.company.sample_next();
            }
            let rows = (events - at * COMMIT_ROWS).min(COMMIT_ROWS);
            self.append(rows, Pace::Steady, begin(at, commits));
            at += 1;
            if round {
                let (writer, raw, events) = self.round(at..at + length, commits);
                writers.push(writer);
                raws.push(raw);
                alone.push(events);
                at += length;
            }
        }
        let (spent, written) = self.measured(|ingest| ingest.writer.checkpoint().unwrap());
        self.checkpointed.add(0, spent);
        self.written_bytes += written;
        let plain = self.checkpointed.rows as f64 * self.steady.each() / 1e6;
        let checkpoints = (self.checkpointed.seconds - plain).max(0.0) / events as f64 * 1e6;
        let raw = median(raws) + self.raw.checkpoint();
        let bytes = std::fs::metadata(self.writer.path()).unwrap().len() as f64;
        vec![
            Row::new("writer", raw / (median(writers) + checkpoints), "x raw", Goal::AtLeast(0.8)),
            Row::new("raw", raw, "µs/event", Goal::None),
            Row::new("cpu", self.caught_up.each() + checkpoints, "µs/event", Goal::AtMost(0.45)),
            Row::new("cpu_steady", self.steady.each() + checkpoints, "µs/event", Goal::None),
            Row::new("checkpoints", checkpoints, "µs/event", Goal::None),
            Row::new("events", median(alone), "µs/event", Goal::None),
            Row::new("written", self.written_bytes / bytes, "x file", Goal::AtMost(2.0)),
        ]
    }

    /// One side after the other; gives the µs of CPU a row of the writer without its checkpoints, of the raw appender,
    /// and of the writer where there are events only.
    fn round(&mut self, at: Range<usize>, commits: usize) -> (f64, f64, f64) {
        let (length, before) = (at.len(), self.caught_up);
        at.for_each(|at| self.append(COMMIT_ROWS, Pace::CatchUp, begin(at, commits)));
        let rows = self.caught_up.rows - before.rows;
        let writer = Spent { rows, seconds: self.caught_up.seconds - before.seconds }.each();
        let (raw, events) = (self.raw.round(length), self.parts.round(length));
        eprintln!(
            "round: the writer takes {writer:.2} µs CPU a row, a raw appender {raw:.2}, the writer for events alone {events:.2}"
        );
        (writer, raw, events)
    }

    fn append(&mut self, rows: usize, pace: Pace, begin: i64) {
        let changes = self.company.commit(rows, pace, begin);
        let log = self.log_bytes();
        let (spent, written) = self.measured(|ingest| ingest.writer.append(changes).unwrap());
        self.written_bytes += written;
        let sum = match pace {
            // Which commit a checkpoint falls to is chance, and every one before had its part in it.
            _ if self.log_bytes() < log => &mut self.checkpointed,
            Pace::CatchUp => &mut self.caught_up,
            Pace::Steady => &mut self.steady,
        };
        sum.add(rows, spent);
    }

    /// Size of the write-ahead log.
    fn log_bytes(&self) -> u64 {
        let log = self.writer.path().with_extension("duckdb.wal");
        std::fs::metadata(log).map_or(0, |file| file.len())
    }

    /// Seconds of CPU and bytes to disk that `work` took.
    fn measured(&mut self, work: impl FnOnce(&mut Self)) -> (f64, f64) {
        let before = written_bytes();
        let spent = cpu_of(|| work(self));
        (spent, written_bytes() - before)
    }

    fn end(self, folder: &Path) {
        let Self { writer, raw, parts, .. } = self;
        drop(raw);
        writer.close().unwrap();
        parts.end();
        for left in ["raw.duckdb", "raw.duckdb.wal"] {
            // A log is there only where something was not moved into the file.
            let _ = std::fs::remove_file(folder.join(left));
        }
    }
}

/// Seconds of CPU of this process while `work` runs; nothing else runs in it.
fn cpu_of(work: impl FnOnce()) -> f64 {
    let before = cpu::of_self();
    work();
    cpu::of_self() - before
}

/// Bytes that this process caused to be written to disk.
fn written_bytes() -> f64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(f64::NAN)
}

/// Seconds until a tap has the file open and knows again what it knew.
fn restart(path: &Path) -> f64 {
    let begun = Instant::now();
    let (writer, restored) = Writer::open(path, Settings::default()).unwrap();
    let opened = begun.elapsed().as_secs_f64();
    let core = Core::resume(&writer, restored, false).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("restart: the file was open after {opened:.2} s, the core knew its events after {seconds:.2} s");
    drop(core);
    writer.close().unwrap();
    seconds
}

/// What each table takes of the file.
fn print_tables(path: &Path, events: usize) {
    let conn = raw::open(path, AccessMode::ReadOnly, "256MB");
    let mut tables: Vec<(f64, i64, String)> = table_names(&conn)
        .into_iter()
        .map(|table| {
            let sql = "SELECT count(DISTINCT block_id) FILTER (WHERE block_id >= 0) FROM pragma_storage_info($1)";
            let blocks: i64 = conn.query_row(sql, [&table], |row| row.get(0)).unwrap();
            let rows = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            let block_bytes = 262_144.0;
            (blocks as f64 * block_bytes, rows, table)
        })
        .collect();
    tables.sort_by(|a, b| b.0.total_cmp(&a.0));
    eprintln!("what each table takes, B an event (whole blocks):");
    for (bytes, rows, table) in tables.iter().filter(|(bytes, ..)| *bytes > 0.0).take(12) {
        eprintln!("  {table:<18} {:>7.2}  {rows} rows", bytes / events as f64);
    }
    let sql = "SELECT free_blocks, total_blocks FROM pragma_database_size()";
    let (free, total): (i64, i64) = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    eprintln!("  of {total} blocks, {free} are free");
}

fn table_names(conn: &Connection) -> Vec<String> {
    let mut statement = conn.prepare("SELECT table_name FROM duckdb_tables() WHERE NOT internal").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The commit that is measured, as far as git knows it.
pub fn commit() -> String {
    let asked = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    asked
        .ok()
        .filter(|git| git.status.success())
        .map_or_else(|| "unknown".into(), |git| String::from_utf8_lossy(&git.stdout).trim().to_owned())
}
