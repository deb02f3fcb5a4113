//! Adding, changing and removing accounts: what the `gatepost account` commands do.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use gatepost_sasl::limits::{ITERATIONS_DEFAULT, PASSWORD_OCTETS_MOST, SALT_OCTETS};
use gatepost_sasl::{Mechanism, ScramHash, ScramVerifier, Secret};

use super::Embedded;
use super::hash::{PasswordHash, Scratch};
use super::keys::Sealed;
use super::store::{Change, Kind};
use crate::account::{account_name, login_key};
use crate::limits::SENDS_AS_MOST;
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
        let opted = Opted::read(&new.allow)?;
        let credentials = Credentials::make(self, &name, &new.password)?;
        self.store.change(|change| {
            let Some(id) = change.insert(&name, new.created)? else {
                return Err(AccountError::Exists(name.clone()));
            };
            change.set_credentials(id, &credentials.list(opted))?;
            Ok(change.set_sends_as(id, &new.sends_as)?)
        })?;
        self.show(&name)
    }

    /// Sets a password, and what the account opts in to. The old password is worth nothing from then on.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::NeedsNoAllowing`], those about passwords, and
    /// [`AccountError::Store`].
    pub fn set_password(&self, name: &str, new: &PasswordChange) -> Result<(), AccountError> {
        let key = known_key(name)?;
        let wanted = new.allow.as_deref().map(Opted::read).transpose()?;
        let credentials = Credentials::make(self, &key, &new.password)?;
        self.change_account(name, |change, id| {
            let opted = match wanted {
                Some(opted) => opted,
                None if change.has(id, Kind::CramMd5)? => Opted::CramMd5,
                None => Opted::Nothing,
            };
            change.set_credentials(id, &credentials.list(opted))?;
            change.set_password_changed(id, new.changed)
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

    /// One account.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn show(&self, name: &str) -> Result<Account, AccountError> {
        self.store.account(&known_key(name)?)?.ok_or_else(|| AccountError::Unknown(name.to_owned()))
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

    fn change_account(
        &self,
        name: &str,
        make: impl FnOnce(&Change<'_>, i64) -> Result<(), StoreFault>,
    ) -> Result<(), AccountError> {
        let key = known_key(name)?;
        self.store.change(|change| {
            let id = change.find(&key)?.ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
            Ok(make(change, id)?)
        })
    }
}

fn known_key(name: &str) -> Result<String, AccountError> {
    login_key(name).ok_or_else(|| AccountError::Unknown(name.to_owned()))
}

fn check_sends_as(all: &[SendsAs]) -> Result<(), AccountError> {
    if all.len() > SENDS_AS_MOST { Err(AccountError::TooManySendsAs) } else { Ok(()) }
}

/// What an account opts in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opted {
    Nothing,
    CramMd5,
}

impl Opted {
    fn read(allow: &[Mechanism]) -> Result<Self, AccountError> {
        match allow.iter().find(|mechanism| **mechanism != Mechanism::CramMd5) {
            Some(other) => Err(AccountError::NeedsNoAllowing(*other)),
            None if allow.is_empty() => Ok(Self::Nothing),
            None => Ok(Self::CramMd5),
        }
    }
}

/// All that can be stored in place of a password.
struct Credentials {
    password: Secret,
    scram_sha_1: Secret,
    scram_sha_256: Secret,
    scram_sha_512: Secret,
    cram_md5: Sealed,
}

impl Credentials {
    /// Tens of milliseconds of work, done before the database is locked.
    fn make(engine: &Embedded, name: &str, typed: &Secret) -> Result<Self, AccountError> {
        check_password(typed)?;
        let mut scratch = Scratch::new(Arc::new(AtomicU64::new(0)));
        Ok(Self {
            password: PasswordHash::make(typed, &mut scratch)?.to_text(),
            scram_sha_1: verifier(ScramHash::Sha1, typed)?,
            scram_sha_256: verifier(ScramHash::Sha256, typed)?,
            scram_sha_512: verifier(ScramHash::Sha512, typed)?,
            cram_md5: engine.keys.seal(name, typed)?,
        })
    }

    fn list(&self, opted: Opted) -> Vec<(Kind, &[u8])> {
        let mut list = vec![
            (Kind::Password, self.password.expose()),
            (Kind::ScramSha1, self.scram_sha_1.expose()),
            (Kind::ScramSha256, self.scram_sha_256.expose()),
            (Kind::ScramSha512, self.scram_sha_512.expose()),
        ];
        if opted == Opted::CramMd5 {
            list.push((Kind::CramMd5, self.cram_md5.as_octets()));
        }
        list
    }
}

fn verifier(hash: ScramHash, typed: &Secret) -> Result<Secret, StoreFault> {
    let mut salt = [0; SALT_OCTETS];
    getrandom::fill(&mut salt)?;
    Ok(ScramVerifier::derive(hash, typed, &salt, ITERATIONS_DEFAULT)?.to_text())
}

fn check_password(typed: &Secret) -> Result<(), AccountError> {
    if typed.is_empty() {
        return Err(AccountError::PasswordEmpty);
    }
    if typed.expose().len() > PASSWORD_OCTETS_MOST {
        return Err(AccountError::PasswordTooLong);
    }
    if typed.expose().contains(&0) {
        return Err(AccountError::PasswordHoldsNul);
    }
    Ok(())
}
