//! Moments that two processes of one machine can compare.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970; the same clock in generator, sink and whoever started them.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
