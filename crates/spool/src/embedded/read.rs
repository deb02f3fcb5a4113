//! Reading back what is no longer in memory.

use std::path::PathBuf;
use std::sync::Arc;

use gatepost_mail::{Envelope, Octets, SpoolId};

use super::index::{Home, Index, Kept, Spot};
use super::segment::SegmentFile;
use super::shared::Shared;
use crate::content::Piece;
use crate::disk::File;
use crate::ledger::Whys;
use crate::record::{Foot, HEAD, Kind, MessageMeta, StateMeta, Store};
use crate::{DamagedPart, SpoolError};

/// What is read at a time.
const AHEAD: u64 = 256 << 10;

/// What it takes to read a message without the index. The segments in it are not used again before it is
/// dropped.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub(super) id: SpoolId,
    pub(super) kept: Kept,
    file: Arc<SegmentFile>,
    state: Option<(Spot, Arc<SegmentFile>)>,
}

/// What was read of a message.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) envelope: Arc<Envelope>,
    pub(super) whys: Whys,
    /// The checksum of the content, wherever it is.
    pub(super) crc: u32,
    /// The reasons could not be read; the rest is right.
    pub(super) doubt: Option<DamagedPart>,
}

impl Index {
    pub(super) fn lookup(&self, id: SpoolId) -> Option<Lookup> {
        let kept = self.ledger.get(id)?.place;
        let file = |spot: Spot| self.segments.get(&spot.segment).map(|segment| Arc::clone(&segment.file));
        let state = kept.state.and_then(|spot| Some((spot, file(spot)?)));
        Some(Lookup { id, kept, file: file(kept.spot)?, state })
    }
}

impl Lookup {
    /// Reads envelope and reasons.
    pub(super) fn read(&self) -> Result<Found, SpoolError> {
        let damaged = |what| SpoolError::Damaged { id: self.id, what };
        let (octets, foot) = self.tail(&self.file, self.kept.spot, self.kept.inline(), Kind::Message)?;
        let meta = foot.and_then(|foot| {
            let meta = MessageMeta::read(octets.get(foot.meta)?)?;
            Some((meta, foot.content_crc))
        });
        let (meta, inline_crc) = meta.ok_or_else(|| damaged(DamagedPart::Envelope))?;
        let crc = match meta.store {
            Store::Inline => inline_crc,
            Store::File { crc } => crc,
        };
        let newer = match &self.state {
            None => Some(meta.state.whys),
            Some((spot, file)) => {
                let (octets, foot) = self.tail(file, *spot, 0, Kind::State)?;
                let state = foot.and_then(|foot| StateMeta::read(octets.get(foot.meta)?));
                state.map(|state| state.whys)
            }
        };
        let doubt = if newer.is_some() { None } else { Some(DamagedPart::State) };
        Ok(Found { envelope: meta.envelope, whys: newer.unwrap_or_default(), crc, doubt })
    }

    /// A record's meta and foot, if they are those of this message.
    fn tail(
        &self,
        file: &SegmentFile,
        spot: Spot,
        content: usize,
        kind: Kind,
    ) -> Result<(Vec<u8>, Option<Foot>), SpoolError> {
        let skipped = HEAD + content;
        let length = (spot.total as usize).saturating_sub(skipped);
        let octets = file.read(u64::from(spot.offset) + skipped as u64, length)?;
        let foot = Foot::read(&octets, file.stamp);
        let ours = foot.filter(|foot| foot.id == self.id && foot.kind == kind && foot.content == content);
        Ok((octets, ours))
    }

    /// The whole record, for one that lies in the log with its content.
    pub(super) fn content_octets(&self) -> Result<Vec<u8>, SpoolError> {
        self.file.read(u64::from(self.kept.spot.offset), HEAD + self.kept.inline())
    }
}

/// Content that lies on disk.
#[derive(Debug)]
pub(crate) struct Stored {
    id: SpoolId,
    shared: Arc<Shared>,
    holder: Arc<Holder>,
    start: u64,
    size: u64,
    /// How much was read, of `size`.
    read: u64,
    crc: u32,
    wanted: u32,
    ahead: Option<Piece>,
}

#[derive(Debug)]
enum Holder {
    Segment(Arc<SegmentFile>),
    File(File, PathBuf),
}

impl Holder {
    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, SpoolError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match self {
            Self::Segment(segment) => segment.read(offset, length),
            Self::File(file, path) => {
                let mut octets = vec![0; length];
                let read = file.read_at(&mut octets, offset);
                let read = read.map_err(|cause| SpoolError::io("read", path, &cause))?;
                octets.truncate(read);
                Ok(octets)
            }
        }
    }
}

impl Stored {
    /// Finds the content of a message; waits for the disk.
    pub(super) fn open(shared: Arc<Shared>, lookup: &Lookup) -> Result<Self, SpoolError> {
        let wanted = lookup.read()?.crc;
        let (holder, start) = match lookup.kept.home {
            Home::Log => {
                let start = u64::from(lookup.kept.spot.offset) + HEAD as u64;
                (Holder::Segment(Arc::clone(&lookup.file)), start)
            }
            Home::File => {
                let path = shared.folders.big_file(lookup.id);
                let opened = shared.disk().open(&path);
                let file = opened.map_err(|cause| SpoolError::io("open", &path, &cause))?;
                (Holder::File(file, path), 0)
            }
        };
        let (id, size, holder) = (lookup.id, lookup.kept.size, Arc::new(holder));
        Ok(Self { id, shared, holder, start, size, read: 0, crc: 0, wanted, ahead: None })
    }

    pub(crate) const fn size(&self) -> Octets {
        Octets(self.size)
    }

    pub(crate) async fn piece(&mut self) -> Result<Option<Piece>, SpoolError> {
        if let Some(piece) = self.ahead.as_mut().and_then(Piece::split_off) {
            return Ok(Some(piece));
        }
        if self.read == self.size {
            return Ok(None);
        }
        let (holder, at) = (Arc::clone(&self.holder), self.start + self.read);
        let length = AHEAD.min(self.size - self.read);
        let octets = self.shared.blocking(move || holder.read(at, length)).await??;
        self.take(octets, length)?;
        Ok(self.ahead.as_mut().and_then(Piece::split_off))
    }

    /// The end of the content is given only if all of it is right.
    fn take(&mut self, octets: Vec<u8>, length: u64) -> Result<(), SpoolError> {
        let crc = crc32c::crc32c_append(self.crc, &octets);
        let read = self.read + length;
        let right = octets.len() as u64 == length && (read < self.size || crc == self.wanted);
        if !right {
            self.shared.damaged(self.id);
            return Err(SpoolError::Damaged { id: self.id, what: DamagedPart::Content });
        }
        (self.crc, self.read) = (crc, read);
        let end = octets.len();
        self.ahead = Some(Piece::new(Arc::new(octets.into()), 0..end));
        Ok(())
    }
}
