//! The stored form, with its version number.
//!
//! A record is `head, content, meta, padding, foot`. Head and foot each say which message the record belongs to
//! and where it ends, each under its own checksum, so that no single damage leaves a record without a name. The
//! content comes first because it is there first: a draft appends what comes in behind room for the head, and
//! the whole is written without another copy. All numbers are little-endian.

mod envelope;
mod frame;
mod meta;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use self::frame::{FOOT, FOOT_MARK, Foot, Frame, HEAD, Head, MARK, Stamp, begin};
pub(crate) use self::meta::{Brief, MessageMeta, StateMeta, Store, states_from, states_to};
pub(crate) use self::wire::{Reader, Writer};

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message: content, envelope, states. A later one of the same id replaces it.
    Message,
    /// What has become of a message's recipients; replaces earlier states.
    State,
    /// A message is done; any record of it is dead.
    Gone,
    /// The last record of a segment.
    Seal,
    /// Fills a stretch that was torn by a crash.
    Filler,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::State => 2,
            Self::Gone => 3,
            Self::Seal => 4,
            Self::Filler => 5,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Message),
            2 => Some(Self::State),
            3 => Some(Self::Gone),
            4 => Some(Self::Seal),
            5 => Some(Self::Filler),
            _other => None,
        }
    }
}
