//! Failures as data: what lies in the log and what groups commit, and what the program must say of it. Each
//! `tests/scenarios/failure_*.toml` is one situation, written as a capture, imported and asked by the real binary; those that
//! say `any_order` are read in other orders of the partitions besides.
//!
//! Proves: decoding, joining, settling, storing and telling of failures, in one. Does not prove: reading from a cluster.

use super::support::program::{Door, answer, sql};
use super::support::{Folder, seed};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Orders in which a situation of any order is read, beside its own.
const ORDERS: usize = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Situation {
    about: String,
    #[serde(default)]
    any_order: bool,
    /// `headwater.toml`.
    config: Option<String>,
    steps: Vec<Step>,
    #[serde(default)]
    failures: Vec<String>,
    /// Only so many of them, where there are many.
    failure_records: Option<usize>,
    #[serde(default)]
    ask: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sql: String,
    is: Vec<String>,
}

/// A record, a commit (`group topic/partition/offset`, the next one that it will read), or where a log begins and ends
/// (`topic/partition/start/end`).
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields, default)]
struct Step {
    at: String,
    committed: Option<String>,
    log: Option<String>,
    ms: i64,
    /// When the tap saw it, if that was not at once.
    seen: Option<i64>,
    key: Option<String>,
    value: Option<String>,
    /// So many of them, each with the next offset, and in texts its number in the place of `#` and words of its own in that of `?`.
    times: Option<i64>,
    id: Option<String>,
    r#type: Option<String>,
    causation: Option<String>,
    correlation: Option<String>,
    /// Coordinates of the record that failed, as Spring's recoverer writes them.
    failed: Option<String>,
    group: Option<String>,
    /// Class and message of the error, parted by `: `.
    error: Option<String>,
    /// Attempts made, as Spring's retry topics count.
    attempt: Option<i64>,
    /// Further headers, `i32:` and `i64:` before a number make it binary.
    headers: Vec<[String; 2]>,
}

fn place(at: &str) -> (&str, i64, i64) {
    let mut parts = at.rsplitn(3, '/');
    let mut number = || parts.next().unwrap().parse().unwrap();
    let (offset, partition) = (number(), number());
    (parts.next().unwrap(), partition, offset)
}

fn bytes(value: &str) -> Vec<u8> {
    match value.split_once(':') {
        Some(("i32", number)) => number.parse::<i32>().unwrap().to_be_bytes().to_vec(),
        Some(("i64", number)) => number.parse::<i64>().unwrap().to_be_bytes().to_vec(),
        _ => value.as_bytes().to_vec(),
    }
}

/// Words that nobody else has.
fn letters(number: i64) -> String {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let mut word = || (0..random.usize(3..9)).map(|_| random.lowercase()).collect::<String>();
    (0..6).map(|_| word()).collect::<Vec<_>>().join(" ")
}

impl Step {
    fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let mut headers = Vec::new();
        let mut add = |name: &str, value: Option<Vec<u8>>| headers.extend(value.map(|value| (name.to_owned(), value)));
        let text = |value: &Option<String>| value.as_ref().map(|value| value.as_bytes().to_vec());
        add("message-id", text(&self.id));
        add("message-type", text(&self.r#type));
        add("causation-id", text(&self.causation));
        add("correlation-id", text(&self.correlation));
        if let Some(failed) = &self.failed {
            let (topic, partition, offset) = place(failed);
            add("kafka_dlt-original-topic", Some(topic.as_bytes().to_vec()));
            add("kafka_dlt-original-partition", Some((partition as i32).to_be_bytes().to_vec()));
            add("kafka_dlt-original-offset", Some(offset.to_be_bytes().to_vec()));
        }
        add("kafka_dlt-original-consumer-group", text(&self.group));
        let error = self.error.as_ref().map(|error| error.split_once(": ").unwrap_or((error, "")));
        add("kafka_dlt-exception-fqcn", error.map(|(class, _)| class.as_bytes().to_vec()));
        add("kafka_dlt-exception-message", error.map(|(_, message)| message.as_bytes().to_vec()));
        // The header names the attempt that comes next.
        add("retry_topic-attempts", self.attempt.map(|attempt| (attempt as i32 + 1).to_be_bytes().to_vec()));
        self.headers.iter().for_each(|[name, value]| add(name, Some(bytes(value))));
        headers
    }

    fn numbered(&self, number: i64) -> Self {
        let mut step = self.clone();
        let (topic, partition, offset) = place(&self.at);
        step.at = format!("{topic}/{partition}/{}", offset + number);
        if let Some(failed) = &self.failed {
            let (topic, partition, offset) = place(failed);
            step.failed = Some(format!("{topic}/{partition}/{}", offset + number));
        }
        let texts = [&mut step.key, &mut step.value, &mut step.id, &mut step.causation, &mut step.error];
        for text in texts.into_iter().flatten() {
            *text = text.replace('#', &number.to_string()).replace('?', &letters(number));
        }
        step
    }

    /// The lines of a capture.
    fn lines(&self) -> Vec<Value> {
        if let Some(committed) = &self.committed {
            let (group, at) = committed.rsplit_once(' ').unwrap();
            let (topic, partition, offset) = place(at);
            let commit =
                json!({"group": group, "topic": topic, "partition": partition, "offset": offset, "ts": self.ms});
            return vec![json!({ "commit": commit })];
        }
        if let Some(log) = &self.log {
            let (at, end) = log.rsplit_once('/').unwrap();
            let (topic, partition, start) = place(at);
            let end: i64 = end.parse().unwrap();
            let log = json!({"topic": topic, "partition": partition, "start": start, "end": end, "ts": self.ms});
            return vec![json!({ "end": log })];
        }
        (0..self.times.unwrap_or(1)).map(|number| self.numbered(number).line()).collect()
    }

    fn line(&self) -> Value {
        let (topic, partition, offset) = place(&self.at);
        let mut headers = Vec::new();
        for (name, value) in self.headers() {
            headers.push(name);
            headers.push(STANDARD.encode(value));
        }
        let mut line = json!({
            "topic": topic, "partition": partition, "offset": offset, "ts": self.ms, "tstype": "create",
            "captured_ms": self.seen.unwrap_or(self.ms), "key": self.key, "payload": self.value,
        });
        if !headers.is_empty() {
            line["headers_b64"] = headers.into();
        }
        line
    }
}

const FAILURES: &str = "
    SELECT
        coordinates_name(e.topic, e.partition, e.\"offset\"),
        f.kind,
        f.state,
        'of ' || coalesce(coordinates_name(f.origin_topic, f.origin_partition, f.origin_offset), '?'),
        'from ' || coalesce(coordinates_name(r.topic, r.partition, r.\"offset\"), '?'),
        'by ' || coalesce(
            f.consumer_group || ' (' || f.group_evidence || ')',
            array_to_string(list_sort(f.candidate_groups), ' or '),
            '?'),
        CASE WHEN f.origin_evidence = 'same_value' THEN 'same value ' || f.origin_confidence ELSE '' END,
        CASE WHEN f.attempt IS NULL THEN '' ELSE 'attempt ' || f.attempt END,
        CASE WHEN f.healed_evidence IS NULL THEN ''
            ELSE f.healed_evidence || ' ' || coordinates_name(h.topic, h.partition, h.\"offset\") END,
        CASE WHEN f.orphan_reason IS NULL THEN '' ELSE 'orphaned ' || f.orphan_reason END,
        CASE WHEN f.attended_by IS NULL THEN '' ELSE 'attended by ' || f.attended_by END
    FROM failure f
    JOIN event e ON e.ref = f.ref
    LEFT JOIN event r ON r.ref = f.root
    LEFT JOIN event h ON h.ref = f.healed_by
    ORDER BY e.topic, e.partition, e.\"offset\"";

fn rows(folder: &Path, file: &Path, query: &str) -> Vec<String> {
    let words = |row: Vec<String>| {
        row.into_iter().filter(|word| !word.is_empty() && word != "\"\"").collect::<Vec<_>>().join(" ")
    };
    sql(folder, Door::File(file), query).into_iter().map(words).collect()
}

/// What is told otherwise than the situation says.
fn differences(situation: &Situation, lines: &[Value]) -> Vec<String> {
    let folder = Folder::new("situation");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(folder.file("capture.ndjson"), text.join("\n")).unwrap();
    std::fs::write(folder.file("headwater.toml"), situation.config.as_deref().unwrap_or_default()).unwrap();
    answer(folder.path(), &["import", "capture.ndjson", "--db", "h.duckdb"]);
    let file = folder.file("h.duckdb");
    let mut differences = Vec::new();
    let mut compare = |what: &str, seen: &[String], told: &[String]| {
        if seen != told {
            differences.push(format!("{what}\n    seen {seen:#?}\n    not  {told:#?}"));
        }
    };
    let failures = rows(folder.path(), &file, FAILURES);
    match situation.failure_records {
        Some(records) => compare("failures", &[failures.len().to_string()], &[records.to_string()]),
        None => compare("failures", &failures, &situation.failures),
    }
    for Question { sql, is } in &situation.ask {
        compare(sql, &rows(folder.path(), &file, sql), is);
    }
    differences
}

/// The steps in another order: each partition and each group keeps its own.
fn shuffled(steps: &[Step], random: &mut fastrand::Rng) -> Vec<Step> {
    let mut queues: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    for step in steps {
        let own = step.committed.as_deref().or(step.log.as_deref()).unwrap_or(&step.at);
        queues.entry(own.rsplit_once('/').unwrap().0.to_owned()).or_default().push(step.clone());
    }
    let mut queues: Vec<std::vec::IntoIter<Step>> = queues.into_values().map(Vec::into_iter).collect();
    let mut order = Vec::new();
    while !queues.is_empty() {
        let chosen = random.usize(..queues.len());
        match queues[chosen].next() {
            Some(step) => order.push(step),
            None => drop(queues.swap_remove(chosen)),
        }
    }
    order
}

/// Scenario: each situation, as it is written and, where that must not matter, in other orders.
/// Guarantees: every failure record has the state, origin, root, group and evidence that it says, and questions their answers.
#[test]
fn every_failure_is_told_as_it_is() {
    let only = std::env::var("HEADWATER_SITUATION").unwrap_or_default();
    let mut files: Vec<_> = std::fs::read_dir("tests/scenarios").unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("failure_"));
    files.sort();
    assert!(files.len() >= 25, "situations are gone");
    let mut random = fastrand::Rng::with_seed(seed("situations"));
    let mut complaints = Vec::new();
    for path in files.iter().filter(|path| path.to_string_lossy().contains(&only)) {
        let name = path.file_stem().unwrap().to_string_lossy();
        let situation: Situation = toml::from_str(&std::fs::read_to_string(path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = |steps: &[Step]| steps.iter().flat_map(Step::lines).collect::<Vec<_>>();
        let mut check = |order: &str, lines: &[Value]| {
            let differences = differences(&situation, lines);
            complaints.extend(differences.iter().map(|told| format!("{name}, {order}: {}\n{told}", situation.about)));
        };
        check("as written", &lines(&situation.steps));
        for number in 0..if situation.any_order { ORDERS } else { 0 } {
            check(&format!("order {number}"), &lines(&shuffled(&situation.steps, &mut random)));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}
