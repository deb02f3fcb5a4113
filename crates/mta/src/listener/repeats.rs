//! Messages whose 250 the client may not have read: what tells a second hand-in of one from a new message.
//!
//! While a message is on its way to stable storage, a second one like it waits for it. It is noted as soon as it is there, before
//! its 250 is written. It is forgotten when the client is
//! heard again after that: then it has gone on, and whatever it sends next it means. If the session ends instead, the
//! message stays in doubt for [`WINDOW`]. What a repeat then gets is for policy to say.
//!
//! Kept in memory only: after a restart a repeat is a new message, which is one copy too many, and no loss.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_mail::{Recipient, SessionId, SpoolId, Timestamp};
use gatepost_policy::repeat::{Before, WINDOW};
use gatepost_smtp::Sender;
use gatepost_spool::Receipt;
use tokio::sync::Notify;
use twox_hash::XxHash3_128;

use crate::outside::Outside;

/// Most hand-ins that are in doubt with their sessions over; beyond that the oldest is forgotten. About 10 MiB. Those whose sessions
/// go on are besides: a few for each session at most.
const MOST_IN_DOUBT: usize = 65_536;
/// Octets of the key that digests are made with.
const KEY: usize = 192;
/// Put before every message: XXH3 uses all of its key for what is longer than 240 octets only.
const LONG: [u8; 241] = [0; 241];

/// All hand-ins in doubt. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Repeats {
    memory: Arc<Mutex<Memory>>,
    /// Told whenever a turn has ended.
    turns: Arc<Notify>,
    key: Arc<Key>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Those being committed, one a session at most.
    committing: HashSet<Fingerprint>,
    told: HashMap<Fingerprint, Told>,
    /// Those whose sessions are over, oldest first.
    ended: BTreeMap<u64, Fingerprint>,
    /// The next place in that order.
    next: u64,
}

#[derive(Debug)]
struct Told {
    receipt: Receipt,
    /// The session that brought it first.
    first: SessionId,
    /// The one that told it last.
    session: SessionId,
    end: Option<End>,
}

/// When a session ended, and its place in that order.
#[derive(Debug, Clone, Copy)]
struct End {
    at: Timestamp,
    place: u64,
}

/// Chosen by chance when the server starts, and never shown: nobody can make two messages that look alike by it.
struct Key {
    seed: u64,
    secret: [u8; KEY],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(not shown)")
    }
}

/// Client, envelope and content of a transaction, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u128);

/// A fingerprint in the making.
pub(crate) struct Digest(XxHash3_128);

/// The right to commit a message, which no other like it has meanwhile. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    repeats: Repeats,
    fingerprint: Fingerprint,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.repeats.with(|memory| memory.committing.remove(&self.fingerprint));
        self.repeats.turns.notify_waiters();
    }
}

/// What was known of a message before it came again.
#[derive(Debug)]
pub(crate) struct Known {
    /// The proof that it was taken.
    pub(crate) receipt: Receipt,
    /// By which session.
    pub(crate) first: SessionId,
    /// What became of that.
    pub(crate) before: Before,
}

impl Repeats {
    /// Nothing is in doubt yet.
    #[must_use]
    pub fn new(outside: &Outside) -> Self {
        let mut secret = [0; KEY];
        for part in secret.chunks_exact_mut(8) {
            part.copy_from_slice(&outside.random().to_ne_bytes());
        }
        let key = Arc::new(Key { seed: outside.random(), secret });
        Self { memory: Arc::default(), turns: Arc::default(), key }
    }

    /// Waits until no other message like it is being committed: a client that gave up on a slow disk may be back before its
    /// message is there. The wait is as long as that commit; dropping it takes nothing.
    pub(crate) async fn turn(&self, fingerprint: Fingerprint) -> Turn {
        loop {
            let next = self.turns.notified();
            if self.with(|memory| memory.committing.insert(fingerprint)) {
                return Turn { repeats: self.clone(), fingerprint };
            }
            next.await;
        }
    }

    /// Begins with whoever is behind the transaction, and its envelope. The order of recipients does not count.
    pub(crate) fn digest(
        &self,
        client: fmt::Arguments<'_>,
        sender: &Sender,
        to: &[Recipient],
    ) -> Option<Digest> {
        let mut hasher = XxHash3_128::with_seed_and_secret(self.key.seed, self.key.secret.as_slice()).ok()?;
        hasher.write(&LONG);
        hasher.write(envelope(client, sender, to).ok()?.as_bytes());
        Some(Digest(hasher))
    }

    /// A message was taken, and its client is about to be told.
    pub(crate) fn note(&self, fingerprint: Fingerprint, receipt: Receipt, session: SessionId) {
        self.with(|memory| {
            memory.forget(fingerprint);
            memory.told.insert(fingerprint, Told { receipt, first: session, session, end: None });
        });
    }

    /// It came again, and its client is about to be told again.
    pub(crate) fn note_again(&self, fingerprint: Fingerprint, session: SessionId) {
        self.with(|memory| {
            let Some(told) = memory.told.get_mut(&fingerprint) else { return };
            told.session = session;
            if let Some(end) = told.end.take() {
                memory.ended.remove(&end.place);
            }
        });
    }

    /// The client has read its 250.
    pub(crate) fn confirm(&self, fingerprint: Fingerprint, id: SpoolId) {
        self.with(|memory| {
            if memory.told.get(&fingerprint).is_some_and(|told| told.receipt.id() == id) {
                memory.forget(fingerprint);
            }
        });
    }

    /// The session is over, and nobody knows whether the client has read its 250.
    pub(crate) fn end(&self, fingerprint: Fingerprint, session: SessionId, at: Timestamp) {
        self.with(|memory| memory.end(fingerprint, session, at));
    }

    /// Whether the same was taken before, and is in doubt.
    pub(crate) fn known(&self, fingerprint: Fingerprint) -> Option<Known> {
        self.with(|memory| {
            let told = memory.told.get(&fingerprint)?;
            let before = told.end.map_or(Before::Unanswered, |end| Before::InDoubt(end.at));
            Some(Known { receipt: told.receipt.clone(), first: told.first, before })
        })
    }

    /// Somebody took the message out of the queue: who hands it in again means it.
    pub fn forget(&self, id: SpoolId) {
        self.with(|memory| {
            let of_it = memory.told.iter().find(|(_, told)| told.receipt.id() == id);
            if let Some(fingerprint) = of_it.map(|(fingerprint, _)| *fingerprint) {
                memory.forget(fingerprint);
            }
        });
    }

    fn with<T>(&self, what: impl FnOnce(&mut Memory) -> T) -> T {
        what(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn forget(&mut self, fingerprint: Fingerprint) {
        if let Some(end) = self.told.remove(&fingerprint).and_then(|told| told.end) {
            self.ended.remove(&end.place);
        }
    }

    /// Only the session that told it last can leave it in doubt.
    fn end(&mut self, fingerprint: Fingerprint, session: SessionId, at: Timestamp) {
        let place = self.next;
        let Some(told) = self.told.get_mut(&fingerprint) else { return };
        if told.session != session || told.end.is_some() {
            return;
        }
        told.end = Some(End { at, place });
        self.next += 1;
        self.ended.insert(place, fingerprint);
        self.tidy(at);
    }

    /// Drops what is too old to matter, and the oldest where there are too many.
    fn tidy(&mut self, now: Timestamp) {
        while let Some((_, &oldest)) = self.ended.first_key_value() {
            let end = self.told.get(&oldest).and_then(|told| told.end);
            let counts = end.is_some_and(|end| now.elapsed_since(end.at) <= WINDOW);
            if counts && self.ended.len() <= MOST_IN_DOUBT {
                return;
            }
            self.ended.pop_first();
            self.told.remove(&oldest);
        }
    }
}

impl Digest {
    /// The next piece of content, as the client sent it.
    pub(crate) fn piece(&mut self, piece: &[u8]) {
        self.0.write(piece);
    }

    /// All content has come.
    pub(crate) fn finish(&self) -> Fingerprint {
        Fingerprint(self.0.finish_128())
    }
}

/// One fact a line; a text that could hold a line end is quoted.
fn envelope(client: fmt::Arguments<'_>, sender: &Sender, to: &[Recipient]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    writeln!(text, "{client}\n{}", sender.path)?;
    let Sender { body, international, returns, envelope_id, .. } = sender;
    writeln!(text, "{body:?} {international:?} {returns:?} {envelope_id:?} {}", to.len())?;
    let mut lines = Vec::with_capacity(to.len());
    for Recipient { path, notify, original } in to {
        lines.push(format!("{path} {notify:?} {original:?}\n"));
    }
    lines.sort_unstable();
    text.extend(lines);
    Ok(text)
}

#[cfg(test)]
mod tests;
