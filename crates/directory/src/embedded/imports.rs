//! Accounts that come from other programs, with the hashes that those made of their passwords.
//!
//! A hash is taken as it is, sealed, and serves PLAIN and LOGIN. When its owner next logs in by one of them, argon2id and SCRAM
//! verifiers take its place. Until then a login costs what the other program chose, within the limits: so long it can be told
//! from the time that there is such an account.
//!
//! Not taken: DES crypt, whose passwords end at the eighth letter, and whatever is dearer than its limit.

mod crypt;
mod digest;
mod scheme;

use gatepost_mail::Timestamp;
use gatepost_sasl::{DigestSecret, Mechanism, Secret};

use super::Embedded;
use super::accounts::AccountError;
use super::credentials::{Credential, Digest, Maker, Opted, check_password};
use super::hash::Scratch;
use super::kind::Kind;
use crate::StoreFault;
use crate::account::account_name;
pub(crate) use scheme::{OldHash, Taken};

/// An account of another program.
#[derive(Debug, Clone)]
pub struct ImportedAccount {
    /// Its address.
    pub name: String,
    /// What the other program stores of its password: `{SCHEME}text` as Dovecot and LDAP servers write it, or what crypt(3) makes.
    pub stored: Secret,
    /// Weak mechanisms that it opts in to, if the password itself is stored.
    pub allow: Vec<Mechanism>,
    /// The realm of DIGEST-MD5.
    pub realm: Option<String>,
    /// Now.
    pub created: Timestamp,
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportRun {
    /// All is looked at as if, and nothing is written.
    Try,
    /// The account is added.
    Write,
}

/// What an imported account can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its name.
    pub account: String,
    /// In capitals, as in `SHA512-CRYPT`.
    pub scheme: String,
    /// How it got in.
    pub form: ImportedForm,
}

/// How an account got in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedForm {
    /// The password itself was stored: argon2id and all SCRAM verifiers were made.
    Whole,
    /// A hash, which serves PLAIN and LOGIN and is replaced when it is next used.
    Hash,
    /// A verifier of one mechanism, which serves that and PLAIN and LOGIN; the rest is made when one of those is next used.
    Verifier(Mechanism),
}

/// Why what another program stores is not taken. Holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// No login is possible there either: `*`, `!`, `x` or nothing.
    #[error("no password is set, or logging in is switched off there")]
    SwitchedOff,
    /// DES crypt.
    #[error(
        "DES crypt is not taken: it knows eight letters of a password only; set a new one with `gatepost account add`"
    )]
    DesCrypt,
    /// A scheme that is not known here.
    #[error("the scheme {0} is not known")]
    Scheme(String),
    /// Neither `{SCHEME}` nor `$`.
    #[error("this is no hash of a known form")]
    NoScheme,
    /// The text is not what its scheme writes.
    #[error("this is not what {0} looks like")]
    Damaged(String),
    /// It would keep a core busy for longer than one login may.
    #[error("{0} costs more than a login may: {1}")]
    TooDear(String, &'static str),
    /// The text is longer than any hash.
    #[error("this is longer than a hash can be")]
    TooLong,
}

impl Embedded {
    /// Adds an account with what another program stores of its password.
    ///
    /// # Errors
    ///
    /// [`AccountError::Name`], [`AccountError::Exists`], [`AccountError::NotTaken`], those about passwords and about what is opted in to, and
    /// [`AccountError::Store`].
    pub fn import(&self, new: &ImportedAccount, run: ImportRun) -> Result<Imported, AccountError> {
        let name =
            account_name(&new.name).map_err(|fault| AccountError::Name { name: new.name.clone(), fault })?;
        let (scheme, taken) = Taken::read(&new.stored)?;
        let opted = Opted::read(&new.allow, new.realm.as_deref())?;
        let form = form(&taken);
        if let Taken::Password(password) = &taken {
            check_password(password)?;
        }
        if self.store.exists(&name)? {
            return Err(AccountError::Exists(name));
        }
        if run == ImportRun::Write {
            let credentials = self.imported(&name, (&new.stored, taken), &opted)?;
            self.store.change(|change| {
                let Some(id) = change.insert(&name, new.created)? else {
                    return Err(AccountError::Exists(name.clone()));
                };
                Ok(change.set_credentials(id, &credentials)?)
            })?;
        }
        Ok(Imported { account: name, scheme, form })
    }

    fn imported(
        &self,
        name: &str,
        (stored, taken): (&Secret, Taken),
        opted: &Opted,
    ) -> Result<Vec<Credential>, StoreFault> {
        let sealed = |kind: Kind, secret: &Secret| -> Result<Vec<Credential>, StoreFault> {
            Ok(vec![(kind, self.keys.seal(kind.as_str(), name, secret)?.into())])
        };
        match taken {
            Taken::Password(password) => {
                let maker = Maker { keys: &self.keys, name, typed: &password };
                maker.all(opted, &mut Scratch::new(std::sync::Arc::default()))
            }
            Taken::Hash(_) => sealed(Kind::Imported, stored),
            Taken::Scram(verifier) => Ok(vec![(Kind::scram(verifier.hash()), verifier.to_text())]),
            Taken::CramStates(states) => sealed(Kind::CramStates, &states),
            Taken::Nt(hash) => sealed(Kind::Ntlm, hash.octets()),
            Taken::Digest(secret) => sealed(Kind::DigestMd5, &digest_of(name, secret).to_secret()),
        }
    }
}

fn form(taken: &Taken) -> ImportedForm {
    match taken {
        Taken::Password(_) => ImportedForm::Whole,
        Taken::Hash(_) => ImportedForm::Hash,
        Taken::CramStates(_) => ImportedForm::Verifier(Mechanism::CramMd5),
        Taken::Nt(_) => ImportedForm::Verifier(Mechanism::Ntlm),
        Taken::Digest(_) => ImportedForm::Verifier(Mechanism::DigestMd5),
        Taken::Scram(verifier) => {
            let found = Mechanism::ALL.into_iter().rfind(|one| one.scram_hash() == Some(verifier.hash()));
            ImportedForm::Verifier(found.unwrap_or(Mechanism::ScramSha256))
        }
    }
}

/// Dovecot hashes the part before the @ as the user, and the domain as the realm.
fn digest_of(name: &str, secret: DigestSecret) -> Digest {
    let (user, realm) = name.split_once('@').unwrap_or((name, ""));
    Digest { secret, user: user.to_owned(), realm: realm.to_owned() }
}

#[cfg(test)]
mod tests;
