//! Failures that name no origin. Somebody who can read may find one; here it is kept which of them were not sought yet,
//! and what was found is taken in. It stays a conclusion: it merges no conversations and gives way to a declared cause.

use super::resolver::Resolver;
use crate::event::{
    CauseRow, Changes, Epoch, EventRef, EventRow, Evidence, FailureKind, FailureRow, FailureState, Resolution, Sought,
    Timestamp,
};
use std::collections::VecDeque;

/// Failures that may wait to be sought: at twenty reads a second some ten minutes of work for the seeker. A dead-letter
/// topic with millions of them must not keep it from those that come in now; what does not fit is counted.
const BARE_WAITING: usize = 10_000;
/// Failures in the seeker's hands at once; the others wait here, where nothing of them is lost.
const BARE_IN_HAND: usize = 64;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Bare {
    /// By the epoch after which everything that was readable before them has been read.
    waiting: VecDeque<(Epoch, EventRef)>,
    ready: VecDeque<EventRef>,
    in_hand: usize,
    /// Failures of an earlier run that the tap had read by then were sought in that run.
    until: Timestamp,
    numbers: BareNumbers,
}

/// What seeking the origins of bare failures came to; each is a counter of the tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BareNumbers {
    /// Failures whose origin was sought.
    pub sought: u64,
    /// Those whose origin was found.
    pub found: u64,
    /// Those for which not everything was looked at that might have been the origin.
    pub cut: u64,
    /// Failures that were not sought, because too many waited.
    pub dropped: u64,
}

impl Default for Bare {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
            in_hand: 0,
            until: Timestamp(i64::MIN),
            numbers: BareNumbers::default(),
        }
    }
}

impl Bare {
    /// True when the next barrier decides something.
    pub fn has_candidates(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn has_room(&mut self) -> bool {
        let room = self.waiting.len() + self.ready.len() < BARE_WAITING;
        self.numbers.dropped += u64::from(!room);
        room
    }
}

/// A copy of the record that failed, with no word about it.
fn is_bare(row: &FailureRow) -> bool {
    row.kind != FailureKind::Fault
        && row.origin.is_none()
        && row.origin_offset.is_none()
        && row.state != FailureState::Healed
}

impl Resolver {
    /// A failure was read: it is sought when neither it nor its id says what failed.
    pub(super) fn note_if_bare(&mut self, event: &EventRow) {
        let reference = event.reference;
        if event.resolution == Resolution::Unlinked && self.failures.get(reference).is_some_and(is_bare) {
            self.wait_bare(reference);
        }
    }

    /// A failure of an earlier run is sought once more when that run may not have got so far.
    pub(super) fn restore_bare(&mut self, reference: EventRef) {
        let open = self.failures.get(reference).is_some_and(|row| is_bare(row) && row.seen_time > self.bare.until);
        let known = self.recent.get(reference).map(|known| known.resolution);
        if open && matches!(known, Some(Resolution::Unlinked | Resolution::Orphaned(_))) {
            self.wait_bare(reference);
        }
    }

    fn wait_bare(&mut self, reference: EventRef) {
        if self.bare.has_room() {
            self.bare.waiting.push_back((self.barrier.epoch(), reference));
        }
    }

    /// The id that `reference` names is nowhere: if it is a failure, nothing is left but to seek its origin.
    pub(super) fn orphaned_bare(&mut self, reference: EventRef) {
        if self.failures.get(reference).is_some_and(is_bare) && self.bare.has_room() {
            self.bare.ready.push_back(reference);
        }
    }

    /// Everything that was readable before those failures has been read: what they repeat is among it, or is not there.
    pub(super) fn release_bare(&mut self, passed: Epoch) {
        while let Some(&(epoch, reference)) = self.bare.waiting.front()
            && epoch <= passed
        {
            self.bare.waiting.pop_front();
            self.bare.ready.push_back(reference);
        }
    }

    /// Failures to seek the origin of, once everything that was decided so far is written; each is answered with
    /// [`Self::sought`]. With the topic that some of them name.
    pub fn take_bare(&mut self) -> Vec<(EventRef, Option<String>)> {
        let room = BARE_IN_HAND.saturating_sub(self.bare.in_hand);
        let mut taken = Vec::new();
        while taken.len() < room
            && let Some(reference) = self.bare.ready.pop_front()
        {
            if let Some(row) = self.failures.get(reference).filter(|row| is_bare(row)) {
                taken.push((reference, row.origin_topic.clone()));
            }
        }
        self.bare.in_hand += taken.len();
        taken
    }

    /// The origin of a failure was sought.
    pub fn sought(&mut self, sought: &Sought, changes: &mut Changes) {
        let Sought { failure, origin, cut } = *sought;
        self.bare.in_hand = self.bare.in_hand.saturating_sub(1);
        self.bare.numbers.sought += 1;
        self.bare.numbers.cut += u64::from(cut);
        let Some(row) = self.failures.get(failure) else { return };
        self.bare.until = self.bare.until.max(row.seen_time);
        // A declared cause may have come meanwhile: it says more.
        let declared = self.recent.get(failure).is_some_and(|known| known.cause.get().is_some());
        let Some((origin, confidence)) = origin.filter(|(origin, _)| *origin != failure) else { return };
        if declared || !is_bare(row) {
            return;
        }
        let evidence = Evidence::SameValue;
        self.bare.numbers.found += 1;
        self.name_failure_origin(failure, origin, (evidence, confidence));
        changes.causes.push(CauseRow { effect: failure, cause: origin, evidence, confidence });
        self.call_inferred(failure, changes);
        self.chain_changed(failure);
    }

    /// What seeking came to.
    pub fn bare_numbers(&self) -> BareNumbers {
        self.bare.numbers
    }

    /// Up to which time of reading bare failures were sought, for the next run.
    pub fn sought_until(&self) -> Timestamp {
        self.bare.until
    }

    /// What an earlier run answered to [`Self::sought_until`]; before its failures.
    pub fn restore_sought_until(&mut self, until: Timestamp) {
        self.bare.until = until;
    }
}
