//! What an operator may change about the embedded engine.

use gatepost_mail::Octets;

use crate::record::{FOOT, HEAD};
use crate::{Disk, SpoolError};

/// A record takes at most this part of a segment, so that little is left empty at a segment's end.
const RECORDS_PER_SEGMENT: u64 = 4;
/// What envelope and states of one message may take.
const META_LIMIT: Octets = Octets::mib(4);
/// What envelope and states of nearly every message take at most.
const ENVELOPE_ROOM: Octets = Octets::kib(16);
/// Offsets within a segment are kept in 32 bits.
const SEGMENT_LIMIT: Octets = Octets::mib(2048);

/// Settings of the embedded engine. The defaults are meant for a server; tests take smaller ones.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// The size of a segment. A spool that was made with another size is read, and changes to this one as its
    /// segments are freed.
    pub segment: Octets,
    /// Content up to this lies in the log, larger content in a file of its own.
    pub inline: Octets,
    /// The largest content that is taken.
    pub content: Octets,
    /// What all drafts together may keep in memory; beyond it drafts write to files of their own.
    pub draft_memory: Octets,
    /// What is kept in memory of messages just committed, so that delivery need not read them back.
    pub hot_memory: Octets,
    /// New messages are refused while the disk has less free space than this.
    pub floor: Octets,
    /// Segments kept for later use; more are deleted.
    pub spare_segments: usize,
    /// Segments that may hold mostly dead records before the living ones are moved together. A minute after it
    /// was filled a segment of which less than half counts is emptied in any case. So what waits takes at most
    /// twice its size, and these segments, and the spare ones.
    pub pinned_segments: usize,
    /// Who does the work.
    pub drive: Drive,
    /// Where the files are.
    pub disk: Disk,
    /// Makes the few random choices repeatable, for simulations.
    pub seed: Option<u64>,
}

/// Who does the engine's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drive {
    /// Two threads of its own; reads from disk run on tokio's blocking threads.
    #[default]
    Threads,
    /// Whoever calls. Nothing happens on another thread or later, so that a simulation is repeatable.
    Caller,
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self {
            segment: Octets::mib(16),
            // A message of 1 MiB with its trace fields still fits.
            inline: Octets::kib(1024 + 64),
            content: Octets::mib(1024),
            draft_memory: Octets::mib(64),
            hot_memory: Octets::mib(64),
            floor: Octets::mib(256),
            spare_segments: 32,
            pinned_segments: 16,
            drive: Drive::Threads,
            disk: Disk::real(),
            seed: None,
        }
    }
}

impl EmbeddedSettings {
    /// The largest record.
    pub(super) fn record_limit(&self) -> usize {
        Octets(self.segment.0 / RECORDS_PER_SEGMENT).as_usize()
    }

    /// What holds any content that lies in the log, with room for most envelopes.
    pub(super) fn largest_buffer(&self) -> usize {
        HEAD + self.inline.as_usize() + ENVELOPE_ROOM.as_usize() + FOOT
    }

    /// The largest envelope with its states.
    pub(super) fn meta_limit(&self) -> usize {
        let record = self.record_limit().saturating_sub(HEAD + FOOT + self.inline.as_usize());
        record.min(META_LIMIT.as_usize())
    }

    pub(super) fn check(&self) -> Result<(), SpoolError> {
        let wrong = |what| Err(SpoolError::Settings { what });
        if self.segment > SEGMENT_LIMIT {
            return wrong("a segment is at most 2 GiB");
        }
        if !self.segment.0.is_multiple_of(4096) {
            return wrong("a segment is a multiple of 4 KiB");
        }
        if self.meta_limit() < Octets::kib(4).as_usize() {
            return wrong("a segment has room for at least four messages of the inline size");
        }
        Ok(())
    }
}
