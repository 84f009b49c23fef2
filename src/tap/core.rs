//! The core thread's whole state: envelopes, samples and barriers in, changes out. No I/O and no clock: the same inputs
//! give the same changes.

use super::catalog::{Catalog, ProfileNumber};
use super::consuming::Consuming;
use crate::causality::{Arrival, Horizon, Memory, Named, Resolver, Signatures};
use crate::delivery::{Coverage, Ledger, Pace, Passings, Standstill};
use crate::event::{
    AttributeRow, BarrierSample, Changes, CounterRow, Envelope, Envelopes, Epoch, EventRef, EventRow, FailureNotice,
    FailureRow, FailureText, GapReason, HashKey, IdText, Ordinal, Origin, OrphanReason, Resolution, Segment, Spelling,
    Start, Timestamp, TopicPartition, Undecoded,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows whose ids are looked for ahead: enough for the memory to work on them side by side.
const WARM_ROWS: usize = 16;

/// Origins that may be remembered for topics nobody has heard of yet: their names come from headers.
const ELSEWHERE: usize = 100_000;

/// See the module's documentation.
pub struct Core {
    pub(super) catalog: Catalog,
    pub(super) coverage: Vec<Option<Coverage>>,
    pub(super) resolver: Resolver,
    pub(super) ledger: Ledger,
    pub(super) consuming: Consuming,
    pub(super) passings: Passings,
    pub(super) standstill: Standstill,
    pub(super) pace: Pace,
    pub(super) changes: Changes,
    pub(super) signatures: Signatures,
    words: FailureText,
    pub(super) undecoded: [u64; Undecoded::ALL.len()],
    key: HashKey,
    absence: Absence,
    pub(super) counters: HashMap<String, f64>,
    /// Offsets that failures name on partitions nobody has heard of yet.
    elsewhere: HashMap<(Arc<str>, String, i32), Vec<i64>>,
    elsewhere_named: usize,
    /// Coverage rows that changed since the last commit.
    pub(super) touched: Vec<Ordinal>,
    /// The time of what was read last: of records or of groups.
    pub(super) read_to: Timestamp,
    /// When the last read was taken in.
    pub(super) newest: Option<Timestamp>,
    /// When the oldest event of the database was read.
    pub(super) oldest: Option<Timestamp>,
    /// How long the database keeps events; for ever when absent.
    pub(super) kept: Option<Duration>,
}

/// What is known of where a cause that never came might have been.
#[derive(Debug, Clone, Copy, Default)]
struct Absence {
    filtered: bool,
    began_late: bool,
    retention: bool,
    /// This database has deleted events itself, later ones than those before its start.
    deleted: bool,
}

impl Absence {
    fn reason(self) -> OrphanReason {
        match self {
            Self { deleted: true, .. } => OrphanReason::Retention,
            Self { began_late: true, .. } => OrphanReason::BeforeStart,
            Self { filtered: true, .. } => OrphanReason::NotTapped,
            Self { retention: true, .. } => OrphanReason::Retention,
            _ => OrphanReason::NeverSeen,
        }
    }
}

impl Core {
    /// `ids` keys the index; `filtered` says whether the tap was told to leave topics out.
    pub fn new(ids: HashKey, filtered: bool) -> Self {
        Self::with_memory(ids, filtered, Memory::default())
    }

    /// As [`Self::new`], with so much memory for the search of causes.
    pub fn with_memory(ids: HashKey, filtered: bool, memory: Memory) -> Self {
        let mut core = Self {
            catalog: Catalog::default(),
            coverage: Vec::new(),
            resolver: Resolver::with_memory(ids, memory),
            ledger: Ledger::default(),
            consuming: Consuming::default(),
            passings: Passings::default(),
            standstill: Standstill::default(),
            pace: Pace::default(),
            changes: Changes::default(),
            signatures: Signatures::default(),
            words: FailureText::default(),
            undecoded: [0; Undecoded::ALL.len()],
            key: ids,
            absence: Absence { filtered, ..Absence::default() },
            counters: HashMap::new(),
            elsewhere: HashMap::new(),
            elsewhere_named: 0,
            touched: Vec::new(),
            read_to: Timestamp(0),
            newest: None,
            oldest: None,
            kept: None,
        };
        core.resolver.set_absence(core.absence.reason());
        core
    }

    /// Takes in everything that one read gave.
    pub fn take(&mut self, read: &Envelopes) {
        if !read.rows.is_empty() {
            self.newest = self.newest.max(Some(read.seen));
            self.read_to = self.read_to.max(read.seen);
            self.oldest = self.oldest.or(Some(read.seen));
        }
        for (sum, n) in self.undecoded.iter_mut().zip(read.undecoded) {
            *sum += n;
        }
        for start in &read.starts {
            self.start(start);
        }
        let profiles: Vec<ProfileNumber> =
            read.profiles.iter().map(|profile| self.catalog.profile(profile, &mut self.changes)).collect();
        for segment in &read.segments {
            self.segment(read, segment, &profiles);
        }
        for client in &read.clients {
            self.note_client(client);
        }
        for commit in &read.commits {
            self.logged(commit);
        }
    }

    fn start(&mut self, start: &Start) {
        if start.cut {
            self.cut(start);
        }
        let Some(ordinal) = self.place(&start.partition, start.position) else { return };
        // A start that goes on where an earlier one stopped says nothing about what lies before.
        if covered(&self.coverage, ordinal).is_none() {
            self.note_start(start.log_start, start.position);
        }
        self.cover(ordinal).start(start.log_start, start.position);
    }

    pub(super) fn note_start(&mut self, log_start: i64, position: i64) {
        self.absence.began_late |= position > log_start;
        self.absence.retention |= log_start > 0;
        self.resolver.set_absence(self.absence.reason());
    }

    /// The database holds fewer events than were read: those are among the causes that never come.
    pub(super) fn note_deleted(&mut self) {
        self.absence.deleted = true;
        self.resolver.set_absence(self.absence.reason());
    }

    fn cover(&mut self, ordinal: Ordinal) -> &mut Coverage {
        let at = ordinal.0 as usize;
        if self.coverage.len() <= at {
            self.coverage.resize(at + 1, None);
        }
        self.touched.push(ordinal);
        self.coverage[at].get_or_insert_with(|| Coverage::new(ordinal))
    }

    fn segment(&mut self, read: &Envelopes, segment: &Segment, profiles: &[ProfileNumber]) {
        // A ref holds 40 bits of offset: a run that crosses into the next base is two runs.
        let next_base = EventRef::base(segment.covers.start).saturating_add(1 << EventRef::OFFSET_BITS);
        if segment.covers.end > next_base {
            let rows = &read.rows[segment.rows.start as usize..segment.rows.end as usize];
            let cut = segment.rows.start + rows.partition_point(|row| row.offset < next_base) as u32;
            let (start, end) = (segment.covers.start, segment.covers.end);
            let low = Segment { covers: start..next_base, rows: segment.rows.start..cut, ..segment.clone() };
            let high = Segment { covers: next_base..end, rows: cut..segment.rows.end, ..segment.clone() };
            self.segment(read, &low, profiles);
            return self.segment(read, &high, profiles);
        }
        let Some(ordinal) = self.place(&segment.partition, segment.covers.start) else { return };
        let rows = read.rows.get(segment.rows.start as usize..segment.rows.end as usize).unwrap_or_default();
        let producer =
            segment.producer.and_then(|p| self.catalog.producer(&segment.partition.cluster, p, &mut self.changes));
        let ahead = self.cover(ordinal).is_ahead(&segment.covers);
        let context = Context { read, segment, ordinal, producer, profiles };
        let mut late = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            if at.is_multiple_of(WARM_ROWS) {
                let next = &rows[at..rows.len().min(at + WARM_ROWS)];
                let warm = |sum, row: &Envelope| sum ^ self.resolver.warm(row.id, row.causation, row.trace);
                std::hint::black_box(next.iter().fold(0, warm));
            }
            if ahead {
                self.event(&context, row);
            } else if covered(&self.coverage, ordinal).is_some_and(|c| c.admits(row.offset)) {
                late.push(row.offset);
                self.event(&context, row);
            }
        }
        for &offset in &late {
            self.resolver.came_late(EventRef::new(ordinal, offset));
        }
        if !late.is_empty() {
            self.passings.read_late(ordinal, &late, read.seen);
        }
        let coverage = self.cover(ordinal);
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            coverage.note_seen(first.offset..last.offset + 1, read.seen);
        }
        coverage.cover(segment.covers.clone(), rows.iter().map(|row| row.offset), segment.missing);
        for row in rows {
            coverage.written(row.offset, row.record_time, read.seen);
        }
        let next = coverage.next_offset();
        self.resolver.advance(ordinal, next, &mut self.changes);
    }

    fn event(&mut self, context: &Context<'_>, envelope: &Envelope) {
        let Context { read, segment, ordinal, producer, profiles } = *context;
        let Some(&number) = profiles.get(envelope.profile as usize) else { return };
        let reference = EventRef::new(ordinal, envelope.offset);
        let notice = envelope.notice.and_then(|at| read.notices.get(at as usize));
        let origin = notice.and_then(|notice| self.origin(&segment.partition, notice));
        let failure = notice.map(|notice| {
            let kind = read.profiles.get(envelope.profile as usize).map_or("", |profile| &profile.kind);
            // All attempts of one failure have the topic of what failed in common, not the one they lie on.
            let named = notice.origin.as_ref().map(|origin| &origin.topic).or(notice.origin_topic.as_ref());
            let topic = named.map_or(&*segment.partition.topic, |topic| topic);
            (notice, self.signatures.of(notice, topic, kind))
        });
        let wordless = notice.filter(|_| self.words == FailureText::None).map(without_words);
        let failure = failure.map(|(notice, signature)| (wordless.as_ref().unwrap_or(notice), signature));
        let row = EventRow {
            reference,
            time: envelope.time,
            record_time: envelope.record_time,
            seen_time: read.seen,
            kind: envelope.kind,
            resolution: Resolution::Unlinked,
            tombstone: envelope.tombstone,
            profile: number.profile,
            producer,
            key_hash: envelope.key_hash,
            conversation: reference,
            key_bytes: envelope.key_bytes,
            value_bytes: envelope.value_bytes,
            id: envelope.id,
            causation: envelope.causation,
            correlation: envelope.correlation,
            trace: envelope.trace,
            texts: texts(read, envelope),
            cause: None,
        };
        let topic = self.catalog.at(ordinal).map_or(0, |place| place.topic);
        let extra = envelope.extra.and_then(|at| read.extras.get(at as usize));
        let facts = extra.iter().flat_map(|extra| &extra.attributes);
        self.changes.attributes.extend(facts.map(|attribute| AttributeRow { reference, attribute: attribute.clone() }));
        let (says_root, event_type) = (envelope.says_root, number.event_type);
        let again = extra.and_then(|extra| extra.again.as_ref()).and_then(|first| self.given_again(ordinal, first));
        let arrival = Arrival { row, says_root, topic, event_type, failure, origin, again, extra };
        self.resolver.resolve(arrival, &mut self.changes);
    }

    /// The record of the same topic that a redriven one repeats.
    fn given_again(&self, ordinal: Ordinal, first: &Origin) -> Option<EventRef> {
        let cluster = &self.catalog.at(ordinal)?.partition.cluster;
        let partition = self.catalog.find(cluster, &first.topic, first.partition)?;
        Some(EventRef::new(self.catalog.ordinal(partition, first.offset)?, first.offset))
    }

    /// Keeps so much of the words of errors from here on; signatures tell failures apart all the same.
    pub fn keep_words(&mut self, words: FailureText) {
        self.words = words;
    }

    /// What is known of the record that a failure names by its coordinates.
    fn origin(&mut self, at: &TopicPartition, notice: &FailureNotice) -> Option<Named> {
        let origin = notice.origin.as_ref()?;
        let Some(cluster) = self.catalog.home(at, &origin.topic) else {
            return Some(Named::Nowhere(OrphanReason::OtherCluster));
        };
        let known = self.catalog.find(&cluster, &origin.topic, origin.partition);
        let Some(partition) = known.cloned() else {
            return Some(Named::Elsewhere(self.remember_elsewhere(&cluster, origin)));
        };
        // Nor does an offset that nobody has read near: a header never takes a number.
        let Some(ordinal) = self.catalog.ordinal(&partition, origin.offset) else {
            return Some(Named::Elsewhere(self.remember_elsewhere(&cluster, origin)));
        };
        let reference = EventRef::new(ordinal, origin.offset);
        let row = covered(&self.coverage, ordinal).map(Coverage::row);
        let horizon = match row {
            Some(row) if origin.offset < row.log_start => Horizon::Lost(OrphanReason::Retention),
            Some(row) if origin.offset < row.first_offset => Horizon::Lost(OrphanReason::BeforeStart),
            Some(row) if origin.offset < row.next_offset => Horizon::Read,
            _ => Horizon::Ahead,
        };
        Some(Named::Here(reference, horizon))
    }

    /// A topic that was never heard of gets no number: names in headers come from outside. It waits under a hash until
    /// reading of the topic begins.
    pub(super) fn remember_elsewhere(&mut self, cluster: &Arc<str>, origin: &Origin) -> u64 {
        if self.elsewhere_named < ELSEWHERE {
            self.elsewhere_named += 1;
            let place = (cluster.clone(), origin.topic.clone(), origin.partition);
            self.elsewhere.entry(place).or_default().push(origin.offset);
        }
        self.elsewhere_hash(cluster, &origin.topic, (origin.partition, origin.offset))
    }

    fn elsewhere_hash(&self, cluster: &str, topic: &str, (partition, offset): (i32, i64)) -> u64 {
        // No name holds the byte that parts them.
        let name =
            [cluster.as_bytes(), b"/", topic.as_bytes(), &partition.to_be_bytes(), &offset.to_be_bytes()].concat();
        self.key.hash(&name)
    }

    /// The place of an offset; when its partition is new, origins that were named on it before find their place too.
    fn place(&mut self, partition: &Arc<TopicPartition>, offset: i64) -> Option<Ordinal> {
        let ordinal = self.catalog.place(partition, offset, &mut self.changes)?;
        self.lies_on(ordinal);
        if !self.elsewhere.is_empty() {
            let name = (partition.cluster.clone(), partition.topic.to_string(), partition.partition);
            let named = self.elsewhere.remove(&name).unwrap_or_default();
            let (here, still): (Vec<i64>, Vec<i64>) =
                named.into_iter().partition(|&offset| self.catalog.ordinal(partition, offset).is_some());
            self.elsewhere_named -= here.len();
            for offset in here {
                let hash = self.elsewhere_hash(&name.0, &name.1, (name.2, offset));
                self.resolver.placed(hash, EventRef::new(ordinal, offset));
            }
            if !still.is_empty() {
                self.elsewhere.insert(name, still);
            }
        }
        Some(ordinal)
    }

    /// Tells the resolver where a partition lies.
    pub(super) fn lies_on(&mut self, ordinal: Ordinal) {
        if let Some(place) = self.catalog.at(ordinal) {
            self.resolver.lies_on(ordinal, place.topic, &place.partition);
        }
    }

    /// Takes the barrier sample that was asked for.
    pub fn barrier(&mut self, sample: &BarrierSample) {
        let (mut ends, mut ahead) = (Vec::with_capacity(sample.ends.len()), HashMap::new());
        for (partition, end) in &sample.ends {
            let Some(ordinal) = self.place(partition, *end) else { continue };
            ends.push((ordinal, *end));
            let next = covered(&self.coverage, ordinal).map_or(0, Coverage::next_offset);
            if next < *end {
                ahead.insert(ordinal, *end);
            }
        }
        self.resolver.barrier(sample, (&ends, ahead), &mut self.changes);
    }

    /// The barrier sample that was asked for could not be taken.
    pub fn barrier_failed(&mut self) {
        self.resolver.barrier_failed();
    }

    /// Which barrier sample to take now, if any event waits for one.
    pub fn ask_barrier(&mut self) -> Option<Epoch> {
        self.resolver.ask_barrier()
    }

    /// The input has ended: everything that waits is judged.
    pub fn end_of_input(&mut self) {
        self.end_of_reading();
        self.consumed_all();
        let ends = self.coverage.iter().flatten().map(|coverage| (coverage.row().ordinal, coverage.next_offset()));
        self.resolver.end_with(ends.collect());
        self.resolver.end_of_input(&mut self.changes);
    }

    /// The input has ended, and so has the search for origins: what was consumed settles the failures that have one now.
    pub fn end_of_search(&mut self) {
        self.consumed_all();
        self.resolver.end_of_search();
    }

    /// Rows that the next commit will write.
    pub fn rows(&self) -> usize {
        self.changes.rows() + self.resolver.unwritten()
    }

    /// Hands over everything decided since the last call.
    pub fn commit(&mut self, at: Timestamp, counters: impl Iterator<Item = (String, f64)>) -> Changes {
        self.resolver.commit(&mut self.changes);
        self.resolver.prove(at, self.consuming.ended, &mut self.changes);
        for row in &mut self.changes.failures {
            row.changed_at = self.read_to;
            name_origin(&self.catalog, row);
        }
        self.touched.sort_unstable();
        self.touched.dedup();
        for ordinal in self.touched.drain(..) {
            let coverage = self.coverage.get_mut(ordinal.0 as usize).and_then(Option::as_mut);
            self.changes.coverage.extend(coverage.and_then(Coverage::take_change));
        }
        self.settle_groups();
        let read = |ordinal| covered(&self.coverage, ordinal).map(Coverage::read);
        let seen_from = |ordinal, offset| {
            covered(&self.coverage, ordinal).map_or(Timestamp(i64::MIN), |coverage| coverage.seen_from(offset))
        };
        (self.changes.passed, self.changes.passed_to) = self.passings.tell(read, seen_from);
        for (name, value) in self.own_counters().into_iter().chain(counters) {
            if self.counters.get(&name) != Some(&value) {
                self.counters.insert(name.clone(), value);
                self.changes.counters.push(CounterRow { name, value });
            }
        }
        self.changes.at = at;
        std::mem::take(&mut self.changes)
    }

    /// Where reading of each partition goes on.
    pub fn positions(&self) -> HashMap<TopicPartition, i64> {
        let mut positions = HashMap::new();
        for coverage in self.coverage.iter().flatten() {
            let Some(place) = self.catalog.at(coverage.row().ordinal) else { continue };
            // A log that was cut goes on where its new incarnation does.
            if !self.catalog.is_current(coverage.row().ordinal) {
                continue;
            }
            let next = positions.entry((*place.partition).clone()).or_insert(0);
            *next = coverage.next_offset().max(*next);
        }
        positions
    }

    /// Offsets of all partitions that are missing for `reason`.
    pub fn missing(&self, reason: GapReason) -> i64 {
        self.coverage.iter().flatten().map(|coverage| coverage.row().missing[reason as usize]).sum()
    }
}

/// What all rows of a segment share.
#[derive(Clone, Copy)]
struct Context<'a> {
    read: &'a Envelopes,
    segment: &'a Segment,
    ordinal: Ordinal,
    producer: Option<i32>,
    profiles: &'a [ProfileNumber],
}

/// Apart from the core, so that its other parts can change meanwhile.
pub(super) fn covered(coverage: &[Option<Coverage>], ordinal: Ordinal) -> Option<&Coverage> {
    coverage.get(ordinal.0 as usize)?.as_ref()
}

fn without_words(notice: &FailureNotice) -> FailureNotice {
    FailureNotice { error_message: None, ..notice.clone() }
}

fn texts(read: &Envelopes, envelope: &Envelope) -> Option<Box<IdText>> {
    let ids = [envelope.id, envelope.causation, envelope.correlation];
    let extra = envelope.extra.and_then(|at| read.extras.get(at as usize));
    let malformed_trace = extra.is_some_and(|extra| extra.malformed_trace);
    let appended_trace = extra.is_some_and(|extra| extra.appended_trace);
    if !malformed_trace && !appended_trace && !ids.iter().flatten().any(|id| id.spelling == Spelling::Text) {
        return None;
    }
    let text = |at: usize| {
        ids[at].filter(|id| id.spelling == Spelling::Text).map(|_| read.arena.get(envelope.texts[at]).into())
    };
    Some(Box::new(IdText { id: text(0), causation: text(1), correlation: text(2), malformed_trace, appended_trace }))
}

/// A failure whose origin was found by its id shows the coordinates all the same.
fn name_origin(catalog: &Catalog, row: &mut FailureRow) {
    let Some(origin) = row.origin else { return };
    let Some(place) = catalog.at(origin.ordinal()) else { return };
    row.origin_topic.get_or_insert_with(|| place.partition.topic.to_string());
    row.origin_partition.get_or_insert(place.partition.partition);
    row.origin_offset.get_or_insert(place.base + origin.offset());
}
