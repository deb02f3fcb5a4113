//! What stands in angle brackets behind MAIL FROM and RCPT TO.

use std::fmt;

use crate::{AddressError, Mailbox};

/// RFC 5321 section 4.5.3.1.3 says 256; a source route (which is dropped) and UTF-8 need room.
const LONGEST: usize = 1000;

/// Where notices about a message go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: no notice about this message may be sent.
    Null,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Reads `<>` or `<local-part@domain>`.
    ///
    /// # Errors
    ///
    /// [`AddressError`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        match inside_brackets(text)? {
            "" => Ok(Self::Null),
            inner => Mailbox::parse(without_source_route(inner)).map(Self::Mailbox),
        }
    }

    /// The mailbox, unless it is null.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => in_brackets(mailbox, f),
        }
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<postmaster>` without a domain: the postmaster of this host (RFC 5321 section 4.5.1).
    Postmaster,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ForwardPath {
    /// Reads `<local-part@domain>` or `<postmaster>`. A source route before the mailbox is dropped
    /// (RFC 5321 section 3.3 and appendix C): the mailbox alone decides.
    ///
    /// # Errors
    ///
    /// [`AddressError`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let inner = inside_brackets(text)?;
        if inner.eq_ignore_ascii_case("postmaster") {
            return Ok(Self::Postmaster);
        }
        Mailbox::parse(without_source_route(inner)).map(Self::Mailbox)
    }

    /// The mailbox, unless it is the postmaster without a domain.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("<postmaster>"),
            Self::Mailbox(mailbox) => in_brackets(mailbox, f),
        }
    }
}

fn in_brackets(mailbox: &Mailbox, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("<")?;
    fmt::Display::fmt(mailbox, f)?;
    f.write_str(">")
}

fn inside_brackets(text: &str) -> Result<&str, AddressError> {
    if text.len() > LONGEST {
        return Err(AddressError::TooLong { limit: LONGEST });
    }
    text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).ok_or(AddressError::Brackets)
}

/// `@a,@b:mailbox` → `mailbox`. The colon that ends a route comes before any quote.
fn without_source_route(inner: &str) -> &str {
    if !inner.starts_with('@') {
        return inner;
    }
    inner.split_once(':').map_or(inner, |(_route, mailbox)| mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_null_path_is_no_mailbox() {
        assert_eq!(ReversePath::parse("<>"), Ok(ReversePath::Null));
        assert_eq!(ForwardPath::parse("<>"), Err(AddressError::NoAt));
    }

    #[test]
    fn a_source_route_is_dropped() {
        assert_eq!(
            ForwardPath::parse("<@a.example,@b.example:ada@c.example>"),
            ForwardPath::parse("<ada@c.example>")
        );
        assert_eq!(ReversePath::parse("<@a.example:ada@c.example>"), ReversePath::parse("<ada@c.example>"));
    }

    #[test]
    fn postmaster_needs_no_domain() {
        assert_eq!(ForwardPath::parse("<PostMaster>"), Ok(ForwardPath::Postmaster));
    }

    #[test]
    fn brackets_are_needed() {
        for text in ["", "<", ">", "ada@example.org", "<ada@example.org", "ada@example.org>"] {
            assert_eq!(ForwardPath::parse(text), Err(AddressError::Brackets), "{text}");
        }
    }
}
