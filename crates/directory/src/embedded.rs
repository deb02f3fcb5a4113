//! The engine that needs no other program: SQLite in the data folder.
//!
//! Everything is in `accounts/` of the data folder (mode 0700), in files of mode 0600:
//!
//! | file | holds |
//! | --- | --- |
//! | `accounts.sqlite`, `-wal`, `-shm` | accounts, argon2id hashes, SCRAM verifiers, sealed CRAM-MD5 secrets |
//! | `sealing.key` | what opens the sealed secrets; a copy of the database is worth nothing to CRAM-MD5 without it |
//! | `decoy.key` | what the verifiers of users that do not exist are made from |
//! | `opening.lock` | keeps two processes from making the files at once |
//!
//! # Where the work is done
//!
//! Look-ups run on the caller's thread, under a mutex: cached statements on indexes, some microseconds each, less than handing
//! one to another thread and back. The database is in WAL mode, so no change by another process makes a look-up
//! wait. No answer is kept, so a change counts from the moment when the command that made it ends.
//!
//! Passwords are checked in a pool of threads of this engine's own, with their look-up.
//!
//! Changes (`add`, `set_password`, ...) block and hash on the caller's thread: they are for commands.

mod accounts;
mod files;
mod hash;
mod keys;
mod pool;
mod schema;
mod store;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use gatepost_mail::Mailbox;
use gatepost_sasl::limits::{ITERATIONS_DEFAULT, PASSWORD_OCTETS_MOST};
use gatepost_sasl::{CramSecret, PasswordCheck, ScramHash, ScramVerifier, Secret};

pub use accounts::AccountError;
pub use pool::PasswordLoad;

use crate::account::{domain_pattern, login_key};
use crate::limits::{PASSWORD_QUEUE_PER_THREAD, PASSWORD_THREADS_MOST};
use crate::{Account, Directory, DirectoryError, StoreFault};
use hash::{PasswordHash, Scratch};
use keys::{Keys, Sealed};
use pool::Pool;
use store::{Kind, Store};

/// How much password work may go on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// Threads. Each holds [`ARGON2_MEMORY_KIB`](crate::limits::ARGON2_MEMORY_KIB) while there is work.
    pub password_threads: NonZeroUsize,
    /// Logins that may wait for a thread; further ones are [`DirectoryError::Busy`].
    pub password_queue: NonZeroUsize,
}

/// A thread per core, up to [`PASSWORD_THREADS_MOST`], and [`PASSWORD_QUEUE_PER_THREAD`] for each.
impl Default for EmbeddedSettings {
    fn default() -> Self {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = NonZeroUsize::new(PASSWORD_THREADS_MOST).unwrap_or(NonZeroUsize::MIN);
        let threads = cores.min(most);
        let each = NonZeroUsize::new(PASSWORD_QUEUE_PER_THREAD).unwrap_or(NonZeroUsize::MIN);
        Self { password_threads: threads, password_queue: threads.saturating_mul(each) }
    }
}

/// Accounts in the data folder. Any number of processes may have the same ones open.
///
/// Dropping it waits for the passwords that are being checked at that moment (tens of milliseconds), and breaks the
/// waiting ones off.
pub struct Embedded {
    store: Arc<Store>,
    keys: Keys,
    pool: Pool,
    folder: PathBuf,
}

impl Embedded {
    /// Opens the accounts in `data_dir`, making folder, database and keys where they are missing, and bringing an
    /// older database up to date.
    ///
    /// Blocks, [`DATABASE_WAIT_WRITING`](crate::limits::DATABASE_WAIT_WRITING) at most while another process opens them. A
    /// crash at any point leaves nothing that a second call would not mend.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Unavailable`] says which file is wrong, and how to mend it.
    pub fn open(data_dir: &Path, settings: EmbeddedSettings) -> Result<Self, DirectoryError> {
        let folder = files::make_folder(data_dir)?;
        let _opening = files::hold(&folder)?;
        let store = Arc::new(Store::open(&folder)?);
        let keys = Keys::load(&folder)?;
        Ok(Self { store, keys, pool: Pool::new(settings), folder })
    }

    /// How busy the password threads are, for metrics.
    #[must_use]
    pub fn password_load(&self) -> PasswordLoad {
        self.pool.load()
    }

    fn verifier(&self, user: &str, hash: ScramHash) -> Result<ScramVerifier, StoreFault> {
        // Made for everybody, so that having none costs no more than having one.
        let fake = ScramVerifier::fake(hash, user, self.keys.decoy(), ITERATIONS_DEFAULT);
        let Some(key) = login_key(user) else { return Ok(fake) };
        let Some(text) = self.store.credential(&key, Kind::scram(hash))? else { return Ok(fake) };
        let damaged = || StoreFault::Record { account: key.clone(), what: hash.name() };
        let text = std::str::from_utf8(text.expose()).map_err(|_| damaged())?;
        ScramVerifier::from_text(text).map_err(|_| damaged())
    }

    fn secret(&self, user: &str) -> Result<Option<CramSecret>, StoreFault> {
        let key = login_key(user).unwrap_or_default();
        match self.store.credential(&key, Kind::CramMd5)? {
            Some(sealed) => {
                let opened = self.keys.open(&key, Sealed::from(sealed));
                let damaged = StoreFault::Record { account: key, what: "CRAM-MD5" };
                Ok(Some(CramSecret::new(opened.ok_or(damaged)?)))
            }
            None => {
                self.keys.open_decoy();
                Ok(None)
            }
        }
    }
}

impl Directory for Embedded {
    async fn check_password(&self, user: &str, password: Secret) -> Result<PasswordCheck, DirectoryError> {
        // Nobody has such a password. Exchanges refuse it already; here it would make the queue's memory unbounded.
        if password.expose().len() > PASSWORD_OCTETS_MOST {
            return Ok(PasswordCheck::Wrong);
        }
        let (store, key) = (Arc::clone(&self.store), login_key(user));
        let work = move |scratch: &mut Scratch| check(&store, key.as_deref(), &password, scratch);
        Ok(self.pool.run(work).await??)
    }

    async fn scram_verifier(&self, user: &str, hash: ScramHash) -> Result<ScramVerifier, DirectoryError> {
        Ok(self.verifier(user, hash)?)
    }

    async fn cram_secret(&self, user: &str) -> Result<Option<CramSecret>, DirectoryError> {
        Ok(self.secret(user)?)
    }

    async fn account(&self, user: &str) -> Result<Option<Account>, DirectoryError> {
        match login_key(user) {
            Some(key) => Ok(self.store.account(&key)?),
            None => Ok(None),
        }
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        let Some(key) = login_key(account) else { return Ok(false) };
        let domain = mailbox.domain().map(domain_pattern);
        Ok(self.store.owns(&key, &mailbox.folded(), domain.as_deref())?)
    }

    async fn mailbox_exists(&self, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(self.store.exists(&mailbox.folded())?)
    }
}

/// On a password thread: one look-up and one argon2 run, whoever the user is.
fn check(
    store: &Store,
    key: Option<&str>,
    password: &Secret,
    scratch: &mut Scratch,
) -> Result<PasswordCheck, StoreFault> {
    let key = key.unwrap_or_default();
    let stored = match store.credential(key, Kind::Password)? {
        Some(text) => {
            let damaged = StoreFault::Record { account: key.to_owned(), what: "password" };
            Some(PasswordHash::from_text(&text).ok_or(damaged)?)
        }
        None => None,
    };
    match stored {
        Some(hash) if hash.matches(password, scratch)? => Ok(PasswordCheck::Right),
        Some(_) => Ok(PasswordCheck::Wrong),
        None => {
            PasswordHash::of_nobody().matches(password, scratch)?;
            Ok(PasswordCheck::Wrong)
        }
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Embedded({})", self.folder.display())
    }
}

#[cfg(test)]
mod tests;
