//! Questions to the store from an async session: on a blocking thread, within the door's limits, interrupted when the
//! session stops waiting.

use super::{Shared, refusal, sqlstate};
use crate::report::{Cell, Column, Table};
use crate::store::{Answer, Canceller, Error, Limits, Reader};
use crate::telemetry::{Counter, Counters};
use pgwire::error::PgWireResult;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Most rows of one answer. A dashboard shows thousands, an export belongs into a file; a million rows are what one
/// session can be allowed to hold in memory. A cut answer says so.
pub(super) const ROW_LIMIT: usize = 1_000_000;

/// Longest time for one question: dashboards give up earlier.
const ASK_TIME: Duration = Duration::from_secs(30);

/// The door's limits for one question.
const LIMITS: Limits = Limits { rows: ROW_LIMIT, deadline: ASK_TIME };

/// How often a question that nobody waits for is interrupted again: an interrupt that falls before its first step is
/// lost.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(20);

/// Memory that the answers of all sessions may take together until they are sent, in units of [`UNIT`]: half
/// as much as the database has. One answer alone is bounded by the store.
pub(super) const ANSWER_UNITS: usize = 512;

/// What memory of answers is counted in, in bytes.
const UNIT: usize = 1 << 20;

/// An answer with its share of the memory for answers, which it gives back when it is dropped.
pub(super) struct Held {
    /// The answer.
    pub(super) answer: Answer,
    /// Its share.
    pub(super) share: OwnedSemaphorePermit,
}

/// Runs one question with its parameters.
///
/// # Errors
/// What the store refuses or DuckDB rejects, with its SQLSTATE; an answer that there is no memory for, because other
/// sessions have not taken theirs.
pub(super) async fn ask(shared: &Shared, sql: String, parameters: Vec<Cell>) -> PgWireResult<Held> {
    let answers = shared.answers.clone();
    let held = read(shared, move |reader| {
        let answer = reader.ask(&sql, &parameters, LIMITS)?;
        let units = weight(&answer.table).div_ceil(UNIT).clamp(1, ANSWER_UNITS);
        let share = answers.try_acquire_many_owned(units as u32);
        Ok(share.map(|share| Held { answer, share }))
    });
    held.await?.map_err(|_| {
        refusal("53200", "other sessions hold large answers that they have not taken yet; ask for less, or try again")
    })
}

/// Bytes that `table` takes, nearly.
fn weight(table: &Table) -> usize {
    table.rows.iter().map(|row| size_of::<Vec<Cell>>() + row.iter().map(Cell::bytes).sum::<usize>()).sum()
}

/// The columns that a question would answer with; nothing is executed.
///
/// # Errors
/// As [`ask`].
pub(super) async fn describe(shared: &Shared, sql: String) -> PgWireResult<Vec<Column>> {
    read(shared, move |reader| reader.describe(&sql)).await
}

/// What DuckDB says against each of `probes`; empty where it says nothing. Nothing is executed.
///
/// # Errors
/// As [`ask`].
pub(super) async fn objections(shared: &Shared, probes: Vec<String>) -> PgWireResult<Vec<String>> {
    let object = |reader: &Reader, probe: &String| match reader.describe(probe) {
        Err(Error::Question { message }) => Ok(message),
        Err(error) => Err(error),
        Ok(_) => Ok(String::new()),
    };
    read(shared, move |reader| probes.iter().map(|probe| object(reader, probe)).collect()).await
}

async fn read<T, F>(shared: &Shared, question: F) -> PgWireResult<T>
where
    T: Send + 'static,
    F: FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
{
    let mut tally = Tally { counters: &shared.counters, failed: true };
    let readers = shared.readers.clone();
    let waiting = Waiting::default();
    let course = waiting.0.clone();
    let answered = tokio::task::spawn_blocking(move || {
        let reader = readers.reader()?;
        // The session may have gone while this question waited for a reader.
        if !course.begin(reader.canceller()) {
            return Err(Error::Interrupted);
        }
        let answer = question(&reader);
        course.end();
        answer
    })
    .await;
    match answered {
        Ok(Ok(answer)) => {
            tally.failed = false;
            Ok(answer)
        }
        Ok(Err(error)) => Err(refusal(sqlstate::of(&error), error.to_string())),
        Err(_) => Err(refusal("XX000", "the question ended the thread that asked it; please report it")),
    }
}

/// Counts a question, also one whose session stops waiting.
struct Tally<'a> {
    counters: &'a Counters,
    failed: bool,
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.counters.add(Counter::Queries, 1);
        self.counters.add(Counter::QueriesFailed, u64::from(self.failed));
    }
}

/// How far a question has come on its blocking thread.
#[derive(Default)]
enum Stage {
    #[default]
    Queued,
    Asking(Canceller),
    Over,
}

/// Shared by the session that waits and the thread that asks.
#[derive(Default)]
struct Course(Mutex<Stage>);

impl Course {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when nobody waits for the answer any more.
    fn begin(&self, canceller: Canceller) -> bool {
        let mut stage = self.stage();
        let wanted = matches!(*stage, Stage::Queued);
        if wanted {
            *stage = Stage::Asking(canceller);
        }
        wanted
    }

    fn end(&self) {
        *self.stage() = Stage::Over;
    }

    /// Interrupts the question if it runs; false when there is nothing to interrupt any more.
    fn interrupt(&self) -> bool {
        let mut stage = self.stage();
        match &*stage {
            Stage::Queued => *stage = Stage::Over,
            Stage::Asking(canceller) => canceller.cancel(),
            Stage::Over => {}
        }
        matches!(*stage, Stage::Asking(_))
    }
}

/// The waiting side: dropped before the end, as on a cancel request or when the door closes, it interrupts.
#[derive(Default)]
struct Waiting(Arc<Course>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.0.interrupt() {
            let course = self.0.clone();
            // A thread, since the door's runtime may be closing. There are never more of them than readers.
            let again = move || {
                while course.interrupt() {
                    std::thread::sleep(INTERRUPT_AGAIN);
                }
            };
            let _ = std::thread::Builder::new().name("door-interrupt".to_owned()).spawn(again);
        }
    }
}
