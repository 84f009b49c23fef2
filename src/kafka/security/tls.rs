//! TLS: whom the tap trusts, and how it shows who it is.

use super::error::SecurityError;
use super::pem::{Block, blocks};
use crate::event::{ClientProperties, Secret};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    version,
};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// A bundle of all public CAs has 250 KiB; what is larger is another file.
const FILE_MAX: u64 = 8 << 20;

/// Where certificates or a key come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A file, and the setting that names it.
    File(&'static str, PathBuf),
    /// PEM in a setting.
    Inline(&'static str, Secret),
}

/// What the settings say of TLS.
#[derive(Debug)]
pub(in crate::kafka) struct Tls {
    /// Who may sign certificates; the system's own list when absent.
    pub(super) authorities: Option<Source>,
    system: OnceLock<Arc<RootCertStore>>,
    /// The tap's own certificate and key.
    pub(super) identity: Option<(Source, Source)>,
    versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether the certificate has to name the host.
    pub(super) names: bool,
}

impl Source {
    /// What `settings` say under the names of a file and of a text.
    pub(super) fn of(settings: &ClientProperties, file: &'static str, inline: &'static str) -> Option<Self> {
        let given = |name| settings.get(name).filter(|value| !value.trim().is_empty());
        match (given(inline), given(file)) {
            (Some(text), _) => Some(Self::Inline(inline, Secret::new(text))),
            (None, Some(path)) => Some(Self::File(file, path.into())),
            (None, None) => None,
        }
    }

    fn setting(&self) -> &'static str {
        match self {
            Self::File(name, _) | Self::Inline(name, _) => name,
        }
    }

    /// The PEM text. Stores of Java and PKCS#12 are refused with the command that converts them.
    fn text(&self) -> Result<Secret, SecurityError> {
        let (name, path) = match self {
            Self::Inline(_, text) => return Ok(text.clone()),
            Self::File(name, path) => (*name, path),
        };
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes))
            .map_err(|source| SecurityError::File { name, path: path.clone(), source })?;
        let shown = path.display();
        let convert = |kind: &str| {
            let (reason, advice) = match name {
                "ssl.ca.location" | "https.ca.location" | "schema.registry.ssl.ca.location" => (
                    format!("{shown} is a {kind} store, and PEM is needed"),
                    format!("write its certificates as PEM: keytool -list -rfc -keystore {shown} > ca.pem"),
                ),
                _ => (
                    format!("{shown} is a {kind} store, and PEM is needed"),
                    format!(
                        "write certificate and key as PEM: keytool -importkeystore -srckeystore {shown} -destkeystore \
                         me.p12 -deststoretype PKCS12 && openssl pkcs12 -in me.p12 -nodes -out me.pem (an old store \
                         needs -legacy)"
                    ),
                ),
            };
            Err(SecurityError::setting(name, reason, advice))
        };
        match bytes.first_chunk() {
            Some([0xfe, 0xed, 0xfe, 0xed] | [0xce, 0xce, 0xce, 0xce]) => convert("JKS"),
            Some([0x30, 0x80..=0x84, _, _]) => convert("PKCS#12 (or DER)"),
            _ => Ok(Secret::new(String::from_utf8_lossy(&bytes))),
        }
    }

    fn malformed(&self, reason: &str) -> SecurityError {
        let place = match self {
            Self::File(_, path) => path.display().to_string(),
            Self::Inline(..) => "its text".to_owned(),
        };
        SecurityError::setting(self.setting(), format!("{place} {reason}"), "give certificates and keys as PEM")
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, SecurityError> {
        let text = self.text()?;
        let found = blocks(text.expose()).ok_or_else(|| self.malformed("is no PEM, or is cut short"))?;
        let is_certificate = |block: &Block<'_>| matches!(block.label, "CERTIFICATE" | "X509 CERTIFICATE");
        let found: Vec<_> = found.into_iter().filter(is_certificate).map(|block| block.der.into()).collect();
        if found.is_empty() { Err(self.malformed("holds no certificate")) } else { Ok(found) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, SecurityError> {
        let text = self.text()?;
        let found = blocks(text.expose()).ok_or_else(|| self.malformed("is no PEM, or is cut short"))?;
        let mut keys = found.into_iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
        let key = keys.next().ok_or_else(|| self.malformed("holds no private key"))?;
        if key.encrypted {
            return Err(SecurityError::setting(
                self.setting(),
                "its private key is encrypted",
                "write it without a password, for this user's eyes only: (umask 077; openssl pkey -in KEY.pem -out \
                 PLAIN.pem)",
            ));
        }
        match key.label {
            "PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs8(key.der.into())),
            "RSA PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs1(key.der.into())),
            "EC PRIVATE KEY" => Ok(PrivateKeyDer::Sec1(key.der.into())),
            _ => Err(self.malformed("holds a private key of an unknown kind")),
        }
    }
}

impl Tls {
    /// What `settings` say. Files are looked at once, so that what cannot work is said at the start.
    pub(super) fn new(settings: &ClientProperties) -> Result<Self, SecurityError> {
        let certificate = Source::of(settings, "ssl.certificate.location", "ssl.certificate.pem");
        let key = Source::of(settings, "ssl.key.location", "ssl.key.pem");
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(SecurityError::setting(
                    "ssl.certificate.location",
                    "the certificate comes without its key",
                    "give ssl.key.location too",
                ));
            }
            (None, Some(_)) => {
                return Err(SecurityError::setting(
                    "ssl.key.location",
                    "the key comes without its certificate",
                    "give ssl.certificate.location too",
                ));
            }
        };
        let tls = Self {
            authorities: Source::of(settings, "ssl.ca.location", "ssl.ca.pem"),
            system: OnceLock::new(),
            identity,
            versions: versions(settings.get("ssl.enabled.protocols"))?,
            names: names(settings)?,
        };
        tls.config()?;
        Ok(tls)
    }

    /// A configuration of the files as they are now: short-lived certificates are replaced under a running tap.
    pub(in crate::kafka) fn config(&self) -> Result<Arc<ClientConfig>, SecurityError> {
        let roots = match &self.authorities {
            Some(source) => Arc::new(trusted(source)?),
            None => self.system()?,
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let broken = |error: rustls::Error| {
            SecurityError::setting("ssl.enabled.protocols", error.to_string(), "give TLSv1.3,TLSv1.2, or leave it out")
        };
        let builder = builder.with_protocol_versions(&self.versions).map_err(broken)?;
        let builder = if self.names {
            builder.with_root_certificates(roots)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName::new(roots, provider)?))
        };
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let (chain, der) = (certificate.certificates()?, key.key()?);
                builder.with_client_auth_cert(chain, der).map_err(|error| {
                    let reason = format!("certificate and key cannot be used ({error})");
                    SecurityError::setting(key.setting(), reason, "give the key that belongs to the first certificate")
                })?
            }
        };
        Ok(Arc::new(config))
    }

    fn system(&self) -> Result<Arc<RootCertStore>, SecurityError> {
        if let Some(roots) = self.system.get() {
            return Ok(Arc::clone(roots));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let advice = "install the package ca-certificates, or name a PEM file with the CA of the brokers";
            return Err(SecurityError::setting("ssl.ca.location", "this system trusts no CA", advice));
        }
        Ok(Arc::clone(self.system.get_or_init(|| Arc::new(roots))))
    }
}

/// The certificates of `source` as the only ones to be trusted.
fn trusted(source: &Source) -> Result<RootCertStore, SecurityError> {
    let mut roots = RootCertStore::empty();
    for certificate in source.certificates()? {
        roots.add(certificate).map_err(|error| source.malformed(&format!("holds a bad certificate ({error})")))?;
    }
    Ok(roots)
}

/// The certificates of the CAs that sign for web servers: those of `source`, else the system's.
pub(super) fn authorities(source: Option<&Source>) -> Result<Vec<CertificateDer<'static>>, SecurityError> {
    source.map_or_else(|| Ok(rustls_native_certs::load_native_certs().certs), Source::certificates)
}

/// Older versions than 1.2 are not spoken, whoever allows them.
fn versions(given: Option<&str>) -> Result<Vec<&'static SupportedProtocolVersion>, SecurityError> {
    let Some(list) = given.filter(|list| !list.trim().is_empty()) else {
        return Ok(vec![&version::TLS13, &version::TLS12]);
    };
    let named = |name: &str| list.split(',').any(|given| given.trim().eq_ignore_ascii_case(name));
    let known = [("TLSv1.3", &version::TLS13), ("TLSv1.2", &version::TLS12)];
    let chosen: Vec<_> = known.into_iter().filter(|(name, _)| named(name)).map(|(_, version)| version).collect();
    if chosen.is_empty() {
        let reason = "none of its versions is spoken";
        return Err(SecurityError::setting("ssl.enabled.protocols", reason, "give TLSv1.3, TLSv1.2 or both"));
    }
    Ok(chosen)
}

fn names(settings: &ClientProperties) -> Result<bool, SecurityError> {
    if settings.get("enable.ssl.certificate.verification").is_some_and(|given| given.trim() == "false") {
        return Err(SecurityError::setting(
            "enable.ssl.certificate.verification",
            "the tap sends nothing to a broker that it cannot verify",
            "leave it out, and name the CA of the brokers with ssl.ca.location",
        ));
    }
    const NAME: &str = "ssl.endpoint.identification.algorithm";
    match settings.get(NAME).map(str::trim) {
        None => Ok(true),
        Some(given) if given.eq_ignore_ascii_case("https") => Ok(true),
        Some(given) if given.is_empty() || given.eq_ignore_ascii_case("none") => Ok(false),
        Some(_) => Err(SecurityError::setting(NAME, "it is not known", "give https, or nothing to check no host name")),
    }
}

/// Checks everything but the name of the host.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl AnyName {
    fn new(roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Result<Self, SecurityError> {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        let broken = |error: rustls::client::VerifierBuilderError| {
            SecurityError::setting("ssl.ca.location", error.to_string(), "name a PEM file with the CA of the brokers")
        };
        verifier.map(Self).map_err(broken)
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        // The name is the last thing that is checked.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
