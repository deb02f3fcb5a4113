//! Sharing between principals: whose turn it is, and how much each may hold.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gatepost_mail::{Envelope, Principal};

/// Who is behind something, named by one of its envelopes, so that no name is copied for it.
#[derive(Debug, Clone)]
pub(super) struct Whose(Arc<Envelope>);

impl Whose {
    pub(super) fn of(envelope: &Arc<Envelope>) -> Self {
        Self(envelope.clone())
    }

    pub(super) fn principal(&self) -> &Principal {
        &self.0.principal
    }
}

impl PartialEq for Whose {
    fn eq(&self, other: &Self) -> bool {
        self.principal() == other.principal()
    }
}

impl Eq for Whose {}

impl Hash for Whose {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.principal().hash(state);
    }
}

impl Borrow<Principal> for Whose {
    fn borrow(&self) -> &Principal {
        self.principal()
    }
}

/// What waits. Principals take turns; what one has comes in its own order. How long a call takes depends on how
/// many principals wait at most, never on how much.
#[derive(Debug)]
pub(super) struct Turns<T> {
    lanes: HashMap<Whose, VecDeque<T>>,
    /// Those that have something, whoever is next first.
    order: VecDeque<Whose>,
    len: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), order: VecDeque::new(), len: 0 }
    }
}

impl<T> Turns<T> {
    /// Adds something behind all that its principal has.
    pub(super) fn push(&mut self, whose: Whose, thing: T) {
        self.len += 1;
        if let Some(lane) = self.lanes.get_mut(whose.principal()) {
            return lane.push_back(thing);
        }
        self.order.push_back(whose.clone());
        self.lanes.insert(whose, VecDeque::from([thing]));
    }

    /// The same, and forgets what has become stale of that principal's.
    pub(super) fn push_and_prune(&mut self, whose: Whose, thing: T, is_stale: impl Fn(&T) -> bool) {
        self.push(whose.clone(), thing);
        let Some(lane) = self.lanes.get_mut(whose.principal()) else { return };
        while lane.len() > 1 && lane.front().is_some_and(&is_stale) {
            lane.pop_front();
            self.len -= 1;
        }
    }

    /// Puts something back that is to be next.
    pub(super) fn push_first(&mut self, whose: Whose, thing: T) {
        self.len += 1;
        match self.lanes.get_mut(whose.principal()) {
            Some(lane) => {
                lane.push_front(thing);
                self.order.retain(|other| *other != whose);
            }
            None => drop(self.lanes.insert(whose.clone(), VecDeque::from([thing]))),
        }
        self.order.push_front(whose);
    }

    /// What is next.
    pub(super) fn next(&mut self) -> Option<(Whose, T)> {
        self.next_of(|_| true)
    }

    /// What is next of those principals that may.
    pub(super) fn next_of(&mut self, may: impl Fn(&Principal) -> bool) -> Option<(Whose, T)> {
        for _ in 0..self.order.len() {
            let whose = self.order.pop_front()?;
            if !may(whose.principal()) {
                self.order.push_back(whose);
                continue;
            }
            let lane = self.lanes.get_mut(whose.principal())?;
            let thing = lane.pop_front()?;
            self.len -= 1;
            if lane.is_empty() {
                self.lanes.remove(whose.principal());
            } else {
                self.order.push_back(whose.clone());
            }
            return Some((whose, thing));
        }
        None
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// So much of something, of which nobody may hold more than is left: one alone gets half, each of many gets less,
/// and whoever comes next always finds some.
#[derive(Debug)]
pub(super) struct Share {
    most: usize,
    taken: usize,
    held: HashMap<Whose, usize>,
}

impl Share {
    pub(super) fn of(most: usize) -> Self {
        Self { most, taken: 0, held: HashMap::new() }
    }

    /// How many more the principal could take, if others took as many.
    pub(super) fn left(&self, principal: &Principal) -> usize {
        self.free().saturating_sub(self.held(principal))
    }

    pub(super) const fn free(&self) -> usize {
        self.most.saturating_sub(self.taken)
    }

    pub(super) fn held(&self, principal: &Principal) -> usize {
        self.held.get(principal).copied().unwrap_or_default()
    }

    /// Whether the principal may hold one more.
    pub(super) fn may(&self, principal: &Principal) -> bool {
        self.left(principal) > 0
    }

    /// Counts one more, whether or not that is within the share.
    pub(super) fn take(&mut self, whose: &Whose) {
        self.taken += 1;
        match self.held.get_mut(whose.principal()) {
            Some(held) => *held += 1,
            None => drop(self.held.insert(whose.clone(), 1)),
        }
    }

    pub(super) fn give(&mut self, whose: &Whose) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(held) = self.held.get_mut(whose.principal()) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(whose.principal());
            }
        }
    }
}

#[cfg(test)]
mod tests;
