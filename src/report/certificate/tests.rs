use super::*;
use crate::event::FieldStory;
use crate::report::Style;
use crate::report::conversation::tests::{edge, failure, node};
use crate::report::rows::TraceNode;

/// A record that says these fields in headers of the same names.
fn record(coordinates: &str, fields: &[(&str, &str)]) -> Witness {
    let story = |(field, value): &(&str, &str)| FieldStory {
        field: (*field).to_owned(),
        value: Some((*value).to_owned()),
        because: (*field == "root").then(|| "it names itself as its cause".to_owned()),
        from: Some(Finding {
            place: format!("header {field}"),
            convention: "house".to_owned(),
            raw: (*value).to_owned(),
            hex: value.bytes().map(|byte| format!("{byte:02x}")).collect(),
            reads_as: Some((*value).to_owned()),
            ..Finding::default()
        }),
        ..FieldStory::default()
    };
    let explanation = Explanation { fields: fields.iter().map(story).collect(), ..Explanation::default() };
    Witness { coordinates: coordinates.to_owned(), explanation: Some(explanation), ..Witness::default() }
}

fn case(event: TraceNode, own: Witness) -> Case {
    let verdict = Verdict { event, causes: Vec::new(), failure: None, passage: Vec::new(), conversation_events: 2 };
    Case { verdict, own, causes: Vec::new(), healed_by: None, found_since: Vec::new(), barrier: Vec::new(), seen: None }
}

fn caused(own: Witness, cause: Witness, evidence: &str) -> Case {
    let mut case = case(node(2, "order.confirmed", "caused", 210), own);
    case.verdict.causes = vec![(edge(1, 2, evidence), None)];
    case.causes = vec![cause];
    case
}

fn ends(next: i64) -> Vec<BarrierEnd> {
    let end = |(partition, end_offset, next): (i64, i64, i64)| BarrierEnd {
        sampled_at: Some(Timestamp(2_000_000)),
        passed_at: Timestamp(3_000_000),
        cluster: "kafka".to_owned(),
        topic: "orders".to_owned(),
        partition,
        end_offset,
        next_offset: Some(next),
    };
    vec![end((0, 10, next)), end((1, 7, 7))]
}

#[test]
fn an_edge_is_confirmed_by_the_bytes_of_both_records() {
    let own = record("orders/0/2", &[("causation", "4f-a")]);
    let certificate = Certificate::of(&caused(own, record("orders/0/1", &[("id", "4F-A")]), "causation_id"), "bytes");
    assert_eq!(certificate.checked, Checked::Confirmed);
    insta::assert_snapshot!(render(&certificate, " --db x.duckdb", &Style::default()), @r"
        orders/0/2  caused · bytes

          1  orders/0/1 caused it: causation id (declared)   ✓ confirmed
             orders/0/2  header causation (house)  `4f-a`
               34662d61
             orders/0/1  header id (house)  `4F-A`
               34462d41

          ✓ confirmed  1 of 1 claim checked against the bytes, and they say so
          next headwater explain orders/0/2 --db x.duckdb
        ");
}

#[test]
fn bytes_that_say_otherwise_refute_it() {
    let own = || record("orders/0/2", &[("causation", "a")]);
    for (own, cause) in [
        (own(), record("orders/0/1", &[("id", "b")])),
        (own(), record("orders/0/1", &[("type", "b")])),
        (record("orders/0/2", &[("id", "z")]), record("orders/0/1", &[("id", "a")])),
    ] {
        let certificate = Certificate::of(&caused(own, cause, "causation_id"), "bytes");
        assert_eq!(certificate.checked, Checked::NotConfirmed, "{certificate:?}");
    }
    let letter = record("orders.dlt/0/2", &[("origin", "orders/0/7")]);
    let certificate = Certificate::of(&caused(letter, record("orders/0/1", &[]), "failure_coordinates"), "bytes");
    assert_eq!(certificate.checked, Checked::NotConfirmed);
    assert!(certificate.claims[0].because.as_ref().unwrap().contains("it names orders/0/7"));
}

#[test]
fn without_bytes_nothing_is_confirmed() {
    let stored = |coordinates: &str, column: &str| Witness {
        coordinates: coordinates.to_owned(),
        stored: [(column.to_owned(), "a".to_owned())].into(),
        ..Witness::default()
    };
    let case = caused(stored("orders/0/2", "causation_id"), stored("orders/0/1", "id"), "causation_id");
    let certificate = Certificate::of(&case, "the database");
    assert_eq!(certificate.checked, Checked::NotChecked);
    assert_eq!(certificate.claims[0].exhibits[0].place, "database, event.causation_id");
}

#[test]
fn an_orphan_is_proved_by_the_barrier_that_was_read_past() {
    let orphan = || {
        let event = TraceNode { orphan_reason: Some("never_seen".to_owned()), ..node(2, "mail.sent", "orphaned", 0) };
        case(event, record("orders/0/2", &[("causation", "gone")]))
    };
    let proved = Case { barrier: ends(10), seen: Some(Timestamp(1_000_000)), ..orphan() };
    let certificate = Certificate::of(&proved, "bytes");
    assert_eq!(certificate.checked, Checked::Confirmed);
    insta::assert_snapshot!(render(&certificate, "", &Style::default()), @r"
        orders/0/2  orphaned: never seen · bytes

          1  it names a cause `gone`   ✓ confirmed
             orders/0/2  header causation (house)  `gone`
               676f6e65

          2  no such cause is there: a barrier was read past   ✓ confirmed
             orders/0  barrier  `stable end 10, read to 10`
             orders/1  barrier  `stable end 7, read to 7`
             it was read at 1970-01-01T00:00:01Z; the stable ends of 2 partitions were sampled from 1970-01-01T00:00:02Z on,
             and had been read past by 1970-01-01T00:00:03Z

          ✓ confirmed  2 of 2 claims checked against the bytes, and they say so
          next headwater explain orders/0/2
        ");
    let early = Case { seen: Some(Timestamp(2_500_000)), ..proved.clone() };
    let behind = Case { barrier: ends(9), ..proved.clone() };
    let found = Case { found_since: vec!["orders/1/3".to_owned()], ..proved };
    for refuted in [early, behind, found] {
        let certificate = Certificate::of(&refuted, "bytes");
        assert_eq!(certificate.checked, Checked::NotConfirmed, "{certificate:?}");
    }
    let unkept = Certificate::of(&orphan(), "bytes");
    assert_eq!(unkept.claims[1].checked, Checked::NotChecked, "no barrier was kept");
}

#[test]
fn a_root_says_so_itself() {
    let root = case(node(1, "order.placed", "root", 0), record("orders/0/1", &[("id", "a"), ("root", "a")]));
    assert_eq!(Certificate::of(&root, "bytes").checked, Checked::Confirmed);
    let other = case(node(1, "order.placed", "root", 0), record("orders/0/1", &[("id", "a")]));
    assert_eq!(Certificate::of(&other, "bytes").checked, Checked::NotConfirmed);
}

#[test]
fn the_group_of_a_failure_is_compared_where_the_record_names_it() {
    let mut dead = case(node(12, "points", "unlinked", 0), record("loyalty.dlt/0/12", &[("group", "loyalty")]));
    dead.verdict.failure = Some(failure(12, "dead_letter", "dead", None));
    let group =
        |case: &Case| Certificate::of(case, "bytes").claims.into_iter().find(|claim| claim.says.contains("group"));
    assert_eq!(group(&dead).unwrap().checked, Checked::Confirmed);
    dead.own = record("loyalty.dlt/0/12", &[("group", "billing")]);
    assert_eq!(group(&dead).unwrap().checked, Checked::NotConfirmed);
}
