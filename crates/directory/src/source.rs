//! One of several places where accounts live, as [`Directories`](crate::Directories) asks them.

use gatepost_mail::Mailbox;
use gatepost_sasl::{
    CramSecret, DigestSecret, NtHash, OauthOneKeys, PasswordCheck, ScramHash, ScramVerifier, Secret,
    TokenCheck,
};

use crate::{Account, ClientCertificate, DirectoryError};

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// It knows the user (or the token, the certificate, the principal): this is final, no other source is asked.
    Here(T),
    /// It knows nothing of it: ask the next one.
    Elsewhere,
}

impl<T> Known<T> {
    /// The answer, where there is one.
    pub fn here(self) -> Option<T> {
        match self {
            Self::Here(answer) => Some(answer),
            Self::Elsewhere => None,
        }
    }
}

/// One source of accounts. Whatever a kind of source cannot do, it leaves out: it then knows nothing of it.
///
/// The meaning of each method is that of the same method of [`Directory`](crate::Directory), save that an unknown user is
/// [`Known::Elsewhere`], and that no decoys are made here. A source that cannot be asked is an error, never
/// `Elsewhere`: the next source must not answer for it.
///
/// A source that cannot tell an unknown user from a wrong password (PAM, Dovecot) says `Elsewhere` for both, so that the next
/// one is asked.
pub trait Source: Send + Sync {
    /// See [`Directory::check_password`](crate::Directory::check_password).
    fn check_password(
        &self,
        _user: &str,
        _password: &Secret,
    ) -> impl Future<Output = Result<Known<PasswordCheck>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// A known user without a verifier is `Here(None)`.
    fn scram_verifier(
        &self,
        _user: &str,
        _hash: ScramHash,
    ) -> impl Future<Output = Result<Known<Option<ScramVerifier>>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// A known user who has not opted in is `Here(None)`.
    fn cram_secret(
        &self,
        _user: &str,
    ) -> impl Future<Output = Result<Known<Option<CramSecret>>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// A known user who has not opted in is `Here(None)`.
    fn digest_secret(
        &self,
        _user: &str,
        _realm: &str,
    ) -> impl Future<Output = Result<Known<Option<DigestSecret>>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// A known user who has not opted in is `Here(None)`.
    fn nt_hash(
        &self,
        _user: &str,
    ) -> impl Future<Output = Result<Known<Option<NtHash>>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// See [`Directory::check_token`](crate::Directory::check_token). A token of another issuer is `Elsewhere`.
    fn check_token(
        &self,
        _user: Option<&str>,
        _token: &Secret,
    ) -> impl Future<Output = Result<Known<TokenCheck>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// See [`Directory::oauth_one_keys`](crate::Directory::oauth_one_keys).
    fn oauth_one_keys(
        &self,
        _consumer: &str,
        _token: &str,
    ) -> impl Future<Output = Result<Known<OauthOneKeys>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// See [`Directory::certificate_user`](crate::Directory::certificate_user).
    fn certificate_user(
        &self,
        _certificate: &ClientCertificate,
    ) -> impl Future<Output = Result<Known<String>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// See [`Directory::principal_user`](crate::Directory::principal_user).
    fn principal_user(
        &self,
        _principal: &str,
    ) -> impl Future<Output = Result<Known<String>, DirectoryError>> + Send {
        async { Ok(Known::Elsewhere) }
    }

    /// See [`Directory::account`](crate::Directory::account).
    fn account(&self, user: &str) -> impl Future<Output = Result<Known<Account>, DirectoryError>> + Send;

    /// See [`Directory::owns`](crate::Directory::owns).
    fn owns(
        &self,
        account: &str,
        mailbox: &Mailbox,
    ) -> impl Future<Output = Result<Known<bool>, DirectoryError>> + Send;

    /// Whether the source has a mailbox for this address; no means that the next one is asked.
    fn mailbox_exists(&self, mailbox: &Mailbox) -> impl Future<Output = Result<bool, DirectoryError>> + Send;
}
