//! What producers declared is what comes back: exactly the edges that were written, none missing, none extra.

use crate::support::generate::{Edge, Stream};
use crate::support::kafka::RealKafka;
use crate::support::program::{Door, Program, answer, number, sql};
use crate::support::{Folder, poll_until, seed};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Events of the two proofs.
const EVENTS: usize = 100_000;
/// How long a tap may take for them on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// No new edge for so long, and none will come: barriers are sampled every few seconds.
const STANDSTILL: Duration = Duration::from_secs(20);

#[test]
fn a_capture_comes_back_as_exactly_the_edges_written() {
    let stream = Stream::new("", EVENTS, seed("capture"));
    let folder = Folder::new("edges");
    stream.capture(&folder.file("stream.ndjson"));
    answer(folder.path(), &["import", "stream.ndjson", "--db", "tap.duckdb"]);
    assert_graph(folder.path(), &stream);

    // A second import of the same records doubles nothing.
    answer(folder.path(), &["import", "stream.ndjson", "--db", "tap.duckdb"]);
    assert_graph(folder.path(), &stream);
}

#[test]
fn a_tapped_cluster_comes_back_as_exactly_the_edges_written() {
    let Some(kafka) = RealKafka::shared() else { return };
    let stream = Stream::new("edges-", EVENTS, seed("tap"));
    stream.create_topics(&kafka.bootstrap);
    stream.produce(&kafka.bootstrap);
    let folder = Folder::new("edges");
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &["--from", "earliest", "--topics", "edges-.*"]);
    await_graph(folder.path(), &url, &stream);
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    assert_graph(folder.path(), &stream);
}

/// Waits until a running tap has all events, and as many edges as were written or no new one for a while: which are
/// wrong is then for [`assert_graph`] to say.
pub fn await_graph(folder: &Path, url: &str, stream: &Stream) {
    let door = Door::Url(url);
    let count = |view: &str| number(folder, door, &format!("SELECT count(*) FROM {view}"));
    poll_until("all events", PATIENCE, || (count("event") >= stream.len() as i64).then_some(()));
    let written = stream.edges().len() as i64;
    let (mut edges, mut since) = (0, Instant::now());
    poll_until("the last edges", PATIENCE, || {
        let now = count("cause");
        if now != edges {
            (edges, since) = (now, Instant::now());
        }
        (now >= written || since.elapsed() > STANDSTILL).then_some(())
    });
}

/// Asserts that the closed `tap.duckdb` in `folder` holds each event once and exactly the edges of `stream`.
pub fn assert_graph(folder: &Path, stream: &Stream) {
    let file = folder.join("tap.duckdb");
    let door = Door::File(&file);
    let events = stream.len() as i64;
    assert_eq!(number(folder, door, "SELECT count(*) FROM event"), events, "events");
    assert_eq!(number(folder, door, "SELECT count(DISTINCT ref) FROM event"), events, "different events");
    assert_eq!(number(folder, door, "SELECT sum(seen) FROM coverage WHERE reason IS NULL"), events, "seen");

    // An edge whose end is no event has NULLs and so is an extra one.
    let rows = sql(
        folder,
        door,
        "SELECT e.topic, e.partition, e.\"offset\", c.topic, c.partition, c.\"offset\", k.evidence, k.class FROM cause k \
         LEFT JOIN event e ON e.ref = k.effect LEFT JOIN event c ON c.ref = k.cause",
    );
    let written = stream.edges();
    let found: BTreeSet<Edge> = rows.iter().map(|row| (row[..3].join("/"), row[3..6].join("/"))).collect();
    let missing: Vec<&Edge> = written.difference(&found).collect();
    let extra: Vec<&Edge> = found.difference(&written).collect();
    let verdicts = |edges: &[&Edge]| -> Vec<String> {
        edges.iter().take(3).map(|edge| format!("{edge:?} {}", verdict(folder, door, &edge.0))).collect()
    };
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{} edges are missing, such as {:#?}; {} are extra, such as {:#?}",
        missing.len(),
        verdicts(&missing),
        extra.len(),
        verdicts(&extra)
    );
    assert_eq!(rows.len(), written.len(), "no edge comes twice");
    assert!(rows.iter().all(|row| row[6..] == ["causation_id", "declared"]), "evidence and class of all edges");

    let roots = sql(folder, door, "SELECT resolution, count(*) FROM event GROUP BY 1 ORDER BY 1");
    let expected: Vec<Vec<String>> =
        [("caused", written.len()), ("root", stream.own_roots()), ("unlinked", stream.silent_roots())]
            .iter()
            .map(|(resolution, count)| vec![(*resolution).to_owned(), count.to_string()])
            .collect();
    assert_eq!(roots, expected, "resolutions");
}

/// What is said of the cause of the event at `coordinates`, for people who have to find out.
fn verdict(folder: &Path, door: Door<'_>, coordinates: &str) -> String {
    let parts: Vec<&str> = coordinates.rsplitn(3, '/').collect();
    let [offset, partition, topic] = parts[..] else { panic!("{coordinates}") };
    let place = format!("topic = '{topic}' AND partition = {partition} AND \"offset\" = {offset}");
    let query = format!("SELECT resolution, coalesce(orphan_reason, '') FROM event WHERE {place}");
    format!("{:?}", sql(folder, door, &query))
}
