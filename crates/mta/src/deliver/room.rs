//! Room for messages in memory, shared between principals, and what is put aside until there is some.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepost_mail::{Envelope, Principal};
use gatepost_spool::Ticket;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::LEASE;
use super::fair::{Share, Turns, Whose};

/// Room for so many messages. Cheap to copy.
#[derive(Debug, Clone)]
pub(super) struct Room {
    inside: Arc<Mutex<Inside>>,
    /// Rung when somebody may come in.
    bell: Arc<Notify>,
}

#[derive(Debug)]
struct Inside {
    share: Share,
    aside: Turns<Aside>,
}

/// A message that is lent to us and put aside: the spool has its envelope. There are no more than the spool has.
#[derive(Debug)]
pub(super) struct Aside {
    ticket: Ticket,
    since: Instant,
}

impl Aside {
    pub(super) fn now(ticket: Ticket) -> Self {
        Self { ticket, since: Instant::now() }
    }

    /// The ticket, while its lease runs: afterwards the message is due again by itself.
    pub(super) fn valid(&self) -> Option<Ticket> {
        (self.since.elapsed() < LEASE).then_some(self.ticket)
    }
}

/// Forgets those at the front whose lease has ended, so that none is there twice.
pub(super) fn forget_ended(aside: &mut VecDeque<Aside>) {
    while aside.front().is_some_and(|first| first.valid().is_none()) {
        aside.pop_front();
    }
}

/// A message's place in the room; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    room: Room,
    whose: Whose,
}

impl Room {
    pub(super) fn of(most: usize, bell: Arc<Notify>) -> Self {
        let inside = Inside { share: Share::of(most), aside: Turns::default() };
        Self { inside: Arc::new(Mutex::new(inside)), bell }
    }

    /// How many more the principal may have.
    pub(super) fn left(&self, principal: &Principal) -> usize {
        self.inside().share.left(principal)
    }

    /// A seat, if the principal may have another; else the message is put aside.
    pub(super) fn seat_or_put_aside(&self, envelope: &Arc<Envelope>, ticket: Ticket) -> Option<Seat> {
        let mut inside = self.inside();
        let whose = Whose::of(envelope);
        if !inside.share.may(whose.principal()) {
            let ended = |aside: &Aside| aside.valid().is_none();
            inside.aside.push_and_prune(whose, Aside::now(ticket), ended);
            return None;
        }
        inside.share.take(&whose);
        Some(Seat { room: self.clone(), whose })
    }

    /// At most so many of those that were put aside and for which there is room now: up to half of what their
    /// principals may have, so that they do not come only to be put aside again.
    pub(super) fn come_in(&self, most: usize) -> Vec<Ticket> {
        let mut inside = self.inside();
        let inside = &mut *inside;
        let mut tickets: Vec<Ticket> = Vec::new();
        while tickets.len() < most {
            let room = inside.share.free().div_ceil(2).saturating_sub(tickets.len());
            let share = &inside.share;
            let Some((_, aside)) = inside.aside.next_of(|principal| share.held(principal) < room) else {
                break;
            };
            tickets.extend(aside.valid());
        }
        if tickets.len() == most {
            self.bell.notify_one();
        }
        tickets
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.room.inside();
        inside.share.give(&self.whose);
        if !inside.aside.is_empty() {
            self.room.bell.notify_one();
        }
    }
}
