//! The keeper: gives space back, makes segments ready, writes hints. Nothing waits for it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::SpoolId;

use super::event::{Event, What};
use super::hint::Hint;
use super::index::{Index, Segment, Stage};
use super::queue::{Job, Task};
use super::read::Lookup;
use super::recover;
use super::segment::SegmentFile;
use super::shared::{Call, Shared};
use crate::ledger::Message;
use crate::record::{self, Frame, Kind, MessageMeta, StateMeta, Store};
use crate::{DamagedPart, SpoolError};

/// What is moved before it is made durable.
const MOVE_BATCH: usize = 8 << 20;
/// The share of a full segment that must still count: one part in this many. A segment of which less counts is
/// emptied, so that the messages that wait take at most this many times their own size, and no more is written
/// again than is freed.
pub(super) const LIVING_SHARE: u64 = 2;
/// A segment that has been full for less than this is left alone, unless there are many: most of what counts in
/// it will be gone by itself.
pub(super) const YOUTH: Duration = Duration::from_secs(60);
/// A segment younger than this many gets no hint yet: most are dead before they are worth one.
const YOUNG: usize = 2;

/// The keeper's thread.
pub(super) fn run(shared: &Shared) {
    while shared.keeper.wait() == Call::Work {
        cycle(shared);
    }
}

/// Does what there is to do.
pub(super) fn cycle(shared: &Shared) {
    match attempt(shared) {
        // Without room there is less to do; after the end there is nothing.
        Ok(()) | Err(SpoolError::NoRoom | SpoolError::Stopped { .. }) => {}
        Err(error) => shared.stop(&error),
    }
}

fn attempt(shared: &Shared) -> Result<(), SpoolError> {
    discard(shared)?;
    reclaim(shared)?;
    while let Some(sequence) = crowded(shared) {
        let moved = empty(shared, sequence);
        reclaim(shared)?;
        moved?;
        if shared.index().segments.contains_key(&sequence) {
            // Somebody still reads from it, or it is damaged.
            break;
        }
    }
    top_up(shared)?;
    hint(shared)
}

/// Removes the files of messages that are gone, once that is durable.
fn discard(shared: &Shared) -> Result<(), SpoolError> {
    let gone = std::mem::take(&mut shared.index().discarded);
    if gone.is_empty() {
        return Ok(());
    }
    shared.finish(Job::sync())?;
    for id in gone {
        // What cannot be removed now is swept when the spool is opened next.
        let _ = shared.disk().remove(&shared.folders.big_file(id));
    }
    Ok(())
}

/// Frees all segments in which nothing counts any more.
fn reclaim(shared: &Shared) -> Result<(), SpoolError> {
    let dead: Vec<NonZeroU32> = {
        let index = shared.index();
        let dead = index.segments.iter().filter(|(_, segment)| is_dead(segment));
        dead.map(|(sequence, _)| *sequence).collect()
    };
    for sequence in dead {
        free(shared, sequence)?;
    }
    Ok(())
}

fn is_dead(segment: &Segment) -> bool {
    matches!(segment.stage, Stage::Sealed | Stage::Hinted) && segment.live == 0 && is_unread(segment)
}

fn is_unread(segment: &Segment) -> bool {
    Arc::strong_count(&segment.file) == 1
}

/// Frees a segment: what makes its records dead is durable first, and what it says of others is written again.
fn free(shared: &Shared, sequence: NonZeroU32) -> Result<(), SpoolError> {
    let graves = shared.index().graves_written_in(sequence);
    for id in graves {
        shared.push(Job::soon(Frame::bare(id, Kind::Gone, |_| {}), Task::Grave))?;
    }
    shared.finish(Job::sync())?;
    let Some(file) = take_dead(&mut shared.index(), sequence) else { return Ok(()) };
    let stamp = file.stamp;
    let spare = file.free()?;
    Hint::remove(shared.disk(), &shared.folders, stamp);
    let fits = spare.file.length().is_ok_and(|length| length == shared.settings.segment.0);
    let mut index = shared.index();
    index.freed += 1;
    if fits && index.spare.len() < shared.settings.spare_segments {
        index.spare.push(spare);
        return Ok(());
    }
    drop(index);
    shared.disk().remove(&spare.path).map_err(|cause| SpoolError::io("remove", &spare.path, &cause))
}

fn take_dead(index: &mut Index, sequence: NonZeroU32) -> Option<SegmentFile> {
    let dead = index.segments.get(&sequence).is_some_and(is_dead);
    if !dead || !index.graves_written_in(sequence).is_empty() {
        return None;
    }
    Arc::try_unwrap(index.forget(sequence)?.file).ok()
}

/// The segment that is cheapest to empty, of those that are mostly dead: once they are old, or too many.
fn crowded(shared: &Shared) -> Option<NonZeroU32> {
    let index = shared.index();
    let segment_size = shared.settings.segment.0;
    let full = index.segments.iter().filter(|(_, segment)| {
        matches!(segment.stage, Stage::Sealed | Stage::Hinted)
            && segment.live.saturating_mul(LIVING_SHARE) <= segment_size
    });
    let too_many = full.clone().count() > shared.settings.pinned_segments;
    let ripe = full.filter(|(_, segment)| {
        is_unread(segment) && (too_many || index.now.elapsed_since(segment.full_since) >= YOUTH)
    });
    ripe.min_by_key(|(_, segment)| segment.live).map(|(sequence, _)| *sequence)
}

/// Writes again what still counts in a segment.
fn empty(shared: &Shared, sequence: NonZeroU32) -> Result<(), SpoolError> {
    let file = shared.index().segments.get(&sequence).map(|segment| Arc::clone(&segment.file));
    let Some(file) = file else { return Ok(()) };
    let ids: BTreeSet<SpoolId> = events(shared, &file)?.into_iter().filter_map(alive).collect();
    let mut pending = 0;
    for id in ids {
        match write_again(shared, id, sequence) {
            Ok(octets) => pending += octets,
            Err(SpoolError::Damaged { .. }) => {
                shared.damaged(id);
                if let Some(segment) = shared.index().segments.get_mut(&sequence) {
                    segment.stage = Stage::Damaged;
                }
            }
            Err(error) => return Err(error),
        }
        if pending >= MOVE_BATCH {
            shared.finish(Job::sync())?;
            pending = 0;
        }
    }
    shared.finish(Job::sync())
}

fn alive(event: Event) -> Option<SpoolId> {
    match event.what {
        What::Message { .. } | What::State { .. } => Some(event.id),
        What::Gone => None,
    }
}

fn events(shared: &Shared, file: &SegmentFile) -> Result<Vec<Event>, SpoolError> {
    match Hint::load(shared.disk(), &shared.folders, file) {
        Some(hint) => Ok(hint.events),
        None => Ok(recover::read_segment(file)?.events),
    }
}

/// Writes one message, or its states, again if they lie in that segment; gives how much was written.
fn write_again(shared: &Shared, id: SpoolId, sequence: NonZeroU32) -> Result<usize, SpoolError> {
    let Some(lookup) = shared.index().lookup(id) else { return Ok(0) };
    let kept = lookup.kept;
    let [whole, states] =
        [kept.spot.segment == sequence, kept.state.is_some_and(|spot| spot.segment == sequence)];
    if !whole && !states {
        return Ok(0);
    }
    let found = lookup.read()?;
    let content = if whole { content(&lookup, found.crc)? } else { Vec::new() };
    let mut index = shared.index();
    // What has changed since it was looked up is dealt with in the next cycle.
    let Some(Message { place, states, standing }) = index.ledger.get(id).filter(|now| now.place == kept)
    else {
        return Ok(0);
    };
    let known = index.loose.get(&id).map(|loose| loose.whys.clone());
    let state = StateMeta { standing: *standing, states: states.clone(), whys: known.unwrap_or(found.whys) };
    let frame = if whole {
        let store = match place.home {
            super::index::Home::Log => Store::Inline,
            super::index::Home::File => Store::File { crc: found.crc },
        };
        let meta = MessageMeta { size: place.size, store, state, envelope: found.envelope };
        Frame::behind(content, id, Kind::Message, |bytes| meta.write(bytes))
    } else {
        if let Some(loose) = index.loose.get_mut(&id) {
            loose.unwritten += 1;
        }
        Frame::bare(id, Kind::State, |bytes| state.write(bytes))
    };
    let octets = frame.len();
    // Still under the lock, so that whatever changes the message next is written behind this.
    shared.push(Job::soon(frame, if whole { Task::Move } else { Task::State }))?;
    Ok(octets)
}

/// The content behind room for a head.
fn content(lookup: &Lookup, crc: u32) -> Result<Vec<u8>, SpoolError> {
    let octets = lookup.content_octets()?;
    let inline = lookup.kept.home == super::index::Home::Log;
    let content = octets.get(record::HEAD..).unwrap_or_default();
    if inline && crc32c::crc32c(content) != crc {
        return Err(SpoolError::Damaged { id: lookup.id, what: DamagedPart::Content });
    }
    Ok(octets)
}

/// Makes a segment ready before it is needed.
fn top_up(shared: &Shared) -> Result<(), SpoolError> {
    while shared.index().wants_spare(shared.settings.segment.0) {
        let spare = shared.new_spare()?;
        shared.index().spare.push(spare);
    }
    Ok(())
}

/// Writes the hints of segments that live long enough.
fn hint(shared: &Shared) -> Result<(), SpoolError> {
    let old: Vec<(NonZeroU32, Arc<SegmentFile>)> = {
        let index = shared.index();
        let old = index.segments.iter().rev().skip(1 + YOUNG);
        let bare = old.filter(|(_, segment)| segment.stage == Stage::Sealed && segment.live > 0);
        bare.map(|(sequence, segment)| (*sequence, Arc::clone(&segment.file))).collect()
    };
    for (sequence, file) in old {
        let read = recover::read_segment(&file)?;
        let stage = if read.damages.is_empty() { Stage::Hinted } else { Stage::Damaged };
        if stage == Stage::Hinted {
            let hint = Hint { end: read.end, epoch: read.epoch, events: read.events };
            hint.save(shared.disk(), &shared.folders, file.stamp)?;
        }
        if let Some(segment) = shared.index().segments.get_mut(&sequence) {
            segment.stage = stage;
        }
    }
    Ok(())
}
