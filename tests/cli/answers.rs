//! Reading commands on a small database, written by hand through the store's own writer.

use super::{folder, headwater};
use headwater::event::{
    CauseRow, Changes, CoverageRow, EventColumns, EventRef, EventRow, Evidence, FailureKind, FailureRow, FailureState,
    GapReason, HashKey, IdText, Identifier, Kind, Ordinal, PartitionRow, Profile, ProfileRow, ProgressRow,
    ProgressState, Resolution, Timestamp, TopicClass, TopicPartition, TraceContext,
};
use headwater::store::{Settings, Writer};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;

/// 2025-11-20 10:41:07.120 UTC.
const START: i64 = 1_763_635_267_120_000;
const SECRET: HashKey = HashKey([7; 16]);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn at(ordinal: u32, offset: i64) -> EventRef {
    EventRef::new(Ordinal(ordinal), offset)
}

fn event(reference: EventRef, profile: i32, resolution: Resolution, ms: i64) -> EventRow {
    let time = Timestamp(START + ms * 1000);
    EventRow {
        reference,
        time,
        record_time: time,
        seen_time: time,
        kind: Kind::Event,
        resolution,
        tombstone: false,
        profile,
        producer: None,
        key_hash: None,
        conversation: at(1, 0),
        key_bytes: 4,
        value_bytes: 10,
        id: None,
        causation: None,
        correlation: None,
        trace: None,
        texts: None,
        cause: None,
    }
}

fn correlated(row: EventRow, text: &str, ids: &HashKey) -> EventRow {
    EventRow {
        correlation: Some(Identifier::parse(text.as_bytes(), ids)),
        texts: Some(Box::new(IdText { correlation: Some(text.into()), ..IdText::default() })),
        ..row
    }
}

/// Two orders under one correlation id; loyalty gave up on the points of the first.
fn events(ids: &HashKey) -> EventColumns {
    let mut columns = EventColumns::default();
    let placed = event(at(1, 0), 1, Resolution::Root, 0);
    let traced = TraceContext::parse(format!("00-{TRACE}-00f067aa0ba902b7-01").as_bytes());
    let keyed = EventRow { key_hash: Some(SECRET.hash(&4711i64.to_be_bytes())), trace: traced, ..placed };
    columns.push(&correlated(keyed, "shop-1", ids));
    columns.push(&EventRow { trace: traced, ..event(at(2, 0), 2, Resolution::Caused, 500) });
    columns.push(&EventRow { kind: Kind::DeadLetter, ..event(at(3, 0), 3, Resolution::Caused, 4_000) });
    let other = EventRow { conversation: at(1, 1), ..event(at(1, 1), 1, Resolution::Root, 9_000) };
    columns.push(&correlated(other, "shop-1", ids));
    columns
}

fn partition(ordinal: u32, topic: &str, class: TopicClass) -> PartitionRow {
    let partition = TopicPartition { cluster: "kafka".into(), topic: topic.into(), topic_id: [0; 16], partition: 0 };
    PartitionRow { ordinal: Ordinal(ordinal), partition: Arc::new(partition), incarnation: 0, base: 0, class }
}

fn profile(number: i32, event_type: &str) -> ProfileRow {
    let content = Profile { kind: event_type.into(), ..Profile::default() };
    ProfileRow { profile: number, content }
}

fn failure() -> FailureRow {
    FailureRow {
        reference: at(3, 0),
        kind: FailureKind::DeadLetter,
        state: FailureState::Dead,
        origin: Some(at(2, 0)),
        origin_evidence: Some(Evidence::FailureCoordinates),
        origin_confidence: Some(1.0),
        origin_topic: Some("loyalty".into()),
        origin_partition: Some(0),
        origin_offset: Some(0),
        root: Some(at(1, 0)),
        consumer_group: Some("loyalty".into()),
        group_evidence: Some(headwater::event::GroupEvidence::Named),
        candidate_groups: Vec::new(),
        attempt: Some(4),
        error_class: Some("com.pizza.AccountMissing".into()),
        error_message: Some("no account \u{1b}]0;owned\u{7} for \u{9b}31m customer".into()),
        signature: "8f3a".into(),
        time: Timestamp(START + 4_000_000),
        orphan_reason: None,
        healed_by: None,
        healed_evidence: None,
        changed_at: Timestamp(START + 4_000_000),
        seen_time: Timestamp(START + 4_000_000),
        counted_time: Timestamp(START + 2_000_000),
        counted_profile: None,
        root_profile: None,
    }
}

fn coverage(ordinal: u32, seen: i64, aborted: i64) -> CoverageRow {
    let mut missing = [0; GapReason::ALL.len()];
    missing[GapReason::Aborted as usize] = aborted;
    CoverageRow { ordinal: Ordinal(ordinal), first_offset: 0, next_offset: seen + aborted, log_start: 0, seen, missing }
}

fn progress(group: &str, ordinal: u32, committed: i64, end: i64, state: ProgressState) -> ProgressRow {
    ProgressRow {
        committed_offset: Some(committed),
        log_end_offset: end,
        lag_offsets: Some(end - committed),
        lag_records: Some(end - committed),
        lag_ms: (end > committed).then_some(362_000),
        state,
        resolution_ms: 5_000,
        ..ProgressRow::new(&group.into(), Ordinal(ordinal), Timestamp(START + 10_000_000))
    }
}

fn edge(cause: EventRef, effect: EventRef, evidence: Evidence) -> CauseRow {
    CauseRow { effect, cause, evidence, confidence: 1.0 }
}

/// The database, made once; tests only read it.
fn database() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let path = folder(&format!("answers-{}", std::process::id())).join("small.duckdb");
        let _ = std::fs::remove_file(&path);
        let (mut writer, restored) = Writer::open(&path, Settings::default()).unwrap();
        let changes = Changes {
            partitions: vec![
                partition(1, "orders", TopicClass::Business),
                partition(2, "loyalty", TopicClass::Business),
                partition(3, "loyalty.dlt", TopicClass::DeadLetter),
            ],
            profiles: vec![
                profile(1, "order.placed"),
                profile(2, "points.requested"),
                profile(3, "points\u{1b}[2J.requested"),
            ],
            events: events(&restored.id_key),
            causes: vec![
                edge(at(1, 0), at(2, 0), Evidence::CausationId),
                edge(at(2, 0), at(3, 0), Evidence::FailureCoordinates),
            ],
            failures: vec![failure()],
            coverage: vec![coverage(1, 2, 1), coverage(2, 1, 0), coverage(3, 1, 0)],
            progress: vec![
                progress("loyalty", 2, 1, 1, ProgressState::Stable),
                progress("billing", 1, 0, 3, ProgressState::Stuck),
            ],
            at: Timestamp(START + 10_000_000),
            ..Changes::default()
        };
        writer.append(changes).unwrap();
        writer.close().unwrap();
        std::fs::write(format!("{}.key", path.display()), format!("{}\n", "07".repeat(16))).unwrap();
        path
    })
}

fn ask(args: &[&str]) -> (i32, String, String) {
    let output = headwater(args).args(["--db", database().to_str().unwrap()]).output().unwrap();
    // The folder differs from run to run.
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(database().to_str().unwrap(), "small.duckdb");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn answer(args: &[&str]) -> String {
    let (code, out, errors) = ask(args);
    assert_eq!(code, 0, "{args:?}: {errors}");
    assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{args:?}: {out:?}");
    out
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&answer(&[args, &["--json"]].concat())).unwrap()
}

#[test]
fn trace_draws_the_way_from_the_root_to_the_dead_letter() {
    insta::assert_snapshot!(answer(&["trace", "loyalty.dlt/0/0"]), @r#"
        conversation of 3 events over 4.00 s · started 2025-11-20 10:41:07.120 UTC by order.placed   ✗ FAILED at loyalty

          ● order.placed        orders/0/0       10:41:07.120  root
          └─● points.requested  loyalty/0/0      +0.50 s       causation id  ✗ failed in loyalty
            └─✗ dead letter     loyalty.dlt/0/0  +4.00 s       failure coordinates  given up by group loyalty after 4 attempts  ◀ asked for
                  AccountMissing: no account �]0;owned� for �31m customer

          failures (1):
          ✗ points.requested loyalty/0/0
              group   loyalty (named by the record)
              state   dead, unattended
              dead letter, attempt 4  10:41:11.120    loyalty.dlt/0/0
                AccountMissing: no account �]0;owned� for �31m customer

          failed   first on points.requested loyalty/0/0 in group loyalty, 4.00 s after the start
          groups   billing … not reached  loyalty ✗ gave up
          seen     80 % of offsets in 3 partitions of 3 topics; not seen: 1 aborted (these hold no events)
        "#);
}

#[test]
fn every_kind_of_id_leads_to_the_conversation() {
    let reference = at(2, 0).0.to_string();
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    for id in ["orders/0/0", "kafka/orders/0/0", TRACE, traceparent.as_str(), "key:4711", reference.as_str()] {
        let drawn = answer(&["trace", id]);
        assert!(drawn.contains("FAILED at loyalty") && drawn.contains("◀ asked for"), "{id}: {drawn}");
    }
    let (_, _, errors) = ask(&["trace", "key:4711"]);
    assert!(errors.contains("the key matches as int64 big-endian"), "{errors}");
}

#[test]
fn several_conversations_are_listed_and_none_is_guessed() {
    insta::assert_snapshot!(answer(&["trace", "shop-1"]), @r#"
        `shop-1` is carried by 2 events of 2 conversations:

          time (UTC)               event       kind   type          matched by
          2025-11-20 10:41:07.120  orders/0/0  event  order.placed  correlation id
          2025-11-20 10:41:16.120  orders/0/1  event  order.placed  correlation id

          next   headwater trace orders/0/0 --db small.duckdb
        "#);
    let matches = json(&["trace", "shop-1"]);
    assert_eq!(matches["matches"].as_array().unwrap().len(), 2);
    assert_eq!(matches["matches"][0]["ref"], at(1, 0).0.to_string());
}

#[test]
fn nothing_found_explains_itself_and_is_exit_code_1() {
    for (id, reason) in [
        ("orders/0/2", "this one holds no event"),
        ("orders/0/9", "lies behind them"),
        ("other/orders/0/0", "topic orders was not read on cluster other"),
        ("order/0/1", "topic order was not read"),
        ("4711", "type key:4711"),
        ("key:4712", "behind the Confluent prefix"),
    ] {
        let (code, out, errors) = ask(&["trace", id]);
        assert_eq!((code, out.as_str()), (1, ""), "{id}");
        assert!(errors.contains(reason) && errors.contains("holds 4 records"), "{id}: {errors}");
    }
}

#[test]
fn json_names_refs_as_strings_and_carries_coordinates() {
    let trace = json(&["trace", "loyalty.dlt/0/0"]);
    assert_eq!(trace["outcome"], "failed");
    assert_eq!(trace["roots"][0]["coordinates"], "orders/0/0");
    assert_eq!(trace["first_failure"]["coordinates"], "loyalty.dlt/0/0");
    assert_eq!(trace["events"].as_array().unwrap().len(), 3);
    for event in trace["events"].as_array().unwrap() {
        assert!(event["ref"].is_string() && event["conversation"].is_string() && event["coordinates"].is_string());
    }
    assert_eq!(trace["causes"][0]["effect_coordinates"], "loyalty/0/0");
    assert_eq!(trace["causes"][0]["cause_coordinates"], "orders/0/0");
    assert_eq!(trace["failures"][0]["origin"], at(2, 0).0.to_string());
    assert_eq!(trace["failures"][0]["coordinates"], "loyalty.dlt/0/0");
    assert_eq!(trace["failures"][0]["origin_coordinates"], "loyalty/0/0");
}

#[test]
fn failures_and_lag_say_what_was_not_seen() {
    let failures = answer(&["failures"]);
    // Ages depend on today, and so do the widths of their columns.
    let ago = regex::Regex::new(r" +\d+ d ago").unwrap().replace_all(&failures, " … d ago").into_owned();
    let ago = regex::Regex::new(" (last|first) +").unwrap().replace_all(&ago, " $1 ").into_owned();
    insta::assert_snapshot!(ago, @r#"
        all that was seen · 1 failure of 1 kind · 0 orphaned · 1 unattended · coverage 80 %

          count  trend         last group    what                                  from          state     signature
              1  █▁▁▁▁▁▁▁▁▁▁▁ … d ago  loyalty  AccountMissing: no account �]0;owne…  order.placed  ✗ 1 dead  8f3a

          parked 1 dead letter on 1 topic, 14 B, the oldest … d ago; 1 passed by no group; how long the
          log keeps them is not known
          seen   80 % of offsets in 3 partitions of 3 topics; not seen: 1 aborted (these hold no events)
          only failures that left a record are counted: a lower bound

        Next
          headwater trace loyalty.dlt/0/0 --db small.duckdb
          headwater failures --signature 8f3a --db small.duckdb
          headwater failures --redrive --db small.duckdb
        "#);
    assert_eq!(json(&["failures"])["failures"][0]["sample"], "loyalty.dlt/0/0");
    assert_eq!(json(&["failures"])["coverage"].as_array().unwrap().len(), 4);
    let lag = regex::Regex::new(r"\d+ d ago").unwrap().replace_all(&answer(&["lag"]), "… d ago").into_owned();
    insta::assert_snapshot!(lag, @r#"
        group    topic    offsets  records      time  events  conversations  state
        billing  orders         3        3  6 m 02 s       2              2  ✗ stuck: partition 0 at offset 0
        loyalty  loyalty        0        0         -                         ✓ stable, caught up

        ✗ billing is stuck at orders/0/0 while it goes on elsewhere: possible poison, since it commits in order and all behind it waits
          headwater explain orders/0/0 --db small.duckdb

        sampled … d ago; commit times are known to 5.00 s, the time between two samples
        passed = consumed, as far as Kafka can show: committed beyond it
        time lag is looked up from the records themselves
        not seen by the tap: 1 waiting record, which events, conversations and values leave out
        next   headwater lag billing --db small.duckdb
        "#);
    assert_eq!(json(&["lag"])["lag"][0]["consumer_group"], "billing");
}

#[test]
fn a_filter_that_leaves_nothing_is_named() {
    let none = answer(&["failures", "--since", "1s"]);
    assert!(none.contains("no failures") && none.contains("without --since there are 1"), "{none}");
    let none = answer(&["failures", "--unattended", "--since", "1s"]);
    assert!(none.contains("without --since and --unattended there are 1"), "{none}");
    let none = answer(&["failures", "--at", "2020-01-01T00:00:00Z"]);
    assert!(none.contains("without --at there are 1"), "{none}");
    let none = answer(&["failures", "--orphans"]);
    assert!(none.contains("nothing is orphaned") && none.contains("holds 4 records"), "{none}");
    let none = json(&["failures", "--orphans"]);
    assert_eq!((none["orphans"].as_array().unwrap().len(), none["failures"].as_array().unwrap().len()), (0, 0));
}

#[test]
fn a_signature_has_a_page_by_its_first_letters() {
    let page = answer(&["failures", "--signature", "8F"]);
    let ages = regex::Regex::new(r"\d+ d ago").unwrap().replace_all(&page, "… d ago").into_owned();
    let ages = regex::Regex::new(" (age|oldest) +").unwrap().replace_all(&ages, " $1 ").into_owned();
    insta::assert_snapshot!(ages, @r#"
        AccountMissing: no account �]0;owned� for �31m customer
        signature 8f3a · 1 failure · all that was seen

          failures    1  first 2025-11-20 10:41:11.120 UTC, last … d ago
          state       1  ✗ 1 dead  █▁▁▁▁▁▁▁▁▁▁▁  loyalty
          group       1  loyalty, named by the record
          from        1  order.placed began it
          origin      1  loyalty is the topic of what failed
          unattended  1  no group has passed their dead letters, and nothing has healed them

        What hangs on it
          1 conversation of 3 events
          began with 1 order.placed
          what usually follows is not known, or all of it came: usual is what 95 % of at least 20 others
          have

        Parked
          parked 1 dead letter on 1 topic, 14 B, the oldest … d ago; 1 passed by no group; how long the
          log keeps them is not known
          count  topic        size     oldest passed by none  lost from the log
              1  loyalty.dlt  14 B  … d ago               1  ? not known

        Latest
          record                 age what failed  root        group    attempts  state
          loyalty.dlt/0/0  … d ago  loyalty/0/0  orders/0/0  loyalty         4  ✗ dead

        The latest, record by record
          record           what         attempt  time (UTC)               after the first  back-off
          loyalty/0/0      what failed        -  2025-11-20 10:41:07.620                -         -
          loyalty.dlt/0/0  dead letter        4  2025-11-20 10:41:11.120           3.50 s    3.50 s

          seen   80 % of offsets in 3 partitions of 3 topics; not seen: 1 aborted (these hold no events)
          only failures that left a record are counted: a lower bound

        Next
          headwater trace loyalty.dlt/0/0 --db small.duckdb
          headwater explain loyalty.dlt/0/0 --db small.duckdb
          headwater failures --signature 8f3a --redrive --db small.duckdb
        "#);
    assert!(!page.contains(['\u{1b}', '\u{9b}', '\u{7}']));
    let page = json(&["failures", "--signature", "8f3a"]);
    assert_eq!(page["signature"], "8f3a");
    assert_eq!(page["samples"][0]["root_coordinates"], "orders/0/0");
    assert_eq!(page["blast"][0]["what"], "failure");
    assert!(answer(&["failures", "--signature", "8f3a", "--format", "markdown"]).starts_with("# AccountMissing"));
    let (code, out, errors) = ask(&["failures", "--signature", "9"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(errors.contains("no failure has a signature that begins with `9`"), "{errors}");
}

#[test]
fn what_should_be_given_again_is_one_object_a_line() {
    let (code, out, errors) = ask(&["failures", "--redrive"]);
    assert!(code == 0 && errors.contains("1 record to give again"), "{errors}");
    let line: Value = serde_json::from_str(out.trim_end()).unwrap();
    assert_eq!((&line["dead_letter_topic"], &line["dead_letter_offset"]), (&"loyalty.dlt".into(), &0.into()));
    assert_eq!((&line["origin_coordinates"], &line["consumer_group"]), (&"loyalty/0/0".into(), &"loyalty".into()));
    assert_eq!((&line["reason"], &line["type"]), (&"effects_unknown".into(), &"points.requested".into()));
    let (code, out, _) = ask(&["failures", "--redrive", "--since", "1s"]);
    assert_eq!((code, out.as_str()), (0, ""));
}

#[test]
fn nothing_new_can_come_of_a_closed_file() {
    let (code, out, errors) = ask(&["failures", "--watch"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(errors.contains("is a closed file: nothing new can come"), "{errors}");
}

#[test]
fn sql_answers_in_every_format() {
    let question = "select ref, topic, time, type from event order by ref limit 1";
    let reference = at(1, 0).0;
    assert!(answer(&["sql", question]).ends_with("(1 row)\n"));
    assert_eq!(json(&["sql", question])[0]["ref"], reference.to_string());
    assert_eq!(
        answer(&["sql", question, "--format", "ndjson"]),
        format!(
            "{{\"ref\":\"{reference}\",\"time\":\"2025-11-20T10:41:07.12Z\",\"topic\":\"orders\",\"type\":\"order.placed\"}}\n"
        )
    );
    let (code, csv, _) = ask(&["sql", question, "--format", "csv"]);
    assert_eq!(
        (code, csv),
        (0, format!("ref,topic,time,type\r\n{reference},orders,2025-11-20T10:41:07.12Z,order.placed\r\n"))
    );
    let (code, out, errors) = ask(&["sql", "drop table event_row"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(errors.starts_with("headwater: sql: "), "{errors}");
}

#[test]
fn a_file_in_the_folder_is_read_when_no_tap_runs() {
    let folder = folder("beside");
    std::fs::copy(database(), folder.join("headwater.duckdb")).unwrap();
    // A port that nobody listens on, so that a tap on this machine is not asked.
    std::fs::write(
        folder.join("headwater.run"),
        r#"{"url":"postgres://127.0.0.1:1/headwater","pid":1,"database":"x"}"#,
    )
    .unwrap();
    let output = headwater(&["failures"]).current_dir(&folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("no tap runs here; reading the file"), "{errors}");
}
