//! The words of `headwater trace`.

use super::Reading;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct Trace {
    /// topic/partition/offset, event id, trace id, traceparent, correlation id, key:VALUE, or a ref
    #[arg(value_name = "ID")]
    pub id: String,
    /// how it is written down; markdown is a ticket, dot and mermaid are the graph
    #[arg(long, value_enum, default_value = "text", conflicts_with = "json")]
    pub format: TraceFormat,
    /// failures as they stood then: a duration ago (15m, 1h) or a time (2026-01-31T08:00:00Z) [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TraceFormat {
    Text,
    Json,
    Markdown,
    Dot,
    Mermaid,
}
