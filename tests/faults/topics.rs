//! Topics that come, go, grow, and whose logs are not what they were.

use super::{Outcome, PARTITIONS, PATIENCE, Stage, record};
use crate::support::kafka::RealKafka;
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, sql};
use crate::support::proxy::Fault;
use crate::support::{client, on_both, poll_until};
use headwater::kafka::Source;
use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};

const LATEST: [&str; 2] = ["--from", "latest"];
const EARLIEST: [&str; 2] = ["--from", "earliest"];

fn gap(reason: &str, offsets: i64) -> (String, i64) {
    (reason.to_owned(), offsets)
}

impl Stage {
    /// Writes `count` records to partition 0 by `writer`.
    fn write_one(&mut self, writer: &Writer, count: usize) {
        for at in self.written..self.written + count {
            writer.send(&self.topic, &record(at, 0));
        }
        writer.flush();
        self.written += count;
    }

    fn by_incarnation(&self) -> Vec<Vec<String>> {
        let query = "SELECT incarnation, count(*), min(\"offset\"), max(\"offset\") FROM event GROUP BY 1 ORDER BY 1";
        sql(self.folder.path(), Door::Url(&self.url), query)
    }
}

/// Also where reading begins at the end: what a topic holds that turns up later is new, however late it is found.
#[test]
fn a_new_topic_is_read_from_its_first_record() {
    let Some(mut stage) = Stage::with("new", &LATEST, |_| {}) else { return };
    produce::create_topic(&stage.kafka.bootstrap, &stage.topic, PARTITIONS);
    stage.write(600);
    stage.catch_up();
    stage.assert_whole();
}

#[test]
fn partitions_that_are_added_are_read_from_their_first_record() {
    let prepare = |kafka: &RealKafka| {
        produce::create_topic(&kafka.bootstrap, "faults-grown", PARTITIONS);
        let writer = Writer::new(&kafka.bootstrap, "none");
        (0..600).for_each(|at| writer.send("faults-grown", &record(at, at as i32 % PARTITIONS)));
        writer.flush();
    };
    let Some(stage) = Stage::with("grown", &LATEST, prepare) else { return };
    produce::grow_topic(&stage.kafka.bootstrap, &stage.topic, PARTITIONS as usize + 3);
    let writer = Writer::new(&stage.kafka.bootstrap, "none");
    (0..300).for_each(|at| writer.send(&stage.topic, &record(at, PARTITIONS + at as i32 % 3)));
    writer.flush();
    stage.await_events(300);
    let Outcome { events, distinct, gaps, read, said, .. } = stage.outcome();
    assert_eq!((events, distinct, gaps), (300, 300, vec![]), "{said}");
    // What was there before the tap is not read; what was added is, from the first record on.
    assert_eq!(read, [vec![(100, 100); PARTITIONS as usize], vec![(0, 100); 3]].concat());
}

on_both!(
    a_topic_that_is_deleted_and_created_again_is_another_one,
    retention_that_overtakes_the_tap_is_a_gap_of_exactly_what_it_took,
    what_compaction_removed_is_counted,
);

fn a_topic_that_is_deleted_and_created_again_is_another_one(source: Source) {
    let name = format!("again-{}", client(source));
    let options = ["--from", "latest", "--client", client(source)];
    let Some(mut stage) = Stage::with(&name, &options, |_| {}) else { return };
    let bootstrap = &stage.kafka.bootstrap;
    produce::create_topic(bootstrap, &stage.topic, 1);
    stage.write_one(&Writer::new(bootstrap, "none"), 5);
    stage.catch_up();
    produce::delete_topic(bootstrap, &stage.topic);
    produce::create_topic(bootstrap, &stage.topic, 1);
    stage.write_one(&Writer::new(bootstrap, "none"), 10);
    stage.catch_up();
    let counts = stage.by_incarnation();
    assert_eq!(counts, [["0", "5", "0", "4"], ["1", "10", "0", "9"]]);
    let outcome = stage.outcome();
    assert_eq!(
        (outcome.events, outcome.distinct, outcome.seen, outcome.gaps),
        (15, 15, 15, vec![]),
        "{}",
        outcome.said
    );
}

/// The only replica in step dies, and one that has missed records leads: what it has not is taken back, and what it
/// gets instead under the same offsets is another incarnation.
#[test]
fn an_unclean_election_takes_back_what_was_read() {
    let prepare = |kafka: &RealKafka| {
        let unclean = [("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")];
        produce::create_topic_on(&kafka.bootstrap, "faults-unclean", &[1, 2], &unclean);
    };
    let Some(mut stage) = Stage::with("unclean", &EARLIEST, prepare) else { return };
    let bootstrap = &stage.kafka.bootstrap;
    // Written to all replicas in step before it counts: to both, then to the one that is left.
    stage.write_one(&Writer::new(bootstrap, "none"), 100);
    stage.kafka.kill(2);
    stage.write_one(&Writer::new(bootstrap, "none"), 50);
    stage.catch_up();
    stage.kafka.kill(1);
    stage.kafka.restart(2);
    poll_until("the other replica to lead", PATIENCE, || {
        (produce::leaders(bootstrap, &stage.topic) == [2]).then_some(())
    });
    stage.write_one(&Writer::new(bootstrap, "none"), 80);
    stage.catch_up();
    stage.kafka.restart(1);
    let counts = stage.by_incarnation();
    assert_eq!(counts, [["0", "150", "0", "149"], ["1", "80", "100", "179"]]);
    stage.await_word(&["the log was cut by an unclean election"]);
    let outcome = stage.outcome();
    assert_eq!((outcome.events, outcome.distinct, outcome.seen), (230, 230, 180), "{}", outcome.said);
    assert_eq!((outcome.gaps, outcome.read), (vec![gap("truncated", 50)], vec![(100, 180)]), "{}", outcome.said);
}

fn retention_that_overtakes_the_tap_is_a_gap_of_exactly_what_it_took(source: Source) {
    let Some(mut stage) = Stage::on("overtaken", source) else { return };
    stage.write(600);
    stage.catch_up();
    stage.proxy.set_all(Fault::Refused);
    stage.write(600);
    produce::delete_before(&stage.kafka.bootstrap, &stage.topic, 0, 170);
    stage.proxy.set_all(Fault::None);
    stage.await_events(1200 - 70);
    stage.await_word(&["deleted before it was read"]);
    let outcome = stage.outcome();
    assert_eq!((outcome.events, outcome.distinct, outcome.seen), (1130, 1130, 1130), "{}", outcome.said);
    assert_eq!((outcome.gaps, outcome.read), (vec![gap("retention", 70)], vec![(0, 200); PARTITIONS as usize]));
}

/// Writes few keys until the log has a hole at its front.
fn compacted(kafka: &RealKafka, topic: &str) {
    let settings = [("cleanup.policy", "compact"), ("segment.ms", "100"), ("min.cleanable.dirty.ratio", "0.001")];
    produce::create_topic_on(&kafka.bootstrap, topic, &[3], &settings);
    let writer = Writer::new(&kafka.bootstrap, "lz4");
    let settings = [("group.id", "none")];
    let mut number = 0;
    poll_until("compaction", PATIENCE, || {
        for at in number..number + 200 {
            writer.send(topic, &Outgoing { key: Some(vec![(at % 10) as u8]), ..record(at, 0) });
        }
        writer.flush();
        number += 200;
        let reader = produce::reader(&kafka.bootstrap, &settings);
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        reader.assign(&all).unwrap();
        let first = reader.poll(PATIENCE).expect("a record").unwrap();
        (first.offset() > 0).then_some(())
    });
}

fn what_compaction_removed_is_counted(source: Source) {
    let name = format!("compacted-{}", client(source));
    let options = ["--from", "earliest", "--client", client(source)];
    let prepare = |kafka: &RealKafka| compacted(kafka, &format!("faults-{name}"));
    let Some(stage) = Stage::with(&name, &options, prepare) else { return };
    let (first, end) = produce::log_range(&stage.kafka.bootstrap, &stage.topic, 0);
    poll_until("the end of the log", PATIENCE, || {
        (stage.ask("SELECT coalesce(max(next_offset), 0) FROM coverage") >= end).then_some(())
    });
    let outcome = stage.outcome();
    let [(reason, holes)] = &outcome.gaps[..] else { panic!("{outcome:?}") };
    let expected = match source {
        Source::Native => "compacted",
        Source::Librdkafka => "compacted_or_transactional",
    };
    assert_eq!((reason.as_str(), outcome.seen + holes), (expected, end - first));
    assert!(outcome.seen >= 10 && *holes >= 100, "{outcome:?}");
    assert_eq!((outcome.events, outcome.distinct), (outcome.seen, outcome.seen));
}

#[test]
fn an_open_transaction_is_shown_with_its_age_and_an_aborted_one_never_counts() {
    let Some(mut stage) = Stage::new("held") else { return };
    let transactional = Writer::transactional(&stage.kafka.bootstrap, "none", "faults-held");
    let ten: Vec<Outgoing> = (0..10).map(|at| record(at, 0)).collect();
    transactional.transaction(&stage.topic, &ten, true);
    transactional.transaction(&stage.topic, &ten, false);
    transactional.open_transaction(&stage.topic, &ten);
    stage.write(600);
    stage.await_word(&["blocked_by_transaction: an open transaction holds back"]);
    poll_until("its age among the tap's own numbers", PATIENCE, || {
        let age = "SELECT value::BIGINT FROM tap WHERE name = 'blocked_by_transaction_ms'";
        (stage.ask(age) >= 10_000).then_some(())
    });
    assert_eq!(stage.ask("SELECT sum(missing)::BIGINT FROM coverage WHERE reason = 'blocked_by_transaction'"), 110);
    assert_eq!(stage.ask("SELECT count(*) FROM event"), 10 + 500, "one partition waits, the others do not");
    transactional.end_transaction(false);
    stage.await_events(10 + 600);
    stage.await_word(&["no open transaction holds anything back"]);
    let outcome = stage.outcome();
    assert_eq!((outcome.events, outcome.distinct, outcome.seen), (610, 610, 610), "{}", outcome.said);
    assert_eq!(outcome.gaps, [gap("aborted", 20), gap("control", 3)]);
}

#[test]
fn records_of_100_mb_are_read_and_one_over_the_limit_is_a_gap() {
    let prepare = |kafka: &RealKafka| produce::create_topic_on(&kafka.bootstrap, "faults-large", &[3], &[]);
    let Some(stage) = Stage::with("large", &EARLIEST, prepare) else { return };
    let large = [("message.max.bytes", "200000000"), ("queue.buffering.max.kbytes", "1000000"), ("linger.ms", "0")];
    let writer = Writer::with(&stage.kafka.bootstrap, &large);
    for bytes in [10, 100_000_000, 10, 140_000_000, 10] {
        writer.send(&stage.topic, &Outgoing { value: Some(vec![b'x'; bytes]), ..record(0, 0) });
        // Each is a batch of its own.
        writer.flush();
    }
    stage.await_events(4);
    assert_eq!(stage.ask("SELECT max(value_bytes) FROM event"), 100_000_000);
    stage.await_word(&["a batch larger than the tap reads was left out"]);
    let outcome = stage.outcome();
    assert_eq!((outcome.events, outcome.distinct, outcome.seen), (4, 4, 4), "{}", outcome.said);
    assert_eq!((outcome.gaps, outcome.read), (vec![gap("limit", 1)], vec![(0, 5)]), "{}", outcome.said);
}

/// Where a batch keeps its base offset (0), length (8), CRC (17) and attributes (21), which the CRC covers from there on.
const LENGTH_AT: usize = 8;
const CRC_AT: usize = 17;
const COVERED_AT: usize = 21;

/// Damages batches in the file of a log: the second by a bit, the fourth by a codec that nobody has.
fn damage(kafka: &RealKafka, topic: &str) {
    produce::create_topic_on(&kafka.bootstrap, topic, &[3], &[]);
    let writer = Writer::new(&kafka.bootstrap, "none");
    for number in 0..50 {
        writer.send(topic, &record(number, 0));
        if number % 10 == 9 {
            writer.flush();
        }
    }
    let log = kafka.folder().join(format!("3/data/{topic}-0/00000000000000000000.log"));
    let mut file = OpenOptions::new().read(true).write(true).open(log).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let mut begins = vec![0];
    while let Some(length) = bytes.get(begins[begins.len() - 1] + LENGTH_AT..).and_then(|rest| rest.first_chunk::<4>())
    {
        begins.push(begins[begins.len() - 1] + 12 + u32::from_be_bytes(*length) as usize);
    }
    assert_eq!(begins.len(), 6, "five batches, and the end");
    bytes[begins[2] - 1] ^= 1;
    let fourth = &mut bytes[begins[3]..begins[4]];
    fourth[COVERED_AT + 1] |= 7;
    let crc = crc32c::crc32c(&fourth[COVERED_AT..]);
    fourth[CRC_AT..COVERED_AT].copy_from_slice(&crc.to_be_bytes());
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&bytes).unwrap();
}

#[test]
fn batches_that_cannot_be_read_are_counted_and_named() {
    let Some(stage) = Stage::with("damaged", &EARLIEST, |kafka| damage(kafka, "faults-damaged")) else { return };
    stage.await_events(30);
    stage.await_word(&["reason=\"unknown_codec\"", "reason=unknown_codec"]);
    let outcome = stage.outcome();
    assert_eq!((outcome.events, outcome.distinct, outcome.seen), (30, 30, 30), "{}", outcome.said);
    assert_eq!((outcome.gaps, outcome.read), (vec![gap("corrupt", 10), gap("unknown_codec", 10)], vec![(0, 50)]));
    for covers in ["10..20", "30..40"] {
        assert!(outcome.said.contains("faults-damaged/0") && outcome.said.contains(covers), "{}", outcome.said);
    }
}
