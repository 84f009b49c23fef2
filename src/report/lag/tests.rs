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
    insta::assert_snapshot!(lag(&company(), &look(&Style::new(false, Some(160)))), @"");
}

#[test]
fn a_narrow_terminal_keeps_what_matters() {
    let text = lag(&company(), &look(&Style::new(false, Some(80))));
    let table: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert!(table.iter().all(|line| style::width(line) <= 80), "{text}");
    insta::assert_snapshot!(table.join("\n"), @"");
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
fn one_group_is_told_by_partition_type_and_event() {
    let partition = |partition: i64, at: i64, state: &str| PartitionProgress {
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
            topic: "loyalty".to_owned(),
            partition: 1,
            from_offset: 90,
            to_offset: 60,
            not_after: Timestamp(NOW.0 - 600_000_000),
        }],
    };
    insta::assert_snapshot!(group("loyalty", &answers, &look(&Style::default())), @"");
}
