//! What is known of one lineage as an effect, and the traces that it is learned from.

use super::hypothesis::Hypothesis;
use super::window::TraceNumber;
use crate::event::Epoch;
use std::collections::VecDeque;

/// Cases of one lineage that one barrier brings: those of a moment say little about the next.
const CASES_AT_ONCE: u32 = 16;

/// What is known of one lineage as an effect.
#[derive(Debug, Clone, Default)]
pub(super) struct Habit {
    pub cases: VecDeque<TraceNumber>,
    pub seen: u64,
    /// The last barrier that brought cases, and how many.
    brought: (Epoch, u32),
    pub learn_at: u64,
    pub hypothesis: Hypothesis,
    /// Traces to look at once there is a hypothesis.
    pub held: VecDeque<TraceNumber>,
    /// Cases that the next barriers bring, since this one brought enough.
    pub later: VecDeque<TraceNumber>,
}

impl Habit {
    /// Keeps a case that is `new`, if this barrier has not brought enough.
    pub fn keep(&mut self, number: TraceNumber, passed: Epoch, most: usize, new: impl FnOnce() -> bool) -> bool {
        if self.brought.0 != passed {
            self.brought = (passed, 0);
        }
        // At the end of the input no further barrier comes.
        if self.brought.1 >= CASES_AT_ONCE && passed != Epoch(u64::MAX) {
            self.later.push_back(number);
            if self.later.len() > most {
                self.later.pop_front();
            }
            return false;
        }
        if !new() {
            return false;
        }
        self.brought.1 += 1;
        self.seen += 1;
        self.cases.push_back(number);
        if self.cases.len() > most {
            self.cases.pop_front();
        }
        true
    }
}
