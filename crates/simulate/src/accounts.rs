//! A directory without accounts: machines are known by their addresses.

use gatepost_directory::{
    Account, ClientCertificate, Directory, DirectoryError, GssSession, LoginNote, OauthOneNonce, RelayStart,
    Relayed,
};
use gatepost_mail::{Mailbox, Network, Timestamp};
use gatepost_sasl::{
    CramSecret, DigestSecret, Freshness, NtHash, OauthOneKeys, PasswordCheck, ScramHash, ScramVerifier,
    Secret, TokenCheck,
};

/// Knows nobody.
#[derive(Debug)]
pub(crate) struct NoAccounts;

impl Directory for NoAccounts {
    async fn check_password(&self, _user: &str, _password: Secret) -> Result<PasswordCheck, DirectoryError> {
        Err(DirectoryError::Busy)
    }

    async fn scram_verifier(&self, _user: &str, _hash: ScramHash) -> Result<ScramVerifier, DirectoryError> {
        Err(DirectoryError::Busy)
    }

    async fn cram_secret(&self, _user: &str) -> Result<Option<CramSecret>, DirectoryError> {
        Ok(None)
    }

    async fn digest_secret(&self, _user: &str, _realm: &str) -> Result<Option<DigestSecret>, DirectoryError> {
        Ok(None)
    }

    async fn nt_hash(&self, _user: &str) -> Result<Option<NtHash>, DirectoryError> {
        Ok(None)
    }

    async fn check_token(&self, _user: Option<&str>, _token: Secret) -> Result<TokenCheck, DirectoryError> {
        Err(DirectoryError::Busy)
    }

    async fn oauth_one_keys(
        &self,
        _consumer: &str,
        _token: &str,
    ) -> Result<Option<OauthOneKeys>, DirectoryError> {
        Ok(None)
    }

    async fn oauth_one_nonce(
        &self,
        _nonce: &OauthOneNonce<'_>,
        _now: Timestamp,
    ) -> Result<Freshness, DirectoryError> {
        Err(DirectoryError::Busy)
    }

    async fn certificate_user(
        &self,
        _certificate: &ClientCertificate,
    ) -> Result<Option<String>, DirectoryError> {
        Ok(None)
    }

    async fn principal_user(&self, _principal: &str) -> Result<Option<String>, DirectoryError> {
        Ok(None)
    }

    async fn gss(&self) -> Result<Option<GssSession>, DirectoryError> {
        Ok(None)
    }

    async fn relay(&self, _start: RelayStart) -> Result<Option<Relayed>, DirectoryError> {
        Ok(None)
    }

    async fn knows_network(&self, _account: &str, _network: Network) -> Result<bool, DirectoryError> {
        Ok(false)
    }

    async fn logged_in(&self, _note: &LoginNote) -> Result<(), DirectoryError> {
        Ok(())
    }

    async fn account(&self, _user: &str) -> Result<Option<Account>, DirectoryError> {
        Ok(None)
    }

    async fn owns(&self, _account: &str, _mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(false)
    }

    async fn mailbox_exists(&self, _mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(false)
    }
}
