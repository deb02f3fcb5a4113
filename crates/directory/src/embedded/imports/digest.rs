//! Digests with or without salt, and PBKDF2.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use gatepost_sasl::Secret;
use md4::Md4;
use md5::{Digest as _, Md5};

use super::NotTaken;
use super::scheme::from_hex;
use crate::limits::PBKDF2_ROUNDS_MOST;

/// A hash function of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Md4,
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Function {
    pub(super) fn octets(self) -> usize {
        match self {
            Self::Md4 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, octets: &Secret) -> Secret {
        let sha = |algorithm| Secret::new(digest::digest(algorithm, octets.expose()).as_ref());
        match self {
            Self::Md4 => Secret::new(Md4::digest(octets.expose()).to_vec()),
            Self::Md5 => Secret::new(Md5::digest(octets.expose()).to_vec()),
            Self::Sha1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => sha(&digest::SHA256),
            Self::Sha512 => sha(&digest::SHA512),
        }
    }
}

/// `H(password salt)`.
pub(crate) struct DigestHash {
    pub(super) function: Function,
    pub(super) salt: Vec<u8>,
    pub(super) output: Secret,
}

impl DigestHash {
    pub(super) fn matches(&self, password: &Secret) -> bool {
        let salted = Secret::new([password.expose(), &self.salt].concat());
        self.function.digest(&salted) == self.output
    }
}

/// PBKDF2 (RFC 8018 section 5.2) with HMAC.
pub(crate) struct Pbkdf2Hash {
    function: Function,
    rounds: NonZeroU32,
    salt: Vec<u8>,
    output: Secret,
}

/// As passlib and OpenLDAP write base64: a dot for the plus, no padding.
fn from_adapted_base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&ALPHABET, config).decode(text.replace('.', "+")).ok()
}

impl Pbkdf2Hash {
    /// `$1$salt$rounds$hex` of Dovecot, or `rounds$salt$base64` of OpenLDAP.
    pub(super) fn read(scheme: &str, text: &str) -> Result<Self, NotTaken> {
        let parts: Vec<&str> = text.split('$').collect();
        let damaged = || NotTaken::Damaged(scheme.to_owned());
        let found = match parts.as_slice() {
            // The salt is used as it is written.
            ["", "1", salt, rounds, output] => {
                (Function::Sha1, *rounds, Some(salt.as_bytes().to_vec()), from_hex(output))
            }
            [rounds, salt, output] => {
                let function = match scheme {
                    "PBKDF2-SHA256" => Function::Sha256,
                    "PBKDF2-SHA512" => Function::Sha512,
                    _ => Function::Sha1,
                };
                (function, *rounds, from_adapted_base64(salt), from_adapted_base64(output))
            }
            _ => return Err(damaged()),
        };
        let (function, rounds, salt, output) = found;
        let (salt, output) = salt.zip(output).ok_or_else(damaged)?;
        Self::new(scheme, function, (rounds, salt, output))
    }

    /// What follows `$pbkdf2`: `-sha256$rounds$salt$output`; without a function it is SHA-1.
    pub(super) fn from_passlib(rest: &str) -> Result<(String, Self), NotTaken> {
        let (name, rest) = rest.split_once('$').ok_or(NotTaken::NoScheme)?;
        let (scheme, function) = match name {
            "" => ("PBKDF2", Function::Sha1),
            "-sha256" => ("PBKDF2-SHA256", Function::Sha256),
            "-sha512" => ("PBKDF2-SHA512", Function::Sha512),
            _ => return Err(NotTaken::Scheme(format!("PBKDF2{}", name.to_ascii_uppercase()))),
        };
        let damaged = || NotTaken::Damaged(scheme.to_owned());
        let parts: Vec<&str> = rest.split('$').collect();
        let [rounds, salt, output] = parts.as_slice() else { return Err(damaged()) };
        let (salt, output) =
            from_adapted_base64(salt).zip(from_adapted_base64(output)).ok_or_else(damaged)?;
        Ok((scheme.to_owned(), Self::new(scheme, function, (rounds, salt, output))?))
    }

    fn new(
        scheme: &str,
        function: Function,
        (rounds, salt, output): (&str, Vec<u8>, Vec<u8>),
    ) -> Result<Self, NotTaken> {
        let rounds: NonZeroU32 = rounds.parse().map_err(|_| NotTaken::Damaged(scheme.to_owned()))?;
        if rounds.get() > PBKDF2_ROUNDS_MOST {
            return Err(NotTaken::TooDear(scheme.to_owned(), "more than 1,200,000 rounds"));
        }
        // A longer output would cost the rounds again for each further block.
        if output.len() != function.octets() || salt.is_empty() {
            return Err(NotTaken::Damaged(scheme.to_owned()));
        }
        Ok(Self { function, rounds, salt, output: Secret::new(output) })
    }

    pub(super) fn matches(&self, password: &Secret) -> bool {
        let algorithm = match self.function {
            Function::Md4 | Function::Md5 => return false,
            Function::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Function::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Function::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        pbkdf2::verify(algorithm, self.rounds, &self.salt, password.expose(), self.output.expose()).is_ok()
    }
}
