//! Where a client session stands, and what it waits for.

use super::exchange::Exchange;
use super::{RecipientOutcome, Stage};
use gatepost_mail::Reply;
use gatepost_mail::reply::Class;

/// Where a session stands. What is known only there is kept only there.
pub(super) enum Phase {
    /// Greeting, EHLO or HELO, STARTTLS.
    Opening,
    /// The driver has to shake hands.
    Upgrading,
    /// Between EHLO and the first transaction, where a login is wanted.
    Login(Login),
    /// A transaction may begin.
    Ready(Leftover),
    /// From MAIL to 354.
    Envelope(Box<Exchange>),
    /// Content is being sent.
    Content(Box<Exchange>),
    /// All content was given out; replies to it are awaited.
    Ending(Box<Exchange>),
    /// Every recipient is settled; replies that change nothing are awaited.
    Draining(Box<Exchange>),
    /// QUIT was said.
    Leaving,
    /// All is over.
    Closed,
}

/// How far a login is.
pub(super) enum Login {
    /// The driver has to choose a mechanism.
    Choose,
    /// The server has to answer. An initial response that did not fit on the line of AUTH waits for the first
    /// challenge.
    Answer(Option<Vec<u8>>),
    /// The driver has to answer this.
    Challenge(Vec<u8>),
    /// We broke off.
    Cancel,
}

/// What an earlier transaction has left behind in the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leftover {
    Nothing,
    /// A MAIL without content: RSET goes before the next one.
    Transaction,
}

/// A reply that has to come, in the order of the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Greeting,
    Hello(HelloCommand),
    StartTls,
    Auth,
    Envelope(EnvelopeCommand),
    /// For a chunk that is not the last.
    Chunk,
    /// For all of the content.
    End(Whose),
    Quit,
}

/// A command that belongs to an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnvelopeCommand {
    Reset,
    Mail,
    /// For the recipient with this index.
    Recipient(usize),
    Data,
    /// Not quite a command: the end of content that is empty since nobody was there to get any.
    EmptyEnd,
}

/// Whose fate a reply to the content tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// That of all recipients.
    All,
    /// That of the recipient with this index (RFC 2033 section 4.2).
    One(usize),
}

/// Which of the three it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HelloCommand {
    Ehlo,
    Lhlo,
    Helo,
}

impl Awaited {
    pub(super) const fn stage(self) -> Stage {
        match self {
            Self::Greeting => Stage::Greeting,
            Self::Hello(_) => Stage::Hello,
            Self::StartTls => Stage::StartTls,
            Self::Auth => Stage::Auth,
            Self::Envelope(command) => command.stage(),
            Self::Chunk => Stage::Content,
            Self::End(_) => Stage::End,
            Self::Quit => Stage::Quit,
        }
    }
}

impl EnvelopeCommand {
    pub(super) const fn stage(self) -> Stage {
        match self {
            Self::Reset => Stage::Reset,
            Self::Mail => Stage::Mail,
            Self::Recipient(_) => Stage::Recipient,
            Self::Data | Self::EmptyEnd => Stage::Data,
        }
    }
}

impl Phase {
    /// The stage where no reply is awaited.
    pub(super) const fn stage(&self) -> Stage {
        match self {
            Self::Opening => Stage::Hello,
            Self::Upgrading => Stage::StartTls,
            Self::Login(_) => Stage::Auth,
            Self::Ready(_) => Stage::Ready,
            Self::Envelope(_) => Stage::Mail,
            Self::Content(_) | Self::Draining(_) => Stage::Content,
            Self::Ending(_) => Stage::End,
            Self::Leaving | Self::Closed => Stage::Quit,
        }
    }
}

/// What a reply means for the recipients it is about.
pub(super) fn outcome_of(reply: Reply) -> RecipientOutcome {
    match reply.class() {
        Class::Done => RecipientOutcome::Delivered(reply),
        Class::Later => RecipientOutcome::Deferred(reply),
        Class::GoOn | Class::Never => RecipientOutcome::Failed(reply),
    }
}
