//! Where everything is: the ledger of messages, the segments, and what is kept in memory of both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use gatepost_mail::{SpoolId, Timestamp};

use super::hot::Hot;
use super::segment::{SegmentFile, Spare};
use crate::ledger::{Ledger, Message, Standing, States, Whys};

/// A record's place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) segment: NonZeroU32,
    pub(super) offset: u32,
    pub(super) total: u32,
}

/// Where the content of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Log,
    File,
}

/// Where a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) spot: Spot,
    /// The newest record of its states, where that is newer than the message's own.
    pub(super) state: Option<Spot>,
    pub(super) size: u64,
    pub(super) home: Home,
}

impl Kept {
    /// Octets of content inside the record.
    pub(super) fn inline(&self) -> usize {
        match self.home {
            Home::Log => usize::try_from(self.size).unwrap_or(usize::MAX),
            Home::File => 0,
        }
    }
}

/// One segment in use.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: Arc<SegmentFile>,
    pub(super) stage: Stage,
    /// Octets of records that still count.
    pub(super) live: u64,
    /// When it was found to be full, by the clock of those who claim.
    pub(super) full_since: Timestamp,
    /// Messages of this segment that are dead, and in which segment that is written. While this segment
    /// exists, that record must too, or a restart would bring the message back.
    graves: BTreeMap<SpoolId, NonZeroU32>,
    /// Messages whose record here was replaced by a later one elsewhere.
    moved: BTreeSet<SpoolId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Records are appended.
    Open,
    /// Full.
    Sealed,
    /// Full, and its hint is written.
    Hinted,
    /// Something in it is damaged. It is kept as evidence until a start finds that the message is gone, by
    /// itself or since an operator removed it.
    Damaged,
}

impl Segment {
    pub(super) fn new(file: SegmentFile, stage: Stage) -> Self {
        Self {
            file: Arc::new(file),
            stage,
            live: 0,
            full_since: Timestamp::default(),
            graves: BTreeMap::new(),
            moved: BTreeSet::new(),
        }
    }
}

/// Why a message's recipients wait, while a worker has it or the record of it is not written yet. Where there
/// is none, the newest record says it.
#[derive(Debug, Default)]
pub(super) struct Loose {
    pub(super) whys: Whys,
    pub(super) unwritten: u32,
}

/// Everything that is known of the log.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) ledger: Ledger<Kept>,
    pub(super) segments: BTreeMap<NonZeroU32, Segment>,
    /// How many graves name a segment.
    tombs: HashMap<NonZeroU32, u64>,
    pub(super) spare: Vec<Spare>,
    pub(super) hot: Hot,
    pub(super) loose: HashMap<SpoolId, Loose>,
    pub(super) damaged: BTreeSet<SpoolId>,
    /// Messages with a file of their own whose end is not durable yet.
    pub(super) discarded: Vec<SpoolId>,
    pub(super) octets: u64,
    /// Times the log was synced.
    pub(super) syncs: u64,
    /// Records written again to free segments.
    pub(super) rewritten: u64,
    /// Segments freed.
    pub(super) freed: u64,
    /// Where the next record goes in the segment that is being filled.
    pub(super) tail_end: u64,
    /// The latest time that a claim was asked for. The keeper has no other clock.
    pub(super) now: Timestamp,
}

/// One spare is kept back for outcomes: when the disk is full, delivery still empties the spool.
pub(super) const RESERVED: usize = 1;

impl Index {
    pub(super) fn new(hot: Hot, now: Timestamp) -> Self {
        Self {
            ledger: Ledger::default(),
            segments: BTreeMap::new(),
            tombs: HashMap::new(),
            spare: Vec::new(),
            hot,
            loose: HashMap::new(),
            damaged: BTreeSet::new(),
            discarded: Vec::new(),
            octets: 0,
            syncs: 0,
            rewritten: 0,
            freed: 0,
            tail_end: 0,
            now,
        }
    }

    /// Whether a segment should be made ready. A spool that hardly holds anything takes no room in advance.
    pub(super) fn wants_spare(&self, capacity: u64) -> bool {
        self.spare.len() <= RESERVED && (self.segments.len() > 1 || self.tail_end > capacity / 4)
    }

    /// Adds a message whose record was written; a record of it that was there before is dead.
    pub(super) fn add(&mut self, id: SpoolId, kept: Kept, (standing, states): (Standing, States)) {
        self.count(kept.spot);
        self.octets += kept.size;
        if let Some(before) = self.ledger.insert(id, Message { place: kept, states, standing }) {
            self.octets -= before.place.size;
            self.leave(id, before.place);
        }
    }

    /// A message's record was written again, with its states.
    pub(super) fn relocate(&mut self, id: SpoolId, spot: Spot) {
        self.count(spot);
        self.rewritten += 1;
        let Some(kept) = self.ledger.place_mut(id) else { return self.discount(spot) };
        let before = std::mem::replace(kept, Kept { spot, state: None, ..*kept });
        self.leave(id, before);
        // The new record may hold reasons, which those in memory do not.
        self.hot.remove(id);
    }

    fn leave(&mut self, id: SpoolId, before: Kept) {
        self.discount(before.spot);
        before.state.into_iter().for_each(|spot| self.discount(spot));
        if let Some(segment) = self.segments.get_mut(&before.spot.segment) {
            segment.moved.insert(id);
        }
    }

    /// A message's states were written.
    pub(super) fn place_state(&mut self, id: SpoolId, spot: Spot) {
        if let Some(kept) = self.ledger.place_mut(id) {
            let before = kept.state.replace(spot);
            self.count(spot);
            before.into_iter().for_each(|spot| self.discount(spot));
        }
        if let Some(loose) = self.loose.get_mut(&id) {
            loose.unwritten = loose.unwritten.saturating_sub(1);
        }
        self.tidy_loose(id);
    }

    /// What is written need not be kept in memory once nobody works on the message.
    pub(super) fn tidy_loose(&mut self, id: SpoolId) {
        let written = self.loose.get(&id).is_some_and(|loose| loose.unwritten == 0);
        if written && !self.ledger.has_lease(id) {
            self.loose.remove(&id);
        }
    }

    /// A message's end was written, in this segment.
    pub(super) fn bury(&mut self, id: SpoolId, written: NonZeroU32) {
        let Some(message) = self.ledger.drop_message(id) else { return };
        let kept = message.place;
        self.discount(kept.spot);
        kept.state.into_iter().for_each(|spot| self.discount(spot));
        self.octets -= kept.size;
        self.loose.remove(&id);
        self.hot.remove(id);
        if kept.home == Home::File {
            self.discarded.push(id);
        }
        if let Some(segment) = self.segments.get_mut(&kept.spot.segment) {
            segment.graves.insert(id, written);
            *self.tombs.entry(written).or_default() += 1;
        }
        for segment in self.segments.values_mut().filter(|segment| !segment.moved.is_empty()) {
            if segment.moved.remove(&id) {
                segment.graves.insert(id, written);
                *self.tombs.entry(written).or_default() += 1;
            }
        }
    }

    /// The messages whose end is written in `segment` and must stay written when it goes.
    pub(super) fn graves_written_in(&self, segment: NonZeroU32) -> BTreeSet<SpoolId> {
        let own = self.segments.get(&segment).map_or(0, |own| written_in(own, segment).count() as u64);
        if self.tombs.get(&segment).is_none_or(|all| *all == own) {
            return BTreeSet::new();
        }
        let others = self.segments.iter().filter(|(sequence, _)| **sequence != segment);
        others.flat_map(|(_, other)| written_in(other, segment)).collect()
    }

    /// A message's end was written once more, in this segment.
    pub(super) fn bury_again(&mut self, id: SpoolId, written: NonZeroU32) {
        self.rewritten += 1;
        for segment in self.segments.values_mut() {
            if let Some(grave) = segment.graves.get_mut(&id) {
                let before = std::mem::replace(grave, written);
                release(&mut self.tombs, before);
                *self.tombs.entry(written).or_default() += 1;
            }
        }
    }

    /// Forgets a segment, whose file is free.
    pub(super) fn forget(&mut self, sequence: NonZeroU32) -> Option<Segment> {
        let segment = self.segments.remove(&sequence)?;
        for written in segment.graves.values() {
            release(&mut self.tombs, *written);
        }
        Some(segment)
    }

    fn count(&mut self, spot: Spot) {
        if let Some(segment) = self.segments.get_mut(&spot.segment) {
            segment.live += u64::from(spot.total);
        }
    }

    fn discount(&mut self, spot: Spot) {
        if let Some(segment) = self.segments.get_mut(&spot.segment) {
            debug_assert!(segment.live >= u64::from(spot.total), "{spot:?} was not counted");
            segment.live = segment.live.saturating_sub(u64::from(spot.total));
        }
    }
}

fn written_in(segment: &Segment, written: NonZeroU32) -> impl Iterator<Item = SpoolId> {
    segment.graves.iter().filter(move |(_, place)| **place == written).map(|(id, _)| *id)
}

fn release(tombs: &mut HashMap<NonZeroU32, u64>, written: NonZeroU32) {
    if let Some(count) = tombs.get_mut(&written) {
        *count -= 1;
        if *count == 0 {
            tombs.remove(&written);
        }
    }
}
