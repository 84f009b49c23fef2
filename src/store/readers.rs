//! Many readers: bounded in number, time and rows, and never in the writer's way.

use super::cells::{cell, columns, kind_named, parameter};
use super::file::{Opened, open_for_reading, run};
use super::pool::{Ended, Pool};
use super::query::{Query, ask, write};
use super::statement::{Shape, as_one_select, check, in_views, own_words};
use super::{Error, Settings};
use crate::report::{Cell, Column, ColumnType, Table};
use duckdb::arrow::array::{Array, StructArray};
use duckdb::{Connection, params_from_iter};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of one answer, as it is held, after which it is cut. Rows bound nothing where one cell can hold
/// megabytes, and what an answer holds is outside of DuckDB's memory limit: it would be taken from the writer.
const ANSWER_BYTES: usize = 256 << 20;

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
        let Opened { conn, spill, .. } = open_for_reading(path, &settings)?;
        Ok(Self::new(Pool::new(conn, settings.memory, spill)?))
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
        self.pool.begin(self.slot, deadline);
        let outcome = run(conn, &ask::BEGIN_READ_ONLY).and_then(|()| question(conn));
        let ended = self.pool.finish(self.slot);
        // A rollback ends a transaction in any state; there is nothing to keep, and nothing interrupts any more.
        let _ = run(conn, &write::ROLLBACK);
        match (outcome, ended) {
            (Err(_), Some(Ended::Late)) => Err(Error::Deadline { seconds: deadline.as_secs() }),
            (Err(_), Some(Ended::Interrupted)) => Err(Error::Interrupted),
            (done, _) => done,
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
        self.pool.cancel(self.slot);
    }
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
