//! What the tap says, as the demo reads it.

use super::ledger::{Coordinates, Standing};
use crate::report::{Cell, Table};
use std::collections::HashMap;
use std::sync::Arc;

/// The question behind [`Answers::failures`].
pub const FAILURES: &str = include_str!("../../queries/ask/demo_failures.sql");
/// The question behind [`Answers::seen`].
pub const SEEN: &str = include_str!("../../queries/ask/demo_seen.sql");
/// The question behind [`Answers::passed`].
pub const PASSED: &str = include_str!("../../queries/ask/demo_passed.sql");

/// One failure record that the tap found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Where it lies.
    pub at: Option<Coordinates>,
    /// `dead_letter`, `retry` or `fault`.
    pub kind: String,
    /// `retrying`, `dead` or `healed`.
    pub state: String,
    /// The record that failed first.
    pub origin: Option<Coordinates>,
    /// Its type.
    pub origin_type: Option<String>,
    /// The event that everything started with.
    pub root: Option<Coordinates>,
    /// Its type.
    pub root_type: Option<String>,
    /// The group that failed.
    pub group: Option<String>,
    /// Class of the error.
    pub error_class: Option<String>,
    /// Why the way back to the root is broken.
    pub orphan_reason: Option<String>,
    /// A group that has passed it.
    pub attended_by: Option<String>,
}

/// What the tap saw of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Where it reads on.
    pub next: i64,
    /// Records seen.
    pub seen: i64,
    /// Offsets that it could not see.
    pub missing: i64,
}

/// How far a group has come on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The group.
    pub group: String,
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Next offset it will read.
    pub committed: i64,
    /// End of the log.
    pub end: i64,
}

/// All answers of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Failure records.
    pub failures: Vec<Found>,
    /// Partitions.
    pub seen: Vec<Seen>,
    /// Groups.
    pub passed: Vec<Passed>,
}

impl Answers {
    /// Asks everything. `ask` answers one of this module's questions.
    ///
    /// # Errors
    /// Those of `ask`.
    pub fn gather<E>(mut ask: impl FnMut(&str) -> Result<Table, E>) -> Result<Self, E> {
        Ok(Self {
            failures: Rows(&ask(FAILURES)?).map(found),
            seen: Rows(&ask(SEEN)?).map(|row| Seen {
                topic: row.text("topic").unwrap_or_default().into(),
                partition: row.partition("partition"),
                next: row.number("next_offset").unwrap_or_default(),
                seen: row.number("seen").unwrap_or_default(),
                missing: row.number("missing").unwrap_or_default(),
            }),
            passed: Rows(&ask(PASSED)?).map(|row| Passed {
                group: row.text("consumer_group").unwrap_or_default(),
                topic: row.text("topic").unwrap_or_default().into(),
                partition: row.partition("partition"),
                committed: row.number("committed_offset").unwrap_or_default(),
                end: row.number("log_end_offset").unwrap_or_default(),
            }),
        })
    }

    /// True when the tap has read up to `ends` on every partition.
    pub fn have_seen(&self, ends: &HashMap<(Arc<str>, i32), i64>) -> bool {
        self.unread(ends) == 0
    }

    /// Records below `ends` that the tap has not read yet.
    pub fn unread(&self, ends: &HashMap<(Arc<str>, i32), i64>) -> i64 {
        let next: HashMap<_, _> = self.seen.iter().map(|s| ((s.topic.clone(), s.partition), s.next)).collect();
        ends.iter().map(|(place, end)| (end - next.get(place).copied().unwrap_or(0)).max(0)).sum()
    }

    /// True when every group has passed all there is, but for the partitions on which it is known to stand.
    pub fn have_passed(&self, standing: &Standing) -> bool {
        self.passed.iter().filter(|part| part.committed < part.end).all(|part| {
            let place = (part.group.as_str().into(), part.topic.clone(), part.partition);
            standing.contains(&place)
        })
    }

    /// True when nothing that was found is still open: each failure has a root or a reason why not, and no retry is pending.
    pub fn are_settled(&self) -> bool {
        self.failures
            .iter()
            .all(|found| found.state != "retrying" && (found.root.is_some() || found.orphan_reason.is_some()))
    }
}

fn found(row: &Row<'_>) -> Found {
    Found {
        at: row.coordinates(["topic", "partition", "offset"]),
        kind: row.text("kind").unwrap_or_default(),
        state: row.text("state").unwrap_or_default(),
        origin: row.coordinates(["origin_topic", "origin_partition", "origin_offset"]),
        origin_type: row.text("origin_type"),
        root: row.coordinates(["root_topic", "root_partition", "root_offset"]),
        root_type: row.text("root_type"),
        group: row.text("consumer_group"),
        error_class: row.text("error_class"),
        orphan_reason: row.text("orphan_reason"),
        attended_by: row.text("attended_by"),
    }
}

struct Rows<'a>(&'a Table);

impl Rows<'_> {
    fn map<T>(&self, read: impl Fn(&Row<'_>) -> T) -> Vec<T> {
        self.0.rows.iter().map(|cells| read(&Row { table: self.0, cells })).collect()
    }
}

struct Row<'a> {
    table: &'a Table,
    cells: &'a [Cell],
}

impl Row<'_> {
    fn cell(&self, name: &str) -> Option<&Cell> {
        self.table.columns.iter().position(|column| column.name == name).and_then(|at| self.cells.get(at))
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.cell(name) {
            Some(Cell::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.cell(name)? {
            Cell::Int(number) => Some(*number),
            Cell::Wide(number) => i64::try_from(*number).ok(),
            // Through a door a 64-bit number may come as text.
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn partition(&self, name: &str) -> i32 {
        self.number(name).and_then(|number| i32::try_from(number).ok()).unwrap_or(-1)
    }

    fn coordinates(&self, [topic, partition, offset]: [&str; 3]) -> Option<Coordinates> {
        let partition = i32::try_from(self.number(partition)?).ok()?;
        Some(Coordinates { topic: self.text(topic)?.into(), partition, offset: self.number(offset)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Column, ColumnType};

    fn table(columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
        let columns = columns.iter().map(|name| Column { name: (*name).into(), kind: ColumnType::Text }).collect();
        Table { columns, rows }
    }

    #[test]
    fn tables_are_read_by_column_name() {
        let text = |t: &str| Cell::Text(t.into());
        let answers = Answers::gather(|question| {
            Ok::<_, ()>(match question {
                FAILURES => table(
                    &["offset", "topic", "kind", "partition", "root_topic", "root_partition", "root_offset"],
                    vec![
                        vec![
                            Cell::Int(9),
                            text("a.dlt"),
                            text("dead_letter"),
                            Cell::Int(1),
                            Cell::Null,
                            Cell::Null,
                            Cell::Null,
                        ],
                        vec![
                            Cell::Int(1),
                            text("b.dlt"),
                            text("retry"),
                            Cell::Int(0),
                            text("a"),
                            Cell::Int(2),
                            text("77"),
                        ],
                    ],
                ),
                SEEN => table(
                    &["topic", "partition", "next_offset", "seen", "missing"],
                    vec![vec![text("a"), Cell::Int(2), Cell::Int(78), Cell::Wide(70), Cell::Int(8)]],
                ),
                _ => table(&["consumer_group"], Vec::new()),
            })
        })
        .unwrap();
        assert_eq!(answers.failures[0].at, Some(Coordinates::new("a.dlt", 1, 9)));
        assert_eq!(answers.failures[0].root, None);
        assert_eq!(answers.failures[1].root, Some(Coordinates::new("a", 2, 77)));
        assert_eq!((answers.seen[0].seen, answers.seen[0].missing), (70, 8));
        let ends = HashMap::from([(("a".into(), 2), 80), (("c".into(), 0), 5)]);
        assert_eq!(answers.unread(&ends), 7);
        assert!(!answers.have_seen(&ends) && !answers.are_settled());
        let mut answers = answers;
        answers.passed = vec![Passed { group: "g".into(), topic: "a".into(), partition: 2, committed: 77, end: 78 }];
        assert!(!answers.have_passed(&Standing::new()));
        assert!(answers.have_passed(&Standing::from([("g".into(), "a".into(), 2)])));
    }
}
