//! How commands end.

use std::io;

use crate::config::Refused;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done, or yes.
    Done,
    /// No: refused, not found, a check failed.
    No,
    /// Wrong usage.
    Usage,
    /// The configuration is wrong (EX_CONFIG of sysexits).
    Configuration,
}

impl Status {
    /// The exit status.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Configuration => 78,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was called wrongly.
    #[error("{0}")]
    Usage(String),
    /// It could not be done, or the answer is no.
    #[error("{0}")]
    No(String),
    /// The configuration is wrong.
    #[error("{0}")]
    Configuration(Box<Refused>),
    /// Nobody reads any more what we write.
    #[error("nobody reads the output")]
    Unread,
}

impl Failure {
    /// It was called wrongly.
    #[must_use]
    pub fn usage(text: impl ToString) -> Self {
        Self::Usage(text.to_string())
    }

    /// It could not be done.
    #[must_use]
    pub fn no(text: impl ToString) -> Self {
        Self::No(text.to_string())
    }

    /// The exit status.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Usage(_) => Status::Usage,
            Self::No(_) => Status::No,
            Self::Configuration(_) => Status::Configuration,
            // Like any command whose reader had enough, as in `gatepost queue list | head -1`.
            Self::Unread => Status::Done,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe { Self::Unread } else { Self::no(cause) }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Configuration(Box::new(refused))
    }
}

/// How a command ended, or why it could not do its work.
pub type Outcome = Result<Status, Failure>;
