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

use gatepost_mail::{Mailbox, Network, Timestamp};
use gatepost_sasl::limits::{ITERATIONS_DEFAULT, PASSWORD_OCTETS_MOST};
use gatepost_sasl::{CramSecret, Freshness, PasswordCheck, ScramHash, ScramVerifier, Secret};

pub use accounts::AccountError;
pub use pool::PasswordLoad;

use crate::account::{domain_pattern, login_key};
use crate::limits::{PASSWORD_QUEUE_PER_THREAD, PASSWORD_THREADS_MOST};
use crate::{Account, DirectoryError, Known, LoginNote, OauthOneNonce, Source, StoreFault};
pub(crate) use hash::{PasswordHash, Scratch};
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
    pool: Arc<Pool>,
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
        Ok(Self { store, keys, pool: Arc::new(Pool::new(settings)), folder })
    }

    /// How busy the password threads are, for metrics.
    #[must_use]
    pub fn password_load(&self) -> PasswordLoad {
        self.pool.load()
    }

    /// The threads for password work, lent to other sources: all together never use more memory than the settings say.
    #[must_use]
    pub fn password_threads(&self) -> PasswordThreads {
        PasswordThreads(Arc::clone(&self.pool))
    }

    fn verifier(&self, key: &str, hash: ScramHash) -> Result<Option<ScramVerifier>, StoreFault> {
        let Some(text) = self.store.credential(key, Kind::scram(hash))? else { return Ok(None) };
        let damaged = || StoreFault::Record { account: key.to_owned(), what: hash.name() };
        let text = std::str::from_utf8(text.expose()).map_err(|_| damaged())?;
        ScramVerifier::from_text(text).map(Some).map_err(|_| damaged())
    }

    fn secret(&self, key: &str) -> Result<Option<CramSecret>, StoreFault> {
        let Some(sealed) = self.store.credential(key, Kind::CramMd5)? else { return Ok(None) };
        let opened = self.keys.open(key, Sealed::from(sealed));
        let damaged = StoreFault::Record { account: key.to_owned(), what: "CRAM-MD5" };
        Ok(Some(CramSecret::new(opened.ok_or(damaged)?)))
    }

    /// What was found for a login name; without anything found, whether there is such an account at all.
    fn known<T>(&self, key: &str, found: Option<T>) -> Result<Known<Option<T>>, DirectoryError> {
        let here = found.is_some() || self.store.exists(key)?;
        Ok(if here { Known::Here(found) } else { Known::Elsewhere })
    }
}

impl Source for Embedded {
    async fn check_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        // Nobody has such a password. Exchanges refuse it already; here it would make the queue's memory unbounded.
        if password.expose().len() > PASSWORD_OCTETS_MOST {
            return Ok(Known::Here(PasswordCheck::Wrong));
        }
        let Some(key) = login_key(user) else { return Ok(Known::Elsewhere) };
        let (store, password) = (Arc::clone(&self.store), password.clone());
        let work = move |scratch: &mut Scratch| check(&store, &key, &password, scratch);
        Ok(self.pool.run(work).await??)
    }

    async fn scram_verifier(
        &self,
        user: &str,
        hash: ScramHash,
    ) -> Result<Known<Option<ScramVerifier>>, DirectoryError> {
        let Some(key) = login_key(user) else { return Ok(Known::Elsewhere) };
        let found = self.verifier(&key, hash)?;
        self.known(&key, found)
    }

    async fn cram_secret(&self, user: &str) -> Result<Known<Option<CramSecret>>, DirectoryError> {
        let Some(key) = login_key(user) else { return Ok(Known::Elsewhere) };
        let found = self.secret(&key)?;
        self.known(&key, found)
    }

    async fn account(&self, user: &str) -> Result<Known<Account>, DirectoryError> {
        let Some(key) = login_key(user) else { return Ok(Known::Elsewhere) };
        Ok(self.store.account(&key)?.map_or(Known::Elsewhere, Known::Here))
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<Known<bool>, DirectoryError> {
        let Some(key) = login_key(account) else { return Ok(Known::Elsewhere) };
        let domain = mailbox.domain().map(domain_pattern);
        if self.store.owns(&key, &mailbox.folded(), domain.as_deref())? {
            return Ok(Known::Here(true));
        }
        Ok(if self.store.exists(&key)? { Known::Here(false) } else { Known::Elsewhere })
    }

    async fn mailbox_exists(&self, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(self.store.exists(&mailbox.folded())?)
    }
}

/// What [`Directories`](crate::Directories) needs beside the accounts: work for nobody, and a memory of logins.
impl Embedded {
    /// What a password of a user costs whom no source knows.
    pub(crate) async fn spend_on_nobody(&self, password: Secret) -> Result<PasswordCheck, DirectoryError> {
        if password.expose().len() <= PASSWORD_OCTETS_MOST {
            let work = move |scratch: &mut Scratch| PasswordHash::of_nobody().matches(&password, scratch);
            self.pool.run(work).await??;
        }
        Ok(PasswordCheck::Wrong)
    }

    /// A verifier that looks real, is always the same, and fits no password.
    pub(crate) fn fake_verifier(&self, user: &str, hash: ScramHash) -> ScramVerifier {
        ScramVerifier::fake(hash, user, self.keys.decoy(), ITERATIONS_DEFAULT)
    }

    /// The work of opening a sealed secret, for those who have none.
    pub(crate) fn open_nothing<T>(&self) -> Option<T> {
        self.keys.open_decoy();
        None
    }

    pub(crate) fn use_nonce(
        &self,
        _nonce: &OauthOneNonce<'_>,
        _now: Timestamp,
    ) -> Result<Freshness, StoreFault> {
        Ok(Freshness::Used)
    }

    pub(crate) fn knows_network(&self, _account: &str, _network: Network) -> Result<bool, StoreFault> {
        Ok(false)
    }

    pub(crate) fn note_login(&self, _note: &LoginNote) -> Result<(), StoreFault> {
        Ok(())
    }
}

/// The threads for password work of an [`Embedded`], lent.
#[derive(Clone)]
pub struct PasswordThreads(Arc<Pool>);

impl PasswordThreads {
    /// Does the work on one of them, or is [`DirectoryError::Busy`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Scratch) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        Ok(self.0.run(work).await??)
    }
}

impl fmt::Debug for PasswordThreads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// On a password thread: one look-up and one argon2 run for a known user. For an unknown one the run is the caller's to make.
fn check(
    store: &Store,
    key: &str,
    password: &Secret,
    scratch: &mut Scratch,
) -> Result<Known<PasswordCheck>, StoreFault> {
    let Some(text) = store.credential(key, Kind::Password)? else {
        if !store.exists(key)? {
            return Ok(Known::Elsewhere);
        }
        PasswordHash::of_nobody().matches(password, scratch)?;
        return Ok(Known::Here(PasswordCheck::Wrong));
    };
    let damaged = StoreFault::Record { account: key.to_owned(), what: "password" };
    let hash = PasswordHash::from_text(&text).ok_or(damaged)?;
    let right = hash.matches(password, scratch)?;
    Ok(Known::Here(if right { PasswordCheck::Right } else { PasswordCheck::Wrong }))
}

impl fmt::Debug for Embedded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Embedded({})", self.folder.display())
    }
}

#[cfg(test)]
mod tests;
