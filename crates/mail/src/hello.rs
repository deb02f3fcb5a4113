//! The name a client gives itself.

use std::fmt;

/// Longest name kept, in octets: a domain is at most 255 (RFC 5321 section 4.5.3.1.2).
const LONGEST: usize = 255;

/// What a client said in EHLO, HELO or LHLO. Any printable word is taken, since half of all clients send
/// something that is no domain; policy may think less of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello(Box<str>);

impl Hello {
    /// Reads the argument of the greeting: one printable ASCII word of at most 255 octets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= LONGEST;
        (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// The word itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_printable_word_is_a_name() {
        assert!(Hello::parse("client.example").is_some());
        assert!(Hello::parse("[127.0.0.1]").is_some());
        for wrong in ["", "two words", "tab\there", "new\nline", "müller"] {
            assert!(Hello::parse(wrong).is_none(), "{wrong:?}");
        }
        assert!(Hello::parse(&"x".repeat(256)).is_none());
    }
}
