//! The default engine: a log of fixed-size segments in one folder, written by one thread.
//!
//! Everything that all sessions have ready is written in one go and synced once; each session's receipt is that
//! sync. What becomes of a message is appended as small records that need no sync of their own. The schedule
//! lives in memory; envelopes and content of messages that wait are read back when they are due.
//!
//! ```text
//! DIR/lock                 held while a process uses the spool; says which
//! DIR/segments/NNNNNNNN.log   the log
//! DIR/big/ID               content too large for the log
//! DIR/hints/SEQUENCE       what a full segment holds; can be deleted while no process uses the spool
//! ```

mod budget;
mod draft;
mod event;
mod hint;
mod hot;
mod index;
mod keeper;
mod pool;
mod queue;
mod read;
mod recover;
mod room;
mod scan;
mod segment;
mod settings;
mod shared;
#[cfg(test)]
mod tests;
mod verify;
mod work;
mod writer;

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gatepost_mail::{Octets, SpoolId, Timestamp};

pub use self::draft::EmbeddedDraft;
pub(crate) use self::pool::Record;
use self::queue::{Job, Waited};
pub(crate) use self::read::Stored;
pub use self::recover::{Damage, Recovery};
pub use self::settings::{Drive, EmbeddedSettings};
use self::shared::Shared;
pub use self::verify::Verified;
use self::writer::{Writer, Written};
use crate::disk::{Lock, Locking};
use crate::ledger::{End, Standing, Then};
use crate::{
    Claim, Content, Disk, Entry, Held, Receipt, Restore, Restored, Settled, Spool, SpoolError, Stats, Ticket,
};

/// Outcomes are synced at least this often, so that a power cut repeats little.
const OUTCOME_SYNC: Duration = Duration::from_millis(250);

/// A spool in a folder of its own.
///
/// Dropping it writes what waits and ends its threads; drafts that outlive it cannot be committed.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    _lock: Lock,
}

impl Embedded {
    /// Opens the spool in `dir`, which is made if need be, and says what was found. Blocks; reads hints, the
    /// segment that was being filled, and segments without a hint.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Locked`] if another process has it, [`SpoolError::Settings`], [`SpoolError::NoRoom`] or
    /// [`SpoolError::Io`]. Damage is no error: it is reported.
    pub fn open(
        dir: &Path,
        settings: EmbeddedSettings,
        now: Timestamp,
    ) -> Result<(Self, Recovery), SpoolError> {
        settings.check()?;
        let lock = prepare(dir, &settings.disk)?;
        let shared = Arc::new(Shared::new(dir, settings, now));
        let (writer, recovery) = recover::recover(&shared)?;
        // Set once, before anybody can ask.
        let _ = shared.before.set(shared.ids.last().max(now.as_micros().saturating_sub(1)));
        let mut spool = Self { shared, threads: Vec::new(), _lock: lock };
        match spool.shared.settings.drive {
            Drive::Caller => spool.keep_writer(writer),
            Drive::Threads => spool.start(writer)?,
        }
        spool.shared.keeper.wake();
        Ok((spool, recovery))
    }

    /// Syncs the outcomes that were written so far. The engine's thread does so by itself a quarter of a second after
    /// the last one; with [`Drive::Caller`] whoever calls must.
    pub fn sync_outcomes(&self) {
        // One that has stopped takes nothing any more.
        if self.shared.push(Job::sync()).is_ok() {
            self.shared.turn();
        }
    }

    /// Reads everything in a spool's folder and says what is damaged. Changes nothing, and may run beside the
    /// process that uses the spool. Blocks for as long as reading all of it takes.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Io`] if a file cannot be read.
    pub fn verify(dir: &Path, disk: &Disk) -> Result<Verified, SpoolError> {
        verify::verify(dir, disk)
    }

    fn keep_writer(&self, writer: Writer) {
        *self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
    }

    fn start(&mut self, writer: Writer) -> Result<(), SpoolError> {
        let shared = Arc::clone(&self.shared);
        self.spawn("spool-commit", move || commit(&shared, writer))?;
        let shared = Arc::clone(&self.shared);
        self.spawn("spool-keep", move || {
            let _guard = Guard(&shared);
            keeper::run(&shared);
        })
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), SpoolError> {
        let thread = thread::Builder::new().name(name.into()).spawn(work);
        let thread = thread
            .map_err(|cause| SpoolError::io("start a thread for", &self.shared.folders.whole, &cause))?;
        self.threads.push(thread);
        Ok(())
    }
}

/// Makes the folders and takes the lock.
fn prepare(dir: &Path, disk: &Disk) -> Result<Lock, SpoolError> {
    let folders = shared::Folders::of(dir);
    for folder in [&folders.segments, &folders.big, &folders.hints] {
        disk.create_dir(folder).map_err(|cause| SpoolError::io("make", folder, &cause))?;
    }
    for folder in [dir, dir.parent().unwrap_or(dir)] {
        disk.sync_dir(folder).map_err(|cause| SpoolError::io("sync", folder, &cause))?;
    }
    let path = dir.join("lock");
    match disk.lock(&path).map_err(|cause| SpoolError::io("lock", &path, &cause))? {
        Locking::Ours(lock) => Ok(lock),
        Locking::Taken(holder) => Err(SpoolError::Locked { path: dir.to_owned(), holder }),
    }
}

/// Stops the spool if its thread ends by a panic.
struct Guard<'a>(&'a Shared);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(&SpoolError::Stopped { why: "a thread of the spool panicked".into() });
        }
    }
}

/// The committer's thread.
fn commit(shared: &Shared, mut writer: Writer) {
    let _guard = Guard(shared);
    // Since when something is written and not synced.
    let mut loose: Option<Instant> = None;
    loop {
        loose = match writer.written() {
            Written::AllDurable => None,
            Written::SomeNot => loose.or_else(|| Some(Instant::now())),
        };
        let most = loose.map(|since| OUTCOME_SYNC.saturating_sub(since.elapsed()));
        match shared.queue.wait(most) {
            // A steady stream of outcomes must not put the sync off.
            Waited::Jobs(mut jobs) => {
                jobs.extend(loose.filter(|since| since.elapsed() >= OUTCOME_SYNC).map(|_| Job::sync()));
                writer.turn(shared, jobs);
            }
            Waited::Nothing => writer.turn(shared, vec![Job::sync()]),
            Waited::Closed => return writer.turn(shared, vec![Job::sync()]),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.keeper.close();
        self.shared.queue.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has stopped the spool and said so.
            let _ = thread.join();
        }
        self.shared.turn();
        let mut writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.as_mut() {
            writer.turn(&self.shared, vec![Job::sync()]);
        }
    }
}

impl Restore for Embedded {
    async fn draft_as(&self, wanted: SpoolId) -> Result<EmbeddedDraft, SpoolError> {
        room::check(&self.shared)?;
        let shared = Arc::clone(&self.shared);
        Ok(if shared.take_id(wanted) {
            EmbeddedDraft::named(shared, wanted)
        } else {
            EmbeddedDraft::new(shared)
        })
    }

    async fn restore(draft: EmbeddedDraft, message: Restored) -> Result<Receipt, SpoolError> {
        let (envelope, state) = message.into_parts()?;
        draft.commit_as(envelope, state).await
    }
}

impl Spool for Embedded {
    type Draft = EmbeddedDraft;

    async fn draft(&self) -> Result<EmbeddedDraft, SpoolError> {
        room::check(&self.shared)?;
        Ok(EmbeddedDraft::new(Arc::clone(&self.shared)))
    }

    async fn claim(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<Claim>, SpoolError> {
        self.shared.check()?;
        work::claim(&self.shared, (now, now.after(lease)), (End::Longest, most)).await
    }

    async fn claim_latest(
        &self,
        now: Timestamp,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<Claim>, SpoolError> {
        self.shared.check()?;
        work::claim(&self.shared, (now, now.after(lease)), (End::Latest, most)).await
    }

    async fn extend(&self, claim: &Claim, until: Timestamp) -> Result<(), SpoolError> {
        self.shared.check()?;
        self.shared.index().ledger.extend(claim, until)
    }

    async fn recall(
        &self,
        now: Timestamp,
        lease: Duration,
        tickets: Vec<Ticket>,
    ) -> Result<Vec<Claim>, SpoolError> {
        self.shared.check()?;
        work::recall(&self.shared, (now, now.after(lease)), &tickets).await
    }

    async fn progress(&self, claim: &Claim, outcomes: Vec<Settled>) -> Result<(), SpoolError> {
        work::settle(&self.shared, claim, (outcomes, Then::Keep)).await
    }

    async fn settle(&self, claim: Claim, outcomes: Vec<Settled>) -> Result<(), SpoolError> {
        work::settle(&self.shared, &claim, (outcomes, Then::Release)).await
    }

    async fn wait(&self) {
        self.shared.changed.notified().await;
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, SpoolError> {
        self.shared.check()?;
        Ok(self.shared.index().ledger.next_due())
    }

    async fn content(&self, id: SpoolId) -> Result<Content, SpoolError> {
        work::content(&self.shared, id).await
    }

    async fn entry(&self, id: SpoolId) -> Result<Option<Entry>, SpoolError> {
        work::entry(&self.shared, id).await
    }

    async fn list(&self, after: Option<SpoolId>, most: usize) -> Result<Vec<Entry>, SpoolError> {
        self.shared.check()?;
        work::list(&self.shared, after, most).await
    }

    async fn hold(&self, id: SpoolId) -> Result<(), SpoolError> {
        work::change(&self.shared, id, move |ledger| ledger.set_held(id, Held::Yes)).await
    }

    async fn release(&self, id: SpoolId) -> Result<(), SpoolError> {
        work::change(&self.shared, id, move |ledger| ledger.set_held(id, Held::No)).await
    }

    async fn remove(&self, id: SpoolId) -> Result<(), SpoolError> {
        work::remove(&self.shared, id).await
    }

    async fn retry(&self, id: SpoolId, now: Timestamp) -> Result<(), SpoolError> {
        work::change(&self.shared, id, move |ledger| ledger.retry(id, now)).await
    }

    async fn stats(&self) -> Stats {
        let index = self.shared.index();
        let held = index.ledger.behind(None).filter(|(_, message)| message.standing == Standing::Held);
        Stats {
            messages: index.ledger.len() as u64,
            held: held.count() as u64,
            claimed: index.ledger.claimed() as u64,
            octets: Octets(index.octets),
            segments: index.segments.len() as u64,
            spare_segments: index.spare.len() as u64,
            syncs: index.syncs,
            rewritten: index.rewritten,
            freed: index.freed,
            damaged: index.damaged.len() as u64,
        }
    }

    async fn failed(&self) -> SpoolError {
        self.shared.failed().await
    }
}
