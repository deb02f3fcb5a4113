//! Rows in and out. Knows no password and no key: values come hashed or sealed.
//!
//! Rows of devices, of certificates, of OAuth 1 and of what is remembered are in files of their own.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_mail::{Mailbox, Timestamp};
use gatepost_sasl::{Mechanism, Secret};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::credentials::Credential;
use super::kind::Kind;
use super::{devices, files, memory, schema};
use crate::device::Login;
use crate::limits::{DATABASE_WAIT_READING, DATABASE_WAIT_WRITING};
use crate::{Account, AccountState, SendsAs, StoreFault};

const DATABASE: &str = "accounts.sqlite";

/// Connections for look-ups, so that these seldom wait for each other. A few hundred KiB each.
const READERS: usize = 2;

/// Connections of their own for look-ups, which never wait for a change of this process, and for what is remembered of logins,
/// which costs none of the waiting for the disk that a change costs.
pub(super) struct Store {
    readers: [Mutex<Connection>; READERS],
    writing: Mutex<Connection>,
    noting: Mutex<Connection>,
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
        let readers = [reader(&path)?, reader(&path)?];
        let noting = connect(&path, DATABASE_WAIT_READING)?;
        // A commit is not waited for. A crash of ours loses nothing; one of the machine, what was written since the last change
        // of an account or the last checkpoint: last uses and networks.
        noting.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Self { readers, writing: Mutex::new(writing), noting: Mutex::new(noting) })
    }

    /// A connection for look-ups: one that nobody uses, or else the first one, once it is given back.
    pub(super) fn reading(&self) -> MutexGuard<'_, Connection> {
        let [first, ..] = &self.readers;
        let free = self.readers.iter().find_map(|reader| reader.try_lock().ok());
        free.unwrap_or_else(|| lock(first))
    }

    pub(super) fn noting(&self) -> MutexGuard<'_, Connection> {
        lock(&self.noting)
    }

    /// A credential of an active account, or of a device of one that has not ended.
    pub(super) fn credential(
        &self,
        login: &Login,
        kind: Kind,
        now: Timestamp,
    ) -> Result<Option<Secret>, StoreFault> {
        if let Some(label) = &login.device {
            return devices::credential(&self.reading(), (&login.account, label), kind, now);
        }
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT value FROM credential JOIN account ON account.id = credential.account
             WHERE account.name = ?1 AND account.state = 'active' AND credential.kind = ?2",
        )?;
        let value = query.query_row(params![login.account, kind.as_str()], |row| row.get::<_, Vec<u8>>(0));
        Ok(value.optional()?.map(Secret::new))
    }

    /// All credentials of an active account; empty as well for one that is suspended or unknown.
    pub(super) fn credentials(&self, name: &str) -> Result<Vec<Credential>, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT kind, value FROM credential JOIN account ON account.id = credential.account
             WHERE account.name = ?1 AND account.state = 'active'",
        )?;
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
        let rows = query.query_map([name], read)?.collect::<Result<Vec<_>, _>>()?;
        let known = |(kind, value): (String, Vec<u8>)| Some((Kind::from_name(&kind)?, Secret::new(value)));
        Ok(rows.into_iter().filter_map(known).collect())
    }

    /// Whether there is such an account, suspended or not, or such a device that may log in.
    pub(super) fn knows(&self, login: &Login, now: Timestamp) -> Result<bool, StoreFault> {
        match &login.device {
            Some(label) => devices::lives(&self.reading(), (&login.account, label), now),
            None => self.exists(&login.account),
        }
    }

    pub(super) fn exists(&self, name: &str) -> Result<bool, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached("SELECT 1 FROM account WHERE name = ?1")?;
        Ok(query.exists([name])?)
    }

    /// Whether an active account has this address or was given it, or the pattern of its domain.
    pub(super) fn owns(&self, name: &str, address: &str, domain: Option<&str>) -> Result<bool, StoreFault> {
        let reading = self.reading();
        let mut query = reading.prepare_cached(
            "SELECT 1 FROM account WHERE name = ?1 AND state = 'active' AND (name = ?2 OR EXISTS (
                SELECT 1 FROM sends_as WHERE account = account.id AND pattern IN (?2, ?3)))",
        )?;
        Ok(query.exists(params![name, address, domain])?)
    }

    pub(super) fn account(&self, login: &Login, now: Timestamp) -> Result<Option<Account>, StoreFault> {
        let mut reading = self.reading();
        // One moment for all tables.
        let moment = reading.transaction()?;
        let Some((id, account)) = account(&moment, &login.account)? else { return Ok(None) };
        match &login.device {
            Some(label) => devices::limit(&moment, id, account, (label, now)),
            None => Ok(Some(account)),
        }
    }

    /// All accounts, by name.
    pub(super) fn list(&self) -> Result<Vec<Account>, StoreFault> {
        // Not the connection of look-ups: this takes long.
        let mut writing = lock(&self.writing);
        let moment = writing.transaction()?;
        let mut query = moment.prepare_cached("SELECT name FROM account ORDER BY name")?;
        let names = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        let found = names.iter().filter_map(|name| account(&moment, name).transpose());
        found.map(|found| found.map(|(_, account)| account)).collect()
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
pub(super) struct Change<'a>(pub(super) Transaction<'a>);

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

    pub(super) fn credential(&self, account: i64, kind: Kind) -> Result<Option<Secret>, StoreFault> {
        let mut query =
            self.0.prepare_cached("SELECT value FROM credential WHERE account = ?1 AND kind = ?2")?;
        let value = query.query_row(params![account, kind.as_str()], |row| row.get::<_, Vec<u8>>(0));
        Ok(value.optional()?.map(Secret::new))
    }

    /// Replaces all credentials of an account.
    pub(super) fn set_credentials(&self, account: i64, all: &[Credential]) -> Result<(), StoreFault> {
        self.0.execute("DELETE FROM credential WHERE account = ?1", [account])?;
        self.add_credentials(account, all)
    }

    /// Adds credentials to those of an account, in the place of those of the same kind.
    pub(super) fn add_credentials(&self, account: i64, all: &[Credential]) -> Result<(), StoreFault> {
        let mut insert =
            self.0.prepare_cached("REPLACE INTO credential (account, kind, value) VALUES (?1, ?2, ?3)")?;
        for (kind, value) in all {
            insert.execute(params![account, kind.as_str(), value.expose()])?;
        }
        Ok(())
    }

    pub(super) fn drop_credential(&self, account: i64, kind: Kind) -> Result<(), StoreFault> {
        let values = params![account, kind.as_str()];
        self.0.execute("DELETE FROM credential WHERE account = ?1 AND kind = ?2", values)?;
        Ok(())
    }

    /// Replaces the mechanisms that an account is restricted to.
    pub(super) fn set_only_by(&self, account: i64, all: &[Mechanism]) -> Result<(), StoreFault> {
        let text = lines(all.iter().map(|mechanism| mechanism.name()));
        self.0.execute("UPDATE account SET only_by = ?2 WHERE id = ?1", params![account, text])?;
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

    /// Forgets an account, and when and from where it logged in: one that is made later under the same name is another.
    pub(super) fn delete(&self, account: i64) -> Result<(), StoreFault> {
        for memory in ["login", "network"] {
            let gone = "WHERE account = (SELECT name FROM account WHERE id = ?1)";
            self.0.execute(&format!("DELETE FROM {memory} {gone}"), [account])?;
        }
        self.0.execute("DELETE FROM account WHERE id = ?1", [account])?;
        Ok(())
    }
}

fn reader(path: &Path) -> Result<Mutex<Connection>, StoreFault> {
    let reader = connect(path, DATABASE_WAIT_READING)?;
    reader.pragma_update(None, "query_only", true)?;
    // Opens its files now, not when somebody is in need of it.
    reader.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(Mutex::new(reader))
}

fn connect(path: &Path, wait: Duration) -> Result<Connection, StoreFault> {
    // The file is there: SQLite must not make one with a mode of its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Else a cached statement is planned anew whenever another value is bound: half of what a look-up costs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A transaction that a panic cut short is rolled back by its own drop.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn account(moment: &Transaction<'_>, name: &str) -> Result<Option<(i64, Account)>, StoreFault> {
    let mut query = moment.prepare_cached(
        "SELECT id, state, created, password_changed, only_by FROM account WHERE name = ?1",
    )?;
    let found = query.query_row([name], |row| Ok((row.get::<_, i64>(0)?, Line::read(row)?))).optional()?;
    let Some((id, line)) = found else { return Ok(None) };
    let damaged = |what| StoreFault::Record { account: name.to_owned(), what };
    let state = AccountState::ALL.into_iter().find(|state| state.as_str() == line.state);
    let remembered = memory::login(moment, name)?;
    let account = Account {
        mailbox: Mailbox::parse(name).map_err(|_| damaged("name"))?,
        name: name.to_owned(),
        state: state.ok_or_else(|| damaged("state"))?,
        sends_as: sends_as(moment, id)?.ok_or_else(|| damaged("sends-as"))?,
        mechanisms: mechanisms(moment, id)?,
        created: shown(line.created),
        password_changed: shown(line.password_changed),
        only_by: read_lines(&line.only_by, Mechanism::from_name).ok_or_else(|| damaged("only-by"))?,
        bound_since: remembered.bound_since,
        last_use: remembered.last_use,
        device: None,
    };
    Ok(Some((id, account)))
}

/// The plain columns of an account.
struct Line {
    state: String,
    created: i64,
    password_changed: i64,
    only_by: String,
}

impl Line {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            state: row.get(1)?,
            created: row.get(2)?,
            password_changed: row.get(3)?,
            only_by: row.get(4)?,
        })
    }
}

fn sends_as(moment: &Transaction<'_>, account: i64) -> Result<Option<Vec<SendsAs>>, StoreFault> {
    let mut query =
        moment.prepare_cached("SELECT pattern FROM sends_as WHERE account = ?1 ORDER BY pattern")?;
    let patterns = query.query_map([account], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(patterns.iter().map(|pattern| pattern.parse().ok()).collect())
}

/// The mechanisms for which the account has something, the best first.
fn mechanisms(moment: &Transaction<'_>, account: i64) -> Result<Vec<Mechanism>, StoreFault> {
    let mut query = moment.prepare_cached("SELECT kind FROM credential WHERE account = ?1")?;
    let kinds = query.query_map([account], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let has = |table: &str| -> Result<bool, StoreFault> {
        Ok(moment.prepare_cached(&format!("SELECT 1 FROM {table} WHERE account = ?1"))?.exists([account])?)
    };
    let mut served = served(&kinds);
    if has("certificate")? {
        served.push(Mechanism::External);
    }
    if has("oauth_one")? {
        served.push(Mechanism::Oauth10a);
    }
    Ok(Mechanism::ALL.into_iter().filter(|mechanism| served.contains(mechanism)).collect())
}

/// The mechanisms that credentials of these kinds serve.
pub(super) fn served(kinds: &[String]) -> Vec<Mechanism> {
    let kinds: Vec<Kind> = kinds.iter().filter_map(|name| Kind::from_name(name)).collect();
    Mechanism::ALL.into_iter().filter(|it| kinds.iter().any(|kind| kind.serves(*it))).collect()
}

/// A list as it is stored.
pub(super) fn lines(all: impl Iterator<Item = impl Into<String>>) -> String {
    all.map(Into::into).collect::<Vec<String>>().join("\n")
}

/// None where one of the lines is nothing that we wrote.
pub(super) fn read_lines<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.lines().map(read).collect()
}

/// SQLite's integers have a sign; the year 294,247 is far.
pub(super) fn stored(time: Timestamp) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn shown(stored: i64) -> Timestamp {
    Timestamp::from_micros(u64::try_from(stored).unwrap_or(0))
}
