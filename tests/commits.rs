//! Every commit as the cluster's own log of commits tells it: exact times, no aborted transaction, nothing that was
//! deleted, and the same ledger as by asking; and captured commits, replayed.
//!
//! Needs a real broker for the most part, and says so when it did not run.

use crate::support::kafka::{Options, RealKafka};
use crate::support::produce::{self, Outgoing, Writer};
use crate::support::program::{Door, Program, answer, sql};
use crate::support::{Folder, poll_until, secure};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::{
    ApiKey, CreateAclsRequest, GroupId, OffsetCommitRequest, OffsetDeleteRequest, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const TOPIC: &str = "orders";

/// Commits under the name of a group that nobody joined; it expires after `retention`, if that is given.
fn commit(bootstrap: &str, group: &str, (partition, offset): (i32, i64), (metadata, retention): (&str, Option<i64>)) {
    let place = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text(TOPIC))).with_partitions(vec![place]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_retention_time_ms(retention.unwrap_or(-1))
        .with_topics(vec![topic]);
    let code = poll_until("a coordinator that takes the commit", PATIENCE, || {
        let code = last_code(&tell(bootstrap, (ApiKey::OffsetCommit, 2), &request));
        // It is loading.
        (!matches!(code, 14..=16)).then_some(code)
    });
    assert_eq!(code, 0, "{group}");
}

fn delete_offset(bootstrap: &str, group: &str, partition: i32) {
    let place = OffsetDeleteRequestPartition::default().with_partition_index(partition);
    let topic = OffsetDeleteRequestTopic::default().with_name(TopicName(text(TOPIC))).with_partitions(vec![place]);
    let request = OffsetDeleteRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic]);
    assert_eq!(last_code(&tell(bootstrap, (ApiKey::OffsetDelete, 0), &request)), 0, "{group}");
}

/// Asks the only broker what librdkafka does not offer.
fn tell(bootstrap: &str, (key, version): (ApiKey, i16), request: &impl Encodable) -> Vec<u8> {
    secure::ask(&mut TcpStream::connect(bootstrap).unwrap(), key, version, request).unwrap()
}

/// The error code that ends an answer about one partition.
fn last_code(answer: &[u8]) -> i16 {
    i16::from_be_bytes(*answer.last_chunk().unwrap())
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn now_micros() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64
}

fn consumer(bootstrap: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap()
}

fn place(partition: i32, offset: i64) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, partition, Offset::Offset(offset)).unwrap();
    list
}

/// Creates the topic with ten records on each of its two partitions.
fn fill(bootstrap: &str) {
    produce::create_topic(bootstrap, TOPIC, 2);
    let writer = Writer::new(bootstrap, "none");
    for partition in [0, 1] {
        for _ in 0..10 {
            writer.send(TOPIC, &Outgoing { partition, value: Some(b"{}".to_vec()), ..Outgoing::default() });
        }
    }
    writer.flush();
}

/// The committed offset of `group`, if it has one.
fn committed(folder: &Path, door: Door<'_>, group: &str, partition: i32) -> Option<i64> {
    let query =
        format!("SELECT committed_offset FROM progress WHERE consumer_group = '{group}' AND partition = {partition}");
    // Empty where members hold the partition and committed nothing.
    sql(folder, door, &query).first().and_then(|row| row[0].parse().ok())
}

fn wait_for(folder: &Path, url: &str, (group, partition): (&str, i32), wanted: Option<i64>) {
    poll_until(&format!("{group} at {wanted:?}"), PATIENCE, || {
        (committed(folder, Door::Url(url), group, partition) == wanted).then_some(())
    });
}

fn ledger(folder: &Path, database: &Path) -> Vec<Vec<String>> {
    let query = "SELECT consumer_group, topic, partition, committed_offset FROM progress
        WHERE committed_offset IS NOT NULL ORDER BY ALL";
    sql(folder, Door::File(database), query)
}

/// Marks of a closed database: group, partition, offset, time in µs, resolution.
fn marks(folder: &Path, database: &Path) -> Vec<(String, i32, i64, i64, i64)> {
    let query = "SELECT m.consumer_group, p.partition, m.committed_offset, epoch_us(m.sampled_at), m.resolution_ms
        FROM progress_mark m JOIN partition p ON p.ordinal = m.ordinal ORDER BY ALL";
    let row = |row: Vec<String>| {
        let number = |at: usize| row[at].parse::<i64>().unwrap();
        (row[0].clone(), number(1) as i32, number(2), number(3), number(4))
    };
    sql(folder, Door::File(database), query).into_iter().map(row).collect()
}

/// In one transaction, commits for a group, and then commits or aborts the transaction.
fn transact(producer: &BaseProducer, consumer: &BaseConsumer, at: (i32, i64), commit: bool) {
    producer.begin_transaction().unwrap();
    let group = consumer.group_metadata().unwrap();
    producer.send_offsets_to_transaction(&place(at.0, at.1), &group, PATIENCE).unwrap();
    if commit {
        producer.commit_transaction(PATIENCE).unwrap();
    } else {
        producer.abort_transaction(PATIENCE).unwrap();
    }
}

/// Scenario: a tap that asks for groups once at its start, on a cluster where nobody has committed yet; then commits by
/// consumers, in transactions of which one is aborted, by hand, and some are deleted or expire.
/// Guarantees: each shows with its exact time, the aborted one never, deleted ones no more; by asking, a second tap sees the
/// same; the log of commits is no topic of events; what was committed while the tap was away has its exact time too.
#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn every_commit_is_told_with_its_exact_time() {
    let options = Options { settings: &["offsets.retention.check.interval.ms=500"], ..Options::default() };
    let Some(kafka) = RealKafka::start(options) else { return };
    let bootstrap = kafka.bootstrap.as_str();
    fill(bootstrap);
    let folder = Folder::new("commits");
    let database = folder.file("tap.duckdb");
    let arguments = ["--from", "earliest", "--sample-interval", "1h"];
    let (tap, url) = Program::tap(folder.path(), bootstrap, &arguments);
    poll_until("all events", PATIENCE, || {
        (sql(folder.path(), Door::Url(&url), "SELECT count(*) FROM event")[0][0] == "20").then_some(())
    });

    // The broker creates the topic of commits when a client looks for its coordinator.
    consumer(bootstrap, "first").commit(&place(0, 1), CommitMode::Sync).unwrap();
    let begun = now_micros();
    commit(bootstrap, "by-hand", (0, 3), ("", None));
    commit(bootstrap, "parallel", (0, 2), ("bgABAAE=", None));
    let done = now_micros();
    wait_for(folder.path(), &url, ("by-hand", 0), Some(3));
    assert!(tap.said().contains("it is read once it does"), "{}", tap.said());

    let classic = consumer(bootstrap, "classic");
    classic.subscribe(&[TOPIC]).unwrap();
    poll_until("a record", PATIENCE, || classic.poll(Duration::from_millis(100)).transpose().unwrap());
    classic.commit(&place(0, 4), CommitMode::Sync).unwrap();

    let member = consumer(bootstrap, "exactly-once");
    member.subscribe(&[TOPIC]).unwrap();
    poll_until("a record", PATIENCE, || member.poll(Duration::from_millis(100)).transpose().unwrap());
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("transactional.id", "shop").create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    transact(&producer, &member, (1, 9), false);
    transact(&producer, &member, (0, 5), true);

    commit(bootstrap, "deleted", (0, 6), ("", None));
    commit(bootstrap, "fewer", (0, 7), ("", None));
    commit(bootstrap, "fewer", (1, 7), ("", None));
    commit(bootstrap, "expires", (1, 8), ("", Some(2_000)));
    for (group, partition, offset) in
        [("classic", 0, 4), ("exactly-once", 0, 5), ("deleted", 0, 6), ("fewer", 0, 7), ("fewer", 1, 7)]
    {
        wait_for(folder.path(), &url, (group, partition), Some(offset));
    }
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    futures::executor::block_on(admin.delete_groups(&["deleted"], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    delete_offset(bootstrap, "fewer", 1);
    for (group, partition) in [("deleted", 0), ("fewer", 1), ("expires", 1)] {
        wait_for(folder.path(), &url, (group, partition), None);
    }
    assert_eq!(committed(folder.path(), Door::Url(&url), "exactly-once", 1), None, "aborted");
    let door = Door::Url(&url);
    assert_eq!(sql(folder.path(), door, "SELECT DISTINCT topic FROM topic"), [[TOPIC]]);
    assert_eq!(sql(folder.path(), door, "SELECT DISTINCT topic FROM coverage"), [[TOPIC]]);
    let counted = "SELECT name FROM tap WHERE value > 0 AND name IN ('commits_logged', 'commits_unknown')";
    assert_eq!(sql(folder.path(), door, counted), [["commits_logged"]], "and none is unknown");
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");

    let told = marks(folder.path(), &database);
    for (group, offset) in [("by-hand", 3), ("parallel", 2)] {
        let exact = |mark: &&(String, i32, i64, i64, i64)| mark.0 == group && mark.2 == offset && mark.4 == 0;
        let mark = told.iter().find(exact).unwrap_or_else(|| panic!("{group}: {told:?}"));
        assert!((begun - 1_000..=done).contains(&mark.3), "{group}: {begun} {mark:?} {done}");
    }
    assert!(told.iter().any(|mark| mark.0 == "expires"), "{told:?}");
    assert!(!told.iter().any(|mark| mark.2 == 9), "the aborted commit: {told:?}");
    let beyond = "SELECT beyond FROM progress_row WHERE consumer_group = 'parallel'";
    assert_eq!(sql(folder.path(), Door::File(&database), beyond), [["3-4"]]);

    let asking = Folder::new("commits-asked");
    let never = ["--from", "earliest", "--sample-interval", "1s", "--groups-log", "never"];
    let (asked, url) = Program::tap(asking.path(), bootstrap, &never);
    wait_for(asking.path(), &url, ("by-hand", 0), Some(3));
    assert!(asked.stop().0.success());
    let expected = ledger(folder.path(), &database);
    assert_eq!(ledger(asking.path(), &asking.file("tap.duckdb")), expected, "by asking");
    assert_eq!(expected.len(), 6, "{expected:?}");

    let begun = now_micros();
    commit(bootstrap, "by-hand", (0, 8), ("", None));
    let done = now_micros();
    let (tap, url) = Program::tap(folder.path(), bootstrap, &arguments);
    wait_for(folder.path(), &url, ("by-hand", 0), Some(8));
    // Its exact time comes when the log was read.
    poll_until("the log of commits", PATIENCE, || {
        let query = "SELECT value > 0 FROM tap WHERE name = 'commits_logged'";
        (sql(folder.path(), Door::Url(&url), query) == [["true"]]).then_some(())
    });
    assert!(tap.said().contains("every commit is read from __consumer_offsets"), "{}", tap.said());
    assert!(tap.stop().0.success());
    let told = marks(folder.path(), &database);
    let away = |mark: &(String, i32, i64, i64, i64)| mark.2 == 8 && (begun - 1_000..=done).contains(&mark.3);
    assert!(told.iter().any(away), "{begun} {done} {told:?}");
}

/// Scenario: a broker that shows the log of commits, and lets nobody read it.
/// Guarantees: the tap says so, and asks for groups instead; nothing is told as exact.
#[test]
fn where_the_log_may_not_be_read_groups_are_asked() {
    let settings = &[
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found=true",
    ];
    let Some(kafka) = RealKafka::start(Options { settings, ..Options::default() }) else { return };
    let bootstrap = kafka.bootstrap.as_str();
    fill(bootstrap);
    consumer(bootstrap, "first").commit(&place(0, 1), CommitMode::Sync).unwrap();
    // Whoever is named in one right on a resource has no other.
    const TOPIC_RESOURCE: i8 = 2;
    const LITERAL: i8 = 3;
    const DESCRIBE: i8 = 8;
    const ALLOW: i8 = 3;
    let creation = AclCreation::default()
        .with_resource_type(TOPIC_RESOURCE)
        .with_resource_name(text("__consumer_offsets"))
        .with_resource_pattern_type(LITERAL)
        .with_principal(text("User:ANONYMOUS"))
        .with_host(text("*"))
        .with_operation(DESCRIBE)
        .with_permission_type(ALLOW);
    let answer = tell(bootstrap, (ApiKey::CreateAcls, 3), &CreateAclsRequest::default().with_creations(vec![creation]));
    assert_eq!(answer[9..12], [2, 0, 0], "{answer:?}");
    let folder = Folder::new("commits");
    let (tap, url) = Program::tap(folder.path(), bootstrap, &["--from", "earliest", "--sample-interval", "300ms"]);
    wait_for(folder.path(), &url, ("first", 0), Some(1));
    commit(bootstrap, "second", (0, 2), ("", None));
    wait_for(folder.path(), &url, ("second", 0), Some(2));
    let logged = "SELECT value FROM tap WHERE name = 'commits_logged'";
    assert_eq!(sql(folder.path(), Door::Url(&url), logged), [["0"]]);
    let (status, said) = tap.stop();
    assert!(status.success() && said.contains("no READ on __consumer_offsets"), "{said}");
    let told = marks(folder.path(), &folder.file("tap.duckdb"));
    assert!(told.iter().any(|mark| mark.0 == "second" && mark.4 > 0), "known to a sample: {told:?}");
}

/// A capture of one topic: ten records a second apart, and what two groups committed meanwhile.
fn capture() -> Vec<String> {
    let record = |n: i64| {
        let ts = 1_700_000_000_000 + n * 1_000;
        format!(
            r#"{{"topic":"orders","partition":0,"offset":{n},"ts":{ts},"key":null,"payload":null,"captured_ms":{ts}}}"#
        )
    };
    let commit = |group: &str, n: i64, offset: &str, more: &str| {
        let ts = 1_700_000_000_500 + n * 1_000;
        format!(
            r#"{{"commit":{{"group":"{group}","topic":"orders","partition":0,"offset":{offset}{more},"ts":{ts}}}}}"#
        )
    };
    let mut lines = Vec::new();
    for n in 0..10 {
        lines.push(record(n));
        match n {
            2 => lines.push(commit("billing", n, "3", "")),
            4 => lines.push(commit("parallel", n, "2", r#","metadata_b64":"YmdBQkFBRT0=""#)),
            5 => lines.push(commit("billing", n, "6", "")),
            6 => lines.push(commit("stopped", n, "5", "")),
            7 => lines.push(commit("billing", n, "1", "")),
            8 => lines.push(commit("stopped", n, "null", "")),
            9 => lines.push(commit("billing", n, "9", "")),
            _ => {}
        }
    }
    lines
}

/// Everything that the ledger of an import says. Of a deleted group nothing is remembered: its marks may be told twice.
fn story(folder: &Path) -> Vec<Vec<String>> {
    let database = folder.join("tap.duckdb");
    let rows = |query: &str| sql(folder, Door::File(&database), query);
    let mut all = rows(
        "SELECT 'progress', consumer_group, committed_offset, state, coalesce(beyond, '-'),
            epoch_ms(r.sampled_at) - 1700000000000
        FROM progress_row r ORDER BY ALL",
    );
    all.extend(rows(
        "SELECT DISTINCT 'mark', consumer_group, committed_offset, epoch_ms(sampled_at) - 1700000000000,
            resolution_ms FROM progress_mark ORDER BY ALL",
    ));
    all.extend(rows(
        "SELECT 'rewind', consumer_group, from_offset, to_offset, epoch_ms(sampled_at) - 1700000000000,
            resolution_ms FROM rewind_row ORDER BY ALL",
    ));
    all
}

/// Scenario: commits between records, one that goes back, one of the Parallel Consumer, one that is deleted; imported whole,
/// in two files, in two runs, and twice.
/// Guarantees: the ledger is the same each time, with the times of the commits.
#[test]
fn captured_commits_replay_to_the_same_ledger_however_they_are_cut() {
    let lines = capture();
    let (whole, two, runs) = (Folder::new("commits"), Folder::new("commits"), Folder::new("commits"));
    for folder in [&whole, &two, &runs] {
        std::fs::write(folder.file("all.ndjson"), lines.join("\n")).unwrap();
        std::fs::write(folder.file("a.ndjson"), lines[..8].join("\n")).unwrap();
        std::fs::write(folder.file("b.ndjson"), lines[8..].join("\n")).unwrap();
    }
    answer(whole.path(), &["import", "all.ndjson", "--db", "tap.duckdb"]);
    let expected = story(whole.path());
    let told = |kind: &str| {
        let rows = expected.iter().filter(|row| row[0] == kind);
        rows.map(|row| row[1..].join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(told("rewind"), ["billing 6 1 7500 0"]);
    let expected_marks = ["billing 1 7500 0", "billing 3 2500 0", "billing 6 5500 0", "billing 9 9500 0"];
    assert_eq!(told("mark")[..4], expected_marks, "{expected:?}");
    assert_eq!(told("mark")[4..], ["parallel 2 4500 0", "stopped 5 6500 0"], "{expected:?}");
    let groups: Vec<String> =
        expected.iter().filter(|row| row[0] == "progress").map(|row| row[1..3].join(" ")).collect();
    assert_eq!(groups, ["billing 9", "parallel 2"], "{expected:?}");
    assert!(told("progress").iter().any(|row| row.contains(" 3-4 ")), "the record beyond: {expected:?}");

    answer(two.path(), &["import", "a.ndjson", "b.ndjson", "--db", "tap.duckdb"]);
    assert_eq!(story(two.path()), expected, "two files");
    answer(runs.path(), &["import", "a.ndjson", "--db", "tap.duckdb"]);
    answer(runs.path(), &["import", "b.ndjson", "--db", "tap.duckdb"]);
    assert_eq!(story(runs.path()), expected, "two runs");
    answer(whole.path(), &["import", "all.ndjson", "--db", "tap.duckdb"]);
    assert_eq!(story(whole.path()), expected, "twice");
}

/// Scenario: the log of commits of each capture, beside its records.
/// Guarantees: each group ends where the cluster itself said, on every partition of which records were captured.
#[test]
fn captured_logs_of_commits_end_where_the_cluster_said() {
    for capture in ["spring-retryable", "python-cloudevents", "kafkajs-otel"] {
        let file = |kind: &str| match std::env::var("HEADWATER_CAPTURES") {
            Ok(folder) => format!("{folder}/{capture}/{kind}"),
            Err(_) => {
                let name = format!("{capture}.{kind}").replace("records.", "");
                format!("{}/tests/captures/{name}", env!("CARGO_MANIFEST_DIR"))
            }
        };
        let folder = Folder::new("commits");
        let files = [file("records.ndjson"), file("internal.ndjson")];
        answer(folder.path(), &["import", "--db", "tap.duckdb", &files[0], &files[1]]);
        let said: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file("groups.json")).unwrap()).unwrap();
        let ours = ledger(folder.path(), &folder.file("tap.duckdb"));
        assert!(!ours.is_empty(), "{capture}");
        for row in ours {
            let [group, topic, partition, committed] = row.try_into().unwrap();
            let number: i64 = partition.parse().unwrap();
            let same = |at: &&serde_json::Value| at["topic"] == *topic && at["partition"] == number;
            let theirs = said["groups"][&group]["offsets"].as_array().unwrap().iter().find(same);
            let theirs = theirs.map(|at| at["offset"].to_string());
            assert_eq!(theirs, Some(committed), "{capture}: {group} on {topic}/{partition}");
        }
    }
}
