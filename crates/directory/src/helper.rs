//! PAM and Kerberos, in a process of their own: modules that block, keep state, or end the process stay out of the server.
//!
//! The process is `gatepost-helper`. It is started for each question, or systemd starts it for each connection to a unix
//! socket, as a user who may read what gatepost may not.
//!
//! Neither PAM nor Kerberos can say whether a user exists without a password or a ticket. So every address of the domains
//! that such a source is for is an account of it, which owns itself alone, and no mailbox is known to exist. Write such a source
//! after others that are for the same domains.

use std::path::PathBuf;

use gatepost_mail::{Domain, Mailbox};
use gatepost_sasl::{PasswordCheck, Secret};

use crate::{Account, DirectoryError, Known, Source};

mod frame;
mod line;
mod process;
mod session;

pub use process::{HelperBounds, HelperPlace};
pub use session::{GssClient, GssCredential, GssSession};

use process::{Helpers, Task};

/// What a source behind the helper is to be told.
#[derive(Debug, Clone)]
pub struct HelperSettings {
    /// Its name in the configuration; errors say it.
    pub name: String,
    /// Where the helper is.
    pub place: HelperPlace,
    /// How many at once, and for how long.
    pub bounds: HelperBounds,
    /// What it is asked for.
    pub kind: HelperKind,
}

/// What a helper is asked for.
#[derive(Debug, Clone)]
pub enum HelperKind {
    /// Passwords.
    Pam {
        /// The file in `/etc/pam.d`.
        service: String,
        /// What PAM knows users by.
        user: PamUser,
        /// The domains of its accounts.
        domains: Vec<Domain>,
    },
    /// Tickets.
    Kerberos {
        /// The file with the keys of our services. On a socket the unit that starts the helper says it, and this is not used.
        keytab: PathBuf,
        /// `smtp` for that service on any host in the keytab, or `smtp@host`.
        service: String,
        /// The domain of the accounts of each realm. A principal of another realm is nobody here, whoever trusts it.
        realms: Vec<(String, Domain)>,
    },
}

/// What PAM knows users by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PamUser {
    /// `ada` for `ada@example.org`, in lower case.
    LocalPart,
    /// `ada@example.org`, in lower case.
    Address,
}

/// Accounts that PAM or Kerberos knows.
#[derive(Debug)]
pub struct Helper {
    name: String,
    kind: HelperKind,
    helpers: Helpers,
}

impl Helper {
    /// The source. Nothing is started yet.
    #[must_use]
    pub fn new(settings: HelperSettings) -> Self {
        let HelperSettings { name, place, bounds, kind } = settings;
        Self { name, helpers: Helpers::new(place, bounds, kind.task()), kind }
    }

    /// Whether the helper is there, and is the one that is meant. Asks it nothing else; for `gatepost check`.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Source`] with what is wrong, [`DirectoryError::Busy`].
    pub async fn greets(&self) -> Result<(), DirectoryError> {
        match self.helpers.open().await {
            Ok(_line) => Ok(()),
            Err(fault) => Err(fault.of_source(&self.name)),
        }
    }

    /// A context of the Kerberos library, where this helper is for Kerberos. The process is started with the first question.
    pub(crate) async fn gss(&self) -> Result<Option<GssSession>, DirectoryError> {
        match self.kind {
            HelperKind::Kerberos { .. } => Ok(Some(GssSession::new(self.helpers.clone()))),
            HelperKind::Pam { .. } => Ok(None),
        }
    }

    /// The mailbox of a login name, if it may be an account here.
    fn mailbox(&self, user: &str) -> Option<Mailbox> {
        let mailbox = Mailbox::parse(user).ok()?;
        let domain = mailbox.domain()?;
        let ours = match &self.kind {
            HelperKind::Pam { domains, .. } => domains.contains(domain),
            HelperKind::Kerberos { realms, .. } => realms.iter().any(|(_, known)| known == domain),
        };
        (ours && is_plain(mailbox.local_part().as_str())).then_some(mailbox)
    }

    async fn ask_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        let mut line = self.helpers.open().await.map_err(|fault| fault.of_source(&self.name))?;
        let question = [b"check".as_slice(), user.as_bytes(), password.expose()];
        let told = line.ask(&question, self.helpers.bounds().password_time).await;
        told.and_then(|frame| verdict(&frame.fields())).map_err(|fault| fault.of_source(&self.name))
    }
}

/// What PAM's words mean here.
fn verdict(fields: &[&[u8]]) -> Result<Known<PasswordCheck>, process::Fault> {
    match *fields {
        [b"right"] => Ok(Known::Here(PasswordCheck::Right)),
        // It may be another source's user: PAM does not tell.
        [b"wrong"] => Ok(Known::Elsewhere),
        // Whoever knew the password is a user of this source, and shut out.
        [b"expired"] => Ok(Known::Here(PasswordCheck::Wrong)),
        [b"unavailable", reason] => Err(process::Fault::told(reason)),
        _ => Err(process::Fault::Nonsense),
    }
}

/// Whether PAM's modules and Kerberos' principals can have this name for one user and nothing else: modules make paths,
/// arguments and addresses of it, and a device's login name (`ada%printer`) is the embedded source's.
fn is_plain(local_part: &str) -> bool {
    let plain =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | '+' | '=' | '\'');
    !local_part.starts_with('-') && local_part.chars().all(plain)
}

impl HelperKind {
    fn task(&self) -> Task {
        match self {
            Self::Pam { service, .. } => Task::Pam { service: service.clone() },
            Self::Kerberos { keytab, service, .. } => {
                Task::Accept { service: service.clone(), keytab: keytab.clone() }
            }
        }
    }
}

impl Source for Helper {
    async fn check_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        let HelperKind::Pam { user: known_by, .. } = &self.kind else { return Ok(Known::Elsewhere) };
        let Some(mailbox) = self.mailbox(user) else { return Ok(Known::Elsewhere) };
        let user = match known_by {
            PamUser::LocalPart => mailbox.local_part().folded(),
            PamUser::Address => mailbox.folded(),
        };
        self.ask_password(&user, password).await
    }

    /// `ada@REALM` is `ada` in the realm's domain. A principal of several parts (`host/ada@REALM`, `ada/admin@REALM`) is somebody
    /// else than `ada`, and has no account.
    async fn principal_user(&self, principal: &str) -> Result<Known<String>, DirectoryError> {
        let HelperKind::Kerberos { realms, .. } = &self.kind else { return Ok(Known::Elsewhere) };
        let Some((name, realm)) = principal.split_once('@') else { return Ok(Known::Elsewhere) };
        // A realm's name is compared as it is (RFC 4120 section 6.1), and holds no `@` of a quoted name.
        let domain = realms.iter().find(|(known, _)| known == realm).map(|(_, domain)| domain);
        let user = domain.map(|domain| format!("{name}@{}", domain.ascii()));
        let user = user.filter(|user| is_plain(name) && self.mailbox(user).is_some());
        Ok(user.map_or(Known::Elsewhere, Known::Here))
    }

    async fn account(&self, user: &str) -> Result<Known<Account>, DirectoryError> {
        Ok(self.mailbox(user).map_or(Known::Elsewhere, |mailbox| Known::Here(Account::of(mailbox))))
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<Known<bool>, DirectoryError> {
        let owner = self.mailbox(account);
        Ok(owner.map_or(Known::Elsewhere, |owner| Known::Here(owner.folded() == mailbox.folded())))
    }

    /// Never: nobody can be asked without a password.
    async fn mailbox_exists(&self, _mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
