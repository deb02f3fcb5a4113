//! Sends: many sessions at once, each for a number of messages.
//!
//! It gives up at the first reply that is not the one it hopes for, and says which: a relay that refuses
//! under load is not fast.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::clock;
use super::login::Account;
use crate::client::trust::{self, Signature};

mod content;
mod session;

use content::Content;
use session::Session;

/// Sessions that are opened at once when many shall be held.
const OPENED_AT_ONCE: usize = 64;

/// What is sent, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub server: SocketAddr,
    /// How many messages, all sessions together.
    pub messages: u64,
    /// The number of the first one; the others follow it.
    pub first: u64,
    /// How many sessions at once.
    pub sessions: usize,
    /// How many messages a session sends before it ends and another begins.
    pub per_session: u64,
    /// Octets of each message's content, header included; never fewer than its header has.
    pub octets: usize,
    /// Whether and how sessions are encrypted.
    pub security: Security,
    /// Mechanism, user and password, where sessions log in.
    pub login: Option<(Mechanism, String, String)>,
    /// The envelope's sender.
    pub reverse_path: String,
    /// The envelope's recipient.
    pub forward_path: String,
    /// The wait before each message of a session.
    pub pause: Duration,
}

/// How a session is encrypted. Every handshake is a full one, as of clients that never met the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Off,
    /// By STARTTLS.
    StartTls,
    /// From the first octet (RFC 8314).
    Implicit,
}

/// How a session logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 7677.
    ScramSha256,
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Messages that got their 250.
    pub taken: u64,
    /// Nanoseconds since 1970, before the first connection.
    pub began: u64,
    /// The same, after the last 250.
    pub ended: u64,
    /// Of each message: its number, when its last octet was handed in, when its 250 was read.
    pub moments: Vec<(u64, u64, u64)>,
}

/// Sessions that are open and say nothing.
pub struct Held {
    sessions: Vec<Session>,
    /// Why no more are held, if not all are.
    pub refusal: Option<String>,
}

impl Plan {
    /// One message of 4 KiB in the clear.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        Self {
            server,
            messages: 1,
            first: 0,
            sessions: 1,
            per_session: 10,
            octets: 4096,
            security: Security::Off,
            login: None,
            reverse_path: "ada@sender.example".to_owned(),
            forward_path: "bob@bench.example".to_owned(),
            pause: Duration::ZERO,
        }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::to(SocketAddr::from((Ipv4Addr::LOCALHOST, 25)))
    }
}

/// What all sessions share.
struct Shared {
    plan: Plan,
    account: Option<Mutex<Account>>,
    tls: Arc<ClientConfig>,
    next: AtomicU64,
}

impl Shared {
    fn new(plan: Plan) -> io::Result<Arc<Self>> {
        let account = plan
            .login
            .as_ref()
            .map(|(mechanism, user, password)| Mutex::new(Account::new(*mechanism, user, password)));
        let mut tls = ClientConfig::clone(&*trust::anything(Signature::Believed)?);
        tls.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(Self { plan, account, tls: Arc::new(tls), next: AtomicU64::new(0) }))
    }

    /// The numbers that the next session sends; empty when all are given away.
    fn batch(&self) -> std::ops::Range<u64> {
        let count = self.plan.per_session.max(1);
        let given = self.next.fetch_add(count, Ordering::Relaxed);
        let end = given.saturating_add(count).min(self.plan.messages);
        self.plan.first + given..self.plan.first + end
    }
}

/// Sends all messages.
///
/// # Errors
///
/// What a connection says, and `InvalidData` with the reply that was not the one hoped for.
pub async fn generate(plan: Plan) -> io::Result<Made> {
    let shared = Shared::new(plan)?;
    let began = clock::now();
    let mut workers = JoinSet::new();
    for _ in 0..shared.plan.sessions.max(1) {
        workers.spawn(work(Arc::clone(&shared)));
    }
    let mut moments = Vec::new();
    while let Some(done) = workers.join_next().await {
        moments.extend(done.map_err(io::Error::other)??);
    }
    let ended = moments.iter().map(|(_, _, taken)| *taken).max().unwrap_or(began);
    Ok(Made { taken: u64::try_from(moments.len()).unwrap_or(u64::MAX), began, ended, moments })
}

/// One session after the other.
async fn work(shared: Arc<Shared>) -> io::Result<Vec<(u64, u64, u64)>> {
    let mut moments = Vec::new();
    let mut content = Content::of(&shared.plan);
    loop {
        let batch = shared.batch();
        if batch.is_empty() {
            return Ok(moments);
        }
        let mut session = Session::open(&shared).await?;
        for number in batch {
            if !shared.plan.pause.is_zero() {
                tokio::time::sleep(shared.plan.pause).await;
            }
            let handed = session.transact(content.numbered(number)).await?;
            moments.push((number, handed, clock::now()));
        }
        session.quit().await?;
    }
}

/// Opens sessions up to the answer to EHLO, under TLS if so planned, and keeps them open until dropped.
///
/// # Errors
///
/// When not even one can be opened.
pub async fn hold(plan: Plan) -> io::Result<Held> {
    let shared = Shared::new(plan)?;
    let mut held = Held { sessions: Vec::new(), refusal: None };
    let mut opening = JoinSet::new();
    let mut left = shared.plan.sessions;
    while held.refusal.is_none() && (left > 0 || !opening.is_empty()) {
        while left > 0 && opening.len() < OPENED_AT_ONCE {
            let shared = Arc::clone(&shared);
            opening.spawn(async move { Session::open(&shared).await });
            left -= 1;
        }
        match opening.join_next().await {
            Some(Ok(Ok(session))) => held.sessions.push(session),
            Some(Ok(Err(cause))) if held.sessions.is_empty() => return Err(cause),
            Some(Ok(Err(cause))) => held.refusal = Some(cause.to_string()),
            Some(Err(cause)) => return Err(io::Error::other(cause)),
            None => break,
        }
    }
    Ok(held)
}

impl Held {
    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sessions.len()
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl FromStr for Security {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Off),
            "starttls" => Ok(Self::StartTls),
            "implicit" => Ok(Self::Implicit),
            _others => Err(()),
        }
    }
}

impl FromStr for Mechanism {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "PLAIN" => Ok(Self::Plain),
            "SCRAM-SHA-256" => Ok(Self::ScramSha256),
            _others => Err(()),
        }
    }
}
