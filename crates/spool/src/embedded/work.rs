//! What the spool's calls do.

use std::sync::Arc;

use gatepost_mail::{Octets, SpoolId, Timestamp};

use super::index::{Index, Kept};
use super::queue::{Job, Task};
use super::read::{Found, Lookup, Stored};
use super::shared::Shared;
use crate::claim::Fence;
use crate::ledger::{self, Change, End, Ledger, Then, Whys};
use crate::record::{Frame, Kind, StateMeta};
use crate::{Claim, Content, Entry, LIST_LIMIT, Settled, SpoolError, Ticket};

/// How often a change is tried again because something else changed the message meanwhile.
const TRIES: usize = 16;

/// A message lent, not yet read.
struct Taken {
    lookup: Lookup,
    fence: Fence,
}

/// What is known of a message without reading.
fn known(index: &Index, lookup: &Lookup) -> Option<Found> {
    let warm = index.hot.get(lookup.id)?;
    let whys = match index.loose.get(&lookup.id) {
        Some(loose) => loose.whys.clone(),
        None if lookup.kept.state.is_none() => Whys::new(),
        None => return None,
    };
    Some(Found { envelope: Arc::clone(&warm.envelope), whys, crc: 0, doubt: None })
}

pub(super) async fn claim(
    shared: &Arc<Shared>,
    (now, until): (Timestamp, Timestamp),
    which: (End, usize),
) -> Result<Vec<Claim>, SpoolError> {
    let taken = shared.index().ledger.take_due((now, until), which);
    read(shared, taken, now).await
}

/// As [`crate::Spool::recall`].
pub(super) async fn recall(
    shared: &Arc<Shared>,
    (now, until): (Timestamp, Timestamp),
    tickets: &[Ticket],
) -> Result<Vec<Claim>, SpoolError> {
    let renewed = shared.index().ledger.renew((now, until), tickets);
    read(shared, renewed, now).await
}

/// Makes claims of what is lent, from memory or from disk.
async fn read(
    shared: &Arc<Shared>,
    taken: Vec<(SpoolId, Fence)>,
    now: Timestamp,
) -> Result<Vec<Claim>, SpoolError> {
    let mut claims = Vec::new();
    let mut cold = Vec::new();
    {
        let mut index = shared.index();
        index.now = index.now.max(now);
        for (id, fence) in taken {
            let Some(lookup) = index.lookup(id) else { continue };
            let taken = Taken { lookup, fence };
            match known(&index, &taken.lookup) {
                Some(found) => claims.extend(lend(&mut index, taken, found, now)),
                None => cold.push(taken),
            }
        }
    }
    if cold.is_empty() {
        return Ok(claims);
    }
    let read = shared.blocking(move || {
        let read = cold.into_iter().map(|taken| (taken.lookup.read(), taken));
        read.collect::<Vec<_>>()
    });
    for (found, taken) in read.await? {
        match found {
            Ok(found) => claims.extend(lend(&mut shared.index(), taken, found, now)),
            // Only this message: it is held, and named to whoever lists or verifies.
            Err(_unreadable) => shared.damaged(taken.lookup.id),
        }
    }
    Ok(claims)
}

/// Makes the claim; nothing if the message is gone by now.
fn lend(index: &mut Index, taken: Taken, found: Found, now: Timestamp) -> Option<Claim> {
    let Taken { lookup: Lookup { id, kept, .. }, fence } = taken;
    if found.doubt.is_some() {
        index.damaged.insert(id);
    }
    // What is in memory is newer than what was read.
    let loose = index.loose.entry(id).or_default();
    if loose.unwritten == 0 && loose.whys.is_empty() {
        loose.whys = found.whys;
    }
    let message = index.ledger.get(id)?;
    let due = ledger::due(&message.states, &loose.whys, now);
    Some(Claim { id, envelope: found.envelope, size: Octets(kept.size), due, fence })
}

pub(super) async fn settle(
    shared: &Shared,
    claim: &Claim,
    (outcomes, then): (Vec<Settled>, Then),
) -> Result<(), SpoolError> {
    shared.check()?;
    let told = {
        let mut index = shared.index();
        let job = match index.ledger.settle(claim, &outcomes, then)? {
            Change::Nothing => {
                index.tidy_loose(claim.id);
                None
            }
            Change::States => {
                let recipients = claim.envelope.recipients.len();
                ledger::note_whys(&mut index.loose.entry(claim.id).or_default().whys, outcomes, recipients);
                state_job(&mut index, claim.id)
            }
            Change::Ended => Some(gone_job(claim.id)),
        };
        match job {
            None => None,
            // The disk cannot keep up: whoever brings more waits for it.
            Some(job) if shared.queue.is_long() => Some(shared.push_told(job)?),
            Some(job) => {
                shared.push(job)?;
                None
            }
        }
    };
    shared.changed.notify_one();
    match told {
        Some(told) => shared.told(told).await,
        None => {
            shared.drive().await;
            shared.check()
        }
    }
}

/// The states of a message as they are now, to be written.
fn state_job(index: &mut Index, id: SpoolId) -> Option<Job> {
    let message = index.ledger.get(id)?;
    let loose = index.loose.entry(id).or_default();
    loose.unwritten += 1;
    let whys = loose.whys.clone();
    let state = StateMeta { standing: message.standing, states: message.states.clone(), whys };
    Some(Job::soon(Frame::bare(id, Kind::State, |bytes| state.write(bytes)), Task::State))
}

fn gone_job(id: SpoolId) -> Job {
    Job::soon(Frame::bare(id, Kind::Gone, |_| {}), Task::Gone)
}

/// Changes a message for an operator; durable once it returns.
pub(super) async fn change(
    shared: &Arc<Shared>,
    id: SpoolId,
    change: impl Fn(&mut Ledger<Kept>) -> Result<(), SpoolError>,
) -> Result<(), SpoolError> {
    shared.check()?;
    for _ in 0..TRIES {
        let lookup = shared.index().lookup(id).ok_or(SpoolError::NotFound { id })?;
        let found = look(shared, &lookup).await?;
        let told = {
            let mut index = shared.index();
            let now = index.ledger.get(id).ok_or(SpoolError::NotFound { id })?.place;
            if now != lookup.kept && !index.loose.contains_key(&id) {
                continue;
            }
            change(&mut index.ledger)?;
            index.loose.entry(id).or_insert_with(|| super::index::Loose { whys: found.whys, unwritten: 0 });
            let Some(job) = state_job(&mut index, id) else { continue };
            shared.push_told(job.durable_now())?
        };
        shared.told(told).await?;
        shared.changed.notify_one();
        return Ok(());
    }
    Err(SpoolError::Stale { id })
}

pub(super) async fn remove(shared: &Shared, id: SpoolId) -> Result<(), SpoolError> {
    shared.check()?;
    let told = {
        let mut index = shared.index();
        match index.ledger.end(id) {
            // What is left of a damaged message can be given up too; at the next start its space is free.
            Err(_) if index.damaged.remove(&id) => {}
            ended => ended?,
        }
        shared.push_told(gone_job(id).durable_now())?
    };
    shared.told(told).await
}

/// Envelope and reasons, from memory or from disk.
async fn look(shared: &Arc<Shared>, lookup: &Lookup) -> Result<Found, SpoolError> {
    if let Some(found) = known(&shared.index(), lookup) {
        return Ok(found);
    }
    let lookup = lookup.clone();
    shared.blocking(move || lookup.read()).await?
}

pub(super) async fn content(shared: &Arc<Shared>, id: SpoolId) -> Result<Content, SpoolError> {
    let lookup = {
        let index = shared.index();
        let lookup = index.lookup(id).ok_or(SpoolError::NotFound { id })?;
        let warm = index.hot.get(id).and_then(|warm| Some((&warm.record, warm.content.clone()?)));
        if let Some((record, content)) = warm {
            return Ok(Content::in_memory(Arc::clone(record), content));
        }
        lookup
    };
    let inner = Arc::clone(shared);
    let stored = shared.blocking(move || Stored::open(inner, &lookup)).await??;
    Ok(Content::stored(stored))
}

pub(super) async fn entry(shared: &Arc<Shared>, id: SpoolId) -> Result<Option<Entry>, SpoolError> {
    shared.check()?;
    for _ in 0..TRIES {
        let Some(lookup) = shared.index().lookup(id) else { return Ok(None) };
        let found = look(shared, &lookup).await?;
        if let Shown::Entry(entry) = show(&shared.index(), &lookup, found) {
            return Ok(entry);
        }
    }
    Err(SpoolError::Stale { id })
}

/// What came of showing a message.
enum Shown {
    /// As it is; nothing if it is gone by now.
    Entry(Option<Entry>),
    /// It was written anew while it was read.
    Changed,
}

fn show(index: &Index, lookup: &Lookup, found: Found) -> Shown {
    let id = lookup.id;
    let Some(message) = index.ledger.get(id) else { return Shown::Entry(None) };
    let whys = match index.loose.get(&id) {
        Some(loose) => &loose.whys,
        None if message.place == lookup.kept => &found.whys,
        None => return Shown::Changed,
    };
    Shown::Entry(Some(Entry {
        id,
        size: Octets(message.place.size),
        held: message.standing.held(),
        recipients: ledger::shown(&message.states, whys),
        leased: index.ledger.leased(id),
        envelope: found.envelope,
    }))
}

pub(super) async fn list(
    shared: &Arc<Shared>,
    after: Option<SpoolId>,
    most: usize,
) -> Result<Vec<Entry>, SpoolError> {
    let lookups: Vec<(Lookup, Option<Found>)> = {
        let index = shared.index();
        let ids = index.ledger.behind(after).take(most.min(LIST_LIMIT)).map(|(id, _)| id);
        let lookups = ids.filter_map(|id| index.lookup(id));
        lookups
            .map(|lookup| {
                let found = known(&index, &lookup);
                (lookup, found)
            })
            .collect()
    };
    let read = shared.blocking(move || {
        let read = |(lookup, found): (Lookup, Option<Found>)| {
            let found = found.map_or_else(|| lookup.read(), Ok);
            (lookup, found)
        };
        lookups.into_iter().map(read).collect::<Vec<_>>()
    });
    let mut entries = Vec::new();
    for (lookup, found) in read.await? {
        let shown = match found {
            Ok(found) => show(&shared.index(), &lookup, found),
            Err(SpoolError::Damaged { id, .. }) => {
                shared.damaged(id);
                continue;
            }
            Err(error) => return Err(error),
        };
        entries.extend(match shown {
            Shown::Entry(entry) => entry,
            Shown::Changed => self::entry(shared, lookup.id).await?,
        });
    }
    Ok(entries)
}
