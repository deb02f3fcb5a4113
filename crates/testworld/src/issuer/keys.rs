//! Keys of an issuer, and what they sign (RFC 7515, RFC 7517).

use std::io;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// How a key signs (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with PKCS#1 padding.
    Rs256,
    /// RSA-PSS.
    Ps256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// A key pair with its name.
pub struct Key {
    name: String,
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    ///
    /// When the machine makes none.
    pub fn generate(algorithm: Algorithm, name: &str) -> io::Result<Self> {
        let pair = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(Box::new).map(Pair::Rsa)
            }
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Pair::Ec),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Pair::Ed),
        };
        Ok(Self { name: name.to_owned(), algorithm, pair: pair.map_err(io::Error::other)? })
    }

    /// A signed token with these claims, of the type that RFC 9068 names.
    ///
    /// # Errors
    ///
    /// When signing fails.
    pub fn sign(&self, claims: &Value) -> io::Result<String> {
        let head = json!({ "alg": self.algorithm.name(), "kid": self.name, "typ": "at+jwt" });
        self.sign_under(&head, claims)
    }

    /// The same with any header: a lie, for example.
    ///
    /// # Errors
    ///
    /// When signing fails.
    pub fn sign_under(&self, head: &Value, claims: &Value) -> io::Result<String> {
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let signature = self.signature(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, octets: &[u8]) -> io::Result<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding = match self.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, octets, &mut signature).map_err(io::Error::other)?;
                Ok(signature)
            }
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, octets).map_err(io::Error::other)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed(pair) => Ok(pair.sign(octets).as_ref().to_vec()),
        }
    }

    /// As the key set has it.
    #[must_use]
    pub fn public(&self) -> Value {
        let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (modulus, exponent) = (public.modulus(), public.exponent());
                json!({
                    "kty": "RSA",
                    "n": text(modulus.big_endian_without_leading_zero()),
                    "e": text(exponent.big_endian_without_leading_zero()),
                })
            }
            Pair::Ec(pair) => {
                // An uncompressed point: one octet 4, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(32).unwrap_or_default();
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
        };
        if let Some(key) = key.as_object_mut() {
            key.insert("kid".to_owned(), self.name.as_str().into());
            key.insert("alg".to_owned(), self.algorithm.name().into());
            key.insert("use".to_owned(), "sig".into());
        }
        key
    }
}
