//! What passes between the session and its driver.

use std::fmt;

use gatepost_mail::{Hello, Recipient, Reply};

use crate::command::{HelloVerb, Sender};
use crate::content::Seen;

/// What the driver must do next. The slices are valid until the next call on the session.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Step<'a> {
    /// Send these octets.
    Write(&'a [u8]),
    /// Decide, then call [`answer`](crate::ServerSession::answer) or, when a message was stored,
    /// [`stored`](crate::ServerSession::stored); see which questions want an answer at all.
    Ask(Question),
    /// Store this piece of content: dots are unstuffed, chunks joined.
    Content(&'a [u8]),
    /// Shake hands, then go on with [`upgraded`](crate::ServerSession::upgraded).
    Upgrade,
    /// Nothing to do before more octets come or the deadline passes.
    Idle,
    /// Close the connection, and drop whatever is open: a draft, a login exchange. Said again whenever asked again.
    Close,
}

/// What the session wants to know, or to tell. While a question that wants an answer is open, no further
/// command is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The client introduced itself. Wants [`Answer::Permit`] or [`Answer::Refuse`].
    Hello {
        /// The name it gave itself.
        name: Hello,
        /// With which verb, which tells the protocol for the trace field (RFC 5321 section 4.4).
        verb: HelloVerb,
    },
    /// The client wants to log in. Wants [`Answer::Challenge`], [`Answer::Authenticated`] or [`Answer::Refuse`].
    AuthBegin {
        /// In upper case: one of those in the settings, or one that nobody offered, for which [`Answer::Refuse`] is the answer.
        mechanism: String,
        /// The initial response, decoded. `=` is one of no octets.
        initial: Option<AuthOctets>,
    },
    /// The response to the last challenge, decoded. Wants the same answers as [`Question::AuthBegin`].
    AuthResponse(AuthOctets),
    /// The exchange is over without a result: the client broke off, or sent what cannot be read. The session
    /// replies itself. Wants no answer; one that is given does nothing.
    AuthCancel,
    /// MAIL. Wants [`Answer::Permit`] or [`Answer::Refuse`].
    Sender(Sender),
    /// RCPT. Wants [`Answer::Permit`] or [`Answer::Refuse`].
    Recipient(Recipient),
    /// Content is about to come: make room for it. Wants [`Answer::Permit`] or [`Answer::Refuse`].
    Open,
    /// All content was handed over. Wants a call of [`stored`](crate::ServerSession::stored), or
    /// [`Answer::Refuse`], or [`Answer::PerRecipient`] in LMTP. The transaction is over then.
    Complete(Seen),
    /// The transaction ended after [`Question::Open`] was permitted and before all content was handed over: drop
    /// what was stored of it. Wants no answer; one that is given does nothing.
    Abort,
}

impl Question {
    /// Whether the session waits for an answer.
    #[must_use]
    pub const fn wants_answer(&self) -> bool {
        match self {
            Self::AuthCancel | Self::Abort => false,
            Self::Hello { .. }
            | Self::AuthBegin { .. }
            | Self::AuthResponse(_)
            | Self::Sender(_)
            | Self::Recipient(_)
            | Self::Open
            | Self::Complete(_) => true,
        }
    }
}

/// What the driver decided. An answer that does not go with the question refuses for now (451, or 454 to a
/// login): a mistake of ours must not let anything pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Permit,
    /// No, with this reply. If its code is 421 the connection is closed. A reply that is neither 4yz nor 5yz is
    /// replaced by 451: nothing positive is said this way.
    Refuse(Reply),
    /// Go on with the login: what the client must respond to, not yet in base64.
    Challenge(AuthOctets),
    /// Logged in.
    Authenticated,
    /// LMTP, after [`Question::Complete`]: no recipient gets the message, each for its own reason, in the order in
    /// which they were accepted. The same holds for these replies as for [`Answer::Refuse`]; a missing one is 451.
    PerRecipient(Vec<Reply>),
}

/// Octets of a login exchange: never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthOctets(pub Vec<u8>);

impl fmt::Debug for AuthOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthOctets(not shown)")
    }
}

impl From<Vec<u8>> for AuthOctets {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}
