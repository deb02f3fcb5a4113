//! The octets of a message, read back piece by piece.

use std::ops::{Deref, Range};
use std::sync::Arc;

use gatepost_mail::Octets;

use crate::SpoolError;
use crate::embedded::{Record, Stored};

/// Longest piece that [`Content::piece`] gives.
pub const PIECE: Octets = Octets::kib(64);

/// The content of one message, from its first octet to its last.
///
/// The last piece comes only once all of it was found to be what was written, so a damaged message never
/// reaches its final dot.
#[derive(Debug)]
pub struct Content {
    size: Octets,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Memory(Piece),
    Stored(Box<Stored>),
}

impl Content {
    pub(crate) fn in_memory(owner: Arc<Record>, range: Range<usize>) -> Self {
        let whole = Piece { owner, range };
        Self { size: Octets::of(&whole), source: Source::Memory(whole) }
    }

    pub(crate) fn stored(stored: Stored) -> Self {
        Self { size: stored.size(), source: Source::Stored(Box::new(stored)) }
    }

    /// The size of all of it.
    #[must_use]
    pub const fn size(&self) -> Octets {
        self.size
    }

    /// The next piece, at most [`PIECE`] long and never empty; nothing once all was given.
    ///
    /// May be dropped while it waits; the next call goes on where the last finished one ended.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Damaged`] if it is not what was written, [`SpoolError::Io`] if it could not be read. Then
    /// what was given so far must not be used.
    pub async fn piece(&mut self) -> Result<Option<Piece>, SpoolError> {
        match &mut self.source {
            Source::Memory(rest) => Ok(rest.split_off()),
            Source::Stored(stored) => stored.piece().await,
        }
    }
}

/// A run of octets that shares its memory with others.
#[derive(Debug, Clone)]
pub struct Piece {
    owner: Arc<Record>,
    range: Range<usize>,
}

impl Piece {
    pub(crate) const fn new(owner: Arc<Record>, range: Range<usize>) -> Self {
        Self { owner, range }
    }

    /// Takes one piece from the front; nothing if it is empty.
    pub(crate) fn split_off(&mut self) -> Option<Self> {
        let start = self.range.start;
        let end = self.range.end.min(start + PIECE.as_usize());
        self.range.start = end;
        (start < end).then(|| Self { owner: Arc::clone(&self.owner), range: start..end })
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.owner.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
