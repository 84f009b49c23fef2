//! Questions to the store from an async session: on a blocking thread, within the door's limits, interrupted when the
//! session stops waiting.

use super::{Shared, refusal, sqlstate};
use crate::report::{Cell, Column, Table};
use crate::store::{Error, Interrupt, Limits, Reader};
use crate::telemetry::Counter;
use pgwire::error::PgWireResult;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most rows of one answer. A dashboard shows thousands, an export belongs into a file; a million rows are what one
/// session can be allowed to hold in memory. A cut answer says so.
pub(super) const ROW_LIMIT: usize = 1_000_000;

/// Longest time for one question, waiting for a free reader included. Dashboards give up earlier.
const ASK_TIME: Duration = Duration::from_secs(30);

/// The door's limits for one question.
const LIMITS: Limits = Limits { rows: ROW_LIMIT, deadline: ASK_TIME };

/// Runs one question with its parameters.
///
/// # Errors
/// What the store refuses or DuckDB rejects, with its SQLSTATE.
pub(super) async fn ask(shared: &Shared, sql: String, parameters: Vec<Cell>) -> PgWireResult<Table> {
    read(shared, move |reader| reader.ask(&sql, &parameters, LIMITS)).await
}

/// The columns that a question would answer with; nothing is executed.
///
/// # Errors
/// As [`ask`].
pub(super) async fn describe(shared: &Shared, sql: String) -> PgWireResult<Vec<Column>> {
    read(shared, move |reader| reader.describe(&sql)).await
}

async fn read<T, F>(shared: &Shared, question: F) -> PgWireResult<T>
where
    T: Send + 'static,
    F: FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
{
    let readers = shared.readers.clone();
    let waiting = Waiting::default();
    let course = waiting.0.clone();
    let answered = tokio::task::spawn_blocking(move || {
        let reader = readers.reader()?;
        // The session may have gone while this question waited for a reader.
        if !course.begin(reader.interrupt_handle()) {
            return Ok(None);
        }
        let answer = question(&reader);
        course.end();
        answer.map(Some)
    })
    .await;
    shared.counters.add(Counter::Queries, 1);
    let refused = match answered {
        Ok(Ok(Some(answer))) => return Ok(answer),
        Ok(Ok(None)) => refusal("57014", "the question was withdrawn"),
        Ok(Err(error)) => refusal(sqlstate::of(&error.to_string()), error.to_string()),
        Err(_) => refusal("XX000", "the question ended the thread that asked it; please report it"),
    };
    shared.counters.add(Counter::QueriesFailed, 1);
    Err(refused)
}

/// How far a question has come on its blocking thread.
#[derive(Default)]
enum Stage {
    #[default]
    Queued,
    Asking(Arc<Interrupt>),
    Over,
}

/// Shared by the session that waits and the thread that asks.
#[derive(Default)]
struct Course(Mutex<Stage>);

impl Course {
    fn stage(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when nobody waits for the answer any more.
    fn begin(&self, interrupt: Arc<Interrupt>) -> bool {
        let mut stage = self.stage();
        let wanted = matches!(*stage, Stage::Queued);
        if wanted {
            *stage = Stage::Asking(interrupt);
        }
        wanted
    }

    fn end(&self) {
        *self.stage() = Stage::Over;
    }
}

/// The waiting side: dropped before the end, as on a cancel request or when the door closes, it interrupts.
#[derive(Default)]
struct Waiting(Arc<Course>);

impl Drop for Waiting {
    fn drop(&mut self) {
        // Under the lock, so that the interrupt cannot reach the next question of the same reader.
        let mut stage = self.0.stage();
        if let Stage::Asking(interrupt) = &*stage {
            interrupt.interrupt();
        }
        *stage = Stage::Over;
    }
}
