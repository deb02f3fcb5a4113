//! Which messages there are, which are due and who works on them: the part that all engines share.
//!
//! `P` is where the engine keeps the rest of a message. Nothing here does I/O or knows the time.

mod shelf;
mod states;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use gatepost_mail::{SpoolId, Timestamp};

use self::shelf::Shelf;
pub(crate) use self::states::{Phase, State, States};
use crate::claim::Fence;
use crate::{Claim, Due, Held, Outcome, RecipientState, Settled, SpoolError, Ticket};

/// How many ended claims are remembered, so that ending one twice is told from ending somebody else's.
const FINISHED_LIMIT: usize = 4096;

/// One message.
#[derive(Debug)]
pub(crate) struct Message<P> {
    pub(crate) place: P,
    pub(crate) states: States,
    pub(crate) standing: Standing,
}

/// Whether a message may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    Held,
    /// Done; it stays until the engine has written that down.
    Ended,
}

impl Standing {
    pub(crate) const fn held(self) -> Held {
        match self {
            Self::Held => Held::Yes,
            Self::Open | Self::Ended => Held::No,
        }
    }
}

/// What a call changed, and so what the engine has to write down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    States,
    Ended,
}

/// What becomes of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Keep,
    Release,
}

/// Which of the messages that are due are taken where not all are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Longest,
    Latest,
}

#[derive(Debug)]
struct Lease {
    fence: Fence,
    until: Timestamp,
    /// Recipients whose attempt was counted under this claim.
    counted: BTreeSet<u32>,
}

/// All messages of one spool.
#[derive(Debug)]
pub(crate) struct Ledger<P> {
    messages: Shelf<SpoolId, Message<P>>,
    /// Open messages that nobody works on, by the time of their first due recipient.
    due: Shelf<(Timestamp, SpoolId), ()>,
    leases: HashMap<SpoolId, Lease>,
    /// Leases that have not ended. One that has stays in `leases`, so that a late worker may still settle if
    /// no other has claimed the message.
    running: BTreeSet<(Timestamp, SpoolId)>,
    last_fence: u64,
    /// Claims that were ended; fences rise, so the first is the oldest.
    finished: BTreeSet<Fence>,
    ended: usize,
}

impl<P> Default for Ledger<P> {
    fn default() -> Self {
        Self {
            messages: Shelf::default(),
            due: Shelf::default(),
            leases: HashMap::new(),
            running: BTreeSet::new(),
            last_fence: 0,
            finished: BTreeSet::new(),
            ended: 0,
        }
    }
}

impl<P> Ledger<P> {
    /// Adds a message, or replaces one of the same id.
    pub(crate) fn insert(&mut self, id: SpoolId, message: Message<P>) -> Option<Message<P>> {
        let before = self.drop_message(id);
        self.messages.insert(id, message);
        self.enlist(id);
        before
    }

    /// Forgets a message, whatever its standing.
    pub(crate) fn drop_message(&mut self, id: SpoolId) -> Option<Message<P>> {
        self.unlist(id);
        self.end_lease(id);
        let message = self.messages.remove(id)?;
        self.ended -= usize::from(message.standing == Standing::Ended);
        Some(message)
    }

    /// A message that is not done.
    pub(crate) fn get(&self, id: SpoolId) -> Option<&Message<P>> {
        self.messages.get(id).filter(|message| message.standing != Standing::Ended)
    }

    /// A message, also one that is done but not yet dropped.
    pub(crate) fn get_any(&self, id: SpoolId) -> Option<&Message<P>> {
        self.messages.get(id)
    }

    /// Where a message is kept, to be changed; also one that is done but not yet dropped.
    pub(crate) fn place_mut(&mut self, id: SpoolId) -> Option<&mut P> {
        self.messages.get_mut(id).map(|message| &mut message.place)
    }

    /// Messages behind `after` that are not done, oldest first.
    pub(crate) fn behind(&self, after: Option<SpoolId>) -> impl Iterator<Item = (SpoolId, &Message<P>)> {
        self.messages.above(after).filter(|(_, message)| message.standing != Standing::Ended)
    }

    /// How many are not done.
    pub(crate) fn len(&self) -> usize {
        self.messages.len() - self.ended
    }

    /// How many a worker has.
    pub(crate) fn claimed(&self) -> usize {
        self.running.len()
    }

    /// When the running lease of a message ends.
    pub(crate) fn leased(&self, id: SpoolId) -> Option<Timestamp> {
        let until = self.leases.get(&id)?.until;
        self.running.contains(&(until, id)).then_some(until)
    }

    /// Whether a worker has it, or had it and has not settled.
    pub(crate) fn has_lease(&self, id: SpoolId) -> bool {
        self.leases.contains_key(&id)
    }

    /// The earliest moment at which something is due or a lease ends.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|((due, _), ())| due);
        let lease = self.running.first().map(|(until, _)| *until);
        due.into_iter().chain(lease).min()
    }

    /// Lends at most `most` messages that are due at `now`, until `until`; the longest due come first.
    pub(crate) fn take_due(
        &mut self,
        (now, until): (Timestamp, Timestamp),
        (end, most): (End, usize),
    ) -> Vec<(SpoolId, Fence)> {
        self.end_leases(now);
        let at_most = (now, SpoolId::from_number(u64::MAX));
        let taken: Vec<SpoolId> = match end {
            End::Longest => self.due.up_to(at_most).take(most).map(|((_, id), ())| id).collect(),
            End::Latest => {
                let mut latest: Vec<SpoolId> =
                    self.due.down_from(at_most).take(most).map(|((_, id), ())| id).collect();
                latest.reverse();
                latest
            }
        };
        taken.into_iter().map(|id| (id, self.lend(id, until))).collect()
    }

    fn lend(&mut self, id: SpoolId, until: Timestamp) -> Fence {
        self.unlist(id);
        self.last_fence += 1;
        let fence = Fence(self.last_fence);
        self.leases.insert(id, Lease { fence, until, counted: BTreeSet::new() });
        self.running.insert((until, id));
        fence
    }

    /// Prolongs the leases that still run, and gives those; one of a message that is held ends.
    pub(crate) fn renew(
        &mut self,
        (now, until): (Timestamp, Timestamp),
        tickets: &[Ticket],
    ) -> Vec<(SpoolId, Fence)> {
        self.end_leases(now);
        let runs = |ticket: &&Ticket| self.renew_one(**ticket, until);
        tickets.iter().filter(runs).map(|ticket| (ticket.id, ticket.fence)).collect()
    }

    fn renew_one(&mut self, Ticket { id, fence }: Ticket, until: Timestamp) -> bool {
        let runs = self.leased(id).is_some();
        let Some(lease) = self.leases.get_mut(&id).filter(|lease| runs && lease.fence == fence) else {
            return false;
        };
        let before = std::mem::replace(&mut lease.until, until);
        self.running.remove(&(before, id));
        self.running.insert((until, id));
        let open = self.get(id).is_some_and(|message| message.standing == Standing::Open);
        if !open {
            self.end_lease(id);
        }
        open
    }

    /// Moves the end of a lease, also of a held message's, which is said.
    pub(crate) fn extend(&mut self, claim: &Claim, until: Timestamp) -> Result<(), SpoolError> {
        let id = claim.id;
        let standing = self.get(id).ok_or(SpoolError::NotFound { id })?.standing;
        self.unlist(id);
        let lease = self.leases.get_mut(&id).filter(|lease| lease.fence == claim.fence);
        let moved = lease.map(|lease| (std::mem::replace(&mut lease.until, until), id));
        if let Some(before) = moved {
            self.running.remove(&before);
            self.running.insert((until, id));
        }
        self.enlist(id);
        match (moved, standing.held()) {
            (None, _) => Err(SpoolError::Stale { id }),
            (Some(_), Held::Yes) => Err(SpoolError::Held { id }),
            (Some(_), Held::No) => Ok(()),
        }
    }

    /// Takes the outcomes into account, and ends the claim if so told.
    pub(crate) fn settle(
        &mut self,
        claim: &Claim,
        outcomes: &[Settled],
        then: Then,
    ) -> Result<Change, SpoolError> {
        let id = claim.id;
        if self.finished.contains(&claim.fence) || self.get(id).is_none() {
            return Ok(Change::Nothing);
        }
        if self.leases.get(&id).is_none_or(|lease| lease.fence != claim.fence) {
            return Err(SpoolError::Stale { id });
        }
        self.unlist(id);
        let change = self.apply(id, outcomes);
        if then == Then::Release || change == Change::Ended {
            self.end_lease(id);
            self.finish(claim.fence);
        }
        self.enlist(id);
        Ok(change)
    }

    /// Holds or frees a message.
    pub(crate) fn set_held(&mut self, id: SpoolId, held: Held) -> Result<(), SpoolError> {
        self.change(id, |message| {
            message.standing = match held {
                Held::Yes => Standing::Held,
                Held::No => Standing::Open,
            };
        })
    }

    /// Replaces what is known of the recipients; for a restart.
    pub(crate) fn set_states(&mut self, id: SpoolId, standing: Standing, states: States) {
        // A message that is not there needs no states.
        let _ = self.change(id, |message| (message.standing, message.states) = (standing, states));
    }

    /// Makes all that wait due at `now`, if they are not already.
    pub(crate) fn retry(&mut self, id: SpoolId, now: Timestamp) -> Result<(), SpoolError> {
        self.change(id, |message| {
            for state in message.states.as_mut_slice() {
                state.due = state.due.min(now);
            }
        })
    }

    /// Ends a message; it stays until it is dropped.
    pub(crate) fn end(&mut self, id: SpoolId) -> Result<(), SpoolError> {
        self.change(id, |message| message.standing = Standing::Ended)?;
        self.ended += 1;
        self.end_lease(id);
        Ok(())
    }

    fn change(&mut self, id: SpoolId, change: impl FnOnce(&mut Message<P>)) -> Result<(), SpoolError> {
        self.unlist(id);
        let message = self.messages.get_mut(id).filter(|message| message.standing != Standing::Ended);
        let found = message.map(change).ok_or(SpoolError::NotFound { id });
        self.enlist(id);
        found
    }

    fn apply(&mut self, id: SpoolId, outcomes: &[Settled]) -> Change {
        let (Some(message), Some(lease)) = (self.messages.get_mut(id), self.leases.get_mut(&id)) else {
            return Change::Nothing;
        };
        let states = message.states.as_mut_slice();
        let mut change = Change::Nothing;
        for settled in outcomes {
            let Some(state) = states.get_mut(settled.recipient as usize).filter(|state| state.waits()) else {
                continue;
            };
            let attempt = u16::from(lease.counted.insert(settled.recipient));
            state.attempts = state.attempts.saturating_add(attempt);
            match &settled.outcome {
                Outcome::Delivered => state.phase = Phase::Delivered,
                Outcome::Failed => state.phase = Phase::Failed,
                Outcome::Again { due, warned, .. } => (state.due, state.warned) = (*due, *warned),
            }
            change = Change::States;
        }
        if states.iter().any(State::waits) {
            return change;
        }
        message.standing = Standing::Ended;
        self.ended += 1;
        Change::Ended
    }

    /// Puts a message into the order of due ones if it belongs there.
    fn enlist(&mut self, id: SpoolId) {
        let Some(message) = self.messages.get(id) else { return };
        if message.standing == Standing::Open
            && self.leased(id).is_none()
            && let Some(due) = message.states.earliest()
        {
            self.due.insert((due, id), ());
        }
    }

    /// Takes a message out of the order of due ones; must come before any change to it.
    fn unlist(&mut self, id: SpoolId) {
        if let Some(due) = self.messages.get(id).and_then(|message| message.states.earliest()) {
            self.due.remove((due, id));
        }
    }

    fn end_leases(&mut self, now: Timestamp) {
        while let Some(&(until, id)) = self.running.first().filter(|(until, _)| *until <= now) {
            self.running.remove(&(until, id));
            self.enlist(id);
        }
    }

    fn end_lease(&mut self, id: SpoolId) {
        if let Some(lease) = self.leases.remove(&id) {
            self.running.remove(&(lease.until, id));
        }
    }

    fn finish(&mut self, fence: Fence) {
        if self.finished.len() == FINISHED_LIMIT {
            self.finished.pop_first();
        }
        self.finished.insert(fence);
    }
}

/// Why each recipient waits, by its place in the envelope; shorter than the envelope's list if the rest have
/// not been tried.
pub(crate) type Whys = Vec<Option<Box<str>>>;

/// Notes why recipients wait, for those whose outcome says so.
pub(crate) fn note_whys(whys: &mut Whys, outcomes: Vec<Settled>, recipients: usize) {
    for settled in outcomes {
        let at = settled.recipient as usize;
        let Outcome::Again { why, .. } = settled.outcome else { continue };
        if at < recipients && whys.len() <= at {
            whys.resize(at + 1, None);
        }
        if let Some(place) = whys.get_mut(at) {
            *place = Some(cut(why));
        }
    }
}

/// At most [`crate::WHY_LIMIT`], and no half character.
fn cut(why: Box<str>) -> Box<str> {
    let limit = crate::WHY_LIMIT.as_usize();
    if why.len() <= limit {
        return why;
    }
    why.get(..why.floor_char_boundary(limit)).unwrap_or_default().into()
}

/// The recipients that are due at `now`.
pub(crate) fn due(states: &States, whys: &Whys, now: Timestamp) -> Vec<Due> {
    let all = (0u32..).zip(states.as_slice());
    let due = all.filter(|(_, state)| state.waits() && state.due <= now);
    due.map(|(recipient, state)| Due {
        recipient,
        attempts: u32::from(state.attempts),
        last: whys.get(recipient as usize).cloned().flatten(),
        warned: state.warned,
    })
    .collect()
}

/// All recipients, for operators.
pub(crate) fn shown(states: &States, whys: &Whys) -> Vec<RecipientState> {
    let all = states.as_slice().iter().enumerate();
    all.map(|(at, state)| match state.phase {
        Phase::Delivered => RecipientState::Delivered,
        Phase::Failed => RecipientState::Failed,
        Phase::Waiting => RecipientState::Waiting {
            due: state.due,
            attempts: u32::from(state.attempts),
            last: whys.get(at).cloned().flatten(),
            warned: state.warned,
        },
    })
    .collect()
}
