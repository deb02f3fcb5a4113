//! Devices: adding, listing and revoking them, and their rows.

use std::num::NonZeroU32;

use gatepost_mail::{Network, Timestamp};
use gatepost_sasl::{Mechanism, Secret};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::accounts::{AccountError, known_key};
use super::credentials::{Credential, Maker, Opted};
use super::kind::Kind;
use super::store::{Change, Store, lines, read_lines, served, shown, stored};
use super::{Embedded, generate, memory};
use crate::account::Account;
use crate::device::{Device, Login, is_label};
use crate::limits::{DEVICE_BOUNDS_MOST, DEVICES_MOST};
use crate::{AccountState, StoreFault};

/// A device to be added.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// What it is and may do.
    pub device: Device,
    /// Weak mechanisms that it opts in to, as with [`NewAccount`](crate::NewAccount).
    pub allow: Vec<Mechanism>,
    /// The realm of DIGEST-MD5.
    pub realm: Option<String>,
}

impl Embedded {
    /// Adds a device to an account and makes its password, which is stored nowhere and cannot be shown again.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::Label`], [`AccountError::LabelTaken`], those about what is opted in to and
    /// about too many, and [`AccountError::Store`].
    pub fn add_device(&self, account: &str, new: &NewDevice) -> Result<Secret, AccountError> {
        let key = known_key(account)?;
        let device = &new.device;
        check(device)?;
        let opted = Opted::read(&new.allow, new.realm.as_deref())?;
        let password = generate::password()?;
        let credentials = self.device_credentials(&key, device, (&opted, &password))?;
        self.change_account(account, |change, id| {
            if change.devices(id)? >= DEVICES_MOST {
                return Err(AccountError::TooManyDevices);
            }
            let Some(row) = change.insert_device(id, device)? else {
                let label = device.label.clone();
                return Err(AccountError::LabelTaken { account: key.clone(), what: "a device", label });
            };
            Ok(change.add_device_credentials(row, &credentials)?)
        })?;
        Ok(password)
    }

    /// What is stored of a device's password: nothing that its mechanisms would not use.
    fn device_credentials(
        &self,
        account: &str,
        device: &Device,
        (opted, password): (&Opted, &Secret),
    ) -> Result<Vec<Credential>, StoreFault> {
        let login = Login::of_device(account, &device.label).name();
        let maker = Maker { keys: &self.keys, name: &login, typed: password };
        let mut all = vec![(Kind::Device, self.keys.device_hash(&login, password))];
        all.extend(maker.scram()?);
        all.extend(maker.opted(opted)?);
        let used = |kind: Kind| {
            device.mechanisms.is_empty() || device.mechanisms.iter().any(|one| kind.is_made_for(*one))
        };
        all.retain(|(kind, _)| used(*kind));
        Ok(all)
    }

    /// An account's devices, those that have ended included, by label.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] and [`AccountError::Store`].
    pub fn devices(&self, account: &str) -> Result<Vec<Device>, AccountError> {
        let key = known_key(account)?;
        self.store.devices(&key)?.ok_or_else(|| AccountError::Unknown(account.to_owned()))
    }

    /// Takes a device's password from it; the account and its other devices keep theirs.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`], [`AccountError::LabelUnknown`] and [`AccountError::Store`].
    pub fn revoke_device(&self, account: &str, label: &str) -> Result<(), AccountError> {
        let key = known_key(account)?;
        self.change_account(account, |change, id| {
            if change.delete_device(id, label, &Login::of_device(&key, label).name())? {
                return Ok(());
            }
            Err(AccountError::LabelUnknown { account: key.clone(), what: "device", label: label.to_owned() })
        })
    }
}

fn check(device: &Device) -> Result<(), AccountError> {
    if !is_label(&device.label) {
        return Err(AccountError::Label(device.label.clone()));
    }
    let longest = device.networks.len().max(device.senders.len()).max(device.mechanisms.len());
    if longest > DEVICE_BOUNDS_MOST { Err(AccountError::TooManyBounds) } else { Ok(()) }
}

impl Store {
    fn devices(&self, account: &str) -> Result<Option<Vec<Device>>, StoreFault> {
        let mut reading = self.reading();
        let moment = reading.transaction()?;
        let mut find = moment.prepare_cached("SELECT id FROM account WHERE name = ?1")?;
        let Some(id) = find.query_row([account], |row| row.get::<_, i64>(0)).optional()? else {
            return Ok(None);
        };
        let mut query = moment.prepare_cached("SELECT * FROM device WHERE account = ?1 ORDER BY label")?;
        let rows = query.query_map([id], Line::read)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(|line| line.device(&moment, account)).collect::<Result<_, _>>().map(Some)
    }

    /// The hashes of the passwords of an account's devices that may log in, with their labels.
    pub(super) fn device_hashes(
        &self,
        account: &str,
        now: Timestamp,
    ) -> Result<Vec<(String, Secret)>, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT device.label, device_credential.value FROM account
             JOIN device ON device.account = account.id
             JOIN device_credential ON device_credential.device = device.id AND device_credential.kind = ?2
             WHERE account.name = ?1 AND account.state = 'active'
             AND (device.expires IS NULL OR device.expires > ?3)",
        )?;
        let values = params![account, Kind::Device.as_str(), stored(now)];
        let read = |row: &Row<'_>| Ok((row.get(0)?, Secret::new(row.get::<_, Vec<u8>>(1)?)));
        Ok(query.query_map(values, read)?.collect::<Result<_, _>>()?)
    }
}

impl Change<'_> {
    fn devices(&self, account: i64) -> Result<u32, StoreFault> {
        let mut count = self.0.prepare_cached("SELECT count(*) FROM device WHERE account = ?1")?;
        Ok(count.query_row([account], |row| row.get(0))?)
    }

    /// The new device's row; none if the label is taken.
    fn insert_device(&self, account: i64, device: &Device) -> Result<Option<i64>, StoreFault> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO device (account, label, created, expires, networks, senders, messages_per_day, mechanisms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (account, label) DO NOTHING RETURNING id",
        )?;
        let values = params![
            account,
            device.label,
            stored(device.created),
            device.expires.map(stored),
            lines(device.networks.iter().map(ToString::to_string)),
            lines(device.senders.iter().map(ToString::to_string)),
            device.messages_per_day.map(NonZeroU32::get),
            lines(device.mechanisms.iter().map(|mechanism| mechanism.name())),
        ];
        Ok(insert.query_row(values, |row| row.get(0)).optional()?)
    }

    fn add_device_credentials(&self, device: i64, all: &[Credential]) -> Result<(), StoreFault> {
        let mut insert = self
            .0
            .prepare_cached("INSERT INTO device_credential (device, kind, value) VALUES (?1, ?2, ?3)")?;
        for (kind, value) in all {
            insert.execute(params![device, kind.as_str(), value.expose()])?;
        }
        Ok(())
    }

    /// Whether there was one.
    fn delete_device(&self, account: i64, label: &str, login: &str) -> Result<bool, StoreFault> {
        self.0.execute("DELETE FROM login WHERE name = ?1", [login])?;
        let gone = self
            .0
            .execute("DELETE FROM device WHERE account = ?1 AND label = ?2", params![account, label])?;
        Ok(gone > 0)
    }
}

/// A credential of a device that may log in.
pub(super) fn credential(
    reading: &Connection,
    (account, label): (&str, &str),
    kind: Kind,
    now: Timestamp,
) -> Result<Option<Secret>, StoreFault> {
    let mut query = reading.prepare_cached(
        "SELECT device_credential.value FROM account JOIN device ON device.account = account.id
         JOIN device_credential ON device_credential.device = device.id
         WHERE account.name = ?1 AND account.state = 'active' AND device.label = ?2
         AND (device.expires IS NULL OR device.expires > ?3) AND device_credential.kind = ?4",
    )?;
    let values = params![account, label, stored(now), kind.as_str()];
    Ok(query.query_row(values, |row| row.get::<_, Vec<u8>>(0)).optional()?.map(Secret::new))
}

/// Whether there is such a device, and it may log in.
pub(super) fn lives(
    reading: &Connection,
    (account, label): (&str, &str),
    now: Timestamp,
) -> Result<bool, StoreFault> {
    let mut query = reading.prepare_cached(
        "SELECT 1 FROM account JOIN device ON device.account = account.id
         WHERE account.name = ?1 AND account.state = 'active' AND device.label = ?2
         AND (device.expires IS NULL OR device.expires > ?3)",
    )?;
    Ok(query.exists(params![account, label, stored(now)])?)
}

/// The account as one of its devices has it; none if the device has ended, or the account may not log in.
pub(super) fn limit(
    moment: &Transaction<'_>,
    id: i64,
    account: Account,
    (label, now): (&str, Timestamp),
) -> Result<Option<Account>, StoreFault> {
    let mut query = moment.prepare_cached("SELECT * FROM device WHERE account = ?1 AND label = ?2")?;
    let line = query.query_row(params![id, label], Line::read).optional()?;
    let Some(line) = line else { return Ok(None) };
    let row = line.id;
    let device = line.device(moment, &account.name)?;
    if account.state != AccountState::Active || device.has_expired(now) {
        return Ok(None);
    }
    let mut query = moment.prepare_cached("SELECT kind FROM device_credential WHERE device = ?1")?;
    let kinds = query.query_map([row], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let mut mechanisms = served(&kinds);
    mechanisms.retain(|one| device.mechanisms.is_empty() || device.mechanisms.contains(one));
    let login = Login::of_device(&account.name, label).name();
    let bound_since = memory::login(moment, &login)?.bound_since;
    let only_by = device.mechanisms.clone();
    Ok(Some(Account { mechanisms, only_by, bound_since, device: Some(device), ..account }))
}

/// A row of `device`.
struct Line {
    id: i64,
    label: String,
    created: i64,
    expires: Option<i64>,
    networks: String,
    senders: String,
    messages_per_day: Option<u32>,
    mechanisms: String,
}

impl Line {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            label: row.get("label")?,
            created: row.get("created")?,
            expires: row.get("expires")?,
            networks: row.get("networks")?,
            senders: row.get("senders")?,
            messages_per_day: row.get("messages_per_day")?,
            mechanisms: row.get("mechanisms")?,
        })
    }

    fn device(self, moment: &Transaction<'_>, account: &str) -> Result<Device, StoreFault> {
        let damaged = || StoreFault::Record { account: account.to_owned(), what: "device" };
        let login = Login::of_device(account, &self.label).name();
        Ok(Device {
            last_use: memory::login(moment, &login)?.last_use,
            label: self.label,
            created: shown(self.created),
            expires: self.expires.map(shown),
            networks: read_lines(&self.networks, network).ok_or_else(damaged)?,
            senders: read_lines(&self.senders, |text| text.parse().ok()).ok_or_else(damaged)?,
            messages_per_day: self.messages_per_day.and_then(NonZeroU32::new),
            mechanisms: read_lines(&self.mechanisms, Mechanism::from_name).ok_or_else(damaged)?,
        })
    }
}

/// As [`Network`] writes itself.
pub(super) fn network(text: &str) -> Option<Network> {
    let (address, prefix) = text.split_once('/')?;
    Some(Network { address: address.parse().ok()?, prefix: prefix.parse().ok()? })
}

#[cfg(test)]
mod tests;
