//! Accounts that Dovecot knows, by its auth client protocol (version 1) on a unix socket.
//!
//! A password is checked by AUTH PLAIN. An exchange of any other mechanism that Dovecot offers passes through whole, so that no
//! verifier of Dovecot's is needed here. What Dovecot is not told is the TLS channel: mechanisms that bind to it are not
//! passed on, nor is EXTERNAL.
//!
//! The auth client protocol has no look-up of users. Where Dovecot's `auth-userdb` socket is configured, that is asked; else every
//! login name in the source's domains is an account, since the only names that matter are those that have just logged in.

mod exchange;
mod line;
mod reply;
mod userdb;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use gatepost_mail::{Domain, Mailbox};
use gatepost_sasl::{Mechanism, PasswordCheck, Secret};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

pub(crate) use self::exchange::Exchange;
use self::exchange::{Outcome, Refusal, Start};
use self::line::{Gone, Line};
use self::userdb::Userdb;
use crate::account::login_key;
use crate::{Account, DirectoryError, Known, RelayStart, Relayed, RelayedExchange, Source, limits};

/// Where Dovecot is.
#[derive(Debug, Clone)]
pub struct DovecotSettings {
    /// The source's name in the configuration, for errors.
    pub name: String,
    /// The auth client socket, as in `/run/dovecot/auth-client`.
    pub socket: PathBuf,
    /// The socket that says which users there are, as in `/run/dovecot/auth-userdb`.
    pub userdb_socket: Option<PathBuf>,
    /// The domains of its users; empty means all. Where it is one, a user without a domain is of that one.
    pub domains: Vec<Domain>,
}

/// Accounts that Dovecot knows.
pub struct Dovecot {
    settings: Arc<DovecotSettings>,
    userdb: Option<Userdb>,
    state: Mutex<State>,
}

/// The one connection, which all exchanges share.
enum State {
    NotTried,
    Up(Arc<Line>),
    Down { since: Instant, cause: String },
}

impl Dovecot {
    /// Dovecot at this socket; nothing is connected yet.
    #[must_use]
    pub fn new(settings: DovecotSettings) -> Self {
        let userdb = settings.userdb_socket.clone().map(Userdb::new);
        Self { settings: Arc::new(settings), userdb, state: Mutex::new(State::NotTried) }
    }

    /// Runs an exchange there; none where Dovecot does not offer the mechanism, or could not run it well.
    pub(crate) async fn relay(&self, start: RelayStart) -> Result<Option<Relayed>, DirectoryError> {
        if !is_relayed(start.mechanism) {
            return Ok(None);
        }
        let line = self.line().await?;
        if !line.offers(start.mechanism) {
            return Ok(None);
        }
        let begun = Start {
            mechanism: start.mechanism,
            initial: start.initial.as_ref(),
            client: Some(start.client),
            encrypted: start.encrypted,
        };
        let outcome = self.begin(line, &begun).await?;
        exchange::relayed(&self.settings, outcome).map(Some)
    }

    /// Begins an exchange. A connection that turns out to be dead is replaced once: Dovecot was restarted since.
    async fn begin(&self, line: Arc<Line>, start: &Start<'_>) -> Result<Outcome, DirectoryError> {
        match exchange::begin(&line, start).await {
            Err(Gone::Broken(_)) => {
                let line = self.line().await?;
                exchange::begin(&line, start).await.map_err(|gone| self.fault(gone.to_string()))
            }
            other => other.map_err(|gone| self.fault(gone.to_string())),
        }
    }

    async fn line(&self) -> Result<Arc<Line>, DirectoryError> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Up(line) if !line.is_broken() => return Ok(Arc::clone(line)),
            State::Down { since, cause } if since.elapsed() < limits::DOVECOT_PAUSE => {
                return Err(self.fault(cause.clone()));
            }
            State::Up(_) | State::Down { .. } | State::NotTried => {}
        }
        match Line::connect(&self.settings.socket).await {
            Ok(line) => {
                let line = Arc::new(line);
                *state = State::Up(Arc::clone(&line));
                Ok(line)
            }
            Err(gone) => {
                let cause = format!("{}: {gone}", self.settings.socket.display());
                *state = State::Down { since: Instant::now(), cause: cause.clone() };
                Err(self.fault(cause))
            }
        }
    }

    fn fault(&self, cause: String) -> DirectoryError {
        self.settings.fault(cause)
    }

    /// The account of a login name, if it may be one of Dovecot's.
    async fn find(&self, user: &str) -> Result<Option<Account>, DirectoryError> {
        let Some(name) = login_key(user).filter(|name| self.settings.covers(name)) else { return Ok(None) };
        let there = match &self.userdb {
            Some(userdb) => userdb.knows(&name).await.map_err(|cause| self.fault(cause))?,
            None => true,
        };
        let mailbox = Mailbox::parse(&name).ok().filter(|_| there);
        Ok(mailbox.map(Account::of))
    }
}

impl DovecotSettings {
    fn fault(&self, cause: String) -> DirectoryError {
        DirectoryError::Source { source_name: self.name.clone(), cause }
    }

    fn covers(&self, name: &str) -> bool {
        let domain = || Mailbox::parse(name).ok().and_then(|mailbox| mailbox.domain().cloned());
        self.domains.is_empty() || domain().is_some_and(|domain| self.domains.contains(&domain))
    }

    /// The login name of a user as Dovecot calls it.
    fn login_name(&self, user: &str) -> Result<String, DirectoryError> {
        let whole = match self.domains.as_slice() {
            [only] if !user.contains('@') => format!("{user}@{}", only.ascii()),
            _ => user.to_owned(),
        };
        let known = login_key(&whole).filter(|name| self.covers(name));
        known.ok_or_else(|| self.fault(format!("Dovecot calls the user {user:?}, which is no address here")))
    }
}

/// Whether an exchange of this mechanism can be another server's. PLAIN and LOGIN show name and password, and so every
/// source is asked in its turn.
fn is_relayed(name: &str) -> bool {
    Mechanism::from_name(name).is_some_and(|mechanism| {
        let own = matches!(mechanism, Mechanism::Plain | Mechanism::Login | Mechanism::External);
        !own && !mechanism.needs_channel_binding()
    })
}

impl Source for Dovecot {
    async fn check_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        // A NUL ends a part of PLAIN (RFC 4616): what holds one is nobody's.
        if user.contains('\0') || password.expose().contains(&0) || !self.may_be(user) {
            return Ok(Known::Elsewhere);
        }
        let mut message = Zeroizing::new(Vec::with_capacity(user.len() + password.expose().len() + 2));
        for part in [user.as_bytes(), password.expose()] {
            message.push(0);
            message.extend_from_slice(part);
        }
        let initial = Secret::new(std::mem::take(&mut *message));
        // Whether a password may be shown on this channel was decided before it was asked for.
        let start = Start { mechanism: "PLAIN", initial: Some(&initial), client: None, encrypted: true };
        match self.begin(self.line().await?, &start).await? {
            Outcome::Right { user: found } => {
                let name = self.settings.login_name(&found)?;
                let same = login_key(user).is_some_and(|asked| asked == name);
                let check = if same { PasswordCheck::Right } else { PasswordCheck::RightAs(name) };
                Ok(Known::Here(check))
            }
            Outcome::Refused(Refusal::Rejected { .. }) => Ok(Known::Elsewhere),
            Outcome::Refused(Refusal::NotAllowed { .. }) => Ok(Known::Here(PasswordCheck::Wrong)),
            Outcome::Refused(Refusal::Temporary) => Err(self.fault("Dovecot cannot tell now".to_owned())),
            Outcome::Challenge { .. } => Err(self.fault("Dovecot asks for more than PLAIN has".to_owned())),
        }
    }

    async fn account(&self, user: &str) -> Result<Known<Account>, DirectoryError> {
        Ok(self.find(user).await?.map_or(Known::Elsewhere, Known::Here))
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<Known<bool>, DirectoryError> {
        let found = self.find(account).await?;
        Ok(found.map_or(Known::Elsewhere, |account| Known::Here(account.name == mailbox.folded())))
    }

    async fn mailbox_exists(&self, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(self.find(&mailbox.folded()).await?.is_some())
    }
}

impl Dovecot {
    /// Whether Dovecot is to be asked about this login name at all: passwords of other domains are not shown to it.
    fn may_be(&self, user: &str) -> bool {
        !user.contains('@') || login_key(user).is_some_and(|name| self.settings.covers(&name))
    }
}

impl fmt::Debug for Dovecot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dovecot").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
