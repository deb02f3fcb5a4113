//! One connection to Dovecot, shared by all exchanges: each request has a number, and answers come in any order.
//!
//! There is no task that reads. Whoever waits for an answer reads, and hands on what is for others; so an unused connection costs
//! nothing, and dropping a future never loses an octet of somebody else's answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;
use zeroize::{Zeroize as _, Zeroizing};

use super::reply::{self, Verdict};
use crate::limits;

/// A connection past its greeting.
pub(super) struct Line {
    mechanisms: Vec<String>,
    next_id: AtomicU32,
    broken: AtomicBool,
    incoming: tokio::sync::Mutex<Incoming>,
    outgoing: tokio::sync::Mutex<OwnedWriteHalf>,
    waiting: Mutex<HashMap<u32, oneshot::Sender<Verdict>>>,
    /// Exchanges that were given up, of which Dovecot is told with the next request.
    given_up: Mutex<Vec<u32>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    /// The connection is of no more use.
    #[error("the connection to Dovecot is gone: {0}")]
    Broken(#[source] io::Error),
    /// Nothing came in time; other exchanges may be well.
    #[error("Dovecot does not answer")]
    Silent,
    /// What came is not this protocol.
    #[error("Dovecot speaks another protocol: {0}")]
    Foreign(&'static str),
    /// [`limits::DOVECOT_EXCHANGES_MOST`].
    #[error("too many exchanges with Dovecot are under way")]
    Crowded,
}

impl Line {
    /// Connects and reads the greeting.
    pub(super) async fn connect(socket: &Path) -> Result<Self, Gone> {
        let greeted = timeout(limits::DOVECOT_CONNECT, Self::greet(socket)).await;
        greeted.unwrap_or(Err(Gone::Silent))
    }

    async fn greet(socket: &Path) -> Result<Self, Gone> {
        let stream = UnixStream::connect(socket).await.map_err(Gone::Broken)?;
        let (read, mut write) = stream.into_split();
        let hello = format!("VERSION\t1\t2\nCPID\t{}\n", std::process::id());
        write.write_all(hello.as_bytes()).await.map_err(Gone::Broken)?;
        let mut incoming = Incoming::new(read);
        let mechanisms = greeting(&mut incoming).await?;
        Ok(Self {
            mechanisms,
            next_id: AtomicU32::new(1),
            broken: AtomicBool::new(false),
            incoming: tokio::sync::Mutex::new(incoming),
            outgoing: tokio::sync::Mutex::new(write),
            waiting: Mutex::default(),
            given_up: Mutex::default(),
        })
    }

    /// Whether Dovecot offers the mechanism.
    pub(super) fn offers(&self, mechanism: &str) -> bool {
        self.mechanisms.iter().any(|offered| offered.eq_ignore_ascii_case(mechanism))
    }

    /// Whether it is of no more use.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// A number for another exchange.
    pub(super) fn number(&self) -> u32 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a line about the exchange and waits for the answer to it.
    pub(super) async fn ask(&self, id: u32, line: &[u8]) -> Result<Verdict, Gone> {
        let mut answer = self.register(id)?;
        let place = Place { line: self, id };
        let asked = timeout(limits::DOVECOT_ANSWER, async {
            self.send(line).await?;
            self.wait(&mut answer).await
        });
        let answer = asked.await.unwrap_or(Err(Gone::Silent));
        drop(place);
        answer
    }

    /// Dovecot is told of it with the next request.
    pub(super) fn give_up(&self, id: u32) {
        let mut given_up = lock(&self.given_up);
        if given_up.len() < limits::DOVECOT_EXCHANGES_MOST {
            given_up.push(id);
        }
    }

    fn register(&self, id: u32) -> Result<oneshot::Receiver<Verdict>, Gone> {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= limits::DOVECOT_EXCHANGES_MOST {
            return Err(Gone::Crowded);
        }
        let (sender, receiver) = oneshot::channel();
        match waiting.entry(id) {
            // All numbers were used, and this one still is.
            Entry::Occupied(_) => Err(Gone::Crowded),
            Entry::Vacant(place) => {
                place.insert(sender);
                Ok(receiver)
            }
        }
    }

    async fn send(&self, line: &[u8]) -> Result<(), Gone> {
        let mut outgoing = self.outgoing.lock().await;
        if self.is_broken() {
            return Err(Gone::Broken(io::ErrorKind::BrokenPipe.into()));
        }
        let given_up = std::mem::take(&mut *lock(&self.given_up));
        let mut octets = Zeroizing::new(Vec::with_capacity(line.len() + 18 * given_up.len() + 1));
        for id in given_up {
            octets.extend_from_slice(format!("CANCEL\t{id}\n").as_bytes());
        }
        octets.extend_from_slice(line);
        octets.push(b'\n');
        // Half a line would spoil the next one: unless all of it goes out, the connection is of no more use.
        let torn = Torn(&self.broken);
        outgoing.write_all(&octets).await.map_err(Gone::Broken)?;
        torn.mended();
        Ok(())
    }

    async fn wait(&self, answer: &mut oneshot::Receiver<Verdict>) -> Result<Verdict, Gone> {
        let mut incoming = tokio::select! {
            biased;
            handed_on = &mut *answer => return handed_on.map_err(|_| broken_off()),
            incoming = self.incoming.lock() => incoming,
        };
        loop {
            // What came for us while somebody else read.
            match answer.try_recv() {
                Ok(verdict) => return Ok(verdict),
                Err(oneshot::error::TryRecvError::Closed) => return Err(broken_off()),
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            if let Err(gone) = self.hand_on(&mut incoming).await {
                self.broken.store(true, Ordering::Release);
                // Everybody who waits learns of it.
                lock(&self.waiting).clear();
                return Err(gone);
            }
        }
    }

    /// Reads one line and gives it to whom it is for. Of an exchange that was given up nobody wants to know.
    async fn hand_on(&self, incoming: &mut Incoming) -> Result<(), Gone> {
        let line = incoming.line().await?;
        match reply::read(&line) {
            Some(Ok(reply)) => {
                if let Some(waiting) = lock(&self.waiting).remove(&reply.id) {
                    let _ = waiting.send(reply.verdict);
                }
                Ok(())
            }
            Some(Err(reply::Malformed)) => Err(Gone::Foreign("an answer without number or user")),
            None => Ok(()),
        }
    }
}

/// The connection broke while somebody else was reading.
fn broken_off() -> Gone {
    Gone::Broken(io::ErrorKind::UnexpectedEof.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody's place among those who wait; dropping it frees the number.
struct Place<'a> {
    line: &'a Line,
    id: u32,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.line.waiting).remove(&self.id);
    }
}

/// Marks a connection as broken, unless told that it is not.
struct Torn<'a>(&'a AtomicBool);

impl Torn<'_> {
    fn mended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads the greeting; gives the mechanisms.
async fn greeting(incoming: &mut Incoming) -> Result<Vec<String>, Gone> {
    let mut mechanisms = Vec::new();
    let mut version = None;
    for _ in 0..limits::DOVECOT_GREETING_MOST {
        let line = incoming.line().await?;
        let mut fields = line.split('\t');
        match (fields.next().unwrap_or_default(), fields.next()) {
            ("VERSION", Some(major)) => version = Some(major.to_owned()),
            ("MECH", Some(name)) => mechanisms.push(name.to_owned()),
            ("DONE", _) if version.as_deref() == Some("1") => return Ok(mechanisms),
            ("DONE", _) => return Err(Gone::Foreign("its version is not 1")),
            _ => {}
        }
    }
    Err(Gone::Foreign("its greeting does not end"))
}

/// Lines, and the octets of the next one. Survives that reading is broken off.
pub(super) struct Incoming {
    stream: OwnedReadHalf,
    octets: Vec<u8>,
}

impl Incoming {
    pub(super) fn new(stream: OwnedReadHalf) -> Self {
        Self { stream, octets: Vec::with_capacity(limits::DOVECOT_LINE_MOST) }
    }

    /// The next line, without its end.
    pub(super) async fn line(&mut self) -> Result<String, Gone> {
        loop {
            if let Some(end) = self.octets.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.octets.drain(..=end).take(end).collect();
                return String::from_utf8(line).map_err(|_| Gone::Foreign("a line that is no UTF-8"));
            }
            if self.octets.len() >= limits::DOVECOT_LINE_MOST {
                return Err(Gone::Foreign("a line without end"));
            }
            if self.stream.read_buf(&mut self.octets).await.map_err(Gone::Broken)? == 0 {
                return Err(broken_off());
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}
