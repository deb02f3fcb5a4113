//! What can go wrong in a spool.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepost_mail::{Octets, SpoolId};

/// Why a spool could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Less than the floor of free space is left. Ask again later; to a client this is 452 4.3.1.
    #[error("not enough room on the disk for another message")]
    NoRoom,
    /// The message is larger than this engine takes.
    #[error("the message is larger than {limit}")]
    TooLarge {
        /// The largest that is taken.
        limit: Octets,
    },
    /// The envelope names nobody.
    #[error("a message needs a recipient")]
    NoRecipients,
    /// There is no such message, or no longer.
    #[error("there is no message {id}")]
    NotFound {
        /// The one that was asked for.
        id: SpoolId,
    },
    /// The lease ended and another worker has, or had, the message since.
    #[error("the claim on message {id} has ended; another worker holds it")]
    Stale {
        /// The message.
        id: SpoolId,
    },
    /// An operator, or damage, keeps the message from being tried.
    #[error("message {id} is held")]
    Held {
        /// The message.
        id: SpoolId,
    },
    /// What is stored is not what was written. Other messages are not touched by it.
    #[error("message {id} is damaged on disk: {what}")]
    Damaged {
        /// The message.
        id: SpoolId,
        /// Which part of it.
        what: DamagedPart,
    },
    /// A call to the system failed.
    #[error("could not {what} {}: {text}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        text: Arc<str>,
    },
    /// A write or a sync failed before: nothing is taken or changed any more, and the program must end.
    #[error("the spool has stopped: {why}")]
    Stopped {
        /// The first failure.
        why: Arc<str>,
    },
    /// Another process has this spool open.
    #[error("{holder} uses the spool in {}", path.display())]
    Locked {
        /// The spool's folder.
        path: PathBuf,
        /// Who has it, as in `process 4711 (gatepost)`.
        holder: Box<str>,
    },
    /// The settings contradict each other.
    #[error("the spool's settings do not fit together: {what}")]
    Settings {
        /// Which, and how.
        what: &'static str,
    },
}

impl SpoolError {
    /// A failed call; a full disk is told apart from the rest.
    pub(crate) fn io(what: &'static str, path: &Path, cause: &io::Error) -> Self {
        if matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Self::NoRoom;
        }
        Self::Io { what, path: path.to_owned(), text: cause.to_string().into() }
    }
}

/// A part of a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamagedPart {
    /// Who it is from and for: it cannot be delivered.
    Envelope,
    /// What is in it: it cannot be delivered.
    Content,
    /// What has become of its recipients: an older state holds, so an attempt may be repeated.
    State,
}

impl std::fmt::Display for DamagedPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Envelope => "its envelope",
            Self::Content => "its content",
            Self::State => "the record of its attempts",
        })
    }
}
