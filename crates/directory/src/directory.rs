//! The questions that a mail server has about accounts.

use std::io;
use std::path::PathBuf;

use gatepost_mail::Mailbox;
use gatepost_sasl::{CramSecret, PasswordCheck, ScramHash, ScramVerifier, Secret, VerifierError};

use crate::Account;

/// Where accounts live.
///
/// `user` is a login name as the client gave it, of any spelling; `account` is an [`Account::name`]. Each answer is
/// as of now: what changed in the store before the call counts. Dropping a future gives the question up and leaves
/// nothing behind.
///
/// Every method fails with [`DirectoryError`] only when the answer is not known: reply with a temporary refusal then.
pub trait Directory: Send + Sync + 'static {
    /// Whether this is the user's password, and the account may log in.
    ///
    /// `password` is in the form of [`prepare::password`](gatepost_sasl::prepare::password), as exchanges hand it out. Never
    /// [`PasswordCheck::Unavailable`]: that is an error here. Costs the same whoever the user is.
    fn check_password(
        &self,
        user: &str,
        password: Secret,
    ) -> impl Future<Output = Result<PasswordCheck, DirectoryError>> + Send;

    /// The user's verifier, or one that no password passes, always the same, for unknown and suspended users and those without.
    fn scram_verifier(
        &self,
        user: &str,
        hash: ScramHash,
    ) -> impl Future<Output = Result<ScramVerifier, DirectoryError>> + Send;

    /// The user's password, if the account opted in to CRAM-MD5 and may log in.
    fn cram_secret(
        &self,
        user: &str,
    ) -> impl Future<Output = Result<Option<CramSecret>, DirectoryError>> + Send;

    /// The account with this login name, suspended ones included.
    fn account(&self, user: &str) -> impl Future<Output = Result<Option<Account>, DirectoryError>> + Send;

    /// Whether the account may send as this mailbox: its own address, one that it was given, or one in a domain that
    /// it was given. An account that is unknown or suspended, even since it logged in, owns nothing.
    fn owns(
        &self,
        account: &str,
        mailbox: &Mailbox,
    ) -> impl Future<Output = Result<bool, DirectoryError>> + Send;

    /// Whether mail for this mailbox has an account to go to. Suspended accounts still receive.
    fn mailbox_exists(&self, mailbox: &Mailbox) -> impl Future<Output = Result<bool, DirectoryError>> + Send;
}

/// The answer is not known. Never to be taken for a no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// More logins wait already than are let wait. The client may try again in a few seconds.
    #[error("too many logins are waiting for their passwords to be checked")]
    Busy,
    /// The store cannot be asked; the operator must see to it.
    #[error("the directory is unavailable: {0}")]
    Unavailable(#[from] StoreFault),
}

/// What is wrong with the store of accounts, for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// A file or folder cannot be read or written.
    #[error("{path}: {cause}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A file with secrets can be read by others than its owner.
    #[error("{path} has mode {mode:03o}, so that others can read it; run `chmod 600 {path}`", path = path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file holds no key.
    #[error("{path} holds no key; restore it from a backup", path = path.display())]
    Key {
        /// Which.
        path: PathBuf,
    },
    /// Another process is opening the same store, and does not come to an end.
    #[error("{path} is held by another process that is opening the accounts", path = path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The file is a database of something else.
    #[error("{path} is a database, but not one of accounts", path = path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A newer release has changed the database.
    #[error("the accounts were last used by a newer release (schema {found}; this one knows {known})")]
    Newer {
        /// The schema's number in the file.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// The database failed.
    #[error("account database: {0}")]
    Database(#[from] rusqlite::Error),
    /// What is stored for an account cannot be read.
    #[error(
        "what is stored for {account} is damaged ({what}); set its password anew with `gatepost account passwd {account}`"
    )]
    Record {
        /// Whose.
        account: String,
        /// Which part.
        what: &'static str,
    },
    /// A verifier cannot be made.
    #[error("SCRAM verifier: {0}")]
    Verifier(#[from] VerifierError),
    /// The system gives no random numbers.
    #[error("random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// Hashing a password failed.
    #[error("argon2: {0}")]
    Hashing(argon2::Error),
    /// There is no memory for hashing a password.
    #[error("no memory for checking a password")]
    Memory,
    /// Sealing a secret failed.
    #[error("sealing a secret failed")]
    Sealing,
    /// No thread can be started for password work.
    #[error("no thread for checking passwords: {0}")]
    Thread(#[source] io::Error),
    /// A password thread ended before its answer: the directory is being closed, or we have a bug.
    #[error("password work was broken off")]
    BrokenOff,
}
