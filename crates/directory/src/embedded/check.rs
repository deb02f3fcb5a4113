//! Holding a password that came in the clear against what is stored. On a password thread.

use std::sync::Arc;

use gatepost_mail::Timestamp;
use gatepost_sasl::{PasswordCheck, Secret};

use super::credentials::{Credential, Maker, Opted, Reader};
use super::hash::{PasswordHash, Scratch};
use super::keys::Keys;
use super::kind::Kind;
use super::pool::Done;
use super::store::Store;
use super::verified::Verified;
use crate::device::Login;
use crate::{Known, StoreFault};

/// One password, and whose it should be.
pub(super) struct Check {
    pub(super) store: Arc<Store>,
    pub(super) keys: Arc<Keys>,
    pub(super) verified: Arc<Verified>,
    pub(super) login: Login,
    /// Prepared.
    pub(super) password: Secret,
    pub(super) now: Timestamp,
}

/// What is known of the password.
type Checked = Result<Known<PasswordCheck>, StoreFault>;

/// What to do once the answer is out.
enum After {
    Nothing,
    /// The account has no hash of ours; this is all that it has, and what the password was held against is in it.
    Upgrade(Vec<Credential>),
}

impl Check {
    /// Whether the password was right a moment ago, for what is stored now. On the caller's thread: it must not wait behind runs of
    /// argon2. What is stored for devices is cheap to hold a password against as it is.
    pub(super) fn is_remembered(&self) -> Result<bool, StoreFault> {
        if self.login.device.is_some() || self.verified.kept().is_none() {
            return Ok(false);
        }
        let stored = self.store.credential(&self.login, Kind::Password, self.now)?;
        self.verified.knows(&self.login.account, stored.as_ref(), &self.password)
    }

    /// The answer; and behind it the upgrade of an account whose hash another program made.
    pub(super) fn run(self, scratch: &mut Scratch) -> Done<Checked> {
        let found = match &self.login.device {
            Some(_) => self.device(scratch).map(|found| (found, After::Nothing)),
            None => self.account(scratch),
        };
        match found {
            Ok((found, After::Nothing)) => Done::only(Ok(found)),
            Ok((found, After::Upgrade(before))) => Done::then(Ok(found), move |scratch| {
                // Not done, it is done at the next login.
                let _ = self.upgrade(&before, scratch);
            }),
            Err(fault) => Done::only(Err(fault)),
        }
    }

    /// A device that is unknown costs what an unknown user costs: the run of argon2 is the caller's to make.
    fn device(&self, scratch: &mut Scratch) -> Checked {
        let Some(stored) = self.store.credential(&self.login, Kind::Device, self.now)? else {
            if !self.store.knows(&self.login, self.now)? {
                return Ok(Known::Elsewhere);
            }
            return self.wrong(scratch);
        };
        if self.keys.device_hash(&self.login.name(), &self.password) == stored {
            return Ok(Known::Here(PasswordCheck::Right));
        }
        self.wrong(scratch)
    }

    /// One look-up and one run of argon2 for an account that has a hash of ours, whatever the password.
    fn account(&self, scratch: &mut Scratch) -> Result<(Known<PasswordCheck>, After), StoreFault> {
        let name = &self.login.account;
        let credentials = self.store.credentials(name)?;
        if credentials.is_empty() && !self.store.exists(name)? {
            return Ok((Known::Elsewhere, After::Nothing));
        }
        let reader = Reader { keys: &self.keys, name };
        let right = match best(&credentials) {
            Some(best) => reader.holds(best, &self.password, scratch)?,
            None => PasswordHash::of_nobody().matches(&self.password, scratch)?,
        };
        if right {
            let after = match best(&credentials) {
                Some((Kind::Password, stored)) => {
                    self.verified.learn(name, (stored, &self.password), scratch)?;
                    After::Nothing
                }
                _ => After::Upgrade(credentials),
            };
            return Ok((Known::Here(PasswordCheck::Right), after));
        }
        let check = self.by_device()?.map_or(PasswordCheck::Wrong, PasswordCheck::RightAs);
        Ok((Known::Here(check), After::Nothing))
    }

    /// The login name of the device of this account whose password it is.
    fn by_device(&self) -> Result<Option<String>, StoreFault> {
        let name = &self.login.account;
        let mut found = None;
        for (label, stored) in self.store.device_hashes(name, self.now)? {
            let login = Login::of_device(name, &label).name();
            if self.keys.device_hash(&login, &self.password) == stored {
                found = Some(login);
            }
        }
        Ok(found)
    }

    fn wrong(&self, scratch: &mut Scratch) -> Checked {
        PasswordHash::of_nobody().matches(&self.password, scratch)?;
        Ok(Known::Here(PasswordCheck::Wrong))
    }

    /// Makes what is stored of a password that was set here, and drops the hash of the other program. A crash in between leaves that in
    /// its place.
    fn upgrade(&self, before: &[Credential], scratch: &mut Scratch) -> Result<(), StoreFault> {
        let name = &self.login.account;
        // Of several logins at once the first does the work.
        if self.store.credential(&self.login, Kind::Password, self.now)?.is_some() {
            return Ok(());
        }
        let maker = Maker { keys: &self.keys, name, typed: &self.password };
        let none = Opted { kinds: Vec::new(), realm: None };
        self.replace(before, &maker.all(&none, scratch)?)
    }

    /// Unless another login was quicker, or somebody set another password meanwhile: that one counts.
    fn replace(&self, before: &[Credential], made: &[Credential]) -> Result<(), StoreFault> {
        let Some((kind, value)) = best(before) else { return Ok(()) };
        self.store.change(|change| {
            let Some(id) = change.find(&self.login.account)? else { return Ok(()) };
            let unchanged = change.credential(id, *kind)?.as_ref() == Some(value);
            if !unchanged || change.credential(id, Kind::Password)?.is_some() {
                return Ok(());
            }
            change.add_credentials(id, made)?;
            change.drop_credential(id, Kind::Imported)
        })
    }
}

/// What a password is held against, where there are several: ours, then another program's, then a verifier of any mechanism.
fn best(credentials: &[Credential]) -> Option<&Credential> {
    let rank = |kind: Kind| match kind {
        Kind::Password => 0,
        Kind::Imported => 1,
        Kind::ScramSha512 => 2,
        Kind::ScramSha256 => 3,
        Kind::ScramSha1 => 4,
        Kind::CramMd5 | Kind::CramStates | Kind::DigestMd5 | Kind::Ntlm | Kind::Device => 5,
    };
    credentials.iter().min_by_key(|(kind, _)| rank(*kind))
}

#[cfg(test)]
mod tests;
