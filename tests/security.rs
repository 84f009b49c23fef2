//! The native reader on a real broker that asks who it is: every way in, every refusal, rights taken away one by one.
//!
//! Needs a real broker, and says so when it did not run.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says what did not run")]

use crate::reader::{Running, settings};
use crate::support::program::{Door, Program, number, run};
use crate::support::secure::{
    Authority, CLIENT_SECRET, PASSWORD, Right, SecureKafka, Signer, TokenService, cluster, properties,
};
use crate::support::{Folder, poll_until, produce};
use headwater::event::{Timestamp, TopicPartition};
use headwater::kafka::{Admin, Plan, Position, Security, Settings};
use headwater::telemetry::Counter;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A topic of its own for each test.
struct Only(&'static str);

impl Plan for Only {
    fn wants(&self, topic: &str) -> bool {
        topic == self.0
    }

    fn position(&self, _: &TopicPartition) -> Position {
        Position::Earliest
    }
}

type Pairs<'a> = Vec<(&'a str, &'a str)>;

fn reach(address: &str, pairs: &[(&str, &str)]) -> Settings {
    let security = Security::new(&properties(pairs)).unwrap();
    Settings { security: Arc::new(security), ..settings(address) }
}

fn write(cluster: &SecureKafka, topic: &str, numbers: std::ops::Range<usize>) {
    let producer = crate::reader::producer(&cluster.kafka.bootstrap, &[]);
    crate::reader::produce(&producer, topic, numbers, 1);
}

fn password<'a>(mechanism: &'a str, username: &'a str) -> Pairs<'a> {
    vec![("sasl.mechanism", mechanism), ("sasl.username", username), ("sasl.password", PASSWORD)]
}

fn tokens<'a>(url: &'a str, secret: &'a str) -> Pairs<'a> {
    vec![
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", url),
        ("sasl.oauthbearer.client.id", "tap-client"),
        ("sasl.oauthbearer.client.secret", secret),
        ("sasl.oauthbearer.scope", "read all"),
    ]
}

#[test]
fn every_way_in_reads_every_record() {
    let Some(cluster) = cluster() else { return };
    let (topic, files) = ("ways-in", Folder::new("ways-in"));
    produce::create_topic(&cluster.kafka.bootstrap, topic, 1);
    write(cluster, topic, 0..500);
    std::fs::write(files.file("token"), cluster.signer.token("tap")).unwrap();
    let file = format!("file://{}", files.file("token").display());
    let service = TokenService::start(cluster);
    let mut oidc = tokens(&service.url, CLIENT_SECRET);
    oidc.push(("https.ca.pem", &cluster.authority.certificate));
    let from_file = vec![("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.token.endpoint.url", file.as_str())];
    let mutual = vec![
        ("ssl.certificate.pem", cluster.client.certificate.as_str()),
        ("ssl.key.pem", cluster.client.key.as_str()),
    ];
    let unnamed = vec![("ssl.endpoint.identification.algorithm", "")];
    let mut bare = vec![("security.protocol", "SASL_PLAINTEXT")];
    bare.extend(password("SCRAM-SHA-512", "tap"));
    for (listener, pairs) in [
        ("SASL", cluster.tls("SASL_SSL", &password("PLAIN", "tap"))),
        ("SASL", cluster.tls("SASL_SSL", &password("SCRAM-SHA-256", "tap"))),
        ("SASL", cluster.tls("SASL_SSL", &password("SCRAM-SHA-512", "tap"))),
        ("SASL", cluster.tls("SASL_SSL", &from_file)),
        ("SASL", cluster.tls("SASL_SSL", &oidc)),
        ("BARE", bare),
        ("MUTUAL", cluster.tls("SSL", &mutual)),
    ] {
        let way = format!("{listener} {:?}", pairs.iter().find(|(name, _)| *name == "sasl.mechanism"));
        let settings = reach(cluster.at(listener), &pairs);
        let mut admin = Admin::connect(&settings).unwrap_or_else(|error| panic!("{way}: {error}"));
        assert_eq!(admin.estimate(&Only(topic)).unwrap().offsets, 500, "{way}");
        let running = Running::start(settings, Only(topic));
        assert!(running.collected.wait_for_records(topic, 500), "{way}");
        assert_eq!(running.settings.counters.get(Counter::Reconnects), 0, "{way}");
        running.stop();
    }
    // The name was the only thing that was wrong; this user may see no topics.
    let settings = reach(cluster.at("ELSEWHERE"), &cluster.tls("SSL", &unnamed));
    assert!(Admin::connect(&settings).is_ok());
}

#[test]
fn sessions_are_renewed_while_records_flow_and_none_is_lost() {
    let Some(cluster) = cluster() else { return };
    let (topic, files) = ("renewed", Folder::new("renewed"));
    produce::create_topic(&cluster.kafka.bootstrap, topic, 1);
    std::fs::write(files.file("token"), cluster.signer.token("tap")).unwrap();
    let file = format!("file://{}", files.file("token").display());
    let bearer = [("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.token.endpoint.url", file.as_str())];
    let ways = [cluster.tls("SASL_SSL", &password("SCRAM-SHA-512", "tap")), cluster.tls("SASL_SSL", &bearer)];
    let ways = ways.map(|pairs| reach(cluster.at("BRIEF"), &pairs));
    let mut admins = ways.each_ref().map(|settings| Admin::connect(settings).unwrap());
    let readers = ways.map(|settings| Running::start(settings, Only(topic)));
    // The control: the broker does hang up.
    let session = cluster.session_without_renewal();
    assert!((Duration::from_millis(1_500)..Duration::from_secs(20)).contains(&session), "{session:?}");
    // Three sessions of two seconds.
    let end = Instant::now() + Duration::from_secs(6);
    let mut written = 0;
    while Instant::now() < end {
        write(cluster, topic, written..written + 50);
        written += 50;
        for reader in &readers {
            assert!(reader.collected.wait_for_records(topic, written), "{written}");
        }
        for admin in &mut admins {
            assert!(admin.groups(&[], &Only(topic), Timestamp(1)).unwrap().complete);
        }
    }
    for reader in readers {
        assert_eq!(reader.settings.counters.get(Counter::Reconnects), 0);
        let logs = reader.stop();
        assert_eq!(logs[&(topic.to_owned(), 0)].records.len(), written);
    }
}

#[test]
fn each_refusal_says_what_to_do_and_no_secret() {
    let Some(cluster) = cluster() else { return };
    let files = Folder::new("refusals");
    std::fs::write(files.file("token"), Signer::new().token("tap")).unwrap();
    let forged = format!("file://{}", files.file("token").display());
    let service = TokenService::start(cluster);
    let stranger = Authority::new("another CA");
    let strangers = stranger.sign("tap", &[], false);
    let wrong =
        |mechanism| vec![("sasl.mechanism", mechanism), ("sasl.username", "tap"), ("sasl.password", "hunter2-wrong")];
    let mut client = tokens(&service.url, "hunter2-wrong");
    client.push(("https.ca.pem", &cluster.authority.certificate));
    let bearer = [("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.token.endpoint.url", forged.as_str())];
    let foreign = [("ssl.certificate.pem", strangers.certificate.as_str()), ("ssl.key.pem", strangers.key.as_str())];
    let with = |protocol: &'static str, more: &Pairs<'static>| {
        let mut pairs = vec![("security.protocol", protocol)];
        pairs.extend(more);
        pairs
    };
    let plain_port = cluster.kafka.bootstrap.as_str();
    let cases: Vec<(&str, Pairs<'_>, &str)> = vec![
        (cluster.at("SASL"), cluster.tls("SASL_SSL", &wrong("SCRAM-SHA-512")), "check sasl.username and sasl.password"),
        (cluster.at("SASL"), cluster.tls("SASL_SSL", &wrong("PLAIN")), "check sasl.username and sasl.password"),
        (cluster.at("SASL"), cluster.tls("SASL_SSL", &bearer), "check that the token is for this cluster"),
        (cluster.at("SASL"), cluster.tls("SASL_SSL", &client), "check client id, client secret and scope"),
        (
            cluster.at("SASL"),
            cluster.tls("SASL_SSL", &tokens(&service.url, CLIENT_SECRET)),
            "its CA (https.ca.location)",
        ),
        (cluster.at("BARE"), with("SASL_PLAINTEXT", &password("PLAIN", "tap")), "one that is: SCRAM-SHA-512"),
        (plain_port, with("SASL_PLAINTEXT", &password("PLAIN", "tap")), "security.protocol=SSL or PLAINTEXT"),
        (
            cluster.at("SASL"),
            vec![("security.protocol", "SSL"), ("ssl.ca.pem", &stranger.certificate)],
            "name the PEM file of that CA with ssl.ca.location",
        ),
        (cluster.at("EXPIRED"), cluster.tls("SSL", &[]), "its certificate has expired; renew it"),
        (
            cluster.at("ELSEWHERE"),
            cluster.tls("SSL", &[]),
            "is for another host (elsewhere.example); name the broker so",
        ),
        (cluster.at("MUTUAL"), cluster.tls("SSL", &[]), "ssl.certificate.location"),
        (cluster.at("MUTUAL"), cluster.tls("SSL", &foreign), "ssl.certificate.location"),
        (plain_port, cluster.tls("SSL", &[]), "security.protocol=PLAINTEXT or SASL_PLAINTEXT"),
        (cluster.at("MUTUAL"), vec![], "security.protocol=SSL or SASL_SSL"),
        (cluster.at("SASL"), cluster.tls("SSL", &[]), "both (SASL_SSL)"),
        (cluster.at("BARE"), vec![], "a login (SASL_PLAINTEXT)"),
    ];
    let mut wanting = Vec::new();
    for (address, pairs, wanted) in cases {
        let said = match Admin::connect(&reach(address, &pairs)) {
            Ok(_) => "let in".to_owned(),
            Err(error) => error.to_string(),
        };
        println!("{said}");
        if !said.contains(wanted) || said.contains("hunter2") {
            wanting.push(format!("wanted {wanted:?}: {said}"));
        }
    }
    assert!(wanting.is_empty(), "\n{}", wanting.join("\n"));
}

#[test]
fn the_program_takes_the_files_of_java_and_tells_no_secret() {
    let Some(cluster) = cluster() else { return };
    let (topic, folder) = ("secrets", Folder::new("secrets"));
    produce::create_topic(&cluster.kafka.bootstrap, topic, 1);
    write(cluster, topic, 0..100);
    std::fs::write(folder.file("ca.pem"), &cluster.authority.certificate).unwrap();
    let java = format!(
        "# for Java\nbootstrap.servers = {}\nsecurity.protocol: SASL_SSL\nsasl.mechanism SCRAM-SHA-512\n\
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n    username=\"tap\" \\\n    \
         password=\"{PASSWORD}\";\nssl.truststore.type=PEM\nssl.truststore.location={}\ngroup.id=mine\nssl.typo=x\n",
        cluster.at("SASL"),
        folder.file("ca.pem").display()
    );
    std::fs::write(folder.file("client.properties"), java).unwrap();
    let arguments = ["tap", "--client-properties", "client.properties", "--from", "earliest", "--topics", topic];
    let arguments =
        [&arguments[..], &["--db", "tap.duckdb", "--serve", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]].concat();
    let tap = Program::start_with(folder.path(), &arguments, &[("HEADWATER_LOG", "trace")]);
    let url = tap.url();
    poll_until("all records", PATIENCE, || {
        (number(folder.path(), Door::Url(&url), "SELECT count(*) FROM event") == 100).then_some(())
    });
    let said =
        poll_until("where metrics answer", PATIENCE, || Some(tap.said()).filter(|said| said.contains("/metrics,")));
    let metrics = said.split_once("metrics at http://").unwrap().1.split("/metrics").next().unwrap().to_owned();
    let metrics = page(&metrics);
    assert!(metrics.contains("200 OK"), "{metrics}");
    let command_line = std::fs::read_to_string(format!("/proc/{}/cmdline", tap.id())).unwrap();
    let (status, said) = tap.stop();
    assert!(status.success(), "{said}");
    assert!(said.contains("\"ssl.typo\" of client.properties is not known"), "{said}");
    let mut places = vec![("metrics".to_owned(), metrics), ("argv".into(), command_line), ("log".into(), said)];
    for file in std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if !file.ends_with("client.properties") {
            let bytes = std::fs::read(&file).unwrap_or_default();
            places.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    for (place, text) in places {
        assert!(!text.contains(PASSWORD), "the password stands in {place}");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_a_wrong_password_ends_the_start() {
    let Some(cluster) = cluster() else { return };
    let folder = Folder::new("environment");
    std::fs::write(folder.file("ca.pem"), &cluster.authority.certificate).unwrap();
    let toml = format!(
        "[[cluster]]\nbrokers = ['{}']\n[cluster.kafka]\nsecurity.protocol = 'SASL_SSL'\nsasl.mechanism = 'SCRAM-SHA-256'\n\
         sasl.username = 'tap'\nsasl.password = '{PASSWORD}'\nssl.ca.location = 'ca.pem'\n",
        cluster.at("SASL")
    );
    std::fs::write(folder.file("headwater.toml"), toml).unwrap();
    let arguments = ["tap", "--db", "tap.duckdb", "--serve", "127.0.0.1:0", "--metrics", "off"];
    let tap = Program::start(folder.path(), &arguments);
    tap.url();
    assert!(tap.stop().0.success());
    let wrong = [("HEADWATER_KAFKA_SASL_PASSWORD", "hunter2-wrong"), ("HEADWATER_KAFKA_NO_SUCH", "hunter2-typo")];
    let (status, said) = Program::start_with(folder.path(), &arguments, &wrong).wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("check sasl.username and sasl.password") && said.contains("\"no.such\""), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let typed = run(folder.path(), &["tap", "--sasl-password", "x"]);
    assert_eq!(typed.status.code(), Some(2), "secrets are no flags");
}

/// What `GET /metrics` answers.
fn page(address: &str) -> String {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    write!(socket, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    socket.read_to_string(&mut page).unwrap();
    page
}

fn commit(cluster: &SecureKafka, topic: &str, group: &str, offset: i64) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &cluster.kafka.bootstrap).set("group.id", group).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(offset)).unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
}

#[test]
fn rights_taken_away_one_by_one_are_said_and_the_rest_is_read_on() {
    let Some(cluster) = cluster() else { return };
    let folder = Folder::new("rights");
    for topic in ["rights-open", "rights-closed"] {
        produce::create_topic(&cluster.kafka.bootstrap, topic, 1);
        write(cluster, topic, 0..100);
    }
    commit(cluster, "rights-open", "rights-group", 40);
    let rights = [Right::DescribeTopic("*"), Right::ReadTopic("*"), Right::DescribeGroup, Right::DescribeCluster];
    rights.into_iter().for_each(|right| cluster.grant(right));
    let variables = [
        ("HEADWATER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
        ("HEADWATER_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
        ("HEADWATER_KAFKA_SASL_USERNAME", "reader"),
        ("HEADWATER_KAFKA_SASL_PASSWORD", PASSWORD),
        ("HEADWATER_KAFKA_SSL_CA_PEM", cluster.authority.certificate.as_str()),
    ];
    let arguments = ["tap", "--brokers", cluster.at("SASL"), "--from", "earliest", "--topics", "rights-.*"];
    let arguments = [&arguments[..], &["--db", "tap.duckdb", "--serve", "127.0.0.1:0", "--metrics", "off"]].concat();
    let arguments = [&arguments[..], &["--sample-interval", "200ms", "--commit-interval", "100ms"]].concat();
    let tap = Program::start_with(folder.path(), &arguments, &variables);
    let url = tap.url();
    let count = |query: &str| number(folder.path(), Door::Url(&url), query);
    let events = |topic: &str, wanted: i64| {
        let query = format!("SELECT count(*) FROM event WHERE topic = '{topic}'");
        poll_until(&format!("{wanted} events of {topic}"), PATIENCE, || (count(&query) == wanted).then_some(()));
    };
    let hears = |words: &str| poll_until(words, PATIENCE, || tap.said().contains(words).then_some(()));
    const PROGRESS: &str = "SELECT count(*) FROM progress WHERE consumer_group = 'rights-group'";
    events("rights-open", 100);
    events("rights-closed", 100);
    poll_until("the group", PATIENCE, || (count(PROGRESS) > 0).then_some(()));
    // What a weaker right covers is not missed: groups are listed by DESCRIBE on them, topics are seen by READ.
    cluster.revoke(Right::DescribeCluster);
    cluster.revoke(Right::DescribeTopic("*"));
    write(cluster, "rights-open", 100..200);
    events("rights-open", 200);
    assert!(!tap.said().contains("not allowed"), "{}", tap.said());
    // Groups are listed, and their commits are closed.
    cluster.grant(Right::DescribeCluster);
    cluster.revoke(Right::DescribeGroup);
    hears("not allowed to see how far this group is");
    write(cluster, "rights-open", 200..300);
    events("rights-open", 300);
    assert!(count(PROGRESS) > 0, "what was known of the group stays");
    // One topic is closed, the other one is read on.
    cluster.grant(Right::ReadTopic("rights-open"));
    cluster.grant(Right::DescribeTopic("rights-closed"));
    cluster.revoke(Right::ReadTopic("*"));
    hears("not allowed to read this topic");
    assert!(tap.said().contains("topic=rights-closed"), "{}", tap.said());
    write(cluster, "rights-open", 300..400);
    write(cluster, "rights-closed", 100..200);
    events("rights-open", 400);
    events("rights-closed", 100);
    // Nothing may be seen any more.
    cluster.revoke(Right::ReadTopic("rights-open"));
    cluster.revoke(Right::DescribeTopic("rights-closed"));
    hears("the cluster shows no topics");
    let (status, said) = tap.stop();
    assert!(status.success() && !said.contains("panicked"), "{said}");
}
