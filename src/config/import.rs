//! What an import is asked to do.

use super::file::{File, parse, read};
use super::groups::not_attending;
use super::memory::memory;
use super::privacy::failure_text;
use super::security::{layer, over};
use super::{
    ConfigError, DEFAULT_CLUSTER, DEFAULT_DB, DEFAULT_FILE, DEFAULT_MEMORY, PrivacyWords, Resolved, business_flows,
    cluster_name, lag_value, registry,
};
use crate::event::{BusinessFlow, ClientProperties, FailureText, Secret};
use std::path::{Path, PathBuf};

/// Where an import goes, and what the business counts there.
#[derive(Debug, Clone)]
pub struct ImportTarget {
    /// Name of the cluster that the captures came from.
    pub cluster: String,
    /// The database file.
    pub db: PathBuf,
    /// Business flows of the configuration file, if it is there.
    pub business_flows: Vec<BusinessFlow>,
    /// The attribute that is summed up over what waits for a group.
    pub lag_value: Option<String>,
    /// Patterns of groups that look and do nothing.
    pub not_attending: Vec<String>,
    /// The user's own conventions, as written there.
    pub conventions: Vec<toml::Table>,
    /// Which schema registry is asked, and as whom; nothing when there is none.
    pub registry: ClientProperties,
    /// Bytes for the search of causes.
    pub memory: u64,
    /// How much of the words of errors is kept.
    pub failure_text: FailureText,
}

/// Cluster, database, business flows and schema registry of an import; `typed` are the settings of the registry that
/// were typed, or stand in the environment, and `privacy` is what was said of that there.
///
/// # Errors
/// A cluster's name that cannot be one, or a file that is not understood.
pub fn import(
    cluster: Option<String>,
    db: Option<PathBuf>,
    (file, privacy): (Option<&Path>, PrivacyWords),
    typed: Vec<(String, Secret)>,
) -> Result<Resolved<ImportTarget>, ConfigError> {
    let mut defaults = Vec::new();
    if cluster.is_none() {
        defaults.push(("cluster", DEFAULT_CLUSTER.to_owned()));
    }
    if db.is_none() {
        defaults.push(("db", DEFAULT_DB.to_owned()));
    }
    let cluster = cluster_name(cluster.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned()))?;
    let file = match read(file)? {
        Some((path, text)) => parse(path, &text)?,
        None => File::default(),
    };
    let business_flows = business_flows(file.business_flows)?;
    let lag_value = lag_value(file.lag)?;
    let not_attending = not_attending(file.groups.not_attending)?;
    let memory = memory(file.memory.causality.as_deref().unwrap_or(DEFAULT_MEMORY))?;
    let written = layer(DEFAULT_FILE, file.registry.settings().collect())?;
    let typed = layer("the environment", typed)?;
    let failure_text = failure_text(privacy.over(file.privacy).failure_text.as_deref())?;
    let registry = registry::parted(&mut over(typed.properties, &written.properties));
    let db = db.or(file.db).unwrap_or_else(|| DEFAULT_DB.into());
    let conventions = file.conventions;
    let config = ImportTarget {
        cluster,
        db,
        business_flows,
        lag_value,
        not_attending,
        conventions,
        registry,
        memory,
        failure_text,
    };
    Ok(Resolved { config, defaults, remarks: typed.remarks })
}
