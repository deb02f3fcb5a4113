//! Head and foot of a record.

use std::ops::Range;

use gatepost_mail::SpoolId;

use super::{Kind, Reader, Writer};

/// Octets before the content.
pub(crate) const HEAD: usize = 40;
/// Octets behind the padding.
pub(crate) const FOOT: usize = 48;
/// Each record begins at a multiple of this.
const ALIGNMENT: usize = 8;
/// What a head begins with, and a foot holds.
pub(crate) const MARK: [u8; 2] = *b"gp";
/// Where a foot holds it.
pub(crate) const FOOT_MARK: usize = 32;
/// The version of the stored form.
const VERSION: u8 = 1;

/// What binds a record to its segment: a record of another life of the same file never passes for one of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The segment's number in the order of writing; it is never used again.
    pub(crate) sequence: u32,
    /// Chosen by chance for each segment, so that content cannot imitate a record.
    pub(crate) salt: u32,
}

impl Stamp {
    pub(crate) fn checksum(self, octets: &[u8]) -> u32 {
        crc32c::crc32c_append(self.salt, octets)
    }
}

/// A record that is ready to be written, once it has its stamp.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) id: SpoolId,
    pub(crate) kind: Kind,
    bytes: Vec<u8>,
    content: usize,
    content_crc: u32,
    meta: usize,
}

/// A buffer that begins with room for a head.
pub(crate) fn begin(capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(capacity.max(HEAD));
    bytes.resize(HEAD, 0);
    bytes
}

impl Frame {
    /// A record without content.
    pub(crate) fn bare(id: SpoolId, kind: Kind, meta: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::behind(begin(HEAD + FOOT), id, kind, meta)
    }

    /// A record whose content stands in `bytes` behind the room for the head.
    pub(crate) fn behind(bytes: Vec<u8>, id: SpoolId, kind: Kind, meta: impl FnOnce(&mut Vec<u8>)) -> Self {
        let crc = crc32c::crc32c(bytes.get(HEAD..).unwrap_or_default());
        Self::with_checksum(bytes, crc, (id, kind), meta)
    }

    /// As [`Frame::behind`], for content whose checksum is known.
    pub(crate) fn with_checksum(
        mut bytes: Vec<u8>,
        content_crc: u32,
        (id, kind): (SpoolId, Kind),
        meta: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let content = bytes.len().saturating_sub(HEAD);
        let before = bytes.len();
        meta(&mut bytes);
        let meta = bytes.len() - before;
        bytes.resize(bytes.len() + padding(bytes.len()) + FOOT, 0);
        Self { id, kind, bytes, content, content_crc, meta }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the content lies in [`Frame::bytes`].
    pub(crate) const fn content(&self) -> Range<usize> {
        HEAD..HEAD + self.content
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes head and foot.
    pub(crate) fn seal(&mut self, stamp: Stamp, epoch: u64) {
        let [total, content, meta] = [self.bytes.len(), self.content, self.meta].map(|n| n as u32);
        let mut head = Vec::with_capacity(HEAD);
        let mut write = Writer(&mut head);
        self.tag(&mut write);
        write.u32(total);
        write.u64(self.id.number());
        write.u64(epoch);
        write.u32(content);
        write.u32(stamp.sequence);
        write.u32(0);
        write.u32(stamp.checksum(write.0));
        let mut foot = Vec::with_capacity(FOOT);
        let mut write = Writer(&mut foot);
        write.u64(self.id.number());
        write.u64(epoch);
        write.u32(total);
        write.u32(content);
        write.u32(self.content_crc);
        write.u32(meta);
        self.tag(&mut write);
        write.u32(stamp.sequence);
        write.u32(0);
        self.put(&head, &foot, stamp);
    }

    fn put(&mut self, head: &[u8], foot: &[u8], stamp: Stamp) {
        let meta_at = HEAD + self.content;
        let foot_at = self.bytes.len() - FOOT;
        if let Some(place) = self.bytes.get_mut(..HEAD) {
            place.copy_from_slice(head);
        }
        if let Some(place) = self.bytes.get_mut(foot_at..foot_at + foot.len()) {
            place.copy_from_slice(foot);
        }
        let end = self.bytes.len() - 4;
        let crc = stamp.checksum(self.bytes.get(meta_at..end).unwrap_or_default());
        if let Some(place) = self.bytes.get_mut(end..) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
    }

    fn tag(&self, write: &mut Writer<'_>) {
        write.0.extend_from_slice(&MARK);
        write.u8(VERSION);
        write.u8(self.kind.number());
    }
}

/// Octets that bring a length to the alignment.
pub(crate) const fn padding(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}

fn read_tag(read: &mut Reader<'_>) -> Option<Kind> {
    let [one, two, version, kind] = [read.u8()?, read.u8()?, read.u8()?, read.u8()?];
    ([one, two] == MARK && version == VERSION).then(|| Kind::from_number(kind)).flatten()
}

/// A head that was read and found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: SpoolId,
    pub(crate) kind: Kind,
    pub(crate) epoch: u64,
    pub(crate) total: usize,
    pub(crate) content: usize,
}

impl Head {
    /// Reads the head at the start of `octets`.
    pub(crate) fn read(octets: &[u8], stamp: Stamp) -> Option<Self> {
        let mut read = Reader(octets);
        let kind = read_tag(&mut read)?;
        let total = read.u32()? as usize;
        let id = SpoolId::from_number(read.u64()?);
        let epoch = read.u64()?;
        let content = read.u32()? as usize;
        let ours = read.u32()? == stamp.sequence;
        read.u32()?;
        let fits = ours && total.is_multiple_of(ALIGNMENT) && total >= HEAD + FOOT + content;
        let right = fits && read.u32()? == stamp.checksum(octets.get(..HEAD - 4)?);
        right.then_some(Self { id, kind, epoch, total, content })
    }
}

/// A foot that was read and found right, with the meta before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foot {
    pub(crate) id: SpoolId,
    pub(crate) kind: Kind,
    pub(crate) epoch: u64,
    pub(crate) total: usize,
    pub(crate) content: usize,
    pub(crate) content_crc: u32,
    /// Where the meta lies in the octets that were read.
    pub(crate) meta: Range<usize>,
}

impl Foot {
    /// Reads the foot at the end of `octets`, which hold the record's meta before it and perhaps more.
    pub(crate) fn read(octets: &[u8], stamp: Stamp) -> Option<Self> {
        let foot_at = octets.len().checked_sub(FOOT)?;
        let mut read = Reader(octets.get(foot_at..)?);
        let id = SpoolId::from_number(read.u64()?);
        let epoch = read.u64()?;
        let [total, content] = [read.u32()? as usize, read.u32()? as usize];
        let content_crc = read.u32()?;
        let meta = read.u32()? as usize;
        let kind = read_tag(&mut read)?;
        let ours = read.u32()? == stamp.sequence;
        read.u32()?;
        let crc = read.u32()?;
        let fits = ours && total.checked_sub(HEAD + content + FOOT).is_some_and(|between| between >= meta);
        if !fits || HEAD + content + meta + padding(HEAD + content + meta) + FOOT != total {
            return None;
        }
        let meta_at = foot_at.checked_sub(meta + padding(HEAD + content + meta))?;
        let right = crc == stamp.checksum(octets.get(meta_at..octets.len() - 4)?);
        right.then_some(Self { id, kind, epoch, total, content, content_crc, meta: meta_at..meta_at + meta })
    }
}
