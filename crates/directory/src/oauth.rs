//! Tokens of an OAuth issuer (RFC 6749): JWT by JWKS, or introspection (RFC 7662).

use gatepost_mail::Mailbox;

use crate::{Account, DirectoryError, Known, Source};

/// Accounts of a token issuer. Not built yet.
#[derive(Debug)]
pub struct Oauth(());

impl Source for Oauth {
    async fn account(&self, _user: &str) -> Result<Known<Account>, DirectoryError> {
        Ok(Known::Elsewhere)
    }

    async fn owns(&self, _account: &str, _mailbox: &Mailbox) -> Result<Known<bool>, DirectoryError> {
        Ok(Known::Elsewhere)
    }

    async fn mailbox_exists(&self, _mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(false)
    }
}
