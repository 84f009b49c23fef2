//! What was received, passed and failed: the roll-ups hold at every commit what a recount of the events gives, whatever
//! comes late, is taken back, rewinds, vanishes or is killed.

use crate::support::{Folder, seed};
use headwater::demo::DemoOptions;
use headwater::event::{
    BarrierSample, BusinessFlow, CommittedOffset, Envelope, Envelopes, FailureKind, FailureNotice, GapReason,
    GroupSample, GroupState, Identifier, Kind, Origin, Profile, Segment, Start, Timestamp, TopicPartition,
};
use headwater::report::rows::{
    BusinessCase, BusinessFlowRow, BusinessRow, CountRow, FailureGroup, FlowRow, MinuteRow, PassedMinute, Totals,
};
use headwater::report::{Cell, Table};
use headwater::store::{Limits, Reader, Readers, Settings, Writer, query};
use headwater::tap::{Core, ImportConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// 2024-01-01T00:00:00Z.
const T0: i64 = 1_704_067_200_000_000;
const SECOND: i64 = 1_000_000;

/// One record to be read.
#[derive(Clone, Default)]
struct Row {
    offset: i64,
    id: Option<u64>,
    cause: Option<u64>,
    root: bool,
    event_type: &'static str,
    failure: Option<Failure>,
}

#[derive(Clone)]
struct Failure {
    kind: FailureKind,
    origin: Option<(&'static str, i32, i64)>,
    group: Option<&'static str>,
}

fn event(offset: i64, id: u64) -> Row {
    Row { offset, id: Some(id), root: true, event_type: "order", ..Row::default() }
}

fn effect(offset: i64, id: u64, cause: u64) -> Row {
    Row { offset, id: Some(id), cause: Some(cause), event_type: "baked", ..Row::default() }
}

fn failed(offset: i64, kind: FailureKind, origin: (&'static str, i32, i64)) -> Row {
    let failure = Failure { kind, origin: Some(origin), group: Some("kitchen") };
    Row { offset, failure: Some(failure), event_type: "", ..Row::default() }
}

/// A group on a partition.
type Reading = (&'static str, &'static str, i32);

/// A core and a database, with a clock of their own.
struct World {
    folder: Folder,
    parts: Option<(Core, Writer)>,
    seconds: i64,
    samples: i64,
    /// What each group committed last, as the samples said it.
    committed: BTreeMap<Reading, i64>,
}

fn partition(topic: &str, partition: i32) -> Arc<TopicPartition> {
    Arc::new(TopicPartition { cluster: "test".into(), topic: topic.into(), topic_id: [0; 16], partition })
}

impl World {
    fn new(name: &str) -> Self {
        let mut world =
            Self { folder: Folder::new(name), parts: None, seconds: 0, samples: 0, committed: BTreeMap::new() };
        world.open();
        world
    }

    fn open(&mut self) {
        let (writer, restored) = Writer::open(&self.folder.file("h.duckdb"), Settings::default()).unwrap();
        let core = Core::resume(&writer, restored, false).unwrap();
        self.parts = Some((core, writer));
    }

    /// The process dies: what was not committed is gone.
    fn kill(&mut self) {
        println!("killed");
        self.parts = None;
        self.open();
    }

    fn core(&mut self) -> &mut Core {
        &mut self.parts.as_mut().unwrap().0
    }

    fn start(&mut self, topic: &str, number: i32, log_start: i64, position: i64) {
        let starts = vec![Start { partition: partition(topic, number), log_start, position, cut: false }];
        self.core().take(&Envelopes { starts, ..Envelopes::default() });
    }

    /// Reads records of one partition, ten seconds after the last read.
    fn read(&mut self, topic: &str, number: i32, rows: &[Row]) {
        self.seconds += 10;
        let seen = Timestamp(T0.saturating_add(self.seconds.saturating_mul(SECOND)));
        let mut read = Envelopes { seen, ..Envelopes::default() };
        for row in rows {
            add(&mut read, &partition(topic, number), row, seen);
        }
        let offsets: Vec<i64> = rows.iter().map(|row| row.offset).collect();
        println!("at {} s: {topic}/{number} {offsets:?}", self.seconds);
        self.core().take(&read);
    }

    /// A sample of all groups: those that are not in it are gone when it is complete.
    fn sample(&mut self, complete: bool, commits: &[(&'static str, &'static str, i32, i64)]) {
        println!("at {} s: complete {complete} {commits:?}", self.seconds);
        let mut groups: BTreeMap<&str, Vec<CommittedOffset>> = BTreeMap::new();
        for &(group, topic, number, offset) in commits {
            self.committed.insert((group, topic, number), offset);
            let commit = CommittedOffset::new(&group.into(), &topic.into(), number, Some(offset));
            groups.entry(group).or_default().push(commit);
        }
        let state = |(group, commits): (&str, _)| GroupState::of(group.into(), commits);
        // The broker's answers come in order, whatever the clock of the records does.
        self.samples += 1;
        let at = Timestamp(T0 + self.samples * SECOND);
        let groups = groups.into_iter().map(state).collect();
        let sample = GroupSample {
            at,
            resolution_ms: 1_000,
            cluster: "test".into(),
            complete,
            groups,
            ..GroupSample::default()
        };
        self.core().groups(&sample);
    }

    /// Everything that waits is judged.
    fn judge(&mut self) {
        let Some(epoch) = self.core().ask_barrier() else { return };
        self.core().barrier(&BarrierSample { epoch, ..BarrierSample::default() });
    }

    fn commit(&mut self) {
        println!("commit");
        let at = Timestamp(T0.saturating_add(self.seconds.saturating_mul(SECOND)));
        let (core, writer) = self.parts.as_mut().unwrap();
        writer.append(core.commit(at, std::iter::empty())).unwrap();
    }

    fn reader(&self) -> Reader {
        self.parts.as_ref().unwrap().1.readers().reader().unwrap()
    }

    fn answer(&self, query: &query::Query, values: &[Cell]) -> Table {
        answer(&self.reader(), query, values)
    }

    fn totals(&self) -> Totals {
        totals(&self.reader())
    }

    /// Events passed by group, summed.
    fn passed(&self, group: &str) -> i64 {
        let rows = PassedMinute::from_table(&self.answer(&query::ask::PASSED_MINUTES, &OPEN)).unwrap();
        rows.iter().filter(|row| row.consumer_group == group).map(|row| row.passed).sum()
    }

    fn minutes(&self) -> Vec<MinuteRow> {
        MinuteRow::from_table(&self.answer(&query::ask::MINUTES, &OPEN)).unwrap()
    }

    fn counts(&self) -> Vec<CountRow> {
        CountRow::from_table(&self.answer(&query::ask::COUNTS, &OPEN)).unwrap()
    }

    fn assert_equal_to_a_recount(&self, about: &str) {
        let committed: Vec<String> = self
            .committed
            .iter()
            .map(|((group, topic, partition), offset)| format!("('{group}', '{topic}', {partition}, {offset})"))
            .collect();
        assert_equal_to_a_recount(&self.reader(), &committed, about);
    }
}

/// A window without bounds.
const OPEN: [Cell; 2] = [Cell::Null, Cell::Null];

fn ask(reader: &Reader, sql: &str) -> Vec<Vec<Cell>> {
    reader.ask(sql, &[], Limits::default()).unwrap_or_else(|error| panic!("{sql}: {error}")).table.rows
}

fn answer(reader: &Reader, query: &query::Query, values: &[Cell]) -> Table {
    reader.answer(query, values, Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", query.name)).table
}

fn totals(reader: &Reader) -> Totals {
    Totals::from_table(&answer(reader, &query::ask::TOTALS, &OPEN)).unwrap().remove(0)
}

/// Only the rows that differ are told.
fn assert_same(kept: Vec<Vec<Cell>>, recounted: Vec<Vec<Cell>>, about: &str) {
    let without = |these: &[Vec<Cell>], those: &[Vec<Cell>]| -> Vec<Vec<Cell>> {
        these.iter().filter(|row| !those.contains(row)).cloned().collect()
    };
    assert_eq!(without(&kept, &recounted), without(&recounted, &kept), "{about}");
}

/// The roll-ups say what the events, the committed offsets and the failures say, counted one by one.
fn assert_equal_to_a_recount(reader: &Reader, committed: &[String], about: &str) {
    let nobody = "('', '', 0, 0)".to_owned();
    let committed = if committed.is_empty() { nobody } else { committed.join(", ") };
    assert_same(ask(reader, "FROM minute ORDER BY ALL"), ask(reader, RECOUNTED_MINUTES), &format!("{about}: minute"));
    let recounted = RECOUNTED_PASSED.replace("{committed}", &committed);
    let passed = ask(reader, "FROM passed_minute ORDER BY ALL");
    assert_same(passed, ask(reader, &recounted), &format!("{about}: passed_minute"));
    let minutes = MinuteRow::from_table(&answer(reader, &query::ask::MINUTES, &OPEN)).unwrap();
    for (kept, recounted) in [(HOURS, RECOUNTED_HOURS), (PASSED_HOURS, RECOUNTED_PASSED_HOURS)] {
        assert_same(ask(reader, kept), ask(reader, recounted), &format!("{about}: {kept}"));
    }
    assert_windows_agree(reader, about);
    assert_same(ask(reader, FLOWS), ask(reader, RECOUNTED_FLOWS), &format!("{about}: topic_flow"));
    assert_same(ask(reader, ORPHANS), ask(reader, RECOUNTED_ORPHANS), &format!("{about}: orphans"));
    let counts = CountRow::from_table(&answer(reader, &query::ask::COUNTS, &OPEN)).unwrap();
    let passed: i64 = counts.iter().filter_map(|row| row.passed).sum();
    let topics: Vec<&CountRow> = counts.iter().filter(|row| row.consumer_group.is_none()).collect();
    let totals = totals(reader);
    let sum = |of: fn(&MinuteRow) -> i64| minutes.iter().map(of).sum::<i64>();
    let headline = [totals.received, totals.failed, totals.healed, totals.retried, totals.waiting, totals.orphaned];
    let by_minute = [
        sum(|m| m.received),
        sum(|m| m.failed),
        sum(|m| m.healed),
        sum(|m| m.retried),
        sum(|m| m.waiting),
        sum(|m| m.orphaned),
    ];
    assert_eq!(headline, by_minute, "{about}: totals and minute");
    let by_topic = |of: fn(&CountRow) -> i64| topics.iter().map(|row| of(row)).sum::<i64>();
    let by_topic = [by_topic(|t| t.received), by_topic(|t| t.failed), by_topic(|t| t.healed), passed];
    assert_eq!([totals.received, totals.failed, totals.healed, totals.passed], by_topic, "{about}: totals and counts");
    assert_eq!(totals.failed, totals.healed + totals.dead + totals.retrying, "{about}");
}

/// Whatever a window's ends are, and whether it is answered from hours or minutes, it says what its minutes say.
fn assert_windows_agree(reader: &Reader, about: &str) {
    let minute = 60 * SECOND;
    for (since, until) in [(1, 59), (59, 61), (30, 400), (60, 120)] {
        let window = [Cell::Time(T0 + since * minute), Cell::Time(T0 + until * minute)];
        let rows = MinuteRow::from_table(&answer(reader, &query::ask::MINUTES, &window)).unwrap();
        let passed = PassedMinute::from_table(&answer(reader, &query::ask::PASSED_MINUTES, &window)).unwrap();
        let totals = Totals::from_table(&answer(reader, &query::ask::TOTALS, &window)).unwrap().remove(0);
        let sum = |of: fn(&MinuteRow) -> i64| rows.iter().map(of).sum::<i64>();
        let by_minute = [
            sum(|m| m.received),
            sum(|m| m.failed),
            sum(|m| m.healed),
            sum(|m| m.waiting),
            sum(|m| m.orphaned),
            passed.iter().map(|row| row.passed).sum(),
        ];
        let headline = [totals.received, totals.failed, totals.healed, totals.waiting, totals.orphaned, totals.passed];
        assert_eq!(headline, by_minute, "{about}: minutes {since} to {until}");
    }
}

const FLOWS: &str = "FROM topic_flow ORDER BY ALL";
const RECOUNTED_FLOWS: &str = "
    SELECT f.cluster, f.topic AS from_topic, t.topic AS to_topic, evidence_name(c.evidence) AS evidence,
        class_name(evidence_rank(c.evidence)) AS class, count(*) AS events
    FROM any_edge c JOIN partition f ON f.ordinal = c.cause >> 40 JOIN partition t ON t.ordinal = c.effect >> 40
    GROUP BY ALL ORDER BY ALL";
const ORPHANS: &str = "SELECT ref, kind, type, id, conversation, orphan_reason, what FROM orphans() ORDER BY ALL";
const RECOUNTED_ORPHANS: &str = "
    SELECT ref, kind, type, id, conversation, orphan_reason, 'event' AS what FROM event WHERE resolution = 'orphaned'
    UNION ALL
    SELECT e.ref, e.kind, e.type, e.id, e.conversation, f.orphan_reason, 'failure' FROM event e JOIN failure f ON f.ref = e.ref
    WHERE f.orphan_reason IS NOT NULL
    ORDER BY ALL";

/// What the roll-up by hour holds, and the same summed from the roll-up by minute, which is compared with the events.
const HOURS: &str = "SELECT * FROM hour_row ORDER BY ALL";
const RECOUNTED_HOURS: &str = "
    SELECT date_trunc('hour', minute) AS hour, topic_number, profile, CAST(sum(received) AS BIGINT),
        CAST(sum(retried) AS BIGINT), CAST(sum(roots) AS BIGINT), CAST(sum(caused) AS BIGINT),
        CAST(sum(inferred) AS BIGINT), CAST(sum(unlinked) AS BIGINT), CAST(sum(waiting) AS BIGINT),
        CAST(sum(orphaned) AS BIGINT), min(first_seen), max(last_seen)
    FROM minute_row GROUP BY ALL ORDER BY ALL";
const PASSED_HOURS: &str =
    "SELECT hour, consumer_group, topic_number, profile, passed FROM passed_hour_row WHERE passed <> 0 ORDER BY ALL";
const RECOUNTED_PASSED_HOURS: &str = "
    SELECT date_trunc('hour', minute) AS hour, consumer_group, topic_number, profile, CAST(sum(passed) AS BIGINT) AS passed
    FROM passed_row GROUP BY ALL HAVING sum(passed) <> 0 ORDER BY ALL";

const RECOUNTED_MINUTES: &str = "
    WITH own AS (
        SELECT date_trunc('minute', seen_time) AS minute, cluster, topic, type, count(*) AS received,
            count(*) FILTER (resolution = 'root') AS roots, count(*) FILTER (resolution = 'caused') AS caused,
            count(*) FILTER (resolution = 'inferred') AS inferred, count(*) FILTER (resolution = 'unlinked') AS unlinked,
            count(*) FILTER (resolution = 'waiting') AS waiting, count(*) FILTER (resolution = 'orphaned') AS orphaned,
            count(*) FILTER (kind = 'retry') AS retried
        FROM event GROUP BY ALL
    ),
    cases AS (
        SELECT coalesce(o.topic, f.origin_topic, e.topic) AS topic, o.type,
            date_trunc('minute', min(coalesce(o.seen_time, e.seen_time))) AS minute, f.cluster,
            bool_or(f.state = 'healed') AS healed
        FROM failure f
        JOIN event e ON e.ref = f.ref
        LEFT JOIN event o ON o.ref = f.origin
        GROUP BY f.cluster, f.consumer_group, f.origin, CASE WHEN f.origin IS NULL THEN f.origin_topic END,
            CASE WHEN f.origin IS NULL THEN f.origin_partition END, CASE WHEN f.origin IS NULL THEN f.origin_offset END,
            CASE WHEN f.origin IS NULL AND f.origin_offset IS NULL THEN f.ref END, 1, 2
    ),
    failed AS (
        SELECT minute, cluster, topic, type, count(*) AS failed, count(*) FILTER (healed) AS healed FROM cases GROUP BY ALL
    )
    SELECT minute, cluster, topic, type, coalesce(received, 0), coalesce(roots, 0), coalesce(caused, 0),
        coalesce(inferred, 0), coalesce(unlinked, 0), coalesce(waiting, 0), coalesce(orphaned, 0), coalesce(failed, 0),
        coalesce(healed, 0), coalesce(retried, 0)
    FROM (
        SELECT coalesce(own.minute, f.minute) AS minute, coalesce(own.cluster, f.cluster) AS cluster,
            coalesce(own.topic, f.topic) AS topic, coalesce(own.type, f.type) AS type,
            own.* EXCLUDE (minute, cluster, topic, type), f.failed, f.healed
        FROM own FULL JOIN failed f ON f.minute = own.minute AND f.cluster = own.cluster AND f.topic = own.topic
            AND f.type IS NOT DISTINCT FROM own.type
    )
    ORDER BY ALL";

const RECOUNTED_PASSED: &str = "
    WITH committed(consumer_group, topic, partition, \"offset\") AS (VALUES {committed}),
    passed AS (
        SELECT date_trunc('minute', e.seen_time) AS minute, e.cluster, c.consumer_group, e.topic, e.type,
            count(*) AS passed
        FROM event e
        JOIN committed c ON c.topic = e.topic AND c.partition = e.partition AND e.\"offset\" < c.\"offset\"
        GROUP BY ALL
    ),
    cases AS (
        SELECT DISTINCT f.cluster, f.consumer_group,
            coalesce(CAST(f.origin AS VARCHAR), f.origin_topic || f.origin_partition || '/' || f.origin_offset,
                'r' || f.ref) AS failed_record
        FROM failure f WHERE f.consumer_group IS NOT NULL
    ),
    first AS (
        SELECT f.cluster, f.consumer_group, coalesce(o.topic, f.origin_topic, e.topic) AS topic, o.type,
            coalesce(CAST(f.origin AS VARCHAR), f.origin_topic || f.origin_partition || '/' || f.origin_offset,
                'r' || f.ref) AS failed_record,
            date_trunc('minute', min(coalesce(o.seen_time, e.seen_time))) AS minute
        FROM failure f
        JOIN event e ON e.ref = f.ref
        LEFT JOIN event o ON o.ref = f.origin
        GROUP BY ALL
    ),
    failed AS (
        SELECT minute, cluster, consumer_group, topic, type, count(*) AS failed
        FROM first SEMI JOIN cases USING (cluster, consumer_group, failed_record)
        GROUP BY ALL
    )
    SELECT coalesce(p.minute, f.minute) AS minute, coalesce(p.cluster, f.cluster) AS cluster,
        coalesce(p.consumer_group, f.consumer_group) AS consumer_group, coalesce(p.topic, f.topic) AS topic,
        coalesce(p.type, f.type) AS type, coalesce(p.passed, 0) AS passed, coalesce(f.failed, 0) AS failed
    FROM passed p FULL JOIN failed f ON f.minute = p.minute AND f.cluster = p.cluster AND f.topic = p.topic
        AND f.consumer_group = p.consumer_group AND f.type IS NOT DISTINCT FROM p.type
    ORDER BY ALL";

fn add(read: &mut Envelopes, at: &Arc<TopicPartition>, row: &Row, seen: Timestamp) {
    let id = |n: u64| Identifier::from_bytes((u128::from(n) + 1).to_be_bytes());
    let number = read.rows.len() as u32;
    let notice = row.failure.as_ref().map(|failure| FailureNotice {
        kind: failure.kind,
        origin: failure.origin.map(|(topic, partition, offset)| Origin { topic: topic.into(), partition, offset }),
        origin_topic: None,
        doubtful: false,
        group: failure.group.map(Into::into),
        attempt: None,
        error_class: Some("Oven".into()),
        error_message: None,
    });
    let kind = match row.failure.as_ref().map(|failure| failure.kind) {
        None => Kind::Event,
        Some(FailureKind::Retry) => Kind::Retry,
        Some(FailureKind::DeadLetter) => Kind::DeadLetter,
        Some(FailureKind::Fault) => Kind::Fault,
    };
    read.rows.push(Envelope {
        offset: row.offset,
        record_time: seen,
        time: seen,
        kind,
        says_root: row.root,
        tombstone: false,
        profile: number,
        id: row.id.map(id),
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
    read.profiles.push(Profile { kind: row.event_type.into(), ..Profile::default() });
    read.segments.push(Segment {
        partition: at.clone(),
        producer: None,
        covers: row.offset..row.offset + 1,
        rows: number..number + 1,
        missing: GapReason::CompactedOrTransactional,
    });
}

/// Scenario: an effect waits over a commit, and its cause comes in a later minute.
/// Guarantees: it leaves `waiting` for `caused`, in the minute in which it was read.
#[test]
fn a_verdict_that_comes_late_changes_the_minute_of_the_event() {
    let mut world = World::new("counts-late");
    world.read("bakery", 0, &[effect(0, 2, 1)]);
    world.commit();
    assert_eq!((world.totals().waiting, world.totals().orphaned), (1, 0));
    world.assert_equal_to_a_recount("waiting");
    world.seconds += 120;
    world.read("orders", 0, &[event(0, 1)]);
    world.commit();
    let minutes = world.minutes();
    assert_eq!((minutes[0].minute, minutes[0].waiting, minutes[0].caused), (Timestamp(T0), 0, 1));
    assert_eq!((minutes[1].minute, minutes[1].roots), (Timestamp(T0 + 120 * SECOND), 1));
    world.assert_equal_to_a_recount("settled");
}

/// Scenario: an effect is called an orphan, and its cause comes after all.
/// Guarantees: it leaves `orphaned` for `caused`; both in one commit too.
#[test]
fn a_verdict_that_is_taken_back_changes_the_minute_of_the_event() {
    for commits_between in [true, false] {
        let mut world = World::new("counts-retracted");
        world.read("bakery", 0, &[effect(0, 2, 1)]);
        world.commit();
        world.judge();
        if commits_between {
            world.commit();
            assert_eq!((world.totals().waiting, world.totals().orphaned), (0, 1));
        }
        world.read("orders", 0, &[event(0, 1)]);
        world.commit();
        assert_eq!((world.totals().waiting, world.totals().orphaned, world.totals().received), (0, 0, 2));
        world.assert_equal_to_a_recount("retracted");
    }
}

/// Scenario: a group passes events, goes back, vanishes, returns further on, and the tap is killed in between.
/// Guarantees: passed is what lies below its committed offset, each event once; a group that vanished keeps its count.
#[test]
fn a_rewind_takes_back_and_a_return_counts_once() {
    let mut world = World::new("counts-rewind");
    world.read("orders", 0, &(0..10).map(|n| event(n, n as u64)).collect::<Vec<_>>());
    world.sample(true, &[("kitchen", "orders", 0, 7), ("audit", "orders", 0, 3)]);
    world.commit();
    assert_eq!((world.passed("kitchen"), world.passed("audit")), (7, 3));
    world.sample(true, &[("kitchen", "orders", 0, 4)]);
    world.commit();
    assert_eq!((world.passed("kitchen"), world.passed("audit")), (4, 3));
    world.assert_equal_to_a_recount("rewound, and vanished");
    world.sample(true, &[("kitchen", "orders", 0, 9)]);
    world.kill();
    world.committed.insert(("kitchen", "orders", 0), 4);
    world.assert_equal_to_a_recount("killed before the commit");
    world.sample(true, &[("kitchen", "orders", 0, 9), ("audit", "orders", 0, 5)]);
    world.commit();
    assert_eq!((world.passed("kitchen"), world.passed("audit")), (9, 5));
    world.assert_equal_to_a_recount("returned");
    let audit = world.counts().into_iter().find(|row| row.consumer_group.as_deref() == Some("audit")).unwrap();
    assert_eq!((audit.received, audit.passed, audit.coverage), (10, Some(5), None));
}

/// Scenario: a group has committed beyond what the tap has read, which then reads on, and fills a hole below.
/// Guarantees: events count as passed when they are read; the minute is theirs.
#[test]
fn events_that_are_read_after_a_group_passed_them_count_at_once() {
    let mut world = World::new("counts-behind");
    world.start("orders", 0, 0, 5);
    world.read("orders", 0, &[event(5, 5), event(6, 6)]);
    world.sample(true, &[("kitchen", "orders", 0, 100)]);
    world.commit();
    assert_eq!(world.passed("kitchen"), 2);
    world.seconds += 60;
    world.read("orders", 0, &[event(7, 7), event(9, 9)]);
    world.commit();
    assert_eq!(world.passed("kitchen"), 4, "without a new sample");
    world.read("orders", 0, &[event(8, 8), event(10, 10)]);
    world.commit();
    world.kill();
    world.read("orders", 0, &[event(2, 2)]);
    world.commit();
    assert_eq!(world.passed("kitchen"), 7, "a hole, what follows, and what lies before the start");
    world.assert_equal_to_a_recount("read on");
    world.sample(true, &[("kitchen", "orders", 0, 8)]);
    world.commit();
    assert_eq!(world.passed("kitchen"), 4, "2, 5, 6 and 7");
    world.assert_equal_to_a_recount("rewound");
}

/// Scenario: a dead letter comes before its origin, a retry is healed, another names a topic that nobody reads, and one
/// nothing at all.
/// Guarantees: one failure an origin and group, in the minute and under the topic and type of the origin once it is seen.
#[test]
fn a_failure_counts_where_its_origin_does() {
    let mut world = World::new("counts-failures");
    let retry = FailureKind::Retry;
    world.read("orders.dlt", 0, &[failed(0, FailureKind::DeadLetter, ("orders", 0, 0))]);
    world.commit();
    let early = world.minutes();
    assert_eq!((early[0].topic.as_str(), early[0].failed, early[0].event_type.as_deref()), ("orders", 1, None));
    world.assert_equal_to_a_recount("before its origin");
    world.seconds += 60;
    world.read("orders", 0, &[event(0, 1), event(1, 2)]);
    world.commit();
    let found = world.minutes();
    let origin = found.iter().find(|row| row.topic == "orders").unwrap();
    assert_eq!((origin.minute, origin.failed), (Timestamp(T0 + 60 * SECOND), 1));
    assert_eq!(origin.event_type.as_deref(), Some("order"));
    world.assert_equal_to_a_recount("after its origin");

    let attempts = [failed(0, retry, ("orders", 0, 1)), failed(1, retry, ("orders", 0, 1))];
    world.read("orders-retry", 0, &attempts);
    world.commit();
    assert_eq!((world.totals().failed, world.totals().retrying, world.totals().retried), (2, 1, 2));
    world.sample(true, &[("kitchen", "orders-retry", 0, 2)]);
    world.judge();
    world.commit();
    world.judge();
    world.commit();
    assert_eq!((world.totals().failed, world.totals().healed, world.totals().retrying), (2, 1, 0));
    world.assert_equal_to_a_recount("healed");

    let bare = Failure { kind: FailureKind::DeadLetter, origin: None, group: None };
    let bare = Row { offset: 2, failure: Some(bare), ..Row::default() };
    world.read("orders.dlt", 0, &[failed(1, FailureKind::DeadLetter, ("parcels", 3, 8)), bare]);
    world.commit();
    assert_eq!((world.totals().failed, world.totals().topics), (4, 4));
    let parcels =
        world.counts().into_iter().find(|row| row.topic == "parcels" && row.consumer_group.is_none()).unwrap();
    assert_eq!((parcels.class, parcels.received, parcels.failed, parcels.coverage), (None, 0, 1, None));
    world.assert_equal_to_a_recount("unread and bare");
    let groups = FailureGroup::from_table(&world.answer(
        &query::ask::FAILURES,
        &[Cell::Null, Cell::Null, Cell::Bool(false), Cell::Bool(false), Cell::Null, Cell::Null],
    ));
    assert!(
        groups
            .unwrap()
            .iter()
            .all(|group| group.trend.len() == 12 && group.trend.iter().sum::<i64>() == group.failures)
    );
}

/// Scenario: an origin that was read in an earlier run, which this one does not remember.
/// Guarantees: the failure counts in its origin's minute.
#[test]
fn an_origin_of_an_earlier_run_is_looked_up() {
    let mut world = World::new("counts-earlier");
    world.read("orders", 0, &[event(0, 1)]);
    world.commit();
    // As if it had left the memory: only what is restored is known there.
    let (writer, restored) = {
        world.parts = None;
        Writer::open(&world.folder.file("h.duckdb"), Settings::default()).unwrap()
    };
    let mut core = Core::new(restored.id_key, false);
    core.restore_names(&restored.partitions, &restored.profiles, &restored.producers);
    core.restore_coverage(restored.coverage);
    world.parts = Some((core, writer));
    world.seconds += 300;
    world.read("orders.dlt", 0, &[failed(0, FailureKind::DeadLetter, ("orders", 0, 0))]);
    world.commit();
    let found = world.minutes();
    assert_eq!((found[0].minute, found[0].topic.as_str(), found[0].failed), (Timestamp(T0), "orders", 1));
    world.assert_equal_to_a_recount("looked up");
}

/// Scenario: internal topics, changelogs and a window.
/// Guarantees: headlines leave them out, `counts` has them; a window is whole minutes.
#[test]
fn headlines_leave_out_plumbing_and_windows_are_whole_minutes() {
    let mut world = World::new("counts-window");
    world.read("orders", 0, &[event(0, 1)]);
    world.read("app-store-changelog", 0, &[event(0, 7), event(1, 8)]);
    world.sample(true, &[("kitchen", "orders", 0, 1), ("app", "app-store-changelog", 0, 2)]);
    world.seconds = 75;
    world.read("orders", 0, &[event(1, 2), event(2, 3)]);
    world.commit();
    let totals = world.totals();
    assert_eq!((totals.received, totals.passed, totals.topics, totals.groups), (3, 1, 1, 1));
    assert_eq!(
        (totals.first_time, totals.last_time),
        (Some(Timestamp(T0 + 10 * SECOND)), Some(Timestamp(T0 + 85 * SECOND)))
    );
    assert_eq!(totals.coverage, Some(1.0));
    let plumbing = world.counts().into_iter().find(|row| row.topic == "app-store-changelog").unwrap();
    assert_eq!((plumbing.class.as_deref(), plumbing.received), (Some("changelog"), 2));
    let received = |since: i64, until: i64| {
        let window = [Cell::Time(T0 + since * SECOND), Cell::Time(T0 + until * SECOND)];
        Totals::from_table(&world.answer(&query::ask::TOTALS, &window)).unwrap()[0].received
    };
    assert_eq!(
        [received(0, 60), received(0, 61), received(59, 60), received(60, 120), received(119, 119)],
        [1, 3, 1, 2, 2]
    );
    assert_eq!([received(120, 180), received(60, 60)], [0, 0]);
}

const PLACES: [(&str, i32); 5] = [("orders", 0), ("orders", 1), ("bakery", 0), ("orders.dlt", 0), ("orders-retry", 0)];
const GROUPS: [&str; 3] = ["kitchen", "audit", "mail"];

/// A run of random steps; what was committed to the database last, for the kills.
struct Chance {
    world: World,
    random: fastrand::Rng,
    next: [i64; PLACES.len()],
    ids: u64,
    alive: BTreeSet<Reading>,
    stored: (BTreeMap<Reading, i64>, BTreeSet<Reading>),
}

impl Chance {
    fn new(seed: u64) -> Self {
        let mut world = World::new(&format!("counts-chance-{seed}"));
        let mut next = [0; PLACES.len()];
        for (at, (topic, number)) in PLACES.into_iter().enumerate() {
            next[at] = if number == 1 { 5 } else { 0 };
            world.start(topic, number, 0, next[at]);
        }
        let (alive, stored) = (BTreeSet::new(), (BTreeMap::new(), BTreeSet::new()));
        Self { world, random: fastrand::Rng::with_seed(seed), next, ids: 0, alive, stored }
    }

    fn step(&mut self) {
        match self.random.u8(..20) {
            0..=8 => self.read(),
            9 => self.read_late(),
            10..=13 => self.sample(),
            14 | 15 => self.world.judge(),
            16 | 17 => self.commit(),
            18 if self.random.bool() => self.kill(),
            // Some clocks are wrong beyond what can be stored.
            _ if self.random.u8(..8) == 0 => self.world.seconds = self.random.i64(..) / (2 * SECOND),
            // Hours pass.
            _ if self.random.u8(..4) == 0 => self.world.seconds += self.random.i64(0..5_400),
            _ => self.world.seconds += self.random.i64(-30..90),
        }
    }

    fn row(&mut self, at: usize, offset: i64) -> Row {
        let kind = match PLACES[at].0 {
            "orders.dlt" => FailureKind::DeadLetter,
            "orders-retry" => FailureKind::Retry,
            _ => {
                self.ids += 1;
                let row = Row { offset, id: Some(self.ids), event_type: "baked", ..Row::default() };
                return match self.random.u8(..4) {
                    0 => Row { root: true, event_type: "order", ..row },
                    1 => Row { event_type: "", ..row },
                    _ => Row { cause: Some(self.random.u64(0..self.ids + 12)), ..row },
                };
            }
        };
        let place = self.random.usize(..6);
        let origin = match PLACES.get(place) {
            Some((topic, number)) => (*topic, *number, self.random.i64(0..self.next[place] + 6)),
            None => ("parcels", 0, self.random.i64(0..3)),
        };
        let group = self.random.bool().then_some(GROUPS[self.random.usize(..2)]);
        let origin = (self.random.u8(..8) > 0).then_some(origin);
        Row { offset, failure: Some(Failure { kind, origin, group }), ..Row::default() }
    }

    fn read(&mut self) {
        let at = self.random.usize(..PLACES.len());
        let mut rows = Vec::new();
        for _ in 0..self.random.u8(1..6) {
            self.next[at] += i64::from(self.random.u8(..8) == 0);
            rows.push(self.row(at, self.next[at]));
            self.next[at] += 1;
        }
        self.world.read(PLACES[at].0, PLACES[at].1, &rows);
    }

    /// A hole, what lies before the start, or what was read already.
    fn read_late(&mut self) {
        let at = self.random.usize(..PLACES.len());
        let offset = self.random.i64(0..=self.next[at].max(1) - 1);
        self.next[at] = self.next[at].max(offset + 1);
        let row = self.row(at, offset);
        self.world.read(PLACES[at].0, PLACES[at].1, &[row]);
    }

    fn sample(&mut self) {
        let complete = self.random.bool();
        let mut commits = Vec::new();
        for group in GROUPS {
            for (at, (topic, number)) in PLACES.into_iter().enumerate() {
                if self.random.u8(..3) == 0 {
                    continue;
                }
                let before = self.world.committed.get(&(group, topic, number)).copied().unwrap_or(0);
                let offset = match self.random.u8(..6) {
                    0 => self.random.i64(0..=before),
                    1 => before,
                    2 => self.next[at] + self.random.i64(0..6),
                    _ => (before + self.random.i64(0..8)).min(self.next[at]),
                };
                commits.push((group, topic, number, offset));
            }
        }
        if complete {
            self.alive.clear();
        }
        self.alive.extend(commits.iter().map(|(group, topic, number, _)| (*group, *topic, *number)));
        self.world.sample(complete, &commits);
    }

    fn commit(&mut self) {
        self.world.commit();
        self.stored = (self.world.committed.clone(), self.alive.clone());
    }

    fn kill(&mut self) {
        self.world.kill();
        (self.world.committed, self.alive) = self.stored.clone();
        let positions = self.world.core().positions();
        for (at, (topic, number)) in PLACES.into_iter().enumerate() {
            let start = if number == 1 { 5 } else { 0 };
            self.next[at] = positions.get(&*partition(topic, number)).copied().unwrap_or(start);
            // As a tap does that starts again.
            self.world.start(topic, number, 0, self.next[at]);
            // Of a group that has vanished it is known what it passed, no more.
            for group in GROUPS {
                let key = (group, topic, number);
                if let Some(offset) = self.world.committed.get_mut(&key).filter(|_| !self.alive.contains(&key)) {
                    *offset = self.next[at].min(*offset);
                }
            }
        }
    }
}

/// Scenario: reads, late reads, samples, rewinds, vanishing groups, verdicts, commits and kills in any order.
/// Guarantees: at every commit the roll-ups are what a recount gives.
#[test]
fn roll_ups_are_a_recount_whatever_happens() {
    let first = seed("counts");
    let mut received = 0;
    for seed in first..first + 6 {
        let mut chance = Chance::new(seed);
        for round in 0..6 {
            for _ in 0..15 {
                chance.step();
            }
            chance.commit();
            chance.world.assert_equal_to_a_recount(&format!("seed {seed}, round {round}"));
        }
        received += chance.world.totals().received;
    }
    assert!(received > 300, "too little was read to prove anything: {received}");
}

/// Scenario: a file of schema version 1, as the version before this one wrote it.
/// Guarantees: a tap that opens it counts what it holds, once, and goes on from there.
#[test]
fn a_file_of_version_one_is_counted_when_it_is_opened() {
    let mut world = World::new("counts-migrated");
    world.read("orders", 0, &(0..10).map(|n| event(n, n as u64)).collect::<Vec<_>>());
    let dead = failed(0, FailureKind::DeadLetter, ("orders", 0, 2));
    world.read("orders.dlt", 0, &[dead, failed(1, FailureKind::DeadLetter, ("parcels", 0, 2))]);
    world.seconds += 60;
    world.read("orders-retry", 0, &[failed(0, FailureKind::Retry, ("orders", 0, 3))]);
    world.read("bakery", 0, &[effect(0, 100, 3), effect(1, 101, 999)]);
    world.sample(true, &[("kitchen", "orders", 0, 7), ("audit", "orders", 0, 200), ("kitchen", "bakery", 0, 1)]);
    world.commit();
    world.parts = None;
    let file = duckdb::Connection::open(world.folder.file("h.duckdb")).unwrap();
    let columns = "EXCLUDE (slice, cause, evidence) REPLACE (CAST(form & 127 AS TINYINT) AS form)";
    file.execute_batch(&format!(
        "CREATE TABLE written AS SELECT * {columns} FROM event_row WHERE resolution <> 4;
         CREATE TABLE waiting AS SELECT * {columns} FROM event_row WHERE resolution = 4;
         INSERT INTO cause_row SELECT ref, cause, evidence, 1 FROM event_row WHERE cause IS NOT NULL;
         DROP TABLE event_row; DROP TABLE pending_row; DROP TABLE slice_row; DROP TABLE slice_range; DROP TABLE id_slice;
         DROP TABLE deleted_row; DROP TABLE hour_row; DROP TABLE passed_hour_row;
         DROP TABLE orphan_row; DROP TABLE topic_flow_row; DROP TABLE trial_row;
         ALTER TABLE written RENAME TO event_row; ALTER TABLE waiting RENAME TO pending_row;
         DROP TABLE outbox_event; DROP TABLE outbox_link; DROP TABLE outbox_pass; DROP TABLE outbox_passed_to;
         DROP TABLE outbox_held; DROP TABLE outbox_edge; DROP TABLE outbox_state; DROP TABLE trace_seed;
         DROP TABLE minute_row; DROP TABLE passed_row; DROP TABLE passed_to_row; DROP TABLE business_flow_row;
         ALTER TABLE failure_row DROP COLUMN seen_time; ALTER TABLE failure_row DROP COLUMN counted_minute;
         ALTER TABLE failure_row DROP COLUMN counted_profile; ALTER TABLE failure_row DROP COLUMN root_profile;
         ALTER TABLE failure_row DROP COLUMN failure_kind; ALTER TABLE failure_row DROP COLUMN failure_case;
         ALTER TABLE failure_row DROP COLUMN counted_topic; ALTER TABLE failure_row DROP COLUMN marks;
         ALTER TABLE failure_row DROP COLUMN case_marks; ALTER TABLE failure_row DROP COLUMN case_letter;
         ALTER TABLE failure_row DROP COLUMN group_evidence; ALTER TABLE failure_row DROP COLUMN candidate_groups;
         ALTER TABLE failure_row DROP COLUMN healed_evidence; ALTER TABLE failure_row DROP COLUMN changed_at;
         DROP TABLE failure_history_row; DROP TABLE policy_row; DROP TABLE group_row; DROP TABLE rewind_row;
         DROP TABLE group_client_row; DROP TABLE barrier_row; DROP TABLE barrier_end_row; DROP TABLE verdict_row;
         ALTER TABLE progress_row DROP COLUMN stands_at; ALTER TABLE progress_row DROP COLUMN velocity;
         ALTER TABLE progress_row DROP COLUMN eta_ms; ALTER TABLE progress_row DROP COLUMN retention_used;
         ALTER TABLE progress_row DROP COLUMN loses_data_in_ms; ALTER TABLE progress_row DROP COLUMN lost_offsets;
         ALTER TABLE progress_row DROP COLUMN beyond;
         UPDATE meta SET value = '1' WHERE name = 'schema_version';",
    ))
    .unwrap();
    drop(file);
    world.open();
    world.assert_equal_to_a_recount("migrated");
    assert_eq!((world.totals().received, world.passed("kitchen"), world.passed("audit")), (15, 8, 10));
    world.read("orders", 0, &[event(10, 10)]);
    world.commit();
    assert_eq!((world.passed("kitchen"), world.passed("audit")), (8, 11));
    world.assert_equal_to_a_recount("read on");
}

/// Scenario: an order that is completed, one that fails, one that fails and is completed all the same, one that got
/// stuck, and one that has just begun.
/// Guarantees: each is told for what it is, against the time that the tap has seen, and the flow sums them up.
#[test]
fn business_flows_end_as_completed_failed_stuck_or_open() {
    let mut world = World::new("counts-business");
    let flow = |name: &str, completed_by: &str| BusinessFlow {
        name: name.into(),
        started_by: "order".into(),
        completed_by: completed_by.into(),
        within_ms: 30_000,
    };
    let flows = [flow("orders", "baked"), flow("parcels", "posted")];
    world.parts.as_mut().unwrap().1.configure(&flows).unwrap();
    // Seen at 10 s.
    world.read("orders", 0, &[event(0, 1), event(1, 2), event(2, 3), event(3, 4)]);
    // At 20 s the first one is completed; its id comes before its cause is known, so that conversations merge.
    world.read("bakery", 0, &[effect(0, 11, 1)]);
    // At 30 s the second and the third have failed.
    let dead = |offset, origin| failed(offset, FailureKind::DeadLetter, ("orders", 0, origin));
    world.read("orders.dlt", 0, &[dead(0, 1), dead(1, 2)]);
    // At 40 s the third is completed all the same.
    world.read("bakery", 0, &[effect(1, 13, 3)]);
    // At 50 s the last one begins.
    world.read("orders", 0, &[event(4, 5)]);
    world.commit();
    let any = |flow: &str| [Cell::Text(flow.into()), Cell::Null, Cell::Null];
    let cases = BusinessCase::from_table(&world.answer(&query::ask::BUSINESS_CASES, &any("orders"))).unwrap();
    let told: Vec<_> = cases
        .iter()
        .map(|case| (case.coordinates.as_str(), case.state.as_str(), case.took_ms, case.consumer_group.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("orders/0/0", "completed", Some(10_000), None),
            ("orders/0/1", "failed", Some(20_000), Some("kitchen")),
            ("orders/0/2", "completed", Some(30_000), None),
            ("orders/0/3", "stuck", None, None),
            ("orders/0/4", "open", None, None),
        ]
    );
    let all = BusinessRow::from_table(&world.answer(&query::ask::BUSINESS, &[Cell::Null, Cell::Null, Cell::Null]));
    let all = all.unwrap();
    let orders = &all[0];
    assert_eq!((orders.flow.as_str(), all[1].flow.as_str()), ("orders", "parcels"));
    assert_eq!((orders.started, orders.completed, orders.failed, orders.stuck, orders.open), (5, 2, 1, 1, 1));
    assert_eq!((orders.completed_share, orders.p50_ms, orders.coverage), (Some(0.4), Some(20_000.0), Some(1.0)));
    assert_eq!((all[1].completed, all[1].failed, all[1].stuck), (0, 2, 2), "in the same conversations");
    let since = [Cell::Text("orders".into()), Cell::Time(T0 + 60 * SECOND), Cell::Null];
    let none = BusinessRow::from_table(&world.answer(&query::ask::BUSINESS, &since)).unwrap();
    assert_eq!((none.len(), none[0].started, none[0].completed_share), (1, 0, None));
    let named = BusinessFlowRow::from_table(&world.answer(&query::ask::BUSINESS_FLOWS, &[])).unwrap();
    assert_eq!((named[0].flow.as_str(), named[0].unit_topic.as_deref()), ("orders", Some("orders")));
    let flows = FlowRow::from_table(&world.answer(&query::ask::FLOWS, &[])).unwrap();
    let flow = flows.iter().find(|flow| flow.to_topic == "bakery").unwrap();
    assert_eq!((flow.from_topic.as_str(), flow.events, flow.p50_ms), ("orders", 2, 20_000.0));
}

/// Scenario: captures are imported, in two runs, and then again.
/// Guarantees: what they hold is counted once.
#[test]
fn an_import_is_counted_once() {
    let folder = Folder::new("counts-import");
    let db = folder.file("h.duckdb");
    let config = ImportConfig {
        db: db.clone(),
        cluster: "test".into(),
        business_flows: Vec::new(),
        lag_value: None,
        not_attending: Vec::new(),
        conventions: Vec::new(),
        registry: Default::default(),
        memory: 64 << 20,
        failure_text: Default::default(),
    };
    let captures = ["spring-retryable", "kafkajs-otel", "python-cloudevents"];
    let file = |name: &str, kind: &str| PathBuf::from(format!("tests/captures/{name}{kind}.ndjson"));
    let import = |names: &[&str]| {
        let files: Vec<PathBuf> = names.iter().flat_map(|name| [file(name, ".internal"), file(name, "")]).collect();
        headwater::tap::import(&config, &files).unwrap();
        let readers = Readers::open_file(&db, Settings::default()).unwrap();
        let reader = readers.reader().unwrap();
        assert_equal_to_a_recount(&reader, &committed(&reader), &format!("{names:?}"));
        totals(&reader)
    };
    let first = import(&captures[..1]);
    let all = import(&captures[1..]);
    assert!(first.received > 0 && first.received < all.received && all.passed > 0 && all.failed > 0, "{all:?}");
    assert_eq!(import(&captures), all);
}

/// What the groups have committed, as a view says it.
fn committed(reader: &Reader) -> Vec<String> {
    let progress = ask(reader, "SELECT consumer_group, topic, partition, committed_offset FROM progress");
    let row = |row: &Vec<Cell>| match row.as_slice() {
        [Cell::Text(group), Cell::Text(topic), Cell::Int(partition), Cell::Int(offset)] => {
            Some(format!("('{group}', '{topic}', {partition}, {offset})"))
        }
        _ => None,
    };
    progress.iter().filter_map(row).collect()
}

/// Scenario: the pizza company runs with a tap beside it.
/// Guarantees: what its database counts is what a recount gives.
#[test]
fn a_demo_is_counted_as_a_recount_counts_it() {
    for seed in [1, 2] {
        let folder = Folder::new(&format!("counts-demo-{seed}"));
        let keep = folder.file("demo.duckdb");
        let run_for = Some(Duration::from_secs(3));
        let options = DemoOptions { run_for, seed, keep: Some(keep.clone()), ..DemoOptions::default() };
        headwater::demo::run(&options, &mut Vec::new(), &AtomicBool::new(false)).unwrap();
        let readers = Readers::open_file(&keep, Settings::default()).unwrap();
        let reader = readers.reader().unwrap();
        let committed = committed(&reader);
        assert!(committed.len() > 10, "{committed:?}");
        assert_equal_to_a_recount(&reader, &committed, &format!("seed {seed}"));
        let business = answer(&reader, &query::ask::BUSINESS, &[Cell::Null, Cell::Null, Cell::Null]);
        let orders = BusinessRow::from_table(&business).unwrap().remove(0);
        let started = ask(&reader, "SELECT count(*) FROM event WHERE type = 'order.placed' AND topic = 'orders'");
        assert_eq!(started, [[Cell::Int(orders.started)]], "seed {seed}");
        assert_eq!(orders.started, orders.completed + orders.failed + orders.stuck + orders.open);
        assert!(orders.completed * 2 > orders.started, "{orders:?}");
        println!("seed {seed}: {:?} {orders:?}", totals(&reader));
    }
}
