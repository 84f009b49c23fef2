//! How brokers are reached, and as whom: Kafka's settings, and what they mean to a connection.

mod error;
mod gss;
mod https;
mod kerberos;
mod oauth;
mod pem;
mod sasl;
mod scram;
mod tls;

pub use error::SecurityError;
pub use https::registry_agent;
pub(super) use sasl::{Sasl, Step, Words};
pub(super) use tls::Tls;

use super::Source;
use crate::event::{ClientProperties, Secret};

/// `security.protocol`, and all that belongs to it.
///
/// Nothing in it is optional once it is made: a connection that cannot do all of it is not opened, and never falls back
/// to less.
#[derive(Debug, Default)]
pub struct Security {
    pub(super) tls: Option<Tls>,
    pub(super) sasl: Option<Sasl>,
    settings: ClientProperties,
}

impl Security {
    /// What `settings` mean, under the names and with the values of librdkafka and of Java's clients.
    ///
    /// # Errors
    /// Settings that contradict each other or mean nothing, and files that are not what they should be.
    pub fn new(settings: &ClientProperties) -> Result<Self, SecurityError> {
        const NAME: &str = "security.protocol";
        let (tls, sasl) = match settings.get(NAME).map(|name| name.trim().to_ascii_uppercase()).as_deref() {
            None => {
                forgotten(settings)?;
                (false, false)
            }
            Some("PLAINTEXT") => (false, false),
            Some("SSL") => (true, false),
            Some("SASL_PLAINTEXT") => (false, true),
            Some("SASL_SSL") => (true, true),
            Some(_) => {
                let advice = "give PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL";
                return Err(SecurityError::setting(NAME, "it is not known", advice));
            }
        };
        Ok(Self {
            tls: tls.then(|| Tls::new(settings)).transpose()?,
            sasl: sasl.then(|| Sasl::new(settings)).transpose()?,
            settings: settings.clone(),
        })
    }

    /// The value of `security.protocol`.
    pub fn protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "PLAINTEXT",
            (Some(_), None) => "SSL",
            (None, Some(_)) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        }
    }

    /// Where the tap stands (`client.rack`); empty where nobody said.
    pub fn rack(&self) -> &str {
        self.settings.get("client.rack").unwrap_or_default().trim()
    }

    /// Who logs in, where that is said: by name and password, or by the name that brokers make of a principal.
    pub fn user(&self) -> Option<&str> {
        match &self.sasl {
            None => None,
            Some(Sasl::Kerberos(kerberos)) => kerberos.user(),
            Some(_) => self.settings.get("sasl.username"),
        }
    }

    /// Whether `source` can do what the settings ask for.
    ///
    /// # Errors
    /// Kerberos with librdkafka, which would need another build and programs of the system for it.
    pub fn suits(&self, source: Source) -> Result<(), SecurityError> {
        match (&self.sasl, source) {
            (Some(Sasl::Kerberos(_)), Source::Librdkafka) => Err(SecurityError::setting(
                "sasl.mechanism",
                "librdkafka does not speak Kerberos here, the built-in client does",
                "leave --client librdkafka out",
            )),
            _ => Ok(()),
        }
    }

    /// What its owner should know, as sentences.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.tls.is_none() && matches!(self.sasl, Some(Sasl::Plain { .. } | Sasl::Bearer { .. })) {
            remarks.push(
                "warning: SASL_PLAINTEXT sends the password or token in the clear; prefer security.protocol=SASL_SSL"
                    .to_owned(),
            );
        }
        if matches!(&self.sasl, Some(Sasl::Bearer { tokens, .. }) if tokens.are_bare()) {
            remarks
                .push("warning: the client secret goes to the token service without TLS; prefer https://".to_owned());
        }
        if self.tls.as_ref().is_some_and(|tls| !tls.names) {
            remarks.push(
                "warning: ssl.endpoint.identification.algorithm is empty: any certificate of the CA passes for any broker"
                    .to_owned(),
            );
        }
        remarks
    }

    /// A token to log in with; `None` where logging in takes none.
    pub(super) fn token(&self) -> Option<Result<Secret, String>> {
        match &self.sasl {
            Some(Sasl::Bearer { tokens, .. }) => Some(tokens.token().map_err(|error| error.to_string())),
            _ => None,
        }
    }

    /// The same as settings of librdkafka. A token file is not among them: there a callback gives the token.
    pub fn librdkafka(&self) -> Vec<(String, Secret)> {
        const SAME: &[&str] = &[
            "client.rack",
            "ssl.ca.location",
            "ssl.ca.pem",
            "ssl.certificate.location",
            "ssl.certificate.pem",
            "ssl.key.location",
            "ssl.key.pem",
            "sasl.username",
            "sasl.password",
            "sasl.oauthbearer.token.endpoint.url",
            "sasl.oauthbearer.client.id",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.scope",
            "sasl.oauthbearer.extensions",
            "https.ca.location",
            "https.ca.pem",
        ];
        let file = self.settings.get("sasl.oauthbearer.token.endpoint.url").is_some_and(|url| url.starts_with("file:"));
        let mut told = vec![("security.protocol".to_owned(), Secret::new(self.protocol()))];
        if let Some(tls) = &self.tls {
            let algorithm = if tls.names { "https" } else { "none" };
            told.push(("ssl.endpoint.identification.algorithm".to_owned(), Secret::new(algorithm)));
        }
        if let Some(sasl) = &self.sasl {
            told.push(("sasl.mechanism".to_owned(), Secret::new(sasl.mechanism())));
            if matches!(sasl, Sasl::Bearer { .. }) && !file {
                told.push(("sasl.oauthbearer.method".to_owned(), Secret::new("oidc")));
            }
        }
        let concerns = |name: &str| match name.split('.').next() {
            Some("client") => true,
            Some("ssl") => self.tls.is_some(),
            Some("https") => matches!(self.sasl, Some(Sasl::Bearer { .. })),
            _ => self.sasl.is_some() && !(file && name.starts_with("sasl.oauthbearer.")),
        };
        let same = self.settings.iter().filter(|(name, _)| SAME.contains(name) && concerns(name));
        told.extend(same.map(|(name, value)| (name.to_owned(), value.clone())));
        told
    }
}

/// Whoever names a password or a CA means more than PLAINTEXT: without a word it is not gone back to.
fn forgotten(settings: &ClientProperties) -> Result<(), SecurityError> {
    let named = settings.iter().find(|(name, _)| name.starts_with("sasl.") || name.starts_with("ssl."));
    match named {
        None => Ok(()),
        Some((name, _)) => Err(SecurityError::setting(
            "security.protocol",
            format!("it is missing, although {name} is given"),
            "give SSL or SASL_SSL; PLAINTEXT, if it is meant, has to be said",
        )),
    }
}

#[cfg(test)]
mod tests;
