//! Waiting for a condition, with a deadline: in place of sleeping and hoping.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

/// How long a wait lasts when nothing else is said: generous, since a machine under test may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at that cannot tell of its change itself.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `look` gives something, at most `patience`.
///
/// # Errors
///
/// `TimedOut`, naming `what`, when the time is over; whatever `look` itself gives at once.
pub async fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        let now = Instant::now();
        if now >= end {
            return Err(late(what, patience));
        }
        sleep_until(end.min(now + LOOK_EVERY)).await;
    }
}

/// Runs `work`, at most `patience`.
///
/// # Errors
///
/// `TimedOut`, naming `what`, when the time is over; the error of `work`.
pub async fn within<T>(
    what: &str,
    patience: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(patience, work).await.unwrap_or_else(|_elapsed| Err(late(what, patience)))
}

fn late(what: &str, patience: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("waited {patience:?} for {what}, in vain"))
}
