//! `headwater.toml`.

use super::groups::GroupWords;
use super::registry::RegistryWords;
use super::security::flattened;
use super::{ConfigError, DEFAULT_FILE, FlowWords, LagWords, MemoryWords, PrivacyWords, RetentionWords, Words};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `headwater.toml`: what holds for the tap, and one section a cluster.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub db: Option<PathBuf>,
    serve: Option<String>,
    serve_tls_cert: Option<PathBuf>,
    serve_tls_key: Option<PathBuf>,
    metrics: Option<String>,
    sample_interval: Option<String>,
    commit_interval: Option<String>,
    otlp: Option<String>,
    telemetry: Option<String>,
    #[serde(default)]
    retention: RetentionWords,
    #[serde(default)]
    pub lag: LagWords,
    #[serde(default)]
    pub privacy: PrivacyWords,
    #[serde(default)]
    pub memory: MemoryWords,
    #[serde(default)]
    pub groups: GroupWords,
    #[serde(default)]
    pub registry: RegistryWords,
    #[serde(default)]
    cluster: Vec<Section>,
    #[serde(default, rename = "business_flow")]
    pub business_flows: Vec<FlowWords>,
    #[serde(default, rename = "convention")]
    pub conventions: Vec<toml::Table>,
}

/// One `[[cluster]]` of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Section {
    name: Option<String>,
    brokers: Option<Vec<String>>,
    from: Option<String>,
    topics: Option<String>,
    exclude: Option<String>,
    groups: Option<Vec<String>>,
    max_read: Option<String>,
    client: Option<String>,
    client_properties: Option<PathBuf>,
    #[serde(default)]
    kafka: KafkaTable,
}

/// `[cluster.kafka]`. It may hold secrets, so it prints nothing.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
struct KafkaTable(Option<toml::Value>);

impl std::fmt::Debug for KafkaTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

pub(super) fn written(file: Option<&Path>, cluster: Option<&str>) -> Result<Words, ConfigError> {
    match read(file)? {
        Some((path, text)) => from_file(path, &text, cluster),
        None => Ok(Words::default()),
    }
}

/// The file that was named, else [`DEFAULT_FILE`] if it is there.
pub(super) fn read(file: Option<&Path>) -> Result<Option<(&Path, String)>, ConfigError> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path, text))),
        Err(e) if file.is_none() && e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

pub(super) fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|e| ConfigError::Parse { path: path.to_owned(), reason: place(text, &e) })
}

pub(super) fn from_file(path: &Path, text: &str, cluster: Option<&str>) -> Result<Words, ConfigError> {
    let mut file = parse(path, text)?;
    let section = section(path, std::mem::take(&mut file.cluster), cluster)?;
    words(file, section)
}

/// One for each cluster of the file, in its order; one without a cluster when it names none.
pub(super) fn all(file: Option<&Path>) -> Result<Vec<Words>, ConfigError> {
    let Some((path, text)) = read(file)? else { return Ok(Vec::new()) };
    let sections = parse(path, &text)?.cluster;
    if sections.len() < 2 {
        return Ok(vec![from_file(path, &text, None)?]);
    }
    let mut names = std::collections::HashSet::new();
    for section in &sections {
        let reason = match section.name.as_deref() {
            None => "one of several [[cluster]] sections has no name",
            Some(name) if !names.insert(name) => "two [[cluster]] sections have the same name",
            Some(_) => continue,
        };
        return Err(ConfigError::Parse { path: path.to_owned(), reason: reason.to_owned() });
    }
    sections.iter().map(|section| from_file(path, &text, section.name.as_deref())).collect()
}

fn words(file: File, section: Section) -> Result<Words, ConfigError> {
    let mut kafka: Vec<_> = file.registry.settings().collect();
    // Behind the registry of the whole tap: the word of the cluster is the last.
    kafka.extend(section.kafka.0.map_or_else(|| Ok(Vec::new()), flattened)?);
    Ok(Words {
        cluster: section.name,
        brokers: section.brokers,
        db: file.db,
        from: section.from,
        topics: section.topics,
        exclude: section.exclude,
        groups: section.groups,
        groups_log: file.groups.log,
        not_attending: file.groups.not_attending,
        max_read: section.max_read,
        client: section.client,
        client_properties: section.client_properties,
        kafka,
        serve: file.serve,
        serve_tls_cert: file.serve_tls_cert,
        serve_tls_key: file.serve_tls_key,
        metrics: file.metrics,
        sample_interval: file.sample_interval,
        commit_interval: file.commit_interval,
        otlp: file.otlp,
        telemetry: file.telemetry,
        business_flows: file.business_flows,
        lag: file.lag,
        conventions: file.conventions,
        retention: file.retention,
        privacy: file.privacy,
        memory: file.memory.causality,
    })
}

/// One line that says where: the parser's own message draws over several.
fn place(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

/// The section of the cluster that is asked for; the only one when none is.
fn section(path: &Path, mut sections: Vec<Section>, cluster: Option<&str>) -> Result<Section, ConfigError> {
    let refuse = |sections: &[Section]| {
        let known: Vec<_> = sections.iter().map(|s| s.name.as_deref().unwrap_or("(unnamed)")).collect();
        Err(ConfigError::Cluster { path: path.to_owned(), known: known.join(", ") })
    };
    match (cluster, sections.len()) {
        (_, 0) => Ok(Section::default()),
        (None, 1) => Ok(sections.remove(0)),
        (None, _) => refuse(&sections),
        (Some(wanted), n) => match sections.iter().position(|s| s.name.as_deref() == Some(wanted)) {
            Some(at) => Ok(sections.swap_remove(at)),
            None if n == 1 && sections[0].name.is_none() => Ok(sections.remove(0)),
            None => refuse(&sections),
        },
    }
}
