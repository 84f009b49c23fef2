//! Events that wait for their cause: until it comes, or until the barrier says that it will not.

use super::claims::{Asked, Claim, Open, Stand};
use super::index::Sight;
use super::resolver::Resolver;
use crate::event::{
    BarrierSample, Changes, Epoch, EventRef, EventRow, Evidence, Ordinal, Resolution, Settled, Timestamp,
};
use std::collections::HashMap;

impl Resolver {
    pub(super) fn wait(
        &mut self,
        row: EventRow,
        (claim, evidence): (Claim, Evidence),
        sight: Sight,
        changes: &mut Changes,
    ) {
        let reference = row.reference;
        self.limits.hashes_refuted += u64::from(sight == Sight::Doubtful);
        if self.claims.is_full() {
            self.make_room(changes);
        }
        let stand = Stand::Due(self.barrier.epoch());
        self.fresh.push(reference);
        self.waiting += 1;
        self.claims.add(reference, Open { row: Some(Box::new(row)), claim, evidence, stand, asked: Asked::No });
        self.recall_at_sight(reference, claim, sight);
    }

    /// `cause` has come: whoever claims it is caused by it.
    pub(super) fn satisfy(&mut self, claim: Claim, cause: EventRef, changes: &mut Changes) {
        let Some(mut waiters) = self.claims.waiters(claim) else { return };
        while let Some(child) = self.claims.next(&mut waiters) {
            if child != cause {
                let conversation = self.recent.get(cause).map_or(cause, |known| known.conversation);
                self.caused(child, (cause, conversation), changes);
            }
        }
    }

    /// An open event's cause was found, in a conversation.
    pub(super) fn caused(
        &mut self,
        child: EventRef,
        (cause, conversation): (EventRef, EventRef),
        changes: &mut Changes,
    ) {
        let Some(open) = self.claims.remove(child) else { return };
        self.waiting -= u64::from(open.stand != Stand::Orphaned);
        let own = self.recent.get(child).map_or(child, |known| known.conversation);
        let conversation = self.conversations.join(own, conversation);
        self.recent.change(child, |known| known.cause = Some(cause).into());
        let found = Settled {
            reference: child,
            resolution: Resolution::Caused,
            conversation,
            cause: Some((cause, open.evidence)),
        };
        self.conclude((open.row, open.stand), found, changes);
    }

    /// The topic of a record that was named while nobody had heard of it has turned up: reading of it begins now.
    pub fn placed(&mut self, hash: u64, origin: EventRef) {
        let Some(mut waiters) = self.claims.waiters(Claim::Elsewhere(hash)) else { return };
        while let Some(child) = self.claims.next(&mut waiters) {
            self.claims.claim(child, Claim::Ref(origin));
            self.name_failure_origin(child, origin, (Evidence::FailureCoordinates, 1.0));
        }
    }

    pub(super) fn join(&mut self, child: EventRef, cause: EventRef) -> EventRef {
        let of = |r: EventRef| self.recent.get(r).map_or(r, |known| known.conversation);
        let (child, cause) = (of(child), of(cause));
        self.conversations.join(child, cause)
    }

    /// Writes down what was found out about an open event, wherever its row is by now.
    pub(super) fn conclude(
        &mut self,
        (row, stood): (Option<Box<EventRow>>, Stand),
        settled: Settled,
        changes: &mut Changes,
    ) {
        let Settled { reference: child, resolution, conversation, cause } = settled;
        let mut lineage = None;
        self.recent.change(child, |known| {
            known.resolution = resolution;
            known.conversation = conversation;
            lineage = Some(known.lineage);
        });
        if let Some(lineage) = lineage.filter(|_| stood != Stand::Orphaned) {
            self.lineages.settle(lineage, resolution == Resolution::Caused);
        }
        match (row, stood) {
            (Some(mut row), _) => {
                row.resolution = resolution;
                row.conversation = conversation;
                row.cause = cause;
                changes.events.push(&row);
            }
            (None, Stand::Orphaned) => changes.retracted.push(settled),
            (None, _) => changes.settled.push(settled),
        }
        self.chain_changed(child);
    }

    /// The tap has read the partition `ordinal` up to `next`.
    pub fn advance(&mut self, ordinal: Ordinal, next: i64, changes: &mut Changes) {
        self.barrier.advance(ordinal, next);
        self.judge(changes);
    }

    /// Which barrier sample to take now, if any event waits for one.
    pub fn ask_barrier(&mut self) -> Option<Epoch> {
        let asks = [self.failures.has_candidates(), self.bare.has_candidates(), self.trace_order.has_candidates()];
        (self.waiting > 0 || asks.contains(&true)).then(|| self.barrier.ask()).flatten()
    }

    /// Takes the sample that was asked for: its `ends`, and those of them that were not read past yet, `ahead`.
    pub fn barrier(
        &mut self,
        sample: &BarrierSample,
        (ends, ahead): (&[(Ordinal, i64)], HashMap<Ordinal, i64>),
        changes: &mut Changes,
    ) {
        if self.barrier.sampled(sample.epoch, ahead, sample.unreachable.len()) {
            self.proofs.take(sample.epoch, sample.sampled_at, ends);
        }
        self.judge(changes);
    }

    /// The sample that was asked for could not be taken.
    pub fn barrier_failed(&mut self) {
        self.barrier.failed();
    }

    /// Says where the input ends, for [`Self::end_of_input`].
    pub fn end_with(&mut self, ends: Vec<(Ordinal, i64)>) {
        self.proofs.end_with(ends);
    }

    /// Hands over what proves that causes are not there; `last` when this is the last commit.
    pub fn prove(&mut self, at: Timestamp, last: bool, changes: &mut Changes) {
        self.proofs.commit(at, last, changes);
    }

    /// The input has ended: nothing more will come, so everything can be judged. What the database has to be asked for still
    /// waits for its answer.
    pub fn end_of_input(&mut self, changes: &mut Changes) {
        self.proofs.end();
        self.judge_due(Epoch(u64::MAX), changes);
        self.heal_all();
        self.judge_all_traces(changes);
        self.release_bare(Epoch(u64::MAX));
    }

    fn judge(&mut self, changes: &mut Changes) {
        let passed = self.barrier.passed();
        self.proofs.pass(passed);
        self.judge_due(passed, changes);
        self.heal(passed);
        self.judge_traces(passed, changes);
        self.release_bare(passed);
    }

    fn judge_due(&mut self, passed: Epoch, changes: &mut Changes) {
        while let Some((epoch, child)) = self.claims.first_due()
            && epoch <= passed
        {
            if self.is_to_be_recalled(child) {
                self.claims.stand(child, Stand::Held);
            } else {
                self.orphan(child, changes);
            }
        }
    }

    /// Everything that could hold the cause was read, and it is not there.
    pub(super) fn orphan(&mut self, reference: EventRef, changes: &mut Changes) {
        if self.give_up(reference, changes) {
            self.proofs.judged(reference);
        }
    }

    /// False for what was judged already.
    fn give_up(&mut self, reference: EventRef, changes: &mut Changes) -> bool {
        let open = self.claims.get_mut(reference).filter(|open| open.stand != Stand::Orphaned);
        let Some(open) = open else { return false };
        let (row, stood) = (open.row.take(), open.stand);
        self.claims.stand(reference, Stand::Orphaned);
        self.waiting -= 1;
        let conversation = match self.recent.get(reference) {
            Some(known) => self.conversations.current(known.conversation),
            None => reference,
        };
        let resolution = Resolution::Orphaned(self.absence);
        self.conclude((row, stood), Settled { reference, resolution, conversation, cause: None }, changes);
        self.orphaned_bare(reference);
        true
    }

    /// Lets the oldest orphan go. When none is left, the event that waits longest gets its verdict now, and is not watched.
    fn make_room(&mut self, changes: &mut Changes) {
        if !self.forget_oldest_orphan()
            && let Some(oldest) = self.claims.longest_waiting()
        {
            self.limits.waiting_dropped += 1;
            self.give_up(oldest, changes);
            self.claims.remove(oldest);
        }
    }

    /// False when there is none.
    pub(super) fn forget_oldest_orphan(&mut self) -> bool {
        let Some(oldest) = self.claims.first(Stand::Orphaned) else { return false };
        self.limits.orphans_dropped += 1;
        self.claims.remove(oldest).is_some()
    }
}
