//! What one commit adds to the roll-ups: events by topic, profile and minute, counted in one pass over its columns.

use super::columns::{MAX_TIME, MIN_TIME};
use crate::event::{CauseRow, EventColumns, EventRef, Kind, PartitionRow, Resolution, Timestamp, TrialRow};
use duckdb::{Appender, params};
use std::collections::HashMap;
use std::sync::Arc;

/// Length of a minute, µs.
pub(super) const MINUTE: i64 = 60_000_000;

/// When the minute that holds `time` began, as it is stored.
pub(super) fn minute(time: Timestamp) -> Timestamp {
    Timestamp(time.0.clamp(MIN_TIME, MAX_TIME).div_euclid(MINUTE) * MINUTE)
}

/// Which topic each ordinal belongs to.
#[derive(Default)]
pub(super) struct Topics {
    by_name: HashMap<(Arc<str>, Arc<str>, i32), u32>,
    by_ordinal: Vec<u32>,
}

impl Topics {
    /// The topic's number: the first ordinal that one of its partitions got.
    pub fn number(&mut self, row: &PartitionRow) -> u32 {
        let ordinal = row.ordinal.0;
        let name = (Arc::clone(&row.partition.cluster), Arc::clone(&row.partition.topic), row.incarnation);
        let number = *self.by_name.entry(name).or_insert(ordinal);
        let at = ordinal as usize;
        if self.by_ordinal.len() <= at {
            self.by_ordinal.resize(at + 1, u32::MAX);
        }
        self.by_ordinal[at] = number;
        number
    }

    /// The number of the topic that a ref belongs to.
    pub fn of(&self, reference: i64) -> u32 {
        let ordinal = EventRef(reference).ordinal().0;
        self.by_ordinal.get(ordinal as usize).copied().unwrap_or(ordinal)
    }
}

/// Events of one topic and profile that were read in one minute.
pub(super) struct MinuteTally {
    pub topic: u32,
    pub profile: i32,
    /// When the minute began, µs.
    pub minute: i64,
    pub received: i64,
    /// Records of retries.
    pub retried: i64,
    /// By the number of their resolution.
    pub resolved: [i64; Resolution::NAMES.len()],
    /// Seen times, µs.
    pub seen: (i64, i64),
    /// Event times, µs.
    time: (i64, i64),
}

impl MinuteTally {
    fn holds(&self, topic: u32, profile: i32, seen: i64) -> bool {
        self.topic == topic && self.profile == profile && (self.minute..self.minute + MINUTE).contains(&seen)
    }

    /// Counts the events of a commit.
    pub fn count(topics: &Topics, columns: [&EventColumns; 2]) -> Vec<Self> {
        let mut tallies: Vec<Self> = Vec::new();
        let mut places: HashMap<(u32, i32, i64), usize> = HashMap::new();
        let mut current = usize::MAX;
        for column in columns {
            for (at, &reference) in column.reference.iter().enumerate() {
                let (topic, profile) = (topics.of(reference), column.profile[at]);
                let seen = column.seen_time[at].clamp(MIN_TIME, MAX_TIME);
                // Records come in runs of one partition, and often of one type: the last place is mostly the right one.
                if tallies.get(current).is_none_or(|t| !t.holds(topic, profile, seen)) {
                    let minute = minute(Timestamp(seen)).0;
                    current = *places.entry((topic, profile, minute)).or_insert_with(|| {
                        tallies.push(Self::new(topic, profile, minute));
                        tallies.len() - 1
                    });
                }
                let tally = &mut tallies[current];
                tally.received += 1;
                tally.retried += i64::from(column.kind[at] == Kind::Retry as i8);
                if let Some(resolved) = tally.resolved.get_mut(column.resolution[at] as usize) {
                    *resolved += 1;
                }
                widen(&mut tally.seen, seen);
                widen(&mut tally.time, column.time[at]);
            }
        }
        tallies
    }

    const fn new(topic: u32, profile: i32, minute: i64) -> Self {
        let none = (i64::MAX, i64::MIN);
        let resolved = [0; Resolution::NAMES.len()];
        Self { topic, profile, minute, received: 0, retried: 0, resolved, seen: none, time: none }
    }
}

fn widen(range: &mut (i64, i64), by: i64) {
    *range = (range.0.min(by), range.1.max(by));
}

/// Events of one topic and profile in one commit.
pub(super) struct TypeTally {
    pub topic: u32,
    pub profile: i32,
    pub events: i64,
    /// Event times, µs.
    pub time: (i64, i64),
}

impl TypeTally {
    /// Puts the minutes of each topic and profile together.
    pub fn sum(minutes: &[MinuteTally]) -> Vec<Self> {
        let mut types: HashMap<(u32, i32), Self> = HashMap::new();
        for tally in minutes {
            let (topic, profile) = (tally.topic, tally.profile);
            let one = types.entry((topic, profile)).or_insert(Self { topic, profile, events: 0, time: tally.time });
            one.events += tally.received;
            widen(&mut one.time, tally.time.0);
            widen(&mut one.time, tally.time.1);
        }
        types.into_values().collect()
    }
}

/// Edges from one topic to another in one commit.
pub(super) struct FlowTally {
    /// Topic of the cause.
    pub from: u32,
    /// Topic of the effect.
    pub to: u32,
    /// Number of the evidence.
    pub evidence: i8,
    pub events: i64,
}

/// Counts the edges of a commit: those that its events carry, and those beside.
pub(super) fn count_flows(topics: &Topics, columns: [&EventColumns; 2], causes: &[CauseRow]) -> Vec<FlowTally> {
    let mut flows: HashMap<(u32, u32, i8), i64> = HashMap::new();
    for column in columns {
        for (at, &reference) in column.reference.iter().enumerate() {
            if column.cause.is_valid(at) {
                let ends = (topics.of(column.cause.values[at]), topics.of(reference));
                *flows.entry((ends.0, ends.1, column.evidence.values[at])).or_default() += 1;
            }
        }
    }
    for row in causes {
        let ends = (topics.of(row.cause.0), topics.of(row.effect.0));
        *flows.entry((ends.0, ends.1, row.evidence as i8)).or_default() += 1;
    }
    flows.into_iter().map(|((from, to, evidence), events)| FlowTally { from, to, evidence, events }).collect()
}

/// How conclusions fared, for the staging table.
pub(super) fn append_trial(to: &mut Appender<'_>, row: &TrialRow) -> duckdb::Result<()> {
    let place = |(reference, profile): (EventRef, i32)| (reference.ordinal().0, profile);
    let ((from, from_profile), (effect, to_profile)) = (place(row.cause), place(row.effect));
    let evidence = row.evidence as i8;
    to.append_row(params![
        from,
        from_profile,
        effect,
        to_profile,
        evidence,
        i64::from(row.right),
        i64::from(row.wrong),
        i64::from(row.missed),
        row.claimed
    ])
}
