use super::*;
use crate::report::Style;
use crate::report::rows::{Attempt, BlastRow, FailureSample, FailureStanding, Orphan, SignatureFact};

const NOW: Timestamp = Timestamp(1_763_635_267_000_000);
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

fn look(style: &Style) -> Look<'_> {
    Look { style, now: NOW, reach: " --db small.duckdb" }
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds * SECOND)
}

fn kind(name: &str, failures: i64, dead: i64, class: Option<&str>) -> FailureLine {
    FailureLine {
        failures,
        first_time: ago(300),
        last_time: ago(12),
        consumer_group: Some(name.to_owned()),
        candidate_groups: Vec::new(),
        error_class: class.map(str::to_owned),
        error_message: Some("no account for customer <n>".to_owned()),
        origin_topic: Some("loyalty".to_owned()),
        root_type: Some("order.placed".to_owned()),
        dead,
        retrying: 0,
        healed: failures - dead,
        orphaned: 0,
        unattended: dead,
        attended: 0,
        sample: "loyalty.dlt/0/12".to_owned(),
        signature: format!("8f3a00112233{name:0<4.4}"),
        trend: vec![0, 1, 4, 8],
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

fn parked(topic: &str, letters: i64, first: Option<i64>, last: Option<i64>) -> Parked {
    Parked {
        cluster: "kafka".to_owned(),
        topic: topic.to_owned(),
        letters,
        unattended: letters,
        oldest_time: ago(7_200),
        bytes: Some(2_195),
        first_loss: first.map(|us| Timestamp(NOW.0 + us)),
        last_loss: last.map(|us| Timestamp(NOW.0 + us)),
        compacted: false,
        retention_known: true,
    }
}

fn kinds() -> Vec<FailureLine> {
    let mut lost = kind("delivery", 4, 4, Some("java.lang.NullPointerException"));
    lost.root_type = None;
    lost.orphaned = 4;
    lost.error_message = Some("\u{1b}[31m 住所がありません".to_owned());
    let mut unnamed = kind("archive", 2, 2, None);
    unnamed.consumer_group = None;
    unnamed.candidate_groups = ["a", "b"].map(str::to_owned).to_vec();
    unnamed.attended = 2;
    let mut other = kind("x", 120, 100, None);
    (other.consumer_group, other.error_message, other.root_type) = (None, None, None);
    other.signature = "other".to_owned();
    vec![other, lost, kind("loyalty", 31, 31, Some("com.pizza.AccountMissing")), unnamed, kind("mailer", 9, 0, None)]
}

#[test]
fn failures_stand_by_count_with_group_error_and_source() {
    let (kinds, coverage) = (kinds(), coverage());
    let parked = [parked("loyalty.dlt", 1_204, Some(9 * HOUR), Some(30 * HOUR)), parked("kept", 3, None, None)];
    let answers = ListAnswers { kinds: &kinds, parked: &parked, coverage: &coverage, window: "since 1h" };
    insta::assert_snapshot!(list(&answers, &look(&Style::default()), Format::Text));
    insta::assert_snapshot!(list(&answers, &look(&Style::new(false, Some(100))), Format::Text));
    insta::assert_snapshot!(list(&answers, &look(&Style::default()), Format::Markdown));
}

#[test]
fn colour_only_adds() {
    let (kinds, coverage) = (kinds(), coverage());
    let answers = ListAnswers { kinds: &kinds, parked: &[], coverage: &coverage, window: "all" };
    let plain = list(&answers, &look(&Style::default()), Format::Text);
    let painted = list(&answers, &look(&Style::new(true, Some(120))), Format::Text);
    assert!(painted.contains("\u{1b}[31m") && painted != plain);
    let bare = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap().replace_all(&painted, "").into_owned();
    assert_eq!(bare, plain);
}

#[test]
fn signatures_are_shown_as_short_as_they_can_be_told_apart() {
    let mut kinds = vec![kind("a", 1, 1, None), kind("b", 1, 1, None)];
    (kinds[0].signature, kinds[1].signature) = ("8f3a11".to_owned(), "8f3a12".to_owned());
    assert_eq!(shortest(&kinds), 6);
    kinds[1].signature = "8f3a11".to_owned();
    assert_eq!(shortest(&kinds), SIGNATURE_MIN);
    assert_eq!(beginning("8f", 4), "8f");
    assert_eq!(beginning("住所が", 2), "住所");
    assert_eq!(shortest(&[]), SIGNATURE_MIN);
}

fn fact(fact: &str, name: Option<&str>, note: Option<&str>, failures: i64) -> SignatureFact {
    let text = |text: Option<&str>| text.map(str::to_owned);
    SignatureFact { fact: fact.to_owned(), name: text(name), note: text(note), failures }
}

fn blast(what: &str, kind: Option<&str>, events: i64) -> BlastRow {
    BlastRow {
        what: what.to_owned(),
        topic: Some("loyalty".to_owned()),
        event_type: kind.map(str::to_owned),
        consumer_group: None,
        events,
        conversations: None,
        value: None,
        value_field: None,
        sampled: None,
        had: None,
    }
}

fn sample(offset: i64, state: &str) -> FailureSample {
    FailureSample {
        reference: offset,
        coordinates: format!("loyalty.dlt/0/{offset}"),
        origin: Some("loyalty/1/61".to_owned()),
        root: (state == "dead").then(|| "orders/2/881".to_owned()),
        root_type: Some("order.placed".to_owned()),
        consumer_group: Some("loyalty".to_owned()),
        state: state.to_owned(),
        records: 4,
        attempts: Some(4),
        time: ago(12),
        orphan_reason: (state != "dead").then(|| "context_lost".to_owned()),
        healed_evidence: None,
    }
}

#[test]
fn the_page_of_a_signature_answers_in_order() {
    let kinds = [kind("loyalty", 35, 31, Some("com.pizza.AccountMissing"))];
    let facts = [
        fact("group", Some("loyalty"), Some("ledger"), 30),
        fact("group", Some("a, b"), Some("candidates"), 5),
        fact("root", Some("order.placed"), Some("known"), 33),
        fact("root", None, Some("unknown"), 2),
        fact("healed", Some("redrive"), None, 3),
        fact("healed", Some("later_success"), None, 1),
        fact("orphaned", Some("context_lost"), None, 2),
        fact("letter", Some("loyalty.dlt"), None, 31),
    ];
    let touched = BlastRow {
        conversations: Some(31),
        value: Some(744.1),
        value_field: Some("total".into()),
        ..blast("conversation", None, 290)
    };
    let missing = BlastRow { sampled: Some(200), had: Some(199), ..blast("missing", Some("points.booked"), 31) };
    let waiting =
        BlastRow { consumer_group: Some("mailer\u{1b}[2J".into()), ..blast("waiting", Some("points.booked"), 31) };
    let rows = [
        blast("failure", None, 20),
        touched,
        blast("root", Some("order.placed"), 31),
        blast("sibling", Some("payment.taken"), 31),
        blast("sibling", None, 2),
        missing,
        waiting,
        blast("seems_healed", None, 3),
    ];
    let attempt = |coordinates: &str, kind: &str, attempt: Option<i64>, seconds: i64| Attempt {
        coordinates: coordinates.to_owned(),
        kind: kind.to_owned(),
        attempt,
        time: ago(60 - seconds),
    };
    let attempts = [
        attempt("loyalty/1/61", "origin", None, 0),
        attempt("loyalty-retry/0/7", "retry", Some(1), 1),
        attempt("loyalty-retry/0/8", "retry", Some(2), 3),
        attempt("loyalty.dlt/0/12", "dead_letter", Some(3), 9),
    ];
    let stood = |state: &str, since: i64, healed: Option<&str>| FailureStanding {
        since: Some(ago(since)),
        until: None,
        state: state.to_owned(),
        consumer_group: None,
        orphan_reason: None,
        healed_evidence: healed.map(str::to_owned),
    };
    let answers = SignatureAnswers {
        kinds: &kinds,
        facts: &facts,
        samples: &[sample(12, "dead"), sample(11, "healed"), sample(10, "retrying")],
        attempts: &attempts,
        history: &[stood("dead", 50, None), stood("healed", 20, Some("redrive"))],
        blast: &rows,
        parked: &[parked("loyalty.dlt", 31, Some(-5), Some(HOUR))],
        coverage: &coverage(),
        window: "all that was seen",
        filtered: false,
    };
    insta::assert_snapshot!(signature(&answers, &look(&Style::default()), Format::Text));
    insta::assert_snapshot!(signature(&answers, &look(&Style::default()), Format::Markdown));
}

#[test]
fn orphans_say_why_and_what_to_do() {
    let orphan = |offset: i64, reason: &str, what: &str| Orphan {
        coordinates: format!("delivery.dlt/0/{offset}"),
        time: ago(60 + offset),
        kind: "dead_letter".to_owned(),
        event_type: None,
        orphan_reason: reason.to_owned(),
        what: what.to_owned(),
        consumer_group: None,
        signature: Some("8f3a001122334455".to_owned()),
        error_class: None,
        error_message: Some("address | `x` \u{1b}[2J".to_owned()),
    };
    let rows =
        [orphan(1, "context_lost", "failure"), orphan(0, "context_lost", "failure"), orphan(7, "retention", "event")];
    insta::assert_snapshot!(orphans(&rows, "all that was seen", &coverage(), &look(&Style::default()), Format::Text));
}

#[test]
fn every_reason_has_its_own_words() {
    let reasons = crate::event::OrphanReason::NAMES;
    let mut words: Vec<_> = reasons.iter().map(|reason| orphans::meaning(reason)).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), reasons.len(), "{reasons:?}");
}

#[test]
fn only_what_is_new_is_told() {
    let mut watch = Watch::default();
    let mut kinds = vec![kind("loyalty", 31, 31, Some("com.pizza.AccountMissing"))];
    assert!(watch.look(&kinds, true).is_empty());
    assert!(watch.look(&kinds, false).is_empty());
    kinds[0].failures = 34;
    kinds[0].dead = 34;
    kinds.push(kind("mailer\u{1b}[2J", 2, 2, None));
    let lines: Vec<String> = watch.look(&kinds, false).iter().map(|news| news.line(NOW)).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("+3: ✗ 34 dead  loyalty  AccountMissing"), "{lines:?}");
    assert!(lines[1].contains("new +2") && !lines[1].contains('\u{1b}'), "{lines:?}");
    (kinds[0].dead, kinds[0].healed) = (0, 34);
    let lines: Vec<String> = watch.look(&kinds, false).iter().map(|news| news.line(NOW)).collect();
    assert!(lines.len() == 1 && lines[0].contains("changed: ✓ 34 healed"), "{lines:?}");
}
