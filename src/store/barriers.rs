//! What proves verdicts, into the database.

use super::Error;
use super::writer::{MAIN, Writer, time};
use crate::event::Changes;
use duckdb::params;

impl Writer {
    /// Writes barriers, and the verdicts that they prove.
    pub(super) fn barriers(&self, small: &Changes) -> Result<(), Error> {
        self.rows(MAIN, "barrier_row", &small.barriers, |to, row| {
            to.append_row(params![row.number, row.sampled_at.map(time), time(row.passed_at)])
        })?;
        let ends = small.barriers.iter().flat_map(|row| row.ends.iter().map(|end| (row.number, *end)));
        let ends: Vec<_> = ends.collect();
        self.rows(MAIN, "barrier_end_row", &ends, |to, (barrier, (ordinal, end))| {
            to.append_row(params![barrier, ordinal.0, end])
        })?;
        self.rows(MAIN, "verdict_row", &small.verdicts, |to, row| to.append_row(params![row.reference.0, row.barrier]))
    }
}
