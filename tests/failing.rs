//! Failures as SQL tells them: by signature, as they stood, what hangs on them, what is parked, what to give again.

use headwater::event::{
    Changes, CoverageRow, EventRef, EventRow, Evidence, FailureKind, FailureRow, FailureState, GapReason,
    GroupEvidence, HealedEvidence, Kind, LogPolicy, Ordinal, PartitionRow, PolicyRow, Profile, ProfileRow,
    ProgressMark, ProgressRow, ProgressState, Resolution, Timestamp, TopicClass, TopicPartition,
};
use headwater::report::Cell;
use headwater::store::{Limits, Readers, Settings, Writer};
use std::path::PathBuf;
use std::sync::Arc;

/// 2024-01-01T00:00:00Z.
const T0: i64 = 1_704_067_200_000_000;
const SECOND: i64 = 1_000_000;

const ORDERS: u32 = 0;
const PAID: u32 = 1;
const DLT: u32 = 2;
const RETRY: u32 = 3;
const PLACED: i32 = 0;
const PAYMENT: i32 = 1;
const LETTER: i32 = 2;

/// A folder of its own for each test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("headwater-failing-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Writer {
        Writer::open(&self.0.join("h.duckdb"), Settings::default()).unwrap().0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn at(ordinal: u32, offset: i64) -> EventRef {
    EventRef::new(Ordinal(ordinal), offset)
}

fn time(ms: i64) -> Timestamp {
    Timestamp(T0 + ms * 1_000)
}

fn event(reference: EventRef, profile: i32, ms: i64, cause: Option<EventRef>) -> EventRow {
    EventRow {
        reference,
        time: time(ms),
        record_time: time(ms),
        seen_time: time(ms),
        kind: if profile == LETTER { Kind::DeadLetter } else { Kind::Event },
        resolution: if cause.is_some() { Resolution::Caused } else { Resolution::Root },
        tombstone: false,
        profile,
        producer: None,
        key_hash: None,
        // The whole conversation is named by its order.
        conversation: at(ORDERS, reference.offset()),
        key_bytes: 3,
        value_bytes: 200,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: cause.map(|cause| (cause, Evidence::CausationId)),
    }
}

fn failure(reference: EventRef, origin: EventRef, ms: i64) -> FailureRow {
    FailureRow {
        reference,
        kind: FailureKind::DeadLetter,
        state: FailureState::Dead,
        origin: Some(origin),
        origin_evidence: Some(Evidence::FailureCoordinates),
        origin_confidence: Some(1.0),
        origin_topic: Some("orders".into()),
        origin_partition: Some(0),
        origin_offset: Some(origin.offset()),
        root: Some(origin),
        consumer_group: Some("payment".into()),
        group_evidence: Some(GroupEvidence::Named),
        candidate_groups: Vec::new(),
        attempt: Some(3),
        error_class: Some("CardDeclined".into()),
        error_message: Some("no".into()),
        signature: "8f3a".into(),
        time: time(ms),
        orphan_reason: None,
        healed_by: None,
        healed_evidence: None,
        changed_at: time(ms),
        seen_time: time(ms),
        counted_time: time(ms),
        counted_profile: Some(PLACED),
        root_profile: Some(PLACED),
    }
}

fn progress(group: &str, ordinal: u32, committed: i64, ms: i64) -> ProgressRow {
    ProgressRow {
        committed_offset: Some(committed),
        log_end_offset: committed,
        lag_offsets: Some(0),
        lag_records: Some(0),
        state: ProgressState::Stable,
        resolution_ms: 1_000,
        ..ProgressRow::new(&group.into(), Ordinal(ordinal), time(ms))
    }
}

fn commits(rows: Vec<ProgressRow>) -> Changes {
    let mark = |row: &ProgressRow| ProgressMark {
        consumer_group: row.consumer_group.clone(),
        ordinal: row.ordinal,
        committed_offset: row.committed_offset.unwrap(),
        at: row.sampled_at,
        resolution_ms: row.resolution_ms,
    };
    Changes { marks: rows.iter().map(mark).collect(), progress: rows, ..Changes::default() }
}

/// The dictionaries, and `orders` orders of which those of `paid` were paid 100 ms later.
fn company(orders: i64, paid: impl Fn(i64) -> bool) -> Changes {
    let mut changes = Changes { at: time(0), ..Changes::default() };
    let topics = [
        (ORDERS, "orders", TopicClass::Business),
        (PAID, "paid", TopicClass::Business),
        (DLT, "orders.DLT", TopicClass::DeadLetter),
        (RETRY, "orders-retry", TopicClass::Retry),
    ];
    changes.partitions = topics
        .map(|(ordinal, topic, class)| {
            let partition = TopicPartition {
                cluster: "main".into(),
                topic: topic.into(),
                topic_id: [ordinal as u8; 16],
                partition: 0,
            };
            PartitionRow { ordinal: Ordinal(ordinal), partition: Arc::new(partition), incarnation: 0, base: 0, class }
        })
        .into();
    changes.profiles = [(PLACED, "OrderPlaced"), (PAYMENT, "PaymentTaken"), (LETTER, "")]
        .map(|(profile, kind)| ProfileRow { profile, content: Profile { kind: kind.into(), ..Profile::default() } })
        .into();
    changes.coverage = topics
        .map(|(ordinal, ..)| CoverageRow {
            ordinal: Ordinal(ordinal),
            first_offset: 0,
            next_offset: 100_000,
            log_start: 0,
            seen: 100_000,
            missing: [0; GapReason::ALL.len()],
        })
        .into();
    for n in 0..orders {
        changes.events.push(&event(at(ORDERS, n), PLACED, n * 1_000, None));
        if paid(n) {
            changes.events.push(&event(at(PAID, n), PAYMENT, n * 1_000 + 100, Some(at(ORDERS, n))));
        }
    }
    changes
}

/// Adds the dead letter of order `n`, half a second after the order.
fn give_up(changes: &mut Changes, n: i64, letter: i64) {
    changes.events.push(&EventRow {
        conversation: at(ORDERS, n),
        ..event(at(DLT, letter), LETTER, n * 1_000 + 500, Some(at(ORDERS, n)))
    });
    changes.failures.push(failure(at(DLT, letter), at(ORDERS, n), n * 1_000 + 500));
}

fn ask(readers: &Readers, sql: &str) -> Vec<String> {
    let cell = |cell: &Cell| match cell {
        Cell::Null => "-".to_owned(),
        Cell::Bool(b) => b.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Wide(n) => n.to_string(),
        Cell::Float(n) => n.to_string(),
        Cell::Time(t) => format!("{}s", (t - T0) as f64 / SECOND as f64),
        Cell::Text(text) => text.clone(),
        Cell::List(cells) => format!("{cells:?}"),
    };
    let answer = readers.reader().unwrap().ask(sql, &[], Limits::default());
    let rows = answer.unwrap_or_else(|error| panic!("{sql}: {error}")).table.rows;
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

/// Runs the program on a closed file and gives what it printed.
fn run(args: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_headwater"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
        command.env_remove(name);
    }
    let output = command.args(args).current_dir(std::env::temp_dir()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Guarantees: of captured traffic, every origin in the list of what should be given again is the record that failed, as the
/// applications knew it, and what is listed is a dead letter.
#[test]
fn captured_dead_letters_are_given_again_as_what_failed() {
    let captures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let (mut named, mut letters) = (0, 0);
    for capture in ["python-cloudevents", "spring-retryable", "kafkajs-otel"] {
        let folder = Folder::new(capture);
        let database = folder.0.join("c.duckdb").to_str().unwrap().to_owned();
        let file = |end: &str| captures.join(format!("{capture}.{end}")).to_str().unwrap().to_owned();
        run(&["import", "--db", &database, &file("ndjson"), &file("internal.ndjson")]);
        let truth: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file("truth.json")).unwrap()).unwrap();
        let list = run(&["failures", "--redrive", "--db", &database]);
        for line in list.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let dead_letter = |of: &&serde_json::Value| {
                ["topic", "partition", "offset"].iter().all(|part| of[*part] == row[format!("dead_letter_{part}")])
            };
            let known = truth["records"].as_array().unwrap().iter().find(dead_letter).unwrap();
            assert_eq!(known["kind"], "dead-letter", "{line}");
            letters += 1;
            if row["origin_topic"].is_string() {
                for part in ["topic", "partition", "offset"] {
                    assert_eq!(known["first_original"][part], row[format!("origin_{part}")], "{line}");
                }
                named += 1;
            }
        }
    }
    assert!(letters >= 10 && named * 4 >= letters * 3, "{named} of {letters} name what failed");
}

/// Guarantees: a failure is told as it stood at any time: not there, retried, given up, passed by a group, healed.
#[test]
fn a_failure_stands_as_it_did_then() {
    let folder = Folder::new("then");
    let mut writer = folder.open();
    let mut changes = company(1, |_| false);
    let letter = at(DLT, 0);
    changes.events.push(&event(letter, LETTER, 1_000, Some(at(ORDERS, 0))));
    let trying =
        FailureRow { state: FailureState::Retrying, consumer_group: None, ..failure(letter, at(ORDERS, 0), 1_000) };
    changes.failures.push(trying.clone());
    writer.append(changes).unwrap();
    let dead =
        FailureRow { state: FailureState::Dead, changed_at: time(2_000), ..failure(letter, at(ORDERS, 0), 1_000) };
    writer.append(Changes { failures: vec![dead.clone()], ..Changes::default() }).unwrap();
    writer.append(commits(vec![progress("reader", DLT, 1, 3_000)])).unwrap();
    let healed = FailureRow {
        state: FailureState::Healed,
        healed_by: Some(at(ORDERS, 1)),
        healed_evidence: Some(HealedEvidence::Redrive),
        changed_at: time(4_000),
        ..dead
    };
    writer.append(Changes { failures: vec![healed], ..Changes::default() }).unwrap();
    let readers = writer.readers();
    let then = |ms: i64| {
        let moment = format!("make_timestamp({})", time(ms).0);
        ask(
            &readers,
            &format!(
                "SELECT consumer_group, retrying, dead, healed, unattended, attended FROM failures(as_of := {moment})"
            ),
        )
    };
    assert!(then(999).is_empty(), "it was not there yet");
    assert_eq!(then(1_000), ["- 1 0 0 1 0"]);
    assert_eq!(then(1_999), ["- 1 0 0 1 0"]);
    assert_eq!(then(2_000), ["payment 0 1 0 1 0"]);
    assert_eq!(then(3_500), ["payment 0 1 0 0 1"]);
    assert_eq!(then(4_000), ["payment 0 0 1 0 0"]);
    assert_eq!(ask(&readers, "SELECT dead, healed FROM failures()"), ["0 1"]);
    assert_eq!(
        ask(
            &readers,
            &format!("SELECT since, until, state, consumer_group, healed_evidence FROM failure_history({})", letter.0)
        ),
        ["1s 2s retrying - -", "2s 4s dead payment -", "4s - healed payment redrive"]
    );
}

/// Guarantees: kinds beyond the limit are one row with their counts, and nothing is lost from the sums.
#[test]
fn rare_kinds_are_summed_up() {
    let folder = Folder::new("other");
    let mut writer = folder.open();
    let mut changes = company(1, |_| false);
    for n in 0..1_003 {
        let times = if n < 1_000 { 2 } else { 1 };
        for time in 0..times {
            let offset = n * 2 + time;
            let row =
                FailureRow { signature: format!("{n:016x}"), ..failure(at(DLT, offset), at(ORDERS, offset), offset) };
            changes.failures.push(row);
        }
    }
    writer.append(changes).unwrap();
    let readers = writer.readers();
    assert_eq!(
        ask(&readers, "SELECT count(*), sum(failures), sum(list_sum(trend)) FROM failures()"),
        ["1001 2003 2003"]
    );
    assert_eq!(
        ask(
            &readers,
            "SELECT failures, dead, unattended, consumer_group, error_class, sample FROM failures() WHERE signature = 'other'"
        ),
        ["3 3 3 - - orders.DLT/0/2004"]
    );
}

/// Guarantees: what usually follows and did not come is missing, with the sample that says so; of failures whose effects
/// came late after all it is said that they seem healed, and they are not given again; what came of others in time is no
/// such sign.
#[test]
fn missing_effects_are_told_and_those_that_came_late_are_not_given_again() {
    let folder = Folder::new("blast");
    let mut writer = folder.open();
    // Orders 90 to 95 fail. 92 is paid a minute later, 94 in time by somebody else.
    let failed = 90..96;
    let mut changes = company(100, |n| !failed.contains(&n) || n == 94);
    for (letter, n) in failed.clone().enumerate() {
        give_up(&mut changes, n, letter as i64);
    }
    changes.events.push(&event(at(PAID, 92), PAYMENT, 92_000 + 60_000, Some(at(ORDERS, 92))));
    writer.append(changes).unwrap();
    writer
        .append(commits(vec![progress("payment", ORDERS, 100, 100_000), progress("shipping", PAID, 90, 100_000)]))
        .unwrap();
    let readers = writer.readers();
    assert_eq!(
        ask(
            &readers,
            "SELECT what, topic, type, consumer_group, events, conversations, sampled, had FROM blast_of('8f3a')"
        ),
        [
            "failure orders - payment 6 - - -",
            "conversation - - - 14 6 - -",
            "root orders OrderPlaced - 6 6 - -",
            "effect paid PaymentTaken - 2 2 - -",
            "missing paid PaymentTaken - 4 - 90 90",
            "waiting paid PaymentTaken shipping 4 - - -",
            "seems_healed - - - 1 - - -",
        ]
    );
    let one = |n: i64| ask(&readers, &format!("SELECT what, events FROM blast({})", at(DLT, n).0));
    assert_eq!(one(2), ["failure 1", "conversation 3", "root 1", "effect 1", "seems_healed 1"]);
    assert_eq!(one(0), ["failure 1", "conversation 2", "root 1", "missing 1", "waiting 1"]);
    assert_eq!(
        ask(&readers, &format!("SELECT what, events FROM blast({})", at(ORDERS, 3).0)),
        ["conversation 2", "effect 1"]
    );
    assert_eq!(
        ask(&readers, "SELECT position, dead_letter_offset, origin_offset, type, reason FROM redrive()"),
        [
            "1 0 90 OrderPlaced effects_missing",
            "2 1 91 OrderPlaced effects_missing",
            "3 3 93 OrderPlaced effects_missing",
            "4 4 94 OrderPlaced effects_before",
            "5 5 95 OrderPlaced effects_missing",
        ]
    );
    assert_eq!(ask(&readers, "SELECT count(*) FROM redrive(signature := '8f3b')"), ["0"]);
    assert_eq!(ask(&readers, "SELECT healed FROM failures()"), ["0"], "weak evidence heals nothing");
}

/// Guarantees: nothing is usual that too few events show.
#[test]
fn a_small_sample_tells_nothing_usual() {
    let folder = Folder::new("small");
    let mut writer = folder.open();
    let mut changes = company(20, |n| n != 19);
    give_up(&mut changes, 19, 0);
    writer.append(changes).unwrap();
    let readers = writer.readers();
    assert_eq!(ask(&readers, "SELECT what FROM blast_of('8f3a')"), ["failure", "conversation", "root"]);
    assert_eq!(ask(&readers, "SELECT reason FROM redrive()"), ["effects_unknown"]);
}

/// Guarantees: what others come from is given before them, whatever the clocks say, and each log keeps its order.
#[test]
fn the_order_of_giving_again_follows_causes_and_logs() {
    let folder = Folder::new("order");
    let mut writer = folder.open();
    let mut changes = company(3, |_| false);
    // A payment whose clock is an hour early comes from the last order; both failed, and a payment before it did too.
    let paid = |n: i64, order: i64, ms: i64| EventRow {
        conversation: at(ORDERS, order),
        ..event(at(PAID, n), PAYMENT, ms, Some(at(ORDERS, order)))
    };
    changes.events.push(&paid(0, 0, 500));
    changes.events.push(&paid(1, 2, -3_600_000));
    for (letter, origin) in [at(PAID, 1), at(ORDERS, 2), at(PAID, 0), at(ORDERS, 1)].into_iter().enumerate() {
        let letter = at(DLT, letter as i64);
        changes.failures.push(FailureRow {
            origin_topic: None,
            origin_partition: None,
            origin_offset: None,
            ..failure(letter, origin, 9_000)
        });
    }
    writer.append(changes).unwrap();
    let told = ask(&writer.readers(), "SELECT origin_topic, origin_offset FROM redrive()");
    let place = |what: &str| told.iter().position(|row| row == what).unwrap();
    assert_eq!(told.len(), 4);
    assert!(place("orders 2") < place("paid 1"), "a cause comes first: {told:?}");
    assert!(
        place("orders 1") < place("orders 2") && place("paid 0") < place("paid 1"),
        "logs keep their order: {told:?}"
    );
}

/// Guarantees: parked dead letters are told by topic with size and with when the log loses them; absurd settings and times
/// break nothing.
#[test]
fn parked_dead_letters_say_when_they_are_lost() {
    let folder = Folder::new("parked");
    let mut writer = folder.open();
    let mut changes = company(4, |_| false);
    for n in 0..3 {
        give_up(&mut changes, n, n);
    }
    let policy = |topic: &str, retention_ms: Option<i64>| PolicyRow {
        cluster: "main".into(),
        policy: LogPolicy { topic: topic.into(), retention_ms, retention_bytes: None, compacted: false },
        sampled_at: time(0),
    };
    changes.policies = vec![policy("orders.DLT", Some(60_000)), policy("orders-retry", None)];
    writer.append(changes).unwrap();
    let readers = writer.readers();
    let parked =
        "SELECT topic, letters, unattended, oldest_time, bytes, first_loss, last_loss, retention_known FROM parked()";
    assert_eq!(ask(&readers, parked), ["orders.DLT 3 3 0.5s 609 60.5s 62.5s true"]);
    for ms in [i64::MAX, 315_000_000_000_000, -5] {
        writer.append(Changes { policies: vec![policy("orders.DLT", Some(ms))], ..Changes::default() }).unwrap();
        assert_eq!(
            ask(&readers, "SELECT letters, first_loss IS NULL FROM parked()"),
            [format!("3 {}", ms > 0)],
            "{ms}"
        );
    }
    writer.append(commits(vec![progress("reader", DLT, 2, 9_000)])).unwrap();
    assert_eq!(ask(&readers, "SELECT letters, unattended FROM parked()"), ["3 1"]);
    assert_eq!(ask(&readers, "SELECT count(*) FROM policy_row"), ["2"], "a policy replaces the one before");
}

/// Guarantees: failures that make no sense are answered like others: one that is its own origin, an origin that is nowhere,
/// a group whose name is SQL.
#[test]
fn odd_failures_are_harmless() {
    let folder = Folder::new("odd");
    let mut writer = folder.open();
    let mut changes = company(2, |_| false);
    changes.events.push(&event(at(DLT, 0), LETTER, 500, Some(at(DLT, 0))));
    changes.failures.push(FailureRow { root: Some(at(DLT, 0)), ..failure(at(DLT, 0), at(DLT, 0), 500) });
    changes.events.push(&event(at(DLT, 1), LETTER, 600, None));
    changes
        .failures
        .push(FailureRow { origin_offset: Some(7_777_777), ..failure(at(DLT, 1), at(ORDERS, 7_777_777), 600) });
    let group = "'); DROP TABLE failure_row; --\u{1f}, \"x\"";
    changes.events.push(&event(at(DLT, 2), LETTER, 700, None));
    let nameless = FailureRow {
        origin: None,
        origin_topic: None,
        origin_partition: None,
        origin_offset: None,
        root: None,
        consumer_group: Some(group.into()),
        ..failure(at(DLT, 2), at(ORDERS, 0), 700)
    };
    changes.failures.push(nameless);
    writer.append(changes).unwrap();
    let readers = writer.readers();
    assert_eq!(ask(&readers, "SELECT sum(failures), sum(dead) FROM failures()"), ["3 3"]);
    let quoted = group.replace('\'', "''");
    assert_eq!(ask(&readers, &format!("SELECT failures FROM failures() WHERE consumer_group = '{quoted}'")), ["1"]);
    for n in 0..3 {
        let told = ask(&readers, &format!("SELECT what, events FROM blast({})", at(DLT, n).0));
        assert_eq!(told[0], "failure 1", "{told:?}");
    }
    assert_eq!(
        ask(&readers, "SELECT dead_letter_offset, origin_topic, origin_offset FROM redrive() ORDER BY 1"),
        ["0 orders 0", "1 orders 7777777", "2 - -"]
    );
    assert_eq!(ask(&readers, "SELECT letters FROM parked()"), ["3"]);
}

/// Guarantees: ten thousand failures of one kind are one row; what hangs on them is told of the latest, and the list of what
/// should be given again ends at its limit.
#[test]
fn ten_thousand_failures_of_one_kind_are_one_row() {
    let folder = Folder::new("many");
    let mut writer = folder.open();
    let failures = 10_005;
    let mut changes = company(failures + 100, |n| n >= failures);
    for n in 0..failures {
        give_up(&mut changes, n, n);
    }
    writer.append(changes).unwrap();
    let readers = writer.readers();
    assert_eq!(
        ask(&readers, "SELECT failures, dead, list_sum(trend), sample FROM failures()"),
        [format!("{failures} {failures} {failures} orders.DLT/0/{}", failures - 1)]
    );
    let blast = ask(&readers, "SELECT what, events FROM blast_of('8f3a') WHERE what IN ('failure', 'missing')");
    assert_eq!(blast, ["failure 1000", "missing 1000"]);
    let list = "SELECT count(*), min(origin_offset), bool_and(origin_offset = position + 4) FROM redrive()";
    assert_eq!(ask(&readers, list), ["10000 5 true"]);
}
