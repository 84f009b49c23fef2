//! Where reading of each partition begins.

use super::cluster::{Cluster, Led, LogPoint, Offsets};
use super::error::Error;
use super::{Plan, Position};
use crate::event::{Timestamp, TopicPartition};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Where reading of one partition begins, and what its log held at that moment.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    pub(super) led: Led,
    /// First offset that is read, or that should have been: it may lie before `log_start`.
    pub(super) position: i64,
    pub(super) log_start: i64,
    /// Where a read_committed reader stops.
    pub(super) stable: i64,
}

/// A plan under which some partitions are read from their start, unless an earlier run read them.
pub(super) struct TurnedUp {
    pub(super) plan: Arc<dyn Plan>,
    pub(super) partitions: HashSet<Arc<TopicPartition>>,
}

impl Plan for TurnedUp {
    fn wants(&self, topic: &str) -> bool {
        self.plan.wants(topic)
    }

    fn position(&self, partition: &TopicPartition) -> Position {
        match self.plan.position(partition) {
            Position::Resume(offset) => Position::Resume(offset),
            _ if self.partitions.contains(partition) => Position::Earliest,
            planned => planned,
        }
    }
}

/// Asks the plan and the leaders; a partition whose leader did not answer is left out, to be asked again.
pub(super) fn beginnings(cluster: &mut Cluster, partitions: &[Led], plan: &dyn Plan) -> Result<Vec<Beginning>, Error> {
    let starts = cluster.offsets(partitions, LogPoint::Start)?;
    let stables = cluster.offsets(partitions, LogPoint::Stable)?;
    let wanted: Vec<(Led, Position)> =
        partitions.iter().map(|led| (led.clone(), plan.position(&led.identity))).collect();
    let times = Times::ask(cluster, &wanted, &stables)?;
    let beginning = |(led, wanted): (Led, Position)| {
        let log_start = *starts.get(&led.identity)?;
        let stable = *stables.get(&led.identity)?;
        let position = match wanted {
            Position::Resume(offset) => offset,
            Position::Earliest => log_start,
            Position::Latest => stable,
            Position::Time(_) => times.position(&led.identity, log_start, stable)?,
        };
        Some(Beginning { led, position, log_start, stable })
    };
    Ok(wanted.into_iter().filter_map(beginning).collect())
}

/// What the leaders say about positions that are times.
struct Times {
    found: Offsets,
    /// The answer for the oldest possible time, asked where nothing was found.
    oldest: Offsets,
}

impl Times {
    fn ask(cluster: &mut Cluster, wanted: &[(Led, Position)], stables: &Offsets) -> Result<Self, Error> {
        let mut by_time: HashMap<Timestamp, Vec<Led>> = HashMap::new();
        for (led, position) in wanted {
            if let Position::Time(time) = position {
                by_time.entry(*time).or_default().push(led.clone());
            }
        }
        let mut found = Offsets::new();
        for (time, partitions) in &by_time {
            found.extend(cluster.offsets(partitions, LogPoint::At(*time))?);
        }
        let nothing = |led: &Led| {
            found.get(&led.identity).is_some_and(|&offset| offset < 0)
                && stables.get(&led.identity).is_some_and(|&stable| stable > 0)
        };
        let unsure: Vec<Led> = by_time.into_values().flatten().filter(nothing).collect();
        let oldest = cluster.offsets(&unsure, LogPoint::At(Timestamp(0)))?;
        Ok(Self { found, oldest })
    }

    /// No record at or after the time means the end, unless the broker finds none since 1970 either in a log that has
    /// some: it cannot look up by time (librdkafka's mock cluster cannot), and "unknown" must read more, never less.
    fn position(&self, partition: &Arc<TopicPartition>, log_start: i64, stable: i64) -> Option<i64> {
        let found = *self.found.get(partition)?;
        if found >= 0 {
            return Some(found);
        }
        match self.oldest.get(partition) {
            Some(&oldest) if oldest >= 0 => Some(stable),
            Some(_) => Some(log_start),
            None if stable > 0 => None,
            None => Some(stable),
        }
    }
}
