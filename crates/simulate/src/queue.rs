//! The spool of a run: the real one, and what is wrong with it where a run is to find that.

use std::collections::BTreeSet;
use std::future::pending;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use gatepost_mail::{Envelope, SpoolId, Timestamp};
use gatepost_spool::{
    Claim, Content, Draft, Embedded, EmbeddedDraft, Entry, Memory, MemoryDraft, Receipt, Settled, Spool,
    SpoolError, Stats, Ticket,
};
use tokio::sync::Notify;
use tokio::time::sleep;

/// Outcomes are synced so long after the last one was written, as the engine's own thread does it.
const OUTCOME_SYNC: Duration = Duration::from_millis(250);
/// How far a receipt is ahead of its message.
const EARLY: Duration = Duration::from_millis(200);
/// Most messages that one life is handed: far more than any run needs. A server that tries the same one again and again without a
/// moment between would else stop the clock, and the run would never end.
const MOST_CLAIMS: usize = 2_000;

/// What is wrong on purpose, so that the simulation can show that it finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bug {
    /// Nothing.
    #[default]
    None,
    /// The disk says that it has synced, and has not.
    NoSync,
    /// A receipt is given before its message is on the disk.
    EarlyReceipt,
    /// The first outcome of every fourth message is forgotten.
    ForgottenOutcome,
    /// A message is settled as delivered when it was to be tried again.
    GivenUp,
}

impl FromStr for Bug {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "none" => Ok(Self::None),
            "no-sync" => Ok(Self::NoSync),
            "early-receipt" => Ok(Self::EarlyReceipt),
            "forgotten-outcome" => Ok(Self::ForgottenOutcome),
            "given-up" => Ok(Self::GivenUp),
            _ => Err(()),
        }
    }
}

/// The real spool, with what is wrong with it.
#[derive(Debug)]
pub(crate) struct Queue {
    spool: Arc<Embedded>,
    bug: Bug,
    /// Makes receipts that prove nothing.
    promises: Option<Memory>,
    settled: Arc<Notify>,
    /// Messages handed out so far, each as often as it was.
    claims: AtomicUsize,
    /// Messages of which an outcome was forgotten.
    forgotten: Mutex<BTreeSet<u64>>,
}

/// A message on its way in.
#[derive(Debug)]
pub(crate) enum Incoming {
    Honest(EmbeddedDraft),
    Early(EmbeddedDraft, MemoryDraft),
}

impl Queue {
    pub(crate) fn new(spool: Embedded, bug: Bug, now: Timestamp) -> Self {
        let promises = (bug == Bug::EarlyReceipt).then(|| Memory::new(now));
        Self {
            spool: Arc::new(spool),
            bug,
            promises,
            settled: Arc::default(),
            claims: AtomicUsize::new(0),
            forgotten: Mutex::default(),
        }
    }

    /// Whether more was handed out than a life can need.
    pub(crate) fn is_spent(&self) -> bool {
        self.claims.load(Ordering::Relaxed) > MOST_CLAIMS
    }

    /// Counts what is handed out; nothing more is once the life has had its share.
    async fn counted(&self, claims: Result<Vec<Claim>, SpoolError>) -> Result<Vec<Claim>, SpoolError> {
        let handed = claims.as_ref().map_or(0, Vec::len);
        self.claims.fetch_add(handed, Ordering::Relaxed);
        if self.is_spent() {
            return pending().await;
        }
        claims
    }

    /// Syncs outcomes in time, for ever.
    pub(crate) fn keep_synced(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let (queue, settled) = (Arc::downgrade(self), self.settled.clone());
        async move {
            loop {
                settled.notified().await;
                sleep(OUTCOME_SYNC).await;
                let Some(queue) = Weak::upgrade(&queue) else { return pending().await };
                queue.spool.sync_outcomes();
            }
        }
    }

    /// Whether this message has kept its outcomes so far.
    fn forget(&self, id: SpoolId) -> bool {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).insert(id.number())
    }

    /// What the outcomes become.
    fn bent(&self, id: SpoolId, mut outcomes: Vec<Settled>) -> Vec<Settled> {
        match self.bug {
            Bug::ForgottenOutcome if id.number().is_multiple_of(4) && self.forget(id) => Vec::new(),
            Bug::GivenUp => {
                for settled in &mut outcomes {
                    settled.outcome = gatepost_spool::Outcome::Delivered;
                }
                outcomes
            }
            Bug::ForgottenOutcome | Bug::None | Bug::NoSync | Bug::EarlyReceipt => outcomes,
        }
    }
}

impl Spool for Queue {
    type Draft = Incoming;

    async fn draft(&self) -> Result<Incoming, SpoolError> {
        let real = self.spool.draft().await?;
        match &self.promises {
            None => Ok(Incoming::Honest(real)),
            Some(promises) => Ok(Incoming::Early(real, promises.draft().await?)),
        }
    }

    async fn claim(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<Claim>, SpoolError> {
        self.counted(self.spool.claim(now, lease, most).await).await
    }

    async fn claim_latest(
        &self,
        now: Timestamp,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<Claim>, SpoolError> {
        self.counted(self.spool.claim_latest(now, lease, most).await).await
    }

    async fn recall(
        &self,
        now: Timestamp,
        lease: Duration,
        tickets: Vec<Ticket>,
    ) -> Result<Vec<Claim>, SpoolError> {
        self.counted(self.spool.recall(now, lease, tickets).await).await
    }

    async fn extend(&self, claim: &Claim, until: Timestamp) -> Result<(), SpoolError> {
        self.spool.extend(claim, until).await
    }

    async fn progress(&self, claim: &Claim, outcomes: Vec<Settled>) -> Result<(), SpoolError> {
        let outcomes = self.bent(claim.id, outcomes);
        self.settled.notify_one();
        self.spool.progress(claim, outcomes).await
    }

    async fn settle(&self, claim: Claim, outcomes: Vec<Settled>) -> Result<(), SpoolError> {
        let outcomes = self.bent(claim.id, outcomes);
        self.settled.notify_one();
        self.spool.settle(claim, outcomes).await
    }

    async fn wait(&self) {
        self.spool.wait().await;
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, SpoolError> {
        self.spool.next_due().await
    }

    async fn content(&self, id: SpoolId) -> Result<Content, SpoolError> {
        self.spool.content(id).await
    }

    async fn entry(&self, id: SpoolId) -> Result<Option<Entry>, SpoolError> {
        self.spool.entry(id).await
    }

    async fn list(&self, after: Option<SpoolId>, most: usize) -> Result<Vec<Entry>, SpoolError> {
        self.spool.list(after, most).await
    }

    async fn hold(&self, id: SpoolId) -> Result<(), SpoolError> {
        self.spool.hold(id).await
    }

    async fn release(&self, id: SpoolId) -> Result<(), SpoolError> {
        self.spool.release(id).await
    }

    async fn remove(&self, id: SpoolId) -> Result<(), SpoolError> {
        self.spool.remove(id).await
    }

    async fn retry(&self, id: SpoolId, now: Timestamp) -> Result<(), SpoolError> {
        self.spool.retry(id, now).await
    }

    async fn stats(&self) -> Stats {
        self.spool.stats().await
    }

    async fn failed(&self) -> SpoolError {
        self.spool.failed().await
    }
}

impl Draft for Incoming {
    fn id(&self) -> SpoolId {
        match self {
            Self::Honest(real) | Self::Early(real, _) => real.id(),
        }
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        match self {
            Self::Honest(real) | Self::Early(real, _) => real.write(octets).await,
        }
    }

    async fn commit(self, envelope: Envelope, due: Timestamp) -> Result<Receipt, SpoolError> {
        match self {
            Self::Honest(real) => real.commit(envelope, due).await,
            Self::Early(real, promise) => {
                let receipt = promise.commit(envelope.clone(), due).await;
                tokio::spawn(async move {
                    sleep(EARLY).await;
                    // Whoever waited has its receipt long since.
                    drop(real.commit(envelope, due).await);
                });
                receipt
            }
        }
    }
}
