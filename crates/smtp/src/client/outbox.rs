//! Octets on their way to the server.

use std::fmt;

/// Above this capacity, in octets, the room is given back once it is empty: an idle connection costs little.
const ROOM_KEPT: usize = 128 * 1024;

/// What was said and not yet sent. Lent to the driver as a slice; gone at the next call of any kind.
#[derive(Default)]
pub(super) struct Outbox {
    octets: Vec<u8>,
    lending: Lending,
}

#[derive(Default, PartialEq, Eq)]
enum Lending {
    #[default]
    Here,
    Lent,
}

impl Outbox {
    /// Drops what the driver has been lent: it has sent it, or the connection is lost.
    pub(super) fn forget_lent(&mut self) {
        if self.lending == Lending::Lent {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.octets.shrink_to(ROOM_KEPT);
        self.lending = Lending::Here;
    }

    /// Whether something waits that the driver has not been lent.
    pub(super) fn has_unsent(&self) -> bool {
        self.lending == Lending::Here && !self.octets.is_empty()
    }

    pub(super) fn lend(&mut self) -> &[u8] {
        self.lending = Lending::Lent;
        &self.octets
    }

    /// The room to write content into.
    pub(super) fn octets(&mut self) -> &mut Vec<u8> {
        &mut self.octets
    }

    /// Adds text.
    pub(super) fn put(&mut self, text: fmt::Arguments<'_>) {
        // Writing to memory cannot fail, and the values written here do not make up errors of their own.
        let _ = fmt::Write::write_fmt(&mut Sink(&mut self.octets), text);
    }

    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    /// What was added after this length.
    pub(super) fn since(&self, length: usize) -> &[u8] {
        self.octets.get(length..).unwrap_or_default()
    }
}

struct Sink<'a>(&'a mut Vec<u8>);

impl fmt::Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
