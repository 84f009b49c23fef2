//! Which groups are looked at and how: `--groups`, `--groups-log`, `[groups]`.

use super::{ConfigError, pattern, split, word};
use serde::Deserialize;

/// Whether the cluster's own log of commits is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CommitLog {
    /// Where it is there and may be read.
    #[default]
    Auto,
    /// Not at all: groups are only asked for.
    Never,
}

/// `[groups]`, before it means anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct GroupWords {
    /// `auto` or `never`.
    pub log: Option<String>,
    /// Patterns of whole names.
    #[serde(default)]
    pub not_attending: Vec<String>,
}

/// Patterns beyond this belong into one.
const PATTERNS_MAX: usize = 100;

/// Patterns of the names of groups, each of which can be one.
pub(super) fn not_attending(patterns: Vec<String>) -> Result<Vec<String>, ConfigError> {
    if patterns.len() > PATTERNS_MAX {
        let count = patterns.len().to_string();
        return Err(word("[groups] not-attending", &count, "there are too many", "at most 100 patterns"));
    }
    for one in &patterns {
        pattern("[groups] not-attending", one)?;
    }
    Ok(patterns)
}

pub(super) fn commit_log(name: Option<String>) -> Result<CommitLog, ConfigError> {
    match name.as_deref() {
        None | Some("auto") => Ok(CommitLog::Auto),
        Some("never") => Ok(CommitLog::Never),
        Some(other) => Err(word("groups-log", other, "there is none of this name", "auto or never")),
    }
}

/// Names, sorted, each once.
pub(super) fn names(words: Option<Vec<String>>) -> Vec<String> {
    let mut list = split(words.unwrap_or_default());
    list.sort();
    list.dedup();
    list
}
