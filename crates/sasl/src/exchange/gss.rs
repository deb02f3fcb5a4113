//! What both sides of GSSAPI ask of a Kerberos library, which lives outside this crate (RFC 2743).

use crate::Secret;

/// One call of the library, in the context of one exchange.
#[derive(Debug)]
pub enum GssQuestion {
    /// As a client: `GSS_Init_sec_context` with mutual authentication and integrity; `None` at first. Answer with
    /// [`GssAnswer::Token`].
    Init {
        /// `smtp@host`, a host-based service.
        target: String,
        /// What the server sent.
        token: Option<Vec<u8>>,
    },
    /// As a server: `GSS_Accept_sec_context`. Answer with [`GssAnswer::Token`].
    Accept {
        /// What the client sent.
        token: Vec<u8>,
    },
    /// `GSS_Unwrap`. Answer with [`GssAnswer::Octets`].
    Unwrap {
        /// The peer's message.
        message: Vec<u8>,
    },
    /// `GSS_Wrap` with integrity only. Answer with [`GssAnswer::Octets`].
    Wrap {
        /// What is to be wrapped.
        octets: Vec<u8>,
    },
}

/// What the library said.
#[derive(Debug)]
pub enum GssAnswer {
    /// To [`GssQuestion::Init`] and [`GssQuestion::Accept`].
    Token {
        /// For the peer; may be empty when the context is complete.
        token: Vec<u8>,
        /// Whether more is needed.
        progress: GssProgress,
    },
    /// To [`GssQuestion::Wrap`] and [`GssQuestion::Unwrap`].
    Octets(Secret),
    /// The library refuses: no ticket, a forged one, another key, clocks too far apart. The text is for our log.
    Refused(String),
    /// The library cannot be asked.
    Unavailable,
}

/// How far a context is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GssProgress {
    /// The peer's next token is needed.
    Going,
    /// It is established.
    Complete {
        /// The peer's principal, `ada@REALM`; for a server only.
        principal: Option<String>,
    },
}
