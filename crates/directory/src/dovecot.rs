//! Dovecot's auth socket, by its client protocol.

use gatepost_mail::Mailbox;

use crate::{Account, DirectoryError, Known, Source};

/// Accounts that Dovecot knows. Not built yet.
#[derive(Debug)]
pub struct Dovecot(());

impl Dovecot {
    /// Runs an exchange there.
    pub(crate) async fn relay(
        &self,
        _start: crate::RelayStart,
    ) -> Result<Option<crate::Relayed>, DirectoryError> {
        Ok(None)
    }
}

impl Source for Dovecot {
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
