//! Verdicts over rows made by hand.

use super::*;
use crate::event::Timestamp;
use crate::report::Style;
use crate::report::text::Look;
use crate::report::{Cell, Column, ColumnType, Table};

/// A row of which only these columns say something.
fn row(cells: &[(&str, Cell)]) -> AuditRow {
    let columns = AuditRow::COLUMNS;
    let column = |name: &&str| Column { name: (*name).to_owned(), kind: ColumnType::Text };
    let cell = |name: &&str| cells.iter().find(|(own, _)| own == name).map_or(Cell::Null, |(_, cell)| cell.clone());
    let table = Table { columns: columns.iter().map(column).collect(), rows: vec![columns.iter().map(cell).collect()] };
    AuditRow::from_table(&table).unwrap().remove(0)
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn list(texts: &[&str]) -> Cell {
    Cell::List(texts.iter().map(|one| text(one)).collect())
}

/// A hop with so many effects: kept, restarted, lost, and of untraced causes.
fn hop((from, to): (&str, &str), counts: [i64; 4], groups: &[&str]) -> Vec<(&'static str, Cell)> {
    let [kept, restarted, lost, untraced] = counts.map(Cell::Int);
    vec![
        ("subject", text("hop")),
        ("from_topic", text(from)),
        ("to_topic", text(to)),
        ("evidence", text("causation_id")),
        ("events", Cell::Int(counts.iter().sum())),
        ("trace_kept", kept),
        ("trace_restarted", restarted),
        ("trace_lost", lost),
        ("cause_untraced", untraced),
        ("consumer_groups", list(groups)),
        ("sample", text(&format!("{to}/0/9"))),
    ]
}

fn shown(rows: &[AuditRow]) -> Vec<String> {
    let audit = Audit { rows, window: "" };
    let sentence = |verdict: &Verdict<'_>| format!("{} [{:?}]", super::text::sentence(verdict), verdict.sees);
    verdicts(&audit).iter().map(sentence).collect()
}

#[test]
fn the_worst_hop_comes_first_and_types_are_one_hop() {
    let rows = [
        row(&hop(("orders", "mails"), [0, 2, 0, 0], &["mail-svc"])),
        row(&hop(("orders", "payments"), [1, 40, 0, 9], &["payment-svc"])),
        row(&hop(("orders", "payments"), [0, 3, 0, 0], &["payment-svc"])),
        row(&hop(("orders", "audit"), [7, 0, 0, 3], &["audit-svc"])),
    ];
    assert_eq!(
        shown(&rows),
        [
            "orders → payments: 43 of 44 start a new trace, by payment-svc [None]",
            "orders → mails: 2 of 2 start a new trace, by mail-svc [None]",
        ]
    );
}

#[test]
fn groups_are_narrowed_by_a_word_in_common() {
    let groups = ["kitchen-svc", "payment-svc"];
    let named = row(&hop(("orders", "payments"), [0, 5, 0, 0], &groups));
    let mut by_source = hop(("orders", "out"), [0, 4, 0, 0], &groups);
    by_source.push(("source", text("/shop/kitchen")));
    let several = row(&hop(("orders", "things"), [0, 3, 0, 0], &groups));
    let nobody = row(&hop(("orders", "ghosts"), [0, 2, 0, 0], &[]));
    assert_eq!(
        shown(&[named, row(&by_source), several, nobody]),
        [
            "orders → payments: 5 of 5 start a new trace, by payment-svc (by its name) [None]",
            "orders → out: 4 of 4 start a new trace, by kitchen-svc (by its name) [None]",
            "orders → things: 3 of 3 start a new trace, by one of kitchen-svc, payment-svc [None]",
            "orders → ghosts: 2 of 2 start a new trace, by a group that was not seen [None]",
        ]
    );
}

#[test]
fn what_a_new_trace_was_begun_for() {
    let with = |to: &str, counts: [i64; 4], more: &[(&'static str, i64)]| {
        let mut cells = hop(("orders", to), counts, &[to]);
        cells.extend(more.iter().map(|(name, n)| (*name, Cell::Int(*n))));
        row(&cells)
    };
    let sees = |rows: &[AuditRow]| verdicts(&Audit { rows, window: "" })[0].sees;
    assert_eq!(sees(&[with("a", [0, 100, 0, 0], &[("batched", 80)])]), Some(Sees::Batch));
    assert_eq!(sees(&[with("a", [0, 100, 0, 0], &[("batched", 3)])]), None, "two that share by chance make no batch");
    assert_eq!(sees(&[with("a", [0, 100, 0, 0], &[("handled_together", 60)])]), Some(Sees::Record));
    assert_eq!(sees(&[with("a", [0, 1, 99, 0], &[])]), Some(Sees::None));
    let two = |to: &str| row(&hop(("orders", to), [0, 50, 0, 0], &["svc"]));
    assert_eq!(sees(&[two("a"), two("b")]), Some(Sees::Send), "one group, two topics, and no trace in common");
}

#[test]
fn a_group_that_appends_headers_is_known_by_it_elsewhere() {
    let mut retry = hop(("orders", "orders.retry"), [0, 5, 0, 0], &["svc"]);
    retry.push(("appended", Cell::Int(5)));
    let mut paid = hop(("orders", "payments"), [0, 50, 0, 0], &["svc"]);
    paid.push(("handled_together", Cell::Int(50)));
    let rows = [row(&paid), row(&retry)];
    let found = verdicts(&Audit { rows: &rows, window: "" });
    assert!(found[0].fixes.iter().all(|fix| fix.appends) && found[0].fixes.len() > 1, "{:?}", found[0].fixes);
}

#[test]
fn an_answer_without_hops_says_why_and_hostile_names_stay_names() {
    let topic = |name: &str| {
        row(&[
            ("subject", text("topic")),
            ("to_topic", text(name)),
            ("to_type", text("Placed\u{1b}[31m")),
            ("events", Cell::Int(10)),
            ("traced", Cell::Int(6)),
            ("malformed_traces", Cell::Int(3)),
            ("with_id", Cell::Int(10)),
            ("reused_ids", Cell::Int(2)),
            ("naming_cause", Cell::Int(4)),
            ("orphaned", Cell::Int(4)),
            ("orphan_reason", text("never_seen")),
            ("without_cause", Cell::Int(6)),
            ("incomplete", Cell::Int(5)),
            ("missing_fields", list(&["type", "version"])),
        ])
    };
    let window = row(&[
        ("subject", text("window")),
        ("events", Cell::Int(1_000_000)),
        ("first_time", Cell::Time(0)),
        ("last_time", Cell::Time(60_000_000)),
        ("left_out", Cell::Int(5_000_000)),
    ]);
    let rows = [window, topic("orders")];
    let style = Style::new(false, Some(100));
    let look = Look { style: &style, now: Timestamp(0), reach: " --db x.duckdb" };
    let told = super::text(&Audit { rows: &rows, window: "since 2h" }, &look);
    insta::assert_snapshot!(told, @r#"
    the newest 1,000,000 events since 2h, seen 1970-01-01 00:00:00.000 to 00:01:00.000 UTC; 5,000,000 older ones were not looked at

      ? no cause of an event is certain: without causation ids, transactions or dead letters no hop can be judged

    Also
      ! orders, Placed�[31m: 5 of 10 have an envelope that is not whole: without type, version
      ! orders, Placed�[31m: 4 of 4 name a cause that is not there: never seen
      ! orders, Placed�[31m: 3 of 10 carry a trace header that cannot be read
      ! orders, Placed�[31m: 2 of 10 have an id that another on the topic had before
      ! orders, Placed�[31m: 1 of 10 carry no trace, though others do

    What events carry
      topic   type         events  trace     id  names cause  its cause
      orders  Placed�[31m      10   60 %  100 %         40 %  4 not there

      only causes that are certain count here: named by the record, or proved by a transaction
      next   headwater failures --db x.duckdb
    "#);
    assert!(told.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(markdown(&Audit { rows: &rows, window: "" }).contains("name a cause that is not there"));
}
