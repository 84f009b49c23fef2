//! Retention: what is older than it is wanted goes, in small steps, each in a transaction of its own.
//!
//! Events go by whole slices, the oldest first: neighbours in the file, so that DuckDB gets whole blocks back. Coverage
//! stays, and so do counts and failures until their own time comes; `deleted_row` says which events are gone, so that an
//! answer can tell what was read and deleted from what was never seen. Time is that of the commits, never the clock.

use super::Error;
use super::file::run;
use super::query::{Query, ask, proof, write};
use super::recover::Tries;
use super::slices::OpenSlice;
use super::writer::{Writer, time};
use crate::event::{Retention, Timestamp};
use duckdb::params;
use duckdb::types::Value;

/// Rows of one kind that one step deletes at most, so that commits wait for a fraction of a second. A tap whose retention
/// was made shorter has many steps before it, and a commit between each two.
const STEP_ROWS: i64 = 1 << 18;

/// Deleted events after which their blocks are given back, by a checkpoint: a row group of DuckDB's, below which there is
/// no whole block to give.
const CHECKPOINT_EVENTS: i64 = 122_880;

/// What DuckDB says when somebody reads what a checkpoint would change.
const CHECKPOINT_LATER: &str = "Cannot CHECKPOINT";

/// Time between two looks at everything, µs: what is deleted a few minutes late disturbs nobody.
const LOOK_EVERY: i64 = 600_000_000;

/// Slices that are closed within one retention of events, at least: so much older than asked for an event can get.
const SLICES_KEPT: i64 = 24;

/// A slice is closed after so long at most, µs, so that a quiet tap has some to delete: one day.
const SLICE_AGE_MAX: i64 = 86_400_000_000;

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retained {
    /// Nothing was too old, or it was not the time to look.
    Nothing,
    /// Something was deleted; there may be more.
    Deleted,
}

/// What the writer deletes, and when it looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keeping {
    wanted: Retention,
    /// The kinds that are still to be looked at in this round.
    left: usize,
    next_round: Option<Timestamp>,
    /// Events that were deleted since the last checkpoint for them.
    held: i64,
}

/// The kinds, in the order in which they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Events,
    Failures,
    Minutes,
    Passed,
    Marks,
    Aliases,
    Outbox,
}

const KINDS: [Kind; 7] =
    [Kind::Events, Kind::Failures, Kind::Minutes, Kind::Passed, Kind::Marks, Kind::Aliases, Kind::Outbox];

impl Keeping {
    /// When an open slice is old enough to be closed, µs.
    pub fn slice_age(&self) -> Option<i64> {
        let events = i64::try_from(self.wanted.events?.as_micros()).unwrap_or(i64::MAX);
        Some((events / SLICES_KEPT).clamp(1, SLICE_AGE_MAX))
    }

    /// The kind to look at now; a round begins when it is due.
    fn turn(&mut self, at: Timestamp) -> Option<Kind> {
        if self.left == 0 {
            if self.next_round.is_some_and(|due| at < due) {
                return None;
            }
            let every = self.slice_age().map_or(LOOK_EVERY, |age| age.min(LOOK_EVERY));
            self.next_round = Some(Timestamp(at.0.saturating_add(every)));
            self.left = KINDS.len();
        }
        KINDS.get(KINDS.len() - self.left).copied()
    }
}

impl Writer {
    /// Keeps what [`Writer::append`] writes so long from now on.
    pub fn keep(&mut self, wanted: Retention) {
        self.keeping = Keeping { wanted, ..Keeping::default() };
    }

    /// Deletes a little of what is too old at `at`, if it is time to look: one slice of events, or some rows of another
    /// kind. To be called after each commit, and now and then where there is none.
    ///
    /// # Errors
    /// As [`Writer::append`]. What failed once is tried again later, and is no error.
    pub fn retain(&mut self, at: Timestamp) -> Result<Retained, Error> {
        let Some(kind) = self.keeping.turn(at) else { return Ok(Retained::Nothing) };
        let done = match self.step(kind, at) {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(?kind, %error, "a deletion failed and is tried again later");
                self.make_way(error, &mut Tries::default())?;
                self.pool.hold(false);
                // What failed may have been done all the same.
                self.slice = OpenSlice::read(self.connection())?;
                Retained::Nothing
            }
        };
        if done == Retained::Nothing {
            self.keeping.left -= 1;
        }
        Ok(done)
    }

    fn step(&mut self, kind: Kind, at: Timestamp) -> Result<Retained, Error> {
        let wanted = self.keeping.wanted;
        let cut = |kept| Retention::cut(kept, at);
        match kind {
            Kind::Events => {
                self.close_old(at)?;
                cut(wanted.events).map_or(Ok(Retained::Nothing), |before| self.retire(before))
            }
            Kind::Failures => cut(wanted.failures).map_or(Ok(Retained::Nothing), |before| self.retire_failures(before)),
            Kind::Minutes => self.delete_before(cut(wanted.counts), &[&write::RETIRE_MINUTES, &write::RETIRE_HOURS]),
            Kind::Passed => {
                self.delete_before(cut(wanted.counts), &[&write::RETIRE_PASSED, &write::RETIRE_PASSED_HOURS])
            }
            Kind::Marks => self.delete_before(cut(wanted.marks), &[&write::RETIRE_MARKS, &write::RETIRE_REWINDS]),
            Kind::Aliases => {
                let queries = [&write::RETIRE_ALIASES, &proof::RETIRE_BARRIERS, &proof::RETIRE_BARRIER_ENDS];
                self.delete_before(cut(wanted.events), &queries)
            }
            Kind::Outbox => self.retire_outbox(cut(wanted.outbox), cut(wanted.events)),
        }
    }

    fn delete_before(&self, before: Option<Timestamp>, queries: &[&Query]) -> Result<Retained, Error> {
        before.map_or(Ok(Retained::Nothing), |before| self.delete(queries, &time(before)))
    }

    /// Closes the open slice when it is old: only closed ones are deleted.
    fn close_old(&mut self, at: Timestamp) -> Result<(), Error> {
        if !self.keeping.slice_age().is_some_and(|age| self.slice.is_old(at, age)) {
            return Ok(());
        }
        let mut next = self.slice.clone();
        if let Some(sealed) = next.close() {
            self.transaction(|writer| writer.seal(&sealed))?;
            self.slice = next;
        }
        Ok(())
    }

    /// Deletes the oldest slice whose events were all seen before `before`.
    fn retire(&mut self, before: Timestamp) -> Result<Retained, Error> {
        let failed = Error::statement("read", ask::RETIRED_SLICE.name);
        let oldest = self.connection().query_row(ask::RETIRED_SLICE.sql, [time(before)], |row| {
            Ok((row.get::<_, i32>(0)?, row.get::<_, i64>(1)?))
        });
        let (slice, events) = match oldest {
            Err(duckdb::Error::QueryReturnedNoRows) => return Ok(Retained::Nothing),
            oldest => oldest.map_err(failed)?,
        };
        self.transaction(|writer| {
            let failed = Error::statement("run", write::RETIRE_TAKE.name);
            writer.connection().execute(write::RETIRE_TAKE.sql, [slice]).map_err(failed)?;
            for query in [&write::RETIRE_WAITING, &write::LATE, &write::MINUTES, &write::TOPIC_FLOWS, &write::RETIRE] {
                run(writer.connection(), query)?;
            }
            Ok(())
        })?;
        self.keeping.held += events;
        self.give_back()?;
        Ok(Retained::Deleted)
    }

    /// Blocks of deleted rows are used again after a checkpoint. One that cannot be taken now comes later.
    fn give_back(&mut self) -> Result<(), Error> {
        if self.keeping.held < CHECKPOINT_EVENTS {
            return Ok(());
        }
        self.keeping.held = 0;
        match self.checkpoint() {
            Err(Error::Statement { source, .. }) if source.to_string().contains(CHECKPOINT_LATER) => {
                tracing::debug!(%source, "no checkpoint after a deletion");
                Ok(())
            }
            done => done,
        }
    }

    /// Deletes failure records; of a failure whose first record goes, the next one counts from now on.
    fn retire_failures(&self, before: Timestamp) -> Result<Retained, Error> {
        let mut done = Retained::Nothing;
        self.transaction(|writer| {
            done = writer.delete(&[&write::RETIRE_FAILURES, &write::RETIRE_HISTORY], &time(before))?;
            if done == Retained::Nothing {
                return Ok(());
            }
            run(writer.connection(), &write::CASES_LEFT)?;
            run(writer.connection(), &write::CASES)
        })?;
        Ok(done)
    }

    fn delete(&self, queries: &[&Query], until: &Value) -> Result<Retained, Error> {
        let mut rows = 0;
        for query in queries {
            let failed = Error::statement("run", query.name);
            rows += self.connection().execute(query.sql, params![until, STEP_ROWS]).map_err(failed)?;
        }
        Ok(if rows > 0 { Retained::Deleted } else { Retained::Nothing })
    }

    /// What was sent, and what can no longer be sent since its events are gone.
    fn retire_outbox(&self, sent: Option<Timestamp>, events: Option<Timestamp>) -> Result<Retained, Error> {
        let before = |cut: Option<Timestamp>| time(cut.unwrap_or(Timestamp(i64::MIN)));
        let failed = Error::statement("read", ask::RETIRED_OUTBOX.name);
        let cuts = params![before(sent), before(events)];
        let last: Option<i64> =
            self.connection().query_row(ask::RETIRED_OUTBOX.sql, cuts, |row| row.get(0)).map_err(failed)?;
        let Some(last) = last else { return Ok(Retained::Nothing) };
        let tables = [&write::RETIRE_OUTBOX_PASS, &write::RETIRE_OUTBOX_LINK, &write::RETIRE_OUTBOX_EVENT];
        self.delete(&tables, &Value::BigInt(last))
    }
}
