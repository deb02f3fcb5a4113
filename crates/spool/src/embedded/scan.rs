//! Finding the records of a segment, also behind a damaged one.

use std::ops::Range;

use gatepost_mail::SpoolId;

use super::segment::HEADER;
use crate::DamagedPart;
use crate::record::{FOOT, FOOT_MARK, Foot, HEAD, Head, Kind, MARK, Stamp};

const STEP: usize = 8;

/// A record that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: SpoolId,
    pub(super) kind: Kind,
    pub(super) epoch: u64,
    pub(super) offset: usize,
    pub(super) total: usize,
    /// Where its meta lies in the segment.
    pub(super) meta: Range<usize>,
    pub(super) content: Content,
}

/// Whether content is what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Right,
    Damaged,
}

/// A stretch without a record that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) range: Range<usize>,
    pub(super) name: Option<Name>,
    /// The epoch of the record before it.
    pub(super) before: Option<u64>,
}

/// What is known of a record that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) id: SpoolId,
    pub(super) kind: Kind,
    pub(super) epoch: u64,
}

impl Name {
    pub(super) const fn part(&self) -> DamagedPart {
        match self.kind {
            Kind::Message => DamagedPart::Envelope,
            Kind::State | Kind::Gone | Kind::Seal | Kind::Filler => DamagedPart::State,
        }
    }
}

/// What is in a segment.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) records: Vec<Record>,
    /// Stretches between records that cannot be used; one behind the last record only if it has a name.
    pub(super) gaps: Vec<Gap>,
    /// Where the last record ends.
    pub(super) end: usize,
    pub(super) sealed: Option<SpoolId>,
}

impl Scan {
    /// The youngest sync that something here belongs to.
    pub(super) fn epoch(&self) -> u64 {
        self.epochs().max().unwrap_or(0)
    }

    /// The oldest one.
    pub(super) fn oldest_epoch(&self) -> u64 {
        self.epochs().min().unwrap_or(0)
    }

    fn epochs(&self) -> impl Iterator<Item = u64> {
        let names = self.gaps.iter().filter_map(|gap| gap.name).map(|name| name.epoch);
        self.records.iter().map(|record| record.epoch).chain(names)
    }
}

/// Finds all records.
pub(super) fn scan(octets: &[u8], stamp: Stamp) -> Scan {
    let mut scan = Scan { end: HEADER as usize, ..Scan::default() };
    let mut at = HEADER as usize;
    while scan.sealed.is_none() {
        let Some(found) = record_at(octets, at, stamp).or_else(|| search(octets, at, stamp)) else { break };
        match found {
            Found::Record(record) => {
                if record.offset > at {
                    scan.gaps.push(Gap { range: at..record.offset, name: None, before: scan.last_epoch() });
                }
                at = record.offset + record.total;
                scan.end = at;
                scan.sealed = (record.kind == Kind::Seal).then_some(record.id);
                scan.records.push(record);
            }
            Found::Name(range, name) => {
                let before = scan.last_epoch();
                if range.start > at {
                    scan.gaps.push(Gap { range: at..range.start, name: None, before });
                }
                at = range.end;
                scan.gaps.push(Gap { range, name: Some(name), before });
            }
        }
    }
    scan
}

impl Scan {
    fn last_epoch(&self) -> Option<u64> {
        self.records.last().map(|record| record.epoch)
    }
}

enum Found {
    Record(Record),
    Name(Range<usize>, Name),
}

/// What begins at an offset.
fn record_at(octets: &[u8], at: usize, stamp: Stamp) -> Option<Found> {
    let head = Head::read(octets.get(at..)?, stamp)?;
    let name = Name { id: head.id, kind: head.kind, epoch: head.epoch };
    let range = at..at + head.total;
    // A record that reaches behind the end was never written: its segment had no room for it.
    let whole = octets.get(range.clone())?;
    let foot = Foot::read(whole.get(HEAD + head.content..)?, stamp);
    match foot.filter(|foot| (foot.id, foot.total, foot.content) == (head.id, head.total, head.content)) {
        Some(foot) => Some(Found::Record(usable(whole, at, foot))),
        None => Some(Found::Name(range, name)),
    }
}

/// A record of which the foot is right: that is enough.
fn usable(whole: &[u8], at: usize, foot: Foot) -> Record {
    let content = whole.get(HEAD..HEAD + foot.content).unwrap_or_default();
    let right = crc32c::crc32c(content) == foot.content_crc;
    let meta_at = at + HEAD + foot.content;
    Record {
        id: foot.id,
        kind: foot.kind,
        epoch: foot.epoch,
        offset: at,
        total: foot.total,
        meta: meta_at..meta_at + foot.meta.len(),
        content: if right { Content::Right } else { Content::Damaged },
    }
}

/// What comes next behind something unreadable at `from`: a head, or the foot of the record whose head that was.
///
/// Both hold the mark at a multiple of eight, so little is looked at twice.
fn search(octets: &[u8], from: usize, stamp: Stamp) -> Option<Found> {
    let steps = octets.get(from..)?.chunks_exact(STEP).enumerate().skip(1);
    let marked = steps.filter(|(_, octets)| octets.starts_with(&MARK)).map(|(step, _)| from + step * STEP);
    marked.into_iter().find_map(|at| {
        let behind = at + FOOT - FOOT_MARK;
        record_before(octets, from..behind, stamp).or_else(|| record_at(octets, at, stamp))
    })
}

/// The record that ends at the end of a range and begins within it.
fn record_before(octets: &[u8], range: Range<usize>, stamp: Stamp) -> Option<Found> {
    let last = octets.get(range.clone())?;
    let foot = Foot::read(last, stamp)?;
    let start = last.len().checked_sub(foot.total)?;
    Some(Found::Record(usable(last.get(start..)?, range.start + start, foot)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Frame, begin};

    const STAMP: Stamp = Stamp { sequence: 2, salt: 9 };

    fn append(octets: &mut Vec<u8>, (id, kind): (u64, Kind), content: &[u8]) {
        let mut bytes = begin(0);
        bytes.extend_from_slice(content);
        let mut frame = Frame::behind(bytes, SpoolId::from_number(id), kind, |meta| meta.extend(b"meta"));
        frame.seal(STAMP, id);
        octets.extend_from_slice(frame.bytes());
    }

    fn three() -> Vec<u8> {
        let mut octets = vec![0; HEADER as usize];
        append(&mut octets, (1, Kind::Message), b"first");
        append(&mut octets, (2, Kind::Message), b"second one");
        append(&mut octets, (3, Kind::State), b"");
        octets.resize(octets.len() + 4096, 0);
        octets
    }

    fn ids(scan: &Scan) -> Vec<u64> {
        scan.records.iter().map(|record| record.id.number()).collect()
    }

    #[test]
    fn all_records_are_found() {
        let scan = scan(&three(), STAMP);
        assert_eq!(ids(&scan), [1, 2, 3]);
        assert_eq!(scan.gaps, []);
        assert_eq!(scan.sealed, None);
        assert_eq!(scan.epoch(), 3);
    }

    #[test]
    fn nothing_of_another_life_is_found() {
        assert_eq!(ids(&scan(&three(), Stamp { sequence: 3, ..STAMP })), []);
    }

    #[test]
    fn one_wrong_bit_costs_one_record_at_most_and_is_named() {
        let good = three();
        let end = scan(&good, STAMP).end;
        for bit in HEADER as usize * 8..end * 8 {
            let mut octets = good.clone();
            octets[bit / 8] ^= 1 << (bit % 8);
            let scan = scan(&octets, STAMP);
            let damaged: Vec<u64> = scan
                .records
                .iter()
                .filter(|record| record.content == Content::Damaged)
                .map(|record| record.id.number())
                .chain(scan.gaps.iter().map(|gap| gap.name.expect("a name").id.number()))
                .collect();
            // A wrong bit in a head costs nothing: the foot says the same.
            assert!(damaged.len() <= 1, "bit {bit}: {damaged:?}");
            let mut all = ids(&scan);
            all.extend(&damaged);
            all.sort_unstable();
            all.dedup();
            assert_eq!(all, [1, 2, 3], "bit {bit}");
        }
    }

    #[test]
    fn nothing_is_read_behind_the_seal() {
        let mut octets = vec![0; HEADER as usize];
        append(&mut octets, (7, Kind::Seal), b"");
        append(&mut octets, (8, Kind::Message), b"x");
        let scan = scan(&octets, STAMP);
        assert_eq!(scan.sealed, Some(SpoolId::from_number(7)));
        assert_eq!(ids(&scan), [7]);
    }
}
