//! What can go wrong between the tap and a cluster.

use super::security::SecurityError;
use std::io;
use thiserror::Error;

/// A failed operation on the cluster.
#[derive(Debug, Error)]
pub enum Error {
    /// None of the bootstrap addresses answered.
    #[error(
        "no broker answered at {addresses} ({last}); check the addresses, and that their ports can be reached from here"
    )]
    Unreachable {
        /// The addresses that were tried.
        addresses: String,
        /// What the last of them said.
        last: Box<Error>,
    },
    /// The connection could not be made.
    #[error("connect to broker {broker}: {source}")]
    Connect {
        /// Its address.
        broker: String,
        /// The reason.
        source: io::Error,
    },
    /// The connection broke, or stayed silent past its deadline.
    #[error("talk to broker {broker}: {source}")]
    Broken {
        /// Its address.
        broker: String,
        /// The reason.
        source: io::Error,
    },
    /// TLS was not agreed on.
    #[error("no TLS with broker {broker}: {reason}")]
    Tls {
        /// Its address.
        broker: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The broker does not know us.
    #[error("log in at broker {broker} with {mechanism}: {reason}")]
    Login {
        /// Its address.
        broker: String,
        /// How the tap said who it is.
        mechanism: &'static str,
        /// Why not, and what to do.
        reason: String,
    },
    /// The broker hung up before it answered anything but what every client may ask.
    #[error(
        "broker {broker} hung up on the first request; check that this port speaks {protocol}, as security.protocol says: \
         it may want TLS (SSL), a login (SASL_PLAINTEXT), both (SASL_SSL) or a certificate (ssl.certificate.location)"
    )]
    Shut {
        /// Its address.
        broker: String,
        /// The protocol that was spoken.
        protocol: &'static str,
    },
    /// The settings of the connection cannot be followed, or not any more.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The broker's bytes are not what the protocol says.
    #[error("read the answer of broker {broker} to {request}: {reason}; check that this port speaks Kafka")]
    Malformed {
        /// Its address.
        broker: String,
        /// The request.
        request: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// An answer is larger than the tap reads.
    #[error(
        "read an answer of {bytes} bytes from broker {broker}: the tap reads at most {most}; check that this port speaks Kafka"
    )]
    Oversized {
        /// Its address.
        broker: String,
        /// What the answer claims.
        bytes: usize,
        /// Named limit.
        most: usize,
    },
    /// The broker does not know a request that the tap needs.
    #[error(
        "broker {broker} does not offer {request} in any version from {least} to {most}; Kafka 0.11 or later is needed"
    )]
    Unsupported {
        /// Its address.
        broker: String,
        /// The request.
        request: &'static str,
        /// Lowest version that the tap speaks.
        least: i16,
        /// Highest version that the tap speaks.
        most: i16,
    },
    /// The broker answered with an error code.
    #[error(
        "broker {broker} refused {request} with error {code}; look it up at kafka.apache.org/protocol#protocol_error_codes"
    )]
    Refused {
        /// Its address.
        broker: String,
        /// The request.
        request: &'static str,
        /// The code.
        code: i16,
    },
    /// Metadata names no such broker, or it failed a moment ago.
    #[error("broker {0} is away")]
    Away(i32),
    /// A thread could not be started.
    #[error("start a reader thread: {0}; allow this process more threads")]
    Spawn(io::Error),
    /// A thread of the reader panicked.
    #[error("a reader thread panicked; report this with the log of the tap")]
    Panicked,
    /// The tap is stopping.
    #[error("the tap is stopping")]
    Stopped,
}

impl Error {
    /// Whether another connection may do better.
    pub(super) fn is_connection(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Broken { .. } | Self::Malformed { .. } | Self::Oversized { .. })
            || self.is_security()
    }

    /// Whether the broker accepted the question and then said nothing for as long as one waits.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Broken { source, .. } if source.kind() == io::ErrorKind::TimedOut)
    }

    /// Whether the broker was reached, and it is the way to speak to it that is wrong.
    pub(super) fn is_security(&self) -> bool {
        matches!(self, Self::Tls { .. } | Self::Login { .. } | Self::Shut { .. } | Self::Security(_))
    }
}

/// Error codes of the protocol that the reader acts on.
pub(super) mod code {
    pub(in crate::kafka) const NONE: i16 = 0;
    pub(in crate::kafka) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(in crate::kafka) const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    pub(in crate::kafka) const GROUP_AUTHORIZATION_FAILED: i16 = 30;
    pub(in crate::kafka) const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
    pub(in crate::kafka) const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
    pub(in crate::kafka) const ILLEGAL_SASL_STATE: i16 = 34;
    pub(in crate::kafka) const UNSUPPORTED_VERSION: i16 = 35;
    pub(in crate::kafka) const GROUP_ID_NOT_FOUND: i16 = 69;
    pub(in crate::kafka) const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
    pub(in crate::kafka) const INVALID_FETCH_SESSION_EPOCH: i16 = 71;
    pub(in crate::kafka) const FETCH_SESSION_TOPIC_ID_ERROR: i16 = 106;
}
