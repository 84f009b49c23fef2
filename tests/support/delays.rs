//! Groups that are a known time behind: a producer that writes steadily and then stops, on a plain partition and in
//! transactions, and groups that commit so that the first record they have not passed is of a known age.

use super::produce::{Outgoing, Writer, create_topic};
use super::raw::Raw;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What every partition of the topic gets: plain records, and transactions of one record, each followed by its marker.
const PLAIN: i32 = 0;
const TRANSACTIONAL: i32 = 1;
/// Offsets that one record takes there.
const fn stride(partition: i32) -> i64 {
    if partition == PLAIN { 1 } else { 2 }
}

/// Where a group stands.
#[derive(Debug, Clone, Copy)]
enum Stand {
    /// At the first record that is not older than this.
    Behind(Duration),
    /// At this record, for ever.
    At(i64),
    /// Behind the last record; in transactions, before its marker.
    BeforeMarker,
}

/// A group, its partition, and where it stands.
const GROUPS: [(&str, i32, Stand); 7] = [
    ("two-seconds", PLAIN, Stand::Behind(Duration::from_secs(2))),
    ("seven-seconds", PLAIN, Stand::Behind(Duration::from_secs(7))),
    ("up-to-date", PLAIN, Stand::Behind(Duration::ZERO)),
    ("standing", PLAIN, Stand::At(3)),
    ("two-seconds-tx", TRANSACTIONAL, Stand::Behind(Duration::from_secs(2))),
    ("standing-tx", TRANSACTIONAL, Stand::At(3)),
    ("before-marker-tx", TRANSACTIONAL, Stand::BeforeMarker),
];

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// See the module's documentation.
pub struct Delays {
    topic: String,
    plain: Writer,
    transactional: Writer,
    raw: Raw,
    /// When each record of a partition was written, in order, in ms.
    written: BTreeMap<i32, Vec<i64>>,
    /// When each group committed which offset.
    commits: BTreeMap<&'static str, Vec<(i64, i64)>>,
}

impl Delays {
    /// Makes `topic` on a cluster of one broker.
    pub fn on(bootstrap: &str, topic: &str) -> Self {
        create_topic(bootstrap, topic, 2);
        Self {
            topic: topic.to_owned(),
            plain: Writer::new(bootstrap, "none"),
            transactional: Writer::transactional(bootstrap, "none", topic),
            raw: Raw::connect(bootstrap),
            written: [(PLAIN, Vec::new()), (TRANSACTIONAL, Vec::new())].into(),
            commits: BTreeMap::new(),
        }
    }

    /// One step: a record on each partition if `produce`, and what each group commits then.
    pub fn step(&mut self, produce: bool) {
        if produce {
            let at = now_ms();
            let record = |partition| Outgoing {
                partition,
                value: Some(b"{}".to_vec()),
                timestamp_ms: Some(at),
                ..Outgoing::default()
            };
            self.plain.send(&self.topic, &record(PLAIN));
            self.plain.flush();
            self.transactional.transaction(&self.topic, &[record(TRANSACTIONAL)], true);
            self.written.values_mut().for_each(|written| written.push(at));
        }
        for (group, partition, stand) in GROUPS {
            let written = &self.written[&partition];
            let record = match stand {
                Stand::Behind(behind) => {
                    written.partition_point(|at| *at <= now_ms() - behind.as_millis() as i64) as i64
                }
                Stand::At(record) => record.min(written.len() as i64),
                Stand::BeforeMarker => written.len() as i64,
            };
            let before_marker = matches!(stand, Stand::BeforeMarker) && record > 0;
            let offset = record * stride(partition) - i64::from(before_marker);
            let known = self.commits.entry(group).or_default();
            if known.last().is_none_or(|(_, last)| *last != offset) {
                self.raw.commit(group, &[(self.topic.clone(), partition, offset, String::new())]);
                known.push((now_ms(), offset));
            }
        }
    }

    /// How old the first record is that `group` has not passed, at `at`, in ms; 0 when there is none, `None` before its
    /// first commit.
    pub fn age(&self, group: &str, at: i64) -> Option<i64> {
        let (_, partition, _) = GROUPS.iter().find(|(name, ..)| *name == group)?;
        let (_, offset) = self.commits.get(group)?.iter().rev().find(|(then, _)| *then <= at)?;
        let record = (offset + stride(*partition) - 1) / stride(*partition);
        let written = self.written[partition].get(record as usize).filter(|written| **written <= at);
        Some(written.map_or(0, |written| at - written))
    }

    /// The smallest difference of `told` ms to what was true between two times.
    pub fn error(&self, group: &str, told: i64, (from, to): (i64, i64)) -> Option<i64> {
        (from..=to).step_by(50).chain([to]).filter_map(|at| Some(told.abs_diff(self.age(group, at)?) as i64)).min()
    }

    /// Names of the groups.
    pub fn groups() -> impl Iterator<Item = &'static str> {
        GROUPS.iter().map(|(name, ..)| *name)
    }
}
