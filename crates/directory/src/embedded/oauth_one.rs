//! OAuth 1 credentials: a program's key and secret, and a token and secret that let it act for an account.

use gatepost_mail::Timestamp;
use gatepost_sasl::{OauthOneKeys, Secret};
use rusqlite::{OptionalExtension, Row, params};

use super::accounts::{AccountError, known_key};
use super::keys::Sealed;
use super::store::{Store, shown, stored};
use super::{Embedded, generate};
use crate::StoreFault;
use crate::device::is_label;
use crate::limits::OAUTH_ONE_MOST;

const CONSUMER: &str = "oauth-one-consumer";
const TOKEN: &str = "oauth-one-token";

/// An OAuth 1 credential without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthOneLabel {
    /// Its name within the account.
    pub label: String,
    /// `oauth_consumer_key`.
    pub consumer: String,
    /// `oauth_token`.
    pub token: String,
    /// When it was added.
    pub created: Timestamp,
}

impl Embedded {
    /// Makes an OAuth 1 credential for an account. Its secrets are kept sealed and are not shown again.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::Label`], [`AccountError::LabelTaken`], [`AccountError::TooManyKeys`]
    /// and [`AccountError::Store`].
    pub fn add_oauth_one(
        &self,
        account: &str,
        label: &str,
        created: Timestamp,
    ) -> Result<OauthOneKeys, AccountError> {
        let key = known_key(account)?;
        if !is_label(label) {
            return Err(AccountError::Label(label.to_owned()));
        }
        let keys = OauthOneKeys {
            consumer: generate::key()?,
            consumer_secret: Secret::new(generate::key()?),
            token: generate::key()?,
            token_secret: Secret::new(generate::key()?),
            user: key.clone(),
        };
        let seal = |purpose, secret| self.keys.seal(purpose, &key, secret).map(Secret::from);
        let (consumer_secret, token_secret) =
            (seal(CONSUMER, &keys.consumer_secret)?, seal(TOKEN, &keys.token_secret)?);
        self.change_account(account, |change, id| {
            let change = &change.0;
            let count: u32 = change
                .query_row("SELECT count(*) FROM oauth_one WHERE account = ?1", [id], |row| row.get(0))
                .map_err(StoreFault::from)?;
            if count >= OAUTH_ONE_MOST {
                return Err(AccountError::TooManyKeys);
            }
            let insert = "INSERT OR IGNORE INTO oauth_one
                (consumer, token, account, label, consumer_secret, token_secret, created)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let (consumer_secret, token_secret) = (consumer_secret.expose(), token_secret.expose());
            let values =
                params![keys.consumer, keys.token, id, label, consumer_secret, token_secret, stored(created)];
            match change.execute(insert, values).map_err(StoreFault::from)? {
                0 => {
                    let label = label.to_owned();
                    Err(AccountError::LabelTaken { account: key.clone(), what: "an OAuth 1 key", label })
                }
                _ => Ok(()),
            }
        })?;
        Ok(keys)
    }

    /// An account's OAuth 1 credentials, by label.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn oauth_one_labels(&self, account: &str) -> Result<Vec<OauthOneLabel>, AccountError> {
        let key = known_key(account)?;
        self.show(account)?;
        Ok(self.store.oauth_one_labels(&key)?)
    }

    /// Takes an OAuth 1 credential from an account.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::LabelUnknown`] and [`AccountError::Store`].
    pub fn revoke_oauth_one(&self, account: &str, label: &str) -> Result<(), AccountError> {
        let key = known_key(account)?;
        self.change_account(account, |change, id| {
            let delete = "DELETE FROM oauth_one WHERE account = ?1 AND label = ?2";
            let gone = change.0.execute(delete, params![id, label]).map_err(StoreFault::from)?;
            if gone > 0 {
                return Ok(());
            }
            Err(AccountError::LabelUnknown {
                account: key.clone(),
                what: "OAuth 1 key",
                label: label.to_owned(),
            })
        })
    }

    pub(super) fn open_oauth_one(
        &self,
        consumer: &str,
        token: &str,
    ) -> Result<Option<OauthOneKeys>, StoreFault> {
        let Some((user, consumer_secret, token_secret)) = self.store.oauth_one(consumer, token)? else {
            return Ok(None);
        };
        let open = |purpose, stored: Vec<u8>| {
            let opened = self.keys.open(purpose, &user, Sealed::from(Secret::new(stored)));
            opened.ok_or_else(|| StoreFault::Record { account: user.clone(), what: "OAuth 1 key" })
        };
        let (consumer_secret, token_secret) = (open(CONSUMER, consumer_secret)?, open(TOKEN, token_secret)?);
        Ok(Some(OauthOneKeys {
            consumer: consumer.to_owned(),
            consumer_secret,
            token: token.to_owned(),
            token_secret,
            user,
        }))
    }
}

/// The account's name, and both secrets, sealed.
type Line = (String, Vec<u8>, Vec<u8>);

impl Store {
    fn oauth_one(&self, consumer: &str, token: &str) -> Result<Option<Line>, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT account.name, consumer_secret, token_secret FROM oauth_one
             JOIN account ON account.id = account
             WHERE consumer = ?1 AND token = ?2 AND account.state = 'active'",
        )?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        Ok(query.query_row([consumer, token], read).optional()?)
    }

    fn oauth_one_labels(&self, account: &str) -> Result<Vec<OauthOneLabel>, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT label, consumer, token, oauth_one.created FROM oauth_one
             JOIN account ON account.id = account WHERE account.name = ?1 ORDER BY label",
        )?;
        let read = |row: &Row<'_>| {
            Ok(OauthOneLabel {
                label: row.get(0)?,
                consumer: row.get(1)?,
                token: row.get(2)?,
                created: shown(row.get(3)?),
            })
        };
        Ok(query.query_map([account], read)?.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests;
