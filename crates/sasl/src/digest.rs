//! DIGEST-MD5 (RFC 2831, Historic by RFC 6331): each side proves that it knows a digest of user, realm and password.
//!
//! ```text
//! server  realm="mail.example",nonce="<server nonce>",qop="auth",algorithm=md5-sess,charset=utf-8
//! client  charset=utf-8,username="ada",realm="mail.example",nonce="<server nonce>",nc=00000001,
//!         cnonce="<client nonce>",digest-uri="smtp/mail.example",response=<client's proof>,qop=auth
//! server  rspauth=<server's proof>
//! client  nothing
//! ```
//!
//! `qop=auth` only: its integrity and privacy layers (`auth-int`, `auth-conf`) are what RFC 6331 warns of first, and TLS does
//! their work. No reauthentication either (section 2.2), so the nonce count is always one.

mod client;
mod server;

#[cfg(test)]
mod tests;

pub(crate) use client::Client;
pub(crate) use server::Server;

use crate::hash::{hex, md5};
use crate::{DigestSecret, Secret};

/// The service in a digest-uri (RFC 2831 section 2.1.2; the names are those of GSSAPI).
const SERVICE: &str = "smtp";

/// The nonce count of a first authentication.
const COUNT: &str = "00000001";

/// What both proofs are made over, beside the secret. Values are as they stand between the quotes, unescaped.
struct Said<'a> {
    nonce: &'a [u8],
    cnonce: &'a [u8],
    uri: &'a [u8],
    authorization: Option<&'a [u8]>,
}

impl Said<'_> {
    /// `response-value`: the client's proof, in hexadecimal digits.
    fn client_proof(&self, secret: &DigestSecret) -> Secret {
        self.proof(secret, b"AUTHENTICATE:")
    }

    /// `response-auth`: the server's.
    fn server_proof(&self, secret: &DigestSecret) -> Secret {
        self.proof(secret, b":")
    }

    /// RFC 2831 section 2.1.2.1: `HEX(KD(HEX(H(A1)), ...))`.
    fn proof(&self, secret: &DigestSecret, method: &[u8]) -> Secret {
        let mut first = vec![secret.octets().expose(), b":", self.nonce, b":", self.cnonce];
        if let Some(authorization) = self.authorization {
            first.extend_from_slice(&[b":", authorization]);
        }
        let first = hex(&md5(Secret::joined(&first).expose()));
        let second = hex(&md5(Secret::joined(&[method, self.uri]).expose()));
        let pieces = [
            first.expose(),
            b":",
            self.nonce,
            b":",
            COUNT.as_bytes(),
            b":",
            self.cnonce,
            b":auth:",
            second.expose(),
        ];
        hex(&md5(Secret::joined(&pieces).expose()))
    }
}
