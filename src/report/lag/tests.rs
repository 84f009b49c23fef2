use super::*;
use crate::event::Timestamp;
use crate::report::Style;
use crate::report::rows::{GroupLine, PartitionProgress, RewindLine, WaitingEvent, WaitingType};

const NOW: Timestamp = Timestamp(1_763_635_267_000_000);

fn look(style: &Style) -> Look<'_> {
    Look { style, now: NOW, reach: " --db small.duckdb" }
}

fn waiting(group: &str, records: i64, state: &str) -> LagRow {
    LagRow {
        consumer_group: group.to_owned(),
        topic: Some("loyalty".to_owned()),
        lag_offsets: Some(if records > 0 { records + 1 } else { 0 }),
        lag_records: Some(records),
        lag_ms: (records > 0).then_some(362_000),
        waiting_events: Some(records),
        state: state.to_owned(),
        worst_partition: Some(1),
        worst_committed_offset: Some(61),
        sampled_at: Timestamp(NOW.0 - 3_000_000),
        cluster: "kafka".to_owned(),
        waiting_conversations: Some(records / 2),
        oldest_ms: (records > 0).then_some(362_000),
        waiting_value: None,
        value_field: None,
        value_events: None,
        waiting_at_most: false,
        velocity: None,
        eta_ms: None,
        loses_data_in_ms: None,
        lost_offsets: 0,
        kind: "classic".to_owned(),
        members: Some(3),
        in_order: true,
        coordinates: (records > 0).then(|| "loyalty/1/61".to_owned()),
        partitions: 3,
        partitions_known: 3,
        resolution_ms: Some(5_000),
    }
}

/// One group in every state that a person meets.
fn company() -> Vec<LagRow> {
    let paid = |row: LagRow| LagRow {
        waiting_value: Some(8_120.5),
        value_field: Some("order_value".to_owned()),
        value_events: row.waiting_events.map(|n| n / 2),
        ..row
    };
    let unplaced = |group: &str, state: &str, kind: &str| LagRow {
        topic: None,
        lag_offsets: None,
        lag_records: None,
        lag_ms: None,
        waiting_events: None,
        waiting_conversations: None,
        worst_partition: None,
        worst_committed_offset: None,
        kind: kind.to_owned(),
        partitions: 0,
        partitions_known: 0,
        resolution_ms: None,
        coordinates: None,
        ..waiting(group, 0, state)
    };
    vec![
        waiting("delivery", 0, "stable"),
        LagRow {
            velocity: Some(4.25),
            eta_ms: Some(235_000),
            loses_data_in_ms: Some(7_200_000),
            ..paid(waiting("mailer", 1_000, "stable"))
        },
        waiting("loyalty", 398, "stuck"),
        LagRow { in_order: false, waiting_at_most: true, ..waiting("parallel", 12, "stuck") },
        LagRow { velocity: Some(0.0), lost_offsets: 17, ..waiting("slow", 40, "stalled") },
        waiting("again", 5, "rewound"),
        waiting("held", 2, "blocked_by_transaction"),
        waiting("nobody", 9, "empty"),
        LagRow { lag_records: Some(50), ..waiting("late", 20, "stable") },
        LagRow {
            worst_committed_offset: None,
            lag_offsets: None,
            lag_records: None,
            partitions_known: 1,
            ..waiting("new", 0, "never_committed")
        },
        LagRow {
            kind: "share".to_owned(),
            lag_offsets: None,
            lag_ms: None,
            lag_records: Some(7),
            waiting_events: None,
            waiting_conversations: None,
            in_order: false,
            coordinates: None,
            ..waiting("shared", 7, "no_offset_lag")
        },
        unplaced("secret\u{1b}[2J", "denied", "unknown"),
        unplaced("workers", "stable", "connect"),
        unplaced("watching", "never_committed", "classic"),
    ]
}

#[test]
fn lag_puts_trouble_first_and_says_what_to_do() {
    insta::assert_snapshot!(lag(&company(), &look(&Style::new(false, Some(160)))), @r#"
        group       topic    offsets  records      time  events  conversations  order_value  catches up            loses data   state
        loyalty     loyalty      399      398  6 m 02 s     398            199                                                  ✗ stuck: partition 1 at offset 61
        slow        loyalty       41       40  6 m 02 s      40             20               no, at 0.0/s          17 lost      ✗ stalled: partition 1 at offset 61
        parallel    loyalty       13       12  6 m 02 s    ≤ 12            ≤ 6                                                  ✗ stuck: partition 1 at offset 61
        again       loyalty        6        5  6 m 02 s       5              2                                                  ✗ rewound: partition 1 at offset 61
        held        loyalty        3        2  6 m 02 s       2              1                                                  ✗ blocked by transaction: partition 1…
        mailer      loyalty    1,001    1,000  6 m 02 s   1,000            500        8,121  in 3 m 55 s at 4.2/s  in 2 h 00 m  … stable
        late        loyalty       21       50  6 m 02 s      20             10                                                  … stable
        nobody      loyalty       10        9  6 m 02 s       9              4                                                  … empty
        delivery    loyalty        0        0         -                                                                         ✓ stable, caught up
        new         loyalty        ?        ?         -                                                                         ? never committed: partition 1
        secret�[2J  -                                                                                                           ? denied
        shared      loyalty                 7         -                                                                         • no offset lag
        watching    -                                                                                                           ? never committed
        workers     -                                                                                                           • stable, no offsets

        ✗ loyalty is stuck at loyalty/1/61 while it goes on elsewhere: possible poison, since it commits in order and all behind it waits
          headwater explain loyalty/1/61 --db small.duckdb
        ✗ slow on loyalty: 40 records wait and nothing was committed for a while; look at its 3 members
        ✗ 17 offsets of loyalty were deleted before slow passed them; keep the topic's records longer (retention.ms), or let the group catch up
        ✗ parallel is stuck at loyalty/1/61 while it goes on elsewhere
          headwater explain loyalty/1/61 --db small.duckdb
        ✗ again on loyalty went back to offset 61 on partition 1: what lies between is read again; passed counts it once
        ✗ held on loyalty: an open transaction holds back readers of committed records on partition 1; find it with kafka-transactions.sh find-hanging and abort it
        ! the oldest record that waits for mailer on loyalty may be deleted in 2 h 00 m; keep the topic's records longer (retention.ms), or let the group catch up
        ! nobody has no members: 9 records on loyalty wait until one starts
        ! new reads loyalty and never committed on 2 partitions (of 3): where it begins there is its own setting (auto.offset.reset)
        … and 1 more that want a look
        ? 1 group may not be read: secret�[2J; grant DESCRIBE on them, `headwater check` shows how

        sampled 3 s ago; commit times are known to 5.00 s, the time between two samples
        passed = consumed, as far as Kafka can show: committed beyond it
        time lag is looked up from the records themselves
        no work stands behind 6 waiting offsets: markers, aborted records, holes
        not seen by the tap: 30 waiting records, which events, conversations and values leave out
        order_value is summed up over the 500 of 1,486 waiting events that carry it
        ≤: the group finishes records out of order and does not say which: less may wait
        share groups acknowledge records one by one: records are those yet to be delivered
        next   headwater lag loyalty --db small.duckdb
        "#);
}

#[test]
fn a_narrow_terminal_keeps_what_matters() {
    let text = lag(&company(), &look(&Style::new(false, Some(80))));
    let table: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert!(table.iter().all(|line| style::width(line) <= 80), "{text}");
    insta::assert_snapshot!(table.join("\n"), @r#"
        group       topic    records      time  state
        loyalty     loyalty      398  6 m 02 s  ✗ stuck: partition 1 at offset 61
        slow        loyalty       40  6 m 02 s  ✗ stalled: partition 1 at offset 61
        parallel    loyalty       12  6 m 02 s  ✗ stuck: partition 1 at offset 61
        again       loyalty        5  6 m 02 s  ✗ rewound: partition 1 at offset 61
        held        loyalty        2  6 m 02 s  ✗ blocked by transaction: partition 1…
        mailer      loyalty    1,000  6 m 02 s  … stable
        late        loyalty       50  6 m 02 s  … stable
        nobody      loyalty        9  6 m 02 s  … empty
        delivery    loyalty        0         -  ✓ stable, caught up
        new         loyalty        ?         -  ? never committed: partition 1
        secret�[2J  -                           ? denied
        shared      loyalty        7         -  • no offset lag
        watching    -                           ? never committed
        workers     -                           • stable, no offsets
        "#);
}

#[test]
fn names_cannot_run_in_a_shell() {
    assert_eq!(advice::command("a.b-c_1", " --db x"), "headwater lag a.b-c_1 --db x");
    assert_eq!(advice::command("$(reboot) 'x'", " --db x"), r"headwater lag --db x -- '$(reboot) '\''x'\'''");
    assert_eq!(advice::command("-h", ""), "headwater lag -- '-h'");
    assert_eq!(advice::command("a\u{1b}", ""), "headwater lag -- 'a\u{fffd}'");
}

#[test]
fn clusters_are_named_where_there_are_several() {
    let rows = [waiting("a", 1, "stable"), LagRow { cluster: "eu".to_owned(), ..waiting("a", 2, "stable") }];
    let text = lag(&rows, &look(&Style::default()));
    assert!(text.contains("cluster") && text.contains(" eu ") && text.contains(" kafka "), "{text}");
    assert!(!lag(&rows[..1], &look(&Style::default())).contains("cluster"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is asked and what is said stand together")]
fn one_group_is_told_by_partition_type_and_event() {
    let cluster = || "kafka".to_owned();
    let partition = |partition: i64, at: i64, state: &str| PartitionProgress {
        cluster: cluster(),
        partition,
        committed_offset: Some(at),
        log_end_offset: Some(459),
        lag_offsets: Some(459 - at),
        lag_records: Some(459 - at),
        lag_ms: (at < 459).then_some(362_000),
        state: state.to_owned(),
        topic: "loyalty".to_owned(),
        stands_at: (at < 459).then_some(at),
        velocity: None,
        eta_ms: None,
        loses_data_in_ms: None,
        beyond: (at < 459).then(|| "70-75".to_owned()),
    };
    let event = |offset: i64| WaitingEvent {
        cluster: cluster(),
        coordinates: format!("loyalty/1/{offset}"),
        time: Timestamp(NOW.0 - 365_000_000),
        event_type: Some("points.requested".to_owned()),
        id: Some("p-1\u{1b}[2J".to_owned()),
        age_ms: 362_000,
        value: Some(12.5),
    };
    let answers = GroupAnswers {
        groups: &[GroupLine {
            cluster: "kafka".to_owned(),
            consumer_group: "loyalty".to_owned(),
            kind: "classic".to_owned(),
            phase: Some("stable".to_owned()),
            members: Some(3),
            denied: false,
        }],
        lag: &[LagRow {
            value_field: Some("order_value".to_owned()),
            value_events: Some(390),
            ..waiting("loyalty", 398, "stuck")
        }],
        partitions: &[partition(1, 61, "stuck"), partition(0, 459, "stable")],
        types: &[WaitingType {
            cluster: cluster(),
            topic: "loyalty".to_owned(),
            event_type: Some("points.requested".to_owned()),
            events: 398,
            conversations: 380,
            oldest_ms: 362_000,
            value: Some(4_870.25),
            value_field: Some("order_value".to_owned()),
            value_events: Some(390),
        }],
        waiting: &[event(61), event(62)],
        rewinds: &[RewindLine {
            cluster: cluster(),
            topic: "loyalty".to_owned(),
            partition: 1,
            from_offset: 90,
            to_offset: 60,
            not_after: Timestamp(NOW.0 - 600_000_000),
        }],
    };
    insta::assert_snapshot!(group("loyalty", &answers, &look(&Style::default())), @r#"
        loyalty · classic group · stable · 3 members · reads 1 topic

          partition  committed  log end  offsets  records      time  done beyond  state
          loyalty/1         61      459      398      398  6 m 02 s  70-75        ✗ stuck at offset 61
          loyalty/0        459      459        0        0         -               ✓ stable, caught up

          ✗ loyalty is stuck at loyalty/1/61 while it goes on elsewhere: possible poison, since it commits in order and all behind it waits
            headwater explain loyalty/1/61 --db small.duckdb

        what waits, by type
          events  type              topic    conversations  order_value  carried by    oldest
             398  points.requested  loyalty            380        4,870  390 of 398  6 m 02 s

        what waits, oldest first
            waited  event         type              order_value  time (UTC)               id
          6 m 02 s  loyalty/1/61  points.requested        12.50  2025-11-20 10:35:02.000  p-1�[2J
          6 m 02 s  loyalty/1/62  points.requested        12.50  2025-11-20 10:35:02.000  p-1�[2J
          … and 396 more; --json lists 2

        went back
          when      partition  from  to  read again
          10 m ago  loyalty/1    90  60  30 offsets

          sampled 3 s ago; commit times are known to 5.00 s, the time between two samples
          passed = consumed, as far as Kafka can show: committed beyond it
          time lag is looked up from the records themselves
          no work stands behind 1 waiting offset: markers, aborted records, holes
          order_value is summed up over the 390 of 398 waiting events that carry it
          next   headwater trace loyalty/1/61 --db small.duckdb
        "#);
}
