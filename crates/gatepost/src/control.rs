//! How commands reach the queue: through a running server's control socket, or the spool itself without one.
//!
//! The socket is `control.sock` in data-dir, for its owner and group only. A request is one line of JSON, and
//! so is the reply; a connection may carry many. The protocol is between one gatepost and itself: both ends
//! are of the same version, and it may change with the next.

pub mod local;
pub mod parcel;
pub mod remote;
pub mod socket;
pub mod transfer;

use std::future::Future;
use std::path::{Path, PathBuf};

use gatepost_mail::{SpoolId, Timestamp};
use serde::{Deserialize, Serialize};

pub use local::Local;
pub use remote::Remote;

/// Longest request, in octets.
pub const LONGEST_REQUEST: u64 = 64 << 10;
/// Longest response, in octets: a page of messages with a few thousand recipients each.
pub const LONGEST_RESPONSE: u64 = 64 << 20;
/// Longest piece of a message, in octets.
pub const LONGEST_PIECE: usize = 1 << 20;
/// Most messages in one reply, and in one change.
pub const PAGE: usize = 100;

/// Where the socket is.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// Who are you, and how full is the queue?
    Status,
    /// The messages behind this one, oldest first, at most [`PAGE`].
    List {
        /// The last one already known.
        after: Option<String>,
    },
    /// One message.
    Show {
        /// Which.
        id: String,
    },
    /// Change messages, together.
    Change {
        /// How.
        action: Action,
        /// Which, at most [`PAGE`].
        ids: Vec<String>,
        /// The name of who asks. The server adds the user id that the kernel vouches for.
        by: String,
    },
    /// Read the configuration again.
    Reload,
    /// Give out one message, in pieces.
    Export {
        /// Which.
        id: String,
    },
    /// Take a message that was given out. Its pieces follow.
    Import {
        /// Messages that may be the same one.
        same: Vec<String>,
        /// The name of who asks.
        by: String,
    },
    /// So many octets of it follow this line, at most [`LONGEST_PIECE`].
    Piece {
        /// How many.
        octets: usize,
    },
    /// That was all of it.
    End,
}

/// What an operator may do to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Try it now.
    Retry,
    /// Keep it from being tried.
    Hold,
    /// Let a held one go on.
    Release,
    /// End it, undelivered and without a report.
    Remove,
}

impl Action {
    /// What was done, as events tell it.
    #[must_use]
    pub const fn done(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Hold => "held",
            Self::Release => "released",
            Self::Remove => "removed",
        }
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum Response {
    /// Who it is.
    Status(Status),
    /// Messages.
    Messages {
        /// In the order of their age.
        messages: Vec<Message>,
    },
    /// So many octets follow this line.
    Piece {
        /// How many.
        octets: usize,
    },
    /// The message is on stable storage.
    Imported {
        /// The id it has here.
        id: String,
        /// Whether it was there already.
        was: Was,
    },
    /// Each of the messages was changed, but for these.
    Changed {
        /// Those that were not, and why.
        but: Vec<Unchanged>,
    },
    /// It is done.
    Done,
    /// It is not.
    Refused {
        /// Why.
        cause: String,
    },
}

/// A message that was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unchanged {
    /// Which.
    pub id: String,
    /// Why.
    pub cause: String,
}

/// Whether a message that was to be imported was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Was {
    /// It came.
    New,
    /// It was there.
    There,
}

/// Who answers, and how full the queue is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// The process.
    pub process: u32,
    /// Its version.
    pub version: String,
    /// Messages that are not done.
    pub messages: u64,
    /// Those that are held.
    pub held: u64,
    /// Messages found damaged.
    pub damaged: u64,
}

/// A message as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its sender, in brackets.
    pub sender: String,
    /// Who answers for it.
    pub principal: String,
    /// The session that brought it.
    pub session: String,
    /// When it was taken, in microseconds since 1970.
    pub received: u64,
    /// The size of its content, in octets.
    pub size: u64,
    /// What holds for it as a whole.
    pub state: MessageState,
    /// Its recipients.
    pub recipients: Vec<Recipient>,
}

/// What holds for a message as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MessageState {
    /// Not tried yet.
    New,
    /// Tried, and to be tried again.
    Deferred,
    /// Being delivered at this moment.
    Active,
    /// Kept back by an operator, or for damage.
    Held,
}

impl MessageState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Deferred => "deferred",
            Self::Active => "active",
            Self::Held => "held",
        }
    }
}

/// A recipient as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recipient {
    /// Its address, in brackets.
    pub address: String,
    /// What has become of it.
    pub state: RecipientState,
}

/// What has become of a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum RecipientState {
    /// Not done.
    Waiting {
        /// When it is tried, in microseconds since 1970.
        due: u64,
        /// How often it was tried.
        attempts: u32,
        /// Why it waits.
        cause: Option<String>,
    },
    /// The next hop has it.
    Delivered,
    /// It failed for good.
    Failed,
}

impl Message {
    /// When it was taken.
    #[must_use]
    pub const fn received(&self) -> Timestamp {
        Timestamp::from_micros(self.received)
    }
}

/// Why the queue did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ControlError(pub String);

/// The queue, wherever it is.
pub trait Queue {
    /// The messages behind `after`, oldest first, at most [`PAGE`]. None behind the last.
    ///
    /// # Errors
    ///
    /// Why they cannot be had.
    fn list(&self, after: Option<SpoolId>)
    -> impl Future<Output = Result<Vec<Message>, ControlError>> + Send;

    /// One message.
    ///
    /// # Errors
    ///
    /// Why it cannot be had; that there is none is among it.
    fn show(&self, id: SpoolId) -> impl Future<Output = Result<Message, ControlError>> + Send;

    /// Changes messages, at most [`PAGE`], and gives those that could not be. Together they cost little more than one.
    ///
    /// # Errors
    ///
    /// Why nothing is known of them: some may have been changed.
    fn change(
        &self,
        action: Action,
        ids: &[SpoolId],
        by: &str,
    ) -> impl Future<Output = Result<Vec<Unchanged>, ControlError>> + Send;

    /// Gives out one message as a file has it.
    ///
    /// # Errors
    ///
    /// Why it cannot be read; what was given out by then is of no use.
    fn export(
        &self,
        id: SpoolId,
        to: &mut (impl Sink + Send),
    ) -> impl Future<Output = Result<(), ControlError>> + Send;

    /// Takes a message from a file; on stable storage once this returns. `same` may be the same message.
    ///
    /// # Errors
    ///
    /// Why it is not taken.
    fn import(
        &self,
        from: &mut (impl std::io::Read + Send),
        same: &[SpoolId],
        by: &str,
    ) -> impl Future<Output = Result<(SpoolId, Was), ControlError>> + Send;

    /// How many messages were found damaged: those whose envelope cannot be read are in no list.
    ///
    /// # Errors
    ///
    /// Why that is not known.
    fn damaged(&self) -> impl Future<Output = Result<u64, ControlError>> + Send;
}

/// Where a message goes that is given out.
pub trait Sink {
    /// Takes the next octets.
    fn take(&mut self, octets: &[u8]) -> impl Future<Output = std::io::Result<()>> + Send;
}

#[cfg(test)]
mod tests;
