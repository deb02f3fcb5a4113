//! The engine for tests and the demo: everything is gone when it is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_mail::{Envelope, Octets, SpoolId, Timestamp};
use tokio::sync::Notify;

use crate::claim::Fence;
use crate::embedded::Record;
use crate::ids::Ids;
use crate::ledger::{self, Change, End, Ledger, Message, Standing, States, Then, Whys};
use crate::{
    Claim, Content, Draft, Entry, Held, LIST_LIMIT, Receipt, Settled, Spool, SpoolError, Stats, Ticket,
};

/// Largest message.
const CONTENT_LIMIT: Octets = Octets::mib(256);

/// A spool that keeps everything in memory.
#[derive(Debug)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ids: Ids,
    ledger: Mutex<Ledger<Kept>>,
    changed: Notify,
}

#[derive(Debug)]
struct Kept {
    envelope: Arc<Envelope>,
    content: Arc<Record>,
    whys: Whys,
}

impl Memory {
    /// An empty spool whose ids begin at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let shared = Shared { ids: Ids::starting(now), ledger: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<Kept>> {
        self.shared.ledger()
    }

    fn lend(&self, (now, until): (Timestamp, Timestamp), which: (End, usize)) -> Vec<Claim> {
        let mut ledger = self.ledger();
        let taken = ledger.take_due((now, until), which);
        claims(&ledger, taken, now)
    }

    /// Settles and drops what is done.
    fn take(&self, claim: &Claim, outcomes: Vec<Settled>, then: Then) -> Result<(), SpoolError> {
        let mut ledger = self.ledger();
        match ledger.settle(claim, &outcomes, then)? {
            Change::Nothing => {}
            Change::States => {
                let recipients = claim.envelope.recipients.len();
                if let Some(kept) = ledger.place_mut(claim.id) {
                    ledger::note_whys(&mut kept.whys, outcomes, recipients);
                }
            }
            Change::Ended => drop(ledger.drop_message(claim.id)),
        }
        self.shared.changed.notify_one();
        Ok(())
    }

    fn change(
        &self,
        id: SpoolId,
        change: impl FnOnce(&mut Ledger<Kept>, SpoolId) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        change(&mut self.ledger(), id)?;
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl Shared {
    /// A panic elsewhere leaves the ledger whole: each change to it is made by calls that do not panic.
    fn ledger(&self) -> MutexGuard<'_, Ledger<Kept>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn claims(ledger: &Ledger<Kept>, taken: Vec<(SpoolId, Fence)>, now: Timestamp) -> Vec<Claim> {
    let claim = |(id, fence)| {
        let Message { place, states, .. } = ledger.get(id)?;
        Some(Claim {
            id,
            envelope: Arc::clone(&place.envelope),
            size: Octets::of(&place.content),
            due: ledger::due(states, &place.whys, now),
            fence,
        })
    };
    taken.into_iter().filter_map(claim).collect()
}

fn entry(ledger: &Ledger<Kept>, id: SpoolId, message: &Message<Kept>) -> Entry {
    Entry {
        id,
        envelope: Arc::clone(&message.place.envelope),
        size: Octets::of(&message.place.content),
        held: message.standing.held(),
        recipients: ledger::shown(&message.states, &message.place.whys),
        leased: ledger.leased(id),
    }
}

impl Spool for Memory {
    type Draft = MemoryDraft;

    async fn draft(&self) -> Result<MemoryDraft, SpoolError> {
        let shared = Arc::clone(&self.shared);
        Ok(MemoryDraft { id: shared.ids.next(), content: Vec::new(), shared })
    }

    async fn claim(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<Claim>, SpoolError> {
        Ok(self.lend((now, now.after(lease)), (End::Longest, most)))
    }

    async fn claim_latest(
        &self,
        now: Timestamp,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<Claim>, SpoolError> {
        Ok(self.lend((now, now.after(lease)), (End::Latest, most)))
    }

    async fn extend(&self, claim: &Claim, until: Timestamp) -> Result<(), SpoolError> {
        self.ledger().extend(claim, until)
    }

    async fn recall(
        &self,
        now: Timestamp,
        lease: Duration,
        tickets: Vec<Ticket>,
    ) -> Result<Vec<Claim>, SpoolError> {
        let mut ledger = self.ledger();
        let renewed = ledger.renew((now, now.after(lease)), &tickets);
        Ok(claims(&ledger, renewed, now))
    }

    async fn progress(&self, claim: &Claim, outcomes: Vec<Settled>) -> Result<(), SpoolError> {
        self.take(claim, outcomes, Then::Keep)
    }

    async fn settle(&self, claim: Claim, outcomes: Vec<Settled>) -> Result<(), SpoolError> {
        self.take(&claim, outcomes, Then::Release)
    }

    async fn wait(&self) {
        self.shared.changed.notified().await;
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, SpoolError> {
        Ok(self.ledger().next_due())
    }

    async fn content(&self, id: SpoolId) -> Result<Content, SpoolError> {
        let ledger = self.ledger();
        let message = ledger.get(id).ok_or(SpoolError::NotFound { id })?;
        let content = &message.place.content;
        Ok(Content::in_memory(Arc::clone(content), 0..content.len()))
    }

    async fn entry(&self, id: SpoolId) -> Result<Option<Entry>, SpoolError> {
        let ledger = self.ledger();
        Ok(ledger.get(id).map(|message| entry(&ledger, id, message)))
    }

    async fn list(&self, after: Option<SpoolId>, most: usize) -> Result<Vec<Entry>, SpoolError> {
        let ledger = self.ledger();
        let page = ledger.behind(after).take(most.min(LIST_LIMIT));
        Ok(page.map(|(id, message)| entry(&ledger, id, message)).collect())
    }

    async fn hold(&self, id: SpoolId) -> Result<(), SpoolError> {
        self.change(id, |ledger, id| ledger.set_held(id, Held::Yes))
    }

    async fn release(&self, id: SpoolId) -> Result<(), SpoolError> {
        self.change(id, |ledger, id| ledger.set_held(id, Held::No))
    }

    async fn remove(&self, id: SpoolId) -> Result<(), SpoolError> {
        self.change(id, |ledger, id| {
            ledger.end(id)?;
            drop(ledger.drop_message(id));
            Ok(())
        })
    }

    async fn retry(&self, id: SpoolId, now: Timestamp) -> Result<(), SpoolError> {
        self.change(id, |ledger, id| ledger.retry(id, now))
    }

    async fn stats(&self) -> Stats {
        let ledger = self.ledger();
        let sizes = ledger.behind(None).map(|(_, message)| Octets::of(&message.place.content));
        Stats {
            messages: ledger.len() as u64,
            held: ledger.behind(None).filter(|(_, message)| message.standing == Standing::Held).count()
                as u64,
            claimed: ledger.claimed() as u64,
            octets: sizes.fold(Octets(0), |sum, size| sum + size),
            ..Stats::default()
        }
    }

    async fn failed(&self) -> SpoolError {
        std::future::pending().await
    }
}

/// A message on its way into a [`Memory`] spool.
#[derive(Debug)]
pub struct MemoryDraft {
    id: SpoolId,
    content: Vec<u8>,
    shared: Arc<Shared>,
}

impl Draft for MemoryDraft {
    fn id(&self) -> SpoolId {
        self.id
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        if Octets::of(&self.content) + Octets::of(octets) > CONTENT_LIMIT {
            return Err(SpoolError::TooLarge { limit: CONTENT_LIMIT });
        }
        self.content.extend_from_slice(octets);
        Ok(())
    }

    async fn commit(self, envelope: Envelope, due: Timestamp) -> Result<Receipt, SpoolError> {
        let recipients = envelope.recipients.len();
        if recipients == 0 {
            return Err(SpoolError::NoRecipients);
        }
        let place =
            Kept { envelope: Arc::new(envelope), content: Arc::new(self.content.into()), whys: Whys::new() };
        let states = States::fresh(recipients, due);
        let message = Message { place, states, standing: Standing::Open };
        self.shared.ledger().insert(self.id, message);
        self.shared.changed.notify_one();
        Ok(Receipt::new(self.id))
    }
}
