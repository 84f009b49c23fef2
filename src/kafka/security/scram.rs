//! SCRAM (RFC 5802, RFC 7677) as Kafka speaks it: SHA-256 and SHA-512, no channel binding, names and passwords as they
//! are (Kafka's brokers do not apply SASLprep either).

use crate::event::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

/// Fewer rounds than RFC 7677 asks for would give the password away to whoever plays the broker.
const ROUNDS_MIN: u32 = 4096;
/// Kafka allows 16,384; beyond this a hostile broker only wants to keep us busy (a second of work on one core).
const ROUNDS_MAX: u32 = 1_000_000;
/// Random bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// Which hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn algorithms(self) -> (hmac::Algorithm, &'static digest::Algorithm, pbkdf2::Algorithm) {
        match self {
            Self::Sha256 => (hmac::HMAC_SHA256, &digest::SHA256, pbkdf2::PBKDF2_HMAC_SHA256),
            Self::Sha512 => (hmac::HMAC_SHA512, &digest::SHA512, pbkdf2::PBKDF2_HMAC_SHA512),
        }
    }
}

/// One login on its way.
pub(in crate::kafka) struct Scram<'a> {
    hash: Hash,
    password: &'a Secret,
    first_bare: String,
    nonce: String,
    /// What the broker has to sign, and with which key: known once its challenge was answered.
    expected: Option<(hmac::Key, String)>,
}

impl<'a> Scram<'a> {
    /// Begins with a fresh nonce. `None` when the system gives no random bytes.
    pub(super) fn new(hash: Hash, username: &str, password: &'a Secret) -> Option<Self> {
        let mut random = [0; NONCE_BYTES];
        getrandom::fill(&mut random).ok()?;
        Some(Self::with_nonce(hash, username, password, STANDARD.encode(random)))
    }

    fn with_nonce(hash: Hash, username: &str, password: &'a Secret, nonce: String) -> Self {
        let name = username.replace('=', "=3D").replace(',', "=2C");
        Self { hash, password, first_bare: format!("n={name},r={nonce}"), nonce, expected: None }
    }

    /// What the client says first.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// Answers the broker's challenge.
    pub(super) fn prove(&mut self, challenge: &[u8]) -> Result<String, &'static str> {
        const MALFORMED: &str = "its SCRAM challenge is malformed";
        let challenge = std::str::from_utf8(challenge).map_err(|_| MALFORMED)?;
        let mut fields = challenge.split(',');
        let mut field = |name: &str| fields.next().and_then(|field| field.strip_prefix(name)).ok_or(MALFORMED);
        let (nonce, salt, rounds) = (field("r=")?, field("s=")?, field("i=")?);
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err("its SCRAM challenge answers another login");
        }
        let salt = STANDARD.decode(salt).map_err(|_| MALFORMED)?;
        let rounds = rounds.parse().map_err(|_| MALFORMED)?;
        if !(ROUNDS_MIN..=ROUNDS_MAX).contains(&rounds) {
            return Err("its SCRAM challenge asks for fewer than 4,096 or more than 1,000,000 rounds");
        }
        let rounds = NonZeroU32::new(rounds).ok_or(MALFORMED)?;
        let (hmac, digest, pbkdf2) = self.hash.algorithms();
        let mut salted = vec![0; digest.output_len()];
        pbkdf2::derive(pbkdf2, rounds, &salt, self.password.expose().as_bytes(), &mut salted);
        let salted = hmac::Key::new(hmac, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored_key = hmac::Key::new(hmac, digest::digest(digest, client_key.as_ref()).as_ref());
        let bare = format!("c=biws,r={nonce}");
        let all = format!("{},{challenge},{bare}", self.first_bare);
        let signature = hmac::sign(&stored_key, all.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server_key = hmac::sign(&salted, b"Server Key");
        self.expected = Some((hmac::Key::new(hmac, server_key.as_ref()), all));
        Ok(format!("{bare},p={}", STANDARD.encode(proof)))
    }

    /// Checks that the broker knows the password too.
    pub(super) fn verify(&self, last: &[u8]) -> Result<(), &'static str> {
        let signature = last.strip_prefix(b"v=").and_then(|text| STANDARD.decode(text).ok());
        let (Some(signature), Some((key, all))) = (signature, &self.expected) else {
            return Err("it did not sign its last SCRAM answer");
        };
        hmac::verify(key, all.as_bytes(), &signature)
            .map_err(|_| "its signature is wrong: whoever answers does not know the password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn the_exchange_of_the_rfc_comes_out() {
        let password = Secret::new("pencil");
        let mut scram = Scram::with_nonce(Hash::Sha256, "user", &password, "rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            scram.prove(challenge).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").is_err());
        assert!(scram.verify(b"v=").is_err() && scram.verify(b"e=other-error").is_err() && scram.verify(b"").is_err());
    }

    #[test]
    fn a_challenge_that_weakens_or_wastes_is_refused() {
        let password = Secret::new("pencil");
        let mut scram = Scram::with_nonce(Hash::Sha512, "a=b,c", &password, "abc".into());
        assert_eq!(scram.first(), "n,,n=a=3Db=2Cc,r=abc");
        for bad in [
            "",
            "r=abcd",
            "r=abcd,s=AA==",
            "r=abc,s=AA==,i=4096",
            "r=xyzd,s=AA==,i=4096",
            "r=abcd,s=!,i=4096",
            "r=abcd,s=AA==,i=1",
            "r=abcd,s=AA==,i=4000000000",
            "m=x,r=abcd,s=AA==,i=4096",
            "r=abcd,s=AA==,i=-1",
        ] {
            assert!(scram.prove(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(scram.verify(b"v=AA==").is_err(), "nothing was proved yet");
        assert!(scram.prove(b"r=abcd,s=AA==,i=4096").is_ok());
        assert!(scram.prove(&[0xff]).is_err());
    }
}
