//! Passwords that were right a moment ago, for sources that are slow to ask.
//!
//! The password is not kept, but a hash of it under a random salt: argon2id with
//! [`RECENT_MEMORY_KIB`](crate::limits::RECENT_MEMORY_KIB). A keyed digest would be cheaper, but whoever gets the memory of this
//! process gets its key too, and could then try guesses by the thousand million; so he tries some hundreds a second, as with the
//! hash that an account database holds. Nothing is written to disk, and the memory ends with the process.
//!
//! Only a right password is remembered. A wrong one is always asked of the source, and makes the user's entry be forgotten.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gatepost_sasl::limits::PASSWORD_OCTETS_MOST;
use gatepost_sasl::{PasswordCheck, Secret, prepare};

use crate::embedded::PasswordHash;
use crate::limits::{ARGON2_SALT_OCTETS, RECENT_MOST};
use crate::{DirectoryError, Known, PasswordThreads, StoreFault};

/// The right passwords of the last minutes of one source.
pub struct Recent {
    remember: Duration,
    threads: PasswordThreads,
    entries: Mutex<HashMap<String, Entry>>,
}

#[derive(Clone)]
struct Entry {
    salt: [u8; ARGON2_SALT_OCTETS],
    output: Secret,
    until: Instant,
}

impl Recent {
    /// Remembers for this time, which a changed password may go on working; the hashing is done on these threads.
    #[must_use]
    pub fn new(remember: Duration, threads: PasswordThreads) -> Self {
        Self { remember, threads, entries: Mutex::default() }
    }

    /// Whether this password was right for this user not long ago. Nothing is hashed for users without an entry.
    pub(crate) async fn knows(&self, user: &str, password: &Secret) -> Result<bool, DirectoryError> {
        let entry = self.entries().get(&prepare::account_key(user)).cloned();
        let Some(entry) = entry.filter(|entry| Instant::now() < entry.until) else { return Ok(false) };
        if password.expose().len() > PASSWORD_OCTETS_MOST {
            return Ok(false);
        }
        Ok(self.hashed(password, entry.salt).await? == entry.output)
    }

    /// Takes note of what the source said.
    pub(crate) async fn learn(
        &self,
        user: &str,
        password: &Secret,
        check: &Known<PasswordCheck>,
    ) -> Result<(), DirectoryError> {
        let key = prepare::account_key(user);
        if *check != Known::Here(PasswordCheck::Right) {
            self.entries().remove(&key);
            return Ok(());
        }
        let mut salt = [0; ARGON2_SALT_OCTETS];
        getrandom::fill(&mut salt).map_err(StoreFault::from)?;
        let output = match self.hashed(password, salt).await {
            Ok(output) => output,
            // The password is right all the same; it is asked for again next time.
            Err(DirectoryError::Busy) => return Ok(()),
            Err(cause) => return Err(cause),
        };
        let now = Instant::now();
        let mut entries = self.entries();
        if entries.len() >= RECENT_MOST {
            entries.retain(|_, entry| now < entry.until);
        }
        if entries.len() < RECENT_MOST || entries.contains_key(&key) {
            entries.insert(key, Entry { salt, output, until: now + self.remember });
        }
        Ok(())
    }

    async fn hashed(
        &self,
        password: &Secret,
        salt: [u8; ARGON2_SALT_OCTETS],
    ) -> Result<Secret, DirectoryError> {
        let password = password.clone();
        self.threads.run(move |scratch| PasswordHash::for_a_moment(&password, &salt, scratch)).await
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // Each change is one call; none can be left half done.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Recent({} of {:?})", self.entries().len(), self.remember)
    }
}

#[cfg(test)]
mod tests;
