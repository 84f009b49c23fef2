//! The resolver as a whole, with little memory and ids that were made to collide.

use super::hashing::spread;
use super::resolver::Resolver;
use super::{Arrival, Memory, RestoredEvent};
use crate::event::{
    BarrierSample, Changes, Epoch, EventRef, EventRow, Evidence, FoundCause, HashKey, Identifier, Kind, Ordinal,
    OrphanReason, Resolution, Settled, Spelling, Timestamp, TraceContext,
};
use std::collections::{BTreeMap, HashMap};

const KEY: HashKey = HashKey([7; 16]);

fn id(n: u64) -> Identifier {
    Identifier { hi: spread(n), lo: spread(!n), spelling: Spelling::Uuid }
}

fn row(reference: i64, own: Option<Identifier>, causation: Option<Identifier>) -> EventRow {
    let time = Timestamp(reference * 1_000);
    EventRow {
        reference: EventRef(reference),
        time,
        record_time: time,
        seen_time: time,
        kind: Kind::Event,
        resolution: Resolution::Unlinked,
        tombstone: false,
        profile: 0,
        producer: None,
        key_hash: None,
        conversation: EventRef(reference),
        key_bytes: 0,
        value_bytes: 0,
        id: own,
        causation,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}

/// What a database would hold.
#[derive(Default, Clone)]
struct Stored {
    rows: BTreeMap<EventRef, EventRow>,
    merges: Vec<(EventRef, EventRef)>,
    /// In the order in which they were written.
    order: Vec<EventRef>,
}

struct Run {
    resolver: Resolver,
    changes: Changes,
    /// All rows as they came in, without verdicts.
    came: BTreeMap<EventRef, EventRow>,
    stored: Stored,
}

impl Run {
    fn new(bytes: u64) -> Self {
        let resolver = Resolver::with_memory(KEY, Memory::new(bytes));
        Self { resolver, changes: Changes::default(), came: BTreeMap::new(), stored: Stored::default() }
    }

    fn take(&mut self, row: EventRow) {
        self.came.insert(row.reference, row.clone());
        let (failure, origin, extra) = (None, None, None);
        let arrival = Arrival { row, says_root: false, topic: 0, event_type: 0, failure, origin, again: None, extra };
        self.resolver.resolve(arrival, &mut self.changes);
    }

    fn commit(&mut self) {
        self.resolver.commit(&mut self.changes);
        let changes = std::mem::take(&mut self.changes);
        for columns in [&changes.events, &changes.pending] {
            for at in 0..columns.len() {
                let reference = EventRef(columns.reference[at]);
                let mut row = self.came[&reference].clone();
                row.conversation = EventRef(columns.conversation[at]);
                let reason = columns.orphan_reason.is_valid(at).then(|| columns.orphan_reason.values[at]);
                row.resolution = Resolution::from_numbers(columns.resolution[at], reason);
                row.cause = columns.cause.is_valid(at).then(|| {
                    let evidence = Evidence::ALL[columns.evidence.values[at] as usize];
                    (EventRef(columns.cause.values[at]), evidence)
                });
                self.stored.rows.insert(reference, row);
                self.stored.order.push(reference);
            }
        }
        for &Settled { reference, resolution, conversation, cause } in changes.settled.iter().chain(&changes.retracted)
        {
            let row = self.stored.rows.get_mut(&reference).unwrap();
            (row.resolution, row.conversation, row.cause) = (resolution, conversation, cause);
        }
        self.stored.merges.extend(&changes.aliases);
    }

    fn pass_barrier(&mut self) {
        let epoch = self.resolver.ask_barrier().unwrap_or(Epoch(0));
        let sample = BarrierSample { epoch, ..BarrierSample::default() };
        self.resolver.barrier(&sample, (&[], HashMap::new()), &mut self.changes);
    }

    /// Answers what is asked of the database, as the database would.
    fn recall(&mut self) -> usize {
        let lost = self.resolver.take_lost();
        let found: Vec<FoundCause> = lost
            .iter()
            .map(|lost| {
                let holders = self.stored.rows.values().filter(|row| !row.kind.is_copy() && row.id == Some(lost.id));
                let cause = holders.map(|row| (row.reference, row.conversation)).min();
                FoundCause { effect: lost.effect, cause }
            })
            .collect();
        self.resolver.recalled(&found, &mut self.changes);
        lost.len()
    }

    /// Starts again with what was committed.
    fn restart(&mut self, bytes: u64) {
        self.changes = Changes::default();
        let memory = Memory::new(bytes);
        let mut resolver = Resolver::with_memory(KEY, memory);
        self.stored.merges.iter().for_each(|&(old, current)| resolver.restore_merge(old, current));
        let rows = |order: &[EventRef]| order.iter().map(|at| self.stored.rows[at].clone()).collect::<Vec<_>>();
        let all = rows(&self.stored.order);
        let skipped = all.len().saturating_sub(memory.events() as usize);
        let waits = |row: &&EventRow| matches!(row.resolution, Resolution::Waiting { .. });
        let settled = all[skipped..].iter().filter(|row| !waits(row));
        for row in settled.clone().chain(all.iter().filter(waits)) {
            resolver.restore_event(&RestoredEvent {
                reference: row.reference,
                id: row.id,
                shared: [row.trace.map(TraceContext::identifier), row.correlation],
                conversation: row.conversation,
                kind: row.kind,
                resolution: row.resolution,
                cause: row.cause.map(|(cause, _)| cause),
                profile: row.profile,
                seen_time: row.seen_time,
                topic: 0,
                event_type: 0,
            });
        }
        all.iter().filter(waits).for_each(|row| resolver.restore_waiting(row, None));
        let orphans = settled.filter(|row| matches!(row.resolution, Resolution::Orphaned(_)));
        orphans.for_each(|row| resolver.restore_orphan(row, None));
        resolver.recall_from_store(skipped > 0);
        self.resolver = resolver;
    }

    fn resolution(&self, reference: i64) -> (Resolution, Option<i64>) {
        let row = &self.stored.rows[&EventRef(reference)];
        (row.resolution, row.cause.map(|(cause, _)| cause.0))
    }

    /// Of each event its verdict, its cause, and the smallest of its conversation, whatever the merges were.
    fn graph(&self) -> BTreeMap<i64, (Resolution, Option<i64>, i64)> {
        let mut next: HashMap<EventRef, EventRef> = HashMap::new();
        let find = |next: &HashMap<EventRef, EventRef>, mut at: EventRef| {
            while let Some(&to) = next.get(&at) {
                at = to;
            }
            at
        };
        for &(old, current) in &self.stored.merges {
            let (old, current) = (find(&next, old), find(&next, current));
            if old != current {
                next.insert(old.max(current), old.min(current));
            }
        }
        let fact = |row: &EventRow| {
            let cause = row.cause.map(|(cause, _)| cause.0);
            // What is concluded depends on what was read before, and is no declared fact.
            let resolution = if row.resolution == Resolution::Inferred { Resolution::Unlinked } else { row.resolution };
            (row.reference.0, (resolution, cause, find(&next, row.conversation).0))
        };
        self.stored.rows.values().map(fact).collect()
    }
}

const NEVER: Resolution = Resolution::Orphaned(OrphanReason::NeverSeen);

#[test]
fn ids_made_to_collide_make_no_edge_and_no_conversation() {
    let mut run = Run::new(16 << 20);
    let [one, other] = run.resolver.secret.collision();
    run.take(row(1, Some(one), None));
    run.take(row(2, Some(id(2)), Some(other)));
    run.take(row(3, Some(id(3)), Some(one)));
    run.take(row(4, None, Some(id(9))));
    let trace = |id: Identifier| Some(TraceContext { trace_hi: id.hi, trace_lo: id.lo, parent_id: 1 });
    run.take(EventRow { trace: trace(one), ..row(5, None, None) });
    run.take(EventRow { trace: trace(other), ..row(6, None, None) });
    run.commit();
    assert!(matches!(run.resolution(2).0, Resolution::Waiting { .. }), "it waits for the other id");
    assert_eq!(run.resolution(3), (Resolution::Caused, Some(1)));
    assert_eq!(run.resolver.limits().hashes_refuted, 1);
    let graph = run.graph();
    assert_eq!((graph[&5].2, graph[&6].2), (5, 6));
    // The event that was meant comes, and nobody else is taken along.
    run.take(row(7, None, Some(one)));
    run.take(row(8, Some(other), None));
    run.commit();
    assert_eq!((run.resolution(2), run.resolution(7)), ((Resolution::Caused, Some(8)), (Resolution::Caused, Some(1))));
}

#[test]
fn a_cause_that_left_memory_is_recalled_and_what_is_nowhere_is_orphaned_after_the_answer() {
    let mut run = Run::new(4 << 20);
    run.resolver.recall_from_store(false);
    for n in 1..=100_000 {
        run.take(row(n, Some(id(n as u64)), None));
        if n % 1_000 == 0 {
            run.commit();
        }
    }
    assert!(run.resolver.limits().ids_dropped > 0 && run.resolver.memory_since().is_some());
    run.take(row(200_001, None, Some(id(5))));
    run.take(row(200_002, None, Some(id(99_999))));
    run.take(row(200_003, None, Some(id(777_777))));
    run.commit();
    assert_eq!(run.resolution(200_002), (Resolution::Caused, Some(99_999)));
    assert!(matches!(run.resolution(200_001).0, Resolution::Waiting { .. }));
    run.recall();
    run.commit();
    assert_eq!(run.resolution(200_001), (Resolution::Caused, Some(5)));
    assert_eq!(run.graph()[&200_001].2, 5, "it joined its cause's conversation");
    // The filters tell of all that left: of what none tells of nobody is asked.
    run.pass_barrier();
    let asked = run.resolver.recall_numbers().asked;
    run.recall();
    run.commit();
    assert_eq!(run.resolution(200_003), (NEVER, None));
    assert_eq!((run.resolver.waiting(), run.resolver.recall_numbers().found), (0, 1));
    assert!(asked <= 2, "{asked}");
}

#[test]
fn what_is_older_than_the_filters_is_asked_for_before_the_verdict() {
    let mut run = Run::new(16 << 20);
    run.take(row(1, Some(id(1)), None));
    run.take(row(2, Some(id(2)), None));
    run.commit();
    // As after a start at which the database gave fewer rows than it has.
    run.resolver = Resolver::with_memory(KEY, Memory::new(16 << 20));
    run.resolver.recall_from_store(true);
    run.take(row(3, None, Some(id(1))));
    run.take(row(4, None, Some(id(9))));
    run.commit();
    assert_eq!(run.recall(), 0, "it may come yet");
    run.pass_barrier();
    run.commit();
    assert!(matches!(run.resolution(4).0, Resolution::Waiting { .. }), "no verdict before the answer");
    assert_eq!(run.recall(), 2);
    run.commit();
    assert_eq!((run.resolution(3), run.resolution(4)), ((Resolution::Caused, Some(1)), (NEVER, None)));
    // It is still taken back when the cause comes after all.
    run.take(row(5, Some(id(9)), None));
    run.commit();
    assert_eq!(run.resolution(4), (Resolution::Caused, Some(5)));
}

#[test]
fn nobody_is_asked_while_memory_holds_all() {
    let mut run = Run::new(16 << 20);
    run.resolver.recall_from_store(false);
    for n in 1..=1_000 {
        run.take(row(n, Some(id(n as u64)), Some(id(n as u64 + 500))));
    }
    run.commit();
    run.pass_barrier();
    run.commit();
    assert_eq!((run.recall(), run.resolver.memory_since()), (0, None));
    assert_eq!((run.resolution(500), run.resolution(501)), ((Resolution::Caused, Some(1_000)), (NEVER, None)));
}

#[test]
fn a_million_children_of_one_id_that_never_comes_are_bounded_and_counted() {
    let mut run = Run::new(16 << 20);
    for n in 1..=1_000_000 {
        run.take(row(n, None, Some(id(7))));
        if n % 100_000 == 0 {
            run.commit();
        }
    }
    let limits = run.resolver.limits();
    let footprint = run.resolver.footprint();
    assert!(footprint.bytes() < 18 << 20, "{footprint:?}");
    assert_eq!(limits.waiting_dropped + run.resolver.waiting(), 1_000_000);
    assert!(run.resolver.waiting() > 10_000);
    run.pass_barrier();
    run.commit();
    assert!(run.stored.rows.values().all(|row| row.resolution == NEVER));
    // It comes after all: those that are still watched are taken back, and only those.
    let watched = 1_000_000 - limits.waiting_dropped;
    run.take(row(2_000_000, Some(id(7)), None));
    run.commit();
    let caused = run.stored.rows.values().filter(|row| row.resolution == Resolution::Caused).count();
    assert_eq!(caused as u64, watched);
}

#[test]
fn ids_that_repeat_for_ever_take_one_place() {
    let mut run = Run::new(16 << 20);
    for n in 1..=500_000 {
        run.take(row(n, Some(id(n as u64 % 10)), None));
        run.changes = Changes::default();
    }
    assert!(run.resolver.limits().repeated_ids > 499_000);
    assert!(run.resolver.footprint().bytes() < 16 << 20);
}

#[test]
fn self_causes_cycles_and_causes_in_the_future_make_no_wrong_edge() {
    let mut run = Run::new(16 << 20);
    run.take(row(1, Some(id(1)), Some(id(1))));
    run.take(row(2, Some(id(2)), Some(id(4))));
    run.take(row(3, Some(id(3)), Some(id(2))));
    run.take(row(4, Some(id(4)), Some(id(3))));
    run.resolver.end_of_input(&mut run.changes);
    run.commit();
    assert_eq!(run.resolution(1), (NEVER, None), "an event never causes itself");
    let causes: Vec<_> = (2..=4).map(|n| run.resolution(n)).collect();
    let caused = |n| (Resolution::Caused, Some(n));
    assert_eq!(causes, [caused(4), caused(2), caused(3)], "what a cycle says of itself is told");
    assert!((2..=4).all(|n| run.graph()[&n].2 == 2));
}

/// Five partitions, chains of causes and traces, late causes, missing ids, repeated ids.
fn stream(seed: u64, events: usize) -> Vec<EventRow> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut offsets = [0_i64; 5];
    let mut rows: Vec<EventRow> = (0..events as u64)
        .map(|n| {
            let partition = random.usize(..5);
            offsets[partition] += 1;
            let reference = EventRef::new(Ordinal(partition as u32), offsets[partition]).0;
            let causation = match random.u8(..10) {
                0 => None,
                1 => Some(id(1_000_000 + n)),
                2 => Some(id(n + random.u64(1..50))),
                _ => Some(id(n.saturating_sub(random.u64(1..400)))),
            };
            let trace = (random.u8(..3) > 0).then(|| {
                let trace = id(5_000_000 + n / 7);
                TraceContext { trace_hi: trace.hi, trace_lo: trace.lo, parent_id: n }
            });
            let own = (random.u8(..20) > 0).then(|| id(n));
            EventRow { seen_time: Timestamp(n as i64), trace, ..row(reference, own, causation) }
        })
        .collect();
    // Within reach, order is anything; offsets of a partition stay in order as far as nobody looks at them.
    rows.chunks_mut(32).for_each(|chunk| random.shuffle(chunk));
    rows
}

#[test]
fn a_restart_at_any_point_answers_as_if_there_had_been_none() {
    for seed in 1..=8 {
        let rows = stream(seed, 3_000);
        let graph = |restarts: &[usize], bytes: u64| {
            let mut run = Run::new(bytes);
            run.resolver.recall_from_store(false);
            for (at, row) in rows.iter().enumerate() {
                run.take(row.clone());
                if at % 100 == 99 {
                    run.commit();
                    run.recall();
                    if at % 500 == 499 {
                        run.pass_barrier();
                        run.recall();
                    }
                    run.commit();
                }
                if restarts.contains(&at) {
                    run.commit();
                    run.restart(bytes);
                }
            }
            run.commit();
            run.resolver.end_of_input(&mut run.changes);
            while run.recall() > 0 {}
            run.commit();
            run.graph()
        };
        let straight = graph(&[], 64 << 20);
        let mut random = fastrand::Rng::with_seed(seed);
        let points: Vec<usize> = (0..5).map(|_| random.usize(..rows.len())).collect();
        let same = |a: &Fact, b: &Fact| a == b;
        assert_eq!(
            differences(&graph(&points, 64 << 20), &straight, same),
            [],
            "seed {seed}, restarts after {points:?}"
        );
        // With memory for a few hundred events the database answers the rest; conversations are joined there.
        let same = |a: &Fact, b: &Fact| (a.0, a.1) == (b.0, b.1);
        assert_eq!(differences(&graph(&points, 40_000), &straight, same), [], "seed {seed}, little memory, {points:?}");
    }
}

type Fact = (Resolution, Option<i64>, i64);

/// The first few that are not the same.
fn differences(
    a: &BTreeMap<i64, Fact>,
    b: &BTreeMap<i64, Fact>,
    same: impl Fn(&Fact, &Fact) -> bool,
) -> Vec<(i64, Fact, Fact)> {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b).map(|((at, a), (_, b))| (*at, *a, *b));
    pairs.filter(|(_, a, b)| !same(a, b)).take(5).collect()
}
