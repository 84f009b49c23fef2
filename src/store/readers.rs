//! Many readers: bounded in number, time and rows, and never in the writer's way.

use super::backup::Orders;
use super::cells::{cell, columns, kind_named, parameter};
use super::file::{open_for_reading, run};
use super::query::{Query, ask, write};
use super::statement::{Shape, as_one_select, check, in_views, own_words};
use super::{Error, Settings};
use crate::report::{Cell, Column, ColumnType, Table};
use duckdb::arrow::array::{Array, StructArray};
use duckdb::{Connection, InterruptHandle, params_from_iter};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Questions that run at once. Each may take a share of the one memory limit, and four greedy ones were seen to
/// invalidate a database at 700 MB.
pub const MAX_READERS: usize = 4;

/// Bytes of one answer, as it is held, after which it is cut. Rows bound nothing where one cell can hold
/// megabytes, and what an answer holds is outside of DuckDB's memory limit: it would be taken from the writer.
const ANSWER_BYTES: usize = 256 << 20;

/// How long a question waits for a free reader.
const WAIT_FOR_READER: Duration = Duration::from_secs(10);

/// How often a question that is over its time is interrupted again: an interrupt that falls between two steps of a
/// statement is lost.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(20);

/// What one question may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows that are given back; there may be more.
    pub rows: usize,
    /// How long it may run.
    pub deadline: Duration,
}

impl Default for Limits {
    /// 100,000 rows, more than a panel or a person can use, within 30 s, the default of Grafana's data source.
    fn default() -> Self {
        Self { rows: 100_000, deadline: Duration::from_secs(30) }
    }
}

/// An answer, and whether rows were left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Columns and rows.
    pub table: Table,
    /// True when there were more rows than [`Limits::rows`], or than 256 MiB hold.
    pub truncated: bool,
}

/// Hands out readers on one database.
#[derive(Clone)]
pub struct Readers {
    pub(super) pool: Arc<Pool>,
}

impl Readers {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }

    /// Opens a file that no tap has open.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Locked`] when a tap has it open, [`Error::Newer`], [`Error::Older`] and
    /// [`Error::Foreign`] for what cannot be read.
    pub fn open_file(path: &Path, settings: Settings) -> Result<Self, Error> {
        Ok(Self::new(Pool::new(open_for_reading(path, &settings)?)))
    }

    /// A reader of one's own, until it is dropped. Waits a while when all are busy.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub fn reader(&self) -> Result<Reader, Error> {
        let (slot, conn) = self.pool.take()?;
        Ok(Reader { pool: Arc::clone(&self.pool), slot, conn: Some(conn) })
    }
}

/// Answers questions one after another.
pub struct Reader {
    pool: Arc<Pool>,
    slot: u64,
    conn: Option<Connection>,
}

impl Reader {
    /// Answers one question of anybody: one statement that reads, with values for `$1`, `$2`, ….
    ///
    /// # Errors
    /// [`Error::Refused`] for what is no single reading statement, [`Error::Question`] with DuckDB's words,
    /// [`Error::Deadline`], [`Error::Interrupted`].
    pub fn ask(&self, sql: &str, values: &[Cell], limits: Limits) -> Result<Answer, Error> {
        let sql = in_views(sql);
        self.within(limits.deadline, |conn| {
            check(conn, sql)?;
            fetch(conn, sql, values, limits.rows)
        })
    }

    /// Answers one question of anybody part by part, so that no answer is too large: `each` is called with at least one
    /// part, of which all have the same columns, until it breaks off. There is no deadline.
    ///
    /// # Errors
    /// As [`Reader::ask`]; parts may have been given before.
    pub fn stream(&self, sql: &str, each: &mut dyn FnMut(Table) -> ControlFlow<()>) -> Result<(), Error> {
        let sql = in_views(sql);
        self.within(Duration::MAX, |conn| {
            check(conn, sql)?;
            parts(conn, sql, each)
        })
    }

    /// Answers one of headwater's own questions.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn answer(&self, query: &Query, values: &[Cell], limits: Limits) -> Result<Answer, Error> {
        self.within(limits.deadline, |conn| fetch(conn, query.sql, values, limits.rows))
    }

    /// The columns that `sql` would answer with; nothing is run. Values of parameters are not needed.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn describe(&self, sql: &str) -> Result<Vec<Column>, Error> {
        let sql = in_views(sql);
        self.within(Limits::default().deadline, |conn| match check(conn, sql)? {
            Shape::Rows => describe(conn, sql),
            Shape::Plan => {
                let text = |name: &str| Column { name: name.into(), kind: ColumnType::Text };
                Ok(vec![text("explain_key"), text("explain_value")])
            }
        })
    }

    /// Takes back what this reader is asked, from any thread.
    pub fn canceller(&self) -> Canceller {
        Canceller { pool: Arc::clone(&self.pool), slot: self.slot }
    }

    /// Runs `question` in a transaction that refuses writes, and interrupts it after `deadline`.
    pub(super) fn within<T>(
        &self,
        deadline: Duration,
        question: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(conn) = &self.conn else { return Err(Error::Interrupted) };
        let late = AtomicBool::new(false);
        let handle = conn.interrupt_handle();
        self.pool.with_slot(self.slot, |running| running.interrupted = false);
        let outcome = std::thread::scope(|scope| {
            let (done, watch) = channel::<()>();
            let (late, handle) = (&late, &handle);
            scope.spawn(move || {
                let mut patience = deadline;
                while let Err(RecvTimeoutError::Timeout) = watch.recv_timeout(patience) {
                    late.store(true, Relaxed);
                    handle.interrupt();
                    patience = INTERRUPT_AGAIN;
                }
            });
            let outcome = begin(conn).and_then(|()| question(conn));
            // A rollback ends a transaction in any state; there is nothing to keep.
            let _ = run(conn, &write::ROLLBACK);
            drop(done);
            outcome
        });
        let interrupted = self.pool.with_slot(self.slot, |running| running.interrupted) == Some(true);
        match outcome {
            Err(_) if late.load(Relaxed) => Err(Error::Deadline { seconds: deadline.as_secs() }),
            Err(_) if interrupted => Err(Error::Interrupted),
            done => done,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.pool.give_back(self.slot, conn);
        }
    }
}

/// Interrupts one reader.
#[derive(Clone)]
pub struct Canceller {
    pool: Arc<Pool>,
    slot: u64,
}

impl Canceller {
    /// The running question ends with [`Error::Interrupted`]; later ones are not touched.
    pub fn cancel(&self) {
        self.pool.with_slot(self.slot, Running::interrupt);
    }
}

/// Begins a transaction that refuses writes. An interrupt that came late may have reached the rollback of the question
/// before: what it left open is ended first.
fn begin(conn: &Connection) -> Result<(), Error> {
    run(conn, &ask::BEGIN_READ_ONLY).or_else(|_| {
        run(conn, &write::ROLLBACK)?;
        run(conn, &ask::BEGIN_READ_ONLY)
    })
}

fn question_error(source: duckdb::Error) -> Error {
    let message = source.to_string();
    if super::is_fatal(&message) {
        Error::Invalidated { message }
    } else {
        Error::Question { message: own_words(&message) }
    }
}

fn fetch(conn: &Connection, sql: &str, values: &[Cell], limit: usize) -> Result<Answer, Error> {
    let mut statement = conn.prepare(sql).map_err(question_error)?;
    let values = values.iter().map(parameter);
    // The iterator that this gives panics on an interrupt: chunks are taken by `step`, which returns it as an error.
    drop(statement.stream_arrow(params_from_iter(values)).map_err(question_error)?);
    let mut answer = Answer { table: Table { columns: columns(&statement), rows: Vec::new() }, truncated: false };
    let mut bytes = 0;
    while let Some(chunk) = statement.step().map_err(question_error)? {
        let room = if bytes < ANSWER_BYTES { limit - answer.table.rows.len() } else { 0 };
        let pushed = push_rows(&mut answer.table.rows, &chunk, (room, &mut bytes));
        answer.truncated = chunk.len() > pushed;
        if answer.truncated {
            break;
        }
    }
    Ok(answer)
}

/// Gives the answer as it is found: DuckDB holds back what nobody has asked for yet.
fn parts(conn: &Connection, sql: &str, each: &mut dyn FnMut(Table) -> ControlFlow<()>) -> Result<(), Error> {
    let mut statement = conn.prepare(sql).map_err(question_error)?;
    drop(statement.stream_arrow([]).map_err(question_error)?);
    let columns = columns(&statement);
    if each(Table { columns: columns.clone(), rows: Vec::new() }).is_break() {
        return Ok(());
    }
    while let Some(chunk) = statement.step().map_err(question_error)? {
        let row = |row| chunk.columns().iter().map(|column| cell(column, row)).collect();
        let rows = (0..chunk.len()).map(row).collect();
        if each(Table { columns: columns.clone(), rows }).is_break() {
            break;
        }
    }
    Ok(())
}

/// Takes rows over while there is room for more of them and for their bytes; gives how many.
fn push_rows(rows: &mut Vec<Vec<Cell>>, chunk: &StructArray, (room, bytes): (usize, &mut usize)) -> usize {
    for row in 0..chunk.len().min(room) {
        if *bytes >= ANSWER_BYTES {
            return row;
        }
        let cells: Vec<Cell> = chunk.columns().iter().map(|column| cell(column, row)).collect();
        *bytes += cells.iter().map(Cell::bytes).sum::<usize>();
        rows.push(cells);
    }
    chunk.len().min(room)
}

fn describe(conn: &Connection, sql: &str) -> Result<Vec<Column>, Error> {
    let parameters = conn.prepare(sql).map_err(question_error)?.parameter_count();
    if parameters == 0 {
        let mut statement = conn.prepare(&as_one_select(sql)).map_err(question_error)?;
        statement.execute([]).map_err(question_error)?;
        return Ok(columns(&statement));
    }
    let described =
        fetch(conn, &format!("{} {sql}", ask::DESCRIBE.sql.trim_end()), &vec![Cell::Null; parameters], usize::MAX)?;
    let columns = described.table.rows.into_iter().filter_map(|row| match row.get(..2) {
        Some([Cell::Text(name), Cell::Text(kind)]) => Some(Column { name: name.clone(), kind: kind_named(kind) }),
        _ => None,
    });
    Ok(columns.collect())
}

/// The connections of all readers, and what runs on them.
pub(super) struct Pool {
    state: Mutex<PoolState>,
    freed: Condvar,
    /// Where backups are ordered.
    pub(super) backups: Orders,
    /// The database file once more, to be copied. It stays open as long as the database: closing it would take the
    /// lock away that keeps other processes out.
    pub(super) file: OnceLock<File>,
}

struct PoolState {
    root: Connection,
    idle: Vec<Connection>,
    running: Vec<Running>,
    next: u64,
}

struct Running {
    slot: u64,
    interrupted: bool,
    handle: Arc<InterruptHandle>,
}

impl Running {
    fn interrupt(&mut self) {
        self.interrupted = true;
        self.handle.interrupt();
    }
}

impl Pool {
    pub(super) fn new(root: Connection) -> Arc<Self> {
        let state = PoolState { root, idle: Vec::new(), running: Vec::new(), next: 0 };
        Arc::new(Self {
            state: Mutex::new(state),
            freed: Condvar::new(),
            backups: Orders::default(),
            file: OnceLock::new(),
        })
    }

    /// A panic of one reader does not spoil the list of the others.
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<(u64, Connection), Error> {
        let full = |state: &mut PoolState| state.running.len() >= MAX_READERS;
        let (mut state, waited) =
            self.freed.wait_timeout_while(self.state(), WAIT_FOR_READER, full).unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(Error::Busy { readers: MAX_READERS });
        }
        let conn = match state.idle.pop() {
            Some(conn) => conn,
            None => state.root.try_clone().map_err(Error::statement("open", "reader"))?,
        };
        let slot = state.next;
        state.next += 1;
        state.running.push(Running { slot, interrupted: false, handle: conn.interrupt_handle() });
        Ok((slot, conn))
    }

    fn give_back(&self, slot: u64, conn: Connection) {
        let mut state = self.state();
        state.running.retain(|running| running.slot != slot);
        state.idle.push(conn);
        drop(state);
        self.freed.notify_all();
    }

    fn with_slot<T>(&self, slot: u64, act: impl FnOnce(&mut Running) -> T) -> Option<T> {
        self.state().running.iter_mut().find(|running| running.slot == slot).map(act)
    }

    /// Readers in use.
    pub(super) fn busy(&self) -> usize {
        self.state().running.len()
    }

    pub(super) fn interrupt_oldest(&self) {
        if let Some(oldest) = self.state().running.first_mut() {
            oldest.interrupt();
        }
    }

    /// Interrupts every question and waits until the readers are given back, at most for `patience`; says whether all
    /// were.
    pub(super) fn interrupt_all(&self, patience: Duration) -> bool {
        let mut state = self.state();
        state.running.iter_mut().for_each(Running::interrupt);
        let waited = self.freed.wait_timeout_while(state, patience, |state| !state.running.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.running.is_empty()
    }
}
