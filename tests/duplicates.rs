//! Events that came again: of the captures, and of a batch that a group ran twice.
//!
//! `HEADWATER_CAPTURES` may name a folder that holds the whole captures; of the small ones beside this test nothing is told,
//! since too few come once. Proves: recall and false ones against the truth; a rewind that the ledger saw is named; a fan-out
//! to several items is no duplicate.

use crate::support::Folder;
use crate::support::program::answer;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

const CAPTURES: [&str; 3] = ["kafkajs-otel", "python-cloudevents", "spring-retryable"];

fn path(capture: &str, whole: &str, part: &str) -> PathBuf {
    match std::env::var_os("HEADWATER_CAPTURES") {
        Some(folder) => PathBuf::from(folder).join(capture).join(whole),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{capture}.{part}")),
    }
}

fn place(at: &Value) -> String {
    format!("{}/{}/{}", at["topic"].as_str().unwrap(), at["partition"], at["offset"])
}

/// What came again by the truth: published twice under one id, and effects of one event made twice, by their topic, where
/// most events have one.
fn truth(capture: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = std::fs::read_to_string(path(capture, "truth.json", "truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&text).unwrap();
    let mut published = BTreeSet::new();
    let mut original: BTreeMap<String, String> = BTreeMap::new();
    for record in truth["records"].as_array().unwrap() {
        if record["kind"] == "duplicate" {
            published.insert(place(record));
            original.insert(place(record), place(&record["first_original"]));
        }
    }
    let mut effects: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for record in truth["records"].as_array().unwrap() {
        if record["kind"] == "event" && record["cause_original"].is_object() {
            let cause = place(&record["cause_original"]);
            let cause = original.get(&cause).cloned().unwrap_or(cause);
            effects.entry((record["topic"].as_str().unwrap().to_owned(), cause)).or_default().push(place(record));
        }
    }
    let twice = effects.into_iter().filter(|((topic, _), all)| all.len() > 1 && topic != "manifests");
    (published, twice.flat_map(|(_, all)| all).collect())
}

fn told(folder: &Folder, db: &str) -> Vec<Value> {
    let json = answer(folder.path(), &["sql", "FROM duplicates()", "--db", db, "--json"]);
    serde_json::from_str::<Value>(&json).unwrap().as_array().unwrap().clone()
}

#[test]
fn what_came_again_in_captures_is_told_and_nothing_else() {
    let whole = std::env::var_os("HEADWATER_CAPTURES").is_some();
    let folder = Folder::new("duplicates");
    for capture in CAPTURES {
        let records = path(capture, "records.ndjson", "ndjson").display().to_string();
        let internal = path(capture, "internal.ndjson", "internal.ndjson").display().to_string();
        answer(folder.path(), &["import", "--db", capture, &records, &internal]);
        let (published, twice) = truth(capture);
        let told = told(&folder, capture);
        let of = |kind: &str| -> BTreeSet<String> {
            let wanted = told.iter().filter(|row| row["kind"] == kind);
            wanted.map(|row| row["coordinates"].as_str().unwrap().to_owned()).collect()
        };
        let (ids, effects) = (of("same_id"), of("same_effect"));
        let causes: BTreeSet<&str> = told.iter().filter_map(|row| row["cause_coordinates"].as_str()).collect();
        println!(
            "{capture}: published twice {} of {} told, {} false; effects made twice {} told ({} causes), {} false",
            ids.intersection(&published).count(),
            published.len(),
            ids.difference(&published).count(),
            effects.len(),
            causes.len(),
            effects.difference(&twice).count(),
        );
        assert!(ids.is_subset(&published), "{capture}: {ids:?} are not all of {published:?}");
        assert!(effects.is_subset(&twice), "{capture}: {:?}", effects.difference(&twice));
        if whole {
            // Of the pairs that python publishes twice, one has no ids.
            let unnamed = usize::from(capture == "python-cloudevents");
            assert_eq!(ids.len() + unnamed, published.len(), "{capture}");
            // Of each pair the second is told; of the pair without ids, what it made is not known to be one.
            let of_unnamed = if capture == "python-cloudevents" { 2 } else { 0 };
            assert_eq!((effects.len() + of_unnamed) * 2, twice.len(), "{capture}: {:?}", twice.difference(&effects));
        }
    }
}

/// Payments 0 to 59 make one invoice and one to three items each; then the group goes back to 50 and makes ten again.
fn ran_twice() -> String {
    let mut out = String::new();
    let (mut at, mut invoices, mut items) = (1_700_000_000_000i64, 0, 0);
    let mut record = |out: &mut String, (topic, offset): (&str, i64), id: &str, cause: Option<&str>| {
        at += 10;
        let kind = format!("{topic}.made");
        let cause = cause.map(|cause| format!(r#","ce_causationid","{cause}""#)).unwrap_or_default();
        let headers = format!(r#""ce_specversion","1.0","ce_type","{kind}","ce_source","/s","ce_id","{id}"{cause}"#);
        let place = format!(r#""topic":"{topic}","partition":0,"offset":{offset}"#);
        writeln!(out, r#"{{{place},"ts":{at},"captured_ms":{at},"key":"k","payload":"{{}}","headers":[{headers}]}}"#)
            .unwrap();
        at
    };
    for n in 0..60 {
        record(&mut out, ("payments", n), &format!("p-{n}"), None);
    }
    let mut run = |out: &mut String, range: std::ops::Range<i64>, round: i64| {
        let mut last = 0;
        for n in range {
            let cause = format!("p-{n}");
            last = record(out, ("invoices", invoices), &format!("i-{round}-{n}"), Some(&cause));
            invoices += 1;
            for item in 0..=(n % 3) * (1 - round) {
                last = record(out, ("items", items), &format!("t-{round}-{n}-{item}"), Some(&cause));
                items += 1;
            }
        }
        last
    };
    let commit = |out: &mut String, offset: i64, ts: i64| {
        writeln!(
            out,
            r#"{{"commit":{{"group":"billing","topic":"payments","partition":0,"offset":{offset},"ts":{ts}}}}}"#
        )
        .unwrap();
    };
    let end = run(&mut out, 0..60, 0);
    commit(&mut out, 60, end + 1);
    commit(&mut out, 50, end + 2);
    let end = run(&mut out, 50..60, 1);
    commit(&mut out, 60, end + 3);
    out
}

#[test]
fn a_batch_that_ran_twice_is_told_with_the_rewind_and_a_fan_out_is_not() {
    let folder = Folder::new("duplicates");
    std::fs::write(folder.file("twice.ndjson"), ran_twice()).unwrap();
    answer(folder.path(), &["import", "--db", "x.duckdb", "twice.ndjson"]);
    let told = told(&folder, "x.duckdb");
    let invoices: Vec<&Value> = told.iter().filter(|row| row["topic"] == "invoices").collect();
    assert_eq!(invoices.len(), 10, "{told:#?}");
    for row in &invoices {
        assert_eq!(row["kind"], "same_effect");
        assert_eq!((&row["consumer_group"], &row["cause_topic"]), (&"billing".into(), &"payments".into()), "{row:#}");
        assert_eq!(
            (&row["from_offset"], &row["to_offset"], &row["nth"]),
            (&60.into(), &50.into(), &2.into()),
            "{row:#}"
        );
    }
    // The second run made one item of each: of these the ledger tells, of the fan-out before nothing is told.
    let items = told.iter().filter(|row| row["topic"] == "items");
    assert!(items.clone().all(|row| row["consumer_group"] == "billing"), "{told:#?}");
    let trace = answer(folder.path(), &["trace", "p-55", "--db", "x.duckdb"]);
    let line = trace.lines().find(|line| line.contains("invoices/0/65")).unwrap();
    assert!(line.contains("≡ again: its cause has invoices/0/55 already"), "{trace}");
    assert!(line.contains("billing payments/0 went back from 60 to 50 at"), "{trace}");
    let none = answer(folder.path(), &["sql", "FROM duplicates(until := '2020-01-01')", "--db", "x.duckdb", "--json"]);
    assert_eq!(none.trim(), "[]");
}
