//! What an earlier run read and some group has not passed: where records wait, and since when.

use super::query::write;
use super::writer::TEMP;
use super::{Error, Writer, file};
use crate::event::{EventRef, Timestamp};
use duckdb::arrow::array::AsArray;
use duckdb::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use duckdb::params;

/// Records that are looked at, all together: 16 bytes each while they are. Of partitions where more wait it is not known from
/// before how many; the shortest come first.
const RECORDS: i64 = 5_000_000;

/// Refs from the first to the one after the last.
pub type Refs = (EventRef, EventRef);

/// Takes the records of one range: refs, with the time that each carries.
pub type Each<'a> = dyn FnMut(Refs, &[(EventRef, Timestamp)]) + 'a;

impl Writer {
    /// Passes on the records of each of `ranges`, as far as [`RECORDS`] reach.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn unpassed(&self, ranges: Vec<Refs>, each: &mut Each<'_>) -> Result<(), Error> {
        let ranges = within_reach(ranges);
        if ranges.is_empty() {
            return Ok(());
        }
        self.rows(TEMP, "range_stage", &ranges, |to, (first, end)| to.append_row(params![first.0, end.0]))?;
        let records = self.records().map_err(Error::statement("read", write::UNPASSED.name));
        file::run(self.connection(), &write::RANGES_READ)?;
        let records = records?;
        for (first, end) in ranges {
            let from = records.partition_point(|(reference, _)| *reference < first);
            let to = records.partition_point(|(reference, _)| *reference < end);
            each((first, end), &records[from..to]);
        }
        Ok(())
    }

    fn records(&self) -> duckdb::Result<Vec<(EventRef, Timestamp)>> {
        let mut records = Vec::new();
        let mut statement = self.connection().prepare(write::UNPASSED.sql)?;
        for batch in statement.stream_arrow([])? {
            let references = batch.column(0).as_primitive::<Int64Type>().values();
            let times = batch.column(1).as_primitive::<TimestampMicrosecondType>().values();
            records
                .extend(references.iter().zip(times).map(|(&reference, &time)| (EventRef(reference), Timestamp(time))));
        }
        Ok(records)
    }
}

fn within_reach(mut ranges: Vec<Refs>) -> Vec<Refs> {
    ranges.sort_unstable_by_key(|(first, end)| end.0 - first.0);
    let mut left = RECORDS;
    ranges
        .into_iter()
        .take_while(|(first, end)| {
            left -= end.0 - first.0;
            left >= 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_ranges_come_first_as_far_as_there_is_room() {
        let range = |first: i64, length: i64| (EventRef(first), EventRef(first + length));
        let (long, half, short) = (range(0, RECORDS), range(RECORDS, RECORDS / 2), range(2 * RECORDS, 3));
        assert_eq!(within_reach(vec![long, half, short]), [short, half]);
        assert_eq!(within_reach(vec![long]), [long]);
    }
}
