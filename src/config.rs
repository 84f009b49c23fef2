//! What the tap is asked to do, validated: one function per rule.
//!
//! Three sources give the same [`Words`]: what was typed (flags, then `HEADWATER_*`), and the file `headwater.toml`.
//! [`tap`] lays them over each other, fills the rest with defaults and gives the words their meaning. Secrets are not
//! among them: they never stand on a command line.

mod client_properties;
mod collector;
mod file;
mod flows;
mod groups;
mod import;
mod jaas;
mod lag;
mod registry;
mod security;

pub use flows::{FlowWords, business_flows};
pub use groups::CommitLog;
pub use import::{ImportTarget, import};
pub use lag::{LagWords, lag_value};
pub use registry::registry_url;
pub use security::kafka_variables;

use self::collector::collector;
use self::file::written;
use self::security::{Reach, reach};
use crate::event::{BusinessFlow, ClientProperties, FailureText, Retention, Timestamp};
use regex::Regex;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod doors;
mod memory;
mod privacy;
mod retention;
#[cfg(test)]
mod tests;
mod time;
mod words;

pub use doors::{MetricsAddress, TlsFiles};
use doors::{listen, serve_tls};
use memory::memory;
pub use memory::{DEFAULT_MEMORY, DEFAULT_MEMORY_BYTES, MemoryWords};
pub use privacy::PrivacyWords;
use privacy::failure_text;
pub use retention::RetentionWords;
use retention::retention;
pub use time::{duration, since, when};
use time::{from, interval};
pub use words::Words;

/// The database when nothing else is said.
pub const DEFAULT_DB: &str = "headwater.duckdb";
/// The configuration file that is read when it is there and no other is named.
pub const DEFAULT_FILE: &str = "headwater.toml";
/// Name of a cluster that was given none.
pub const DEFAULT_CLUSTER: &str = "kafka";
/// The door's address: this machine only, since without users the door asks nobody who they are.
pub const DEFAULT_SERVE: &str = "127.0.0.1:5439";
/// The address of `/metrics` and `/healthz`: this machine only.
pub const DEFAULT_METRICS: &str = "127.0.0.1:9439";
/// Reading begins this far back: enough for an incident, little enough for the brokers' page cache.
pub const DEFAULT_FROM: &str = "1h";
/// One sample of all groups in this time: what "passed" is known to.
pub const DEFAULT_SAMPLE_INTERVAL: &str = "5s";
/// One commit in this time: how old an answer can be.
pub const DEFAULT_COMMIT_INTERVAL: &str = "1s";
/// Samples closer than this would be a load on the coordinators.
const SAMPLE_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Samples farther apart than this make "passed" meaningless.
const SAMPLE_INTERVAL_MAX: Duration = Duration::from_secs(3600);
/// More commits a second only write more.
const COMMIT_INTERVAL_MIN: Duration = Duration::from_millis(50);
/// All that was read since the last commit is held in memory.
const COMMIT_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Below this a single batch of records could not be read within a second.
const MAX_READ_MIN: u64 = 10_000;
/// Kafka's own bound on a topic name; the cluster's name stands beside it in every row.
const CLUSTER_NAME_MAX: usize = 249;

/// What reads the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Client {
    /// The tap's own reader.
    #[default]
    Native,
    /// librdkafka.
    Librdkafka,
}

/// Where reading of a partition begins when the database holds no position for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The first record that is still there.
    Earliest,
    /// Only what comes after the start.
    Latest,
    /// The first record at or after a time.
    Time(Timestamp),
    /// The first record of the last so much time.
    Ago(Duration),
}

/// One tap: what it does, and the first cluster that it reads.
#[derive(Debug, Clone)]
pub struct TapConfig {
    /// Name of the cluster in every row.
    pub cluster: String,
    /// Bootstrap addresses, `host:port`.
    pub brokers: Vec<String>,
    /// What reads the records.
    pub client: Client,
    /// Further clusters that are read into the same database; what holds for the whole tap is the same in all.
    pub also: Vec<TapConfig>,
    /// The database file.
    pub db: PathBuf,
    /// Where reading begins.
    pub from: From,
    /// Topics to read; all that are not internal when absent.
    pub topics: Option<Regex>,
    /// Topics to leave out.
    pub exclude: Option<Regex>,
    /// Groups to sample where the cluster cannot list them; empty = list them.
    pub groups: Vec<String>,
    /// Whether the cluster's own log of commits is read.
    pub commit_log: CommitLog,
    /// Patterns of groups that look and do nothing: what they pass is attended by nobody, and none of them fails.
    pub not_attending: Vec<String>,
    /// Read no faster than this many bytes a second, over all brokers.
    pub max_read: Option<u64>,
    /// Address of the PostgreSQL wire door; port 0 takes a free one.
    pub serve: Option<SocketAddr>,
    /// Certificate and key of an encrypted door.
    pub serve_tls: Option<TlsFiles>,
    /// Where `/metrics` and `/healthz` answer.
    pub metrics: Option<MetricsAddress>,
    /// Time between two samples of groups and log ends.
    pub sample_interval: Duration,
    /// Time between two commits.
    pub commit_interval: Duration,
    /// The OTLP collector that is told what was settled.
    pub otlp: Option<String>,
    /// The OTLP collector that takes the tap's own counters.
    pub telemetry: Option<String>,
    /// How the cluster is reached, and as whom.
    pub kafka: ClientProperties,
    /// Which schema registry is asked, and as whom; nothing when there is none.
    pub registry: ClientProperties,
    /// What the business counts.
    pub business_flows: Vec<BusinessFlow>,
    /// The attribute that is summed up over what waits for a group.
    pub lag_value: Option<String>,
    /// The user's own conventions, as written; the decoder reads them.
    pub conventions: Vec<toml::Table>,
    /// How long the database keeps what.
    pub retention: Retention,
    /// Whether its door may hand out whole records.
    pub payloads: bool,
    /// How much of the words of errors is kept.
    pub failure_text: FailureText,
    /// Bytes for the search of causes.
    pub memory: u64,
}

/// The configuration, and every value of it that nobody chose.
#[derive(Debug, Clone)]
pub struct Resolved<T> {
    /// What to do.
    pub config: T,
    /// `name = value` of each default that was used, to be printed at start.
    pub defaults: Vec<(&'static str, String)>,
    /// What its owner should know about it, as sentences.
    pub remarks: Vec<String>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was named cannot be read.
    #[error("cannot read {path}: {source}; name another file with --config")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what `headwater.toml` should be.
    #[error("{path} is not understood: {reason}; correct the file, or name another with --config")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why, on one line.
        reason: String,
    },
    /// The file has no section for the cluster, or none can be chosen.
    #[error("{path} has the clusters {known}; choose one with --cluster NAME")]
    Cluster {
        /// The file.
        path: PathBuf,
        /// Names in the file.
        known: String,
    },
    /// No broker was named anywhere.
    #[error(
        "no brokers are named; give --brokers HOST:PORT, HEADWATER_BROKERS, brokers in headwater.toml, or --client-properties FILE"
    )]
    NoBrokers,
    /// The file of a Kafka client that was named is none.
    #[error("{path} is not understood: {reason}; correct the file, or name another with --client-properties")]
    ClientProperties {
        /// The file.
        path: PathBuf,
        /// Where and why, without what stands there.
        reason: String,
    },
    /// A setting of Kafka's clients that does not mean anything. Its value may be a secret, and is not repeated.
    #[error("{name} of {origin} is not understood: {reason}; give {expected}")]
    Kafka {
        /// Its name.
        name: String,
        /// Where it stands.
        origin: String,
        /// Why not.
        reason: String,
        /// What would be.
        expected: &'static str,
    },
    /// A word that does not mean anything.
    #[error("{name} `{word}` is not understood: {reason}; give {expected}")]
    Word {
        /// Flag or key.
        name: &'static str,
        /// What was written.
        word: String,
        /// Why not.
        reason: String,
        /// What would be.
        expected: &'static str,
    },
}

/// The tap that is asked for: `typed` over the file, over the defaults.
///
/// `file` is the file that was named; when none was, [`DEFAULT_FILE`] is read if it is there.
pub fn tap(typed: Words, file: Option<&Path>) -> Result<Resolved<TapConfig>, ConfigError> {
    // What names the brokers of one cluster cannot mean several.
    let one = typed.cluster.is_some() || typed.brokers.is_some() || typed.client_properties.is_some();
    if one {
        let written = written(file, typed.cluster.as_deref())?;
        return cluster(typed, written);
    }
    let mut clusters = file::all(file)?.into_iter().map(|written| cluster(typed.clone(), written));
    let Some(mut resolved) = clusters.next().transpose()? else { return cluster(typed, Words::default()) };
    for also in clusters {
        let also = also?;
        resolved.defaults.extend(also.defaults);
        resolved.remarks.extend(also.remarks);
        resolved.config.also.push(also.config);
    }
    let mut seen = std::collections::HashSet::new();
    resolved.defaults.retain(|default| seen.insert(default.clone()));
    Ok(resolved)
}

/// The tap on one cluster: `typed` over `written`, over the defaults.
fn cluster(typed: Words, written: Words) -> Result<Resolved<TapConfig>, ConfigError> {
    let Reach { brokers: addresses, properties: mut kafka, remarks } = reach(&typed, &written)?;
    let registry = registry::parted(&mut kafka);
    let words = over(typed, written);
    let metrics_chosen = words.metrics.is_some();
    let mut defaults = Vec::new();
    let mut or = |name: &'static str, word: Option<String>, default: &str| {
        word.unwrap_or_else(|| {
            defaults.push((name, default.to_owned()));
            default.to_owned()
        })
    };
    let config = TapConfig {
        cluster: cluster_name(or("cluster", words.cluster, DEFAULT_CLUSTER))?,
        brokers: brokers(addresses)?,
        db: PathBuf::from(or("db", words.db.map(|p| p.to_string_lossy().into_owned()), DEFAULT_DB)),
        from: from(&or("from", words.from, DEFAULT_FROM))?,
        topics: words.topics.as_deref().map(|word| pattern("topics", word)).transpose()?,
        exclude: words.exclude.as_deref().map(|word| pattern("exclude", word)).transpose()?,
        groups: groups::names(words.groups),
        commit_log: groups::commit_log(words.groups_log)?,
        not_attending: groups::not_attending(words.not_attending)?,
        max_read: words.max_read.as_deref().map(max_read).transpose()?,
        client: words.client.as_deref().map_or(Ok(Client::Native), client)?,
        also: Vec::new(),
        serve: listen("serve", &or("serve", words.serve, DEFAULT_SERVE))?,
        serve_tls: serve_tls(words.serve_tls_cert, words.serve_tls_key)?,
        metrics: listen("metrics", &or("metrics", words.metrics, DEFAULT_METRICS))?
            .map(|address| MetricsAddress { address, chosen: metrics_chosen }),
        sample_interval: sample_interval(&or("sample-interval", words.sample_interval, DEFAULT_SAMPLE_INTERVAL))?,
        commit_interval: commit_interval(&or("commit-interval", words.commit_interval, DEFAULT_COMMIT_INTERVAL))?,
        otlp: words.otlp.map(|url| collector("otlp", url)).transpose()?,
        telemetry: words.telemetry.map(|url| collector("telemetry", url)).transpose()?,
        kafka,
        registry,
        business_flows: business_flows(words.business_flows)?,
        lag_value: lag_value(words.lag)?,
        conventions: words.conventions,
        retention: retention(words.retention, &mut or)?,
        payloads: words.privacy.payloads.unwrap_or(false),
        failure_text: failure_text(words.privacy.failure_text.as_deref())?,
        memory: memory(&or("memory", words.memory, DEFAULT_MEMORY))?,
    };
    Ok(Resolved { config, defaults, remarks })
}

/// The database that is meant: what was typed, what the file says, or the default.
///
/// # Errors
/// A [`DEFAULT_FILE`] that is not understood.
pub fn database(typed: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
    let written = match (&typed, file::read(None)?) {
        (None, Some((path, text))) => file::parse(path, &text)?.db,
        _ => None,
    };
    Ok(typed.or(written).unwrap_or_else(|| DEFAULT_DB.into()))
}

/// The address of a collector that was typed for the demo.
pub fn otlp(url: String) -> Result<String, ConfigError> {
    collector("otlp", url)
}

/// `typed` over what is written; how the cluster is reached is [`reach`]'s.
fn over(typed: Words, written: Words) -> Words {
    Words {
        cluster: typed.cluster.or(written.cluster),
        brokers: None,
        db: typed.db.or(written.db),
        from: typed.from.or(written.from),
        topics: typed.topics.or(written.topics),
        exclude: typed.exclude.or(written.exclude),
        groups: typed.groups.or(written.groups),
        groups_log: typed.groups_log.or(written.groups_log),
        not_attending: written.not_attending,
        max_read: typed.max_read.or(written.max_read),
        client: typed.client.or(written.client),
        serve: typed.serve.or(written.serve),
        serve_tls_cert: typed.serve_tls_cert.or(written.serve_tls_cert),
        serve_tls_key: typed.serve_tls_key.or(written.serve_tls_key),
        metrics: typed.metrics.or(written.metrics),
        sample_interval: typed.sample_interval.or(written.sample_interval),
        commit_interval: typed.commit_interval.or(written.commit_interval),
        otlp: typed.otlp.or(written.otlp),
        telemetry: typed.telemetry.or(written.telemetry),
        client_properties: None,
        kafka: Vec::new(),
        business_flows: if typed.business_flows.is_empty() { written.business_flows } else { typed.business_flows },
        lag: written.lag,
        conventions: written.conventions,
        retention: written.retention,
        privacy: typed.privacy.over(written.privacy),
        memory: typed.memory.or(written.memory),
    }
}

fn word(name: &'static str, word: &str, reason: impl Into<String>, expected: &'static str) -> ConfigError {
    ConfigError::Word { name, word: word.to_owned(), reason: reason.into(), expected }
}

/// A cluster's name stands in every row and before every path: short, and without a slash.
fn cluster_name(name: String) -> Result<String, ConfigError> {
    let expected = "a name of letters, digits, `.`, `_` and `-`";
    if name.is_empty() {
        return Err(word("cluster", &name, "it is empty", expected));
    }
    if name.len() > CLUSTER_NAME_MAX {
        return Err(word("cluster", &name, format!("it is longer than {CLUSTER_NAME_MAX} characters"), expected));
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        Some(bad) => Err(word("cluster", &name, format!("{bad:?} cannot stand in it"), expected)),
        None => Ok(name),
    }
}

/// At least one `host:port`; an IPv6 host stands in brackets.
fn brokers(words: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let list: Vec<String> = split(words);
    if list.is_empty() {
        return Err(ConfigError::NoBrokers);
    }
    for broker in &list {
        let expected = "HOST:PORT[,HOST:PORT…]";
        let Some((host, port)) = broker.rsplit_once(':') else {
            return Err(word("brokers", broker, "the port is missing", expected));
        };
        if host.is_empty() || (host.contains(':') && !(host.starts_with('[') && host.ends_with(']'))) {
            return Err(word("brokers", broker, "the host is not a name or address", expected));
        }
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(word("brokers", broker, "the port is not a number of 1 to 65535", expected));
        }
    }
    Ok(list)
}

fn client(name: &str) -> Result<Client, ConfigError> {
    match name {
        "native" => Ok(Client::Native),
        "librdkafka" => Ok(Client::Librdkafka),
        _ => Err(word("client", name, "there is none of this name", "native or librdkafka")),
    }
}

fn split(words: Vec<String>) -> Vec<String> {
    words.iter().flat_map(|w| w.split(',')).map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// A pattern has to match the whole topic name: `orders` does not mean `orders-retry`.
fn pattern(name: &'static str, pattern: &str) -> Result<Regex, ConfigError> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|e| {
        let reason = e.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        word(name, pattern, reason, "a regular expression that matches whole topic names, such as 'orders|payments.*'")
    })
}

/// Bytes a second, with `k`, `M` or `G` (powers of 1000).
fn max_read(text: &str) -> Result<u64, ConfigError> {
    let expected = "bytes a second such as 500k or 20M";
    let bare = text.trim().trim_end_matches("/s").trim_end_matches(['B', 'b']);
    let (number, unit) = match bare.char_indices().last() {
        Some((at, 'k' | 'K')) => (&bare[..at], 1_000),
        Some((at, 'm' | 'M')) => (&bare[..at], 1_000_000),
        Some((at, 'g' | 'G')) => (&bare[..at], 1_000_000_000),
        _ => (bare, 1),
    };
    let bytes = number.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    match bytes {
        None => Err(word("max-read", text, "it is not a number of bytes", expected)),
        Some(bytes) if bytes < MAX_READ_MIN => {
            Err(word("max-read", text, format!("below {MAX_READ_MIN} bytes a second nothing gets through"), expected))
        }
        Some(bytes) => Ok(bytes),
    }
}

fn sample_interval(text: &str) -> Result<Duration, ConfigError> {
    interval("sample-interval", text, SAMPLE_INTERVAL_MIN, SAMPLE_INTERVAL_MAX)
}

fn commit_interval(text: &str) -> Result<Duration, ConfigError> {
    interval("commit-interval", text, COMMIT_INTERVAL_MIN, COMMIT_INTERVAL_MAX)
}
