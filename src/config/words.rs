//! What is said, before it means anything.

use super::{FlowWords, LagWords, PrivacyWords, RetentionWords};
use crate::event::Secret;
use std::path::PathBuf;

/// What one source says, before it means anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// `--cluster`
    pub cluster: Option<String>,
    /// `--brokers`
    pub brokers: Option<Vec<String>>,
    /// `--db`
    pub db: Option<PathBuf>,
    /// `--from`
    pub from: Option<String>,
    /// `--topics`
    pub topics: Option<String>,
    /// `--exclude`
    pub exclude: Option<String>,
    /// `--groups`
    pub groups: Option<Vec<String>>,
    /// `--groups-log`, or `log` of `[groups]`.
    pub groups_log: Option<String>,
    /// `not-attending` of `[groups]`, in the file only.
    pub not_attending: Vec<String>,
    /// `--max-read`
    pub max_read: Option<String>,
    /// `--client`
    pub client: Option<String>,
    /// `--serve`
    pub serve: Option<String>,
    /// `--serve-tls-cert`
    pub serve_tls_cert: Option<PathBuf>,
    /// `--serve-tls-key`
    pub serve_tls_key: Option<PathBuf>,
    /// `--metrics`
    pub metrics: Option<String>,
    /// `--sample-interval`
    pub sample_interval: Option<String>,
    /// `--commit-interval`
    pub commit_interval: Option<String>,
    /// `--otlp`
    pub otlp: Option<String>,
    /// `--telemetry`
    pub telemetry: Option<String>,
    /// `--client-properties`
    pub client_properties: Option<PathBuf>,
    /// `HEADWATER_KAFKA_…`, or `[cluster.kafka]`; never a flag, since it may hold secrets.
    pub kafka: Vec<(String, Secret)>,
    /// `[[business_flow]]`, in the file only.
    pub business_flows: Vec<FlowWords>,
    /// `[lag]`, in the file only.
    pub lag: LagWords,
    /// Sections `[[convention]]`.
    pub conventions: Vec<toml::Table>,
    /// `[retention]`, in the file only.
    pub retention: RetentionWords,
    /// `[privacy]`, or `--failure-text`.
    pub privacy: PrivacyWords,
    /// `--memory`, or `causality` of `[memory]`.
    pub memory: Option<String>,
}
