//! HTTPS to services beside the cluster: a token service, a schema registry.

use super::error::SecurityError;
use super::tls::{self, Source};
use crate::event::ClientProperties;
use rustls::crypto::ring;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A client of a schema registry, which trusts what `schema.registry.ssl.ca.location` or `….pem` name, else whom the
/// system trusts. An answer takes no longer than `timeout`.
///
/// # Errors
/// Certificates that cannot be read.
pub fn registry_agent(settings: &ClientProperties, timeout: Duration) -> Result<ureq::Agent, SecurityError> {
    let authorities = Source::of(settings, "schema.registry.ssl.ca.location", "schema.registry.ssl.ca.pem");
    agent(authorities.as_ref(), timeout)
}

/// A client that goes to the address it is given and to no other: what it says is for that address alone.
pub(super) fn agent(authorities: Option<&Source>, timeout: Duration) -> Result<ureq::Agent, SecurityError> {
    let roots = tls::authorities(authorities)?;
    let roots: Vec<_> = roots.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    Ok(config.new_agent())
}
