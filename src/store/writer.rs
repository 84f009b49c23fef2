//! The one writer: everything that the core decided, in one transaction.

use super::columns::{Columns, cause_batch, event_batch, orphan_batch, pending_batch};
use super::file::{Opened, open_for_writing, restrict, run};
use super::outbox::Told;
use super::passed::PassedCount;
use super::pool::Pool;
use super::query::{Query, write};
use super::recover::{READERS_YIELD, Rescues, Tries, explain};
use super::retention::Keeping;
use super::slices::{OpenSlice, Sealed};
use super::tally::{FlowTally, MinuteTally, Topics, TypeTally, append_trial, count_flows, minute};
use super::{Error, Readers, Restored, Settings};
use crate::event::{
    AttributeRow, AttributeValue, Changes, CounterRow, CoverageRow, EventColumns, FailureRow, GapReason, Ordinal,
    Timestamp,
};
use duckdb::types::{TimeUnit, Value};
use duckdb::{Appender, Connection, ToSql, params};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long what was written may stand in the log alone, in µs. Until a checkpoint DuckDB holds it in memory, too, and a
/// quiet cluster takes days to fill the log.
const CHECKPOINT_EVERY: i64 = 600_000_000;

/// How often readers are waited for before the file is closed.
const CLOSE_ROUNDS: u32 = 10;

/// Name of the counter of times outside the years 1 to 9999, which are stored as the nearest time inside.
const TIMES_CLAMPED: &str = "times_clamped";

/// The file's own tables.
pub(super) const MAIN: &str = "main";

/// The staging tables of the writer's connection.
pub(super) const TEMP: &str = "temp";

/// Owns the database file.
pub struct Writer {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) settings: Settings,
    pub(super) pool: Arc<Pool>,
    pub(super) rescues: Rescues,
    pub(super) topics: Topics,
    /// Offset from which on nothing was written, where that is known.
    next: HashMap<Ordinal, i64>,
    times_clamped: f64,
    /// Number of the last commit.
    commits: i64,
    /// Whether what is settled goes into the outbox too.
    telling: bool,
    pub(super) slice: OpenSlice,
    pub(super) keeping: Keeping,
    /// When the log was last moved into the file for its age.
    rested: Option<Timestamp>,
}

impl Writer {
    /// Opens the file at `path`, or makes it; only its owner may read it. Gives back what it holds.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it open, [`Error::Newer`] for a file of a later version,
    /// [`Error::Foreign`] for a database of something else.
    pub fn open(path: &Path, settings: Settings) -> Result<(Self, Restored), Error> {
        let opened = open_for_writing(path, &settings).map_err(|error| explain(error, path))?;
        Self::start(opened, path, settings)
    }

    pub(super) fn start(opened: Opened, path: &Path, settings: Settings) -> Result<(Self, Restored), Error> {
        let Opened { conn, meta, spill } = opened;
        let restored = Restored::read(&conn, &meta)?;
        let root = conn.try_clone().map_err(Error::statement("open", "readers"))?;
        let pool = Pool::new(root, settings.memory, spill)?;
        let mut topics = Topics::default();
        restored.partitions.iter().for_each(|row| {
            topics.number(row);
        });
        let times_clamped = restored.counters.iter().find(|c| c.name == TIMES_CLAMPED).map_or(0.0, |c| c.value);
        let next = restored.coverage.iter().map(|row| (row.ordinal, row.next_offset)).collect();
        let slice = OpenSlice::read(&conn)?;
        let writer = Self {
            conn,
            path: path.into(),
            settings,
            pool,
            rescues: Rescues::restore(&restored.counters),
            topics,
            next,
            times_clamped,
            commits: 0,
            telling: false,
            slice,
            keeping: Keeping::default(),
            rested: None,
        };
        let commits = writer.last_number()?;
        let writer = Self { commits, ..writer };
        writer.restrict_log()?;
        Ok((writer, restored))
    }

    /// Readers on this writer's database; cheap to clone, for any thread.
    pub fn readers(&self) -> Readers {
        Readers::new(Arc::clone(&self.pool))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what is settled from now on goes into the outbox too, for a collector.
    pub fn fill_outbox(&mut self, on: bool) {
        self.telling = on;
    }

    /// Writes all of `changes`, or nothing: rows and read positions stand or fall together.
    ///
    /// Out of memory is answered by interrupting readers and trying again, a database that DuckDB gave up by opening
    /// it again.
    ///
    /// # Errors
    /// Nothing more can be written; the file holds everything up to the last commit. [`Error::Disk`] when the disk
    /// refuses.
    pub fn append(&mut self, changes: Changes) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let commit = self.prepare(changes)?;
        let (number, mut tries) = (self.commits + 1, Tries::default());
        while let Err(error) = self.transaction(|writer| writer.write(&commit).and_then(|()| writer.number(number))) {
            self.make_way(error, &mut tries)?;
            // DuckDB reports the checkpoint that follows a commit as the commit's own failure.
            if self.holds(number, &mut tries)? {
                break;
            }
        }
        self.pool.hold(false);
        self.commits = number;
        self.next.extend(commit.small.coverage.iter().map(|row| (row.ordinal, row.next_offset)));
        self.restrict_log()
    }

    /// Moves the log into the file when it was not for some minutes; call it between commits, at the time `at`. What goes
    /// wrong is left to the next commit, which has to go on or end with the reason.
    pub fn rest(&mut self, at: Timestamp) {
        let since = *self.rested.get_or_insert(at);
        if at.0.saturating_sub(since.0) < CHECKPOINT_EVERY {
            return;
        }
        self.rested = Some(at);
        if let Err(error) = self.checkpoint() {
            tracing::debug!(%error, "no checkpoint now");
        }
    }

    /// Moves the write-ahead log into the file, in a quiet moment.
    pub fn checkpoint(&self) -> Result<(), Error> {
        run(&self.conn, &write::CHECKPOINT)
    }

    /// Ends writing: interrupts readers, checkpoints and lets the file go once the last [`Readers`] is dropped.
    pub fn close(self) -> Result<(), Error> {
        // One that has spilled much needs longer to clean up.
        let _ = (0..CLOSE_ROUNDS).any(|_| self.pool.interrupt_all(READERS_YIELD));
        self.checkpoint().map_err(|error| explain(error, &self.path))
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Turns what can be turned once, so that a retry does not need the rows again.
    fn prepare(&mut self, changes: Changes) -> Result<Commit, Error> {
        for row in &changes.partitions {
            self.topics.number(row);
        }
        let minutes = MinuteTally::count(&self.topics, [&changes.events, &changes.pending]);
        let mut passed =
            PassedCount::new(&changes.passed, |range| self.next.get(&range.ordinal).copied().unwrap_or(i64::MAX));
        passed.add(&changes.events);
        passed.add(&changes.pending);
        let arrow = |subject| move |source| Error::statement("lay out", subject)(arrow_error(source));
        let told = self.telling.then(|| Told::new(&changes)).transpose().map_err(arrow("told_stage"))?;
        let (slice, sealed) = self.slice.take_in(&changes);
        let Changes { events, pending, causes, attributes, mut counters, .. } = changes;
        let flows = count_flows(&self.topics, [&events, &pending], &causes);
        let waiting = pending_batch(&pending, slice).map_err(arrow("pending_row"))?;
        let (events, clamped) = event_batch(events, slice).map_err(arrow("event_row"))?;
        let (pending, more) = event_batch(pending, slice).map_err(arrow("event_row"))?;
        let orphans = orphan_batch(&events).map_err(arrow("orphan_row"))?;
        let causes = cause_batch(&causes).map_err(arrow("cause_row"))?;
        self.rescues.tell(self.pool.ended_for_memory(), &mut counters);
        if clamped + more > 0 {
            self.times_clamped += (clamped + more) as f64;
            counters.push(CounterRow { name: TIMES_CLAMPED.into(), value: self.times_clamped });
        }
        let topic_numbers = changes.partitions.iter().map(|row| self.topics.number(row)).collect();
        Ok(Commit {
            events,
            pending,
            waiting,
            orphans,
            flows,
            causes,
            sealed,
            types: TypeTally::sum(&minutes),
            minutes,
            passed,
            topic_numbers,
            told,
            small: Changes {
                events: EventColumns::default(),
                pending: EventColumns::default(),
                causes: Vec::new(),
                attributes,
                counters,
                partitions: changes.partitions,
                profiles: changes.profiles,
                producers: changes.producers,
                settled: changes.settled,
                retracted: changes.retracted,
                failures: changes.failures,
                aliases: changes.aliases,
                coverage: changes.coverage,
                progress: changes.progress,
                marks: changes.marks,
                rewinds: changes.rewinds,
                groups: changes.groups,
                clients: changes.clients,
                gone: changes.gone,
                policies: changes.policies,
                passed: Vec::new(),
                sent: changes.sent,
                passed_to: changes.passed_to,
                forgotten: changes.forgotten,
                trials: changes.trials,
                bare: Vec::new(),
                lost: Vec::new(),
                barriers: changes.barriers,
                verdicts: changes.verdicts,
                at: changes.at,
            },
        })
    }

    pub(super) fn transaction(&self, work: impl FnOnce(&Self) -> Result<(), Error>) -> Result<(), Error> {
        run(&self.conn, &write::BEGIN)?;
        let done = work(self).and_then(|()| run(&self.conn, &write::COMMIT));
        if done.is_err() {
            // A failed COMMIT has ended the transaction already; then there is nothing to roll back.
            let _ = run(&self.conn, &write::ROLLBACK);
        }
        done
    }

    fn write(&self, commit: &Commit) -> Result<(), Error> {
        let small = &commit.small;
        self.dictionaries(small, &commit.topic_numbers)?;
        self.count_passed(&commit.passed)?;
        self.batch(MAIN, "event_row", &commit.events)?;
        self.batch(MAIN, "event_row", &commit.pending)?;
        self.batch(MAIN, "orphan_row", &commit.orphans)?;
        self.batch(MAIN, "pending_row", &commit.waiting)?;
        self.batch(MAIN, "cause_row", &commit.causes)?;
        self.rows(MAIN, "attribute_row", &small.attributes, append_attribute)?;
        self.rows(TEMP, "minute_stage", &commit.minutes, append_minute)?;
        self.rows(TEMP, "topic_flow_stage", &commit.flows, |to, f| {
            to.append_row(params![f.from, f.to, f.evidence, f.events])
        })?;
        self.late(small, commit.told.is_some())?;
        if !(commit.minutes.is_empty()
            && commit.flows.is_empty()
            && small.settled.is_empty()
            && small.retracted.is_empty())
        {
            run(&self.conn, &write::MINUTES)?;
            run(&self.conn, &write::TOPIC_FLOWS)?;
        }
        self.staged("coverage_stage", &small.coverage, &write::COVERAGE, append_coverage)?;
        if !small.failures.is_empty() {
            self.staged("failure_stage", &latest_failures(&small.failures), &write::FAILURES, append_failure)?;
            run(&self.conn, &write::CASES)?;
        }
        self.staged("passed_to_stage", &small.passed_to, &write::PASSED_TO, |to, told| {
            to.append_row(params![&*told.group, told.ordinal.0, told.offset])
        })?;
        self.progress(small)?;
        self.barriers(small)?;
        self.staged("type_stage", &commit.types, &write::TYPES, |to, t| {
            to.append_row(params![t.topic, t.profile, t.events, micros(t.time.0), micros(t.time.1)])
        })?;
        self.staged("trial_stage", &small.trials, &write::TRIALS, append_trial)?;
        self.staged("counter_stage", &small.counters, &write::COUNTERS, |to, c| {
            to.append_row(params![c.name, c.value])
        })?;
        self.tell(commit.told.as_ref(), small)?;
        commit.sealed.as_ref().map_or(Ok(()), |sealed| self.seal(sealed))
    }

    pub(super) fn batch(&self, catalog: &str, table: &'static str, columns: &Columns) -> Result<(), Error> {
        if columns.batch.num_rows() == 0 {
            return Ok(());
        }
        let opened = match catalog {
            TEMP => self.conn.appender_with_columns_to_catalog_and_db(table, TEMP, "main", &columns.names),
            _ => self.conn.appender_with_columns(table, &columns.names),
        };
        let mut appender = opened.map_err(Error::statement("append to", table))?;
        appender.append_record_batch(columns.batch.clone()).map_err(Error::statement("append to", table))?;
        appender.flush().map_err(Error::statement("append to", table))
    }

    /// Appends `rows` to a staging table, then lets `merge` take them over.
    pub(super) fn staged<T>(
        &self,
        table: &'static str,
        rows: &[T],
        merge: &Query,
        append: impl FnMut(&mut Appender<'_>, &T) -> duckdb::Result<()>,
    ) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        self.rows(TEMP, table, rows, append)?;
        run(&self.conn, merge)
    }

    pub(super) fn rows<T>(
        &self,
        catalog: &str,
        table: &'static str,
        rows: &[T],
        mut append: impl FnMut(&mut Appender<'_>, &T) -> duckdb::Result<()>,
    ) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let opened = match catalog {
            TEMP => self.conn.appender_to_catalog_and_db(table, TEMP, "main"),
            _ => self.conn.appender(table),
        };
        let mut appender = opened.map_err(Error::statement("append to", table))?;
        for row in rows {
            append(&mut appender, row).map_err(Error::statement("append to", table))?;
        }
        appender.flush().map_err(Error::statement("append to", table))
    }

    /// DuckDB makes the write-ahead log anew after each checkpoint, with the rights that the process gives by default.
    pub(super) fn restrict_log(&self) -> Result<(), Error> {
        self.check_present()?;
        let mut log = self.path.clone().into_os_string();
        log.push(".wal");
        restrict(Path::new(&log))
    }
}

/// One transaction, ready to be written more than once.
struct Commit {
    events: Columns,
    pending: Columns,
    waiting: Columns,
    orphans: Columns,
    flows: Vec<FlowTally>,
    causes: Columns,
    /// The slice that this commit fills up.
    sealed: Option<Sealed>,
    types: Vec<TypeTally>,
    minutes: Vec<MinuteTally>,
    passed: PassedCount,
    topic_numbers: Vec<u32>,
    /// What goes into the outbox, when it is filled.
    told: Option<Told>,
    small: Changes,
}

pub(super) fn arrow_error(source: duckdb::arrow::error::ArrowError) -> duckdb::Error {
    duckdb::Error::ToSqlConversionFailure(Box::new(source))
}

pub(super) fn time(at: Timestamp) -> Value {
    Value::Timestamp(TimeUnit::Microsecond, at.0.clamp(super::columns::MIN_TIME, super::columns::MAX_TIME))
}

pub(super) fn micros(time: i64) -> Value {
    self::time(Timestamp(time))
}

/// The last row of each ref: one commit may hold several states of one failure.
fn latest_failures(failures: &[FailureRow]) -> Vec<&FailureRow> {
    let mut seen = HashSet::with_capacity(failures.len());
    let mut latest: Vec<&FailureRow> = failures.iter().rev().filter(|row| seen.insert(row.reference)).collect();
    latest.reverse();
    latest
}

/// Parts the names of a list that is staged as one text; no name holds it.
const LIST_BREAK: &str = "\u{1f}";

fn append_failure(to: &mut Appender<'_>, row: &&FailureRow) -> duckdb::Result<()> {
    let values: [&dyn ToSql; 26] = [
        &row.reference.0,
        &row.kind.as_str(),
        &row.state.as_str(),
        &row.origin.map(|r| r.0),
        &row.origin_evidence.map(|e| e as i8),
        &row.origin_confidence,
        &row.origin_topic,
        &row.origin_partition,
        &row.origin_offset,
        &row.root.map(|r| r.0),
        &row.consumer_group,
        &row.attempt,
        &row.error_class,
        &row.error_message,
        &row.signature,
        &time(row.time),
        &row.orphan_reason.map(|reason| reason as i8),
        &row.healed_by.map(|r| r.0),
        &time(row.seen_time),
        &time(minute(row.counted_time)),
        &row.counted_profile,
        &row.root_profile,
        &row.group_evidence.map(|evidence| evidence as i8),
        &row.healed_evidence.map(|evidence| evidence as i8),
        &time(row.changed_at),
        &row.candidate_groups.join(LIST_BREAK),
    ];
    to.append_row(&values[..])
}

fn append_minute(to: &mut Appender<'_>, row: &MinuteTally) -> duckdb::Result<()> {
    let [roots, caused, inferred, unlinked, waiting, orphaned] = row.resolved;
    to.append_row(params![
        micros(row.minute),
        row.topic,
        row.profile,
        row.received,
        row.retried,
        roots,
        caused,
        inferred,
        unlinked,
        waiting,
        orphaned,
        micros(row.seen.0),
        micros(row.seen.1)
    ])
}

fn append_attribute(to: &mut Appender<'_>, row: &AttributeRow) -> duckdb::Result<()> {
    let (text, number) = match &row.attribute.value {
        AttributeValue::Text(text) => (Some(text.as_str()), None),
        AttributeValue::Number(number) => (None, Some(*number)),
    };
    to.append_row(params![row.reference.0, &*row.attribute.name, text, number])
}

fn append_coverage(to: &mut Appender<'_>, row: &CoverageRow) -> duckdb::Result<()> {
    let mut append = |reason: Option<i8>, seen: i64, missing: i64| {
        to.append_row(params![row.ordinal.0, reason, row.first_offset, row.next_offset, row.log_start, seen, missing])
    };
    append(None, row.seen, 0)?;
    for reason in GapReason::ALL {
        let missing = row.missing[reason as usize];
        if missing > 0 {
            append(Some(reason as i8), 0, missing)?;
        }
    }
    Ok(())
}
