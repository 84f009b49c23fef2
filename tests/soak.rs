//! Topics are created and deleted all the time, and the tap's memory stays flat.
//!
//! `HEADWATER_SOAK=1800` runs for half an hour; without it a short run shows that everything arrives.

use crate::support::kafka::RealKafka;
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, number};
use crate::support::{Folder, poll_until, seed, sum_up};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Length of a run that names none.
const SECONDS: u64 = 10;
/// A run of this length and more is judged by its memory: a shorter one still warms up.
const JUDGED_SECONDS: u64 = 240;
/// Topics that are there at the same time.
const ALIVE: usize = 20;
const RECORDS: usize = 30;
const PARTITIONS: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);
/// How much more memory the last third of a run may take than the second: what the events themselves cost.
const GROWTH_KB: u64 = 24 << 10;

#[test]
fn memory_stays_flat_while_topics_come_and_go() {
    let Some(kafka) = RealKafka::shared() else { return };
    let seconds = std::env::var("HEADWATER_SOAK").map_or(SECONDS, |text| text.parse().unwrap());
    let (seed, begun) = (seed("soak"), Instant::now());
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = Folder::new("soak");
    let options = ["--from", "latest", "--topics", "soak-.*", "--commit-interval", "200ms", "--sample-interval", "1s"];
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &options);
    let events = || number(folder.path(), Door::Url(&url), "SELECT count(*) FROM event");
    let (mut alive, mut created, mut written, mut memory) = (VecDeque::new(), 0, 0, Vec::new());
    while begun.elapsed().as_secs() < seconds {
        let topic = format!("soak-{created}");
        produce::create_topic(&kafka.bootstrap, &topic, PARTITIONS);
        let writer = Writer::new(&kafka.bootstrap, "none");
        for number in 0..RECORDS {
            let value = Some(vec![b'v'; random.usize(1..200)]);
            writer.send(&topic, &Outgoing { partition: number as i32 % PARTITIONS, value, ..Outgoing::default() });
        }
        writer.flush();
        (created, written) = (created + 1, written + RECORDS);
        alive.push_back(topic);
        if alive.len() == ALIVE {
            // Only what was read is deleted: half of them, so that some are always there.
            poll_until("all records", PATIENCE, || (events() == written as i64).then_some(()));
            alive.drain(..ALIVE / 2).for_each(|topic| produce::delete_topic(&kafka.bootstrap, &topic));
            memory.push(resident_kb(&tap));
        }
    }
    poll_until("all records", PATIENCE, || (events() == written as i64).then_some(()));
    alive.iter().for_each(|topic| produce::delete_topic(&kafka.bootstrap, topic));
    memory.push(resident_kb(&tap));
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");

    let third = memory.len() / 3;
    let middle = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part[part.len() / 2]
    };
    let (second, last) = (middle(&memory[third..2 * third + 1]), middle(&memory[2 * third..]));
    let counts = format!("{created} topics, {written} records, lost 0, doubled 0, memory {second} KB, then {last} KB");
    sum_up("soak", seed, begun, &counts);
    assert!(seconds < JUDGED_SECONDS || last <= second + GROWTH_KB, "memory grows: {memory:?}");
}

/// Memory of the tap's own, in KB: pages of files, such as those of the program, come and go as the system likes.
fn resident_kb(tap: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", tap.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
