//! A message on its way in: in memory while it is small and there is room, else in a file of its own.

use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;

use gatepost_mail::{Envelope, Octets, SpoolId, Timestamp};

use super::budget::Charge;
use super::index::Home;
use super::queue::{Commit, Job, Task};
use super::shared::Shared;
use crate::disk::File;
use crate::ledger::{Standing, States, Whys};
use crate::record::{self, FOOT, Frame, HEAD, Kind, MessageMeta, StateMeta, Store};
use crate::{Draft, Receipt, SpoolError};

/// A draft begins with this much memory: most messages need no more.
const FIRST: usize = 8 << 10;
/// A draft that needs more than this much gets a large buffer at once: to double it again and again costs more.
const SMALL: usize = 64 << 10;
/// What is gathered before it goes to a file.
const GATHER: usize = 256 << 10;

/// A message on its way into an [`super::Embedded`] spool.
#[derive(Debug)]
pub struct EmbeddedDraft {
    id: SpoolId,
    shared: Arc<Shared>,
    size: u64,
    crc: u32,
    /// Room for the head, then content: all of it, or what is not in the file yet.
    bytes: Vec<u8>,
    charge: Charge,
    spill: Option<Spill>,
    commit: Commitment,
}

/// Whether the committer waits for this draft a little, so that others share its sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commitment {
    Expected,
    /// It was handed in.
    Made,
}

impl Drop for EmbeddedDraft {
    fn drop(&mut self) {
        if self.commit == Commitment::Expected {
            self.shared.queue.forget_draft();
        }
    }
}

/// A file that is removed again unless it is kept.
#[derive(Debug)]
struct Spill {
    file: Arc<File>,
    path: PathBuf,
    written: u64,
    shared: Arc<Shared>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    Kept,
}

impl Drop for Spill {
    fn drop(&mut self) {
        if self.fate == Fate::Removed {
            // What cannot be removed now is swept when the spool is opened next.
            let _ = self.shared.disk().remove(&self.path);
        }
    }
}

impl EmbeddedDraft {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let charge = Charge::of(Arc::clone(&shared.drafts));
        shared.queue.expect_draft();
        let (id, commit) = (shared.ids.next(), Commitment::Expected);
        Self { id, size: 0, crc: 0, bytes: Vec::new(), charge, spill: None, commit, shared }
    }

    fn stays_in_memory(&mut self, more: usize) -> bool {
        if self.bytes.is_empty() {
            self.bytes = record::begin(0);
        }
        let length = self.bytes.len() + more;
        if length - HEAD > self.shared.settings.inline.as_usize() {
            return false;
        }
        length <= self.bytes.capacity() || self.grow(length)
    }

    /// Makes room for so many octets; false if there is not so much memory.
    fn grow(&mut self, length: usize) -> bool {
        let pool = &self.shared.pool;
        let capacity = match length.next_power_of_two().max(FIRST) {
            small if small <= SMALL && small <= pool.octets() => small,
            _large => pool.octets(),
        };
        if !self.charge.grow_to(capacity as u64) {
            return false;
        }
        if capacity == pool.octets() {
            let mut large = pool.take();
            large.extend_from_slice(&self.bytes);
            self.bytes = large;
        } else {
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        true
    }

    /// Adds to the file, which is made if there is none yet.
    async fn spill(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        if self.spill.is_none() {
            self.spill = Some(self.open_spill().await?);
        }
        for part in octets.chunks(GATHER) {
            self.bytes.extend_from_slice(part);
            if self.bytes.len() >= HEAD + GATHER {
                self.pour().await?;
            }
        }
        Ok(())
    }

    async fn open_spill(&self) -> Result<Spill, SpoolError> {
        let path = self.shared.folders.big_file(self.id);
        let shared = Arc::clone(&self.shared);
        let make = move || {
            let made = shared.disk().create(&path);
            let file = made.map_err(|cause| SpoolError::io("make", &path, &cause))?;
            Ok(Spill { file: Arc::new(file), path, written: 0, shared, fate: Fate::Removed })
        };
        self.shared.blocking(make).await?
    }

    /// Writes to the file what was gathered.
    async fn pour(&mut self) -> Result<(), SpoolError> {
        let Some(spill) = self.spill.as_mut().filter(|_| self.bytes.len() > HEAD) else { return Ok(()) };
        let bytes = std::mem::take(&mut self.bytes);
        let (file, path, at) = (Arc::clone(&spill.file), spill.path.clone(), spill.written);
        spill.written += bytes.len().saturating_sub(HEAD) as u64;
        let write = move || {
            let slice = IoSlice::new(bytes.get(HEAD..).unwrap_or_default());
            let done = file.write_at(&mut [slice], at);
            done.map(|()| bytes).map_err(|cause| SpoolError::io("write", &path, &cause))
        };
        self.bytes = self.shared.blocking(write).await??;
        self.bytes.truncate(HEAD);
        Ok(())
    }

    /// Makes the file and its name durable.
    async fn sync_spill(&self) -> Result<(), SpoolError> {
        let Some(spill) = &self.spill else { return Ok(()) };
        let (file, path, shared) = (Arc::clone(&spill.file), spill.path.clone(), Arc::clone(&self.shared));
        let sync = move || {
            let folder = &shared.folders.big;
            let synced = file.sync().and_then(|()| shared.disk().sync_dir(folder));
            synced.map_err(|cause| {
                let error = SpoolError::io("sync", &path, &cause);
                if error == SpoolError::NoRoom {
                    // Only this file is concerned, and it goes.
                    return error;
                }
                shared.stop(&error);
                shared.stopped()
            })
        };
        self.shared.blocking(sync).await?
    }

    /// The record; what is left of the draft keeps the file.
    fn frame(&mut self, meta: &MessageMeta) -> Result<Frame, SpoolError> {
        let bytes = std::mem::take(&mut self.bytes);
        let (bytes, crc) = match self.spill {
            None if bytes.is_empty() => (record::begin(0), 0),
            None => (bytes, self.crc),
            Some(_) => (record::begin(0), 0),
        };
        let before = bytes.len();
        let frame = Frame::with_checksum(bytes, crc, (self.id, Kind::Message), |bytes| meta.write(bytes));
        let limit = self.shared.settings.meta_limit();
        if frame.len() > before + limit + FOOT {
            return Err(SpoolError::TooLarge { limit: Octets(limit as u64) });
        }
        Ok(frame)
    }

    fn commit_job(&mut self, envelope: Envelope, due: Timestamp) -> Result<Job, SpoolError> {
        let envelope = Arc::new(envelope);
        let (store, home) = match self.spill {
            None => (Store::Inline, Home::Log),
            Some(_) => (Store::File { crc: self.crc }, Home::File),
        };
        let states = States::fresh(envelope.recipients.len(), due);
        let standing = Standing::Open;
        let state = StateMeta { standing, states: states.clone(), whys: Whys::new() };
        let meta = MessageMeta { size: self.size, store, state, envelope: Arc::clone(&envelope) };
        let frame = self.frame(&meta)?;
        let mut charge = Charge::of(Arc::clone(&self.shared.drafts));
        std::mem::swap(&mut charge, &mut self.charge);
        let commit = Commit { envelope, standing, states, size: self.size, home, charge };
        Ok(Job::now(frame, Task::Commit(Box::new(commit))))
    }
}

impl Draft for EmbeddedDraft {
    fn id(&self) -> SpoolId {
        self.id
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        let limit = self.shared.settings.content;
        self.size = self.size.saturating_add(octets.len() as u64);
        if self.size > limit.0 {
            return Err(SpoolError::TooLarge { limit });
        }
        self.crc = crc32c::crc32c_append(self.crc, octets);
        if self.spill.is_none() && self.stays_in_memory(octets.len()) {
            self.bytes.extend_from_slice(octets);
            return Ok(());
        }
        self.spill(octets).await
    }

    async fn commit(mut self, envelope: Envelope, due: Timestamp) -> Result<Receipt, SpoolError> {
        if envelope.recipients.is_empty() {
            return Err(SpoolError::NoRecipients);
        }
        self.shared.check()?;
        self.pour().await?;
        self.sync_spill().await?;
        let job = self.commit_job(envelope, due)?;
        let told = self.shared.push_told(job)?;
        self.commit = Commitment::Made;
        // From here on the record may be in the log, whatever becomes of this call.
        if let Some(spill) = &mut self.spill {
            spill.fate = Fate::Kept;
        }
        let result = self.shared.told(told).await;
        if let (Err(SpoolError::NoRoom), Some(spill)) = (&result, &mut self.spill) {
            spill.fate = Fate::Removed;
        }
        result.map(|()| Receipt::new(self.id))
    }
}
