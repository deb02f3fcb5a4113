//! A number used once, made by the driver.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::NONCE_OCTETS;

/// What makes one exchange unlike every other: random, sent in the clear, used once.
///
/// It is not `Clone`, and an exchange consumes it, so the same one cannot serve twice by accident.
pub struct Nonce {
    octets: [u8; NONCE_OCTETS],
    text: String,
}

impl Nonce {
    /// A nonce of random octets, which must come from a cryptographic source: whoever can guess them can replay.
    #[must_use]
    pub fn from_random(octets: &[u8; NONCE_OCTETS]) -> Self {
        Self { octets: *octets, text: STANDARD.encode(octets) }
    }

    /// The nonces that RFCs use in their examples are not ours in form.
    #[cfg(test)]
    pub(crate) fn literal(text: &str) -> Self {
        Self { octets: [0; NONCE_OCTETS], text: text.to_owned() }
    }

    /// Printable, without comma, space, `<`, `>` and `@`: fit for SCRAM and for a CRAM-MD5 challenge.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Eight of the random octets: the challenges of NTLM have no room for more.
    pub(crate) fn eight(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.octets;
        [a, b, c, d, e, f, g, h]
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Nonce(..)")
    }
}
