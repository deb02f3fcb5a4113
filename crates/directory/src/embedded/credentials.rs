//! What is made of a password, and how a password is held against it.

use gatepost_sasl::limits::{ITERATIONS_DEFAULT, PASSWORD_OCTETS_MOST, SALT_OCTETS};
use gatepost_sasl::{CramSecret, DigestSecret, Mechanism, NtHash, ScramHash, ScramVerifier, Secret};

use super::accounts::AccountError;
use super::hash::{PasswordHash, Scratch};
use super::imports::OldHash;
use super::keys::{Keys, Sealed};
use super::kind::Kind;
use crate::StoreFault;

/// One thing that is stored of a password, as it is stored.
pub(super) type Credential = (Kind, Secret);

/// What an account or a device opts in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opted {
    pub(super) kinds: Vec<Kind>,
    /// Of DIGEST-MD5.
    pub(super) realm: Option<String>,
}

impl Opted {
    pub(super) fn read(allow: &[Mechanism], realm: Option<&str>) -> Result<Self, AccountError> {
        let kind = |mechanism: &Mechanism| {
            let served = Kind::OPTED.into_iter().find(|kind| kind.is_made_for(*mechanism));
            served.ok_or(AccountError::NeedsNoAllowing(*mechanism))
        };
        let kinds = allow.iter().map(kind).collect::<Result<Vec<Kind>, _>>()?;
        if kinds.contains(&Kind::DigestMd5) && realm.is_none() {
            return Err(AccountError::NoRealm);
        }
        Ok(Self { kinds, realm: realm.map(str::to_owned) })
    }
}

/// Makes what is stored of a password. `name` is the login name that it is for, in its one spelling.
pub(super) struct Maker<'a> {
    pub(super) keys: &'a Keys,
    pub(super) name: &'a str,
    pub(super) typed: &'a Secret,
}

impl Maker<'_> {
    /// All for an account: argon2id, the SCRAM verifiers, and what was opted in to. Tens of milliseconds of work.
    pub(super) fn all(&self, opted: &Opted, scratch: &mut Scratch) -> Result<Vec<Credential>, StoreFault> {
        let mut all = vec![(Kind::Password, PasswordHash::make(self.typed, scratch)?.to_text())];
        all.extend(self.scram()?);
        all.extend(self.opted(opted)?);
        Ok(all)
    }

    pub(super) fn scram(&self) -> Result<Vec<Credential>, StoreFault> {
        ScramHash::ALL.into_iter().map(|hash| Ok((Kind::scram(hash), verifier(hash, self.typed)?))).collect()
    }

    pub(super) fn opted(&self, opted: &Opted) -> Result<Vec<Credential>, StoreFault> {
        let mut all: Vec<Credential> = Vec::new();
        for kind in &opted.kinds {
            if all.iter().all(|(made, _)| made != kind) {
                all.extend(self.one_opted(*kind, opted.realm.as_deref())?.map(|value| (*kind, value)));
            }
        }
        Ok(all)
    }

    fn one_opted(&self, kind: Kind, realm: Option<&str>) -> Result<Option<Secret>, StoreFault> {
        let secret = match (kind, realm) {
            (Kind::CramMd5, _) => self.typed.clone(),
            (Kind::Ntlm, _) => NtHash::derive(self.typed).octets().clone(),
            (Kind::DigestMd5, Some(realm)) => Digest::of(self.name, realm, self.typed).to_secret(),
            _ => return Ok(None),
        };
        Ok(Some(self.keys.seal(kind.as_str(), self.name, &secret)?.into()))
    }
}

fn verifier(hash: ScramHash, typed: &Secret) -> Result<Secret, StoreFault> {
    let mut salt = [0; SALT_OCTETS];
    getrandom::fill(&mut salt)?;
    Ok(ScramVerifier::derive(hash, typed, &salt, ITERATIONS_DEFAULT)?.to_text())
}

pub(super) fn check_password(typed: &Secret) -> Result<(), AccountError> {
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

/// A secret of DIGEST-MD5 with what it is over: `H(user:realm:password)`, then user and realm with a NUL between.
pub(super) struct Digest {
    pub(super) secret: DigestSecret,
    pub(super) user: String,
    pub(super) realm: String,
}

impl Digest {
    pub(super) fn of(user: &str, realm: &str, password: &Secret) -> Self {
        let secret = DigestSecret::derive(user, realm, password);
        Self { secret, user: user.to_owned(), realm: realm.to_owned() }
    }

    pub(super) fn to_secret(&self) -> Secret {
        let names = format!("{}\0{}", self.user, self.realm);
        Secret::new([self.secret.octets().expose(), names.as_bytes()].concat())
    }

    fn from_secret(secret: &Secret) -> Option<Self> {
        let (digest, names) = secret.expose().split_at_checked(DigestSecret::OCTETS)?;
        let (user, realm) = std::str::from_utf8(names).ok()?.split_once('\0')?;
        let secret = DigestSecret::from_octets(Secret::new(digest))?;
        Some(Self { secret, user: user.to_owned(), realm: realm.to_owned() })
    }
}

/// Reads what is stored for a login name.
pub(super) struct Reader<'a> {
    pub(super) keys: &'a Keys,
    pub(super) name: &'a str,
}

impl Reader<'_> {
    fn damaged(&self, kind: Kind) -> StoreFault {
        StoreFault::Record { account: self.name.to_owned(), what: kind.as_str() }
    }

    fn open(&self, kind: Kind, stored: Secret) -> Result<Secret, StoreFault> {
        let opened = self.keys.open(kind.as_str(), self.name, Sealed::from(stored));
        opened.ok_or_else(|| self.damaged(kind))
    }

    pub(super) fn password(&self, stored: &Secret) -> Result<PasswordHash, StoreFault> {
        PasswordHash::from_text(stored).ok_or_else(|| self.damaged(Kind::Password))
    }

    pub(super) fn scram(&self, hash: ScramHash, stored: &Secret) -> Result<ScramVerifier, StoreFault> {
        let text = std::str::from_utf8(stored.expose()).ok();
        let verifier = text.and_then(|text| ScramVerifier::from_text(text).ok());
        verifier.ok_or_else(|| self.damaged(Kind::scram(hash)))
    }

    pub(super) fn cram(&self, stored: Secret) -> Result<CramSecret, StoreFault> {
        Ok(CramSecret::new(self.open(Kind::CramMd5, stored)?))
    }

    pub(super) fn cram_states(&self, stored: Secret) -> Result<CramSecret, StoreFault> {
        let states = self.open(Kind::CramStates, stored)?;
        CramSecret::from_states(states).ok_or_else(|| self.damaged(Kind::CramStates))
    }

    pub(super) fn nt_hash(&self, stored: Secret) -> Result<NtHash, StoreFault> {
        NtHash::from_octets(self.open(Kind::Ntlm, stored)?).ok_or_else(|| self.damaged(Kind::Ntlm))
    }

    pub(super) fn digest(&self, stored: Secret) -> Result<Digest, StoreFault> {
        Digest::from_secret(&self.open(Kind::DigestMd5, stored)?).ok_or_else(|| self.damaged(Kind::DigestMd5))
    }

    pub(super) fn imported(&self, stored: Secret) -> Result<OldHash, StoreFault> {
        let text = self.open(Kind::Imported, stored)?;
        OldHash::read(&text).ok().ok_or_else(|| self.damaged(Kind::Imported))
    }

    /// Whether a password that came in the clear, prepared, is the one of which this is stored.
    pub(super) fn holds(
        &self,
        credential: &Credential,
        password: &Secret,
        scratch: &mut Scratch,
    ) -> Result<bool, StoreFault> {
        let (kind, stored) = credential;
        match kind {
            Kind::Password => self.password(stored)?.matches(password, scratch),
            Kind::Imported => self.imported(stored.clone())?.matches(password, scratch),
            Kind::CramMd5 => Ok(self.cram(stored.clone())?.matches(password)),
            Kind::CramStates => Ok(self.cram_states(stored.clone())?.matches(password)),
            Kind::Ntlm => Ok(self.nt_hash(stored.clone())? == NtHash::derive(password)),
            Kind::DigestMd5 => {
                let digest = self.digest(stored.clone())?;
                Ok(digest.secret.is_of(&digest.user, &digest.realm, password))
            }
            Kind::Device => Ok(self.keys.device_hash(self.name, password) == *stored),
            Kind::ScramSha1 | Kind::ScramSha256 | Kind::ScramSha512 => {
                let hash = kind.scram_hash().ok_or_else(|| self.damaged(*kind))?;
                Ok(self.scram(hash, stored)?.matches(password))
            }
        }
    }
}
