//! An account, and the words for making and changing one.

use std::fmt;
use std::str::FromStr;

use gatepost_mail::{AddressError, Domain, Mailbox, Network, Timestamp};
use gatepost_sasl::{Mechanism, Secret, prepare};

use crate::Device;

/// Somebody, or something, that may log in and receive mail. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub(crate) mailbox: Mailbox,
    pub(crate) name: String,
    pub(crate) state: AccountState,
    pub(crate) sends_as: Vec<SendsAs>,
    pub(crate) mechanisms: Vec<Mechanism>,
    pub(crate) created: Timestamp,
    pub(crate) password_changed: Timestamp,
    pub(crate) only_by: Vec<Mechanism>,
    pub(crate) bound_since: Option<Timestamp>,
    pub(crate) last_use: Option<LastUse>,
    pub(crate) device: Option<Device>,
}

/// A login that is remembered. It may be a minute behind the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub network: Network,
    /// How.
    pub mechanism: Mechanism,
}

impl Account {
    /// An account that a source other than the embedded one knows: active, sending as itself.
    pub(crate) fn of(mailbox: Mailbox) -> Self {
        let never = Timestamp::from_micros(0);
        Self {
            name: mailbox.folded(),
            mailbox,
            state: AccountState::Active,
            sends_as: Vec::new(),
            mechanisms: Vec::new(),
            created: never,
            password_changed: never,
            only_by: Vec::new(),
            bound_since: None,
            last_use: None,
            device: None,
        }
    }

    /// The mechanisms that the operator restricted this account to; empty means all that are offered. Those of the device, where
    /// [`device`](Self::device) is one: each has its own list.
    #[must_use]
    pub fn only_by(&self) -> &[Mechanism] {
        &self.only_by
    }

    /// Since when it has been seen to bind its logins to the TLS channel; for the ratchet. That of the device, where
    /// [`device`](Self::device) is one: a telephone that binds does not shut out the printer.
    #[must_use]
    pub fn bound_since(&self) -> Option<Timestamp> {
        self.bound_since
    }

    /// The last login with the account's own password, certificate or key.
    #[must_use]
    pub fn last_use(&self) -> Option<LastUse> {
        self.last_use
    }

    /// The device whose password was used, where the login name says so.
    #[must_use]
    pub fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }

    /// The account's one name: its address in lower case, the domain in ASCII.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same as an address.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Active or suspended.
    #[must_use]
    pub fn state(&self) -> AccountState {
        self.state
    }

    /// Whether it may log in.
    #[must_use]
    pub fn may_log_in(&self) -> bool {
        self.state == AccountState::Active
    }

    /// What it may send as besides its own address.
    #[must_use]
    pub fn sends_as(&self) -> &[SendsAs] {
        &self.sends_as
    }

    /// The mechanisms for which a verifier is stored, the best first. A listener may offer fewer.
    #[must_use]
    pub fn mechanisms(&self) -> &[Mechanism] {
        &self.mechanisms
    }

    /// When it was added.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When its password was last set.
    #[must_use]
    pub fn password_changed(&self) -> Timestamp {
        self.password_changed
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// In use.
    Active,
    /// May neither log in nor send; still receives.
    Suspended,
}

impl AccountState {
    pub(crate) const ALL: [Self; 2] = [Self::Active, Self::Suspended];

    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What an account may send as: `ada@example.org`, or `*@example.org` for every mailbox of that domain (and of none below it).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SendsAs {
    /// One mailbox.
    Mailbox(Mailbox),
    /// All of a domain.
    Domain(Domain),
}

/// A text that names neither a mailbox nor `*@domain`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{typed:?} is neither an address nor *@domain: {cause}")]
pub struct SendsAsError {
    typed: String,
    #[source]
    cause: AddressError,
}

impl SendsAs {
    /// The spelling under which it is stored and compared.
    pub(crate) fn pattern(&self) -> String {
        match self {
            Self::Mailbox(mailbox) => mailbox.folded(),
            Self::Domain(domain) => domain_pattern(domain),
        }
    }
}

/// What covers every mailbox of a domain. No mailbox folds to the same text, save the one whose local part is a star.
pub(crate) fn domain_pattern(domain: &Domain) -> String {
    format!("*@{}", domain.ascii())
}

impl FromStr for SendsAs {
    type Err = SendsAsError;

    fn from_str(text: &str) -> Result<Self, SendsAsError> {
        let read = match text.strip_prefix("*@") {
            Some(domain) => Domain::parse(domain).map(Self::Domain),
            None => Mailbox::parse(text).map(Self::Mailbox),
        };
        read.map_err(|cause| SendsAsError { typed: text.to_owned(), cause })
    }
}

impl fmt::Display for SendsAs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(formatter),
            Self::Domain(domain) => write!(formatter, "*@{domain}"),
        }
    }
}

/// An account to be added.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its address, which is its login name.
    pub name: String,
    /// As it was typed.
    pub password: Secret,
    /// Mechanisms that an account must opt in to, since they need the password kept, or what is as good as it: CRAM-MD5,
    /// DIGEST-MD5 and NTLM.
    pub allow: Vec<Mechanism>,
    /// The realm of DIGEST-MD5 (`auth.realm`); an account that opts in to that needs one.
    pub realm: Option<String>,
    /// What it may send as besides its own address.
    pub sends_as: Vec<SendsAs>,
    /// Now.
    pub created: Timestamp,
}

impl NewAccount {
    /// An account that opts in to nothing and sends as itself.
    #[must_use]
    pub fn new(name: &str, password: Secret, created: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            password,
            allow: Vec::new(),
            realm: None,
            sends_as: Vec::new(),
            created,
        }
    }
}

/// A new password for an account.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    /// As it was typed.
    pub password: Secret,
    /// The mechanisms opted in to from now on; without it those that the account has.
    pub allow: Option<Vec<Mechanism>>,
    /// The realm of DIGEST-MD5; without it the one that the account has.
    pub realm: Option<String>,
    /// Now.
    pub changed: Timestamp,
}

/// Why an address cannot be an account's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// It is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It holds what no client can send as a login name.
    #[error(transparent)]
    Login(#[from] prepare::NameError),
    /// It is at an address literal.
    #[error("an account needs a domain, not an address in brackets")]
    Literal,
    /// Other servers would take its local part for a route, or it has no place in a file system.
    #[error("the part before the @ must not hold any of / % ! : * {{ }} or begin with a dot")]
    LocalPart,
    /// It has no spelling without quotes, or more than one in lower case.
    #[error(
        "the part before the @ must be the same with and without quotes, and have one spelling in lower case"
    )]
    Spelling,
}

/// The key under which a login name is looked up; none for what can be nobody's.
pub(crate) fn login_key(user: &str) -> Option<String> {
    Mailbox::parse(&prepare::account_key(user)).ok().map(|mailbox| mailbox.folded())
}

/// The name of a new account, in its one spelling.
///
/// It must be safe as a folder of Maildirs, and each of login, envelope and log must lead back to it.
pub(crate) fn account_name(typed: &str) -> Result<String, NameFault> {
    let prepared = prepare::name(typed.as_bytes())?;
    let mailbox = Mailbox::parse(&prepare::account_key(&prepared))?;
    if mailbox.domain().is_none() {
        return Err(NameFault::Literal);
    }
    let local_part = mailbox.local_part();
    let text = local_part.as_str();
    let unsafe_in_paths =
        text.starts_with('.') || text.contains(['/', '*', '{', '}']) || text.contains(char::is_control);
    if unsafe_in_paths || local_part.looks_routed() {
        return Err(NameFault::LocalPart);
    }
    let name = mailbox.folded();
    let reads_back = Mailbox::parse(&name).is_ok_and(|again| again.folded() == name);
    if reads_back && login_key(&name).as_deref() == Some(&*name) {
        Ok(name)
    } else {
        Err(NameFault::Spelling)
    }
}

#[cfg(test)]
mod tests;
