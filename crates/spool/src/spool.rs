//! The trait that every engine fulfils.

use std::future::Future;
use std::time::Duration;

use gatepost_mail::{Envelope, SpoolId, Timestamp};

use crate::{Claim, Content, Entry, Receipt, Settled, SpoolError, Stats, Ticket};

/// Most messages that one call of [`Spool::list`] gives.
pub const LIST_LIMIT: usize = 1000;

/// Messages that survive a crash. Every engine passes [`crate::contract::suite`].
///
/// A message is committed once, claimed and settled until each of its recipients is delivered or failed, and
/// then it is gone. What was committed is never lost. What was settled in the last moments before a crash may
/// be, so that an attempt is repeated: moments of a sync if the process is killed, a fraction of a second if
/// the power is cut.
pub trait Spool: Send + Sync + 'static {
    /// Content on its way in.
    type Draft: Draft;

    /// Opens room for one message and gives it its id.
    ///
    /// # Errors
    ///
    /// [`SpoolError::NoRoom`] while the disk is too full, [`SpoolError::Stopped`] after a failure.
    fn draft(&self) -> impl Future<Output = Result<Self::Draft, SpoolError>> + Send;

    /// Lends at most `most` messages with due recipients to the caller until `now` plus `lease`, those that are
    /// due longest first. Messages whose lease has ended are due again.
    ///
    /// If the call is dropped while it waits, what it took comes back when the lease ends. A message whose
    /// envelope turns out to be damaged is held and left out.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Stopped`] after a failure.
    fn claim(
        &self,
        now: Timestamp,
        lease: Duration,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Claim>, SpoolError>> + Send;

    /// The same, but where more than `most` are due, those that are due last: what has just come need not wait
    /// behind a backlog.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Stopped`] after a failure.
    fn claim_latest(
        &self,
        now: Timestamp,
        lease: Duration,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Claim>, SpoolError>> + Send;

    /// Moves the end of a lease. Ask before an attempt is begun: an answer other than `Ok` says that it must
    /// not be.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Stale`] if another worker has it by now, [`SpoolError::NotFound`] if it was removed,
    /// [`SpoolError::Stopped`] after a failure: what is delivered then could not be written down.
    /// [`SpoolError::Held`] if it was held since. A lease on a held message is moved all the same, so that a
    /// release does not let a second attempt begin beside one that runs; whoever has not begun gives it back by
    /// [`Spool::settle`] without outcomes, and then a release makes it due at once.
    fn extend(&self, claim: &Claim, until: Timestamp) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// Claims once more what is lent already, from `now` for `lease`, with what is due by now: for whoever put a
    /// message aside without keeping its envelope. Those whose lease has ended, and those held or removed since,
    /// are left out.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Stopped`] after a failure.
    fn recall(
        &self,
        now: Timestamp,
        lease: Duration,
        tickets: Vec<Ticket>,
    ) -> impl Future<Output = Result<Vec<Claim>, SpoolError>> + Send;

    /// Records what came of some recipients and keeps the claim, so that a crash repeats less of it.
    ///
    /// # Errors
    ///
    /// As [`Spool::settle`].
    fn progress(
        &self,
        claim: &Claim,
        outcomes: Vec<Settled>,
    ) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// Ends a claim. Due recipients without an outcome stay as they were and are due at once; a recipient that
    /// is done stays done; an attempt is counted once per claim. The same call twice is the same as once. A
    /// message whose recipients are all done is gone.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Stale`] if the lease had ended and another worker has claimed the message since. A
    /// message that is gone is no error.
    fn settle(
        &self,
        claim: Claim,
        outcomes: Vec<Settled>,
    ) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// Resolves when something may have become due that was not: a commit, a release, a retry, a settled
    /// message. What happens between a claim and this call is not missed. It does not watch the clock: wait for
    /// [`Spool::next_due`] beside it. For one dispatcher; of several, one wakes.
    fn wait(&self) -> impl Future<Output = ()> + Send;

    /// The earliest moment at which something is due or a lease ends.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Stopped`] after a failure.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, SpoolError>> + Send;

    /// The content of a message, from its start.
    ///
    /// # Errors
    ///
    /// [`SpoolError::NotFound`], or [`SpoolError::Io`] if it cannot be opened.
    fn content(&self, id: SpoolId) -> impl Future<Output = Result<Content, SpoolError>> + Send;

    /// One message as operators see it.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Damaged`] if its envelope cannot be read.
    fn entry(&self, id: SpoolId) -> impl Future<Output = Result<Option<Entry>, SpoolError>> + Send;

    /// The messages behind `after`, oldest first, at most `most` and at most [`LIST_LIMIT`]. Ones whose
    /// envelope cannot be read are left out; [`Spool::stats`] counts them.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Stopped`] after a failure.
    fn list(
        &self,
        after: Option<SpoolId>,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, SpoolError>> + Send;

    /// Keeps a message from being claimed until it is released. Survives a crash once this returns.
    ///
    /// # Errors
    ///
    /// [`SpoolError::NotFound`].
    fn hold(&self, id: SpoolId) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// Lets a held message go on. Survives a crash once this returns.
    ///
    /// # Errors
    ///
    /// [`SpoolError::NotFound`].
    fn release(&self, id: SpoolId) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// Ends a message without delivering it; also one that is too damaged to be listed. Survives a crash once
    /// this returns.
    ///
    /// # Errors
    ///
    /// [`SpoolError::NotFound`].
    fn remove(&self, id: SpoolId) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// Makes all waiting recipients of a message due at `now`. Survives a crash once this returns.
    ///
    /// # Errors
    ///
    /// [`SpoolError::NotFound`].
    fn retry(&self, id: SpoolId, now: Timestamp) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// How full it is.
    fn stats(&self) -> impl Future<Output = Stats> + Send;

    /// Resolves with the cause once the spool has stopped for good: the program must end then. A spool that
    /// works never resolves it.
    fn failed(&self) -> impl Future<Output = SpoolError> + Send;
}

/// One message on its way in. Dropping it leaves nothing behind.
pub trait Draft: Send + Sync + 'static {
    /// The id that the message will have: never used before and larger than every earlier one.
    fn id(&self) -> SpoolId;

    /// Adds octets to the content. Dropped while it waits, the draft must be dropped too.
    ///
    /// # Errors
    ///
    /// [`SpoolError::NoRoom`], [`SpoolError::TooLarge`] or [`SpoolError::Io`]: drop the draft.
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// Puts the message on stable storage, due at `due`. With the receipt in hand, it is there whatever is
    /// killed or unplugged next. Dropped while it waits, the message may be committed or not.
    ///
    /// # Errors
    ///
    /// Any: the message is not committed, except for [`SpoolError::Stopped`], which leaves it open.
    fn commit(
        self,
        envelope: Envelope,
        due: Timestamp,
    ) -> impl Future<Output = Result<Receipt, SpoolError>> + Send;
}
