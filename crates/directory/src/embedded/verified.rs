//! Accounts of ours whose password was right a moment ago, so that one message a connection does not cost one run of argon2.
//!
//! What is kept is no password but a salted argon2id hash of it, smaller than the stored one
//! ([`VERIFIED_MEMORY_KIB`](crate::limits::VERIFIED_MEMORY_KIB)), in memory only. It counts only together with the very hash that
//! is stored for an active account at that moment, which each login reads anyway: a password that was set, imported, or taken
//! away, and an account that was suspended or removed, by whatever process, end it at once.
//!
//! The short hash is made for every login name, known or not, so that its time tells nobody who has logged in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gatepost_sasl::Secret;

use super::hash::{PasswordHash, Scratch};
use crate::StoreFault;
use crate::limits::{ARGON2_SALT_OCTETS, VERIFIED_MOST, VERIFIED_SCRATCHES, VERIFIED_SWEPT_EVERY};

type Salt = [u8; ARGON2_SALT_OCTETS];

/// The right passwords of the last minutes.
pub(super) struct Verified {
    /// How long an entry lives, in milliseconds; 0 keeps none.
    kept: AtomicU64,
    entries: Mutex<Entries>,
    /// Of runs that have ended.
    scratches: Mutex<Vec<Scratch>>,
}

struct Entries {
    by_account: HashMap<String, Entry>,
    swept: Instant,
}

#[derive(Clone)]
struct Entry {
    /// What is stored for the account, as the password was held against it.
    stored: Secret,
    salt: Salt,
    output: Secret,
    until: Instant,
}

impl Verified {
    /// A memory that keeps nothing yet.
    pub(super) fn new() -> Self {
        let entries = Entries { by_account: HashMap::new(), swept: Instant::now() };
        Self { kept: AtomicU64::new(0), entries: Mutex::new(entries), scratches: Mutex::default() }
    }

    /// Keeps entries for this time; what is kept already is forgotten.
    pub(super) fn keep(&self, time: Duration) {
        self.kept.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.entries().by_account.clear();
    }

    /// How long entries are kept; none where none are.
    pub(super) fn kept(&self) -> Option<Duration> {
        let kept = self.kept.load(Ordering::Relaxed);
        (kept > 0).then(|| Duration::from_millis(kept))
    }

    /// Whether this password, prepared, was right for this account not long ago, and `stored` is what is stored for it still.
    /// A tenth of a millisecond of work, whatever the answer.
    pub(super) fn knows(
        &self,
        account: &str,
        stored: Option<&Secret>,
        password: &Secret,
    ) -> Result<bool, StoreFault> {
        let entry = stored.and_then(|stored| self.entry(account, stored));
        let salt = entry.as_ref().map_or([0; ARGON2_SALT_OCTETS], |entry| entry.salt);
        let mut scratch = lock(&self.scratches).pop().unwrap_or_else(|| Scratch::new(Arc::default()));
        let output = PasswordHash::in_passing(password, &salt, &mut scratch);
        let mut scratches = lock(&self.scratches);
        if scratches.len() < VERIFIED_SCRATCHES {
            scratches.push(scratch);
        }
        drop(scratches);
        let output = output?;
        Ok(entry.is_some_and(|entry| entry.output == output))
    }

    fn entry(&self, account: &str, stored: &Secret) -> Option<Entry> {
        let now = Instant::now();
        let mut entries = self.entries();
        entries.sweep(now);
        let entry = entries.by_account.get(account)?;
        (now < entry.until && entry.stored == *stored).then(|| entry.clone())
    }

    /// Takes note that this password was right for what is stored.
    pub(super) fn learn(
        &self,
        account: &str,
        (stored, password): (&Secret, &Secret),
        scratch: &mut Scratch,
    ) -> Result<(), StoreFault> {
        let Some(kept) = self.kept() else { return Ok(()) };
        let mut salt = [0; ARGON2_SALT_OCTETS];
        getrandom::fill(&mut salt)?;
        let output = PasswordHash::in_passing(password, &salt, scratch)?;
        let now = Instant::now();
        let entry = Entry { stored: stored.clone(), salt, output, until: now + kept };
        let mut entries = self.entries();
        if entries.by_account.len() >= VERIFIED_MOST {
            entries.swept = now;
            entries.by_account.retain(|_, entry| now < entry.until);
        }
        if entries.by_account.len() < VERIFIED_MOST || entries.by_account.contains_key(account) {
            entries.by_account.insert(account.to_owned(), entry);
        }
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }
}

impl Entries {
    /// Wipes what is over, now and then.
    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) >= VERIFIED_SWEPT_EVERY {
            self.swept = now;
            self.by_account.retain(|_, entry| now < entry.until);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one call; none can be left half done.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
