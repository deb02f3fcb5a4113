//! The engine that needs no other program: SQLite in the data folder.
//!
//! Everything is in `accounts/` of the data folder (mode 0700), in files of mode 0600:
//!
//! | file | holds |
//! | --- | --- |
//! | `accounts.sqlite`, `-wal`, `-shm` | accounts and devices, argon2id hashes, SCRAM verifiers, sealed secrets, what is remembered of logins |
//! | `sealing.key` | what opens the sealed secrets (CRAM-MD5, DIGEST-MD5, NTLM, OAuth 1, imported hashes), and keys the hashes of device passwords; a copy of the database is worth nothing to those without it |
//! | `decoy.key` | what the verifiers of users that do not exist are made from |
//! | `opening.lock` | keeps two processes from making the files at once |
//!
//! # Where the work is done
//!
//! Look-ups run on the caller's thread, under a mutex: cached statements on indexes, some microseconds each, less than handing
//! one to another thread and back. The database is in WAL mode, so no change by another process makes a look-up
//! wait. No answer is kept beyond what is stored, so a change counts from the moment when the command that made it ends.
//!
//! Passwords are checked in a pool of threads of this engine's own, with their look-up; what was right a moment ago
//! ([`keep_verified`](Embedded::keep_verified)) on the caller's thread.
//!
//! Changes (`add`, `set_password`, ...) block and hash on the caller's thread: they are for commands.

mod accounts;
mod certificates;
mod check;
mod credentials;
mod devices;
mod files;
mod generate;
mod hash;
mod imports;
mod keys;
mod kind;
mod memory;
mod oauth_one;
mod pool;
mod schema;
mod store;
mod verified;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatepost_mail::{Mailbox, Timestamp};
use gatepost_sasl::limits::{ITERATIONS_DEFAULT, PASSWORD_OCTETS_MOST};
use gatepost_sasl::{
    CramSecret, DigestSecret, NtHash, OauthOneKeys, PasswordCheck, ScramHash, ScramVerifier, Secret,
};

pub use accounts::AccountError;
pub use certificates::KnownCertificate;
pub use devices::NewDevice;
pub(crate) use imports::Taken;
pub use imports::{ImportRun, Imported, ImportedAccount, ImportedForm, NotTaken};
pub use oauth_one::OauthOneLabel;
pub use pool::PasswordLoad;

use crate::account::{domain_pattern, login_key};
use crate::device::Login;
use crate::limits::{PASSWORD_QUEUE_PER_THREAD, PASSWORD_THREADS_MOST};
use crate::{Account, ClientCertificate, DirectoryError, Known, Source, StoreFault};
use credentials::Reader;
pub(crate) use hash::{PasswordHash, Scratch};
use keys::Keys;
use kind::Kind;
use pool::Pool;
use store::Store;
use verified::Verified;

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
    keys: Arc<Keys>,
    pool: Arc<Pool>,
    verified: Arc<Verified>,
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
        let keys = Arc::new(Keys::load(&folder)?);
        let (pool, verified) = (Arc::new(Pool::new(settings)), Arc::new(Verified::new()));
        Ok(Self { store, keys, pool, verified, folder })
    }

    /// Remembers for this time that an account's password was right, so that the next login costs less: the password is not
    /// kept, and what changes for the account ends it at once. Zero, as at the begin, remembers nothing.
    pub fn keep_verified(&self, time: Duration) {
        if self.verified.kept().unwrap_or_default() != time {
            self.verified.keep(time);
        }
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

    fn verifier(&self, login: &Login, hash: ScramHash) -> Result<Option<ScramVerifier>, StoreFault> {
        let stored = self.store.credential(login, Kind::scram(hash), now())?;
        stored.map(|stored| self.reader(&login.name()).scram(hash, &stored)).transpose()
    }

    fn secret(&self, login: &Login) -> Result<Option<CramSecret>, StoreFault> {
        let (name, now) = (login.name(), now());
        if let Some(sealed) = self.store.credential(login, Kind::CramMd5, now)? {
            return self.reader(&name).cram(sealed).map(Some);
        }
        let states = self.store.credential(login, Kind::CramStates, now)?;
        states.map(|states| self.reader(&name).cram_states(states)).transpose()
    }

    /// By the password where it is kept: then for any spelling and realm. Else for those that were hashed in, and no others.
    fn digest(&self, login: &Login, (user, realm): (&str, &str)) -> Result<Option<DigestSecret>, StoreFault> {
        let (name, now) = (login.name(), now());
        let reader = self.reader(&name);
        let Some(sealed) = self.store.credential(login, Kind::DigestMd5, now)? else { return Ok(None) };
        let digest = reader.digest(sealed)?;
        if (digest.user.as_str(), digest.realm.as_str()) == (user, realm) {
            return Ok(Some(digest.secret));
        }
        let Some(sealed) = self.store.credential(login, Kind::CramMd5, now)? else { return Ok(None) };
        let cram = reader.cram(sealed)?;
        Ok(cram.password().map(|password| DigestSecret::derive(user, realm, password)))
    }

    fn reader<'a>(&'a self, name: &'a str) -> Reader<'a> {
        Reader { keys: &self.keys, name }
    }

    /// What was found for a login name; without anything found, whether there is such an account at all.
    fn known<T>(&self, login: &Login, found: Option<T>) -> Result<Known<Option<T>>, DirectoryError> {
        let here = found.is_some() || self.store.knows(login, now())?;
        Ok(if here { Known::Here(found) } else { Known::Elsewhere })
    }
}

/// Now: devices end, and what is remembered grows old. All else is told the time.
fn now() -> Timestamp {
    Timestamp::since_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
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
        let Some(login) = Login::read(user) else { return Ok(Known::Elsewhere) };
        let check = check::Check {
            store: Arc::clone(&self.store),
            keys: Arc::clone(&self.keys),
            verified: Arc::clone(&self.verified),
            login,
            password: password.clone(),
            now: now(),
        };
        if check.is_remembered()? {
            return Ok(Known::Here(PasswordCheck::Right));
        }
        Ok(self.pool.run_then(move |scratch| check.run(scratch)).await??)
    }

    async fn scram_verifier(
        &self,
        user: &str,
        hash: ScramHash,
    ) -> Result<Known<Option<ScramVerifier>>, DirectoryError> {
        let Some(login) = Login::read(user) else { return Ok(Known::Elsewhere) };
        let found = self.verifier(&login, hash)?;
        self.known(&login, found)
    }

    async fn cram_secret(&self, user: &str) -> Result<Known<Option<CramSecret>>, DirectoryError> {
        let Some(login) = Login::read(user) else { return Ok(Known::Elsewhere) };
        let found = self.secret(&login)?;
        self.known(&login, found)
    }

    async fn digest_secret(
        &self,
        user: &str,
        realm: &str,
    ) -> Result<Known<Option<DigestSecret>>, DirectoryError> {
        // Digests that come from Dovecot are over the part before the @, with the domain for a realm.
        let login = Login::read(user).or_else(|| Login::read(&format!("{user}@{realm}")));
        let Some(login) = login else { return Ok(Known::Elsewhere) };
        let found = self.digest(&login, (user, realm))?;
        self.known(&login, found)
    }

    async fn nt_hash(&self, user: &str) -> Result<Known<Option<NtHash>>, DirectoryError> {
        let Some(login) = Login::read(user) else { return Ok(Known::Elsewhere) };
        let stored = self.store.credential(&login, Kind::Ntlm, now())?;
        let found = stored.map(|stored| self.reader(&login.name()).nt_hash(stored)).transpose()?;
        self.known(&login, found)
    }

    async fn oauth_one_keys(
        &self,
        consumer: &str,
        token: &str,
    ) -> Result<Known<OauthOneKeys>, DirectoryError> {
        Ok(self.open_oauth_one(consumer, token)?.map_or(Known::Elsewhere, Known::Here))
    }

    async fn certificate_user(
        &self,
        certificate: &ClientCertificate,
    ) -> Result<Known<String>, DirectoryError> {
        Ok(self.owner_of(certificate)?.map_or(Known::Elsewhere, Known::Here))
    }

    async fn account(&self, user: &str) -> Result<Known<Account>, DirectoryError> {
        let Some(login) = Login::read(user) else { return Ok(Known::Elsewhere) };
        Ok(self.store.account(&login, now())?.map_or(Known::Elsewhere, Known::Here))
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

impl fmt::Debug for Embedded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Embedded({})", self.folder.display())
    }
}

#[cfg(test)]
mod tests;
