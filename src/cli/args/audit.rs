//! What `headwater audit` is asked.

use super::Source;
use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum AuditFormat {
    Text,
    Json,
    Markdown,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Audit {
    /// only what has to do with this topic
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// only events that were seen from then on, such as 2h or 2026-11-22T10:00
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// how the answer is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub format: AuditFormat,
    /// the same as --format json; field names are the macro's columns
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    #[command(flatten)]
    pub source: Source,
}
