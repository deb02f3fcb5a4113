//! The wall clock, which may jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gatepost_mail::Timestamp;

use crate::trace::Trace;

/// What the wall clock says when a run begins, in microseconds since 1970.
const BEGINNING: i64 = 1_795_299_337_000_000;

/// A wall clock. Cheap to copy.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    trace: Trace,
    /// Microseconds by which it has jumped.
    jumped: Arc<AtomicI64>,
    /// Microseconds that it has jumped back in all.
    back: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn new(trace: Trace) -> Self {
        Self { trace, jumped: Arc::default(), back: Arc::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.trace.elapsed().as_micros()).unwrap_or(i64::MAX);
        let now = BEGINNING + self.jumped.load(Ordering::Relaxed) + elapsed;
        Timestamp::from_micros(now.unsigned_abs())
    }

    /// Moves it, forward or backward.
    pub(crate) fn jump(&self, seconds: i64) {
        self.jumped.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        self.back.fetch_add(-seconds.min(0) * 1_000_000, Ordering::Relaxed);
    }

    /// How far it has jumped forward in all.
    pub(crate) fn far_forward(&self) -> Duration {
        let forward = self.jumped.load(Ordering::Relaxed) + self.back.load(Ordering::Relaxed);
        Duration::from_micros(forward.unsigned_abs())
    }

    /// How far it has jumped back in all: for so long something may seem to lie in the future.
    pub(crate) fn far_back(&self) -> Duration {
        Duration::from_micros(self.back.load(Ordering::Relaxed).unsigned_abs())
    }
}
