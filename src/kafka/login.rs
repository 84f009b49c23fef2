//! Says who the tap is, on a connection that was just opened or whose session ends soon (KIP-43, KIP-152, KIP-368).

use super::connection::Connection;
use super::error::{Error, code};
use super::security::{Sasl, Step, Words};
use super::shape;
use super::stream::host;
use crate::event::{clean, clip};
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, ResponseHeader, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use std::time::Duration;

/// From v1 on the rest of the login is framed (KIP-152, Kafka 1.0).
const HANDSHAKE: i16 = 1;
/// The session's length stands in the answer from v1 on (KIP-368).
const AUTHENTICATE_MOST: i16 = 2;
/// SCRAM takes two rounds and Kerberos three; a broker that wants more than one besides keeps us busy.
const ROUNDS_MAX: usize = 4;
/// A session is renewed once this share of it is over, as Kafka's own clients do.
const SESSION_USED: f64 = 0.85;
/// Brokers refuse to renew a session that is younger than a second. One that ends sooner is renewed after its end, which
/// they take.
const RENEWAL_MIN: Duration = Duration::from_millis(1_100);
/// Longest word of a broker that is repeated.
const WORD_MAX: usize = 300;

/// Logs in, and gives the time after which it has to be done again; `None` when the session does not end.
pub(super) fn log_in(link: &mut Connection, sasl: &Sasl) -> Result<Option<Duration>, Error> {
    converse(link, sasl).inspect_err(|error| {
        // Whoever has no token or ticket to show was not refused by this broker.
        if !matches!(error, Error::Security(_) | Error::Stopped) {
            sasl.forget();
        }
    })
}

fn converse(link: &mut Connection, sasl: &Sasl) -> Result<Option<Duration>, Error> {
    let broker = link.address.clone();
    let refused = |reason: String, advice: &str| Error::Login {
        broker: broker.clone(),
        mechanism: sasl.mechanism(),
        reason: format!("{reason}; {advice}"),
    };
    choose(link, sasl)?;
    let (mut login, mut words) = sasl.begin(host(&broker))?;
    for _ in 0..ROUNDS_MAX {
        let answer = say(link, &words)?;
        if answer.error_code != code::NONE {
            let said = answer.error_message.as_ref().map_or("no reason given", |text| text.as_str());
            return Err(refused(clean(&clip(said.as_bytes(), WORD_MAX)), sasl.advice()));
        }
        match login.answer(&answer.auth_bytes) {
            Ok(Step::Say(next)) => words = next,
            Ok(Step::Done) => return Ok(renewal(answer.session_lifetime_ms)),
            Err(reason) => return Err(refused(reason, sasl.advice())),
        }
    }
    Err(refused("it asks without end".to_owned(), "check that this is a Kafka broker"))
}

/// Tells the broker the mechanism; it answers with those that it knows.
fn choose(link: &mut Connection, sasl: &Sasl) -> Result<(), Error> {
    const NAME: &str = "SaslHandshake";
    let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(sasl.mechanism()));
    let answer: SaslHandshakeResponse = ask(link, (ApiKey::SaslHandshake, NAME), (HANDSHAKE, HANDSHAKE), &request)?;
    let refused = |reason| {
        let (broker, mechanism) = (link.address.clone(), sasl.mechanism());
        Err(Error::Login { broker, mechanism, reason })
    };
    match answer.error_code {
        code::NONE => Ok(()),
        code::UNSUPPORTED_SASL_MECHANISM => {
            let offered: Vec<String> =
                answer.mechanisms.iter().take(16).map(|name| clean(&clip(name.as_bytes(), 40))).collect();
            refused(format!(
                "the mechanism is not enabled there; set sasl.mechanism to one that is: {}",
                offered.join(", ")
            ))
        }
        code::ILLEGAL_SASL_STATE => refused(
            "this port asks nobody who they are; set security.protocol=SSL or PLAINTEXT, or use its SASL port"
                .to_owned(),
        ),
        code => Err(Error::Refused { broker: link.address.clone(), request: NAME, code }),
    }
}

fn say(link: &mut Connection, words: &Words) -> Result<SaslAuthenticateResponse, Error> {
    const NAME: &str = "SaslAuthenticate";
    let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::copy_from_slice(words.bytes()));
    ask(link, (ApiKey::SaslAuthenticate, NAME), (0, AUTHENTICATE_MOST), &request)
}

/// One request of the login, in the highest version that both sides speak.
fn ask<Q: Encodable, A: Decodable>(
    link: &mut Connection,
    (key, name): (ApiKey, &'static str),
    (least, most): (i16, i16),
    request: &Q,
) -> Result<A, Error> {
    let version = link.version(key, least, most).ok_or_else(|| Error::Unsupported {
        broker: link.address.clone(),
        request: name,
        least,
        most,
    })?;
    let mut answer = link.exchange(key, version, request, name)?;
    let malformed = |error| link.malformed(name, error);
    ResponseHeader::decode(&mut answer, key.response_header_version(version)).map_err(malformed)?;
    if !shape::is_whole(key, version, &answer) {
        return Err(link.malformed(name, "it claims more than it holds"));
    }
    A::decode(&mut answer, version).map_err(malformed)
}

fn renewal(lifetime_ms: i64) -> Option<Duration> {
    let lifetime = Duration::from_millis(u64::try_from(lifetime_ms).ok().filter(|&ms| ms > 0)?);
    Some(lifetime.mul_f64(SESSION_USED).max(RENEWAL_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_renewed_before_it_ends_and_never_too_soon() {
        assert_eq!(renewal(0), None);
        assert_eq!(renewal(-1), None);
        assert_eq!(renewal(3_600_000), Some(Duration::from_secs(3_060)));
        assert_eq!(renewal(500), Some(RENEWAL_MIN));
        assert!(renewal(i64::MAX).is_some());
    }

    #[test]
    fn a_broker_is_named_by_its_host() {
        assert_eq!(
            ["broker-1.example:9092", "[::1]:9092", "127.0.0.1:1"].map(host),
            ["broker-1.example", "::1", "127.0.0.1"]
        );
    }
}
