//! Reads all of a spool and says what is damaged.

use std::path::Path;

use gatepost_mail::{Octets, SpoolId};

use super::event::What;
use super::recover::{self, Age, Damage};
use super::segment::{Header, Life, SegmentFile};
use super::shared::Folders;
use crate::disk::{Disk, File};
use crate::record::Store;
use crate::{DamagedPart, SpoolError};

/// What is read of a content file at a time.
const CHUNK: usize = 1 << 20;

/// What was found in a spool's folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Segments that were read.
    pub segments: u64,
    /// Records in them, also those that no longer count.
    pub records: u64,
    /// Content files that were read.
    pub files: u64,
    /// What is damaged.
    pub damages: Vec<Damage>,
}

pub(super) fn verify(dir: &Path, disk: &Disk) -> Result<Verified, SpoolError> {
    let folders = Folders::of(dir);
    let mut verified = Verified::default();
    let names = disk.names(&folders.segments);
    let mut large = Vec::new();
    for name in names.map_err(|cause| SpoolError::io("list", &folders.segments, &cause))? {
        let path = folders.segments.join(name);
        let file = match disk.open(&path) {
            Ok(file) => file,
            // Deleted meanwhile by the process that uses the spool.
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(SpoolError::io("open", &path, &cause)),
        };
        large.extend(verify_segment(&mut verified, file, &path)?);
    }
    for (id, crc, size) in large {
        verify_file(&mut verified, (disk, &folders), (id, crc, size))?;
    }
    Ok(verified)
}

/// Reads a segment; gives the content files that it names.
fn verify_segment(
    verified: &mut Verified,
    file: File,
    path: &Path,
) -> Result<Vec<(SpoolId, u32, u64)>, SpoolError> {
    let stamp = match Header::read(&file, path)?.life {
        Life::Used { stamp, .. } => stamp,
        Life::Free => return Ok(Vec::new()),
        Life::Newer { .. } | Life::Unreadable => {
            let part = DamagedPart::Envelope;
            verified.damages.push(Damage { id: None, part, file: path.to_owned(), offset: Octets(0) });
            return Ok(Vec::new());
        }
    };
    let segment = SegmentFile { file, path: path.to_owned(), stamp };
    let read = recover::read(&segment, Age::Last)?;
    // Begun anew meanwhile: what was read is of two lives.
    if !matches!(Header::read(&segment.file, path)?.life, Life::Used { stamp: now, .. } if now == stamp) {
        return Ok(Vec::new());
    }
    verified.segments += 1;
    verified.records += read.events.len() as u64;
    verified.damages.extend(read.damages);
    let files = read.events.into_iter().filter_map(|event| match event.what {
        What::Message { store: Store::File { crc }, size, .. } => Some((event.id, crc, size)),
        What::Message { store: Store::Inline, .. } | What::State { .. } | What::Gone => None,
    });
    Ok(files.collect())
}

fn verify_file(
    verified: &mut Verified,
    (disk, folders): (&Disk, &Folders),
    (id, wanted, size): (SpoolId, u32, u64),
) -> Result<(), SpoolError> {
    let path = folders.big_file(id);
    // One that is not there belongs to a message that is gone; the spool says at its start if it does not.
    let Ok(file) = disk.open(&path) else { return Ok(()) };
    let mut chunk = vec![0; CHUNK];
    let (mut at, mut crc) = (0, 0);
    loop {
        let read = file.read_at(&mut chunk, at).map_err(|cause| SpoolError::io("read", &path, &cause))?;
        crc = crc32c::crc32c_append(crc, chunk.get(..read).unwrap_or_default());
        at += read as u64;
        if read < CHUNK {
            break;
        }
    }
    verified.files += 1;
    if (at, crc) != (size, wanted) {
        let part = DamagedPart::Content;
        verified.damages.push(Damage { id: Some(id), part, file: path, offset: Octets(0) });
    }
    Ok(())
}
