//! Groups of all kinds on a real cluster: each is recognised, its members and how far it is are what Kafka itself says.

use crate::passive::{CLOSED_LIST, header, of_client, requests};
use crate::reader::settings;
use crate::reader_on_kafka::{Prefix, fresh};
use crate::support::kafka::{Options, RealKafka, tool};
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, number, sql};
use crate::support::raw::{Commit, Member, Raw};
use crate::support::{Folder, poll_until, seed};
use headwater::event::{GroupKind, GroupPhase, GroupSample, GroupState, LogPolicy, Timestamp};
use headwater::kafka::Admin;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);
/// A member that says nothing more is there for so long.
const SESSION: Duration = Duration::from_secs(12);

/// One broker for all tests here; it logs what it is asked.
fn cluster() -> Option<&'static RealKafka> {
    static CLUSTER: OnceLock<Option<RealKafka>> = OnceLock::new();
    let start = || RealKafka::start_with(Options::default(), &["-Dheadwater.requests=debug".to_owned()]);
    CLUSTER.get_or_init(start).as_ref()
}

/// One topic and a look at all groups, as the tap takes it.
struct Stage {
    bootstrap: &'static str,
    topic: String,
    admin: Admin,
    samples: i64,
}

impl Stage {
    fn on(name: &str, partitions: i32) -> Option<Self> {
        let bootstrap = cluster()?.bootstrap.as_str();
        let topic = fresh(name);
        produce::create_topic(bootstrap, &topic, partitions);
        let writer = Writer::new(bootstrap, "none");
        (0..partitions * 10).for_each(|at| writer.send(&topic, &to(at % partitions)));
        writer.flush();
        Some(Self { bootstrap, topic, admin: Admin::connect(&settings(bootstrap)).unwrap(), samples: 0 })
    }

    fn sample(&mut self) -> GroupSample {
        self.samples += 1;
        let plan = Prefix(self.topic.clone(), Default::default());
        self.admin.groups(&[], &plan, Timestamp(self.samples * 1_000_000)).unwrap()
    }

    fn find(&mut self, group: &str) -> Option<GroupState> {
        self.sample().groups.into_iter().find(|state| *state.group == *group)
    }

    /// Waits until a sample shows `group` so.
    fn until(&mut self, group: &str, what: &str, enough: impl Fn(&GroupState) -> bool) -> GroupState {
        poll_until(&format!("{group}: {what}"), PATIENCE, || self.find(group).filter(&enough))
    }

    fn consumer(&self, group: &str, more: &[(&str, &str)]) -> BaseConsumer {
        let mut settings = vec![("group.id", group), ("auto.offset.reset", "earliest")];
        settings.extend(more);
        produce::reader(self.bootstrap, &settings)
    }

    fn at(&self, partition: i32, offset: i64) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition, Offset::Offset(offset)).unwrap();
        list
    }
}

fn to(partition: i32) -> Outgoing {
    Outgoing { partition, value: Some(b"v".to_vec()), ..Outgoing::default() }
}

fn committed(state: &GroupState) -> BTreeMap<i32, (i64, String)> {
    let commit = |commit: &headwater::event::CommittedOffset| {
        (commit.partition, (commit.offset.unwrap(), commit.metadata.to_string()))
    };
    state.commits.iter().map(commit).collect()
}

fn held(state: &GroupState) -> BTreeSet<i32> {
    state.assigned.iter().map(|(_, partition)| *partition).collect()
}

fn client(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap()
}

/// Reads on until `group` is seen to be stable.
fn join(stage: &mut Stage, group: &str, consumer: &BaseConsumer, pattern: &str) -> GroupState {
    consumer.subscribe(&[pattern]).unwrap();
    poll_until(&format!("{group} to be stable"), PATIENCE, || {
        let _ = consumer.poll(Duration::from_millis(100));
        stage.find(group).filter(|state| state.phase == Some(GroupPhase::Stable) && state.assigned.len() == 3)
    })
}

#[test]
fn members_by_both_protocols_are_seen_with_what_they_hold() {
    let Some(mut stage) = Stage::on("members", 3) else { return };
    let pattern = format!("^{}.*", stage.topic);
    let topic = stage.topic.clone();
    for (group, protocol, pattern, kind) in [
        ("classic", "classic", &topic, GroupKind::Classic),
        ("classic-regex", "classic", &pattern, GroupKind::Classic),
        ("modern", "consumer", &topic, GroupKind::Consumer),
        ("modern-regex", "consumer", &pattern, GroupKind::Consumer),
    ] {
        let group = fresh(group);
        let consumer = stage.consumer(&group, &[("group.protocol", protocol)]);
        let state = join(&mut stage, &group, &consumer, pattern);
        assert_eq!((state.kind, state.members), (kind, Some(1)), "{group}");
        assert_eq!(held(&state), BTreeSet::from([0, 1, 2]), "{group}");
        assert!(state.assigned.iter().all(|(name, _)| **name == *topic), "{group}");
        consumer.commit(&stage.at(1, 4), CommitMode::Sync).unwrap();
        let state = stage.until(&group, "its commit", |state| !state.commits.is_empty());
        assert_eq!(committed(&state), BTreeMap::from([(1, (4, String::new()))]), "{group}");
        drop(consumer);
        let state = stage.until(&group, "nobody", |state| state.phase == Some(GroupPhase::Empty));
        assert_eq!((state.kind, state.members, state.assigned.len()), (kind, Some(0), 0), "{group}");
    }
}

#[test]
fn groups_of_other_protocols_are_recognised() {
    let Some(mut stage) = Stage::on("protocols", 2) else { return };
    let mut raw = Raw::connect(stage.bootstrap);
    let name = [&(stage.topic.len() as u16).to_be_bytes()[..], stage.topic.as_bytes()].concat();
    let subscription = [&[0, 0, 0, 0, 0, 1][..], &name, &[0xff; 4]].concat();
    let assignment = [&[0, 0, 0, 0, 0, 1][..], &name, &[0, 0, 0, 1, 0, 0, 0, 1], &[0xff; 4]].concat();
    let member =
        |group, protocol, metadata, assignment| Member { group, protocol, metadata, assignment, session: SESSION };
    let cases = [
        (member("connect", ("connect", "sessioned"), &[1, 2, 3], &[0xff; 20]), GroupKind::Connect),
        (member("registry", ("sr", "v0"), b"{}", b"{\"error\":0}"), GroupKind::Other),
        (member("streams", ("consumer", "stream"), &subscription, &assignment), GroupKind::Streams),
    ];
    for (member, kind) in cases {
        let group = fresh(member.group);
        raw.join(&Member { group: &group, ..member });
        let state = stage.find(&group).unwrap();
        assert_eq!((state.kind, state.phase, state.members), (kind, Some(GroupPhase::Stable), Some(1)), "{group}");
        let expected = if kind == GroupKind::Streams { BTreeSet::from([1]) } else { BTreeSet::new() };
        assert_eq!(held(&state), expected, "{group}");
        if kind == GroupKind::Streams {
            // The broker names the protocol of a stable group only.
            let state = stage.until(&group, "nobody", |state| state.phase == Some(GroupPhase::Empty));
            assert_eq!((state.kind, state.members), (kind, Some(0)), "{group}");
        }
    }
    let group = fresh("simple");
    raw.commit(&group, &[(stage.topic.clone(), 0, 7, "by hand".to_owned())]);
    let state = stage.find(&group).unwrap();
    assert_eq!((state.kind, state.phase, state.members), (GroupKind::Simple, Some(GroupPhase::Empty), Some(0)));
    assert_eq!(committed(&state), BTreeMap::from([(0, (7, "by hand".to_owned()))]), "with what stands beside it");
}

#[test]
fn an_aborted_commit_was_never_made() {
    let Some(mut stage) = Stage::on("aborted", 1) else { return };
    let group = fresh("transactional");
    let consumer = stage.consumer(&group, &[]);
    let id = fresh("id");
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", stage.bootstrap).set("transactional.id", &id).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    for (offset, commit) in [(3, true), (9, false)] {
        producer.begin_transaction().unwrap();
        let metadata = consumer.group_metadata().unwrap();
        producer.send_offsets_to_transaction(&stage.at(0, offset), &metadata, PATIENCE).unwrap();
        if let Some(state) = stage.find(&group) {
            // An open transaction has committed nothing yet.
            assert!(committed(&state).values().all(|(offset, _)| *offset == 3), "{state:?}");
        }
        if commit { producer.commit_transaction(PATIENCE) } else { producer.abort_transaction(PATIENCE) }.unwrap();
        let state = stage.until(&group, "the commit", |state| !state.commits.is_empty());
        assert_eq!(committed(&state), BTreeMap::from([(0, (3, String::new()))]));
    }
}

#[test]
fn a_deleted_group_and_a_topic_that_is_made_again_are_gone_from_the_next_sample() {
    let Some(mut stage) = Stage::on("deleted", 1) else { return };
    let mut raw = Raw::connect(stage.bootstrap);
    let (doomed, kept) = (fresh("doomed"), fresh("kept"));
    for group in [&doomed, &kept] {
        raw.commit(group, &[(stage.topic.clone(), 0, 8, String::new())]);
        assert_eq!(committed(&stage.find(group).unwrap()), BTreeMap::from([(0, (8, String::new()))]));
    }
    let before = stage.sample();
    let admin = client(stage.bootstrap);
    futures::executor::block_on(admin.delete_groups(&[&doomed], &AdminOptions::new())).unwrap();
    let sample = stage.sample();
    assert!(sample.complete, "who is not in it is gone");
    let names: BTreeSet<&str> = sample.groups.iter().map(|state| &*state.group).collect();
    assert!(!names.contains(doomed.as_str()) && names.contains(kept.as_str()), "{names:?}");

    produce::delete_topic(stage.bootstrap, &stage.topic);
    poll_until("the topic to go", PATIENCE, || stage.sample().ends.is_empty().then_some(()));
    // What was committed on it is no commit on the new one.
    let forgotten = |state: GroupState| state.commits.is_empty().then_some(());
    poll_until("its commits to go", PATIENCE, || stage.find(&kept).map_or(Some(()), forgotten));
    produce::create_topic(stage.bootstrap, &stage.topic, 1);
    let after = poll_until("the new topic", PATIENCE, || Some(stage.sample()).filter(|sample| sample.ends.len() == 1));
    assert_ne!(before.ends[0].partition.topic_id, after.ends[0].partition.topic_id);
    assert_eq!(after.ends[0].end, 0);
    raw.commit(&kept, &[(stage.topic.clone(), 0, 0, String::new())]);
    assert_eq!(committed(&stage.find(&kept).unwrap()), BTreeMap::from([(0, (0, String::new()))]));
}

/// A program that is ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_share_group_has_start_offsets_and_no_commits() {
    let Some(mut stage) = Stage::on("shared", 1) else { return };
    let group = fresh("sharing");
    let mut consumer = tool("org.apache.kafka.tools.consumer.ConsoleShareConsumer");
    consumer.args(["--bootstrap-server", stage.bootstrap, "--topic", &stage.topic, "--group", &group]);
    let _consumer = Running(consumer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let state = stage.until(&group, "its member", |state| !state.assigned.is_empty());
    assert_eq!((state.kind, state.members), (GroupKind::Share, Some(1)));
    assert_eq!((held(&state), state.commits.len()), (BTreeSet::from([0]), 0));
    // It begins at the end of the log, and takes what comes from then on.
    let writer = Writer::new(stage.bootstrap, "none");
    let (topic, mut sent) = (stage.topic.clone(), 10);
    let share = poll_until("its start offset to move", PATIENCE, || {
        writer.send(&topic, &to(0));
        writer.flush();
        sent += 1;
        let state = stage.find(&group)?;
        state.shares.first().filter(|share| share.start > 10).cloned()
    });
    assert_eq!((&*share.topic, share.partition), (topic.as_str(), 0));
    // The broker writes a new start offset down with the acknowledgement that comes next, and counts what waits at once.
    let state = stage.until(&group, "all records to be done with", |state| state.shares[0].waiting == Some(0));
    let start = state.shares[0].start;
    assert!((11..=sent).contains(&start), "{start} of {sent}");
}

#[test]
fn policies_come_once_and_again_when_they_change() {
    let Some(mut stage) = Stage::on("policy", 1) else { return };
    let policy =
        |topic: &str, ms| LogPolicy { topic: topic.into(), retention_ms: ms, retention_bytes: None, compacted: false };
    // The brokers of tests keep everything.
    assert_eq!(stage.sample().policies, [policy(&stage.topic, None)]);
    assert!(stage.sample().policies.is_empty(), "nothing is new");
    let other = format!("{}-short", stage.topic);
    produce::create_topic_with(
        stage.bootstrap,
        &other,
        1,
        &[("retention.ms", "60000"), ("cleanup.policy", "compact,delete"), ("retention.bytes", "1000000")],
    );
    let sample = stage.sample();
    let expected = LogPolicy { retention_bytes: Some(1_000_000), compacted: true, ..policy(&other, Some(60_000)) };
    assert_eq!(sample.policies, [expected]);
    // Ten minutes later, by the samples' own clock.
    stage.samples += 600;
    assert!(stage.sample().policies.is_empty(), "asked again, and nothing has changed");
}

#[test]
fn looking_at_groups_only_reads() {
    let Some(kafka) = cluster() else { return };
    let Some(mut stage) = Stage::on("reads", 3) else { return };
    let group = fresh("looked-at");
    let consumer = stage.consumer(&group, &[("group.protocol", "consumer")]);
    let topic = stage.topic.clone();
    join(&mut stage, &group, &consumer, &topic);
    let requests = requests(kafka);
    let asked: BTreeSet<&str> =
        of_client(&requests, "headwater").map(|request| header(request, "requestApiKeyName")).collect();
    let allowed = BTreeSet::from(CLOSED_LIST);
    assert!(asked.is_subset(&allowed), "{asked:?}");
    assert!(asked.contains("CONSUMER_GROUP_DESCRIBE") && asked.contains("DESCRIBE_CONFIGS"), "{asked:?}");
}

const GROUPS: usize = 100;
const TOPICS: usize = 20;
/// Group, topic and partition.
type Place = (String, String, i32);
/// Committed offset, log end offset and lag.
type Stand = (i64, i64, i64);

/// How far all groups are, by Kafka's own command.
fn described(bootstrap: &str) -> BTreeMap<Place, Stand> {
    let mut command = tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
    let output = command
        .args(["--bootstrap-server", bootstrap, "--describe", "--all-groups", "--timeout", "60000"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [group, topic, partition, committed, end, lag, ..] = fields[..] else { return None };
        let stand = (committed.parse().ok()?, end.parse().ok()?, lag.parse().ok()?);
        Some(((group.to_owned(), topic.to_owned(), partition.parse().ok()?), stand))
    };
    text.lines().filter_map(row).collect()
}

/// At rest the tap's numbers are those of `kafka-consumer-groups.sh --describe --all-groups`, line by line.
#[test]
fn at_rest_every_lag_is_that_of_kafkas_own_command() {
    // No groups but these.
    let Some(kafka) = RealKafka::start(Options::default()) else { return };
    let seed = seed("lag against Kafka's own command");
    let mut random = fastrand::Rng::with_seed(seed);
    let writer = Writer::new(&kafka.bootstrap, "none");
    let mut ends: Vec<(String, i32, i64)> = Vec::new();
    for number in 0..TOPICS {
        let (topic, partitions) = (format!("rest-{number}"), random.i32(1..5));
        produce::create_topic(&kafka.bootstrap, &topic, partitions);
        for partition in 0..partitions {
            let count = random.i64(0..40);
            (0..count).for_each(|_| writer.send(&topic, &to(partition)));
            ends.push((topic.clone(), partition, count));
        }
    }
    writer.flush();
    let mut raw = Raw::connect(&kafka.bootstrap);
    let mut commits = 0;
    for number in 0..GROUPS {
        let share = random.f64();
        let mut some: Vec<Commit> = Vec::new();
        for (topic, partition, end) in &ends {
            if random.f64() < share {
                let word = if random.bool() { String::new() } else { random.u64(..).to_string() };
                some.push((topic.clone(), *partition, random.i64(0..=*end), word));
            }
        }
        if !some.is_empty() {
            raw.commit(&format!("rest-group-{number}"), &some);
            commits += some.len();
        }
    }
    let folder = Folder::new("groups");
    let (tap, url) = Program::tap(folder.path(), &kafka.bootstrap, &["--from", "earliest", "--sample-interval", "1s"]);
    poll_until(&format!("{commits} commits in the database"), PATIENCE, || {
        let seen = number(folder.path(), Door::Url(&url), "SELECT count(committed_offset) FROM progress");
        (seen == commits as i64).then_some(())
    });
    for (name, least) in [("group_samples", 1), ("group_sample_ms", 1)] {
        let query = format!("SELECT value::BIGINT FROM tap WHERE name = '{name}'");
        poll_until(name, PATIENCE, || (number(folder.path(), Door::Url(&url), &query) >= least).then_some(()));
    }
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    let file = folder.file("tap.duckdb");
    let query = "SELECT consumer_group, topic, \"partition\", committed_offset, log_end_offset, lag_offsets FROM \
                 progress WHERE committed_offset IS NOT NULL";
    let rows = sql(folder.path(), Door::File(&file), query);
    let stand = |row: &Vec<String>| {
        let place = (row[0].clone(), row[1].clone(), row[2].parse().unwrap());
        (place, (row[3].parse().unwrap(), row[4].parse().unwrap(), row[5].parse().unwrap()))
    };
    let ours: BTreeMap<Place, Stand> = rows.iter().map(stand).collect();
    let kafkas = described(&kafka.bootstrap);
    println!("{GROUPS} groups, {TOPICS} topics, {} partitions, {} lines", ends.len(), kafkas.len());
    assert_eq!(kafkas.len(), commits, "Kafka's own command shows all");
    for (place, stand) in &kafkas {
        assert_eq!(ours.get(place), Some(stand), "{place:?}");
    }
    assert_eq!(ours.len(), kafkas.len());
}
