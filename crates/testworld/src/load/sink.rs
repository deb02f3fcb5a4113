//! Takes mail as fast as it comes, counts it, and forgets it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::line::Line;

mod session;
mod tally;

pub use tally::Tally;

/// Most connections waiting to be accepted.
const BACKLOG: u32 = 1024;

/// Where a sink listens, and how it answers at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkPlan {
    /// Port 0 takes a free one.
    pub address: SocketAddr,
    /// How recipients are answered, until [`Sink::turn`] says otherwise.
    pub mood: Mood,
    /// What the answer to EHLO says.
    pub offers: Offers,
}

/// What a sink says that it can do, beside PIPELINING, SIZE and 8BITMIME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offers {
    /// CHUNKING (RFC 3030), as large providers and the servers that most others run do.
    Chunking,
    /// Content comes by DATA.
    DataAlone,
}

/// How recipients are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// With 250.
    Accepting,
    /// With 450: not now.
    Deferring,
}

impl Default for SinkPlan {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            mood: Mood::Accepting,
            offers: Offers::Chunking,
        }
    }
}

/// What all sessions share.
struct Shared {
    tally: Mutex<Tally>,
    mood: watch::Sender<Mood>,
    offers: Offers,
    /// How many different messages there are.
    distinct: watch::Sender<u64>,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running sink; dropping it closes all its sessions.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    _sessions: JoinSet<()>,
}

impl Sink {
    /// Listens from now on. Needs a tokio runtime, whose thread does the work.
    ///
    /// # Errors
    ///
    /// When it cannot listen there.
    pub async fn start(plan: SinkPlan) -> io::Result<Self> {
        let socket = if plan.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(plan.address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            tally: Mutex::new(Tally::default()),
            mood: watch::Sender::new(plan.mood),
            offers: plan.offers,
            distinct: watch::Sender::new(0),
        });
        let mut sessions = JoinSet::new();
        let for_sessions = Arc::clone(&shared);
        sessions.spawn(async move {
            let mut open = JoinSet::new();
            // A listener that fails has ended, and whoever waits for messages says so.
            while let Ok((stream, _client)) = listener.accept().await {
                let shared = Arc::clone(&for_sessions);
                open.spawn(async move {
                    if let Ok(line) = Line::over(stream) {
                        // A connection that breaks leaves its message uncounted, which is what is to be told.
                        let _ = session::serve(line, &shared).await;
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, shared, _sessions: sessions })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers recipients in another way from now on.
    pub fn turn(&self, mood: Mood) {
        self.shared.mood.send_replace(mood);
    }

    /// Waits until it has so many different messages.
    pub async fn has(&self, messages: u64) {
        // The sender lives as long as we do.
        let _ = self.shared.distinct.subscribe().wait_for(|count| *count >= messages).await;
    }

    /// What came so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.tally().clone()
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("address", &self.address).finish_non_exhaustive()
    }
}
