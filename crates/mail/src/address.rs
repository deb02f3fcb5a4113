//! Mailboxes and the hosts they are at.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Domain, LocalPart};

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no `@`.
    #[error("an address has the form local-part@domain")]
    NoAt,
    /// The part before the `@` is wrong.
    #[error("the part before the @ is not allowed in an address; put it in quotes")]
    LocalPart,
    /// The part behind the `@` is no domain.
    #[error("the part behind the @ is not a domain name")]
    Domain,
    /// The part behind the `@` begins with a bracket and is no address literal.
    #[error("the part behind the @ is not an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]")]
    Literal,
    /// A path needs angle brackets.
    #[error("a path has the form <local-part@domain>")]
    Brackets,
    /// Longer than anything that is used (RFC 5321 section 4.5.3.1.3).
    #[error("a path is longer than {limit} octets")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

/// An address in brackets instead of a domain (RFC 5321 section 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressLiteral(pub IpAddr);

impl AddressLiteral {
    /// Reads `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    ///
    /// # Errors
    ///
    /// [`AddressError::Literal`] if it is none; general address literals are none, since nobody uses them.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let inner = inner.ok_or(AddressError::Literal)?;
        let address = match inner.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
                inner.get(5..).and_then(|rest| rest.parse::<Ipv6Addr>().ok()).map(IpAddr::V6)
            }
            _ => inner.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        address.map(Self).ok_or(AddressError::Literal)
    }
}

impl fmt::Display for AddressLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "[{address}]"),
            IpAddr::V6(address) => write!(f, "[IPv6:{address}]"),
        }
    }
}

/// Where a mailbox is: at a domain, or at an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A domain name.
    Domain(Domain),
    /// An address in brackets.
    Literal(AddressLiteral),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => fmt::Display::fmt(domain, f),
            Self::Literal(literal) => fmt::Display::fmt(literal, f),
        }
    }
}

/// An address with both its parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    local_part: LocalPart,
    host: Host,
}

impl Mailbox {
    /// Puts an address together.
    #[must_use]
    pub const fn new(local_part: LocalPart, host: Host) -> Self {
        Self { local_part, host }
    }

    /// Reads `local-part@domain` or `local-part@[literal]`, without angle brackets.
    ///
    /// # Errors
    ///
    /// [`AddressError`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = last_unquoted_at(text).ok_or(AddressError::NoAt)?;
        let (local_part, host) = text.split_at(at);
        let host = host.strip_prefix('@').unwrap_or(host);
        let local_part = LocalPart::parse(local_part)?;
        let host = if host.starts_with('[') {
            Host::Literal(AddressLiteral::parse(host)?)
        } else {
            Host::Domain(Domain::parse(host)?)
        };
        Ok(Self { local_part, host })
    }

    /// The part before the `@`.
    #[must_use]
    pub const fn local_part(&self) -> &LocalPart {
        &self.local_part
    }

    /// The part behind the `@`.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The domain, unless the mailbox is at an address literal.
    #[must_use]
    pub const fn domain(&self) -> Option<&Domain> {
        match &self.host {
            Host::Domain(domain) => Some(domain),
            Host::Literal(_) => None,
        }
    }

    /// Whether it can only be carried with SMTPUTF8 (RFC 6531): a domain always has an ASCII form, a local
    /// part has none.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part.as_str().is_ascii()
    }

    /// As written, but with the domain in ASCII, for hosts without SMTPUTF8.
    #[must_use]
    pub fn with_ascii_domain(&self) -> String {
        match &self.host {
            Host::Domain(domain) => {
                let mut text = self.local_part.to_string();
                text.reserve_exact(1 + domain.ascii().len());
                text.push('@');
                text.push_str(domain.ascii());
                text
            }
            Host::Literal(literal) => format!("{}@{literal}", self.local_part),
        }
    }

    /// One spelling for all that mean the same mailbox in stores of ours: lower case, ASCII domain.
    #[must_use]
    pub fn folded(&self) -> String {
        match &self.host {
            Host::Domain(domain) => format!("{}@{}", self.local_part.folded(), domain.ascii()),
            Host::Literal(literal) => format!("{}@{literal}", self.local_part.folded()),
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.local_part, f)?;
        f.write_str("@")?;
        fmt::Display::fmt(&self.host, f)
    }
}

/// Where the `@` is that parts the address; one inside quotes belongs to the local part.
fn last_unquoted_at(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        return text.rfind('@');
    }
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(at + 1..)?.starts_with('@').then_some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in [
            "ada@example.org",
            "\"a@b\"@example.org",
            "ada@[192.0.2.1]",
            "ada@[IPv6:2001:db8::1]",
            "a%b@c.example",
            "jürgen@bücher.example",
        ] {
            assert_eq!(Mailbox::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_say_which_part_is_wrong() {
        let rows = [
            ("ada", AddressError::NoAt),
            ("\"ada@example.org", AddressError::NoAt),
            ("@example.org", AddressError::LocalPart),
            ("a@b@example.org", AddressError::LocalPart),
            ("ada@", AddressError::Domain),
            ("ada@example.org.", AddressError::Domain),
            ("ada@127.0.0.1", AddressError::Domain),
            ("ada@[127.0.0.1", AddressError::Literal),
            ("ada@[::1]", AddressError::Literal),
            ("ada@[IPv6:zz]", AddressError::Literal),
            ("ada@[é]", AddressError::Literal),
        ];
        for (text, error) in rows {
            assert_eq!(Mailbox::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn only_the_local_part_forces_smtputf8() {
        assert!(!Mailbox::parse("ada@bücher.example").unwrap().needs_smtputf8());
        assert!(Mailbox::parse("jürgen@example.org").unwrap().needs_smtputf8());
        assert_eq!(
            Mailbox::parse("ada@bücher.example").unwrap().with_ascii_domain(),
            "ada@xn--bcher-kva.example"
        );
    }
}
