//! Retention: the file stays bounded, what outlives events does, and what is gone is said.

use crate::support::{Folder, seed};
use headwater::client::{Client, find, query, trace};
use headwater::event::{
    BarrierSample, Changes, CommittedOffset, CoverageRow, Envelope, Envelopes, EventColumns, EventRef, EventRow,
    Evidence, FailureKind, FailureNotice, GapReason, GroupSample, GroupState, Identifier, Kind, Ordinal, Origin,
    OutboxCursor, PartitionRow, Profile, ProfileRow, Resolution, Retention, Segment, Spelling, Start, Timestamp,
    TopicClass, TopicPartition,
};
use headwater::report::Cell;
use headwater::report::conversation::Conversation;
use headwater::report::rows::CoverageLine;
use headwater::report::{json, style::Style, tree};
use headwater::store::{Limits, Reader, Retained, Settings, Writer};
use headwater::tap::Core;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 2024-01-01T00:00:00Z.
const T0: i64 = 1_704_067_200_000_000;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: Duration = Duration::from_secs(86_400);

/// Windows of steady ingest, each as long as events are kept.
const WINDOWS: usize = 12;
/// Commits of a window.
const COMMITS: usize = 24;
/// Events of a window, unless `HEADWATER_RETENTION_EVENTS` says otherwise. Several row groups, which is what DuckDB
/// frees; with fewer the file is too small to say anything.
const EVENTS: usize = 200_000;

fn partition(topic: &str, partition: i32) -> Arc<TopicPartition> {
    Arc::new(TopicPartition { cluster: "test".into(), topic: topic.into(), topic_id: [0; 16], partition })
}

fn ask(reader: &Reader, sql: &str) -> Vec<Vec<Cell>> {
    reader.ask(sql, &[], Limits::default()).unwrap_or_else(|error| panic!("{sql}: {error}")).table.rows
}

fn number(reader: &Reader, sql: &str) -> i64 {
    match ask(reader, sql)[..] {
        [ref row] => match row[0] {
            Cell::Int(n) => n,
            Cell::Wide(n) => i64::try_from(n).unwrap(),
            ref other => panic!("{sql}: {other:?}"),
        },
        ref rows => panic!("{sql}: {} rows", rows.len()),
    }
}

/// Everything that is due, as a tap does it over many commits. Gives the longest step.
fn retain(writer: &mut Writer, at: i64) -> Duration {
    let mut longest = Duration::ZERO;
    // Seven kinds to look at, and whatever there is to delete.
    let mut idle = 0;
    while idle < 8 {
        let began = Instant::now();
        match writer.retain(Timestamp(at)).unwrap() {
            Retained::Deleted => idle = 0,
            Retained::Nothing => idle += 1,
        }
        longest = longest.max(began.elapsed());
    }
    longest
}

/// A steady stream of events with random ids, each the effect of the one before in its conversation of four.
struct Stream {
    random: fastrand::Rng,
    offset: i64,
    last: Option<(EventRef, Identifier, EventRef)>,
}

impl Stream {
    fn commit(&mut self, events: usize, at: i64) -> Changes {
        let mut columns = EventColumns::default();
        for n in 0..events {
            let reference = EventRef::new(Ordinal(0), self.offset);
            let id = Identifier { hi: self.random.u64(..), lo: self.random.u64(..), spelling: Spelling::Uuid };
            let cause = self.last.filter(|_| self.offset % 4 != 0);
            let conversation = cause.map_or(reference, |(_, _, conversation)| conversation);
            let seen = Timestamp(at - HOUR + HOUR * n as i64 / events as i64);
            columns.push(&EventRow {
                resolution: if cause.is_some() { Resolution::Caused } else { Resolution::Root },
                key_hash: Some(self.random.u64(..)),
                id: Some(id),
                causation: cause.map(|(_, id, _)| id),
                cause: cause.map(|(cause, _, _)| (cause, Evidence::CausationId)),
                ..row(reference, conversation, seen)
            });
            self.last = Some((reference, id, conversation));
            self.offset += 1;
        }
        let first = self.offset == events as i64;
        let place = PartitionRow {
            ordinal: Ordinal(0),
            partition: partition("orders", 0),
            incarnation: 0,
            base: 0,
            class: TopicClass::Business,
        };
        let content = Profile { kind: "order".into(), ..Profile::default() };
        Changes {
            events: columns,
            partitions: first.then_some(place).into_iter().collect(),
            profiles: first.then_some(ProfileRow { profile: 0, content }).into_iter().collect(),
            coverage: vec![CoverageRow {
                ordinal: Ordinal(0),
                first_offset: 0,
                next_offset: self.offset,
                log_start: 0,
                seen: self.offset,
                missing: [0; GapReason::ALL.len()],
            }],
            at: Timestamp(at),
            ..Changes::default()
        }
    }
}

/// Guarantees: over twelve windows of steady ingest the file stays as large as it was after three, no step takes long,
/// and the counts hold what was deleted. `HEADWATER_RETENTION_EVENTS=25000000` makes windows with full slices.
#[test]
fn the_file_stays_bounded_over_twelve_windows_of_steady_ingest() {
    let folder = Folder::new("retention-bounded");
    let file = folder.file("h.duckdb");
    let (mut writer, _) = Writer::open(&file, Settings::default()).unwrap();
    writer.keep(Retention { events: Some(DAY), ..Retention::default() });
    let events = std::env::var("HEADWATER_RETENTION_EVENTS").map_or(EVENTS, |text| text.parse().unwrap());
    let mut stream = Stream { random: fastrand::Rng::with_seed(seed("retention")), offset: 0, last: None };
    let mut sizes = Vec::new();
    let mut at = T0;
    for window in 1..=WINDOWS {
        let mut longest = Duration::ZERO;
        for _ in 0..COMMITS {
            at += HOUR;
            let mut left = events / COMMITS;
            while left > 0 {
                let rows = left.min(122_880);
                writer.append(stream.commit(rows, at)).unwrap();
                left -= rows;
            }
            longest = longest.max(retain(&mut writer, at));
        }
        writer.checkpoint().unwrap();
        let size = std::fs::metadata(&file).unwrap().len();
        println!("window {window}: {} MB, longest step {longest:?}", size / 1_000_000);
        sizes.push(size);
    }
    assert!(sizes[11] * 10 <= sizes[2] * 12, "{sizes:?}");
    let reader = writer.readers().reader().unwrap();
    let (kept, received) = (number(&reader, "SELECT count(*) FROM event"), stream.offset);
    let window = received / WINDOWS as i64;
    assert!(kept >= window && kept <= window * 12 / 10, "{kept} of {received} are kept, {window} a window");
    assert_eq!(number(&reader, "SELECT sum(events) FROM deleted") + kept, received);
    assert_eq!(number(&reader, "SELECT received FROM totals()"), received);
    assert_eq!(number(&reader, "SELECT received FROM topic"), received);
    assert_eq!(number(&reader, "SELECT count(*) FROM cause WHERE effect NOT IN (SELECT ref FROM event)"), 0);
}

/// A core, and a writer that keeps events for a day, with a clock of their own.
struct World {
    folder: Folder,
    parts: Option<(Core, Writer)>,
    at: i64,
    retention: Retention,
}

struct Row {
    offset: i64,
    id: u64,
    cause: Option<u64>,
    failure: Option<(&'static str, i64)>,
}

fn event(offset: i64, id: u64) -> Row {
    Row { offset, id, cause: None, failure: None }
}

fn effect(offset: i64, id: u64, cause: u64) -> Row {
    Row { offset, id, cause: Some(cause), failure: None }
}

fn dead_letter(offset: i64, origin: (&'static str, i64)) -> Row {
    Row { offset, id: 10_000 + offset as u64, cause: None, failure: Some(origin) }
}

impl World {
    fn new(name: &str) -> Self {
        let retention = Retention { events: Some(DAY), failures: Some(10 * DAY), ..Retention::default() };
        let mut world = Self { folder: Folder::new(name), parts: None, at: T0, retention };
        world.open();
        world
    }

    fn open(&mut self) {
        let (mut writer, restored) = Writer::open(&self.folder.file("h.duckdb"), Settings::default()).unwrap();
        writer.keep(self.retention);
        let core = Core::resume(&writer, restored, false).unwrap();
        self.parts = Some((core, writer));
    }

    /// Stops cleanly, and starts again.
    fn restart(&mut self) {
        let (_, writer) = self.parts.take().unwrap();
        writer.close().unwrap();
        self.open();
    }

    fn parts(&mut self) -> (&mut Core, &mut Writer) {
        let (core, writer) = self.parts.as_mut().unwrap();
        (core, writer)
    }

    fn read(&mut self, topic: &str, rows: &[Row]) {
        let seen = Timestamp(self.at);
        let mut read = Envelopes { seen, ..Envelopes::default() };
        for row in rows {
            add(&mut read, &partition(topic, 0), row, seen);
        }
        if rows[0].offset == 0 {
            read.starts.push(Start { partition: partition(topic, 0), log_start: 0, position: 0, cut: false });
        }
        self.parts().0.take(&read);
    }

    fn judge(&mut self) {
        let (core, _) = self.parts();
        if let Some(epoch) = core.ask_barrier() {
            core.barrier(&BarrierSample { epoch, ..BarrierSample::default() });
        }
    }

    fn commit(&mut self) {
        let at = self.at;
        let (core, writer) = self.parts();
        writer.append(core.commit(Timestamp(at), std::iter::empty())).unwrap();
    }

    fn delete(&mut self) {
        let at = self.at;
        retain(self.parts().1, at);
    }

    /// One group that committed `offset` of a topic.
    fn sample(&mut self, topic: &str, offset: i64) {
        let kitchen: Arc<str> = "kitchen".into();
        let commits = vec![CommittedOffset::new(&kitchen, &topic.into(), 0, Some(offset))];
        let groups = vec![GroupState::of(kitchen, commits)];
        let at = Timestamp(self.at);
        let cluster = "test".into();
        self.parts().0.groups(&GroupSample {
            at,
            resolution_ms: 1_000,
            cluster,
            complete: true,
            groups,
            ..GroupSample::default()
        });
    }

    /// Some hours later, in which the tap saw little.
    fn pass(&mut self, hours: i64, topic: &str, from: i64) {
        for hour in 0..hours {
            self.at += HOUR;
            self.read(topic, &[event(from + hour, 1_000_000 + (from + hour) as u64)]);
            self.commit();
            self.delete();
        }
    }

    fn reader(&self) -> Reader {
        self.parts.as_ref().unwrap().1.readers().reader().unwrap()
    }

    fn number(&self, sql: &str) -> i64 {
        number(&self.reader(), sql)
    }

    /// Ends the writer, and asks the file.
    fn client(&mut self) -> Client {
        let (_, writer) = self.parts.take().unwrap();
        writer.close().unwrap();
        Client::open(&self.folder.file("h.duckdb")).unwrap()
    }
}

fn add(read: &mut Envelopes, at: &Arc<TopicPartition>, row: &Row, seen: Timestamp) {
    let id = |n: u64| Identifier::from_bytes((u128::from(n) + 1).to_be_bytes());
    let number = read.rows.len() as u32;
    let notice = row.failure.map(|(topic, offset)| FailureNotice {
        kind: FailureKind::DeadLetter,
        origin: Some(Origin { topic: topic.into(), partition: 0, offset }),
        origin_topic: None,
        doubtful: false,
        group: Some("kitchen".into()),
        attempt: None,
        error_class: Some("Oven".into()),
        error_message: None,
    });
    read.rows.push(Envelope {
        offset: row.offset,
        time: seen,
        record_time: seen,
        kind: if notice.is_some() { Kind::DeadLetter } else { Kind::Event },
        says_root: row.cause.is_none() && notice.is_none(),
        tombstone: false,
        profile: number,
        id: Some(id(row.id)),
        causation: row.cause.map(id),
        correlation: None,
        texts: Default::default(),
        trace: None,
        key_hash: None,
        key_bytes: 0,
        value_bytes: 0,
        notice: notice.is_some().then_some(read.notices.len() as u32),
        extra: None,
    });
    read.notices.extend(notice);
    read.profiles.push(Profile { kind: "order".into(), ..Profile::default() });
    read.segments.push(Segment {
        partition: at.clone(),
        producer: None,
        rows: number..number + 1,
        covers: row.offset..row.offset + 1,
        missing: GapReason::CompactedOrTransactional,
    });
}

/// What people count, and what they are told of failures.
const OUTLIVES: [&str; 6] = [
    "FROM totals()",
    "FROM counts() ORDER BY ALL",
    "FROM minute ORDER BY ALL",
    "FROM topic ORDER BY ALL",
    "FROM failures()",
    "FROM coverage ORDER BY ALL",
];

/// An order, what it caused at once and how that failed; a day later, something that it caused late.
fn story(name: &str) -> World {
    let mut world = World::new(name);
    world.read("orders", &[event(0, 1)]);
    world.commit();
    world.read("baked", &[effect(0, 2, 1)]);
    world.read("baked.dlt", &[dead_letter(0, ("baked", 0))]);
    world.commit();
    world.pass(20, "other", 0);
    world.read("late", &[effect(0, 3, 2)]);
    world.commit();
    world
}

/// Guarantees: counts, failures, their roots' types and coverage say the same before and after events are deleted; a
/// trace, a walk and a search that reach into deleted time say so.
#[test]
fn what_is_gone_is_said_and_what_outlives_it_stays() {
    let mut world = story("retention-story");
    world.at += 8 * HOUR;
    let all = |world: &World| OUTLIVES.map(|sql| ask(&world.reader(), sql));
    let before = all(&world);
    assert_eq!(world.number("SELECT count(*) FROM failures() WHERE root_type = 'order'"), 1);
    world.delete();
    assert_eq!(all(&world), before);
    assert_eq!(world.number("SELECT count(*) FROM event WHERE topic IN ('orders', 'baked', 'baked.dlt')"), 0);
    assert_eq!(world.number("SELECT count(*) FROM event WHERE topic = 'late'"), 1);
    let late = world.number("SELECT ref FROM event WHERE topic = 'late'");
    let walk = format!("SELECT count(*) FROM ancestors({late}) WHERE deleted AND coordinates = 'baked/0/0'");
    assert_eq!(world.number(&walk), 1);

    let client = world.client();
    let scope = trace::scope(&client, late).unwrap();
    let (tables, _) = trace::fetch(&client, &scope, &[late]).unwrap();
    let mut conversation = Conversation::read(&tables).unwrap();
    assert_eq!(conversation.graph.node_count(), 1);
    conversation.deleted_before = trace::deleted_before(&client, &tables).unwrap();
    assert_eq!(conversation.deleted_before, Some(Timestamp(T0)));
    let coverage = CoverageLine::from_table(&tables.coverage).unwrap();
    let question = tree::Question { coverage: &coverage, ..tree::Question::default() };
    let text = tree::render(&conversation, &question, &Style::new(false, None));
    assert!(text.contains("begins before 2024-01-01T00:00:00Z: events before it were deleted by retention"), "{text}");
    assert_eq!(json::trace(&conversation, &tables, &[])["deleted_before"], "2024-01-01T00:00:00Z");

    let coverage = CoverageLine::from_table(&client.ask(&query::COVERAGE, &[]).unwrap()).unwrap();
    let said = find::why_not(&client, "baked/0/0", &coverage).unwrap();
    assert!(said.contains("baked/0/0 was read, and deleted by retention"), "{said}");
    let said = find::why_not(&client, "baked/0/1", &coverage).unwrap();
    assert!(said.contains("lies behind"), "{said}");
}

/// Guarantees: a restart after a deletion reads nothing again, and an event whose cause was deleted is an orphan by
/// retention; a failure whose origin was deleted finds it all the same.
#[test]
fn a_restart_after_a_deletion_goes_on_where_it_stood() {
    let mut world = story("retention-restart");
    world.at += 8 * HOUR;
    world.delete();
    let positions = world.parts().0.positions();
    world.restart();
    assert_eq!(world.parts().0.positions(), positions);
    assert_eq!(positions[&*partition("orders", 0)], 1);
    world.read("late", &[effect(1, 4, 1)]);
    world.read("baked.dlt", &[dead_letter(1, ("baked", 0))]);
    world.judge();
    world.commit();
    let orphan = "SELECT count(*) FROM event WHERE topic = 'late' AND \"offset\" = 1 AND orphan_reason = 'retention'";
    assert_eq!(world.number(orphan), 1);
    let found =
        "SELECT count(*) FROM failure WHERE orphan_reason IS NULL AND origin_topic = 'baked' AND origin_offset = 0";
    assert_eq!(world.number(found), 2);
    assert_eq!(world.number("SELECT sum(failures) FROM failures()"), 1, "two records of one failure");
    assert_eq!(world.number("SELECT received FROM topic WHERE topic = 'orders'"), 1);
}

/// Guarantees: an event that still waits when its time has come is settled as an orphan first; what the core decides
/// about it later changes nothing.
#[test]
fn an_event_that_waits_is_settled_before_it_is_deleted() {
    let mut world = World::new("retention-waiting");
    world.read("baked", &[effect(0, 2, 1)]);
    world.commit();
    world.at += 2 * HOUR;
    world.read("other", &[event(0, 9)]);
    world.commit();
    assert_eq!((world.number("SELECT waiting FROM totals()"), world.number("SELECT orphaned FROM totals()")), (1, 0));
    world.at += 25 * HOUR;
    world.delete();
    let counts = |world: &World| {
        ["received", "waiting", "orphaned"].map(|name| world.number(&format!("SELECT {name} FROM totals()")))
    };
    assert_eq!(counts(&world), [2, 0, 1]);
    assert_eq!(world.number("SELECT count(*) FROM event"), 0);
    world.read("orders", &[event(0, 1)]);
    world.judge();
    world.commit();
    assert_eq!(counts(&world), [3, 0, 1]);
    world.restart();
    world.judge();
    world.commit();
    assert_eq!(counts(&world), [3, 0, 1]);
    // The slice after the last one is open, though the last one is gone.
    assert_eq!(world.number("SELECT count(*) FROM find_coordinates('orders', 0, 0)"), 1);
}

/// Guarantees: each kind has its own time: failures, counts and marks go by theirs, and the last mark of a group stays.
#[test]
fn each_kind_goes_by_its_own_time() {
    let mut world = World::new("retention-kinds");
    world.retention = Retention { counts: Some(5 * DAY), marks: Some(2 * DAY), ..world.retention };
    world.restart();
    world.read("orders", &(0..10).map(|n| event(n, n as u64)).collect::<Vec<_>>());
    world.read("orders.dlt", &[dead_letter(0, ("orders", 3))]);
    for offset in [2, 4, 8] {
        world.sample("orders", offset);
        world.commit();
        world.at += MINUTE;
    }
    let counted = |world: &World| {
        [
            "SELECT count(*) FROM event",
            "SELECT count(*) FROM progress_mark",
            "SELECT count(*) FROM minute_row",
            "SELECT count(*) FROM passed_row",
            "SELECT count(*) FROM failure_row",
        ]
        .map(|sql| world.number(sql))
    };
    let [events, marks, minutes, passed, failures] = counted(&world);
    assert_eq!((events, marks, failures), (11, 3, 1));
    assert!(minutes > 0 && passed > 0);
    let mut left_after = |days: i64| {
        world.at = T0 + days * 24 * HOUR + 2 * HOUR + days * MINUTE;
        // What closes the slice before it.
        world.read("other", &[event(days, 100 + days as u64)]);
        world.commit();
        world.delete();
        counted(&world)
    };
    // An old slice is closed after the next commit, whose events are in it too.
    assert_eq!(left_after(0), [12, 3, minutes + 1, passed, 1]);
    assert_eq!(left_after(1), [1, 3, minutes + 2, passed, 1]);
    assert_eq!(left_after(2), [2, 1, minutes + 3, passed, 1]);
    // Counts go in whole hours: the last minutes that are kept are of one that is not over.
    assert_eq!(left_after(5), [1, 1, 4, 0, 1]);
    assert_eq!(left_after(10), [2, 1, 2, 0, 0]);
    for (minutes, hours) in [("minute_row", "hour_row"), ("passed_row", "passed_hour_row")] {
        let sum = if minutes == "minute_row" { "received" } else { "passed" };
        let sums = [minutes, hours].map(|table| world.number(&format!("SELECT coalesce(sum({sum}), 0) FROM {table}")));
        assert_eq!(sums[0], sums[1], "{hours}");
    }
    assert_eq!(world.number("SELECT committed_offset FROM progress_mark"), 8);
}

/// Guarantees: the outbox shrinks once its entries were sent and are old enough, and what was not sent stays as long as
/// its events do.
#[test]
fn the_outbox_shrinks_once_it_was_sent() {
    let mut world = World::new("retention-outbox");
    world.retention = Retention { outbox: Some(DAY / 4), ..world.retention };
    world.restart();
    world.parts().1.fill_outbox(true);
    world.read("orders", &[event(0, 1), event(1, 2)]);
    world.commit();
    world.sample("orders", 2);
    world.pass(3, "other", 0);
    let told = |world: &World| {
        (world.number("SELECT count(*) FROM outbox_event"), world.number("SELECT count(*) FROM outbox_pass"))
    };
    assert_eq!(told(&world), (5, 1));
    world.at += 10 * HOUR;
    world.delete();
    assert_eq!(told(&world), (5, 1), "nothing was sent");
    let sent = OutboxCursor { seq: 4, reference: i64::MAX };
    world.parts().1.append(Changes { sent: Some(sent), ..Changes::default() }).unwrap();
    world.at += HOUR;
    world.delete();
    assert_eq!(told(&world), (2, 1), "entry 4, the pass, may be sent in part");
    world.at += 24 * HOUR;
    world.delete();
    assert_eq!(told(&world), (0, 0), "their events are gone");
    let page = world.reader().outbox(sent, Limits::default()).unwrap();
    assert!(page.entries.is_empty());
}

/// Guarantees: a merge stays as long as an event carries its old id, whatever that one's own age, and goes then.
#[test]
fn a_merge_stays_as_long_as_an_event_needs_it() {
    let mut world = World::new("retention-aliases");
    world.read("orders", &[event(0, 1)]);
    world.commit();
    // Its conversation is its own, until it turns out to be that of the order.
    let (old, current) = (EventRef::new(Ordinal(7), 0), EventRef::new(Ordinal(0), 0));
    let at = Timestamp(world.at);
    let mut merged = EventColumns::default();
    merged.push(&row(EventRef::new(Ordinal(0), 1), old, at));
    let aliases = vec![(old, current), (EventRef::new(Ordinal(7), 1), current)];
    world.parts().1.append(Changes { events: merged, aliases, at, ..Changes::default() }).unwrap();
    world.at += 2 * HOUR;
    world.delete();
    assert_eq!(world.number("SELECT count(*) FROM conversation_alias"), 2);
    world.at += 23 * HOUR;
    let at = Timestamp(world.at);
    let mut late = EventColumns::default();
    late.push(&row(EventRef::new(Ordinal(0), 2), old, at));
    world.parts().1.append(Changes { events: late, at, ..Changes::default() }).unwrap();
    world.at += 2 * HOUR;
    world.delete();
    let left = format!("SELECT count(*) FROM conversation_alias WHERE old_id = {}", old.0);
    assert_eq!((world.number("SELECT count(*) FROM conversation_alias"), world.number(&left)), (1, 1));
    world.at += 30 * HOUR;
    world.delete();
    assert_eq!(world.number("SELECT count(*) FROM conversation_alias"), 0);
}

fn row(reference: EventRef, conversation: EventRef, seen: Timestamp) -> EventRow {
    EventRow {
        reference,
        time: seen,
        record_time: seen,
        seen_time: seen,
        kind: Kind::Event,
        resolution: Resolution::Root,
        tombstone: false,
        profile: 0,
        producer: None,
        key_hash: None,
        conversation,
        key_bytes: 8,
        value_bytes: 100,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}
