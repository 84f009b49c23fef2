//! Both sources fill the same database from the same topics: every event, cause, failure and count, with transactions
//! of every codec, dead letters, and a tap that is killed in mid-run. Only the reasons that librdkafka hides differ.

use crate::support::generate::Stream;
use crate::support::kafka::RealKafka;
use crate::support::produce::{self, CODECS, Outgoing, Writer};
use crate::support::program::{Door, Program, number, sql};
use crate::support::{Folder, client, poll_until};
use headwater::kafka::Source;
use std::path::Path;
use std::time::Duration;

const EVENTS: usize = 20_000;
const DEAD_LETTERS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// What a database says, by coordinates: refs are numbers in the order of arrival.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "event",
        "SELECT topic, incarnation, \"partition\", \"offset\", time, record_time, kind, type, source, version, id, \
         trace_id, span_id, correlation_id, causation_id, convention, key_bytes, value_bytes, tombstone, orphan_reason, \
         CASE resolution WHEN 'inferred' THEN 'unlinked' ELSE resolution END FROM event ORDER BY 1, 2, 3, 4",
    ),
    (
        "cause",
        "SELECT e.topic, e.\"partition\", e.\"offset\", c.topic, c.\"partition\", c.\"offset\", evidence, class, confidence \
         FROM cause JOIN event e ON e.ref = effect JOIN event c ON c.ref = cause ORDER BY ALL",
    ),
    (
        "failure",
        "SELECT e.topic, e.\"partition\", e.\"offset\", f.kind, f.state, o.topic, o.\"partition\", o.\"offset\", \
         f.origin_evidence, f.consumer_group, f.attempt, f.error_class, f.error_message, f.signature, f.orphan_reason \
         FROM failure f JOIN event e ON e.ref = f.ref LEFT JOIN event o ON o.ref = f.origin ORDER BY ALL",
    ),
    (
        "coverage",
        "SELECT topic, \"partition\", CASE WHEN reason IN ('control', 'aborted', 'compacted') THEN \
         'compacted_or_transactional' ELSE reason END AS why, min(first_offset), max(next_offset), sum(seen)::BIGINT, \
         sum(missing)::BIGINT FROM coverage GROUP BY ALL ORDER BY ALL",
    ),
];

#[test]
fn both_sources_fill_the_same_database() {
    let Some(kafka) = RealKafka::shared() else { return };
    let stream = Stream::new("databases-", EVENTS, 11);
    stream.create_topics(&kafka.bootstrap);
    let dead = format!("{}-dlt", stream.topics[0]);
    produce::create_topic(&kafka.bootstrap, &dead, 1);
    let readable = fill(&kafka.bootstrap, &stream, &dead);
    let [native, second] = [Source::Native, Source::Librdkafka].map(|source| {
        let folder = Folder::new("databases");
        tap_with_a_kill(folder.path(), &kafka.bootstrap, source, readable);
        let file = folder.file("tap.duckdb");
        QUESTIONS.iter().map(|(_, query)| sql(folder.path(), Door::File(&file), query)).collect::<Vec<_>>()
    });
    for (((view, _), native), second) in QUESTIONS.iter().zip(&native).zip(&second) {
        let differs = native.iter().zip(second).find(|(a, b)| a != b);
        assert!(differs.is_none(), "{view}: native and librdkafka: {differs:?}");
        assert_eq!(native.len(), second.len(), "{view}");
        println!("{view}: {} rows are the same", native.len());
    }
    let [events, causes, failures, coverage] = &native[..] else { panic!("four views") };
    assert_eq!((events.len(), failures.len()), (readable, DEAD_LETTERS));
    assert!(causes.len() > EVENTS / 2, "{}", causes.len());
    let hidden = coverage.iter().filter(|row| row.iter().any(|cell| cell == "compacted_or_transactional")).count();
    assert!(hidden >= 3, "there was something to hide: {coverage:?}");
}

/// Plain records and transactions of each codec in turn, of which some abort; then dead letters that name their
/// origins. Gives how many can be read.
fn fill(bootstrap: &str, stream: &Stream, dead: &str) -> usize {
    let mut records = stream.records();
    let mut readable = 0;
    for (number, codec) in CODECS.iter().cycle().take(20).enumerate() {
        let plain = Writer::new(bootstrap, codec);
        for (topic, record) in records.by_ref().take(EVENTS / 40) {
            plain.send(&stream.topics[topic], &record);
            readable += 1;
        }
        plain.flush();
        let transactional = Writer::transactional(bootstrap, codec, &format!("databases-{number}"));
        let mut parts: [Vec<Outgoing>; 3] = Default::default();
        records.by_ref().take(EVENTS / 40).for_each(|(topic, record)| parts[topic].push(record));
        for (topic, part) in stream.topics.iter().zip(&parts) {
            // What is lost to an abort leaves effects whose causes never come, for both alike.
            transactional.transaction(topic, part, number % 5 != 3);
            readable += if number % 5 != 3 { part.len() } else { 0 };
        }
    }
    let writer = Writer::new(bootstrap, "lz4");
    for number in 0..DEAD_LETTERS {
        let header = |name: &str, value: &[u8]| (format!("kafka_dlt-{name}"), Some(value.to_vec()));
        let headers = vec![
            header("original-topic", stream.topics[0].as_bytes()),
            header("original-partition", &((number % 4) as i32).to_be_bytes()),
            header("original-offset", &(number as i64).to_be_bytes()),
            header("original-consumer-group", b"kitchen"),
            header("exception-fqcn", b"java.lang.IllegalStateException"),
            header("exception-message", format!("no table {number}").as_bytes()),
        ];
        writer.send(dead, &Outgoing { partition: 0, value: Some(b"{}".to_vec()), headers, ..Outgoing::default() });
    }
    writer.flush();
    readable + DEAD_LETTERS
}

/// A tap that is killed when it has committed something, goes on, and stops when it has everything.
fn tap_with_a_kill(folder: &Path, bootstrap: &str, source: Source, readable: usize) {
    let options = ["--from", "earliest", "--topics", "databases-.*", "--commit-interval", "100ms", "--metrics", "off"];
    let slow = [&options[..], &["--client", client(source), "--max-read", "500k"]].concat();
    let (tap, url) = Program::tap(folder, bootstrap, &slow);
    let count = |url: &str| number(folder, Door::Url(url), "SELECT count(*) FROM event");
    let before = poll_until("some events", PATIENCE, || Some(count(&url)).filter(|events| *events > 0));
    tap.kill();
    assert!(before < readable as i64, "it was killed in mid-run");
    let whole = [&options[..], &["--client", client(source)]].concat();
    let (tap, url) = Program::tap(folder, bootstrap, &whole);
    poll_until("all events", PATIENCE, || (count(&url) == readable as i64).then_some(()));
    let waiting = "SELECT count(*) FROM event WHERE resolution = 'waiting'";
    poll_until("the last verdicts", PATIENCE, || (number(folder, Door::Url(&url), waiting) == 0).then_some(()));
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}
