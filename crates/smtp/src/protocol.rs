//! Which of the two protocols a session speaks.

/// SMTP or its sister for the last hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033: LHLO instead of EHLO, and one reply per accepted recipient after the content.
    Lmtp,
}
