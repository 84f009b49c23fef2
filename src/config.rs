//! What the tap is asked to do, validated: one function per rule.

use crate::event::Timestamp;
use regex::Regex;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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

/// One tap on one cluster.
#[derive(Debug, Clone)]
pub struct TapConfig {
    /// Name of the cluster in every row.
    pub cluster: String,
    /// Bootstrap addresses, `host:port`.
    pub brokers: Vec<String>,
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
    /// Read no faster than this many bytes a second, over all brokers.
    pub max_read: Option<u64>,
    /// Address of the PostgreSQL wire door; port 0 takes a free one.
    pub serve: Option<SocketAddr>,
    /// Time between two samples of groups and log ends.
    pub sample_interval: Duration,
    /// Time between two commits.
    pub commit_interval: Duration,
}
