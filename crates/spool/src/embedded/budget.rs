//! A bound on memory that all drafts share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gatepost_mail::Octets;

/// How much there is, and how much of it is taken.
#[derive(Debug)]
pub(super) struct Budget {
    taken: AtomicU64,
    limit: Octets,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    octets: u64,
}

impl Budget {
    pub(super) const fn new(limit: Octets) -> Self {
        Self { taken: AtomicU64::new(0), limit }
    }
}

impl Charge {
    /// A part of nothing, to grow.
    pub(super) const fn of(budget: Arc<Budget>) -> Self {
        Self { budget, octets: 0 }
    }

    /// Takes more, up to `octets` in all; false if there is not so much.
    pub(super) fn grow_to(&mut self, octets: u64) -> bool {
        let more = octets.saturating_sub(self.octets);
        let limit = self.budget.limit.0;
        let taken = |taken: u64| taken.checked_add(more).filter(|sum| *sum <= limit);
        let grown = self.budget.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok();
        self.octets += if grown { more } else { 0 };
        grown
    }

    /// Gives all of it back.
    pub(super) fn release(&mut self) {
        self.budget.taken.fetch_sub(self.octets, Ordering::Relaxed);
        self.octets = 0;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let budget = Arc::new(Budget::new(Octets(100)));
        let mut one = Charge::of(Arc::clone(&budget));
        let mut other = Charge::of(Arc::clone(&budget));
        assert!(one.grow_to(60));
        assert!(one.grow_to(70));
        assert!(!other.grow_to(31));
        assert!(other.grow_to(30));
        drop(one);
        assert!(other.grow_to(100));
        assert!(!other.grow_to(101));
        other.release();
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }
}
