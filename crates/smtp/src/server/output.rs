//! Replies on their way out.

use gatepost_mail::Reply;

use crate::command;

/// Replies that are not written yet: held back while there is more to process, so that one write answers many
/// pipelined commands.
#[derive(Debug, Default)]
pub(super) struct Output {
    octets: Vec<u8>,
    /// How many of them the driver was handed with the last step.
    lent: usize,
}

impl Output {
    pub(super) fn say(&mut self, reply: &Reply) {
        reply.write_to(&mut self.octets);
    }

    /// A challenge is not cut to the length of other replies: RFC 4954 section 4 lets it have 12,288 octets.
    pub(super) fn challenge(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(b"334 ");
        self.octets.extend_from_slice(command::encode(octets).as_bytes());
        self.octets.extend_from_slice(b"\r\n");
    }

    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(super) fn lend(&mut self) -> &[u8] {
        self.lent = self.octets.len();
        &self.octets
    }

    /// Drops what was handed over.
    pub(super) fn take_back(&mut self) {
        if self.lent > 0 {
            self.octets.drain(..self.lent);
            self.lent = 0;
        }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn capacity(&self) -> usize {
        self.octets.capacity()
    }

    /// Gives memory back where nothing waits.
    pub(super) fn tidy(&mut self, keep: usize) {
        if self.octets.is_empty() && self.octets.capacity() > keep {
            self.octets = Vec::new();
        }
    }
}
