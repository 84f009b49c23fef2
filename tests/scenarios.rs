//! Situations as data: what is read, in which order, and what must be known at the end. Each file of
//! `tests/scenarios/` is one; those that say `any_order` are read in many orders and batches besides.

use headwater::event::{
    BarrierSample, Changes, CommittedOffset, Envelope, Envelopes, EventRef, Evidence, FailureKind, FailureNotice,
    FailureRow, FailureState, GapReason, GroupSample, GroupState, HashKey, Identifier, Kind, Ordinal, Origin, Profile,
    Resolution, Segment, Sought, Spelling, Start, Timestamp, TopicPartition, TraceContext,
};
use headwater::tap::Core;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    about: String,
    #[serde(default)]
    any_order: bool,
    /// Where reading begins: "topic/partition" = [log start, position].
    #[serde(default)]
    starts: BTreeMap<String, [i64; 2]>,
    steps: Vec<Step>,
    expect: Expect,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Step {
    Read(Box<Read>),
    /// All stable ends are sampled, and the tap has read past them.
    Barrier,
    /// A group has committed these offsets, by "topic/partition".
    Committed(BTreeMap<String, i64>),
    /// A sample says that this much is still to be read of "topic/partition".
    BarrierAhead(BTreeMap<String, i64>),
    Commit,
    /// The only failure whose origin is to be sought now, and what was found.
    Sought(Found),
    End,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Found {
    at: String,
    origin: Option<String>,
    #[serde(default)]
    confidence: f32,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Read {
    at: String,
    id: Option<String>,
    causation: Option<String>,
    correlation: Option<String>,
    trace: Option<u64>,
    /// The span in its trace.
    #[serde(default)]
    span: u64,
    /// The record's timestamp.
    #[serde(default)]
    ms: i64,
    /// Bytes of its value.
    #[serde(default)]
    size: i32,
    #[serde(default)]
    root: bool,
    #[serde(default = "event")]
    kind: String,
    #[serde(default)]
    r#type: String,
    origin: Option<String>,
    group: Option<String>,
    error: Option<String>,
    #[serde(default = "one")]
    times: u32,
}

fn event() -> String {
    "event".into()
}
fn one() -> u32 {
    1
}

#[derive(Deserialize, Default, PartialEq, Debug, Clone)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    edges: BTreeSet<String>,
    /// Instead of `edges`, where there are many.
    edge_count: Option<usize>,
    resolutions: BTreeMap<String, String>,
    conversations: BTreeSet<BTreeSet<String>>,
    failures: BTreeMap<String, String>,
    /// Events in the database; counted, so that none is lost or doubled.
    events: Option<usize>,
}

/// What a database would hold after the changes.
#[derive(Default)]
struct Book {
    names: Vec<String>,
    bases: Vec<i64>,
    events: HashMap<EventRef, (i8, Option<i8>, EventRef)>,
    pending: BTreeSet<EventRef>,
    edges: BTreeSet<(EventRef, EventRef, Evidence)>,
    /// Edges that events carry themselves: a later verdict takes the place of an earlier one.
    carried: HashMap<EventRef, (EventRef, Evidence)>,
    aliases: HashMap<EventRef, EventRef>,
    failures: BTreeMap<EventRef, FailureRow>,
}

impl Book {
    fn apply(&mut self, changes: Changes) {
        for row in &changes.partitions {
            assert_eq!(row.ordinal.0 as usize, self.names.len(), "ordinals are given in order");
            self.names.push(row.partition.to_string());
            self.bases.push(row.base);
        }
        for (columns, waits) in [(&changes.events, false), (&changes.pending, true)] {
            for row in 0..columns.len() {
                let reference = EventRef(columns.reference[row]);
                let reason = columns.orphan_reason.valid[row / 8] >> (row % 8) & 1 == 1;
                let reason = reason.then(|| columns.orphan_reason.values[row]);
                let known = (columns.resolution[row], reason, EventRef(columns.conversation[row]));
                assert!(self.events.insert(reference, known).is_none(), "{reference:?} was written twice");
                assert!(!waits || self.pending.insert(reference));
            }
        }
        for (settled, was_pending) in [(&changes.settled, true), (&changes.retracted, false)] {
            for row in settled {
                assert_eq!(self.pending.remove(&row.reference), was_pending, "{row:?}");
                let known = (row.resolution.number(), row.resolution.reason_number(), row.conversation);
                assert!(self.events.insert(row.reference, known).is_some(), "{row:?} was never written");
            }
        }
        for settled in changes.settled.iter().chain(&changes.retracted) {
            if let Some((cause, evidence)) = self.carried.remove(&settled.reference) {
                self.edges.remove(&(settled.reference, cause, evidence));
            }
        }
        let beside = changes.causes.len();
        let all: Vec<_> = changes.edges().collect();
        for edge in &all[..all.len() - beside] {
            self.carried.insert(edge.effect, (edge.cause, edge.evidence));
        }
        for edge in all {
            let edge = (edge.effect, edge.cause, edge.evidence);
            assert!(self.edges.insert(edge), "{edge:?} was written twice");
        }
        self.aliases.extend(changes.aliases);
        self.failures.extend(changes.failures.into_iter().map(|row| (row.reference, row)));
    }

    fn name(&self, reference: EventRef) -> String {
        let ordinal = reference.ordinal().0 as usize;
        format!("{}/{}", self.names[ordinal], self.bases[ordinal] + reference.offset())
    }

    fn reference(&self, at: &str) -> EventRef {
        let (partition, offset) = place(at);
        let ordinal = self.names.iter().position(|name| *name == partition.to_string()).unwrap();
        EventRef::new(Ordinal(ordinal as u32), offset)
    }

    fn seen(&self, expect: &Expect) -> Expect {
        let mut members: BTreeMap<EventRef, BTreeSet<String>> = BTreeMap::new();
        for (&reference, &(_, _, mut conversation)) in &self.events {
            while let Some(&next) = self.aliases.get(&conversation) {
                conversation = next;
            }
            members.entry(conversation).or_default().insert(self.name(reference));
        }
        for (id, members) in &members {
            let smallest = self.events.keys().find(|r| **r == *id).map(|r| self.name(*r));
            assert!(smallest.is_some_and(|name| members.contains(&name)), "a conversation is named by a member");
        }
        let resolutions = expect.resolutions.keys().filter_map(|name| {
            let (_, known) = self.events.iter().find(|(r, _)| self.name(**r) == *name)?;
            let resolution = Resolution::from_numbers(known.0, known.1);
            let text = match resolution {
                Resolution::Orphaned(reason) => format!("orphaned: {}", reason.as_str()),
                Resolution::Waiting { blocked: true } => "waiting: barrier_blocked".into(),
                other => Resolution::NAMES[other.number() as usize].to_owned(),
            };
            Some((name.clone(), text))
        });
        let edge = |&(effect, cause, evidence): &(EventRef, EventRef, Evidence)| {
            format!("{} <- {} ({})", self.name(effect), self.name(cause), evidence.as_str())
        };
        let failure = |row: &FailureRow| {
            let root = row.root.map_or("?".into(), |root| self.name(root));
            let orphan = row.orphan_reason.map_or(String::new(), |reason| format!(", orphaned: {}", reason.as_str()));
            format!("{} from {root}{orphan}", row.state.as_str())
        };
        Expect {
            edges: match expect.edge_count {
                Some(_) => BTreeSet::new(),
                None => self.edges.iter().map(edge).collect(),
            },
            edge_count: expect.edge_count.map(|_| self.edges.len()),
            resolutions: resolutions.collect(),
            conversations: match expect.conversations.is_empty() {
                true => BTreeSet::new(),
                false => members.into_values().filter(|members| members.len() > 1).collect(),
            },
            failures: self.failures.values().map(|row| (self.name(row.reference), failure(row))).collect(),
            events: expect.events.map(|_| self.events.len()),
        }
    }
}

fn place(at: &str) -> (Arc<TopicPartition>, i64) {
    let mut parts = at.rsplitn(3, '/');
    let offset = parts.next().unwrap().parse().unwrap();
    let partition = parts.next().unwrap().parse().unwrap();
    let topic = parts.next().unwrap().into();
    (Arc::new(TopicPartition { cluster: "test".into(), topic, topic_id: [0; 16], partition }), offset)
}

fn partition(at: &str) -> Arc<TopicPartition> {
    place(&format!("{at}/0")).0
}

const KEY: HashKey = HashKey([1; 16]);

fn identifier(text: &Option<String>) -> Option<Identifier> {
    text.as_ref().map(|text| Identifier { spelling: Spelling::Hex, ..Identifier::parse(text.as_bytes(), &KEY) })
}

fn notice(read: &Read) -> Option<FailureNotice> {
    let kind = match read.kind.as_str() {
        "dead_letter" => FailureKind::DeadLetter,
        "retry" => FailureKind::Retry,
        _ => return None,
    };
    let origin = read.origin.as_ref().map(|at| {
        let (partition, offset) = place(at);
        Origin { topic: partition.topic.to_string(), partition: partition.partition, offset }
    });
    Some(FailureNotice {
        kind,
        origin,
        origin_topic: None,
        doubtful: false,
        group: read.group.clone(),
        attempt: None,
        error_class: read.error.clone(),
        error_message: None,
    })
}

fn envelopes(reads: &[Read]) -> Envelopes {
    let mut batch = Envelopes { seen: Timestamp(1), ..Envelopes::default() };
    for read in reads {
        let (partition, first) = place(&read.at);
        for offset in first..first + i64::from(read.times) {
            let row = batch.rows.len() as u32;
            let notice = notice(read);
            batch.rows.push(Envelope {
                offset,
                record_time: Timestamp(read.ms * 1_000),
                time: Timestamp(read.ms * 1_000),
                kind: Kind::NAMES
                    .iter()
                    .position(|k| *k == read.kind)
                    .map_or(Kind::Event, |n| Kind::from_number(n as i8)),
                says_root: read.root,
                tombstone: false,
                profile: row,
                id: identifier(&read.id),
                causation: identifier(&read.causation),
                correlation: identifier(&read.correlation),
                texts: Default::default(),
                trace: read.trace.map(|n| TraceContext { trace_hi: 0, trace_lo: n, parent_id: read.span }),
                key_hash: None,
                key_bytes: 0,
                value_bytes: read.size,
                notice: notice.is_some().then_some(batch.notices.len() as u32),
                extra: None,
            });
            batch.notices.extend(notice);
            batch.profiles.push(Profile { kind: read.r#type.clone(), ..Profile::default() });
            batch.segments.push(Segment {
                partition: partition.clone(),
                producer: None,
                covers: offset..offset + 1,
                rows: row..row + 1,
                missing: GapReason::CompactedOrTransactional,
            });
        }
    }
    batch
}

fn committed(offsets: &BTreeMap<String, i64>) -> GroupSample {
    let commit = |(at, offset): (&String, &i64)| {
        let partition = partition(at);
        let (topic, partition) = (partition.topic.clone(), partition.partition);
        CommittedOffset::new(&"group".into(), &topic, partition, Some(*offset))
    };
    let commits = offsets.iter().map(commit).collect();
    let groups = vec![GroupState::of("group".into(), commits)];
    GroupSample { at: Timestamp(1), cluster: "test".into(), groups, ..GroupSample::default() }
}

fn run(scenario: &Scenario, steps: &[Step]) -> Book {
    let mut core = Core::new(KEY, false);
    let mut book = Book::default();
    let mut first = Envelopes::default();
    for (at, [log_start, position]) in &scenario.starts {
        first.starts.push(Start { partition: partition(at), log_start: *log_start, position: *position, cut: false });
    }
    core.take(&first);
    for step in steps {
        let barrier = |core: &mut Core, ahead: &BTreeMap<String, i64>| {
            let Some(epoch) = core.ask_barrier() else { return };
            let ends = ahead.iter().map(|(at, end)| (partition(at), *end)).collect();
            core.barrier(&BarrierSample { epoch, ends, ..BarrierSample::default() });
        };
        match step {
            Step::Read(read) => core.take(&envelopes(std::slice::from_ref(&**read))),
            Step::Barrier => barrier(&mut core, &BTreeMap::new()),
            Step::BarrierAhead(ahead) => barrier(&mut core, ahead),
            Step::Committed(offsets) => core.groups(&committed(offsets)),
            Step::Commit => book.apply(core.commit(Timestamp(2), std::iter::empty())),
            Step::Sought(found) => {
                let asked: Vec<EventRef> = core.take_bare().into_iter().map(|failure| failure.reference).collect();
                let failure = book.reference(&found.at);
                assert_eq!(asked, [failure], "{}", scenario.about);
                let origin = found.origin.as_ref().map(|at| (book.reference(at), found.confidence));
                core.sought(&Sought { failure, origin, cut: false });
            }
            Step::End => core.end_of_input(),
        }
    }
    book.apply(core.commit(Timestamp(3), std::iter::empty()));
    book
}

fn all() -> Vec<(String, Scenario)> {
    let mut files: Vec<_> = std::fs::read_dir("tests/scenarios").unwrap().map(|f| f.unwrap().path()).collect();
    // Those of failures are read by `situations`, through the program.
    files.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with("failure_"));
    files.sort();
    assert!(files.len() >= 10, "the scenarios are gone");
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect()
}

/// Scenario: each situation, as it is written.
/// Guarantees: edges, resolutions, conversations and failures are exactly those expected.
#[test]
fn every_situation_ends_as_it_says() {
    for (name, scenario) in all() {
        let seen = run(&scenario, &scenario.steps).seen(&scenario.expect);
        assert_eq!(seen, scenario.expect, "{name}: {}", scenario.about);
    }
}

/// Scenario: the reads of a situation in 200 other orders, with commits and barrier-free batches in between.
/// Guarantees: the same edges, resolutions, conversations and failures once the input has ended.
#[test]
fn order_and_batches_change_nothing() {
    let mut tried = 0;
    for (name, scenario) in all().into_iter().filter(|(_, scenario)| scenario.any_order) {
        let reads: Vec<Step> = scenario.steps.iter().filter(|s| matches!(s, Step::Read(_))).cloned().collect();
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut steps = reads.clone();
            random.shuffle(&mut steps);
            for _ in 0..random.usize(..4) {
                steps.insert(random.usize(..=steps.len()), Step::Commit);
            }
            steps.push(Step::End);
            let seen = run(&scenario, &steps).seen(&scenario.expect);
            assert_eq!(seen, scenario.expect, "{name}, seed {seed}: {}", scenario.about);
            tried += 1;
        }
    }
    assert!(tried >= 1_000, "only {tried} orders were tried");
}

/// Scenario: random forests of events over several topics, read in random order with random commits.
/// Guarantees: exactly the edges that were made up, and one conversation for each tree.
#[test]
fn random_forests_come_back_whole() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut next = [0i64; 5];
        let mut made: Vec<(Read, usize)> = Vec::new();
        let mut edges = BTreeSet::new();
        for n in 0..300 {
            let topic = random.usize(..5);
            let at = format!("t{topic}/0/{}", next[topic]);
            next[topic] += 1;
            let parent = (n > 0 && random.f32() < 0.8).then(|| random.usize(..n));
            let tree = parent.map_or(n, |parent| made[parent].1);
            if let Some(parent) = parent {
                edges.insert(format!("{at} <- {} (causation_id)", made[parent].0.at));
            }
            let read = Read {
                at,
                id: Some(format!("id-{n}")),
                causation: parent.map(|parent| format!("id-{parent}")),
                correlation: None,
                trace: None,
                span: 0,
                ms: 0,
                size: 0,
                root: false,
                kind: event(),
                r#type: String::new(),
                origin: None,
                group: None,
                error: None,
                times: 1,
            };
            made.push((read, tree));
        }
        let mut trees: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (read, tree) in &made {
            trees.entry(*tree).or_default().insert(read.at.clone());
        }
        let mut steps: Vec<Step> = made.into_iter().map(|(read, _)| Step::Read(Box::new(read))).collect();
        random.shuffle(&mut steps);
        for _ in 0..10 {
            steps.insert(random.usize(..=steps.len()), Step::Commit);
        }
        steps.push(Step::End);
        let conversations: BTreeSet<_> = trees.into_values().filter(|tree| tree.len() > 1).collect();
        let expect = Expect { edges, conversations, events: Some(300), ..Expect::default() };
        let scenario = Scenario {
            about: String::new(),
            any_order: false,
            starts: BTreeMap::new(),
            steps: Vec::new(),
            expect: Expect::default(),
        };
        assert_eq!(run(&scenario, &steps).seen(&expect), expect, "seed {seed}");
    }
}

/// Scenario: a hundred events are read, then all of them once more.
/// Guarantees: the second reading changes nothing and is counted.
#[test]
fn a_second_reading_doubles_nothing() {
    let reads: Vec<Read> = (0..100)
        .map(|n| toml::from_str(&format!("at = 'orders/0/{n}'\nid = 'e{n}'\ncausation = 'e{}'", n / 2)).unwrap())
        .collect();
    let mut core = Core::new(KEY, false);
    let mut book = Book::default();
    for _ in 0..2 {
        core.take(&envelopes(&reads));
        book.apply(core.commit(Timestamp(2), std::iter::empty()));
    }
    assert_eq!(book.events.len(), 100);
    assert_eq!(core.missing(GapReason::SeenBefore), 100);
}

#[test]
fn states_have_the_names_of_the_contract() {
    let names = [FailureState::Retrying, FailureState::Dead, FailureState::Healed].map(FailureState::as_str);
    assert_eq!(names, ["retrying", "dead", "healed"]);
}
