//! ISO 8859-1, which DIGEST-MD5 hashes in wherever the text allows it (RFC 2831 section 2.1.2.1).

use crate::Secret;

/// Text in ISO 8859-1: every octet is the code point of that number.
pub(crate) fn decode(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

/// Text as ISO 8859-1, none where it is not UTF-8 or has other characters.
pub(crate) fn encode(text: &[u8]) -> Option<Secret> {
    // As long as the text at most, so that it never grows and leaves an unwiped copy.
    let mut octets = Vec::with_capacity(text.len());
    for letter in std::str::from_utf8(text).ok()?.chars() {
        octets.push(u8::try_from(u32::from(letter)).ok()?);
    }
    Some(Secret::new(octets))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::Secret;

    #[test]
    fn what_fits_is_converted() {
        assert_eq!(encode("caf\u{e9}".as_bytes()), Some(Secret::new(b"caf\xe9".as_slice())));
        assert_eq!(encode(b"ada"), Some(Secret::new("ada")));
        assert_eq!(encode("\u{20ac}".as_bytes()), None);
        assert_eq!(encode(b"caf\xe9"), None);
        assert_eq!(decode(b"caf\xe9"), "caf\u{e9}");
    }
}
