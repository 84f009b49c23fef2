//! The tap leaves no trace on a cluster: no group, no topic (not even one of Kafka's own), no commit, no write.

use crate::support::generate::Stream;
use crate::support::kafka::{Options, RealKafka};
use crate::support::mock::MockKafka;
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, number};
use crate::support::{Folder, poll_until};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

const EVENTS: i64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Requests that read, by API key of the Kafka protocol.
const READING: &[(i16, &str)] = &[
    (1, "Fetch"),
    (2, "ListOffsets"),
    (3, "Metadata"),
    (9, "OffsetFetch"),
    (10, "FindCoordinator"),
    (15, "DescribeGroups"),
    (16, "ListGroups"),
    (35, "DescribeLogDirs"),
    (17, "SaslHandshake"),
    (18, "ApiVersions"),
    (23, "OffsetForLeaderEpoch"),
    (29, "DescribeAcls"),
    (32, "DescribeConfigs"),
    (36, "SaslAuthenticate"),
    (60, "DescribeCluster"),
    (61, "DescribeProducers"),
    (65, "DescribeTransactions"),
    (66, "ListTransactions"),
    (69, "ConsumerGroupDescribe"),
    (75, "DescribeTopicPartitions"),
];

/// What a cluster remembers of its visitors.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    topics: Vec<String>,
    groups: Vec<String>,
    log_ends: Vec<i64>,
}

fn traces(bootstrap: &str, topics: &[String]) -> Traces {
    let partitions = topics.iter().flat_map(|topic| (0..4).map(move |partition| (topic, partition)));
    Traces {
        topics: produce::topics(bootstrap),
        groups: produce::groups(bootstrap),
        log_ends: partitions.map(|(topic, partition)| produce::log_range(bootstrap, topic, partition).1).collect(),
    }
}

/// Runs a tap until it has all events and has sampled groups and log ends, and stops it.
fn tap_it_all(bootstrap: &str, more: &[&str]) {
    let folder = Folder::new("passive");
    let mut arguments = vec!["--from", "earliest", "--sample-interval", "1s"];
    arguments.extend(more);
    let (tap, url) = Program::tap(folder.path(), bootstrap, &arguments);
    poll_until("all events", PATIENCE, || {
        (number(folder.path(), Door::Url(&url), "SELECT count(*) FROM event") == EVENTS).then_some(())
    });
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn a_virgin_cluster_stays_a_virgin() {
    let Some(kafka) = RealKafka::start(Options::default()) else { return };
    let stream = Stream::new("", EVENTS as usize, 7);
    stream.create_topics(&kafka.bootstrap);
    stream.produce(&kafka.bootstrap);
    let before = traces(&kafka.bootstrap, &stream.topics);
    assert!(before.groups.is_empty() && !before.topics.iter().any(|topic| topic.starts_with("__")), "{before:?}");

    // Twice: a restart asks for more than a first start does.
    for more in [&[][..], &[], &["--groups", "nosuch"]] {
        tap_it_all(&kafka.bootstrap, more);
        assert_eq!(traces(&kafka.bootstrap, &stream.topics), before, "after a tap with {more:?}");
    }

    // Commits lie in a topic of Kafka's own that was never created, so there is none. A consumer that does commit is
    // seen, which shows that all of this could have failed.
    commit(&kafka.bootstrap, "visitor", &stream.topics[0]);
    let after = traces(&kafka.bootstrap, &stream.topics);
    assert!(after.topics.contains(&"__consumer_offsets".to_owned()), "{after:?}");
    assert_eq!(after.groups, ["visitor"]);
}

#[test]
fn a_tap_sends_only_requests_that_read() {
    let stream = Stream::new("", EVENTS as usize, 7);
    let topics: Vec<(&str, i32)> = stream.topics.iter().map(|topic| (topic.as_str(), 4)).collect();
    let mock = MockKafka::start(2, &topics);
    stream.produce(&mock.bootstrap);
    commit(&mock.bootstrap, "kitchen", &stream.topics[0]);

    mock.track();
    tap_it_all(&mock.bootstrap, &["--groups", "kitchen,nosuch"]);
    let requested = mock.requested();
    let writing: Vec<i16> =
        requested.iter().copied().filter(|key| !READING.iter().any(|(known, _)| known == key)).collect();
    assert!(writing.is_empty(), "API keys {writing:?} do not only read");
    for (key, name) in [(1, "Fetch"), (2, "ListOffsets"), (3, "Metadata"), (9, "OffsetFetch")] {
        assert!(requested.contains(&key), "{name} was not asked, so this proves nothing: {requested:?}");
    }

    // A producer is seen: Produce has the key 0.
    let writer = Writer::new(&mock.bootstrap, "none");
    writer.send(&stream.topics[0], &Outgoing::default());
    writer.flush();
    assert!(mock.requested().contains(&0));
}

/// Commits an offset for a group, as a consumer does.
fn commit(bootstrap: &str, group: &str, topic: &str) {
    let consumer: BaseConsumer = produce::reader(bootstrap, &[("group.id", group)]);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(1)).unwrap();
    // A group's coordinator is not there at once on a cluster that never had one.
    poll_until("a commit", PATIENCE, || consumer.commit(&offsets, CommitMode::Sync).ok());
}
