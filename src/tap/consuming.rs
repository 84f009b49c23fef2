//! What the core makes of groups: samples and logged commits in, progress and passes out.

use super::core::{Core, covered};
use crate::event::{GroupSample, LogEnds, LoggedCommit, Ordinal, ProgressRow, TopicPartition};
use std::collections::HashMap;
use std::sync::Arc;

impl Core {
    /// Takes a sample of all groups. Where the sample has no log end, as in an import, the log ends where reading did.
    pub fn groups(&mut self, sample: &GroupSample) {
        self.stand(sample);
        let mut own = self.own_ends();
        own.retain(|ends| ends.partition.cluster == sample.cluster);
        let ends: HashMap<&Arc<TopicPartition>, &LogEnds> =
            own.iter().chain(&sample.ends).map(|ends| (&ends.partition, ends)).collect();
        for group in &sample.groups {
            let find = |topic: &str, partition: i32| {
                let partition = self.catalog.find(&sample.cluster, topic, partition)?;
                let ends = ends.get(partition)?;
                let ordinal = self.catalog.ordinal(partition, ends.end)?;
                let coverage = covered(&self.coverage, ordinal);
                Some((ordinal, *ends, coverage))
            };
            let rows = self.ledger.tally(group, (sample.at, sample.resolution_ms), find);
            // Every commit, not only those that moved: retries below them may have been read since.
            let consumed: Vec<(Ordinal, i64)> = group
                .commits
                .iter()
                .filter_map(|commit| Some((find(&commit.topic, commit.partition)?.0, commit.offset?)))
                .collect();
            for (ordinal, committed) in consumed {
                self.passings.committed(&group.group, ordinal, committed, (sample.at, sample.resolution_ms));
                if let Some(place) = self.catalog.at(ordinal) {
                    self.resolver.reads(&group.group, place.topic);
                }
                self.resolver.consumed(ordinal, committed);
            }
            // Two samples may meet in one commit: one row a group and partition, the last one stands.
            let same =
                |a: &ProgressRow, b: &ProgressRow| (a.ordinal, &a.consumer_group) == (b.ordinal, &b.consumer_group);
            self.changes.progress.retain(|old| old.sampled_at == sample.at || !rows.iter().any(|row| same(row, old)));
            self.changes.progress.extend(rows);
        }
        if sample.complete {
            let gone = self.ledger.forget_missing(sample.at, |ordinal| {
                self.catalog.at(ordinal).is_some_and(|place| place.partition.cluster == sample.cluster)
            });
            self.changes.progress.retain(|row| !gone.contains(&(row.consumer_group.clone(), row.ordinal)));
            self.changes.forgotten.extend(gone);
        }
    }

    fn own_ends(&self) -> Vec<LogEnds> {
        self.coverage
            .iter()
            .flatten()
            .filter_map(|coverage| {
                let row = coverage.row();
                let place = self.catalog.at(row.ordinal)?;
                let (start, end) = (row.first_offset, row.next_offset);
                Some(LogEnds { partition: place.partition.clone(), start, end, stable: end, leader: -1 })
            })
            .collect()
    }

    /// Takes a commit that the cluster's log of them tells.
    pub(super) fn logged(&mut self, _commit: &LoggedCommit) {}
}
