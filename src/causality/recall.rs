//! Causes that left memory. A child that names one waits as others do, and somebody who can read looks for it: many at a time,
//! while the stream goes on. What is found joins as a cause that comes late.
//!
//! Where a filter says that an id left memory, it is asked for at once. An id that no filter tells of may still be older than
//! all filters, or than the rows that were read at start: it is asked for once, when the barrier has passed and before the
//! verdict. A verdict that is taken back has already been told to somebody; one that comes a second later has not.

use super::claims::{Asked, Claim, Open, Stand};
use super::index::Sight;
use super::resolver::Resolver;
use crate::event::{Changes, EventRef, Evidence, FoundCause, LostCause};
use std::collections::VecDeque;

/// Causes asked for at once: one question costs about the same for one id as for thousands.
const AT_ONCE: usize = 20_000;
/// Children that may wait to be asked for. With more, the database would hold verdicts back for minutes: the others are judged
/// by what is in memory, and counted.
const MOST_WAITING: usize = 500_000;

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Recall {
    /// Somebody answers.
    on: bool,
    /// The database may hold events that neither memory nor filters know of.
    beyond: bool,
    wanted: VecDeque<EventRef>,
    in_hand: usize,
    numbers: RecallNumbers,
}

/// What asking the database for causes came to; each is a counter of the tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecallNumbers {
    /// Causes that were asked for.
    pub asked: u64,
    /// Those that were found.
    pub found: u64,
    /// Those that were not asked for, because too many waited.
    pub dropped: u64,
}

impl Resolver {
    /// From now on somebody answers what [`Self::take_lost`] gives. `beyond` tells that the database holds more events than
    /// were given back to memory.
    pub fn recall_from_store(&mut self, beyond: bool) {
        self.recall.on = true;
        self.recall.beyond = beyond;
    }

    /// The database is asked at once for an id that is known to have left memory.
    pub(super) fn recall_at_sight(&mut self, child: EventRef, claim: Claim, sight: Sight) {
        if self.recall.on
            && let Claim::Id(id) = claim
            && (sight == Sight::Doubtful || self.ids.may_have_left(self.secret.key(id)))
        {
            self.want(child);
        }
    }

    fn want(&mut self, child: EventRef) -> bool {
        if self.recall.wanted.len() >= MOST_WAITING {
            self.recall.numbers.dropped += 1;
            return false;
        }
        self.recall.wanted.push_back(child);
        if let Some(open) = self.claims.get_mut(child) {
            open.asked = Asked::InHand;
        }
        true
    }

    /// True when the database has to answer before the verdict.
    pub(super) fn is_to_be_recalled(&mut self, child: EventRef) -> bool {
        let Some(&Open { claim: Claim::Id(_), asked, .. }) = self.claims.get(child) else { return false };
        match asked {
            Asked::InHand => true,
            Asked::No if self.recall.on && self.is_beyond() => self.want(child),
            Asked::No | Asked::Answered => false,
        }
    }

    /// True when something left memory of which no filter tells.
    fn is_beyond(&self) -> bool {
        self.recall.beyond || self.ids.cold.dropped > 0 || self.requests.dropped > 0
    }

    /// Causes to ask the database for, once everything that was decided so far is written; they are answered with
    /// [`Self::recalled`]. No more come before that.
    pub fn take_lost(&mut self) -> Vec<LostCause> {
        let mut taken = Vec::new();
        while self.recall.in_hand == 0
            && taken.len() < AT_ONCE
            && let Some(effect) = self.recall.wanted.pop_front()
        {
            if let Some(&Open { claim: Claim::Id(id), evidence, asked: Asked::InHand, .. }) = self.claims.get(effect) {
                let request = evidence == Evidence::Reply;
                // What a request shares with its reply is stored as it was written.
                let id = if request { id.as_request() } else { id };
                taken.push(LostCause { effect, id, request });
            }
        }
        self.recall.in_hand += taken.len();
        self.recall.numbers.asked += taken.len() as u64;
        taken
    }

    /// The database has answered.
    pub fn recalled(&mut self, answers: &[FoundCause], changes: &mut Changes) {
        self.recall.in_hand = self.recall.in_hand.saturating_sub(answers.len());
        for &FoundCause { effect, cause } in answers {
            let Some(open) = self.claims.get_mut(effect) else { continue };
            open.asked = Asked::Answered;
            let held = open.stand == Stand::Held;
            match cause.filter(|(cause, _)| *cause != effect) {
                Some(found) => {
                    self.recall.numbers.found += 1;
                    self.caused(effect, found, changes);
                }
                None if held => self.orphan(effect, changes),
                None => {}
            }
        }
    }

    /// What asking came to.
    pub fn recall_numbers(&self) -> RecallNumbers {
        self.recall.numbers
    }
}
