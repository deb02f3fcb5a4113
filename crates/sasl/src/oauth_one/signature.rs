//! Signatures of OAuth 1 (RFC 5849 section 3.4), for requests whose parameters are all known.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{OauthOneKeys, ScramHash, Secret};

/// How a request is signed. PLAINTEXT and RSA-SHA1 are not taken: the first shows the secrets, the second needs other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// RFC 5849 section 3.4.2.
    HmacSha1,
    /// The same with SHA-256, which no RFC defines but libraries have.
    HmacSha256,
}

impl Method {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "HMAC-SHA1" => Some(Self::HmacSha1),
            "HMAC-SHA256" => Some(Self::HmacSha256),
            _ => None,
        }
    }

    /// `oauth_signature`, before it is percent-encoded.
    pub(super) fn sign(self, base: &str, keys: &OauthOneKeys) -> Secret {
        let hash = match self {
            Self::HmacSha1 => ScramHash::Sha1,
            Self::HmacSha256 => ScramHash::Sha256,
        };
        let (consumer, token) = (encode_secret(&keys.consumer_secret), encode_secret(&keys.token_secret));
        let key = Secret::joined(&[consumer.expose(), b"&", token.expose()]);
        Secret::new(STANDARD.encode(hash.hmac(key.expose(), &[base.as_bytes()]).expose()))
    }
}

/// The scheme of the address that a client pretends to send its request to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(super) const ALL: [Self; 2] = [Self::Http, Self::Https];

    /// The root of a host, as RFC 5849 section 3.4.1.2 wants it: in small letters, without the scheme's own port.
    pub(super) fn root(self, host: &str, port: u16) -> String {
        let (scheme, own) = match self {
            Self::Http => ("http", 80),
            Self::Https => ("https", 443),
        };
        let port = if port == own { String::new() } else { format!(":{port}") };
        format!("{scheme}://{}{port}/", host.to_ascii_lowercase())
    }
}

/// The signature base string (RFC 5849 section 3.4.1). Parameters are decoded, and in any order.
pub(super) fn base_string(verb: &str, address: &str, parameters: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = parameters.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{verb}&{}&{}", encode(address), encode(&pairs.join("&")))
}

/// Percent-encoding (RFC 5849 section 3.6).
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(3 * text.len());
    for octet in text.bytes() {
        if is_unreserved(octet) {
            encoded.push(char::from(octet));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{octet:02X}");
        }
    }
    encoded
}

/// The same of a secret, whose octets need not be text, in a buffer that never grows.
fn encode_secret(secret: &Secret) -> Secret {
    let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or_default();
    let mut encoded = Vec::with_capacity(3 * secret.expose().len());
    for octet in secret.expose() {
        if is_unreserved(*octet) {
            encoded.push(*octet);
        } else {
            encoded.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet & 0x0f)]);
        }
    }
    Secret::new(encoded)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

/// Percent-encoded octets back to text; none where digits are missing or the outcome is not UTF-8.
pub(super) fn decode(encoded: &[u8]) -> Option<String> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let [high, low, after @ ..] = after else { return None };
        rest = after;
        let digit = |digit: u8| char::from(digit).to_digit(16);
        octets.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests;
