//! Client certificates: whose they are.

use aws_lc_rs::digest::{SHA256, digest};
use gatepost_mail::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::Embedded;
use super::accounts::{AccountError, known_key};
use super::store::{Store, shown, stored};
use crate::account::login_key;
use crate::limits::CERTIFICATES_MOST;
use crate::{ClientCertificate, StoreFault, Vouched};

/// A certificate that an account may log in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCertificate {
    /// SHA-256 over the whole certificate (DER).
    pub fingerprint: [u8; 32],
    /// What people know it by, such as its subject.
    pub label: String,
    /// When it was added.
    pub created: Timestamp,
}

impl KnownCertificate {
    /// The certificate of these octets (DER).
    #[must_use]
    pub fn of_der(der: &[u8], label: &str, created: Timestamp) -> Self {
        let mut fingerprint = [0; 32];
        for (slot, octet) in fingerprint.iter_mut().zip(digest(&SHA256, der).as_ref()) {
            *slot = *octet;
        }
        Self { fingerprint, label: label.to_owned(), created }
    }
}

impl Embedded {
    /// Lets an account log in with a certificate, by EXTERNAL. Whoever holds its key is the account then, whoever signed it and whatever
    /// it says.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::CertificateTaken`], [`AccountError::TooManyCertificates`] and
    /// [`AccountError::Store`].
    pub fn add_certificate(&self, account: &str, new: &KnownCertificate) -> Result<(), AccountError> {
        self.change_account(account, |change, id| {
            let change = &change.0;
            let taken = change
                .query_row(
                    "SELECT account.name FROM certificate JOIN account ON account.id = account
                     WHERE fingerprint = ?1",
                    [&new.fingerprint],
                    |row| row.get::<_, String>(0),
                )
                .optional()
                .map_err(StoreFault::from)?;
            if let Some(owner) = taken {
                return Err(AccountError::CertificateTaken(owner));
            }
            let count: u32 = change
                .query_row("SELECT count(*) FROM certificate WHERE account = ?1", [id], |row| row.get(0))
                .map_err(StoreFault::from)?;
            if count >= CERTIFICATES_MOST {
                return Err(AccountError::TooManyCertificates);
            }
            let values = params![new.fingerprint, id, new.label, stored(new.created)];
            let insert =
                "INSERT INTO certificate (fingerprint, account, label, created) VALUES (?1, ?2, ?3, ?4)";
            change.execute(insert, values).map_err(StoreFault::from)?;
            Ok(())
        })
    }

    /// An account's certificates, the oldest first.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn certificates(&self, account: &str) -> Result<Vec<KnownCertificate>, AccountError> {
        let key = known_key(account)?;
        self.show(account)?;
        Ok(self.store.certificates(&key)?)
    }

    /// Takes a certificate from an account.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::CertificateUnknown`] and [`AccountError::Store`].
    pub fn remove_certificate(&self, account: &str, fingerprint: &[u8; 32]) -> Result<(), AccountError> {
        self.change_account(account, |change, id| {
            let delete = "DELETE FROM certificate WHERE account = ?1 AND fingerprint = ?2";
            let gone = change.0.execute(delete, params![id, fingerprint]).map_err(StoreFault::from)?;
            if gone == 0 { Err(AccountError::CertificateUnknown(account.to_owned())) } else { Ok(()) }
        })
    }

    /// Whose a certificate is: by its fingerprint, or else, where an authority vouches for it, by the one account that it names.
    pub(super) fn owner_of(&self, certificate: &ClientCertificate) -> Result<Option<String>, StoreFault> {
        if let Some(owner) = self.store.certificate_owner(&certificate.fingerprint)? {
            return Ok(Some(owner));
        }
        if certificate.vouched != Vouched::ByAuthority {
            return Ok(None);
        }
        let mut owners: Vec<String> = Vec::new();
        for name in certificate.emails.iter().filter_map(|email| login_key(email)) {
            if !owners.contains(&name) && self.store.is_active(&name)? {
                owners.push(name);
            }
        }
        // Which of two would be a guess.
        let owner = owners.pop();
        Ok(owner.filter(|_| owners.is_empty()))
    }
}

impl Store {
    fn certificates(&self, account: &str) -> Result<Vec<KnownCertificate>, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT fingerprint, label, certificate.created FROM certificate
             JOIN account ON account.id = account WHERE account.name = ?1 ORDER BY certificate.created, label",
        )?;
        let read = |row: &Row<'_>| {
            Ok(KnownCertificate { fingerprint: row.get(0)?, label: row.get(1)?, created: shown(row.get(2)?) })
        };
        Ok(query.query_map([account], read)?.collect::<Result<_, _>>()?)
    }

    fn certificate_owner(&self, fingerprint: &[u8; 32]) -> Result<Option<String>, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT account.name FROM certificate JOIN account ON account.id = account
             WHERE fingerprint = ?1 AND account.state = 'active'",
        )?;
        Ok(query.query_row([fingerprint], |row| row.get(0)).optional()?)
    }

    fn is_active(&self, name: &str) -> Result<bool, StoreFault> {
        let reading = self.reading();
        let mut query =
            reading.prepare_cached("SELECT 1 FROM account WHERE name = ?1 AND state = 'active'")?;
        Ok(query.exists([name])?)
    }
}

#[cfg(test)]
mod tests;
