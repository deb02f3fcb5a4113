//! The committer: writes what all sessions have ready, syncs once, then tells them.

use std::io::IoSlice;
use std::num::NonZeroU32;
use std::sync::Arc;

use gatepost_mail::SpoolId;
use tokio::sync::oneshot;

use super::hot::Warm;
use super::index::{Home, Index, Kept, Segment, Spot, Stage};
use super::pool::{Pool, Record};
use super::queue::{Durable, Job, Task};
use super::segment::{HEADER, SegmentFile};
use super::shared::{Need, Shared};
use crate::SpoolError;
use crate::record::{FOOT, Frame, HEAD, Kind};

/// A segment keeps room for its last record.
const SEAL: u64 = (HEAD + FOOT) as u64;
/// What is written at most before a sync.
const BATCH: u64 = 8 << 20;

/// Appends to the log. There is one.
#[derive(Debug)]
pub(super) struct Writer {
    tail: Tail,
    /// Which sync makes durable what is written now.
    epoch: u64,
    /// Since the start.
    syncs: u64,
    batch: Vec<(Option<Spot>, Job)>,
    /// Where the batch begins.
    start: u64,
    written: Written,
    /// Outcomes for which there was no room; they go first once there is.
    backlog: Vec<Job>,
}

/// Whether something was written that is not yet synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    AllDurable,
    SomeNot,
}

/// The segment that is being filled.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) file: Arc<SegmentFile>,
    pub(super) sequence: NonZeroU32,
    /// Where the next record begins.
    pub(super) end: u64,
    pub(super) capacity: u64,
}

/// Who gets which answer.
type Replies = Vec<oneshot::Sender<Result<(), SpoolError>>>;

impl Writer {
    pub(super) const fn new(tail: Tail, epoch: u64) -> Self {
        let start = tail.end;
        Self {
            tail,
            epoch,
            syncs: 0,
            batch: Vec::new(),
            start,
            written: Written::AllDurable,
            backlog: Vec::new(),
        }
    }

    pub(super) const fn written(&self) -> Written {
        self.written
    }

    /// Does the jobs. After a failure the spool is stopped; jobs whose reply is dropped were not done.
    pub(super) fn turn(&mut self, shared: &Shared, jobs: Vec<Job>) {
        if shared.is_stopped() {
            return;
        }
        if let Err(error) = self.attempt(shared, jobs) {
            shared.stop(&error);
            self.batch.clear();
        }
    }

    fn attempt(&mut self, shared: &Shared, jobs: Vec<Job>) -> Result<(), SpoolError> {
        let waiting = std::mem::take(&mut self.backlog);
        for job in waiting.into_iter().chain(jobs) {
            self.place(shared, job)?;
            if self.tail.end - self.start >= BATCH {
                self.flush(shared, Durable::Soon)?;
            }
        }
        self.flush(shared, Durable::Soon)
    }

    /// Gives a record its place, in the next segment if this one is full.
    fn place(&mut self, shared: &Shared, job: Job) -> Result<(), SpoolError> {
        let Some(length) = job.frame.as_ref().map(|frame| frame.len() as u64) else {
            self.batch.push((None, job));
            return Ok(());
        };
        if self.tail.end + length + SEAL > self.tail.capacity {
            let rolled =
                if self.backlog.is_empty() { self.roll(shared, &job.task) } else { Err(Roll::NoRoom) };
            match rolled {
                Ok(()) => {}
                Err(Roll::NoRoom) => {
                    self.put_off(job);
                    return Ok(());
                }
                Err(Roll::Failed(error)) => return Err(error),
            }
        }
        self.append(job);
        Ok(())
    }

    /// There is no room for a record; nothing was changed, and the spool goes on. An outcome nobody waits for
    /// holds in memory and is written later; until then a crash would repeat the attempt.
    fn put_off(&mut self, job: Job) {
        match (job.reply, &job.task) {
            (Some(reply), _) => tell(vec![reply], &Err(SpoolError::NoRoom)),
            (None, Task::State | Task::Gone) => self.backlog.push(Job { reply: None, ..job }),
            // What is only written again is still where it was.
            (None, Task::Commit(_) | Task::Move | Task::Grave | Task::Seal | Task::Sync) => {}
        }
    }

    fn append(&mut self, mut job: Job) {
        let Some(frame) = &mut job.frame else { return };
        frame.seal(self.tail.file.stamp, self.epoch);
        let total = frame.len();
        // A segment is at most 2 GiB, so both fit.
        let spot = Spot { segment: self.tail.sequence, offset: self.tail.end as u32, total: total as u32 };
        self.tail.end += total as u64;
        self.batch.push((Some(spot), job));
    }

    fn roll(&mut self, shared: &Shared, task: &Task) -> Result<(), Roll> {
        let need = match task {
            Task::Commit(_) | Task::Move => Need::Content,
            Task::State | Task::Gone | Task::Grave | Task::Seal | Task::Sync => Need::Outcome,
        };
        let spare = shared.spare(need).map_err(Roll::from)?;
        self.next(shared, spare).map_err(Roll::Failed)
    }

    /// Seals the segment and begins the next. Each is durable before the other is begun.
    fn next(&mut self, shared: &Shared, spare: super::segment::Spare) -> Result<(), SpoolError> {
        let seal = Frame::bare(SpoolId::from_number(0), Kind::Seal, |_| {});
        self.append(Job::now(seal, Task::Seal));
        self.flush(shared, Durable::Now)?;
        let sequence = self.tail.sequence.checked_add(1).ok_or(SpoolError::NoRoom)?;
        let segment = Segment::new(spare.begin(shared.stamp(sequence), shared.ids.last())?, Stage::Open);
        let file = Arc::clone(&segment.file);
        {
            let mut index = shared.index();
            let now = index.now;
            let full = index.segments.get_mut(&self.tail.sequence);
            if let Some(full) = full.filter(|full| full.stage == Stage::Open) {
                (full.stage, full.full_since) = (Stage::Sealed, now);
            }
            index.segments.insert(sequence, segment);
        }
        self.tail = Tail { file, sequence, end: HEADER, capacity: self.tail.capacity };
        self.start = HEADER;
        shared.keeper.wake();
        Ok(())
    }

    /// Writes the batch, syncs if a job in it asks for that, takes it into the index and answers.
    fn flush(&mut self, shared: &Shared, least: Durable) -> Result<(), SpoolError> {
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(self.batch.len());
        let frames = self.batch.iter().filter_map(|(_, job)| job.frame.as_ref());
        slices.extend(frames.map(|frame| IoSlice::new(frame.bytes())));
        if !slices.is_empty() {
            self.tail.file.write(&mut slices, self.start)?;
            self.start = self.tail.end;
            self.written = Written::SomeNot;
        }
        let asked = self.batch.iter().any(|(_, job)| job.durable == Durable::Now);
        if (asked || least == Durable::Now) && self.written == Written::SomeNot {
            self.tail.file.sync()?;
            self.epoch += 1;
            self.syncs += 1;
            self.written = Written::AllDurable;
        }
        self.take_in(shared);
        Ok(())
    }

    fn take_in(&mut self, shared: &Shared) {
        let mut replies = Replies::new();
        let mut charges = Vec::new();
        let mut index = shared.index();
        index.tail_end = self.tail.end;
        index.syncs = self.syncs;
        for (spot, mut job) in self.batch.drain(..) {
            replies.extend(job.reply.take());
            if let Some(spot) = spot {
                charges.extend(take_in(&mut index, (spot, job), &shared.pool));
            }
        }
        let work = !index.discarded.is_empty() || index.wants_spare(self.tail.capacity);
        drop(index);
        drop(charges);
        if work {
            shared.keeper.wake();
        }
        shared.changed.notify_one();
        tell(replies, &Ok(()));
    }
}

/// Why there is no next segment.
enum Roll {
    NoRoom,
    Failed(SpoolError),
}

impl From<SpoolError> for Roll {
    fn from(error: SpoolError) -> Self {
        if error == SpoolError::NoRoom { Self::NoRoom } else { Self::Failed(error) }
    }
}

fn tell(replies: Replies, result: &Result<(), SpoolError>) {
    for reply in replies {
        // Whoever asked may be gone; what was done stays done.
        let _ = reply.send(result.clone());
    }
}

/// Takes a written record into the index.
fn take_in(index: &mut Index, (spot, job): (Spot, Job), pool: &Arc<Pool>) -> Option<super::budget::Charge> {
    let Job { frame: Some(frame), task, .. } = job else { return None };
    let id = frame.id;
    match task {
        Task::Commit(commit) => {
            let super::queue::Commit { envelope, standing, states, size, home, charge } = *commit;
            index.add(id, Kept { spot, state: None, size, home }, (standing, states));
            let content = (home == Home::Log).then(|| frame.content());
            let record = Arc::new(Record::pooled(frame.into_bytes(), Arc::clone(pool)));
            index.hot.add(id, Warm { envelope, content, record });
            return Some(charge);
        }
        Task::State => index.place_state(id, spot),
        Task::Gone => index.bury(id, spot.segment),
        Task::Move => index.relocate(id, spot),
        Task::Grave => index.bury_again(id, spot.segment),
        Task::Seal | Task::Sync => {}
    }
    None
}
