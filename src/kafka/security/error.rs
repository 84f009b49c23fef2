//! Settings that cannot be followed.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why the settings of a connection cannot be followed. Values are not repeated: they may be secrets.
#[derive(Debug, Error)]
pub enum SecurityError {
    /// A setting means nothing, or not together with the others.
    #[error("{name}: {reason}; {advice}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Why not.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// A file that a setting names cannot be read.
    #[error("{name}: read {path}: {source}; check the path, and that this user may read it")]
    File {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The service that hands out tokens gave none.
    #[error("sasl.oauthbearer.token.endpoint.url: {reason}; {advice}")]
    Token {
        /// Why not.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// Kerberos gave no ticket for a broker.
    #[error("Kerberos gave no ticket for {service}: {reason}; {advice}")]
    Ticket {
        /// The service that was asked for, `name/host`.
        service: String,
        /// Why not.
        reason: String,
        /// What to do.
        advice: String,
    },
}

impl SecurityError {
    pub(super) fn setting(name: &'static str, reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Setting { name, reason: reason.into(), advice: advice.into() }
    }
}
