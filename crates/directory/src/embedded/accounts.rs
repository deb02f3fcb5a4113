//! Adding, changing and removing accounts: what the `gatepost account` commands do.

use std::sync::Arc;

use gatepost_sasl::Mechanism;
use gatepost_sasl::limits::PASSWORD_OCTETS_MOST;

use super::credentials::{Maker, Opted, Reader, check_password};
use super::hash::Scratch;
use super::kind::Kind;
use super::store::Change;
use super::{Embedded, now};
use crate::account::{account_name, login_key};
use crate::device::Login;
use crate::limits::{CERTIFICATES_MOST, DEVICE_BOUNDS_MOST, DEVICES_MOST, OAUTH_ONE_MOST, SENDS_AS_MOST};
use crate::{Account, AccountState, NameFault, NewAccount, PasswordChange, SendsAs, StoreFault};

/// Why an account was not added or changed, for the person who asked. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The name cannot be an account's.
    #[error("{name:?} cannot be an account: {fault}")]
    Name {
        /// As it was typed.
        name: String,
        /// Why.
        #[source]
        fault: NameFault,
    },
    /// There is one of that name.
    #[error("{0} is there already; `gatepost account passwd {0}` sets its password")]
    Exists(String),
    /// There is none of that name.
    #[error("there is no account {0}; `gatepost account list` shows all")]
    Unknown(String),
    /// No password.
    #[error("the password is empty")]
    PasswordEmpty,
    /// No client could send it.
    #[error("the password is longer than {limit} octets", limit = PASSWORD_OCTETS_MOST)]
    PasswordTooLong,
    /// PLAIN ends a password at a NUL.
    #[error("the password holds a NUL octet")]
    PasswordHoldsNul,
    /// Every account may use it; only weak mechanisms are opted in to.
    #[error("{} needs no allowing: every account may use it, if the listener offers it", .0.name())]
    NeedsNoAllowing(Mechanism),
    /// DIGEST-MD5 hashes the realm in.
    #[error("DIGEST-MD5 needs a realm")]
    NoRealm,
    /// Nothing but letters, digits, dots, hyphens and underscores.
    #[error("{0:?} cannot be a label: it is up to 32 of a-z, 0-9, dot, hyphen and underscore")]
    Label(String),
    /// There is one of that label.
    #[error("{account} has {what} {label:?} already")]
    LabelTaken {
        /// Whose.
        account: String,
        /// What: a device, a key.
        what: &'static str,
        /// Of which label.
        label: String,
    },
    /// There is none of that label.
    #[error("{account} has no {what} {label:?}")]
    LabelUnknown {
        /// Whose.
        account: String,
        /// What: device, key.
        what: &'static str,
        /// Of which label.
        label: String,
    },
    /// The certificate is an account's already.
    #[error("this certificate is {0}'s already")]
    CertificateTaken(String),
    /// The account has no such certificate.
    #[error("{0} has no such certificate")]
    CertificateUnknown(String),
    /// Too many devices.
    #[error("an account may have {limit} devices", limit = DEVICES_MOST)]
    TooManyDevices,
    /// Too many networks, senders or mechanisms.
    #[error("a device may be bound to {limit} networks, senders and mechanisms each", limit = DEVICE_BOUNDS_MOST)]
    TooManyBounds,
    /// Too many certificates.
    #[error("an account may have {limit} certificates", limit = CERTIFICATES_MOST)]
    TooManyCertificates,
    /// Too many keys.
    #[error("an account may have {limit} OAuth 1 keys", limit = OAUTH_ONE_MOST)]
    TooManyKeys,
    /// An imported hash cannot be taken.
    #[error(transparent)]
    NotTaken(#[from] super::imports::NotTaken),
    /// Too many at once.
    #[error("an account may send as {limit} addresses and domains; give it a whole domain with *@domain", limit = SENDS_AS_MOST)]
    TooManySendsAs,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Embedded {
    /// Adds an account, active from now on.
    ///
    /// # Errors
    ///
    /// Each [`AccountError`] but [`Unknown`](AccountError::Unknown).
    pub fn add(&self, new: &NewAccount) -> Result<Account, AccountError> {
        let name =
            account_name(&new.name).map_err(|fault| AccountError::Name { name: new.name.clone(), fault })?;
        check_sends_as(&new.sends_as)?;
        let opted = Opted::read(&new.allow, new.realm.as_deref())?;
        check_password(&new.password)?;
        // Hashed before the database is locked.
        let maker = Maker { keys: &self.keys, name: &name, typed: &new.password };
        let credentials = maker.all(&opted, &mut Scratch::new(Arc::default()))?;
        self.store.change(|change| {
            let Some(id) = change.insert(&name, new.created)? else {
                return Err(AccountError::Exists(name.clone()));
            };
            change.set_credentials(id, &credentials)?;
            Ok(change.set_sends_as(id, &new.sends_as)?)
        })?;
        self.show(&name)
    }

    /// Sets a password, and what the account opts in to. The old password is worth nothing from then on.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::NeedsNoAllowing`], [`AccountError::NoRealm`], those about passwords, and
    /// [`AccountError::Store`].
    pub fn set_password(&self, name: &str, new: &PasswordChange) -> Result<(), AccountError> {
        let key = known_key(name)?;
        check_password(&new.password)?;
        let opted = match &new.allow {
            Some(allow) => Opted::read(allow, new.realm.as_deref())?,
            None => self.opted(&key, new.realm.as_deref())?,
        };
        let maker = Maker { keys: &self.keys, name: &key, typed: &new.password };
        let credentials = maker.all(&opted, &mut Scratch::new(Arc::default()))?;
        self.change_account(name, |change, id| {
            change.set_credentials(id, &credentials)?;
            change.set_password_changed(id, new.changed)
        })
    }

    /// What an account has opted in to, suspended or not.
    fn opted(&self, key: &str, realm: Option<&str>) -> Result<Opted, AccountError> {
        self.store.change(|change| {
            let id = change.find(key)?.ok_or_else(|| AccountError::Unknown(key.to_owned()))?;
            let mut opted = Opted { kinds: Vec::new(), realm: realm.map(str::to_owned) };
            if change.credential(id, Kind::CramStates)?.is_some() {
                opted.kinds.push(Kind::CramMd5);
            }
            for kind in Kind::OPTED {
                let Some(stored) = change.credential(id, kind)? else { continue };
                opted.kinds.push(kind);
                if kind == Kind::DigestMd5 && opted.realm.is_none() {
                    let reader = Reader { keys: &self.keys, name: key };
                    // Damaged, it is what the new password mends; without its realm it cannot be made anew.
                    opted.realm = reader.digest(stored).ok().map(|digest| digest.realm);
                }
            }
            if opted.kinds.contains(&Kind::DigestMd5) && opted.realm.is_none() {
                return Err(AccountError::NoRealm);
            }
            Ok(opted)
        })
    }

    /// All accounts, by name.
    ///
    /// # Errors
    ///
    /// [`AccountError::Store`].
    pub fn list(&self) -> Result<Vec<Account>, AccountError> {
        Ok(self.store.list()?)
    }

    /// One account; as one of its devices has it, if the name is that device's login name.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn show(&self, name: &str) -> Result<Account, AccountError> {
        let unknown = || AccountError::Unknown(name.to_owned());
        let login = Login::read(name).ok_or_else(unknown)?;
        self.store.account(&login, now())?.ok_or_else(unknown)
    }

    /// Lets the account neither log in nor send, sessions that go on included; its mail still arrives. Done twice is the same as once.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn suspend(&self, name: &str) -> Result<(), AccountError> {
        self.change_account(name, |change, id| change.set_state(id, AccountState::Suspended))
    }

    /// Undoes [`suspend`](Self::suspend).
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn resume(&self, name: &str) -> Result<(), AccountError> {
        self.change_account(name, |change, id| change.set_state(id, AccountState::Active))
    }

    /// Forgets an account. Mail that was delivered stays where it is.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn remove(&self, name: &str) -> Result<(), AccountError> {
        self.change_account(name, |change, id| change.delete(id))
    }

    /// Sets all that an account may send as besides its own address.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::TooManySendsAs`] and [`AccountError::Store`].
    pub fn set_sends_as(&self, name: &str, all: &[SendsAs]) -> Result<(), AccountError> {
        check_sends_as(all)?;
        self.change_account(name, |change, id| change.set_sends_as(id, all))
    }

    /// Restricts an account to these mechanisms; none of them means that all are open to it that are offered. Its devices have
    /// lists of their own.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn set_only_by(&self, name: &str, all: &[Mechanism]) -> Result<(), AccountError> {
        self.change_account(name, |change, id| change.set_only_by(id, all))
    }

    pub(super) fn change_account<T, E>(
        &self,
        name: &str,
        make: impl FnOnce(&Change<'_>, i64) -> Result<T, E>,
    ) -> Result<T, AccountError>
    where
        AccountError: From<E>,
    {
        let key = known_key(name)?;
        self.store.change(|change| {
            let id = change.find(&key)?.ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
            Ok(make(change, id)?)
        })
    }
}

pub(super) fn known_key(name: &str) -> Result<String, AccountError> {
    login_key(name).ok_or_else(|| AccountError::Unknown(name.to_owned()))
}

fn check_sends_as(all: &[SendsAs]) -> Result<(), AccountError> {
    if all.len() > SENDS_AS_MOST { Err(AccountError::TooManySendsAs) } else { Ok(()) }
}
