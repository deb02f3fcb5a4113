//! Where a session is.

use gatepost_mail::{Body, International, Reply};

use crate::command::{Chunk, HelloVerb, Sender};
use crate::content::{Inspector, Unstuffer};

/// What the session waits for, or does next.
pub(super) enum Phase {
    /// The next command.
    Commands,
    /// The driver's answer.
    Asked(Asked),
    /// The response to a challenge.
    Response,
    /// Content behind 354.
    Data(Box<Unstuffer>),
    /// The octets of a chunk.
    Chunk(Arriving),
    /// The octets of a chunk that is refused already.
    Refused(Arriving, Box<Refusal>),
    /// The handshake.
    Upgrade,
    /// Nothing: what is left to write is written, then the connection is closed.
    Closing,
}

impl Phase {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Asked(_) => "asked",
            Self::Response => "response",
            Self::Data(_) => "data",
            Self::Chunk(_) => "chunk",
            Self::Refused(..) => "refused chunk",
            Self::Upgrade => "upgrade",
            Self::Closing => "closing",
        }
    }
}

/// Which question is open, and what its answer decides.
pub(super) enum Asked {
    Hello(HelloVerb),
    Login,
    Sender(Transaction),
    Recipient,
    Data,
    Chunk(Arriving),
    Complete,
}

/// A chunk of BDAT on its way in.
#[derive(Clone, Copy)]
pub(super) struct Arriving {
    /// Octets still to come.
    pub(super) left: u64,
    pub(super) chunk: Chunk,
}

/// What to say once a refused chunk is gone.
pub(super) struct Refusal {
    pub(super) reply: Reply,
    /// More than one in LMTP, for the last chunk.
    pub(super) times: u32,
}

/// From MAIL to the end of the content.
pub(super) struct Transaction {
    pub(super) body: Body,
    pub(super) international: International,
    /// How many recipients were accepted.
    pub(super) recipients: u32,
    /// What was seen in the chunks so far, once there was one.
    pub(super) chunks: Option<Box<Inspector>>,
}

impl Transaction {
    pub(super) const fn of(sender: &Sender) -> Self {
        Self { body: sender.body, international: sender.international, recipients: 0, chunks: None }
    }
}

/// Whether the client has introduced itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Introduced {
    No,
    Yes,
}

/// Whether somebody logged in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    NotYet,
    Done,
}

/// Whether the driver stores content for us that is not complete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Draft {
    None,
    Open,
}

/// Whether the server is about to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Running,
    Stopping,
}
