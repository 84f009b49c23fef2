//! Lag as work, on databases written by hand through the store's own writer: which events wait, for whom, and what
//! `headwater lag` makes of it.

use crate::support::Folder;
use crate::support::program::run;
use headwater::event::{
    Attribute, AttributeRow, AttributeValue, Beyond, Changes, CoverageRow, EventRef, EventRow, GapReason, GroupKind,
    GroupPhase, GroupRow, Kind, Ordinal, PartitionRow, Profile, ProfileRow, ProgressMark, ProgressRow, ProgressState,
    Resolution, RewindRow, Timestamp, TopicClass, TopicPartition,
};
use headwater::report::Cell;
use headwater::store::{Limits, Reader, Retained, Settings, Writer};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 2025-11-20 10:41:07 UTC.
const START: i64 = 1_763_635_267_000_000;
const SECOND: i64 = 1_000_000;

fn partition(ordinal: u32, (cluster, topic, number): (&str, &str, i32), incarnation: i32) -> PartitionRow {
    let partition = Arc::new(TopicPartition {
        cluster: cluster.into(),
        topic: topic.into(),
        topic_id: [ordinal as u8; 16],
        partition: number,
    });
    PartitionRow { ordinal: Ordinal(ordinal), partition, incarnation, base: 0, class: TopicClass::Business }
}

/// One event a second on each partition; two neighbours are one conversation.
fn event(ordinal: u32, offset: i64) -> EventRow {
    let time = Timestamp(START + offset * SECOND);
    EventRow {
        reference: EventRef::new(Ordinal(ordinal), offset),
        time,
        record_time: time,
        seen_time: time,
        kind: Kind::Event,
        resolution: Resolution::Root,
        tombstone: false,
        profile: (offset % 2) as i32,
        producer: None,
        key_hash: Some(7),
        conversation: EventRef::new(Ordinal(ordinal), offset / 2 * 2),
        key_bytes: 1,
        value_bytes: 10,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}

fn profile(number: i32, event_type: &str) -> ProfileRow {
    ProfileRow { profile: number, content: Profile { kind: event_type.into(), ..Profile::default() } }
}

/// Sampled ten seconds behind the last of `end` events.
fn progress(group: &str, ordinal: u32, committed: Option<i64>, end: i64) -> ProgressRow {
    ProgressRow {
        committed_offset: committed,
        log_end_offset: end,
        lag_offsets: committed.map(|committed| end - committed),
        lag_records: committed.map(|committed| end - committed),
        lag_ms: committed.filter(|committed| *committed < end).map(|committed| (end + 10 - committed) * 1_000),
        state: if committed.is_some() { ProgressState::Stable } else { ProgressState::NeverCommitted },
        resolution_ms: 5_000,
        stands_at: committed.filter(|committed| *committed < end),
        ..ProgressRow::new(&group.into(), Ordinal(ordinal), Timestamp(START + (end + 10) * SECOND))
    }
}

fn group(cluster: &str, name: &str, kind: GroupKind, members: Option<u32>) -> GroupRow {
    GroupRow {
        cluster: cluster.into(),
        consumer_group: name.into(),
        kind,
        phase: members.map(|n| if n > 0 { GroupPhase::Stable } else { GroupPhase::Empty }),
        members,
        denied: members.is_none(),
        sampled_at: Timestamp(START),
    }
}

fn coverage(ordinal: u32, seen: i64) -> CoverageRow {
    let missing = [0; GapReason::ALL.len()];
    CoverageRow { ordinal: Ordinal(ordinal), first_offset: 0, next_offset: seen, log_start: 0, seen, missing }
}

/// Ten events on each of four partitions: two of `orders` here, one of a topic of the same name on another cluster, and
/// one of `orders` as it was before it was created anew.
fn base() -> Changes {
    let mut changes = Changes {
        partitions: vec![
            partition(1, ("main", "orders", 0), 1),
            partition(2, ("main", "orders", 1), 1),
            partition(3, ("east", "orders", 0), 0),
            partition(4, ("main", "orders", 0), 0),
        ],
        profiles: vec![profile(0, "order.placed"), profile(1, "order.paid")],
        coverage: (1..=4).map(|ordinal| coverage(ordinal, 10)).collect(),
        at: Timestamp(START + 20 * SECOND),
        ..Changes::default()
    };
    for ordinal in 1..=4 {
        (0..10).for_each(|offset| changes.events.push(&event(ordinal, offset)));
    }
    changes
}

fn amount(offset: i64, number: f64) -> AttributeRow {
    let attribute = Attribute { name: "order_value".into(), value: AttributeValue::Number(number) };
    AttributeRow { reference: EventRef::new(Ordinal(1), offset), attribute }
}

/// Groups of every kind, as far as the rows can tell.
fn company() -> Changes {
    let row = |beyond, row: ProgressRow| ProgressRow { beyond, ..row };
    let share = ProgressRow {
        lag_offsets: None,
        lag_ms: None,
        lag_records: Some(3),
        state: ProgressState::NoOffsetLag,
        ..progress("shared", 1, Some(4), 10)
    };
    let stuck = ProgressRow { state: ProgressState::Stuck, ..progress("kitchen", 1, Some(3), 10) };
    Changes {
        progress: vec![
            stuck,
            ProgressRow { velocity: Some(2.0), eta_ms: Some(500), ..progress("kitchen", 2, Some(9), 10) },
            progress("kitchen", 3, Some(8), 10),
            progress("kitchen", 4, Some(0), 10),
            row(
                Beyond::Done(vec![4..6, 8..10]),
                ProgressRow { lag_records: Some(4), ..progress("parallel", 1, Some(2), 10) },
            ),
            row(Beyond::Unknown, progress("riddle", 1, Some(6), 10)),
            share,
            progress("fresh", 2, None, 10),
            progress("done", 1, Some(10), 10),
        ],
        groups: vec![
            group("main", "kitchen", GroupKind::Classic, Some(2)),
            group("main", "shared", GroupKind::Share, Some(1)),
            group("main", "secret", GroupKind::Unknown, None),
            group("main", "watching", GroupKind::Consumer, Some(1)),
            group("main", "workers", GroupKind::Connect, Some(3)),
        ],
        rewinds: vec![RewindRow {
            consumer_group: "kitchen".into(),
            ordinal: Ordinal(1),
            from_offset: 6,
            to_offset: 3,
            at: Timestamp(START + 18 * SECOND),
            resolution_ms: 5_000,
        }],
        marks: vec![ProgressMark {
            consumer_group: "parallel".into(),
            ordinal: Ordinal(1),
            committed_offset: 2,
            at: Timestamp(START + 15 * SECOND),
            resolution_ms: 5_000,
        }],
        attributes: vec![amount(3, 10.5), amount(5, 4.0), amount(1, 99.0)],
        at: Timestamp(START + 21 * SECOND),
        ..Changes::default()
    }
}

fn filled(folder: &Folder) -> Writer {
    let (mut writer, _) = Writer::open(&folder.file("h.duckdb"), Settings::default()).unwrap();
    writer.append(base()).unwrap();
    writer.append(company()).unwrap();
    writer.sum_up(Some("order_value")).unwrap();
    writer
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => "-".to_owned(),
        Cell::Bool(b) => b.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Wide(n) => n.to_string(),
        Cell::Float(n) => n.to_string(),
        Cell::Time(us) => format!("{}s", (us - START) as f64 / SECOND as f64),
        Cell::Text(text) => text.clone(),
        Cell::List(_) => "[…]".to_owned(),
    }
}

fn asked(reader: &Reader, sql: &str) -> Vec<String> {
    let rows = reader.ask(sql, &[], Limits::default()).unwrap().table.rows;
    rows.iter().map(|row| row.iter().map(shown).collect::<Vec<_>>().join(" ")).collect()
}

/// Scenario: groups that read two clusters' topics of one name, a topic that was created anew, out of order, as a share
/// group, never, or not at all.
/// Guarantees: every group has a row; what waits is counted once, never for those who have passed it, and not at all where
/// that cannot be told.
#[test]
fn lag_is_work_and_leaves_nobody_out() {
    let folder = Folder::new("lag");
    let writer = filled(&folder);
    let reader = writer.readers().reader().unwrap();
    let lag = asked(
        &reader,
        "SELECT consumer_group, cluster, topic, state, lag_offsets, lag_records, waiting_events, waiting_conversations,
            oldest_ms, waiting_value, value_events, waiting_at_most, in_order, coordinates, partitions, partitions_known
         FROM lag() ORDER BY consumer_group, cluster DESC",
    );
    assert_eq!(
        lag,
        [
            "done main orders stable 0 0 0 0 - - 0 false true - 1 1",
            "fresh main orders never_committed - - 0 0 - - 0 false true - 1 0",
            // Of the topic as it was before nothing waits: 7 events here and 1 there.
            "kitchen main orders stuck 8 8 8 5 17000 14.5 2 false true orders/0/3 2 2",
            "kitchen east orders stable 2 2 2 1 12000 - 0 false true orders/0/8 1 1",
            // 2, 3, 6 and 7: 4, 5, 8 and 9 are done.
            "parallel main orders stable 8 4 4 2 18000 10.5 1 false false orders/0/2 1 1",
            "riddle main orders stable 4 4 4 2 14000 - 0 true false orders/0/6 1 1",
            "secret main - denied - - - - - - - false true - 0 0",
            "shared main orders no_offset_lag - 3 - - - - - false false - 1 0",
            "watching main - never_committed - - - - - - - false true - 0 0",
            "workers main - stable - - - - - - - false true - 0 0",
        ]
    );
    let paced = asked(&reader, "SELECT velocity, eta_ms, resolution_ms FROM lag() WHERE consumer_group = 'kitchen'");
    assert_eq!(paced, ["2 - 5000", "- - 5000"], "one that does not catch up holds back all");
}

/// Guarantees: the waiting events are those, the oldest first, and bounded; counts by type are of all of them.
#[test]
fn the_events_that_wait_are_listed() {
    let folder = Folder::new("lag");
    let writer = filled(&folder);
    let reader = writer.readers().reader().unwrap();
    let of = |call: &str| asked(&reader, &format!("SELECT coordinates, type, age_ms, value FROM waiting({call})"));
    assert_eq!(
        of("'parallel'"),
        [
            "orders/0/2 order.placed 18000 -",
            "orders/0/3 order.paid 17000 10.5",
            "orders/0/6 order.placed 14000 -",
            "orders/0/7 order.paid 13000 -",
        ]
    );
    assert_eq!(of("'kitchen', at_most := 1"), ["orders/0/3 order.paid 17000 10.5"]);
    assert_eq!(
        of("'kitchen', cluster := 'east'"),
        ["orders/0/8 order.placed 12000 -", "orders/0/9 order.paid 11000 -"]
    );
    for nothing in ["'kitchen', topic := 'other'", "'shared'", "'done'", "'fresh'", "'nobody'"] {
        assert_eq!(of(nothing), Vec::<String>::new(), "{nothing}");
    }
    assert_eq!(of("NULL").len(), 18, "of all groups");
    let types = asked(
        &reader,
        "SELECT cluster, topic, type, events, conversations, oldest_ms, value, value_field, value_events
         FROM waiting_types('kitchen')",
    );
    assert_eq!(
        types,
        [
            "main orders order.paid 5 5 17000 14.5 order_value 2",
            "main orders order.placed 3 3 16000 - order_value 0",
            "east orders order.paid 1 1 11000 - order_value 0",
            "east orders order.placed 1 1 12000 - order_value 0",
        ]
    );
}

/// Guarantees: an event that a group finished beyond its committed offset is passed; where that is not known, it says so.
#[test]
fn passage_knows_what_lies_beyond() {
    let folder = Folder::new("lag");
    let writer = filled(&folder);
    let reader = writer.readers().reader().unwrap();
    let of = |offset: i64| {
        let reference = EventRef::new(Ordinal(1), offset).0;
        asked(&reader, &format!("SELECT consumer_group || ' ' || state FROM passage({reference})"))
    };
    let fixed = |mut states: Vec<String>| {
        states.retain(|state| ["parallel", "riddle", "shared"].contains(&state.split(' ').next().unwrap()));
        states
    };
    assert_eq!(fixed(of(1)), ["parallel passed", "riddle passed", "shared passed"]);
    assert_eq!(fixed(of(3)), ["parallel not_reached", "riddle passed", "shared passed"]);
    assert_eq!(fixed(of(4)), ["parallel passed", "riddle passed", "shared unknown"]);
    assert_eq!(fixed(of(6)), ["parallel not_reached", "riddle unknown", "shared unknown"]);
    assert_eq!(fixed(of(9)), ["parallel passed", "riddle unknown", "shared unknown"]);
    let reference = EventRef::new(Ordinal(1), 4).0;
    let bracket = format!("SELECT not_before, not_after FROM passage({reference}) WHERE consumer_group = 'parallel'");
    assert_eq!(asked(&reader, &bracket), ["- 20s"], "the last sample shows that it was done");
}

/// Guarantees: rewinds are told with their bracket, and go with the marks when their time has come.
#[test]
fn rewinds_are_told_and_forgotten() {
    let folder = Folder::new("lag");
    let mut writer = filled(&folder);
    let reader = writer.readers().reader().unwrap();
    let told =
        "SELECT cluster, consumer_group, coordinates, from_offset, to_offset, offsets, not_before, not_after FROM ";
    assert_eq!(asked(&reader, &format!("{told} rewinds()")), ["main kitchen orders/0/3 6 3 3 13s 18s"]);
    assert!(asked(&reader, &format!("{told} rewinds(since := '2025-11-21')")).is_empty());
    drop(reader);
    writer.keep(headwater::event::Retention {
        marks: Some(Duration::from_secs(60)),
        ..headwater::event::Retention::default()
    });
    let later = Timestamp(START + 3_600 * SECOND);
    let rounds = (0..100).find(|_| writer.retain(later).unwrap() == Retained::Deleted);
    assert!(rounds.is_some(), "something was old enough");
    (0..100).for_each(|_| {
        writer.retain(later).unwrap();
    });
    let reader = writer.readers().reader().unwrap();
    assert!(asked(&reader, "FROM rewinds()").is_empty());
    assert_eq!(asked(&reader, "SELECT count(*) FROM waiting('kitchen')"), ["10"], "nothing else went");
}

/// A database on disk for the real program.
fn closed(folder: &Folder) {
    let mut changes = company();
    changes.groups.push(group("main", "odd\u{1b}[2J'; x", GroupKind::Classic, Some(1)));
    changes.progress.push(progress("odd\u{1b}[2J'; x", 2, Some(8), 10));
    let (mut writer, _) = Writer::open(&folder.file("h.duckdb"), Settings::default()).unwrap();
    writer.append(base()).unwrap();
    writer.append(changes).unwrap();
    writer.sum_up(Some("order_value")).unwrap();
    writer.close().unwrap();
}

fn ask(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = run(folder, &[args, &["--db", "h.duckdb"]].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, errors) = (text(output.stdout), text(output.stderr));
    for said in [&out, &errors] {
        assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{args:?}: {said:?}");
    }
    let ago = regex::Regex::new(r"\d+ d ago").unwrap();
    (output.status.code().unwrap(), ago.replace_all(&out, "… d ago").into_owned(), errors)
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let (code, out, errors) = ask(folder, &[args, &["--json"]].concat());
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str(&out).unwrap()
}

/// Scenario: the real program on such a database.
/// Guarantees: names cannot move a cursor; clusters are named where there are several.
#[test]
fn the_command_tells_one_group_and_all() {
    let folder = Folder::new("lag");
    closed(&folder);
    let (code, all, _) = ask(folder.path(), &["lag"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(all, @r#"
        group        cluster  topic   records    time  events  order_value  catches up    state
        kitchen      main     orders        8  17.0 s       8        14.50  no, at 2.0/s  ✗ stuck: partition 0 at offset 3
        parallel     main     orders        4  18.0 s       4        10.50                … stable
        riddle       main     orders        4  14.0 s     ≤ 4                             … stable
        kitchen      east     orders        2  12.0 s       2                             … stable
        odd�[2J'; x  main     orders        2  12.0 s       2                             … stable
        done         main     orders        0       -                                     ✓ stable, caught up
        fresh        main     orders        ?       -                                     ? never committed: partition 1
        secret       main     -                                                           ? denied
        shared       main     orders        3       -                                     • no offset lag
        watching     main     -                                                           ? never committed
        workers      main     -                                                           • stable, no offsets

        ✗ kitchen is stuck at orders/0/3 while it goes on elsewhere: possible poison, since it commits in order and all behind it waits
          headwater explain orders/0/3 --db h.duckdb
        ! fresh reads orders and never committed on 1 partition (of 1): where it begins there is its own setting (auto.offset.reset)
        ! watching has members, and committed nothing that can be seen
        ? 1 group may not be read: secret; grant DESCRIBE on them, `headwater check` shows how

        sampled … d ago; commit times are known to 5.00 s, the time between two samples
        passed = consumed, as far as Kafka can show: committed beyond it
        time lag is looked up from the records themselves
        order_value is summed up over the 3 of 20 waiting events that carry it
        ≤: the group finishes records out of order and does not say which: less may wait
        share groups acknowledge records one by one: records are those yet to be delivered
        next   headwater lag kitchen --db h.duckdb
        "#);
    let (code, kitchen, _) = ask(folder.path(), &["lag", "kitchen", "--topic", "orders"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(kitchen, @r#"
        kitchen · classic group · stable · 2 members · reads 2 topics

          cluster  partition  committed  log end  offsets  records    time  catches up          state
          main     orders/0           3       10        7        7  17.0 s                      ✗ stuck at offset 3
          east     orders/0           8       10        2        2  12.0 s                      … stable
          main     orders/1           9       10        1        1  11.0 s  in 0.50 s at 2.0/s  … stable

          ✗ kitchen is stuck at orders/0/3 while it goes on elsewhere: possible poison, since it commits in order and all behind it waits
            headwater explain orders/0/3 --db h.duckdb

        what waits, by type
          events  type          cluster  topic   conversations  order_value  carried by  oldest
               5  order.paid    main     orders              5        14.50  2 of 5      17.0 s
               3  order.placed  main     orders              3               0 of 3      16.0 s
               1  order.paid    east     orders              1               0 of 1      11.0 s
               1  order.placed  east     orders              1               0 of 1      12.0 s

        what waits, oldest first
          waited  cluster  event       type          order_value  time (UTC)
          17.0 s  main     orders/0/3  order.paid          10.50  2025-11-20 10:41:10.000
          16.0 s  main     orders/0/4  order.placed               2025-11-20 10:41:11.000
          15.0 s  main     orders/0/5  order.paid              4  2025-11-20 10:41:12.000
          14.0 s  main     orders/0/6  order.placed               2025-11-20 10:41:13.000
          13.0 s  main     orders/0/7  order.paid                 2025-11-20 10:41:14.000
          12.0 s  main     orders/0/8  order.placed               2025-11-20 10:41:15.000
          12.0 s  east     orders/0/8  order.placed               2025-11-20 10:41:15.000
          11.0 s  main     orders/0/9  order.paid                 2025-11-20 10:41:16.000
          11.0 s  main     orders/1/9  order.paid                 2025-11-20 10:41:16.000
          11.0 s  east     orders/0/9  order.paid                 2025-11-20 10:41:16.000

        went back
          when       cluster  partition  from  to  read again
          … d ago  main     orders/0      6   3  3 offsets

          sampled … d ago; commit times are known to 5.00 s, the time between two samples
          passed = consumed, as far as Kafka can show: committed beyond it
          time lag is looked up from the records themselves
          order_value is summed up over the 2 of 10 waiting events that carry it
          next   headwater trace orders/0/3 --db h.duckdb
        "#);
}

/// Scenario: the same, for programs and for who mistypes.
/// Guarantees: JSON carries coordinates, limits and names as text; whoever asks for a group that is not there is told what
/// is near.
#[test]
fn programs_get_all_of_it_and_mistakes_are_named() {
    let folder = Folder::new("lag");
    closed(&folder);
    let lag = json(folder.path(), &["lag"]);
    assert_eq!(lag["lag"].as_array().unwrap().len(), 11);
    assert_eq!(lag["lag"][0]["coordinates"], "orders/0/3");
    let one = json(folder.path(), &["lag", "parallel"]);
    assert_eq!(one["waiting"].as_array().unwrap().len(), 4);
    assert_eq!(one["waiting_limit"], 1_000);
    assert_eq!(one["waiting"][0]["coordinates"], "orders/0/2");
    assert!(one["waiting"][0]["ref"].is_string() && one["waiting"][0]["key_hash"].is_string());
    assert_eq!(one["partitions"][0]["beyond"], "4-6,8-10");
    assert_eq!(json(folder.path(), &["lag", "kitchen"])["rewinds"][0]["coordinates"], "orders/0/3");
    let (code, _, errors) = ask(folder.path(), &["lag", "kitchn"]);
    assert_eq!(
        (code, errors.as_str()),
        (1, "headwater: lag: no group `kitchn` was seen; is one of these meant? kitchen\n")
    );
    let (code, _, errors) = ask(folder.path(), &["lag", "kitchen", "--topic", "nothing"]);
    assert!(code == 1 && errors.contains("without --topic"), "{errors}");
    let (code, odd, errors) = ask(folder.path(), &["lag", "odd\u{1b}[2J'; x"]);
    assert!(code == 0 && odd.contains("odd\u{fffd}[2J'; x"), "{odd} {errors}");
}

/// Guarantees: a million waiting events are counted while somebody looks on; the figure is printed.
#[test]
fn a_million_waiting_events_are_counted_at_once() {
    const EVENTS: i64 = 1_000_000;
    const PART: i64 = 100_000;
    let folder = Folder::new("lag-million");
    let (mut writer, _) = Writer::open(&folder.file("h.duckdb"), Settings::default()).unwrap();
    let mut first = Changes {
        partitions: vec![partition(1, ("main", "orders", 0), 0)],
        profiles: vec![profile(0, "order.placed"), profile(1, "order.paid")],
        progress: vec![progress("slow", 1, Some(0), EVENTS)],
        at: Timestamp(START),
        ..Changes::default()
    };
    for part in 0..EVENTS / PART {
        (part * PART..(part + 1) * PART).for_each(|offset| first.events.push(&event(1, offset)));
        first.coverage = vec![coverage(1, (part + 1) * PART)];
        first.at = Timestamp(START);
        writer.append(std::mem::take(&mut first)).unwrap();
    }
    let reader = writer.readers().reader().unwrap();
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        let counted = asked(&reader, "SELECT waiting_events, waiting_conversations FROM lag()");
        assert_eq!(counted, ["1000000 500000"]);
        best = best.min(began.elapsed());
    }
    let began = Instant::now();
    assert_eq!(asked(&reader, "SELECT count(*) FROM waiting('slow')"), ["1000"]);
    let listed = began.elapsed();
    println!("lag() over {EVENTS} waiting events: {best:?}; the oldest 1000 of them: {listed:?}");
    assert!(best < Duration::from_secs(10), "{best:?}");
}
