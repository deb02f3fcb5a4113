//! The clock by which tokens end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The machine's monotonic clock, which a test may move on so that an hour of tokens passes in a second. Copies are one clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds.
    ahead: Arc<AtomicU64>,
}

impl Clock {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.ahead.load(Ordering::Relaxed))
    }

    /// Moves it on.
    pub fn advance(&self, time: Duration) {
        self.ahead.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
