//! What `headwater lag` is asked.

use super::Reading;
use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct Lag {
    /// one group: its partitions, what waits by type, and the waiting events, oldest first
    #[arg(value_name = "GROUP")]
    pub group: Option<String>,
    /// only this topic
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    #[command(flatten)]
    pub reading: Reading,
}
