//! What the core knows of failures that name no origin: which are to be sought, and what was found.

use super::core::Core;
use crate::decode::base_topic;
use crate::event::{BareFailure, CounterRow, Sought, Timestamp};

/// Name of the counter up to which time of reading, in ms since the epoch, origins were sought: the next run goes on there.
const SOUGHT_UNTIL: &str = "origins_sought_until_ms";

impl Core {
    /// Failures whose origin is to be sought, once everything that was decided before is written.
    pub fn take_bare(&mut self) -> Vec<BareFailure> {
        let taken = self.resolver.take_bare();
        let named = |(reference, topic): (_, Option<String>)| BareFailure {
            reference,
            topic: topic.or_else(|| base_topic(&self.catalog.at(reference.ordinal())?.partition.topic)),
        };
        taken.into_iter().map(named).collect()
    }

    /// Takes in what was found, or that nothing was.
    pub fn sought(&mut self, sought: &Sought) {
        self.resolver.sought(sought, &mut self.changes);
    }

    /// Goes on where an earlier run stopped seeking.
    pub(super) fn restore_sought(&mut self, rows: &[CounterRow]) {
        if let Some(row) = rows.iter().find(|row| row.name == SOUGHT_UNTIL) {
            self.resolver.restore_sought_until(Timestamp((row.value as i64).saturating_mul(1_000)));
        }
    }

    /// What seeking came to, as rows of the `tap` view.
    pub(super) fn sought_counters(&self) -> Vec<(String, f64)> {
        let numbers = self.resolver.bare_numbers();
        let mut counters: Vec<(String, f64)> = [
            ("origins_sought", numbers.sought),
            ("origins_found", numbers.found),
            ("origins_cut", numbers.cut),
            ("origins_not_sought", numbers.dropped),
        ]
        .map(|(name, value)| (name.to_owned(), value as f64))
        .into();
        let until = self.resolver.sought_until();
        if until > Timestamp(i64::MIN) {
            // Rounded up: what was sought is not sought again.
            counters.push((SOUGHT_UNTIL.to_owned(), (until.0.div_euclid(1_000) + 1) as f64));
        }
        counters
    }
}
