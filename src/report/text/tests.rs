use super::*;

const NOW: Timestamp = Timestamp(1_763_635_267_000_000);

fn look(style: &Style) -> Look<'_> {
    Look { style, now: NOW, reach: " --db small.duckdb" }
}

fn group(name: &str, failures: i64, dead: i64, class: Option<&str>) -> FailureGroup {
    FailureGroup {
        failures,
        last_time: Timestamp(NOW.0 - 12_000_000),
        consumer_group: Some(name.to_owned()),
        error_class: class.map(str::to_owned),
        error_message: Some("no account for customer <n>".to_owned()),
        origin_topic: Some("loyalty".to_owned()),
        root_type: Some("order.placed".to_owned()),
        dead,
        retrying: 0,
        healed: failures - dead,
        orphaned: 0,
        unattended: dead,
        sample: "loyalty.dlt/0/12".to_owned(),
        trend: vec![0; 12],
    }
}

fn coverage() -> Vec<CoverageLine> {
    vec![CoverageLine {
        cluster: "kafka".to_owned(),
        topic: "orders".to_owned(),
        partition: 0,
        reason: None,
        first_offset: 0,
        next_offset: 100,
        seen: Some(100),
        missing: None,
    }]
}

#[test]
fn failures_stand_by_count_with_group_error_and_source() {
    let mut lost = group("delivery", 4, 4, Some("java.lang.NullPointerException"));
    lost.root_type = None;
    lost.orphaned = 4;
    lost.error_message = Some("\u{1b}[31m 住所がありません".to_owned());
    let groups = [lost, group("loyalty", 31, 31, Some("com.pizza.AccountMissing")), group("mailer", 9, 0, None)];
    insta::assert_snapshot!(failures(&groups, "last 1 h", &coverage(), &look(&Style::default())), @r#"
        last 1 h · 44 failures of 3 kinds · 4 orphaned · 35 unattended · coverage 100 %

          count  last      group     what                                          from          state
             31  12 s ago  loyalty   AccountMissing: no account for customer <n>   order.placed  ✗ 31 dead
              4  12 s ago  delivery  NullPointerException: �[31m 住所がありません  ? orphaned    ✗ 4 dead, ? 4 orphaned
              9  12 s ago  mailer    no account for customer <n>                   order.placed  ✓ 9 healed

          seen   100 % of offsets in 1 partition of 1 topic
                 only failures that left a record are counted: a lower bound
          next   headwater trace loyalty.dlt/0/12 --db small.duckdb
        "#);
}

#[test]
fn several_matches_are_listed() {
    let found = |offset: i64, conversation: i64| Match {
        reference: offset,
        coordinates: format!("orders/2/{offset}"),
        time: NOW,
        kind: "dead_letter".to_owned(),
        event_type: None,
        conversation,
        matched: "correlation_id".to_owned(),
    };
    insta::assert_snapshot!(matches("4711\u{1b}[2J", &[found(881, 1), found(9, 2)], &look(&Style::default())), @r#"
        `4711�[2J` is carried by 2 events of 2 conversations:

          time (UTC)               event         kind         type  matched by
          2025-11-20 10:41:07.000  orders/2/881  dead letter  -     correlation id
          2025-11-20 10:41:07.000  orders/2/9    dead letter  -     correlation id

          next   headwater trace orders/2/881 --db small.duckdb
        "#);
}

#[test]
fn an_empty_answer_explains_itself() {
    insta::assert_snapshot!(nothing("no event `4711` was found", "look for its key: headwater trace key:4711", &coverage()), @r#"
        no event `4711` was found
          the database holds 100 records; seen: 100 % of offsets in 1 partition of 1 topic
          look for its key: headwater trace key:4711
        "#);
    assert!(nothing("x", "y", &[]).contains("holds no records"));
}

#[test]
fn colour_only_adds() {
    let groups = [group("loyalty", 31, 31, None)];
    let plain = failures(&groups, "all", &coverage(), &look(&Style::default()));
    let painted = failures(&groups, "all", &coverage(), &look(&Style::new(true, Some(120))));
    assert!(painted.contains("\u{1b}[31m") && painted != plain);
    let bare = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap().replace_all(&painted, "").into_owned();
    assert_eq!(bare, plain);
}
