//! The engine against a naive one that holds everything: in any order, in any batches, with barrier samples and
//! restarts anywhere, the declared edges, resolutions and conversations are the same after the last barrier.

mod naive;

use crate::support::generator::{self, Batch, Made, Preset, Reader, Source};
use crate::support::{Folder, seed};
use headwater::causality::Resolver;
use headwater::event::{
    BarrierSample, Changes, Envelope, Envelopes, EventRef, Evidence, Extra, FailureKind, FailureNotice, GapReason,
    HashKey, Identifier, Kind, Ordinal, Origin, Profile, Resolution, Segment, Spelling, Start, Timestamp,
    TopicPartition, TraceContext,
};
use headwater::store::{Settings, Writer};
use headwater::tap::Core;
use naive::{Said, Verdict, Whole};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const KEY: HashKey = HashKey([3; 16]);
/// Members above which a shared id joins nobody; see `src/causality/conversation.rs`.
const HUB_MEMBERS: usize = 10_000;
/// Partitions on which small streams lie. Coordinates also name two more, which nobody reads.
const PLACES: usize = 4;
/// Different ids: few, so that they repeat, clash and lead in circles.
const IDS: u64 = 12;

/// One record before it has its place in a log.
#[derive(Debug, Clone)]
struct Draft {
    place: usize,
    time: i64,
    kind: Kind,
    says_root: bool,
    ids: [Option<u64>; 4],
    shared: Option<u64>,
    /// Place and offset of the record that failed.
    origin: Option<(usize, i64)>,
}

/// A record and where it lies.
#[derive(Debug, Clone)]
struct Record {
    said: Said,
    place: usize,
    offset: i64,
    origin: Option<(usize, i64)>,
}

fn identifier(number: u64) -> Identifier {
    Identifier { hi: 0, lo: number + 1, spelling: Spelling::Hex }
}

fn draft() -> impl Strategy<Value = Draft> {
    let kinds = [Kind::Event, Kind::Event, Kind::Event, Kind::Command, Kind::Reply, Kind::Retry, Kind::DeadLetter];
    let id = |share: f64| prop::option::weighted(share, 0..IDS);
    let ids = (id(0.8), id(0.6), id(0.3), id(0.3));
    let origin = prop::option::weighted(0.5, (0..PLACES + 2, 0i64..40));
    let kind = prop::sample::select(kinds.to_vec());
    (0..PLACES, 0i64..5, kind, prop::bool::weighted(0.1), ids, id(0.1), origin).prop_map(
        |(place, time, kind, says_root, (id, causation, correlation, trace), shared, origin)| Draft {
            place,
            time,
            kind,
            says_root,
            ids: [id, causation, correlation, trace],
            shared: shared.filter(|_| kind == Kind::Event),
            origin: origin.filter(|_| kind.is_copy()),
        },
    )
}

/// Whether events may carry the id of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// They may: one event published twice, or several under one id by mistake.
    Clash,
    /// Only copies repeat an id.
    Differ,
}

impl Ids {
    /// The ids of draft `at` of `count`: its own, and its cause's.
    fn of(self, (at, count): (usize, usize), draft: &Draft) -> [Option<u64>; 2] {
        let [own, causation, ..] = draft.ids;
        // Spread over all events, and a few that are not there.
        let other = |id: u64| id * (count as u64 + 4) / IDS;
        match self {
            Self::Clash => [own, causation],
            Self::Differ if draft.kind.is_copy() => [own.map(other), causation.map(other)],
            Self::Differ => [own.map(|_| at as u64), causation.map(other)],
        }
    }
}

fn ids() -> impl Strategy<Value = Ids> {
    prop::sample::select(vec![Ids::Clash, Ids::Differ])
}

/// Gives each draft its offset, in the order in which they stand.
fn place(mut drafts: Vec<Draft>, ids: Ids) -> Vec<Record> {
    let count = drafts.len();
    for (at, draft) in drafts.iter_mut().enumerate() {
        let [own, causation] = ids.of((at, count), draft);
        if ids == Ids::Clash && !draft.kind.is_copy() {
            // What requests and replies share is an id of another sort.
            draft.kind = Kind::Event;
        }
        let correlation = match (draft.kind, ids) {
            // What a reply names is what it shares with its request.
            (Kind::Reply, _) => causation,
            (Kind::Command, Ids::Differ) => draft.ids[2].map(|_| at as u64),
            _ => draft.ids[2],
        };
        draft.ids = [own, causation, correlation, draft.ids[3]];
    }
    let mut next: BTreeMap<usize, i64> = BTreeMap::new();
    let placed: Vec<(Draft, i64)> = drafts
        .into_iter()
        .map(|draft| {
            let offset = next.entry(draft.place).or_default();
            *offset += 1;
            let at = *offset - 1;
            (draft, at)
        })
        .collect();
    let reference = |place: usize, offset: i64| EventRef::new(Ordinal(place as u32), offset);
    let record = |(draft, offset): (Draft, i64)| {
        let [id, causation, correlation, trace] = draft.ids.map(|id| id.map(identifier));
        let there = |(place, offset): (usize, i64)| {
            next.get(&place).is_some_and(|end| offset < *end).then(|| reference(place, offset))
        };
        let said = Said {
            reference: reference(draft.place, offset),
            record_time: draft.time * 1_000,
            kind: draft.kind,
            says_root: draft.says_root,
            id,
            causation,
            correlation,
            trace,
            request: correlation.filter(|_| draft.kind == Kind::Command),
            shared: draft.shared.map(identifier).into_iter().collect(),
            origin: draft.origin.map(there),
        };
        Record { said, place: draft.place, offset, origin: draft.origin }
    };
    placed.into_iter().map(record).collect()
}

/// An order in which a tap could read: each partition from its start, and any partition next.
fn read_order(records: &[Record], random: &mut fastrand::Rng) -> Vec<Record> {
    let mut queues: BTreeMap<usize, std::collections::VecDeque<Record>> = BTreeMap::new();
    for record in records {
        queues.entry(record.place).or_default().push_back(record.clone());
    }
    let mut order = Vec::new();
    while !queues.is_empty() {
        let places: Vec<usize> = queues.keys().copied().collect();
        let place = places[random.usize(..places.len())];
        let queue = queues.get_mut(&place).unwrap();
        // Now a record, now all that a partition holds.
        for _ in 0..random.usize(1..=queue.len()) {
            order.extend(queue.pop_front());
        }
        queues.retain(|_, queue| !queue.is_empty());
    }
    order
}

fn partition(place: usize) -> Arc<TopicPartition> {
    let topic = format!("topic-{place}").into();
    Arc::new(TopicPartition { cluster: "test".into(), topic, topic_id: [place as u8 + 1; 16], partition: 0 })
}

fn envelopes(records: &[Record]) -> Envelopes {
    let mut read = Envelopes { seen: Timestamp(1), ..Envelopes::default() };
    read.profiles.push(Profile::default());
    for record in records {
        let said = &record.said;
        let notice = notice(record);
        let shares = said.request.is_some() || !said.shared.is_empty();
        let row = read.rows.len() as u32;
        read.rows.push(Envelope {
            offset: record.offset,
            record_time: Timestamp(said.record_time),
            time: Timestamp(said.record_time),
            kind: said.kind,
            says_root: said.says_root,
            tombstone: false,
            profile: 0,
            id: said.id,
            causation: said.causation,
            correlation: said.correlation,
            texts: Default::default(),
            trace: said.trace.map(|id| TraceContext { trace_hi: id.hi, trace_lo: id.lo, parent_id: 1 }),
            key_hash: None,
            key_bytes: 0,
            value_bytes: 0,
            notice: notice.is_some().then_some(read.notices.len() as u32),
            extra: shares.then_some(read.extras.len() as u32),
        });
        read.notices.extend(notice);
        if shares {
            read.extras.push(Extra { request: said.request, shared: said.shared.clone(), ..Extra::default() });
        }
        read.segments.push(Segment {
            partition: partition(record.place),
            producer: None,
            covers: record.offset..record.offset + 1,
            rows: row..row + 1,
            missing: GapReason::CompactedOrTransactional,
        });
    }
    read
}

fn notice(record: &Record) -> Option<FailureNotice> {
    let kind = match record.said.kind {
        Kind::Retry => FailureKind::Retry,
        Kind::DeadLetter => FailureKind::DeadLetter,
        _ => return None,
    };
    let origin =
        record.origin.map(|(place, offset)| Origin { topic: partition(place).topic.to_string(), partition: 0, offset });
    Some(FailureNotice {
        kind,
        origin,
        origin_topic: None,
        doubtful: false,
        group: None,
        attempt: None,
        error_class: None,
        error_message: None,
    })
}

/// Resolution, cause and conversation of an event.
type Known = (Resolution, Option<(EventRef, Evidence)>, EventRef);

/// What a database would hold.
#[derive(Default)]
struct Book {
    events: BTreeMap<EventRef, Known>,
    aliases: HashMap<EventRef, EventRef>,
}

impl Book {
    fn apply(&mut self, changes: &Changes) {
        for columns in [&changes.events, &changes.pending] {
            for at in 0..columns.len() {
                let cause = columns.cause.is_valid(at).then(|| EventRef(columns.cause.values[at]));
                let cause = cause.map(|cause| (cause, Evidence::ALL[columns.evidence.values[at] as usize]));
                let resolution = Resolution::from_numbers(columns.resolution[at], None);
                let known = (resolution, cause, EventRef(columns.conversation[at]));
                let reference = EventRef(columns.reference[at]);
                assert!(self.events.insert(reference, known).is_none(), "{reference:?} was written twice");
            }
        }
        for settled in changes.settled.iter().chain(&changes.retracted) {
            let known = (settled.resolution, settled.cause, settled.conversation);
            assert!(self.events.insert(settled.reference, known).is_some(), "{settled:?} was never written");
        }
        self.aliases.extend(changes.aliases.iter().copied());
    }

    fn whole(&self) -> Whole {
        let verdict = |resolution: Resolution, cause: Option<(EventRef, Evidence)>| match (resolution, cause) {
            (Resolution::Root, None) => Verdict::Root,
            (Resolution::Caused, Some((cause, evidence))) => Verdict::Caused(cause, evidence),
            (Resolution::Unlinked | Resolution::Inferred, None) => Verdict::Unlinked,
            (Resolution::Orphaned(_), None) => Verdict::Orphaned,
            other => panic!("{other:?} is no verdict"),
        };
        let mut conversations: BTreeMap<EventRef, BTreeSet<EventRef>> = BTreeMap::new();
        for (reference, (_, _, conversation)) in &self.events {
            let mut conversation = *conversation;
            while let Some(next) = self.aliases.get(&conversation) {
                conversation = *next;
            }
            conversations.entry(conversation).or_default().insert(*reference);
        }
        let verdicts = self.events.iter().map(|(at, (resolution, cause, _))| (*at, verdict(*resolution, *cause)));
        Whole { verdicts: verdicts.collect(), conversations }
    }
}

/// A core, with the database that it would be restored from.
struct Engine {
    core: Core,
    book: Book,
    writer: Option<Writer>,
    folder: Option<Folder>,
    /// The offset that is read next, by place.
    next: BTreeMap<usize, i64>,
}

impl Engine {
    fn new(places: usize, with_database: bool) -> Self {
        let folder = with_database.then(|| Folder::new("resolver"));
        let opened =
            folder.as_ref().map(|folder| Writer::open(&folder.file("tap.duckdb"), Settings::default()).unwrap());
        let (writer, core) = match opened {
            Some((writer, restored)) => {
                let core = Core::resume(&writer, restored, false).unwrap();
                (Some(writer), core)
            }
            None => (None, Core::new(KEY, false)),
        };
        let mut engine = Self { core, book: Book::default(), writer, folder, next: BTreeMap::new() };
        // Partitions get their numbers in this order, whatever is read first.
        let starts =
            (0..places).map(|place| Start { partition: partition(place), log_start: 0, position: 0, cut: false });
        engine.core.take(&Envelopes { starts: starts.collect(), ..Envelopes::default() });
        engine
    }

    fn read(&mut self, records: &[Record]) {
        self.core.take(&envelopes(records));
        for record in records {
            self.next.insert(record.place, record.offset + 1);
        }
    }

    fn commit(&mut self) {
        let changes = self.core.commit(Timestamp(2), std::iter::empty());
        self.book.apply(&changes);
        if let Some(writer) = &mut self.writer {
            writer.append(changes).unwrap();
        }
    }

    fn barrier(&mut self, ends: &BTreeMap<usize, i64>) {
        let Some(epoch) = self.core.ask_barrier() else { return };
        let ends = ends.iter().map(|(place, end)| (partition(*place), *end)).collect();
        self.core.barrier(&BarrierSample { epoch, ends, ..BarrierSample::default() });
    }

    /// The process ends after a commit, and another one goes on.
    fn restart(&mut self) {
        let (Some(writer), Some(folder)) = (self.writer.take(), &self.folder) else { return };
        writer.close().unwrap();
        let (writer, restored) = Writer::open(&folder.file("tap.duckdb"), Settings::default()).unwrap();
        self.core = Core::resume(&writer, restored, false).unwrap();
        self.writer = Some(writer);
    }

    fn end(mut self) -> Whole {
        let read = self.next.clone();
        self.barrier(&read);
        self.core.end_of_input();
        self.commit();
        self.book.whole()
    }
}

/// What may happen between two reads, of 16.
#[derive(Debug, Clone, Copy)]
struct Chances {
    commit: u32,
    barrier: u32,
    restart: u32,
}

/// Reads `order` in batches of any size.
fn run(order: &[Record], places: usize, chances: Chances, random: &mut fastrand::Rng) -> Whole {
    let mut engine = Engine::new(places, chances.restart > 0);
    let mut written: BTreeMap<usize, i64> = BTreeMap::new();
    for record in order {
        let end = written.entry(record.place).or_default();
        *end = (*end).max(record.offset + 1);
    }
    let mut left = order;
    while !left.is_empty() {
        let (now, later) = left.split_at(random.usize(1..=left.len().min(12)));
        engine.read(now);
        left = later;
        let mut happens = |chance| random.u32(..16) < chance;
        let (barrier, commit, restart) = (happens(chances.barrier), happens(chances.commit), happens(chances.restart));
        if barrier {
            // The ends of what is read already, or of everything that will be.
            let ends = if random.bool() { engine.next.clone() } else { written.clone() };
            engine.barrier(&ends);
        }
        if commit || restart {
            engine.commit();
        }
        if restart {
            engine.restart();
        }
    }
    engine.end()
}

fn assert_same(records: &[Record], ids: Ids, seen: &Whole) -> Result<(), TestCaseError> {
    let said: Vec<Said> = records.iter().map(|record| record.said.clone()).collect();
    let expected = naive::resolve(&said, HUB_MEMBERS);
    prop_assert_eq!(seen.verdicts.len(), expected.verdicts.len());
    if ids == Ids::Clash {
        let strange = strange(&said, &expected, seen);
        prop_assert!(strange.is_empty(), "{strange:#?}");
        return Ok(());
    }
    for (reference, verdict) in &expected.verdicts {
        prop_assert_eq!(seen.verdicts.get(reference), Some(verdict), "{:?}", reference);
    }
    for (id, members) in &expected.conversations {
        prop_assert_eq!(seen.conversations.get(id), Some(members), "{:?}", id);
    }
    prop_assert_eq!(seen.conversations.len(), expected.conversations.len());
    Ok(())
}

/// Verdicts that are neither the naive ones nor a choice among those who carry one id. Who names an id that several
/// carry is caused by one of them, or says that it cannot tell; who carries another's id may be caused by that one.
fn strange(said: &[Said], expected: &Whole, seen: &Whole) -> Vec<String> {
    let choices = naive::choices(said);
    let is_choice = |reference: &EventRef, verdict: Option<&Verdict>| {
        let choice = &choices[reference];
        match verdict {
            Some(Verdict::Caused(cause, Evidence::Forward)) => {
                choice.own.contains(cause) || choice.named.contains(cause)
            }
            Some(Verdict::Caused(cause, _)) => choice.named.contains(cause),
            Some(Verdict::Orphaned) => !choice.named.is_empty(),
            _ => false,
        }
    };
    let strange = expected.verdicts.iter().filter(|(reference, verdict)| {
        let seen = seen.verdicts.get(reference);
        seen != Some(verdict) && !is_choice(reference, seen)
    });
    strange.map(|(at, verdict)| format!("{at:?}: {:?}, not {verdict:?}", seen.verdicts.get(at))).collect()
}

/// Failing cases are written into a test of their own, not into files.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::with_cases(cases) }
}

const LIVELY: Chances = Chances { commit: 6, barrier: 6, restart: 0 };

proptest! {
    #![proptest_config(cases(400))]

    /// Scenario: small nasty streams, read in any order that a tap could see.
    /// Guarantees: the graph that all records together say; where ids clash, a cause that carries the named id.
    #[test]
    fn any_order_and_any_batches_give_one_graph(drafts in prop::collection::vec(draft(), 5..120), ids in ids(), seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let records = place(drafts, ids);
        let order = read_order(&records, &mut random);
        assert_same(&records, ids, &run(&order, PLACES, LIVELY, &mut random))?;
    }

    /// Scenario: each record lies on a partition of its own, so that any order at all is possible.
    /// Guarantees: as above.
    #[test]
    fn any_permutation_gives_one_graph(drafts in prop::collection::vec(draft(), 5..60), ids in ids(), seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let places = drafts.len();
        let apart = drafts.into_iter().enumerate().map(|(place, draft)| Draft { place, ..draft });
        let mut records = place(apart.collect(), ids);
        random.shuffle(&mut records);
        assert_same(&records, ids, &run(&records, places, LIVELY, &mut random))?;
    }
}

proptest! {
    // Each of them opens a database several times.
    #![proptest_config(cases(24))]

    /// Scenario: the process ends and begins again, at any point.
    /// Guarantees: as above, from what the database holds.
    #[test]
    fn a_restart_anywhere_changes_nothing(drafts in prop::collection::vec(draft(), 20..100), ids in ids(), seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        // What an event shares beyond trace and correlation is not in the database: it ends with the process.
        let drafts = drafts.into_iter().map(|draft| Draft { shared: None, ..draft });
        let records = place(drafts.collect(), ids);
        let order = read_order(&records, &mut random);
        let chances = Chances { restart: 3, ..LIVELY };
        assert_same(&records, ids, &run(&order, PLACES, chances, &mut random))?;
    }
}

/// Scenario: generated streams, some causes hidden, in the order and with the barrier samples of a tap.
/// Guarantees: the graph that all records together say; where ids repeat, a cause that carries the named id.
#[test]
fn generated_streams_give_the_graph_that_all_their_records_say() {
    for preset in Preset::ALL {
        let options = generator::Options { hide: 0.3, ..generator::Options::new(preset, seed("resolver"), 30_000) };
        let mut source = Source::new(options);
        let (mut batch, mut reader, mut changes) = (Batch::default(), Reader::default(), Changes::default());
        let (mut resolver, mut book, mut records) = (Resolver::new(KEY), Book::default(), Vec::new());
        while source.fill(&mut batch, 1_000) {
            reader.read(&mut resolver, (&batch, source.stream()), &mut changes);
            resolver.commit(&mut changes);
            book.apply(&std::mem::take(&mut changes));
            records.extend(batch.records.iter().map(said));
        }
        resolver.end_of_input(&mut changes);
        resolver.commit(&mut changes);
        book.apply(&changes);
        let (seen, expected) = (book.whole(), naive::resolve(&records, HUB_MEMBERS));
        let strange = strange(&records, &expected, &seen);
        assert!(strange.is_empty(), "{preset:?}: {} such as {:#?}", strange.len(), &strange[..strange.len().min(5)]);
        if preset == Preset::Calm {
            assert_eq!(seen.conversations, expected.conversations, "nothing is ambiguous here");
        }
        assert_eq!(seen.verdicts.len(), records.len());
    }
}

fn said(made: &Made) -> Said {
    Said {
        reference: made.reference,
        record_time: made.record_time,
        kind: generator::kind(made),
        says_root: made.says_root(),
        id: made.id,
        causation: made.causation,
        correlation: made.correlation,
        trace: made.trace.context().map(TraceContext::identifier),
        request: None,
        shared: Vec::new(),
        origin: made.failed.map(Some),
    }
}
