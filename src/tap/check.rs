//! `headwater check`: what would keep a tap from running, what it would not see, and which right changes that.

use super::{clock, outlook, plan};
use crate::config::TapConfig;
use crate::kafka::{self, Checkup, Held, Reach, Rights, Security, Size};
use crate::registry;
use crate::telemetry::Counters;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Topics or groups that one sentence and one command name; the others are counted.
const NAMED: usize = 10;

/// How the check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The tap sees all that it was asked to.
    Fine,
    /// The tap runs, and sees less.
    Less,
    /// The tap cannot run, or has nothing to read.
    Cannot,
}

impl Verdict {
    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Less => "runs_with_less",
            Self::Cannot => "cannot_run",
        }
    }
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `host:port`
    pub address: String,
    /// `bootstrap`, or `advertised` where only the cluster names it.
    pub role: &'static str,
    /// Broker id, if it is known.
    pub broker: Option<i32>,
    /// `dns`, `tcp`, `tls`, `sasl` or `kafka` where the way there ends; `None` when it answers.
    pub failed_at: Option<&'static str>,
    /// Why it ends, and what to do.
    pub reason: Option<String>,
    /// The earliest Kafka release that speaks its protocol.
    pub release: Option<&'static str>,
    /// What the tap goes without there.
    pub lacks: Vec<&'static str>,
}

/// One right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// Operation and resource.
    pub right: &'static str,
    /// `yes`, `no` or `unknown`.
    pub held: &'static str,
    /// What was seen by it.
    pub detail: String,
}

/// Something that keeps the tap from running, or that it will not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What, in plain words.
    pub what: String,
    /// The command that changes it, where a right does.
    pub command: Option<String>,
}

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The worst of all findings.
    pub verdict: Verdict,
    /// Name of the cluster.
    pub cluster: String,
    /// All addresses.
    pub addresses: Vec<Address>,
    /// All rights that matter; none when nobody answered.
    pub rights: Vec<Right>,
    /// What the schema registry said, if there is one.
    pub registry: Option<Result<registry::Answer, String>>,
    /// How much would be read, as a sentence.
    pub outlook: Option<String>,
    /// Bytes that would be read, where the brokers tell.
    pub bytes: Option<u64>,
    /// Records that would be read, at most.
    pub records: Option<i64>,
    /// Topics that would be read.
    pub topics: Option<usize>,
    /// All findings, the worst first.
    pub findings: Vec<Finding>,
}

/// Checks a tap that is not started. Nothing is read and no database is opened.
///
/// # Errors
/// Settings of the connection that mean nothing, and a cluster that goes away meanwhile.
pub fn check(config: &TapConfig) -> anyhow::Result<Check> {
    let security = super::secured(config)?;
    let (counters, stop) = (Arc::new(Counters::default()), Arc::new(AtomicBool::new(false)));
    let settings = super::settings(config, &security, &counters, &stop);
    let now = clock::now();
    let plan = plan::TapPlan::new(config, (HashMap::new(), None), now);
    let checkup = kafka::check(&settings, &plan, now)?;
    // The registry is asked although no broker answers: whoever mends one wants to know of the other.
    let registry = registry::check(&config.registry);
    Ok(told(config, &security, &checkup, registry))
}

fn told(
    config: &TapConfig,
    security: &Security,
    checkup: &Checkup,
    registry: Result<Option<registry::Answer>, registry::Error>,
) -> Check {
    let acls = Acls { bootstrap: config.brokers.join(","), principal: principal(security) };
    let mut findings = ways(checkup);
    if let Some(rights) = &checkup.rights {
        findings.extend(topics(rights, &acls, security));
        findings.extend(groups(rights, &acls));
        findings.extend(cluster(rights, &acls));
    }
    findings.extend(schemas(&registry));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    let estimate = checkup.estimate.as_ref();
    Check {
        verdict: findings.first().map_or(Verdict::Fine, |finding| finding.verdict),
        cluster: config.cluster.clone(),
        addresses: checkup.addresses.iter().map(address).collect(),
        rights: checkup.rights.as_ref().map(rights).unwrap_or_default(),
        registry: registry.map_err(|error| error.to_string()).transpose(),
        outlook: estimate.map(|estimate| outlook::outlook(estimate, config.max_read)),
        bytes: estimate.and_then(|estimate| match estimate.size {
            Size::Bytes(bytes) => Some(bytes),
            Size::Denied | Size::NotOffered | Size::Silent => None,
        }),
        records: estimate.map(|estimate| estimate.offsets),
        topics: estimate.map(|estimate| estimate.topics),
        findings,
    }
}

fn address(reach: &Reach) -> Address {
    let (offer, failure) = match &reach.outcome {
        Ok(offer) => (Some(offer), None),
        Err(failure) => (None, Some(failure)),
    };
    Address {
        address: reach.address.clone(),
        role: if reach.bootstrap { "bootstrap" } else { "advertised" },
        broker: reach.broker,
        failed_at: failure.map(|(step, _)| step.as_str()),
        reason: failure.map(|(_, reason)| reason.clone()),
        release: offer.map(|offer| offer.release),
        lacks: offer.map(|offer| offer.lacks.clone()).unwrap_or_default(),
    }
}

fn rights(rights: &Rights) -> Vec<Right> {
    let closed = |names: &[String]| match names {
        [] => String::new(),
        names => format!(", not {}", list(names)),
    };
    vec![
        Right {
            right: "DESCRIBE on topics",
            held: if rights.topics_seen > 0 { Held::Yes } else { Held::Unknown }.as_str(),
            detail: format!(
                "{} seen, {} of them wanted; topics without this right do not show",
                rights.topics_seen, rights.topics_wanted
            ),
        },
        Right {
            right: "READ on topics",
            held: rights.read_topics.as_str(),
            detail: format!(
                "{} of {} wanted topics{}",
                rights.topics_wanted - rights.topics_closed.len(),
                rights.topics_wanted,
                closed(&rights.topics_closed)
            ),
        },
        Right {
            right: "DESCRIBE on groups",
            held: rights.describe_groups.as_str(),
            detail: format!("{} seen{}", rights.groups_seen, closed(&rights.groups_closed)),
        },
        Right {
            right: "DESCRIBE on the cluster",
            held: rights.describe_cluster.as_str(),
            detail: "sizes of logs, and a list of groups that leaves none out".to_owned(),
        },
        Right {
            right: "DESCRIBE_CONFIGS on topics",
            held: rights.describe_configs.as_str(),
            detail: match rights.describe_configs {
                Held::Yes => "retention and compaction".to_owned(),
                Held::No | Held::Unknown => {
                    "optional: without retention and compaction, how soon a group that is behind \
                                             loses records stays unknown"
                        .to_owned()
                }
            },
        },
    ]
}

/// Addresses that do not answer.
fn ways(checkup: &Checkup) -> Vec<Finding> {
    let failed = |reach: &&Reach| reach.outcome.is_err();
    let all = checkup.rights.is_none();
    let away = checkup.addresses.iter().filter(failed);
    let led = checkup.addresses.iter().filter(|reach| reach.broker.is_some());
    let none_led = led.clone().count() > 0 && led.clone().all(|reach| reach.outcome.is_err());
    let verdict = if all || none_led { Verdict::Cannot } else { Verdict::Less };
    let finding = |reach: &Reach| {
        let what = match reach.broker {
            Some(broker) => format!(
                "broker {broker} at {} cannot be reached from here: what it leads is not read until it can be",
                reach.address
            ),
            None if all => format!("{} cannot be reached from here", reach.address),
            None => {
                format!("bootstrap address {} cannot be reached from here: the tap starts by the others", reach.address)
            }
        };
        Finding { verdict, what, command: None }
    };
    away.map(finding).collect()
}

fn topics(rights: &Rights, acls: &Acls, security: &Security) -> Option<Finding> {
    let all = || Some(acls.add(&["Read", "Describe"], "--topic", &["*".to_owned()]));
    if rights.topics_seen == 0 {
        // Whoever says who he is knows that there are topics; an open cluster may be empty.
        let open = security.protocol() == "PLAINTEXT";
        let verdict = if open { Verdict::Less } else { Verdict::Cannot };
        let what = "no topic shows: there is none, or this user may not DESCRIBE any, and nothing is read".to_owned();
        return Some(Finding { verdict, what, command: all() });
    }
    if rights.topics_wanted == 0 {
        let what =
            "no topic that shows is wanted: nothing is read; check --topics and --exclude, or the topic needs DESCRIBE";
        return Some(Finding { verdict: Verdict::Cannot, what: what.to_owned(), command: all() });
    }
    let closed = &rights.topics_closed;
    if closed.is_empty() {
        return None;
    }
    let verdict = if closed.len() == rights.topics_wanted { Verdict::Cannot } else { Verdict::Less };
    let what = format!("events of {} will not be seen: READ on the topic is missing", list(closed));
    let command = if verdict == Verdict::Cannot { all() } else { Some(acls.add(&["Read"], "--topic", closed)) };
    Some(Finding { verdict, what, command })
}

fn groups(rights: &Rights, acls: &Acls) -> Option<Finding> {
    if rights.describe_groups != Held::No {
        return None;
    }
    let (whose, names) = match rights.groups_closed.as_slice() {
        [] => ("any group".to_owned(), vec!["*".to_owned()]),
        closed => (list(closed), closed.to_vec()),
    };
    let what = format!("what was passed and lag of {whose} will not be seen: DESCRIBE on the group is missing");
    Some(Finding { verdict: Verdict::Less, what, command: Some(acls.add(&["Describe"], "--group", &names)) })
}

fn cluster(rights: &Rights, acls: &Acls) -> Option<Finding> {
    if rights.describe_cluster != Held::No {
        return None;
    }
    let groups = if rights.describe_groups == Held::Yes { "" } else { ", and groups are not listed" };
    let what = format!("the bytes to read cannot be told before reading{groups}: DESCRIBE on the cluster is missing");
    let command = format!("{} --operation Describe --cluster", acls.begin());
    Some(Finding { verdict: Verdict::Less, what, command: Some(command) })
}

/// What a registry keeps from being read.
fn schemas(registry: &Result<Option<registry::Answer>, registry::Error>) -> Option<Finding> {
    let what = match registry {
        Err(error) => format!("no schema registry answers, and Avro and Protobuf bodies will not be read: {error}"),
        Ok(Some(answer)) if answer.usable < answer.looked_at => format!(
            "bodies of {} of {} schemas that were looked at will not be read: {}",
            answer.looked_at - answer.usable,
            answer.looked_at,
            answer.trouble.as_deref().unwrap_or_default()
        ),
        Ok(_) => return None,
    };
    Some(Finding { verdict: Verdict::Less, what, command: None })
}

/// How rights are granted on this cluster.
struct Acls {
    bootstrap: String,
    principal: String,
}

impl Acls {
    fn begin(&self) -> String {
        format!(
            "kafka-acls.sh --bootstrap-server {} --command-config admin.properties --add --allow-principal {}",
            quoted(&self.bootstrap),
            quoted(&self.principal)
        )
    }

    fn add(&self, operations: &[&str], resource: &str, names: &[String]) -> String {
        let mut command = self.begin();
        operations.iter().for_each(|operation| command.push_str(&format!(" --operation {operation}")));
        names.iter().take(NAMED).for_each(|name| command.push_str(&format!(" {resource} {}", quoted(name))));
        command
    }
}

/// As a shell takes it; names of groups are chosen by whoever joins one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | ',' | '[' | ']');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// As the brokers call the user; a certificate or a token says who it is to them only.
fn principal(security: &Security) -> String {
    match (security.user(), security.protocol()) {
        (Some(user), _) => format!("User:{user}"),
        (None, "PLAINTEXT") => "User:ANONYMOUS".to_owned(),
        (None, _) => "User:NAME".to_owned(),
    }
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
