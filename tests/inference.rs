//! Causes inside a trace, concluded through the front door, against what is known to be true.
//!
//! `HEADWATER_CAPTURES=DIR` scores every capture in a folder (`records.ndjson`, `internal.ndjson` and `truth.json` each) as it
//! is, and with half and all of its causation ids taken away, with and without what its groups read.

use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{Outgoing, Writer, create_topic};
use crate::support::program::{Door, Program, answer, number, sql};
use crate::support::{Folder, poll_until};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a tap may take to learn on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// Share of conclusions that must be right.
const PRECISION: f64 = 0.98;

#[derive(Deserialize)]
struct Truth {
    records: Vec<TrueRecord>,
}

#[derive(Deserialize)]
struct TrueRecord {
    topic: String,
    partition: i64,
    offset: i64,
    cause: Option<Place>,
}

#[derive(Deserialize)]
struct Place {
    topic: String,
    partition: i64,
    offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// What came of one import.
#[derive(Debug, Default)]
struct Score {
    /// Effects with one concluded cause, and those where it is the true one.
    concluded: usize,
    right: usize,
    /// Effects with several that may be, and those where the true one is among them.
    ambiguous: usize,
    among: usize,
    /// Records whose true cause has their trace, and those that lead to it.
    in_trace: usize,
    found_in_trace: usize,
    /// Records with a true cause, and those that lead to it.
    all: usize,
    found: usize,
    /// Records of `in_trace` for which the record before them in the trace is the cause.
    nearest: usize,
    wrong: Vec<String>,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        write!(
            f,
            "concluded {}, precision {:.4}; ambiguous {} (the true one among {}); recall in traces {}/{} = {:.3} (the \
             record before: {:.3}), over all causes {}/{} = {:.3}",
            self.concluded,
            share(self.right, self.concluded),
            self.ambiguous,
            self.among,
            self.found_in_trace,
            self.in_trace,
            share(self.found_in_trace, self.in_trace),
            share(self.nearest, self.in_trace),
            self.found,
            self.all,
            share(self.found, self.all)
        )
    }
}

/// `causes`: the true cause of each record that has one, by coordinates.
fn score(folder: &Folder, files: &[PathBuf], causes: &HashMap<String, String>) -> Score {
    let mut arguments = vec!["import", "--db", "tap.duckdb"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    answer(folder.path(), &arguments);
    let database = folder.file("tap.duckdb");
    let ask = |question: &str| sql(folder.path(), Door::File(&database), question);
    let place = |alias: &str| format!("{alias}.topic || '/' || {alias}.partition || '/' || {alias}.\"offset\"");
    let edges = ask(&format!(
        "SELECT {}, {}, c.evidence FROM cause c JOIN event e ON e.ref = c.effect JOIN event o ON o.ref = c.cause",
        place("e"),
        place("o")
    ));
    let mut told: HashMap<&str, (Vec<&str>, Vec<&str>)> = HashMap::new();
    for edge in &edges {
        let (named, concluded) = told.entry(&edge[0]).or_default();
        if edge[2] == "trace_order" { concluded.push(&edge[1]) } else { named.push(&edge[1]) }
    }
    let events = ask(&format!("SELECT {}, e.trace_id FROM event e ORDER BY e.seen_time, e.record_time", place("e")));
    let mut traces: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut before: HashMap<&str, (&str, Option<&str>)> = HashMap::new();
    for event in events.iter().filter(|event| !event[1].is_empty() && event[1] != "null") {
        let trace = traces.entry(&event[1]).or_default();
        before.insert(&event[0], (&event[1], trace.last().copied()));
        trace.push(&event[0]);
    }
    let mut score = Score::default();
    for event in &events {
        let event = event[0].as_str();
        let cause = causes.get(event).map(String::as_str);
        let (named, concluded) = told.get(event).cloned().unwrap_or_default();
        match concluded[..] {
            [] => {}
            [one] => {
                score.concluded += 1;
                score.right += usize::from(Some(one) == cause);
                if Some(one) != cause {
                    score.wrong.push(format!("{event} <- {one}, not {cause:?}"));
                }
            }
            _ => {
                score.ambiguous += 1;
                score.among += usize::from(cause.is_some_and(|cause| concluded.contains(&cause)));
            }
        }
        let Some(cause) = cause else { continue };
        let leads = named.contains(&cause) || (named.is_empty() && concluded == [cause]);
        score.all += 1;
        score.found += usize::from(leads);
        let trace = |event: &str| before.get(event).map(|(trace, _)| *trace);
        if trace(event).is_some() && trace(event) == trace(cause) {
            score.in_trace += 1;
            score.found_in_trace += usize::from(leads);
            score.nearest += usize::from(before.get(event).is_some_and(|(_, last)| *last == Some(cause)));
        }
    }
    score
}

fn names_a_cause(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.to_ascii_lowercase().ends_with("causationid")
}

/// The flow of a record: its correlation id, else its trace, else itself.
fn flow_of(record: &Value, body: Option<&Value>) -> String {
    let headers = record["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pairs = || headers.chunks(2).filter_map(|pair| Some((pair[0].as_str()?, pair.get(1)?.as_str()?)));
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_'], "");
    let correlation =
        pairs().find(|(name, _)| plain(name).ends_with("correlationid")).map(|(_, value)| value.to_owned());
    let in_body = || body?.get("correlationid")?.as_str().map(str::to_owned);
    let trace =
        || pairs().find(|(name, _)| *name == "traceparent").and_then(|(_, value)| value.get(3..35)).map(str::to_owned);
    correlation.or_else(in_body).or_else(trace).unwrap_or_else(|| record["offset"].to_string())
}

/// Takes the causation ids of a share of the flows away, always of the same ones.
fn hide(lines: &str, share: f64) -> String {
    let mut random = fastrand::Rng::with_seed(1);
    let mut hidden: BTreeMap<String, bool> = BTreeMap::new();
    let mut out = String::new();
    for line in lines.lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let mut body = record["payload"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let hide = *hidden.entry(flow_of(&record, body.as_ref())).or_insert_with(|| random.f64() < share);
        if hide {
            let stays: Vec<bool> = record["headers"]
                .as_array()
                .map(|headers| headers.chunks(2).map(|pair| !names_a_cause(pair[0].as_str().unwrap())).collect())
                .unwrap_or_default();
            for list in ["headers", "headers_b64"] {
                if let Some(headers) = record[list].as_array_mut() {
                    let mut place = 0;
                    headers.retain(|_| {
                        place += 1;
                        stays[(place - 1) / 2]
                    });
                }
            }
            if let Some(members) = body.as_mut().and_then(Value::as_object_mut)
                && members.remove("causationid").is_some()
            {
                record["payload"] = json!(body.unwrap().to_string());
                record.as_object_mut().unwrap().remove("payload_b64");
            }
        }
        out.push_str(&record.to_string());
        out.push('\n');
    }
    out
}

/// Scenario: captures of real frameworks, as they are and with causation ids taken away, with and without commits.
/// Guarantees: what is concluded is right; recall is printed.
#[test]
fn captures_with_hidden_causes() {
    let Ok(captures) = std::env::var("HEADWATER_CAPTURES") else {
        eprintln!("not run: HEADWATER_CAPTURES names no folder of whole captures");
        return;
    };
    let folders: BTreeSet<_> = std::fs::read_dir(&captures).unwrap().map(|entry| entry.unwrap().path()).collect();
    for capture in folders.iter().filter(|path| path.join("truth.json").exists()) {
        let truth: Truth = serde_json::from_str(&std::fs::read_to_string(capture.join("truth.json")).unwrap()).unwrap();
        let place = |record: &TrueRecord| format!("{}/{}/{}", record.topic, record.partition, record.offset);
        let caused =
            truth.records.iter().filter_map(|record| Some((place(record), record.cause.as_ref()?.to_string())));
        let causes: HashMap<String, String> = caused.collect();
        let lines = std::fs::read_to_string(capture.join("records.ndjson")).unwrap();
        let name = Path::new(capture.file_name().unwrap()).display().to_string();
        for share in [0.0, 0.5, 1.0] {
            for groups in [false, true] {
                let folder = Folder::new("inference");
                let hidden = folder.file("hidden.ndjson");
                std::fs::write(&hidden, hide(&lines, share)).unwrap();
                let internal = capture.join("internal.ndjson");
                let files: Vec<PathBuf> = [hidden].into_iter().chain(groups.then_some(internal)).collect();
                let score = score(&folder, &files, &causes);
                eprintln!(
                    "{name}, {:.0} % hidden, {}: {score}",
                    share * 100.0,
                    if groups { "groups" } else { "no groups" }
                );
                assert!(score.right as f64 >= PRECISION * score.concluded as f64, "{:#?}", score.wrong);
            }
        }
    }
}

/// A shop that names no causes: an order is paid and cooked, each is mailed; the mail of a payment carries its key.
fn shop(flows: u64) -> (String, HashMap<String, String>) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut records: Vec<(i64, &str, u64, u64, Option<usize>)> = Vec::new();
    for flow in 0..flows {
        let start = 1_700_000_000_000 + 40 * flow as i64;
        let order = records.len();
        records.push((start, "orders", flow, 0, None));
        for (topic, fails) in [("payments", 7), ("kitchen", 5)] {
            if random.u64(..fails) > 0 {
                let made = records.len();
                let at = start + random.i64(8..300);
                records.push((at, topic, flow, made as u64, Some(order)));
                records.push((at + random.i64(5..80), "mails", flow, made as u64, Some(made)));
            }
        }
    }
    let mut by_time: Vec<usize> = (0..records.len()).collect();
    by_time.sort_by_key(|at| records[*at].0);
    let mut next: HashMap<&str, u64> = HashMap::new();
    let mut places = vec![String::new(); records.len()];
    let mut lines = String::new();
    for at in by_time {
        let (ms, topic, flow, key, _) = records[at];
        let offset = next.entry(topic).or_default();
        places[at] = format!("{topic}/0/{offset}");
        let traceparent = format!("00-{:032x}-{:016x}-01", flow + 1, at + 1);
        let headers = json!(["traceparent", traceparent, "message-type", topic]);
        let line = json!({"topic": topic, "partition": 0, "offset": *offset, "ts": ms, "key": format!("k{key}"),
            "payload": "{}", "headers": headers});
        *offset += 1;
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    let caused =
        records.iter().zip(&places).filter_map(|(record, place)| Some((place.clone(), places[record.4?].clone())));
    (lines, caused.collect())
}

/// Scenario: a shop without a single causation id, and with the commits of its groups.
/// Guarantees: each cause is found from the order of things alone; nothing is concluded that is not so.
#[test]
fn a_shop_that_names_no_cause() {
    let (mut lines, causes) = shop(150);
    for (group, topics) in
        [("payment", vec!["orders"]), ("kitchen", vec!["orders"]), ("mail", vec!["payments", "kitchen"])]
    {
        for topic in topics {
            let commit = json!({"commit": {"group": group, "topic": topic, "partition": 0, "offset": 1, "ts": 1_700_000_100_000i64}});
            lines.push_str(&format!("{commit}\n"));
        }
    }
    let folder = Folder::new("inference");
    std::fs::write(folder.file("shop.ndjson"), lines).unwrap();
    let score = score(&folder, &[folder.file("shop.ndjson")], &causes);
    eprintln!("{score}");
    assert_eq!(score.wrong, Vec::<String>::new());
    assert!(score.found_in_trace as f64 >= 0.95 * score.in_trace as f64, "{score}");
    assert!(score.nearest < score.found_in_trace, "the record before would have done as well");
    let database = folder.file("tap.duckdb");
    let counts = sql(folder.path(), Door::File(&database), "SELECT count(*) FROM event WHERE resolution = 'inferred'");
    assert_eq!(counts[0][0], (score.concluded + score.ambiguous).to_string(), "each such event says so");
    let counts = sql(folder.path(), Door::File(&database), "SELECT CAST(sum(inferred) AS BIGINT) FROM minute");
    assert_eq!(counts[0][0], (score.concluded + score.ambiguous).to_string(), "and is counted by itself");
}

/// Scenario: the same shop, whose records lie on a real cluster, read once by a tap; nothing is written any more.
/// Guarantees: causes are concluded while the tap runs, and are those of the truth.
#[test]
fn a_shop_on_a_real_cluster() {
    // No groups on it: on a cluster with some, topics that none reads cause nothing.
    let Some(kafka) = RealKafka::start(Options::default()) else { return };
    let (lines, causes) = shop(150);
    let prefix = "inference-";
    let folder = Folder::new("inference");
    for topic in ["orders", "payments", "kitchen", "mails"] {
        create_topic(&kafka.bootstrap, &format!("{prefix}{topic}"), 1);
    }
    let writer = Writer::new(&kafka.bootstrap, "none");
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let headers = record["headers"].as_array().unwrap();
        let outgoing = Outgoing {
            partition: 0,
            key: Some(text(&record["key"]).into_bytes()),
            value: Some(text(&record["payload"]).into_bytes()),
            headers: headers.chunks(2).map(|pair| (text(&pair[0]), Some(text(&pair[1]).into_bytes()))).collect(),
            timestamp_ms: record["ts"].as_i64(),
        };
        writer.send(&format!("{prefix}{}", text(&record["topic"])), &outgoing);
    }
    writer.flush();
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &["--from", "earliest", "--topics", "inference-.*"]);
    let counted = || number(folder.path(), Door::Url(&url), "SELECT count(*) FROM event WHERE resolution = 'inferred'");
    poll_until("conclusions", PATIENCE, || (counted() as usize * 10 >= causes.len() * 9).then_some(()));
    let edges = sql(
        folder.path(),
        Door::Url(&url),
        "SELECT e.topic || '/' || e.partition || '/' || e.\"offset\", o.topic || '/' || o.partition || '/' || o.\"offset\"
         FROM cause c JOIN event e ON e.ref = c.effect JOIN event o ON o.ref = c.cause WHERE c.evidence = 'trace_order'",
    );
    let wrong = edges.iter().filter(|edge| {
        let plain = |at: usize| edge[at].trim_start_matches(prefix).to_owned();
        causes.get(&plain(0)) != Some(&plain(1))
    });
    assert_eq!(wrong.count(), 0);
    tap.stop();
}
