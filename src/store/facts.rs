//! What a file knows beside events: what the business counts, and how many commits were written.

use super::Error;
use super::file::run;
use super::query::{Query, ask, write};
use super::writer::Writer;
use crate::event::BusinessFlow;
use duckdb::params;

impl Writer {
    /// Replaces the business flows that the database knows by those of the configuration.
    ///
    /// # Errors
    /// None of them was replaced.
    pub fn configure(&mut self, flows: &[BusinessFlow]) -> Result<(), Error> {
        self.transaction(|writer| {
            run(writer.connection(), &write::BUSINESS_FLOWS_CLEARED)?;
            flows.iter().try_for_each(|flow| {
                let row = params![flow.name, flow.started_by, flow.completed_by, flow.within_ms];
                let done = writer.connection().execute(write::BUSINESS_FLOW.sql, row);
                done.map(drop).map_err(Error::statement("run", write::BUSINESS_FLOW.name))
            })
        })
    }

    /// Names the attribute that is summed up over what waits for a group; none sums up nothing.
    ///
    /// # Errors
    /// The database knows what it knew before.
    pub fn sum_up(&mut self, field: Option<&str>) -> Result<(), Error> {
        self.transaction(|writer| {
            run(writer.connection(), &write::VALUE_CLEARED)?;
            let Some(field) = field else { return Ok(()) };
            let done = writer.connection().execute(write::META.sql, params!["lag_value", field]);
            done.map(drop).map_err(Error::statement("run", write::META.name))
        })
    }

    /// Names the groups, by patterns of whole names, whose passing attends to nothing; none of them leaves out all.
    ///
    /// # Errors
    /// The database knows what it knew before.
    pub fn leave_out(&mut self, patterns: &[String]) -> Result<(), Error> {
        let any: Vec<String> = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect();
        self.transaction(|writer| {
            run(writer.connection(), &write::NOT_ATTENDING_CLEARED)?;
            if any.is_empty() {
                return Ok(());
            }
            let done = writer.connection().execute(write::META.sql, params!["not_attending", any.join("|")]);
            done.map(drop).map_err(Error::statement("run", write::META.name))
        })
    }

    /// Notes the number of a commit, in its transaction.
    pub(super) fn number(&self, number: i64) -> Result<(), Error> {
        let failed = |query: &Query| Error::statement("run", query.name);
        let noted =
            self.connection().execute(write::COMMIT_NUMBER.sql, [number]).map_err(failed(&write::COMMIT_NUMBER))?;
        if noted == 0 {
            self.connection()
                .execute(write::META.sql, params!["commits", number.to_string()])
                .map_err(failed(&write::META))?;
        }
        Ok(())
    }

    /// Number of the last commit that is in the file.
    pub(super) fn last_number(&self) -> Result<i64, Error> {
        let failed = Error::statement("read", ask::COMMIT_NUMBER.name);
        self.connection().query_row(ask::COMMIT_NUMBER.sql, [], |row| row.get(0)).map_err(failed)
    }
}
