//! The core as an earlier run left it: everything comes from the database, nothing is read from Kafka again.

use super::core::Core;
use crate::causality::{Horizon, Memory, Named, RestoredEvent};
use crate::delivery::Coverage;
use crate::event::{
    CounterRow, CoverageRow, EventRef, EventRow, Evidence, FailureRow, GroupEvidence, Origin, OrphanReason,
    PartitionRow, PassedTo, ProducerRow, ProfileRow, ProgressRow, TraceContext, Undecoded,
};
use crate::store::{Error, RecentEvent, Restored, Writer};
use std::collections::HashMap;

fn restored_event(event: &RecentEvent) -> RestoredEvent {
    RestoredEvent {
        reference: event.reference,
        id: event.id,
        shared: [event.trace.map(TraceContext::identifier), event.correlation],
        conversation: event.conversation,
        kind: event.kind,
        resolution: event.resolution,
        cause: event.cause,
        profile: event.profile,
        seen_time: event.seen_time,
        topic: 0,
        event_type: 0,
    }
}

/// What an earlier run left in the database.
impl Core {
    /// Builds the core from what the database holds; `filtered` says whether the tap was told to leave topics out.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn resume(writer: &Writer, restored: Restored, filtered: bool) -> Result<Self, Error> {
        Self::resume_within(Memory::default(), writer, restored, filtered)
    }

    /// As [`Self::resume`], with so much memory for the search of causes: it is filled again as far as the budget reaches, and
    /// the database is asked for what is older.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn resume_within(memory: Memory, writer: &Writer, restored: Restored, filtered: bool) -> Result<Self, Error> {
        let mut core = Self::with_memory(restored.id_key, filtered, memory);
        let events = i64::try_from(memory.events()).unwrap_or(i64::MAX);
        core.restore_names(&restored.partitions, &restored.profiles, &restored.producers);
        core.restore_coverage(restored.coverage);
        core.restore_counters(&restored.counters);
        if restored.deleted > 0 {
            core.note_deleted();
        }
        core.restore_progress(restored.progress, restored.passed_to);
        restored.groups.into_iter().for_each(|row| core.ledger.restore_group(row));
        let unpassed = core.unpassed();
        writer.unpassed(unpassed, &mut |range, records| core.restore_unpassed(range, records))?;
        for (old, current) in restored.aliases {
            core.restore_merge(old, current);
        }
        core.oldest = restored.oldest;
        let mut given = 0;
        writer.recent_events(events, &mut |event| {
            given += 1;
            core.restore_event(restored_event(&event));
        })?;
        let origins = core.restore_open(restored.failures, &restored.pending);
        writer.recent_orphans(events, &mut |row| {
            core.restore_orphan(&row, origins.get(&row.reference).copied());
        })?;
        // What waits stands among the rows that were counted, and was not given.
        core.resolver.recall_from_store(given + restored.pending.len() as i64 >= events);
        Ok(core)
    }

    /// Dictionary rows, in the order of their numbers.
    pub fn restore_names(&mut self, partitions: &[PartitionRow], profiles: &[ProfileRow], producers: &[ProducerRow]) {
        for row in partitions {
            self.catalog.restore_place(row);
            self.lies_on(row.ordinal);
        }
        producers.iter().for_each(|row| self.catalog.restore_producer(row));
        for row in profiles {
            self.catalog.restore_profile(row);
        }
    }

    /// Coverage, which holds the read positions.
    pub fn restore_coverage(&mut self, rows: Vec<CoverageRow>) {
        for row in rows {
            self.note_start(row.log_start, row.first_offset);
            let at = row.ordinal.0 as usize;
            if self.coverage.len() <= at {
                self.coverage.resize(at + 1, None);
            }
            self.coverage[at] = Some(Coverage::restore(row));
        }
    }

    /// The tap's own numbers: what is counted goes on from where it stood.
    pub fn restore_counters(&mut self, rows: &[CounterRow]) {
        self.restore_sought(rows);
        for row in rows {
            let undecoded = row.name.strip_prefix("undecoded_");
            let at = Undecoded::ALL.iter().position(|reason| undecoded == Some(reason.as_str()));
            if let Some(at) = at {
                self.undecoded[at] = row.value as u64;
            }
            self.counters.insert(row.name.clone(), row.value);
        }
    }

    /// Progress of groups, and how far each was told to have passed.
    pub fn restore_progress(&mut self, rows: Vec<ProgressRow>, told: Vec<PassedTo>) {
        told.into_iter().for_each(|told| self.passings.restore(told));
        for row in rows {
            if let Some(committed) = row.committed_offset {
                let sampled = (row.sampled_at, row.resolution_ms);
                self.passings.committed(&row.consumer_group, row.ordinal, committed, sampled);
            }
            self.reads(&row.consumer_group, row.ordinal);
            self.ledger.restore(row);
        }
    }

    /// Failures, and the events that still wait; after all other events. Gives the origins that the failures name.
    pub fn restore_open(&mut self, failures: Vec<FailureRow>, waiting: &[EventRow]) -> HashMap<EventRef, Named> {
        for row in waiting {
            let event = RestoredEvent {
                reference: row.reference,
                id: row.id,
                shared: [row.trace.map(TraceContext::identifier), row.correlation],
                conversation: row.conversation,
                kind: row.kind,
                resolution: row.resolution,
                cause: None,
                profile: row.profile,
                seen_time: row.seen_time,
                topic: 0,
                event_type: 0,
            };
            self.restore_event(event);
        }
        let mut origins = HashMap::new();
        for failure in failures {
            self.read_to = self.read_to.max(failure.changed_at).max(failure.seen_time);
            if let Some(named) = self.restored_origin(&failure) {
                origins.insert(failure.reference, named);
            }
            self.restore_signature(&failure);
            self.resolver.restore_failure(failure);
        }
        for row in waiting {
            self.resolver.restore_waiting(row, origins.get(&row.reference).copied());
        }
        origins
    }

    /// An orphan, whose cause may still come; `origin` as its failure names it.
    pub fn restore_orphan(&mut self, row: &EventRow, origin: Option<Named>) {
        self.resolver.restore_orphan(row, origin);
    }

    fn restore_signature(&mut self, failure: &FailureRow) {
        let lies = self.catalog.at(failure.reference.ordinal()).map(|place| place.partition.topic.clone());
        let topic = failure.origin_topic.as_deref().or(lies.as_deref()).unwrap_or_default();
        // A group that was found out later was not known when the signature was made.
        let named = failure.group_evidence == Some(GroupEvidence::Named);
        let group = failure.consumer_group.as_deref().filter(|_| named).unwrap_or_default();
        let class = failure.error_class.as_deref().unwrap_or_default();
        self.signatures.restore(&failure.signature, (class, group, topic));
    }

    fn restored_origin(&mut self, failure: &FailureRow) -> Option<Named> {
        match failure.origin_evidence {
            Some(Evidence::FailureCoordinates) => {
                return failure.origin.map(|origin| Named::Here(origin, Horizon::Ahead));
            }
            // It names none: this one was concluded.
            Some(Evidence::SameValue) => return None,
            _ => {}
        }
        let (topic, partition, offset) = (&failure.origin_topic, failure.origin_partition, failure.origin_offset);
        let origin = Origin { topic: topic.clone()?, partition: partition?, offset: offset? };
        let at = self.catalog.at(failure.reference.ordinal())?.partition.clone();
        let Some(cluster) = self.catalog.home(&at, &origin.topic) else {
            return Some(Named::Nowhere(OrphanReason::OtherCluster));
        };
        Some(Named::Elsewhere(self.remember_elsewhere(&cluster, &origin)))
    }

    /// A merge of two conversations; before the events.
    pub fn restore_merge(&mut self, old: EventRef, current: EventRef) {
        self.resolver.restore_merge(old, current);
    }

    /// One event; topic and type are looked up here.
    pub fn restore_event(&mut self, mut event: RestoredEvent) {
        let ordinal = event.reference.ordinal();
        if let Some(place) = self.catalog.at(ordinal) {
            event.topic = place.topic;
            let coverage = self.coverage.get_mut(ordinal.0 as usize).and_then(Option::as_mut);
            if let Some(coverage) = coverage {
                let offset = place.base + event.reference.offset();
                coverage.note_seen(offset..offset + 1, event.seen_time);
            }
        }
        event.event_type = self.catalog.event_type(event.profile);
        self.newest = self.newest.max(Some(event.seen_time));
        self.resolver.restore_event(&event);
    }
}
