//! Recent traces and their events, in the order in which they were read.

use crate::causality::hashing::Spreading;
use crate::event::{Epoch, EventRef};
use std::collections::{HashMap, VecDeque};

/// Events kept in all traces together: 56 MB when it is full, three minutes of a busy cluster.
const WINDOW_EVENTS: usize = 1 << 20;
/// Events of one trace up to which anything is concluded from it. A longer one is a job or a process, not a flow.
const TRACE_EVENTS: usize = 2_000;

/// How an event stands to a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::causality) enum Standing {
    /// A retry, a dead letter or another copy: it may cause something, and what it repeats is told elsewhere.
    Copy,
    /// It says itself what caused it, or that nothing did.
    Named,
    /// So it does, and what would have been concluded was compared with it.
    Tried,
    /// It says nothing; its cause may be concluded.
    Open,
    /// Its cause was concluded, as far as it can be.
    Judged,
}

/// One event of a trace.
#[derive(Debug, Clone, Copy)]
pub(in crate::causality) struct Member {
    pub reference: EventRef,
    /// The record's timestamp, µs since the epoch.
    pub time: i64,
    /// The span in its trace context.
    pub span: u64,
    /// Keyed hash of its key, 0 without one.
    pub key: u64,
    /// Keyed hash of its correlation id, 0 without one.
    pub correlation: u64,
    /// Keyed hash of the id by which it names its cause.
    pub named: Option<u64>,
    /// Number of its topic and type.
    pub lineage: u32,
    /// The barrier after which everything is read that was readable before it.
    pub epoch: u32,
    /// Place in the trace of the cause that was concluded.
    pub concluded: u16,
    pub standing: Standing,
}

/// No place in a trace.
pub(super) const NOWHERE: u16 = u16::MAX;

/// Names one trace in the window, as long as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceNumber {
    slot: u32,
    generation: u32,
}

#[derive(Debug, Clone, Default)]
struct Trace {
    key: u64,
    generation: u32,
    members: Vec<Member>,
    /// The last epoch for which it is due.
    due: u32,
    /// The last epoch in which it got an event.
    grew: u32,
    /// Events beyond the bound of one trace.
    cut: bool,
    /// Lineages for which it was counted as a case.
    counted: Vec<u32>,
}

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Window {
    slots: Vec<Trace>,
    free: Vec<u32>,
    by_key: HashMap<u64, u32, Spreading>,
    oldest: VecDeque<TraceNumber>,
    events: usize,
    bound: usize,
    /// Open events that left before they were judged.
    pub dropped: u64,
    /// Open events of traces that are too long.
    pub cut: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::default(),
            oldest: VecDeque::new(),
            events: 0,
            bound: WINDOW_EVENTS,
            dropped: 0,
            cut: 0,
        }
    }
}

impl Window {
    /// Adds one event; the trace comes back when it has to be judged after the event's epoch and was not due then yet.
    pub fn add(&mut self, key: u64, member: Member) -> Option<TraceNumber> {
        while self.events >= self.bound {
            self.drop_oldest();
        }
        let slot = match self.by_key.get(&key) {
            Some(&slot) => slot,
            None => self.open(key),
        };
        let trace = &mut self.slots[slot as usize];
        if trace.members.len() == TRACE_EVENTS {
            trace.cut = true;
            self.cut += u64::from(member.standing == Standing::Open);
            return None;
        }
        self.events += 1;
        trace.members.push(member);
        trace.grew = member.epoch;
        if member.standing == Standing::Copy {
            return None;
        }
        let is_due = std::mem::replace(&mut trace.due, member.epoch) != member.epoch;
        is_due.then_some(TraceNumber { slot, generation: trace.generation })
    }

    fn open(&mut self, key: u64) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Trace::default());
            self.slots.len() as u32 - 1
        });
        let trace = &mut self.slots[slot as usize];
        (trace.key, trace.cut) = (key, false);
        // No epoch has this number: the first event makes the trace due.
        trace.due = u32::MAX;
        self.by_key.insert(key, slot);
        self.oldest.push_back(TraceNumber { slot, generation: trace.generation });
        slot
    }

    fn drop_oldest(&mut self) {
        let Some(number) = self.oldest.pop_front() else { return };
        let trace = &mut self.slots[number.slot as usize];
        self.dropped += trace.members.iter().filter(|member| member.standing == Standing::Open).count() as u64;
        self.events -= trace.members.len();
        self.by_key.remove(&trace.key);
        (trace.members, trace.counted) = (Vec::new(), Vec::new());
        trace.generation = trace.generation.wrapping_add(1);
        self.free.push(number.slot);
    }

    fn trace(&self, number: TraceNumber) -> Option<&Trace> {
        self.slots.get(number.slot as usize).filter(|trace| trace.generation == number.generation)
    }

    fn trace_mut(&mut self, number: TraceNumber) -> Option<&mut Trace> {
        self.slots.get_mut(number.slot as usize).filter(|trace| trace.generation == number.generation)
    }

    /// The events of a trace in the order of reading; none when it has left or is too long to say anything.
    pub fn members(&self, number: TraceNumber) -> &[Member] {
        self.trace(number).filter(|trace| !trace.cut).map_or(&[], |trace| &trace.members)
    }

    /// The events of the trace with this key.
    pub fn of_key(&self, key: u64) -> &[Member] {
        self.by_key.get(&key).map_or(&[], |slot| &self.slots[*slot as usize].members)
    }

    /// The last epoch in which the trace got an event.
    pub fn grew(&self, number: TraceNumber) -> u32 {
        self.trace(number).map_or(0, |trace| trace.grew)
    }

    /// True the first time that the trace is counted for `lineage`.
    pub fn count(&mut self, number: TraceNumber, lineage: u32) -> bool {
        let Some(trace) = self.trace_mut(number) else { return false };
        let first = !trace.counted.contains(&lineage);
        if first {
            trace.counted.push(lineage);
        }
        first
    }

    /// What the event at place `at` names was compared with what would have been concluded.
    pub fn tried(&mut self, number: TraceNumber, at: usize) {
        if let Some(member) = self.member(number, at) {
            member.standing = Standing::Tried;
        }
    }

    fn member(&mut self, number: TraceNumber, at: usize) -> Option<&mut Member> {
        self.trace_mut(number)?.members.get_mut(at)
    }

    /// The event at place `at` of a trace is judged; `cause` is the place of what was concluded.
    pub fn judged(&mut self, number: TraceNumber, at: usize, cause: Option<usize>) {
        if let Some(member) = self.member(number, at) {
            member.standing = Standing::Judged;
            member.concluded = cause.map_or(NOWHERE, |place| place as u16);
        }
    }
}

/// The epoch as a member keeps it.
pub(super) const fn short(epoch: Epoch) -> u32 {
    // 2^32 barriers are a century.
    epoch.0 as u32
}

/// The place of an event in its trace.
pub(super) fn place_of(members: &[Member], reference: EventRef) -> Option<usize> {
    members.iter().position(|member| member.reference == reference)
}

/// Lineages of the events that name their cause or of which it may be concluded now.
pub(super) fn lineages_of(members: &[Member], passed: Epoch) -> Vec<u32> {
    let mut lineages: Vec<u32> = members
        .iter()
        .filter(|member| matches!(member.standing, Standing::Open | Standing::Named) && member.epoch <= short(passed))
        .map(|member| member.lineage)
        // Number 0 stands for all that have none of their own.
        .filter(|lineage| *lineage != 0)
        .collect();
    lineages.sort_unstable();
    lineages.dedup();
    lineages
}

#[cfg(test)]
impl Member {
    /// One that has nothing, to be filled in.
    pub const fn of(standing: Standing) -> Self {
        let reference = EventRef(0);
        Self {
            reference,
            time: 0,
            span: 0,
            key: 0,
            correlation: 0,
            named: None,
            lineage: 0,
            epoch: 0,
            concluded: NOWHERE,
            standing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: i64, epoch: u32) -> Member {
        let standing = Standing::Open;
        Member { reference: EventRef(n), time: n, epoch, ..Member::of(standing) }
    }

    #[test]
    fn a_trace_is_due_once_an_epoch_and_leaves_as_a_whole() {
        let mut window = Window { bound: 4, ..Window::default() };
        let first = window.add(7, member(1, 0)).unwrap();
        assert_eq!(window.add(7, member(2, 0)), None);
        assert_eq!(window.add(7, member(3, 1)), Some(first));
        assert_eq!(window.members(first).len(), 3);
        window.judged(first, 0, None);
        window.add(8, member(4, 1)).unwrap();
        let third = window.add(9, member(5, 1)).unwrap();
        assert!(window.members(first).is_empty(), "the oldest went for the newest");
        assert_eq!(window.dropped, 2, "one of its three was judged");
        assert_eq!(window.members(third).len(), 1);
        let again = window.add(7, member(6, 1)).unwrap();
        assert!(again != first && window.members(first).is_empty() && window.members(again).len() == 1);
    }

    #[test]
    fn a_copy_keeps_no_event_of_its_epoch_from_being_due() {
        let mut window = Window::default();
        let first = window.add(7, member(1, 0)).unwrap();
        let copy = Member { standing: Standing::Copy, ..member(2, 1) };
        assert_eq!(window.add(7, copy), None);
        assert_eq!(window.grew(first), 1);
        assert_eq!(window.add(7, member(3, 1)), Some(first));
    }

    #[test]
    fn a_trace_without_end_says_nothing() {
        let mut window = Window::default();
        let number = window.add(7, member(0, 0)).unwrap();
        for n in 1..TRACE_EVENTS as i64 {
            window.add(7, member(n, 0));
        }
        assert_eq!(window.members(number).len(), TRACE_EVENTS);
        window.add(7, member(-1, 0));
        assert!(window.members(number).is_empty());
        assert_eq!((window.cut, window.events), (1, TRACE_EVENTS));
    }
}
