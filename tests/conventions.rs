//! Real records of real frameworks decode to what their applications knew.
//!
//! `tests/captures` holds one or two records of every shape (topic, kind, header names) of three captures, stack traces
//! cut; `HEADWATER_CAPTURES` may name a folder that holds the whole ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use headwater::capture::{CapturedRecord, Line, read};
use headwater::decode::{CoordinatorRecord, Decoder, offset_commit};
use headwater::event::{Envelopes, HashKey, Kind, Origin, TopicPartition};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

const CAPTURES: [&str; 3] = ["kafkajs-otel", "python-cloudevents", "spring-retryable"];

#[derive(Deserialize)]
struct Truth {
    records: Vec<TrueRecord>,
}

#[derive(Deserialize)]
struct TrueRecord {
    topic: String,
    partition: i32,
    offset: i64,
    kind: String,
    event_id: Option<String>,
    first_original: Option<Coordinates>,
    group: Option<String>,
}

#[derive(Deserialize)]
struct Coordinates {
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Deserialize)]
struct Groups {
    groups: HashMap<String, Group>,
}

#[derive(Deserialize)]
struct Group {
    offsets: Vec<Committed>,
}

#[derive(Deserialize)]
struct Committed {
    topic: String,
    partition: i32,
    offset: i64,
    commit_ms: i64,
}

/// Where a file of a capture lies: beside this test, or in the folder of whole captures.
fn path(capture: &str, file: &str) -> PathBuf {
    match std::env::var_os("HEADWATER_CAPTURES") {
        Some(whole) => PathBuf::from(whole).join(capture).join(if file == "ndjson" { "records.ndjson" } else { file }),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{capture}.{file}")),
    }
}

fn open(capture: &str, file: &str) -> BufReader<File> {
    let path = path(capture, file);
    BufReader::new(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn each_record(capture: &str, file: &str, each: &mut dyn FnMut(&CapturedRecord<'_>)) {
    let summary = read(file, open(capture, file), &mut |line| match line {
        Line::Record(captured) => each(&captured),
        other => panic!("{other:?}"),
    })
    .unwrap();
    assert_eq!(summary.unread_lines, [], "{capture}");
    assert!(summary.records > 0);
}

/// What was decoded of one record, next to the truth.
#[derive(Default)]
struct Score {
    records: usize,
    ids: usize,
    failures: usize,
    origins: usize,
    groups: usize,
    wrong: Vec<String>,
}

impl Score {
    fn check(&mut self, into: &Envelopes, truth: &TrueRecord) {
        let row = &into.rows[0];
        let place = format!("{}/{}/{}", truth.topic, truth.partition, truth.offset);
        self.records += 1;
        let kind = match truth.kind.as_str() {
            "dead-letter" => Kind::DeadLetter,
            "retry" => Kind::Retry,
            "event" | "duplicate" => Kind::Event,
            other => panic!("{other}"),
        };
        if row.kind != kind {
            self.wrong.push(format!("{place}: {:?}, not {kind:?}", row.kind));
        }
        if let Some(expected) = &truth.event_id {
            self.ids += 1;
            let id = row.id.map(|id| id.text().unwrap_or_else(|| into.arena.get(row.texts[0]).to_owned()));
            if id.as_ref() != Some(expected) {
                self.wrong.push(format!("{place}: id {id:?}, not {expected}"));
            }
        }
        if let Some(notice) = row.notice.map(|notice| &into.notices[notice as usize]) {
            self.failures += 1;
            let first = truth.first_original.as_ref().unwrap();
            let expected = Origin { topic: first.topic.clone(), partition: first.partition, offset: first.offset };
            match &notice.origin {
                Some(origin) if *origin == expected => self.origins += 1,
                None if truth.topic == "orders.dead-letter" => {}
                other => self.wrong.push(format!("{place}: origin {other:?}, not {expected:?}")),
            }
            // The handler of dead letters is a group of its own; its record still names the one before.
            let group = truth.group.as_deref().map(|group| group.trim_end_matches("-dlt-handler"));
            match (&notice.group, group) {
                (Some(named), Some(group)) if named == group => self.groups += 1,
                (None, _) => {}
                other => self.wrong.push(format!("{place}: group {other:?}")),
            }
        }
    }
}

#[test]
fn captured_records_decode_to_the_truth() {
    for capture in CAPTURES {
        let truth: Truth = serde_json::from_reader(open(capture, "truth.json")).unwrap();
        let truth: HashMap<_, _> = truth
            .records
            .iter()
            .map(|record| ((record.topic.as_str(), record.partition, record.offset), record))
            .collect();
        let mut decoder = Decoder::new(HashKey([1; 16]), HashKey([2; 16]));
        let mut score = Score::default();
        each_record(capture, "ndjson", &mut |captured| {
            let partition = TopicPartition {
                cluster: capture.into(),
                topic: captured.topic.into(),
                topic_id: [0; 16],
                partition: captured.partition,
            };
            let mut into = Envelopes::default();
            decoder.decode(&partition, &captured.record, &mut into);
            score.check(&into, truth[&(captured.topic, captured.partition, captured.record.offset)]);
        });
        println!(
            "{capture}: {} records, {} with ids, {} failures, {} with origin, {} with group; wrong: {}",
            score.records,
            score.ids,
            score.failures,
            score.origins,
            score.groups,
            score.wrong.len()
        );
        assert_eq!(score.wrong, [""; 0], "{capture}");
        assert!(score.failures > 0 && score.ids > 0);
    }
}

#[test]
fn captured_commits_are_what_the_broker_says_of_its_groups() {
    for capture in CAPTURES {
        let mut last = HashMap::new();
        let mut others = 0;
        each_record(capture, "internal.ndjson", &mut |captured| match offset_commit(
            captured.record.key,
            captured.record.value,
        ) {
            CoordinatorRecord::Commit { commit, at } => {
                last.insert(
                    (commit.group.to_string(), commit.topic.to_string(), commit.partition),
                    (commit.offset, at),
                );
            }
            CoordinatorRecord::Other(_) | CoordinatorRecord::Members { .. } => others += 1,
            CoordinatorRecord::Unknown => panic!("unknown record at {}", captured.record.offset),
        });
        let truth: Groups = serde_json::from_reader(open(capture, "groups.json")).unwrap();
        let mut compared = 0;
        for (group, committed) in truth.groups {
            for Committed { topic, partition, offset, commit_ms } in committed.offsets {
                let (read, at) = last[&(group.clone(), topic.clone(), partition)];
                assert_eq!(
                    (read, at.map(|at| at.millis())),
                    (Some(offset), Some(commit_ms)),
                    "{group} {topic}/{partition}"
                );
                compared += 1;
            }
        }
        println!("{capture}: {compared} committed offsets compared, {others} records of other types");
        assert!(compared > 0 && others > 0);
    }
}
