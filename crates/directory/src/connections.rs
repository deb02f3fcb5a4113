//! Connections to a source on the network: few, kept, and given up when it does not answer.
//!
//! A question waits its turn, uses a kept connection or makes one, and ends within [`SOURCE_ANSWER_WAIT`] in any case. A kept
//! connection that proves broken is replaced once, so that a restart of the server goes unnoticed. When no connection can
//! be made, further questions fail at once for a short time that doubles, so that a dead server costs nothing.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::DirectoryError;
use crate::limits::{
    SOURCE_ANSWER_WAIT, SOURCE_BACK_OFF_FIRST, SOURCE_BACK_OFF_MOST, SOURCE_CONNECTION_KEPT,
    SOURCE_CONNECTIONS, SOURCE_WAITING_MOST,
};

/// What a kind of server is asked, and how.
pub(crate) trait Connect: Send + Sync {
    /// A connection. Dropping it closes it.
    type Link: Send;
    /// What is asked.
    type Question: Sync;
    /// What is answered.
    type Found: Send;

    /// Makes a connection, logged in and ready; the error says why there is none, without secrets.
    fn connect(&self) -> impl Future<Output = Result<Self::Link, String>> + Send;

    /// Asks.
    fn ask(
        &self,
        link: &mut Self::Link,
        question: &Self::Question,
    ) -> impl Future<Output = Result<Self::Found, Failed>> + Send;
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The connection is of no more use; another one may be.
    Broken(String),
    /// The server answered, but not what was asked; the connection is good.
    Refused(String),
}

impl Failed {
    pub(crate) fn broken(cause: impl Display) -> Self {
        Self::Broken(cause.to_string())
    }

    pub(crate) fn refused(cause: impl Display) -> Self {
        Self::Refused(cause.to_string())
    }
}

/// The connections to one source.
pub(crate) struct Connections<C: Connect> {
    name: String,
    connector: C,
    turns: Semaphore,
    waiting: AtomicUsize,
    kept: Mutex<Vec<(C::Link, Instant)>>,
    trouble: Mutex<Option<Trouble>>,
}

/// The last connection could not be made.
struct Trouble {
    until: Instant,
    wait: Duration,
    cause: String,
}

impl<C: Connect> Connections<C> {
    /// None is made before the first question.
    pub(crate) fn new(name: &str, connector: C) -> Self {
        Self {
            name: name.to_owned(),
            connector,
            turns: Semaphore::new(SOURCE_CONNECTIONS),
            waiting: AtomicUsize::new(0),
            kept: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    pub(crate) fn connector(&self) -> &C {
        &self.connector
    }

    /// Asks, in a bounded time. Dropping the future closes the connection that it used.
    pub(crate) async fn ask(&self, question: &C::Question) -> Result<C::Found, DirectoryError> {
        let _waiting = Waiting::enter(&self.waiting)?;
        match timeout(SOURCE_ANSWER_WAIT, self.in_turn(question)).await {
            Ok(answer) => answer.map_err(|cause| self.failure(cause)),
            Err(_) => Err(self.failure(format!("no answer within {} s", SOURCE_ANSWER_WAIT.as_secs()))),
        }
    }

    /// The error that says that this source cannot be asked.
    pub(crate) fn failure(&self, cause: impl Display) -> DirectoryError {
        DirectoryError::Source { source_name: self.name.clone(), cause: cause.to_string() }
    }

    async fn in_turn(&self, question: &C::Question) -> Result<C::Found, String> {
        let _turn = self.turns.acquire().await.map_err(|cause| cause.to_string())?;
        if let Some(mut link) = self.take() {
            match self.connector.ask(&mut link, question).await {
                Ok(found) => return Ok(self.keep(link, found)),
                Err(Failed::Refused(cause)) => return Err(self.keep(link, cause)),
                // It may have died long ago. The others are no younger.
                Err(Failed::Broken(_)) => lock(&self.kept).clear(),
            }
        }
        let mut link = self.fresh().await?;
        match self.connector.ask(&mut link, question).await {
            Ok(found) => Ok(self.keep(link, found)),
            Err(Failed::Refused(cause)) => Err(self.keep(link, cause)),
            Err(Failed::Broken(cause)) => Err(cause),
        }
    }

    fn take(&self) -> Option<C::Link> {
        let mut kept = lock(&self.kept);
        let now = Instant::now();
        kept.retain(|(_, since)| now.saturating_duration_since(*since) < SOURCE_CONNECTION_KEPT);
        kept.pop().map(|(link, _)| link)
    }

    fn keep<T>(&self, link: C::Link, answer: T) -> T {
        lock(&self.kept).push((link, Instant::now()));
        answer
    }

    async fn fresh(&self) -> Result<C::Link, String> {
        if let Some(trouble) = lock(&self.trouble).as_ref().filter(|it| Instant::now() < it.until) {
            return Err(trouble.cause.clone());
        }
        let made = self.connector.connect().await;
        let mut trouble = lock(&self.trouble);
        match &made {
            Ok(_) => *trouble = None,
            Err(cause) => {
                let wait = trouble.as_ref().map_or(SOURCE_BACK_OFF_FIRST, |last| {
                    last.wait.saturating_mul(2).min(SOURCE_BACK_OFF_MOST)
                });
                *trouble = Some(Trouble { until: Instant::now() + wait, wait, cause: cause.clone() });
            }
        }
        made
    }
}

/// Counts those who wait for an answer, so that their number has an end.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self, DirectoryError> {
        // Counted before it is judged; leaving is in `drop` either way.
        let entered = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < SOURCE_WAITING_MOST {
            Ok(entered)
        } else {
            Err(DirectoryError::Busy)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A task that drives a connection, and ends with it.
pub(crate) struct Driver(JoinHandle<()>);

impl Driver {
    /// The client library's own half of a connection: it moves octets until the connection is closed, and why it ended is
    /// told to whoever asks next.
    pub(crate) fn start(drive: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(drive))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds these locks can leave them half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
