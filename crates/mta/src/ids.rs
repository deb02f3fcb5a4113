//! Numbers for sessions.

use std::sync::atomic::{AtomicU64, Ordering};

use gatepost_mail::{SessionId, Timestamp};

/// Makes session ids: microseconds since 1970, or one more than the last.
#[derive(Debug, Default)]
pub struct SessionIds {
    last: AtomicU64,
}

impl SessionIds {
    /// An id greater than all before.
    pub fn next(&self, now: Timestamp) -> SessionId {
        let clock = now.as_micros();
        let step = |last: u64| Some(clock.max(last.saturating_add(1)));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        SessionId::from_number(last.map_or(clock, |last| clock.max(last.saturating_add(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise() {
        let ids = SessionIds::default();
        let made: Vec<_> = (0..1000).map(|_| ids.next(Timestamp::from_micros(5))).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
