//! A segment's file: a header in two copies, then records.
//!
//! The first copy is durable before any record is written, and both say "free" before the file is used again.
//! So a file with a broken copy still has a good one, and a power cut at any point leaves the file in its old
//! life or in its new one.

use std::io::IoSlice;
use std::path::{Path, PathBuf};

use crate::SpoolError;
use crate::disk::{Disk, File};
use crate::record::{Reader, Stamp, Writer};

/// Where records begin.
pub(super) const HEADER: u64 = 2 * COPY_AT[1];
/// Where the two copies of the header lie: in different pages.
const COPY_AT: [u64; 2] = [0, 4096];
const COPY: usize = 40;
const MAGIC: &[u8; 12] = b"gatepost-log";
const VERSION: u32 = 1;
/// How much is written at a time to fill a new file.
const FILL: usize = 1 << 20;

/// One segment's file in one of its lives.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Free,
    /// In use; ids up to the mark were taken when it was begun.
    Used {
        stamp: Stamp,
        mark: u64,
    },
    /// Neither copy can be read, and it is not a new file.
    Unreadable,
}

/// A file that waits to be used.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

impl SegmentFile {
    /// Reads octets, all of them.
    pub(super) fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, SpoolError> {
        let mut octets = vec![0; length];
        let failed = |cause: &std::io::Error| SpoolError::io("read", &self.path, cause);
        let read = self.file.read_at(&mut octets, offset).map_err(|cause| failed(&cause))?;
        if read < length {
            return Err(failed(&std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(octets)
    }

    pub(super) fn write(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), SpoolError> {
        self.file.write_at(slices, offset).map_err(|cause| SpoolError::io("write", &self.path, &cause))
    }

    pub(super) fn sync(&self) -> Result<(), SpoolError> {
        self.file.sync().map_err(|cause| SpoolError::io("sync", &self.path, &cause))
    }

    /// Ends this life; no record of it can come back afterwards.
    pub(super) fn free(self) -> Result<Spare, SpoolError> {
        for at in COPY_AT {
            write_copy(&self.file, &self.path, (Life::Free, at))?;
            self.sync()?;
        }
        Ok(Spare { file: self.file, path: self.path })
    }
}

impl Spare {
    /// Makes a new file, filled so that later writes change nothing but octets.
    pub(super) fn create(disk: &Disk, path: PathBuf, length: u64) -> Result<Self, SpoolError> {
        let failed = |cause: &std::io::Error| SpoolError::io("make", &path, cause);
        let file = disk.create(&path).map_err(|cause| failed(&cause))?;
        let made = fill(&file, length).and_then(|()| file.sync());
        let folder = path.parent().unwrap_or(Path::new("/"));
        let named = made.and_then(|()| disk.sync_dir(folder));
        if let Err(cause) = named {
            // It would only take room away.
            let _ = disk.remove(&path);
            return Err(failed(&cause));
        }
        Ok(Self { file, path })
    }

    /// Begins a life. What comes next into the file and its sync also makes the second copy durable.
    pub(super) fn begin(self, stamp: Stamp, mark: u64) -> Result<SegmentFile, SpoolError> {
        let Self { file, path } = self;
        let segment = SegmentFile { file, path, stamp };
        let life = Life::Used { stamp, mark };
        write_copy(&segment.file, &segment.path, (life, COPY_AT[0]))?;
        segment.sync()?;
        write_copy(&segment.file, &segment.path, (life, COPY_AT[1]))?;
        Ok(segment)
    }
}

/// Blocks that were never written cost a journal entry at their first sync; these are written here, once.
fn fill(file: &File, length: u64) -> std::io::Result<()> {
    file.allocate(length)?;
    let zeros = vec![0; FILL];
    let mut at = 0;
    while at < length {
        let part = zeros.get(..usize::try_from(length - at).unwrap_or(FILL)).unwrap_or(&zeros);
        file.write_at(&mut [IoSlice::new(part)], at)?;
        at += part.len() as u64;
    }
    Ok(())
}

/// What the header says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) life: Life,
    agree: bool,
}

impl Header {
    pub(super) fn read(file: &File, path: &Path) -> Result<Self, SpoolError> {
        let mut copies = Vec::new();
        for at in COPY_AT {
            let mut octets = [0; COPY];
            let read = file.read_at(&mut octets, at).map_err(|cause| SpoolError::io("read", path, &cause))?;
            // A new file has none yet; where the power was cut while it got its first, the other is blank.
            let blank = octets.iter().all(|octet| *octet == 0);
            let life = octets.get(..read).and_then(read_copy);
            copies.push(life.unwrap_or(if blank { Life::Free } else { Life::Unreadable }));
        }
        let age = |life: &Life| match life {
            Life::Used { stamp, .. } => (2, stamp.sequence),
            Life::Free => (1, 0),
            Life::Unreadable => (0, 0),
        };
        let agree = matches!(copies.as_slice(), [one, other] if one == other);
        let life = copies.into_iter().max_by_key(age).unwrap_or(Life::Unreadable);
        Ok(Self { life, agree })
    }

    /// Writes both copies again where they do not agree.
    pub(super) fn mend(&self, file: &File, path: &Path) -> Result<(), SpoolError> {
        if self.agree || self.life == Life::Unreadable {
            return Ok(());
        }
        for at in COPY_AT {
            write_copy(file, path, (self.life, at))?;
            file.sync().map_err(|cause| SpoolError::io("sync", path, &cause))?;
        }
        Ok(())
    }
}

fn write_copy(file: &File, path: &Path, (life, at): (Life, u64)) -> Result<(), SpoolError> {
    let (sequence, salt, mark) = match life {
        Life::Used { stamp, mark } => (stamp.sequence, stamp.salt, mark),
        Life::Free | Life::Unreadable => (0, 0, 0),
    };
    let mut octets = Vec::with_capacity(COPY);
    let mut write = Writer(&mut octets);
    write.0.extend_from_slice(MAGIC);
    write.u32(VERSION);
    write.u32(sequence);
    write.u32(salt);
    write.u64(mark);
    write.u32(0);
    write.u32(crc32c::crc32c(write.0));
    file.write_at(&mut [IoSlice::new(&octets)], at).map_err(|cause| SpoolError::io("write", path, &cause))
}

fn read_copy(octets: &[u8]) -> Option<Life> {
    let (covered, crc) = octets.split_at_checked(COPY - 4)?;
    let mut read = Reader(covered.strip_prefix(MAGIC)?);
    let version = read.u32()?;
    let stamp = Stamp { sequence: read.u32()?, salt: read.u32()? };
    let mark = read.u64()?;
    let right = Reader(crc).u32()? == crc32c::crc32c(covered) && version == VERSION;
    let life = if stamp.sequence == 0 { Life::Free } else { Life::Used { stamp, mark } };
    right.then_some(life)
}
