//! The four messages of SCRAM (RFC 5802 section 7): octets to parts, and back.
//!
//! Readers borrow from the message and take nothing on trust but its length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::gs2::unescape;
use crate::limits;

/// The channel binding flag that begins the GS2 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag<'a> {
    /// `n`: the client cannot bind.
    Unable,
    /// `y`: the client could, and thinks that the server cannot.
    ThinksServerUnable,
    /// `p=`: bound, by the kind of this name.
    Bound(&'a str),
}

impl<'a> Flag<'a> {
    fn read(text: &'a str) -> Option<Self> {
        match text {
            "n" => Some(Self::Unable),
            "y" => Some(Self::ThinksServerUnable),
            _ => {
                let name = text.strip_prefix("p=")?;
                let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
                (!name.is_empty() && name.bytes().all(plain)).then_some(Self::Bound(name))
            }
        }
    }
}

/// `client-first-message`. Names are unescaped and not yet prepared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: Flag<'a>,
    /// The GS2 header with its last comma, as it came.
    pub(super) header: &'a str,
    pub(super) authorization: Option<String>,
    /// What follows the header, as it came.
    pub(super) bare: &'a str,
    pub(super) user: String,
    pub(super) nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let (flag, rest) = text.split_once(',')?;
        let (authorization, bare) = rest.split_once(',')?;
        let header = text.get(..text.len() - bare.len())?;
        let flag = Flag::read(flag)?;
        let authorization = match authorization {
            "" => None,
            named => Some(unescape(named.strip_prefix("a=")?)?),
        };
        let mut attributes = bare.split(',');
        // A mandatory extension (`m=`) would stand before the name; there is none that we know, so it fails here.
        let user = unescape(attributes.next()?.strip_prefix("n=")?)?;
        let nonce = read_nonce(attributes.next()?)?;
        attributes.all(is_extension).then_some(Self { flag, header, authorization, bare, user, nonce })
    }
}

/// `server-first-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerFirst<'a> {
    /// As it came.
    pub(super) text: &'a str,
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
}

impl<'a> ServerFirst<'a> {
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let mut attributes = text.split(',');
        let nonce = read_nonce(attributes.next()?)?;
        let salt = STANDARD.decode(attributes.next()?.strip_prefix("s=")?).ok()?;
        let iterations = attributes.next()?.strip_prefix("i=")?;
        // `parse` alone would take a sign.
        let digits = iterations.bytes().all(|octet| octet.is_ascii_digit());
        if !digits || salt.is_empty() || salt.len() > limits::SALT_OCTETS_MOST {
            return None;
        }
        // A count beyond 32 bits is beyond every limit too, and is reported as such.
        let iterations =
            if iterations.is_empty() { return None } else { iterations.parse().unwrap_or(u32::MAX) };
        attributes.all(is_extension).then_some(Self { text, nonce, salt, iterations })
    }

    pub(super) fn write(nonce: &str, salt: &[u8], iterations: u32) -> String {
        format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt))
    }
}

/// `client-final-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    /// GS2 header and binding octets.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// All before the proof, as it came.
    pub(super) without_proof: &'a str,
    pub(super) proof: Vec<u8>,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        let mut attributes = without_proof.split(',');
        let binding = STANDARD.decode(attributes.next()?.strip_prefix("c=")?).ok()?;
        let nonce = read_nonce(attributes.next()?)?;
        let proof = STANDARD.decode(proof).ok()?;
        attributes.all(is_extension).then_some(Self { binding, nonce, without_proof, proof })
    }

    pub(super) fn write_without_proof(binding: &[u8], nonce: &str) -> String {
        format!("c={},r={nonce}", STANDARD.encode(binding))
    }
}

/// `server-final-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerFinal {
    /// `v=`: the server's proof.
    Verifier(Vec<u8>),
    /// `e=`: the server's refusal. Its text is a stranger's and tells us nothing that the reply does not.
    Error,
}

impl ServerFinal {
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let mut attributes = text.split(',');
        let first = attributes.next()?;
        if first.starts_with("e=") {
            return Some(Self::Error);
        }
        let verifier = STANDARD.decode(first.strip_prefix("v=")?).ok()?;
        attributes.all(is_extension).then_some(Self::Verifier(verifier))
    }
}

fn read_nonce(attribute: &str) -> Option<&str> {
    let nonce = attribute.strip_prefix("r=")?;
    let fits = !nonce.is_empty() && nonce.len() <= limits::PEER_NONCE_OCTETS_MOST;
    (fits && nonce.bytes().all(|octet| octet.is_ascii_graphic())).then_some(nonce)
}

/// An attribute that we do not know and may ignore: a letter, `=`, a value.
fn is_extension(attribute: &str) -> bool {
    let mut octets = attribute.bytes();
    octets.next().is_some_and(|letter| letter.is_ascii_alphabetic() && letter != b'm')
        && octets.next() == Some(b'=')
        && octets.next().is_some()
}

#[cfg(test)]
mod tests;
