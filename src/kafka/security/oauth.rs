//! Tokens for OAUTHBEARER: from a file that somebody renews, or from the token service (client credentials).

use super::error::SecurityError;
use super::https;
use super::tls::Source;
use crate::event::{ClientProperties, Secret, clean, clip};
use crate::kafka::clock;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";
/// A token has 1 to 4 KiB; a broker takes no request of this size before the login.
const TOKEN_MAX: usize = 256 << 10;
/// The service answers with one token and a few words.
const ANSWER_MAX: u64 = 1 << 20;
/// A token service that does not answer within this is away.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(10);
/// A token is asked for anew once this share of its life is over, as Kafka's own clients do.
const LIFE_USED: f64 = 0.8;
/// Longest word of a service's error that is repeated.
const WORD_MAX: usize = 200;

/// Where tokens come from.
#[derive(Debug)]
pub(in crate::kafka) enum Tokens {
    /// Read at every login: whoever renews the file needs no restart.
    File(PathBuf),
    Service(Service),
}

/// A token service and who asks it.
#[derive(Debug)]
pub(in crate::kafka) struct Service {
    url: String,
    client: String,
    secret: Secret,
    scope: Option<String>,
    authorities: Option<Source>,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    token: Secret,
    until: Instant,
}

impl Tokens {
    pub(super) fn new(settings: &ClientProperties) -> Result<Self, SecurityError> {
        let given = |name| settings.get(name).map(str::trim).filter(|value| !value.is_empty());
        let Some(url) = given(ENDPOINT) else {
            let advice = "give the address of the token service, or a token file as file:///PATH";
            return Err(SecurityError::setting(ENDPOINT, "OAUTHBEARER needs it", advice));
        };
        if let Some(path) = url.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(SecurityError::setting(ENDPOINT, "the path is not whole", "give file:///PATH"));
            }
            let file = Self::File(path.into());
            file.token()?;
            return Ok(file);
        }
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if !rest.is_some_and(|rest| !rest.is_empty() && !rest.split('/').next().unwrap_or_default().contains('@')) {
            let reason = "it is not an address of http:// or https:// without name and password";
            return Err(SecurityError::setting(ENDPOINT, reason, "give https://HOST/PATH, or file:///PATH"));
        }
        let needed = |name: &'static str| {
            let missing =
                || SecurityError::setting(name, "the token service asks for it", "give it, beside the others");
            given(name).ok_or_else(missing)
        };
        Ok(Self::Service(Service {
            url: url.to_owned(),
            client: needed("sasl.oauthbearer.client.id")?.to_owned(),
            secret: Secret::new(needed("sasl.oauthbearer.client.secret")?),
            scope: given("sasl.oauthbearer.scope").map(str::to_owned),
            authorities: Source::of(settings, "https.ca.location", "https.ca.pem"),
            kept: Mutex::new(None),
        }))
    }

    /// Whether secrets go to the service without TLS.
    pub(super) fn are_bare(&self) -> bool {
        matches!(self, Self::Service(service) if service.url.starts_with("http://"))
    }

    /// A broker took the last token for none: the next one shall be new.
    pub(super) fn forget(&self) {
        if let Self::Service(service) = self {
            *service.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// A token that lives.
    pub(super) fn token(&self) -> Result<Secret, SecurityError> {
        match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| SecurityError::File {
                    name: ENDPOINT,
                    path: path.clone(),
                    source,
                })?;
                let advice = "let its one content be the token";
                checked(text.trim()).ok_or_else(|| {
                    SecurityError::setting(ENDPOINT, format!("{} holds no token", path.display()), advice)
                })
            }
            Self::Service(service) => service.token(),
        }
    }
}

impl Service {
    /// One for all connections, until most of its life is over.
    fn token(&self) -> Result<Secret, SecurityError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| clock::now() < kept.until) {
            return Ok(kept.token.clone());
        }
        let (token, life) = self.ask()?;
        *kept = Some(Kept { token: token.clone(), until: clock::now() + life.mul_f64(LIFE_USED) });
        Ok(token)
    }

    fn ask(&self) -> Result<(Secret, Duration), SecurityError> {
        let failed = |reason: String, advice| SecurityError::Token { reason, advice };
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            form.push_str("&scope=");
            form.push_str(&form_encoded(scope));
        }
        let login = STANDARD.encode(format!("{}:{}", self.client, self.secret.expose()));
        let request = https::agent(self.authorities.as_ref(), SERVICE_TIMEOUT)?
            .post(&self.url)
            .header("Accept", "application/json");
        let request = request.header("Authorization", format!("Basic {login}"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let mut answer = request.send(form.as_str()).map_err(|error| {
            let advice = "check the address, that it can be reached from here, and its CA (https.ca.location)";
            failed(format!("the token service did not answer ({error})"), advice)
        })?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        let body: serde_json::Value = body.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if !status.is_success() {
            // The word is one of a closed list (RFC 6749, 5.2); the rest of the answer is not repeated.
            let word = body["error"].as_str().unwrap_or("no reason given");
            let reason =
                format!("the token service answered {}: {}", status.as_u16(), clean(&clip(word.as_bytes(), WORD_MAX)));
            return Err(failed(reason, "check client id, client secret and scope"));
        }
        let token = body["access_token"].as_str().and_then(checked);
        let token = token.ok_or_else(|| {
            failed("its answer holds no access_token".into(), "check that the address is that of the token endpoint")
        })?;
        let told = body["expires_in"].as_f64().or_else(|| lifetime(token.expose(), clock::wall().millis()));
        let seconds = told.unwrap_or_default().clamp(0.0, 86_400.0);
        Ok((token, Duration::from_secs_f64(seconds)))
    }
}

/// `text` as a token, if it is one that can be sent: RFC 6750's characters, so that nothing can be slipped in.
fn checked(text: &str) -> Option<Secret> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    (!text.is_empty() && text.len() <= TOKEN_MAX && text.bytes().all(plain)).then(|| Secret::new(text))
}

/// Seconds from `now_ms` until a JWT's `exp`, if the token is one.
fn lifetime(token: &str, now_ms: i64) -> Option<f64> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    Some(claims["exp"].as_f64()? - now_ms as f64 / 1000.0)
}

fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'-' | b'.' | b'_' | b'*' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_of_harmless_characters() {
        assert_eq!(checked("eyJh.eyJz-_.sig~+/=").unwrap().expose(), "eyJh.eyJz-_.sig~+/=");
        for bad in ["", "a b", "a\u{1}auth=x", "a\n", "ä", "a,b"] {
            assert!(checked(bad).is_none(), "{bad:?}");
        }
        assert!(checked(&"x".repeat(TOKEN_MAX + 1)).is_none());
    }

    #[test]
    fn the_life_of_a_token_is_read_from_it() {
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode("{\"exp\":1700000300.5}"));
        assert_eq!(lifetime(&token, 1_700_000_000_000), Some(300.5));
        for bad in ["opaque", "a.!.c", "a.e30.c", "a.bnVsbA.c"] {
            assert_eq!(lifetime(bad, 0), None, "{bad}");
        }
        assert_eq!(form_encoded("api://a/.default b&c=d"), "api%3A%2F%2Fa%2F.default+b%26c%3Dd");
    }

    #[test]
    fn what_is_missing_is_named() {
        let settings = |pairs: &[(&str, &str)]| -> ClientProperties {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
        };
        for (pairs, wanted) in [
            (&[][..], "file:///PATH"),
            (&[(ENDPOINT, "file:token")], "the path is not whole"),
            (&[(ENDPOINT, "file:///no/such/token")], "read /no/such/token"),
            (&[(ENDPOINT, "https://u:hunter2@h/t")], "without name and password"),
            (&[(ENDPOINT, "https://h/t")], "sasl.oauthbearer.client.id"),
            (&[(ENDPOINT, "https://h/t"), ("sasl.oauthbearer.client.id", "c")], "sasl.oauthbearer.client.secret"),
        ] {
            let said = Tokens::new(&settings(pairs)).unwrap_err().to_string();
            assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
        }
    }
}
