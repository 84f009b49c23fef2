//! Ids of traces and spans. They follow from where a record lies, so that what is told twice has the same ids twice.

use crate::event::{EventRef, HashKey, Ordinal, PartitionRow};
use std::collections::HashMap;
use std::sync::Arc;

/// Key of the hashes. Public: ids of spans are no secrets, and two databases of one cluster shall give the same.
const KEY: HashKey = HashKey(*b"headwater span 1");

/// A record's coordinates, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the tapped cluster.
    pub cluster: Arc<str>,
    /// Topic.
    pub topic: Arc<str>,
    /// Which of the topics that had this name: its topic id, else the database's salt and its number there. Databases of
    /// one cluster give the same ids to the same record, and two clusters of one name do not share a trace.
    pub topic_key: [u8; 16],
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl Place {
    /// `topic/partition/offset`.
    pub fn coordinates(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }

    /// 8 bytes for each of the numbers and names with their lengths: no two places have the same.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        name(&mut bytes, &self.cluster);
        name(&mut bytes, &self.topic);
        bytes.extend_from_slice(&self.topic_key);
        for number in [i64::from(self.partition), self.offset] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes
    }
}

fn name(bytes: &mut Vec<u8>, name: &str) {
    bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
    bytes.extend_from_slice(name.as_bytes());
}

/// What refs stand for.
#[derive(Debug, Clone, Default)]
pub struct Places {
    rows: HashMap<Ordinal, PartitionRow>,
    salt: i64,
}

impl Places {
    /// From the database's dictionary of partitions, and its salt.
    pub fn new(rows: impl IntoIterator<Item = PartitionRow>, salt: i64) -> Self {
        Self { rows: rows.into_iter().map(|row| (row.ordinal, row)).collect(), salt }
    }

    fn topic_key(&self, row: &PartitionRow) -> [u8; 16] {
        match row.partition.topic_id {
            id if id != [0; 16] => id,
            _ => ((self.salt as u128) << 64 | row.incarnation as u128).to_be_bytes(),
        }
    }

    /// True when `reference` can be said in words.
    pub fn knows(&self, reference: EventRef) -> bool {
        self.rows.contains_key(&reference.ordinal())
    }

    /// Where `reference` lies. One whose number the dictionary does not hold, which nobody writes, is named by that.
    pub fn place(&self, reference: EventRef) -> Place {
        match self.rows.get(&reference.ordinal()) {
            Some(row) => Place {
                cluster: Arc::clone(&row.partition.cluster),
                topic: Arc::clone(&row.partition.topic),
                topic_key: self.topic_key(row),
                partition: row.partition.partition,
                offset: row.base + reference.offset(),
            },
            None => Place {
                cluster: "".into(),
                topic: format!("#{}", reference.ordinal().0).into(),
                topic_key: [0; 16],
                partition: 0,
                offset: reference.offset(),
            },
        }
    }
}

/// The trace that the record at `seed` names.
pub fn trace_id(seed: &Place) -> [u8; 16] {
    let (hi, lo) = KEY.hash128(&seed.bytes());
    // All zero means no trace.
    (u128::from(hi) << 64 | u128::from(lo)).max(1).to_be_bytes()
}

/// The span of the record at `place`.
pub fn event_span(place: &Place) -> [u8; 8] {
    span(&place.bytes())
}

/// The span of a group that passed it.
pub fn pass_span(place: &Place, group: &str) -> [u8; 8] {
    let mut bytes = place.bytes();
    name(&mut bytes, "pass");
    name(&mut bytes, group);
    span(&bytes)
}

/// The span that says that `cause` was found late.
pub fn late_span(place: &Place, cause: &Place) -> [u8; 8] {
    let mut bytes = place.bytes();
    name(&mut bytes, "cause");
    bytes.extend_from_slice(&cause.bytes());
    span(&bytes)
}

fn span(bytes: &[u8]) -> [u8; 8] {
    KEY.hash(bytes).max(1).to_be_bytes()
}
