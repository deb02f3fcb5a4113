//! LDAP and Active Directory.
//!
//! An account is the entry that the operator's filter finds for a login name. Its password is proved by binding as that entry
//! (RFC 4513 section 5.1.3) or by a compare of `userPassword` (RFC 4511 section 4.10). Two entries for one name are an error, as
//! is a referral: neither says whose password is meant.
//!
//! An empty password never goes to the server: a bind with one succeeds without proving anything (RFC 4513 section 5.1.2).

mod entry;
mod server;

use std::fmt;
use std::path::PathBuf;

use gatepost_mail::Mailbox;
use gatepost_sasl::limits::PASSWORD_OCTETS_MOST;
use gatepost_sasl::{PasswordCheck, Secret, prepare};

use crate::account::{domain_pattern, login_key};
use crate::connections::Connections;
use crate::placeholders::Values;
use crate::{Account, DirectoryError, Known, Source, Template};
use entry::{Entry, Reader};
use server::{Found, Purpose, Question, Servers};

/// Servers with the same entries, and how to read them.
#[derive(Debug, Clone)]
pub struct LdapSettings {
    /// Their URLs (`ldap://`, `ldaps://`, `ldapi://`), each with a host; tried in this order, the one that works being kept to.
    pub servers: Vec<String>,
    /// How `ldap://` is encrypted.
    pub tls: LdapTls,
    /// PEM: who vouches for the servers. Without it, whoever the system trusts.
    pub trust: Option<PathBuf>,
    /// As whom we search, and how that is proved; without it, as nobody.
    pub bind: Option<(String, Secret)>,
    /// Below which entry.
    pub base: String,
    /// Finds the entry of a login name: `{user}`, `{local}`, `{domain}`.
    pub filter: Template,
    /// How passwords are proved.
    pub proved_by: ProvedBy,
    /// The attribute with the account's address.
    pub attribute_mailbox: String,
    /// The attribute with what it may send as besides.
    pub attribute_sends_as: Option<String>,
    /// Whose server it is.
    pub flavour: Flavour,
}

/// How `ldap://` is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LdapTls {
    /// By StartTLS (RFC 4511 section 4.14), or not at all.
    StartTls,
    /// Not: on this machine only.
    Off,
}

/// How a password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvedBy {
    /// By a bind as the entry.
    Bind,
    /// By a compare of its `userPassword`.
    Compare,
}

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Anybody's. An entry that the operator locked for good (`pwdAccountLockedTime`, `nsAccountLock`) is suspended.
    Ldap,
    /// Active Directory: `userAccountControl` says who is disabled, `proxyAddresses` have `smtp:` before them.
    ActiveDirectory,
}

/// Accounts in an LDAP server.
pub struct Ldap {
    /// Bound as the service, for searching and comparing.
    searches: Connections<Servers>,
    /// For binding as users.
    binds: Connections<Servers>,
    reader: Reader,
    filter: Template,
    proved_by: ProvedBy,
}

impl Ldap {
    /// A source with this name in errors. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Source`] when the file with certificates cannot be used.
    pub fn new(name: &str, settings: &LdapSettings) -> Result<Self, DirectoryError> {
        let servers = |purpose| {
            Servers::new(settings, purpose)
                .map_err(|cause| DirectoryError::Source { source_name: name.to_owned(), cause })
        };
        Ok(Self {
            searches: Connections::new(name, servers(Purpose::Search)?),
            binds: Connections::new(name, servers(Purpose::Bind)?),
            reader: Reader::new(settings),
            filter: settings.filter.clone(),
            proved_by: settings.proved_by,
        })
    }

    /// The entry of a login name, as the client spelt it.
    async fn user(&self, user: &str) -> Result<Option<Entry>, DirectoryError> {
        let key = login_key(user).unwrap_or_else(|| prepare::account_key(user));
        if prepare::name(key.as_bytes()).is_err() {
            return Ok(None);
        }
        let values = Values::of_user(&key);
        let filter = self.filter.fill(|placeholder| ldap3::ldap_escape(values.get(placeholder)).into_owned());
        self.find(filter).await
    }

    /// The entry whose address this is.
    async fn at(&self, mailbox: &Mailbox) -> Result<Option<Entry>, DirectoryError> {
        let folded = mailbox.folded();
        let filter = format!("({}={})", self.reader.mailbox(), ldap3::ldap_escape(folded.as_str()));
        let found = self.find(filter).await?;
        // Servers compare more loosely than mail does: spaces, accents, widths of letters.
        Ok(found.filter(|entry| entry.account.name() == folded))
    }

    async fn find(&self, filter: String) -> Result<Option<Entry>, DirectoryError> {
        let question = Question::Find { filter, attributes: self.reader.attributes() };
        match self.searches.ask(&question).await? {
            Found::Entries(entries) => self.one(entries),
            Found::Verdict(_) => Err(self.searches.failure("a search was answered by a verdict")),
        }
    }

    fn one(&self, entries: Vec<ldap3::SearchEntry>) -> Result<Option<Entry>, DirectoryError> {
        let mut entries = entries.into_iter();
        match (entries.next(), entries.next()) {
            (None, _) => Ok(None),
            (Some(entry), None) => {
                self.reader.read(&entry).map(Some).map_err(|cause| self.searches.failure(cause))
            }
            (Some(_), Some(_)) => Err(self.searches.failure("the filter finds two entries for one name")),
        }
    }

    async fn prove(&self, entry: Entry, password: &Secret) -> Result<PasswordCheck, DirectoryError> {
        let text = std::str::from_utf8(password.expose()).unwrap_or_default();
        if !entry.account.may_log_in() || text.is_empty() || entry.dn.is_empty() {
            return Ok(PasswordCheck::Wrong);
        }
        let (dn, password) = (entry.dn, password.clone());
        let found = match self.proved_by {
            ProvedBy::Bind => self.binds.ask(&Question::Bind { dn, password }).await?,
            ProvedBy::Compare => self.searches.ask(&Question::Compare { dn, password }).await?,
        };
        match found {
            Found::Verdict(check) => Ok(check),
            Found::Entries(_) => Err(self.binds.failure("a bind was answered by entries")),
        }
    }
}

impl Source for Ldap {
    async fn check_password(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Known<PasswordCheck>, DirectoryError> {
        if password.expose().len() > PASSWORD_OCTETS_MOST {
            return Ok(Known::Here(PasswordCheck::Wrong));
        }
        match self.user(user).await? {
            Some(entry) => Ok(Known::Here(self.prove(entry, password).await?)),
            None => Ok(Known::Elsewhere),
        }
    }

    async fn account(&self, user: &str) -> Result<Known<Account>, DirectoryError> {
        Ok(self.user(user).await?.map_or(Known::Elsewhere, |entry| Known::Here(entry.account)))
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<Known<bool>, DirectoryError> {
        let Ok(own) = Mailbox::parse(account) else { return Ok(Known::Elsewhere) };
        let Some(Entry { account, .. }) = self.at(&own).await? else { return Ok(Known::Elsewhere) };
        let folded = mailbox.folded();
        let domain = mailbox.domain().map(domain_pattern);
        let given = account.sends_as().iter().map(crate::SendsAs::pattern);
        let covered = account.name() == folded
            || given.into_iter().any(|pattern| pattern == folded || Some(pattern) == domain);
        Ok(Known::Here(account.may_log_in() && covered))
    }

    async fn mailbox_exists(&self, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(self.at(mailbox).await?.is_some())
    }
}

impl fmt::Debug for Ldap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ldap({})", self.searches.connector())
    }
}

#[cfg(test)]
mod tests;
