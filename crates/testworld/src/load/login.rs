//! The client's half of PLAIN and SCRAM-SHA-256 (RFC 5802, RFC 7677).
//!
//! The salted password costs thousands of hashes, and a client that logs in again with the same salt may keep
//! it (RFC 5802 section 5.1): so it is computed once, or the generator would be what is measured.

use std::io;
use std::num::NonZeroU32;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::{hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::generator::Mechanism;

/// Octets of a SHA-256 digest.
const DIGEST: usize = 32;

/// Octets of chance in a nonce.
const CHANCE: usize = 18;

/// An account, and what was computed from its password.
#[derive(Debug)]
pub(super) struct Account {
    mechanism: Mechanism,
    user: String,
    password: String,
    kept: Option<Kept>,
}

/// The salted password of one salt.
#[derive(Debug)]
struct Kept {
    salt: String,
    iterations: NonZeroU32,
    salted: [u8; DIGEST],
}

/// A SCRAM exchange after its first message.
pub(super) struct Begun {
    bare: String,
    nonce: String,
}

/// What is sent last, and what must come back.
pub(super) struct Proof {
    /// The client's final message, in base64.
    pub(super) response: String,
    signature: String,
}

impl Account {
    pub(super) fn new(mechanism: Mechanism, user: &str, password: &str) -> Self {
        Self { mechanism, user: user.to_owned(), password: password.to_owned(), kept: None }
    }

    pub(super) fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The one message of PLAIN (RFC 4616), in base64.
    pub(super) fn plain(&self) -> String {
        BASE64_STANDARD.encode(format!("\0{}\0{}", self.user, self.password))
    }

    /// The first message, in base64, and what must be kept for the second.
    pub(super) fn begin(&self) -> io::Result<(String, Begun)> {
        let mut chance = [0; CHANCE];
        rand::fill(&mut chance).map_err(io::Error::other)?;
        Ok(self.begin_with(BASE64_STANDARD.encode(chance)))
    }

    fn begin_with(&self, nonce: String) -> (String, Begun) {
        let name = self.user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={nonce}");
        (BASE64_STANDARD.encode(format!("n,,{bare}")), Begun { bare, nonce })
    }

    /// Answers the server's first message, given in base64.
    pub(super) fn prove(&mut self, begun: &Begun, challenge: &[u8]) -> io::Result<Proof> {
        let challenge = decoded(challenge)?;
        let part = |name| challenge.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(count)) = (part("r="), part("s="), part("i=")) else {
            return Err(unfit(&challenge));
        };
        if !nonce.starts_with(&begun.nonce) {
            return Err(unfit(&challenge));
        }
        let salted = self.salted(salt, count.parse().map_err(|_fault| unfit(&challenge))?)?;
        let message = format!("c=biws,r={nonce}");
        Ok(proof(&salted, &format!("{},{challenge},{message}", begun.bare), &message))
    }

    fn salted(&mut self, salt: &str, iterations: NonZeroU32) -> io::Result<[u8; DIGEST]> {
        if let Some(kept) =
            self.kept.as_ref().filter(|kept| kept.salt == salt && kept.iterations == iterations)
        {
            return Ok(kept.salted);
        }
        let octets = BASE64_STANDARD.decode(salt).map_err(io::Error::other)?;
        let mut salted = [0; DIGEST];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            &octets,
            self.password.as_bytes(),
            &mut salted,
        );
        self.kept = Some(Kept { salt: salt.to_owned(), iterations, salted });
        Ok(salted)
    }
}

impl Proof {
    /// Whether the server knows the password too; its last message is given in base64.
    pub(super) fn check(&self, last: &[u8]) -> io::Result<()> {
        let last = decoded(last)?;
        if last == self.signature { Ok(()) } else { Err(unfit(&last)) }
    }
}

fn proof(salted: &[u8; DIGEST], everything: &str, message: &str) -> Proof {
    let client_key = sign(salted, b"Client Key");
    let stored_key = digest::digest(&SHA256, client_key.as_ref());
    let signature = sign(stored_key.as_ref(), everything.as_bytes());
    let proof: Vec<u8> =
        client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
    let server_key = sign(salted, b"Server Key");
    let expected = sign(server_key.as_ref(), everything.as_bytes());
    Proof {
        response: BASE64_STANDARD.encode(format!("{message},p={}", BASE64_STANDARD.encode(proof))),
        signature: format!("v={}", BASE64_STANDARD.encode(expected.as_ref())),
    }
}

fn sign(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

fn decoded(message: &[u8]) -> io::Result<String> {
    let octets = BASE64_STANDARD.decode(message).map_err(io::Error::other)?;
    String::from_utf8(octets).map_err(io::Error::other)
}

fn unfit(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("SCRAM: unfit message of the server: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 section 3.
    #[test]
    fn the_example_of_the_rfc_is_proved() {
        let mut account = Account::new(Mechanism::ScramSha256, "user", "pencil");
        let (first, begun) = account.begin_with("rOprNGfwEbeRWgbNEkqO".to_owned());
        assert_eq!(BASE64_STANDARD.decode(first).unwrap(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let challenge = BASE64_STANDARD.encode(format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
        let proof = account.prove(&begun, challenge.as_bytes()).unwrap();
        let wanted = format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        assert_eq!(BASE64_STANDARD.decode(&proof.response).unwrap(), wanted.as_bytes());
        let last = BASE64_STANDARD.encode("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        proof.check(last.as_bytes()).unwrap();
        assert!(proof.check(BASE64_STANDARD.encode("v=false").as_bytes()).is_err());
        let foreign = BASE64_STANDARD.encode("r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        assert!(account.prove(&begun, foreign.as_bytes()).is_err());
    }
}
