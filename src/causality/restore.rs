//! The resolver's memory as an earlier run left it.

use super::claims::{Asked, Claim, Open, Stand};
use super::holders::{NO_PRINT, answers};
use super::recent::{Known, Minute};
use super::resolver::{Named, Resolver};
use crate::event::{EventRef, EventRow, Evidence, Identifier, Kind, Resolution, Timestamp};

/// An event of an earlier run, for the memory of this one.
#[derive(Debug, Clone)]
pub struct RestoredEvent {
    /// The event.
    pub reference: EventRef,
    /// Its own id.
    pub id: Option<Identifier>,
    /// The ids it shares with others: trace and correlation.
    pub shared: [Option<Identifier>; 2],
    /// Its conversation when it was written.
    pub conversation: EventRef,
    /// What it is.
    pub kind: Kind,
    /// What was known of its cause.
    pub resolution: Resolution,
    /// Its first cause.
    pub cause: Option<EventRef>,
    /// Its profile.
    pub profile: i32,
    /// When the tap read it.
    pub seen_time: Timestamp,
    /// Number of its topic.
    pub topic: u32,
    /// Number of its type.
    pub event_type: i32,
}

impl Resolver {
    /// Takes in a merge of an earlier run.
    pub fn restore_merge(&mut self, old: EventRef, current: EventRef) {
        self.conversations.restore_merge(old, current);
    }

    /// Takes in an event of an earlier run.
    pub fn restore_event(&mut self, event: &RestoredEvent) {
        let lineage = self.lineages.number(event.topic, event.event_type);
        let keys = self.distinct_keys(event.shared);
        for key in keys.into_iter().flatten() {
            self.conversations.restore_member(key, event.conversation);
        }
        let own = event.id.filter(|_| answers(event.kind));
        let known = Known {
            id: own.map(|id| (id.hi, id.lo)),
            conversation: event.conversation,
            cause: event.cause.into(),
            resolution: event.resolution,
            lineage,
            profile: event.profile,
            seen: Minute::of(event.seen_time),
            print: NO_PRINT,
        };
        let place = self.recent.insert(event.reference, known);
        if let Some(id) = own
            && self
                .ids
                .get_or_insert(self.wanted(id), place, &self.recent)
                .is_some_and(|first| first != event.reference)
        {
            self.holders.add(id, event.reference, false);
        }
        if event.kind == Kind::Command
            && let [_, Some(correlation)] = event.shared
        {
            // What a request shares with its reply is kept as its correlation id.
            self.register_request(correlation.as_request(), event.reference);
        }
        if !matches!(event.resolution, Resolution::Waiting { .. }) {
            self.lineages.settle(lineage, event.resolution == Resolution::Caused);
        }
    }

    /// Takes in an event that an earlier run left waiting; `origin` as its failure names it.
    pub fn restore_waiting(&mut self, row: &EventRow, origin: Option<Named>) {
        let stand = Stand::Due(self.barrier.epoch());
        if self.restore_claim(row, origin, stand) {
            self.waiting += 1;
        }
    }

    /// Takes in an event that an earlier run called orphaned: its cause may still come; `origin` as its failure names it.
    pub fn restore_orphan(&mut self, row: &EventRow, origin: Option<Named>) {
        self.restore_claim(row, origin, Stand::Orphaned);
    }

    /// False for an event that names nothing, and for one that there is no room for.
    fn restore_claim(&mut self, row: &EventRow, origin: Option<Named>, stand: Stand) -> bool {
        let claim = match origin {
            Some(Named::Here(origin, _)) => Some((Claim::Ref(origin), Evidence::FailureCoordinates)),
            Some(Named::Elsewhere(hash)) => Some((Claim::Elsewhere(hash), Evidence::FailureCoordinates)),
            Some(Named::Nowhere(_)) => None,
            None => self.claim_by_id(row),
        };
        let Some((claim, evidence)) = claim else { return false };
        if self.claims.is_full() && !self.forget_oldest_orphan() {
            // It stays in the database as it is, and waits for a start with more memory.
            self.limits.waiting_dropped += 1;
            return false;
        }
        self.claims.add(row.reference, Open { row: None, claim, evidence, stand, asked: Asked::No });
        true
    }
}
