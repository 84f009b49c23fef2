//! Typed rows: an answer read by column name, so that neither order nor extra columns matter.

use super::{Cell, Table};
use crate::event::Timestamp;

/// Why an answer cannot be read as the rows it should hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A column is not there.
    #[error("a {row} has no column `{column}`; use the headwater that wrote the database")]
    Missing {
        /// Row type.
        row: &'static str,
        /// Column.
        column: &'static str,
    },
    /// A value is not of the type that the column should have.
    #[error("`{column}` of a {row} is not {wanted}; use the headwater that wrote the database")]
    Mismatch {
        /// Row type.
        row: &'static str,
        /// Column.
        column: &'static str,
        /// Type that was expected.
        wanted: &'static str,
    },
}

/// A value that a cell can be read as.
trait FromCell: Sized {
    /// The type's name for people.
    const WANTED: &'static str;
    /// The value; `None` when the cell holds something else.
    fn from_cell(cell: &Cell) -> Option<Self>;
}

impl FromCell for i64 {
    const WANTED: &'static str = "a whole number";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Int(n) => Some(*n),
            Cell::Wide(n) => (*n).try_into().ok(),
            _ => None,
        }
    }
}

impl FromCell for f64 {
    const WANTED: &'static str = "a number";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Float(n) => Some(*n),
            Cell::Int(n) => Some(*n as f64),
            Cell::Wide(n) => Some(*n as f64),
            _ => None,
        }
    }
}

impl FromCell for bool {
    const WANTED: &'static str = "true or false";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Bool(b) => Some(*b),
            _ => None,
        }
    }
}

impl FromCell for String {
    const WANTED: &'static str = "text";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromCell for Timestamp {
    const WANTED: &'static str = "a time";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Time(us) => Some(Self(*us)),
            _ => None,
        }
    }
}

/// Lists are text at the door, whatever they hold.
impl FromCell for Vec<i64> {
    const WANTED: &'static str = "a list of whole numbers";
    fn from_cell(cell: &Cell) -> Option<Self> {
        let number = |cell: &Cell| match cell {
            Cell::Text(text) => text.parse().ok(),
            other => i64::from_cell(other),
        };
        match cell {
            Cell::List(cells) => cells.iter().map(number).collect(),
            Cell::Null => Some(Self::new()),
            _ => None,
        }
    }
}

impl FromCell for Vec<String> {
    const WANTED: &'static str = "a list";
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::List(cells) => cells.iter().map(String::from_cell).collect(),
            Cell::Null => Some(Self::new()),
            _ => None,
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    const WANTED: &'static str = T::WANTED;
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            other => T::from_cell(other).map(Some),
        }
    }
}

fn position(table: &Table, row: &'static str, column: &'static str) -> Result<usize, RowError> {
    table.columns.iter().position(|c| c.name == column).ok_or(RowError::Missing { row, column })
}

fn read<T: FromCell>(cells: &[Cell], at: usize, row: &'static str, column: &'static str) -> Result<T, RowError> {
    cells.get(at).and_then(T::from_cell).ok_or(RowError::Mismatch { row, column, wanted: T::WANTED })
}

macro_rules! row {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $column:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// The columns that an answer needs to be read as such rows.
            pub const COLUMNS: &'static [&'static str] = &[$($column),*];

            /// Reads an answer, or says which column is missing or of another type.
            pub fn from_table(table: &Table) -> Result<Vec<Self>, RowError> {
                const ROW: &str = stringify!($name);
                struct At { $($field: usize),* }
                let at = At { $($field: position(table, ROW, $column)?),* };
                table.rows.iter().map(|cells| Ok(Self { $($field: read(cells, at.$field, ROW, $column)?),* })).collect()
            }
        }
    };
}

mod audit;
mod counts;
mod duplicates;
mod failures;
mod lag;
mod proof;
mod summary;

pub use audit::AuditRow;
pub use counts::{BusinessCase, BusinessFlowRow, BusinessRow, CountRow, FlowRow, MinuteRow, PassedMinute, Totals};
pub use duplicates::Duplicate;
pub use failures::{Attempt, BlastRow, FailureLine, FailureSample, FailureStanding, Orphan, Parked, SignatureFact};
pub use lag::{GroupLine, LagRow, PartitionProgress, RewindLine, WaitingEvent, WaitingType};
pub use proof::BarrierEnd;
pub use summary::{Deleted, DurationBin, Loss, NotSeen, SeriesRow};

row! {
    /// One event of a conversation (`trace_nodes`).
    TraceNode {
        /// Its name for ever.
        reference: i64 = "ref",
        /// Where it came from.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// Partition.
        partition: i64 = "partition",
        /// Offset.
        offset: i64 = "offset",
        /// Its own time.
        time: Timestamp = "time",
        /// What it is: `event`, `retry`, `dead_letter`, …
        kind: String = "kind",
        /// Its type, where it says one.
        event_type: Option<String> = "type",
        /// `root`, `caused`, `inferred`, `unlinked`, `waiting` or `orphaned`.
        resolution: String = "resolution",
        /// Why it is orphaned, or what holds its verdict back.
        orphan_reason: Option<String> = "orphan_reason",
        /// The conversation's id.
        conversation: i64 = "conversation",
    }
}

row! {
    /// One edge *effect <- cause* (`trace_edges`).
    TraceEdge {
        /// The event that was caused.
        effect: i64 = "effect",
        /// The event that caused it.
        cause: i64 = "cause",
        /// Why this is believed.
        evidence: String = "evidence",
        /// `declared`, `transactional` or `inferred`.
        class: String = "class",
        /// 1 when certain.
        confidence: f64 = "confidence",
    }
}

row! {
    /// One failure record of a conversation (`trace_failures`).
    TraceFailure {
        /// The failure record itself.
        reference: i64 = "ref",
        /// Topic of the failure record.
        topic: String = "topic",
        /// `dead_letter`, `retry` or `fault`.
        kind: String = "kind",
        /// `retrying`, `dead` or `healed`.
        state: String = "state",
        /// The record that failed, where it was seen.
        origin: Option<i64> = "origin",
        /// Why it is believed to be that.
        origin_evidence: Option<String> = "origin_evidence",
        /// 1.0 when that is certain.
        origin_confidence: Option<f64> = "origin_confidence",
        /// Its topic, as the failure record names it.
        origin_topic: Option<String> = "origin_topic",
        /// Its partition.
        origin_partition: Option<i64> = "origin_partition",
        /// Its offset.
        origin_offset: Option<i64> = "origin_offset",
        /// The group that failed, where it is named.
        consumer_group: Option<String> = "consumer_group",
        /// Why that group is believed: `named`, `topic` or `ledger`.
        group_evidence: Option<String> = "group_evidence",
        /// The groups that it can only have been.
        candidate_groups: Vec<String> = "candidate_groups",
        /// Number of the attempt.
        attempt: Option<i64> = "attempt",
        /// Class of the error.
        error_class: Option<String> = "error_class",
        /// What the error said.
        error_message: Option<String> = "error_message",
        /// What all failures of this kind have in common.
        signature: Option<String> = "signature",
        /// When the failure record was written: its own time may be that of the event it repeats.
        time: Timestamp = "record_time",
        /// Why its way back to the root is broken.
        orphan_reason: Option<String> = "orphan_reason",
        /// The event that healed it.
        healed_by: Option<i64> = "healed_by",
        /// What shows that it healed: `redrive`, `later_success` or `effects`.
        healed_evidence: Option<String> = "healed_evidence",
        /// A group that has passed the failure record.
        attended_by: Option<String> = "attended_by",
    }
}

/// What stands for a group that a failure record does not name.
pub const UNNAMED_GROUP: &str = "an unnamed group";

impl TraceFailure {
    /// Why its origin is believed, and how much, where the record itself does not name it.
    pub fn concluded(&self) -> Option<String> {
        let (evidence, confidence) = (self.origin_evidence.as_deref()?, self.origin_confidence?);
        (evidence == "same_value").then(|| format!("same value, {confidence:.2} (inferred)"))
    }

    /// The group by name, else all that it can have been, else that the record names none.
    pub fn group(&self) -> String {
        match (&self.consumer_group, self.candidate_groups.as_slice()) {
            (Some(group), _) => group.clone(),
            (None, []) => UNNAMED_GROUP.to_owned(),
            (None, groups) => groups.join(" or "),
        }
    }

    /// The group as the end of a sentence.
    pub fn in_group(&self) -> String {
        match self.group() {
            unnamed if unnamed == UNNAMED_GROUP => unnamed,
            group => format!("group {group}"),
        }
    }
}

row! {
    /// How far one group has come on one event (`passage`, with the event beside it).
    PassageRow {
        /// The event.
        reference: i64 = "ref",
        /// The group.
        consumer_group: String = "consumer_group",
        /// `passed`, `not_reached` or `unknown`.
        state: String = "state",
    }
}

row! {
    /// One reason of one partition's coverage (`coverage`).
    CoverageLine {
        /// Cluster.
        cluster: String = "cluster",
        /// Topic.
        topic: String = "topic",
        /// Partition.
        partition: i64 = "partition",
        /// Why offsets are missing; `None` on the row that holds `seen`.
        reason: Option<String> = "reason",
        /// Where reading began.
        first_offset: i64 = "first_offset",
        /// Where reading goes on.
        next_offset: i64 = "next_offset",
        /// Records seen.
        seen: Option<i64> = "seen",
        /// Offsets missing for this reason.
        missing: Option<i64> = "missing",
    }
}

row! {
    /// Failures of one kind (`failures`): one row a signature and group.
    FailureGroup {
        /// Distinct (record, group) that failed.
        failures: i64 = "failures",
        /// Time of the latest failure record.
        last_time: Timestamp = "last_time",
        /// The group that failed.
        consumer_group: Option<String> = "consumer_group",
        /// Class of the error, of the latest.
        error_class: Option<String> = "error_class",
        /// What the error said, of the latest.
        error_message: Option<String> = "error_message",
        /// Topic of the record that failed, of the latest.
        origin_topic: Option<String> = "origin_topic",
        /// Type of the event that the latest comes from.
        root_type: Option<String> = "root_type",
        /// Of these, given up.
        dead: i64 = "dead",
        /// Of these, tried again.
        retrying: i64 = "retrying",
        /// Of these, healed.
        healed: i64 = "healed",
        /// Of these, without a way back to a root.
        orphaned: i64 = "orphaned",
        /// Of these, dead letters that nobody has passed and nothing has healed.
        unattended: i64 = "unattended",
        /// Coordinates of the latest failure record.
        sample: String = "sample",
        /// Failures in each twelfth of the window.
        trend: Vec<i64> = "trend",
    }
}

row! {
    /// How the tap itself stands.
    TapStanding {
        /// The tapped clusters; `None` before the first record.
        cluster: Option<String> = "cluster",
        /// When it saw the newest event.
        seen_time: Option<Timestamp> = "seen_time",
        /// When it last sampled groups and log ends.
        sampled_at: Option<Timestamp> = "sampled_at",
        /// Records that lay on sampled partitions at that time, and were not read yet.
        unread: i64 = "unread",
        /// Time until the tap has read what is there, as its last minute went, ms; `None` when it cannot be told.
        catch_up_ms: Option<i64> = "catch_up_ms",
        /// How far back all events are in memory, ms; `None` while none has left it.
        horizon_memory_ms: Option<i64> = "horizon_memory_ms",
        /// How far back the database holds events, ms.
        horizon_disk_ms: Option<i64> = "horizon_disk_ms",
        /// Holes that may have held events: partitions and reasons.
        gaps: i64 = "gaps",
    }
}

row! {
    /// Sums of one minute over all topics of the business.
    Pulse {
        /// The minute.
        minute: Timestamp = "minute",
        /// Events that the tap saw in it.
        received: i64 = "received",
        /// Of these, passed: once for each group.
        passed: i64 = "passed",
        /// Of these, failed.
        failed: i64 = "failed",
        /// Of these, orphaned.
        orphaned: i64 = "orphaned",
    }
}

row! {
    /// An event that an id can mean (`find_…`).
    Match {
        /// Its name for ever.
        reference: i64 = "ref",
        /// `topic/partition/offset`.
        coordinates: String = "coordinates",
        /// Its own time.
        time: Timestamp = "time",
        /// What it is.
        kind: String = "kind",
        /// Its type.
        event_type: Option<String> = "type",
        /// The conversation's id when it was written.
        conversation: i64 = "conversation",
        /// What matched: `id`, `trace_id`, …
        matched: String = "matched",
    }
}
