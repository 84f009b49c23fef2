//! One question to whichever registry answers.

use super::error::Error;
use crate::event::{ClientProperties, Secret, clean, clip};
use crate::kafka::registry_agent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::time::Duration;

/// One answer takes no longer; the next address is tried then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// A schema with all its escapes, and a list of all subjects of a large registry.
const ANSWER_MAX: u64 = 8 << 20;
/// Longest word of an error that is repeated.
const WORD_MAX: usize = 200;

const URL: &str = "schema.registry.url";
const SOURCE: &str = "basic.auth.credentials.source";
const USER: &str = "basic.auth.user.info";
const TOKEN: &str = "bearer.auth.token";

/// A client of one registry, which may have several addresses.
#[derive(Debug)]
pub(super) struct Asker {
    agent: ureq::Agent,
    /// Without name and password, and without a slash at the end.
    addresses: Vec<String>,
    /// The one that answered last.
    current: usize,
    authorization: Option<Secret>,
}

impl Asker {
    /// `None` when no address is given.
    pub fn new(settings: &ClientProperties) -> Result<Option<Self>, Error> {
        let given = |name| settings.get(name).map(str::trim).filter(|value| !value.is_empty());
        let Some(urls) = given(URL) else { return Ok(None) };
        let mut addresses = Vec::new();
        let mut within = None;
        for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
            let (address, login) = parted(url)?;
            within = within.or(login);
            addresses.push(address);
        }
        let authorization = match (given(TOKEN), given(USER), given(SOURCE)) {
            (Some(token), _, _) => Some(bearer(token)?),
            (None, _, Some("URL")) => within.map(|login| basic(&login)),
            (None, Some(user), _) => Some(basic(user)),
            (None, None, _) if within.is_some() => {
                let reason = "name and password stand in the address";
                let advice = "give them as basic.auth.user.info, or say basic.auth.credentials.source=URL";
                return Err(Error::Setting { name: URL, reason, advice });
            }
            (None, None, _) => None,
        };
        let agent = registry_agent(settings, ANSWER_TIMEOUT)?;
        Ok(Some(Self { agent, addresses, current: 0, authorization }))
    }

    /// All addresses.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// What lies at `path`; `None` when nothing does. Each address is asked until one answers.
    pub fn get(&mut self, path: &str) -> Result<Option<Value>, Error> {
        let mut failed = None;
        for _ in 0..self.addresses.len() {
            match self.get_from(&self.addresses[self.current], path) {
                Err(error @ Error::Away { .. }) => {
                    failed = Some(error);
                    self.current = (self.current + 1) % self.addresses.len();
                }
                answer => return answer,
            }
        }
        failed.map_or(Ok(None), Err)
    }

    fn get_from(&self, address: &str, path: &str) -> Result<Option<Value>, Error> {
        let away = |reason: String| Error::Away { address: address.to_owned(), reason };
        let accepted = "application/vnd.schemaregistry.v1+json, application/json";
        let mut request = self.agent.get(format!("{address}{path}")).header("Accept", accepted);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.expose());
        }
        let mut answer = request.call().map_err(|error| away(format!("it does not answer ({error})")))?;
        let status = answer.status().as_u16();
        let odd = |what: String| Error::Odd { address: address.to_owned(), what };
        match status {
            200 => {}
            404 => return Ok(None),
            401 | 403 => return Err(Error::Denied { address: address.to_owned(), status }),
            408 | 429 | 500.. => return Err(away(format!("it answers {status}"))),
            _ => return Err(odd(format!("with status {status}"))),
        }
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        let body = body.map_err(|error| away(format!("its answer breaks off ({error})")))?;
        let begin = || clean(&clip(body.as_bytes(), WORD_MAX));
        serde_json::from_str(&body).map(Some).map_err(|_| odd(format!("what is no JSON: {}", begin())))
    }
}

/// The address, and the name and password in it.
fn parted(url: &str) -> Result<(String, Option<String>), Error> {
    let refused = || {
        let reason = "it is not an address of http:// or https://";
        Error::Setting { name: URL, reason, advice: "give http://HOST:PORT or https://HOST/PATH" }
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
    if !matches!(scheme, "http" | "https") || rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(refused());
    }
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (login, host) = host.rsplit_once('@').map_or((None, host), |(login, host)| (Some(login.to_owned()), host));
    if host.is_empty() || path.contains(['?', '#']) {
        return Err(refused());
    }
    Ok((format!("{scheme}://{host}{path}"), login))
}

fn basic(user: &str) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(user)))
}

/// RFC 6750's characters, so that nothing can be slipped in.
fn bearer(token: &str) -> Result<Secret, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !token.bytes().all(plain) {
        let reason = "it is no token";
        return Err(Error::Setting { name: TOKEN, reason, advice: "give the token alone, without `Bearer`" });
    }
    Ok(Secret::new(format!("Bearer {token}")))
}

/// `text` as a part of a path.
pub(super) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(pairs: &[(&str, &str)]) -> Result<Option<Asker>, Error> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
        Asker::new(&pairs.collect())
    }

    #[test]
    fn addresses_and_logins_are_written_as_confluent_clients_write_them() {
        assert!(asker(&[]).unwrap().is_none());
        let several = asker(&[(URL, "http://a:8081/, https://b/api ,"), (USER, "u:hunter2")]).unwrap().unwrap();
        assert_eq!(several.addresses(), ["http://a:8081", "https://b/api"]);
        assert_eq!(several.authorization.as_ref().unwrap().expose(), "Basic dTpodW50ZXIy");
        assert!(!format!("{several:?}").contains("dTpodW50ZXIy"));
        let within = asker(&[(URL, "http://u:hunter2@a"), (SOURCE, "URL")]).unwrap().unwrap();
        assert_eq!(within.addresses(), ["http://a"]);
        assert_eq!(within.authorization, several.authorization);
        let token = asker(&[(URL, "http://a"), (TOKEN, "t.0")]).unwrap().unwrap();
        assert_eq!(token.authorization.unwrap().expose(), "Bearer t.0");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for (pairs, wanted) in [
            (&[(URL, "a:8081")][..], "give http://HOST:PORT"),
            (&[(URL, "ftp://hunter2")], "give http://HOST:PORT"),
            (&[(URL, "http://hunter2 x")], "give http://HOST:PORT"),
            (&[(URL, "http://")], "give http://HOST:PORT"),
            (&[(URL, "http://u:hunter2@a")], "basic.auth.user.info"),
            (&[(URL, "http://a"), (TOKEN, "hunter2\r\nX: y")], "the token alone"),
        ] {
            let said = asker(pairs).unwrap_err().to_string();
            assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
        }
        assert_eq!(segment("a/b ä.proto"), "a%2Fb%20%C3%A4.proto");
    }
}
