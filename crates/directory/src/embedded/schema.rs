//! The database's tables, and the steps from each older form of them to this one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreFault;

/// `PRAGMA application_id`: tells these databases from those of other programs ("gpac").
const APPLICATION: u32 = 0x6770_6163;

/// Step *n* leads from schema *n - 1* to schema *n*; the number is in `PRAGMA user_version`. A step that was in a
/// release is never edited.
const STEPS: [&str; 2] = [ACCOUNTS, DEVICES_AND_MEMORY];

const ACCOUNTS: &str = "
    CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,               -- the address: lower case, ASCII domain
        state TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
        created INTEGER NOT NULL,                -- microseconds since 1970
        password_changed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE credential (
        account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,                      -- see Kind in store.rs
        value BLOB NOT NULL,
        PRIMARY KEY (account, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sends_as (
        account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        pattern TEXT NOT NULL,                   -- an address, or *@domain
        PRIMARY KEY (account, pattern)
    ) STRICT, WITHOUT ROWID;
";

/// Lists (mechanisms, networks, senders) are texts, one entry a line. Who logged in is remembered by name, since accounts of other sources
/// log in as well.
const DEVICES_AND_MEMORY: &str = "
    ALTER TABLE account ADD COLUMN only_by TEXT NOT NULL DEFAULT '';  -- mechanisms; empty: any
    CREATE TABLE device (
        id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER,
        networks TEXT NOT NULL,
        senders TEXT NOT NULL,
        messages_per_day INTEGER,
        mechanisms TEXT NOT NULL,
        UNIQUE (account, label)
    ) STRICT;
    CREATE TABLE device_credential (
        device INTEGER NOT NULL REFERENCES device (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,                      -- see Kind in kind.rs
        value BLOB NOT NULL,
        PRIMARY KEY (device, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE certificate (
        fingerprint BLOB PRIMARY KEY,            -- SHA-256 over the whole certificate
        account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        label TEXT NOT NULL,                     -- what people know it by
        created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX certificate_account ON certificate (account);
    CREATE TABLE oauth_one (
        consumer TEXT NOT NULL,
        token TEXT NOT NULL,
        account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        consumer_secret BLOB NOT NULL,           -- sealed
        token_secret BLOB NOT NULL,              -- sealed
        created INTEGER NOT NULL,
        PRIMARY KEY (consumer, token),
        UNIQUE (account, label)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE nonce (
        digest BLOB PRIMARY KEY,                 -- SHA-256 over consumer, token, time and nonce
        credential BLOB NOT NULL,                -- SHA-256 over consumer and token
        time INTEGER NOT NULL                    -- seconds since 1970, as the client said
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX nonce_time ON nonce (time);
    CREATE INDEX nonce_credential ON nonce (credential);
    CREATE TABLE login (
        name TEXT PRIMARY KEY,                   -- of an account, or a device's login name
        account TEXT NOT NULL,
        last INTEGER NOT NULL,
        network TEXT NOT NULL,
        mechanism TEXT NOT NULL,
        bound_since INTEGER                      -- the first login with channel binding
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX login_account ON login (account);
    CREATE TABLE network (
        account TEXT NOT NULL,
        network TEXT NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (account, network)
    ) STRICT, WITHOUT ROWID;
";

/// Brings a database up to date, all steps or none.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreFault> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: u32 = change.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: u32 = change.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && found == 0 && tables == 0;
    if application != APPLICATION && !empty {
        return Err(StoreFault::Foreign { path: path.to_owned() });
    }
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreFault::Newer { found, known });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", known)?;
    Ok(change.commit()?)
}

#[cfg(test)]
mod tests;
