//! Questions about the graph, against a computation that knows no better than to try every edge.

use crate::support::Folder;
use crate::support::door::loopback;
use headwater::client::{Client, query, trace};
use headwater::event::{
    CauseRow, Changes, EventRef, EventRow, Evidence, EvidenceClass, FailureKind, FailureRow, FailureState, Kind,
    Ordinal, OrphanReason, PartitionRow, Profile, ProfileRow, Resolution, Timestamp, TopicClass, TopicPartition,
};
use headwater::report::conversation::{Conversation, Outcome};
use headwater::report::rows::{CoverageLine, TraceNode};
use headwater::report::skeleton::{SHOWN_MAX, WHOLE_MAX};
use headwater::report::tree::{self, Question};
use headwater::report::{Cell, Style, json};
use headwater::serve::Door;
use headwater::store::{Limits, Reader, Settings, Writer};
use headwater::telemetry::Counters;
use headwater::tui::ask::{About, Question as Asked};
use headwater::tui::event::What;
use headwater::tui::trace::Row;
use headwater::tui::{absorb, worker};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 2024-01-01T00:00:00Z.
const T0: i64 = 1_704_067_200_000_000;
/// Where and of what type an event is, by its number in fours: cluster, topic, type.
const PLACES: [(&str, &str, &str); 4] =
    [("main", "orders", "placed"), ("main", "orders", "changed"), ("main", "baked", "baked"), ("east", "orders", "")];

fn at(number: usize) -> EventRef {
    EventRef::new(Ordinal((number % 4) as u32), (number / 4) as i64)
}

fn dictionary() -> Changes {
    let place = |(n, (cluster, topic, _)): (usize, &(&str, &str, &str))| PartitionRow {
        ordinal: Ordinal(n as u32),
        partition: Arc::new(TopicPartition {
            cluster: (*cluster).into(),
            topic: (*topic).into(),
            topic_id: [n as u8 / 2 + u8::from(n == 3); 16],
            partition: i32::from(n == 1),
        }),
        incarnation: 0,
        base: 0,
        class: TopicClass::Business,
    };
    let profile = |(n, (_, _, kind)): (usize, &(&str, &str, &str))| ProfileRow {
        profile: n as i32,
        content: Profile {
            kind: (*kind).into(),
            source: String::new(),
            version: String::new(),
            convention: "x".into(),
        },
    };
    Changes {
        at: Timestamp(T0),
        partitions: PLACES.iter().enumerate().map(place).collect(),
        profiles: PLACES.iter().enumerate().map(profile).collect(),
        ..Changes::default()
    }
}

fn event(number: usize, conversation: EventRef, resolution: Resolution) -> EventRow {
    let time = Timestamp(T0 + number as i64 * 1_000);
    EventRow {
        reference: at(number),
        time,
        record_time: time,
        seen_time: time,
        kind: Kind::Event,
        resolution,
        tombstone: false,
        profile: (number % 4) as i32,
        producer: None,
        key_hash: None,
        conversation,
        key_bytes: 0,
        value_bytes: 0,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}

fn failure(reference: EventRef, origin: EventRef, time: Timestamp) -> FailureRow {
    FailureRow {
        reference,
        kind: FailureKind::DeadLetter,
        state: FailureState::Dead,
        origin: Some(origin),
        origin_evidence: Some(Evidence::FailureCoordinates),
        origin_confidence: Some(1.0),
        origin_topic: Some("orders".into()),
        origin_partition: Some(0),
        origin_offset: Some(origin.offset()),
        root: Some(at(0)),
        consumer_group: Some("kitchen".into()),
        group_evidence: Some(headwater::event::GroupEvidence::Named),
        candidate_groups: Vec::new(),
        attempt: None,
        error_class: Some("OvenError".into()),
        error_message: None,
        signature: "OvenError|kitchen".into(),
        time,
        orphan_reason: None,
        healed_by: None,
        healed_evidence: None,
        changed_at: time,
        seen_time: time,
        counted_time: time,
        counted_profile: Some(1),
        root_profile: Some(0),
    }
}

/// What is known of a random graph.
#[derive(Debug, Clone)]
struct World {
    /// The conversation of each event: 0, or 1 to which inferred edges lead from 0.
    side: Vec<usize>,
    /// Written under an older id of its conversation.
    aliased: Vec<bool>,
    /// Still waiting: in the pending table.
    waiting: Vec<bool>,
    /// Cause in the event's own row.
    own: Vec<Option<(usize, Evidence)>>,
    /// Edges beside: effect, cause, evidence.
    beside: BTreeSet<(usize, usize, usize)>,
}

/// Numbers from here on name events that were never seen.
const UNSEEN: usize = 1_000;

fn world() -> impl Strategy<Value = World> {
    (4usize..22).prop_flat_map(|events| {
        let pick = prop::collection::vec((any::<bool>(), any::<bool>(), 0..8u8, 0..events + 2, 0..7usize), events);
        let beside = prop::collection::btree_set((0..events, 0..events, 0..9usize), 0..events * 2);
        (pick, beside).prop_map(move |(picks, beside)| {
            let side: Vec<usize> = picks.iter().map(|pick| usize::from(pick.0)).collect();
            let own = |(effect, pick): (usize, &(bool, bool, u8, usize, usize))| match pick.3 {
                // A waiting event has no cause yet.
                _ if pick.2 == 0 => None,
                cause if cause >= events => Some((UNSEEN + effect, Evidence::CausationId)),
                cause if side[cause] == side[effect] => Some((cause, Evidence::ALL[pick.4])),
                _ => None,
            };
            let certain = |evidence: usize| Evidence::ALL[evidence].class() != EvidenceClass::Inferred;
            let keeps = |(effect, cause, evidence): &(usize, usize, usize)| match (side[*cause], side[*effect]) {
                (a, b) if a == b => true,
                (0, 1) => !certain(*evidence),
                _ => false,
            };
            World {
                own: picks.iter().enumerate().map(own).collect(),
                aliased: picks.iter().map(|pick| pick.1).collect(),
                waiting: picks.iter().map(|pick| pick.2 == 0).collect(),
                beside: beside.into_iter().filter(keeps).collect(),
                side,
            }
        })
    })
}

impl World {
    /// Each side's id is that of its first event, and the older one an id of its own.
    fn id(&self, side: usize) -> EventRef {
        at(self.side.iter().position(|of| *of == side).unwrap_or(0))
    }

    fn old_id(side: usize) -> EventRef {
        at(2_000 + side)
    }

    fn write(&self, writer: &mut Writer) {
        let mut changes = dictionary();
        for (number, side) in self.side.iter().enumerate() {
            let conversation = if self.aliased[number] { Self::old_id(*side) } else { self.id(*side) };
            let resolution = match (self.own[number], number % 5) {
                _ if self.waiting[number] => Resolution::Waiting { blocked: false },
                (Some(_), _) => Resolution::Caused,
                (None, 0) => Resolution::Root,
                (None, 1) => Resolution::Orphaned(OrphanReason::NeverSeen),
                (None, _) => Resolution::Unlinked,
            };
            let mut row = event(number, conversation, resolution);
            row.cause = self.own[number].map(|(cause, evidence)| (at(cause), evidence));
            if self.waiting[number] { changes.pending.push(&row) } else { changes.events.push(&row) }
        }
        changes.aliases = [0, 1].map(|side| (Self::old_id(side), self.id(side))).to_vec();
        let row = |&(effect, cause, evidence): &(usize, usize, usize)| {
            let evidence = Evidence::ALL[evidence];
            let confidence = if evidence.class() == EvidenceClass::Inferred { 0.5 } else { 1.0 };
            CauseRow { effect: at(effect), cause: at(cause), evidence, confidence }
        };
        changes.causes = self.beside.iter().map(row).collect();
        writer.append(changes).unwrap();
    }

    /// All edges: effect, cause, evidence.
    fn edges(&self) -> Vec<(usize, usize, Evidence)> {
        let own = self.own.iter().enumerate().filter_map(|(effect, own)| own.map(|(cause, by)| (effect, cause, by)));
        let beside = self.beside.iter().map(|&(effect, cause, by)| (effect, cause, Evidence::ALL[by]));
        own.chain(beside).collect()
    }

    /// Everything that is reached, with the weakest class of the strongest way: 0 declared to 2 inferred.
    fn reached(&self, from: usize, down: bool) -> BTreeMap<i64, usize> {
        let mut best: BTreeMap<usize, usize> = BTreeMap::new();
        let edges = self.edges();
        loop {
            let before = best.clone();
            for &(effect, cause, by) in &edges {
                let (here, there) = if down { (cause, effect) } else { (effect, cause) };
                let so_far = if here == from { Some(0) } else { best.get(&here).copied() };
                if let Some(so_far) = so_far {
                    let class = so_far.max(by.class() as usize);
                    best.entry(there).and_modify(|known| *known = class.min(*known)).or_insert(class);
                }
            }
            if best == before {
                break;
            }
        }
        best.remove(&from);
        best.into_iter().map(|(number, class)| (at(number).0, class)).collect()
    }

    /// Steps of the longest way up by events' own causes, as far as it does not go round.
    fn depth(&self, from: usize) -> Option<i64> {
        let mut steps = 0;
        let mut at = from;
        while let Some((cause, _)) = self.own[at].filter(|(cause, _)| *cause < UNSEEN) {
            at = cause;
            steps += 1;
            if steps > self.own.len() as i64 {
                return None;
            }
        }
        Some(steps)
    }
}

fn ask(reader: &Reader, sql: &str) -> Vec<Vec<Cell>> {
    reader.ask(sql, &[], Limits::default()).unwrap_or_else(|error| panic!("{sql}: {error}")).table.rows
}

fn int(cell: &Cell) -> i64 {
    match cell {
        Cell::Int(n) => *n,
        other => panic!("{other:?} is no number"),
    }
}

fn reached(reader: &Reader, name: &str, of: EventRef) -> BTreeMap<i64, usize> {
    let class = |cell: &Cell| match cell {
        Cell::Text(text) if text == "declared" => 0,
        Cell::Text(text) if text == "transactional" => 1,
        Cell::Text(text) if text == "inferred" => 2,
        other => panic!("{other:?} is no class"),
    };
    let rows = ask(reader, &format!("SELECT ref, class FROM {name}({})", of.0));
    let found: BTreeMap<_, _> = rows.iter().map(|row| (int(&row[0]), class(&row[1]))).collect();
    assert_eq!(found.len(), rows.len(), "{name} tells an event twice");
    found
}

/// What a reader says of one event's conversation is what its members say.
fn check_conversation(world: &World, reader: &Reader, number: usize) {
    let side = world.side[number];
    let members: BTreeSet<i64> =
        (0..world.side.len()).filter(|n| world.side[*n] == side).map(|number| at(number).0).collect();
    let nodes = ask(reader, &format!("SELECT ref FROM trace_nodes({})", at(number).0));
    assert_eq!(nodes.iter().map(|row| int(&row[0])).collect::<BTreeSet<_>>(), members);
    let told = ask(reader, &format!("SELECT effect, cause, evidence FROM trace_edges({})", at(number).0));
    let told: BTreeSet<String> = told.iter().map(|row| format!("{row:?}")).collect();
    let edges = world.edges().into_iter().filter(|edge| world.side[edge.0] == side);
    let row = |(effect, cause, by): (usize, usize, Evidence)| {
        format!("{:?}", [Cell::Int(at(effect).0), Cell::Int(at(cause).0), Cell::Text(by.as_str().to_owned())])
    };
    assert_eq!(told, edges.map(row).collect::<BTreeSet<_>>());
}

/// Cycles are told where there are some, and nowhere else.
fn check_cycles(world: &World, reader: &Reader, number: usize) {
    let scope = reader.answer(&query::CONVERSATION_SCOPE, &[Cell::Int(at(number).0)], Limits::default()).unwrap();
    let scope = scope.table.rows[0].clone();
    let table = |query, values: &[Cell]| reader.answer(query, values, Limits::default()).unwrap().table;
    let failures = table(&query::FAILURES_WITHIN, &[scope[0].clone(), scope[1].clone(), Cell::Null]);
    let tables = json::TraceTables {
        nodes: table(&query::NODES_WITHIN, &scope),
        edges: table(&query::EDGES_WITHIN, &scope),
        failures,
        ..json::TraceTables::default()
    };
    let conversation = Conversation::read(&tables).unwrap();
    let side = world.side[number];
    let seen = world.edges().into_iter().filter(|edge| edge.1 < UNSEEN);
    let inside: Vec<_> = seen.filter(|edge| world.side[edge.0] == side && world.side[edge.1] == side).collect();
    let goes_round = |start: usize| {
        let mut found = BTreeSet::new();
        let mut stack = vec![start];
        while let Some(at) = stack.pop() {
            stack.extend(inside.iter().filter(|edge| edge.1 == at && found.insert(edge.0)).map(|edge| edge.0));
        }
        found.contains(&start)
    };
    let any = (0..world.side.len()).any(|number| world.side[number] == side && goes_round(number));
    assert_eq!(conversation.shape.cycle_count > 0, any);
    let text = tree::render(&conversation, &Question::default(), &Style::default());
    assert_eq!(text.contains("  cycle    "), any, "{text}");
}

fn check_flows(world: &World, reader: &Reader) {
    let mut flows: BTreeMap<String, i64> = BTreeMap::new();
    for (effect, cause, by) in world.edges().into_iter().filter(|edge| edge.1 < UNSEEN) {
        let (from, to) = (PLACES[cause % 4], PLACES[effect % 4]);
        *flows.entry(format!("{} {} {} {} {} {}", from.0, from.1, from.2, to.1, to.2, by.as_str())).or_default() += 1;
    }
    let sql = "SELECT concat_ws(' ', cluster, from_topic, coalesce(from_type, ''), to_topic, coalesce(to_type, ''), evidence),
               events FROM flow";
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let told: BTreeMap<String, i64> = ask(reader, sql).iter().map(|row| (text(&row[0]), int(&row[1]))).collect();
    assert_eq!(told, flows);
}

fn check_conversations(world: &World, reader: &Reader) {
    let sql = "SELECT conversation, events, depth, topics, clusters, root, orphaned, waiting FROM conversations()";
    let told: BTreeMap<i64, Vec<Cell>> =
        ask(reader, sql).into_iter().map(|row| (int(&row[0]), row[1..].to_vec())).collect();
    let mut expected = BTreeMap::new();
    for side in world.side.iter().copied().collect::<BTreeSet<_>>() {
        let members: Vec<usize> = (0..world.side.len()).filter(|number| world.side[*number] == side).collect();
        let distinct = |of: &dyn Fn(usize) -> String| members.iter().map(|n| of(*n)).collect::<BTreeSet<_>>().len();
        let topics = distinct(&|n| format!("{} {}", PLACES[n % 4].0, PLACES[n % 4].1));
        let clusters = distinct(&|n| PLACES[n % 4].0.to_owned());
        let free = |n: &&usize| world.own[**n].is_none() && !world.waiting[**n];
        let root = members.iter().filter(free).find(|n| **n % 5 == 0);
        let orphaned = members.iter().filter(free).filter(|n| **n % 5 == 1).count();
        let waiting = members.iter().filter(|n| world.waiting[**n]).count();
        let depth = members.iter().filter_map(|n| world.depth(*n)).max().unwrap_or(0);
        let count = |n: usize| Cell::Int(n as i64);
        let row = vec![
            count(members.len()),
            Cell::Int(depth),
            count(topics),
            count(clusters),
            root.map_or(Cell::Null, |n| Cell::Int(at(*n).0)),
            count(orphaned),
            count(waiting),
        ];
        expected.insert(world.id(side).0, row);
    }
    assert_eq!(told, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Scenario: two conversations with cycles, self edges, several causes, causes that were never seen, inferred edges
    /// inside and between, merged ids, waiting events, two clusters.
    /// Guarantees: walks, conversations and flows say what trying every edge says, and end.
    #[test]
    fn questions_say_what_trying_every_edge_says(world in world(), picks in prop::collection::vec(any::<prop::sample::Index>(), 3)) {
        let folder = Folder::new("graphs");
        let (mut writer, _) = Writer::open(&folder.file("g.duckdb"), Settings::default()).unwrap();
        world.write(&mut writer);
        let reader = writer.readers().reader().unwrap();
        for pick in picks {
            let number = pick.index(world.side.len());
            prop_assert_eq!(reached(&reader, "ancestors", at(number)), world.reached(number, false), "above {}", number);
            prop_assert_eq!(reached(&reader, "effects", at(number)), world.reached(number, true), "below {}", number);
            check_conversation(&world, &reader, number);
            check_cycles(&world, &reader, number);
        }
        check_flows(&world, &reader);
        check_conversations(&world, &reader);
    }
}

/// Events of the large conversation: a root, a hundred plans, and below each plan chains of three.
const MANY: usize = 100_000;
/// Each so many events are dead letters.
const DEAD: usize = 9_001;
/// Longest time for one answer: a hundred times what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn cause_of(number: usize) -> Option<usize> {
    match number {
        0 => None,
        1..=100 => Some(0),
        n if n % 3 == 2 => Some(1 + n % 100),
        n => Some(n - 1),
    }
}

/// Writes the large conversation, in slices of the writer's own making.
fn write_many(file: &Path) {
    let (mut writer, _) = Writer::open(file, Settings::default()).unwrap();
    for part in 0..10 {
        let mut changes = if part == 0 { dictionary() } else { Changes { at: Timestamp(T0), ..Changes::default() } };
        for number in part * MANY / 10..(part + 1) * MANY / 10 {
            let resolution = if number == 0 { Resolution::Root } else { Resolution::Caused };
            let mut row = event(number, at(0), resolution);
            row.cause = cause_of(number).map(|cause| (at(cause), Evidence::CausationId));
            if number % DEAD == DEAD - 1 {
                row.kind = Kind::DeadLetter;
                changes.failures.push(failure(at(number), at(number - 1), row.time));
            }
            changes.events.push(&row);
        }
        writer.append(changes).unwrap();
    }
    writer.close().unwrap();
}

/// All that is answered about event `number`, checked: what was asked for with its way, what failed, and all in all.
fn check_many(client: &Client, number: usize) -> String {
    let began = Instant::now();
    let scope = trace::scope(client, at(number).0).unwrap();
    assert!(scope.holds(at(0).0) && !scope.holds(at(1).0));
    let (tables, partitions) = trace::fetch(client, &scope, &[at(number).0]).unwrap();
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(partitions, 4);
    let summed = tables.summed.clone().unwrap();
    let nodes = TraceNode::from_table(&tables.nodes).unwrap();
    assert!(nodes.len() <= SHOWN_MAX);
    assert_eq!(nodes.len() + summed.events, MANY);
    assert_eq!(summed.groups.iter().map(|group| group.events).sum::<usize>(), summed.events);
    let shown: BTreeSet<i64> = nodes.iter().map(|node| node.reference).collect();
    let way = std::iter::successors(Some(number), |at| cause_of(*at));
    way.for_each(|number| assert!(shown.contains(&at(number).0), "{number} is on the way"));
    let dead = (0..MANY).filter(|number| number % DEAD == DEAD - 1);
    assert_eq!(dead.clone().count(), summed.failures);
    for dead in dead {
        let way = std::iter::successors(Some(dead), |at| cause_of(*at));
        way.take(6).for_each(|at_way| assert!(shown.contains(&at(at_way).0), "{at_way} led to a failure"));
    }
    let conversation = Conversation::read(&tables).unwrap();
    assert_eq!((conversation.events(), conversation.edges_outside), (MANY, 0));
    assert_eq!(conversation.outcome(), Outcome::Failed(vec!["kitchen".into()]));
    assert!(conversation.detached.is_empty(), "every way is whole");
    assert_eq!(trace::deleted_before(client, &tables).unwrap(), None);
    let coverage = CoverageLine::from_table(&tables.coverage).unwrap();
    let asked = [at(number).0];
    let question = Question { asked: &asked, coverage: &coverage, reach: " --db many.duckdb", ..Question::default() };
    let document = json::trace(&conversation, &tables, &asked);
    assert_eq!((&document["events_total"], &document["summed"]["events"]), (&MANY.into(), &summed.events.into()));
    tree::render(&conversation, &question, &Style::default())
}

/// Scenario: a conversation of 100,000 events in a closed file, and behind a door.
/// Guarantees: it is summed up; the asked event, whether it lies deep or is the root, its way, and what failed are whole;
/// nothing is lost between what is shown and what is summed up; both doors say the same.
#[test]
fn a_conversation_of_100_000_events_is_summed_up() {
    let folder = Folder::new("many");
    let file = folder.file("many.duckdb");
    write_many(&file);
    let deep = MANY - 3;
    let closed = {
        let client = Client::open(&file).unwrap();
        check_many(&client, 0);
        check_many(&client, deep)
    };
    assert!(closed.starts_with("conversation of 100,000 events"), "{closed}");
    let sentence = closed.lines().find(|line| line.contains("are summed up")).unwrap();
    assert!(sentence.contains("further events in") && closed.contains("--db many.duckdb"), "{closed}");
    assert!(closed.contains("shape    5 levels"), "{closed}");
    let (writer, _) = Writer::open(&file, Settings::default()).unwrap();
    let door = Door::start(loopback(0), writer.readers(), Arc::new(Counters::default())).unwrap();
    let client = Client::connect(&door.url()).unwrap();
    assert_eq!(check_many(&client, deep), closed);
    check_screen(client, deep);
    door.stop();
}

/// The terminal UI shows the same: the asked event under the cursor, and the groups at the end.
fn check_screen(client: Client, number: usize) {
    let (jobs, to_ask) = std::sync::mpsc::channel();
    let (out, mut answers) = tokio::sync::mpsc::channel(4);
    let asking = std::thread::spawn(move || {
        let connect: headwater::tui::Connect = Box::new(|| unreachable!("the door stays"));
        let secret: headwater::tui::Secret = Box::new(|| Err("no secret here".into()));
        worker::run(Some(client), &connect, &secret, (to_ask, out));
    });
    let question = Asked { since: None, until: None, about: About::Trace { reference: at(number).0 } };
    jobs.send(worker::Job { generation: 1, question }).unwrap();
    let Some(What::Answer { answer, .. }) = answers.blocking_recv() else { panic!("no answer") };
    drop(jobs);
    asking.join().unwrap();
    let trace = absorb::trace(&answer, at(number).0).unwrap();
    assert_eq!(trace.event().unwrap().reference, at(number).0);
    assert!(trace.rows.len() < SHOWN_MAX + 50 && trace.rows.contains(&Row::Summed));
    assert!(matches!(trace.rows.last(), Some(Row::Group(_))));
}

/// Guarantees: a conversation of as many events as are read whole is read whole, and one more is not.
#[test]
fn a_conversation_is_read_whole_up_to_its_limit() {
    let folder = Folder::new("limit");
    let file = folder.file("limit.duckdb");
    let (mut writer, _) = Writer::open(&file, Settings::default()).unwrap();
    let mut add = |from: usize, to: usize| {
        let mut changes = if from == 0 { dictionary() } else { Changes { at: Timestamp(T0), ..Changes::default() } };
        for number in from..to {
            let mut row = event(number, at(0), Resolution::Caused);
            row.cause = (number > 0).then_some((at(0), Evidence::CausationId));
            changes.events.push(&row);
        }
        writer.append(changes).unwrap();
        writer.readers()
    };
    for (from, to, whole) in [(0, WHOLE_MAX, true), (WHOLE_MAX, WHOLE_MAX + 1, false)] {
        let readers = add(from, to);
        let door = Door::start(loopback(0), readers, Arc::new(Counters::default())).unwrap();
        let client = Client::connect(&door.url()).unwrap();
        let scope = trace::scope(&client, at(7).0).unwrap();
        let (tables, _) = trace::fetch(&client, &scope, &[at(7).0]).unwrap();
        assert_eq!(tables.summed.is_none(), whole);
        assert_eq!(Conversation::read(&tables).unwrap().events(), to);
        door.stop();
    }
}
