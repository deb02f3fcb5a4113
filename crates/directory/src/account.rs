//! An account, and the words for making and changing one.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use gatepost_mail::{AddressError, Domain, Mailbox, Network, Timestamp};
use gatepost_sasl::{Mechanism, Secret, prepare};

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
    pub(crate) device: Option<Device>,
}

/// A device's own password for an account: it logs in as `ada%printer@example.org`, or by PLAIN and LOGIN with the account's
/// name, and may do less than the account. It serves for sending only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name within the account, as in `printer`.
    pub label: String,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// From where it may log in; empty means from anywhere.
    pub networks: Vec<Network>,
    /// What it may send as; empty means all that the account may.
    pub senders: Vec<SendsAs>,
    /// How many messages it may send in a day, beside the limits of the account.
    pub messages_per_day: Option<NonZeroU32>,
    /// By which mechanisms it may log in; empty means all that are offered.
    pub mechanisms: Vec<Mechanism>,
    /// When it was added.
    pub created: Timestamp,
    /// When it last logged in, and from where.
    pub last_use: Option<(Timestamp, Network)>,
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
            device: None,
        }
    }

    /// The mechanisms that the operator restricted this account to; empty means all that are offered.
    #[must_use]
    pub fn only_by(&self) -> &[Mechanism] {
        &self.only_by
    }

    /// Since when it has been seen to bind its logins to the TLS channel; for the ratchet.
    #[must_use]
    pub fn bound_since(&self) -> Option<Timestamp> {
        self.bound_since
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
    /// Mechanisms that an account must opt in to: CRAM-MD5 is the only one, since it needs the password itself kept.
    pub allow: Vec<Mechanism>,
    /// What it may send as besides its own address.
    pub sends_as: Vec<SendsAs>,
    /// Now.
    pub created: Timestamp,
}

impl NewAccount {
    /// An account that opts in to nothing and sends as itself.
    #[must_use]
    pub fn new(name: &str, password: Secret, created: Timestamp) -> Self {
        Self { name: name.to_owned(), password, allow: Vec::new(), sends_as: Vec::new(), created }
    }
}

/// A new password for an account.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    /// As it was typed.
    pub password: Secret,
    /// The mechanisms opted in to from now on; without it those that the account has.
    pub allow: Option<Vec<Mechanism>>,
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
