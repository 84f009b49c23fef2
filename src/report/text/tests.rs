use super::*;

const NOW: Timestamp = Timestamp(1_763_635_267_000_000);

fn look(style: &Style) -> Look<'_> {
    Look { style, now: NOW, reach: " --db small.duckdb" }
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
