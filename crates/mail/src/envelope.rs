//! What travels beside the content (RFC 5321 section 2.3.1).

use std::fmt;

use crate::{ForwardPath, Principal, ReversePath, SessionId, Timestamp};

/// How the content is coded (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// Lines of at most 998 ASCII octets. The default, and often a lie: see [`crate::Envelope::body`].
    #[default]
    SevenBit,
    /// Lines with any octet but CR, LF and NUL.
    EightBitMime,
    /// Any octets, not even lines. Needs BDAT.
    BinaryMime,
}

/// How content ends. Only BDAT can bring, and carry on, a last line without CRLF (RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// With CRLF, or it is empty.
    #[default]
    Line,
    /// With something else.
    Open,
}

/// How much of the message a report returns (RFC 3461 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// All of it.
    Full,
    /// Its header section.
    Headers,
}

/// When to tell the sender about a recipient (RFC 3461 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Not asked for: failures and delays are told.
    Unsaid,
    /// `NOTIFY=NEVER`.
    Never,
    /// These; at least one is set.
    On(NotifyOn),
}

/// A set of occasions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotifyOn(u8);

impl NotifyOn {
    /// It has arrived.
    pub const SUCCESS: Self = Self(1);
    /// It never will.
    pub const FAILURE: Self = Self(2);
    /// Not yet.
    pub const DELAY: Self = Self(4);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set as a small number, for stores; [`NotifyOn::from_bits`] reads it back.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with this number, if there is one that is not empty.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits == 0 || bits > 7 { None } else { Some(Self(bits)) }
    }
}

impl Notify {
    /// Whether the sender wants to hear of this occasion (RFC 3461 section 4.1: unsaid means failures, and
    /// delays as the server sees fit).
    #[must_use]
    pub const fn wants(self, occasion: NotifyOn) -> bool {
        match self {
            Self::Unsaid => !NotifyOn::SUCCESS.has(occasion),
            Self::Never => false,
            Self::On(set) => set.has(occasion),
        }
    }
}

/// The sender's own name for this submission: ENVID (RFC 3461 section 4.4), decoded from xtext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeId(pub Box<str>);

/// Whom the message was for at first: ORCPT (RFC 3461 section 4.2), decoded from xtext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// `rfc822`, `utf-8` or another.
    pub kind: Box<str>,
    /// The address.
    pub address: Box<str>,
}

impl fmt::Display for OriginalRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.kind, self.address)
    }
}

/// One recipient of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Whom it is for.
    pub path: ForwardPath,
    /// When the sender wants to hear of it.
    pub notify: Notify,
    /// Whom it was for at first.
    pub original: Option<OriginalRecipient>,
}

impl Recipient {
    /// A recipient without options.
    #[must_use]
    pub const fn new(path: ForwardPath) -> Self {
        Self { path, notify: Notify::Unsaid, original: None }
    }
}

/// What travels beside the content, and who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where notices go.
    pub reverse_path: ReversePath,
    /// Whom it is for; the order stays, so that an index names a recipient for the message's whole life.
    pub recipients: Vec<Recipient>,
    /// What the content really needs: where the client said less than it sent, what was seen counts.
    pub body: Body,
    /// How the content's last line ends.
    pub ending: Ending,
    /// Whether addresses or header fields need SMTPUTF8 (RFC 6531).
    pub international: International,
    /// How much a report returns.
    pub returns: Option<Return>,
    /// The sender's name for it.
    pub envelope_id: Option<EnvelopeId>,
    /// Who answers for it.
    pub principal: Principal,
    /// The session that brought it.
    pub session: SessionId,
    /// When it was taken.
    pub received: Timestamp,
}

/// Whether a message asks for SMTPUTF8 (RFC 6531 section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum International {
    /// It was handed in without the parameter.
    #[default]
    No,
    /// It was handed in with it.
    Yes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsaid_means_failures_and_delays() {
        assert!(Notify::Unsaid.wants(NotifyOn::FAILURE));
        assert!(Notify::Unsaid.wants(NotifyOn::DELAY));
        assert!(!Notify::Unsaid.wants(NotifyOn::SUCCESS));
        assert!(!Notify::Never.wants(NotifyOn::FAILURE));
        assert!(!Notify::On(NotifyOn::SUCCESS).wants(NotifyOn::FAILURE));
        assert!(Notify::On(NotifyOn::SUCCESS.and(NotifyOn::DELAY)).wants(NotifyOn::DELAY));
    }
}
