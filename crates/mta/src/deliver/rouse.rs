//! An operator does not wait for sites to have rested.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends the rests of all sites when an operator wants mail tried now. Copies are one.
#[derive(Debug, Clone, Default)]
pub struct Rouse(Arc<AtomicU64>);

/// How often that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calls(u64);

impl Rouse {
    /// Ends all rests that have begun. What is due is tried.
    pub fn call(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> Calls {
        Calls(self.0.load(Ordering::Relaxed))
    }
}
