//! Content on its way in: what is wrong with it, what it needs of the next hop, and where it ends.
//!
//! One pass: the readers look at each octet once and lend what is content as slices of the octets that they
//! were given. A message that is sent with DATA ends at `CRLF . CRLF` and nowhere else (RFC 5321 section 4.1.1.4):
//! a line begins behind CRLF only, so a dot behind a bare LF or a bare CR ends nothing.

mod inspector;
mod unstuffer;

use gatepost_mail::{Body, Ending, Octets};

pub(crate) use inspector::{Inspector, Strictness};
pub(crate) use unstuffer::{Unstuffed, Unstuffer};

/// What was seen in a message's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its size, dots unstuffed.
    pub size: Octets,
    /// What it needs of the next hop, whatever the client declared: 8BITMIME if an octet above 127 was seen,
    /// BINARYMIME if it has NUL, bare CR or bare LF, or a line over the limit.
    pub body: Body,
    /// Its longest line, in octets without CRLF. For content that needs BINARYMIME, up to where that was seen.
    pub longest_line: usize,
    /// How its last line ends.
    pub ending: Ending,
}

/// What makes content unacceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentFault {
    /// RFC 5321 section 2.3.8.
    #[error("the content holds a bare CR or LF")]
    BareLineEnd,
    /// RFC 5321 section 2.4 (its remark on NUL), RFC 5322 section 4.
    #[error("the content holds a NUL")]
    Nul,
    /// RFC 5321 section 4.5.3.1.6.
    #[error("the content holds a line that is too long")]
    LineTooLong,
    /// RFC 5321 section 4.5.3.1.7.
    #[error("the content is too large")]
    TooLarge,
}
