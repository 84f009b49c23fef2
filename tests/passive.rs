//! The tap leaves no trace on a cluster: no group, no topic (not even one of Kafka's own), no commit, no write.

use crate::support::generate::Stream;
use crate::support::kafka::{Options, RealKafka};
use crate::support::mock::MockKafka;
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, number};
use crate::support::{Folder, client, on_both, poll_until};
use headwater::kafka::Source;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::BTreeSet;
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
    (77, "ShareGroupDescribe"),
    (90, "DescribeShareGroupOffsets"),
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
fn tap_it_all(bootstrap: &str, source: Source, more: &[&str]) {
    let folder = Folder::new("passive");
    let mut arguments = vec!["--from", "earliest", "--sample-interval", "1s", "--client", client(source)];
    arguments.extend(more);
    let (tap, url) = Program::tap(folder.path(), bootstrap, &arguments);
    poll_until("all events", PATIENCE, || {
        (number(folder.path(), Door::Url(&url), "SELECT count(*) FROM event") == EVENTS).then_some(())
    });
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}

on_both!(a_virgin_cluster_stays_a_virgin, a_tap_sends_only_requests_that_read);

fn a_virgin_cluster_stays_a_virgin(source: Source) {
    let Some(kafka) = RealKafka::start(Options::default()) else { return };
    let stream = Stream::new("", EVENTS as usize, 7);
    stream.create_topics(&kafka.bootstrap);
    stream.produce(&kafka.bootstrap);
    let before = traces(&kafka.bootstrap, &stream.topics);
    assert!(before.groups.is_empty() && !before.topics.iter().any(|topic| topic.starts_with("__")), "{before:?}");

    // Twice: a restart asks for more than a first start does.
    for more in [&[][..], &[], &["--groups", "nosuch"]] {
        tap_it_all(&kafka.bootstrap, source, more);
        assert_eq!(traces(&kafka.bootstrap, &stream.topics), before, "after a tap with {more:?}");
    }

    // Commits lie in a topic of Kafka's own that was never created, so there is none. A consumer that does commit is
    // seen, which shows that all of this could have failed.
    commit(&kafka.bootstrap, "visitor", &stream.topics[0]);
    let after = traces(&kafka.bootstrap, &stream.topics);
    assert!(after.topics.contains(&"__consumer_offsets".to_owned()), "{after:?}");
    assert_eq!(after.groups, ["visitor"]);
}

fn a_tap_sends_only_requests_that_read(source: Source) {
    let stream = Stream::new("", EVENTS as usize, 7);
    let topics: Vec<(&str, i32)> = stream.topics.iter().map(|topic| (topic.as_str(), 4)).collect();
    let mock = MockKafka::start(2, &topics);
    stream.produce(&mock.bootstrap);
    commit(&mock.bootstrap, "kitchen", &stream.topics[0]);

    mock.track();
    tap_it_all(&mock.bootstrap, source, &["--groups", "kitchen,nosuch"]);
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

/// All that the tap may ever ask of a broker without a login, as the broker names it. A request that is missing here
/// was never meant to be sent.
pub const CLOSED_LIST: [&str; 12] = [
    "API_VERSIONS",
    "CONSUMER_GROUP_DESCRIBE",
    "DESCRIBE_CONFIGS",
    "DESCRIBE_GROUPS",
    "DESCRIBE_LOG_DIRS",
    "DESCRIBE_SHARE_GROUP_OFFSETS",
    "FETCH",
    "LIST_GROUPS",
    "LIST_OFFSETS",
    "METADATA",
    "OFFSET_FETCH",
    "SHARE_GROUP_DESCRIBE",
];
/// What it asks only where there are groups that have members, which `groups.rs` looks at.
const OF_MEMBERS: [&str; 4] =
    ["CONSUMER_GROUP_DESCRIBE", "DESCRIBE_GROUPS", "DESCRIBE_SHARE_GROUP_OFFSETS", "SHARE_GROUP_DESCRIBE"];

/// The requests that the broker answered, as it logs them.
pub fn requests(kafka: &RealKafka) -> Vec<Value> {
    let completed = |line: &str| {
        let (_, json) = line.split_once("Completed request:")?;
        // The name of the logger stands behind it.
        serde_json::Deserializer::from_str(json).into_iter::<Value>().next()?.ok()
    };
    kafka.log(1).lines().filter_map(completed).collect()
}

pub fn header<'a>(request: &'a Value, name: &str) -> &'a str {
    request["requestHeader"][name].as_str().unwrap_or_default()
}

pub fn of_client<'a>(requests: &'a [Value], id: &'a str) -> impl Iterator<Item = &'a Value> {
    requests.iter().filter(move |request| header(request, "clientId") == id)
}

/// Taps, restarts the tap, and meanwhile creates and deletes a topic.
fn tap_through_changes(kafka: &RealKafka, topic: &str) {
    let folder = Folder::new("passive");
    let arguments = ["--from", "earliest", "--sample-interval", "1s"];
    let count = |url: &str, topics: &str| {
        number(folder.path(), Door::Url(url), &format!("SELECT count(*) FROM event WHERE topic {topics}"))
    };
    let not_ours = format!("<> '{topic}'");
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &arguments);
    poll_until("all events", PATIENCE, || (count(&url, &not_ours) == EVENTS).then_some(()));
    produce::create_topic(&kafka.bootstrap, topic, 1);
    let writer = Writer::new(&kafka.bootstrap, "none");
    writer.send(topic, &Outgoing::default());
    writer.flush();
    poll_until("the new topic's event", PATIENCE, || (count(&url, &format!("= '{topic}'")) == 1).then_some(()));
    tap.kill();

    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &arguments);
    let admin: AdminClient<_> = ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).create().unwrap();
    futures::executor::block_on(admin.delete_topics(&[topic], &AdminOptions::new())).unwrap();
    // Metadata is asked for every 5 s: so long the tap still wants what is gone.
    let asked = |requests: &[Value]| {
        of_client(requests, "headwater").filter(|request| header(request, "requestApiKeyName") == "METADATA").count()
    };
    let before = asked(&requests(kafka));
    poll_until("looks at what is left", PATIENCE, || (asked(&requests(kafka)) >= before + 10).then_some(()));
    assert_eq!(count(&url, &not_ours), EVENTS);
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn a_real_broker_was_asked_for_nothing_that_writes() {
    prove_by_its_log(None);
}

/// The oldest broker that the tap promises to read: reading, groups, a restart after a kill, and changing topics.
#[test]
fn the_oldest_broker_was_asked_for_nothing_that_writes() {
    prove_by_its_log(Some("2.8.2"));
}

fn prove_by_its_log(version: Option<&'static str>) {
    // This broker would create what somebody asks for.
    let options = Options { settings: &["auto.create.topics.enable=true"], version, ..Options::default() };
    let log_requests = ["-Dheadwater.requests=debug".to_owned()];
    let Some(kafka) = RealKafka::start_with(options, &log_requests) else { return };
    let stream = Stream::new("", EVENTS as usize, 7);
    stream.create_topics(&kafka.bootstrap);
    stream.produce(&kafka.bootstrap);
    commit(&kafka.bootstrap, "kitchen", &stream.topics[0]);
    tap_through_changes(&kafka, "short-lived");

    let requests = requests(&kafka);
    let ours: Vec<&Value> = of_client(&requests, "headwater").collect();
    let names: BTreeSet<&str> = ours.iter().map(|request| header(request, "requestApiKeyName")).collect();
    let memberless = CLOSED_LIST.into_iter().filter(|name| !OF_MEMBERS.contains(name)).collect();
    assert_eq!(names, memberless, "of {} requests", ours.len());
    for request in &ours {
        match header(request, "requestApiKeyName") {
            "METADATA" => {
                assert_eq!(request["request"]["allowAutoTopicCreation"], false, "{request}");
                assert_eq!(request["request"]["topics"], Value::Null, "{request}");
            }
            // It is what tells the broker the name of the software.
            "API_VERSIONS" => continue,
            _ => {}
        }
        let client = &request["clientInformation"];
        assert_eq!(client["softwareName"], "headwater", "{request}");
        assert_eq!(client["softwareVersion"], env!("CARGO_PKG_VERSION"), "{request}");
    }
    assert!(!produce::topics(&kafka.bootstrap).contains(&"short-lived".to_owned()), "nobody brought it back");
    // The log does show those who write.
    assert!(of_client(&requests, "rdkafka").any(|request| header(request, "requestApiKeyName") == "PRODUCE"));
}

/// Commits an offset for a group, as a consumer does.
fn commit(bootstrap: &str, group: &str, topic: &str) {
    let consumer: BaseConsumer = produce::reader(bootstrap, &[("group.id", group)]);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(1)).unwrap();
    // A group's coordinator is not there at once on a cluster that never had one.
    poll_until("a commit", PATIENCE, || consumer.commit(&offsets, CommitMode::Sync).ok());
}
