//! The words of `headwater explain`.

use super::Reading;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Values {
    Some,
    None,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// topic/partition/offset; with a database or a capture also event id, trace id, traceparent, correlation id,
    /// key:VALUE, or a ref
    #[arg(value_name = "ID")]
    pub id: String,
    /// look for the record in this NDJSON capture: no cluster and no database are asked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["connect", "db"])]
    pub capture: Option<PathBuf>,
    #[command(flatten)]
    pub looking: Looking,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Prove {
    /// topic/partition/offset, event id, trace id, traceparent, correlation id, key:VALUE, or a ref
    #[arg(value_name = "REF")]
    pub id: String,
    /// read the bytes from this NDJSON capture
    #[arg(long, value_name = "FILE", conflicts_with = "brokers")]
    pub capture: Option<PathBuf>,
    #[command(flatten)]
    pub looking: Looking,
    #[command(flatten)]
    pub reading: Reading,
}

/// Where a record is read, and how it is decoded.
#[derive(Debug, Args)]
pub(in crate::cli) struct Looking {
    /// read the record live from these bootstrap addresses [default: through the door of a running tap]
    #[arg(long, value_name = "HOST:PORT,…", env = "HEADWATER_BROKERS", hide_env_values = true)]
    pub brokers: Option<String>,
    /// settings of an existing client, Java's or librdkafka's: addresses, TLS, SASL
    #[arg(long, value_name = "FILE", env = "HEADWATER_CLIENT_PROPERTIES", hide_env_values = true)]
    pub client_properties: Option<PathBuf>,
    /// name of the cluster [default: kafka]
    #[arg(long, value_name = "NAME", env = "HEADWATER_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
    /// configuration file: brokers, and conventions of your own [default: headwater.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "HEADWATER_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// schema registry of Avro and Protobuf bodies
    #[arg(long, value_name = "URL", value_delimiter = ',', env = "HEADWATER_REGISTRY", hide_env_values = true)]
    pub registry: Vec<String>,
    /// show what was written in headers and envelope, at most 120 bytes of each, or nothing of it
    #[arg(long, value_enum, default_value = "some")]
    pub values: Values,
}
