//! The questions that a mail server has about accounts.

use std::io;
use std::path::PathBuf;

use gatepost_mail::{Mailbox, Network, Timestamp};
use gatepost_sasl::{
    CramSecret, DigestSecret, Freshness, Mechanism, NtHash, OauthOneKeys, PasswordCheck, ScramHash,
    ScramVerifier, Secret, TokenCheck, VerifierError,
};

use crate::limits::LOGIN_NOTED_EVERY;
use crate::{Account, ClientCertificate, GssSession, LastUse, RelayStart, Relayed};

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

    /// The user's secret of this realm, if the account opted in to DIGEST-MD5 and may log in. The secret is for the name as it is
    /// spelt here.
    fn digest_secret(
        &self,
        user: &str,
        realm: &str,
    ) -> impl Future<Output = Result<Option<DigestSecret>, DirectoryError>> + Send;

    /// The user's NT hash, if the account opted in to NTLM and may log in.
    fn nt_hash(&self, user: &str) -> impl Future<Output = Result<Option<NtHash>, DirectoryError>> + Send;

    /// Whether this bearer token is good for sending mail here, and whose it is. `user` is whom the client says it is: a token
    /// of somebody else is refused. Never [`TokenCheck::Unavailable`]: that is an error here.
    fn check_token(
        &self,
        user: Option<&str>,
        token: Secret,
    ) -> impl Future<Output = Result<TokenCheck, DirectoryError>> + Send;

    /// The secrets of an OAuth 1 credential whose account may log in.
    fn oauth_one_keys(
        &self,
        consumer: &str,
        token: &str,
    ) -> impl Future<Output = Result<Option<OauthOneKeys>, DirectoryError>> + Send;

    /// Whether a nonce of OAuth 1 is new; it is used from now on, over restarts too. `now` says which old ones may be forgotten.
    fn oauth_one_nonce(
        &self,
        nonce: &OauthOneNonce<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Freshness, DirectoryError>> + Send;

    /// The login name that a TLS client certificate stands for.
    fn certificate_user(
        &self,
        certificate: &ClientCertificate,
    ) -> impl Future<Output = Result<Option<String>, DirectoryError>> + Send;

    /// The login name that a Kerberos principal (`ada@REALM`) stands for.
    fn principal_user(
        &self,
        principal: &str,
    ) -> impl Future<Output = Result<Option<String>, DirectoryError>> + Send;

    /// A context of the Kerberos library for one exchange, as a server; none where no source knows Kerberos.
    fn gss(&self) -> impl Future<Output = Result<Option<GssSession>, DirectoryError>> + Send;

    /// Hands a whole exchange to a server that runs it for us (Dovecot); none where we run this mechanism ourselves.
    fn relay(
        &self,
        start: RelayStart,
    ) -> impl Future<Output = Result<Option<Relayed>, DirectoryError>> + Send;

    /// Whether this account has logged in from this network within the time that is remembered.
    fn knows_network(
        &self,
        account: &str,
        network: Network,
    ) -> impl Future<Output = Result<bool, DirectoryError>> + Send;

    /// Remembers a login: last use, network, and (for the ratchet) a bound channel.
    fn logged_in(&self, note: &LoginNote) -> impl Future<Output = Result<(), DirectoryError>> + Send;

    /// The account with this login name, suspended ones included. A login name of one of its devices
    /// (`ada%printer@example.org`) gives the account with that [`Account::device`].
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

/// A nonce of an OAuth 1 login (RFC 5849 section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OauthOneNonce<'a> {
    /// `oauth_consumer_key`.
    pub consumer: &'a str,
    /// `oauth_token`.
    pub token: &'a str,
    /// `oauth_nonce`.
    pub nonce: &'a str,
    /// `oauth_timestamp`, seconds since 1970.
    pub timestamp: u64,
}

/// A login that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginNote {
    /// Whose: [`Account::name`].
    pub account: String,
    /// The label of the device whose password was used, where it was one.
    pub device: Option<String>,
    /// From where.
    pub network: Network,
    /// How.
    pub mechanism: Mechanism,
    /// When.
    pub at: Timestamp,
}

impl LoginNote {
    /// Whether it says more than was remembered when the account was read. Else [`Directory::logged_in`] need not be told.
    #[must_use]
    pub fn adds_to(&self, account: &Account) -> bool {
        let last_use = account.device().map_or(account.last_use(), |device| device.last_use);
        self.is_news(last_use, account.bound_since())
    }

    /// A login a moment after another, from the same network and by the same mechanism, is none.
    pub(crate) fn is_news(&self, last_use: Option<LastUse>, bound_since: Option<Timestamp>) -> bool {
        self.binds_first(bound_since)
            || last_use.is_none_or(|last| {
                last.network != self.network
                    || last.mechanism != self.mechanism
                    || self.at.elapsed_since(last.at) >= LOGIN_NOTED_EVERY
            })
    }

    /// Whether it is the first that was bound to its channel.
    pub(crate) fn binds_first(&self, bound_since: Option<Timestamp>) -> bool {
        self.mechanism.needs_channel_binding() && bound_since.is_none()
    }
}

/// The answer is not known. Never to be taken for a no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// More logins wait already than are let wait. The client may try again in a few seconds.
    #[error("too many logins are waiting for their passwords to be checked")]
    Busy,
    /// A source of accounts on the network or in another process cannot be asked, or answers nonsense.
    #[error("the account source {source_name} cannot be asked: {cause}")]
    Source {
        /// Its name in the configuration.
        source_name: String,
        /// What is wrong. Holds no secret.
        cause: String,
    },
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
