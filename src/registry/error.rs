//! What can go wrong with a registry.

use crate::decode::SchemaError;
use crate::kafka::SecurityError;

/// Why a schema cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting means nothing. Values are not repeated: they may be secrets.
    #[error("{name}: {reason}; {advice}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Why not.
        reason: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Certificates cannot be read.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The thread that asks could not be started.
    #[error("start the thread that asks the schema registry: {0}; check the limits of this user")]
    Thread(std::io::Error),
    /// None of the addresses answered.
    #[error("{address}: {reason}; check the address, that it can be reached from here, and its CA")]
    Away {
        /// The last that was tried.
        address: String,
        /// Why not.
        reason: String,
    },
    /// It does not let us in.
    #[error("{address} answers {status}; check user and password, or the token, and that they may read schemas")]
    Denied {
        /// Who said so.
        address: String,
        /// HTTP status.
        status: u16,
    },
    /// It answers what no registry answers.
    #[error("{address} answers {what}; check that the address is that of a Confluent-compatible API")]
    Odd {
        /// Who said so.
        address: String,
        /// What it said.
        what: String,
    },
    /// The schema itself.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// More references than are followed.
    #[error("the schema refers to more than {0} others")]
    References(usize),
}

impl Error {
    /// Whether it would say the same of every schema: there is nobody to ask.
    pub(super) fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Denied { .. })
    }

    /// Whether the same question may soon have another answer.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Odd { .. })
    }
}
