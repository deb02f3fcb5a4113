//! Rows in and out. Knows no password and no key: values come hashed or sealed.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_mail::{Mailbox, Timestamp};
use gatepost_sasl::{Mechanism, ScramHash, Secret};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::{files, schema};
use crate::limits::{DATABASE_WAIT_READING, DATABASE_WAIT_WRITING};
use crate::{Account, AccountState, SendsAs, StoreFault};

const DATABASE: &str = "accounts.sqlite";

/// Two connections: look-ups never wait for a change of this process.
pub(super) struct Store {
    reading: Mutex<Connection>,
    writing: Mutex<Connection>,
}

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
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Password, Self::ScramSha1, Self::ScramSha256, Self::ScramSha512, Self::CramMd5];

    pub(super) fn scram(hash: ScramHash) -> Self {
        match hash {
            ScramHash::Sha1 => Self::ScramSha1,
            ScramHash::Sha256 => Self::ScramSha256,
            ScramHash::Sha512 => Self::ScramSha512,
        }
    }

    /// As it is stored.
    fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::ScramSha1 => "scram-sha-1",
            Self::ScramSha256 => "scram-sha-256",
            Self::ScramSha512 => "scram-sha-512",
            Self::CramMd5 => "cram-md5",
        }
    }

    fn serves(self, mechanism: Mechanism) -> bool {
        match self {
            Self::Password => matches!(mechanism, Mechanism::Login | Mechanism::Plain),
            Self::CramMd5 => matches!(mechanism, Mechanism::CramMd5 | Mechanism::Md5),
            Self::ScramSha1 => mechanism.scram_hash() == Some(ScramHash::Sha1),
            Self::ScramSha256 => mechanism.scram_hash() == Some(ScramHash::Sha256),
            Self::ScramSha512 => mechanism.scram_hash() == Some(ScramHash::Sha512),
        }
    }
}

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Self, StoreFault> {
        let path = folder.join(DATABASE);
        // SQLite gives its other files the mode of this one.
        files::make_private(&path)?;
        let mut writing = connect(&path, DATABASE_WAIT_WRITING)?;
        writing.pragma_update(None, "journal_mode", "WAL")?;
        // A command that said "done" must still be done after a power failure.
        writing.pragma_update(None, "synchronous", "FULL")?;
        writing.pragma_update(None, "foreign_keys", true)?;
        // What is deleted is overwritten, not left lying in free pages.
        writing.pragma_update(None, "secure_delete", true)?;
        schema::migrate(&mut writing, &path)?;
        let reading = connect(&path, DATABASE_WAIT_READING)?;
        reading.pragma_update(None, "query_only", true)?;
        Ok(Self { reading: Mutex::new(reading), writing: Mutex::new(writing) })
    }

    /// A credential of an active account.
    pub(super) fn credential(&self, name: &str, kind: Kind) -> Result<Option<Secret>, StoreFault> {
        let reading = lock(&self.reading);
        let mut query = reading.prepare_cached(
            "SELECT value FROM credential JOIN account ON account.id = credential.account
             WHERE account.name = ?1 AND account.state = 'active' AND credential.kind = ?2",
        )?;
        let value = query.query_row(params![name, kind.as_str()], |row| row.get::<_, Vec<u8>>(0));
        Ok(value.optional()?.map(Secret::new))
    }

    pub(super) fn exists(&self, name: &str) -> Result<bool, StoreFault> {
        let reading = lock(&self.reading);
        let mut query = reading.prepare_cached("SELECT 1 FROM account WHERE name = ?1")?;
        Ok(query.exists([name])?)
    }

    /// Whether an active account has this address or was given it, or the pattern of its domain.
    pub(super) fn owns(&self, name: &str, address: &str, domain: Option<&str>) -> Result<bool, StoreFault> {
        let reading = lock(&self.reading);
        let mut query = reading.prepare_cached(
            "SELECT 1 FROM account WHERE name = ?1 AND state = 'active' AND (name = ?2 OR EXISTS (
                SELECT 1 FROM sends_as WHERE account = account.id AND pattern IN (?2, ?3)))",
        )?;
        Ok(query.exists(params![name, address, domain])?)
    }

    pub(super) fn account(&self, name: &str) -> Result<Option<Account>, StoreFault> {
        let mut reading = lock(&self.reading);
        // One moment for all three tables.
        let moment = reading.transaction()?;
        account(&moment, name)
    }

    /// All accounts, by name.
    pub(super) fn list(&self) -> Result<Vec<Account>, StoreFault> {
        // Not the connection of look-ups: this takes long.
        let mut writing = lock(&self.writing);
        let moment = writing.transaction()?;
        let mut query = moment.prepare_cached("SELECT name FROM account ORDER BY name")?;
        let names = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        names.iter().filter_map(|name| account(&moment, name).transpose()).collect()
    }

    /// Makes a change wholly or not at all; when it returns, the change is on stable storage.
    pub(super) fn change<T, E: From<StoreFault>>(
        &self,
        make: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writing = lock(&self.writing);
        let begun = writing.transaction_with_behavior(TransactionBehavior::Immediate);
        let change = Change(begun.map_err(StoreFault::from)?);
        let made = make(&change)?;
        change.0.commit().map_err(StoreFault::from)?;
        Ok(made)
    }
}

/// A change that is being made.
pub(super) struct Change<'a>(Transaction<'a>);

impl Change<'_> {
    /// The new account's row; none if the name is taken.
    pub(super) fn insert(&self, name: &str, created: Timestamp) -> Result<Option<i64>, StoreFault> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO account (name, state, created, password_changed) VALUES (?1, ?2, ?3, ?3)
             ON CONFLICT (name) DO NOTHING RETURNING id",
        )?;
        let values = params![name, AccountState::Active.as_str(), stored(created)];
        Ok(insert.query_row(values, |row| row.get(0)).optional()?)
    }

    pub(super) fn find(&self, name: &str) -> Result<Option<i64>, StoreFault> {
        let mut find = self.0.prepare_cached("SELECT id FROM account WHERE name = ?1")?;
        Ok(find.query_row([name], |row| row.get(0)).optional()?)
    }

    pub(super) fn has(&self, account: i64, kind: Kind) -> Result<bool, StoreFault> {
        let mut query = self.0.prepare_cached("SELECT 1 FROM credential WHERE account = ?1 AND kind = ?2")?;
        Ok(query.exists(params![account, kind.as_str()])?)
    }

    /// Replaces all credentials of an account.
    pub(super) fn set_credentials(&self, account: i64, all: &[(Kind, &[u8])]) -> Result<(), StoreFault> {
        self.0.execute("DELETE FROM credential WHERE account = ?1", [account])?;
        let mut insert =
            self.0.prepare_cached("INSERT INTO credential (account, kind, value) VALUES (?1, ?2, ?3)")?;
        for (kind, value) in all {
            insert.execute(params![account, kind.as_str(), value])?;
        }
        Ok(())
    }

    pub(super) fn set_password_changed(&self, account: i64, changed: Timestamp) -> Result<(), StoreFault> {
        let values = params![account, stored(changed)];
        self.0.execute("UPDATE account SET password_changed = ?2 WHERE id = ?1", values)?;
        Ok(())
    }

    pub(super) fn set_state(&self, account: i64, state: AccountState) -> Result<(), StoreFault> {
        self.0.execute("UPDATE account SET state = ?2 WHERE id = ?1", params![account, state.as_str()])?;
        Ok(())
    }

    /// Replaces all that an account may send as.
    pub(super) fn set_sends_as(&self, account: i64, all: &[SendsAs]) -> Result<(), StoreFault> {
        self.0.execute("DELETE FROM sends_as WHERE account = ?1", [account])?;
        let mut insert =
            self.0.prepare_cached("INSERT OR IGNORE INTO sends_as (account, pattern) VALUES (?1, ?2)")?;
        for one in all {
            insert.execute(params![account, one.pattern()])?;
        }
        Ok(())
    }

    pub(super) fn delete(&self, account: i64) -> Result<(), StoreFault> {
        self.0.execute("DELETE FROM account WHERE id = ?1", [account])?;
        Ok(())
    }
}

fn connect(path: &Path, wait: Duration) -> Result<Connection, StoreFault> {
    // The file is there: SQLite must not make one with a mode of its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that a panic cut short is rolled back by its own drop.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn account(moment: &Transaction<'_>, name: &str) -> Result<Option<Account>, StoreFault> {
    let mut query =
        moment.prepare_cached("SELECT id, state, created, password_changed FROM account WHERE name = ?1")?;
    let found = query.query_row([name], |row| Ok((row.get::<_, i64>(0)?, Line::read(row)?))).optional()?;
    let Some((id, line)) = found else { return Ok(None) };
    let damaged = |what| StoreFault::Record { account: name.to_owned(), what };
    let state = AccountState::ALL.into_iter().find(|state| state.as_str() == line.state);
    Ok(Some(Account {
        mailbox: Mailbox::parse(name).map_err(|_| damaged("name"))?,
        name: name.to_owned(),
        state: state.ok_or_else(|| damaged("state"))?,
        sends_as: sends_as(moment, id)?.ok_or_else(|| damaged("sends-as"))?,
        mechanisms: mechanisms(moment, id)?,
        created: shown(line.created),
        password_changed: shown(line.password_changed),
        only_by: Vec::new(),
        bound_since: None,
        device: None,
    }))
}

/// The plain columns of an account.
struct Line {
    state: String,
    created: i64,
    password_changed: i64,
}

impl Line {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { state: row.get(1)?, created: row.get(2)?, password_changed: row.get(3)? })
    }
}

fn sends_as(moment: &Transaction<'_>, account: i64) -> Result<Option<Vec<SendsAs>>, StoreFault> {
    let mut query =
        moment.prepare_cached("SELECT pattern FROM sends_as WHERE account = ?1 ORDER BY pattern")?;
    let patterns = query.query_map([account], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(patterns.iter().map(|pattern| pattern.parse().ok()).collect())
}

fn mechanisms(moment: &Transaction<'_>, account: i64) -> Result<Vec<Mechanism>, StoreFault> {
    let mut query = moment.prepare_cached("SELECT kind FROM credential WHERE account = ?1")?;
    let kinds = query.query_map([account], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| kinds.iter().any(|name| name == kind.as_str())).collect();
    Ok(Mechanism::ALL.into_iter().filter(|it| kinds.iter().any(|kind| kind.serves(*it))).collect())
}

/// SQLite's integers have a sign; the year 294,247 is far.
fn stored(time: Timestamp) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn shown(stored: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(stored).unwrap_or(0))
}
