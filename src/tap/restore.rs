//! The core as an earlier run left it: everything comes from the database, nothing is read from Kafka again.

use super::core::Core;
use crate::causality::{RestoredEvent, trace_identifier};
use crate::event::EventRef;
use crate::store::{Error, RecentEvent, Restored, Writer};
use std::collections::HashMap;

/// Events that are taken back into memory: as far back as the id index reaches.
const EVENTS_RESTORED: i64 = 12 << 20;

/// Builds the core from what the database holds; `filtered` says whether the tap was told to leave topics out.
pub(super) fn core(writer: &Writer, restored: Restored, filtered: bool) -> Result<Core, Error> {
    let mut core = Core::new(restored.id_key, filtered);
    core.restore_names(&restored.partitions, &restored.profiles, &restored.producers);
    core.restore_coverage(restored.coverage);
    core.restore_counters(&restored.counters);
    core.restore_progress(restored.progress);
    for (old, current) in restored.aliases {
        core.restore_merge(old, current);
    }
    // An edge is kept with its effect, so edges come first; an event of several causes keeps the first.
    let mut causes: HashMap<EventRef, EventRef> = HashMap::new();
    writer.recent_causes(EVENTS_RESTORED, &mut |effect, cause| {
        causes.entry(effect).or_insert(cause);
    })?;
    writer.recent_events(EVENTS_RESTORED, &mut |event| {
        let cause = causes.get(&event.reference).copied();
        core.restore_event(restored_event(&event, cause), event.profile);
    })?;
    let origins = core.restore_open(restored.failures, &restored.pending);
    writer.recent_orphans(EVENTS_RESTORED, &mut |row| {
        core.restore_orphan(&row, origins.get(&row.reference).copied());
    })?;
    Ok(core)
}

fn restored_event(event: &RecentEvent, cause: Option<EventRef>) -> RestoredEvent {
    RestoredEvent {
        reference: event.reference,
        id: event.id,
        shared: [event.trace.map(trace_identifier), event.correlation],
        conversation: event.conversation,
        kind: event.kind,
        resolution: event.resolution,
        cause,
        topic: 0,
        event_type: 0,
    }
}
