//! What an earlier run read and some group has not passed: where records wait, and since when.

use super::query::write;
use super::writer::TEMP;
use super::{Error, Writer, file};
use crate::event::{EventRef, Timestamp};
use duckdb::arrow::array::AsArray;
use duckdb::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use duckdb::params;

/// Records that are looked at: 16 bytes each while they are. Partitions behind that are not known from before.
const RECORDS: i64 = 5_000_000;

/// Refs from the first to the one after the last.
pub type Refs = (EventRef, EventRef);

/// Takes the records of one range: refs, with the time that each carries.
pub type Each<'a> = dyn FnMut(Refs, &[(EventRef, Timestamp)]) + 'a;

impl Writer {
    /// Passes on the records of each of `ranges`, which ascend.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn unpassed(&self, ranges: &[Refs], each: &mut Each<'_>) -> Result<(), Error> {
        if ranges.is_empty() {
            return Ok(());
        }
        self.rows(TEMP, "range_stage", ranges, |to, (first, end)| to.append_row(params![first.0, end.0]))?;
        let records = self.records().map_err(Error::statement("read", write::UNPASSED.name));
        file::run(self.connection(), &write::RANGES_READ)?;
        let records = records?;
        let whole = if records.len() as i64 == RECORDS { records.last().map(|last| last.0) } else { None };
        for &(first, end) in ranges.iter().filter(|range| whole.is_none_or(|last| range.1 <= last)) {
            let from = records.partition_point(|(reference, _)| *reference < first);
            let to = records.partition_point(|(reference, _)| *reference < end);
            each((first, end), &records[from..to]);
        }
        Ok(())
    }

    fn records(&self) -> duckdb::Result<Vec<(EventRef, Timestamp)>> {
        let mut records = Vec::new();
        let mut statement = self.connection().prepare(write::UNPASSED.sql)?;
        for batch in statement.stream_arrow([RECORDS])? {
            let references = batch.column(0).as_primitive::<Int64Type>().values();
            let times = batch.column(1).as_primitive::<TimestampMicrosecondType>().values();
            records
                .extend(references.iter().zip(times).map(|(&reference, &time)| (EventRef(reference), Timestamp(time))));
        }
        Ok(records)
    }
}
