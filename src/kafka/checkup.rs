//! What a cluster lets the tap do, found out before anything is read: which addresses answer and where the way to the
//! others ends, what the brokers offer, and which rights are there. Rights are inferred from answers, never from ACLs.

use super::admin::Admin;
use super::connection::Connection;
use super::error::{Error, code};
use super::estimate::Estimate;
use super::{Plan, Settings};
use crate::event::Timestamp;
use kafka_protocol::messages::{ApiKey, DescribeLogDirsRequest, MetadataRequest, MetadataResponse};
use std::net::ToSocketAddrs;

/// What was found out.
#[derive(Debug, Default)]
pub struct Checkup {
    /// Bootstrap addresses in their order, then the brokers that metadata names and that are not among them.
    pub addresses: Vec<Reach>,
    /// Brokers that metadata names; 0 when nobody answered.
    pub brokers: usize,
    /// What the user may do; `None` when nobody answered.
    pub rights: Option<Rights>,
    /// How much there is to read; `None` when nobody answered.
    pub estimate: Option<Estimate>,
}

/// The steps of the way to a broker, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its name has an address (DNS).
    Name,
    /// It accepts a connection (TCP).
    Connect,
    /// Both agree on TLS.
    Tls,
    /// It knows who asks (SASL).
    Login,
    /// It answers as a Kafka broker does.
    Protocol,
}

impl Step {
    /// Its name in JSON and in sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "dns",
            Self::Connect => "tcp",
            Self::Tls => "tls",
            Self::Login => "sasl",
            Self::Protocol => "kafka",
        }
    }
}

/// One address, and how far the way there goes.
#[derive(Debug)]
pub struct Reach {
    /// `host:port`
    pub address: String,
    /// Broker id, where metadata tells it.
    pub broker: Option<i32>,
    /// It was named by the user, and not only by metadata.
    pub bootstrap: bool,
    /// What the broker offers, or the step that failed and what to do.
    pub outcome: Result<Offer, (Step, String)>,
}

/// What a broker offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The earliest release of Apache Kafka that speaks its protocol.
    pub release: &'static str,
    /// What the tap goes without on this broker, as sentences.
    pub lacks: Vec<&'static str>,
}

/// Whether a right is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The brokers' answers do not tell.
    Unknown,
}

impl Held {
    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What the user may do.
#[derive(Debug)]
pub struct Rights {
    /// DESCRIBE on the cluster.
    pub describe_cluster: Held,
    /// DESCRIBE on groups.
    pub describe_groups: Held,
    /// Groups whose committed offsets were seen.
    pub groups_seen: usize,
    /// Groups that are listed and whose committed offsets may not be seen, sorted.
    pub groups_closed: Vec<String>,
    /// Topics that the user may DESCRIBE, internal ones included. Others do not show.
    pub topics_seen: usize,
    /// Topics among them that the plan wants.
    pub topics_wanted: usize,
    /// Topics among these that may not be read, sorted.
    pub topics_closed: Vec<String>,
    /// READ on the wanted topics.
    pub read_topics: Held,
    /// DESCRIBE_CONFIGS on the wanted topics, which is optional.
    pub describe_configs: Held,
}

/// Fetch versions and the release that brought each; the last ones are those of servers that are out now.
const RELEASES: &[(i16, &str)] = &[
    (18, "4.1"),
    (17, "3.9"),
    (16, "3.7"),
    (15, "3.5"),
    (13, "3.1"),
    (12, "2.7"),
    (11, "2.3"),
    (10, "2.1"),
    (8, "2.0"),
    (7, "1.1"),
    (6, "1.0"),
    (4, "0.11"),
];

/// Requests, the version that is wanted of each, and what the tap goes without below it.
const WANTED: &[(ApiKey, i16, &str)] = &[
    (ApiKey::Fetch, 7, "no fetch sessions (Kafka 1.1): each poll names all partitions, which costs CPU with many"),
    (ApiKey::Fetch, 11, "no follower fetch (Kafka 2.3): --rack has no effect"),
    (ApiKey::Metadata, 8, "no word on rights (Kafka 2.3): whether topics may be read shows only when they are"),
    (
        ApiKey::Metadata,
        10,
        "no topic ids (Kafka 2.8): a topic that is deleted and created again goes on as the old one",
    ),
    (
        ApiKey::Fetch,
        13,
        "no fetch by topic id (Kafka 3.1): a topic that is created again is noticed a few seconds late",
    ),
    (ApiKey::ListGroups, 0, "no list of groups: name them with --groups"),
    (ApiKey::ListGroups, 4, "no states of groups in their list (Kafka 2.6)"),
    (ApiKey::ListGroups, 5, "no kinds of groups in their list (Kafka 3.8): all with members count as classic ones"),
    (ApiKey::DescribeGroups, 0, "no members of groups (DescribeGroups): who holds which partition stays unknown"),
    (ApiKey::OffsetFetch, 8, "no question about several groups at once (Kafka 3.0): one request a group and sample"),
    (
        ApiKey::DescribeConfigs,
        1,
        "no settings of topics (DescribeConfigs): what retention is about to delete stays unknown",
    ),
    (ApiKey::DescribeLogDirs, 1, "no sizes of logs (DescribeLogDirs): estimates count records only"),
];

/// First Metadata version that says what the user may do on each topic (KIP-430).
const WITH_TOPIC_RIGHTS: i16 = 8;
/// What a broker says that does not know them.
const RIGHTS_UNKNOWN: i32 = i32::MIN;
/// The bit of READ.
const READ: i32 = 1 << 3;

/// Looks at everything that the tap needs, and reads no record.
///
/// # Errors
/// [`Error::Stopped`] only: what fails is an outcome.
pub fn check(settings: &Settings, plan: &dyn Plan, now: Timestamp) -> Result<Checkup, Error> {
    let mut checkup = Checkup::default();
    for address in &settings.brokers {
        checkup.addresses.push(reach(settings, address, None, true));
    }
    if checkup.addresses.iter().all(|reach| reach.outcome.is_err()) {
        return Ok(checkup);
    }
    let mut admin = Admin::connect(settings)?;
    let brokers = admin.cluster.brokers();
    checkup.brokers = brokers.len();
    for broker in brokers {
        let Some(address) = admin.cluster.address(broker).map(str::to_owned) else { continue };
        match checkup.addresses.iter_mut().find(|reach| reach.address == address) {
            Some(known) => known.broker = Some(broker),
            None => checkup.addresses.push(reach(settings, &address, Some(broker), false)),
        }
    }
    checkup.rights = Some(rights(&mut admin, plan, now)?);
    checkup.estimate = Some(admin.estimate(plan)?);
    Ok(checkup)
}

fn reach(settings: &Settings, address: &str, broker: Option<i32>, bootstrap: bool) -> Reach {
    Reach { address: address.to_owned(), broker, bootstrap, outcome: go(settings, address) }
}

fn go(settings: &Settings, address: &str) -> Result<Offer, (Step, String)> {
    if let Err(error) = address.to_socket_addrs() {
        return Err((
            Step::Name,
            format!("its name has no address: {error}; check the spelling, and this machine's DNS"),
        ));
    }
    let link = Connection::open(address, &settings.security, &settings.stop).and_then(|mut link| {
        // Before the first question that only who was let in may ask, a broker may still hang up.
        let nothing = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(false);
        link.call(&nothing)?;
        Ok(link)
    });
    match link {
        Ok(link) => Ok(offer(&link)),
        Err(error) => Err((failed_at(&error), error.to_string())),
    }
}

fn failed_at(error: &Error) -> Step {
    match error {
        Error::Connect { .. } => Step::Connect,
        Error::Tls { .. } => Step::Tls,
        Error::Login { .. } | Error::Security(_) => Step::Login,
        _ => Step::Protocol,
    }
}

fn offer(link: &Connection) -> Offer {
    let highest = |key| link.version(key, 0, i16::MAX);
    let fetch = highest(ApiKey::Fetch).unwrap_or(-1);
    let release = RELEASES.iter().find(|(version, _)| *version <= fetch).map_or("0.10", |(_, release)| release);
    let lacks = WANTED.iter().filter(|(key, version, _)| highest(*key).is_none_or(|highest| highest < *version));
    Offer { release, lacks: lacks.map(|(_, _, sentence)| *sentence).collect() }
}

fn rights(admin: &mut Admin, plan: &dyn Plan, now: Timestamp) -> Result<Rights, Error> {
    let describe_cluster = describe_cluster(admin)?;
    let sample = admin.groups(&[], plan, now)?;
    let groups_seen = sample.groups.len();
    let groups_closed: Vec<String> = sample.denied.iter().map(ToString::to_string).collect();
    let describe_groups = match (groups_closed.is_empty(), groups_seen) {
        (false, _) => Held::No,
        (true, 0) => admin.may_describe_groups()?,
        (true, _) => Held::Yes,
    };
    let mut rights = Rights {
        describe_cluster,
        describe_groups,
        groups_seen,
        groups_closed,
        topics_seen: 0,
        topics_wanted: 0,
        topics_closed: Vec::new(),
        read_topics: Held::Unknown,
        describe_configs: admin.policies.held(),
    };
    look_at_topics(admin, plan, &mut rights)?;
    Ok(rights)
}

/// Any broker knows; one that does not answer is passed over.
fn describe_cluster(admin: &mut Admin) -> Result<Held, Error> {
    for broker in admin.cluster.brokers() {
        let asked = admin.cluster.on(broker, |link| {
            // Sizes of no topic at all: only whether the question is answered counts.
            let answer = link.call(&DescribeLogDirsRequest::default().with_topics(Some(Vec::new())))?;
            let told = link.version_of::<DescribeLogDirsRequest>()? >= 3;
            Ok((answer.error_code, told || !answer.results.is_empty()))
        });
        match asked {
            Ok((code::NONE, true)) => return Ok(Held::Yes),
            Ok(_) => return Ok(Held::No),
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(Error::Unsupported { .. }) => return Ok(Held::Unknown),
            Err(error) => tracing::debug!(%error, broker, "whether the cluster may be described stays unknown"),
        }
    }
    Ok(Held::Unknown)
}

impl Admin {
    /// Whether the records of `topic` may be read; `None` when the cluster does not show it.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn may_read(&mut self, topic: &str) -> Result<Option<Held>, Error> {
        let answer = topics_with_rights(self)?;
        let named = |name: &str| name == topic;
        let shown = answer.topics.iter().find(|shown| shown.name.as_ref().is_some_and(|name| named(name.as_str())));
        Ok(shown.filter(|shown| shown.error_code == code::NONE).map(|shown| match shown.topic_authorized_operations {
            RIGHTS_UNKNOWN => Held::Unknown,
            operations if operations & READ == 0 => Held::No,
            _ => Held::Yes,
        }))
    }
}

/// All topics that the user may see, and what it may do on each where the broker tells that.
fn topics_with_rights(admin: &mut Admin) -> Result<MetadataResponse, Error> {
    let mut answer = Err(Error::Away(-1));
    for broker in admin.cluster.brokers() {
        answer = admin.cluster.on(broker, |link| {
            let tells = link.version_of::<MetadataRequest>()? >= WITH_TOPIC_RIGHTS;
            let all = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
            link.call(&all.with_include_topic_authorized_operations(tells))
        });
        if matches!(answer, Ok(_) | Err(Error::Stopped)) {
            break;
        }
    }
    answer
}

fn look_at_topics(admin: &mut Admin, plan: &dyn Plan, rights: &mut Rights) -> Result<(), Error> {
    let answer = topics_with_rights(admin)?;
    let mut unknown = 0;
    for topic in answer.topics.iter().filter(|topic| topic.error_code == code::NONE) {
        let Some(name) = topic.name.as_ref().map(|name| name.as_str()) else { continue };
        rights.topics_seen += 1;
        if !plan.wants(name) {
            continue;
        }
        rights.topics_wanted += 1;
        match topic.topic_authorized_operations {
            RIGHTS_UNKNOWN => unknown += 1,
            operations if operations & READ == 0 => rights.topics_closed.push(name.to_owned()),
            _ => {}
        }
    }
    rights.topics_closed.sort();
    rights.read_topics = match (rights.topics_closed.is_empty(), rights.topics_wanted) {
        (false, _) => Held::No,
        (true, wanted) if wanted == unknown => Held::Unknown,
        (true, _) => Held::Yes,
    };
    Ok(())
}
