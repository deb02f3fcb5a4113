//! Hints: what a sealed segment holds, so that a restart need not read it.
//!
//! A hint that is missing or wrong costs time only; then the segment is read.

use std::io::IoSlice;
use std::path::PathBuf;

use super::event::Event;
use super::segment::SegmentFile;
use super::shared::Folders;
use crate::SpoolError;
use crate::disk::Disk;
use crate::record::{Reader, Stamp, Writer};

const MAGIC: &[u8; 12] = b"gatepost-map";
const VERSION: u32 = 1;

/// The events of one segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hint {
    /// Where its last record ends.
    pub(super) end: u64,
    pub(super) epoch: u64,
    pub(super) events: Vec<Event>,
}

impl Hint {
    fn path(folders: &Folders, stamp: Stamp) -> PathBuf {
        folders.hints.join(format!("{:010}", stamp.sequence))
    }

    /// Writes the hint. Its name is not made durable: without it, all is well too.
    pub(super) fn save(&self, disk: &Disk, folders: &Folders, stamp: Stamp) -> Result<(), SpoolError> {
        let path = Self::path(folders, stamp);
        let octets = self.octets(stamp);
        let written = disk.create(&path).and_then(|file| {
            file.write_at(&mut [IoSlice::new(&octets)], 0)?;
            file.sync()
        });
        written.map_err(|cause| SpoolError::io("write", &path, &cause))
    }

    /// The hint of a segment, if there is a good one.
    pub(super) fn load(disk: &Disk, folders: &Folders, segment: &SegmentFile) -> Option<Self> {
        let file = disk.open(&Self::path(folders, segment.stamp)).ok()?;
        let mut octets = vec![0; usize::try_from(file.length().ok()?).ok()?];
        let read = file.read_at(&mut octets, 0).ok()?;
        octets.truncate(read);
        Self::from_octets(&octets, segment.stamp)
    }

    /// Removes the hints of segments that are no more.
    pub(super) fn sweep(disk: &Disk, folders: &Folders, lives: impl Fn(u32) -> bool) {
        for name in disk.names(&folders.hints).unwrap_or_default() {
            if !name.parse().is_ok_and(&lives) {
                // It will be tried again at the next start, and does no harm until then.
                let _ = disk.remove(&folders.hints.join(name));
            }
        }
    }

    pub(super) fn remove(disk: &Disk, folders: &Folders, stamp: Stamp) {
        // As above.
        let _ = disk.remove(&Self::path(folders, stamp));
    }

    fn octets(&self, stamp: Stamp) -> Vec<u8> {
        let mut octets = MAGIC.to_vec();
        let mut write = Writer(&mut octets);
        write.u32(VERSION);
        write.u32(stamp.sequence);
        write.u32(stamp.salt);
        write.u64(self.end);
        write.u64(self.epoch);
        for event in &self.events {
            event.write(&mut write);
        }
        write.u32(crc32c::crc32c(write.0));
        octets
    }

    fn from_octets(octets: &[u8], stamp: Stamp) -> Option<Self> {
        let (covered, crc) = octets.split_last_chunk()?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(covered) {
            return None;
        }
        let mut read = Reader(covered.strip_prefix(MAGIC)?);
        let ours = read.u32()? == VERSION && Stamp { sequence: read.u32()?, salt: read.u32()? } == stamp;
        let [end, epoch] = [read.u64()?, read.u64()?];
        let mut events = Vec::new();
        while !read.0.is_empty() {
            events.push(Event::read(&mut read)?);
        }
        ours.then_some(Self { end, epoch, events })
    }
}

#[cfg(test)]
mod tests {
    use gatepost_mail::{SpoolId, Timestamp};

    use super::*;
    use crate::embedded::event::What;
    use crate::ledger::{Standing, States};
    use crate::record::Store;

    #[test]
    fn what_is_written_can_be_read_and_nothing_else() {
        let stamp = Stamp { sequence: 4, salt: 5 };
        let states = States::fresh(3, Timestamp::from_micros(8));
        let whats = [
            What::Message {
                size: 9,
                store: Store::File { crc: 3 },
                standing: Standing::Held,
                states: states.clone(),
            },
            What::State { standing: Standing::Open, states },
            What::Gone,
        ];
        let event = |what| Event { id: SpoolId::from_number(1), offset: 2, total: 3, what };
        let hint = Hint { end: 6, epoch: 7, events: whats.map(event).into() };
        let octets = hint.octets(stamp);
        assert_eq!(Hint::from_octets(&octets, stamp), Some(hint));
        assert_eq!(Hint::from_octets(&octets, Stamp { sequence: 5, ..stamp }), None);
        for at in 0..octets.len() {
            let mut octets = octets.clone();
            octets[at] ^= 1;
            assert_eq!(Hint::from_octets(&octets, stamp), None, "octet {at}");
        }
    }
}
