//! SASL: what is said at a login, by mechanism. `login` carries it.

use super::error::SecurityError;
use super::kerberos::{self, Kerberos, Talk};
use super::oauth::Tokens;
use super::scram::{Hash, Scram};
use crate::event::{ClientProperties, Secret, clean, clip};

/// Longest word of a broker's refusal that is repeated.
const WORD_MAX: usize = 200;

/// How the tap says who it is.
#[derive(Debug)]
pub(in crate::kafka) enum Sasl {
    Plain { username: String, password: Secret },
    Scram { hash: Hash, username: String, password: Secret },
    Bearer { tokens: Tokens, extensions: Vec<(String, String)> },
    Kerberos(Kerberos),
}

/// One login on its way.
pub(in crate::kafka) enum Login<'a> {
    Plain,
    Scram { scram: Box<Scram<'a>>, proved: bool },
    Bearer,
    Kerberos(Talk<'a>),
}

/// What is said to a broker. Nothing prints it: it is or proves a secret.
pub(in crate::kafka) struct Words(Vec<u8>);

impl Words {
    pub(super) fn new(words: impl Into<Vec<u8>>) -> Self {
        Self(words.into())
    }

    /// For whoever sends them.
    pub(in crate::kafka) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What comes next.
pub(in crate::kafka) enum Step {
    Say(Words),
    Done,
}

impl Sasl {
    pub(super) fn new(settings: &ClientProperties) -> Result<Self, SecurityError> {
        let given = |name| settings.get(name).filter(|value| !value.is_empty());
        let needed = |name: &'static str| {
            let advice = "give it in the environment, in headwater.toml or with --client-properties";
            given(name).ok_or_else(|| SecurityError::setting(name, "the mechanism needs it", advice))
        };
        let login = || Ok((needed("sasl.username")?.to_owned(), Secret::new(needed("sasl.password")?)));
        let scram = |hash| {
            let (username, password) = login()?;
            Ok(Self::Scram { hash, username, password })
        };
        const NAME: &str = "sasl.mechanism";
        const SPOKEN: &str = "give PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI";
        match given(NAME).map(|name| name.trim().to_ascii_uppercase()).as_deref() {
            Some("PLAIN") => {
                let (username, password) = login()?;
                if username.contains('\0') || password.expose().contains('\0') {
                    return Err(SecurityError::setting("sasl.password", "it holds a zero byte", "take it out"));
                }
                Ok(Self::Plain { username, password })
            }
            Some("SCRAM-SHA-256") => scram(Hash::Sha256),
            Some("SCRAM-SHA-512") => scram(Hash::Sha512),
            Some("OAUTHBEARER") => {
                let extensions = extensions(given("sasl.oauthbearer.extensions").unwrap_or_default())?;
                Ok(Self::Bearer { tokens: Tokens::new(settings)?, extensions })
            }
            Some("GSSAPI") => Kerberos::new(settings).map(Self::Kerberos),
            Some(_) => Err(SecurityError::setting(NAME, "it is not known", SPOKEN)),
            // Kafka's own clients take Kerberos where nothing is said, so files for them say nothing.
            None if given(kerberos::SERVICE).is_some() => Kerberos::new(settings).map(Self::Kerberos),
            None => Err(SecurityError::setting(NAME, "security.protocol asks for a login", SPOKEN)),
        }
    }

    /// Its name on the wire.
    pub(in crate::kafka) const fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash: Hash::Sha256, .. } => "SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha512, .. } => "SCRAM-SHA-512",
            Self::Bearer { .. } => "OAUTHBEARER",
            Self::Kerberos(_) => "GSSAPI",
        }
    }

    /// What to look at when a broker refuses the login.
    pub(in crate::kafka) const fn advice(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "check sasl.username and sasl.password",
            Self::Scram { .. } => {
                "check sasl.username and sasl.password, and that this user has a password for this mechanism \
                 (kafka-configs --describe --entity-type users)"
            }
            Self::Bearer { .. } => "check that the token is for this cluster, and not out of date",
            Self::Kerberos(_) => {
                "check that the broker's keytab holds the newest key of its service, that it knows the tap's realm, and \
                 that the clocks of both machines agree"
            }
        }
    }

    /// A broker refused the login: what was kept for the next one goes.
    pub(in crate::kafka) fn forget(&self) {
        match self {
            Self::Bearer { tokens, .. } => tokens.forget(),
            Self::Kerberos(kerberos) => kerberos.forget(),
            Self::Plain { .. } | Self::Scram { .. } => {}
        }
    }

    /// Begins a login at the broker on `host`: who goes on, and the first words.
    pub(in crate::kafka) fn begin(&self, host: &str) -> Result<(Login<'_>, Words), SecurityError> {
        match self {
            Self::Plain { username, password } => {
                Ok((Login::Plain, Words::new(format!("\0{username}\0{}", password.expose()))))
            }
            Self::Scram { hash, username, password } => {
                let scram = Scram::new(*hash, username, password).ok_or_else(|| {
                    let advice = "check this system's random device";
                    SecurityError::setting("sasl.mechanism", "the system gives no random bytes", advice)
                })?;
                let first = Words::new(scram.first());
                Ok((Login::Scram { scram: Box::new(scram), proved: false }, first))
            }
            Self::Bearer { tokens, extensions } => {
                let mut first = format!("n,,\x01auth=Bearer {}\x01", tokens.token()?.expose());
                for (name, value) in extensions {
                    first.push_str(&format!("{name}={value}\x01"));
                }
                first.push('\x01');
                Ok((Login::Bearer, Words::new(first)))
            }
            Self::Kerberos(kerberos) => {
                let (talk, first) = kerberos.begin(host)?;
                Ok((Login::Kerberos(talk), Words::new(first)))
            }
        }
    }
}

impl Login<'_> {
    /// Takes in what the broker said, and says what comes next; fails with what is wrong with it.
    pub(in crate::kafka) fn answer(&mut self, said: &[u8]) -> Result<Step, String> {
        match self {
            Self::Plain => Ok(Step::Done),
            Self::Scram { scram, proved: proved @ false } => {
                let proof = scram.prove(said)?;
                *proved = true;
                Ok(Step::Say(Words::new(proof)))
            }
            Self::Scram { scram, proved: true } => Ok(scram.verify(said).map(|()| Step::Done)?),
            Self::Kerberos(talk) => Ok(talk.answer(said)?.map_or(Step::Done, |words| Step::Say(Words::new(words)))),
            Self::Bearer if said.is_empty() => Ok(Step::Done),
            // The broker says why before it refuses.
            Self::Bearer => {
                let said: serde_json::Value = serde_json::from_slice(said).unwrap_or_default();
                let status = said["status"].as_str().unwrap_or("no reason given");
                Err(format!("it refused the token: {}", clean(&clip(status.as_bytes(), WORD_MAX))))
            }
        }
    }
}

/// `name=value` pairs (KIP-342), as RFC 7628 allows them.
fn extensions(text: &str) -> Result<Vec<(String, String)>, SecurityError> {
    let refuse = || {
        let reason = "it is no list of extensions";
        SecurityError::setting("sasl.oauthbearer.extensions", reason, "give name=value,name=value")
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(refuse)?;
        let (name, value) = (name.trim(), value.trim());
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()) && name != "auth";
        let plain = value.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t' | b'\r' | b'\n'));
        if named && plain { Ok((name.to_owned(), value.to_owned())) } else { Err(refuse()) }
    };
    text.split(',').filter(|text| !text.trim().is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> ClientProperties {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
    }

    fn text(words: &Words) -> &str {
        std::str::from_utf8(words.bytes()).unwrap()
    }

    #[test]
    fn plain_says_name_and_password_at_once() {
        let given = [("sasl.mechanism", "plain"), ("sasl.username", "tap"), ("sasl.password", "hunter2")];
        let sasl = Sasl::new(&settings(&given)).unwrap();
        let (mut login, first) = sasl.begin("broker").unwrap();
        assert_eq!(text(&first), "\0tap\0hunter2");
        assert!(matches!(login.answer(b""), Ok(Step::Done)));
        assert!(!format!("{sasl:?}").contains("hunter2"));
        assert!(Sasl::new(&settings(&[given[0], given[1], ("sasl.password", "a\0b")])).is_err());
    }

    #[test]
    fn a_broker_that_does_not_prove_itself_is_left() {
        let given = [("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.username", "tap"), ("sasl.password", "hunter2")];
        let sasl = Sasl::new(&settings(&given)).unwrap();
        let (mut login, first) = sasl.begin("broker").unwrap();
        let nonce = text(&first).rsplit("r=").next().unwrap().to_owned();
        assert!(login.answer(b"").is_err(), "success without a challenge");
        assert!(matches!(login.answer(format!("r={nonce}x,s=AA==,i=4096").as_bytes()), Ok(Step::Say(_))));
        assert!(login.answer(b"").is_err() && login.answer(b"v=AAAA").is_err());
    }

    #[test]
    fn a_token_goes_out_with_its_extensions_and_a_refusal_is_told() {
        let path = std::env::temp_dir().join(format!("headwater-token-{}", std::process::id()));
        std::fs::write(&path, "e30.e30.\n").unwrap();
        let url = format!("file://{}", path.display());
        let given = [
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.token.endpoint.url", url.as_str()),
            ("sasl.oauthbearer.extensions", "logicalCluster=lkc-1, poolId=p"),
        ];
        let sasl = Sasl::new(&settings(&given)).unwrap();
        let (mut login, first) = sasl.begin("broker").unwrap();
        assert_eq!(text(&first), "n,,\x01auth=Bearer e30.e30.\x01logicalCluster=lkc-1\x01poolId=p\x01\x01");
        let refusal = login.answer(b"{\"status\":\"invalid_token\"}").err().unwrap();
        assert_eq!(refusal, "it refused the token: invalid_token");
        std::fs::write(&path, "renewed").unwrap();
        assert!(text(&sasl.begin("broker").unwrap().1).contains("Bearer renewed\x01"));
        std::fs::remove_file(&path).unwrap();
        assert!(sasl.begin("broker").is_err());
    }

    #[test]
    fn what_cannot_be_followed_says_what_can() {
        for (given, wanted) in [
            (&[][..], "give PLAIN, SCRAM-SHA-256"),
            (&[("sasl.mechanism", "GSSAPI")], "sasl.kerberos.service.name: GSSAPI needs it"),
            (&[("sasl.mechanism", "MAGIC")], "it is not known"),
            (&[("sasl.mechanism", "PLAIN")], "sasl.username: the mechanism needs it"),
            (&[("sasl.mechanism", "PLAIN"), ("sasl.username", "u")], "sasl.password: the mechanism needs it"),
            (&[("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.extensions", "auth=x")], "name=value"),
            (&[("sasl.mechanism", "OAUTHBEARER"), ("sasl.oauthbearer.extensions", "a=b\x01c=d")], "name=value"),
        ] {
            let said = Sasl::new(&settings(given)).unwrap_err().to_string();
            assert!(said.contains(wanted), "{said}");
        }
    }
}
