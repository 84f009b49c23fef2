//! `kill -9` at any point loses nothing and doubles nothing: rows and read positions stand in one transaction.

use crate::edges::{assert_graph, await_graph};
use crate::support::generate::Stream;
use crate::support::kafka::RealKafka;
use crate::support::produce::Writer;
use crate::support::program::{Door, Program, number};
use crate::support::{Folder, client, on_both, seed, sum_up};
use headwater::kafka::Source;
use std::time::{Duration, Instant};

const EVENTS: usize = 200_000;
/// Kills, unless `HEADWATER_KILLS` says otherwise.
const KILLS: usize = 20;
/// A tap lives at most so long before it is killed: kills hit it while it starts, reads, commits and rests.
const LIFE_MS: u64 = 1_500;

on_both!(a_tap_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing);

fn a_tap_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing(source: Source) {
    let Some(kafka) = RealKafka::shared() else { return };
    let kills = std::env::var("HEADWATER_KILLS").ok().map_or(KILLS, |text| text.parse().unwrap());
    // The second source shares all but the reading with the first: a few kills are proof enough.
    let (kills, events) = if source == Source::Native { (kills, EVENTS) } else { (kills / 4, EVENTS / 4) };
    let (seed, begun) = (seed("restart"), Instant::now());
    let mut random = fastrand::Rng::with_seed(seed);
    let prefix = format!("restart-{}-", client(source));
    let stream = Stream::new(&prefix, events, seed);
    stream.create_topics(&kafka.bootstrap);
    let (folder, pattern) = (Folder::new("restart"), format!("{prefix}.*"));
    let options =
        ["--client", client(source), "--from", "earliest", "--topics", &pattern, "--commit-interval", "100ms"];
    let database = folder.file("tap.duckdb");

    let writer = Writer::new(&kafka.bootstrap, "lz4");
    let mut records = stream.records();
    let mut points: Vec<usize> = (0..kills).map(|_| random.usize(..events)).collect();
    points.sort_unstable();
    let (mut written, mut before) = (0, 0);
    for (kill, point) in points.into_iter().enumerate() {
        let mut arguments = vec!["tap", "--brokers", &kafka.bootstrap, "--db", "tap.duckdb", "--serve", "127.0.0.1:0"];
        arguments.extend(options);
        let tap = Program::start(folder.path(), &arguments);
        for (topic, record) in records.by_ref().take(point - written) {
            writer.send(&stream.topics[topic], &record);
        }
        writer.flush();
        written = point;
        // Not a step that waits for something: the moment of the kill is what is drawn.
        std::thread::sleep(Duration::from_millis(random.u64(..LIFE_MS)));
        assert!(!tap.has_ended(), "it ended before it was killed:\n{}", tap.said());
        tap.kill();

        // A kill may come before there is a database.
        let door = Door::File(&database);
        if database.exists() {
            let events = number(folder.path(), door, "SELECT count(*) FROM event");
            let distinct = number(folder.path(), door, "SELECT count(DISTINCT ref) FROM event");
            println!("kill {}: {events} of {written} events committed", kill + 1);
            assert_eq!(events, distinct, "after kill {}", kill + 1);
            assert!(before <= events && events <= written as i64, "after kill {}: {before}, then {events}", kill + 1);
            before = events;
        }
    }
    for (topic, record) in records {
        writer.send(&stream.topics[topic], &record);
    }
    writer.flush();

    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &options);
    await_graph(folder.path(), &url, &stream);
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    assert_graph(folder.path(), &stream);
    let counts = format!("{kills} kills, {events} events and {} edges, lost 0, doubled 0", stream.edges().len());
    sum_up("restart", seed, begun, &counts);
}
