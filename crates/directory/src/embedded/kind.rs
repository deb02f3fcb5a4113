//! What is stored of a password, and which mechanisms each kind serves.

use gatepost_sasl::{Mechanism, ScramHash};

/// What a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A hash that a password in the clear is held against.
    Password,
    ScramSha1,
    ScramSha256,
    ScramSha512,
    /// The password, sealed.
    CramMd5,
    /// The two states of HMAC-MD5 that Dovecot keeps in place of the password, sealed.
    CramStates,
    /// `H(user:realm:password)` with user and realm, sealed.
    DigestMd5,
    /// The NT hash, sealed.
    Ntlm,
    /// A hash that another program made, sealed: many of them can be broken in hours.
    Imported,
    /// Of a device: a keyed hash of its random password.
    Device,
}

impl Kind {
    pub(super) const ALL: [Self; 10] = [
        Self::Password,
        Self::ScramSha1,
        Self::ScramSha256,
        Self::ScramSha512,
        Self::CramMd5,
        Self::CramStates,
        Self::DigestMd5,
        Self::Ntlm,
        Self::Imported,
        Self::Device,
    ];

    /// Those that an account must opt in to.
    pub(super) const OPTED: [Self; 3] = [Self::CramMd5, Self::DigestMd5, Self::Ntlm];

    pub(super) fn scram(hash: ScramHash) -> Self {
        match hash {
            ScramHash::Sha1 => Self::ScramSha1,
            ScramHash::Sha256 => Self::ScramSha256,
            ScramHash::Sha512 => Self::ScramSha512,
        }
    }

    /// The hash of a SCRAM verifier.
    pub(super) fn scram_hash(self) -> Option<ScramHash> {
        ScramHash::ALL.into_iter().find(|hash| Self::scram(*hash) == self)
    }

    /// As it is stored, and what it is sealed for.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::ScramSha1 => "scram-sha-1",
            Self::ScramSha256 => "scram-sha-256",
            Self::ScramSha512 => "scram-sha-512",
            Self::CramMd5 => "cram-md5",
            Self::CramStates => "cram-md5-states",
            Self::DigestMd5 => "digest-md5",
            Self::Ntlm => "ntlm",
            Self::Imported => "imported",
            Self::Device => "device",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it lets somebody log in by this mechanism. A password that comes in the clear can be held against any of them.
    pub(super) fn serves(self, mechanism: Mechanism) -> bool {
        matches!(mechanism, Mechanism::Login | Mechanism::Plain) || self.is_made_for(mechanism)
    }

    /// Whether it is there for this mechanism.
    pub(super) fn is_made_for(self, mechanism: Mechanism) -> bool {
        match self {
            Self::Password | Self::Imported | Self::Device => {
                matches!(mechanism, Mechanism::Login | Mechanism::Plain)
            }
            Self::CramMd5 | Self::CramStates => matches!(mechanism, Mechanism::CramMd5 | Mechanism::Md5),
            Self::DigestMd5 => mechanism == Mechanism::DigestMd5,
            Self::Ntlm => mechanism == Mechanism::Ntlm,
            Self::ScramSha1 | Self::ScramSha256 | Self::ScramSha512 => {
                mechanism.scram_hash().is_some_and(|hash| Self::scram(hash) == self)
            }
        }
    }
}
