//! A company whose events are made up: what the core would have decided about them, ready to be appended.
//!
//! One seed is one stream. Nothing here is measured, so it only has to be cheap enough to make a hundred million.

use super::keys;
use super::names::{
    self, BUSINESS_TOPICS, GROUPS, PARTITIONS, PRODUCERS, PRODUCERS_A_TOPIC, PROFILES, RETRY_TOPICS, TOPICS, group,
    key, popular, readers,
};
use fastrand::Rng;
use headwater::event::{
    Changes, CounterRow, CoverageRow, Direction, EventColumns, EventRef, EventRow, Evidence, FailureKind, FailureRow,
    FailureState, GapReason, Identifier, Kind, Ordinal, OrphanReason, PassedRange, PassedTo, ProgressRow,
    ProgressState, Resolution, Settled, Spelling, Timestamp, TopicPartition, TraceContext,
};
use std::sync::Arc;

/// Rows of one commit, as the tap makes them when it has much to read: one row group of DuckDB's.
pub const COMMIT_ROWS: usize = 122_880;

/// Days over which the tap sees the events: enough for a 30-day panel.
const DAYS: i64 = 31;
pub const DAY: i64 = 86_400_000_000;
const MILLISECOND: i64 = 1_000;
const SECOND: i64 = 1_000_000;
/// When the first is seen: 2026-01-01T00:00:00Z.
pub const BEGIN: i64 = 1_767_225_600_000_000;

const SIGNATURES: usize = 1_000;

/// Events that one read gives; all have one seen time, and those of a partition lie together.
const READ_EVENTS: usize = 1_024;
/// What a day holds when a hundred million events fill the days.
const STEADY_EVENTS_A_DAY: i64 = 100_000_000 / DAYS;
/// How long a tap that catches up needs for a commit.
const CATCH_UP_COMMIT: i64 = SECOND;
/// Commits between two samples of the groups: five seconds of catching up.
const SAMPLE_COMMITS: usize = 5;

/// Conversations that go on at the same time.
const OPEN: usize = 4_096;
/// Events of a conversation, one of these: four on average.
const SIZES: [usize; 10] = [1, 1, 2, 2, 3, 4, 4, 5, 8, 10];
const MOST_EVENTS: usize = 10;
/// One conversation in so many has one of a few keys that come again and again.
const HOT_EVERY: u64 = 10;

/// Of a million effects, so many are a retry or dead letter of their cause: 1 % of all events.
const FAILED: u32 = 13_300;
/// … name a cause that is nowhere.
const ORPHANED: u32 = 2_700;
/// … come before their cause and settle in the next commit: 5 % of all events.
const LATE: u32 = 68_000;
const MILLION: u32 = 1_000_000;
/// One late event in so many begins a conversation of its own, which is merged when it settles.
const ALIAS_EVERY: u32 = 20;
/// One failure in so many is healed in the commit after, and one has lost its way back.
const HEALED_EVERY: u32 = 10;
const BROKEN_EVERY: u32 = 100;

/// How fast the seen times rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As a tap that catches up sees them: a commit in a second.
    CatchUp,
    /// As they would have been seen over the days: a commit in the better part of an hour.
    Steady,
}

/// One event of a conversation, as far as later ones name it.
#[derive(Debug, Clone, Copy)]
struct Known {
    reference: EventRef,
    id: Identifier,
    causation: Option<Identifier>,
    span: u64,
    profile: i32,
    seen: i64,
    settled: bool,
}

struct Conversation {
    number: u64,
    hot: bool,
    trace: (u64, u64),
    key_hash: u64,
    correlated: bool,
    /// Each event causes the next one; else the first one causes all others.
    chain: bool,
    size: usize,
    len: usize,
    events: [Option<Known>; MOST_EVENTS],
    failed: bool,
}

/// What is known of a late event a commit later: its verdict, and the conversation that was merged.
type Late = (Settled, Option<(EventRef, EventRef)>);

struct Place {
    partition: Arc<TopicPartition>,
    next: i64,
    touched: bool,
}

struct Reading {
    group: usize,
    place: usize,
    passed_to: i64,
}

/// What is remembered of one conversation, so that it can be asked for.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Remembered {
    pub id: String,
    pub trace: String,
    pub coordinates: String,
    pub key: String,
    pub reference: i64,
    pub events: usize,
}

/// Makes events, commit by commit.
pub struct Company {
    random: Rng,
    places: Vec<Place>,
    readings: Vec<Reading>,
    groups: Vec<Arc<str>>,
    /// Topics by how much they are written to.
    popular: Vec<u8>,
    open: Vec<Conversation>,
    conversations: u64,
    seen: i64,
    /// Seen time at the last sample and at the one before.
    sampled: [i64; 2],
    commits: usize,
    /// Commits until the groups are sampled again.
    until_sample: usize,
    late: Vec<Late>,
    healing: Vec<FailureRow>,
    wanted: bool,
    remembered: Vec<Remembered>,
}

impl Company {
    pub fn new(seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        let places = (0..TOPICS * PARTITIONS)
            .map(|at| Place { partition: names::partition(at, seed), next: 0, touched: false })
            .collect();
        let groups = (0..GROUPS).map(group).collect();
        let readings = (0..TOPICS).flat_map(readers).flat_map(|(topic, group)| {
            (0..PARTITIONS).map(move |n| Reading { group, place: topic * PARTITIONS + n, passed_to: 0 })
        });
        Self {
            random,
            places,
            readings: readings.collect(),
            groups,
            popular: popular(),
            open: Vec::with_capacity(OPEN),
            conversations: 0,
            seen: BEGIN,
            sampled: [BEGIN; 2],
            commits: 0,
            until_sample: SAMPLE_COMMITS,
            late: Vec::new(),
            healing: Vec::new(),
            wanted: false,
            remembered: Vec::new(),
        }
    }

    /// The next commit, of `rows` events; the first are seen at `begin` or later.
    pub fn commit(&mut self, rows: usize, pace: Pace, begin: i64) -> Changes {
        let mut changes = Changes::default();
        if self.commits == 0 {
            names::dictionaries(self.places.iter().map(|place| &place.partition), &mut changes);
        }
        self.seen = self.seen.max(begin);
        for (settled, alias) in std::mem::take(&mut self.late) {
            changes.settled.push(settled);
            changes.aliases.extend(alias);
        }
        changes.failures.append(&mut self.healing);
        let mut left = rows;
        while left > 0 {
            let events = left.min(READ_EVENTS);
            self.read(events, pace, &mut changes);
            left -= events;
        }
        self.commits += 1;
        changes.at = Timestamp(self.seen);
        self.cover(&mut changes);
        self.until_sample -= 1;
        if self.until_sample == 0 {
            self.until_sample = SAMPLE_COMMITS;
            self.sample(&mut changes);
        }
        let value = (self.commits * COMMIT_ROWS) as f64;
        changes.counters.push(CounterRow { name: "records_received".into(), value });
        changes
    }

    /// The groups are sampled with the next commit.
    pub fn sample_next(&mut self) {
        self.until_sample = 1;
    }

    /// The next conversation that ends is remembered: with a common key, and one without.
    pub fn remember(&mut self) {
        self.wanted = true;
    }

    pub fn remembered(&self) -> &[Remembered] {
        &self.remembered
    }

    fn read(&mut self, events: usize, pace: Pace, changes: &mut Changes) {
        let takes = match pace {
            Pace::CatchUp => CATCH_UP_COMMIT * events as i64 / COMMIT_ROWS as i64,
            Pace::Steady => DAY * events as i64 / STEADY_EVENTS_A_DAY,
        };
        self.seen += takes;
        let mut rows: Vec<EventRow> = (0..events).map(|_| self.event(takes, changes)).collect();
        // Offsets rise within a partition as the events were made, so refs sort as a fetch gives them.
        rows.sort_unstable_by_key(|row| row.reference);
        for row in &rows {
            let to: &mut EventColumns = match row.resolution {
                Resolution::Waiting { .. } => &mut changes.pending,
                _ => &mut changes.events,
            };
            to.push(row);
        }
    }

    fn event(&mut self, takes: i64, changes: &mut Changes) -> EventRow {
        if self.open.len() < OPEN {
            let new = self.conversation();
            self.open.push(new);
            return self.root(self.open.len() - 1, takes);
        }
        let at = self.random.usize(..self.open.len());
        if self.open[at].len == self.open[at].size {
            let ended = self.conversation();
            let ended = std::mem::replace(&mut self.open[at], ended);
            self.note(&ended);
            return self.root(at, takes);
        }
        let chance = self.random.u32(..MILLION);
        if chance < FAILED {
            return self.failure(at, takes, changes);
        }
        self.effect(at, takes, chance - FAILED)
    }

    fn conversation(&mut self) -> Conversation {
        self.conversations += 1;
        let number = self.conversations;
        let hot = self.random.u64(..HOT_EVERY) == 0;
        Conversation {
            number,
            hot,
            trace: (self.random.u64(1..), self.random.u64(..)),
            key_hash: keys().hash(key(number, hot).as_bytes()),
            correlated: self.random.bool(),
            chain: self.random.bool(),
            size: SIZES[self.random.usize(..SIZES.len())],
            len: 0,
            events: [None; MOST_EVENTS],
            failed: false,
        }
    }

    /// A row of conversation `at` on one of its topics, with what all events of it share.
    fn row(&mut self, at: usize, topic: usize, takes: i64) -> EventRow {
        let place = topic * PARTITIONS + self.random.usize(..PARTITIONS);
        let reference = self.write(place);
        let talk = &self.open[at];
        let first = talk.events[0];
        let profile = (topic + if self.random.bool() { TOPICS } else { 0 }) % PROFILES;
        let happened = self.seen - takes.min(SECOND) - self.random.i64(2 * MILLISECOND..200 * MILLISECOND);
        let record_time = happened / MILLISECOND * MILLISECOND;
        // Some types have a time of their own.
        let early = if profile.is_multiple_of(3) { self.random.i64(1..20) * MILLISECOND } else { 0 };
        let id = uuid(&mut self.random);
        EventRow {
            reference,
            time: Timestamp(record_time - early),
            record_time: Timestamp(record_time),
            seen_time: Timestamp(self.seen),
            kind: if profile.is_multiple_of(7) { Kind::Command } else { Kind::Event },
            resolution: Resolution::Root,
            tombstone: self.random.u8(..200) == 0,
            profile: profile as i32,
            producer: Some((topic * 5 % PRODUCERS + self.random.usize(..PRODUCERS_A_TOPIC)) as i32),
            key_hash: Some(talk.key_hash),
            conversation: first.map_or(reference, |first| first.reference),
            key_bytes: key(talk.number, talk.hot).len() as i32,
            value_bytes: 180 + self.random.i32(0..600),
            id: Some(id),
            causation: None,
            correlation: talk.correlated.then(|| first.map_or(id, |first| first.id)),
            trace: Some(TraceContext {
                trace_hi: talk.trace.0,
                trace_lo: talk.trace.1,
                parent_id: self.random.u64(1..),
            }),
            texts: None,
            cause: None,
        }
    }

    fn business_topic(&mut self) -> usize {
        usize::from(self.popular[self.random.usize(..self.popular.len())])
    }

    fn root(&mut self, at: usize, takes: i64) -> EventRow {
        let topic = self.business_topic();
        let row = self.row(at, topic, takes);
        self.keep(at, &row);
        row
    }

    fn effect(&mut self, at: usize, takes: i64, chance: u32) -> EventRow {
        let topic = self.business_topic();
        let mut row = self.row(at, topic, takes);
        if chance < ORPHANED {
            row.causation = Some(uuid(&mut self.random));
            row.resolution = Resolution::Orphaned(OrphanReason::NeverSeen);
            self.keep(at, &row);
            return row;
        }
        let talk = &self.open[at];
        let Some(cause) = talk.events[if talk.chain { talk.len - 1 } else { 0 }] else { return row };
        row.causation = Some(cause.id);
        let edge = Some((cause.reference, Evidence::CausationId));
        if chance - ORPHANED < LATE {
            row.resolution = Resolution::Waiting { blocked: false };
            let settled = Settled {
                reference: row.reference,
                resolution: Resolution::Caused,
                conversation: row.conversation,
                cause: edge,
            };
            let own = self.random.u32(..ALIAS_EVERY) == 0;
            let alias = own.then_some((row.reference, row.conversation));
            if own {
                row.conversation = row.reference;
            }
            self.late.push((settled, alias));
        } else {
            row.resolution = Resolution::Caused;
            row.cause = edge;
        }
        self.keep(at, &row);
        row
    }

    /// A retry or dead letter of the latest event: a copy with all of its headers.
    fn failure(&mut self, at: usize, takes: i64, changes: &mut Changes) -> EventRow {
        let signature = self.random.usize(..SIGNATURES);
        let dead = self.random.bool();
        let first = if dead { BUSINESS_TOPICS + RETRY_TOPICS } else { BUSINESS_TOPICS };
        let mut row = self.row(at, first + signature % RETRY_TOPICS, takes);
        let talk = &mut self.open[at];
        talk.failed = true;
        let Some(origin) = talk.events[talk.len - 1] else { return row };
        row.kind = if dead { Kind::DeadLetter } else { Kind::Retry };
        row.id = Some(origin.id);
        row.causation = origin.causation;
        row.profile = origin.profile;
        row.trace = row.trace.map(|trace| TraceContext { parent_id: origin.span, ..trace });
        row.resolution = Resolution::Caused;
        row.cause = Some((origin.reference, Evidence::FailureCoordinates));
        let failure = self.failure_row(&row, origin, dead, signature);
        if self.random.u32(..HEALED_EVERY) == 0 {
            let healed = FailureRow { state: FailureState::Healed, healed_by: Some(row.reference), ..failure.clone() };
            self.healing.push(healed);
        }
        changes.failures.push(failure);
        row
    }

    fn failure_row(&mut self, row: &EventRow, origin: Known, dead: bool, signature: usize) -> FailureRow {
        let place = &self.places[origin.reference.ordinal().0 as usize].partition;
        FailureRow {
            reference: row.reference,
            kind: if dead { FailureKind::DeadLetter } else { FailureKind::Retry },
            state: if dead { FailureState::Dead } else { FailureState::Retrying },
            origin: Some(origin.reference),
            origin_evidence: Some(Evidence::FailureCoordinates),
            origin_confidence: Some(1.0),
            origin_topic: Some(place.topic.to_string()),
            origin_partition: Some(place.partition),
            origin_offset: Some(origin.reference.offset()),
            root: Some(row.conversation),
            consumer_group: Some(self.groups[signature % GROUPS].to_string()),
            group_evidence: Some(headwater::event::GroupEvidence::Named),
            candidate_groups: Vec::new(),
            attempt: Some(self.random.i32(1..4)),
            error_class: Some(format!("com.example.error.Class{:02}", signature % 40)),
            error_message: Some(format!("step {signature} refused the request after 2000 ms")),
            signature: format!("{:016x}", (signature as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            time: row.time,
            orphan_reason: (self.random.u32(..BROKEN_EVERY) == 0).then_some(OrphanReason::ContextLost),
            healed_by: None,
            healed_evidence: None,
            changed_at: row.seen_time,
            seen_time: row.seen_time,
            counted_time: Timestamp(origin.seen),
            counted_profile: Some(origin.profile),
            root_profile: Some(origin.profile),
        }
    }

    fn keep(&mut self, at: usize, row: &EventRow) {
        let talk = &mut self.open[at];
        let (Some(id), Some(trace)) = (row.id, row.trace) else { return };
        talk.events[talk.len] = Some(Known {
            reference: row.reference,
            id,
            causation: row.causation,
            span: trace.parent_id,
            profile: row.profile,
            seen: row.seen_time.0,
            settled: matches!(row.resolution, Resolution::Root | Resolution::Caused),
        });
        talk.len += 1;
    }

    fn note(&mut self, ended: &Conversation) {
        let events: Vec<Known> = ended.events.iter().flatten().copied().collect();
        let plain = !ended.failed && events.len() >= 4 && events.iter().all(|event| event.settled);
        // The first one has an own key, the second one a key that comes again.
        if !self.wanted || !plain || ended.hot != (self.remembered.len() == 1) {
            return;
        }
        let (root, third) = (events[0], events[2]);
        let place = &self.places[third.reference.ordinal().0 as usize].partition;
        self.remembered.push(Remembered {
            id: root.id.text().unwrap_or_default(),
            trace: format!("{:016x}{:016x}", ended.trace.0, ended.trace.1),
            coordinates: format!("{place}/{}", third.reference.offset()),
            key: key(ended.number, ended.hot),
            reference: root.reference.0,
            events: events.len(),
        });
        self.wanted = self.remembered.len() < 2;
    }

    fn write(&mut self, place: usize) -> EventRef {
        let at = &mut self.places[place];
        let offset = at.next;
        at.next += 1;
        at.touched = true;
        EventRef::new(Ordinal(place as u32), offset)
    }

    /// Coverage of what was read since the last commit: read positions are in it.
    fn cover(&mut self, changes: &mut Changes) {
        for (at, place) in self.places.iter_mut().enumerate().filter(|(_, place)| place.touched) {
            place.touched = false;
            changes.coverage.push(CoverageRow {
                ordinal: Ordinal(at as u32),
                first_offset: 0,
                next_offset: place.next,
                log_start: 0,
                seen: place.next,
                missing: [0; GapReason::ALL.len()],
            });
        }
    }

    /// Every group has passed nearly all that is there.
    fn sample(&mut self, changes: &mut Changes) {
        let now = Timestamp(self.seen);
        for reading in &mut self.readings {
            let (end, ordinal) = (self.places[reading.place].next, Ordinal(reading.place as u32));
            let group = &self.groups[reading.group];
            let to = (end - self.random.i64(0..20)).max(reading.passed_to);
            changes.progress.push(ProgressRow {
                committed_offset: Some(to),
                log_end_offset: end,
                lag_offsets: Some(end - to),
                lag_records: Some(end - to),
                lag_ms: Some((end - to) * 40),
                state: ProgressState::Stable,
                resolution_ms: 5_000,
                ..ProgressRow::new(group, ordinal, now)
            });
            if to == reading.passed_to {
                continue;
            }
            changes.passed.push(PassedRange {
                group: Arc::clone(group),
                ordinal,
                from: reading.passed_to,
                to,
                at: now,
                resolution_ms: 5_000,
                direction: Direction::Forward,
                seen_from: Timestamp(self.sampled[0]),
            });
            changes.passed_to.push(PassedTo { group: Arc::clone(group), ordinal, offset: to });
            reading.passed_to = to;
        }
        self.sampled = [self.sampled[1], self.seen];
    }
}

/// The seen time at which commit `at` of `commits` begins at the earliest, so that few commits fill the days, too.
pub fn begin(at: usize, commits: usize) -> i64 {
    BEGIN + DAYS * DAY * at as i64 / commits.max(1) as i64
}

fn uuid(random: &mut Rng) -> Identifier {
    let (hi, lo) = (random.u64(..), random.u64(..));
    Identifier { hi: hi & !0xf000 | 0x4000, lo: lo & (u64::MAX >> 2) | 1 << 63, spelling: Spelling::Uuid }
}
