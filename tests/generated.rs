//! Streams with known truth through the whole tap: every named cause that is there is found, and no edge is wrong.

use crate::support::generator::{Declared, Made, Options, Preset, Source, Stream, capture, write_all};
use crate::support::kafka::RealKafka;
use crate::support::program::{Door, Program, answer, number, sql};
use crate::support::{Folder, poll_until, seed};
use headwater::event::EventRef;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

const EVENTS: u64 = 20_000;
/// How long a tap may take for them on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// No new edge for so long, and none will come: barriers are sampled every few seconds.
const STANDSTILL: Duration = Duration::from_secs(20);

/// A company small enough for one broker.
fn options(preset: Preset, seed: u64) -> Options {
    Options { topics: (16, 4), recreate: false, ..Options::new(preset, seed, EVENTS) }
}

#[test]
fn generated_captures_come_back_as_their_truth() {
    for preset in Preset::ALL {
        let options = options(preset, seed("generated capture"));
        let folder = Folder::new("generated");
        assert_eq!(capture(options, folder.path()), EVENTS);
        answer(folder.path(), &["import", "records.ndjson", "--db", "tap.duckdb"]);
        let mut stream = Stream::new(options);
        let made: Vec<Made> = stream.by_ref().collect();
        assert_truth(folder.path(), &stream, &made);
    }
}

#[test]
fn a_generated_stream_on_a_real_cluster_comes_back_as_its_truth() {
    let Some(kafka) = RealKafka::shared() else { return };
    let (stream, made) = write_all(options(Preset::Hostile, seed("generated stream")), &kafka.bootstrap);
    let folder = Folder::new("generated");
    let topics = ["--from", "earliest", "--topics", "(domain|service)-[0-9]+.*"];
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &topics);
    let count = |query: &str| number(folder.path(), Door::Url(&url), query);
    poll_until("all events", PATIENCE, || (count("SELECT count(*) FROM event") >= EVENTS as i64).then_some(()));
    let (mut waiting, mut since) = (0, Instant::now());
    poll_until("the last verdicts", PATIENCE, || {
        let now = count("SELECT count(*) FROM event WHERE resolution = 'waiting'");
        if now != waiting {
            (waiting, since) = (now, Instant::now());
        }
        (now == 0 || since.elapsed() > STANDSTILL).then_some(())
    });
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    assert_truth(folder.path(), &stream, &made);
}

/// The order of reading is one that a tap could see, and a wild one.
#[test]
fn a_hostile_stream_is_read_out_of_order() {
    let mut source = Source::new(Options::new(Preset::Hostile, 1, EVENTS));
    let (mut batch, mut read) = (Default::default(), BTreeSet::new());
    let mut early = 0;
    while source.fill(&mut batch, 1_000) {
        for made in &batch.records {
            early += usize::from(made.cause.is_some_and(|cause| !read.contains(&cause)));
            read.insert(made.reference);
        }
    }
    assert!(early > 100, "{early} effects came before their causes");
}

/// Asserts that the closed `tap.duckdb` in `folder` holds each record once, every named cause, and no other edge than a
/// true one.
fn assert_truth(folder: &Path, stream: &Stream, made: &[Made]) {
    let file = folder.join("tap.duckdb");
    let door = Door::File(&file);
    assert_eq!(number(folder, door, "SELECT count(*) FROM event"), made.len() as i64, "events");
    let name = |reference: EventRef| {
        let place = stream.places()[reference.ordinal().0 as usize];
        format!("{}/{}/{}", stream.topic_name(place.topic), place.partition, reference.offset())
    };
    let rows = sql(
        folder,
        door,
        "SELECT e.topic, e.partition, e.\"offset\", c.topic, c.partition, c.\"offset\" FROM cause k \
         LEFT JOIN event e ON e.ref = k.effect LEFT JOIN event c ON c.ref = k.cause WHERE k.class = 'declared'",
    );
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        found.entry(row[..3].join("/")).or_default().insert(row[3..].join("/"));
    }
    // Each publication of an event stands for it.
    let mut published: HashMap<EventRef, BTreeSet<String>> = HashMap::new();
    for made in made {
        if let Some(holder) = made.holder {
            published.entry(holder).or_default().insert(name(made.reference));
        }
    }
    let (mut wrong, mut missing, mut right) = (Vec::new(), Vec::new(), 0);
    for made in made {
        let seen = found.remove(&name(made.reference)).unwrap_or_default();
        let named = match made.declared {
            Declared::Names(named) => Some(named),
            _ => None,
        };
        let mut truth = BTreeSet::new();
        for cause in [named, made.cause, made.cause_first, made.also].into_iter().flatten() {
            truth.insert(name(cause));
            truth.extend(published.get(&cause).into_iter().flatten().cloned());
        }
        if named.is_some() && seen.is_empty() {
            missing.push(format!("{} <- {truth:?}: {made:?}", name(made.reference)));
        }
        if !seen.is_subset(&truth) {
            wrong.push(format!("{} <- {seen:?}, not {truth:?}: {made:?}", name(made.reference)));
        }
        right += seen.len();
    }
    assert!(found.is_empty(), "edges of records that were never written: {found:?}");
    let (missed, lies) = (missing.len(), wrong.len());
    missing.truncate(3);
    wrong.truncate(3);
    assert!(missed + lies == 0, "{missed} are missing: {missing:#?}; {lies} are wrong: {wrong:#?}");
    assert!(right > made.len() / 3, "{right} edges");
}
