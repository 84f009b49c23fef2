//! The core's own numbers, as rows of the `tap` view.

use super::core::Core;
use crate::delivery::Coverage;
use crate::event::{FoundCause, LostCause, Timestamp, Undecoded};
use std::time::Duration;

impl Core {
    pub(super) fn own_counters(&self) -> Vec<(String, f64)> {
        let limits = self.resolver.limits();
        let recall = self.resolver.recall_numbers();
        let (stalled, held) = (self.stalled(), self.held());
        let mut counters: Vec<(String, f64)> = [
            ("waiting", self.resolver.waiting()),
            ("barrier_blocked", u64::from(self.resolver.blocked())),
            ("ids_dropped", limits.ids_dropped),
            ("shared_ids_dropped", limits.shared_ids_dropped),
            ("merges_dropped", limits.merges_dropped),
            ("pages_dropped", limits.pages_dropped),
            ("filters_dropped", limits.filters_dropped),
            ("orphans_dropped", limits.orphans_dropped),
            ("waiting_dropped", limits.waiting_dropped),
            ("failures_dropped", limits.failures_dropped),
            ("signatures_folded", self.signatures.folded),
            ("repeated_ids", limits.repeated_ids),
            ("ambiguous_ids", limits.ambiguous_ids),
            ("hashes_refuted", limits.hashes_refuted),
            ("hub_members", limits.hub_members),
            ("causes_recalled", recall.found),
            ("causes_looked_up", recall.asked),
            ("causes_not_looked_up", recall.dropped),
            ("memory_bytes", self.resolver.footprint().bytes()),
            ("passings_dropped", self.passings.dropped),
            ("consumptions_dropped", self.ledger.dropped),
            ("commit_metadata_not_understood", self.ledger.not_understood),
            ("commits_unplaced_dropped", self.consuming.unplaced_dropped),
            ("group_clients_dropped", self.consuming.clients_dropped),
            ("record_times_replaced", self.times_replaced()),
            ("names_without_number", self.catalog.unnumbered),
            ("stalled_partitions", stalled.partitions as u64),
            ("stalled_ms", stalled.ms as u64),
            ("blocked_by_transaction_partitions", held.partitions as u64),
            ("blocked_by_transaction_ms", held.ms as u64),
            ("unread_offsets", self.pace.unread().unsigned_abs()),
        ]
        .map(|(name, value)| (name.to_owned(), value as f64))
        .into();
        // Below zero: not known. The view shows NULL.
        counters.push(("catch_up_ms".to_owned(), self.pace.catch_up_ms().unwrap_or(-1) as f64));
        counters.push(("commit_log_behind_ms".to_owned(), self.commit_log_behind_ms().unwrap_or(-1) as f64));
        let ms = |span: Duration| span.as_millis() as f64;
        counters.push(("horizon_memory_ms".to_owned(), self.memory_horizon().map_or(-1.0, ms)));
        counters.push(("horizon_disk_ms".to_owned(), self.disk_horizon().map_or(-1.0, ms)));
        counters.extend(self.trace_counters());
        counters.extend(self.sought_counters());
        let undecoded = Undecoded::ALL.iter().zip(self.undecoded);
        counters.extend(undecoded.map(|(reason, n)| (format!("undecoded_{}", reason.as_str()), n as f64)));
        counters
    }

    fn times_replaced(&self) -> u64 {
        self.coverage.iter().flatten().map(Coverage::times_replaced).sum()
    }

    /// What concluding from traces came to, as rows of the `tap` view.
    fn trace_counters(&self) -> Vec<(String, f64)> {
        let numbers = self.resolver.trace_numbers();
        [
            ("trace_order_inferred", numbers.inferred),
            ("trace_order_ambiguous", numbers.ambiguous),
            ("trace_order_doubted", numbers.doubted),
            ("trace_order_dropped", numbers.dropped),
            ("trace_order_cut", numbers.cut),
            ("trace_order_tried_right", numbers.right),
            ("trace_order_tried_wrong", numbers.wrong),
            ("trace_order_tried_missed", numbers.missed),
        ]
        .map(|(name, value)| (name.to_owned(), value as f64))
        .into()
    }

    /// How far back, from the last read, all events are in memory; `None` while no event has left it: then memory holds
    /// all that the database does.
    pub fn memory_horizon(&self) -> Option<Duration> {
        Some(span(self.resolver.memory_since()?, self.newest?))
    }

    /// How far back, from the last read, the database holds events; `None` while it holds none.
    pub fn disk_horizon(&self) -> Option<Duration> {
        let all = span(self.oldest?, self.newest?);
        Some(self.kept.map_or(all, |kept| all.min(kept)))
    }

    /// The database lets events go after this time; it keeps them for ever when there is none.
    pub fn keep(&mut self, events: Option<Duration>) {
        self.kept = events;
    }

    /// Causes to look up in the database, once everything that was decided before is written.
    pub fn take_lost(&mut self) -> Vec<LostCause> {
        self.resolver.take_lost()
    }

    /// Takes in what the database knows of them.
    pub fn recalled(&mut self, found: &[FoundCause]) {
        self.resolver.recalled(found, &mut self.changes);
    }
}

fn span(since: Timestamp, until: Timestamp) -> Duration {
    Duration::from_micros(until.0.saturating_sub(since.0).max(0).unsigned_abs())
}
