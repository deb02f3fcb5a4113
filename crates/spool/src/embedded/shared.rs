//! What the engine's parts share.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use gatepost_mail::{SpoolId, Timestamp};
use tokio::sync::{Notify, oneshot};

use super::budget::Budget;
use super::hot::Hot;
use super::index::{Index, RESERVED, Stage};
use super::keeper;
use super::pool::Pool;
use super::queue::{Job, Queue};
use super::room::Room;
use super::segment::Spare;
use super::settings::{Drive, EmbeddedSettings};
use super::writer::Writer;
use crate::SpoolError;
use crate::disk::Disk;
use crate::ids::Ids;
use crate::record::Stamp;

/// The folders of a spool.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    pub(super) whole: PathBuf,
    pub(super) segments: PathBuf,
    pub(super) big: PathBuf,
    pub(super) hints: PathBuf,
}

impl Folders {
    pub(super) fn of(dir: &Path) -> Self {
        let [segments, big, hints] = ["segments", "big", "hints"].map(|name| dir.join(name));
        Self { whole: dir.to_owned(), segments, big, hints }
    }

    /// The file for the content of a message that is too large for the log.
    pub(super) fn big_file(&self, id: SpoolId) -> PathBuf {
        self.big.join(id.to_string())
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: EmbeddedSettings,
    pub(super) folders: Folders,
    pub(super) ids: Ids,
    /// Ids up to this are older than this process; no draft of it has one, unless it is among those below.
    pub(super) before: OnceLock<u64>,
    /// Older ids that were given to messages taken back.
    pub(super) restored: Mutex<BTreeSet<SpoolId>>,
    pub(super) queue: Queue,
    pub(super) drafts: Arc<Budget>,
    pub(super) room: Room,
    /// For the records of large messages.
    pub(super) pool: Arc<Pool>,
    pub(super) changed: Notify,
    pub(super) keeper: Signal,
    /// The committer, unless its thread has it.
    pub(super) writer: Mutex<Option<Writer>>,
    index: Mutex<Index>,
    stopped: OnceLock<Arc<str>>,
    stopping: Notify,
    seed: u64,
    next_name: AtomicU32,
}

/// What a new segment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Content,
    Outcome,
}

impl Shared {
    pub(super) fn new(dir: &Path, settings: EmbeddedSettings, now: Timestamp) -> Self {
        Self {
            folders: Folders::of(dir),
            ids: Ids::starting(now),
            before: OnceLock::new(),
            restored: Mutex::default(),
            queue: Queue::default(),
            drafts: Arc::new(Budget::new(settings.draft_memory)),
            room: Room::default(),
            pool: Arc::new(Pool::of(settings.largest_buffer())),
            changed: Notify::new(),
            keeper: Signal::default(),
            writer: Mutex::new(None),
            index: Mutex::new(Index::new(Hot::new(settings.hot_memory), now)),
            stopped: OnceLock::new(),
            stopping: Notify::new(),
            // Good enough to keep content from imitating records; no secret rests on it.
            seed: settings.seed.unwrap_or_else(|| RandomState::new().hash_one(now)),
            next_name: AtomicU32::new(1),
            settings,
        }
    }

    pub(super) const fn disk(&self) -> &Disk {
        &self.settings.disk
    }

    /// A panic elsewhere leaves the index as it was between two of its calls.
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stamp of a new segment.
    pub(super) fn stamp(&self, sequence: NonZeroU32) -> Stamp {
        let mut octets = [0; 12];
        for (place, octet) in
            octets.iter_mut().zip(self.seed.to_le_bytes().iter().chain(&sequence.get().to_le_bytes()))
        {
            *place = *octet;
        }
        Stamp { sequence: sequence.get(), salt: crc32c::crc32c(&octets) }
    }

    /// Takes an id for a message that had it before; false if it is not free.
    pub(super) fn take_id(&self, id: SpoolId) -> bool {
        let old = self.before.get().is_some_and(|before| id.number() <= *before && id.number() > 0);
        // A damaged segment may hold a message of that id that nobody has seen.
        let index = self.index();
        let hidden = index.segments.values().any(|segment| segment.stage == Stage::Damaged);
        let free = old && !hidden && !index.knows(id);
        free && self.restored.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }

    /// Names from this one on are free.
    pub(super) fn names_from(&self, number: u32) {
        self.next_name.fetch_max(number, Ordering::Relaxed);
    }

    /// A segment to begin: one that waits, or a new one.
    pub(super) fn spare(&self, need: Need) -> Result<Spare, SpoolError> {
        let kept = match need {
            Need::Content => RESERVED,
            Need::Outcome => 0,
        };
        let waiting = {
            let mut index = self.index();
            if index.spare.len() > kept { index.spare.pop() } else { None }
        };
        waiting.map_or_else(|| self.new_spare(), Ok)
    }

    pub(super) fn new_spare(&self) -> Result<Spare, SpoolError> {
        let number = self.next_name.fetch_add(1, Ordering::Relaxed);
        let path = self.folders.segments.join(format!("{number:08}.log"));
        Spare::create(self.disk(), path, self.settings.segment.0)
    }

    /// Ends all work after a failure; the first one is kept.
    pub(super) fn stop(&self, error: &SpoolError) {
        let _ = self.stopped.set(error.to_string().into());
        self.queue.close();
        self.keeper.close();
        self.stopping.notify_waiters();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// The error for whoever asks after the end.
    pub(super) fn stopped(&self) -> SpoolError {
        let why = self.stopped.get().cloned();
        SpoolError::Stopped { why: why.unwrap_or_else(|| "it was closed".into()) }
    }

    pub(super) fn check(&self) -> Result<(), SpoolError> {
        if self.is_stopped() { Err(self.stopped()) } else { Ok(()) }
    }

    pub(super) async fn failed(&self) -> SpoolError {
        loop {
            let stopping = self.stopping.notified();
            if self.is_stopped() {
                return self.stopped();
            }
            stopping.await;
        }
    }

    /// Runs work that may wait for the disk.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SpoolError> {
        match self.settings.drive {
            Drive::Caller => Ok(work()),
            Drive::Threads => {
                let done = tokio::task::spawn_blocking(work).await;
                done.map_err(|_ended| SpoolError::Stopped { why: "the runtime has ended".into() })
            }
        }
    }

    pub(super) fn push(&self, job: Job) -> Result<(), SpoolError> {
        self.queue.push(job).map_err(|_job| self.stopped())
    }

    /// Adds a job whose end can be waited for.
    pub(super) fn push_told(&self, mut job: Job) -> Result<Told, SpoolError> {
        let (reply, told) = oneshot::channel();
        job.reply = Some(reply);
        self.push(job)?;
        Ok(told)
    }

    /// Waits for a job's end.
    pub(super) async fn told(&self, told: Told) -> Result<(), SpoolError> {
        self.drive().await;
        told.await.unwrap_or_else(|_dropped| Err(self.stopped()))
    }

    /// Does what waits, where no thread does it. Others get a chance to add to it first, as they would while a
    /// sync runs.
    pub(super) async fn drive(&self) {
        if self.settings.drive == Drive::Caller {
            tokio::task::yield_now().await;
            self.turn();
            if self.keeper.take() {
                keeper::cycle(self);
            }
        }
    }

    /// Writes all that waits.
    pub(super) fn turn(&self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.as_mut() {
            writer.turn(self, self.queue.take());
        }
    }

    /// Does a job and waits for its end; not from within a runtime's task unless the caller drives.
    pub(super) fn finish(&self, job: Job) -> Result<(), SpoolError> {
        let mut told = self.push_told(job)?;
        let result = match self.settings.drive {
            Drive::Threads => told.blocking_recv().ok(),
            Drive::Caller => {
                self.turn();
                told.try_recv().ok()
            }
        };
        result.unwrap_or_else(|| Err(self.stopped()))
    }

    /// A message turned out to be damaged: it is counted, and held if it could be claimed.
    pub(super) fn damaged(&self, id: SpoolId) {
        let mut index = self.index();
        index.damaged.insert(id);
        // It may be gone; then there is nothing to hold.
        let _ = index.ledger.set_held(id, crate::Held::Yes);
    }
}

/// The end of a job, when it comes.
pub(super) type Told = oneshot::Receiver<Result<(), SpoolError>>;

/// Wakes the keeper.
#[derive(Debug, Default)]
pub(super) struct Signal {
    inside: Mutex<Call>,
    ready: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Call {
    #[default]
    Rest,
    Work,
    End,
}

impl Signal {
    pub(super) fn wake(&self) {
        let mut call = self.call();
        if *call == Call::Rest {
            *call = Call::Work;
            self.ready.notify_one();
        }
    }

    pub(super) fn close(&self) {
        *self.call() = Call::End;
        self.ready.notify_all();
    }

    /// Whether there is work; there is none any more afterwards.
    pub(super) fn take(&self) -> bool {
        let mut call = self.call();
        let work = *call == Call::Work;
        if work {
            *call = Call::Rest;
        }
        work
    }

    /// Waits for work or the end.
    pub(super) fn wait(&self) -> Call {
        let call = self.call();
        let resting = |call: &mut Call| *call == Call::Rest;
        let mut call = self.ready.wait_while(call, resting).unwrap_or_else(PoisonError::into_inner);
        if *call == Call::Work {
            std::mem::take(&mut *call);
            Call::Work
        } else {
            Call::End
        }
    }

    fn call(&self) -> MutexGuard<'_, Call> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
