use super::super::answers::{Passed, Seen};
use super::super::company::Company;
use super::super::ledger::{Coordinates, Entry, Produced, Role};
use super::*;

fn letter(offset: i64, root: Option<i64>) -> Found {
    Found {
        at: Some(Coordinates::new("loyalty.dlt", 0, offset)),
        kind: "dead_letter".into(),
        state: "dead".into(),
        origin: Some(Coordinates::new("loyalty", 1, offset)),
        origin_type: Some("points.requested".into()),
        root: root.map(|offset| Coordinates::new("orders", 0, offset)),
        root_type: Some("order.placed".into()),
        group: Some("loyalty".into()),
        error_class: Some("com.example.loyalty.AccountMissing".into()),
        orphan_reason: root.is_none().then(|| "context_lost".into()),
        attended_by: None,
    }
}

fn answers() -> (Answers, Ledger, Schedule) {
    let retry = |offset, state: &str| Found {
        at: Some(Coordinates::new("orders-retry", 0, offset)),
        kind: "retry".into(),
        state: state.into(),
        origin: Some(Coordinates::new("orders", 0, 0)),
        root: Some(Coordinates::new("orders", 0, 0)),
        group: Some("payment".into()),
        ..Found::default()
    };
    let answers = Answers {
        failures: vec![letter(0, Some(0)), letter(1, Some(1)), letter(2, None), retry(0, "healed"), retry(1, "healed")],
        seen: vec![
            Seen { topic: "orders".into(), partition: 0, next: 2, seen: 4_000, missing: 1 },
            Seen { topic: "loyalty".into(), partition: 1, next: 9, seen: 812, missing: 0 },
            Seen { topic: "quiet".into(), partition: 0, next: 0, seen: 0, missing: 0 },
        ],
        passed: vec![
            Passed { group: "loyalty".into(), topic: "loyalty".into(), partition: 1, committed: 402, end: 812 },
            Passed { group: "order".into(), topic: "payments".into(), partition: 0, committed: 1_204, end: 1_204 },
        ],
    };
    let placed = |order: u64| Produced {
        at: Coordinates::new("orders", 0, order as i64),
        entry: Entry { role: Role::Event, event: "order.placed".into(), order, group: None, cause: None, fault: None },
    };
    let ledger = Ledger { records: vec![placed(0), placed(1)], ..Ledger::default() };
    (answers, ledger, Schedule::new(&Company::shipped().unwrap(), 7))
}

fn setting() -> Setting {
    Setting {
        seconds: 20,
        place: "an in-process Kafka: 3 brokers".into(),
        services: 5,
        seed: 7,
        reach: "--db demo.duckdb".into(),
    }
}

#[test]
fn the_report_says_the_answer_first_and_what_was_not_seen() {
    let (answers, ledger, schedule) = answers();
    let account = account(&answers, &ledger, &schedule);
    let cents = schedule.order(0).cents + schedule.order(1).cents;
    let golden = format!(
        "plant-based pizza, 20 s on an in-process Kafka: 3 brokers, 2 topics with events, 5 services, seed 7\n\n  \
         received   4,812 events in 2 topics          coverage 99.97 %   tap lag 0\n  \
         passed     loyalty 402 (not past loyalty/1 offset 402)  order 1,204\n  \
         failed     3 dead letters, 2 retries     1 healed, 3 dead, 3 unattended\n  \
         orphaned   1 failures: 1 context_lost\n\n  \
         worst: 3 x AccountMissing in group loyalty  <- points.requested <- order.placed   2 orders, \
         € {}.{:02} affected\n         headwater trace loyalty.dlt/0/1 --db demo.duckdb\n\n  \
         passed = consumed, as far as Kafka can show: committed beyond it\n",
        cents / 100,
        cents % 100
    );
    assert_eq!(text(&setting(), &account), golden);
}

#[test]
fn hostile_names_cannot_speak_to_the_terminal() {
    let (mut answers, ledger, schedule) = answers();
    for found in &mut answers.failures {
        found.error_class = Some("\u{1b}[2J\u{7}".into());
        found.group = Some("\u{1b}]0;x".into());
        found.orphan_reason = Some("\u{1b}c".into());
    }
    let printed = text(&setting(), &account(&answers, &ledger, &schedule));
    assert!(printed.chars().all(|c| c == '\n' || !c.is_control()), "{printed:?}");
}

#[test]
fn a_verdict_names_its_mistakes_and_says_what_it_is() {
    let mut verdict =
        Verdict { injected: 3, found: 3, knowable: 2, traced: 2, unknowable: 1, orphaned: 1, ..Verdict::default() };
    assert!(verdict_text(&verdict).ends_with("wrong 0   PASS\n"));
    verdict.unread = 4;
    let failed = verdict_text(&verdict);
    assert!(failed.contains("FAIL") && failed.contains("4 records were not read in time"));
    assert!(verdict_text(&Verdict::default()).contains("NOT JUDGED"));
}

#[test]
fn json_has_the_same_figures() {
    let (answers, ledger, schedule) = answers();
    let verdict = Verdict { injected: 3, ..Verdict::default() };
    let json = json(&setting(), &account(&answers, &ledger, &schedule), &verdict);
    assert_eq!(json["received"], 4_812);
    assert_eq!(json["orphaned"]["context_lost"], 1);
    assert_eq!(json["worst"]["coordinates"], "loyalty.dlt/0/1");
    assert_eq!(json["verdict"]["outcome"], "pass");
}

#[test]
fn figures_are_grouped_and_coverage_is_never_rounded_up() {
    assert_eq!([0, 999, 1_000, -1_234_567].map(thousands), ["0", "999", "1,000", "-1,234,567"]);
    assert_eq!([1.0, 0.999_999, 0.5].map(percent), ["100 %", "99.99 %", "50.00 %"]);
}
