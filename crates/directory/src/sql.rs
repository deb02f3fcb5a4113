//! PostgreSQL, MariaDB and SQLite, by queries of the operator.

use gatepost_mail::Mailbox;

use crate::{Account, DirectoryError, Known, Source};

/// Accounts in a database. Not built yet.
#[derive(Debug)]
pub struct Sql(());

impl Source for Sql {
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
