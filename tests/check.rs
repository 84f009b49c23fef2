//! `headwater check` as a script and a person run it: on a cluster that asks nobody who he is, and on one that does, with
//! rights taken away in turn.

use crate::reader::{produce, producer};
use crate::support::kafka::RealKafka;
use crate::support::program::{Program, run};
use crate::support::secure::{PASSWORD, Right, SecureKafka, cluster};
use crate::support::{Folder, poll_until, produce as admin};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Exit code and document of `headwater check --json`.
fn checked(folder: &Folder, brokers: &str, more: &[&str]) -> (Option<i32>, Value) {
    let arguments = [&["check", "--json", "--brokers", brokers, "--from", "earliest"], more].concat();
    let output = run(folder.path(), &arguments);
    let document = serde_json::from_slice(&output.stdout);
    (output.status.code(), document.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

#[test]
fn an_open_cluster_is_fine_and_each_way_to_fail_is_named() {
    let Some(kafka) = RealKafka::shared() else { return };
    let folder = Folder::new("check");
    admin::create_topic(&kafka.bootstrap, "check-open", 2);
    produce(&producer(&kafka.bootstrap, &[]), "check-open", 0..500, 2);
    let groups = admin::groups(&kafka.bootstrap);
    let (code, found) = checked(&folder, &kafka.bootstrap, &["--topics", "check-open", "--max-read", "20k"]);
    assert_eq!((code, found["verdict"].as_str()), (Some(0), Some("fine")), "{found:#}");
    assert_eq!(found["estimate"]["records"], 500);
    assert!(found["estimate"]["bytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{found:#}");
    assert!(found["estimate"]["sentence"].as_str().unwrap().ends_with("at 20 kB/s (--max-read)"), "{found:#}");
    assert_eq!(found["addresses"][0]["reached"], true);
    assert_eq!(found["addresses"][0]["lacks"].as_array().map(Vec::len), Some(0), "{found:#}");
    assert_eq!(found["rights"].as_array().map(Vec::len), Some(5));
    let configs = &found["rights"][4];
    assert_eq!(
        (configs["right"].as_str(), configs["held"].as_str()),
        (Some("DESCRIBE_CONFIGS on topics"), Some("yes"))
    );
    assert_eq!(admin::groups(&kafka.bootstrap), groups, "it left no group behind");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nor a file");

    let with = |address: &str| format!("{},{address}", kafka.bootstrap);
    let failed_at = |found: &Value| found["addresses"][1]["failed_at"].clone();
    let (code, found) = checked(&folder, &with("127.0.0.1:1"), &["--topics", "check-open"]);
    assert_eq!((code, failed_at(&found)), (Some(3), "tcp".into()), "{found:#}");
    let (code, found) = checked(&folder, &with("no-such-host.invalid:9092"), &["--topics", "check-open"]);
    assert_eq!((code, failed_at(&found)), (Some(3), "dns".into()), "{found:#}");
    let (code, found) = checked(&folder, "127.0.0.1:1", &[]);
    assert_eq!((code, found["verdict"].as_str()), (Some(1), Some("cannot_run")), "{found:#}");
    let (code, found) = checked(&folder, &kafka.bootstrap, &["--topics", "nothing-like-it"]);
    assert_eq!(code, Some(1), "{found:#}");
    assert!(found["findings"][0]["what"].as_str().unwrap().contains("check --topics and --exclude"), "{found:#}");
    assert_eq!(run(folder.path(), &["check", "--brokers", "no-port"]).status.code(), Some(2));
}

/// One user of the cluster that asks who comes.
struct User<'a> {
    cluster: &'a SecureKafka,
    folder: Folder,
}

impl User<'_> {
    /// Exit code and text of a check with these settings besides.
    fn check(&self, listener: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut variables = vec![
            ("HEADWATER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
            ("HEADWATER_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
            ("HEADWATER_KAFKA_SASL_USERNAME", "checker"),
            ("HEADWATER_KAFKA_SASL_PASSWORD", PASSWORD),
            ("HEADWATER_KAFKA_SSL_CA_PEM", self.cluster.authority.certificate.as_str()),
        ];
        variables.extend(more);
        let arguments = ["check", "--brokers", self.cluster.at(listener), "--topics", "check-.*", "--from", "earliest"];
        let (status, said) = Program::start_with(self.folder.path(), &arguments, &variables).wait();
        assert!(!said.contains(PASSWORD), "{said}");
        (status.code(), said)
    }

    /// Rights take a moment until all of the broker knows them.
    fn comes_to(&self, code: i32, words: &[&str]) {
        let mut last = (None, String::new());
        let same = |(found, said): &(Option<i32>, String)| {
            *found == Some(code) && words.iter().all(|words| said.contains(words))
        };
        let begun = std::time::Instant::now();
        while !same(&last) {
            assert!(begun.elapsed() < PATIENCE, "wanted {code} and {words:?}: {last:?}");
            last = self.check("SASL", &[]);
        }
    }
}

#[test]
fn each_right_that_is_taken_away_is_missed_with_the_command_that_gives_it_back() {
    let Some(cluster) = cluster() else { return };
    for topic in ["check-one", "check-two"] {
        admin::create_topic(&cluster.kafka.bootstrap, topic, 1);
        produce(&producer(&cluster.kafka.bootstrap, &[]), topic, 0..100, 1);
    }
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &cluster.kafka.bootstrap)
        .set("group.id", "check-group")
        .create()
        .unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("check-one", 0, Offset::Offset(4)).unwrap();
    poll_until("the commit", PATIENCE, || consumer.commit(&offsets, CommitMode::Sync).ok());
    let user = User { cluster, folder: Folder::new("check-rights") };
    let grant = |right| cluster.grant_to("checker", right);
    let revoke = |right| cluster.revoke_from("checker", right);
    user.comes_to(
        1,
        &["no topic shows", "--allow-principal User:checker --operation Read --operation Describe --topic '*'"],
    );
    let rights = [Right::DescribeTopic("*"), Right::ReadTopic("*"), Right::DescribeGroup, Right::DescribeCluster];
    rights.into_iter().for_each(grant);
    user.comes_to(
        0,
        &[
            "in 2 topics (2 partitions), up to 200 records",
            // It is optional, and what goes dark without it is said.
            "DESCRIBE_CONFIGS on topics no       optional: without retention",
            "fine: the tap sees all",
        ],
    );
    revoke(Right::DescribeCluster);
    user.comes_to(3, &["--operation Describe --cluster", "tell sizes only to who may DESCRIBE the cluster"]);
    grant(Right::DescribeCluster);
    revoke(Right::DescribeGroup);
    user.comes_to(3, &["lag of ", "check-group", "--operation Describe --group "]);
    // Without both, groups do not even show; a question about one that there is not tells the right all the same.
    revoke(Right::DescribeCluster);
    user.comes_to(3, &["lag of any group will not be seen", "--operation Describe --group '*'"]);
    grant(Right::DescribeCluster);
    grant(Right::DescribeGroup);
    grant(Right::ReadTopic("check-one"));
    revoke(Right::ReadTopic("*"));
    user.comes_to(3, &["events of check-two will not be seen", "--operation Read --topic check-two\n"]);
    revoke(Right::ReadTopic("check-one"));
    user.comes_to(1, &["events of check-one, check-two will not be seen", "the tap cannot run so"]);

    for (listener, more, words) in [
        ("SASL", vec![("HEADWATER_KAFKA_SASL_PASSWORD", "hunter2-wrong")], "fails at sasl: "),
        ("EXPIRED", vec![], "fails at tls: "),
        (
            "SASL",
            vec![("HEADWATER_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")],
            "this port speaks TLS; set security.protocol=SSL or SASL_SSL",
        ),
    ] {
        let (code, said) = user.check(listener, &more);
        assert!(code == Some(1) && said.contains(words) && !said.contains("hunter2"), "{words}: {code:?} {said}");
    }
}
