//! Opening: reads hints and what has none, cuts what a crash has torn, says what is damaged.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IoSlice;
use std::num::NonZeroU32;
use std::path::PathBuf;

use gatepost_mail::{Octets, SpoolId};

use super::event::{Event, What};
use super::hint::Hint;
use super::index::{Home, Segment, Stage};
use super::scan::{self, Content, Gap, Scan};
use super::segment::{HEADER, Header, Life, SegmentFile, Spare};
use super::shared::Shared;
use super::writer::{Tail, Writer};
use crate::disk::File;
use crate::record::{FOOT, Frame, HEAD, Kind};
use crate::{DamagedPart, SpoolError};

/// What was found when a spool was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Messages that are there.
    pub messages: u64,
    /// What is damaged. Other messages are not touched by it.
    pub damages: Vec<Damage>,
    /// Messages whose last record a crash has torn: their commit, which nobody was told of, or what was noted
    /// of an attempt.
    pub torn: Vec<SpoolId>,
    /// Content files without a message, removed.
    pub orphans: u64,
}

/// One place that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The message, unless nothing of its record can be read.
    pub id: Option<SpoolId>,
    /// The part of it.
    pub part: DamagedPart,
    /// The file.
    pub file: PathBuf,
    /// Where in the file.
    pub offset: Octets,
}

/// As in `message 001k0t2skyp7g: its content (segments/00000001.log, octet 8192)`.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "message {id}: {}", self.part)?,
            None => f.write_str("a message whose name is lost")?,
        }
        write!(f, " ({}, octet {})", self.file.display(), self.offset.0)
    }
}

/// What a segment holds.
#[derive(Debug, Default)]
pub(super) struct SegmentRead {
    pub(super) events: Vec<Event>,
    pub(super) damages: Vec<Damage>,
    pub(super) torn: Vec<Gap>,
    pub(super) end: u64,
    pub(super) epoch: u64,
    pub(super) highest: u64,
    pub(super) sealed: bool,
}

/// Reads a segment in full. Nothing in it counts as torn.
pub(super) fn read_segment(file: &SegmentFile) -> Result<SegmentRead, SpoolError> {
    read(file, Age::Full)
}

/// Whether a segment may end in what a crash has torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Full,
    Last,
}

pub(super) fn read(file: &SegmentFile, age: Age) -> Result<SegmentRead, SpoolError> {
    let length = file.file.length().map_err(|cause| SpoolError::io("read", &file.path, &cause))?;
    let octets = file.read(0, usize::try_from(length).unwrap_or(usize::MAX))?;
    let scan = scan::scan(&octets, file.stamp);
    let epoch = scan.epoch();
    let mut read = SegmentRead {
        end: scan.end as u64,
        epoch,
        highest: highest(&scan),
        sealed: scan.sealed.is_some(),
        ..SegmentRead::default()
    };
    // Also one with a seal: that may have been written with what was torn before it.
    let open = age == Age::Last;
    let damage =
        |id, part, offset: usize| Damage { id, part, file: file.path.clone(), offset: Octets(offset as u64) };
    for record in &scan.records {
        if record.content == Content::Damaged {
            if open && record.epoch == epoch {
                let name = scan::Name { id: record.id, kind: record.kind, epoch };
                let range = record.offset..record.offset + record.total;
                read.torn.push(Gap { range, name: Some(name), before: Some(epoch) });
                continue;
            }
            read.damages.push(damage(Some(record.id), DamagedPart::Content, record.offset));
        }
        match Event::of(record, &octets) {
            Ok(event) => read.events.extend(event),
            Err(part) => read.damages.push(damage(Some(record.id), part, record.offset)),
        }
    }
    let oldest = scan.oldest_epoch();
    for gap in scan.gaps {
        if open && is_torn(&gap, epoch, oldest) {
            read.torn.push(gap);
            continue;
        }
        match gap.name {
            // That it is gone is all that its record says, and its name says it too.
            Some(name) if name.kind == Kind::Gone => read.events.push(Event::gone(name.id, &gap.range)),
            Some(name) if matches!(name.kind, Kind::Seal | Kind::Filler) => {}
            name => {
                let part = name.map_or(DamagedPart::Envelope, |name| name.part());
                read.damages.push(damage(name.map(|name| name.id), part, gap.range.start));
            }
        }
    }
    Ok(read)
}

fn highest(scan: &Scan) -> u64 {
    let named = scan.gaps.iter().filter_map(|gap| gap.name).map(|name| name.id);
    scan.records.iter().map(|record| record.id).chain(named).map(SpoolId::number).max().unwrap_or(0)
}

/// Whether a stretch may belong to what was written last and never synced.
fn is_torn(gap: &Gap, epoch: u64, oldest: u64) -> bool {
    match (gap.name, gap.before) {
        (Some(name), _) => name.epoch == epoch,
        (None, Some(before)) => before + 1 >= epoch,
        (None, None) => oldest == epoch,
    }
}

/// Opens everything below the spool's folder and gives the committer to go on with.
pub(super) fn recover(shared: &Shared) -> Result<(Writer, Recovery), SpoolError> {
    let mut recovery = Recovery::default();
    let used = find_segments(shared, &mut recovery)?;
    let last = used.last_key_value().map(|(sequence, _)| *sequence);
    let mut epoch = 0;
    let mut tail = None;
    for (sequence, file) in used {
        let hint = Hint::load(shared.disk(), &shared.folders, &file).filter(|_| Some(sequence) != last);
        let stage = if hint.is_some() { Stage::Hinted } else { Stage::Sealed };
        let age = if Some(sequence) == last { Age::Last } else { Age::Full };
        let read = match hint {
            Some(Hint { end, epoch, events }) => SegmentRead { end, epoch, events, ..SegmentRead::default() },
            None => read(&file, age)?,
        };
        shared.ids.skip(SpoolId::from_number(read.highest));
        epoch = epoch.max(read.epoch);
        if age == Age::Last {
            mend_tail(&file, &read)?;
            make_lasting(&file, &read)?;
        }
        let segment = Segment::new(file, stage);
        if age == Age::Last && !read.sealed {
            let capacity = segment.file.file.length();
            let capacity = capacity.map_err(|cause| SpoolError::io("read", &segment.file.path, &cause))?;
            tail = Some(Tail { file: segment.file.clone(), sequence, end: read.end, capacity });
        }
        take(shared, &mut recovery, (sequence, segment, read));
    }
    let tail = match tail {
        Some(tail) => reopen(shared, tail),
        None => first(shared, last)?,
    };
    check_files(shared, &mut recovery)?;
    finish_report(shared, &mut recovery);
    Ok((Writer::new(tail, epoch + 1), recovery))
}

/// The segments in use, by age; free ones go to the index.
fn find_segments(
    shared: &Shared,
    recovery: &mut Recovery,
) -> Result<BTreeMap<NonZeroU32, SegmentFile>, SpoolError> {
    let mut used = BTreeMap::new();
    for (file, path, header) in headers(shared)? {
        header.mend(&file, &path)?;
        let length = file.length().map_err(|cause| SpoolError::io("read", &path, &cause))?;
        match header.life {
            Life::Used { stamp, mark } => {
                shared.ids.skip(SpoolId::from_number(mark));
                if let Some(sequence) = NonZeroU32::new(stamp.sequence) {
                    used.insert(sequence, SegmentFile { file, path, stamp });
                }
            }
            Life::Free if length == shared.settings.segment.0 => {
                shared.index().spare.push(Spare { file, path });
            }
            // Of another size, or not finished when a crash came.
            Life::Free => {
                shared.disk().remove(&path).map_err(|cause| SpoolError::io("remove", &path, &cause))?;
            }
            Life::Newer { .. } | Life::Unreadable => recovery.damages.push(Damage {
                id: None,
                part: DamagedPart::Envelope,
                file: path,
                offset: Octets(0),
            }),
        }
    }
    Hint::sweep(shared.disk(), &shared.folders, |sequence| {
        NonZeroU32::new(sequence).is_some_and(|sequence| used.contains_key(&sequence))
    });
    Ok(used)
}

/// The headers of all segments. They are read before anything is changed: a spool of a later version is left as it is.
fn headers(shared: &Shared) -> Result<Vec<(File, PathBuf, Header)>, SpoolError> {
    let folder = &shared.folders.segments;
    let names = shared.disk().names(folder).map_err(|cause| SpoolError::io("list", folder, &cause))?;
    let mut headers = Vec::new();
    for name in names {
        let Some(number) = name.strip_suffix(".log").and_then(|number| number.parse::<u32>().ok()) else {
            continue;
        };
        shared.names_from(number.saturating_add(1));
        let path = folder.join(&name);
        let file = shared.disk().open(&path).map_err(|cause| SpoolError::io("open", &path, &cause))?;
        let header = Header::read(&file, &path)?;
        headers.push((file, path, header));
    }
    Ok(headers)
}

/// Overwrites what a crash has torn, so that no later start takes it for damage.
fn mend_tail(file: &SegmentFile, read: &SegmentRead) -> Result<(), SpoolError> {
    for gap in &read.torn {
        let length = gap.range.len();
        let at = gap.range.start as u64;
        let octets = match length.checked_sub(HEAD + FOOT) {
            Some(rest) if at < read.end => {
                let filler = SpoolId::from_number(0);
                let mut frame =
                    Frame::bare(filler, Kind::Filler, |bytes| bytes.resize(bytes.len() + rest, 0));
                frame.seal(file.stamp, read.epoch);
                frame.into_bytes()
            }
            Some(_) | None => vec![0; length],
        };
        file.write(&mut [IoSlice::new(&octets)], at)?;
    }
    Ok(())
}

/// Writes what was read of the last segment once more, and syncs it, before anything is built upon it: content without a
/// message is removed next. A process that was killed has left records that are in the system's memory alone, and if it ended
/// because a sync had failed, another sync would call them written although they are not.
fn make_lasting(file: &SegmentFile, read: &SegmentRead) -> Result<(), SpoolError> {
    let length = usize::try_from(read.end.saturating_sub(HEADER)).unwrap_or(usize::MAX);
    if length > 0 {
        let octets = file.read(HEADER, length)?;
        file.write(&mut [IoSlice::new(&octets)], HEADER)?;
    }
    file.sync()
}

/// Takes what a segment holds into the index.
fn take(
    shared: &Shared,
    recovery: &mut Recovery,
    (sequence, mut segment, read): (NonZeroU32, Segment, SegmentRead),
) {
    let mut index = shared.index();
    segment.full_since = index.now;
    index.segments.insert(sequence, segment);
    recovery.damages.extend(read.damages);
    for event in read.events {
        shared.ids.skip(event.id);
        if event.what == What::Gone {
            recovery.damages.retain(|damage| damage.id != Some(event.id));
        }
        event.replay(sequence, &mut index);
    }
    recovery.torn.extend(
        read.torn
            .iter()
            .filter_map(|gap| gap.name)
            .filter(|name| matches!(name.kind, Kind::Message | Kind::State))
            .map(|name| name.id),
    );
}

/// Goes on in the segment that was being filled.
fn reopen(shared: &Shared, tail: Tail) -> Tail {
    let mut index = shared.index();
    index.tail_end = tail.end;
    if let Some(segment) = index.segments.get_mut(&tail.sequence) {
        segment.stage = Stage::Open;
    }
    tail
}

/// Begins a segment behind the last one.
fn first(shared: &Shared, last: Option<NonZeroU32>) -> Result<Tail, SpoolError> {
    let sequence =
        last.map_or(Some(NonZeroU32::MIN), |last| last.checked_add(1)).ok_or(SpoolError::NoRoom)?;
    let waiting = shared.index().spare.pop();
    let spare = waiting.map_or_else(|| shared.new_spare(), Ok)?;
    let file = spare.begin(shared.stamp(sequence), shared.ids.last())?;
    let segment = Segment::new(file, Stage::Open);
    let file = segment.file.clone();
    let capacity = file.file.length().map_err(|cause| SpoolError::io("read", &file.path, &cause))?;
    let mut index = shared.index();
    index.tail_end = HEADER;
    index.segments.insert(sequence, segment);
    Ok(Tail { file, sequence, end: HEADER, capacity })
}

/// Removes content files that belong to nothing, and reports those that are missing.
fn check_files(shared: &Shared, recovery: &mut Recovery) -> Result<(), SpoolError> {
    let folder = &shared.folders.big;
    let names = shared.disk().names(folder).map_err(|cause| SpoolError::io("list", folder, &cause))?;
    let mut there = std::collections::BTreeSet::new();
    let mut index = shared.index();
    for name in names {
        let id = name.parse::<SpoolId>().ok();
        let owner = id.and_then(|id| index.ledger.get(id));
        match id.filter(|_| owner.is_some_and(|message| message.place.home == Home::File)) {
            Some(id) => drop(there.insert(id)),
            None => {
                let path = folder.join(name);
                shared.disk().remove(&path).map_err(|cause| SpoolError::io("remove", &path, &cause))?;
                recovery.orphans += 1;
            }
        }
    }
    let large = index.ledger.behind(None).filter(|(_, message)| message.place.home == Home::File);
    let missing: Vec<SpoolId> = large.map(|(id, _)| id).filter(|id| !there.contains(id)).collect();
    for id in missing {
        // It is listed as held, for an operator to see.
        let _ = index.ledger.set_held(id, crate::Held::Yes);
        let file = shared.folders.big_file(id);
        recovery.damages.push(Damage { id: Some(id), part: DamagedPart::Content, file, offset: Octets(0) });
    }
    index.discarded.clear();
    Ok(())
}

fn finish_report(shared: &Shared, recovery: &mut Recovery) {
    let mut index = shared.index();
    recovery.messages = index.ledger.len() as u64;
    index.damaged.extend(recovery.damages.iter().filter_map(|damage| damage.id));
    let damaged =
        |segment: &&mut Segment| recovery.damages.iter().any(|damage| damage.file == segment.file.path);
    for segment in index.segments.values_mut().filter(damaged) {
        segment.stage = Stage::Damaged;
    }
}
