//! Domain names as mail uses them.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::AddressError;

/// RFC 1035 section 2.3.4, less the root's dot and the length octet.
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A domain name in lower case, without a final dot. Two that mean the same are equal: comparison is on
/// the ASCII form (RFC 5890 A-labels), so `bücher.example` equals `xn--bcher-kva.example`.
#[derive(Debug, Clone)]
pub struct Domain {
    ascii: Box<str>,
    /// What was written, in the one form of its letters, where that is not ASCII.
    unicode: Option<Box<str>>,
}

impl Domain {
    /// Reads a domain (RFC 5321 section 4.1.2, RFC 6531 section 3.3). Underscores are taken, since names in
    /// use have them; a final dot and a name that is all digits at its end (an unbracketed address) are not.
    ///
    /// # Errors
    ///
    /// [`AddressError::Domain`] if it is none.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_ascii() {
            let ascii = text.to_ascii_lowercase();
            return if is_host_name(&ascii) {
                Ok(Self { ascii: ascii.into(), unicode: None })
            } else {
                Err(AddressError::Domain)
            };
        }
        let ascii = idna::domain_to_ascii_strict(text).map_err(|_| AddressError::Domain)?;
        if is_host_name(&ascii) {
            // Not `text` in lower case, which can be another name: Σ at the end of a word becomes ς there, and σ here.
            let (unicode, _read_a_moment_ago) = idna::domain_to_unicode(&ascii);
            let unicode = (!unicode.is_ascii()).then(|| unicode.into());
            Ok(Self { ascii: ascii.into(), unicode })
        } else {
            Err(AddressError::Domain)
        }
    }

    /// The ASCII form, for DNS, comparison and hosts without SMTPUTF8.
    #[must_use]
    pub fn ascii(&self) -> &str {
        &self.ascii
    }

    /// As it was written, which may be UTF-8, but in lower case and in the one form of its letters (RFC 5890
    /// U-labels).
    #[must_use]
    pub fn as_written(&self) -> &str {
        self.unicode.as_deref().unwrap_or(&self.ascii)
    }

    /// Whether this is `parent` or a name below it.
    #[must_use]
    pub fn is_within(&self, parent: &Self) -> bool {
        match self.ascii.strip_suffix(&*parent.ascii) {
            Some("") => true,
            Some(rest) => rest.ends_with('.'),
            None => false,
        }
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.ascii == other.ascii
    }
}

impl Eq for Domain {}

impl Hash for Domain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ascii.hash(state);
    }
}

impl PartialOrd for Domain {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Domain {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ascii.cmp(&other.ascii)
    }
}

/// As it was written.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_written())
    }
}

fn is_host_name(ascii: &str) -> bool {
    let mut last: &[u8] = &[];
    for label in ascii.as_bytes().split(|&octet| octet == b'.') {
        if !is_label(label) {
            return false;
        }
        last = label;
    }
    ascii.len() <= LONGEST && !last.iter().all(u8::is_ascii_digit)
}

fn is_label(label: &[u8]) -> bool {
    let ends = (label.first(), label.last());
    !matches!(ends, (None, _) | (Some(b'-'), _) | (_, Some(b'-')))
        && label.len() <= LONGEST_LABEL
        && label.iter().all(|b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_the_same_are_equal() {
        let rows = [
            ("example.org", "EXAMPLE.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "bücher.example"),
            ("ｅｘａｍｐｌｅ.org", "example.org"),
        ];
        for (one, other) in rows {
            assert_eq!(Domain::parse(one).unwrap(), Domain::parse(other).unwrap(), "{one} {other}");
        }
    }

    #[test]
    fn what_was_written_means_the_same() {
        for text in ["ΑΣ.example", "BÜCHER.example", "ẞ.example", "İ.example", "ﬁ.example", "例子。example"]
        {
            let domain = Domain::parse(text).unwrap();
            assert_eq!(Domain::parse(domain.as_written()), Ok(domain), "{text}");
        }
    }

    #[test]
    fn look_alikes_differ() {
        // The first letter of the second is Cyrillic.
        assert_ne!(Domain::parse("example.org").unwrap(), Domain::parse("еxample.org").unwrap());
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        let long = format!("{}.org", "a".repeat(64));
        for text in [
            "",
            ".",
            "example.org.",
            ".example",
            "a..b",
            "-a.b",
            "a-.b",
            "a b.c",
            "127.0.0.1",
            "a@b",
            "[::1]",
            "a%b.c",
            &long,
        ] {
            assert_eq!(Domain::parse(text), Err(AddressError::Domain), "{text:?}");
        }
    }

    #[test]
    fn a_domain_is_within_itself_and_its_parents() {
        let [sub, parent, other] =
            ["mx.example.org", "example.org", "notexample.org"].map(|t| Domain::parse(t).unwrap());
        assert!(sub.is_within(&parent));
        assert!(parent.is_within(&parent));
        assert!(!other.is_within(&parent));
        assert!(!parent.is_within(&sub));
    }
}
