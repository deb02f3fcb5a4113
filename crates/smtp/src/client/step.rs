//! What a client session asks of its driver, and how it tells what became of a transaction.

use std::fmt;

use gatepost_mail::Reply;

use crate::reply_reader::ReplyError;

/// What the driver must do next.
#[must_use]
pub enum ClientStep<'a> {
    /// Send these octets, then call `step` again. If sending fails, read what has come, hand it to `receive`, and
    /// only then call `hang_up`: a server that refuses content often says why before it closes.
    Write(&'a [u8]),
    /// Shake hands, then go on with `session.upgraded(now)`.
    Upgrade,
    /// Choose a mechanism from `offers().mechanisms()` and call `authenticate`, or `quit`.
    Login,
    /// Answer this challenge (base64 is decoded already) with `auth_respond` or `auth_cancel`.
    Challenge(Vec<u8>),
    /// The login was accepted. A mechanism that proves the server to us must be content too before mail is sent.
    LoggedIn(Reply),
    /// The login was refused; `Login` follows, for another try or `quit`.
    LoginFailed(Reply),
    /// Call `send` or `quit`, or wait with the connection open: then what is read goes to `receive` as ever.
    Ready,
    /// Call `content`.
    NeedContent,
    /// What became of the transaction. `Ready` follows if the connection can be used again, else `Close`.
    Outcome(TransactionOutcome),
    /// Nothing to do before octets come or the deadline passes.
    Idle,
    /// Close the connection; the session is over.
    Close,
    /// The session cannot go on and no transaction was open. Whatever the cause, another host may be tried.
    /// `Close` follows, after a `QUIT` where the server still listens.
    Broken(Cause),
}

/// Octets are not shown: they may be a password on its way.
impl fmt::Debug for ClientStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(octets) => write!(f, "Write({} octets)", octets.len()),
            Self::Challenge(octets) => write!(f, "Challenge({} octets)", octets.len()),
            Self::Upgrade => f.write_str("Upgrade"),
            Self::Login => f.write_str("Login"),
            Self::LoggedIn(reply) => write!(f, "LoggedIn({reply})"),
            Self::LoginFailed(reply) => write!(f, "LoginFailed({reply})"),
            Self::Ready => f.write_str("Ready"),
            Self::NeedContent => f.write_str("NeedContent"),
            Self::Outcome(outcome) => outcome.fmt(f),
            Self::Idle => f.write_str("Idle"),
            Self::Close => f.write_str("Close"),
            Self::Broken(cause) => write!(f, "Broken({cause:?})"),
        }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// One for each recipient of the transaction, in its order.
    pub recipients: Vec<RecipientOutcome>,
    /// Whether another transaction may follow.
    pub connection: Connection,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientOutcome {
    /// The server answers for it now: a 2yz after the content.
    Delivered(Reply),
    /// Never: a 5yz, or a reply of ours where the server cannot take what it needs.
    Failed(Reply),
    /// Not now: a 4yz.
    Deferred(Reply),
    /// The server takes no more recipients at once; nothing is held against this one. Send it in the next
    /// transaction, over the same connection if that can be used again. At least one other recipient has an
    /// outcome of another kind, so this ends.
    NotTried,
    /// The connection ended before all was sent: the server has not taken it. Try again; another host may do.
    Interrupted(Cause),
    /// All was sent, and no valid reply came: the server may have taken it or not. Trying again may make a
    /// duplicate, not trying again may lose it, so: try again, but not at another host at once.
    InDoubt(Cause),
}

/// Whether a connection can be used after a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Another transaction may follow.
    Usable,
    /// It is over.
    Ended,
}

/// Why a session ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The server refused a step that nothing goes without.
    #[error("refused {stage}: {reply}")]
    Refused {
        /// Which step.
        stage: Stage,
        /// With these words.
        reply: Reply,
    },
    /// The server closes the connection: a 421.
    #[error("the server closes the connection: {0}")]
    Closing(Reply),
    /// TLS is required and not offered.
    #[error("TLS is required, and the server does not offer it")]
    TlsNotOffered,
    /// A login is required and not offered.
    #[error("a login is required, and the server does not offer it")]
    AuthNotOffered,
    /// Octets came in the clear behind the reply to STARTTLS: somebody wanted them to be read as if they had come
    /// encrypted.
    #[error("octets came in the clear after the reply to STARTTLS")]
    SpokeBeforeTls,
    /// A reply that makes no sense where it came.
    #[error("a reply that makes no sense {stage}: {reply}")]
    Unexpected {
        /// Where.
        stage: Stage,
        /// What.
        reply: Reply,
    },
    /// The server offers CHUNKING and does not know BDAT. It has not taken the message; over a new connection it gets that by DATA.
    #[error("the server offers CHUNKING and does not know BDAT: {0}")]
    NoChunking(Reply),
    /// What came is no reply.
    #[error("the server sent {0}")]
    Malformed(ReplyError),
    /// The server closed the connection without a word, or the network did.
    #[error("the connection was lost {0}")]
    HungUp(Stage),
    /// Nothing came for too long.
    #[error("nothing came for too long {0}")]
    TimedOut(Stage),
    /// We gave up ourselves.
    #[error("given up {0}")]
    GivenUp(Stage),
}

impl Cause {
    /// The server's words, where there were any.
    #[must_use]
    pub const fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused { reply, .. }
            | Self::Closing(reply)
            | Self::NoChunking(reply)
            | Self::Unexpected { reply, .. } => Some(reply),
            Self::TlsNotOffered
            | Self::AuthNotOffered
            | Self::SpokeBeforeTls
            | Self::Malformed(_)
            | Self::HungUp(_)
            | Self::TimedOut(_)
            | Self::GivenUp(_) => None,
        }
    }
}

/// How far a session had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The greeting was awaited.
    Greeting,
    /// The reply to EHLO, LHLO or HELO was awaited.
    Hello,
    /// The reply to STARTTLS was awaited, or the handshake.
    StartTls,
    /// A login was under way.
    Auth,
    /// Nothing was under way.
    Ready,
    /// The reply to RSET was awaited.
    Reset,
    /// The reply to MAIL was awaited.
    Mail,
    /// A reply to RCPT was awaited.
    Recipient,
    /// The reply to DATA was awaited.
    Data,
    /// Content was being sent.
    Content,
    /// The reply to all of the content was awaited.
    End,
    /// The reply to QUIT was awaited, or all was over.
    Quit,
}

/// As a place: `at the greeting`.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "at the greeting",
            Self::Hello => "at EHLO",
            Self::StartTls => "at STARTTLS",
            Self::Auth => "at AUTH",
            Self::Ready => "between transactions",
            Self::Reset => "at RSET",
            Self::Mail => "at MAIL",
            Self::Recipient => "at RCPT",
            Self::Data => "at DATA",
            Self::Content => "while sending the content",
            Self::End => "after the content",
            Self::Quit => "at QUIT",
        })
    }
}

/// A method was called at a step that does not ask for it; nothing has happened. It is the driver's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session does not wait for this now")]
pub struct NotNow;
