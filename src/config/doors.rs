//! Where a tap answers: the PostgreSQL wire door, and metrics.

use super::{ConfigError, word};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The files of an encrypted door, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain of certificates.
    pub certificate: PathBuf,
    /// The key of the first one.
    pub key: PathBuf,
}

/// Where metrics answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsAddress {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// Somebody chose it: then it must be free, where the default may give way.
    pub chosen: bool,
}

/// An address to listen at, or `off`. Whether it may be one of other machines, the door decides: that takes users.
pub(super) fn listen(name: &'static str, text: &str) -> Result<Option<SocketAddr>, ConfigError> {
    let expected = "an address such as 127.0.0.1:5439, or off";
    if matches!(text.trim(), "off" | "none") {
        return Ok(None);
    }
    let address = text.trim().replacen("localhost:", "127.0.0.1:", 1).parse();
    address.map(Some).map_err(|_| word(name, text, "it is not an address with a port", expected))
}

/// Certificate and key, both or neither.
pub(super) fn serve_tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsFiles>, ConfigError> {
    let alone = |name, path: PathBuf| {
        let reason = "certificate and key belong together";
        Err(word(name, &path.to_string_lossy(), reason, "both --serve-tls-cert FILE and --serve-tls-key FILE"))
    };
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(path), None) => alone("serve-tls-cert", path),
        (None, Some(path)) => alone("serve-tls-key", path),
    }
}
