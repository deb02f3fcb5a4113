//! Ids that only ever rise.

use std::sync::atomic::{AtomicU64, Ordering};

use gatepost_mail::{SpoolId, Timestamp};
use tokio::time::Instant;

/// Hands out ids: microseconds since 1970 as far as the time it was started with and the steady clock say, or
/// one more than the last. A wall clock that jumps back changes nothing.
#[derive(Debug)]
pub(crate) struct Ids {
    started: Timestamp,
    steady: Instant,
    last: AtomicU64,
}

impl Ids {
    pub(crate) fn starting(now: Timestamp) -> Self {
        Self { started: now, steady: Instant::now(), last: AtomicU64::new(0) }
    }

    /// Ids up to `id` are taken.
    pub(crate) fn skip(&self, id: SpoolId) {
        self.last.fetch_max(id.number(), Ordering::Relaxed);
    }

    /// The last one that was handed out, or 0.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// An id larger than all before.
    pub(crate) fn next(&self) -> SpoolId {
        let now = self.now().as_micros();
        let raise = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise) {
            Ok(last) | Err(last) => last,
        };
        SpoolId::from_number(now.max(last.saturating_add(1)))
    }

    fn now(&self) -> Timestamp {
        self.started.after(self.steady.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_also_when_the_clock_stands_behind_the_last_one() {
        let ids = Ids::starting(Timestamp::from_micros(1000));
        let first = ids.next();
        assert!(first.number() >= 1000);
        ids.skip(SpoolId::from_number(u64::MAX / 2));
        assert_eq!(ids.next().number(), u64::MAX / 2 + 1);
        assert_eq!(ids.next().number(), u64::MAX / 2 + 2);
    }
}
