//! How many workers there may be of all sites together, shared between principals.

use std::sync::Arc;

use crate::deliver::fair::{Share, Turns, Whose};
use crate::deliver::site::Site;

/// Most workers that try to reach somebody: each takes a connection that is being made, for as long as a time-out
/// lasts, and 20 KiB. No principal has more of them than are free, so that thousands of dead sites of one hold up
/// nobody else.
const MOST_REACHING: usize = 3000;
/// Most workers of sites that somebody has reached. Those that reach somebody just now come on top.
const MOST_TALKING: usize = 1000;

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It tries to reach somebody, where nobody was reached yet, or not the last time.
    Reaching,
    /// It works where somebody was reached: dead sites take nothing away from those.
    Talking,
}

/// The workers of all sites.
#[derive(Debug)]
pub(super) struct Pools {
    reaching: Pool,
    talking: Pool,
}

/// Workers, and who waits for one.
#[derive(Debug)]
pub(super) struct Pool {
    share: Share,
    /// For each wish one entry: as many as there are jobs in memory, at most.
    waiting: Turns<Arc<Site>>,
}

impl Default for Pools {
    fn default() -> Self {
        Self { reaching: Pool::of(MOST_REACHING), talking: Pool::of(MOST_TALKING) }
    }
}

impl Pools {
    pub(super) const fn of(&mut self, kind: Kind) -> &mut Pool {
        match kind {
            Kind::Reaching => &mut self.reaching,
            Kind::Talking => &mut self.talking,
        }
    }

    /// Whether there are so many workers left that a site may try with several at once.
    pub(super) const fn are_roomy(&self) -> bool {
        self.reaching.share.free() > MOST_REACHING / 4 * 3
    }

    pub(super) const fn are_wanted(&self) -> bool {
        !self.reaching.waiting.is_empty() || !self.talking.waiting.is_empty()
    }

    /// The next wish that can be granted.
    pub(super) fn next(&mut self) -> Option<(Whose, Arc<Site>)> {
        self.talking.next().or_else(|| self.reaching.next())
    }
}

impl Pool {
    fn of(most: usize) -> Self {
        Self { share: Share::of(most), waiting: Turns::default() }
    }

    /// Takes one, or makes the site wait for its turn; says which.
    pub(super) fn take_or_wait(&mut self, whose: &Whose, site: &Arc<Site>) -> bool {
        let may = self.share.may(whose.principal());
        if may {
            self.share.take(whose);
        } else {
            self.wait(whose, site);
        }
        may
    }

    pub(super) fn wait(&mut self, whose: &Whose, site: &Arc<Site>) {
        self.waiting.push(whose.clone(), site.clone());
    }

    /// Takes one in any case.
    pub(super) fn take(&mut self, whose: &Whose) {
        self.share.take(whose);
    }

    pub(super) fn give(&mut self, whose: &Whose) {
        self.share.give(whose);
    }

    fn next(&mut self) -> Option<(Whose, Arc<Site>)> {
        let share = &self.share;
        self.waiting.next_of(|principal| share.may(principal))
    }
}
