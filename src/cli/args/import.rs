//! What `headwater import` is asked.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// captures to read
    #[arg(value_name = "F", required = true)]
    pub files: Vec<PathBuf>,
    /// database to write [default: headwater.duckdb]
    #[arg(long, value_name = "FILE", env = "HEADWATER_DB", hide_env_values = true)]
    pub db: Option<PathBuf>,
    /// name of the cluster that the captures came from [default: kafka]
    #[arg(long, value_name = "NAME", env = "HEADWATER_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
    /// configuration file with business flows and conventions [default: headwater.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "HEADWATER_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// schema registry of Avro and Protobuf bodies
    #[arg(long, value_name = "URL", value_delimiter = ',', env = "HEADWATER_REGISTRY", hide_env_values = true)]
    pub registry: Vec<String>,
    /// the words of errors that are kept: none, masked (without what looks like a secret) or full [default: masked]
    #[arg(long, value_name = "HOW", env = "HEADWATER_FAILURE_TEXT", hide_env_values = true)]
    pub failure_text: Option<String>,
    /// print JSON
    #[arg(long)]
    pub json: bool,
}
