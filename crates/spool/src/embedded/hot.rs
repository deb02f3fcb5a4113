//! Messages just committed, kept in memory so that delivering them reads nothing back.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use gatepost_mail::{Envelope, Octets, SpoolId};

use super::pool::Record;

/// What an envelope is taken to cost beside its record.
const ENVELOPE: u64 = 512;

/// A message in memory.
#[derive(Debug, Clone)]
pub(super) struct Warm {
    pub(super) envelope: Arc<Envelope>,
    /// The record as it was written.
    pub(super) record: Arc<Record>,
    /// The content within it; nothing if that is in a file of its own.
    pub(super) content: Option<Range<usize>>,
}

impl Warm {
    fn cost(&self) -> u64 {
        self.record.capacity() as u64 + ENVELOPE
    }
}

/// The newest messages, up to a limit; the oldest go first.
#[derive(Debug)]
pub(super) struct Hot {
    messages: BTreeMap<SpoolId, Warm>,
    octets: u64,
    limit: Octets,
}

impl Hot {
    pub(super) const fn new(limit: Octets) -> Self {
        Self { messages: BTreeMap::new(), octets: 0, limit }
    }

    pub(super) fn add(&mut self, id: SpoolId, warm: Warm) {
        self.octets += warm.cost();
        self.messages.insert(id, warm);
        while self.octets > self.limit.0
            && let Some((_, oldest)) = self.messages.pop_first()
        {
            self.octets -= oldest.cost();
        }
    }

    pub(super) fn get(&self, id: SpoolId) -> Option<&Warm> {
        self.messages.get(&id)
    }

    /// Forgets a message.
    pub(super) fn remove(&mut self, id: SpoolId) {
        if let Some(warm) = self.messages.remove(&id) {
            self.octets -= warm.cost();
        }
    }
}
