//! The certificate and the key of an encrypted door.

use pgwire::tokio::TlsAcceptor;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What PostgreSQL's protocol is called inside of TLS.
const PROTOCOL_NAME: &[u8] = b"postgresql";

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not what it should be.
    #[error("cannot read {path}: {reason}; give a PEM file with `{flag}`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// The flag that named it.
        flag: &'static str,
    },
    /// The two do not make an encrypted door.
    #[error("certificate and key do not make an encrypted door: {0}; give the key of this certificate")]
    Pair(rustls::Error),
}

/// How an encrypted door shows itself.
#[derive(Clone)]
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// The certificates, in PEM.
    pub(super) certificates: Vec<u8>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads a chain of certificates and its key, both PEM.
    ///
    /// # Errors
    /// Files that cannot be read, or that do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let wrong =
            |path: &Path, flag: &'static str, reason: String| TlsError::File { path: path.to_owned(), reason, flag };
        let of_certificate = |reason: String| wrong(certificate, "--serve-tls-cert", reason);
        let certificates = std::fs::read(certificate).map_err(|error| of_certificate(error.to_string()))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificates).collect();
        let chain = chain.map_err(|error| of_certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(of_certificate("it holds no certificate".to_owned()));
        }
        let secret =
            PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, "--serve-tls-key", error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates })
    }
}
