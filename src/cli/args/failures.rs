//! What `headwater failures` is asked.

use super::Reading;
use clap::{Args, ValueEnum};

/// How an answer is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    Text,
    Json,
    Markdown,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Failures {
    /// only failures seen since a duration ago (15m, 1h) or a time (2026-01-31T08:00:00Z) [default: all]
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// the page of one signature; its first letters are enough
    #[arg(long, value_name = "S", conflicts_with = "orphans")]
    pub signature: Option<String>,
    /// what cannot be traced back, by reason: what each means and what to do
    #[arg(long, conflicts_with = "unattended")]
    pub orphans: bool,
    /// only dead letters that no group has passed and nothing has healed
    #[arg(long)]
    pub unattended: bool,
    /// as it stood a duration ago (1h) or at a time (2026-01-31T08:00:00Z)
    #[arg(long, value_name = "WHEN", conflicts_with = "orphans")]
    pub at: Option<String>,
    /// print what is new, one line each, until Ctrl-C
    #[arg(long, conflicts_with_all = ["orphans", "at", "redrive"])]
    pub watch: bool,
    /// what should be given to its group again, in order, one JSON object a line, for your own tool; headwater produces nothing
    #[arg(long, conflicts_with_all = ["orphans", "unattended", "at"])]
    pub redrive: bool,
    /// events that came again: one id twice on a topic, one cause with the same effect twice, and the rewind that made them
    /// [default: --since 24h before the newest event]
    #[arg(long, conflicts_with_all = ["orphans", "unattended", "signature", "at", "watch", "redrive"])]
    pub duplicates: bool,
    /// how it is written down [default: text]
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    #[command(flatten)]
    pub reading: Reading,
}
